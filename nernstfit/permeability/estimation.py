"""Estimation of ratios and variance components: their alternation until both have settled.

The alternation is a fixed-point iteration z -> T(z) of the ln P and the ln standard deviations, z. It is accelerated
by Anderson's method (Walker & Ni 2011, SIAM J Numer Anal 49:1715), and has settled where T leaves z as it is. An ion
that ran away is held at the bound of ln P. Where no parameters explain the data the iteration may not settle; then the
least-squares ratios with which it began stand for the estimates, and they are none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability import censoring
from nernstfit.permeability.cell_deviations import cell_deviations
from nernstfit.permeability.covariance import CovarianceComponents, VarianceComponents, WhitenedDesign, Whitener
from nernstfit.permeability.least_squares import LOWER_CHI_SQUARE, least_squares
from nernstfit.permeability.limits import IMPERMEANT, MAX_LINEAR_STEP, MAX_LN_P, MAX_SD
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import chi_square, minimize
from nernstfit.permeability.reml import Deviance, LinearModel, VarianceParameters, variance_parameters_of
from nernstfit.permeability.scoring import fit_variance_components
from nernstfit.permeability.starting_values import starting_ln_p, with_least_error

FloatArray = NDArray[np.float64]

_MAX_ITERATIONS = 20
"""Alternations of ratios and variance components. Ordinary fits need 5 to 8, slow ones 16. With half of it some of
these would not settle; twice as many only lengthen those that circle."""

_SETTLED = 1e-7
"""Change of a ln P, and of a ln standard deviation, below which the fit has settled. Where errors exceed what the model
explains a thousandfold, rounding leaves 1e-8; half or twice of it decides nothing else."""

_CONVERGED = 1e-9
"""Change below which a settled fit is not improved further; where rounding keeps it above, the estimate is the mean of
several alternations. With half of it one more alternation, with twice one less."""

_AVERAGED = 6
"""Settled alternations whose mean is the estimate where rounding keeps each from being equal to the one before. With
half of it the mean is 1.4 times as far off, with twice three more alternations are needed."""

_MIN_SINGULAR_VALUE = 1e-8
"""Relative singular value of the steps below which the acceleration leaves a combination of them alone. Rounding
leaves 1e-12 and less near the end; half or twice of it may cost one alternation."""

_NEARLY_SETTLED = 1e-4
"""Change after the last alternation with which a fit counts as settled all the same: a ratio of which the data give
little more than a bound moves ever more slowly. It is far below the width of any interval; half or twice of it decides
nothing else."""

_DEPTH = 5
"""Earlier alternations that the acceleration combines. With half of it fits that circle need more of them; with twice
as many the oldest, from another region, mislead it."""

_MAX_ACCELERATED = 0.5
"""Largest difference of an accelerated step from the plain one. At half of it far fits take more alternations; at
twice as much an extrapolation may leave the region that it was drawn from."""


@dataclass(frozen=True)
class Problem:
    """Observations and model of one fit: what is fitted of the ln P and the variance components, by which criterion."""

    data: Observations
    reference: str
    free: tuple[int, ...]
    estimated: tuple[str, ...]
    offset_scale_mV: float
    restricted: bool = True
    robust: bool = False
    by_cell: bool = False
    near: FloatArray | None = None

    @property
    def has_working_responses(self) -> bool:
        """True where any observation is censored or may be a gross error."""
        return censoring.needed(self.data, self.robust)

    @cached_property
    def variance_parameters(self) -> VarianceParameters:
        """Parameters of the variance components that are estimated."""
        ions = tuple(np.flatnonzero(self.data.present).tolist())
        return variance_parameters_of(self.estimated, ions, self.offset_scale_mV)


@dataclass(frozen=True)
class State:
    """Estimates at one iteration, and the working responses there (see `Fit`, but with the curvature bias)."""

    ln_p: FloatArray
    components: VarianceComponents
    working: Observations
    curvature_bias_mV: FloatArray
    log_factor: float = 0.0
    deviation: FloatArray | None = None

    @property
    def of_mean_cell(self) -> Observations:
        """Working responses minus the curvature bias, as the mean cell would give them."""
        if self.deviation is not None:
            return self.working.at_deviation(self.deviation, self.working.potential_mV - self.curvature_bias_mV)
        return self.working.with_potentials(self.working.potential_mV - self.curvature_bias_mV)


def estimate(problem: Problem, components: VarianceComponents) -> tuple[State, bool]:
    """Alternate between ratios and variance components until both have settled.

    Parameters
    ----------
    problem : Problem
    components : VarianceComponents
        To start from.

    Returns
    -------
    state : State
    settled : bool
        False where no alternation has left the estimates as they were.
    """
    ln_p = starting_ln_p(problem.data, problem.free, components, problem.near)
    start = State(ln_p, components, censoring.begin(problem.data), np.zeros(problem.data.size))
    state, visited, released, change = start, list[tuple[FloatArray, FloatArray]](), False, math.inf
    whole, been_at_bound, near = problem, set[int](), list[FloatArray]()
    for number in range(_MAX_ITERATIONS):
        reached, whiten = _alternated(problem, state)
        if number == 0:
            reached = _limits_at_bound(problem, reached)
        here, there = _point(problem, state), _point(problem, reached)
        last, change = change, float(np.abs(there - here).max(initial=0.0))
        near = [*near, there] if change < _SETTLED else []
        if change < _CONVERGED or (last / 2 < change < _SETTLED and len(near) >= _AVERAGED):
            if change >= _CONVERGED:
                reached = _at(problem, reached, np.mean(near, axis=0))
            free_again = reached if released else _released(whole, problem, reached, whiten)
            if free_again is reached:
                return _final(problem, reached), True
            problem, state, visited, released, near = whole, free_again, [], True, []
            continue
        bounded, before = _bounded(problem, reached.ln_p), _bounded(problem, state.ln_p)
        if bounded != before:
            # With an ion held, the variance components are others; one that returns to its bound stays there.
            returned = (bounded - before) & been_at_bound
            problem = replace(problem, free=tuple(i for i in problem.free if i not in returned))
            been_at_bound |= set(problem.data.parameters.at_bound(reached.ln_p))
            state, visited, near = reached, [], []
            continue
        visited = [*visited[-_DEPTH:], (here, there - here)]
        state = _at(problem, reached, _accelerated(visited))
    if change < _NEARLY_SETTLED:
        return _final(problem, state), True
    return _final(problem, _of_least_squares(problem, start)), False


def _alternated(problem: Problem, state: State) -> tuple[State, Whitener]:
    """Return the state after one alternation, and the whitening there."""
    predicted, gradient = problem.data.prediction(state.ln_p)
    state = _with_working_responses(problem, state, predicted, gradient)
    response, free = state.of_mean_cell, _not_held(problem, state.ln_p)
    if problem.by_cell:
        predicted, gradient = response.prediction(state.ln_p)
    at_bound = problem.data.parameters.at_bound(state.ln_p)
    columns = problem.data.columns(gradient, state.ln_p, [i for i in free if i not in at_bound])
    linear = LinearModel(CovarianceComponents(response, gradient), response.potential_mV - predicted, columns)
    deviance = Deviance(linear, problem.estimated, state.components, problem.offset_scale_mV, problem.restricted)
    components = fit_variance_components(deviance, state.components)
    whiten = Whitener(linear.structure, components)
    if at_bound:  # an ion at a bound of the user's is held for this alternation, and may leave it with the step
        linear = replace(linear, design=problem.data.columns(gradient, state.ln_p, free))
    ln_p = _held(response, _step(response, state.ln_p, free, whiten, linear), free, whiten)
    return replace(state, ln_p=ln_p, components=components), whiten


def _bounded(problem: Problem, ln_p: FloatArray) -> set[int]:
    """Return the indices of the ions at a bound, of the optimizers or of the user's."""
    return {*np.flatnonzero(np.abs(ln_p) >= MAX_LN_P).tolist(), *problem.data.parameters.at_bound(ln_p)}


