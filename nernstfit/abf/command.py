"""The command voltage, rebuilt from the header's fields.

A reader's ready-made command is wrong in one real file of six, so none is used. Here the
output of one DAC in one sweep is a list of *segments*, each a straight line in time: the
first 1/64 of the sweep at the resting level, the epochs one after the other, the rest of
the sweep at the resting level again. The resting level is the holding level or, where the
protocol keeps the last level between sweeps, the level on which the sweep before ended.

Built: holding, steps, ramps, increments of level and duration, the inter-episode level.
Whatever else a header asks for is refused with its name: a wrong command is worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nernstfit.abf.records import Epoch, Waveform
from nernstfit.errors import RecordingError

AFTER = "after"


@dataclass(frozen=True)
class Segment:
    """A straight piece of the command.

    Attributes
    ----------
    name : str
        The epoch's letter, 'before' the first epoch, or 'after' the last.
    start, stop : int
        Samples of the sweep, `stop` excluded.
    first_mV, last_mV : float
        Command at the start and at the end; equal for a step.
    """

    name: str
    start: int
    stop: int
    first_mV: float
    last_mV: float

    @property
    def is_level(self) -> bool:
        """Whether the command stands still."""
        return self.first_mV == self.last_mV


def segments(waveform: Waveform, sweeps: int, points: int) -> tuple[tuple[Segment, ...], ...]:
    """Return the command of every sweep.

    Parameters
    ----------
    waveform : Waveform
        Its unit must be mV.
    sweeps, points : int
        Number of sweeps, and of samples per channel in each.

    Returns
    -------
    tuple of tuple of Segment
        One tuple per sweep; the segments cover all its samples, in order.

    Raises
    ------
    RecordingError
        Where the header asks for something that is not rebuilt, or makes no sense.
    """
    _refuse_the_unknown(waveform)
    rest, command = waveform.holding, []
    for sweep in range(sweeps):
        pieces = tuple(_sweep(waveform, sweep, points, rest))
        command.append(pieces)
        if waveform.keeps_last_level:
            rest = pieces[-1].last_mV
    return tuple(command)


def _refuse_the_unknown(waveform: Waveform) -> None:
    if waveform.source == "file":
        raise RecordingError(f"command unknown: DAC '{waveform.name}' plays the stimulus file {waveform.stimulus_file}")
    if waveform.user_list is not None:
        raise RecordingError(
            f"command unknown: a user list (parameter {waveform.user_list.parameter}) "
            "replaces values of the epoch table, and user lists are not applied yet"
        )
    numbers = [waveform.holding, *(value for e in waveform.epochs for value in (e.level, e.level_increment))]
    if not all(math.isfinite(value) for value in numbers):
        raise RecordingError(f"command unknown: a level of DAC '{waveform.name}' is no number")
    for epoch in waveform.epochs:
        if epoch.kind not in ("step", "ramp"):
            raise RecordingError(f"command unknown: epoch {epoch.letter} is a {epoch.kind}, which is not rebuilt")


def _sweep(waveform: Waveform, sweep: int, points: int, rest: float) -> Iterator[Segment]:
    position = min(points, max(1, points // 64))
    yield Segment("before", 0, position, rest, rest)
    level = rest
    for epoch in waveform.epochs:
        length = _length(epoch, sweep)
        target = epoch.level + epoch.level_increment * sweep
        start, stop = min(position, points), min(position + length, points)
        # A ramp that the end of the sweep cuts off has only come part of its way.
        reached = target if length == 0 else level + (target - level) * (stop - start) / length
        first, last = (target, target) if epoch.kind == "step" else (level, reached)
        if stop > start:
            yield Segment(epoch.letter, start, stop, first, last)
        position, level = position + length, target
    if position < points:
        rest = level if waveform.keeps_last_level else waveform.holding
        yield Segment(AFTER, position, points, rest, rest)


def _length(epoch: Epoch, sweep: int) -> int:
    length = epoch.duration + epoch.duration_increment * sweep
    if length < 0:
        raise RecordingError(
            f"command unknown: epoch {epoch.letter} would last {length} samples in sweep {sweep} (from 0)"
        )
    return length
