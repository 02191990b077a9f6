"""Reversal potential against the logarithm of an ion's activity, beside Nernst's slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """Slope in mV per decade with its interval; nan where the data have none. `n` measurements."""

    n: int
    slope: float = math.nan
    low: float = math.nan
    high: float = math.nan


def within_cells(cells: Sequence[str], activity_mM: FloatArray, potential_mV: FloatArray, confidence: float) -> Slope:
    """Fit one slope with an intercept for each cell.

    Parameters
    ----------
    cells : sequence of str, length n
    activity_mM : ndarray, shape (n,)
        Of the substituted ion in the bath; measurements without the ion are left out.
    potential_mV : ndarray, shape (n,)
    confidence : float

    Returns
    -------
    Slope
        With a t interval on the residual scatter; the slope alone where no degree of freedom is left.
    """
    there = activity_mM > 0
    x, y = np.log10(activity_mM[there]), potential_mV[there]
    names = [cell for cell, found in zip(cells, there, strict=True) if found]
    distinct = sorted(set(names))
    at = np.array([distinct.index(name) for name in names], dtype=int)
    counts = np.maximum(np.bincount(at, minlength=len(distinct)), 1)
    x = x - (np.bincount(at, x, len(distinct)) / counts)[at]
    y = y - (np.bincount(at, y, len(distinct)) / counts)[at]
    spread = float(x @ x)
    if spread < 1e-12:
        return Slope(len(names))
    slope = float(x @ y) / spread
    freedom = len(names) - len(distinct) - 1
    if freedom < 1:
        return Slope(len(names), slope)
    residual = y - slope * x
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(float(residual @ residual) / freedom / spread)
    return Slope(len(names), slope, slope - half, slope + half)
