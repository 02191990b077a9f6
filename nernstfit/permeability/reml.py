"""Restricted maximum likelihood (REML) of the variance components of a linear mixed model.

Notation: r = X b + u, with r the residuals in mV, X the design, b the coefficients (changes of ln P), and u of the
covariance V of `covariance`; s_j the standard deviation of a random effect, V_j = dV / d ln s_j = 2 s_j^2 M_j;
P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1. Slope and information are those of Harville 1977 (J Am Stat Assoc 72:320):

    d(-2 ln L) / d ln s_j = tr(P V_j) - r' P V_j P r,    information_ij = tr(P V_i P V_j) / 2.

The standard deviations s_i of ln P of the n permeant ions are written as ln s_i = ln s + sum_j C_ij d_j, with s
common to all ions and C orthonormal contrasts between them (`VarianceParameters`). The differences between any two
have a prior of density prod (1 + (ln s_i / s_j)^2 / w^2)^(-c / n), which shrinks spreads that are nearly equal to a
common one and leaves those alone that differ much. It is the same whichever ion is the reference and however the ions
are ordered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from nernstfit.permeability.covariance import (
    BATCH,
    COMMON_LN_P,
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

_SPREAD_WIDTH = 0.35
"""Width of the prior of the differences between the ions' ln s, in natural logs: spreads that the data cannot tell from
equal ones are drawn to a common one. Of eight cells whose ions differ alike the six ln s then scatter by .14 (by .39
each on its own); at half of it by .04, and where no ratios explain the data there are several optima; at twice as much
by .28."""

_SPREAD_POWER = 1.0
"""Power of the tails of that prior: the density of a spread that lies far from the others, by D in natural logs, falls
as 1 / D^2 at most, which takes off less than one of the cells that it rests on. At double of it the spread of an ion
that differs tenfold is 5 % smaller, and its interval holds the truth less often; at half of it it is 3 % larger, and
equal spreads of eight cells scatter twice as much."""

_CONTRAST_RANGE = math.log(MAX_SD / MIN_SD)
"""Largest contrast between ln s of the ions: that of the bounds of s. The prior keeps them far closer; half or twice of
it decides nothing."""

_MIN_INFORMATION = 1e-7
"""Eigenvalue of the information, over the largest, below which a combination of variance components is not
estimable. Far above rounding; half or twice of it decides nothing."""

_START_SD = 0.1
"""Standard deviation of ln P to start from, that of ordinary cells. Half or twice of it changes no estimate."""

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


@dataclass(frozen=True)
class VarianceParameters:
    """Parameters of the search for variance components: ln s of each random effect, and contrasts between ions.

    Attributes
    ----------
    names : tuple of str
        Random effects whose standard deviations are estimated: OFFSET, LN_P or COMMON_LN_P, BATCH, NOISE.
    ions : tuple of int
        Indices of the permeant ions that are in any solution.
    jacobian : ndarray, shape (standard deviations, parameters)
        d ln s / d parameter: constant.
    centre, precision : ndarray, shape (parameters,)
        Of the normal prior of each; precision 0 is none.
    pairs : ndarray, shape (pairs of ions, parameters)
        Difference in ln s of two ions by each parameter: constant.
    low, high : ndarray, shape (parameters,)
        Bounds.
    may_vanish : ndarray of bool, shape (parameters,)
        True for ln s of a random effect that may be absent.
    """

    names: tuple[str, ...]
    ions: tuple[int, ...]
    jacobian: FloatArray
    centre: FloatArray
    precision: FloatArray
    pairs: FloatArray
    low: FloatArray
    high: FloatArray
    may_vanish: NDArray[np.bool_]

    def prior(self, point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return -2 ln density of the priors up to a constant, its slope, and its curvature."""
        away, apart, of_pair = point - self.centre, self.pairs @ point, self._precision_of_pairs(point)
        power = self._power_of_a_pair
        value = float(self.precision @ away**2) + 2 * power * float(np.log1p(apart**2 / _SPREAD_WIDTH**2).sum())
        slope = 2 * self.precision * away + 2 * (of_pair * apart) @ self.pairs
        bent = 2 / power * (of_pair * apart) ** 2
        return value, slope, 2 * self.precision_at(point) - (self.pairs.T * bent) @ self.pairs

    def precision_at(self, point: FloatArray) -> FloatArray:
        """Return the precision matrix of the normal prior that has the slope of the priors."""
        return np.asarray(np.diag(self.precision) + (self.pairs.T * self._precision_of_pairs(point)) @ self.pairs)

    def _precision_of_pairs(self, point: FloatArray) -> FloatArray:
        return np.asarray(2 * self._power_of_a_pair / (_SPREAD_WIDTH**2 + (self.pairs @ point) ** 2))

    @property
    def _power_of_a_pair(self) -> float:
        return _SPREAD_POWER / max(1, len(self.ions))

    def components(self, point: FloatArray, base: VarianceComponents) -> VarianceComponents:
        """Return the variance components at a point, shape (parameters,); those that are not estimated as in `base`."""
        sd, found = np.exp(self.jacobian @ point).tolist(), dict[str, Any]()
        for name in self.names:
            if name in (LN_P, COMMON_LN_P):
                of_ion = dict(zip(self.ions, sd, strict=False))
                found["ln_p"] = tuple(of_ion.get(i, old) for i, old in enumerate(base.ln_p))
                sd = sd[len(self.ions) :]
            else:
                found[name] = sd.pop(0)
        return replace(base, **found)

    def point(self, components: VarianceComponents) -> FloatArray:
        """Return the point that stands for some variance components, within the bounds; shape (parameters,)."""
        of_name = {key: [components.ln_p[i] for i in self.ions] for key in (LN_P, COMMON_LN_P)}
        sd = [value for name in self.names for value in of_name.get(name) or [getattr(components, name)]]
        # The columns of the Jacobian are orthogonal to each other.
        at = (self.jacobian.T @ np.log(np.maximum(sd, _MIN_START))) / np.square(self.jacobian).sum(axis=0)
        return np.asarray(np.clip(at, self.low, self.high))


