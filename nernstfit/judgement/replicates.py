"""Findings on replicates: recordings that are copies of each other."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence

import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.judgement.copies import Potential
from nernstfit.judgement.copies import findings as copied_potentials
from nernstfit.judgement.evidence import DAY_S, Evidence, Record, date_of
from nernstfit.judgement.temperatures import findings as temperature_findings

_UNUSED = (PotentialVerdict.EXCLUDED, PotentialVerdict.UNREADABLE)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on copies."""
    used = [
        (row, evidence.fact(row["measurement"]))
        for row in evidence.reversals.to_dict("records")
        if row["verdict"] not in _UNUSED and evidence.fact(row["measurement"])
    ]
    yield from copies(used)
    # Of potentials measured elsewhere the table is judged, before a run too.
    measured = {name: row for name, row in evidence.rows.items() if row.external is None}
    found = evidence.found[evidence.found["measurement"].isin(list(measured))]
    yield from copied_potentials(measured_potentials(found))
    measured_mV = found.set_index("measurement")["raw_mV"].to_dict()
    rows = [measured[name] for name in measured_mV]
    yield from temperature_findings(rows, measured_mV)


def copies(used: Sequence[tuple[Record, Record]]) -> Iterator[Finding]:
    """Yield recordings that are one: of the same bytes, the same samples, or the same time under two cell names.

    Parameters
    ----------
    used : sequence of (row of reversal_potentials.csv, its facts)

    Notes
    -----
    Two rows of one file are its two channels, or its sweeps in two baths; only under two cell names are they copies.
    """
    told: set[frozenset[str]] = set()
    for what, code, same in (
        ("sha256", Code.DUPLICATES, "equal bytes (SHA-256)"),
        ("samples", Code.DUPLICATES, "equal samples under different headers"),
        ("start_s", Code.SAME_START, ""),
    ):
        alike: dict[tuple[str, ...], list[Record]] = {}
        for row, fact in used:
            if _is_known(fact[what]):
                value = fact[what]
                alike.setdefault((str(value), str(fact["channel"])), []).append(row)
        for rows in alike.values():
            names = frozenset(row["measurement"] for row in rows)
            if _is_copy(rows, code) and not any(names <= each for each in told):
                told.add(names)
                start = next(fact["start_s"] for row, fact in used if row["measurement"] in names)
                yield Finding(
                    code,
                    rows[0]["measurement"],
                    {
                        "names": _named(rows),
                        "same": same if rows[0]["recording"] else "equal levels",
                        "start": _time(start),
                    },
                )


def measured_potentials(found: pd.DataFrame) -> Iterator[Potential]:
    """Yield the potentials of recordings and of I-V curves, from rows of reversal_potentials.csv."""
    for row in found.to_dict("records"):
        condition = (row["bath"], row["pipette"], row["configuration"])
        cell, potential = (row["group"], row["cell"]), (row["raw_mV"], row["se_mV"])
        yield Potential(row["measurement"], cell, condition, row["temperature_C"], *potential, row["recording"])


def _is_known(value: str | float) -> bool:
    """Return True for a digest, and for a time; midnight sharp is that of programs without a clock."""
    return bool(value) if isinstance(value, str) else math.isfinite(value) and value % DAY_S != 0


def _is_copy(rows: Sequence[Record], code: Code) -> bool:
    """Return True where rows of equal content are more than one file or cell, or rows of equal time more than one cell.

    The rows of one file may be in two groups, as before and after a drug.
    """
    if code is Code.SAME_START:
        return len({(row["group"], row["cell"]) for row in {row["recording"]: row for row in rows}.values()}) > 1
    return len({(row["cell"], row["recording"] or row["measurement"]) for row in rows}) > 1


def _named(rows: Sequence[Record]) -> str:
    names = [
        f"{row['recording'] or row['measurement']} ({cell_named(row['cell'])}, bath {row['bath']})" for row in rows
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _time(start_s: float) -> str:
    if math.isnan(start_s):
        return ""
    return f"{date_of(start_s)} {datetime.timedelta(seconds=round(start_s % DAY_S, 3))}"
