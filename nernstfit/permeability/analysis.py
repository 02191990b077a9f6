"""Analysis of one group: permeability ratios under each model, and what follows from the configured one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import PIPETTE
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import ActivityModel, CorrectionStep, RatioVerdict
from nernstfit.permeability.group_causes import decimal_slip, pipette_factor, unlisted_ions, windows_at_step
from nernstfit.permeability.group_fits import GroupFits, Predictability
from nernstfit.permeability.groups import Group
from nernstfit.permeability.inference import nernst_slopes
from nernstfit.permeability.inference.accumulation import Drifts
from nernstfit.permeability.inference.bath_ratios import BathRatio, bath_ratios
from nernstfit.permeability.inference.diagnostics import Covariates, TestResult, centred_log, run_tests
from nernstfit.permeability.inference.error_budget import budget
from nernstfit.permeability.inference.factors import Factor
from nernstfit.permeability.inference.intervals import Interval, alternative_intervals, reported_intervals
from nernstfit.permeability.inference.mixtures import mixtures
from nernstfit.permeability.inference.model_selection import (
    Model,
    aicc,
    candidates,
    factor_is_identifiable,
    with_corrections,
    without_doubtful_ions,
)
from nernstfit.permeability.inference.nernst_slopes import Slope
from nernstfit.permeability.inference.ratios import FitResult, Ratio
from nernstfit.permeability.inference.readings import Corrections
from nernstfit.permeability.inference.rejection import explanation, rejection_reason
from nernstfit.permeability.inference.sentences import ratio_reason
from nernstfit.permeability.inference.surface_charge import ChargedRatio, charged_ratios
from nernstfit.permeability.inference.variance_shares import VarianceShare
from nernstfit.permeability.mixed_model import Fit, fit, gross_error_probability
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.single_cells import CellRatio, cell_ratios
from nernstfit.permeability.weights import soundly_weighted
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.solutions.composition import Solutions

FloatArray = NDArray[np.float64]

_DECADE = math.log(10.0)  # natural logs of a factor of ten

_FREE_OFFSET_SCATTER_MV = 1.0
"""Scatter that stands for the electrode offsets on the first steps of the ladder where the configuration leaves them
free: about what a good electrode drifts. With half or twice of it only the intervals of these steps change."""

_Judged = TypeVar("_Judged", Ratio, Factor)

_NO_REVERSAL = "no measurement has a reversal potential under this model: its ions can pass in one direction only"


@dataclass(frozen=True)
class ModelResult:
    """One model fitted to one group.

    Attributes
    ----------
    model : Model
    predictability : Predictability
    fit : Fit or None
        By REML; None where the model predicts no observation.
    likelihood_fit : Fit or None
        By maximum likelihood; None where the model does not predict every observation.
    ratios : tuple of Ratio
        Of models whose ratios are fitted.
    factors : tuple of Factor
        Of models with fitted factors on activities.
    cells : tuple of CellRatio
    measured_mV : ndarray, shape (n,)
        Potentials corrected for the junctions of the model.
    predicted_mV : ndarray, shape (n,)
        nan where the model predicts none.
    offsets_mV : mapping of str to float
        Predicted offset of each cell.
    p_gross_error : ndarray, shape (n,)
        Probability of a gross error of each measurement; nan where the fit allows for none.
    """

    model: Model
    predictability: Predictability
    fit: Fit | None
    likelihood_fit: Fit | None
    ratios: tuple[Ratio, ...]
    factors: tuple[Factor, ...]
    cells: tuple[CellRatio, ...]
    measured_mV: FloatArray
    predicted_mV: FloatArray
    offsets_mV: Mapping[str, float]
    p_gross_error: FloatArray

    @property
    def aicc(self) -> float:
        """Corrected Akaike criterion; nan where the model does not predict every observation, or for too few."""
        return math.nan if self.likelihood_fit is None else aicc(self.likelihood_fit)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Reported and between-cell intervals."""
        return tuple(reported_intervals(self.ratios))


@dataclass(frozen=True)
class LadderStep:
    """Ratios of the configured ions after one correction, on top of those before."""

    step: CorrectionStep
    ratios: tuple[Ratio, ...]


@dataclass(frozen=True)
class NernstSlope:
    """Slope of the potential against an ion's activity in the bath, and that of the Nernst potential, mV/decade."""

    ion: str
    measured: Slope
    theoretical: float


