"""The linear mixed model that a fit is near its optimum: what makes up an error, and what more would explain.

Near the fit, and near the best prediction of each cell's own ln P (Lindstrom & Bates 1990, Biometrics 46:673), the
residuals of the potentials are

    r = X b + W c + u,    var(u) = V = diag(se^2) + sum_m s_m^2 K_m,

with X the gradient by the fitted ln P, W further effects, and K_m what two measurements of one cell have in common
through its offset (1) or through its own permeabilities (G G'), less where a row averages several cells. V falls into
blocks, one for each cell. Whether W has an effect is asked with the spreads s_m that are likeliest when it is there
(REML), by an F test whose degrees of freedom are Satterthwaite's (Fai & Cornelius 1996, J Stat Comput Simul 54:363).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from nernstfit.permeability.model import PRIOR_WIDTH, Data, Fit, bounds_of_spread

FloatArray = NDArray[np.float64]

NOISE, CELLS, OFFSET = "noise", "cells", "offset"
_FIELDS = {OFFSET: "offset_mV", CELLS: "ln_p"}  # of a Spread
_HELD = 1e-7  # of the longest direction
_TAKEN_UP = 1e-4  # of a column's length: what is left of it beside the ratios
_AT_LIMIT = 0.1  # of ln spread
_LEAST_FREEDOM = 1.0
_ROUNDS = 3


class Errors:
    """What the potentials of one group differ by: independent noise, and what a cell's measurements share.

    Parameters
    ----------
    data : Data
    gradient : ndarray, shape (n, k)
        d E / d ln P in mV.

    Attributes
    ----------
    kernels : mapping of str to ndarray, shape (cells, width, width)
        Covariance per unit of variance of each error, cell by cell, 0 where a cell has no more measurements.
    """

    def __init__(self, data: Data, gradient: FloatArray) -> None:
        self._blocks, self._there = data.blocks, data.blocks >= 0
        both = self._there[:, :, None] & self._there[:, None, :]
        shares = np.where(both, data.shares[self._blocks[:, :, None], self._blocks[:, None, :]], 0.0)
        g, se = self.arranged(gradient), self.arranged(data.se_mV[:, None])
        self.kernels: Mapping[str, FloatArray] = {
            NOISE: se**2 * np.eye(shares.shape[1]),
            CELLS: shares * (g @ g.transpose(0, 2, 1)),
            OFFSET: shares,
        }

    def arranged(self, columns: FloatArray) -> FloatArray:
        """Columns, shape (n, m), cell by cell: (cells, width, m), filled up with 0."""
        return np.where(self._there[:, :, None], columns[self._blocks], 0.0)

    def covariance(self, spreads: Mapping[str, float]) -> FloatArray:
        """V in mV^2, cell by cell; 1 on the diagonal where a cell has no more measurements."""
        total = np.asarray(sum(spreads[name] ** 2 * kernel for name, kernel in self.kernels.items()))
        at = np.arange(total.shape[1])
        total[:, at, at] += ~self._there
        return total

    def parts(self, gain: FloatArray, spreads: Mapping[str, float]) -> dict[str, FloatArray]:
        """Variance that each error adds to linear functions of the potentials.

        Parameters
        ----------
        gain : ndarray, shape (m, n)
            Of each function, per mV.
        spreads : mapping of str to float

        Returns
        -------
        dict of str to ndarray, shape (m,)
            By error; their sum is the variance of the function.
        """
        g = self.arranged(gain.T)
        return {
            name: spreads[name] ** 2 * np.einsum("cwm,cwm->m", g, kernel @ g) for name, kernel in self.kernels.items()
        }


def spreads_of(fit: Fit) -> dict[str, float]:
    """Standard deviation of each error in the unit of its kernel; the noise is as it was given."""
    return {NOISE: 1.0} | {name: getattr(fit.spread, field) for name, field in _FIELDS.items()}


@dataclass(frozen=True)
class Effect:
    """What further effects explain.

    Attributes
    ----------
    size, se : float
        Of a single effect, with its standard error; nan for several together.
    statistic : float
        F, divided by its first degrees of freedom.
    df1, df2 : float
        Degrees of freedom; df2 is inf where the errors are known.
    p : float
        Chance of so large an F where there is no effect.
    """

    size: float
    se: float
    statistic: float
    df1: float
    df2: float
    p: float


class Mixed:
    """The mixed model around one fit.

    Parameters
    ----------
    fit : Fit
        By REML.
    offset_scale_mV : float
        With which it was fitted.
    """

    def __init__(self, fit: Fit, offset_scale_mV: float) -> None:
        self.spreads = spreads_of(fit)
        several = len(fit.data.cell_names) > 1
        told = {OFFSET: several and 0 < offset_scale_mV < math.inf, CELLS: several and len(fit.data.ions) > 1}
        self.fitted = tuple(name for name in told if told[name])
        self.scale_mV = offset_scale_mV
        self._se = fit.data.se_mV[:, None]
        # What the ratios can take up is asked of the mean cell: there all cells agree on it.
        self._ratios = _orthonormal(_scaled(fit.data.gradient(fit.ln_p)[:, list(fit.free)] / self._se))
        self.residual_mV, gradient = _around_cells(fit, self.spreads)
        self.errors, self._columns = Errors(fit.data, gradient), gradient[:, list(fit.free)]

    def effect(self, effects: FloatArray) -> Effect | None:
        """Test whether further effects explain the residuals.

        Parameters
        ----------
        effects : ndarray, shape (n, q)
            What one unit of each adds to the potentials, in mV.

        Returns
        -------
        Effect or None
            None where the ratios take all of them up, so that no data could tell.
        """
        more = self._beside(effects)
        q = more.shape[1]
        if q == 0:
            return None
        found = self._likeliest(np.hstack([self._own_columns(), more]))
        value, covariance = found.coefficients[-q:], found.allowing_covariance[-q:, -q:]
        variance, axes = np.linalg.eigh(covariance)
        statistic = float(((axes.T @ value) ** 2 / variance).mean())
        df2 = _joint_freedom(np.array([found.freedom(axis) for axis in axes.T]))
        p = stats.f.sf(statistic, q, df2) if math.isfinite(df2) else stats.chi2.sf(q * statistic, q)
        size, se = (float(value[0]), math.sqrt(covariance[0, 0])) if q == 1 else (math.nan, math.nan)
        return Effect(size, se, statistic, q, df2, float(p))

    def scatter(self) -> Effect | None:
        """Test whether measurements scatter more than their own errors and the spreads between cells explain.

        Returns
        -------
        Effect or None
            `statistic` is the mean square of what is left in units of what was expected, with `df1` degrees of
            freedom; None where ratios and spreads leave nothing to tell it by.
        """
        return self._likeliest(self._own_columns()).excess()

    def _own_columns(self) -> FloatArray:
        """What spans the effects of the ratios in each cell, in mV."""
        return _orthonormal(_scaled(self._columns / self._se)) * self._se

    def _beside(self, effects: FloatArray) -> FloatArray:
        """What the ratios cannot take up of further effects, in mV; shape (n, up to q)."""
        white = effects / self._se
        left = white - self._ratios @ (self._ratios.T @ white)
        keep = np.linalg.norm(left, axis=0) > _TAKEN_UP * np.linalg.norm(white, axis=0)
        left = left[:, keep]
        # A single effect keeps its unit.
        return np.asarray((left if left.shape[1] < 2 else _orthonormal(left)) * self._se)

    def _likeliest(self, columns: FloatArray) -> _Linear:
        """The linear model with these columns at its spreads of highest restricted likelihood."""

        def at(ln_spreads: FloatArray) -> _Linear:
            moved = dict(zip(self.fitted, np.exp(ln_spreads).tolist(), strict=True))
            return _Linear(self, self.errors.arranged(columns), self.spreads | moved)

        bounds = [bounds_of_spread(_FIELDS[name], self.scale_mV) for name in self.fitted]
        start = [math.log(max(self.spreads[name], 1e-12)) for name in self.fitted]
        if not start:
            return at(np.zeros(0))
        start = np.clip(start, *np.transpose(bounds))
        return at(optimize.minimize(lambda x: at(x).deviance, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


class _Linear:
    """Columns D with their coefficients by generalised least squares, at given spreads.

    P below is V^-1 - V^-1 D (D'V^-1 D)^-1 D'V^-1.
    """

    def __init__(self, model: Mixed, columns: FloatArray, spreads: Mapping[str, float]) -> None:
        self._model, self._spreads = model, spreads
        covariance = model.errors.covariance(spreads)
        self._inverse = np.linalg.inv(covariance)
        self._weighed = self._inverse @ columns  # V^-1 D
        residual = model.errors.arranged(model.residual_mV[:, None])
        information = np.einsum("cwp,cwq->pq", columns, self._weighed)
        self.covariance = np.linalg.inv(information)
        self.coefficients = self.covariance @ np.einsum("cwp,cwm->p", self._weighed, residual)
        self._left = (self._inverse @ residual)[:, :, 0] - self._weighed @ self.coefficients  # P r
        self._misfit = float((residual[:, :, 0] * self._left).sum())
        self._log_determinants = np.linalg.slogdet(covariance)[1].sum() + np.linalg.slogdet(information)[1]
        self._through = {  # V^-1 K V^-1 D, and its sum with D
            name: (kernel @ self._weighed, np.einsum("cwp,cwv,cvq->pq", self._weighed, kernel, self._weighed))
            for name, kernel in model.errors.kernels.items()
        }

    @cached_property
    def deviance(self) -> tuple[float, FloatArray]:
        """-2 ln restricted likelihood with the prior of the offset's spread, and its slopes by the ln spreads."""
        value, slopes = self._misfit + float(self._log_determinants), []
        for name in self._model.fitted:
            kernel, variance = self._model.errors.kernels[name], self._spreads[name] ** 2
            trace = np.einsum("cwv,cvw->", self._inverse, kernel) - np.trace(self.covariance @ self._through[name][1])
            slopes.append(2 * variance * (trace - np.einsum("cw,cwv,cv->", self._left, kernel, self._left)))
            if name == OFFSET:
                away = math.log(self._spreads[name] / self._model.scale_mV) / PRIOR_WIDTH
                value += away**2
                slopes[-1] += 2 * away / PRIOR_WIDTH
        return value, np.array(slopes)

    @cached_property
    def allowing_covariance(self) -> FloatArray:
        """Covariance of the coefficients that allows for spreads known from few cells (Kenward & Roger 1997)."""
        total = np.zeros_like(self.covariance)
        for i, a in enumerate(self._inner):
            for j, b in enumerate(self._inner):
                through = self._through[a][1] @ self.covariance @ self._through[b][1]
                total += self._uncertainty[i, j] * (self._between(a, b) - through)
        return np.asarray(self.covariance + 2 * self.covariance @ total @ self.covariance)

    def freedom(self, axis: FloatArray) -> float:
        """Satterthwaite's degrees of freedom of a combination of the last coefficients."""
        row = self.covariance[-len(axis) :].T @ axis
        slope = np.array([row @ self._through[name][1] @ row for name in self._inner])
        uncertain = float(slope @ self._uncertainty @ slope) if self._inner else 0.0
        variance = float(axis @ self.covariance[-len(axis) :, -len(axis) :] @ axis)
        return max(2 * variance**2 / uncertain, _LEAST_FREEDOM) if uncertain > 0 else math.inf

    @cached_property
    def _inner(self) -> list[str]:
        """Fitted spreads that are not at their lower limit, where they count as known to be nothing."""
        low = {name: bounds_of_spread(_FIELDS[name], self._model.scale_mV)[0] for name in self._model.fitted}
        return [name for name in low if math.log(self._spreads[name]) > low[name] + _AT_LIMIT]

    @cached_property
    def _uncertainty(self) -> FloatArray:
        """Covariance of the squared spreads: the inverse of their expected information, with that of the prior."""
        found = self._traces(self._inner, self._inner) / 2
        told = [1 / (2 * PRIOR_WIDTH * self._spreads[name] ** 2) if name == OFFSET else 0.0 for name in self._inner]
        return np.asarray(np.linalg.inv(found + np.diag(told) ** 2))

    def excess(self) -> Effect | None:
        """How much more than expected the independent noise is: a chi-square matched in mean and variance."""
        noise, inner = self._model.errors.kernels[NOISE], self._inner
        expected = float(
            np.einsum("cwv,cvw->", self._inverse, noise) - np.trace(self.covariance @ self._through[NOISE][1])
        )
        crossed = self._traces([NOISE], inner)
        # What the spreads take up of it is not told any more.
        variance = 2 * float(self._traces([NOISE], [NOISE])[0, 0])
        if inner:
            variance -= float(crossed[0] @ self._uncertainty @ crossed[0])
        if expected <= 0 or variance <= _TAKEN_UP * expected:
            return None
        freedom = 2 * expected**2 / variance
        statistic = float(np.einsum("cw,cwv,cv->", self._left, noise, self._left)) / expected
        p = float(stats.chi2.sf(freedom * statistic, freedom))
        return Effect(math.sqrt(statistic), math.nan, statistic, freedom, math.inf, p)

    def _traces(self, first: Sequence[str], second: Sequence[str]) -> FloatArray:
        return np.array([[self._trace(a, b) for b in second] for a in first]).reshape(len(first), len(second))

    def _trace(self, first: str, second: str) -> float:
        """Tr(P K P L)."""
        own = [self._inverse @ self._model.errors.kernels[name] for name in (first, second)]
        lost = [self.covariance @ self._through[name][1] for name in (first, second)]
        crossed = np.trace(self.covariance @ self._between(first, second))
        return float(np.einsum("cwv,cvw->", *own) - 2 * crossed + np.trace(lost[0] @ lost[1]))

    def _between(self, first: str, second: str) -> FloatArray:
        """D'V^-1 K V^-1 L V^-1 D."""
        ends = (self._through[name][0] for name in (first, second))
        return np.asarray(np.einsum("cwp,cwv,cvq->pq", next(ends), self._inverse, next(ends)))


def _around_cells(fit: Fit, spreads: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
    """Residuals and gradient at each cell's own ln P: what is left of them is linear in what the cell differs by.

    Returns
    -------
    residual : ndarray, shape (n,)
        Measured minus predicted, without what the cell's own ln P explains beyond their linear effect.
    gradient : ndarray, shape (n, k)
    """
    data, own = fit.data, np.zeros((len(fit.data.cell_names), len(fit.data.ions)))
    of_row, row = np.searchsorted(data.cell_names, data.cells), np.arange(data.size)
    for _ in range(_ROUNDS):
        predicted, gradient = (each[of_row, row] for each in data.prediction(fit.ln_p + own))
        residual = data.potential_mV - predicted + (gradient * own[of_row]).sum(axis=1)
        errors = Errors(data, gradient)
        weighed = np.linalg.solve(errors.covariance(spreads), errors.arranged(residual[:, None]))
        told = np.einsum("cwk,cw->ck", errors.arranged(gradient), weighed[:, :, 0])
        own = spreads[CELLS] ** 2 / data.cell_sizes[:, None] * told
    return residual, gradient


def _joint_freedom(freedom: FloatArray) -> float:
    """Second degrees of freedom of an F from those of its independent t (Fai & Cornelius 1996)."""
    if len(freedom) == 1:
        return float(freedom[0])
    told = freedom[freedom > 2]
    # nu / (nu - 2) is the expectation of a squared t.
    expected = float(np.where(np.isfinite(told), 1 / (1 - 2 / told), 1.0).sum())
    if expected <= len(freedom):
        return math.inf if np.isinf(freedom).all() else float(freedom.min())
    return 2 * expected / (expected - len(freedom))


def _scaled(columns: FloatArray) -> FloatArray:
    length = np.linalg.norm(columns, axis=0)
    return np.asarray(columns[:, length > 0] / length[length > 0])


def _orthonormal(columns: FloatArray) -> FloatArray:
    """Orthonormal columns that span the same."""
    if columns.shape[1] == 0:
        return columns
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > _HELD * max(size.max(), _HELD)])
