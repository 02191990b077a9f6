"""Figures of reversal potentials beside Nernst potentials: driving forces, and slopes against activity."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import altair as alt
import pandas as pd

from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import FAINT, INK

# Least widths of a panel of either figure with its labels, px, below which fewer stand beside each other. At half the
# labels of the axes overlap, at double a column of a journal has one panel in a row.
_LEAST_FORCES_PX, _LEAST_SLOPES_PX = 180, 185


def draw_driving_forces(forces: pd.DataFrame, baths: Sequence[str]) -> Figure:
    """Draw measured potentials minus each ion's Nernst potential, by bath.

    Parameters
    ----------
    forces : DataFrame
        `measurement`, `ion`, `bath` and `driving_force_mV`, all finite.
    baths : sequence of str
        All baths of the run, which give each its look.

    Returns
    -------
    Figure
    """
    few = elements.evenly(forces.assign(part=forces["ion"] + " " + forces["bath"]), "driving_force_mV", "part")
    data = {"rows": few[["ion", "bath", "driving_force_mV"]], "zero": elements.ZERO}
    source = few[["measurement", "ion", "bath", "driving_force_mV"]]
    return Figure("nernst", functools.partial(_forces, forces, baths), data, source, len(few) < len(forces))


def _forces(forces: pd.DataFrame, baths: Sequence[str], layout: Layout) -> Chart:
    ions = sorted(set(forces["ion"]))
    columns, panels = layout.columns(len(ions), 3, _LEAST_FORCES_PX), []
    looks = {channel: look.legend(None) for channel, look in elements.bath_looks(forces, baths, layout).items()}
    for number, ion in enumerate(ions):
        first = number % columns == 0
        axis = elements.name_axis(forces["bath"], layout, labels=first, ticks=first)
        points = elements.only(elements.rows_named("rows"), "ion", ion).mark_point(size=26, opacity=0.75)
        panel = alt.layer(
            elements.zero_line("x"),
            points.encode(
                x=alt.X("driving_force_mV:Q", title="measured \N{MINUS SIGN} Nernst, mV", axis=alt.Axis(tickCount=5)),
                y=alt.Y("bath:N", title=None, axis=axis),
                **looks,
            ),
        )
        height = elements.axis_height(forces["bath"], layout)
        width = layout.panel_px(560 // columns, columns)
        panels.append(panel.properties(width=width, height=height, title=ion))
    chart = alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": 74, "column": 26})
    shared: Chart = chart.resolve_scale(x="shared", y="shared")
    return shared


def draw_slopes(points: pd.DataFrame, lines: pd.DataFrame, baths: Sequence[str]) -> Figure:
    """Draw potentials against the logarithm of an ion's activity in the bath.

    Parameters
    ----------
    points : DataFrame
        `ion`, `cell`, `bath`, `activity_mM` and `corrected_mV`, each ion at two activities or more.
    lines : DataFrame
        `ion`, `kind` (`fitted` or `Nernst`), `line`, `activity_mM` and `corrected_mV`: two ends of each line.
    baths : sequence of str
        All baths of the run, which give each its look.

    Returns
    -------
    Figure
    """
    cells = points["cell"].unique()
    most = max(2, len(cells) * elements.MAX_POINTS // max(len(points), 1))  # whole cells, whose points a line joins
    few = points[points["cell"].isin(cells[:: -(-len(cells) // most)])]
    rows = pd.concat([few.assign(kind="point", line=few["cell"]), lines])
    columns = ["ion", "kind", "line", "bath", "activity_mM", "corrected_mV"]
    source = rows.rename(columns={"kind": "drawn"}).reindex(columns=["drawn", "group", "ion", "cell", *columns[3:]])
    is_part = len(few) < len(points)
    return Figure(
        "slopes", functools.partial(_slopes, points, baths), {"rows": rows.reindex(columns=columns)}, source, is_part
    )


def _slopes(points: pd.DataFrame, baths: Sequence[str], layout: Layout) -> Chart:
    ions = sorted(set(points["ion"]))
    scale = alt.Scale(type="log", nice=False, padding=14)
    y_title = "potential (corrected), mV"
    y = alt.Y("corrected_mV:Q", scale=alt.Scale(zero=False), title=y_title)
    mean = alt.Y("mean(corrected_mV):Q", title=y_title)
    kinds = ["fitted", "Nernst"]
    key = elements.legend(kinds, layout, title="slope")
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=[[1, 0], [4, 3]]), legend=key)
    columns, panels = layout.columns(len(ions), 2, _LEAST_SLOPES_PX), []
    looks = elements.bath_looks(points, baths, layout)
    for ion in ions:
        activities = points[points["ion"] == ion]["activity_mM"]
        axis = elements.log_axis(float(activities.min()), float(activities.max()), 3)
        x = alt.X("activity_mM:Q", scale=scale, title="activity in the bath, mM", axis=axis)
        base = elements.only(elements.rows_named("rows"), "ion", ion)
        point, line = elements.only(base, "kind", "point"), base.transform_filter("datum.kind != 'point'")
        panel = alt.layer(
            point.mark_line(color=FAINT, strokeWidth=0.8).encode(x=x, y=mean, detail="line:N"),
            line.mark_line(color=INK, strokeWidth=1.5).encode(x=x, y=y, detail="line:N", strokeDash=dash),
            point.mark_point(size=34, opacity=0.85).encode(x=x, y=y, **looks),
        )
        panels.append(panel.properties(width=layout.panel_px(240, columns), height=190, title=ion))
    return alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": 74, "column": 72})
