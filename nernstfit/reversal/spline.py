"""Smoothing spline through the levels of an I-V curve, its smoothness determined by the data.

The current is modelled as a low polynomial, the trend, plus a deviation from it: a Wiener process
integrated twice (once where there are few levels). Its best linear prediction is a quintic (cubic)
smoothing spline. The variance of the deviation is not chosen: predictions are averaged over it with
weights by restricted likelihood, from none, which is weighted regression by the polynomial alone, to
interpolation. The error of the prediction therefore includes the noise of the levels and the course
of the current between them (Wahba 1990, Spline Models for Observational Data, chapters 1 and 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Grid of variances of the deviation, relative to the noise of the best determined direction: none, then two per
# decade from where the data do not show it to where the curve interpolates. Half as many move potentials by 0.1
# standard errors at most, twice as many by 0.01 at twice the cost.
_RELATIVE_VARIANCES = np.concatenate(([1e-12], np.logspace(-2, 9, 23)))
# Levels beyond the terms of the trend from which a deviation is estimated. With one, its likelihood hardly depends on
# the variance; with double, the curvature that four or five levels show is not in the error.
_MIN_DF = 2
# Levels from which the quintic spline is used. With half nothing is left beside its trend of three terms to estimate
# a deviation; with double, curves of ten levels get a cubic, and standard errors are 1.3 to 3.5 times larger.
_MIN_QUINTIC_LEVELS = 6
# Degrees of freedom that a smooth curve leaves at least where its scatter shows the noise: one through all levels
# shows none. Of rectifying currents at 7 and 11 levels 96.5 % of the 95 % intervals hold the truth; with half 95.4 %,
# and they are 7 % narrower; with double 97.6 %, and they are 7 % wider.
_LEAST_LEFT = 1.0
# Levels beyond the terms of the trend from which the noise is estimated, the fewest with a mean of its variance. With
# double, eight levels and fewer have no error.
_MIN_NOISE_DF = 3
# Most rounds of the search for a zero, each of which halves the bracket at least; 47 suffice for the 1e-14 of the
# span at which it ends. With half a zero is off by 1e-8 of the span at most; double changes nothing.
_MAX_ROUNDS = 50
# Least standard error of a level in pA, for samples that never change. It is far below any converter's step; half and
# double give the same curve.
_MIN_SE_PA = 1e-9


@dataclass(frozen=True)
class Spline:
    """Fitted curve; made by `fit`.

    Attributes
    ----------
    start, span : float
        Voltage of the first level and from there to the last, in mV.
    order : int
        Terms of the trend: 3 with a deviation integrated twice, 2 with one integrated once.
    x : ndarray, shape (n,)
        Positions of the levels as fractions of the span.
    trend, deviation : ndarray, shape (order,) and (n,)
        Coefficients of the trend and of the deviation's kernel, averaged over the variances.
    posterior : ndarray, shape (variances,)
        Weight of each variance of the deviation; sums to 1.
    variances : ndarray, shape (variances,)
        Variances of the deviation that are averaged over.
    """

    start: float
    span: float
    order: int
    x: FloatArray
    trend: FloatArray
    deviation: FloatArray
    posterior: FloatArray
    variances: FloatArray
    _weight: FloatArray
    _vectors: FloatArray
    _shrinkage: FloatArray  # (variances, n): 1 / (variance * eigenvalue + 1)
    _trend_rotated: FloatArray  # (n, order)
    _normal: FloatArray  # (variances, order, order)
    _trends: FloatArray  # (variances, order)
    _residuals: FloatArray  # (variances, n), shrunk

    def at(self, voltage_mV: FloatArray) -> FloatArray:
        """Return the currents in pA at some voltages."""
        x = (voltage_mV - self.start) / self.span
        return np.asarray(
            _powers(x, self.order) @ self.trend + deviation_kernel(x, self.x, self.order) @ self.deviation
        )

    def slope(self, voltage_mV: float) -> float:
        """Return the slope in nS at one voltage."""
        x = (voltage_mV - self.start) / self.span
        powers = np.arange(1, self.order)
        trend = float(np.sum(powers * self.trend[1:] * x ** (powers - 1)))
        return (trend + float(_kernel_slope(x, self.x, self.order) @ self.deviation)) / self.span

    def zero(self, low: float, high: float) -> float:
        """Return the zero between two voltages, nan where the currents there have the same sign."""
        inward, outward = self.at(np.array([low, high]))
        if (inward > 0) == (outward > 0):
            return float("nan")
        for _ in range(_MAX_ROUNDS):  # regula falsi and bisection in turns
            middle = low - inward * (high - low) / (outward - inward)
            for guess in (middle, (low + high) / 2):
                if low < guess < high:
                    value = float(self.at(np.array([guess]))[0])
                    if (value > 0) == (inward > 0):
                        low, inward = guess, value
                    else:
                        high, outward = guess, value
            if high - low < 1e-14 * self.span or inward == outward:
                break
        return float((low + high) / 2)

    def error(self, voltage_mV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the influence of each level's current on the prediction, and the variance beyond its noise.

        Parameters
        ----------
        voltage_mV : ndarray, shape (k,)

        Returns
        -------
        influence : ndarray, shape (k, n)
            d prediction / d current of each level.
        between_pA2 : ndarray, shape (k,)
            Variance of the current beyond influence^2 se^2: its course between the levels, and the uncertain
            variance of the deviation.
        """
        x = (voltage_mV - self.start) / self.span
        kernel = (deviation_kernel(x, self.x, self.order) * self._weight) @ self._vectors  # (k, n)
        powers, trend, shrinkage = _powers(x, self.order), self._trend_rotated, self._shrinkage
        variances = self.variances[:, None]  # of every variance (variances, k), never with all levels at once
        lifted = powers - variances[:, None] * (kernel @ (shrinkage[:, :, None] * trend))  # (variances, k, order)
        solved = np.linalg.solve(self._normal, lifted.transpose(0, 2, 1))  # (variances, order, k)
        own = variances * _variance(x, self.order) - variances**2 * (shrinkage @ (kernel**2).T)
        own += (solved * lifted.transpose(0, 2, 1)).sum(1)
        predicted = self._trends @ powers.T + variances * (self._residuals @ kernel.T)
        mean = self.posterior @ predicted
        total = self.posterior @ (own + (predicted - mean) ** 2)
        of_trend = (self.posterior * solved.transpose(1, 2, 0)) @ shrinkage  # (order, k, n)
        rotated = kernel * ((self.posterior * self.variances) @ shrinkage) + (of_trend * trend.T[:, None]).sum(0)
        influence = rotated @ self._vectors.T  # on the weighted currents
        return influence * self._weight, np.maximum(total - (influence**2).sum(axis=1), 0.0)


