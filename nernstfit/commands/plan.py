"""What the experiment of a folder would tell, before it is made: no stage of the workflow, but what `plan` prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from nernstfit.contract import settings as settings_module
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.contract.settings import CONFIG_FILE, Settings
from nernstfit.contract.terms import RatioVerdict
from nernstfit.experiment import folder as experiments
from nernstfit.experiment import validation
from nernstfit.experiment.records import Experiment
from nernstfit.permeability import design as planning
from nernstfit.permeability.design import Design
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.solutions.conditions import NEW_ZERO, Condition

IDLE = 1.02  # without an idle bath no interval is longer by more than this
_AGREES = 1.25  # intervals, of Fisher's information and simulated, within this factor
_SURE = 2.5  # standard errors of a mean, about two of a median
_MOSTLY = 0.9  # of the simulated experiments
RESULTS = "results/permeabilities.csv"


def plan(given: Mapping[str, Any], group: str | None, simulations: int) -> dict[str, Any]:
    """Say what the experiment in the present folder would tell.

    Parameters
    ----------
    given : mapping
        Keys of the section `plan` that win over the configuration's; `ratios` ion by ion.
    group : str or None
        Of the results, whose ratios are taken where none are given.
    simulations : int
        How many experiments are simulated to check the expected intervals; 0 for none.

    Returns
    -------
    dict
        `assumed`: what the plan rests on. `ratios`: a row for each. `baths`: by what factor each interval would be
        longer without each bath, None where there would be none. `notes`: what follows, in sentences.

    Raises
    ------
    InputError
        With every fault of configuration and tables.
    """
    found, conditions, drawn_from = _loaded(_with(settings_module.read(), given))
    ratios, ratios_from = _ratios(found.settings, group)
    of = planning.design(conditions, found.solutions, found.settings, ratios)
    expected = planning.expected_ratios(of)
    drawn = planning.simulated_ratios(of, simulations, found.settings.fit.seed) if of.data.size else []
    worth = planning.interval_inflation(of)
    return {
        "assumed": _assumed(found, conditions, drawn_from, ratios, ratios_from, len(drawn)),
        "ratios": [_ratio_row(ratio, ratios[ratio.ion], _of_ion(drawn, i)) for i, ratio in enumerate(expected)],
        "baths": [
            {"bath": bath}
            | {ion: round(factor, 3) if math.isfinite(factor) else None for ion, factor in of_bath.items()}
            for bath, of_bath in worth.items()
        ],
        "notes": [*_notes(of, expected, drawn, worth), *_more_cells(found, conditions, ratios, expected)],
    }


def statement(assumed: Mapping[str, Any]) -> str:
    """What a plan rests on, as a sentence."""
    offset = (
        "a free offset in each" if assumed["offset_sd_mV"] is None else f"offsets of {assumed['offset_sd_mV']:g} mV"
    )
    ratios = ", ".join(f"P_{ion}/P_{assumed['reference']} {ratio:.4g}" for ion, ratio in assumed["ratios"].items())
    pipettes = " or ".join(name or "an unknown inside" for name in assumed["pipettes"])
    return (
        f"{assumed['cells']} cells with {pipettes}, each in {len(assumed['baths'])} baths "
        f"({', '.join(assumed['baths'])}; from {assumed['baths_from']}), {assumed['noise_mV']:g} mV a potential, ln "
        f"ratios that differ by {assumed['ln_ratio_sd']:g} between cells, {offset}; {assumed['model']}; {ratios} (from "
        f"{assumed['ratios_from']})"
    )


def _assumed(
    found: Experiment,
    conditions: Sequence[Condition],
    baths_from: str,
    ratios: Mapping[str, float],
    ratios_from: str,
    simulations: int,
) -> dict[str, Any]:
    plan, fit = found.settings.plan, found.settings.fit
    return {
        "reference": fit.reference_ion,
        "ratios": ratios,
        "ratios_from": ratios_from,
        **{key: getattr(plan, key) for key in ("cells", "noise_mV", "ln_ratio_sd")},
        "offset_sd_mV": fit.offset_sd_mV if math.isfinite(fit.offset_sd_mV) else None,
        "model": candidates(found.settings)[0].name,
        "baths": sorted({c.bath for c in conditions}),
        "pipettes": sorted({c.pipette for c in conditions}),
        "baths_from": baths_from,
        "confidence": fit.confidence,
        "simulations": simulations,
    }


def _with(config: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put what was given in place of the configuration's; what is wrong with that is for the settings to say."""
    own = config.get("plan") or {}
    if not isinstance(own, Mapping):
        return config
    merged = {**own, **given}
    ratios = own.get("ratios") or {}
    if "ratios" in given:
        merged["ratios"] = {**ratios, **given["ratios"]} if isinstance(ratios, Mapping) else ratios
    return {**config, "plan": merged}


