"""Plateaus at the ends of an I-V curve: levels of equal current behind a corner that no membrane current has.

An amplifier that saturates gives the same current from one voltage on, and the current rises at full slope up to it.
One that rectifies has its plateau near zero, and approaches it over the millivolts of its gating: even with a gating
charge of five the slope falls e-fold in 5 mV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise

FloatArray = NDArray[np.float64]

# Standard errors of a difference between two levels that are equal. Chance exceeds it in one of some 20,000; with half
# in one of twenty, and a limit of many levels is not seen; with double little changes.
_EQUAL_Z = 4.0
# Least rise of the current up to a plateau, over the largest difference within it. With half, three levels at the tip
# of a current that peaks count as a limit; with double, limits of small currents are not seen.
_SHARP = 20.0
# Least size of a limit as part of the largest current. With half, a rectifier's plateau that a baseline lifts from zero
# counts as a limit; with double, currents that are saturated on one side near their zero are not seen.
_MIN_PART = 0.1
# Fewest levels of a plateau within a curve, and at its end. With half, any peak is a plateau; with double, steps of
# 20 mV beyond a limit are too few.
_MIN_WITHIN, _MIN_AT_END = 3, 2
# Noise of a level over the least of all others, below which it is that of what follows the amplifier; fewest others.
# With half, the noise of a converter hides it; with double, levels at which channels rest are drawn in.
_QUIET, _MIN_OTHERS = 0.25, 3
# Parts of a window whose means show its standard error, slow noise included. With half, their spread is uncertain; with
# double, they are shorter than the noise is correlated.
_PARTS = 5


def plateaus(blocks: Sequence[FloatArray], command_mV: FloatArray, step_pA: float) -> Mapping[float, NDArray[np.bool_]]:
    """Return the currents at which an amplifier saturates, and the windows that are there.

    Parameters
    ----------
    blocks : sequence of ndarray
        Samples of each window in pA.
    command_mV : ndarray, shape (windows,)
    step_pA : float
        Of the converter.

    Returns
    -------
    mapping of float to ndarray of bool, shape (windows,)
    """
    if len(blocks) < _MIN_OTHERS or min(map(len, blocks)) < 2 * _PARTS:
        return {}
    means, sds, ses = _statistics_pA(blocks)
    equal_pA = _EQUAL_Z * np.sqrt(2 / _PARTS) * float(np.median(ses)) + step_pA
    of_window = np.unique(command_mV, return_inverse=True)[1]
    counts = np.bincount(of_window)
    current_pA, sd_pA = (np.bincount(of_window, each) / counts for each in (means, sds))
    found = {}
    for sign in (1, -1):
        for there in _at_top(sign * current_pA, sd_pA, equal_pA, step_pA):
            found[float(current_pA[there].mean())] = there[of_window]
    return found


def _statistics_pA(blocks: Sequence[FloatArray]) -> FloatArray:
    """Return mean, standard deviation about the trend, and the spread of its parts' means, shape (3, windows)."""
    found, lengths = np.empty((3, len(blocks))), np.array([len(block) for block in blocks])
    for length in np.unique(lengths).tolist():
        alike = np.flatnonzero(lengths == length)
        samples = np.stack([blocks[i] for i in alike.tolist()])
        residual = noise.detrended(samples)[0]
        parts = [part.mean(axis=1) for part in np.array_split(residual, _PARTS, axis=1)]
        found[:, alike] = samples.mean(axis=1), residual.std(axis=1), np.std(parts, axis=0, ddof=1)
    return found


def _at_top(current_pA: FloatArray, sd_pA: FloatArray, equal_pA: float, step_pA: float) -> Iterator[NDArray[np.bool_]]:
    """Yield the levels at the largest current where it is a limit, shape (levels,)."""
    top, last = int(current_pA.argmax()), len(current_pA) - 1
    if current_pA[top] < _MIN_PART * float(np.abs(current_pA).max()):
        return
    below = np.flatnonzero(current_pA < current_pA[top] - equal_pA)
    first = int(max((1 + at for at in below if at < top), default=0))
    end = int(min((at - 1 for at in below if at > top), default=last))
    is_there = (np.arange(last + 1) >= first) & (np.arange(last + 1) <= end)
    if (~is_there).sum() < 2:
        return
    # The level beside a plateau may be just below it.
    rises = [current_pA[top] - current_pA[max(0, first - 2) : first].min(initial=np.inf)] if first > 0 else []
    rises += [current_pA[top] - current_pA[end + 1 : end + 3].min(initial=np.inf)] if end < last else []
    is_sharp = min(rises) > _SHARP * equal_pA
    is_long = is_there.sum() >= (_MIN_AT_END if first == 0 or end == last else _MIN_WITHIN)
    others = sd_pA[~is_there]
    is_quiet = len(others) >= _MIN_OTHERS and others.min() > step_pA
    is_quiet = is_quiet and float(sd_pA[is_there].max()) < _QUIET * float(others.min())
    if is_sharp and (is_long or is_quiet):
        yield is_there
