"""The profile of the likelihood: what it costs to hold one ion's ln P, all others refitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability import censoring
from nernstfit.permeability.limits import IMPERMEANT, PROFILE_REACH, REFERENCE_IMPERMEANT
from nernstfit.permeability.mixed_model import Fit, covariance_mV2
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import DenseWhitener, chi_square, minimize

FloatArray = NDArray[np.float64]

_LOWER = 1e-3  # of a sum of squares
_SETTLED = 1e-3  # of a cost
_MAX_TURNS = 30


class Profile:
    """Cost in log units of what one ion's ln P is held at, all others refitted, over the best fit.

    The likelihood may have several hills where the data hold little, and a refit finds the nearest. Each starts from
    the fit and from what was found on either side of it, so that the profile goes on where a hill does.
    """

    def __init__(self, fit: Fit, i: int, systematic_mV: FloatArray) -> None:
        self._fit, self._i, self._shared_mV = fit, i, systematic_mV
        self._others = [other for other in fit.free if other != i]
        self._found: dict[float, tuple[float, FloatArray]] = {}

    @cached_property
    def _whiten(self) -> DenseWhitener:
        return DenseWhitener(covariance_mV2(self._fit) + self._shared_mV @ self._shared_mV.T)

    @cached_property
    def _least(self) -> float:
        # The best fit under this covariance is not quite that of `fit`, and may lie where an ion does not pass.
        whole = self._chi_square(self._fit.ln_p, self._fit.free)
        return min(whole, self._ion_gone, self._reference_gone)

    def at(self, ln_p: float) -> float:
        """Cost of ln P = `ln_p`."""
        if ln_p not in self._found:
            beside = self._beside(ln_p)
            self._try(ln_p, beside if len(beside) == 2 else [*self._afresh(ln_p), *beside])
        return self._cost(self._found[ln_p][0])

    def where(self, ln_p: float) -> FloatArray:
        """All ln P that were found with this ion's held at a place."""
        self.at(ln_p)
        return self._found[ln_p][1]

    def _afresh(self, ln_p: float) -> tuple[FloatArray, FloatArray]:
        """The fit with the ion held: the others where they were, and moved along with the ion."""
        held = self._held(self._fit.ln_p, ln_p)
        along = held.copy()
        along[self._others] = np.clip(
            along[self._others] + ln_p - self._fit.ln_p[self._i], -PROFILE_REACH, PROFILE_REACH
        )
        return held, along

    def limit(self, rise: float, side: int) -> float:
        """ln P on one side (-1: below) at which the cost has risen so far over its least; -inf or inf where nowhere."""
        places = [float(np.clip(self._fit.ln_p[self._i], -REFERENCE_IMPERMEANT, REFERENCE_IMPERMEANT))]
        costs = [self.at(places[0])]
        while costs[-1] <= min(costs) + rise:
            if abs(places[-1]) > 2 * PROFILE_REACH:
                return side * math.inf
            places.append(places[-1] + side)
            costs.append(self.at(places[-1]))
            if costs[-1] > min(costs) + rise:
                self._look_beyond(places, side)
                costs = [self.at(place) for place in places]
        level = min(costs) + rise
        last = max(number for number, cost in enumerate(costs) if cost <= level)
        ends = sorted(places[last : last + 2])
        return float(optimize.brentq(lambda ln_p: self.at(ln_p) - level, *ends, xtol=1e-4))

    def _look_beyond(self, places: Sequence[float], side: int) -> None:
        """Follow another hill, which may stand beyond the last of these places, back while it is the higher."""
        beyond = places[-1] + side
        start = self._held(self._fit.ln_p, beyond)
        away = [(other, at) for other in self._others for at in (-IMPERMEANT, IMPERMEANT)]
        self._try(beyond, [*self._beside(beyond), *(self._held(start, at, other) for other, at in away)])
        for place in reversed(places):
            before = self._found[place][0]
            if self._try(place, self._beside(place)) > before - _LOWER:
                break

    def _beside(self, ln_p: float) -> list[FloatArray]:
        """What was found at the nearest places on either side."""
        below, above = [p for p in self._found if p < ln_p], [p for p in self._found if p > ln_p]
        return [self._found[nearest(side)][1] for nearest, side in ((max, below), (min, above)) if side]

    def _held(self, ln_p: FloatArray, at: float, ion: int | None = None) -> FloatArray:
        held = ln_p.copy()
        held[self._i if ion is None else ion] = at
        return held

    def _try(self, ln_p: float, starts: Sequence[FloatArray]) -> float:
        """Refit from these starts; the lowest sum of squares that was ever found here."""
        for start in starts:
            found, chi_square = refit(self._fit, self._held(start, ln_p), self._others, self._whiten)
            if ln_p not in self._found or chi_square < self._found[ln_p][0]:
                self._found[ln_p] = (chi_square, found)
        return self._found[ln_p][0]

    def without_ion(self) -> float:
        """Cost of the ion not passing at all."""
        return self._cost(self._ion_gone)

    def without_reference(self) -> float:
        """Cost of the reference not passing at all, which sends this ratio to infinity."""
        return self._cost(self._reference_gone)

    @cached_property
    def _ion_gone(self) -> float:
        start = self._fit.ln_p.copy()
        start[self._i] = -math.inf
        return self._chi_square(start, self._others)

    @cached_property
    def _reference_gone(self) -> float:
        # The ion itself stands for the scale then, and stays where it is.
        start = np.clip(self._fit.ln_p - self._fit.ln_p[self._i], -PROFILE_REACH, PROFILE_REACH)
        start[self._fit.data.ions.index(self._fit.reference)] = -math.inf
        return self._chi_square(start, self._others)

    def _chi_square(self, start: FloatArray, free: Sequence[int]) -> float:
        return refit(self._fit, start, free, self._whiten)[1]

    def _cost(self, chi_square: float) -> float:
        return (chi_square - self._least) / 2


