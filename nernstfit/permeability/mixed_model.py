"""Permeability ratios from reversal potentials: one likelihood over all measurements of a group.

The reversal potential of cell c in bath b is

    E_cb = E_GHK(ln P, activities, T) + sum_i g_cbi e_ci + o_c + noise_cb,

with ln P the population's log permeabilities (the reference's is 0), e_ci the cell's own
deviation of ln P of ion i, equally spread for every permeant ion, the reference included, so
that no ion is special; g = dE_GHK / d ln P; o_c the electrode offset of the cell; the noise
known from each measurement. Where batches are given, they deviate like cells do. For given
spreads the potentials are normal with the covariance of `spreads`. The whitened residuals go to
lmfit with analytic derivatives. Since E bends, the mean over cells is not E of the mean cell;
what is between them is added to E. The spreads are found by restricted maximum likelihood (REML),
alternating with the ratios until both stand (Lindstrom & Bates 1990, Biometrics 46:673). The scale
given for the offsets enters as a log-normal prior on their spread, one natural log unit wide: where
the data say nothing of it (one cell), it is the scale itself. Limits, and measurements that may be
gross errors, take part through their stand-ins (see `standins`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import lmfit
import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability import censoring
from nernstfit.permeability.covariance import (
    BATCH,
    LN_P,
    OFFSET,
    CovarianceComponents,
    Deviance,
    VarianceComponents,
    WhitenedDesign,
    Whitener,
    fit_variance_components,
    fitted,
)
from nernstfit.permeability.observations import Data, present
from nernstfit.permeability.optimize import LIMIT, DenseWhitener, chi_square, minimize

FloatArray = NDArray[np.float64]

_MAX_TURNS = 30
_START_SD_MV = 1.0
_START_SD_LN_P = 0.3  # of ln P; what it does not explain may be another hill
_SETTLED = 1e-3
_UNEXPLAINED = 4.0  # a sum of squares of so much for each measurement
_NEARBY = 0.2  # of ln P
_FAR, _NEAR = 9.0, 3.0
_SAME = 1e-6
_MAX_STEPS = 400
_NULL = 1e-7
_MAX_ROUNDS = 12


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes
    ----------
    data : Data
    reference : str
    free : tuple of int
        Which ions' ln P were fitted: all but the reference and those in no solution; k for ln f (see `Data`).
    ln_p : ndarray, shape (k,) or (k + 1,)
        ln (P / P_ref); 0 for the reference and for ions that were not fitted. Then ln f where it was fitted.
    covariance : ndarray, shape (len(free), len(free))
        Of the fitted ln P: noise, cells and offsets, not what all cells share.
    sensitivity : ndarray, shape (len(free), n)
        d ln P / d potential of each measurement, per mV: carries any further error of the
        potentials to the ratios.
    not_estimable : tuple of int
        Positions in `free` that the data do not hold: they only hold combinations of them.
    df : ndarray, shape (len(free),)
        Degrees of freedom of each ln P by Satterthwaite's approximation; inf where the error
        comes from the measurements' own noise alone.
    components : VarianceComponents
    estimated_components : tuple of str
        Which of the spreads were fitted.
    offset_scale_mV : float
    offsets_mV : ndarray, shape (cells,)
        Best prediction of each cell's offset.
    chi_square, log_likelihood : float
        Of the whitened residuals; of the (unrestricted) likelihood.
    curvature_bias_mV : ndarray, shape (n,)
        Mean over cells of each potential less that of the mean cell.
    working : Data
        The data less that, limits and possible gross errors replaced by their stand-ins.
    """

    data: Data
    reference: str
    free: tuple[int, ...]
    ln_p: FloatArray
    covariance: FloatArray
    sensitivity: FloatArray
    not_estimable: tuple[int, ...]
    df: FloatArray
    components: VarianceComponents
    estimated_components: tuple[str, ...]
    offset_scale_mV: float
    offsets_mV: FloatArray
    chi_square: float
    log_likelihood: float
    curvature_bias_mV: FloatArray
    working: Data

    @property
    def predicted_mV(self) -> FloatArray:
        """Potentials of the population, without the cells' offsets; shape (n,)."""
        return self.data.predict(self.ln_p)

    @property
    def n_parameters(self) -> int:
        """Fitted ratios and spreads."""
        return len(self.free) + len(self.estimated_components)


