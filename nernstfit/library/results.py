"""Results of an analysis as tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, nearest
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
    traces : tuple of str
        Files of the current traces of a folder that has been run, by batch; none elsewhere.
    """

    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    traces: tuple[str, ...] = field(default=(), repr=False)

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
        return render.render(ratios.draw_ratios(shown, self.of_model("cells"), {}, list(dict.fromkeys(rows["ion"]))))

    def plot_measurements(self, *names: str) -> Drawing:
        """Draw the current traces and the I-V curves of measurements, one below the other.

        Parameters
        ----------
        *names : str
            Values of `measurement` in `reversal_potentials`, in the order in which they are drawn. `c1_control` also
            stands for `c1_control:B` where this is the only epoch of the recording.

        Returns
        -------
        Drawing
            Shown by a notebook; `svg` is text, `png` the bytes of a file.

        Raises
        ------
        InputError
            Where no name is given, or one has no I-V curve.
        """
        from nernstfit.figures.recordings import draw_measurements  # noqa: PLC0415 - needs the extra `workflow`

        names = tuple(map(self._with_epoch, names))
        iv = self.tables["iv"][self.tables["iv"]["measurement"].isin(names)]
        without = [name for name in names if name not in set(iv["measurement"])]
        if without or not names:
            told = (f"there is no I-V curve of '{name}'; {self._hint(name)}" for name in without)
            raise InputError(list(told) or "got no measurement, expected the names of one or more")
        rows = self.reversals.set_index("measurement", drop=False).loc[list(names)]
        return draw_measurements("measurements", rows, iv, self._traces(names))

    def _with_epoch(self, name: str) -> str:
        """Return the name of the only measurement of a recording that is named without its epoch."""
        known = list(self.reversals["measurement"])
        own = [each for each in known if each.startswith(f"{name}:")]
        return own[0] if name not in known and len(own) == 1 else name

    def _hint(self, name: str) -> str:
        """Return the verdict on a measurement, or the nearest name to one that there is not."""
        verdicts = dict(zip(self.reversals["measurement"], self.reversals["verdict"], strict=True))
        if name in verdicts:
            return f"its verdict is {verdicts[name]}"
        hint = nearest(name, verdicts)
        return f"the nearest name is '{hint}'" if hint else "expected a measurement of `reversal_potentials`"

    def _traces(self, names: Collection[str]) -> pd.DataFrame:
        """Read the traces of measurements; none where there are none."""
        found, missing = [pd.DataFrame({"measurement": []})], set(names)
        for path in self.traces:
            # Each from its first batch: later ones may be left of a run of more rows.
            if missing:
                found.append(tables.gather([path], missing))
                missing -= set(found[-1]["measurement"])
        return pd.concat(found[1:] or found)


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
        Where a table is missing or empty: the run is not complete.
    """
    place = Path(folder)
    results = (table for table in tables.TABLES.values() if table.kind == tables.RESULT)
    found = {table.name: tables.load_result(place, table) for table in results}
    return Result(found, tuple(map(str, sorted(place.glob("results/ingest/*/traces.parquet")))))


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
