"""Section on the cells, the measurements with their traces and I-V curves, and the noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from nernstfit.contract import tables
from nernstfit.contract.findings import named
from nernstfit.contract.frames import by_measurement
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.report import details
from nernstfit.report.blocks import Block, Cell, Grid, Heading, Link, Lookup, Text, grid
from nernstfit.report.numbers import decimals_for, fixed, potential_interval, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import cells, noise, opened

_PROSE = Prose("recordings")
Record = Mapping[Any, Any]
# Potentials with their titles; a column is left out where no row has a value.
_POTENTIALS = {**opened.STEPS, "corrected_mV": "corrected"}


def blocks(results: Results) -> Iterator[Block]:
    """Yield the quality of the cells, the measurements, and the noise."""
    yield from cells.blocks(results)
    yield Heading("Measurements")
    iv = results.tables["iv"]
    if results.has_imported_potentials:
        yield Text(_PROSE("imported"))
    else:
        introduction = "curves" if results.has_imported_curves else "introduction"
        yield Text(_PROSE(introduction if len(iv) else "no_curves"))
    yield _grid(results)
    yield from noise.blocks(results)


def _grid(results: Results) -> Grid:
    rows = results.measurements_by_cell
    pairs = [(row, max(1, decimals_for((row["high_mV"] - row["low_mV"]) / 2, 3))) for row in rows]
    columns: dict[str, list[Cell]] = {"measurement": [Link(row["measurement"], row["anchor"]) for row in rows]}
    if any(row["group"] for row in rows):
        columns["group"] = [row["group"] for row in rows]
    columns["cell"] = [Link(row["cell"], results.places["cell", named(row["group"], row["cell"])]) for row in rows]
    columns["bath"] = [row["bath"] for row in rows]
    columns["verdict"] = [PotentialVerdict(row["verdict"]).label for row in rows]
    if any(row["averaged"] > 1 for row in rows):
        columns["n cells"] = [fixed(row["averaged"], 0) for row in rows]
    known = [name for name in _POTENTIALS if any(row[name] == row[name] for row in rows)]
    columns |= {_POTENTIALS[name]: [fixed(row[name], d, sign=True) for row, d in pairs] for name in known}
    columns["SE"] = [significant(row["se_mV"], 2) for row in rows]
    columns["95 % interval"] = [potential_interval(row["low_mV"], row["high_mV"], d) for row, d in pairs]
    columns["residual"] = [fixed(row["residual_mV"], 2, sign=True) for row in rows]
    columns["slope, nS"] = [significant(row["slope_nS"]) for row in rows]
    columns["flags"] = [", ".join(Flag(name).label for name in _doubtful(row["flags"])) for row in rows]
    texts = {"measurement", "group", "cell", "bath", "verdict", "flags"}
    filters = tuple(name for name in ("group", "cell", "bath", "verdict", "flags") if name in columns)
    lookup = Lookup(filters, tuple(row["anchor"] for row in rows), _details(results))
    return grid(columns, texts, _PROSE("potentials"), lookup)


def _doubtful(flags: str) -> list[str]:
    """Return the flags but the series-resistance error, which each has, and which the table of cells shows."""
    return [name for name in tables.flags(flags) if name != Flag.RS_MAX_ERROR]


def _details(results: Results) -> tuple[str, ...]:
    """Return what the measurements show when they are opened."""
    names = [row["measurement"] for row in results.measurements_by_cell]
    return details.packed(names, _opened(results))


def _opened(results: Results) -> Iterator[tuple[str, Markup]]:
    """Yield what each measurement shows, those with traces first; those of one batch are in memory at a time."""
    curves = by_measurement(results.tables["iv"])
    rows = {row["measurement"]: row for row in results.measurements_by_cell}
    for traces in results.batches_of_traces():
        for name in traces:
            if row := rows.pop(name, None):
                yield name, opened.measurement(results, row, curves, traces)
    for name, row in rows.items():
        yield name, opened.measurement(results, row, curves, {})
