"""Restricted maximum likelihood (REML) of the variance components of a linear mixed model.

Notation: r = X b + u, with r the residuals in mV, X the design, b the coefficients (changes of ln P), and u of the
covariance V of `covariance`; s_j the standard deviation of a random effect, V_j = dV / d ln s_j = 2 s_j^2 M_j;
P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1. Slope and information are those of Harville 1977 (J Am Stat Assoc 72:320):

    d(-2 ln L) / d ln s_j = tr(P V_j) - r' P V_j P r,    information_ij = tr(P V_i P V_j) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability.covariance import (
    BATCH,
    LN_P,
    NOISE,
    OFFSET,
    CovarianceComponents,
    VarianceComponents,
    WhitenedDesign,
    Whitener,
)
from nernstfit.permeability.limits import MAX_SD, MIN_SD
from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]

FREE_OFFSET_MV = 1e3
"""Standard deviation that stands for a free offset in each cell: 1 V is beyond any electrode. With half or twice of
it an offset is as free, the ratios change by the square of noise over it."""

_OFFSET_RANGE = 1e3
"""Factor around the prior's scale within which the standard deviation of the offsets is sought. The prior itself
keeps it far closer; half or twice of it decides nothing."""

_PRIOR_WIDTH = 1.0
"""Width of the log-normal prior of the standard deviation of the offsets, in natural logs: the scale that the
configuration gives is trusted to a factor of 2.7. With half of it the data say less against the scale given; with
twice as much few cells leave the offsets nearly free."""

_MIN_INFORMATION = 1e-7
"""Eigenvalue of the information, over the largest, below which a combination of variance components is not
estimable. Far above rounding; half or twice of it decides nothing."""

_MIN_START = 1e-12
"""Standard deviation in place of 0 where the logarithm of a starting value is taken; the bounds then raise it."""


@dataclass(frozen=True)
class LinearModel:
    """Linear mixed model of the residuals near a fit.

    Attributes
    ----------
    structure : CovarianceComponents
    residual : ndarray, shape (n,)
        Measured minus predicted potentials in mV.
    design : ndarray, shape (n, p)
        X: dE / d ln P of the ratios that are fitted, and further effects.
    """

    structure: CovarianceComponents
    residual: FloatArray
    design: FloatArray


class Deviance:
    """-2 ln (restricted) likelihood and prior as a function of the ln standard deviations.

    Parameters
    ----------
    model : LinearModel
    names : sequence of str
        Variance components that are estimated: OFFSET, LN_P, BATCH or NOISE.
    base : VarianceComponents
        Values of the others.
    scale_mV : float
        Median of the log-normal prior of the offsets' standard deviation.
    restricted : bool
        REML; False is maximum likelihood.
    """

    def __init__(
        self, model: LinearModel, names: Sequence[str], base: VarianceComponents, scale_mV: float, restricted: bool
    ) -> None:
        self._structure, self._residual, self._columns = model.structure, model.residual, model.design
        self._names, self._base, self._scale, self._restricted = tuple(names), base, scale_mV, restricted
        self._latest: tuple[bytes, tuple[Whitener, WhitenedDesign, FloatArray]] | None = None

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of each ln standard deviation."""
        around = math.log(self._scale) if OFFSET in self._names else 0.0
        reach = math.log(_OFFSET_RANGE)
        ranges = {OFFSET: (around - reach, around + reach), NOISE: (-math.log(MAX_SD), math.log(MAX_SD))}
        return [ranges.get(name, (math.log(MIN_SD), math.log(MAX_SD))) for name in self._names]

    def components(self, ln_sd: FloatArray) -> VarianceComponents:
        """Return the variance components at a point."""
        values: Mapping[str, float] = dict(zip(self._names, np.exp(ln_sd).tolist(), strict=True))
        return replace(self._base, **values)

    def __call__(self, ln_sd: FloatArray) -> tuple[float, FloatArray]:
        """Return the value, and its derivative by each ln standard deviation."""
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
        """Return Satterthwaite's degrees of freedom of each coefficient, 2 v^2 / var(v), shape (p,).

        v is the variance of the coefficient; var(v) follows from the inverse of the expected information of the ln
        standard deviations, the prior's included. inf where v is known.
        """
        _, design, slopes = self._at(ln_sd)
        root, between = design.root, self._between(design, slopes)
        variance = (root**2).sum(axis=1)
        slope = np.einsum("fr,jrs,fs->jf", root, between, root)
        values, vectors = np.linalg.eigh(self._information(design, slopes, between))
        estimable = values > _MIN_INFORMATION * values.max(initial=_MIN_INFORMATION)
        of_variance = ((vectors[:, estimable].T @ slope) ** 2 / values[estimable][:, None]).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = 2 * variance**2 / of_variance
        return np.asarray(np.where(np.isfinite(df), np.maximum(df, 1.0), math.inf))

    def value(self, components: VarianceComponents) -> float:
        """Return -2 ln likelihood at some variance components."""
        return self(self.ln_sd(components))[0]

    def coefficients(self, components: VarianceComponents) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Estimate the coefficients of all columns by generalised least squares.

        Returns
        -------
        value : ndarray, shape (p,)
            As `estimates` gives them.
        covariance : ndarray, shape (p, p)
            Adjusted for variance components known from few cells (Kenward & Roger 1997, Biometrics 53:983).
        df : ndarray, shape (p,)
            Satterthwaite's degrees of freedom.
        """
        at = self.ln_sd(components)
        _, design, slopes = self._at(at)
        left, between = self._by_cluster(design.left), self._between(design, slopes)
        through = slopes @ left
        loss = np.einsum("iuar,juas->ijrs", through, through) - np.einsum("irs,jst->ijrt", between, between)
        uncertain = np.linalg.pinv(self._information(design, slopes, between), rcond=_MIN_INFORMATION, hermitian=True)
        adjustment = np.eye(len(design.size)) + 2 * np.einsum("ij,ijrs->rs", uncertain, loss)
        covariance = design.root @ adjustment @ design.root.T
        return self.estimates(components), covariance, self.degrees_of_freedom(at)

    def estimates(self, components: VarianceComponents) -> FloatArray:
        """Estimate the coefficients of all columns by generalised least squares; shape (p,)."""
        white, design, _ = self._at(self.ln_sd(components))
        return np.asarray(design.sensitivity @ white(self._residual))

    def ln_sd(self, components: VarianceComponents) -> FloatArray:
        """Return the point that stands for some variance components."""
        return np.array([math.log(getattr(components, name)) for name in self._names])

    def _information(self, design: WhitenedDesign, slopes: FloatArray, between: FloatArray) -> FloatArray:
        """Return the expected information of the ln standard deviations, the prior's included."""
        left = self._by_cluster(design.left)
        through = slopes @ left  # (components, clusters, width, rank)
        whole = np.einsum("iuab,juab->ij", slopes, slopes) - 2 * np.einsum("iuar,juar->ij", through, through)
        information = (whole + np.einsum("irs,jrs->ij", between, between)) / 2
        if OFFSET in self._names:
            at = self._names.index(OFFSET)
            information[at, at] += 1 / _PRIOR_WIDTH**2
        return np.asarray(information)

    def _at(self, ln_sd: FloatArray) -> tuple[Whitener, WhitenedDesign, FloatArray]:
        """Return the whitening, the whitened design and the whitened V_j, (components, clusters, width, width).

        What is asked for at the end of a search is often what its last step needed: the latest is kept.
        """
        key = ln_sd.tobytes()
        if self._latest is None or self._latest[0] != key:
            components, shape = (
                self.components(ln_sd),
                (-1, *self._structure.there.shape, self._structure.there.shape[1]),
            )
            white = Whitener(self._structure, components)
            slopes = np.array([self._structure.slope(components, name) for name in self._names]).reshape(shape)
            whitened = white.blocks @ slopes @ white.blocks.transpose(0, 2, 1)
            self._latest = key, (white, WhitenedDesign.of(white(self._columns)), whitened)
        return self._latest[1]

    def _by_cluster(self, flat: FloatArray) -> FloatArray:
        """Return whitened values of shape (clusters * width, ...) by cluster."""
        return flat.reshape(*self._structure.there.shape, *flat.shape[1:])

    def _between(self, design: WhitenedDesign, slopes: FloatArray) -> FloatArray:
        """Return U' V_j U of each component with the left singular vectors U, shape (components, rank, rank)."""
        left = self._by_cluster(design.left)
        return np.asarray(np.einsum("uar,juas->jrs", left, slopes @ left))


def fit_variance_components(deviance: Deviance, start: VarianceComponents, names: Sequence[str]) -> VarianceComponents:
    """Estimate the variance components of a linear mixed model by (restricted) maximum likelihood.

    Parameters
    ----------
    deviance : Deviance
    start : VarianceComponents
    names : sequence of str
        Components that are estimated.
    """
    if not names:
        return start
    bounds = deviance.bounds
    first = [
        min(max(math.log(max(getattr(start, name), _MIN_START)), low), high)
        for name, (low, high) in zip(names, bounds, strict=True)
    ]
    result = optimize.minimize(
        deviance, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-11, "gtol": 1e-4}
    )
    return deviance.components(result.x)


def estimable_components(data: Observations, offset_scale_mV: float) -> tuple[VarianceComponents, tuple[str, ...]]:
    """Return starting values, and the variance components that the observations can determine.

    Nothing between cells can be estimated from one cell, nothing between batches from one batch.

    Parameters
    ----------
    data : Observations
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
