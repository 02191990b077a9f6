"""Rest of the capacitive transient of a step at the time of a peak.

A transient is proportional to the voltage step: what is left of it at the peak adds a straight line to the I-V curve
and shifts its zero. Three observations estimate it, each of which other currents disturb elsewhere: its decay at the
onset of the step, extrapolated; its mirror at the end of the step, which a tail of the channels disturbs; and the
change of the current from the peak to the end of the step at the levels nearest to that before it, where channels may
open. The mirror is certain where it starts as large as the transient, and decays as one exponential or is proportional
to the step within the noise, which a tail is not. Else two that agree are taken, and their difference is the error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import Segment, beside
from nernstfit.abf.peak import SETTLED_PART, less_settled
from nernstfit.abf.windows import Source
from nernstfit.contract.terms import Leak
from nernstfit.physics.membrane.charging import is_capacitive

FloatArray = NDArray[np.float64]

# Standard errors from which it differs from noise, and what is left of it is known. With half chance decides; with
# double, a transient that shifts the zero by a standard error is overlooked.
_SHOWS_Z = 5.0
# Standard error of a mirror by its scatter about a proportional current over that by noise, up to which it holds noise
# alone. With half, chance decides; with double, a tail of twice the noise counts as a transient.
_PURE = 2.0
# Part of its largest value to which a transient is followed: two time constants nearly. With half, a current that
# activates within it slows its decay; with double, so does a filter that rounds its start.
_FOLLOWED = 0.2
# Levels nearest to that before the step, at which channels are most likely closed, and their least distance in mV. With
# half, one level decides; with double, sodium channels open at the furthest.
_NEAREST, _MIN_STEP_MV = 2, 15.0


@dataclass(frozen=True)
class Leftover:
    """Transient at a peak over the step of the command.

    Attributes
    ----------
    transient_nS : float
        Current over the step from the level before, which is subtracted; 0 where it is not known, or none shows.
    transient_se_nS : float
        Its standard error; where it is not known, its possible size.
    transient_from_mV : float
        Level before the step; nan where it is not one in all sweeps.
    transient_times : float
        Time constants for which it has decayed.
    """

    transient_nS: float = 0.0
    transient_se_nS: float = 0.0
    transient_from_mV: float = math.nan
    transient_times: float = 0.0

    def at_pA(self, level_mV: FloatArray) -> FloatArray:
        """Return its current at levels of the step, as far as it is known.

        Parameters
        ----------
        level_mV : ndarray
        """
        if not self.transient_nS:
            return np.zeros_like(level_mV)
        return np.asarray(self.transient_nS * (level_mV - self.transient_from_mV))


@dataclass(frozen=True)
class _Estimate:
    """Transient at the peak over the step, in nS.

    Attributes
    ----------
    nS, se_nS, error_nS : float
        Its standard error by noise, and with what else is not known.
    first_nS : float
        Transient where it is largest, for one that is followed from there.
    """

    nS: float
    se_nS: float
    error_nS: float
    first_nS: float = math.nan


def at_peak(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], leak: Leak, se_pA: FloatArray
) -> Leftover:
    """Estimate what is left of the capacitive transient of steps at a peak.

    A leak that is a straight line, or a background with the same transient, removes it already.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Step in each sweep.
    windows : sequence of tuple of int
        Window at the peak in each sweep, at the same time of the step.
    leak : Leak
        Leak that is subtracted.
    se_pA : ndarray, shape (sweeps,)
        Standard error of the current in each window.

    Returns
    -------
    Leftover
    """
    sides = [beside(source.command[sweep], part) for sweep, part in zip(source.sweeps, parts, strict=True)]
    before = {left.last_mV for left, _ in sides if left is not None and left.is_level}
    if leak in (Leak.LINEAR, Leak.BACKGROUND) or len(before) != 1 or any(left is None for left, _ in sides):
        return Leftover()
    from_mV, window = before.pop(), (windows[0][0] - parts[0].start, windows[0][1] - parts[0].start)
    steps_mV = np.array([part.first_mV for part in parts]) - from_mV
    on = _settled_current(source, parts)
    decayed = _extrapolated(on, steps_mV, window)
    if decayed is None:
        return Leftover(transient_from_mV=from_mV)
    found = [decayed, _nearest(on[:, slice(*window)].mean(axis=1), steps_mV, se_pA)]
    after = [right for _, right in sides if right is not None and right.is_level]
    if len(after) == len(parts):
        back_mV = np.array([own.first_mV - part.first_mV for own, part in zip(after, parts, strict=True)])
        found += _mirrored(_settled_current(source, after), back_mV, window, (decayed, float(np.median(se_pA))))
    left = _agreed([each for each in found if each is not None], from_mV)
    times = math.log(abs(decayed.first_nS / left.transient_nS)) if left.transient_nS else 0.0
    return replace(left, transient_times=times)


def _agreed(found: Sequence[_Estimate], from_mV: float) -> Leftover:
    """Return the estimate that is certain by itself, or by how well another one agrees with it.

    Where another one is certain and differs, the first, extrapolated, does not count: a filter lets a transient start
    to fall faster than it goes on.
    """
    decayed, *others = found
    if any(abs(each.nS - decayed.nS) > _SHOWS_Z * each.error_nS for each in others):
        found = others
    pairs = [(a, b) if a.se_nS < b.se_nS else (b, a) for a, b in itertools.combinations(found, 2)]
    # Two agree no better than the noise of the other tells.
    agreeing = [replace(a, error_nS=math.hypot(a.se_nS, max(abs(a.nS - b.nS), b.se_nS))) for a, b in pairs]
    best = min([*found, *agreeing], key=lambda each: each.error_nS)
    is_known = abs(best.nS) > _SHOWS_Z * best.error_nS
    size_nS = best.error_nS if is_known else math.hypot(best.nS, best.error_nS)
    return Leftover(best.nS if is_known else 0.0, size_nS, from_mV)


def _settled_current(source: Source, parts: Sequence[Segment]) -> FloatArray:
    """Return the current of segments from their start on, less that at their end; shape (sweeps, samples)."""
    length = min(part.stop - part.start for part in parts)
    return less_settled(np.stack(source.stretches_pA((part.start, part.start + length) for part in parts)))


def _proportional(current_pA: FloatArray, steps_mV: FloatArray) -> tuple[float, float]:
    """Return the slope of the line through the origin by which currents follow the steps, and its standard error."""
    squares = float(steps_mV @ steps_mV)
    slope = float(steps_mV @ current_pA) / squares
    left = current_pA - slope * steps_mV
    return slope, math.sqrt(float(left @ left) / max(1, len(steps_mV) - 1) / squares)


def _extrapolated(on_pA: FloatArray, steps_mV: FloatArray, window: tuple[int, int]) -> _Estimate | None:
    """Return the transient in a window by its decay before it; None where the onset shows no transient that decays.

    Its error is that of its own size: the course beyond what is followed may be another one.
    """
    course = on_pA[:, : window[0]].T @ steps_mV / float(steps_mV @ steps_mV)
    if len(course) < 2:
        return None
    first = int(np.abs(course[: (len(course) + 1) // 2]).argmax())
    start_nS, se_nS = _proportional(on_pA[:, first], steps_mV)
    if not is_capacitive(on_pA[:, first], steps_mV) or abs(start_nS) < _SHOWS_Z * se_nS:
        return None
    size = course[first:] * math.copysign(1.0, start_nS)
    fallen = np.flatnonzero(size < _FOLLOWED * size[0])
    last = int(fallen[0]) if len(fallen) else len(size) - 1
    least = max(float(size[last]), np.finfo(float).tiny)
    if last == 0 or least >= size[0]:
        return None
    later = (np.arange(*window) - first - last) / last
    left_nS = math.copysign(least, start_nS) * float(((least / size[0]) ** later).mean())
    return _Estimate(left_nS, abs(left_nS), abs(left_nS), start_nS)


def _nearest(change_pA: FloatArray, steps_mV: FloatArray, se_pA: FloatArray) -> _Estimate | None:
    """Return the transient by the levels nearest to that before the step; None where there are none."""
    size = np.where(np.abs(steps_mV) >= _MIN_STEP_MV, np.abs(steps_mV), math.inf)
    near = np.argsort(size, kind="stable")[:_NEAREST]
    if not np.isfinite(size[near]).all():
        return None
    slope, _ = _proportional(change_pA[near], steps_mV[near])
    return _Estimate(slope, float(np.median(se_pA)) / float(np.linalg.norm(steps_mV[near])), math.inf)


def _mirrored(
    off_pA: FloatArray, back_mV: FloatArray, window: tuple[int, int], onset: tuple[_Estimate, float]
) -> tuple[_Estimate, ...]:
    """Return the transient at the same time after the end of the step; nothing where that is too short.

    It is certain where it starts as large as the transient of the onset, and decays as one exponential down to that
    time or is proportional to the step within the noise: of equal charge, one that starts larger by a part decays
    faster by as much. `onset` is the transient there, and the standard error of a current.
    """
    if round((1 - SETTLED_PART) * off_pA.shape[1]) < window[1] or not back_mV.any():
        return ()
    of_onset, se_pA = onset
    slope, se_nS = _proportional(off_pA[:, slice(*window)].mean(axis=1), back_mV)
    decayed = _extrapolated(off_pA, back_mV, window)
    if decayed is None or not slope:
        return (_Estimate(slope, se_nS, math.inf),)
    times = abs(math.log(abs(decayed.first_nS / slope)))
    unlike = times * abs(decayed.first_nS / of_onset.first_nS - 1.0) * slope
    is_pure = se_nS < _PURE * se_pA / float(np.linalg.norm(back_mV))
    other = 0.0 if is_pure else slope - decayed.nS
    return (_Estimate(slope, se_nS, math.hypot(se_nS, other, unlike)),)
