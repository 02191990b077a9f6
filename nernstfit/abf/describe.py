"""Description of a recording in words, as `nernstfit inspect` prints it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nernstfit.abf.command import BEFORE, Segment, levels, refuse_impossible, refuse_stimulus, segments
from nernstfit.abf.read import Recording
from nernstfit.abf.records import UserList, Waveform
from nernstfit.abf.select import current_and_command
from nernstfit.abf.trace import MAX_SWEEPS, Excerpt, Trace, trace
from nernstfit.abf.voltage import recorded_voltages
from nernstfit.contract.errors import RecordingError, runs
from nernstfit.contract.frames import evenly_spaced
from nernstfit.contract.settings import Measure

_MAX_ROWS = 40  # of the table of epochs; more scroll off a screen, half would cut common protocols short
_BINS = 900  # of a trace, about the width of the figure in pixels: at half steps look slanted, double is not seen


def describe(recording: Recording, how: Measure, proposed: Iterable[str] = ()) -> Iterator[str]:
    """Describe a recording line by line: channels, outputs, tags, epochs, and which command drives which current.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel and DAC that are asked for.
    proposed : iterable of str
        Lines that follow the first ones: how to measure it.

    Yields
    ------
    str
    """
    yield f"{recording.path.name}: ABF {recording.version}, {recording.mode}"
    yield f"{_extent(recording)}, {recording.rate_Hz:g} samples per second and channel"
    if recording.comment:
        yield f"comment: {recording.comment}"
    yield from proposed
    yield ""
    yield "channels (ADC)"
    for channel in recording.channels:
        clamp = f", {channel.clamp} clamp telegraphed" if channel.clamp else ""
        low = channel.lowpass
        lowpass = f", low-pass filter {low.corner_Hz:g} Hz (bandwidth source: {low.source.label})" if low else ""
        yield f"  {channel.number}  '{channel.name}' in {channel.unit}{clamp}{lowpass}"
    yield ""
    yield "outputs (DAC)"
    for waveform in recording.waveforms:
        rest = f"holding {waveform.holding:g}, {_output(waveform)}"
        yield f"  {waveform.number}  '{waveform.name}' in {waveform.unit}, {rest}"
    yield from _tags(recording)
    for waveform in recording.waveforms:
        if waveform.source != "none":
            yield ""
            yield from epochs(recording, waveform)
    yield ""
    yield from _measured(recording, how)


def _extent(recording: Recording) -> str:
    length_ms = recording.points / recording.rate_Hz * 1e3
    if math.isnan(recording.sweep_interval_s):
        return f"{length_ms / 1e3:g} s without a gap"
    return f"{recording.sweeps} sweeps of {length_ms:g} ms every {recording.sweep_interval_s:g} s"


def _output(waveform: Waveform) -> str:
    if waveform.source == "none":
        return "no waveform"
    source = f"stimulus file {waveform.stimulus_file}" if waveform.source == "file" else "epochs"
    kept = ", keeps the last level between sweeps" if waveform.keeps_last_level else ""
    outside = "".join(f", {flag.label}" for flag in waveform.outside)
    return source + kept + outside + (f", {_user_list(waveform.user_list)}" if waveform.user_list else "")


def _user_list(user_list: UserList) -> str:
    parameter, epoch = user_list.target
    meaning = f"{parameter or 'unknown code'}{' of epoch ' + epoch if epoch else ''}"
    end = "starts over" if user_list.repeat else "its last value stays"
    values = ", ".join(f"{value:g}" for value in user_list.values)
    return f"user list of parameter {user_list.parameter} ({meaning}; {end}): {values}"


def _tags(recording: Recording) -> Iterator[str]:
    if recording.tags:
        yield ""
        yield "tags"
    for tag in recording.tags:
        yield f"  {tag}"


def epochs(recording: Recording, waveform: Waveform) -> Iterator[str]:
    """Describe the levels of every epoch, one line per sweep; sweeps in a row that are equal have one line."""
    rate_Hz = recording.rate_Hz
    try:
        command = segments(waveform, recording.sweeps, recording.points)
    except RecordingError as fault:
        yield f"'{waveform.name}': {fault}"
        return
    content = "stimulus" if waveform.source == "file" else "epochs"
    yield f"{content} of '{waveform.name}' in {waveform.unit}; start and length in ms"
    names = list(dict.fromkeys(part.name for sweep in command for part in sweep if part.name != BEFORE))
    cells = [["sweep", *names]]
    for found, alike in itertools.groupby(range(recording.sweeps), lambda sweep: _row(command[sweep], names, rate_Hz)):
        cells.append([*runs(list(alike)), *found])
    rest = len(cells) - 1 - _MAX_ROWS
    cells = cells[: 1 + _MAX_ROWS]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names) + 1)]
    for row in cells:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if rest > 0:
        yield f"  ... and {rest} more sweeps, or ranges of equal sweeps"


def _row(sweep: Sequence[Segment], names: Sequence[str], rate_Hz: float) -> list[str]:
    """Return the cells of one sweep, one for each epoch."""
    parts = {part.name: part for part in sweep}
    return [_part(parts[name], rate_Hz) if name in parts else "" for name in names]


def _part(part: Segment, rate_Hz: float) -> str:
    start, length = part.start / rate_Hz * 1e3, (part.stop - part.start) / rate_Hz * 1e3
    return f"{_level(part)} ({start:g}+{length:g})"


def _level(part: Segment) -> str:
    if not part.is_known:
        return part.kind
    if part.is_level:
        return f"{part.first_mV:g}"
    if part.stimulus is None:
        return f"{part.first_mV:g}..{part.last_mV:g}"
    played = levels([part], np.arange(part.start, part.stop))
    return f"between {played.min():g} and {played.max():g}"


def _measured(recording: Recording, how: Measure) -> Iterator[str]:
    """Describe which command drives which current, and how far a recorded voltage differs from it."""
    try:
        channel, waveform = current_and_command(recording, how)
        command = segments(waveform, recording.sweeps, recording.points)
        refuse_impossible(waveform, command)
    except RecordingError as fault:
        yield f"not measured: {fault}"
        return
    yield f"command: DAC '{waveform.name}', {_output(waveform)}"
    for mismatch in recorded_voltages(recording, command):
        yield (
            f"recorded: channel '{mismatch.channel.name}' follows the command; largest difference "
            f"{round(mismatch.difference_mV, 2) + 0.0:g} mV, in sweep {mismatch.sweep}, {mismatch.segment}"
        )
    try:
        refuse_stimulus(waveform)
    except RecordingError as fault:
        yield f"not measured: {fault}"
        return
    yield f"measured: the current of channel '{channel.name}' against the command of DAC '{waveform.name}'"


def sweep_traces(recording: Recording, how: Measure) -> tuple[Trace, ...]:
    """Return current and command of whole sweeps, for a figure.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel and DAC that are asked for.

    Returns
    -------
    tuple of Trace
        At most seven sweeps, evenly spaced.

    Raises
    ------
    RecordingError
        If the current or its command is not known.
    """
    channel, waveform = current_and_command(recording, how)
    command = segments(waveform, recording.sweeps, recording.points)
    return tuple(
        trace(recording, channel, command[sweep], Excerpt(sweep, (0, recording.points)), _BINS)
        for sweep in evenly_spaced(recording.sweeps, MAX_SWEEPS)
    )
