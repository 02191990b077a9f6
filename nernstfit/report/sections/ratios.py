"""Section on the permeability ratios and their intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from nernstfit.contract.findings import named
from nernstfit.contract.severity import About
from nernstfit.contract.terms import IntervalMethod, RatioScope, RatioVerdict
from nernstfit.figures.ratios import draw_ratios, drawn
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Grid, Text, grid, picture
from nernstfit.report.numbers import as_given, degrees_of_freedom, estimate, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import ghk_form, group_differences
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import group_phrase, joined

_PROSE = Prose("ratios")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the ratios as figure and tables, and the comparison of groups."""
    configured = results.of_model("permeabilities")
    if len(configured) == 0:
        why = "no row is a reversal" if len(results.found) == 0 else "only the reference ion is permeant"
        yield Text(f"There is no permeability ratio: {why}.")
        return
    reference, confidence = results.fit["reference_ion"], results.confidence
    scopes = set(configured["scope"])
    of = {"of_cells": RatioScope.POPULATION in scopes, "of_one": RatioScope.CELL in scopes}
    yield Text(_PROSE("introduction", reference=reference, model=results.model, confidence=confidence, **of))
    yield from ghk_form.note(results)
    shown = drawn(configured)
    if len(shown):
        caption = _PROSE(
            "figure",
            reference=reference,
            confidence=confidence,
            has_bounds=shown["ratio"].isna().any(),
            has_held=(shown["verdict"] == RatioVerdict.HELD).any(),
            has_truth=bool(results.truth),
        )
        yield picture(draw_ratios(shown, results.of_model("cells"), results.truth, results.permeant), caption)
    for verdict in (RatioVerdict.NOT_IDENTIFIABLE, RatioVerdict.MODEL_REJECTED):
        missing = configured[configured["verdict"] == verdict]
        if len(missing):
            names = [f"{row.ion}{f' ({group_phrase(row.group)})' if row.group else ''}" for row in missing.itertuples()]
            words = f"{verdict.label[0].upper()}{verdict.label[1:]}"
            yield Text(f"{words}, and therefore not in the figure: {joined(names)}.", "note")
    for name in results.groups:
        yield from heading(results, name)
        own = configured[configured["group"] == name]
        yield from _table(results, own)
        subjects = [named(name, f"{row['ion']}/{row['reference']}") for row in own.to_dict("records")]
        yield from findings.texts(results, About.RATIO, subjects)
    yield from group_differences.blocks(results)


def _table(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    """Yield the ratios of one group with both intervals, and below them a reason that several have."""
    records = results.in_ion_order(rows)
    ions: dict[str, list[str]] = defaultdict(list)
    for row in records:
        ions[row["reason"]].append(f"{row['ion']} / {row['reference']}")
    shared = [reason for reason, names in ions.items() if reason and len(names) > 1]
    yield _grid(results, [row | {"reason": "" if row["reason"] in shared else row["reason"]} for row in records])
    for reason in shared:
        yield Text(f"{joined(ions[reason])}: {reason}.", "note")


def _grid(results: Results, records: Sequence[Mapping[Any, Any]]) -> Grid:
    written = [estimate(row["ratio"], row["low"], row["high"]) for row in records]
    between_cells = [estimate(row["ratio"], row["low_cells"], row["high_cells"]) for row in records]
    columns = {
        "ion / reference": [f"{row['ion']} / {row['reference']}" for row in records],
        "verdict": [RatioVerdict(row["verdict"]).label for row in records],
        "ratio": [text.ratio for text in written],
        f"{results.confidence} interval": [text.interval for text in written],
        IntervalMethod.CELLS.label: [text.interval for text in between_cells],
        "n cells": [fixed(row["n_cells"], 0) for row in records],
        "df": [degrees_of_freedom(row["df"]) for row in records],
    }
    if any(row["scope"] == RatioScope.CELL for row in records):
        columns["of"] = [RatioScope(row["scope"]).label for row in records]
    if results.truth:
        columns["true ratio"] = [as_given(results.truth.get(row["ion"], math.nan)) for row in records]
    if any(row["reason"] for row in records):
        columns["reason"] = [row["reason"] for row in records]
    return grid(columns, ["ion / reference", "verdict", "reason"], is_copied=True)
