"""Weighted polynomials through the levels of an I-V curve, of every order at once.

One QR decomposition of the scaled powers gives the fit of each order up to the highest: the
columns of Q are orthogonal, so a further order adds one coefficient and subtracts its square
from the residual sum of squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.quantiles import largest_chi_square_ratio

FloatArray = NDArray[np.float64]

# One-sided 99 % quantile of the standard normal: chance alone lets errors be scaled in 1 % of fits. At half of that
# probability fewer true misfits widen the errors; at double, intervals are wider than need be in 2 % of fits.
_NORMAL_99 = 2.3263478740408408
# Most steps of the search for a zero. Bisection alone narrows the bracket by 2^60, beyond the digits of a number, and
# Newton's steps end it long before; half of it suffices for them, double only costs time.
_MAX_STEPS = 60


@dataclass(frozen=True)
class Polynomial:
    """Fitted polynomial in (x - centre) / half.

    Attributes
    ----------
    coefficients : ndarray, shape (order + 1,)
        By rising power.
    operator : ndarray, shape (order + 1, n)
        d coefficients / d y.
    weight : ndarray, shape (n,)
        Inverse standard error of each y.
    error_scale : float
        Factor of the errors where the polynomial does not fit, see `error_scale`.
    """

    order: int
    centre: float
    half: float
    coefficients: FloatArray
    operator: FloatArray
    weight: FloatArray
    error_scale: float

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the values at some x, and d value / d y of shape (len(x), n)."""
        powers = np.vander((x - self.centre) / self.half, self.order + 1, increasing=True)
        return powers @ self.coefficients, powers @ self.operator

    def value(self, x: float) -> tuple[float, float]:
        """Return value and slope at one x."""
        t, value, slope = (x - self.centre) / self.half, 0.0, 0.0
        for c in self.coefficients[::-1].tolist():
            value, slope = value * t + c, slope * t + value
        return value, slope / self.half

    def zero(self, low: float, high: float) -> float:
        """Return the zero between `low` and `high`, nan where the values there have the same sign."""
        rising = self.value(high)[0] > 0
        if rising == (self.value(low)[0] > 0):
            return math.nan
        x = (low + high) / 2
        for _ in range(_MAX_STEPS):
            value, slope = self.value(x)
            low, high = (low, x) if (value > 0) == rising else (x, high)
            newton = x - value / slope if slope else math.nan
            new = newton if low < newton < high else (low + high) / 2
            if abs(new - x) < 1e-12 * self.half or new == x:
                return new
            x = new
        return x


@dataclass(frozen=True)
class Polynomials:
    """Polynomials of all orders through the same points.

    Attributes
    ----------
    centre, half : float
        Middle and half-width of the range of x.
    weight : ndarray, shape (n,)
        Inverse standard error of each y.
    q, r : ndarray, shape (n, orders) and (orders, orders)
        Decomposition of the weighted powers.
    projected : ndarray, shape (orders,)
        Weighted y projected on the columns of q.
    chi_square : tuple of float
        Weighted residual sum of squares of each order.
    """

    centre: float
    half: float
    weight: FloatArray
    q: FloatArray
    r: FloatArray
    projected: FloatArray
    chi_square: tuple[float, ...]

    def best(self) -> Polynomial:
        """Return the polynomial of least Akaike criterion (known errors) among the orders from 1."""
        criterion = [chi_square + 2.0 * order for order, chi_square in enumerate(self.chi_square)]
        return self.of_order(min(range(1, len(criterion)), key=criterion.__getitem__))

    def of_order(self, order: int) -> Polynomial:
        """Return the polynomial of one order."""
        q, r = self.q[:, : order + 1], self.r[: order + 1, : order + 1]
        operator = np.linalg.solve(r, q.T) * self.weight
        df = len(self.weight) - order - 1
        return Polynomial(
            order=order,
            centre=self.centre,
            half=self.half,
            coefficients=np.asarray(np.linalg.solve(r, self.projected[: order + 1]), dtype=np.float64),
            operator=operator,
            weight=self.weight,
            error_scale=error_scale(self.chi_square[order], df),
        )


def error_scale(chi_square: float, df: int) -> float:
    """Return the factor by which errors are scaled for a misfit.

    It is the Birge ratio, the root of chi square per degree of freedom, where that exceeds its 99 % quantile, and 1
    elsewhere.

    Parameters
    ----------
    chi_square : float
    df : int
        Degrees of freedom; 1 is returned where there are none.
    """
    if df <= 0:
        return 1.0
    ratio = chi_square / df
    return math.sqrt(ratio) if ratio > largest_chi_square_ratio(_NORMAL_99, df) else 1.0


def fit(x: FloatArray, y: FloatArray, weight: FloatArray, max_order: int) -> Polynomials:
    """Fit polynomials of the orders 0 to `max_order` by weighted least squares.

    Parameters
    ----------
    x, y, weight : ndarray, shape (n,)
        The weight is the inverse standard error of y; x rises.
    max_order : int
        Less than the number of distinct x.

    Returns
    -------
    Polynomials
    """
    low, high = float(x[0]), float(x[-1])
    centre, half = (low + high) / 2, (high - low) / 2 or 1.0
    powers = np.vander((x - centre) / half, max_order + 1, increasing=True)
    q, r = np.linalg.qr(powers * weight[:, None])
    y_weighted = y * weight
    projected = q.T @ y_weighted
    residual = float(y_weighted @ y_weighted) - np.cumsum(projected**2)
    return Polynomials(centre, half, weight, q, r, projected, tuple(np.maximum(residual, 0.0).tolist()))
