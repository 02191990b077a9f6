"""Fitted factors on activities with their intervals, by the same rules as permeability ratios.

A factor is an estimate where the data separate it from a common offset, from the ratios and from other factors: where
what it multiplies is varied independently, or where precise data make up for a small variation. Else it is not
identifiable, and the reason names the bath that would resolve it. Unlike a ratio a factor has no value at which it is
absent (1 changes nothing), so that it is a bound only where its interval is open on one side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.coefficients import Coefficient, Inferred
from nernstfit.permeability.inference.identifiability import (
    COMMON_OFFSET,
    alike,
    coefficient_names,
    confounded_factors,
    informative_cells,
    known_at_bounds,
)
from nernstfit.permeability.inference.rejection import rejection_reason
from nernstfit.permeability.inference.sentences import known_sentence, ratio_reason
from nernstfit.permeability.limits import IMPERMEANT
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Factor(Inferred):
    """Fitted factor between true activities and those of the model.

    Attributes
    ----------
    term : CorrectionTerm
    verdict : RatioVerdict
    reason : str
        Reason for the verdict, or remark on the interval; may be ''.
    ln_factor : float
        nan unless an estimate, or of a rejected model.
    """

    term: CorrectionTerm
    verdict: RatioVerdict
    reason: str
    ln_factor: float = math.nan


def fitted_factors(fit: Fit, systematic_mV: FloatArray, confidence: float) -> tuple[Factor, ...]:
    """Return every fitted factor with verdict and interval, in the order of the terms.

    Parameters
    ----------
    fit : Fit
        Fitted by REML.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    confidence : float
        Confidence level of the intervals, two-sided for an estimate, one-sided for a bound.
    """
    terms, k = fit.data.factors.terms, len(fit.data.ions)
    if not terms:
        return ()
    confounded, rejection = confounded_factors(fit, systematic_mV), rejection_reason(fit, systematic_mV)
    known = known_at_bounds(fit) if fit.settled and not rejection else {}
    found = []
    for i, term in enumerate(terms, start=k):
        if i not in fit.free:
            reason = ratio_reason(RatioReason.FACTOR_ABSENT, term=term)
            found.append(Factor(term, RatioVerdict.NOT_IDENTIFIABLE, reason))
            continue
        own = Coefficient(fit, i, systematic_mV, confidence)
        if i in confounded or own.position in fit.not_estimable:
            reason = _confounded_reason(fit, i, confounded.get(i, 1.0))
            found.append(Factor(term, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=own.n_cells))
        elif rejection or not fit.settled:
            found.append(_without_interval(own, term, rejection))
        else:
            factor = _estimated(own, term)
            found.append(_with_remark(factor, known_sentence(known[i])) if i in known else factor)
    return tuple(found)


def _confounded_reason(fit: Fit, factor: int, collinearity: float) -> str:
    """Return what the effect of a factor cannot be separated from, and the bath that would resolve it."""
    data, k = fit.data, len(fit.data.ions)
    term, like = data.factors.terms[factor - k], alike(fit, factor)
    if term.is_whole_pipette and like == [COMMON_OFFSET]:
        return ratio_reason(RatioReason.FACTOR_CONFOUNDED)
    if like == [COMMON_OFFSET]:
        return ratio_reason(RatioReason.FACTOR_SHIFTS, term=term, collinearity=collinearity)
    names = [*(f"P({ion})" for ion in data.ions), *coefficient_names(data)[k:]]
    others = " and ".join("a common offset" if i == COMMON_OFFSET else names[i] for i in like)
    values = {"term": term, "others": others, "collinearity": collinearity}
    if term.solution:
        ions = [data.ions[i] for i in like if 0 <= i < k] or [fit.reference]
        return ratio_reason(RatioReason.FACTOR_OF_BATH, **values, ions=" and ".join(ions))
    if term.ion:
        return ratio_reason(RatioReason.FACTOR_OF_ION, **values, ion=term.ion)
    return ratio_reason(RatioReason.FACTOR_OF_PIPETTE, **values)


def _without_interval(own: Coefficient, term: CorrectionTerm, rejection: str) -> Factor:
    """Return the factor of a model that the data reject, or of a fit that did not converge."""
    unsettled = "" if own.fit.settled else ratio_reason(RatioReason.UNSETTLED)
    reason, n_cells = "; ".join(filter(None, (unsettled, rejection))), informative_cells(own.fit, own.index)
    if not rejection:
        return Factor(term, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=n_cells)
    ln_factor = own.value if abs(own.value) < IMPERMEANT else math.nan
    return Factor(term, RatioVerdict.MODEL_REJECTED, reason, ln_factor=ln_factor, n_cells=n_cells)


def _estimated(own: Coefficient, term: CorrectionTerm) -> Factor:
    """Return the factor with its interval; a bound where that is open on a side."""
    cells, (low, high) = own.intervals()
    if math.isfinite(low) and math.isfinite(high):
        return Factor(
            term,
            RatioVerdict.ESTIMATE,
            ratio_reason(RatioReason.FACTOR_ONE_CELL) if own.n_cells == 1 else "",
            ln_factor=own.value,
            low=math.exp(low),
            high=math.exp(high),
            low_cells=math.exp(cells[0]),
            high_cells=math.exp(cells[1]),
            se_ln_cells=own.se_cells,
            se_ln_shared=own.se_systematic,
            df=own.df if math.isfinite(own.df) else math.nan,
            n_cells=own.n_cells,
        )
    side = -1 if math.isfinite(low) else 1
    limit_cells, limit = own.bounds(side) if math.isfinite(low) or math.isfinite(high) else (math.inf, math.inf)
    if not math.isfinite(limit):
        reason = ratio_reason(RatioReason.FACTOR_ANY, term=term)
        return Factor(term, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=own.n_cells)
    limits = (math.exp(limit), math.exp(limit_cells))
    ends = dict(zip(("high", "high_cells") if side > 0 else ("low", "low_cells"), limits, strict=True))
    verdict = RatioVerdict.UPPER_BOUND if side > 0 else RatioVerdict.LOWER_BOUND
    return Factor(term, verdict, ratio_reason(RatioReason.FACTOR_OPEN, term=term), n_cells=own.n_cells, **ends)


def _with_remark(factor: Factor, remark: str) -> Factor:
    """Return a factor that has an interval or a bound with a further remark on it."""
    return replace(factor, reason="; ".join(filter(None, (factor.reason, remark)))) if factor.has_limit else factor
