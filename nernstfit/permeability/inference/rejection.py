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

from nernstfit.contract.reasons import RatioReason
from nernstfit.permeability.distributions import chi_square_limit
from nernstfit.permeability.inference.causes import Screened, by_likelihood
from nernstfit.permeability.inference.effects import (
    condition_indicators,
    f_test,
    may_be_significant,
    n_testable,
    scatter_test,
)
from nernstfit.permeability.inference.readings import Corrections
from nernstfit.permeability.inference.sentences import ratio_reason, written_p
from nernstfit.permeability.limits import IMPERMEANT, MAX_P_OF_RESIDUALS
from nernstfit.permeability.mixed_model import Fit, fit, whitening
from nernstfit.permeability.ratio_parameters import NONE

FloatArray = NDArray[np.float64]

# p of the means of the baths below which a model is rejected (contract): one correct analysis in a thousand. With half
# or twice of it one in two thousand or five hundred; errors of 10 mV in one bath exceed it by far.
_MAX_P_OF_MEANS = 1e-3
# Causes that are fitted again in full, the likeliest first. With half of it a cause behind several that the data reject
# is missed where the wrong reading has distorted the spreads between cells; twice as many take twice the time, which is
# half a second each in a large group.
_MAX_TRIED = 12
# Causes that are named at most: three can still be checked against the notes of an experiment, one could hide the next
# likely one, six would be a list of everything.
_MAX_NAMED = 3
MAX_DIFFERENCE = 10.0
"""Difference in -2 ln likelihood from the likeliest cause that is not rejected, beyond which another is not named: very
strong evidence (Kass & Raftery 1995, J Am Stat Assoc 90:773). With half of it causes are left out that still are
possible, with twice those are named that are not."""
# Effects on all potentials whose size is fitted, in words.
_EFFECTS = {
    RatioReason.DRIFT: "a drift of the potentials within cells",
    RatioReason.COMMON_SHIFT: "a shift of all potentials alike",
}
# Corrections of known size by which all potentials are off alike, and readings of single baths that such an offset
# imitates where the ratios take a part of it.
_OF_KNOWN_SIZE = (RatioReason.ALREADY_CORRECTED, RatioReason.ALREADY_OPPOSITE, RatioReason.JUNCTION_TWICE)
_IMITATED = (RatioReason.EXCHANGED_BATHS, RatioReason.WITHOUT_BATH)
# Standard errors within which the mean offset of the cells is such a correction. With half one in three true ones is
# missed; with double, any offset of 4 mV would be one of 8.
_WITHIN_SE = 2.0
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
    whiten = whitening(fitted, systematic_mV)
    indicators = condition_indicators(fitted)
    if may_be_significant(fitted, indicators, whiten):
        means = f_test(fitted, indicators, systematic_mV)
        if means is not None and means.p < _MAX_P_OF_MEANS:
            reason = RatioReason.MEANS_CONTRADICT if fitted.free else RatioReason.HELD_CONTRADICT
            return ratio_reason(reason, p=written_p(means.p, _MAX_P_OF_MEANS))
    white = whiten(fitted.residual_mV)
    chi_square, n = float(white @ white), fitted.data.size
    if chi_square < chi_square_limit(MAX_P_OF_RESIDUALS, n):
        return ""
    return ratio_reason(RatioReason.MODEL_MISFIT, chi_square=chi_square, n=n)


def explanation(
    fitted: Fit,
    systematic_mV: FloatArray,
    corrections: Corrections,
    robust: bool,
    is_explained: bool = False,
    first: str = "",
) -> str:
    """Return the usual causes that reconcile the potentials, the likeliest first, with the ratios that they lead to.

    Parameters
    ----------
    fitted : Fit
        Of a rejected model.
    systematic_mV : ndarray, shape (n, sources)
    corrections : Corrections
    robust : bool
        Observations may be gross errors, as in the fit.
    is_explained : bool
        True where something else explains the potentials: then nothing is said where no usual cause does.
    first : str
        Cause by the recordings, in words, which is named before those by the potentials; '' for none.
    """
    if not fitted.data.conditions:
        return ""
    parameters, is_tested = _without_parameters(fitted, systematic_mV, robust)
    if parameters and is_tested and not first:
        return ratio_reason(RatioReason.LIKELY_CAUSE, causes=parameters)
    causes = by_likelihood(fitted, systematic_mV, corrections)
    untested = _untested_effects(fitted, causes, robust)
    found = _reconciling(fitted, systematic_mV, causes, robust) or list(_larger_errors(fitted, systematic_mV))
    if parameters:  # nothing tests the equation without them, and a value that is given is a doubt like another
        found = [parameters, *found]
    found = [*filter(None, [first]), *found][:_MAX_NAMED]
    intro = RatioReason.LIKELY_CAUSES if len(found) > 1 else RatioReason.LIKELY_CAUSE
    said = ratio_reason(intro, causes="; or ".join(found)) if found else ""
    if not found and not is_explained:
        said = _not_explained(fitted, causes, robust)
    return "; ".join(filter(None, (said, untested)))


