"""Stationary liquid junction: the equations of Nernst and Planck, solved without Henderson's linear profiles.

Between pipette (x = 0) and bath (x = 1) the flux of every ion is constant, charge is balanced everywhere, and no
current flows (Planck 1890, Ann Phys 276:561; Behn 1897, Ann Phys 298:54; Marino et al. 2014, Bioelectrochemistry 98:1).
With v = F V / RT, absolute mobility u, concentration c and activity a = gamma c,

    flux_i = -u_i c_i d(ln a_i + z_i v)/dx = constant,   sum z_i c_i = 0,   sum z_i flux_i = 0.

The variable. Let dx/ds be proportional to the total concentration C = sum c_i, and y_i = c_i / C. Then, with
constants k_i = flux_i / u_i times the factor of that proportion and the weights w_i = gamma_i C exp(z_i v),

    d(w_i y_i)/ds = -k_i w_i,   so that   w_i y_i = (w_i y_i at s = 0) - k_i int_0^s w_i ds,

which contains neither x nor any concentration: a gradient of 1,000 : 1 is as smooth as one of 2 : 1. Known are the
ends, sum y_i = 1, sum z_i y_i = 0, sum z_i u_i k_i = 0 and C at both ends. Whatever v and C are, the y_i that follow
have the right ends and are positive. With gamma = 1, ln C is linear in s, so that C is linear in x, as Planck found.
On activities, gamma is that of the mixture at each place: the equations are solved for that of the profile found
before, until the potential settles.

The numerical method. The unknowns are v and ln C at Chebyshev nodes, both ends among them; the integrals are sums over
Gauss points between the nodes, where ln w_i is that of the polynomial through the nodes: all terms are positive, and no
digits are lost however much the w_i change. Newton's method converges in a few steps from Henderson's potential. The
side with the smaller total comes first, so that no y_i is a difference of nearly equal amounts there.

A solution whose charges do not balance is completed by a monovalent ion of zero mobility: it balances the charge and
carries no current; Henderson's equation is not affected by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from math import fsum

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.junction import Coefficients, SolutionPair, chebyshev

FloatArray = NDArray[np.float64]


class NotSettled(ArithmeticError):
    """Fault of a pair of solutions whose stationary junction was not found."""


# Degrees of the polynomials, tried in turn until the series has converged. Of the random pairs of
# benchmarks/junction.py (gradients up to 1,000 : 1) 65 % need the first, 25 % the second, 1 % the fourth. Starting at
# half costs a second attempt nearly always, starting at double twice the time of the commonest case.
_DEGREES = (16, 24, 36, 54, 80, 120)
# Newton steps before an error. Those pairs need up to 5; half would do for them, double only delays the error.
_MAX_STEPS = 30
# Largest last step, in RT/F and ln C. Convergence is quadratic, so that the error left is 1e-10 of them, below 1e-8 mV;
# half changes at most whether some junctions take one more step, double leaves four times as much.
_STEP_TOLERANCE = 1e-5
# Step that is rounding only and is not taken, so that equal solutions have a potential of exactly 0. At half some
# such steps might be taken, at double none that matters (1e-13 of RT/F) is lost.
_ROUNDING = 1e-13
# Last coefficients of the series of ln w at which it has converged: the potential of those pairs, and of salts diluted
# a million times, is then exact to 1e-7 mV. At half or double some junctions take the next, or the previous, degree.
_TAIL_TOLERANCE = 1e-8
# Gauss points between two nodes: salts diluted a thousand times are exact to 1e-10 mV, a million times to 1e-7 mV. With
# half of them 5 digits are lost, with double all is exact to rounding.
_POINTS = 5
# Change of the potential, in RT/F, at which the coefficients of the profile have settled, and the rounds to get there.
# Where two degrees differ by less, the first of them was enough, although coefficients that rise steeply, as those of
# Davies do in 3 M KCl, leave their mark on the last terms of the profile. Usual pairs are exact to 1e-5 mV, steep ones
# to 5e-5, ions of three charges above 1 M to 2e-3; at half to 3e-6, 2e-5 and 2e-4, at double to 4e-5, 7e-5 and 1e-3. Of
# 150 pairs of the last kind half the rounds leave 16 without a solution, these 7.
_SETTLED, _MAX_ROUNDS = 5e-6, 40
# Difference of the potentials, in RT/F, by the two highest degrees, from which neither has resolved the profile: the
# .01 mV that are printed. Mixtures that would part in two by the activity model differ by more than a hundred times
# this, what is resolved by less than a hundredth: at half or double nothing changes.
_UNRESOLVED = 4e-4
# Rounds whose changes of the coefficients are combined to the one that would end them (Anderson 1965, J ACM 12:547):
# between very different ends, as at a bridge of 3 M KCl, the profile and its coefficients lead each other back and
# forth. Usual pairs settle before the fourth round. Of 60 pairs above 1 M with ions of three charges and more, whose
# coefficients change a hundredfold across the junction, half this number leaves 6 without a solution, 12 rounds 3, and
# 16 or 20 rounds 1.
_ROUNDS_COMBINED = 16
# Where those of the pair itself do not settle, powers of the coefficients are tried, the first of this size, each from
# the solution of the last one, with shorter steps after failures. Of 178 such pairs 8 powers leave 16 without a
# solution, 14 leave 10, and 24 leave 6.
_FIRST_POWER, _MAX_POWERS = 0.5, 24
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
    NotSettled
        If Newton's method does not converge, or on activities the coefficients do not settle.
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
    if not (ions[0].any() and ions[1].any()):
        nowhere = np.full(2, np.nan)
        ion_count = ions.shape[1]
        return Profile(np.array([0.0, 1.0]), np.full((2, ion_count), np.nan), nowhere, np.full(ion_count, np.nan))
    if fsum(ions[1]) > fsum(ions[0]):
        other_way = replace(pair, bath_mM=pair.pipette_mM, pipette_mM=pair.bath_mM)
        return _reversed(nernst_planck_profile(other_way, temperature_C))
    # The same order whatever the order of the arguments: by charge, mobility, then amounts.
    present = np.lexsort(ions[[1, 0, 3, 2]])
    present = present[ions[:2, present].any(axis=0)]
    junction, output = _junction(ions[:, present]), _Output(present, ions.shape[1], temperature_C)
    solve = partial(_on_activities, output, pair.coefficients) if pair.coefficients else _on_concentrations
    return _profile(solve(_henderson(junction, _grid(_DEGREES[0]))), output)


@dataclass(frozen=True)
class _Output:
    """Order in which the ions were given, their number, and the temperature."""

    present: NDArray[np.intp]
    ions: int
    temperature_C: float

    def concentrations_mM(self, state: _State) -> FloatArray:
        """Return the concentrations of the given ions at the nodes, shape (nodes, ions)."""
        found = np.zeros((len(state.ln_total), self.ions))
        total_mM = state.junction.total_mM * np.exp(state.ln_total)
        found[:, self.present] = (total_mM * state.fraction)[: len(self.present)].T
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

    @cached_property
    def powers(self) -> FloatArray:
        """Powers 0 to 2 of the valences, shape (3, ions)."""
        return np.stack([np.ones_like(self.valence), self.valence, self.valence**2])


@dataclass(frozen=True)
class _Grid:
    """Nodes of s from 0 to 1, and the matrices from values there to their series and to the points between them.

    Attributes
    ----------
    nodes : ndarray, shape (nodes,)
    series : ndarray, shape (nodes, nodes)
        To coefficients of Legendre's polynomials.
    at_points : ndarray, shape (intervals, points, nodes)
        To values at the Gauss points between each node and the next.
    share : ndarray, shape (intervals, points)
        Weights of the Gauss points in an integral over s.
    """

    nodes: FloatArray
    series: FloatArray
    at_points: FloatArray
    share: FloatArray

    def integral(self, parts: FloatArray) -> FloatArray:
        """Return the integrals up to each node from those between two nodes, which are the last axis."""
        found = np.zeros((*parts.shape[:-1], parts.shape[-1] + 1))
        np.cumsum(parts, axis=-1, out=found[..., 1:])
        return found


@dataclass(frozen=True)
class _State:
    """Unknowns at the nodes, relative to the first end, and what follows from them by the equation of this module.

    Attributes
    ----------
    junction : _Junction
    grid : _Grid
    potential, ln_total : ndarray, shape (nodes,)
        F V / RT and ln C.
    ln_gamma : ndarray, shape (ions, nodes)
    """

    junction: _Junction
    grid: _Grid
    potential: FloatArray
    ln_total: FloatArray
    ln_gamma: FloatArray

    @cached_property
    def ln_weight(self) -> FloatArray:
        """Logarithms of the weights w, shape (ions, nodes)."""
        return self.junction.valence[:, None] * self.potential + self.ln_total + self.ln_gamma

    @cached_property
    def weight(self) -> FloatArray:
        """Weights w, shape (ions, nodes)."""
        return np.exp(self.ln_weight)

    @cached_property
    def parts(self) -> FloatArray:
        """Parts of the integral of the weights at the Gauss points, shape (ions, intervals, points)."""
        at_points = self.ln_weight @ self.grid.at_points.reshape(-1, len(self.potential)).T
        return np.exp(at_points).reshape(len(at_points), *self.grid.share.shape) * self.grid.share

    @cached_property
    def integral(self) -> FloatArray:
        """Integrals of the weights from the first end, shape (ions, nodes)."""
        return self.grid.integral(self.parts.sum(axis=2))

    @cached_property
    def constant(self) -> FloatArray:
        """Constants k, shape (ions,)."""
        return (self.junction.first - self.junction.last * self.weight[:, -1]) / self.integral[:, -1]

    @cached_property
    def fraction(self) -> FloatArray:
        """Fractions y, shape (ions, nodes)."""
        return (self.junction.first[:, None] - self.constant[:, None] * self.integral) / self.weight


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
    gauss, share = legendre.leggauss(_POINTS)
    on_nodes, series = chebyshev(degree)
    nodes = (on_nodes + 1) / 2  # the range of s is 0 to 1, that of Legendre's polynomials -1 to 1
    width = np.diff(nodes)[:, None]
    points = nodes[:-1, None] + width * (gauss + 1) / 2
    return _Grid(nodes, series, legendre.legvander(2 * points - 1, degree) @ series, width * share / 2)


def _henderson(junction: _Junction, grid: _Grid) -> _State:
    """Return Henderson's profile on concentrations: linear mixtures, along which ln C is linear in s."""
    ln_total = junction.ln_total * grid.nodes
    share = np.expm1(ln_total) / np.expm1(junction.ln_total) if junction.ln_total else grid.nodes
    change = np.exp(junction.ln_total) * junction.last - junction.first
    charge, conductance = junction.valence * junction.mobility, junction.valence**2 * junction.mobility
    excess = share * float(conductance @ change) / float(conductance @ junction.first)
    with np.errstate(invalid="ignore"):
        per_share = np.where(excess == 0, 1.0, np.log1p(excess) / excess)
    potential = -share * float(charge @ change) / float(conductance @ junction.first) * per_share
    return _State(junction, grid, potential, ln_total, np.zeros((len(junction.first), len(share))))


