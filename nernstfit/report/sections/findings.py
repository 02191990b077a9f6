"""Section with every finding, its severity and its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.contract.codes import Code
from nernstfit.report.blocks import Block, Text, grid
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
    columns = {
        "severity": [row["severity"] for row in rows],
        "about": [" ".join(filter(None, (row["about"], row["subject"]))) for row in rows],
        "kind": [Code(row["code"]).label for row in rows],
        "finding": [typeset(row["sentence"]) for row in rows],
        "remedy": [row["remedy"] for row in rows],
    }
    yield grid(columns, columns)
