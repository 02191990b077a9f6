"""From a recording to the points of one measurement.

A step gives one point per sweep: the command, and the current's mean, median or peak in the
window with its standard error. A ramp gives up to 400, each the mean over a piece of it. The
points of a measurement have *roles*: `signal` is what is measured; `leak` the same of the
epoch from which a leak is taken; `background` the same of another recording; `opposite` the
ramp that runs back over the same voltages, which tells what charges the membrane.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.command import MILLIVOLTS, Segment
from nernstfit.abf.read import Recording
from nernstfit.abf.select import chosen_epoch, epoch_parts
from nernstfit.abf.trace import Trace, around, evenly, trace
from nernstfit.abf.windows import Source, open_source, opposite_ramps, origin, ramp_speed, said, whole, windows_of
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.contract.tables import BACKGROUND, LEAK, OPPOSITE, SIGNAL

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MEDIAN_FACTOR = math.sqrt(math.pi / 2)  # asymptotic error of a median over that of a mean, normal noise
_LONGEST_STRETCH = 8192
_MAX_PIECES = 400
_MAX_SAMPLES = 2_000_000  # at a time in memory
_RAMP_PARTS, _TREND_DEGREE = 8, 3
_CORNER_MS, _CORNER_SKIP_MS = 20.0, 2.0
_MIN_CORNER = 8


@dataclass(frozen=True)
class Points:
    """Points of one role; arrays of shape (n,).

    Attributes
    ----------
    role : str
    sweep, point : ndarray of int
        Sweep, and piece of the ramp; 0 for a step.
    t_ms : ndarray
        Middle of each window or piece, from the start of the sweep.
    command_mV, recorded_mV : ndarray
        Command, and the recorded membrane voltage where the file has one, else nan.
    current_pA, se_pA : ndarray
        Current and its standard error, autocorrelation counted.
    samples : ndarray of int
    """

    role: str
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
    """What one measurement takes from its recording.

    Attributes
    ----------
    epoch, channel, command, command_source : str
        What was chosen: letter or `after`, names of the ADC and the DAC; where the command comes from.
    is_ramp : bool
    points : tuple of Points
        One for each role.
    traces : tuple of Trace
        Of at most seven sweeps, spread evenly.
    noise_pA : float
        Standard deviation of the detrended samples, over all windows.
    autocorrelation : float
        Integrated autocorrelation time in samples.
    trend : float
        Largest rise of the current along a window over the current's range between sweeps; nan for ramps and peaks.
    clipped_fraction : float
        Part of the samples at the converter's limit.
    ramp_mV_per_ms : float
        Speed of the ramp in the first sweep; nan for a step.
    corner_pF, corner_se_pF : float
        Step of the current where the ramp sets in, over that of the speed: what charges the membrane. nan for a
        step, and where what precedes the ramp is too short to tell.
    mismatch_mV : float
        Largest difference of the recorded voltage from the command, nan where none is recorded.
    capacitance_pF : float
        As the amplifier telegraphed it, nan where it did not.
    bandwidth_Hz : float
    bandwidth_source : str
        What limits the band of the current, as `Recording.bandwidth` says.
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
    ramp_mV_per_ms: float
    corner_pF: float
    corner_se_pF: float
    mismatch_mV: float
    capacitance_pF: float
    bandwidth_Hz: float
    bandwidth_source: str


