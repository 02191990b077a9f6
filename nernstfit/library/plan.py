"""Expected precision of the experiment planned in a folder, as `nernstfit plan` prints it; no stage of the workflow."""

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
from nernstfit.contract.model_words import model_words
from nernstfit.contract.schema import schema, value_faults
from nernstfit.contract.settings import CONFIG_FILE, Settings
from nernstfit.contract.terms import RatioScope, RatioVerdict
from nernstfit.experiment import folder as experiments
from nernstfit.experiment import validation
from nernstfit.experiment.records import Experiment
from nernstfit.permeability import design as planning
from nernstfit.permeability.design import Design
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.permeability.ratio_parameters import RatioParameters
from nernstfit.solutions.conditions import NEW_ZERO, Condition

# Factor by which the interval of some ratio must be longer without a bath for the bath not to count as redundant. The
# choice of the smallest factor worth a solution exchange; half the excess (1.01) keeps baths that change an interval
# by less than simulated experiments can show, twice (1.04) drops baths that a few more cells would have to replace.
REDUNDANT = 1.02

# Factor between the median simulated interval and the expected one from which a note advises the simulated one. A
# quarter is about the uncertainty of the interval of ten cells; with half of it (1.12) curvature that changes no
# decision is noted, with twice (1.5) a plan may be short of cells by half without a note.
_MAX_DISAGREEMENT = 1.25

# Standard errors of the mean ln half-width that count as chance in that comparison; about two of the median. With half
# of it every fifth correct plan of few simulations is noted, with twice a real difference needs four times as many.
_MAX_CHANCE = 2.5

# Fraction of the simulated experiments that must have the expected verdict for no note. With half the tolerance (0.95)
# one odd experiment of 20 is noted, with twice (0.8) an ion that is lost in every sixth experiment is not.
_MIN_SAME_VERDICT = 0.9

RESULTS = "results/permeabilities.csv"
OPTIONS = {
    "ratios": "--ratio",
    "cells": "--cells",
    "noise_mV": "--se-mV",
    "ln_ratio_sd": "--ln-ratio-sd",
    "pipette": "--pipette",
    "baths": "--bath",
}
"""Keys of the section `plan` with the options that override them."""


def plan(given: Mapping[str, Any], group: str | None, simulations: int) -> dict[str, Any]:
    """Return the expected precision of the experiment planned in the present folder.

    Parameters
    ----------
    given : mapping
        Keys of the section `plan` that override the configuration; `ratios` ion by ion.
    group : str or None
        Group of the results whose ratios are taken where none are given.
    simulations : int
        Number of simulated experiments that check the expected intervals; 0 for none.

    Returns
    -------
    dict
        `assumed`: assumptions of the plan. `ratios`: a row per ratio. `baths`: factor by which each interval would be
        longer without each bath, None where the ratio would be no estimate. `notes`: conclusions, as sentences.

    Raises
    ------
    InputError
        With every fault of configuration and tables.
    """
    found, conditions, baths_from = _loaded(settings_module.read(), given)
    ratios, ratios_from = _assumed_ratios(found.settings, group, given.get("ratios", {}))
    design = planning.design(conditions, found.solutions, found.settings, ratios)
    expected = planning.expected_ratios(design)
    drawn = planning.simulated_ratios(design, simulations, found.settings.fit.seed) if design.data.size else []
    inflation = planning.interval_inflation(design)
    assumed = _assumptions(found, conditions, ratios)
    origins = {"ratios_from": ratios_from, "baths_from": baths_from, "simulations": len(drawn)}
    return {
        "assumed": assumed | origins,
        "ratios": [_ratio_row(ratio, ratios[ratio.ion], _of_ion(drawn, i)) for i, ratio in enumerate(expected)],
        "baths": [
            {"bath": bath}
            | {ion: round(factor, 3) if math.isfinite(factor) else None for ion, factor in of_bath.items()}
            for bath, of_bath in inflation.items()
        ],
        "notes": [*_notes(design, expected, drawn, inflation), *_more_cells(found, conditions, ratios, expected)],
    }


