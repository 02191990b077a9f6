"""Which samples a measurement takes: a recording as it was chosen, the window of every sweep, the ramp back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.audit import recorded_voltages
from nernstfit.abf.command import AFTER, Segment, refuse_stimulus, segments
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel, Waveform
from nernstfit.abf.select import chosen_sweeps, current_and_command
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure

FloatArray = NDArray[np.float64]

_PEAK_HALF_MS = 0.1
_QUIET_MS = 0.3


@dataclass(frozen=True)
class Source:
    """A recording with what was chosen of it."""

    recording: Recording
    channel: Channel
    waveform: Waveform
    command: tuple[tuple[Segment, ...], ...]
    sweeps: tuple[int, ...]
    voltage: Channel | None  # that records the membrane voltage
    mismatch_mV: float


def open_source(recording: Recording, how: Measure, sweeps: Sequence[int]) -> Source:
    """Choose channel, DAC and sweeps of a recording, and rebuild its command.

    Raises
    ------
    RecordingError
        Where something asked for is not in the file, or the file leaves a choice that was not made.
    """
    channel, waveform = current_and_command(recording, how)
    refuse_stimulus(waveform)
    chosen = chosen_sweeps(recording, sweeps)
    command = segments(waveform, recording.sweeps, recording.points)
    follows = recorded_voltages(recording, command)
    closest = min(follows, key=lambda found: abs(found.difference_mV)) if follows else None
    if closest is None and how.voltage == "recorded":
        raise RecordingError("no channel records a membrane voltage that follows the command; `voltage` asks for it")
    return Source(
        recording,
        channel,
        waveform,
        command,
        tuple(chosen),
        closest.channel if closest else None,
        abs(closest.difference_mV) if closest else math.nan,
    )


def origin(waveform: Waveform) -> str:
    """Where the command comes from."""
    return "header" if waveform.user_list is None else "header and user list"


def windows_of(source: Source, parts: Sequence[Segment], how: Measure) -> list[tuple[int, int]]:
    """First sample and end of the window in each part of the command, one for each sweep.

    Raises
    ------
    RecordingError
        Where a window does not fit, or is too short.
    """
    rate = source.recording.rate_Hz
    # Of a ramp, and of a peak whose time is not known yet, the window that nobody chose is all of it.
    unasked = how.default_window and (parts[0].is_ramp or how.statistic == "peak")
    windows = [(part.start, part.stop) if unasked else _window(part, how, rate) for part in parts]
    return _at_peak(source, windows, blanked=unasked) if how.statistic == "peak" and not parts[0].is_ramp else windows


def _window(part: Segment, how: Measure, rate_Hz: float) -> tuple[int, int]:
    if how.from_ms is not None and how.to_ms is not None:
        start, stop = (part.start + round(ms * rate_Hz / 1e3) for ms in (how.from_ms, how.to_ms))
    else:
        length = part.stop - part.start
        start, stop = (part.start + round(f * length) for f in (how.from_fraction, how.to_fraction))
    if stop > part.stop:
        last = (part.stop - part.start) / rate_Hz * 1e3
        raise RecordingError(f"the window ends at {how.to_ms:g} ms, but {said(part)} lasts only {last:g} ms")
    if stop - start < 2:
        raise RecordingError(f"the window holds {max(0, stop - start)} samples of {said(part)}; at least 2 are needed")
    return start, stop


def said(part: Segment) -> str:
    """What a fault calls a part of the command."""
    return "what follows the last epoch" if part.name == AFTER else f"epoch {part.name}"


def _at_peak(source: Source, windows: Sequence[tuple[int, int]], blanked: bool) -> list[tuple[int, int]]:
    """The same short window in every sweep, about the time at which the current is largest in any of them.

    Unless a window was asked for, what charges the membrane is passed over first: until the largest current of
    all sweeps has fallen to where it does not fall further for a while.
    """
    recording, length = source.recording, min(stop - start for start, stop in windows)
    half = round(_PEAK_HALF_MS * recording.rate_Hz / 1e3)
    width = 2 * half + 1
    if length < width + 1:
        raise RecordingError(f"the window holds {length} samples; a peak needs more than {width}")
    largest, smooth = np.zeros(length), np.zeros(length - width + 1)
    for sweep, (start, _) in zip(source.sweeps, windows, strict=True):
        current = recording.current_pA(source.channel, sweep, start, start + length)
        largest = np.maximum(largest, np.abs(current))
        summed = np.concatenate(([0.0], np.cumsum(current)))
        smooth = np.maximum(smooth, np.abs(summed[width:] - summed[:-width]) / width)
    first = _settled(smooth, max(1, round(_QUIET_MS * recording.rate_Hz / 1e3))) if blanked else 0
    at = first + int(largest[first + half : length - half].argmax())
    return [(start + at, start + at + width) for start, _ in windows]


def _settled(largest: FloatArray, ahead: int) -> int:
    """First place that nothing within the next `ahead` places is below."""
    for i in range(len(largest) - 1):
        if largest[i] <= largest[i + 1 : i + 1 + ahead].min():
            return i
    return 0


def whole(parts: Sequence[Segment]) -> list[tuple[int, int]]:
    """All of each part as its window."""
    return [(part.start, part.stop) for part in parts]


def opposite_ramps(source: Source, parts: Sequence[Segment], epoch: str) -> list[Segment]:
    """The ramp before or after that runs back over the same voltages, in every sweep; empty where there is none."""
    for step in (1, -1):
        found = []
        for sweep, part in zip(source.sweeps, parts, strict=True):
            at = source.command[sweep].index(part) + step
            other = source.command[sweep][at] if 0 <= at < len(source.command[sweep]) else part
            if other.is_ramp and _runs_back(part, other):
                found.append(other)
        if len(found) == len(parts):
            return found
    return []


def _runs_back(part: Segment, other: Segment) -> bool:
    rise, fall = part.last_mV - part.first_mV, other.last_mV - other.first_mV
    low, high = (
        max(min(part.first_mV, part.last_mV), min(other.first_mV, other.last_mV)),
        min(max(part.first_mV, part.last_mV), max(other.first_mV, other.last_mV)),
    )
    return rise * fall < 0 and high - low >= 0.5 * abs(rise)


def ramp_speed(source: Source, part: Segment) -> float:
    """Of a ramp, in mV per ms."""
    return (part.last_mV - part.first_mV) / (part.stop - part.start) * source.recording.rate_Hz / 1e3
