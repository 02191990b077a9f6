"""Findings on the equation: its rejection, its tests where it holds, and what nothing tests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import MIN_SHIFT_MV, Finding, of_potential, of_ratio
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import RatioVerdict, ValidityTest
from nernstfit.judgement.evidence import Evidence, in_group
from nernstfit.judgement.made import Record
from nernstfit.permeability.inference.sentences import written_p
from nernstfit.physics.constants import thermal_voltage_mV

# Factor between the errors that the residuals show and the given ones from which the weights of measurements are wrong.
# At half the estimate's own error suffices; at double measurements four times as wrong are passed over.
_MIN_SCATTER = 2.0
# Part of the sum of squares of the means of the baths from which an effect of mixtures is their deviation: what is left
# then has as many degrees of freedom as further baths, and is chance. At half, an error of one bath as large as the
# effect goes unseen; a part of nearly all is not reached, since either test estimates the spreads between cells anew.
_MOST_OF_DEVIATION = 0.8
# Tests whose effect a deviation of mixtures imitates. Those of time, conductance, offset and charge it does not.
_SEEN_IN_MIXTURES = (
    *(ValidityTest.LACK_OF_FIT, ValidityTest.SCATTER, ValidityTest.POTENTIAL),
    *(ValidityTest.ACTIVITY, ValidityTest.PERMEABILITY_TREND),
)
_CONTRADICTIONS = (RatioReason.HELD_CONTRADICT, RatioReason.MEANS_CONTRADICT, RatioReason.MODEL_MISFIT)


def rejections(evidence: Evidence) -> Mapping[str, str]:
    """Return the groups whose model is rejected, with the reason; '' where all ratios are held, each with its own."""
    found = {}
    for group, part in evidence.by_group("permeabilities"):
        rejected = part[part["verdict"] == RatioVerdict.MODEL_REJECTED]["reason"]
        held = part[part["verdict"] == RatioVerdict.HELD]["reason"]
        if len(rejected):
            found[group] = str(rejected.iloc[0])
        elif any(each.stem in reason for reason in held for each in _CONTRADICTIONS):
            found[group] = ""
    return found


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on the tests of the equation, and on what nothing tests, where the model is not rejected.

    Tests of a rejected model repeat the rejection, whose reason names the likely causes; an anomalous mole-fraction
    effect is none of these, and is told.
    """
    rejected = rejections(evidence)
    for group, part in evidence.by_group("tests"):
        if group not in rejected:
            yield from _untested(evidence, group, part)
        yield from _tests(evidence, group, part, group in rejected)
    for group, part in evidence.by_group("permeabilities"):
        if group not in rejected:
            yield from _single_baths(evidence, group, part)


def robust(evidence: Evidence) -> tuple[str, ...]:
    """Return what a fit that allows for gross errors has done."""
    return ("fit.robust",) if evidence.experiment.settings.fit.robust else ()


def _tests(evidence: Evidence, group: str, tests: pd.DataFrame, is_rejected: bool) -> Iterator[Finding]:
    """Yield the findings on tests with a small p, one for each deviation.

    Where mixtures deviate, other tests see the same: that of the mixtures stands for them. Of a rejected model it is
    the only one that is told.
    """
    alpha = 1 - float(evidence.experiment.settings.fit.confidence)
    deviations: dict[tuple[str, ...], list[Record]] = {}
    for test in tests[tests["p"].notna()].to_dict("records"):
        deviations.setdefault((f"{test['statistic']:.6g}", f"{test['df1']:.6g}"), []).append(test)
    sizes, of_mixtures = _Sizes(evidence, group), _of_mixtures(tests, alpha / max(1, len(deviations)))
    untold = set(_SEEN_IN_MIXTURES if of_mixtures else ())
    if is_rejected:
        untold = set(ValidityTest) - ({ValidityTest.MOLE_FRACTION} if of_mixtures else set())
    for of_one in deviations.values():
        told = [each for each in of_one if each["test"] not in untold]
        if told and told[0]["p"] < alpha:
            test = min(told, key=lambda each: list(ValidityTest).index(ValidityTest(each["test"])))
            is_sure = test["p"] * len(deviations) < alpha
            effect = max(map(sizes.effect, told)) if is_sure else 0.0
            code, values = Code.of_test(ValidityTest(test["test"])), {"sentence": test["sentence"].rstrip(".")}
            if code is Code.LACK_OF_FIT:
                most = _common_offset(evidence, group, of_one) or _largest(evidence, group)
                values = {"p": written_p(test["p"], alpha), "where": in_group(group), "most": most}
            done = robust(evidence) + _resistance(evidence, group)
            yield Finding(code, group, values, effect, done=done)


