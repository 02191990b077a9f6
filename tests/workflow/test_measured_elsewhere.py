"""Potentials measured elsewhere, as users run them: a table of known truth instead of recordings."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

import nernstfit
from nernstfit.commands.main import main
from nernstfit.contract import tables
from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.junction import henderson_mV
from nernstfit.physics.solution.ions import IONS
from nernstfit.report import outcome

RESULTS = [table for table in tables.TABLES.values() if table.kind == tables.RESULT]
RATIOS = {"Na": 1.0, "K": 1.3, "NMDG": 0.12, "Cl": 0.05}
VALENCE, MOBILITY = ([getattr(IONS[ion], name) for ion in RATIOS] for name in ("valence", "mobility"))
# mM of Na, K, NMDG, Cl
SOLUTIONS = {
    "control": (145, 5, 0, 150),
    "potassium": (0, 150, 0, 150),
    "NMDG": (0, 5, 145, 150),
    "low": (30, 5, 0, 35),
    "pipette": (10, 140, 0, 150),
    "bridge": (0, 3000, 0, 3000),
}
BATHS = ("control", "potassium", "NMDG", "low")
CONFIG: Mapping[str, Any] = {
    "recordings": None,
    "reversals": "data/reversals.csv",
    "temperature_C": 22,
    "activity": {"model": "concentration"},
    "junction": {
        "method": "henderson",
        "zeroed_in": "control",
        "reference": {"type": "salt-bridge", "solution": "bridge"},
    },
    "fit": {"reference_ion": "Na", "permeant": list(RATIOS)},
}
COLUMNS = "cell,bath,pipette,reversal_mV,se_mV,n,temperature_C,configuration,zeroed_in,drug"


def liquid_mV(first: str, second: str, temperature_C: float) -> float:
    """V(first) - V(second)."""
    return float(henderson_mV(SOLUTIONS[first], SOLUTIONS[second], VALENCE, MOBILITY, temperature_C))


def as_commanded_mV(
    bath: str, temperature_C: float = 22.0, inside_out: bool = False, zeroed_in: str = "control"
) -> float:
    """What is read off the amplifier where the membrane reverses."""
    inside, outside = (bath, "pipette") if inside_out else ("pipette", bath)
    membrane = float(
        ghk.reversal_mV(list(RATIOS.values()), VALENCE, SOLUTIONS[inside], SOLUTIONS[outside], temperature_C)
    )
    at = bath if zeroed_in == "same" else zeroed_in
    change = liquid_mV(bath, "bridge", temperature_C) - liquid_mV(at, "bridge", temperature_C)
    # V_m = V_cmd - (V_L + change), and with the bath inside V_m = -V_cmd + (V_L + change)
    return (-membrane if inside_out else membrane) + liquid_mV(at, "pipette", temperature_C) + change


def measured() -> list[str]:
    """Rows of three cells in four baths, then one inside-out, one that is warm, one that was zeroed in its bath."""
    rng = np.random.default_rng(4)
    rows = []
    for cell in ("007", "NA", "c3"):
        offset = rng.normal(0, 0.5)
        rows += [
            f"{cell},{bath},pipette,{as_commanded_mV(bath) + offset + rng.normal(0, 0.3):.4f},0.3,,,,,"
            for bath in BATHS
        ]
    rows.append(f"patch,NMDG,pipette,{as_commanded_mV('NMDG', inside_out=True):.4f},0.3,,,inside-out,,washed")
    rows.append(f"c3,NMDG,pipette,{as_commanded_mV('NMDG', 33.0):.4f},0.3,,33,,,")
    rows.append(f"c4,low,pipette,{as_commanded_mV('low', zeroed_in='same'):.4f},0.3,1,,,same,")
    return rows


def write(folder: Path, rows: Sequence[str], header: str = COLUMNS, config: Mapping[str, Any] = CONFIG) -> Path:
    for name in ("config", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    with (folder / "data" / "solutions.csv").open("w", newline="") as stream:
        mixed = ([name, na, k, nmdg] for name, (na, k, nmdg, _) in SOLUTIONS.items())
        csv.writer(stream).writerows([["solution", "NaCl", "KCl", "NMDG-Cl"], *mixed])
    (folder / "data" / "reversals.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, run_workflow: Callable):
    done = run_workflow(write(tmp_path_factory.mktemp("elsewhere") / "one", measured()))
    assert done.status == 0, done.said
    return done


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_the_library_has_every_table_as_the_workflow_writes_it(elsewhere, by_library, table: tables.Table) -> None:
    written = getattr(nernstfit.load(elsewhere.folder), table.name)
    pd.testing.assert_frame_equal(getattr(by_library, table.name), written, check_exact=True)


def test_the_library_runs_the_workflow(elsewhere) -> None:
    pd.testing.assert_frame_equal(nernstfit.run(elsewhere.folder).cells, nernstfit.load(elsewhere.folder).cells)


def test_the_library_draws_the_ratios(by_library, tmp_path: Path) -> None:
    by_library.plot().save(tmp_path / "ratios.svg")
    assert "NMDG" in (tmp_path / "ratios.svg").read_text()


def test_the_library_has_the_faults_of_a_run(elsewhere) -> None:
    potentials = pd.read_csv(elsewhere.folder / "data" / "reversals.csv", dtype={"cell": str}, keep_default_na=False)
    config = {key: value for key, value in CONFIG.items() if key not in ("recordings", "reversals")}
    solutions = {name: {"NaCl": mM[0], "KCl": mM[1]} for name, mM in SOLUTIONS.items() if name != "low"}
    with pytest.raises(nernstfit.InputError) as caught:
        nernstfit.fit(potentials, solutions, **config | {"fit": {"reference_ion": "Na", "permeant": ["Na", "Kx"]}})
    assert "column 'bath': got 'low'" in str(caught.value)
    assert "the nearest is 'K'" in str(caught.value)


@pytest.fixture(scope="module")
def by_library(elsewhere) -> nernstfit.Result:
    """Return the result of the same tables as DataFrame and mapping."""
    table = elsewhere.folder / "data" / "reversals.csv"
    potentials = pd.read_csv(
        table, dtype={"cell": str}, keep_default_na=False, na_values={"n": "", "temperature_C": ""}
    )
    solutions = {name: dict(zip(("NaCl", "KCl", "NMDG-Cl"), mM, strict=False)) for name, mM in SOLUTIONS.items()}
    config = {key: value for key, value in CONFIG.items() if key not in ("recordings", "reversals")}
    return nernstfit.fit(potentials, solutions, **config)


def test_no_stage_that_measures_runs(elsewhere) -> None:
    assert elsewhere.jobs == {
        "import_reversals",
        "solutions",
        "correct",
        "thermodynamics",
        "fit",
        "published_forms",
        "judge",
        "report",
        "check_outcome",
    }


def test_the_end_of_a_run_counts_potentials(elsewhere) -> None:
    assert next(outcome.of_folder(elsewhere.folder).lines()).startswith("Potentials: ")


@pytest.mark.parametrize("table", RESULTS, ids=[table.name for table in RESULTS])
def test_every_table_has_the_contract_s_columns_first(elsewhere, table: tables.Table) -> None:
    header, *rows = (elsewhere.folder / table.path).read_text().splitlines()
    assert header.split(",")[: len(table.columns)] == list(table.columns)
    assert bool(rows) == (table not in (tables.IV, tables.COMPARISONS, tables.TABLES["published_forms"]))


def test_every_row_is_a_reversal_as_it_was_given(elsewhere) -> None:
    found = elsewhere.table("reversal_potentials")
    given = [dict(zip(COLUMNS.split(","), row.split(","), strict=True)) for row in measured()]
    assert set(found["verdict"]) == {"reversal"}
    assert set(found["cell"]) == {"007", "NA", "c3", "patch", "c4"}
    by_name = found.set_index("measurement")
    for row in given:
        names = [row["cell"], row["bath"], row["temperature_C"], row["configuration"]]
        made = by_name.loc[":".join(filter(None, names))]
        assert float(made["raw_mV"]) == float(made["reversal_mV"]) == float(row["reversal_mV"])
        assert (made["drug"], made["n"]) == (row["drug"], row["n"])
    blank = ["recording", "epoch", "sweeps", "reason", "leak_shift_mV", "rs_shift_mV", "slope_nS", "flags"]
    assert (found[blank] == "").all(axis=None)


def test_identities_of_the_contract(elsewhere) -> None:
    found = elsewhere.numbers("reversal_potentials")
    sign = np.where(found["configuration"] == "inside-out", -1, 1)
    corrected = sign * found["reversal_mV"] + found["junction_mV"]
    np.testing.assert_allclose(corrected, found["corrected_mV"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["raw_mV"], found["reversal_mV"], rtol=0, atol=1e-9)
    half = (found["high_mV"] - found["low_mV"]) / 2
    np.testing.assert_allclose(half, 1.959963984540054 * found["se_mV"], rtol=0, atol=1e-9)
    keys = ["bath", "configuration", "temperature_C", "zeroed_in"]
    zeroed = np.where(found["measurement"] == "c4:low", "same", "control")
    ledger = elsewhere.numbers("junctions").groupby(keys)["applied_mV"].sum()
    added = [ledger[key] for key in found.assign(zeroed_in=zeroed)[keys].itertuples(index=False, name=None)]
    np.testing.assert_allclose(added, found["junction_mV"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["patch:NMDG:inside-out", "c3:NMDG:33", "c4:low"])
def test_what_a_row_says_of_its_conditions_is_undone(elsewhere, name: str) -> None:
    found = elsewhere.numbers("reversal_potentials").set_index("measurement").loc[name]
    sides = ("NMDG", "pipette") if "inside-out" in name else ("pipette", found["bath"])
    inside, outside = (SOLUTIONS[side] for side in sides)
    expected = ghk.reversal_mV(list(RATIOS.values()), VALENCE, inside, outside, found["temperature_C"])
    assert found["corrected_mV"] == pytest.approx(float(expected), abs=1e-3)


def test_thermodynamics_have_no_noise_and_know_the_inside(elsewhere) -> None:
    found, given = elsewhere.table("thermodynamics"), elsewhere.numbers("reversal_potentials").set_index("measurement")
    blank = ["noise_pA", "bandwidth_Hz", "bandwidth_source", "thermal_noise_pA", "noise_ratio"]
    assert (found[blank] == "").all(axis=None)
    text = (elsewhere.folder / "results" / "thermodynamics.csv").read_text()
    assert not re.search(r"\b(inf|nan)\b", text)
    for row in found.itertuples():
        inside_out = given["configuration"][row.measurement] == "inside-out"
        bath = SOLUTIONS[given["bath"][row.measurement]][list(RATIOS).index(row.ion)]
        pipette = SOLUTIONS["pipette"][list(RATIOS).index(row.ion)]
        outside, inside = (pipette, bath) if inside_out else (bath, pipette)
        if outside and inside:
            slope_mV = 1e3 * 8.31446261815324 * (273.15 + given["temperature_C"][row.measurement]) / 96485.3321233
            nernst_mV = slope_mV / IONS[row.ion].valence * math.log(outside / inside)
            assert float(row.nernst_mV) == pytest.approx(nernst_mV, abs=1e-6)
            force_mV = given["corrected_mV"][row.measurement] - nernst_mV
            assert float(row.driving_force_mV) == pytest.approx(force_mV, abs=1e-6)
        else:
            assert (row.nernst_mV, row.driving_force_mV, row.delta_mu_kJ_per_mol) == ("", "", "")
            assert row.flux_ratio == ("0" if inside else "")
            assert row.reason.startswith("inside only" if inside else "outside only")
    # NMDG in a bath without it, and not in the pipette either, has no row.
    assert "patch:NMDG:inside-out" in set(found["measurement"][found["ion"] == "NMDG"])
    assert "007:control" not in set(found["measurement"][found["ion"] == "NMDG"])


def test_the_true_ratios_come_out(elsewhere) -> None:
    found = elsewhere.numbers("permeabilities")
    assert set(found["model"]) >= {"ghk:concentration", "ghk:davies", "ghk:pitzer:macinnes"}
    found = found[found["model"] == "ghk:concentration"]
    assert set(found["ion"]) == set(RATIOS) - {"Na"}
    for row in found.itertuples():
        error = math.hypot(row.se_ln_cells, row.se_ln_shared)
        assert row.verdict == "estimate"
        assert row.n_cells in (4, 5)  # a cell of one row tells nothing of some ions
        assert abs(row.ln_ratio - math.log(RATIOS[row.ion])) < 3 * error
        assert error < 0.3


def test_the_report_says_where_the_potentials_come_from(elsewhere) -> None:
    page = (elsewhere.folder / "results" / "report.html").read_text()
    assert "data/reversals.csv gives 15 reversal potentials measured elsewhere in 5 cells and 4 baths" in page
    assert "there are no recordings to show" in page
    assert "Reversal potentials of 5 cells that had been measured elsewhere in the whole-cell configuration" in page
    assert "recorded under voltage clamp" not in page
    names = {path.name for path in (elsewhere.folder / "results" / "figures").iterdir()}
    assert {"ratios.svg", "ratios.png", "residuals.svg", "corrections.svg"} <= names
    assert not [name for name in names if name.startswith("measurements")]


def test_the_manifest_holds_every_input(elsewhere) -> None:
    manifest = json.loads((elsewhere.folder / "results" / "manifest.json").read_text())
    files = ("config/config.yaml", "data/reversals.csv", "data/solutions.csv")
    assert manifest["inputs"] == {
        name: hashlib.sha256((elsewhere.folder / name).read_bytes()).hexdigest() for name in files
    }
    assert manifest["config"]["reversals"] == "data/reversals.csv"
    assert manifest["config"]["recordings"] is None


def results(folder: Path) -> dict[str, bytes]:
    """Every result but results/ingest, and the manifest without the digest of the table."""
    root = folder / "results"
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] != "ingest"]
    content = {str(path.relative_to(root)): path.read_bytes() for path in files}
    manifest = json.loads(content["manifest.json"])
    del manifest["inputs"]["data/reversals.csv"]
    # Snakemake marks the folder of figures as made.
    content.pop("figures/.snakemake_timestamp", None)
    return content | {"manifest.json": json.dumps(manifest).encode()}


def test_other_order_other_place_same_bytes(elsewhere, tmp_path: Path, run_in_process: Callable) -> None:
    rows = measured()
    order = np.random.default_rng(1).permutation(len(rows))
    other = run_in_process(write(tmp_path / "quite another place", [rows[i] for i in order]))
    assert results(other.folder) == results(elsewhere.folder)


def test_a_changed_number_runs_what_depends_on_it(elsewhere, tmp_path: Path, run_workflow: Callable) -> None:
    folder, rows = shutil.copytree(elsewhere.folder, tmp_path / "copy"), measured()
    before = (folder / "results" / "permeabilities.csv").read_bytes()
    done = run_workflow(write(folder, [rows[0].replace(",0.3,", ",0.6,"), *rows[1:]]), "results/permeabilities.csv")
    assert done.status == 0, done.said
    assert done.jobs == {"import_reversals", "correct", "fit"}
    assert (folder / "results" / "permeabilities.csv").read_bytes() != before
    # What has been made again is left alone; what remains depends on it.
    assert run_workflow(folder, "--dry-run").jobs == {
        "thermodynamics",
        "published_forms",
        "judge",
        "report",
        "check_outcome",
    }


@pytest.mark.parametrize(
    ("rows", "config", "words"),
    [
        (["c1,control,pipette,-4,0,,,,,"], {}, ("reversals.csv: row 2, column 'se_mV': got 0, expected",)),
        (
            ["c1,control,,-4,1,,,,same,", "c1,contrl,pipette,,1,,,,,"],
            {},
            (
                "row 2, column 'pipette'",
                "zeroed anew in each bath",
                "row 3, column 'bath'",
                "row 3, column 'reversal_mV'",
            ),
        ),
        (
            ["c1,low,pipette,1,1,,,,,"] * 2,
            {},
            ("row 3: repeats row 2; delete one of the two",),
        ),
        ([], {}, ("reversals.csv: got a header without rows, expected",)),
        (["c1,low,pipette,1,1,,,,,"], {"recordings": "data/recordings.csv"}, ("expected one of the tables",)),
        (["c1,low,pipette,1,1,,,,,"], {"reversals": None}, ("key 'recordings': got nothing",)),
    ],
)
def test_faults_stop_the_run_before_any_job(
    tmp_path: Path, rows: list[str], config: dict[str, Any], words: tuple[str, ...]
) -> None:
    """In this process, which is a second faster; in one of its own in `test_running`."""
    done = CliRunner().invoke(main, ["run", str(write(tmp_path, rows, config={**CONFIG, **config}))])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert [word for word in words if word not in done.output] == []
    assert not (tmp_path / "results").exists()


def test_the_snakefile_alone_tells_the_same(tmp_path: Path, project: Path, snakemake: Callable) -> None:
    write(tmp_path, ["c1,low,pipette,1,1"], header="cell|bath|pipette|reversal_mV|se_mV")
    done = snakemake("--snakefile", str(project / "Snakefile"), "--directory", str(tmp_path))
    assert done.returncode != 0
    assert "data/reversals.csv: row 1: got vertical bars between the columns" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_published_means_count_their_cells(tmp_path: Path, run_in_process: Callable) -> None:
    rows = [
        f"mean,{bath},pipette,{as_commanded_mV(bath):.3f},0.4,{n}" for bath, n in zip(BATHS, (5, 9, 7, 9), strict=True)
    ]
    done = run_in_process(write(tmp_path, rows, header="cell,bath,pipette,reversal_mV,se_mV,n"))
    found = done.table("permeabilities")
    assert set(found["n_cells"]) == {"9"}
    found = found[found["model"] == found["model"].iloc[0]]
    assert all(reason.startswith("one mean of cells") for reason in found["reason"])
    page = (tmp_path / "results" / "report.html").read_text()
    assert "4 reversal potentials measured elsewhere in 9 cells and 4 baths" in page
    assert "one degree of freedom less than cells" in page
