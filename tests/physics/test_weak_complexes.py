"""Anions that bind metals weakly, and salts that do not dissolve: against published shares and another solver."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from nernstfit.physics import solution
from nernstfit.physics.solution import equilibria, reactions, solids, unknown_complexes
from nernstfit.physics.solution.activity import debye_huckel_slope
from nernstfit.physics.solution.equilibria import Speciation
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.reactions import FORMED

ACIDS = reactions.acid_steps(IONS.values())
NO_PH = math.nan
FOLDER = Path(solution.__path__[0])


def speciate(pH: float, temperature_C: float, **amounts_mM: float) -> Speciation:
    return equilibria.speciate({IONS[name]: c for name, c in amounts_mM.items()}, ACIDS, pH, temperature_C)


@pytest.mark.parametrize("pH", [NO_PH, 7.2])
@pytest.mark.parametrize(
    ("anion", "amount_mM", "free"), [("gluconate", 140, 0.31), ("glutamate", 140, 0.33), ("aspartate", 120, 0.37)]
)
def test_free_calcium_beside_organic_anions(anion: str, amount_mM: float, free: float, pH: float) -> None:
    """NIST's constants at 0.1 to 0.15 mol/l without a correction to the solution's own ionic strength."""
    found = speciate(pH, 22, **{"K": amount_mM - 4, anion: amount_mM, "Ca": 2, "HEPES": 5})
    assert found.amounts_mM["Ca"] / 2 == pytest.approx(free, abs=0.02)


def test_two_magnesium_ions_bind_one_ATP() -> None:
    found = speciate(7.2, 25, K=140, Cl=100, ATP4=5, Mg=30)
    two = (30 - sum(c for name, c in found.amounts_mM.items() if "Mg" in name)) / 2  # without charge, so not listed
    one = found.amounts_mM["[MgATP]2-"]
    at_I = math.log10(1000 * two / one / found.amounts_mM["Mg"])
    assert 1.0 < at_I < 1.75  # 1.7 at 0.1 mol/l, lower at 0.2


def davies_exponent(strength_M: float, temperature_C: float) -> float:
    root = math.sqrt(strength_M)
    return float(debye_huckel_slope(temperature_C)) * (root / (1 + root) - 0.3 * strength_M)


METALS = {"Ca": 2, "Mg": 2}
LIGANDS = {"gluconate": -1, "SO4": -2, "acetate": -1, "lactate": -1, "EGTA4": -4, "ATP4": -4, "PO4": -3, "CO3": -2}


class Chemistry:
    """All species of some metals and ligands from the tables, read here anew; ln c by mass action."""

    def __init__(self, names: tuple[str, ...], pH: float, temperature_C: float) -> None:
        self.pH, self.temperature_C = pH, temperature_C
        rows = [
            row
            for file in ("complexes.csv", "weak_complexes.csv")
            for row in csv.DictReader((FOLDER / file).read_text("utf-8").splitlines())
        ]
        self.steps = [
            (r["product"], r["base"], r["partner"], *(float(r[k] or 0) for k in ("log_K", "temperature_C")),
             float(r["ionic_strength_M"] or 0), float(r["kJ_per_mol"] or 0))
            for r in rows
        ]  # fmt: skip
        for ion in csv.DictReader((FOLDER / "ions.csv").read_text("utf-8").splitlines()):
            if ion["pKa"] and int(ion["valence"]) < 0:
                acid = ion["acid"] or f"H{ion['ion']}"
                pKa, kJ = float(ion["pKa"]), -float(ion["pKa_kJ_per_mol"] or 0)
                self.steps.append((acid, ion["ion"], "H", pKa, 25.0, 0.0, kJ))
        self.parts = {name: Counter({name: 1}) for name in names}
        self.charge = {name: (METALS | LIGANDS)[name] for name in names} | {"H": 1, "OH": -1}
        self.of: dict[str, tuple[object, ...]] = {}
        for _ in range(6):
            for product, base, partner, *numbers in self.steps:
                if product not in self.parts and base in self.parts and partner in (*names, "H", "OH"):
                    self.parts[product] = self.parts[base] + Counter({partner: 1})
                    self.charge[product] = self.charge[base] + self.charge[partner]
                    self.of[product] = (base, partner, *numbers)

    def ln_c(self, ln_free: dict[str, float], strength_M: float) -> dict[str, float]:
        own, kelvin = davies_exponent(strength_M, self.temperature_C), self.temperature_C + 273.15
        found = dict(ln_free) | {"H": math.log(10) * (own - self.pH)}
        heat_of_water = 55840 / (math.log(10) * 8.314462618) * (1 / kelvin - 1 / 298.15)
        found["OH"] = math.log(10) * (own + self.pH - 13.995 - heat_of_water)
        for product, (base, partner, log_K, T, strength, kJ) in self.of.items():
            z = [self.charge[name] ** 2 for name in (base, partner, product)]
            shift = (davies_exponent(strength, T) - own) * (z[0] + z[1] - z[2])
            heat = 1000 * kJ / (math.log(10) * 8.314462618) * (1 / kelvin - 1 / (T + 273.15))
            found[product] = found[base] + found[partner] + math.log(10) * (log_K - heat + shift)
        return found

    def solve(self, totals_mM: dict[str, float], strength_M: float) -> dict[str, float]:
        names = list(totals_mM)
        target = np.log([totals_mM[name] / 1000 for name in names])

        def excess(ln_free: np.ndarray) -> list[float]:
            at = self.ln_c(dict(zip(names, ln_free, strict=True)), strength_M)
            sums = [
                sum(self.parts[s][name] * math.exp(min(at[s], 50)) for s in self.parts if self.parts[s][name])
                for name in names
            ]
            return [math.log(s) - t for s, t in zip(sums, target, strict=True)]

        best = optimize.least_squares(excess, target - 2, xtol=1e-15, ftol=1e-15, gtol=1e-15, method="lm")
        assert np.abs(best.fun).max() < 1e-9
        return {name: 1000 * math.exp(x) for name, x in zip(names, best.x, strict=True)}


RANDOM = np.random.default_rng(13)


def recipe() -> dict[str, float]:
    ligands = {name: float(10 ** RANDOM.uniform(-1, 1.5)) for name in LIGANDS if RANDOM.random() < 0.5}
    metals = {name: float(10 ** RANDOM.uniform(-2, 0.7)) for name in METALS}
    return metals | (ligands or {"gluconate": 100.0})


@pytest.mark.parametrize("part", range(5))
def test_free_metals_are_those_of_another_solver(part: int) -> None:
    """Of 200 random solutions in all, at the ionic strength of the first solver; solids are left out of both."""
    compared = 0
    for _ in range(40):
        amounts, pH, temperature_C = recipe(), float(RANDOM.uniform(6.5, 8)), float(RANDOM.uniform(10, 37))
        found = speciate(pH, temperature_C, K=150, Cl=120, **amounts)
        if found.solid_mM:
            continue
        known = {**FORMED, **IONS}
        strength = sum(known[name].valence ** 2 * c for name, c in found.amounts_mM.items()) / 2000
        other = Chemistry(tuple(amounts), pH, temperature_C).solve(amounts, strength)
        for metal in METALS:
            assert found.amounts_mM[metal] == pytest.approx(other[metal], rel=1e-6)
        compared += 1
    assert compared > 10


# Solids


def index(found: Speciation, solid: solids.Solid, temperature_C: float) -> float:
    known = {**FORMED, **IONS}
    strength = sum(known[name].valence ** 2 * c for name, c in found.amounts_mM.items()) / 2000
    exponent = davies_exponent(strength, temperature_C)
    log_a = {n: math.log10(c / 1000) - exponent * known[n].valence ** 2 for n, c in found.amounts_mM.items()}
    return solid.saturation(log_a, temperature_C)


@pytest.mark.parametrize(
    ("amounts", "solid"),
    [
        ({"Ba": 5, "Cl": 10, "Na": 150, "SO4": 75}, "BaSO4"),
        ({"Cs": 140, "F": 120, "Cl": 24, "Ca": 2}, "CaF2"),
        ({"Cs": 140, "F": 120, "Cl": 24, "Mg": 2}, "MgF2"),
        ({"Tl": 5, "NO3": 5, "K": 150, "Cl": 150}, "TlCl"),
        ({"Ag": 0.1, "NO3": 0.1, "Na": 150, "Cl": 150}, "AgCl"),
        ({"Ca": 10, "Cl": 20, "Na": 140, "HPO4": 10}, "CaHPO4 2H2O"),
        ({"Ca": 10, "Cl": 120, "Na": 140, "CO3": 20}, "CaCO3 H2O"),
    ],
)
def test_what_exceeds_a_solubility_product_does_not_count(amounts: dict[str, float], solid: str) -> None:
    found = speciate(NO_PH, 25, **amounts)
    assert list(found.solid_mM) == [solid]
    assert found.saturation[solid] > 0
    known = next(each for each in solids.known() if each.name == solid)
    assert index(found, known, 25) == pytest.approx(0, abs=1e-6)
    for ion, n in known.ions.items():
        bound = n * found.solid_mM[solid]
        dissolved = sum(c for name, c in found.amounts_mM.items() if name == ion or f"{ion}" in name.strip("[]+-2"))
        assert dissolved + bound <= amounts[ion] * (1 + 1e-9)
        assert found.total_mM[ion] == pytest.approx(amounts[ion], rel=1e-9)
    charge = sum({**FORMED, **IONS}[name].valence * c for name, c in found.amounts_mM.items())
    assert charge == pytest.approx(sum(IONS[name].valence * c for name, c in amounts.items()), abs=1e-9)


@pytest.mark.parametrize(
    "amounts",
    [
        {"Na": 145, "K": 4, "Cl": 128, "HCO3": 26, "H2PO4": 1.2, "Ca": 2, "Mg": 1, "SO4": 1},  # a Ringer's solution
        {"Cs": 140, "F": 120, "Cl": 20, "EGTA4": 10, "HEPES": 10},
        {"Na": 140, "Cl": 140, "Ba": 10, "HEPES": 10},
    ],
)
def test_usual_solutions_stay_clear(amounts: dict[str, float]) -> None:
    assert not speciate(7.4, 37, **amounts).solid_mM


def test_several_solids_are_in_equilibrium_together() -> None:
    found = speciate(NO_PH, 25, Ba=5, Ca=5, Sr=5, Na=300, SO4=60, F=80, Cl=130)
    assert len(found.solid_mM) >= 2
    for each in solids.possible(found.amounts_mM.keys()):
        limit = pytest.approx(0, abs=1e-6)
        assert index(found, each, 25) == limit if each.name in found.solid_mM else index(found, each, 25) < 1e-6


def test_a_fluoride_pipette_with_a_little_metal_and_EGTA_is_usable() -> None:
    found = speciate(7.2, 22, Cs=140, F=120, Cl=23, Mg=1, Ca=0.5, EGTA4=10, HEPES=10)
    assert list(found.solid_mM) == ["MgF2"]
    assert found.amounts_mM["F"] == pytest.approx(120 - 2 * found.solid_mM["MgF2"], rel=1e-3)


def test_two_thousand_solutions_are_solved() -> None:
    rng = np.random.default_rng(1)
    names = [*LIGANDS, "HEPES", "glutamate", "aspartate", "citrate", "F", "Ba", "Sr", *METALS]
    for _ in range(2000):
        amounts = {name: float(10 ** rng.uniform(-3, 1.7)) for name in names if rng.random() < 0.3}
        if {"Ba", "Sr"} & amounts.keys():
            amounts = {n: c for n, c in amounts.items() if n not in ("EGTA4", "ATP4")}
        pH = float(rng.uniform(5, 9)) if rng.random() < 0.7 else NO_PH
        found = speciate(pH, float(rng.uniform(10, 37)), Na=150, Cl=150, **amounts)
        assert all(c >= 0 for c in found.amounts_mM.values())
        for name in set(amounts) & set(found.total_mM):
            assert found.total_mM[name] == pytest.approx(amounts[name], rel=1e-9)


def test_scarce_ions_beside_a_solid_do_not_stop_the_solver() -> None:
    """Over pH and temperature: some of the last steps are rounding; each solid is at its solubility product."""
    amounts = {"SO4": 70.4687, "HCO3": 0.00102271, "citrate": 8.05988, "F": 0.032982}
    amounts |= {"Mg": 1.52298, "Ba": 18.3905, "Sr": 11.4507}
    for pH in np.linspace(5, 9, 9):
        for temperature_C in (10, 22, 37):
            found = speciate(float(pH), temperature_C, Na=50, Cl=100, **amounts)
            assert found.solid_mM
            for solid in solids.known():
                if solid.name in found.solid_mM:
                    assert index(found, solid, temperature_C) == pytest.approx(0, abs=1e-7)


def test_cadmium_beside_chloride() -> None:
    """Overall constants 1.98, 2.6 and 2.4 at infinite dilution: an eighth of it is free in saline."""
    found = speciate(NO_PH, 25, Na=150, Cl=150.2, Cd=0.1)
    exponent = davies_exponent(0.15, 25.0)
    cl = 0.15
    weights = [
        10 ** (log_K + exponent * (z * z - 4 - n)) * cl**n  # squares of charges: 4 + n of the parts, less z^2
        for n, (log_K, z) in enumerate([(0.0, 2), (1.98, 1), (2.6, 0), (2.4, -1)])
    ]
    assert found.amounts_mM["Cd"] / 0.1 == pytest.approx(weights[0] / sum(weights), rel=0.005)
    assert found.amounts_mM["[CdCl]+"] / 0.1 == pytest.approx(weights[1] / sum(weights), rel=0.005)
    assert found.bound["Cd"] == pytest.approx(1 - weights[0] / sum(weights), rel=0.005)


def test_silver_chloride_dissolves_in_much_chloride() -> None:
    """Two and three chlorides hold silver: 10 uM dissolve in 1 mol/l, and not in .1."""
    assert speciate(NO_PH, 25, K=1000, Cl=1000, Ag=0.01).solid_mM == {}
    (amount,) = speciate(NO_PH, 25, K=100, Cl=100, Ag=0.01).solid_mM.values()
    assert 0.005 < amount < 0.01


@pytest.mark.parametrize(
    ("solid", "metal", "others"),
    [
        ("MnCO3", "Mn", {"HCO3": 25}),
        ("CdCO3", "Cd", {"HCO3": 25}),
        ("ZnCO3 H2O", "Zn", {"HCO3": 25}),
        ("Gd2(CO3)3", "Gd", {"HCO3": 25}),
        ("GdPO4 10H2O", "Gd", {"HPO4": 1}),
        ("LaPO4 10H2O", "La", {"HPO4": 1}),
        ("Zn3(PO4)2 4H2O", "Zn", {"HPO4": 1}),
        ("Fe3(PO4)2 8H2O", "Fe2", {"HPO4": 1}),
        ("Co3(PO4)2", "Co", {"HPO4": 1}),
        ("Ni3(PO4)2", "Ni", {"HPO4": 1}),
        ("Cd3(PO4)2", "Cd", {"HPO4": 1}),
        ("Pb5(PO4)3Cl", "Pb", {"HPO4": 1}),
        ("CePO4 10H2O", "Ce", {"HPO4": 1}),
        ("PbCO3", "Pb", {"HCO3": 25}),
        ("LaF3 0.5H2O", "La", {"F": 10}),
        ("GdF3 0.5H2O", "Gd", {"F": 10}),
        ("CaC2O4 H2O", "Ca", {"oxalate": 5}),
    ],
)
def test_blockers_precipitate_with_carbonate_and_phosphate(solid: str, metal: str, others: dict[str, float]) -> None:
    amount_mM = 0.01 if metal == "Pb" else 0.5  # more of it is a basic chloride
    found = speciate(7.4, 25, Na=150, Cl=120, HEPES=10, **others, **{metal: amount_mM})
    assert list(found.solid_mM) == [solid]
    assert found.saturation[solid] > 0.5
    without = speciate(7.4, 25, Na=150, Cl=120, HEPES=10, **{metal: amount_mM})
    assert without.solid_mM == {}


@pytest.mark.parametrize(
    ("solid", "ions", "free_mM"),
    # Solubility products of activities at 25 C: NIST's database 46 or the CRC Handbook; the first ion is scarce.
    [
        ("Ca(IO3)2 6H2O", {"Ca": 2, "IO3": 100}, lambda a: 10**-6.15 / a["IO3"] ** 2),
        ("Ba(IO3)2 H2O", {"Ba": 2, "IO3": 100}, lambda a: 10**-8.81 / a["IO3"] ** 2),
        ("AgIO3", {"Ag": 1, "IO3": 100}, lambda a: 10**-7.51 / a["IO3"]),
        ("TlIO3", {"Tl": 1, "IO3": 100}, lambda a: 10**-5.51 / a["IO3"]),
        ("LiF", {"Li": 100, "F": 140}, lambda a: 10**-2.77 / a["F"]),
        ("PbSO4", {"Pb": 1, "SO4": 100}, lambda a: 10**-7.6 / a["SO4"]),
        ("BaCrO4", {"Ba": 1, "CrO4": 20}, lambda a: 10**-9.93 / a["CrO4"]),
        ("CaWO4", {"Ca": 2, "WO4": 20}, lambda a: 10**-8.06 / a["WO4"]),
        ("CsClO4", {"Cs": 140, "ClO4": 140}, lambda a: 10**-2.4 / a["ClO4"]),
    ],
)
def test_free_ion_above_a_solubility_product(
    solid: str, ions: dict[str, float], free_mM: Callable[[Mapping[str, float]], float]
) -> None:
    found = speciate(NO_PH, 25, NO3=1, **ions)
    assert solid in found.solid_mM
    known = {**FORMED, **IONS}
    strength = sum(known[name].valence ** 2 * c for name, c in found.amounts_mM.items()) / 2000
    gamma = {name: 10 ** (-davies_exponent(strength, 25.0) * known[name].valence ** 2) for name in found.amounts_mM}
    activity = {name: gamma[name] * c / 1000 for name, c in found.amounts_mM.items()}
    scarce = next(iter(ions))
    assert activity[scarce] == pytest.approx(free_mM(activity), rel=1e-4)
    assert found.amounts_mM[scarce] < ions[scarce]


@pytest.mark.parametrize(("metal", "log_K"), [("Fe3", 4.891), ("Al", 10.8)])
def test_trivalent_metals_precipitate_at_a_pH(metal: str, log_K: float) -> None:
    """PHREEQC's wateq4f.dat: of the amorphous hydroxide and three protons."""
    found = speciate(7.4, 25, Na=150, Cl=150, HEPES=10, **{metal: 0.1})
    exponent = davies_exponent(0.15, 25.0)
    assert list(found.solid_mM) == [f"{metal.rstrip('3')}(OH)3"]
    free = found.amounts_mM[metal] / 1000 * 10 ** (-9 * exponent)
    assert math.log10(free) == pytest.approx(log_K - 3 * 7.4, abs=0.02)


