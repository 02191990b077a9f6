"""From a recording to the points of one measurement.

Chosen here, by evidence or as asked: the channel that carries the current, the DAC that
drives the cell, the epoch, the window. A step gives one point per sweep: the command, and
the current's mean or median in the window with its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nernstfit import noise
from nernstfit.abf.command import (
    AFTER,
    MILLIVOLTS,
    Segment,
    in_millivolts,
    levels,
    refuse_stimulus,
    refuse_unknown,
    segments,
)
from nernstfit.abf.read import Recording
from nernstfit.abf.records import PICOAMPERES, Channel, Waveform
from nernstfit.errors import RecordingError
from nernstfit.settings import Measure

FloatArray = NDArray[np.float64]
_Named = TypeVar("_Named", Channel, Waveform)

_CURRENT_UNITS = frozenset(PICOAMPERES) | {"A"}
_MEDIAN_FACTOR = math.sqrt(math.pi / 2)  # asymptotic error of a median over that of a mean, normal noise
_TRACE_SWEEPS = 7
_LONGEST_STRETCH = 8192


@dataclass(frozen=True)
class Points:
    """What one measurement takes from its recording.

    Attributes
    ----------
    epoch, channel, command : str
        What was chosen: letter or `after`, names of the ADC and the DAC.
    sweeps : ndarray of int, shape (n,)
    t_ms : ndarray, shape (n,)
        Middle of each window, from the start of the sweep.
    command_mV, current_pA, se_pA : ndarray, shape (n,)
        Command, mean (or median) current and its standard error, autocorrelation counted.
    samples : ndarray of int, shape (n,)
        Samples in each window.
    noise_pA : float
        Standard deviation of the detrended samples, over all windows.
    autocorrelation : float
        Integrated autocorrelation time in samples.
    trend : float
        Largest rise of the current along a window over the current's range between sweeps.
    clipped_fraction : float
        Part of the samples at the converter's limit.
    """

    epoch: str
    channel: str
    command: str
    sweeps: NDArray[np.int64]
    t_ms: FloatArray
    command_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    samples: NDArray[np.int64]
    noise_pA: float
    autocorrelation: float
    trend: float
    clipped_fraction: float


@dataclass(frozen=True)
class Trace:
    """The course of current and command around the window, for a picture; arrays of shape (bins,)."""

    sweep: int
    t_ms: FloatArray
    command_mV: FloatArray
    low_pA: FloatArray
    high_pA: FloatArray
    window_ms: tuple[float, float]


def measure_points(recording: Recording, how: Measure, sweeps: Sequence[int]) -> tuple[Points, tuple[Trace, ...]]:
    """Read the points of one measurement.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel, command, epoch, window and statistic.
    sweeps : sequence of int
        Which sweeps, from 0; empty for all.

    Returns
    -------
    Points
    tuple of Trace
        Of at most seven sweeps, spread evenly.

    Raises
    ------
    RecordingError
        Where something asked for is not in the file, or the file leaves a choice that was not made.
    """
    try:
        return _points(recording, how, sweeps)
    except RecordingError as fault:
        raise RecordingError(f"{recording.path.name}: {fault}") from None


def _points(recording: Recording, how: Measure, sweeps: Sequence[int]) -> tuple[Points, tuple[Trace, ...]]:
    channel, waveform = current_and_command(recording, how)
    chosen = _sweeps(recording, sweeps)
    refuse_stimulus(waveform)
    command = segments(waveform, recording.sweeps, recording.points)
    epoch = _epoch(command, how, chosen)
    parts = [_part(command[sweep], epoch, sweep) for sweep in chosen]
    windows = [_window(part, how, recording.rate_Hz) for part in parts]
    currents = [recording.current_pA(channel, s, *window) for s, window in zip(chosen, windows, strict=True)]
    flat = [noise.detrended(current) for current in currents]
    settled = [
        noise.detrended(recording.current_pA(channel, s, *_stretch(part, window)))[0]
        for s, part, window in zip(chosen, parts, windows, strict=True)
    ]
    se, time = noise.standard_errors([residual for residual, _ in flat], settled, recording.resolution_pA(channel))
    statistic, factor = (np.median, _MEDIAN_FACTOR) if how.statistic == "median" else (np.mean, 1.0)
    values = np.array([statistic(current) for current in currents])
    counts = np.array([len(current) for current in currents])
    clipped = sum(recording.clipped(channel, s, *window) for s, window in zip(chosen, windows, strict=True))
    points = Points(
        epoch=epoch,
        channel=channel.name,
        command=waveform.name,
        sweeps=np.array(chosen),
        t_ms=np.array([(a + b) / 2 / recording.rate_Hz * 1e3 for a, b in windows]),
        command_mV=np.array([part.first_mV for part in parts]),
        current_pA=values,
        se_pA=se * factor,
        samples=counts,
        noise_pA=math.sqrt(sum(float(r @ r) for r, _ in flat) / counts.sum()),
        autocorrelation=time,
        trend=max(abs(rise) for _, rise in flat) / (float(np.ptp(values)) or math.inf),
        clipped_fraction=clipped / int(counts.sum()),
    )
    traces = tuple(
        trace(recording, channel, command[chosen[i]], _around(parts[i], recording.points), windows[i], chosen[i])
        for i in evenly(len(chosen))
    )
    return points, traces


def current_and_command(recording: Recording, how: Measure) -> tuple[Channel, Waveform]:
    """Choose the channel that carries the current and the DAC that drives the cell.

    Raises
    ------
    RecordingError
        Where the file leaves a choice that was not made, or is no episodic voltage clamp.
    """
    if recording.mode != "episodic":
        raise RecordingError(f"command unknown: the recording is {recording.mode}, not episodic")
    channel = _current_channel(recording, how.channel)
    if recording.obstacles:
        raise RecordingError(f"command unknown: {', '.join(recording.obstacles)}")
    waveform = _waveform(recording, how.command, channel)
    if waveform.unit not in MILLIVOLTS:
        raise RecordingError(
            f"DAC '{waveform.name}' commands {waveform.unit or 'no unit'}, not mV: this is no voltage clamp"
        )
    return channel, in_millivolts(waveform)


def _current_channel(recording: Recording, wanted: str | int) -> Channel:
    carriers = [c for c in recording.channels if c.unit in _CURRENT_UNITS]
    if wanted == "auto":
        if not carriers:
            units = ", ".join(f"'{c.name}' in {c.unit}" for c in recording.channels)
            raise RecordingError(f"no channel carries a current ({units}): this is no voltage clamp")
        if len(carriers) > 1:
            raise RecordingError(f"{_list(carriers)} carry a current; say which in `channel`")
        channel = carriers[0]
    else:
        channel = _named(recording.channels, wanted, "channel")
    if channel.unit not in PICOAMPERES:
        raise RecordingError(f"channel '{channel.name}' is in {channel.unit}, which cannot be read as a current")
    if channel.clamp == "current":
        raise RecordingError(f"the amplifier of channel '{channel.name}' was in current clamp")
    return channel


def _waveform(recording: Recording, wanted: str | int, channel: Channel) -> Waveform:
    """Pick the DAC that plays a waveform; of several, the one with the channel's own number."""
    if wanted != "auto":
        return _named(recording.waveforms, wanted, "command")
    playing = [w for w in recording.waveforms if w.source != "none"]
    volts = [w for w in playing if w.unit in MILLIVOLTS] or playing
    own = [w for w in volts if w.number == channel.number]
    if not volts:
        raise RecordingError("command unknown: no DAC plays a waveform")
    if len(volts) == 1:
        # With several amplifiers on one file, the only waveform drives the channel of its own number.
        others = [c for c in recording.channels if c.unit in _CURRENT_UNITS and c.number == volts[0].number]
        if channel.number == volts[0].number or not others:
            return volts[0]
        raise RecordingError(
            f"command unknown: only DAC '{volts[0].name}' plays a waveform, and channel "
            f"'{others[0].name}' has its number; say in `command` what drives channel '{channel.name}'"
        )
    if own:
        return own[0]
    raise RecordingError(f"{_list(volts)} play a waveform; say in `command` which drives '{channel.name}'")


