"""The water of a solution: what the solutes take of it, osmolality, pairs of ions, and the activity of protons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nernstfit.experiment import solution_table
from nernstfit.physics.solution.component_names import UNCHARGED
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.osmotic import ionic_osmolality, uncharged_osmolality
from nernstfit.physics.solution.pitzer import ln_raw
from nernstfit.physics.solution.water import (
    SOLUTES,
    coefficients,
    ion_volume_cm3_per_mol,
    volume_assumptions,
    water_share,
)
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import solution_findings
from nernstfit.solutions.ion_table import ion_rows

MODELS = ["pitzer:macinnes", "pitzer:raw", "pitzer:guggenheim", "davies", "debye-huckel"]


def made(**components: float | str) -> Solutions:
    cells = {name: [str(value)] for name, value in components.items()}
    table = pd.DataFrame({"solution": ["x"], **cells}, index=[2])
    solutions, faults = solution_table.parse(table, "s.csv")
    assert faults == []
    return solutions


@pytest.mark.parametrize("model", MODELS)
def test_sucrose_takes_water_from_the_ions(model: str) -> None:
    """4.75 % less water; the rest of the change is that of the coefficient at the higher molality."""
    without, diluted = made(NaCl=10), made(NaCl=10, sucrose=225)
    rise = diluted.activity_mM("x", ["Na"], model, 25.0) / without.activity_mM("x", ["Na"], model, 25.0)
    assert rise[0] == pytest.approx(1 / (1 - 0.0475), abs=0.004)
    assert made(NaCl=10, sucrose=225).activity_mM("x", ["Na"], "concentration", 25.0).tolist() == [10.0]


def test_uncharged_substances_keep_their_amounts() -> None:
    recipe = made(NaCl=10, sucrose=20, **{"D-mannitol": 5.0, "PEG-400": 3.0, "dextran70": 0.1})
    amounts = dict(zip(recipe.substances, recipe.substance_mM[0].tolist(), strict=True))
    assert amounts == {"sucrose": 20.0, "D-mannitol": 5.0, "PEG400": 3.0, "dextran70": 0.1}
    volume = 20 * 210.8 + 5 * 119.2 + 3 * 0.837 * 400 + 0.1 * 0.611 * 70_000 + 10 * 16.6
    assert recipe.at(25.0).taken[0] == pytest.approx(volume / 1e6, rel=1e-9)


# Salt, mol/l and mol/kg at 20 C: concentrative properties of aqueous solutions, CRC Handbook 102nd ed., transcribed in
# github amosonabike/CRC-Solution-Properties-@b43fe5a; and the relative error that is left.
DENSITIES = [
    ("Na", "Cl", 1.069, 1.092, 0.002),
    ("Na", "Cl", 3.056, 3.259, 0.002),
    ("Na", "Cl", 5.085, 5.704, 0.002),
    ("K", "Cl", 3.039, 3.353, 0.002),
    ("K", "Cl", 3.742, 4.236, 0.002),
    ("Cs", "Cl", 1.397, 1.485, 0.002),
    ("Cs", "Cl", 3.38, 3.96, 0.002),
    ("K", "I", 2.297, 2.582, 0.002),
    ("Ca", "Cl", 0.976, 1.001, 0.004),
    ("Ca", "Cl", 2.122, 2.253, 0.013),
]


@pytest.mark.parametrize(("cation", "anion", "molar_M", "molality", "error"), DENSITIES)
def test_molalities_of_strong_solutions(cation: str, anion: str, molar_M: float, molality: float, error: float) -> None:
    ions = [IONS[cation], IONS[anion]]
    content = 1000 * molar_M * np.array([1.0, ions[0].valence])
    taken = content @ [ion_volume_cm3_per_mol(ion) for ion in ions] / 1e6
    assert molar_M / (0.99821 * float(water_share(taken, content, ions))) == pytest.approx(molality, rel=error)


def test_activity_of_strong_sodium_chloride() -> None:
    """5 M are 5.58 mol/kg, where the mean coefficient is .930 (Robinson & Stokes 1959: .874 at 5, .986 at 6 mol/kg)."""
    both = made(NaCl=5000).activity_mM("x", ["Na", "Cl"], "pitzer:macinnes", 25.0)
    assert np.sqrt(both.prod()) == pytest.approx(5580 * 0.930 * 0.997, rel=0.015)


def test_more_solute_than_solution_is_a_fault() -> None:
    table = pd.DataFrame({"solution": ["x"], "dextran500": ["5"], "NaCl": ["10"]}, index=[2])
    _, faults = solution_table.parse(table, "s.csv")
    assert len(faults) == 1
    assert "take 1.53 l of one litre" in str(faults[0])


def test_every_uncharged_substance_has_a_volume_or_a_word() -> None:
    assert SOLUTES.keys() >= UNCHARGED
    assert all(row.source for row in SOLUTES.values())
    assert volume_assumptions([IONS["gluconate"], IONS["Na"], IONS["PF6"]], ["taurine", "sucrose"], {}) == (
        "volume(PF6): that of NO3",
        "volume(gluconate): by its mass",
        "volume(taurine): by its mass",
    )


def test_an_infinitely_dilute_ion_has_the_coefficient_one() -> None:
    ions = [IONS["Na"], IONS["Cl"]]
    assert coefficients("pitzer:raw", [0.0, 0.0], ions, 25.0, 0.0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("cation", "molality", "published"),
    # Robinson & Stokes 1959, Electrolyte Solutions, App. 8.3: osmotic coefficients of KCl, NaCl and CaCl2 at 25 C
    [("Na", 0.3, 0.9215), ("K", 0.3, 0.9063), ("Ca", 0.3, 0.876)],
)
def test_osmotic_coefficients_of_salts(cation: str, molality: float, published: float) -> None:
    ions, z = (IONS[cation], IONS["Cl"]), IONS[cation].valence
    found = float(ionic_osmolality([molality, z * molality], ions, 25.0)) / ((1 + z) * molality)
    assert found == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("cation", "anion", "published"),
    # Robinson & Stokes 1959, App. 8.10, at .1 mol/kg and 25 C; not seen in print, unverified.
    [("La", "Cl", 0.788), ("K", "ferricyanide", 0.727), ("K", "ferrocyanide", 0.595)],
)
def test_osmotic_coefficients_of_ions_without_parameters(cation: str, anion: str, published: float) -> None:
    ions, z = (IONS[cation], IONS[anion]), (IONS[cation].valence, -IONS[anion].valence)
    found = float(ionic_osmolality([0.1 * z[1], 0.1 * z[0]], ions, 25.0)) / (0.1 * sum(z))
    assert found == pytest.approx(published, rel=0.12)


def test_a_trace_without_parameters_changes_nothing() -> None:
    """The two terms go over into each other; without ions there is no osmolality."""
    ions = tuple(IONS[name] for name in ("Na", "Cl", "La"))
    plain = float(ionic_osmolality([0.15, 0.15, 0.0], ions, 25.0))
    assert plain == float(ionic_osmolality([0.15, 0.15], ions[:2], 25.0))
    assert float(ionic_osmolality([0.15, 0.15 + 3e-9, 1e-9], ions, 25.0)) == pytest.approx(plain, abs=1e-7)
    assert ionic_osmolality([[0.0] * 3, [1e-12, 1e-12, 1e-12]], ions, 25.0) == pytest.approx([0, 3e-12], rel=1e-5)


def test_osmolality_is_what_the_coefficients_say() -> None:
    """Gibbs and Duhem: the change of the osmolality is sum m d ln(a), here of a mixture with two unlike charges."""
    ions = tuple(IONS[name] for name in ("Na", "K", "Ca", "Mg", "Cl", "SO4"))
    m = np.array([0.14, 0.05, 0.02, 0.01, 0.21, 0.02])
    step = 1e-5
    low, high = (ionic_osmolality(m * (1 + s), ions, 37.0) for s in (-step, step))
    ln_g = [ln_raw(m * (1 + s), ions, 37.0) for s in (-step, step)]
    change = m @ (ln_g[1] - ln_g[0] + np.log((1 + step) / (1 - step)))
    assert float(high - low) == pytest.approx(float(change), rel=1e-6)


def test_osmolality_of_what_an_osmometer_reads() -> None:
    assert float(ionic_osmolality([0.15, 0.15], (IONS["Na"], IONS["Cl"]), 25.0)) == pytest.approx(0.279, rel=0.01)
    assert uncharged_osmolality(0.3, "sucrose") == pytest.approx(0.3 * 1.024, rel=0.01)
    ringer = made(NaCl=140, KCl=5, CaCl2=2, MgCl2=1, glucose=10, HEPES=10, pH=7.4, titrant="NaOH")
    assert 289 < ringer.osmolality_mOsm_per_kg(22.0)[0] < 303
    assert ringer.at(22.0).osmolarity_mOsm_per_l[0] > 320


@pytest.mark.parametrize("model", [*MODELS, "concentration"])
def test_the_activity_of_protons_is_what_the_ph_says(model: str) -> None:
    recipe = made(NaCl=140, HEPES=10, pH=7.4, titrant="NaOH", sucrose=100)
    assert recipe.activity_mM("x", ["H"], model, 22.0)[0] == pytest.approx(10 ** (3 - 7.4), rel=1e-12)
    rows = {row["ion"]: row for row in ion_rows(recipe, 22.0, model)}
    assert rows["H"]["activity_mM"] == pytest.approx(10 ** (3 - 7.4), rel=1e-12)
    for row in rows.values():
        assert row["activity_mM"] == row["activity_coefficient"] * row["concentration_mM"]


def test_pairs_that_the_parameters_contain_are_not_counted_twice() -> None:
    """Pitzer's coefficient of magnesium sulfate is that of all of it: Pitzer & Mayorga 1974, J Solution Chem 3:539."""
    recipe, ions = made(MgSO4=100), [IONS["Mg"], IONS["SO4"]]
    free = recipe.row("x", 25.0)
    assert 45 < free[0] < 55  # what Davies' coefficients need
    assert recipe.content_mM("davies", 25.0)[0].tolist() == free.tolist()
    assert recipe.row("x", 25.0, "pitzer:raw").tolist() == pytest.approx([100.0, 100.0], rel=1e-12)
    taken = 100 * (21.6 - 28.8) / 1e6
    expected = 100 * coefficients("pitzer:raw", [100.0, 100.0], ions, 25.0, max(taken, 0.0))
    assert recipe.activity_mM("x", ["Mg", "SO4"], "pitzer:raw", 25.0) == pytest.approx(expected, rel=1e-12)
    row = next(ion_rows(recipe, 25.0, "pitzer:raw"))
    assert row["concentration_mM"] == pytest.approx(100.0)
    assert row["ionic_strength_M"] == pytest.approx(0.4)
    assert row["osmolarity_mOsm_per_l"] == pytest.approx(200.0)
    kg_per_l = 0.997047 * float(water_share(0.0, [100.0, 100.0], ions))
    osmolality = float(ionic_osmolality([0.1 / kg_per_l] * 2, tuple(ions), 25.0))
    assert recipe.osmolality_mOsm_per_kg(25.0)[0] == pytest.approx(1000 * osmolality, rel=1e-5)
    others = made(NaHCO3=25, CaCl2=2)
    assert others.content_mM("pitzer:raw", 25.0).tolist() == others.content_mM("davies", 25.0).tolist()