def _on(grid: _Grid, state: _State) -> _State:
    """Return a state on another grid."""
    if grid is state.grid:
        return state
    moved = legendre.legvander(2 * grid.nodes - 1, len(state.potential) - 1) @ state.grid.series
    return _State(state.junction, grid, moved @ state.potential, moved @ state.ln_total, state.ln_gamma @ moved.T)


def _on_concentrations(state: _State) -> _State:
    """Solve with coefficients of 1, by polynomials of growing degree until the series has converged."""
    for degree in _DEGREES:
        state = _solve(_on(_grid(degree), state))
        if _tail(state) < _TAIL_TOLERANCE:
            break
    return state


def _solve(state: _State) -> _State:
    """Solve by Newton's method for the given coefficients."""
    for _ in range(_MAX_STEPS):
        state, longest = _stepped(state)
        if longest <= _STEP_TOLERANCE:
            return state
    raise NotSettled(
        f"the stationary junction did not converge in {_MAX_STEPS} steps; valences {state.junction.valence.tolist()}"
    )


def _stepped(state: _State) -> tuple[_State, float]:
    """Take one step of Newton's method; returns the state and the size of the step."""
    z, zu = state.junction.valence, state.junction.valence * state.junction.mobility
    fraction, constant = state.fraction[:, 1:-1], state.constant
    left = np.concatenate([fraction.sum(axis=0) - 1, z @ fraction, [zu @ constant]])
    try:
        step = np.linalg.solve(_equations(state), -left)
    except np.linalg.LinAlgError as fault:
        raise NotSettled(f"a step of the stationary junction has no solution: {fault}") from fault
    longest = float(np.abs(step).max())
    if longest <= _ROUNDING:  # equal solutions have a potential of exactly 0
        return state, longest
    potential, ln_total, points = state.potential.copy(), state.ln_total.copy(), len(state.potential) - 1
    potential[1:] += step[:points]
    ln_total[1:-1] += step[points:]
    return replace(state, potential=potential, ln_total=ln_total), longest