def _loaded(config: Mapping[str, Any]) -> tuple[Experiment, list[Condition], str]:
    """Settings and solutions, the conditions of one cell of each kind, and what these come from."""
    examined = settings_module.examine(config).settings
    there = bool(examined.recordings or examined.reversals) and Path(examined.table).exists()
    if there and examined.plan.pipette is None:
        found = experiments.load(config)
        return found, sorted({row.condition for row in found.rows if not row.exclude}), found.settings.table
    found = experiments.load(config, with_rows=False)
    faults = list(_plan_faults(found))
    if faults:
        raise InputError(faults)
    conditions = _conditions(found)
    faults = list(validation.ion_faults(found.settings, found.solutions, conditions))
    if faults:
        raise InputError(faults)
    return found, conditions, f"{CONFIG_FILE}, section plan"


def _plan_faults(found: Experiment) -> Iterator[str]:
    """Names of pipette and baths that are no solutions."""
    plan, names = found.settings.plan, found.solutions.names
    if plan.pipette is None:
        yield (
            f"{CONFIG_FILE}: key 'plan.pipette': found nothing, and there is no {found.settings.table} to take "
            f"pipette and baths from; one of {', '.join(names)} would be right"
        )
    for key, name in [("pipette", plan.pipette), *(("baths", bath) for bath in plan.baths)]:
        if name is not None and name not in names:
            words = validation.unknown_solution(name, found.settings, found.solutions)
            yield f"{CONFIG_FILE}: key 'plan.{key}': found '{name}', {words}"


def _conditions(found: Experiment) -> list[Condition]:
    """What every cell is to see."""
    settings, plan = found.settings, found.settings.plan
    reference = settings.junction.reference
    apart = {plan.pipette, reference.solution if reference else None}
    baths = plan.baths or [name for name in found.solutions.names if name not in apart]
    zeroed_in = settings.junction.zeroed_in or NEW_ZERO
    given = (str(plan.pipette), settings.configuration, settings.temperature_C, zeroed_in)
    return sorted({Condition(bath, *given) for bath in baths})


def _ratios(settings: Settings, group: str | None) -> tuple[dict[str, float], str]:
    """Expected ratios of every permeant ion but the reference, and what they come from."""
    place, fit, given = f"{CONFIG_FILE}: key 'plan.ratios'", settings.fit, dict(settings.plan.ratios)
    others = [ion for ion in fit.permeant if ion != fit.reference_ion]
    faults = [
        f"{place}: found '{ion}', which is not in fit.permeant; {nearest_or_all(ion, others)}"
        for ion in given
        if ion not in fit.permeant
    ]
    if given.get(fit.reference_ion, 1.0) != 1.0:
        faults.append(f"{place}: found {given[fit.reference_ion]:g} for the reference {fit.reference_ion}; 1 is right")
    if faults:
        raise InputError(faults)
    missing = [ion for ion in others if ion not in given]
    if not missing:
        return {ion: given[ion] for ion in others}, f"{CONFIG_FILE}, section plan" if others else ""
    estimated, where = _estimated(settings, group)
    lacking = [ion for ion in missing if ion not in estimated]
    if lacking:
        of = f"{where} has no estimate of it" if where else f"there is no {RESULTS} to take it from"
        example = ", ".join(f"{ion}: ..." for ion in lacking)
        raise InputError(
            [
                f"{place}: found nothing for {', '.join(lacking)}, and {of}; the expected permeability over that of "
                f"{fit.reference_ion} would be right, as {{{example}}} or by --ratio"
            ]
        )
    return {ion: {**estimated, **given}[ion] for ion in others}, where


def _estimated(settings: Settings, group: str | None) -> tuple[dict[str, float], str]:
    """Estimates of the configured model in the results of the folder."""
    if not Path(RESULTS).exists():
        return {}, ""
    table = tables.load(RESULTS, tables.PERMEABILITIES)
    table = table[table["model"] == candidates(settings)[0].name]
    groups = sorted(set(table["group"]))
    if group is None and len(groups) > 1:
        raise InputError([f"--group: found nothing, and {RESULTS} has several; one of {', '.join(groups)} is right"])
    if group is not None and group not in groups:
        raise InputError([f"--group: found '{group}', which is not in {RESULTS}; {nearest_or_all(group, groups)}"])
    own = table[(table["group"] == (group or "".join(groups))) & (table["verdict"] == RatioVerdict.ESTIMATE)]
    return dict(zip(own["ion"], own["ratio"].astype(float), strict=True)), RESULTS


def _of_ion(drawn: Sequence[Sequence[Ratio]], i: int) -> list[Ratio]:
    return [ratios[i] for ratios in drawn]


def _ratio_row(ratio: Ratio, expected: float, drawn: Sequence[Ratio]) -> dict[str, Any]:
    """One ratio: what Fisher's information says of it, and what simulated experiments found."""
    row = {
        "ion": ratio.ion,
        "expected": expected,
        "verdict": ratio.verdict,
        "low": ratio.low,
        "high": ratio.high,
        "low_cells": ratio.low_cells,
        "high_cells": ratio.high_cells,
    }
    if not drawn:
        return row
    alike = [each for each in drawn if each.verdict == ratio.verdict]
    return row | {
        "simulated_low": float(np.median([each.low for each in alike])) if alike else math.nan,
        "simulated_high": float(np.median([each.high for each in alike])) if alike else math.nan,
        "simulated_alike": len(alike) / len(drawn),
    }


