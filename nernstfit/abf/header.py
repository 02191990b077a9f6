"""Header of an ABF file as one record, the same for both formats.

Both formats name their fields alike (see `layout`). What they arrange differently is brought into one
shape first, `_Fields`; from there on channels, outputs, epochs and tags are made by the same functions.

Some fields are read as real files fill them, not as they are documented. Texts are bytes of Windows' code
page, with the micro sign in any of three codes. A user list of ABF2 is in use where it names a parameter,
although its `nULEnable` is 0. The type stored beside a filter is ignored: files that state a corner
give the type as none.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import layout, sections
from nernstfit.abf.layout import BLOCK, Bytes, Extent
from nernstfit.abf.records import (
    MAX_EPOCHS,
    Channel,
    Epoch,
    Lowpass,
    StimulusPlayback,
    Tag,
    UserList,
    Waveform,
    epoch_name,
)
from nernstfit.abf.texts import decoded, file_name, list_values, text_of, unit_of
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.terms import BandwidthSource

_DAY_S = 86_400.0  # seconds of a day
_FIRST_WITH_50_EPOCHS = (2, 9)  # version of the format


@dataclass(frozen=True)
class Header:
    """Header of one recording.

    Attributes
    ----------
    version, mode, rate_Hz, sweeps, points, sweep_interval_s, start_s, channels, waveforms, tags, obstacles
        As in `Recording`; of a stimulus file the name only.
    start : int
        First byte of the samples.
    stored : numpy.dtype
        Type of the samples.
    gains, offsets : tuple of float
        One per channel: value = stored * gain + offset.
    playbacks : dict of int to StimulusPlayback
        By DAC number, of the DACs that play a stimulus file.
    """

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
    start: int
    stored: np.dtype[Any]
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    playbacks: dict[int, StimulusPlayback]


@dataclass(frozen=True)
class _Fields:
    """Fields of a header in one shape for both formats, not yet interpreted.

    Attributes
    ----------
    inputs : list of namespace
        Fields of each sampled input, with its `number`, `name` and `unit`.
    outputs : list of namespace
        Fields of each DAC, with its `number`, `name`, `unit`, `stimulus_path`, `user_list` and `epochs`, the
        fields of each row of its epoch table in their order.
    protocol : namespace
        Fields of the protocol as a whole.
    synch : ndarray of int, shape (sweeps, 2)
        Start and length of every sweep; empty where the file has no synch array.
    tick_us : float
        Unit of the starts of sweeps and of the times of tags.
    sweeps, samples : int
        Numbers as stated, samples of all channels together.
    start_date, start_ms : int
        Day as 20240131, and time after midnight.
    """

    version: str
    inputs: list[SimpleNamespace]
    outputs: list[SimpleNamespace]
    protocol: SimpleNamespace
    rate_Hz: float
    tick_us: float
    sweeps: int
    samples: int
    synch: NDArray[np.int32]
    tags: Extent
    obstacles: tuple[str, ...]
    start: int
    stored: np.dtype[Any]
    start_date: int
    start_ms: int


def parse(content: Bytes) -> Header:
    """Return the header of a file.

    Parameters
    ----------
    content : ndarray of uint8
        The whole file; `check` has found no fault.

    Raises
    ------
    RecordingError
        If the header makes no sense as a recording; without the file's name.
    """
    fields = _abf1(content) if bytes(content[:4]) == layout.ABF1_SIGNATURE else _abf2(content)
    mode = fields.protocol.nOperationMode
    sweeps = _sweeps(mode, fields.sweeps)
    points = _points(fields, sweeps)
    interval_s = _sweep_interval_s(fields, points)
    return Header(
        version=fields.version,
        mode=layout.OPERATION_MODES.get(mode, f"mode {mode}"),
        rate_Hz=fields.rate_Hz,
        sweeps=sweeps,
        points=points,
        sweep_interval_s=interval_s,
        start_s=_start_s(fields.start_date, fields.start_ms),
        channels=tuple(_channel(index, entry) for index, entry in enumerate(fields.inputs)),
        waveforms=tuple(map(_waveform, fields.outputs)),
        tags=tuple(_tag(content, place, fields.tick_us, interval_s, sweeps) for place in _tag_places(fields.tags)),
        obstacles=fields.obstacles,
        start=fields.start,
        stored=fields.stored,
        gains=_gains(fields.protocol, fields.inputs),
        offsets=_offsets(fields.inputs),
        playbacks={entry.number: _playback(entry) for entry in fields.outputs if _source(entry) == "file"},
    )


# ABF1


def _abf1(content: Bytes) -> _Fields:
    header = sections.abf1_header(content)
    is_short = header.lDataSectionPtr * BLOCK < layout.ABF1_HEADER.size
    inputs = _abf1_inputs(header, is_short)
    stored = layout.SAMPLE_TYPES[header.nDataFormat]
    return _Fields(
        version=f"{round(header.fFileVersionNumber * 100) // 10 / 10:.1f}",
        inputs=inputs,
        outputs=_abf1_outputs(header, is_short),
        protocol=header,
        rate_Hz=1e6 / header.fADCSampleInterval / len(inputs),
        tick_us=header.fSynchTimeUnit if _is_positive(header.fSynchTimeUnit) else header.fADCSampleInterval,
        sweeps=header.lActualEpisodes,
        samples=header.lActualAcqLength,
        synch=_synch_array(content, header.lSynchArrayPtr, header.lSynchArraySize),
        tags=Extent(header.lTagSectionPtr, layout.TAG.size, header.lNumTagEntries),
        obstacles=("its 2 kB header holds no epoch table",) if is_short else _abf1_obstacles(header),
        start=header.lDataSectionPtr * BLOCK + header.nNumPointsIgnored * stored.itemsize,
        stored=stored,
        start_date=header.lFileStartDate,
        start_ms=1000 * header.lFileStartTime + (0 if is_short else header.nFileStartMillisecs),
    )


def _abf1_inputs(header: SimpleNamespace, is_short: bool) -> list[SimpleNamespace]:
    """Return the fields of the sampled inputs; samples lie where a short header has no telegraphs and filters."""
    every = layout.elements(layout.ABF1_HEADER, header, layout.INPUTS)
    inputs = [every[number] for number in header.nADCSamplingSeq[: header.nADCNumChannels]]
    for number, entry in zip(header.nADCSamplingSeq, inputs, strict=False):
        entry.number, entry.name, entry.unit = number, text_of(entry.sADCChannelName), unit_of(text_of(entry.sADCUnits))
        if is_short:
            entry.nTelegraphEnable, entry.fPostProcessLowpassFilter = 0, 0.0
    return inputs


def _abf1_outputs(header: SimpleNamespace, is_short: bool) -> list[SimpleNamespace]:
    outputs = layout.elements(layout.ABF1_HEADER, header, layout.ABF1_OUTPUTS)
    playing = layout.elements(layout.ABF1_HEADER, header, layout.ABF1_EPOCH_OUTPUTS)
    rows = layout.elements(layout.ABF1_HEADER, header, layout.ABF1_EPOCH_OUTPUTS * layout.ABF1_EPOCHS)
    for i, row in enumerate(rows):
        row.nEpochNum = i % layout.ABF1_EPOCHS
    for number, entry in enumerate(outputs):
        entry.number, entry.name, entry.unit = (
            number,
            text_of(entry.sDACChannelName),
            unit_of(text_of(entry.sDACChannelUnits)),
        )
        entry.epochs = rows[number * layout.ABF1_EPOCHS : (number + 1) * layout.ABF1_EPOCHS]
        entry.user_list = _abf1_user_list(entry)
        entry.nWaveformEnable, entry.stimulus_path = 0, ""
        if number < len(playing) and not is_short:
            vars(entry).update(vars(playing[number]))
            entry.stimulus_path = text_of(entry.sDACFilePath)
    return outputs


def _abf1_user_list(entry: SimpleNamespace) -> UserList | None:
    """Return the list of one DAC; one that is not enabled is ignored."""
    if not entry.nULEnable:
        return None
    return UserList(entry.nULParamToVary, list_values(text_of(entry.sULParamValueList)), bool(entry.nULRepeat))


def _abf1_obstacles(header: SimpleNamespace) -> tuple[str, ...]:
    obstacles = {
        "conditioning trains": any(header.nConditEnable),
        "P/N leak subtraction": any(header.nPNEnable),
        "alternating DAC outputs": bool(header.nAlternateDACOutputState),
    }
    return tuple(name for name, is_on in obstacles.items() if is_on)


# ABF2


def _abf2(content: Bytes) -> _Fields:
    header = sections.abf2_header(content)
    protocol = sections.abf2_entries(content, "Protocol")[0]
    strings, data, synch = _strings(content), layout.extent(content, "Data"), layout.extent(content, "SynchArray")
    version = header.fFileVersionNumber[::-1][:2]
    inputs, outputs = sections.abf2_entries(content, "ADC"), sections.abf2_entries(content, "DAC")
    rate_Hz = 1e6 / protocol.fADCSequenceInterval
    for entry in inputs:
        entry.number, entry.name = entry.nADCNum, _string(strings, entry.lADCChannelNameIndex)
        entry.unit = unit_of(_string(strings, entry.lADCUnitsIndex))
    rows = sorted(sections.abf2_entries(content, "EpochPerDAC"), key=lambda row: int(row.nEpochNum))
    lists = _abf2_user_lists(content, strings, version)
    for entry in outputs:
        entry.number, entry.name = entry.nDACNum, _string(strings, entry.lDACChannelNameIndex)
        entry.unit = unit_of(_string(strings, entry.lDACChannelUnitsIndex))
        entry.epochs = [row for row in rows if row.nDACNum == entry.number]
        entry.user_list = lists.get(entry.number)
        entry.stimulus_path = _string(strings, entry.lDACFilePathIndex) if _source(entry) == "file" else ""
    return _Fields(
        version=".".join(map(str, version)),
        inputs=inputs,
        outputs=outputs,
        protocol=protocol,
        rate_Hz=rate_Hz,
        tick_us=protocol.fSynchTimeUnit if _is_positive(protocol.fSynchTimeUnit) else 1e6 / rate_Hz / len(inputs),
        sweeps=header.lActualEpisodes,
        samples=data.entries,
        synch=_synch_array(content, synch.block, synch.entries),
        tags=layout.extent(content, "Tag"),
        obstacles=_abf2_obstacles(protocol, outputs),
        start=data.start,
        stored=layout.SAMPLE_TYPES[header.nDataFormat],
        start_date=header.uFileStartDate,
        start_ms=header.uFileStartTimeMS,
    )


def _abf2_obstacles(protocol: SimpleNamespace, outputs: Sequence[SimpleNamespace]) -> tuple[str, ...]:
    obstacles = {
        "alternating DAC outputs": bool(protocol.nAlternateDACOutputState),
        "conditioning trains": any(entry.nConditEnable for entry in outputs),
        "P/N leak subtraction": any(entry.nLeakSubtractType for entry in outputs),
    }
    return tuple(name for name, is_on in obstacles.items() if is_on)


def _abf2_user_lists(content: Bytes, strings: list[str], version: tuple[int, ...]) -> dict[int, UserList]:
    """Return the user lists by DAC: the number of a list is that of the DAC for which it was made."""
    epoch_count = MAX_EPOCHS if version >= _FIRST_WITH_50_EPOCHS else layout.ABF1_EPOCHS
    lists: dict[int, UserList] = {}
    for entry in layout.entries(content, "UserList"):
        if entry.nULParamToVary <= 0:
            continue
        if entry.nListNum in lists:
            raise RecordingError(f"its header is damaged: DAC {entry.nListNum} has two user lists")
        values = list_values(_string(strings, entry.lULParamValueListIndex))
        lists[entry.nListNum] = UserList(entry.nULParamToVary, values, bool(entry.nULRepeat), epoch_count)
    return lists


def _strings(content: Bytes) -> list[str]:
    """Return the texts of a file; they are counted from 1, and 0 means no text."""
    at = layout.extent(content, "Strings")
    body = content[at.start + layout.ABF2_ENTRIES["Strings"].size : at.start + at.entry_bytes].tobytes()
    return ["", *(decoded(text) for text in body.split(b"\0"))]


def _string(strings: list[str], index: int) -> str:
    if not 0 <= index < len(strings):
        raise RecordingError(f"its header is damaged: it asks for text {index} of {len(strings) - 1}")
    return strings[index]


# Inputs


def _channel(index: int, entry: SimpleNamespace) -> Channel:
    is_telegraphed = bool(entry.nTelegraphEnable)
    capacitance_pF = entry.fTelegraphMembraneCap  # 0 where the amplifier compensates none
    return Channel(
        index=index,
        number=entry.number,
        name=entry.name,
        unit=entry.unit,
        clamp=layout.CLAMP_MODES.get(entry.nTelegraphMode, "") if is_telegraphed else "",
        capacitance_pF=capacitance_pF if is_telegraphed and _is_positive(capacitance_pF) else math.nan,
        lowpass=_lowpass(entry),
    )


def _lowpass(entry: SimpleNamespace) -> Lowpass | None:
    """Return the lowest of the filters in series, which limits the bandwidth; None if the file states none."""
    filters = [
        Lowpass(entry.fTelegraphFilter if entry.nTelegraphEnable else 0.0, BandwidthSource.TELEGRAPH),
        Lowpass(entry.fSignalLowpassFilter, BandwidthSource.HEADER),
        Lowpass(entry.fPostProcessLowpassFilter, BandwidthSource.SOFTWARE),
    ]
    in_use = [each for each in filters if _is_positive(each.corner_Hz) and each.corner_Hz < layout.NO_FILTER_HZ]
    return min(in_use, key=lambda each: each.corner_Hz, default=None)


def _gains(protocol: SimpleNamespace, inputs: Sequence[SimpleNamespace]) -> tuple[float, ...]:
    """Return what one count of the converter is in each channel's unit."""
    divisors = [
        entry.fInstrumentScaleFactor
        * entry.fSignalGain
        * entry.fADCProgrammableGain
        * (entry.fTelegraphAdditGain if entry.nTelegraphEnable else 1.0)
        for entry in inputs
    ]
    range_V, counts = protocol.fADCRange, protocol.lADCResolution
    gains = tuple(range_V / counts / divisor if counts and divisor else math.nan for divisor in divisors)
    if not all(math.isfinite(gain) and gain != 0 for gain in gains):
        raise RecordingError("the scale of its samples is no number")
    return gains


