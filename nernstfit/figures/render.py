"""Rendering of a figure: from charts and their rows to SVG and PNG.

A chart names its data, and `Figure` carries the rows beside it: nothing in a specification
depends on a hash, a counter or the order in which figures are made. The renderer brings
Liberation Sans along and looks for no other font: a PNG has the same bytes whatever fonts a
machine has (where fontconfig finds them, as on Linux; on other systems the renderer searches
their font folders by itself).
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt
import pandas as pd
import vl_convert
from altair.utils import schemapi

from nernstfit.contract.errors import InputError
from nernstfit.figures.theme import THEME

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.ConcatChart | alt.FacetChart

# Pixels of the PNG per pixel of the SVG: 1.5 keeps 11-pixel labels sharp in a document or on a slide; twice as much
# gives files of some four times the size, half as much labels that are hard to read.
PNG_SCALE = 1.5


@dataclass(frozen=True)
class Panel:
    """Charts over each other on common axes.

    Attributes
    ----------
    charts : tuple of altair charts
        The first lies below the others.
    width, height : int
        Of the axes, px.
    """

    charts: tuple[Chart, ...]
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """Panels beside each other under one title."""

    panels: tuple[Panel, ...]
    title: alt.Title
    spacing: int


@dataclass(frozen=True)
class Figure:
    """Charts, one below the other, and the rows that they name.

    Attributes
    ----------
    name : str
        Name of its files, without ending.
    charts : tuple of altair charts or of Row
        Every part of them takes its data by name.
    data : mapping of str to DataFrame
    """

    name: str
    charts: tuple[Chart | Row, ...]
    data: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Drawing:
    """A rendered figure: SVG text with ids of its own, and the bytes of a PNG file. A notebook shows it."""

    name: str
    svg: str
    png: bytes

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the figure as a notebook shows it."""
        return {"image/svg+xml": self.svg, "image/png": base64.b64encode(self.png).decode("ascii")}

    def save(self, path: str | Path) -> None:
        """Write the figure to a file, SVG or PNG by the ending of its name.

        Raises
        ------
        InputError
            Where the name has another ending.
        """
        place = Path(path)
        if place.suffix not in (".svg", ".png"):
            raise InputError(f"save: got '{path}', expected a name that ends in .svg or .png")
        place.write_bytes(self.svg.encode() if place.suffix == ".svg" else self.png)


def unvalidated() -> AbstractContextManager[None]:
    """Return a context in which altair does not check every part of a chart against its schema.

    The charts are the program's own and the same but for their data; checking them takes a tenth of a report's time.
    """
    return schemapi.debug_mode(False)


def render(figure: Figure) -> Drawing:
    """Draw a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    Drawing
        The PNG has `PNG_SCALE` times the size of the SVG.
    """
    # The renderer reads this when it draws for the first time.
    os.environ["FONTCONFIG_FILE"] = str(resources.files("nernstfit.figures") / "fonts.conf")
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    svg = _own_ids(vl_convert.vegalite_to_svg(_specification(figure), vl_version=version), figure.name)
    return Drawing(figure.name, svg, vl_convert.svg_to_png(svg, scale=PNG_SCALE))


def _specification(figure: Figure) -> dict[str, Any]:
    """Return the figure as a Vega-Lite specification."""
    parts = [_part(chart) for chart in figure.charts]
    stacked = {"vconcat": parts, "spacing": 22, "resolve": {"scale": {"color": "independent"}}}
    spec = stacked if len(parts) > 1 else parts[0]
    rows = {name: _records(frame) for name, frame in figure.data.items()}
    return spec | {"$schema": alt.SCHEMA_URL, "config": THEME, "datasets": rows}


def _part(chart: Chart | Row | Panel) -> dict[str, Any]:
    """Return a part of a figure as Vega-Lite holds it.

    Many charts are put together here, not by altair, which copies a chart whole at every level it puts around it.
    """
    if isinstance(chart, Row):
        panels = [_part(panel) for panel in chart.panels]
        return {"hconcat": panels, "title": chart.title.to_dict(validate=False), "spacing": chart.spacing}
    if isinstance(chart, Panel):
        return {"layer": [_part(part) for part in chart.charts], "width": chart.width, "height": chart.height}
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


def _own_ids(svg: str, name: str) -> str:
    """Replace the ids of an SVG by its name and their number in it.

    The renderer counts them through the whole process, and several figures share one page.
    """
    found = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    own = {old: f"{name}-{number}" for number, old in enumerate(found, start=1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{own[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{own.get(match[1], match[1])})", svg)
