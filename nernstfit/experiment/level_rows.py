"""Rows of a table of I-V curves: from a row per level to one for each curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nernstfit.contract.errors import Alike, RowFault
from nernstfit.experiment.levels import Levels
from nernstfit.experiment.records import IV

Texts = Mapping[int, Mapping[str, str]]  # cells of each row, by its number
Numbers = Mapping[int, Mapping[str, float]]
_OF_LEVEL = ("voltage_mV", "current_pA", "se_pA", "sweep", "exclude", "measurement")


@dataclass(frozen=True)
class CurveRows:
    """Rows of one curve.

    Attributes
    ----------
    number : int
        The first.
    cells : mapping of str to str
        What they have in common; a column of the user's own with several values is empty.
    levels : Levels
        Those that are not excluded; all where every one is.
    """

    number: int
    cells: Mapping[str, str]
    levels: Levels


def curve_rows(table: Texts, numbers: Numbers, place: str, faults: list[str]) -> Iterator[CurveRows]:
    """Yield the curves of a table, in the order of their first rows; what is wrong with levels is added to `faults`.

    Parameters
    ----------
    table, numbers : mapping
        Cells of each row as texts and, of the columns that hold them, as numbers.
    place : str
        The table's path, for the faults.
    faults : list of str
    """
    by_name: dict[str, list[int]] = {}
    for number, cells in table.items():
        faults += _missing(number, cells, place)
        by_name.setdefault(cells.get("measurement") or IV.default_name(cells), []).append(number)
    for name, rows in by_name.items():
        faults += _contradictions(name, rows, table, place)
        yield _curve(rows, table, numbers)


def _missing(number: int, cells: Mapping[str, str], place: str) -> Iterator[RowFault]:
    """Yield the required cells of a level that are empty; those of its curve are looked at once."""
    for column in ("voltage_mV", "current_pA"):
        if not cells[column]:
            fault = f"column '{column}': got nothing, expected a value in every row"
            yield RowFault(place, number, Alike(fault, f"{column} empty"))


def _contradictions(name: str, rows: Sequence[int], table: Texts, place: str) -> Iterator[RowFault]:
    """Yield the columns that differ between the rows of one curve, each once, and sweeps that some rows lack."""
    first = table[rows[0]]
    for column in (column for column in first if column in IV.columns and column not in _OF_LEVEL):
        other = next((number for number in rows if table[number][column] != first[column]), None)
        if other is not None:
            got = f"'{table[other][column]}'" if table[other][column] else "nothing"
            fault = (
                f"column '{column}': got {got}, and '{first[column]}' in row {rows[0]} of the same curve '{name}'; "
                "expected one value in all its rows, or another name in column 'measurement'"
            )
            yield RowFault(place, other, Alike(fault, f"{column} differs"))
    given = [bool(table[number].get("sweep")) for number in rows]
    if any(given) and not all(given):
        fault = f"column 'sweep': got nothing, and numbers in other rows of the curve '{name}'; expected all or none"
        yield RowFault(place, rows[given.index(False)], Alike(fault, "sweep empty"))


def _curve(rows: Sequence[int], table: Texts, numbers: Numbers) -> CurveRows:
    first = table[rows[0]]
    kept = [number for number in rows if not table[number].get("exclude")]
    ordered = sorted(kept or rows, key=lambda number: numbers[number].get("sweep", 0.0))

    def column(name: str) -> tuple[float, ...]:
        return tuple(numbers[number].get(name, math.nan) for number in ordered)

    own = [name for name in first if name not in IV.columns]
    varied = [name for name in own if len({table[number][name] for number in rows}) > 1]
    cells = {**first, "exclude": "" if kept else first.get("exclude", "")} | dict.fromkeys(varied, "")
    return CurveRows(rows[0], cells, Levels(column("voltage_mV"), column("current_pA"), column("se_pA")))
