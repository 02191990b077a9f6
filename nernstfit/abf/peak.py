"""Time of a peak: that of the largest current of all sweeps, behind the capacitive transient of the step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.membrane.charging import is_capacitive

FloatArray = NDArray[np.float64]

# Half the time about the peak over which the current is averaged, in ms. At half the noise of a peak is larger by
# sqrt(2); at double the peak of a fast tail is flattened.
_HALF_MS = 0.1
# Time within which the largest current of all sweeps must not fall further for the capacitive transient to be over, in
# ms. At half a ripple on the transient ends it too early; at double a fast tail counts as part of the transient.
_QUIET_MS = 0.3
# Time in ms from the step within which a largest current that is proportional to the steps is the transient, which a
# filter lets begin by a rise, and end in a second wave of the other sign. With half, waves of slow filters are peaks;
# with double, so early a peak of channels that open at every level and reverse near the level before is passed over.
_WAVES_MS = 1.0
# Part of its largest value below which a transient leaves a peak to be seen. With half, peaks within the next time
# constant are passed over; with double, the start of a transient, which is not the same at all steps, counts as a peak.
_SEEN = 0.2
# Peak that the transient hides over the largest current behind the transient, each less what is proportional to the
# step. With half, noise makes peaks; with double, the peak is sought where two thirds of the current have inactivated.
_HIDDEN = 2.0
SETTLED_PART = 0.25
"""Part of a step at its end where its current is settled. With half, its noise counts; with double, slow currents."""


def width(rate_Hz: float) -> int:
    """Return the number of samples about a peak over which the current is averaged.

    Parameters
    ----------
    rate_Hz : float
        Sampling rate.
    """
    return 2 * round(_HALF_MS * rate_Hz / 1e3) + 1


def place(current_pA: FloatArray, steps_mV: FloatArray, rate_Hz: float, skip_transient: bool) -> int:
    """Return the first sample of the window about the largest current of all sweeps.

    The capacitive transient is skipped: the time until the largest current of all sweeps has fallen to a level below
    which it does not fall for a while. A peak on the falling transient is seen once the part of the current that is
    proportional to the step is subtracted at every time.

    Parameters
    ----------
    current_pA : ndarray, shape (sweeps, samples)
    steps_mV : ndarray, shape (sweeps,)
        Steps at the first sample; nan where they are not known.
    rate_Hz : float
        Sampling rate.
    skip_transient : bool
        False where a window was asked for.
    """
    samples = width(rate_Hz)
    half = samples // 2
    largest = np.abs(current_pA).max(axis=0)
    if not skip_transient:
        return int(largest[half : largest.size - half].argmax())
    smooth = np.stack([running_mean(each, samples) for each in current_pA])
    first = _behind_waves(smooth, steps_mV, max(1, round(_QUIET_MS * rate_Hz / 1e3)), round(_WAVES_MS * rate_Hz / 1e3))
    is_seen = bool(np.isfinite(steps_mV).all()) and np.ptp(steps_mV) > 0  # of unlike steps alone
    hidden = _hidden(smooth, steps_mV, first) if is_seen else None
    if hidden is not None:
        return hidden
    return first + int(largest[first + half : largest.size - half].argmax())


def running_mean(values: FloatArray, count: int) -> FloatArray:
    """Return the mean of each `count` neighbours, shape (n - count + 1,)."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray((sums[count:] - sums[:-count]) / count)


def less_settled(current_pA: FloatArray) -> FloatArray:
    """Return the currents of steps less those that are settled at their ends, shape (sweeps, samples)."""
    last = max(1, round(SETTLED_PART * current_pA.shape[1]))
    return np.asarray(current_pA - current_pA[:, -last:].mean(axis=1, keepdims=True))


def _behind_waves(smooth_pA: FloatArray, steps_mV: FloatArray, quiet: int, most: int) -> int:
    """Return the first place behind the transient, and behind the waves of it that a filter adds."""
    largest = np.abs(smooth_pA).max(axis=0)
    first = _transient_end(largest, quiet)
    while first < most:
        at = first + int(largest[first:].argmax())
        if at > most or not is_capacitive(smooth_pA[:, at], steps_mV):
            break
        first = max(at + _transient_end(largest[at:], quiet), first + 1)
    return first


def _transient_end(largest: FloatArray, quiet: int) -> int:
    """Return the first place below which nothing within the next `quiet` places is."""
    for i in range(len(largest) - 1):
        if largest[i] <= largest[i + 1 : i + 1 + quiet].min():
            return i
    return 0


def _hidden(smooth_pA: FloatArray, steps_mV: FloatArray, end: int) -> int | None:
    """Return the place of a peak before the end of the transient; None where no current stands out there."""
    course = less_settled(smooth_pA)
    per_mV = steps_mV @ course / float(steps_mV @ steps_mV)
    size = np.abs(per_mV[: end + 1])
    seen = int(size.argmax()) + np.flatnonzero(size[size.argmax() :] < _SEEN * size.max())
    if not seen.size:
        return None
    rest = np.abs(course - steps_mV[:, None] * per_mV).max(axis=0)
    found = seen[0] + int(rest[seen[0] : end + 1].argmax())
    return found if rest[found] > _HIDDEN * rest[end:].max() else None
