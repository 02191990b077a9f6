"""Working responses of censored observations and of possible gross errors, by expectation propagation.

Expectation propagation (Minka 2001; for limits Cunningham, Hennig & Lacoste-Julien 2011, arXiv:1111.6832) replaces the
likelihood of one observation by that of a normal one, its working response, that has the same mean and variance in
combination with all other observations. The model remains the linear one that it is without them. With m and v the mean
and variance of an observation predicted from all others, its own noise included:

- a censored observation, above its limit L: z = (m - L) / sqrt(v), h = phi(z) / Phi(z), w = h (h + z). The working
  response is m + sqrt(v) h / w with variance v / w, which is v (1 - w) / w more than that of a measured one. Slope and
  curvature of ln Phi(z) are those of the working response; one limit in a cell is exact, several are updated in turn
  until they agree;
- a contaminated normal (Little 1988, Appl Stat 37:23): with a probability of 5 % the deviation from m has ten times the
  standard deviation. The working response remains where it was measured, with variance v (1 / w - 1) more, w being the
  expected precision times v.

The likelihood of the observations is that of their working responses times, for each, the integral of the true factor
over that of the working response.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]
Precision = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_UNKNOWN_MV2 = 1e6
"""Variance of a censored potential before the first update, of 1 V squared: no potential lies further. With half or
twice of it the updates start as good as from nothing known."""

_GROSS = 0.05
"""Probability of a gross error, as Little (1988) takes it. With half of it an outlier has to lie further off before
it is discounted; with twice as much precise observations lose more weight."""

_GROSS_SD = 10.0
"""Standard deviation of a gross error over that of the others. With half of it outliers keep up to four times the
weight; with twice as much they keep a fourth, and moderate ones are rather taken for measured."""

_MIN_WEIGHT = 1e-8
"""Bound of w from 0 and 1, which rounding may exceed. At half or twice of it a limit far below a prediction has as
little weight."""

_MAX_UPDATES = 60
"""Rounds of updates. In simulated groups with limits or gross errors 2 (median) to 24 are needed; with half of it
the slowest hardly agree, twice as many only repeat."""

_CONVERGED = 1e-7
"""Change of a working response over its standard error below which the updates agree. The next alternation of the
fit continues them until it has settled; with half of it one more round, with twice one less."""

_LN_2PI = math.log(2 * math.pi)


def needed(data: Observations, robust: bool) -> bool:
    """Return True where any observation is censored or may be a gross error."""
    return robust or data.censored.size > 0


def begin(data: Observations) -> Observations:
    """Return working responses to start from: limits carry no information yet."""
    extra = np.where(_is_censored(data), _UNKNOWN_MV2, 0.0)
    return data.with_potentials(se_mV=np.sqrt(data.se_mV**2 + extra))


def _is_censored(data: Observations) -> NDArray[np.bool_]:
    """Return True for the observations of which only a limit is known; shape (n,)."""
    found = np.zeros(data.size, dtype=bool)
    found[data.censored] = True
    return found


def update(
    data: Observations,
    working: Observations,
    predicted_mV: FloatArray,
    precision: Callable[[Observations], Precision],
    robust: bool,
) -> tuple[Observations, float]:
    """Update the working responses to a prediction.

    Parameters
    ----------
    data : Observations
        As measured, limits in place of censored potentials.
    working : Observations
        Working responses so far.
    predicted_mV : ndarray, shape (n,)
    precision : callable
        Returns, for working responses, a function of residuals r in mV that returns V^-1 r and the diagonal of V^-1.
    robust : bool
        Measured observations may be gross errors.

    Returns
    -------
    working : Observations
    log_factor : float
        Log likelihood of the observations minus that of the working responses.
    """
    log_factor = 0.0
    for _ in range(_MAX_UPDATES):
        mean, variance = _cavity(data, working, predicted_mV, precision(working))
        fresh, log_factor = _matched(data, working, mean, variance, robust)
        moved = np.abs(fresh.potential_mV - working.potential_mV) + np.abs(fresh.se_mV - working.se_mV)
        converged = float((moved / fresh.se_mV).max()) < _CONVERGED
        working = fresh
        if converged:
            break
    return working, log_factor


def _cavity(
    data: Observations, working: Observations, predicted_mV: FloatArray, times: Precision
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of each potential from all others, with the noise of a measured one."""
    weighted, diagonal = times(working.potential_mV - predicted_mV)
    own = working.se_mV**2 - data.se_mV**2
    return working.potential_mV - weighted / diagonal, np.maximum(1 / diagonal - own, data.se_mV**2)


