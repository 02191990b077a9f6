"""Rows of the table of solutions: every ion with its concentration, activity and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.coefficients import model_named
from nernstfit.physics.solution.water import volume_assumptions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import remarks


def ion_rows(recipe: Solutions, temperature_C: float, model: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of solutions at one temperature.

    Parameters
    ----------
    recipe : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    """
    at, content = recipe.at(temperature_C), recipe.content_mM(model, temperature_C)
    strength = ionic_strength_M(content, recipe.valence)
    excess = recipe.charge_excess_meq_per_l(temperature_C)
    osmolality = recipe.osmolality_mOsm_per_kg(temperature_C)
    osmolarity = at.osmolarity_mOsm_per_l + recipe.held_mM(model, temperature_C)  # pairs that count as ions
    coefficients, status = recipe.coefficients(model, temperature_C), recipe.coefficient_status(model, temperature_C)
    is_model = model_named(model)[0].has_limits
    warnings = remarks(recipe, temperature_C, model)
    assumed = [_assumptions(recipe, s, row, model) for s, row in enumerate(content)]
    # Where activities are concentrations, so is the proton's, which the pH gives.
    shown_mM, coefficients = (content, coefficients) if is_model else (coefficients * content, content**0)
    for s, i in np.argwhere(content > 0):
        yield {
            "temperature_C": temperature_C,
            "solution": recipe.names[s],
            "ion": recipe.ions[i].name,
            "valence": recipe.ions[i].valence,
            "concentration_mM": shown_mM[s, i],
            "activity_coefficient": coefficients[s, i],
            "activity_mM": coefficients[s, i] * shown_mM[s, i],
            "ionic_strength_M": strength[s],
            "status": status[s, i],
            "total_mM": at.total_mM[s, i],
            "pH": at.pH[s],
            "titrant_mM": at.titrant_mM[s],
            "charge_excess_meq_per_l": excess[s],
            "osmolarity_mOsm_per_l": osmolarity[s],
            "warnings": warnings[recipe.names[s]],
            "assumptions": assumed[s],
            "osmolality_mOsm_per_kg": osmolality[s],
        }


def _assumptions(recipe: Solutions, s: int, free_mM: NDArray[np.float64], model: str) -> str:
    """Return the assumptions of a model in one solution in place of unknown parameters and volumes."""
    record, present = model_named(model)[0], [ion for ion, c in zip(recipe.ions, free_mM, strict=True) if c > 0]
    weighed = [name for name, c in zip(recipe.substances, recipe.substance_mM[s], strict=True) if c > 0]
    volumes = volume_assumptions(recipe.amounts(s), weighed) if record.has_limits else ()
    return "; ".join((*record.assumptions(present), *volumes))
