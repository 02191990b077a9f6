"""Section on reversal potentials beside Nernst potentials."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from nernstfit.figures.nernst import draw_driving_forces, draw_slopes
from nernstfit.report.blocks import Block, Grid, Heading, Text, grid, picture
from nernstfit.report.numbers import decimals_for, fixed, signed_interval
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import joined

_PROSE = Prose("nernst")


def blocks(results: Results) -> Iterator[Block]:
    """Yield driving forces by ion and bath, and slopes against the activity in the bath."""
    of_measurement = results.reversals[["measurement", "group", "bath"]]
    rows = results.tables["thermodynamics"].merge(of_measurement, on="measurement")
    finite = rows[rows["driving_force_mV"].notna()]
    if len(finite) == 0:
        yield Text(_PROSE("none"))
    else:
        yield Text(_PROSE("driving_force"))
        yield picture(draw_driving_forces(finite, results.baths), _PROSE("figure"))
        without = [ion for ion in results.permeant if ion not in set(finite["ion"])]
        if without:
            yield Text(f"No finite Nernst potential in any bath: {joined(without)}.", "note")
        for name in results.groups:
            yield from heading(results, name)
            yield _grid(results, rows[rows["group"] == name])
    yield from _slopes(results)


def _grid(results: Results, rows: pd.DataFrame) -> Grid:
    medians = rows.groupby(["bath", "ion"])["driving_force_mV"].median().to_dict()
    baths = sorted(set(rows["bath"]))
    columns = {"bath": baths}
    for ion in results.ions_in(rows[rows["driving_force_mV"].notna()]):
        columns[ion] = [fixed(medians.get((bath, ion), math.nan), 1, sign=True) for bath in baths]
    return grid(columns, ["bath"], _PROSE("table"))


def _slopes(results: Results) -> Iterator[Block]:
    """Yield the slope of each ion beside the theoretical one."""
    yield Heading("Nernst slopes")
    rows = results.tables["nernst_slopes"]
    if len(rows) == 0:
        yield Text("There is no slope: no row is a reversal.")
        return
    yield Text(_PROSE("slopes"))
    points = _points(results)
    if len(points):
        yield picture(draw_slopes(points, _lines(points, rows), results.baths), _PROSE("slope_figure"))
    if rows["slope_mV_per_decade"].isna().any():
        yield Text("No slope where the bath had only one activity of the ion.", "note")
    yield _slope_grid(results, rows)


def _slope_grid(results: Results, rows: pd.DataFrame) -> Grid:
    columns: dict[str, list[str]] = {}
    if len(results.groups) > 1:
        columns["group"] = list(rows["group"])
    half = ((rows["high"] - rows["low"]) / 2).to_list()
    decimals = [decimals_for(value, 2) if math.isfinite(value) else 1 for value in half]
    columns |= {
        "ion": list(rows["ion"]),
        "n measurements": [fixed(value, 0) for value in rows["n"]],
        "slope, mV per decade": _signed(rows["slope_mV_per_decade"], decimals),
        f"{results.confidence} interval": [
            signed_interval(low, high, d) for low, high, d in zip(rows["low"], rows["high"], decimals, strict=True)
        ],
        "Nernst, mV per decade": _signed(rows["theoretical_mV_per_decade"], [1] * len(rows)),
    }
    return grid(columns, ["group", "ion"])


def _signed(values: Iterable[float], decimals: Iterable[int]) -> list[str]:
    return [fixed(value, d, sign=True) for value, d in zip(values, decimals, strict=True)]


def _points(results: Results) -> pd.DataFrame:
    """Return potentials with the activity of each permeant ion that was present at two activities or more."""
    activity = results.tables["solutions"].rename(columns={"solution": "bath"})
    activity = activity[activity["ion"].isin(results.permeant)][["bath", "temperature_C", "ion", "activity_mM"]]
    found = results.found.assign(cell=results.cell_names(results.found))
    points = found.merge(activity, on=["bath", "temperature_C"])
    points = points[points["activity_mM"] > 0]
    rounded = points.assign(rounded=points["activity_mM"].round(9))
    activities = rounded.groupby(["group", "ion"])["rounded"].transform("nunique")
    return points[activities > 1][["group", "ion", "cell", "bath", "activity_mM", "corrected_mV"]]


def _lines(points: pd.DataFrame, slopes: pd.DataFrame) -> pd.DataFrame:
    """Return the two ends of the fitted and of the Nernst slope through the mean of each group's points."""
    known = slopes.set_index(["group", "ion"])
    lines = []
    for (group, ion), part in points.groupby(["group", "ion"]):
        x = part["activity_mM"].map(math.log10)
        for kind, column in (("fitted", "slope_mV_per_decade"), ("Nernst", "theoretical_mV_per_decade")):
            slope = float(known.loc[(group, ion), column])
            if math.isnan(slope):
                continue
            for end in (float(x.min()), float(x.max())):
                potential = float(part["corrected_mV"].mean()) + slope * (end - float(x.mean()))
                line = {"group": group, "ion": ion, "kind": kind, "line": f"{kind} {group}", "activity_mM": 10**end}
                lines.append(line | {"corrected_mV": potential})
    return pd.DataFrame(lines)
