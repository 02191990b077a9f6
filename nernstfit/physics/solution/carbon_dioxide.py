"""Solutions in equilibrium with carbon dioxide at a given pressure: an open system.

Dissolved CO2 follows from its pressure by Henry's law; of pH and bicarbonate the one gives the other,

    pH = pKa + log gamma(HCO3) + log ([HCO3] / [CO2]),

with the pKa and the activity coefficients of `equilibria`, which also distributes carbonate and its complexes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nernstfit.physics.constants import ZERO_CELSIUS_K
from nernstfit.physics.solution import equilibria, reactions
from nernstfit.physics.solution.ions import IONS, Ion

CARBONATES = ("HCO3", "CO3")
"""Ions of a recipe that are given as carbonate."""

_MMHG_PER_ATM = 760.0  # by definition
_HENRY = (108.3865, 0.01985076, -6919.53, -40.45154, 669365.0)
"""log10 of the solubility in mol/(kg atm) is a + b T + c/T + d log10 T + e/T^2, T in K: Plummer & Busenberg 1982
(Geochim Cosmochim Acta 46:1011); 10^-1.468 at 25 C, 10^-1.606 at 37 C."""
# Iterations before an error. Solutions of the tests need up to 12; half would do for them, double only delays the
# error.
_MAX_ITERATIONS = 100
# Relative change of the carbonate, and change of the pH, at which they have converged: thousands of roundings. At half,
# or double, amounts change by less than 1e-11 of themselves.
_CONVERGED = 1e-11
# log gamma(HCO3) of the first guess, that of 0.15 mol/l. At half or double one more iteration is needed.
_FIRST_EXPONENT = 0.12


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


def speciate_open(
    amounts_mM: Mapping[Ion, float],
    acids: tuple[reactions.Step, ...],
    pH_and_gas: tuple[float, float],
    temperature_C: float,
    titrant: Ion | None = None,
    shift_log_K: float = 0.0,
) -> tuple[float, equilibria.Speciation]:
    """Calculate the pH and the composition of a solution under carbon dioxide.

    Parameters
    ----------
    amounts_mM, acids, temperature_C, titrant, shift_log_K
        As in `equilibria.speciate`. Given carbonate, as HCO3 or CO3, is all that is not dissolved CO2; with a pH it is
        ignored, as pH and pressure determine it.
    pH_and_gas : tuple of float
        pH, nan where it follows from carbonate and pressure, and the pressure in mmHg.

    Returns
    -------
    pH : float
    composition : Speciation

    Raises
    ------
    ValueError
        Without a pH and without carbonate.
    NoConstant, WrongTitrant, ArithmeticError
        As `equilibria.speciate` does.
    """
    pH, pCO2_mmHg = pH_and_gas
    given_mM = sum(amount for ion, amount in amounts_mM.items() if ion.name in CARBONATES)
    others = {ion: amount for ion, amount in amounts_mM.items() if ion.name not in CARBONATES}
    bicarbonate = next((ion for ion in amounts_mM if ion.name == "HCO3"), IONS["HCO3"])
    gas_mM, pKa = dissolved_mM(pCO2_mmHg, temperature_C), reactions.pKa([bicarbonate], acids, temperature_C)[0]
    if math.isnan(pH) and given_mM <= 0:
        raise ValueError("neither pH nor carbonate is given")
    exponent, share, before = _FIRST_EXPONENT, 1.0, (math.nan, math.nan)  # share of HCO3 in all but dissolved CO2
    for _ in range(_MAX_ITERATIONS):
        at_pH = pKa - exponent + math.log10(given_mM * share / gas_mM) if math.isnan(pH) else pH
        bound_mM = given_mM if math.isnan(pH) else gas_mM * 10 ** (pH - pKa + exponent) / share
        total_mM = bound_mM + gas_mM
        found = equilibria.speciate(others | {bicarbonate: total_mM}, acids, at_pH, temperature_C, titrant, shift_log_K)
        if abs(total_mM - before[0]) <= _CONVERGED * total_mM and abs(at_pH - before[1]) <= _CONVERGED:
            return at_pH, found
        before = total_mM, at_pH
        exponent = math.log10(found.amounts_mM["H"] / 1000) + at_pH
        free_mM = found.amounts_mM["HCO3"]
        share = free_mM / (total_mM - free_mM * 10 ** (pKa - exponent - at_pH))
    raise ArithmeticError(f"carbonate under {pCO2_mmHg:g} mmHg CO2 did not converge: {total_mM:g} mM at pH {at_pH:g}")