def _matched(
    data: Observations, working: Observations, mean: FloatArray, variance: FloatArray, robust: bool
) -> tuple[Observations, float]:
    """Return working responses that match mean and variance of the true factors, and the log of their ratio."""
    potential, extra = data.potential_mV.copy(), np.zeros(data.size)
    own, log_true = working.se_mV**2 - data.se_mV**2, np.zeros(data.size)
    at = data.censored
    if at.size:
        potential[at], extra[at], log_true[at] = _censored(
            data.potential_mV[at], np.array(data.limit_side)[at], mean[at], variance[at]
        )
        potential[at], extra[at] = _damped(data, working, potential[at], extra[at])
    if robust:
        rest = np.flatnonzero(~_is_censored(data))
        extra[rest], log_true[rest] = _contaminated(potential[rest] - mean[rest], variance[rest])
    which = np.arange(data.size) if robust else at
    total = variance + own
    away = (working.potential_mV - mean) ** 2 / total
    log_normal = -(away + np.log(total) + _LN_2PI) / 2
    fresh = data.with_potentials(potential, np.sqrt(data.se_mV**2 + extra))
    return fresh, float((log_true - log_normal)[which].sum())


def _censored(
    limit: FloatArray, side: NDArray[np.int64], mean: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return working response and additional variance of limits, and the log probability beyond each limit."""
    sd = np.sqrt(variance)
    z = side * (mean - limit) / sd
    log_beyond = special.log_ndtr(z)
    h = np.exp(-(z**2 + _LN_2PI) / 2 - log_beyond)
    w = np.clip(h * (h + z), _MIN_WEIGHT, 1 - _MIN_WEIGHT)
    return mean + side * sd * h / w, variance * (1 - w) / w, log_beyond


def _damped(
    data: Observations, working: Observations, potential: FloatArray, extra: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Damp the updates of several limits in one cluster, which depend on each other, in terms of the precision."""
    at = data.censored
    own = working.se_mV[at] ** 2 - data.se_mV[at] ** 2
    there = data.clusters >= 0
    number = (_is_censored(data)[data.clusters] & there).sum(axis=1)
    cluster = np.empty(data.size, int)
    cluster[data.clusters[there]] = np.nonzero(there)[0]
    part = 1 / number[cluster[at]]
    before, after = 1 / own, 1 / extra
    precision = (1 - part) * before + part * after
    place = ((1 - part) * before * working.potential_mV[at] + part * after * potential) / precision
    return place, 1 / precision


def _contaminated(residual: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return additional variance of the working responses of possible gross errors, and the log density of each."""
    wide = variance * (1 + _GROSS_SD**2)
    plain = math.log(1 - _GROSS) - (residual**2 / variance + np.log(variance) + _LN_2PI) / 2
    gross = math.log(_GROSS) - (residual**2 / wide + np.log(wide) + _LN_2PI) / 2
    log_density = np.logaddexp(plain, gross)
    w = np.exp(plain - log_density) + np.exp(gross - log_density) * variance / wide
    return variance * (1 / w - 1), log_density


def gross_probability(data: Observations, working: Observations, precision_diagonal: FloatArray) -> FloatArray:
    """Return the probability that each measured observation is a gross error; nan for limits.

    Parameters
    ----------
    data : Observations
        As measured.
    working : Observations
        Working responses of a robust fit.
    precision_diagonal : ndarray, shape (n,)
        Diagonal of V^-1 with the working responses.

    Notes
    -----
    The variance beyond the noise is v (1 / w - 1), with v that of the others' prediction and w the expected precision
    times v; a gross error keeps the precision 1 / (v (1 + _GROSS_SD^2)).
    """
    extra = working.se_mV**2 - data.se_mV**2
    variance = np.maximum(1 / precision_diagonal - extra, data.se_mV**2)
    lost = extra / (variance + extra)
    return np.where(_is_censored(data), math.nan, np.clip(lost * (1 + _GROSS_SD**-2), 0.0, 1.0))
