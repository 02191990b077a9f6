"""Recipes without a pH whose weak acids and bases decide it, against textbook formulas and an independent balance."""

from __future__ import annotations

import math
import random

import pytest
from scipy import optimize

from nernstfit.contract.cells import Cells
from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.experiment import solution_table
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import solution_findings
from nernstfit.solutions.ion_table import solution_rows

MODEL = "pitzer:macinnes"
# pKa at 25 C and infinite dilution, with the charge of the base: CRC Handbook of Chemistry and Physics.
CYANIDE, TRIS, AMMONIUM = (9.21, -1), (8.072, 0), (9.25, 0)
PHOSPHATE = ((12.375, -3), (7.20, -2), (2.148, -1))


def read(text: str) -> Solutions:
    row = {"solution": "a"} | dict(part.split("=") for part in text.split(","))
    found, faults = solution_table.parse(Cells.of_rows([row]), "s.csv")
    assert not faults
    return found


def findings(text: str) -> list[Finding]:
    return list(solution_findings(read(text), 25.0, MODEL)["a"])


def told(text: str, code: Code) -> Finding:
    """Return the one finding of a code."""
    (found,) = [each for each in findings(text) if each.code is code]
    return found


def pH_of(text: str) -> float:
    return float(read(text).at(25.0).pH[0])


def free(text: str) -> dict[str, float]:
    found = read(text)
    return {ion.name: c for ion, c in zip(found.ions, found.row("a", 25.0).tolist(), strict=True)}


def davies(strength_M: float) -> float:
    """Return log10 of the coefficient of a univalent ion at 25 C."""
    root = math.sqrt(strength_M)
    return -0.509 * (root / (1 + root) - 0.3 * strength_M)


def textbook(base_mM: float, acid_mM: float, pKa: tuple[float, int], strength_M: float) -> float:
    """Return the pH of a base beside its own acid, by the balance of their protons and those of water."""
    pK, z = pKa
    shift = davies(strength_M) * (z**2 - (z + 1) ** 2)

    def excess(pH: float) -> float:
        share = 1 / (1 + 10 ** (pH - pK - shift))
        proton, hydroxide = (10 ** (3 + log - davies(strength_M)) for log in (-pH, pH - 13.995))
        return (base_mM + acid_mM) * share - acid_mM + proton - hydroxide

    return float(optimize.brentq(excess, 0, 14))


@pytest.mark.parametrize(
    ("recipe", "pH"),
    [
        ("NaCN=100", textbook(100, 0, CYANIDE, 0.1)),
        ("NaCN=5,NaCl=140", textbook(5, 0, CYANIDE, 0.145)),
        ("Tris-HCl=.03,NaCl=100", textbook(0, 0.03, TRIS, 0.1)),
        ("Na3PO4=50", textbook(50, 0, PHOSPHATE[0], 0.272)),
        ("Na2HPO4=1,NaCl=140", textbook(1, 0, PHOSPHATE[1], 0.143)),
    ],
)
def test_salts_of_weak_acids_and_bases_react_with_water(recipe: str, pH: float) -> None:
    assert pH_of(recipe) == pytest.approx(pH, abs=0.05)


@pytest.mark.parametrize(
    "recipe",
    [
        "Na acetate=100",
        "NaF=100",
        "K gluconate=130,KCl=10",
        "NH4Cl=100",
        "Tris-HCl=10,NaCl=140",
        "NH4 acetate=100",
        "Na-HEPES=10,NaCl=140",
        "Na3 citrate=50",
        "K2EGTA=10,KCl=100",
        "glycine=10,NaCl=140",
        "imidazole=5,NaCl=140",
    ],
)
def test_salts_that_stay_as_written_to_a_percent_have_no_pH(recipe: str) -> None:
    assert math.isnan(pH_of(recipe))
    assert read(recipe).charge_excess_meq_per_l(25.0)[0] == 0


