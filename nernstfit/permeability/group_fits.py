"""Observations, systematic errors and fits of one group under a model, each calculated once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.settings import Junction, Settings
from nernstfit.contract.terms import ErrorSource
from nernstfit.permeability.distributions import normal_quantile
from nernstfit.permeability.error_propagation import SystematicErrors, propagate
from nernstfit.permeability.groups import Group
from nernstfit.permeability.inference import ratios as ratio_inference
from nernstfit.permeability.inference.factors import fitted_factors
from nernstfit.permeability.inference.model_selection import Model
from nernstfit.permeability.inference.ratios import FitResult, Ratio
from nernstfit.permeability.inference.sentences import ratio_reason
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations, unknown_inside
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.decimal_slips import FarOff, far_off, far_off_words
from nernstfit.solutions.junctions import junction_mV

FloatArray = NDArray[np.float64]

_RAMP_ERRORS = (ErrorSource.CAPACITANCE, ErrorSource.FILTER)
_Z_95 = normal_quantile(0.975)  # standard deviations of a one-sided 95 % limit of a half-normal error


@dataclass(frozen=True)
class Predictability:
    """Observations that have a reversal potential under a model, shape (n,), and the reason why others are unknown."""

    predictable: NDArray[np.bool_]
    reason: str


class GroupFits:
    """Observations, systematic errors and fits of one group, each calculated once.

    The steps of the ladder and the models have many in common: a correction may change nothing.
    """

    def __init__(self, group: Group, solutions: Solutions, settings: Settings) -> None:
        self.group, self.solutions, self.settings = group, solutions, settings
        self._observations: dict[tuple[object, ...], Observations] = {}
        self._predictability: dict[tuple[object, ...], Predictability] = {}
        self._errors: dict[tuple[object, ...], SystematicErrors] = {}
        self._results: dict[tuple[object, ...], FitResult] = {}

    @cached_property
    def far_off(self) -> dict[Condition, FarOff]:
        """Conditions that are no cell's, by the osmolalities of bath and pipette."""
        return far_off(self.solutions, self.group.observations.conditions, self.settings.dilute_solutions)

    @cached_property
    def with_cell(self) -> NDArray[np.bool_]:
        """Return True for the observations whose solutions can be a cell's, shape (n,); the others enter no fit."""
        return np.array([each not in self.far_off for each in self.group.observations.conditions])

    def with_solutions(self, solutions: Solutions) -> GroupFits:
        """Return the fits of the same group with other recipes, in the junctions too."""
        own, junction = self.group.observations, self.settings.junction
        how = junction, self.settings.activity.name
        of = {
            each: junction_mV(solutions, each, *how) - junction_mV(self.solutions, each, *how)
            for each in set(own.conditions)
        }
        change_mV = np.array([of[each] for each in own.conditions])
        observations = own.with_potentials(own.potential_mV + change_mV)
        group = replace(self.group, observations=observations, junction_mV=self.group.junction_mV + change_mV)
        return GroupFits(group, solutions, self.settings)

    def subset(self, rows: Sequence[int]) -> GroupFits:
        """Return the fits of some of the observations."""
        return GroupFits(self.group.subset(rows), self.solutions, self.settings)

    def predictability(self, model: Model) -> Predictability:
        """Return which observations have a reversal potential under a model."""
        key = _assumptions(model)
        if key not in self._predictability:
            whole = self.group.observations.under(
                self.solutions, model.permeant, model.activity, model.corrections, model.parameters
            ).with_potentials(self.potential_mV(model))
            unknown, reason = unknown_inside(whole, self.solutions, model.permeant, self.settings.fit.offset_sd_mV)
            predictable = np.isfinite(whole.predict(np.zeros(whole.n_coefficients))) & ~unknown & self.with_cell
            if not (self.with_cell.any() or reason):
                reason = ratio_reason(RatioReason.FAR_OFF, words=far_off_words(self.far_off.values()))
            self._predictability[key] = Predictability(predictable, reason)
            self._observations[key] = whole if predictable.all() else whole.subset(np.flatnonzero(predictable).tolist())
        return self._predictability[key]

    def observations(self, model: Model) -> Observations:
        """Return the observations that a model predicts, under it."""
        self.predictability(model)
        return self._observations[_assumptions(model)]

    def result(self, model: Model) -> FitResult:
        """Fit the corrected potentials, with the configured scale of offsets."""
        return self.result_of(self.observations(model), model, self.settings.fit.offset_sd_mV)

    def result_of(
        self, data: Observations, model: Model, offset_scale_mV: float, with_junction: bool = True
    ) -> FitResult:
        """Fit observations under a model and draw the inference on their ratios."""
        numbers = (data.measurements, data.potential_mV.tobytes(), data.se_mV.tobytes())
        key = (*numbers, *_assumptions(model), offset_scale_mV, with_junction)
        if key not in self._results:
            found = fit(data, model.reference, offset_scale_mV, robust=self.settings.fit.robust)
            errors = self._systematic_errors(data, model, self._junction(model) if with_junction else None)
            systematic_mV = np.column_stack([errors.shift_mV(found.ln_p, model.corrections), self._ramp_sd_mV(data)])
            confidence = self.settings.fit.confidence
            self._results[key] = FitResult(
                fit=found,
                ratios=tuple(map(self._with_baths_left_out, ratio_inference.ratios(found, systematic_mV, confidence))),
                systematic_mV=systematic_mV,
                names=(*errors.names, *_RAMP_ERRORS),
                factors=fitted_factors(found, systematic_mV, confidence),
            )
        return self._results[key]

    def _with_baths_left_out(self, ratio: Ratio) -> Ratio:
        """Return a ratio with the baths of its ion, where those entered no fit and the ion is in no other solution."""
        if ratio.reason != ratio_reason(RatioReason.ION_ABSENT, ion=ratio.ion):
            return ratio
        here = [i for i, each in enumerate(self.solutions.ions) if each.name == ratio.ion]  # none of one in no solution
        of_bath = {each.bath: self.solutions.row(each.bath, each.temperature_C) for each in self.far_off}
        baths = sorted(bath for bath, amounts in of_bath.items() if (amounts[here] > 0).any())
        reason = ratio_reason(RatioReason.ION_LEFT_OUT, ion=ratio.ion, baths=", ".join(baths))
        return replace(ratio, reason=reason) if baths else ratio

    def junction_of(self, condition: Condition) -> float:
        """Return the junction correction of a condition in mV; nan where its solutions lack what it needs."""
        try:
            return junction_mV(self.solutions, condition, self.settings.junction, self.settings.activity.name)
        except ValueError:
            return math.nan

    def _junction(self, model: Model) -> Junction:
        """Return how the liquid junctions of a model are calculated."""
        junction: Junction = replace(self.settings.junction, basis=model.basis)
        return junction

    def potential_mV(self, model: Model) -> FloatArray:
        """Return the potentials, corrected for the junctions of a model instead of the configured ones; shape (n,)."""
        own, conditions = self.group.observations.potential_mV, self.group.observations.conditions
        given = self.settings.junction
        if (model.basis, model.activity) == (given.basis, self.settings.activity.name):
            return own
        change = {
            condition: junction_mV(self.solutions, condition, self._junction(model), model.activity)
            - junction_mV(self.solutions, condition, given, self.settings.activity.name)
            for condition in set(conditions)
        }
        return np.asarray(own + np.array([change[condition] for condition in conditions]))

    def _ramp_sd_mV(self, data: Observations) -> FloatArray:
        """Return the shifts of ramps by one standard deviation of the membrane capacitance and of the filter's delay.

        Shape (n, 2); 0 where they are known. Each is one random number of all cells: their mean is wrong to the same
        side.
        """
        shifts_mV = np.column_stack([self.group.capacitance_shift_mV / _Z_95, self.group.delay_shift_mV])
        row = {name: at for at, name in enumerate(self.group.observations.measurements)}
        return np.asarray(shifts_mV[[row[name] for name in data.measurements]])

    def _systematic_errors(self, data: Observations, model: Model, junction: Junction | None) -> SystematicErrors:
        """Return the systematic errors of the observations' conditions."""
        key = (data.conditions, model.permeant, model.activity, None if junction is None else junction.basis)
        if key not in self._errors:
            self._errors[key] = propagate(
                data.conditions, self.solutions, model.permeant, model.activity, junction, self.settings.uncertainty
            )
        return self._errors[key]


def _assumptions(model: Model) -> tuple[object, ...]:
    """Return what decides the activities and coefficients under a model, whatever its name."""
    return model.activity, model.basis, model.permeant, model.corrections, model.parameters
