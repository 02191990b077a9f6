"""Selection of what is measured: the current's channel, the DAC that drives the cell, sweeps, epoch.

Selected as asked or, where the file leaves no choice, by evidence; never by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from nernstfit.abf.command import AFTER, BEFORE, MILLIVOLTS, Segment, in_millivolts, refuse_unknown, shifted
from nernstfit.abf.read import Recording
from nernstfit.abf.records import PICOAMPERES, Channel, Waveform
from nernstfit.contract.errors import RecordingError, runs
from nernstfit.contract.settings import Measure

_Named = TypeVar("_Named", Channel, Waveform)

_CURRENT_UNITS = frozenset(PICOAMPERES) | {"A"}


def current_and_command(recording: Recording, how: Measure) -> tuple[Channel, Waveform]:
    """Return the channel that carries the current and the waveform, in mV, of the DAC that drives the cell.

    What the amplifier adds to the command (`command_offset_mV`) is part of the waveform.

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
    return channel, shifted(in_millivolts(waveform), how.command_offset_mV)


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
        last = recording.sweeps - 1
        raise RecordingError(f"got sweeps {','.join(runs(absent))}, expected sweeps from 0 to {last}")
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
    differing, ramps = _varying(command, sweeps)
    found = differing or ramps[: len(ramps) == 1]
    if len(found) != 1:
        reason = f"epochs {' and '.join(found)} differ" if found else "no epoch differs"
        raise RecordingError(f"{reason} between the sweeps; name in `epoch` the one to measure")
    return found[0]


def has_curve(command: Sequence[Sequence[Segment]]) -> bool:
    """Return True where an epoch is a ramp, or at different levels in some sweeps.

    Parameters
    ----------
    command : sequence of sequence of Segment
        Segments of every sweep of the recording, in mV.
    """
    return any(_varying(command, range(len(command))))


def _varying(command: Sequence[Sequence[Segment]], sweeps: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the names of the epochs that differ between sweeps, and those of the ramps."""
    by_epoch: dict[str, set[tuple[float, float]]] = {}
    ramps: set[str] = set()
    for sweep in sweeps:
        for part in command[sweep]:
            if part.is_known and part.name not in (BEFORE, AFTER):
                by_epoch.setdefault(part.name, set()).add((part.first_mV, part.last_mV))
                ramps |= {part.name} if part.is_ramp else set()
    return [name for name, ends in by_epoch.items() if len(ends) > 1], sorted(ramps)


def refuse_constant(command: Sequence[Sequence[Segment]], parts: Sequence[Segment], sweeps: Sequence[int]) -> None:
    """Refuse an epoch that is at one level in several sweeps: it has no I-V curve.

    Parameters
    ----------
    command : sequence of sequence of Segment
        Segments of every sweep, in mV.
    parts : sequence of Segment
        Epoch in each of the sweeps that are measured.
    sweeps : sequence of int

    Raises
    ------
    RecordingError
        With the epoch that does vary.
    """
    if len(parts) < 2 or parts[0].is_ramp or len({part.first_mV for part in parts}) > 1:
        return
    differing, ramps = _varying(command, sweeps)
    found = differing or ramps
    verb = "varies" if len(found) == 1 else "vary"
    others = f"epoch{'s' * (len(found) > 1)} {' and '.join(found)} {verb}" if found else "no other epoch varies"
    raise RecordingError(f"{label(parts[0])} is at {parts[0].first_mV:g} mV in every sweep; {others}")


def label(part: Segment) -> str:
    """Return the name of a part of the command as messages give it."""
    return "the time after the last epoch" if part.name == AFTER else f"epoch {part.name}"


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