def fit(voltage_mV: FloatArray, current_pA: FloatArray, se_pA: FloatArray) -> Spline:
    """Fit a smoothing spline to levels.

    Parameters
    ----------
    voltage_mV, current_pA, se_pA : ndarray, shape (n,)
        At least two levels, by rising voltage.

    Returns
    -------
    Spline
        With two or three levels the trend alone, since they cannot show a deviation.
    """
    n = len(voltage_mV)
    order = 3 if n >= _MIN_QUINTIC_LEVELS else 2
    start, span = float(voltage_mV[0]), float(voltage_mV[-1] - voltage_mV[0])
    x, weight = (voltage_mV - start) / span, 1.0 / np.maximum(se_pA, _MIN_SE_PA)
    values, vectors = np.linalg.eigh(deviation_kernel(x, x, order) * weight[:, None] * weight)
    values = np.maximum(values, 0.0)
    variances = _RELATIVE_VARIANCES / values[-1]
    if n - order < _MIN_DF:
        variances = variances[:1]
    y = (current_pA * weight) @ vectors
    trend = vectors.T @ (_powers(x, order) * weight[:, None])
    shrinkage = 1.0 / (variances[:, None] * values + 1.0)
    normal = np.matmul(trend.T, shrinkage[:, :, None] * trend)
    trends = np.linalg.solve(normal, (shrinkage * y @ trend)[..., None])[..., 0]
    left = y - trends @ trend.T
    residuals = left * shrinkage
    loglike = -0.5 * (-np.log(shrinkage).sum(1) + np.linalg.slogdet(normal)[1] + (left * residuals).sum(1))
    if n - order == _MIN_DF:
        # So few levels rule out no variance: a prior makes those less likely that exceed what the levels show.
        loglike -= 0.25 * np.log1p(variances / _RELATIVE_VARIANCES[1] * values[-1])
    posterior = np.exp(loglike - loglike.max())
    posterior /= posterior.sum()
    return Spline(
        *(start, span, order, x),
        trend=posterior @ trends,
        deviation=((posterior * variances) @ residuals) @ vectors.T * weight,
        posterior=posterior,
        variances=variances,
        _weight=weight,
        _vectors=vectors,
        _shrinkage=shrinkage,
        _trend_rotated=trend,
        _normal=normal,
        _trends=trends,
        _residuals=residuals,
    )


