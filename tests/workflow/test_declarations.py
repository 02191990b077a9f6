"""Every stage on the demonstration with one of its fields not declared: it reads the field, and that raises."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nernstfit.contract import settings, tables
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import UndeclaredRead, view
from nernstfit.workflow import Dependencies, batch, declared_fields

STAGES = (
    *("ingest", "measure", "import_reversals", "solutions", "correct", "thermodynamics", "fit", "published_forms"),
    *("judge", "report"),
)
# Properties of a row that under the demonstration's settings follow from other fields that the stage declares.
FOLLOWING: Mapping[str, set[str]] = {}
FIELDS = [(stage, field) for stage in STAGES for field in declared_fields(stage)]

Stage = Callable[[Experiment], None]


@pytest.fixture
def stage(
    demonstration: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[Stage, Experiment]]:
    """Return a stage that reads the results of the demonstration, and the experiment that the workflow hands it."""
    monkeypatch.chdir(demonstration.folder)
    loaded = experiments.load(settings.read())
    (name,) = Dependencies(loaded).batches
    ingested = Path("results/ingest")
    inputs: dict[str, Any] = {path.stem: str(path) for path in Path("results").glob("*.csv")}
    inputs |= {"reversals": inputs["reversal_potentials"], "measured": str(ingested / "measured.parquet")}
    inputs |= {part: [str(ingested / name / f"{part}.parquet")] for part in ("points", "facts", "traces")}
    inputs |= {
        "fit_report": "results/fit_report.txt",
        "kept": [],
        "tables": loaded.input_files,
        "results": tables.paths(tables.RESULT),
    }

    class Outputs(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return str(tmp_path / key)

    def made(stage: str) -> tuple[Stage, Experiment]:
        run = importlib.import_module(f"nernstfit.stages.{stage}").run.__wrapped__
        experiment = batch(loaded, name) if stage == "ingest" else loaded
        return lambda seen: run(inputs, Outputs(), seen), experiment

    return made


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name}-{field}" for name, field in FIELDS])
def test_a_stage_reads_what_it_declares_and_cannot_read_it_undeclared(
    stage: Callable[[str], tuple[Stage, Experiment]], name: str, field: str
) -> None:
    run, experiment = stage(name)
    fields = [each for each in declared_fields(name) if each != field]
    if field in FOLLOWING.get(name, set()):
        run(view(experiment, fields, name))
        return
    with pytest.raises(UndeclaredRead) as caught:
        run(view(experiment, fields, name))
    assert caught.value.stage == name
    assert caught.value.field not in fields