def statement(assumed: Mapping[str, Any]) -> str:
    """Return the assumptions of a plan as one sentence."""
    offset = (
        "a free offset in each cell"
        if assumed["offset_sd_mV"] is None
        else f"SD of offsets {assumed['offset_sd_mV']:g} mV"
    )
    ratios = ", ".join(f"P_{ion}/P_{assumed['reference']} {ratio:.4g}" for ion, ratio in assumed["ratios"].items())
    pipettes = " or ".join(name or "an unknown inside" for name in assumed["pipettes"])
    return (
        f"{assumed['cells']} cells with {pipettes}, each in {len(assumed['baths'])} baths "
        f"({', '.join(assumed['baths'])}; from {assumed['baths_from']}), standard error of a potential "
        f"{assumed['noise_mV']:g} mV, SD of a ln ratio between cells {assumed['ln_ratio_sd']:g}, {offset}; "
        f"{model_words(assumed['model'])}; {ratios} (from {assumed['ratios_from']})"
    )


def _assumptions(found: Experiment, conditions: Sequence[Condition], ratios: Mapping[str, float]) -> dict[str, Any]:
    """Return the expectations that the plan is calculated from."""
    plan, fit = found.settings.plan, found.settings.fit
    return {
        "reference": fit.reference_ion,
        "ratios": ratios,
        **{key: getattr(plan, key) for key in ("cells", "noise_mV", "ln_ratio_sd")},
        "offset_sd_mV": fit.offset_sd_mV if math.isfinite(fit.offset_sd_mV) else None,
        "model": candidates(found.settings)[0].name,
        "baths": sorted({c.bath for c in conditions}),
        "pipettes": sorted({c.pipette for c in conditions}),
        "confidence": fit.confidence,
    }


