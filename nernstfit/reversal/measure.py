"""Measurement of one reversal potential: from the points of a recording to potentials on the pipette's command.

Notation: raw is the zero of the unsubtracted current against the command; leak_shift and rs_shift
are what subtraction and series resistance add to it, in this order, so that
reversal = raw + leak_shift + rs_shift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nernstfit.contract.terms import REACH_MV, Leak, PotentialVerdict, Role
from nernstfit.reversal import capacitance, classify, drop, holding, leak, pulse, transient, wander
from nernstfit.reversal.capacitance import Capacitance, Estimate, Source
from nernstfit.reversal.charge import OverRepeats
from nernstfit.reversal.charging import LAGS, Charging, beside_limit, contradiction, known_capacitance, onset_nS
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.iv import by_role, by_speed, subtracted
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.quantiles import Z_95
from nernstfit.reversal.repeats import drift, scatter_se_mV
from nernstfit.reversal.settling import Settling
from nernstfit.reversal.stability import Stability
from nernstfit.reversal.states import States
from nernstfit.reversal.tail import Rest, rest

POTENTIALS = (
    *("raw_mV", "leak_shift_mV", "rs_shift_mV", "reversal_mV", "se_mV", "low_mV", "high_mV", "slope_nS"),
    *("further_se_mV", "capacitance_shift_mV", "delay_shift_mV", *REACH_MV),
    *("drift_mV", "drift_se_mV", "charge_pC"),
)
# Standard error of a mean by hum over that by noise, from which it is flagged. With half, hum that hardly widens an
# interval is flagged; with double, not that which shifts the zero by half of its standard error.
_MIN_HUM = 0.5
# Standard errors of a drift over the repeats from which it is flagged. Chance exceeds 2.6 in 1 % of recordings; with
# half in 19 %; with double never, but then drifts of five standard errors are not flagged either.
_MIN_DRIFT_Z = 2.6

# Reach of the 95 % interval over the shift of the zero along the epoch: a tail has decayed in part before the early
# window already. With half, nine in ten simulated tails beside a leak miss the zero at their start, with it one in ten;
# with double, shifts from 1.7 mV on would be refused as too wide.
_REACH_ALONG_EPOCH = 1.5
# The same over a drift: to the zeros of the first and the last sweep. With half, they lie outside; with double, a drift
# of half of max_interval_mV would be refused.
_REACH_OF_DRIFT = 0.5

_SCATTERS = (
    "the zeros of the repeats scatter by more than their noise, and few repeats show poorly by how much: is one of "
    "them off? Select repeats in column sweeps, or record more"
)
_SLOW_CHANNELS = "channels that open or close on the way: record slower ramps or steps"


@dataclass(frozen=True)
class Measurement:
    """One measured reversal potential, or the verdict that there is none.

    Attributes
    ----------
    procedure : Procedure
    facts : Facts
    curves : mapping
        I-V curves by role, each on its own corrected axis, before subtraction.
    iv : Curve
        The signal after subtraction.
    result : Result
        Verdict and numbers of `iv`.
    charging : Capacitance or None
        Capacitance of the membrane that a ramp charges; None for steps.
    shift_along_epoch_mV : float
        Significant shift of the zero along the epoch, too small to be ambiguous; 0 where there is none.
    settling : Settling
        Relaxation of the zero towards that of the settled current.
    holding_step_mV, holding_drift_mV : float
        Step between two sweeps, and drift over all, of the current at the holding level over the slope at the zero.
    shared_wander_mV, wander_mV : float
        Standard error of the zero by a baseline that wanders beyond the errors of the steps, and all of it if named.
    over_repeats : OverRepeats
    states : States
        States with zeros of their own that the repeats show.
    """

    procedure: Procedure
    facts: Facts
    curves: Mapping[Role, Curve]
    iv: Curve
    result: Result
    charging: Capacitance | None
    shift_along_epoch_mV: float = 0.0
    settling: Settling = field(default_factory=Settling)
    holding_step_mV: float = 0.0
    holding_drift_mV: float = 0.0
    shared_wander_mV: float = 0.0
    wander_mV: float = 0.0
    over_repeats: OverRepeats = field(default_factory=OverRepeats)
    states: States = field(default_factory=States)

    @property
    def measured_capacitance(self) -> Estimate:
        """Membrane capacitance as this recording shows it; nan where it does not."""
        own, curves = self.charging, self.curves
        return own.measured if own else known_capacitance(curves, self.facts, self.procedure).recording

    @property
    def serves_only(self) -> bool:
        """True where the recording has no I-V curve, but its steps determine the membrane capacitance."""
        measured = self.measured_capacitance
        return pulse.is_pulse(self.curves[Role.SIGNAL], measured) and measured.shows

    @property
    def hums(self) -> bool:
        """True where hum that does not average out counts beside the noise of a level."""
        return self.facts.hum_left_pA / math.sqrt(2) > _MIN_HUM * float(np.median(self.curves[Role.SIGNAL].se_pA))

    @property
    def capacitance_shift_mV(self) -> float:
        """Possible shift from a ramp's zero to the truth by charging the membrane (95 % limit, one-sided).

        By a capacitance that is not known, by one whose current the amplifier may have cancelled, or by one that is
        known, behind a series resistance that is not.
        """
        return 0.0 if self.charged is None else self.charged.shift_mV

    @cached_property
    def charged(self) -> Charging | None:
        """Ramp that charges the membrane; None for steps, and without a zero."""
        zero, charging, how = self.result.zero, self.charging, self.procedure
        if zero is None or charging is None:
            return None
        # Behind a known resistance that of the zero is the membrane's.
        slope_nS = zero.slope_nS / (1 + zero.slope_nS * (how.series_MOhm or 0.0) * 1e-3)
        return Charging(
            charging,
            self._speed_mV_per_ms,
            slope_nS,
            how.series_MOhm,
            how.configuration,
            has_background=leak.method(how.how.leak).same_ramp,
            hidden_fraction=self._hidden_from_steps(charging, slope_nS),
            onset_nS=onset_nS(self.curves[Role.SIGNAL]) if math.isfinite(self.facts.corner_pF) else math.nan,
        )

    def _hidden_from_steps(self, charging: Capacitance, slope_nS: float) -> float:
        """Return the part of a conductance that did not act on the capacitance as it acts on the ramp.

        Across the same resistance, ramps or steps of the recording itself show what the ramp carries, as far as the
        membrane conducts alike there.
        """
        if charging.source is not Source.RECORDING:
            return 1.0
        of_steps = math.isfinite(self.facts.step_nS) and Role.PAIR not in self.curves
        return max(0.0, 1 - self.facts.step_nS / slope_nS) if of_steps else 0.0

    @property
    def _speed_mV_per_ms(self) -> float:
        """Speed of the ramp, the fastest of several."""
        speed = self.iv.speed_mV_per_ms
        return float(speed[np.abs(speed).argmax()])

    @property
    def delay_shift_mV(self) -> float:
        """Shift from a ramp's zero to the truth by one standard deviation of the filter's delay; 0 for steps.

        A ramp in the other direction shows capacitive current and what is left of the delay together.
        """
        no_delay = self.charging is None or self.charging.source is Source.PAIR
        return 0.0 if no_delay else -self._speed_mV_per_ms * self.facts.delay_sd_ms

    @property
    def total_se_mV(self) -> float:
        """Standard error with every error that has no side."""
        return math.hypot(self.result.se_mV, self.further_se_mV, self.delay_shift_mV)

    @property
    def corrected_delay_mV(self) -> float:
        """Shift of a ramp's zero by the correction for the filter's delay; 0 for steps."""
        return 0.0 if self.charging is None else -self._speed_mV_per_ms * self.facts.delay_ms

    @property
    def further_se_mV(self) -> float:
        """Error that the fit adds to the standard error: estimators that disagree, a zero that moves."""
        return math.hypot(*(error_mV for error_mV, _ in self._further))

    @property
    def _further(self) -> tuple[tuple[float, str], ...]:
        """Errors beside the standard error in mV, each with its sentence."""
        disagreement_mV = abs(self.result.disagreement_mV) if self.result.disagrees else 0.0
        moved_mV, drift_mV, step_mV = map(abs, (self.shift_along_epoch_mV, self.drift_mV, self.holding_step_mV))
        along_mV, over_mV = _REACH_ALONG_EPOCH * moved_mV / Z_95, _REACH_OF_DRIFT * drift_mV / Z_95
        opposite_mV = 0.0 if self.charged is None else self.charged.opposite_se_mV
        return (
            (opposite_mV, "the membrane capacitance is not known; record ramps in both directions"),
            (self.capacitive_rest.se_mV, transient.cause(self.procedure)),
            (disagreement_mV, f"two estimators differ by {disagreement_mV:z.1f} mV; record more levels near the zero"),
            (along_mV, f"the zero moves by {moved_mV:z.1f} mV along the epoch; choose a window by from_ms and to_ms"),
            (
                self.settling.further_se_mV,
                f"the zero of the settled current, extrapolated from its course along the epoch, lies up to "
                f"{self.settling.reach_mV:z.1f} mV away; choose a window by from_ms and to_ms, or record longer steps",
            ),
            (over_mV, f"the zero drifts by {drift_mV:z.1f} mV over the sweeps; select some in column sweeps"),
            (self.scatter_se_mV, _SCATTERS),
            (step_mV / Z_95, holding.STEPS),  # all levels about the zero may lie behind the step
            (abs(self.holding_drift_mV) / Z_95, holding.drifts(abs(self.holding_drift_mV))),
            (self.shared_wander_mV, wander.CAUSE),
        )

    @cached_property
    def rest_of_tail(self) -> Rest | None:
        """Current that is left of a tail; None where there is none."""
        return rest(self.iv, self.unsubtracted(Role.LATE), self.result, self.procedure.criteria)

    def unsubtracted(self, role: Role) -> Curve | None:
        """Return another curve of the epoch; None where there is none, and where a leak is subtracted."""
        return self.curves.get(role) if Leak.of(self.procedure.how.leak) is Leak.NONE else None

    @property
    def reach_mV(self) -> tuple[float, float]:
        """Distances by which the truth may lie below and above the zero (95 % limits): states, the rest of a tail."""
        below, above = zip(*(reach_mV for reach_mV, _ in self._reaches), strict=True)
        return math.hypot(*below), math.hypot(*above)

    @property
    def capacitive_rest(self) -> transient.Transient:
        """Rest of a capacitive transient at a peak."""
        return transient.Transient.of(self.facts, self.procedure, self.result.potential_mV, self.result.slope_nS)

    @cached_property
    def drift_mV(self) -> float:
        """Shift of the zero from the first repeat to the last, 0 where it is not significant, or one of states."""
        if self.result.zero is None or self.states.is_sure:
            return 0.0
        shift_mV, se_mV = drift(self.iv, self.result.zero)
        return shift_mV if abs(shift_mV) > _MIN_DRIFT_Z * se_mV else 0.0

    @cached_property
    def scatter_se_mV(self) -> float:
        """Part that the standard error lacks of that by repeats which scatter beyond noise, without drift or states."""
        if self.result.zero is None or self.drift_mV or self.states.spans:
            return 0.0
        return scatter_se_mV(self.iv, self.result.zero)

    def too_wide(self) -> Result | None:
        """Return the verdict that the interval with every error is too wide; None where it is not."""
        whole_mV = sum(classify.interval_mV(self.total_se_mV, self.capacitance_shift_mV, self.reach_mV))
        if whole_mV <= (limit_mV := self.procedure.how.max_interval_mV):
            return None
        error, drifts = self._widest_error(), holding.drifts(abs(self.holding_drift_mV))
        wide = f"the 95 % interval is {whole_mV:z.1f} mV wide, more than max_interval_mV = {limit_mV:g}: "
        # Of two explanations of a drift one moves no zero: their interval is that of neither.
        reason = error if error == drifts else f"{wide}{error}"
        states = self.states if error == self.states.sentence else States()
        return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=states.remedy)

    def _widest_error(self) -> str:
        """Return the sentence of the error that widens the interval most."""
        shift, delay_mV = self.capacitance_shift_mV, abs(self.delay_shift_mV)
        if self.charged is not None and abs(shift) > max(self.further_se_mV, delay_mV, *self.reach_mV):
            side = "higher" if shift > 0 else "lower"
            cause, remedy = self._contradiction() or self.charged.cause()
            return (
                f"{cause} the potential may lie up to {abs(shift):z.1f} mV {side} than the zero of the ramp at "
                f"{self.result.potential_mV:z.1f} mV; {remedy}"
            )
        late = (
            "the low-pass filter delays the current of the ramp, and its zero is corrected by "
            f"{self.corrected_delay_mV:+.1f} mV, give or take {Z_95 * delay_mV:z.1f} mV, because the kind of the "
            "filter is not known; record ramps in both directions, slower ramps or steps"
        )
        reaches = ((max(error) / Z_95, sentence) for error, sentence in self._reaches)
        return max(*self._further, *reaches, (self.wander_mV, wander.CAUSE), (delay_mV, late))[1]

    @property
    def _reaches(self) -> tuple[tuple[tuple[float, float], str], ...]:
        """Distances by which the truth may lie below and above the zero in mV, each with its sentence."""
        states, left, across = self.states, self.rest_of_tail or Rest(), drop.of(self.iv, self.result, self.procedure)
        of_states = states.reach_mV(self.result.potential_mV), states.sentence
        return of_states, (left.reach_mV, left.sentence), (across.reach_mV, across.sentence)

    def _contradiction(self) -> tuple[str, str] | None:
        """Return the contradiction of a stated capacitance by the ramp's start, and its remedy; None where none is."""
        stated_pF, facts = self.procedure.capacitance_pF, self.facts
        if stated_pF is None or self.charging is None or self.charging.source is not Source.UNKNOWN:
            return None
        shown = Estimate(facts.corner_pF, facts.corner_se_pF)
        return contradiction(stated_pF, shown, self.procedure.series_MOhm)

    def told(self) -> Result:
        """Return the result; a reason why there is no reversal names a hum, and a current that lags."""
        if self.result.verdict == PotentialVerdict.REVERSAL:
            return self.result
        reason, facts = self.result.reason, self.facts
        if self.charging is not None and self.charging.lags:
            reason += f"; {LAGS} by a low-pass filter that the file does not state, or by {_SLOW_CHANNELS}"
        if self.hums:
            reason += f"; the current hums at {facts.hum_Hz:.3g} Hz"
            if not self.iv.is_ramp:
                reason += (
                    f", of which a mean over the window keeps up to {facts.hum_left_pA:.2g} pA: choose a window of "
                    "whole periods by from_ms and to_ms"
                )
        return replace(self.result, reason=reason)

    def values(self) -> dict[str, Any]:
        """Return verdict, reason and potentials under the names of their columns; absent ones are not in it."""
        result = self.told()
        values: dict[str, Any] = {
            "verdict": result.verdict,
            "reason": result.reason,
            "remedy": result.remedy,
            "reversal_mV": result.potential_mV,
            "se_mV": result.se_mV,
            "low_mV": result.low_mV,
            "high_mV": result.high_mV,
            "slope_nS": result.slope_nS,
        }
        if result.verdict == PotentialVerdict.REVERSAL:
            shifts = ("further_se_mV", "capacitance_shift_mV", "delay_shift_mV")
            values |= self._shifts() | {name: getattr(self, name) for name in shifts}
            values |= self.over_repeats.values() | {"states": self.states.named, "remedy": self.states.remedy}
            values |= dict(zip(REACH_MV, self.reach_mV, strict=True))
        return values

    def _shifts(self) -> dict[str, float]:
        """Return the raw zero and the shift by each correction in its order."""
        reversal, is_corrected = self.result.potential_mV, self.procedure.series_MOhm is not None
        has_capacitive = self.charging is not None and self.charging.subtracted_pF != 0
        is_subtracted = has_capacitive or Leak.of(self.procedure.how.leak) is not Leak.NONE
        on_command = reversal
        if is_corrected:
            commanded = {role: each.on_command() for role, each in self.curves.items()}
            on_command = self._zero_near(subtracted(self.procedure, commanded, self.charging), reversal)
        raw = on_command
        if is_subtracted:
            raw = self._zero_near(self.curves[Role.SIGNAL].on_command(), on_command)
        return {
            "raw_mV": raw,
            "leak_shift_mV": on_command - raw if is_subtracted else math.nan,
            "rs_shift_mV": reversal - on_command if is_corrected else math.nan,
        }

    def _zero_near(self, iv: Curve | None, near_mV: float) -> float:
        """Return the nearest confirmed zero of another version of the curve; nan where it has none."""
        if iv is None or not math.isfinite(near_mV):
            return math.nan
        zero = classify.nearest_zero(iv, near_mV, self.procedure.criteria)
        return math.nan if zero is None else zero.potential_mV


