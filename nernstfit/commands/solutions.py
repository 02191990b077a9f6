"""Solutions and their potentials without an experiment folder, as the stages compute them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, nearest, nearest_or_all
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.experiment import solution_table
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import UserIons, known_ions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.junctions import JunctionModel, between_mV
from nernstfit.stages.solutions import ion_rows

OF_IONS = (
    "solution",
    "ion",
    "valence",
    "total_mM",
    "concentration_mM",
    "activity_coefficient",
    "activity_mM",
    "status",
)
OF_SOLUTIONS = (
    "solution",
    "pH",
    "titrant_mM",
    "ionic_strength_M",
    "charge_excess_meq_per_l",
    "osmolarity_mOsm_per_l",
)


def solutions(path: str, temperature_C: float, model: str, species: str | None = None) -> list[dict[str, Any]]:
    """Ions of every solution of a table.

    Parameters
    ----------
    path : str
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    species : str, optional
        Table of the user's own ions.

    Returns
    -------
    list of dict
        Columns of results/solutions.csv, of ions (`OF_IONS`) and of solutions as a whole (`OF_SOLUTIONS`).

    Raises
    ------
    InputError
        With every fault of the table.
    """
    return list(ion_rows(read(path, own_ions(species)), temperature_C, model))


def junction(
    path: str, pipette: str, bath: str, temperature_C: float, model: str, species: str | None = None
) -> list[dict[str, Any]]:
    """Potential of the bath over that of the pipette, by both methods, on both bases.

    Parameters
    ----------
    path : str
        Table of solutions.
    pipette, bath : str
        Two of its solutions.
    temperature_C : float
    model : str
        Activity model, for the basis `activity`.
    species : str, optional
        Table of the user's own ions.

    Returns
    -------
    list of dict
        Basis, henderson_mV and nernst_planck_mV.

    Raises
    ------
    InputError
        Where a solution is not in the table, or holds no ion.
    """
    recipe = read(path, own_ions(species))
    for name in (pipette, bath):
        if name not in recipe.names:
            raise InputError(f"{path}: found no solution '{name}'; {nearest_or_all(name, recipe.names)}")
        if not recipe.row(name, temperature_C).any():
            raise InputError(f"{path}: solution '{name}': found no ion; a junction potential needs some on both sides")
    methods = {"henderson_mV": JunctionMethod.HENDERSON, "nernst_planck_mV": JunctionMethod.NERNST_PLANCK}
    return [
        {"basis": label}
        | {
            name: between_mV(recipe, bath, pipette, temperature_C, JunctionModel(method, basis, model))
            for name, method in methods.items()
        }
        for basis, label in (
            (JunctionBasis.CONCENTRATION, "concentration"),
            (JunctionBasis.ACTIVITY, f"activity ({model})"),
        )
    ]


def nernst(
    ion: str, outside_mM: float, inside_mM: float, temperature_C: float, species: str | None = None
) -> dict[str, Any]:
    """Nernst potential of one ion, inside minus outside.

    Parameters
    ----------
    ion : str
    outside_mM, inside_mM : float
        Activities, or concentrations in their place; more than 0.
    temperature_C : float
    species : str or None
        Path of the table of the user's own ions.

    Returns
    -------
    dict
        What was asked, and potential_mV.

    Raises
    ------
    InputError
        Where the ion is not known or an amount is not above 0.
    """
    known = known_ions(own_ions(species))
    if ion not in known:
        raise InputError(no_ion(ion, known))
    for name, amount in (("--out", outside_mM), ("--in", inside_mM)):
        if not amount > 0:
            raise InputError(f"{name}: found {amount:g}; more than 0 would be right")
    valence = known[ion].valence
    return {
        "ion": ion,
        "valence": valence,
        "outside_mM": outside_mM,
        "inside_mM": inside_mM,
        "temperature_C": temperature_C,
        "potential_mV": float(nernst_mV(valence, outside_mM, inside_mM, temperature_C)),
    }


def own_ions(species: str | None) -> UserIons:
    """Read the table of the user's own ions, where there is one.

    Raises
    ------
    InputError
        With every fault of it.
    """
    own, faults = solution_table.read_species(species) if species else ((), [])
    if faults:
        raise InputError(faults)
    return own


def read(path: str, own: UserIons = ()) -> Solutions:
    """Read a table of solutions.

    Raises
    ------
    InputError
        With every fault of it.
    """
    recipe, faults = solution_table.parse(tables.read(path), path, own)
    if faults:
        raise InputError(faults)
    return recipe


def no_ion(name: str, known: Collection[str]) -> str:
    """What is wrong with the name of no ion."""
    hint = nearest(name, known)
    right = f"the nearest is '{hint}'" if hint else "one of the table of ions would be right"
    return f"found '{name}', which is no known ion; {right}"


def amounts(
    texts: Sequence[str], option: str, right: str, least: float = 0.0, most: float = math.inf
) -> dict[str, float]:
    """Read `K=140,Na=10`, given once or in parts.

    Parameters
    ----------
    texts : sequence of str
    option : str
        What the texts were given as.
    right : str
        What a number out of range should be.
    least, most : float

    Raises
    ------
    InputError
        Where a part is no name and number, a name stands twice, or a number is out of range.
    """
    found: dict[str, float] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, _, number = (word.strip() for word in part.partition("="))
        if not name or not number:
            raise InputError(f"{option}: found '{part}'; a name and a number like K=140 would be right")
        if name in found:
            raise InputError(f"{option}: found {name} twice; once would be right")
        try:
            found[name] = tables.number(number)
        except ValueError as fault:
            raise InputError(f"{option}: {name}: {fault}") from None
        if not least <= found[name] <= most:
            raise InputError(f"{option}: {name}: found {number}; {right} would be right")
    return found
