"""ABF files through pyabf, wrapped once: frozen records out, samples by window.

pyabf is trusted with the header's sections and the scale of the samples, not with the
command, the sweep interval, the holding level of ABF1 or the sweep of a tag: these are taken
here from the raw fields. Its movable cursor (`setSweep`) is not used, and the samples are
mapped, not loaded: only the windows asked for are read.

A file that cannot be read, or in which something has no meaning here, raises RecordingError
with one sentence.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.check import check, unpack
from nernstfit.abf.records import EPOCH_LETTERS, PICOAMPERES, Channel, Epoch, Tag, UserList, Waveform
from nernstfit.errors import RecordingError

EPISODIC = 5
_MODES = {
    1: "variable-length events",
    2: "fixed-length events",
    3: "gap-free",
    4: "high-speed oscilloscope",
    5: "episodic",
}
_KINDS = {0: "off", 1: "step", 2: "ramp", 3: "pulse train", 4: "triangle train", 5: "cosine train", 7: "biphasic train"}
_ABF1_HEADER_BYTES = 6144


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
    channels: tuple[Channel, ...]
    waveforms: tuple[Waveform, ...]
    tags: tuple[Tag, ...]
    obstacles: tuple[str, ...]
    _raw: NDArray[Any] = field(repr=False, compare=False)  # (sweeps, points, channels), as stored
    _gain: tuple[float, ...] = field(repr=False, compare=False)
    _offset: tuple[float, ...] = field(repr=False, compare=False)

    def samples(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Samples of one channel in one sweep, in the channel's unit; shape (stop - start,)."""
        raw = self._raw[sweep, start:stop, channel.index].astype(np.float64)
        return np.asarray(raw * self._gain[channel.index] + self._offset[channel.index])

    def current_pA(self, channel: Channel, sweep: int, start: int, stop: int) -> NDArray[np.float64]:
        """Samples of a current channel in pA; shape (stop - start,)."""
        return self.samples(channel, sweep, start, stop) * PICOAMPERES[channel.unit]

    def resolution_pA(self, channel: Channel) -> float:
        """Return what one step of the converter is, in pA; 0 where the samples were stored as numbers."""
        if self._raw.dtype.kind == "f":
            return 0.0
        return abs(self._gain[channel.index]) * PICOAMPERES[channel.unit]

    def clipped(self, channel: Channel, sweep: int, start: int, stop: int) -> int:
        """Return how many samples stand at the converter's limit; none where they were stored as numbers."""
        if self._raw.dtype.kind == "f":
            return 0
        raw = self._raw[sweep, start:stop, channel.index]
        return int(np.count_nonzero((raw <= -32768) | (raw >= 32767)))


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
        content = _mapped(path)
        check(content)
        header, fields = _parsed(path, content)
        return _recording(path, header, content, fields)
    except RecordingError as fault:
        raise RecordingError(f"{path.name}: {fault}") from None


def _mapped(path: Path) -> NDArray[np.uint8]:
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is empty"
        raise RecordingError(f"cannot be opened ({reason})") from None
    start = bytes(content[:4])
    if start not in (b"ABF ", b"ABF2"):
        raise RecordingError(f"is not an ABF file (it starts with {start!r})")
    return content


@dataclass(frozen=True)
class _Fields:
    """What the two formats keep in different places."""

    rate_Hz: float
    interval_s: float
    tag_unit_s: float
    numbers: tuple[int, ...]
    clamps: tuple[str, ...]
    waveforms: tuple[Waveform, ...]
    obstacles: tuple[str, ...]


def _parsed(path: Path, content: NDArray[np.uint8]) -> tuple[Any, _Fields]:
    import pyabf  # noqa: PLC0415 - it brings a plotting library along

    try:
        header = pyabf.ABF(path, loadData=False)
        return header, _abf1(header, content) if header.abfVersion["major"] == 1 else _abf2(header, content)
    except Exception as fault:
        # pyabf raises bare exceptions of many kinds on damaged files, and its fields may lead anywhere.
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise RecordingError(f"its header is damaged or of an unknown kind ({reason})") from None


