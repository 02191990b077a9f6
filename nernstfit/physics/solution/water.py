"""Water in a solution: the volume that the solutes take, molalities, and activity coefficients of concentrations.

A litre of solution holds w = rho (1 - sum c V - k I^(3/2)) kg of water, with the density rho of water, the partial
molar volumes V of the solutes at infinite dilution, and the limiting law of Redlich and Rosenfeld at the ionic strength
I (see `water_share`). Ion i has the molality m = c / w, and with the coefficient g of the activity model at these
molalities the activity

    a = g m rho = y c,   y = g rho / w:

225 mM sucrose takes 4.8 % of the water, and raises every activity by as much. Volumes and their sources are in
molar_volumes.csv beside this module, those of ions on a scale of which H has -3.8 cm3/mol; in a neutral solution the
scale does not matter. An organic substance without a volume has that of sugars per gram, another ion that of its
analogue, if it has one: `volume_assumptions` lists these.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution import coefficients as activity
from nernstfit.physics.solution.activity import ionic_strength_M, water_density_kg_per_l
from nernstfit.physics.solution.ions import IONS, Ion

FloatArray = NDArray[np.float64]

# cm3/g of an organic substance without a volume of its own: that of glucose and sucrose in molar_volumes.csv. At half
# or double, 140 mM of an anion of 195 g/mol would take .8 or 3.3 % of the water instead of 1.7 %.
_ORGANIC_CM3_PER_G = 0.62
MAX_TAKEN = 0.9
"""Part of the volume above which solutes leave no solution to be calculated. At half, a syrup would be refused; at
double any amount would pass, although its water were negative."""
_IDEAL = "concentration"  # the model without coefficients has no molalities either
_LIMITING_LAW = 1.868e-3
"""k of the limiting law at 25 C, in (l/mol)^(3/2): 1.868 cm3 l^(1/2) mol^(-3/2) of Redlich & Meyer 1964 (Chem Rev
64:221), unverified in print; the tests hold it against densities."""


@dataclass(frozen=True)
class Solute:
    """Row of molar_volumes.csv; None where it has no value."""

    volume_cm3_per_mol: float | None
    molar_mass_g_per_mol: float | None
    osmotic_kg_per_mol: float | None
    source: str


def _read() -> dict[str, Solute]:
    text = Path(__file__).with_name("molar_volumes.csv").read_text(encoding="utf-8")
    keys = ("volume_cm3_per_mol", "molar_mass_g_per_mol", "osmotic_kg_per_mol")
    return {
        row["species"]: Solute(**{key: float(row[key]) if row[key] else None for key in keys}, source=row["source"])
        for row in csv.DictReader(text.splitlines())
    }


SOLUTES: Mapping[str, Solute] = MappingProxyType(_read())
"""Every row of molar_volumes.csv by the name of its ion or uncharged substance."""


def _volume(name: str, ion: Ion | None) -> tuple[float, str]:
    """Return the volume of a substance in cm3/mol, and what was assumed of it, '' for nothing."""
    if ion is not None and ion.volume_cm3_per_mol is not None:
        return ion.volume_cm3_per_mol, ""
    own = SOLUTES.get(name)
    if own is not None and own.volume_cm3_per_mol is not None:
        return own.volume_cm3_per_mol, ""
    mass = ion.molar_mass_g_per_mol if ion is not None else own.molar_mass_g_per_mol if own is not None else None
    is_organic = ion is None or not ion.formula or re.search("C(?![a-z])", ion.formula)
    if mass is not None and is_organic:
        return _ORGANIC_CM3_PER_G * mass, "by its mass"
    if ion is not None and ion.analogue is not None:
        return _volume(ion.analogue, IONS[ion.analogue])[0], f"that of {ion.analogue}"
    return 0.0, "0"


@cache
def ion_volume_cm3_per_mol(ion: Ion) -> float:
    """Return the partial molar volume of an ion, its own or by the rule at the head of this module."""
    return _volume(ion.name, ion)[0]


def volume_cm3_per_mol(substance: str, own: Mapping[str, Ion]) -> float:
    """Return the partial molar volume of an uncharged substance, be it the user's own, or by its molar mass."""
    return _volume(substance, own.get(substance))[0]


def volume_assumptions(ions: Iterable[Ion], substances: Iterable[str], own: Mapping[str, Ion]) -> tuple[str, ...]:
    """List the assumptions in place of unknown volumes: `volume(X): by its mass`, `that of Y` or `0`, by name."""
    assumed = {ion.name: _volume(ion.name, ion)[1] for ion in ions}
    assumed |= {name: _volume(name, own.get(name))[1] for name in substances}
    return tuple(f"volume({name}): {how}" for name, how in sorted(assumed.items()) if how)


def water_share(taken: ArrayLike, concentration_mM: ArrayLike, ions: Sequence[Ion]) -> FloatArray:
    """Calculate the part of the volume of a solution that its water has, as pure water, shape (...).

    The field of an ion compresses water, the less the more ions screen it: beyond sum c V, ions of the ionic strength I
    in mol/l take k I^(3/2) (Redlich & Rosenfeld 1931, Z phys Chem A155:65), 2 % of 5 M NaCl. Densities of solutions of
    alkali chlorides to saturation agree to .3 % of the water, those of chlorides of Mg and Ca to .4 % at 1 M.

    Parameters
    ----------
    taken : array_like, shape (...)
        Part of the volume that the solutes take at infinite dilution, sum c V.
    concentration_mM : array_like, shape (..., ions)
    ions : sequence of Ion
    """
    strength_M = ionic_strength_M(concentration_mM, [ion.valence for ion in ions])
    return np.asarray(1 - np.asarray(taken, dtype=np.float64) - _LIMITING_LAW * strength_M**1.5)


def coefficients(
    model: str, concentration_mM: ArrayLike, ions: Sequence[Ion], temperature_C: float, taken: ArrayLike
) -> FloatArray:
    """Calculate the activity coefficients of concentrations, y = g / `water_share`.

    Parameters
    ----------
    model : str
        Name as for `coefficients.model_named`; that without coefficients has y = 1.
    concentration_mM : array_like, shape (..., ions)
    ions : sequence of Ion
    temperature_C : float
    taken : array_like, leading shape
        As in `water_share`.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless: activity in mM = coefficient x concentration in mM.

    Raises
    ------
    ValueError
        If no model has this name.
    """
    if model == _IDEAL:
        return activity.coefficients(model, concentration_mM, ions, temperature_C)
    free = water_share(taken, concentration_mM, ions)[..., None]
    molality_mmol_per_kg = np.asarray(concentration_mM) / (free * water_density_kg_per_l(temperature_C))
    return np.asarray(activity.coefficients(model, molality_mmol_per_kg, ions, temperature_C) / free)


def neutral_coefficient(
    model: str, concentration_mM: ArrayLike, ions: Sequence[Ion], taken: ArrayLike
) -> FloatArray | float:
    """Return the activity coefficient of concentrations of what has no charge: g = 1, y = 1 / `water_share`.

    Parameters are those of `coefficients`.
    """
    return 1.0 if model == _IDEAL else 1 / water_share(taken, concentration_mM, ions)
