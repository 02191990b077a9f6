"""Two groups through the stages: what is written of their difference, of the model's validity, of errors and models."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import HEADER, analyse, of_model

from nernstfit.contract import settings
from nernstfit.experiment import solution_table
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.permeability.inference.sentences import model_sentence
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.coefficients import NAMES
from nernstfit.physics.solution.ions import IONS
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import junction_mV

RECIPES = """solution,NaCl,KCl,NMDG-Cl
control,145,5,0
potassium,0,150,0
NMDG,0,5,145
half,75,2.5,0
pipette,10,140,0
bridge,0,3000,0
"""
CONTENT = {
    "control": {"Na": 145, "K": 5, "Cl": 150},
    "potassium": {"K": 150, "Cl": 150},
    "NMDG": {"K": 5, "NMDG": 145, "Cl": 150},
    "half": {"Na": 75, "K": 2.5, "Cl": 77.5},
    "pipette": {"Na": 10, "K": 140, "Cl": 150},
}
WILD = {"Na": 1.0, "K": 1.3, "NMDG": 0.12, "Cl": 0.05}
MUTANT = WILD | {"K": 1.3 * math.exp(0.4)}
CONFIG: Mapping[str, Any] = {
    "temperature_C": 22,
    "junction": {"method": "none"},
    "activity": {"model": "concentration"},
    "fit": {"reference_ion": "Na", "permeant": list(WILD)},
}
FOLDER = {"reversals": "-", "solutions": "-"}
JUNCTION = {
    "method": "henderson",
    "zeroed_in": "control",
    "reference": {"type": "salt-bridge", "solution": "bridge"},
}


def rows(group: str, truth: Mapping[str, float], cells: int, seed: int, drift_mV: float = 0.0) -> list[str]:
    rng, found = np.random.default_rng(seed), []
    for cell in range(cells):
        offset, own = rng.normal(0, 0.8), {ion: p * math.exp(rng.normal(0, 0.1)) for ion, p in truth.items()}
        for minute, bath in enumerate(rng.permutation(["control", "potassium", "NMDG", "half"]).tolist()):
            sides = [[CONTENT[side].get(ion, 0.0) for ion in own] for side in ("pipette", bath)]
            exact = ghk.reversal_mV(list(own.values()), [IONS[ion].valence for ion in own], *sides, 22.0)
            potential = float(exact) + offset + rng.normal(0, 0.3) + drift_mV * minute
            found.append(f"{group}{cell},{bath},pipette,{potential:.4f},0.3,{group},{60 * minute}")
    return found


def uncorrected(lines: Sequence[str]) -> list[str]:
    """Take the junction potentials that the analysis will add off the potentials of some rows."""
    own, found = settings.examine({**FOLDER, **CONFIG, "junction": JUNCTION}).settings, []
    parsed, faults = solution_table.parse(pd.read_csv(io.StringIO(RECIPES), dtype=str), "solutions")
    assert not faults
    for line in lines:
        cell, bath, pipette, potential, *rest = line.split(",")
        condition = Condition(bath, pipette, "whole-cell", 22.0, "control")
        added_mV = junction_mV(parsed, condition, own.junction, own.activity.name)
        found.append(",".join([cell, bath, pipette, f"{float(potential) - added_mV:.4f}", *rest]))
    return found


BOTH = (*rows("wild", WILD, 7, 1), *rows("mutant", MUTANT, 6, 2))


WILD_ONLY = BOTH[:28]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the analysis of both groups."""
    return tmp_path_factory.mktemp("groups")


@pytest.fixture(scope="module")
def found(place: Path) -> dict[str, pd.DataFrame]:
    """Analysis of both groups."""
    return analyse(
        *(place, RECIPES, uncorrected(BOTH), {**CONFIG, "junction": JUNCTION}, f"{HEADER},group,time_s"),
        every_model=True,
    )


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Analysis of the wild type and of the same measurements under another name."""
    wild = uncorrected(WILD_ONLY)
    rows = (*wild, *(row.replace("wild", "twin") for row in wild))
    config = {**CONFIG, "junction": JUNCTION}
    return analyse(tmp_path_factory.mktemp("twins"), RECIPES, rows, config, f"{HEADER},group,time_s")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pd.DataFrame]]:
    """Folder and analysis of the wild type alone, without a junction."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, analyse(folder, RECIPES, WILD_ONLY, CONFIG, f"{HEADER},group,time_s")


