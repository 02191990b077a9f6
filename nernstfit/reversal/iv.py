"""I-V curves of one measurement: from its points to a curve for each role, and to the current that is measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from nernstfit.contract.terms import Role, Voltage
from nernstfit.reversal import capacitance, curve, leak
from nernstfit.reversal.capacitance import Capacitance
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.procedure import Procedure

_POINTS = ("t_ms", "point", "command_mV", "recorded_mV", "current_pA", "se_pA")


def by_role(points: Mapping[str, ArrayLike], procedure: Procedure) -> dict[Role, Curve]:
    """Average the points of every role into a curve on its own corrected axis.

    Parameters
    ----------
    points : mapping
        Columns of the points as ingest writes them: role, t_ms, point, command_mV, recorded_mV, current_pA, se_pA.
    procedure : Procedure
    """
    curves, roles = {}, np.asarray(points["role"], dtype=object)
    for role in dict.fromkeys(roles.tolist()):
        part = {name: np.asarray(points[name], dtype=float)[roles == role] for name in _POINTS}
        is_ramp = bool(part["point"].any())
        curves[Role(role)] = curve.average(
            part["command_mV"],
            part["current_pA"],
            part["se_pA"],
            procedure.series_MOhm or 0.0,
            curve.speed(part["command_mV"], part["t_ms"], part["point"]) if is_ramp else None,
            part["recorded_mV"] if procedure.how.voltage == Voltage.RECORDED else None,
        )
    return curves


def subtracted(procedure: Procedure, curves: Mapping[Role, Curve], charging: Capacitance | None) -> Curve | None:
    """Subtract capacitive current and leak from the signal.

    Parameters
    ----------
    procedure : Procedure
    curves : mapping
        Curves by role, before subtraction.
    charging : Capacitance or None
        Capacitance of the membrane that a ramp charges; None for steps.

    Returns
    -------
    Curve or None
        None where no leak is found.
    """
    method = leak.method(procedure.how.leak)
    signal = _without_capacitive_current(curves[Role.SIGNAL], charging)
    reference = curves[method.reference] if method.reference else None
    if reference is not None and method.same_ramp:
        reference = _without_capacitive_current(reference, charging)
    return method.subtract(signal, reference, procedure.sign)


def _without_capacitive_current(ramp: Curve, charging: Capacitance | None) -> Curve:
    """Subtract the capacitive current as far as it is known."""
    if charging is None:
        return ramp
    return capacitance.without_capacitive_current(ramp, charging.subtracted_pF, charging.further_se_pF)
