"""Beside stage 3: ions and activities of the solutions, and the ledger of the junctions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.terms import JunctionMethod
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.solutions import junctions
from nernstfit.solutions.ion_table import ion_rows
from nernstfit.solutions.liquid_junction import methods_remark

READS = ("rows.condition", "settings.junction", "settings.activity", "settings.uncertainty", "solutions")


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write activities and junctions.

    Parameters
    ----------
    inputs : mapping
        Not used: the experiment holds the solutions.
    outputs : mapping
        `solutions` and `junctions`: paths of the two tables.
    experiment : Experiment
    """
    tables.write(outputs["solutions"], tables.SOLUTIONS, _solutions(experiment))
    tables.write(outputs["junctions"], tables.JUNCTIONS, junction_rows(experiment))


def _solutions(experiment: Experiment) -> Iterator[dict[str, Any]]:
    for temperature in sorted({row.condition.temperature_C for row in experiment.rows}):
        yield from ion_rows(experiment.solutions, temperature, experiment.settings.activity.name)


def junction_rows(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Yield the rows of junctions.csv: the terms of every condition, with both methods and the shared error."""
    settings, solutions = experiment.settings, experiment.solutions
    how = (settings.junction, settings.activity.name)
    for condition in sorted({row.condition for row in experiment.rows if row.condition.bath}):
        terms = junctions.ledger(solutions, condition, *how)
        errors = junctions.shared_se_mV(solutions, condition, *how, settings.uncertainty) if terms else ()
        for term, error in zip(terms, errors, strict=True):
            methods = (JunctionMethod.HENDERSON, JunctionMethod.NERNST_PLANCK)
            both = [junctions.potential_mV(solutions, term, condition, *how, method) for method in methods]
            said = [methods_remark(*both), *junctions.unsettled_remarks(solutions, term, condition, *how)]
            yield {
                "bath": condition.bath,
                "pipette": condition.pipette,
                "configuration": condition.configuration,
                "temperature_C": condition.temperature_C,
                "term": term.name,
                "from_solution": term.from_solution,
                "to_solution": term.to_solution,
                "henderson_mV": both[0],
                "nernst_planck_mV": both[1],
                "applied_mV": term.applied_mV,
                "statement": "; ".join(filter(None, (term.statement, *said))),
                "zeroed_in": condition.zeroed_in,
                "shared_se_mV": error,
            }
