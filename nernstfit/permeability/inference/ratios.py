"""Permeability ratios of a fit with their intervals: an estimate, a bound on one side, or not identifiable.

A ratio is an estimate where the likelihood falls on both sides of it. Where the removal of the ion (permeability 0)
costs less than 1.92 log units, the 95 % point of a profile likelihood, the ratio has an upper bound only; where the
removal of the reference ion does, a lower bound only; where both do, or where the data do not separate the ion from
another one, it is not identifiable. A ratio that the user holds, ties or bounds (`fit.parameters`) is held, without an
interval of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import RatioScope, RatioVerdict
from nernstfit.permeability.distributions import normal_quantile, t_quantile
from nernstfit.permeability.inference.coefficients import Coefficient, Inferred, coefficient_df
from nernstfit.permeability.inference.factors import Factor
from nernstfit.permeability.inference.identifiability import (
    MAX_COLLINEARITY,
    coefficient_names,
    confounding_factor,
    informative_cells,
    known_at_bounds,
    most_collinear,
    present_ions,
)
from nernstfit.permeability.inference.profile_likelihood import Profile
from nernstfit.permeability.inference.rejection import rejection_reason
from nernstfit.permeability.inference.sentences import known_sentence, ratio_reason
from nernstfit.permeability.limits import IMPERMEANT, MAX_SE_CLOSED, REFERENCE_IMPERMEANT
from nernstfit.permeability.mixed_model import Fit
from nernstfit.solutions.systematic_errors import ACTIVITY_MODEL

FloatArray = NDArray[np.float64]

# Cost, in log units, up to which an ion may be absent: half of the 95 % quantile of chi-square with one degree of
# freedom (3.84). With half of it (0.96; 83 %) every sixth impermeant ion would have an estimate, with twice (3.84;
# 99.4 %) small but significant ratios would have bounds only.
MAX_COST_OF_ABSENCE = 1.92


@dataclass(frozen=True)
class Ratio(Inferred):
    """Permeability ratio P_ion / P_reference.

    Attributes
    ----------
    ion : str
    verdict : RatioVerdict
    reason : str
        Reason for the verdict, or remark on the interval; may be ''.
    ln_ratio : float
        nan unless an estimate, held, or of a rejected model.
    scope : RatioScope
        Of one cell, ratio and interval are of this cell alone, and there is no between-cell interval.
    """

    ion: str
    verdict: RatioVerdict
    reason: str
    ln_ratio: float = math.nan
    scope: RatioScope = RatioScope.POPULATION


@dataclass(frozen=True)
class FitResult:
    """Fit with its ratios and the systematic errors that they contain.

    Attributes
    ----------
    fit : Fit
    ratios : tuple of Ratio
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    names : tuple of str, length sources
        Names of the systematic errors.
    factors : tuple of Factor
        Fitted factors on activities.
    """

    fit: Fit
    ratios: tuple[Ratio, ...]
    systematic_mV: FloatArray
    names: tuple[str, ...]
    factors: tuple[Factor, ...] = ()

    @property
    def systematic_sd_mV(self) -> FloatArray:
        """Standard deviation of each potential by the systematic errors but the activity model, in mV; shape (n,).

        Another convention moves the potentials of like baths alike, not each by its own.
        """
        is_own = np.array([name != ACTIVITY_MODEL for name in self.names], dtype=bool)
        return np.asarray(np.linalg.norm(self.systematic_mV[:, is_own], axis=1))

    @property
    def estimates(self) -> tuple[str, ...]:
        """Ions whose ratios are estimates."""
        return tuple(ratio.ion for ratio in self.ratios if ratio.verdict == RatioVerdict.ESTIMATE)

    @property
    def with_ratio(self) -> tuple[str, ...]:
        """Ions whose ratios are estimates, or would be if the model were not rejected."""
        return tuple(ratio.ion for ratio in self.ratios if math.isfinite(ratio.ln_ratio))

    def systematic_shifts(self, ion: str) -> FloatArray:
        """Return the shift of a ln ratio by one standard deviation of each systematic error; shape (sources,)."""
        position = self.fit.free.index(self.fit.data.ions.index(ion))
        return np.asarray(self.fit.sensitivity[position] @ self.systematic_mV)


def ratios(fit: Fit, systematic_mV: FloatArray, confidence: float) -> tuple[Ratio, ...]:
    """Return the ratio of every permeant ion but the reference, with verdict and interval.

    Parameters
    ----------
    fit : Fit
        Fitted by REML.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    confidence : float
        Confidence level of the intervals, two-sided for an estimate, one-sided for a bound.

    Returns
    -------
    tuple of Ratio
        In the order of the permeant ions.
    """
    others = [i for i, ion in enumerate(fit.data.ions) if ion != fit.reference]
    parameters, rejection = fit.data.parameters, ""
    fitted = [i for i in others if i not in parameters.fixed]
    negative = parameters.negative(fit.ln_p)
    if negative:
        reason = _not_positive(fit, negative[0])
        found = {i: Ratio(fit.data.ions[i], RatioVerdict.NOT_IDENTIFIABLE, reason) for i in fitted}
    else:
        rejection = rejection_reason(fit, systematic_mV)
        found = {i: _fitted(fit, i, systematic_mV, confidence, rejection) for i in fitted}
    if fit.settled and not rejection:
        known = known_at_bounds(fit)
        found |= {i: _with_remark(found[i], known_sentence(known[i])) for i in found if i in known}
    found |= {i: _fixed(fit, i, found, rejection) for i in others if i in parameters.fixed}
    in_order = tuple(found[i] for i in others)
    return tuple(map(_of_one_cell, in_order)) if fit.data.cell_sizes.sum() == 1 else in_order


def _with_remark(ratio: Ratio, remark: str) -> Ratio:
    """Return a ratio that has an interval or a bound with a further remark on it."""
    return replace(ratio, reason="; ".join(filter(None, (ratio.reason, remark)))) if ratio.has_limit else ratio


def _fitted(fit: Fit, ion: int, systematic_mV: FloatArray, confidence: float, rejection: str) -> Ratio:
    """Return the ratio of an ion that is fitted; `rejection` is the reason why the data reject the model, or ''."""
    if not fit.settled:
        return _unsettled(fit, ion, rejection)
    # An ion on which no potential depends stays where it starts, be it at a bound.
    is_present = fit.data.columns(fit.gradient, fit.ln_p, [ion]).any()
    if is_present and ion in fit.data.parameters.at_bound(fit.ln_p):
        found = _held(fit, ion, RatioReason.AT_BOUND, **_bound_of(fit, ion))
    else:
        found = _RatioInference(fit, ion, systematic_mV, confidence).ratio(bool(rejection))
    return _rejected(found, rejection) if rejection else found


def _fixed(fit: Fit, ion: int, fitted: Mapping[int, Ratio], rejection: str) -> Ratio:
    """Return the ratio of an ion that the user holds, or ties to others; these are among `fitted` unless held."""
    parameters = fit.data.parameters
    entry, names = parameters.by_ion[ion], {i: name for name, i in parameters.index.items()}
    if entry.expr is None:
        found = _held(fit, ion, RatioReason.HELD, value=entry.value)
        return _rejected(found, rejection) if rejection else found
    name, expression = fit.data.ions[ion], entry.expr.text
    if ion in parameters.negative(fit.ln_p):
        return Ratio(name, RatioVerdict.NOT_IDENTIFIABLE, _not_positive(fit, ion))
    sources = dict.fromkeys(parameters.sources(ion))
    unknown = [names[i] for i in sources if i in fitted and not math.isfinite(fitted[i].ln_ratio)]
    if unknown:
        reason = ratio_reason(RatioReason.TIED_TO_NONE, expression=expression, others=" and ".join(unknown))
        return Ratio(name, RatioVerdict.NOT_IDENTIFIABLE, reason)
    found = _held(fit, ion, RatioReason.TIED, expression=expression)
    return _rejected(found, rejection) if rejection else found


def _held(fit: Fit, ion: int, reason: RatioReason, **values: object) -> Ratio:
    """Return a ratio without an interval of its own."""
    return Ratio(
        fit.data.ions[ion],
        RatioVerdict.HELD,
        ratio_reason(reason, **values),
        ln_ratio=float(fit.ln_p[ion]),
        n_cells=informative_cells(fit, ion),
    )


def _bound_of(fit: Fit, ion: int) -> dict[str, object]:
    """Return the bound of the user's at which a ratio is, by name and value."""
    entry = fit.data.parameters.by_ion[ion]
    low = fit.data.parameters.bounds(len(fit.ln_p))[0][ion]
    return {"bound": "min", "value": entry.min} if fit.ln_p[ion] <= low else {"bound": "max", "value": entry.max}


