"""Saturation: currents at the limit of the converter or the amplifier, where samples carry no current.

The limit of the converter is known. An amplifier saturates below it, at a value that no header states: where half of a
window's samples are exactly the largest or smallest of all windows, although others are noisy. Behind a filter, or with
the noise of what follows the amplifier, the samples scatter about the limit; its levels are equal all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import Segment
from nernstfit.abf.plateaus import plateaus
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
# Pieces into which a ramp is cut, each of which is saturated or not. With half, 8 mV beside a limit are lost of a ramp
# of 160 mV; with double, short ramps have too few samples in each.
_RAMP_PIECES = 40


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
        Limits, and the sweeps, or voltages of a ramp, that are left out for them; '' for none.
    has_onset : bool
        False where the start of a ramp is left out.
    """

    source: Source
    parts: Sequence[Segment]
    windows: Sequence[tuple[int, int]]
    saturated: str = ""
    has_onset: bool = True


def kept(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> Kept:
    """Leave out the sweeps whose windows of steps are saturated, and what is saturated of ramps.

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
        If fewer than two sweeps, or pieces of a ramp, are left.
    """
    return (_kept_of_ramps if parts[0].is_ramp else _kept_of_steps)(source, parts, windows)


def _kept_of_steps(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> Kept:
    blocks = source.stretches_pA(windows)
    at = dict(_saturated(source, blocks, np.array([part.first_mV for part in parts])))
    is_left = ~np.any(list(at.values()), axis=0) if at else np.ones(len(blocks), dtype=bool)
    if is_left.all():
        return Kept(source, parts, windows)
    sweeps = np.array(source.sweeps)
    saturated = " and ".join(
        f"at {limit:.4g} pA in sweeps {','.join(runs(sweeps[there].tolist()))}" for limit, there in at.items()
    )
    if is_left.sum() < 2:
        raise RecordingError(f"the current is saturated {saturated}; record it with a smaller gain")
    left = np.flatnonzero(is_left).tolist()
    own = replace(source, sweeps=tuple(source.sweeps[i] for i in left))
    return Kept(own, [parts[i] for i in left], [windows[i] for i in left], saturated)


def _kept_of_ramps(source: Source, parts: Sequence[Segment], windows: Sequence[tuple[int, int]]) -> Kept:
    """Keep the longest piece of the ramps in which none is saturated."""
    recording, shortest = source.recording, min(stop - start for start, stop in windows)
    count = min(_RAMP_PIECES, shortest // _MIN_SAMPLES)
    if count < 2:
        return Kept(source, parts, windows)
    edges = [start + np.arange(count + 1) * (stop - start) // count for start, stop in windows]
    blocks = [
        recording.block_pA(source.channel, [sweep], first, last)[0]
        for sweep, own in zip(source.sweeps, edges, strict=True)
        for first, last in itertools.pairwise(own.tolist())
    ]
    command_mV = np.concatenate([_command_mV(part, own) for part, own in zip(parts, edges, strict=True)])
    at = {limit: there.reshape(-1, count).any(axis=0) for limit, there in _saturated(source, blocks, command_mV)}
    if not at:
        return Kept(source, parts, windows)
    first_mV = command_mV[:count]
    saturated = " and ".join(
        f"at {limit:.4g} pA between {first_mV[there].min():.0f} and {first_mV[there].max():.0f} mV"
        for limit, there in at.items()
    )
    # The piece beside a limit may reach it.
    beside = np.convolve(np.any(list(at.values()), axis=0), np.ones(3), "same") > 0
    first, last = max(_stretches(~beside), key=lambda each: each[1] - each[0], default=(0, 0))
    if last - first < 2:
        raise RecordingError(f"the current is saturated {saturated}; record it with a smaller gain")
    left = [(int(own[first]), int(own[last])) for own in edges]
    return Kept(source, parts, left, saturated, has_onset=first == 0)


def _command_mV(part: Segment, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the command in the middle of each piece of a ramp."""
    middles = (edges[:-1] + edges[1:]) / 2
    return np.asarray(
        part.first_mV + (part.last_mV - part.first_mV) * (middles - part.start) / (part.stop - part.start)
    )


def _stretches(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of True."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])))).tolist()
    yield from zip(changes[::2], changes[1::2], strict=True)


def _saturated(
    source: Source, blocks: Sequence[NDArray[np.float64]], command_mV: NDArray[np.float64]
) -> Iterator[tuple[float, NDArray[np.bool_]]]:
    """Yield each limit, and the blocks of samples that are at it, shape (blocks,)."""
    step_pA, range_pA = source.recording.resolution_pA(source.channel), source.recording.range_pA(source.channel)
    known = _limits(blocks, step_pA, range_pA)
    is_at = {limit: np.array([float((block == limit).mean()) > _CLIPPED for block in blocks]) for limit in known}
    others = ~np.any(list(is_at.values()), axis=0) if is_at else np.ones(len(blocks), dtype=bool)
    found = plateaus(
        [block for block, is_free in zip(blocks, others, strict=True) if is_free], command_mV[others], step_pA
    )
    for limit, free in found.items():
        is_at[limit] = np.zeros(len(blocks), dtype=bool)
        is_at[limit][others] = free
    yield from ((limit, there) for limit, there in is_at.items() if there.any())


def _limits(blocks: Sequence[NDArray[np.float64]], step_pA: float, range_pA: tuple[float, float]) -> tuple[float, ...]:
    """Return the lowest and highest current where these are limits of the converter or the amplifier."""
    ends = min(float(block.min()) for block in blocks), max(float(block.max()) for block in blocks)
    is_at = [
        [len(block) >= _MIN_SAMPLES and float((block == end).mean()) >= _AT_LIMIT for block in blocks] for end in ends
    ]
    if not any(map(any, is_at)):
        return tuple(end for end, converter in zip(ends, range_pA, strict=True) if end == converter)
    noises = [float(block.std()) for block, *there in zip(blocks, *is_at, strict=True) if not any(there)]
    # Noise that the converter does not resolve, or no noise at all, has constant windows too.
    is_noisy = bool(noises) and float(np.median(noises)) > step_pA
    found = zip(ends, range_pA, is_at, strict=True)
    return tuple(end for end, converter, there in found if end == converter or (any(there) and is_noisy))