def _of_mixtures(tests: pd.DataFrame, alpha: float) -> bool:
    """Return True where a significant effect of mixtures is nearly all by which the means of the baths deviate."""
    of_means = tests[tests["test"] == ValidityTest.LACK_OF_FIT]
    own = tests[(tests["test"] == ValidityTest.MOLE_FRACTION) & (tests["p"] < alpha)]
    deviation = float((of_means["statistic"] * of_means["df1"]).sum())
    return deviation > 0 and float((own["statistic"] * own["df1"]).sum()) >= _MOST_OF_DEVIATION * deviation


def _common_offset(evidence: Evidence, group: str, of_one: Iterable[Record]) -> str:
    """Return the words on the common offset where these tests see it and most cells have it, or ''."""
    table = evidence.of_model("residuals")
    offsets = table[table["group"] == group].groupby("cell")["offset_mV"].first()
    if not abs(offsets.median()) >= MIN_SHIFT_MV:  # that of one cell is none of all potentials
        return ""
    sentences = (each["sentence"] for each in of_one if each["test"] == ValidityTest.SHIFT_METHOD)
    said = next(sentences, "").partition(";")[0]
    return said[:1].lower() + said[1:]


def _largest(evidence: Evidence, group: str) -> str:
    """Return the bath of the largest mean residual, beside what its cells differ by, in words."""
    table = evidence.of_model("residuals")
    own = table[(table["group"] == group) & table["residual_mV"].notna()]
    offset = own["offset_mV"].fillna(0.0)
    # The mean of the cells' offsets is a deviation of the potentials: it is zero where the equation holds.
    mean_mV = offset.groupby(own["cell"]).first().mean()
    means = (own["residual_mV"] - (offset - mean_mV)).groupby(own["bath"]).mean()
    bath = means.abs().idxmax()
    return f"most in bath '{bath}', by {means[bath]:+.2g} mV"


def _resistance(evidence: Evidence, group: str) -> tuple[str, ...]:
    """Return what is done where every potential of a group is corrected for series resistance, or cannot be here."""
    own = evidence.found[evidence.found["group"] == group]
    is_done = bool(evidence.experiment.settings.reversals) or own["rs_shift_mV"].notna().all()
    return ("series resistance",) if len(own) and is_done else ()


def _untested(evidence: Evidence, group: str, tests: pd.DataFrame) -> Iterator[Finding]:
    if not tests[tests["test"] == ValidityTest.LACK_OF_FIT]["p"].isna().any():
        return
    rows = evidence.reversals[evidence.reversals["group"] == group]
    rows = rows[rows[["corrected_mV", "low_mV", "high_mV"]].notna().any(axis=1)]
    rows = rows[~rows["measurement"].isin(evidence.without_cell)]
    n = len(rows.drop_duplicates(["bath", "pipette", "configuration", "temperature_C"]))
    ratios = int((evidence.of_model("permeabilities")["group"] == group).sum())
    fit = evidence.experiment.settings.fit
    factors = len(fit.corrections)
    parts = [f"{ratios} ratio{'s' * (ratios != 1)}"]
    parts += [f"{factors} factor{'s' * (factors != 1)} on activities"] if factors else []
    parts += ["a free offset in each cell"] if math.isinf(fit.offset_sd_mV) else []
    parameters = " and ".join(parts)
    conditions = "one condition" if n == 1 else f"{n} conditions"
    yield Finding(Code.UNTESTED, group, {"where": in_group(group), "conditions": conditions, "parameters": parameters})


