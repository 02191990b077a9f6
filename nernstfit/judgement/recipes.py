"""Findings on the solutions of an experiment: each alone, and held against the others beside its membranes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.contract.terms import ReferenceElectrode
from nernstfit.experiment.records import Experiment, Row
from nernstfit.solutions.decimal_slips import FarOff, Slip, far_off, first_of, is_dilution, slips, small_slips, unlike
from nernstfit.solutions.findings import solution_findings

# KCl of usual bridges in mM, and the relative difference of ten times an amount to it within which a slip is asked for:
# 270 to 330 mM. With half of it 280 mM are not asked for; with double, bridges of 240 mM are.
_BRIDGE_MM, _NEAR_BRIDGE = 3000.0, 0.1


def findings_of_solutions(experiment: Experiment, temperature_C: float) -> Mapping[str, tuple[Finding, ...]]:
    """Return the findings on each solution at one temperature, by its name."""
    how, bathing = experiment.settings, {name for row in experiment.rows for name in (row.bath, row.pipette)}
    return solution_findings(experiment.solutions, temperature_C, how.activity.name, how.fit.permeant, bathing)


def without_cell(rows: Sequence[Row], experiment: Experiment) -> dict[str, FarOff]:
    """Return the measurements whose solutions are no cell's, by name, each with the solution that is far off."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    found: dict[str, FarOff] = {}
    for own in groups.values():
        of_condition = far_off(
            experiment.solutions, [row.condition for row in own], experiment.settings.dilute_solutions
        )
        found |= {row.measurement: of_condition[row.condition] for row in own if row.condition in of_condition}
    return found


def solution_warnings(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings on each solution, at every temperature of the rows."""
    settings = experiment.settings
    used = {name for row in rows for name in (row.bath, row.pipette)}
    told: dict[tuple[Code, str], Finding] = {}
    for temperature_C in sorted({row.condition.temperature_C for row in rows} or {settings.temperature_C}):
        found = findings_of_solutions(experiment, temperature_C)
        for finding in (each for of_solution in found.values() for each in of_solution):
            told.setdefault((finding.code, finding.subject), finding)
    by_others = list(_beside_others(experiment, rows))
    by_others += _unlike_others(experiment, rows, {each.subject for each in by_others})
    by_others += _weak_bridge(experiment)
    named = {each.subject for each in by_others} | ({_bridge(experiment)} - used)  # a bridge alone has no cells
    for finding in by_others:
        yield replace(finding, place=settings.solutions)
    for finding in told.values():
        if finding.code is Code.OSMOLARITY and finding.subject in named:
            continue  # which says more of the same
        # The activities of a bridge and of solutions that no row names enter no equation.
        in_equation = finding.subject in used or finding.code is not Code.STRENGTH
        yield replace(finding, effect=finding.effect if in_equation else 0.0, place=settings.solutions)


def _beside_others(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings on solutions whose osmolality is far from that of the others."""
    solutions, conditions = experiment.solutions, {row.condition for row in rows}
    of_solution: dict[str, list[Slip]] = defaultdict(list)
    for slip in slips(solutions, conditions):
        of_solution[slip.solution].append(slip)
    lost = without_cell(rows, experiment)
    first = first_of(lost.values())
    counts = Counter(each.solution for each in lost.values())
    values: dict[str, Any]
    for name, found in sorted(first.items()):
        # Where the pipette is too weak, its baths seem too strong.
        likely = next((each for side in (name, found.other) for each in of_solution.get(side, ())), None)
        n = counts[name]
        values = {
            "name": name,
            "words": found.words,
            "slip": f"; likely a slip of the decimal point in {likely.words}" if likely else "",
        }
        values["lost"] = "its measurement" if n == 1 else f"its {n} measurements"
        yield Finding(Code.FAR_OFF, name, values)
    for name, candidates in sorted(of_solution.items()):
        slip = candidates[0]
        if name not in first and not is_dilution(slip, solutions, conditions):
            amounts = {"amount": slip.amount_mM, "meant": slip.meant_mM, "of_meant": slip.of_meant}
            beside = {"osmolality": slip.osmolality, "others": slip.of_others}
            values = {"name": name, "component": slip.component} | beside | amounts
            yield Finding(Code.DECIMAL_SLIP, name, values)


def _unlike_others(experiment: Experiment, rows: Sequence[Row], told: Collection[str]) -> Iterator[Finding]:
    """Yield the findings on solutions of cells whose osmolality differs from the other side's, but for those told."""
    solutions, conditions = experiment.solutions, {row.condition for row in rows}
    pipettes = {each.pipette for each in conditions}
    of_solution: dict[str, Slip] = {}
    for slip in small_slips(solutions, conditions):
        of_solution.setdefault(slip.solution, slip)
    for found in unlike(solutions, conditions):
        if found.solution in told or found.other in told:
            continue
        beside = f"the {'baths' if found.solution in pipettes else 'other baths'}, their median"
        if found.other:
            beside = f"{'pipette' if found.other in pipettes else 'bath'} '{found.other}'"
        meant = of_solution.get(found.solution)
        values: dict[str, Any]
        words = f"; with {meant.meant_mM:g} mM {meant.component} instead of {meant.amount_mM:g} mM " if meant else ""
        words += f"it would be {meant.of_meant:.0f}, a slip of the decimal point?" if meant else ""
        values = {"name": found.solution, "osmolality": found.osmolality, "of_other": found.of_other}
        values |= {"percent": found.percent, "beside": beside, "slip": words}
        yield Finding(Code.UNLIKE, found.solution, values, math.inf if found.is_large else 0.0)


def _bridge(experiment: Experiment) -> str:
    """Return the solution of the salt bridge, '' where there is none."""
    reference = experiment.settings.junction.reference
    is_bridge = reference is not None and reference.type == ReferenceElectrode.SALT_BRIDGE
    return (reference.solution or "") if reference is not None and is_bridge else ""


def _weak_bridge(experiment: Experiment) -> Iterator[Finding]:
    """Yield that the salt bridge has a tenth of the usual potassium chloride."""
    name, solutions = _bridge(experiment), experiment.solutions
    if name not in solutions.names or not solutions.doses:
        return
    amount = solutions.doses[solutions.names.index(name)].get("KCl", 0.0)
    if abs(10 * amount / _BRIDGE_MM - 1) <= _NEAR_BRIDGE:
        values = {"name": name, "amount": amount, "meant": _BRIDGE_MM}
        yield Finding(Code.BRIDGE_SLIP, name, values)
