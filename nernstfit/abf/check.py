"""Holds a file's header against the file itself, before a reader opens it.

A header of a damaged file can send a reader after billions of entries or into its own samples.
Everything that a reader follows (pointers, entry sizes, counts) is checked here against the
size of the file and against what a recording can be.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.errors import RecordingError

Bytes = NDArray[np.uint8]

BLOCK = 512
_MAX_CHANNELS = 16
_MAX_SWEEPS = 10_000
_MAX_TAGS = 20_000
_ABF1_LEAST_BYTES = 2048
_ABF1_HEADER_BYTES = 6144


@dataclass(frozen=True)
class _Section:
    """One section of ABF2: where its entry stands in the header, and what it may hold."""

    name: str
    position: int
    least_entry: int
    most_entries: int
    least_entries: int = 0


_SECTIONS = (
    _Section("protocol", 76, 208, 1, 1),
    _Section("ADC", 92, 82, _MAX_CHANNELS, 1),
    _Section("DAC", 108, 132, 64, 0),
    _Section("epoch", 124, 4, 1000),
    _Section("epoch per DAC", 156, 30, 500),
    _Section("user list", 172, 10, 64),
    _Section("data", 236, 2, 2**31 - 1, 1),
    _Section("tag", 252, 64, _MAX_TAGS),
    _Section("synch array", 316, 8, _MAX_SWEEPS),
)
_STRINGS_POSITION = 220
_WIDTHS = {0: 2, 1: 4}  # bytes of a sample by format: whole numbers of the converter, or floating-point numbers
_MAX_STRINGS, _MAX_STRING_BYTES = 2000, 65536


def check(content: Bytes) -> None:
    """Refuse a header that does not fit its file.

    Parameters
    ----------
    content : ndarray of uint8
        The whole file.

    Raises
    ------
    RecordingError
        With the first fault, without the file's name.
    """
    faults = _abf1(content) if bytes(content[:4]) == b"ABF " else _abf2(content)
    fault = next(faults, None)
    if fault:
        raise RecordingError(fault)


def unpack(content: Bytes, layout: str, position: int) -> tuple[Any, ...]:
    """Numbers at a place of the file, by a layout of the module struct."""
    return struct.unpack_from(layout, content.data, position)


def _abf2(content: Bytes) -> Iterator[str]:
    if content.size < BLOCK:
        yield f"is truncated: it has {content.size} bytes, less than a header"
        return
    for section in _SECTIONS:
        yield from _section(content, section)
    block, size, count = unpack(content, "<IIq", _STRINGS_POSITION)
    if not (0 < count <= _MAX_STRINGS and 0 < size <= _MAX_STRING_BYTES):
        yield f"its section of strings cannot be: {count} strings of {size} bytes"
    elif block * BLOCK + size > content.size:
        yield "is truncated: its section of strings lies beyond its end"
    elif bytes(content[block * BLOCK : block * BLOCK + 4]) != b"SSCH":
        yield "its section of strings is not where its header says"
    sweeps = unpack(content, "<I", 12)[0]
    samples, channels = unpack(content, "<q", 244)[0], unpack(content, "<q", 100)[0]
    yield from _amounts(sweeps, samples, channels)
    stored, width = unpack(content, "<H", 30)[0], unpack(content, "<I", 240)[0]
    if _WIDTHS.get(stored) != width:
        yield f"its samples cannot be {width} bytes each in format {stored}"
    protocol = unpack(content, "<I", 76)[0] * BLOCK
    yield from _positive(content, "sampling interval", int(protocol) + 2)


def _section(content: Bytes, section: _Section) -> Iterator[str]:
    block, size, count = unpack(content, "<IIq", section.position)
    if not section.least_entries <= count <= section.most_entries:
        yield f"its {section.name} section cannot be: {count} entries"
    elif count and not section.least_entry <= size <= max(4096, section.least_entry):
        yield f"its {section.name} section cannot be: entries of {size} bytes"
    elif count and not _holds(content, block, size * count):
        yield f"is truncated: its {section.name} section lies beyond its end"


def _abf1(content: Bytes) -> Iterator[str]:
    if content.size < _ABF1_LEAST_BYTES:
        yield f"is truncated: it has {content.size} bytes, less than a header"
        return
    if content.size < _ABF1_HEADER_BYTES:
        yield f"is truncated: it has {content.size} bytes, less than a header and samples"
    samples, sweeps = unpack(content, "<i", 10)[0], unpack(content, "<i", 16)[0]
    data, tags, n_tags = unpack(content, "<3i", 40)
    channels = unpack(content, "<h", 120)[0]
    yield from _amounts(sweeps, samples, channels)
    stored, ignored = unpack(content, "<h", 100)[0], unpack(content, "<h", 14)[0]
    if stored not in _WIDTHS:
        yield f"its samples are stored in an unknown format ({stored})"
    elif data <= 0 or ignored < 0 or data * BLOCK + (ignored + samples) * _WIDTHS[stored] > content.size:
        held = max(0, content.size - max(0, data) * BLOCK) // _WIDTHS[stored]
        yield f"is truncated: its header promises {samples} samples, the file holds {held}"
    if not 0 <= n_tags <= _MAX_TAGS or (n_tags and not _holds(content, tags, 64 * n_tags)):
        yield f"is truncated: its {n_tags} tags lie beyond its end"
    synch, n_synch = unpack(content, "<2i", 92)
    if n_synch and not (0 < n_synch <= _MAX_SWEEPS and _holds(content, synch, 8 * n_synch)):
        yield f"is truncated: its synch array of {n_synch} sweeps lies beyond its end"
    inputs = unpack(content, "<16h", 410)[: int(channels)]
    if not all(0 <= number < _MAX_CHANNELS for number in inputs):
        yield f"its sampled inputs cannot be: {', '.join(str(number) for number in inputs)}"
    yield from _positive(content, "sampling interval", 122)


def _holds(content: Bytes, block: int, size: int) -> bool:
    return block > 0 and block * BLOCK + size <= content.size


def _amounts(sweeps: float, samples: float, channels: float) -> Iterator[str]:
    if not 0 < channels <= _MAX_CHANNELS:
        yield f"it cannot have {channels} channels"
    elif samples <= 0:
        yield "its header gives no samples"
    elif not 0 <= sweeps <= min(_MAX_SWEEPS, samples / channels):
        yield f"it cannot have {sweeps} sweeps with {samples} samples of {channels} channels"


def _positive(content: Bytes, name: str, position: int) -> Iterator[str]:
    value = unpack(content, "<f", position)[0]
    if not (math.isfinite(value) and value > 0):
        yield f"its {name} cannot be {value:g}"
