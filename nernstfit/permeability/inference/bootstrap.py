"""Cluster bootstrap: the ratios refitted to cells drawn with replacement, the spreads held.

Drawn are whole cells, or whole batches where these are given. All resamples are refitted at once,
by Gauss and Newton's steps in the whitening of the fit: each unit keeps its covariance, and counts as
often as it was drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.limits import MAX_GAUSS_STEP
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

_STEPS = 3
_HELD = 1e-6  # of what the whole sample holds of a direction
_AT_ONCE = 2_000_000  # numbers in one array


def bootstrap_ln_p(fit: Fit, number: int, seed: int) -> FloatArray:
    """ln P of resamples.

    Parameters
    ----------
    fit : Fit
    number : int
        Of resamples.
    seed : int

    Returns
    -------
    ndarray, shape (number, len(fit.free))
        nan in a resample whose cells do not hold every ratio.
    """
    data = fit.working
    structure = CovarianceComponents(data, fit.gradient)
    clusters = len(structure.rows)
    drawn = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=number)
    size = max(1, _AT_ONCE // (data.size * max(1, len(fit.free))))
    parts = [_refitted(fit, structure, drawn[start : start + size]) for start in range(0, number, size)]
    return np.concatenate(parts)


def _refitted(fit: Fit, structure: CovarianceComponents, drawn: NDArray[np.int64]) -> FloatArray:
    """Refit resamples that have each unit so often; `drawn` has the shape (resamples, clusters)."""
    data, free = fit.working, list(fit.free)
    blocks = Whitener(structure, fit.components).blocks
    ln_p = np.broadcast_to(fit.ln_p, (len(drawn), len(fit.ln_p))).copy()
    held = np.ones(len(drawn), bool)
    root_of_count = np.sqrt(drawn)[:, :, None, None]
    for _ in range(_STEPS):
        predicted, gradient = data.prediction(ln_p)
        values = np.concatenate([gradient[..., free], (data.potential_mV - predicted)[..., None]], axis=-1)
        arranged = np.where(structure.there[:, :, None], values[:, structure.rows], 0.0)
        white = (root_of_count * (blocks @ arranged)).reshape(len(drawn), -1, len(free) + 1)
        square = white.transpose(0, 2, 1) @ white
        step, told = _solved(square[:, :-1, :-1], square[:, :-1, -1], fit)
        held &= told
        ln_p[:, free] += np.clip(step, -MAX_GAUSS_STEP, MAX_GAUSS_STEP)
    return np.where(held[:, None], ln_p[:, free], np.nan)


def _solved(square: FloatArray, right: FloatArray, fit: Fit) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve the normal equations of each resample; False where it does not hold every direction."""
    scale = np.sqrt(np.diag(fit.covariance))
    size, axes = np.linalg.eigh(square * np.outer(scale, scale))
    told = size[:, 0] > _HELD
    turned = np.einsum("rba,rb->ra", axes, right * scale) / np.where(told[:, None], size, 1.0)
    return np.einsum("rab,rb->ra", axes, turned) * scale, told
