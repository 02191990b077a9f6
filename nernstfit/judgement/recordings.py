"""Findings on single measurements: refused recordings, flags that matter, leak, series resistance, noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.contract.findings import MIN_SHIFT_MV, Finding, of_potential
from nernstfit.contract.frames import by_measurement
from nernstfit.contract.remarks import Flag
from nernstfit.contract.schema import schema
from nernstfit.contract.terms import Configuration, Leak, PotentialVerdict, Statistic, Voltage
from nernstfit.experiment.records import Row
from nernstfit.reversal import curve as curves
from nernstfit.reversal.beneath import Beneath, at_closed_nS, gated, zeros_mV
from nernstfit.reversal.capacitance import LIMIT_MOHM
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.open_pore import steepens
from nernstfit.reversal.quantiles import Z_95

if TYPE_CHECKING:
    import pandas as pd

    from nernstfit.judgement.evidence import Evidence
    from nernstfit.judgement.made import Record

FloatArray = NDArray[np.float64]

# Series resistance in MOhm that an unknown one counts as: the usual access in whole-cell recording is 5 to 20. With
# half, currents of 200 pA at the zero are passed over; with double, 50 pA are warned of.
_UNKNOWN_MOHM = 10.0
# Relative error of a series resistance that was read from the amplifier. With half, corrections of 5 to 10 mV are
# passed over; with double, those from 2.5 mV are warned of.
_RS_ERROR = 0.2
# Part of the slope at the zero from which the leak is all of it. At half, a channel as large as its leak counts as
# none; halfway to 1, noise in the slopes decides.
_ALL_LEAK = 0.9
# Time from a step in ms after which the membrane is at its voltage where series resistance or capacitance is not known:
# five time constants of 10 pF behind 20 MOhm, or 25 pF behind 8. With half, tails from 0.5 ms on are passed over, whose
# zeros were off by 2 to 13 mV; with double, potassium tails in windows from 1 to 2 ms are warned of.
_CHARGED_MS = 1.0
_CHARGED_TIMES = 5.0  # time constants, of which 1 % of the step is left
# Leak that the levels show at which the channels are closed.
_ON_LINE = {
    Code.LEAK: "a leak that the levels below activation show",
    Code.FLATTENS: "a leak, as at the levels above it",
}
# Flags without an own finding that qualify a measurement.
_REMARKS = {
    Flag.LEVELS_LEFT_OUT: "levels that leave the course of the others are not used ({:.0f})",
    Flag.MOVES: "the zero moves by {:.1f} mV along the epoch",
    Flag.EXCESS_SCATTER: "repeats scatter {:.1f} times as much as the noise within the window explains",
    Flag.ONE_ESTIMATOR: "the second estimator finds no zero between the levels where the current changes sign",
    Flag.FLATTENS: "the slope at the zero falls faster with depolarisation than in an open pore",
    Flag.CLIPPED: "{:.2%} of the samples in the window are at the limit of the converter",
    Flag.TREND: "the current changes along the window by {:.0%} of its range between sweeps",
    Flag.ONLINE_SUBTRACTION: "the protocol subtracts leak on line",
    Flag.CONDITIONING_TRAIN: "the protocol plays a conditioning train before each sweep",
}


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on every measurement."""
    rows = evidence.reversals.to_dict("records")
    of_iv = by_measurement(evidence.tables["iv"])
    if not len(evidence.found):
        counts = evidence.reversals["verdict"].value_counts()
        named = ", ".join(f"{n} {PotentialVerdict(verdict).label}" for verdict, n in sorted(counts.items()))
        yield Finding(Code.NO_REVERSAL, "", {"counts": named})
    for row in rows:
        own, fact = evidence.rows[row["measurement"]], evidence.fact(row["measurement"])
        yield from _default_changed(evidence, row, own)
        yield from of_measurement(row, own, fact, of_iv.get(row["measurement"], {}))
    yield from _without_series_resistance(evidence.found)
    yield from _below_thermal(evidence.tables["thermodynamics"])


