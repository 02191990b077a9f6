"""Channels that record a membrane voltage, found by what they record.

A channel in mV or V follows the command if the two change together within the sweeps: from one segment to the
next, not from sweep to sweep, where anything that drifts would follow a command that rises. A channel that follows is a
membrane voltage whatever its distance from the command, and whatever its sign, since these are what it is compared for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import MILLIVOLTS, Segment, in_millivolts, levels, segments
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel, Waveform
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.frames import evenly_spaced

FloatArray = NDArray[np.float64]

# Sweeps in which a recorded voltage is compared with the command, spread evenly. They bound the time; half would do
# for a protocol of steps, double would only take longer.
_MAX_COMPARED_SWEEPS = 20
# Shortest segment that is compared, in samples: the second half, free of transients, then has at least four. At half
# the noise of a recorded voltage counts as a difference, at double short prepulses are not compared.
_MIN_SEGMENT_SAMPLES = 8
# Correlation of recorded and commanded changes within the sweeps from which a channel counts as following the command.
# At half, another cell's voltage would; halfway to 1, a clamp that adds a further command in one epoch would not.
_MIN_CORRELATION = 0.8
# Range that both must cover for a correlation to have a meaning, in mV: several times the noise of a recorded
# voltage. At half that noise decides more often, at double protocols of small steps are not compared.
_MIN_RANGE_MV = 1.0


@dataclass(frozen=True)
class CommandMismatch:
    """Largest difference between a recorded membrane voltage and the command."""

    channel: Channel
    difference_mV: float  # recorded minus commanded
    sweep: int
    segment: str


@dataclass(frozen=True)
class _Levels:
    """Levels of the command and of a recorded voltage in the same segments, in mV; arrays of shape (segments,)."""

    places: list[tuple[int, Segment]]  # sweep and segment
    commanded: FloatArray
    recorded: FloatArray

    @property
    def follow(self) -> bool:
        """True if the recorded voltage changes with the command."""
        if len(self.places) < 2:
            return False
        sweeps = np.array([sweep for sweep, _ in self.places])
        commanded, recorded = _within(self.commanded, sweeps), _within(self.recorded, sweeps)
        if np.ptp(commanded) < _MIN_RANGE_MV:  # a single segment in each sweep
            commanded, recorded = self.commanded, self.recorded
        if min(np.ptp(commanded), np.ptp(recorded)) < _MIN_RANGE_MV:
            return False
        return bool(abs(np.corrcoef(commanded, recorded)[0, 1]) >= _MIN_CORRELATION)

    @property
    def typical_mV(self) -> float:
        """Distance between the two in the median segment."""
        return float(np.median(np.abs(self.recorded - self.commanded)))


def _within(values: FloatArray, sweeps: NDArray[np.int64]) -> FloatArray:
    """Return values less the mean of their sweep."""
    _, number = np.unique(sweeps, return_inverse=True)
    means = np.bincount(number, weights=values) / np.bincount(number)
    return np.asarray(values - means[number])


def recorded_voltages(recording: Recording, command: Sequence[Sequence[Segment]]) -> tuple[CommandMismatch, ...]:
    """Compare the channels that record a membrane voltage with the command that they follow, over whole sweeps.

    Parameters
    ----------
    recording : Recording
    command : sequence of sequence of Segment
        Segments of every sweep, in mV.

    Returns
    -------
    tuple of CommandMismatch
        One per channel in mV or V that follows the command: over the segments of at most
        twenty sweeps, the medians of both over the second half of the segment,
        where transients are over, correlate. A constant command can be followed by no channel.
    """
    return tuple(_mismatch(channel, found) for channel, found in _following(recording, command))


def membrane_voltage(recording: Recording, dac: int, command: Sequence[Sequence[Segment]]) -> Channel | None:
    """Return the channel that records the membrane voltage under the command of one DAC; None without one.

    A channel that is nearer to the command of another DAC is another cell's. Of several, the one farthest from the
    command is returned: a copy of the DAC's output agrees with the command whatever the membrane does.

    Parameters
    ----------
    recording : Recording
    dac : int
        Number of the DAC that drives the cell.
    command : sequence of sequence of Segment
        Its segments of every sweep, in mV.
    """
    found = dict(_following(recording, command))
    for other in (w for w in recording.waveforms if w.number != dac and found):
        for channel, theirs in _following(recording, _other_command(recording, other)):
            if channel in found and theirs.typical_mV < found[channel].typical_mV:
                del found[channel]
    return max(found, key=lambda channel: found[channel].typical_mV, default=None)


def _other_command(recording: Recording, waveform: Waveform) -> Sequence[Sequence[Segment]]:
    """Return the command of a DAC in mV; no segments where it plays none, or it is not known."""
    if waveform.source == "none" or waveform.unit not in MILLIVOLTS:
        return [[]] * recording.sweeps
    try:
        return segments(in_millivolts(waveform), recording.sweeps, recording.points)
    except RecordingError:  # the command of the cell itself is known
        return [[]] * recording.sweeps


def _following(recording: Recording, command: Sequence[Sequence[Segment]]) -> list[tuple[Channel, _Levels]]:
    """Return the channels that follow a command, but those of an amplifier in current clamp."""
    places = [
        (sweep, part)
        for sweep in evenly_spaced(recording.sweeps, _MAX_COMPARED_SWEEPS)
        for part in command[sweep]
        if part.is_known and part.stop - part.start >= _MIN_SEGMENT_SAMPLES
    ]
    channels = [c for c in recording.channels if c.unit in MILLIVOLTS and c.clamp != "current"]
    if not places or not channels:
        return []
    commanded = np.array([levels(command[sweep], _second_half(part)).mean() for sweep, part in places])
    found = [(channel, _levels(recording, channel, places, commanded)) for channel in channels]
    return [(channel, both) for channel, both in found if both.follow]


def _second_half(part: Segment) -> NDArray[np.int64]:
    return np.arange((part.start + part.stop) // 2, part.stop)


def _levels(
    recording: Recording, channel: Channel, places: list[tuple[int, Segment]], commanded: FloatArray
) -> _Levels:
    """Return the levels of a channel beside those of the command, as far as they are numbers."""
    halves = ((sweep, (part.start + part.stop) // 2, part.stop) for sweep, part in places)
    recorded = np.array([np.median(recording.samples(channel, *half)) for half in halves])
    known = np.isfinite(recorded)
    kept = [place for place, is_known in zip(places, known, strict=True) if is_known]
    return _Levels(kept, commanded[known], recorded[known] * MILLIVOLTS[channel.unit])


def _mismatch(channel: Channel, found: _Levels) -> CommandMismatch:
    differences = found.recorded - found.commanded
    worst = int(np.abs(differences).argmax())
    sweep, part = found.places[worst]
    return CommandMismatch(channel, float(differences[worst]), sweep, part.name)