def _recording(path: Path, header: Any, content: NDArray[np.uint8], fields: _Fields) -> Recording:
    channels, sweeps = header.channelCount, header.sweepCount
    points = header.dataPointCount // (sweeps * channels) if sweeps * channels > 0 else 0
    used, width = points * sweeps * channels, header.dataPointByteSize
    start, stop = header.dataByteStart, header.dataByteStart + used * width
    if points <= 0 or start <= 0:
        raise RecordingError("its header gives no samples")
    if stop > content.size:
        held = max(0, content.size - start) // width
        raise RecordingError(f"is truncated: its header promises {used} samples, the file holds {held}")
    if (
        not all(math.isfinite(gain) and gain != 0 for gain in header._dataGain)
        or not np.isfinite(header._dataOffset).all()
    ):
        raise RecordingError("the scale of its samples is no number")
    raw = content[start:stop].view("<i2" if width == 2 else "<f4").reshape(sweeps, points, channels)
    names = zip(header.adcNames, header.adcUnits, fields.numbers, fields.clamps, strict=False)
    return Recording(
        path=path,
        version=f"{header.abfVersion['major']}.{header.abfVersion['minor']}",
        mode=_MODES.get(header.nOperationMode, f"mode {header.nOperationMode}"),
        rate_Hz=fields.rate_Hz,
        sweeps=sweeps,
        points=points,
        sweep_interval_s=fields.interval_s or points / fields.rate_Hz,
        channels=tuple(
            Channel(i, n, name.strip(), unit.strip(), clamp) for i, (name, unit, n, clamp) in enumerate(names)
        ),
        waveforms=fields.waveforms,
        tags=_tags(header, fields, points),
        obstacles=fields.obstacles,
        _raw=raw,
        _gain=tuple(map(float, header._dataGain)) if width == 2 else (1.0,) * channels,
        _offset=tuple(map(float, header._dataOffset)) if width == 2 else (0.0,) * channels,
    )