def _with(config: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration with the given keys of its plan; the settings check them."""
    own = config.get("plan") or {}
    if not isinstance(own, Mapping):
        return config
    merged = {**own, **given}
    ratios = own.get("ratios") or {}
    if "ratios" in given:
        merged["ratios"] = {**ratios, **given["ratios"]} if isinstance(ratios, Mapping) else ratios
    return {**config, "plan": merged}


def _loaded(config: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[Experiment, list[Condition], str]:
    """Return settings and solutions, the conditions of one cell of each kind, and the origin of these.

    Raises
    ------
    InputError
        With the faults of the options, then those of the folder.
    """
    wrong = dict(_option_faults(given))
    config = _with(config, {key: value for key, value in given.items() if key not in wrong})
    examined = settings_module.examine(config).settings
    there = bool(examined.recordings or examined.iv or examined.reversals) and Path(examined.table).exists()
    has_rows = there and examined.plan.pipette is None and "pipette" not in wrong
    try:
        found = experiments.load(config, with_rows=has_rows)
    except InputError as fault:
        raise InputError([*wrong.values(), *fault.faults]) from None
    if wrong:
        raise InputError(wrong.values())
    if has_rows:
        return found, sorted({row.condition for row in found.rows if not row.exclude}), found.settings.table
    faults = list(_plan_faults(found, given))
    if faults:
        raise InputError(faults)
    conditions = _conditions(found)
    faults = list(validation.ion_faults(found.settings, found.solutions, conditions))
    if faults:
        raise InputError(faults)
    return found, conditions, f"{CONFIG_FILE}, section plan"


def _option_faults(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys whose option has a value that the key may not have, and the first fault of each."""
    rules = schema()["properties"]["plan"]["properties"]
    for key, value in given.items():
        fault = next(value_faults(value, rules[key], OPTIONS[key]), None)
        if fault:
            yield key, fault


def _plan_faults(found: Experiment, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield messages on names of pipette and baths that are no solutions."""
    plan, names = found.settings.plan, found.solutions.names
    if plan.pipette is None:
        yield (
            f"{CONFIG_FILE}: key 'plan.pipette': no value, and no {found.settings.table} to take pipette and baths "
            f"from; expected one of {', '.join(names)}"
        )
    for key, name in [("pipette", plan.pipette), *(("baths", bath) for bath in plan.baths)]:
        if name is not None and name not in names:
            words = validation.unknown_solution(name, found.settings, names)
            place = OPTIONS[key] if key in given else f"{CONFIG_FILE}: key 'plan.{key}'"
            yield f"{place}: got '{name}', {words}"


def _conditions(found: Experiment) -> list[Condition]:
    """Return the conditions in which every cell is to be measured."""
    settings, plan = found.settings, found.settings.plan
    reference = settings.junction.reference
    no_baths = {plan.pipette, reference.solution if reference else None}
    baths = plan.baths or [name for name in found.solutions.names if name not in no_baths]
    zeroed_in = settings.junction.zeroed_in or NEW_ZERO
    given = (str(plan.pipette), settings.configuration, settings.temperature_C, zeroed_in)
    return sorted({Condition(bath, *given) for bath in baths})


def _assumed_ratios(settings: Settings, group: str | None, typed: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Return the expected ratio of every permeant ion but the reference, and the origin of these.

    `typed` are those of the options, which are among the settings too.
    """
    place, fit, given = f"{CONFIG_FILE}: key 'plan.ratios'", settings.fit, dict(settings.plan.ratios)
    of_option = OPTIONS["ratios"]
    parameters = RatioParameters.of(fit.permeant, fit.parameters)
    others = [ion for ion in fit.permeant if ion != fit.reference_ion]
    faults = [
        f"{of_option if ion in typed else place}: got '{ion}', which is not in fit.permeant; "
        f"{nearest_or_all(ion, others)}"
        for ion in given
        if ion not in fit.permeant
    ]
    if given.get(fit.reference_ion, 1.0) != 1.0:
        where = of_option if fit.reference_ion in typed else place
        faults.append(f"{where}: got {given[fit.reference_ion]:g} for the reference {fit.reference_ion}, expected 1")
    if faults:
        raise InputError(faults)
    missing = [
        ion for i, ion in enumerate(fit.permeant) if ion in others and not (ion in given or i in parameters.fixed)
    ]
    if not missing:
        by_option = [ion in typed for i, ion in enumerate(fit.permeant) if ion in others and i not in parameters.fixed]
        origins = {f"{CONFIG_FILE}, section plan": not all(by_option), "--ratio": any(by_option)}
        origins["fit.parameters"] = bool(parameters.fixed)
        return parameters.expected(given, others), " and ".join(name for name, is_one in origins.items() if is_one)
    estimated, where = _estimated(settings, group)
    lacking = [ion for ion in missing if ion not in estimated]
    if lacking:
        elsewhere = f"{where} has no estimate of it" if where else f"there is no {RESULTS} to take it from"
        example = ", ".join(f"{ion}: ..." for ion in lacking)
        raise InputError(
            [
                f"{place}: no value for {', '.join(lacking)}, and {elsewhere}; expected the permeability ratio to "
                f"{fit.reference_ion}, as {{{example}}} or by --ratio"
            ]
        )
    return parameters.expected({**estimated, **given}, others), where


def _estimated(settings: Settings, group: str | None) -> tuple[dict[str, float], str]:
    """Return the estimates of the configured model in the results of the folder, and the file."""
    if not Path(RESULTS).exists():
        return {}, ""
    table = tables.load(RESULTS, tables.PERMEABILITIES)
    table = table[table["model"] == candidates(settings)[0].name]
    groups = sorted(set(table["group"]))
    if group is None and len(groups) > 1:
        raise InputError([f"--group: no value, and {RESULTS} has several; expected one of {', '.join(groups)}"])
    if group is not None and group not in groups:
        raise InputError([f"--group: got '{group}', which is not in {RESULTS}; {nearest_or_all(group, groups)}"])
    own = table[(table["group"] == (group or "".join(groups))) & (table["verdict"] == RatioVerdict.ESTIMATE)]
    return dict(zip(own["ion"], own["ratio"].astype(float), strict=True)), RESULTS


def _of_ion(drawn: Sequence[Sequence[Ratio]], i: int) -> list[Ratio]:
    return [ratios[i] for ratios in drawn]


def _ratio_row(ratio: Ratio, expected: float, drawn: Sequence[Ratio]) -> dict[str, Any]:
    """Return the expected interval of one ratio, and the median one of simulated experiments with the same verdict."""
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
    same = [each for each in drawn if each.verdict == ratio.verdict]
    return row | {
        "simulated_low": float(np.median([each.low for each in same])) if same else math.nan,
        "simulated_high": float(np.median([each.high for each in same])) if same else math.nan,
        "simulated_alike": len(same) / len(drawn),
    }


def _notes(
    design: Design,
    expected: Sequence[Ratio],
    drawn: Sequence[Sequence[Ratio]],
    inflation: Mapping[str, Mapping[str, float]],
) -> Iterator[str]:
    """Yield the conclusions on ratios and baths."""
    yield from (f"left out: {why}" for why in design.left_out)
    if not design.data.size:
        yield "no measurement of this plan determines any ratio"
    for i, ratio in enumerate(expected):
        if ratio.verdict != RatioVerdict.ESTIMATE:
            yield f"{ratio.ion}: {ratio.verdict}: {ratio.reason}"
        yield from _disagreement(ratio, _of_ion(drawn, i), design.reference)
    yield from _bath_notes(inflation)
    for found in planning.saturating_dilutions(design) if design.data.size else ():
        share = 100 * found.shift_mV / found.limit_mV
        yield (
            f"bath {found.bath} is {found.of} diluted ({found.dilution:.3g}-fold by activity) and saturates: its shift "
            f"of {found.shift_mV:+.1f} mV is {share:.0f} % of the {found.limit_mV:+.1f} mV for {found.alone} alone, so "
            f"that an error of 1 mV there (of the junction potential, for instance) changes P({found.ion}) by "
            f"{found.percent_per_mV:.0f} %; a bath in which one ion replaces another is more informative"
        )


def _disagreement(ratio: Ratio, drawn: Sequence[Ratio], reference: str) -> Iterator[str]:
    """Yield notes where simulated experiments differ from the expected one."""
    if not drawn:
        return
    counts = Counter(each.verdict for each in drawn)
    if counts[ratio.verdict] < _MIN_SAME_VERDICT * len(drawn):
        shares = ", ".join(f"{verdict} in {100 * n / len(drawn):.0f} %" for verdict, n in sorted(counts.items()))
        yield f"P({ratio.ion}) / P({reference}) has no certain verdict: {shares} of the simulated experiments"
    found = np.log([planning.half_width(each) for each in drawn if each.verdict == RatioVerdict.ESTIMATE])
    if ratio.verdict == RatioVerdict.ESTIMATE and len(found) > 1:
        difference = float(np.median(found)) - math.log(planning.half_width(ratio))
        chance = _MAX_CHANCE * float(found.std()) / math.sqrt(len(found))
        if abs(difference) - chance > math.log(_MAX_DISAGREEMENT):
            yield (
                f"P({ratio.ion}) / P({reference}): simulated intervals are {math.exp(difference):.2f} times as "
                "long as those of the linear approximation; rely on the simulated ones"
            )


def _bath_notes(inflation: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield the baths that a ratio needs, the one that shortens the intervals most, and redundant ones."""
    if len(inflation) < 2 or not any(inflation.values()):
        return
    needed = {
        bath: [ion for ion, factor in of_bath.items() if math.isinf(factor)] for bath, of_bath in inflation.items()
    }
    for bath, ions in needed.items():
        if ions:
            yield f"bath {bath} is needed: without it there would be no estimate of {', '.join(ions)}"
    longer = {
        bath: {ion: factor for ion, factor in of_bath.items() if REDUNDANT < factor < math.inf}
        for bath, of_bath in inflation.items()
    }
    best = max(longer, key=lambda bath: sum(map(math.log, longer[bath].values())))
    if longer[best]:
        ion = max(longer[best], key=lambda ion: longer[best][ion])
        yield (
            f"bath {best} shortens the intervals most: without it that of {ion} would be {longer[best][ion]:.2g} "
            "times as long"
        )
    for bath in inflation:
        if not needed[bath] and not longer[bath]:
            yield f"bath {bath} is redundant: without it no interval would be longer by {100 * (REDUNDANT - 1):.0f} %"


def _more_cells(
    found: Experiment, conditions: Sequence[Condition], ratios: Mapping[str, float], expected: Sequence[Ratio]
) -> Iterator[str]:
    """Yield how much shorter the intervals would be with twice the cells, and how short they can become."""
    now = {ratio.ion: planning.half_width(ratio) for ratio in expected if ratio.verdict == RatioVerdict.ESTIMATE}
    if not now or any(ratio.scope == RatioScope.CELL for ratio in expected):
        return  # the interval of one cell is of that cell alone: those of more cells are no shorter, but of all cells
    cells = 2 * found.settings.plan.cells
    settings = replace(found.settings, plan=replace(found.settings.plan, cells=cells))
    then = planning.expected_ratios(planning.design(conditions, found.solutions, settings, ratios))
    shorter = [f"{r.ion} {100 * (1 - planning.half_width(r) / now[r.ion]):.0f} %" for r in then if r.ion in now]
    z = NormalDist().inv_cdf(0.5 + settings.fit.confidence / 2)
    floor = [f"{r.ion} {100 * math.expm1(z * r.se_ln_shared):.1f} %" for r in expected if r.ion in now]
    yield (
        f"with {cells} cells the intervals would be shorter by: {', '.join(shorter)}; with any number of cells the "
        f"systematic errors leave at least: {', '.join(floor)} to either side"
    )
