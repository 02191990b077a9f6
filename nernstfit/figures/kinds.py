"""The report's figures: from tables to charts, and from a chart to SVG and PNG.

A chart names its data, and `Figure` carries the rows beside it: nothing in a specification
depends on a hash, a counter or the order in which figures are made. Colours, fonts and line
widths are set here once, in `THEME`. The renderer brings Liberation Sans along and looks for no
other font: a PNG has the same bytes whatever fonts a machine has (where fontconfig finds them, as on
Linux; on other systems the renderer goes to their folders by itself).
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from nernstfit.contract import tables

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart | alt.FacetChart

INK, SOFT, FAINT, ACCENT = "#26292e", "#6b7280", "#d5d8dd", "#b3382c"
# Okabe & Ito's palette, which readers with any colour vision tell apart, then darker shades of it.
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#5b4a8a", "#7a5c00", "#004c3f", "#8c2d04", "#999999", "#000000"),
)
LEVELS = ("#1d3f72", "#6a4c93", "#b5497b", "#e0693f", "#e9a13b")
# Where an error comes from: what differs from cell to cell in cold colours, what all cells share in warm ones.
SHARES: Mapping[str, tuple[str, str]] = {
    "noise": ("noise of measurements", "#9fc5e0"),
    "cells": ("differences of cells", "#0072b2"),
    "batch": ("differences of batches", "#1d3f72"),
    "offset": ("electrode offsets", "#009e73"),
    "junction": ("mobilities, junction equation", "#d55e00"),
    "activity": ("activities in junctions", "#e69f00"),
    "temperature": ("temperature", "#cc79a7"),
    "concentration": ("concentrations", "#7a5c00"),
}
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

THEME: Mapping[str, Any] = {
    "aria": False,
    "background": "white",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": SOFT,
        "domainWidth": 0.8,
        "gridColor": "#eceef1",
        "gridWidth": 0.8,
        "labelColor": INK,
        "labelFlush": False,
        "labelFontSize": 11,
        "labelLimit": 170,
        "tickColor": SOFT,
        "tickSize": 4,
        "tickWidth": 0.8,
        "titleColor": INK,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 7,
    },
    "axisY": {"titleAngle": -90},
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "labelLimit": 170,
        "titleColor": SOFT,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 12,
        "limit": 700,
        "subtitleColor": SOFT,
        "subtitleFontSize": 11,
        "offset": 6,
    },
    "concat": {"spacing": 20},
}

PNG_SCALE = 1.5
MAX_SWEEPS = 7
MAX_LEVELS = 120
MAX_BINS = 160
_ARROW = 2.5  # how far the arrow of a bound reaches, as a factor of the ratio
_MAX_STEPS = 40
_MIN_SHARE = 1e-3  # less cannot be seen in a bar
_STEP_NAMES = dict(zip(tables.LADDER, ("none", "leak", "series R", "junction", "activity", "offset"), strict=True))


@dataclass(frozen=True)
class Figure:
    """Charts, one below the other, and the rows that they name.

    Attributes
    ----------
    name : str
        Name of its files, without ending.
    charts : tuple of altair charts
        Every part of them takes its data by name.
    data : mapping of str to DataFrame
    """

    name: str
    charts: tuple[Chart, ...]
    data: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Drawing:
    """A rendered figure: SVG text with ids of its own, and the bytes of a PNG file."""

    name: str
    svg: str
    png: bytes


def render(figure: Figure) -> Drawing:
    """Draw a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    Drawing
        The PNG at twice the size of the SVG.
    """
    # The renderer reads this when it draws for the first time.
    os.environ["FONTCONFIG_FILE"] = str(resources.files("nernstfit.figures") / "fonts.conf")
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    svg = _own_ids(vl_convert.vegalite_to_svg(_specification(figure), vl_version=version), figure.name)
    return Drawing(figure.name, svg, vl_convert.svg_to_png(svg, scale=PNG_SCALE))


def _specification(figure: Figure) -> dict[str, Any]:
    """The figure as Vega-Lite.

    Charts are stacked here, not by altair, which copies a chart whole at every level it puts around it.
    """
    whole = [chart.to_dict(validate=False) for chart in figure.charts]
    parts = [{key: part[key] for key in part if key not in ("$schema", "config")} for part in whole]
    stacked = {"vconcat": parts, "spacing": 22, "resolve": {"scale": {"color": "independent"}}}
    spec = stacked if len(parts) > 1 else parts[0]
    rows = {name: _records(frame) for name, frame in figure.data.items()}
    return spec | {"$schema": alt.SCHEMA_URL, "config": THEME, "datasets": rows}


def ratios(found: pd.DataFrame, cells: pd.DataFrame, truth: Mapping[str, float], ions: Sequence[str]) -> Figure:
    """Draw permeability ratios with their intervals on a log axis.

    Parameters
    ----------
    found : DataFrame
        Rows of permeabilities.csv of one model, at least one that is not `not_identifiable`.
    cells : DataFrame
        Rows of cells.csv of the same model.
    truth : mapping of str to float
        True ratio of each ion, where known.
    ions : sequence of str
        The ions from top to bottom.

    Returns
    -------
    Figure
    """
    shown = _named_groups(_ratio_marks(found))
    single = cells[cells["ion"].isin(shown["ion"]) & cells["ratio"].notna()][["group", "ion", "ratio"]]
    single = _named_groups(single)
    reference = found["reference"].iloc[0]
    true = pd.DataFrame(
        [{"ion": ion, "ratio": truth[ion]} for ion in ions if ion in truth and ion in set(shown["ion"])]
    )
    ends = pd.concat([shown[["at", "low", "high"]].stack(), single["ratio"], true.get("ratio", pd.Series(dtype=float))])
    low, high = float(ends.min()) / 1.2, float(ends.max()) * 1.2
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    order = [ion for ion in ions if ion in set(shown["ion"])]
    groups = sorted(set(shown["group"]))
    # A quoted name is a string in an expression, whatever it holds.
    label = alt.Axis(labelExpr=f"datum.label + {json.dumps(f' / {reference}')}")
    x = alt.X("at:Q", scale=scale, title=f"permeability relative to {reference}", axis=_log_axis(low, high, 4))
    y = alt.Y("ion:N", sort=order, title=None, axis=label)
    offset = {"yOffset": alt.YOffset("group:N", sort=groups)} if len(groups) > 1 else {}
    colour = _colour("group", groups) if len(groups) > 1 else alt.value(PALETTE[0])
    marks, one_cell = alt.Chart(alt.NamedData(name="ratios")), alt.Chart(alt.NamedData(name="cells"))
    layers = [
        alt.Chart(alt.NamedData(name="one")).mark_rule(color=SOFT, strokeDash=[3, 3]).encode(x="at:Q"),
        alt.Chart(alt.NamedData(name="truth")).mark_tick(color=INK, thickness=1.6, size=22).encode(x="ratio:Q", y=y),
        one_cell.mark_point(filled=True, size=18, opacity=0.4, color=SOFT).encode(x="ratio:Q", y=y, **offset),
        marks.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour, **offset),
        marks.transform_filter("datum.tip == null")
        .mark_point(filled=True, size=75, opacity=1)
        .encode(x=x, y=y, color=colour, **offset),
        marks.transform_filter("datum.tip != null")
        .mark_point(filled=False, fill="white", size=75, strokeWidth=2, opacity=1)
        .encode(x=x, y=y, color=colour, **offset),
        marks.transform_filter("datum.tip != null")
        .mark_point(filled=True, size=60, opacity=1)
        .encode(x="tip:Q", y=y, color=colour, shape=alt.Shape("shape:N", scale=None, legend=None), **offset),
    ]
    one = pd.DataFrame({"at": [1.0] if low <= 1 <= high else []})
    chart = alt.layer(*layers).properties(width=600, height=alt.Step(22 + 10 * len(groups), **{"for": "position"}))
    return Figure("ratios", (chart,), {"ratios": shown, "cells": single, "truth": true, "one": one})


def _ratio_marks(found: pd.DataFrame) -> pd.DataFrame:
    """Where each ratio is drawn: the estimate within its interval, or a bound with an arrow away from it."""
    rows = []
    for row in found[found["verdict"] != "not_identifiable"].to_dict("records"):
        mark = {"group": row["group"], "ion": row["ion"], "low": row["low"], "high": row["high"]}
        if row["verdict"] == "upper_bound":
            tip = row["high"] / _ARROW
            mark |= {"at": row["high"], "low": tip, "tip": tip, "shape": "triangle-left"}
        elif row["verdict"] == "lower_bound":
            tip = row["low"] * _ARROW
            mark |= {"at": row["low"], "high": tip, "tip": tip, "shape": "triangle-right"}
        else:
            mark |= {"at": row["ratio"], "tip": None, "shape": "circle"}
        rows.append(mark)
    columns = ["group", "ion", "at", "low", "high", "tip", "shape"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame[frame["at"].notna()]


def predicted(residuals: pd.DataFrame) -> Figure:
    """Draw measured against predicted potentials, coloured by bath, with the line of identity.

    Parameters
    ----------
    residuals : DataFrame
        Rows of residuals.csv of one model with a prediction.

    Returns
    -------
    Figure
    """
    ends = residuals[["measured_mV", "predicted_mV"]].to_numpy(float)
    pad = max(0.06 * float(ends.max() - ends.min()), 1.0)
    low, high = float(ends.min()) - pad, float(ends.max()) + pad
    scale = alt.Scale(domain=[low, high], nice=False)
    rows = residuals[["bath", "measured_mV", "predicted_mV"]]
    identity = pd.DataFrame({"predicted_mV": [low, high], "measured_mV": [low, high]})
    few = alt.Axis(tickCount=7)
    x = alt.X("predicted_mV:Q", scale=scale, title="predicted potential, mV", axis=few)
    y = alt.Y("measured_mV:Q", scale=scale, title="measured potential (corrected), mV", axis=few)
    chart = alt.layer(
        alt.Chart(alt.NamedData(name="identity")).mark_line(color=SOFT, strokeWidth=1).encode(x=x, y=y),
        alt.Chart(alt.NamedData(name="rows"))
        .mark_point(size=42, strokeWidth=1.6, opacity=0.85)
        .encode(x=x, y=y, color=_bath_colour(residuals)),
    ).properties(width=340, height=340)
    return Figure("predicted", (chart,), {"rows": rows, "identity": identity})


def residuals(rows: pd.DataFrame) -> Figure:
    """Draw measured minus predicted by bath and by cell, with each cell's fitted offset.

    Parameters
    ----------
    rows : DataFrame
        Rows of residuals.csv of one model with a prediction; `cell` is what a cell is called here.

    Returns
    -------
    Figure
    """
    data = rows[["bath", "cell", "residual_mV", "offset_mV"]]
    offsets = rows[has_offset(rows)][["cell", "offset_mV"]].drop_duplicates("cell")
    x = alt.X("residual_mV:Q", title="measured \N{MINUS SIGN} predicted, mV")
    points = (
        alt.Chart(alt.NamedData(name="rows")).mark_point(size=34, opacity=0.8).encode(x=x, color=_bath_colour(rows))
    )
    offset = alt.Chart(alt.NamedData(name="offsets")).mark_tick(color=INK, thickness=1.6, size=13)
    by_bath = alt.layer(_zero("x"), points.encode(y=alt.Y("bath:N", title=None)))
    by_cell = alt.layer(
        _zero("x"),
        offset.encode(x="offset_mV:Q", y=alt.Y("cell:N", title=None)),
        points.encode(y=alt.Y("cell:N", title=None, axis=alt.Axis(labelOverlap=True))),
    )
    chart = alt.hconcat(
        by_bath.properties(width=250, height=_steps(rows["bath"]), title="by bath"),
        by_cell.properties(width=250, height=_steps(rows["cell"]), title="by cell"),
    ).resolve_scale(x="shared")
    return Figure("residuals", (chart,), {"rows": data, "offsets": offsets, "zero": _ZERO})


def has_offset(residuals: pd.DataFrame) -> pd.Series:
    """Whether each row's cell was given an electrode offset that can be seen, 0.005 mV or more."""
    return residuals["offset_mV"].abs() >= 0.005


