"""What the fit is given: measurements with the activities on both sides, under one model or step.

A *view* of the measurements is one choice of corrections: which potentials, which activity
model, with or without junctions. The fit of every model and of every step of the correction
ladder is the same function on another view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import Junction, Settings
from nernstfit.permeability.observations import Data
from nernstfit.physics.membrane import ghk
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import MODEL_ERRORS, junction_mV, model_differences_mV
from nernstfit.solutions.systematic_errors import moved, sources

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Reversal potentials of one group that go into the fit; arrays of shape (n,).

    `sides` and `batches` are those of `Data`.
    """

    measurement: tuple[str, ...]
    cell: tuple[str, ...]
    conditions: tuple[Condition, ...]
    potential_mV: FloatArray
    se_mV: FloatArray
    averages: NDArray[np.int64]
    sides: tuple[int, ...] = ()
    batches: tuple[str, ...] = ()

    def subset(self, rows: Sequence[int]) -> Measured:
        """Return the same for some of the measurements."""
        at = list(rows)
        return Measured(
            tuple(self.measurement[i] for i in at),
            tuple(self.cell[i] for i in at),
            tuple(self.conditions[i] for i in at),
            self.potential_mV[at],
            self.se_mV[at],
            self.averages[at],
            tuple(self.sides[i] for i in at) if self.sides else (),
            tuple(self.batches[i] for i in at) if self.batches else (),
        )


