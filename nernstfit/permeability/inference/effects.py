"""Tests of further effects on the residuals, in the linear mixed model that a fit is near its optimum.

Notation: the residuals are r = X b + W c + u with X the gradient dE / d ln P at the fit, W further effects, and u of
the covariance of `covariance`. The variance components are estimated by REML with W in the model; the covariance of c
is adjusted for their being known from few cells (Kenward & Roger 1997, Biometrics 53:983); c = 0 is tested by an F test
with Satterthwaite's degrees of freedom (Fai & Cornelius 1996, J Stat Comput Simul 54:363).
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import (
    NOISE,
    CovarianceComponents,
    VarianceComponents,
    WhitenedDesign,
    Whitener,
)
from nernstfit.permeability.distributions import chi_square_tail, f_tail, normal_tail
from nernstfit.permeability.limits import MAX_EFFECT_STEP, MAX_LN_P
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.reml import Deviance, LinearModel
from nernstfit.permeability.scoring import fit_variance_components

FloatArray = NDArray[np.float64]

# Singular value, over the largest, below which a direction is spanned by the others. It lies above rounding (1e-16,
# squared in the columns) and far below any effect of data; half or twice of it change nothing.
_MIN_SINGULAR_VALUE = 1e-7

# Number of linearisations at the cells' own ln P, which start at the fit; the last changes p in its third digit. With
# half of it the differences between cells are predicted from the mean cell, with twice nothing changes but the time.
_ITERATIONS = 4

# Fraction of the length of an effect that must be left beside the ratios. The size of an effect with less would be
# extrapolated from a hundredth of it. With half of the fraction such sizes are reported with errors twice as large,
# with twice (0.02) effects are not tested that many cells can still show.
_MIN_FRACTION_LEFT = 0.01

# p of the quick test above which a test of the means is left out; a model is rejected below .001. Of data that the
# model explains it leaves out two of three. With half of it three of four; with double the time of the others is spent
# for nothing.
_MAX_P_OF_SCREEN = 0.05


@dataclass(frozen=True)
class Effect:
    """Estimate and test of further effects.

    Attributes
    ----------
    size, se : float
        Size of a single effect and its standard error; nan for several together.
    statistic : float
        F.
    df1, df2 : float
        Degrees of freedom of F; df2 is inf where the variances are known.
    p : float
        p of the hypothesis of no effect.
    components : VarianceComponents
        Variance components estimated with the effect in the model.
    """

    size: float
    se: float
    statistic: float
    df1: float
    df2: float
    p: float
    components: VarianceComponents


def condition_indicators(fit: Fit) -> FloatArray:
    """Return one column per condition with 1 mV in its measurements; shape (n, conditions)."""
    data = fit.data
    conditions = np.column_stack([data.inside, data.outside, data.temperature_C, *data.factors.side.T])
    _, place = np.unique(conditions, axis=0, return_inverse=True)
    return np.asarray(np.eye(int(place.max()) + 1)[place.reshape(-1)])


def n_testable(fit: Fit, effects: FloatArray, fitted_beside: FloatArray | None = None) -> int:
    """Return the number of directions among some effects that the ratios cannot fit.

    Parameters
    ----------
    fit : Fit
    effects : ndarray, shape (n, q)
    fitted_beside : ndarray, shape (n,), or None
        A further effect that was fitted. One that is among the others, as a shift of a whole bath is, takes the place
        of one of them; one that also differs within them, as a drift in time does, is known from there.
    """
    left = _beside_ratios(fit, effects)
    if fitted_beside is None or not fitted_beside.any():
        return int(left.shape[1])
    se = fit.working.se_mV[:, None]
    own, space = _beside_ratios(fit, fitted_beside[:, None]) / se, _orthonormal(left / se)
    outside = np.linalg.norm(own - space @ (space.T @ own))
    return int(left.shape[1]) - int(outside <= _MIN_FRACTION_LEFT * np.linalg.norm(own))


def may_be_significant(fit: Fit, indicators: FloatArray, whiten: Whitener) -> bool:
    """Return whether a test of the means of conditions is worth while.

    Differences of the means in all of n cells pass for differences between cells where they are not in the model: their
    sum of squares q is over the inflated variance, and q / (1 - q / n) over the variance that is left with them.

    Parameters
    ----------
    fit : Fit
    indicators : ndarray, shape (n, conditions)
        As from `condition_indicators`.
    whiten : Whitener
        Of the covariance of the potentials, systematic errors included.
    """
    ratios = _orthonormal(whiten(fit.columns))
    left = whiten(_beside_ratios(fit, indicators))
    left = _orthonormal(left - ratios @ (ratios.T @ left))
    residual = whiten(fit.residual_mV)
    chi_square, replicates = float(np.sum((left.T @ residual) ** 2)), _fewest_replicates(fit.data, indicators)
    if chi_square >= replicates:
        return bool(left.shape[1])
    p = chi_square_tail(chi_square / (1 - chi_square / replicates), left.shape[1])
    return bool(left.shape[1]) and p < _MAX_P_OF_SCREEN


def _fewest_replicates(data: Observations, indicators: FloatArray) -> int:
    """Return the least number of independent cells, or batches, in a condition."""
    weighted = indicators if data.batch_names else indicators * data.n_averaged[:, None]
    of_clusters = [weighted[rows[rows >= 0]].max(axis=0) for rows in data.clusters]
    return int(np.sum(of_clusters, axis=0).min())


def f_test(fit: Fit, effects: FloatArray, systematic_mV: FloatArray | None = None) -> Effect | None:
    """Test whether further effects explain the residuals of a fit.

    Parameters
    ----------
    fit : Fit
        Fitted by REML.
    effects : ndarray, shape (n, q)
        Change of the potentials by one unit of each effect, in mV.
    systematic_mV : ndarray, shape (n, sources), or None
        Shift of the potentials by one standard deviation of each systematic error that the effects must exceed too.

    Returns
    -------
    Effect or None
        None where the ratios, and offsets where each cell has a free one, can fit all of them, so that no data could
        show them.
    """
    columns = _beside_ratios(fit, effects)
    q = columns.shape[1]
    if q == 0:
        return None
    model = _LinearisedModel(fit, columns, fit.estimated_components)
    value, covariance, df = model.coefficients(q)
    if q > 1:
        # Along the principal axes of their covariance the coefficients are independent.
        model = model.rotated(np.linalg.eigh(covariance)[1])
        value, covariance, df = model.coefficients(q)
    if systematic_mV is not None:
        shift = model.sensitivity(q) @ systematic_mV
        covariance = covariance + shift @ shift.T
    statistic, df2 = float(value @ np.linalg.solve(covariance, value)) / q, _denominator_df(df)
    p = f_tail(statistic, q, df2) if math.isfinite(df2) else chi_square_tail(q * statistic, q)
    size, error = (float(value[0]), math.sqrt(covariance[0, 0])) if q == 1 else (math.nan, math.nan)
    return Effect(size, error, statistic, q, df2, p, model.components)


def scatter_test(fit: Fit) -> Effect | None:
    """Test whether measurements scatter more than their standard errors and the variance components explain.

    Parameters
    ----------
    fit : Fit
        Fitted by REML.

    Returns
    -------
    Effect or None
        `size`: factor by which the standard errors would have to be multiplied; `statistic`: signed root of the
        likelihood ratio; `p`: one-sided. None where the ratios leave no residuals.
    """
    if _Fitted(fit).rank >= fit.data.size:
        return None
    model = _LinearisedModel(fit, np.zeros((fit.data.size, 0)), (*fit.estimated_components, NOISE))
    null = model.deviance(fit.estimated_components)
    of_null = null.value(fit_variance_components(null, fit.components))
    decrease = of_null - model.deviance(model.names).value(model.components)
    factor = model.components.noise
    root = math.copysign(math.sqrt(max(0.0, decrease)), math.log(factor))
    return Effect(factor, math.nan, root, math.nan, math.nan, normal_tail(root), model.components)


class _LinearisedModel:
    """Model with further effects, linearised at the predicted ln P of each cell.

    Linearised at the mean cell, the curvature between cells and batches would appear as an effect (Lindstrom & Bates
    1990, Biometrics 46:673). Deviations are predicted with the further effects in the model, since they would have to
    explain these otherwise.

    Attributes
    ----------
    names : tuple of str
        Variance components that are estimated.
    components : VarianceComponents
        Estimated variance components.
    """

    def __init__(self, fit: Fit, effects: FloatArray, names: tuple[str, ...]) -> None:
        self._fit, self.names, self.components = fit, names, fit.components
        data, k, free = fit.data, len(fit.data.ions), list(fit.free)
        of_cells, cell, first = data.untied, data.cell_index, data.blocks[:, 0]
        mean, deviation, potential = fit.ln_p.copy(), np.zeros((data.size, k)), fit.working.potential_mV
        if fit.working.deviation is not None:
            deviation, potential = fit.working.deviation[first][cell], potential + fit.curvature_bias_mV
        for _ in range(_ITERATIONS):
            of_cells = of_cells.at_deviation(deviation, data.potential_mV)
            predicted, gradient = of_cells.prediction(data.parameters.completed(mean))
            self._structure = CovarianceComponents(fit.working, gradient)
            self._columns = np.hstack([data.columns(gradient, mean, free), effects])
            self._residual = potential - predicted + (gradient[:, :k] * deviation).sum(axis=1)
            deviance = self.deviance(names)
            self.components = fit_variance_components(deviance, self.components)
            value = deviance.estimates(self.components)
            weighted = Whitener(self._structure, self.components).precision_times(
                self._residual - self._columns @ value
            )
            found = self._structure.deviations(gradient[:, :k] * weighted[:, None], self.components)
            # Data that no ratios explain predict deviations without end; beyond the limit nothing changes.
            deviation = np.clip(found[first][cell], -MAX_LN_P, MAX_LN_P)
            mean[free] += np.clip(value[: len(free)], -MAX_EFFECT_STEP, MAX_EFFECT_STEP)
            # At its own ln P a single cell has no curvature bias; a mean of n cells keeps 1 - 1 / n of it.
            potential = fit.working.potential_mV + fit.curvature_bias_mV / data.n_averaged

    def rotated(self, axes: FloatArray) -> _LinearisedModel:
        """Return the model with the effects along other axes, shape (q, q); the variance components stay the same."""
        q, other = len(axes), copy(self)
        other._columns = np.hstack([self._columns[:, :-q], self._columns[:, -q:] @ axes])
        return other

    def deviance(self, names: tuple[str, ...]) -> Deviance:
        """Return the restricted likelihood of some variance components."""
        model = LinearModel(self._structure, self._residual, self._columns)
        return Deviance(model, names, self._fit.components, self._fit.offset_scale_mV, restricted=True)

    def coefficients(self, q: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the coefficients of the last q columns, their covariance and their degrees of freedom."""
        value, covariance, df = self.deviance(self.names).coefficients(self.components)
        return value[-q:], covariance[-q:, -q:], df[-q:]

    def sensitivity(self, q: int) -> FloatArray:
        """Return the change of the coefficients of the last q columns by each potential, per mV; shape (q, n)."""
        whiten = Whitener(self._structure, self.components)
        return whiten.transposed(WhitenedDesign.of(whiten(self._columns)).sensitivity)[-q:]