def nernst(forces: pd.DataFrame) -> Figure:
    """Draw measured potentials minus each ion's Nernst potential, per bath.

    Parameters
    ----------
    forces : DataFrame
        `ion`, `bath` and `driving_force_mV`, all finite.

    Returns
    -------
    Figure
    """
    ions = sorted(set(forces["ion"]))
    columns, panels = min(3, len(ions)), []
    for number, ion in enumerate(ions):
        first = number % columns == 0
        points = _only(alt.Chart(alt.NamedData(name="rows")), "ion", ion).mark_tick(
            thickness=1.5, size=13, opacity=0.75
        )
        panel = alt.layer(
            _zero("x"),
            points.encode(
                x=alt.X("driving_force_mV:Q", title="measured \N{MINUS SIGN} Nernst, mV", axis=alt.Axis(tickCount=5)),
                y=alt.Y("bath:N", title=None, axis=alt.Axis(labels=first, ticks=first)),
                color=_bath_colour(forces).legend(None),
            ),
        )
        panels.append(panel.properties(width=560 // columns, height=_steps(forces["bath"]), title=ion))
    chart = alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": 74, "column": 26})
    chart = chart.resolve_scale(x="shared", y="shared")
    return Figure("nernst", (chart,), {"rows": forces[["ion", "bath", "driving_force_mV"]], "zero": _ZERO})


def slopes(points: pd.DataFrame, lines: pd.DataFrame) -> Figure:
    """Draw potentials against the logarithm of an ion's activity in the bath.

    Parameters
    ----------
    points : DataFrame
        `ion`, `cell`, `bath`, `activity_mM` and `corrected_mV`, each ion at two activities or more.
    lines : DataFrame
        `ion`, `kind` (`fitted` or `Nernst`), `line`, `activity_mM` and `corrected_mV`: two ends of each line.

    Returns
    -------
    Figure
    """
    ions = sorted(set(points["ion"]))
    rows = pd.concat([points.assign(kind="point", line=points["cell"]), lines])
    x = alt.X("activity_mM:Q", scale=alt.Scale(type="log", nice=False, padding=14), title="activity in the bath, mM")
    y_title = "potential (corrected), mV"
    y = alt.Y("corrected_mV:Q", scale=alt.Scale(zero=False), title=y_title)
    mean = alt.Y("mean(corrected_mV):Q", title=y_title)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["fitted", "Nernst"], range=[[1, 0], [4, 3]]), title="slope")
    panels = []
    for ion in ions:
        base = _only(alt.Chart(alt.NamedData(name="rows")), "ion", ion)
        point, line = _only(base, "kind", "point"), base.transform_filter("datum.kind != 'point'")
        panel = alt.layer(
            point.mark_line(color=FAINT, strokeWidth=0.8).encode(x=x, y=mean, detail="line:N"),
            line.mark_line(color=INK, strokeWidth=1.5).encode(x=x, y=y, detail="line:N", strokeDash=dash),
            point.mark_point(size=34, opacity=0.85).encode(x=x, y=y, color=_bath_colour(points)),
        )
        panels.append(panel.properties(width=240, height=190, title=ion))
    columns = ["ion", "kind", "line", "bath", "activity_mM", "corrected_mV"]
    chart = alt.concat(*panels, columns=2, bounds="flush", spacing={"row": 74, "column": 72})
    return Figure("slopes", (chart,), {"rows": rows.reindex(columns=columns)})


