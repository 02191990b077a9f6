"""Selections of the result tables that the judgement, the report and the console share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from nernstfit.contract.terms import PotentialVerdict

WITH_JUNCTION = "+junction:"
"""Part of a model's name before the basis of its junctions, where that is not the configured one."""


def configured_model(models: pd.DataFrame) -> str:
    """Return the name of the configured model, which models.csv has first; '' where nothing was fitted."""
    return str(models["model"].iloc[0]) if len(models) else ""


class Selections:
    """Selections of the result tables; a record of them has `tables`, by their names in the contract."""

    tables: Mapping[str, pd.DataFrame]

    @property
    def reversals(self) -> pd.DataFrame:
        """The table of reversal potentials, a row per measurement."""
        return self.tables["reversal_potentials"]

    @property
    def found(self) -> pd.DataFrame:
        """Rows with a reversal potential."""
        return self.reversals[self.reversals["verdict"] == PotentialVerdict.REVERSAL]

    @property
    def model(self) -> str:
        """Name of the configured model; '' where nothing was fitted."""
        return configured_model(self.tables["models"])

    def of_model(self, name: str) -> pd.DataFrame:
        """Return the rows of a table that belong to the configured model."""
        table = self.tables[name]
        return table[table["model"] == self.model]
