"""Findings as the report shows them: beside the number that they qualify, and grouped by their kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import named, with_remedy
from nernstfit.contract.severity import About, Severity
from nernstfit.report.blocks import Text
from nernstfit.report.numbers import typeset
from nernstfit.report.results import Results
from nernstfit.report.wording import capitalized, joined

Record = Mapping[Any, Any]

# Findings of one kind that are written out: of more the first stands for all. At half the second ratio or file of a
# pair has no sentence; at double many refused recordings fill the page.
_MAX_OF_A_KIND = 2
# Subjects that are named where one sentence stands for all. At half the ratios of an ordinary experiment are not; at
# double nobody reads to the end of them.
_MAX_NAMED = 8
_SECTIONS: Mapping[About, str] = {
    About.RUN: "findings",
    About.SOLUTION: "solutions",
    About.JUNCTION: "junctions",
    About.MEASUREMENT: "measurements",
    About.CELL: "measurements",
    About.RATIO: "ratios",
}
_OF_EQUATION = (
    *(Code.UNTESTED, Code.LACK_OF_FIT, Code.SHIFT_METHOD, Code.TIME, Code.POTENTIAL, Code.CONDUCTANCE, Code.ACTIVITY),
    *(Code.MOLE_FRACTION, Code.ACCUMULATION, Code.PERMEABILITY_TREND, Code.SCATTER, Code.SINGLE_BATHS),
)
_VERDICTS = (Code.MODEL_REJECTED, Code.NOT_IDENTIFIABLE, Code.FACTOR, Code.BOUND, Code.HELD)
_OTHER_SECTIONS: Mapping[Code, str] = dict.fromkeys(_OF_EQUATION, "valid") | {
    Code.FACTOR: "factors",
    Code.REFUSED: "refused",
    Code.GROUPS_CONFOUNDED: "ratios",
}


@dataclass(frozen=True)
class Qualifier:
    """A finding as the summary shows it: its severity, its words, and the name of the section with the details."""

    severity: str
    text: str
    section: str


def section_of(row: Record) -> str:
    """Return the section of the report that shows what a finding is about."""
    return _OTHER_SECTIONS.get(Code(row["code"]), _SECTIONS[About(row["about"])])


def words(row: Record) -> str:
    """Return the sentence of a row of warnings.csv with its remedy."""
    return f"{with_remedy(typeset(row['sentence']), row['remedy']).removesuffix('.')}."


def serious(findings: pd.DataFrame) -> list[Record]:
    """Return the errors and warnings of warnings.csv, the heaviest first."""
    return [row for row in findings.to_dict("records") if row["severity"] != Severity.NOTE]


def beside_ratio(findings: pd.DataFrame, row: Record) -> list[Qualifier]:
    """Return what qualifies one ratio in warnings.csv, in short."""
    subject = named(row["group"], f"{row['ion']}/{row['reference']}")
    own = [each for each in serious(findings) if each["about"] == About.RATIO and each["subject"] == subject]
    return [Qualifier(each["severity"], Code(each["code"]).label, section_of(each)) for each in own]


def by_kind(rows: Collection[Record]) -> Iterator[tuple[Record, str]]:
    """Yield rows of warnings.csv with their words; of many of one kind the first, which names the subjects of all."""
    kinds: dict[tuple[str, str], list[Record]] = {}
    for row in rows:
        kinds.setdefault((row["severity"], row["code"]), []).append(row)
    for of_kind in kinds.values():
        if len(of_kind) <= _MAX_OF_A_KIND:
            yield from ((row, words(row)) for row in of_kind)
            continue
        others = [row["subject"] for row in of_kind[1 : 1 + _MAX_NAMED]]
        more = len(of_kind) - 1 - len(others)
        also = joined([*others, *([f"{more} more"] if more else [])])
        yield of_kind[0], f"{words(of_kind[0])} The same kind: {also}."


def listed(results: Results) -> list[Qualifier]:
    """Return all errors and warnings with their sentences, a few of each kind."""
    return [Qualifier(row["severity"], text, section_of(row)) for row, text in by_kind(serious(results.findings))]


def texts(results: Results, about: About, subjects: Collection[str] | None = None) -> Iterator[Text]:
    """Yield the findings on some things of one kind as paragraphs, a few of each kind; on all where none is named.

    A verdict on a ratio, or on a factor, stands in its table with the reason, and is not repeated.
    """
    every = results.findings_by_subject
    keys = [key for key in every if key[0] == about] if subjects is None else [(about, name) for name in set(subjects)]
    found = sorted((each for key in keys for each in every.get(key, ())), key=lambda each: each[0])
    for row, text in by_kind([row for _, row in found if row["code"] not in _VERDICTS]):
        look = "note" if row["severity"] == Severity.NOTE else "warning"
        yield Text(f"{capitalized(row['severity'])}: {text}", look)
