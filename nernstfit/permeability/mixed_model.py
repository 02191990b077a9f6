"""Nonlinear mixed-effects model of the reversal potentials of a group: permeability ratios and variance components.

Notation
--------
E_cb is the reversal potential of cell c in bath b:

    E_cb = E_GHK(ln P, activities, T) + sum_i g_cbi e_ci + o_c + noise_cb

- ln P, shape (k,): log permeabilities of the population over that of the reference ion, whose own is 0 (fixed effects);
- e_ci: deviation of ln P of ion i in cell c, with the same standard deviation for every permeant ion, the reference
  included, so that the choice of the reference changes nothing (random effect `ln_p`);
- g = dE_GHK / d ln P;
- o_c: electrode offset of the cell (random effect `offset_mV`);
- noise, with the standard error that each observation comes with;
- batches, where given, deviate like cells do (random effect `batch_ln_p`).

For given variance components the potentials are normal with the covariance of `covariance`.

Estimation
----------
The ratios are fitted by least squares of the whitened residuals with analytic derivatives (`least_squares`), the
variance components by restricted maximum likelihood (`reml`), in turn until both have converged (Lindstrom & Bates
1990, Biometrics 46:673). E is curved in ln P, so that the mean of E over cells is not E of the mean cell; the
difference, the curvature bias, is added to E. The scale of the offsets enters as the median of a log-normal prior of
their standard deviation, one natural log unit wide: where the data carry no information on it (one cell), it is the
scale itself. Censored observations, and those that may be gross errors, enter through their working responses
(`censoring`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability import censoring
from nernstfit.permeability.covariance import (
    BATCH,
    LN_P,
    OFFSET,
    CovarianceComponents,
    VarianceComponents,
    WhitenedDesign,
    Whitener,
)
from nernstfit.permeability.least_squares import least_squares
from nernstfit.permeability.limits import MAX_LINEAR_STEP
from nernstfit.permeability.observations import Observations, present
from nernstfit.permeability.reml import Deviance, LinearModel, estimable_components, fit_variance_components
from nernstfit.permeability.starting_values import starting_ln_p

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 30
"""Alternations of ratios and variance components. Fits of the demonstration need 3 (median) to 5; where no
parameters explain the data they circle and need all. With half of it the slowest that converge would end at the
best point visited; twice as many only lengthen those that circle."""

_CONVERGED = 1e-3
"""Change of a prediction over its standard error, and relative change of a variance component, below which the fit
has converged. It is far below the width of any interval; with half of it one more alternation, with twice one
less."""

_SMALLEST_COMPONENT = 0.01
"""Standard deviation (mV, or of ln P) below which changes of a variance component count as absolute: near 0 it
moves without effect. With half of it such fits alternate longer; with twice as much a small one is known less
precisely."""


@dataclass(frozen=True)
class Fit:
    """Fitted model.

    Attributes
    ----------
    data : Observations
    reference : str
    free : tuple of int
        Indices of the fitted ln P: all ions but the reference and those in no solution; k for ln f.
    ln_p : ndarray, shape (k,) or (k + 1,)
        ln (P / P_ref); 0 for the reference and for ions that were not fitted. Then ln f where it was fitted.
    covariance : ndarray, shape (len(free), len(free))
        Covariance of the fitted ln P from noise, cells, batches and offsets, without systematic errors.
    sensitivity : ndarray, shape (len(free), n)
        d ln P / d potential of each observation, per mV; propagates any further error of the potentials.
    not_estimable : tuple of int
        Positions in `free` of ln P of which only combinations with others are estimable.
    df : ndarray, shape (len(free),)
        Degrees of freedom of each ln P by Satterthwaite's approximation; inf where the error comes from the noise
        of the observations alone.
    components : VarianceComponents
    estimated_components : tuple of str
        Variance components that were estimated.
    offset_scale_mV : float
        Scale of the offsets: the median of the prior of their standard deviation.
    offsets_mV : ndarray, shape (cells,)
        Best linear unbiased prediction of each cell's offset.
    chi_square, log_likelihood : float
        Sum of squares of the whitened residuals; unrestricted log likelihood.
    curvature_bias_mV : ndarray, shape (n,)
        Mean of each potential over cells minus the potential of the mean cell.
    working : Observations
        Working responses: the observations minus the curvature bias, censored ones and possible gross errors replaced.
    """

    data: Observations
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
    working: Observations

    @property
    def predicted_mV(self) -> FloatArray:
        """Predicted potentials of the population, without the cells' offsets; shape (n,)."""
        return self._prediction[0]

    @property
    def gradient(self) -> FloatArray:
        """dE / d ln P at the fit in mV, shape (n, k)."""
        return self._prediction[1]

    @cached_property
    def _prediction(self) -> tuple[FloatArray, FloatArray]:
        return self.data.prediction(self.ln_p)

    @property
    def n_parameters(self) -> int:
        """Number of fitted ratios and variance components."""
        return len(self.free) + len(self.estimated_components)


