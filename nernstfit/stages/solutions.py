"""Beside stage 3: what the solutions are, as ions and activities, and the ledger of the junctions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.contract.terms import JunctionMethod
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.pitzer import assumptions
from nernstfit.solutions import junctions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.warnings import solution_warnings

READS = ("rows.condition", "settings.junction", "settings.activity", "settings.uncertainty", "solutions")


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write activities and junctions.

    Parameters
    ----------
    inputs : mapping
        Nothing is read but the tables of the experiment.
    outputs : mapping
        `solutions` and `junctions`: paths of the two tables.
    experiment : Experiment
    """
    tables.write(outputs["solutions"], tables.SOLUTIONS, _solutions(experiment))
    tables.write(outputs["junctions"], tables.JUNCTIONS, _junctions(experiment))


def _solutions(experiment: Experiment) -> Iterator[dict[str, Any]]:
    for temperature in sorted({row.condition.temperature_C for row in experiment.rows}):
        yield from ion_rows(experiment.solutions, temperature, experiment.settings.activity.name)


def ion_rows(recipe: Solutions, temperature_C: float, model: str) -> Iterator[dict[str, Any]]:
    """Rows of the table of solutions at one temperature.

    Parameters
    ----------
    recipe : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    """
    at = recipe.at(temperature_C)
    strength = ionic_strength_M(at.free_mM, recipe.valence)
    excess = recipe.charge_excess_meq_per_l(temperature_C)
    osmolarity = at.osmolarity_mOsm_per_l
    coefficients, status = recipe.coefficients(model, temperature_C), recipe.coefficient_status(model, temperature_C)
    remarks = solution_warnings(recipe, temperature_C, model)
    assumed = [_assumptions(recipe, row, model) for row in at.free_mM]
    for s, i in np.argwhere(at.free_mM > 0):
        yield {
            "temperature_C": temperature_C,
            "solution": recipe.names[s],
            "ion": recipe.ions[i].name,
            "valence": recipe.ions[i].valence,
            "concentration_mM": at.free_mM[s, i],
            "activity_coefficient": coefficients[s, i],
            "activity_mM": coefficients[s, i] * at.free_mM[s, i],
            "ionic_strength_M": strength[s],
            "status": status[s, i],
            "total_mM": at.total_mM[s, i],
            "pH": recipe.pH[s],
            "titrant_mM": at.titrant_mM[s],
            "charge_excess_meq_per_l": excess[s],
            "osmolarity_mOsm_per_l": osmolarity[s],
            "warnings": "; ".join(remarks[recipe.names[s]]),
            "assumptions": assumed[s],
        }


def _assumptions(recipe: Solutions, free_mM: NDArray[np.float64], model: str) -> str:
    """What Pitzer's model takes for granted in one solution, because nobody measured it."""
    if not model.startswith("pitzer"):
        return ""
    return "; ".join(assumptions([ion for ion, c in zip(recipe.ions, free_mM, strict=True) if c > 0]))


def _junctions(experiment: Experiment) -> Iterator[dict[str, Any]]:
    settings, solutions = experiment.settings, experiment.solutions
    how = (settings.junction, settings.activity.name)
    for condition in sorted({row.condition for row in experiment.rows}):
        terms = junctions.ledger(solutions, condition, *how)
        errors = junctions.shared_se_mV(solutions, condition, *how, settings.uncertainty) if terms else ()
        for term, error in zip(terms, errors, strict=True):
            yield {
                "bath": condition.bath,
                "pipette": condition.pipette,
                "configuration": condition.configuration,
                "temperature_C": condition.temperature_C,
                "term": term.name,
                "from_solution": term.from_solution,
                "to_solution": term.to_solution,
                "henderson_mV": junctions.potential_mV(solutions, term, condition, *how, JunctionMethod.HENDERSON),
                "nernst_planck_mV": junctions.potential_mV(
                    solutions, term, condition, *how, JunctionMethod.NERNST_PLANCK
                ),
                "applied_mV": term.applied_mV,
                "statement": term.statement,
                "zeroed_in": condition.zeroed_in,
                "shared_se_mV": error,
            }
