"""Permeability ratios from reversal potentials: one likelihood over all measurements of a group.

The reversal potential of cell c in bath b is

    E_cb = E_GHK(ln P, activities, T) + sum_i g_cbi e_ci + o_c + noise_cb,

with ln P the population's log permeabilities (the reference's is 0), e_ci the cell's own
deviation of ln P of ion i, equally spread for every permeant ion, the reference included, so
that no ion is special; g = dE_GHK / d ln P; o_c the electrode offset of the cell; the noise
known from each measurement. For given spreads the potentials of a cell are normal with

    V_c = diag(se^2) + s_o^2 1 1' + s_P^2 G G',

of which rows that average n cells share 1 / n of what cells differ by: the offset of a mean is the
mean of offsets. (Where one averages some of the other's cells, it is 1 / the larger n.) The whitened
residuals go to lmfit with analytic derivatives. The spreads s_o and s_P are found by restricted
maximum likelihood (REML), alternating with the ratios until both stand (Lindstrom & Bates 1990,
Biometrics 46:673). The scale given for the offsets enters as a log-normal prior on s_o, one natural
log unit wide: where the data say nothing of s_o (one cell), it is the scale itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.physics import ghk

FloatArray = NDArray[np.float64]

FREE_OFFSET_MV = 1e3
_LEAST_SPREAD, _MOST_SPREAD = 1e-3, 10.0  # of ln P
_OFFSET_RANGE = 1e3  # the fitted offset spread stays within this factor of its scale
PRIOR_WIDTH = 1.0
_MOST_TURNS, _MOST_ROUNDS = 5, 12
_START_SD_MV = 1.0
_SETTLED = 1e-3
_UNEXPLAINED = 4.0  # a sum of squares of so much for each measurement
_LIMIT = 30.0  # of ln P
_FAR, _NEAR = 9.0, 3.0
_SAME = 1e-6
_MOST_STEPS = 400
_NULL = 1e-7
_STEP, _FLAT = 1e-4, 1e-5  # of ln P, for a second derivative; of a sum of squares per ln P, which moves no cost
_LONGEST, _MOST_HALVINGS = 3.0, 12


@dataclass(frozen=True)
class Data:
    """Measurements of one group under one activity model.

    Attributes
    ----------
    cells : tuple of str, length n
        The cell of each measurement.
    potential_mV, se_mV, temperature_C : ndarray, shape (n,)
    ions : tuple of str, length k
        The permeant ions.
    valence : ndarray of int, shape (k,)
    inside, outside : ndarray, shape (n, k)
        Activities (or concentrations) in mM.
    averages : ndarray of int, shape (n,)
        Cells that each measurement averages; its `se_mV` then comes from their spread.
    """

    cells: tuple[str, ...]
    potential_mV: FloatArray
    se_mV: FloatArray
    temperature_C: FloatArray
    ions: tuple[str, ...]
    valence: NDArray[np.int64]
    inside: FloatArray
    outside: FloatArray
    averages: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.cells)

    @cached_property
    def cell_names(self) -> tuple[str, ...]:
        """Every cell once, by name."""
        return tuple(sorted(set(self.cells)))

    @cached_property
    def cell_sizes(self) -> NDArray[np.int64]:
        """How many cells each name stands for: the most that a measurement of it averages; shape (cells,)."""
        return np.asarray(np.where(self.blocks >= 0, self.averages[self.blocks], 0).max(axis=1))

    @cached_property
    def shares(self) -> FloatArray:
        """What two measurements share of the variance between cells, if of the same ones: 1, of means 1/n; (n, n)."""
        return np.asarray(1.0 / np.maximum.outer(self.averages, self.averages))

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """Rows of each cell, shape (cells, most rows of a cell), filled up with -1."""
        rows = [[i for i, cell in enumerate(self.cells) if cell == name] for name in self.cell_names]
        width = max(map(len, rows))
        return np.array([row + [-1] * (width - len(row)) for row in rows])

    def subset(self, rows: Sequence[int]) -> Data:
        """Return the same for some of the measurements."""
        at = list(rows)
        return replace(
            self,
            cells=tuple(self.cells[i] for i in at),
            potential_mV=self.potential_mV[at],
            se_mV=self.se_mV[at],
            temperature_C=self.temperature_C[at],
            inside=self.inside[at],
            outside=self.outside[at],
            averages=self.averages[at],
        )

    @cached_property
    def _alike(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """One measurement of each condition, and each measurement's place among these: cells share their baths."""
        conditions = np.column_stack([self.inside, self.outside, self.temperature_C])
        _, first, place = np.unique(conditions, axis=0, return_index=True, return_inverse=True)
        return np.asarray(first), np.asarray(place).reshape(-1)

    def predict(self, ln_p: FloatArray) -> FloatArray:
        """GHK reversal potentials in mV, shape (..., n), for ln P of shape (..., k); -inf: an ion does not pass."""
        first, place = self._alike
        return self._potentials(ln_p, first)[..., place]

    def gradient(self, ln_p: FloatArray) -> FloatArray:
        """d E / d ln P in mV, shape (..., n, k)."""
        return self.prediction(ln_p)[1]

    def prediction(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Potentials and their gradient."""
        first, place = self._alike
        sides = (self.valence, self.inside[first], self.outside[first], self.temperature_C[first])
        potentials = self._potentials(ln_p, first)
        gradient = np.asarray(ghk.reversal_gradient_mV(potentials, np.exp(ln_p)[..., None, :], *sides))
        return potentials[..., place], gradient[..., place, :]

    def _potentials(self, ln_p: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        sides = (self.valence, self.inside[rows], self.outside[rows], self.temperature_C[rows])
        return np.asarray(ghk.reversal_mV(np.exp(ln_p)[..., None, :], *sides))


@dataclass(frozen=True)
class Spread:
    """Between cells: standard deviation of the offsets in mV and of each ln P."""

    offset_mV: float
    ln_p: float


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes
    ----------
    data : Data
    reference : str
    free : tuple of int
        Which ions' ln P were fitted: all but the reference and those in no solution.
    ln_p : ndarray, shape (k,)
        ln (P / P_ref); 0 for the reference and for ions that were not fitted.
    covariance : ndarray, shape (len(free), len(free))
        Of the fitted ln P: noise, cells and offsets, not what all cells share.
    gain : ndarray, shape (len(free), n)
        d ln P / d potential of each measurement, per mV: carries any further error of the
        potentials to the ratios.
    loose : tuple of int
        Positions in `free` that the data do not hold: they only hold combinations of them.
    df : ndarray, shape (len(free),)
        Degrees of freedom of each ln P by Satterthwaite's approximation; inf where the error
        comes from the measurements' own noise alone.
    spread : Spread
    fitted_spreads : int
        How many of the two spreads were fitted.
    offsets_mV : ndarray, shape (cells,)
        Best prediction of each cell's offset.
    chi_square, log_likelihood : float
        Of the whitened residuals; of the (unrestricted) likelihood.
    """

    data: Data
    reference: str
    free: tuple[int, ...]
    ln_p: FloatArray
    covariance: FloatArray
    gain: FloatArray
    loose: tuple[int, ...]
    df: FloatArray
    spread: Spread
    fitted_spreads: int
    offsets_mV: FloatArray
    chi_square: float
    log_likelihood: float

    @property
    def predicted_mV(self) -> FloatArray:
        """Potentials of the population, without the cells' offsets; shape (n,)."""
        return self.data.predict(self.ln_p)

    @property
    def n_parameters(self) -> int:
        """Fitted ratios and spreads."""
        return len(self.free) + self.fitted_spreads


def present(data: Data) -> NDArray[np.bool_]:
    """Which ions any solution of the data has; shape (k,)."""
    return np.asarray(((data.inside > 0) | (data.outside > 0)).any(axis=0))


def fit(data: Data, reference: str, offset_scale_mV: float, restricted: bool = True) -> Fit:
    """Fit ln permeability ratios and the spreads between cells.

    Parameters
    ----------
    data : Data
        At least one measurement.
    reference : str
        Ion whose permeability is 1; one of `data.ions`.
    offset_scale_mV : float
        Scale of the cells' offsets; 0 for none, inf for a free one in each cell.
    restricted : bool
        REML, for intervals; False gives maximum likelihood, to compare models.

    Returns
    -------
    Fit
    """
    order = _fixed_order(data)
    result = _fit(data.subset(order), reference, offset_scale_mV, restricted)
    return replace(result, data=data, gain=result.gain[:, np.argsort(order)])


def _fixed_order(data: Data) -> list[int]:
    """An order of the measurements that does not depend on the order in which they came: sums round alike."""
    columns = (data.potential_mV, data.se_mV, data.temperature_C, *data.inside.T, *data.outside.T, data.averages)
    return sorted(range(data.size), key=lambda i: (data.cells[i], *(float(column[i]) for column in columns)))


def _fit(data: Data, reference: str, offset_scale_mV: float, restricted: bool) -> Fit:
    there = present(data)
    free = tuple(i for i, ion in enumerate(data.ions) if ion != reference and there[i])
    spread, which = _initial(data, offset_scale_mV)
    ln_p = _start(data, free, spread)
    visited = []
    for _ in range(_MOST_TURNS):
        before = ln_p
        # G stands still while ratios and spreads settle, then follows them.
        gradient = data.gradient(ln_p)
        for _ in range(_MOST_ROUNDS):
            moved = _least_squares(data, ln_p, free, _Whitener(data, spread, gradient))
            likeliest = spread
            if which:
                likeliest = _likeliest(data, moved, free, gradient, which, spread, offset_scale_mV, restricted)
            change = max(_shift(data, ln_p, moved), _relative_change(spread, likeliest))
            ln_p, spread = moved, likeliest
            if change < _SETTLED:
                break
        visited.append((ln_p, spread))
        if _shift(data, before, ln_p) < _SETTLED:
            break
    else:
        # Where nothing explains the data, ratios and spreads may chase each other for ever.
        ln_p, spread = min(
            visited, key=lambda at: _deviance(data, free, which, at[0], at[1], offset_scale_mV, restricted)
        )
    return _summary(data, reference, free, ln_p, spread, which, offset_scale_mV, restricted)


def _deviance(
    data: Data,
    free: Sequence[int],
    which: Sequence[str],
    ln_p: FloatArray,
    spread: Spread,
    scale_mV: float,
    restricted: bool,
) -> float:
    """-2 ln likelihood, G where the ratios are."""
    at = [math.log(getattr(spread, name)) for name in which]
    return _Deviance(data, ln_p, free, data.gradient(ln_p), which, spread, scale_mV, restricted)(np.array(at))


def refit(data: Data, start: FloatArray, free: Sequence[int], whiten: Dense) -> tuple[FloatArray, float]:
    """Fit some ln P with all others held, for a profile of the likelihood.

    Parameters
    ----------
    data : Data
    start : ndarray, shape (k,)
        Where the free ones start and where the others stay; -inf is an ion that does not pass.
    free : sequence of int
    whiten : Dense
        By the covariance of the potentials.

    Returns
    -------
    ln_p : ndarray, shape (k,)
    chi_square : float
        inf where these ions have no reversal potential in every measurement.
    """
    if not np.isfinite(data.predict(start)).all():
        return start, math.inf
    descent = _Newton(data, start, free, whiten)
    values = descent.lowest(np.where(np.isfinite(start), start, 0.0)[list(free)])
    return descent.spread(values), descent.misfit(values)


class _Newton:
    """Newton's method on the whitened residuals, for fits where they stay large.

    There Gauss and Newton's, which Levenberg-Marquardt follows, creeps: it knows the residuals' slopes alone.
    """

    def __init__(self, data: Data, start: FloatArray, free: Sequence[int], whiten: Dense) -> None:
        self._data, self._start, self._free = data, start, list(free)
        self._whiten = whiten

    def spread(self, values: FloatArray) -> FloatArray:
        """All ln P, shape (..., k), for the free ones, shape (..., free)."""
        ln_p = np.broadcast_to(self._start, (*values.shape[:-1], len(self._start))).copy()
        ln_p[..., self._free] = values
        return ln_p

    def misfit(self, values: FloatArray) -> float:
        """Sum of squares."""
        return _misfit(self._data, self.spread(values), self._whiten)

    def lowest(self, values: FloatArray) -> FloatArray:
        """Go downhill until the slope is nothing, or no step leads further down."""
        now = self.misfit(values)
        for _ in range(_MOST_STEPS if self._free else 0):
            slope, curvature = self._slope_and_curvature(values)
            inside = (np.abs(values) < _LIMIT) | (np.sign(slope) == np.sign(values))
            if np.abs(slope[inside]).max(initial=0.0) < _FLAT:
                break
            size, axes = np.linalg.eigh(curvature)
            # Along a ridge the curvature is negative: its size still tells how far to go down.
            step = -axes @ (axes.T @ slope / np.maximum(np.abs(size), _FLAT))
            step *= min(1.0, _LONGEST / float(np.abs(step).max()))
            for _ in range(_MOST_HALVINGS):
                reached = np.clip(values + step, -_LIMIT, _LIMIT)
                found = self.misfit(reached)
                if found < now:
                    break
                step = step / 2
            else:
                break
            values, now = reached, found
        return values

    def _slope(self, values: FloatArray) -> FloatArray:
        """Of the sum of squares, shape (..., free); as many points at once as come."""
        predicted, gradient = self._data.prediction(self.spread(values))
        weighed = (self._data.potential_mV - predicted) @ self._whiten.precision
        return np.asarray(-2.0 * np.einsum("...nk,...n->...k", gradient[..., self._free], weighed))

    def _slope_and_curvature(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivatives, shapes (free,) and (free, free), the second from slopes to both sides."""
        steps = _STEP * np.eye(len(values))
        slopes = self._slope(np.concatenate([values[None], values + steps, values - steps]))
        up, down = slopes[1 : 1 + len(values)], slopes[1 + len(values) :]
        square = (up - down) / (2 * _STEP)
        return slopes[0], np.asarray((square + square.T) / 2)


def covariance_mV2(fit: Fit) -> FloatArray:
    """Covariance of all potentials of a fit, without shared errors; shape (n, n)."""
    return _covariance_mV2(fit.data, fit.spread, fit.data.gradient(fit.ln_p))


def _covariance_mV2(data: Data, spread: Spread, gradient: FloatArray) -> FloatArray:
    same = np.equal.outer(np.array(data.cells), np.array(data.cells))
    between = spread.offset_mV**2 + spread.ln_p**2 * gradient @ gradient.T
    return np.diag(data.se_mV**2) + np.where(same, between * data.shares, 0.0)


class Dense:
    """Whitens with one covariance matrix of all measurements, shape (n, n)."""

    def __init__(self, covariance_mV2: FloatArray) -> None:
        self._whitening = np.linalg.inv(np.linalg.cholesky(covariance_mV2))

    @cached_property
    def precision(self) -> FloatArray:
        """Inverse of the covariance, shape (n, n)."""
        return np.asarray(self._whitening.T @ self._whitening)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Take (n,) or (n, m) and return the same shape."""
        return np.asarray(self._whitening @ values)


class _Whitener:
    """Whitens cell by cell, all cells at once; missing measurements of a cell count as exact zeros.

    Takes arrays of shape (n,) or (n, m) and returns (cells * width,) or (cells * width, m).
    """

    def __init__(self, data: Data, spread: Spread, gradient: FloatArray) -> None:
        self._blocks, self._there = data.blocks, data.blocks >= 0
        g = self._arranged(gradient)
        noise = np.where(self._there, data.se_mV[self._blocks] ** 2, 1.0)
        both = self._there[:, :, None] & self._there[:, None, :]
        shared = spread.offset_mV**2 + spread.ln_p**2 * (g @ g.transpose(0, 2, 1))
        shared *= data.shares[self._blocks[:, :, None], self._blocks[:, None, :]]
        covariance = np.where(both, shared, 0.0)
        at = np.arange(covariance.shape[1])
        covariance[:, at, at] += noise
        root = np.linalg.cholesky(covariance)
        self._log_determinant = 2.0 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
        self._whitening = np.linalg.inv(root)

    @property
    def log_determinant(self) -> float:
        """Of the covariance of all measurements."""
        return self._log_determinant

    def __call__(self, values: FloatArray) -> FloatArray:
        arranged = self._arranged(values if values.ndim == 2 else values[:, None])
        white = self._whitening @ arranged
        flat = np.asarray(white.reshape(self._there.size, arranged.shape[2]))
        return flat if values.ndim == 2 else flat[:, 0]

    def _arranged(self, values: FloatArray) -> FloatArray:
        return np.where(self._there[:, :, None], values[self._blocks], 0.0)


def _least_squares(data: Data, start: FloatArray, free: Sequence[int], whiten: _Whitener | Dense) -> FloatArray:
    """Minimise the whitened residuals over the free ln P; returns all ln P.

    An ion that has run away lies where nothing changes any more, from where no descent comes back:
    it is tried once more from nearer by.
    """
    if not free:
        return start.copy()
    if data.size < len(free):
        return _shortest_steps(data, start, free, whiten)
    best = _descent(data, start, free, whiten)
    gone = [i for i in free if abs(best[i]) > _FAR]
    if not gone:
        return best
    nearer = best.copy()
    nearer[gone] = np.sign(best[gone]) * _NEAR
    again = _descent(data, nearer, free, whiten)
    return again if _misfit(data, again, whiten) < _misfit(data, best, whiten) - _SETTLED else best


def _misfit(data: Data, ln_p: FloatArray, whiten: _Whitener | Dense) -> float:
    residual = whiten(data.potential_mV - data.predict(ln_p))
    return float(residual @ residual)


def _descent(data: Data, start: FloatArray, free: Sequence[int], whiten: _Whitener | Dense) -> FloatArray:
    """Levenberg-Marquardt from one start, by lmfit with analytic derivatives."""
    names = [f"ln_p_{i}" for i in free]
    parameters = lmfit.Parameters()
    for name, i in zip(names, free, strict=True):
        parameters.add(name, value=start[i] if math.isfinite(start[i]) else 0.0)

    def unpack(values: lmfit.Parameters) -> FloatArray:
        ln_p = start.copy()
        # Beyond the limit nothing changes but the rounding: an ion that passes 1e13 times less does not pass.
        ln_p[list(free)] = np.clip([values[name].value for name in names], -_LIMIT, _LIMIT)
        return ln_p

    def residual(values: lmfit.Parameters) -> FloatArray:
        return whiten(data.potential_mV - data.predict(unpack(values)))

    def derivative(values: lmfit.Parameters) -> FloatArray:
        return whiten(-data.gradient(unpack(values))[:, list(free)])

    result = lmfit.minimize(
        residual,
        parameters,
        method="leastsq",
        Dfun=derivative,
        scale_covar=False,
        calc_covar=False,
        xtol=1e-10,
        ftol=1e-12,
        max_nfev=_MOST_STEPS,
    )
    return unpack(result.params)


def _shortest_steps(data: Data, start: FloatArray, free: Sequence[int], whiten: _Whitener | Dense) -> FloatArray:
    """Fit fewer data than parameters: of all exact fits one near the start. None of its ratios is reported."""
    ln_p = start.copy()
    for _ in range(_MOST_ROUNDS):
        jacobian = whiten(data.gradient(ln_p)[:, list(free)])
        step = np.linalg.lstsq(jacobian, whiten(data.potential_mV - data.predict(ln_p)), rcond=_NULL)[0]
        ln_p[list(free)] += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < _SAME:
            break
    return ln_p


def _initial(data: Data, offset_scale_mV: float) -> tuple[Spread, tuple[str, ...]]:
    """Spreads to start from, and which of them the data can tell: one cell alone has neither."""
    several = len(data.cell_names) > 1
    offset = FREE_OFFSET_MV if math.isinf(offset_scale_mV) else offset_scale_mV
    fitted_offset = several and 0 < offset_scale_mV < math.inf
    spreads = several and len(data.ions) > 1
    which = ("offset_mV",) * fitted_offset + ("ln_p",) * spreads
    return Spread(offset, 0.1 if spreads else 0.0), which


def _start(data: Data, free: Sequence[int], spread: Spread) -> FloatArray:
    """Where to start: the fit in which every measurement is trusted to about a millivolt.

    Where that leaves the data unexplained or sends an ion away, it may have strayed onto the wrong hill: then it is
    tried from other places too.
    """
    trusted = replace(data, se_mV=np.hypot(data.se_mV, _START_SD_MV))
    none = np.zeros((data.size, len(data.ions)))
    level = np.zeros(len(data.ions))
    found = _least_squares(trusted, level, free, _Whitener(trusted, spread, none))
    whiten = Dense(_covariance_mV2(trusted, spread, none))
    misfit = _misfit(trusted, found, whiten)
    strayed = np.abs(found).max() > _FAR or misfit > _UNEXPLAINED * data.size
    if data.size < len(free) or not strayed:
        return found
    starts = [level, *(_NEAR * side * np.eye(len(data.ions))[i] for i in free for side in (-1, 1))]
    for start in starts:
        other, chi_square = refit(trusted, start, free, whiten)
        if chi_square < misfit - _SETTLED:
            found, misfit = other, chi_square
    return found


def _shift(data: Data, old: FloatArray, new: FloatArray) -> float:
    """Largest change of a predicted potential over its standard error.

    Ratios themselves do not tell: that of an ion that does not pass may move for ever without changing anything.
    """
    return float(np.abs((data.predict(new) - data.predict(old)) / data.se_mV).max())


def _relative_change(old: Spread, new: Spread) -> float:
    pairs = ((old.offset_mV, new.offset_mV), (old.ln_p, new.ln_p))
    # A spread near nothing may wander without meaning anything.
    return max(abs(a - b) / max(a, b, 0.01) for a, b in pairs)


def _likeliest(
    data: Data,
    ln_p: FloatArray,
    free: Sequence[int],
    gradient: FloatArray,
    which: Sequence[str],
    start: Spread,
    scale_mV: float,
    restricted: bool,
) -> Spread:
    """Find the spreads of highest (restricted) likelihood for the model made linear at ln P."""
    deviance = _Deviance(data, ln_p, free, gradient, which, start, scale_mV, restricted)
    bounds = [bounds_of_spread(name, scale_mV) for name in which]
    first = [
        min(max(math.log(max(getattr(start, name), 1e-12)), low), high)
        for name, (low, high) in zip(which, bounds, strict=True)
    ]
    result = optimize.minimize(deviance, first, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-10, "gtol": 1e-5})
    return replace(start, **{name: float(np.exp(value)) for name, value in zip(which, result.x, strict=True)})


def bounds_of_spread(name: str, scale_mV: float) -> tuple[float, float]:
    """Limits of the ln of a fitted spread, by its name in `Spread`."""
    if name == "ln_p":
        return math.log(_LEAST_SPREAD), math.log(_MOST_SPREAD)
    return math.log(scale_mV / _OFFSET_RANGE), math.log(scale_mV * _OFFSET_RANGE)


class _Deviance:
    """-2 ln (restricted) likelihood, prior of the offset scale included, as a function of the ln spreads."""

    def __init__(
        self,
        data: Data,
        ln_p: FloatArray,
        free: Sequence[int],
        gradient: FloatArray,
        which: Sequence[str],
        base: Spread,
        scale_mV: float,
        restricted: bool,
    ) -> None:
        self._data, self._which, self._base = data, which, base
        self._scale, self._restricted = scale_mV, restricted
        self._gradient = gradient
        self._columns = data.gradient(ln_p)[:, list(free)]
        self._residual = data.potential_mV - data.predict(ln_p)

    def spread(self, ln_spreads: FloatArray) -> Spread:
        """Spreads at a point."""
        values = {name: float(np.exp(value)) for name, value in zip(self._which, ln_spreads, strict=True)}
        return replace(self._base, **values)

    def __call__(self, ln_spreads: FloatArray) -> float:
        spread = self.spread(ln_spreads)
        whiten = _Whitener(self._data, spread, self._gradient)
        residual, columns = whiten(self._residual), whiten(self._columns)
        design = _Columns.of(columns)
        explained = design.left.T @ residual
        value = whiten.log_determinant + float(residual @ residual - explained @ explained)
        if self._restricted:
            value += design.log_determinant
        if "offset_mV" in self._which:
            value += (math.log(spread.offset_mV / self._scale) / PRIOR_WIDTH) ** 2
        return value

    def covariance(self, ln_spreads: FloatArray) -> FloatArray:
        """Of the free ln P at some spreads."""
        whiten = _Whitener(self._data, self.spread(ln_spreads), self._gradient)
        return _Columns.of(whiten(self._columns)).covariance


@dataclass(frozen=True)
class _Columns:
    """Whitened columns X of the Jacobian, each scaled to length 1, and their singular values.

    Scaled, a column tells of its ion however little of it passes; what is left of collinearity is
    that of the experiment.
    """

    scale: FloatArray
    left: FloatArray
    size: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, columns: FloatArray) -> _Columns:
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
    def gain(self) -> FloatArray:
        """(X'X)^-1 X'."""
        return np.asarray((self.right.T / self.size) @ self.left.T / self.scale[:, None])

    @property
    def covariance(self) -> FloatArray:
        """(X'X)^-1."""
        root = self.right.T / self.size / self.scale[:, None]
        return np.asarray(root @ root.T)

    @property
    def loose(self) -> tuple[int, ...]:
        """Columns of which only combinations with others are held."""
        return tuple(int(j) for j in np.flatnonzero(1.0 - (self.right**2).sum(axis=0) > _SAME))


