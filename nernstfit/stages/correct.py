"""Stage 3: from the pipette's command to the membrane potential: the table of reversal potentials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nernstfit.contract import tables
from nernstfit.contract.terms import REACH_MV, PotentialVerdict
from nernstfit.experiment.records import Experiment, Row, measurement_times
from nernstfit.experiment.views import stage
from nernstfit.reversal.classify import Result, interval_mV, on_membrane
from nernstfit.solutions import conditions

if TYPE_CHECKING:
    import pandas as pd

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
_POTENTIALS = ("raw_mV", "leak_shift_mV", "rs_shift_mV", "reversal_mV")
_MEASURED = (
    "epoch",
    "verdict",
    "reason",
    "remedy",
    "flags",
    "slope_nS",
    "further_se_mV",
    "drift_se_mV",
    "states",
    *_POTENTIALS,
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
    import pandas as pd  # noqa: PLC0415 - slow to import, and a single row does without

    measured = pd.read_parquet(inputs["measured"]).set_index("measurement").to_dict("index")
    junction_mV = _junctions(tables.load(inputs["junctions"], tables.JUNCTIONS))
    times = measurement_times(experiment.rows, {name: each["time_s"] for name, each in measured.items()})
    rows = []
    for row in experiment.rows:
        name, added_mV = row.measurement, junction_mV.get(_key(vars(row.condition)), math.nan)
        rows.append(correct_row(row, measured[name], added_mV, times[name]))
    tables.write(outputs["reversals"], tables.REVERSAL_POTENTIALS, rows)


def _junctions(ledger: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Return the sum of the terms of each condition in mV; a condition to which nothing is applied has none."""
    unknown = ledger[ledger["applied_mV"].isna()]
    if len(unknown):
        raise ValueError(f"the table of junctions has terms without an amount: {', '.join(unknown['statement'])}")
    sums: dict[tuple[str, ...], float] = {}
    for term in ledger.to_dict("records"):
        key = _key(term)
        sums[key] = sums.get(key, 0.0) + term["applied_mV"]
    return sums


def _key(condition: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return a condition as the table of junctions writes it."""
    values = (condition[name] for name in conditions.FIELDS)
    return tuple(f"{value:.12g}" if isinstance(value, float) else value for value in values)


def correct_row(row: Row, measured: Mapping[Any, Any], junction_mV: float, time_s: float = math.nan) -> dict[str, Any]:
    """Return one row of the table of reversal potentials.

    Parameters
    ----------
    row : Row
    measured : mapping
        As the measure stage gives it.
    junction_mV : float
        Sum of the junctions that is added to the membrane potential; nan where no junction correction applies.
    time_s : float
        Time of the measurement; nan where unknown.
    """
    condition, verdict = row.condition, PotentialVerdict(measured["verdict"])
    numbers = {name: measured[name] for name in ("se_mV", "low_mV", "high_mV")}
    on_command = Result(verdict, potential_mV=measured["reversal_mV"], **numbers)
    result = on_membrane(on_command, condition.sign, 0.0 if math.isnan(junction_mV) else junction_mV)
    is_reversal = verdict == PotentialVerdict.REVERSAL
    # A potential measured elsewhere comes with none.
    names = ("capacitance_shift_mV", "further_se_mV", "delay_shift_mV")
    shift_mV, further_mV, delay_mV = (_or_zero(measured[name]) for name in names)
    shift_mV *= condition.sign
    reach = {name: measured[own] for name, own in zip(REACH_MV, REACH_MV[:: condition.sign], strict=True)}
    low_mV, high_mV = result.low_mV, result.high_mV
    if is_reversal:
        reach_below_mV, reach_above_mV = (_or_zero(reach[name]) for name in REACH_MV)
        se_mV = math.hypot(result.se_mV, further_mV, delay_mV)
        below, above = interval_mV(se_mV, shift_mV, (reach_below_mV, reach_above_mV))
        low_mV, high_mV = result.potential_mV - below, result.potential_mV + above
    carries = is_reversal or not (math.isnan(low_mV) and math.isnan(high_mV))
    values = vars(condition) | {name: measured[name] for name in _MEASURED} | reach
    values |= {"measurement": row.measurement, "recording": row.recording, "sweeps": row.sweeps_text}
    values |= {"group": row.group, "cell": row.cell, "time_s": time_s, "low_mV": low_mV, "high_mV": high_mV}
    values["junction_mV"] = junction_mV if carries else math.nan
    values["corrected_mV"] = result.potential_mV if is_reversal else math.nan
    values["se_mV"] = measured["se_mV"] if is_reversal else math.nan
    for name in ("capacitance_shift_mV", "delay_shift_mV", "drift_mV", "charge_pC"):
        values[name] = condition.sign * measured[name]
    return {**row.user_columns, **{name: values[name] for name in tables.REVERSAL_POTENTIALS.columns}}


def _or_zero(value: float) -> float:
    """Return a value, 0 where there is none."""
    return 0.0 if math.isnan(value) else value
