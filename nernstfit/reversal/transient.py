"""Shift of a zero by what is left of the capacitive transient at a peak.

A transient of c (V - V0) beside a current of slope G moves its zero E by -c (E - V0) / G. While it lasts the membrane
lags behind the command by its drop across the series resistance, c (V - V0) R; and where channels open meanwhile, it
decays faster by a part G R than where they are closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nernstfit.reversal.capacitance import SERIES_MOHM
from nernstfit.reversal.procedure import Facts, Procedure

# Part of the time before the peak for which channels are open, as far as the decay of the transient depends on it: the
# middle between none and all; what it changes is a standard error. With half of it peaks of simulated sodium currents
# beside a transient of 0.3 ms are missed more often than one in twenty, with double intervals are longer than need be.
_OPEN = 0.5
CAUSE = (
    "the capacitive transient of the step has not decayed at the peak, and what is left of it is not known well; give "
    "series_resistance_MOhm, choose a later window by from_ms and to_ms, or record with the capacitive current "
    "compensated or subtracted (P/N)"
)


@dataclass(frozen=True)
class Transient:
    """Shift of a zero by what was subtracted of a transient, and the standard error of it, in mV."""

    shift_mV: float = 0.0
    se_mV: float = 0.0

    @classmethod
    def of(cls, facts: Facts, procedure: Procedure, zero_mV: float, slope_nS: float) -> Transient:
        """Return the shift of a zero at a potential; none where there is no transient or no zero.

        Parameters
        ----------
        facts : Facts
        procedure : Procedure
            Whose series resistance, where it is not known, leaves the lag of the membrane unknown.
        zero_mV : float
        slope_nS : float
            Slope of the current at the zero.
        """
        step_mV = zero_mV - facts.transient_from_mV
        if not math.isfinite(step_mV / slope_nS):
            return cls()
        known = procedure.series_MOhm
        series = (SERIES_MOHM if known is None else known) * 1e-3
        shift_mV, se_mV = (size_nS * step_mV / slope_nS for size_nS in (facts.transient_nS, facts.transient_se_nS))
        lag_mV = facts.transient_nS * step_mV * series if known is None else 0.0
        faster_mV = _OPEN * shift_mV * facts.transient_times * slope_nS * series
        return cls(shift_mV, math.hypot(se_mV, lag_mV, faster_mV))
