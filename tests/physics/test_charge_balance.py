"""pH of recipes that give none: strong acids and bases beside weak ones, and buffers beside bicarbonate and its gas."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from nernstfit.physics.solution import proton_balance, reactions
from nernstfit.physics.solution.carbon_dioxide import dissolved_mM
from nernstfit.physics.solution.charge_balance import Recipe
from nernstfit.physics.solution.components import components_at_pH
from nernstfit.physics.solution.equilibria import Speciation
from nernstfit.physics.solution.ions import IONS

ACIDS = reactions.acid_steps(IONS.values())


def solved(gas_mmHg: float = math.nan, temperature_C: float = 25.0, **recipe: float) -> tuple[float, Speciation]:
    amounts: dict = {}
    for name, amount in recipe.items():
        for ion, count in components_at_pH(name.replace("_", "-")):
            amounts[ion] = amounts.get(ion, 0.0) + count * amount
    least = proton_balance.least_excess_meq_per_l(amounts, ACIDS)
    gas_mM = dissolved_mM(gas_mmHg, temperature_C)
    return Recipe(amounts, ACIDS, gas_mM, temperature_C, excess_meq_per_l=least).balanced()


def free(found: Speciation) -> Mapping[str, float]:
    return found.amounts_mM


@pytest.mark.parametrize(
    ("recipe", "ion", "charged"),
    [
        ({"NaCl": 100, "HEPES": 10, "NaOH": 5}, "HEPES", 5.0),
        ({"NaCl": 100, "Na_HEPES": 10, "HCl": 5}, "HEPES", 5.0),
        ({"NaCl": 100, "NH4Cl": 10, "NaOH": 5}, "NH4", 5.0),
        ({"NaCl": 100, "Tris": 10, "HCl": 5}, "Tris", 5.0),
        ({"NaCl": 100, "Tris_Cl": 10, "NaOH": 5}, "Tris", 5.0),
        ({"K_acetate": 100, "HCl": 20}, "acetate", 80.0),
    ],
)
def test_strong_and_weak_react(recipe: dict[str, float], ion: str, charged: float) -> None:
    pH, found = solved(**recipe)
    assert free(found)[ion] == pytest.approx(charged, abs=0.05)
    assert found.charge_meq_per_l == pytest.approx(0.0, abs=1e-7)
    pKa = IONS[ion].pKa
    share = math.log10(charged / (100 - charged if ion == "acetate" else 10 - charged))
    expected = (pKa or 0.0) + (share if IONS[ion].valence < 0 else -share)
    assert pH == pytest.approx(expected, abs=0.15)  # what the activity coefficients add


def test_base_beyond_the_buffer_is_free() -> None:
    pH, found = solved(NaCl=100, HEPES=10, NaOH=14)
    assert free(found)["OH"] == pytest.approx(4.0, abs=0.01)
    assert pH == pytest.approx(13.995 + math.log10(0.004) - 0.11, abs=0.05)


def test_phosphates_titrate_each_other() -> None:
    """2 HCl turn 2 of 8 HPO4 into H2PO4: the same as 6 and 4 mixed."""
    pH, found = solved(Na2HPO4=8, NaH2PO4=2, HCl=2, NaCl=100)
    assert pH == pytest.approx(solved(Na2HPO4=6, NaH2PO4=4, NaCl=102)[0], abs=1e-6)
    assert free(found)["HPO4"] == pytest.approx(6.0, abs=0.01)


def test_a_buffer_takes_protons_from_carbonic_acid() -> None:
    """HCO3 + HEPES = CO2 + H2O + HEPES-: what bicarbonate loses, HEPES has."""
    pH, found = solved(38.0, 37.0, NaCl=120, NaHCO3=25, HEPES=10)
    carbonate = free(found)["HCO3"] + 2 * free(found)["CO3"]
    assert carbonate + free(found)["HEPES"] == pytest.approx(25.0, abs=1e-3)
    assert free(found)["HEPES"] == pytest.approx(5.3, abs=0.2)
    without, _ = solved(38.0, 37.0, NaCl=120, NaHCO3=25)
    assert 0.08 < without - pH < 0.13


def test_precipitated_carbonate_takes_its_alkalinity_along() -> None:
    """Ca + 2 HCO3 = CaCO3 + CO2 + H2O."""
    recipe = {"NaCl": 100, "NaHCO3": 50}
    _, before = solved(10.0, 37.0, **recipe)
    _, after = solved(10.0, 37.0, **recipe, CaCl2=10)
    (amount,) = after.solid_mM.values()
    assert amount > 5
    alkalinity = [free(each)["HCO3"] + 2 * free(each)["CO3"] + free(each)["OH"] for each in (before, after)]
    bound = free(after)["[CaHCO3]+"] + 2 * after.pair_mM["Ca", "CO3", "[CaCO3]"]
    assert alkalinity[0] - alkalinity[1] == pytest.approx(2 * amount + bound, abs=1e-3)


@pytest.mark.parametrize("gas_mmHg", [math.nan, 38.0])
def test_a_recipe_that_lacks_an_ion_keeps_its_excess(gas_mmHg: float) -> None:
    """The sodium of bicarbonate is missing: the pH is that of the whole recipe."""
    whole = {"Na": 145.0, "Cl": 120.0, "HCO3": 25.0, "NaOH": 1.0}
    pH, found = solved(gas_mmHg, **whole)
    lacking, without = solved(gas_mmHg, **(whole | {"Na": 120.0}))
    assert without.charge_meq_per_l == pytest.approx(-25.0, abs=1e-6)
    assert lacking == pytest.approx(pH, abs=0.02)
    assert free(without)["HCO3"] == pytest.approx(free(found)["HCO3"], rel=0.01)
