"""Content of a file as it was at one time: read once, hashed as read, and never looked up again.

A mapped file would change under the reader where another program writes to it, and end the process where it becomes
shorter. So a file is read into memory in one go, and one that changes meanwhile is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nernstfit.abf.layout import Bytes
from nernstfit.contract.errors import RecordingError

# Largest file that is read, in bytes: it bounds the memory of a job, which holds up to three files at a time. At half,
# a recording of an hour from several channels at a high rate would be refused; at double, two such files fill the
# memory of a common computer.
_MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, eq=False)
class Content:
    """Bytes of a file, read-only, and their SHA-256."""

    data: Bytes
    sha256: str


def load(path: Path) -> Content:
    """Read a whole file.

    Raises
    ------
    RecordingError
        If it cannot be opened, is empty or too large, or changes while it is read; without the file's name.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            before = os.fstat(stream.fileno())
            if before.st_size > _MAX_BYTES:
                raise RecordingError(f"has {before.st_size / 1e9:.1f} GB; files up to {_MAX_BYTES / 1e9:g} GB are read")
            data = _all_of(stream)
            after = os.fstat(stream.fileno())
    except OSError as fault:
        raise RecordingError(f"cannot be opened ({fault.strerror})") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise RecordingError("changed while it was being read")
    if not data:
        raise RecordingError("cannot be opened (it is empty)")
    return Content(np.frombuffer(data, dtype=np.uint8), hashlib.sha256(data).hexdigest())


def _all_of(stream: io.FileIO) -> bytes:
    return stream.readall()
