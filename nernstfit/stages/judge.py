"""Stage between fit and report: the findings that qualify the numbers of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.findings import warning_rows
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.judgement import judge
from nernstfit.judgement.evidence import Evidence

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.cell",
    "rows.bath",
    "rows.pipette",
    "rows.group",
    "rows.batch",
    "rows.zeroed_in",
    "rows.condition",
    "rows.exclude",
    "rows.external",
    "rows.user_columns",
    "rows.measure.epoch",
    "rows.measure.to_ms",
    "rows.measure.channel",
    "rows.measure.command",
    "rows.measure.voltage",
    "rows.measure.command_offset_mV",
    "rows.measure.max_mismatch_mV",
    "rows.measure.leak",
    "settings",
    "solutions",
    "given",
)


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Judge the run.

    Parameters
    ----------
    inputs : mapping
        `results`: the other result tables; `facts`: Parquet files of all batches, none where there are no recordings.
    outputs : mapping
        `warnings`: the table of findings.
    experiment : Experiment
    """
    by_path = {table.path: table for table in tables.TABLES.values()}
    results = {by_path[path].name: tables.load(path, by_path[path]) for path in inputs["results"]}
    facts = tables.gather(inputs["facts"]) if inputs["facts"] else pd.DataFrame()
    found = judge.judge(Evidence(experiment, results, facts))
    tables.write(outputs["warnings"], tables.WARNINGS, warning_rows(found))