def ladder(corrections: pd.DataFrame, truth: Mapping[str, float], ions: Sequence[str]) -> Figure:
    """Draw the ratio of each ion after each correction, on a log axis.

    Parameters
    ----------
    corrections : DataFrame
        Rows of corrections.csv that hold a ratio or a bound, at least one.
    truth : mapping of str to float
        True ratio of each ion, where known.
    ions : sequence of str
        The ions in their order.

    Returns
    -------
    Figure
    """
    rows = _named_groups(corrections).assign(
        step=corrections["step"].map(_STEP_NAMES),
        at=corrections["ratio"].fillna(corrections["high"]).fillna(corrections["low"]),
        shape=np.select(
            [corrections["ratio"].notna(), corrections["high"].notna()], ["circle", "triangle-down"], "triangle-up"
        ),
    )[["group", "ion", "step", "at", "low", "high", "ratio", "shape"]]
    groups, order = sorted(set(rows["group"])), [ion for ion in ions if ion in set(rows["ion"])]
    steps = list(_STEP_NAMES.values())
    axis = alt.Axis(labelAngle=-40, grid=False)
    x = alt.X("step:N", sort=steps, scale=alt.Scale(domain=steps), title=None, axis=axis)
    known = pd.DataFrame([{"ion": ion, "at": truth[ion]} for ion in order if ion in truth], columns=["ion", "at"])
    colour = _colour("group", groups) if len(groups) > 1 else alt.value(PALETTE[0])
    offset = {"xOffset": alt.XOffset("group:N", sort=groups)} if len(groups) > 1 else {}
    shape = alt.Shape("shape:N", scale=None, legend=None)
    panels = []
    for ion in order:
        y = _ratio_axis(rows[rows["ion"] == ion][["at", "low", "high"]].stack(), known[known["ion"] == ion]["at"])
        base = _only(alt.Chart(alt.NamedData(name="rows")), "ion", ion)
        true = _only(alt.Chart(alt.NamedData(name="truth")), "ion", ion)
        panel = alt.layer(
            true.mark_rule(color=INK, strokeWidth=1).encode(y=y),
            base.transform_filter("datum.ratio != null")
            .mark_rule(strokeWidth=1.8)
            .encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, **offset),
            base.mark_point(filled=True, size=46, opacity=1).encode(x=x, y=y, color=colour, shape=shape, **offset),
        )
        panels.append(panel.properties(width=178, height=150, title=ion))
    chart = alt.concat(*panels, columns=3, bounds="flush", spacing={"row": 84, "column": 72})
    return Figure("corrections", (chart,), {"rows": rows, "truth": known})


