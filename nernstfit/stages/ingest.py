"""Stage 1: from ABF files to points, facts and traces. The only stage that opens a recording."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.abf.points import Points, Trace, measure_points
from nernstfit.abf.read import Recording, read
from nernstfit.errors import RecordingError
from nernstfit.experiment import Experiment, Row

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
)
FACTS = (
    "measurement",
    "verdict",
    "reason",
    "epoch",
    "channel",
    "command",
    "command_source",
    "sha256",
    "rate_Hz",
    "noise_pA",
    "autocorrelation_samples",
    "trend",
    "clipped_fraction",
)
TRACES = ("measurement", "sweep", "t_ms", "command_mV", "low_pA", "high_pA", "from_ms", "to_ms")


def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment, batch: str) -> None:
    """Read the recordings of one batch of rows.

    Parameters
    ----------
    inputs : mapping
        The files themselves are named by the rows; nothing else is read.
    outputs : mapping
        `points`, `facts` and `traces`: paths of Parquet files.
    experiment : Experiment
    batch : str
        One of `experiment.batches`.

    Notes
    -----
    A fault of one recording becomes its verdict `unreadable`, with the reason; the others go on.
    """
    opened: dict[str, Recording] = {}
    digests = {path: _sha256(path) for path in dict.fromkeys(row.recording for row in experiment.batch(batch))}
    points, facts, traces = [], [], []
    for row in experiment.batch(batch):
        if row.recording not in opened:
            opened.clear()  # rows of one recording stand together; one open file at a time is enough
        fact, measured = read_row(row, opened)
        facts.append(fact | {"sha256": digests[row.recording]})
        if measured is not None:
            points.append(point_table(row, measured[0]))
            traces.append(trace_table(row.measurement, measured[1]))
    _write(outputs["points"], points, POINTS)
    _write(outputs["traces"], traces, TRACES)
    pd.DataFrame(facts, columns=list(FACTS)).to_parquet(outputs["facts"], index=False)


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""  # the reader says why


def read_row(row: Row, opened: dict[str, Recording]) -> tuple[dict[str, Any], tuple[Points, tuple[Trace, ...]] | None]:
    """Read what one row asks of its recording.

    Parameters
    ----------
    row : Row
    opened : dict of str to Recording
        Recordings that are open already; one that is not is opened and added.

    Returns
    -------
    fact : dict
        The columns of FACTS; `verdict` is `excluded` or `unreadable`, or empty so far.
    measured : tuple of Points and traces, or None
    """
    fact: dict[str, Any] = dict.fromkeys(FACTS, "") | {"measurement": row.measurement, "rate_Hz": math.nan}
    fact |= dict.fromkeys(("noise_pA", "autocorrelation_samples", "trend", "clipped_fraction"), math.nan)
    if row.exclude:
        return fact | {"verdict": "excluded", "reason": row.exclude}, None
    try:
        recording = opened.setdefault(row.recording, opened.get(row.recording) or read(row.recording))
        fact["rate_Hz"] = recording.rate_Hz
        points, traces = measure_points(recording, row.measure, row.sweeps)
    except RecordingError as fault:
        return fact | {"verdict": "unreadable", "reason": str(fault)}, None
    fact |= {
        "epoch": points.epoch,
        "channel": points.channel,
        "command": points.command,
        "command_source": "header",
        "noise_pA": points.noise_pA,
        "autocorrelation_samples": points.autocorrelation,
        "trend": points.trend,
        "clipped_fraction": points.clipped_fraction,
    }
    return fact, (points, traces)


def point_table(row: Row, points: Points) -> pd.DataFrame:
    """Points of one measurement as rows with the columns of POINTS."""
    return pd.DataFrame(
        {
            "measurement": row.measurement,
            "role": "signal",
            "sweep": points.sweeps,
            "point": 0,
            "t_ms": points.t_ms,
            "command_mV": points.command_mV,
            "recorded_mV": math.nan,
            "current_pA": points.current_pA,
            "se_pA": points.se_pA,
            "n": points.samples,
        }
    )


def trace_table(measurement: str, traces: Sequence[Trace]) -> pd.DataFrame:
    """Traces of one measurement as rows with the columns of TRACES."""
    lengths = [len(trace.t_ms) for trace in traces]
    content: dict[str, Any] = {"measurement": measurement}
    content["sweep"] = np.repeat([trace.sweep for trace in traces], lengths)
    for name in ("t_ms", "command_mV", "low_pA", "high_pA"):
        content[name] = np.concatenate([getattr(trace, name) for trace in traces])
    for name, end in (("from_ms", 0), ("to_ms", 1)):
        content[name] = np.repeat([trace.window_ms[end] for trace in traces], lengths)
    return pd.DataFrame(content)


def _write(path: str, parts: list[pd.DataFrame], columns: tuple[str, ...]) -> None:
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
    frame.reindex(columns=list(columns)).to_parquet(path, index=False)