def _not_positive(fit: Fit, ion: int) -> str:
    """Return the reason that the expression of a tied ion has no positive value."""
    parameters = fit.data.parameters
    name = next(name for name, i in parameters.index.items() if i == ion)
    return ratio_reason(RatioReason.NOT_POSITIVE, name=name, expression=dict(parameters.ties)[ion].text)


def _of_one_cell(ratio: Ratio) -> Ratio:
    """Return the ratio of one cell, without what would be of the differences between cells."""
    return replace(ratio, scope=RatioScope.CELL, low_cells=math.nan, high_cells=math.nan)


def _unsettled(fit: Fit, ion: int, rejection: str) -> Ratio:
    """Return the ratio of a fit whose ratios and variance components did not converge."""
    reason = "; ".join(filter(None, (ratio_reason(RatioReason.UNSETTLED), rejection)))
    if not rejection:
        return Ratio(fit.data.ions[ion], RatioVerdict.NOT_IDENTIFIABLE, reason)
    ln_ratio = float(fit.ln_p[ion]) if abs(fit.ln_p[ion]) < IMPERMEANT else math.nan
    n_cells = informative_cells(fit, ion)
    return Ratio(fit.data.ions[ion], RatioVerdict.MODEL_REJECTED, reason, ln_ratio=ln_ratio, n_cells=n_cells)


