"""Nonlinear mixed-effects model of the reversal potentials of a group: permeability ratios and variance components.

Notation
--------
E_cb is the reversal potential of cell c in bath b:

    E_cb = E_GHK(ln P, activities, T) + sum_i g_cbi e_ci + o_c + noise_cb

- ln P, shape (k,): log permeabilities of the population over that of the reference ion, whose own is 0 (fixed effects);
- e_ci: deviation of ln P of ion i in cell c, with a standard deviation for each permeant ion, the reference included,
  which a prior shrinks to a common one; the choice of the reference changes nothing (random effect `ln_p`);
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
from nernstfit.permeability.distributions import chi_square_limit
from nernstfit.permeability.estimation import Problem, State, curvature_bias_mV, estimate
from nernstfit.permeability.limits import MAX_LN_P, MAX_P_OF_RESIDUALS, WIDE_SD, WIDE_START_SD
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import chi_square
from nernstfit.permeability.reml import Deviance, LinearModel, estimable_components

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Fitted model.

    Attributes
    ----------
    data : Observations
    reference : str
    free : tuple of int
        Indices of the fitted ln P: all ions but the reference, those in no solution, and those that the user holds,
        ties or bounds where the fit is at the bound; from k on those of ln f.
    ln_p : ndarray, shape (k + q,)
        ln (P / P_ref), those of held and tied ions included; 0 for the reference and for ions in no solution. Then
        ln f of the q factors on activities; 0 for one that multiplies nothing.
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
    settled : bool
        False where ratios and variance components did not converge: they then are those of least squares, and no
        estimates.
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
    settled: bool

    @property
    def predicted_mV(self) -> FloatArray:
        """Predicted potentials of the population, without the cells' offsets; shape (n,)."""
        return self._prediction[0] if self.working.deviation is None else self.data.predict(self.ln_p)

    @property
    def gradient(self) -> FloatArray:
        """dE / d ln P at the fit in mV, at fixed other ln P; shape (n, k)."""
        return self._prediction[1]

    @property
    def residual_mV(self) -> FloatArray:
        """Working responses minus their prediction; shape (n,)."""
        return np.asarray(self.working.potential_mV - self._prediction[0])

    @property
    def of_mean_cell_mV(self) -> FloatArray:
        """Working responses as the mean cell would give them; shape (n,)."""
        if self.working.deviation is None:
            return self.working.potential_mV
        return self.data.potential_mV - curvature_bias_mV(self.data, self.ln_p, self.components)

    @cached_property
    def columns(self) -> FloatArray:
        """dE / d ln P of the fitted ones in mV, with what is tied to them; shape (n, len(free))."""
        return self.data.columns(self.gradient, self.ln_p, self.free)

    @cached_property
    def gradient_of_mean_cell(self) -> FloatArray:
        """`gradient` at the mean cell, which is the same in all cells of a condition; shape (n, k)."""
        return self.gradient if self.working.deviation is None else self.data.gradient(self.ln_p)

    @cached_property
    def columns_of_mean_cell(self) -> FloatArray:
        """`columns` at the mean cell."""
        if self.working.deviation is None:
            return self.columns
        return self.data.columns(self.gradient_of_mean_cell, self.ln_p, self.free)

    @cached_property
    def _prediction(self) -> tuple[FloatArray, FloatArray]:
        own = self.working.deviation
        of_cells = self.data if own is None else self.data.at_deviation(own, self.data.potential_mV)
        return of_cells.prediction(self.ln_p)

    def is_within(self, coefficient: int) -> bool:
        """Return True for a ln P that has not run away to the bound of the optimizers."""
        return bool(abs(self.ln_p[coefficient]) < MAX_LN_P)

    @property
    def n_parameters(self) -> int:
        """Number of fitted ratios and variance components."""
        return len(self.free) + len(self.estimated_components)


