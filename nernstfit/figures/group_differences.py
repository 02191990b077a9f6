"""Figure of the differences between groups."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import altair as alt
import pandas as pd

from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import PALETTE


def draw_differences(found: pd.DataFrame, ions: Sequence[str]) -> Figure:
    """Draw the ratio of one group divided by that of another, with its interval, on a logarithmic axis.

    Parameters
    ----------
    found : DataFrame
        `ion`, `reference`, `pair`, `at`, `low`, `high` and `significant`, which fills the mark.
    ions : sequence of str
        Ions from top to bottom.

    Returns
    -------
    Figure
    """
    data = {"rows": found, "one": pd.DataFrame({"at": [1.0]})}
    source = found.rename(columns={"pair": "groups", "at": "ratio_of_ratios"})
    return Figure("differences", functools.partial(_chart, found, ions), data, source)


def _chart(found: pd.DataFrame, ions: Sequence[str], layout: Layout) -> Chart:
    order = [ion for ion in ions if ion in set(found["ion"])]
    pairs = list(dict.fromkeys(found["pair"]))
    low, high = min(float(found["low"].min()), 1.0) / 1.1, max(float(found["high"].max()), 1.0) * 1.1
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("at:Q", scale=scale, title="ratio of ratios", axis=elements.log_axis(low, high, 4))
    y = elements.ion_axis(order, found["reference"].iloc[0])
    several = len(pairs) > 1
    offset = {"yOffset": alt.YOffset("pair:N", sort=pairs)} if several else {}
    colour = elements.colours_of("pair", pairs, layout) if several else alt.value(PALETTE[0])
    marks = elements.rows_named("rows")
    significant, others = marks.transform_filter("datum.significant"), marks.transform_filter("!datum.significant")
    chart = alt.layer(
        elements.unity_line(),
        marks.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour, **offset),
        significant.mark_point(filled=True, size=75, opacity=1).encode(x=x, y=y, color=colour, **offset),
        others.mark_point(filled=False, fill="white", size=75, strokeWidth=2, opacity=1).encode(
            x=x, y=y, color=colour, **offset
        ),
    )
    height = alt.Step(22 + 10 * len(pairs) * several, **{"for": "position"})
    return chart.properties(width=layout.panel_px(600), height=height)
