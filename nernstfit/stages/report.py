"""Stage of the report, its figures, the manifest and the data package of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nernstfit.abf.records import SIMULATED
from nernstfit.contract import tables
from nernstfit.contract.datapackage import datapackage
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.figures import source
from nernstfit.report import build, truth
from nernstfit.report.manifest import as_text, manifest, with_outputs
from nernstfit.report.procedures import procedures
from nernstfit.report.results import Results

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.subtract",
    "rows.configuration",
    "rows.measure.*",
    "rows.series_resistance_MOhm",
    "rows.compensation_percent",
    "settings",
    "solutions",
)


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write the report.

    Parameters
    ----------
    inputs : mapping
        `results`: the result tables of the contract; `fit_report`: the fit as lmfit reports it; `facts` and
        `traces`: Parquet files of all batches, none where there are no recordings; `tables`: the user's tables and
        configuration, and `truth.yaml` where they are simulated.
    outputs : mapping
        `report`: an HTML file; `figures`: a folder; `manifest` and `datapackage`: JSON files.
    experiment : Experiment
    """
    true = truth.truth_file(inputs["tables"])
    facts = tables.gather(inputs["facts"]) if inputs["facts"] else pd.DataFrame()
    results = Results(
        tables=_result_tables(inputs["results"]),
        traces=tuple(inputs["traces"]),
        manifest=manifest(experiment, inputs["tables"], inputs["facts"]),
        multivalent=_multivalent(experiment),
        simulated=true is not None or (len(facts) > 0 and facts["comment"].eq(SIMULATED).any()),
        procedures=procedures(experiment, facts),
        truth=truth.true_ratios(true, experiment.settings.fit.reference_ion) if true else {},
    )
    made = build.build(results)
    Path(outputs["report"]).write_bytes(made.html)
    _write(outputs["datapackage"], as_text(datapackage(results.tables)))
    _write_figures(Path(outputs["figures"]), made)
    figures = sorted(path for path in Path(outputs["figures"]).glob("*.*") if not path.name.startswith("."))
    written = [*inputs["results"], inputs["fit_report"], outputs["report"], outputs["datapackage"], *map(str, figures)]
    _write(outputs["manifest"], as_text(with_outputs(results.manifest, written)))


def _result_tables(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read result tables, by their names in the contract."""
    by_path = {table.path: table for table in tables.TABLES.values()}
    return {by_path[path].name: tables.load(path, by_path[path]) for path in paths}


def _multivalent(experiment: Experiment) -> tuple[str, ...]:
    """Return the permeant ions of more than one charge."""
    known = experiment.solutions.known
    return tuple(ion for ion in experiment.settings.fit.permeant if abs(known[ion].valence) > 1)


def _write(path: str | Path, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def _write_figures(folder: Path, made: build.Report) -> None:
    """Write each figure as SVG, PNG and its data, and the page's scripts, in place of those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (each for suffix in ("svg", "png", "csv", "js") for each in folder.glob(f"*.{suffix}")):
        old.unlink()
    for name, script in made.scripts.items():
        _write(folder / name, script)
    for drawing in made.drawings:
        _write(folder / f"{drawing.name}.svg", drawing.svg + "\n")
        (folder / f"{drawing.name}.png").write_bytes(drawing.png)
        source.write(folder / f"{drawing.name}.csv", drawing)
