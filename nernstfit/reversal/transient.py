"""Shift of a zero by what is left of the capacitive transient at a peak.

A transient of c (V - V0) beside a current of slope G moves its zero E by -c (E - V0) / G. While it lasts the membrane
lags behind the command by its drop across the series resistance, c (V - V0) R. Where channels of a conductance G are
open, it decays faster by a part G R than where they are closed, by which it was estimated: after n time constants with
channels open for a part u of them, exp(-u n G R) of it is left. Of u it is known only that it lies between 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nernstfit.reversal import classify
from nernstfit.reversal.capacitance import SERIES_MOHM
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.procedure import Facts, Procedure


def cause(procedure: Procedure) -> str:
    """Return the sentence on a transient that is not known well, with what settles it.

    Parameters
    ----------
    procedure : Procedure
        Whose series resistance, where it is known already, is not asked for.
    """
    resistance = "give series_resistance_MOhm, " if procedure.series_MOhm is None else ""
    return (
        "the capacitive transient of the step has not decayed at the peak, and what is left of it is not known well; "
        f"{resistance}choose a later window by from_ms and to_ms, or record with the capacitive current compensated or "
        "subtracted (P/N)"
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
        kept, kept_sd = _kept(facts, procedure, slope_nS)
        known_nS, lag_mV = facts.transient_nS * kept, 0.0
        if procedure.series_MOhm is None:
            known_nS, kept_sd = facts.transient_nS, math.hypot(1 - kept, kept_sd)
            lag_mV = facts.transient_nS * step_mV * SERIES_MOHM * 1e-3
        errors_nS = facts.transient_se_nS, kept_sd * facts.transient_nS
        return cls(
            known_nS * step_mV / slope_nS, math.hypot(lag_mV, *(each * step_mV / slope_nS for each in errors_nS))
        )


def find(iv: Curve, facts: Facts, procedure: Procedure) -> tuple[Curve, Result]:
    """Find the reversal potential of a curve less the transient of closed channels, then less that of open ones.

    Parameters
    ----------
    iv : Curve
        I-V curve, less the transient as it decays where channels are closed.
    facts : Facts
    procedure : Procedure
        Whose series resistance, where it is not known, leaves the curve as it is.

    Returns
    -------
    iv : Curve
    result : Result
    """
    result = classify.find(iv, procedure.criteria)
    if result.zero is None or procedure.series_MOhm is None or not abs(facts.transient_nS) > 0:
        return iv, result
    kept, _ = _kept(facts, procedure, result.slope_nS)
    too_much_pA = (1 - kept) * facts.transient_nS * (iv.command_mV - facts.transient_from_mV)
    iv = iv.minus(-too_much_pA, iv.shared_pA[:, :0])
    return iv, classify.find(iv, procedure.criteria)


def _kept(facts: Facts, procedure: Procedure, slope_nS: float) -> tuple[float, float]:
    """Return the part of the transient that open channels leave, and its standard deviation: u is uniform in 0 to 1."""
    series_MOhm = SERIES_MOHM if procedure.series_MOhm is None else procedure.series_MOhm
    exponent = max(0.0, facts.transient_times * slope_nS * series_MOhm * 1e-3)
    if not exponent:
        return 1.0, 0.0
    mean, square = (-math.expm1(-k * exponent) / (k * exponent) for k in (1, 2))
    return mean, math.sqrt(max(0.0, square - mean**2))
