"""Command voltage, rebuilt from the header's fields.

The command that a reader provides ready-made is wrong in one real file of six, so none is used. Here the
output of one DAC in one sweep is a list of *segments*: the first 1/64 of the sweep at the
resting level, the epochs one after the other, the rest of the sweep at the resting level
again. The resting level is the holding level or, where the protocol keeps the last level
between sweeps, the level on which the previous sweep ended. Steps, ramps and rests are
straight lines in time; a DAC that plays a stimulus file has one segment that follows the file.

Rebuilt are holding, steps, ramps, increments of level and duration, user lists of levels and
durations, the inter-episode level, stimulus files. The rules are those of Axon's own header
library: an epoch of no duration is not played, and a ramp starts where the epoch played
before it ended; a user list replaces level or duration together with its increment.

Not rebuilt are trains of pulses, ramps that start from one, and the time after the end of a stimulus
file. They become segments whose levels are nan and whose kind gives the reason: times stay
known, and so do the levels of the steps that follow. Where not even the times are known, the whole
command is refused: a wrong command is worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.abf.records import DURATION, LEVEL, Epoch, Stimulus, StimulusSweep, UserList, Waveform
from nernstfit.contract.errors import RecordingError

FloatArray = NDArray[np.float64]

BEFORE = "before"
AFTER = "after"
STIMULUS = "stimulus file"
STRAIGHT = "straight"
MILLIVOLTS = {"mV": 1.0, "V": 1e3}
# Largest command in mV that a cell is clamped to. At half, electroporation would be refused; at double, a level in
# units of 0.1 mV would pass for one in mV.
_MAX_COMMAND_MV = 1000.0
# Rounding of levels and limits, which are stored as float32: at half or double nothing changes.
_LIMIT_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Segment:
    """Segment of the command in one sweep.

    Attributes
    ----------
    name : str
        Letter of the epoch, 'before' the first epoch, 'after' the last, or 'stimulus file'.
    start, stop : int
        Samples of the sweep, `stop` excluded.
    first_mV, last_mV : float
        Command at the start of the first sample and at the end of the last; equal for a step, nan
        where it is not known.
    kind : str
        'straight', 'stimulus file', or a description of what is not rebuilt.
    stimulus : StimulusSweep or None
        Levels of a stimulus file, sample by sample.
    """

    name: str
    start: int
    stop: int
    first_mV: float
    last_mV: float
    kind: str = STRAIGHT
    stimulus: StimulusSweep | None = None

    @property
    def is_level(self) -> bool:
        """True if the command is known to be constant."""
        return self.kind == STRAIGHT and self.first_mV == self.last_mV

    @property
    def is_ramp(self) -> bool:
        """True if the command is known to be a ramp."""
        return self.kind == STRAIGHT and self.first_mV != self.last_mV

    @property
    def is_known(self) -> bool:
        """True if the command is known at every sample."""
        return self.kind in (STRAIGHT, STIMULUS)


def segments(waveform: Waveform, sweeps: int, points: int) -> tuple[tuple[Segment, ...], ...]:
    """Return the command of every sweep.

    Parameters
    ----------
    waveform : Waveform
        Its unit must be mV, see `in_millivolts`.
    sweeps, points : int
        Number of sweeps, and of samples per channel in each.

    Returns
    -------
    tuple of tuple of Segment
        One tuple per sweep; the segments cover all its samples, in order.

    Raises
    ------
    RecordingError
        If the header has something of which not even the times are known, or makes no sense.
    """
    if waveform.source == "file":
        return tuple(tuple(_played(stimulus, points)) for stimulus in _stimulus_sweeps(waveform, sweeps))
    _refuse_nonfinite(waveform)
    rest, command = _Level(waveform.holding), []
    for sweep in range(sweeps):
        pieces, ending = _sweep(waveform, sweep, points, rest)
        command.append(tuple(pieces))
        if waveform.keeps_last_level:
            rest = ending
    return tuple(command)


def levels(command: Sequence[Segment], samples: ArrayLike) -> FloatArray:
    """Return the command at some samples of one sweep.

    Parameters
    ----------
    command : sequence of Segment
        Segments of this sweep, in mV.
    samples : array_like of int
        Samples of the sweep, counted from 0.

    Returns
    -------
    ndarray
        Command in mV, with the shape of `samples`; nan where the command is not known.
    """
    samples = np.asarray(samples, dtype=np.int64)
    starts = np.array([piece.start for piece in command])
    first = np.array([piece.first_mV for piece in command])
    slope = np.array([(piece.last_mV - piece.first_mV) / (piece.stop - piece.start) for piece in command])
    at = np.searchsorted(starts, samples, side="right") - 1
    # Clampex plays a sample of a ramp at the level of its middle.
    found = first[at] + slope[at] * (samples - starts[at] + 0.5)
    for number, piece in enumerate(command):
        if piece.stimulus is not None:
            found[at == number] = piece.stimulus.levels(samples[at == number] - piece.start)
    return np.asarray(found)


def beside(command: Sequence[Segment], part: Segment) -> tuple[Segment | None, Segment | None]:
    """Return the segments before and after one of a sweep; None where there is none.

    Parameters
    ----------
    command : sequence of Segment
    part : Segment
    """
    at = command.index(part)
    return command[at - 1] if at else None, command[at + 1] if at + 1 < len(command) else None


def refuse_unknown(part: Segment) -> None:
    """Refuse a segment in which the command is not known.

    Raises
    ------
    RecordingError
        With the kind that is not rebuilt.
    """
    if not part.is_known:
        where = f"epoch {part.name}" if part.name not in (BEFORE, AFTER) else f"the time {part.name} the epochs"
        raise RecordingError(f"command unknown: {where} is a {part.kind}, which is not rebuilt")


def refuse_stimulus(waveform: Waveform) -> None:
    """Refuse a DAC that has no epochs to choose from.

    Raises
    ------
    RecordingError
        If it plays a stimulus file.
    """
    if waveform.source == "file":
        raise RecordingError(
            f"DAC '{waveform.name}' plays the stimulus file {waveform.stimulus_file}, which has no epochs to measure"
        )


def in_millivolts(waveform: Waveform) -> Waveform:
    """Return the waveform with all its levels in mV; its unit must be mV or V."""
    scale = MILLIVOLTS[waveform.unit]
    if scale == 1.0:
        return waveform
    epochs = tuple(
        replace(epoch, level=epoch.level * scale, level_increment=epoch.level_increment * scale)
        for epoch in waveform.epochs
    )
    values, stimulus = waveform.user_list, waveform.stimulus
    if values is not None and values.target[0] == LEVEL:
        values = replace(values, values=tuple(value * scale for value in values.values))
    if stimulus is not None:
        stimulus = Stimulus(
            tuple(StimulusSweep(s.stored, s.gain * scale, s.offset * scale) for s in stimulus.sweeps), stimulus.fault
        )
    scaled = replace(waveform, unit="mV", holding=waveform.holding * scale, epochs=epochs, user_list=values)
    low, high = waveform.limits
    return replace(scaled, stimulus=stimulus, limits=(low * scale, high * scale))


def shifted(waveform: Waveform, offset_mV: float) -> Waveform:
    """Return a waveform in mV with all its levels shifted, as by a holding potential set on the amplifier."""
    if offset_mV == 0.0:
        return waveform
    values, stimulus = waveform.user_list, waveform.stimulus
    if values is not None and values.target[0] == LEVEL:
        values = replace(values, values=tuple(value + offset_mV for value in values.values))
    if stimulus is not None:
        sweeps = tuple(StimulusSweep(s.stored, s.gain, s.offset + offset_mV) for s in stimulus.sweeps)
        stimulus = Stimulus(sweeps, stimulus.fault)
    return replace(
        waveform,
        holding=waveform.holding + offset_mV,
        epochs=tuple(replace(epoch, level=epoch.level + offset_mV) for epoch in waveform.epochs),
        user_list=values,
        stimulus=stimulus,
        limits=(waveform.limits[0] + offset_mV, waveform.limits[1] + offset_mV),
    )


def refuse_impossible(waveform: Waveform, command: Sequence[Sequence[Segment]]) -> None:
    """Refuse a command that the output cannot play, or that no cell is clamped to: its header is not what was played.

    Parameters
    ----------
    waveform : Waveform
        In mV.
    command : sequence of sequence of Segment
        Its segments of every sweep.

    Raises
    ------
    RecordingError
        With the first such level.
    """
    low, high = waveform.limits
    margin = _LIMIT_TOLERANCE * (high - low)
    ends = ((sweep, part, mV) for sweep, parts in enumerate(command) for part in parts for mV in _ends(part))
    for sweep, part, level_mV in ends:
        place = f"command unknown: DAC '{waveform.name}' would be at {level_mV:g} mV in sweep {sweep} ({part.name})"
        if not low - margin <= level_mV <= high + margin:
            raise RecordingError(f"{place}, but its output ranges from {low:g} to {high:g} mV")
        if abs(level_mV) > _MAX_COMMAND_MV:
            raise RecordingError(f"{place}, beyond the {_MAX_COMMAND_MV:g} mV that a cell is clamped to")


def _ends(part: Segment) -> tuple[float, ...]:
    """Return the levels at which a straight segment begins and ends; the extremes of what else is known."""
    if part.stimulus is not None:
        played = part.stimulus.levels(np.arange(part.stop - part.start))
        return float(played.min()), float(played.max())
    return (part.first_mV, part.last_mV) if part.is_known else ()


def _stimulus_sweeps(waveform: Waveform, sweeps: int) -> tuple[StimulusSweep, ...]:
    reason = f"command unknown: DAC '{waveform.name}' plays the stimulus file {waveform.stimulus_file}"
    if waveform.stimulus is None:
        raise RecordingError(reason)
    if waveform.stimulus.fault:
        raise RecordingError(f"{reason}, {waveform.stimulus.fault}")
    stored = waveform.stimulus.sweeps
    if len(stored) == 1:
        return stored * sweeps
    if len(stored) < sweeps:
        raise RecordingError(f"{reason}, which has {len(stored)} sweeps for the {sweeps} of the recording")
    return stored[:sweeps]


def _played(stimulus: StimulusSweep, points: int) -> Iterator[Segment]:
    length = min(points, len(stimulus.stored))
    first, last = stimulus.levels(np.array([0, length - 1])).tolist()
    yield Segment(STIMULUS, 0, length, first, last, STIMULUS, stimulus)
    if length < points:
        # No document states whether the DAC stays at the last level or returns to holding.
        yield _unknown(AFTER, length, points, "level after the end of a stimulus file")


def _refuse_nonfinite(waveform: Waveform) -> None:
    numbers = [waveform.holding, *(value for e in waveform.epochs for value in (e.level, e.level_increment))]
    if not all(math.isfinite(value) for value in numbers):
        raise RecordingError(f"command unknown: a level of DAC '{waveform.name}' is no number")
    if waveform.user_list is not None:
        _refuse_list(waveform.name, waveform.user_list)


def _refuse_list(name: str, user_list: UserList) -> None:
    parameter, epoch = user_list.target
    subject = f"command unknown: the user list of DAC '{name}'"
    if parameter not in (LEVEL, DURATION):
        of_epoch = f" of epoch {epoch}" if epoch else ""
        meaning = f"the {parameter}{of_epoch}" if parameter else "a parameter of an unknown code"
        raise RecordingError(f"{subject} varies {meaning} (parameter {user_list.parameter}), which is not rebuilt")
    if not user_list.values:
        raise RecordingError(f"{subject} is empty")
    if not all(math.isfinite(value) for value in user_list.values):
        raise RecordingError(f"{subject} has a value that is no number")


@dataclass(frozen=True)
class _Level:
    """Level of the output; nan after something that is not rebuilt, `after` names it."""

    value: float
    after: str = ""


def _unknown(name: str, start: int, stop: int, kind: str) -> Segment:
    return Segment(name, start, stop, math.nan, math.nan, kind)


def _rest(name: str, start: int, stop: int, level: _Level) -> Segment:
    if level.after:
        return _unknown(name, start, stop, f"level kept from a {level.after}")
    return Segment(name, start, stop, level.value, level.value)


def _sweep(waveform: Waveform, sweep: int, points: int, rest: _Level) -> tuple[list[Segment], _Level]:
    """Return the segments of one sweep, and the level on which it ends."""
    position = min(points, max(1, points // 64))
    pieces, level = [_rest(BEFORE, 0, position, rest)], rest
    for epoch in waveform.epochs:
        length = _length(epoch, waveform.user_list, sweep)
        if length == 0 or position >= points:
            continue
        target = _target(epoch, waveform.user_list, sweep)
        piece = _piece(epoch, position, min(position + length, points), length, level, target)
        pieces.append(piece)
        after = level.after if epoch.kind == "ramp" else epoch.kind
        level = _Level(piece.last_mV, "" if piece.is_known else after)
        position += length
    if position < points:
        level = level if waveform.keeps_last_level else _Level(waveform.holding)
        pieces.append(_rest(AFTER, position, points, level))
    return pieces, level


def _piece(epoch: Epoch, start: int, stop: int, length: int, level: _Level, target: float) -> Segment:
    if epoch.kind == "step":
        return Segment(epoch.letter, start, stop, target, target)
    if epoch.kind != "ramp":
        return _unknown(epoch.letter, start, stop, epoch.kind)
    if level.after:
        return _unknown(epoch.letter, start, stop, f"ramp from a {level.after}")
    if stop - start < length:
        # A ramp that the end of the sweep cuts off has not reached its last level.
        target = level.value + (target - level.value) * ((stop - start) / length)
    return Segment(epoch.letter, start, stop, level.value, target)


def _target(epoch: Epoch, user_list: UserList | None, sweep: int) -> float:
    if user_list is not None and user_list.target == (LEVEL, epoch.letter):
        return user_list.at(sweep)
    return epoch.level + epoch.level_increment * sweep


def _length(epoch: Epoch, user_list: UserList | None, sweep: int) -> int:
    if user_list is not None and user_list.target == (DURATION, epoch.letter):
        length = int(user_list.at(sweep))
    else:
        length = epoch.duration + epoch.duration_increment * sweep
    if length < 0:
        raise RecordingError(
            f"command unknown: epoch {epoch.letter} would last {length} samples in sweep {sweep} (from 0)"
        )
    return length
