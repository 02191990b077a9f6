"""Cluster bootstrap: the ratios refitted to resampled cells, with the variance components fixed.

Whole cells are resampled with replacement, or whole batches where these are given. All resamples are refitted at once
by Gauss-Newton steps with the whitening of the fit: each cluster keeps its covariance, and is weighted by the number
of times that it was drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.limits import MAX_GAUSS_STEP
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

# Number of Gauss-Newton steps of a refit. It starts at the fit, and a resample is near it: 3 steps come within 2e-4 of
# the converged ln P. With half of them (1 or 2) skewed resamples stay short of it, twice as many change no quantile.
_STEPS = 3

# Smallest eigenvalue of the normal equations, scaled by the covariance of the fit, with which a resample determines all
# ratios. A resample with one of n informative cells has 1 / n; anything near 1e-6 is a direction without data, so that
# half and twice of it mark the same resamples.
_MIN_EIGENVALUE = 1e-6

# Numbers in the largest array, 16 MB; resamples are refitted in parts of that size. Half or twice changes memory and
# speed only.
_MAX_ARRAY_SIZE = 2_000_000


def bootstrap_ln_p(fit: Fit, number: int, seed: int) -> FloatArray:
    """Return the fitted ln P of resamples.

    Parameters
    ----------
    fit : Fit
    number : int
        Number of resamples.
    seed : int

    Returns
    -------
    ndarray, shape (number, len(fit.free))
        nan in a resample whose cells do not determine every ratio.
    """
    data = fit.working
    structure = CovarianceComponents(data, fit.gradient)
    clusters = len(structure.rows)
    counts = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=number)
    size = max(1, _MAX_ARRAY_SIZE // (data.size * max(1, len(fit.free))))
    parts = [_refit(fit, structure, counts[start : start + size]) for start in range(0, number, size)]
    return np.concatenate(parts)


def _refit(fit: Fit, structure: CovarianceComponents, counts: NDArray[np.int64]) -> FloatArray:
    """Return ln P of resamples that hold each cluster as often as `counts`, shape (resamples, clusters), says."""
    data, free = fit.working, list(fit.free)
    blocks = Whitener(structure, fit.components).blocks
    ln_p = np.broadcast_to(fit.ln_p, (len(counts), len(fit.ln_p))).copy()
    estimable = np.ones(len(counts), bool)
    weight = np.sqrt(counts)[:, :, None, None]
    for _ in range(_STEPS):
        predicted, gradient = data.prediction(ln_p)
        columns = data.columns(gradient, ln_p, free)
        values = np.concatenate([columns, (data.potential_mV - predicted)[..., None]], axis=-1)
        arranged = np.where(structure.there[:, :, None], values[:, structure.rows], 0.0)
        white = (weight * (blocks @ arranged)).reshape(len(counts), -1, len(free) + 1)
        square = white.transpose(0, 2, 1) @ white
        step, determined = _solve(square[:, :-1, :-1], square[:, :-1, -1], fit)
        estimable &= determined
        ln_p[:, free] += np.clip(step, -MAX_GAUSS_STEP, MAX_GAUSS_STEP)
    return np.where(estimable[:, None], ln_p[:, free], np.nan)


def _solve(square: FloatArray, right: FloatArray, fit: Fit) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve the normal equations of each resample; False where they do not determine every direction."""
    scale = np.sqrt(np.diag(fit.covariance))
    eigenvalues, axes = np.linalg.eigh(square * np.outer(scale, scale))
    determined = eigenvalues[:, 0] > _MIN_EIGENVALUE
    rotated = np.einsum("rba,rb->ra", axes, right * scale) / np.where(determined[:, None], eigenvalues, 1.0)
    return np.einsum("rab,rb->ra", axes, rotated) * scale, determined
