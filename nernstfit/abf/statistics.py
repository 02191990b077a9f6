"""Statistics of the current in a window, one record each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import Statistic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class WindowStatistic:
    """Statistic of the current in a window.

    Attributes
    ----------
    name : Statistic
    of_windows : callable
        Current of each window, shape (sweeps,), from samples of shape (sweeps, samples).
    of_pieces : callable or None
        Current of each piece of a ramp, shape (sweeps, pieces), from samples of shape (sweeps, samples) and the first
        sample of each piece; None where the statistic has no meaning for a ramp.
    error_factor : float
        Standard error over that of the mean of the same samples, normal noise.
    at_peak : bool
        True if the window is placed at the largest current of all sweeps.
    """

    name: Statistic
    of_windows: Callable[[FloatArray], FloatArray]
    of_pieces: Callable[[FloatArray, IntArray], FloatArray] | None
    error_factor: float = 1.0
    at_peak: bool = False


def _mean(samples: FloatArray) -> FloatArray:
    return np.asarray(samples.mean(axis=1))


def _median(samples: FloatArray) -> FloatArray:
    return np.asarray(np.median(samples, axis=1))


def _piece_means(samples: FloatArray, first: IntArray) -> FloatArray:
    return np.asarray(np.add.reduceat(samples, first, axis=1) / np.diff(np.append(first, samples.shape[1])))


def _piece_medians(samples: FloatArray, first: IntArray) -> FloatArray:
    return np.stack([np.median(piece, axis=1) for piece in np.split(samples, first[1:], axis=1)], axis=1)


STATISTICS: Mapping[str, WindowStatistic] = {
    each.name: each
    for each in (
        WindowStatistic(Statistic.MEAN, _mean, _piece_means),
        # The variance of a median of normal samples is pi/2 times that of their mean (asymptotically).
        WindowStatistic(Statistic.MEDIAN, _median, _piece_medians, error_factor=math.sqrt(math.pi / 2)),
        WindowStatistic(Statistic.PEAK, _mean, None, at_peak=True),
    )
}
