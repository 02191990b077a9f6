"""Rendering of a figure that altair describes: from charts and their rows to a drawing.

A chart names its data, and `Figure` carries the rows beside it: nothing in a specification
depends on a hash, a counter or the order in which figures are made.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.sax import saxutils

import altair as alt
import pandas as pd
from altair.utils import schemapi

from nernstfit.figures.drawing import Drawing, vega_svg
from nernstfit.figures.layout import Layout
from nernstfit.figures.theme import THEME

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart | alt.FacetChart


@dataclass(frozen=True)
class Figure:
    """A chart, and the rows that it names.

    Attributes
    ----------
    name : str
        Name of its files, without ending.
    chart : callable
        Returns the altair chart for the room that there is; every part of it takes its data by name.
    data : mapping of str to DataFrame
    source : DataFrame
        The data as drawn, columns named with their units.
    is_part : bool
        True where some points of many are drawn.
    """

    name: str
    chart: Callable[[Layout], Chart]
    data: Mapping[str, pd.DataFrame]
    source: pd.DataFrame
    is_part: bool = False


def unvalidated() -> AbstractContextManager[None]:
    """Return a context in which altair does not check every part of a chart against its schema.

    The charts are the program's own and the same but for their data; checking them takes a tenth of a report's time.
    """
    return schemapi.debug_mode(False)


def render(figure: Figure, shows: str = "") -> Drawing:
    """Return a figure as a drawing; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    shows : str
        What it shows, for those who do not see it; its name if empty.

    Returns
    -------
    Drawing
    """
    return Drawing(figure.name, functools.partial(_svg, figure, shows or figure.name), lambda: figure.source)


def _svg(figure: Figure, shows: str, layout: Layout) -> str:
    """Draw a figure."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    with unvalidated():
        specification = _specification(figure, layout)
    return _described(_with_places(_own_ids(vega_svg(specification, version), figure.name)), shows)


def _specification(figure: Figure, layout: Layout) -> dict[str, Any]:
    """Return the figure as a Vega-Lite specification."""
    whole = figure.chart(layout).to_dict(validate=False)
    rows = {name: _records(frame) for name, frame in figure.data.items()}
    config = THEME | {"title": THEME["title"] | {"fontWeight": layout.title_weight}}
    return whole | {"$schema": alt.SCHEMA_URL, "config": config, "datasets": rows}


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
