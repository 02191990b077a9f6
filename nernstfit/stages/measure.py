"""Stage 2: from points to I-V curves and reversal potentials, still on the pipette's command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.terms import Configuration
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage
from nernstfit.reversal.curve import Curve, total_se_pA
from nernstfit.reversal.measure import POTENTIALS, measure
from nernstfit.reversal.procedure import Facts, Procedure

READS = (
    "rows.measurement",
    "rows.series_resistance_MOhm",
    "rows.compensation_percent",
    "rows.capacitance_pF",
    "rows.temperature_C",
    "rows.configuration",
    "rows.measure.*",
)
_FACTS = ("epoch", "noise_pA", "bandwidth_Hz", "bandwidth_source", "time_s")  # passed on as ingest found them


@stage(READS)
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
    rows = sorted(experiment.rows, key=lambda row: row.measurement)
    measured = [measure_row(row, facts[row.measurement], points.get(row.measurement)) for row in rows]
    curves = [_iv_table(row, iv) for row, (_, iv) in zip(rows, measured, strict=True) if iv is not None]
    pd.DataFrame([values for values, _ in measured]).to_parquet(outputs["measured"], index=False)
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
    content = {"measurement": row.measurement, "flags": ""}
    content |= {name: fact[name] for name in ("verdict", "reason", "remedy")}
    content |= dict.fromkeys(POTENTIALS, math.nan) | {name: fact[name] for name in _FACTS}
    if points is None:
        return content, None
    found = measure(points.to_dict("series"), Facts.of(fact), _procedure(row))
    flags = ";".join([*filter(None, [fact["flags"]]), *(tables.flag(name, value) for name, value in found.flags())])
    # A doubt about the recording, for which ingest has given the verdict, leaves the curve without a number.
    values = {} if fact["verdict"] else found.values()
    return content | values | {"flags": flags}, found.iv


def _procedure(row: Row) -> Procedure:
    series = row.series_resistance_MOhm
    return Procedure(
        how=row.measure,
        temperature_C=row.temperature_C,
        configuration=Configuration(row.configuration),
        series_MOhm=None if series is None else series * (1 - (row.compensation_percent or 0.0) / 100),
        capacitance_pF=row.capacitance_pF,
    )


def _iv_table(row: Row, iv: Curve) -> pd.DataFrame:
    columns = {"measurement": row.measurement, "level": range(iv.size), "command_mV": iv.command_mV}
    columns |= {"voltage_mV": iv.voltage_mV, "current_pA": iv.current_pA, "se_pA": total_se_pA(iv)}
    return pd.DataFrame(columns | {"raw_current_pA": iv.total_pA})
