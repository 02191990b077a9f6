"""Current at the start of steps that has passed before their window: of channels that open and inactivate.

A linear membrane answers a voltage step in proportion to it at every time, whatever its resistances and capacitances
are, and what an amplifier cancels of them. Less what is proportional, its current at the start of the steps is that of
their end, and a straight line over the levels. Channels that are open at every level, but not ohmic, depart from the
line while the membrane charges, though by no more than their I-V curve does at the end. What departs further has opened
and closed in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import peak
from nernstfit.abf.command import Segment
from nernstfit.abf.windows import Source, steps_mV
from nernstfit.physics.membrane.charging import is_capacitive

FloatArray = NDArray[np.float64]

# Fewest levels: two for the line, one that may be an outlier, two that show a current. With half nothing departs from a
# line; with double protocols of 20 mV steps show none.
_MIN_LEVELS = 5
# Departure from a straight line over that of the mean current in the window, from which little of it is left there. At
# half, a current that inactivates by half makes a membrane's zero below its threshold ambiguous; at double, sodium
# currents beside channels that are not ohmic are overlooked.
_PASSED = 4.0
# The same over the largest departure in the window, noise included. With half, noise is a current, and what lags behind
# the step where channels are open; of 360 simulated cells without a current that passes the largest is 1.6. With
# double, sodium currents of small cells are overlooked.
_ABOVE_NOISE = 2.0
# The same over the range of all currents in the window: a sodium current departs from a line by about half of its size.
# With half, a filter that is late counts; with double, a current of the size of the leak's is overlooked.
_LARGE = 0.25
# Part of its largest size from which such a current is part of the window that is proposed. With half the window holds
# most of its decay; with double a few samples.
_ABOUT_PEAK = 0.5
# Levels at either end of the command whose currents show the limit of a clamp, their least size over the largest
# current, and the part of the rise that their steps leave to be expected. With half the part, noise hides a limit;
# with double, the largest currents of fine steps are one.
_END, _AT_LIMIT, _RISE = 3, 0.95, 0.25


@dataclass(frozen=True)
class Passed:
    """Current that has passed before the window; nan where there is none.

    Attributes
    ----------
    passed_pA : float
        Range over the levels of its departure from a straight line.
    passed_from_ms, passed_to_ms : float
        Time from the start of the epoch in which it is at least half as large.
    """

    passed_pA: float = math.nan
    passed_from_ms: float = math.nan
    passed_to_ms: float = math.nan


def before(
    source: Source,
    parts: Sequence[Segment],
    windows: Sequence[tuple[int, int]],
    early: Sequence[tuple[int, int]],
) -> Passed:
    """Find a current that has passed before the default window of steps, and is not small beside that of the window.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Step in each sweep.
    windows : sequence of tuple of int
        Window in each sweep.
    early : sequence of tuple of int
        Windows in which the current is followed first.

    Returns
    -------
    Passed
    """
    steps, rate_Hz = steps_mV(source, parts), source.recording.rate_Hz
    width = peak.width(rate_Hz)
    pairs = zip(parts, windows, early, strict=True)
    untils = [min(window[0], first[0] + width) - part.start for part, window, first in pairs]
    count = min(*untils, *(stop - start for start, stop in windows))
    levels_mV, of_sweep = np.unique([part.first_mV for part in parts], return_inverse=True)
    if not np.isfinite(steps).all() or not steps.any() or len(levels_mV) < _MIN_LEVELS or count <= width:
        return Passed()
    onset = np.stack(source.stretches_pA((part.start, part.start + count) for part in parts))
    late = np.stack(source.stretches_pA((stop - count, stop) for _, stop in windows))
    levels = _Levels(levels_mV, (of_sweep == np.arange(len(levels_mV))[:, None]) / np.bincount(of_sweep)[:, None])
    settled = late.mean(axis=1, keepdims=True)
    smooth = np.stack([peak.running_mean(each, width) for each in onset])
    course = smooth - settled
    rest = course - steps[:, None] * (steps @ course / float(steps @ steps))
    in_window = np.stack([peak.running_mean(each, width) for each in late])
    is_seen = [not is_capacitive(each, steps) for each in course.T]
    size = np.where(_is_judged(source, onset, smooth, steps) & is_seen, levels.departure_pA(settled + rest), 0.0)
    before_pA = float(np.stack(source.stretches_pA((max(0, part.start - count), part.start) for part in parts)).mean())
    least = max(
        _PASSED * levels.departure_pA(settled)[0],
        _ABOVE_NOISE * levels.departure_pA(in_window).max(),
        _LARGE * levels.range_pA(in_window, before_pA),
    )
    return _about(size, width, rate_Hz) if size.max() > least else Passed()


@dataclass(frozen=True)
class _Levels:
    """Levels of the command, and the matrix of shape (levels, sweeps) that averages the sweeps of each."""

    level_mV: FloatArray
    average: FloatArray

    def departure_pA(self, current_pA: FloatArray) -> FloatArray:
        """Return the range over the levels, but for one, of the departure from a straight line; shape (samples,).

        `current_pA` has the shape (sweeps, samples).
        """
        line = np.stack([np.ones_like(self.level_mV), self.level_mV], axis=1)
        of_levels = self.average @ current_pA
        high, low = _without_one(of_levels - line @ (np.linalg.pinv(line) @ of_levels))
        return np.asarray(high - low)

    def range_pA(self, current_pA: FloatArray, before_pA: float) -> float:
        """Return the largest range over the levels, but for one, and the current before the step."""
        high, low = _without_one(self.average @ current_pA)
        return float((np.maximum(high, before_pA) - np.minimum(low, before_pA)).max())


def _without_one(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the largest and the smallest value along the first axis without the one that extends the range most."""
    ordered = np.sort(values, axis=0)
    is_above = ordered[-1] - ordered[-2] > ordered[1] - ordered[0]
    return np.where(is_above, ordered[-2], ordered[-1]), np.where(is_above, ordered[0], ordered[1])


def _is_judged(source: Source, onset_pA: FloatArray, smooth_pA: FloatArray, steps_mV: FloatArray) -> NDArray[np.bool_]:
    """Return True for the samples from which on no current is clipped: there a transient is proportional to the step.

    Where the clamp reaches the limit of its current, larger steps last longer: nothing is judged.
    """
    low_pA, high_pA = source.recording.range_pA(source.channel)
    clipped = np.flatnonzero(((onset_pA <= low_pA) | (onset_pA >= high_pA)).any(axis=0))
    first = int(clipped[-1]) + 1 if clipped.size else 0
    order = np.argsort(np.abs(steps_mV))[-_END:]
    size, step = np.abs(smooth_pA[order]), np.abs(steps_mV[order])
    is_limited = (size >= _AT_LIMIT * np.abs(smooth_pA[:, first:]).max(initial=0.0)).all(axis=0)
    is_limited &= np.ptp(size, axis=0) < _RISE * (1 - step[0] / step[-1]) * size.max(axis=0)
    is_after = np.arange(smooth_pA.shape[1]) >= first
    return np.asarray(is_after & ~is_limited[first:].any())


def _about(size_pA: FloatArray, width: int, rate_Hz: float) -> Passed:
    """Return a current with the time about its largest value."""
    at = int(size_pA.argmax())
    small = np.flatnonzero(size_pA < _ABOUT_PEAK * size_pA[at])
    first = max((int(each) + 1 for each in small if each < at), default=0)
    last = min((int(each) for each in small if each > at), default=len(size_pA))
    per_ms = rate_Hz / 1e3
    return Passed(float(size_pA[at]), first / per_ms, (last - 1 + width) / per_ms)
