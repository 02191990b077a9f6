"""Holds the rebuilt command against the membrane voltage that a file records beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nernstfit.abf.command import MILLIVOLTS, Segment, levels
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel

_MAX_SWEEPS = 20
_MIN_SAMPLES = 8
_MIN_CORRELATION = 0.95
_MIN_SPREAD_MV = 1.0


@dataclass(frozen=True)
class Mismatch:
    """How far a recorded voltage is from the command, where it is farthest."""

    channel: Channel
    difference_mV: float  # recorded minus commanded
    sweep: int
    segment: str


def recorded_voltages(recording: Recording, command: Sequence[Sequence[Segment]]) -> tuple[Mismatch, ...]:
    """Compare the channels that record a voltage with the command they follow.

    Parameters
    ----------
    recording : Recording
    command : sequence of sequence of Segment
        Of every sweep, in mV.

    Returns
    -------
    tuple of Mismatch
        One per channel in mV or V that follows the command: over the segments of at most
        twenty sweeps, spread evenly, the means of both over the second half of the segment,
        where transients are over, correlate. Where the command stands still nothing can follow it.
    """
    found = (_mismatch(recording, command, channel) for channel in recording.channels if channel.unit in MILLIVOLTS)
    return tuple(mismatch for mismatch in found if mismatch is not None)


def _mismatch(recording: Recording, command: Sequence[Sequence[Segment]], channel: Channel) -> Mismatch | None:
    sweeps = np.unique(np.linspace(0, recording.sweeps - 1, min(_MAX_SWEEPS, recording.sweeps)).round().astype(int))
    places = [
        (sweep, piece)
        for sweep in sweeps.tolist()
        for piece in command[sweep]
        if piece.is_known and piece.stop - piece.start >= _MIN_SAMPLES
    ]
    commanded, recorded = [], []
    for sweep, piece in places:
        start = (piece.start + piece.stop) // 2
        commanded.append(float(levels(command[sweep], np.arange(start, piece.stop)).mean()))
        samples = recording.samples(channel, sweep, start, piece.stop)
        recorded.append(float(samples.mean()) * MILLIVOLTS[channel.unit])
    if len(places) < 2 or min(np.ptp(commanded), np.ptp(recorded)) < _MIN_SPREAD_MV:
        return None
    if not np.corrcoef(commanded, recorded)[0, 1] >= _MIN_CORRELATION:
        return None
    differences = np.subtract(recorded, commanded)
    worst = int(np.abs(differences).argmax())
    sweep, piece = places[worst]
    return Mismatch(channel, float(differences[worst]), sweep, piece.name)
