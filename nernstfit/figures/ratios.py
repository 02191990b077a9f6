"""Figure of permeability ratios with their intervals."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from nernstfit.contract.terms import RatioVerdict
from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import INK, PALETTE, SOFT

# Length of the arrow of a one-sided bound, as a factor of the ratio: 2.5 is about half a decade, clearly longer than
# a symbol; at the double the axis becomes wider for the arrows alone, at the half the arrow hides behind its symbol.
_ARROW_FACTOR = 2.5


def drawn(found: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of permeabilities.csv that the figure can show: with an interval or a bound, or held."""
    return found[found[["low", "high"]].notna().any(axis=1) | (found["verdict"] == RatioVerdict.HELD)]


def draw_ratios(found: pd.DataFrame, cells: pd.DataFrame, truth: Mapping[str, float], ions: Sequence[str]) -> Figure:
    """Draw permeability ratios with their intervals on a logarithmic axis.

    Parameters
    ----------
    found : DataFrame
        Rows of permeabilities.csv of one model, as from `drawn`; at least one.
    cells : DataFrame
        Rows of cells.csv of the same model.
    truth : mapping of str to float
        True ratio of each ion, where known.
    ions : sequence of str
        Ions from top to bottom.

    Returns
    -------
    Figure
    """
    shown = elements.with_group_names(_ratio_marks(found))
    every = cells[cells["ion"].isin(shown["ion"]) & cells["ratio"].notna()][["group", "cell", "ion", "ratio"]]
    single = elements.with_group_names(elements.evenly(every, "ratio", "ion"))
    order = [ion for ion in ions if ion in set(shown["ion"])]
    true = pd.DataFrame([{"ion": ion, "ratio": truth[ion]} for ion in order if ion in truth], columns=["ion", "ratio"])
    ends = pd.concat([shown[["at", "low", "high"]].stack(), single["ratio"], true["ratio"]])
    low, high = float(ends.min()) / 1.2, float(ends.max()) * 1.2
    reference = found["reference"].iloc[0]
    data = {"ratios": shown, "cells": single[["group", "ion", "ratio"]], "truth": true}
    data["one"] = pd.DataFrame({"at": [1.0] if low <= 1 <= high else []})
    chart = functools.partial(_chart, shown, order, reference, (low, high))
    kinds = {"ratio": elements.with_group_names(found), "cell": single, "true ratio": true}
    source = pd.concat([rows.assign(drawn=kind, reference=reference) for kind, rows in kinds.items()])
    source = source.reindex(columns=["drawn", "group", "ion", "reference", "cell", "verdict", "ratio", "low", "high"])
    return Figure("ratios", chart, data, source, len(single) < len(every))


def _chart(
    shown: pd.DataFrame, order: Sequence[str], reference: str, ends: tuple[float, float], layout: Layout
) -> Chart:
    x = alt.X(
        "at:Q",
        scale=alt.Scale(type="log", domain=list(ends), nice=False),
        title=f"permeability relative to {reference}",
        axis=elements.log_axis(*ends, 4),
    )
    groups = sorted(set(shown["group"]))
    colour = elements.colours_of("group", groups, layout) if len(groups) > 1 else alt.value(PALETTE[0])
    chart = alt.layer(*_layers(x, elements.ion_axis(order, reference), groups, colour))
    height = alt.Step(22 + 10 * len(groups), **{"for": "position"})
    return chart.properties(width=layout.panel_px(600), height=height)


def _layers(x: alt.X, y: alt.Y, groups: Sequence[str], colour: Any) -> list[alt.Chart]:
    """Return, from back to front: ratio 1, true ratios, single cells, intervals, ratios, bounds, arrows."""
    offset = {"yOffset": alt.YOffset("group:N", sort=list(groups))} if len(groups) > 1 else {}
    marks, one_cell = elements.rows_named("ratios"), elements.rows_named("cells")
    estimates, bounds = marks.transform_filter("datum.tip == null"), marks.transform_filter("datum.tip != null")
    shape = alt.Shape("shape:N", scale=None, legend=None)
    return [
        elements.unity_line(),
        elements.rows_named("truth").mark_tick(color=INK, thickness=1.6, size=22).encode(x="ratio:Q", y=y),
        one_cell.mark_point(filled=True, size=18, opacity=0.4, color=SOFT).encode(x="ratio:Q", y=y, **offset),
        marks.transform_filter("datum.low != null && datum.high != null")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour, **offset),
        estimates.mark_point(filled=True, size=75, opacity=1).encode(x=x, y=y, color=colour, shape=shape, **offset),
        bounds.mark_point(filled=False, fill="white", size=75, strokeWidth=2, opacity=1).encode(
            x=x, y=y, color=colour, **offset
        ),
        bounds.mark_point(filled=True, size=60, opacity=1).encode(x="tip:Q", y=y, color=colour, shape=shape, **offset),
    ]


def _ratio_marks(found: pd.DataFrame) -> pd.DataFrame:
    """Return the position of each mark: an estimate within its interval, a held ratio, or a bound with its arrow."""
    rows = []
    for row in found.to_dict("records"):
        mark = {"group": row["group"], "ion": row["ion"], "low": row["low"], "high": row["high"]}
        if row["verdict"] == RatioVerdict.UPPER_BOUND:
            tip = row["high"] / _ARROW_FACTOR
            mark |= {"at": row["high"], "low": tip, "tip": tip, "shape": "triangle-left"}
        elif row["verdict"] == RatioVerdict.LOWER_BOUND:
            tip = row["low"] * _ARROW_FACTOR
            mark |= {"at": row["low"], "high": tip, "tip": tip, "shape": "triangle-right"}
        else:
            shape = "diamond" if row["verdict"] == RatioVerdict.HELD else "circle"
            mark |= {"at": row["ratio"], "tip": None, "shape": shape}
        rows.append(mark)
    return pd.DataFrame(rows, columns=["group", "ion", "at", "low", "high", "tip", "shape"])
