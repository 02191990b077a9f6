"""Header of an ABF file as one record, the same for both formats.

Both formats name their fields alike (see `layout`). What they arrange differently is brought into one
shape first, `_Fields`; from there on channels, outputs, epochs and tags are made by the same functions.

Some fields are read as real files fill them, not as they are documented. Texts are bytes of Windows' code
page, with the micro sign in any of three codes. A user list of ABF2 is in use where it names a parameter,
although its `nULEnable` is 0. The type stored beside a filter is ignored: files that state a corner
give the type as none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

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
from nernstfit.abf.sweeps import StatedSweeps, start_s, synch_array
from nernstfit.abf.texts import decoded, file_name, list_values, text_of, unit_of
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import BandwidthSource

_FIRST_WITH_50_EPOCHS = (2, 9)  # version of the format


@dataclass(frozen=True)
class Header:
    """Header of one recording.

    Attributes
    ----------
    version, mode, rate_Hz, sweeps, points, sweep_interval_s, start_s, comment, channels, waveforms, tags, obstacles
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
    comment: str
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
    stated : StatedSweeps
    start_date, start_ms : int
        Day as 20240131, and time after midnight.
    """

    version: str
    inputs: list[SimpleNamespace]
    outputs: list[SimpleNamespace]
    protocol: SimpleNamespace
    stated: StatedSweeps
    comment: str
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
    stated = fields.stated
    return Header(
        version=fields.version,
        mode=layout.OPERATION_MODES.get(stated.mode, f"mode {stated.mode}"),
        rate_Hz=stated.rate_Hz,
        sweeps=stated.number(),
        points=stated.points(),
        sweep_interval_s=stated.interval(),
        start_s=start_s(fields.start_date, fields.start_ms),
        comment=fields.comment,
        channels=tuple(
            _channel(index, entry, bool(fields.protocol.nSignalType)) for index, entry in enumerate(fields.inputs)
        ),
        waveforms=tuple(_waveform(entry, fields.protocol.fDACRange) for entry in fields.outputs),
        tags=tuple(_tag(content, place, stated) for place in _tag_places(fields.tags)),
        obstacles=fields.obstacles,
        start=fields.start,
        stored=fields.stored,
        gains=_gains(fields.protocol, fields.inputs),
        offsets=_offsets(fields.protocol, fields.inputs),
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
        stated=StatedSweeps(
            mode=header.nOperationMode,
            count=header.lActualEpisodes,
            samples=header.lActualAcqLength,
            samples_per_sweep=header.lNumSamplesPerEpisode,
            channels=len(inputs),
            rate_Hz=1e6 / header.fADCSampleInterval / len(inputs),
            interval_s=header.fEpisodeStartToStart,
            synch=synch_array(content, header.lSynchArrayPtr, header.lSynchArraySize),
            tick_us=header.fSynchTimeUnit if _is_positive(header.fSynchTimeUnit) else header.fADCSampleInterval,
        ),
        comment=text_of(header._sFileComment if is_short else header.sFileComment),
        tags=Extent(header.lTagSectionPtr, layout.TAG.size, header.lNumTagEntries),
        obstacles=("its 2 kB header holds no epoch table",) if is_short else _obstacles(header),
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
        entry.nWaveformEnable, entry.nConditEnable, entry.nPNEnable, entry.stimulus_path = 0, 0, 0, ""
        if number < len(playing) and not is_short:
            vars(entry).update(vars(playing[number]))
            entry.stimulus_path = text_of(entry.sDACFilePath)
        entry.nLeakSubtractType = entry.nPNEnable
    return outputs


def _abf1_user_list(entry: SimpleNamespace) -> UserList | None:
    """Return the list of one DAC; one that is not enabled is ignored."""
    if not entry.nULEnable:
        return None
    return UserList(entry.nULParamToVary, list_values(text_of(entry.sULParamValueList)), bool(entry.nULRepeat))


def _obstacles(protocol: SimpleNamespace) -> tuple[str, ...]:
    return ("alternating DAC outputs",) if protocol.nAlternateDACOutputState else ()


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
        stated=StatedSweeps(
            mode=protocol.nOperationMode,
            count=header.lActualEpisodes,
            samples=data.entries,
            samples_per_sweep=protocol.lNumSamplesPerEpisode,
            channels=len(inputs),
            rate_Hz=rate_Hz,
            interval_s=protocol.fEpisodeStartToStart,
            synch=synch_array(content, synch.block, synch.entries),
            tick_us=protocol.fSynchTimeUnit if _is_positive(protocol.fSynchTimeUnit) else 1e6 / rate_Hz / len(inputs),
        ),
        comment=_comment(strings, protocol.lFileCommentIndex),
        tags=layout.extent(content, "Tag"),
        obstacles=_obstacles(protocol),
        start=data.start,
        stored=layout.SAMPLE_TYPES[header.nDataFormat],
        start_date=header.uFileStartDate,
        start_ms=header.uFileStartTimeMS,
    )


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


def _comment(strings: list[str], index: int) -> str:
    """Return the file's own comment; nothing depends on it, so that a wrong place gives none."""
    return strings[index] if 0 <= index < len(strings) else ""