def _single_baths(evidence: Evidence, group: str, ratios: pd.DataFrame) -> Iterator[Finding]:
    """Yield the finding on ions whose ratio rests on one bath: no other bath and no pipette holds them."""
    sides: dict[str, set[tuple[str, str]]] = {}
    for row in evidence.predicted(group):
        for side, name in (("bath", row.bath), ("pipette", row.pipette)):
            for ion in evidence.contents[name, row.condition.temperature_C]:
                sides.setdefault(ion, set()).add((side, name))
    estimates = ratios[ratios["verdict"] == RatioVerdict.ESTIMATE]
    found: dict[str, list[str]] = {}
    for ion in dict.fromkeys([*estimates["reference"], *estimates["ion"]]):
        only = sides.get(ion, set())
        if len(only) == 1 and next(iter(only))[0] == "bath":
            found.setdefault(next(iter(only))[1], []).append(ion)
    if found:
        named = ", ".join(f"{' and '.join(ions)} (bath '{bath}')" for bath, ions in sorted(found.items()))
        yield Finding(Code.SINGLE_BATHS, group, {"where": in_group(group), "ions": named}, 0.0)


@dataclass(frozen=True)
class _Sizes:
    """Sizes of deviations over the range of a group's data."""

    evidence: Evidence
    group: str

    def effect(self, test: Record) -> float:
        """Return the effect of a deviation: at the ends of the range against its middle."""
        kind, size = ValidityTest(test["test"]), test["size"]
        if kind is ValidityTest.LACK_OF_FIT:
            return math.inf
        if kind is ValidityTest.SCATTER:
            return float(size / _MIN_SCATTER)
        if kind in (ValidityTest.SHIFT_METHOD, ValidityTest.PERMEABILITY_TREND):
            is_trend = kind is ValidityTest.PERMEABILITY_TREND
            return self._of_ratio(
                test["ion"], size * (self._decades(test["ion"]) * math.log(10) / 2 if is_trend else 1)
            )
        if kind is ValidityTest.ACTIVITY:
            return of_potential(size * self._decades(test["ion"]) / 2)
        if kind is ValidityTest.MOLE_FRACTION:
            return self._of_mixtures(test["ion"], size)
        return of_potential(size * self._span(kind) / 2)

    def _of_mixtures(self, ions: str, size_mV: float) -> float:
        """Return the effect of a deviation of equal parts from the pure baths, on potentials and on the ratio.

        Where each of two ions carries half of the inward current, the potential changes with ln P by RT / 2zF.
        """
        experiment, both = self.evidence.experiment, ions.split("/")
        valence = experiment.solutions.known[both[0]].valence
        per_ln_p_mV = float(thermal_voltage_mV(experiment.settings.temperature_C)) / (2 * valence)
        of_ratios = max(self._of_ratio(ion, size_mV / 2 / per_ln_p_mV) for ion in both)
        return max(of_potential(size_mV / 2), of_ratios)

    def _of_ratio(self, ion: str, shift_ln: float) -> float:
        """Return the effect on the ratio of an ion; of the reference on that with the shortest interval."""
        table = self.evidence.of_model("permeabilities")
        rows = table[(table["group"] == self.group) & (table["verdict"] == RatioVerdict.ESTIMATE)]
        own = rows[rows["ion"] == ion] if (rows["ion"] == ion).any() else rows
        return max((of_ratio(shift_ln, row.low, row.high) for row in own.itertuples()), default=0.0)

    def _decades(self, ion: str) -> float:
        """Return the range of an ion's activity in the baths that hold it, in decades."""
        own = self.evidence.found[self.evidence.found["group"] == self.group]
        keys = pd.MultiIndex.from_frame(own[["bath", "temperature_C"]])
        table = self.evidence.tables["solutions"]
        table = table[(table["ion"] == ion) & (table["activity_mM"] > 0)].set_index(["solution", "temperature_C"])
        activity = table["activity_mM"][table.index.isin(keys)]
        return float(np.ptp(np.log10(activity))) if len(activity) else 0.0

    def _span(self, kind: ValidityTest) -> float:
        """Return the range of the predicted potential, of time in a cell in minutes, of conductance, or of charge."""
        if kind is ValidityTest.POTENTIAL:
            table = self.evidence.of_model("residuals")
            return _range(table[table["group"] == self.group]["predicted_mV"])
        own = self.evidence.found[self.evidence.found["group"] == self.group]
        if kind is ValidityTest.CONDUCTANCE:
            return _range(own["slope_nS"])
        if kind is ValidityTest.ACCUMULATION:
            return _range(own["charge_pC"]) / 1000
        return max((_range(part["time_s"]) / 60 for _, part in own.groupby("cell")), default=0.0)


def _range(values: pd.Series) -> float:
    known = values.dropna()
    return float(known.max() - known.min()) if len(known) else 0.0
