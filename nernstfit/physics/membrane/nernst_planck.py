"""Stationary liquid junction: the equations of Nernst and Planck, solved without Henderson's linear profiles.

Between pipette (x = 0) and bath (x = 1) the flux of every ion is constant, charge is balanced everywhere, and no
current flows (Planck 1890, Ann Phys 276:561; Behn 1897, Ann Phys 298:54; Marino et al. 2014, Bioelectrochemistry 98:1).
With v = F V / RT, absolute mobility u, concentration c and activity a = gamma c,

    flux_i = -u_i c_i d(ln a_i + z_i v)/dx = constant,   sum z_i c_i = 0,   sum z_i flux_i = 0.

The variable. Let dx/ds be proportional to the total concentration C = sum c_i, and y_i = c_i / C. Then, with
constants k_i = flux_i / u_i times the factor of that proportion,

    dy_i/ds + k_i + (g_i + z_i E + A) y_i = 0,   E = dv/ds,   A = d(ln C)/ds,   g_i = d(ln gamma_i)/ds,

which contains neither x nor any concentration: a gradient of 1,000 : 1 is as smooth as one of 2 : 1. Known are the
ends, sum y_i = 1, sum z_i y_i = 0, sum z_i u_i k_i = 0 and the integral of A, ln(C_bath / C_pipette).
With gamma = 1, A is constant and s is the logarithm of a total concentration that is linear in x, as Planck
found. On activities, gamma is that of the mixture at each place: the equation is solved for the g of the profile found
before, until the potential settles.

The numerical method. y_i is a polynomial of degree m through m + 1 Chebyshev nodes, both ends among them; E and A are
unknowns at the m Gauss points, where the equation is satisfied (collocation). The unknowns occur in products of two at
most, so that Newton's method converges in a few steps from straight lines.

A solution whose charges do not balance is completed by a monovalent ion of zero mobility: it balances the charge and
carries no current; Henderson's equation is not affected by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.junction import Coefficients, SolutionPair, chebyshev, legendre_slopes

FloatArray = NDArray[np.float64]

# Degrees of the polynomials, tried in turn until the series has converged. Of the random pairs of
# benchmarks/junction.py (gradients up to 1,000 : 1) 57 % need the first, 28 % the second, 2 % the fourth. Starting at
# half costs a second attempt nearly always, starting at double twice the time of the commonest case.
_DEGREES = (16, 24, 36, 54, 80, 120)
# Newton steps before an error. Those pairs need 3 to 6; half would do for them, double only delays the error.
_MAX_STEPS = 30
# Largest last step, relative to the unknowns. Convergence is quadratic, so that the error left is of rounding; half or
# double changes at most which of two equal steps is the last.
_STEP_TOLERANCE = 1e-10
# Step that is rounding only and is not taken, so that equal solutions have a potential of exactly 0. At half some
# such steps might be taken, at double none that matters (1e-13 of RT/F) is lost.
_ROUNDING = 1e-13
# Fraction of the total below which an ion is a trace, whose relative accuracy does not decide on the degree. At half or
# double the degree can change only for junctions with such ions.
_TRACE = 1e-6
# Last coefficients of a series over the largest at which it has converged: the potential of those pairs is then exact
# to 1e-12 mV, at 1e-6 to 1e-10 mV. At half or double some junctions take the next, or the previous, degree.
_TAIL_TOLERANCE = 1e-8
# Change of the potential, in RT/F, at which the coefficients of the profile have settled, and the rounds to get there.
# Where two degrees differ by less, the first of them was enough, although coefficients that rise steeply, as those of
# Davies do in 3 M KCl, leave their mark on the last terms of the profile.
# Every round takes nine tenths or more off the change (3 to 7 are needed); at half or double of the tolerance, 8e-6 mV,
# no digit that is printed changes; half the rounds would do too.
_SETTLED, _MAX_ROUNDS = 3e-7, 40
# Rounds from which only a part of each change of the coefficients is taken, and that part: between very different
# ends, as at a bridge of 3 M KCl, the profile and its coefficients can lead each other back and forth. With half of the
# rounds usual junctions take more of them, with double these few; with half of the part three times as many are needed,
# and with 1 these few do not settle.
_FULL_ROUNDS, _PART = 8, 0.7
# Charge excess, as a part of all charge, that is rounding of a neutral solution (some 1e-15). At half or double nothing
# changes unless a solution lacks as little charge as that.
_NEUTRAL = 1e-12


@dataclass(frozen=True)
class Profile:
    """Stationary junction from the pipette, first, to the bath, last.

    Attributes
    ----------
    place : ndarray, shape (places,)
        Coordinate x as part of the junction's width, from 0 to 1.
    concentration_mM : ndarray, shape (places, ions)
        Concentrations of the given ions, without the ion that completes a solution which is not neutral.
    potential_mV : ndarray, shape (places,)
        Potential minus that of the pipette.
    flux : ndarray, shape (ions,)
        Flux from pipette to bath, in mobility x mM per width.
    """

    place: FloatArray
    concentration_mM: FloatArray
    potential_mV: FloatArray
    flux: FloatArray


def nernst_planck_mV(pair: SolutionPair, temperature_C: float) -> float:
    """Calculate the liquid junction potential of the stationary junction, V_bath - V_pipette.

    Parameters
    ----------
    pair : SolutionPair
    temperature_C : float
        Temperature in degrees Celsius.

    Returns
    -------
    float
        Potential of the bath minus that of the pipette, in mV; 0 for equal solutions, nan where a solution holds
        no ion. The order of the ions does not matter; on concentrations to the last bit.

    Raises
    ------
    ArithmeticError
        If Newton's method does not converge.
    """
    return float(nernst_planck_profile(pair, temperature_C).potential_mV[-1])


def nernst_planck_profile(pair: SolutionPair, temperature_C: float) -> Profile:
    """Calculate concentrations and potential across the stationary junction, and its fluxes.

    Parameters and errors are those of `nernst_planck_mV`.

    Returns
    -------
    Profile
        All nan where a solution holds no ion.
    """
    given = np.broadcast_arrays(pair.bath_mM, pair.pipette_mM, pair.valence, pair.mobility)
    ions = np.array(given, dtype=np.float64)
    amounts = ions[0] + ions[1]
    if not (ions[0].any() and ions[1].any()):
        nowhere = np.full(2, np.nan)
        return Profile(np.array([0.0, 1.0]), np.full((2, len(amounts)), np.nan), nowhere, np.full(len(amounts), np.nan))
    # The same order whatever the order of the arguments: by charge, mobility, then amounts.
    present = np.lexsort(ions[[1, 0, 3, 2]])
    present = present[amounts[present] > 0]
    junction, output = _junction(ions[:, present]), _Output(present, len(amounts), temperature_C)
    potential = np.inf
    for degree in _DEGREES:
        before, solved = potential, _solve(junction, _grid(degree))
        if solved.tail < _TAIL_TOLERANCE and pair.coefficients is not None:
            solved = _on_activities(junction, _grid(degree), solved, output, pair.coefficients)
            potential = float(_grid(degree).integral_to_nodes[-1] @ solved.field)
        if solved.tail < _TAIL_TOLERANCE or abs(potential - before) < _SETTLED:
            break
    return _profile(junction, solved, _grid(degree), output)


@dataclass(frozen=True)
class _Output:
    """Order in which the ions were given, their number, and the temperature."""

    present: NDArray[np.intp]
    ions: int
    temperature_C: float

    def concentrations_mM(self, junction: _Junction, solved: _Solved, grid: _Grid) -> FloatArray:
        """Return the concentrations of the given ions at the nodes, shape (nodes, ions)."""
        total_mM = junction.total_mM * np.exp(grid.integral_to_nodes @ solved.growth)
        found = np.zeros((len(total_mM), self.ions))
        found[:, self.present] = (total_mM[:, None] * solved.fraction)[:, : len(self.present)]
        return found


@dataclass(frozen=True)
class _Junction:
    """Boundary values in fractions of the total concentration: `first` is the pipette's end."""

    first: FloatArray
    last: FloatArray
    valence: FloatArray
    mobility: FloatArray
    ln_total: float
    total_mM: float