def test_every_ion_of_every_pair_is_compared(found: Mapping[str, pd.DataFrame]) -> None:
    table = found["comparisons"].set_index("ion")
    assert set(table.index) == {"K", "NMDG", "Cl"}
    assert set(table["group"]) == {"mutant"}
    assert set(table["other_group"]) == {"wild"}
    assert set(table["model"]) == {"ghk:concentration"}
    mutant, wild = (of_model(found, group=group)["ln_ratio"] for group in ("mutant", "wild"))
    for ion in ("K", "NMDG"):
        row = table.loc[ion]
        assert row["ln_difference"] == pytest.approx(mutant[ion] - wild[ion], abs=1e-9)
        assert row["ratio_of_ratios"] == pytest.approx(math.exp(row["ln_difference"]))
        assert row["low"] < row["ln_difference"] < row["high"]
    assert table.loc["K", "low"] < 0.4 < table.loc["K", "high"]
    assert table.loc["K", "p"] <= table.loc["K", "p_holm"] < 0.05
    assert table.loc["NMDG", "low"] < 0 < table.loc["NMDG", "high"]


def test_what_both_groups_share_cancels_as_far_as_they_are_alike(
    found: Mapping[str, pd.DataFrame], twins: Mapping[str, pd.DataFrame]
) -> None:
    for ion in ("K", "NMDG"):
        twin = twins["comparisons"].set_index("ion").loc[ion]
        assert twin["se_ln_shared"] == pytest.approx(0, abs=1e-9)
        assert twin["ln_difference"] == pytest.approx(0, abs=1e-9)
        own = [of_model(found, group=group).loc[ion, "se_ln_shared"] for group in ("wild", "mutant")]
        assert min(own) > 0.01
        assert 0 < found["comparisons"].set_index("ion").loc[ion, "se_ln_shared"] < min(own)


def test_the_budget_is_that_of_the_ratios(found: Mapping[str, pd.DataFrame]) -> None:
    table = found["error_budget"]
    sources = ["noise", "cells", "offset", "junction", "activity", "temperature", "concentration"]
    for (group, ion), part in table.groupby(["group", "ion"]):
        ratio = of_model(found, group=str(group)).loc[str(ion)]
        assert ratio["verdict"] == "estimate"
        assert sorted(part["source"]) == sorted(sources)
        assert part["variance_share"].sum() == pytest.approx(1.0)
        by_source = part.set_index("source")["se_ln"] ** 2
        assert by_source[sources[:3]].sum() == pytest.approx(ratio["se_ln_cells"] ** 2, rel=1e-6)
        assert by_source[sources[3:]].sum() == pytest.approx(ratio["se_ln_shared"] ** 2, rel=1e-6)
    told = set(map(tuple, found["permeabilities"].query("verdict == 'estimate'")[["group", "ion"]].to_numpy()))
    assert set(map(tuple, table[["group", "ion"]].to_numpy())) <= told


def test_without_a_junction_no_error_comes_from_it(alone: tuple[Path, Mapping[str, pd.DataFrame]]) -> None:
    table = alone[1]["error_budget"]
    assert table.set_index("source").loc["junction", "variance_share"].max() == 0


def test_every_test_is_there_for_every_group(found: Mapping[str, pd.DataFrame]) -> None:
    table = found["tests"]
    names = [
        "accumulation",
        "activity",
        "conductance",
        "lack_of_fit",
        "mole_fraction",
        "permeability_trend",
        "potential",
        "scatter",
        "shift_method",
        "time",
    ]
    for group in ("mutant", "wild"):
        own = table[table["group"] == group]
        assert sorted(set(own["test"])) == names
        assert set(own.query("test == 'activity'")["ion"]) == set(WILD)
        assert own["sentence"].str.endswith(".").all()
        assert own["p"].dropna().between(0, 1).all()
        assert (own.query("test == 'time'")["p"] > 0.01).all()


