"""Stages of the workflow, run one after the other in this process: the same files as by Snakemake and its jobs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.files import MANIFEST, REPORT
from nernstfit.experiment.records import Experiment
from nernstfit.workflow import Dependencies, batch

STAGES = ("ingest", "measure", "solutions", "correct", "thermodynamics", "fit", "published_forms", "judge", "report")
"""Stages in their order. Potentials that were measured elsewhere are imported in place of the first two."""

_INGEST = Path("results", "ingest")
_PARTS = ("points", "facts", "traces")
_FILES = {
    "measured": str(_INGEST / "measured.parquet"),
    "fit_report": "results/fit_report.txt",
    "report": REPORT.as_posix(),
    "methods": "results/methods.txt",
    "figures": "results/figures",
    "manifest": MANIFEST.as_posix(),
    "datapackage": "results/datapackage.json",
}


def run_stages(experiment: Experiment, last: str = STAGES[-1]) -> None:
    """Run the stages in the present folder, up to one of them.

    Parameters
    ----------
    experiment : Experiment
        Of the present folder.
    last : str
        One of `STAGES`.
    """
    results = {table.name: table.path for table in tables.TABLES.values() if table.kind == tables.RESULT}
    files: dict[str, Any] = _FILES | results | {"reversals": results["reversal_potentials"]}
    files |= _ingested(experiment) | {"results": list(results.values()), "tables": experiment.input_files}
    others = [path for path in results.values() if path != tables.WARNINGS.path]
    first = "measure" if Dependencies(experiment).batches else "import_reversals"
    for name in (first, *STAGES[2 : STAGES.index(last) + 1]):
        _run(name, files | ({"results": others} if name == "judge" else {}), experiment)


def _ingested(experiment: Experiment) -> dict[str, list[str]]:
    """Read the recordings, batch by batch; returns the files of each part."""
    batches = {name: _INGEST / name for name in Dependencies(experiment).batches}
    for name, folder in batches.items():
        folder.mkdir(parents=True, exist_ok=True)
        _run("ingest", {part: str(folder / f"{part}.parquet") for part in _PARTS}, batch(experiment, name))
    _INGEST.mkdir(parents=True, exist_ok=True)
    return {part: [str(folder / f"{part}.parquet") for folder in batches.values()] for part in _PARTS}


def _run(name: str, files: Mapping[str, Any], experiment: Experiment) -> None:
    """Run one stage, whose inputs and outputs have names of their own."""
    importlib.import_module(f"nernstfit.stages.{name}").run(files, files, experiment)
