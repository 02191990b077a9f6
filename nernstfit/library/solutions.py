"""Solutions and their potentials without an experiment folder, as the stages calculate them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.cells import TextTable
from nernstfit.contract.errors import InputError
from nernstfit.contract.numbers import Range, number_within
from nernstfit.experiment import solution_table
from nernstfit.library.chemistry import Chemistry
from nernstfit.physics.solution.ions import UserIons
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.ion_table import solute_rows, solution_rows

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
SOLUTION_COLUMNS = (
    "solution",
    "pH",
    "titrant_mM",
    "ionic_strength_M",
    "charge_excess_meq_per_l",
    "osmolarity_mOsm_per_l",
    "osmolality_mOsm_per_kg",
)


def solutions(recipe: Solutions, chemistry: Chemistry) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """List the ions and uncharged solutes of every solution, and every solution as a whole.

    Parameters
    ----------
    recipe : Solutions
    chemistry : Chemistry

    Returns
    -------
    solutes : list of dict
        Columns of results/solutions.csv, those of solutes (`ION_COLUMNS`) and of whole solutions
        (`SOLUTION_COLUMNS`).
    wholes : list of dict
        `SOLUTION_COLUMNS` and `warnings`, also of a solution without a solute.
    """
    wholes = solution_rows(recipe, chemistry.temperature_C, chemistry.model)
    return list(solute_rows(recipe, chemistry.temperature_C, chemistry.model, wholes)), wholes


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


# A comma between digits that no name follows is a decimal comma: it stays in the number, which is then a fault.
_BETWEEN_AMOUNTS = re.compile(r",(?!(?<=\d,)\d+\s*(?:,|$))")


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
    for part in (part.strip() for text in texts for part in _BETWEEN_AMOUNTS.split(text)):
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