def refit(fit: Fit, start: FloatArray, free: Sequence[int], whiten: DenseWhitener) -> tuple[FloatArray, float]:
    """Fit some ln P with all others held, for a profile of the likelihood.

    Parameters
    ----------
    fit : Fit
    start : ndarray, shape (k,)
        Where the free ones start and where the others stay; -inf is an ion that does not pass.
    free : sequence of int
    whiten : DenseWhitener
        By the covariance of the potentials, `fit.working` having its errors.

    Returns
    -------
    ln_p : ndarray, shape (k,)
    cost : float
        -2 ln likelihood up to a constant; inf where these ions have no reversal potential in every measurement.
    """
    if fit.data.censored.size:
        return _refit_with_limits(fit, start, free, whiten)
    return minimize(fit.working, start, free, whiten)


def _refit_with_limits(
    fit: Fit, start: FloatArray, free: Sequence[int], whiten: DenseWhitener
) -> tuple[FloatArray, float]:
    """Fit and bring the limits' stand-ins up to date in turn: each turn is a step of Newton's method."""
    limited = np.isin(np.arange(fit.data.size), fit.data.censored)
    # What may be a gross error counts as it does in the fit.
    measured = replace(
        fit.data,
        potential_mV=fit.data.potential_mV - fit.curvature_bias_mV,
        se_mV=np.where(limited, fit.data.se_mV, fit.working.se_mV),
    )

    def dense(at: Observations) -> DenseWhitener:
        return DenseWhitener(whiten.covariance_mV2 + np.diag(at.se_mV**2 - fit.working.se_mV**2))

    def precision(at: Observations) -> censoring.Precision:
        square = dense(at).precision
        return lambda residual: (square @ residual, np.diagonal(square))

    found, working, cost = start, fit.working, math.inf
    for _ in range(_MAX_TURNS):
        predicted = fit.data.predict(found)
        if not np.isfinite(predicted).all():
            break
        working, log_factor = censoring.update(measured, working, predicted, precision, False)
        at = dense(working)
        before, cost = cost, chi_square(working, found, at) + at.log_determinant - 2 * log_factor
        if abs(before - cost) < _SETTLED:
            break
        found, _ = minimize(working, found, free, at)
    return found, cost
