"""From the sections of a header, as pyabf reads them, to one record, both formats alike.

pyabf reads the sections, and nothing else is asked of it. What it misreads is taken from the
bytes: texts (it drops the micro sign, so that uA would become A, and takes the last string of
ABF2 for the user list), user lists, the holding level of ABF1, sweep intervals, the times of
tags. ABF1 keeps every field at a fixed place; a header of 2 kB, as in ABF 1.3, ends before the
epoch table, and what seems to stand there are samples.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.check import BLOCK, Bytes, unpack
from nernstfit.abf.records import MAX_EPOCHS, Channel, Epoch, Lowpass, Played, Tag, UserList, Waveform, epoch_name
from nernstfit.contract.errors import RecordingError

EPISODIC, GAP_FREE = 5, 3
_MODES = {
    1: "variable-length events",
    2: "fixed-length events",
    3: "gap-free",
    4: "high-speed oscilloscope",
    5: "episodic",
}
_KINDS = {
    0: "off",
    1: "step",
    2: "ramp",
    3: "pulse train",
    4: "triangle train",
    5: "cosine train",
    6: "resistance measurement",
    7: "biphasic train",
}
_SOURCES = {0: "none", 1: "epochs", 2: "file"}
_STORED = {0: "<i2", 1: "<f4"}
_MICRO = ("µ", "μ", "æ")  # Latin, Greek, and DOS's code read as Windows'
_STRINGS_HEADER_BYTES = 44
_EXTENDED_HEADER_BYTES = 6144
_OUTPUTS_OF_ABF1 = 4
_DRIVEN_OUTPUTS_OF_ABF1 = 2
_EPOCHS_OF_ABF1 = 10
_DAY_S = 86_400.0
_WIDEBAND_HZ = 100_000.0  # what the programs write for no filter
_FIRST_WITH_50_EPOCHS = (2, 9)


@dataclass(frozen=True)
class Header:
    """What a file says of its recording.

    Attributes
    ----------
    version, mode, rate_Hz, sweeps, points, interval_s, start_s, channels, waveforms, tags, obstacles
        As in `Recording`; a waveform that plays a file names it only.
    start : int
        First byte of the samples.
    stored : str
        NumPy's name of their type.
    gains, offsets : tuple of float
        One per channel: value = stored * gain + offset.
    played : dict of int to Played
        By DAC number: how it plays its stimulus file.
    """

    version: str
    mode: str
    rate_Hz: float
    sweeps: int
    points: int
    interval_s: float
    start_s: float
    channels: tuple[Channel, ...]
    waveforms: tuple[Waveform, ...]
    tags: tuple[Tag, ...]
    obstacles: tuple[str, ...]
    start: int
    stored: str
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    played: dict[int, Played]


@dataclass(frozen=True)
class _Clock:
    """Time in a recording: of sweeps and tags."""

    rate_Hz: float
    unit_us: float  # of tags and sweeps' starts
    stated_interval_s: float
    starts: NDArray[np.int32]

    def interval_s(self, points: int) -> float:
        """From sweep to sweep: as stated, or from the sweeps' starts, or one after the other."""
        if math.isfinite(self.stated_interval_s) and self.stated_interval_s > 0:
            return self.stated_interval_s
        steps = np.diff(self.starts.astype(np.int64))
        if steps.size and steps.min() > 0:
            return float(np.median(steps)) * self.unit_us * 1e-6
        return points / self.rate_Hz


# ABF1


