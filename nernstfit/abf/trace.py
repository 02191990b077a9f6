"""Traces: current and command of a sweep, reduced for a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import Segment, levels
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel

FloatArray = NDArray[np.float64]

# Sweeps that a figure shows: with more, traces of one panel cannot be distinguished; half would leave out the levels
# around the zero.
MAX_SWEEPS = 7


@dataclass(frozen=True)
class Excerpt:
    """Part of one sweep that a figure shows, and the window in it; samples from and to."""

    sweep: int
    span: tuple[int, int]
    window: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Trace:
    """Trace of current and command over an excerpt of a sweep; arrays of shape (bins,).

    Attributes
    ----------
    sweep : int
    t_ms : ndarray
        Start of each bin, from the start of the sweep.
    command_mV : ndarray
        Command at the start of each bin.
    low_pA, high_pA : ndarray
        Extremes of the current within each bin.
    window_ms : tuple of float
        Start and end of the window.
    """

    sweep: int
    t_ms: FloatArray
    command_mV: FloatArray
    low_pA: FloatArray
    high_pA: FloatArray
    window_ms: tuple[float, float]


def trace(
    recording: Recording, channel: Channel, command: Sequence[Segment], excerpt: Excerpt, bins: int = 160
) -> Trace:
    """Reduce the current of an excerpt to its extremes per bin.

    Parameters
    ----------
    recording : Recording
    channel : Channel
    command : sequence of Segment
        Segments of this sweep, in mV.
    excerpt : Excerpt
    bins : int
        Largest number of bins.
    """
    start, stop = excerpt.span
    current = recording.current_pA(channel, excerpt.sweep, start, stop)
    edges = np.linspace(0, stop - start, min(bins, stop - start) + 1).astype(int)[:-1]
    first, last = excerpt.window
    return Trace(
        sweep=excerpt.sweep,
        t_ms=(edges + start) / recording.rate_Hz * 1e3,
        command_mV=levels(command, edges + start),
        low_pA=np.minimum.reduceat(current, edges),
        high_pA=np.maximum.reduceat(current, edges),
        window_ms=(first / recording.rate_Hz * 1e3, last / recording.rate_Hz * 1e3),
    )


def surroundings(part: Segment, points: int) -> tuple[int, int]:
    """Return the span of an epoch and a fifth of its length on either side, within a sweep of `points` samples."""
    margin = (part.stop - part.start) // 5
    return max(0, part.start - margin), min(points, part.stop + margin)