@dataclass(frozen=True)
class _Grid:
    """Nodes of the fractions, and the matrices between values at the nodes and at the Gauss points."""

    at_gauss: FloatArray
    slope_at_gauss: FloatArray
    coefficients: FloatArray
    integral_to_nodes: FloatArray
    nodes: FloatArray


@dataclass(frozen=True)
class _Solved:
    """Solution: fractions at the nodes, constants k of the ions, E and A at the Gauss points, relative last terms."""

    fraction: FloatArray
    constant: FloatArray
    field: FloatArray
    growth: FloatArray
    tail: float


def _junction(ions: FloatArray) -> _Junction:
    """Convert concentrations to fractions, with the ion that makes each end neutral."""
    bath, pipette, valence, mobility = ions
    columns = [ions]
    for charge in (1.0, -1.0):
        missing = [max(-charge * float(valence @ end), 0.0) for end in (bath, pipette)]
        if any(excess > _NEUTRAL * (abs(valence) @ end) for excess, end in zip(missing, (bath, pipette), strict=True)):
            columns.append(np.array([*missing, charge, 0.0])[:, None])
    bath, pipette, valence, mobility = np.concatenate(columns, axis=1)
    totals = float(pipette.sum()), float(bath.sum())
    return _Junction(
        pipette / totals[0],
        bath / totals[1],
        valence,
        mobility,
        float(np.log(totals[1] / totals[0])),
        totals[0],
    )


