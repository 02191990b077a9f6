"""Sweeps of a recording: number, length and interval, as its header states them, held against one another."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import layout
from nernstfit.abf.layout import BLOCK, Bytes
from nernstfit.contract.errors import RecordingError

_DAY_S = 86_400.0  # seconds of a day


@dataclass(frozen=True)
class StatedSweeps:
    """Sweeps as the fields of a header state them.

    Attributes
    ----------
    mode : int
        Code of the mode of acquisition.
    count : int
        Number of sweeps.
    samples, samples_per_sweep : int
        Of all channels together; the latter is 0 where it is not stated.
    channels : int
    rate_Hz : float
    interval_s : float
        Time from sweep to sweep; not above 0 where it is not stated.
    synch : ndarray of int, shape (sweeps, 2)
        Start and length of every sweep; empty where the file has no synch array.
    tick_us : float
        Unit of the starts of sweeps and of the times of tags.
    """

    mode: int
    count: int
    samples: int
    samples_per_sweep: int
    channels: int
    rate_Hz: float
    interval_s: float
    synch: NDArray[np.int32]
    tick_us: float

    def number(self) -> int:
        """Return the number of sweeps; a recording without a gap is one.

        Raises
        ------
        RecordingError
            If there are none.
        """
        if self.mode == layout.EPISODIC and self.count == 0:
            raise RecordingError("it holds no sweeps")
        return 1 if self.mode == layout.GAP_FREE else max(1, self.count)

    def points(self) -> int:
        """Return the samples per sweep and channel; sweeps of different length are refused, not cut to equal pieces.

        Raises
        ------
        RecordingError
            If the number of sweeps contradicts their table, the number of samples or the length of a sweep.
        """
        sweeps = self.number()
        points, rest = divmod(self.samples, sweeps * self.channels)
        if points == 0:
            raise RecordingError("its header gives no samples")
        if self.mode == layout.EPISODIC:
            self._refuse_contradictions(sweeps, points, rest)
        return points

    def _refuse_contradictions(self, sweeps: int, points: int, rest: int) -> None:
        entries, lengths = len(self.synch), self.synch[:, 1] // self.channels
        if entries not in (0, sweeps):
            raise RecordingError(f"its header states {sweeps} sweeps, its synch array {entries}")
        if entries and lengths.min() != lengths.max():
            raise RecordingError(f"its sweeps differ in length, from {lengths.min()} to {lengths.max()} samples")
        if rest:
            each = f"{sweeps} sweeps of {self.channels} channel{'s' * (self.channels > 1)}"
            raise RecordingError(f"its {self.samples} samples cannot be those of {each} of one length")
        by_all = f"{points} by the number of all samples"
        if entries and lengths[0] not in (0, points):
            raise RecordingError(f"its sweeps have {lengths[0]} samples by their table, {by_all}")
        if self.samples_per_sweep > 0 and self.samples_per_sweep != points * self.channels:
            stated = f"{self.samples_per_sweep / self.channels:g}"
            raise RecordingError(f"its sweeps have {stated} samples by their protocol, {by_all}")

    def interval(self) -> float:
        """Return the time from sweep to sweep in s: as stated, else by the sweeps' starts, else their length.

        A recording without a gap has none: nan.
        """
        if self.mode == layout.GAP_FREE:
            return math.nan
        if math.isfinite(self.interval_s) and self.interval_s > 0:
            return self.interval_s
        steps = np.diff(self.synch[:, 0].astype(np.int64))
        if steps.size and steps.min() > 0:
            return float(np.median(steps)) * self.tick_us * 1e-6
        return self.points() / self.rate_Hz

    def at(self, time_s: float) -> int:
        """Return the last sweep that had begun at a time."""
        interval_s, last = self.interval(), self.number() - 1
        return int(min(max(0.0, time_s / interval_s), last)) if last else 0


def synch_array(content: Bytes, block: int, sweeps: int) -> NDArray[np.int32]:
    """Return start and length of every sweep, shape (sweeps, 2)."""
    start = block * BLOCK
    return content[start : start + layout.SYNCH.size * sweeps].view("<i4").reshape(sweeps, 2)


def start_s(date: int, after_midnight_ms: int) -> float:
    """Return the start of the recording in s from an arbitrary day, by its computer's clock; nan without a day."""
    try:
        day = datetime.date(date // 10_000, date // 100 % 100, date % 100).toordinal()
    except ValueError:
        return math.nan
    return _DAY_S * day + after_midnight_ms / 1000