@pytest.mark.parametrize("metal", ["Mg", "Zn", "Ni", "Mn"])
def test_hydroxides_form_above_a_pH(metal: str) -> None:
    """A mol/l x of free metal is saturated where the hydroxide's activity is sqrt(K / x)."""
    solid = next(each for each in solids.known() if each.name == f"{metal}(OH)2")
    activity = 0.005 * 10 ** (-4 * davies_exponent(0.115, 25.0))
    pH = 13.995 + (solid.log_K - math.log10(activity)) / 2
    recipe = {"Na": 110, "NO3": 120, metal: 5, "TAPS": 10}
    assert speciate(pH - 0.05, 25, **recipe).solid_mM == {}
    assert list(speciate(pH + 0.05, 25, **recipe).solid_mM) == [f"{metal}(OH)2"]


# Complexes of other metals, and those that are not known


@pytest.mark.parametrize(
    ("metal", "anion", "constants"),
    # Overall constants at 25 C and infinite dilution with the charges of the complexes: NIST's database 46; of lead,
    # PHREEQC's wateq4f.dat.
    [
        ("Zn", "Cl", [(0.4, 1)]),
        ("Mn", "Cl", [(0.1, 1)]),
        ("Pb", "Cl", [(1.6, 1), (1.8, 0), (1.7, -1)]),
        ("Cd", "SCN", [(1.93, 1), (2.72, 0), (2.85, -1), (2.3, -2)]),
        ("Cd", "acetate", [(1.92, 1)]),
        ("Ca", "succinate", [(2.0, 0)]),
    ],
)
def test_what_is_free_beside_a_ligand(metal: str, anion: str, constants: list[tuple[float, int]]) -> None:
    z = IONS[anion].valence
    found = speciate(NO_PH, 25, **{"K": -z * 100, anion: 100, "NO3": 0.002, metal: 0.001})
    exponent = davies_exponent(0.1 if z == -1 else 0.3, 25.0)
    weights = [
        10 ** (log_K + exponent * (charge**2 - 4 - n * z * z)) * 0.1**n
        for n, (log_K, charge) in enumerate([(0.0, 2), *constants])
    ]
    assert found.amounts_mM[metal] / 0.001 == pytest.approx(weights[0] / sum(weights), rel=0.01)


