"""ABF files through pyabf, wrapped once: frozen records out, samples by window.

pyabf reads the sections of the header, after `check` has held it against the file; `header`
makes one record of them. pyabf's own command, sweep interval, holding level and tags are not
used, nor its movable cursor (`setSweep`). The samples are mapped, not loaded: only the windows
asked for are read.

A file that cannot be read, or in which something has no meaning here, raises RecordingError
with one sentence.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import header, stimulus
from nernstfit.abf.check import Bytes, check
from nernstfit.abf.header import Header
from nernstfit.abf.records import PICOAMPERES, Channel, Lowpass, Played, Stimulus, Tag, Waveform
from nernstfit.contract.errors import RecordingError

_MAX_MAPPED_BYTES = 50_000_000
# What pyabf raises on a header that fits its file and still makes no sense.
_PYABF_FAULTS = (struct.error, ValueError, IndexError, OverflowError)


@dataclass(frozen=True)
class Recording:
    """One ABF file.

    Attributes
    ----------
    path : Path
    version : str
        Of the ABF format, as `2.6`.
    mode : str
        How it was acquired; only `episodic` recordings have epochs.
    rate_Hz : float
        Samples per second and channel.
    sweeps, points : int
        Number of sweeps, and of samples per channel in each.
    sweep_interval_s : float
        From the start of one sweep to the start of the next.
    start_s : float
        When it was begun, by the clock of its computer from an arbitrary day; nan where the file does not say.
    channels : tuple of Channel
    waveforms : tuple of Waveform
        The DACs, whether they play a waveform or not.
    tags : tuple of Tag
    obstacles : tuple of str
        What the protocol does besides its waveforms and no command contains.
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
        """Samples of one channel in one sweep, in the channel's unit; shape (stop - start,)."""
        raw = self._stored(channel, sweep, start, stop).astype(np.float64)
        return np.asarray(raw * self._gain[channel.index] + self._offset[channel.index])

    def current_pA(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Samples of a current channel in pA; shape (stop - start,)."""
        return self.samples(channel, sweep, start, stop) * PICOAMPERES[channel.unit]

    def block_pA(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[np.float64]:
        """Samples of a current channel in pA, the same window of several sweeps; shape (sweeps, stop - start)."""
        raw = self._block(channel, sweeps, start, stop).astype(np.float64)
        scale = PICOAMPERES[channel.unit]
        return np.asarray(raw * (self._gain[channel.index] * scale) + self._offset[channel.index] * scale)

    def resolution_pA(self, channel: Channel) -> float:
        """Return what one step of the converter is, in pA; 0 where the samples were stored as numbers."""
        if self._raw.dtype.kind == "f":
            return 0.0
        return abs(self._gain[channel.index]) * PICOAMPERES[channel.unit]

    def bandwidth(self, channel: Channel) -> Lowpass:
        """Return what limits the band: the filter that the file names, or, where that is lower, half the sampling rate.

        The source of the latter is `nyquist`; a filter that no one told the file of is not known.
        """
        nyquist = Lowpass(self.rate_Hz / 2, "nyquist")
        return min(filter(None, (channel.lowpass, nyquist)), key=lambda limit: limit.corner_Hz)

    def clipped(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> int:
        """Return how many samples stand at the converter's limit; none where they were stored as numbers."""
        if self._raw.dtype.kind == "f":
            return 0
        raw = self._block(channel, sweeps, start, stop)
        return int(np.count_nonzero((raw == -32768) | (raw == 32767)))

    def _stored(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[Any]:
        """Samples as stored, in memory of their own; shape (stop - start,)."""
        raw = self._raw[sweep, start:stop, channel.index].copy()
        if self._raw.nbytes > _MAX_MAPPED_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            # A kernel maps far more of a file than is touched; a large one is let go of after each window.
            self._map.madvise(mmap.MADV_DONTNEED)
        return raw

    def _block(self, channel: Channel, sweeps: Sequence[int], start: int, stop: int) -> NDArray[Any]:
        """Samples of several sweeps as stored; shape (sweeps, stop - start)."""
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
        Where the file is missing, damaged, foreign, or holds what is not read.
    """
    path = Path(path)
    try:
        recording, played = _read(path)
    except RecordingError as fault:
        raise RecordingError(f"{path.name}: {fault}") from None
    waveforms = [
        _with_stimulus(recording, w, played[w.number]) if w.source == "file" else w for w in recording.waveforms
    ]
    return replace(recording, waveforms=tuple(waveforms)) if played else recording


def _with_stimulus(recording: Recording, waveform: Waveform, played: Played) -> Waveform:
    """Look for the stimulus file of a DAC; what is wrong with it is said when its command is asked for."""
    try:
        path = stimulus.beside(recording.path.parent, waveform.stimulus_file)
        source = stimulus.read_text(path) if path.suffix.lower() == ".atf" else _channel_played(path, played)
        found = Stimulus(stimulus.courses(source, played, waveform.unit, recording.rate_Hz))
    except RecordingError as fault:
        found = Stimulus((), str(fault))
    return replace(waveform, stimulus=found)


def _channel_played(path: Path, played: Played) -> stimulus.Source:
    recording, _ = _read(path)
    found = [c for c in recording.channels if c.number == played.input or len(recording.channels) == 1]
    if len(found) != 1:
        raise RecordingError(f"which has no single input {played.input}")
    i = found[0].index
    return stimulus.Source(
        recording.rate_Hz, found[0].unit, recording._raw[:, :, i], recording._gain[i], recording._offset[i]
    )


def _read(path: Path) -> tuple[Recording, dict[int, Played]]:
    """Read a file without the stimulus files beside it."""
    try:
        with open(path, "rb") as stream:
            mapped = _mapped(stream)
            content = np.frombuffer(mapped, dtype=np.uint8)
            check(content)
            said = _header(stream, content)
    except OSError as fault:
        raise RecordingError(f"cannot be opened ({fault.strerror})") from None
    return _recording(path, said, mapped, content), said.played


def _mapped(stream: BinaryIO) -> mmap.mmap:
    try:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise RecordingError("cannot be opened (it is empty)") from None
    if mapped[:4] not in (b"ABF ", b"ABF2"):
        raise RecordingError(f"is not an ABF file (it starts with {mapped[:4]!r})")
    return mapped


def _header(stream: BinaryIO, content: Bytes) -> Header:
    try:
        if bytes(content[:4]) == b"ABF ":
            return header.abf1(_abf1_header(stream), content)
        return header.abf2(_abf2_sections(stream), content)
    except _PYABF_FAULTS as fault:
        raise RecordingError(f"its header is damaged or of an unknown kind ({' '.join(str(fault).split())})") from None


def _abf1_header(stream: BinaryIO) -> Any:
    from pyabf.abf1.headerV1 import HeaderV1  # noqa: PLC0415 - pyabf brings a plotting library along

    return HeaderV1(stream)


def _abf2_sections(stream: BinaryIO) -> SimpleNamespace:
    from pyabf.abf2.adcSection import ADCSection  # noqa: PLC0415 - as above
    from pyabf.abf2.dacSection import DACSection  # noqa: PLC0415
    from pyabf.abf2.dataSection import DataSection  # noqa: PLC0415
    from pyabf.abf2.epochPerDacSection import EpochPerDACSection  # noqa: PLC0415
    from pyabf.abf2.headerV2 import HeaderV2  # noqa: PLC0415
    from pyabf.abf2.protocolSection import ProtocolSection  # noqa: PLC0415

    return SimpleNamespace(
        header=HeaderV2(stream),
        protocol=ProtocolSection(stream),
        data=DataSection(stream),
        adc=ADCSection(stream),
        dac=DACSection(stream),
        epochs=EpochPerDACSection(stream),
    )


def _recording(path: Path, said: Header, mapped: mmap.mmap, content: Bytes) -> Recording:
    stored, channels = np.dtype(said.stored), len(said.channels)
    used = said.sweeps * said.points * channels
    stop = said.start + used * stored.itemsize
    if stop > content.size:
        held = max(0, content.size - said.start) // stored.itemsize
        raise RecordingError(f"is truncated: its header promises {used} samples, the file holds {held}")
    is_number = stored.kind == "f"
    return Recording(
        path=path,
        version=said.version,
        mode=said.mode,
        rate_Hz=said.rate_Hz,
        sweeps=said.sweeps,
        points=said.points,
        sweep_interval_s=said.interval_s,
        start_s=said.start_s,
        channels=said.channels,
        waveforms=said.waveforms,
        tags=said.tags,
        obstacles=said.obstacles,
        _map=mapped,
        _raw=content[said.start : stop].view(stored).reshape(said.sweeps, said.points, channels),
        _gain=(1.0,) * channels if is_number else said.gains,
        _offset=(0.0,) * channels if is_number else said.offsets,
    )
