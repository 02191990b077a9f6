"""Beside stage 4: what drives each ion at the measured potentials, and how quiet the current can be at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.physics.membrane import thermodynamics
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import Ion
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]

READS = ("rows.measurement", "rows.condition", "settings.activity", "settings.fit.permeant", "solutions")
OUTSIDE_ONLY = "outside only: no Nernst potential, and no efflux to compare the influx with"
INSIDE_ONLY = "inside only: no Nernst potential, and no influx"
UNKNOWN_SIDE = "the pipette's solution is unknown: no Nernst potential, and no fluxes to compare"


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write driving forces, flux ratios and noise.

    Parameters
    ----------
    inputs : mapping
        `measured`: Parquet file of the measure stage; `reversals`: the table of reversal potentials.
    outputs : mapping
        `thermodynamics`: a row for each measurement that has a potential and each permeant ion that a side holds.
    experiment : Experiment
    """
    measured = pd.read_parquet(inputs["measured"]).set_index("measurement").to_dict("index")
    corrected_mV = tables.load(inputs["reversals"], tables.REVERSAL_POTENTIALS).set_index("measurement")["corrected_mV"]
    tables.write(outputs["thermodynamics"], tables.THERMODYNAMICS, _rows(experiment, measured, corrected_mV.to_dict()))


def _rows(
    experiment: Experiment, measured: Mapping[Any, Mapping[Any, Any]], corrected_mV: Mapping[Any, float]
) -> Iterator[dict[str, Any]]:
    solutions, permeant = experiment.solutions, experiment.settings.fit.permeant
    model, ions = experiment.settings.activity.name, [solutions.known[name] for name in permeant]

    @cache
    def activities(condition: Condition) -> tuple[FloatArray, FloatArray]:
        """Activities of the permeant ions outside and inside; nan where nobody knows the solution."""
        outside, inside = (
            solutions.activity_mM(side, permeant, model, condition.temperature_C)
            if side
            else np.full(len(permeant), math.nan)
            for side in (condition.outside, condition.inside)
        )
        return outside, inside

    for row in experiment.rows:
        membrane_mV = corrected_mV[row.measurement]
        if math.isfinite(membrane_mV):
            noise = noise_of(measured[row.measurement], row.condition.temperature_C)
            for ion in driven(ions, *activities(row.condition), membrane_mV, row.condition.temperature_C):
                yield {"measurement": row.measurement} | ion | noise


def driven(
    ions: Sequence[Ion], outside: FloatArray, inside: FloatArray, membrane_mV: float, temperature_C: float
) -> Iterator[dict[str, Any]]:
    """What drives each ion that a side holds.

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
        that nobody can know, are nan; the reason says why.
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
    """Why some numbers of an ion are not there."""
    if math.isnan(outside) or math.isnan(inside):
        return UNKNOWN_SIDE
    if outside > 0 and inside > 0:
        return ""
    return OUTSIDE_ONLY if outside > 0 else INSIDE_ONLY


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan


def noise_of(measured: Mapping[Any, Any], temperature_C: float) -> dict[str, Any]:
    """Noise of the window beside its thermal bound; there is none where the current falls with the voltage.

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
