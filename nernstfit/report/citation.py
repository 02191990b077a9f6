"""Citation of the program, as CITATION.cff has it, with the version that made the report."""

from __future__ import annotations

NAME = "nernstfit"
AUTHORS = "The nernstfit developers"
TITLE = f"{NAME}: permeability ratios from patch-clamp recordings"
LICENSE = "MIT"


def as_text(version: str) -> str:
    """Return the citation as a list of references has it."""
    return f"{AUTHORS}. {TITLE}, version {version}. Computer software, {LICENSE} licence."


def as_bibtex(version: str) -> str:
    """Return the citation as an entry of BibTeX; braces keep the authors one name."""
    fields = {"author": f"{{{AUTHORS}}}", "title": f"{{{TITLE}}}", "version": version, "license": LICENSE}
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return "\n".join([f"@software{{{NAME},", ",\n".join(lines), "}"])
