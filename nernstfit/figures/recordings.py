"""Figures of recordings: current traces, I-V curves, and whole sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.figures import elements
from nernstfit.figures.render import Figure, Panel, Row
from nernstfit.figures.theme import ACCENT, FAINT, LEVELS

# Most sweeps drawn of one recording, spread evenly: more overlap in a panel of 130 px; half as many miss the shape of
# the I-V curve. Twice as many double the size of the report's traces.
MAX_SWEEPS = 7
# Most points drawn of one I-V curve: a panel of 280 px shows no more; twice as many double the SVG of a ramp, half as
# many are still closer than a symbol.
MAX_LEVELS = 120
# Most bins drawn of one sweep, each with its lowest and highest sample: two pixels a bin in a panel of 330 px; twice as
# many double the SVG, half as many show steps in a decaying current.
MAX_BINS = 160
# Two-sided 95 % quantile of the normal distribution, for the error bars of a current.
_NORMAL_95 = 1.959964
_CURRENT_AXIS = alt.Axis(tickCount=5, minExtent=46)


def draw_measurements(name: str, rows: pd.DataFrame, iv: pd.DataFrame, traces: pd.DataFrame) -> Figure:
    """Draw measurements one below the other: current traces on the left, the I-V curve on the right.

    Parameters
    ----------
    name : str
        Name of the figure.
    rows : DataFrame
        Rows of reversal_potentials.csv that have an I-V curve, at least one.
    iv : DataFrame
        Rows of iv.csv.
    traces : DataFrame
        As ingest writes them; measurements without any show the I-V curve alone.

    Returns
    -------
    Figure
    """
    data: dict[str, pd.DataFrame] = {"zero": elements.ZERO}
    shown: list[Row] = []
    curves, bands = dict(list(iv.groupby("measurement"))), dict(list(traces.groupby("measurement")))
    for number, row in enumerate(rows.to_dict("records")):
        curve = curves[row["measurement"]]
        panels: list[Panel] = []
        if row["measurement"] in bands:
            panels.append(_trace_panel(f"{number}", bands[row["measurement"]], curve, data))
        panels.append(_iv_panel(f"{number}", row, curve, data))
        verdict = PotentialVerdict(row["verdict"])
        suffix = "" if verdict is PotentialVerdict.REVERSAL else f" — {verdict.label}"
        # A recording that is measured by itself has no bath.
        name_of = [row["bath"], row["measurement"]] if row["bath"] else [row["measurement"], ""]
        title = alt.Title(text=f"{name_of[0]}{suffix}", subtitle=name_of[1])
        shown.append(Row(tuple(panels), title, spacing=26))
    return Figure(name, tuple(shown), data)


def draw_sweeps(traces: pd.DataFrame) -> Figure:
    """Draw whole sweeps of one recording: current above, command below.

    Parameters
    ----------
    traces : DataFrame
        Columns measurement, sweep, t_ms, command_mV, low_pA, high_pA.

    Returns
    -------
    Figure
    """
    x = alt.X("t_ms:Q", title="time, ms", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=8))
    colours = alt.Scale(range=list(LEVELS), interpolate="rgb")
    shown = sorted(set(traces["sweep"].tolist()))
    legend = alt.Legend(title="sweep", type="symbol", values=shown, symbolType="square", format="d")
    chart = elements.rows_named("course")
    current = chart.mark_area(strokeWidth=0.7).encode(
        x=x,
        y=alt.Y("low_pA:Q", title="current, pA", axis=_CURRENT_AXIS),
        y2=alt.Y2("high_pA:Q"),
        detail=alt.Detail("sweep:N"),
        fill=alt.Fill("sweep:Q", scale=colours, legend=legend),
        stroke=alt.Stroke("sweep:Q", scale=colours, legend=None),
    )
    command = chart.mark_line(interpolate="step-after", strokeWidth=1.2).encode(
        x=x,
        y=alt.Y("command_mV:Q", title="command, mV", scale=alt.Scale(zero=False)),
        color=alt.Color("sweep:Q", scale=colours, legend=None),
        detail=alt.Detail("sweep:N"),
    )
    title = alt.Title(str(traces["measurement"].iloc[0]))
    charts = (current.properties(width=640, height=240, title=title), command.properties(width=640, height=140))
    return Figure("recording", charts, {"course": traces})


def _trace_panel(number: str, traces: pd.DataFrame, iv: pd.DataFrame, data: dict[str, pd.DataFrame]) -> Panel:
    """Draw the current of some sweeps against time, and enter its rows in `data`."""
    shown = _binned(_selected_sweeps(traces))
    start, stop = float(traces["from_ms"].iloc[0]), float(traces["to_ms"].iloc[0])
    least, most = _current_range_pA(shown, iv)
    # Clipped here, not by a clip path, which takes most of the time in drawing a PNG.
    shown = shown.assign(low_pA=shown["low_pA"].clip(least, most), high_pA=shown["high_pA"].clip(least, most))
    data[f"traces_{number}"] = shown[["sweep", "t_ms", "low_pA", "high_pA", "level_mV"]]
    data[f"window_{number}"] = pd.DataFrame({"from_ms": [start], "to_ms": [stop]})
    x = alt.X("t_ms:Q", title="time, ms", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=6))
    y = alt.Y("low_pA:Q", title="current, pA", scale=alt.Scale(domain=[least, most], nice=False), axis=_CURRENT_AXIS)
    window, bands = elements.rows_named(f"window_{number}"), elements.rows_named(f"traces_{number}")
    charts = (
        window.mark_rect(color="#eef0f3").encode(x=alt.X("from_ms:Q"), x2=alt.X2("to_ms:Q")),
        elements.zero_line("y"),
        bands.mark_area(strokeWidth=0.7).encode(
            x=x,
            y=y,
            y2=alt.Y2("high_pA:Q"),
            detail=alt.Detail("sweep:N"),
            fill=alt.Fill("level_mV:Q", scale=elements.level_colours(iv), legend=None),
            stroke=alt.Stroke("level_mV:Q", scale=elements.level_colours(iv), legend=None),
        ),
    )
    return Panel(charts, width=330, height=130)


def _iv_panel(number: str, row: Mapping[Any, Any], iv: pd.DataFrame, data: dict[str, pd.DataFrame]) -> Panel:
    """Draw the current against the voltage with the reversal potential, and enter its rows in `data`."""
    iv = iv.iloc[:: -(-len(iv) // MAX_LEVELS)]  # a ramp has hundreds of levels
    half = _NORMAL_95 * iv["se_pA"]
    data[f"iv_{number}"] = iv[["voltage_mV", "current_pA", "command_mV"]].assign(
        low_pA=iv["current_pA"] - half, high_pA=iv["current_pA"] + half
    )
    at = [row["reversal_mV"]] if row["verdict"] == PotentialVerdict.REVERSAL else []
    data[f"zero_{number}"] = pd.DataFrame({"reversal_mV": at, "current_pA": [0.0] * len(at)})
    x = alt.X("voltage_mV:Q", title="voltage, mV", scale=alt.Scale(nice=False, padding=6), axis=alt.Axis(tickCount=6))
    y = alt.Y("current_pA:Q", title="current, pA", scale=alt.Scale(nice=False, padding=8), axis=_CURRENT_AXIS)
    curve, zero = elements.rows_named(f"iv_{number}"), elements.rows_named(f"zero_{number}")
    colour = alt.Color("command_mV:Q", scale=elements.level_colours(iv), legend=None)
    charts = (
        elements.zero_line("x"),
        elements.zero_line("y"),
        zero.mark_rule(color=ACCENT, strokeWidth=1.2, strokeDash=[4, 3]).encode(x=alt.X("reversal_mV:Q")),
        curve.mark_line(color=FAINT, strokeWidth=1.2).encode(x=x, y=y),
        curve.mark_rule(strokeWidth=1.2).encode(x=x, y=alt.Y("low_pA:Q"), y2=alt.Y2("high_pA:Q"), color=colour),
        curve.mark_point(filled=True, size=22, opacity=1).encode(x=x, y=y, color=colour),
        zero.mark_point(size=60, strokeWidth=1.6, color=ACCENT, opacity=1).encode(x=alt.X("reversal_mV:Q"), y=y),
    )
    return Panel(charts, width=280, height=130)


def _selected_sweeps(traces: pd.DataFrame) -> pd.DataFrame:
    """Select at most MAX_SWEEPS sweeps, spread evenly."""
    sweeps = np.unique(traces["sweep"])
    at = np.unique(np.linspace(0, len(sweeps) - 1, min(MAX_SWEEPS, len(sweeps))).round().astype(int))
    return traces[traces["sweep"].isin(sweeps[at])]


def _binned(traces: pd.DataFrame) -> pd.DataFrame:
    """Pool samples into at most MAX_BINS bins a sweep; `level_mV` is the command in the middle of the window."""
    ordered = traces.sort_values(["sweep", "t_ms"], kind="stable")
    sweeps = ordered.groupby("sweep")
    pooled = -(-sweeps["t_ms"].transform("size") // MAX_BINS)
    bins = ordered.assign(bin=sweeps.cumcount() // pooled).groupby(["sweep", "bin"], as_index=False)
    thin = bins.agg(t_ms=("t_ms", "mean"), low_pA=("low_pA", "min"), high_pA=("high_pA", "max"))
    middle = (ordered["from_ms"] + ordered["to_ms"]) / 2
    nearest = ordered.loc[(ordered["t_ms"] - middle).abs().groupby(ordered["sweep"]).idxmin()]
    return thin.assign(level_mV=thin["sweep"].map(nearest.set_index("sweep")["command_mV"]))


def _current_range_pA(traces: pd.DataFrame, iv: pd.DataFrame) -> tuple[float, float]:
    """Return the range of the current axis: that of the I-V curve and a margin, so that transients are cut off."""
    low, high = min(float(iv["current_pA"].min()), 0.0), max(float(iv["current_pA"].max()), 0.0)
    more = max(0.25 * (high - low), float((traces["high_pA"] - traces["low_pA"]).median()), 1e-6)
    return low - more, high + more
