"""Findings on replicates by what was measured: potentials that are copies, temperatures that differ within a cell."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.findings import Finding
from nernstfit.judgement.copies import Potential
from nernstfit.judgement.copies import findings as copied_potentials
from nernstfit.judgement.evidence import Evidence
from nernstfit.judgement.temperatures import findings as temperature_findings


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on copied potentials and on temperatures within cells."""
    # Of potentials measured elsewhere the table is judged, before a run too.
    measured = {name: row for name, row in evidence.rows.items() if row.external is None}
    found = evidence.found[evidence.found["measurement"].isin(list(measured))]
    yield from copied_potentials(measured_potentials(found))
    measured_mV = found.set_index("measurement")["raw_mV"].to_dict()
    rows = [measured[name] for name in measured_mV]
    yield from temperature_findings(rows, measured_mV)


def measured_potentials(found: pd.DataFrame) -> Iterator[Potential]:
    """Yield the potentials of recordings and of I-V curves, from rows of reversal_potentials.csv."""
    for row in found.to_dict("records"):
        condition = (row["bath"], row["pipette"], row["configuration"])
        cell, potential = (row["group"], row["cell"]), (row["raw_mV"], row["se_mV"])
        yield Potential(row["measurement"], cell, condition, row["temperature_C"], *potential, row["recording"])
