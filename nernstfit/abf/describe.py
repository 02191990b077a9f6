"""A recording in words: what `nernstfit inspect` prints."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.abf.command import Segment, segments
from nernstfit.abf.points import Trace, current_and_command, evenly, trace
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Waveform
from nernstfit.errors import RecordingError
from nernstfit.settings import Measure

_MOST_SWEEPS = 40
_BINS = 900


def describe(recording: Recording, how: Measure) -> Iterator[str]:
    """Say line by line what a file holds, and which command drives which current.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Which channel and DAC are asked for.
    """
    length_ms = recording.points / recording.rate_Hz * 1e3
    yield f"{recording.path.name}: ABF {recording.version}, {recording.mode}"
    yield (
        f"{recording.sweeps} sweeps of {length_ms:g} ms every {recording.sweep_interval_s:g} s, "
        f"{recording.rate_Hz:g} samples per second and channel"
    )
    yield ""
    yield "channels (ADC)"
    for channel in recording.channels:
        clamp = f", {channel.clamp} clamp telegraphed" if channel.clamp else ""
        yield f"  {channel.number}  '{channel.name}' in {channel.unit}{clamp}"
    yield ""
    yield "outputs (DAC)"
    for waveform in recording.waveforms:
        rest = f"holding {waveform.holding:g}, {_plays(waveform)}"
        yield f"  {waveform.number}  '{waveform.name}' in {waveform.unit}, {rest}"
    yield from _tags(recording)
    for waveform in recording.waveforms:
        if waveform.source != "none":
            yield ""
            yield from _epochs(recording, waveform)
    yield ""
    yield _audit(recording, how)


def _plays(waveform: Waveform) -> str:
    if waveform.source == "none":
        return "no waveform"
    source = f"stimulus file {waveform.stimulus_file}" if waveform.source == "file" else "epochs"
    kept = ", keeps the last level between sweeps" if waveform.keeps_last_level else ""
    values = waveform.user_list
    listed = f", user list of parameter {values.parameter}: {_numbers(values.values)}" if values else ""
    return source + kept + listed


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _tags(recording: Recording) -> Iterator[str]:
    if recording.tags:
        yield ""
        yield "tags"
    for tag in recording.tags:
        yield f"  {tag.time_s:.3f} s, sweep {tag.sweep}: {tag.comment}"


def _epochs(recording: Recording, waveform: Waveform) -> Iterator[str]:
    """Levels of every epoch, one line per sweep."""
    try:
        command = segments(waveform, recording.sweeps, recording.points)
    except RecordingError as fault:
        yield f"epochs of '{waveform.name}': {fault}"
        return
    yield f"epochs of '{waveform.name}' in {waveform.unit}; start and length in ms"
    names = list(dict.fromkeys(part.name for sweep in command for part in sweep if part.name != "before"))
    cells = [["sweep", *names]]
    for number, sweep in enumerate(command[:_MOST_SWEEPS]):
        parts = {part.name: part for part in sweep}
        found = [_part(parts[name], recording.rate_Hz) if name in parts else "" for name in names]
        cells.append([str(number), *found])
    widths = [max(len(row[i]) for row in cells) for i in range(len(names) + 1)]
    for row in cells:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if recording.sweeps > _MOST_SWEEPS:
        yield f"  ... and {recording.sweeps - _MOST_SWEEPS} more sweeps"


def _part(part: Segment, rate_Hz: float) -> str:
    level = f"{part.first_mV:g}" if part.is_level else f"{part.first_mV:g}..{part.last_mV:g}"
    start, length = part.start / rate_Hz * 1e3, (part.stop - part.start) / rate_Hz * 1e3
    return f"{level} ({start:g}+{length:g})"


def _audit(recording: Recording, how: Measure) -> str:
    try:
        channel, waveform = current_and_command(recording, how)
        segments(waveform, recording.sweeps, recording.points)
    except RecordingError as fault:
        return f"not measured: {fault}"
    return f"measured: the current of channel '{channel.name}' against the command of DAC '{waveform.name}'"


def course(recording: Recording, how: Measure) -> tuple[Trace, ...]:
    """Current and command of whole sweeps, for a picture.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Which channel and DAC are asked for.

    Returns
    -------
    tuple of Trace
        Of at most seven sweeps, spread evenly.

    Raises
    ------
    RecordingError
        Where the current or its command is not known.
    """
    channel, waveform = current_and_command(recording, how)
    command = segments(waveform, recording.sweeps, recording.points)
    return tuple(
        trace(recording, channel, command[sweep], (0, recording.points), (0, 0), sweep, _BINS)
        for sweep in evenly(recording.sweeps)
    )