def test_a_drift_within_cells_is_told(tmp_path: Path) -> None:
    drifting = rows("", WILD, 7, 1, drift_mV=1.5)
    found = analyse(tmp_path, RECIPES, drifting, CONFIG, f"{HEADER},group,time_s")
    # With one bath to spare the drift still is no shift of a bath: the cells had the baths in different orders.
    cause = r"likely cause: the potentials drift by \+([\d.]+) mV per minute within cells \(without that"
    sizes = [float(re.search(cause, reason)[1]) for reason in of_model(found)["reason"]]  # type: ignore[index]
    assert sizes == pytest.approx([1.5] * 3, abs=0.15)
    table = found["tests"].set_index("test")
    assert table.loc["time", "p"] < 0.001
    assert table.loc["time", "size"] == pytest.approx(1.5, abs=4 * table.loc["time", "se"])
    assert "mV per minute within cells (p < 0.001)" in table.loc["time", "sentence"]


def test_one_group_has_a_header_alone(alone: tuple[Path, Mapping[str, pd.DataFrame]]) -> None:
    folder, made = alone
    assert len(made["comparisons"]) == 0
    assert (folder / "comparisons.csv").read_text().startswith("ion,group,other_group,model,reference,ln_difference,")


@pytest.mark.usefixtures("found")
def test_the_order_of_rows_and_groups_changes_no_byte(place: Path, tmp_path: Path) -> None:
    config = {**CONFIG, "junction": JUNCTION}
    analyse(tmp_path, RECIPES, uncorrected(BOTH)[::-1], config, f"{HEADER},group,time_s", every_model=True)
    for name in ("comparisons", "tests", "error_budget", "models"):
        assert (tmp_path / f"{name}.csv").read_bytes() == (place / f"{name}.csv").read_bytes(), name


def test_the_ladder_climbs_in_every_group(found: Mapping[str, pd.DataFrame]) -> None:
    table = found["corrections"]
    for group in ("mutant", "wild"):
        own = table[table["group"] == group]
        assert list(own["step"].drop_duplicates()) == [
            *("none", "leak", "series_resistance", "junction", "activity", "offset")
        ]
        last = own[own["step"] == "offset"].set_index("ion")["ratio"]
        pd.testing.assert_series_equal(last, of_model(found, group=group)["ratio"], check_names=False, rtol=1e-9)


# Models side by side


def test_every_activity_model_is_fitted_to_the_same_data(found: Mapping[str, pd.DataFrame]) -> None:
    table = found["models"]
    for group, n in (("mutant", 24), ("wild", 28)):
        own = table[table["group"] == group].set_index("model")
        assert own.index[0] == "ghk:concentration"
        assert {f"ghk:{name}" for name in NAMES} <= set(own.index)
        assert (own.loc[[f"ghk:{name}" for name in NAMES], "n_data"] == n).all()
        best = own["aicc"].idxmin()
        assert own.loc[best, "delta_aicc"] == 0
        for row in own.dropna(subset=["delta_aicc"]).itertuples():
            assert row.delta_aicc == pytest.approx(row.aicc - own.loc[best, "aicc"], abs=1e-6)
            assert row.sentence == model_sentence(row.delta_aicc, best)
        assert (own.loc[["nernst:NMDG"], "sentence"] == "no AICc: the model predicts none of the measurements").all()


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (0.0, "lowest AICc"),
        (1.9, "do not distinguish it from best"),
        (9.0, "less likely than best"),
        (11.0, "strong evidence"),
    ],
)
def test_a_difference_of_aicc_in_words(delta: float, words: str) -> None:
    assert words in model_sentence(delta, "best")


