"""What stands in for measurements that are no plain numbers: limits, and potentials that may be gross errors.

Both are taken into the likelihood by expectation propagation (Minka 2001; for limits Cunningham,
Hennig & Lacoste-Julien 2011, arXiv:1111.6832): a row's own factor is replaced by a normal
measurement, the stand-in, that has the same mean and variance beside what all other rows say of
it. The model then is the linear one it is without them. With mean m and variance v of a row from
all others, its own noise included:

- a limit L, the potential above it: z = (m - L) / sqrt(v), h = phi(z) / Phi(z), w = h (h + z). The
  stand-in lies at m + sqrt(v) h / w with the variance v / w, that is with v (1 - w) / w more noise
  than a measurement. Slope and curvature of ln Phi(z) are those of the stand-in; one limit in a
  cell is exact, several are taken in turn until they agree.
- a contaminated normal (Little 1988, Appl Stat 37:23): with a chance of 5 % the row's deviation
  from m is ten times wider. Its stand-in stays where it was measured, with noise v (1 / w - 1) more,
  w the expected precision over 1 / v.

The likelihood of the rows is that of their stand-ins times, for each, the true factor's integral
over its stand-in's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from nernstfit.permeability.observations import Data

FloatArray = NDArray[np.float64]
Precision = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_UNKNOWN_MV2 = 1e6  # variance of a limit before anything is known
_GROSS, _WIDER = 0.05, 10.0
_LEAST = 1e-8
_MAX_ROUNDS, _SETTLED = 60, 1e-5
_LN_2PI = math.log(2 * math.pi)


def needed(data: Data, robust: bool) -> bool:
    """Whether any measurement needs one."""
    return robust or data.censored.size > 0


def begin(data: Data) -> Data:
    """Stand-ins that say nothing of the limits yet."""
    extra = np.where(np.isin(np.arange(data.size), data.censored), _UNKNOWN_MV2, 0.0)
    return replace(data, se_mV=np.sqrt(data.se_mV**2 + extra))


def update(
    data: Data, working: Data, predicted_mV: FloatArray, precision: Callable[[Data], Precision], robust: bool
) -> tuple[Data, float]:
    """Bring the stand-ins up to date with a prediction.

    Parameters
    ----------
    data : Data
        As measured.
    working : Data
        The same with the stand-ins so far.
    predicted_mV : ndarray, shape (n,)
    precision : callable
        For some stand-ins a function of residuals r in mV that returns V^-1 r and the diagonal of V^-1.
    robust : bool

    Returns
    -------
    working : Data
    log_factor : float
        What is added to the log likelihood of the stand-ins to have that of the measurements.
    """
    log_factor = 0.0
    for _ in range(_MAX_ROUNDS):
        mean, variance = _beside(data, working, predicted_mV, precision(working))
        fresh, log_factor = _factors(data, working, mean, variance, robust)
        moved = np.abs(fresh.potential_mV - working.potential_mV) + np.abs(fresh.se_mV - working.se_mV)
        done = float((moved / fresh.se_mV).max()) < _SETTLED
        working = fresh
        if done:
            break
    return working, log_factor


def _beside(data: Data, working: Data, predicted_mV: FloatArray, times: Precision) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each potential from all other rows, the noise of a plain measurement included."""
    weighed, diagonal = times(working.potential_mV - predicted_mV)
    own = working.se_mV**2 - data.se_mV**2
    return working.potential_mV - weighed / diagonal, np.maximum(1 / diagonal - own, data.se_mV**2)


def _factors(data: Data, working: Data, mean: FloatArray, variance: FloatArray, robust: bool) -> tuple[Data, float]:
    potential, extra = data.potential_mV.copy(), np.zeros(data.size)
    own, log_true = working.se_mV**2 - data.se_mV**2, np.zeros(data.size)
    at = data.censored
    if at.size:
        potential[at], extra[at], log_true[at] = _limited(
            data.potential_mV[at], np.array(data.sides)[at], mean[at], variance[at]
        )
        potential[at], extra[at] = _damped(data, working, potential[at], extra[at])
    rest = np.setdiff1d(np.arange(data.size), at)
    if robust:
        extra[rest], log_true[rest] = _contaminated(potential[rest] - mean[rest], variance[rest])
    which = np.arange(data.size) if robust else at
    total = variance + own
    away = (working.potential_mV - mean) ** 2 / total
    log_normal = -(away + np.log(total) + _LN_2PI) / 2
    fresh = replace(data, potential_mV=potential, se_mV=np.sqrt(data.se_mV**2 + extra))
    return fresh, float((log_true - log_normal)[which].sum())


def _limited(
    limit: FloatArray, side: NDArray[np.int64], mean: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Place and further variance of the stand-ins of limits, and the log of what is beyond each limit."""
    sd = np.sqrt(variance)
    z = side * (mean - limit) / sd
    log_beyond = special.log_ndtr(z)
    h = np.exp(-(z**2 + _LN_2PI) / 2 - log_beyond)
    w = np.clip(h * (h + z), _LEAST, 1 - _LEAST)
    return mean + side * sd * h / w, variance * (1 - w) / w, log_beyond


def _damped(data: Data, working: Data, potential: FloatArray, extra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Several limits that share a unit move each other: they go part of the way, by the stand-ins' precision."""
    at = data.censored
    own = working.se_mV[at] ** 2 - data.se_mV[at] ** 2
    number = np.isin(data.clusters, at).sum(axis=1)
    unit = np.empty(data.size, int)
    unit[data.clusters[data.clusters >= 0]] = np.nonzero(data.clusters >= 0)[0]
    part = 1 / number[unit[at]]
    before, after = 1 / own, 1 / extra
    precision = (1 - part) * before + part * after
    place = ((1 - part) * before * working.potential_mV[at] + part * after * potential) / precision
    return place, 1 / precision


def _contaminated(residual: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Further variance of the stand-ins of measurements that may be gross errors, and the log density of each."""
    wide = variance * (1 + _WIDER**2)
    plain = math.log(1 - _GROSS) - (residual**2 / variance + np.log(variance) + _LN_2PI) / 2
    gross = math.log(_GROSS) - (residual**2 / wide + np.log(wide) + _LN_2PI) / 2
    log_density = np.logaddexp(plain, gross)
    w = np.exp(plain - log_density) + np.exp(gross - log_density) * variance / wide
    return variance * (1 / w - 1), log_density
