"""Findings on cells that are several under one name, such as the first cells of two days.

The fit takes them for one: it counts one cell for two, and holds the offsets and ratios of different cells for equal.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeAlias

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named, listed, named, of_potential
from nernstfit.experiment.records import Cell, Row
from nernstfit.judgement.dates import dates_in, sure_dates
from nernstfit.judgement.inputs import names_batches
from nernstfit.judgement.made import Made, date_of, start_s

# Time in s between recordings of one cell that none lives through: patches last minutes to hours, oocytes a day's work.
# At half a long day of recording is told; at double two days in a row are not.
_MAX_APART_S = 12 * 3600.0
Parts: TypeAlias = dict[str, list[Row]]


def findings(rows: Iterable[Row], used: Iterable[Made], potentials_mV: Mapping[str, float]) -> Iterator[Finding]:
    """Yield each cell whose rows are those of several.

    Parameters
    ----------
    rows : iterable of Row
    used : iterable of (row, what ingest knows of it)
        Before a run or after it.
    potentials_mV : mapping of str to float
        Of the measurements; empty before a run.
    """
    cells: dict[Cell, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.measurement):
        if not row.exclude:
            cells[row.group, row.cell].append(row)
    start = {row.recording: known_s for row, fact in used if row.recording and (known_s := start_s(fact))}
    days = days_in_names([row for own in cells.values() for row in own])
    for (group, cell), own in sorted(cells.items()):
        found = next(_Cell(own, start, days).divisions(potentials_mV), None)
        if found is not None:
            what, parts, effect = found
            values = {"cell": cell_named(cell), "n": len(parts), "what": what, "parts": _said(parts)}
            values["names"] = " and ".join(f"'{part} {cell}'" for part in list(parts)[:2])
            yield Finding(Code.CELLS_OF_ONE_NAME, named(group, cell), values, effect)


def by_day(start: Mapping[str, float]) -> dict[str, str]:
    """Return the day of each recording of a cell by their starts in s, of those after midnight the day before."""
    found: dict[str, str] = {}
    before_s, day = -math.inf, ""
    for recording, own_s in sorted(start.items(), key=lambda each: (each[1], each[0])):
        # Midnight sharp is the time of a day alone.
        if own_s - before_s > _MAX_APART_S and str(date_of(own_s)) != day:
            day = str(date_of(own_s))
        found[recording], before_s = day, own_s
    return found


def stray(days: Mapping[str, str]) -> str:
    """Return the one recording that is not of the day of several others, which has rather a wrong cell; else ''."""
    counts = Counter(days.values())
    if len(counts) != 2 or 1 not in counts.values() or len(days) < 3:
        return ""
    return next(recording for recording, day in days.items() if counts[day] == 1)


def days_in_names(rows: Sequence[Row]) -> dict[str, str]:
    """Return the day in the path of each recording, nearest to the file's name; empty where some has none."""
    paths = {row.recording: "/".join(reversed(PurePosixPath(row.recording).parts)) for row in rows if row.recording}
    found = dates_in({recording: [path] for recording, path in paths.items()}) or sure_dates(paths)
    return {recording: str(day) for recording, day in found.items()}


@dataclass(frozen=True)
class _Cell:
    """Rows of one cell, the starts of recordings in s where known, and the days in their paths."""

    rows: Sequence[Row]
    start: Mapping[str, float]
    days: Mapping[str, str]

    def divisions(self, potentials_mV: Mapping[str, float]) -> Iterator[tuple[str, Parts, float]]:
        """Yield what divides the rows into those of several cells, the surest first, with the size of its effect."""
        if stray(self._by_clock):
            return
        yield from self._several("days by the clock of the recordings", self._by_clock)
        is_past_midnight = len(set(self._by_clock.values())) < len({date_of(each) for each in self._start.values()})
        if not is_past_midnight:
            yield from self._several("days by the names of files and folders", self.days)
        yield from self._by_columns()
        yield from self._by_folders(potentials_mV)

    @cached_property
    def _start(self) -> dict[str, float]:
        return {row.recording: self.start[row.recording] for row in self.rows if row.recording in self.start}

    @cached_property
    def _by_clock(self) -> dict[str, str]:
        return by_day(self._start)

    def _several(self, what: str, days: Mapping[str, str]) -> Iterator[tuple[str, Parts, float]]:
        parts = _parts((row, days.get(row.recording, "")) for row in self.rows)
        if len(parts) > 1:
            yield what, parts, math.inf

    def _by_columns(self) -> Iterator[tuple[str, Parts, float]]:
        """Yield the values of each column of the user's own that is a day, an animal, a dish or the like."""
        for column in dict.fromkeys(name for row in self.rows for name in row.user_columns if names_batches(name)):
            typed = {row.measurement: row.user_columns.get(column, "") for row in self.rows}
            dates = {name: str(day) for name, day in sure_dates(typed).items()}  # of a time of day, too
            parts = _parts((row, (dates or typed)[row.measurement]) for row in self.rows)
            if len(parts) > 1:
                yield f"values of column '{column}'", parts, math.inf

    def _by_folders(self, potentials_mV: Mapping[str, float]) -> Iterator[tuple[str, Parts, float]]:
        """Yield the folders where several have one condition: of one cell before and after, or of two cells.

        Without a clock the potentials tell.
        """
        parts = _parts((row, PurePosixPath(row.recording).parent.name) for row in self.rows if row.recording)
        of_condition: dict[object, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for folder, own in parts.items():
            for row in own:
                of_condition[row.condition][folder].append(potentials_mV.get(row.measurement, math.nan))
        several = [list(each.values()) for each in of_condition.values() if len(each) > 1]
        if several:
            apart_mV = [abs(max(map(_mean, each)) - min(map(_mean, each))) for each in several]
            yield "folders with one bath", parts, 0.0 if self._start else max(map(of_potential, apart_mV))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _parts(divided: Iterable[tuple[Row, str]]) -> Parts:
    """Return rows by what divides them, in order; without those that nothing is known of."""
    found: Parts = defaultdict(list)
    for row, part in divided:
        if part:
            found[part].append(row)
    return dict(sorted(found.items()))


def _said(parts: Parts) -> str:
    shown = [f"{part} ({listed([row.recording or row.measurement for row in own])})" for part, own in parts.items()]
    return listed(shown)