def differences(found: pd.DataFrame, ions: Sequence[str]) -> Figure:
    """Draw how many times as high a ratio is in one group as in another, with its interval on a log axis.

    Parameters
    ----------
    found : DataFrame
        `ion`, `reference`, `pair`, `at`, `low`, `high` and `told`, which fills the mark.
    ions : sequence of str
        The ions from top to bottom.

    Returns
    -------
    Figure
    """
    order = [ion for ion in ions if ion in set(found["ion"])]
    pairs = list(dict.fromkeys(found["pair"]))
    low, high = min(float(found["low"].min()), 1.0) / 1.1, max(float(found["high"].max()), 1.0) * 1.1
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("at:Q", scale=scale, title="ratio of ratios", axis=_log_axis(low, high, 4))
    reference = found["reference"].iloc[0]
    label = alt.Axis(labelExpr=f"datum.label + {json.dumps(f' / {reference}')}")
    y = alt.Y("ion:N", sort=order, title=None, axis=label)
    several = len(pairs) > 1
    offset = {"yOffset": alt.YOffset("pair:N", sort=pairs)} if several else {}
    colour = _colour("pair", pairs) if several else alt.value(PALETTE[0])
    marks = alt.Chart(alt.NamedData(name="rows"))
    told, others = marks.transform_filter("datum.told"), marks.transform_filter("!datum.told")
    chart = alt.layer(
        alt.Chart(alt.NamedData(name="one")).mark_rule(color=SOFT, strokeDash=[3, 3]).encode(x="at:Q"),
        marks.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour, **offset),
        told.mark_point(filled=True, size=75, opacity=1).encode(x=x, y=y, color=colour, **offset),
        others.mark_point(filled=False, fill="white", size=75, strokeWidth=2, opacity=1).encode(
            x=x, y=y, color=colour, **offset
        ),
    ).properties(width=600, height=alt.Step(22 + 10 * len(pairs) * several, **{"for": "position"}))
    return Figure("differences", (chart,), {"rows": found, "one": pd.DataFrame({"at": [1.0]})})


