"""Points of one measurement, taken from a recording.

A step gives one point per sweep: the command, and the current's mean, median or peak in the
window with its standard error. A ramp gives up to 400, each the mean over a piece of it. The
points of a measurement have *roles*: `signal` is what is measured; `leak` the same of the
epoch from which a leak is taken; `background` the same of another recording; `opposite` the
ramp that runs back over the same voltages, which determines the membrane capacitance, or that
runs back over the `pair`, another ramp of the recording, where the measured one has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from nernstfit.abf import hum, leftover, passed, saturation
from nernstfit.abf.agreement import Doubt, compare
from nernstfit.abf.command import Segment
from nernstfit.abf.leftover import Leftover
from nernstfit.abf.onset import Onset, onset_of
from nernstfit.abf.passed import Passed
from nernstfit.abf.ramps import (
    capacitance_ramps,
    delay,
    opposite_ramps,
    ramp_speed,
    refuse_both_ways,
)
from nernstfit.abf.read import Recording
from nernstfit.abf.samples import Points, clipped_fraction, read, settled_noise
from nernstfit.abf.select import chosen_epoch, epoch_parts, has_curve, refuse_constant
from nernstfit.abf.statistics import STATISTICS
from nernstfit.abf.trace import MAX_SWEEPS, Excerpt, Trace, surroundings, trace
from nernstfit.abf.transients import Charge, step_charge
from nernstfit.abf.windows import (
    FOLLOWING_ROLES,
    Source,
    command_source,
    holding_parts,
    holding_window,
    open_source,
    other_windows,
    ramp_windows,
    spans,
    windows_of,
)
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.frames import evenly_spaced
from nernstfit.contract.remarks import Flag
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import BandwidthSource, Leak, Role, Statistic

_Windows = list[tuple[int, int]]  # first sample and end in each sweep
_EPOCH_LEAK = "epoch:"  # before the letter of the epoch from which a leak is taken


@dataclass(frozen=True)
class Reading:
    """Data of one measurement as read from its recording.

    Attributes
    ----------
    epoch, channel, command, command_source : str
        Epoch (a letter or `after`), names of the ADC and the DAC, and the parts of the file that give the command.
    is_ramp : bool
    points : tuple of Points
        One for each role.
    traces : tuple of Trace
        At most seven sweeps, evenly spaced.
    noise_pA : float
        Standard deviation of the detrended samples, over all windows.
    autocorrelation : float
        Integrated autocorrelation time in samples.
    trend : float
        Largest rise of the current along a window over the current's range between sweeps; nan for ramps.
    clipped_fraction : float
        Fraction of the samples at the limits of the converter.
    prepulse_mV : float
        Level before the epoch above the holding level, in the first sweep.
    ramp_mV_per_ms : float
        Speed of the ramp in the first sweep; nan for a step.
    delay_ms, delay_sd_ms : float
        Delay of the current behind the voltage by the low-pass filter, for which the points of a ramp are corrected,
        and its standard deviation.
    corner_pF, corner_se_pF : float
        Membrane capacitance from the step of the current at the onset of the ramp, and its standard error; nan for
        a step, and where the segment before the ramp does not determine it.
    corner_from_ms, corner_to_ms : float
        Times after the onset from which that is extrapolated.
    step_pF, step_se_pF, step_nS : float
        Charge of a voltage step over the step and the conductance there, see `transients`; nan where there is none.
    mismatch_mV : float
        Difference of the recorded voltage from the command, see `agreement`; nan where none is recorded.
    doubt : Doubt or None
        Doubt for which the measurement has no number.
    outside : tuple of Flag
        Parts of the protocol outside the stored sweeps.
    saturated : str
        Limits at which the current is saturated, and the sweeps that are left out for it; '' for none.
    capacitance_pF : float
        Membrane capacitance as the amplifier telegraphed it; nan where it did not.
    window_from_ms, window_to_ms : float
        Window in the first sweep, from the start of the epoch.
    early_from_ms, early_to_ms, middle_from_ms, middle_to_ms : float
        Windows in which the current of steps is read too where nobody chose one; nan elsewhere.
    transient_nS, transient_se_nS, transient_from_mV, transient_times : float
        What is left of the capacitive transient at a peak, see `leftover`.
    passed_pA, passed_from_ms, passed_to_ms : float
        Current that has passed before the default window of steps, see `passed`; nan where there is none.
    hum_Hz, hum_pA, hum_left_pA : float
        Frequency and amplitude of the hum that counts most in the mean of a window, and what the mean keeps of all hum;
        nan where there is none.
    bandwidth_Hz : float
    bandwidth_source : BandwidthSource
        Limit of the current's bandwidth, see `Recording.bandwidth`.
    """

    epoch: str
    channel: str
    command: str
    command_source: str
    is_ramp: bool
    points: tuple[Points, ...]
    traces: tuple[Trace, ...]
    noise_pA: float
    autocorrelation: float
    trend: float
    clipped_fraction: float
    prepulse_mV: float
    ramp_mV_per_ms: float
    delay_ms: float
    delay_sd_ms: float
    corner_pF: float
    corner_se_pF: float
    corner_from_ms: float
    corner_to_ms: float
    step_pF: float
    step_se_pF: float
    step_nS: float
    mismatch_mV: float
    doubt: Doubt | None
    outside: tuple[Flag, ...]
    saturated: str
    capacitance_pF: float
    window_from_ms: float
    window_to_ms: float
    early_from_ms: float
    early_to_ms: float
    middle_from_ms: float
    middle_to_ms: float
    transient_nS: float
    transient_se_nS: float
    transient_from_mV: float
    transient_times: float
    passed_pA: float
    passed_from_ms: float
    passed_to_ms: float
    hum_Hz: float
    hum_pA: float
    hum_left_pA: float
    bandwidth_Hz: float
    bandwidth_source: BandwidthSource


def measure_points(
    recording: Recording,
    how: Measure,
    sweeps: Sequence[int],
    background: Recording | None = None,
    with_saturated: bool = False,
) -> Reading:
    """Read the points of one measurement.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel, command, epoch, window, statistic and leak.
    sweeps : sequence of int
        Sweeps to measure, counted from 0; empty for all.
    background : Recording or None
        Recording to subtract; all its sweeps are read, in the same window.
    with_saturated : bool
        True to keep the sweeps whose current is at a limit of the converter or the amplifier.

    Returns
    -------
    Reading

    Raises
    ------
    RecordingError
        If something asked for is not in the file, or the file leaves a choice that was not made.
    """
    try:
        return _reading(recording, how, sweeps, background, with_saturated)
    except RecordingError as fault:
        raise RecordingError(f"{recording.path.name}: {fault}") from None


def _reading(
    recording: Recording, how: Measure, sweeps: Sequence[int], background: Recording | None, with_saturated: bool
) -> Reading:
    source = hum.with_hum(open_source(recording, how, sweeps))
    charge, band = step_charge(source), recording.bandwidth(source.channel)
    if is_pulse := bool(charge.epoch) and not has_curve(source.command):
        how, background = _of_pulse(source, how, charge), None
    epoch = chosen_epoch(source.command, how, source.sweeps)
    kept = _measurable(source, how, epoch, is_pulse, with_saturated)
    source, parts, windows, is_ramp = kept.source, kept.parts, kept.windows, kept.parts[0].is_ramp
    agreement = compare(source, parts, how)
    settled = None if is_ramp else settled_noise(source, parts, windows)
    signal, quality = read(source, Role.SIGNAL, parts, windows, how, settled)
    at_peak = STATISTICS[how.statistic].at_peak and not is_ramp
    left = leftover.at_peak(source, parts, windows, Leak.of(how.leak), signal.se_pA) if at_peak else Leftover()
    others = _beside(other_windows(source, parts, windows, how), left)
    gone = passed.before(source, parts, windows, others[Role.EARLY]) if Role.EARLY in others else Passed()
    signal = replace(signal, transient_pA=left.at_pA(signal.command_mV))
    points = [signal, *(read(source, role, parts, each, how, settled)[0] for role, each in others.items())]
    points += _further(source, parts, how)
    of_background = None
    if background is not None:
        subtracted, of_background = _background(background, replace(how, epoch=epoch), parts, windows)
        points.append(subtracted)
    return Reading(
        epoch=epoch,
        channel=source.channel.name,
        command=source.waveform.name,
        command_source=command_source(source.waveform),
        is_ramp=is_ramp,
        points=tuple(points),
        traces=tuple(_traces(source, parts, windows)),
        noise_pA=quality.noise_pA,
        autocorrelation=quality.autocorrelation,
        trend=quality.trend,
        clipped_fraction=clipped_fraction(source, windows),
        ramp_mV_per_ms=ramp_speed(source, parts[0]) if is_ramp else math.nan,
        mismatch_mV=agreement.mismatch_mV,
        doubt=agreement.doubt or of_background,
        outside=source.waveform.outside,
        saturated=kept.saturated,
        capacitance_pF=source.channel.capacitance_pF,
        **spans(source, parts[0], {"window": windows, **{str(role): each for role, each in others.items()}}),
        **_capacitance(source, parts if kept.has_onset else (), charge),
        **delay(source, how),
        **(asdict(left) | asdict(gone)),
        **hum.left(source.hum, signal.samples / recording.rate_Hz),
        bandwidth_Hz=band.corner_Hz,
        bandwidth_source=band.source,
    )


def _capacitance(source: Source, parts: Sequence[Segment], charge: Charge) -> dict[str, float]:
    """Return what onsets of ramps and steps show of the membrane capacitance, under the names in `Reading`."""
    of_ramp = onset_of(source, parts) if parts and parts[0].is_ramp else Onset()
    of_steps = {"step_pF": charge.capacitance_pF, "step_se_pF": charge.se_pF, "step_nS": charge.conductance_nS}
    return asdict(of_ramp) | of_steps


def _measurable(source: Source, how: Measure, epoch: str, is_pulse: bool, with_saturated: bool) -> saturation.Kept:
    """Return epoch and window of the sweeps that are measured; refuse what gives no curve."""
    parts = epoch_parts(source.command, epoch, source.sweeps)
    if not is_pulse:
        refuse_constant(source.command, parts, source.sweeps)
    if parts[0].is_ramp:
        refuse_both_ways(source, parts)
    keep = saturation.Kept if with_saturated or is_pulse else saturation.kept
    return keep(source, parts, windows_of(source, parts, how))


def _of_pulse(source: Source, how: Measure, charge: Charge) -> Measure:
    """Return how a recording is read whose steps determine the membrane capacitance, but which has no I-V curve.

    Its row serves the ramps of the cell, whatever the configuration says of those that have one.
    """
    is_there = any(part.name == how.epoch for part in source.command[source.sweeps[0]])
    settled = replace(how.with_default_window(), statistic=Statistic.MEAN, leak=Leak.NONE)
    return settled if is_there else replace(settled, epoch=charge.epoch)


def _traces(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> list[Trace]:
    recording = source.recording
    return [
        trace(
            recording,
            source.channel,
            source.command[source.sweeps[i]],
            Excerpt(source.sweeps[i], surroundings(parts[i], recording.points), windows[i]),
        )
        for i in evenly_spaced(len(parts), MAX_SWEEPS)
    ]


# Roles


def _beside(others: Mapping[Role, _Windows], left: Leftover) -> dict[Role, _Windows]:
    """Return the other windows of an epoch; none behind a peak beside a transient, which moves the zero there too."""
    return {role: each for role, each in others.items() if not (left.transient_se_nS and role in FOLLOWING_ROLES)}


def _further(source: Source, parts: Sequence[Segment], how: Measure) -> Iterator[Points]:
    """Yield the points of the holding level, of the ramps that determine the capacitance, and of the leak's epoch."""
    if holding := [] if parts[0].is_ramp else holding_parts(source, parts):
        settled = replace(how.with_default_window(), statistic=Statistic.MEAN)
        yield read(source, Role.HOLDING, holding, [holding_window(part) for part in holding], settled)[0]
    for role, ramps in (capacitance_ramps(source, parts) if parts[0].is_ramp else {}).items():
        yield read(source, role, ramps, saturation.kept(source, ramps, ramp_windows(source, ramps)).windows, how)[0]
    if how.leak.startswith(_EPOCH_LEAK):
        yield _leak(source, how)


