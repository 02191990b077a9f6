"""Findings on replicates: recordings that are copies of each other, and cells of several days without a batch."""

from __future__ import annotations

import datetime
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.contract.terms import PotentialVerdict, RatioVerdict
from nernstfit.judgement.evidence import Evidence, Record, in_group

# p of the F test between days below which days differ, over all quantities tested (contract). At half one sound study
# in forty is warned of; at double one in ten.
_MAX_P = 0.05
# Conditions in which the potentials of two cells must be equal to the last digit to be copies: potentials written to
# 0.1 mV agree in one by chance in every tenth pair. At half chance decides; at double a copied cell of a usual study of
# four baths is not seen.
_MIN_EQUAL = 3
_DAY_S = 86_400  # a definition
_UNUSED = (PotentialVerdict.EXCLUDED, PotentialVerdict.UNREADABLE)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on copies and on days."""
    used = [
        (row, evidence.fact(row["measurement"]))
        for row in evidence.reversals.to_dict("records")
        if row["verdict"] not in _UNUSED and evidence.fact(row["measurement"])
    ]
    yield from copies(used)
    yield from _same_potentials(evidence.found)
    if not any(row.batch for row in evidence.experiment.rows):
        yield from _days(evidence, used)


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
                yield Finding(Code.DUPLICATES, rows[0]["measurement"], values)


def _is_known(value: str | float) -> bool:
    """Return True for a digest, and for a time; midnight sharp is that of programs without a clock."""
    return bool(value) if isinstance(value, str) else math.isfinite(value) and value % _DAY_S != 0


def _is_copy(rows: Sequence[Record], code: Code) -> bool:
    """Return True where rows of equal content are more than one file or cell, or rows of equal time more than one cell.

    The rows of one file may be in two groups, as before and after a drug.
    """
    if code is Code.SAME_START:
        return len({(row["group"], row["cell"]) for row in {row["recording"]: row for row in rows}.values()}) > 1
    return len({(row["cell"], row["recording"]) for row in rows}) > 1


def _named(rows: Sequence[Record]) -> str:
    names = [f"{row['recording'] or row['measurement']} (cell {row['cell']}, bath {row['bath']})" for row in rows]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _time(start_s: float) -> str:
    if math.isnan(start_s):
        return ""
    return f"{_date(start_s)} {datetime.timedelta(seconds=round(start_s % _DAY_S, 3))}"


def _date(start_s: float) -> datetime.date:
    return datetime.date.fromordinal(int(start_s // _DAY_S))


# Days


def _days(evidence: Evidence, used: Sequence[tuple[Record, Record]]) -> Iterator[Finding]:
    """Yield the findings on recordings of several days: that there are any, and that they differ."""
    first: dict[tuple[str, str], datetime.date] = {}
    for row, fact in used:
        if math.isfinite(fact["start_s"]):
            cell, day = (row["group"], row["cell"]), _date(fact["start_s"])
            first[cell] = min(day, first.get(cell, day))
    days = sorted(set(first.values()))
    if len(days) < 2:
        return
    differ = [
        finding for group in sorted({group for group, _ in first}) for finding in _of_group(evidence, group, first)
    ]
    yield from differ
    if not differ:
        yield Finding(Code.DAYS, "", {"n": len(days), "first": days[0], "last": days[-1]}, 0.0)


def _of_group(evidence: Evidence, group: str, first: Mapping[tuple[str, str], datetime.date]) -> Iterator[Finding]:
    """Yield the finding on the quantity of a group's cells that differs most surely between days.

    Tested are the mean residual of each cell, which an offset of one day moves, and each ratio of single cells, which
    a solution or an animal of one day moves. The smallest p is multiplied by their number (Bonferroni).
    """
    found = []
    quantities = list(_quantities(evidence, group))
    for what, of_cell in quantities:
        days = [first.get((group, cell)) for cell in of_cell]
        values = [value for value, day in zip(of_cell.values(), days, strict=True) if day]
        F, p = f_test(values, [day for day in days if day])
        if math.isfinite(p):
            found.append((p, F, what))
    p, F, what = min(found, default=(1.0, 0.0, ""))
    p *= max(1, len(found))
    if p < _MAX_P:
        written = "< 0.001" if p < 1e-3 else f"= {p:.2g}"
        yield Finding(Code.DAYS_DIFFER, group, {"what": what, "where": in_group(group), "F": F, "p": written})


def _quantities(evidence: Evidence, group: str) -> Iterator[tuple[str, dict[str, float]]]:
    residuals, cells = evidence.of_model("residuals"), evidence.of_model("cells")
    own = residuals[(residuals["group"] == group) & residuals["residual_mV"].notna()]
    # A cell that was in one bath more than another has no other mean for it: each bath is centred first.
    centred = own["residual_mV"] - own.groupby("bath")["residual_mV"].transform("mean")
    yield "the mean residual of a cell", centred.groupby(own["cell"]).mean().to_dict()
    ratios = evidence.of_model("permeabilities")
    estimates = ratios[(ratios["group"] == group) & (ratios["verdict"] == RatioVerdict.ESTIMATE)]
    for row in estimates.to_dict("records"):
        part = cells[(cells["group"] == group) & (cells["ion"] == row["ion"]) & cells["ln_ratio"].notna()]
        yield f"{row['ion']}/{row['reference']}", dict(zip(part["cell"], part["ln_ratio"], strict=True))


def f_test(values: Sequence[float], days: Sequence[datetime.date]) -> tuple[float, float]:
    """Return F and p of a one-way analysis of variance of cells between days against cells within days.

    The day is the unit between which variance is asked for, the cell that within; the test is exact for normal values.

    Parameters
    ----------
    values : sequence of float
        One for each cell.
    days : sequence of date

    Returns
    -------
    F, p : float
        nan where all cells are of one day, or no day has two.
    """
    table = pd.DataFrame({"value": values, "day": days})
    means = table.groupby("day")["value"].transform("mean") if len(table) else table["value"]
    between, within = table["day"].nunique() - 1, len(table) - table["day"].nunique()
    if between < 1 or within < 1:
        return math.nan, math.nan
    of_days = float(((means - table["value"].mean()) ** 2).sum()) / between
    of_cells = float(((table["value"] - means) ** 2).sum()) / within
    if of_cells <= np.finfo(float).tiny:
        return math.nan, math.nan
    return of_days / of_cells, float(stats.f.sf(of_days / of_cells, between, within))
