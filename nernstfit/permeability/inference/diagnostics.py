"""Is the Goldman-Hodgkin-Katz equation with constant ratios valid here? What the residuals of a fit say.

Every test asks whether a further effect explains residuals that the ratios leave (see `effects`): the cell is the
replicate, and what the ratios can take up is no evidence. A small p says that something is amiss, not what: an
effect of the potential, of an activity and of one bath may be the same few numbers seen from several sides.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import CovarianceComponents, WhitenedDesign, Whitener
from nernstfit.permeability.inference.effects import Effect, f_test, scatter_test
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

_SAME = 1e-9  # of a squared length


@dataclass(frozen=True)
class Covariates:
    """What may go with the residuals; nan where it is not known.

    Attributes
    ----------
    activity_mM : ndarray, shape (n, k)
        Of each permeant ion in the bath.
    time_s, slope_nS : ndarray, shape (n,)
        When a measurement was made; slope conductance at the reversal potential.
    """

    activity_mM: FloatArray
    time_s: FloatArray
    slope_nS: FloatArray


@dataclass(frozen=True)
class TestResult:
    """What one test says.

    Attributes
    ----------
    test, ion : str
        `ion` is '' where the test is of no single ion.
    statistic, df1, df2 : float
        F and its degrees of freedom; for `scatter` the signed root of a likelihood ratio. nan where there is no test.
    p : float
    size, se : float
        Of the effect, in `unit`; nan where a test has no single effect.
    unit, sentence : str
    """

    test: str
    ion: str
    sentence: str
    statistic: float = math.nan
    p: float = math.nan
    size: float = math.nan
    se: float = math.nan
    unit: str = ""
    df1: float = math.nan
    df2: float = math.nan


def run_tests(fitted: Fit, about: Covariates, confidence: float, estimates: Collection[str]) -> tuple[TestResult, ...]:
    """Run every test on one fit.

    Parameters
    ----------
    fitted : Fit
        By REML.
    about : Covariates
    confidence : float
        1 - `confidence` is the p below which a sentence takes an effect for real.
    estimates : collection of str
        Ions whose ratios are estimates. No other's has a size that could change: where hardly anything depends on it,
        it would change by any factor.

    Returns
    -------
    tuple of TestResult
        Always the same tests in the same order; one that the data do not allow says why.
    """
    level = 1 - confidence
    return (
        _lack_of_fit(fitted, level),
        _scatter(fitted, level),
        *_against_activity(fitted, about.activity_mM, level),
        *_trends(fitted, about.activity_mM, level, estimates),
        _against_potential(fitted, level),
        _against_time(fitted, about.time_s, level),
        _against_conductance(fitted, about.slope_nS, level),
        *_shift_method(fitted, level, estimates),
    )


def _lack_of_fit(fitted: Fit, level: float) -> TestResult:
    """Whether the mean of each condition lies where the ratios put it."""
    found = f_test(fitted, _indicators(fitted))
    if found is None:
        reason = "The ratios can meet the mean of every bath, so that nothing tests the equation; a further bath would."
        return TestResult("lack_of_fit", "", reason)
    many = f"the means of the baths, {found.df1:.0f} more than there are ratios"
    return _told(
        "lack_of_fit",
        "",
        replace(found, size=math.nan, se=math.nan),  # a direction among the baths has no unit
        level,
        f"No set of ratios explains {many}: this model does not hold",
        f"The ratios explain {many}",
    )


def _indicators(fitted: Fit) -> FloatArray:
    """One column per condition: 1 mV where it is."""
    data = fitted.data
    sides = data.pipette_side or np.zeros(data.size)
    conditions = np.column_stack([data.inside, data.outside, data.temperature_C, sides])
    _, place = np.unique(conditions, axis=0, return_inverse=True)
    return np.asarray(np.eye(int(place.max()) + 1)[place.reshape(-1)])


def _scatter(fitted: Fit, level: float) -> TestResult:
    found = scatter_test(fitted)
    if found is None:
        return TestResult("scatter", "", "The ratios and the spreads between cells leave no scatter to judge by.")
    say = "their standard errors and the spreads between cells say"
    return _told(
        "scatter",
        "",
        found,
        level,
        f"Measurements scatter more than {say}, as if their errors were {found.size:.2g} times as large",
        f"Measurements scatter no more than {say}",
        "ratio",
    )


def _against_activity(fitted: Fit, activity_mM: FloatArray, level: float) -> Iterator[TestResult]:
    for ion, activity in zip(fitted.data.ions, activity_mM.T, strict=True):
        decades = _centred_log(activity) / math.log(10)
        found, why = _single(fitted, decades, f"The baths have no two activities of {ion}.")
        words = f"per tenfold activity of {ion} in the bath, beside what the ratios explain"
        yield _slope("activity", ion, found, level, "mV", words, why)


def _trends(fitted: Fit, activity_mM: FloatArray, level: float, estimates: Collection[str]) -> Iterator[TestResult]:
    """A ratio that changes with the activity of its ion: d ln P / d ln a."""
    gradient = fitted.gradient
    told = {*estimates, fitted.reference} if estimates else ()
    for i, (ion, activity) in enumerate(zip(fitted.data.ions, activity_mM.T, strict=True)):
        if ion not in told:
            yield TestResult("permeability_trend", ion, f"No permeability of {ion} is estimated that could change.")
            continue
        effect = gradient[:, i] * _centred_log(activity)
        found, why = _single(fitted, effect, f"The baths have no two activities of {ion}.")
        if found is None:
            yield TestResult("permeability_trend", ion, why)
            continue
        size = f"by a power of {_sized(found, '')} of its activity in the bath"
        yield _told(
            "permeability_trend",
            ion,
            found,
            level,
            f"The permeability of {ion} changes {size}: it is no constant",
            f"The permeability of {ion} changes {size}, which may be nothing",
            "ln P per ln activity",
        )


def _against_potential(fitted: Fit, level: float) -> TestResult:
    predicted = fitted.predicted_mV
    found, why = _single(fitted, predicted - predicted.mean(), "All predicted potentials are the same.")
    return _slope("potential", "", found, level, "mV", "per mV of predicted potential", why)


def _against_time(fitted: Fit, time_s: FloatArray, level: float) -> TestResult:
    """Drift within cells: between them time is one of many things that differ."""
    minutes = time_s / 60
    for name in fitted.data.cell_names:
        own = np.array([cell == name for cell in fitted.data.cells])
        minutes[own] = _centred(minutes[own])
    found, why = _single(fitted, minutes, "No cell has measurements of two known times (column time_s).")
    return _slope("time", "", found, level, "mV", "per minute within cells", why)


def _against_conductance(fitted: Fit, slope_nS: FloatArray, level: float) -> TestResult:
    found, why = _single(fitted, _centred(slope_nS), "No two slope conductances are known.")
    words = "per nS of slope conductance; large currents use up or heap up ions"
    return _slope("conductance", "", found, level, "mV", words, why)


def _shift_method(fitted: Fit, level: float, estimates: Collection[str]) -> Iterator[TestResult]:
    """Ratios from shifts of potential alone, whatever all potentials are off by in common, against the fitted ones.

    Beside the fitted ratios, which trust the cells' offsets to be nothing on average, those with the average left free
    are less precise and never biased by it: their difference is tested (Hausman 1978, Econometrica 46:1251).
    """
    data, test = fitted.data, "shift_method"
    free = [i for i in fitted.free if i < len(data.ions)]
    if math.isinf(fitted.offset_scale_mV):
        same = "The model has a free offset in each cell: it is the shift method."
        yield from (TestResult(test, data.ions[i], same) for i in free)
        return
    ones = np.ones((data.size, 1))
    common = f_test(fitted, ones)
    if common is None:
        same = "The ratios can take up an offset that all cells have in common: these baths do not test it."
        yield from (TestResult(test, data.ions[i], same) for i in free)
        return
    gradient = fitted.gradient
    white = Whitener(CovarianceComponents(fitted.working, gradient), common.components)
    moved = -(WhitenedDesign.of(white(gradient[:, list(fitted.free)])).sensitivity @ white(ones))[:, 0]  # ln P per mV
    off = f"All potentials are off by {_sized(common, 'mV')} in common"
    for j, i in enumerate(free):
        if data.ions[i] in estimates:
            found = replace(common, size=common.size * float(moved[j]), se=common.se * abs(float(moved[j])))
            gives = f"the shift method changes P({data.ions[i]}) by {_percent(found.size)}"
        else:
            found = replace(common, size=math.nan, se=math.nan)
            gives = f"there is no estimate of P({data.ions[i]}) that the shift method could change"
        chance = f"{off}, no more than chance allows; {gives}"
        yield _told(test, data.ions[i], found, level, f"{off} (a junction?); {gives}", chance, "ln P")


def _single(fitted: Fit, effect: FloatArray, constant: str) -> tuple[Effect | None, str]:
    """Test of one effect, or why there is none."""
    if float(effect @ effect) < _SAME:
        return None, constant
    return f_test(
        fitted, effect[:, None]
    ), "The ratios can take up nearly all of such an effect: these baths do not test it."


def _slope(test: str, ion: str, found: Effect | None, level: float, unit: str, words: str, why: str) -> TestResult:
    if found is None:
        return TestResult(test, ion, why)
    said = f"Residuals change by {_sized(found, unit)} {words}"
    return _told(test, ion, found, level, said, f"{said}: no more than chance allows", _UNITS[test])


_UNITS = {
    "activity": "mV per decade",
    "potential": "mV per mV",
    "time": "mV per minute",
    "conductance": "mV per nS",
}


def _told(test: str, ion: str, found: Effect, level: float, real: str, chance: str, unit: str = "") -> TestResult:
    said = real if found.p < level else chance
    sentence = f"{said} (p {_chance(found.p)})."
    return TestResult(
        test, ion, sentence, found.statistic, found.p, found.size, found.se, unit, float(found.df1), found.df2
    )


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _sized(found: Effect, unit: str) -> str:
    decimals = max(0, 1 - math.floor(math.log10(found.se))) if found.se > 0 else 2
    return f"{found.size:+.{decimals}f} \N{PLUS-MINUS SIGN} {found.se:.{decimals}f}{f' {unit}' if unit else ''}"


def _percent(ln_ratio: float) -> str:
    percent = 100 * math.expm1(ln_ratio)
    return f"{percent:+.1f} %" if abs(percent) >= 0.1 else "less than 0.1 %"


def _centred_log(activity_mM: FloatArray) -> FloatArray:
    """Log of an activity less its mean; 0 where the ion is not in the bath."""
    with np.errstate(divide="ignore"):
        logs = np.log(activity_mM)
    return _centred(np.where(np.isfinite(logs), logs, math.nan))


def _centred(values: FloatArray) -> FloatArray:
    """Values less their mean; what is not known counts for nothing."""
    known = np.isfinite(values)
    return np.where(known, values - values[known].mean(), 0.0) if known.any() else np.zeros(len(values))
