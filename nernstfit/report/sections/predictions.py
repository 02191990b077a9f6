"""Section on measured and predicted potentials."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.figures import predictions
from nernstfit.report.blocks import Block, Cell, Grid, Link, Text, grid, picture
from nernstfit.report.numbers import fixed, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import counted

_PROSE = Prose("predictions")


def blocks(results: Results) -> Iterator[Block]:
    """Yield measured against predicted potentials."""
    rows = _predicted(results)
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    rms = float((rows["residual_mV"] ** 2).mean() ** 0.5)
    number = counted(len(rows), "residual")
    yield Text(_PROSE("introduction", residuals=number, rms=significant(rms, 2)))
    if (results.reversals["pipette"] == "").any():
        yield Text(_PROSE("unknown_inside"), "note")
    yield picture(predictions.draw_predictions(rows, results.baths), _PROSE("predictions"))


def residuals(results: Results) -> Iterator[Block]:
    """Yield the residuals by bath and by cell."""
    rows = _predicted(results)
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    figure = predictions.draw_residuals(rows.assign(cell=results.cell_names(rows)), results.baths)
    has_offsets = bool(predictions.has_offset(rows).any()) and not figure.is_part
    yield picture(figure, _PROSE("residuals", by_cell=not figure.is_part, has_offsets=has_offsets))
    yield _by_bath(results, rows)


def _by_bath(results: Results, rows: pd.DataFrame) -> Grid:
    """Return the mean residual of each bath, the farthest from zero first, and its largest one."""
    grouped = rows.groupby("bath")["residual_mV"]
    baths = grouped.agg(["size", "mean", "std"]).sort_values("mean", key=abs, ascending=False, kind="stable")
    largest = rows.loc[rows["residual_mV"].abs().groupby(rows["bath"]).idxmax().loc[baths.index]]
    columns: dict[str, list[Cell]] = {
        "bath": list(baths.index),
        "n": [fixed(number, 0) for number in baths["size"]],
        "mean residual, mV": [fixed(value, 2, sign=True) for value in baths["mean"]],
        "SD, mV": [fixed(value, 2) for value in baths["std"]],
        "largest, mV": [fixed(value, 2, sign=True) for value in largest["residual_mV"]],
        "of": [Link(name, results.places["measurement", name]) for name in largest["measurement"]],
    }
    return grid(columns, ("bath", "of"), _PROSE("by_bath"))


def _predicted(results: Results) -> pd.DataFrame:
    """Return the residuals of the measurements that the configured model predicts."""
    rows = results.of_model("residuals")
    rows = rows[rows["residual_mV"].notna()]
    return rows.assign(link=[f"#{results.places['measurement', name]}" for name in rows["measurement"]])
