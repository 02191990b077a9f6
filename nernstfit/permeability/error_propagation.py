"""Propagation of systematic errors to the difference between measured and predicted potentials.

Each source (the concentration of a solution, the mobility of an ion, the temperature) is one random number that shifts
junction corrections and predicted potentials together. It is followed by calculating both again with the source
shifted by one standard deviation; another activity model is a source too. The choice between the two equations of the
junction potential adds one more error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.contract.settings import Junction, Uncertainty
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.permeability.observations import membrane_activities_mM
from nernstfit.physics.membrane import ghk
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import METHOD_ERROR, junction_mV, method_difference_mV
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
        Function of ln P (and ln f), and of the terms of these, that returns predicted potentials in mV, of the shape of
        `junction_mV`.
    by_method_mV : ndarray, shape (distinct conditions,)
        Change of the junction correction by the other method.
    """

    names: tuple[str, ...]
    place: NDArray[np.int64]
    junction_mV: FloatArray
    predicted: Callable[[FloatArray, Sequence[CorrectionTerm]], FloatArray]
    by_method_mV: FloatArray

    def shift_mV(self, ln_p: FloatArray, corrections: Sequence[CorrectionTerm] = ()) -> FloatArray:
        """Return the change of measured minus predicted potential by each source, shape (n, sources).

        Parameters
        ----------
        ln_p : ndarray, shape (k + q,)
            ln P of the permeant ions, then ln f of the factors on activities.
        corrections : sequence of CorrectionTerm, length q
            Terms of the factors.
        """
        residual = self.junction_mV - self.predicted(ln_p, corrections)
        return np.concatenate([residual[1:] - residual[0], self.by_method_mV[None]]).T[self.place]


def propagate(
    conditions: Sequence[Condition],
    solutions: Solutions,
    permeant: Sequence[str],
    model: str,
    junction: Junction | None,
    uncertainty: Uncertainty,
) -> SystematicErrors:
    """Prepare the systematic errors of some conditions.

    Parameters
    ----------
    conditions : sequence of Condition, length n
    solutions : Solutions
    permeant : sequence of str
    model : str
        Activity model of the fit, of its junctions too.
    junction : Junction or None
        None where the potentials are not corrected for junctions.
    uncertainty : Uncertainty
    """
    distinct = sorted(set(conditions))
    place = {condition: number for number, condition in enumerate(distinct)}
    how = junction or _NO_JUNCTION
    moved_by = sources(solutions, uncertainty, model)
    states = [
        _State(solutions, distinct, model),
        *(_State(s.solutions, [moved(c, s) for c in distinct], s.activity_model) for s in moved_by),
    ]
    by_method = [method_difference_mV(solutions, c, how, model).sum() for c in distinct]
    return SystematicErrors(
        names=(*(source.name for source in moved_by), METHOD_ERROR),
        place=np.array([place[c] for c in conditions]),
        junction_mV=np.array([[junction_mV(s.solutions, c, how, s.model) for c in s.conditions] for s in states]),
        predicted=_prediction(states, permeant),
        by_method_mV=np.array(by_method, dtype=np.float64),
    )


@dataclass(frozen=True)
class _State:
    """Solutions and conditions as they are, or with one source moved, and the activity model."""

    solutions: Solutions
    conditions: Sequence[Condition]
    model: str


def _prediction(
    states: Sequence[_State], permeant: Sequence[str]
) -> Callable[[FloatArray, Sequence[CorrectionTerm]], FloatArray]:
    """Return the function that predicts the potentials of all states from ln P and ln f."""
    sides = [membrane_activities_mM(s.solutions, s.conditions, permeant, s.model) for s in states]
    inside, outside = (np.array([side[which] for side in sides]) for which in (0, 1))
    valence = np.array([states[0].solutions.known[ion].valence for ion in permeant])
    temperature_C = np.array([[c.temperature_C for c in s.conditions] for s in states])

    def predicted(ln_p: FloatArray, corrections: Sequence[CorrectionTerm]) -> FloatArray:
        factors = ActivityFactors.of(corrections, states[0].conditions, permeant)
        sides = factors.applied(ln_p[len(permeant) :], inside, outside)
        return np.asarray(ghk.reversal_mV(np.exp(ln_p[: len(permeant)]), valence, *sides, temperature_C))

    return predicted