def shares(rows: pd.DataFrame, ions: Sequence[str]) -> Figure:
    """Draw from which sources the variance of each ratio comes, a bar per ion.

    Parameters
    ----------
    rows : DataFrame
        Rows of error_budget.csv, at least one.
    ions : sequence of str
        The ions from top to bottom.

    Returns
    -------
    Figure
    """
    largest = rows.groupby("source")["variance_share"].max()
    sources = [source for source in SHARES if largest.get(source, 0.0) >= _MIN_SHARE]
    rows = rows[rows["source"].isin(sources)]
    names, colours = zip(*(SHARES[source] for source in sources), strict=True)
    data = _named_groups(rows).assign(percent=100 * rows["variance_share"], rank=rows["source"].map(sources.index))
    data = data.assign(source=rows["source"].map(dict(zip(sources, names, strict=True))))
    data = data[["group", "ion", "source", "percent", "rank"]]
    groups = sorted(set(data["group"]))
    scale = alt.Scale(domain=list(names), range=list(colours))
    colour = alt.Color("source:N", scale=scale, legend=alt.Legend(title="source"))
    panels = []
    for group in groups:
        own = data[data["group"] == group]
        bars = _only(alt.Chart(alt.NamedData(name="rows")), "group", group).mark_bar(stroke="white", strokeWidth=0.8)
        axis = alt.Axis(values=[0, 25, 50, 75, 100], title="% of the variance of ln P" if group == groups[-1] else None)
        panel = bars.encode(
            x=alt.X("percent:Q", scale=alt.Scale(domain=[0, 100]), axis=axis),
            y=alt.Y("ion:N", sort=[ion for ion in ions if ion in set(own["ion"])], title=None),
            color=colour,
            order="rank:O",
        )
        title = group if len(groups) > 1 or group != NO_GROUP else ""
        panels.append(panel.properties(width=430, height=alt.Step(24), title=title))
    chart = alt.vconcat(*panels, spacing=14).resolve_scale(color="shared")
    return Figure("error_budget", (chart,), {"rows": data})


