"""Section with citation, references, the meaning of the flags, and the configuration and versions of the run."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from nernstfit.contract import tables
from nernstfit.contract.remarks import Flag
from nernstfit.report import citation
from nernstfit.report.blocks import Block, Code, Fold, Heading, Listing, Text, grid
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import references

_PROSE = Prose("methods")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the citation, the references, the meaning of the flags, and how the report was made."""
    version = results.manifest["versions"][citation.NAME]
    yield Heading("Citation of the program")
    yield Text(citation.as_text(version))
    yield Code(citation.as_bibtex(version))
    yield Text(_PROSE("text"))
    yield Heading("References")
    yield Listing(tuple(references.cited(results)))
    occurring = {name for flags in results.reversals["flags"] for name in tables.flags(flags)}
    if occurring:
        yield Heading("Flags")
        own = [flag for flag in Flag if flag in occurring]
        meanings: dict[str, list[str]] = {"flag": [str(flag) for flag in own], "label": [flag.label for flag in own]}
        meanings["meaning and unit"] = [flag.sentence for flag in own]
        yield grid(meanings, meanings, _PROSE("flags"))
    yield Heading("Configuration and versions")
    config = yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True, default_flow_style=False)
    yield Fold("Effective configuration", (Code(config),))
    versions = results.manifest["versions"]
    programs = {"program": list(versions), "version": list(versions.values())}
    yield Fold("Versions", (grid(programs, programs),))
    # Not the digests themselves: a table with its rows in another order leaves this page as it was.
    yield Text(_PROSE("inputs", number=len(results.manifest["inputs"])))
