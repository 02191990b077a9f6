"""Figures of reversal potentials beside Nernst potentials: driving forces, and slopes against activity."""

from __future__ import annotations

import altair as alt
import pandas as pd

from nernstfit.figures import elements
from nernstfit.figures.render import Figure
from nernstfit.figures.theme import FAINT, INK


def draw_driving_forces(forces: pd.DataFrame) -> Figure:
    """Draw measured potentials minus each ion's Nernst potential, by bath.

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
        points = elements.only(elements.rows_named("rows"), "ion", ion).mark_tick(thickness=1.5, size=13, opacity=0.75)
        panel = alt.layer(
            elements.zero_line("x"),
            points.encode(
                x=alt.X("driving_force_mV:Q", title="measured \N{MINUS SIGN} Nernst, mV", axis=alt.Axis(tickCount=5)),
                y=alt.Y("bath:N", title=None, axis=alt.Axis(labels=first, ticks=first)),
                color=elements.bath_colours(forces).legend(None),
            ),
        )
        panels.append(panel.properties(width=560 // columns, height=elements.axis_height(forces["bath"]), title=ion))
    chart = alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": 74, "column": 26})
    chart = chart.resolve_scale(x="shared", y="shared")
    few = elements.evenly(forces.assign(part=forces["ion"] + " " + forces["bath"]), "driving_force_mV", "part")
    data = {"rows": few[["ion", "bath", "driving_force_mV"]], "zero": elements.ZERO}
    return Figure("nernst", (chart,), data, len(few) < len(forces))


def draw_slopes(points: pd.DataFrame, lines: pd.DataFrame) -> Figure:
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
    ions, cells = sorted(set(points["ion"])), points["cell"].unique()
    most = max(2, len(cells) * elements.MAX_POINTS // max(len(points), 1))  # whole cells, whose points a line joins
    few = points[points["cell"].isin(cells[:: -(-len(cells) // most)])]
    rows = pd.concat([few.assign(kind="point", line=few["cell"]), lines])
    x = alt.X("activity_mM:Q", scale=alt.Scale(type="log", nice=False, padding=14), title="activity in the bath, mM")
    y_title = "potential (corrected), mV"
    y = alt.Y("corrected_mV:Q", scale=alt.Scale(zero=False), title=y_title)
    mean = alt.Y("mean(corrected_mV):Q", title=y_title)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["fitted", "Nernst"], range=[[1, 0], [4, 3]]), title="slope")
    panels = []
    for ion in ions:
        base = elements.only(elements.rows_named("rows"), "ion", ion)
        point, line = elements.only(base, "kind", "point"), base.transform_filter("datum.kind != 'point'")
        panel = alt.layer(
            point.mark_line(color=FAINT, strokeWidth=0.8).encode(x=x, y=mean, detail="line:N"),
            line.mark_line(color=INK, strokeWidth=1.5).encode(x=x, y=y, detail="line:N", strokeDash=dash),
            point.mark_point(size=34, opacity=0.85).encode(x=x, y=y, color=elements.bath_colours(points)),
        )
        panels.append(panel.properties(width=240, height=190, title=ion))
    columns = ["ion", "kind", "line", "bath", "activity_mM", "corrected_mV"]
    chart = alt.concat(*panels, columns=2, bounds="flush", spacing={"row": 74, "column": 72})
    return Figure("slopes", (chart,), {"rows": rows.reindex(columns=columns)}, len(few) < len(points))