@pytest.mark.parametrize(
    ("recipe", "low", "high"),
    [
        ("choline chloride=140,CaCl2=2,HEPES=10,Tris=5", 7.3, 7.5),
        ("MES=10,Tris=5,NaCl=140", 6.0, 6.3),
        ("NaCl=140,HEPES=10,NMDG=4", 7.2, 7.5),
        ("NaCl=140,HEPES=10,imidazole=5", 7.0, 7.2),
        ("NaCl=140,Na-HEPES=5,Tris-HCl=5", 7.8, 8.0),  # halfway between the two
        ("Na3PO4=50,glycine=10", 11.8, 12.05),
        ("Na2HPO4=8,NaH2PO4=2,NaCl=130", 7.35, 7.5),
        ("KH2PO4=24.9,K2HPO4=24.9", 6.85, 6.9),  # standard of 6.865 (25 mmol/kg of each)
        ("HEPES=5,Na-HEPES=5,NaCl=280", 7.4, 7.55),
        ("Tris=5,Tris-HCl=5,NaCl=140", 8.15, 8.3),
        ("NH4Cl=10,NH3=10", 9.25, 9.35),
        ("K4BAPTA=10,HEPES=10,KCl=100", 6.8, 7.0),
    ],
)
def test_a_free_acid_that_a_weak_base_titrates_has_its_pH(recipe: str, low: float, high: float) -> None:
    assert low < pH_of(recipe) < high
    assert read(recipe).charge_excess_meq_per_l(25.0)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "recipe",
    [
        "NaCl=140,HEPES=10",  # the titrant is missing
        "NaCl=140,Tris=10",
        "NaCl=140,HEPES=10,Tris-HCl=10",  # at pH 5, where neither buffers
        "NaCl=10,HEPES=10,NMDG=140",  # at pH 10.7: the acid is missing
        "NaCl=140,HEPES=10,NMDG=15",  # at pH 9.5
    ],
)
def test_a_recipe_without_its_titrant_is_told(recipe: str) -> None:
    assert math.isnan(pH_of(recipe))
    assert "that state of protonation is open" in told(recipe, Code.CHARGE).sentence


@pytest.mark.parametrize(
    "recipe",
    [
        "NaCl=125,NaHCO3=26,NaH2PO4=1.25,CaCl2=2",  # some CO2 is lost
        "KCl=140,Na2EGTA=10,CaCl2=5",  # no pH follows where 1 % of either amount decides it
    ],
)
def test_gas_and_chelated_metals_decide_no_pH(recipe: str) -> None:
    assert math.isnan(pH_of(recipe))


@pytest.mark.parametrize(
    ("ion", "excess", "missing"),
    [("PO4", -15, "Na"), ("HPO4", -10, "Na"), ("citrate", -15, "Na"), ("ammonium", 5, "Cl"), ("SO4", -10, "Na")],
)
def test_an_ion_without_its_counter_ion_beside_free_base_is_no_acid(ion: str, excess: float, missing: str) -> None:
    recipe = f"NaCl=140,HEPES=10,NaOH=5,{ion}=5"
    assert told(recipe, Code.CHARGE).values["excess"] == pytest.approx(excess, abs=1e-6)
    assert f"likely missing is {missing}" in told(recipe, Code.CHARGE).sentence


@pytest.mark.parametrize(
    "amounts", ["K=145,Cl=140,HEPES=10", "NMDG=140,Cl=135,HEPES=10", "EGTA4=5,K=115,Cl=100,HEPES=10"]
)
def test_a_composition_typed_in_ions_has_the_pH_of_its_buffers(amounts: str) -> None:
    """Half of 10 mM HEPES, pKa 7.5, holds 5 meq/l; EGTA holds two cations below its pKa of 8.9."""
    assert 7.3 < pH_of(amounts) < 7.6
    assert read(amounts).charge_excess_meq_per_l(25.0)[0] == pytest.approx(0, abs=1e-9)