def fit(
    data: Observations,
    reference: str,
    offset_scale_mV: float,
    restricted: bool = True,
    robust: bool = False,
    near: FloatArray | None = None,
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
    near : ndarray, shape (data.n_coefficients,), or None
        ln P of a similar fit, from which this one is started; it saves time only.

    Returns
    -------
    Fit
    """
    order = canonical_order(data)
    ordered = data.subset(order)
    components, estimated = estimable_components(ordered, offset_scale_mV, robust)
    free = _free(ordered, reference)
    problem = Problem(ordered, reference, free, estimated, offset_scale_mV, restricted, robust, near=near)
    result = _summary(problem, *_estimated(problem, components))
    back = np.argsort(order)
    return replace(
        result,
        data=data,
        sensitivity=result.sensitivity[:, back],
        curvature_bias_mV=result.curvature_bias_mV[back],
        working=result.working.subset(back.tolist()),
    )


def _estimated(problem: Problem, components: VarianceComponents) -> tuple[State, bool]:
    """Return the estimates, and whether they have settled; at a bound only where they would lie beyond it without."""
    bounded = problem.data.parameters
    state, settled = _settled(problem, components)
    if settled and not bounded.at_bound(state.ln_p):
        return state, True
    unbounded = bounded.unbounded()
    if unbounded == bounded:
        return state, settled
    free, free_settled = _settled(replace(problem, data=replace(problem.data, parameters=unbounded)), components)
    if not free_settled or bounded.at_bound(free.ln_p):
        return state, settled
    return replace(free, working=replace(free.working, parameters=bounded)), True


def _settled(problem: Problem, components: VarianceComponents) -> tuple[State, bool]:
    """Return the estimates linearised at the mean cell, or at each cell where cells differ too much for that."""
    state, settled = estimate(problem, components)
    is_sound = settled and max(state.components.ln_p) < WIDE_SD and _explains(state)
    if is_sound or not _may_differ(problem):
        return state, settled
    # From spreads that leave each cell its own ln P: from narrow ones some cells remain unexplained.
    wide = replace(components, ln_p=tuple(WIDE_START_SD if sd else 0.0 for sd in components.ln_p))
    by_cell, by_cell_settled = estimate(replace(problem, by_cell=True), wide)
    return (by_cell, True) if by_cell_settled and _explains(by_cell) else (state, settled)


def _explains(state: State) -> bool:
    """Return True where the residuals are not beyond all errors together."""
    data = state.of_mean_cell
    whiten = Whitener(CovarianceComponents(data, data.gradient(state.ln_p)), state.components)
    return chi_square(data, state.ln_p, whiten) < chi_square_limit(MAX_P_OF_RESIDUALS, data.size)


def _may_differ(problem: Problem) -> bool:
    """Return True where the deviation of each cell can be predicted: measured potentials of single cells."""
    return (
        LN_P in problem.estimated and not problem.has_working_responses and bool((problem.data.n_averaged == 1).all())
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
    ln_p = data.parameters.completed(ln_p)
    bias = curvature_bias_mV(data, ln_p, known)
    at_expectation = data.with_potentials(data.predict(ln_p) + bias)
    problem = Problem(at_expectation, reference, _free(data, reference), estimated, offset_scale_mV)
    return _summary(problem, State(ln_p, known, at_expectation, bias), settled=True)


def whitening(fit: Fit, systematic_mV: FloatArray | None = None) -> Whitener:
    """Return the whitening of the potentials of a fit, with systematic errors of shape (n, sources) or without."""
    return Whitener(CovarianceComponents(fit.working, fit.gradient), fit.components, systematic_mV)


def gross_error_probability(fit: Fit) -> FloatArray:
    """Return the probability that each observation of a robust fit is a gross error, nan for limits; shape (n,)."""
    return censoring.gross_probability(fit.data, fit.working, whitening(fit).precision_diagonal)


def degrees_of_freedom(fit: Fit, ln_p: FloatArray) -> FloatArray:
    """Return Satterthwaite's degrees of freedom of each fitted ln P at another ln P.

    Parameters
    ----------
    fit : Fit
        By REML.
    ln_p : ndarray, shape (k,)

    Returns
    -------
    ndarray, shape (len(fit.free),)
        inf where the error comes from the noise of the observations alone.
    """
    if not fit.estimated_components:
        return np.full(len(fit.free), math.inf)
    linear = _linearized(fit.working, ln_p, fit.free)
    deviance = Deviance(linear, fit.estimated_components, fit.components, fit.offset_scale_mV, restricted=True)
    return deviance.degrees_of_freedom(fit.components)


def _free(data: Observations, reference: str) -> tuple[int, ...]:
    """Return the indices that are fitted: all ions but the reference and those in no solution, then the ln f."""
    there, parameters = data.present, data.parameters
    # An ion in no solution is fitted where one that is there is tied to it.
    told = {source for tied, _ in parameters.ties if there[tied] for source in parameters.sources(tied)}
    fitted = (i for i in range(len(data.ions)) if (there[i] or i in told) and i not in parameters.fixed)
    free = tuple(i for i in fitted if data.ions[i] != reference)
    acts = np.flatnonzero(data.factors.present(data.inside, data.outside)).tolist()
    return (*free, *(len(data.ions) + q for q in acts))


def canonical_order(data: Observations) -> list[int]:
    """Return an order of the observations that does not depend on that of the table, so that sums round alike."""
    activities = (*data.inside.T, *data.outside.T, *data.factors.side.T)
    columns = (data.potential_mV, data.se_mV, data.temperature_C, *activities, data.n_averaged)
    table = np.column_stack([*columns, data.limit_side or np.zeros(data.size)]).tolist()
    return sorted(range(data.size), key=lambda i: (data.cells[i], table[i]))


def _linearized(data: Observations, ln_p: FloatArray, free: Sequence[int]) -> LinearModel:
    """Return the linear mixed model of some responses near ln P."""
    predicted, gradient = data.prediction(ln_p)
    columns = data.columns(gradient, ln_p, free)
    return LinearModel(CovarianceComponents(data, gradient), data.potential_mV - predicted, columns)


def _df_at_fit(problem: Problem, state: State, linear: LinearModel) -> FloatArray:
    """Return the degrees of freedom of each fitted ln P; an ion held at the bound enters its own only."""
    held = np.abs(state.ln_p[list(problem.free)]) >= MAX_LN_P
    df = np.empty(len(problem.free))
    for which in (~held, *(np.arange(len(held)) == i for i in np.flatnonzero(held))):
        columns = which | ~held
        of_design = replace(linear, design=linear.design[:, columns])
        deviance = Deviance(of_design, problem.estimated, state.components, problem.offset_scale_mV, restricted=True)
        df[which] = deviance.degrees_of_freedom(state.components)[which[columns]]
    return df


def _summary(problem: Problem, state: State, settled: bool) -> Fit:
    """Return the fit with its covariance, degrees of freedom, predicted offsets and likelihood."""
    at_bound = problem.data.parameters.at_bound(state.ln_p)
    problem = replace(problem, free=tuple(i for i in problem.free if i not in at_bound))
    data, components, working = problem.data, state.components, state.of_mean_cell
    predicted, gradient = working.prediction(state.ln_p)
    columns = data.columns(gradient, state.ln_p, problem.free)
    linear = LinearModel(CovarianceComponents(working, gradient), working.potential_mV - predicted, columns)
    whiten = Whitener(linear.structure, components)
    design = WhitenedDesign.of(whiten(columns))
    white = whiten(linear.residual)
    chi_square = float(white @ white)
    normal = -0.5 * (whiten.log_determinant + chi_square + data.size * math.log(2 * math.pi))
    weighted = np.bincount(data.cell_index, whiten.precision_times(linear.residual))
    known = np.full(len(problem.free), math.inf)
    df = _df_at_fit(problem, state, linear) if problem.restricted and problem.estimated and problem.free else known
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
        offsets_mV=components.offset_mV**2 * weighted / data.cell_sizes,
        chi_square=chi_square,
        log_likelihood=state.log_factor + normal,
        curvature_bias_mV=state.curvature_bias_mV,
        working=working,
        settled=settled,
    )
