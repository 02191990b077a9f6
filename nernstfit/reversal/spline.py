"""A smooth curve through the levels of an I-V, as stiff or as pliant as there is evidence for.

The current is taken as a low polynomial plus an unknown bend, a Wiener process integrated twice
(once where there are few levels): its best prediction is a quintic (cubic) smoothing spline.
How large the bend is, is not chosen but averaged over by the evidence for each size (restricted
likelihood), from none, which is weighted regression by the polynomial alone, to interpolation.
The error of the prediction therefore holds the noise of the levels and what the curve may do
between them (Wahba 1990, Spline Models for Observational Data, chapters 1 and 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SIZES = np.concatenate(([1e-12], np.logspace(-2, 9, 23)))  # of the bend, relative to what the levels could tell
_MIN_FREEDOM = 2
_QUINTIC_LEVELS = 6
_TRIES = 50
_MIN_SE_PA = 1e-9  # samples that never change leave none


@dataclass(frozen=True)
class Spline:
    """A fitted curve; made by `fit`.

    Attributes
    ----------
    start, span : float
        Voltage of the first level, and from there to the last, in mV.
    order : int
        Terms of the polynomial: 3 with a bend integrated twice, 2 with one integrated once.
    x : ndarray, shape (n,)
        Places of the levels as parts of the span.
    trend, bend : ndarray, shape (order,) and (n,)
        Coefficients of the polynomial and of the bend's kernel, averaged over the sizes.
    evidence : ndarray, shape (sizes,)
        Weight of each size; sums to 1.
    """

    start: float
    span: float
    order: int
    x: FloatArray
    trend: FloatArray
    bend: FloatArray
    evidence: FloatArray
    _sizes: FloatArray
    _weight: FloatArray
    _vectors: FloatArray
    _shrunk: FloatArray  # (sizes, n): 1 / (size * eigenvalue + 1)
    _trend_rotated: FloatArray  # (n, order)
    _normal: FloatArray  # (sizes, order, order)
    _trends: FloatArray  # (sizes, order)
    _rest: FloatArray  # (sizes, n)

    def at(self, voltage_mV: FloatArray) -> FloatArray:
        """Currents at some voltages."""
        x = (voltage_mV - self.start) / self.span
        return np.asarray(_powers(x, self.order) @ self.trend + _kernel(x, self.x, self.order) @ self.bend)

    def slope(self, voltage_mV: float) -> float:
        """Slope in nS at one voltage."""
        x = (voltage_mV - self.start) / self.span
        powers = np.arange(1, self.order)
        trend = float(np.sum(powers * self.trend[1:] * x ** (powers - 1)))
        return (trend + float(_kernel_slope(x, self.x, self.order) @ self.bend)) / self.span

    def zero(self, low: float, high: float) -> float:
        """Return the zero between two voltages, nan where the currents there have the same sign."""
        inward, outward = self.at(np.array([low, high]))
        if (inward > 0) == (outward > 0):
            return float("nan")
        for _ in range(_TRIES):  # regula falsi by turns with halving
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
        """What each level's current does to the prediction, and the variance that its noise does not explain.

        Parameters
        ----------
        voltage_mV : ndarray, shape (k,)

        Returns
        -------
        influence : ndarray, shape (k, n)
            d prediction / d current of each level.
        between_pA2 : ndarray, shape (k,)
            Variance of the current beyond influence^2 se^2: what the curve may do between the levels, and how
            stiff it is.
        """
        x = (voltage_mV - self.start) / self.span
        kernel = (_kernel(x, self.x, self.order) * self._weight) @ self._vectors  # (k, n)
        shrunk, sizes = self._shrunk[:, None, :], self._sizes[:, None, None]
        bent = sizes * kernel * shrunk  # (sizes, k, n)
        lifted = _powers(x, self.order) - bent @ self._trend_rotated  # (sizes, k, order)
        solved = np.linalg.solve(self._normal, lifted.transpose(0, 2, 1)).transpose(0, 2, 1)
        rotated = bent + (solved @ self._trend_rotated.T) * shrunk  # (sizes, k, n)
        own = sizes[..., 0] * _variance(x, self.order) - (bent * sizes * kernel).sum(-1) + (solved * lifted).sum(-1)
        predicted = (_powers(x, self.order) @ self._trends.T).T + (sizes * kernel * self._rest[:, None, :]).sum(-1)
        mean = self.evidence @ predicted
        total = self.evidence @ (own + (predicted - mean) ** 2)
        influence = np.tensordot(self.evidence, rotated, 1) @ self._vectors.T  # on the weighted currents
        return influence * self._weight, np.maximum(total - (influence**2).sum(axis=1), 0.0)


def fit(voltage_mV: FloatArray, current_pA: FloatArray, se_pA: FloatArray) -> Spline:
    """Fit a smooth curve to levels.

    Parameters
    ----------
    voltage_mV, current_pA, se_pA : ndarray, shape (n,)
        At least two levels, by rising voltage.

    Returns
    -------
    Spline
        With two or three levels the polynomial alone, since nothing could tell of a bend.
    """
    n = len(voltage_mV)
    order = 3 if n >= _QUINTIC_LEVELS else 2
    start, span = float(voltage_mV[0]), float(voltage_mV[-1] - voltage_mV[0])
    x, weight = (voltage_mV - start) / span, 1.0 / np.maximum(se_pA, _MIN_SE_PA)
    values, vectors = np.linalg.eigh(_kernel(x, x, order) * weight[:, None] * weight)
    values = np.maximum(values, 0.0)
    sizes = _SIZES / values[-1]
    if n - order < _MIN_FREEDOM:
        sizes = sizes[:1]
    y = (current_pA * weight) @ vectors
    trend = vectors.T @ (_powers(x, order) * weight[:, None])
    shrunk = 1.0 / (sizes[:, None] * values + 1.0)
    normal = np.matmul(trend.T, shrunk[:, :, None] * trend)
    trends = np.linalg.solve(normal, (shrunk * y @ trend)[..., None])[..., 0]
    left = y - trends @ trend.T
    rest = left * shrunk
    fitted = -0.5 * (-np.log(shrunk).sum(1) + np.linalg.slogdet(normal)[1] + (left * rest).sum(1))
    if n - order == _MIN_FREEDOM:
        # So few levels rule no bend out: those are less likely beforehand that are beyond what the levels show.
        fitted -= 0.25 * np.log1p(sizes / _SIZES[1] * values[-1])
    evidence = np.exp(fitted - fitted.max())
    evidence /= evidence.sum()
    return Spline(
        start=start,
        span=span,
        order=order,
        x=x,
        trend=evidence @ trends,
        bend=((evidence * sizes) @ rest) @ vectors.T * weight,
        evidence=evidence,
        _sizes=sizes,
        _weight=weight,
        _vectors=vectors,
        _shrunk=shrunk,
        _trend_rotated=trend,
        _normal=normal,
        _trends=trends,
        _rest=rest,
    )


def _powers(x: FloatArray, order: int) -> FloatArray:
    return np.vander(x, order, increasing=True)


def _kernel(x: FloatArray, levels: FloatArray, order: int) -> FloatArray:
    """Covariance of the bend between places and levels, shape (len(x), len(levels)); 0 before the first level."""
    a, b = x[:, None], levels[None, :]
    low, high = np.maximum(np.minimum(a, b), 0.0), np.maximum(a, b)
    if order == 2:
        return np.asarray(low**2 * (3 * high - low) / 6)
    return np.asarray(low**3 * (10 * high**2 - 5 * high * low + low**2) / 120)


def _kernel_slope(x: float, levels: FloatArray, order: int) -> FloatArray:
    """Derivative of the kernel by the place, shape (len(levels),)."""
    a = max(x, 0.0)
    if order == 2:
        return np.where(a < levels, a * levels - a**2 / 2, levels**2 / 2)
    below = (6 * levels**2 * a**2 - 4 * levels * a**3 + a**4) / 24
    return np.where(a < levels, below, levels**3 * (4 * a - levels) / 24)


def _variance(x: FloatArray, order: int) -> FloatArray:
    """Variance of the bend at places."""
    inside = np.maximum(x, 0.0)
    return np.asarray(inside**3 / 3 if order == 2 else inside**5 / 20)