class _Fitted:
    """Effects that ratios and free offsets can fit, relative to the standard errors.

    The ratios act as in the mean cell: what conditions have in common is looked for beside them.
    """

    def __init__(self, fit: Fit) -> None:
        self._cell, self._has_offsets = fit.data.cell_index, math.isinf(fit.offset_scale_mV)
        self._weight = 1 / fit.working.se_mV
        self._weights = np.bincount(self._cell, self._weight**2)
        white = fit.columns_of_mean_cell * self._weight[:, None]
        length = np.linalg.norm(white, axis=0)
        self._basis = _orthonormal(self._beside_offsets(white[:, length > 0] / length[length > 0]), 1.0)
        self.rank = self._basis.shape[1] + self._has_offsets * len(self._weights)

    def beside(self, values: FloatArray) -> FloatArray:
        """Return what cannot be fitted of values that are relative to the standard errors, shape (n, m)."""
        left = self._beside_offsets(values)
        return np.asarray(left - self._basis @ (self._basis.T @ left))

    def _beside_offsets(self, values: FloatArray) -> FloatArray:
        """Return values without their part along a free offset of each cell."""
        if not self._has_offsets:
            return values
        sums = np.zeros((len(self._weights), values.shape[1]))
        np.add.at(sums, self._cell, values * self._weight[:, None])
        return np.asarray(values - (sums / self._weights[:, None])[self._cell] * self._weight[:, None])


def _beside_ratios(fit: Fit, effects: FloatArray) -> FloatArray:
    """Return what ratios and free offsets cannot fit of further effects, in mV; shape (n, up to q)."""
    se = fit.working.se_mV[:, None]
    relative = effects / se
    left = _Fitted(fit).beside(relative)
    left = left[:, np.linalg.norm(left, axis=0) > _MIN_FRACTION_LEFT * np.linalg.norm(relative, axis=0)]
    return (left if left.shape[1] < 2 else _orthonormal(left)) * se  # a single effect keeps its unit


def _orthonormal(columns: FloatArray, length: float = 0.0) -> FloatArray:
    """Return orthonormal columns that span the same space; those of a given length may have lost most of it."""
    if columns.shape[1] == 0:
        return columns
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > _MIN_SINGULAR_VALUE * max(length, size.max())])


def _denominator_df(df: FloatArray) -> float:
    """Return the second degrees of freedom of F from those of its independent t."""
    if len(df) == 1 or np.isinf(df).all():
        return float(df[0])
    large = df[df > 2]
    expected = float((1 / (1 - 2 / large)).sum())  # nu / (nu - 2) is the expectation of a squared t
    return 2 * expected / (expected - len(df)) if expected > len(df) else float(df.min())
