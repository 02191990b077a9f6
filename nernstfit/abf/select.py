"""Selection of what is measured: the current's channel, the DAC that drives the cell, sweeps, epoch, recorded voltage.

Selected as asked or, where the file leaves no choice, by evidence; never by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from nernstfit.abf.command import AFTER, BEFORE, MILLIVOLTS, Segment, in_millivolts, levels, refuse_unknown
from nernstfit.abf.read import Recording
from nernstfit.abf.records import PICOAMPERES, Channel, Waveform
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure

_Named = TypeVar("_Named", Channel, Waveform)

_CURRENT_UNITS = frozenset(PICOAMPERES) | {"A"}

# Sweeps in which a recorded voltage is compared with the command, spread evenly. They bound the time; half would do
# for a protocol of steps, double would only take longer.
_MAX_COMPARED_SWEEPS = 20
# Shortest segment that is compared, in samples: the second half, free of transients, then has at least four. At half
# the noise of a recorded voltage counts as a difference, at double short prepulses are not compared.
_MIN_SEGMENT_SAMPLES = 8
# Correlation of recorded and commanded levels from which a channel counts as following the command. At half, a
# voltage that merely drifts would; halfway to 1, a clamp with an error that grows with the current would not.
_MIN_CORRELATION = 0.95
# Range that both levels must cover for a correlation to have a meaning, in mV: several times the noise of a recorded
# voltage. At half that noise decides more often, at double protocols of small steps are not compared.
_MIN_RANGE_MV = 1.0


@dataclass(frozen=True)
class CommandMismatch:
    """Largest difference between a recorded membrane voltage and the command."""

    channel: Channel
    difference_mV: float  # recorded minus commanded
    sweep: int
    segment: str


def current_and_command(recording: Recording, how: Measure) -> tuple[Channel, Waveform]:
    """Return the channel that carries the current and the waveform, in mV, of the DAC that drives the cell.

    Raises
    ------
    RecordingError
        If the file leaves a choice that was not made, or is no episodic voltage clamp.
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
            raise RecordingError(f"{_list(carriers)} carry a current; name one in `channel`")
        channel = carriers[0]
    else:
        channel = _named(recording.channels, wanted, "channel")
    if channel.unit not in PICOAMPERES:
        raise RecordingError(f"channel '{channel.name}' is in {channel.unit}, which cannot be read as a current")
    if channel.clamp == "current":
        raise RecordingError(f"the amplifier of channel '{channel.name}' was in current clamp")
    return channel


def _waveform(recording: Recording, wanted: str | int, channel: Channel) -> Waveform:
    """Return the DAC that plays a waveform; of several, the one with the channel's own number."""
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
            f"'{others[0].name}' has its number; name in `command` the DAC that drives channel '{channel.name}'"
        )
    if own:
        return own[0]
    raise RecordingError(f"{_list(volts)} play a waveform; name in `command` the one that drives '{channel.name}'")


def _list(items: Sequence[Channel | Waveform]) -> str:
    return " and ".join(f"'{item.name}' (number {item.number})" for item in items)


def _named(items: Sequence[_Named], wanted: str | int, place: str) -> _Named:
    found = [item for item in items if item.name == str(wanted)]
    found = found or [item for item in items if str(item.number) == str(wanted).strip()]
    if len(found) != 1:
        raise RecordingError(f"{place} '{wanted}' is not in the file; it has {_list(items)}")
    return found[0]


def chosen_sweeps(recording: Recording, wanted: Sequence[int]) -> list[int]:
    """Return the sweeps that are asked for, or all of them if none is.

    Raises
    ------
    RecordingError
        If one is not in the recording.
    """
    absent = [sweep for sweep in wanted if sweep >= recording.sweeps]
    if absent:
        raise RecordingError(f"got sweep {absent[0]}, expected one of 0 to {recording.sweeps - 1}")
    return list(wanted) or list(range(recording.sweeps))