def _equations(state: _State) -> FloatArray:
    """Return the derivatives of the sums of y and of z y at the inner nodes, and of the current.

    They are by the potential at all nodes but the first, then by ln C at the inner ones. Those by ln w, of which z
    times the potential and ln C are parts, are summed over the ions with weights of 1, z and z^2 as soon as possible.
    """
    mobility, total = state.junction.mobility, state.integral[:, -1:]
    of_integral = np.cumsum(
        state.parts.swapaxes(0, 1) @ state.grid.at_points, axis=0
    )  # shape (nodes but the first, ions, nodes)
    of_constant = -state.constant[:, None] / total * of_integral[-1]
    of_constant[:, -1:] -= state.junction.last[:, None] * state.weight[:, -1:] / total
    powers = state.junction.powers
    per_weight = powers / state.weight.T[1:-1, None, :]  # shape (inner nodes, powers, ions)
    sums = -(per_weight * state.constant) @ of_integral[:-1]
    sums -= (per_weight * state.integral.T[1:-1, None, :]) @ of_constant
    own = np.arange(len(sums))
    sums[own, :, own + 1] -= (powers @ state.fraction[:, 1:-1]).T
    n = len(sums) + 1
    equations = np.empty((2 * n - 1, 2 * n - 1))
    equations[: n - 1, :n], equations[: n - 1, n:] = sums[:, 1, 1:], sums[:, 0, 1:-1]
    equations[n - 1 : -1, :n], equations[n - 1 : -1, n:] = sums[:, 2, 1:], sums[:, 1, 1:-1]
    current = (powers[1:] * mobility) @ of_constant
    equations[-1, :n], equations[-1, n:] = current[1, 1:], current[0, 1:-1]
    return equations