def _summary(
    data: Data,
    reference: str,
    free: tuple[int, ...],
    ln_p: FloatArray,
    spread: Spread,
    which: Sequence[str],
    scale_mV: float,
    restricted: bool,
) -> Fit:
    gradient = data.gradient(ln_p)
    whiten = _Whitener(data, spread, gradient)
    design = _Columns.of(whiten(gradient[:, list(free)]))
    residual = data.potential_mV - data.predict(ln_p)
    white = whiten(residual)
    chi_square = float(white @ white)
    identity = whiten(np.eye(data.size))
    log_likelihood = -0.5 * (whiten.log_determinant + chi_square + data.size * math.log(2 * math.pi))
    member = np.equal.outer(np.array(data.cell_names), np.array(data.cells)).astype(float)
    offsets = (spread.offset_mV**2 * member / data.cell_sizes[:, None]) @ (identity.T @ white)
    deviance = _Deviance(data, ln_p, free, gradient, which, spread, scale_mV, restricted)
    return Fit(
        data=data,
        reference=reference,
        free=free,
        ln_p=ln_p,
        covariance=design.covariance,
        gain=design.gain @ identity,
        loose=design.loose,
        df=_degrees_of_freedom(deviance, which, spread, scale_mV) if restricted else np.full(len(free), math.inf),
        spread=spread,
        fitted_spreads=len(which),
        offsets_mV=offsets,
        chi_square=chi_square,
        log_likelihood=log_likelihood,
    )