def _list(items: Sequence[Channel | Waveform]) -> str:
    return " and ".join(f"'{item.name}' (number {item.number})" for item in items)


def _named(items: Sequence[_Named], wanted: str | int, place: str) -> _Named:
    found = [item for item in items if item.name == str(wanted)]
    found = found or [item for item in items if str(item.number) == str(wanted).strip()]
    if len(found) != 1:
        raise RecordingError(f"{place} '{wanted}' is not in the file; it has {_list(items)}")
    return found[0]


def _sweeps(recording: Recording, wanted: Sequence[int]) -> list[int]:
    absent = [sweep for sweep in wanted if sweep >= recording.sweeps]
    if absent:
        raise RecordingError(f"sweep {absent[0]} is asked for; the recording has 0 to {recording.sweeps - 1}")
    return list(wanted) or list(range(recording.sweeps))


def _epoch(command: Sequence[Sequence[Segment]], how: Measure, sweeps: Sequence[int]) -> str:
    if how.epoch != "auto":
        return how.epoch
    levels: dict[str, set[tuple[float, float]]] = {}
    for sweep in sweeps:
        for part in command[sweep]:
            levels.setdefault(part.name, set()).add((part.first_mV, part.last_mV))
    differing = [name for name, found in levels.items() if len(found) > 1 and len(name) == 1]
    if len(differing) != 1:
        found = f"epochs {' and '.join(differing)} differ" if differing else "no epoch differs"
        raise RecordingError(f"{found} between the sweeps; say in `epoch` which is to be measured")
    return differing[0]