def abf1(h: Any, content: Bytes) -> Header:
    """Read an ABF1 header.

    Parameters
    ----------
    h : pyabf.abf1.headerV1.HeaderV1
    content : ndarray of uint8
        The whole file, checked.

    Raises
    ------
    RecordingError
        Without the file's name.
    """
    count, numbers = h.nADCNumChannels, tuple(h.nADCSamplingSeq[: h.nADCNumChannels])
    extended = h.lDataSectionPtr * BLOCK >= _EXTENDED_HEADER_BYTES
    # Behind a short header pyabf's telegraph fields are samples.
    telegraphs = [bool(extended and h.nTelegraphEnable[n]) for n in numbers]
    channels = tuple(
        Channel(
            i,
            n,
            _text(content, 442 + 10 * n, 10),
            _unit(_text(content, 602 + 8 * n, 8)),
            _clamp(telegraphs[i], h.nTelegraphMode[n]),
            _capacitance(telegraphs[i], h.fTelegraphMembraneCap[n]),
            _lowpass(
                h.fTelegraphFilter[n] if telegraphs[i] else 0.0,
                unpack(content, "<f", 1178 + 4 * n)[0],
                unpack(content, "<f", 5934 + 4 * n)[0] if extended else 0.0,
            ),
        )
        for i, n in enumerate(numbers)
    )
    divisors = [
        h.fInstrumentScaleFactor[n]
        * h.fSignalGain[n]
        * h.fADCProgrammableGain[n]
        * (h.fTelegraphAdditGain[n] if telegraphs[i] else 1.0)
        for i, n in enumerate(numbers)
    ]
    offsets = _offsets([h.fInstrumentOffset[n] for n in numbers], [h.fSignalOffset[n] for n in numbers])
    synch = _synch_array(content, h.lSynchArrayPtr, h.lSynchArraySize)
    unit_us = h.fSynchTimeUnit if _is_positive(h.fSynchTimeUnit) else h.fADCSampleInterval
    clock = _Clock(1e6 / h.fADCSampleInterval / count, unit_us, unpack(content, "<f", 178)[0], synch[:, 0])
    sweeps = _sweeps(h.nOperationMode, h.lActualEpisodes)
    points = _points(h.nOperationMode, h.lActualAcqLength, sweeps, count, synch[:, 1])
    stored = _STORED[h.nDataFormat]
    waveforms, played = _abf1_waveforms(h, content, extended)
    return Header(
        version=f"{round(h.fFileVersionNumber * 100) // 10 / 10:.1f}",
        mode=_mode(h.nOperationMode),
        rate_Hz=clock.rate_Hz,
        sweeps=sweeps,
        points=points,
        interval_s=clock.interval_s(points),
        start_s=_start_s(h.lFileStartDate, 1000 * h.lFileStartTime + (h.nFileStartMillisecs if extended else 0)),
        channels=channels,
        waveforms=waveforms,
        tags=_tags(content, h.lTagSectionPtr * BLOCK, h.lNumTagEntries, 64, clock, points, sweeps),
        obstacles=_abf1_obstacles(content) if extended else ("its 2 kB header holds no epoch table",),
        start=h.lDataSectionPtr * BLOCK + h.nNumPointsIgnored * np.dtype(stored).itemsize,
        stored=stored,
        gains=_gains(h.fADCRange, h.lADCResolution, divisors),
        offsets=offsets,
        played=played,
    )


def _abf1_obstacles(content: Bytes) -> tuple[str, ...]:
    found = {
        "conditioning trains": any(unpack(content, "<2h", 3260)),
        "P/N leak subtraction": any(unpack(content, "<2h", 4456)),
        "alternating DAC outputs": any(unpack(content, "<h", 5876)),
    }
    return tuple(name for name, there in found.items() if there)


def _abf1_waveforms(h: Any, content: Bytes, extended: bool) -> tuple[tuple[Waveform, ...], dict[int, Played]]:
    holding = unpack(content, "<4f", 1394)
    waveforms, played = [], {}
    for i in range(_OUTPUTS_OF_ABF1):
        driven = extended and i < _DRIVEN_OUTPUTS_OF_ABF1 and bool(h.nWaveformEnable[i])
        source = _source(h.nWaveformSource[i]) if driven else "none"
        rows = range(i * _EPOCHS_OF_ABF1, (i + 1) * _EPOCHS_OF_ABF1) if source == "epochs" else range(0)
        if source == "file":
            played[i] = Played(h.fDACFileScale[i], h.fDACFileOffset[i], h.lDACFileEpisodeNum[i], h.nDACFileADCNum[i])
        waveforms.append(
            Waveform(
                number=i,
                name=_text(content, 1306 + 10 * i, 10),
                unit=_unit(_text(content, 1346 + 8 * i, 8)),
                holding=holding[i],
                source=source,
                epochs=_epochs(h, [(row % _EPOCHS_OF_ABF1, row) for row in rows]),
                keeps_last_level=bool(driven and h.nInterEpisodeLevel[i]),
                user_list=_abf1_user_list(content, i) if source == "epochs" else None,
                stimulus_file=_file_name(_text(content, 2736 + 256 * i, 256)) if source == "file" else "",
            )
        )
    return tuple(waveforms), played


