"""Acid-base balance of recipes without a pH, and pH that no buffer holds: independent of what metals form."""

from __future__ import annotations

import math
import random

import pytest
from scipy import optimize

from nernstfit.contract.cells import Cells
from nernstfit.contract.codes import Code
from nernstfit.experiment import solution_table
from nernstfit.physics.solution import equilibria, reactions, solids
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.carbon_dioxide import dissolved_mM
from nernstfit.physics.solution.charge_balance import Recipe
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.salt_names import STRONG_ACID_ANIONS
from nernstfit.solutions.composition import Solutions, Stated, speciate
from nernstfit.solutions.findings import solution_findings

METALS = sorted(ion.name for ion in IONS.values() if reactions.binds_anions(ion))
ACIDS = reactions.known_acid_steps()
STRONG = sorted(name for name in STRONG_ACID_ANIONS if not reactions.takes_protons([IONS[name]], ACIDS))
ALKALI = ("Li", "Na", "K", "Rb", "Cs")
SOLIDS = {solid.name: solid.ions for solid in solids.known()}
HYDROXIDES: dict[str, int] = {}
"""Number of hydroxides in each complex that has any."""
for _step in reactions.COMPLEXES:
    if (_own := HYDROXIDES.get(_step.base, 0) + (_step.partner == reactions.HYDROXIDE)) > 0:
        HYDROXIDES[_step.product] = _own
_ALIKE_MM = 1e-9


def parsed(**cells: object) -> tuple[Solutions, list[str]]:
    row = {"solution": "a"} | {name: str(cell) for name, cell in cells.items()}
    return solution_table.parse(Cells.of_rows([row]), "s.csv")


def read(**cells: object) -> Solutions:
    found, faults = parsed(**cells)
    assert not faults
    return found


def free(found: Solutions, temperature_C: float = 22.0) -> dict[str, float]:
    return {ion.name: c for ion, c in zip(found.ions, found.row("a", temperature_C).tolist(), strict=True)}


# Strong acids and bases beside metals


def random_recipe(rng: random.Random, metal: str) -> tuple[dict[str, float], float]:
    """Return whole salts of strong acids and bases beside a metal and up to two others, and the weighed H less OH."""
    amounts = dict.fromkeys(("H", "OH"), 0.0)

    def add(cation: str, anion: str, amount: float) -> None:
        valences = IONS[cation].valence, -IONS[anion].valence
        amounts[cation] = amounts.get(cation, 0.0) + amount * valences[1]
        amounts[anion] = amounts.get(anion, 0.0) + amount * valences[0]

    add(rng.choice(ALKALI), rng.choice(STRONG), rng.uniform(50, 150))
    for each in {metal, *rng.sample(METALS, rng.randint(0, 2))}:
        add(each, rng.choice(STRONG), 10 ** rng.uniform(-3, 1))
    amount = 10 ** rng.uniform(-1, 1.3)
    if rng.random() < 0.6:
        add("H", rng.choice(STRONG), amount)
    else:
        add(rng.choice(ALKALI), "OH", amount)
    return {name: c for name, c in amounts.items() if c > 0}, amounts["H"] - amounts["OH"]


@pytest.mark.parametrize("metal", METALS)
def test_a_strong_acid_or_base_stays_beside_a_metal(metal: str) -> None:
    """What is free is what was weighed, less the hydroxide in solids and beside metals: stoichiometry alone."""
    rng = random.Random(metal)
    for _ in range(8):
        amounts, weighed = random_recipe(rng, metal)
        found = read(**amounts)
        at, own = found.at(22.0), free(found)
        hydroxide = sum(each.amount_mM * SOLIDS[each.solid].get("OH", 0) for each in at.solids[0])
        given = {IONS[name]: c for name, c in amounts.items()}
        _, composition = speciate(given, ACIDS, Stated(math.nan), 22.0)
        formed = {**composition.amounts_mM, **composition.neutral_mM}
        hydroxide += sum(n * formed.get(name, 0.0) for name, n in HYDROXIDES.items())
        assert own.get("H", 0) - own.get("OH", 0) == pytest.approx(weighed + hydroxide, abs=_ALIKE_MM), amounts
        assert found.charge_excess_meq_per_l(22.0)[0] == pytest.approx(0, abs=_ALIKE_MM), amounts


@pytest.mark.parametrize(
    "others",
    [
        *({name: 0.1} for name in ("ZnCl2", "CdCl2", "CuCl2", "MnCl2", "CoBr2", "AgNO3", "TlNO3", "PbCl2")),
        {"BaCl2": 5, "NaIO3": 60},
        {"KClO4": 200},
    ],
    ids=lambda others: "+".join(others),
)
def test_the_acid_beside_a_salt_that_reacts_is_that_without_it(others: dict[str, float]) -> None:
    assert free(read(NaCl=140, HCl=1, **others))["H"] == pytest.approx(free(read(NaCl=140, HCl=1))["H"], rel=1e-12)


