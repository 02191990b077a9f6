"""The demonstration: complete, true to its truth, reproducible to the byte."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from experiments import WAS_RUN

from nernstfit.commands.main import main
from nernstfit.contract import tables
from nernstfit.physics.solution.coefficients import NAMES
from nernstfit.report import outcome
from nernstfit.simulate.experiment import FILTER_HZ, NOISE_PA, simulate

CONTRACT = [table.name for table in tables.TABLES.values() if table.kind == tables.RESULT]


def test_the_console_has_the_ions_in_the_order_of_the_configuration(demonstration) -> None:
    config = yaml.safe_load((demonstration.folder / "config" / "config.yaml").read_text())
    reference, *ions = config["fit"]["permeant"]
    lines = outcome.of_folder(demonstration.folder).lines()
    ratios = [line.split()[0] for line in lines if line.startswith("  ") and f"/{reference} " in line]
    assert ratios == [f"{ion}/{reference}" for ion in ions]


@pytest.fixture(scope="module")
def truth(project: Path) -> dict[str, float]:
    ratios: dict[str, float] = yaml.safe_load((project / "data" / "truth.yaml").read_text())["ratios"]
    return ratios


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every result but results/ingest, whose files follow the order of the rows."""
    results = folder / "results"
    files = sorted(path for path in results.rglob("*") if path.is_file() and path.parts[-3] != "ingest")
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.relative_to(results).parts[0] != "ingest" and path.name != ".snakemake_timestamp"
    }


@pytest.mark.parametrize("name", CONTRACT)
def test_every_table_has_the_contract_s_columns_first(demonstration, name: str) -> None:
    columns = list(tables.TABLES[name].columns)
    assert list(demonstration.table(name).columns[: len(columns)]) == columns


def test_report_manifest_and_figures_exist(demonstration) -> None:
    results = demonstration.folder / "results"
    assert (results / "report.html").stat().st_size > 100_000
    figures = {path.suffix for path in (results / "figures").iterdir()}
    assert {".svg", ".png"} <= figures
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["contract"] == 1
    recording = next(path for path in manifest["inputs"] if path.endswith(".abf"))
    content = (demonstration.folder / recording).read_bytes()
    assert manifest["inputs"][recording] == hashlib.sha256(content).hexdigest()
    written = {path for path in results.rglob("*") if path.is_file() and path.name[0] != "."}
    own = {results / "manifest.json", results / "ingest" / "finished.txt"}
    written -= {*own, *(results / "ingest" / "reads").rglob("*"), *(results / "ingest" / "made").rglob("*")}
    assert set(manifest["outputs"]) == {path.relative_to(demonstration.folder).as_posix() for path in written}
    for path, digest in manifest["outputs"].items():
        assert hashlib.sha256((demonstration.folder / path).read_bytes()).hexdigest() == digest


def test_report_and_verify_tell_what_has_changed_since_the_run(demonstration, tmp_path: Path) -> None:
    folder = shutil.copytree(demonstration.folder, tmp_path / "mine")
    done = CliRunner().invoke(main, ["verify", str(folder)])
    assert (done.exit_code, done.output.split()[1]) == (0, "inputs")
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert done.output == demonstration.said.replace(str(demonstration.folder), str(folder))
    for path in ("data/solutions.csv", "results/cells.csv"):
        (folder / path).write_text((folder / path).read_text() + "\n")
    (folder / "data" / "c1_control.abf").unlink()
    done = CliRunner().invoke(main, ["verify", str(folder)])
    assert done.exit_code == 1
    absent, read, written, total = done.output.splitlines()
    assert absent == "data/c1_control.abf: cannot be opened (No such file or directory)"
    assert read.startswith("data/solutions.csv: has changed since it was read")
    assert written.startswith("results/cells.csv: has changed since it was written")
    assert total.startswith("3 differences from ")
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert done.stdout.startswith("Recordings: 46 used")
    assert done.stderr.splitlines()[:3] == [absent, read, written]
    assert done.stderr.splitlines()[3].startswith("The report was not made anew; bring it up to date with: ")
    assert done.output.startswith(done.stderr)  # before the ratios, which are those of the earlier tables
    assert done.exit_code == 1


