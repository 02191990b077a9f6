"""Silver salts: the ion with which a silver electrode is in equilibrium."""

import csv
import math
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from nernstfit.physics.constants import thermal_voltage_mV

_AT_C = 25.0  # temperature of the standard potentials
_CHLORIDE = "Cl"


def _read() -> dict[str, float]:
    text = files(__package__).joinpath("silver.csv").read_text(encoding="utf-8")
    return {row["ion"]: float(row["standard_potential_mV"]) for row in csv.DictReader(text.splitlines())}


STANDARD_POTENTIALS_MV: Mapping[str, float] = MappingProxyType(_read())
"""Standard potential of Ag + X- = AgX + e-, by ion, at 25 C; sources are in silver.csv beside this module."""


def shift_mV(ion: str) -> float:
    """Return the difference of an ion's standard potential to that of chloride in mV, at 25 C.

    It is (RT/F) ln of the ratio of the solubility products, AgX over AgCl.

    Raises
    ------
    KeyError
        If the ion forms no silver salt of this table.
    """
    return STANDARD_POTENTIALS_MV[ion] - STANDARD_POTENTIALS_MV[_CHLORIDE]


def converting_ion(concentrations_mM: Mapping[str, float]) -> str:
    """Return the ion that turns an Ag/AgCl electrode into one of its own salt; '' where chloride keeps it.

    AgX is less soluble than AgCl beside it where [X]/[Cl] exceeds the ratio of their solubility products; the anions
    are monovalent, so that their activity coefficients nearly cancel.

    Parameters
    ----------
    concentrations_mM : mapping of str to float
        Free concentrations of the anions of a solution; absent ones are 0.
    """
    chloride = concentrations_mM.get(_CHLORIDE, 0.0)
    stability = {
        ion: concentrations_mM.get(ion, 0.0) * math.exp(-shift_mV(ion) / float(thermal_voltage_mV(_AT_C)))
        for ion in sorted(STANDARD_POTENTIALS_MV)
        if ion != _CHLORIDE
    }
    most = max(stability, key=lambda ion: stability[ion])
    return most if stability[most] > chloride else ""
