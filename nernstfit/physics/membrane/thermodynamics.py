"""Driving force, electrochemical potential difference and flux ratio of one ion, and thermal current noise.

Symbols: V membrane potential and E Nernst potential, inside minus outside, in mV; z charge number; mu chemical and psi
electrical potential; G conductance in nS; B bandwidth in Hz; k Boltzmann constant.

The energy of a mole of an ion is its electrochemical potential mu + zF psi; the first three functions follow from its
difference between the two sides:

    V - E                                              driving force
    zF (V - E) = RT ln(a_in / a_out) + zFV             electrochemical potential difference
    (a_out / a_in) exp(-zFV / RT)                      flux ratio (Ussing 1949)
    sqrt(4 k T G B)                                    thermal current noise (Johnson 1928, Nyquist 1928)
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import BOLTZMANN_J_PER_K, FARADAY_C_PER_MOL, ZERO_CELSIUS_K, thermal_voltage_mV
from nernstfit.physics.membrane.nernst import nernst_mV

FloatArray = NDArray[np.float64]

_KJ_PER_MJ = 1e-6  # kJ in a millijoule: F x mV is in mJ/mol


def driving_force_mV(
    membrane_mV: ArrayLike, valence: ArrayLike, outside: ArrayLike, inside: ArrayLike, temperature_C: ArrayLike
) -> FloatArray:
    """Calculate the driving force V - E of an ion, with its Nernst potential E.

    Parameters
    ----------
    membrane_mV : array_like
        Membrane potential V in mV, inside minus outside.
    valence, outside, inside, temperature_C : array_like
        As in `nernst.nernst_mV`.

    Returns
    -------
    ndarray
        Driving force in mV, the common broadcast shape; positive drives outward current, of cations as of anions.
        Infinite where one side holds none of the ion, nan where neither does.

    Raises
    ------
    ValueError
        If a valence is 0.
    """
    force: FloatArray = np.asarray(membrane_mV, np.float64) - nernst_mV(valence, outside, inside, temperature_C)
    return force


def delta_mu_kJ_per_mol(
    membrane_mV: ArrayLike, valence: ArrayLike, outside: ArrayLike, inside: ArrayLike, temperature_C: ArrayLike
) -> FloatArray:
    """Calculate the electrochemical potential difference, inside minus outside.

    zF(V - E) = RT ln(inside / outside) + zFV.

    Parameters and errors are those of `driving_force_mV`.

    Returns
    -------
    ndarray
        Energy in kJ per mole of the ion that moves from outside to inside: positive where that requires work,
        negative where the ion enters spontaneously, 0 at the Nernst potential. Infinite where one side holds none
        of the ion, nan where neither does.

    Notes
    -----
    Guggenheim 1929, J Phys Chem 33:842; Hille, Ion Channels of Excitable Membranes, 3rd ed., chapter 1.
    """
    force_mV = driving_force_mV(membrane_mV, valence, outside, inside, temperature_C)
    energy: FloatArray = np.asarray(valence, np.float64) * FARADAY_C_PER_MOL * force_mV * _KJ_PER_MJ
    return energy


def flux_ratio(
    membrane_mV: ArrayLike, valence: ArrayLike, outside: ArrayLike, inside: ArrayLike, temperature_C: ArrayLike
) -> FloatArray:
    """Calculate Ussing's ratio of the unidirectional fluxes, influx over efflux: (outside / inside) exp(-zFV/RT).

    Parameters
    ----------
    membrane_mV, valence, outside, inside, temperature_C : array_like
        As in `driving_force_mV`; a valence of 0 is allowed.

    Returns
    -------
    ndarray
        Dimensionless, the common broadcast shape: 1 at the Nernst potential, above 1 where the net flux is
        inward. 0 where the ion is inside only, infinite where it is outside only, nan where it is on neither side.

    Notes
    -----
    Ussing 1949, Acta Physiol Scand 19:43. It holds where ions cross independently, by any path through the
    membrane; ions that move in single file, or that are pumped, do not obey it.
    """
    u = np.asarray(valence, np.float64) * np.asarray(membrane_mV, np.float64) / thermal_voltage_mV(temperature_C)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: FloatArray = np.asarray(outside, np.float64) / np.asarray(inside, np.float64) * np.exp(-u)
    return ratio


def thermal_noise_pA(conductance_nS: ArrayLike, bandwidth_Hz: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Calculate the thermal current noise of a conductance, sqrt(4 k T G B).

    Parameters
    ----------
    conductance_nS : array_like
        Conductance G in nS, not negative; of a membrane, the slope conductance where no net current flows.
    bandwidth_Hz : array_like
        Bandwidth B in Hz from 0, not negative.
    temperature_C : array_like
        Temperature in degrees Celsius.

    Returns
    -------
    ndarray
        Standard deviation of the current in pA, the common broadcast shape. It is a lower bound of the noise of
        a recording through this conductance in this band, not an estimate.

    Raises
    ------
    ValueError
        If a conductance or a bandwidth is negative.

    Notes
    -----
    Johnson 1928, Phys Rev 32:97; Nyquist 1928, Phys Rev 32:110.
    """
    conductance, bandwidth = np.asarray(conductance_nS, np.float64), np.asarray(bandwidth_Hz, np.float64)
    for name, values in (("conductance", conductance), ("bandwidth", bandwidth)):
        if np.any(values < 0):
            raise ValueError(f"a negative {name}: {values.min()}")
    temperature_K = np.asarray(temperature_C, np.float64) + ZERO_CELSIUS_K
    variance_A2 = 4 * BOLTZMANN_J_PER_K * temperature_K * 1e-9 * conductance * bandwidth
    noise_pA: FloatArray = 1e12 * np.sqrt(variance_A2)
    return noise_pA
