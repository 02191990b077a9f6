"""Findings on permeability ratios: verdicts, cells, intervals and activities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.correction_terms import PIPETTE
from nernstfit.contract.findings import Finding, cell_named, named, of_ratio
from nernstfit.contract.model_words import activity_words
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import ActivityModel, IntervalMethod, RatioScope, RatioVerdict
from nernstfit.judgement.equation import rejections, robust
from nernstfit.judgement.evidence import Evidence, in_group
from nernstfit.judgement.made import Record
from nernstfit.permeability.distributions import normal_quantile, p_of_farthest, t_quantile
from nernstfit.permeability.inference.sentences import written_p
from nernstfit.physics.solution.coefficients import NAMES

# Cells up to which an interval is said to rest on few: with three, Student's t is 4.3, twice that of many cells. At
# half only single cells are named; at double most studies are.
_FEW_CELLS = 3
# Fewest cells among which one can lie off: with three, two agreeing ones would make the third an outlier. At half the
# test has no degree of freedom; at double a usual group of five cells is never looked at.
_MIN_CELLS = 4
# p below which a cell lies off the others, over all cells of a ratio (Bonferroni): one sound ratio in twenty. Over all
# ratios too, a cell that is off in one of many would not be seen; a warning needs that, a note does not. At half it is
# one in forty, at double one in ten.
_MAX_P = 0.05
# Decrease of AICc from which a model with a common factor on the pipette's activities is told. Beyond 10 the model
# without it has essentially no support (Burnham & Anderson 2004, Sociol Methods Res 33:261). At half a factor is told
# in one sound group in 150; at double effects that are certain already are passed over.
_MIN_GAIN = 10.0
Done: TypeAlias = tuple[str, ...]
_PITZER: Done = ("pitzer",)
_WITHOUT_NUMBER = (RatioVerdict.NOT_IDENTIFIABLE, RatioVerdict.UPPER_BOUND, RatioVerdict.LOWER_BOUND)


def subject_of(row: Record) -> str:
    """Return the subject of findings on a ratio, from its row in any table with group, ion and reference."""
    return named(row["group"], f"{row['ion']}/{row['reference']}")


def is_at_bound(reason: str) -> bool:
    """Return True for the reason of a ratio that is at a bound of the user's."""
    return reason.startswith(RatioReason.AT_BOUND.stem)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on the ratios of the configured model."""
    rejected = rejections(evidence)
    for group, part in evidence.by_group("permeabilities"):
        rows = part.to_dict("records")
        verdicts = {row["verdict"] for row in rows}
        if verdicts == {RatioVerdict.NOT_IDENTIFIABLE}:
            yield Finding(Code.NO_RATIO, group, {"reason": rows[0]["reason"]})
        remarks = (part for row in rows for part in row["reason"].split("; "))
        for remark in dict.fromkeys(each for each in remarks if each.startswith(RatioReason.SYSTEMATIC_WEIGHTS.stem)):
            yield Finding(Code.SYSTEMATIC_WEIGHTS, group, {"reason": remark, "where": in_group(group)})
        solids = list(_precipitates(evidence, group))
        for row in rows:
            yield from _verdict(row, rejected.get(group))
            yield from _precipitating(row, solids)
            if row["verdict"] == RatioVerdict.ESTIMATE:
                yield from _cells(evidence, row)
                yield from _intervals(evidence, row)
                yield from _activities(evidence, row)
                yield from _with_factor(evidence, row)
    for group, part in evidence.by_group("activity_corrections"):
        yield from _factors(group, part)
    for group, part in evidence.by_group("residuals"):
        lost = part[part["predicted_mV"].isna() & ~part["measurement"].isin(evidence.without_cell)]
        if len(lost):
            values = {"n": len(lost), "total": len(part), "baths": ", ".join(sorted(set(lost["bath"])))}
            yield Finding(Code.LEFT_OUT, group, values | {"where": in_group(group)})


def _precipitates(evidence: Evidence, group: str) -> Iterator[Finding]:
    """Yield the findings on permeant ions that precipitate in the solutions of a group, each solid once."""
    told = set()
    used = {
        (row.condition.temperature_C, name)
        for row in evidence.experiment.rows
        if row.group == group and not row.exclude
        for name in filter(None, (row.bath, row.pipette))
    }
    for temperature_C, name in sorted(used):
        for each in evidence.of_solutions[temperature_C][name]:
            if each.code is Code.PRECIPITATE_PERMEANT and (name, each.values["solid"]) not in told:
                told.add((name, each.values["solid"]))
                yield each


def _precipitating(row: Record, solids: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings on a ratio whose ion, or reference ion, precipitates; each stands beside its number."""
    if row["verdict"] == RatioVerdict.NOT_IDENTIFIABLE:
        return
    for each in solids:
        ions = [ion for ion in (row["ion"], row["reference"]) if ion in each.values["used"]]
        if ions:
            values = {"solid": each.values["solid"], "name": each.values["name"]}
            yield _finding(Code.PRECIPITATING_RATIO, row, ion=" and ".join(ions), **values)