def _offsets(inputs: Sequence[SimpleNamespace]) -> tuple[float, ...]:
    offsets = tuple(entry.fInstrumentOffset - entry.fSignalOffset for entry in inputs)
    if not all(map(math.isfinite, offsets)):
        raise RecordingError("the zero of its samples is no number")
    return offsets


# Outputs


def _waveform(entry: SimpleNamespace) -> Waveform:
    source = _source(entry)
    return Waveform(
        number=entry.number,
        name=entry.name,
        unit=entry.unit,
        holding=entry.fDACHoldingLevel,
        source=source,
        epochs=_epochs(entry.epochs) if source == "epochs" else (),
        keeps_last_level=bool(entry.nWaveformEnable and entry.nInterEpisodeLevel),
        user_list=entry.user_list if source == "epochs" else None,
        stimulus_file=file_name(entry.stimulus_path) if source == "file" else "",
    )


def _source(entry: SimpleNamespace) -> str:
    if not entry.nWaveformEnable:
        return "none"
    if entry.nWaveformSource not in layout.WAVEFORM_SOURCES:
        raise RecordingError(f"its header is damaged: a DAC plays a waveform of unknown source {entry.nWaveformSource}")
    return layout.WAVEFORM_SOURCES[entry.nWaveformSource]


def _playback(entry: SimpleNamespace) -> StimulusPlayback:
    return StimulusPlayback(entry.fDACFileScale, entry.fDACFileOffset, entry.lDACFileEpisodeNum, entry.nDACFileADCNum)


