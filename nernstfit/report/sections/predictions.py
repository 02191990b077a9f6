"""Section on measured and predicted potentials."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.figures import predictions
from nernstfit.report.blocks import Block, Text, picture
from nernstfit.report.numbers import significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import counted

_PROSE = Prose("predictions")


def blocks(results: Results) -> Iterator[Block]:
    """Yield measured against predicted potentials, and the residuals by bath and by cell."""
    rows = results.of_model("residuals")
    rows = rows[rows["residual_mV"].notna()]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    rms = float((rows["residual_mV"] ** 2).mean() ** 0.5)
    number = counted(len(rows), "residual")
    yield Text(_PROSE("introduction", residuals=number, rms=significant(rms, 2)))
    if (results.reversals["pipette"] == "").any():
        yield Text(_PROSE("unknown_inside"), "note")
    yield picture(predictions.draw_predictions(rows), _PROSE("predictions"))
    residuals = predictions.draw_residuals(rows.assign(cell=results.cell_names(rows)))
    has_offsets = bool(predictions.has_offset(rows).any()) and not residuals.is_part
    yield picture(residuals, _PROSE("residuals", by_cell=not residuals.is_part, has_offsets=has_offsets))