@cache
def _grid(degree: int) -> _Grid:
    gauss, _ = legendre.leggauss(degree)
    nodes, coefficients = chebyshev(degree)
    unit, slopes = np.eye(degree), legendre_slopes(gauss, degree)
    integrals = np.stack([legendre.legval(nodes, legendre.legint(one, lbnd=-1)) for one in unit], axis=-1)
    # The range of s is 0 to 1, that of Legendre's polynomials -1 to 1.
    return _Grid(
        legendre.legvander(gauss, degree) @ coefficients,
        2 * slopes @ coefficients,
        coefficients,
        integrals @ np.linalg.inv(legendre.legvander(gauss, degree - 1)) / 2,
        (nodes + 1) / 2,
    )


def _straight(junction: _Junction, grid: _Grid) -> _Solved:
    """Return straight lines between the ends and no field."""
    points = len(grid.nodes) - 1
    y = junction.first + np.outer(grid.nodes, junction.last - junction.first)
    growth = np.full(points, junction.ln_total)
    return _Solved(y, junction.first - junction.last, np.zeros(points), growth, np.inf)


def _solve(
    junction: _Junction, grid: _Grid, start: _Solved | None = None, of_gamma: FloatArray | float = 0.0
) -> _Solved:
    """Solve by Newton's method; `of_gamma` is g at the Gauss points, shape (ions, points)."""
    solved = start or _straight(junction, grid)
    for _ in range(_MAX_STEPS):
        solved, longest = _stepped(junction, grid, solved, of_gamma)
        if longest <= _STEP_TOLERANCE * (1 + np.abs(solved.constant).max() + np.abs(solved.field).max()):
            return replace(solved, tail=_tail(grid, solved.fraction, solved.growth))
    raise ArithmeticError(
        f"the stationary junction did not converge in {_MAX_STEPS} steps; valences {junction.valence.tolist()}"
    )


def _stepped(junction: _Junction, grid: _Grid, at: _Solved, of_gamma: FloatArray | float) -> tuple[_Solved, float]:
    """Take one step of Newton's method; returns the solution, without its tail, and the size of the step."""
    steps = _newton_step(junction, grid, at, of_gamma)
    longest = max(float(np.abs(step).max()) for step in steps)
    if longest <= _ROUNDING:  # equal solutions have a potential of exactly 0
        return at, longest
    fraction = at.fraction.copy()
    fraction[1:-1] += steps[0]
    return _Solved(fraction, at.constant + steps[1], at.field + steps[2], at.growth + steps[3], np.inf), longest