def _without_parameters(fitted: Fit, systematic_mV: FloatArray, robust: bool) -> tuple[str, bool]:
    """Return that the held and bounded ratios are the cause, in words, and whether the data test that.

    '' where there are none, or the data contradict the equation without them too.
    """
    if not fitted.data.parameters.entries:
        return "", False
    free = fit(replace(fitted.data, parameters=NONE), fitted.reference, fitted.offset_scale_mV, robust=robust)
    if not free.settled or rejection_reason(free, systematic_mV):
        return "", False
    words = ratio_reason(RatioReason.WITHOUT_PARAMETERS, changes=_written_changes(fitted, free.ln_p))
    return words, n_testable(free, condition_indicators(free)) > 0


def _larger_errors(fitted: Fit, systematic_mV: FloatArray) -> Iterator[str]:
    """Yield that the standard errors are too small, where larger ones reconcile the potentials."""
    scatter = scatter_test(fitted)
    if scatter is not None and scatter.size > _MIN_CHANGE:
        data = replace(fitted.data, se_mV=fitted.data.se_mV * scatter.size)
        again = fit(data, fitted.reference, fitted.offset_scale_mV, near=fitted.ln_p)
        if not rejection_reason(again, systematic_mV):
            changes = _written_changes(fitted, again.ln_p)
            yield ratio_reason(RatioReason.LARGER_ERRORS, factor=f"{scatter.size:.2g}", changes=changes)


def _not_explained(fitted: Fit, causes: Sequence[Screened], robust: bool) -> str:
    """Return what can be said where no cause reconciles the potentials."""
    baths = [each.cause.names["bath"] for each in causes if _leaves_no_test(fitted, each, robust)]
    if baths:
        return ratio_reason(RatioReason.ANY_BATH, baths=" or ".join(f"'{bath}'" for bath in sorted(baths)))
    influential = next((each for each in causes if each.cause.reason == RatioReason.WITHOUT_MEASUREMENT), None)
    changes = ", ".join(_changes(fitted, influential.ln_p)) if influential else ""
    if influential is None or not changes:
        return ratio_reason(RatioReason.SEVERAL_CONTRADICT)
    return ratio_reason(RatioReason.INFLUENTIAL, **influential.cause.names, changes=changes)


def _untested_effects(fitted: Fit, causes: Sequence[Screened], robust: bool) -> str:
    """Return the effects on all potentials that make them likelier but leave nothing to test it, in words, or ''."""
    found = []
    for each in causes:
        if each.cause.reason in _EFFECTS and not _tests(fitted, each):
            again = _refitted(fitted, each, robust)
            gain = 0.0 if again is None or not again.settled else 2 * (again.log_likelihood - fitted.log_likelihood)
            if gain > MAX_DIFFERENCE:
                found.append(_EFFECTS[each.cause.reason])
    return ratio_reason(RatioReason.UNTESTED_EFFECTS, effects=" or ".join(found)) if found else ""


def _leaves_no_test(fitted: Fit, of: Screened, robust: bool) -> bool:
    """Return True where a bath is left out and nothing tests the equation without it."""
    left = {fitted.data.conditions[i] for i in of.cause.kept}
    # Ratios and a common offset take one of the means of conditions each, at most.
    is_possible = of.cause.reason == RatioReason.WITHOUT_BATH and len(left) <= len(fitted.free) + 1
    again = _refitted(fitted, of, robust) if is_possible else None
    return again is not None and not _tests(again, of)


