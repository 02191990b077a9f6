"""Reading of ABF files: frozen records out, samples by window.

`layout` knows the fields, `check` holds the header against the file, `header` makes one record of it.
The samples are mapped, not loaded: only the windows asked for are read.

A file that cannot be read, or in which something has no meaning here, raises RecordingError
with one sentence.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import layout, stimulus
from nernstfit.abf.check import check
from nernstfit.abf.header import Header, parse
from nernstfit.abf.records import PICOAMPERES, Channel, Lowpass, Stimulus, StimulusPlayback, Tag, Waveform
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.terms import BandwidthSource

# Size from which a file's pages are released after each window, in bytes: it bounds the memory of a job. At
# half, more files pay for it by reading some pages twice; at double, a job takes 50 MB more.
_MAX_MAPPED_BYTES = 50_000_000


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
        Time from the start of one sweep to the start of the next.
    start_s : float
        Time at which it was started, by its computer's clock from an arbitrary day; nan where the file has none.
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
    channels: tuple[Channel, ...]
    waveforms: tuple[Waveform, ...]
    tags: tuple[Tag, ...]
    obstacles: tuple[str, ...]
    _map: mmap.mmap = field(repr=False, compare=False)
    _raw: NDArray[Any] = field(repr=False, compare=False)  # (sweeps, points, channels), as stored, mapped
    _gain: tuple[float, ...] = field(repr=False, compare=False)
    _offset: tuple[float, ...] = field(repr=False, compare=False)

    def samples(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of one channel in one sweep, in the channel's unit; shape (stop - start,)."""
        raw = self._stored(channel, sweep, start, stop).astype(np.float64)
        return np.asarray(raw * self._gain[channel.index] + self._offset[channel.index])

    def current_pA(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of a current channel in pA; shape (stop - start,)."""
        return self.samples(channel, sweep, start, stop) * PICOAMPERES[channel.unit]

    def block_pA(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[np.float64]:
        """Return samples of a current channel in pA, one window of several sweeps; shape (sweeps, stop - start)."""
        raw = self._block(channel, sweeps, start, stop).astype(np.float64)
        scale = PICOAMPERES[channel.unit]
        return np.asarray(raw * (self._gain[channel.index] * scale) + self._offset[channel.index] * scale)

    def resolution_pA(self, channel: Channel) -> float:
        """Return one step of the converter in pA; 0 where the samples are stored as floats."""
        if self._raw.dtype.kind == "f":
            return 0.0
        return abs(self._gain[channel.index]) * PICOAMPERES[channel.unit]

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

    def _stored(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[Any]:
        """Return a copy of samples as stored; shape (stop - start,)."""
        raw = self._raw[sweep, start:stop, channel.index].copy()
        if self._raw.nbytes > _MAX_MAPPED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            # A kernel maps far more of a file than is touched: the pages are released after each window.
            self._map.madvise(mmap.MADV_DONTNEED)
        return raw

    def _block(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[Any]:
        """Return samples of several sweeps as stored; shape (sweeps, stop - start)."""
        if self._raw.nbytes > _MAX_MAPPED_BYTES:
            return np.stack([self._stored(channel, sweep, start, stop) for sweep in sweeps])
        return np.asarray(self._raw[:, start:stop, channel.index][list(sweeps)])


def read(path: str | Path) -> Recording:
    """Read one ABF file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Recording

    Raises
    ------
    RecordingError
        If the file is missing, damaged, in another format, or holds something that is not supported.
    """
    path = Path(path)
    try:
        recording, playbacks = _read(path)
    except RecordingError as fault:
        raise RecordingError(f"{path.name}: {fault}") from None
    waveforms = [
        _with_stimulus(recording, w, playbacks[w.number]) if w.source == "file" else w for w in recording.waveforms
    ]
    return replace(recording, waveforms=tuple(waveforms)) if playbacks else recording


def _with_stimulus(recording: Recording, waveform: Waveform, playback: StimulusPlayback) -> Waveform:
    """Read the stimulus file of a DAC; its fault is raised only when its command is asked for."""
    try:
        path = stimulus.beside(recording.path.parent, waveform.stimulus_file)
        trace = stimulus.read_text(path) if path.suffix.lower() == ".atf" else _stimulus_trace(path, playback)
        found = Stimulus(stimulus.stimulus_sweeps(trace, playback, waveform.unit, recording.rate_Hz))
    except RecordingError as fault:
        found = Stimulus((), str(fault))
    return replace(waveform, stimulus=found)


def _stimulus_trace(path: Path, playback: StimulusPlayback) -> stimulus.StimulusTrace:
    recording, _ = _read(path)
    found = [c for c in recording.channels if c.number == playback.input or len(recording.channels) == 1]
    if len(found) != 1:
        raise RecordingError(f"which has no single input {playback.input}")
    i = found[0].index
    return stimulus.StimulusTrace(
        recording.rate_Hz, found[0].unit, recording._raw[:, :, i], recording._gain[i], recording._offset[i]
    )


def _read(path: Path) -> tuple[Recording, dict[int, StimulusPlayback]]:
    """Read a file without the stimulus files beside it."""
    try:
        with open(path, "rb") as stream:
            mapped = _mapped(stream)
            content = np.frombuffer(mapped, dtype=np.uint8)
            check(content)
            header = parse(content)
    except OSError as fault:
        raise RecordingError(f"cannot be opened ({fault.strerror})") from None
    return _recording(path, header, mapped, content), header.playbacks


def _mapped(stream: BinaryIO) -> mmap.mmap:
    try:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise RecordingError("cannot be opened (it is empty)") from None
    if mapped[:4] not in (layout.ABF1_SIGNATURE, layout.ABF2_SIGNATURE):
        raise RecordingError(f"is not an ABF file (it starts with {mapped[:4]!r})")
    return mapped


def _recording(path: Path, header: Header, mapped: mmap.mmap, content: layout.Bytes) -> Recording:
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
        channels=header.channels,
        waveforms=header.waveforms,
        tags=header.tags,
        obstacles=header.obstacles,
        _map=mapped,
        _raw=content[header.start : stop].view(header.stored).reshape(header.sweeps, header.points, channels),
        _gain=(1.0,) * channels if is_float else header.gains,
        _offset=(0.0,) * channels if is_float else header.offsets,
    )
