r"""Zero of a Goldman-Hodgkin-Katz current with free rectification.

With u = F (V - E) / RT and phi(x) = x / (1 - exp(-x)),

    I = G (RT/F) [phi(u + lambda) / phi(lambda)] (1 - exp(-u)).

E is the reversal potential, G the slope there and exp(lambda) the rectification, the limiting slope
outward over that inward. For monovalent ions alone lambda is F E / RT (Goldman 1943, J Gen Physiol 27:37);
here it is free, so nothing is assumed of the solutions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.estimator import Bracket, Estimator, Zero, no_zero, secant, with_error
from nernstfit.reversal.polynomial import error_scale

FloatArray = NDArray[np.float64]

# Most iterations of the fit. Ten suffice for real recordings, also where the current has another shape: half and
# double give the same potentials.
_MAX_ITERATIONS = 60
# Bound of lambda: a rectification of exp(12), 160,000 to 1, is complete within any noise. Half (400 to 1) still bounds
# no real recording at hand; beyond double the derivative by lambda vanishes.
_MAX_RECTIFICATION = 12.0
# Fall of chi square per iteration, relative to 1 + chi square, at which the fit has converged. Half and double give
# the same potentials; 1e-5 moves them by 0.0003 standard errors.
_CONVERGED = 1e-10
# Largest |u|, in thermal voltages: exp(-100) is nothing beside 1 and its inverse is still a number. Half and double
# give the same currents; beyond 700 the exponential overflows.
_MAX_REDUCED_VOLTAGE = 100.0


@dataclass(frozen=True)
class _Fit:
    """State of the fit: parameters E, G and lambda, current and Jacobian there, and chi square."""

    parameters: FloatArray
    current_pA: FloatArray
    jacobian: FloatArray
    chi_square: float


def zero(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    """Find the zero of a GHK current fitted to all levels.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Two voltages in mV at which the current has opposite signs.
    temperature_C : float

    Returns
    -------
    Zero
        nan where there are fewer than four levels, or the zero lies outside the bracket.
    """
    start = secant(curve, bracket)
    if curve.size < 4 or not math.isfinite(start.potential_mV):
        return no_zero(curve)
    parameters = np.array([start.potential_mV, start.slope_nS, 0.0])
    fit = _fitted(curve, parameters, float(thermal_voltage_mV(temperature_C)))
    potential, slope, _ = fit.parameters.tolist()
    if not bracket[0] <= potential <= bracket[1]:
        return no_zero(curve)
    influence = np.linalg.pinv(fit.jacobian * curve.weight[:, None])[0] * curve.weight
    return with_error(curve, potential, slope, influence, error_scale(fit.chi_square, curve.size - len(parameters)))


def _fitted(curve: Curve, start: FloatArray, thermal_mV: float) -> _Fit:
    """Fit by damped least squares (Levenberg-Marquardt)."""
    weight, damping = curve.weight, 1e-3
    fit = _at(curve, start, thermal_mV)
    for _ in range(_MAX_ITERATIONS):
        a = fit.jacobian * weight[:, None]
        normal = a.T @ a
        scale = np.diag(np.diag(normal)) * damping
        # Least squares: a parameter without effect stays.
        step = np.linalg.lstsq(normal + scale, a.T @ ((curve.current_pA - fit.current_pA) * weight), rcond=None)[0]
        trial = fit.parameters + step
        trial[2] = np.clip(trial[2], -_MAX_RECTIFICATION, _MAX_RECTIFICATION)
        new = _at(curve, trial, thermal_mV)
        if new.chi_square <= fit.chi_square:
            converged = fit.chi_square - new.chi_square < _CONVERGED * (1 + fit.chi_square)
            fit, damping = new, max(damping / 10, 1e-12)
            if converged:
                break
        else:
            damping *= 10
            if damping > 1e12:
                break
    return fit


def _at(curve: Curve, parameters: FloatArray, thermal_mV: float) -> _Fit:
    """Evaluate the current and chi square at some parameters."""
    current, jacobian = _current(parameters, curve.voltage_mV, thermal_mV)
    chi_square = float(np.sum(((curve.current_pA - current) * curve.weight) ** 2))
    return _Fit(parameters, current, jacobian, chi_square)


def _current(parameters: FloatArray, voltage_mV: FloatArray, thermal_mV: float) -> tuple[FloatArray, FloatArray]:
    """Return the current in pA and its derivatives by E, G and lambda, shape (levels, 3)."""
    e, g, rectification = parameters
    u = np.clip((voltage_mV - e) / thermal_mV, -_MAX_REDUCED_VOLTAGE, _MAX_REDUCED_VOLTAGE)
    inward = np.exp(-u)
    ratio, growth = _phi(u + rectification)
    base, base_growth = _phi(np.array([rectification]))
    shape = thermal_mV * ratio / base * -np.expm1(-u)
    by_u = thermal_mV * ratio / base * (growth * -np.expm1(-u) + inward)
    jacobian = np.stack([-g * by_u / thermal_mV, shape, g * shape * (growth - base_growth)], axis=1)
    return g * shape, jacobian


def _phi(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return phi(x) = x / (1 - exp(-x)) and d ln phi / dx."""
    small = np.abs(x) < 1e-5
    safe = np.where(small, 1.0, x)
    value = np.where(small, 1.0 + x / 2, safe / -np.expm1(-safe))
    growth = np.where(small, 0.5 - x / 12, 1.0 / safe - 1.0 / np.expm1(safe))
    return value, growth


ESTIMATOR = Estimator(
    name="ghk",
    zero=zero,
    second="local",
    sentence="the zero of a Goldman-Hodgkin-Katz current with free rectification fitted to all levels",
)