def _factors(group: str, factors: pd.DataFrame) -> Iterator[Finding]:
    """Yield the finding on every factor on activities that was asked for and is not identifiable."""
    for row in factors[factors["verdict"] == RatioVerdict.NOT_IDENTIFIABLE].to_dict("records"):
        values = {"term": row["term"], "where": in_group(group), **_reason_and_remedy(row)}
        yield Finding(Code.FACTOR, named(group, row["term"]), values)


def _with_factor(evidence: Evidence, row: Record) -> Iterator[Finding]:
    """Yield the finding on a ratio that a common factor on the pipette's activities moves, where it fits far better."""
    model, group = f"{evidence.model}+{PIPETTE}", row["group"]
    if evidence.experiment.settings.fit.corrections:
        return

    def of_group(name: str, model: str) -> pd.DataFrame:
        table = evidence.tables[name]
        return table[(table["group"] == group) & (table["model"] == model)]

    aicc = [of_group("models", each)["aicc"] for each in (evidence.model, model)]
    ratios, factors = of_group("permeabilities", model), of_group("activity_corrections", model)
    ratios = ratios[(ratios["ion"] == row["ion"]) & ratios["ln_ratio"].notna()]
    factors = factors[factors["verdict"] == RatioVerdict.ESTIMATE]
    if not len(ratios) or not len(factors) or any(each.isna().all() for each in aicc):
        return
    gain, other, factor = float(aicc[0].iloc[0] - aicc[1].iloc[0]), ratios.iloc[0], factors.iloc[0]
    if gain > _MIN_GAIN:
        effect = of_ratio(other["ln_ratio"] - row["ln_ratio"], row["low"], row["high"])
        values = {"value": row["ratio"], "other": other["ratio"], "gain": gain}
        yield _finding(Code.FACTOR_FITS, row, effect, **values, **factor[["factor", "low", "high"]])


def _reason_and_remedy(row: Record) -> dict[str, Any]:
    """Return why there is no number, and what would settle it, which `ratio_reason` joins, as places of a finding."""
    reason, _, remedy = row["reason"].partition("; ")
    return {"reason": reason, "remedy": remedy}


def _finding(code: Code, row: Record, effect: float = math.inf, done: Done = (), **values: Any) -> Finding:
    subject = subject_of(row)
    return Finding(code, subject, {"subject": subject} | values, effect, done=done)


def _verdict(row: Record, rejection: str | None) -> Iterator[Finding]:
    """Yield the findings that follow from the verdict on a ratio; a held one of a rejected model is an error too."""
    verdict = RatioVerdict(row["verdict"])
    if verdict is RatioVerdict.MODEL_REJECTED or (verdict is RatioVerdict.HELD and rejection is not None):
        yield _finding(Code.MODEL_REJECTED, row, reason=rejection or row["reason"])
    elif verdict is RatioVerdict.NOT_IDENTIFIABLE:
        yield _finding(Code.NOT_IDENTIFIABLE, row, ion=row["ion"], **_reason_and_remedy(row))
    elif verdict is RatioVerdict.HELD:
        yield _finding(Code.HELD, row, math.inf if is_at_bound(row["reason"]) else 0.0, reason=row["reason"])
    elif verdict in _WITHOUT_NUMBER:
        yield _finding(Code.BOUND, row, 0.0, verdict=verdict.label, reason=row["reason"])
    elif verdict is RatioVerdict.ESTIMATE and not (math.isfinite(row["low"]) and math.isfinite(row["high"])):
        yield _finding(Code.NO_INTERVAL, row, reason=f": {row['reason']}" if row["reason"] else "")


