"""Noise of the recordings beside its thermal lower bound, within the section on the recordings."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.contract.terms import BandwidthSource
from nernstfit.report.blocks import Block, Cell, Fold, Heading, Link, Lookup, Text, grid
from nernstfit.report.numbers import as_given, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import counted

_PROSE = Prose("noise")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the noise of each recording beside the smallest that its slope conductance allows."""
    of_measurement = results.reversals[["measurement", "cell", "group", "slope_nS"]]
    rows = results.tables["thermodynamics"].drop_duplicates("measurement").merge(of_measurement, on="measurement")
    rows = rows[rows["noise_ratio"].notna()]
    if len(rows) == 0:
        return
    ratios = rows["noise_ratio"]
    yield Heading("Noise")
    median, low, high = (significant(value, 2) for value in (ratios.median(), ratios.min(), ratios.max()))
    yield Text(_PROSE("introduction", median=median, low=low, high=high))
    columns: dict[str, list[Cell]] = {
        "measurement": [Link(name, results.places["measurement", name]) for name in rows["measurement"]],
        "cell": list(results.cell_names(rows)),
        "noise, pA": [significant(value) for value in rows["noise_pA"]],
        "slope, nS": [significant(value) for value in rows["slope_nS"]],
        "bandwidth, Hz": [as_given(value) for value in rows["bandwidth_Hz"]],
        "bandwidth source": [BandwidthSource(name).label for name in rows["bandwidth_source"]],
        "thermal bound, pA": [significant(value) for value in rows["thermal_noise_pA"]],
        "noise / bound": [significant(value, 2) for value in ratios],
    }
    table = grid(columns, ["measurement", "cell", "bandwidth source"], lookup=Lookup())
    yield Fold(f"Noise of {counted(len(rows), 'measurement')}", (table,))