@dataclass(frozen=True)
class _Problem:
    """Observations and model of one fit: what is fitted of the ln P and the variance components, by which criterion."""

    data: Observations
    reference: str
    free: tuple[int, ...]
    estimated: tuple[str, ...]
    offset_scale_mV: float
    restricted: bool = True
    robust: bool = False

    @property
    def has_working_responses(self) -> bool:
        """True where any observation is censored or may be a gross error."""
        return censoring.needed(self.data, self.robust)


@dataclass(frozen=True)
class _State:
    """Estimates at one iteration, and the working responses there (see `Fit`, but with the curvature bias)."""

    ln_p: FloatArray
    components: VarianceComponents
    working: Observations
    curvature_bias_mV: FloatArray
    log_factor: float = 0.0

    @property
    def of_mean_cell(self) -> Observations:
        """Working responses minus the curvature bias, as the mean cell would give them."""
        return replace(self.working, potential_mV=self.working.potential_mV - self.curvature_bias_mV)


def fit(
    data: Observations, reference: str, offset_scale_mV: float, restricted: bool = True, robust: bool = False
) -> Fit:
    """Fit ln permeability ratios and variance components.

    Parameters
    ----------
    data : Observations
        At least one.
    reference : str
        Ion whose permeability is 1; one of `data.ions`.
    offset_scale_mV : float
        Scale of the cells' offsets; 0 for none, inf for a free one in each cell.
    restricted : bool
        REML, for intervals; False gives maximum likelihood, to compare models.
    robust : bool
        Observations may be gross errors.

    Returns
    -------
    Fit
    """
    order = _canonical_order(data)
    ordered = data.subset(order)
    components, estimated = estimable_components(ordered, offset_scale_mV)
    problem = _Problem(ordered, reference, _free(ordered, reference), estimated, offset_scale_mV, restricted, robust)
    result = _summary(problem, _estimate(problem, components))
    back = np.argsort(order)
    return replace(
        result,
        data=data,
        sensitivity=result.sensitivity[:, back],
        curvature_bias_mV=result.curvature_bias_mV[back],
        working=result.working.subset(back.tolist()),
    )


def expected(
    data: Observations, reference: str, ln_p: FloatArray, components: VarianceComponents, offset_scale_mV: float
) -> Fit:
    """Return the fit of potentials at their expectation for known ratios, with known variance components.

    Its covariance is the inverse of the Fisher information, its degrees of freedom those that REML would have.

    Parameters
    ----------
    data : Observations
        The potentials in it are not used.
    reference : str
    ln_p : ndarray, shape (data.n_coefficients,)
    components : VarianceComponents
    offset_scale_mV : float

    Returns
    -------
    Fit
    """
    start, estimated = estimable_components(data, offset_scale_mV)
    known = VarianceComponents(
        **{name: getattr(components if name in estimated else start, name) for name in (OFFSET, LN_P, BATCH)}
    )
    bias = _curvature_bias_mV(data, ln_p, known)
    at_expectation = replace(data, potential_mV=data.predict(ln_p) + bias)
    problem = _Problem(at_expectation, reference, _free(data, reference), estimated, offset_scale_mV)
    return _summary(problem, _State(ln_p, known, at_expectation, bias))


def covariance_mV2(fit: Fit) -> FloatArray:
    """Return the covariance of all potentials of a fit, without systematic errors; shape (n, n)."""
    return CovarianceComponents(fit.working, fit.gradient).whole(fit.components)