def _cells(evidence: Evidence, row: Record) -> Iterator[Finding]:
    """Yield the findings on the number of cells behind a ratio and on one that lies off the others."""
    n = row["n_cells"]
    if row["scope"] == RatioScope.CELL:
        yield _finding(Code.ONE_CELL, row)
    elif n <= _FEW_CELLS:
        yield _finding(Code.FEW_CELLS, row, 0.0, cells="one cell" if n == 1 else f"{n:.0f} cells")
    cells = evidence.of_model("cells")
    own = cells[(cells["group"] == row["group"]) & (cells["ion"] == row["ion"]) & cells["ln_ratio"].notna()]
    off = outlying(own["ln_ratio"].to_numpy(float), own["se_ln_ratio"].fillna(0.0).to_numpy(float))
    if off is not None:
        i, theirs, z = off
        name, value = own["cell"].iloc[i], float(own["ln_ratio"].iloc[i])
        shift = (value - theirs) / len(own)
        others = own["ln_ratio"].drop(own.index[i]).to_numpy(float)
        without = _interval(others, row["se_ln_shared"], float(evidence.experiment.settings.fit.confidence))
        # The cell widens the interval that it is in: the shorter one shows what it does.
        effect = max(of_ratio(shift, *ends) for ends in ((row["low"], row["high"]), without))
        p = min(1.0, p_of_farthest(z, len(own), len(own) - 2))
        if p * _n_estimates(evidence, row["group"]) >= _MAX_P:
            effect = 0.0  # one of several ratios has such a cell by chance
        values: dict[str, Any] = {
            "cell": named(row["group"], cell_named(name)),
            "p": written_p(p, _MAX_P),
            "ratio": f"{row['ion']}/{row['reference']}",
        }
        values |= {"value": math.exp(value), "theirs": math.exp(theirs)}
        yield Finding(Code.OUTLYING_CELL, named(row["group"], name), values, effect, done=robust(evidence))


def _interval(ln_ratios: np.ndarray, se_shared: float, confidence: float) -> tuple[float, float]:
    """Return the interval of a ratio by Student's t from single cells, with the error that all have in common."""
    level, n = (1 + confidence) / 2, len(ln_ratios)
    of_cells = t_quantile(level, n - 1) * float(ln_ratios.std(ddof=1)) / math.sqrt(n)
    half = math.hypot(of_cells, 0.0 if math.isnan(se_shared) else normal_quantile(level) * se_shared)
    mean = float(ln_ratios.mean())
    return math.exp(mean - half), math.exp(mean + half)


def outlying(ln_ratios: np.ndarray, se: np.ndarray) -> tuple[int, float, float] | None:
    """Return the cell that lies off the others, the mean of these, and the distance in standard deviations.

    Each cell is held against the mean of the others by Student's t with their standard deviation and its own error
    beyond theirs; p is multiplied by the number of cells (Bonferroni).

    Parameters
    ----------
    ln_ratios, se : ndarray, shape (cells,)

    Returns
    -------
    tuple or None
        Number of the cell, mean ln ratio of the others, t; None where no cell lies off, or there are too few.
    """
    n = len(ln_ratios)
    if n < _MIN_CELLS:
        return None
    found = []
    for i in range(n):
        others = np.delete(ln_ratios, i)
        further = max(0.0, float(se[i] ** 2 - np.median(np.delete(se, i)) ** 2))
        deviation = math.sqrt(float(others.var(ddof=1)) * n / (n - 1) + further)
        distance = abs(float(ln_ratios[i] - others.mean()))
        found.append((distance / deviation if deviation > 0 else math.inf * (distance > 0), i, float(others.mean())))
    t, i, theirs = max((each for each in found if not math.isnan(each[0])), default=(0.0, 0, 0.0))
    return (i, theirs, t) if p_of_farthest(t, n, n - 2) < _MAX_P and math.isfinite(t) else None


