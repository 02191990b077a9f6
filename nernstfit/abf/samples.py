"""Samples of windows and ramps as points: the current of each with its standard error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import hum, noise
from nernstfit.abf.command import MILLIVOLTS, Segment
from nernstfit.abf.ramps import ramp_speed
from nernstfit.abf.select import label
from nernstfit.abf.statistics import STATISTICS, WindowStatistic
from nernstfit.abf.windows import Source
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Role, Voltage

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
        Command, and the recorded membrane voltage where the file has one, else nan; on a ramp those of the time at
        which the current entered the low-pass filter.
    current_pA, se_pA : ndarray
        Current and its standard error, which includes the autocorrelation of the noise and the hum of each sweep.
    shared_cos_pA, shared_sin_pA : ndarray
        Errors that all sweeps share, by the two parts of a hum that is locked to them; 0 where there is none.
    transient_pA : ndarray
        What is left of the capacitive transient in the current of a peak, as far as it is known; 0 elsewhere.
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
    shared_cos_pA: FloatArray
    shared_sin_pA: FloatArray
    transient_pA: FloatArray


@dataclass(frozen=True)
class Quality:
    """Quality of the samples of one role; see `points.Reading`."""

    noise_pA: float
    autocorrelation: float
    trend: float


def read(
    source: Source,
    role: Role,
    parts: Sequence[Segment],
    windows: Sequence[tuple[int, int]],
    how: Measure,
    settled: noise.Settled | None = None,
) -> tuple[Points, Quality]:
    """Read the points of one role, and the quality of their samples.

    Parameters
    ----------
    source : Source
    role : Role
    parts : sequence of Segment
        Epoch in each sweep.
    windows : sequence of tuple of int
        First sample and end of the window in each sweep.
    how : Measure
    settled : Settled or None
        Noise of the steps, where another role of the same sweeps has given it.

    Raises
    ------
    RecordingError
        If samples are no numbers, or a ramp has no such statistic.
    """
    statistic = STATISTICS[how.statistic]
    if parts[0].is_ramp:
        points, quality = _read_ramps(source, role, parts, windows, statistic)
    else:
        points, quality = _read_steps(
            source, role, (parts, windows), statistic, settled or settled_noise(source, parts, windows)
        )
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


def settled_noise(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> noise.Settled:
    """Estimate the noise of steps where their current is settled.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Step in each sweep.
    windows : sequence of tuple of int
        First sample and end of the window in each.
    """
    stretches = [_settled_stretch(part, window) for part, window in zip(parts, windows, strict=True)]
    cycles = _cycles(source)
    # A cubic follows the tail or the opening current that remains there; the residual is the noise.
    settled = [noise.detrended(block, _TREND_DEGREE, cycles)[0] for _, block in _blocks(source, stretches)]
    return noise.Settled.of(settled, _TREND_DEGREE + 2 * len(cycles))


def _read_steps(
    source: Source,
    role: Role,
    steps: tuple[Sequence[Segment], Sequence[tuple[int, int]]],
    statistic: WindowStatistic,
    settled: noise.Settled,
) -> tuple[Points, Quality]:
    recording, cycles, (parts, windows) = source.recording, _cycles(source), steps
    values, rises, squares = (np.empty(len(parts)) for _ in range(3))
    for rows, block in _blocks(source, windows):
        residual, rises[rows] = noise.detrended(block)
        if cycles:
            residual = noise.detrended(block, 1, cycles)[0]
        values[rows] = statistic.of_windows(block)
        squares[rows] = noise.squares(residual)
    starts, stops = np.array(windows).T
    counts = stops - starts
    se = noise.standard_errors(counts, squares, settled, recording.resolution_pA(source.channel))
    t_ms = (starts + stops) / 2 / recording.rate_Hz * 1e3
    return Points(
        role=role,
        sweep=np.array(source.sweeps),
        point=np.zeros(len(parts), dtype=np.int64),
        t_ms=t_ms,
        command_mV=np.array([part.first_mV for part in parts]),
        recorded_mV=_recorded(source, windows, [np.array([0])] * len(windows)),
        current_pA=values,
        samples=counts,
        **_errors(source, se * statistic.error_factor, t_ms, counts),
    ), Quality(
        noise_pA=math.sqrt(squares.sum() / counts.sum()),
        autocorrelation=settled.time,
        trend=_trend(rises, values),
    )


def _cycles(source: Source) -> tuple[float, ...]:
    """Return the frequencies of the hum per sample, which is no noise that averages out."""
    return tuple(line.frequency_Hz / source.recording.rate_Hz for line in source.hum)


def _errors(source: Source, se_pA: FloatArray, t_ms: FloatArray, samples: IntArray) -> dict[str, FloatArray]:
    """Return the standard errors of points with those by hum, under their names in `Points`."""
    cosine, sine, own = hum.shared_and_own(source.hum, samples / source.recording.rate_Hz, t_ms * 1e-3)
    with_own = np.hypot(se_pA, own) if source.hum else se_pA
    none = np.zeros(len(se_pA))
    return {"se_pA": with_own, "shared_cos_pA": cosine, "shared_sin_pA": sine, "transient_pA": none}


def _trend(rises: FloatArray, values: FloatArray) -> float:
    """Return the largest rise along a window over the range between sweeps."""
    return float(np.abs(rises).max()) / (float(np.ptp(values)) or math.inf)


def _read_ramps(
    source: Source,
    role: Role,
    parts: Sequence[Segment],
    windows: Sequence[tuple[int, int]],
    statistic: WindowStatistic,
) -> tuple[Points, Quality]:
    of_pieces, recording, cycles = _of_pieces(statistic, parts[0]), source.recording, _cycles(source)
    time = _ramp_time(source, windows)
    shortest = min(stop - start for start, stop in windows)
    pieces = max(2, min(_MAX_PIECES, shortest // max(1, math.ceil(time))))
    edges = [np.arange(pieces) * (stop - start) // pieces for start, stop in windows]
    current, squares, variance = np.empty((len(parts), pieces)), 0.0, np.empty(len(parts))
    for rows, block in _blocks(source, windows):
        residual = noise.without_outbursts(noise.detrended(_cut(block), _TREND_DEGREE, cycles)[0])
        found = noise.variances(*noise.summary([residual]), time, _TREND_DEGREE)
        variance[rows] = found.reshape(len(rows), -1).mean(axis=1)
        squares += float(noise.squares(residual).sum())
        current[rows] = of_pieces(block, edges[rows[0]])
    samples = np.concatenate(
        [np.diff(np.append(first, stop - start)) for (start, stop), first in zip(windows, edges, strict=True)]
    )
    middles = np.concatenate([start + first for (start, _), first in zip(windows, edges, strict=True)]) + samples / 2
    speed = np.repeat([ramp_speed(source, part) for part in parts], pieces)
    recorded_late_ms = source.voltage.delay_ms if source.voltage else 0.0
    # Over more than one piece the noise averages as over independent samples, one in every autocorrelation time.
    of_mean = variance * time + noise.rounding_variance(variance, recording.resolution_pA(source.channel))
    se, t_ms = np.sqrt(np.repeat(of_mean, pieces) / samples), middles / recording.rate_Hz * 1e3
    return Points(
        role=role,
        sweep=np.repeat(source.sweeps, pieces),
        point=np.tile(np.arange(pieces), len(parts)),
        t_ms=t_ms,
        # Of what the filter delivers now, the voltage is that at which it came in.
        command_mV=_ramp_command(parts, middles) - speed * source.channel.delay_ms,
        recorded_mV=_recorded(source, windows, edges) - speed * (source.channel.delay_ms - recorded_late_ms),
        current_pA=current.ravel(),
        samples=samples,
        **_errors(source, se * statistic.error_factor, t_ms, samples),
    ), Quality(
        noise_pA=math.sqrt(squares / samples.sum()),
        autocorrelation=time,
        trend=math.nan,
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
    cut = (noise.detrended(_cut(block), _TREND_DEGREE, _cycles(source))[0] for block in blocks)
    residuals = [noise.without_outbursts(each) for each in cut]
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


def clipped_fraction(source: Source, windows: Sequence[tuple[int, int]]) -> float:
    """Return the fraction of the samples of all windows that are at the limits of the converter.

    Parameters
    ----------
    source : Source
    windows : sequence of tuple of int
        First sample and end of the window in each sweep.
    """
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
