"""Settling of a zero: extrapolation from three neighbouring parts of the epoch to the settled current.

The charge of a slow clamp, or any current that relaxes while its zero moves, draws the zero away from that of the
settled current, by far more than it moves within a window that is short beside the time constant. Three means at equal
distance determine an exponential: each change is the one before times the ratio exp(-distance / time constant), and
what follows the last mean is its change times ratio / (1 - ratio) (Aitken 1926, Proc R Soc Edinb 46:289). The ratio is
that of the current where it determines the zero, since a zero itself moves the less the larger the transient. A current
whose conductance changes, but not its reversal potential, has the same zero in every part: nothing is extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.reversal import classify
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.estimator import Zero
from nernstfit.reversal.quantiles import Z_95

FloatArray = NDArray[np.float64]

# Largest shift of the zero along the epoch, in mV (contract).
MAX_SHIFT_MV = 3.0
# Standard errors by which the zeros of the first and the last part differ where it moves. Chance exceeds 3.3 in 0.1 %
# of recordings, and is refused or far too wide, since it is nearly straight. With half one sound recording in ten is;
# with double, a transient that moves the zero by six standard errors is overlooked.
MOVES_Z = 3.3
# Slowest relaxation that is extrapolated, in lengths of a part: nearly a straight line over all three. What it leaves
# is 20 times the last change. With half, the zero of a clamp three times slower than its steps is called settled; with
# double, a drift of long steps by a tenth of a millivolt counts as one of several.
_MAX_TIMES = 20.0
# End of the default window that is proposed where its current has not settled, as a part of it, and distance in mV from
# the settled zero up to which it is. With half the part its noise is larger by 1.4; with double little has changed.
# With half the distance fewer windows are proposed; with double they may be wrong by the usual standard error.
LATE, _SETTLED_MV = 0.25, 0.3
# Time constant, over the length of a window that was chosen, up to which a later window is proposed. With half, those
# are not of transients that it would leave behind; with double, it may lie where the tail has decayed too.
_FAST = 2.0


@dataclass(frozen=True)
class Settling:
    """Zero of the settled current beside that of a measurement.

    Attributes
    ----------
    distance_mV, se_mV : float
        Zero of the settled current minus that of the measurement, and its standard error by the noise of the parts; 0
        where the zero does not move.
    reach_mV : float
        Largest size of the distance within the 95 % interval of the time constant.
    tau_ms : float
        Time constant; inf where the course is nearly straight.
    is_followed : bool
        True where the parts follow a window that was chosen.
    """

    distance_mV: float = 0.0
    se_mV: float = 0.0
    reach_mV: float = 0.0
    tau_ms: float = math.nan
    is_followed: bool = False

    @property
    def further_se_mV(self) -> float:
        """Standard error of the measured zero by the settled one: the 95 % interval includes it with its error."""
        return math.hypot(self.reach_mV / Z_95, self.se_mV)

    def verdict(self, shown_mV: float, window_ms: tuple[float, float]) -> Result | None:
        """Return the verdict that the zero of the settled current lies elsewhere; None where it does not.

        Parameters
        ----------
        shown_mV : float
            Zero of the measurement.
        window_ms : tuple of float
            Its window, from the start of the epoch.
        """
        if abs(self.distance_mV) <= MAX_SHIFT_MV:
            return None
        start, stop = window_ms
        if self.is_followed:
            return self._behind_window(shown_mV, window_ms)
        reason = (
            f"the current has not settled: its zero is at {shown_mV:z.1f} mV from {start:g} to {stop:g} ms and moves "
            f"towards {shown_mV + self.distance_mV:z.1f} mV, extrapolated "
        )
        if math.isinf(self.tau_ms):
            reason += "from a nearly straight course; the step is far too short for the clamp or the current to settle"
            return Result(PotentialVerdict.AMBIGUOUS, reason)
        reason += f"with a time constant of {self.tau_ms:.2g} ms; "
        late_ms = stop - (stop - start) * LATE
        if abs(self.distance_mV) * math.exp(-(late_ms - start) / 2 / self.tau_ms) < _SETTLED_MV:
            reason += f"choose a window in which it has settled: from_ms: {late_ms:g} and to_ms: {stop:g}"
            return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"from_ms={late_ms:g};to_ms={stop:g}")
        reason += (
            f"the step is too short for a clamp whose series resistance x capacitance is about {self.tau_ms:.2g} ms, "
            "or for a current that slow: compensate the series resistance, or record longer steps"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason)

    def _behind_window(self, shown_mV: float, window_ms: tuple[float, float]) -> Result:
        """Return the verdict that the zero of a window that was chosen moves on after it."""
        start, stop = window_ms
        reason = (
            f"the zero moves on after the window: from {shown_mV:z.1f} mV at {start:g} to {stop:g} ms towards "
            f"{shown_mV + self.distance_mV:z.1f} mV, extrapolated "
        )
        if math.isinf(self.tau_ms):
            reason += "from a nearly straight course"
        else:
            reason += f"with a time constant of {self.tau_ms:.2g} ms"
        reason += (
            ": something else changes beside the current, as a capacitive transient of the step, the current of a "
            "second kind of channels, or the share of a leak; "
        )
        if self.tau_ms < _FAST * (stop - start):
            # From there on the zero moves by as little as what is taken for settled.
            later_ms = start + self.tau_ms * math.log(abs(self.distance_mV) / _SETTLED_MV)
            reason += f"choose a later window, from about from_ms: {later_ms:.4g} on, or "
        return Result(PotentialVerdict.AMBIGUOUS, f"{reason}subtract it (measure.leak)")


def settle(ivs: Sequence[Curve], iv: Curve, zero: Zero, criteria: Criteria, part_ms: float) -> Settling:
    """Extrapolate the zero of a measurement to that of the settled current, where it moves.

    Parameters
    ----------
    ivs : sequence of Curve
        I-V curves of three neighbouring parts of the epoch, by time.
    iv : Curve
        That of the measurement.
    zero : Zero
    criteria : Criteria
    part_ms : float
        Length of a part.
    """
    # The zeros of the parts are found only where the influence of each level moves them.
    shifts = [_shift(part, iv, zero.influence_mV_per_pA) for part in ivs]
    if not _moves(shifts[0], shifts[-1]):
        return Settling()
    near_mV = zero.potential_mV
    ends = [classify.nearest_zero(part, near_mV, criteria) for part in (ivs[0], ivs[-1])]
    known = [_Shift(end.potential_mV, end.se_mV) for end in ends if end is not None]
    if len(known) == len(ends) and not _moves(*known):
        return Settling()
    course = _course(shifts)
    found, far = (_settled(ivs, left, near_mV, criteria) for left in (course.left, course.most_left))
    distance = found or _along(shifts, course.left)
    most_mV = (far or _along(shifts, course.most_left)).mV
    return Settling(distance.mV, distance.se_mV, max(abs(distance.mV), abs(most_mV)), course.times * part_ms)


def moved(ivs: Sequence[Curve], zero: Zero) -> Settling:
    """Return how far a zero moves from the first of some parts to the last, as its reach; nothing within 95 %.

    Parameters
    ----------
    ivs : sequence of Curve
        I-V curves of the parts by time.
    zero : Zero
        Zero of the first.
    """
    last = _shift(ivs[-1], ivs[0], zero.influence_mV_per_pA)
    noise_mV = float(np.linalg.norm(zero.influence_mV_per_pA * ivs[0].se_pA))
    se_mV = math.hypot(last.se_mV, noise_mV)
    return Settling(reach_mV=abs(last.mV), se_mV=se_mV) if abs(last.mV) > Z_95 * se_mV else Settling()


@dataclass(frozen=True)
class _Shift:
    """Zero, or shift of it by the current of one part, and its standard error."""

    mV: float
    se_mV: float


@dataclass(frozen=True)
class _Course:
    """Exponential course: time constant in parts, what follows the last part over the last change, at 95 % at most."""

    times: float
    left: float
    most_left: float


def _shift(part: Curve, iv: Curve, influence_mV_per_pA: FloatArray) -> _Shift:
    """Return the shift of the zero of a curve by the current of a part, by the influence of each level."""
    current_pA, se_pA = (_at_levels(iv, part, values) for values in (part.current_pA, part.se_pA))
    by_current = float(influence_mV_per_pA @ (current_pA - iv.current_pA))
    shared = [float(influence_mV_per_pA @ _at_levels(iv, part, source)) for source in part.shared_pA.T]
    return _Shift(by_current, math.hypot(float(np.linalg.norm(influence_mV_per_pA * se_pA)), *shared))


def _at_levels(of: Curve, part: Curve, values: FloatArray) -> FloatArray:
    """Return values of a part at the levels of another curve."""
    return np.asarray(np.interp(of.command_mV, part.command_mV, values))


def _moves(first: _Shift, last: _Shift) -> bool:
    """Return True where two zeros differ beyond their error."""
    return abs(last.mV - first.mV) > MOVES_Z * math.hypot(last.se_mV, first.se_mV)


def _course(shifts: Sequence[_Shift]) -> _Course:
    """Determine the exponential through three parts."""
    first, second, third = (shift.mV for shift in shifts)
    before, change, most = second - first, third - second, math.exp(-1.0 / _MAX_TIMES)
    if not before:
        return _Course(math.inf, most / (1.0 - most), most / (1.0 - most))
    ratio = abs(change / before)
    # Error of change - ratio x before, in which the second part counts for both.
    weights = (ratio, 1.0 + ratio, 1.0)
    error = math.hypot(*(weight * shift.se_mV for weight, shift in zip(weights, shifts, strict=True))) / abs(before)
    left, most_left = (q / (1.0 - q) for q in (min(ratio, most), min(ratio + Z_95 * error, most)))
    times = -1.0 / math.log(ratio) if 0.0 < ratio < most else (math.inf if ratio else 0.0)
    return _Course(times, left, most_left)


def _along(shifts: Sequence[_Shift], left: float) -> _Shift:
    """Return the shift by the settled current at the levels that determine the zero."""
    _, second, third = shifts
    error = math.hypot((1.0 + left) * third.se_mV, left * second.se_mV)
    return _Shift(third.mV + left * (third.mV - second.mV), error)


def _settled(ivs: Sequence[Curve], left: float, near_mV: float, criteria: Criteria) -> _Shift | None:
    """Return how far the zero of the settled current lies above a potential; None where that current has none."""
    _, second, third = ivs
    more_pA = left * (third.current_pA - _at_levels(third, second, second.current_pA))
    se_pA = np.hypot((1.0 + left) * third.se_pA, left * _at_levels(third, second, second.se_pA))
    # Across the series resistance the change moves the levels along the axis.
    voltage_mV = third.voltage_mV - more_pA * third.series_MOhm * 1e-3
    settled = replace(third, current_pA=third.current_pA + more_pA, se_pA=se_pA, voltage_mV=voltage_mV)
    found = classify.nearest_zero(settled.among(np.argsort(voltage_mV)), near_mV, criteria)
    return _Shift(found.potential_mV - near_mV, found.se_mV) if found is not None and found.slope_nS > 0 else None
