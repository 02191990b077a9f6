"""Colours, fonts, line widths and sizes of the report's figures, as Vega-Lite configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INK, SOFT, FAINT, ACCENT = "#26292e", "#6b7280", "#d5d8dd", "#b3382c"
# Okabe & Ito's palette, which readers with any colour vision can distinguish, then darker shades of it.
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#5b4a8a", "#7a5c00", "#004c3f", "#8c2d04", "#999999", "#000000"),
)
# Colours of a scale of voltages or sweeps, from the lowest to the highest.
LEVELS = ("#1d3f72", "#6a4c93", "#b5497b", "#e0693f", "#e9a13b")
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

THEME: Mapping[str, Any] = {
    "aria": False,
    "background": "white",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": SOFT,
        "domainWidth": 0.8,
        "gridColor": "#eceef1",
        "gridWidth": 0.8,
        "labelColor": INK,
        "labelFlush": False,
        "labelFontSize": 11,
        "labelLimit": 170,
        "tickColor": SOFT,
        "tickSize": 4,
        "tickWidth": 0.8,
        "titleColor": INK,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 7,
    },
    "axisY": {"titleAngle": -90},
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "labelLimit": 170,
        "titleColor": SOFT,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 12,
        "limit": 700,
        "subtitleColor": SOFT,
        "subtitleFontSize": 11,
        "offset": 6,
    },
    "concat": {"spacing": 20},
}
