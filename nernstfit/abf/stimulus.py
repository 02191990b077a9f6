"""Stimulus files: what a DAC plays instead of epochs.

A header names its stimulus file by a path on somebody else's disk. Only a file of that name in
the recording's own folder is opened, never another. Clampex plays it sample by sample from the
start of the sweep, each value times a scale plus an offset of the DAC's, in the DAC's unit.
A file of one sweep is played in every sweep, one of several sweep by sweep. At another
sampling rate it would not be known what was played, so that is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.records import Course, Played
from nernstfit.contract.errors import RecordingError

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_MAX_TEXT_BYTES = 64_000_000
_RATE_TOLERANCE = 1e-5  # intervals are stored with seven digits


@dataclass(frozen=True)
class Source:
    """One trace of a stimulus file, stored as value = stored * gain + offset."""

    rate_Hz: float
    unit: str
    stored: NDArray[Any]  # (sweeps, samples)
    gain: float
    offset: float


def beside(folder: Path, name: str) -> Path:
    """Find a file by its name, in one folder only and whatever the case of its letters.

    Raises
    ------
    RecordingError
        Where there is none.
    """
    for path in sorted(folder.iterdir()):
        if path.name.lower() == name.lower() and path.is_file():
            return path
    raise RecordingError("which is not beside the recording")


def courses(source: Source, played: Played, unit: str, rate_Hz: float) -> tuple[Course, ...]:
    """Return what a DAC plays: one course for all sweeps, or one for each.

    Parameters
    ----------
    source : Source
    played : Played
    unit : str
        Of the DAC.
    rate_Hz : float
        Of the recording.

    Raises
    ------
    RecordingError
        Where it is not known what was played.
    """
    if not (math.isfinite(played.scale) and math.isfinite(played.offset)):
        raise RecordingError("whose scale is no number")
    if abs(source.rate_Hz / rate_Hz - 1) > _RATE_TOLERANCE:
        raise RecordingError(f"which has {source.rate_Hz:g} samples per second, the recording {rate_Hz:g}")
    if {source.unit, unit} == {"mV", "V"}:
        raise RecordingError(f"which is in {source.unit}, while the DAC is in {unit}")
    if len(source.stored) > 1 and played.sweep != 0:
        raise RecordingError(f"of which only sweep {played.sweep} was played, by a counting that is not known")
    gain, offset = source.gain * played.scale, source.offset * played.scale + played.offset
    return tuple(Course(row, gain, offset) for row in source.stored)


def read_text(path: Path) -> Source:
    """Read an Axon text file: time in its first column, a sweep in each other.

    Raises
    ------
    RecordingError
        Where it is no such file.
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
    return Source(1 / step_s, _unit_of(titles[-1]), np.ascontiguousarray(table[:, 1:].T), 1.0, 0.0)


def _unit_of(title: str) -> str:
    return title.rpartition("(")[2].partition(")")[0].strip() if "(" in title else ""