def test_random_mixtures_balance_their_charges() -> None:
    """Beside their own acids or bases, weak ones are at the pH of the textbook, or as written to 1.2 %."""
    rng, followed = random.Random(7), 0
    pairs = {"CN": ("NaCN", CYANIDE), "NH4": ("NH4Cl", AMMONIUM), "Tris": ("Tris-HCl", TRIS)}
    for _ in range(60):
        name = rng.choice(sorted(pairs))
        salt, pKa = pairs[name]
        amount, other = 10 ** rng.uniform(-2, 2), rng.uniform(50, 150)
        recipe = f"NaCl={other},{salt}={amount}"
        strength_M = (other + amount) / 1000
        base, acid = (amount, 0.0) if pKa[1] < 0 else (0.0, amount)
        pH = textbook(base, acid, pKa, strength_M)
        own = free(recipe)
        if math.isnan(pH_of(recipe)):
            changed = 1 / (1 + 10 ** ((pH - pKa[0]) * (1 if pKa[1] < 0 else -1)))
            assert changed < 0.012, recipe
        else:
            followed += 1
            assert pH_of(recipe) == pytest.approx(pH, abs=0.05), recipe
            assert own[name] < 0.992 * amount, recipe
    assert 10 < followed < 50


def test_a_junction_counts_what_phosphate_makes_of_water() -> None:
    """50 mM Na3PO4: a third of the phosphate takes a proton, and hydroxide, five times as mobile, stands for it."""
    own = free("Na3PO4=50")
    assert own["OH"] == pytest.approx(own["HPO4"], rel=0.001)
    assert 0.25 < own["OH"] / 50 < 0.33


@pytest.mark.parametrize(
    ("recipe", "pH"),
    [("HCl=1", 3.015), ("HCl=100", 1.098), ("NaOH=1,NaCl=140", 10.87), ("HCl=5,KCl=150", 2.41)],
)
def test_the_pH_of_strong_acid_or_base_is_stated(recipe: str, pH: float) -> None:
    """Of .1 mol/kg HCl .796 is the mean coefficient (Robinson & Stokes 1959); MacInnes' convention has .83 for H."""
    (row,) = solution_rows(read(recipe), 25.0, MODEL)
    assert row["pH"] == pytest.approx(pH, abs=0.03)


@pytest.mark.parametrize(("metal", "is_told"), [("FeCl3", True), ("AlCl3", True), ("CuCl2", False), ("ZnCl2", False)])
def test_metals_that_are_acids_themselves_are_told(metal: str, is_told: bool) -> None:
    """1 mM of Fe3 (pK 2.2) is hydrolysed by 90 %, of Al (5.0) by 10 %, of Cu (7.5) by half a percent."""
    sentences = [each.sentence for each in findings(f"NaCl=140,{metal}=1")]
    assert any("hydroxide" in each for each in sentences) == is_told


def test_calcium_leaves_cyanide_alone() -> None:
    codes = {each.code for each in findings("NaCl=140,CaCl2=5,NaCN=1")}
    assert Code.UNKNOWN_COMPLEX not in codes


# Supersaturation


@pytest.mark.parametrize("extra", [",pH=7.4", ",pH=7.3", ""])
def test_a_phosphate_saline_that_is_sold_clear_counts_as_dissolved(extra: str) -> None:
    """Dulbecco's saline with calcium and magnesium (its maker's recipe)."""
    recipe = f"CaCl2=0.9,MgCl2=0.5,KCl=2.67,KH2PO4=1.47,NaCl=138,Na2HPO4=8.06{extra}"
    found = read(recipe)
    (solid,) = found.at(25.0).solids[0]
    assert (solid.solid, solid.amount_mM) == ("CaHPO4 2H2O", 0.0)
    assert 0.2 < solid.saturation < 0.5
    assert free(recipe)["Ca"] == pytest.approx(0.64, abs=0.03)
    codes = {each.code: each.severity for each in solution_findings(found, 25.0, MODEL, permeant=["Ca"])["a"]}
    assert codes[Code.SUPERSATURATED] == "warning"
    assert not codes.keys() & {Code.PRECIPITATE, Code.PRECIPITATE_PERMEANT, Code.PRECIPITATE_AT_OWN_PH}