def _reconciling(fitted: Fit, systematic_mV: FloatArray, causes: Sequence[Screened], robust: bool) -> list[str]:
    """Return the causes under which the data do not reject the model, in words, the likeliest first."""
    accepted: list[tuple[float, Screened, str]] = []
    for each in sorted(causes, key=lambda cause: not _equals_offset(fitted, cause))[:_MAX_TRIED]:
        if each.cause.reason in _IMITATED and any(_equals_offset(fitted, of) for _, of, _ in accepted):
            continue
        if accepted and each.criterion > accepted[0][1].criterion + MAX_DIFFERENCE:
            break
        again = _refitted(fitted, each, robust)
        if again is not None and _explains(fitted, again, each, systematic_mV):
            changes, factor = _written_changes(fitted, again.ln_p), round(1 - each.size, 1) + 0.0  # no negative zero
            values = {"changes": changes, "size": f"{each.size:+.2g}", "factor": factor}
            words = ratio_reason(each.cause.reason, **each.cause.names, **values)
            accepted.append((_criterion(fitted, again, each), each, words))
    least = min((criterion for criterion, _, _ in accepted if not math.isnan(criterion)), default=math.inf)
    return [words for criterion, _, words in accepted if not criterion > least + MAX_DIFFERENCE][:_MAX_NAMED]


def _equals_offset(fitted: Fit, of: Screened) -> bool:
    """Return True for a correction of known size that equals the mean of the cells' offsets within its error."""
    offsets_mV, shift_mV = fitted.offsets_mV, of.cause.shift_mV
    if of.cause.reason not in _OF_KNOWN_SIZE or len(offsets_mV) < 2:
        return False
    se_mV = math.hypot(float(offsets_mV.std(ddof=1)) / math.sqrt(len(offsets_mV)), fitted.offset_scale_mV)
    mean_mV = float(offsets_mV.mean())
    return abs(mean_mV) > _WITHIN_SE * se_mV and abs(mean_mV + float(shift_mV.mean())) < _WITHIN_SE * se_mV


def _criterion(fitted: Fit, again: Fit, of: Screened) -> float:
    """Return -2 ln likelihood of a refit with its penalties; nan where data are left out: it compares with no other."""
    return math.nan if len(of.cause.kept) < fitted.data.size else of.penalty - 2 * again.log_likelihood


def _explains(fitted: Fit, again: Fit, of: Screened, systematic_mV: FloatArray) -> bool:
    """Return True where the data still test the equation, and do not reject it.

    A reading that only adds to the differences between cells until nothing is significant makes the potentials less
    likely, not more.
    """
    is_likelier = len(of.cause.kept) < fitted.data.size or again.log_likelihood > fitted.log_likelihood
    sound = is_likelier and again.settled and _tests(again, of)
    return sound and not rejection_reason(again, systematic_mV[of.cause.kept])


def _refitted(fitted: Fit, of: Screened, robust: bool) -> Fit | None:
    """Return the fit under a cause; None where a ratio loses all of its data."""
    cause, kept = of.cause, of.cause.kept
    if len(kept) <= len(fitted.free) or not np.abs(fitted.columns[kept]).any(axis=0).all():
        return None
    data = cause.read(fitted.data, 0.0 if cause.leaves_out else of.size).subset(kept)
    return fit(data, fitted.reference, fitted.offset_scale_mV, robust=robust, near=of.ln_p)


def _tests(again: Fit, of: Screened) -> bool:
    """Return True where the data still test the equation, beside an effect that was fitted."""
    fitted_beside = None if of.cause.leaves_out else of.cause.effect[of.cause.kept]
    return n_testable(again, condition_indicators(again), fitted_beside) > 0


def _written_changes(before: Fit, ln_p: FloatArray) -> str:
    return ", ".join(_changes(before, ln_p)) or "the ratios hardly change"


def _changes(before: Fit, ln_p: FloatArray) -> Iterator[str]:
    for i, ion in enumerate(before.data.ions):
        old, new = _written(before.ln_p[i]), _written(ln_p[i])
        if abs(ln_p[i] - before.ln_p[i]) > math.log(_MIN_CHANGE) and old != new:
            yield f"{ion}/{before.reference} {old} becomes {new}"


def _written(ln_ratio: float) -> str:
    if abs(ln_ratio) > IMPERMEANT:
        return "0" if ln_ratio < 0 else "without limit"
    return f"{math.exp(ln_ratio):.3g}"
