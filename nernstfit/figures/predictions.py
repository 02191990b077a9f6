"""Figures of measured against predicted reversal potentials, and of the residuals."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import altair as alt
import pandas as pd

from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import INK, SOFT

# Smallest electrode offset that is drawn, mV: half a unit of the last digit that potentials are reported to. A tenth
# of it would show offsets that the fit sets to nearly zero, ten times it hides offsets as large as standard errors.
_MIN_OFFSET_MV = 0.005
# Side of the square of measured against predicted potentials on a page, px, and its largest height. At half points
# cover each other, at double the figure fills a page.
_SIDE_PX = 340
# Least width of a panel of residuals with its names, px, below which the two stand below each other. At half the names
# leave no room for the axis, at double they never stand beside each other.
_LEAST_PX = 300


def draw_predictions(residuals: pd.DataFrame, baths: Sequence[str]) -> Figure:
    """Draw measured against predicted potentials, the baths by colour and shape, with the line of identity.

    Parameters
    ----------
    residuals : DataFrame
        Rows of residuals.csv of one model with a prediction; `link` is the address of the measurement in the page.
    baths : sequence of str
        All baths of the run, which give each its look.

    Returns
    -------
    Figure
    """
    rows = elements.evenly(residuals, "measured_mV", "bath")
    ends = residuals[["measured_mV", "predicted_mV"]].to_numpy(float)
    pad = max(0.06 * float(ends.max() - ends.min()), 1.0)
    low, high = float(ends.min()) - pad, float(ends.max()) + pad
    data = {
        "rows": rows[["bath", "measured_mV", "predicted_mV", "link"]],
        "identity": pd.DataFrame({"predicted_mV": [low, high], "measured_mV": [low, high]}),
    }
    source = rows[["measurement", "group", "cell", "bath", "predicted_mV", "measured_mV"]]
    chart = functools.partial(_predictions, residuals, baths, (low, high))
    return Figure("predicted", chart, data, source, len(rows) < len(residuals))


def _predictions(residuals: pd.DataFrame, baths: Sequence[str], ends: tuple[float, float], layout: Layout) -> Chart:
    scale, few = alt.Scale(domain=list(ends), nice=False), alt.Axis(tickCount=7)
    x = alt.X("predicted_mV:Q", scale=scale, title="predicted potential, mV", axis=few)
    y = alt.Y("measured_mV:Q", scale=scale, title="measured potential (corrected), mV", axis=few)
    width = layout.panel_px(_SIDE_PX)
    return alt.layer(
        elements.rows_named("identity").mark_line(color=SOFT, strokeWidth=1).encode(x=x, y=y),
        elements.rows_named("rows")
        .mark_point(size=42, strokeWidth=1.6, opacity=0.85)
        .encode(x=x, y=y, href="link:N", **elements.bath_looks(residuals, baths, layout)),
    ).properties(width=width, height=min(width, _SIDE_PX))


def draw_residuals(rows: pd.DataFrame, baths: Sequence[str]) -> Figure:
    """Draw measured minus predicted potentials by bath and, where all are drawn, by cell with its fitted offset.

    Parameters
    ----------
    rows : DataFrame
        Rows of residuals.csv of one model with a prediction; `cell` is the cell's name in the report, and
        `link` the address of the measurement in it.
    baths : sequence of str
        All baths of the run, which give each its look.

    Returns
    -------
    Figure
    """
    drawn = elements.evenly(rows, "residual_mV", "bath")
    is_part = len(drawn) < len(rows)
    data = {
        "rows": drawn[["bath", "cell", "residual_mV", "offset_mV", "link"]],
        "offsets": rows[has_offset(rows)][["cell", "offset_mV"]].drop_duplicates("cell"),
        "zero": elements.ZERO,
    }
    source = drawn[["measurement", "group", "cell", "bath", "residual_mV", "offset_mV"]]
    return Figure("residuals", functools.partial(_residuals, rows, baths, is_part), data, source, is_part)


def _residuals(rows: pd.DataFrame, baths: Sequence[str], is_part: bool, layout: Layout) -> Chart:
    x = alt.X("residual_mV:Q", title="measured \N{MINUS SIGN} predicted, mV", axis=alt.Axis(tickCount=6))
    looks = elements.bath_looks(rows, baths, layout)
    points = elements.rows_named("rows").mark_point(size=34, opacity=0.8).encode(x=x, href="link:N", **looks)
    offset = elements.rows_named("offsets").mark_tick(color=INK, thickness=1.6, size=13)
    columns = layout.columns(1 if is_part else 2, 2, _LEAST_PX)
    width = layout.panel_px(250, columns)
    bath = alt.Y("bath:N", title=None, axis=elements.name_axis(rows["bath"], layout))
    by_bath = alt.layer(elements.zero_line("x"), points.encode(y=bath))
    height = elements.axis_height(rows["bath"], layout)
    panels = [by_bath.properties(width=width, height=height, title="by bath")]
    if not is_part:
        cell = alt.Y("cell:N", title=None, axis=elements.name_axis(rows["cell"], layout, labelOverlap=True))
        by_cell = alt.layer(
            elements.zero_line("x"),
            offset.encode(x="offset_mV:Q", y=alt.Y("cell:N", title=None)),
            points.encode(y=cell),
        )
        height = elements.axis_height(rows["cell"], layout)
        panels.append(by_cell.properties(width=width, height=height, title="by cell"))
    chart: Chart = alt.concat(*panels, columns=columns).resolve_scale(x="shared")
    return chart


def has_offset(residuals: pd.DataFrame) -> pd.Series:
    """Return for each row whether its cell has a fitted electrode offset that can be seen, 0.005 mV or more."""
    return residuals["offset_mV"].abs() >= _MIN_OFFSET_MV