@lru_cache(maxsize=128)
def variance_parameters_of(names: tuple[str, ...], ions: tuple[int, ...], offset_scale_mV: float) -> VarianceParameters:
    """Return the parameters of some random effects, with the scale of the offsets as the median of their prior."""
    blocks: list[FloatArray] = [np.empty((0, 0))]
    between: list[FloatArray] = [np.empty((0, 0))]
    rows: list[tuple[float, float, float, float, bool]] = []
    for name in names:
        of_ions, separate = name in (LN_P, COMMON_LN_P), name == LN_P and len(ions) > 1
        contrasts = linalg.helmert(len(ions)).T if separate else np.empty((len(ions) if of_ions else 1, 0))
        blocks.append(np.hstack([np.ones((len(contrasts), 1)), contrasts]))
        between.append(_pairwise(blocks[-1]) if separate else np.empty((0, 1)))
        rows.append(_parameter(name, offset_scale_mV))
        rows += [(0.0, 0.0, -_CONTRAST_RANGE, _CONTRAST_RANGE, False)] * contrasts.shape[1]
    centre, precision, low, high, vanishes = np.array(rows, float).reshape(-1, 5).T
    jacobian, pairs = linalg.block_diag(*blocks), linalg.block_diag(*between)
    return VarianceParameters(names, ions, jacobian, centre, precision, pairs, low, high, vanishes.astype(bool))


def _pairwise(rows: FloatArray) -> FloatArray:
    """Return the difference of every two rows, shape (pairs, columns)."""
    first, second = np.triu_indices(len(rows), 1)
    return np.asarray(rows[first] - rows[second])


def _parameter(name: str, offset_scale_mV: float) -> tuple[float, float, float, float, bool]:
    """Return centre and precision of the prior, bounds, and whether the effect may be absent."""
    if name == OFFSET:
        centre, reach = math.log(offset_scale_mV), math.log(_OFFSET_RANGE)
        return centre, 1 / _PRIOR_WIDTH**2, centre - reach, centre + reach, False
    if name == NOISE:
        return 0.0, 0.0, -math.log(MAX_SD), math.log(MAX_SD), False
    return 0.0, 0.0, math.log(MIN_SD), math.log(MAX_SD), True


