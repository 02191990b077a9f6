"""Section on the effect of each correction."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.terms import CorrectionStep, RatioVerdict
from nernstfit.figures.corrections import draw_corrections
from nernstfit.report.blocks import Block, Grid, Text, grid, picture
from nernstfit.report.numbers import Estimate, estimate, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading

_PROSE = Prose("corrections")
_SHIFTS = {
    "raw_mV": "raw",
    "leak_shift_mV": "leak",
    "rs_shift_mV": "series resistance",
    "junction_mV": "junction",
    "corrected_mV": "corrected",
}


def blocks(results: Results) -> Iterator[Block]:
    """Yield the ratios after each correction, and the shifts of the potentials by bath."""
    rows = results.tables["corrections"]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    yield Text(_PROSE("introduction"))
    drawn = rows[rows[["ratio", "low", "high"]].notna().any(axis=1)]
    if len(drawn):
        caption = _PROSE(
            "figure",
            reference=results.fit["reference_ion"],
            confidence=results.confidence,
            has_bounds=drawn["ratio"].isna().any(),
            has_rejected=(drawn["verdict"] == RatioVerdict.MODEL_REJECTED).any(),
            has_held=(drawn["verdict"] == RatioVerdict.HELD).any(),
            has_truth=bool(results.truth),
        )
        yield picture(draw_corrections(drawn, results.truth, results.permeant), caption)
    for name in results.groups:
        yield from heading(results, name)
        part = rows[rows["group"] == name]
        if len(part):
            yield _ratio_grid(results, part)
        yield _shift_grid(results.found[results.found["group"] == name])


def _ratio_grid(results: Results, rows: pd.DataFrame) -> Grid:
    records = rows.to_dict("records")
    values = {(row["step"], row["ion"]): estimate(row["ratio"], row["low"], row["high"]) for row in records}
    columns = {"correction": [step.label for step in CorrectionStep]}
    for ion in results.ions_in(rows):
        title = f"{ion} / {results.fit['reference_ion']}"
        columns[title] = [values.get((step, ion), Estimate()).both for step in CorrectionStep]
    return grid(columns, ["correction"], _PROSE("ratios", confidence=results.confidence))


def _shift_grid(rows: pd.DataFrame) -> Grid:
    medians = rows.groupby("bath")[list(_SHIFTS)].median()
    columns = {"bath": [str(bath) for bath in medians.index], "n": [str(n) for n in rows.groupby("bath").size()]}
    for name, title in _SHIFTS.items():
        columns[title] = [fixed(value, 2, sign=True) for value in medians[name]]
    return grid(columns, ["bath"], _PROSE("shifts"))