def _not_held(problem: Problem, ln_p: FloatArray) -> list[int]:
    """Return the indices that are fitted and not held at the bound."""
    return [i for i in problem.free if abs(ln_p[i]) < MAX_LN_P]


def _held(data: Observations, ln_p: FloatArray, free: Sequence[int], whiten: Whitener) -> FloatArray:
    """Return ln P with the ions that ran away at the bound, where that explains the data as well.

    Several that ran away upwards keep the ratios between them: it is the reference ion that vanished.
    """
    low, high = data.parameters.bounds(data.n_coefficients)
    up = [i for i in free if IMPERMEANT < ln_p[i] < high[i] == MAX_LN_P]
    down = [i for i in free if -IMPERMEANT > ln_p[i] > low[i] == -MAX_LN_P]
    for together in (up, *([i] for i in down)):
        if together:
            trial, size = ln_p.copy(), np.abs(ln_p[together]).max()
            trial[together] += np.sign(ln_p[together]) * (MAX_LN_P - size)
            trial[together] = np.where(
                np.abs(ln_p[together]) == size, np.sign(trial[together]) * MAX_LN_P, trial[together]
            )
            if chi_square(data, trial, whiten) < chi_square(data, ln_p, whiten) + LOWER_CHI_SQUARE:
                ln_p = data.parameters.completed(trial)
    return ln_p


