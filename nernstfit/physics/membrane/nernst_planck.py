"""The stationary liquid junction: Nernst and Planck's equations, solved without Henderson's profile.

Between pipette (x = 0) and bath (x = 1) every ion has one flux, charge is balanced everywhere, and no current
flows (Planck 1890, Ann Phys 276:561; Behn 1897, Ann Phys 298:54; Marino et al. 2014, Bioelectrochemistry 98:1).
With v = F V / RT, absolute mobility u, concentration c and activity a = gamma c,

    flux_i = -u_i c_i d(ln a_i + z_i v)/dx = constant,   sum z_i c_i = 0,   sum z_i flux_i = 0.

The variable. Let s run so that dx/ds is proportional to the total concentration C = sum c_i, and y_i = c_i / C.
Then, with constants k_i = flux_i / u_i times the factor of that proportion,

    dy_i/ds + k_i + (g_i + z_i E + A) y_i = 0,   E = dv/ds,   A = d(ln C)/ds,   g_i = d(ln gamma_i)/ds,

which no longer holds x, nor any concentration: a gradient of 1,000 : 1 is as smooth as one of 2 : 1. The ends
are known, so are sum y_i = 1, sum z_i y_i = 0, sum z_i u_i k_i = 0 and the integral of A, ln(C_bath / C_pipette).
With gamma = 1, A is constant and s is the logarithm of a total concentration that falls linearly in x, as Planck
found. Where gamma differs between the ends, its logarithm is taken to change linearly in s.

What is solved. y_i is a polynomial of degree m through m + 1 Chebyshev nodes, both ends among them; E and A are
given at the m Gauss points, where the equation is asked for (collocation). Everything unknown stands in products
of two, so that Newton's method settles in a few steps from a straight line.

A solution whose charges do not add up is completed by an ion of one charge that does not move: it balances,
and carries no current; Henderson's equation would not see it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]

_DEGREES = (16, 24, 36, 54, 80, 120)
_MAX_STEPS = 30
_STEP_TOLERANCE = 1e-10
_ROUNDING = 1e-13
_TRACE = 1e-6
_TAIL_TOLERANCE = 1e-8
_NEUTRAL = 1e-12


@dataclass(frozen=True)
class Profile:
    """A stationary junction from the pipette, first, to the bath, last.

    Attributes
    ----------
    place : ndarray, shape (places,)
        x, as part of the junction's width, from 0 to 1.
    concentration_mM : ndarray, shape (places, ions)
        Of the ions as they were given. What completes a solution that is not neutral is not among them.
    potential_mV : ndarray, shape (places,)
        Above the pipette's.
    flux : ndarray, shape (ions,)
        From pipette to bath, in mobility x mM per width.
    """

    place: FloatArray
    concentration_mM: FloatArray
    potential_mV: FloatArray
    flux: FloatArray


def nernst_planck_mV(
    bath_mM: ArrayLike,
    pipette_mM: ArrayLike,
    valence: ArrayLike,
    mobility: ArrayLike,
    temperature_C: float,
    bath_coefficient: ArrayLike = 1.0,
    pipette_coefficient: ArrayLike = 1.0,
) -> float:
    """Liquid junction potential of the stationary junction, V_bath - V_pipette.

    Parameters
    ----------
    bath_mM, pipette_mM : array_like, shape (ions,)
        Concentrations of every ion of either solution, in one unit; not negative.
    valence : array_like of int, shape (ions,)
        Signed charge numbers.
    mobility : array_like, shape (ions,)
        Absolute mobilities in any one unit, such as relative to K: limiting equivalent conductivity / |z|.
    temperature_C : float
        Temperature in degrees Celsius.
    bath_coefficient, pipette_coefficient : array_like, shape (ions,)
        Activity coefficients in either solution; 1 takes concentrations for activities.

    Returns
    -------
    float
        Potential of the bath minus that of the pipette, in mV; 0 for equal solutions, nan where a solution holds
        no ion. The order of the ions does not matter, to the last bit.
    """
    arguments = (bath_mM, pipette_mM, valence, mobility, temperature_C, bath_coefficient, pipette_coefficient)
    return float(nernst_planck_profile(*arguments).potential_mV[-1])


def nernst_planck_profile(
    bath_mM: ArrayLike,
    pipette_mM: ArrayLike,
    valence: ArrayLike,
    mobility: ArrayLike,
    temperature_C: float,
    bath_coefficient: ArrayLike = 1.0,
    pipette_coefficient: ArrayLike = 1.0,
) -> Profile:
    """Concentrations and potential across the stationary junction, and its fluxes.

    Parameters are those of `nernst_planck_mV`.

    Returns
    -------
    Profile
        All nan where a solution holds no ion.

    Raises
    ------
    ArithmeticError
        If Newton's method does not settle.
    """
    given = np.broadcast_arrays(bath_mM, pipette_mM, valence, mobility, bath_coefficient, pipette_coefficient)
    ions = np.array(given, dtype=np.float64)
    amounts = ions[0] + ions[1]
    if not (ions[0].any() and ions[1].any()):
        nowhere = np.full(2, np.nan)
        return Profile(np.array([0.0, 1.0]), np.full((2, len(amounts)), np.nan), nowhere, np.full(len(amounts), np.nan))
    # One order for every order of the same ions: by charge, mobility, then amounts.
    present = np.lexsort(ions[[4, 5, 1, 0, 3, 2]])
    present = present[amounts[present] > 0]
    junction = _junction(ions[:, present])
    for degree in _DEGREES:
        solved = _solve(junction, _grid(degree))
        if solved.tail < _TAIL_TOLERANCE:
            break
    return _profile(junction, solved, _grid(degree), present, len(amounts), float(thermal_voltage_mV(temperature_C)))


@dataclass(frozen=True)
class _Junction:
    """The problem in fractions of the total concentration: `first` is the pipette's end."""

    first: FloatArray
    last: FloatArray
    valence: FloatArray
    mobility: FloatArray
    ln_coefficient: FloatArray
    ln_total: float
    total_mM: float


