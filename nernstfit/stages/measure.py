"""Stage 2: from points to I-V curves and reversal potentials, still on the pipette's command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from nernstfit import reversal, tables
from nernstfit.experiment import Experiment, Row
from nernstfit.reversal import Curve, Result

_MEASURED = (
    "measurement",
    "epoch",
    "verdict",
    "reason",
    "raw_mV",
    "leak_shift_mV",
    "rs_shift_mV",
    "reversal_mV",
    "se_mV",
    "low_mV",
    "high_mV",
    "slope_nS",
    "flags",
)


def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Measure every row of the experiment.

    Parameters
    ----------
    inputs : mapping
        `points` and `facts`: Parquet files of all batches.
    outputs : mapping
        `measured`: a Parquet file with one row per measurement; `iv`: the table of I-V curves.
    experiment : Experiment
    """
    facts = {fact["measurement"]: fact for fact in tables.gather(inputs["facts"]).to_dict("records")}
    points = dict(list(tables.gather(inputs["points"]).groupby("measurement", sort=False)))
    measured, curves = [], []
    for row in sorted(experiment.rows, key=lambda row: row.measurement):
        values, iv = measure_row(row, facts[row.measurement], points.get(row.measurement))
        measured.append(values)
        if iv is not None:
            curves.append(_iv_table(row, iv))
    pd.DataFrame(measured, columns=list(_MEASURED)).to_parquet(outputs["measured"], index=False)
    tables.write(outputs["iv"], tables.IV, pd.concat(curves) if curves else [])


def measure_row(row: Row, fact: Mapping[Any, Any], points: pd.DataFrame | None) -> tuple[dict[str, Any], Curve | None]:
    """Measure one row from its points.

    Parameters
    ----------
    row : Row
    fact : mapping
        Its columns of ingest.FACTS.
    points : DataFrame or None
        Its points; None where the recording gave none.

    Returns
    -------
    values : dict
        Verdict, reason, epoch, flags, and the potentials that the verdict has.
    iv : Curve or None
    """
    content = dict.fromkeys(_MEASURED, math.nan) | {"measurement": row.measurement, "epoch": fact["epoch"]}
    if points is None:
        return content | {"verdict": fact["verdict"], "reason": fact["reason"], "flags": ""}, None
    values, iv, result = _measure(row, points)
    return content | values | {"flags": _flags(row, fact, iv, result)}, iv


def _uncompensated_MOhm(row: Row) -> float | None:
    if row.series_resistance_MOhm is None:
        return None
    return row.series_resistance_MOhm * (1 - (row.compensation_percent or 0.0) / 100)


def _measure(row: Row, points: pd.DataFrame) -> tuple[dict[str, Any], Curve, Result]:
    series = _uncompensated_MOhm(row)
    command, current, se = (points[name].to_numpy(dtype=float) for name in ("command_mV", "current_pA", "se_pA"))
    iv = reversal.curve(command, current, se, series or 0.0)
    result = reversal.find(iv, row.measure.max_interval_mV, row.measure.min_span_mV)
    values: dict[str, Any] = {
        "verdict": result.verdict,
        "reason": result.reason,
        "reversal_mV": result.potential_mV,
        "se_mV": result.se_mV,
        "low_mV": result.low_mV,
        "high_mV": result.high_mV,
        "slope_nS": result.slope_nS,
    }
    if result.levels is not None:
        raw = reversal.crossing(replace(iv, voltage_mV=iv.command_mV), *result.levels).potential_mV
        values["raw_mV"] = raw if series is not None else result.potential_mV
        values["rs_shift_mV"] = result.potential_mV - raw if series is not None else math.nan
    return values, iv, result


def _flags(row: Row, fact: Mapping[Any, Any], iv: Curve, result: Result) -> str:
    found = []
    series = _uncompensated_MOhm(row)
    if series is None:
        found.append(tables.flag("rs_unknown"))
    elif result.levels is not None:
        used = iv.current_pA[result.levels[0] : result.levels[1] + 1]
        found.append(tables.flag("rs_max_error", float(abs(used).max()) * series * 1e-3))
    if iv.repeats.max() > 1:
        found.append(tables.flag("repeats", float(iv.repeats.max())))
    if iv.scatter > 1:
        found.append(tables.flag("excess_scatter", iv.scatter))
    if fact["clipped_fraction"] > 0:
        found.append(tables.flag("clipped", float(fact["clipped_fraction"])))
    if fact["trend"] > _NOTABLE_TREND:
        found.append(tables.flag("trend", float(fact["trend"])))
    return ";".join(found)


_NOTABLE_TREND = 0.05


def _iv_table(row: Row, iv: Curve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "measurement": row.measurement,
            "level": range(len(iv.command_mV)),
            "command_mV": iv.command_mV,
            "voltage_mV": iv.voltage_mV,
            "current_pA": iv.current_pA,
            "se_pA": iv.se_pA,
            "raw_current_pA": iv.current_pA,
        }
    )
