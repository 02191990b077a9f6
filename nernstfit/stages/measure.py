"""Stage 2: from points to I-V curves and reversal potentials, still on the pipette's command."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.tables import BACKGROUND, LEAK, OPPOSITE, SIGNAL
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage
from nernstfit.reversal import capacitance, classify, curve
from nernstfit.reversal.capacitance import Capacity
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve

READS = (
    "rows.measurement",
    "rows.series_resistance_MOhm",
    "rows.compensation_percent",
    "rows.capacitance_pF",
    "rows.estimator_temperature_C",
    "rows.leak_sign",
    "rows.measure.*",
)
_HANDED_ON = ("noise_pA", "bandwidth_Hz", "bandwidth_source", "time_s")  # facts that no measuring changes
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
    "further_se_mV",
    *_HANDED_ON,
)
_NOTABLE_TREND = 0.05
_NOTABLE_MISMATCH_MV = 1.0
_NOTABLE_DRIFT = 2.6  # standard errors


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
    content |= {name: fact[name] for name in _HANDED_ON}
    if points is None:
        return content | {"verdict": fact["verdict"], "reason": fact["reason"], "flags": ""}, None
    measured = _measure(row, fact, points)
    return content | _values(row, measured) | {"flags": ";".join(_flags(row, fact, measured))}, measured.iv


@dataclass(frozen=True)
class _Measured:
    """One measurement: the curves by role on their corrected axes, what was subtracted, and the result."""

    roles: Mapping[str, Curve]
    iv: Curve
    result: Result
    charging: Capacity | None


def _uncompensated_MOhm(row: Row) -> float | None:
    if row.series_resistance_MOhm is None:
        return None
    return row.series_resistance_MOhm * (1 - (row.compensation_percent or 0.0) / 100)


def _measure(row: Row, fact: Mapping[Any, Any], points: pd.DataFrame) -> _Measured:
    roles = _roles(points, row.measure.voltage, _uncompensated_MOhm(row) or 0.0)
    given = row.capacitance_pF if row.capacitance_pF is not None else float(fact["capacitance_pF"])
    charging = None
    if roles[SIGNAL].speed_mV_per_ms.any():
        charging = capacitance.of(
            roles[SIGNAL],
            roles.get(OPPOSITE),
            given,
            float(fact["corner_pF"]),
            float(fact["corner_se_pF"]),
        )
    if LEAK in roles and roles[LEAK].speed_mV_per_ms.any():
        told = capacitance.of_leak(roles[LEAK], given)
        roles[LEAK] = curve.without_capacity(roles[LEAK], told.removed_pF, told.se_pF)
    iv = _subtracted(row, roles, charging)
    if iv is None:
        reason = "no straight part of the current below activation, of three levels at least, gives a leak to subtract"
        return _Measured(roles, roles[SIGNAL], Result(PotentialVerdict.AMBIGUOUS, reason), charging)
    how = row.measure
    result = classify.find(iv, how.max_interval_mV, how.min_span_mV, how.estimator, row.estimator_temperature_C)
    return _Measured(roles, iv, result, charging)


def _roles(points: pd.DataFrame, voltage: str, series_MOhm: float) -> dict[str, Curve]:
    """Curves of all roles, each on its own corrected axis."""
    names = points["role"].to_numpy()
    columns = {name: points[name].to_numpy(float) for name in ("t_ms", "point", "current_pA", "se_pA")}
    columns |= {name: points[name].to_numpy(float) for name in ("command_mV", "recorded_mV")}
    columns["sweep"] = points["sweep"].to_numpy()
    curves = {}
    for role in dict.fromkeys(names):
        part = {name: values[names == role] for name, values in columns.items()}
        pieces = bool(part["point"].any())
        speed = curve.speed(part["command_mV"], part["t_ms"], part["point"]) if pieces else None
        recorded = part["recorded_mV"] if voltage == "recorded" else None
        curves[role] = curve.average(
            part["command_mV"], part["current_pA"], part["se_pA"], series_MOhm, speed, pieces, recorded
        )
    return curves


def _subtracted(row: Row, roles: Mapping[str, Curve], charging: Capacity | None) -> Curve | None:
    """The signal without what is to be subtracted; None where no leak is found."""
    signal = _uncharged(roles[SIGNAL], charging)
    if BACKGROUND in roles:
        return curve.without_background(signal, _uncharged(roles[BACKGROUND], charging))
    if row.measure.leak == "linear":
        return curve.without_straight_leak(signal, row.leak_sign)
    if LEAK in roles:
        return curve.without_leak(signal, roles[LEAK])
    return signal


def _uncharged(ramp: Curve, charging: Capacity | None) -> Curve:
    """A curve without what charges the membrane, as far as that is known."""
    return ramp if charging is None else curve.without_capacity(ramp, charging.removed_pF, charging.further_se_pF)


def _values(row: Row, measured: _Measured) -> dict[str, Any]:
    result = measured.result
    values: dict[str, Any] = {
        "verdict": result.verdict,
        "reason": result.reason,
        "reversal_mV": result.potential_mV,
        "se_mV": result.se_mV,
        "low_mV": result.low_mV,
        "high_mV": result.high_mV,
        "slope_nS": result.slope_nS,
    }
    if result.verdict == PotentialVerdict.REVERSAL:
        values |= _steps(row, measured) | {"further_se_mV": _further_se_mV(measured)}
    return values


def _further_se_mV(measured: _Measured) -> float:
    """What the fit adds to the standard error: estimators that disagree, a charging current of unknown size."""
    result = measured.result
    disagreement = result.disagreement_mV if result.disagrees else 0.0
    return math.hypot(disagreement, _charging_mV(measured))


def _charging_mV(measured: _Measured) -> float:
    """By how much the zero of a ramp may be off for a capacity that is not known."""
    charging, zero = measured.charging, measured.result.zero
    if charging is None or zero is None or BACKGROUND in measured.roles:  # the background has the same
        return 0.0
    return charging.size_pF * float(np.abs(measured.iv.speed_mV_per_ms).max()) / abs(zero.slope_nS)


def _steps(row: Row, measured: _Measured) -> dict[str, float]:
    """The way from the raw zero to the reversal potential: what each correction moved, in its order."""
    final, corrected = measured.result.potential_mV, _uncompensated_MOhm(row) is not None
    subtracted = row.measure.leak != "none" or (measured.charging is not None and measured.charging.removed_pF != 0)
    on_command = final
    if corrected:
        commanded = {role: each.on_command() for role, each in measured.roles.items()}
        on_command = _zero(row, _subtracted(row, commanded, measured.charging), final)
    raw = _zero(row, measured.roles[SIGNAL].on_command(), on_command) if subtracted else on_command
    return {
        "raw_mV": raw,
        "leak_shift_mV": on_command - raw if subtracted else math.nan,
        "rs_shift_mV": final - on_command if corrected else math.nan,
    }


def _zero(row: Row, iv: Curve | None, near_mV: float) -> float:
    """Zero of another version of the curve, of several the nearest; nan where it has none that is confirmed."""
    if iv is None or not math.isfinite(near_mV):
        return math.nan
    return classify.zero_near(iv, near_mV, row.measure.estimator, row.estimator_temperature_C)


def _flags(row: Row, fact: Mapping[Any, Any], measured: _Measured) -> Iterator[str]:
    series, signal = _uncompensated_MOhm(row), measured.roles[SIGNAL]
    zero = measured.result.zero
    if series is None:
        yield tables.flag("rs_unknown")
    elif zero is not None:
        used = np.abs(measured.iv.total_pA[zero.used])
        yield tables.flag("rs_max_error", float(used.max()) * series * 1e-3)
    if signal.repeats.max() > 1:
        yield tables.flag("repeats", float(signal.repeats.max()))
    if signal.scatter > 1:
        yield tables.flag("excess_scatter", signal.scatter)
    if zero is not None:
        yield from _zero_flags(row, measured)
    if measured.charging is not None:
        yield from _charging_flags(measured)
    if fact["clipped_fraction"] > 0:
        yield tables.flag("clipped", float(fact["clipped_fraction"]))
    if fact["trend"] > _NOTABLE_TREND:
        yield tables.flag("trend", float(fact["trend"]))
    if fact["mismatch_mV"] > _NOTABLE_MISMATCH_MV:
        yield tables.flag("command_mismatch", float(fact["mismatch_mV"]))


def _zero_flags(row: Row, measured: _Measured) -> Iterator[str]:
    zero, result = measured.result.zero, measured.result
    if zero is None:
        return
    if row.measure.leak != "none":
        yield tables.flag("leak_fraction", classify.subtracted_fraction(measured.iv, zero))
    if result.disagrees:
        yield tables.flag("estimators_disagree", result.disagreement_mV)
    elif not math.isfinite(result.disagreement_mV):
        yield tables.flag("one_estimator")
    drift_mV, se_mV = classify.drift(measured.iv, zero)
    if abs(drift_mV) > _NOTABLE_DRIFT * se_mV:
        yield tables.flag("drift", drift_mV)


def _charging_flags(measured: _Measured) -> Iterator[str]:
    charging = measured.charging
    if charging is None:
        return
    if charging.source == capacitance.UNKNOWN:
        yield tables.flag("capacity_unknown", _charging_mV(measured) or None)
    else:
        yield tables.flag("capacity_removed", charging.removed_pF)
    if charging.is_hysteresis:
        yield tables.flag("hysteresis")


def _iv_table(row: Row, iv: Curve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "measurement": row.measurement,
            "level": range(iv.size),
            "command_mV": iv.command_mV,
            "voltage_mV": iv.voltage_mV,
            "current_pA": iv.current_pA,
            "se_pA": curve.total_se_pA(iv),
            "raw_current_pA": iv.total_pA,
        }
    )
