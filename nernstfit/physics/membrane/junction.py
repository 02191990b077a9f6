"""Liquid junction potential between bath and pipette by Henderson's equation, on concentrations or activities.

Symbols: V potential of the bath minus that of the pipette, in mV; b, p concentrations in bath and pipette; z charge
number; u absolute mobility; G = sum z^2 u c conductance of a solution; t = z^2 u c / G transport number; a = gamma c
activity. No current flows where

    V = -(RT/F) int sum (t / z) d ln a        (from pipette to bath; Planck 1890, Ann Phys 276:561)
      = -(RT/F) int sum (t / z) d ln c  -  (RT/F) int sum (t / z) d ln gamma.

Henderson's equation assumes that every concentration changes linearly across the junction; then the first part is

    (RT/F) [sum z u (b - p) / (G_b - G_p)] ln(G_p / G_b),

and the second is integrated numerically, with gamma that of the mixture at each place. Transport numbers follow from
concentrations in both. `nernst_planck` does not assume linear profiles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]
Coefficients = Callable[[FloatArray], FloatArray]

# Degree of the polynomials of ln gamma across the junction. With 8 the potentials of 3 M KCl against 1 mM NaCl, the
# steepest in use, are exact to 1e-4 mV; at half to .01 mV, at double to rounding, in twice the time.
_DEGREE = 12


@dataclass(frozen=True)
class SolutionPair:
    """Two solutions in contact, as the ions of both.

    Attributes
    ----------
    bath_mM, pipette_mM : array_like, shape (ions,)
        Concentrations of every ion of either solution, in one unit; not negative.
    valence : array_like of int, shape (ions,)
        Signed charge numbers.
    mobility : array_like, shape (ions,)
        Absolute mobilities in any one unit, such as relative to K: limiting equivalent conductivity / |z|.
    coefficients : callable or None
        Activity coefficients of the ions at concentrations in mM of shape (places, ions), in the same shape; that of an
        ion at 0 mM is that of its trace. None takes concentrations for activities.
    """

    bath_mM: ArrayLike
    pipette_mM: ArrayLike
    valence: ArrayLike
    mobility: ArrayLike
    coefficients: Coefficients | None = None


def henderson_mV(
    bath_mM: ArrayLike,
    pipette_mM: ArrayLike,
    valence: ArrayLike,
    mobility: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the liquid junction potential by Henderson's equation, V_bath - V_pipette.

    Henderson 1907, Z phys Chem 59:118; Barry & Lynch 1991, J Membr Biol 121:101.

    Parameters
    ----------
    bath_mM, pipette_mM : array_like, shape (..., ions)
        Concentrations of every ion of either solution, in one unit; not negative.
    valence : array_like of int, shape (..., ions)
        Signed charge numbers.
    mobility : array_like, shape (..., ions)
        Absolute mobilities in any one unit, such as relative to K: limiting equivalent conductivity / |z|.
    temperature_C : array_like, leading shape
        Temperature in degrees Celsius.

    Returns
    -------
    ndarray, leading shape
        Potential of the bath minus that of the pipette, in mV; 0 for equal solutions, nan where a solution
        holds no ion. Exchanging the solutions changes the sign and nothing else.
    """
    b, p = np.asarray(bath_mM, dtype=np.float64), np.asarray(pipette_mM, dtype=np.float64)
    z, u = np.asarray(valence, dtype=np.float64), np.asarray(mobility, dtype=np.float64)
    driven = (z * u * (p - b)).sum(axis=-1)
    smaller = np.minimum((z**2 * u * b).sum(axis=-1), (z**2 * u * p).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.abs((z**2 * u * (p - b)).sum(axis=-1)) / smaller
        # ln(r) / (r - 1) of the conductance ratio r = 1 + excess, which is smooth through equal conductances.
        factor = np.where(excess == 0, 1.0, np.log1p(excess) / excess)
        potential_mV: FloatArray = (thermal_voltage_mV(temperature_C) * driven / smaller * factor)[()]
    return np.where(smaller > 0, potential_mV, np.nan)[()]


def coefficients_mV(pair: SolutionPair, temperature_C: float) -> float:
    """Calculate the part of the junction potential that the activity coefficients add to Henderson's equation.

    It is -(RT/F) int sum (t / z) d ln gamma over the linear mixtures from the pipette's solution to the bath.

    Parameters
    ----------
    pair : SolutionPair
    temperature_C : float
        Temperature in degrees Celsius.

    Returns
    -------
    float
        In mV, of the bath minus the pipette; 0 on concentrations, nan where a solution holds no ion.
    """
    if pair.coefficients is None:
        return 0.0
    given = np.broadcast_arrays(pair.bath_mM, pair.pipette_mM, pair.valence, pair.mobility)
    b, p, z, u = np.array(given, dtype=np.float64)
    if not (b.any() and p.any()):
        return float("nan")
    place, weight, slope = _mixtures(_DEGREE)
    # Places are even in the logarithm of the concentration, of whose root the coefficients are smooth functions.
    steepness = float(np.log(b.sum() / p.sum()))
    share = place if steepness == 0 else np.expm1(place * steepness) / np.expm1(steepness)
    mixture = p + share[:, None] * (b - p)
    conductance = z**2 * u * mixture
    transport = conductance / conductance.sum(axis=1, keepdims=True)
    ln_gamma = np.log(pair.coefficients(mixture))
    change = slope @ (ln_gamma - ln_gamma[0])
    return float(-thermal_voltage_mV(temperature_C) * (weight @ (transport / z * change).sum(axis=1)))


@cache
def _mixtures(degree: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Chebyshev nodes from 0 to 1 with both ends, weights of the integral, and the matrix of the derivative."""
    nodes, to_series = chebyshev(degree)
    return (nodes + 1) / 2, to_series[0], 2 * legendre_slopes(nodes, degree) @ to_series


def chebyshev(degree: int) -> tuple[FloatArray, FloatArray]:
    """Return the Chebyshev nodes from -1 to 1 with both ends, and the matrix from values there to Legendre's series."""
    nodes = -np.cos(np.pi * np.arange(degree + 1) / degree)
    return nodes, np.asarray(np.linalg.inv(legendre.legvander(nodes, degree)), dtype=np.float64)


def legendre_slopes(places: FloatArray, degree: int) -> FloatArray:
    """Return the slopes of Legendre's polynomials up to a degree at some places, shape (places, degree + 1)."""
    return np.stack([legendre.legval(places, legendre.legder(one)) for one in np.eye(degree + 1)], axis=-1)
