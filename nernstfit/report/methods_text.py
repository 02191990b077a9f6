"""The methods as plain text: paragraphs, recipes, references, and the citation of the program."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nernstfit.report import citation
from nernstfit.report.numbers import fixed
from nernstfit.report.results import Results
from nernstfit.report.sections import methods, references, solutions


def methods_text(results: Results) -> str:
    """Return the text of methods.txt: blank lines between the parts, a paragraph in one line."""
    version = results.manifest["versions"][citation.NAME]
    parts = {
        "Methods": "\n\n".join(methods.paragraphs(results, "below", "below")),
        "Solutions (components in mM; osmolality as calculated)": "\n".join(_recipes(results)),
        "References": "\n".join(references.cited(results)),
        "Citation of the program": f"{citation.as_text(version)}\n\n{citation.as_bibtex(version)}",
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, text in parts.items()) + "\n"


def _recipes(results: Results) -> Iterator[str]:
    """Yield a line for each solution that was used: `control (bath): 145 NaCl, 1 MgCl2; 288 mOsm/kg at 22 °C`."""
    rows = results.tables["solutions"]
    whole = solutions.per_solution(rows[rows["valence"] != 0]).drop_duplicates("solution").to_dict("records")
    known: Mapping[str, Mapping[Any, Any]] = {row["solution"]: row for row in whole}
    for name, use in solutions.uses(results).items():
        yield "; ".join([f"{name} ({use}): {results.recipes.get(name, '')}", *_measured(known.get(name))])


def _measured(row: Mapping[Any, Any] | None) -> Iterator[str]:
    """Yield pH and osmolality of a solution."""
    if row is None:
        return
    if math.isfinite(row["pH"]):
        yield f"pH {fixed(row['pH'], 2)}"
    yield f"{fixed(row['osmolality_mOsm_per_kg'], 0)} mOsm/kg at {row['temperature_C']:g} °C"
