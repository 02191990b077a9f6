"""Findings on batches: cells of one animal, day or dish, whether the table names them or not.

Cells of a batch may be alike. Where column `batch` is given, the fit takes it into account, and the findings say how
far few batches carry. Where it is not, the days of the recordings and columns of the user's own may divide the cells.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, between, named, of_ratio
from nernstfit.contract.terms import RatioScope, RatioVerdict
from nernstfit.experiment.records import Cell, Row
from nernstfit.judgement.dates import dates_in
from nernstfit.judgement.evidence import Evidence, in_group
from nernstfit.judgement.inputs import batch_columns
from nernstfit.judgement.made import Record, date_of
from nernstfit.permeability.distributions import f_tail
from nernstfit.permeability.inference.sentences import group_label, written_p

# p of the F test between batches below which they differ, over all quantities tested (contract). At half one sound
# study in forty is warned of; at double one in ten.
_MAX_P = 0.05
# Batches up to which a ratio rests on few: with three, Student's t is 4.3, twice that of many. At half only single
# batches are named; at double most studies are.
_FEW_BATCHES = 3
BATCH, DAY = "batch", "day"


@dataclass(frozen=True)
class Division:
    """Division of the cells into batches.

    Attributes
    ----------
    name : str
        `BATCH` for the column of that name, `DAY` for the days of the recordings, else a column of the user's own.
    of_cell : mapping
        Batch of each cell, by group and name of the cell.
    """

    name: str
    of_cell: Mapping[Cell, Hashable]

    @property
    def unit(self) -> str:
        """One of its batches in words."""
        return self.name if self.name in (BATCH, DAY) else f"value of '{self.name}'"

    @property
    def units(self) -> str:
        """Several of its batches in words."""
        return {BATCH: "batches", DAY: "days"}.get(self.name, f"values of '{self.name}'")

    @cached_property
    def batches(self) -> frozenset[Hashable]:
        """All batches."""
        return frozenset(self.of_cell.values())

    def of_group(self, group: str) -> dict[str, Hashable]:
        """Return the batch of each cell of one group by the cell's name."""
        return {cell: batch for (own, cell), batch in self.of_cell.items() if own == group}

    def is_alike(self, other: Division) -> bool:
        """Return True where another division puts the same cells together."""
        common = self.of_cell.keys() & other.of_cell.keys()
        pairs = {(self.of_cell[cell], other.of_cell[cell]) for cell in common}
        return len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs}) > 0


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on batches, days and columns that look like batches."""
    used = {name: evidence.rows[name] for name in evidence.found["measurement"]}
    days = Division(DAY, _days(evidence, used))
    if any(row.batch for row in evidence.experiment.rows):
        given = Division(BATCH, {(row.group, row.cell): row.batch for row in used.values() if row.batch})
        yield from _few(evidence, given)
        yield from _confounded(evidence, [given, days])
        return
    columns = [Division(*each) for each in batch_columns(list(used.values()))]
    divisions = [*columns, *([] if any(days.is_alike(each) for each in columns) else [days])]
    groups = [group for group, _ in evidence.by_group("permeabilities")]
    differ = [finding for group in groups for finding in _of_group(evidence, group, divisions)]
    yield from differ
    if days in divisions and len(days.batches) > 1 and not any(each.code is Code.DAYS_DIFFER for each in differ):
        first, last = min(map(str, days.batches)), max(map(str, days.batches))
        yield Finding(Code.DAYS, "", {"n": len(days.batches), "first": first, "last": last}, 0.0)
    yield from _confounded(evidence, divisions)


def _days(evidence: Evidence, used: Mapping[str, Row]) -> dict[Cell, datetime.date]:
    """Return the first day of each cell by the time of its recordings, else by the dates in the names of its group."""
    first: dict[Cell, datetime.date] = {}
    for name, row in used.items():
        start_s = evidence.fact(name).get("start_s", math.nan)
        if math.isfinite(start_s):
            cell, day = (row.group, row.cell), date_of(start_s)
            first[cell] = min(day, first.get(cell, day))
    rows = list(used.values())
    for group in sorted({row.group for row in rows}):
        without = [row for row in rows if row.group == group and (group, row.cell) not in first]
        first |= _days_by_names(without)
    return first


def _days_by_names(rows: Sequence[Row]) -> dict[Cell, datetime.date]:
    """Return the days of cells by the dates in the names of cells, else of recordings, else of measurements."""
    for column in ("cell", "recording", "measurement"):
        names: dict[Cell, list[str]] = {}
        for row in rows:
            names.setdefault((row.group, row.cell), []).append(str(getattr(row, column)))
        if found := dates_in(names):
            return found
    return {}


# Batches that are not given


def _of_group(evidence: Evidence, group: str, divisions: Sequence[Division]) -> Iterator[Finding]:
    """Yield the finding on the quantity of a group's cells that differs most surely between batches.

    Tested are the mean residual of each cell, which an offset of one day moves, and each ratio of single cells, which
    a solution or an animal moves. The smallest p is multiplied by the number of tests (Bonferroni).
    """
    found = []
    quantities = list(_quantities(evidence, group))
    for division in divisions:
        of_cell = division.of_group(group)
        for what, values in quantities:
            known = [cell for cell in values if cell in of_cell]
            F, p = f_test([values[cell] for cell in known], [of_cell[cell] for cell in known])
            if math.isfinite(p):
                found.append((p, F, what, division.name))
    p, F, what, name = min(found, default=(1.0, 0.0, "", ""))
    p *= max(1, len(found))
    if p < _MAX_P:
        values_ = {"what": what, "where": in_group(group), "F": F, "p": written_p(p, _MAX_P)}
        code = Code.DAYS_DIFFER if name == DAY else Code.COLUMN_DIFFERS
        yield Finding(code, group, values_ | {"column": name})


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


def f_test(values: Sequence[float], batches: Sequence[Hashable]) -> tuple[float, float]:
    """Return F and p of a one-way analysis of variance of cells between batches against cells within them.

    The batch is the unit between which variance is asked for, the cell that within; the test is exact for normal
    values.

    Parameters
    ----------
    values : sequence of float
        One for each cell.
    batches : sequence
        Batch of each cell.

    Returns
    -------
    F, p : float
        nan where all cells are of one batch, or no batch has two.
    """
    distinct, value = list(dict.fromkeys(batches)), np.array(values, dtype=np.float64)
    between_df, within_df = len(distinct) - 1, len(value) - len(distinct)
    if between_df < 1 or within_df < 1:
        return math.nan, math.nan
    place = np.array([distinct.index(batch) for batch in batches])
    means = (np.bincount(place, value) / np.bincount(place))[place]
    of_batches = float(((means - value.mean()) ** 2).sum()) / between_df
    of_cells = float(((value - means) ** 2).sum()) / within_df
    if of_cells <= np.finfo(float).tiny:
        return math.nan, math.nan
    return of_batches / of_cells, f_tail(of_batches / of_cells, between_df, within_df)


# Few batches


def _few(evidence: Evidence, given: Division) -> Iterator[Finding]:
    """Yield the ratios that rest on fewer batches than cells, and on few."""
    for group, part in evidence.by_group("permeabilities"):
        of_cell = given.of_group(group)
        for row in part[part["verdict"] == RatioVerdict.ESTIMATE].to_dict("records"):
            # A cell without a batch is one of its own, as in the fit.
            n, cells = len({of_cell.get(cell, (cell,)) for cell in _informing(evidence, row)}), row["n_cells"]
            if 0 < n <= _FEW_BATCHES and n < cells and row["scope"] == RatioScope.POPULATION:
                subject = named(group, f"{row['ion']}/{row['reference']}")
                values = {"cells": f"{cells:.0f} cells", "batches": f"{n} batches" if n > 1 else "one batch", "n": n}
                effect = of_ratio(_se_of_batches(row, n), row["low"], row["high"])
                yield Finding(Code.FEW_BATCHES, subject, values | {"subject": subject}, effect)


def _informing(evidence: Evidence, row: Record) -> set[str]:
    """Return the cells that inform on a ratio: as many as it counts, those with the most of its ion on either side.

    Cells with as much of it as the last one are among them: all those of one bath are, or none.
    """
    most_mM: dict[str, float] = {}
    for own in evidence.predicted(row["group"]):
        sides = (evidence.contents[side, own.condition.temperature_C] for side in (own.bath, own.pipette))
        most_mM[own.cell] = max(most_mM.get(own.cell, 0.0), *(side[row["ion"]] for side in sides))
    in_order = sorted((c for c in most_mM.values() if c > 0), reverse=True)
    least = in_order[min(int(row["n_cells"]), len(in_order)) - 1] if in_order else math.inf
    return {cell for cell, c in most_mM.items() if c >= least}


def _se_of_batches(row: Record, n: int) -> float:
    """Return the standard error of a ln ratio if the cells of each of n batches were alike.

    The variance of a mean of n batches of m equal cells is m times that of n m different cells.
    """
    return float(row["se_ln_cells"] * math.sqrt(row["n_cells"] / n))


# Groups


def _confounded(evidence: Evidence, divisions: Sequence[Division]) -> Iterator[Finding]:
    """Yield pairs of groups that are compared, have no batch in common, and of which one has few batches."""
    table = evidence.of_model("comparisons")
    for (one, other), part in table[table["p"].notna()].groupby(["group", "other_group"], sort=True):
        told: list[Division] = []
        for division in divisions:
            if _are_apart(division, one, other) and not any(division.is_alike(before) for before in told):
                told.append(division)
                n = {group: len(set(division.of_group(group).values())) for group in (one, other)}
                values = {"one": group_label(one), "other": group_label(other)}
                values |= {"unit": division.unit, "units": division.units}
                values |= {"counts": " and ".join(map(str, n.values()))}
                effect = math.inf if 1 in n.values() else _effect(evidence, part, n)
                yield Finding(Code.GROUPS_CONFOUNDED, between(one, other), values, effect)


def _are_apart(division: Division, one: str, other: str) -> bool:
    """Return True where two groups have no batch in common, and one of them few batches of several cells."""
    both = [list(division.of_group(group).values()) for group in (one, other)]
    are_few = any(len(set(own)) <= _FEW_BATCHES and len(set(own)) < len(own) for own in both)
    return all(both) and are_few and not set(both[0]) & set(both[1])


def _effect(evidence: Evidence, comparisons: pd.DataFrame, batches: Mapping[str, int]) -> float:
    """Return the largest effect on a difference of two groups if the cells of each batch were alike."""
    ratios = evidence.of_model("permeabilities")
    effects = [0.0]
    for row in comparisons.to_dict("records"):
        both = ratios[ratios["group"].isin(list(batches)) & (ratios["ion"] == row["ion"])].to_dict("records")
        shift = math.hypot(*(_se_of_batches(each, batches[each["group"]]) for each in both))
        effects.append(of_ratio(shift, math.exp(row["low"]), math.exp(row["high"])))
    return max(effects)