def _rejected(ratio: Ratio, reason: str) -> Ratio:
    """Return the ratio of a model that the data reject, for the reason given beside its own."""
    return replace(ratio, reason="; ".join(filter(None, (ratio.reason, reason))))


def profile_interval(fit: Fit, ion: int, confidence: float) -> tuple[float, float]:
    """Return the two-sided profile-likelihood interval of one ln P, without systematic errors.

    Parameters
    ----------
    fit : Fit
    ion : int
        Index of an ion whose ratio is an estimate.
    confidence : float
    """
    df = coefficient_df(fit, ion, fit.ln_p)
    rise = t_quantile(0.5 + confidence / 2, df) ** 2 / 2
    profile = Profile(fit, ion, np.zeros((fit.data.size, 0)))
    return profile.limit(rise, -1), profile.limit(rise, 1)


class _RatioInference(Coefficient):
    """Inference on the ratio of one ion."""

    def ratio(self, is_rejected: bool) -> Ratio:
        """Return the ratio with its verdict; without an interval where the data reject the model."""
        if self.index not in self.fit.free:
            return Ratio(self.ion, RatioVerdict.NOT_IDENTIFIABLE, self._reason(RatioReason.ION_ABSENT))
        parameters = self.fit.data.parameters
        held = {self.fit.data.ions[i] for i, entry in parameters.by_ion.items() if entry.is_held}
        if not {self.fit.reference, *held} & present_ions(self.fit):
            return Ratio(self.ion, RatioVerdict.NOT_IDENTIFIABLE, self._reason(RatioReason.REFERENCE_ABSENT))
        confounded = "" if self.reference_vanished else self._confounding()
        if confounded:
            return self._not_identifiable(confounded)
        verdict = self._verdict_by_absence()
        if verdict == RatioVerdict.NOT_IDENTIFIABLE:
            return self._not_identifiable(self._reason(RatioReason.ANY_RATIO))
        if is_rejected:
            ln_ratio = self.value if verdict == RatioVerdict.ESTIMATE else math.nan
            return Ratio(self.ion, RatioVerdict.MODEL_REJECTED, "", ln_ratio=ln_ratio, n_cells=self.n_cells)
        return self._estimate() if verdict == RatioVerdict.ESTIMATE else self._bound(verdict)

    @property
    def ion(self) -> str:
        """Name of the ion."""
        return self.fit.data.ions[self.index]

    @cached_property
    def reference_vanished(self) -> bool:
        """True where the fit removed the reference ion: the ratios to it all diverge together."""
        return bool(self.fit.ln_p[: len(self.fit.data.ions)].max() > REFERENCE_IMPERMEANT)

    def _reason(self, reason: RatioReason, **values: object) -> str:
        return ratio_reason(reason, ion=self.ion, reference=self.fit.reference, **values)

    def _not_identifiable(self, reason: str) -> Ratio:
        return Ratio(self.ion, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=self.n_cells)

    def _confounding(self) -> str:
        """Return the reason why the data do not separate the ion from another, or from a factor; or ''."""
        if self.position in self.fit.not_estimable:
            names = coefficient_names(self.fit.data)
            others = [names[self.fit.free[other]] for other in self.fit.not_estimable if other != self.position]
            return self._reason(RatioReason.COMBINATION, others=" and ".join(others) or self.fit.reference)
        other, collinearity = most_collinear(self.fit, self.index)
        if collinearity > MAX_COLLINEARITY:
            return "; ".join(
                [self._reason(RatioReason.COLLINEAR, others=other, collinearity=collinearity), *self._limit()]
            )
        factor = confounding_factor(self.fit, self.index, self.systematic_mV)
        if factor is None:
            return ""
        return self._reason(RatioReason.RATIO_OF_FACTOR, factor=coefficient_names(self.fit.data)[factor])

    def _limit(self) -> Iterator[str]:
        """Yield the largest ratio that the data allow, whatever the ions do that change with this one."""
        _, limit = self.bounds(1)
        if math.isfinite(limit):
            yield self._reason(RatioReason.AT_MOST, limit=math.exp(limit))

    def _verdict_by_absence(self) -> RatioVerdict:
        """Return the verdict that follows from the cost of removing the ion, and of removing the reference."""
        if self.se_curved <= MAX_SE_CLOSED and not self.reference_vanished:
            return RatioVerdict.ESTIMATE
        profile = self.profile
        # The fit itself may have removed the ion where, with systematic errors, the likelihood prefers a trace of it.
        without_ion = profile.without_ion() < MAX_COST_OF_ABSENCE or self.value < -IMPERMEANT
        without_reference = profile.without_reference() < MAX_COST_OF_ABSENCE or self.value > IMPERMEANT
        if without_ion and without_reference:
            # A two-sided interval is open on both sides; a one-sided one may still have a limit.
            rise = normal_quantile(self.confidence) ** 2 / 2
            without_ion, without_reference = profile.without_reference() > rise, profile.without_ion() > rise
            if without_ion == without_reference:
                return RatioVerdict.NOT_IDENTIFIABLE
        if without_ion:
            return RatioVerdict.UPPER_BOUND
        return RatioVerdict.LOWER_BOUND if without_reference else RatioVerdict.ESTIMATE

    def _estimate(self) -> Ratio:
        """Return the ratio with a two-sided interval; a bound where the interval is open on a side."""
        cells, (low, high) = self.intervals()
        if cells[0] < self.value - IMPERMEANT and cells[1] > self.value + IMPERMEANT:
            free_offsets = math.isinf(self.fit.offset_scale_mV)
            reason = RatioReason.SHIFTS_ONLY if free_offsets else RatioReason.ANY_RATIO
            return self._not_identifiable(self._reason(reason))
        if not (math.isfinite(low) or math.isfinite(high)):
            return self._not_identifiable(self._reason(RatioReason.ANY_RATIO))
        if not (math.isfinite(low) and math.isfinite(high)):
            # With few cells the interval extends beyond the cost of removing an ion.
            found = self._bound(RatioVerdict.LOWER_BOUND if math.isfinite(low) else RatioVerdict.UPPER_BOUND)
            return replace(found, reason=f"{found.reason}; {self._reason(RatioReason.OPEN_INTERVAL)}")
        return Ratio(
            self.ion,
            RatioVerdict.ESTIMATE,
            self._remark(),
            ln_ratio=self.value,
            low=math.exp(low),
            high=math.exp(high),
            low_cells=math.exp(cells[0]),
            high_cells=math.exp(cells[1]),
            df=self.df if math.isfinite(self.df) else math.nan,
            se_ln_cells=self.se_cells,
            se_ln_shared=self.se_systematic,
            n_cells=self.n_cells,
        )

    def _remark(self) -> str:
        """Return the remark on an interval for which one cell does not tell how much cells differ, or ''."""
        if len(self.fit.data.cell_names) > 1:
            return self._reason(RatioReason.ONE_CELL_OF_ION) if self.n_cells == 1 else ""
        return self._reason(RatioReason.ONE_MEAN if self.fit.data.cell_sizes[0] > 1 else RatioReason.ONE_CELL)

    def _bound(self, verdict: RatioVerdict) -> Ratio:
        """Return the bound from the profiles; systematic errors never make it tighter."""
        side = 1 if verdict == RatioVerdict.UPPER_BOUND else -1
        cells, total = self.bounds(side)
        if not math.isfinite(total):
            return self._not_identifiable(self._reason(RatioReason.ANY_RATIO))
        limit, limit_cells = math.exp(total), math.exp(cells)
        if verdict == RatioVerdict.UPPER_BOUND:
            reason = self._reason(RatioReason.NO_PERMEABILITY)
            return Ratio(self.ion, verdict, reason, high=limit, high_cells=limit_cells, n_cells=self.n_cells)
        reason = self._reason(RatioReason.NO_REFERENCE_PERMEABILITY)
        return Ratio(self.ion, verdict, reason, low=limit, low_cells=limit_cells, n_cells=self.n_cells)
