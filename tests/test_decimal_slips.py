"""Amounts with a slip of the decimal point: named, and what rests on them withheld; dilutions on purpose stand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiments import analyse, of_model, run_stages

from nernstfit.contract.tables import WARNINGS, load
from nernstfit.contract.terms import RatioVerdict

RT_F = 25.4333
P = {"Na": 1.0, "K": 1.4, "Cs": 0.7, "Cl": 0.1}
"""Permeabilities of the simulated channel."""
TRUE: Mapping[str, Mapping[str, float]] = {
    "control": {"NaCl": 150, "glucose": 10},
    "potassium": {"KCl": 150, "glucose": 10},
    "caesium": {"CsCl": 150, "glucose": 10},
    "half": {"NaCl": 75, "CsCl": 75, "glucose": 10},
    "mixed": {"NaCl": 75, "KCl": 75, "glucose": 10},
    "pipette": {"KCl": 150, "NaCl": 10},
}
DILUTE = {"NaCl": 15, "glucose": 10}


def ions(recipe: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for salt, amount in recipe.items():
        for ion in (salt.removesuffix("Cl"), "Cl") if salt.endswith("Cl") else ():
            found[ion] = found.get(ion, 0.0) + amount
    return found


def reversal_mV(bath: Mapping[str, float], pipette: Mapping[str, float]) -> float:
    out, within = ions(bath), ions(pipette)

    def cations(of: Mapping[str, float]) -> float:
        return sum(P[ion] * amount for ion, amount in of.items() if ion != "Cl")

    above, below = cations(out) + P["Cl"] * within["Cl"], cations(within) + P["Cl"] * out["Cl"]
    return RT_F * math.log(above / below)


def written(recipes: Mapping[str, Mapping[str, float]]) -> str:
    salts = ("NaCl", "KCl", "CsCl", "glucose")
    lines = [",".join([name, *(str(recipe.get(salt, 0)) for salt in salts)]) for name, recipe in recipes.items()]
    return "\n".join([",".join(("solution", *salts)), *lines]) + "\n"


def found(
    folder: Path,
    changes: Mapping[str, Mapping[str, float]],
    baths: tuple[str, ...] = ("control", "potassium", "caesium", "mixed"),
    true: Mapping[str, Mapping[str, float]] = TRUE,
    **config: Any,
) -> tuple[Any, Any]:
    """Ratios and warnings where the table has other amounts than the cells had."""
    typed = {name: {**recipe, **changes.get(name, {})} for name, recipe in true.items()}
    rows = [
        f"c{cell},{bath},pipette,{reversal_mV(true[bath], true['pipette']) + shift:.3f},0.3"
        for cell, shift in enumerate((-0.5, 0.1, 0.4, 0.0))
        for bath in baths
    ]
    permeant = [ion for ion in P if ion in {name for bath in (*baths, "pipette") for name in ions(true[bath])}]
    given = {
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": permeant},
        **config,
    }
    tables = analyse(folder, written(typed), rows, given)
    return of_model(tables), judged(folder, given)


def judged(folder: Path, given: Mapping[str, Any]) -> Any:
    """Warnings of the whole run."""
    (folder / "config").mkdir(exist_ok=True)
    config = {"reversals": "data/reversals.csv", "solutions": "data/solutions.csv", **given}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run_stages(folder)
    return load(folder / "results" / "warnings.csv", WARNINGS)


def told(warnings: Any, code: str) -> dict[str, str]:
    own = warnings[warnings["code"] == code]
    return dict(zip(own["subject"], own["sentence"], strict=True))


def test_a_bath_that_osmolality_far_off_enters_no_fit_and_its_component_is_named(tmp_path: Path) -> None:
    ratios, warnings = found(tmp_path, {"caesium": {"CsCl": 1500}})
    said = told(warnings, "osmolality_far_off")
    assert list(said) == ["caesium"]
    assert "slip of the decimal point in CsCl of solution 'caesium', 1500 mM: with 150 mM" in said["caesium"]
    assert "leaves out its 4 measurements" in said["caesium"]
    assert ratios.loc["Cs", "verdict"] == RatioVerdict.NOT_IDENTIFIABLE
    (reason,) = told(warnings, "not_identifiable").values()
    assert "its only baths (caesium) were left out" in reason
    assert "add a bath" not in ratios.loc["Cs", "reason"]
    assert ratios.loc["K", "verdict"] == RatioVerdict.ESTIMATE
    assert ratios.loc["K", "ratio"] == pytest.approx(P["K"], rel=0.02)
    assert warnings.set_index("code").loc["osmolality_far_off", "severity"] == "error"
    assert not told(warnings, "potentials_left_out")


def test_where_no_bath_is_left_no_ratio_is_given_and_the_reason_names_the_solution(tmp_path: Path) -> None:
    ratios, warnings = found(tmp_path, {"pipette": {"KCl": 1500}})
    assert set(ratios["verdict"]) == {RatioVerdict.NOT_IDENTIFIABLE}
    assert "solution 'pipette': its osmolality is" in ratios["reason"].iloc[0]
    assert "KCl of solution 'pipette', 1500 mM: with 150 mM" in told(warnings, "osmolality_far_off")["pipette"]


ALL = ("control", "potassium", "caesium", "mixed", "half")


@pytest.mark.parametrize(
    ("bath", "component", "typed", "meant", "configuration"),
    [
        ("mixed", "KCl", 7.5, 75, "whole-cell"),
        ("potassium", "KCl", 15, 150, "outside-out"),
        ("potassium", "KCl", 1500, 150, "outside-out"),
    ],
)
def test_an_amount_that_the_potentials_contradict_is_named_as_a_slip(
    tmp_path: Path, bath: str, component: str, typed: float, meant: float, configuration: str
) -> None:
    ratios, warnings = found(tmp_path, {bath: {component: typed}}, ALL, configuration=configuration)
    assert set(ratios["verdict"]) <= {RatioVerdict.MODEL_REJECTED, RatioVerdict.NOT_IDENTIFIABLE}
    reason = ratios.loc["K", "reason"]
    assert f"a slip of the decimal point in {component} of solution '{bath}', {typed:g} mM: with {meant:g} mM" in reason
    assert "K/Na 1." in reason
    assert "likely cause" not in reason
    assert not told(warnings, "decimal_slip")  # which says the same


@pytest.mark.parametrize(("bath", "component", "ion"), [("caesium", "CsCl", "Cs"), ("control", "NaCl", "K")])
def test_a_weak_bath_that_is_no_dilution_enters_no_fit(tmp_path: Path, bath: str, component: str, ion: str) -> None:
    """In either case some ratio would take up the slip, and nothing would contradict it."""
    ratios, warnings = found(tmp_path, {bath: {component: 15}}, ALL)
    said = told(warnings, "osmolality_far_off")
    assert list(said) == [bath]
    assert f"slip of the decimal point in {component} of solution '{bath}', 15 mM: with 150 mM" in said[bath]
    assert ratios.loc[ion, "ratio"] == pytest.approx(P[ion], rel=0.1)


def test_a_weak_bath_that_is_meant_is_used_and_warned_of(tmp_path: Path) -> None:
    ratios, warnings = found(tmp_path, {"caesium": {"CsCl": 15}}, dilute_solutions=True)
    assert ratios.loc["Cs", "ratio"] == pytest.approx(10 * P["Cs"], rel=0.2)
    assert "with 150 mM CsCl instead of 15 mM" in told(warnings, "decimal_slip")["caesium"]
    assert warnings.set_index("code").loc["decimal_slip", "severity"] == "warning"


def test_a_slip_in_half_of_the_salt_that_nothing_contradicts_is_warned_of(tmp_path: Path) -> None:
    _, warnings = found(tmp_path, {"half": {"CsCl": 7.5}}, ALL)
    assert "with 75 mM CsCl instead of 7.5 mM" in told(warnings, "decimal_slip")["half"]


def test_a_dilution_on_purpose_is_neither_refused_nor_warned_of(tmp_path: Path) -> None:
    true = {**TRUE, "dilute": DILUTE}
    ratios, warnings = found(tmp_path, {}, ("control", "potassium", "dilute"), true)
    assert set(ratios["verdict"]) == {RatioVerdict.ESTIMATE}
    assert not told(warnings, "decimal_slip")
    assert not told(warnings, "osmolality_far_off")


def test_an_excised_patch_stands_any_osmolality(tmp_path: Path) -> None:
    true = {**TRUE, "strong": {"NaCl": 1000}}
    baths = ("control", "potassium", "strong")
    ratios, warnings = found(tmp_path, {}, baths, true, configuration="outside-out")
    assert set(ratios["verdict"]) == {RatioVerdict.ESTIMATE}
    assert not told(warnings, "osmolality_far_off")


def test_a_hypertonic_bath_of_twice_the_osmolality_stands(tmp_path: Path) -> None:
    true = {**TRUE, "strong": {"NaCl": 300}}
    ratios, warnings = found(tmp_path, {}, ("control", "potassium", "strong"), true)
    assert set(ratios["verdict"]) == {RatioVerdict.ESTIMATE}
    assert not told(warnings, "osmolality_far_off")


@pytest.mark.parametrize(
    ("name", "component", "typed", "meant"),
    [("pipette", "KCl", 3, 30), ("low", "NaCl", 4.5, 45)],
)
def test_a_small_slip_is_named_where_the_potentials_bear_it_out(
    tmp_path: Path, name: str, component: str, typed: float, meant: float
) -> None:
    """A tenth of a part of the salt leaves the osmolality within what other recipes differ by, or nearly."""
    true = {
        **{bath: TRUE[bath] for bath in ALL},
        "low": {"NaCl": 45, "glucose": 195},
        "lower": {"NaCl": 75, "glucose": 140},  # without it, the permeability of Cl takes up a slip in the other
        "pipette": {"NaCl": 10, "KCl": 30, "CsCl": 105},
    }
    baths = (*ALL, "low", "lower")
    ratios, warnings = found(tmp_path, {name: {component: typed}}, baths, true)
    assert set(ratios["verdict"]) == {RatioVerdict.MODEL_REJECTED}
    named = f"slip of the decimal point in {component} of solution '{name}', {typed:g} mM: with {meant:g} mM"
    assert named in ratios.loc["Cl", "reason"]
    assert "likely cause" not in ratios.loc["Cl", "reason"]
    said = told(warnings, "osmolality_unlike")
    assert list(said) == [name]
    assert f"with {meant:g} mM {component} instead of {typed:g} mM" in said[name]


@pytest.mark.parametrize(("glucose", "severity"), [(10, None), (40, None), (70, "note"), (130, "warning")])
def test_a_bath_is_held_against_its_pipette_by_osmolality(tmp_path: Path, glucose: float, severity: str | None) -> None:
    true = {**TRUE, "mixed": {**TRUE["mixed"], "glucose": glucose}}
    ratios, warnings = found(tmp_path, {}, true=true)
    assert RatioVerdict.MODEL_REJECTED not in set(ratios["verdict"])
    own = warnings[warnings["code"] == "osmolality_unlike"].set_index("subject")["severity"].to_dict()
    assert own == ({"mixed": severity} if severity else {})


def test_an_excised_patch_may_have_any_difference_of_osmolality(tmp_path: Path) -> None:
    true = {**TRUE, "mixed": {**TRUE["mixed"], "glucose": 130}}
    _, warnings = found(tmp_path, {}, true=true, configuration="outside-out")
    assert not told(warnings, "osmolality_unlike")
