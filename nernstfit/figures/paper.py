"""Figures at the width of a journal's column: SVG, PDF and PNG of exactly this width, with letters of a given size."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nernstfit.contract.errors import InputError
from nernstfit.figures.drawing import Drawing, pdf_of, png_of
from nernstfit.figures.layout import Layout
from nernstfit.figures.theme import LETTERS_PX

PNG_PPI = 600
"""Pixels of a PNG per inch, which journals ask for where pictures hold lines and letters."""
_MM, _PT = 25.4, 72.0  # in an inch
# Most times that a figure is laid out: the first tells how much its labels and its legend take, each further one how
# much other labels take. At half some figures miss the width, at double those that have no room take a second longer.
_MAX_TRIALS = 6
# Width that may be left over, px: .8 mm. At half more figures need a further trial, at double it is seen.
_SPARE_PX = 4.0
# Least sum of the lengths of axes beside each other, px: four labels. At half they are illegible, at double columns
# with long names in them are refused.
_LEAST_AXES_PX = 80.0


@dataclass(frozen=True)
class Printed:
    """A figure of some width on paper.

    Attributes
    ----------
    width_mm, height_mm : float
    box : str
        The part of the plane that is shown, as an SVG's viewBox.
    words : str
        What it shows, for those who do not see it, as an attribute of an SVG.
    content : str
        SVG elements.
    """

    width_mm: float
    height_mm: float
    box: str
    words: str
    content: str

    @property
    def svg(self) -> bytes:
        """SVG file, its size in mm."""
        return self._sized(f"{self.width_mm:.6g}mm", f"{self.height_mm:.6g}mm").encode() + b"\n"

    @property
    def pdf(self) -> bytes:
        """PDF file of one page, its size in points."""
        return pdf_of(self._sized(*(f"{mm / _MM * _PT:.6g}" for mm in (self.width_mm, self.height_mm))))

    @property
    def png(self) -> bytes:
        """PNG file of `PNG_PPI`, which is written in it."""
        # The converter leaves out a part of a pixel.
        pixels = (round(mm / _MM * PNG_PPI) + 0.01 for mm in (self.width_mm, self.height_mm))
        return png_of(self._sized(*(f"{count / PNG_PPI * _PT:.9g}" for count in pixels)), ppi=PNG_PPI)

    def _sized(self, width: str, height: str) -> str:
        spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        size = f'width="{width}" height="{height}" viewBox="{self.box}"'
        return f'<svg {spaces} role="img" aria-label="{self.words}" {size}>{self.content}</svg>'


def printed(drawing: Drawing, width_mm: float, lettering_pt: float) -> Printed:
    """Lay a figure out for a width on paper.

    Parameters
    ----------
    drawing : Drawing
    width_mm : float
        Of the whole figure.
    lettering_pt : float
        Size of all letters.

    Returns
    -------
    Printed

    Raises
    ------
    InputError
        Where the figure has no room.
    """
    width_px = width_mm / _MM * _PT / lettering_pt * LETTERS_PX
    svg = _laid_out(drawing, width_px)
    if not svg:
        raise InputError(
            f"the figure '{drawing.name}' has no room on {width_mm:g} mm with letters of {lettering_pt:g} pt; "
            "expected a larger width, or smaller letters"
        )
    head, _, rest = svg.partition(">")
    taken_px, height_px = _size(svg)
    left = (taken_px - width_px) / 2  # as much room on either side
    box = f"{left:.6g} 0 {width_px:.9g} {height_px:g}"
    ground = f'<rect x="{left:.6g}" width="{width_px:.9g}" height="{height_px:g}" fill="white"/>'
    (words,) = re.findall(r' aria-label="([^"]*)"', head)
    height_mm = height_px * width_mm / width_px
    return Printed(width_mm, height_mm, box, words, ground + rest.removesuffix("</svg>"))


def _laid_out(drawing: Drawing, width_px: float) -> str:
    """Return the SVG whose width comes closest to one without exceeding it; '' where there is none."""
    found, axes_px, least_spare = "", width_px, width_px
    for _ in range(_MAX_TRIALS):
        if axes_px < _LEAST_AXES_PX:
            break
        svg = drawing.draw(Layout(width_px, axes_px))
        spare = width_px - _size(svg)[0]
        if 0 <= spare < least_spare:
            found, least_spare = svg, spare
        if 0 <= spare <= _SPARE_PX:
            break
        axes_px += spare - _SPARE_PX / 2
    return found


def _size(svg: str) -> tuple[float, float]:
    """Return width and height of an SVG in px."""
    head = svg.partition(">")[0]
    width, height = (re.findall(rf' {side}="([\d.]+)"', head)[0] for side in ("width", "height"))
    return float(width), float(height)