def _on_activities(output: _Output, coefficients: Coefficients, state: _State) -> _State:
    """Solve with the coefficients of the profile itself, by polynomials of growing degree."""
    potential = np.inf
    for degree in _DEGREES:
        rounds, before = _Rounds(_on(_grid(degree), state), output, coefficients), potential
        # One round is enough to see whether the series will have converged.
        found = rounds.state if rounds.follow() else None
        if np.isfinite(potential) or found is None or _tail(found) < _TAIL_TOLERANCE or degree in _DEGREES[-2:]:
            found = (found and rounds.settle()) or _by_powers(_on(_grid(degree), state), output, coefficients)
            potential = float(found.potential[-1])
        state = found
        if _tail(state) < _TAIL_TOLERANCE or abs(potential - before) < _SETTLED:
            return state
    if abs(potential - before) > _UNRESOLVED:
        raise NotSettled(f"the stationary junction has a step that {len(state.potential)} places do not resolve")
    return state


def _by_powers(state: _State, output: _Output, coefficients: Coefficients) -> _State:
    """Solve with growing powers of the coefficients, from 0, where the first powers that are tried do not settle."""
    state, power, step = _solve(_henderson(state.junction, state.grid)), 0.0, _FIRST_POWER
    for _ in range(_MAX_POWERS):
        further = min(power + step, 1.0)
        found = _Rounds(state, output, coefficients, further).settle()
        if found is None:
            step /= 2
        elif further == 1:
            return found
        else:
            state, power, step = found, further, 1.5 * step
    raise NotSettled(
        f"the stationary junction on activities did not settle; valences {state.junction.valence.tolist()}"
    )