def measure(points: Mapping[str, ArrayLike], facts: Facts, procedure: Procedure) -> Measurement:
    """Measure the reversal potential of one recording.

    Parameters
    ----------
    points : mapping
        Columns of the points as ingest writes them: role, t_ms, point, command_mV, recorded_mV, current_pA, se_pA.
    facts : Facts
    procedure : Procedure

    Returns
    -------
    Measurement
    """
    scatter = wander.Scatter.of(points, procedure.temperature_C)
    points = scatter.with_errors(points)
    curves = by_role(points, procedure)
    known = known_capacitance(curves, facts, procedure, by_speed(points, procedure))
    charging, signal = None, curves[Role.SIGNAL]
    if pulse.is_pulse(signal, known.recording):
        return Measurement(procedure, facts, curves, signal, pulse.without_curve(signal, known.recording), None)
    if signal.is_ramp:
        opposite = None if Role.PAIR in curves else curves.get(Role.OPPOSITE)
        charging = capacitance.estimate(signal, opposite, known)
    if Role.LEAK in curves and curves[Role.LEAK].is_ramp:
        ramp, own = curves[Role.LEAK], capacitance.estimate_for_leak(curves[Role.LEAK], known)
        curves[Role.LEAK] = capacitance.without_capacitive_current(ramp, own.subtracted_pF, own.se_pF)
    iv = subtracted(procedure, curves, charging)
    if iv is None:
        reason = "no leak was subtracted: the levels below activation lie on no line that rises and reverses near 0 mV"
        return Measurement(procedure, facts, curves, signal, Result(PotentialVerdict.AMBIGUOUS, reason), charging)
    iv, result = transient.find(iv, facts, procedure)
    if charging is not None and not leak.method(procedure.how.leak).same_ramp:
        result = beside_limit(result, iv, charging.limit_pF)
    found = Measurement(procedure, facts, curves, iv, result, charging)
    stability = Stability(points, curves, procedure, charging, iv, result, scatter)
    if result.verdict != PotentialVerdict.REVERSAL:
        ambiguous = stability.in_parts() if signal.repeats.max() > 1 else None
        ambiguous = ambiguous or stability.over_order() or stability.passed(facts) or stability.decayed(facts)
        return replace(found, result=ambiguous or scatter.beside(result))
    return _judged(found, stability, points)


def _judged(found: Measurement, stability: Stability, points: Mapping[str, ArrayLike]) -> Measurement:
    """Return a measurement with a zero as its stability over the sweeps and along the epoch leaves it."""
    found = replace(
        found,
        shift_along_epoch_mV=stability.shift_along_epoch_mV(),
        settling=stability.settling,
        holding_step_mV=stability.holding_step_mV(),
        holding_drift_mV=stability.holding_drift_mV(),
        shared_wander_mV=stability.shared_wander_mV,
        wander_mV=stability.wander_mV,
        over_repeats=OverRepeats.of(points, found.facts, found.procedure, found.iv, found.result),
        states=stability.states(),
    )
    ambiguous = stability.over_order() or stability.over_sweeps() or stability.over_holding()
    ambiguous = ambiguous or stability.passed(found.facts) or stability.along_epoch(found.facts)
    ambiguous = ambiguous or stability.unsettled(found.facts) or stability.between(found.facts) or found.too_wide()
    return replace(found, result=ambiguous or found.result)
