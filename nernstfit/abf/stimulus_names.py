"""Names of the stimulus files that recordings refer to, from a few bytes of each header.

The workflow asks for them of every recording before it starts, when reading the recordings would take too long.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nernstfit.abf import layout
from nernstfit.abf.texts import decoded, file_name, text_of


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
            content = np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
        return {file_name(text) for text in _paths(content)} - {""}
    except (OSError, ValueError, struct.error):  # the reader of the recording gives the reason
        return set()


def _paths(content: layout.Bytes) -> Iterator[str]:
    """Yield the paths of stimulus files in a header; one of 2 kB has none."""
    signature, header = bytes(content[:4]), layout.ABF1_HEADER
    if signature == layout.ABF2_SIGNATURE:
        yield from _abf2_paths(content)
    elif signature == layout.ABF1_SIGNATURE and header.get(content, "lDataSectionPtr") * layout.BLOCK >= header.size:
        yield from map(text_of, header.get(content, "sDACFilePath"))


def _abf2_paths(content: layout.Bytes) -> Iterator[str]:
    outputs, strings = layout.extent(content, "DAC"), layout.extent(content, "Strings")
    entry = layout.ABF2_ENTRIES["DAC"]
    count = min(outputs.entries, content.size // max(outputs.entry_bytes, entry.used_bytes))
    starts = (outputs.start + i * outputs.entry_bytes for i in range(count))
    numbers = {entry.get(content, "lDACFilePathIndex", start) for start in starts} - {0}
    if numbers:
        start = strings.start + layout.ABF2_ENTRIES["Strings"].size
        texts = content[start : strings.start + strings.entry_bytes].tobytes().split(b"\0")
        yield from (decoded(texts[number - 1]) for number in numbers if 0 < number <= len(texts))