def _notes(
    of: Design,
    expected: Sequence[Ratio],
    drawn: Sequence[Sequence[Ratio]],
    worth: Mapping[str, Mapping[str, float]],
) -> Iterator[str]:
    """What follows of ratios and baths."""
    yield from (f"left out: {why}" for why in of.left_out)
    if not of.data.size:
        yield "no measurement of this plan would tell of any ratio"
    for i, ratio in enumerate(expected):
        if ratio.verdict != RatioVerdict.ESTIMATE:
            yield f"{ratio.ion}: {ratio.verdict}: {ratio.reason}"
        yield from _disagreement(ratio, _of_ion(drawn, i), of.reference)
    yield from _bath_notes(worth)
    for found in planning.saturating_dilutions(of) if of.data.size else ():
        share = 100 * found.shift_mV / found.limit_mV
        yield (
            f"bath {found.bath} is {found.of} diluted ({found.dilution:.3g}-fold by activity) and saturates: its shift "
            f"of {found.shift_mV:+.1f} mV is {share:.0f} % of the {found.limit_mV:+.1f} mV of {found.alone} alone, so "
            f"that 1 mV of error there (a junction's, say) is {found.percent_per_mV:.0f} % of P({found.ion}); a bath "
            "in which one ion replaces another tells more"
        )


def _disagreement(ratio: Ratio, drawn: Sequence[Ratio], reference: str) -> Iterator[str]:
    """Where simulated experiments do not do as expected."""
    if not drawn:
        return
    counts = Counter(each.verdict for each in drawn)
    if counts[ratio.verdict] < _MOSTLY * len(drawn):
        shares = ", ".join(f"{verdict} in {100 * n / len(drawn):.0f} %" for verdict, n in sorted(counts.items()))
        yield f"P({ratio.ion}) / P({reference}) is not expected to come out alike each time: {shares}"
    found = np.log([planning.half_width(each) for each in drawn if each.verdict == RatioVerdict.ESTIMATE])
    if ratio.verdict == RatioVerdict.ESTIMATE and len(found) > 1:
        away = float(np.median(found)) - math.log(planning.half_width(ratio))
        chance = _SURE * float(found.std()) / math.sqrt(len(found))
        if abs(away) - chance > math.log(_AGREES):
            yield (
                f"P({ratio.ion}) / P({reference}): simulated intervals are {math.exp(away):.2f} times as long as "
                "expected of a straight line; rely on the simulated ones"
            )


def _bath_notes(worth: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Which baths a ratio needs, which adds most to the intervals, and which add nothing."""
    if len(worth) < 2 or not any(worth.values()):
        return
    needed = {bath: [ion for ion, factor in of_bath.items() if math.isinf(factor)] for bath, of_bath in worth.items()}
    for bath, ions in needed.items():
        if ions:
            yield f"bath {bath} is needed: without it there would be no estimate of {', '.join(ions)}"
    longer = {
        bath: {ion: factor for ion, factor in of_bath.items() if IDLE < factor < math.inf}
        for bath, of_bath in worth.items()
    }
    best = max(longer, key=lambda bath: sum(map(math.log, longer[bath].values())))
    if longer[best]:
        ion = max(longer[best], key=lambda ion: longer[best][ion])
        yield (
            f"bath {best} adds most to the intervals: without it that of {ion} would be {longer[best][ion]:.2g} times "
            "as long"
        )
    for bath in worth:
        if not needed[bath] and not longer[bath]:
            yield f"bath {bath} is idle: without it no interval would be longer by {100 * (IDLE - 1):.0f} %"


def _more_cells(
    found: Experiment, conditions: Sequence[Condition], ratios: Mapping[str, float], expected: Sequence[Ratio]
) -> Iterator[str]:
    """What twice the cells would be good for."""
    now = {ratio.ion: planning.half_width(ratio) for ratio in expected if ratio.verdict == RatioVerdict.ESTIMATE}
    if not now:
        return
    cells = 2 * found.settings.plan.cells
    settings = replace(found.settings, plan=replace(found.settings.plan, cells=cells))
    then = planning.expected_ratios(planning.design(conditions, found.solutions, settings, ratios))
    shorter = [f"{r.ion} {100 * (1 - planning.half_width(r) / now[r.ion]):.0f} %" for r in then if r.ion in now]
    z = NormalDist().inv_cdf(0.5 + settings.fit.confidence / 2)
    floor = [f"{r.ion} {100 * math.expm1(z * r.se_ln_shared):.1f} %" for r in expected if r.ion in now]
    yield (
        f"with {cells} cells the intervals would be shorter by: {', '.join(shorter)}; however many, the errors that "
        f"all cells share leave at least: {', '.join(floor)} to either side"
    )