def of_measurement(row: Record, own: Row, fact: Record, iv: Mapping[str, ArrayLike]) -> Iterator[Finding]:
    """Yield the findings on one measurement, in a run or alone.

    Parameters
    ----------
    row : mapping
        Of reversal_potentials.csv.
    own : Row
    fact : mapping
        What ingest knows of it; empty where it is no recording.
    iv : mapping of str to array_like
        Columns of its levels in iv.csv; empty where it has none.
    """
    # Where a leak is subtracted, open_pore: refuse gives a flag as well.
    no_leak = () if Leak.of(own.measure.leak) is Leak.NONE else ("subtract the leak", "measure.open_pore")
    yield from _outcome(row, no_leak)
    if row["verdict"] == PotentialVerdict.REVERSAL:
        yield from _flagged(row, own, no_leak)
        yield from _before_opening(row)
        yield from _at_step(row, own, fact)
        yield from _hum(row, fact)
        yield from _saturated(row, fact)
        yield from _Current(row, own, iv).findings()


def _finding(code: Code, row: Record, effect: float, done: tuple[str, ...] = (), **values: Any) -> Finding:
    return Finding(code, row["measurement"], {"name": row["measurement"]} | values, effect, done=done)


def _outcome(row: Record, done: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the finding on a measurement without a potential."""
    verdict, reason = PotentialVerdict(row["verdict"]), row["reason"]
    if verdict is PotentialVerdict.EXCLUDED:
        yield _finding(Code.ROW_EXCLUDED, row, 0.0, reason=reason)
    elif Flag.CAPACITY_SERVES in tables.flags(row["flags"]):
        yield _finding(Code.TEST_PULSE, row, 0.0, reason=reason)
    elif verdict is not PotentialVerdict.REVERSAL:
        if math.isfinite(row["low_mV"]) or math.isfinite(row["high_mV"]):
            yield _finding(Code.LIMIT, row, 0.0)
            return
        ways = [" and ".join(way.split(";")) for way in row["remedy"].split("|") if way]
        says_it = "; " in reason  # behind it, what would settle it
        remedy = f"set {', or '.join(ways)}" if ways else "" if says_it else verdict.remedy
        yield _finding(Code.REFUSED, row, math.inf, done, verdict=verdict.label, reason=reason, remedy=remedy)


def _default_changed(evidence: Evidence, row: Record, own: Row) -> Iterator[Finding]:
    """Yield the finding on a measurement whose outcome is that of a new default; see `was` in config.schema.yaml."""
    rule, fact = schema()["properties"]["measure"]["properties"]["voltage"], evidence.fact(row["measurement"])
    is_default = "measure.voltage" not in evidence.experiment.given and own.measure.voltage == rule["default"]
    is_beyond = fact.get("mismatch_mV", math.nan) > own.measure.max_mismatch_mV
    if is_default and is_beyond and fact["verdict"] == PotentialVerdict.AMBIGUOUS:
        values = {"key": "measure.voltage", "before": rule["was"], "now": rule["default"]}
        outcome = f"a recorded voltage {fact['mismatch_mV']:.1f} mV from the command gives no number"
        yield _finding(Code.DEFAULT_CHANGED, row, math.inf, **values, outcome=outcome)


def _by_current_mV(row: Record, flags: Mapping[str, float]) -> float:
    """Return the possible shift by an unknown capacitive current: to the other side than by one that was cancelled."""
    size, cancelled_mV = flags[Flag.CAPACITY_UNKNOWN], flags.get(Flag.CAPACITY_CANCELLED, 0.0)
    if math.isnan(size) or math.isnan(row["capacitance_shift_mV"]):
        return 0.0
    return math.copysign(size, -cancelled_mV if cancelled_mV else row["capacitance_shift_mV"])


def _side(shift_mV: float) -> str:
    return "lower" if shift_mV < 0 else "higher"


def _flagged(row: Record, own: Row, no_leak: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the findings that follow from the flags of a reversal potential."""
    flags = tables.flags(row["flags"])
    if Flag.DRIFT in flags:
        how = f"{flags[Flag.DRIFT]:+z.1f} mV over the repeats"
        yield _finding(Code.DRIFT, row, of_potential(flags[Flag.DRIFT] / 2), how=how)
    if Flag.STATES in flags:
        how = f"{flags[Flag.STATES]:z.1f} mV from sweep to sweep: {row['states']}"
        yield _finding(Code.DRIFT, row, of_potential(flags[Flag.STATES]), how=how)
    for flag in (Flag.HOLDING_STEP, Flag.HOLDING_DRIFT, Flag.HOLDING_SCATTER):
        if flag in flags:
            shift = abs(flags[flag])
            yield _finding(Code.HOLDING, row, of_potential(shift), how=f"the {flag.label}", shift=shift)
    if Flag.ESTIMATORS_DISAGREE in flags:
        shift = abs(flags[Flag.ESTIMATORS_DISAGREE])
        yield _finding(Code.ESTIMATORS, row, of_potential(shift), shift=shift)
    for flag, code in ((Flag.LEFT_OF_TAIL, Code.TAIL), (Flag.HOLDING_BESIDE, Code.HOLDING_BESIDE)):
        if (shift := flags.get(flag, 0.0)) and of_potential(shift) >= 1:
            yield _finding(code, row, of_potential(shift), shift=shift)
    if Flag.COMMAND_MISMATCH in flags:
        shift = flags[Flag.COMMAND_MISMATCH]
        effect = 0.0 if own.measure.voltage == Voltage.RECORDED else of_potential(shift)
        yield _finding(Code.MISMATCH, row, effect, shift=shift)
    if Flag.CAPACITY_UNKNOWN in flags:
        shift = _by_current_mV(row, flags)
        done: tuple[str, ...] = ("both directions",) if Flag.HYSTERESIS in flags else ()
        done += ("give capacitance_pF",) if Flag.CAPACITY_CONTRADICTED in flags else ()
        yield _finding(Code.CAPACITANCE, row, of_potential(shift), done, shift=abs(shift), side=_side(shift))
    if Flag.CAPACITY_CANCELLED in flags:
        shift = flags[Flag.CAPACITY_CANCELLED]
        yield _finding(Code.CAPACITANCE_CANCELLED, row, of_potential(shift), shift=abs(shift), side=_side(shift))
    if Flag.CAPACITY_CONTRADICTED in flags:
        effect = math.inf if Flag.CAPACITY_UNKNOWN in flags else 0.0
        yield _finding(Code.CAPACITANCE_STATED, row, effect, stated=flags[Flag.CAPACITY_CONTRADICTED])
    if abs(flags.get(Flag.FILTER_DELAY, 0.0)) >= MIN_SHIFT_MV and row["delay_shift_mV"]:
        shift, error = flags[Flag.FILTER_DELAY], Z_95 * abs(row["delay_shift_mV"])
        yield _finding(Code.FILTER_DELAY, row, of_potential(shift), shift=shift, error=error)
    for flag, code in ((Flag.STEEPENS, Code.STEEPENS), (Flag.HYSTERESIS, Code.HYSTERESIS)):
        if flag in flags:
            yield _finding(code, row, math.inf, no_leak)
    remarks = [sentence.format(flags[flag]).replace("%", " %") for flag, sentence in _REMARKS.items() if flag in flags]
    if remarks:
        yield _finding(Code.FLAGGED, row, 0.0, flags="; ".join(remarks))


def _before_opening(row: Record) -> Iterator[Finding]:
    """Yield the finding on a current that flows before channels open in the epoch, by which the zero shifts."""
    shift = tables.flags(row["flags"]).get(Flag.BEFORE_OPENING, 0.0)
    effect = math.inf if math.isnan(shift) else of_potential(shift)
    if effect >= 1:
        outcome = "leaves no zero" if math.isnan(shift) else f"moves the zero by {shift:+.1f} mV"
        yield _finding(Code.OPENS, row, effect, outcome=outcome)


def _at_step(row: Record, own: Row, fact: Record) -> Iterator[Finding]:
    """Yield the finding on a current that changes in a window which begins while the step charges the membrane.

    That at the peak of channels which the step opens does.
    """
    series, capacitance = own.uncompensated_MOhm, own.capacitance_pF
    charged = _CHARGED_MS
    if series is not None and capacitance is not None:
        charged = _CHARGED_TIMES * series * capacitance * 1e-3
    at_peak = own.measure.statistic == Statistic.PEAK
    if not fact or math.isfinite(fact["ramp_mV_per_ms"]):  # measured elsewhere, and ramps
        return
    opens = at_peak and not own.condition.sign * fact["prepulse_mV"] > 0
    if (opens or Flag.TREND in tables.flags(row["flags"])) and (start := fact["window_from_ms"]) < charged:
        yield _finding(Code.AT_STEP, row, math.inf, start=start, charged=charged)


def _saturated(row: Record, fact: Record) -> Iterator[Finding]:
    """Yield the finding on sweeps that are left out."""
    if Flag.SATURATED in tables.flags(row["flags"]):
        yield _finding(Code.SATURATED, row, 0.0, saturated=fact["saturated"])


def _hum(row: Record, fact: Record) -> Iterator[Finding]:
    """Yield the finding on a hum that a mean over the window keeps in part."""
    if Flag.HUM not in tables.flags(row["flags"]):
        return
    shift, left = fact["hum_left_pA"] / row["slope_nS"], fact["hum_left_pA"]
    values = {"frequency": fact["hum_Hz"], "period": 1e3 / fact["hum_Hz"], "amplitude": fact["hum_pA"]}
    done = ("whole periods",) if math.isfinite(fact["ramp_mV_per_ms"]) else ()
    yield _finding(Code.HUM, row, of_potential(shift), done, **values, left=left, shift=shift)


@dataclass(frozen=True)
class _Current:
    """Current of one measurement at its zero.

    Attributes
    ----------
    row : mapping
        Of reversal_potentials.csv.
    own : Row
    iv : mapping of str to array_like
        Columns of its levels in iv.csv; empty where it was measured elsewhere.
    """

    row: Record
    own: Row
    iv: Mapping[str, ArrayLike]

    def findings(self) -> Iterator[Finding]:
        """Yield the findings on leak and series resistance."""
        if not self.iv:
            return
        # Of a tail, levels at which it decays fast are as straight as a leak: the rest of the epoch shows its leak.
        flags = tables.flags(self.row["flags"])
        if Leak.of(self.own.measure.leak) is Leak.NONE and Flag.LEFT_OF_TAIL not in flags:
            yield from self._leak(without_flattening=not {Flag.TREND, Flag.BEFORE_OPENING}.isdisjoint(flags))
        if not math.isnan(self.row["leak_shift_mV"]):
            yield from self._series_resistance()

    def _column(self, name: str) -> FloatArray:
        return np.asarray(self.iv[name], dtype=np.float64)

    def _series_resistance(self) -> Iterator[Finding]:
        """Yield the possible drop of the current that flows at the zero, which is what was subtracted.

        One of less than 1 mV is told where it is more than the interval says.
        """
        command_mV = self._column("command_mV")
        order = np.argsort(command_mV, kind="stable")
        total = np.interp(self.row["reversal_mV"], command_mV[order], self._column("raw_current_pA")[order])
        is_known = not math.isnan(self.row["rs_shift_mV"])
        if is_known:
            how, shift = f"uncertain by {100 * _RS_ERROR:.0f} %", _RS_ERROR * self.row["rs_shift_mV"]
        else:
            how, shift = max(self._unknown_resistance(float(total)), key=lambda each: abs(each[1]))
        if of_potential(shift) >= 1 or 2 * abs(shift) > self.row["high_mV"] - self.row["low_mV"]:
            values = {"current": float(total), "how": how, "shift": abs(shift)}
            done = ("series_resistance_MOhm",) if is_known else ()
            yield _finding(Code.RS_ERROR, self.row, of_potential(shift), done, **values)

    def _unknown_resistance(self, total_pA: float) -> Iterator[tuple[str, float]]:
        """Yield the possible shifts by a resistance that is not known, of steps and of ramps, each behind its words."""
        yield f"unknown ({_UNKNOWN_MOHM:g} MOhm?)", _UNKNOWN_MOHM * total_pA * 1e-3
        if Flag.CAPACITY_REMOVED in tables.flags(self.row["flags"]):
            series = LIMIT_MOHM[Configuration(self.row["configuration"])]
            cancelled_mV = tables.flags(self.row["flags"]).get(Flag.CAPACITY_CANCELLED, 0.0)
            yield f"unknown ({series:g} MOhm?)", self.row["capacitance_shift_mV"] - cancelled_mV

    def _leak(self, without_flattening: bool) -> Iterator[Finding]:
        """Yield the shift of the zero by a leak that was not subtracted: below activation, or above a rectifier's.

        A current that changes along the window, and the less at the higher levels, is a tail and no rectifier.
        """
        sign = Configuration(self.row["configuration"]).sign
        own = curves.average(self._column("voltage_mV"), self._column("current_pA"), self._column("se_pA"))
        for way, code in ((sign, Code.LEAK), (-sign, Code.FLATTENS)):
            if not (without_flattening and code is Code.FLATTENS) and steepens(own, way, self.row["temperature_C"]):
                yield from self._beside_leak(own, way, code)

    def _beside_leak(self, own: Curve, sign: int, code: Code) -> Iterator[Finding]:
        """Yield the shift of the zero by the leak that the lowest levels show, with -1 the highest.

        Where they lie on no line, all of the current at the lowest level may be that of a leak. A rectifier that has
        not closed wholly at the highest ones leaves a line there that is not the leak's: the larger shift counts.
        """
        beneath = gated(own, sign)
        found = [] if beneath is None else [*self._on_line(own, beneath, code)]
        if beneath is None or code is Code.FLATTENS:
            found += self._at_closed(own, sign, code)
        yield from sorted(found, key=lambda finding: -finding.effect)[:1]

    def _on_line(self, own: Curve, beneath: Beneath, code: Code) -> Iterator[Finding]:
        """Yield the shift of the zero if the straight current beneath the channels is that of a leak."""
        zero_mV = self.row["reversal_mV"]
        part = min(1.0, beneath.slope_nS / self.row["slope_nS"])
        # What is left of a zero that is the leak's own is noise.
        is_leak = part >= _ALL_LEAK
        is_left = len(beneath.zeros_mV) > 0 and not is_leak
        # Between levels both zeros lie on straight lines.
        before_mV = min(zeros_mV(own, [(-math.inf, math.inf)]), key=lambda mV: abs(mV - zero_mV), default=zero_mV)
        shift = float(min(beneath.zeros_mV - before_mV, key=abs)) if is_left else math.nan
        effect = of_potential(shift) if is_left else math.inf
        without = f"leaves no zero{': it is that of the leak' if is_leak else ''}"
        outcome = f"moves the zero by {shift:+.1f} mV" if is_left else without
        if effect > 0:
            yield _finding(code, self.row, effect, leak=_ON_LINE[code], percent=100 * part, outcome=outcome)

    def _at_closed(self, own: Curve, sign: int, code: Code) -> Iterator[Finding]:
        """Yield the shift of the zero if all of the current at the level where channels are closed is a leak's."""
        zero_mV = self.row["reversal_mV"]
        leak_nS = at_closed_nS(own, zero_mV, sign, self.row["temperature_C"])
        left_nS = self.row["slope_nS"] - leak_nS
        shift = zero_mV * leak_nS / left_nS if left_nS > 0 else math.inf
        if of_potential(shift) >= 1:
            end_mV = own.voltage_mV[0 if sign > 0 else -1]
            values = {
                "leak": f"a leak through 0 mV that carries all of the current at {end_mV:z.0f} mV",
                "percent": min(100.0, 100 * leak_nS / self.row["slope_nS"]),
                "outcome": f"moves the zero by {shift:+.1f} mV" if left_nS > 0 else "leaves no zero",
            }
            yield _finding(code, self.row, of_potential(shift), **values)


def _without_series_resistance(found: pd.DataFrame) -> Iterator[Finding]:
    unknown = [row for row in found.to_dict("records") if Flag.RS_UNKNOWN in tables.flags(row["flags"])]
    if unknown:
        yield Finding(Code.RS_UNKNOWN, "", {"n": len(unknown), "total": len(found)}, 0.0)


def _below_thermal(thermodynamics: pd.DataFrame) -> Iterator[Finding]:
    ratios: Mapping[Any, float] = thermodynamics.groupby("measurement")["noise_ratio"].first().dropna().to_dict()
    for name, ratio in ratios.items():
        if ratio < 1:
            yield Finding(Code.BELOW_THERMAL, name, {"name": name, "ratio": ratio}, 0.0)
