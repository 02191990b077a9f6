"""Solutes without charge: solutions that hold nothing else, and their rows in the table of solutions."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_line import call, rows

import nernstfit
from nernstfit.commands.main import main

RT_F_22 = 8.31446261815324 * 295.15 / 96485.3321233 * 1000
SUCROSE_VOLUME_L_PER_MOL = 0.2115  # molar_volumes.csv
WATER_KG_PER_L = 0.99777  # at 22 C


def test_a_solution_without_ions_has_its_row() -> None:
    """.3 mol/kg of sucrose, .2836 mol/l: .307 Osm/kg (Robinson & Stokes, osmotic coefficient 1.024)."""
    molar = 300 * WATER_KG_PER_L / (1 + 0.3 * WATER_KG_PER_L * SUCROSE_VOLUME_L_PER_MOL)
    (row,) = rows(f"solutions --in sucrose={molar}")
    assert row["osmolality_mOsm_per_kg"] == pytest.approx(307, rel=0.01)
    assert (row["ion"], row["valence"], row["status"]) == ("sucrose", 0, "estimated")
    assert row["activity_mM"] == pytest.approx(300 * WATER_KG_PER_L, rel=1e-3)  # molality x density


def test_a_solution_without_ions_is_listed_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "solutions.csv"
    path.write_text("solution,NaCl,sucrose\nsaline,150,0\nsweet,0,300\nwater,0,0\n")
    whole = call(f"solutions {path}").stdout.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in whole] == ["solution", "saline", "sweet", "water"]


@pytest.mark.parametrize("model", ["pitzer:raw", "davies", "debye-huckel", "concentration"])
def test_ions_of_one_side_set_a_potential(model: str) -> None:
    """Na leaves as positive and Cl as negative charge: both currents cancel at (RT/F) ln (P_Cl [Cl] / P_Na [Na])."""
    done = call(f"ghk --in NaCl=150 --out sucrose=300 --ratio Na=1,Cl=.1 --model {model} --json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    ions = {row["ion"]: row for row in found["ions"]}
    key = "inside_mM" if model == "concentration" else "inside_activity_mM"
    expected = RT_F_22 * math.log(0.1 * ions["Cl"][key] / ions["Na"][key])
    assert found["potential_mV"] == pytest.approx(expected, abs=1e-4)


def test_a_side_without_permeant_ions_is_told() -> None:
    done = call("ghk --in NaCl=150 --out sucrose=300 --ratio Na=1")
    assert done.exit_code == 1
    assert "no ion carries inward current" in done.output


@pytest.mark.parametrize("model", ["pitzer:raw", "davies"])
def test_rows_add_up_to_what_was_weighed(model: str) -> None:
    """Cadmium and its complexes with chloride; HEPES as zwitterion and anion."""
    recipe = {"NaCl": 100, "CdCl2": 0.1, "glucose": 5, "HEPES": 10, "pH": 7.0, "titrant": "NaOH"}
    table = nernstfit.activities(recipe, model=model).set_index("ion")
    amounts = table["concentration_mM"]
    assert amounts[amounts.index.str.contains("Cd")].sum() == pytest.approx(0.1, rel=1e-9)
    assert amounts[amounts.index.str.contains("HEPES")].sum() == pytest.approx(10, rel=1e-9)
    assert amounts["glucose"] == 5
    assert table.loc["[CdCl2]", "valence"] == 0
    assert amounts.sum() == pytest.approx(table["osmolarity_mOsm_per_l"].iloc[0], rel=1e-9)


def test_pairs_that_count_as_ions_have_no_row() -> None:
    """Pitzer's coefficients hold that Mg and sulfate pair; Davies' do not."""
    found = {model: list(nernstfit.activities({"MgSO4": 10}, model=model)["ion"]) for model in ("pitzer:raw", "davies")}
    assert sorted(found["pitzer:raw"]) == ["Mg", "SO4"]
    assert len(found["davies"]) == 3


# Substances of the user's own

HEAD = "species,charge,mobility,analogue,source"


def typed(folder: Path, text: str, *rows: str, head: str = HEAD) -> Result:
    path = folder / "species.csv"
    path.write_text("\n".join((head, *rows)) + "\n")
    return CliRunner().invoke(main, [*text.split(), "--species", str(path), "--json"])


def test_a_drug_is_one_line(tmp_path: Path) -> None:
    done = typed(tmp_path, "solutions --in NaCl=140,TTX=5,HEPES=10,pH=7.4,titrant=NaOH", "TTX,0,,,stock")
    assert done.exit_code == 0, done.output
    found = {row["ion"]: row for row in json.loads(done.output)}
    without = {row["ion"]: row for row in rows("solutions --in NaCl=140,HEPES=10,pH=7.4,titrant=NaOH")}
    assert (found["TTX"]["valence"], found["TTX"]["concentration_mM"]) == (0, 5)
    more = found["Na"]["osmolality_mOsm_per_kg"] - without["Na"]["osmolality_mOsm_per_kg"]
    assert more == pytest.approx(5, rel=0.02)
    assert found["Na"]["activity_mM"] == pytest.approx(without["Na"]["activity_mM"], rel=1e-12)  # it takes no volume
    assert "volume(TTX): 0" in found["Na"]["assumptions"]


@pytest.mark.parametrize(
    ("column", "value", "litres"), [("volume_cm3_per_mol", 200, 0.02), ("molar_mass_g_per_mol", 300, 0.0186)]
)
def test_a_drug_takes_the_volume_that_is_given(tmp_path: Path, column: str, value: float, litres: float) -> None:
    recipe = "solutions --in NaCl=140,drug=100 --model davies"
    without = typed(tmp_path, recipe, "drug,0,,,a")
    done = typed(tmp_path, recipe, f"drug,0,,,a,{value}", head=f"{HEAD},{column}")
    assert done.exit_code == 0, done.output
    water, before = (
        next(1 / row["activity_coefficient"] for row in json.loads(each.output) if row["ion"] == "drug")
        for each in (done, without)
    )
    assert before - water == pytest.approx(litres, rel=1e-9)


def test_the_rows_of_an_unknown_name_s_message_work(tmp_path: Path) -> None:
    message = call("solutions --in NaCl=140,X=5").output
    ion, substance = re.search(
        r"names: (X\S+) source for .*?, (X\S+) source", message.replace(",source", ", source")
    ).groups()  # type: ignore[union-attr]
    for row, valence in ((ion, 1), (substance, 0)):
        done = typed(tmp_path, "solutions --in NaCl=140,X=5", f"{row}stock")
        assert done.exit_code == 0, done.output
        assert [each["valence"] for each in json.loads(done.output) if each["ion"] == "X"] == [valence]


def test_a_substance_without_charge_is_no_ion(tmp_path: Path) -> None:
    done = typed(tmp_path, "ghk --ratio TTX=1 --in NaCl=140,TTX=1 --out NaCl=140", "TTX,0,,,a")
    assert done.exit_code == 1
    assert "got 'TTX', which is no known ion" in done.output
    done = typed(tmp_path, "solutions --in TTXCl=140", "TTX,0,,,a")
    assert "'TTXCl' is no ion, salt or uncharged substance that is known" in done.output