@dataclass(frozen=True)
class _Grid:
    """Nodes of the fractions, and matrices from values there, or at the Gauss points, to others."""

    at_gauss: FloatArray
    slope_at_gauss: FloatArray
    coefficients: FloatArray
    integral_to_nodes: FloatArray
    nodes: FloatArray


@dataclass(frozen=True)
class _Solved:
    """Fractions at the nodes, the ions' constants k, E and A at the Gauss points, and the series' last terms."""

    fraction: FloatArray
    constant: FloatArray
    field: FloatArray
    growth: FloatArray
    tail: float


def _junction(ions: FloatArray) -> _Junction:
    """From concentrations to fractions, with what keeps each end neutral."""
    bath, pipette, valence, mobility, at_bath, at_pipette = ions
    columns = [ions]
    for charge in (1.0, -1.0):
        missing = [max(-charge * float(valence @ end), 0.0) for end in (bath, pipette)]
        if any(excess > _NEUTRAL * (abs(valence) @ end) for excess, end in zip(missing, (bath, pipette), strict=True)):
            columns.append(np.array([*missing, charge, 0.0, 1.0, 1.0])[:, None])
    bath, pipette, valence, mobility, at_bath, at_pipette = np.concatenate(columns, axis=1)
    totals = float(pipette.sum()), float(bath.sum())
    return _Junction(
        pipette / totals[0],
        bath / totals[1],
        valence,
        mobility,
        np.log(at_bath / at_pipette),
        float(np.log(totals[1] / totals[0])),
        totals[0],
    )


@cache
def _grid(degree: int) -> _Grid:
    gauss, _ = legendre.leggauss(degree)
    nodes = -np.cos(np.pi * np.arange(degree + 1) / degree)
    unit = np.eye(degree + 1)
    coefficients = np.asarray(np.linalg.inv(legendre.legvander(nodes, degree)), dtype=np.float64)
    slopes = np.stack([legendre.legval(gauss, legendre.legder(one)) for one in unit], axis=-1)
    integrals = np.stack([legendre.legval(nodes, legendre.legint(one, lbnd=-1)) for one in unit[:-1, :-1]], axis=-1)
    # s runs from 0 to 1, Legendre's polynomials from -1 to 1.
    return _Grid(
        legendre.legvander(gauss, degree) @ coefficients,
        2 * slopes @ coefficients,
        coefficients,
        integrals @ np.linalg.inv(legendre.legvander(gauss, degree - 1)) / 2,
        (nodes + 1) / 2,
    )


