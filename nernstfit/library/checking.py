"""Check of an experiment folder: every fault at once; where there is none, what a run will measure and correct."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nernstfit.abf.read import open_recording
from nernstfit.contract.findings import Finding, warning_rows
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.judgement.inputs import findings
from nernstfit.library.loading import load
from nernstfit.library.solutions import SOLUTION_COLUMNS
from nernstfit.solutions.ion_table import solution_rows
from nernstfit.stages.ingest import read_row
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
        measurements = [_measurement(row, opener) for row in experiment.rows]
    return Checked(tuple(measurements), tuple(solutions), tuple(terms), tuple(findings(experiment)))


def _model(experiment: Experiment) -> str:
    return str(experiment.settings.activity.name)


def _measurement(row: Row, opener: Any) -> dict[str, Any]:
    """Return what will be measured of one row."""
    found: dict[str, Any] = {"measurement": row.measurement, "cell": row.cell, "bath": row.bath}
    if row.external is not None:
        found["reversal_mV"] = row.external.reversal_mV
    if row.levels is not None:
        found["levels"] = len(row.levels.command_mV)
    if not row.recording:
        verdict = PotentialVerdict.EXCLUDED if row.exclude else ""
        return found | {"verdict": str(verdict), "reason": row.exclude}
    fact, reading = read_row(row, opener)
    read = {key: fact[key] for key in ("epoch", "channel", "command", "command_source")} if reading else {}
    found |= dict.fromkeys(("epoch", "channel", "command", "command_source"), "") | read
    found |= {"window": " to ".join(_window(row)), "statistic": str(row.measure.statistic)}
    return found | {"verdict": str(fact["verdict"]), "reason": fact["reason"]}


def _window(row: Row) -> Iterator[str]:
    """Yield both ends of the window, with their unit."""
    how = row.measure
    if how.from_ms is not None and how.to_ms is not None:
        yield from (f"{how.from_ms:g}", f"{how.to_ms:g} ms")
    else:
        yield from (f"{100 * (how.from_fraction or 0):g}", f"{100 * (how.to_fraction or 0):g} %")
