"""Points of one measurement, taken from a recording.

A step gives one point per sweep: the command, and the current's mean, median or peak in the
window with its standard error. A ramp gives up to 400, each the mean over a piece of it. The
points of a measurement have *roles*: `signal` is what is measured; `leak` the same of the
epoch from which a leak is taken; `background` the same of another recording; `opposite` the
ramp that runs back over the same voltages, which determines the membrane capacitance, or that
runs back over the `pair`, another ramp of the recording, where the measured one has none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.agreement import Doubt, compare
from nernstfit.abf.command import MILLIVOLTS, Segment
from nernstfit.abf.ramps import capacitance_ramps, onset_capacitance_pF, opposite_ramps, ramp_speed, refuse_both_ways
from nernstfit.abf.read import Recording
from nernstfit.abf.select import chosen_epoch, epoch_parts, label, refuse_constant
from nernstfit.abf.statistics import STATISTICS, WindowStatistic
from nernstfit.abf.trace import Excerpt, Trace, evenly_spaced, surroundings, trace
from nernstfit.abf.transients import step_charge
from nernstfit.abf.windows import Source, command_source, earlier_windows, open_source, ramp_windows, spans, windows_of
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import BandwidthSource, Flag, Role, Statistic, Voltage

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Longest stretch at the end of a step from which autocorrelation and variance are estimated, in samples. At half,
# slow noise is estimated from fewer periods; at double only the time grows.
_MAX_STRETCH_SAMPLES = 8192
# Largest number of points of a ramp: 0.5 mV apart on a ramp of 200 mV. At half the zero is interpolated over wider
# steps; at double tables grow, with more information only where the noise is white.
_MAX_PIECES = 400
# Samples that are held in memory at a time, 16 MB as floats. At half a large recording is read in more parts, at
# double it takes more memory. Of ramps longer than this in all, a part determines the autocorrelation.
_MAX_SAMPLES = 2_000_000
# Parts into which a ramp is cut, and degree of the polynomial that each is detrended by, before its noise is
# estimated. With half the parts, the bend of a rectifying current counts as noise; with double, slow noise is lost.
_RAMP_PARTS, _TREND_DEGREE = 8, 3
_EPOCH_LEAK = "epoch:"  # before the letter of the epoch from which a leak is taken


@dataclass(frozen=True)
class Points:
    """Points of one role; arrays of shape (n,).

    Attributes
    ----------
    role : Role
    sweep, point : ndarray of int
        Sweep, and piece of the ramp; 0 for a step.
    t_ms : ndarray
        Middle of each window or piece, from the start of the sweep.
    command_mV, recorded_mV : ndarray
        Command, and the recorded membrane voltage where the file has one, else nan.
    current_pA, se_pA : ndarray
        Current and its standard error, which includes the autocorrelation of the noise.
    samples : ndarray of int
        Number of samples of each window or piece.
    """

    role: Role
    sweep: IntArray
    point: IntArray
    t_ms: FloatArray
    command_mV: FloatArray
    recorded_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    samples: IntArray


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
        Largest rise of the current along a window over the current's range between sweeps; nan for ramps and peaks.
    clipped_fraction : float
        Fraction of the samples at the limits of the converter.
    prepulse_mV : float
        Level before the epoch above the holding level, in the first sweep.
    ramp_mV_per_ms : float
        Speed of the ramp in the first sweep; nan for a step.
    corner_pF, corner_se_pF : float
        Membrane capacitance from the step of the current at the onset of the ramp, and its standard error; nan for
        a step, and where the segment before the ramp does not determine it.
    step_pF, step_se_pF, step_nS : float
        Charge of a voltage step over the step and the conductance there, see `transients`; nan where there is none.
    mismatch_mV : float
        Difference of the recorded voltage from the command, see `agreement`; nan where none is recorded.
    doubt : Doubt or None
        Doubt for which the measurement has no number.
    outside : tuple of Flag
        Parts of the protocol outside the stored sweeps.
    capacitance_pF : float
        Membrane capacitance as the amplifier telegraphed it; nan where it did not.
    window_from_ms, window_to_ms : float
        Window in the first sweep, from the start of the epoch.
    early_from_ms, early_to_ms, middle_from_ms, middle_to_ms : float
        Windows in which the current of steps is read too where nobody chose one; nan elsewhere.
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
    corner_pF: float
    corner_se_pF: float
    step_pF: float
    step_se_pF: float
    step_nS: float
    mismatch_mV: float
    doubt: Doubt | None
    outside: tuple[Flag, ...]
    capacitance_pF: float
    window_from_ms: float
    window_to_ms: float
    early_from_ms: float
    early_to_ms: float
    middle_from_ms: float
    middle_to_ms: float
    bandwidth_Hz: float
    bandwidth_source: BandwidthSource


@dataclass(frozen=True)
class _Quality:
    """Quality of the samples of one role; see `Reading`."""

    noise_pA: float
    autocorrelation: float
    trend: float
    clipped_fraction: float


def measure_points(
    recording: Recording, how: Measure, sweeps: Sequence[int], background: Recording | None = None
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

    Returns
    -------
    Reading

    Raises
    ------
    RecordingError
        If something asked for is not in the file, or the file leaves a choice that was not made.
    """
    try:
        return _reading(recording, how, sweeps, background)
    except RecordingError as fault:
        raise RecordingError(f"{recording.path.name}: {fault}") from None