def _on_activities(
    junction: _Junction, grid: _Grid, solved: _Solved, output: _Output, coefficients: Coefficients
) -> _Solved:
    """Follow the coefficients of the profile found before by a step each, until the potential settles; then solve."""
    of_gamma = np.zeros((len(junction.valence), len(grid.nodes) - 1))
    for done in range(_MAX_ROUNDS):
        ln_gamma = np.log(coefficients(output.concentrations_mM(junction, solved, grid)))[:, output.present]
        change = (grid.slope_at_gauss @ (ln_gamma - ln_gamma[0])).T - of_gamma[: len(output.present)]
        of_gamma[: len(output.present)] += change if done < _FULL_ROUNDS else _PART * change
        before, (solved, _) = solved, _stepped(junction, grid, solved, of_gamma)
        if abs(float(grid.integral_to_nodes[-1] @ (solved.field - before.field))) < _SETTLED:
            return _solve(junction, grid, solved, of_gamma)
    raise ArithmeticError(
        f"the stationary junction on activities did not settle in {_MAX_ROUNDS} rounds; valences "
        f"{junction.valence.tolist()}"
    )


def _tail(grid: _Grid, fraction: FloatArray, growth: FloatArray) -> float:
    """Return the last two Legendre coefficients over the largest, of each fraction above a trace and of the total."""
    total = np.exp(grid.integral_to_nodes @ growth)
    series = np.abs(grid.coefficients @ np.column_stack([fraction, total]))
    return float((series[-2:].max(axis=0) / np.maximum(series.max(axis=0), _TRACE)).max())


def _newton_step(
    junction: _Junction, grid: _Grid, at: _Solved, of_gamma: FloatArray | float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return Newton's step in y (inner nodes), k, E and A.

    The equations of each ion give its y and k for any step of E and A. These two follow from the common conditions:
    neutrality and the sum of fractions at the inner nodes, no current, the integral of A.
    """
    y, k, field, growth = at.fraction, at.constant, at.field, at.growth
    z, zu, (points, _) = junction.valence, junction.valence * junction.mobility, grid.at_gauss.shape
    y_gauss = (grid.at_gauss @ y).T
    rate = of_gamma + np.outer(z, field) + growth
    of_k = np.ones((len(z), points, 1))
    own = np.concatenate([(grid.slope_at_gauss + rate[:, :, None] * grid.at_gauss)[:, :, 1:-1], of_k], axis=-1)
    equation = (grid.slope_at_gauss @ y).T + k[:, None] + rate * y_gauss
    of_growth = y_gauss[:, :, None] * np.eye(points)
    shared = np.concatenate([equation[:, :, None], z[:, None, None] * of_growth, of_growth], axis=-1)
    answer = np.linalg.solve(own, -shared)

    inner, last = answer[:, :-1], answer[:, -1]
    weights = np.concatenate([np.zeros(1 + points), grid.integral_to_nodes[-1]])
    common = np.vstack([np.tensordot(z, inner, 1), inner.sum(axis=0), zu @ last, weights])
    common[:, 0] += np.concatenate(
        [y[1:-1] @ z, y[1:-1].sum(axis=1) - 1, [zu @ k, weights[1 + points :] @ growth - junction.ln_total]]
    )
    together = np.concatenate([[1.0], np.linalg.solve(common[:, 1:], -common[:, 0])])
    step = answer @ together
    return step[:, :-1].T, step[:, -1], together[1 : 1 + points], together[1 + points :]


def _profile(junction: _Junction, solved: _Solved, grid: _Grid, output: _Output) -> Profile:
    """Convert back to places, concentrations and the order in which the ions were given."""
    concentration_mM = output.concentrations_mM(junction, solved, grid)
    total_mM = junction.total_mM * np.exp(grid.integral_to_nodes @ solved.growth)
    # At the Gauss points from the nodes: the total is as smooth as the fractions.
    passed = grid.integral_to_nodes @ (grid.at_gauss @ total_mM)
    flux = np.zeros(output.ions)
    flux[output.present] = (junction.mobility * solved.constant)[: len(output.present)] * passed[-1]
    potential_mV = thermal_voltage_mV(output.temperature_C) * (grid.integral_to_nodes @ solved.field)
    return Profile(passed / passed[-1], concentration_mM, potential_mV, flux)
