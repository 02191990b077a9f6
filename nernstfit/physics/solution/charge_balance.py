"""pH of a solution whose recipe does not give it: the pH at which the charges of all that forms add up.

Strong acids and bases react with weak ones, and bicarbonate under carbon dioxide with every buffer beside it. What is
conserved is the charge of the ions that take up no protons, and so the sum of all charges: 0 in a recipe of whole
substances. A recipe that lacks an ion has the excess of its own components at every pH. A name of a buffer (`HEPES`,
`Tris`, `EGTA`) may stand for its acid, its base, or a salt: of the charges that it can have, those are taken that leave
the least excess. Carbonate has the charge of its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from nernstfit.physics.solution import equilibria, reactions, solids
from nernstfit.physics.solution.ions import Ion

# pH from which the search starts. At half or double it takes a few steps more.
_FIRST_PH = 7.0
# Step in which the pH is bracketed. At half or double, the search takes a few steps more.
_STEP = 1.5
# Steps in one direction before an error: to pH -2 or 16, beyond what 20 mol/l of acid or base reach. At half, strong
# bases would fail; double only delays the error.
_MAX_STEPS = 6
# Error of the pH. At half or double amounts change by less than 1e-11 of themselves.
_MAX_PH_ERROR = 1e-12
# Steps of the search within the bracket before an error. Solutions of the tests need up to 12; half would do for most,
# double only delays the error.
_MAX_ITERATIONS = 100


@dataclass(frozen=True)
class Recipe:
    """Recipe whose pH is sought.

    Attributes
    ----------
    amounts_mM, acids, temperature_C, shift_log_K
        As in `equilibria.speciate`, but protons and hydroxide count.
    CO2_mM : float
        Dissolved CO2 that a gas maintains; nan for a closed solution.
    titrant : Ion, optional
        As there; it balances the charges, so that the given carbonate, all but dissolved CO2, decides the pH.
    excess_meq_per_l : float
        From `proton_balance.least_excess_meq_per_l`: 0 of whole salts.
    """

    amounts_mM: Mapping[Ion, float]
    acids: tuple[reactions.Step, ...]
    CO2_mM: float
    temperature_C: float
    titrant: Ion | None = None
    shift_log_K: float = 0.0
    excess_meq_per_l: float = 0.0

    def balanced(self) -> tuple[float, equilibria.Speciation]:
        """Calculate the pH and the composition of the solution from all amounts.

        Raises
        ------
        NoConstant, WrongTitrant, ArithmeticError
            As `equilibria.speciate` does.
        """
        pH, found, fault = self._solved()
        if before := found.saturation:
            # Which solids deposit is decided before any does: their protons change the pH.
            pH, found, fault = self._solved([each.name for each in solids.known() if each.deposits(before)])
            saturation = {name: before[name] if name in found.solid_mM else x for name, x in found.saturation.items()}
            found = replace(found, saturation=saturation)
        if fault is not None:
            raise fault
        return pH, found

    def _solved(
        self, deposits: Collection[str] | None = None
    ) -> tuple[float, equilibria.Speciation, equilibria.WrongTitrant | None]:
        """Return the pH, the composition, and the fault of a titrant of which less than nothing would be needed."""
        given_mM = sum(amount for ion, amount in self.amounts_mM.items() if ion.name in reactions.CARBONATES)

        def beyond(pH: float) -> float:
            found, _ = self._at(pH, deposits)
            if self.titrant is None:
                return found.charge_meq_per_l - self.excess_meq_per_l
            return given_mM + self.CO2_mM - found.total_mM[reactions.BICARBONATE]

        pH = _root(beyond)
        return pH, *self._at(pH, deposits)

    def _at(
        self, pH: float, deposits: Collection[str] | None
    ) -> tuple[equilibria.Speciation, equilibria.WrongTitrant | None]:
        conditions = equilibria.Conditions(pH, self.CO2_mM, deposits is not None, deposits)
        given = (self.amounts_mM, self.acids, conditions, self.temperature_C)
        try:
            return equilibria.speciate_open(*given, self.titrant, self.shift_log_K), None
        except equilibria.WrongTitrant as fault:  # beyond the pH at which none is needed
            return equilibria.speciate_open(*given, None, self.shift_log_K), fault


def _root(falling: Callable[[float], float]) -> float:
    """Return the pH at which a function that falls with it is 0, by the regula falsi (Illinois)."""
    low = high = _FIRST_PH
    below = above = falling(_FIRST_PH)
    step = math.copysign(_STEP, below)
    for _ in range(_MAX_STEPS):
        low, below, high = high, above, high + step
        above = falling(high)
        if above * step <= 0:
            break
    else:
        raise ArithmeticError(f"no pH balances the charges of a solution: {above:+.3g} meq/l at pH {high:g}")
    for _ in range(_MAX_ITERATIONS):
        if abs(high - low) <= _MAX_PH_ERROR or above == 0:
            return high
        pH = high - above * (high - low) / (above - below)
        value = falling(pH)
        if value * above < 0:
            low, below = high, above
        else:
            below /= 2
        if abs(pH - high) <= _MAX_PH_ERROR:
            return pH
        high, above = pH, value
    raise ArithmeticError(f"the pH of a solution did not converge: {low:g} and {high:g}")
