"""Stimuli besides the command: outputs whose epochs differ between the sweeps of a cell, as a pressure step's do.

Sweeps under different stimuli are no repeats of one another, although their command is the same; and where the command
differs too, an I-V curve through all of them mixes the stimuli. Only whoever set the protocol knows which belong
together, so that it is told, and nothing is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nernstfit.abf.command import BEFORE, MILLIVOLTS, STIMULUS, Segment, segments
from nernstfit.abf.records import PICOAMPERES, Waveform
from nernstfit.abf.windows import Source
from nernstfit.contract.errors import RecordingError, runs

# Largest number of different stimuli whose sweeps are listed. With half, a series of six pressures is not; with double,
# the line is longer than a screen is wide.
_MAX_LISTED = 8


def second_stimuli(source: Source) -> Iterator[str]:
    """Yield a sentence for each output, besides the command, that differs between the sweeps.

    Parameters
    ----------
    source : Source
    """
    recording = source.recording
    own = [_course(sweep) for sweep in source.command]
    for other in recording.waveforms:
        if other.number == source.waveform.number or other.source == "none" or _drives_another(source, other):
            continue
        try:
            played = segments(other, recording.sweeps, recording.points)
        except RecordingError:  # what is not known cannot be told to differ
            continue
        is_copy = [_course(sweep) for sweep in played] == own
        if _varies(other, played) and not is_copy:
            yield _sentence(other, played)


def _drives_another(source: Source, waveform: Waveform) -> bool:
    """Return True for the command of another cell: an output in mV whose number is that of another current."""
    channels = (each for each in source.recording.channels if each != source.channel)
    others = [each.number for each in channels if each.unit in PICOAMPERES]
    return waveform.unit in MILLIVOLTS and waveform.number in others


def _varies(waveform: Waveform, played: Sequence[Sequence[Segment]]) -> bool:
    if waveform.stimulus is not None:
        return len(waveform.stimulus.sweeps) > 1
    return len({_course(sweep) for sweep in played}) > 1


def _course(sweep: Sequence[Segment]) -> tuple[tuple[object, ...], ...]:
    """Return the course of an output in one sweep; a sweep may start where the one before ended."""
    parts = (part for part in sweep if part.name != BEFORE)
    return tuple((part.name, part.start, part.stop, part.first_mV, part.last_mV) for part in parts)


def _sentence(waveform: Waveform, played: Sequence[Sequence[Segment]]) -> str:
    names = dict.fromkeys(part.name for sweep in played for part in sweep if part.name not in (BEFORE, STIMULUS))
    by_name = {name: [_level(sweep, name) for sweep in played] for name in names}
    levels = {name: f"{each[0]} to {each[-1]}" for name, each in by_name.items() if len(set(each)) > 1}
    epochs = ", ".join(f"{'epoch ' * (len(name) < 3)}{name} {span}" for name, span in levels.items())
    told = f" ({epochs} {waveform.unit}, first to last sweep)" if epochs else ""
    return (
        f"a second stimulus, DAC '{waveform.name}' in {waveform.unit}, differs between the sweeps{told}: they are no "
        f"repeats of one state; measure those of one stimulus by themselves, {_states(played)}"
    )


def _level(sweep: Sequence[Segment], name: str) -> str:
    return next((f"{part.last_mV:g}" for part in sweep if part.name == name), "none")


def _states(played: Sequence[Sequence[Segment]]) -> str:
    """Return the sweeps that have one stimulus each, as the column has them."""
    courses = [_course(sweep) for sweep in played]
    alike = ([at for at, own in enumerate(courses) if own == course] for course in dict.fromkeys(courses))
    found = [f"sweeps={','.join(runs(sweeps))}" for sweeps in alike]
    return "by column sweeps" if not 1 < len(found) <= _MAX_LISTED else " or ".join(found)
