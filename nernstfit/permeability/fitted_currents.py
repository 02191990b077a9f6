"""GHK current of the fitted permeabilities under the conditions of some measurements, from the result tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.physics.membrane import ghk
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FittedPermeabilities:
    """Fitted permeabilities of one group under one model.

    Attributes
    ----------
    ratios : mapping of str to float
        P(ion) / P(reference) of each permeant ion, 1 for the reference; nan where it has no number.
    factors : mapping of CorrectionTerm to float
        Fitted factors on activities; nan where one has no number.
    """

    ratios: Mapping[str, float]
    factors: Mapping[CorrectionTerm, float]


@dataclass(frozen=True)
class Activities:
    """Activities of the permeant ions in the solutions.

    Attributes
    ----------
    valence : mapping of str to int
        Of the ions that any solution holds.
    activity_mM : mapping
        By solution, temperature in degrees Celsius, and ion; what a solution lacks is absent.
    """

    valence: Mapping[str, int]
    activity_mM: Mapping[tuple[str, float, str], float]

    @classmethod
    def of(cls, solutions: pd.DataFrame, permeant: Sequence[str]) -> Activities:
        """Take them from rows of solutions.csv."""
        own = solutions[solutions["ion"].isin(permeant)]
        keys = zip(own["solution"], own["temperature_C"], own["ion"], strict=True)
        valence = dict(zip(own["ion"], own["valence"].astype(int), strict=True))
        return cls(valence, dict(zip(keys, own["activity_mM"], strict=True)))

    def on_sides(self, conditions: Sequence[Condition], ions: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Return the activities of some ions inside and outside, shape (conditions, ions) each."""
        inside, outside = (
            np.array([[self.activity_mM.get((name, c.temperature_C, ion), 0.0) for ion in ions] for name, c in sides])
            for sides in ([(c.inside, c) for c in conditions], [(c.outside, c) for c in conditions])
        )
        return inside, outside

    def present(self, conditions: Sequence[Condition], permeant: Sequence[str]) -> list[str]:
        """Return the permeant ions that a side holds under any of the conditions."""
        ions = [ion for ion in permeant if ion in self.valence]
        inside, outside = self.on_sides(conditions, ions)
        return [ion for i, ion in enumerate(ions) if (inside[:, i] > 0).any() or (outside[:, i] > 0).any()]


def missing(fitted: FittedPermeabilities, activities: Activities, conditions: Sequence[Condition]) -> Iterator[str]:
    """Yield the permeabilities and factors that the current under some conditions needs and that have no number."""
    for ion in activities.present(conditions, list(fitted.ratios)):
        if math.isnan(fitted.ratios[ion]):
            yield f"P({ion})"
    for term, factor in fitted.factors.items():
        on_any = any(ActivityFactors.of([term], conditions, list(fitted.ratios)).side.ravel())
        if on_any and math.isnan(factor):
            yield f"the factor {term}"


def mean_current(
    fitted: FittedPermeabilities, activities: Activities, conditions: Mapping[Condition, int], voltage_mV: FloatArray
) -> FloatArray:
    """Calculate the GHK current, positive outward: the mean over conditions, each as often as it occurs.

    Parameters
    ----------
    fitted : FittedPermeabilities
        With every number that is needed, see `missing`.
    activities : Activities
    conditions : mapping of Condition to int
        All with a known pipette solution.
    voltage_mV : ndarray, shape (k,)
        Membrane potential, inside minus outside.

    Returns
    -------
    ndarray, shape (k,)
        In units of the reference permeability x F x mM.
    """
    of_each = list(conditions)
    ions = activities.present(of_each, list(fitted.ratios))
    terms = [term for term in fitted.factors if not math.isnan(fitted.factors[term])]
    factors = ActivityFactors.of(terms, of_each, ions)
    ln_f = np.log([fitted.factors[term] for term in terms])
    sides = factors.applied(ln_f, *activities.on_sides(of_each, ions))
    inside, outside = (side[:, None, :] for side in sides)
    currents = ghk.current(
        voltage_mV[None, :],
        [fitted.ratios[ion] for ion in ions],
        [activities.valence[ion] for ion in ions],
        inside,
        outside,
        np.array([condition.temperature_C for condition in of_each])[:, None],
    )
    mean: FloatArray = np.average(currents, axis=0, weights=list(conditions.values()))
    return mean


def scale(curve: FloatArray, model: FloatArray) -> float:
    """Return the factor on a model that lies closest to a curve by least squares; nan without a positive one."""
    square = float(model @ model)
    factor = float(curve @ model) / square if square > 0 else math.nan
    return factor if factor > 0 else math.nan
