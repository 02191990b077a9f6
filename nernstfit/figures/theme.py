"""Colours, fonts, line widths and sizes of the report's figures, as Vega-Lite configuration."""

from __future__ import annotations

from typing import Any

INK, SOFT, FAINT, ACCENT = "#26292e", "#6b7280", "#d5d8dd", "#b3382c"
CELLS = "#b4bac4"  # of lines of single cells behind their mean
GRID, WINDOW = "#eceef1", "#eef0f3"
# Okabe & Ito's palette, which readers with any colour vision can distinguish, then darker shades of it.
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#5b4a8a", "#7a5c00", "#004c3f", "#8c2d04", "#999999", "#000000"),
)
# Shapes of marks, by the names of Vega. Five with the twelve colours of the palette recur together after sixty.
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down")
LOOKS = tuple((PALETTE[i % len(PALETTE)], SHAPES[i % len(SHAPES)]) for i in range(len(PALETTE) * len(SHAPES)))
"""Colour and shape of each bath, by its place among the names of all baths of a run."""
# Colours of a scale of voltages or sweeps, from the lowest to the highest.
LEVELS = ("#1d3f72", "#6a4c93", "#b5497b", "#e0693f", "#e9a13b")
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
# Size of letters, px: 8 points where a figure is printed at its size. At half nobody reads them, at double the labels
# of an axis overlap.
LETTERS_PX = 11
# Width of axes and length of their ticks, px. At half they vanish on paper, at double they compete with the data.
LINE_PX, TICK_PX = 0.8, 4
# Longest title, px: the width of the widest figure. At half names of recordings are cut, at double they leave the page.
TITLE_LIMIT_PX = 700

THEME: dict[str, Any] = {
    "aria": False,
    "background": "white",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": SOFT,
        "domainWidth": LINE_PX,
        "gridColor": GRID,
        "gridWidth": LINE_PX,
        "labelColor": INK,
        "labelFlush": False,
        "labelFontSize": LETTERS_PX,
        "labelLimit": 170,
        "tickColor": SOFT,
        "tickSize": TICK_PX,
        "tickWidth": LINE_PX,
        "titleColor": INK,
        "titleFontSize": LETTERS_PX,
        "titleFontWeight": "normal",
        "titlePadding": 7,
    },
    "axisY": {"titleAngle": -90},
    "legend": {
        "labelColor": INK,
        "labelFontSize": LETTERS_PX,
        "labelLimit": 170,
        "titleColor": SOFT,
        "titleFontSize": LETTERS_PX,
        "titleFontWeight": "normal",
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": LETTERS_PX,
        "limit": TITLE_LIMIT_PX,
        "subtitleColor": SOFT,
        "subtitleFontSize": LETTERS_PX,
        "offset": 6,
    },
    "concat": {"spacing": 20},
}
