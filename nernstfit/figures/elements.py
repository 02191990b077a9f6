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
from nernstfit.figures.theme import PALETTE, SOFT
from nernstfit.figures.ticks import log_ticks

ZERO = pd.DataFrame({"zero": [0.0]})
# Most names on an axis that are given a row of `_ROW_PX` each: an axis of more keeps the height of this many, and
# labels that would overlap are left out. Half as many drops labels that fit a page, twice as many exceed a page.
_MAX_ROWS = 40
# Height of one name on an axis, px: 11-pixel labels need at least 14; twice as much spreads a figure over two pages.
_ROW_PX = 19
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


def axis_height(names: pd.Series) -> Any:
    """Return the height of an axis of names: one row each, or a fixed height where there are many."""
    return alt.Step(_ROW_PX) if names.nunique() <= _MAX_ROWS else _ROW_PX * _MAX_ROWS


def colours_of(field: str, names: Sequence[str]) -> alt.Color:
    """Assign the colours of the palette to the names of a column, in their order."""
    palette = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(names), range=palette))


def bath_colours(rows: pd.DataFrame) -> alt.Color:
    """Assign a colour to each bath of the rows."""
    return colours_of("bath", sorted(set(rows["bath"])))


def with_group_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows without a group a group name that a legend can show."""
    return rows.assign(group=rows["group"].replace("", NO_GROUP))
