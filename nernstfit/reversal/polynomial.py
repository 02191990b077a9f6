"""Weighted polynomials through the levels of an I-V curve, of every order at once.

One QR decomposition of the scaled powers gives the fit of each order up to the highest: the
columns of Q are orthogonal, so an order more adds one coefficient and takes its square off
the sum of squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NORMAL_99 = 2.3263478740408408
_STEPS = 60


@dataclass(frozen=True)
class Line:
    """One fitted polynomial in (x - centre) / half.

    Attributes
    ----------
    coefficients : ndarray, shape (order + 1,)
        By rising power.
    operator : ndarray, shape (order + 1, n)
        d coefficients / d y.
    weight : ndarray, shape (n,)
        One over the standard error of each y.
    misfit : float
        Root of the sum of squares per degree of freedom where chance alone would give so much in less than one
        case of a hundred, else 1.
    """

    order: int
    centre: float
    half: float
    coefficients: FloatArray
    operator: FloatArray
    weight: FloatArray
    misfit: float

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values at some x, and d value / d y of shape (len(x), n)."""
        powers = np.vander((x - self.centre) / self.half, self.order + 1, increasing=True)
        return powers @ self.coefficients, powers @ self.operator

    def value(self, x: float) -> tuple[float, float]:
        """Value and slope at one x."""
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
        for _ in range(_STEPS):
            value, slope = self.value(x)
            low, high = (low, x) if (value > 0) == rising else (x, high)
            newton = x - value / slope if slope else math.nan
            new = newton if low < newton < high else (low + high) / 2
            if abs(new - x) < 1e-12 * self.half or new == x:
                return new
            x = new
        return x


@dataclass(frozen=True)
class Lines:
    """Polynomials of all orders through the same points."""

    centre: float
    half: float
    weight: FloatArray
    q: FloatArray
    r: FloatArray
    projected: FloatArray
    rest: tuple[float, ...]  # sum of weighted squares that each order leaves

    def chosen(self) -> Line:
        """Return the order, at least 1, for which there is most evidence: Akaike's criterion with known errors."""
        criterion = [rest + 2.0 * order for order, rest in enumerate(self.rest)]
        return self.of_order(min(range(1, len(criterion)), key=criterion.__getitem__))

    def of_order(self, order: int) -> Line:
        """Return the polynomial of one order."""
        q, r = self.q[:, : order + 1], self.r[: order + 1, : order + 1]
        operator = np.linalg.solve(r, q.T) * self.weight
        freedom = len(self.weight) - order - 1
        return Line(
            order=order,
            centre=self.centre,
            half=self.half,
            coefficients=np.asarray(np.linalg.solve(r, self.projected[: order + 1]), dtype=np.float64),
            operator=operator,
            weight=self.weight,
            misfit=misfit(self.rest[order], freedom),
        )


def misfit(chi_square: float, freedom: int) -> float:
    """Root of chi square per degree of freedom where it is beyond its 99 % point, else 1.

    The point is that of Wilson & Hilferty 1931 (PNAS 17:684).

    Parameters
    ----------
    chi_square : float
    freedom : int
    """
    if freedom <= 0:
        return 1.0
    spread = 2.0 / (9.0 * freedom)
    limit = (1.0 - spread + _NORMAL_99 * math.sqrt(spread)) ** 3
    ratio = chi_square / freedom
    return math.sqrt(ratio) if ratio > limit else 1.0


def weighted(x: FloatArray, y: FloatArray, weight: FloatArray, most: int) -> Lines:
    """Fit polynomials of the orders 0 to `most`.

    Parameters
    ----------
    x, y, weight : ndarray, shape (n,)
        Weight is one over the standard error of y.
    most : int
        Less than the number of distinct x.
    """
    low, high = float(x[0]), float(x[-1])
    centre, half = (low + high) / 2, (high - low) / 2 or 1.0
    powers = np.vander((x - centre) / half, most + 1, increasing=True)
    q, r = np.linalg.qr(powers * weight[:, None])
    y_weighted = y * weight
    projected = q.T @ y_weighted
    left = float(y_weighted @ y_weighted) - np.cumsum(projected**2)
    return Lines(centre, half, weight, q, r, projected, tuple(np.maximum(left, 0.0).tolist()))
