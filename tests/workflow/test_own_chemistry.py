"""Solutions of the user's own, as users run them: ions that the project does not know, a pH, an unknown inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from nernstfit.contract import settings
from nernstfit.experiment import folder as experiments
from nernstfit.workflow import Dependencies

STAGES = ("import_reversals", "solutions", "correct", "thermodynamics", "fit", "published_forms", "report")
RT_F_MV = 1000 * 8.31446261815324 * 295.15 / 96485.3321233
RATIOS = {"guanidinium": 1.0, "K": 0.8, "Na": 0.6}
# mM of guanidinium, K and Na; caesium, which does not pass, is the titrant's ion
CONTENT = {"plain": (0, 5, 140), "potassium": (0, 145, 0), "own": (140, 5, 0), "pipette": (10, 130, 5)}
BUFFER = "10,7.4,CsOH"
SOLUTIONS = "\n".join(
    [
        "solution,guanidinium-Cl,KCl,NaCl,HEPES,pH,titrant,EGTA,CaCl2",
        *(f"{name},{','.join(map(str, CONTENT[name]))},{BUFFER},,2" for name in ("plain", "potassium", "own")),
        f"pipette,{','.join(map(str, CONTENT['pipette']))},{BUFFER},5,1",
        "bridge,,3000,,,,,,",
        "",
    ]
)
SPECIES = (
    "species,charge,mobility,analogue,source\n"
    "guanidinium,1,0.72,K,own estimate\n"
    "spermine,4,0.3,,own estimate\n"  # which no solution here holds
)
BRIDGE: Mapping[str, Any] = {"zeroed_in": "plain", "reference": {"type": "salt-bridge", "solution": "bridge"}}


def membrane_mV(bath: str, inside: str = "pipette") -> float:
    outward, inward = (np.dot(list(RATIOS.values()), CONTENT[name]) for name in (inside, bath))
    return RT_F_MV * math.log(inward / outward)


def experiment(folder: Path, pipette: str, fit: Mapping[str, Any], junction: Mapping[str, Any]) -> Path:
    for name in ("config", "data"):
        (folder / name).mkdir(parents=True)
    config = {
        "reversals": "data/reversals.csv",
        "solutions": "data/solutions.csv",
        "species": "data/species.csv",
        "temperature_C": 22,
        "activity": {"model": "concentration"},
        "junction": junction,
        "fit": {"reference_ion": "guanidinium", "permeant": list(RATIOS), **fit},
    }
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "data" / "solutions.csv").write_text(SOLUTIONS)
    (folder / "data" / "species.csv").write_text(SPECIES)
    rng = np.random.default_rng(7)
    rows = [
        f"c{cell},{bath},{pipette},{membrane_mV(bath) + offset + rng.normal(0, 0.3):.4f},0.3"
        for cell, offset in enumerate(rng.normal(0, 1, 6))
        for bath in ("plain", "potassium", "own")
    ]
    (folder / "data" / "reversals.csv").write_text("\n".join(["cell,bath,pipette,reversal_mV,se_mV", *rows, ""]))
    return folder


def ratios_are_true(found: Any) -> None:
    configured = found[found["model"] == "ghk:concentration"]
    assert set(RATIOS) <= set(configured["ion"]) | {configured["reference"].iloc[0]}
    for row in configured.itertuples():
        if row.ion in RATIOS:
            assert row.verdict == "estimate"
            assert abs(row.ln_ratio - math.log(RATIOS[row.ion])) < 4 * row.se_ln_cells


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, run_in_process: Callable):
    permeant = {"permeant": [*RATIOS, "spermine"]}
    return run_in_process(experiment(tmp_path_factory.mktemp("own") / "one", "pipette", permeant, {"method": "none"}))


def test_an_own_ion_passes_and_is_the_reference(own) -> None:
    found = own.numbers("permeabilities")
    ratios_are_true(found)
    assert set(found["verdict"][found["ion"] == "spermine"]) == {"not_identifiable"}
    assert "spermine" in (own.folder / "results" / "report.html").read_text()


def test_every_table_knows_the_own_ion(own) -> None:
    solutions = own.numbers("solutions").set_index(["solution", "ion"])
    assert solutions["concentration_mM"]["own", "guanidinium"] == 140
    assert solutions["charge_excess_meq_per_l"]["pipette", "guanidinium"] == 0
    assert solutions["concentration_mM"]["pipette", "Ca"] < 1e-3 < solutions["total_mM"]["pipette", "Ca"]
    driven = own.numbers("thermodynamics").set_index(["measurement", "ion"])
    assert driven["nernst_mV"]["c0:own", "guanidinium"] == pytest.approx(RT_F_MV * math.log(14), abs=1e-9)
    assert "data/species.csv" in (own.folder / "results" / "manifest.json").read_text()


def test_an_edit_of_the_species_runs_what_depends_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(experiment(tmp_path / "edited", "pipette", {}, {"method": "none"}))

    def fingerprints() -> dict[str, str]:
        dependencies = Dependencies(experiments.load(settings.read()))
        return {stage: dependencies.fingerprint(stage) for stage in STAGES}

    before = fingerprints()
    Path("data/species.csv").write_text(SPECIES.replace("0.72", "0.70"))
    after = fingerprints()
    changed = {stage for stage in STAGES if after[stage] != before[stage]}
    assert {"solutions", "fit", "thermodynamics", "report"} <= changed
    assert "import_reversals" not in changed


def test_a_table_of_species_is_an_input_of_the_workflow(tmp_path: Path, run_workflow: Callable) -> None:
    done = run_workflow(experiment(tmp_path / "whole", "pipette", {}, {"method": "none"}), "results/solutions.csv")
    assert done.status == 0, done.said
    assert "guanidinium" in set(done.table("solutions")["ion"])


def test_an_unknown_inside_runs_to_the_report(tmp_path: Path, run_in_process: Callable) -> None:
    folder = experiment(tmp_path / "shift", "", {"offset_sd_mV": math.inf}, {"method": "none"})
    done = run_in_process(folder)
    ratios_are_true(done.numbers("permeabilities"))
    driven = done.table("thermodynamics")
    assert len(driven)
    assert (driven[["nernst_mV", "driving_force_mV", "delta_mu_kJ_per_mol", "flux_ratio"]] == "").all(axis=None)
    assert set(driven["reason"].str.split(":").str[0]) == {"the pipette's solution is unknown"}
    residuals = done.numbers("residuals")
    own = residuals[residuals["model"] == "ghk:concentration"]
    assert own["residual_mV"].abs().max() < 2  # the free term of a cell is in its prediction
    assert residuals["offset_mV"].isna().all()
    page = (folder / "results" / "report.html").read_text()
    assert "No measurement has a finite Nernst potential to compare with." in page
    assert "the prediction then includes the free term of the cell" in page


def test_own_ions_take_part_in_junctions(tmp_path: Path, run_in_process: Callable) -> None:
    done = run_in_process(experiment(tmp_path / "bridge", "pipette", {}, BRIDGE), "solutions")
    ledger = done.numbers("junctions").set_index(["bath", "term"])
    assert abs(ledger["applied_mV"]["own", "reference"]) > 0.01
