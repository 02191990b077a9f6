"""Section on the recordings and I-V curves, by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.findings import named
from nernstfit.contract.remarks import Flag
from nernstfit.contract.severity import About
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.figures.recordings import draw_measurements
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Fold, Grid, Listing, Picture, Text, grid
from nernstfit.report.numbers import MISSING, decimals_for, fixed, potential_interval, significant, typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import noise
from nernstfit.report.wording import counted

# Most measurements whose traces are drawn: some 15 kB of SVG each, so that 60 keep the page near 1 MB. Twice as many
# double it; half as many leave out traces of an ordinary experiment.
MAX_TRACED = 60
# Most measurements in one figure: a taller one takes the renderer longer than two shorter ones, and leaves no place
# for a page break in print; half as many repeat the axis titles more often.
MAX_ROWS_PER_FIGURE = 6
_PROSE = Prose("recordings")
_POTENTIALS = {
    "raw_mV": "raw",
    "leak_shift_mV": "leak",
    "rs_shift_mV": "series R",
    "junction_mV": "junction",
    "corrected_mV": "corrected",
}


def blocks(results: Results) -> Iterator[Block]:
    """Yield traces, I-V curves and potentials of each cell, then the noise."""
    rows = results.reversals.assign(cell_name=results.cell_names(results.reversals))
    rows = rows.sort_values(["group", "cell", "measurement"], kind="stable")
    iv = results.tables["iv"]
    if results.has_imported_potentials:
        yield Text(_PROSE("imported"))
    else:
        introduction = "curves" if results.has_imported_curves else "introduction"
        yield Text(_PROSE(introduction if len(iv) else "no_curves"))
    measured = rows[rows["measurement"].isin(set(iv["measurement"]))]
    if len(measured) > MAX_TRACED and not results.has_imported_curves:
        yield Text(_PROSE("traces_omitted", shown=MAX_TRACED, total=len(measured)), "note")
    with_traces = set(measured["measurement"].head(MAX_TRACED))
    traces = results.traces[results.traces["measurement"].isin(with_traces)]
    yield from _cells(results, rows, set(measured["measurement"]), traces)
    yield from noise.blocks(results)


def _cells(results: Results, rows: pd.DataFrame, measured: set[str], traces: pd.DataFrame) -> Iterator[Fold]:
    """Yield one fold per cell, the first open; figures are numbered through all cells."""
    number = 0
    for place, (_, part) in enumerate(rows.groupby(["group", "cell"], sort=True)):
        content: list[Block] = []
        curves = part[part["measurement"].isin(measured)]
        for start in range(0, len(curves), MAX_ROWS_PER_FIGURE):
            number += 1
            content.append(_figure(results, number, curves.iloc[start : start + MAX_ROWS_PER_FIGURE], traces))
        content += _potentials(results, part)
        content += findings.texts(results, About.MEASUREMENT, set(part["measurement"]))
        content += findings.texts(results, About.CELL, {named(part["group"].iloc[0], part["cell"].iloc[0])})
        n = int((part["verdict"] == PotentialVerdict.REVERSAL).sum())
        potentials, measurements = counted(n, "reversal potential"), counted(len(part), "measurement")
        title = f"Cell {part['cell_name'].iloc[0]}: {potentials} from {measurements}"
        yield Fold(title, tuple(content), is_open=place == 0)


def _figure(results: Results, number: int, rows: pd.DataFrame, traces: pd.DataFrame) -> Picture:
    names, iv = set(rows["measurement"]), results.tables["iv"]
    own_iv, own_traces = iv[iv["measurement"].isin(names)], traces[traces["measurement"].isin(names)]
    return Picture(draw_measurements(f"measurements_{number:03d}", rows, own_iv, own_traces), "")


def _potentials(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    """Yield the potentials of one cell and the meaning of their flags."""
    yield _potential_grid(results, rows)
    flags = dict.fromkeys(part.split("=")[0] for flags in rows["flags"] for part in flags.split(";") if part)
    if flags:
        yield Listing(tuple(f"{Flag(name).label} ({name} in the tables): {Flag(name).sentence}" for name in flags))


def _potential_grid(results: Results, rows: pd.DataFrame) -> Grid:
    records = rows.to_dict("records")
    decimals = [max(1, decimals_for((row["high_mV"] - row["low_mV"]) / 2, 3)) for row in records]
    pairs = list(zip(records, decimals, strict=True))
    columns = {"measurement": [row["measurement"] for row in records], "bath": [row["bath"] for row in records]}
    if (rows["verdict"] != PotentialVerdict.REVERSAL).any():
        columns["verdict"] = [PotentialVerdict(row["verdict"]).label for row in records]
    averaged = results.cells_averaged(rows)
    if (averaged > 1).any():
        columns["n cells"] = [fixed(value, 0) for value in averaged]
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
