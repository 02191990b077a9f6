"""I-V curves of one measurement: from its points to a curve for each role, and to the current that is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract.terms import Role, Voltage
from nernstfit.reversal import capacitance, curve, leak
from nernstfit.reversal.capacitance import Capacitance
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.procedure import Procedure

FloatArray = NDArray[np.float64]

# Difference between the speeds of two ramps, over the larger, from which they are two: beyond the rounding of durations
# to whole samples. How well they determine a capacitance is in its error; half or double hardly changes what is taken.
_SAME_SPEED = 1e-2
_POINTS = ("t_ms", "point", "command_mV", "recorded_mV", "current_pA", "se_pA")
_SHARED = ("shared_cos_pA", "shared_sin_pA")  # errors that all sweeps share, of a hum that is locked to them
_TRANSIENT = "transient_pA"  # of the current at a peak; it charges the membrane across the series resistance


def by_role(points: Mapping[str, ArrayLike], procedure: Procedure) -> dict[Role, Curve]:
    """Average the points of every role into a curve on its own corrected axis.

    Parameters
    ----------
    points : mapping
        Columns of the points as ingest writes them: role, t_ms, point, command_mV, recorded_mV, current_pA, se_pA.
    procedure : Procedure
    """
    roles = np.asarray(points["role"], dtype=object)
    return {Role(role): _averaged(_among(points, roles == role), procedure) for role in dict.fromkeys(roles.tolist())}


def by_speed(points: Mapping[str, ArrayLike], procedure: Procedure) -> tuple[Curve, Curve] | None:
    """Average the faster and the slower ramps of the signal into a curve each.

    Parameters
    ----------
    points : mapping
        As for `by_role`.
    procedure : Procedure

    Returns
    -------
    faster, slower : Curve
        None where all sweeps have one speed, or the signal is no ramp.
    """
    signal = _among(points, np.asarray(points["role"], dtype=object) == Role.SIGNAL)
    if not signal["point"].any():
        return None
    speed = np.abs(_speed(signal))
    if np.ptp(speed) <= _SAME_SPEED * speed.max():
        return None
    is_fast = speed > (speed.min() + speed.max()) / 2
    fast, slow = (_averaged(_among(signal, rows), procedure) for rows in (is_fast, ~is_fast))
    return fast, slow


def _among(points: Mapping[str, ArrayLike], rows: NDArray[np.bool_]) -> dict[str, FloatArray]:
    names = (*_POINTS, *(name for name in (*_SHARED, _TRANSIENT) if name in points))
    return {name: np.asarray(points[name], dtype=float)[rows] for name in names}


def _speed(points: Mapping[str, FloatArray]) -> FloatArray:
    return curve.speed(points["command_mV"], points["t_ms"], points["point"])


def _averaged(points: Mapping[str, FloatArray], procedure: Procedure) -> Curve:
    """Average the points of one role into a curve."""
    command_mV, se_pA = points["command_mV"], points["se_pA"]
    speed = _speed(points) if points["point"].any() else None
    recorded_mV = points["recorded_mV"] if procedure.how.voltage == Voltage.RECORDED else None
    found = curve.average(command_mV, points["current_pA"], se_pA, procedure.series_MOhm or 0.0, speed, recorded_mV)

    def of_levels(name: str) -> FloatArray:
        each = curve.average(command_mV, points[name], se_pA, 0.0, speed, recorded_mV)
        return np.interp(found.command_mV, each.command_mV, each.current_pA)

    if _TRANSIENT in points and points[_TRANSIENT].any():
        found = found.minus(of_levels(_TRANSIENT), found.shared_pA[:, :0])
    shared = [of_levels(name) for name in _SHARED if name in points and points[name].any()]
    return replace(found, shared_pA=np.column_stack(shared)) if shared else found


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
    if method.same_ramp and charging is not None:  # both ramps carry it, and the difference has none of its error
        charging = replace(charging, se_pF=0.0, variation_pF=0.0)
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