@dataclass(frozen=True)
class _Quality:
    """How the samples of one role are."""

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
        Which sweeps, from 0; empty for all.
    background : Recording or None
        What is to be subtracted; all its sweeps are read, in the same window.

    Returns
    -------
    Reading

    Raises
    ------
    RecordingError
        Where something asked for is not in the file, or the file leaves a choice that was not made.
    """
    try:
        return _reading(recording, how, sweeps, background)
    except RecordingError as fault:
        raise RecordingError(f"{recording.path.name}: {fault}") from None


def _reading(recording: Recording, how: Measure, sweeps: Sequence[int], background: Recording | None) -> Reading:
    source = open_source(recording, how, sweeps)
    epoch = chosen_epoch(source.command, how, source.sweeps)
    parts = epoch_parts(source.command, epoch, source.sweeps)
    is_ramp = parts[0].is_ramp
    windows = windows_of(source, parts, how)
    signal, quality = _read(source, SIGNAL, parts, windows, how)
    points = [signal]
    if is_ramp and (opposite := opposite_ramps(source, parts, epoch)):
        points.append(_read(source, OPPOSITE, opposite, whole(opposite), how)[0])
    if how.leak.startswith("epoch:"):
        points.append(_leak(source, how))
    if background is not None:
        points.append(_background(background, replace(how, epoch=epoch), parts, windows))
    corner = _corner(source, parts) if is_ramp else (math.nan, math.nan)
    band = recording.bandwidth(source.channel)
    return Reading(
        epoch=epoch,
        channel=source.channel.name,
        command=source.waveform.name,
        command_source=origin(source.waveform),
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
        mismatch_mV=source.mismatch_mV,
        capacitance_pF=source.channel.capacitance_pF,
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
            around(parts[i], recording.points),
            windows[i],
            source.sweeps[i],
        )
        for i in evenly(len(parts))
    ]


# Roles


def _leak(source: Source, how: Measure) -> Points:
    """Points of the epoch that tells the leak, in its settled part; a ramp and the one that runs back are one."""
    epoch = how.leak.removeprefix("epoch:")
    parts = epoch_parts(source.command, epoch, source.sweeps)
    settled = how.with_default_window()
    found = _read(source, LEAK, parts, windows_of(source, parts, settled), settled)[0]
    back = opposite_ramps(source, parts, epoch) if parts[0].is_ramp else []
    if back:
        return _joined(found, _read(source, LEAK, back, whole(back), settled)[0])
    if not parts[0].is_ramp and len(np.unique(found.command_mV)) < 2:
        raise RecordingError(
            f"epoch {epoch}, from which the leak is to be taken, has one level in all sweeps; two levels or a ramp "
            "would tell it"
        )
    return found


def _joined(first: Points, second: Points) -> Points:
    names = ("sweep", "point", "t_ms", "command_mV", "recorded_mV", "current_pA", "se_pA", "samples")
    both: dict[str, Any] = {name: np.concatenate((getattr(first, name), getattr(second, name))) for name in names}
    return replace(first, **both)


def _background(
    recording: Recording, how: Measure, signal: Sequence[Segment], windows: Sequence[tuple[int, int]]
) -> Points:
    """Points of another recording, at the same times of the same epoch."""
    try:
        source = open_source(recording, how, ())
        parts = epoch_parts(source.command, how.epoch, source.sweeps)
        if parts[0].is_ramp != signal[0].is_ramp:
            raise RecordingError(f"its epoch {how.epoch} is not of the kind of the one it is to be subtracted from")
        own = windows_of(source, parts, replace(how, statistic="mean") if how.statistic == "peak" else how)
        if how.statistic == "peak":
            offset, length = windows[0][0] - signal[0].start, windows[0][1] - windows[0][0]
            own = [(part.start + offset, min(part.stop, part.start + offset + length)) for part in parts]
        return _read(source, BACKGROUND, parts, own, how)[0]
    except RecordingError as fault:
        raise RecordingError(f"the background {recording.path.name}: {fault}") from None


# Samples


def _read(
    source: Source, role: str, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> tuple[Points, _Quality]:
    points, quality = (_read_ramps if parts[0].is_ramp else _read_steps)(source, role, parts, windows, how)
    if not (np.isfinite(points.current_pA) & np.isfinite(points.se_pA)).all():
        raise RecordingError(f"{said(parts[0])} holds samples that are no numbers")
    return points, quality


def _blocks(source: Source, windows: Sequence[tuple[int, int]]) -> Iterator[tuple[list[int], FloatArray]]:
    """Places in `windows` and their currents in pA, shape (places, samples): runs of equal windows, in order.

    A run goes on for as long as it stays small: of a large recording never more than a part is in memory.
    """
    for window, members in itertools.groupby(range(len(windows)), key=windows.__getitem__):
        rows = list(members)
        most = max(1, _MAX_SAMPLES // (window[1] - window[0]))
        for chunk in (rows[k : k + most] for k in range(0, len(rows), most)):
            sweeps = [source.sweeps[i] for i in chunk]
            yield chunk, source.recording.block_pA(source.channel, sweeps, *window)


def _read_steps(
    source: Source, role: str, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> tuple[Points, _Quality]:
    recording, median = source.recording, how.statistic == "median"
    values, rises, squares = (np.empty(len(parts)) for _ in range(3))
    for rows, block in _blocks(source, windows):
        residual, rises[rows] = noise.detrended(block)
        values[rows] = np.median(block, axis=1) if median else block.mean(axis=1)
        squares[rows] = noise.squares(residual)
    starts, stops = np.array(windows).T
    counts = stops - starts
    stretches = [_stretch(part, window) for part, window in zip(parts, windows, strict=True)]
    # What a tail or an opening current still does there, a cubic follows; the noise is what is left.
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
        se_pA=se * (_MEDIAN_FACTOR if median else 1.0),
        samples=counts,
    ), _Quality(
        noise_pA=math.sqrt(squares.sum() / counts.sum()),
        autocorrelation=time,
        trend=_trend(rises, values, how),
        clipped_fraction=_clipped(source, windows),
    )


def _trend(rises: FloatArray, values: FloatArray, how: Measure) -> float:
    """Largest rise along a window over the range between sweeps; nan at a peak, which is never flat."""
    if how.statistic == "peak":
        return math.nan
    return float(np.abs(rises).max()) / (float(np.ptp(values)) or math.inf)


def _read_ramps(
    source: Source, role: str, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> tuple[Points, _Quality]:
    if how.statistic == "peak":
        raise RecordingError(f"{said(parts[0])} is a ramp, which has no peak; mean or median would be right")
    recording, median = source.recording, how.statistic == "median"
    time = _ramp_time(source, windows)
    shortest = min(stop - start for start, stop in windows)
    pieces = max(2, min(_MAX_PIECES, shortest // max(1, math.ceil(time))))
    edges = [np.arange(pieces) * (stop - start) // pieces for start, stop in windows]
    current, squares, variance = np.empty((len(parts), pieces)), 0.0, np.empty(len(parts))
    for rows, block in _blocks(source, windows):
        residual = noise.detrended(_parted(block), _TREND_DEGREE)[0]
        found = noise.variances(*noise.summary([residual]), time, _TREND_DEGREE)
        variance[rows] = found.reshape(len(rows), -1).mean(axis=1)
        squares += float(noise.squares(residual).sum())
        first = edges[rows[0]]
        if median:
            current[rows] = np.stack([np.median(p, axis=1) for p in np.split(block, first[1:], axis=1)], axis=1)
        else:
            current[rows] = np.add.reduceat(block, first, axis=1) / np.diff(np.append(first, block.shape[1]))
    samples = np.concatenate(
        [np.diff(np.append(first, stop - start)) for (start, stop), first in zip(windows, edges, strict=True)]
    )
    middles = np.concatenate([start + first for (start, _), first in zip(windows, edges, strict=True)]) + samples / 2
    # Over more than one piece the noise averages as over independent samples, one in every autocorrelation time.
    of_mean = variance * time + noise.coarseness(variance, recording.resolution_pA(source.channel))
    return Points(
        role=role,
        sweep=np.repeat(source.sweeps, pieces),
        point=np.tile(np.arange(pieces), len(parts)),
        t_ms=middles / recording.rate_Hz * 1e3,
        command_mV=np.concatenate(
            [
                part.first_mV + (part.last_mV - part.first_mV) * (middle - part.start) / (part.stop - part.start)
                for part, middle in zip(parts, np.split(middles, len(parts)), strict=True)
            ]
        ),
        recorded_mV=_recorded(source, windows, edges),
        current_pA=current.ravel(),
        se_pA=np.sqrt(np.repeat(of_mean, pieces) / samples) * (_MEDIAN_FACTOR if median else 1.0),
        samples=samples,
    ), _Quality(
        noise_pA=math.sqrt(squares / samples.sum()),
        autocorrelation=time,
        trend=math.nan,
        clipped_fraction=_clipped(source, windows),
    )


def _ramp_time(source: Source, windows: Sequence[tuple[int, int]]) -> float:
    """Autocorrelation time in samples, from as many ramps, spread over the sweeps, as are soon read."""
    samples = sum(stop - start for start, stop in windows)
    chosen = list(range(0, len(windows), -(-samples // _MAX_SAMPLES)))
    part = replace(source, sweeps=tuple(source.sweeps[i] for i in chosen))
    blocks = (block for _, block in _blocks(part, [windows[i] for i in chosen]))
    residuals = [noise.detrended(_parted(block), _TREND_DEGREE)[0] for block in blocks]
    return noise.autocorrelation_time(noise.autocorrelation(residuals, _TREND_DEGREE))


def _parted(block: FloatArray) -> FloatArray:
    """Sweeps of a ramp cut into parts short enough for a cubic to follow; shape (sweeps * parts, samples)."""
    parts = max(1, min(_RAMP_PARTS, block.shape[1] // (4 * (_TREND_DEGREE + 1))))
    length = block.shape[1] // parts
    return block[:, : parts * length].reshape(-1, length)


def _stretch(part: Segment, window: tuple[int, int]) -> tuple[int, int]:
    """The last half of the epoch, where the current is settled; more of it where the window is longer."""
    length = max((part.stop - part.start) // 2, window[1] - window[0])
    return max(part.start, part.stop - min(length, _LONGEST_STRETCH)), part.stop


def _clipped(source: Source, windows: Sequence[tuple[int, int]]) -> float:
    """Part of the samples of all windows that stand at the converter's limit."""
    found = sum(
        source.recording.clipped(source.channel, [sweep], *window)
        for sweep, window in zip(source.sweeps, windows, strict=True)
    )
    return found / sum(stop - start for start, stop in windows)


