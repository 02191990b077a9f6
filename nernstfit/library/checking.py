"""Check of an experiment folder: every fault at once; where there is none, what a run will measure and correct."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nernstfit.abf.read import Opened, open_recording
from nernstfit.contract.findings import Finding, by_weight, warning_rows
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.judgement import beside
from nernstfit.judgement.inputs import findings
from nernstfit.judgement.made import used
from nernstfit.library.loading import load
from nernstfit.library.solutions import SOLUTION_COLUMNS
from nernstfit.solutions.ion_table import solution_rows
from nernstfit.stages.ingest import fact_of_levels, read_row
from nernstfit.stages.solutions import junction_rows

_JUNCTION_COLUMNS = ("bath", "pipette", "configuration", "temperature_C", "term", "applied_mV", "statement")


@dataclass(frozen=True)
class Checked:
    """A sound experiment folder.

    Attributes
    ----------
    measurements : tuple of mapping
        A row per measurement: epoch, window, statistic, channel, command and its source, as read from its recording; or
        the verdict that it already has, with its reason.
    solutions : tuple of mapping
        pH, charge excess, ionic strength and osmolality of each solution.
    junctions : tuple of mapping
        Terms of the junction correction of each condition.
    findings : tuple of Finding
        Heaviest first.
    """

    measurements: tuple[Mapping[str, Any], ...]
    solutions: tuple[Mapping[str, Any], ...]
    junctions: tuple[Mapping[str, Any], ...]
    findings: tuple[Finding, ...]

    @property
    def used(self) -> int:
        """Return the number of measurements that can be made."""
        return sum(not row["verdict"] for row in self.measurements)

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain values: the object that a run prints, without ratios, and what it rests on."""
        verdicts = [row["verdict"] for row in self.measurements]
        excluded = verdicts.count(PotentialVerdict.EXCLUDED)
        refused = len(verdicts) - self.used - excluded
        counts = {"used": self.used, "refused": refused, str(PotentialVerdict.EXCLUDED): excluded}
        return {
            "recordings": counts,
            "ratios": [],
            "warnings": list(warning_rows(self.findings)),
            "report": None,
            "measurements": list(self.measurements),
            "solutions": list(self.solutions),
            "junctions": list(self.junctions),
        }


def check(folder: Path) -> Checked:
    """Check an experiment folder, and read of every recording what will be measured.

    Raises
    ------
    InputError
        With every fault of the configuration and the tables, one line each.
    """
    experiment = load(folder)
    temperatures = sorted({row.condition.temperature_C for row in experiment.rows})
    solutions = [
        {key: row[key] for key in ("temperature_C", *SOLUTION_COLUMNS)}
        for each in temperatures
        for row in solution_rows(experiment.solutions, each, _model(experiment))
    ]
    terms = [{key: row[key] for key in _JUNCTION_COLUMNS} for row in junction_rows(experiment)]
    with contextlib.chdir(folder):
        opener = functools.lru_cache(maxsize=2)(open_recording)
        facts = [_fact(row, opener) for row in experiment.rows]
    measurements = [_measurement(row, fact) for row, fact in zip(experiment.rows, facts, strict=True)]
    made = list(used(zip(experiment.rows, facts, strict=True)))
    of_table = [replace(each, place=experiment.settings.table) for each in beside.findings(experiment.rows, made)]
    found = by_weight([*findings(experiment), *of_table])
    return Checked(tuple(measurements), tuple(solutions), tuple(terms), tuple(found))


def _model(experiment: Experiment) -> str:
    return str(experiment.settings.activity.name)


def _fact(row: Row, opener: Callable[[str], Opened]) -> Mapping[str, Any]:
    """Return what ingest will know of one row; nothing of a potential that was measured elsewhere."""
    if row.recording:
        return read_row(row, opener)[0]
    return fact_of_levels(row) if row.levels is not None else {}


def _measurement(row: Row, fact: Mapping[str, Any]) -> dict[str, Any]:
    """Return what will be measured of one row."""
    found: dict[str, Any] = {"measurement": row.measurement, "cell": row.cell, "bath": row.bath}
    if row.external is not None:
        found["reversal_mV"] = row.external.reversal_mV
    if row.levels is not None:
        found["levels"] = len(row.levels.command_mV)
    if not row.recording:
        verdict = PotentialVerdict.EXCLUDED if row.exclude else ""
        return found | {"verdict": str(verdict), "reason": row.exclude}
    found |= {key: fact[key] for key in ("epoch", "channel", "command", "command_source")}
    found |= {"window": " to ".join(_window(row)), "statistic": str(row.measure.statistic)}
    return found | {"verdict": str(fact["verdict"]), "reason": fact["reason"]}


def _window(row: Row) -> Iterator[str]:
    """Yield both ends of the window, with their unit."""
    how = row.measure
    if how.from_ms is not None and how.to_ms is not None:
        yield from (f"{how.from_ms:g}", f"{how.to_ms:g} ms")
    else:
        yield from (f"{100 * (how.from_fraction or 0):g}", f"{100 * (how.to_fraction or 0):g} %")
