"""What a stage may read, and what makes a rule run again: views of the experiment, fingerprints, code and files."""

from __future__ import annotations

import ast
import copy
import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nernstfit import workflow
from nernstfit.abf import layout
from nernstfit.abf.read import read
from nernstfit.abf.stimulus_names import stimulus_names
from nernstfit.contract.errors import InputError, RecordingError
from nernstfit.experiment import folder as experiments
from nernstfit.experiment import views
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import UndeclaredRead, fingerprint, view
from nernstfit.workflow import Dependencies, code, declared_fields

STAGES = sorted(path.stem for path in (workflow.PACKAGE / "stages").glob("*.py") if "\nREADS = " in path.read_text())
DAC_NAME = "Cmd 0"  # a text of the header that may serve as the name of a stimulus file


@pytest.fixture
def loaded(folder: Callable[..., Path], config: Callable[..., dict[str, Any]]) -> Experiment:
    folder()
    return experiments.load(config())


# Views


def test_a_view_holds_what_is_declared_and_nothing_else(loaded: Experiment) -> None:
    seen = view(loaded, ("rows.measurement", "rows.measure.epoch", "settings.fit.permeant", "solutions"), "measure")
    first, *_ = seen.rows
    assert (first.measurement, first.measure.epoch) == ("a", "auto")
    assert seen.settings.fit.permeant == ("K", "Na")
    assert seen.solutions is loaded.solutions
    for record, name, field in (
        (seen, "input_files", "settings.recordings"),
        (first, "cell", "rows.cell"),
        (first, "external", "rows.external"),
        (first.measure, "statistic", "rows.measure.statistic"),
        (seen.settings, "junction", "settings.junction"),
        (seen.settings.fit, "seed", "settings.fit.seed"),
    ):
        with pytest.raises(UndeclaredRead, match=f"the stage 'measure' reads '{field}'") as caught:
            getattr(record, name)
        assert (caught.value.stage, caught.value.field) == ("measure", field)


def test_an_undeclared_field_is_no_missing_attribute(loaded: Experiment) -> None:
    (first, *_) = view(loaded, ("rows.measurement",), "correct").rows
    with pytest.raises(UndeclaredRead):
        getattr(first, "cell", "a default that would hide the read")
    with pytest.raises(UndeclaredRead):
        hasattr(first, "cell")


def test_properties_and_methods_of_a_record_work_on_its_declared_fields(loaded: Experiment) -> None:
    window = tuple(f"rows.measure.{key}" for key in ("from_fraction", "to_fraction", "from_ms", "to_ms"))
    (first, *_) = view(loaded, ("rows.recording", "rows.subtract", *window), "ingest").rows
    assert first.files == ("data/a.abf",)
    assert first.measure.default_window
    assert dataclasses.replace(first.measure, from_fraction=0.1).with_default_window() == first.measure
    with pytest.raises(UndeclaredRead, match=r"'rows\.bath'"):
        _ = first.condition
    assert copy.deepcopy(first.measure) == first.measure


def test_a_declared_property_is_a_value(loaded: Experiment) -> None:
    (first, *_) = view(loaded, ("rows.measurement", "rows.condition"), "solutions").rows
    assert first.condition == loaded.rows[0].condition
    with pytest.raises(UndeclaredRead):
        _ = first.bath


def test_a_view_cannot_be_changed(loaded: Experiment) -> None:
    (first, *_) = view(loaded, ("rows.measurement",), "correct").rows
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.measurement = "b"  # type: ignore[misc]


def test_a_stage_is_handed_a_view(loaded: Experiment) -> None:
    seen: list[Any] = []

    @views.stage(("settings.fit",))
    def run(inputs: Any, outputs: Any, experiment: Experiment) -> None:
        seen.append(experiment)

    run({}, {}, loaded)
    assert seen[0].settings.fit == loaded.settings.fit
    with pytest.raises(UndeclaredRead, match="the stage 'test_dependencies'"):
        _ = seen[0].solutions


@pytest.mark.parametrize("stage", STAGES)
def test_every_declared_field_exists(loaded: Experiment, stage: str) -> None:
    fields = declared_fields(stage)
    assert len(set(fields)) == len(fields)
    view(loaded, fields, stage)


def test_every_stage_but_the_last_declares_its_fields() -> None:
    names = {path.stem for path in (workflow.PACKAGE.parent / "workflow" / "scripts").glob("*.py")}
    assert set(STAGES) == names - {"check_outcome"}


