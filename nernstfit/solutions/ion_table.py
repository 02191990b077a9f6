"""Rows of the table of solutions: every solute with its concentration and activity, and each solution as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution import reactions
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.coefficients import model_named
from nernstfit.physics.solution.ions import uncharged_substances
from nernstfit.physics.solution.water import volume_assumptions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import remarks

# Protons or hydroxide in mM beside which those of water itself change a pH by less than .005. At half or double that
# is .02 or .001.
_ABOVE_WATER_MM = 1e-3


def solution_rows(recipe: Solutions, temperature_C: float, model: str) -> list[dict[str, Any]]:
    """Return what each solution is as a whole at one temperature, a row per solution.

    Parameters are those of `ion_rows`.
    """
    at = recipe.at(temperature_C)
    strength = ionic_strength_M(recipe.content_mM(model, temperature_C), recipe.valence)
    excess = recipe.charge_excess_meq_per_l(temperature_C)
    osmolality = recipe.osmolality_mOsm_per_kg(temperature_C)
    osmolarity = at.osmolarity_mOsm_per_l + recipe.held_mM(model, temperature_C)  # pairs that count as ions
    warnings = remarks(recipe, temperature_C, model)
    return [
        {
            "temperature_C": temperature_C,
            "solution": name,
            "ionic_strength_M": strength[s],
            "pH": _pH(recipe, s, temperature_C, model),
            "titrant_mM": at.titrant_mM[s],
            "charge_excess_meq_per_l": excess[s],
            "osmolarity_mOsm_per_l": osmolarity[s],
            "warnings": warnings[name],
            "osmolality_mOsm_per_kg": osmolality[s],
        }
        for s, name in enumerate(recipe.names)
    ]


def _pH(recipe: Solutions, s: int, temperature_C: float, model: str) -> float:
    """Return the pH of one solution: given, or that of its composition, or of strong acid or base alone; else nan."""
    if not math.isnan(pH := recipe.at(temperature_C).pH[s]):
        return pH
    proton_mM, hydroxide_mM = recipe.activity_mM(recipe.names[s], reactions.WATER_IONS, model, temperature_C).tolist()
    if max(proton_mM, hydroxide_mM) < _ABOVE_WATER_MM:
        return math.nan
    if proton_mM > 0:
        return 3 - math.log10(proton_mM)
    return reactions.at_temperature(reactions.WATER, temperature_C) - 3 + math.log10(hydroxide_mM)


def ion_rows(recipe: Solutions, temperature_C: float, model: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of solutions at one temperature: the ions of each, then what has no charge.

    Parameters
    ----------
    recipe : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    """
    yield from solute_rows(recipe, temperature_C, model, solution_rows(recipe, temperature_C, model))


def solute_rows(
    recipe: Solutions, temperature_C: float, model: str, wholes: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `ion_rows`, where those of `solution_rows` are already calculated."""
    content = recipe.content_mM(model, temperature_C)
    coefficients, status = recipe.coefficients(model, temperature_C), recipe.coefficient_status(model, temperature_C)
    # Where activities are concentrations, so is the proton's, which the pH gives.
    is_model, total_mM = model_named(model)[0].has_limits, recipe.at(temperature_C).total_mM
    shown_mM, coefficients = (content, coefficients) if is_model else (coefficients * content, content**0)
    for s, whole in enumerate(wholes):
        shared = whole | {"assumptions": _assumptions(recipe, s, content[s], model)}
        for i in np.flatnonzero(content[s] > 0):
            yield shared | {
                "ion": recipe.ions[i].name,
                "valence": recipe.ions[i].valence,
                "concentration_mM": shown_mM[s, i],
                "activity_coefficient": coefficients[s, i],
                "activity_mM": coefficients[s, i] * shown_mM[s, i],
                "status": status[s, i],
                "total_mM": total_mM[s, i],
            }
        coefficient = recipe.neutral_coefficient(s, model, temperature_C)
        for name, (amount, total) in recipe.neutral_mM(s, model, temperature_C).items():
            yield shared | {
                "ion": name,
                "valence": 0,
                "concentration_mM": amount,
                "activity_coefficient": coefficient,
                "activity_mM": coefficient * amount,
                "status": "estimated" if is_model else "concentration",
                "total_mM": total,
            }


def _assumptions(recipe: Solutions, s: int, free_mM: NDArray[np.float64], model: str) -> str:
    """Return the assumptions of a model in one solution in place of unknown parameters and volumes."""
    record, present = model_named(model)[0], [ion for ion, c in zip(recipe.ions, free_mM, strict=True) if c > 0]
    weighed = [name for name, c in zip(recipe.substances, recipe.substance_mM[s], strict=True) if c > 0]
    own = uncharged_substances(recipe.user_ions)
    volumes = volume_assumptions(recipe.amounts(s), weighed, own) if record.has_limits else ()
    return "; ".join((*record.assumptions(present), *volumes))