def measurements(name: str, rows: pd.DataFrame, iv: pd.DataFrame, traces: pd.DataFrame) -> Figure:
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
    data: dict[str, pd.DataFrame] = {"zero": _ZERO}
    panels: list[Chart] = []
    curves, bands = dict(list(iv.groupby("measurement"))), dict(list(traces.groupby("measurement")))
    for number, row in enumerate(rows.to_dict("records")):
        curve = curves[row["measurement"]]
        parts: list[Chart] = []
        if row["measurement"] in bands:
            parts.append(_trace_panel(f"{number}", bands[row["measurement"]], curve, data))
        parts.append(_iv_panel(f"{number}", row, curve, data))
        verdict = "" if row["verdict"] == "reversal" else f" — {row['verdict'].replace('_', ' ')}"
        title = alt.Title(text=f"{row['bath']}{verdict}", subtitle=row["measurement"])
        panels.append(alt.hconcat(*parts, title=title, spacing=26))
    return Figure(name, tuple(panels), data)


def recording(traces: pd.DataFrame) -> Figure:
    """Current above, command below, of whole sweeps of one recording.

    Parameters
    ----------
    traces : DataFrame
        Columns measurement, sweep, t_ms, command_mV, low_pA, high_pA.
    """
    x = alt.X("t_ms:Q", title="time, ms", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=8))
    colours = alt.Scale(range=list(LEVELS), interpolate="rgb")
    shown = sorted(set(traces["sweep"].tolist()))
    legend = alt.Legend(title="sweep", type="symbol", values=shown, symbolType="square", format="d")
    chart = alt.Chart(alt.NamedData(name="course"))
    current = chart.mark_area(strokeWidth=0.7).encode(
        x=x,
        y=alt.Y("low_pA:Q", title="current, pA", axis=_CURRENT_AXIS),
        y2="high_pA:Q",
        detail="sweep:N",
        fill=alt.Fill("sweep:Q", scale=colours, legend=legend),
        stroke=alt.Stroke("sweep:Q", scale=colours, legend=None),
    )
    command = chart.mark_line(interpolate="step-after", strokeWidth=1.2).encode(
        x=x,
        y=alt.Y("command_mV:Q", title="command, mV", scale=alt.Scale(zero=False)),
        color=alt.Color("sweep:Q", scale=colours, legend=None),
        detail="sweep:N",
    )
    title = alt.Title(str(traces["measurement"].iloc[0]))
    charts = (current.properties(width=640, height=240, title=title), command.properties(width=640, height=140))
    return Figure("recording", charts, {"course": traces})


def _trace_panel(number: str, traces: pd.DataFrame, iv: pd.DataFrame, data: dict[str, pd.DataFrame]) -> Chart:
    shown = _thinned(_chosen(traces))
    start, stop = float(traces["from_ms"].iloc[0]), float(traces["to_ms"].iloc[0])
    least, most = _current_range_pA(shown, iv)
    # Cut off here, not by a clip path: that is what takes the time in drawing a PNG.
    shown = shown.assign(low_pA=shown["low_pA"].clip(least, most), high_pA=shown["high_pA"].clip(least, most))
    data[f"traces_{number}"] = shown[["sweep", "t_ms", "low_pA", "high_pA", "level_mV"]]
    data[f"window_{number}"] = pd.DataFrame({"from_ms": [start], "to_ms": [stop]})
    x = alt.X("t_ms:Q", title="time, ms", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=6))
    y = alt.Y("low_pA:Q", title="current, pA", scale=alt.Scale(domain=[least, most], nice=False), axis=_CURRENT_AXIS)
    return alt.layer(
        alt.Chart(alt.NamedData(name=f"window_{number}"))
        .mark_rect(color="#eef0f3")
        .encode(x=alt.X("from_ms:Q"), x2="to_ms:Q"),
        _zero("y"),
        alt.Chart(alt.NamedData(name=f"traces_{number}"))
        .mark_area(strokeWidth=0.7)
        .encode(
            x=x,
            y=y,
            y2="high_pA:Q",
            detail="sweep:N",
            fill=alt.Fill("level_mV:Q", scale=_levels(iv), legend=None),
            stroke=alt.Stroke("level_mV:Q", scale=_levels(iv), legend=None),
        ),
    ).properties(width=330, height=130)


