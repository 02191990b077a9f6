"""Figure of the ratio in each bath against the activity of its ion and against the potential."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from nernstfit.figures import elements, svg
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import INK, LETTERS_PX

# Farthest end of an interval that is drawn, as a factor of the largest ratio of its ion, or one over it of the least.
# At half of it intervals of a factor of 3 are cut, at double one wide interval flattens all others.
_MAX_REACH = 4.0
_MARGIN = 1.12  # of the axis beyond the marks; half of it cuts their symbols, double wastes a tenth of the panel
_LEAST_LABELS = 3  # on the axis of the ratios; two tell no scale, more than four do not fit a short panel
# Least width of a panel with its labels, px, below which panels stand below each other: that of five labels and the
# title of the axis. At half these overlap, at double a column of a journal has one panel in a row.
_LEAST_PX = 185
_BETWEEN_PX = (
    58  # of panels beside each other: the labels and the title of an axis; at half these cross the other panel
)

_X = (
    ("activity_mM", "activity in the bath, mM", True),
    ("potential_mV", "mean potential (corrected), mV", False),
)


def draw_by_bath(rows: pd.DataFrame, fitted: pd.DataFrame, baths: Sequence[str]) -> Figure:
    """Draw the ratio that each bath implies, with the fitted ratio as a line: two panels for each ion and group.

    Parameters
    ----------
    rows : DataFrame
        Rows of ratios_by_bath.csv with a ratio, and `title`: ion, reference and group.
    fitted : DataFrame
        Rows of permeabilities.csv with a ratio, and `title`.
    baths : sequence of str
        All baths of the run, which give each its look.

    Returns
    -------
    Figure
    """
    shown = pd.concat([_within(part) for _, part in rows.groupby("title", sort=False)])
    columns = ["title", "bath", "activity_mM", "potential_mV", "ratio", "shown_low", "shown_high"]
    of_titles = fitted[fitted["title"].isin(shown["title"])]
    both = pd.concat([shown.assign(drawn="bath"), of_titles.assign(drawn="fitted", low=math.nan, high=math.nan)])
    source = both[["drawn", "group", "ion", "reference", *columns[1:5], "low", "high"]]
    data = {"rows": shown[columns], "fitted": fitted[["title", "ratio"]]}
    return Figure("by_bath", functools.partial(_chart, shown, baths), data, source)


def _chart(shown: pd.DataFrame, baths: Sequence[str], layout: Layout) -> Chart:
    looks = elements.bath_looks(shown, baths, layout)
    columns = layout.columns(2, 2, _LEAST_PX)
    width = layout.panel_px(246, columns)
    titles = {
        title: svg.wrapped(title, LETTERS_PX, columns * width + (columns - 1) * _BETWEEN_PX)
        for title in dict.fromkeys(shown["title"])
    }
    panels = []
    for title, lines in titles.items():
        for number, x in enumerate(_X):
            panel = _panel(shown, title, *x, looks)  # a title stands once in a row
            panels.append(panel.properties(width=width, height=150, title="" if number % columns else lines))
    row_px = 66 + (max(map(len, titles.values())) - 1) * elements.LINE_PX
    return alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": row_px, "column": _BETWEEN_PX})


def _within(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one ion with the ends of their intervals within the axis, and the axis itself."""
    least, most = part["ratio"].min() / _MAX_REACH, part["ratio"].max() * _MAX_REACH
    is_open = part["low"].notna() & part["high"].isna()
    low = part["low"].fillna(part["ratio"]).clip(lower=least)
    high = part["high"].fillna(part["ratio"]).mask(is_open, most).clip(upper=most)
    ends = {"axis_low": low.min() / _MARGIN, "axis_high": high.max() * _MARGIN}
    return part.assign(shown_low=low, shown_high=high, **ends)


def _panel(rows: pd.DataFrame, title: str, field: str, name: str, with_zero: bool, looks: Mapping[str, Any]) -> Chart:
    own = rows[rows["title"] == title]
    low, high = float(own["axis_low"].iloc[0]), float(own["axis_high"].iloc[0])
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    y = alt.Y("ratio:Q", scale=scale, title="permeability ratio", axis=elements.log_axis(low, high, _LEAST_LABELS))
    x = alt.X(f"{field}:Q", scale=alt.Scale(zero=with_zero, padding=12), title=name, axis=alt.Axis(tickCount=5))
    points = elements.only(elements.rows_named("rows"), "title", title)
    ends = {"x": x, "y": alt.Y("shown_low:Q"), "y2": "shown_high:Q", "color": looks["color"]}
    return alt.layer(
        elements.only(elements.rows_named("fitted"), "title", title).mark_rule(color=INK, strokeWidth=1).encode(y=y),
        points.mark_rule(strokeWidth=1.6).encode(**ends),
        points.mark_point(filled=True, size=52, opacity=1).encode(x=x, y=y, **looks),
    )