@dataclass(frozen=True)
class GroupResult:
    """Results of one group.

    Attributes
    ----------
    group : Group
    configured : FitResult or None
        Fit and ratios of the configured model; None where it predicts no observation.
    models : tuple of ModelResult
        The configured one first.
    intervals : tuple of Interval
        Of the configured model by other methods.
    tests : tuple of TestResult
    error_budget : tuple of VarianceShare
    slopes : tuple of NernstSlope
    ladder : tuple of LadderStep
    bath_ratios : tuple of BathRatio
        Of the configured model.
    charged_ratios : tuple of ChargedRatio
        Of the configured model.
    """

    group: Group
    configured: FitResult | None
    models: tuple[ModelResult, ...]
    intervals: tuple[Interval, ...]
    tests: tuple[TestResult, ...]
    error_budget: tuple[VarianceShare, ...]
    slopes: tuple[NernstSlope, ...]
    ladder: tuple[LadderStep, ...]
    bath_ratios: tuple[BathRatio, ...]
    charged_ratios: tuple[ChargedRatio, ...]


def analyse(group: Group, solutions: Solutions, settings: Settings) -> GroupResult:
    """Fit every model to one group, and examine the configured one.

    Parameters
    ----------
    group : Group
    solutions : Solutions
    settings : Settings
        Its sections junction, activity, fit and uncertainty are used.
    """
    first, *others = candidates(settings)
    unweighted = GroupFits(group, solutions, settings)
    fits, offset_mV = soundly_weighted(unweighted, first)
    group, is_any = fits.group, fits.predictability(first).predictable.any()
    configured = _explained(fits.result(first), fits, first, unweighted) if is_any else None
    if configured is not None and math.isfinite(offset_mV) and not _has_slip(configured):
        configured = _remarked(configured, ratio_reason(RatioReason.SYSTEMATIC_WEIGHTS, size=f"{offset_mV:+.1f}"))
    if configured is not None:
        others += _further_models(first, configured, fits)
    models = (
        _model_result(first, fits, configured),
        *(_model_result(model, fits, _result(model, fits)) for model in others),
    )
    return GroupResult(
        group=group,
        configured=configured,
        models=models,
        intervals=_alternative_intervals(models[0], settings),
        tests=() if configured is None else _tests(first, configured, fits),
        error_budget=()
        if configured is None
        else budget(configured.fit, configured.systematic_mV, configured.names, configured.estimates),
        slopes=_slopes(fits),
        ladder=_ladder(first, fits),
        bath_ratios=() if configured is None else tuple(bath_ratios(configured, settings.fit.confidence)),
        charged_ratios=() if configured is None else tuple(charged_ratios(configured, solutions, settings.fit.robust)),
    )


def _has_slip(result: FitResult) -> bool:
    """Return True where a slip of the decimal point explains the potentials: it has changed the weights too."""
    return any(RatioReason.DECIMAL_SLIP.stem in ratio.reason for ratio in result.ratios)


def _remarked(result: FitResult, remark: str) -> FitResult:
    """Return a result with a remark on every ratio that is there."""
    found = (
        replace(ratio, reason="; ".join(filter(None, (ratio.reason, remark))))
        if math.isfinite(ratio.ln_ratio)
        else ratio
        for ratio in result.ratios
    )
    return replace(result, ratios=tuple(found))


def _further_models(first: Model, configured: FitResult, fits: GroupFits) -> list[Model]:
    """Return models that the data of a group suggest, beside those that are compared in any case."""
    further = list(without_doubtful_ions(first, configured.ratios, configured.fit))
    scaled = with_corrections(first, (PIPETTE,))
    data, systematic_mV = fits.observations(scaled), configured.systematic_mV
    if not first.corrections and factor_is_identifiable(configured.fit, data, systematic_mV):
        further.append(scaled)
    return further


def _explained(result: FitResult, fits: GroupFits, model: Model, unweighted: GroupFits) -> FitResult:
    """Return the result with the likely causes for which the data reject the model, or the fit does not converge."""
    concerned = [RatioVerdict.MODEL_REJECTED]
    verdicts = {ratio.verdict for ratio in result.ratios}
    if verdicts == {RatioVerdict.HELD} and rejection_reason(result.fit, result.systematic_mV):
        concerned.append(RatioVerdict.HELD)  # there is no other ratio to say it of
    elif not result.fit.settled:
        concerned.append(RatioVerdict.NOT_IDENTIFIABLE)
    elif RatioVerdict.MODEL_REJECTED not in verdicts:
        slip = decimal_slip(unweighted, model, is_rejected=False)
        return _with_reason(_withheld(result), concerned, slip) if slip else result
    group, kept = fits.group, fits.predictability(model).predictable
    side = np.array([condition.sign for condition in group.observations.conditions])
    corrections = Corrections(
        group.junction_mV[kept],
        (side * group.rs_shift_mV)[kept],
        group.time_s[kept],
        fits.junction_of,
        mixtures(result.fit.data, fits.solutions),
        _trends(result.fit),
        fits.settings.junction.already_corrected_mV,
    )
    early = windows_at_step(fits, model)
    if not early and (slip := decimal_slip(unweighted, model, is_rejected=True)):
        return _with_reason(result, concerned, slip)
    factor, further = pipette_factor(fits, model), unlisted_ions(fits, model)
    words = explanation(result.fit, result.systematic_mV, corrections, fits.settings.fit.robust, bool(factor), early)
    causes = (words, factor, further) if early else (factor, words, further)
    return _with_reason(result, concerned, "; ".join(filter(None, causes)))


