"""A drawn figure: SVG, and the PNG that is made of it where it is asked for.

The converter brings Liberation Sans along and looks for no other font: a PNG has the same bytes
whatever fonts a machine has (where fontconfig finds them, as on Linux; on other systems the
converter searches their font folders by itself).
"""

from __future__ import annotations

import base64
import functools
import os
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import vl_convert

from nernstfit.contract.errors import InputError

# Pixels of the PNG per pixel of the SVG: 1.5 keeps 11-pixel labels sharp in a document or on a slide; twice as much
# gives files of some four times the size, half as much labels that are hard to read.
PNG_SCALE = 1.5


@dataclass(frozen=True)
class Drawing:
    """A drawn figure as SVG text, with ids of its own. A notebook shows it."""

    name: str
    svg: str = field(repr=False)

    @functools.cached_property
    def png(self) -> bytes:
        """Bytes of a PNG file of `PNG_SCALE` times the size of the SVG; the same bytes for the same SVG."""
        _use_own_fonts()
        made: bytes = vl_convert.svg_to_png(self.svg, scale=PNG_SCALE)
        return made

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


def _use_own_fonts() -> None:
    """Name the fonts to the converter, which looks for them when it draws for the first time."""
    os.environ["FONTCONFIG_FILE"] = str(resources.files("nernstfit.figures") / "fonts.conf")
