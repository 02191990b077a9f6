"""Findings on recordings that are one: entered twice, copied under another name, or of one time under two cells."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named
from nernstfit.experiment.records import Row
from nernstfit.judgement.made import DAY_S, Made, date_of


def findings(used: Sequence[Made]) -> Iterator[Finding]:
    """Yield recordings that are one: of the same bytes, the same samples, or the same time under two cell names.

    Parameters
    ----------
    used : sequence of (row, what ingest knows of it)
        Before a run or after it.

    Notes
    -----
    Two rows of one file are its two channels, or its sweeps in two baths; only under two cell names are they copies.
    """
    told: set[frozenset[str]] = set()
    for what, code, same in (
        ("sha256", Code.DUPLICATES, "equal bytes"),
        ("samples", Code.DUPLICATES, "equal samples under different headers"),
        ("start_s", Code.SAME_START, ""),
    ):
        alike: dict[tuple[str, ...], list[Row]] = {}
        for row, fact in used:
            if _is_known(fact[what]):
                value = fact[what]
                alike.setdefault((str(value), str(fact["channel"])), []).append(row)
        for rows in alike.values():
            names = frozenset(row.measurement for row in rows)
            if _is_copy(rows, code) and not any(names <= each for each in told):
                told.add(names)
                start = next(fact["start_s"] for row, fact in used if row.measurement in names)
                values = {"names": _named(rows), "same": same if rows[0].recording else "equal levels"}
                yield Finding(code, rows[0].measurement, values | {"start": _time(start)})


def _is_known(value: str | float) -> bool:
    """Return True for a digest, and for a time; midnight sharp is that of programs without a clock."""
    return bool(value) if isinstance(value, str) else math.isfinite(value) and value % DAY_S != 0


def _is_copy(rows: Sequence[Row], code: Code) -> bool:
    """Return True where rows of equal content are more than one file or cell, or rows of equal time more than one cell.

    The rows of one file may be in two groups, as before and after a drug.
    """
    if code is Code.SAME_START:
        return len({(row.group, row.cell) for row in {row.recording: row for row in rows}.values()}) > 1
    return len({(row.cell, row.recording or row.measurement) for row in rows}) > 1


def _named(rows: Sequence[Row]) -> str:
    names = [f"{row.recording or row.measurement} ({cell_named(row.cell)}, bath {row.bath})" for row in rows]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _time(start_s: float) -> str:
    if math.isnan(start_s):
        return ""
    return f"{date_of(start_s)} {datetime.timedelta(seconds=round(start_s % DAY_S, 3))}"
