"""Findings on replicates: recordings that are copies of each other."""

from __future__ import annotations

import datetime
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.judgement.evidence import DAY_S, Evidence, Record, date_of

# Conditions in which the potentials of two cells must be equal to the last digit to be copies: potentials written to
# 0.1 mV agree in one by chance in every tenth pair. At half chance decides; at double a copied cell of a usual study of
# four baths is not seen.
_MIN_EQUAL = 3
_UNUSED = (PotentialVerdict.EXCLUDED, PotentialVerdict.UNREADABLE)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on copies."""
    used = [
        (row, evidence.fact(row["measurement"]))
        for row in evidence.reversals.to_dict("records")
        if row["verdict"] not in _UNUSED and evidence.fact(row["measurement"])
    ]
    yield from copies(used)
    yield from _same_potentials(evidence.found)


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
                    code, rows[0]["measurement"], {"names": _named(rows), "same": same, "start": _time(start)}
                )


def _same_potentials(found: pd.DataFrame) -> Iterator[Finding]:
    """Yield two cells of a group whose potentials agree to the last digit in every condition that both have seen."""
    for _, group in found.groupby("group", sort=True, dropna=False):
        cells = {
            cell: {(row["bath"], row["pipette"], row["configuration"]): row for row in rows.to_dict("records")}
            for cell, rows in group.groupby("cell", sort=True)
        }
        alike: dict[Any, list[Any]] = {}
        for cell, of_cell in cells.items():
            for condition, row in of_cell.items():
                alike.setdefault((condition, row["raw_mV"]), []).append(cell)
        # Only cells that share a potential are compared.
        equal = Counter(pair for sharing in alike.values() for pair in itertools.combinations(sharing, 2))
        told: set[Any] = set()
        for one, other in sorted(equal):
            common = [condition for condition in cells[one] if condition in cells[other]]
            if _MIN_EQUAL <= equal[one, other] == len(common) and other not in told:
                told |= {one, other}
                rows = [cells[cell][common[0]] for cell in (one, other)]
                values = {"names": _named(rows), "same": f"equal potentials in {len(common)} conditions", "start": ""}
                done = () if any(row["recording"] for row in rows) else ("'recording'",)
                yield Finding(Code.DUPLICATES, rows[0]["measurement"], values, done=done)


def _is_known(value: str | float) -> bool:
    """Return True for a digest, and for a time; midnight sharp is that of programs without a clock."""
    return bool(value) if isinstance(value, str) else math.isfinite(value) and value % DAY_S != 0


def _is_copy(rows: Sequence[Record], code: Code) -> bool:
    """Return True where rows of equal content are more than one file or cell, or rows of equal time more than one cell.

    The rows of one file may be in two groups, as before and after a drug.
    """
    if code is Code.SAME_START:
        return len({(row["group"], row["cell"]) for row in {row["recording"]: row for row in rows}.values()}) > 1
    return len({(row["cell"], row["recording"]) for row in rows}) > 1


def _named(rows: Sequence[Record]) -> str:
    names = [
        f"{row['recording'] or row['measurement']} ({cell_named(row['cell'])}, bath {row['bath']})" for row in rows
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _time(start_s: float) -> str:
    if math.isnan(start_s):
        return ""
    return f"{date_of(start_s)} {datetime.timedelta(seconds=round(start_s % DAY_S, 3))}"
