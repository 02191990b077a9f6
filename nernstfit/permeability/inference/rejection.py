"""Rejection of a model that no ratios reconcile with the potentials.

An interval supposes that the model is right. Where the means of the baths contradict the Goldman-Hodgkin-Katz equation
beyond chance and beyond what the systematic errors could do, or the residuals are larger than all errors together, no
interval holds, however small the errors of the ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nernstfit.contract.reasons import RatioReason
from nernstfit.permeability.inference.effects import condition_indicators, f_test, is_testable, may_be_significant
from nernstfit.permeability.inference.sentences import ratio_reason, written_p
from nernstfit.permeability.limits import IMPERMEANT
from nernstfit.permeability.mixed_model import Fit, covariance_mV2, fit
from nernstfit.permeability.optimize import DenseWhitener
from nernstfit.permeability.ratio_parameters import NONE

FloatArray = NDArray[np.float64]

# p of the means of the baths below which a model is rejected (contract): one correct analysis in a thousand. With half
# or twice of it one in two thousand or five hundred; errors of 10 mV in one bath exceed it by far.
_MAX_P_OF_MEANS = 1e-3
# p of the chi-square of the residuals, systematic errors included, below which the model does not explain the
# potentials at all. One correct analysis in a million is marked; with half or twice of it the threshold of chi-square
# moves by less than 2 %, while such models exceed it by far.
_MAX_P_OF_RESIDUALS = 1e-6
# Measurements that are left out one at a time to find the one that contradicts the others: those of the largest
# residuals. With half, one among several large residuals may be missed; with double the time grows.
_MAX_LEFT_OUT = 4
# Change of a ratio that is worth mentioning, as a factor. With half rounding is named, with double a third.
_MIN_CHANGE = 1.1


def rejection_reason(fitted: Fit, systematic_mV: FloatArray) -> str:
    """Return the reason why the data reject a model, or ''.

    Parameters
    ----------
    fitted : Fit
        Fitted by REML.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    """
    whiten = DenseWhitener(covariance_mV2(fitted) + systematic_mV @ systematic_mV.T)
    indicators = condition_indicators(fitted)
    if may_be_significant(fitted, indicators, whiten):
        means = f_test(fitted, indicators, systematic_mV)
        if means is not None and means.p < _MAX_P_OF_MEANS:
            return ratio_reason(RatioReason.MEANS_CONTRADICT, p=written_p(means.p))
    white = whiten(fitted.working.potential_mV - fitted.predicted_mV)
    chi_square, n = float(white @ white), fitted.data.size
    if chi_square < stats.chi2.isf(_MAX_P_OF_RESIDUALS, n):
        return ""
    return ratio_reason(RatioReason.MODEL_MISFIT, chi_square=chi_square, n=n)


def explanation(fitted: Fit, systematic_mV: FloatArray, robust: bool) -> str:
    """Return which bath or measurement the model is rejected for, with what the ratios are without it.

    Parameters
    ----------
    fitted : Fit
        Of a rejected model.
    systematic_mV : ndarray, shape (n, sources)
    robust : bool
        Observations may be gross errors, as in the fit.
    """
    data = fitted.data
    if not data.conditions:
        return ""
    if data.parameters.entries:
        free = fit(replace(data, parameters=NONE), fitted.reference, fitted.offset_scale_mV, robust=robust)
        if is_testable(free, condition_indicators(free)) and not rejection_reason(free, systematic_mV):
            moved = ", ".join(_changes(fitted, free)) or "the ratios hardly change"
            return ratio_reason(RatioReason.WITHOUT_PARAMETERS, changes=moved)
    residual = np.abs(fitted.working.potential_mV - fitted.predicted_mV) / fitted.working.se_mV
    for i in np.argsort(-residual, kind="stable")[:_MAX_LEFT_OUT].tolist():
        changes = _without(fitted, systematic_mV, [i], robust)
        if changes is not None:
            names = {"measurement": data.measurements[i], "cell": data.cells[i], "bath": data.conditions[i].bath}
            return ratio_reason(RatioReason.WITHOUT_MEASUREMENT, **names, changes=changes)
    for bath in sorted({condition.bath for condition in data.conditions}):
        rows = [i for i, condition in enumerate(data.conditions) if condition.bath == bath]
        changes = _without(fitted, systematic_mV, rows, robust)
        if changes is not None:
            return ratio_reason(RatioReason.WITHOUT_BATH, bath=bath, changes=changes)
    return ratio_reason(RatioReason.SEVERAL_CONTRADICT)


def _without(fitted: Fit, systematic_mV: FloatArray, rows: Sequence[int], robust: bool) -> str | None:
    """Return the changes of the ratios without some observations; None where the model is rejected all the same."""
    kept = [i for i in range(fitted.data.size) if i not in set(rows)]
    left = fitted.data.subset(kept)
    # Nothing can be said where a ratio loses all of its data, or nothing is left to test the equation.
    if len(kept) <= len(fitted.free) or not np.abs(fitted.columns[kept]).any(axis=0).all():
        return None
    again = fit(left, fitted.reference, fitted.offset_scale_mV, robust=robust)
    if not is_testable(again, condition_indicators(again)) or rejection_reason(again, systematic_mV[kept]):
        return None
    return ", ".join(_changes(fitted, again)) or "the ratios hardly change"


def _changes(before: Fit, after: Fit) -> Iterator[str]:
    for i in after.free:
        if i < len(before.data.ions) and abs(after.ln_p[i] - before.ln_p[i]) > math.log(_MIN_CHANGE):
            name = f"{before.data.ions[i]}/{before.reference}"
            yield f"{name} {_written(before.ln_p[i])} becomes {_written(after.ln_p[i])}"


def _written(ln_ratio: float) -> str:
    return "0" if ln_ratio < -IMPERMEANT else f"{math.exp(ln_ratio):.3g}"
