"""Propagation of systematic errors to the difference between measured and predicted potentials.

Each source (the concentration of a solution, the mobility of an ion, the temperature) is one random number that shifts
junction corrections and predicted potentials together. It is followed by calculating both again with the source
shifted by one standard deviation. The choice of method and basis of the junction potentials adds two more errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import Junction, Settings
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.permeability.observations import membrane_activities_mM
from nernstfit.physics.membrane import ghk
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import MODEL_ERRORS, junction_mV, model_differences_mV
from nernstfit.solutions.systematic_errors import moved, sources

FloatArray = NDArray[np.float64]

_NO_JUNCTION = Junction(JunctionMethod.NONE, JunctionBasis.CONCENTRATION, None, None, 0.0, {})


@dataclass(frozen=True)
class SystematicErrors:
    """Systematic errors of the potentials under some conditions, each source moved by one standard deviation.

    Attributes
    ----------
    names : tuple of str
        Names of the sources.
    place : ndarray of int, shape (n,)
        Distinct condition of each of the n conditions asked for.
    junction_mV : ndarray, shape (1 + moved sources, distinct conditions)
        Junction correction as it is, and with each source moved.
    predicted : callable
        Function of ln P that returns predicted potentials in mV, of the shape of `junction_mV`.
    of_model_mV : ndarray, shape (2, distinct conditions)
        Change of the junction correction by the other method, and by the other basis.
    """

    names: tuple[str, ...]
    place: NDArray[np.int64]
    junction_mV: FloatArray
    predicted: Callable[[FloatArray], FloatArray]
    of_model_mV: FloatArray

    def shift_mV(self, ln_p: FloatArray) -> FloatArray:
        """Return the change of measured minus predicted potential by each source at some ln P, shape (n, sources)."""
        residual = self.junction_mV - self.predicted(ln_p)
        return np.concatenate([residual[1:] - residual[0], self.of_model_mV]).T[self.place]


def propagate(
    conditions: Sequence[Condition],
    solutions: Solutions,
    permeant: Sequence[str],
    model: str,
    settings: Settings,
    with_junction: bool,
) -> SystematicErrors:
    """Prepare the systematic errors of some conditions.

    Parameters
    ----------
    conditions : sequence of Condition, length n
    solutions : Solutions
    permeant : sequence of str
    model : str
        Activity model of the fit.
    settings : Settings
    with_junction : bool
        True where the potentials are corrected for junctions.
    """
    distinct = sorted(set(conditions))
    junction = settings.junction if with_junction else _NO_JUNCTION
    moved_by = sources(solutions, settings.uncertainty)
    states = [(solutions, distinct), *((s.solutions, [moved(c, s) for c in distinct]) for s in moved_by)]
    corrections = [[junction_mV(recipe, c, junction, settings.activity.name) for c in at] for recipe, at in states]
    return SystematicErrors(
        names=(*(source.name for source in moved_by), *MODEL_ERRORS),
        place=np.array([distinct.index(c) for c in conditions]),
        junction_mV=np.array(corrections),
        predicted=_prediction(states, permeant, model),
        of_model_mV=_model_shifts_mV(distinct, solutions, junction, settings.activity.name),
    )


def _prediction(
    states: Sequence[tuple[Solutions, Sequence[Condition]]], permeant: Sequence[str], model: str
) -> Callable[[FloatArray], FloatArray]:
    """Return the function that predicts the potentials of all states (solutions and conditions) from ln P."""
    sides = [membrane_activities_mM(recipe, at, permeant, model) for recipe, at in states]
    inside, outside = (np.array([side[which] for side in sides]) for which in (0, 1))
    first_solutions, first_conditions = states[0]
    valence = np.array([first_solutions.known[ion].valence for ion in permeant])
    temperature_C = np.array([[c.temperature_C for c in at] for _, at in states])
    pipette_side = np.array([c.sign for c in first_conditions])[:, None]

    def predicted(ln_p: FloatArray) -> FloatArray:
        factor = float(np.exp(ln_p[len(permeant) :].sum()))  # 1 where no pipette factor was fitted
        sides = (np.where(pipette_side > 0, factor, 1.0) * inside, np.where(pipette_side < 0, factor, 1.0) * outside)
        return np.asarray(ghk.reversal_mV(np.exp(ln_p[: len(permeant)]), valence, *sides, temperature_C))

    return predicted


def _model_shifts_mV(
    conditions: Sequence[Condition], solutions: Solutions, junction: Junction, model: str
) -> FloatArray:
    """Return the change of the junction correction by the other method and basis, shape (2, conditions)."""
    differences = [model_differences_mV(solutions, condition, junction, model) for condition in conditions]
    return np.array(
        [[sum(term[name] for term in terms) for terms in differences] for name in MODEL_ERRORS], dtype=np.float64
    )
