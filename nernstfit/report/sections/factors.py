"""Section on the fitted factors on activities."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.correction_terms import correction_terms
from nernstfit.contract.terms import RatioVerdict
from nernstfit.report import outline
from nernstfit.report.blocks import Block, Grid, Text, grid
from nernstfit.report.numbers import criterion, degrees_of_freedom, estimate, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import joined

_PROSE = Prose("factors")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the factors of each group under every model that fits any, and what they mean."""
    rows = results.tables["activity_corrections"]
    asked = joined(map(str, correction_terms(results.fit["activity_correction"])))
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    place = outline.number_of("models")
    yield Text(_PROSE("introduction", asked=asked, confidence=results.confidence, place=place))
    for name in results.groups:
        own = rows[rows["group"] == name]
        if len(own):
            yield from heading(results, name)
            yield _grid(results, name, own)


def _grid(results: Results, group: str, rows: pd.DataFrame) -> Grid:
    """Return the factors of one group, those of the configured model first, beside the AICc of each model."""
    models = results.tables["models"]
    order = list(models[models["group"] == group]["model"])
    delta = models[models["group"] == group].set_index("model")["delta_aicc"]
    records = sorted(rows.to_dict("records"), key=lambda row: order.index(row["model"]))
    written = [estimate(row["factor"], row["low"], row["high"]) for row in records]
    columns = {
        "model": [f"{row['model']} *" if row["model"] == results.model else row["model"] for row in records],
        "Δ AICc": [criterion(delta[row["model"]]) for row in records],
        "factor on": [row["term"] for row in records],
        "verdict": [RatioVerdict(row["verdict"]).label for row in records],
        "factor": [text.ratio for text in written],
        f"{results.confidence} interval": [text.interval for text in written],
        "n cells": [fixed(row["n_cells"], 0) for row in records],
        "df": [degrees_of_freedom(row["df"]) for row in records],
    }
    if any(row["reason"] for row in records):
        columns["reason"] = [row["reason"] for row in records]
    return grid(columns, ["model", "factor on", "verdict", "reason"], _PROSE("table"))
