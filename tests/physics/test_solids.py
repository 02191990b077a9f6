"""Solids against published solubilities, and against the list of solids of a geochemical database."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from nernstfit.physics.solution import equilibria, reactions, solids
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.equilibria import Speciation
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.reactions import FORMED

ACIDS = reactions.acid_steps(IONS.values())
NO_PH = math.nan
ALL = {**FORMED, **IONS}


def speciate(pH: float, temperature_C: float, CO2_mM: float = math.nan, **amounts_mM: float) -> Speciation:
    given = {IONS[name]: c for name, c in amounts_mM.items()}
    return equilibria.speciate_open(given, ACIDS, equilibria.Conditions(pH, CO2_mM), temperature_C)


def log_activity(found: Speciation, ion: str, temperature_C: float) -> float:
    strength = sum(ALL[name].valence ** 2 * c for name, c in found.amounts_mM.items()) / 2000
    coefficient = -(ALL[ion].valence ** 2) * davies_exponent(strength, temperature_C)
    return math.log10(found.amounts_mM[ion] / 1000) + coefficient


# Calcium carbonate: the index at which it nucleates

ACSF = {"Na": 153.0, "K": 3.0, "Cl": 130.0, "HCO3": 26.0, "H2PO4": 1.25, "Mg": 1.0}


@pytest.mark.parametrize("pH", [7.3, 7.4, 7.45])
@pytest.mark.parametrize("temperature_C", [22, 25, 34, 37])
@pytest.mark.parametrize("calcium_mM", [2.0, 2.4, 3.0])
def test_cerebrospinal_fluid_stays_clear(pH: float, temperature_C: float, calcium_mM: float) -> None:
    found = speciate(pH, temperature_C, Ca=calcium_mM, **ACSF)
    assert not found.solid_mM
    assert found.total_mM["Ca"] == pytest.approx(calcium_mM)


def test_carbonate_that_supersaturates_without_a_deposit_is_named() -> None:
    """At +.03 it was 6 % of the calcium that was lost on paper."""
    found = speciate(7.5, 37, Ca=3.0, **ACSF | {"H2PO4": 0.0})
    assert not found.solid_mM
    assert 0 < found.saturation["CaCO3 H2O"] < 0.18


@pytest.mark.parametrize(("pH", "calcium_mM"), [(8.4, 10.0), (8.4, 3.0), (8.0, 4.0)])
def test_without_its_gas_bicarbonate_precipitates_calcium(pH: float, calcium_mM: float) -> None:
    """Beyond the product of 3.8e-8 mol2/l2 of the amorphous carbonate (Gebauer, Volkel & Colfen 2008)."""
    found = speciate(pH, 25, Na=140, Cl=114 + 2 * calcium_mM, HCO3=26, Ca=calcium_mM)
    assert found.solid_mM["CaCO3 H2O"] > calcium_mM / 3
    product = log_activity(found, "Ca", 25) + log_activity(found, "CO3", 25)
    assert product == pytest.approx(-7.6, abs=0.01)
    assert found.saturation["CaCO3 H2O"] - 7.6 > math.log10(3.8e-8)


def of_aragonite(times: float) -> dict[str, float]:
    """Return .5 M salt with 10.3 mM Ca at pH 8.3, some times saturated with aragonite (-8.30, NIST's database 46)."""
    low, high = 0.1, 50.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        recipe = {"Na": 480.0, "Cl": 560.0, "Ca": 10.3, "HCO3": middle}
        given = {IONS[name]: c for name, c in recipe.items()}
        found = equilibria.speciate_open(given, ACIDS, equilibria.Conditions(8.3, precipitates=False), 25.0)
        product = log_activity(found, "Ca", 25) + log_activity(found, "CO3", 25)
        low, high = (middle, high) if product + 8.30 < math.log10(times) else (low, middle)
    return recipe


@pytest.mark.parametrize(("times", "is_clear"), [(3, True), (5, True), (30, False)])
def test_the_margin_is_that_of_sea_water(times: float, is_clear: bool) -> None:
    """Moras et al. 2022 saw no precipitate at 5 times aragonite's saturation, Ringham et al. 2024 one at 30."""
    assert (not speciate(8.3, 25, **of_aragonite(times)).solid_mM) == is_clear


# Solubilities


@pytest.mark.parametrize(
    ("solid", "metal", "n", "log_K"),
    # MS + H = M + HS at 25 C, PHREEQC's minteq.v4.dat; of mercury Hg(OH)2's 6.194 is subtracted from its -45.094.
    [
        ("ZnS", "Zn", 1, -9.052),
        ("CdS", "Cd", 1, -14.36),
        ("CuS", "Cu", 1, -22.3),
        ("PbS", "Pb", 1, -13.97),
        ("NiS", "Ni", 1, -5.6),
        ("CoS", "Co", 1, -7.44),
        ("FeS", "Fe2", 1, -2.95),
        ("Ag2S", "Ag", 2, -36.22),
        ("Tl2S", "Tl", 2, -7.19),
        ("HgS", "Hg", 1, -45.094 + 6.194),
    ],
)
def test_sulfides_precipitate(solid: str, metal: str, n: int, log_K: float) -> None:
    found = speciate(7.4, 25, Na=150, NO3=149, HEPES=10, HS=1, **{metal: 0.1})
    assert found.solid_mM == pytest.approx({solid: 0.1 / n}, rel=0.05)
    product = n * log_activity(found, metal, 25) + log_activity(found, "HS", 25) + 7.4
    assert product == pytest.approx(log_K, abs=0.001)


@pytest.mark.parametrize(("pH", "solids_found"), [(7.4, set()), (9.0, {"MnS"})])
def test_manganese_sulfide_forms_in_base_alone(pH: float, solids_found: set[str]) -> None:
    assert {*speciate(pH, 25, Na=150, NO3=140, HS=10, Mn=1).solid_mM} == solids_found


def test_a_sulfide_is_told_in_place_of_another_solid() -> None:
    """Beside 26 mM bicarbonate zinc and cadmium would be carbonates."""
    found = speciate(7.4, 25, Na=150, Cl=120, HCO3=26, HS=1, Zn=0.3, Cd=0.3)
    assert set(found.solid_mM) == {"ZnS", "CdS"}


@pytest.mark.parametrize(("pH", "ammonium_mM", "precipitates"), [(8.5, 20, True), (7.4, 20, False), (8.5, 0.1, False)])
def test_struvite(pH: float, ammonium_mM: float, precipitates: bool) -> None:
    """Ronteltap, Maurer & Gujer 2007: -13.26 by Davies' coefficients."""
    found = speciate(pH, 25, Na=130, Cl=140, Mg=1.3, HPO4=1.25, NH4=ammonium_mM)
    assert ("MgNH4PO4 6H2O" in found.solid_mM) == precipitates
    if precipitates:
        product = sum(log_activity(found, ion, 25) for ion in ("Mg", "NH4", "PO4"))
        assert product == pytest.approx(-13.26, abs=0.001)


def dissolved_mM(solid: str, recipe: Mapping[str, float], pH: float, temperature_C: float) -> float:
    found = speciate(pH, temperature_C, **recipe)
    return next(iter(recipe.values())) - found.solid_mM[solid]


def test_potassium_tetrafluoroborate_dissolves_to_4_4_g_per_l() -> None:
    assert dissolved_mM("KBF4", {"K": 200, "BF4": 200}, NO_PH, 20) == pytest.approx(4400 / 125.9, rel=0.02)


def test_calcium_tartrate_dissolves_to_412_mg_per_l() -> None:
    """At pH 7 and 20 C, as the tetrahydrate (the European Chemicals Agency's dossier)."""
    assert dissolved_mM("Ca-tartrate 4H2O", {"Ca": 5, "tartrate": 5}, 7.0, 20) == pytest.approx(412 / 260.2, rel=0.02)


@pytest.mark.parametrize(
    ("solid", "metal", "of_solid", "others", "log_K"),
    # With 8, 3 and 1 H, PHREEQC's wateq4f.dat; of copper NIST's database 46 has another .05 by 13.995 for water.
    [
        ("Zn5(OH)8Cl2", "Zn", (5, 8), {"Cl": 2}, 38.5),
        ("Cu2(OH)3Cl", "Cu", (2, 3), {"Cl": 1}, 7.34),
        ("CdOHCl", "Cd", (1, 1), {"Cl": 1}, 3.52),
        ("PbOHCl", "Pb", (1, 1), {"Cl": 1}, 0.623),
    ],
)
def test_basic_chlorides_limit_what_saline_holds(
    solid: str, metal: str, of_solid: tuple[int, int], others: Mapping[str, int], log_K: float
) -> None:
    pH = 8.6 if metal == "Cd" else 7.4
    found = speciate(pH, 25, Na=140, Cl=160, HEPES=10, **{metal: 10.0})
    assert list(found.solid_mM) == [solid]
    n, hydroxides = of_solid
    product = n * log_activity(found, metal, 25) + hydroxides * pH
    product += sum(k * log_activity(found, ion, 25) for ion, k in others.items())
    assert product == pytest.approx(log_K, abs=0.06)


# Solver


def test_nothing_is_lost_beside_solids_of_any_product() -> None:
    """400 mixtures of metals and anions: what is dissolved and the solids add up; each solid is at its product."""
    rng = np.random.default_rng(4)
    metals = sorted(ion.name for ion in IONS.values() if reactions.binds_anions(ion))
    anions = ["HS", "CO3", "PO4", "F", "SO4", "oxalate", "IO3", "MoO4", "NH4", "SCN"]
    known, several = {each.name: each for each in solids.known()}, 0
    for _ in range(400):
        names = [*rng.choice(metals, 3, replace=False), *rng.choice(anions, 3, replace=False)]
        amounts = {IONS[str(name)]: float(10 ** rng.uniform(-3, 1)) for name in names}
        amounts |= {IONS["Na"]: 150.0, IONS["Cl"]: 140.0, IONS["HEPES"]: 10.0}
        pH, temperature_C = float(rng.uniform(5, 10)), float(rng.uniform(10, 37))
        found = equilibria.speciate(amounts, ACIDS, pH, temperature_C)
        network = reactions.network(frozenset(amounts), ACIDS)
        species = np.array([found.amounts_mM.get(n, found.neutral_mM.get(n, 0.0)) for n in network.species])
        total = species @ network.content
        for name, amount in found.solid_mM.items():
            for ion, n in known[name].ions.items():
                if ion not in reactions.WATER_IONS:
                    total += n * amount * network.content[network.species.index(ion)]
        given = np.zeros(network.conserved)
        for ion, amount in amounts.items():
            root = network.root_of.get(ion.name, ion.name)
            if root in network.species:
                given[network.species.index(root)] += amount
        assert total == pytest.approx(given, rel=1e-9)
        several += len(found.solid_mM) > 2
    assert several > 50


# Every solid of a geochemical database, of two kinds of ions

THEIRS = {
    **{f"{name}+": name for name in ("Na", "K", "Li", "Rb", "Cs", "Ag", "NH4", "Tl")},
    **{f"{name}+2": name for name in ("Mg", "Ca", "Sr", "Ba", "Mn", "Co", "Ni", "Cu", "Zn", "Cd", "Pb")},
    **{"Fe+2": "Fe2", "Fe+3": "Fe3", "Al+3": "Al", "F-": "F", "Cl-": "Cl", "Br-": "Br", "I-": "I", "NO3-": "NO3"},
    **{"SO4-2": "SO4", "CO3-2": "CO3", "PO4-3": "PO4", "HPO4-2": "HPO4", "HS-": "HS"},
    **{"H+": "H", "OH-": "OH", "H2O": ""},
}
FAMILY = {"HPO4": "PO4"}
# Pairs whose solids deposit from no saline: ferrites, jarosites, alunites and strengite are made by heat or weathering,
# and iron(III) and aluminium deposit as their amorphous hydroxides, which chloride hardly changes.
LEFT_OUT = {("Fe2", "Fe3"), ("Cu", "Fe3"), ("Fe3", "SO4"), ("Al", "SO4"), ("Fe3", "PO4"), ("Cl", "Fe3")}


def terms(side: str) -> Counter[str] | None:
    found: Counter[str] = Counter()
    for term in re.split(r"\s\+\s*", side.strip()):
        parts = re.fullmatch(r"([\d.]*)\s*(\S+)", term.strip())
        if parts is None:
            return None
        found[parts[2]] += float(parts[1] or 1)  # type: ignore[assignment]
    return found


def phases(text: str) -> Iterator[tuple[str, dict[str, float], float]]:
    """Yield name, ions by this project's names, and log K of the solids of two kinds of ions; H counts as it does."""
    lines = text.split("PHASES")[-1].splitlines()
    for name, reaction, constant in zip(lines, lines[1:], lines[2:], strict=False):
        value = re.match(r"\s+log_k\s+(\S+)", constant)
        if "=" not in reaction or value is None:
            continue
        solid, products = reaction.split("#")[0].split("=", 1)
        left, right = terms(solid), terms(products)
        if not left or not right or not {*list(left)[1:], *right} <= THEIRS.keys():
            continue
        ions: dict[str, float] = {}
        for sign, side in ((1, right), (-1, Counter(dict(list(left.items())[1:])))):
            for ion, n in side.items():
                if THEIRS[ion]:
                    ions[THEIRS[ion]] = ions.get(THEIRS[ion], 0) + sign * n
        if len({*ions} - {"H", "OH"}) == 2:
            yield name.split()[0], ions, float(value[1])


def log_in_saline(ion: str) -> float:
    """Return about log10 of the activity of an ion at pH 7.4, where a solution has much of it for a saline."""
    special = {"H": -7.4, "OH": -6.6, "CO3": -4.9, "PO4": -7.6, "HPO4": -2.7, "HS": -3.2, "SO4": -2.6, "F": -1.2}
    metals = {"Ag": -4.0, "Tl": -2.5, "NH4": -2.0, "Al": -6.0, "Fe3": -8.0}
    return {**special, **metals}.get(ion, -3.2 if ALL[ion].valence == 2 else -0.95)


def test_every_pair_of_a_database_that_salines_can_deposit_has_a_solid() -> None:
    phreeqpython = pytest.importorskip("phreeqpython")
    text = (Path(phreeqpython.__file__).parent / "database" / "wateq4f_PWN.dat").read_text(errors="replace")
    pair_of = {frozenset(FAMILY.get(ion, ion) for ion in each.ions if ion != "OH") for each in solids.known()}
    seen, missing = 0, set()
    for name, ions, log_K in phases(text):
        pair = frozenset(FAMILY.get(ion, ion) for ion in ions if ion not in ("H", "OH"))
        seen += 1
        index = sum(n * log_in_saline(ion) for ion, n in ions.items()) - log_K
        if index > 0 and pair not in pair_of and tuple(sorted(pair)) not in LEFT_OUT:
            missing.add((name, *sorted(pair), round(index, 1)))
    assert seen > 100
    assert not missing
