"""Newton's method for some of the ln P, the others fixed, at a given covariance of all potentials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import Whitener
from nernstfit.permeability.limits import MAX_NEWTON_STEP
from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]
_Times = Callable[[FloatArray], FloatArray]  # residuals of shape (points, n) times a precision matrix

_MAX_STEPS = 400
"""Steps of one minimisation. Those of the demonstration need 4 (median) to 30; half or twice of it changes none of
them."""

_DIFFERENCE = 1e-4
"""Step of ln P over which slopes are differenced for the second derivative. Its error, the square of it, is near
that by rounding (1e-16 / 1e-4); half or twice of it changes neither much."""

_FLAT = 1e-7
"""Slope of chi-square by ln P below which a point is an optimum, and the least curvature. A slope of 1e-7 moves no
digit that is shown; with half of it one more step, with twice one less."""

_MAX_HALVINGS = 12
"""Halvings of a step that does not go downhill, down to 1/4096 of it. With half of it a curved ridge may end the
descent; twice as many repeat what is lost in rounding."""


def chi_square(data: Observations, ln_p: FloatArray, whiten: Whitener) -> float:
    """Return the sum of squares of the whitened residuals."""
    residual = whiten(data.potential_mV - data.predict(ln_p))
    return float(residual @ residual)


def minimize(
    data: Observations, starts: FloatArray, free: Sequence[int], whiten: Whitener
) -> tuple[FloatArray, FloatArray]:
    """Minimise the sum of squares over some ln P, the others fixed, from several starts at once.

    Parameters
    ----------
    data : Observations
    starts : ndarray, shape (starts, k)
        Starts of the free ones, and values of the others; -inf is an impermeant ion.
    free : sequence of int
    whiten : Whitener

    Returns
    -------
    ln_p : ndarray, shape (starts, k)
    chi_square : ndarray, shape (starts,)
        inf where an observation has no reversal potential with these ions.
    """
    found, lowest = starts.copy(), np.full(len(starts), math.inf)
    predictable = np.flatnonzero(np.isfinite(data.predict(starts)).all(axis=-1))
    if predictable.size:
        begun, (low, high) = found[predictable], data.parameters.bounds(data.n_coefficients)
        begun[:, free] = np.where(np.isfinite(begun[:, free]), begun[:, free], 0.0)
        begun[:, free] = np.clip(begun[:, free], low[list(free)], high[list(free)])
        found[predictable], lowest[predictable] = Newton(data, free, whiten).minimize(begun)
    return data.parameters.completed(found), lowest


def _by_condition(data: Observations, whiten: Whitener) -> tuple[Observations, _Times, float]:
    """Return observations of the same sum of squares, their precision, and what to add to the sum.

    Of the observations of one condition one is enough: with Z the conditions of the observations and W = V^-1, the sum
    of squares is (m - p)' Z'WZ (m - p) + c, with p the predicted potentials of the conditions and m the means that
    generalised least squares gives them. Where the matrix Z'WZ would hold more numbers than there are observations,
    these remain.
    """
    first, place = data.distinct
    if len(first) ** 2 > data.size:
        return data, lambda residual: whiten.precision_times(residual.T).T, 0.0
    white, target = whiten(np.eye(len(first))[place]), whiten(data.potential_mV)
    square = white.T @ white
    means = np.asarray(np.linalg.solve(square, white.T @ target), dtype=np.float64)
    rest = target - white @ means
    of_conditions = replace(data.subset(first.tolist()), potential_mV=means)
    return of_conditions, lambda residual: residual @ square, float(rest @ rest)


class Newton:
    """Newton's method on the sum of squares, for fits where the residuals stay large.

    There the Gauss-Newton method, and with it Levenberg-Marquardt, converges slowly: it neglects the second derivatives
    of the residuals.

    Parameters
    ----------
    data : Observations
    free : sequence of int
    whiten : Whitener
    """

    def __init__(self, data: Observations, free: Sequence[int], whiten: Whitener) -> None:
        self._data, self._times, self._least = _by_condition(data, whiten)
        self._free = list(free)
        self._low, self._high = (bound[self._free] for bound in data.parameters.bounds(data.n_coefficients))
        steps = np.zeros((len(self._free), data.n_coefficients))
        steps[np.arange(len(self._free)), self._free] = _DIFFERENCE
        # The point itself, and a step up and down each free ln P.
        self._stencil = np.concatenate([np.zeros((1, data.n_coefficients)), steps, -steps])

    def minimize(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Descend from each start until the slope vanishes or no step decreases the sum of squares.

        Parameters
        ----------
        ln_p : ndarray, shape (starts, k)

        Returns
        -------
        ln_p : ndarray, shape (starts, k)
        chi_square : ndarray, shape (starts,)
        """
        ln_p, lowest = ln_p.copy(), self._chi_square(ln_p)
        active = np.arange(len(ln_p) if self._free else 0)
        for _ in range(_MAX_STEPS):
            if not active.size:
                break
            slope, curvature = self._slope_and_curvature(ln_p[active])
            values = ln_p[active][:, self._free]
            # At a bound that the descent would leave the ion stays, and the others move without it.
            stays = ((values <= self._low) & (slope > 0)) | ((values >= self._high) & (slope < 0))
            if stays.any():
                slope = np.where(stays, 0.0, slope)
                curvature = np.where(stays[:, :, None] | stays[:, None, :], np.eye(len(self._free)), curvature)
            steep = np.abs(slope).max(axis=-1) >= _FLAT
            if not steep.all():
                active, slope, curvature = active[steep], slope[steep], curvature[steep]
            if active.size:
                active = active[self._descend(ln_p, lowest, active, self._step(slope, curvature))]
        return ln_p, lowest

    def _step(self, slope: FloatArray, curvature: FloatArray) -> FloatArray:
        """Return a step downhill from each point, shape (points, free)."""
        size, axes = np.linalg.eigh(curvature)
        # Along a ridge the curvature is negative; its size still gives the scale of a step downhill.
        along = (slope[:, None, :] @ axes)[:, 0] / np.maximum(np.abs(size), _FLAT)
        step = -(axes @ along[..., None])[..., 0]
        longest = np.abs(step).max(axis=-1, keepdims=True)
        return np.asarray(step * np.minimum(1.0, MAX_NEWTON_STEP / longest))

    def _descend(
        self, ln_p: FloatArray, lowest: FloatArray, active: NDArray[np.intp], step: FloatArray
    ) -> NDArray[np.bool_]:
        """Take the steps, halved as often as need be, in place; returns which of them went downhill."""
        waiting = np.arange(len(active))
        for _ in range(_MAX_HALVINGS):
            at = active[waiting]
            reached = ln_p[at]
            reached[:, self._free] = np.clip(reached[:, self._free] + step[waiting], self._low, self._high)
            found = self._chi_square(reached)
            better = found < lowest[at]
            if better.all():
                ln_p[at], lowest[at] = reached, found
                waiting = waiting[:0]
                break
            ln_p[at[better]], lowest[at[better]] = reached[better], found[better]
            waiting = waiting[~better]
            step[waiting] /= 2
        descended = np.ones(len(active), dtype=bool)
        descended[waiting] = False
        return descended

    def _chi_square(self, ln_p: FloatArray) -> FloatArray:
        """Return the sums of squares at some points, shape (points,)."""
        residual = self._data.potential_mV - self._data.predict(ln_p)
        return np.asarray((residual * self._times(residual)).sum(axis=-1) + self._least)

    def _slope(self, ln_p: FloatArray) -> FloatArray:
        """Return the slope of the sum of squares at points of shape (..., k), shape (..., free)."""
        predicted, gradient = self._data.prediction(ln_p)
        residual = self._data.potential_mV - predicted
        weighted = self._times(residual.reshape(-1, self._data.size)).reshape(residual.shape)
        columns = self._data.columns(gradient, ln_p, self._free)
        return np.asarray(-2.0 * (weighted[..., None, :] @ columns)[..., 0, :])

    def _slope_and_curvature(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return first and second derivatives at some points, the second by central differences.

        Shapes (points, free) and (points, free, free).
        """
        count = len(self._free)
        slopes = self._slope(ln_p[:, None, :] + self._stencil)
        square = (slopes[:, 1 : 1 + count] - slopes[:, 1 + count :]) / (2 * _DIFFERENCE)
        return slopes[:, 0], np.asarray((square + square.swapaxes(-1, -2)) / 2)