def _limits_at_bound(problem: Problem, state: State) -> State:
    """Return the state with ions at the bound of which nothing but limits is known that they are on the far side of.

    The likelihood of a limit has no maximum: it is flat beyond, and the alternation would creep along it.
    """
    limited = problem.data.censored
    if not limited.size:
        return state
    cost, gradient = _cost(problem, state), problem.data.gradient(state.ln_p)
    columns = problem.data.columns(gradient, state.ln_p, problem.free)
    low, high = problem.data.parameters.bounds(problem.data.n_coefficients)
    for j, i in enumerate(problem.free):
        bound = low[i] if state.ln_p[i] < 0 else high[i]
        if not columns[limited, j].any() or not low[i] < state.ln_p[i] < high[i]:
            continue
        moved = state.ln_p.copy()
        moved[i] = bound
        at_bound = replace(state, ln_p=problem.data.parameters.completed(moved))
        if (cost_there := _cost(problem, at_bound)) < cost:
            state, cost = at_bound, cost_there
    return state


def _cost(problem: Problem, state: State) -> float:
    """Return -2 ln likelihood of the working responses at a state, up to a constant."""
    predicted, gradient = problem.data.prediction(state.ln_p)
    if not np.isfinite(predicted).all():
        return math.inf
    at = _with_working_responses(problem, state, predicted, gradient)
    whiten = Whitener(CovarianceComponents(at.working, gradient), at.components)
    return chi_square(at.of_mean_cell, at.ln_p, whiten) + whiten.log_determinant - 2 * at.log_factor


def _released(whole: Problem, problem: Problem, state: State, whiten: Whitener) -> State:
    """Return the state with ions of the whole problem that were held fitted again, where that explains more."""
    if len(_not_held(problem, state.ln_p)) == len(whole.free):
        return state
    response = state.of_mean_cell
    ln_p = least_squares(response, state.ln_p, whole.free, whiten)
    better = chi_square(response, ln_p, whiten) < chi_square(response, state.ln_p, whiten) - LOWER_CHI_SQUARE
    return replace(state, ln_p=ln_p) if better else state


def _point(problem: Problem, state: State) -> FloatArray:
    """Return the fitted ln P and the parameters of the variance components."""
    return np.concatenate([state.ln_p[list(problem.free)], problem.variance_parameters.point(state.components)])


def _at(problem: Problem, state: State, point: FloatArray) -> State:
    """Return the state at another point; ions that are held stay."""
    n, ln_p = len(problem.free), state.ln_p.copy()
    low, high = problem.data.parameters.bounds(len(ln_p))
    ln_p[list(problem.free)] = np.clip(point[:n], low[list(problem.free)], high[list(problem.free)])
    ln_p = problem.data.parameters.completed(ln_p)
    variances = problem.variance_parameters
    within = np.clip(point[n:], variances.low, variances.high)
    return replace(state, ln_p=ln_p, components=variances.components(within, state.components))


