"""Results that a report is made from, and the selections of them that several sections share."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.findings import named
from nernstfit.contract.frames import Columns, by_measurement
from nernstfit.contract.selections import Selections
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.report.wording import joined


@dataclass(frozen=True)
class Results(Selections):
    """Everything that a report is made from.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        Result tables of the contract by their names, as `tables.load` returns them.
    traces : tuple of str
        Parquet files of all batches, as ingest writes them; none where there are no recordings.
    manifest : mapping
        `inputs`, `versions` and `config`, as in manifest.json.
    procedures : DataFrame
        Of each recording, see `procedures`.
    multivalent : tuple of str
        Permeant ions of more than one charge.
    recipes : mapping of str to str
        Of each solution, see `recipes`.
    simulated : bool
        True where the recordings or potentials were simulated.
    truth : mapping of str to float
        True permeability of each ion relative to the reference, where simulated.
    """

    tables: Mapping[str, pd.DataFrame]
    traces: tuple[str, ...]
    manifest: Mapping[str, Any]
    procedures: pd.DataFrame = field(default_factory=pd.DataFrame)
    multivalent: tuple[str, ...] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    truth: Mapping[str, float] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """The effective configuration."""
        config: Mapping[str, Any] = self.manifest["config"]
        return config

    @property
    def fit(self) -> Mapping[str, Any]:
        """The configuration of the fit."""
        section: Mapping[str, Any] = self.config["fit"]
        return section

    @property
    def findings(self) -> pd.DataFrame:
        """The findings that qualify the numbers, the heaviest first."""
        return self.tables["warnings"]

    @functools.cached_property
    def findings_by_subject(self) -> Mapping[tuple[str, str], Sequence[tuple[int, Mapping[Any, Any]]]]:
        """The findings on each thing, by its kind and name, each with its place among all."""
        found: dict[tuple[str, str], list[tuple[int, Mapping[Any, Any]]]] = {}
        for place, row in enumerate(self.findings.to_dict("records")):
            found.setdefault((row["about"], row["subject"]), []).append((place, row))
        return found

    @functools.cached_property
    def measurements_by_cell(self) -> Sequence[Mapping[Any, Any]]:
        """Rows of reversal_potentials.csv by group, cell and name, each with its `cell_name` and what is fitted to it.

        Further columns are the cells `averaged`, `residual_mV` of the configured model, and `anchor`, its place in the
        page.
        """
        rows = self.reversals
        rows = rows.assign(cell_name=self.cell_names(rows), averaged=self.cells_averaged(rows))
        rows = rows.merge(self.of_model("residuals")[["measurement", "residual_mV", "offset_mV"]], "left")
        rows = rows.sort_values(["group", "cell", "measurement"], kind="stable")
        rows = rows.assign(anchor=[f"measurement-{number}" for number in range(1, len(rows) + 1)])
        found: list[Mapping[Any, Any]] = rows.to_dict("records")
        return found

    @functools.cached_property
    def places(self) -> Mapping[tuple[str, str], str]:
        """Places in the page of measurements and cells, by what they are and their names as in warnings.csv."""
        rows = self.measurements_by_cell
        found = {("measurement", row["measurement"]): row["anchor"] for row in rows}
        cells = dict.fromkeys(named(row["group"], row["cell"]) for row in rows)
        return found | {("cell", name): f"cell-{i}" for i, name in enumerate(cells, start=1)}

    @property
    def procedures_used(self) -> pd.DataFrame:
        """The procedures of the measurements with a reversal potential."""
        return self.procedures[self.procedures["measurement"].isin(self.found["measurement"])]

    def batches_of_traces(self) -> Iterator[Mapping[str, Columns]]:
        """Yield the traces of each batch by measurement, one batch in memory at a time."""
        for path in self.traces:
            yield by_measurement(tables.gather([path]))

    @property
    def has_imported_potentials(self) -> bool:
        """True where the potentials were measured elsewhere: there are no recordings then, and no curves."""
        return bool(self.config["reversals"])

    @property
    def has_imported_curves(self) -> bool:
        """True where I-V curves were measured elsewhere: there are no recordings then, and no traces."""
        return bool(self.config["iv"])

    @property
    def confidence(self) -> str:
        """Confidence level of the intervals, in words."""
        return f"{100 * self.fit['confidence']:g} %"

    @property
    def alpha(self) -> float:
        """Significance level, 1 - confidence."""
        return round(1 - float(self.fit["confidence"]), 9)

    @property
    def permeant(self) -> list[str]:
        """Permeant ions in the order of the configuration."""
        return list(self.fit["permeant"])

    @property
    def groups(self) -> list[str]:
        """Names of the groups that were fitted, in alphabetical order."""
        return sorted(set(self.found["group"]))

    @property
    def baths(self) -> list[str]:
        """Names of all baths in alphabetical order; each has its look by its place among them."""
        return sorted(set(self.reversals["bath"]))

    def others(self) -> str:
        """Return what became of the measurements without a reversal potential, as `2 ambiguous and 1 no crossing`."""
        counts = self.reversals["verdict"].value_counts()
        without = [verdict for verdict in PotentialVerdict if verdict is not PotentialVerdict.REVERSAL]
        return joined(f"{counts[verdict]} {verdict.label}" for verdict in without if verdict in counts)

    def in_ion_order(self, rows: pd.DataFrame) -> list[dict[Any, Any]]:
        """Return rows as records, the ions in the order of the configuration."""
        order = {ion: place for place, ion in enumerate(self.permeant)}
        return sorted(rows.to_dict("records"), key=lambda row: order.get(row["ion"], len(order)))

    def ions_in(self, rows: pd.DataFrame) -> list[str]:
        """Return the ions of some rows in the order of the configuration."""
        return [ion for ion in self.permeant if ion in set(rows["ion"])]

    def cell_names(self, table: pd.DataFrame) -> pd.Series:
        """Return the name of each row's cell, with its group where there are several."""
        if len(set(self.reversals["group"])) < 2:
            return table["cell"]
        return (table["group"] + " · " + table["cell"]).where(table["group"] != "", table["cell"])

    def cells_averaged(self, rows: pd.DataFrame) -> pd.Series:
        """Return the number of cells that each row averages.

        Only imported potentials may be means of cells (column `n`); in a table of recordings, a column of that name
        is the user's own.
        """
        missing = pd.Series(math.nan, index=rows.index)
        if not self.has_imported_potentials:
            return missing.fillna(1.0)
        return pd.to_numeric(rows.get("n", missing), errors="coerce").fillna(1.0)

    def cells_in(self, rows: pd.DataFrame) -> int:
        """Return the number of cells behind some rows; a row that averages cells counts each of them."""
        return int(rows.assign(averages=self.cells_averaged(rows)).groupby(["group", "cell"])["averages"].max().sum())

    def limits_fitted(self) -> int:
        """Return the number of potentials that enter the configured fit as one-sided limits."""
        rows = self.of_model("residuals")
        return int((rows["measured_mV"].isna() & rows["predicted_mV"].notna()).sum())

    def significant_differences(self) -> list[dict[Any, Any]]:
        """Return the differences between groups that are significant after Holm's correction."""
        comparisons = self.tables["comparisons"]
        return self.in_ion_order(comparisons[comparisons["p_holm"] < self.alpha])

    def has_comparisons(self) -> bool:
        """Return whether any difference between groups has a p value."""
        return bool(self.tables["comparisons"]["p"].notna().any())