class Deviance:
    """-2 ln (restricted) likelihood and prior as a function of the parameters of the variance components.

    Parameters
    ----------
    model : LinearModel
    names : sequence of str
        Random effects whose standard deviations are estimated: OFFSET, LN_P or COMMON_LN_P, BATCH, NOISE.
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
        self._model, self._base, self._restricted = model, base, restricted
        self.parameters = variance_parameters_of(tuple(names), tuple(model.structure.ions.tolist()), scale_mV)
        self._latest: tuple[bytes, _Evaluation] | None = None
        self._latest_prior: tuple[bytes, tuple[float, FloatArray, FloatArray]] | None = None

    def components(self, point: FloatArray) -> VarianceComponents:
        """Return the variance components at a point, shape (parameters,)."""
        return self.parameters.components(point, self._base)

    def point(self, components: VarianceComponents) -> FloatArray:
        """Return the point that stands for some variance components, within the bounds; shape (parameters,)."""
        return self.parameters.point(components)

    def __call__(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return the value, and its derivative by each parameter."""
        value, slope = self._at(point).likelihood
        of_prior, slope_of_prior, _ = self._prior_at(point)
        return value + of_prior, self.parameters.jacobian.T @ slope + slope_of_prior

    def curvature(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the second derivatives of the value, and their expectation; shape (parameters, parameters) each."""
        observed, expected = self._at(point).curvature
        jacobian, prior = self.parameters.jacobian, 2 * self.parameters.precision_at(point)
        of_prior = self._prior_at(point)[2]
        return jacobian.T @ observed @ jacobian + of_prior, jacobian.T @ expected @ jacobian + prior

    def degrees_of_freedom(self, components: VarianceComponents) -> FloatArray:
        """Return Satterthwaite's degrees of freedom of each coefficient, 2 v^2 / var(v), shape (p,).

        v is the variance of the coefficient; var(v) follows from the inverse of the expected information of the
        parameters, the prior's included. inf where v is known.
        """
        point = self.point(components)
        at = self._at(point)
        root = at.design.root
        variance = (root**2).sum(axis=1)
        slope = self.parameters.jacobian.T @ np.einsum("fr,jrs,fs->jf", root, at.between, root)
        values, vectors = np.linalg.eigh(self._information(point))
        estimable = values > _MIN_INFORMATION * values.max(initial=_MIN_INFORMATION)
        of_variance = ((vectors[:, estimable].T @ slope) ** 2 / values[estimable][:, None]).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = 2 * variance**2 / of_variance
        return np.asarray(np.where(np.isfinite(df), np.maximum(df, 1.0), math.inf))

    def value(self, components: VarianceComponents) -> float:
        """Return -2 ln likelihood, and prior, at some variance components."""
        return self(self.point(components))[0]

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
        point, jacobian = self.point(components), self.parameters.jacobian
        at = self._at(point)
        through = np.einsum("iuar,juas->ijrs", at.through, at.through)
        loss = through - np.einsum("irs,jst->ijrt", at.between, at.between)
        information = self._information(point)
        uncertain = jacobian @ np.linalg.pinv(information, rcond=_MIN_INFORMATION, hermitian=True) @ jacobian.T
        adjustment = np.eye(len(at.design.size)) + 2 * np.einsum("ij,ijrs->rs", uncertain, loss)
        covariance = at.design.root @ adjustment @ at.design.root.T
        return self.estimates(components), covariance, self.degrees_of_freedom(components)

    def estimates(self, components: VarianceComponents) -> FloatArray:
        """Estimate the coefficients of all columns by generalised least squares; shape (p,)."""
        at = self._at(self.point(components))
        return np.asarray(at.design.sensitivity @ at.residual)

    def _information(self, point: FloatArray) -> FloatArray:
        """Return the expected information of the parameters under REML, the prior's included."""
        jacobian = self.parameters.jacobian
        of_parameters = jacobian.T @ self._at(point).information(restricted=True) @ jacobian
        return np.asarray(of_parameters + self.parameters.precision_at(point))

    def _prior_at(self, point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the priors at a point; the latest are kept."""
        key = point.tobytes()
        if self._latest_prior is None or self._latest_prior[0] != key:
            self._latest_prior = key, self.parameters.prior(point)
        return self._latest_prior[1]

    def _at(self, point: FloatArray) -> _Evaluation:
        """Return what is known at a point.

        What is asked for at the end of a search is often what its last step needed: the latest is kept.
        """
        key = point.tobytes()
        if self._latest is None or self._latest[0] != key:
            components, structure = self.components(point), self._model.structure
            white = Whitener(structure, components)
            parts = [structure.slopes(components, name) for name in self.parameters.names]
            slopes = np.concatenate(parts) if parts else np.empty((0, *white.blocks.shape))
            whitened = white.blocks @ slopes @ white.blocks.transpose(0, 2, 1)
            design = WhitenedDesign.of(white(self._model.design))
            residual = white(self._model.residual)
            self._latest = key, _Evaluation(design, residual, whitened, white.log_determinant, self._restricted)
        return self._latest[1]


@dataclass(frozen=True)
class _Evaluation:
    """Whitened model at one point.

    Attributes
    ----------
    design : WhitenedDesign
    residual : ndarray, shape (clusters * width,)
        Whitened.
    slopes : ndarray, shape (standard deviations, clusters, width, width)
        Whitened V_j.
    log_determinant : float
        ln det V.
    restricted : bool
    """

    design: WhitenedDesign
    residual: FloatArray
    slopes: FloatArray
    log_determinant: float
    restricted: bool

    @cached_property
    def likelihood(self) -> tuple[float, FloatArray]:
        """-2 ln likelihood, and its derivative by each ln s."""
        value = self.log_determinant + float(self._rest @ self._rest)
        slope = np.trace(self.slopes, axis1=2, axis2=3).sum(axis=1)
        slope -= np.einsum("ui,jui->j", self._by_cluster(self._rest), self._slopes_times_rest)
        if self.restricted:
            value += self.design.log_determinant
            slope -= np.trace(self.between, axis1=1, axis2=2)
        return value, slope

    @property
    def curvature(self) -> tuple[FloatArray, FloatArray]:
        """Second derivatives of -2 ln likelihood by ln s, and their expectation.

        tr(P V_ij) - tr(P V_i P V_j) + 2 r' P V_i P V_j P r - r' P V_ij P r, with V_ij = 2 V_i where i = j, else 0.
        """
        expected = 2 * self.information(self.restricted)
        through = self._slopes_times_rest.reshape(len(self.slopes), len(self.residual))
        along = through @ self.design.left
        observed = 2 * (through @ through.T - along @ along.T) - expected + np.diag(2 * self.likelihood[1])
        return observed, expected

    def information(self, restricted: bool) -> FloatArray:
        """Return the expected information of each ln s."""
        information = np.einsum("iuab,juab->ij", self.slopes, self.slopes) / 2
        if restricted:
            information -= np.einsum("iuar,juar->ij", self.through, self.through)
            information += np.einsum("irs,jrs->ij", self.between, self.between) / 2
        return np.asarray(information)

    @cached_property
    def through(self) -> FloatArray:
        """V_j U with the left singular vectors U of the design, shape (standard deviations, clusters, width, rank)."""
        return np.asarray(self.slopes @ self._by_cluster(self.design.left))

    @cached_property
    def between(self) -> FloatArray:
        """U' V_j U, shape (standard deviations, rank, rank)."""
        return np.asarray(self.design.left.T @ self.through.reshape(len(self.slopes), *self.design.left.shape))

    @cached_property
    def _rest(self) -> FloatArray:
        """Residual without its part along the design, shape (clusters * width,)."""
        return np.asarray(self.residual - self.design.left @ (self.design.left.T @ self.residual))

    @cached_property
    def _slopes_times_rest(self) -> FloatArray:
        return np.asarray((self.slopes @ self._by_cluster(self._rest)[..., None])[..., 0])

    def _by_cluster(self, flat: FloatArray) -> FloatArray:
        """Return whitened values of shape (clusters * width, ...) by cluster."""
        return flat.reshape(*self.slopes.shape[1:3], *flat.shape[1:])


def estimable_components(
    data: Observations, offset_scale_mV: float, robust: bool = False
) -> tuple[VarianceComponents, tuple[str, ...]]:
    """Return starting values, and the variance components that the observations can determine.

    Nothing between cells can be estimated from one cell, nothing between batches from one batch.

    Parameters
    ----------
    data : Observations
    offset_scale_mV : float
        0 for no offsets, inf for a free one in each cell.
    robust : bool
        Observations may be gross errors; then the ions have one standard deviation: in an ion of few cells a gross
        error and a wide spread look the same.
    """
    several, batches = len(data.cell_names) > 1, len(data.batch_names) > 1
    offset = FREE_OFFSET_MV if math.isinf(offset_scale_mV) else offset_scale_mV
    differ = several and len(data.ions) > 1
    names = (
        (OFFSET,) * (several and 0 < offset_scale_mV < math.inf)
        + (COMMON_LN_P if robust else LN_P,) * differ
        + (BATCH,) * (differ and batches)
    )
    of_ions = (_START_SD if differ else 0.0,) * len(data.ions)
    return VarianceComponents(offset, of_ions, _START_SD if differ and batches else 0.0), names
