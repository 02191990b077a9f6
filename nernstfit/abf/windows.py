"""Windows of a measurement: a recording with what was selected of it, and the samples that count in every sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import peak
from nernstfit.abf.command import BEFORE, Segment, beside, refuse_impossible, refuse_stimulus, segments
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel, Line, Waveform
from nernstfit.abf.select import chosen_sweeps, current_and_command, label
from nernstfit.abf.statistics import STATISTICS
from nernstfit.abf.voltage import membrane_voltage
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Role, Voltage

FloatArray = NDArray[np.float64]

# Time at either end of a ramp that its default window leaves out, in ms, where the capacitive current settles with the
# time constant of series resistance and capacitance, or a filter brings the next epoch in; but at most this part of the
# ramp. At half a slow clamp's transient bends the ends of the curve; at double a ramp of 160 mV in 100 ms loses 13 mV.
_GUARD_MS, _MAX_GUARD = 2.0, 0.05
# Time at the start of a ramp, in delays of the filter, in which it still brings in what was before; but at most this
# part of the ramp. At half a fifth of a step before the ramp is left in its first pieces; at double slow filters cost
# twice as much of the curve.
SETTLED_DELAYS, _MAX_LATE = 2.0, 0.25
# Start of the early window of a step in ms from the start of the epoch: time constants of the capacitive transient
# after which it is over (exp(-7) is a thousandth), within these limits. At half the limits the transient of a large
# cell counts as a current; at double a tail of 5 ms has decayed.
_TRANSIENT_TIMES, _MIN_EARLY_MS, _MAX_EARLY_MS = 7, 2.0, 8.0
# Start of three neighbouring parts of equal length that end with the default window, as a part of the epoch; from them
# the settled current is extrapolated. At half the transient of a good clamp is in the first of short steps; at double
# they lie in the window alone, and noise of short steps hides an error of a third of what it hides now.
_SETTLING_FROM = 0.25
# Their number, and fewest samples of each. At half the fewest, one sample is a part; at double, steps of 4 ms at 5 kHz
# are not followed.
_SETTLING_ROLES, _MIN_SETTLING_SAMPLES = (Role.SETTLING_1, Role.SETTLING_2, Role.SETTLING_3), 2
FOLLOWING_ROLES = (Role.FOLLOWING_1, Role.FOLLOWING_2)
# Fewest samples of a chosen window behind which a zero is followed. With half, one sample is a part; with double, peaks
# at 10 and 20 kHz are not followed.
_MIN_FOLLOWED_SAMPLES = 3
# Fewest samples of each half of a default window in whose halves a zero is followed, and of a level before the epoch
# whose current is followed over the sweeps. At half, their noise decides; at double, steps of 5 ms at 10 kHz and sweeps
# of 100 ms are not followed.
_MIN_HALF_SAMPLES = 8
# Length of the early window: a part of the epoch, within these limits in ms. At half a zero that settles slowly, by
# less than matters in the default window, counts as moving; at double a fast tail is averaged away.
_EARLY_LENGTH, _MIN_EARLY_LENGTH_MS, _MAX_EARLY_LENGTH_MS = 0.2, 2.0, 60.0


@dataclass(frozen=True)
class Source:
    """Recording with what was selected of it.

    Attributes
    ----------
    recording : Recording
    channel : Channel
        Channel of the current.
    waveform : Waveform
        Waveform of the DAC that drives the cell, in mV.
    command : tuple of tuple of Segment
        Segments of every sweep of the recording.
    sweeps : tuple of int
    voltage : Channel or None
        Channel that records the membrane voltage.
    hum : tuple of Line
        Periodic disturbances of the current, see `hum`.
    """

    recording: Recording
    channel: Channel
    waveform: Waveform
    command: tuple[tuple[Segment, ...], ...]
    sweeps: tuple[int, ...]
    voltage: Channel | None
    hum: tuple[Line, ...] = ()

    def stretches_pA(self, spans: Iterable[tuple[int, int]]) -> list[FloatArray]:
        """Return the current of a stretch of samples of each sweep.

        Parameters
        ----------
        spans : iterable of tuple of int
            First sample, and the one after the last, in each sweep.
        """
        pairs = zip(self.sweeps, spans, strict=True)
        return [self.recording.block_pA(self.channel, [sweep], *span)[0] for sweep, span in pairs]


def open_source(recording: Recording, how: Measure, sweeps: Sequence[int]) -> Source:
    """Select channel, DAC and sweeps of a recording, and rebuild its command.

    Raises
    ------
    RecordingError
        If something asked for is not in the file, or the file leaves a choice that was not made.
    """
    channel, waveform = current_and_command(recording, how)
    refuse_stimulus(waveform)
    chosen = chosen_sweeps(recording, sweeps)
    command = segments(waveform, recording.sweeps, recording.points)
    refuse_impossible(waveform, command)
    voltage = membrane_voltage(recording, waveform.number, command)
    if voltage is None and how.voltage == Voltage.RECORDED:
        raise RecordingError(
            f"`voltage` is '{Voltage.RECORDED}', but no channel records a membrane voltage that follows the command"
        )
    return Source(recording, channel, waveform, command, tuple(chosen), voltage)


def spans(source: Source, part: Segment, windows: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, float]:
    """Return the windows in ms from the start of the epoch, nan for none, and the level before the epoch."""
    ends = ("from_ms", "to_ms")
    followed = ("window", Role.EARLY, Role.MIDDLE)
    found = {f"{name}_{end}": math.nan for name in followed for end in ends}
    for name, each in ((name, windows[name]) for name in followed if name in windows):
        times = ((sample - part.start) / source.recording.rate_Hz * 1e3 for sample in each[0])
        found |= {f"{name}_{end}": time for end, time in zip(ends, times, strict=True)}
    return found | {"prepulse_mV": _prepulse_mV(source, part)}


def _prepulse_mV(source: Source, part: Segment) -> float:
    """Return the level from which an epoch starts above that at the start of its sweep; 0 where it starts the sweep."""
    command = source.command[source.sweeps[0]]
    before = [segment for segment in command if segment.stop == part.start]
    return before[0].last_mV - command[0].first_mV if before else 0.0


def command_source(waveform: Waveform) -> str:
    """Return the parts of the file from which the command was rebuilt."""
    return "header" if waveform.user_list is None else "header and user list"


def windows_of(source: Source, parts: Sequence[Segment], how: Measure) -> list[tuple[int, int]]:
    """Return first sample and end of the window in each part of the command, one for each sweep.

    Raises
    ------
    RecordingError
        If a window does not fit, or is too short.
    """
    rate, is_ramp, at_peak = source.recording.rate_Hz, parts[0].is_ramp, STATISTICS[how.statistic].at_peak
    if how.default_window and is_ramp:
        return ramp_windows(source, parts)
    # The default window of a peak, whose time is not known yet, is the whole epoch.
    whole = how.default_window and at_peak
    windows = [(part.start, part.stop) if whole else _window(part, how, rate) for part in parts]
    return _peak_windows(source, parts, windows, asked=not whole) if at_peak and not is_ramp else windows


def ramp_windows(source: Source, parts: Sequence[Segment]) -> list[tuple[int, int]]:
    """Return the default window of ramps: all of each but a guard at both ends, and what the filter brings in late."""
    per_ms = source.recording.rate_Hz / 1e3
    guard, late = round(_GUARD_MS * per_ms), round(SETTLED_DELAYS * source.channel.delay_ms * per_ms)
    windows = []
    for part in parts:
        length = part.stop - part.start
        own = min(guard, int(_MAX_GUARD * length))
        windows.append((part.start + max(own, min(late, int(_MAX_LATE * length))), part.stop - own))
    return windows


def other_windows(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> dict[Role, list[tuple[int, int]]]:
    """Return windows of the epoch beside that of the measurement, in which the zero is followed, by role.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
    windows : sequence of tuple of int
        Windows of the measurement.
    how : Measure

    Returns
    -------
    dict
        Windows of each sweep by role: before a default window, behind one that was chosen, and late in the epoch.
    """
    found: dict[Role, list[tuple[int, int]]] = {}
    for some in (_earlier_windows, _late_windows, _following_windows):
        found |= some(source, parts, windows, how)
    return found


def _earlier_windows(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> dict[Role, list[tuple[int, int]]]:
    """Return windows of steps early in the epoch, and between it and the default window, in which the zero is followed.

    Where the epoch is too short for them, they are the halves of the default window. Three neighbouring windows of
    equal length, from which the settled current is extrapolated, end with the default window.

    Parameters are those of `other_windows`.

    Returns
    -------
    dict
        Windows of each sweep by role; empty where a window was chosen, and where the epoch is no step, too short, or
        not of one length. The time of a peak is chosen, unless the current is largest at the end of the epoch.
    """
    lengths = {part.stop - part.start for part in parts}
    chosen = not how.default_window
    if not chosen and STATISTICS[how.statistic].at_peak:
        default, rate = how.with_default_window(), source.recording.rate_Hz
        chosen = _end_before(windows, [_window(part, default, rate) for part in parts])
    if chosen or parts[0].is_ramp or len(lengths) > 1:
        return {}
    per_ms, late = source.recording.rate_Hz / 1e3, windows[0][0] - parts[0].start
    start = min(max(_transient_samples(source, parts), round(_MIN_EARLY_MS * per_ms)), round(_MAX_EARLY_MS * per_ms))
    part_ms = _EARLY_LENGTH * lengths.pop() / per_ms
    length = round(min(max(part_ms, _MIN_EARLY_LENGTH_MS), _MAX_EARLY_LENGTH_MS) * per_ms)
    middle, end = (start + late) // 2, windows[0][1] - parts[0].start
    spans = {Role.EARLY: (start, start + length), Role.MIDDLE: (middle, middle + length)}
    if middle < start + length:
        half = (windows[0][1] - windows[0][0]) // 2
        spans = {Role.EARLY: (late, late + half), Role.MIDDLE: (end - half, end)} if half >= _MIN_HALF_SAMPLES else {}
    spans |= _settling_spans(parts[0].stop - parts[0].start, end)
    return {role: [(part.start + first, part.start + last) for part in parts] for role, (first, last) in spans.items()}


def _late_windows(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> dict[Role, list[tuple[int, int]]]:
    """Return the default window of steps where another one was chosen before it: what is left of a tail is there.

    Parameters are those of `other_windows`.

    Returns
    -------
    dict
        Window of each sweep by role; empty elsewhere.
    """
    if parts[0].is_ramp:
        return {}
    default, length = how.with_default_window(), min(part.stop - part.start for part in parts)
    if (default.to_fraction - default.from_fraction) * length < _MIN_HALF_SAMPLES:
        return {}
    late = [_window(part, default, source.recording.rate_Hz) for part in parts]
    return {Role.LATE: late} if _end_before(windows, late) else {}


def _end_before(windows: Sequence[tuple[int, int]], late: Sequence[tuple[int, int]]) -> bool:
    """Return True for windows each of which ends before a later one of its sweep."""
    return all(stop <= start for (_, stop), (start, _) in zip(windows, late, strict=True))


def _following_windows(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], how: Measure
) -> dict[Role, list[tuple[int, int]]]:
    """Return two windows of steps behind one that was chosen, as long as it, in which its zero is followed.

    Parameters are those of `other_windows`.

    Returns
    -------
    dict
        Windows of each sweep by role; empty where no window was chosen, and where the epoch ends before.
    """
    if (how.default_window and not STATISTICS[how.statistic].at_peak) or parts[0].is_ramp:
        return {}
    length = windows[0][1] - windows[0][0]
    last = windows[0][1] - parts[0].start + len(FOLLOWING_ROLES) * length
    if length < _MIN_FOLLOWED_SAMPLES or last > min(part.stop - part.start for part in parts):
        return {}
    ends = [stop for _, stop in windows]
    return {role: [(at + k * length, at + (k + 1) * length) for at in ends] for k, role in enumerate(FOLLOWING_ROLES)}


def _settling_spans(length: int, end: int) -> dict[Role, tuple[int, int]]:
    """Return the three windows that end with the default window, in samples; empty where they would be too short."""
    count = len(_SETTLING_ROLES)
    part = (end - round(_SETTLING_FROM * length)) // count
    if part < _MIN_SETTLING_SAMPLES:
        return {}
    return {role: (end - (count - k) * part, end - (count - k - 1) * part) for k, role in enumerate(_SETTLING_ROLES)}


def holding_parts(source: Source, parts: Sequence[Segment]) -> list[Segment]:
    """Return the first segment before steps that is at one level in all sweeps; empty where there is none.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The measured step in every sweep.
    """
    commands = [source.command[sweep] for sweep in source.sweeps]
    before = min(command.index(part) for command, part in zip(commands, parts, strict=True))
    for same in ([command[at] for command in commands] for at in range(before)):
        is_one = all(part.is_level for part in same) and len({(part.name, part.first_mV) for part in same}) == 1
        if is_one and min(part.stop - part.start for part in same) >= _MIN_HALF_SAMPLES:
            return same
    return []


def holding_window(part: Segment) -> tuple[int, int]:
    """Return the samples of a level before the epoch that count: all of the holding level, half of an epoch."""
    return (part.start if part.name == BEFORE else (part.start + part.stop) // 2), part.stop


def _transient_samples(source: Source, parts: Sequence[Segment]) -> int:
    """Estimate how long the capacitive transient lasts: time constants of the first decay between extreme levels."""
    most = round(_MAX_EARLY_MS * source.recording.rate_Hz / 1e3)
    levels = [part.first_mV for part in parts]
    ends = (levels.index(max(levels)), levels.index(min(levels)))
    high, low = (
        source.recording.block_pA(source.channel, [source.sweeps[i]], parts[i].start, parts[i].start + most)[0]
        for i in ends
    )
    size = np.abs(high - low)
    first = int(size.argmax())
    fallen = np.flatnonzero(size[first:] - size[-1] <= (size[first] - size[-1]) / math.e)
    return first + _TRANSIENT_TIMES * int(fallen[0]) if len(fallen) else most


def _window(part: Segment, how: Measure, rate_Hz: float) -> tuple[int, int]:
    if how.from_ms is not None and how.to_ms is not None:
        start, stop = (part.start + round(ms * rate_Hz / 1e3) for ms in (how.from_ms, how.to_ms))
    else:
        length = part.stop - part.start
        start, stop = (part.start + round(f * length) for f in (how.from_fraction, how.to_fraction))
    if stop > part.stop:
        last = (part.stop - part.start) / rate_Hz * 1e3
        raise RecordingError(f"got to_ms = {how.to_ms:g}, expected at most {last:g} ms, the end of {label(part)}")
    if stop - start < 2:
        samples, seconds = max(0, stop - start), _in_seconds(part, how, rate_Hz)
        raise RecordingError(f"the window holds {samples} samples of {label(part)}; at least 2 are needed{seconds}")
    return start, stop


def _in_seconds(part: Segment, how: Measure, rate_Hz: float) -> str:
    """Return the hint that a window is given in seconds, where it lies in its epoch if it is; else ''."""
    start_ms, stop_ms = (math.nan if end is None else 1e3 * end for end in (how.from_ms, how.to_ms))
    if not (stop_ms <= (part.stop - part.start) / rate_Hz * 1e3 and (stop_ms - start_ms) * rate_Hz >= 2e3):
        return ""
    return f"; is it in seconds? give ms: from_ms {start_ms:g} and to_ms {stop_ms:g}"


def _peak_windows(
    source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]], asked: bool
) -> list[tuple[int, int]]:
    """Return the same short window in every sweep, about the time of the largest current of all sweeps.

    Unless a window was asked for, the capacitive transient is skipped.
    """
    rate_Hz, length = source.recording.rate_Hz, min(stop - start for start, stop in windows)
    width = peak.width(rate_Hz)
    if length < width + 1:
        raise RecordingError(f"the window holds {length} samples; a peak needs more than {width}")
    current = source.stretches_pA((start, start + length) for start, _ in windows)
    at = peak.place(np.stack(current), steps_mV(source, parts), rate_Hz, skip_transient=not asked)
    return [(start + at, start + at + width) for start, _ in windows]


def steps_mV(source: Source, parts: Sequence[Segment]) -> FloatArray:
    """Return the steps of the command at the start of a part, nan where there is nothing before it; shape (sweeps,).

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Part of each sweep.
    """
    before = [beside(source.command[sweep], part)[0] for sweep, part in zip(source.sweeps, parts, strict=True)]
    last_mV = [math.nan if each is None else each.last_mV for each in before]
    return np.array([part.first_mV for part in parts]) - last_mV
