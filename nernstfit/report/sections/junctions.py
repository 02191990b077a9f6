"""Section on liquid junction potentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from nernstfit.contract.severity import About
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Grid, Lookup, Text, grid
from nernstfit.report.numbers import MISSING, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.solutions import conditions

_PROSE = Prose("junctions")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the junction correction of each condition, term by term."""
    rows = results.tables["junctions"]
    yield from findings.texts(results, About.JUNCTION)
    if len(rows) == 0:
        yield Text(f"No junction potential was corrected (junction.method: {results.config['junction']['method']}).")
        return
    yield Text(_PROSE("introduction"))
    differences = (rows["nernst_planck_mV"] - rows["henderson_mV"]).abs()
    if differences.notna().any():
        yield Text(_PROSE("two_methods", difference=fixed(float(differences.max()), 2)))
    yield _grid(rows)


def _grid(rows: pd.DataFrame) -> Grid:
    """Return every term of each condition, and their sum."""
    lines: list[tuple[str, ...]] = []
    for (bath, pipette, configuration, temperature_C, zeroed_in), part in rows.groupby(
        list(conditions.FIELDS), sort=True
    ):
        condition = (bath, pipette or "unknown", f"{configuration}, {temperature_C:g} °C, zeroed in {zeroed_in}")
        lines += [(*condition, row.term, *_potentials(row), row.statement) for row in part.itertuples()]
        total = fixed(float(part["applied_mV"].sum()), 2, sign=True)
        lines.append((*condition, "sum", MISSING, MISSING, total, ""))
    titles = ("bath", "pipette", "condition", "term", "Henderson", "Nernst-Planck", "correction", "statement")
    columns = dict(zip(titles, map(list, zip(*lines, strict=True)), strict=True))
    if len(set(columns["condition"])) == 1:
        del columns["condition"]
    texts = {"bath", "pipette", "condition", "term", "statement"}
    filters = tuple(name for name in ("bath", "pipette", "condition", "term") if name in columns)
    return grid(columns, texts, _PROSE("terms"), Lookup(filters))


def _potentials(row: Any) -> tuple[str, str, str]:
    """Write a junction potential by both equations, and the correction."""
    henderson, nernst_planck = fixed(row.henderson_mV, 2, sign=True), fixed(row.nernst_planck_mV, 2, sign=True)
    return henderson, nernst_planck, fixed(row.applied_mV, 2, sign=True)
