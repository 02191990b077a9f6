"""Figures of measured against predicted reversal potentials, and of the residuals."""

from __future__ import annotations

import altair as alt
import pandas as pd

from nernstfit.figures import elements
from nernstfit.figures.render import Figure
from nernstfit.figures.theme import INK, SOFT

# Smallest electrode offset that is drawn, mV: half a unit of the last digit that potentials are reported to. A tenth
# of it would show offsets that the fit sets to nearly zero, ten times it hides offsets as large as standard errors.
_MIN_OFFSET_MV = 0.005


def draw_predictions(residuals: pd.DataFrame) -> Figure:
    """Draw measured against predicted potentials, coloured by bath, with the line of identity.

    Parameters
    ----------
    residuals : DataFrame
        Rows of residuals.csv of one model with a prediction; `link` is the address of the measurement in the page.

    Returns
    -------
    Figure
    """
    ends = residuals[["measured_mV", "predicted_mV"]].to_numpy(float)
    pad = max(0.06 * float(ends.max() - ends.min()), 1.0)
    low, high = float(ends.min()) - pad, float(ends.max()) + pad
    scale = alt.Scale(domain=[low, high], nice=False)
    rows = elements.evenly(residuals, "measured_mV", "bath")[["bath", "measured_mV", "predicted_mV", "link"]]
    identity = pd.DataFrame({"predicted_mV": [low, high], "measured_mV": [low, high]})
    few = alt.Axis(tickCount=7)
    x = alt.X("predicted_mV:Q", scale=scale, title="predicted potential, mV", axis=few)
    y = alt.Y("measured_mV:Q", scale=scale, title="measured potential (corrected), mV", axis=few)
    chart = alt.layer(
        elements.rows_named("identity").mark_line(color=SOFT, strokeWidth=1).encode(x=x, y=y),
        elements.rows_named("rows")
        .mark_point(size=42, strokeWidth=1.6, opacity=0.85)
        .encode(x=x, y=y, color=elements.bath_colours(residuals), href="link:N"),
    ).properties(width=340, height=340)
    return Figure("predicted", (chart,), {"rows": rows, "identity": identity}, len(rows) < len(residuals))


def draw_residuals(rows: pd.DataFrame) -> Figure:
    """Draw measured minus predicted potentials by bath and, where all are drawn, by cell with its fitted offset.

    Parameters
    ----------
    rows : DataFrame
        Rows of residuals.csv of one model with a prediction; `cell` is the cell's name in the report, and
        `link` the address of the measurement in it.

    Returns
    -------
    Figure
    """
    data = elements.evenly(rows, "residual_mV", "bath")[["bath", "cell", "residual_mV", "offset_mV", "link"]]
    offsets = rows[has_offset(rows)][["cell", "offset_mV"]].drop_duplicates("cell")
    x = alt.X("residual_mV:Q", title="measured \N{MINUS SIGN} predicted, mV")
    points = elements.rows_named("rows").mark_point(size=34, opacity=0.8)
    points = points.encode(x=x, color=elements.bath_colours(rows), href="link:N")
    offset = elements.rows_named("offsets").mark_tick(color=INK, thickness=1.6, size=13)
    by_bath = alt.layer(elements.zero_line("x"), points.encode(y=alt.Y("bath:N", title=None)))
    by_cell = alt.layer(
        elements.zero_line("x"),
        offset.encode(x="offset_mV:Q", y=alt.Y("cell:N", title=None)),
        points.encode(y=alt.Y("cell:N", title=None, axis=alt.Axis(labelOverlap=True))),
    )
    panels = [by_bath.properties(width=250, height=elements.axis_height(rows["bath"]), title="by bath")]
    is_part = len(data) < len(rows)
    if not is_part:
        panels.append(by_cell.properties(width=250, height=elements.axis_height(rows["cell"]), title="by cell"))
    chart = alt.hconcat(*panels).resolve_scale(x="shared")
    return Figure("residuals", (chart,), {"rows": data, "offsets": offsets, "zero": elements.ZERO}, is_part)


def has_offset(residuals: pd.DataFrame) -> pd.Series:
    """Return for each row whether its cell has a fitted electrode offset that can be seen, 0.005 mV or more."""
    return residuals["offset_mV"].abs() >= _MIN_OFFSET_MV
