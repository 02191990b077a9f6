"""Stage of the report, its figures, the manifest and the data package of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nernstfit.abf.records import SIMULATED
from nernstfit.contract import tables
from nernstfit.contract.datapackage import datapackage
from nernstfit.contract.files import sha256_of, write_bytes, write_text
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.figures import source
from nernstfit.report import build, truth
from nernstfit.report.crate import crate
from nernstfit.report.manifest import as_text, manifest, with_outputs
from nernstfit.report.methods_text import methods_text
from nernstfit.report.procedures import procedures
from nernstfit.report.recipes import recipes
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
    """Write the report, and what describes the run beside it.

    Parameters
    ----------
    inputs : mapping
        `results`: the result tables of the contract; `fit_report`: the fit as lmfit reports it; `facts` and
        `traces`: Parquet files of all batches, none where there are no recordings; `kept`: these and the other files
        that stages hand to each other; `tables`: the user's tables and configuration, and `truth.yaml` where they are
        simulated.
    outputs : mapping
        `report`: an HTML file; `methods`: a text; `figures`: a folder; `manifest`, `datapackage` and
        `crate`: JSON files.
    experiment : Experiment
    """
    true = truth.truth_file(inputs["tables"])
    facts = tables.gather(inputs["facts"]) if inputs["facts"] else pd.DataFrame()
    results = Results(
        tables=_result_tables(inputs["results"]),
        traces=tuple(inputs["traces"]),
        manifest=manifest(experiment, inputs["tables"], inputs["facts"]),
        multivalent=_multivalent(experiment),
        recipes=recipes(experiment.solutions),
        simulated=true is not None or (len(facts) > 0 and facts["comment"].eq(SIMULATED).any()),
        procedures=procedures(experiment, facts),
        truth=truth.true_ratios(true, experiment.settings.fit.reference_ion) if true else {},
    )
    made = build.build(results)
    write_bytes(outputs["report"], made.html)
    write_text(outputs["methods"], methods_text(results))
    write_text(outputs["datapackage"], as_text(datapackage(results.tables)))
    _write_figures(Path(outputs["figures"]), made)
    figures = sorted(path for path in Path(outputs["figures"]).glob("*.*") if not path.name.startswith("."))
    texts = (inputs["fit_report"], *(outputs[name] for name in ("report", "methods", "datapackage")))
    complete = with_outputs(results.manifest, [*inputs["results"], *texts, *inputs["kept"], *map(str, figures)])
    write_text(outputs["manifest"], as_text(complete))
    write_text(outputs["crate"], as_text(crate(complete, sha256_of(outputs["manifest"]), facts)))


def _result_tables(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read result tables, by their names in the contract."""
    by_path = {table.path: table for table in tables.TABLES.values()}
    return {by_path[path].name: tables.load(path, by_path[path]) for path in paths}


def _multivalent(experiment: Experiment) -> tuple[str, ...]:
    """Return the permeant ions of more than one charge."""
    known = experiment.solutions.known
    return tuple(ion for ion in experiment.settings.fit.permeant if abs(known[ion].valence) > 1)


def _write_figures(folder: Path, made: build.Report) -> None:
    """Write each figure as SVG, PNG and its data, and the page's scripts, in place of those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (each for suffix in ("svg", "png", "csv", "js") for each in folder.glob(f"*.{suffix}")):
        old.unlink()
    for name, script in made.scripts.items():
        write_text(folder / name, script)
    for drawing in made.drawings:
        write_text(folder / f"{drawing.name}.svg", drawing.svg + "\n")
        write_bytes(folder / f"{drawing.name}.png", drawing.png)
        source.write(folder / f"{drawing.name}.csv", drawing)
