"""Comparison of two groups by the difference of their ln ratios, with the systematic errors that both have in common.

The cells of two groups are different cells, so that the variances from noise, cells and offsets add up. A systematic
error shifts both groups: one that shifts the ln ratios by a and b shifts their difference by a - b, which vanishes
where both groups were measured in the same solutions and have the same ratios.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.distributions import t_quantile, t_tail
from nernstfit.permeability.inference import sentences
from nernstfit.permeability.inference.ratios import FitResult, Ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Difference of a ln ratio between two groups.

    Attributes
    ----------
    ion, group, other_group : str
    reason : str
        Where there is no number, the reason and what the bounds determine; else a remark, or ''.
    ln_difference, low, high : float
        ln ratio of `group` minus that of `other_group`, with its interval; nan where one of them is no estimate.
    p, p_holm : float
        p of the difference; adjusted for all comparisons (Holm).
    se_ln_cells, se_ln_shared : float
        Standard errors from noise, cells and offsets of both groups; from systematic errors.
    df : float
        Degrees of freedom of `se_ln_cells` (Welch 1947); inf where it comes from the noise alone.
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
        Confidence level of the intervals, two-sided.

    Returns
    -------
    tuple of Comparison
        By the names of the groups, then in the order of the permeant ions; empty for fewer than two groups.
    """
    found = []
    for name, other in itertools.combinations(sorted(groups), 2):
        pair = {each: groups[each] for each in (name, other)}
        of_one_cell = [each for each, result in pair.items() if result.fit.data.cell_sizes.sum() == 1]
        for ratio, other_ratio in zip(groups[name].ratios, groups[other].ratios, strict=True):
            members = (_Member(name, groups[name], ratio), _Member(other, groups[other], other_ratio))
            if not ratio.verdict == other_ratio.verdict == RatioVerdict.ESTIMATE:
                found.append(Comparison(ratio.ion, name, other, _bounds_reason(*members)))
            elif of_one_cell:
                # The variance between cells, which the difference is compared with, is unknown there.
                found.append(Comparison(ratio.ion, name, other, sentences.single_cell_reason(of_one_cell)))
            else:
                found.append(_difference(*members, confidence))
    adjusted = iter(holm([each.p for each in found if not math.isnan(each.p)]))
    return tuple(each if math.isnan(each.p) else replace(each, p_holm=next(adjusted)) for each in found)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values for multiple comparisons (Holm 1979, Scand J Stat 6:65).

    Parameters
    ----------
    p : sequence of float

    Returns
    -------
    list of float
        In the same order: the k-th smallest of m times m - k + 1, at least the one before, at most 1.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


@dataclass(frozen=True)
class _Member:
    """Ratio of one group of a comparison."""

    group: str
    result: FitResult
    ratio: Ratio

    @property
    def df(self) -> float:
        """Degrees of freedom of the between-cell error; inf where it comes from the noise alone."""
        return math.inf if math.isnan(self.ratio.df) else self.ratio.df

    def error(self, side: int, confidence: float) -> _Error:
        """Return the standard error of the ln ratio towards one side (-1: low).

        It is that of the between-cell interval, which is not symmetric where it comes from a profile (Zou & Donner
        2008, Stat Med 27:1693, combine the limits themselves in the same way).
        """
        end = self.ratio.low_cells if side < 0 else self.ratio.high_cells
        t = t_quantile(0.5 + confidence / 2, self.df)
        return _Error(abs(math.log(end) - self.ratio.ln_ratio) / t, self.df)


@dataclass(frozen=True)
class _Error:
    """Standard error and its degrees of freedom."""

    se: float
    df: float

    def of_difference(self, other: _Error) -> _Error:
        """Return the error of a difference (Welch 1947, Biometrika 34:28)."""
        inverse = self.se**4 / self.df + other.se**4 / other.df
        df = (self.se**2 + other.se**2) ** 2 / inverse if inverse > 0 else math.inf
        return _Error(math.hypot(self.se, other.se), df)

    def with_systematic(self, se: float) -> _Error:
        """Return the error with systematic ones, whose standard error is known."""
        total = math.hypot(self.se, se)
        return _Error(total, self.df * (total / self.se) ** 4)

    def half_width(self, systematic: float, confidence: float) -> float:
        """Return half of the interval, which a systematic error never shortens."""
        both = (self, self.with_systematic(systematic))
        return max(t_quantile(0.5 + confidence / 2, error.df) * error.se for error in both)

    def p(self, difference: float, systematic: float) -> float:
        """Return the two-sided p, which is below 1 - confidence where the interval excludes 0."""
        both = (self, self.with_systematic(systematic))
        return max(2 * t_tail(difference / error.se, error.df) for error in both)


def _difference(one: _Member, other: _Member, confidence: float) -> Comparison:
    ion, difference = one.ratio.ion, one.ratio.ln_ratio - other.ratio.ln_ratio
    systematic = float(np.linalg.norm(one.result.systematic_shifts(ion) - other.result.systematic_shifts(ion)))
    below = one.error(-1, confidence).of_difference(other.error(1, confidence))
    above = one.error(1, confidence).of_difference(other.error(-1, confidence))
    both = _Error(one.ratio.se_ln_cells, one.df).of_difference(_Error(other.ratio.se_ln_cells, other.df))
    towards_zero = below if difference > 0 else above
    same_names = set(one.result.fit.data.cell_names) & set(other.result.fit.data.cell_names)
    return Comparison(
        ion,
        one.group,
        other.group,
        sentences.SAME_CELL_NAMES if same_names else "",
        ln_difference=difference,
        low=difference - below.half_width(systematic, confidence),
        high=difference + above.half_width(systematic, confidence),
        p=towards_zero.p(abs(difference), systematic),
        se_ln_cells=both.se,
        se_ln_shared=systematic,
        df=both.df,
    )


def _bounds_reason(one: _Member, other: _Member) -> str:
    """Return the reason why there is no difference, and the order of the ratios where the bounds determine it."""
    order = ""
    for lower, higher in ((one, other), (other, one)):
        if not order and lower.ratio.high < higher.ratio.low:
            limits = ((lower.group, lower.ratio.high), (higher.group, higher.ratio.low))
            order = sentences.bounds_order(one.ratio.ion, *limits)
    return sentences.bounds_reason({one.group: one.ratio.verdict, other.group: other.ratio.verdict}, order)
