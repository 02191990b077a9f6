"""In place of stages 1 and 2: potentials that were measured elsewhere, taken as they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.terms import REACH_MV, PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage

READS = ("rows.measurement", "rows.external", "rows.exclude")


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write every given potential as the measure stage writes a measured one.

    Parameters
    ----------
    inputs : mapping
        Not used: the experiment holds the potentials.
    outputs : mapping
        `measured`: a Parquet file with one row per measurement; `iv`: the table of I-V curves, without a row.
    experiment : Experiment
    """
    rows = sorted(experiment.rows, key=lambda row: row.measurement)
    measured = [{"measurement": row.measurement} | measured_row(row) for row in rows]
    tables.write_parquet(outputs["measured"], pd.DataFrame(measured))
    tables.write(outputs["iv"], tables.IV, [])


def measured_row(row: Row) -> dict[str, Any]:
    """Return the columns of a measured row, those of corrections and of the I-V curve without a value.

    A row that is excluded keeps its reason and has no number.
    """
    external = None if row.exclude else row.external
    shifts = ("leak_shift_mV", "rs_shift_mV", "capacitance_shift_mV", "delay_shift_mV")
    blank = (*shifts, "low_mV", "high_mV", "slope_nS", "further_se_mV", "drift_mV", "drift_se_mV", "charge_pC")
    unknown = dict.fromkeys((*blank, *REACH_MV, "noise_pA", "bandwidth_Hz", "time_s"), math.nan)
    return {
        "epoch": "",
        "verdict": PotentialVerdict.EXCLUDED if row.exclude else PotentialVerdict.REVERSAL,
        "reason": row.exclude,
        "remedy": "",
        "states": "",
        "raw_mV": external.reversal_mV if external else math.nan,
        "reversal_mV": external.reversal_mV if external else math.nan,
        "se_mV": external.se_mV if external else math.nan,
        **unknown,
        "flags": "",
        "bandwidth_source": "",
    }
