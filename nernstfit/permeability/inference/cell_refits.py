"""Refits of some ln P together with the ln P of every cell, where cells differ so widely that each has its own.

A cell whose ln P is known keeps it where the mean is moved, and deviates by more: the cost of a mean is that of the
deviations from it. Where the ion is absent, it is so in every cell, and nothing differs in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.cell_deviations import damped
from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.limits import MAX_EFFECT_STEP
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

_MAX_STEPS = 60
"""Gauss-Newton steps of one refit. 5 to 15 are needed; half of it cuts some, twice as many repeat what circles."""

_CONVERGED = 1e-4
"""Change of a ln P below which a refit has converged: its cost is then exact to the square of it, in units of the
variance of a ln P."""


def refit_cells(fit: Fit, start: FloatArray, free: Sequence[int], whiten_fit: Whitener) -> tuple[FloatArray, float]:
    """Refit some ln P and the deviations of all cells from them, all other ln P fixed.

    Parameters
    ----------
    fit : Fit
    start : ndarray, shape (k,)
        Start of the free ln P and values of the others; -inf is an impermeant ion.
    free : sequence of int
    whiten_fit : Whitener
        Of the potentials at the fit, with systematic errors.

    Returns
    -------
    ln_p : ndarray, shape (k,)
    cost : float
        -2 ln likelihood (Laplace's approximation) up to a constant; inf where some measurement has no reversal
        potential with these ions.
    """
    data, at, k = fit.data, list(free), len(fit.data.ions)
    low, high = (bound[at] for bound in data.parameters.bounds(data.n_coefficients))
    ln_p, before = data.parameters.completed(start), np.zeros((data.size, k))
    moved = np.where(np.isfinite(ln_p), ln_p - fit.ln_p, 0.0)[:k]
    deviation = np.asarray(fit.working.deviation) - moved
    if not np.isfinite(data.predict(ln_p)).all():
        return ln_p, math.inf
    for _ in range(_MAX_STEPS):
        predicted, gradient = data.at_deviation(deviation, data.potential_mV).prediction(ln_p)
        of_ions, columns = gradient[:, :k], data.columns(gradient, ln_p, at)
        structure = CovarianceComponents(data, gradient)
        whiten = whiten_fit.with_structure(structure)
        residual = data.potential_mV - predicted + (of_ions * deviation).sum(axis=1)
        value = np.clip(
            np.linalg.lstsq(whiten(columns), whiten(residual), rcond=None)[0], -MAX_EFFECT_STEP, MAX_EFFECT_STEP
        )
        rest = residual - columns @ value
        found = structure.deviations(of_ions * whiten.precision_times(rest)[:, None], fit.components)
        step = found - deviation
        before = damped(step, before)
        if np.abs(np.concatenate([value, step.ravel()])).max() < _CONVERGED:
            break
        ln_p, deviation = ln_p.copy(), deviation + before
        ln_p[at] = np.clip(ln_p[at] + value, low, high)
        ln_p = data.parameters.completed(ln_p)
    return ln_p, float(np.square(whiten(rest)).sum()) + whiten.log_determinant