def _withheld(result: FitResult) -> FitResult:
    """Return a result whose estimates are shown without an interval, and whose bounds are not."""

    def withheld(ratio: Ratio) -> Ratio:
        if not ratio.has_limit:
            return ratio
        return Ratio(ratio.ion, RatioVerdict.MODEL_REJECTED, "", ln_ratio=ratio.ln_ratio, n_cells=ratio.n_cells)

    return replace(result, ratios=tuple(map(withheld, result.ratios)))


def _with_reason(result: FitResult, concerned: Sequence[RatioVerdict], words: str) -> FitResult:
    """Return a result with a further reason for some of its verdicts."""

    def reasoned(found: _Judged) -> _Judged:
        reason = "; ".join(filter(None, (found.reason, words)))
        return replace(found, reason=reason) if found.verdict in concerned else found

    ratios, factors = tuple(map(reasoned, result.ratios)), tuple(map(reasoned, result.factors))
    return replace(result, ratios=ratios, factors=factors)


def _trends(fitted: Fit) -> dict[str, FloatArray]:
    """Return by ion the effect of a permeability that changes with the ion's activity in the bath."""
    gradient, activity_mM = fitted.gradient_of_mean_cell, _in_bath_mM(fitted.data)
    found = {ion: gradient[:, i] * centred_log(activity_mM[:, i]) for i, ion in enumerate(fitted.data.ions)}
    return {ion: effect for ion, effect in found.items() if effect.any()}


def _in_bath_mM(data: Observations) -> FloatArray:
    """Return the activities on the side of the bath, shape (n, k)."""
    is_outside = np.array([condition.sign > 0 for condition in data.conditions])[:, None]
    return np.where(is_outside, data.outside, data.inside)


def _result(model: Model, fits: GroupFits) -> FitResult | None:
    """Return the fit and ratios of a model that has ratios and predicts an observation."""
    return fits.result(model) if model.is_ghk and fits.predictability(model).predictable.any() else None


def _model_result(model: Model, fits: GroupFits, found: FitResult | None) -> ModelResult:
    """Fit one model to the group; `found` holds the fit and ratios of one that has ratios."""
    group, settings = fits.group, fits.settings.fit
    predictability = fits.predictability(model)
    measured = fits.potential_mV(model)
    predicted, p_gross = (np.full(group.observations.size, math.nan) for _ in range(2))
    if not predictability.predictable.any():
        reason = predictability.reason or _NO_REVERSAL
        others = [ion for ion in model.permeant if ion != model.reference] if model.is_ghk else []
        ratios = tuple(Ratio(ion, RatioVerdict.NOT_IDENTIFIABLE, reason) for ion in others)
        factors = tuple(Factor(term, RatioVerdict.NOT_IDENTIFIABLE, reason) for term in model.corrections)
        return ModelResult(model, predictability, None, None, ratios, factors, (), measured, predicted, {}, p_gross)
    data = fits.observations(model)
    fitted = found.fit if found else fit(data, model.reference, settings.offset_sd_mV, robust=settings.robust)
    likelihood_fit = None
    if predictability.predictable.all():
        offset_mV, robust = settings.offset_sd_mV, settings.robust
        likelihood_fit = fit(data, model.reference, offset_mV, restricted=False, robust=robust, near=fitted.ln_p)
    predicted[predictability.predictable] = fitted.predicted_mV
    if settings.robust:
        p_gross[predictability.predictable] = gross_error_probability(fitted)
    unknown = {group.observations.cells[i] for i in np.flatnonzero(group.unknown_inside)}
    return ModelResult(
        model=model,
        predictability=predictability,
        fit=fitted,
        likelihood_fit=likelihood_fit,
        ratios=found.ratios if found else (),
        factors=found.factors if found else (),
        cells=cell_ratios(fitted, settings, unknown) if found else (),
        measured_mV=measured,
        predicted_mV=predicted,
        offsets_mV=dict(zip(data.cell_names, fitted.offsets_mV.tolist(), strict=True)),
        p_gross_error=p_gross,
    )