def _reading(recording: Recording, how: Measure, sweeps: Sequence[int], background: Recording | None) -> Reading:
    source = open_source(recording, how, sweeps)
    epoch = chosen_epoch(source.command, how, source.sweeps)
    parts = epoch_parts(source.command, epoch, source.sweeps)
    refuse_constant(source.command, parts, source.sweeps)
    if is_ramp := parts[0].is_ramp:
        refuse_both_ways(source, parts)
    windows = windows_of(source, parts, how)
    agreement = compare(source, parts, how)
    signal, quality = _read(source, Role.SIGNAL, parts, windows, how)
    points = [signal]
    earlier = earlier_windows(source, parts, windows, how)
    points += [_read(source, role, parts, early, how)[0] for role, early in earlier.items()]
    for role, ramps in (capacitance_ramps(source, parts) if is_ramp else {}).items():
        points.append(_read(source, role, ramps, ramp_windows(source, ramps), how)[0])
    if how.leak.startswith(_EPOCH_LEAK):
        points.append(_leak(source, how))
    doubt = agreement.doubt
    if background is not None:
        subtracted, of_background = _background(background, replace(how, epoch=epoch), parts, windows)
        points.append(subtracted)
        doubt = doubt or of_background
    corner = onset_capacitance_pF(source, parts) if is_ramp else (math.nan, math.nan)
    charge, band = step_charge(source), recording.bandwidth(source.channel)
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
        clipped_fraction=quality.clipped_fraction,
        ramp_mV_per_ms=ramp_speed(source, parts[0]) if is_ramp else math.nan,
        corner_pF=corner[0],
        corner_se_pF=corner[1],
        step_pF=charge.capacitance_pF,
        step_se_pF=charge.se_pF,
        step_nS=charge.conductance_nS,
        mismatch_mV=agreement.mismatch_mV,
        doubt=doubt,
        outside=source.waveform.outside,
        capacitance_pF=source.channel.capacitance_pF,
        **spans(source, parts[0], {"window": windows, **{str(role): each for role, each in earlier.items()}}),
        bandwidth_Hz=band.corner_Hz,
        bandwidth_source=band.source,
    )


