"""Potentials, activities and plans from numbers, without an experiment folder or beside one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.library import compositions, junctions, solutions
from nernstfit.library import ghk as ghk_calculation
from nernstfit.library import nernst as nernst_calculation
from nernstfit.library import plan as plan_calculation
from nernstfit.library.chemistry import MODELS, Chemistry

Solution = Mapping[str, Any]
"""Component to amount in mM; beside them pH, titrant and pCO2_mmHg."""


def nernst(ion: str, outside_mM: float, inside_mM: float, temperature_C: float = 22.0) -> float:
    """Calculate the Nernst potential of an ion.

    Parameters
    ----------
    ion : str
        Name of an ion, such as K or Ca.
    outside_mM, inside_mM : float
        Activities, or concentrations in their place, in mM; more than 0.
    temperature_C : float
        In degrees Celsius.

    Returns
    -------
    float
        Inside minus outside, in mV.

    Raises
    ------
    InputError
        Where the ion is not known, or an amount is not more than 0.

    Examples
    --------
    >>> import nernstfit
    >>> round(nernstfit.nernst("K", outside_mM=5, inside_mM=140, temperature_C=37), 2)
    -89.06
    """
    for name, amount in (("outside_mM", outside_mM), ("inside_mM", inside_mM)):
        if not amount > 0:
            raise InputError(f"{name}: got {amount!r}, expected a number above 0 mM")
    return float(nernst_calculation.nernst(ion, float(outside_mM), float(inside_mM), temperature_C)["potential_mV"])


def ghk(
    ratios: Mapping[str, float],
    inside: Solution,
    outside: Solution,
    temperature_C: float = 22.0,
    model: str = MODELS[0],
) -> float:
    """Calculate the reversal potential by the Goldman-Hodgkin-Katz equation from permeability ratios.

    Parameters
    ----------
    ratios : mapping of str to float
        Permeability of each permeant ion over that of the reference, which has 1.
    inside, outside : mapping
        Component to amount in mM; beside them `pH`, `titrant` and `pCO2_mmHg`.
    temperature_C : float
        In degrees Celsius.
    model : str
        Activity model, like `pitzer:macinnes`, `davies` or `concentration`.

    Returns
    -------
    float
        Inside minus outside, in mV.

    Raises
    ------
    InputError
        Where a component or an ion is not known, no ratio is 1, or no permeant ion is on either side.

    Examples
    --------
    >>> import nernstfit
    >>> squid = {"K": 1, "Na": 0.04, "Cl": 0.45}
    >>> inside, outside = {"K": 400, "Na": 50, "Cl": 52}, {"K": 20, "Na": 440, "Cl": 560}
    >>> round(nernstfit.ghk(squid, inside, outside, temperature_C=18, model="concentration"), 1)
    -59.5
    """
    request = ghk_calculation.Request(
        ratios=[f"{ion}={value}" for ion, value in ratios.items()],
        inside=_text(inside),
        outside=_text(outside),
        chemistry=_chemistry(temperature_C, model),
    )
    try:
        return float(ghk_calculation.calculate(request)["potential_mV"])
    except InputError as fault:  # of an argument, not of the option that stands for it
        named = (line.removeprefix("--").replace("ratio:", "ratios:", 1) for line in fault.faults)
        raise InputError(named) from None


def junction(
    pipette: Solution,
    bath: Solution,
    temperature_C: float = 22.0,
    method: str = JunctionMethod.HENDERSON,
    basis: str = JunctionBasis.ACTIVITY,
    model: str = MODELS[0],
) -> float:
    """Calculate the liquid junction potential between pipette and bath.

    Parameters
    ----------
    pipette, bath : mapping
        Component to amount in mM; beside them `pH`, `titrant` and `pCO2_mmHg`.
    temperature_C : float
        In degrees Celsius.
    method : str
        `henderson` or `nernst-planck`.
    basis : str
        `activity` or `concentration`.
    model : str
        Activity model of the basis `activity`.

    Returns
    -------
    float
        V_bath - V_pipette, in mV.

    Raises
    ------
    InputError
        Where a component, a method or a basis is not known, a solution has no ion, or no stationary junction is found.

    Examples
    --------
    >>> import nernstfit
    >>> round(nernstfit.junction({"CsCl": 140}, {"NaCl": 150}, basis="concentration"), 1)
    5.1
    """
    methods = {str(each): column for column, each in junctions.METHOD_COLUMNS.items()}
    for name, value, known in (("method", method, methods), ("basis", basis, list(map(str, JunctionBasis)))):
        if value not in known:
            raise InputError(f"{name}: got '{value}'; {nearest_or_all(value, known)}")
    chemistry = _chemistry(temperature_C, model)
    recipe = compositions.solutions({"pipette": _text(pipette), "bath": _text(bath)}, None, None)
    (row,) = junctions.junction(recipe, ("pipette", "bath"), chemistry, [method], [basis])
    potential = float(row[methods[method]])
    if math.isnan(potential):
        raise InputError(row["warnings"][-1])
    return potential


def activities(solution: Solution | pd.DataFrame, temperature_C: float = 22.0, model: str = MODELS[0]) -> pd.DataFrame:
    """List the ions and uncharged solutes of a solution with their free concentrations and activities.

    Parameters
    ----------
    solution : mapping or DataFrame
        Component to amount in mM, beside them `pH`, `titrant` and `pCO2_mmHg`; or a table of solutions with the
        columns of data/solutions.csv.
    temperature_C : float
        In degrees Celsius.
    model : str
        Activity model, like `pitzer:macinnes`, `davies` or `concentration`.

    Returns
    -------
    DataFrame
        Columns of results/solutions.csv, a row per ion or uncharged solute (valence 0); amounts in mM, coefficients
        without unit.

    Raises
    ------
    InputError
        With every fault of the solutions.

    Examples
    --------
    >>> import nernstfit
    >>> table = nernstfit.activities({"NaCl": 150}, temperature_C=25).set_index("ion")
    >>> round(float(table.loc["Na", "activity_mM"]), 1)
    114.7
    """
    if isinstance(solution, pd.DataFrame):
        recipe = solutions.of_table(solution.astype(object).where(solution.notna(), "").map(str), "solutions")
    else:
        recipe = compositions.composition(_text(solution), "solution", ())
        compositions.check_units([recipe], ["solution"])
    solutes, _ = solutions.solutions(recipe, _chemistry(temperature_C, model))
    return pd.DataFrame(solutes)


@dataclass(frozen=True)
class Plan:
    """Expected precision of a planned experiment.

    Attributes
    ----------
    assumed : mapping
        Ratios, cells, noise and baths that the plan rests on.
    ratios : DataFrame
        A row per ratio: expected interval, and that of simulated experiments.
    baths : DataFrame
        Factor by which the interval of each ratio would be longer without a bath; nan where there would be none.
    notes : tuple of str
        Conclusions.
    """

    assumed: Mapping[str, Any]
    ratios: pd.DataFrame
    baths: pd.DataFrame
    notes: tuple[str, ...]


def plan(folder: str | Path, simulations: int = 100, **keys: Any) -> Plan:
    """Predict the interval of every ratio from the design of an experiment, before it is made.

    Parameters
    ----------
    folder : str or Path
        Experiment folder with config/config.yaml and a table of solutions.
    simulations : int
        Number of simulated experiments that check the expected intervals; 0 for none.
    **keys
        Keys of the section `plan` of the configuration, which they override: `ratios`, `cells`, `noise_mV`,
        `ln_ratio_sd`, `pipette`, `baths`.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        With every fault of the configuration and the tables.
    """
    with contextlib.chdir(folder):
        found = plan_calculation.plan(keys, None, simulations)
    return Plan(found["assumed"], pd.DataFrame(found["ratios"]), pd.DataFrame(found["baths"]), tuple(found["notes"]))


def _chemistry(temperature_C: float, model: str) -> Chemistry:
    if model not in MODELS:
        raise InputError(f"model: got '{model}'; {nearest_or_all(model, MODELS)}")
    return Chemistry(temperature_C, model)


def _text(solution: Solution) -> str:
    """Return a composition as it is typed on the command line."""
    return ",".join(f"{name}={value}" for name, value in solution.items())
