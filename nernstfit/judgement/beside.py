"""Findings on recordings beside each other, before a run and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from nernstfit.contract.findings import Finding
from nernstfit.experiment.records import Row
from nernstfit.judgement import cells_of_one_name, same_recordings, unlike_recordings
from nernstfit.judgement.made import Made

_NONE: Mapping[str, float] = MappingProxyType({})


def findings(
    rows: Iterable[Row], used: Sequence[Made], raw_mV: Mapping[str, float] = _NONE, off_mV: Mapping[str, float] = _NONE
) -> Iterator[Finding]:
    """Yield recordings that are one, cells that are several, and recordings unlike the others of their cell.

    Parameters
    ----------
    rows : iterable of Row
    used : sequence of (row, what ingest knows of it)
    raw_mV, off_mV : mapping of str to float
        After a run, the potential of each measurement, and how far it lies off the fit beside the offset of its cell.
    """
    yield from same_recordings.findings(used)
    yield from cells_of_one_name.findings(rows, used, raw_mV)
    yield from unlike_recordings.findings(used, off_mV)
