"""Possible shifts of a ramp's zero to the truth by charging the membrane, each to one side.

A capacitive current that is not known lifts an ascending ramp, whose zero then lies below the truth. Across a series
resistance R the charging current drops a voltage, and the membrane lags behind the command: together they move the zero
of an ascending ramp above the truth by (1 + f) R C dV/dt, whoever subtracts the capacitive current, the amplifier or
this program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nernstfit.contract.terms import Configuration, PotentialVerdict, Role
from nernstfit.reversal import capacitance
from nernstfit.reversal.capacitance import Capacitance, Estimate, Known, Source
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import SIGNIFICANT_Z, Curve, coarse, total_se_pA
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.quantiles import Z_95_ONE_SIDED

# Least part of the command that reaches the membrane: with less the clamp has failed. With half, large currents behind
# an unknown resistance are four times as uncertain; with double no slope but the zero's counts.
_LEAST_PART = 0.5
# Part of a ramp from its onset of which the slope is taken. With half noise counts, with double a rectifier's bend.
_ONSET = 0.15
_CAPACITANCE_WANTED = "give capacitance_pF, or record a test pulse or ramps in both directions"

LAGS = "the current lags behind the command of the ramps in both directions"


@dataclass(frozen=True)
class Charging:
    """A ramp that charges the membrane.

    Attributes
    ----------
    capacitance : Capacitance
    speed_mV_per_ms : float
        Of the command; below 0 on a descending ramp.
    slope_nS : float
        Of the current at the zero, against the command.
    series_MOhm : float or None
        Series resistance that the amplifier has not compensated; None where it is not known.
    configuration : Configuration
    has_background : bool
        True where a background on the same ramp, with the same capacitive current, is subtracted.
    hidden_fraction : float
        Part of the conductance that did not act on the measured capacitance as it acts on the ramp.
    onset_nS : float
        Slope of the current against the command at the onset of the ramp, which shows the capacitance; nan where none.
    """

    capacitance: Capacitance
    speed_mV_per_ms: float
    slope_nS: float
    series_MOhm: float | None
    configuration: Configuration
    has_background: bool
    hidden_fraction: float
    onset_nS: float

    @property
    def by_current_mV(self) -> float:
        """Possible shift by a capacitive current that is not known (95 % limit)."""
        if self.has_background:
            return 0.0
        return self._lag * self.capacitance.limit_pF * self.speed_mV_per_ms / self.slope_nS

    @property
    def _lag(self) -> float:
        """Capacitive current at the zero over that at the onset of the ramp, at most.

        Of a membrane of conductance G behind a resistance R, that moves with f = 1 / (1 + G R) of the command's speed,
        the amplifier sees f^2 of it. Against the command its slope is g = f G, so that f = 1 - g R.
        """
        if not math.isfinite(self.onset_nS) or self.capacitance.limit_pF <= 0:
            return 1.0
        series_MOhm = self.series_MOhm
        limits = (0.0, capacitance.LIMIT_MOHM[self.configuration]) if series_MOhm is None else (series_MOhm,)
        parts = [[max(_LEAST_PART, 1 - g * each * 1e-3) for g in (self.slope_nS, self.onset_nS)] for each in limits]
        return max((at_zero / at_onset) ** 2 for at_zero, at_onset in parts)

    @property
    def by_series_mV(self) -> float:
        """Possible shift by the series resistance (95 % limit): of charge that the ramp shows, and that it does not."""
        cancelled_mV = self._across_series(self.capacitance.cancelled_pF)
        if self.series_MOhm is not None or self.capacitance.source in (Source.PAIR, Source.UNKNOWN):
            return cancelled_mV
        return cancelled_mV + self._across_series(self.capacitance.subtracted_pF * self.hidden_fraction)

    def _across_series(self, pF: float) -> float:
        return shift_by_series_mV(pF, self.speed_mV_per_ms, self.slope_nS, self.configuration, self.series_MOhm)

    @property
    def shift_mV(self) -> float:
        """Possible shift, to the side of the larger of both."""
        return max(self.by_current_mV, self.by_series_mV, key=abs)

    @property
    def opposite_se_mV(self) -> float:
        """Standard error by the smaller of both, where it is a shift to the other side."""
        if self.by_current_mV * self.by_series_mV >= 0:
            return 0.0
        return min(abs(self.by_current_mV), abs(self.by_series_mV)) / Z_95_ONE_SIDED

    @property
    def is_by_series(self) -> bool:
        """True where the series resistance may shift the zero further than an unknown capacitive current."""
        return abs(self.by_series_mV) > abs(self.by_current_mV)

    def cause(self) -> tuple[str, str]:
        """Return the cause of the possible shift, up to its size, and what would settle it."""
        if self.is_by_series and self.capacitance.cancelled_pF:
            return (
                "the amplifier may have cancelled a capacitive current, which drops a voltage across the series "
                "resistance and lets the membrane lag behind the command:",
                "record ramps in both directions, slower ramps or steps",
            )
        if self.is_by_series:
            return (
                "the series resistance is not known, by which the membrane lags behind the command of the ramp and the "
                "charging current drops a voltage:",
                "give series_resistance_MOhm and compensation_percent, or record ramps in both directions",
            )
        if self.capacitance.limit_pF < 0:
            return (
                f"{LAGS} by unlike times along them, as by channels that open or close on the way, and",
                "record slower ramps or steps",
            )
        return (
            "the membrane capacitance is not known, and by the capacitive current",
            _CAPACITANCE_WANTED,
        )


def onset_nS(signal: Curve) -> float:
    """Return the slope of the current against the command at the onset of a ramp.

    Parameters
    ----------
    signal : Curve
    """
    few = coarse(signal.on_command())
    order = slice(None) if signal.speed_mV_per_ms.mean() > 0 else slice(None, None, -1)
    first = slice(max(3, round(_ONSET * few.size)))
    return float(np.polyfit(few.voltage_mV[order][first], few.current_pA[order][first], 1)[0])


def beside_limit(result: Result, iv: Curve, limit_pF: float) -> Result:
    """Return the verdict on a current of one sign, without its limit where charging the membrane may give it that sign.

    Parameters
    ----------
    result : Result
    iv : Curve
        Of a ramp.
    limit_pF : float
        Capacitance whose current may be in it (95 % limit).
    """
    is_outward = math.isfinite(result.high_mV)
    if not is_outward and not math.isfinite(result.low_mV):
        return result
    few, (last, sign) = coarse(iv), (0, 1) if is_outward else (-1, -1)
    charging_pA = limit_pF * float(iv.speed_mV_per_ms[last])
    if sign * (few.current_pA[last] - charging_pA) > SIGNIFICANT_Z * total_se_pA(few)[last]:
        return result
    hidden = f"the current that charges it, of up to {abs(charging_pA):.3g} pA, may hide the reversal"
    reason = f"{result.reason}, but the membrane capacitance is not known, and {hidden}; {_CAPACITANCE_WANTED}"
    return Result(PotentialVerdict.NO_CROSSING, reason)


def shift_by_series_mV(
    capacitance_pF: float,
    speed_mV_per_ms: float,
    slope_nS: float,
    configuration: Configuration,
    series_MOhm: float | None = None,
) -> float:
    """Return the possible shift from the zero of a ramp to the truth by a series resistance.

    Behind a resistance R, a membrane of conductance G follows a ramp of speed s with s f, f = 1 / (1 + G R), and the
    amplifier sees f G (V_cmd - E) + f^2 C s. Where C s is subtracted of it, the zero lies at
    E + (1 - f^2) C s / (f G) = E + (1 + f) R C s: the drop of the charging current, and the lag of the membrane.

    Parameters
    ----------
    capacitance_pF : float
        Capacitance whose current was subtracted as that of the whole command, C.
    speed_mV_per_ms, slope_nS : float
        Of the command, s, and of the current at the zero, f G = (1 - f) / R.
    configuration : Configuration
        Which decides the largest R where it is not known.
    series_MOhm : float or None
        R where it is known.
    """
    series = (capacitance.LIMIT_MOHM[configuration] if series_MOhm is None else series_MOhm) * 1e-3
    part = max(0.0, 1 - slope_nS * series)
    return -(1 + part) * series * capacitance_pF * speed_mV_per_ms


def contradiction(stated_pF: float, shown: Estimate, series_MOhm: float | None) -> tuple[str, str]:
    """Return the sentence on a stated capacitance that the start of the ramp contradicts, and what would settle it.

    Parameters
    ----------
    stated_pF : float
    shown : Estimate
        Capacitance by the step of the current at the start of the ramp.
    series_MOhm : float or None
        None where it is not known.
    """
    cause = (
        f"capacitance_pF = {stated_pF:.3g} is contradicted by the start of the ramp, whose current shows "
        f"{shown.pF:.3g} pF (standard error {shown.se_pF:.2g}), and by the capacitive current"
    )
    remedy = "record a test pulse or ramps in both directions; where the amplifier cancels a part, give what is left"
    if series_MOhm is None and stated_pF > shown.pF:
        remedy = f"give series_resistance_MOhm, through which a large capacitance charges slowly, or {remedy}"
    return cause, remedy


def known_capacitance(
    curves: Mapping[Role, Curve], facts: Facts, procedure: Procedure, speeds: tuple[Curve, Curve] | None = None
) -> Known:
    """Return the knowledge of the membrane capacitance besides the ramp that runs back over the measured one.

    Parameters
    ----------
    curves : mapping
        I-V curves by role.
    facts : Facts
    procedure : Procedure
    speeds : tuple of Curve or None
        Faster and slower ramps of the signal, where they differ.
    """
    charge = Estimate(facts.step_pF, facts.step_se_pF)
    pairs = [(curves[Role.PAIR], curves[Role.OPPOSITE])] if Role.PAIR in curves else []
    found = [capacitance.estimate(*pair, Known()).measured for pair in pairs or filter(None, [speeds])]
    found.append(capacitance.from_steps(charge, facts.step_nS, procedure.series_MOhm))
    recording = next((each for each in found if math.isfinite(each.pF)), Estimate())
    return Known(
        table_pF=math.nan if procedure.capacitance_pF is None else procedure.capacitance_pF,
        amplifier_pF=facts.capacitance_pF,
        recording=recording,
        corner_pF=facts.corner_pF,
        corner_se_pF=facts.corner_se_pF,
        corner_window_ms=(facts.corner_from_ms, facts.corner_to_ms),
        series_MOhm=procedure.series_MOhm or 0.0,
        cell=procedure.of_cell,
        configuration=procedure.configuration,
    )
