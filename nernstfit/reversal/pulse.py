"""Test pulses: recordings without an I-V curve whose voltage steps determine the membrane capacitance."""

from __future__ import annotations

import math

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.reversal.capacitance import Estimate
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve


def is_pulse(signal: Curve, measured: Estimate) -> bool:
    """Return True for a single level whose steps determine the membrane capacitance.

    Parameters
    ----------
    signal : Curve
    measured : Estimate
        Membrane capacitance by the steps.
    """
    return signal.size == 1 and math.isfinite(measured.pF)


def without_curve(signal: Curve, measured: Estimate) -> Result:
    """Return the verdict on a test pulse; parameters as for `is_pulse`."""
    found = f"a membrane capacitance of {measured.pF:.3g} pF (standard error {measured.se_pF:.2g})"
    use = "which serves the ramps of the cell" if measured.shows else "which serves no ramp: it does not differ from 0"
    reason = (
        f"no I-V curve: {signal.command_mV[0]:g} mV is the only level of the epoch; the voltage steps of the recording "
        f"give {found}, {use}"
    )
    return Result(PotentialVerdict.NO_CROSSING, reason)
