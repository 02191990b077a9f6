"""Physical constants and the thermal voltage."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

GAS_CONSTANT_J_PER_MOL_K = 8.31446261815324
"""Molar gas constant R, exact (CODATA 2018)."""

FARADAY_C_PER_MOL = 96485.3321233100184
"""Faraday constant F, exact (CODATA 2018): elementary charge times Avogadro constant."""

BOLTZMANN_J_PER_K = 1.380649e-23
"""Boltzmann constant k, exact (CODATA 2018)."""

VACUUM_PERMITTIVITY_F_PER_M = 8.8541878188e-12
"""Electric constant (CODATA 2022)."""

ZERO_CELSIUS_K = 273.15
"""0 degrees Celsius in kelvin, exact."""


def thermal_voltage_mV(temperature_C: ArrayLike) -> NDArray[np.float64]:
    """Return the thermal voltage RT/F in mV, the natural unit of membrane potentials.

    Parameters
    ----------
    temperature_C : array_like
        Temperature in degrees Celsius, any shape.

    Returns
    -------
    ndarray
        RT/F in mV, the shape of `temperature_C` (a numpy float for a scalar). 25 C: 25.69258 mV.

    Raises
    ------
    ValueError
        If a temperature is below absolute zero.
    """
    temperature_K = np.asarray(temperature_C, dtype=np.float64)[()] + ZERO_CELSIUS_K
    if (temperature_K < 0).any():
        raise ValueError(f"a temperature lies below absolute zero: {temperature_K.min() - ZERO_CELSIUS_K:g} C")
    voltage_mV: NDArray[np.float64] = 1000 * GAS_CONSTANT_J_PER_MOL_K * temperature_K / FARADAY_C_PER_MOL
    return voltage_mV
