"""Repeats of a measurement: their numbers, and how their zeros drift and scatter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.curve import SAME_LEVEL_MV, Curve
from nernstfit.reversal.estimator import Zero
from nernstfit.reversal.quantiles import Z_95, largest_chi_square_ratio

# Standard normal deviate beyond which repeats scatter by more than their noise: chance does in 0.1 % of recordings.
# With half in 6 %, whose intervals would be those of few repeats; with double, a scatter by five times the noise of
# three repeats is left to the errors of the levels.
_SCATTER_Z = 3.09
# Fewest repeats whose scatter is told from a drift.
_MIN_REPEATS = 3


def drift(iv: Curve, zero: Zero) -> tuple[float, float]:
    """Estimate the shift of the zero from the first repeat to the last by a straight line.

    Parameters
    ----------
    iv : Curve
    zero : Zero

    Returns
    -------
    drift_mV, se_mV : float
        Shift and its standard error; 0 and inf where there are no repeats.
    """
    count = len(zero.shifts_mV)
    if count < 2:
        return 0.0, math.inf
    turn = np.arange(count) - (count - 1) / 2
    slope = float(turn @ zero.shifts_mV) / float(turn @ turn)
    residual = float(np.sum((zero.shifts_mV - slope * turn) ** 2)) / max(1, count - 2)
    variance = max(repeat_sd_mV(iv, zero) ** 2, residual)
    return slope * (count - 1), math.sqrt(variance / float(turn @ turn)) * (count - 1)


def repeat_numbers(signal: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return of each point the number of its repeat: of a ramp its sweep, of a step its place among equal levels.

    Parameters
    ----------
    signal : mapping of str to ndarray
        Columns of the points of the signal.
    """
    if signal["point"].astype(float).any():
        return np.asarray(np.unique(signal["sweep"], return_inverse=True)[1])
    level = np.round(signal["command_mV"].astype(float) / SAME_LEVEL_MV)
    order = np.lexsort((signal["sweep"], level))
    starts = np.flatnonzero(np.concatenate(([True], np.diff(level[order]) != 0)))
    lengths = np.diff(np.append(starts, len(order)))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    return numbers


def repeat_sd_mV(iv: Curve, zero: Zero) -> float:
    """Return the standard deviation of the zero of one repeat by the noise within windows.

    Parameters
    ----------
    iv : Curve
    zero : Zero
    """
    of_mean = zero.influence_mV_per_pA * iv.se_pA / iv.scatter
    return math.sqrt(len(zero.shifts_mV)) * float(np.linalg.norm(of_mean))


def scatter_se_mV(iv: Curve, zero: Zero) -> float:
    """Return what a standard error lacks of that by the zeros of the repeats; 0 unless they scatter beyond the noise.

    Few repeats tell their standard deviation poorly: the interval is that of Student's t.

    Parameters
    ----------
    iv : Curve
    zero : Zero
    """
    count, noise_mV = len(zero.shifts_mV), repeat_sd_mV(iv, zero)
    if count < _MIN_REPEATS or noise_mV == 0:
        return 0.0
    df, variance = count - 1, float(zero.shifts_mV.var(ddof=1))
    if variance <= noise_mV**2 * largest_chi_square_ratio(_SCATTER_Z, df):
        return 0.0
    from scipy import special  # noqa: PLC0415 - slow to import

    half_mV = float(special.stdtrit(df, 0.975)) * math.sqrt(variance / count)
    return math.sqrt(max(0.0, (half_mV / Z_95) ** 2 - zero.se_mV**2))
