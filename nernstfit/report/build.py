"""The report as one HTML file: sections of blocks, rendered by the page's template.

A report is a list of sections, a section a list of blocks (text, grid, figure, ...), and the
page's template turns each kind of block into HTML. All text goes through the template's
escaping; `Markup` is used for constants of the package alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from nernstfit.figures.drawing import Drawing
from nernstfit.report import blocks, details, outline, prose, wording
from nernstfit.report.blocks import Block, Section
from nernstfit.report.results import Results
from nernstfit.report.sections import (
    corrections,
    diagnostics,
    error_budget,
    factors,
    findings,
    forms,
    intervals,
    iv_curves,
    junctions,
    methods,
    models,
    nernst,
    not_used,
    predictions,
    provenance,
    ratios,
    recordings,
    single,
    solutions,
    summary,
)

_SECTIONS: Mapping[str, Callable[[Results], Iterator[Block]]] = {
    "ratios": ratios.blocks,
    "iv": iv_curves.blocks,
    "predicted": predictions.blocks,
    "residuals": predictions.residuals,
    "methods": methods.blocks,
    "forms": forms.blocks,
    "intervals": intervals.blocks,
    "valid": diagnostics.blocks,
    "single": single.blocks,
    "nernst": nernst.blocks,
    "corrections": corrections.blocks,
    "factors": factors.blocks,
    "errors": error_budget.blocks,
    "models": models.blocks,
    "measurements": recordings.blocks,
    "refused": not_used.blocks,
    "junctions": junctions.blocks,
    "solutions": solutions.blocks,
    "findings": findings.blocks,
    "provenance": provenance.blocks,
}

_WITH_FIGURES = ("ratios", "iv", "predicted", "residuals", "single", "nernst", "corrections", "errors")


@dataclass(frozen=True)
class Report:
    """The page, in UTF-8, the figures that are files, and the scripts beside a page of many measurements by name."""

    html: bytes
    drawings: tuple[Drawing, ...]
    scripts: Mapping[str, str]


def build(results: Results) -> Report:
    """Write the report.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Report
    """
    sections = tuple(Section(name, title, tuple(_SECTIONS[name](results))) for name, title in outline.TITLES.items())
    in_page, per_file, scripts = details.stored(
        [each for section in sections for each in blocks.details(section.blocks)]
    )
    script = prose.source("report.js")
    page = prose.environment(autoescape=True).from_string(prose.source("report.html.j2"))
    # Encoded part by part: a character of a text with a minus sign takes two bytes or more, and a page of 10,000
    # recordings has 60 million.
    parts = page.generate(
        title=results.config["title"] or wording.UNTITLED,
        paper=[section for section in sections if section.name in outline.PAPER],
        supplement=[section for section in sections if section.name not in outline.PAPER],
        columns=blocks.most_columns(block for section in sections for block in section.blocks),
        css=Markup(prose.source("report.css")),
        summary=summary.summary(results),
        details=in_page,
        per_file=per_file,
        group=details.GROUP,
        library=_library(),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    html = b"".join([part.encode() for part in parts])
    drawings = tuple(drawing for section in sections for drawing in blocks.drawings(section.blocks))
    return Report(html, drawings, scripts)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure of a report, by section."""
    for name in _WITH_FIGURES:
        yield from blocks.drawings(_SECTIONS[name](results))


def _library() -> Markup:
    """Return the source of DataTables, which searches and sorts tables, as JSON; itables holds it for pages."""
    source = (resources.files("itables") / "html" / "dt_bundle.js").read_text(encoding="utf-8")
    return Markup(json.dumps(source, ensure_ascii=False).replace("<", r"\u003c"))  # no markup that ends its element
