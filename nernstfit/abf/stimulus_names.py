"""Names of the stimulus files that recordings refer to, from a few bytes of each header.

The workflow asks for them of every recording before it starts, when reading the recordings would take too long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nernstfit.abf import layout
from nernstfit.abf.texts import decoded, file_name, text_of

# Largest part of a header that is read, in bytes: a damaged size costs no more. Sections of real files have a few
# thousand bytes; at half or double nothing changes.
_MAX_PART_BYTES = 1_000_000


def stimulus_names(path: str | Path) -> set[str]:
    """Return the names of the stimulus files that a recording may play.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    set of str
        Without folders. All that reading the recording looks for, and the names that its header keeps for outputs
        that are off; empty for a file that cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return {file_name(text) for text in _paths(stream)} - {""}
    except (OSError, ValueError, struct.error):  # the reader of the recording gives the reason
        return set()


def _paths(stream: BinaryIO) -> Iterator[str]:
    """Yield the paths of stimulus files in a header; one of 2 kB has none."""
    header = layout.ABF1_HEADER
    content = _part(stream, 0, header.size)
    signature = bytes(content[:4])
    if signature == layout.ABF2_SIGNATURE:
        yield from _abf2_paths(stream, content)
    elif signature == layout.ABF1_SIGNATURE and header.get(content, "lDataSectionPtr") * layout.BLOCK >= header.size:
        yield from map(text_of, header.get(content, "sDACFilePath"))


def _part(stream: BinaryIO, start: int, size: int) -> layout.Bytes:
    stream.seek(start)
    return np.frombuffer(stream.read(min(size, _MAX_PART_BYTES)), dtype=np.uint8)


def _abf2_paths(stream: BinaryIO, header: layout.Bytes) -> Iterator[str]:
    outputs, strings = layout.extent(header, "DAC"), layout.extent(header, "Strings")
    entry = layout.ABF2_ENTRIES["DAC"]
    table = _part(stream, outputs.start, outputs.entries * outputs.entry_bytes)
    count = min(outputs.entries, table.size // max(outputs.entry_bytes, entry.used_bytes))
    numbers = {entry.get(table, "lDACFilePathIndex", i * outputs.entry_bytes) for i in range(count)} - {0}
    if numbers:
        texts = _part(stream, strings.start, strings.entry_bytes)[layout.ABF2_ENTRIES["Strings"].size :]
        found = texts.tobytes().split(b"\0")
        yield from (decoded(found[number - 1]) for number in numbers if 0 < number <= len(found))