def _leak(source: Source, how: Measure) -> Points:
    """Return the points of the epoch that gives the leak, in its settled part; a ramp and its opposite are one.

    A leak has no peak: what is largest there is the capacitive transient.
    """
    epoch = how.leak.removeprefix(_EPOCH_LEAK)
    parts = epoch_parts(source.command, epoch, source.sweeps)
    settled = how.with_default_window()
    if STATISTICS[how.statistic].at_peak:
        settled = replace(settled, statistic=Statistic.MEAN)
    points = read(source, Role.LEAK, parts, windows_of(source, parts, settled), settled)[0]
    opposite = opposite_ramps(source, parts) if parts[0].is_ramp else []
    if opposite:
        return _joined(points, read(source, Role.LEAK, opposite, ramp_windows(source, opposite), settled)[0])
    if not parts[0].is_ramp and len(np.unique(points.command_mV)) < 2:
        raise RecordingError(
            f"epoch {epoch}, from which the leak is to be taken, has one level in all sweeps; expected two levels or "
            "a ramp"
        )
    return points


def _joined(first: Points, second: Points) -> Points:
    names = [each.name for each in fields(Points) if each.name != "role"]
    both: dict[str, Any] = {name: np.concatenate((getattr(first, name), getattr(second, name))) for name in names}
    return replace(first, **both)


