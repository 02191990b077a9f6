"""The two faults that the program expects, and nothing else is caught.

`InputError` is a fault of the user's tables or configuration: it stops the run before the
first job, with every fault that was found. `RecordingError` is a fault of one recording:
it becomes that recording's verdict, and the run goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator

INTERRUPTED = 130
"""Exit status after Ctrl-C, as that of other programs: 128 and the number of the signal."""


class InputError(Exception):
    """Faults in tables or configuration, one sentence each.

    Attributes
    ----------
    faults : tuple of str
        One line per fault: where it is, what was got, what was expected.
    """

    def __init__(self, faults: Iterable[str] | str) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(_told_once(faults))
        super().__init__("\n".join(self.faults))


class RecordingError(Exception):
    """A fault of one recording, in one sentence that a table can carry."""


class Alike(str):
    """Words of a fault that is the same in many rows although each has its own value, such as a unit or a folder.

    Attributes
    ----------
    kind : str
        Equal for the rows that have the same fault.
    least : int
        Number of rows from which they are told once.
    """

    __slots__ = ("kind", "least")
    kind: str
    least: int

    def __new__(cls, words: str, kind: str, least: int = 2) -> Alike:
        """Make words of a kind."""
        made = super().__new__(cls, words)
        made.kind, made.least = kind, least
        return made


# Rows from which faults of one kind are told once although each has its own remedy, such as a name. At half, two
# misspelt names would hide each other; at double, six lines would repeat what one says.
MANY_ROWS = 4


class RowFault(str):
    """Fault of one row of a table; an `InputError` tells that of many rows once, with the rows.

    Attributes
    ----------
    place : str
        Path of the table.
    row : int
    words : str
        The fault without file and row; `Alike` where the fault is that of other rows with other values.
    """

    __slots__ = ("place", "row", "words")
    place: str
    row: int
    words: str

    def __new__(cls, place: str, row: int, words: str) -> RowFault:
        """Make the sentence of one row."""
        made = super().__new__(cls, _sentence(place, row_ranges([row]), words))
        made.place, made.row, made.words = place, row, words
        return made

    def reworded(self, change: Callable[[str], str]) -> RowFault:
        """Return the fault in other words."""
        words = change(self.words)
        kept = Alike(words, self.words.kind, self.words.least) if isinstance(self.words, Alike) else words
        return RowFault(self.place, self.row, kept)

    @property
    def key(self) -> tuple[str, str]:
        """Return what the faults of one kind in one table have in common."""
        return self.place, self.words.kind if isinstance(self.words, Alike) else self.words


def _told_once(faults: Iterable[str]) -> Iterator[str]:
    """Yield the faults in their order, those of several rows once, in the place of the first."""
    given = list(faults)
    groups: dict[tuple[str, str], list[RowFault]] = {}
    for fault in given:
        if isinstance(fault, RowFault):
            groups.setdefault(fault.key, []).append(fault)
    told: set[str] = set()
    for fault in given:
        line = _of_rows(fault, groups[fault.key]) if isinstance(fault, RowFault) else fault
        if line not in told:
            yield line
        told |= {line} if isinstance(fault, RowFault) else set()


def _of_rows(fault: RowFault, alike: list[RowFault]) -> str:
    """Return the sentence for a fault among those of its kind: one for all rows, or its own."""
    least = fault.words.least if isinstance(fault.words, Alike) else 2
    same = [each for each in alike if each.words == fault.words]
    of = alike if len({each.row for each in alike}) >= least else same
    if len({each.row for each in of}) < 2:
        return str(fault)
    others = f" (row {of[0].row}; the others likewise)" if len({str(each.words) for each in of}) > 1 else ""
    return _sentence(fault.place, row_ranges(each.row for each in of), f"{of[0].words}{others}")


def _sentence(place: str, rows: str, words: str) -> str:
    return f"{place}: {rows}{',' if words.startswith('column') else ':'} {words}"


def runs(numbers: Iterable[int]) -> list[str]:
    """Return whole numbers as runs of neighbours, such as '2-4', '7'."""
    known = set(numbers)
    starts, ends = (sorted(n for n in known if n + step not in known) for step in (-1, 1))
    return [str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]


def row_ranges(rows: Iterable[int]) -> str:
    """Return numbers of rows in words, such as 'row 5', 'rows 2-13' or 'rows 2-4, 7 and 9'."""
    numbers = set(rows)
    *parts, last = runs(numbers)
    words = f"{', '.join(parts)} and {last}" if parts else last
    return f"{'row' if len(numbers) == 1 else 'rows'} {words}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like `name`, or '' where none is."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else ""


def nearest_or_all(name: str, known: Collection[str]) -> str:
    """Return the phrase for what was expected in place of an unknown name: the nearest, or one of all."""
    hint = nearest(name, known)
    return f"the nearest is '{hint}'" if hint else f"expected one of {', '.join(known)}"
