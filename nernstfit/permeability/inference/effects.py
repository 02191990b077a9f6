"""Would a further effect explain what the ratios leave? Tests in the linear mixed model that a fit is near its optimum.

The residuals are r = X b + W c + u with X the gradient by the fitted ln P, W further effects, and u of the covariance
of `spreads`. The variance components are estimated by REML with W in the model; the covariance of c allows for their
being known from few cells (Kenward & Roger 1997, Biometrics 53:983); c is held against 0 by an F test with
Satterthwaite's degrees of freedom (Fai & Cornelius 1996, J Stat Comput Simul 54:363).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nernstfit.permeability.covariance import NOISE, OFFSET, CovarianceComponents, VarianceComponents, Whitener
from nernstfit.permeability.limits import MAX_EFFECT_STEP
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.reml import Deviance, LinearModel, fit_variance_components

FloatArray = NDArray[np.float64]

_HELD = 1e-7  # of the longest direction
_ROUNDS = 4
_TAKEN_UP = (
    0.01  # of a column's length is left of it beside the ratios; with less its size would be 100 times what shows
)


@dataclass(frozen=True)
class Effect:
    """What further effects explain.

    Attributes
    ----------
    size, se : float
        Of a single effect, with its standard error; nan for several together.
    statistic : float
        F.
    df1, df2 : float
        Its degrees of freedom; df2 is inf where the errors are known.
    p : float
        Chance of so large an F where there is no effect.
    components : VarianceComponents
        The spreads that are fit_variance_components where the effect is there.
    """

    size: float
    se: float
    statistic: float
    df1: float
    df2: float
    p: float
    components: VarianceComponents


def f_test(fit: Fit, effects: FloatArray) -> Effect | None:
    """Test whether further effects explain the residuals of a fit.

    Parameters
    ----------
    fit : Fit
        By REML.
    effects : ndarray, shape (n, q)
        What one unit of each adds to the potentials, in mV.

    Returns
    -------
    Effect or None
        None where the ratios take all of them up, so that no data could tell.
    """
    se = fit.working.se_mV[:, None]
    more = _beside(_spanned(fit), effects / se) * se
    q = more.shape[1]
    if q == 0:
        return None
    near = _Near(fit, more, fit.estimated_components)
    value, covariance, df = near.last(q)
    if q > 1:
        # Along the axes of their covariance the coefficients are independent.
        value, covariance, df = _Near(fit, more @ np.linalg.eigh(covariance)[1], fit.estimated_components).last(q)
    statistic, df2 = float(value @ np.linalg.solve(covariance, value)) / q, _joint_freedom(df)
    p = stats.f.sf(statistic, q, df2) if math.isfinite(df2) else stats.chi2.sf(q * statistic, q)
    size, error = (float(value[0]), math.sqrt(covariance[0, 0])) if q == 1 else (math.nan, math.nan)
    return Effect(size, error, statistic, q, df2, float(p), near.components)


def scatter_test(fit: Fit) -> Effect | None:
    """Test whether measurements scatter more than their own errors and the spreads between cells explain.

    Parameters
    ----------
    fit : Fit
        By REML.

    Returns
    -------
    Effect or None
        `size` is by how much the standard errors would have to be multiplied, `statistic` the signed root of the
        likelihood ratio, `p` one-sided; None where the ratios leave nothing to tell it by.
    """
    if _spanned(fit).shape[1] >= fit.data.size:
        return None
    near = _Near(fit, np.zeros((fit.data.size, 0)), (*fit.estimated_components, NOISE))
    held = near.deviance(fit.estimated_components)
    gained = held.value(fit_variance_components(held, fit.components, fit.estimated_components)) - near.deviance(
        near.names
    ).value(near.components)
    root = math.copysign(math.sqrt(max(0.0, gained)), math.log(near.components.noise))
    return Effect(
        near.components.noise, math.nan, root, math.nan, math.nan, float(stats.norm.sf(root)), near.components
    )


class _Near:
    """The model with further columns, made linear at each cell's own ln P as far as its residuals tell them.

    At the mean cell's the differences between cells would not be linear, and what they bend would pass for an effect
    (Lindstrom & Bates 1990, Biometrics 46:673). What the cells differ by is told beside the further effects: without
    them it would have to explain these too.

    Attributes
    ----------
    names : tuple of str
        The spreads that are fitted.
    components : VarianceComponents
        The fit_variance_components.
    """

    def __init__(self, fit: Fit, more: FloatArray, names: tuple[str, ...]) -> None:
        self._fit, self.names, self.components = fit, names, fit.components
        data, k, free = fit.data, len(fit.data.ions), list(fit.free)
        of_row, first = np.searchsorted(data.cell_names, data.cells), data.blocks[:, 0]
        mean, own = fit.ln_p.copy(), np.zeros((len(first), data.n_coefficients))
        potential = fit.working.potential_mV
        for _ in range(_ROUNDS):
            predicted, gradient = (at[of_row, np.arange(data.size)] for at in data.prediction(mean + own))
            self._structure = CovarianceComponents(fit.working, gradient)
            self._columns = np.hstack([gradient[:, free], more])
            self._residual = potential - predicted + (gradient * own[of_row]).sum(axis=1)
            self.components = fit_variance_components(self.deviance(names), self.components, names)
            value, _, _ = self.deviance(names).coefficients(self.components)
            weighed = Whitener(self._structure, self.components).precision_times(self._residual - self._columns @ value)
            told = self._structure.times(OFFSET, gradient[:, :k] * weighed[:, None])
            own[:, :k] = self.components.ln_p**2 * told[first]
            mean[free] += np.clip(value[: len(free)], -MAX_EFFECT_STEP, MAX_EFFECT_STEP)
            # Cells at their own ln P bend by themselves; a mean of cells is bent as they are, wherever it lies itself.
            potential = fit.working.potential_mV + fit.curvature_bias_mV / data.n_averaged

    def deviance(self, names: tuple[str, ...]) -> Deviance:
        """Restricted likelihood of some spreads."""
        model = LinearModel(self._structure, self._residual, self._columns)
        return Deviance(model, names, self._fit.components, self._fit.offset_scale_mV, restricted=True)

    def last(self, q: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coefficients of the last columns, their covariance and degrees of freedom."""
        value, covariance, df = self.deviance(self.names).coefficients(self.components)
        return value[-q:], covariance[-q:, -q:], df[-q:]


