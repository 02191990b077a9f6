"""A figure: SVG for the room that there is, the PNG that is made of it, and the data that it shows.

The converter brings Liberation Sans along and looks for no other font: a PNG has the same bytes
whatever fonts a machine has (where fontconfig finds them, as on Linux; on other systems the
converter searches their font folders by itself).
"""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert

from nernstfit.contract.errors import InputError
from nernstfit.figures.layout import PAGE, Layout

if TYPE_CHECKING:
    import pandas as pd

# Pixels of the PNG per pixel of the SVG: 1.5 keeps 11-pixel labels sharp in a document or on a slide; twice as much
# gives files of some four times the size, half as much labels that are hard to read.
PNG_SCALE = 1.5
# Entries of a dictionary of a PDF's resources, one a line, in the order in which the converter happens to have them.
_RESOURCES = re.compile(rb"(?<=<<\n)(?: +/[a-z]+\d+ \d+ 0 R\n)+")


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure, which is drawn where it is asked for. A notebook shows it.

    Attributes
    ----------
    name : str
        Of its files, without ending.
    draw : callable
        Returns the SVG, with ids of its own, in the room of a `Layout`; the same bytes for the same.
    source : callable
        Returns the data as drawn, a DataFrame whose columns are named with their units.
    """

    name: str
    draw: Callable[[Layout], str] = field(repr=False)
    source: Callable[[], pd.DataFrame] = field(repr=False)

    @functools.cached_property
    def svg(self) -> str:
        """SVG text of the size that the figure has on a page."""
        return self.draw(PAGE)

    @functools.cached_property
    def png(self) -> bytes:
        """Bytes of a PNG file of `PNG_SCALE` times the size of the SVG; the same bytes for the same SVG."""
        return png_of(self.svg, scale=PNG_SCALE)

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


def vega_svg(specification: dict[str, Any], version: str) -> str:
    """Draw a Vega-Lite specification as SVG."""
    _use_own_fonts()
    return str(vl_convert.vegalite_to_svg(specification, vl_version=version))


def png_of(svg: str, **size: float) -> bytes:
    """Return the PNG of an SVG; `size` is a `scale`, or a resolution in pixels per inch, `ppi`."""
    _use_own_fonts()
    made: bytes = vl_convert.svg_to_png(svg, **size)
    return made


def pdf_of(svg: str) -> bytes:
    """Return the PDF of an SVG, a pixel of which is a point of the page; the same bytes for the same SVG."""
    _use_own_fonts()
    made: bytes = vl_convert.svg_to_pdf(svg)
    return _RESOURCES.sub(lambda match: b"".join(sorted(match[0].splitlines(keepends=True))), made)


def _use_own_fonts() -> None:
    """Name the fonts to the converter, which looks for them when it draws for the first time."""
    os.environ["FONTCONFIG_FILE"] = str(resources.files("nernstfit.figures") / "fonts.conf")