# Fingerprints


def with_key(loaded: Experiment, value: str) -> Experiment:
    """Return the experiment with a further key of `measure` in each row, as if the schema had one more."""

    def further(measure: Any) -> Any:
        values = {field.name: getattr(measure, field.name) for field in dataclasses.fields(measure)}
        made = dataclasses.make_dataclass("Measure", [*values, "novel_mV"], bases=(type(measure),), frozen=True)
        return made(**values, novel_mV=value)

    return dataclasses.replace(
        loaded, rows=tuple(dataclasses.replace(row, measure=further(row.measure)) for row in loaded.rows)
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_further_key_changes_no_fingerprint_until_it_is_declared(loaded: Experiment, stage: str) -> None:
    fields = declared_fields(stage)
    one, two = with_key(loaded, "1"), with_key(loaded, "2")
    assert fingerprint(one, fields, stage) == fingerprint(two, fields, stage) == fingerprint(loaded, fields, stage)
    more = (*fields, "rows.measure.novel_mV")
    assert len({fingerprint(one, more, stage), fingerprint(two, more, stage), fingerprint(loaded, fields, stage)}) == 3


@pytest.mark.parametrize("stage", ["ingest", "measure"])
def test_a_further_key_cannot_be_read_until_it_is_declared(loaded: Experiment, stage: str) -> None:
    experiment = with_key(loaded, "1")
    with pytest.raises(UndeclaredRead, match=r"'rows\.measure\.novel_mV'"):
        _ = view(experiment, declared_fields(stage), stage).rows[0].measure.novel_mV
    declared = view(experiment, (*declared_fields(stage), "rows.measure.novel_mV"), stage)
    assert declared.rows[0].measure.novel_mV == "1"


def test_the_order_of_fields_changes_no_fingerprint(loaded: Experiment) -> None:
    fields = declared_fields("ingest")
    assert fingerprint(loaded, fields[::-1], "ingest") == fingerprint(loaded, fields, "ingest")


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("control,140,5,10", "control,141,5,10", True),
        ("control,140,5,10", "control,140,5,11", True),
        ("solution,NaCl,KCl,glucose", "solution,NaCl,KBr,glucose", True),
        ("control,140,5,10\nhigh_K,5,140,10\n", "high_K,5,140,10\ncontrol,140,5,10\n", False),
    ],
)
def test_the_content_of_the_solutions_is_in_the_fingerprint_and_their_order_is_not(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]], old: str, new: str, changes: bool
) -> None:
    here = folder()
    before = fingerprint(experiments.load(config()), ("solutions",), "fit")
    table = here / "data" / "solutions.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    assert (fingerprint(experiments.load(config()), ("solutions",), "fit") != before) == changes


def test_what_was_computed_of_the_solutions_is_not_in_the_fingerprint(loaded: Experiment) -> None:
    before = fingerprint(loaded, ("solutions",), "fit")
    loaded.solutions.at(25.0)
    assert fingerprint(loaded, ("solutions",), "fit") == before


# Code


def test_a_package_that_a_module_names_is_code_of_it() -> None:
    found = {Path(name).relative_to(workflow.PACKAGE).as_posix() for name in code("measure")}
    estimators = {
        path.relative_to(workflow.PACKAGE).as_posix()
        for path in (workflow.PACKAGE / "reversal" / "estimators").glob("*.py")
    }
    assert len(estimators) > 3
    assert estimators <= found


def test_the_data_of_a_package_that_a_module_names_is_code_of_it() -> None:
    found = {Path(name).relative_to(workflow.PACKAGE).as_posix() for name in code("solutions")}
    assert {"contract/tables.yaml", "contract/config.schema.yaml"} <= found


def test_every_import_of_a_module_is_code_of_it() -> None:
    """The text is searched; here it is parsed."""
    for path in sorted(workflow.PACKAGE.rglob("*.py")):
        needed = set(workflow._needed(path))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            places = [workflow.PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in names]
            assert {place for place in places if place.is_file() and workflow.PACKAGE in place.parents} <= needed, path


# Files


