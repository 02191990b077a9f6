"""Runs of small experiments: what goes wrong, what is interrupted, what changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from nernstfit.abf import layout
from nernstfit.library import checking
from nernstfit.simulate.recording import OutputChannel

CONFIG = {
    "recordings": "data/recordings.csv",
    "temperature_C": 22,
    "recordings_per_job": 2,
    "junction": {"method": "none"},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na"]},
}
SOLUTIONS = "solution,NaCl,KCl,glucose\ncontrol,140,5,10\nNA,100,45,10\npipette,10,140,\n"
HEADER = "recording,cell,bath,pipette"
Started = tuple[subprocess.Popen[str], psutil.Process]
STIMULUS = "Cmd 0"  # the name of the DAC, which may also be that of a stimulus file


def make_experiment(folder: Path, write_recording: Callable[..., Path]) -> Path:
    """Two cells in two baths, one of them called NA, one cell called 007."""
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "data" / "solutions.csv").write_text(SOLUTIONS)
    rows = [HEADER]
    for cell, shift in (("007", 0.0), ("None", 1.0)):
        for bath, potential in (("control", -40.0), ("NA", -22.0)):
            zero = potential + shift
            path = folder / "data" / f"{cell}_{bath}.abf"
            write_recording(path, current_pA=lambda level, zero=zero: 5.0 * (level - zero))
            rows.append(f"data/{path.name},{cell},{bath},pipette")
    (folder / "data" / "recordings.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def experiment(tmp_path: Path, write_recording: Callable[..., Path]) -> Path:
    """Return the experiment, not run yet."""
    return make_experiment(tmp_path / "experiment", write_recording)


def add_bad_recordings(folder: Path, write_recording: Callable[..., Path]) -> None:
    """Append half of a recording, a text and a recording in current clamp, all of cell c."""
    data = folder / "data"
    whole = (data / "007_NA.abf").read_bytes()
    (data / "half.abf").write_bytes(whole[: len(whole) // 2])
    (data / "text.abf").write_text("this is not a recording\n" * 100)
    clamp = OutputChannel("IN 0", "pA", 0, 4000.0, telegraph_gain=1.0, clamp="current")
    write_recording(data / "clamp.abf", channels=(clamp,))
    append(folder, *(f"data/{name}.abf,c,control,pipette" for name in ("half", "text", "clamp")))


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory, write_recording: Callable, run_workflow: Callable) -> Any:
    """Run the experiment to its end, with three bad recordings and one that names a stimulus file."""
    folder = make_experiment(tmp_path_factory.mktemp("running") / "experiment", write_recording)
    add_bad_recordings(folder, write_recording)
    name_a_stimulus(folder / "data" / "None_NA.abf")
    (folder / "data" / STIMULUS).write_text("first")
    done = run_workflow(folder)
    assert done.status == 0, done.said
    return done


@pytest.fixture
def finished(run_once: Any, tmp_path: Path) -> Path:
    """Return a copy of the experiment that was run, files as old as those of the original."""
    return shutil.copytree(run_once.folder, tmp_path / "finished")


def append(folder: Path, *rows: str) -> None:
    with (folder / "data" / "recordings.csv").open("a") as stream:
        stream.writelines(f"{row}\n" for row in rows)


def test_names_come_out_as_typed(run_once: Any) -> None:
    table = run_once.table("reversal_potentials")
    assert set(table["cell"]) == {"007", "None", "c"}
    assert set(table["bath"]) == {"control", "NA"}
    assert set(run_once.table("cells")["cell"]) == {"007", "None"}
    assert "NA" in set(run_once.table("solutions")["solution"])


def test_an_excluded_row_needs_no_bath(experiment: Path, run_workflow: Callable) -> None:
    place = experiment / "data" / "recordings.csv"
    head, *rows = place.read_text().splitlines()
    excluded = "data/seal.abf,c9,,pipette,seal test"
    shutil.copy(experiment / "data" / "007_NA.abf", experiment / "data" / "seal.abf")
    place.write_text("\n".join([f"{head},exclude", *(f"{row}," for row in rows), excluded]) + "\n")
    assert checking.check(experiment).as_dict()["recordings"]["excluded"] == 1
    done = run_workflow(experiment)
    assert done.status == 0, done.said
    table = done.table("reversal_potentials")
    assert table.loc[table["cell"] == "c9", ["bath", "verdict"]].fillna("").to_numpy().tolist() == [["", "excluded"]]


def test_every_fault_is_told_before_any_job(experiment: Path, run_workflow: Callable) -> None:
    append(experiment, "data/absent.abf,c,control,pipette", "data/007_NA.abf,c,contrl,pipette")
    config = CONFIG | {"fitt": 1}
    (experiment / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    done = run_workflow(experiment)
    assert done.status != 0
    assert "key 'fitt' is not known; the nearest known key is 'fit'" in done.said
    (experiment / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    done = run_workflow(experiment)
    assert done.status != 0
    lines = done.said.splitlines()
    absent = "data/recordings.csv: row 6, column 'recording': file not found: 'data/absent.abf'"
    assert any(absent in line for line in lines)
    assert any("row 7, column 'bath': got 'contrl'" in line and "'control'" in line for line in lines)
    assert not (experiment / "results").exists()


def test_the_snakefile_alone_tells_the_same_faults(experiment: Path, project: Path, snakemake: Callable) -> None:
    append(experiment, "data/absent.abf,c,control,pipette", "../outside.abf,c,control,pipette")
    done = snakemake("--snakefile", str(project / "Snakefile"), "--directory", str(experiment))
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "row 6, column 'recording': file not found: 'data/absent.abf'" in said
    assert "row 7, column 'recording': got '../outside.abf', expected a path within the experiment folder" in said
    assert not (experiment / "results").exists()


def test_bad_recordings_cost_themselves_only(run_once: Any) -> None:
    table = run_once.table("reversal_potentials").set_index("measurement")
    assert set(table["verdict"]) == {"reversal", "unreadable"}
    assert set(table.index[table["verdict"] == "unreadable"]) == {"half", "text", "clamp"}
    assert "half.abf" in table.loc["half", "reason"]
    assert "not an ABF file" in table.loc["text", "reason"]
    assert "current clamp" in table.loc["clamp", "reason"]
    assert set(table.loc["half", ["raw_mV", "corrected_mV", "se_mV", "slope_nS"]]) == {""}
    report = (run_once.folder / "results" / "report.html").read_text()
    assert "current clamp" in report


def test_no_reversal_at_all_fails_with_everything_written(experiment: Path, run_workflow: Callable) -> None:
    (experiment / "data" / "text.abf").write_text("nothing")
    (experiment / "data" / "recordings.csv").write_text(f"{HEADER}\ndata/text.abf,c,control,pipette\n")
    done = run_workflow(experiment, verbose=False)
    assert done.status == 1
    *outcome, sentence = done.said.splitlines()
    assert sentence == (
        "no row of the experiment is a reversal (1 unreadable); results/report.html says why, row by row"
    )
    assert outcome[0] == "Recordings: 0 used, 1 refused, 0 excluded."
    assert outcome[-1].startswith("Report: ")
    assert (experiment / "results" / "report.html").exists()
    for name in ("permeabilities", "cells", "models", "residuals", "corrections", "iv", "nernst_slopes"):
        header, *rows = (experiment / "results" / f"{name}.csv").read_text().splitlines()
        assert header
        assert not rows


def test_a_new_row_reads_its_own_batch_only(finished: Path, run_workflow: Callable) -> None:
    before = (finished / "results" / "ingest" / "0000" / "points.parquet").stat().st_mtime_ns
    shutil.copy(finished / "data" / "007_NA.abf", finished / "data" / "new.abf")
    append(finished, "data/new.abf,new,NA,pipette")
    done = run_workflow(finished, "results/ingest/measured.parquet")
    assert done.status == 0, done.said
    assert (finished / "results" / "ingest" / "0000" / "points.parquet").stat().st_mtime_ns == before
    assert "new" in set(pd.read_parquet(finished / "results" / "ingest" / "measured.parquet")["measurement"])


def test_touching_inputs_runs_nothing(finished: Path, run_workflow: Callable) -> None:
    for path in (finished / "data").iterdir():
        path.touch()
    assert "Nothing to be done" in run_workflow(finished).said


def test_a_changed_setting_runs_what_depends_on_it(finished: Path, run_workflow: Callable) -> None:
    config = CONFIG | {"fit": CONFIG["fit"] | {"confidence": 0.8}}
    (finished / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    done = run_workflow(finished, "--dry-run")
    assert done.jobs == {"fit", "published_forms", "judge", "report", "check_outcome"}


def test_results_of_other_tables_are_made_again_without_the_records_of_snakemake(
    finished: Path, run_workflow: Callable
) -> None:
    """As in a folder that was copied or unpacked with its results, but without hidden files."""
    shutil.rmtree(finished / ".snakemake")
    assert not run_workflow(finished, "--dry-run").jobs
    solutions = finished / "data" / "solutions.csv"
    solutions.write_text(SOLUTIONS.replace("pipette,10,140", "pipette,20,130"))
    os.utime(solutions, (0, 0))
    assert run_workflow(finished, "--dry-run").jobs >= {"solutions", "correct", "fit", "judge", "report"}


def test_recordings_that_were_exchanged_are_read_again_whatever_their_times(
    finished: Path, run_workflow: Callable
) -> None:
    points = "results/ingest/0000/points.parquet"
    before = pd.read_parquet(finished / points)
    one, two, aside = (finished / "data" / name for name in ("007_control.abf", "007_NA.abf", "aside"))
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    assert run_workflow(finished, points).status == 0
    after = pd.read_parquet(finished / points)
    of = [table.groupby("measurement")["current_pA"].sum().to_dict() for table in (before, after)]
    assert of[1]["007_control"] == of[0]["007_NA"]
    assert of[1]["007_NA"] == of[0]["007_control"]
    cache = finished / ".snakemake" / "nernstfit" / "ingest.0000.json"
    cache.write_text(cache.read_text()[:20])  # as by a power cut
    assert "Nothing to be done" in run_workflow(finished, points).said


def name_a_stimulus(path: Path) -> None:
    """Let the header name a stimulus file, by the text that is also the name of the DAC."""
    content = bytearray(path.read_bytes())
    start = layout.extent(np.frombuffer(bytes(content), dtype=np.uint8), "DAC").start
    fields = layout.ABF2_ENTRIES["DAC"].fields
    name = struct.unpack_from("<i", content, start + fields["lDACChannelNameIndex"].offset)
    struct.pack_into("<i", content, start + fields["lDACFilePathIndex"].offset, *name)
    path.write_bytes(content)


def test_a_stimulus_file_that_appears_or_changes_has_its_batch_read_again(
    finished: Path, run_workflow: Callable
) -> None:
    points = [f"results/ingest/{batch}/points.parquet" for batch in ("0000", "0001")]

    def to_be_read() -> list[bool]:
        done = run_workflow(finished, *points, "--dry-run", "--quiet", "progress")
        assert done.status == 0, done.said
        return [f"output: {path}," in done.said for path in points]

    stimulus = finished / "data" / STIMULUS
    stimulus.write_text("other")  # a touch alone: test_touching_inputs_runs_nothing
    assert to_be_read() == [False, True]
    stimulus.unlink()
    assert run_workflow(finished, *points).status == 0
    assert to_be_read() == [False, False]
    stimulus.write_text("first")
    assert to_be_read() == [False, True]


def test_a_lost_result_is_made_again(finished: Path, run_workflow: Callable) -> None:
    path = finished / "results" / "iv.csv"
    whole = path.read_bytes()
    path.unlink()
    assert run_workflow(finished, "results/iv.csv").status == 0
    assert path.read_bytes() == whole


def changed_keeping_times(path: Path, content: bytes) -> None:
    """Write other content of the same size, as an edit and a restored backup do, or a fault of the disk."""
    status = path.stat()
    assert len(content) == status.st_size
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_result_that_was_edited_or_damaged_is_made_again_and_named(finished: Path, run_workflow: Callable) -> None:
    results = finished / "results"
    points, potentials, picture = (
        results / name for name in ("ingest/0000/points.parquet", "reversal_potentials.csv", "figures/residuals.png")
    )
    whole = {path: path.read_bytes() for path in (points, potentials, picture)}
    changed_keeping_times(points, whole[points][:-1000] + bytes([whole[points][-1000] ^ 1]) + whole[points][-999:])
    changed_keeping_times(potentials, whole[potentials].replace(b"1", b"2"))
    picture.unlink()
    altered = [points, results / "figures", potentials]
    planned = run_workflow(finished, "--dry-run").said
    assert all(f"{path.relative_to(finished)}: is not as the last run wrote it" in planned for path in altered)
    assert potentials.read_bytes() != whole[potentials]
    done = run_workflow(finished, verbose=False)
    assert done.status == 0
    assert all(f"{path}: is not as the last run wrote it; it is made again." in done.said for path in altered)
    assert {path: path.read_bytes() for path in whole} == whole
    assert "Nothing to be done" in run_workflow(finished).said


def test_the_record_of_a_job_that_was_cut_off_has_it_done_again(finished: Path, run_workflow: Callable) -> None:
    record = finished / "results" / "ingest" / "made" / "correct.json"
    whole = record.read_text()
    record.write_text(whole[:20])
    assert "correct" in run_workflow(finished, str(record.relative_to(finished))).jobs
    assert record.read_text() == whole


def test_the_report_is_made_again_where_a_table_differs_by_what_no_stage_reads(
    finished: Path, run_workflow: Callable
) -> None:
    """The manifest holds the content of the table."""
    config = finished / "config" / "config.yaml"
    status = config.stat()
    config.write_text(f"# a remark\n{config.read_text()}")
    os.utime(config, ns=(0, status.st_mtime_ns))
    assert run_workflow(finished, "--dry-run").jobs == {"report", "check_outcome"}


def test_killed_then_run_again(
    experiment: Path, project: Path, run_workflow: Callable, snakemake_words: list[str]
) -> None:
    targets = [f"results/ingest/{batch}/points.parquet" for batch in ("0000", "0001")]
    words = [*snakemake_words, "--snakefile", str(project / "Snakefile"), "--directory", str(experiment), *targets]
    started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(experiment.glob("results/ingest/*/points.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(experiment.glob("results/ingest/*/points.parquet"))
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    run_workflow(experiment, "--unlock")
    done = run_workflow(experiment, *targets)
    assert done.status == 0, done.said
    assert sum(pd.read_parquet(experiment / path)["measurement"].nunique() for path in targets) == 4


@pytest.fixture
def started(experiment: Path, started_command: Callable[..., subprocess.Popen[str]]) -> Iterator[Started]:
    """Start a run that reads two recordings, and wait for its job."""
    run = started_command("run", str(experiment), "results/ingest/0000/points.parquet", "--cores", "1")
    deadline = time.monotonic() + 60
    while not (jobs := jobs_of(run.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert jobs
    yield run, jobs[0]
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)


def jobs_of(number: int) -> list[psutil.Process]:
    """Return the processes of a run's jobs."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(number).children(recursive=True)
        return [child for child in children if any("scripts" in word for word in child.cmdline())]
    return []


