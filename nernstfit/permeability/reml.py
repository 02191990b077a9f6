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

_MAX_STEPS = 60
"""Newton steps of one estimate. From afar 4 to 9 are needed, from near by 2; half or twice of it changes none."""

_MAX_HALVINGS = 12
"""Halvings of a step that does not go downhill. With half of it a curved ridge may end the descent; twice as many
repeat what is lost in rounding."""

_MAX_LN_STEP = 1.5
"""Longest step of a ln standard deviation that cannot vanish, a factor of 4.5. At half of it far starts take more
steps; at twice as much more of them are halved."""

_NO_GAIN = 1e-8
"""Expected decrease of the deviance, relative to it, below which a step is taken unseen: its effect is lost in the
rounding of the deviance, not in that of the slope. Half or twice of it changes where the last steps are checked."""

_CONVERGED = 1e-5
"""Step of the ln standard deviations that is the last one: Newton's method leaves the square of it. Half or twice of it
costs or saves one step."""

_MIN_CURVATURE = 1e-8
"""Least curvature over the expected one of a single component. Components that data tell apart have 1e-5 and more;
half or twice of it shortens or lengthens steps along those that they do not."""

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
        ranges = {NOISE: (-math.log(MAX_SD), math.log(MAX_SD))}
        if OFFSET in self._names:
            ranges[OFFSET] = (math.log(self._scale / _OFFSET_RANGE), math.log(self._scale * _OFFSET_RANGE))
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

    def curvature(self, ln_sd: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the second derivatives of the value, and their expectation; shape (components, components) each.

        tr(P V_ij) - tr(P V_i P V_j) + 2 r' P V_i P V_j P r - r' P V_ij P r, with V_ij = 2 V_i where i = j, else 0.
        """
        white, design, slopes = self._at(ln_sd)
        trace = 2 * self._information(design, slopes, self._between(design, slopes), self._restricted)
        residual = white(self._residual)
        rest = residual - design.left @ (design.left.T @ residual)
        through = (slopes @ self._by_cluster(rest)[..., None])[..., 0].reshape(len(self._names), -1)
        along = through @ design.left
        observed = 2 * (through @ through.T - along @ along.T) - trace
        slope = self(ln_sd)[1]
        if OFFSET in self._names:
            at = self._names.index(OFFSET)
            slope[at] -= 2 * (ln_sd[at] - math.log(self._scale)) / _PRIOR_WIDTH**2
            observed[at, at] += 4 / _PRIOR_WIDTH**2
        return observed + np.diag(2 * slope), trace

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

    def _information(
        self, design: WhitenedDesign, slopes: FloatArray, between: FloatArray, restricted: bool = True
    ) -> FloatArray:
        """Return the expected information of the ln standard deviations, the prior's included."""
        left = self._by_cluster(design.left)
        through = slopes @ left  # (components, clusters, width, rank)
        information = np.einsum("iuab,juab->ij", slopes, slopes) / 2
        if restricted:
            through = slopes @ self._by_cluster(design.left)  # (components, clusters, width, rank)
            information -= np.einsum("iuar,juar->ij", through, through) - np.einsum("irs,jrs->ij", between, between) / 2
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

    Newton's method, by Fisher scoring where the deviance is not convex. Standard deviations between cells and between
    batches, which may vanish, are sought as variances, in which a scoring step is nearly exact; a vanishing one is
    exactly the lower bound.

    Parameters
    ----------
    deviance : Deviance
    start : VarianceComponents
    names : sequence of str
        Components that are estimated.
    """
    if not names:
        return start
    low, high = np.array(deviance.bounds).T
    ln_sd = np.clip([math.log(max(getattr(start, name), _MIN_START)) for name in names], low, high)
    as_variance = np.array([name in (LN_P, BATCH) for name in names])
    value, slope = deviance(ln_sd)
    for _ in range(_MAX_STEPS):
        pushed = ((ln_sd <= low) & (slope > 0)) | ((ln_sd >= high) & (slope < 0))
        step, gain = _newton_step(deviance, ln_sd, slope, as_variance, np.flatnonzero(~pushed))
        reached = np.clip(_moved(ln_sd, step, as_variance), low, high)
        is_unseen, change = gain < _NO_GAIN * (1 + abs(value)), float(np.abs(reached - ln_sd).max())
        if is_unseen and change < _CONVERGED:
            return deviance.components(reached)
        found, fresh = deviance(reached)
        for _ in range(0 if is_unseen else _MAX_HALVINGS):
            if found < value:
                break
            step = step / 2
            reached = np.clip(_moved(ln_sd, step, as_variance), low, high)
            found, fresh = deviance(reached)
        if not (found < value or is_unseen):
            break
        ln_sd, value, slope = reached, found, fresh
    return deviance.components(ln_sd)


def _newton_step(
    deviance: Deviance, ln_sd: FloatArray, slope: FloatArray, as_variance: NDArray[np.bool_], free: NDArray[np.intp]
) -> tuple[FloatArray, float]:
    """Return a step downhill of the ln standard deviations or variances, and the decrease that it should bring."""
    inner = np.where(as_variance, np.exp(-2 * ln_sd) / 2, 1.0)  # d ln s / d s^2 = 1 / (2 s^2)
    observed, expected = deviance.curvature(ln_sd)
    observed = observed - np.diag(np.where(as_variance, 2 * slope, 0.0))  # d^2 ln s / d(s^2)^2 = -2 inner^2
    at, step = np.ix_(free, free), np.zeros(len(ln_sd))
    if not free.size:
        return step, 0.0
    scale = np.sqrt(np.maximum(np.diagonal(expected)[free], np.finfo(float).tiny))
    size, axes = np.linalg.eigh(observed[at] / np.outer(scale, scale))
    if size[0] < _MIN_CURVATURE:
        size, axes = np.linalg.eigh(expected[at] / np.outer(scale, scale))
    in_ln = -axes @ ((axes.T @ (slope[free] / scale)) / np.maximum(size, _MIN_CURVATURE)) / scale
    gain = -float(slope[free] @ in_ln) / 2
    step[free] = in_ln / inner[free]
    longest = float(np.abs(np.where(as_variance, 0.0, step)).max())
    return step * min(1.0, _MAX_LN_STEP / max(longest, _MAX_LN_STEP)), gain


def _moved(ln_sd: FloatArray, step: FloatArray, as_variance: NDArray[np.bool_]) -> FloatArray:
    """Return the point after a step of ln standard deviations or variances."""
    variance = np.maximum(np.exp(2 * ln_sd) + step, _MIN_START**2)
    return np.where(as_variance, np.log(variance) / 2, ln_sd + step)


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
