"""Systematic errors that all cells share: concentrations, mobilities, the temperature and the activity model.

Each source of error is one random number. Its effect is found by shifting the source by one standard deviation
and calculating activities, junction potentials and everything that follows from them again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from nernstfit.contract.settings import Uncertainty
from nernstfit.physics.solution import coefficients, reactions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition


@dataclass(frozen=True)
class Source:
    """Source of systematic error, shifted by one standard deviation.

    Attributes
    ----------
    name : str
    solutions : Solutions
        The solutions after the shift.
    temperature_shift_C : float
    activity_model : str
        Activity model, in junctions and at the membrane alike.
    """

    name: str
    solutions: Solutions
    temperature_shift_C: float
    activity_model: str


IN_SOLUTION = "mobilities in solution"
"""Name of the error by mobilities that depend on the ionic strength."""
ACTIVITY_MODEL = "activity model"
"""Name of the error by another convention of single ions or, where a model has none, by another model."""


def sources(solutions: Solutions, uncertainty: Uncertainty, model: str) -> tuple[Source, ...]:
    """List the sources of systematic error, each shifted by its own standard deviation.

    That of the mobilities in solution is their whole change from infinite dilution, and that of the activity model the
    whole difference to another one: nothing better is known of either.

    Parameters
    ----------
    solutions : Solutions
    uncertainty : Uncertainty
        The section of the settings.
    model : str
        Activity model.
    """
    found = [Source(name, recipe, shift_C, model) for name, recipe, shift_C in _shifts(solutions, uncertainty)]
    if other := coefficients.other_model(model):
        found.append(Source(ACTIVITY_MODEL, solutions, 0.0, other))
    return tuple(found)


# Solutions of which the shifted ones are kept, with their compositions, which every condition and model needs again.
# An analysis has one; a simulation of many experiments would hold all of them.
_KEPT = 4


@lru_cache(maxsize=_KEPT)
def _shifts(solutions: Solutions, uncertainty: Uncertainty) -> tuple[tuple[str, Solutions, float], ...]:
    """Return the name of each source but the activity model, the solutions, and the shift of temperature in C."""
    found = []
    for i, name in enumerate(solutions.names):
        scale = np.ones((len(solutions.names), 1))
        scale[i] = 1 + uncertainty.concentration_percent / 100
        excess = tuple(c * factor for c, factor in zip(solutions.least_excess_meq_per_l, scale[:, 0], strict=False))
        moved = replace(solutions, given_mM=solutions.given_mM * scale, least_excess_meq_per_l=excess)
        found.append((f"concentration of {name}", moved, 0.0))
    for ion in solutions.ions:
        percent = ion.mobility_percent if uncertainty.mobility_percent is None else uncertainty.mobility_percent
        faster = replace(ion, mobility=ion.mobility * (1 + percent / 100))
        ions = tuple(faster if other is ion else other for other in solutions.ions)
        found.append((f"mobility of {ion.name}", replace(solutions, ions=ions), 0.0))
    found.append((IN_SOLUTION, replace(solutions, slows_ions=True), 0.0))
    found += _of_equilibria(solutions, uncertainty)
    found.append(("temperature", solutions, uncertainty.temperature_C))
    return tuple(found)


LOG_K, PH = "stability constants", "pH"
"""Names of the errors of all stability constants of metals together, and of the pH."""


def _of_equilibria(solutions: Solutions, uncertainty: Uncertainty) -> Iterator[tuple[str, Solutions, float]]:
    """Yield the errors of complexes and of the pH, where there are any."""
    acids, count = reactions.known_acid_steps(solutions.user_ions), range(len(solutions.names))
    if any(reactions.binds(solutions.amounts(i), acids if solutions.has_pH(i) else None) for i in count):
        yield LOG_K, replace(solutions, shift_log_K=uncertainty.log_K), 0.0
    if not all(math.isnan(pH) for pH in solutions.pH):
        yield PH, replace(solutions, pH=tuple(pH + uncertainty.pH for pH in solutions.pH)), 0.0


def moved(condition: Condition, source: Source) -> Condition:
    """Return the condition at the temperature after the shift of a source."""
    return replace(condition, temperature_C=condition.temperature_C + source.temperature_shift_C)
