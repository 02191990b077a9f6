"""Rows of result tables, and experiments that are run through the stages of the workflow in this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from nernstfit.contract import settings
from nernstfit.contract.tables import REVERSAL_POTENTIALS, Table, load, write
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment
from nernstfit.library import pipeline
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.stages import correct, fit, import_reversals, solutions

TABLES = {name: table.name for name, table in fit.TABLES.items()}
WAS_RUN = "code_of_the_folder_was_run"
"""File that code in an experiment folder writes, where it is run."""
HEADER = "cell,bath,pipette,reversal_mV,se_mV"


def complete(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with every column of a table: what is given, and elsewhere nothing, or the least that is allowed."""
    least = {"text": "x", "number": 0.0, "integer": 0, "boolean": False}
    blank = {
        name: None if of.missing else of.values[0] if of.values else least[of.type]
        for name, of in table.columns.items()
    }
    return blank | dict(given)


def run_stages(folder: Path, last: str = "report") -> Experiment:
    """Run the stages in an experiment folder one after the other, as the rules do, up to one of them.

    It takes a tenth of the time of Snakemake and its jobs, each of which imports everything again. Where a test asks
    what is in a result, this is enough; that the rules hand the stages the same files, runs of the workflow show.
    """
    with contextlib.chdir(folder):
        experiment = experiments.load(settings.read())
        pipeline.run_stages(experiment, last)
    return experiment


def analyse(
    folder: Path,
    recipes: str,
    rows: Sequence[str],
    config: Mapping[str, Any],
    header: str = HEADER,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    every_model: bool = False,
) -> dict[str, pd.DataFrame]:
    """Write tables and configuration into a folder, run every stage up to the fit, and read what it wrote.

    `change` is done to the table of reversal potentials before the fit. Only the configured model is fitted, or every
    one, as in a run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "solutions.csv").write_text(recipes, encoding="utf-8")
    (folder / "data" / "reversals.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        given = {"reversals": "data/reversals.csv", "solutions": "data/solutions.csv", **config}
        experiment = experiments.load(given)
        paths = {name: str(folder / f"{name}.csv") for name in ("iv", "solutions", "junctions", "reversals", *TABLES)}
        measured = str(folder / "measured.parquet")
        import_reversals.run({}, {"measured": measured, "iv": paths["iv"]}, experiment)
        solutions.run({}, {name: paths[name] for name in ("solutions", "junctions")}, experiment)
        inputs = {"measured": measured, "junctions": paths["junctions"]}
        correct.run(inputs, {"reversals": paths["reversals"]}, experiment)
        write(paths["reversals"], REVERSAL_POTENTIALS, change(load(paths["reversals"], REVERSAL_POTENTIALS)))
        outputs = {name: paths[name] for name in TABLES} | {fit.REPORT: str(folder / "fit_report.txt")}
        models = mock.Mock(side_effect=lambda given: candidates(given)[: None if every_model else 1])
        with mock.patch("nernstfit.permeability.analysis.candidates", models):
            fit.run({"reversals": paths["reversals"]}, outputs, experiment)
    finally:
        os.chdir(before)
    return {name: load(paths[name], table) for name, table in fit.TABLES.items()}


def of_model(found: Mapping[str, pd.DataFrame], model: str | None = None, group: str = "") -> pd.DataFrame:
    """Ratios of one model, the configured one where none is named, by ion."""
    table = found["permeabilities"]
    table = table[(table["group"] == group) & (table["model"] == (model or table["model"].iloc[0]))]
    return table.set_index("ion")