def _string(strings: list[str], index: int) -> str:
    if not 0 <= index < len(strings):
        raise RecordingError(f"its header is damaged: it asks for text {index} of {len(strings) - 1}")
    return strings[index]


# Inputs


def _channel(index: int, entry: SimpleNamespace, has_conditioner: bool) -> Channel:
    is_telegraphed = bool(entry.nTelegraphEnable)
    capacitance_pF = entry.fTelegraphMembraneCap  # 0 where the amplifier compensates none
    filters = _filters(entry)
    return Channel(
        index=index,
        number=entry.number,
        name=entry.name,
        unit=entry.unit,
        clamp=layout.CLAMP_MODES.get(entry.nTelegraphMode, "") if is_telegraphed else "",
        capacitance_pF=capacitance_pF if is_telegraphed and _is_positive(capacitance_pF) else math.nan,
        lowpass=_lowest(filters),
        in_effect=_lowest(each for each in filters if has_conditioner or each.source is not BandwidthSource.HEADER),
    )


def _filters(entry: SimpleNamespace) -> list[Lowpass]:
    """Return the filters in series that the file states."""
    stated = (
        Lowpass(entry.fTelegraphFilter if entry.nTelegraphEnable else 0.0, BandwidthSource.TELEGRAPH),
        Lowpass(entry.fSignalLowpassFilter, BandwidthSource.HEADER),
        Lowpass(entry.fPostProcessLowpassFilter, BandwidthSource.SOFTWARE),
    )
    return [each for each in stated if _is_positive(each.corner_Hz) and each.corner_Hz < layout.NO_FILTER_HZ]


def _lowest(filters: Iterable[Lowpass]) -> Lowpass | None:
    """Return the filter with the lowest corner, which limits the bandwidth; None without any."""
    return min(filters, key=lambda each: each.corner_Hz, default=None)


def _gains(protocol: SimpleNamespace, inputs: Sequence[SimpleNamespace]) -> tuple[float, ...]:
    """Return what one count of the converter is in each channel's unit."""
    divisors = [
        entry.fInstrumentScaleFactor
        * (entry.fSignalGain if protocol.nSignalType else 1.0)
        * entry.fADCProgrammableGain
        * (entry.fTelegraphAdditGain if entry.nTelegraphEnable else 1.0)
        for entry in inputs
    ]
    range_V, counts = protocol.fADCRange, protocol.lADCResolution
    gains = tuple(range_V / counts / divisor if counts and divisor else math.nan for divisor in divisors)
    if not all(math.isfinite(gain) and gain != 0 for gain in gains):
        raise RecordingError("the scale of its samples is no number")
    return gains


def _offsets(protocol: SimpleNamespace, inputs: Sequence[SimpleNamespace]) -> tuple[float, ...]:
    """Return what a count of 0 is in each channel's unit."""
    has_conditioner = bool(protocol.nSignalType)
    offsets = tuple(entry.fInstrumentOffset - (entry.fSignalOffset if has_conditioner else 0.0) for entry in inputs)
    if not all(map(math.isfinite, offsets)):
        raise RecordingError("the zero of its samples is no number")
    return offsets


# Outputs


def _waveform(entry: SimpleNamespace, range_V: float) -> Waveform:
    source, limit = _source(entry), abs(range_V * entry.fDACScaleFactor)
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
        limits=(-limit, limit) if _is_positive(limit) else (-math.inf, math.inf),
        outside=tuple(_outside(entry)),
    )


def _outside(entry: SimpleNamespace) -> Iterator[Flag]:
    """Yield the parts of the protocol that are played outside the stored sweeps."""
    if entry.nConditEnable:
        yield Flag.CONDITIONING_TRAIN
    if entry.nLeakSubtractType:
        yield Flag.ONLINE_SUBTRACTION


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


# Tags


def _tag_places(tags: Extent) -> Iterator[int]:
    return (tags.start + i * tags.entry_bytes for i in range(tags.entries))


def _tag(content: Bytes, place: int, stated: StatedSweeps) -> Tag:
    """Return a tag with the last sweep that had begun when it was set."""
    entry = layout.TAG.unpack(content, place)
    time_s = entry.lTagTime * stated.tick_us * 1e-6
    return Tag(time_s, stated.at(time_s), text_of(entry.sComment))


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0
