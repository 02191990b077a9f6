"""Flags of a measurement: what was found or done, with its size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import Leak, Role, Statistic
from nernstfit.reversal import classify, holding
from nernstfit.reversal.capacitance import Source
from nernstfit.reversal.measure import Measurement
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.tail import opening

_SOURCE_FLAGS = {
    Source.RECORDING: Flag.CAPACITY_BY_RECORDING,
    Source.AMPLIFIER: Flag.CAPACITY_BY_AMPLIFIER,
    Source.CELL: Flag.CAPACITY_BY_CELL,
}
# Change of the current along the window, over its range between sweeps, from which it is flagged: at 5 % the choice of
# the window begins to matter beside the noise. With half slow inactivation is flagged too, with double a window that
# starts before the current has settled to 5 % is not.
_MIN_TREND = 0.05
# Difference in mV between recorded and commanded voltage from which it is flagged; it is an error of the potential of
# the same size, and as large as the usual error of an electrode offset. With half electrode noise is flagged too, with
# double an error of the potential of up to 2 mV is not.
_MIN_MISMATCH_MV = 1.0
# Correction in mV for the delay of the low-pass filter from which it is flagged: a tenth of the size of an electrode's
# offset. With half, ramps of every usual filter are flagged; with double, corrections that show in the last digit of a
# potential are not.
# The same for that by the subtraction of a capacitive transient at a peak.
_MIN_DELAY_MV = _MIN_TRANSIENT_MV = 0.1
# Time from a step in ms after which the membrane is at its voltage where series resistance or capacitance is not known:
# five time constants of 10 pF behind 20 MOhm, or 25 pF behind 8. With half, tails from 0.5 ms on are passed over, whose
# zeros were off by 2 to 13 mV; with double, potassium tails in windows from 1 to 2 ms are flagged. Windows that end
# within it hold the capacitive transient through the amplifier's filter, too.
_CHARGED_MS = 1.0
_CHARGED_TIMES = 5.0  # time constants, of which 1 % of the step is left


def flags_of(found: Measurement) -> Iterator[tuple[Flag, float | None]]:
    """Yield the flags with their values, None where a flag has no value.

    Parameters
    ----------
    found : Measurement
    """
    series, signal, zero = found.procedure.series_MOhm, found.curves[Role.SIGNAL], found.result.zero
    if series is None:
        yield Flag.RS_UNKNOWN, None
    elif zero is not None:
        yield Flag.RS_MAX_ERROR, float(np.abs(found.iv.total_pA[zero.used]).max()) * series * 1e-3
    if left_out := signal.left_out + found.result.left_out:
        yield Flag.LEVELS_LEFT_OUT, float(left_out)
    if signal.repeats.max() > 1:
        yield Flag.REPEATS, float(signal.repeats.max())
    if signal.scatter > 1:
        yield Flag.EXCESS_SCATTER, signal.scatter
    yield from _of_zero(found)
    yield from _of_capacitance(found)
    if (facts := found.facts).clipped_fraction > 0:
        yield Flag.CLIPPED, facts.clipped_fraction
    if _has_trend(facts, found.procedure):
        yield Flag.TREND, facts.trend
    if (charged_ms := charged_at_step_ms(facts, found.procedure)) is not None:
        yield Flag.AT_STEP, charged_ms
    if found.hums:
        yield Flag.HUM, facts.hum_Hz
    if facts.mismatch_mV > _MIN_MISMATCH_MV:
        yield Flag.COMMAND_MISMATCH, facts.mismatch_mV


def charged_at_step_ms(facts: Facts, procedure: Procedure) -> float | None:
    """Return the time in ms until which a step charges the membrane, of a window that holds that; else None.

    The window begins before that time, and the current shows it by a trend, or has its peak there, as that of channels
    which the step opens; or the window is over before any membrane is charged for certain.
    """
    charged_ms = _CHARGED_MS
    if procedure.series_MOhm is not None and procedure.capacitance_pF is not None:
        charged_ms = _CHARGED_TIMES * procedure.series_MOhm * procedure.capacitance_pF * 1e-3
    is_step = math.isnan(facts.ramp_mV_per_ms)
    is_early = _is_at_peak_of_opened(facts, procedure) or facts.window_to_ms <= _CHARGED_MS
    shows = is_early or _has_trend(facts, procedure)
    return charged_ms if is_step and shows and facts.window_from_ms < charged_ms else None


def _has_trend(facts: Facts, procedure: Procedure) -> bool:
    return facts.trend > _MIN_TREND and not _is_at_peak_of_opened(facts, procedure)


def _is_at_peak_of_opened(facts: Facts, procedure: Procedure) -> bool:
    """Return True for the peak of a current that the steps open: no depolarisation before them has opened channels."""
    return procedure.how.statistic == Statistic.PEAK and procedure.sign * facts.prepulse_mV <= 0


def _of_zero(found: Measurement) -> Iterator[tuple[Flag, float | None]]:
    zero, result = found.result.zero, found.result
    if zero is None:
        return
    if Leak.of(found.procedure.how.leak) is not Leak.NONE:
        yield Flag.LEAK_FRACTION, classify.subtracted_fraction(found.iv, zero)
    if result.disagrees:
        yield Flag.ESTIMATORS_DISAGREE, result.disagreement_mV
    elif not math.isfinite(result.disagreement_mV):
        yield Flag.ONE_ESTIMATOR, None
    if abs(found.capacitive_rest.shift_mV) > _MIN_TRANSIENT_MV:
        yield Flag.TRANSIENT_REMOVED, found.capacitive_rest.shift_mV
    if found.drift_mV:
        yield Flag.DRIFT, found.drift_mV
    if found.states.spans:
        yield Flag.STATES, found.states.difference_mV
    at_holding = (
        (Flag.HOLDING_STEP, found.holding_step_mV),
        (Flag.HOLDING_DRIFT, found.holding_drift_mV),
        (Flag.HOLDING_SCATTER, found.wander_mV),
        (Flag.HOLDING_BESIDE, holding.beside_mV(found.unsubtracted(Role.HOLDING), found.iv, result.slope_nS)),
    )
    yield from ((flag, shift_mV) for flag, shift_mV in at_holding if shift_mV)
    if moved_mV := max(found.shift_along_epoch_mV, found.settling.distance_mV, key=abs):
        yield Flag.MOVES, moved_mV
    if found.rest_of_tail is not None:
        yield Flag.LEFT_OF_TAIL, found.rest_of_tail.shift_mV if found.rest_of_tail.is_significant else None
    for flag, bend in ((Flag.STEEPENS, result.steepens), (Flag.FLATTENS, result.flattens)):
        if bend is not None:
            yield flag, bend.valence if math.isfinite(bend.valence) else None
    if before := opening(found.iv, found.unsubtracted(Role.EARLY), result, found.procedure.criteria):
        yield Flag.BEFORE_OPENING, before.shift_mV if before.reverses else None


def _of_capacitance(found: Measurement) -> Iterator[tuple[Flag, float | None]]:
    if found.serves_only:
        yield Flag.CAPACITY_SERVES, found.measured_capacitance.pF
    if found.charging is None:
        return
    if abs(found.corrected_delay_mV) > _MIN_DELAY_MV:
        yield Flag.FILTER_DELAY, found.corrected_delay_mV
    if found.charging.source is Source.UNKNOWN:
        by_current_mV = 0.0 if found.charged is None else abs(found.charged.by_current_mV)
        yield Flag.CAPACITY_UNKNOWN, by_current_mV or None
    else:
        yield Flag.CAPACITY_REMOVED, found.charging.subtracted_pF
    if found.charged is not None and found.charging.cancelled_pF:
        yield Flag.CAPACITY_CANCELLED, found.charged.by_series_mV
    stated_pF = found.procedure.capacitance_pF
    if stated_pF is not None and found.charging.contradicts(stated_pF):
        yield Flag.CAPACITY_CONTRADICTED, stated_pF
    if found.charging.source in _SOURCE_FLAGS:
        yield _SOURCE_FLAGS[found.charging.source], None
    if found.charging.has_hysteresis:
        yield Flag.HYSTERESIS, None
