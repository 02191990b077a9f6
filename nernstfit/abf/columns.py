"""Columns that ingest hands on to the later stages: points, facts and traces of measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nernstfit.abf.points import Reading
from nernstfit.abf.samples import Points
from nernstfit.abf.trace import Trace

POINTS = (
    "measurement",
    "role",
    "sweep",
    "point",
    "t_ms",
    "command_mV",
    "recorded_mV",
    "current_pA",
    "se_pA",
    "n",
    "shared_cos_pA",
    "shared_sin_pA",
    "transient_pA",
)
NUMBERS = (
    "rate_Hz",
    "noise_pA",
    "autocorrelation_samples",
    "trend",
    "clipped_fraction",
    "prepulse_mV",
    "ramp_mV_per_ms",
    "delay_ms",
    "delay_sd_ms",
    "corner_pF",
    "corner_se_pF",
    "corner_from_ms",
    "corner_to_ms",
    "step_pF",
    "step_se_pF",
    "step_nS",
    "mismatch_mV",
    "capacitance_pF",
    "transient_nS",
    "transient_se_nS",
    "transient_from_mV",
    "transient_times",
    "passed_pA",
    "passed_from_ms",
    "passed_to_ms",
    "hum_Hz",
    "hum_pA",
    "hum_left_pA",
    "bandwidth_Hz",
    "window_from_ms",
    "window_to_ms",
    "early_from_ms",
    "early_to_ms",
    "middle_from_ms",
    "middle_to_ms",
    "time_s",
    "start_s",
)
FACTS = (
    "measurement",
    "verdict",
    "reason",
    "remedy",
    "epoch",
    "channel",
    "command",
    "command_source",
    "bandwidth_source",
    "sha256",
    "background_sha256",
    "stimuli",
    "samples",
    "comment",
    "tags",
    "flags",
    "saturated",
    *NUMBERS,
)
TRACES = ("measurement", "sweep", "t_ms", "command_mV", "low_pA", "high_pA", "from_ms", "to_ms")
_TEXTS = ("epoch", "channel", "command", "command_source", "bandwidth_source", "saturated")
_READ = (*_TEXTS, *(name for name in NUMBERS if name not in ("rate_Hz", "time_s", "start_s")))
_ATTRIBUTES = {"autocorrelation_samples": "autocorrelation"}  # of a reading, where they have another name


def point_columns(measurement: str, points: Sequence[Points]) -> list[dict[str, Any]]:
    """Return the points of one measurement with the columns of POINTS, a part for each role."""
    return [
        {
            "measurement": np.full(len(part.sweep), measurement, dtype=object),
            "role": np.full(len(part.sweep), part.role, dtype=object),
            "sweep": part.sweep,
            "point": part.point,
            "t_ms": part.t_ms,
            "command_mV": part.command_mV,
            "recorded_mV": part.recorded_mV,
            "current_pA": part.current_pA,
            "se_pA": part.se_pA,
            "n": part.samples,
            "shared_cos_pA": part.shared_cos_pA,
            "shared_sin_pA": part.shared_sin_pA,
            "transient_pA": part.transient_pA,
        }
        for part in points
    ]


def trace_columns(measurement: str, traces: Sequence[Trace]) -> dict[str, Any]:
    """Return the traces of one measurement with the columns of TRACES."""
    lengths = [len(trace.t_ms) for trace in traces]
    content: dict[str, Any] = {"measurement": np.full(sum(lengths), measurement, dtype=object)}
    content["sweep"] = np.repeat([trace.sweep for trace in traces], lengths)
    for name in ("t_ms", "command_mV", "low_pA", "high_pA"):
        content[name] = np.concatenate([getattr(trace, name) for trace in traces])
    for name, end in (("from_ms", 0), ("to_ms", 1)):
        content[name] = np.repeat([trace.window_ms[end] for trace in traces], lengths)
    return content


def no_facts(measurement: str) -> dict[str, Any]:
    """Return the columns of FACTS without a value."""
    return dict.fromkeys(FACTS, "") | dict.fromkeys(NUMBERS, math.nan) | {"measurement": measurement}


def fact_columns(reading: Reading) -> dict[str, Any]:
    """Return the columns of FACTS that a reading gives."""
    return {name: getattr(reading, _ATTRIBUTES.get(name, name)) for name in _READ}
