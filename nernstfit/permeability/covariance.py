"""How cells differ: the covariance of potentials, and the spreads by restricted maximum likelihood.

Rows of one cell share its offset and its own ln P, rows of one batch that of the batch. The
covariance of the potentials is

    V = diag(se^2) + sum_j s_j^2 M_j,

with s_j a spread and M_j what two rows share of it: 1 within a cell for the offset, G G' within a
cell for ln P (G = dE / d ln P; every permeant ion alike), G G' within a batch for that of the
batch. The noise is one more, with M = diag(se^2) and s = 1. Of rows that average n cells, 1 / n of
what cells differ by is left: the offset of a mean is the mean of offsets. (Where one averages some
of the other's cells, it is 1 / the larger n.)

The derivatives of the restricted likelihood are those of Harville 1977 (J Am Stat Assoc 72:320):
with P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1,

    d(-2 ln L) / d ln s_j = tr(P V_j) - r' P V_j P r,    information_ij = tr(P V_i P V_j) / 2,

V_j = 2 s_j^2 M_j. Everything is computed whitened, unit by unit (see `Data.clusters`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability.observations import Data

FloatArray = NDArray[np.float64]

OFFSET, LN_P, BATCH, NOISE = "offset_mV", "ln_p", "batch_ln_p", "noise"
FREE_OFFSET_MV = 1e3
MIN_SD, _MAX_SD = 1e-3, 10.0  # of ln P
_OFFSET_RANGE = 1e3  # the fitted offset spread stays within this factor of its scale
_PRIOR_WIDTH = 1.0
_NULL = 1e-7
_SAME = 1e-6


@dataclass(frozen=True)
class VarianceComponents:
    """Between cells: standard deviation of the offsets in mV and of each ln P; of each ln P between batches.

    `noise` multiplies the standard errors of the measurements.
    """

    offset_mV: float
    ln_p: float
    batch_ln_p: float = 0.0
    noise: float = 1.0


class CovarianceComponents:
    """What the rows share of each spread: the matrices M of this module, shape (clusters, width, width) each."""

    def __init__(self, data: Data, gradient: FloatArray) -> None:
        self.rows = data.clusters
        self.there = self.rows >= 0
        both = self.there[:, :, None] & self.there[:, None, :]
        cell = np.searchsorted(data.cell_names, data.cells)[self.rows]
        g = self.arranged(gradient[:, : len(data.ions)])
        alike = g @ g.transpose(0, 2, 1)
        within = both & (cell[:, :, None] == cell[:, None, :])
        averages = data.averages[self.rows]
        shared = np.where(within, 1.0 / np.maximum(averages[:, :, None], averages[:, None, :]), 0.0)
        self._of = {OFFSET: shared, LN_P: shared * alike}
        if data.batch_names:
            batch = np.array([data.batch_names.index(b) if b else -1 for b in data.batches])[self.rows]
            one = both & (batch[:, :, None] == batch[:, None, :]) & (batch[:, :, None] >= 0)
            self._of[BATCH] = np.where(one | within, alike, 0.0)
        self._of[NOISE] = self.arranged(data.se_mV[:, None]) ** 2 * np.eye(both.shape[1])

    def arranged(self, values: FloatArray) -> FloatArray:
        """Values of shape (n, m) as (clusters, width, m), 0 where there is no row."""
        return np.where(self.there[:, :, None], values[self.rows], 0.0)

    def covariance(self, components: VarianceComponents) -> FloatArray:
        """V in mV^2, 1 where there is no row; shape (clusters, width, width)."""
        total = np.asarray(sum(matrix * getattr(components, name) ** 2 for name, matrix in self._of.items()))
        at = np.arange(total.shape[1])
        total[:, at, at] += ~self.there
        return total

    def parts(self, components: VarianceComponents, sensitivity: FloatArray) -> dict[str, FloatArray]:
        """Variance that each spread adds to linear functions of the potentials.

        Parameters
        ----------
        components : VarianceComponents
        sensitivity : ndarray, shape (m, n)
            Of each function, per mV.

        Returns
        -------
        dict of str to ndarray, shape (m,)
            By the spread's name; their sum is the variance of the function.
        """
        g = self.arranged(sensitivity.T)
        return {
            name: getattr(components, name) ** 2 * np.einsum("uwm,uwm->m", g, matrix @ g)
            for name, matrix in self._of.items()
        }

    def shared(self, name: str, values: FloatArray) -> FloatArray:
        """M of one spread times values of shape (n, m)."""
        found = self._of[name] @ self.arranged(values)
        out = np.empty(values.shape)
        out[self.rows[self.there]] = found[self.there]
        return out

    def slope(self, components: VarianceComponents, name: str) -> FloatArray:
        """dV / d ln s of one spread."""
        return np.asarray(self._of[name] * (2.0 * getattr(components, name) ** 2))

    def whole(self, components: VarianceComponents) -> FloatArray:
        """V as one matrix, shape (n, n)."""
        n = int(self.there.sum())
        out = np.zeros((n, n))
        for rows, block in zip(self.rows, self.covariance(components), strict=True):
            own = rows >= 0
            out[np.ix_(rows[own], rows[own])] = block[np.ix_(own, own)]
        return out


class Whitener:
    """Whitens unit by unit, all at once; missing rows of a unit count as exact zeros.

    Takes arrays of shape (n,) or (n, m) and returns (clusters * width,) or (clusters * width, m).
    """

    def __init__(self, structure: CovarianceComponents, components: VarianceComponents) -> None:
        self._structure = structure
        root = np.linalg.cholesky(structure.covariance(components))
        self.log_determinant = 2.0 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
        self.blocks: FloatArray = np.linalg.inv(root)

    def __call__(self, values: FloatArray) -> FloatArray:
        """White values of the same columns."""
        arranged = self._structure.arranged(values if values.ndim == 2 else values[:, None])
        white = self.blocks @ arranged
        flat = np.asarray(white.reshape(self._structure.there.size, arranged.shape[2]))
        return flat if values.ndim == 2 else flat[:, 0]

    def precision_times(self, values: FloatArray) -> FloatArray:
        """V^-1 values, shape (n,)."""
        white = self.blocks @ self._structure.arranged(values[:, None])
        return self._back((self.blocks.transpose(0, 2, 1) @ white)[:, :, 0])

    @property
    def precision_diagonal(self) -> FloatArray:
        """Diagonal of V^-1, shape (n,)."""
        return self._back((self.blocks**2).sum(axis=1))

    def transposed(self, white: FloatArray) -> FloatArray:
        """Carry coefficients of whitened values, shape (m, clusters * width), to the values, shape (m, n)."""
        by_cluster = white.reshape(len(white), *self._structure.there.shape)
        carried = np.einsum("mua,uab->mub", by_cluster, self.blocks)
        return np.array([self._back(row) for row in carried]).reshape(len(white), int(self._structure.there.sum()))

    def _back(self, arranged: FloatArray) -> FloatArray:
        there = self._structure.there
        out = np.empty(int(there.sum()))
        out[self._structure.rows[there]] = arranged[there]
        return out


@dataclass(frozen=True)
class WhitenedDesign:
    """Whitened columns X of the Jacobian, each scaled to length 1, and their singular values.

    Scaled, a column tells of its ion however little of it passes; what is left of collinearity is
    that of the experiment.
    """

    scale: FloatArray
    left: FloatArray
    size: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, columns: FloatArray) -> WhitenedDesign:
        """Decompose whitened columns; directions that the data do not hold are left out."""
        scale = np.linalg.norm(columns, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        u, size, vt = np.linalg.svd(columns / scale, full_matrices=False)
        held = size > _NULL
        return cls(scale, u[:, held], size[held], vt[held])

    @property
    def log_determinant(self) -> float:
        """Of X'X, over the directions that are held."""
        return 2.0 * float(np.log(self.size).sum() + np.log(self.scale).sum())

    @property
    def root(self) -> FloatArray:
        """R with (X'X)^-1 = R R'; X R are the left vectors."""
        return np.asarray(self.right.T / self.size / self.scale[:, None])

    @property
    def sensitivity(self) -> FloatArray:
        """(X'X)^-1 X'."""
        return np.asarray(self.root @ self.left.T)

    @property
    def covariance(self) -> FloatArray:
        """(X'X)^-1."""
        return np.asarray(self.root @ self.root.T)

    @property
    def not_estimable(self) -> tuple[int, ...]:
        """WhitenedDesign of which only combinations with others are held."""
        return tuple(int(j) for j in np.flatnonzero(1.0 - (self.right**2).sum(axis=0) > _SAME))


