"""Sections of an ABF header as pyABF reads them.

pyABF is the reader of record: it opens the header and the sections of ABF2. What it does not read, or
misreads, is taken from the bytes by the table of fields in `layout`: texts (pyABF drops the micro sign, so
that uA would become A), user lists, sweep intervals, the holding level of ABF1 and the times of tags.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from nernstfit.abf import layout
from nernstfit.abf.layout import Bytes
from nernstfit.contract.errors import RecordingError

# Fields that pyABF has under their names but with another meaning or from another place.
_MISREAD = frozenset({"nULEnable", "nULParamToVary", "nULRepeat", "fEpisodeStartToStart"})
# Errors of pyABF on a header that fits its file and still makes no sense.
_PYABF_ERRORS = (struct.error, ValueError, IndexError, OverflowError)


class _Stream:
    """File-like access to the bytes of a file, which pyABF reads a field at a time."""

    def __init__(self, content: Bytes) -> None:
        self._content, self._place = content, 0

    def seek(self, place: int) -> None:
        self._place = place

    def read(self, count: int) -> bytes:
        found = self._content[self._place : self._place + count].tobytes()
        self._place += len(found)
        return found


def abf1_header(content: Bytes) -> SimpleNamespace:
    """Return the fields of an ABF1 header.

    Parameters
    ----------
    content : ndarray of uint8
        The whole file, checked.

    Raises
    ------
    RecordingError
        Where pyABF finds no sense in it; without the file's name.
    """
    from pyabf.abf1.headerV1 import HeaderV1  # noqa: PLC0415 - pyABF imports a plotting library

    return _merged(_opened(HeaderV1, content), layout.ABF1_HEADER.unpack(content))


def abf2_header(content: Bytes) -> SimpleNamespace:
    """Return the fields of the first block of an ABF2 file; parameters and errors as for `abf1_header`."""
    from pyabf.abf2.headerV2 import HeaderV2  # noqa: PLC0415 - as above

    return _merged(_opened(HeaderV2, content), layout.ABF2_HEADER.unpack(content))


def abf2_entries(content: Bytes, section: str) -> list[SimpleNamespace]:
    """Return the fields of every entry of a section of ABF2: Protocol, ADC, DAC or EpochPerDAC."""
    from pyabf.abf2.adcSection import ADCSection  # noqa: PLC0415 - as above
    from pyabf.abf2.dacSection import DACSection  # noqa: PLC0415
    from pyabf.abf2.epochPerDacSection import EpochPerDACSection  # noqa: PLC0415
    from pyabf.abf2.protocolSection import ProtocolSection  # noqa: PLC0415

    kinds = {"Protocol": ProtocolSection, "ADC": ADCSection, "DAC": DACSection, "EpochPerDAC": EpochPerDACSection}
    theirs, ours = _opened(kinds[section], content), layout.entries(content, section)
    if section == "Protocol":
        return [_merged(theirs, ours[0])]
    return [_merged(theirs, entry, i) for i, entry in enumerate(ours)]


def _opened(kind: Any, content: Bytes) -> Any:
    try:
        return kind(_Stream(content))
    except _PYABF_ERRORS as fault:
        raise RecordingError(f"its header is damaged or of an unknown kind ({' '.join(str(fault).split())})") from None


def _merged(theirs: Any, ours: SimpleNamespace, entry: int | None = None) -> SimpleNamespace:
    """Return the fields of a section: as pyABF reads them, from the bytes where it does not."""
    for name, value in vars(ours).items():
        read = getattr(theirs, name, None)
        read = read[entry] if entry is not None and isinstance(read, Sequence) else read
        if read is not None and name not in _MISREAD and not _is_text(value):
            setattr(ours, name, tuple(read) if isinstance(read, list) else read)
    return ours


def _is_text(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, tuple) and bool(value) and isinstance(value[0], bytes))
