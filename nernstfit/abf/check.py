"""Check of a header against its file, before the header is followed.

The header of a damaged file can send a reader after billions of entries or into its own samples.
Everything that the reader follows (pointers, entry sizes, counts) is checked here against the size of
the file and against the limits of a recording.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from nernstfit.abf import layout
from nernstfit.abf.layout import ABF1_HEADER, ABF2_HEADER, BLOCK, Bytes
from nernstfit.contract.errors import RecordingError

# The limits below are far beyond real recordings. They bound the time and memory that a damaged count can
# cost: at half of each some real file might be refused, at double nothing changes but that cost.
_MAX_SWEEPS = 10_000  # a sweep each second for three hours
_MAX_TAGS = 20_000  # two for each sweep
_MAX_OUTPUTS, _MAX_USER_LISTS = 64, 64  # digitizers have 8 outputs, with a list for each
_MAX_EPOCHS, _MAX_EPOCHS_PER_DAC = 1000, 500  # digital outputs of the epochs, and their levels: 50 epochs of 8 DACs
_MAX_STRINGS, _MAX_STRING_BYTES = 2000, 65536  # names, units and lists: real files have 12 to 30 strings
_MAX_ENTRY_BYTES = 4096  # the longest entry of the format has 512
_MAX_SAMPLES = 2**31 - 1  # counts of samples are stored in 32 bits


@dataclass(frozen=True)
class _Limits:
    """Limits of one section of ABF2; an entry holds at least the fields that are read."""

    section: str  # its name in `layout.ABF2_SECTIONS`
    name: str  # its name in messages
    max_entries: int
    min_entries: int = 0

    @property
    def min_entry_bytes(self) -> int:
        entry = layout.ABF2_ENTRIES.get(self.section)
        return entry.used_bytes if entry else min(each.itemsize for each in layout.SAMPLE_TYPES.values())


_LIMITS = (
    _Limits("Protocol", "protocol", 1, 1),
    _Limits("ADC", "ADC", layout.INPUTS, 1),
    _Limits("DAC", "DAC", _MAX_OUTPUTS),
    _Limits("Epoch", "epoch", _MAX_EPOCHS),
    _Limits("EpochPerDAC", "epoch per DAC", _MAX_EPOCHS_PER_DAC),
    _Limits("UserList", "user list", _MAX_USER_LISTS),
    _Limits("Data", "data", _MAX_SAMPLES, 1),
    _Limits("Tag", "tag", _MAX_TAGS),
    _Limits("SynchArray", "synch array", _MAX_SWEEPS),
)


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
    faults = _abf1(content) if bytes(content[:4]) == layout.ABF1_SIGNATURE else _abf2(content)
    fault = next(faults, None)
    if fault:
        raise RecordingError(fault)


def _abf2(content: Bytes) -> Iterator[str]:
    if content.size < BLOCK:
        yield f"is truncated: it has {content.size} bytes, less than a header"
        return
    for limits in _LIMITS:
        yield from _section(content, limits)
    yield from _strings(content)
    yield from _overlaps(_abf2_extents(content))
    data, inputs = layout.extent(content, "Data"), layout.extent(content, "ADC")
    yield from _counts(ABF2_HEADER.get(content, "lActualEpisodes"), data.entries, inputs.entries)
    code = ABF2_HEADER.get(content, "nDataFormat")
    if code not in layout.SAMPLE_TYPES or layout.SAMPLE_TYPES[code].itemsize != data.entry_bytes:
        yield f"its samples cannot be {data.entry_bytes} bytes each in format {code}"
    protocol = layout.extent(content, "Protocol").start
    interval_us = layout.ABF2_ENTRIES["Protocol"].get(content, "fADCSequenceInterval", protocol)
    yield from _positive("sampling interval", interval_us)


def _abf2_extents(content: Bytes) -> Iterator[tuple[int, int, str]]:
    """Yield first byte, end and name of the header and of each section that is read."""
    yield 0, BLOCK, "header"
    for limits in _LIMITS:
        at = layout.extent(content, limits.section)
        yield at.start, at.start + at.entry_bytes * at.entries, f"{limits.name} section"
    at = layout.extent(content, "Strings")
    yield at.start, at.start + at.entry_bytes, "section of strings"


def _overlaps(extents: Iterator[tuple[int, int, str]]) -> Iterator[str]:
    in_use = sorted(extent for extent in extents if extent[1] > extent[0])
    for (_, end, first), (start, _, second) in itertools.pairwise(in_use):
        if start < end:
            yield f"its header is damaged: its {first} and its {second} overlap"


def _section(content: Bytes, limits: _Limits) -> Iterator[str]:
    at, least = layout.extent(content, limits.section), limits.min_entry_bytes
    if not limits.min_entries <= at.entries <= limits.max_entries:
        yield f"its {limits.name} section cannot be: {at.entries} entries"
    elif at.entries and not least <= at.entry_bytes <= _MAX_ENTRY_BYTES:
        yield f"its {limits.name} section cannot be: entries of {at.entry_bytes} bytes"
    elif at.entries and not _holds(content, at.block, at.entry_bytes * at.entries):
        yield f"is truncated: its {limits.name} section lies beyond its end"


def _strings(content: Bytes) -> Iterator[str]:
    at, signature = layout.extent(content, "Strings"), layout.STRINGS_SIGNATURE
    if not (0 < at.entries <= _MAX_STRINGS and 0 < at.entry_bytes <= _MAX_STRING_BYTES):
        yield f"its section of strings cannot be: {at.entries} strings of {at.entry_bytes} bytes"
    elif at.start + at.entry_bytes > content.size:
        yield "is truncated: its section of strings lies beyond its end"
    elif bytes(content[at.start : at.start + len(signature)]) != signature:
        yield "its section of strings is not where its header says"


def _abf1(content: Bytes) -> Iterator[str]:
    if content.size < layout.ABF1_SHORT_HEADER_BYTES:
        yield f"is truncated: it has {content.size} bytes, less than a header"
        return
    if content.size < ABF1_HEADER.size:
        yield f"is truncated: it has {content.size} bytes, less than a header and samples"
        return
    header = ABF1_HEADER.unpack(content)
    if not (math.isfinite(header.fFileVersionNumber) and header.fFileVersionNumber >= 1):
        yield f"its version cannot be {header.fFileVersionNumber:g}"
    samples, channels = header.lActualAcqLength, header.nADCNumChannels
    yield from _counts(header.lActualEpisodes, samples, channels)
    data, ignored = header.lDataSectionPtr, header.nNumPointsIgnored
    if header.nDataFormat not in layout.SAMPLE_TYPES:
        yield f"its samples are stored in an unknown format ({header.nDataFormat})"
    else:
        width = layout.SAMPLE_TYPES[header.nDataFormat].itemsize
        if data <= 0 or ignored < 0 or data * BLOCK + (ignored + samples) * width > content.size:
            available = max(0, content.size - max(0, data) * BLOCK) // width
            yield f"is truncated: its header states {samples} samples, the file holds {available}"
    tags, n_tags = header.lTagSectionPtr, header.lNumTagEntries
    if not 0 <= n_tags <= _MAX_TAGS or (n_tags and not _holds(content, tags, layout.TAG.size * n_tags)):
        yield f"is truncated: its {n_tags} tags lie beyond its end"
    synch, n_synch = header.lSynchArrayPtr, header.lSynchArraySize
    if n_synch and not (0 < n_synch <= _MAX_SWEEPS and _holds(content, synch, layout.SYNCH.size * n_synch)):
        yield f"is truncated: its synch array of {n_synch} sweeps lies beyond its end"
    yield from _overlaps(_abf1_extents(header))
    inputs = header.nADCSamplingSeq[:channels]
    if not all(0 <= number < layout.INPUTS for number in inputs):
        yield f"its sampled inputs cannot be: {', '.join(map(str, inputs))}"
    yield from _positive("sampling interval", header.fADCSampleInterval)


def _abf1_extents(header: SimpleNamespace) -> Iterator[tuple[int, int, str]]:
    """Yield first byte, end and name of the header and of what it points to."""
    start = header.lDataSectionPtr * BLOCK
    yield 0, layout.ABF1_SHORT_HEADER_BYTES if start < ABF1_HEADER.size else ABF1_HEADER.size, "header"
    width = layout.SAMPLE_TYPES[header.nDataFormat].itemsize
    yield start, start + (header.nNumPointsIgnored + header.lActualAcqLength) * width, "data section"
    for name, block, size in (
        ("tag section", header.lTagSectionPtr, layout.TAG.size * header.lNumTagEntries),
        ("synch array section", header.lSynchArrayPtr, layout.SYNCH.size * header.lSynchArraySize),
    ):
        yield block * BLOCK, block * BLOCK + size, name


def _holds(content: Bytes, block: int, size: int) -> bool:
    return block > 0 and block * BLOCK + size <= content.size


def _counts(sweeps: int, samples: int, channels: int) -> Iterator[str]:
    if not 0 < channels <= layout.INPUTS:
        yield f"it cannot have {channels} channels"
    elif samples <= 0:
        yield "its header gives no samples"
    elif not 0 <= sweeps <= min(_MAX_SWEEPS, samples / channels):
        yield f"it cannot have {sweeps} sweeps with {samples} samples of {channels} channels"


def _positive(name: str, value: float) -> Iterator[str]:
    if not (math.isfinite(value) and value > 0):
        yield f"its {name} cannot be {value:g}"
