"""Section with citation, references, the meaning of the flags, and the configuration and versions of the run."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from nernstfit.contract.remarks import Flag
from nernstfit.report import citation
from nernstfit.report.blocks import Block, Code, Fold, Heading, Listing, Text, grid
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import references

_PROSE = Prose("methods")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the citation, the references, the meaning of the flags, and how the report was made."""
    version = results.manifest["versions"]["nernstfit"]
    yield Heading("Citation of the program")
    yield Text(citation.as_text(version))
    yield Code(citation.as_bibtex(version))
    yield Text(_PROSE("text"))
    yield Heading("References")
    yield Listing(tuple(references.cited(results)))
    yield Heading("Flags")
    meanings: dict[str, list[str]] = {"flag": list(Flag), "meaning and unit": [flag.sentence for flag in Flag]}
    yield grid(meanings, meanings)
    yield Heading("Configuration and versions")
    config = yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True, default_flow_style=False)
    yield Fold("Effective configuration", (Code(config),))
    versions = results.manifest["versions"]
    programs = {"program": list(versions), "version": list(versions.values())}
    yield Fold("Versions", (grid(programs, programs),))
    # Not the digests themselves: a table with its rows in another order leaves this page as it was.
    yield Text(_PROSE("inputs", number=len(results.manifest["inputs"])))
