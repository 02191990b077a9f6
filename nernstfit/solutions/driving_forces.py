"""Driving forces on ions at a membrane potential, and the thermal noise beside a measured one: rows of a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.membrane import thermodynamics
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import Ion

FloatArray = NDArray[np.float64]

OUTSIDE_ONLY = "outside only: no Nernst potential, and no efflux to compare the influx with"
INSIDE_ONLY = "inside only: no Nernst potential, and no influx"
UNKNOWN_SIDE = "the pipette's solution is unknown: no Nernst potential, and no fluxes to compare"


def driving_forces(
    ions: Sequence[Ion], outside: FloatArray, inside: FloatArray, membrane_mV: float, temperature_C: float
) -> Iterator[dict[str, Any]]:
    """Yield the driving force and the flux ratio of each ion that a side holds.

    Parameters
    ----------
    ions : sequence of Ion
    outside, inside : ndarray, shape (ions,)
        Their activities in mM; nan where they are not known.
    membrane_mV : float
        Inside minus outside.
    temperature_C : float

    Yields
    ------
    dict
        Columns of the table of thermodynamics. Numbers that are infinite, because one side holds none of the ion, or
        that cannot be known, are nan; the reason says why.
    """
    valence = np.array([ion.valence for ion in ions])
    arguments = (membrane_mV, valence, outside, inside, temperature_C)
    columns = {
        "nernst_mV": nernst_mV(*arguments[1:]),
        "driving_force_mV": thermodynamics.driving_force_mV(*arguments),
        "delta_mu_kJ_per_mol": thermodynamics.delta_mu_kJ_per_mol(*arguments),
        "flux_ratio": thermodynamics.flux_ratio(*arguments),
    }
    for i in np.flatnonzero((outside > 0) | (inside > 0)).tolist():
        numbers = {name: _finite(values[i]) for name, values in columns.items()}
        yield {"ion": ions[i].name, "reason": _reason(outside[i], inside[i])} | numbers


def _reason(outside: float, inside: float) -> str:
    """Return the reason for which numbers of an ion are missing; '' where none is."""
    if math.isnan(outside) or math.isnan(inside):
        return UNKNOWN_SIDE
    if outside > 0 and inside > 0:
        return ""
    return OUTSIDE_ONLY if outside > 0 else INSIDE_ONLY


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan


def noise_and_bound(measured: Mapping[Any, Any], temperature_C: float) -> dict[str, Any]:
    """Return the noise of the window and its thermal bound, which a negative slope conductance does not have.

    Parameters
    ----------
    measured : mapping
        As the measure stage gives it; nan where the potential was measured elsewhere.
    temperature_C : float

    Returns
    -------
    dict
        Columns of the table of thermodynamics.
    """
    noise_pA, band_Hz, slope_nS = (float(measured[name]) for name in ("noise_pA", "bandwidth_Hz", "slope_nS"))
    thermal_pA = math.nan
    if slope_nS > 0:
        thermal_pA = float(thermodynamics.thermal_noise_pA(slope_nS, band_Hz, temperature_C))
    return {
        "noise_pA": noise_pA,
        "bandwidth_Hz": band_Hz,
        "bandwidth_source": measured["bandwidth_source"],
        "thermal_noise_pA": thermal_pA,
        "noise_ratio": noise_pA / thermal_pA if thermal_pA > 0 else math.nan,
    }
