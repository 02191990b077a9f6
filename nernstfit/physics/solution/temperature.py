"""Equilibrium constants at another temperature than that of their measurement."""

import math

from nernstfit.physics.constants import GAS_CONSTANT_J_PER_MOL_K, ZERO_CELSIUS_K


def log_K_at(temperature_C: float, log_K: float, measured_at_C: float, kJ_per_mol: float) -> float:
    """Return log10 of an equilibrium constant at a temperature, by van 't Hoff's equation.

    Parameters
    ----------
    temperature_C : float
    log_K : float
        log10 of the constant at `measured_at_C`.
    measured_at_C : float
    kJ_per_mol : float
        Enthalpy of the reaction, taken as constant.
    """
    inverse_K = 1 / (temperature_C + ZERO_CELSIUS_K) - 1 / (measured_at_C + ZERO_CELSIUS_K)
    return log_K - 1000 * kJ_per_mol * inverse_K / (math.log(10) * GAS_CONSTANT_J_PER_MOL_K)