def noise_pA(voltage_mV: FloatArray, current_pA: FloatArray) -> float:
    """Estimate the noise of single currents from their scatter about a smooth curve.

    The curve is that of `fit`, the noise unknown too: of each ratio of the deviation's variance to that of the noise
    the mean of the latter's posterior (its prior is that of a scale), averaged with the ratios' restricted likelihoods.

    Parameters
    ----------
    voltage_mV, current_pA : ndarray, shape (n,)
        By rising voltage, equally exact.

    Returns
    -------
    float
        Standard deviation in pA, larger with few levels by about Student's t; nan where they are too few, under five.
    """
    n = len(voltage_mV)
    order = 3 if n >= _MIN_QUINTIC_LEVELS else 2
    df = n - order
    if df < _MIN_NOISE_DF:
        return math.nan
    x = (voltage_mV - voltage_mV[0]) / (voltage_mV[-1] - voltage_mV[0])
    values, vectors = np.linalg.eigh(deviation_kernel(x, x, order))
    values = np.maximum(values, 0.0)
    weight = 1.0 / (_RELATIVE_VARIANCES[:, None] * values / values[-1] + 1.0)
    y, trend = current_pA @ vectors, vectors.T @ _powers(x, order)
    normal = np.matmul(trend.T, weight[:, :, None] * trend)
    squared = np.matmul(trend.T, weight[:, :, None] ** 2 * trend)
    left = weight.sum(axis=1) - np.trace(np.linalg.solve(normal, squared), axis1=1, axis2=2)
    residual = y - np.linalg.solve(normal, (weight * y @ trend)[..., None])[..., 0] @ trend.T
    squares = np.maximum((weight * residual**2).sum(axis=1), np.finfo(float).tiny)
    loglike = 0.5 * (np.log(weight).sum(axis=1) - np.linalg.slogdet(normal)[1] - df * np.log(squares))
    loglike[left < _LEAST_LEFT] = -math.inf
    likelihood = np.exp(loglike - loglike.max())
    return math.sqrt(float(likelihood @ squares) / float(likelihood.sum()) / (df - 2))


def _powers(x: FloatArray, order: int) -> FloatArray:
    return np.vander(x, order, increasing=True)


def deviation_kernel(x: FloatArray, levels: FloatArray, order: int) -> FloatArray:
    """Return the covariance of the deviation, shape (len(x), len(levels)); 0 before the first level."""
    a, b = x[:, None], levels[None, :]
    low, high = np.maximum(np.minimum(a, b), 0.0), np.maximum(a, b)
    if order == 2:
        return np.asarray(low**2 * (3 * high - low) / 6)
    return np.asarray(low**3 * (10 * high**2 - 5 * high * low + low**2) / 120)


def _kernel_slope(x: float, levels: FloatArray, order: int) -> FloatArray:
    """Return the derivative of the kernel by the position, shape (len(levels),)."""
    a = max(x, 0.0)
    if order == 2:
        return np.where(a < levels, a * levels - a**2 / 2, levels**2 / 2)
    below = (6 * levels**2 * a**2 - 4 * levels * a**3 + a**4) / 24
    return np.where(a < levels, below, levels**3 * (4 * a - levels) / 24)


def _variance(x: FloatArray, order: int) -> FloatArray:
    """Return the variance of the deviation at some positions."""
    inside = np.maximum(x, 0.0)
    return np.asarray(inside**3 / 3 if order == 2 else inside**5 / 20)
