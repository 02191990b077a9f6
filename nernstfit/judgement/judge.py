"""Judgement of a run: what each of its numbers is worth."""

from __future__ import annotations

from collections.abc import Iterable

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, by_weight
from nernstfit.contract.reasons import RatioReason
from nernstfit.judgement import (
    batches,
    beside,
    chemistry,
    deviations,
    equation,
    inputs,
    ratios,
    recordings,
    replicates,
)
from nernstfit.judgement.evidence import Evidence


def judge(evidence: Evidence) -> list[Finding]:
    """Return every finding on a run, the heaviest first.

    Parameters
    ----------
    evidence : Evidence
    """
    found: list[Finding] = []
    for part in (ratios, deviations, equation, recordings, replicates, batches, chemistry):
        found += part.findings(evidence)
    found += beside.findings(evidence.experiment.rows, evidence.made, evidence.raw_mV, evidence.off_mV)
    before = inputs.findings(evidence.experiment, with_rows=False)
    return by_weight([*(each for each in before if not _is_told(each, found)), *found])


def _is_told(before: Finding, found: Iterable[Finding]) -> bool:
    """Return True where a finding of a result says what one on the inputs leaves open."""
    if before.code is Code.BATCH_COLUMN:
        return any(each.code is Code.COLUMN_DIFFERS and each.values["column"] == before.subject for each in found)
    if before.code is Code.ION_ABSENT:
        return any(each.code is Code.NOT_IDENTIFIABLE and each.values["ion"] == before.subject for each in found)
    if before.code is Code.DECIMAL_SLIP:
        reasons = (each.values["reason"] for each in found if each.code is Code.MODEL_REJECTED)
        slip = f"{RatioReason.DECIMAL_SLIP.stem}{before.values['component']} of solution '{before.subject}'"
        return any(slip in reason for reason in reasons)
    return False