def _abf1_user_list(content: Bytes, dac: int) -> UserList | None:
    """Return the list of one DAC; there is one for each, and a list that is not enabled is left alone."""
    enabled, parameter = unpack(content, "<h", 3360 + 2 * dac)[0], unpack(content, "<h", 3368 + 2 * dac)[0]
    if not enabled:
        return None
    values = _values(_text(content, 3376 + 256 * dac, 256))
    return UserList(parameter, values, bool(unpack(content, "<h", 4400 + 2 * dac)[0]))


# ABF2


def abf2(sections: SimpleNamespace, content: Bytes) -> Header:
    """Read an ABF2 header.

    Parameters
    ----------
    sections : namespace
        pyabf's HeaderV2 and sections: header, protocol, data, adc, dac, epochs.
    content : ndarray of uint8
        The whole file, checked.

    Raises
    ------
    RecordingError
        Without the file's name.
    """
    header, protocol, adc = sections.header, sections.protocol, sections.adc
    strings, count = _strings(content), adc._entryCount
    telegraphs = [bool(enabled) for enabled in adc.nTelegraphEnable]
    channels = tuple(
        Channel(
            i,
            adc.nADCNum[i],
            _string(strings, adc.lADCChannelNameIndex[i]),
            _unit(_string(strings, adc.lADCUnitsIndex[i])),
            _clamp(telegraphs[i], adc.nTelegraphMode[i]),
            _capacitance(telegraphs[i], adc.fTelegraphMembraneCap[i]),
            _lowpass(
                adc.fTelegraphFilter[i] if telegraphs[i] else 0.0,
                adc.fSignalLowpassFilter[i],
                adc.fPostProcessLowpassFilter[i],
            ),
        )
        for i in range(count)
    )
    divisors = [
        adc.fInstrumentScaleFactor[i]
        * adc.fSignalGain[i]
        * adc.fADCProgrammableGain[i]
        * (adc.fTelegraphAdditGain[i] if telegraphs[i] else 1.0)
        for i in range(count)
    ]
    offsets = _offsets(adc.fInstrumentOffset, adc.fSignalOffset)
    block, _, entries = unpack(content, "<IIq", 316)
    synch = _synch_array(content, block, entries)
    rate_Hz = 1e6 / protocol.fADCSequenceInterval
    unit_us = protocol.fSynchTimeUnit if _is_positive(protocol.fSynchTimeUnit) else 1e6 / rate_Hz / count
    clock = _Clock(rate_Hz, unit_us, protocol.fEpisodeStartToStart, synch[:, 0])
    sweeps = _sweeps(protocol.nOperationMode, header.lActualEpisodes)
    points = _points(protocol.nOperationMode, sections.data._entryCount, sweeps, count, synch[:, 1])
    tag_block, tag_size, tags = unpack(content, "<IIq", 252)
    waveforms, played = _abf2_waveforms(sections, content, strings, header.fFileVersionNumber[::-1])
    return Header(
        version=".".join(map(str, header.fFileVersionNumber[:1:-1])),
        mode=_mode(protocol.nOperationMode),
        rate_Hz=rate_Hz,
        sweeps=sweeps,
        points=points,
        interval_s=clock.interval_s(points),
        start_s=_start_s(header.uFileStartDate, header.uFileStartTimeMS),
        channels=channels,
        waveforms=waveforms,
        tags=_tags(content, tag_block * BLOCK, tags, tag_size, clock, points, sweeps),
        obstacles=_abf2_obstacles(sections),
        start=sections.data._byteStart,
        stored=_STORED[header.nDataFormat],
        gains=_gains(protocol.fADCRange, protocol.lADCResolution, divisors),
        offsets=offsets,
        played=played,
    )


def _abf2_obstacles(sections: SimpleNamespace) -> tuple[str, ...]:
    found = {
        "alternating DAC outputs": bool(sections.protocol.nAlternateDACOutputState),
        "conditioning trains": any(sections.dac.nConditEnable),
        "P/N leak subtraction": any(sections.dac.nLeakSubtractType),
    }
    return tuple(name for name, there in found.items() if there)