def test_a_folder_in_which_a_run_works_is_told_with_the_run_and_a_killed_job_with_its_cure(
    experiment: Path, run_workflow: Callable, started: Started
) -> None:
    run, job = started
    job.suspend()
    second = run_workflow(experiment, verbose=False)
    assert second.status == 1
    (sentence,) = second.said.splitlines()
    assert sentence.startswith(f"{experiment}: another run works in this folder (process {run.pid}, since ")
    job.kill()
    said, told = run.communicate()
    assert run.returncode == 1
    assert said == ""
    (sentence,) = told.splitlines()
    assert sentence.startswith("The job of stage 'ingest' was killed (SIGKILL)")
    assert "--cores 1" in sentence


def test_an_interrupted_run_is_told_in_one_sentence(experiment: Path, started: Started) -> None:
    run, _ = started
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does
    said, told = run.communicate()
    assert run.returncode == 130
    assert said == ""
    assert told == (f"Interrupted: 0 of 1 stages are done and kept; continue with: nernstfit run {experiment}\n")
    assert not list((experiment / ".snakemake").glob("locks/*"))


def test_inside_out_and_blank_corrections(experiment: Path, run_in_process: Callable) -> None:
    config = CONFIG | {"configuration": "inside-out"}
    (experiment / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    done = run_in_process(experiment, "correct")
    table = done.numbers("reversal_potentials")
    assert (table["corrected_mV"] + table["reversal_mV"]).abs().max() < 1e-9
    assert table["junction_mV"].isna().all()
    assert table["leak_shift_mV"].isna().all()
    assert table["rs_shift_mV"].isna().all()