class _Rounds:
    """Rounds in which the coefficients, or a power of them, follow the profile that was found with those before."""

    def __init__(self, state: _State, output: _Output, coefficients: Coefficients, power: float = 1.0) -> None:
        self.state, self.moved, self.longest = state, np.inf, np.inf
        self._output, self._coefficients, self._power = output, coefficients, power
        self._tried: list[FloatArray] = []
        self._changes: list[FloatArray] = []

    def settle(self) -> _State | None:
        """Follow the coefficients until the potential settles; None where it does not."""
        for _ in range(_MAX_ROUNDS):
            if self.moved < _SETTLED:
                return self.state if self.longest <= _STEP_TOLERANCE else _solve(self.state)
            if not self.follow():
                return None
        return None

    def follow(self) -> bool:
        """Take a round; returns False where there is no finite one."""
        ions, nodes = len(self._output.present), len(self.state.potential)
        content = np.maximum(self._output.concentrations_mM(self.state), 0.0)
        with np.errstate(all="ignore"):
            ln_gamma = self._power * np.log(self._coefficients(content))[:, self._output.present].T
            change = ln_gamma - ln_gamma[:, :1] - self.state.ln_gamma[:ions]
            if not np.isfinite(change).all():
                return False
            self._tried = [*self._tried, self.state.ln_gamma[:ions].ravel()][-_ROUNDS_COMBINED:]
            self._changes = [*self._changes, change.ravel()][-_ROUNDS_COMBINED:]
            followed = self.state.ln_gamma.copy()
            followed[:ions] = _combined(self._tried, self._changes).reshape(ions, nodes)
            try:
                self.state, self.longest = _stepped(replace(self.state, ln_gamma=followed))
            except NotSettled:
                return False
            self.moved = _moved(self.state, change)
        return bool(np.isfinite(self.moved))


def _moved(state: _State, change: FloatArray) -> float:
    """Return the change of the potential, F V / RT, by that of ln gamma: transport numbers over valences times it."""
    conducting = state.junction.valence[:, None] * state.junction.mobility[:, None] * state.fraction
    potential = (conducting[: len(change)] * change).sum(axis=0) / (state.junction.valence @ conducting)
    return float(np.abs(potential).max())


def _combined(tried: list[FloatArray], changes: list[FloatArray]) -> FloatArray:
    """Return the mixture of what was tried, each with its change, whose change would be the smallest."""
    after = tried[-1] + changes[-1]
    if len(tried) == 1:
        return after
    of_changes = np.diff(changes, axis=0)
    parts = np.linalg.lstsq(of_changes.T, changes[-1], rcond=_ROUNDING)[0]
    return np.asarray(after - parts @ (np.diff(tried, axis=0) + of_changes))


def _tail(state: _State) -> float:
    """Return the largest of the last two Legendre coefficients of ln w."""
    return float(np.abs(state.ln_weight @ state.grid.series[-2:].T).max())


def _profile(state: _State, output: _Output) -> Profile:
    """Convert back to places, concentrations and the order in which the ions were given."""
    total_mM = state.junction.total_mM * np.exp(state.grid.at_points @ state.ln_total)
    passed = state.grid.integral((total_mM * state.grid.share).sum(axis=1))
    flux = np.zeros(output.ions)
    flux[output.present] = (state.junction.mobility * state.constant)[: len(output.present)] * passed[-1]
    potential_mV = thermal_voltage_mV(output.temperature_C) * state.potential
    return Profile(passed / passed[-1], output.concentrations_mM(state), potential_mV, flux)


def _reversed(profile: Profile) -> Profile:
    """Return the same junction from its other end."""
    potential = (profile.potential_mV - profile.potential_mV[-1])[::-1]
    return Profile(1 - profile.place[::-1], profile.concentration_mM[::-1], potential, -profile.flux)
