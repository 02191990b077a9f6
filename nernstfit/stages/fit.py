"""Stage 4: permeability ratios, models side by side, residuals, slopes, the correction ladder, and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.files import write_text
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.permeability import result_tables
from nernstfit.permeability.analysis import analyse
from nernstfit.permeability.groups import groups
from nernstfit.permeability.inference.comparisons import compare
from nernstfit.permeability.inference.fit_report import fit_report
from nernstfit.permeability.inference.model_selection import candidates

READS = (
    "rows.measurement",
    "rows.condition",
    "rows.n_cells",
    "rows.batch",
    "settings.junction",
    "settings.activity",
    "settings.fit",
    "settings.uncertainty",
    "settings.dilute_solutions",
    "solutions",
)
TABLES = tables.written_by("fit")
REPORT = "fit_report"


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Fit every group under every model, compare the groups, and test the configured model.

    Parameters
    ----------
    inputs : mapping
        `reversals`: the table of reversal potentials.
    outputs : mapping
        Paths of all TABLES, and of the text REPORT.
    experiment : Experiment
    """
    settings = experiment.settings
    reversals = tables.load(inputs["reversals"], tables.REVERSAL_POTENTIALS)
    rows = {row.measurement: row for row in experiment.rows}
    results = [analyse(group, experiment.solutions, settings) for group in groups(reversals, rows)]
    configured = {result.group.name: result.configured for result in results if result.configured is not None}
    comparisons = compare(configured, settings.fit.confidence)
    model = candidates(settings)[0]
    content = result_tables.tables(results, comparisons, model)
    for name, table in TABLES.items():
        tables.write(outputs[name], table, content[name], first_model=model.name)
    text = fit_report({result.group.name: result.configured for result in results}, model.name, model.reference)
    write_text(outputs[REPORT], text)