def test_more_calcium_deposits_down_to_saturation() -> None:
    """Beyond the limit the solid is in equilibrium: its index is 0, not the limit."""
    found = read("CaCl2=5,Na2HPO4=8,NaCl=138,pH=7.4")
    (solid,) = found.at(25.0).solids[0]
    (cooler,) = found.at(22.0).solids[0]
    assert cooler.amount_mM == pytest.approx(solid.amount_mM, rel=0.03)
    assert solid.saturation > 0.5
    assert solid.amount_mM > 3
    dissolved = read(
        f"CaCl2={5 - solid.amount_mM},Na2HPO4={8 - solid.amount_mM},NaCl={138 + 2 * solid.amount_mM},pH=7.4"
    )
    (left,) = dissolved.at(25.0).solids[0] or [None]
    assert left is None or left.saturation < 0.02


def test_a_solid_beside_complexes_that_are_not_calculated_is_told_with_that_condition() -> None:
    sentence = told("NaCl=140,CuCl2=0.1,NaN3=5,pH=7.4", Code.PRECIPITATE).sentence
    assert "unless complexes of Cu, which are not calculated, hold it" in sentence


@pytest.mark.parametrize(
    ("recipe", "is_told"),
    [
        ("KCl=140,CaCl2=12,EGTA=10,HEPES=10,pH=7.2", True),
        ("KCl=140,BaCl2=5,EGTA=4,HEPES=10,pH=7.2", True),
        ("KCl=140,ATP=4,MgCl2=6,HEPES=10,pH=7.2", False),
        ("KCl=140,CaCl2=2,EGTA=10,HEPES=10,pH=7.2", False),
    ],
)
def test_metal_in_excess_of_its_chelator_is_told(recipe: str, is_told: bool) -> None:
    codes = [each.code for each in findings(recipe)]
    assert (Code.CHELATOR_EXCEEDED in codes) == is_told


@pytest.mark.parametrize(
    ("recipe", "ion", "amount_mM"),
    [
        ("NaCl=140,CaCl2=2,Bis-Tris=20,pH=6.5,titrant=HCl", "Ca", 0.84),  # log K 2.25: 9.7 mM is base at pH 6.5
        ("NaCl=140,HEPES=10,CuCl2=0.001,pH=7.4,titrant=NaOH", "Cu", 0.00012),  # log K 3.22
        ("NaCl=140,CaCl2=2,Na2HPO4=1,CAPSO=10,pH=9.5,titrant=NaOH", "Ca", 0.70),  # amorphous calcium phosphate
        ("NaCl=125,NaH2PO4=1.25,NaHCO3=26,MnCl2=0.001,pH=7.4", "Mn", 0.0005),  # culture media with Mn are clear
    ],
)
def test_metals_beside_buffers(recipe: str, ion: str, amount_mM: float) -> None:
    assert free(recipe)[ion] == pytest.approx(amount_mM, rel=0.15)


@pytest.mark.parametrize(
    ("recipe", "is_told"),
    [
        ("KCl=140,spermine-4HCl=1,Na2ATP=5,HEPES=10,pH=7.2,titrant=KOH", True),
        ("KCl=140,spermidine=1,Na4P2O7=1,HEPES=10,pH=7.2,titrant=HCl", True),
        ("KCl=140,putrescine=5,EGTA=5,HEPES=10,pH=7.2,titrant=KOH", True),
        ("KCl=140,spermine-4HCl=1,K2HPO4=5,HEPES=10,pH=7.2,titrant=KOH", False),
        ("KCl=140,spermine-4HCl=1,HEPES=10,pH=7.2,titrant=KOH", False),
        ("NaCl=140,CuCl2=.01,MOPS=10,pH=7.2,titrant=NaOH", True),
        ("NaCl=140,ZnCl2=.01,MOPS=10,pH=7.2,titrant=NaOH", False),
    ],
)
def test_complexes_of_polyamines_and_of_copper_with_buffers_are_told(recipe: str, is_told: bool) -> None:
    codes = [each.code for each in findings(recipe)]
    assert (Code.UNKNOWN_COMPLEX in codes) == is_told


