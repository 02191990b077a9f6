"""Profile likelihood of one ln P, or ln f: cost of fixing it at a value, with all others refitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from nernstfit.permeability import censoring
from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.inference.cell_refits import refit_cells
from nernstfit.permeability.limits import IMPERMEANT, PROFILE_REACH, REFERENCE_IMPERMEANT
from nernstfit.permeability.mixed_model import Fit, whitening
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import chi_square, minimize

FloatArray = NDArray[np.float64]

# Decrease of the sum of squares that counts as another, lower optimum, and change of the cost at which the refit of
# censored observations has converged. Both are a two-thousandth of the rise at a 95 % limit (1.92 log units). With half
# of them more refits are made for digits that no interval shows, with twice a limit may be off in its third digit.
_MIN_DECREASE, _CONVERGED = 1e-3, 1e-3

# Largest number of alternations between refit and working responses of censored observations. Four or five suffice;
# half of it still covers all but refits that do not converge, twice only lengthens those.
_MAX_ITERATIONS = 30

# Absolute tolerance of ln P of a limit, 0.01 % of a ratio. Half or twice change the last digits that tables show, and
# the time by a refit.
_LIMIT_TOLERANCE = 1e-4

# First step from the fit towards a limit, over the distance at which the cost of the linearised model has risen as
# much, and the longest step. The first usually lies just beyond the limit: with half of it a second is needed, with
# twice the limit is searched over a wider range. With half or twice of the longest a far limit takes more steps or a
# wider search.
_FIRST_STEP, _MAX_STEP = 1.3, 1.0

# Difference of ln P of two refits below which they follow the same maximum, so that one between them starts between
# them. With half of it more refits start from both; twice of it is a factor of 7 in a ratio, where two maxima may lie.
_SAME_MAXIMUM = 1.0


class Profile:
    """Profile likelihood of the ln P of one ion, as cost in log units over the best fit.

    With few data the likelihood may have several local maxima, and a refit finds the nearest. Each refit starts from
    the fit and from the refits at the nearest values on either side, so that the profile follows a maximum.

    Parameters
    ----------
    fit : Fit
    ion : int
        Index of the ion, or of the coefficient of a factor on activities.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error; they add to the
        covariance. Shape (n, 0): without systematic errors.
    """

    def __init__(self, fit: Fit, ion: int, systematic_mV: FloatArray) -> None:
        self._fit, self._i, self._systematic_mV = fit, ion, systematic_mV
        self._others = [other for other in fit.free if other != ion]
        self._found: dict[float, tuple[float, FloatArray]] = {}

    @cached_property
    def _whiten(self) -> Whitener:
        return whitening(self._fit, self._systematic_mV)

    @cached_property
    def _least(self) -> float:
        # The best fit with this covariance differs slightly from `fit`, and an ion may be absent from it.
        refitted = self._chi_square(self._fit.ln_p, self._fit.free)
        if self._i >= len(self._fit.data.ions):
            return refitted  # without what a factor multiplies another circuit is left
        return min(refitted, self._without_ion, self._without_reference)

    def at(self, ln_p: float) -> float:
        """Return the cost of fixing the ln P of the ion at a value."""
        if ln_p not in self._found:
            self._refit_from(ln_p, self._starts(ln_p))
        return self._cost(self._found[ln_p][0])

    def ln_p_at(self, ln_p: float) -> FloatArray:
        """Return the refitted ln P with that of the ion fixed at a value; shape (k,)."""
        self.at(ln_p)
        return self._found[ln_p][1]

    def _starts(self, ln_p: float) -> list[FloatArray]:
        """Return starts of the refit at a value: the refits on either side, or one between where both are alike."""
        neighbours = self._neighbours(ln_p)
        if len(neighbours) < 2:
            return [*self._from_fit(ln_p), *neighbours]
        change = neighbours[1] - neighbours[0]
        if np.abs(change).max() > _SAME_MAXIMUM:
            return neighbours
        return [neighbours[0] + (ln_p - neighbours[0][self._i]) / change[self._i] * change]

    def _from_fit(self, ln_p: float) -> tuple[FloatArray, FloatArray]:
        """Return two starts from the fit: the other ions unchanged, and shifted by the same ln P as the ion."""
        unchanged = self._with_ion_at(self._fit.ln_p, ln_p)
        along, others = unchanged.copy(), self._other_ions
        along[others] = np.clip(along[others] + ln_p - self._fit.ln_p[self._i], -PROFILE_REACH, PROFILE_REACH)
        return unchanged, along

    @property
    def _other_ions(self) -> list[int]:
        """Other ln P that are refitted, without ln f."""
        return [other for other in self._others if other < len(self._fit.data.ions)]

    def limit(self, rise: float, side: int) -> float:
        """Return ln P at which the cost has risen above its minimum by `rise`, on one side.

        Parameters
        ----------
        rise : float
            In log units.
        side : int
            -1: below the fit; 1: above.

        Returns
        -------
        float
            -inf or inf where the cost stays below.
        """
        places = [float(np.clip(self._fit.ln_p[self._i], -REFERENCE_IMPERMEANT, REFERENCE_IMPERMEANT))]
        costs = [self.at(places[0])]
        while costs[-1] <= min(costs) + rise:
            if abs(places[-1]) > 2 * PROFILE_REACH:
                return side * math.inf
            places.append(places[-1] + side * (_MAX_STEP if len(places) > 1 else self._first_step(rise)))
            costs.append(self.at(places[-1]))
            if costs[-1] > min(costs) + rise:
                self._follow_other_maximum(places, side)
                costs = [self.at(place) for place in places]
        level = min(costs) + rise
        last = max(number for number, cost in enumerate(costs) if cost <= level)
        return self._crossing(level, sorted(places[last : last + 2]), side)

    def _first_step(self, rise: float) -> float:
        """Return the distance from the fit at which a limit is first sought."""
        columns = self._fit.data.columns(self._fit.gradient, self._fit.ln_p, [self._i, *self._others])
        white = self._whiten(columns)
        variance = float(np.linalg.pinv(white.T @ white)[0, 0])
        # Of an ion that ran away nothing is known where the fit is.
        return min(_MAX_STEP, _FIRST_STEP * math.sqrt(2 * rise * variance)) if variance > 0 else _MAX_STEP

    def _crossing(self, level: float, ends: Sequence[float], side: int) -> float:
        """Return the outermost place between two others at which the cost passes a level."""
        known = sorted((p for p in self._found if ends[0] <= p <= ends[1]), key=lambda p: side * p)
        beyond = [self.at(place) > level for place in known]
        outer = next(number for number in range(len(known) - 1, 0, -1) if beyond[number] and not beyond[number - 1])

        def excess(ln_p: float) -> float:
            # The root of the cost is close to linear.
            return math.sqrt(max(0.0, self.at(ln_p))) - math.sqrt(max(0.0, level))

        return float(optimize.brentq(excess, *known[outer - 1 : outer + 1], xtol=_LIMIT_TOLERANCE))

    def _follow_other_maximum(self, places: Sequence[float], side: int) -> None:
        """Search for another maximum beyond the last of these places, and follow it back while it is the higher."""
        beyond = places[-1] + side * _MAX_STEP
        start = self._with_ion_at(self._fit.ln_p, beyond)
        removed = [(other, at) for other in self._other_ions for at in (-IMPERMEANT, IMPERMEANT)]
        starts = [self._with_ion_at(start, at, other) for other, at in removed]
        self._refit_from(beyond, [*self._neighbours(beyond), *starts])
        for place in reversed(places):
            before = self._found[place][0]
            if self._refit_from(place, self._neighbours(place)) > before - _MIN_DECREASE:
                break

    def _neighbours(self, ln_p: float) -> list[FloatArray]:
        """Return the refits at the nearest values on either side, as far as there are any."""
        below, above = [p for p in self._found if p < ln_p], [p for p in self._found if p > ln_p]
        return [self._found[nearest(side)][1] for nearest, side in ((max, below), (min, above)) if side]

    def _with_ion_at(self, ln_p: FloatArray, value: float, ion: int | None = None) -> FloatArray:
        changed = ln_p.copy()
        changed[self._i if ion is None else ion] = value
        return changed

    def _refit_from(self, ln_p: float, starts: Sequence[FloatArray]) -> float:
        """Refit from these starts, and return the lowest sum of squares found so far at this value."""
        begun = np.unique([self._with_ion_at(start, ln_p) for start in starts], axis=0)
        for found, reached in zip(*refit(self._fit, begun, self._others, self._whiten), strict=True):
            if ln_p not in self._found or reached < self._found[ln_p][0]:
                self._found[ln_p] = (float(reached), found)
        return self._found[ln_p][0]

    def without_ion(self) -> float:
        """Return the cost of removing the ion."""
        return self._cost(self._without_ion)

    def without_reference(self) -> float:
        """Return the cost of removing the reference ion, which makes this ratio infinite."""
        return self._cost(self._without_reference)

    @cached_property
    def _without_ion(self) -> float:
        start = self._fit.ln_p.copy()
        start[self._i] = -math.inf
        return self._chi_square(start, self._others)

    @cached_property
    def _without_reference(self) -> float:
        if self._fit.data.parameters.fixed:
            # Held ratios vanish with the reference ion; what is tied to this ion goes with it.
            return self._chi_square(self._from_fit(PROFILE_REACH)[1], self._others)
        # The ion itself, which is not refitted, then sets the scale of the ratios.
        start, k = self._fit.ln_p.copy(), len(self._fit.data.ions)
        start[:k] = np.clip(start[:k] - start[self._i], -PROFILE_REACH, PROFILE_REACH)
        start[self._fit.data.ions.index(self._fit.reference)] = -math.inf
        return self._chi_square(start, self._others)

    def _chi_square(self, start: FloatArray, free: Sequence[int]) -> float:
        return float(refit(self._fit, start[None], free, self._whiten)[1][0])

    def _cost(self, chi_square: float) -> float:
        return (chi_square - self._least) / 2


def refit(fit: Fit, starts: FloatArray, free: Sequence[int], whiten: Whitener) -> tuple[FloatArray, FloatArray]:
    """Refit some ln P, all others fixed, from several starts.

    Parameters
    ----------
    fit : Fit
    starts : ndarray, shape (starts, k)
        Starts of the free ln P and values of the others; -inf is an impermeant ion.
    free : sequence of int
        Indices of the ln P that are refitted.
    whiten : Whitener
        Whitens by the covariance of the working responses of the fit.

    Returns
    -------
    ln_p : ndarray, shape (starts, k)
    cost : ndarray, shape (starts,)
        -2 ln likelihood up to a constant; inf where some measurement has no reversal potential with these ions.
    """
    if fit.working.deviation is not None:
        of_cells = [refit_cells(fit, start, free, whiten) for start in starts]
        return np.array([ln_p for ln_p, _ in of_cells]), np.array([cost for _, cost in of_cells])
    if not fit.data.censored.size:
        return minimize(fit.working, starts, free, whiten)
    refitted = [_refit_censored(fit, start, free, whiten) for start in starts]
    return np.array([ln_p for ln_p, _ in refitted]), np.array([cost for _, cost in refitted])


def _refit_censored(fit: Fit, start: FloatArray, free: Sequence[int], whiten: Whitener) -> tuple[FloatArray, float]:
    """Alternate refits and updates of the working responses of censored observations."""
    limited = np.isin(np.arange(fit.data.size), fit.data.censored)
    # Possible gross errors keep the weight that they have in the fit.
    measured = fit.data.with_potentials(
        fit.data.potential_mV - fit.curvature_bias_mV, np.where(limited, fit.data.se_mV, fit.working.se_mV)
    )

    def whitening_of(at: Observations) -> Whitener:
        return whiten.with_structure(CovarianceComponents(at, fit.gradient))

    def precision(at: Observations) -> censoring.Precision:
        own = whitening_of(at)
        return lambda residual: (own.precision_times(residual), own.precision_diagonal)

    found, working, cost = start, fit.working, math.inf
    for _ in range(_MAX_ITERATIONS):
        predicted = fit.data.predict(found)
        if not np.isfinite(predicted).all():
            break
        working, log_factor = censoring.update(measured, working, predicted, precision, False)
        at = whitening_of(working)
        before, cost = cost, chi_square(working, found, at) + at.log_determinant - 2 * log_factor
        if abs(before - cost) < _CONVERGED:
            break
        found = minimize(working, found[None], free, at)[0][0]
    return found, cost
