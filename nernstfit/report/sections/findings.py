"""Section with every finding, its severity and its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nernstfit.contract.codes import Code
from nernstfit.report.blocks import Block, Cell, Link, Lookup, Text, grid
from nernstfit.report.numbers import typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results

_PROSE = Prose("findings")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the findings as a table, the heaviest first."""
    rows = results.findings.to_dict("records")
    if not rows:
        yield Text(_PROSE("none"))
        return
    yield Text(_PROSE("introduction"))
    columns: dict[str, list[Cell]] = {
        "severity": [row["severity"] for row in rows],
        "about": [row["about"] for row in rows],
        "subject": [_place(results, row) for row in rows],
        "kind": [Code(row["code"]).label for row in rows],
        "finding": [typeset(row["sentence"]) for row in rows],
        "remedy": [row["remedy"] for row in rows],
    }
    yield grid(columns, columns, lookup=Lookup(("severity", "about", "kind")))


def _place(results: Results, row: Mapping[Any, Any]) -> Cell:
    """Return the name of what a finding is about, with a link where the page has a row of it."""
    place = results.places.get((row["about"], row["subject"]))
    return Link(row["subject"], place) if place else row["subject"]