@pytest.mark.parametrize(
    ("metal", "ligand", "log_K", "pKa", "amount_mM"),
    # NIST's database 46 at 25 C and .1 M; the ligand binds as its second charge, of which the pH leaves a little.
    [("Mg", "aspartate", 2.4, 9.66, 120), ("Mg", "glutamate", 1.9, 9.58, 120), ("Cd", "aspartate", 4.35, 9.66, 1)],
)
def test_amino_acids_bind_as_their_second_charge(
    metal: str, ligand: str, log_K: float, pKa: float, amount_mM: float
) -> None:
    found = speciate(7.4, 25, **{"K": 120, "NO3": 120 - amount_mM, ligand: amount_mM, metal: 0.001, "HEPES": 0.1})
    # The pKa is of concentrations at .1 M: the pH is lowered by -log10 of the coefficient.
    second_M = amount_mM / 1000 / (1 + 10 ** (pKa - 7.4 + davies_exponent(0.12, 25.0)))
    assert 0.001 / found.amounts_mM[metal] == pytest.approx(1 + 10**log_K * second_M, rel=0.12)


@pytest.mark.parametrize(
    ("amounts", "pH", "expected"),
    [
        ({"Cd": 0.1, "imidazolium": 5, "Na": 140, "Cl": 140}, 7.4, [("Cd", "imidazolium")]),
        ({"Al": 0.03, "F": 10, "Cl": 0.09, "Na": 10}, 7.4, []),
        ({"Gd": 0.1, "NO3": 150, "Na": 150}, 7.4, []),
        ({"Hg": 0.1, "NO3": 150, "Na": 150}, 7.4, [("Hg", "hydroxide")]),
        ({"Gd": 0.1, "Cl": 150, "Na": 150}, NO_PH, [("Gd", "Cl")]),
        ({"Ca": 2, "propionate": 140, "Na": 140}, NO_PH, [("Ca", "propionate")]),
        ({"Ca": 2, "Mg": 1, "Cl": 150, "HCO3": 25, "HPO4": 1, "SO4": 1, "HEPES": 10, "Tris": 5}, 7.4, []),
        ({"Zn": 1, "Mn": 1, "Pb": 0.01, "Cl": 150, "methanesulfonate": 10}, NO_PH, []),
        ({"Mn": 1, "Cd": 1, "HPO4": 1, "Cl": 150}, 7.4, []),
    ],
)
def test_complexes_without_a_constant_are_named(
    amounts: dict[str, float], pH: float, expected: list[tuple[str, str]]
) -> None:
    ions = {IONS[name]: amount for name, amount in amounts.items()}
    assert unknown_complexes.unknown(ions, ACIDS, pH) == expected


