"""Section on the solutions: activities, charge balance and osmolality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nernstfit.contract.severity import About
from nernstfit.contract.terms import ActivityModel, Convention
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Fold, Grid, Listing, Lookup, Text, grid
from nernstfit.report.numbers import MISSING, as_given, fixed, significant
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import joined

# Smallest concentration of an impermeant ion that the page lists, mM: 1 µM is far below any effect on a reversal
# potential. A tenth would list complexes and H in every buffered solution; ten times more would hide free Ca of a
# buffered solution.
_TRACE_MM = 1e-3
_PROSE = Prose("solutions")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the solutions as a whole, then their ions."""
    rows, activity = results.tables["solutions"], results.config["activity"]
    rows = rows[rows["valence"] != 0]
    if len(rows) == 0:
        yield Text("No solution holds an ion.")
        return
    model = ActivityModel(activity["model"])
    setting = activity_setting(activity)
    yield Text(_PROSE("introduction", model=model.label, reference=model.reference, setting=setting))
    yield from findings.texts(results, About.SOLUTION)
    yield _solution_grid(results, rows)
    yield _ion_grid(results, rows)
    yield from _assumptions(rows)


def activity_setting(activity: Mapping[str, str]) -> str:
    """Return how single ions share a mean coefficient, in words; '' where the model has no convention."""
    convention = Convention(activity["convention"])
    if activity["model"] != ActivityModel.PITZER:
        return ""
    return (
        "single ions as the equations give them"
        if convention is Convention.RAW
        else f"single ions by the convention of {convention.label}"
    )


def _temperatures(rows: pd.DataFrame, values: pd.Series) -> dict[str, list[str]]:
    """Return a column of temperatures where there are several."""
    several = rows["temperature_C"].nunique() > 1
    return {"T, °C": [f"{value:g}" for value in values]} if several else {}


def uses(results: Results) -> Mapping[str, str]:
    """Return what each solution was: bath, pipette, reference electrode, or several of them."""
    found: dict[str, dict[str, None]] = {}
    reference = (results.config["junction"]["reference"] or {}).get("solution")
    of_rows = ((column, name) for column in ("bath", "pipette") for name in sorted(set(results.reversals[column])))
    for use, name in (*of_rows, ("reference electrode", reference)):
        if name:
            found.setdefault(name, {})[use] = None
    return {name: joined(of_name) for name, of_name in found.items()}


def _solution_grid(results: Results, rows: pd.DataFrame) -> Grid:
    whole, used = per_solution(rows), uses(results)
    columns = {"solution": list(whole["solution"]), "used as": [used.get(name, MISSING) for name in whole["solution"]]}
    columns["recipe, mM"] = [results.recipes.get(name, MISSING) for name in whole["solution"]]
    columns |= _temperatures(rows, whole["temperature_C"])
    if rows["pH"].notna().any():
        columns["pH"] = [fixed(value, 2) for value in whole["pH"]]
        columns["titrant, mM"] = [fixed(value, 2) for value in whole["titrant_mM"]]
    columns["ionic strength, mol/l"] = [fixed(value, 4) for value in whole["ionic_strength_M"]]
    columns["charge excess, meq/l"] = [fixed(value, 2, sign=True) for value in whole["charge_excess_meq_per_l"]]
    columns["% of the cation charge"] = [fixed(value, 1, sign=True) for value in whole["percent"]]
    columns["osmolality, mOsm/kg"] = [fixed(value, 0) for value in whole["osmolality_mOsm_per_kg"]]
    return grid(columns, ["solution", "used as", "recipe, mM"], lookup=Lookup())


def _ion_grid(results: Results, rows: pd.DataFrame) -> Grid:
    shown = rows[(rows["concentration_mM"] >= _TRACE_MM) | rows["ion"].isin(results.permeant)]
    records = shown.to_dict("records")
    columns = {"solution": [row["solution"] for row in records]}
    columns |= _temperatures(rows, shown["temperature_C"])
    columns |= {
        "ion": [row["ion"] for row in records],
        "valence": [fixed(row["valence"], 0, sign=True) for row in records],
        **({"total, mM": [as_given(row["total_mM"]) for row in records]} if rows["pH"].notna().any() else {}),
        "concentration, mM": [_free_concentration(row) for row in records],
        "activity coefficient": [fixed(row["activity_coefficient"], 3) for row in records],
        "activity, mM": [significant(row["activity_mM"], 4) for row in records],
        "status": [row["status"] for row in records],
    }
    caption = _PROSE("ions", omitted=len(shown) < len(rows), trace_uM=f"{1000 * _TRACE_MM:g}")
    return grid(columns, ["solution", "ion", "status"], caption, Lookup(("solution", "ion", "status")))


def _free_concentration(row: Mapping[str, Any]) -> str:
    """Write a free concentration: as it was added where nothing binds the ion, else with four digits."""
    same = row["concentration_mM"] == row["total_mM"] and math.isnan(row["titrant_mM"])
    given = same or math.isnan(row["pH"])
    return as_given(row["concentration_mM"]) if given else significant(row["concentration_mM"], 4)


def per_solution(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per solution and temperature, with the charge excess in percent of the cation charge."""
    charge = rows["valence"] * rows["concentration_mM"]
    parts = rows.assign(cations=charge.clip(lower=0)).groupby(["solution", "temperature_C"], as_index=False)
    first = ("pH", "titrant_mM", "ionic_strength_M", "charge_excess_meq_per_l", "osmolality_mOsm_per_kg")
    whole = parts.agg(dict.fromkeys(first, "first") | {"cations": "sum"})
    percent = (100 * whole["charge_excess_meq_per_l"] / whole["cations"]).where(whole["cations"] > 0)
    return whole.assign(percent=percent)


def _assumptions(rows: pd.DataFrame) -> Iterator[Block]:
    """Yield the substitutes for parameters of the activity model that nobody measured."""
    solutions = rows.groupby("solution")["assumptions"].first()
    each = [f"{name}: {text}" for name, text in solutions.items() if text]
    if each:
        yield Fold(_PROSE("assumptions"), (Listing(tuple(each)),))
