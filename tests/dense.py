"""The covariance of all potentials as one matrix, pair by pair from its definition: an oracle of the tests."""

from __future__ import annotations

import numpy as np

from nernstfit.permeability.covariance import BATCH, LN_P, NOISE, OFFSET, VarianceComponents
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.reml import Deviance


def parts(data: Observations, gradient: np.ndarray, components: VarianceComponents) -> dict[str, np.ndarray]:
    """What each random effect adds, shape (n, n); of LN_P by ion, shape (k, n, n)."""
    n, k = data.size, len(data.ions)
    same_cell = np.array([[one == other for other in data.cells] for one in data.cells])
    common = same_cell / np.maximum.outer(data.n_averaged, data.n_averaged)
    batches = data.batches or ("",) * n
    same_batch = np.array([[one == other if one else False for other in batches] for one in batches])
    own = [[not one and not other for other in batches] for one in batches]
    same_batch |= same_cell & np.array(own)  # a cell without a batch is one of its own
    g = gradient[:, :k]
    of_ions = np.stack([components.ln_p[i] ** 2 * common * np.outer(g[:, i], g[:, i]) for i in range(k)])
    return {
        OFFSET: components.offset_mV**2 * common,
        LN_P: of_ions,
        BATCH: components.batch_ln_p**2 * same_batch * (g @ g.T) if data.batch_names else np.zeros((n, n)),
        NOISE: components.noise**2 * np.diag(data.se_mV**2),
    }


def covariance(data: Observations, gradient: np.ndarray, components: VarianceComponents) -> np.ndarray:
    """Covariance of the potentials in mV^2, shape (n, n)."""
    of = parts(data, gradient, components)
    return np.asarray(of[OFFSET] + of[LN_P].sum(axis=0) + of[BATCH] + of[NOISE])


def slopes(data: Observations, gradient: np.ndarray, components: VarianceComponents) -> list[np.ndarray]:
    """dV / d ln s of the offsets, of each ion that is there, of the batches and of the noise."""
    of = parts(data, gradient, components)
    return [2 * part for part in (of[OFFSET], *of[LN_P][data.present], of[BATCH], of[NOISE])]


def likelihood(
    v: np.ndarray, v_slopes: list[np.ndarray], residual: np.ndarray, design: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """-2 ln restricted likelihood, its slope by ln s, and the expected information (Harville 1977)."""
    inverse = np.linalg.inv(v)
    square = design.T @ inverse @ design
    p = inverse - inverse @ design @ np.linalg.solve(square, design.T @ inverse)
    value = np.linalg.slogdet(v)[1] + np.linalg.slogdet(square)[1] + residual @ p @ residual
    weighted = p @ residual
    slope = [np.trace(p @ v_j) - weighted @ v_j @ weighted for v_j in v_slopes]
    information = [[np.trace(p @ v_i @ p @ v_j) / 2 for v_j in v_slopes] for v_i in v_slopes]
    return float(value), np.array(slope), np.array(information)


def with_prior(deviance: Deviance, point: np.ndarray, found: tuple[float, np.ndarray]) -> tuple[float, np.ndarray]:
    """A likelihood and its slope by ln s as the deviance has them: by its parameters, with their prior."""
    value, slope, _ = deviance.parameters.prior(point)
    return found[0] + value, deviance.parameters.jacobian.T @ found[1] + slope
