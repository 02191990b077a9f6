"""Stages of the workflow, run one after the other in this process: the same files as by Snakemake and its jobs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.files import CRATE, MANIFEST, REPORT
from nernstfit.experiment.records import Experiment
from nernstfit.workflow import INGEST, MEASURED, PARTS, Dependencies, batch, ingested

STAGES = ("ingest", "measure", "solutions", "correct", "thermodynamics", "fit", "published_forms", "judge", "report")
"""Stages in their order. Potentials that were measured elsewhere are imported in place of the first two."""

_FILES = {
    "measured": MEASURED,
    "fit_report": "results/fit_report.txt",
    "report": REPORT.as_posix(),
    "methods": "results/methods.txt",
    "figures": "results/figures",
    "manifest": MANIFEST.as_posix(),
    "datapackage": "results/datapackage.json",
    "crate": CRATE.as_posix(),
}


def make_report(experiment: Experiment) -> None:
    """Make the report of the present folder anew from the tables of a complete run.

    Parameters
    ----------
    experiment : Experiment
        Of the present folder, as the run read it.

    Raises
    ------
    InputError
        Where a file that the report is made of is missing.
    """
    files = _files(experiment)
    missing = sorted(path for path in (*files["results"], *files["kept"]) if not Path(path).exists())
    if missing:
        raise InputError(f"{missing[0]}: file not found, expected that of a complete run; run again")
    _run("report", files, experiment)


def run_stages(experiment: Experiment, last: str = STAGES[-1]) -> None:
    """Run the stages in the present folder, up to one of them.

    Parameters
    ----------
    experiment : Experiment
        Of the present folder.
    last : str
        One of `STAGES`.
    """
    _ingest(experiment)
    files = _files(experiment)
    others = [path for path in files["results"] if path != tables.WARNINGS.path]
    first = "measure" if Dependencies(experiment).batches else "import_reversals"
    for name in (first, *STAGES[2 : STAGES.index(last) + 1]):
        _run(name, files | ({"results": others} if name == "judge" else {}), experiment)


def _files(experiment: Experiment) -> dict[str, Any]:
    """Return the inputs and outputs of all stages after ingest, by their names."""
    results = {table.name: table.path for table in tables.TABLES.values() if table.kind == tables.RESULT}
    dependencies = Dependencies(experiment)
    parts = {part: [ingested(name, part) for name in dependencies.batches] for part in PARTS}
    others = {"results": list(results.values()), "tables": experiment.input_files, "kept": dependencies.kept}
    return _FILES | results | parts | others | {"reversals": results["reversal_potentials"]}


def _ingest(experiment: Experiment) -> None:
    """Read the recordings, batch by batch."""
    INGEST.mkdir(parents=True, exist_ok=True)
    for name in Dependencies(experiment).batches:
        (INGEST / name).mkdir(exist_ok=True)
        _run("ingest", {part: ingested(name, part) for part in PARTS}, batch(experiment, name))


def _run(name: str, files: Mapping[str, Any], experiment: Experiment) -> None:
    """Run one stage, whose inputs and outputs have names of their own."""
    importlib.import_module(f"nernstfit.stages.{name}").run(files, files, experiment)
