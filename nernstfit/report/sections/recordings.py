"""Section on the recordings and I-V curves, by cell."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nernstfit.contract.findings import named
from nernstfit.contract.frames import Columns, by_measurement
from nernstfit.contract.remarks import Flag
from nernstfit.contract.severity import About
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.figures.recordings import measurements_drawn
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Fold, Grid, Listing, Picture, Text, grid
from nernstfit.report.numbers import MISSING, decimals_for, fixed, potential_interval, significant, typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import noise
from nernstfit.report.wording import counted

# Most measurements whose traces are drawn, and whose figures are files beside the page: some 15 kB of SVG each, so that
# 60 keep the page near 1 MB, and 25 ms for each in its PNG. Twice as many double both; half as many leave out traces of
# an ordinary experiment.
MAX_TRACED = 60
# Most measurements in one figure: a taller one takes the renderer longer than two shorter ones, and leaves no place
# for a page break in print; half as many repeat the axis titles more often.
MAX_ROWS_PER_FIGURE = 6
_PROSE = Prose("recordings")
Record = Mapping[Any, Any]
_POTENTIALS = {
    "raw_mV": "raw",
    "leak_shift_mV": "leak",
    "rs_shift_mV": "series R",
    "junction_mV": "junction",
    "corrected_mV": "corrected",
}


def blocks(results: Results) -> Iterator[Block]:
    """Yield traces, I-V curves and potentials of each cell, then the noise."""
    iv = results.tables["iv"]
    if results.has_imported_potentials:
        yield Text(_PROSE("imported"))
    else:
        introduction = "curves" if results.has_imported_curves else "introduction"
        yield Text(_PROSE(introduction if len(iv) else "no_curves"))
    cells, curves = _by_cell(results), by_measurement(iv)
    measured = [row["measurement"] for rows in cells for row in rows if row["measurement"] in curves]
    if len(measured) > MAX_TRACED and not results.has_imported_curves:
        yield Text(_PROSE("traces_omitted", shown=MAX_TRACED, total=len(measured)), "note")
    yield from _folds(results, cells, curves, measured[:MAX_TRACED])
    yield from noise.blocks(results)


def _by_cell(results: Results) -> list[list[Record]]:
    """Return the rows of reversal_potentials.csv cell by cell, with `cell_name` and the number of cells `averaged`."""
    rows = results.reversals
    rows = rows.assign(cell_name=results.cell_names(rows), averaged=results.cells_averaged(rows))
    records = rows.sort_values(["group", "cell", "measurement"], kind="stable").to_dict("records")
    return [list(own) for _, own in itertools.groupby(records, key=lambda row: (row["group"], row["cell"]))]


def _folds(
    results: Results, cells: Iterable[Sequence[Record]], curves: Mapping[str, Columns], traced: Sequence[str]
) -> Iterator[Fold]:
    """Yield one fold per cell, the first open; figures are numbered through all cells."""
    number, traces = 0, results.traces_of(traced)
    for place, rows in enumerate(cells):
        content: list[Block] = []
        drawn = [row for row in rows if row["measurement"] in curves]
        for start in range(0, len(drawn), MAX_ROWS_PER_FIGURE):
            number += 1
            shown = drawn[start : start + MAX_ROWS_PER_FIGURE]
            drawing = measurements_drawn(f"measurements_{number:03d}", shown, curves, traces)
            is_file = any(row["measurement"] in traced for row in shown)
            content.append(Picture(drawing, "", is_file))
        content += _potentials(rows)
        content += findings.texts(results, About.MEASUREMENT, {row["measurement"] for row in rows})
        content += findings.texts(results, About.CELL, {named(rows[0]["group"], rows[0]["cell"])})
        n = sum(row["verdict"] == PotentialVerdict.REVERSAL for row in rows)
        potentials, measurements = counted(n, "reversal potential"), counted(len(rows), "measurement")
        title = f"Cell {rows[0]['cell_name']}: {potentials} from {measurements}"
        yield Fold(title, tuple(content), is_open=place == 0)


def _potentials(rows: Sequence[Record]) -> Iterator[Block]:
    """Yield the potentials of one cell and the meaning of their flags."""
    yield _potential_grid(rows)
    flags = dict.fromkeys(part.split("=")[0] for row in rows for part in row["flags"].split(";") if part)
    if flags:
        yield Listing(tuple(f"{Flag(name).label} ({name} in the tables): {Flag(name).sentence}" for name in flags))


def _potential_grid(records: Sequence[Record]) -> Grid:
    decimals = [max(1, decimals_for((row["high_mV"] - row["low_mV"]) / 2, 3)) for row in records]
    pairs = list(zip(records, decimals, strict=True))
    columns = {"measurement": [row["measurement"] for row in records], "bath": [row["bath"] for row in records]}
    if any(row["verdict"] != PotentialVerdict.REVERSAL for row in records):
        columns["verdict"] = [PotentialVerdict(row["verdict"]).label for row in records]
    if any(row["averaged"] > 1 for row in records):
        columns["n cells"] = [fixed(row["averaged"], 0) for row in records]
    for name, title in _POTENTIALS.items():
        columns[title] = [fixed(row[name], d, sign=True) for row, d in pairs]
    columns["SE"] = [significant(row["se_mV"], 2) for row in records]
    columns["95 % interval"] = [potential_interval(row["low_mV"], row["high_mV"], d) for row, d in pairs]
    columns["slope, nS"] = [significant(row["slope_nS"]) for row in records]
    columns["flags"] = [_flag_values(row["flags"]) for row in records]
    return grid(columns, ["measurement", "bath", "verdict", "flags"], _PROSE("potentials"))


def _flag_values(flags: str) -> str:
    """Write flags in words, with their values and units."""
    return "; ".join(_flag_value(*part.partition("=")[::2]) for part in flags.split(";") if part) or MISSING


def _flag_value(name: str, value: str) -> str:
    """Write one flag: `series-resistance error 1.2 mV`."""
    flag = Flag(name)
    unit = re.search(r", (mV|pA|pF|ms|nS|Hz)\b", flag.sentence)
    shown = "" if value == "true" else f" {value} {unit[1]}" if unit else f" {value}"
    return f"{flag.label}{typeset(shown)}".replace(" ", "\u00a0")
