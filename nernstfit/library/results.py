"""Results of an analysis as tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.selections import Selections

if TYPE_CHECKING:
    from nernstfit.figures.drawing import Drawing


@dataclass(frozen=True)
class Result(Selections):
    """Results of one experiment.

    Every table of results/ is an attribute by the name of its file: `permeabilities`, `cells`, `models`, `residuals`,
    `intervals`, `corrections`, `tests`, `warnings`, `reversal_potentials` ... Columns, units and meanings are those of
    docs/tables.md; a missing number is nan.

    Attributes
    ----------
    tables : mapping of str to DataFrame
    """

    tables: Mapping[str, pd.DataFrame] = field(repr=False)

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Return the table of a name."""
        if name.startswith("_") or name not in self.tables:
            raise AttributeError(f"a result has no table '{name}'; it has {', '.join(sorted(vars(self)['tables']))}")
        return self.tables[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]

    def plot(self) -> Drawing:
        """Draw the ratios of the configured model with their intervals, and those of single cells.

        Returns
        -------
        Drawing
            Shown by a notebook; `svg` is text, `png` the bytes of a file.

        Raises
        ------
        InputError
            Where no ratio has an interval or a bound.
        """
        from nernstfit.figures import ratios, render  # noqa: PLC0415 - slow to import

        rows = self.of_model("permeabilities")
        shown = ratios.drawn(rows)
        if not len(shown):
            raise InputError("no ratio has an interval or a bound; `permeabilities` has the reason of each")
        with render.unvalidated():
            figure = ratios.draw_ratios(shown, self.of_model("cells"), {}, list(dict.fromkeys(rows["ion"])))
            return render.render(figure)


def load(folder: str | Path) -> Result:
    """Read the results of an experiment folder that has been run.

    Parameters
    ----------
    folder : str or Path
        Experiment folder, which holds results/.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        Where a table is missing.
    """
    place, found = Path(folder), {}
    for table in tables.TABLES.values():
        if table.kind == tables.RESULT:
            try:
                found[table.name] = tables.load(place / table.path, table)
            except FileNotFoundError:
                raise InputError(f"{place / table.path}: file not found, expected a folder that has been run") from None
    return Result(found)


def run(folder: str | Path, cores: int = 1) -> Result:
    """Run the workflow in an experiment folder, as `nernstfit run` does, and read its results.

    Parameters
    ----------
    folder : str or Path
        Experiment folder with config/config.yaml and its tables.
    cores : int
        Number of jobs at a time.

    Returns
    -------
    Result
        Also where no row is a reversal: the tables then say why.

    Raises
    ------
    InputError
        With every fault of the configuration and the tables; or where the workflow did not finish, with what it said.
    """
    command = [sys.executable, "-m", "nernstfit", "run", str(folder), "--cores", str(cores), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():  # the outcome is printed at the end of every run
        raise InputError([line for line in done.stderr.splitlines() if line.strip()] or "the workflow did not finish")
    return load(folder)
