"""Section on the comparison of models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from nernstfit.report.blocks import Block, Grid, Text, grid
from nernstfit.report.numbers import MISSING, Estimate, criterion, estimate, fixed, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import joined, without_repeats

_PROSE = Prose("models")
# Difference of AICc beyond which a model is out of the question, whatever the number is; 10 is strong evidence. Half or
# double of it changes which numbers are written out, and models.csv has them all.
_MAX_DIFFERENCE = 1000


def blocks(results: Results) -> Iterator[Block]:
    """Yield the comparison of the models of each group, and the ratios under each."""
    models = results.tables["models"]
    if len(models) == 0:
        yield Text(_PROSE("none"))
        return
    yield Text(_PROSE("introduction", permeant=joined(results.permeant)))
    for name in results.groups:
        yield from heading(results, name)
        rows = models[models["group"] == name]
        n = int((results.of_model("residuals")["group"] == name).sum())
        yield Text(" ".join(_comparison(results, rows, n)))
        yield _grid(results, rows[rows["n_data"] == n].sort_values("delta_aicc", kind="stable"))
        yield from _ratios_by_model(results, name, rows)


def _grid(results: Results, rows: pd.DataFrame) -> Grid:
    """Return the models that predict every measurement, the lowest AICc first."""
    is_far = (rows["delta_aicc"] > _MAX_DIFFERENCE).tolist()
    columns = {
        "model": [f"{name} *" if name == results.model else name for name in rows["model"]],
        "k": [fixed(value, 0) for value in rows["n_parameters"]],
        "χ²": _unless(is_far, rows["chi_square"]),
        "ln L": _unless(is_far, rows["log_likelihood"]),
        "AICc": _unless(is_far, rows["aicc"]),
        "Δ AICc": _unless(is_far, rows["delta_aicc"], f"> {_MAX_DIFFERENCE:,}"),
        "evidence": without_repeats(list(rows["sentence"])),
    }
    return grid(columns, ["model", "evidence"], _PROSE("table"))


def _unless(is_far: Sequence[bool], values: pd.Series, instead: str = MISSING) -> list[str]:
    """Return numbers in words, and something else for models that are out of the question."""
    return [instead if far else criterion(value) for far, value in zip(is_far, values, strict=True)]


def _comparison(results: Results, rows: pd.DataFrame, n: int) -> Iterator[str]:
    """Yield the evidence on the configured model, and the models that cannot be compared."""
    ranked, own = rows[rows["aicc"].notna()], rows[rows["model"] == results.model].iloc[0]
    if len(ranked) == 1:
        yield f"Only {ranked['model'].iloc[0]} has an AICc."
    elif math.isnan(own["aicc"]):
        yield f"The configured {own['model']} has {own['sentence']}."
    elif own["delta_aicc"] == 0:
        yield f"No other model that predicts all {n} measurements has a lower AICc than the configured {own['model']}."
    else:
        higher = significant(own["delta_aicc"], 2)
        yield f"The configured {own['model']} has an AICc higher by {higher} than the lowest: {own['sentence']}."
    partial = rows[rows["n_data"] < n]
    if len(partial):
        none = list(partial[partial["n_data"] == 0]["model"])
        few = [f"{row.model} (only {row.n_data:.0f} of {n})" for row in partial.itertuples() if row.n_data > 0]
        each = [f"{joined(none)}, which {'predicts' if len(none) == 1 else 'predict'} no measurement"] if none else []
        yield f"Not comparable: {'; '.join(each + few)}."


def _ratios_by_model(results: Results, group: str, models: pd.DataFrame) -> Iterator[Block]:
    """Yield the ratios under every model, which show how much depends on the choice."""
    rows = results.tables["permeabilities"]
    rows = rows[rows["group"] == group]
    names = [name for name in models.sort_values("delta_aicc", kind="stable")["model"] if name in set(rows["model"])]
    if len(names) < 2:
        return
    records = rows.to_dict("records")
    written = {(row["model"], row["ion"]): estimate(row["ratio"], row["low"], row["high"]) for row in records}
    columns = {"model": names}
    for ion in results.ions_in(rows):
        title = f"{ion} / {results.fit['reference_ion']}"
        columns[title] = [written.get((name, ion), Estimate()).brief for name in names]
    yield grid(columns, ["model"], _PROSE("ratios"))
