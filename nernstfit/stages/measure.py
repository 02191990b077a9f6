"""Stage 2: from points to I-V curves and reversal potentials, still on the pipette's command."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nernstfit.contract import tables
from nernstfit.contract.frames import Columns, by_measurement, table
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import Configuration, PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage
from nernstfit.reversal import level_noise
from nernstfit.reversal.capacitance import Estimate, Source, of_cell
from nernstfit.reversal.curve import Curve, total_se_pA
from nernstfit.reversal.flags import flags_of
from nernstfit.reversal.measure import POTENTIALS, Measurement, measure
from nernstfit.reversal.procedure import Facts, Procedure

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.cell",
    "rows.group",
    "rows.batch",
    "rows.pipette",
    "rows.series_resistance_MOhm",
    "rows.compensation_percent",
    "rows.capacitance_pF",
    "rows.temperature_C",
    "rows.configuration",
    "rows.measure.*",
)
Measured = tuple[dict[str, Any], Measurement | None]  # columns of a row, and what they are taken from
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
    import pandas as pd  # noqa: PLC0415 - slow to import, and a single row does without

    facts = {fact["measurement"]: fact for fact in tables.gather(inputs["facts"]).to_dict("records")}
    points = by_measurement(tables.gather(inputs["points"]))
    rows = sorted(experiment.rows, key=lambda row: row.measurement)
    measured = [measure_row(row, facts[row.measurement], points.get(row.measurement)) for row in rows]
    for at, cell in _capacitances(rows, facts, measured).items():
        fact = facts[rows[at].measurement]
        measured[at] = measure_row(rows[at], fact, points[rows[at].measurement], cell)
    curves = [iv_columns(row, found.iv) for row, (_, found) in zip(rows, measured, strict=True) if found is not None]
    tables.write_parquet(outputs["measured"], pd.DataFrame([values for values, _ in measured]))
    tables.write(outputs["iv"], tables.IV, table(curves, list(tables.IV.columns)))


def measure_row(row: Row, fact: Mapping[Any, Any], points: Columns | None, cell: Estimate | None = None) -> Measured:
    """Measure one row from its points.

    Parameters
    ----------
    row : Row
    fact : mapping
        Its columns of ingest.FACTS.
    points : mapping of str to ndarray, or None
        Its points; None where the recording gave none.
    cell : Estimate or None
        Membrane capacitance by other recordings of the cell.

    Returns
    -------
    values : dict
        Verdict, reason, epoch, flags, and the potentials that the verdict has.
    found : Measurement or None
        None where the recording gave no points.
    """
    if points is not None and not row.recording:
        points, fact = _with_errors(points, fact)
    content = {"measurement": row.measurement, "flags": "", "states": ""}
    content |= {name: fact[name] for name in ("verdict", "reason", "remedy")}
    content |= dict.fromkeys(POTENTIALS, math.nan) | {name: fact[name] for name in _FACTS}
    if points is None:
        return content, None
    procedure = replace(_procedure(row), of_cell=cell or Estimate())
    found = measure(points, Facts.of(fact), procedure)
    flags = ";".join([*filter(None, [fact["flags"]]), *(tables.flag(name, value) for name, value in flags_of(found))])
    # A doubt about the recording, for which ingest has given the verdict, leaves the curve without a number.
    values = {} if fact["verdict"] else found.values()
    if fact["saturated"] and values.get("verdict", PotentialVerdict.REVERSAL) != PotentialVerdict.REVERSAL:
        values["reason"] += f"; the current is saturated {fact['saturated']}, which are left out"
    return content | values | {"flags": flags}, found


def _with_errors(points: Columns, fact: Mapping[Any, Any]) -> tuple[Columns | None, Mapping[Any, Any]]:
    """Return points and facts of a curve that was measured elsewhere, with an error of every current.

    Where none can be told, there are no points, and the facts have the verdict.
    """
    error_pA = level_noise.estimated_pA(points)
    if error_pA is None:
        return points, fact
    if math.isnan(error_pA):
        return None, {**fact, "verdict": PotentialVerdict.AMBIGUOUS, "reason": level_noise.NO_ERRORS}
    se_pA = np.where(np.isfinite(points["se_pA"]), points["se_pA"], error_pA)
    return {**points, "se_pA": se_pA}, {**fact, "flags": tables.flag(Flag.LEVEL_ERROR, error_pA)}


def _capacitances(
    rows: Sequence[Row], facts: Mapping[str, Mapping[Any, Any]], measured: Sequence[Measured]
) -> dict[int, Estimate]:
    """Return the capacitance by the cell's other recordings, of each ramp of which none is known, by its place.

    Not taken from a recording whose command is in doubt: the capacitance is a charge over a step of the command.
    """
    known: dict[tuple[str, ...], list[tuple[str, Estimate]]] = defaultdict(list)
    unknown: list[int] = []
    for at, (row, (_, found)) in enumerate(zip(rows, measured, strict=True)):
        if found is None:
            continue
        if found.charging is not None and found.charging.source is Source.UNKNOWN:
            unknown.append(at)
        elif not facts[row.measurement]["verdict"]:
            known[_patch(row)].append((row.recording, found.measured_capacitance))
    by_place = {
        at: [each for recording, each in known[_patch(rows[at])] if recording != rows[at].recording] for at in unknown
    }
    found_pF = {at: of_cell(others) for at, others in by_place.items()}
    return {at: each for at, each in found_pF.items() if math.isfinite(each.pF)}


def _patch(row: Row) -> tuple[str, ...]:
    """Return the names that recordings of one patch share."""
    return row.group, row.batch, row.cell, row.configuration, row.pipette


def _procedure(row: Row) -> Procedure:
    return Procedure(
        how=row.measure,
        temperature_C=row.temperature_C,
        configuration=Configuration(row.configuration),
        series_MOhm=row.uncompensated_MOhm,
        capacitance_pF=row.capacitance_pF,
    )


def iv_columns(row: Row, iv: Curve) -> Columns:
    """Return the levels of one measurement with the columns of iv.csv."""
    return {
        "measurement": np.full(iv.size, row.measurement, dtype=object),
        "level": np.arange(iv.size),
        "command_mV": iv.command_mV,
        "voltage_mV": iv.voltage_mV,
        "current_pA": iv.current_pA,
        "se_pA": total_se_pA(iv),
        "raw_current_pA": iv.total_pA,
    }
