"""Is the Goldman-Hodgkin-Katz equation with constant ratios valid here? What the residuals of a fit say.

Every test asks whether a further effect explains residuals that the ratios leave (see `effects`): the cell is the
replicate, and what the ratios can take up is no evidence. A small p says that something is amiss, not what: an
effect of the potential, of an activity and of one bath may be the same few numbers seen from several sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nernstfit.permeability.effects import Effect, explained, scatter
from nernstfit.permeability.model import Fit, fit
from nernstfit.permeability.spreads import Structure

FloatArray = NDArray[np.float64]

_SAME = 1e-9  # of a squared length
_SAME_METHOD = 1e-3  # of a variance
_UNTOLD_SE = 0.5  # of ln P: a shift method that knows so little is no check


@dataclass(frozen=True)
class Circumstances:
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
class Outcome:
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


def examine(fitted: Fit, about: Circumstances, confidence: float, robust: bool = False) -> tuple[Outcome, ...]:
    """Run every test on one fit.

    Parameters
    ----------
    fitted : Fit
        By REML.
    about : Circumstances
    confidence : float
        1 - `confidence` is the p below which a sentence takes an effect for real.
    robust : bool
        Whether measurements may be gross errors.

    Returns
    -------
    tuple of Outcome
        Always the same tests in the same order; one that the data do not allow says why.
    """
    level = 1 - confidence
    return (
        _lack_of_fit(fitted, level),
        _scatter(fitted, level),
        *_against_activity(fitted, about.activity_mM, level),
        *_trends(fitted, about.activity_mM, level),
        _against_potential(fitted, level),
        _against_time(fitted, about.time_s, level),
        _against_conductance(fitted, about.slope_nS, level),
        *_shift_method(fitted, level, robust),
    )


def _lack_of_fit(fitted: Fit, level: float) -> Outcome:
    """Whether the mean of each condition lies where the ratios put it."""
    found = explained(fitted, _indicators(fitted))
    if found is None:
        reason = (
            "The ratios can meet the mean of every bath: the equation is not put to the test; a further bath would."
        )
        return Outcome("lack_of_fit", "", reason)
    many = f"the means of the baths, {found.df1:.0f} more than there are ratios"
    return _told(
        "lack_of_fit",
        "",
        found,
        level,
        f"No set of ratios explains {many}: this model does not hold",
        f"The ratios explain {many}",
    )


def _indicators(fitted: Fit) -> FloatArray:
    """One column per condition: 1 mV where it is."""
    data = fitted.data
    sides = data.corrected or np.zeros(data.size)
    conditions = np.column_stack([data.inside, data.outside, data.temperature_C, sides])
    _, place = np.unique(conditions, axis=0, return_inverse=True)
    return np.asarray(np.eye(int(place.max()) + 1)[place.reshape(-1)])


def _scatter(fitted: Fit, level: float) -> Outcome:
    found = scatter(fitted)
    if found is None:
        return Outcome("scatter", "", "The ratios and the spreads between cells leave no scatter to judge by.")
    times = f"{found.size:.2g} times as much as their standard errors and the spreads between cells say"
    return _told(
        "scatter",
        "",
        found,
        level,
        f"Measurements scatter {times}: a further error is not in the standard errors",
        f"Measurements scatter {times}",
        "ratio",
    )


def _against_activity(fitted: Fit, activity_mM: FloatArray, level: float) -> Iterator[Outcome]:
    for ion, activity in zip(fitted.data.ions, activity_mM.T, strict=True):
        decades = _centred_log(activity) / math.log(10)
        found, why = _single(fitted, decades, f"The baths have no two activities of {ion}.")
        words = f"per tenfold activity of {ion} in the bath, beside what the ratios explain"
        yield _slope("activity", ion, found, level, "mV", words, why)


def _trends(fitted: Fit, activity_mM: FloatArray, level: float) -> Iterator[Outcome]:
    """A ratio that changes with the activity of its ion: d ln P / d ln a."""
    gradient = fitted.data.gradient(fitted.ln_p)
    for i, (ion, activity) in enumerate(zip(fitted.data.ions, activity_mM.T, strict=True)):
        effect = gradient[:, i] * _centred_log(activity)
        found, why = _single(fitted, effect, f"The baths have no two activities of {ion}.")
        if found is None:
            yield Outcome("permeability_trend", ion, why)
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


def _against_potential(fitted: Fit, level: float) -> Outcome:
    predicted = fitted.predicted_mV
    found, why = _single(fitted, predicted - predicted.mean(), "All predicted potentials are the same.")
    return _slope("potential", "", found, level, "mV", "per mV of predicted potential", why)


def _against_time(fitted: Fit, time_s: FloatArray, level: float) -> Outcome:
    """Drift within cells: between them time is one of many things that differ."""
    minutes = time_s / 60
    for name in fitted.data.cell_names:
        own = np.array([cell == name for cell in fitted.data.cells])
        minutes[own] = _centred(minutes[own])
    found, why = _single(fitted, minutes, "No cell has measurements of two known times (column time_s).")
    return _slope("time", "", found, level, "mV", "per minute within cells", why)


def _against_conductance(fitted: Fit, slope_nS: FloatArray, level: float) -> Outcome:
    found, why = _single(fitted, _centred(slope_nS), "No two slope conductances are known.")
    words = "per nS of slope conductance; large currents use up or heap up ions"
    return _slope("conductance", "", found, level, "mV", words, why)


def _shift_method(fitted: Fit, level: float, robust: bool) -> Iterator[Outcome]:
    """Ratios from the shifts of potential within cells, each with its own free offset, against the fitted ones.

    The difference of the two is a linear function of the potentials: its variance follows from theirs (Hausman 1978,
    Econometrica 46:1251, without taking either to be efficient).
    """
    data, test = fitted.data, "shift_method"
    free = [i for i in fitted.free if i < len(data.ions)]
    if math.isinf(fitted.offset_scale_mV):
        same = "The model has a free offset in each cell: it is the shift method."
        yield from (Outcome(test, data.ions[i], same) for i in free)
        return
    shifted = fit(data, fitted.reference, math.inf, robust=robust)
    structure = Structure(fitted.standing, data.gradient(fitted.ln_p))
    variance = np.asarray(sum(structure.parts(fitted.spread, shifted.gain - fitted.gain).values()))
    for j, i in enumerate(free):
        ion = data.ions[i]
        if j in shifted.loose or j in fitted.loose or shifted.covariance[j, j] > _UNTOLD_SE**2:
            yield Outcome(test, ion, f"The shifts of potential within cells do not tell P({ion}).")
            continue
        if variance[j] < _SAME_METHOD * fitted.covariance[j, j]:
            yield Outcome(test, ion, f"P({ion}) comes from shifts within cells in any case.")
            continue
        difference, se = float(shifted.ln_p[i] - fitted.ln_p[i]), math.sqrt(variance[j])
        statistic, df = (difference / se) ** 2, float(fitted.df[j])
        p = float(2 * stats.t.sf(abs(difference) / se, df))
        found = Effect(difference, se, statistic, 1, df, p)
        gives = f"The shift method, with a free offset in each cell, gives {math.exp(difference):.3g} times P({ion})"
        yield _told(
            test,
            ion,
            found,
            level,
            f"{gives}: the potentials themselves are off by more than the cells' offsets (a junction?)",
            f"{gives}, no more than chance allows",
            "ln P",
        )


def _single(fitted: Fit, effect: FloatArray, constant: str) -> tuple[Effect | None, str]:
    """Test of one effect, or why there is none."""
    if float(effect @ effect) < _SAME:
        return None, constant
    return explained(fitted, effect[:, None]), "The ratios can take up any such effect: these baths do not test it."


def _slope(test: str, ion: str, found: Effect | None, level: float, unit: str, words: str, why: str) -> Outcome:
    if found is None:
        return Outcome(test, ion, why)
    said = f"Residuals change by {_sized(found, unit)} {words}"
    return _told(test, ion, found, level, said, f"{said}: no more than chance allows", _UNITS[test])


_UNITS = {
    "activity": "mV per decade",
    "potential": "mV per mV",
    "time": "mV per minute",
    "conductance": "mV per nS",
}


def _told(test: str, ion: str, found: Effect, level: float, real: str, chance: str, unit: str = "") -> Outcome:
    said = real if found.p < level else chance
    sentence = f"{said} (p {_chance(found.p)})."
    return Outcome(
        test, ion, sentence, found.statistic, found.p, found.size, found.se, unit, float(found.df1), found.df2
    )


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _sized(found: Effect, unit: str) -> str:
    return f"{found.size:+.2g} \N{PLUS-MINUS SIGN} {found.se:.1g}{f' {unit}' if unit else ''}"


def _centred_log(activity_mM: FloatArray) -> FloatArray:
    """Log of an activity less its mean; 0 where the ion is not in the bath."""
    with np.errstate(divide="ignore"):
        logs = np.log(activity_mM)
    return _centred(np.where(np.isfinite(logs), logs, math.nan))


def _centred(values: FloatArray) -> FloatArray:
    """Values less their mean; what is not known counts for nothing."""
    known = np.isfinite(values)
    return np.where(known, values - values[known].mean(), 0.0) if known.any() else np.zeros(len(values))
