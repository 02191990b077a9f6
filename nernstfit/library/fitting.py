"""Permeability ratios of reversal potentials in a table, by the stages of the workflow."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nernstfit.contract.errors import InputError
from nernstfit.contract.settings import CONFIG_FILE
from nernstfit.experiment import folder as experiments
from nernstfit.library import pipeline, results
from nernstfit.library.results import Result

_REVERSALS, _SOLUTIONS = "reversals.csv", "solutions.csv"


def fit(reversals: pd.DataFrame, solutions: pd.DataFrame | Mapping[str, Mapping[str, Any]], **config: Any) -> Result:
    """Fit permeability ratios to reversal potentials, to the last digit as the workflow does.

    Parameters
    ----------
    reversals : DataFrame
        Columns of data/reversals.csv: cell, bath, pipette, reversal_mV and se_mV, as commanded, before junction
        potentials; optionally n, group, batch, temperature_C and the others of docs/tables.md.
    solutions : DataFrame or mapping
        Columns of data/solutions.csv, amounts in mM; or solution to component to mM.
    **config
        Sections and keys of the configuration, as in config/config.yaml: `fit` (needed are `reference_ion` and
        `permeant`), `junction` (needed unless its method is none), `activity`, `temperature_C` ...

    Returns
    -------
    Result
        The tables of results/ that need no recording have rows; the others are empty.

    Raises
    ------
    InputError
        With every fault of tables and configuration, as in a run.

    Examples
    --------
    >>> import pandas as pd
    >>> import nernstfit
    >>> solutions = {"sodium": {"NaCl": 150}, "potassium": {"KCl": 150}, "pipette": {"KCl": 150}}
    >>> rows = [("a", "sodium", -28.1), ("a", "potassium", 0.2), ("b", "sodium", -27.2), ("b", "potassium", -0.1)]
    >>> reversals = pd.DataFrame(rows, columns=["cell", "bath", "reversal_mV"]).assign(pipette="pipette", se_mV=0.3)
    >>> ions = {"reference_ion": "K", "permeant": ["K", "Na"]}
    >>> result = nernstfit.fit(reversals, solutions, junction={"method": "none"}, fit=ions)
    >>> result.permeabilities["ion"].unique().tolist()
    ['Na']
    """
    if given := sorted({"recordings", "reversals", "solutions", "iv"} & config.keys()):
        raise InputError(f"fit: got the key '{given[0]}', expected tables in place of paths")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, table in ((_REVERSALS, reversals), (_SOLUTIONS, _table(solutions))):
            table.astype(object).map(_typed).to_csv(folder / name, index=False, encoding="utf-8")
        with contextlib.chdir(folder):
            try:
                experiment = experiments.load(config | {"reversals": _REVERSALS, "solutions": _SOLUTIONS})
            except InputError as fault:
                raise InputError([line.removeprefix(f"{CONFIG_FILE}: ") for line in fault.faults]) from None
            pipeline.run_stages(experiment, "judge")
        return results.load(folder)


def _table(solutions: pd.DataFrame | Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return solutions as a table with a row each."""
    if isinstance(solutions, pd.DataFrame):
        return solutions.reset_index() if solutions.index.name == "solution" else solutions
    return pd.DataFrame([{"solution": name, **components} for name, components in solutions.items()])


def _typed(value: Any) -> Any:
    """Return a cell as it would be typed: columns with missing numbers hold 33 as 33.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else value
