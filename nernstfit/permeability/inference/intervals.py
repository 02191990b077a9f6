"""Intervals of the same ratio by several methods, as checks on the reported one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import IntervalMethod, RatioScope, RatioVerdict
from nernstfit.permeability.distributions import f_tail, normal_quantile, t_quantile, t_tail
from nernstfit.permeability.inference.bootstrap import bootstrap_ln_p
from nernstfit.permeability.inference.ratios import Ratio, profile_interval
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

# Number of resamples of the bootstrap. The ends of a 95 % interval then have a standard error of 3 % of its half-width.
# Half of it takes half of the time and leaves 4 %, twice leaves 2 %. `IntervalMethod.BOOTSTRAP` names it.
RESAMPLES = 2000

# Fraction of the resamples that may lack a ratio (none of the informative cells was drawn). Three informative cells of
# ten are just enough. With half of it they are not, with twice a tenth of the sampling distribution may be missing.
_MAX_FRACTION_LOST = 0.05

# Least number of cells, or batches, that are resampled. Of 3 there are 10 different resamples, one in 27 of which is a
# single cell: no quantile. With half of it such intervals are in the table, with twice those of 4 to 7 are not.
_MIN_RESAMPLED = 4

_MANY = 1e9  # degrees of freedom that stand for unlimited ones; half or twice of it changes no digit of p

# Distance of the centres over the half-width of the between-cell interval, and ratio of the standard errors, from which
# a method disagrees. Half of a half-width is one standard error. With half of either, methods that are known to differ
# in small samples are marked; with twice, an interval may exclude the other estimate unmarked.
_MAX_DISTANCE, _MAX_ERROR_RATIO = 0.5, 2.0

# p below which a deviation of the t interval of single cells is beyond chance, over all ratios and both deviations
# (Bonferroni). Its error is that of one ion in few cells, while the model draws the spreads of the ions together: of 5
# cells alone, one in ten has half the error. With half of it one sound experiment in forty is marked, with twice one in
# ten.
_MAX_P = 0.05


@dataclass(frozen=True)
class Interval:
    """Interval of one ratio by one method.

    Attributes
    ----------
    ion : str
    method : IntervalMethod
        All but `DEFAULT` are without systematic errors.
    low, high : float
        nan on a side without a limit.
    disagrees : bool
        True where the centre differs from that of `CELLS` by half of its half-width, or the standard error by a
        factor of two; of `STUDENT` where chance does not explain it.
    """

    ion: str
    method: IntervalMethod
    low: float
    high: float
    disagrees: bool = False


def reported_intervals(ratios: Sequence[Ratio]) -> Iterator[Interval]:
    """Yield the reported interval or bound of each ratio, with systematic errors, and between cells without them."""
    for ratio in ratios:
        if not (math.isnan(ratio.low) and math.isnan(ratio.high)):
            yield Interval(ratio.ion, IntervalMethod.DEFAULT, ratio.low, ratio.high)
        if not (math.isnan(ratio.low_cells) and math.isnan(ratio.high_cells)):
            yield Interval(ratio.ion, IntervalMethod.CELLS, ratio.low_cells, ratio.high_cells)


def alternative_intervals(
    fit: Fit,
    ratios: Sequence[Ratio],
    ln_ratios_of_cells: Mapping[str, Sequence[float]],
    confidence: float,
    seed: int,
) -> Iterator[Interval]:
    """Yield the between-cell intervals of every estimate by other methods; none of one cell.

    Parameters
    ----------
    fit : Fit
    ratios : sequence of Ratio
    ln_ratios_of_cells : mapping of str to sequence of float
        ln ratios estimated from single cells, by ion.
    confidence : float
    seed : int
        Seed of the bootstrap.

    Yields
    ------
    Interval
        `PROFILE`: profile likelihood, at the level of Student's t; `BOOTSTRAP`: quantiles of refits to resampled cells
        with the variance components fixed, widened as Hesterberg 2015 (Am Stat 69:371) has it for few cells;
        `STUDENT`: t interval of the ln ratios of single cells.
    """
    of_cells = [ratio for ratio in ratios if ratio.scope == RatioScope.POPULATION]
    estimates = [ratio for ratio in of_cells if ratio.verdict == RatioVerdict.ESTIMATE]
    resamples = bootstrap_ln_p(fit, RESAMPLES, seed) if estimates and len(fit.data.cell_names) > 1 else None
    for ratio in estimates:
        i = fit.data.ions.index(ratio.ion)
        low, high = profile_interval(fit, i, confidence)
        yield _compared(ratio, IntervalMethod.PROFILE, (low, high), ratio.se_ln_cells)
        if resamples is not None:
            values = resamples[:, fit.free.index(i)]
            values = values[np.isfinite(values)]
            n = min(ratio.n_cells, len(fit.data.clusters))
            if n >= _MIN_RESAMPLED and len(values) >= (1 - _MAX_FRACTION_LOST) * RESAMPLES:
                limits, widening = _resampled(values, ratio.ln_ratio, n, confidence)
                yield _compared(ratio, IntervalMethod.BOOTSTRAP, limits, widening * float(values.std()))
        single = np.array(ln_ratios_of_cells.get(ratio.ion, ()))
        if len(single) > 1:
            yield single_cells(ratio, single, confidence, len(estimates))


def _resampled(values: FloatArray, ln_ratio: float, n: int, confidence: float) -> tuple[tuple[float, float], float]:
    """Return the limits of the ln ratio from resamples of n cells, and the factor on the error of these.

    The variance of a mean of n resampled cells is (n - 1) / n of that of n cells, and the quantiles are those of a
    normal distribution of known variance.
    """
    level = 0.5 + confidence / 2
    widening = math.sqrt(n / (n - 1))
    factor = widening * (t_quantile(level, n - 1) / normal_quantile(level))
    low, high = (ln_ratio + factor * (np.quantile(values, [1 - level, level]) - ln_ratio)).tolist()
    return (low, high), widening


def single_cells(ratio: Ratio, ln_ratios: FloatArray, confidence: float, number: int) -> Interval:
    """Return the t interval of the ln ratios of single cells, marked where chance does not explain its deviation.

    Parameters
    ----------
    ratio : Ratio
        An estimate of the model.
    ln_ratios : ndarray, shape (cells,)
    confidence : float
    number : int
        Number of ratios that are looked at.
    """
    df, mean = len(ln_ratios) - 1, float(ln_ratios.mean())
    se = float(ln_ratios.std(ddof=1)) / math.sqrt(len(ln_ratios))
    half_width = t_quantile(0.5 + confidence / 2, df) * se
    found = _compared(ratio, IntervalMethod.STUDENT, (mean - half_width, mean + half_width), se)
    of_model = ratio.df if math.isfinite(ratio.df) else _MANY
    F = (se / ratio.se_ln_cells) ** 2
    p_above = f_tail(F, df, of_model)
    p_of_error = 2 * min(p_above, 1 - p_above)
    p_of_centre = 2 * t_tail(abs(mean - ratio.ln_ratio) / se, df) if se > 0 else 0.0
    return replace(found, disagrees=found.disagrees and min(p_of_error, p_of_centre) < _MAX_P / (2 * number))


def _compared(ratio: Ratio, method: IntervalMethod, limits: tuple[float, float], se: float) -> Interval:
    """Return an interval marked by comparison with the between-cell one; limits and error are of the ln ratio."""
    low, high = limits
    reported_low, reported_high = math.log(ratio.low_cells), math.log(ratio.high_cells)
    distance = abs((low + high) - (reported_low + reported_high)) / 2
    is_elsewhere = not distance <= _MAX_DISTANCE * (reported_high - reported_low) / 2
    has_other_error = not 1 / _MAX_ERROR_RATIO <= se / ratio.se_ln_cells <= _MAX_ERROR_RATIO
    return Interval(ratio.ion, method, math.exp(low), math.exp(high), is_elsewhere or has_other_error)