def _spanned(fit: Fit) -> FloatArray:
    """WhitenedDesign that span what the ratios can do in the mean cell, in whom all cells agree; over the noise."""
    white = fit.gradient[:, list(fit.free)] / fit.working.se_mV[:, None]
    length = np.linalg.norm(white, axis=0)
    return _orthonormal(white[:, length > 0] / length[length > 0])


def _beside(ratios: FloatArray, effects: FloatArray) -> FloatArray:
    """What the ratios cannot take up of further effects, all over the noise; shape (n, up to q)."""
    left = effects - ratios @ (ratios.T @ effects)
    left = left[:, np.linalg.norm(left, axis=0) > _TAKEN_UP * np.linalg.norm(effects, axis=0)]
    return left if left.shape[1] < 2 else _orthonormal(left)  # a single effect keeps its unit


def _orthonormal(columns: FloatArray) -> FloatArray:
    """Orthonormal columns that span the same."""
    if columns.shape[1] == 0:
        return columns
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > _HELD * size.max()])


def _joint_freedom(freedom: FloatArray) -> float:
    """Second degrees of freedom of an F from those of its independent t."""
    if len(freedom) == 1 or np.isinf(freedom).all():
        return float(freedom[0])
    told = freedom[freedom > 2]
    expected = float((1 / (1 - 2 / told)).sum())  # nu / (nu - 2) is the expectation of a squared t
    return 2 * expected / (expected - len(freedom)) if expected > len(freedom) else float(freedom.min())