def test_a_base_that_only_a_solid_takes_up_is_a_titrant() -> None:
    """Without the hydroxide that precipitates, 20 mM copper at pH 8 has no room for a base."""
    amounts = {IONS[name]: c for name, c in {"Cu": 20.0, "ClO4": 140.0, "Na": 100.0, "TES": 10.0}.items()}
    found = equilibria.speciate(amounts, ACIDS, 8.0, 25, IONS["K"])
    assert found.solid_mM["Cu(OH)2"] > 10
    assert found.titrant_mM == pytest.approx(2 * found.solid_mM["Cu(OH)2"], rel=0.5)
    assert found.charge_meq_per_l == pytest.approx(0, abs=1e-9)


def test_random_solutions_are_neutral_and_lose_nothing() -> None:
    """200 baths and pipettes with their titrant: sums of the listed species, to 1e-9 of all charges and amounts."""
    rng = np.random.default_rng(3)
    names = [*LIGANDS, "HEPES", "glutamate", "citrate", "F", "Zn", "Mn", "Cd", "Tris", "glycinate", *METALS]
    known, solved = {**FORMED, **IONS}, 0
    for _ in range(200):
        drawn = {name: float(10 ** rng.uniform(-3, 1.5)) for name in names if rng.random() < 0.3}
        amounts = {IONS[name]: c for name, c in (drawn | {"K": 150.0, "Cl": 130.0}).items()}
        at = float(rng.uniform(6.5, 8)), float(rng.uniform(10, 37))
        excess = equilibria.speciate(amounts, ACIDS, *at).charge_meq_per_l
        found = equilibria.speciate(amounts, ACIDS, *at, IONS["Na" if excess < 0 else "methanesulfonate"])
        charges = np.array([known[name].valence * c for name, c in found.amounts_mM.items()])
        assert abs(charges.sum()) <= 1e-9 * np.abs(charges).sum()
        assert all(
            found.total_mM[name] == pytest.approx(drawn[name], rel=1e-9) for name in {*drawn} & {*found.total_mM}
        )
        solved += 1
    assert solved == 200