def with_stimulus(path: Path) -> None:
    """Let the header name a stimulus file, by the text that is also the name of the DAC."""
    content = bytearray(path.read_bytes())
    start = layout.extent(np.frombuffer(bytes(content), dtype=np.uint8), "DAC").start
    fields = layout.ABF2_ENTRIES["DAC"].fields
    name = struct.unpack_from("<i", content, start + fields["lDACChannelNameIndex"].offset)
    struct.pack_into("<i", content, start + fields["lDACFilePathIndex"].offset, *name)
    path.write_bytes(content)


def test_a_stimulus_file_beside_a_recording_is_an_input_of_its_batch(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]]
) -> None:
    here = folder()
    dependencies = Dependencies(experiments.load(config({"recordings_per_job": 1})))
    batches = [SimpleNamespace(batch=name) for name in dependencies.batches]
    with_stimulus(here / "data" / "b.abf")
    assert [dependencies.recordings(batch) for batch in batches] == [["data/a.abf"], ["data/b.abf"]]
    (here / "data" / DAC_NAME.upper()).write_text("a stimulus")
    (here / "data" / "others.atf").write_text("another file")
    assert [dependencies.recordings(batch) for batch in batches] == [
        ["data/a.abf"],
        ["data/b.abf", f"data/{DAC_NAME.upper()}"],
    ]


def test_an_experiment_below_the_folder_of_snakemake_has_its_own_paths_and_records(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folder()
    with_stimulus(here / "data" / "b.abf")
    (here / "data" / DAC_NAME).write_text("a stimulus")
    itself = Dependencies(experiments.load(config()))
    monkeypatch.chdir(here.parent)
    below = Dependencies.of_folder(Path(here.name), config())
    assert below.recordings(SimpleNamespace(batch="0000")) == ["data/a.abf", "data/b.abf", f"data/{DAC_NAME}"]
    assert below.input_files == ["data/recordings.csv", "data/solutions.csv"]
    assert below.name == here.name
    assert below.record("fit") == "results/ingest/reads/fit.sha256"
    below.record_batches()
    written = {path.name: path.read_text() for path in (here / "results" / "ingest" / "reads").iterdir()}
    assert set(written) == {"fit.sha256", "ingest.0000.sha256"}
    monkeypatch.chdir(here)
    assert itself.name is None
    itself.record("fit")
    itself.record_batches()
    assert {path.name: path.read_text() for path in Path("results/ingest/reads").iterdir()} == written


def test_a_fault_names_the_experiment_below_the_folder_of_snakemake(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folder()
    (here / "data" / "a.abf").unlink()
    for home, place in ((here, ""), (here.parent, f"{here.name}: ")):
        monkeypatch.chdir(home)
        with pytest.raises(
            InputError, match=rf"^{place}data/recordings.csv: row 2, column 'recording': file not found"
        ):
            Dependencies.of_folder(here.relative_to(home), config())
    with pytest.raises(InputError, match=r"^nowhere: folder not found"):
        Dependencies.of_folder(Path("nowhere"), config())


@pytest.mark.parametrize("version", ["1.84", "2.6"])
def test_the_names_of_stimulus_files_are_those_that_the_reader_looks_for(
    tmp_path: Path, write_recording: Callable[..., Path], version: str
) -> None:
    path = write_recording(tmp_path / "a.abf", version=version)
    assert stimulus_names(path) == set()
    if version == "2.6":
        with_stimulus(path)
    else:
        content = bytearray(path.read_bytes())
        struct.pack_into("<256s", content, layout.ABF1_HEADER.fields["sDACFilePath"].offset, b"C:\\p\\Cmd 0")
        path.write_bytes(content)
    assert stimulus_names(path) == {DAC_NAME}


def test_the_names_of_stimulus_files_of_real_recordings_are_those_that_the_reader_looks_for(real_abf: Path) -> None:
    found: set[str] = set()
    for path in sorted(real_abf.glob("*.abf")):
        try:
            recording = read(path)
        except RecordingError:
            continue
        names = {waveform.stimulus_file for waveform in recording.waveforms if waveform.source == "file"}
        assert names <= stimulus_names(path)
        found |= names
    assert found


@pytest.mark.parametrize("size", [0, 3, 600, 2000, 5000])
def test_a_damaged_file_names_no_stimulus_file(tmp_path: Path, write_recording: Callable[..., Path], size: int) -> None:
    path = write_recording(tmp_path / "a.abf")
    path.write_bytes(path.read_bytes()[:size])
    assert stimulus_names(path) == set()
    assert stimulus_names(tmp_path / "absent.abf") == set()
