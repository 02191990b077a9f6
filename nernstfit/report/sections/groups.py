"""Headings of the groups within a section."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.report.blocks import Heading
from nernstfit.report.results import Results
from nernstfit.report.wording import capitalized, group_phrase


def heading(results: Results, name: str) -> Iterator[Heading]:
    """Yield the name of a group, unless all rows belong to the same unnamed one."""
    if len(results.groups) > 1 or name:
        yield Heading(capitalized(group_phrase(name)))
