"""Usual causes of potentials that contradict the Goldman-Hodgkin-Katz equation, in the order of their likelihood.

Each cause is an alternative reading of the same potentials: other solutions at some rows, another correction, one
further effect. All are fitted at once by least squares with the covariance of cells which may have any mean in each
bath, so that the contradiction itself counts as no error, and again with cells that differ as little as usual, since a
wrong reading of one cell passes for a large difference between cells. The likelier of both counts. The order is that of

    -2 ln L + q ln n + 2 ln m,    -2 ln L = n ln s^2 + ln |V| + Q / s^2,    s^2 = max(1, Q / n),

with V the covariance, Q the sum of squares of the n whitened residuals, q = 1 for a further effect (Schwarz 1978, Ann
Stat 6:461), and m the number of causes of the same kind: each kind is equally likely beforehand. Of single measurements
and cells those are looked at that contradict the fit most. The likeliest causes are fitted again in full; those that
the data reject too are left out, and those that this fit makes far less likely than another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.reasons import RatioReason
from nernstfit.permeability.covariance import CovarianceComponents, VarianceComponents, Whitener
from nernstfit.permeability.inference.effects import condition_indicators, f_test
from nernstfit.permeability.inference.readings import Cause, Corrections
from nernstfit.permeability.limits import MAX_GAUSS_STEP, MAX_LN_P
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.observations import Observations
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Measurements that are looked at singly, or exchanged with another one of their cell. A slip in one row is among the
# first three; with half of it two slips together may hide one, with double the time of a large group doubles.
_MAX_SUSPECTS = 12
# Standard deviation of ln P between cells that are read rightly, 10 % of a ratio. With half of it cells that differ as
# they usually do seem to be read wrongly, with twice a wrong reading of one cell among three passes for a difference.
_USUAL_SD = 0.1
# Most steps of the least squares, from two starts, and the relative decrease of all sums of squares that ends them.
# Usually eight are taken; with half of the most, those that have to cross from one side of a ratio of 1 to the other
# may stay on the way, twice as many change no order, and nor does half or twice of the decrease.
_STEPS, _NO_GAIN = 30, 1e-6
# First and least damping of Levenberg-Marquardt's method, and its factor from step to step, as they are usually chosen;
# half or twice of any changes the number of steps by one or two.
_DAMPING, _MIN_DAMPING, _DAMPING_FACTOR = 1e-3, 1e-9, 10.0


@dataclass(frozen=True)
class Screened:
    """A cause after the least squares.

    Attributes
    ----------
    cause : Cause
    criterion, penalty : float
        -2 ln likelihood with its penalties, see above, and these alone.
    ln_p : ndarray, shape (k,)
    size : float
        Fitted size of the effect.
    """

    cause: Cause
    criterion: float
    penalty: float
    ln_p: FloatArray
    size: float


def by_likelihood(fitted: Fit, systematic_mV: FloatArray, corrections: Corrections) -> list[Screened]:
    """Return the usual causes, the likeliest first.

    Parameters
    ----------
    fitted : Fit
        Of a rejected model.
    systematic_mV : ndarray, shape (n, sources)
    corrections : Corrections
    """
    means = f_test(fitted, condition_indicators(fitted), systematic_mV)
    components = fitted.components if means is None else means.components
    usual = _usual(components, fitted.offset_scale_mV)
    structure = CovarianceComponents(fitted.working, fitted.gradient)
    whitenings = [Whitener(structure, own, systematic_mV) for own in dict.fromkeys((components, usual))]
    suspects = _suspects(fitted, components)
    kinds = [(list(kind), number) for kind, number in _kinds(fitted.data, corrections, suspects)]
    causes = [cause for kind, _ in kinds for cause in kind]
    number, n = np.array([max(number, len(kind)) for kind, number in kinds for _ in kind]), fitted.data.size
    penalty = np.array([math.log(n) * bool(cause.effect.any()) for cause in causes]) + 2 * np.log(number)
    fits = [_fit_all(fitted, causes, whiten) for whiten in whitenings]
    deviance = np.array([_deviance(square, n, own) for (_, square, _), own in zip(fits, whitenings, strict=True)])
    found = [
        Screened(cause, float(deviance[k, i] + penalty[i]), float(penalty[i]), fits[k][0][i], float(fits[k][2][i]))
        for i, (cause, k) in enumerate(zip(causes, deviance.argmin(axis=0).tolist(), strict=True))
    ]
    return sorted((each for each in found if math.isfinite(each.criterion)), key=lambda each: each.criterion)


def _usual(components: VarianceComponents, offset_scale_mV: float) -> VarianceComponents:
    """Return the components with standard deviations between cells that are not larger than usual."""
    ln_p = tuple(min(sd, _USUAL_SD) for sd in components.ln_p)
    return replace(components, ln_p=ln_p, offset_mV=min(components.offset_mV, offset_scale_mV))


def _deviance(square: FloatArray, n: int, whiten: Whitener) -> FloatArray:
    """Return -2 ln likelihood of n potentials for sums of squares; inf where one is not finite."""
    known = np.where(np.isfinite(square), square, 0.0)
    scale = np.maximum(1.0, known / n)
    deviance = n * np.log(scale) + whiten.log_determinant + known / scale
    return np.where(np.isfinite(square), deviance, math.inf)


def _whitened(whiten: Whitener, values: FloatArray) -> FloatArray:
    """Return whitened values of all causes, shapes (causes, n, m) and (causes, rows, m)."""
    causes, n, m = values.shape
    white = whiten(values.swapaxes(0, 1).reshape(n, causes * m))
    return np.ascontiguousarray(white.reshape(-1, causes, m).swapaxes(0, 1))


def _suspects(fitted: Fit, components: VarianceComponents) -> list[int]:
    """Return the measurements that deviate most from what the others of their cell predict, in standard deviations."""
    whiten = Whitener(CovarianceComponents(fitted.working, fitted.gradient), components)
    deviation = np.abs(whiten.precision_times(fitted.residual_mV)) / np.sqrt(whiten.precision_diagonal)
    return [int(i) for i in np.argsort(-deviation, kind="stable")[:_MAX_SUSPECTS]]


def _kinds(
    data: Observations, corrections: Corrections, suspects: Sequence[int]
) -> Iterator[tuple[Iterator[Cause], int]]:
    """Yield the causes of each kind, and how many there are where not all are looked at."""
    own = _Causes(data, corrections, suspects)
    yield own.outliers(), data.size
    yield own.wrong_baths(), 0
    yield own.exchanged_baths(), 0
    yield own.exchanged_measurements(), sum(math.comb(int((block >= 0).sum()), 2) for block in data.blocks)
    if all(condition.pipette for condition in data.conditions):
        yield own.exchanged_sides(), 0
        yield own.exchanged_sides_of_cells(), len(data.cell_names)
        yield own.exchanged_sides_of_measurements(), data.size
    yield own.opposite_sign(), 0
    yield own.opposite_sign_of_cells(), len(data.cell_names)
    yield own.opposite_sign_of_measurements(), data.size
    yield own.junctions(), 0
    yield own.common_shift(), 0
    yield own.drift(), 0
    yield own.series_resistance(), 0
    yield own.mixtures(), 0
    yield own.trends(), 0


@dataclass(frozen=True)
class _Causes:
    """Causes by kind; `suspects` are the measurements that are looked at singly."""

    data: Observations
    corrections: Corrections
    suspects: Sequence[int]

    def outliers(self) -> Iterator[Cause]:
        """Yield for single measurements that it is a gross error."""
        for i in self.suspects:
            names = {"measurement": self.data.measurements[i], "cell": self.data.cells[i], "bath": self._baths[i]}
            yield self._left_out(RatioReason.WITHOUT_MEASUREMENT, [i], names)

    def wrong_baths(self) -> Iterator[Cause]:
        """Yield for each bath that it is not what the table has."""
        for bath in sorted(set(self._baths)):
            rows = [i for i, other in enumerate(self._baths) if other == bath]
            yield self._left_out(RatioReason.WITHOUT_BATH, rows, {"bath": bath})

    def exchanged_baths(self) -> Iterator[Cause]:
        """Yield for every two baths that they have each other's name."""
        for one, two in combinations(sorted(set(self._baths)), 2):
            other = {one: two, two: one}
            rows = [self._row_in(i, other[bath]) if bath in other else i for i, bath in enumerate(self._baths)]
            if None not in rows:
                yield self._with_solutions_of(RatioReason.EXCHANGED_BATHS, rows, {"bath": one, "other": two})

    def exchanged_measurements(self) -> Iterator[Cause]:
        """Yield for two measurements of a cell, one of them suspect, that they have each other's bath."""
        cells, baths, suspects = self.data.cells, self._baths, set(self.suspects)
        pairs = {
            (min(i, j), max(i, j))
            for i in suspects
            for j in range(self.data.size)
            if cells[i] == cells[j] and baths[i] != baths[j]
        }
        for i, j in sorted(pairs):
            rows = np.arange(self.data.size)
            rows[[i, j]] = j, i
            names = {"measurement": self.data.measurements[i], "other": self.data.measurements[j]}
            yield self._with_solutions_of(RatioReason.EXCHANGED_MEASUREMENTS, rows.tolist(), names)

    def exchanged_sides(self) -> Iterator[Cause]:
        """Yield that every bath is the pipette's solution, and the reverse."""
        yield from self._exchanged(RatioReason.EXCHANGED_SIDES, range(self.data.size), {})

    def exchanged_sides_of_cells(self) -> Iterator[Cause]:
        """Yield the same for each cell with a suspect measurement."""
        for name, rows in self._suspect_cells():
            yield from self._exchanged(RatioReason.EXCHANGED_SIDES_OF_CELL, rows, {"cell": name})

    def exchanged_sides_of_measurements(self) -> Iterator[Cause]:
        """Yield the same for single measurements."""
        for i in self.suspects:
            names = {"measurement": self.data.measurements[i]}
            yield from self._exchanged(RatioReason.EXCHANGED_SIDES_OF_MEASUREMENT, [i], names)

    def opposite_sign(self) -> Iterator[Cause]:
        """Yield that every potential has the opposite sign."""
        yield self._negative(RatioReason.OPPOSITE_SIGN, range(self.data.size), {})

    def opposite_sign_of_cells(self) -> Iterator[Cause]:
        """Yield the same for each cell with a suspect measurement."""
        for name, rows in self._suspect_cells():
            yield self._negative(RatioReason.OPPOSITE_SIGN_OF_CELL, rows, {"cell": name})

    def opposite_sign_of_measurements(self) -> Iterator[Cause]:
        """Yield the same for single measurements."""
        for i in self.suspects:
            names = {"measurement": self.data.measurements[i]}
            yield self._negative(RatioReason.OPPOSITE_SIGN_OF_MEASUREMENT, [i], names)

    def junctions(self) -> Iterator[Cause]:
        """Yield that the junction potentials have the other sign, or that one was, or was not, corrected for before."""
        for reason, times in ((RatioReason.JUNCTION_REVERSED, 2.0), (RatioReason.JUNCTION_TWICE, 1.0)):
            if self.corrections.junction_mV.any():
                yield replace(self._unchanged(reason), shift_mV=-times * self.corrections.junction_mV)
        if already_mV := self.corrections.already_mV:
            side = np.array([condition.sign for condition in self.data.conditions])
            names = {"mV": f"{already_mV:+.1f}"}
            for reason, times in ((RatioReason.ALREADY_CORRECTED, 1.0), (RatioReason.ALREADY_OPPOSITE, 2.0)):
                yield replace(self._unchanged(reason, names), shift_mV=-times * already_mV * side)

    def common_shift(self) -> Iterator[Cause]:
        """Yield that all potentials are shifted alike."""
        yield replace(self._unchanged(RatioReason.COMMON_SHIFT), effect=np.ones(self.data.size))

    def drift(self) -> Iterator[Cause]:
        """Yield that the potentials of each cell drift from its first measurement on, in mV per minute."""
        minutes = self.corrections.time_s / 60
        is_known = bool(np.isfinite(minutes).all())
        for block in self.data.blocks if is_known else ():
            rows = block[block >= 0]
            minutes[rows] -= minutes[rows].min()
        if is_known and minutes.any():
            yield replace(self._unchanged(RatioReason.DRIFT), effect=minutes)

    def series_resistance(self) -> Iterator[Cause]:
        """Yield that the correction for the series resistance has the wrong size."""
        if self.corrections.rs_shift_mV.any():
            yield replace(self._unchanged(RatioReason.SERIES_RESISTANCE), effect=self.corrections.rs_shift_mV)

    def mixtures(self) -> Iterator[Cause]:
        """Yield for each mixture series that its mixtures deviate from its pure baths."""
        for series in self.corrections.mixtures:
            yield replace(self._unchanged(RatioReason.MIXTURE, {"ions": "/".join(series.ions)}), effect=series.effect)

    def trends(self) -> Iterator[Cause]:
        """Yield for each ion that its permeability changes with its activity in the bath."""
        for ion, effect in self.corrections.trends.items():
            yield replace(self._unchanged(RatioReason.PERMEABILITY_TREND, {"ion": ion}), effect=effect)

    @property
    def _baths(self) -> tuple[str, ...]:
        return tuple(condition.bath for condition in self.data.conditions)

    def _row_in(self, row: int, bath: str) -> int | None:
        """Return an observation in another bath that is otherwise alike, of the same cell where it has one."""
        wanted = _place(replace(self.data.conditions[row], bath=bath))
        return self._rows_at.get((self.data.cells[row], wanted), self._rows_at.get(("", wanted)))

    @cached_property
    def _rows_at(self) -> dict[tuple[str, Condition], int]:
        """First observation of each cell, and ('') of all, in each bath, whatever the temperature."""
        found: dict[tuple[str, Condition], int] = {}
        for i, (cell, condition) in enumerate(zip(self.data.cells, self.data.conditions, strict=True)):
            for key in (cell, ""):
                found.setdefault((key, _place(condition)), i)
        return found

    def _unchanged(self, reason: RatioReason, names: Mapping[str, str] | None = None) -> Cause:
        n = self.data.size
        return Cause(reason, np.arange(n), np.ones(n), np.zeros(n), np.zeros(n), names=names or {})

    def _left_out(self, reason: RatioReason, rows: Sequence[int], names: Mapping[str, str]) -> Cause:
        effect = np.isin(np.arange(self.data.size), rows).astype(float)
        return replace(self._unchanged(reason, names), effect=effect, leaves_out=True)

    def _with_solutions_of(self, reason: RatioReason, rows: Sequence[int | None], names: Mapping[str, str]) -> Cause:
        """Return the cause that each observation had the solutions, and so the junction, of another."""
        of, junction = np.array(rows, dtype=np.int64), self.corrections.junction_mV
        return replace(self._unchanged(reason, names), rows=of, shift_mV=junction[of] - junction)

    def _exchanged(self, reason: RatioReason, rows: Sequence[int], names: Mapping[str, str]) -> Iterator[Cause]:
        """Yield the cause that bath and pipette are exchanged in some rows; the junction then is another one."""
        is_there = np.isin(np.arange(self.data.size), list(rows))
        junction_mV = np.array([self._junction_exchanged[condition] for condition in self.data.conditions])
        shift_mV = np.where(is_there, junction_mV - self.corrections.junction_mV, 0.0)
        if np.isfinite(shift_mV).all():
            yield replace(self._unchanged(reason, names), side=np.where(is_there, -1.0, 1.0), shift_mV=shift_mV)

    @cached_property
    def _junction_exchanged(self) -> dict[Condition, float]:
        """Junction correction of each condition with bath and pipette exchanged."""
        return {
            condition: self.corrections.junction_of(replace(condition, bath=condition.pipette, pipette=condition.bath))
            for condition in set(self.data.conditions)
        }

    def _negative(self, reason: RatioReason, rows: Sequence[int], names: Mapping[str, str]) -> Cause:
        """Return the cause that some potentials have the opposite sign.

        The negative potential of a membrane is that with its sides exchanged; the junction keeps its sign.
        """
        is_there = np.isin(np.arange(self.data.size), list(rows))
        shift_mV = np.where(is_there, -2 * self.corrections.junction_mV, 0.0)
        return replace(self._unchanged(reason, names), side=np.where(is_there, -1.0, 1.0), shift_mV=shift_mV)

    def _suspect_cells(self) -> Iterator[tuple[str, list[int]]]:
        """Yield the cells with a suspect measurement among several, each with its rows."""
        for name in sorted({self.data.cells[i] for i in self.suspects}) if len(self.data.cell_names) > 1 else ():
            yield name, [i for i, cell in enumerate(self.data.cells) if cell == name]


