"""Figure of the permeability ratios after each correction."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from nernstfit.contract.terms import CorrectionStep
from nernstfit.figures import elements
from nernstfit.figures.layout import Layout
from nernstfit.figures.render import Chart, Figure
from nernstfit.figures.theme import INK, PALETTE

# Least width of a panel with its labels, px, below which fewer stand beside each other: that of six steps, their names
# turned. At half these overlap, at double a column of a journal has one panel beside another's room.
_LEAST_PX = 175


def draw_corrections(corrections: pd.DataFrame, truth: Mapping[str, float], ions: Sequence[str]) -> Figure:
    """Draw the ratio of each ion after each correction, on a logarithmic axis.

    Parameters
    ----------
    corrections : DataFrame
        Rows of corrections.csv that hold a ratio or a bound, at least one.
    truth : mapping of str to float
        True ratio of each ion, where known.
    ions : sequence of str
        Ions in their order.

    Returns
    -------
    Figure
    """
    rows = elements.with_group_names(corrections).assign(
        step=corrections["step"].map(_step_name),
        at=corrections["ratio"].fillna(corrections["high"]).fillna(corrections["low"]),
        shape=np.select(
            [corrections["ratio"].notna(), corrections["high"].notna()], ["circle", "triangle-down"], "triangle-up"
        ),
    )[["group", "ion", "step", "at", "low", "high", "ratio", "shape"]]
    order = [ion for ion in ions if ion in set(rows["ion"])]
    known = pd.DataFrame([{"ion": ion, "at": truth[ion]} for ion in order if ion in truth], columns=["ion", "at"])
    true = known.rename(columns={"at": "ratio"}).assign(drawn="true ratio")
    steps = corrections.assign(drawn="correction", group=rows["group"], high=rows["high"], low=rows["low"])
    source = pd.concat([steps, true])[["drawn", "group", "ion", "step", "ratio", "low", "high"]]
    return Figure("corrections", functools.partial(_chart, rows, known, order), {"rows": rows, "truth": known}, source)


def _chart(rows: pd.DataFrame, known: pd.DataFrame, order: Sequence[str], layout: Layout) -> Chart:
    groups = sorted(set(rows["group"]))
    columns = layout.columns(len(order), 3, _LEAST_PX)
    panels = []
    for ion in order:
        own = rows[rows["ion"] == ion][["at", "low", "high"]].stack()
        y = _ratio_axis(own, known[known["ion"] == ion]["at"])
        panel = _panel(ion, y, groups, layout)
        panels.append(panel.properties(width=layout.panel_px(178, columns), height=150, title=ion))
    return alt.concat(*panels, columns=columns, bounds="flush", spacing={"row": 84, "column": 72})


def _panel(ion: str, y: alt.Y, groups: Sequence[str], layout: Layout) -> Chart:
    """Draw one ion: its true ratio, the intervals and the ratios or bounds."""
    steps = [_step_name(step) for step in CorrectionStep]
    axis = alt.Axis(labelAngle=-40, grid=False)
    x = alt.X("step:N", sort=steps, scale=alt.Scale(domain=steps), title=None, axis=axis)
    colour = elements.colours_of("group", groups, layout) if len(groups) > 1 else alt.value(PALETTE[0])
    offset = {"xOffset": alt.XOffset("group:N", sort=list(groups))} if len(groups) > 1 else {}
    shape = alt.Shape("shape:N", scale=None, legend=None)
    base = elements.only(elements.rows_named("rows"), "ion", ion)
    true = elements.only(elements.rows_named("truth"), "ion", ion)
    return alt.layer(
        true.mark_rule(color=INK, strokeWidth=1).encode(y=y),
        base.transform_filter("datum.low != null && datum.high != null")
        .mark_rule(strokeWidth=1.8)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, **offset),
        base.mark_point(filled=True, size=46, opacity=1).encode(x=x, y=y, color=colour, shape=shape, **offset),
    )


def _ratio_axis(*shown: pd.Series) -> alt.Y:
    """Return a logarithmic axis that holds these ratios, labelled around them."""
    ratios = pd.concat(shown).dropna()
    low, high = float(ratios.min()), float(ratios.max())
    margin = max((high / low) ** 0.08, 1.15)
    scale = alt.Scale(type="log", domain=[low / margin, high * margin], nice=False)
    axis = elements.log_axis(low / margin, high * margin, 3)
    return alt.Y("at:Q", scale=scale, title="permeability ratio", axis=axis)


def _step_name(step: str) -> str:
    """Return a name of a correction step that is short enough for an axis: `series R` for series_resistance."""
    return step.replace("_resistance", " R")