def test_an_ion_that_may_not_pass_is_left_out_for_once(tmp_path: Path) -> None:
    truth = WILD | {"NMDG": 1e-9, "Cl": 0.2}  # with less of it the two change together
    made = analyse(tmp_path, RECIPES, rows("", truth, 6, 3), CONFIG, f"{HEADER},group,time_s")
    models = made["models"].set_index("model")
    assert "NMDG" in set(of_model(made).query("verdict == 'upper_bound'").index)
    without = models.loc["ghk:concentration-NMDG"]
    assert without["permeant"] == "Na K Cl"
    assert without["n_data"] == models.loc["ghk:concentration", "n_data"]
    # One ratio less, and nothing lost by it.
    assert without["n_parameters"] == models.loc["ghk:concentration", "n_parameters"] - 1
    assert without["aicc"] < models.loc["ghk:concentration", "aicc"]
    assert set(of_model(made, "ghk:concentration-NMDG").index) == {"K", "Cl"}
    assert "ghk:concentration-K" not in models.index


def test_the_configured_model_is_first_and_no_model_twice() -> None:
    from nernstfit.contract import settings

    loaded = settings.load(
        {"recordings": "a.csv", "solutions": "s.csv", **CONFIG, "activity": {"model": "pitzer", "convention": "raw"}}
    )
    names = [model.name for model in candidates(loaded)]
    assert names[0] == "ghk:pitzer:raw"
    assert len(set(names)) == len(names) == len(NAMES) + len(WILD)


# Ratios that are no estimates


def test_an_ion_that_hardly_anything_depends_on_has_no_size_that_could_change(tmp_path: Path) -> None:
    mutant = {"Na": 1e-6, "K": 1.0, "NMDG": 1e-6, "Cl": 1e-6}
    config = {**CONFIG, "junction": JUNCTION, "activity": {"model": "pitzer"}}
    made = analyse(tmp_path, RECIPES, uncorrected(rows("mutant", mutant, 5, 2)), config, f"{HEADER},group,time_s")
    told = of_model(made, group="mutant")["verdict"]
    assert "estimate" not in set(told)
    table = made["tests"].set_index(["test", "ion"])
    assert (table.loc["permeability_trend", "sentence"].str.startswith("There is no estimate of P(")).all()
    assert table.loc["permeability_trend", "p"].isna().all()
    # What all potentials are off by in common says something all the same.
    shift = table.loc["shift_method"]
    assert set(shift.index) == {"K", "NMDG", "Cl"}
    assert shift["p"].notna().all()
    assert shift["size"].isna().all()
    assert shift["sentence"].str.contains("there is no estimate of P").all()


def test_beside_a_reference_that_is_nowhere_no_ion_is_to_blame(tmp_path: Path) -> None:
    config = {**CONFIG, "fit": {"reference_ion": "Li", "permeant": [*WILD, "Li"]}}
    # One bath of another group has it, or the folder would be refused.
    recipes = RECIPES.replace("NMDG-Cl", "NMDG-Cl,LiCl").replace("\npipette", "\nlithium,0,5,0,145\npipette")
    recipes = "\n".join(f"{row},0" if row.count(",") == 3 else row for row in recipes.splitlines()) + "\n"
    other = "other0,lithium,pipette,-3.0,0.3,other,0"
    made = analyse(tmp_path, recipes, (*WILD_ONLY, other), config, f"{HEADER},group,time_s")
    assert set(of_model(made, group="wild")["verdict"]) == {"not_identifiable"}
    models = made["models"].query("group == 'wild'")["model"]
    assert len(models)
    assert not models.str.startswith("ghk:concentration-").any()


def test_what_the_ratios_take_up_nearly_wholly_has_no_size(twins: Mapping[str, pd.DataFrame]) -> None:
    # Baths in which only one has another activity of chloride: beside its ratio nothing shows of a trend.
    table = twins["tests"].query("group == 'wild'")
    trend = table[table["test"] == "permeability_trend"].set_index("ion")
    assert math.isnan(trend.loc["Cl", "size"])
    assert "can fit nearly all of such an effect" in trend.loc["Cl", "sentence"]
    assert table["size"].abs().max() < 1e3