def fit(data: Data, reference: str, offset_scale_mV: float, restricted: bool = True, robust: bool = False) -> Fit:
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
    robust : bool
        Whether measurements may be gross errors.

    Returns
    -------
    Fit
    """
    order = _fixed_order(data)
    result = _fit(data.subset(order), reference, offset_scale_mV, restricted, robust)
    back = np.argsort(order)
    working = result.working.subset(back.tolist())
    return replace(
        result,
        data=data,
        sensitivity=result.sensitivity[:, back],
        curvature_bias_mV=result.curvature_bias_mV[back],
        working=working,
    )


def expected(
    data: Data, reference: str, ln_p: FloatArray, components: VarianceComponents, offset_scale_mV: float
) -> Fit:
    """Return the fit of potentials that lie where known ratios put them, with known spreads.

    Its covariance is the inverse of the Fisher information, its degrees of freedom those that REML would have.

    Parameters
    ----------
    data : Data
        The potentials in it are not used.
    reference : str
    ln_p : ndarray, shape (data.coordinates,)
    components : VarianceComponents
    offset_scale_mV : float

    Returns
    -------
    Fit
    """
    free = _free(data, reference)
    start, names = fitted(data, offset_scale_mV)
    held = {name: getattr(components if name in names else start, name) for name in (OFFSET, LN_P, BATCH)}
    curvature_bias = _curvature_bias_mV(data, ln_p, VarianceComponents(**held))
    lying = replace(data, potential_mV=data.predict(ln_p) + curvature_bias)
    given = (reference, free, ln_p, VarianceComponents(**held), names, offset_scale_mV, True)
    return _summary(lying, _level(lying, curvature_bias), curvature_bias, 0.0, *given)


def _free(data: Data, reference: str) -> tuple[int, ...]:
    """What is fitted: every ion but the reference and those in no solution, then the pipette's factor."""
    there = present(data)
    free = tuple(i for i, ion in enumerate(data.ions) if ion != reference and there[i])
    return free + (len(data.ions),) * bool(data.corrected)


def _fixed_order(data: Data) -> list[int]:
    """An order of the measurements that does not depend on the order in which they came: sums round alike."""
    columns = (data.potential_mV, data.se_mV, data.temperature_C, *data.inside.T, *data.outside.T, data.averages)
    table = np.column_stack([*columns, data.sides or np.zeros(data.size)]).tolist()
    return sorted(range(data.size), key=lambda i: (data.cells[i], table[i]))


def _fit(data: Data, reference: str, offset_scale_mV: float, restricted: bool, robust: bool) -> Fit:
    free = _free(data, reference)
    components, names = fitted(data, offset_scale_mV)
    ln_p = _start(data, free, components)
    working, log_factor = censoring.begin(data), 0.0
    stand = censoring.needed(data, robust)
    visited = []
    for _ in range(_MAX_TURNS):
        gradient = data.gradient(ln_p)
        curvature_bias = _curvature_bias_mV(data, ln_p, components)
        if stand:
            working, log_factor = _stood_in(data, working, ln_p, gradient, components, curvature_bias, robust)
        level = _level(working, curvature_bias)
        structure = CovarianceComponents(level, gradient)
        residual = level.potential_mV - data.predict(ln_p)
        deviance = Deviance(
            structure, residual, gradient[:, list(free)], names, components, offset_scale_mV, restricted
        )
        likely = fit_variance_components(deviance, components, names)
        moved = _step(level, ln_p, free, Whitener(structure, likely), residual, gradient)
        change = max(_shift(data, ln_p, moved), _relative_change(components, likely))
        ln_p, components = moved, likely
        visited.append((ln_p, components))
        if change < _SETTLED:
            ln_p = _least_squares(level, ln_p, free, Whitener(structure, components))
            break
    else:
        # Where nothing explains the data, ratios and spreads may chase each other for ever.
        if not stand:
            given = (data, free, names, offset_scale_mV, restricted)
            ln_p, components = min(visited, key=lambda at: _deviance_at(*given, *at))
    curvature_bias = _curvature_bias_mV(data, ln_p, components)
    if stand:
        working, log_factor = _stood_in(data, working, ln_p, data.gradient(ln_p), components, curvature_bias, robust)
    working = _level(working, curvature_bias)
    return _summary(
        data, working, curvature_bias, log_factor, reference, free, ln_p, components, names, offset_scale_mV, restricted
    )


def _curvature_bias_mV(data: Data, ln_p: FloatArray, components: VarianceComponents) -> FloatArray:
    """Mean over cells of each potential less that of the mean cell; shape (n,)."""
    sd = math.hypot(components.ln_p, components.batch_ln_p)
    return data.curvature_bias(ln_p, sd) if sd else np.zeros(data.size)