def _epochs(rows: Sequence[SimpleNamespace]) -> tuple[Epoch, ...]:
    """Return the epochs that are not switched off."""
    used = [row for row in rows if layout.EPOCH_KINDS.get(row.nEpochType) != "off"]
    if len({row.nEpochNum for row in used}) != len(used):
        raise RecordingError("its header is damaged: its epoch table has two rows of the same epoch")
    return tuple(map(_epoch, used))


def _epoch(row: SimpleNamespace) -> Epoch:
    try:
        letter = epoch_name(row.nEpochNum)
    except ValueError as fault:
        raise RecordingError(f"its header is damaged: {fault}") from None
    return Epoch(
        letter,
        layout.EPOCH_KINDS.get(row.nEpochType, f"waveform of unknown type {row.nEpochType}"),
        row.fEpochInitLevel,
        row.fEpochLevelInc,
        row.lEpochInitDuration,
        row.lEpochDurationInc,
    )


# Sweeps and times


def _sweeps(mode: int, stated: int) -> int:
    if mode == layout.EPISODIC and stated == 0:
        raise RecordingError("it holds no sweeps")
    return 1 if mode == layout.GAP_FREE else max(1, stated)


def _points(fields: _Fields, sweeps: int) -> int:
    """Return the samples per sweep and channel; sweeps of different length are refused, not cut to equal pieces."""
    channels, is_episodic = len(fields.inputs), fields.protocol.nOperationMode == layout.EPISODIC
    points = fields.samples // (sweeps * channels)
    if points == 0:
        raise RecordingError("its header gives no samples")
    stated = fields.synch[:sweeps, 1] // channels
    if is_episodic and stated.size and stated.min() != stated.max():
        raise RecordingError(f"its sweeps differ in length, from {stated.min()} to {stated.max()} samples")
    if is_episodic and stated.size == sweeps and stated[0] not in (0, points):
        raise RecordingError(
            f"its sweeps have {stated[0]} samples by their table, {points} by the number of all samples"
        )
    return points


