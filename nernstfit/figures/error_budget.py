"""Figure of the sources of the variance of each ratio."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from nernstfit.contract.findings import NO_GROUP
from nernstfit.contract.terms import ErrorSource
from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure

# Sources that differ between cells in cold colours, sources common to all cells in warm ones.
_COLOURS: Mapping[ErrorSource, str] = {
    ErrorSource.NOISE: "#9fc5e0",
    ErrorSource.CELLS: "#0072b2",
    ErrorSource.BATCH: "#1d3f72",
    ErrorSource.OFFSET: "#009e73",
    ErrorSource.JUNCTION: "#d55e00",
    ErrorSource.ACTIVITY: "#e69f00",
    ErrorSource.TEMPERATURE: "#cc79a7",
    ErrorSource.CONCENTRATION: "#7a5c00",
    ErrorSource.EQUILIBRIA: "#5b4a8a",
    ErrorSource.CAPACITANCE: "#8c2d04",
    ErrorSource.FILTER: "#f0c987",
}
# Smallest fraction of the variance that is drawn and named in the legend: 0.1 % is 0.4 px of a bar. Ten times more
# would hide sources that can be seen, a tenth would fill the legend with sources that cannot.
_MIN_SHARE = 1e-3


def draw_error_budget(rows: pd.DataFrame, ions: Sequence[str]) -> Figure:
    """Draw the sources of the variance of each ratio, a bar per ion.

    Parameters
    ----------
    rows : DataFrame
        Rows of error_budget.csv, at least one.
    ions : sequence of str
        Ions from top to bottom.

    Returns
    -------
    Figure
    """
    largest = rows.groupby("source")["variance_share"].max()
    sources = [source for source in ErrorSource if largest.get(source, 0.0) >= _MIN_SHARE]
    rows = rows[rows["source"].isin(sources)]
    data = elements.with_group_names(rows).assign(
        percent=100 * rows["variance_share"],
        rank=rows["source"].map(sources.index),
        source=[ErrorSource(source).label for source in rows["source"]],
    )[["group", "ion", "source", "percent", "rank"]]
    source = data.rename(columns={"percent": "percent_of_variance"})[["group", "ion", "source", "percent_of_variance"]]
    return Figure("error_budget", functools.partial(_chart, data, sources, ions), {"rows": data}, source)


def _chart(data: pd.DataFrame, sources: Sequence[ErrorSource], ions: Sequence[str], layout: Layout) -> Chart:
    groups, colours = sorted(set(data["group"])), _source_colours(sources, layout)
    panels = [
        _bars(data, group, groups, ions).encode(color=colours).properties(width=layout.panel_px(430))
        for group in groups
    ]
    chart: Chart = alt.vconcat(*panels, spacing=14).resolve_scale(color="shared")
    return chart


def _source_colours(sources: Sequence[ErrorSource], layout: Layout) -> alt.Color:
    names = [source.label for source in sources]
    scale = alt.Scale(domain=names, range=[_COLOURS[source] for source in sources])
    return alt.Color("source:N", scale=scale, legend=elements.legend(names, layout, title="source"))


def _bars(data: pd.DataFrame, group: str, groups: Sequence[str], ions: Sequence[str]) -> alt.Chart:
    """Draw the bars of one group; the last group carries the title of the axis."""
    own = data[data["group"] == group]
    bars = elements.only(elements.rows_named("rows"), "group", group).mark_bar(stroke="white", strokeWidth=0.8)
    axis = alt.Axis(values=[0, 25, 50, 75, 100], title="% of the variance of ln P" if group == groups[-1] else None)
    panel: alt.Chart = bars.encode(
        x=alt.X("percent:Q", scale=alt.Scale(domain=[0, 100]), axis=axis),
        y=alt.Y("ion:N", sort=[ion for ion in ions if ion in set(own["ion"])], title=None),
        order="rank:O",
    )
    title = group if len(groups) > 1 or group != NO_GROUP else ""
    return panel.properties(height=alt.Step(24), title=title)
