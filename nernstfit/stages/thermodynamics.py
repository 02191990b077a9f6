"""Beside stage 4: driving forces on the ions at the measured potentials, and the noise beside its thermal bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.driving_forces import driving_forces, noise_and_bound

FloatArray = NDArray[np.float64]
READS = ("rows.measurement", "rows.condition", "settings.activity", "settings.fit.permeant", "solutions")


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
        """Return the activities of the permeant ions outside and inside; nan where the solution is unknown."""
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
            noise = noise_and_bound(measured[row.measurement], row.condition.temperature_C)
            for ion in driving_forces(ions, *activities(row.condition), membrane_mV, row.condition.temperature_C):
                yield {"measurement": row.measurement} | ion | noise