def _level(data: Data, curvature_bias_mV: FloatArray) -> Data:
    """Potentials as those of the mean cell would be."""
    return replace(data, potential_mV=data.potential_mV - curvature_bias_mV)


def _step(
    data: Data,
    ln_p: FloatArray,
    free: Sequence[int],
    whiten: Whitener,
    residual: FloatArray,
    gradient: FloatArray,
) -> FloatArray:
    """Best ln P of the model made linear, where that is near enough to be believed; else of the model itself."""
    step = WhitenedDesign.of(whiten(gradient[:, list(free)])).sensitivity @ whiten(residual)
    if np.abs(step).max(initial=0.0) > _NEARBY or data.size < len(free):
        return _least_squares(data, ln_p, free, whiten)
    moved = ln_p.copy()
    moved[list(free)] += step
    return moved


def _stood_in(
    data: Data,
    working: Data,
    ln_p: FloatArray,
    gradient: FloatArray,
    components: VarianceComponents,
    curvature_bias_mV: FloatArray,
    robust: bool,
) -> tuple[Data, float]:
    """Stand-ins beside what all other rows say of theirs."""

    def precision(at: Data) -> censoring.Precision:
        whiten = Whitener(CovarianceComponents(at, gradient), components)
        return lambda residual: (whiten.precision_times(residual), whiten.precision_diagonal)

    return censoring.update(data, working, data.predict(ln_p) + curvature_bias_mV, precision, robust)


def _deviance_at(
    data: Data,
    free: Sequence[int],
    names: Sequence[str],
    scale_mV: float,
    restricted: bool,
    ln_p: FloatArray,
    components: VarianceComponents,
) -> float:
    """-2 ln likelihood, G where the ratios are."""
    gradient = data.gradient(ln_p)
    residual = data.potential_mV - data.predict(ln_p) - _curvature_bias_mV(data, ln_p, components)
    columns = gradient[:, list(free)]
    deviance = Deviance(
        CovarianceComponents(data, gradient), residual, columns, names, components, scale_mV, restricted
    )
    return deviance(np.array([math.log(getattr(components, name)) for name in names]))[0]


def covariance_mV2(fit: Fit) -> FloatArray:
    """Covariance of all potentials of a fit, without shared errors; shape (n, n)."""
    return CovarianceComponents(fit.working, fit.data.gradient(fit.ln_p)).whole(fit.components)


def degrees_of_freedom(fit: Fit, ln_p: FloatArray, rows: Sequence[int]) -> FloatArray:
    """Satterthwaite's degrees of freedom of each fitted ln P somewhere else, or from some measurements only.

    Parameters
    ----------
    fit : Fit
        By REML.
    ln_p : ndarray, shape (k,)
    rows : sequence of int

    Returns
    -------
    ndarray, shape (len(fit.free),)
        inf where the error comes from the measurements' own noise alone.
    """
    if not fit.estimated_components:
        return np.full(len(fit.free), math.inf)
    data = fit.working.subset(rows)
    gradient = data.gradient(ln_p)
    residual, columns = data.potential_mV - data.predict(ln_p), gradient[:, list(fit.free)]
    given = (fit.estimated_components, fit.components, fit.offset_scale_mV, True)
    at = np.array([math.log(getattr(fit.components, name)) for name in fit.estimated_components])
    return Deviance(CovarianceComponents(data, gradient), residual, columns, *given).degrees_of_freedom(at)


def _least_squares(data: Data, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener) -> FloatArray:
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
    return again if chi_square(data, again, whiten) < chi_square(data, best, whiten) - _SETTLED else best


def _descent(data: Data, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener) -> FloatArray:
    """Levenberg-Marquardt from one start, by lmfit with analytic derivatives."""
    names = [f"ln_p_{i}" for i in free]
    parameters = lmfit.Parameters()
    for name, i in zip(names, free, strict=True):
        parameters.add(name, value=start[i] if math.isfinite(start[i]) else 0.0)

    def unpack(values: lmfit.Parameters) -> FloatArray:
        ln_p = start.copy()
        # Beyond the limit nothing changes but the rounding: an ion that passes 1e13 times less does not pass.
        ln_p[list(free)] = np.clip([values[name].value for name in names], -LIMIT, LIMIT)
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
        xtol=1e-9,
        ftol=1e-11,
        max_nfev=_MAX_STEPS,
    )
    return unpack(result.params)


