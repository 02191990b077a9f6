"""Kinds of files that are found in place of recordings, told by their first bytes."""

from __future__ import annotations

import re

# First bytes of files, each as the program that writes it documents them, or as it writes them.
_SIGNATURES = {
    b"ATF": "an Axon text file (ATF)",
    b"DAT[12A]": "a file of PatchMaster",
    b"VER=": "a file of WinWCP",
    b"\x89HDF": "HDF5, such as NWB",
    b"MATLAB": "a file of MATLAB",
    b"PK\x03\x04": "a ZIP archive or a workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "a workbook or document of an older office program",
    b"\x89PNG": "a picture (PNG)",
    b"%PDF": "a PDF",
    b"\x00{4}": "bytes of zero, as of a copy that was broken off",
}
# Bytes that are looked at, and letters that are shown of them. At half a text with a long first word is shown without
# the second; double shows more than a cell of a table has room for.
_LOOKED_AT, _SHOWN = 64, 24


def seeming(content: bytes) -> str:
    """Return what a file seems to be that is no ABF file, in words; '' where its first bytes do not tell.

    Parameters
    ----------
    content : bytes
        The beginning of the file.
    """
    start = content[:_LOOKED_AT]
    for signature, kind in _SIGNATURES.items():
        if re.match(signature, start):
            return kind
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="ignore")
    is_text = bool(text.strip()) and all(sign.isprintable() or sign in "\t\r\n" for sign in text)
    line = text.strip().partition("\n")[0]
    # Other signs would be taken for those that structure the reasons in tables.
    shown = re.sub(r"[^\w ,.=/+-]", " ", line[:_SHOWN]).strip()
    return f"text, '{shown}'" if is_text else ""
