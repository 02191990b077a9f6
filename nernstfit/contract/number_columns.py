"""Columns of typed tables as numbers, with a fault for each cell that is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nernstfit.contract.errors import MANY_ROWS, Alike, RowFault
from nernstfit.contract.numbers import NotANumber, number

if TYPE_CHECKING:
    import pandas as pd


def numbers(
    table: pd.DataFrame, column: str, place: str, check: Callable[[float], str | None], unit: str = ""
) -> tuple[pd.Series, list[str]]:
    """Return one column as numbers (missing: NaN) and the faults found in it.

    Parameters
    ----------
    table : DataFrame of str
        As `read` returns it.
    column : str
    place : str
        The table's path, for the faults.
    check : callable
        Returns the phrase for what was expected where a number is unacceptable, else None.
    unit : str
        Unit of the column, for the faults.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    values, faults = numbers_of(table[column].items(), column, place, check, unit)
    return pd.Series(values, index=table.index, dtype=float), faults


def numbers_of(
    cells: Iterable[tuple[Any, str]],
    column: str,
    place: str,
    check: Callable[[float], str | None],
    unit: str = "",
) -> tuple[list[float], list[str]]:
    """Return the cells of one column as numbers, as `numbers` does; each comes with the number of its row."""
    values: list[float] = []
    faults: list[str] = []
    for row, text in cells:
        values.append(math.nan)
        if text == "":
            continue
        try:
            value = number(text, unit)
        except NotANumber as fault:
            words = f"column '{column}': {fault}"
            faults.append(RowFault(place, row, Alike(words, f"{column} {fault.kind}", 2 if fault.kind else MANY_ROWS)))
            continue
        expected = check(value)
        if expected:
            unit = expected.kind if isinstance(expected, Alike) else ""
            words = f"column '{column}': got {text}, expected {expected}"
            faults.append(RowFault(place, row, Alike(words, f"{column} in {unit}", 2 if unit else MANY_ROWS)))
        else:
            values[-1] = value
    return values, faults
