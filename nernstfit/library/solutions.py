"""Solutions and their potentials without an experiment folder, as the stages calculate them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.cells import TextTable
from nernstfit.contract.errors import InputError
from nernstfit.contract.numbers import Range, number_within
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.experiment import solution_table
from nernstfit.library.chemistry import Chemistry
from nernstfit.physics.membrane.nernst_planck import NotSettled
from nernstfit.physics.solution.ions import UserIons
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import remarks
from nernstfit.solutions.ion_table import ion_rows, solution_rows
from nernstfit.solutions.junctions import methods_remark
from nernstfit.solutions.liquid_junction import JunctionModel, between_mV

ION_COLUMNS = (
    "solution",
    "ion",
    "valence",
    "total_mM",
    "concentration_mM",
    "activity_coefficient",
    "activity_mM",
    "status",
)
METHOD_COLUMNS = {"henderson_mV": JunctionMethod.HENDERSON, "nernst_planck_mV": JunctionMethod.NERNST_PLANCK}
SOLUTION_COLUMNS = (
    "solution",
    "pH",
    "titrant_mM",
    "ionic_strength_M",
    "charge_excess_meq_per_l",
    "osmolarity_mOsm_per_l",
    "osmolality_mOsm_per_kg",
)


def solutions(recipe: Solutions, chemistry: Chemistry) -> list[dict[str, Any]]:
    """List the ions and uncharged solutes of every solution.

    Parameters
    ----------
    recipe : Solutions
    chemistry : Chemistry

    Returns
    -------
    list of dict
        Columns of results/solutions.csv, those of solutes (`ION_COLUMNS`) and of whole solutions
        (`SOLUTION_COLUMNS`).
    """
    return list(ion_rows(recipe, chemistry.temperature_C, chemistry.model))


def whole_solutions(recipe: Solutions, chemistry: Chemistry) -> list[dict[str, Any]]:
    """List every solution as a whole, also one without a solute: `SOLUTION_COLUMNS` and `warnings`."""
    return solution_rows(recipe, chemistry.temperature_C, chemistry.model)


def junction(
    recipe: Solutions,
    ends: tuple[str, str],
    chemistry: Chemistry,
    methods: Sequence[str] = (),
    bases: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Calculate the junction potential V_bath - V_pipette by each method, on each basis.

    Parameters
    ----------
    recipe : Solutions
    ends : tuple of str
        Pipette and bath, two of the solutions.
    chemistry : Chemistry
        The activity model is that of the basis `activity`.
    methods, bases : sequence of str
        Those to be shown; empty for all.

    Returns
    -------
    list of dict
        Basis, of henderson_mV and nernst_planck_mV those of the methods, and the list of `warnings`: what is found on
        the two solutions, and a large difference of the methods. nernst_planck_mV is nan, and a warning says so, where
        no stationary junction is found.

    Raises
    ------
    InputError
        Where a solution holds no ion.
    """
    (pipette, bath), temperature_C, model = ends, chemistry.temperature_C, chemistry.model
    for name in ends:
        if not recipe.row(name, temperature_C).any():
            raise InputError(f"solution '{name}' contains no ion; a junction potential needs ions on both sides")
    found = remarks(recipe, temperature_C, model)
    labels = {JunctionBasis.CONCENTRATION: "concentration", JunctionBasis.ACTIVITY: f"activity ({model})"}
    rows = []
    for basis in (each for each in labels if not bases or each in bases):
        by_method = dict.fromkeys(METHOD_COLUMNS, math.nan)
        unsettled = ""
        for name, method in METHOD_COLUMNS.items():
            try:
                by_method[name] = between_mV(recipe, bath, pipette, temperature_C, JunctionModel(method, basis, model))
            except NotSettled as fault:
                unsettled = f"{fault}; take Henderson's, another basis or another activity model"
        shown = {name: value for name, value in by_method.items() if not methods or METHOD_COLUMNS[name] in methods}
        said = [*(found[name] for name in dict.fromkeys(ends)), methods_remark(*by_method.values()), unsettled]
        rows.append({"basis": labels[basis], **shown, "warnings": list(filter(None, said))})
    return rows


def user_ions(species: str | None) -> UserIons:
    """Read the table of the user's own ions; none without a table.

    Raises
    ------
    InputError
        With every fault of it.
    """
    ions, faults = solution_table.read_species(species) if species else ((), [])
    if faults:
        raise InputError(faults)
    return ions


def read(path: str, own_ions: UserIons = ()) -> Solutions:
    """Read a table of solutions.

    Raises
    ------
    InputError
        With every fault of it.
    """
    return of_table(tables.read_text(path), path, own_ions)


def of_table(table: TextTable, place: str, own_ions: UserIons = ()) -> Solutions:
    """Return the solutions of a table of texts; `place` names it in faults.

    Raises
    ------
    InputError
        With every fault of it.
    """
    recipe, faults = solution_table.parse(table, place, own_ions)
    if faults:
        raise InputError(faults)
    return recipe


def amounts(texts: Sequence[str], option: str, allowed: Range) -> dict[str, float]:
    """Read amounts by name, like `K=140,Na=10`, from one text or several.

    Parameters
    ----------
    texts : sequence of str
    option : str
        The option that the texts belong to.
    allowed : Range

    Raises
    ------
    InputError
        Where a part is no name and number, a name occurs twice, or a number is out of range.
    """
    found: dict[str, float] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, _, number = (word.strip() for word in part.partition("="))
        if not name or not number:
            raise InputError(f"{option}: got '{part}', expected a name and a number like K=140")
        if name in found:
            raise InputError(f"{option}: got {name} twice, expected it once")
        try:
            found[name] = number_within(number, allowed)
        except ValueError as fault:
            raise InputError(f"{option}: {name}: {fault}") from None
    return found
