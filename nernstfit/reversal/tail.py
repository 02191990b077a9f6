"""Current that is left when a tail, or the peak of an inactivating current, has passed: it shifts the zero of these.

Late in the epoch a leak is left, or channels that stay open. A current I_L at the zero of both together shifts it by
-I_L / G_T, with G_T the conductance of what has decayed: a leak of conductance G_L that reverses at E_L shifts the zero
E of the tail alone by G_L (E_L - E) / (G_L + G_T). The difference of both currents is that of the tail, at any voltage.

That difference keeps its zero while the tail decays. Where the zero moves on after the window, more than one current
decays: a capacitive transient, or a second kind of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nernstfit.contract.terms import OpenPore
from nernstfit.reversal import classify, leak
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.quantiles import Z_95
from nernstfit.reversal.settling import Settling, moved, settle


@dataclass(frozen=True)
class Rest:
    """Current that is left of a tail.

    Attributes
    ----------
    shift_mV, se_mV : float
        Shift of the zero if it were subtracted, and its standard error.
    """

    shift_mV: float = 0.0
    se_mV: float = 0.0

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
        return (
            f"without the current that is left late in the epoch, the zero of what decays would move by "
            f"{self.shift_mV:+z.1f} mV, give or take {Z_95 * self.se_mV:z.1f} mV; subtract the leak"
        )


def rest(window: Curve, late: Curve, result: Result, criteria: Criteria) -> Rest | None:
    """Estimate by how much the zero of a tail moves when the current that is left late in the epoch is subtracted.

    Parameters
    ----------
    window, late : Curve
        Current in the window of the measurement, and late in the epoch.
    result : Result
        Reversal in the window.
    criteria : Criteria
        Criteria of a reversal.

    Returns
    -------
    Rest or None
        None where no current with a zero has decayed.
    """
    # What decays is a part of the open channels that differs with the voltage: its course is that of no open pore.
    alone = replace(criteria, is_subtracted=True, open_pore=OpenPore.NONE)
    decayed = leak.without_background(window, late)
    tail = classify.nearest_zero(decayed, result.potential_mV, alone)
    if tail is None or tail.slope_nS <= 0:
        return None
    # The noise of the window moves both zeros alike.
    by_rest_mV = float(np.linalg.norm(tail.influence_mV_per_pA @ decayed.shared_pA))
    return Rest(tail.potential_mV - result.potential_mV, by_rest_mV)


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
    alone, zero = replace(criteria, is_subtracted=True, open_pore=OpenPore.NONE), result.zero
    if zero is None:
        return Settling()
    if late is not None:
        tails = [_less(part, late) for part in parts]
        of_tail = classify.nearest_zero(tails[0], result.potential_mV, alone)
        # A current that rises in the window, as that of channels which recover, is less than what is left.
        parts, zero = (tails, of_tail) if of_tail is not None and of_tail.slope_nS > 0 else (parts, zero)
    found = settle(parts, parts[0], zero, alone, part_ms)
    # What moves too little to be extrapolated is in the interval as far as it is seen.
    return replace(found, is_followed=True) if found.distance_mV else moved(parts, zero)


def _less(part: Curve, late: Curve) -> Curve:
    """Return a part of the epoch less what is left late, whose noise all parts share."""
    left_pA = np.interp(part.command_mV, late.command_mV, late.current_pA)
    return part.minus(left_pA, part.shared_pA[:, :0])
