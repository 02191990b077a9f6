"""Two groups compared: the difference of their ln ratios, with what both share taken out.

The cells of two groups are different cells, so that what comes from noise, cells and offsets adds up. What all cells
share moves both groups: a source that moves ln ratios by a and b moves their difference by a - b, which is nothing
where both groups were measured in the same solutions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.ratios import FitResult, Ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A ln ratio of one group less that of another.

    Attributes
    ----------
    ion, group, other_group : str
    ln_difference, low, high : float
        With its interval; nan where one of both is no estimate.
    p, p_holm : float
        Chance of so large a difference where there is none; the same over all comparisons (Holm).
    se_ln_cells, se_ln_shared : float
        Standard errors from noise, cells and offsets of both; from what both share.
    df : float
        Degrees of freedom of `se_ln_cells` (Welch 1947); inf where it is the noise alone.
    reason : str
        Where there is no number: why, and what may be said.
    """

    ion: str
    group: str
    other_group: str
    reason: str
    ln_difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan
    se_ln_cells: float = math.nan
    se_ln_shared: float = math.nan
    df: float = math.nan


def compare(groups: Mapping[str, FitResult], confidence: float) -> tuple[Comparison, ...]:
    """Compare every pair of groups in every ratio.

    Parameters
    ----------
    groups : mapping of str to FitResult
    confidence : float
        Of the intervals, two-sided.

    Returns
    -------
    tuple of Comparison
        By ion as it is permeant, then by the names of the groups; none where there are less than two.
    """
    found = []
    for name, other in itertools.combinations(sorted(groups), 2):
        alone = _alone({each: groups[each] for each in (name, other)})
        for ratio, beside in zip(groups[name].ratios, groups[other].ratios, strict=True):
            if ratio.verdict == beside.verdict == RatioVerdict.ESTIMATE and alone:
                found.append(Comparison(ratio.ion, name, other, alone))
            elif ratio.verdict == beside.verdict == RatioVerdict.ESTIMATE:
                found.append(_difference((name, groups[name], ratio), (other, groups[other], beside), confidence))
            else:
                found.append(Comparison(ratio.ion, name, other, _reason(name, ratio, other, beside)))
    corrected = iter(holm([each.p for each in found if not math.isnan(each.p)]))
    return tuple(each if math.isnan(each.p) else replace(each, p_holm=next(corrected)) for each in found)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values for being many.

    Parameters
    ----------
    p : sequence of float

    Returns
    -------
    list of float
        In the same order: the k-th smallest of m times m - k + 1, no less than the one before, at most 1
        (Holm 1979, Scand J Stat 6:65).
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


_Named = tuple[str, FitResult, Ratio]


def _difference(first: _Named, second: _Named, confidence: float) -> Comparison:
    (name, one, ratio), (other, two, beside) = first, second
    difference = ratio.ln_ratio - beside.ln_ratio
    shared = float(np.linalg.norm(one.systematic_shifts(ratio.ion) - two.systematic_shifts(ratio.ion)))
    below = _joined(_side(ratio, -1, confidence), _side(beside, 1, confidence))
    above = _joined(_side(ratio, 1, confidence), _side(beside, -1, confidence))
    own, df = _joined((ratio.se_ln_cells, _df(ratio)), (beside.se_ln_cells, _df(beside)))
    towards_zero = below if difference > 0 else above
    return Comparison(
        ratio.ion,
        name,
        other,
        _shared_names(one, two),
        ln_difference=difference,
        low=difference - _half(*below, shared, confidence),
        high=difference + _half(*above, shared, confidence),
        p=_chance(abs(difference), *towards_zero, shared),
        se_ln_cells=own,
        se_ln_shared=shared,
        df=df,
    )


def _df(ratio: Ratio) -> float:
    return math.inf if math.isnan(ratio.df) else ratio.df


def _side(ratio: Ratio, side: int, confidence: float) -> tuple[float, float]:
    """Standard error of a ln ratio towards one side, and its degrees of freedom.

    Read off the interval over cells, which is not symmetric where it comes from a profile (Zou & Donner 2008, Stat Med
    27:1693, do the same with the limits themselves).
    """
    end = ratio.low_cells if side < 0 else ratio.high_cells
    df = _df(ratio)
    return abs(math.log(end) - ratio.ln_ratio) / float(stats.t.ppf(0.5 + confidence / 2, df)), df


def _joined(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Standard error of a difference and its degrees of freedom (Welch 1947, Biometrika 34:28)."""
    (a, df_a), (b, df_b) = first, second
    uncertain = a**4 / df_a + b**4 / df_b
    return math.hypot(a, b), (a**2 + b**2) ** 2 / uncertain if uncertain > 0 else math.inf


def _whole(se: float, df: float, shared: float) -> tuple[float, float]:
    """Standard error with the shared errors, which are known, and its degrees of freedom."""
    total = math.hypot(se, shared)
    return total, df * (total / se) ** 4


def _half(se: float, df: float, shared: float, confidence: float) -> float:
    """Half an interval; a further error never makes it shorter."""
    sizes = ((se, df), _whole(se, df, shared))
    return max(float(stats.t.ppf(0.5 + confidence / 2, freedom)) * size for size, freedom in sizes)


def _chance(away: float, se: float, df: float, shared: float) -> float:
    """Two-sided p, which falls below 1 - confidence where the interval leaves 0 out."""
    sizes = ((se, df), _whole(se, df, shared))
    return max(2 * float(stats.t.sf(away / size, freedom)) for size, freedom in sizes)


def _shared_names(one: FitResult, two: FitResult) -> str:
    if set(one.fit.data.cell_names) & set(two.fit.data.cell_names):
        return "cells of the same name in both groups count as different cells"
    return ""


_SAID = {
    RatioVerdict.UPPER_BOUND: "only an upper bound",
    RatioVerdict.LOWER_BOUND: "only a lower bound",
    RatioVerdict.NOT_IDENTIFIABLE: "no ratio",
}


def _alone(groups: Mapping[str, FitResult]) -> str:
    """Why groups of a single cell cannot be compared: the spread between cells, by which to judge, is not known."""
    names = [_called(name) for name, judged in groups.items() if judged.fit.data.cell_sizes.sum() == 1]
    if not names:
        return ""
    return f"one cell in {' and in '.join(names)}: a difference of groups cannot be told from one of cells; more would"


def _called(group: str) -> str:
    return group or "the rows without a group"


def _reason(name: str, ratio: Ratio, other: str, beside: Ratio) -> str:
    """Why there is no difference, and what the bounds still say."""
    name, other = _called(name), _called(other)
    without = [f"{group} has {_SAID[r.verdict]}" for group, r in ((name, ratio), (other, beside)) if r.verdict in _SAID]
    for (lower, low), (upper, high) in (((name, ratio), (other, beside)), ((other, beside), (name, ratio))):
        if low.high < high.low:
            where = f"lower in {lower} (below {low.high:.2g}) than in {upper} (above {high.low:.2g})"
            return f"{' and '.join(without)}; yet P({ratio.ion}) is {where}"
    return f"{' and '.join(without)}; which of both is higher is not known"
