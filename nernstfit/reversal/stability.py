"""Stability of a zero: over the sweeps of a recording, and along the epoch from which it is taken.

One zero of a current that changes is the zero of none of its states: a bath exchange, run-down or wash-in within the
recording moves it over the sweeps; a tail that has decayed, or a current that inactivates or still activates, along
the epoch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract.terms import Leak, PotentialVerdict, Role
from nernstfit.reversal import classify, course, leak, tail
from nernstfit.reversal.capacitance import Capacitance
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.estimator import Zero
from nernstfit.reversal.holding import Holding
from nernstfit.reversal.iv import by_role, subtracted
from nernstfit.reversal.order import SweepOrder, states, sweeps
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.quantiles import Z_95, Z_99
from nernstfit.reversal.repeats import drift, repeat_numbers, repeat_sd_mV
from nernstfit.reversal.settling import LATE, MAX_SHIFT_MV, MOVES_Z, Settling, settle
from nernstfit.reversal.states import OWN_ROWS, States, joined, ranges, remedy, told_apart
from nernstfit.reversal.wander import Scatter

FloatArray = NDArray[np.float64]
_Points = Mapping[str, NDArray[Any]]

# Least step between two ranges, over the largest interval that is not ambiguous: the ranges are told apart as far as
# they matter. With half, a drift is told in twice as many ranges; with double, in one or two.
_MIN_STEP = 0.5
# Parts into which the sweeps are cut where all of them together have no valid zero, and those that may have none when
# the others agree. With half the parts a state is averaged with the next; with double each is noisier. With half of the
# others one bad part of four is not told; with double a recording that is mostly without a zero is trusted.
_MAX_PARTS, _MAX_WITHOUT = 12, 0.34
# Slope of the current early in the epoch over that in the window, from which it has decayed where the window has no
# valid zero. With half, a current that is constant within its noise has decayed; with double, a current beside a leak
# of a third of its size is not told.
_DECAYED = 2.0
_EARLIER = (Role.EARLY, Role.MIDDLE)
_SETTLING = (Role.SETTLING_1, Role.SETTLING_2, Role.SETTLING_3)
_FOLLOWING = (Role.SIGNAL, Role.FOLLOWING_1, Role.FOLLOWING_2)


@dataclass(frozen=True)
class Stability:
    """Curves and procedure of a measurement, with which its zero is found in a part of the points.

    Attributes
    ----------
    points : mapping
        Columns of the points as ingest writes them.
    curves : mapping
        Curves by role, before subtraction.
    procedure : Procedure
    charging : Capacitance or None
    iv : Curve
        Signal after subtraction.
    result : Result
        Its verdict.
    scatter : Scatter
        Scatter between the sweeps, which the errors of the points contain as far as each step has it alone.
    """

    points: Mapping[str, ArrayLike]
    curves: Mapping[Role, Curve]
    procedure: Procedure
    charging: Capacitance | None
    iv: Curve
    result: Result
    scatter: Scatter

    def over_sweeps(self) -> Result | None:
        """Return the verdict that the sweeps do not have one zero; None where they have."""
        zero, limit = self.result.zero, self.procedure.how.max_interval_mV
        if zero is None or len(zero.shifts_mV) < 2:
            return None
        found = ranges(zero.shifts_mV, repeat_sd_mV(self.iv, zero), _MIN_STEP * limit)
        if len(found) == 1:
            return None
        parts = [self._repeats(*each) for each in found]
        potentials = [self._zero_near_mV(part) for part in parts]
        known = [potential for potential in potentials if math.isfinite(potential)]
        if len(known) == len(potentials) and max(known) - min(known) <= limit:
            return None
        return states([sweeps(part) for part in parts], potentials, limit)

    def states(self) -> States:
        """Return the states that the repeats show by their zeros; none where these are one but for noise or a drift."""
        zero = self.result.zero
        if zero is None or len(zero.shifts_mV) < 2:
            return States()
        found, sd_mV = told_apart(zero.shifts_mV, repeat_sd_mV(self.iv, zero))
        parts = [self._rows(np.isin(self._repeat, own)) for own in found]
        shown = [zero.potential_mV + float(zero.shifts_mV[own].mean()) for own in found]
        potentials = [self._zero_near_mV(part) for part in parts]
        return States(
            tuple(sweeps(part) for part in parts),
            tuple(mV if math.isfinite(mV) else near for mV, near in zip(potentials, shown, strict=True)),
            tuple(sd_mV / math.sqrt(len(own)) for own in found),
            tuple(map(len, found)),
        )

    @property
    def holding(self) -> Holding:
        """Current at the holding level."""
        return self.scatter.holding

    def holding_step_mV(self) -> float:
        """Return a step of the current at the holding level between two sweeps over the slope at the zero."""
        return self.holding.step[2] / self.result.slope_nS

    def holding_drift_mV(self) -> float:
        """Return the drift of the current at the holding level over the sweeps, over the slope at the zero.

        No more than the repeats, or the levels of one series, allow: of a current that runs down as a whole, the zero
        stays where it is.
        """
        drift_mV, zero = self.holding.drift_at_pA(self.result.potential_mV) / self.result.slope_nS, self.result.zero
        if zero is None or not drift_mV:
            return drift_mV
        if len(zero.shifts_mV) < 2:
            acts_mV = abs(self.holding.drift_pA) * self.scatter.drift_at(zero.potential_mV) / self.result.slope_nS
            return math.copysign(min(abs(drift_mV), acts_mV), drift_mV)
        signal = self._signal
        sweeps = [float(signal["sweep"][self._repeat == at].mean()) for at in (0, len(zero.shifts_mV) - 1)]
        followed = (sweeps[1] - sweeps[0]) / float(np.ptp(signal["sweep"]))
        shift_mV, se_mV = drift(self.iv, zero)
        allowed_mV = (abs(shift_mV) + Z_95 * se_mV) / followed if followed > 0 else math.inf
        return math.copysign(min(abs(drift_mV), allowed_mV), drift_mV)

    @property
    def wander_mV(self) -> float:
        """Standard error of the zero by a baseline that wanders from sweep to sweep, 0 where none is named."""
        zero = self.result.zero
        if zero is None or not self.scatter.is_named:
            return 0.0
        return math.hypot(self.scatter.steps_se_mV(zero.influence_mV_per_pA), self.shared_wander_mV)

    @cached_property
    def shared_wander_mV(self) -> float:
        """Standard error of the zero by what neighbouring steps have in common of a baseline that wanders."""
        zero = self.result.zero
        return 0.0 if zero is None else self.scatter.shared_se_mV(self.iv.command_mV, zero.influence_mV_per_pA)

    def over_holding(self) -> Result | None:
        """Return the verdict that the current at the holding level steps by too much; None where it does not."""
        before, after, _ = self.holding.step
        shift_mV, limit = abs(self.holding_step_mV()), self.procedure.how.max_interval_mV
        if shift_mV <= limit:
            return None
        reason = (
            f"{self.holding.step_sentence}; over the slope at the zero this is {shift_mV:z.0f} mV, more than "
            f"max_interval_mV = {limit:g}; {OWN_ROWS}"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=remedy((before, after)))

    def over_order(self) -> Result | None:
        """Return the verdict that the order of the sweeps explains the curve: states by turns, or before and after."""
        # Of states by turns all is scatter, and would be in the errors.
        signal = dict(self._signal) | ({"se_pA": self.scatter.se_pA} if len(self.scatter.se_pA) else {})

        def found(rows: NDArray[np.bool_]) -> Result:
            return self._found({name: values[rows] for name, values in signal.items()})

        order = SweepOrder(signal, self.holding, found)
        return order.alternation() or order.step(self.result)

    def in_parts(self) -> Result | None:
        """Return the verdict that parts of the sweeps have zeros although all of them together have none that is valid.

        None where the parts have none either, or the same.
        """
        repeats, limit = int(self._repeat.max()) + 1, self.procedure.how.max_interval_mV
        ends = np.linspace(0, repeats, min(_MAX_PARTS, repeats) + 1).round().astype(int).tolist()
        parts = list(itertools.pairwise(ends))
        potentials = [self._found(self._repeats(*part)).potential_mV for part in parts]
        known = [potential for potential in potentials if math.isfinite(potential)]
        if len(known) < 2:
            return None
        if max(known) - min(known) > limit:
            alike = joined(potentials, _MIN_STEP * limit)
            spans = [sweeps(self._repeats(parts[first][0], parts[last - 1][1])) for first, last in alike]
            return states(spans, [float(np.mean(potentials[first:last])) for first, last in alike], limit)
        without = [part for part, potential in zip(parts, potentials, strict=True) if math.isnan(potential)]
        if not without or len(without) > _MAX_WITHOUT * len(parts):
            return None
        is_bad = np.any([(self._repeat >= first) & (self._repeat < last) for first, last in without], axis=0)
        bad, left = (sweeps(self._rows(rows)) for rows in (is_bad, ~is_bad))
        reason = (
            f"sweeps {bad} contradict the others, whose zeros lie between {min(known):z.1f} and {max(known):z.1f} mV; "
            f"leave them out in column sweeps: {left}"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"sweeps={left}")

    def passed(self, facts: Facts) -> Result | None:
        """Return the verdict that a larger current has passed before the window; None where none has.

        A background has it as well, and it is not asked for.

        Parameters
        ----------
        facts : Facts
        """
        if not facts.passed_pA > 0 or leak.method(self.procedure.how.leak).same_ramp:
            return None
        passed_ms = (facts.passed_from_ms, facts.passed_to_ms)
        return course.passed(facts.passed_pA, passed_ms, facts.window_ms(Role.SIGNAL))

    def along_epoch(self, facts: Facts) -> Result | None:
        """Return the verdict that the zero is not the same in the whole epoch; None where it is.

        Parameters
        ----------
        facts : Facts
        """
        earlier = [role for role in _EARLIER if role in self.curves]
        if earlier and facts.window_ms(Role.EARLY)[1] > facts.window_ms(Role.SIGNAL)[0]:
            return self._within_window(facts)
        late = self._zeros[Role.SIGNAL]
        moved = ((role, self._moved(role, late)) for role in earlier)
        role, found = next(((role, zero) for role, zero in moved if zero is not None), (Role.SIGNAL, None))
        if found is None:
            return None
        (start, stop), window = facts.window_ms(role), facts.window_ms(Role.SIGNAL)
        late_mV = f"{self.result.potential_mV:z.1f} mV from {window[0]:g} to {window[1]:g} ms"
        reason = (
            f"the zero moves along the epoch: {found.potential_mV:z.1f} mV from {start:g} to {stop:g} ms, {late_mV}; "
        )
        if found.slope_nS > self.result.slope_nS:
            before_mV = self._holding_mV + facts.prepulse_mV
            if not course.charges(self.curves[role], self.curves[Role.SIGNAL], before_mV):
                return course.tail(reason, (start, stop))
            late_ms = window[1] - (window[1] - window[0]) * LATE
            return self.unsettled(facts) or course.settles(reason, before_mV, (late_ms, window[1]))
        reason += "a current that still activates? Choose a window: one in which the current has settled"
        return Result(PotentialVerdict.AMBIGUOUS, reason)

    @property
    def _holding_mV(self) -> float:
        """Level at which the sweeps start; nan where no level before the epoch is known."""
        levels = np.asarray(self.points["command_mV"], dtype=float)[np.asarray(self.points["role"]) == Role.HOLDING]
        return float(levels[0]) if len(levels) else math.nan

    def between(self, facts: Facts) -> Result | None:
        """Return the verdict that a part of the epoch has a zero beyond those before it and in the window, or None.

        Parameters
        ----------
        facts : Facts
        """
        roles = [role for role in _SETTLING if role in self.curves and self._zeros[role]]
        before, own = (self._nearest_zero(role) for role in (Role.EARLY, *roles[:1])), self.result.zero
        first = next((zero for zero in before if zero is not None), None)
        if first is None or own is None:
            return None
        zeros = [self._moved(role, (first, *self._zeros[Role.SIGNAL]), MOVES_Z) for role in roles]
        ends = sorted((first.potential_mV, own.potential_mV))
        beyond = [zero is not None and not ends[0] < zero.potential_mV < ends[1] for zero in zeros]
        if not any(beyond):
            return None
        near = [zero or self._nearest_zero(role) or own for zero, role in zip(zeros, roles, strict=True)]
        parts = list(zip([zero.potential_mV for zero in near], self._spans_ms(roles, facts), strict=True))
        return course.evoked([*parts, (own.potential_mV, facts.window_ms(Role.SIGNAL))], beyond.index(True))

    def _spans_ms(self, roles: Sequence[Role], facts: Facts) -> list[course.Span]:
        """Return start and end of neighbouring parts of the epoch."""
        of_points, t_ms = np.asarray(self.points["role"]), np.asarray(self.points["t_ms"], dtype=float)
        middles_ms = [float(t_ms[of_points == role][0]) for role in (*roles, Role.SIGNAL)]
        onset_ms = middles_ms[-1] - sum(facts.window_ms(Role.SIGNAL)) / 2
        every_ms = [float(t_ms[of_points == role][0]) for role in _SETTLING[:2]]
        half_ms = (every_ms[1] - every_ms[0]) / 2
        return [(t - onset_ms - half_ms, t - onset_ms + half_ms) for t in middles_ms[:-1]]

    def _nearest_zero(self, role: Role) -> Zero | None:
        """Return the zero in a part of the epoch that is nearest to that of the measurement."""
        near_mV = self.result.potential_mV
        return min(self._zeros.get(role, ()), key=lambda zero: abs(zero.potential_mV - near_mV), default=None)

    def _within_window(self, facts: Facts) -> Result | None:
        """Return the verdict that the zero differs between the halves of the window of a short step, or None."""
        late = self._zeros[Role.MIDDLE]
        found = self._moved(Role.EARLY, late) if late else None
        if found is None or self.unsettled(facts) is not None:
            return self.unsettled(facts)
        (start, middle), (_, stop) = facts.window_ms(Role.EARLY), facts.window_ms(Role.MIDDLE)
        last_mV = min((zero.potential_mV for zero in late), key=lambda mV: abs(mV - found.potential_mV))
        reason = (
            f"the zero moves within the window: {found.potential_mV:z.1f} mV from {start:g} to {middle:g} ms, "
            f"{last_mV:z.1f} mV up to {stop:g} ms; the current has not settled: a clamp that settles slowly, or a "
            "current that changes? Record longer steps, or choose a window by from_ms and to_ms"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason)

    @cached_property
    def settling(self) -> Settling:
        """Zero of the settled current, where the zero moves towards it along the epoch.

        A background has the same transient, which is subtracted with it, and is known at the time of the window alone.
        """
        zero, method = self.result.zero, leak.method(self.procedure.how.leak)
        if zero is None or method.same_ramp:
            return Settling()
        if all(role in self.curves for role in _FOLLOWING):
            return self._following()
        if not all(role in self.curves for role in _SETTLING):
            return Settling()
        parts = [self.curves[role] for role in _SETTLING]
        if method.leak is Leak.LINEAR:
            ivs = self._without_line(parts)
        else:
            ivs = [iv for iv in map(self._iv, parts) if iv is not None]
        if len(ivs) < len(parts):
            return Settling()
        return self._beyond_wander(settle(ivs, self.iv, zero, self.procedure.criteria, self._part_ms(_SETTLING)))

    def _following(self) -> Settling:
        """Return the course of the zero behind a window that was chosen."""
        parts = [iv for role in _FOLLOWING if (iv := self._iv(self.curves[role])) is not None]
        if len(parts) < len(_FOLLOWING):
            return Settling()
        late = self.curves.get(Role.LATE) if Leak.of(self.procedure.how.leak) is Leak.NONE else None
        part_ms = self._part_ms(_FOLLOWING)
        return self._beyond_wander(tail.following(parts, late, self.result, self.procedure.criteria, part_ms))

    def _beyond_wander(self, found: Settling) -> Settling:
        """Return a course of the zero, none where a baseline that wanders moves it along the epoch as well."""
        zero = self.result.zero
        is_of_it = zero is not None and found.reach_mV < Z_99 * self.scatter.steps_se_mV(zero.influence_mV_per_pA)
        return Settling() if is_of_it else found

    def _part_ms(self, neighbours: Sequence[Role]) -> float:
        """Return the length of neighbouring parts of the epoch."""
        roles, t_ms = np.asarray(self.points["role"]), np.asarray(self.points["t_ms"], dtype=float)
        first_ms, second_ms = (float(t_ms[roles == role][0]) for role in neighbours[:2])
        return second_ms - first_ms

    def _without_line(self, parts: Sequence[Curve]) -> list[Curve]:
        """Return curves without the straight leak of each at the levels that show that of the signal."""
        signal = self.curves[Role.SIGNAL]
        below = leak.straight_levels(signal, self.procedure.sign)
        if below is None or any(part.size != signal.size for part in parts):
            return []
        return [leak.without_line(part, below) for part in parts]

    def unsettled(self, facts: Facts) -> Result | None:
        """Return the verdict that the zero of the settled current lies elsewhere; None where it does not.

        Parameters
        ----------
        facts : Facts
        """
        return self.settling.verdict(self.result.potential_mV, facts.window_ms(Role.SIGNAL))

    def shift_along_epoch_mV(self) -> float:
        """Return the largest significant difference between the zeros along the epoch, 0 where there is none.

        Compared are, of each window, the zeros that are nearest to that of the result.
        """
        near_mV = self.result.potential_mV
        earlier = [zeros for role, zeros in self._zeros.items() if role in _EARLIER]
        if not earlier or self.result.zero is None:
            return 0.0
        nearest = [min(found, key=lambda zero: abs(zero.potential_mV - near_mV)) for found in earlier if found]
        pairs = itertools.combinations([*nearest, self.result.zero], 2)
        differences = ((b.potential_mV - a.potential_mV, Z_99 * math.hypot(a.se_mV, b.se_mV)) for a, b in pairs)
        return max((shift for shift, error in differences if abs(shift) > error), key=abs, default=0.0)

    def decayed(self, facts: Facts) -> Result | None:
        """Return the verdict that a current with a valid zero has decayed before a window that has none.

        None where no such current shows.

        Parameters
        ----------
        facts : Facts
        """
        early = self._iv(self.curves[Role.EARLY]) if Role.EARLY in self.curves else None
        if early is None:
            return None
        found = classify.find(early, self.procedure.criteria)
        if found.bracket is None:
            return None
        late_nS = float(np.diff(np.interp(found.bracket, self.iv.voltage_mV, self.iv.current_pA))[0])
        late_nS /= found.bracket[1] - found.bracket[0]
        if found.slope_nS < _DECAYED * late_nS:
            return None
        (start, stop), window = facts.window_ms(Role.EARLY), facts.window_ms(Role.SIGNAL)
        reason = (
            f"from {window[0]:g} to {window[1]:g} ms {self.result.reason}, but from {start:g} to {stop:g} ms the "
            f"current crosses zero at {found.potential_mV:z.1f} mV with a slope of {found.slope_nS:.2g} nS, later "
            f"{late_nS:.2g} nS; "
        )
        return course.tail(reason, (start, stop))

    def _moved(self, role: Role, late: Sequence[Zero], z: float = Z_95) -> Zero | None:
        """Return a zero of an earlier signal that differs from all late ones, None where none does.

        It may be a further one: of an inactivating current beside its leak.
        """
        return next((zero for zero in self._zeros[role] if all(_differ(zero, other, z) for other in late)), None)

    @cached_property
    def _zeros(self) -> Mapping[Role, tuple[Zero, ...]]:
        """Confirmed zeros of the current in each window of the epoch."""
        earlier = [role for role in (*_EARLIER, *_SETTLING) if role in self.curves]
        ivs = {role: self._iv(self.curves[role]) for role in earlier} | {Role.SIGNAL: self.iv}
        return {role: () if iv is None else classify.zeros(iv, self.procedure.criteria) for role, iv in ivs.items()}

    @cached_property
    def _signal(self) -> _Points:
        """Points of the signal."""
        columns = {name: np.asarray(values) for name, values in self.points.items()}
        is_signal = columns["role"] == Role.SIGNAL
        return {name: values[is_signal] for name, values in columns.items()}

    @cached_property
    def _repeat(self) -> NDArray[np.int64]:
        """Number of the repeat of each point of the signal."""
        return repeat_numbers(self._signal)

    def _rows(self, rows: NDArray[np.bool_]) -> _Points:
        return {name: values[rows] for name, values in self._signal.items()}

    def _repeats(self, first: int, stop: int) -> _Points:
        """Return the points of the signal in a range of repeats."""
        return self._rows((self._repeat >= first) & (self._repeat < stop))

    def _iv(self, signal: Curve) -> Curve | None:
        """Return another signal after subtraction; None where no leak is found."""
        return subtracted(self.procedure, {**self.curves, Role.SIGNAL: signal}, self.charging)

    def _zero_near_mV(self, signal: _Points) -> float:
        """Return the confirmed zero of some points that is nearest to that of the result, nan where there is none."""
        iv = self._iv(by_role(signal, self.procedure)[Role.SIGNAL])
        near_mV, criteria = self.result.potential_mV, self.procedure.criteria
        zero = None if iv is None else classify.nearest_zero(iv, near_mV, criteria)
        return math.nan if zero is None else zero.potential_mV

    def _found(self, signal: _Points) -> Result:
        """Return the verdict on some points."""
        iv = self._iv(by_role(signal, self.procedure)[Role.SIGNAL])
        return Result(PotentialVerdict.AMBIGUOUS) if iv is None else classify.find(iv, self.procedure.criteria)


def _differ(one: Zero, other: Zero, z: float) -> bool:
    """Return whether two zeros differ by more than is tolerated along an epoch, and by more than their error."""
    shift = abs(one.potential_mV - other.potential_mV)
    return shift > max(MAX_SHIFT_MV, z * math.hypot(one.se_mV, other.se_mV))