def _place(condition: Condition) -> Condition:
    """Return a condition whatever its temperature."""
    return replace(condition, temperature_C=0.0)


def _fit_all(fitted: Fit, causes: Sequence[Cause], whiten: Whitener) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit ln P under every cause by Levenberg-Marquardt's method, from the fit and from equal permeabilities.

    Returns
    -------
    ln_p : ndarray, shape (causes, k)
    square : ndarray, shape (causes,)
        Sum of squares; inf where an observation has no potential.
    size : ndarray, shape (causes,)
        Size of the effect.
    """
    equal = fitted.ln_p.copy()
    equal[list(fitted.free)] = 0.0
    squares = _LeastSquares(fitted, causes, whiten)
    of_starts = [squares.minimize(start) for start in (fitted.ln_p, equal)]
    which = np.argmin([square for _, square, _ in of_starts], axis=0)
    ln_p, square, size = (np.stack(values) for values in zip(*of_starts, strict=True))
    at = which, np.arange(len(causes))
    return ln_p[at], square[at], size[at]


class _LeastSquares:
    """Weighted least squares under all causes at once; the effects are projected out, since they enter linearly."""

    def __init__(self, fitted: Fit, causes: Sequence[Cause], whiten: Whitener) -> None:
        self._data, self._free, self._whiten = fitted.data, list(fitted.free), whiten
        self._rows = np.stack([cause.rows for cause in causes])
        self._side = np.stack([cause.side for cause in causes])
        self._potential = fitted.of_mean_cell_mV + np.stack([cause.shift_mV for cause in causes])
        effect = _whitened(whiten, np.stack([cause.effect for cause in causes])[..., None])[..., 0]
        self._length = np.maximum(np.linalg.norm(effect, axis=1), np.finfo(float).tiny)
        self._effect = effect / self._length[:, None]

    def minimize(self, start: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return ln P, sum of squares and size of the effect under each cause, from one start."""
        ln_p = np.tile(start, (len(self._rows), 1))
        residual, columns, size = self._linearized(ln_p)
        square, damping = _squares(residual), np.full(len(ln_p), _DAMPING)
        for _ in range(_STEPS if self._free else 0):
            trial = ln_p.copy()
            step = np.clip(_damped_step(columns, residual, damping), -MAX_GAUSS_STEP, MAX_GAUSS_STEP)
            trial[:, self._free] = np.clip(trial[:, self._free] + step, -MAX_LN_P, MAX_LN_P)
            found = self._linearized(trial)
            of_trial = _squares(found[0])
            better = of_trial < square
            gains = bool((square[better] - of_trial[better] > _NO_GAIN * (1 + of_trial[better])).any())
            ln_p[better], square[better] = trial[better], of_trial[better]
            for old, new in zip((residual, columns, size), found, strict=True):
                old[better] = new[better]
            if better.any() and not gains:
                break
            damping = np.maximum(np.where(better, damping / _DAMPING_FACTOR, damping * _DAMPING_FACTOR), _MIN_DAMPING)
        return self._data.parameters.completed(ln_p), square, size

    def _linearized(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return whitened residuals and columns beside the effects, and the sizes of these.

        Shapes (causes, rows), (causes, rows, free) and (causes,).
        """
        predicted, gradient = self._data.prediction(ln_p)
        predicted = self._side * np.take_along_axis(predicted, self._rows, axis=1)
        gradient = self._side[..., None] * np.take_along_axis(gradient, self._rows[..., None], axis=1)
        both = [(self._potential - predicted)[..., None], self._data.columns(gradient, ln_p, self._free)]
        white = _whitened(self._whiten, np.concatenate(both, axis=-1))
        residual, columns = white[..., 0], white[..., 1:]
        along = np.einsum("cn,cn->c", self._effect, residual)
        residual = residual - along[:, None] * self._effect
        columns = columns - self._effect[..., None] * np.einsum("cn,cnf->cf", self._effect, columns)[:, None, :]
        return residual, columns, along / self._length


def _squares(residual: FloatArray) -> FloatArray:
    """Return sums of squares, inf where one is not finite."""
    square = np.square(residual).sum(axis=-1)
    return np.asarray(np.where(np.isfinite(square), square, math.inf))


def _damped_step(columns: FloatArray, residual: FloatArray, damping: FloatArray) -> FloatArray:
    """Return the steps of Levenberg-Marquardt's method, shape (causes, free); 0 where a column is not finite."""
    sound = np.asarray(np.isfinite(columns).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1))
    columns = np.where(sound[:, None, None], columns, 0.0)
    square = columns.swapaxes(1, 2) @ columns
    diagonal = np.einsum("cff->cf", square)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = square / scale[:, :, None] / scale[:, None, :] + damping[:, None, None] * np.eye(square.shape[1])
    right = np.einsum("cnf,cn->cf", columns, np.where(sound[:, None], residual, 0.0)) / scale
    return np.asarray(np.linalg.solve(scaled, right[..., None])[..., 0] / scale)