def _synch_array(content: Bytes, block: int, sweeps: int) -> NDArray[np.int32]:
    """Return start and length of every sweep, shape (sweeps, 2)."""
    start = block * BLOCK
    return content[start : start + layout.SYNCH.size * sweeps].view("<i4").reshape(sweeps, 2)


def _sweep_interval_s(fields: _Fields, points: int) -> float:
    """Return the time from sweep to sweep: as stated, else by the sweeps' starts, else their length."""
    stated = float(fields.protocol.fEpisodeStartToStart)
    if _is_positive(stated):
        return stated
    steps = np.diff(fields.synch[:, 0].astype(np.int64))
    if steps.size and steps.min() > 0:
        return float(np.median(steps)) * fields.tick_us * 1e-6
    return points / fields.rate_Hz


def _start_s(date: int, after_midnight_ms: int) -> float:
    """Return the start of the recording in s from an arbitrary day, by its computer's clock; nan without a day."""
    try:
        day = datetime.date(date // 10_000, date // 100 % 100, date % 100).toordinal()
    except ValueError:
        return math.nan
    return _DAY_S * day + after_midnight_ms / 1000


def _tag_places(tags: Extent) -> Iterator[int]:
    return (tags.start + i * tags.entry_bytes for i in range(tags.entries))


def _tag(content: Bytes, place: int, tick_us: float, interval_s: float, sweeps: int) -> Tag:
    """Return a tag with the last sweep that had begun when it was set."""
    entry = layout.TAG.unpack(content, place)
    time_s = entry.lTagTime * tick_us * 1e-6
    sweep = int(min(max(0.0, time_s / interval_s), sweeps - 1))
    return Tag(time_s, sweep, text_of(entry.sComment))


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0
