"""Stage 1: from ABF files to points, facts and traces. The only stage that opens a recording.

Of I-V curves that were measured elsewhere, the levels become points.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nernstfit.abf.columns import FACTS, POINTS, TRACES, fact_columns, no_facts, point_columns, trace_columns
from nernstfit.abf.points import Reading, measure_points
from nernstfit.abf.read import Opened, open_recording
from nernstfit.contract import tables
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.frames import table
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage

READS = (
    "rows.measurement",
    "rows.recording",
    "rows.subtract",
    "rows.sweeps",
    "rows.exclude",
    "rows.levels",
    "rows.measure.*",
)
# Files that are kept in memory at a time: a row's own recording and its background, which the next row may need again.
# With one, a background is read again for every row; with four, a job takes twice the memory.
_OPEN_FILES = 2


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
    import pandas as pd  # noqa: PLC0415 - slow to import, and a single row does without

    # Rows of one recording, or of one background, are neighbours: two files in memory are enough.
    rows = sorted(experiment.rows, key=lambda row: row.files)
    opener = functools.lru_cache(maxsize=_OPEN_FILES)(open_recording)
    points, facts, traces = [], [], []
    for row in rows:
        if row.levels is not None:
            facts.append(fact_of_levels(row))
            points += [] if row.exclude else [row.levels.points(row.measurement)]
            continue
        fact, reading = read_row(row, opener)
        facts.append(fact)
        if reading is not None:
            points += point_columns(row.measurement, reading.points)
            traces.append(trace_columns(row.measurement, reading.traces))
    tables.write_parquet(outputs["points"], table(points, POINTS))
    tables.write_parquet(outputs["traces"], table(traces, TRACES))
    tables.write_parquet(outputs["facts"], pd.DataFrame(facts, columns=list(FACTS)))


def fact_of_levels(row: Row) -> dict[str, Any]:
    """Return the columns of FACTS of a curve that was measured elsewhere."""
    digest = row.levels.digest if row.levels is not None else ""
    return no_facts(row.measurement) | {"samples": digest} | _excluded(row)


def _flags(reading: Reading) -> tuple[Flag, ...]:
    """Return the flags that a recording has whatever its curve."""
    return (*reading.outside, *((Flag.SATURATED,) if reading.saturated else ()))


def _excluded(row: Row) -> dict[str, str]:
    """Return verdict and reason of a row that is excluded; nothing of others."""
    return {"verdict": PotentialVerdict.EXCLUDED, "reason": row.exclude} if row.exclude else {}


def read_row(row: Row, opener: Callable[[str], Opened]) -> tuple[dict[str, Any], Reading | None]:
    """Read the window of one row from its recording.

    Parameters
    ----------
    row : Row
    opener : callable
        Reads the file at a path.

    Returns
    -------
    fact : dict
        The columns of FACTS; `verdict` is `excluded`, `unreadable` or `ambiguous`, or empty so far.
    reading : Reading or None
    """
    fact = no_facts(row.measurement)
    opened, background = opener(row.recording), opener(row.subtract) if row.subtract else None
    fact |= {"sha256": opened.sha256, "background_sha256": background.sha256 if background else ""}
    if row.exclude:
        return fact | _excluded(row), None
    try:
        recording = opened.recording
        sweeps = row.sweeps or range(recording.sweeps)
        fact |= {"rate_Hz": recording.rate_Hz, "comment": recording.comment}
        fact["tags"] = "; ".join(map(str, recording.tags))
        fact |= {"samples": recording.digest, "start_s": recording.start_s}
        fact["time_s"] = recording.start_s + recording.sweep_interval_s * float(np.mean(sweeps))
        beneath = background.recording if background else None
        played = [*recording.stimuli, *(beneath.stimuli if beneath else ())]
        fact["stimuli"] = json.dumps({each.path: each.sha256 for each in played})
        reading = measure_points(recording, row.measure, row.sweeps, beneath)
    except RecordingError as fault:
        return fact | {"verdict": PotentialVerdict.UNREADABLE, "reason": str(fault)}, None
    fact |= fact_columns(reading) | {"flags": ";".join(map(tables.flag, _flags(reading)))}
    if reading.doubt:
        fact |= {"verdict": PotentialVerdict.AMBIGUOUS, "reason": reading.doubt.reason, "remedy": reading.doubt.remedy}
    return fact, reading
