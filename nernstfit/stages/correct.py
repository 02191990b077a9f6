"""Stage 3: from the pipette's command to the membrane: the table of reversal potentials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage
from nernstfit.reversal.classify import Z_95, Result, on_membrane

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.cell",
    "rows.group",
    "rows.sweeps_text",
    "rows.condition",
    "rows.time_s",
    "rows.user_columns",
)


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Add the junctions to the measured potentials.

    Parameters
    ----------
    inputs : mapping
        `measured`: Parquet file of the measure stage; `junctions`: table of the solutions stage.
    outputs : mapping
        `reversals`: the table of reversal potentials.
    experiment : Experiment
    """
    measured = pd.read_parquet(inputs["measured"]).set_index("measurement")
    added = _added(tables.load(inputs["junctions"], tables.JUNCTIONS))
    times = _times(experiment.rows, measured["time_s"].to_dict())
    rows = [
        correct_row(row, measured.loc[name], added.get(_row_key(row), math.nan), times[name])
        for name, row in ((row.measurement, row) for row in experiment.rows)
    ]
    tables.write(outputs["reversals"], tables.REVERSAL_POTENTIALS, rows)


def _times(rows: Sequence[Row], of_files: Mapping[Any, float]) -> dict[str, float]:
    """When each measurement was made, in s: as the table gives it, or where it gives none by its file, from the first.

    The clocks of both need not agree: where the table gives any time, those of the files are not used.
    """
    if any(row.time_s is not None for row in rows):
        return {row.measurement: math.nan if row.time_s is None else row.time_s for row in rows}
    first = min((time for time in of_files.values() if math.isfinite(time)), default=math.nan)
    # The clock counts milliseconds; what a difference of large numbers has behind them is rounding.
    return {row.measurement: round(of_files[row.measurement] - first, 3) for row in rows}


_CONDITION = ("bath", "pipette", "configuration", "temperature_C", "zeroed_in")


def _added(ledger: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Sum of each condition's terms, mV; a condition without a term is not there: nothing is applied to it."""
    unknown = ledger[ledger["applied_mV"].isna()]
    if len(unknown):
        raise ValueError(f"the table of junctions has terms without an amount: {', '.join(unknown['statement'])}")
    added: dict[tuple[str, ...], float] = {}
    for term in ledger.to_dict("records"):
        key = _key(*(term[name] for name in _CONDITION))
        added[key] = added.get(key, 0.0) + term["applied_mV"]
    return added


def _key(*values: str | float) -> tuple[str, ...]:
    """A condition as the table of junctions writes it."""
    return tuple(f"{value:.12g}" if isinstance(value, float) else value for value in values)


def _row_key(row: Row) -> tuple[str, ...]:
    return _key(*(getattr(row.condition, name) for name in _CONDITION))


def correct_row(
    row: Row, measured: Mapping[str, Any] | pd.Series, junction: float, time_s: float = math.nan
) -> dict[str, Any]:
    """Carry one measured row from the pipette's command to the membrane.

    Parameters
    ----------
    row : Row
    measured : mapping
        As the measure stage gives it.
    junction : float
        What is added to the membrane potential, mV; nan where no junction correction applies.
    time_s : float
        When it was measured, nan where that is not known.

    Returns
    -------
    dict
        One row of the table of reversal potentials.
    """
    condition = row.condition
    on_command = Result(
        PotentialVerdict(measured["verdict"]),
        potential_mV=measured["reversal_mV"],
        se_mV=measured["se_mV"],
        low_mV=measured["low_mV"],
        high_mV=measured["high_mV"],
    )
    result = on_membrane(on_command, condition.sign, 0.0 if math.isnan(junction) else junction)
    is_reversal = result.verdict == PotentialVerdict.REVERSAL
    bounds = (result.low_mV, result.high_mV)
    if is_reversal:
        bounds = (result.potential_mV - Z_95 * result.se_mV, result.potential_mV + Z_95 * result.se_mV)
    carries = is_reversal or not all(map(math.isnan, bounds))
    return {
        **row.user_columns,
        "measurement": row.measurement,
        "recording": row.recording,
        "epoch": measured["epoch"],
        "sweeps": row.sweeps_text,
        "group": row.group,
        "cell": row.cell,
        "bath": condition.bath,
        "pipette": condition.pipette,
        "configuration": condition.configuration,
        "temperature_C": condition.temperature_C,
        "verdict": measured["verdict"],
        "reason": measured["reason"],
        "raw_mV": measured["raw_mV"],
        "leak_shift_mV": measured["leak_shift_mV"],
        "rs_shift_mV": measured["rs_shift_mV"],
        "reversal_mV": measured["reversal_mV"],
        "junction_mV": junction if carries else math.nan,
        "corrected_mV": result.potential_mV if is_reversal else math.nan,
        "se_mV": measured["se_mV"] if is_reversal else math.nan,
        "low_mV": bounds[0],
        "high_mV": bounds[1],
        "slope_nS": measured["slope_nS"],
        "flags": measured["flags"],
        "further_se_mV": measured["further_se_mV"],
        "time_s": time_s,
    }
