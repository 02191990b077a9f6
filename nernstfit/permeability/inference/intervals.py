"""Intervals of the same ratio by several methods, side by side: checks on the one that is reported."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nernstfit.contract.terms import IntervalMethod, RatioVerdict
from nernstfit.permeability.inference.bootstrap import bootstrap_ln_p
from nernstfit.permeability.inference.ratios import Ratio, profile_interval
from nernstfit.permeability.mixed_model import Fit

RESAMPLES = 2000
_MAX_LOST = 0.05  # of the resamples
_FAR, _WIDER = 0.5, 2.0


@dataclass(frozen=True)
class Interval:
    """Interval of one ratio by one method.

    Attributes
    ----------
    ion, method : str
        `DEFAULT` is the reported one; all others are over cells alone, without the shared errors.
    low, high : float
        nan on a side without a limit.
    disagrees : bool
        Whether it lies elsewhere than `CELLS`, by half of its reach, or its error is half or twice that one's.
    """

    ion: str
    method: str
    low: float
    high: float
    disagrees: bool = False


def reported_intervals(ratios: Sequence[Ratio]) -> Iterator[Interval]:
    """The reported interval or bound of each ratio, with and without the shared errors."""
    for ratio in ratios:
        if not (math.isnan(ratio.low) and math.isnan(ratio.high)):
            yield Interval(ratio.ion, IntervalMethod.DEFAULT, ratio.low, ratio.high)
            yield Interval(ratio.ion, IntervalMethod.CELLS, ratio.low_cells, ratio.high_cells)


def alternative_intervals(
    fit: Fit, ratios: Sequence[Ratio], of_cells: Mapping[str, Sequence[float]], confidence: float, seed: int
) -> Iterator[Interval]:
    """Intervals over cells of every estimate, by other methods.

    Parameters
    ----------
    fit : Fit
    ratios : sequence of Ratio
    of_cells : mapping
        Ion to the ln ratios that single cells tell.
    confidence : float
    seed : int
        Of the bootstrap.

    Yields
    ------
    Interval
        `PROFILE` of the likelihood, cut where Student's t cuts a parabola; `BOOTSTRAP`, the quantiles of refits to
        cells drawn anew, the spreads held; `STUDENT`, t on the cells' own ln ratios.
    """
    estimates = [ratio for ratio in ratios if ratio.verdict == RatioVerdict.ESTIMATE]
    drawn = bootstrap_ln_p(fit, RESAMPLES, seed) if estimates and len(fit.data.cell_names) > 1 else None
    for ratio in estimates:
        i = fit.data.ions.index(ratio.ion)
        low, high = profile_interval(fit, i, confidence)
        yield _compared(ratio, IntervalMethod.PROFILE, low, high, ratio.se_ln_cells)
        if drawn is not None:
            own = drawn[:, fit.free.index(i)]
            own = own[np.isfinite(own)]
            if len(own) >= (1 - _MAX_LOST) * RESAMPLES:
                low, high = np.quantile(own, [0.5 - confidence / 2, 0.5 + confidence / 2])
                yield _compared(ratio, IntervalMethod.BOOTSTRAP, float(low), float(high), float(own.std()))
        single = np.array(of_cells.get(ratio.ion, ()))
        if len(single) > 1:
            mean, se = float(single.mean()), float(stats.sem(single))
            reach = float(stats.t.ppf(0.5 + confidence / 2, len(single) - 1)) * se
            yield _compared(ratio, IntervalMethod.STUDENT, mean - reach, mean + reach, se)


def _compared(ratio: Ratio, method: str, low: float, high: float, se: float) -> Interval:
    """Beside the reported interval over cells; limits and error are of ln ratio."""
    own_low, own_high = math.log(ratio.low_cells), math.log(ratio.high_cells)
    away = abs((low + high) - (own_low + own_high)) / 2
    elsewhere = not away <= _FAR * (own_high - own_low) / 2
    other_size = not 1 / _WIDER <= se / ratio.se_ln_cells <= _WIDER
    return Interval(ratio.ion, method, math.exp(low), math.exp(high), elsewhere or other_size)