def degrees_of_freedom(fit: Fit, ln_p: FloatArray, rows: Sequence[int]) -> FloatArray:
    """Return Satterthwaite's degrees of freedom of each fitted ln P at another ln P, or from some observations only.

    Parameters
    ----------
    fit : Fit
        By REML.
    ln_p : ndarray, shape (k,)
    rows : sequence of int

    Returns
    -------
    ndarray, shape (len(fit.free),)
        inf where the error comes from the noise of the observations alone.
    """
    if not fit.estimated_components:
        return np.full(len(fit.free), math.inf)
    linear = _linearized(fit.working.subset(rows), ln_p, fit.free)
    deviance = Deviance(linear, fit.estimated_components, fit.components, fit.offset_scale_mV, restricted=True)
    return deviance.degrees_of_freedom(deviance.ln_sd(fit.components))


def _free(data: Observations, reference: str) -> tuple[int, ...]:
    """Return the indices that are fitted: all ions but the reference and those in no solution, then ln f."""
    there = present(data)
    free = tuple(i for i, ion in enumerate(data.ions) if ion != reference and there[i])
    return free + (len(data.ions),) * bool(data.pipette_side)


def _canonical_order(data: Observations) -> list[int]:
    """Return an order of the observations that does not depend on that of the table, so that sums round alike."""
    columns = (data.potential_mV, data.se_mV, data.temperature_C, *data.inside.T, *data.outside.T, data.n_averaged)
    table = np.column_stack([*columns, data.limit_side or np.zeros(data.size)]).tolist()
    return sorted(range(data.size), key=lambda i: (data.cells[i], table[i]))


def _estimate(problem: _Problem, components: VarianceComponents) -> _State:
    """Alternate between ratios and variance components until both have converged."""
    data, free = problem.data, problem.free
    ln_p = starting_ln_p(data, free, components)
    state = _State(ln_p, components, censoring.begin(data), np.zeros(data.size))
    visited = []
    for _ in range(_MAX_ITERATIONS):
        predicted, gradient = data.prediction(state.ln_p)
        state = _with_working_responses(problem, state, predicted, gradient)
        response = state.of_mean_cell
        linear = LinearModel(
            CovarianceComponents(response, gradient), response.potential_mV - predicted, gradient[:, list(free)]
        )
        deviance = Deviance(linear, problem.estimated, state.components, problem.offset_scale_mV, problem.restricted)
        components = fit_variance_components(deviance, state.components, problem.estimated)
        whiten = Whitener(linear.structure, components)
        ln_p = _step(response, state.ln_p, free, whiten, linear)
        change = max(_change_over_se(data, predicted, ln_p), _relative_change(state.components, components))
        state = replace(state, ln_p=ln_p, components=components)
        if change < _CONVERGED:
            return _final(problem, replace(state, ln_p=least_squares(response, ln_p, free, whiten)))
        visited.append(state)
    # Where no parameters explain the data, ratios and variance components may circle.
    if problem.has_working_responses:
        return _final(problem, state)
    return _final(problem, min(visited, key=lambda at: _deviance(problem, at)))


def _final(problem: _Problem, state: _State) -> _State:
    """Return the state with the curvature bias and the working responses of its own estimates."""
    return _with_working_responses(problem, state, *problem.data.prediction(state.ln_p))


def _with_working_responses(problem: _Problem, state: _State, predicted_mV: FloatArray, gradient: FloatArray) -> _State:
    """Return the state with the curvature bias and working responses at its ln P, whose prediction is given."""
    bias = _curvature_bias_mV(problem.data, state.ln_p, state.components)
    if not problem.has_working_responses:
        return replace(state, curvature_bias_mV=bias)

    def precision(at: Observations) -> censoring.Precision:
        whiten = Whitener(CovarianceComponents(at, gradient), state.components)
        return lambda residual: (whiten.precision_times(residual), whiten.precision_diagonal)

    working, log_factor = censoring.update(problem.data, state.working, predicted_mV + bias, precision, problem.robust)
    return replace(state, working=working, curvature_bias_mV=bias, log_factor=log_factor)


