"""Potential of a charged surface in a solution, by the theory of the diffuse double layer (Gouy, Chapman).

A surface of the charge density sigma has the potential psi to the bulk of the solution, u = F psi / RT (Grahame 1947,
Chem Rev 41:441):

    sigma^2 = 2 eps eps0 R T sum_i c_i [exp(-z_i u) - 1],    psi of the sign of sigma.

An ion that is c_i in the bulk is c_i exp(-z_i u) at the surface. Charges are a smooth plane and ions are points; none
binds to the surface.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import (
    GAS_CONSTANT_J_PER_MOL_K,
    VACUUM_PERMITTIVITY_F_PER_M,
    ZERO_CELSIUS_K,
    thermal_voltage_mV,
)
from nernstfit.physics.solution.activity import water_permittivity

FloatArray = NDArray[np.float64]

# Newton steps of the root. Each comes from above and lowers u by nearly 1 / |z| at most, from a start that is some 10
# above; a fifth of them is usual. Half would do, double changes nothing.
_MAX_STEPS = 100
# Last step, relative to 1 + |u|; rounding is some 1e-16. At half a step may be repeated, at double psi changes by less
# than 1e-12 mV.
_STEP_TOLERANCE = 1e-14


def surface_potential_mV(
    charge_C_per_m2: float, concentration_mM: ArrayLike, valence: ArrayLike, temperature_C: float
) -> float:
    """Calculate the potential of a charged surface relative to the bulk of the solution.

    Parameters
    ----------
    charge_C_per_m2 : float
        Charge density of the surface.
    concentration_mM : array_like, shape (ions,)
        Concentrations of all ions in the bulk. What they lack of electroneutrality counts as a monovalent ion.
    valence : array_like of int, shape (ions,)
        Signed charge numbers.
    temperature_C : float

    Returns
    -------
    float
        Of the sign of the charge; 0 without charge, infinite in a solution without ions.
    """
    c, z = np.asarray(concentration_mM, dtype=np.float64), np.asarray(valence, dtype=np.float64)
    if not charge_C_per_m2:
        return 0.0
    excess = float(c @ z)
    sign = float(np.copysign(1.0, charge_C_per_m2))
    # Charges relative to the surface: counter-ions have a negative one.
    c, z = np.append(c, abs(excess)), sign * np.append(z, -np.sign(excess))
    temperature_K = temperature_C + ZERO_CELSIUS_K
    permittivity_F_per_m = VACUUM_PERMITTIVITY_F_PER_M * float(water_permittivity(temperature_C))
    pressure_mM = charge_C_per_m2**2 / (2 * permittivity_F_per_m * GAS_CONSTANT_J_PER_MOL_K * temperature_K)
    if not (c[z < 0] > 0).any():
        return sign * float("inf")
    return sign * _root(c, z, pressure_mM) * float(thermal_voltage_mV(temperature_C))


def _root(c: FloatArray, z: FloatArray, pressure_mM: float) -> float:
    """Return u > 0 at which the ions at the surface exceed those in the bulk by a concentration.

    The excess is a convex function of u that increases from 0: Newton's steps from above stay above.
    """
    counter = (z < 0) & (c > 0)
    u = float(np.min(np.log1p((pressure_mM + c.sum()) / c[counter]) / -z[counter]))
    for _ in range(_MAX_STEPS):
        excess, rise = c @ np.expm1(-z * u), -(c * z) @ np.exp(-z * u)
        step = float((excess - pressure_mM) / rise)
        u -= step
        if abs(step) < _STEP_TOLERANCE * (1 + u):
            break
    return u


def at_surface(bulk: ArrayLike, valence: ArrayLike, potential_mV: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Return activities or concentrations of ions at a surface.

    Parameters
    ----------
    bulk : array_like, shape (..., ions)
        Far from the surface.
    valence : array_like of int, shape (ions,)
    potential_mV, temperature_C : array_like, leading shape
        Potential of the surface relative to the bulk.
    """
    u = np.asarray(np.asarray(potential_mV) / thermal_voltage_mV(temperature_C))[..., None]
    return np.asarray(bulk * np.exp(-np.asarray(valence) * u))
