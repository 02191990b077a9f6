"""Stage 1: from ABF files to points, facts and traces. The only stage that opens a recording."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.abf.columns import FACTS, NUMBERS, POINTS, TRACES, fact_columns, point_columns, table, trace_columns
from nernstfit.abf.points import Reading, measure_points
from nernstfit.abf.read import Recording, read
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage

READS = ("rows.measurement", "rows.recording", "rows.subtract", "rows.sweeps", "rows.exclude", "rows.measure.*")
# Recordings that are kept open at a time: a row's own and its background, and those of the row before. With half as
# many, rows that alternate between two recordings open each again; twice as many only take memory.
_OPEN_FILES = 4


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Read the recordings of one batch of rows.

    Parameters
    ----------
    inputs : mapping
        Not used: the rows name the recordings, and the recordings their stimulus files.
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
    table(points, POINTS).to_parquet(outputs["points"], index=False)
    table(traces, TRACES).to_parquet(outputs["traces"], index=False)
    pd.DataFrame(facts, columns=list(FACTS)).to_parquet(outputs["facts"], index=False)


def read_row(row: Row, opener: Callable[[str], Recording]) -> tuple[dict[str, Any], Reading | None]:
    """Read the window of one row from its recording.

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
        sweeps = row.sweeps or range(recording.sweeps)
        fact["rate_Hz"] = recording.rate_Hz
        fact["time_s"] = recording.start_s + recording.sweep_interval_s * float(np.mean(sweeps))
        background = opener(row.subtract) if row.subtract else None
        reading = measure_points(recording, row.measure, row.sweeps, background)
    except RecordingError as fault:
        return fact | {"verdict": PotentialVerdict.UNREADABLE, "reason": str(fault)}, None
    return fact | fact_columns(reading), reading


def _sha256(path: str) -> str:
    """Return the digest of a file; '' where it cannot be read, which the reader gives a reason for."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