def _curvature_bias_mV(data: Observations, ln_p: FloatArray, components: VarianceComponents) -> FloatArray:
    """Return the mean of each potential over cells minus the potential of the mean cell; shape (n,)."""
    sd = math.hypot(components.ln_p, components.batch_ln_p)
    return data.curvature_bias(ln_p, sd) if sd else np.zeros(data.size)


def _linearized(data: Observations, ln_p: FloatArray, free: Sequence[int]) -> LinearModel:
    """Return the linear mixed model of some responses near ln P."""
    predicted, gradient = data.prediction(ln_p)
    return LinearModel(CovarianceComponents(data, gradient), data.potential_mV - predicted, gradient[:, list(free)])


def _step(
    data: Observations, ln_p: FloatArray, free: Sequence[int], whiten: Whitener, linear: LinearModel
) -> FloatArray:
    """Return the optimum of the linear model where that is near, else that of the nonlinear model."""
    step = WhitenedDesign.of(whiten(linear.design)).sensitivity @ whiten(linear.residual)
    if np.abs(step).max(initial=0.0) > MAX_LINEAR_STEP or data.size < len(free):
        return least_squares(data, ln_p, free, whiten)
    moved = ln_p.copy()
    moved[list(free)] += step
    return moved


def _deviance(problem: _Problem, state: _State) -> float:
    """Return -2 ln likelihood at a state, linearised there."""
    bias = _curvature_bias_mV(problem.data, state.ln_p, state.components)
    linear = _linearized(problem.data, state.ln_p, problem.free)
    linear = replace(linear, residual=linear.residual - bias)
    deviance = Deviance(linear, problem.estimated, state.components, problem.offset_scale_mV, problem.restricted)
    return deviance.value(state.components)


def _change_over_se(data: Observations, before_mV: FloatArray, ln_p: FloatArray) -> float:
    """Return the largest change of a predicted potential over its standard error.

    The ratios themselves are no measure: that of an impermeant ion may move without any effect.
    """
    return float(np.abs((data.predict(ln_p) - before_mV) / data.se_mV).max())


def _relative_change(old: VarianceComponents, new: VarianceComponents) -> float:
    """Return the largest relative change of a standard deviation."""
    pairs = ((old.offset_mV, new.offset_mV), (old.ln_p, new.ln_p), (old.batch_ln_p, new.batch_ln_p))
    return max(abs(a - b) / max(a, b, _SMALLEST_COMPONENT) for a, b in pairs)


def _summary(problem: _Problem, state: _State) -> Fit:
    """Return the fit with its covariance, degrees of freedom, predicted offsets and likelihood."""
    data, components, working = problem.data, state.components, state.of_mean_cell
    predicted, gradient = data.prediction(state.ln_p)
    columns = gradient[:, list(problem.free)]
    linear = LinearModel(CovarianceComponents(working, gradient), working.potential_mV - predicted, columns)
    whiten = Whitener(linear.structure, components)
    design = WhitenedDesign.of(whiten(columns))
    white = whiten(linear.residual)
    chi_square = float(white @ white)
    normal = -0.5 * (whiten.log_determinant + chi_square + data.size * math.log(2 * math.pi))
    is_of_cell = np.equal.outer(np.array(data.cell_names), np.array(data.cells)).astype(float)
    offset_covariance = components.offset_mV**2 * is_of_cell / data.cell_sizes[:, None]
    df = np.full(len(problem.free), math.inf)
    if problem.restricted and problem.estimated and problem.free:
        deviance = Deviance(linear, problem.estimated, components, problem.offset_scale_mV, restricted=True)
        df = deviance.degrees_of_freedom(deviance.ln_sd(components))
    return Fit(
        data=data,
        reference=problem.reference,
        free=problem.free,
        ln_p=state.ln_p,
        covariance=design.covariance,
        sensitivity=whiten.transposed(design.sensitivity),
        not_estimable=design.not_estimable,
        df=df,
        components=components,
        estimated_components=problem.estimated,
        offset_scale_mV=problem.offset_scale_mV,
        offsets_mV=offset_covariance @ whiten.precision_times(linear.residual),
        chi_square=chi_square,
        log_likelihood=state.log_factor + normal,
        curvature_bias_mV=state.curvature_bias_mV,
        working=working,
    )