def _part(command: Sequence[Segment], epoch: str, sweep: int) -> Segment:
    for part in command:
        if part.name == epoch:
            refuse_unknown(part)
            if not part.is_level:
                raise RecordingError(f"epoch {epoch} is a ramp, and ramps are not measured yet")
            return part
    names = ", ".join(part.name for part in command if part.name != "before")
    raise RecordingError(f"sweep {sweep} has no epoch {epoch}; it has {names}")


def _window(part: Segment, how: Measure, rate_Hz: float) -> tuple[int, int]:
    if how.from_ms is not None and how.to_ms is not None:
        start, stop = (part.start + round(ms * rate_Hz / 1e3) for ms in (how.from_ms, how.to_ms))
    else:
        length = part.stop - part.start
        start, stop = (part.start + round(f * length) for f in (how.from_fraction, how.to_fraction))
    if stop > part.stop:
        last = (part.stop - part.start) / rate_Hz * 1e3
        raise RecordingError(f"the window ends at {how.to_ms:g} ms, but {_said(part)} lasts only {last:g} ms")
    if stop - start < 2:
        raise RecordingError(f"the window holds {max(0, stop - start)} samples of {_said(part)}; at least 2 are needed")
    return start, stop


def _stretch(part: Segment, window: tuple[int, int]) -> tuple[int, int]:
    """The last half of the epoch, where the current is settled; more of it where the window is longer."""
    length = max((part.stop - part.start) // 2, window[1] - window[0])
    return max(part.start, part.stop - min(length, _LONGEST_STRETCH)), part.stop


def _said(part: Segment) -> str:
    return "what follows the last epoch" if part.name == AFTER else f"epoch {part.name}"


def trace(
    recording: Recording,
    channel: Channel,
    command: Sequence[Segment],
    span: tuple[int, int],
    window: tuple[int, int],
    sweep: int,
    bins: int = 160,
) -> Trace:
    """Reduce the current of a span of one sweep to extremes per bin, the command at the start of each beside it.

    Parameters
    ----------
    recording : Recording
    channel : Channel
    command : sequence of Segment
        Of this sweep, in mV.
    span, window : tuple of int
        Samples from and to.
    sweep : int
    bins : int
        At most so many.
    """
    start, stop = span
    current = recording.current_pA(channel, sweep, start, stop)
    edges = np.linspace(0, stop - start, min(bins, stop - start) + 1).astype(int)[:-1]
    return Trace(
        sweep=sweep,
        t_ms=(edges + start) / recording.rate_Hz * 1e3,
        command_mV=levels(command, edges + start),
        low_pA=np.minimum.reduceat(current, edges),
        high_pA=np.maximum.reduceat(current, edges),
        window_ms=(window[0] / recording.rate_Hz * 1e3, window[1] / recording.rate_Hz * 1e3),
    )


def evenly(count: int) -> list[int]:
    """At most seven of `count` things, spread evenly, first and last among them."""
    return list(dict.fromkeys(np.linspace(0, count - 1, _TRACE_SWEEPS).round().astype(int).tolist()))


def _around(part: Segment, points: int) -> tuple[int, int]:
    """An epoch and a fifth of its length on either side."""
    margin = (part.stop - part.start) // 5
    return max(0, part.start - margin), min(points, part.stop + margin)
