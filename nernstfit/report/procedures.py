"""Procedures by which the potentials were measured, row by row: the methods count them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nernstfit.contract.terms import BandwidthSource, Configuration, Voltage
from nernstfit.experiment.records import Experiment, Row
from nernstfit.report.numbers import as_given
from nernstfit.reversal import leak, registry

TEXTS = ("measurement", "sampling", "currents", "leak", "estimator", "voltage")
COLUMNS = (*TEXTS, "series_resistance_MOhm", "compensation_percent", "series_MOhm")
_AFTER = "after"  # name of what follows the last epoch
# Significant digits of a time in the methods: windows of one protocol differ by the rounding of samples only. With
# half they merge where they differ by 10 %, with double every rounding is a procedure of its own.
_DIGITS = 3


def procedures(experiment: Experiment, facts: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each recording that was read, with the columns of COLUMNS.

    Words are those of the methods; series_MOhm is the series resistance that was not compensated. Of a row without a
    series resistance it, the resistance and its compensation are nan.

    Parameters
    ----------
    experiment : Experiment
    facts : DataFrame
        As ingest writes them; without a row where potentials were measured elsewhere.
    """
    of_facts = {fact["measurement"]: fact for fact in facts.to_dict("records")}
    read = [(row, of_facts[row.measurement]) for row in experiment.rows if row.measurement in of_facts]
    return pd.DataFrame([_procedure(row, fact) for row, fact in read], columns=list(COLUMNS))


def _procedure(row: Row, fact: Mapping[Any, Any]) -> dict[str, str | float]:
    estimator, measure = registry.get(row.measure.estimator), row.measure
    citation = f" ({estimator.citation})" if estimator.citation else ""
    subtracted = leak.method(measure.leak).sentence.removesuffix(".")
    is_recorded = measure.voltage == Voltage.RECORDED
    series = row.series_resistance_MOhm
    return {
        "measurement": row.measurement,
        "sampling": _sampling(fact),
        "currents": ", ".join(_currents(row, fact)),
        "leak": subtracted or "No leak was subtracted",
        "estimator": f"{estimator.sentence}{citation}",
        "voltage": "the recorded membrane voltage" if is_recorded else "the command",
        "series_resistance_MOhm": math.nan if series is None else series,
        "compensation_percent": math.nan if series is None else row.compensation_percent or 0.0,
        "series_MOhm": math.nan if row.uncompensated_MOhm is None else row.uncompensated_MOhm,
    }


def _sampling(fact: Mapping[Any, Any]) -> str:
    """Return sampling rate and filter: `5 kHz through a low-pass filter of 1 kHz (amplifier telegraph)`."""
    if not math.isfinite(fact["rate_Hz"]):
        return ""
    rate = f"{as_given(fact['rate_Hz'] / 1e3)} kHz"
    source = BandwidthSource(fact["bandwidth_source"]) if fact["bandwidth_source"] else BandwidthSource.NYQUIST
    if source is BandwidthSource.NYQUIST:
        return f"{rate}, no lower filter being named in the file"
    return f"{rate} through a low-pass filter of {as_given(fact['bandwidth_Hz'] / 1e3)} kHz ({source.label})"


def _currents(row: Row, fact: Mapping[Any, Any]) -> Iterator[str]:
    """Yield kind and epoch of the currents, then statistic and window."""
    is_ramp = math.isfinite(fact["ramp_mV_per_ms"])
    # A step from above the holding potential: channels were open, and the current is a tail.
    is_tail = Configuration(row.configuration).sign * fact["prepulse_mV"] > 0 or fact["epoch"] == _AFTER
    kind = "ramps" if is_ramp else "tail currents" if is_tail else "steps"
    yield f"{kind} after the last epoch" if fact["epoch"] == _AFTER else f"{kind} in epoch {fact['epoch']}"
    if not is_ramp:
        start, end = (as_given(float(f"{fact[f'window_{end}_ms']:.{_DIGITS}g}")) for end in ("from", "to"))
        yield f"{row.measure.statistic} from {start} to {end} ms"
