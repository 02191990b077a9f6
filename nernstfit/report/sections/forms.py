"""Section on ratios in the forms in which papers print them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.terms import PublishedForm, RatioBasis
from nernstfit.permeability.published_forms import HOLDING_MV
from nernstfit.report.blocks import Block, Grid, Heading, Listing, Text, grid
from nernstfit.report.numbers import MISSING, estimate, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import without_repeats

_PROSE = Prose("forms")
_CONDUCTANCES = (PublishedForm.CHORD_CONDUCTANCE, PublishedForm.SLOPE_CONDUCTANCE)


def blocks(results: Results) -> Iterator[Block]:
    """Yield the divalent ratios in every form, fractional currents, and conductance ratios."""
    rows = results.tables["published_forms"]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    is_conductance = rows["form"].isin(_CONDUCTANCES)
    is_fraction = rows["form"] == PublishedForm.FRACTIONAL_CURRENT
    permeabilities, fractions = rows[~is_conductance & ~is_fraction], rows[is_fraction]
    if len(permeabilities):
        yield Text(_PROSE("permeabilities"))
        used = [form for form in PublishedForm if form in set(permeabilities["form"])]
        yield Listing(tuple(f"{form.label}: {form.sentence} ({form.reference})" for form in used))
    for name in results.groups:
        parts = [part[part["group"] == name] for part in (permeabilities, fractions, rows[is_conductance])]
        if not any(map(len, parts)):
            continue
        yield from heading(results, name)
        yield from _of_group(results, *parts)


def _of_group(
    results: Results, permeabilities: pd.DataFrame, fractions: pd.DataFrame, conductances: pd.DataFrame
) -> Iterator[Block]:
    if len(permeabilities):
        yield _permeability_grid(results, permeabilities)
    if len(fractions):
        yield Heading("Fractional currents")
        yield _fraction_grid(results, fractions)
    if len(conductances):
        yield Heading("Conductance ratios")
        yield Text(_PROSE("conductances"))
        yield _conductance_grid(results, conductances)


def _permeability_grid(results: Results, rows: pd.DataFrame) -> Grid:
    """Return one line a form and bath, activities beside concentrations."""
    keys = ["ion", "form", "bath", "pipette", "configuration"]
    by_basis = {
        basis: {tuple(row[key] for key in keys): row for row in part.to_dict("records")}
        for basis, part in rows.groupby("basis")
    }
    order = {form: place for place, form in enumerate(PublishedForm)}
    records = results.in_ion_order(rows.drop_duplicates(keys).sort_values("form", key=lambda s: s.map(order)))
    columns = {
        "ion / reference": without_repeats([f"{row['ion']} / {row['reference']}" for row in records]),
        "form": without_repeats([PublishedForm(row["form"]).label for row in records]),
        "bath": [row["bath"] or "any" for row in records],
        "E (mV)": [fixed(row["potential_mV"], 1) for row in records],
    }
    for basis in (RatioBasis.ACTIVITY, RatioBasis.CONCENTRATION):
        if basis in by_basis:
            found = [by_basis[basis].get(tuple(row[key] for key in keys)) for row in records]
            columns[f"on {basis.label}"] = [_written(row) for row in found]
    return grid(
        columns, ["ion / reference", "form", "bath"], _PROSE("permeability_grid", confidence=results.confidence)
    )


def _fraction_grid(results: Results, rows: pd.DataFrame) -> Grid:
    records = results.in_ion_order(rows)
    columns = {
        "ion": without_repeats([row["ion"] for row in records]),
        "bath": [row["bath"] for row in records],
        "basis": [RatioBasis(row["basis"]).label for row in records],
        "fraction of the current": [_written(row) for row in records],
        "reason": [row["reason"] for row in records],
    }
    term = PublishedForm.FRACTIONAL_CURRENT
    caption = _PROSE("fraction_grid", potential=fixed(HOLDING_MV, 0), formula=term.sentence, reference=term.reference)
    return grid(columns, ["ion", "bath", "basis", "reason"], caption)


def _conductance_grid(results: Results, rows: pd.DataFrame) -> Grid:
    records = results.in_ion_order(rows)
    columns = {
        "ion / reference": without_repeats([f"{row['ion']} / {row['reference']}" for row in records]),
        "bath": [row["bath"] for row in records],
        "form": [PublishedForm(row["form"]).label for row in records],
        "V (mV)": [fixed(row["potential_mV"], 0) for row in records],
        "ratio": [_written(row) for row in records],
        "n cells": [fixed(row["n_cells"], 0) for row in records],
    }
    caption = _PROSE("conductance_grid", confidence=results.confidence)
    return grid(columns, ["ion / reference", "bath", "form"], caption)


def _written(row: dict[str, float] | None) -> str:
    return estimate(row["value"], row["low"], row["high"]).both if row else MISSING