def test_salts_of_atp_with_more_magnesium_are_not_warned_of() -> None:
    recipe = made(KCl=120, HEPES=10, MgATP=4, MgCl2=2, pH=7.2, titrant="KOH")
    assert solution_findings(recipe, 22.0, "pitzer:macinnes") == {"x": ()}


def test_charged_pairs_that_the_parameters_contain_are_not_counted_twice() -> None:
    """Zinc chloride has parameters of its own, lead chloride has none."""
    zinc, lead = made(NaCl=150, ZnCl2=1), made(NaCl=150, PbCl2=0.01)
    names = [ion.name for ion in zinc.ions]
    assert 0.85 < zinc.row("x", 25.0)[names.index("Zn")] < 0.92  # what Davies' coefficients need
    assert dict(zip(names, zinc.row("x", 25.0, "pitzer:raw").tolist(), strict=True)) == pytest.approx(
        {"Cl": 152.0, "Na": 150.0, "Zn": 1.0, "[ZnCl]+": 0.0}
    )
    found = {model: {row["ion"]: row for row in ion_rows(zinc, 25.0, model)} for model in ("pitzer:raw", "davies")}
    assert "[ZnCl]+" in found["davies"]
    assert "[ZnCl]+" not in found["pitzer:raw"]
    assert found["pitzer:raw"]["Zn"]["osmolarity_mOsm_per_l"] == pytest.approx(303.0)
    assert found["davies"]["Zn"]["osmolarity_mOsm_per_l"] == pytest.approx(
        302.0 + found["davies"]["Zn"]["concentration_mM"]
    )
    assert zinc.osmolality_mOsm_per_kg(25.0)[0] == pytest.approx(282, abs=3)
    assert lead.content_mM("pitzer:raw", 25.0).tolist() == lead.content_mM("davies", 25.0).tolist()
