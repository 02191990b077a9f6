"""Silver salts: the ion with which a silver electrode is in equilibrium."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from nernstfit.physics.constants import thermal_voltage_mV

_AT_C = 25.0  # temperature of the standard potentials
_CHLORIDE = "Cl"


class _SilverSalt(NamedTuple):
    """Formula of a salt, and the standard potential in mV at 25 C of its electrode."""

    formula: str
    standard_potential_mV: float


def _read() -> dict[str, _SilverSalt]:
    text = Path(__file__).with_name("silver.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["ion"]: _SilverSalt(row["salt"], float(row["standard_potential_mV"])) for row in rows}


_SALTS: Mapping[str, _SilverSalt] = MappingProxyType(_read())
"""Silver salts by their ion, of Ag + X- = AgX + e-, that of HS- at pH 7.4; sources are in silver.csv beside it."""


def formula(ion: str) -> str:
    """Return the formula of an ion's silver salt.

    Raises
    ------
    KeyError
        If the ion forms no silver salt of this table.
    """
    return _SALTS[ion].formula


def shift_mV(ion: str) -> float:
    """Return the difference of an ion's standard potential to that of chloride in mV, at 25 C.

    It is (RT/F) ln of the ratio of the solubility products, AgX over AgCl.

    Raises
    ------
    KeyError
        If the ion forms no silver salt of this table.
    """
    return _SALTS[ion].standard_potential_mV - _SALTS[_CHLORIDE].standard_potential_mV


def converting_ion(concentrations_mM: Mapping[str, float]) -> str:
    """Return the ion that turns an Ag/AgCl electrode into one of its own salt; '' where chloride keeps it.

    AgX is less soluble than AgCl beside it where [X]/[Cl] exceeds the ratio of their solubility products; the anions
    are monovalent, so that their activity coefficients nearly cancel. Any sulfide converts it, whatever the pH.

    Parameters
    ----------
    concentrations_mM : mapping of str to float
        Free concentrations of the anions of a solution; absent ones are 0.
    """
    chloride = concentrations_mM.get(_CHLORIDE, 0.0)
    stability = {
        ion: concentrations_mM.get(ion, 0.0) * math.exp(-shift_mV(ion) / float(thermal_voltage_mV(_AT_C)))
        for ion in sorted(_SALTS)
        if ion != _CHLORIDE
    }
    most = max(stability, key=lambda ion: stability[ion])
    return most if stability[most] > chloride else ""
