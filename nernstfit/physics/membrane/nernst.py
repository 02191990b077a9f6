"""Nernst potential: the membrane potential at which one ion is at equilibrium.

Symbols: E potential, inside minus outside, in mV; z charge number; a_out, a_in activities.

    E = (RT / zF) ln(a_out / a_in)
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV


def nernst_mV(
    valence: ArrayLike, outside: ArrayLike, inside: ArrayLike, temperature_C: ArrayLike
) -> NDArray[np.float64]:
    """Calculate the Nernst potential, inside minus outside: (RT/zF) ln(outside / inside).

    Parameters
    ----------
    valence : array_like of int
        Signed charge number z of the ion.
    outside, inside : array_like
        Activities or concentrations on the two sides, in any one unit; not negative.
    temperature_C : array_like
        Temperature in degrees Celsius.

    Returns
    -------
    ndarray
        Potential in mV, the common broadcast shape (a numpy float for scalars). Where one side holds
        none of the ion the potential is infinite, with the sign of its limit; where neither does, nan.

    Raises
    ------
    ValueError
        If a valence is 0: an uncharged substance has no equilibrium potential.

    Notes
    -----
    Nernst 1888, Z. phys. Chem. 2:613; Hille, Ion Channels of Excitable Membranes, 3rd ed., chapter 1.
    """
    z = np.asarray(valence, dtype=np.float64)
    if np.any(z == 0):
        raise ValueError("a valence is 0: an uncharged substance has no Nernst potential")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(np.asarray(outside, np.float64)) - np.log(np.asarray(inside, np.float64))
        potential_mV: NDArray[np.float64] = thermal_voltage_mV(temperature_C) / z * log_ratio
    return potential_mV