def _abf2_waveforms(
    sections: SimpleNamespace, content: Bytes, strings: list[str], version: list[int]
) -> tuple[tuple[Waveform, ...], dict[int, Played]]:
    dac, lists = sections.dac, _abf2_user_lists(content, strings, version)
    waveforms, played = [], {}
    for i in range(dac._entryCount):
        number = dac.nDACNum[i]
        source = _source(dac.nWaveformSource[i]) if dac.nWaveformEnable[i] else "none"
        if source == "file":
            played[number] = Played(
                dac.fDACFileScale[i], dac.fDACFileOffset[i], dac.lDACFileEpisodeNum[i], dac.nDACFileADCNum[i]
            )
        waveforms.append(
            Waveform(
                number=number,
                name=_string(strings, dac.lDACChannelNameIndex[i]),
                unit=_unit(_string(strings, dac.lDACChannelUnitsIndex[i])),
                holding=dac.fDACHoldingLevel[i],
                source=source,
                epochs=_epochs(sections.epochs, _rows_of(sections.epochs, number)) if source == "epochs" else (),
                keeps_last_level=bool(dac.nWaveformEnable[i] and dac.nInterEpisodeLevel[i]),
                user_list=lists.get(number) if source == "epochs" else None,
                stimulus_file=_file_name(_string(strings, dac.lDACFilePathIndex[i])) if source == "file" else "",
            )
        )
    return tuple(waveforms), played


def _abf2_user_lists(content: Bytes, strings: list[str], version: list[int]) -> dict[int, UserList]:
    """User lists by DAC: a list has the number of the DAC for which it was made."""
    block, size, count = unpack(content, "<IIq", 172)
    lists: dict[int, UserList] = {}
    for i in range(count):
        # The second field, `enable`, is 0 in real files whose list was played; the parameter tells.
        number, _, parameter, repeat, text = unpack(content, "<5h", block * BLOCK + i * size)
        if parameter <= 0:
            continue
        if number in lists:
            raise RecordingError(f"its header is damaged: DAC {number} has two user lists")
        epoch_count = MAX_EPOCHS if tuple(version[:2]) >= _FIRST_WITH_50_EPOCHS else _EPOCHS_OF_ABF1
        lists[number] = UserList(parameter, _values(_string(strings, text)), bool(repeat), epoch_count)
    return lists


def _rows_of(section: Any, dac: int) -> list[tuple[int, int]]:
    """Number and row of each epoch of one DAC, in the order in which they are played."""
    return sorted((section.nEpochNum[i], i) for i in range(section._entryCount) if section.nDACNum[i] == dac)


def _strings(content: Bytes) -> list[str]:
    """Texts of an ABF2 file; others count them from 1, and 0 means no text."""
    block, size = unpack(content, "<II", 220)
    body = content[block * BLOCK + _STRINGS_HEADER_BYTES : block * BLOCK + size].tobytes()
    return ["", *(_decoded(text) for text in body.split(b"\0"))]


def _string(strings: list[str], index: int) -> str:
    if not 0 <= index < len(strings):
        raise RecordingError(f"its header is damaged: it asks for text {index} of {len(strings) - 1}")
    return strings[index]


# Both


def _epochs(fields: Any, rows: list[tuple[int, int]]) -> tuple[Epoch, ...]:
    """Epochs that are not switched off; both formats use the same names of fields."""
    used = [(number, row) for number, row in rows if fields.nEpochType[row] != 0]
    if len({number for number, _ in used}) != len(used):
        raise RecordingError("its header is damaged: an epoch stands twice in its table")
    return tuple(_epoch(fields, number, row) for number, row in used)


def _epoch(fields: Any, number: int, row: int) -> Epoch:
    try:
        letter = epoch_name(number)
    except ValueError as fault:
        raise RecordingError(f"its header is damaged: {fault}") from None
    return Epoch(
        letter,
        _KINDS.get(fields.nEpochType[row], f"waveform of unknown type {fields.nEpochType[row]}"),
        fields.fEpochInitLevel[row],
        fields.fEpochLevelInc[row],
        fields.lEpochInitDuration[row],
        fields.lEpochDurationInc[row],
    )


def _source(code: int) -> str:
    if code not in _SOURCES:
        raise RecordingError(f"its header is damaged: a DAC plays a source of unknown kind {code}")
    return _SOURCES[code]


def _mode(code: int) -> str:
    return _MODES.get(code, f"mode {code}")


def _capacitance(telegraphed: bool, value_pF: float) -> float:
    """Membrane capacitance as the amplifier compensates it; nan where it told none, which is written as 0."""
    return value_pF if telegraphed and _is_positive(value_pF) else math.nan


