"""Current that is left when a tail, or the peak of an inactivating current, has passed: it shifts the zero of these.

Late in the epoch a leak is left, or channels that stay open. A current I_L at the zero of both together shifts it by
-I_L / G_T, with G_T the conductance of what has decayed: a leak of conductance G_L that reverses at E_L shifts the zero
E of the tail alone by G_L (E_L - E) / (G_L + G_T). The difference of both currents is that of the tail, at any voltage.
"""

from __future__ import annotations

import math
from dataclasses import replace

from nernstfit.contract.terms import OpenPore
from nernstfit.reversal import classify, leak
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.quantiles import Z_95


def shift_without_rest_mV(window: Curve, late: Curve, result: Result, criteria: Criteria) -> float | None:
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
    float or None
        In mV, 0 where it is not significant; None where no current with a zero has decayed.
    """
    # What decays is a part of the open channels that differs with the voltage: its course is that of no open pore.
    alone = replace(criteria, is_subtracted=True, open_pore=OpenPore.NONE)
    tail = classify.nearest_zero(leak.without_background(window, late), result.potential_mV, alone)
    if tail is None or tail.slope_nS <= 0:
        return None
    shift_mV = tail.potential_mV - result.potential_mV
    return shift_mV if abs(shift_mV) > Z_95 * math.hypot(tail.se_mV, result.se_mV) else 0.0
