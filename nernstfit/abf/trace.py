"""The course of current and command, reduced for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import Segment, levels
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Channel

FloatArray = NDArray[np.float64]

_TRACE_SWEEPS = 7


@dataclass(frozen=True)
class Trace:
    """The course of current and command around the window, for a picture; arrays of shape (bins,)."""

    sweep: int
    t_ms: FloatArray
    command_mV: FloatArray
    low_pA: FloatArray
    high_pA: FloatArray
    window_ms: tuple[float, float]


def trace(
    recording: Recording,
    channel: Channel,
    command: Sequence[Segment],
    span: tuple[int, int],
    window: tuple[int, int],
    sweep: int,
    bins: int = 160,
) -> Trace:
    """Reduce the current of a span of one sweep to extremes per bin, the command at the start of each beside it.

    Parameters
    ----------
    recording : Recording
    channel : Channel
    command : sequence of Segment
        Of this sweep, in mV.
    span, window : tuple of int
        Samples from and to.
    sweep : int
    bins : int
        At most so many.
    """
    start, stop = span
    current = recording.current_pA(channel, sweep, start, stop)
    edges = np.linspace(0, stop - start, min(bins, stop - start) + 1).astype(int)[:-1]
    return Trace(
        sweep=sweep,
        t_ms=(edges + start) / recording.rate_Hz * 1e3,
        command_mV=levels(command, edges + start),
        low_pA=np.minimum.reduceat(current, edges),
        high_pA=np.maximum.reduceat(current, edges),
        window_ms=(window[0] / recording.rate_Hz * 1e3, window[1] / recording.rate_Hz * 1e3),
    )


def evenly(count: int) -> list[int]:
    """At most seven of `count` things, spread evenly, first and last among them."""
    return list(dict.fromkeys(np.linspace(0, count - 1, _TRACE_SWEEPS).round().astype(int).tolist()))


def around(part: Segment, points: int) -> tuple[int, int]:
    """An epoch and a fifth of its length on either side."""
    margin = (part.stop - part.start) // 5
    return max(0, part.start - margin), min(points, part.stop + margin)