def _lowpass(telegraph_Hz: float, header_Hz: float, software_Hz: float) -> Lowpass | None:
    """Lowest of the filters in a row, which is the one that counts; a file that names none has 0 or wide band.

    The type that stands beside the filter of the header is not asked: real files say there that there is none.
    """
    named = [Lowpass(telegraph_Hz, "telegraph"), Lowpass(header_Hz, "header"), Lowpass(software_Hz, "software")]
    there = [each for each in named if _is_positive(each.corner_Hz) and each.corner_Hz < _WIDEBAND_HZ]
    return min(there, key=lambda each: each.corner_Hz, default=None)


def _clamp(telegraphed: bool, mode: int) -> str:
    return {0: "voltage", 1: "current", 2: "current"}.get(mode, "") if telegraphed else ""


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _gains(range_V: float, steps: int, divisors: list[float]) -> tuple[float, ...]:
    scale = [range_V / steps / divisor if steps and divisor else math.nan for divisor in divisors]
    if not all(math.isfinite(gain) and gain != 0 for gain in scale):
        raise RecordingError("the scale of its samples is no number")
    return tuple(scale)


def _offsets(added: list[float], taken: list[float]) -> tuple[float, ...]:
    offsets = tuple(a - b for a, b in zip(added, taken, strict=True))
    if not all(map(math.isfinite, offsets)):
        raise RecordingError("the zero of its samples is no number")
    return offsets


def _sweeps(mode: int, stated: int) -> int:
    if mode == EPISODIC and stated == 0:
        raise RecordingError("it holds no sweeps")
    return 1 if mode == GAP_FREE else max(1, stated)


def _points(mode: int, samples: int, sweeps: int, channels: int, lengths: NDArray[np.int32]) -> int:
    """Samples per sweep and channel; sweeps of different length are refused, not cut into equal pieces."""
    points = samples // (sweeps * channels)
    if points == 0:
        raise RecordingError("its header gives no samples")
    stated = lengths[:sweeps] // channels
    if mode == EPISODIC and stated.size and stated.min() != stated.max():
        raise RecordingError(f"its sweeps differ in length, from {stated.min()} to {stated.max()} samples")
    if mode == EPISODIC and stated.size == sweeps and stated[0] not in (0, points):
        raise RecordingError(
            f"its sweeps have {stated[0]} samples by their table, {points} by the number of all samples"
        )
    return points


def _synch_array(content: Bytes, block: int, entries: int) -> NDArray[np.int32]:
    """Start and length of every sweep, shape (entries, 2)."""
    start = block * BLOCK
    return content[start : start + 8 * entries].view("<i4").reshape(entries, 2)


def _start_s(date: int, after_midnight_ms: int) -> float:
    """Return when a file was begun, in s from an arbitrary day by its computer's clock; nan where it names no day."""
    try:
        day = datetime.date(date // 10_000, date // 100 % 100, date % 100).toordinal()
    except ValueError:
        return math.nan
    return _DAY_S * day + after_midnight_ms / 1000


def _tags(
    content: Bytes, start: int, count: int, size: int, clock: _Clock, points: int, sweeps: int
) -> tuple[Tag, ...]:
    """Tags, each with the last sweep that had begun when it was set."""
    interval_s, tags = clock.interval_s(points), []
    for place in range(start, start + count * size, size or 1):
        time_s = unpack(content, "<i", place)[0] * clock.unit_us * 1e-6
        sweep = int(min(max(0.0, time_s / interval_s), sweeps - 1))
        tags.append(Tag(time_s, sweep, _text(content, place + 4, 56)))
    return tuple(tags)


def _text(content: Bytes, start: int, length: int) -> str:
    return _decoded(content[start : start + length].tobytes().split(b"\0")[0])


def _decoded(text: bytes) -> str:
    """Text on one line, whatever the bytes."""
    return " ".join(text.decode("cp1252", errors="replace").split())


def _unit(text: str) -> str:
    """A unit with its micro sign, in whatever code it was written, as `u`."""
    text = text.replace("Â", "").replace("Î¼", "μ")  # what UTF-8 looks like in Windows' code
    return "u" + text[1:] if text.startswith(_MICRO) else text


def _values(text: str) -> tuple[float, ...]:
    return tuple(_value(item) for item in text.split(",") if item.strip())


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2].strip()
