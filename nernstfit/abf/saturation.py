"""Saturation: currents at the limit of the converter or the amplifier, where samples carry no current.

The limit of the converter is known. An amplifier saturates below it, at a value that no header states: where half of a
window's samples are exactly the largest or smallest of all windows, although others are noisy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import Segment
from nernstfit.abf.windows import Source
from nernstfit.contract.errors import RecordingError, runs

# Part of a window's samples at one extreme value from which that is a limit. With half or double the same windows
# count: noise that is larger than the converter's step puts less than a tenth of the samples at one value.
_AT_LIMIT = 0.5
# Fewest samples of a window that show a limit. With half, chance puts half of them at one value in the short windows of
# peaks; with double, windows of 2 ms at 5 kHz show none.
_MIN_SAMPLES = 8
# Part of a window's samples at a known limit from which its mean is wrong. With half, single spikes count; with double,
# means are off by a tenth of the noise.
_CLIPPED = 0.02


@dataclass(frozen=True)
class Kept:
    """Part of a recording that is measured.

    Attributes
    ----------
    source : Source
        With the sweeps that are measured.
    parts, windows : sequence
        Epoch and window in each of them.
    saturated : str
        Limits, and the sweeps that are left out for them; '' for none.
    """

    source: Source
    parts: Sequence[Segment]
    windows: Sequence[tuple[int, int]]
    saturated: str = ""


def kept(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> Kept:
    """Leave out the sweeps whose windows of steps are saturated.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Epoch in each sweep.
    windows : sequence of tuple of int
        Window in each sweep.

    Raises
    ------
    RecordingError
        If fewer than two sweeps are left.
    """
    recording, channel = source.recording, source.channel
    pairs = zip(source.sweeps, windows, strict=True)
    blocks = [recording.block_pA(channel, [sweep], *window)[0] for sweep, window in pairs]
    limits = _limits(blocks, recording.resolution_pA(channel), recording.range_pA(channel))
    at = {limit: np.array([float((block == limit).mean()) > _CLIPPED for block in blocks]) for limit in limits}
    is_left = ~np.any(list(at.values()), axis=0) if at else np.ones(len(blocks), dtype=bool)
    if is_left.all():
        return Kept(source, parts, windows)
    sweeps = np.array(source.sweeps)
    named = [f"at {limit:.4g} pA in sweeps {','.join(runs(sweeps[there].tolist()))}" for limit, there in at.items()]
    saturated = " and ".join(name for name, there in zip(named, at.values(), strict=True) if there.any())
    if is_left.sum() < 2:
        raise RecordingError(f"the current is saturated {saturated}; record it with a smaller gain")
    left = np.flatnonzero(is_left).tolist()
    own = replace(source, sweeps=tuple(source.sweeps[i] for i in left))
    return Kept(own, [parts[i] for i in left], [windows[i] for i in left], saturated)


def _limits(blocks: Sequence[NDArray[np.float64]], step_pA: float, range_pA: tuple[float, float]) -> tuple[float, ...]:
    """Return the lowest and highest current where these are limits of the converter or the amplifier."""
    ends = min(float(block.min()) for block in blocks), max(float(block.max()) for block in blocks)
    is_at = [
        [len(block) >= _MIN_SAMPLES and float((block == end).mean()) >= _AT_LIMIT for block in blocks] for end in ends
    ]
    noises = [float(block.std()) for block, *there in zip(blocks, *is_at, strict=True) if not any(there)]
    # Noise that the converter does not resolve, or no noise at all, has constant windows too.
    is_noisy = bool(noises) and float(np.median(noises)) > step_pA
    found = zip(ends, range_pA, is_at, strict=True)
    return tuple(end for end, converter, there in found if end == converter or (any(there) and is_noisy))
