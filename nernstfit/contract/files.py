"""Files of a run that are no tables, and the digest of a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

REPORT = Path("results", "report.html")
MANIFEST = Path("results", "manifest.json")


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    OSError
        Where it cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
