"""Figures of a finished run, drawn again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nernstfit.contract.errors import InputError, nearest
from nernstfit.library import results, verification

if TYPE_CHECKING:
    from nernstfit.figures.drawing import Drawing

FIGURES = Path("results", "figures")
MEASUREMENT = "measurement"
"""Name of the figure of single measurements, which every run has."""


def names(folder: Path) -> list[str]:
    """Return the names of the figures of a run, that of single measurements last."""
    return [*sorted(path.stem for path in (folder / FIGURES).glob("*.svg")), MEASUREMENT]


def figure(folder: Path, name: str, measurements: Sequence[str] = ()) -> Drawing:
    """Return a figure of a finished run.

    Parameters
    ----------
    folder : Path
        Experiment folder.
    name : str
        One of `names`.
    measurements : sequence of str
        The measurements of the figure `MEASUREMENT`, at least one; none of another.

    Raises
    ------
    InputError
        Where the run is not complete, or has no such figure or measurement.
    """
    content = verification.manifest(folder)
    if name not in names(folder):
        hint = nearest(name, names(folder))
        near = f"the nearest name is '{hint}', " if hint else ""
        raise InputError(f"{folder}: there is no figure '{name}'; {near}the run has {', '.join(names(folder))}")
    if (name == MEASUREMENT) != bool(measurements):
        got = f"got none, expected one or more with the figure '{MEASUREMENT}'"
        raise InputError(f"--measurement: {f'expected none with the figure {name!r}' if measurements else got}")
    found = results.load(folder)
    if name == MEASUREMENT:
        drawing = found.plot_measurements(*measurements)
        return replace(drawing, name=re.sub(r"[^\w.+-]+", "_", "-".join([MEASUREMENT, *measurements])))
    from nernstfit.report import build, truth  # noqa: PLC0415 - all sections, slow to import
    from nernstfit.report.results import Results  # noqa: PLC0415

    path = truth.truth_file(content["inputs"])
    reference = content["config"]["fit"]["reference_ion"]
    known = truth.true_ratios(folder / path, reference) if path and (folder / path).is_file() else {}
    drawings = build.drawings(Results(found.tables, (), content, truth=known))
    return next(drawing for drawing in drawings if drawing.name == name)


def written(drawing: Drawing, folder: Path, size: tuple[float, float], formats: Sequence[str]) -> Iterator[Path]:
    """Write a figure for a paper, and its data as CSV.

    Parameters
    ----------
    drawing : Drawing
    folder : Path
        Made where it is missing.
    size : (float, float)
        Width in mm, and size of the letters in points.
    formats : sequence of str
        `svg`, `pdf`, `png`.

    Yields
    ------
    Path
        Of each file.

    Raises
    ------
    InputError
        Where the figure has no room, or the folder cannot be written.
    """
    from nernstfit.figures import paper, source  # noqa: PLC0415 - slow to import

    printed = paper.printed(drawing, *size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending in formats:
            path = folder / f"{drawing.name}.{ending}"
            path.write_bytes(getattr(printed, ending))
            yield path
        path = folder / f"{drawing.name}.csv"
        source.write(path, drawing)
        yield path
    except OSError as fault:
        raise InputError(f"{fault.filename}: cannot be written ({fault.strerror})") from None