def chosen_epoch(command: Sequence[Sequence[Segment]], how: Measure, sweeps: Sequence[int]) -> str:
    """Return the name of the epoch to measure: as asked, else the one that differs between sweeps, or the one ramp.

    Raises
    ------
    RecordingError
        If there is none, or more than one.
    """
    if how.epoch != "auto":
        return str(how.epoch)
    by_epoch: dict[str, set[tuple[float, float]]] = {}
    ramps: set[str] = set()
    for sweep in sweeps:
        for part in command[sweep]:
            if part.is_known and part.name not in (BEFORE, AFTER):
                by_epoch.setdefault(part.name, set()).add((part.first_mV, part.last_mV))
                ramps |= {part.name} if part.is_ramp else set()
    differing = [name for name, ends in by_epoch.items() if len(ends) > 1]
    differing = differing or sorted(ramps)[: len(ramps) == 1]
    if len(differing) != 1:
        reason = f"epochs {' and '.join(differing)} differ" if differing else "no epoch differs"
        raise RecordingError(f"{reason} between the sweeps; name in `epoch` the one to measure")
    return differing[0]


def epoch_parts(command: Sequence[Sequence[Segment]], epoch: str, sweeps: Sequence[int]) -> list[Segment]:
    """Return the segment of one epoch in every sweep.

    Raises
    ------
    RecordingError
        If a sweep lacks it, its command is not known, or it is a ramp in some sweeps and a step in others.
    """
    parts = []
    for sweep in sweeps:
        named = [part for part in command[sweep] if part.name == epoch]
        if not named:
            names = ", ".join(part.name for part in command[sweep] if part.name != BEFORE)
            raise RecordingError(f"sweep {sweep} has no epoch {epoch}; it has {names}")
        refuse_unknown(named[0])
        parts.append(named[0])
    if len({part.is_ramp for part in parts}) > 1:
        raise RecordingError(
            f"epoch {epoch} is a ramp in some sweeps and a step in others; select one kind in `sweeps`"
        )
    return parts


def recorded_voltages(recording: Recording, command: Sequence[Sequence[Segment]]) -> tuple[CommandMismatch, ...]:
    """Compare the channels that record a membrane voltage with the command that they follow.

    Parameters
    ----------
    recording : Recording
    command : sequence of sequence of Segment
        Segments of every sweep, in mV.

    Returns
    -------
    tuple of CommandMismatch
        One per channel in mV or V that follows the command: over the segments of at most
        twenty sweeps, the means of both over the second half of the segment,
        where transients are over, correlate. A constant command can be followed by no channel.
    """
    channels = [channel for channel in recording.channels if channel.unit in MILLIVOLTS]
    found = (_mismatch(recording, command, channel) for channel in channels)
    return tuple(mismatch for mismatch in found if mismatch is not None)


def _mismatch(recording: Recording, command: Sequence[Sequence[Segment]], channel: Channel) -> CommandMismatch | None:
    count = min(_MAX_COMPARED_SWEEPS, recording.sweeps)
    sweeps = np.unique(np.linspace(0, recording.sweeps - 1, count).round().astype(int))
    places = [
        (sweep, part)
        for sweep in sweeps.tolist()
        for part in command[sweep]
        if part.is_known and part.stop - part.start >= _MIN_SEGMENT_SAMPLES
    ]
    commanded, recorded = [], []
    for sweep, part in places:
        start = (part.start + part.stop) // 2
        commanded.append(float(levels(command[sweep], np.arange(start, part.stop)).mean()))
        samples = recording.samples(channel, sweep, start, part.stop)
        recorded.append(float(samples.mean()) * MILLIVOLTS[channel.unit])
    if len(places) < 2 or min(np.ptp(commanded), np.ptp(recorded)) < _MIN_RANGE_MV:
        return None
    if not np.corrcoef(commanded, recorded)[0, 1] >= _MIN_CORRELATION:
        return None
    differences = np.subtract(recorded, commanded)
    worst = int(np.abs(differences).argmax())
    sweep, part = places[worst]
    return CommandMismatch(channel, float(differences[worst]), sweep, part.name)
