"""Files of a run that are no tables, writing and digest of a file, and commands on a folder as they are typed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

REPORT = Path("results", "report.html")
MANIFEST = Path("results", "manifest.json")
CRATE = Path("ro-crate-metadata.json")
"""Description of the experiment folder as an RO-Crate, whose root it marks by its place."""
CRATE_RUN = "#nernstfit-run"
"""Identifier of the run in it, by which the program knows its own."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield the place of a new file beside `path`, which takes its name when all is written and on the disk.

    A reader meets the file before or the whole new one, whenever the process, or the machine, ends.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    place = Path(path)
    new = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        yield new
        _on_disk(new)
        new.replace(place)
        if os.name != "nt":  # a folder cannot be opened there
            _on_disk(place.parent)
    finally:
        new.unlink(missing_ok=True)


def _on_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file as a whole."""
    with replacing(path) as new:
        new.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a file as a whole, in UTF-8 and with the text's own line ends."""
    write_bytes(path, text.encode())


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def typed(command: str, folder: Path, *options: str) -> str:
    """Return a command of the program on a folder as it is typed: a name with blanks is quoted."""
    return shlex.join(["nernstfit", command, str(folder), *options])