def written(folder: Path) -> dict[Path, bytes]:
    """Return the results of a folder, without the times that Snakemake notes in folders."""
    paths = (path for path in (folder / "results").rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in paths if path.name != ".snakemake_timestamp"}


def test_report_is_made_anew_from_the_tables(demonstration, run_workflow, installed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(demonstration.folder, tmp_path / "mine")
    before = written(folder)
    (folder / "results" / "report.html").write_text("edited by hand")
    shutil.rmtree(folder / "results" / "figures")
    words = [str(installed), "-P", "-m", "nernstfit", "report", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert written(folder) == before
    assert run_workflow(folder, "--dry-run", python=installed).jobs <= {"check_outcome"}


def test_report_of_another_version_is_not_made_anew(demonstration, tmp_path: Path) -> None:
    folder = shutil.copytree(demonstration.folder, tmp_path / "mine")
    manifest, report = folder / "results" / "manifest.json", folder / "results" / "report.html"
    content = json.loads(manifest.read_text())
    content["versions"]["nernstfit"] = "0.0.1"
    manifest.write_text(json.dumps(content))
    report.write_text("of the other version")
    told = f"{manifest}: the results are of nernstfit 0.0.1, here is {metadata.version('nernstfit')}"
    assert told in CliRunner().invoke(main, ["verify", str(folder)]).output.splitlines()
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, told)
    assert report.read_text() == "of the other version"


def test_every_row_is_a_reversal(demonstration) -> None:
    assert set(demonstration.table("reversal_potentials")["verdict"]) == {"reversal"}
    assert len(demonstration.table("reversal_potentials")) == 46


def test_truth_lies_within_the_estimates(demonstration, truth: dict[str, float]) -> None:
    table = demonstration.numbers("permeabilities")
    table = table[table["model"] == "ghk:pitzer:macinnes"]
    assert set(table["ion"]) == set(truth) - {"Na"}
    for row in table.itertuples():
        error = math.hypot(row.se_ln_cells, row.se_ln_shared)
        assert abs(row.ln_ratio - math.log(truth[row.ion])) < 3.5 * error, row.ion


def test_identities_of_the_contract(demonstration) -> None:
    table = demonstration.numbers("reversal_potentials")
    shifts = table["leak_shift_mV"].fillna(0) + table["rs_shift_mV"].fillna(0)
    np.testing.assert_allclose(table["raw_mV"] + shifts, table["reversal_mV"], rtol=0, atol=1e-9)
    corrected = table["reversal_mV"] + table["junction_mV"].fillna(0)
    np.testing.assert_allclose(corrected, table["corrected_mV"], rtol=0, atol=1e-9)
    ions = demonstration.numbers("solutions")
    product = ions["activity_coefficient"] * ions["concentration_mM"]
    np.testing.assert_allclose(product, ions["activity_mM"], rtol=1e-11)


@pytest.mark.parametrize(
    ("before", "after"), [("series_resistance", "junction"), ("junction", "activity"), ("activity", "offset")]
)
def test_each_correction_moves_a_ratio_or_its_interval(demonstration, before: str, after: str) -> None:
    table = demonstration.numbers("corrections").set_index(["step", "ion"])[["ratio", "low", "high"]]
    change = (np.log(table.loc[after]) - np.log(table.loc[before])).abs()
    assert change.max().max() > 0.05


def test_ledger_sums_to_the_junction_of_every_row(demonstration) -> None:
    ledger = demonstration.numbers("junctions").groupby("bath")["applied_mV"].sum()
    table = demonstration.numbers("reversal_potentials")
    np.testing.assert_allclose(table["bath"].map(ledger), table["junction_mV"], rtol=0, atol=1e-9)


def test_residuals_are_measured_minus_predicted_for_every_model(demonstration) -> None:
    table = demonstration.numbers("residuals")
    assert set(table["model"]) == {
        *(f"ghk:{name}" for name in NAMES),
        "ghk:pitzer:macinnes+junction:concentration",
        *(f"nernst:{ion}" for ion in ("Na", "K", "Cs", "Li", "NMDG", "Cl")),
    }
    known = table.dropna(subset=["predicted_mV"])
    difference = known["measured_mV"] - known["predicted_mV"]
    np.testing.assert_allclose(difference, known["residual_mV"], rtol=0, atol=1e-9)


def test_driving_forces_are_the_distances_from_nernst(demonstration) -> None:
    found = demonstration.numbers("thermodynamics").set_index(["measurement", "ion"])
    rows = demonstration.numbers("residuals")
    rows = rows[rows["model"].str.startswith("nernst:")].assign(ion=lambda r: r["model"].str.removeprefix("nernst:"))
    both = rows.set_index(["measurement", "ion"]).join(found, how="left")
    # Both sides hold chloride in all 46, sodium in control and low chloride, potassium in its own bath.
    assert both["residual_mV"].notna().sum() == 46 + 16 + 8
    np.testing.assert_allclose(both["driving_force_mV"], both["residual_mV"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(both["nernst_mV"], both["predicted_mV"], rtol=0, atol=1e-9)


def test_thermodynamics_hold_every_measurement_and_every_ion_that_a_side_holds(demonstration) -> None:
    found = demonstration.numbers("thermodynamics").merge(
        demonstration.numbers("reversal_potentials"), on="measurement"
    )
    activity = demonstration.numbers("solutions").set_index(["solution", "ion"])["activity_mM"]
    rows = {(row.measurement, row.ion): row for row in found.itertuples()}
    asked = demonstration.numbers("reversal_potentials")
    expected = {
        (row.measurement, ion)
        for row in asked.itertuples()
        for ion in ("Na", "K", "Cs", "Li", "NMDG", "Cl")
        if (row.bath, ion) in activity or (row.pipette, ion) in activity
    }
    assert set(rows) == expected
    for (_, ion), row in rows.items():
        outside, inside = (float(activity.get((side, ion), 0.0)) for side in (row.bath, row.pipette))
        sign, thermal_mV = -1 if ion == "Cl" else 1, 8.31446261815324e3 * 295.15 / 96485.3321233
        ratio = outside / inside * math.exp(-sign * row.corrected_mV / thermal_mV) if inside else math.nan
        np.testing.assert_allclose(row.flux_ratio, ratio, rtol=1e-9)
        energy = sign * 96.4853321233e-3 * row.driving_force_mV
        np.testing.assert_allclose(row.delta_mu_kJ_per_mol, energy, rtol=1e-9)
        assert math.isnan(row.driving_force_mV) == (0.0 in (outside, inside))
        side = "outside only" if inside == 0 else "inside only" if outside == 0 else ""
        assert (str(row.reason_x) if side else "").startswith(side)
        assert math.isnan(row.driving_force_mV) == isinstance(row.reason_x, str)


def test_noise_and_its_band_are_those_of_the_simulation(demonstration) -> None:
    found = demonstration.numbers("thermodynamics")
    by_measurement = found.groupby("measurement")[["noise_pA", "bandwidth_Hz", "thermal_noise_pA"]].nunique()
    assert (by_measurement == 1).all(axis=None)
    assert (found["bandwidth_Hz"] == FILTER_HZ).all()
    assert set(found["bandwidth_source"]) == {"telegraph"}
    assert found["noise_pA"].between(0.9 * NOISE_PA, 1.1 * NOISE_PA).all()
    slope = demonstration.numbers("reversal_potentials").set_index("measurement")["slope_nS"]
    thermal = 1e12 * np.sqrt(4 * 1.380649e-23 * 295.15 * 1e-9 * found["measurement"].map(slope) * FILTER_HZ)
    np.testing.assert_allclose(found["thermal_noise_pA"], thermal, rtol=1e-9)
    np.testing.assert_allclose(found["noise_ratio"], found["noise_pA"] / thermal, rtol=1e-9)


def test_code_and_profiles_in_the_folder_are_never_used(demonstration, installed: Path) -> None:
    assert not (demonstration.folder / WAS_RUN).exists()
    assert set(demonstration.numbers("reversal_potentials")["temperature_C"]) != {37.0}
    (demonstration.folder / "nernstfit.py").unlink()
    words = [str(installed), "-m", "nernstfit", "check", "."]  # with the folder first among the places of modules
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(words, cwd=demonstration.folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (demonstration.folder / WAS_RUN).exists()


def test_nothing_to_be_done_the_second_time(demonstration, run_workflow: Callable, installed: Path) -> None:
    again = run_workflow(demonstration.folder, python=installed)
    assert again.status == 0
    assert "Nothing to be done" in again.said


def test_the_clone_at_another_path_in_another_order_one_job_after_the_other_makes_the_bytes_of_the_wheel(
    demonstration, demonstration_copy: Callable, run_in_process: Callable, tmp_path: Path
) -> None:
    folder = demonstration_copy(tmp_path / "quite" / "another place")
    table = folder / "data" / "recordings.csv"
    rows = list(csv.reader(table.open(newline="")))
    order = np.random.default_rng(5).permutation(len(rows) - 1) + 1
    with table.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([rows[0], *(rows[i] for i in order)])
    run_in_process(folder)
    first, second = digests(demonstration.folder), digests(folder)
    manifests = [json.loads((f / "results" / "manifest.json").read_text()) for f in (demonstration.folder, folder)]
    for manifest in manifests:
        manifest["inputs"].pop("data/recordings.csv")
    assert manifests[0] == manifests[1]
    first.pop("manifest.json"), second.pop("manifest.json")
    assert first == second


def test_simulation_makes_the_same_bytes_again(project: Path, tmp_path: Path) -> None:
    simulate(tmp_path, seed=1)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(made) == 50
    for path in made:
        assert (tmp_path / path).read_bytes() == (project / path).read_bytes(), path


def test_another_seed_makes_other_recordings(tmp_path: Path, project: Path) -> None:
    simulate(tmp_path, seed=2)
    name = Path("data") / "c1_control.abf"
    assert (tmp_path / name).read_bytes() != (project / name).read_bytes()


def test_recordings_are_at_most_3_MB(project: Path) -> None:
    assert sum(path.stat().st_size for path in (project / "data").glob("*.abf")) < 3_000_000


def test_simulate_refuses_a_folder_with_a_real_experiment(tmp_path: Path, command_line: Callable) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("recordings: data/recordings.csv\n")
    done = command_line("simulate", str(tmp_path))
    assert done.returncode == 1
    assert "not simulated" in done.stderr
    assert list(tmp_path.rglob("*.abf")) == []


def test_help_shows_examples(command_line: Callable) -> None:
    for name in ("run", "simulate"):
        done: subprocess.CompletedProcess[str] = command_line(name, "--help")
        assert done.returncode == 0
        assert f"nernstfit {name} " in done.stdout.split("Examples:")[1]


def test_closed_table_reads_back(demonstration) -> None:
    path = demonstration.folder / "results" / "permeabilities.csv"
    table = tables.load(path, tables.PERMEABILITIES)
    assert isinstance(table, pd.DataFrame)
    assert table["ratio"].notna().all()


def test_few_warnings_and_each_deserved(demonstration) -> None:
    """Davies takes the coefficients from the charge alone: measured ones move Cs to the end of its interval."""
    table = demonstration.table("warnings")
    assert set(table["severity"]) <= {"warning", "note"}
    serious = table[table["severity"] == "warning"]
    assert len(serious) <= 2
    assert set(serious["code"]) <= {"activity_estimated"}
    assert list(table["severity"]) == sorted(table["severity"], key=["error", "warning", "note"].index)


def test_the_run_ends_with_its_outcome(demonstration) -> None:
    said = demonstration.said
    assert said.startswith("Recordings: 46 used, 0 refused, 0 excluded.\n")  # nothing else when it is not a terminal
    for row in demonstration.table("permeabilities").query("model == 'ghk:pitzer:macinnes'").itertuples():
        assert f"  {row.ion}/{row.reference}".ljust(9) in said
    for sentence in demonstration.table("warnings").query("severity == 'warning'")["sentence"]:
        assert f"warning: {sentence}" in said
    assert said.rstrip().endswith("results/report.html")
