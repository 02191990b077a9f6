"""Newton's method for some of the ln P, the others fixed, at a given covariance of all potentials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import Whitener
from nernstfit.permeability.limits import MAX_LN_P, MAX_NEWTON_STEP
from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]

_MAX_STEPS = 400
"""Steps of one minimisation. Those of the demonstration need 4 (median) to 30; half or twice of it changes none of
them."""

_DIFFERENCE = 1e-4
"""Step of ln P over which slopes are differenced for the second derivative. Its error, the square of it, is near
that by rounding (1e-16 / 1e-4); half or twice of it changes neither much."""

_FLAT = 1e-5
"""Slope of chi-square by ln P below which a point is an optimum, and the least curvature. A slope of 1e-5 moves no
cost of a profile; with half of it one more step, with twice one less."""

_MAX_HALVINGS = 12
"""Halvings of a step that does not go downhill, down to 1/4096 of it. With half of it a curved ridge may end the
descent; twice as many repeat what is lost in rounding."""


class DenseWhitener:
    """Whitening by the inverse Cholesky factor of one covariance matrix of all observations, shape (n, n)."""

    def __init__(self, covariance_mV2: FloatArray) -> None:
        root = np.linalg.cholesky(covariance_mV2)
        self.covariance_mV2 = covariance_mV2
        self.log_determinant = 2.0 * float(np.log(np.diagonal(root)).sum())
        self._whitening = np.linalg.inv(root)

    @cached_property
    def precision(self) -> FloatArray:
        """Inverse of the covariance, shape (n, n)."""
        return np.asarray(self._whitening.T @ self._whitening)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return whitened values of shape (n,) or (n, m)."""
        return np.asarray(self._whitening @ values)


def chi_square(data: Observations, ln_p: FloatArray, whiten: Whitener | DenseWhitener) -> float:
    """Return the sum of squares of the whitened residuals."""
    residual = whiten(data.potential_mV - data.predict(ln_p))
    return float(residual @ residual)


def minimize(
    data: Observations, start: FloatArray, free: Sequence[int], whiten: DenseWhitener
) -> tuple[FloatArray, float]:
    """Minimise the sum of squares over some ln P, the others fixed.

    Parameters
    ----------
    data : Observations
    start : ndarray, shape (k,)
        Start of the free ones, and value of the others; -inf is an impermeant ion.
    free : sequence of int
    whiten : DenseWhitener

    Returns
    -------
    ln_p : ndarray, shape (k,)
    chi_square : float
        inf where an observation has no reversal potential with these ions.
    """
    if not np.isfinite(data.predict(start)).all():
        return start, math.inf
    descent = Newton(data, start, free, whiten)
    values = descent.minimize(np.where(np.isfinite(start), start, 0.0)[list(free)])
    return descent.expand(values), descent.chi_square(values)


class Newton:
    """Newton's method on the whitened residuals, for fits where they stay large.

    There the Gauss-Newton method, and with it Levenberg-Marquardt, converges slowly: it neglects the second derivatives
    of the residuals.

    Parameters
    ----------
    data : Observations
    start : ndarray, shape (k,)
        Values of the ln P that are not free.
    free : sequence of int
    whiten : DenseWhitener
    """

    def __init__(self, data: Observations, start: FloatArray, free: Sequence[int], whiten: DenseWhitener) -> None:
        self._data, self._start, self._free = data, start, list(free)
        self._whiten = whiten

    def expand(self, values: FloatArray) -> FloatArray:
        """Return all ln P, shape (..., k), for the free ones, shape (..., free)."""
        ln_p = np.broadcast_to(self._start, (*values.shape[:-1], len(self._start))).copy()
        ln_p[..., self._free] = values
        return ln_p

    def chi_square(self, values: FloatArray) -> float:
        """Return the sum of squares for the free ln P."""
        return chi_square(self._data, self.expand(values), self._whiten)

    def minimize(self, values: FloatArray) -> FloatArray:
        """Descend until the slope vanishes or no step decreases the sum of squares."""
        now = self.chi_square(values)
        for _ in range(_MAX_STEPS if self._free else 0):
            slope, curvature = self._slope_and_curvature(values)
            inside = (np.abs(values) < MAX_LN_P) | (np.sign(slope) == np.sign(values))
            if np.abs(slope[inside]).max(initial=0.0) < _FLAT:
                break
            size, axes = np.linalg.eigh(curvature)
            # Along a ridge the curvature is negative; its size still gives the scale of a step downhill.
            step = -axes @ (axes.T @ slope / np.maximum(np.abs(size), _FLAT))
            step *= min(1.0, MAX_NEWTON_STEP / float(np.abs(step).max()))
            for _ in range(_MAX_HALVINGS):
                reached = np.clip(values + step, -MAX_LN_P, MAX_LN_P)
                found = self.chi_square(reached)
                if found < now:
                    break
                step = step / 2
            else:
                break
            values, now = reached, found
        return values

    def _slope(self, values: FloatArray) -> FloatArray:
        """Return the slope of the sum of squares at one or many points, shape (..., free)."""
        predicted, gradient = self._data.prediction(self.expand(values))
        weighted = (self._data.potential_mV - predicted) @ self._whiten.precision
        return np.asarray(-2.0 * np.einsum("...nk,...n->...k", gradient[..., self._free], weighted))

    def _slope_and_curvature(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return first and second derivatives, shapes (free,) and (free, free), the second by central differences."""
        steps = _DIFFERENCE * np.eye(len(values))
        slopes = self._slope(np.concatenate([values[None], values + steps, values - steps]))
        up, down = slopes[1 : 1 + len(values)], slopes[1 + len(values) :]
        square = (up - down) / (2 * _DIFFERENCE)
        return slopes[0], np.asarray((square + square.T) / 2)
