"""Files of a run that are no tables, the digest of a file, and commands on a folder as they are typed."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

REPORT = Path("results", "report.html")
MANIFEST = Path("results", "manifest.json")
CRATE = Path("ro-crate-metadata.json")
"""Description of the experiment folder as an RO-Crate, whose root it marks by its place."""
CRATE_RUN = "#nernstfit-run"
"""Identifier of the run in it, by which the program knows its own."""


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