def _solve(junction: _Junction, grid: _Grid) -> _Solved:
    """Newton's method from straight lines between the ends and no field."""
    points = len(grid.nodes) - 1
    y = junction.first + np.outer(grid.nodes, junction.last - junction.first)
    k, field, growth = junction.first - junction.last, np.zeros(points), np.full(points, junction.ln_total)
    for _ in range(_MAX_STEPS):
        steps = _newton_step(junction, grid, y, k, field, growth)
        longest = max(float(np.abs(step).max()) for step in steps)
        if longest > _ROUNDING:  # equal solutions have a potential of 0, not of what rounding leaves
            y[1:-1] += steps[0]
            k, field, growth = k + steps[1], field + steps[2], growth + steps[3]
        if longest <= _STEP_TOLERANCE * (1 + np.abs(k).max() + np.abs(field).max()):
            return _Solved(y, k, field, growth, _tail(grid, y, growth))
    raise ArithmeticError(
        f"no stationary junction was found in {_MAX_STEPS} steps; valences {junction.valence.tolist()}"
    )


def _tail(grid: _Grid, fraction: FloatArray, growth: FloatArray) -> float:
    """The last two Legendre coefficients over the largest, of each fraction that is no trace and of the total."""
    total = np.exp(grid.integral_to_nodes @ growth)
    series = np.abs(grid.coefficients @ np.column_stack([fraction, total]))
    return float((series[-2:].max(axis=0) / np.maximum(series.max(axis=0), _TRACE)).max())


def _newton_step(
    junction: _Junction, grid: _Grid, y: FloatArray, k: FloatArray, field: FloatArray, growth: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Newton's step in y (inner nodes), k, E and A.

    Each ion's own equations give its y and k for any step of E and A. These two follow from what
    the ions owe together: neutrality and the sum of fractions at the inner nodes, no current, the integral of A.
    """
    z, zu, (points, _) = junction.valence, junction.valence * junction.mobility, grid.at_gauss.shape
    there = (grid.at_gauss @ y).T
    rate = junction.ln_coefficient[:, None] + np.outer(z, field) + growth
    of_k = np.ones((len(z), points, 1))
    own = np.concatenate([(grid.slope_at_gauss + rate[:, :, None] * grid.at_gauss)[:, :, 1:-1], of_k], axis=-1)
    equation = (grid.slope_at_gauss @ y).T + k[:, None] + rate * there
    of_growth = there[:, :, None] * np.eye(points)
    shared = np.concatenate([equation[:, :, None], z[:, None, None] * of_growth, of_growth], axis=-1)
    answer = np.linalg.solve(own, -shared)

    inner, last = answer[:, :-1], answer[:, -1]
    weights = np.concatenate([np.zeros(1 + points), grid.integral_to_nodes[-1]])
    owed = np.vstack([np.tensordot(z, inner, 1), inner.sum(axis=0), zu @ last, weights])
    owed[:, 0] += np.concatenate(
        [y[1:-1] @ z, y[1:-1].sum(axis=1) - 1, [zu @ k, weights[1 + points :] @ growth - junction.ln_total]]
    )
    together = np.concatenate([[1.0], np.linalg.solve(owed[:, 1:], -owed[:, 0])])
    step = answer @ together
    return step[:, :-1].T, step[:, -1], together[1 : 1 + points], together[1 + points :]


def _profile(
    junction: _Junction, solved: _Solved, grid: _Grid, present: NDArray[np.intp], ions: int, thermal_mV: float
) -> Profile:
    """Back to places, concentrations and the order in which the ions were given."""
    total_mM = junction.total_mM * np.exp(grid.integral_to_nodes @ solved.growth)
    # At the Gauss points from the nodes: the total is as smooth as the fractions.
    passed = grid.integral_to_nodes @ (grid.at_gauss @ total_mM)
    concentration_mM, flux = np.zeros((len(total_mM), ions)), np.zeros(ions)
    own = range(len(present))
    concentration_mM[:, present] = (total_mM[:, None] * solved.fraction)[:, own]
    flux[present] = (junction.mobility * solved.constant)[own] * passed[-1]
    return Profile(passed / passed[-1], concentration_mM, thermal_mV * (grid.integral_to_nodes @ solved.field), flux)