@pytest.mark.parametrize("others", [{"MgSO4": 0.1}, {"BaCl2": 5, "Na2SO4": 5}, {"Na2SO4": 20}])
def test_sulfate_takes_a_part_of_the_acid(others: dict[str, float]) -> None:
    found = free(read(NaCl=140, HCl=1, **others))
    assert found["HSO4"] > 0
    assert found["H"] + found["HSO4"] - found["OH"] == pytest.approx(1.0, abs=_ALIKE_MM)


def test_hydroxide_complexes_of_a_metal_in_a_free_base_are_told() -> None:
    """Mercury at .01 mol/l of hydroxide is far above its pK, and has no hydroxide among the solids."""
    (found,) = (
        each
        for each in solution_findings(read(NaNO3=130, NaOH=10, HgCl2=0.1), 22.0, "pitzer:macinnes")["a"]
        if each.code is Code.UNKNOWN_COMPLEX
    )
    assert "Hg with" in found.sentence
    assert "hydroxide" in found.sentence
    assert "hydroxide" not in str(solution_findings(read(NaNO3=130, HCl=100, HgCl2=0.1), 22.0, "pitzer:macinnes"))


@pytest.mark.parametrize(
    ("metal", "amount_mM", "log_Ks", "free_OH_mM"),
    # Overall log K of 1 to 4 hydroxides at 25 C: Zn, NIST's database 46; Pb, PHREEQC's wateq4f.dat.
    [("Zn", 0.1, (5.0, 10.2, 13.9, 15.5), 100), ("Pb", 0.01, (6.285, 10.87, 13.925, 16.28), 100)],
)
def test_amphoteric_metals_dissolve_in_base(
    metal: str, amount_mM: float, log_Ks: tuple[float, ...], free_OH_mM: float
) -> None:
    """Zincate and plumbite: nothing deposits, and the last two complexes have what mass action leaves them."""
    given = {IONS["Na"]: free_OH_mM, IONS["OH"]: free_OH_mM, IONS[metal]: amount_mM, IONS["NO3"]: 2 * amount_mM}
    _, found = speciate(given, ACIDS, Stated(math.nan), 25.0)
    assert not found.solid_mM
    exponent = davies_exponent(free_OH_mM / 1000, 25.0)
    weights = [1.0]
    for n, log_K in enumerate(log_Ks, 1):
        log_y = exponent * ((2 - n) ** 2 - 4 - n)
        weights.append(10 ** (log_K + log_y) * (found.amounts_mM["OH"] / 1000) ** n)
    for n, name in ((3, f"[{metal}(OH)3]-"), (4, f"[{metal}(OH)4]2-")):
        assert found.amounts_mM[name] / amount_mM == pytest.approx(weights[n] / sum(weights), rel=0.01)


# Saturation before anything precipitates


def test_the_index_is_that_before_anything_precipitates() -> None:
    """Omega is that of 100 mM Mg and 20 mM OH, which pair by NIST's 2.6, by Davies; the solid leaves .2 mM OH."""
    (solid,) = read(MgCl2=100, NaOH=20).at(25.0).solids[0]
    strength = 0.3  # of .083 Mg, .018 MgOH, .2 Cl, .02 Na and little OH
    log_y = -0.509 * (math.sqrt(strength) / (1 + math.sqrt(strength)) - 0.3 * strength)
    pairing = 10 ** (2.6 + 4 * log_y)
    paired = optimize.brentq(lambda x: x - pairing * (0.1 - x) * (0.02 - x), 0, 0.02)
    expected = math.log10(0.1 - paired) + 4 * log_y + 2 * (math.log10(0.02 - paired) + log_y) + 9.2
    assert solid.solid == "Mg(OH)2"
    assert solid.saturation == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("gas_mmHg", [0.3, 5.0, 38.0, math.nan])
@pytest.mark.parametrize("metal", ["Ba", "Sr", "Ca", "Mg", "Zn", "Cd"])
def test_the_index_is_that_where_the_same_pH_is_given(metal: str, gas_mmHg: float) -> None:
    """At the pH at which a solution of which nothing precipitates is neutral, found here by bisection."""
    amounts = {IONS[name]: c for name, c in {"Na": 125, "Cl": 140, metal: 20, "HCO3": 25}.items()}
    if math.isnan(gas_mmHg):
        amounts |= {IONS["Na"]: 145.0, IONS["OH"]: 20.0}
    CO2_mM = dissolved_mM(gas_mmHg, 25.0)

    def charge(pH: float) -> float:
        at = equilibria.Conditions(pH, CO2_mM, precipitates=False)
        return equilibria.speciate_open(amounts, ACIDS, at, 25.0).charge_meq_per_l

    pH = optimize.brentq(charge, 5.0, 10.0 if CO2_mM > 0 else 12.5, xtol=1e-12)
    expected = equilibria.speciate_open(amounts, ACIDS, equilibria.Conditions(pH, CO2_mM), 25.0).saturation
    _, found = Recipe(amounts, ACIDS, CO2_mM, 25.0).balanced()
    assert set(found.solid_mM) <= set(expected) | {f"{metal}(OH)2", "Zn5(OH)8Cl2"}
    for name in found.solid_mM.keys() & expected.keys():
        assert found.saturation[name] == pytest.approx(expected[name], abs=1e-8)
    assert found.solid_mM or not expected
    assert found.charge_meq_per_l == pytest.approx(0.0, abs=1e-9)