class Deviance:
    """-2 ln (restricted) likelihood, prior of the offset scale included, as a function of the ln spreads.

    Parameters
    ----------
    structure : CovarianceComponents
    residual : ndarray, shape (n,)
        Measured less predicted potentials in mV.
    columns : ndarray, shape (n, free)
        dE / d ln P of the ratios that are fitted.
    names : sequence of str
        The spreads that are fitted, OFFSET, LN_P, BATCH or NOISE.
    base : VarianceComponents
        Holds the others.
    scale_mV : float
        Of the offsets: the middle of a log-normal prior, one natural log unit wide.
    restricted : bool
    """

    def __init__(
        self,
        structure: CovarianceComponents,
        residual: FloatArray,
        columns: FloatArray,
        names: Sequence[str],
        base: VarianceComponents,
        scale_mV: float,
        restricted: bool,
    ) -> None:
        self._structure, self._residual, self._columns = structure, residual, columns
        self._names, self._base, self._scale, self._restricted = tuple(names), base, scale_mV, restricted

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the ln spreads."""
        around = math.log(self._scale) if OFFSET in self._names else 0.0
        reach = math.log(_OFFSET_RANGE)
        ranges = {OFFSET: (around - reach, around + reach), NOISE: (-math.log(_MAX_SD), math.log(_MAX_SD))}
        return [ranges.get(name, (math.log(MIN_SD), math.log(_MAX_SD))) for name in self._names]

    def components(self, ln_sd: FloatArray) -> VarianceComponents:
        """Spreads at a point."""
        values: Mapping[str, float] = dict(zip(self._names, np.exp(ln_sd).tolist(), strict=True))
        return replace(self._base, **values)

    def __call__(self, ln_sd: FloatArray) -> tuple[float, FloatArray]:
        """Value, and its slope in the ln spreads."""
        white, design, slopes = self._at(ln_sd)
        residual = white(self._residual)
        rest = residual - design.left @ (design.left.T @ residual)
        value = white.log_determinant + float(rest @ rest)
        slope = np.trace(slopes, axis1=2, axis2=3).sum(axis=1)
        by_cluster = self._by_cluster(rest)
        slope -= np.einsum("ui,juik,uk->j", by_cluster, slopes, by_cluster)
        if self._restricted:
            value += design.log_determinant
            slope -= np.trace(self._between(design, slopes), axis1=1, axis2=2)
        if OFFSET in self._names:
            at = self._names.index(OFFSET)
            away = (ln_sd[at] - math.log(self._scale)) / _PRIOR_WIDTH
            value += away**2
            slope[at] += 2 * away / _PRIOR_WIDTH
        return value, slope

    def degrees_of_freedom(self, ln_sd: FloatArray) -> FloatArray:
        """Satterthwaite's for the variance v of each ln P, 2 v^2 / var(v), shape (free,); inf where v is certain.

        The variance of the ln spreads is that of the expected information and the prior's.
        """
        _, design, slopes = self._at(ln_sd)
        root, between = design.root, self._between(design, slopes)
        variance = (root**2).sum(axis=1)
        slope = np.einsum("fr,jrs,fs->jf", root, between, root)
        values, vectors = np.linalg.eigh(self._information(design, slopes, between))
        tells = values > _NULL * values.max(initial=_NULL)
        of_variance = ((vectors[:, tells].T @ slope) ** 2 / values[tells][:, None]).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = 2 * variance**2 / of_variance
        return np.asarray(np.where(np.isfinite(df), np.maximum(df, 1.0), math.inf))

    def value(self, components: VarianceComponents) -> float:
        """-2 ln likelihood at some spreads."""
        return self(self._ln(components))[0]

    def coefficients(self, components: VarianceComponents) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coefficients of all columns by generalised least squares at some spreads.

        Returns
        -------
        value : ndarray, shape (columns,)
        covariance : ndarray, shape (columns, columns)
            Allows for spreads known from few cells (Kenward & Roger 1997, Biometrics 53:983).
        df : ndarray, shape (columns,)
            Satterthwaite's.
        """
        at = self._ln(components)
        white, design, slopes = self._at(at)
        left, between = self._by_cluster(design.left), self._between(design, slopes)
        through = slopes @ left
        lost = np.einsum("iuar,juas->ijrs", through, through) - np.einsum("irs,jst->ijrt", between, between)
        uncertain = np.linalg.pinv(self._information(design, slopes, between), rcond=_NULL, hermitian=True)
        allowing = np.eye(len(design.size)) + 2 * np.einsum("ij,ijrs->rs", uncertain, lost)
        covariance = design.root @ allowing @ design.root.T
        return design.sensitivity @ white(self._residual), covariance, self.degrees_of_freedom(at)

    def _ln(self, components: VarianceComponents) -> FloatArray:
        return np.array([math.log(getattr(components, name)) for name in self._names])

    def _information(self, design: WhitenedDesign, slopes: FloatArray, between: FloatArray) -> FloatArray:
        left = self._by_cluster(design.left)
        through = slopes @ left  # (components, clusters, width, rank)
        whole = np.einsum("iuab,juab->ij", slopes, slopes) - 2 * np.einsum("iuar,juar->ij", through, through)
        information = (whole + np.einsum("irs,jrs->ij", between, between)) / 2
        if OFFSET in self._names:
            at = self._names.index(OFFSET)
            information[at, at] += 1 / _PRIOR_WIDTH**2
        return np.asarray(information)

    def _at(self, ln_sd: FloatArray) -> tuple[Whitener, WhitenedDesign, FloatArray]:
        """Whitening, whitened columns and whitened slopes of V, shape (components, clusters, width, width)."""
        components, shape = self.components(ln_sd), (-1, *self._structure.there.shape, self._structure.there.shape[1])
        white = Whitener(self._structure, components)
        slopes = np.array([self._structure.slope(components, name) for name in self._names]).reshape(shape)
        return white, WhitenedDesign.of(white(self._columns)), white.blocks @ slopes @ white.blocks.transpose(0, 2, 1)

    def _by_cluster(self, flat: FloatArray) -> FloatArray:
        return flat.reshape(*self._structure.there.shape, *flat.shape[1:])

    def _between(self, design: WhitenedDesign, slopes: FloatArray) -> FloatArray:
        """U' S U of each slope S with the left vectors U, shape (spreads, rank, rank)."""
        left = self._by_cluster(design.left)
        return np.asarray(np.einsum("uar,juas->jrs", left, slopes @ left))


