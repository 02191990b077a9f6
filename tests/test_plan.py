"""Planning: the expected interval against closed forms and simulated experiments, baths, dilutions, and the command."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from experiments import HEADER, analyse, of_model

from nernstfit.commands.main import main
from nernstfit.contract import settings
from nernstfit.experiment import folder as experiments
from nernstfit.permeability.design import (
    Design,
    design,
    expected_ratios,
    half_width,
    interval_inflation,
    saturating_dilutions,
    simulated_ratios,
)
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.solutions.conditions import Condition

RECIPES = """solution,NaCl,KCl,NMDG-Cl,sucrose
control,145,5,0,0
potassium,0,150,0,0
NMDG,0,5,145,0
half,72.5,2.5,0,140
quarter,36.25,1.25,0,210
again,145,5,0,30
inside,145,0,0,0
outside,0,145,0,0
sodium,145,0,0,0
sodium_quarter,36.25,0,0,210
pipette,10,140,0,0
bridge,0,3000,0,0
"""
PLAIN: Mapping[str, Any] = {
    "temperature_C": 22,
    "junction": {"method": "none"},
    "activity": {"model": "concentration"},
    "uncertainty": {"concentration_percent": 0, "temperature_C": 0},
}
RATIOS = {"K": 1.3, "NMDG": 0.12, "Cl": 0.05}


def planned(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    baths: Sequence[str],
    ratios: Mapping[str, float],
    pipette: str = "pipette",
    reference: str = "Na",
    configuration: str = "whole-cell",
    fit: Mapping[str, Any] | None = None,
    **plan: Any,
) -> Design:
    write(folder, {})
    monkeypatch.chdir(folder)
    config = {
        **PLAIN,
        "recordings": "data/recordings.csv",
        "solutions": "data/solutions.csv",
        "configuration": configuration,
        "fit": {"reference_ion": reference, "permeant": [reference, *ratios], **(fit or {})},
        "plan": plan,
    }
    found = experiments.load(config, with_rows=False)
    conditions = [Condition(bath, pipette, configuration, 22.0, "same") for bath in baths]
    return design(conditions, found.solutions, found.settings, ratios)


def write(folder: Path, config: Mapping[str, Any]) -> Path:
    for part in ("config", "data"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "data" / "solutions.csv").write_text(RECIPES)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    return folder


# The expected interval


@pytest.mark.parametrize("cells", [1, 4, 25])
@pytest.mark.parametrize("ratio", [0.02, 1.0, 7.0])
def test_two_ions_and_noise_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: int, ratio: float) -> None:
    of = planned(
        *(tmp_path, monkeypatch, ["outside"], {"K": ratio}),
        pipette="inside",
        fit={"permeant": ["Na", "K"], "offset_sd_mV": 0},
        cells=cells,
        noise_mV=0.4,
        ln_ratio_sd=0,
    )
    (found,) = expected_ratios(of)
    # E = RT/F ln(P_K / P_Na) in every cell.
    exact = 0.4 / float(thermal_voltage_mV(22.0)) / math.sqrt(cells)
    assert found.verdict == "estimate"
    assert found.ln_ratio == pytest.approx(math.log(ratio))
    assert found.se_ln_cells == pytest.approx(exact, rel=0.01)


def test_two_ions_and_cells_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = planned(
        *(tmp_path, monkeypatch, ["outside"], {"K": 1.5}),
        pipette="inside",
        fit={"permeant": ["Na", "K"], "offset_sd_mV": 0},
        cells=10,
        noise_mV=1e-3,
        ln_ratio_sd=0.2,
    )
    (found,) = expected_ratios(of)
    assert found.se_ln_cells == pytest.approx(0.2 / math.sqrt(10), rel=1e-3)
    # Cells alone: the classical t of n - 1.
    assert found.df == pytest.approx(9, rel=1e-3)
    assert half_width(found) == pytest.approx(2.262157 * 0.2 / math.sqrt(10), rel=1e-3)


def test_simulated_experiments_do_as_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = planned(tmp_path, monkeypatch, ["control", "potassium", "NMDG", "quarter"], RATIOS, cells=10)
    expected, drawn = expected_ratios(of), simulated_ratios(of, 100, 3)
    for i, ratio in enumerate(expected):
        assert ratio.verdict == "estimate"
        own = [each[i] for each in drawn if each[i].verdict == "estimate"]
        assert len(own) == 100
        errors = np.array([each.ln_ratio for each in own]) - math.log(RATIOS[ratio.ion])
        # A standard deviation of 100 is known to 7 %.
        assert errors.std() == pytest.approx(ratio.se_ln_cells, rel=0.2)
        assert abs(errors.mean()) < 4 * ratio.se_ln_cells / math.sqrt(100)
        assert np.median([half_width(each) for each in own]) == pytest.approx(half_width(ratio), rel=0.1)


def test_the_plan_is_what_an_analysis_of_such_data_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baths = ["control", "potassium", "NMDG", "quarter"]
    of = planned(tmp_path / "plan", monkeypatch, baths, RATIOS, cells=12, ln_ratio_sd=0.2)
    rows = []
    rng = np.random.default_rng(8)
    place = np.searchsorted(of.data.cell_names, of.data.cells)
    own = of.ln_p + 0.2 / math.sqrt(2) * rng.standard_normal((12, 4))
    offsets = rng.standard_normal(12)
    potential = of.data.predict(own)[place, np.arange(of.data.size)] + offsets[place]
    for c, i, value in zip(of.conditions, place, potential + 0.5 * rng.standard_normal(of.data.size), strict=True):
        rows.append(f"c{i},{c.bath},pipette,{value:.5f},0.5")
    config = {**PLAIN, "fit": {"reference_ion": "Na", "permeant": ["Na", *RATIOS]}}
    found = of_model(analyse(tmp_path / "run", RECIPES, rows, config, HEADER))
    for ratio in expected_ratios(of):
        length = math.log(found.loc[ratio.ion, "high"] / found.loc[ratio.ion, "low"]) / 2
        # Twelve cells know their own spread to some 20 %.
        assert length == pytest.approx(half_width(ratio), rel=0.5)


def test_more_cells_shorten_what_cells_cause_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (
        expected_ratios(
            planned(tmp_path, monkeypatch, ["control", "potassium", "NMDG", "quarter"], RATIOS, cells=cells)
        )
        for cells in (10, 40)
    )
    for one, four in zip(few, many, strict=True):
        assert four.se_ln_cells == pytest.approx(one.se_ln_cells / 2, rel=0.02)
        assert four.se_ln_shared == pytest.approx(one.se_ln_shared, rel=0.02)


def test_the_other_ion_for_reference_gives_the_reciprocal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baths, both = ["control", "potassium", "NMDG"], {"fit": {"permeant": ["Na", "K", "NMDG"]}}
    one = expected_ratios(planned(tmp_path, monkeypatch, baths, {"K": 2.0, "NMDG": 0.1}, **both))
    other = expected_ratios(planned(tmp_path, monkeypatch, baths, {"Na": 0.5, "NMDG": 0.05}, reference="K", **both))
    assert one[0].ion == "K"
    assert other[0].ion == "Na"
    assert (one[0].low, one[0].high) == pytest.approx((1 / other[0].high, 1 / other[0].low), rel=1e-9)


def test_an_ion_that_hardly_passes_will_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = planned(
        *(tmp_path, monkeypatch, ["control", "potassium", "NMDG"], {"K": 1.3, "NMDG": 1e-5}),
        fit={"permeant": ["Na", "K", "NMDG"]},
    )
    potassium, nmdg = expected_ratios(of)
    assert potassium.verdict == "estimate"
    assert nmdg.verdict == "upper_bound"
    assert nmdg.high > 1e-5


# Baths


def test_what_a_bath_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = {"permeant": ["Na", "K", "NMDG"]}
    baths = ["control", "potassium", "NMDG"]
    of = planned(tmp_path, monkeypatch, baths, {"K": 1.3, "NMDG": 0.12}, fit=fit)
    found = interval_inflation(of)
    assert set(found) == set(baths)
    assert math.isinf(found["NMDG"]["NMDG"])
    assert all(factor > 1 for factor in found["control"].values())
    shorter = [half_width(ratio) for ratio in expected_ratios(of.without("potassium"))]
    whole = [half_width(ratio) for ratio in expected_ratios(of)]
    assert list(found["potassium"].values()) == pytest.approx(np.divide(shorter, whole))


def test_a_dilution_tells_nothing_of_cations_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without anions a dilution moves the potential by what no ratio changes: it is worth what a repeat is.
    fit = {"permeant": ["Na", "K", "NMDG"], "offset_sd_mV": 0}
    of = planned(
        *(tmp_path, monkeypatch, ["control", "again", "half", "potassium", "NMDG"], {"K": 1.3, "NMDG": 0.12}),
        fit=fit,
        ln_ratio_sd=0,
    )
    found = interval_inflation(of)
    assert found["half"] == pytest.approx(found["again"], rel=1e-6)


# Dilutions


def test_a_dilution_that_saturates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = planned(
        *(tmp_path, monkeypatch, ["sodium", "sodium_quarter"], {"Cl": 10.0}),
        pipette="inside",
        fit={"permeant": ["Na", "Cl"]},
    )
    (found,) = saturating_dilutions(of)
    volt = float(thermal_voltage_mV(22.0))
    shift = volt * math.log((36.25 + 10 * 145) / (145 + 10 * 36.25))
    slope = volt * (10 * 145 / (36.25 + 10 * 145) - 10 * 36.25 / (145 + 10 * 36.25))
    assert (found.bath, found.of, found.alone, found.ion) == ("sodium_quarter", "sodium", "Cl", "Cl")
    assert found.dilution == pytest.approx(4)
    assert found.shift_mV == pytest.approx(shift, rel=1e-9)
    assert found.limit_mV == pytest.approx(volt * math.log(4))
    assert found.percent_per_mV == pytest.approx(100 * math.expm1(1 / slope))


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
def test_a_dilution_between_both_limits_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float) -> None:
    of = planned(
        *(tmp_path, monkeypatch, ["sodium", "sodium_quarter"], {"Cl": ratio}),
        pipette="inside",
        fit={"permeant": ["Na", "Cl"]},
    )
    assert list(saturating_dilutions(of)) == []


def test_exchanged_ions_are_no_dilution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = planned(tmp_path, monkeypatch, ["control", "potassium", "NMDG"], {**RATIOS, "Cl": 1e-4})
    assert list(saturating_dilutions(of)) == []


def test_turned_round_a_plan_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = {"permeant": ["Na", "Cl"]}
    given = (tmp_path, monkeypatch, ["sodium", "sodium_quarter"], {"Cl": 10.0}, "inside", "Na")
    one, other = (planned(*given, configuration, fit) for configuration in ("whole-cell", "inside-out"))
    (plain,), (turned,) = expected_ratios(one), expected_ratios(other)
    assert (turned.low, turned.high) == pytest.approx((plain.low, plain.high), rel=1e-9)
    (of_plain,), (of_turned,) = saturating_dilutions(one), saturating_dilutions(other)
    assert of_turned.shift_mV == pytest.approx(-of_plain.shift_mV)
    assert of_turned.limit_mV == pytest.approx(-of_plain.limit_mV)
    assert of_turned.percent_per_mV == pytest.approx(of_plain.percent_per_mV)


# The command

CONFIG: Mapping[str, Any] = {
    "recordings": "data/recordings.csv",
    "solutions": "data/solutions.csv",
    "temperature_C": 22,
    "junction": {"zeroed_in": "control", "reference": {"type": "salt-bridge", "solution": "bridge"}},
    "fit": {"reference_ion": "Na", "permeant": ["Na", *RATIOS]},
    "plan": {"pipette": "pipette", "baths": ["control", "potassium", "NMDG", "quarter"], "ratios": dict(RATIOS)},
}


def ask(folder: Path, *options: str, **changes: Any) -> Result:
    plan = {**CONFIG["plan"], **changes}
    write(folder, {**CONFIG, "plan": {key: value for key, value in plan.items() if value is not None}})
    return CliRunner().invoke(main, ["plan", str(folder), "--simulations", "0", *options])


def test_a_folder_without_recordings_is_planned(tmp_path: Path) -> None:
    done = ask(tmp_path, "--json", "--simulations", "20")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["assumed"]["cells"] == 8
    assert [row["ion"] for row in found["ratios"]] == list(RATIOS)
    for row in found["ratios"]:
        assert row["low"] < row["low_cells"] < row["expected"] < row["high_cells"] < row["high"]
        assert 0.8 <= row["simulated_alike"] <= 1
    assert {row["bath"] for row in found["baths"]} == set(CONFIG["plan"]["baths"])
    assert next(row for row in found["baths"] if row["bath"] == "NMDG")["NMDG"] is None
    notes = "\n".join(found["notes"])
    assert "bath quarter is control diluted (3.44-fold by activity) and saturates" in notes
    assert "bath NMDG is needed: without it there would be no estimate of NMDG" in notes
    assert "shortens the intervals most" in notes
    assert "with 16 cells" in notes


def test_the_same_plan_prints_the_same(tmp_path: Path) -> None:
    first, second = (ask(tmp_path, "--simulations", "10").output for _ in range(2))
    assert first == second
    assert first.startswith("8 cells with pipette, each in 4 baths (NMDG, control, potassium, quarter; from config/")


def test_options_win(tmp_path: Path) -> None:
    found = json.loads(ask(tmp_path, "--json", "--cells", "20", "--ratio", "K=2", "--bath", "control").output)
    assert found["assumed"]["cells"] == 20
    assert found["assumed"]["ratios"] == {**RATIOS, "K": 2.0}
    assert found["assumed"]["baths"] == ["control"]


def test_a_redundant_bath_is_named(tmp_path: Path) -> None:
    baths = ["control", "potassium", "NMDG", "half", "quarter"]
    done = ask(tmp_path, "--json", baths=baths, ratios={**RATIOS, "Cl": 0.4})
    redundant = {note.split()[1] for note in json.loads(done.output)["notes"] if "is redundant" in note}
    for row in json.loads(done.output)["baths"]:
        factors = [row[ion] for ion in RATIOS]
        assert (row["bath"] in redundant) == (None not in factors and max(factors) < 1.02)


def test_all_other_solutions_are_baths_where_none_are_named(tmp_path: Path) -> None:
    found = json.loads(ask(tmp_path, "--json", baths=None).output)
    names = [line.split(",")[0] for line in RECIPES.splitlines()[1:]]
    assert found["assumed"]["baths"] == sorted(set(names) - {"pipette", "bridge"})


def test_what_an_unknown_inside_does_not_tell(tmp_path: Path) -> None:
    write(tmp_path, {**CONFIG, "reversals": "data/reversals.csv", "recordings": None, "plan": {"ratios": RATIOS}})
    rows = "\n".join(f"a,{bath},,0,1" for bath in ("control", "potassium"))
    (tmp_path / "data" / "reversals.csv").write_text(f"{HEADER}\n{rows}\n")
    done = CliRunner().invoke(main, ["plan", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["ratios"] == []
    assert "the intracellular solution is unknown" in found["notes"][0]


def test_baths_and_pipette_are_those_of_the_table(tmp_path: Path) -> None:
    write(tmp_path, {**CONFIG, "reversals": "data/reversals.csv", "recordings": None, "plan": {"ratios": RATIOS}})
    rows = [f"{cell},{bath},pipette,0,1" for cell in "ab" for bath in ("control", "potassium")]
    (tmp_path / "data" / "reversals.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    found = json.loads(CliRunner().invoke(main, ["plan", str(tmp_path), "--json", "--simulations", "0"]).output)
    assert found["assumed"]["baths"] == ["control", "potassium"]
    assert found["assumed"]["cells"] == 8


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        ((), "config/config.yaml, section plan"),
        (("--ratio", "K=1.2,Na=1"), "config/config.yaml, section plan and --ratio"),
        (("--ratio", "K=1.2,NMDG=0.1,Cl=0.1"), "--ratio"),
    ],
)
def test_the_origin_of_the_ratios_is_told(tmp_path: Path, options: tuple[str, ...], origin: str) -> None:
    done = ask(tmp_path, "--json", *options)
    assert json.loads(done.output)["assumed"]["ratios_from"] == origin


def test_estimates_of_a_run_stand_where_no_ratio_is_given(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    columns = "group,model,ion,reference,verdict,ratio"
    rows = [f",ghk:pitzer:macinnes,{ion},Na,estimate,{ratio}" for ion, ratio in RATIOS.items()]
    table = tmp_path / "results" / "permeabilities.csv"
    table.write_text("\n".join([columns, *rows]) + "\n")
    found = json.loads(ask(tmp_path, "--json", ratios=None).output)
    assert found["assumed"]["ratios"] == RATIOS
    assert found["assumed"]["ratios_from"] == "results/permeabilities.csv"
    table.write_text("\n".join([columns, *rows[:-1], ",ghk:pitzer:macinnes,Cl,Na,upper_bound,"]) + "\n")
    done = ask(tmp_path, ratios=None)
    assert done.exit_code == 1
    assert "no value for Cl, and results/permeabilities.csv has no estimate of it" in done.stderr
    both = [f"wild{row}" for row in rows] + [f"mutant{row}" for row in rows]
    table.write_text("\n".join([columns, *both]) + "\n")
    assert "--group: no value" in ask(tmp_path, ratios=None).stderr
    assert ask(tmp_path, "--group", "wild", ratios=None).exit_code == 0
    assert "the nearest is 'wild'" in ask(tmp_path, "--group", "wid", ratios=None).stderr


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        ((), {"ratios": None}, "'plan.ratios': no value for K, NMDG, Cl, and there is no results/"),
        (
            (),
            {"ratios": {"K": 1.0, "Rb": 2.0}},
            "got 'Rb', which is not in fit.permeant; expected one of K, NMDG, Cl",
        ),
        ((), {"ratios": {**RATIOS, "Na": 2.0}}, "got 2 for the reference Na, expected 1"),
        ((), {"ratios": {"K": -1.0}}, "'plan.ratios' [K]: got -1.0, expected a number above 0"),
        ((), {"pipette": None}, "'plan.pipette': no value, and no data/recordings.csv"),
        ((), {"pipette": "pipete"}, "'plan.pipette': got 'pipete', which is no row of data/solutions.csv"),
        ((), {"baths": ["contrl"]}, "the nearest is 'control'"),
        ((), {"cells": 0}, "'plan.cells': got 0, expected a whole number from 1 to 1000"),
        ((), {"cels": 3}, "key 'plan.cels' is not known; the nearest known key is 'plan.cells'"),
        (("--ratio", "K"), {}, "--ratio: got 'K', expected a name and a number like K=140"),
        (("--ratio", "K=0"), {}, "--ratio: K: got 0, expected a number above 0"),
        (("--bath", "bath"), {}, "--bath: got 'bath', which is no row of data/solutions.csv"),
        (("--pipette", "pipete"), {}, "--pipette: got 'pipete', which is no row of data/solutions.csv"),
        (("--se-mV", "-1"), {}, "--se-mV: got -1.0, expected a number above 0 (mV)"),
        (("--cells", "0", "--ln-ratio-sd", "9"), {}, "--cells: got 0, expected a whole number from 1 to 1000\n--ln-"),
        (("--ratio", "Rb=2"), {}, "--ratio: got 'Rb', which is not in fit.permeant"),
    ],
)
def test_what_cannot_be_planned_is_said(
    tmp_path: Path, options: Sequence[str], changes: Mapping[str, Any], words: str
) -> None:
    done = ask(tmp_path, *options, **changes)
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output


def test_the_configuration_of_the_demonstration_is_what_simulate_writes(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["simulate", str(tmp_path)]).exit_code == 0
    shown = Path(__file__).parents[1] / "config" / "config.yaml"
    assert (tmp_path / "config" / "config.yaml").read_bytes() == shown.read_bytes()
    assert settings.load(settings.read(str(shown))).plan.ratios


def test_a_section_that_is_no_list_of_ratios_is_said_beside_an_option_too(tmp_path: Path) -> None:
    for options in ((), ("--ratio", "K=1.2")):
        done = ask(tmp_path, *options, ratios=[1.2])
        assert done.exit_code == 1
        assert "'plan.ratios': got [1.2], expected a section of key: value pairs" in done.stderr