def _accelerated(visited: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return the next point from those visited and the step of the alternation from each, by Anderson's method."""
    point, step = visited[-1]
    if len(visited) < 2:
        return point + step
    points, steps = (np.diff(np.array(of_one), axis=0).T for of_one in zip(*visited, strict=True))
    length = np.maximum(np.linalg.norm(steps, axis=0), np.finfo(float).tiny)
    share = np.linalg.lstsq(steps / length, step, rcond=_MIN_SINGULAR_VALUE)[0] / length
    change = (points + steps) @ share
    largest = float(np.abs(change).max())
    return np.asarray(point + step - change * min(1.0, _MAX_ACCELERATED / max(largest, _MAX_ACCELERATED)))


def _of_least_squares(problem: Problem, start: State) -> State:
    """Return the least-squares ratios, and the variance components there, for data that no parameters explain."""
    smoothed, whiten = with_least_error(problem.data, start.components)
    ln_p = _held(smoothed, start.ln_p, problem.free, whiten)
    ln_p = minimize(smoothed, ln_p[None], _not_held(problem, ln_p), whiten)[0][0]
    at_optimum = replace(start, ln_p=ln_p)
    return replace(_alternated(problem, at_optimum)[0], ln_p=ln_p)


def _final(problem: Problem, state: State) -> State:
    """Return the state with the curvature bias and the working responses of its own estimates."""
    return _with_working_responses(problem, state, *problem.data.prediction(state.ln_p))


def _with_working_responses(problem: Problem, state: State, predicted_mV: FloatArray, gradient: FloatArray) -> State:
    """Return the state with the curvature bias and working responses at its ln P, whose prediction is given."""
    if problem.by_cell:
        deviation, along_mV = cell_deviations(problem.data, state.ln_p, state.components, state.deviation)
        return replace(state, deviation=deviation, curvature_bias_mV=-along_mV)
    bias = curvature_bias_mV(problem.data, state.ln_p, state.components)
    if not problem.has_working_responses:
        return replace(state, curvature_bias_mV=bias)

    def precision(at: Observations) -> censoring.Precision:
        whiten = Whitener(CovarianceComponents(at, gradient), state.components)
        return lambda residual: (whiten.precision_times(residual), whiten.precision_diagonal)

    working, log_factor = censoring.update(problem.data, state.working, predicted_mV + bias, precision, problem.robust)
    return replace(state, working=working, curvature_bias_mV=bias, log_factor=log_factor)


def curvature_bias_mV(data: Observations, ln_p: FloatArray, components: VarianceComponents) -> FloatArray:
    """Return the mean of each potential over cells minus the potential of the mean cell; shape (n,).

    On the way to the estimates the contrast of one ion may go far beyond what cells can differ by.
    """
    sd = np.minimum(np.hypot(components.ln_p, components.batch_ln_p), MAX_SD)
    return data.curvature_bias(ln_p, sd) if sd.any() else np.zeros(data.size)


def _step(
    data: Observations, ln_p: FloatArray, free: Sequence[int], whiten: Whitener, linear: LinearModel
) -> FloatArray:
    """Return the optimum of the linear model where that is near, else that of the nonlinear model."""
    columns, residual, at = whiten(linear.design), whiten(linear.residual), list(free)
    step = WhitenedDesign.of(columns).sensitivity @ residual
    low, high = (bound[at] for bound in data.parameters.bounds(data.n_coefficients))
    reached = ln_p[at] + step
    if data.parameters.by_ion and ((reached < low) | (reached > high)).any():
        step = optimize.lsq_linear(columns, residual, (low - ln_p[at], high - ln_p[at]), method="bvls").x
        reached = np.where(step <= low - ln_p[at], low, np.where(step >= high - ln_p[at], high, ln_p[at] + step))
    if np.abs(step).max(initial=0.0) > MAX_LINEAR_STEP or data.size < len(free):
        return least_squares(data, ln_p, free, whiten)
    moved = ln_p.copy()
    moved[at] = reached
    return data.parameters.completed(moved)
