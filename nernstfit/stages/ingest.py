"""Stage 1: from ABF files to points, facts and traces. The only stage that opens a recording."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.abf.points import Points, Reading, measure_points
from nernstfit.abf.read import Recording, read
from nernstfit.abf.trace import Trace
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.subtract",
    "rows.sweeps",
    "rows.exclude",
    "rows.measure.*",
)
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
NUMBERS = (
    "rate_Hz",
    "noise_pA",
    "autocorrelation_samples",
    "trend",
    "clipped_fraction",
    "ramp_mV_per_ms",
    "corner_pF",
    "corner_se_pF",
    "mismatch_mV",
    "capacitance_pF",
    "bandwidth_Hz",
    "time_s",
)
FACTS = (
    "measurement",
    "verdict",
    "reason",
    "epoch",
    "channel",
    "command",
    "command_source",
    "bandwidth_source",
    "sha256",
    "background_sha256",
    *NUMBERS,
)
_OPEN_FILES = 4
TRACES = ("measurement", "sweep", "t_ms", "command_mV", "low_pA", "high_pA", "from_ms", "to_ms")


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Read the recordings of one batch of rows.

    Parameters
    ----------
    inputs : mapping
        The files themselves are named by the rows; nothing else is read.
    outputs : mapping
        `points`, `facts` and `traces`: paths of Parquet files.
    experiment : Experiment
        With the rows of the batch only.

    Notes
    -----
    A fault of one recording becomes its verdict `unreadable`, with the reason; the others go on.
    """
    # Rows of one recording, or of one background, are neighbours: a few open files at a time are enough.
    rows = sorted(experiment.rows, key=lambda row: row.files)
    opener = functools.lru_cache(maxsize=_OPEN_FILES)(read)
    digests = {path: _sha256(path) for path in dict.fromkeys(path for row in rows for path in row.files)}
    points, facts, traces = [], [], []
    for row in rows:
        fact, reading = read_row(row, opener)
        background = digests[row.subtract] if row.subtract else ""
        facts.append(fact | {"sha256": digests[row.recording], "background_sha256": background})
        if reading is not None:
            points += point_columns(row.measurement, reading.points)
            traces.append(trace_columns(row.measurement, reading.traces))
    _write(outputs["points"], points, POINTS)
    _write(outputs["traces"], traces, TRACES)
    pd.DataFrame(facts, columns=list(FACTS)).to_parquet(outputs["facts"], index=False)


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""  # the reader says why


def read_row(row: Row, opener: Callable[[str], Recording]) -> tuple[dict[str, Any], Reading | None]:
    """Read what one row asks of its recording.

    Parameters
    ----------
    row : Row
    opener : callable
        Opens the recording at a path.

    Returns
    -------
    fact : dict
        The columns of FACTS; `verdict` is `excluded` or `unreadable`, or empty so far.
    reading : Reading or None
    """
    fact: dict[str, Any] = dict.fromkeys(FACTS, "") | {"measurement": row.measurement}
    fact |= dict.fromkeys(NUMBERS, math.nan)
    if row.exclude:
        return fact | {"verdict": PotentialVerdict.EXCLUDED, "reason": row.exclude}, None
    try:
        recording = opener(row.recording)
        fact["rate_Hz"] = recording.rate_Hz
        fact["time_s"] = recording.start_s + recording.sweep_interval_s * float(np.mean(_sweeps(row, recording)))
        background = opener(row.subtract) if row.subtract else None
        reading = measure_points(recording, row.measure, row.sweeps, background)
    except RecordingError as fault:
        return fact | {"verdict": PotentialVerdict.UNREADABLE, "reason": str(fault)}, None
    return fact | {name: getattr(reading, _ATTRIBUTES.get(name, name)) for name in _READ}, reading


_ATTRIBUTES = {"autocorrelation_samples": "autocorrelation"}
_TEXTS = ("epoch", "channel", "command", "command_source", "bandwidth_source")
_READ = (*_TEXTS, *(name for name in NUMBERS if name not in ("rate_Hz", "time_s")))


def _sweeps(row: Row, recording: Recording) -> Sequence[int]:
    """Sweeps that a row is measured from."""
    return row.sweeps or range(recording.sweeps)


def table(parts: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Columns of several measurements, as one table."""
    if not parts:
        return pd.DataFrame(columns=list(columns))
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in columns})


def point_columns(measurement: str, points: Sequence[Points]) -> list[dict[str, Any]]:
    """Points of one measurement with the columns of POINTS, a part for each role."""
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
        }
        for part in points
    ]


def trace_columns(measurement: str, traces: Sequence[Trace]) -> dict[str, Any]:
    """Traces of one measurement with the columns of TRACES."""
    lengths = [len(trace.t_ms) for trace in traces]
    content: dict[str, Any] = {"measurement": np.full(sum(lengths), measurement, dtype=object)}
    content["sweep"] = np.repeat([trace.sweep for trace in traces], lengths)
    for name in ("t_ms", "command_mV", "low_pA", "high_pA"):
        content[name] = np.concatenate([getattr(trace, name) for trace in traces])
    for name, end in (("from_ms", 0), ("to_ms", 1)):
        content[name] = np.repeat([trace.window_ms[end] for trace in traces], lengths)
    return content


def _write(path: str, parts: Sequence[Mapping[str, Any]], columns: tuple[str, ...]) -> None:
    table(parts, columns).to_parquet(path, index=False)
