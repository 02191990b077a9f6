"""Parts that several figures share: axes, scales, colours and reference lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from nernstfit.contract.findings import NO_GROUP
from nernstfit.contract.frames import evenly_spaced
from nernstfit.figures import svg
from nernstfit.figures.layout import Layout
from nernstfit.figures.theme import LETTERS_PX, LOOKS, PALETTE, SOFT
from nernstfit.figures.ticks import log_ticks

ZERO = pd.DataFrame({"zero": [0.0]})
# Most names on an axis that are given a row of `_ROW_PX` each: an axis of more keeps the height of this many, and
# labels that would overlap are left out. Half as many drops labels that fit a page, twice as many exceed a page.
_MAX_ROWS = 40
# Height of one name on an axis, px: 11-pixel labels need at least 14; twice as much spreads a figure over two pages.
_ROW_PX = 19
# Height of a further line of a name, and width of a symbol of a legend with the space around it, px. At half they
# touch; at double, lines read as names of their own, and a legend has half as many columns.
LINE_PX, _SYMBOL_PX = 13, 40
# Points of a figure up to which all are drawn, some 400 bytes each. More cover each other; at half the spread of an
# ordinary experiment would be that of some of its cells, at double a page of ten thousand recordings is 2 MB larger.
MAX_POINTS = 600


def evenly(rows: pd.DataFrame, value: str, by: str) -> pd.DataFrame:
    """Return the rows that are drawn: all, or of many an equal share of each part, evenly by size, both ends too."""
    if len(rows) <= MAX_POINTS:
        return rows
    chosen = []
    for _, part in rows.groupby(by, sort=True):
        order = part[value].to_numpy().argsort(kind="stable")
        share = max(2, round(MAX_POINTS * len(part) / len(rows)))
        chosen.append(part.index[order[evenly_spaced(len(part), share)]])
    return rows.loc[rows.index.isin(np.concatenate(chosen))]


def log_axis(low: float, high: float, least: int) -> alt.Axis:
    """Return a logarithmic axis with labels chosen by `log_ticks`."""
    return alt.Axis(format="~g", values=log_ticks(low, high, least))


def rows_named(name: str) -> alt.Chart:
    """Return a chart of the rows that the figure holds under a name."""
    return alt.Chart(alt.NamedData(name=name))


def only(chart: alt.Chart, field: str, value: str) -> alt.Chart:
    """Keep the rows of a chart in which a column has a value."""
    return chart.transform_filter(alt.FieldEqualPredicate(field=field, equal=value))


def zero_line(axis: str) -> alt.Chart:
    """Draw the line where an axis is zero; the figure's data must hold `ZERO` as `zero`."""
    mark: alt.Chart = rows_named("zero").mark_rule(color=SOFT, strokeWidth=0.8)
    return mark.encode(x=alt.X("zero:Q")) if axis == "x" else mark.encode(y=alt.Y("zero:Q"))


def unity_line() -> alt.Chart:
    """Draw the dashed line where a ratio is 1; the figure's data must hold a row with `at` as `one`."""
    line: alt.Chart = rows_named("one").mark_rule(color=SOFT, strokeDash=[3, 3]).encode(x="at:Q")
    return line


def ion_axis(order: Sequence[str], reference: str) -> alt.Y:
    """Return an axis of ions, each labelled `ion / reference`."""
    # A quoted name is a string in an expression, whatever it holds.
    label = alt.Axis(labelExpr=f"datum.label + {json.dumps(f' / {reference}')}")
    return alt.Y("ion:N", sort=list(order), title=None, axis=label)


def name_axis(names: pd.Series, layout: Layout, **axis: Any) -> alt.Axis:
    """Return an axis of names, the long ones in several lines."""
    return alt.Axis(**_in_lines(sorted(set(names)), layout.label_px), labelLimit=0, **axis)


def axis_height(names: pd.Series, layout: Layout) -> Any:
    """Return the height of an axis of names: one row each, or a fixed height where there are many."""
    lines = max(len(_lines(name, layout.label_px)) for name in set(names))
    row_px = _ROW_PX + (lines - 1) * LINE_PX
    return alt.Step(row_px) if names.nunique() <= _MAX_ROWS else _ROW_PX * _MAX_ROWS


def colours_of(field: str, names: Sequence[str], layout: Layout) -> alt.Color:
    """Assign the colours of the palette to the names of a column, in their order."""
    palette = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    scale = alt.Scale(domain=list(names), range=palette)
    return alt.Color(f"{field}:N", scale=scale, legend=legend(names, layout))


def bath_looks(rows: pd.DataFrame, baths: Sequence[str], layout: Layout) -> dict[str, alt.Color | alt.Shape]:
    """Assign a colour and a shape to each bath of the rows, by its place among all baths of the run."""
    names = sorted(set(rows["bath"]))
    places = {bath: place for place, bath in enumerate(baths)}
    looks = [LOOKS[places[name] % len(LOOKS)] for name in names]
    key = legend(names, layout)
    colours, shapes = (alt.Scale(domain=names, range=list(values)) for values in zip(*looks, strict=True))
    return {
        "color": alt.Color("bath:N", scale=colours, legend=key),
        "shape": alt.Shape("bath:N", scale=shapes, legend=key),
    }


def legend(names: Sequence[str], layout: Layout, **more: Any) -> alt.Legend:
    """Return a legend: beside the figure on a page, below it, in columns, in the column of a journal."""
    place: dict[str, Any] = {}
    if not layout.is_page:
        widest = max(svg.width_px(line, LETTERS_PX) for name in names for line in _lines(name, layout.label_px))
        columns = min(len(names), max(1, int(layout.width_px // (widest + _SYMBOL_PX))))
        place = {"orient": "bottom", "columns": columns, "direction": "horizontal"}
    return alt.Legend(**_in_lines(names, layout.label_px), labelLimit=0, **place, **more)


def _in_lines(names: Sequence[str], limit_px: float) -> dict[str, Any]:
    """Return the labels of an axis or a legend, where one of them needs several lines."""
    lines = [_lines(name, limit_px) for name in names]
    if all(len(each) == 1 for each in lines):
        return {}
    return {"labelExpr": f"{json.dumps(lines)}[indexof({json.dumps(list(names))}, datum.label)]"}


def _lines(name: str, limit_px: float) -> list[str]:
    return svg.wrapped(name, LETTERS_PX, limit_px)


def with_group_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows without a group a group name that a legend can show."""
    return rows.assign(group=rows["group"].replace("", NO_GROUP))
