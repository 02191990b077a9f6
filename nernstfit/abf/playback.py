"""Command of a recording sample by sample, as a table of text."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from typing import TextIO

import numpy as np

from nernstfit.abf.command import Segment, levels, refuse_impossible, segments
from nernstfit.abf.read import Recording
from nernstfit.abf.records import Waveform
from nernstfit.abf.select import current_and_command
from nernstfit.contract.settings import Measure

COLUMNS = ("sweep", "epoch", "time_ms", "command_mV")


def driving(recording: Recording, how: Measure) -> tuple[Waveform, Sequence[Sequence[Segment]]]:
    """Return the waveform that drives the cell, and its segments in mV in every sweep.

    Raises
    ------
    RecordingError
        If the command is not known, or is none that a cell is clamped to.
    """
    _, waveform = current_and_command(recording, how)
    command = segments(waveform, recording.sweeps, recording.points)
    refuse_impossible(waveform, command)
    return waveform, command


def write(recording: Recording, how: Measure, stream: TextIO) -> None:
    """Write the command as CSV: a row for each sample, by sweep and time.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel and DAC that are asked for.
    stream : TextIO
        Gets `COLUMNS`: time_ms from the start of the sweep, command_mV empty where it is not known.

    Raises
    ------
    RecordingError
        As `driving`; nothing is written then.
    """
    _, command = driving(recording, how)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    time_ms = [f"{1e3 * sample / recording.rate_Hz:.12g}" for sample in range(recording.points)]
    for sweep, parts in enumerate(command):
        command_mV = levels(parts, np.arange(recording.points)).tolist()
        names = [part.name for part in parts for _ in range(part.start, part.stop)]
        rows = zip(names, time_ms, command_mV, strict=True)
        writer.writerows([sweep, name, at, "" if math.isnan(mV) else f"{mV + 0.0:.12g}"] for name, at, mV in rows)