def _recorded(source: Source, windows: Sequence[tuple[int, int]], edges: Sequence[IntArray]) -> FloatArray:
    """Mean of the recorded membrane voltage in mV over every window or piece, nan where none is recorded."""
    if source.voltage is None:
        return np.full(sum(map(len, edges)), math.nan)
    scale = MILLIVOLTS[source.voltage.unit]
    means = []
    for sweep, (start, stop), first in zip(source.sweeps, windows, edges, strict=True):
        sums = np.add.reduceat(source.recording.samples(source.voltage, sweep, start, stop), first)
        means.append(sums / np.diff(np.append(first, stop - start)) * scale)
    return np.concatenate(means)


def _corner(source: Source, parts: Sequence[Segment]) -> tuple[float, float]:
    """Capacity in pF that the step of the current at the start of a ramp speaks of, and its standard error.

    The membrane's own current goes on steadily there, so what steps is C times the step of dV/dt. Straight lines
    before and after, a little off the corner, are carried to it.
    """
    recording, rate = source.recording, source.recording.rate_Hz
    at = source.command[source.sweeps[0]].index(parts[0])
    before = source.command[source.sweeps[0]][at - 1] if at > 0 else None
    corner = parts[0].start
    length = round(_CORNER_MS * rate / 1e3)
    skip = round(_CORNER_SKIP_MS * rate / 1e3)
    if before is None or any(part.start != corner for part in parts) or before.first_mV != before.last_mV:
        return math.nan, math.nan
    left = (max((before.start + corner) // 2, corner - length), corner)
    right = (corner + skip, min(corner + skip + length, parts[0].stop))
    if min(left[1] - left[0], right[1] - right[0]) < _MIN_CORNER:
        return math.nan, math.nan
    found = []
    for start, stop in (left, right):
        mean = recording.block_pA(source.channel, source.sweeps, start, stop).mean(axis=0)
        samples = np.arange(start, stop) + 0.5 - corner
        design = np.stack([np.ones(len(mean)), samples], axis=1)
        (value, _), *_ = np.linalg.lstsq(design, mean, rcond=None)
        residual, _ = noise.detrended(mean)
        time = noise.autocorrelation_time(noise.autocorrelation([residual]))
        scale = float(residual @ residual) / max(1.0, len(mean) - 2.0) * time
        found.append((float(value), scale * float(np.linalg.inv(design.T @ design)[0, 0])))
    speed = ramp_speed(source, parts[0])
    (before_pA, before_var), (after_pA, after_var) = found
    return (after_pA - before_pA) / speed, math.sqrt(before_var + after_var) / abs(speed)
