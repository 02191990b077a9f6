"""Divalent ratios as papers print them, fractional currents and conductance ratios."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import complete, run_stages

from nernstfit.contract import settings, tables
from nernstfit.contract.terms import PublishedForm
from nernstfit.experiment import folder as experiments
from nernstfit.permeability import conductances
from nernstfit.permeability.form_rows import Fitted, conductance_rows, form_rows
from nernstfit.permeability.published_forms import (
    FORMS,
    NO_FACTOR,
    NO_INSIDE,
    NO_RATIOS,
    NOT_SHARED,
    Membrane,
    Value,
    forms_of,
    formula,
    fractional_current,
    in_form,
    of_ratios,
)
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane import ghk
from nernstfit.report.blocks import Grid
from nernstfit.report.results import Results
from nernstfit.report.sections import forms as section
from nernstfit.stages.published_forms import run

NEEDED = ("permeabilities", "models", "residuals", "activity_corrections", "iv")
CASES = Path(__file__).parent / "physics" / "data" / "divalent_forms.csv"
PUBLISHED = list(csv.DictReader(CASES.open(encoding="utf-8")))
BY_NAME = {form.name: form for form in FORMS}
BI_IONIC = {  # of [X] inside, [M] outside and x, as the formulas of the table state them
    PublishedForm.GHK: lambda X, M, x: X * x * (1 + x) / (4 * M),
    PublishedForm.WITHOUT_FACTOR: lambda X, M, x: X * x * (1 + x) / M,
    PublishedForm.LEWIS: lambda X, M, x: X * x / (4 * M),
    PublishedForm.LEWIS_WITHOUT_FACTOR: lambda X, M, x: X * x / M,
}


def bi_ionic(ratio: float, X: float = 140.0, M: float = 5.0, temperature_C: float = 22.0, z: int = 2) -> Membrane:
    """A membrane between a monovalent ion inside and a divalent outside; at its own reversal potential."""
    sides = ([z // 2, z], [X, 0.0], [0.0, M])
    e_mV = float(ghk.reversal_mV([1.0, ratio], *sides, temperature_C))
    arrays = (np.array(each) for each in (sides[0], [1.0, ratio], *sides[1:]))
    return Membrane(*arrays, temperature_C, e_mV)


def close(found: Value, *expected: float) -> None:
    assert found.ends == pytest.approx(expected, rel=1e-9, nan_ok=True)


def turned(one: Membrane) -> Membrane:
    return Membrane(one.valence, one.permeability, one.outside, one.inside, one.temperature_C, -one.predicted_mV)


@pytest.mark.parametrize("z", [2, -2])
@pytest.mark.parametrize("ratio", [0.01, 1.0, 3000.0])
@pytest.mark.parametrize("name", BI_IONIC)
def test_a_form_is_its_printed_formula_on_each_end(name: PublishedForm, ratio: float, z: int) -> None:
    ends = (ratio, ratio / 1.7, ratio * 2.0)
    membrane = bi_ionic(ratio, z=z)
    expected = []
    for r in ends:
        x = math.exp(math.copysign(1, z) * bi_ionic(r, z=z).predicted_mV / float(thermal_voltage_mV(22.0)))
        expected.append(BI_IONIC[name](140.0, 5.0, x))
    found = in_form(BY_NAME[name], Value(*ends), membrane, 1)
    close(found, *expected)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("z", [2, -2])
@pytest.mark.parametrize("name", BI_IONIC)
def test_the_forms_of_an_ion_inside_are_those_of_the_membrane_turned_over(name: PublishedForm, z: int) -> None:
    one, ends = bi_ionic(3.0, z=z), Value(3.0, 2.0, 5.0)
    close(in_form(BY_NAME[name], ends, turned(one), 1), *in_form(BY_NAME[name], ends, one, 1).ends)


def test_a_formula_has_the_sides_and_the_sign_that_hold() -> None:
    outside, anion = bi_ionic(2.0), bi_ionic(2.0, z=-2)
    for membrane, words in (
        (outside, "with X inside and M outside alone [X] x / (4 [M]), x = exp(FE/RT)"),
        (anion, "with X inside and M outside alone [X] x / (4 [M]), x = exp(-FE/RT)"),
        (turned(outside), "with X outside and M inside alone [X] x / (4 [M]), x = exp(-FE/RT)"),
        (turned(anion), "with X outside and M inside alone [X] x / (4 [M]), x = exp(FE/RT)"),
    ):
        assert formula(PublishedForm.LEWIS, membrane, 1).endswith(words)
    assert formula(PublishedForm.LEWIS, outside, 1) == PublishedForm.LEWIS.sentence


@pytest.mark.parametrize("name", BI_IONIC)
def test_a_bound_has_one_end_and_no_number(name: PublishedForm) -> None:
    whole = in_form(BY_NAME[name], Value(2.0, 1.0, 2.0), bi_ionic(2.0), 1)
    found = in_form(BY_NAME[name], Value(high=2.0, reason="upper bound"), bi_ionic(2.0), 1)
    close(found, math.nan, math.nan, whole.high)
    assert found.reason == "upper bound"


def test_the_prediction_keeps_what_the_model_fits_beside_the_ratios() -> None:
    membrane = bi_ionic(2.0)
    shifted = Membrane(
        membrane.valence, membrane.permeability, membrane.inside, membrane.outside, 22.0, membrane.predicted_mV + 4
    )
    x = math.exp(shifted.predicted_mV / float(thermal_voltage_mV(22.0)))
    found = in_form(BY_NAME[PublishedForm.LEWIS], Value(2.0), shifted, 1)
    assert found.value == pytest.approx(2 / (1 + x), rel=1e-12)


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["id"] for case in PUBLISHED])
def test_published_potentials_give_what_the_printed_formula_gives(case: Mapping[str, str]) -> None:
    temperature_C, e_mV = float(case["temperature_C"]), float(case["reversal_mV"])
    x = math.exp(e_mV / float(thermal_voltage_mV(temperature_C)))
    X, M = float(case["monovalent_inside_mM"]), float(case["divalent_outside_mM"])
    by_current = -np.divide(*ghk.ion_currents(e_mV, 1.0, [1, 2], [X, 0.0], [0.0, M], temperature_C))
    membrane = bi_ionic(float(by_current), X, M, temperature_C)
    assert membrane.predicted_mV == pytest.approx(e_mV, abs=1e-9)
    found = in_form(BY_NAME[PublishedForm(case["form"])], Value(float(by_current)), membrane, 1).value
    printed = found if case["printed_as"] == "divalent" else 1 / found
    assert printed == pytest.approx(float(case["expected"]), rel=float(case["tolerance_percent"]) / 100)
    assert found == pytest.approx(BI_IONIC[PublishedForm(case["form"])](X, M, x), rel=1e-9)


def test_a_form_of_charge_two_is_not_applied_to_three() -> None:
    assert [form.name for form in forms_of(3)] == [PublishedForm.GHK]
    assert [form.name for form in forms_of(-2)] == list(BI_IONIC)


def test_a_form_that_needs_a_bath_asks_for_it() -> None:
    with pytest.raises(ValueError, match="depends on the potential"):
        in_form(BY_NAME[PublishedForm.LEWIS], Value(1.0))


# Fractional currents


def sodium_on_both_sides(ratio: float) -> Membrane:
    arrays = (np.array(each) for each in ([1, 2], [1.0, ratio], [150.0, 0.0], [150.0, 1.8]))
    return Membrane(*arrays, 22.0, 0.0)


def schneggenburger(ratio: float, potential_mV: float) -> float:
    """The closed form of the paper: equal monovalent cations on both sides, calcium outside."""
    return 1.8 / (1.8 + 150.0 / ratio * -math.expm1(2 * potential_mV / float(thermal_voltage_mV(22.0))) / 4)


@pytest.mark.parametrize("potential_mV", [-90.0, -60.0, -20.0])
def test_the_fraction_is_that_of_the_closed_form(potential_mV: float) -> None:
    ends = (3.6, 3.0, 4.4)
    found = fractional_current(Value(*ends), sodium_on_both_sides(3.6), 1, potential_mV)
    close(found, *(schneggenburger(r, potential_mV) for r in ends))


def test_currents_of_both_directions_have_no_fraction() -> None:
    assert fractional_current(Value(0.5), bi_ionic(0.5), 1) == Value(reason=NOT_SHARED)


def test_what_is_not_known_has_a_reason_in_place_of_a_number() -> None:
    membrane = sodium_on_both_sides(2.0)
    outside_only = Membrane(
        membrane.valence, membrane.permeability, np.full(2, math.nan), membrane.outside, 22.0, membrane.predicted_mV
    )
    assert fractional_current(Value(2.0), outside_only, 1) == Value(reason=NO_INSIDE)
    assert fractional_current(Value(2.0), membrane.with_ratio(0, math.nan), 1) == Value(reason=NO_RATIOS)
    known = of_ratios(
        [
            {"ratio": math.nan, "low": math.nan, "high": 0.2},
            {"ratio": math.nan, "low": 2.0, "high": math.nan},
            {"ratio": 3.0, "low": math.nan, "high": math.nan},
        ]
    )
    np.testing.assert_array_equal(known, [0.0, math.nan, 3.0])


# Conductance ratios


def curve(cell: str, bath: str, nS: float, zero_mV: float) -> conductances.IV:
    v = np.arange(-100.0, 101.0, 20.0)
    return conductances.IV(cell, bath, v, nS * (v - zero_mV), zero_mV)


def test_straight_curves_have_the_ratio_of_their_slopes_at_every_potential() -> None:
    own = [curve("a", "Ca", 2.0, 30.0), curve("b", "Ca", 8.0, 20.0), curve("c", "Ca", 1.0, 0.0)]
    references = [curve("a", "Na", 4.0, 0.0), curve("b", "Na", 4.0, 10.0)]
    found = conductances.ratios(own, references, 0.95)
    assert [(each.form, each.potential_mV) for each in found] == [
        (form, potential)
        for form in (PublishedForm.CHORD_CONDUCTANCE, PublishedForm.SLOPE_CONDUCTANCE)
        for potential in (-60.0, 60.0)
    ]
    half = 12.706204736 * math.log(2)  # Student's t of one degree of freedom; ln ratios of -ln 2 and ln 2
    for each in found:
        close(each.value, 1.0, math.exp(-half), math.exp(half))
        assert each.n_cells == 2


def test_no_conductance_is_read_off_beyond_the_levels_or_at_the_zero() -> None:
    own = curve("a", "Ca", 2.0, 50.0)
    assert math.isnan(own.conductance_nS(PublishedForm.CHORD_CONDUCTANCE, 60.0))
    assert own.conductance_nS(PublishedForm.SLOPE_CONDUCTANCE, 60.0) == pytest.approx(2.0)
    assert math.isnan(own.conductance_nS(PublishedForm.SLOPE_CONDUCTANCE, 100.1))
    assert math.isnan(curve("a", "Ca", -2.0, 0.0).conductance_nS(PublishedForm.SLOPE_CONDUCTANCE, 60.0))
    assert conductances.ratios([own], [], 0.95) == []


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1.0), ("inside-out", -1.0)])
def test_curves_are_compared_at_membrane_potentials(folder: Path, configuration: str, sign: float) -> None:
    with contextlib.chdir(folder):
        solutions = experiments.load(settings.read()).solutions
    command = np.arange(-100.0, 101.0, 20.0)
    places, levels = [], []
    for cell in ("a", "b"):
        for bath, junction_mV, nS in (("sodium", 4.0, 3.0), ("calcium", 9.0, 1.5), ("mixed", 4.0, 3.0)):
            name, v = f"{cell}:{bath}", sign * command + junction_mV
            place = {"measurement": name, "group": "", "cell": cell, "bath": bath, "pipette": "pip"}
            where = {"configuration": configuration, "temperature_C": 22.0, "junction_mV": junction_mV}
            places.append(place | where | {"corrected_mV": -5.0})
            current = sign * nS * (np.exp(v / 40) - np.exp(-5 / 40)) * 10  # as the amplifier records it
            levels += [
                {"measurement": name, "voltage_mV": c, "current_pA": i} for c, i in zip(command, current, strict=True)
            ]
    read = {"reversals": pd.DataFrame(places), "iv": pd.DataFrame(levels)}
    rows = list(conductance_rows(Fitted(read, solutions, ("Cs", "Na", "Ca"), "Na"), 0.95))
    assert {(row["ion"], row["reference"], row["bath"], row["n_cells"]) for row in rows} == {("Ca", "Na", "calcium", 2)}
    found = [row["value"] for row in rows if row["form"] == "chord_conductance"]
    # Between levels the exponential is above its chord by different parts in the two baths: some percent.
    assert found == pytest.approx([0.5, 0.5], rel=0.03)
    assert {row["model"] for row in rows} == {""}
    assert {row["configuration"] for row in rows} == {configuration}


# From a folder to the table and the report

RECIPES = "solution,NaCl,CsCl,CaCl2\nsodium,150,,\nmixed,150,,2\ncalcium,,,110\npip,,140,\n"
OUTSIDE = {"sodium": (0.0, 150.0, 0.0), "mixed": (0.0, 150.0, 2.0), "calcium": (0.0, 0.0, 110.0)}
TRUE = (1.0, 0.9, 4.0)  # Cs, Na, Ca
FIT = {"reference_ion": "Cs", "permeant": ["Cs", "Na", "Ca"], "offset_sd_mV": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cells on concentrations with known ratios, each potential beside the equation's by .4 mV of noise."""
    made, rng = tmp_path_factory.mktemp("forms"), np.random.default_rng(4)
    rows = ["cell,bath,pipette,reversal_mV,se_mV"]
    for cell in range(6):
        offset = rng.normal()
        for bath, outside in OUTSIDE.items():
            e_mV = float(ghk.reversal_mV(TRUE, [1, 1, 2], [140.0, 0.0, 0.0], outside, 22.0))
            rows.append(f"c{cell},{bath},pip,{e_mV + offset + rng.normal(0, 0.4):.3f},0.4")
    (made / "data").mkdir()
    (made / "config").mkdir()
    (made / "data" / "solutions.csv").write_text(RECIPES, encoding="utf-8")
    (made / "data" / "reversals.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = {"reversals": "data/reversals.csv", "junction": {"method": "none"}, "fit": FIT}
    config |= {"activity": {"model": "concentration"}}
    (made / "config" / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run_stages(made, last="published_forms")
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> pd.DataFrame:
    return tables.load(folder / "results" / "published_forms.csv", tables.PUBLISHED_FORMS)


def test_the_first_form_is_the_reported_ratio(folder: Path, found: pd.DataFrame) -> None:
    reported = tables.load(folder / "results" / "permeabilities.csv", tables.PERMEABILITIES)
    (own,) = reported[(reported["model"] == "ghk:concentration") & (reported["ion"] == "Ca")].to_dict("records")
    (first,) = found[found["form"] == "ghk"].to_dict("records")
    assert [first[name] for name in ("value", "low", "high")] == [own[name] for name in ("ratio", "low", "high")]
    assert first["low"] < TRUE[2] < first["high"]
    assert set(found["ion"]) == {"Ca"}
    assert set(found["basis"]) == {"concentration"}


def test_the_forms_of_a_bath_hold_at_its_predicted_potential(found: pd.DataFrame) -> None:
    by = found.set_index(["form", "bath"])
    ratio = by.loc[("ghk", ""), "value"]
    assert by.loc[("ghk_without_4", ""), "value"] == pytest.approx(4 * ratio)
    for bath in ("calcium", "mixed"):
        row = by.loc[("lewis", bath)]
        x = math.exp(row["potential_mV"] / float(thermal_voltage_mV(22.0)))
        assert row["value"] == pytest.approx(ratio / (1 + x), rel=1e-9)
        assert by.loc[("lewis_without_4", bath), "value"] == pytest.approx(4 * row["value"], rel=1e-9)
    assert ("lewis", "sodium") not in by.index
    x = math.exp(by.loc[("lewis", "calcium"), "potential_mV"] / float(thermal_voltage_mV(22.0)))
    assert by.loc[("ghk", ""), "value"] == pytest.approx(140 * x * (1 + x) / (4 * 110), rel=1e-9)


def test_a_fraction_names_its_bath_potential_and_reason(found: pd.DataFrame) -> None:
    by = found[found["form"] == "fractional_current"].set_index("bath")
    assert set(by.index) == {"calcium", "mixed"}
    assert (by["potential_mV"] == -60).all()
    currents = ghk.ion_currents(-60.0, TRUE, [1, 1, 2], [140.0, 0.0, 0.0], OUTSIDE["mixed"], 22.0)
    assert by.loc["mixed", "low"] < currents[2] / currents.sum() < by.loc["mixed", "high"]
    assert by.loc["calcium", "reason"] == NOT_SHARED  # caesium leaves where nothing but calcium enters
    assert math.isnan(by.loc["calcium", "value"])


@pytest.mark.parametrize("ln_factor", [0.4, math.nan])
def test_currents_are_of_activities_times_the_fitted_factors(folder: Path, ln_factor: float) -> None:
    with contextlib.chdir(folder):
        solutions = experiments.load(settings.read()).solutions
    of_fit = (tables.PERMEABILITIES, tables.MODELS, tables.RESIDUALS)
    read = {table.name: tables.load(folder / table.path, table) for table in of_fit}
    read["reversals"] = tables.load(folder / "results" / "reversal_potentials.csv", tables.REVERSAL_POTENTIALS)
    factor = {"group": "", "model": "ghk:concentration", "term": "bath:mixed", "ln_factor": ln_factor}
    fitted = Fitted(read | {"activity_corrections": pd.DataFrame([factor])}, solutions, FIT["permeant"], "Cs")
    rows = [row for row in form_rows(fitted) if row["form"] == "fractional_current"]
    (mixed,) = (row for row in rows if row["bath"] == "mixed")
    if math.isnan(ln_factor):
        assert (math.isnan(mixed["value"]), mixed["reason"]) == (True, NO_FACTOR)
        assert [row["reason"] for row in rows if row["bath"] == "calcium"] == [NOT_SHARED]
        return
    ratios = [fitted.ratios("", "ghk:concentration")[ion]["ratio"] for ion in FIT["permeant"]]
    outside = np.exp(ln_factor) * np.array(OUTSIDE["mixed"])
    currents = ghk.ion_currents(-60.0, ratios, [1, 1, 2], [140.0, 0.0, 0.0], outside, 22.0)
    assert mixed["value"] == pytest.approx(currents[2] / currents.sum())


def test_every_row_has_its_formula_and_citation(found: pd.DataFrame) -> None:
    assert list(found.columns)[:11] == (
        ["group", "model", "ion", "reference", "form", "basis", "value", "low", "high", "formula", "reference_text"]
    )
    assert (found["formula"] != "").all()
    assert (found["reference_text"] != "").all()


def test_the_report_shows_every_form(found: pd.DataFrame) -> None:
    rows = [
        complete(
            tables.PUBLISHED_FORMS,
            {"form": form, "basis": "current", "ion": "Ca", "bath": "calcium", "value": 0.5}
            | {"potential_mV": 60.0, "n_cells": 2, "low": math.nan, "high": math.nan},
        )
        for form in (PublishedForm.CHORD_CONDUCTANCE, PublishedForm.SLOPE_CONDUCTANCE)
    ]
    both = pd.concat([found, pd.DataFrame(rows).astype({"low": float, "high": float, "n_cells": float})])
    blank = {"group": [""]}
    results = Results(
        tables={"published_forms": both.fillna({"group": "", "bath": ""}), "reversal_potentials": reversals(blank)},
        traces=(),
        manifest={"config": {"fit": FIT | {"confidence": 0.95}}},
    )
    grids = [block for block in section.blocks(results) if isinstance(block, Grid)]
    words = " ".join(cell for each in grids for row in each.rows for cell in row) + " ".join(g.caption for g in grids)
    for form in PublishedForm:
        assert (form.sentence if form is PublishedForm.FRACTIONAL_CURRENT else form.label) in words
    assert [len(each.rows) for each in grids] == [6, 2, 2]


def reversals(columns: Mapping[str, list[str]]) -> pd.DataFrame:
    """A table of reversal potentials of which all rows are reversals."""
    return pd.DataFrame(columns | {"verdict": ["reversal"]})


def test_nothing_to_convert_is_a_header_and_a_sentence(folder: Path, tmp_path: Path) -> None:
    with contextlib.chdir(folder):
        experiment = experiments.load(settings.read())
        inputs = {name: str(tmp_path / f"{name}.csv") for name in NEEDED}
        for name, path in inputs.items():
            tables.write(path, tables.TABLES[name], [])
        inputs["reversals"] = str(tmp_path / "reversals.csv")
        tables.write(inputs["reversals"], tables.REVERSAL_POTENTIALS, [])
        output = str(tmp_path / "published_forms.csv")
        run(inputs, {"published_forms": output}, experiment)
    assert Path(output).read_text(encoding="utf-8").count("\n") == 1
    empty = SimpleNamespace(tables={"published_forms": tables.load(output, tables.PUBLISHED_FORMS)})
    (text,) = section.blocks(empty)
    assert "one form of each ratio" in text.text