@pytest.mark.parametrize(("anion", "factor"), [("glutamate", 10**0.25), ("gluconate", 10**0.1)])
def test_a_constant_of_which_sources_differ_shifts_by_its_own_error(anion: str, factor: float) -> None:
    """Of much anion and little Ca, bound over free is the constant times the anion; a weaker complex has no error."""

    def bound_over_free(shift_log_K: float) -> float:
        amounts = {IONS["Na"]: 140.0, IONS[anion]: 140.02, IONS["Ca"]: 0.01}
        free_mM = equilibria.speciate(amounts, ACIDS, 7.4, 25.0, None, shift_log_K).amounts_mM["Ca"]
        return (0.01 - free_mM) / free_mM

    assert bound_over_free(0.1) / bound_over_free(0.0) == pytest.approx(factor, rel=0.01)
    assert bound_over_free(-0.1) / bound_over_free(0.0) == pytest.approx(1 / factor, rel=0.01)


@pytest.mark.parametrize(
    ("amounts", "pH", "temperature_C", "ion", "free_mM"),
    [
        # A chemist's numbers: NIST's constants by hand, at the ionic strength of each solution.
        ({"Na": 140, "Cl": 140, "glycinate": 100, "Ca": 2, "HEPES": 5}, 7.4, 25, "Ca", 1.66),
        ({"K": 145, "Cl": 140, "glutathione1": 5, "HEPES": 10}, 7.2, 25, "glutathione2", 0.15),
        (
            {"Na": 10, "K": 120, "gluconate": 120, "F": 10, "Al": 0.03, "Cl": 0.09, "HEPES": 10},
            7.3,
            22,
            "[AlF4]-",
            0.024,
        ),
        ({"Na": 150, "Cl": 125, "HCO3": 26, "Ni": 1, "Ca": 2, "Mg": 1}, 7.4, 25, "Ni", 1.0),
    ],
)
def test_constants_of_the_right_species_medium_and_solid(
    amounts: dict[str, float], pH: float, temperature_C: float, ion: str, free_mM: float
) -> None:
    found = speciate(pH, temperature_C, **amounts)
    assert found.amounts_mM[ion] == pytest.approx(free_mM, rel=0.05)
    assert not found.solid_mM


def test_histidine_binds_zinc_as_NIST_has_it() -> None:
    """By hand from NIST's overall constants at .1 mol/l and its pKa of infinite dilution, by Davies at .1 mol/l."""
    found = speciate(7.4, 25, Na=100, NO3=101, histidinium=10, Zn=0.01)
    pH, pKa = 7.4 - 0.107, (9.28 - 2 * 0.107, 5.97)  # of concentrations: the second proton charges a zwitterion
    form = 10 ** np.array([0.0, pKa[0] - pH, sum(pKa) - 2 * pH])
    ligand_M = 0.01 / form.sum()
    h = 10**-pH
    bound = 10**6.51 * ligand_M * (1 + 10**4.86 * h) + 10**12.04 * ligand_M**2 * (1 + 10**5.80 * h)
    assert 0.01 / found.amounts_mM["Zn"] == pytest.approx(1 + bound, rel=0.05)
