"""Slope of the reversal potential against the logarithm of an ion's activity, for comparison with the Nernst slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.distributions import t_quantile

FloatArray = NDArray[np.float64]

# Sum of squares of the centred log10 activities below which they count as equal. It lies far above the rounding of
# equal activities (1e-30) and far below any real difference (1e-4 for one percent); half or twice change nothing.
_MIN_SUM_OF_SQUARES = 1e-12


@dataclass(frozen=True)
class Slope:
    """Slope in mV per decade of activity.

    Attributes
    ----------
    n : int
        Number of measurements with the ion in the bath.
    slope, low, high : float
        Slope and its interval in mV per decade; nan where the data have none.
    """

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
        Activity of the substituted ion in the bath; measurements without the ion are left out.
    potential_mV : ndarray, shape (n,)
    confidence : float

    Returns
    -------
    Slope
        With a t interval from the residual scatter; without interval where no degree of freedom is left.
    """
    has_ion = activity_mM > 0
    x, y = np.log10(activity_mM[has_ion]), potential_mV[has_ion]
    names = [cell for cell, found in zip(cells, has_ion, strict=True) if found]
    distinct, cell_index = np.unique(names, return_inverse=True)
    counts = np.maximum(np.bincount(cell_index, minlength=len(distinct)), 1)
    x = x - (np.bincount(cell_index, x, len(distinct)) / counts)[cell_index]
    y = y - (np.bincount(cell_index, y, len(distinct)) / counts)[cell_index]
    sum_of_squares = float(x @ x)
    if sum_of_squares < _MIN_SUM_OF_SQUARES:
        return Slope(len(names))
    slope = float(x @ y) / sum_of_squares
    df = len(names) - len(distinct) - 1
    if df < 1:
        return Slope(len(names), slope)
    residual = y - slope * x
    se = math.sqrt(float(residual @ residual) / df / sum_of_squares)
    half_width = t_quantile(0.5 + confidence / 2, df) * se
    return Slope(len(names), slope, slope - half_width, slope + half_width)