# A measured pH is a fact


def test_a_titrant_of_which_none_is_needed_may_be_of_either_kind() -> None:
    """HEPES, whose pKa are 3.0 and 7.564, leaves +.11 meq/l at pH 5, +.001 at 5.3 and -.2 at 6."""
    needed = {titrant: read(NaCl=150, HEPES=10, pH=5.3, titrant=titrant) for titrant in ("HCl", "NaOH")}
    amounts = {titrant: found.at(25.0).titrant_mM[0] for titrant, found in needed.items()}
    assert min(amounts.values()) == 0.0
    assert max(amounts.values()) < 0.01
    assert read(NaCl=150, HEPES=10, pH=5, titrant="HCl").at(25.0).titrant_mM[0] == pytest.approx(0.1, abs=0.02)
    _, (fault,) = parsed(NaCl=150, HEPES=10, pH=6, titrant="HCl")
    assert "expected a base" in fault


@pytest.mark.parametrize("seed", range(40))
def test_a_pH_is_refused_only_where_the_titrant_is_the_wrong_one(seed: int) -> None:
    """The charge that the recipe has without a titrant decides which of the two is right."""
    rng = random.Random(seed)
    recipe: dict[str, object] = {"NaCl": 150, "pH": round(rng.uniform(1, 13), 2)}
    for buffer in rng.sample(("HEPES", "Tris", "MES", "glycine", "CAPS", "acetic acid"), rng.randint(0, 2)):
        recipe[buffer] = 10
    excess = read(**recipe).charge_excess_meq_per_l(25.0)[0]
    right, wrong, kind = ("HCl", "NaOH", "an acid") if excess > 0 else ("NaOH", "HCl", "a base")
    found = read(**recipe, titrant=right).at(25.0)
    assert found.titrant_mM[0] > 0
    _, faults = parsed(**recipe, titrant=wrong)
    assert [f"; expected {kind} such as" in fault for fault in faults] == ([True] if abs(excess) > 0.1 else [])


@pytest.mark.parametrize(
    ("recipe", "unbuffered"),
    [
        ({"NaCl": 150, "HEPES": 10, "pH": 5.5, "titrant": "NaOH"}, True),
        ({"NaCl": 150, "pH": 5, "titrant": "HCl"}, True),
        ({"NaCl": 150, "pH": 3, "titrant": "HCl"}, False),
        ({"NaCl": 150, "HEPES": 10, "pH": 3, "titrant": "HCl"}, False),
        ({"NaCl": 150, "pH": 11, "titrant": "NaOH"}, False),
    ],
)
def test_free_acid_or_base_holds_a_pH(recipe: dict[str, object], unbuffered: bool) -> None:
    codes = [each.code for each in solution_findings(read(**recipe), 22.0, "pitzer:macinnes")["a"]]
    assert codes == [Code.UNBUFFERED] * unbuffered


# Chelators and metals without a constant


@pytest.mark.parametrize(
    ("chelator", "metal"), [("BAPTA4", "Ba"), ("EGTA4", "La"), ("EGTA2", "La"), ("citrate", "Cu"), ("EDTA4", "Al")]
)
@pytest.mark.parametrize("amount_mM", [5, 0.05])
def test_a_pair_without_constant_is_refused_at_a_pH_and_told_without(
    chelator: str, metal: str, amount_mM: float
) -> None:
    recipe: dict[str, object] = {"NaCl": 140, chelator: amount_mM, metal: 1}
    _, (fault,) = parsed(**recipe, pH=7.2)
    assert fault.endswith("is known: what is free of either is unknown; expected only one of the two")
    told = solution_findings(read(**recipe), 22.0, "pitzer:macinnes")["a"]
    assert any(each.code is Code.UNKNOWN_COMPLEX and chelator in each.sentence for each in told)
    assert all(each.code is not Code.FREE_METAL for each in told)


