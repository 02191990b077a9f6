"""The liquid junction potential between bath and pipette."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]


def henderson_mV(
    bath_mM: ArrayLike,
    pipette_mM: ArrayLike,
    valence: ArrayLike,
    mobility: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Liquid junction potential by Henderson's equation, V_bath - V_pipette.

    With u the absolute mobility, b and p the two solutions and G = sum z^2 u c their conductances,

        V = (RT/F) [sum z u (b - p) / (G_b - G_p)] ln(G_p / G_b),

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
        holds no ion. Two solutions exchanged change the sign and nothing else.
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