def _n_estimates(evidence: Evidence, group: str) -> int:
    table = evidence.of_model("permeabilities")
    return int(((table["group"] == group) & (table["verdict"] == RatioVerdict.ESTIMATE)).sum())


def _intervals(evidence: Evidence, row: Record) -> Iterator[Finding]:
    """Yield the finding on the interval by another method that deviates most among those that are marked."""
    table = evidence.of_model("intervals")
    own = table[(table["group"] == row["group"]) & (table["ion"] == row["ion"]) & table["disagrees"].isin([True])]
    own = own[(own["low"] > 0) & own["high"].notna()]
    if evidence.experiment.settings.fit.robust:  # Student's t gives gross errors their full weight
        own = own[own["method"] != IntervalMethod.STUDENT]
    found = []
    for other in own.to_dict("records"):
        ends = ((other["low"], row["low_cells"]), (other["high"], row["high_cells"]))
        shift = max((abs(math.log(a / b)) for a, b in ends if b > 0), default=math.nan)
        values = {"method": IntervalMethod(other["method"]).label, "low": other["low"], "high": other["high"]}
        found.append(_finding(Code.INTERVALS_DISAGREE, row, of_ratio(shift, row["low"], row["high"]), **values))
    yield from sorted(found, key=lambda finding: -finding.effect)[:1]


def _activities(evidence: Evidence, row: Record) -> Iterator[Finding]:
    """Yield the finding on what another activity model, or another convention, makes of a ratio."""
    activity = evidence.experiment.settings.activity
    if activity.model == ActivityModel.CONCENTRATION:
        return
    table = evidence.tables["permeabilities"]
    same = table[(table["group"] == row["group"]) & (table["ion"] == row["ion"]) & table["ln_ratio"].notna()]
    ln_ratio = dict(zip(same["model"], same["ln_ratio"], strict=True))
    in_model = {name: evidence.model.replace(activity.name, name, 1) for name in NAMES}
    of_model = {
        name: ln_ratio[model]
        for name, model in in_model.items()
        if name not in (activity.name, ActivityModel.CONCENTRATION) and model in ln_ratio
    }
    conventions = {name: value for name, value in of_model.items() if name.split(":")[0] == activity.model}
    ions = _estimated(evidence, {row["ion"], row["reference"]})
    cases: list[tuple[Code, Mapping[str, float], Mapping[str, Any]]] = [
        (Code.ACTIVITY_CONVENTION, conventions, {}),
        (Code.ACTIVITY_ESTIMATED, of_model, {"ions": " and ".join(ions), "model": activity_words(activity.name)}),
    ]
    for code, others, values in cases[: 1 + bool(ions)]:
        if others:
            other = max(others, key=lambda name: abs(others[name] - row["ln_ratio"]))
            effect = of_ratio(others[other] - row["ln_ratio"], row["low"], row["high"])
            if effect >= 1 or code is Code.ACTIVITY_ESTIMATED:
                done = _PITZER if activity.model == ActivityModel.PITZER else ()
                yield _finding(
                    code, row, effect, done, **values, other=activity_words(other), value=math.exp(others[other])
                )


def _estimated(evidence: Evidence, ions: set[str]) -> list[str]:
    """Return those ions whose activity coefficient is no measured one in some bath or pipette."""
    used = {name for row in evidence.experiment.rows for name in (row.bath, row.pipette)}
    table = evidence.tables["solutions"]
    own = table[table["solution"].isin(used) & table["ion"].isin(ions)]
    return sorted(set(own[own["status"].str.startswith(("estimated", "analogue"))]["ion"]))
