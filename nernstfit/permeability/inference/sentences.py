"""Sentences of the tables: one function for each kind, from terms of the contract and numbers of a result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import ErrorSource, RatioVerdict, ValidityTest

# Share of the variance from which the error budget has a sentence on a source. Halving the error behind a share of 5 %
# makes the interval 2 % shorter. With half of it sources are named that change nothing; with twice, a gain of 4 % is
# not mentioned.
_MIN_SHARE = 0.05

# Fraction of the variance of a source that vanishes where its error is halved: 1 - (1/2)^2.
_VARIANCE_OF_HALVING = 0.75

# Smallest p that is written; below, how small it is changes no judgement. Half or twice of it change zeros only.
_LEAST_P = 0.001
# Change of a ln ratio beyond which only its order is written: a thousandfold change says that the test failed to hold,
# and 700 has no exponential. At half 30-fold changes lose their digits; at double they have eight of them.
_MAX_LN_CHANGE = math.log(1000)
_ALL_DIGITS = 17  # by which two numbers of double precision always differ

# Differences of AICc up to which the data do not distinguish a model from the best one, and from which the evidence
# against it is strong (Burnham & Anderson 2002, Model Selection and Multimodel Inference, section 2.6). They are the
# published ones; half or twice of them would change words only.
AICC_EQUIVALENT, AICC_STRONG = 2.0, 10.0


def ratio_reason(reason: RatioReason, **values: object) -> str:
    """Return the reason for a verdict on a ratio, followed by the remedy.

    Parameters
    ----------
    reason : RatioReason
    **values
        Names and numbers that the texts of the reason hold places for.
    """
    return "; ".join(text.format(**values) for text in (reason.sentence, reason.remedy) if text)


def known_sentence(ions: Sequence[str]) -> str:
    """Return the remark on an interval that takes the ratios of some ions as known."""
    named = " and ".join(f"P({ion})" for ion in ions)
    return f"the interval takes {named}, at {'its bound' if len(ions) == 1 else 'their bounds'}, as known"


def budget_sentence(ion: str, source: ErrorSource, share: float, largest: str) -> str:
    """Return the effect of one error source on the interval of one ratio, and the remedy; '' for a small share.

    Parameters
    ----------
    ion : str
    source : ErrorSource
    share : float
        Share of the variance of the ln ratio.
    largest : str
        Name of the largest of the systematic errors that make up the source; '' where it has none.
    """
    if share < _MIN_SHARE:
        return ""
    shorter_percent = 100 * (1 - math.sqrt(1 - _VARIANCE_OF_HALVING * share))
    mostly = f", mostly from the {largest}" if largest.startswith(("mobility of ", "concentration of ")) else ""
    return (
        f"{100 * share:.0f} % of the variance of ln P({ion}){mostly}; half this error would make the interval "
        f"{shorter_percent:.0f} % shorter: {source.remedy.format(ion=ion)}"
    )


def model_sentence(delta_aicc: float, best: str) -> str:
    """Return the evidence on a model relative to the best one.

    Parameters
    ----------
    delta_aicc : float
        AICc of the model minus that of the best one.
    best : str
        Name of the best model.
    """
    if delta_aicc == 0:
        return "the lowest AICc of the models that predict every measurement"
    if delta_aicc < AICC_EQUIVALENT:
        return f"the data do not distinguish it from {best}"
    if delta_aicc < AICC_STRONG:
        return f"less likely than {best}"
    return f"strong evidence against it relative to {best}"


# Comparisons of groups

_WITHOUT_ESTIMATE = {
    RatioVerdict.UPPER_BOUND: "only an upper bound",
    RatioVerdict.LOWER_BOUND: "only a lower bound",
    RatioVerdict.NOT_IDENTIFIABLE: "no ratio",
    RatioVerdict.MODEL_REJECTED: "a rejected model",
    RatioVerdict.HELD: "a ratio that fit.parameters holds",
}
SAME_CELL_NAMES = "cells of the same name in both groups count as different cells"


def group_label(group: str) -> str:
    """Return the name of a group in running text."""
    return group or "the rows without a group"


def single_cell_reason(groups: list[str]) -> str:
    """Return the reason why groups of a single cell are not compared."""
    names = " and in ".join(map(group_label, groups))
    return (
        f"one cell in {names}: a difference between groups cannot be distinguished from one between cells; add more "
        "cells"
    )


def bounds_reason(verdicts: Mapping[str, RatioVerdict], order: str) -> str:
    """Return the reason why there is no difference of two groups, and what the bounds determine.

    Parameters
    ----------
    verdicts : mapping of str to RatioVerdict
        Verdict on the ratio in each group.
    order : str
        From `bounds_order`; '' where the bounds leave the order open.
    """
    missing = " and ".join(
        f"{group_label(group)} {'has' if group else 'have'} {_WITHOUT_ESTIMATE[verdict]}"
        for group, verdict in verdicts.items()
        if verdict in _WITHOUT_ESTIMATE
    )
    if RatioVerdict.HELD in verdicts.values():
        return f"{missing}: a difference of ratios that were not both fitted is no result of the data"
    return f"{missing}; yet {order}" if order else f"{missing}; which of the two is higher is not known"


def bounds_order(ion: str, lower: tuple[str, float], higher: tuple[str, float]) -> str:
    """Return the order of two ratios that their bounds determine, each given as its group and its limit."""
    return (
        f"P({ion}) is lower in {group_label(lower[0])} (below {lower[1]:.2g}) than in {group_label(higher[0])} "
        f"(above {higher[1]:.2g})"
    )


# Tests of validity


class Untested(StrEnum):
    """Reason why a test of validity cannot be made."""

    NO_FURTHER_BATH = (
        "The ratios can fit the mean of every bath, so that nothing tests the equation; add a further bath."
    )
    NO_SCATTER = "The ratios and the differences between cells leave no scatter to test."
    ONE_ACTIVITY = "The baths with {ion} do not differ in its activity."
    NO_ESTIMATE = "There is no estimate of P({ion}) that could change."
    ONE_POTENTIAL = "All predicted potentials are equal."
    ONE_TIME = "No cell has measurements at two known times (column time_s)."
    ONE_CONDUCTANCE = "No two slope conductances are known."
    NO_SERIES = (
        "No baths are a mixture series of two permeant ions: of one valence and of a constant sum (10 %), both alone "
        "and at least one mixture, the other permeant ions alike."
    )
    NO_REPEATS = "No recording has repeats, over which its zero could drift."
    FEW_WITH_REPEATS = "Recordings with repeats are those of fewer than three cells (or batches)."
    ONE_CHARGE = "The recordings with repeats do not differ in the charge that they passed, or one cell decides."
    CONFOUNDED = "The ratios can fit nearly all of such an effect: these baths do not test it."
    FREE_OFFSETS = "The model has a free offset in each cell: it is the shift method."
    COMMON_OFFSET = "The ratios can fit an offset that is common to all cells: these baths do not test it."


# Sentence of a significant effect and of one that is not, by test.
_OUTCOMES: Mapping[ValidityTest, tuple[str, str]] = {
    ValidityTest.LACK_OF_FIT: (
        "No set of ratios explains the means of the baths by the differences between cells alone, without systematic "
        "errors; degrees of freedom beyond the ratios: {df1:.0f}",
        "The ratios explain the means of the baths; degrees of freedom beyond the ratios: {df1:.0f}",
    ),
    ValidityTest.SCATTER: (
        "Measurements scatter more than their standard errors and the differences between cells explain, as if their "
        "errors were {size:.2g} times as large",
        "Measurements scatter no more than their standard errors and the differences between cells explain",
    ),
    ValidityTest.PERMEABILITY_TREND: (
        "The permeability of {ion} changes by a power of {effect} of its activity in the bath: it is not constant",
        "The permeability of {ion} changes by a power of {effect} of its activity in the bath: not significant",
    ),
    ValidityTest.MOLE_FRACTION: (
        "Mixtures of equal parts of {ion} deviate by {effect} from what the pure baths imply: an anomalous "
        "mole-fraction effect, or an error of one of these baths",
        "Mixtures of equal parts of {ion} deviate by {effect} from what the pure baths imply: not significant",
    ),
    ValidityTest.ACCUMULATION: (
        "The zero of a recording drifts by {effect} per nC of outward charge, {side} ion accumulation and depletion",
        "The zero of a recording drifts by {effect} per nC of outward charge: not significant",
    ),
    ValidityTest.SHIFT_METHOD: (
        "All potentials have a common offset of {effect} beside those of the cells (a junction potential?); "
        "{consequence}",
        "All potentials have a common offset of {effect} beside those of the cells: not significant; {consequence}",
    ),
}
_SLOPES: Mapping[ValidityTest, str] = {
    ValidityTest.ACTIVITY: "per tenfold activity of {ion} in the bath, beyond what the ratios explain",
    ValidityTest.POTENTIAL: "per mV of predicted potential",
    ValidityTest.TIME: "per minute within cells",
    ValidityTest.CONDUCTANCE: (
        "per nS of slope conductance (ion accumulation or depletion, or uncorrected series resistance)"
    ),
}


def validity_sentence(test: ValidityTest, p: float, alpha: float, **values: object) -> str:
    """Return the outcome of one test of validity, with its p.

    Parameters
    ----------
    test : ValidityTest
    p, alpha : float
        The effect is significant where `p` is below the significance level `alpha`.
    **values
        Names and numbers that the sentence of the test holds places for.
    """
    if test in _SLOPES:
        slope = f"Residuals change by {{effect}} {_SLOPES[test]}"
        significant, other = slope, f"{slope}: not significant"
    else:
        significant, other = _OUTCOMES[test]
    return f"{(significant if p < alpha else other).format(**values)} (p {written_p(p, alpha)})."


def written_p(p: float, alpha: float) -> str:
    """Return a p value with its relation sign, to the digits that show on which side of `alpha` it lies.

    Parameters
    ----------
    p : float
    alpha : float
        Level below which p is significant.
    """
    text = p_value(p, alpha)
    return text if text.startswith("<") else f"= {text}"


def p_value(p: float, alpha: float) -> str:
    """Return a p value as in `written_p`, without the sign of equality."""
    least = min(_LEAST_P, alpha)
    if p < least:
        return f"< {least:g}"
    level = float(f"{alpha:.12g}")  # 1 - 0.95 is not quite 0.05
    texts = [f"{p:#.{digits}g}" for digits in range(2, _ALL_DIGITS + 1)]
    sides = ((float(text) < level, float(text) > level) for text in texts)
    return next((text for text, side in zip(texts, sides, strict=True) if side == (p < level, p > level)), texts[-1])


def with_error(size: float, se: float, unit: str = "") -> str:
    """Return a size with its standard error, to the second digit of the error."""
    decimals = max(0, 1 - math.floor(math.log10(se))) if se > 0 else 2
    return f"{size:+.{decimals}f} \N{PLUS-MINUS SIGN} {se:.{decimals}f}{f' {unit}' if unit else ''}"


def shift_consequence(ion: str, change_ln_ratio: float | None) -> str:
    """Return by how much the shift method changes a ratio; None where there is no estimate of it."""
    if change_ln_ratio is None:
        return f"there is no estimate of P({ion}) that the shift method could change"
    if abs(change_ln_ratio) > _MAX_LN_CHANGE:
        return f"the shift method changes P({ion}) more than {math.exp(_MAX_LN_CHANGE):.0f}-fold"
    percent = 100 * math.expm1(change_ln_ratio)
    return f"the shift method changes P({ion}) by {f'{percent:+.1f} %' if abs(percent) >= 0.1 else 'less than 0.1 %'}"
