"""Findings on junctions: those that are not corrected, and those that nobody knows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, of_potential
from nernstfit.contract.terms import JunctionMethod
from nernstfit.judgement.evidence import Evidence
from nernstfit.judgement.inputs import calculated_mV


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on the junction of every bath."""
    experiment = evidence.experiment
    junction, fit = experiment.settings.junction, experiment.settings.fit
    conditions = sorted({row.condition for row in experiment.rows if not row.exclude})
    if junction.method != JunctionMethod.NONE:
        for bath in sorted({c.bath for c in conditions if not c.pipette and c.bath not in junction.measured_mV}):
            yield Finding(Code.JUNCTION_UNKNOWN, bath, {"bath": bath}, 0.0)
        return
    shifts: dict[str, float] = {}
    for condition in conditions:
        if condition.pipette and condition.bath not in junction.measured_mV:
            shift = -condition.sign * calculated_mV(experiment, condition)
            shifts[condition.bath] = max(shift, shifts.get(condition.bath, shift), key=abs)
    # A free offset in each cell takes up what all baths have in common.
    common = sum(shifts.values()) / len(shifts) if shifts and math.isinf(fit.offset_sd_mV) else 0.0
    is_recorded = bool(experiment.settings.recordings)
    for bath, shift in shifts.items():
        effect = of_potential(shift - common) if is_recorded else 0.0
        yield Finding(Code.JUNCTION_NONE, bath, {"bath": bath, "shift": shift}, effect)
