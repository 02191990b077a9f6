"""Covariance of the potentials of several cells, and its whitening.

Notation: n observations in independent clusters (a cell, or the cells of a batch); V, shape (n, n), the covariance of
the potentials; G = dE / d ln P; X the columns of G that are fitted.

Observations of one cell share its offset and its deviation of ln P, those of one batch that of the batch:

    V = diag(se^2) + sum_j s_j^2 M_j,

with s_j the standard deviation of a random effect and M_j its covariance at unit variance: 1 within a cell for the
offset, g g' within a cell for ln P of each permeant ion, g its column of G, and G G' within a batch for ln P of the
batch, equal for every ion. The noise is one more component with M = diag(se^2) and s = 1. Of what cells differ by, an
observation that averages n cells retains 1 / n in variance; of two that average different numbers of the same cells,
1 / the larger n is common.

Everything is calculated cluster by cluster (see `Observations.clusters`), all at once, padded to the same width. The
systematic errors, which all clusters share, are few columns S: the covariance with them is V + S S'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]

OFFSET, LN_P, BATCH, NOISE = "offset_mV", "ln_p", "batch_ln_p", "noise"
COMMON_LN_P = "common_ln_p"  # ln P, with one standard deviation of all ions

_ROUNDING = 1e-12
"""Least variance, over the largest in the covariance, that is added where rounding (1e-16, times the number of
observations) has made it indefinite. At half and at double the same fits, of data that no ratios explain, do not
settle."""

_MIN_SINGULAR_VALUE = 1e-7
"""Singular value of the design, its columns of length 1, below which a direction is not estimable. Rounding leaves
1e-16, collinear baths 1e-3 and more; half or twice of it decides nothing between."""

_MIN_LOST = 1e-6
"""Part of a column in not estimable directions from which the coefficient is not estimable. Rounding leaves 1e-14;
half or twice of it decides nothing."""


@dataclass(frozen=True)
class VarianceComponents:
    """Standard deviations of the random effects.

    Attributes
    ----------
    offset_mV : float
        Of the electrode offsets between cells.
    ln_p : tuple of float, length k
        Of the ln P of each permeant ion between cells.
    batch_ln_p : float
        Of each ln P between batches.
    noise : float
        Factor on the standard errors of the observations.
    """

    offset_mV: float
    ln_p: tuple[float, ...]
    batch_ln_p: float = 0.0
    noise: float = 1.0


class CovarianceComponents:
    """Components of the covariance at unit variance: the matrices M, shape (clusters, width, width) each.

    Attributes
    ----------
    rows : ndarray of int, shape (clusters, width)
        Observations of each cluster, padded with -1.
    there : ndarray of bool, shape (clusters, width)
        False at the padding.
    ions : ndarray of int
        Indices of the permeant ions that are in any solution.
    """

    def __init__(self, data: Observations, gradient: FloatArray) -> None:
        self.rows = data.clusters
        self.there = self.rows >= 0
        self._is_padded = not self.there.all()
        self.ions = np.flatnonzero(data.present)
        self._gradient = self.arranged(gradient[:, : len(data.ions)])
        self._common = data.cells_in_common
        self._twice_common = 2.0 * self._common
        self._matrices = {OFFSET: self._common}
        self._in_batch: NDArray[np.bool_] | None = None
        if data.batch_names:
            both = self.there[:, :, None] & self.there[:, None, :]
            # A cell without a batch is one of its own.
            number = {name: i for i, name in enumerate(data.batch_names)}
            own = [number.get(b, -1 - i) for b, i in zip(data.batches, data.cell_index.tolist(), strict=True)]
            batch = np.array(own)[self.rows]
            of_all_ions = self._gradient @ self._gradient.transpose(0, 2, 1)
            self._in_batch = both & (batch[:, :, None] == batch[:, None, :])
            self._matrices[BATCH] = np.where(self._in_batch, of_all_ions, 0.0)
        self._matrices[NOISE] = self.arranged(data.se_mV[:, None]) ** 2 * np.eye(self.rows.shape[1])

    def arranged(self, values: FloatArray) -> FloatArray:
        """Return values of shape (n, m) by cluster, shape (clusters, width, m), 0 at the padding."""
        found = values[self.rows]
        return np.where(self.there[:, :, None], found, 0.0) if self._is_padded else found

    def covariance(self, components: VarianceComponents) -> FloatArray:
        """Return V in mV^2 by cluster, 1 on the diagonal of the padding; shape (clusters, width, width)."""
        total = np.asarray(sum(self._contributions(components).values()))
        if self._is_padded:
            at = np.arange(total.shape[1])
            total[:, at, at] += ~self.there
        return total

    def parts(self, components: VarianceComponents, sensitivity: FloatArray) -> dict[str, FloatArray]:
        """Return the variance that each component adds to linear functions of the potentials.

        Parameters
        ----------
        components : VarianceComponents
        sensitivity : ndarray, shape (m, n)
            Coefficients of each function, per mV.

        Returns
        -------
        dict of str to ndarray, shape (m,)
            By the component's name; their sum is the variance of the function.
        """
        g = self.arranged(sensitivity.T)
        parts = {
            name: np.einsum("uwm,uwm->m", g, matrix @ g) for name, matrix in self._contributions(components).items()
        }
        return {name: np.maximum(part, 0.0) for name, part in parts.items()}  # rounding may leave -1e-38

    def deviations(self, values: FloatArray, components: VarianceComponents) -> FloatArray:
        """Return the best linear unbiased predictions of the deviations of ln P at each observation.

        They are those of its cell and of the batch of that together; `values`, shape (n, k), are the gradient times the
        residuals weighted by V^-1.
        """
        arranged, sd = self.arranged(values), np.array(components.ln_p)
        found = sd**2 * (self._common @ arranged)
        if self._in_batch is not None:
            found = found + components.batch_ln_p**2 * (self._in_batch @ arranged)
        return self.flattened(found)

    def slopes(self, components: VarianceComponents, name: str) -> FloatArray:
        """Return dV / d ln s of each s of one random effect, shape (of them, clusters, width, width)."""
        if name not in (LN_P, COMMON_LN_P):
            return np.asarray(self._matrices[name] * (2.0 * getattr(components, name) ** 2))[None]
        g = self._gradient[:, :, self.ions].transpose(2, 0, 1) * np.array(components.ln_p)[self.ions, None, None]
        return np.asarray(self._twice_common * g[:, :, :, None] * g[:, :, None, :])

    def _contributions(self, components: VarianceComponents) -> dict[str, FloatArray]:
        """Return what each random effect adds to V, shape (clusters, width, width) each."""
        found = {name: matrix * getattr(components, name) ** 2 for name, matrix in self._matrices.items()}
        scaled = self._gradient * np.array(components.ln_p)
        return found | {LN_P: self._common * (scaled @ scaled.transpose(0, 2, 1))}

    def flattened(self, arranged: FloatArray) -> FloatArray:
        """Return values by cluster, shape (clusters, width, ...), by observation, shape (n, ...)."""
        out = np.empty((int(self.there.sum()), *arranged.shape[2:]))
        out[self.rows[self.there]] = arranged[self.there]
        return out


def cholesky(covariance: FloatArray) -> FloatArray:
    """Return the Cholesky factors of covariances, shape (..., n, n).

    Where differences between cells are so large that the noise is lost in their rounding, it counts as that rounding.
    """
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        largest = np.diagonal(covariance, axis1=-2, axis2=-1).max(axis=-1)
        least = _ROUNDING * largest[..., None, None] * np.eye(covariance.shape[-1])
        return np.asarray(np.linalg.cholesky(covariance + least), dtype=np.float64)


class Whitener:
    """Whitening by V + S S', with S the errors that all clusters share, without a matrix of all observations.

    B, the inverse Cholesky factor of V, whitens cluster by cluster. With the singular value decomposition B S = U d Z',
    B (V + S S') B' is 1 + U d^2 U', whose inverse root is 1 - U (1 - 1 / sqrt(1 + d^2)) U'.

    It takes arrays of shape (n,) or (n, m) and returns (clusters * width,) or (clusters * width, m), 0 at the padding.

    Parameters
    ----------
    structure : CovarianceComponents
    components : VarianceComponents
    shared_mV : ndarray, shape (n, sources), or None
        S: shift of each potential by one standard deviation of each systematic error. None: there are none.

    Attributes
    ----------
    blocks : ndarray, shape (clusters, width, width)
        B.
    log_determinant : float
        ln det (V + S S').
    """

    def __init__(
        self, structure: CovarianceComponents, components: VarianceComponents, shared_mV: FloatArray | None = None
    ) -> None:
        self._structure, self._components, self._shared_mV = structure, components, shared_mV
        root = cholesky(structure.covariance(components))
        self.blocks: FloatArray = np.asarray(np.linalg.inv(root), dtype=np.float64)
        white = np.empty((structure.there.size, 0)) if shared_mV is None else self._by_blocks(shared_mV)
        self._shared, size, _ = np.linalg.svd(white, full_matrices=False)
        self._removed = 1 - 1 / np.sqrt(1 + size**2)
        of_clusters = 2.0 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
        self.log_determinant = of_clusters + float(np.log1p(size**2).sum())

    def with_structure(self, structure: CovarianceComponents) -> Whitener:
        """Return the whitening by the same variance components and shared errors of a covariance of other matrices."""
        return Whitener(structure, self._components, self._shared_mV)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return whitened values."""
        flat = self._without_shared(self._by_blocks(values if values.ndim == 2 else values[:, None]))
        return flat if values.ndim == 2 else flat[:, 0]

    def precision_times(self, values: FloatArray) -> FloatArray:
        """Return the inverse of the covariance times values of shape (n,) or (n, m)."""
        white = self(values)
        found = self.transposed(white[None] if white.ndim == 1 else white.T).T
        return found if values.ndim == 2 else found[:, 0]

    @property
    def precision_diagonal(self) -> FloatArray:
        """Diagonal of the inverse of the covariance, shape (n,)."""
        shared = self._shared * np.sqrt(1 - (1 - self._removed) ** 2)
        by_cluster = shared.reshape(*self._structure.there.shape, shared.shape[1])
        of_shared = np.square(self.blocks.transpose(0, 2, 1) @ by_cluster).sum(axis=2)
        return self._structure.flattened((self.blocks**2).sum(axis=1) - of_shared)

    def transposed(self, white: FloatArray) -> FloatArray:
        """Return coefficients of the values, (m, n), for those of whitened values, (m, clusters * width)."""
        flat = self._without_shared(white.T)
        by_cluster = flat.reshape(*self._structure.there.shape, flat.shape[1])
        return self._structure.flattened(self.blocks.transpose(0, 2, 1) @ by_cluster).T

    def _by_blocks(self, values: FloatArray) -> FloatArray:
        """Return values of shape (n, m) times B."""
        white = self.blocks @ self._structure.arranged(values)
        return white.reshape(self._structure.there.size, values.shape[1])

    def _without_shared(self, white: FloatArray) -> FloatArray:
        """Return values times the inverse root of 1 + U d^2 U', shape (clusters * width, m)."""
        if not self._removed.size:
            return white
        return np.asarray(white - (self._shared * self._removed) @ (self._shared.T @ white))


@dataclass(frozen=True)
class WhitenedDesign:
    """Singular value decomposition of the whitened design X, its columns scaled to length 1.

    Scaling keeps the column of an ion that hardly permeates from being taken for collinear; the collinearity that
    remains is that of the experiment.

    Attributes
    ----------
    scale : ndarray, shape (p,)
        Lengths of the columns.
    left : ndarray, shape (clusters * width, rank)
    size : ndarray, shape (rank,)
        Singular values.
    right : ndarray, shape (rank, p)
    """

    scale: FloatArray
    left: FloatArray
    size: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, columns: FloatArray) -> WhitenedDesign:
        """Decompose whitened columns, without directions that are not estimable."""
        scale = np.linalg.norm(columns, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        u, size, vt = np.linalg.svd(columns / scale, full_matrices=False)
        estimable = size > _MIN_SINGULAR_VALUE
        return cls(scale, u[:, estimable], size[estimable], vt[estimable])

    @property
    def log_determinant(self) -> float:
        """ln det X'X over the estimable directions."""
        return 2.0 * float(np.log(self.size).sum() + np.log(self.scale).sum())

    @cached_property
    def root(self) -> FloatArray:
        """Matrix R with (X'X)^-1 = R R', so that X R are the left singular vectors; shape (p, rank)."""
        return np.asarray(self.right.T / self.size / self.scale[:, None])

    @property
    def sensitivity(self) -> FloatArray:
        """Matrix (X'X)^-1 X', shape (p, clusters * width)."""
        return np.asarray(self.root @ self.left.T)

    @property
    def covariance(self) -> FloatArray:
        """Matrix (X'X)^-1, shape (p, p)."""
        return np.asarray(self.root @ self.root.T)

    @property
    def not_estimable(self) -> tuple[int, ...]:
        """Columns of which only combinations with others are estimable."""
        return tuple(int(j) for j in np.flatnonzero(1.0 - (self.right**2).sum(axis=0) > _MIN_LOST))


def decomposed(
    columns: FloatArray, scale: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Decompose many whitened designs X at once, each as `WhitenedDesign` does.

    Parameters
    ----------
    columns : ndarray, shape (..., rows, p)
    scale : ndarray, shape (..., p), or None
        By which the columns are divided; None: their lengths.

    Returns
    -------
    left : ndarray, shape (..., rows, r)
        Left singular vectors U.
    root : ndarray, shape (..., p, r)
        R with (X'X)^-1 = R R' and (X'X)^-1 X' = R U'; 0 along directions that are not estimable.
    is_estimable : ndarray of bool, shape (..., p)
        False for columns of which at most combinations with others are estimable.
    """
    scale = np.linalg.norm(columns, axis=-2) if scale is None else scale
    scale = np.where(scale > 0, scale, 1.0)
    left, size, right = np.linalg.svd(columns / scale[..., None, :], full_matrices=False)
    is_kept = size > _MIN_SINGULAR_VALUE
    inverse = np.where(is_kept, 1 / np.where(is_kept, size, 1.0), 0.0)
    lost = 1.0 - (right**2 * is_kept[..., None]).sum(axis=-2)
    root = right.swapaxes(-1, -2) * inverse[..., None, :] / scale[..., None]
    return left, root, np.asarray(lost <= _MIN_LOST)
