"""Stimulus files, which a DAC plays instead of epochs.

A header names its stimulus file by a path on the acquiring computer. Only a file of that name in
the recording's own folder is opened, never another. Clampex plays it sample by sample from the
start of the sweep, each value times a scale plus an offset of the DAC's, in the DAC's unit.
A file of one sweep is played in every sweep, one of several sweep by sweep. With
another sampling rate the levels played would be unknown, so such a file is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.records import StimulusPlayback, StimulusSweep
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.files import sha256_of

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
# Largest text file that is read, in bytes: it bounds time and memory. A sweep of 10 s at 100 kHz takes some 20
# million; at half, several such sweeps would be refused, at double a mistaken file would cost a gigabyte of memory.
_MAX_TEXT_BYTES = 64_000_000
# Largest relative difference between sampling rates that count as equal: intervals are stored as float32, with seven
# digits. At 1e-5 the two drift apart by one sample in 100,000; at half or double nothing changes for real rates.
_RATE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class StimulusTrace:
    """Trace of one input of a stimulus file: value = stored * gain + offset."""

    rate_Hz: float
    unit: str
    stored: NDArray[Any]  # (sweeps, samples)
    gain: float
    offset: float


def beside(folder: Path, name: str) -> Path:
    """Return the path of a file by its name, in one folder only and whatever the case of its letters.

    Raises
    ------
    RecordingError
        If the folder has no such file.
    """
    for path in sorted(folder.iterdir()):
        if path.name.lower() == name.lower() and path.is_file():
            return path
    raise RecordingError("which is not beside the recording")


def digest(path: Path) -> str:
    """Return the SHA-256 of a stimulus file, in hexadecimal.

    Raises
    ------
    RecordingError
        If it cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as fault:
        raise RecordingError(f"which cannot be read ({fault.strerror})") from None


def stimulus_sweeps(
    trace: StimulusTrace, playback: StimulusPlayback, unit: str, rate_Hz: float
) -> tuple[StimulusSweep, ...]:
    """Return the levels that a DAC plays: one sweep for all sweeps of the recording, or one for each.

    Parameters
    ----------
    trace : StimulusTrace
    playback : StimulusPlayback
    unit : str
        Unit of the DAC.
    rate_Hz : float
        Sampling rate of the recording.

    Raises
    ------
    RecordingError
        If the levels that were played are not known.
    """
    if not (math.isfinite(playback.scale) and math.isfinite(playback.offset)):
        raise RecordingError("whose scale is no number")
    if abs(trace.rate_Hz / rate_Hz - 1) > _RATE_TOLERANCE:
        raise RecordingError(f"which has {trace.rate_Hz:g} samples per second, the recording {rate_Hz:g}")
    if {trace.unit, unit} == {"mV", "V"}:
        raise RecordingError(f"which is in {trace.unit}, while the DAC is in {unit}")
    if len(trace.stored) > 1 and playback.sweep != 0:
        raise RecordingError(f"of which only sweep {playback.sweep} was played, but the numbering is ambiguous")
    gain, offset = trace.gain * playback.scale, trace.offset * playback.scale + playback.offset
    return tuple(StimulusSweep(row, gain, offset) for row in trace.stored)


def read_text(path: Path) -> StimulusTrace:
    """Read an Axon text file: time in its first column, a sweep in each other.

    Raises
    ------
    RecordingError
        If it is no such file.
    """
    try:
        if path.stat().st_size > _MAX_TEXT_BYTES:
            raise RecordingError("which is too large for a text file")
        lines = path.read_text(encoding="cp1252", errors="replace").splitlines()
        if not lines[0].startswith("ATF"):
            raise RecordingError("which is no Axon text file")
        titles = lines[2 + int(lines[1].split()[0])].replace('"', "").split("\t")
        table = np.loadtxt(lines[3 + int(lines[1].split()[0]) :], ndmin=2)
    except (OSError, ValueError, IndexError) as fault:
        raise RecordingError(f"which cannot be read ({' '.join(str(fault).split())})") from None
    if len(table) < 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise RecordingError("which holds no samples")
    step_s = (table[-1, 0] - table[0, 0]) / (len(table) - 1) * _SECONDS.get(_unit_of(titles[0]), math.nan)
    if not step_s > 0:
        raise RecordingError("whose sampling rate is not known")
    return StimulusTrace(1 / step_s, _unit_of(titles[-1]), np.ascontiguousarray(table[:, 1:].T), 1.0, 0.0)


def _unit_of(title: str) -> str:
    return title.rpartition("(")[2].partition(")")[0].strip() if "(" in title else ""