def _degrees_of_freedom(deviance: _Deviance, which: Sequence[str], spread: Spread, scale_mV: float) -> FloatArray:
    """Satterthwaite's: 2 v^2 / var(v) for each variance v, through the curvature of the deviance in the ln spreads.

    A spread at its lower limit counts as known to be nothing.
    """
    at = np.array([math.log(getattr(spread, name)) for name in which])
    inner = [j for j, name in enumerate(which) if at[j] > bounds_of_spread(name, scale_mV)[0] + 0.1]
    variance = np.diag(deviance.covariance(at))
    if not inner or not len(variance):
        return np.full(len(variance), math.inf)
    h = 0.02

    def step(*moves: tuple[int, float]) -> FloatArray:
        out = at.copy()
        for j, by in moves:
            out[j] += by
        return out

    slope = np.array(
        [np.diag(deviance.covariance(step((j, h))) - deviance.covariance(step((j, -h)))) / (2 * h) for j in inner]
    )
    curvature = np.array(
        [
            [
                sum(a * b * deviance(step((i, a * h), (j, b * h))) for a in (1, -1) for b in (1, -1)) / (4 * h * h)
                for j in inner
            ]
            for i in inner
        ]
    )
    # The information is half the curvature of -2 ln L; directions in which it is not positive tell nothing.
    values, vectors = np.linalg.eigh(curvature / 2)
    tells = values > _NULL * max(values.max(), _NULL)
    spread_of_slope = (vectors[:, tells].T @ slope) ** 2 / values[tells][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2 * variance**2 / spread_of_slope.sum(axis=0)
    return np.asarray(np.where(np.isfinite(df), np.maximum(df, 1.0), math.inf))
