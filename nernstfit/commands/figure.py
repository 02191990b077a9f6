"""Command that draws a figure of a finished run for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from nernstfit.commands.options import Quantity
from nernstfit.contract.numbers import Range

_FORMATS = ("svg", "pdf", "png")
# Widths of columns and sizes of letters that any journal may ask for: from a marginal figure to a poster. At half or
# double the ends a number is in another unit.
_WIDTHS, _LETTERS = Range(20, 1000, unit="mm"), Range(3, 48, unit="pt")


@click.command(
    epilog="""\b
Examples:
  nernstfit figure my-experiment ratios
  nernstfit figure my-experiment iv_curves --width-mm 180 --format pdf
  nernstfit figure my-experiment measurement --measurement c1_control --output paper"""
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name")
@click.option(
    "--width-mm", type=Quantity(_WIDTHS), default=85.0, show_default=True, help="Width of the whole figure. In mm."
)
@click.option(
    "--lettering-pt", type=Quantity(_LETTERS), default=7.0, show_default=True, help="Size of all letters. In points."
)
@click.option("--measurement", "measurements", multiple=True, help="With the figure `measurement`: one to draw.")
@click.option(
    "--format", "formats", type=click.Choice(_FORMATS), multiple=True, help="A format to write; without any, all."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to write into; without it, the present one.",
)
def figure(
    folder: Path, name: str, measurements: Sequence[str], formats: Sequence[str], output: Path, **size: float
) -> None:
    """Draw a figure of the last run of FOLDER at the width of a journal's column, with its data as CSV.

    NAME is that of a file of results/figures, such as ratios, iv_curves or predicted; or `measurement`, which shows the
    current traces and the I-V curve of any measurements, each named with --measurement. SVG and PDF have exactly this
    width, a PNG 600 pixels per inch of it. The same run gives the same files.
    """
    from nernstfit.commands.run import require_packages  # noqa: PLC0415
    from nernstfit.library import figure as figures  # noqa: PLC0415

    require_packages()
    drawing = figures.figure(folder, name, measurements)
    for path in figures.written(drawing, output, (size["width_mm"], size["lettering_pt"]), formats or _FORMATS):
        click.echo(path)
