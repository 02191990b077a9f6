"""Nonlinear least squares of whitened residuals over some ln P, by the Levenberg-Marquardt method of MINPACK."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability.covariance import Whitener
from nernstfit.permeability.limits import IMPERMEANT, MAX_GAUSS_STEP, MAX_LN_P, RESTART
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import DenseWhitener, chi_square

FloatArray = NDArray[np.float64]

LOWER_CHI_SQUARE = 1e-3
"""Decrease of chi-square from which another optimum is the better one. It moves no interval (a cost of 0.0005 log
units); half or twice of it decides only between optima that are the same in every respect."""

_MAX_EVALUATIONS = 400
"""Evaluations of one descent. Those of the demonstration need 7 (median) to 28; half or twice of it changes none of
them."""

_MAX_EXACT_STEPS = 12
"""Steps of a fit to fewer observations than ratios. Exact fits converge quadratically; half of it might leave a far
one unfinished, twice as many change nothing."""

_EXACT = 1e-6
"""Step of ln P below which such a fit has converged; half or twice of it costs or saves one step."""

_MIN_SINGULAR_VALUE = 1e-7
"""Relative singular value below which a direction is left alone in such a fit; half or twice of it decides
nothing."""


_FROM_BOUND = 0.01
"""Distance in ln P from a bound of the user's at which a descent begins. It may still end at the bound; with half or
twice of it the descent takes a step more or less."""


def least_squares(
    data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener
) -> FloatArray:
    """Minimise the sum of squares of the whitened residuals over the free ln P.

    An ion that ran away lies on a plateau, from where no descent returns: it is tried once more from nearer by.

    Parameters
    ----------
    data : Observations
    start : ndarray, shape (k,)
    free : sequence of int
        Which ln P are fitted; the others stay at `start`.
    whiten : Whitener or DenseWhitener

    Returns
    -------
    ndarray, shape (k,)
    """
    if not free:
        return start.copy()
    if data.size < len(free):
        return _exact_fit(data, start, free, whiten)
    best = _descend(data, start, free, whiten)
    run_away = [i for i in free if abs(best[i]) > IMPERMEANT]
    if not run_away:
        return best
    nearer = best.copy()
    nearer[run_away] = np.sign(best[run_away]) * RESTART
    again = _descend(data, nearer, free, whiten)
    return again if chi_square(data, again, whiten) < chi_square(data, best, whiten) - LOWER_CHI_SQUARE else best


def _descend(
    data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener
) -> FloatArray:
    """Run Levenberg-Marquardt from one start, with analytic derivatives."""
    at = list(free)
    scale = _Scale.of(*(bound[at] for bound in data.parameters.bounds(data.n_coefficients)))

    def unpack(values: FloatArray) -> FloatArray:
        ln_p = start.copy()
        ln_p[at] = np.clip(scale.bounded(values), -MAX_LN_P, MAX_LN_P)
        return data.parameters.completed(ln_p)

    def residual(values: FloatArray) -> FloatArray:
        return whiten(data.potential_mV - data.predict(unpack(values)))

    def derivative(values: FloatArray) -> FloatArray:
        ln_p = unpack(values)
        return whiten(-data.columns(data.gradient(ln_p), ln_p, free)) * scale.slope(values)

    tolerances = {"xtol": 1e-9, "ftol": 1e-11, "gtol": 0.0, "maxfev": _MAX_EVALUATIONS}
    with np.errstate(all="ignore"):  # the scale calculates with infinite bounds, too
        begin = scale.unbounded(np.where(np.isfinite(start[at]), start[at], 0.0))
        return unpack(optimize.leastsq(residual, begin, Dfun=derivative, full_output=True, **tolerances)[0])


@dataclass(frozen=True)
class _Scale:
    """Variables without bounds for ln P between bounds, those of MINUIT (James & Roos 1975) and of lmfit.

    Attributes
    ----------
    low, high : ndarray, shape (p,)
        Infinite where there is no bound.
    """

    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, low: FloatArray, high: FloatArray) -> _Scale:
        """Return the scale; the bounds of the optimizers are none of the user's."""
        return cls(np.where(low > -MAX_LN_P, low, -math.inf), np.where(high < MAX_LN_P, high, math.inf))

    def bounded(self, values: FloatArray) -> FloatArray:
        """Return the ln P of variables without bounds."""
        beyond = np.sqrt(values**2 + 1) - 1
        between = self.low + (np.sin(values) + 1) * (self.high - self.low) / 2
        return self._chosen(values, self.low + beyond, self.high - beyond, between)

    def slope(self, values: FloatArray) -> FloatArray:
        """Return d ln P / d variable."""
        beyond = values / np.sqrt(values**2 + 1)
        return self._chosen(np.ones(values.shape), beyond, -beyond, np.cos(values) * (self.high - self.low) / 2)

    def unbounded(self, ln_p: FloatArray) -> FloatArray:
        """Return the variables for ln P, which is moved off a bound, where the derivative is zero."""
        inside = np.minimum(_FROM_BOUND, (self.high - self.low) / 4)
        ln_p = np.clip(ln_p, self.low + inside, self.high - inside)
        above, below = (np.sqrt((np.abs(ln_p - bound) + 1) ** 2 - 1) for bound in (self.low, self.high))
        between = np.arcsin(2 * (ln_p - self.low) / (self.high - self.low) - 1)
        return self._chosen(ln_p, above, below, between)

    def _chosen(self, free: FloatArray, above: FloatArray, below: FloatArray, between: FloatArray) -> FloatArray:
        """Return the value of each variable by the bounds that it has."""
        low, high = np.isfinite(self.low), np.isfinite(self.high)
        return np.asarray(np.where(low & high, between, np.where(low, above, np.where(high, below, free))))


def _exact_fit(
    data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener
) -> FloatArray:
    """Fit fewer observations than ratios: of all exact fits one near the start. None of its ratios is reported."""
    ln_p, (low, high) = start.copy(), data.parameters.bounds(data.n_coefficients)
    for _ in range(_MAX_EXACT_STEPS):
        jacobian = whiten(data.columns(data.gradient(ln_p), ln_p, free))
        residual = whiten(data.potential_mV - data.predict(ln_p))
        step = np.linalg.lstsq(jacobian, residual, rcond=_MIN_SINGULAR_VALUE)[0]
        ln_p[list(free)] += np.clip(step, -MAX_GAUSS_STEP, MAX_GAUSS_STEP)
        ln_p = data.parameters.completed(np.clip(ln_p, low, high))
        if np.abs(step).max() < _EXACT:
            break
    return ln_p
