"""Findings on the solutions of an experiment: each alone, and held against the others beside its membranes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.experiment.records import Experiment, Row
from nernstfit.solutions.decimal_slips import FarOff, Slip, far_off, is_dilution, slips
from nernstfit.solutions.findings import solution_findings


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
    named = {each.subject for each in by_others}
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
    first = {each.solution: each for each in sorted(lost.values(), reverse=True)}
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
