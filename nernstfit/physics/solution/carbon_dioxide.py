"""Carbon dioxide that a solution dissolves under a gas, by Henry's law."""

from __future__ import annotations

import math

from nernstfit.physics.constants import ZERO_CELSIUS_K

_MMHG_PER_ATM = 760.0  # by definition
_HENRY = (108.3865, 0.01985076, -6919.53, -40.45154, 669365.0)
"""log10 of the solubility in mol/(kg atm) is a + b T + c/T + d log10 T + e/T^2, T in K: Plummer & Busenberg 1982
(Geochim Cosmochim Acta 46:1011); 10^-1.468 at 25 C, 10^-1.606 at 37 C."""


def dissolved_mM(pCO2_mmHg: float, temperature_C: float) -> float:
    """Return the dissolved CO2 in mM at a pressure; the 3 % that 0.15 mol/l of salt expel are neglected.

    Parameters
    ----------
    pCO2_mmHg : float
        Partial pressure in the gas that the solution is in equilibrium with, water vapour counted in its total.
    temperature_C : float
    """
    kelvin = temperature_C + ZERO_CELSIUS_K
    a, b, c, d, e = _HENRY
    log_solubility = a + b * kelvin + c / kelvin + d * math.log10(kelvin) + e / kelvin**2
    return float(1000 * 10**log_solubility * pCO2_mmHg / _MMHG_PER_ATM)