def _background(
    recording: Recording, how: Measure, signal: Sequence[Segment], windows: Sequence[tuple[int, int]]
) -> tuple[Points, Doubt | None]:
    """Return the points of another recording, at the same times of the same epoch, and the doubt about its command."""
    try:
        source = hum.with_hum(open_source(recording, how, ()))
        parts = epoch_parts(source.command, how.epoch, source.sweeps)
        if parts[0].is_ramp != signal[0].is_ramp:
            raise RecordingError(f"its epoch {how.epoch} is not of the kind of the one that it is subtracted from")
        if STATISTICS[how.statistic].at_peak:
            windows_of(source, parts, replace(how, statistic=Statistic.MEAN))  # refuses a window that does not fit
            own = _at_same_time(parts, signal[0], windows[0])
        else:
            own = windows_of(source, parts, how)
        doubt = compare(source, parts, how).doubt
        if doubt:
            doubt = replace(doubt, reason=f"the background {recording.path.name}: {doubt.reason}")
        return read(source, Role.BACKGROUND, parts, own, how)[0], doubt
    except RecordingError as fault:
        raise RecordingError(f"the background {recording.path.name}: {fault}") from None


def _at_same_time(parts: Sequence[Segment], signal: Segment, window: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the windows of a background at the signal's peak, which the background itself does not show."""
    offset, length = window[0] - signal.start, window[1] - window[0]
    return [(part.start + offset, min(part.stop, part.start + offset + length)) for part in parts]
