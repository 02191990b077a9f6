"""Judgement of a run: what each of its numbers is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nernstfit.contract.findings import Finding, by_weight
from nernstfit.judgement import batches, chemistry, inputs, ratios, recordings, replicates
from nernstfit.judgement.evidence import Evidence


def judge(evidence: Evidence) -> list[Finding]:
    """Return every finding on a run, the heaviest first.

    Parameters
    ----------
    evidence : Evidence
    """
    found: list[Finding] = [*inputs.findings(evidence.experiment, with_rows=False)]
    for part in (ratios, recordings, replicates, batches, chemistry):
        found += part.findings(evidence)
    return by_weight(found)


def rows(findings: Iterable[Finding]) -> Iterator[dict[str, str]]:
    """Yield the rows of warnings.csv."""
    for finding in findings:
        yield {
            "severity": finding.severity,
            "about": finding.code.about,
            "subject": finding.subject,
            "code": finding.code,
            "sentence": finding.sentence,
            "remedy": finding.remedy,
        }