def _alternative_intervals(configured: ModelResult, settings: Settings) -> tuple[Interval, ...]:
    """Return intervals of the configured model by other methods."""
    if configured.fit is None:
        return ()
    of_cells: dict[str, list[float]] = {}
    for cell in configured.cells:
        if math.isfinite(cell.ln_ratio):
            of_cells.setdefault(cell.ion, []).append(cell.ln_ratio)
    found = alternative_intervals(
        configured.fit, configured.ratios, of_cells, settings.fit.confidence, settings.fit.seed
    )
    return tuple(found)


def _tests(model: Model, configured: FitResult, fits: GroupFits) -> tuple[TestResult, ...]:
    """Test the assumptions of the configured model."""
    group, settings = fits.group, fits.settings
    kept = fits.predictability(model).predictable
    activity_mM = _in_bath_mM(configured.fit.data.with_factors(configured.fit.ln_p))
    drifts = Drifts(group.drift_mV[kept], group.drift_se_mV[kept], group.charge_nC[kept])
    series = mixtures(configured.fit.data, fits.solutions)
    covariates = Covariates(activity_mM, group.time_s[kept], group.slope_nS[kept], series, drifts)
    return run_tests(configured.fit, covariates, settings.fit.confidence, configured.with_ratio)


def _slopes(fits: GroupFits) -> tuple[NernstSlope, ...]:
    """Fit one slope per permeant ion to the measured potentials, against its activity in the bath."""
    group, solutions, settings = fits.group, fits.solutions, fits.settings
    kept = np.flatnonzero(fits.with_cell & ~group.is_limit).tolist()
    data = group.observations.subset(kept or list(range(group.observations.size)))
    decades = [_DECADE * thermal_voltage_mV(c.temperature_C) * c.sign for c in data.conditions]
    found = []
    for ion in settings.fit.permeant:
        in_bath = _bath_activities_mM(data, solutions, [ion], settings.activity.name)[:, 0]
        slope = nernst_slopes.within_cells(data.cells, in_bath, data.potential_mV, settings.fit.confidence)
        found.append(NernstSlope(ion, slope, float(np.mean(decades)) / solutions.known[ion].valence))
    return tuple(found)


def _bath_activities_mM(data: Observations, solutions: Solutions, ion_names: Sequence[str], model: str) -> FloatArray:
    """Return the activities of some ions in the bath of each observation, shape (n, len(ion_names))."""
    of = {c: solutions.activity_mM(c.bath, ion_names, model, c.temperature_C) for c in set(data.conditions)}
    return np.array([of[condition] for condition in data.conditions])


def _ladder(model: Model, fits: GroupFits) -> tuple[LadderStep, ...]:
    """Fit the configured ions after each correction, each on top of the last.

    Until the last step an offset is no property of its cell but counts as scatter of every single
    observation, of the size that the configuration gives. Concentrations stand for activities, in junctions too, until
    the step of the activities.
    """
    scale = fits.settings.fit.offset_sd_mV
    always_free = bool(fits.group.unknown_inside.any())
    found = []
    for step in CorrectionStep:
        is_last = step == CorrectionStep.OFFSET
        activity = model.activity if is_last or step == CorrectionStep.ACTIVITY else ActivityModel.CONCENTRATION
        at_step = replace(model, activity=str(activity), corrections=model.corrections if is_last else ())
        kept = fits.predictability(at_step).predictable
        if not kept.any():
            continue
        data = fits.observations(at_step)
        if not is_last:
            scatter = scale if math.isfinite(scale) else _FREE_OFFSET_SCATTER_MV
            potential_mV = _potential_at_mV(step, fits, at_step)[kept]
            data = data.with_potentials(potential_mV, np.hypot(data.se_mV, scatter))
        offset_scale = scale if is_last or always_free else 0.0
        result = fits.result_of(data, at_step, offset_scale, with_junction=step not in _BEFORE_JUNCTION)
        found.append(LadderStep(step, result.ratios))
    return tuple(found)


_BEFORE_JUNCTION = (CorrectionStep.NONE, CorrectionStep.LEAK, CorrectionStep.SERIES_RESISTANCE)


def _potential_at_mV(step: CorrectionStep, fits: GroupFits, model: Model) -> FloatArray:
    """Return the potentials, inside minus outside, after a step of the ladder; shape (n,)."""
    group, own = fits.group, fits.group.observations
    if step not in _BEFORE_JUNCTION:
        return fits.potential_mV(model)
    shift = {
        CorrectionStep.NONE: group.raw_mV,
        CorrectionStep.LEAK: group.raw_mV + group.leak_shift_mV,
        CorrectionStep.SERIES_RESISTANCE: group.raw_mV + group.leak_shift_mV + group.rs_shift_mV,
    }
    sign = np.array([condition.sign for condition in own.conditions])
    # A limit is a level of the command, to which the junction alone was added.
    return np.where(group.is_limit, own.potential_mV - group.junction_mV, sign * shift[step])