def _iv_panel(number: str, row: Mapping[Any, Any], iv: pd.DataFrame, data: dict[str, pd.DataFrame]) -> Chart:
    iv = iv.iloc[:: -(-len(iv) // MAX_LEVELS)]  # of the hundreds of pieces of a ramp not all are drawn
    half = 1.959964 * iv["se_pA"]
    data[f"iv_{number}"] = iv[["voltage_mV", "current_pA", "command_mV"]].assign(
        low_pA=iv["current_pA"] - half, high_pA=iv["current_pA"] + half
    )
    at = [row["reversal_mV"]] if row["verdict"] == "reversal" else []
    data[f"zero_{number}"] = pd.DataFrame({"reversal_mV": at, "current_pA": [0.0] * len(at)})
    x = alt.X("voltage_mV:Q", title="voltage, mV", scale=alt.Scale(nice=False, padding=6), axis=alt.Axis(tickCount=6))
    y = alt.Y("current_pA:Q", title="current, pA", scale=alt.Scale(nice=False, padding=8), axis=_CURRENT_AXIS)
    curve, zero = alt.Chart(alt.NamedData(name=f"iv_{number}")), alt.Chart(alt.NamedData(name=f"zero_{number}"))
    colour = alt.Color("command_mV:Q", scale=_levels(iv), legend=None)
    return alt.layer(
        _zero("x"),
        _zero("y"),
        zero.mark_rule(color=ACCENT, strokeWidth=1.2, strokeDash=[4, 3]).encode(x="reversal_mV:Q"),
        curve.mark_line(color=FAINT, strokeWidth=1.2).encode(x=x, y=y),
        curve.mark_rule(strokeWidth=1.2).encode(x=x, y=alt.Y("low_pA:Q"), y2="high_pA:Q", color=colour),
        curve.mark_point(filled=True, size=22, opacity=1).encode(x=x, y=y, color=colour),
        zero.mark_point(size=60, strokeWidth=1.6, color=ACCENT, opacity=1).encode(x="reversal_mV:Q", y=y),
    ).properties(width=280, height=130)


def _chosen(traces: pd.DataFrame) -> pd.DataFrame:
    """At most MAX_SWEEPS sweeps, spread evenly."""
    sweeps = np.unique(traces["sweep"])
    at = np.unique(np.linspace(0, len(sweeps) - 1, min(MAX_SWEEPS, len(sweeps))).round().astype(int))
    return traces[traces["sweep"].isin(sweeps[at])]


def _thinned(traces: pd.DataFrame) -> pd.DataFrame:
    """At most MAX_BINS bins a sweep, with the command in the window beside each as `level_mV`."""
    ordered = traces.sort_values(["sweep", "t_ms"], kind="stable")
    sweeps = ordered.groupby("sweep")
    pooled = -(-sweeps["t_ms"].transform("size") // MAX_BINS)
    bins = ordered.assign(bin=sweeps.cumcount() // pooled).groupby(["sweep", "bin"], as_index=False)
    thin = bins.agg(t_ms=("t_ms", "mean"), low_pA=("low_pA", "min"), high_pA=("high_pA", "max"))
    middle = (ordered["from_ms"] + ordered["to_ms"]) / 2
    nearest = ordered.loc[(ordered["t_ms"] - middle).abs().groupby(ordered["sweep"]).idxmin()]
    return thin.assign(level_mV=thin["sweep"].map(nearest.set_index("sweep")["command_mV"]))


def _current_range_pA(traces: pd.DataFrame, iv: pd.DataFrame) -> tuple[float, float]:
    """Range of the current axis: what the I-V curve holds and some more, so that capacity transients are cut off."""
    low, high = min(float(iv["current_pA"].min()), 0.0), max(float(iv["current_pA"].max()), 0.0)
    more = max(0.25 * (high - low), float((traces["high_pA"] - traces["low_pA"]).median()), 1e-6)
    return low - more, high + more


_ZERO = pd.DataFrame({"zero": [0.0]})
_CURRENT_AXIS = alt.Axis(tickCount=5, minExtent=46)
_MAX_TICKS = 7
NO_GROUP = "(no group)"


def log_ticks(low: float, high: float, least: int) -> list[float]:
    """Where a logarithmic axis is labelled: powers of ten, or more digits of each, or equal steps where it is short.

    Parameters
    ----------
    low, high : float
        Ends of the axis, 0 < low < high.
    least : int
        How many labels there should be.

    Returns
    -------
    list of float
        At least two and at most seven, all within the ends.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        found = [value for e in decades for d in digits if low <= (value := float(f"{d}e{e}")) <= high]
        if len(found) >= least:
            return found[:: -(-len(found) // _MAX_TICKS)]
    return _equal_ticks(low, high, least)


def _equal_ticks(low: float, high: float, least: int) -> list[float]:
    """Multiples of the largest 1, 2 or 5 of a power of ten that gives so many of them within the ends."""
    magnitude = math.floor(math.log10(high - low))
    for digit, exponent in ((5, magnitude), (2, magnitude), (1, magnitude), (5, magnitude - 1), (2, magnitude - 1)):
        step = float(f"{digit}e{exponent}")
        found = [round(k * step, 12 - exponent) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(found) >= least:
            break
    return found[:: -(-len(found) // _MAX_TICKS)]


def _log_axis(low: float, high: float, least: int) -> alt.Axis:
    return alt.Axis(format="~g", values=log_ticks(low, high, least))


def _ratio_axis(*shown: pd.Series) -> alt.Y:
    """A logarithmic axis that holds these ratios, labelled around them."""
    ratios = pd.concat(shown).dropna()
    low, high = float(ratios.min()), float(ratios.max())
    margin = max((high / low) ** 0.08, 1.15)
    scale = alt.Scale(type="log", domain=[low / margin, high * margin], nice=False)
    return alt.Y("at:Q", scale=scale, title="permeability ratio", axis=_log_axis(low / margin, high * margin, 3))


def _named_groups(rows: pd.DataFrame) -> pd.DataFrame:
    """Call the group of rows without one by a name that a legend can show."""
    return rows.assign(group=rows["group"].replace("", NO_GROUP))


def _zero(axis: str) -> alt.Chart:
    """Draw the line where an axis is zero."""
    mark: alt.Chart = alt.Chart(alt.NamedData(name="zero")).mark_rule(color=SOFT, strokeWidth=0.8)
    return mark.encode(x=alt.X("zero:Q")) if axis == "x" else mark.encode(y=alt.Y("zero:Q"))


def _steps(names: pd.Series) -> Any:
    """Height of an axis of names: one step each, or all within a fixed height where there are many."""
    return alt.Step(19) if names.nunique() <= _MAX_STEPS else 19 * _MAX_STEPS


def _colour(field: str, names: Sequence[str]) -> alt.Color:
    palette = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(names), range=palette))


def _bath_colour(rows: pd.DataFrame) -> alt.Color:
    return _colour("bath", sorted(set(rows["bath"])))


def _levels(iv: pd.DataFrame) -> alt.Scale:
    levels = [float(iv["command_mV"].min()), float(iv["command_mV"].max())]
    return alt.Scale(domain=levels, range=list(LEVELS), interpolate="rgb")


def _only(chart: alt.Chart, field: str, value: str) -> alt.Chart:
    """Keep the rows of a chart in which a column has a value."""
    return chart.transform_filter(alt.FieldEqualPredicate(field=field, equal=value))


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows as JSON has them: what is missing is null."""
    rows: list[dict[Any, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows


def _own_ids(svg: str, name: str) -> str:
    """Number the ids of an SVG in their order under its own name.

    The renderer counts them through the whole process, and several figures share one page.
    """
    found = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    own = {old: f"{name}-{number}" for number, old in enumerate(found, start=1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{own[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{own.get(match[1], match[1])})", svg)
