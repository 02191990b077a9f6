"""Liquid junction potential between bath and pipette by Henderson's equation.

Symbols: V potential of the bath minus that of the pipette, in mV; b, p concentrations (or activities) in bath and
pipette; z charge number; u absolute mobility; G = sum z^2 u c conductance of a solution.

    V = (RT/F) [sum z u (b - p) / (G_b - G_p)] ln(G_p / G_b)

It assumes that every concentration changes linearly across the junction; `nernst_planck` does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]


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
    bath_coefficient, pipette_coefficient : array_like, shape (ions,)
        Activity coefficients in either solution; 1 takes concentrations for activities.
    """

    bath_mM: ArrayLike
    pipette_mM: ArrayLike
    valence: ArrayLike
    mobility: ArrayLike
    bath_coefficient: ArrayLike = 1.0
    pipette_coefficient: ArrayLike = 1.0


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
        Concentrations (or activities) of every ion of either solution, in one unit; not negative.
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
