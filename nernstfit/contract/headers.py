"""Names of columns that a user typed: which known column a name is another spelling of.

A name that is near to a known one is refused, because it would be carried along as a column of the user's own while the
program goes on without the value. Three rules decide, and each leaves plausible columns of a user's own alone
(`date`, `experimenter`, `notes`, `file`, `drug`, `sex`, `cell_type`, `age_days`, `dose_uM`, `well`, `patch`):

- the same letters, whatever case, blanks, underscores and brackets: `Group`, `from ms`;
- the same quantity without its unit or in another, where the known name has a unit: `temperature`, `temperature_K`,
  `capacitance (nF)`. `cell_pF` or `leak_nS` are other quantities: `cell` and `leak` have no unit;
- a slip of the keys: one letter exchanged, left out, added or replaced (two in a long name), the first letter being
  right, as it is in nearly all misspellings (Kukich 1992, ACM Comput Surv 24:377). So `bacth` is `batch`, while
  `patch`, `well`, `path`, `line` and `peak`, one letter from a known name, are words of their own. A further digit
  makes another name (`group2`), and names of four letters, which have many neighbours, allow an added or exchanged
  letter only.

A column that the table has besides under its right name is not what the other one means, unless both have the same
letters: then nobody knows which of the two is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

# Letters from which one letter may be left out or replaced, and from which two may: a word of four letters turns into
# other words by one (`bath`, `bash`), one of ten hardly does by two. At half, words of a user's own would be refused;
# at double, `gruop` or `tempreture_C` would be taken for one.
_LETTERS_FOR_ONE, _LETTERS_FOR_TWO = 5, 10
_UNITS = {
    "mv": ("mv", "millivolt"),
    "v": ("v", "volt"),
    "uv": ("uv", "\u03bcv"),
    "mohm": ("mohm", "m\u03c9", "megaohm", "megohm"),
    "kohm": ("kohm", "k\u03c9"),
    "ohm": ("ohm", "\u03c9"),
    "gohm": ("gohm", "g\u03c9"),
    "pf": ("pf",),
    "nf": ("nf",),
    "ff": ("ff",),
    "f": ("f", "\u00b0f"),
    "c": ("c", "\u00b0c", "\u00b0", "degc", "celsius"),
    "k": ("k", "kelvin"),
    "percent": ("percent", "pct", "%"),
    "s": ("s", "sec", "seconds"),
    "ms": ("ms", "msec"),
    "mmhg": ("mmhg", "torr"),
    "kpa": ("kpa",),
    "hpa": ("hpa", "mbar"),
    "min": ("min", "minutes"),
    "h": ("h",),
}
_UNIT_OF = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings}


@dataclass(frozen=True)
class Meant:
    """Known column that a name is another spelling of.

    Attributes
    ----------
    typed, known : str
    is_same_unit : bool
        False where the values are in another unit, so that they cannot be read under the known name.
    """

    typed: str
    known: str
    is_same_unit: bool

    def __str__(self) -> str:
        return (
            f"column '{self.typed}' is not known; did you mean '{self.known}'? Rename it, or give it another name if "
            "it is your own"
        )


def misspelt(typed: Collection[str], known: Mapping[str, Collection[str]]) -> Iterator[Meant]:
    """Yield the columns of a table that are other spellings of known ones which the table lacks.

    Parameters
    ----------
    typed : collection of str
        Columns of the table.
    known : mapping of str to collection of str
        Every column that the table may have, with other names of its quantity.
    """
    absent = {name: also for name, also in known.items() if name not in typed}
    for name in typed:
        if name not in known and (meant := _meant(name, absent)):
            units, right = _split(name)[1], _split(meant)[1]
            yield Meant(name, meant, not units or units == right)


def doubled(typed: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Return the columns that have the letters of a known column which the table has too, each with its fault.

    Parameters
    ----------
    typed : collection of str
        Columns of the table.
    known : collection of str
        Every column that the table may have.
    """
    letters = {name: (_plain(name), _split(name)[1]) for name in typed}
    present = {letters[name]: name for name in typed if name in known}
    return {
        name: f"column '{name}' stands beside '{present[own]}', from which it differs in case, blanks or signs only; "
        "expected one of them, or another name for a column of your own"
        for name, own in letters.items()
        if name not in known and own in present
    }


def _meant(name: str, known: Mapping[str, Collection[str]]) -> str:
    """Return the known column that a name is a spelling of; '' where there is none."""
    plain, quantity = _plain(name), _split(name)[0]
    same = [each for each in known if _plain(each) == plain]
    same += [each for each in known if _has_unit(each) and _split(each)[0] == quantity]
    same += [each for each, also in known.items() if quantity in map(_plain, also)]
    if same:
        return same[0]
    slips = {
        each: min(_slips(plain, _plain(each)), _slips(quantity, _split(each)[0]) if _has_unit(each) else len(plain))
        for each in known
    }
    near = [each for each in known if slips[each] <= _allowed_slips(plain, each)]
    return min(near, key=slips.__getitem__, default="")


def _allowed_slips(plain: str, known: str) -> int:
    right = _split(known)[0] if _has_unit(known) else _plain(known)
    if re.sub(r"\D", "", plain) != re.sub(r"\D", "", right):
        return 0
    if sorted(plain) == sorted(right) and len(right) >= _LETTERS_FOR_ONE - 1:
        return 1  # two letters exchanged, be it the first two
    if plain[:1] != right[:1]:
        return 0
    if len(right) < _LETTERS_FOR_ONE:
        return int(len(right) == _LETTERS_FOR_ONE - 1 < len(plain))
    return 2 if len(right) >= _LETTERS_FOR_TWO else 1


def is_unit(text: str) -> bool:
    """Return True where a text is the unit of a quantity, as in a second row of headings."""
    return _folded(text).strip("()[] ") in _UNIT_OF


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _plain(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return re.sub(r"[\W_]", "", _folded(name))


def _split(name: str) -> tuple[str, str]:
    """Return the quantity that a name gives, and its unit; '' where it has none."""
    parts = re.findall(r"\u00b0?[^\W_]+|[\u00b0%]", _folded(name))
    unit = _UNIT_OF[parts.pop()] if len(parts) > 1 and parts[-1] in _UNIT_OF else ""
    if unit and len(parts) > 1 and parts[-1] == "in":  # temperature in C
        parts.pop()
    return "".join(parts), unit


def _has_unit(known: str) -> bool:
    return bool(_split(known)[1])


def _slips(one: str, other: str) -> int:
    """Return the number of letters exchanged, left out, added or replaced between two names."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        rows.append([i])
        for j, b in enumerate(other, start=1):
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i].append(best)
    return rows[-1][-1]
