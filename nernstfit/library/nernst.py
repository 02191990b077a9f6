"""Nernst potential of one ion without an experiment folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nernstfit.contract.errors import InputError, nearest
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import Ion, known_ions


def nernst(
    ion: str, outside_mM: float, inside_mM: float, temperature_C: float, species: str | None = None
) -> dict[str, Any]:
    """Calculate the Nernst potential of one ion, inside minus outside.

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
        The arguments and the valence, and potential_mV.

    Raises
    ------
    InputError
        Where the ion is not known.
    """
    faults = ion_faults(ion, species)
    if faults:
        raise InputError(faults)
    known = _known(species)
    valence = known[ion].valence
    return {
        "ion": ion,
        "valence": valence,
        "outside_mM": outside_mM,
        "inside_mM": inside_mM,
        "temperature_C": temperature_C,
        "potential_mV": float(nernst_mV(valence, outside_mM, inside_mM, temperature_C)),
    }


def ion_faults(ion: str, species: str | None, place: str = "ion") -> list[str]:
    """Return the faults of the table of the user's own ions, or of an ion that is neither there nor known.

    `place` names the ion in its fault.
    """
    try:
        known = _known(species)
    except InputError as fault:
        return list(fault.faults)
    return [] if ion in known else [f"{place}: {unknown_ion(ion, known)}"]


def _known(species: str | None) -> Mapping[str, Ion]:
    """Return the known ions and those of the user's own table, by name."""
    if not species:
        return known_ions()
    from nernstfit.library.solutions import user_ions  # noqa: PLC0415 - tables are slow to import

    return known_ions(user_ions(species))


def unknown_ion(name: str, known: Collection[str]) -> str:
    """Return the fault of a name that is no ion's, with the nearest."""
    from nernstfit.physics.solution.components import ion_in_words  # noqa: PLC0415 - only a fault needs all names

    hint = ion_in_words(name, known) or nearest(name, known)
    expected = f"the nearest is '{hint}'" if hint else "expected one of the table of ions"
    return f"got '{name}', which is no known ion; {expected}"
