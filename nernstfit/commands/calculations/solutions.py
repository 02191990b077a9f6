"""Solutions and their potentials without an experiment folder, as the stages calculate them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nernstfit.commands.options import Chemistry
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.contract.numbers import Range, number_within
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.ions import UserIons
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.ion_table import ion_rows
from nernstfit.solutions.junctions import JunctionModel, between_mV

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
)


def solutions(path: str, chemistry: Chemistry) -> list[dict[str, Any]]:
    """List the ions of every solution of a table.

    Parameters
    ----------
    path : str
    chemistry : Chemistry

    Returns
    -------
    list of dict
        Columns of results/solutions.csv, those of ions (`ION_COLUMNS`) and of whole solutions
        (`SOLUTION_COLUMNS`).

    Raises
    ------
    InputError
        With every fault of the table.
    """
    return list(ion_rows(read(path, user_ions(chemistry.species)), chemistry.temperature_C, chemistry.model))


def junction(path: str, pipette: str, bath: str, chemistry: Chemistry) -> list[dict[str, Any]]:
    """Calculate the junction potential V_bath - V_pipette by both methods, on both bases.

    Parameters
    ----------
    path : str
        Table of solutions.
    pipette, bath : str
        Two of its solutions.
    chemistry : Chemistry
        The activity model is that of the basis `activity`.

    Returns
    -------
    list of dict
        Basis, henderson_mV and nernst_planck_mV.

    Raises
    ------
    InputError
        Where a solution is not in the table, or holds no ion.
    """
    recipe, temperature_C, model = read(path, user_ions(chemistry.species)), chemistry.temperature_C, chemistry.model
    for name in (pipette, bath):
        if name not in recipe.names:
            raise InputError(f"{path}: contains no solution '{name}'; {nearest_or_all(name, recipe.names)}")
        if not recipe.row(name, temperature_C).any():
            raise InputError(
                f"{path}: solution '{name}' contains no ion; a junction potential needs ions on both sides"
            )
    return [
        {"basis": label}
        | {
            name: between_mV(recipe, bath, pipette, temperature_C, JunctionModel(method, basis, model))
            for name, method in METHOD_COLUMNS.items()
        }
        for basis, label in (
            (JunctionBasis.CONCENTRATION, "concentration"),
            (JunctionBasis.ACTIVITY, f"activity ({model})"),
        )
    ]


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
    recipe, faults = solution_table.parse(tables.read(path), path, own_ions)
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
