"""Rendering of a figure that altair describes: from charts and their rows to a drawing.

A chart names its data, and `Figure` carries the rows beside it: nothing in a specification
depends on a hash, a counter or the order in which figures are made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.sax import saxutils

import altair as alt
import pandas as pd
from altair.utils import schemapi

from nernstfit.figures.drawing import Drawing, vega_svg
from nernstfit.figures.theme import THEME

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart | alt.FacetChart


@dataclass(frozen=True)
class Figure:
    """Charts, one below the other, and the rows that they name.

    Attributes
    ----------
    name : str
        Name of its files, without ending.
    charts : tuple of altair charts
        Every part of them takes its data by name.
    data : mapping of str to DataFrame
    is_part : bool
        True where some points of many are drawn.
    """

    name: str
    charts: tuple[Chart, ...]
    data: Mapping[str, pd.DataFrame]
    is_part: bool = False


def unvalidated() -> AbstractContextManager[None]:
    """Return a context in which altair does not check every part of a chart against its schema.

    The charts are the program's own and the same but for their data; checking them takes a tenth of a report's time.
    """
    return schemapi.debug_mode(False)


def render(figure: Figure, shows: str = "") -> Drawing:
    """Draw a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    shows : str
        What it shows, for those who do not see it; its name if empty.

    Returns
    -------
    Drawing
    """
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    svg = _with_places(_own_ids(vega_svg(_specification(figure), version), figure.name))
    return Drawing(figure.name, _described(svg, shows or figure.name))


def _specification(figure: Figure) -> dict[str, Any]:
    """Return the figure as a Vega-Lite specification."""
    parts = [_part(chart) for chart in figure.charts]
    stacked = {"vconcat": parts, "spacing": 22, "resolve": {"scale": {"color": "independent"}}}
    spec = stacked if len(parts) > 1 else parts[0]
    rows = {name: _records(frame) for name, frame in figure.data.items()}
    return spec | {"$schema": alt.SCHEMA_URL, "config": THEME, "datasets": rows}


def _part(chart: Chart) -> dict[str, Any]:
    """Return a chart as Vega-Lite holds it, without what the figure states once."""
    whole = chart.to_dict(validate=False)
    return {key: whole[key] for key in whole if key not in ("$schema", "config")}


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return rows as JSON holds them: a missing value is null."""
    columns = [_values(frame[name]) for name in frame]
    return [dict(zip(frame, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column, None where one is missing."""
    values, missing = column.tolist(), column.isna()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)] if missing.any() else values


def _described(svg: str, shows: str) -> str:
    """Give the whole figure its words, in place of the renderer's roles of its parts, which have none."""
    svg = re.sub(r' (?:role|aria-roledescription)="[^"]*"', "", svg)
    label = saxutils.escape(shows, {'"': "&quot;"})
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _with_places(svg: str) -> str:
    """Replace links to a place of the page, which the renderer completes to an address elsewhere, by its name.

    The page's script leads there: a link within a picture is one that nobody who hears the page can tell from others.
    """
    return re.sub(r'<a xlink:href="[^"#]*#([^"]*)">(.*?)</a>', r'<g data-to="\1">\2</g>', svg, flags=re.DOTALL)


def _own_ids(svg: str, name: str) -> str:
    """Replace the ids of an SVG by its name and their number in it.

    The renderer counts them through the whole process, and several figures share one page.
    """
    found = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    own = {old: f"{name}-{number}" for number, old in enumerate(found, start=1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{own[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{own.get(match[1], match[1])})", svg)
