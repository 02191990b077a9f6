"""Where a current is zero, three ways: by its neighbourhood, by a polynomial, by a GHK current.

Each takes an I-V curve and a bracket, two voltages between which the current has been seen to
change sign, and gives the zero in it with its standard error. None looks for a zero elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.reversal import spline
from nernstfit.reversal.curve import DENSE_MV, Curve, thinned
from nernstfit.reversal.polynomial import misfit, weighted

FloatArray = NDArray[np.float64]
Bracket = tuple[float, float]

_NEAR_MV = 45.0
_MIN_BESIDE = 4
_HIGHEST_ORDER = 5
_MAX_STEPS = 60
_MAX_RECTIFICATION = 12.0  # of its logarithm
_PRIOR_REPEATS = 2.0
_SETTLED = 1e-10
_FAR = 100.0  # thermal voltages; further off the current is not looked at


@dataclass(frozen=True)
class Zero:
    """A zero of the current; nan where the estimator found none.

    Attributes
    ----------
    potential_mV, se_mV : float
        The standard error holds noise, the errors that levels share, and the spread between repeats.
    slope_nS : float
        Of the current at the zero.
    influence_mV_per_pA : ndarray, shape (levels,)
        d potential / d current of each level; 0 for levels that were not used.
    shifts_mV : ndarray, shape (repeats,)
        By how much each repeat alone would move the zero; empty where there is one.
    """

    potential_mV: float
    se_mV: float
    slope_nS: float
    influence_mV_per_pA: FloatArray
    shifts_mV: FloatArray

    @property
    def used(self) -> NDArray[np.bool_]:
        """Levels that were used, shape (levels,)."""
        return np.asarray(self.influence_mV_per_pA != 0)


def local(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    """Zero of a smooth curve through the levels around the bracket, as pliant as there is evidence for.

    Pieces of a ramp are averaged over 2 mV first.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Two voltages in mV at which the current has opposite signs.
    temperature_C : float
        Not used: every estimator is called alike.

    Returns
    -------
    Zero
        Its error holds what the current may do between the levels.
    """
    levels = _around(curve, bracket)
    few, into = thinned(curve.among(levels), DENSE_MV)
    smooth = spline.fit(few.voltage_mV, few.current_pA, few.se_pA)
    zero = smooth.zero(*bracket)
    if not math.isfinite(zero):
        return _secant(curve, bracket)
    slope = smooth.slope(zero)
    of_few, between = smooth.error(np.array([zero]))
    influence = np.zeros(curve.size)
    influence[levels] = -(of_few[0] / np.bincount(into))[into] / slope
    return _with_error(curve, zero, slope, influence, 1.0, math.sqrt(between[0]) / abs(slope))


def polynomial(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    """Zero of a polynomial through the levels around the bracket, its order chosen by evidence.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Two voltages in mV at which the current has opposite signs.
    temperature_C : float
        Not used: every estimator is called alike.

    Returns
    -------
    Zero
    """
    levels = _around(curve, bracket)
    near = curve.among(levels)
    line = weighted(near.voltage_mV, near.current_pA, near.weight, max(1, min(_HIGHEST_ORDER, near.size - 2))).chosen()
    zero = line.zero(*bracket)
    if not math.isfinite(zero):
        return _nothing(curve)
    slope = line.value(zero)[1]
    influence = np.zeros(curve.size)
    influence[levels] = -line.at(np.array([zero]))[1][0] / slope
    return _with_error(curve, zero, slope, influence, line.misfit)


def ghk(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    r"""Zero of a GHK current fitted to all levels.

    With u = F (V - E) / RT and phi(x) = x / (1 - exp(-x)),

        I = G (RT/F) [phi(u + lambda) / phi(lambda)] (1 - exp(-u)).

    E is the reversal potential, G the slope there and exp(lambda) the rectification, the limiting slope
    outward over that inward. For monovalent ions alone lambda is F E / RT (Goldman 1943, J Gen Physiol 27:37);
    here it is free, so nothing is assumed of the solutions.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Two voltages in mV at which the current has opposite signs.
    temperature_C : float

    Returns
    -------
    Zero
        With nan where the fit does not settle, or settles outside the bracket.
    """
    start = _secant(curve, bracket)
    if curve.size < 4 or not math.isfinite(start.potential_mV):
        return _nothing(curve)
    thermal, weight = float(thermal_voltage_mV(temperature_C)), curve.weight
    parameters = np.array([start.potential_mV, start.slope_nS, 0.0])
    current, jacobian = _ghk_current(parameters, curve.voltage_mV, thermal)
    rest = float(np.sum(((curve.current_pA - current) * weight) ** 2))
    damping = 1e-3
    for _ in range(_MAX_STEPS):
        a = jacobian * weight[:, None]
        normal = a.T @ a
        scale = np.diag(np.diag(normal)) * damping
        # Least squares: where a parameter does nothing, it stays.
        step = np.linalg.lstsq(normal + scale, a.T @ ((curve.current_pA - current) * weight), rcond=None)[0]
        trial = parameters + step
        trial[2] = np.clip(trial[2], -_MAX_RECTIFICATION, _MAX_RECTIFICATION)
        new_current, new_jacobian = _ghk_current(trial, curve.voltage_mV, thermal)
        new = float(np.sum(((curve.current_pA - new_current) * weight) ** 2))
        if new <= rest:
            settled = rest - new < _SETTLED * (1 + rest)
            parameters, current, jacobian, rest = trial, new_current, new_jacobian, new
            damping = max(damping / 10, 1e-12)
            if settled:
                break
        else:
            damping *= 10
            if damping > 1e12:
                break
    if not bracket[0] <= parameters[0] <= bracket[1]:
        return _nothing(curve)
    a = jacobian * weight[:, None]
    influence = np.linalg.pinv(a)[0] * weight
    return _with_error(
        curve, float(parameters[0]), float(parameters[1]), influence, misfit(rest, curve.size - len(parameters))
    )


ESTIMATORS: Mapping[str, Callable[[Curve, Bracket, float], Zero]] = {
    "local": local,
    "polynomial": polynomial,
    "ghk": ghk,
}
SECOND: Mapping[str, str] = {"local": "polynomial", "polynomial": "local", "ghk": "local"}


def _around(curve: Curve, bracket: Bracket) -> slice:
    """Levels within 45 mV of the middle of a bracket, all in it, and four on either side where steps are far apart."""
    middle = (bracket[0] + bracket[1]) / 2
    reach = (min(middle - _NEAR_MV, bracket[0]), max(middle + _NEAR_MV, bracket[1]), middle)
    left, right, at = np.searchsorted(curve.voltage_mV, reach).tolist()
    return slice(max(0, min(left, at - _MIN_BESIDE)), max(right, at + _MIN_BESIDE))


def _secant(curve: Curve, bracket: Bracket) -> Zero:
    """Zero of the straight line through the two levels at the ends of the bracket."""
    at = np.clip(np.searchsorted(curve.voltage_mV, bracket), 0, curve.size - 1)
    v, current = curve.voltage_mV[at], curve.current_pA[at]
    if at[0] == at[1] or not current[0] * current[1] < 0:
        return _nothing(curve)
    slope = float((current[1] - current[0]) / (v[1] - v[0]))
    zero = float(v[0] - current[0] / slope)
    influence = np.zeros(curve.size)
    influence[at] = -(v[::-1] - zero) / (v[::-1] - v) / slope
    return _with_error(curve, zero, slope, influence, 1.0)


def _with_error(
    curve: Curve, potential: float, slope: float, influence: FloatArray, excess: float, between_mV: float = 0.0
) -> Zero:
    # Across a series resistance the noise of a level moves it along the axis too, the other way.
    influence = influence * (1.0 + slope * curve.series_MOhm * 1e-3)
    own = float(np.sum((influence * curve.se_pA) ** 2)) * excess**2
    shifts = _shifts(curve, influence)
    if len(shifts) > 1:
        # Between repeats there may be more than the noise within windows; few repeats tell it badly.
        between = float(shifts @ shifts) / (len(shifts) - 1) / len(shifts)
        freedom = len(shifts) - 1
        own *= max(1.0, (_PRIOR_REPEATS + freedom * between / own) / (_PRIOR_REPEATS + freedom)) if own else 1.0
    common = float(np.sum((influence @ curve.shared_pA) ** 2))
    return Zero(potential, math.sqrt(own + common + between_mV**2), slope, influence, shifts)


def _shifts(curve: Curve, influence: FloatArray) -> FloatArray:
    """What each repeat alone does to the zero; only where every level used has all repeats."""
    used = influence != 0
    count = int(curve.repeats[used].min()) if used.any() else 0
    if count < 2 or count < int(curve.repeats[used].max()):
        return np.zeros(0)
    return np.asarray(influence[used] @ curve.deviation_pA[used][:, :count])


def _ghk_current(parameters: FloatArray, voltage_mV: FloatArray, thermal_mV: float) -> tuple[FloatArray, FloatArray]:
    """Current in pA and its derivatives by E, G and lambda, shape (levels, 3)."""
    e, g, rectification = parameters
    u = np.clip((voltage_mV - e) / thermal_mV, -_FAR, _FAR)
    inward = np.exp(-u)
    ratio, growth = _phi(u + rectification)
    base, base_growth = _phi(np.array([rectification]))
    shape = thermal_mV * ratio / base * -np.expm1(-u)
    by_u = thermal_mV * ratio / base * (growth * -np.expm1(-u) + inward)
    jacobian = np.stack([-g * by_u / thermal_mV, shape, g * shape * (growth - base_growth)], axis=1)
    return g * shape, jacobian


def _phi(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """phi(x) = x / (1 - exp(-x)) and d ln phi / dx."""
    small = np.abs(x) < 1e-5
    safe = np.where(small, 1.0, x)
    value = np.where(small, 1.0 + x / 2, safe / -np.expm1(-safe))
    growth = np.where(small, 0.5 - x / 12, 1.0 / safe - 1.0 / np.expm1(safe))
    return value, growth


def _nothing(curve: Curve) -> Zero:
    return Zero(math.nan, math.nan, math.nan, np.zeros(curve.size), np.zeros(0))