def _tags(header: Any, fields: _Fields, points: int) -> tuple[Tag, ...]:
    interval = fields.interval_s or points / fields.rate_Hz
    times = [time * fields.tag_unit_s for time in header.tagTimesSec]
    return tuple(
        Tag(time, int(time // interval), comment.strip())
        for time, comment in zip(times, header.tagComments, strict=True)
    )


def _clamp(enabled: int, mode: int) -> str:
    return {0: "voltage", 1: "current", 2: "current"}.get(mode, "") if enabled == 1 else ""


def _abf1(header: Any, content: NDArray[np.uint8]) -> _Fields:
    h = header._headerV1
    take = functools.partial(unpack, content)
    numbers = tuple(h.nADCSamplingSeq[: header.channelCount])
    extended = h.lDataSectionPtr * 512 >= _ABF1_HEADER_BYTES
    obstacles = [] if extended else ["its 2 kB header holds no epoch table"]
    obstacles += ["conditioning trains"] * any(take("<2h", 3260)) + ["P/N leak subtraction"] * any(take("<2h", 4456))
    enabled = [i for i, on in enumerate(take("<4h", 3360)) if on]
    lists = [
        UserList(
            take("<4h", 3368)[i], _values(bytes(content[3376 + 256 * i : 3632 + 256 * i])), bool(take("<4h", 4400)[i])
        )
        for i in enabled
    ]
    waveforms = []
    for i in range(4):
        rows = range(i * 10, i * 10 + 10) if i < 2 and extended else range(0)
        epochs = tuple(_epoch(h, row % 10, row) for row in rows if h.nEpochType[row] != 0)
        plays = i < 2 and extended and h.nWaveformEnable[i]
        waveforms.append(
            Waveform(
                number=i,
                name=h.sDACChannelName[i].strip(),
                unit=h.sDACChannelUnit[i].strip(),
                holding=take("<4f", 1394)[i],
                source=("file" if h.nWaveformSource[i] == 2 else "epochs") if plays else "none",
                epochs=epochs if plays else (),
                keeps_last_level=bool(plays and h.nInterEpisodeLevel[i]),
                user_list=lists[0] if lists and extended else None,
                stimulus_file=_file_name(h.sDACFilePath[i]) if plays and h.nWaveformSource[i] == 2 else "",
            )
        )
    interval_s = take("<f", 178)[0]
    rate = 1e6 / h.fADCSampleInterval / header.channelCount
    # pyabf takes a tag's time for a count of samples and divides it by the channels; it is in synch units.
    scale = h.fSynchTimeUnit * header.channelCount / h.fADCSampleInterval if h.fSynchTimeUnit else 1.0
    clamps = tuple(_clamp(h.nTelegraphEnable[n], h.nTelegraphMode[n]) if extended else "" for n in numbers)
    return _Fields(
        rate, interval_s, scale, numbers, clamps, tuple(waveforms), tuple(obstacles if extended else obstacles[:1])
    )


def _abf2(header: Any, content: NDArray[np.uint8]) -> _Fields:
    dac, adc, protocol = header._dacSection, header._adcSection, header._protocolSection
    strings = header._stringsSection._indexedStrings
    lists = _abf2_user_lists(header, content)
    waveforms = tuple(
        Waveform(
            number=dac.nDACNum[i],
            name=strings[dac.lDACChannelNameIndex[i]].strip(),
            unit=strings[dac.lDACChannelUnitsIndex[i]].strip(),
            holding=dac.fDACHoldingLevel[i],
            source=("file" if dac.nWaveformSource[i] == 2 else "epochs") if dac.nWaveformEnable[i] else "none",
            epochs=_abf2_epochs(header._epochPerDacSection, dac.nDACNum[i]) if dac.nWaveformEnable[i] else (),
            keeps_last_level=bool(dac.nWaveformEnable[i] and dac.nInterEpisodeLevel[i]),
            user_list=lists[0] if lists else None,
            stimulus_file=_file_name(strings[dac.lDACFilePathIndex[i]]) if dac.nWaveformSource[i] == 2 else "",
        )
        for i in range(dac._entryCount)
    )
    alternating = "alternating DAC outputs" if protocol.nAlternateDACOutputState else ""
    obstacles = [alternating] * bool(alternating)
    obstacles += ["conditioning trains"] * any(dac.nConditEnable) + ["P/N leak subtraction"] * any(
        dac.nLeakSubtractType
    )
    clamps = tuple(map(_clamp, adc.nTelegraphEnable, adc.nTelegraphMode))
    interval_us = protocol.fADCSequenceInterval
    return _Fields(
        rate_Hz=1e6 / interval_us,
        interval_s=protocol.fEpisodeStartToStart,
        tag_unit_s=1.0,
        numbers=tuple(adc.nADCNum),
        clamps=clamps,
        waveforms=waveforms,
        obstacles=tuple(obstacles),
    )


def _abf2_epochs(section: Any, dac: int) -> tuple[Epoch, ...]:
    rows = sorted(
        (i for i in range(section._entryCount) if section.nDACNum[i] == dac), key=section.nEpochNum.__getitem__
    )
    return tuple(_epoch(section, section.nEpochNum[i], i) for i in rows if section.nEpochType[i] != 0)


def _epoch(fields: Any, number: int, row: int) -> Epoch:
    """One row of an epoch table; both formats use the same names."""
    return Epoch(
        EPOCH_LETTERS[number],
        _KINDS.get(fields.nEpochType[row], f"type {fields.nEpochType[row]}"),
        fields.fEpochInitLevel[row],
        fields.fEpochLevelInc[row],
        fields.lEpochInitDuration[row],
        fields.lEpochDurationInc[row],
    )


def _abf2_user_lists(header: Any, content: NDArray[np.uint8]) -> list[UserList]:
    section, lists = header._userListSection, []
    for i in range(section._entryCount):
        _, _, parameter, repeat, _ = unpack(content, "<5h", section._byteStart + i * section._entrySize)
        if parameter > 0:  # the field `enable` is 0 in real files whose list was played
            lists.append(UserList(parameter, tuple(header.userList or ()), bool(repeat)))
    return lists


def _values(text: bytes) -> tuple[float, ...]:
    """Values of a user list. One that is no number ends the list: such a list is refused anyway."""
    values = []
    for item in text.split(b"\0")[0].decode("latin-1").split(","):
        try:
            values.append(float(item))
        except ValueError:
            break
    return tuple(values)


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2].strip("\0 ")