def _traces(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> list[Trace]:
    recording = source.recording
    return [
        trace(
            recording,
            source.channel,
            source.command[source.sweeps[i]],
            Excerpt(source.sweeps[i], surroundings(parts[i], recording.points), windows[i]),
        )
        for i in evenly_spaced(len(parts))
    ]


# Roles


def _leak(source: Source, how: Measure) -> Points:
    """Return the points of the epoch that gives the leak, in its settled part; a ramp and its opposite are one."""
    epoch = how.leak.removeprefix(_EPOCH_LEAK)
    parts = epoch_parts(source.command, epoch, source.sweeps)
    settled = how.with_default_window()
    points = _read(source, Role.LEAK, parts, windows_of(source, parts, settled), settled)[0]
    opposite = opposite_ramps(source, parts) if parts[0].is_ramp else []
    if opposite:
        return _joined(points, _read(source, Role.LEAK, opposite, ramp_windows(source, opposite), settled)[0])
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
        source = open_source(recording, how, ())
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
        return _read(source, Role.BACKGROUND, parts, own, how)[0], doubt
    except RecordingError as fault:
        raise RecordingError(f"the background {recording.path.name}: {fault}") from None


def _at_same_time(parts: Sequence[Segment], signal: Segment, window: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the windows of a background at the signal's peak, which the background itself does not show."""
    offset, length = window[0] - signal.start, window[1] - window[0]
    return [(part.start + offset, min(part.stop, part.start + offset + length)) for part in parts]


# Samples


def _read(
    source: Source, role: Role, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> tuple[Points, _Quality]:
    read, statistic = _read_ramps if parts[0].is_ramp else _read_steps, STATISTICS[how.statistic]
    points, quality = read(source, role, parts, windows, statistic)
    if how.voltage == Voltage.RECORDED and not np.isfinite(points.recorded_mV).all():
        raise RecordingError(f"the recorded membrane voltage of {label(parts[0])} holds samples that are no numbers")
    return points, quality


def _blocks(source: Source, windows: Sequence[tuple[int, int]]) -> Iterator[tuple[list[int], FloatArray]]:
    """Yield places in `windows` with their currents in pA, shape (places, samples): runs of equal windows, in order.

    A run is limited in size: of a large recording never more than a part is in memory.
    """
    for window, members in itertools.groupby(range(len(windows)), key=windows.__getitem__):
        rows = list(members)
        most = max(1, _MAX_SAMPLES // (window[1] - window[0]))
        for chunk in (rows[k : k + most] for k in range(0, len(rows), most)):
            sweeps = [source.sweeps[i] for i in chunk]
            yield chunk, source.recording.block_pA(source.channel, sweeps, *window)


def _read_steps(
    source: Source,
    role: Role,
    parts: Sequence[Segment],
    windows: Sequence[tuple[int, int]],
    statistic: WindowStatistic,
) -> tuple[Points, _Quality]:
    recording = source.recording
    values, rises, squares = (np.empty(len(parts)) for _ in range(3))
    for rows, block in _blocks(source, windows):
        residual, rises[rows] = noise.detrended(block)
        values[rows] = statistic.of_windows(block)
        squares[rows] = noise.squares(residual)
    starts, stops = np.array(windows).T
    counts = stops - starts
    stretches = [_settled_stretch(part, window) for part, window in zip(parts, windows, strict=True)]
    # A cubic follows the tail or the opening current that remains there; the residual is the noise.
    settled = [noise.detrended(block, _TREND_DEGREE)[0] for _, block in _blocks(source, stretches)]
    resolution = recording.resolution_pA(source.channel)
    se, time = noise.standard_errors(counts, squares, settled, resolution, _TREND_DEGREE)
    return Points(
        role=role,
        sweep=np.array(source.sweeps),
        point=np.zeros(len(parts), dtype=np.int64),
        t_ms=(starts + stops) / 2 / recording.rate_Hz * 1e3,
        command_mV=np.array([part.first_mV for part in parts]),
        recorded_mV=_recorded(source, windows, [np.array([0])] * len(windows)),
        current_pA=values,
        se_pA=se * statistic.error_factor,
        samples=counts,
    ), _Quality(
        noise_pA=math.sqrt(squares.sum() / counts.sum()),
        autocorrelation=time,
        trend=_trend(rises, values, statistic),
        clipped_fraction=_clipped(source, windows),
    )


def _trend(rises: FloatArray, values: FloatArray, statistic: WindowStatistic) -> float:
    """Return the largest rise along a window over the range between sweeps; nan at a peak, which is never flat."""
    if statistic.at_peak:
        return math.nan
    return float(np.abs(rises).max()) / (float(np.ptp(values)) or math.inf)


def _read_ramps(
    source: Source,
    role: Role,
    parts: Sequence[Segment],
    windows: Sequence[tuple[int, int]],
    statistic: WindowStatistic,
) -> tuple[Points, _Quality]:
    of_pieces, recording = _of_pieces(statistic, parts[0]), source.recording
    time = _ramp_time(source, windows)
    shortest = min(stop - start for start, stop in windows)
    pieces = max(2, min(_MAX_PIECES, shortest // max(1, math.ceil(time))))
    edges = [np.arange(pieces) * (stop - start) // pieces for start, stop in windows]
    current, squares, variance = np.empty((len(parts), pieces)), 0.0, np.empty(len(parts))
    for rows, block in _blocks(source, windows):
        residual = noise.without_outbursts(noise.detrended(_cut(block), _TREND_DEGREE)[0])
        found = noise.variances(*noise.summary([residual]), time, _TREND_DEGREE)
        variance[rows] = found.reshape(len(rows), -1).mean(axis=1)
        squares += float(noise.squares(residual).sum())
        current[rows] = of_pieces(block, edges[rows[0]])
    samples = np.concatenate(
        [np.diff(np.append(first, stop - start)) for (start, stop), first in zip(windows, edges, strict=True)]
    )
    middles = np.concatenate([start + first for (start, _), first in zip(windows, edges, strict=True)]) + samples / 2
    # Over more than one piece the noise averages as over independent samples, one in every autocorrelation time.
    of_mean = variance * time + noise.rounding_variance(variance, recording.resolution_pA(source.channel))
    return Points(
        role=role,
        sweep=np.repeat(source.sweeps, pieces),
        point=np.tile(np.arange(pieces), len(parts)),
        t_ms=middles / recording.rate_Hz * 1e3,
        command_mV=_ramp_command(parts, middles),
        recorded_mV=_recorded(source, windows, edges),
        current_pA=current.ravel(),
        se_pA=np.sqrt(np.repeat(of_mean, pieces) / samples) * statistic.error_factor,
        samples=samples,
    ), _Quality(
        noise_pA=math.sqrt(squares / samples.sum()),
        autocorrelation=time,
        trend=math.nan,
        clipped_fraction=_clipped(source, windows),
    )


def _of_pieces(statistic: WindowStatistic, part: Segment) -> Callable[[FloatArray, IntArray], FloatArray]:
    if statistic.of_pieces is None:
        known = " or ".join(f"'{each.name}'" for each in STATISTICS.values() if each.of_pieces)
        raise RecordingError(f"{label(part)} is a ramp, which has no {statistic.name}; expected {known}")
    return statistic.of_pieces


def _ramp_command(parts: Sequence[Segment], middles: FloatArray) -> FloatArray:
    """Return the command in the middle of each piece."""
    return np.concatenate(
        [
            part.first_mV + (part.last_mV - part.first_mV) * (middle - part.start) / (part.stop - part.start)
            for part, middle in zip(parts, np.split(middles, len(parts)), strict=True)
        ]
    )


def _ramp_time(source: Source, windows: Sequence[tuple[int, int]]) -> float:
    """Estimate the autocorrelation time in samples, from a limited number of ramps spread over the sweeps."""
    samples = sum(stop - start for start, stop in windows)
    chosen = list(range(0, len(windows), -(-samples // _MAX_SAMPLES)))
    part = replace(source, sweeps=tuple(source.sweeps[i] for i in chosen))
    blocks = (block for _, block in _blocks(part, [windows[i] for i in chosen]))
    residuals = [noise.without_outbursts(noise.detrended(_cut(block), _TREND_DEGREE)[0]) for block in blocks]
    return noise.autocorrelation_time(noise.autocorrelation(residuals, _TREND_DEGREE))


def _cut(block: FloatArray) -> FloatArray:
    """Return ramps cut into parts short enough for a cubic to follow; shape (sweeps * parts, samples)."""
    parts = max(1, min(_RAMP_PARTS, block.shape[1] // (4 * (_TREND_DEGREE + 1))))
    length = block.shape[1] // parts
    return block[:, : parts * length].reshape(-1, length)


def _settled_stretch(part: Segment, window: tuple[int, int]) -> tuple[int, int]:
    """Return the last half of the epoch, where the current is settled; more of it where the window is longer."""
    length = max((part.stop - part.start) // 2, window[1] - window[0])
    return max(part.start, part.stop - min(length, _MAX_STRETCH_SAMPLES)), part.stop


def _clipped(source: Source, windows: Sequence[tuple[int, int]]) -> float:
    """Return the fraction of the samples of all windows that are at the limits of the converter."""
    found = sum(
        source.recording.clipped(source.channel, [sweep], *window)
        for sweep, window in zip(source.sweeps, windows, strict=True)
    )
    return found / sum(stop - start for start, stop in windows)


def _recorded(source: Source, windows: Sequence[tuple[int, int]], edges: Sequence[IntArray]) -> FloatArray:
    """Return the mean recorded membrane voltage in mV over every window or piece; nan where none is recorded."""
    if source.voltage is None:
        return np.full(sum(map(len, edges)), math.nan)
    scale = MILLIVOLTS[source.voltage.unit]
    means = []
    for sweep, (start, stop), first in zip(source.sweeps, windows, edges, strict=True):
        sums = np.add.reduceat(source.recording.samples(source.voltage, sweep, start, stop), first)
        means.append(sums / np.diff(np.append(first, stop - start)) * scale)
    return np.concatenate(means)
