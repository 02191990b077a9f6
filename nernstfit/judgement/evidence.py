"""Evidence that a run is judged by: the experiment, its result tables, and what ingest knows of each recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from nernstfit.contract.findings import Finding
from nernstfit.contract.selections import Selections
from nernstfit.experiment.records import Experiment, Row
from nernstfit.judgement import made
from nernstfit.judgement.inputs import contents
from nernstfit.judgement.made import Made, Record
from nernstfit.judgement.recipes import findings_of_solutions, without_cell


@dataclass(frozen=True)
class Evidence(Selections):
    """Evidence of one run.

    Attributes
    ----------
    experiment : Experiment
    tables : mapping of str to DataFrame
        Result tables of the contract by their names, as `tables.load` returns them.
    facts : DataFrame
        As ingest writes them, of all batches; without a row where potentials were measured elsewhere.
    """

    experiment: Experiment
    tables: Mapping[str, pd.DataFrame]
    facts: pd.DataFrame

    @cached_property
    def rows(self) -> Mapping[str, Row]:
        """Return the rows of the experiment by the name of the measurement."""
        return {row.measurement: row for row in self.experiment.rows}

    @cached_property
    def made(self) -> list[Made]:
        """Rows that are used, by the name of the measurement, each with what ingest knows of it."""
        return list(made.used((self.rows[name], self.fact(name)) for name in sorted(self.rows)))

    @property
    def raw_mV(self) -> dict[str, float]:
        """Return the reversal potential of each measurement as commanded."""
        return dict(zip(self.found["measurement"], self.found["raw_mV"], strict=True))

    @property
    def off_mV(self) -> dict[str, float]:
        """Return how far each measurement lies off the fit beside the offset of its cell."""
        table = self.of_model("residuals")
        off = table["residual_mV"] - table["offset_mV"].fillna(0.0)
        return dict(zip(table["measurement"], off, strict=True))

    @cached_property
    def contents(self) -> Mapping[tuple[str, float], Counter[str]]:
        """Concentrations of the ions of each solution in mM, by its name and temperature; none where it is unknown."""
        used = {(name, row.condition.temperature_C) for row in self.rows.values() for name in (row.bath, row.pipette)}
        return {each: contents(self.experiment.solutions, *each) for each in used}

    @cached_property
    def of_solutions(self) -> Mapping[float, Mapping[str, tuple[Finding, ...]]]:
        """Findings on each solution by its name, at every temperature of the rows."""
        temperatures = {row.condition.temperature_C for row in self.rows.values()}
        return {each: findings_of_solutions(self.experiment, each) for each in temperatures}

    @cached_property
    def without_cell(self) -> frozenset[str]:
        """Measurements that no fit takes, because their solutions are no cell's."""
        return frozenset(without_cell([row for row in self.experiment.rows if not row.exclude], self.experiment))

    def predicted(self, group: str) -> list[Row]:
        """Return the rows of a group whose potentials the configured model predicts."""
        residuals = self.of_model("residuals")
        own = residuals[(residuals["group"] == group) & residuals["predicted_mV"].notna()]
        return [self.rows[name] for name in own["measurement"]]

    def by_group(self, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the rows of a table that belong to the configured model, by group."""
        for group, part in self.of_model(name).groupby("group", sort=True):
            yield str(group), part

    def fact(self, measurement: str) -> Record:
        """Return what ingest knows of one measurement; empty where it is no recording."""
        return self._facts.get(measurement, {})

    @cached_property
    def _facts(self) -> Mapping[str, Record]:
        return {fact["measurement"]: fact for fact in self.facts.to_dict("records")}


def in_group(group: str) -> str:
    """Return ` in group <name>`, or nothing for the rows without a group."""
    return f" in group {group}" if group else ""
