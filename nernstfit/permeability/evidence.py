"""What the fit is given: measurements with the activities on both sides, under one model or step.

A *view* of the measurements is one choice of corrections: which potentials, which activity
model, with or without junctions. The fit of every model and of every step of the correction
ladder is the same function on another view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.junctions import MODEL_ERRORS, junction_mV, model_differences_mV
from nernstfit.permeability.data import Data
from nernstfit.physics.ions import IONS
from nernstfit.settings import Junction, Settings
from nernstfit.solutions import Condition, Solutions, moved, sources

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Reversal potentials of one group that go into the fit; arrays of shape (n,)."""

    measurement: tuple[str, ...]
    cell: tuple[str, ...]
    conditions: tuple[Condition, ...]
    potential_mV: FloatArray
    se_mV: FloatArray
    averages: NDArray[np.int64]


def data(
    measured: Measured, solutions: Solutions, permeant: Sequence[str], model: str, conditions: Sequence[Condition] = ()
) -> Data:
    """Put the activities beside the potentials.

    Parameters
    ----------
    measured : Measured
    solutions : Solutions
    permeant : sequence of str
    model : str
        Activity model.
    conditions : sequence of Condition
        Instead of the measurements' own, one each.
    """
    at = tuple(conditions) or measured.conditions
    sides = {
        c: [solutions.activity_mM(side, permeant, model, c.temperature_C) for side in (c.inside, c.outside)]
        for c in set(at)
    }
    return Data(
        cells=measured.cell,
        potential_mV=measured.potential_mV,
        se_mV=measured.se_mV,
        temperature_C=np.array([c.temperature_C for c in at]),
        ions=tuple(permeant),
        valence=np.array([IONS[ion].valence for ion in permeant]),
        inside=np.array([sides[c][0] for c in at]),
        outside=np.array([sides[c][1] for c in at]),
        averages=measured.averages,
    )


def shared_errors_mV(
    measured: Measured,
    solutions: Solutions,
    permeant: Sequence[str],
    model: str,
    ln_p: FloatArray,
    settings: Settings,
    with_junction: bool,
) -> tuple[FloatArray, tuple[str, ...]]:
    """What one standard deviation of each shared error does to measured minus predicted.

    Parameters
    ----------
    measured : Measured
    solutions : Solutions
    permeant : sequence of str
    model : str
        Activity model of the fit.
    ln_p : ndarray, shape (len(permeant),)
        Fitted ln P.
    settings : Settings
    with_junction : bool
        Whether the potentials are corrected for junctions.

    Returns
    -------
    shift_mV : ndarray, shape (n, sources)
        One source is one random number: it moves junctions and predictions together.
    names : tuple of str
        Of the sources.
    """
    junction = settings.junction if with_junction else _NO_JUNCTION

    def difference(recipe: Solutions, at: Sequence[Condition]) -> FloatArray:
        added = {c: junction_mV(recipe, c, junction, settings.activity.name) for c in set(at)}
        predicted = data(measured, recipe, permeant, model, at).predict(ln_p)
        return np.asarray(np.array([added[c] for c in at]) - predicted)

    found = sources(solutions, settings.uncertainty)
    base = difference(solutions, measured.conditions)
    shifts = [difference(s.solutions, [moved(c, s) for c in measured.conditions]) - base for s in found]
    shifts += _model_shifts_mV(solutions, measured.conditions, junction, settings.activity.name)
    names = (*(source.name for source in found), *MODEL_ERRORS)
    return np.array(shifts).reshape(len(names), len(base)).T, names


def _model_shifts_mV(solutions: Solutions, at: Sequence[Condition], junction: Junction, model: str) -> list[FloatArray]:
    """What the other way to calculate the junctions would change in each measurement, one array per way."""
    moved_by = {}
    for condition in set(at):
        per_term = model_differences_mV(solutions, condition, junction, model)
        moved_by[condition] = {name: sum(term[name] for term in per_term) for name in MODEL_ERRORS}
    return [np.array([moved_by[condition][name] for condition in at]) for name in MODEL_ERRORS]


_NO_JUNCTION = Junction("none", "concentration", None, None, 0.0, {})