def fit_variance_components(deviance: Deviance, start: VarianceComponents, names: Sequence[str]) -> VarianceComponents:
    """Find the spreads of highest (restricted) likelihood for the model made linear.

    Parameters
    ----------
    deviance : Deviance
    start : VarianceComponents
    names : sequence of str
        The spreads that are fitted.
    """
    if not names:
        return start
    bounds = deviance.bounds
    first = [
        min(max(math.log(max(getattr(start, name), 1e-12)), low), high)
        for name, (low, high) in zip(names, bounds, strict=True)
    ]
    result = optimize.minimize(
        deviance, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-11, "gtol": 1e-4}
    )
    return deviance.components(result.x)


def fitted(data: Data, offset_scale_mV: float) -> tuple[VarianceComponents, tuple[str, ...]]:
    """Spreads to start from, and which of them the data tell: one cell alone has none, one batch alone not its own.

    Parameters
    ----------
    data : Data
    offset_scale_mV : float
        0 for no offsets, inf for a free one in each cell.
    """
    several, batches = len(data.cell_names) > 1, len(data.batch_names) > 1
    offset = FREE_OFFSET_MV if math.isinf(offset_scale_mV) else offset_scale_mV
    differ = several and len(data.ions) > 1
    names = (
        (OFFSET,) * (several and 0 < offset_scale_mV < math.inf) + (LN_P,) * differ + (BATCH,) * (differ and batches)
    )
    return VarianceComponents(offset, 0.1 if differ else 0.0, 0.1 if differ and batches else 0.0), names
