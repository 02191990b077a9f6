"""Findings: what qualifies a number, with its weight; console, tables and report show the same records.

A finding is a `Code` of the registry (see `codes`) with its subject, the values for the places in its sentence and
remedy, and the size of the effect that it may have. The size decides: a finding that could move a potential by 1 mV,
or a ratio by half its interval, is a warning, a smaller one a note. A code that is an error says that a number must
not be used. A finding never changes the exit status of a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nernstfit.contract.codes import Code
from nernstfit.contract.severity import About, Severity

# Shift of a potential, and of a ratio as a part of its interval, from which a finding is a warning (contract): 1 mV is
# the size of an electrode's offset and 4 % of a ratio; half an interval puts the ratio at the end of it. With half of
# them the remarks that change nothing hide those that do; with double, a ratio 8 % off has no warning.
MIN_SHIFT_MV, MIN_PART_OF_INTERVAL = 1.0, 0.5

_MAX_NAMED = 6  # names in one sentence, so that it stays one; at half or double only its length changes

NO_GROUP = "(no group)"
"""Name of the rows without a group among others."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    code : Code
    subject : str
        The thing by its name, as `named` gives it; '' for the whole run.
    values : mapping
        For the places in sentence and remedy.
    effect : float
        Size of the effect as a multiple of the least that is a warning (`of_potential`, `of_ratio`); inf where nothing
        bounds it, 0 where there is none.
    place : str
        The user's file in question; '' where it is a result.
    done : tuple of str
        Words of the remedy by which a part of it is known that is done already, and left out.
    is_of_run : bool
        True where it is about the whole run, though its code is about a part.
    """

    code: Code
    subject: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    effect: float = math.inf
    place: str = ""
    done: tuple[str, ...] = ()
    is_of_run: bool = False

    @property
    def about(self) -> str:
        """Return the kind of thing that it is about."""
        return About.RUN if self.is_of_run else self.code.about

    @property
    def severity(self) -> Severity:
        """Return the severity that follows from code and effect."""
        if self.code.is_error:
            return Severity.ERROR
        return Severity.WARNING if self.effect >= 1 else Severity.NOTE

    @property
    def sentence(self) -> str:
        """Return what was found."""
        return self.code.sentence.format(**self.values)

    @property
    def remedy(self) -> str:
        """Return what would settle it and is not done; '' where there is nothing to do."""
        clauses = (clause.split(", or ") for clause in self.code.remedy.format(**self.values).split("; "))
        left = (", or ".join(way for way in ways if not any(word in way for word in self.done)) for ways in clauses)
        return "; ".join(filter(None, left))

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{with_remedy(self.sentence, self.remedy)}"


def with_remedy(sentence: str, remedy: str) -> str:
    """Return what was found followed by what would settle it, if anything: behind a question a sentence of its own."""
    if not remedy:
        return sentence
    return f"{sentence} {remedy[0].upper()}{remedy[1:]}" if sentence.endswith("?") else f"{sentence}; {remedy}"


def of_potential(shift_mV: float) -> float:
    """Return the effect of a possible shift of a potential; one that is not known has none."""
    return 0.0 if math.isnan(shift_mV) else abs(shift_mV) / MIN_SHIFT_MV


def of_ratio(shift_ln: float, low: float, high: float) -> float:
    """Return the effect of a possible shift of a ln ratio beside the interval of the ratio; inf without an interval."""
    if math.isnan(shift_ln):
        return 0.0
    width = math.log(high) - math.log(low) if low > 0 and math.isfinite(high) else math.nan
    return abs(shift_ln) / (MIN_PART_OF_INTERVAL * width) if width > 0 else math.inf


def named(group: str, name: str) -> str:
    """Return the subject of a finding within a group: the name alone where rows have no group."""
    return f"{group}: {name}" if group and name else group or name


def cell_named(name: str) -> str:
    """Return a cell in a sentence: `cell c1`; a name that says itself that it is one stands alone."""
    return name if name.casefold().startswith("cell") else f"cell {name}"


def listed(names: Iterable[str]) -> str:
    """Return the first of some names, each once, with the number of the others."""
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _MAX_NAMED
    return ", ".join(distinct[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def between(group: str, other: str) -> str:
    """Return the subject of a finding on the comparison of two groups."""
    return " / ".join(name or NO_GROUP for name in (group, other))


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity, effect, order of the registry, subject and sentence; each once."""
    severities, codes = list(Severity), list(Code)

    def weight(finding: Finding) -> tuple[Any, ...]:
        severity, code = severities.index(finding.severity), codes.index(finding.code)
        return severity, -finding.effect, code, finding.subject, finding.sentence

    unique = {(each.code, each.subject, each.sentence): each for each in findings}
    return sorted(unique.values(), key=weight)


def warning_rows(findings: Iterable[Finding]) -> Iterator[dict[str, str]]:
    """Yield the rows of warnings.csv."""
    for finding in findings:
        yield {
            "severity": finding.severity,
            "about": finding.about,
            "subject": finding.subject,
            "code": finding.code,
            "sentence": finding.sentence,
            "remedy": finding.remedy,
        }
