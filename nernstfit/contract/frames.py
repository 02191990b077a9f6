"""Columns of several parts end to end, as a table, and of a table by measurement; numbers that are evenly spaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]
"""Columns of one length by their names."""


def joined(parts: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Columns:
    """Return the columns of several parts, at least one, end to end."""
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def table(parts: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return the columns of several parts as one table; without a row where there is no part."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    return pd.DataFrame(joined(parts, columns) if parts else None, columns=list(columns))


def evenly_spaced(count: int, most: int) -> list[int]:
    """Return at most so many of the numbers below `count`, evenly spaced, first and last among them."""
    return list(dict.fromkeys(np.linspace(0, count - 1, most).round().astype(int).tolist()))


def by_measurement(frame: pd.DataFrame) -> dict[str, Columns]:
    """Return the columns of the rows of each measurement, in the order of their first rows."""
    codes, names = frame["measurement"].factorize()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    parts = {key: np.split(frame[key].to_numpy()[order], ends) for key in frame}
    return {str(name): {key: parts[key][i] for key in parts} for i, name in enumerate(names)}