def data(
    measured: Measured,
    solutions: Solutions,
    permeant: Sequence[str],
    model: str,
    conditions: Sequence[Condition] = (),
    corrected: bool = False,
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
    corrected : bool
        Whether a factor on the pipette's activities is to be fitted.
    """
    at = tuple(conditions) or measured.conditions
    inside, outside = activities(solutions, at, permeant, model)
    return Data(
        cells=measured.cell,
        potential_mV=measured.potential_mV,
        se_mV=measured.se_mV,
        temperature_C=np.array([c.temperature_C for c in at]),
        ions=tuple(permeant),
        valence=np.array([solutions.known[ion].valence for ion in permeant]),
        inside=inside,
        outside=outside,
        averages=measured.averages,
        sides=measured.sides,
        batches=measured.batches,
        corrected=tuple(c.sign for c in at) if corrected else (),
    )


def unknown_side(
    measured: Measured, solutions: Solutions, permeant: Sequence[str], offset_sd_mV: float
) -> tuple[NDArray[np.bool_], str]:
    """Measurements that tell nothing because the solution on one side of the membrane is unknown, and why.

    Parameters
    ----------
    measured : Measured
    solutions : Solutions
    permeant : sequence of str
    offset_sd_mV : float
        Of the configuration; inf is a free term in each cell.
    """
    unknown = np.array([not c.pipette for c in measured.conditions])
    kinds = {solutions.known[ion].valence for ion in permeant}
    if kinds <= {1} or kinds <= {-1}:
        if math.isinf(offset_sd_mV):
            return np.zeros(len(unknown), bool), ""
        why = (
            "what is inside is unknown and moves every potential of a cell alike, as an offset does; a free term in "
            "each cell (fit.offset_sd_mV: .inf), or the pipette's solution, would tell"
        )
    else:
        why = (
            "what is inside is unknown, and cancels between baths only where all permeant ions are monovalent and of "
            f"one sign, not for {', '.join(permeant)}; the pipette's solution would tell"
        )
    return unknown, why if unknown.any() else ""


def activities(
    solutions: Solutions, at: Sequence[Condition], permeant: Sequence[str], model: str
) -> tuple[FloatArray, FloatArray]:
    """Activities inside and outside in mM, shape (n, k) each.

    An unknown side stands as 1 mM of every ion: for monovalent ions of one sign whatever it holds is one term
    of the potential, the same in every bath (see `unknown_side`).
    """

    def of(side: str, c: Condition) -> FloatArray:
        return solutions.activity_mM(side, permeant, model, c.temperature_C) if side else np.ones(len(permeant))

    sides = {c: [of(side, c) for side in (c.inside, c.outside)] for c in set(at)}
    return np.array([sides[c][0] for c in at]), np.array([sides[c][1] for c in at])


@dataclass(frozen=True)
class Shared:
    """The errors that all cells share, each moved by one standard deviation, for some conditions.

    Attributes
    ----------
    names : tuple of str
        Of the sources; one source is one random number: it moves junctions and predictions together.
    added_mV : ndarray, shape (1 + sources, conditions)
        Junction correction as it is, and with each source moved.
    predicted : callable
        ln P to potentials in mV, of the shape of `added_mV`.
    of_model_mV : ndarray, shape (2, conditions)
        What the other ways to calculate the junctions would change.
    """

    names: tuple[str, ...]
    added_mV: FloatArray
    predicted: Callable[[FloatArray], FloatArray]
    of_model_mV: FloatArray

    def shift_mV(self, ln_p: FloatArray) -> FloatArray:
        """What each does to measured minus predicted at some ln P, shape (conditions, sources)."""
        residual = self.added_mV - self.predicted(ln_p)
        return np.concatenate([residual[1:] - residual[0], self.of_model_mV]).T


def shared(
    at: Sequence[Condition],
    solutions: Solutions,
    permeant: Sequence[str],
    model: str,
    settings: Settings,
    with_junction: bool,
) -> Shared:
    """Prepare the errors that all cells share.

    Parameters
    ----------
    at : sequence of Condition
    solutions : Solutions
    permeant : sequence of str
    model : str
        Activity model of the fit.
    settings : Settings
    with_junction : bool
        Whether the potentials are corrected for junctions.
    """
    junction = settings.junction if with_junction else _NO_JUNCTION
    found = sources(solutions, settings.uncertainty)
    views = [(solutions, list(at)), *((s.solutions, [moved(c, s) for c in at]) for s in found)]
    added = [[junction_mV(recipe, c, junction, settings.activity.name) for c in there] for recipe, there in views]
    sides = [activities(recipe, there, permeant, model) for recipe, there in views]
    inside, outside = (np.array([side[which] for side in sides]) for which in (0, 1))
    valence = np.array([solutions.known[ion].valence for ion in permeant])
    temperature_C = np.array([[c.temperature_C for c in there] for _, there in views])

    in_pipette = np.array([c.sign for c in at])[:, None]

    def predicted(ln_p: FloatArray) -> FloatArray:
        factor = float(np.exp(ln_p[len(permeant) :].sum()))  # 1 where none was fitted
        sides = (np.where(in_pipette > 0, factor, 1.0) * inside, np.where(in_pipette < 0, factor, 1.0) * outside)
        return np.asarray(ghk.reversal_mV(np.exp(ln_p[: len(permeant)]), valence, *sides, temperature_C))

    of_model = _model_shifts_mV(solutions, at, junction, settings.activity.name)
    names = (*(source.name for source in found), *MODEL_ERRORS)
    return Shared(names, np.array(added), predicted, np.array(of_model))


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
    names : tuple of str
        Of the sources.
    """
    distinct = sorted(set(measured.conditions))
    errors = shared(distinct, solutions, permeant, model, settings, with_junction)
    place = [distinct.index(c) for c in measured.conditions]
    return errors.shift_mV(ln_p)[place], errors.names


def _model_shifts_mV(solutions: Solutions, at: Sequence[Condition], junction: Junction, model: str) -> list[FloatArray]:
    """What the other way to calculate the junctions would change in each measurement, one array per way."""
    moved_by = {}
    for condition in set(at):
        per_term = model_differences_mV(solutions, condition, junction, model)
        moved_by[condition] = {name: sum(term[name] for term in per_term) for name in MODEL_ERRORS}
    return [np.array([moved_by[condition][name] for condition in at]) for name in MODEL_ERRORS]


_NO_JUNCTION = Junction("none", "concentration", None, None, 0.0, {})
