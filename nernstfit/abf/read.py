"""Reading of ABF files: frozen records out, samples by window.

`layout` knows the fields, `check` holds the header against the file, `header` makes one record of it.
A file is read once and whole (`content`); samples are converted by window, when they are asked for.

A file that cannot be read, or in which something has no meaning here, raises RecordingError
with one sentence.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import layout, stimulus
from nernstfit.abf.check import check
from nernstfit.abf.content import Content, load
from nernstfit.abf.foreign import seeming
from nernstfit.abf.header import Header, parse
from nernstfit.abf.records import PICOAMPERES, Channel, Lowpass, Stimulus, StimulusPlayback, Tag, Waveform
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.terms import BandwidthSource


@dataclass(frozen=True)
class Recording:
    """Recording of one ABF file; see `records` for the words.

    Attributes
    ----------
    path : Path
    version : str
        Version of the ABF format, as `2.6`.
    mode : str
        Mode of acquisition; only `episodic` recordings have epochs.
    rate_Hz : float
        Samples per second and channel.
    sweeps, points : int
        Number of sweeps, and of samples per channel in each.
    sweep_interval_s : float
        Time from the start of one sweep to the start of the next; nan in gap-free mode.
    start_s : float
        Time at which it was started, by its computer's clock from an arbitrary day; nan where the file has none.
    comment : str
        Comment of the file as a whole.
    channels : tuple of Channel
    waveforms : tuple of Waveform
        Every DAC, playing a waveform or not.
    tags : tuple of Tag
    obstacles : tuple of str
        Parts of the protocol besides its waveforms that make the command unknown.
    """

    path: Path
    version: str
    mode: str
    rate_Hz: float
    sweeps: int
    points: int
    sweep_interval_s: float
    start_s: float
    comment: str
    channels: tuple[Channel, ...]
    waveforms: tuple[Waveform, ...]
    tags: tuple[Tag, ...]
    obstacles: tuple[str, ...]
    _raw: NDArray[Any] = field(repr=False, compare=False)  # (sweeps, points, channels), as stored
    _gain: tuple[float, ...] = field(repr=False, compare=False)
    _offset: tuple[float, ...] = field(repr=False, compare=False)

    @property
    def stimuli(self) -> tuple[Stimulus, ...]:
        """Stimulus files that were found for the outputs which play one."""
        return tuple(each.stimulus for each in self.waveforms if each.stimulus is not None and each.stimulus.path)

    @cached_property
    def digest(self) -> str:
        """Digest of all samples as stored, whatever the header says of them."""
        return hashlib.blake2b(self._raw.data, digest_size=16).hexdigest()

    def samples(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of one channel in one sweep, in the channel's unit; shape (stop - start,)."""
        raw = self._raw[sweep, start:stop, channel.index].astype(np.float64)
        return np.asarray(raw * self._gain[channel.index] + self._offset[channel.index])

    def current_pA(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of a current channel in pA; shape (stop - start,)."""
        return self.samples(channel, sweep, start, stop) * PICOAMPERES[channel.unit]

    def block_pA(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of a current channel in pA, one window of several sweeps; shape (sweeps, stop - start).

        Raises
        ------
        RecordingError
            If one is no number, as samples that are stored as floats may be.
        """
        raw = self._block(channel, sweeps, start, stop).astype(np.float64)
        if not np.isfinite(raw).all():
            sweep = sweeps[int(np.flatnonzero(~np.isfinite(raw).all(axis=1))[0])]
            span = " to ".join(f"{sample / self.rate_Hz * 1e3:g}" for sample in (start, stop))
            raise RecordingError(f"sweep {sweep} holds samples that are no numbers, from {span} ms")
        scale = PICOAMPERES[channel.unit]
        return np.asarray(raw * (self._gain[channel.index] * scale) + self._offset[channel.index] * scale)

    def resolution_pA(self, channel: Channel) -> float:
        """Return one step of the converter in pA; 0 where the samples are stored as floats."""
        if self._raw.dtype.kind == "f":
            return 0.0
        return abs(self._gain[channel.index]) * PICOAMPERES[channel.unit]

    def range_pA(self, channel: Channel) -> tuple[float, float]:
        """Return the lowest and highest current that the converter can give; infinite where samples are floats."""
        if self._raw.dtype.kind == "f":
            return -math.inf, math.inf
        limits, scale = np.iinfo(self._raw.dtype), PICOAMPERES[channel.unit]
        gain, offset = self._gain[channel.index] * scale, self._offset[channel.index] * scale
        low, high = sorted((limits.min * gain + offset, limits.max * gain + offset))
        return low, high

    def bandwidth(self, channel: Channel) -> Lowpass:
        """Return the limit of a channel's bandwidth: the low-pass filter or, where it is lower, the Nyquist frequency.

        A filter that the file does not state is unknown.
        """
        nyquist = Lowpass(self.rate_Hz / 2, BandwidthSource.NYQUIST)
        return min(filter(None, (channel.lowpass, nyquist)), key=lambda limit: limit.corner_Hz)

    def clipped(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> int:
        """Return the number of samples at the converter's limits; 0 where the samples are stored as floats."""
        if self._raw.dtype.kind == "f":
            return 0
        raw = self._block(channel, sweeps, start, stop)
        limits = np.iinfo(raw.dtype)
        return int(np.count_nonzero((raw == limits.min) | (raw == limits.max)))

    def _block(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[Any]:
        """Return samples of several sweeps as stored; shape (sweeps, stop - start)."""
        return np.asarray(self._raw[:, start:stop, channel.index][list(sweeps)])


@dataclass(frozen=True)
class Opened:
    """File that was read once: its digest, and what it holds.

    Attributes
    ----------
    sha256 : str
        Of the bytes as read; '' where they could not be.
    fault : str
        Fault for which it gives no recording; '' where there is none.
    """

    sha256: str
    fault: str = ""
    _recording: Recording | None = None

    @property
    def recording(self) -> Recording:
        """Recording that the file holds.

        Raises
        ------
        RecordingError
            If the file is missing, damaged, in another format, or holds something that is not supported.
        """
        if self._recording is None:
            raise RecordingError(self.fault)
        return self._recording


def open_recording(path: str | Path) -> Opened:
    """Read one ABF file; a fault is kept for whoever asks for the recording.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Opened
    """
    path, sha256 = Path(path), ""
    try:
        content = load(path)
        sha256 = content.sha256
        recording, playbacks = _parsed(path, content)
    except RecordingError as fault:
        return Opened(sha256, f"{path.name}: {fault}")
    waveforms = tuple(
        _with_stimulus(recording, w, playbacks[w.number]) if w.source == "file" else w for w in recording.waveforms
    )
    return Opened(sha256, _recording=replace(recording, waveforms=waveforms) if playbacks else recording)


def read(path: str | Path) -> Recording:
    """Read one ABF file, with the errors of `Opened.recording`."""
    return open_recording(path).recording


def _with_stimulus(recording: Recording, waveform: Waveform, playback: StimulusPlayback) -> Waveform:
    """Read the stimulus file of a DAC; its fault is raised only when its command is asked for."""
    of_file: dict[str, str] = {}
    try:
        path = stimulus.beside(recording.path.parent, waveform.stimulus_file)
        of_file = {"path": path.as_posix(), "sha256": stimulus.digest(path)}
        trace = stimulus.read_text(path) if path.suffix.lower() == ".atf" else _stimulus_trace(path, playback)
        found = Stimulus(stimulus.stimulus_sweeps(trace, playback, waveform.unit, recording.rate_Hz), **of_file)
    except RecordingError as fault:
        found = Stimulus((), str(fault), **of_file)
    return replace(waveform, stimulus=found)


def _stimulus_trace(path: Path, playback: StimulusPlayback) -> stimulus.StimulusTrace:
    recording, _ = _parsed(path, load(path))
    found = [c for c in recording.channels if c.number == playback.input or len(recording.channels) == 1]
    if len(found) != 1:
        raise RecordingError(f"which has no single input {playback.input}")
    i = found[0].index
    return stimulus.StimulusTrace(
        recording.rate_Hz, found[0].unit, recording._raw[:, :, i], recording._gain[i], recording._offset[i]
    )


def _parsed(path: Path, content: Content) -> tuple[Recording, dict[int, StimulusPlayback]]:
    """Return a recording without the stimulus files beside it, and how these were played."""
    signature = bytes(content.data[:4])
    if signature not in (layout.ABF1_SIGNATURE, layout.ABF2_SIGNATURE):
        kind = seeming(bytes(content.data[:4096]))
        raise RecordingError(f"is not an ABF file{f': it seems to be {kind}' if kind else ''}")
    check(content.data)
    header = parse(content.data)
    return _recording(path, header, content.data), header.playbacks


def _recording(path: Path, header: Header, content: layout.Bytes) -> Recording:
    channels, width = len(header.channels), header.stored.itemsize
    used = header.sweeps * header.points * channels
    stop = header.start + used * width
    if stop > content.size:
        available = max(0, content.size - header.start) // width
        raise RecordingError(f"is truncated: its header states {used} samples, the file holds {available}")
    is_float = header.stored.kind == "f"
    return Recording(
        path=path,
        version=header.version,
        mode=header.mode,
        rate_Hz=header.rate_Hz,
        sweeps=header.sweeps,
        points=header.points,
        sweep_interval_s=header.sweep_interval_s,
        start_s=header.start_s,
        comment=header.comment,
        channels=header.channels,
        waveforms=header.waveforms,
        tags=header.tags,
        obstacles=header.obstacles,
        _raw=content[header.start : stop].view(header.stored).reshape(header.sweeps, header.points, channels),
        _gain=(1.0,) * channels if is_float else header.gains,
        _offset=(0.0,) * channels if is_float else header.offsets,
    )
