"""Cluster bootstrap: the ratios refitted to resampled cells, with the variance components fixed.

Whole cells are resampled with replacement, or whole batches where these are given. All resamples are refitted at once
by Gauss-Newton steps with the whitening of the fit: each cluster keeps its covariance, and is weighted by the number
of times that it was drawn. Cells share their baths, so that a step needs the potentials of the conditions alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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
    equations = _NormalEquations.of(fit)
    clusters = equations.of_pairs.shape[0]
    counts = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=number)
    size = max(1, _MAX_ARRAY_SIZE // (len(equations.other) * (len(fit.free) + 1)))
    parts = [_refit(fit, equations, counts[start : start + size]) for start in range(0, number, size)]
    return np.concatenate(parts)


@dataclass(frozen=True)
class _NormalEquations:
    """Contributions of each cluster to the normal equations, which depend on ln P by the conditions alone.

    Attributes
    ----------
    of_pairs : sparse array, shape (clusters, pairs)
        Precision of the observations in two conditions together, for each pair of these that a cluster has.
    of_conditions : sparse array, shape (clusters, conditions)
        Precision times the residuals of the fit.
    start : ndarray of int, shape (conditions,)
        First pair of each condition.
    other : ndarray of int, shape (pairs,)
        The other condition of each pair.
    """

    of_pairs: sparse.csr_array
    of_conditions: sparse.csr_array
    start: NDArray[np.int64]
    other: NDArray[np.int64]

    @classmethod
    def of(cls, fit: Fit) -> _NormalEquations:
        """Return those of a fit."""
        structure = CovarianceComponents(fit.working, fit.gradient)
        whiten, there = Whitener(structure, fit.components), structure.there
        first, place = fit.working.distinct
        condition, n, clusters = np.where(there, place[structure.rows], 0), len(first), len(there)
        both = there[:, :, None] & there[:, None, :]
        pair_of = (condition[:, :, None] * n + condition[:, None, :])[both]
        pairs, pair = np.unique(pair_of, return_inverse=True)
        precision = (whiten.blocks.transpose(0, 2, 1) @ whiten.blocks)[both]
        weighted = whiten.precision_times(fit.residual_mV)[structure.rows[there]]
        return cls(
            sparse.csr_array((precision, (np.nonzero(both)[0], pair)), shape=(clusters, len(pairs))),
            sparse.csr_array((weighted, (np.nonzero(there)[0], condition[there])), shape=(clusters, n)),
            np.searchsorted(pairs // n, np.arange(n)),
            pairs % n,
        )


def _refit(fit: Fit, equations: _NormalEquations, counts: NDArray[np.int64]) -> FloatArray:
    """Return ln P of resamples that hold each cluster as often as `counts`, shape (resamples, clusters), says."""
    data, free = fit.working, list(fit.free)
    of_pairs, of_conditions = counts @ equations.of_pairs, counts @ equations.of_conditions
    at_fit = data.prediction_of_conditions(fit.ln_p)[0]
    ln_p = np.broadcast_to(fit.ln_p, (len(counts), len(fit.ln_p))).copy()
    estimable = np.ones(len(counts), bool)
    for _ in range(_STEPS):
        predicted, gradient = data.prediction_of_conditions(ln_p)
        columns = data.columns(gradient, ln_p, free)
        values = np.concatenate([columns, (predicted - at_fit)[..., None]], axis=-1)
        weighted = np.add.reduceat(of_pairs[..., None] * values[:, equations.other], equations.start, axis=1)
        square = columns.transpose(0, 2, 1) @ weighted[..., :-1]
        right = (columns.transpose(0, 2, 1) @ (of_conditions - weighted[..., -1])[..., None])[..., 0]
        step, determined = _solve(square, right, fit)
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
