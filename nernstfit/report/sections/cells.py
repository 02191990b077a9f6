"""Quality of each cell: series resistance, leak, drift, offset and potentials, within the section on measurements."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.contract.findings import named
from nernstfit.contract.remarks import Flag
from nernstfit.contract.severity import About, Severity
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.report.blocks import Block, Grid, Heading, Lookup, grid
from nernstfit.report.numbers import MISSING, fixed, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results

# Baths up to which each has a column: more are wider than a page, half as many leave out those of an ordinary
# experiment. The potentials of all stand in the table of measurements.
_MAX_BATHS = 8
_PROSE = Prose("recordings")
Record = Mapping[Any, Any]


def blocks(results: Results) -> Iterator[Block]:
    """Yield one row for each cell."""
    yield Heading("Cells")
    yield _grid(results)


def _grid(results: Results) -> Grid:
    rows = results.measurements_by_cell
    cells = [list(own) for _, own in itertools.groupby(rows, key=lambda row: (row["group"], row["cell"]))]
    baths = sorted({row["bath"] for row in rows})
    columns: dict[str, list[str]] = {"cell": [own[0]["cell"] for own in cells]}
    if any(own[0]["group"] for own in cells):
        columns = {"group": [own[0]["group"] for own in cells]} | columns
    columns["potentials"] = [f"{sum(map(_is_found, own))} of {len(own)}" for own in cells]
    series = dict(zip(results.procedures["measurement"], results.procedures["series_MOhm"], strict=True))
    numbers = {
        "series resistance, M\N{GREEK CAPITAL LETTER OMEGA}": [_largest(_series(series, own)) for own in cells],
        "its error, mV": [_largest(_flagged(own, Flag.RS_MAX_ERROR)) for own in cells],
        "leak, mV": [_largest(row["leak_shift_mV"] for row in own) for own in cells],
        "drift, mV": [_largest(row["drift_mV"] for row in own) for own in cells],
        "offset, mV": [_largest(row["offset_mV"] for row in own) for own in cells],
    }
    columns |= {title: values for title, values in numbers.items() if any(value != MISSING for value in values)}
    texts = {"group", "cell", "potentials", "passed"}
    if len(baths) <= _MAX_BATHS:
        columns |= {f"{bath}, mV": [_potential(own, bath) for own in cells] for bath in baths}
    columns["passed"] = ["; ".join(_doubts(results, own)) or "yes" for own in cells]
    places = [results.places["cell", named(own[0]["group"], own[0]["cell"])] for own in cells]
    lookup = Lookup(tuple({"group"} & columns.keys()), tuple(places))
    return grid(columns, texts, _PROSE("cells", has_baths=len(baths) <= _MAX_BATHS), lookup)


def _is_found(row: Record) -> bool:
    return bool(row["verdict"] == PotentialVerdict.REVERSAL)


def _series(series: Mapping[str, float], rows: Iterable[Record]) -> list[float]:
    return [series.get(row["measurement"], math.nan) for row in rows]


def _flagged(rows: Iterable[Record], flag: Flag) -> list[float]:
    return [tables.flags(row["flags"]).get(flag, math.nan) for row in rows]


def _largest(values: Iterable[float]) -> str:
    """Write the value of largest size, with its sign; a dash where there is none."""
    known = [value for value in values if not math.isnan(value)]
    return significant(max(known, key=abs), 2) if known else MISSING


def _potential(rows: Iterable[Record], bath: str) -> str:
    """Write the mean corrected potential in one bath; the verdict where there is none, a dash without a recording."""
    own = [row for row in rows if row["bath"] == bath]
    found = [row["corrected_mV"] for row in own if _is_found(row)]
    if found:
        return fixed(sum(found) / len(found), 1)
    return PotentialVerdict(own[0]["verdict"]).label if own else MISSING


def _doubts(results: Results, rows: Sequence[Record]) -> Iterator[str]:
    """Yield what speaks against a cell: verdicts other than a reversal potential, and errors and warnings."""
    without = [row for row in rows if not _is_found(row)]
    yield from dict.fromkeys(f"{row['bath']}: {PotentialVerdict(row['verdict']).label}" for row in without)
    keys = [(About.CELL, named(rows[0]["group"], rows[0]["cell"]))]
    keys += [(About.MEASUREMENT, row["measurement"]) for row in rows if _is_found(row)]
    found = [each for key in keys for _, each in results.findings_by_subject.get(key, ())]
    from_warnings = (each for each in found if each["severity"] != Severity.NOTE)
    yield from dict.fromkeys(f"{each['severity']}: {Code(each['code']).label}" for each in from_warnings)
