"""Findings on junctions: those that are not corrected, those that nobody knows, and a new default of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, listed, named, of_potential
from nernstfit.contract.schema import schema
from nernstfit.contract.selections import WITH_JUNCTION
from nernstfit.contract.terms import JunctionMethod
from nernstfit.judgement.evidence import Evidence
from nernstfit.judgement.inputs import calculated_mV
from nernstfit.solutions.conditions import Condition


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on the junction of every bath, and on the default of the basis."""
    yield from _default_changed(evidence)
    experiment = evidence.experiment
    junction, fit = experiment.settings.junction, experiment.settings.fit
    conditions = sorted({row.condition for row in experiment.rows if not row.exclude})
    if junction.method != JunctionMethod.NONE:
        for bath in sorted({c.bath for c in conditions if not c.pipette and c.bath not in junction.measured_mV}):
            yield Finding(Code.JUNCTION_UNKNOWN, bath, {"bath": bath}, 0.0)
        return
    largest: dict[str, tuple[float, Condition]] = {}
    for condition in conditions:
        if condition.pipette and condition.bath not in junction.measured_mV:
            found = calculated_mV(experiment, condition), condition
            largest[condition.bath] = max(found, largest.get(condition.bath, found), key=lambda each: abs(each[0]))
    shifts = {bath: -condition.sign * potential for bath, (potential, condition) in largest.items()}
    # A free offset in each cell takes up what all baths have in common.
    common = sum(shifts.values()) / len(shifts) if shifts and math.isinf(fit.offset_sd_mV) else 0.0
    is_recorded = not experiment.settings.reversals
    for bath, (potential, condition) in largest.items():
        effect = of_potential(shifts[bath] - common) if is_recorded else 0.0
        values = {"bath": bath, "pipette": condition.pipette, "potential": potential}
        yield Finding(Code.JUNCTION_NONE, bath, values, effect)


def _default_changed(evidence: Evidence) -> Iterator[Finding]:
    """Yield the note on ratios that the new default of the basis changes; see `was` in config.schema.yaml."""
    key, rule = "junction.basis", schema()["properties"]["junction"]["properties"]["basis"]
    table = evidence.tables["permeabilities"]
    before = table[table["model"] == f"{evidence.model}{WITH_JUNCTION}{rule['was']}"]
    if key in evidence.experiment.given or not len(before):
        return
    both = evidence.of_model("permeabilities").merge(before, on=["group", "ion", "reference"], suffixes=("", "_before"))
    changed = [
        f"{named(row['group'], row['ion'] + '/' + row['reference'])} {row['ratio']:.3g} (was {row['ratio_before']:.3g})"
        for row in both[both["ratio"].notna() & both["ratio_before"].notna()].to_dict("records")
        if row["ratio"] != row["ratio_before"]  # equal where every junction was measured
    ]
    values = {"name": "all junctions", "key": key, "before": rule["was"], "now": rule["default"]}
    if changed:
        yield Finding(Code.DEFAULT_CHANGED, "", values | {"outcome": listed(changed)}, 0.0, is_of_run=True)
