"""Newton's method for some of the ln P, all others held, in a given covariance of all potentials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import Whitener
from nernstfit.permeability.observations import Data

FloatArray = NDArray[np.float64]

LIMIT = 30.0  # of ln P: beyond, nothing changes but the rounding
_MAX_STEPS = 400
_STEP, _FLAT = 1e-4, 1e-5  # of ln P, for a second derivative; of a sum of squares per ln P, which moves no cost
_LONGEST, _MAX_HALVINGS = 3.0, 12


class DenseWhitener:
    """Whitens with one covariance matrix of all measurements, shape (n, n)."""

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
        """Take (n,) or (n, m) and return the same shape."""
        return np.asarray(self._whitening @ values)


def chi_square(data: Data, ln_p: FloatArray, whiten: Whitener | DenseWhitener) -> float:
    """Sum of squares of the whitened residuals."""
    residual = whiten(data.potential_mV - data.predict(ln_p))
    return float(residual @ residual)


def minimize(data: Data, start: FloatArray, free: Sequence[int], whiten: DenseWhitener) -> tuple[FloatArray, float]:
    """Lowest sum of squares over some ln P, all others held.

    Parameters
    ----------
    data : Data
    start : ndarray, shape (k,)
        Where the free ones start and where the others stay; -inf is an ion that does not pass.
    free : sequence of int
    whiten : DenseWhitener

    Returns
    -------
    ln_p : ndarray, shape (k,)
    chi_square : float
        inf where these ions have no reversal potential in every measurement.
    """
    if not np.isfinite(data.predict(start)).all():
        return start, math.inf
    descent = Newton(data, start, free, whiten)
    values = descent.minimize(np.where(np.isfinite(start), start, 0.0)[list(free)])
    return descent.expand(values), descent.chi_square(values)


class Newton:
    """Newton's method on the whitened residuals, for fits where they stay large.

    There Gauss and Newton's, which Levenberg-Marquardt follows, creeps: it knows the residuals' slopes alone.
    """

    def __init__(self, data: Data, start: FloatArray, free: Sequence[int], whiten: DenseWhitener) -> None:
        self._data, self._start, self._free = data, start, list(free)
        self._whiten = whiten

    def expand(self, values: FloatArray) -> FloatArray:
        """All ln P, shape (..., k), for the free ones, shape (..., free)."""
        ln_p = np.broadcast_to(self._start, (*values.shape[:-1], len(self._start))).copy()
        ln_p[..., self._free] = values
        return ln_p

    def chi_square(self, values: FloatArray) -> float:
        """Sum of squares."""
        return chi_square(self._data, self.expand(values), self._whiten)

    def minimize(self, values: FloatArray) -> FloatArray:
        """Go downhill until the slope is nothing, or no step leads further down."""
        now = self.chi_square(values)
        for _ in range(_MAX_STEPS if self._free else 0):
            slope, curvature = self._slope_and_curvature(values)
            inside = (np.abs(values) < LIMIT) | (np.sign(slope) == np.sign(values))
            if np.abs(slope[inside]).max(initial=0.0) < _FLAT:
                break
            size, axes = np.linalg.eigh(curvature)
            # Along a ridge the curvature is negative: its size still tells how far to go down.
            step = -axes @ (axes.T @ slope / np.maximum(np.abs(size), _FLAT))
            step *= min(1.0, _LONGEST / float(np.abs(step).max()))
            for _ in range(_MAX_HALVINGS):
                reached = np.clip(values + step, -LIMIT, LIMIT)
                found = self.chi_square(reached)
                if found < now:
                    break
                step = step / 2
            else:
                break
            values, now = reached, found
        return values

    def _slope(self, values: FloatArray) -> FloatArray:
        """Of the sum of squares, shape (..., free); as many points at once as come."""
        predicted, gradient = self._data.prediction(self.expand(values))
        weighed = (self._data.potential_mV - predicted) @ self._whiten.precision
        return np.asarray(-2.0 * np.einsum("...nk,...n->...k", gradient[..., self._free], weighed))

    def _slope_and_curvature(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivatives, shapes (free,) and (free, free), the second from slopes to both sides."""
        steps = _STEP * np.eye(len(values))
        slopes = self._slope(np.concatenate([values[None], values + steps, values - steps]))
        up, down = slopes[1 : 1 + len(values)], slopes[1 + len(values) :]
        square = (up - down) / (2 * _STEP)
        return slopes[0], np.asarray((square + square.T) / 2)