@pytest.mark.parametrize("titrant", ["BTP", "bis-tris propane", "histidine"])
def test_a_base_of_several_charges_titrates(titrant: str) -> None:
    found = read(f"KCl=100,MES=10,pH=6,titrant={titrant}")
    assert found.charge_excess_meq_per_l(25.0)[0] == pytest.approx(0, abs=1e-9)
    assert found.at(25.0).titrant_mM[0] > 1


@pytest.mark.parametrize("recipe", ["NMDG=140,HEPES=10,pH=7.4", "TEA-OH=140,HEPES=10,pH=7.4"])
def test_a_missing_titrant_is_not_more_of_the_buffer(recipe: str) -> None:
    assert "likely missing is Cl, of the acid that set the pH" in told(recipe, Code.CHARGE).sentence


@pytest.mark.parametrize("calcium", [1.7, 1.85, 1.95, 2.0, 2.05, 2.1, 2.2, 3.0, 6.0])
@pytest.mark.parametrize("phosphate", ["Na2HPO4=5,NaH2PO4=5", "NaH2PO4=10,NaOH=5", "Na2HPO4=10,MES=5"])
def test_the_charges_balance_where_a_solid_begins_to_deposit(calcium: float, phosphate: str) -> None:
    """Whether it does is decided before, not at the pH to which its protons bring the solution."""
    found = read(f"NaCl=140,CaCl2={calcium},{phosphate}")
    assert found.charge_excess_meq_per_l(25.0)[0] == pytest.approx(0.0, abs=1e-6)
    for solid in found.at(25.0).solids[0]:
        assert (solid.amount_mM > 0) == (solid.saturation > 0.5)


@pytest.mark.parametrize("ion", ["SO4=10", "gluconate=20", "lactate=20", "acetate=20", "F=20", "pyruvate=20", "NO3=20"])
def test_an_anion_whose_cation_was_forgotten_is_no_acid(ion: str) -> None:
    """Beside HEPES that is half titrated the pH stays, and the cation is asked for."""
    recipe = f"NaCl=140,HEPES=10,NaOH=5,{ion}"
    found = read(recipe)
    assert found.at(25.0).pH[0] == pytest.approx(7.46, abs=0.05)
    assert found.charge_excess_meq_per_l(25.0)[0] == pytest.approx(-20)
    assert "likely missing is Na" in told(recipe, Code.CHARGE).sentence


def test_ammonia_is_a_base() -> None:
    """10 mM: 5 % take a proton of water (pKa 9.25)."""
    assert pH_of("NaCl=140,NH3=10") == pytest.approx(textbook(10, 0, AMMONIUM, 0.14), abs=0.05)


def test_a_base_takes_carbon_dioxide_from_its_gas() -> None:
    """26 mM NaOH are 26 mM bicarbonate under 38 mmHg."""
    of_base, of_salt = (free(f"NaCl=120,{salt}=26,pCO2_mmHg=38") for salt in ("NaOH", "NaHCO3"))
    assert of_base == pytest.approx(of_salt, rel=1e-6)


@pytest.mark.parametrize(
    ("recipe", "is_told"),
    [
        ("K-glutamate=140,MgCl2=2,HEPES=10,pH=7.2", True),
        ("K-aspartate=140,MgCl2=2,HEPES=10,pH=7.2", True),
        ("K-glutamate=140,CaCl2=2,HEPES=10,pH=7.2", False),
        ("K-gluconate=140,MgCl2=2,HEPES=10,pH=7.2", False),
        ("NaCl=140,Na2HPO4=2,MgCl2=1,SrCl2=1,pH=6.8", False),
        ("KCl=140,ATP=4,MgCl2=6,HEPES=10,pH=7.2", False),
    ],
)
def test_a_constant_of_a_state_that_is_absent_is_none(recipe: str, is_told: bool) -> None:
    """Of magnesium with glutamate the database has that of the anion of two charges, pKa 9.6."""
    codes = [each.code for each in findings(recipe)]
    assert (Code.UNKNOWN_COMPLEX in codes) == is_told