def _shortest_steps(data: Data, start: FloatArray, free: Sequence[int], whiten: Whitener | DenseWhitener) -> FloatArray:
    """Fit fewer data than parameters: of all exact fits one near the start. None of its ratios is reported."""
    ln_p = start.copy()
    for _ in range(_MAX_ROUNDS):
        jacobian = whiten(data.gradient(ln_p)[:, list(free)])
        step = np.linalg.lstsq(jacobian, whiten(data.potential_mV - data.predict(ln_p)), rcond=_NULL)[0]
        ln_p[list(free)] += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < _SAME:
            break
    return ln_p


def _start(data: Data, free: Sequence[int], components: VarianceComponents) -> FloatArray:
    """Where to start: the fit in which every measurement is trusted to about a millivolt.

    Where that leaves the data unexplained or sends an ion away, it may have strayed onto the wrong hill: then it is
    tried from other places too.
    """
    trusted = replace(data, se_mV=np.hypot(data.se_mV, _START_SD_MV))
    none = np.zeros((data.size, data.coordinates))
    level = np.zeros(data.coordinates)
    found = _least_squares(trusted, level, free, Whitener(CovarianceComponents(trusted, none), components))
    if data.size < len(free) or not _strayed(trusted, found, components):
        return found
    whiten = DenseWhitener(CovarianceComponents(trusted, none).whole(components))
    least = chi_square(trusted, found, whiten)
    starts = [level, *(_NEAR * side * np.eye(data.coordinates)[i] for i in free for side in (-1, 1))]
    for start in starts:
        other, reached = minimize(trusted, start, free, whiten)
        if reached < least - _SETTLED:
            found, least = other, reached
    return found


def _strayed(trusted: Data, ln_p: FloatArray, components: VarianceComponents) -> bool:
    """Whether an ion has run away, or cells that differ by the third of a ratio still do not explain the potentials."""
    if np.abs(ln_p).max() > _FAR:
        return True
    wide = replace(components, ln_p=_START_SD_LN_P if components.ln_p else 0.0)
    left = chi_square(trusted, ln_p, Whitener(CovarianceComponents(trusted, trusted.gradient(ln_p)), wide))
    return left > _UNEXPLAINED * trusted.size


def _shift(data: Data, old: FloatArray, new: FloatArray) -> float:
    """Largest change of a predicted potential over its standard error.

    Ratios themselves do not tell: that of an ion that does not pass may move for ever without changing anything.
    """
    return float(np.abs((data.predict(new) - data.predict(old)) / data.se_mV).max())


def _relative_change(old: VarianceComponents, new: VarianceComponents) -> float:
    pairs = ((old.offset_mV, new.offset_mV), (old.ln_p, new.ln_p), (old.batch_ln_p, new.batch_ln_p))
    # A spread near nothing may wander without meaning anything.
    return max(abs(a - b) / max(a, b, 0.01) for a, b in pairs)


def _summary(
    data: Data,
    working: Data,
    curvature_bias_mV: FloatArray,
    log_factor: float,
    reference: str,
    free: tuple[int, ...],
    ln_p: FloatArray,
    components: VarianceComponents,
    names: Sequence[str],
    scale_mV: float,
    restricted: bool,
) -> Fit:
    gradient = data.gradient(ln_p)
    structure = CovarianceComponents(working, gradient)
    whiten = Whitener(structure, components)
    columns = gradient[:, list(free)]
    design = WhitenedDesign.of(whiten(columns))
    residual = working.potential_mV - data.predict(ln_p)
    white = whiten(residual)
    chi_square = float(white @ white)
    log_likelihood = log_factor - 0.5 * (whiten.log_determinant + chi_square + data.size * math.log(2 * math.pi))
    member = np.equal.outer(np.array(data.cell_names), np.array(data.cells)).astype(float)
    offsets = (components.offset_mV**2 * member / data.cell_sizes[:, None]) @ whiten.precision_times(residual)
    df = np.full(len(free), math.inf)
    if restricted and names and free:
        deviance = Deviance(structure, residual, columns, names, components, scale_mV, restricted)
        df = deviance.degrees_of_freedom(np.array([math.log(getattr(components, name)) for name in names]))
    return Fit(
        data=data,
        reference=reference,
        free=free,
        ln_p=ln_p,
        covariance=design.covariance,
        sensitivity=whiten.transposed(design.sensitivity),
        not_estimable=design.not_estimable,
        df=df,
        components=components,
        estimated_components=tuple(names),
        offset_scale_mV=scale_mV,
        offsets_mV=offsets,
        chi_square=chi_square,
        log_likelihood=log_likelihood,
        curvature_bias_mV=curvature_bias_mV,
        working=working,
    )
