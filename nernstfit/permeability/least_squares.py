"""Nonlinear least squares of whitened residuals over some ln P, by the Levenberg-Marquardt method of lmfit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lmfit
import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import parameter_names as factor_names
from nernstfit.contract.expressions import parameter_names
from nernstfit.permeability.covariance import Whitener
from nernstfit.permeability.limits import IMPERMEANT, MAX_GAUSS_STEP, MAX_LN_P, RESTART
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import chi_square

FloatArray = NDArray[np.float64]

LOWER_CHI_SQUARE = 1e-3
"""Decrease of chi-square from which another optimum is the better one. It moves no interval (a cost of 0.0005 log
units); half or twice of it decides only between optima that are the same in every respect."""

_MAX_EVALUATIONS = 100
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


def least_squares(data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener) -> FloatArray:
    """Minimise the sum of squares of the whitened residuals over the free ln P.

    An ion that ran away lies on a plateau, from where no descent returns: it is tried once more from nearer by.

    Parameters
    ----------
    data : Observations
    start : ndarray, shape (k,)
    free : sequence of int
        Which ln P are fitted; the others stay at `start`.
    whiten : Whitener

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


def _descend(data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener) -> FloatArray:
    """Run Levenberg-Marquardt from one start, with analytic derivatives."""
    names = [f"ln_{name}" for name in (*parameter_names(data.ions), *factor_names(data.factors.terms))]
    low, high = data.parameters.bounds(data.n_coefficients)
    parameters, fitted = [], list(free)
    for i in fitted:
        value = start[i] if math.isfinite(start[i]) else 0.0
        bounds = {key: at for key, at in (("min", low[i]), ("max", high[i])) if abs(at) < MAX_LN_P}
        if bounds:  # where the derivative by lmfit's internal variable is zero
            inside = min(_FROM_BOUND, (high[i] - low[i]) / 4)
            value = np.clip(value, low[i] + inside, high[i] - inside)
        parameters.append(lmfit.Parameter(names[i], value=value, **bounds))

    def unpack(values: lmfit.Parameters) -> FloatArray:
        ln_p = start.copy()
        ln_p[fitted] = [min(max(values[names[i]].value, -MAX_LN_P), MAX_LN_P) for i in fitted]
        return data.parameters.completed(ln_p)

    def residual(values: lmfit.Parameters) -> FloatArray:
        return whiten(data.potential_mV - data.predict(unpack(values)))

    def derivative(values: lmfit.Parameters) -> FloatArray:
        ln_p = unpack(values)
        return whiten(-data.columns(data.gradient(ln_p), ln_p, free))

    result = lmfit.minimize(
        residual,
        parameters,  # as a list: `lmfit.Parameters` would be copied with its interpreter, a fifth of the time
        method="leastsq",
        Dfun=derivative,
        scale_covar=False,
        calc_covar=False,
        xtol=1e-9,
        ftol=1e-11,
        max_nfev=_MAX_EVALUATIONS,
    )
    return unpack(result.params)


def _exact_fit(data: Observations, start: FloatArray, free: Sequence[int], whiten: Whitener) -> FloatArray:
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
