"""Ratios of single cells, each from its own observations.

All cells are fitted together by the Gauss-Newton method, on arrays (cell, observation, coefficient): alone a cell has
no variance between cells, only its noise and its offset, so that its optimum is that of least squares. A cell with
limits, possible gross errors or tied ratios, or one whose potentials may have another optimum, goes through the fit of
a group.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import FitSettings
from nernstfit.permeability import censoring
from nernstfit.permeability.covariance import CovarianceComponents, VarianceComponents, Whitener, decomposed
from nernstfit.permeability.distributions import normal_quantile
from nernstfit.permeability.limits import IMPERMEANT, MAX_GAUSS_STEP, MAX_SE_OF_CELL
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.reml import FREE_OFFSET_MV
from nernstfit.permeability.starting_values import MAX_CHI_SQUARE_PER_OBSERVATION, begun, with_least_error

FloatArray = NDArray[np.float64]

_MAX_STEPS = 40
"""Steps of all cells together. Ordinary cells need 5; with half of it more of the others are fitted one by one, with
twice as many a few less."""

_CONVERGED = 1e-9
"""Step of every ln P below which a cell has converged, as in the fit of a group."""

_NO_RISE = 1e-9
"""Rise of chi-square, relative to it, that counts as rounding; a step that it hides is below any that is shown."""


@dataclass(frozen=True)
class CellRatio:
    """Ratio of one cell from its own observations.

    Attributes
    ----------
    cell, ion : str
    n_baths : int
        Number of different conditions.
    offset_mV : float
        Predicted electrode offset; nan where the inside is unknown.
    ln_ratio, se_ln_ratio : float
        nan where the cell's observations do not determine the ratio.
    low, high : float
        Ends of the interval of the ratio, without systematic errors.
    """

    cell: str
    ion: str
    n_baths: int
    offset_mV: float
    ln_ratio: float = math.nan
    se_ln_ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan


def cell_ratios(whole: Fit, settings: FitSettings, unknown: Collection[str] = ()) -> tuple[CellRatio, ...]:
    """Fit each cell alone, its offset as uncertain as offsets vary between the cells.

    Parameters
    ----------
    whole : Fit
        Of all cells.
    settings : FitSettings
    unknown : collection of str
        Cells of which the inside is unknown; their free term is that of the inside and of the electrode together.
    """
    data, z = whole.data.with_factors(whole.ln_p), normal_quantile(0.5 + settings.confidence / 2)
    data = replace(data, parameters=data.parameters.unbounded())  # bounds are of the population
    offset_scale_mV = math.inf if math.isinf(settings.offset_sd_mV) else whole.components.offset_mV
    alone = fit_cells(data, whole.reference, offset_scale_mV, whole.ln_p[: data.n_coefficients], settings.robust)
    offsets_mV, n_baths = whole.offsets_mV.tolist(), _n_baths(data)
    others = [i for i, ion in enumerate(data.ions) if ion != whole.reference]
    found: list[CellRatio] = []
    for c, (name, ln_p, se) in enumerate(zip(data.cell_names, alone.ln_p.tolist(), alone.se.tolist(), strict=True)):
        offset_mV = math.nan if name in unknown else offsets_mV[c]
        for i in others:
            limits = _limits(ln_p[i], se[i], z) if se[i] < MAX_SE_OF_CELL else ()
            found.append(CellRatio(name, data.ions[i], n_baths[c], offset_mV, *limits))
    return tuple(found)


def _limits(ln_ratio: float, se: float, z: float) -> tuple[float, float, float, float]:
    return ln_ratio, se, math.exp(ln_ratio - z * se), math.exp(ln_ratio + z * se)


def _n_baths(data: Observations) -> list[int]:
    """Return the number of different solutions of each cell."""
    _, bath = np.unique(np.hstack([data.inside, data.outside]), axis=0, return_inverse=True)
    pairs = np.unique(np.column_stack([data.cell_index, bath.reshape(-1)]), axis=0)
    found: list[int] = np.bincount(pairs[:, 0], minlength=len(data.cell_names)).tolist()
    return found


@dataclass(frozen=True)
class CellFits:
    """Fits of single cells.

    Attributes
    ----------
    ln_p, se : ndarray, shape (cells, k)
        ln P and its standard error; inf where the cell does not determine it.
    """

    ln_p: FloatArray
    se: FloatArray


def fit_cells(
    data: Observations, reference: str, offset_scale_mV: float, near: FloatArray, robust: bool = False
) -> CellFits:
    """Fit every cell alone.

    Parameters
    ----------
    data : Observations
        Without fitted factors and bounds.
    reference : str
    offset_scale_mV : float
        Standard deviation of a cell's offset; inf for a free one.
    near : ndarray, shape (k,)
        ln P of all cells together.
    robust : bool
        Observations may be gross errors.
    """
    ln_p = np.tile(near, (len(data.cell_names), 1))
    se, settled = np.full(ln_p.shape, math.inf), np.zeros(len(ln_p), bool)
    if not (censoring.needed(data, robust) or data.parameters.ties):
        ln_p, se, settled = _Together(data, reference, offset_scale_mV, near).fitted()
    for c in np.flatnonzero(~settled):
        own = data.subset(data.blocks[c][data.blocks[c] >= 0].tolist())
        alone = fit(own, reference, offset_scale_mV, robust=robust, near=near)
        errors = np.sqrt(np.diag(alone.covariance))
        errors[list(alone.not_estimable)] = math.inf
        ln_p[c], se[c] = alone.ln_p, math.inf
        se[c, list(alone.free)] = errors
    return CellFits(ln_p, se)


class _Together:
    """Least squares of all cells at once, each with its own ln P."""

    def __init__(self, data: Observations, reference: str, offset_scale_mV: float, near: FloatArray) -> None:
        self._cell, self._mean, n_cells = data.cell_index, begun(data, near), len(data.cell_names)
        cells = replace(data, batches=())
        offset_mV = FREE_OFFSET_MV if math.isinf(offset_scale_mV) else offset_scale_mV
        components = VarianceComponents(offset_mV, (0.0,) * len(data.ions))
        structure = CovarianceComponents(cells, np.zeros(data.inside.shape))
        self._whiten, self._smooth = Whitener(structure, components), with_least_error(cells, components)[1]
        self._data = cells.at_deviation(np.zeros(data.inside.shape), data.potential_mV)
        self._shape = structure.rows.shape
        self._sizes = structure.there.sum(axis=1)
        there = np.zeros((n_cells, len(data.ions)), bool)
        np.logical_or.at(there, self._cell, (data.inside > 0) | (data.outside > 0))
        held = [i for i, ion in enumerate(data.ions) if ion == reference or i in data.parameters.fixed]
        there[:, held] = False
        self._free = there

    def fitted(self) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Return ln P and its standard errors, shape (cells, k), and the cells with whose fit nothing is doubtful."""
        ln_p = np.tile(self._mean, (len(self._free), 1))
        residual, columns = self._linearized(ln_p)
        share, square = np.ones((len(ln_p), 1)), _squares(residual)
        for _ in range(_MAX_STEPS):
            step = self._step(residual, columns)
            settled = np.abs(step).max(axis=1, initial=0.0) < _CONVERGED
            if settled.all():
                break
            trial = ln_p + share * step
            found = self._linearized(trial)
            of_trial = _squares(found[0])
            better = of_trial <= square * (1 + _NO_RISE) + _NO_RISE
            ln_p[better], residual[better], columns[better] = trial[better], found[0][better], found[1][better]
            square[better] = of_trial[better]
            share = np.where(better[:, None], 1.0, share / 2)
        _, root, is_estimable = decomposed(columns)
        se = np.where(is_estimable, np.sqrt(np.square(root).sum(axis=2)), math.inf)
        return ln_p, se, settled & self._is_plausible(ln_p)

    def _linearized(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return whitened residuals, shape (cells, width), and columns, shape (cells, width, k)."""
        predicted, gradient = self._at(ln_p).prediction(self._mean)
        own = np.where(self._free[self._cell], gradient, 0.0)
        white = self._whiten(np.column_stack([self._data.potential_mV - predicted, own])).reshape(*self._shape, -1)
        return white[..., 0].copy(), white[..., 1:].copy()

    def _step(self, residual: FloatArray, columns: FloatArray) -> FloatArray:
        """Return the Gauss-Newton step of each cell, shape (cells, k).

        Of all exact fits to fewer observations than ratios it leads to one near the start, as `least_squares` does.
        """
        length, is_exact = np.linalg.norm(columns, axis=1), self._sizes < self._free.sum(axis=1)
        left, root, _ = decomposed(columns, np.where(is_exact[:, None], 1.0, length))
        step = (root @ (left.swapaxes(1, 2) @ residual[..., None]))[..., 0]
        return np.clip(step, -MAX_GAUSS_STEP, MAX_GAUSS_STEP)

    def _at(self, ln_p: FloatArray) -> Observations:
        """Return the observations, each predicted at the ln P of its cell."""
        return self._data.at_deviation((ln_p - self._mean)[self._cell], self._data.potential_mV)

    def _is_plausible(self, ln_p: FloatArray) -> NDArray[np.bool_]:
        """Return True for the cells that the fit of a group would seek no other optimum for."""
        residual = self._data.potential_mV - self._at(ln_p).predict(self._mean)
        square = _squares(self._smooth(residual).reshape(self._shape))
        is_explained = square <= MAX_CHI_SQUARE_PER_OBSERVATION * self._sizes
        return np.asarray(is_explained & (np.abs(ln_p).max(axis=1) <= IMPERMEANT))


def _squares(residual: FloatArray) -> FloatArray:
    """Return the sum of squares of each cell; inf where one is not finite."""
    square = np.square(residual).sum(axis=1)
    return np.asarray(np.where(np.isfinite(square), square, math.inf))
