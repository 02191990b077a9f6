"""Current that is left when a tail, or the peak of an inactivating current, has passed: it shifts the zero of these.

Late in the epoch a leak is left, or channels that stay open. A current I_L at the zero of both together shifts it by
-I_L / G_T, with G_T the conductance of what has decayed: a leak of conductance G_L that reverses at E_L shifts the zero
E of the tail alone by G_L (E_L - E) / (G_L + G_T). The difference of both currents is that of the tail, at any voltage.

Where that difference has no zero, what is left is more than a leak beside a tail: channels that open later, of which
any part may be open in the window, or a leak beside channels that are closed at their own reversal potential.

The difference keeps its zero while the tail decays. Where the zero moves on after the window, more than one current
decays: a capacitive transient, or a second kind of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nernstfit.contract.terms import OpenPore
from nernstfit.reversal import classify, leak
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import Curve, total_se_pA
from nernstfit.reversal.estimator import Zero
from nernstfit.reversal.quantiles import Z_95, Z_99
from nernstfit.reversal.settling import MAX_SHIFT_MV, Settling, moved, settle

# Part of the largest current that grows along the epoch from which it is one of channels that open. With half, a clamp
# that settles slowly counts; with double, channels that open beside an instantaneous current of three times their size
# are passed over.
_MIN_OPENED = 0.25
# Current that is left of a tail over that in the window, up to which a level shows the leak: the rest of the tail may
# be as large. With half, levels at which tails of 100 ms are followed for 150 show none; with double, slow tails count
# as leaks of half their size.
_MAX_LEFT = 0.25


@dataclass(frozen=True)
class Rest:
    """Current that is left of a tail.

    Attributes
    ----------
    shift_mV, se_mV : float
        Shift of the zero if it were subtracted, and its standard error.
    reverses : bool
        True where what has decayed has a zero; else the shift is as far as the levels reach, or for all of the change.
    """

    shift_mV: float = 0.0
    se_mV: float = 0.0
    reverses: bool = True

    @property
    def is_significant(self) -> bool:
        """True where the shift differs from 0."""
        return abs(self.shift_mV) > Z_95 * self.se_mV

    @property
    def reach_mV(self) -> tuple[float, float]:
        """Distance by which the zero of the tail alone may lie below and above that of the window (95 % limits)."""
        error_mV = Z_95 * self.se_mV
        return max(0.0, error_mV - self.shift_mV), max(0.0, error_mV + self.shift_mV)

    @property
    def sentence(self) -> str:
        """Sentence on the error by it, with what would settle it."""
        if not self.reverses:
            return (
                "the current that flows late in the epoch, subtracted, leaves none that reverses near the zero, which "
                f"would move by {self.shift_mV:+z.1f} mV or further: a second kind of channels that open, or a leak "
                "beside channels that are closed there? Block it, or subtract it (leak: background, a recording "
                "without the current in question in column subtract)"
            )
        return (
            f"without the current that is left late in the epoch, the zero of what decays would move by "
            f"{self.shift_mV:+z.1f} mV, give or take {Z_95 * self.se_mV:z.1f} mV; subtract the leak"
        )


def rest(window: Curve, late: Curve | None, result: Result, criteria: Criteria) -> Rest | None:
    """Estimate by how much the zero of a tail moves when the current that is left late in the epoch is subtracted.

    Parameters
    ----------
    window : Curve
        Current in the window of the measurement.
    late : Curve or None
        Current late in the epoch, where it is known and not subtracted yet.
    result : Result
        Reversal in the window.
    criteria : Criteria
        Criteria of a reversal.

    Returns
    -------
    Rest or None
        None where the current has changed neither at the zero nor, by most of it, at a level that shows the leak.
    """
    if late is None:
        return None
    decayed = leak.without_background(window, late)
    tail = _zero_of_change(decayed, result, criteria)
    if tail is None:
        return _without_zero(decayed, result) or _by_leak(window, late, result)
    # The noise of the window moves both zeros alike.
    by_rest_mV = float(np.linalg.norm(tail.influence_mV_per_pA @ decayed.shared_pA))
    return Rest(tail.potential_mV - result.potential_mV, by_rest_mV)


def _zero_of_change(change: Curve, result: Result, criteria: Criteria) -> Zero | None:
    """Return the zero of a current that changes along the epoch, the nearest to that of the window; None without one.

    What changes is a part of the open channels that differs with the voltage: its course is that of no open pore.
    """
    zero = classify.nearest_zero(change, result.potential_mV, _of_change(criteria))
    return zero if zero is not None and zero.slope_nS > 0 else None


def _of_change(criteria: Criteria) -> Criteria:
    """Return the criteria for a current that is left after subtraction."""
    return replace(criteria, is_subtracted=True, open_pore=OpenPore.NONE)


def _without_zero(decayed: Curve, result: Result) -> Rest | None:
    """Return the rest of a current which changes after the window by a part without a zero; None where it does not.

    Its current at the zero, over the slope there, is the shift if all of it flows in the window already. Where that is
    more than a zero may move along an epoch, the part that changes reverses at none of the levels on that side.
    """
    zero_mV, slope_nS = result.potential_mV, result.slope_nS
    left_pA, se_pA = (
        float(np.interp(zero_mV, decayed.voltage_mV, each)) for each in (-decayed.current_pA, total_se_pA(decayed))
    )
    if abs(left_pA) <= Z_99 * se_pA:
        return None
    shift_mV = left_pA / slope_nS
    if abs(shift_mV) > MAX_SHIFT_MV:
        shift_mV = max(shift_mV, float(decayed.voltage_mV[-1 if shift_mV > 0 else 0]) - zero_mV, key=abs)
    return Rest(shift_mV, se_pA / slope_nS, reverses=False)


def _by_leak(window: Curve, late: Curve, result: Result) -> Rest | None:
    """Return the rest of a tail that goes on at the zero, by what is left where it decays; None where it does not.

    There a leak through 0 mV carries no more than the current that is left, where it flows the same way as the tail.
    """
    zero_mV, slope_nS = result.potential_mV, result.slope_nS
    level_mV, early_pA = late.voltage_mV, np.interp(late.voltage_mV, window.voltage_mV, window.current_pA)
    shows = (level_mV * (level_mV - zero_mV) > 0) & (np.abs(late.current_pA) < _MAX_LEFT * np.abs(early_pA))
    if not shows.any():
        return None
    leaks_nS, errors_nS = late.current_pA[shows] / level_mV[shows], total_se_pA(late)[shows] / np.abs(level_mV[shows])
    least = int((leaks_nS + errors_nS).argmin())
    leak_nS = max(0.0, float(leaks_nS[least]))
    if leak_nS >= slope_nS:
        return None
    per_nS = zero_mV / (slope_nS - leak_nS)
    return Rest(leak_nS * per_nS, abs(per_nS) * float(errors_nS[least]))


def opening(iv: Curve, early: Curve | None, result: Result, criteria: Criteria) -> Rest | None:
    """Estimate by how much a zero moves when the current is subtracted that flows before channels open in the epoch.

    Parameters
    ----------
    iv : Curve
        Current in the window of the measurement.
    early : Curve or None
        Current early in the epoch, where it is known and not subtracted yet.
    result : Result
        Reversal in the window.
    criteria : Criteria

    Returns
    -------
    Rest or None
        None where the current does not flatten around the zero, or grows by no part that matters, and where the zero
        stays.
    """
    if early is None or result.flattens is None:
        return None
    opened = leak.without_background(iv, early)
    if opened.size == 0:
        return None
    most = int(np.abs(opened.current_pA).argmax())
    grown_pA, last_pA = (float(np.interp(opened.voltage_mV[most], c.voltage_mV, c.current_pA)) for c in (opened, iv))
    grows = grown_pA * last_pA > 0 and abs(grown_pA) > Z_99 * float(total_se_pA(opened)[most])
    if not grows or abs(grown_pA) < _MIN_OPENED * abs(last_pA):
        return None
    own = _zero_of_change(opened, result, criteria)
    if own is None:
        return Rest(reverses=False)
    found = Rest(own.potential_mV - result.potential_mV, own.se_mV)
    return found if found.is_significant else None


def following(
    parts: Sequence[Curve], late: Curve | None, result: Result, criteria: Criteria, part_ms: float
) -> Settling:
    """Extrapolate the zero of a tail from the window and what follows it to where nothing else decays beside it.

    Parameters
    ----------
    parts : sequence of Curve
        Current in the window, and in two of its length behind it.
    late : Curve or None
        Current that is left late in the epoch, where it is known and not subtracted yet.
    result : Result
        Reversal in the window.
    criteria : Criteria
    part_ms : float
        Length of the window.

    Returns
    -------
    Settling
        Empty where the zero stays.
    """
    zero = result.zero
    if zero is None:
        return Settling()
    if late is not None:
        tails = [_less(part, late) for part in parts]
        # A current that rises in the window, as that of channels which recover, is less than what is left.
        if (of_tail := _zero_of_change(tails[0], result, criteria)) is not None:
            parts, zero = tails, of_tail
    found = settle(parts, parts[0], zero, _of_change(criteria), part_ms)
    # What moves too little to be extrapolated is in the interval as far as it is seen.
    return replace(found, is_followed=True) if found.distance_mV else moved(parts, zero)


def _less(part: Curve, late: Curve) -> Curve:
    """Return a part of the epoch less what is left late, whose noise all parts share."""
    left_pA = np.interp(part.command_mV, late.command_mV, late.current_pA)
    return part.minus(left_pA, part.shared_pA[:, :0])