@pytest.mark.parametrize("chelator", ["EGTA4", "EGTA3", "EGTA2", "EDTA4", "BAPTA4"])
def test_a_pair_of_known_constant_asks_for_the_pH(chelator: str) -> None:
    told = solution_findings(read(NaCl=140, CaCl2=1, **{chelator: 5}), 22.0, "pitzer:macinnes")["a"]
    assert any(each.code is Code.FREE_METAL and f"Ca beside {chelator}" in each.sentence for each in told)
    assert all(each.code is not Code.UNKNOWN_COMPLEX for each in told)


# States of protonation that nothing decides


def test_an_acid_and_a_base_that_leave_nothing_decide_the_pH() -> None:
    """As a thousandth of a micromole more of the base does."""
    recipe: dict[str, object] = {"EGTA": 5, "KCl": 140, "glutamic acid": 20, "HEPES": 10}
    exact, nearly = read(**recipe, CsOH=20), read(**recipe, CsOH=20.000001)
    assert exact.at(22.0).pH[0] == pytest.approx(nearly.at(22.0).pH[0], abs=1e-5)
    assert exact.charge_excess_meq_per_l(22.0)[0] == pytest.approx(0.0, abs=_ALIKE_MM)
    assert math.isnan(read(NaCl=140, HCl=5, NaOH=5).at(22.0).pH[0])


def test_all_that_counts_as_written_is_named_and_no_ion_as_missing() -> None:
    recipe = {"EGTA4": 5, "KCl": 140, "Cs": 20, "glutamate": 20, "HEPES": 10}
    (told,) = solution_findings(read(**recipe), 22.0, "pitzer:macinnes")["a"]
    assert told.code is Code.CHARGE
    assert "without a pH EGTA4, HEPES and glutamate count as written" in told.sentence
    assert "missing" not in told.sentence
    assert "pH" in told.remedy
    told, *_ = solution_findings(read(**(recipe | {"Cs": 140})), 22.0, "pitzer:macinnes")["a"]
    assert "likely missing is Cl; without a pH EGTA4, HEPES and glutamate count as written" in told.sentence


# Solids at the pH that a recipe has by itself


@pytest.mark.parametrize(
    ("recipe", "solid"),
    [
        ({"NaCl": 100, "BaCl2": 20, "NaHCO3": 10}, "BaCO3"),
        ({"NaCl": 100, "SrCl2": 5, "NaHCO3": 10}, "SrCO3"),
        ({"NaCl": 120, "CaCl2": 5, "NaHCO3": 10, "Tris": 50}, "CaCO3 H2O"),
        ({"NaCl": 140, "ZnCl2": 0.1, "Na-HEPES": 10}, "Zn5(OH)8Cl2"),
        ({"NaCl": 140, "CdCl2": 0.1, "NaHCO3": 2}, "CdCO3"),
        ({"NaCl": 140, "CaCl2": 2, "NaHCO3": 2}, ""),
        ({"NaCl": 140, "CaCl2": 2, "NaH2PO4": 2}, ""),
        ({"NaCl": 140, "ZnCl2": 0.1, "K-acetate": 10}, ""),
    ],
)
def test_what_precipitates_from_a_recipe_left_to_itself_is_told(recipe: dict[str, object], solid: str) -> None:
    """The same solid as where the pH that is told is given, where the recipe is neutral."""
    found = read(**recipe)
    pH, solids_at_own = found.at_own_pH(0, 25.0)
    told = [
        each
        for each in solution_findings(found, 25.0, "pitzer:macinnes")["a"]
        if each.code is Code.PRECIPITATE_AT_OWN_PH
    ]
    assert [each.sentence.split("supersaturated with ")[1].split(" (saturation")[0] for each in told] == [solid] * bool(
        solid
    )
    given = read(**recipe, pH=f"{pH:.12f}")
    amounts = {each.solid: each.amount_mM for each in given.at(25.0).solids[0]}
    assert {each.solid: each.amount_mM for each in solids_at_own} == pytest.approx(amounts, abs=1e-6)
    assert given.charge_excess_meq_per_l(25.0)[0] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("calcium_mM", [2, 10])
def test_calcium_beside_bicarbonate_without_its_gas_is_told(calcium_mM: float) -> None:
    """The index before any deposits is beyond that of the amorphous carbonate; the pH falls below it as it does."""
    found = read(NaCl=120, CaCl2=calcium_mM, NaHCO3=25)
    told = [each.code for each in solution_findings(found, 25.0, "pitzer:macinnes")["a"]]
    assert Code.PRECIPITATE_AT_OWN_PH in told


def test_a_gas_over_a_strong_base_is_a_fault() -> None:
    """At pH 11.4 and 38 mmHg, 1 mM of CO2 would stand beside more than 100 mol/l of carbonate."""
    _, (fault,) = parsed(NaCl=140, NaHCO3=5, pCO2_mmHg=38, pH=11.4, titrant="NaOH")
    assert "the ionic strength did not converge" in fault
