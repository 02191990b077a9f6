"""ABF 2.6: header, table of sections, and the sections in the order of `_sections`.

Readers find the first string by looking for the last pair of zero bytes, so an empty string must never be
stored. pyABF takes the last string for the user list, so that one comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nernstfit.abf import layout
from nernstfit.abf.layout import ABF2_ENTRIES, ABF2_HEADER, ABF2_SECTION, BLOCK, Value
from nernstfit.simulate import abf_parts
from nernstfit.simulate.abf_parts import blocks, encoded, epoch_number, filled
from nernstfit.simulate.recording import (
    CLAMP_CODES,
    CONVERTER_RANGE_V,
    CONVERTER_STEPS,
    EPOCH_CODES,
    EpisodicRecording,
    OutputChannel,
    plays_epochs,
)

_OUTPUTS = 8  # entries that Clampex 10.7 writes even where the digitizer has four
_DIGIDATA_1440 = 6  # code of the digitizer


class _Strings:
    """Strings of a file in their order; adding one gives the place by which others refer to it."""

    def __init__(self) -> None:
        self._encoded: list[bytes] = []

    def add(self, text: str, label: str) -> int:
        if not text:
            return 0
        self._encoded.append(encoded(text, label))
        return len(self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)

    def pack(self) -> bytes:
        body = b"".join(text + b"\0" for text in self._encoded)
        header = ABF2_ENTRIES["Strings"].pack(
            {
                "sSignature": layout.STRINGS_SIGNATURE,
                "uVersion": 1,
                "uStringCount": len(self._encoded),
                "uLongestString": max(map(len, self._encoded)),
                "uStringBytes": len(body),
            }
        )
        return header + body


@dataclass(frozen=True)
class _Section:
    """One section of a file; `entry_bytes` is the size that the table of sections states."""

    content: bytes
    entry_bytes: int
    entries: int


def _section(entries: Sequence[bytes]) -> _Section:
    return _Section(b"".join(entries), len(entries[0]) if entries else 0, len(entries))


def pack(recording: EpisodicRecording) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    ValueError
        If the recording does not fit into the format.
    """
    strings = _Strings()
    creator_index = strings.add(abf_parts.CREATOR, "creator")
    protocol_index = strings.add(abf_parts.PROTOCOL_PATH, "protocol path")
    sections = _sections(recording, strings)
    header = ABF2_HEADER.pack(
        {
            "sFileSignature": layout.ABF2_SIGNATURE,
            "fFileVersionNumber": (0, 0, 6, 2),
            "uFileInfoSize": BLOCK,
            "lActualEpisodes": recording.sweeps,
            "uFileStartDate": abf_parts.FILE_DATE,
            "nFileType": 1,
            "nDataFormat": recording.format_code,
            "nSimultaneousScan": 1,
            "uCreatorVersion": abf_parts.CREATOR_VERSION[::-1],
            "uCreatorNameIndex": creator_index,
            "uProtocolPathIndex": protocol_index,
        }
    )
    places = _section_places(sections)
    table = b"".join(_table_entry(sections, places, name) for name in layout.ABF2_SECTIONS)
    content = b"".join(filled(section.content) for section in sections.values())
    # pyABF reads the section of strings once for each string, one copy after the other: a short file must
    # go on for as long.
    least = places["Strings"] * BLOCK + sections["Strings"].entry_bytes * sections["Strings"].entries
    return filled((filled(header + table) + content).ljust(least, b"\0"))


def _sections(recording: EpisodicRecording, strings: _Strings) -> dict[str, _Section]:
    """Return the sections in the order of the file; those before the section of strings add to it."""
    sections = {
        "Protocol": _section([_protocol(recording, strings)]),
        "ADC": _section([_input(recording, channel, strings) for channel in recording.channels]),
        "DAC": _section([_output(recording, number, strings) for number in range(_OUTPUTS)]),
        "EpochPerDAC": _section(_epochs_per_dac(recording)),
        "Epoch": _section(_epochs(recording)),
        "UserList": _section(_user_lists(recording, strings)),
    }
    packed = strings.pack()
    return sections | {
        "Strings": _Section(packed, len(packed), len(strings)),
        "Data": _Section(recording.stored.tobytes(), recording.stored.itemsize, recording.stored.size),
        "SynchArray": _section(abf_parts.synch_array(recording)),
        "Tag": _section(abf_parts.tag_entries(recording)),
    }


def _section_places(sections: Mapping[str, _Section]) -> dict[str, int]:
    """Return the number of the block on which each section starts."""
    places: dict[str, int] = {}
    block = 1
    for name, section in sections.items():
        places[name] = block
        block += blocks(len(section.content))
    return places


def _table_entry(sections: Mapping[str, _Section], places: Mapping[str, int], name: str) -> bytes:
    if name not in sections or not sections[name].entries:
        return bytes(ABF2_SECTION.size)
    return ABF2_SECTION.pack(
        {
            "uBlockIndex": places[name],
            "uBytes": sections[name].entry_bytes,
            "llNumEntries": sections[name].entries,
        }
    )


def _protocol(recording: EpisodicRecording, strings: _Strings) -> bytes:
    return ABF2_ENTRIES["Protocol"].pack(
        {
            "nOperationMode": layout.EPISODIC,
            "fADCSequenceInterval": 1e6 / recording.rate_Hz,
            "uFileCompressionRatio": 1,
            "fSynchTimeUnit": recording.tick_us,
            "lNumSamplesPerEpisode": recording.samples_per_sweep,
            "lEpisodesPerRun": recording.sweeps,
            "lRunsPerTrial": 1,
            "lNumberOfTrials": 1,
            "fEpisodeStartToStart": recording.sweep_interval_s,
            "lAverageCount": 1,
            "lSamplesPerTrace": recording.samples_per_sweep,
            "lFinishDisplayNum": recording.samples_per_sweep,
            "fADCRange": CONVERTER_RANGE_V,
            "fDACRange": CONVERTER_RANGE_V,
            "lADCResolution": CONVERTER_STEPS,
            "lDACResolution": CONVERTER_STEPS,
            "nCommentsEnable": 1,
            "lFileCommentIndex": strings.add(recording.comment, "comment"),
            "nSignalType": recording.signal_type,
            "nActiveDACChannel": recording.active_dac,
            "nDigitizerADCs": layout.INPUTS,
            "nDigitizerDACs": layout.ABF1_OUTPUTS,
            "nDigitizerTotalDigitalOuts": 16,
            "nDigitizerSynchDigitalOuts": 8,
            "nDigitizerType": _DIGIDATA_1440,
        }
    )


def _input(recording: EpisodicRecording, channel: OutputChannel, strings: _Strings) -> bytes:
    values: dict[str, Value] = {
        "nADCNum": channel.number,
        "fTelegraphAdditGain": 1.0,
        "fTelegraphFilter": layout.NO_FILTER_HZ,
        "nADCPtoLChannelMap": channel.number,
        "fADCProgrammableGain": 1.0,
        "fADCDisplayAmplification": 1.0,
        "fInstrumentScaleFactor": recording.scale_factor(channel),
        "fSignalGain": channel.signal_gain,
        "fSignalOffset": channel.signal_offset,
        "fSignalLowpassFilter": channel.lowpass_Hz if channel.telegraph_gain is None else layout.NO_FILTER_HZ,
        "fPostProcessLowpassFilter": layout.NO_FILTER_HZ,
        "nStatsChannelPolarity": 1,
        "lADCChannelNameIndex": strings.add(channel.name, "channel name"),
        "lADCUnitsIndex": strings.add(channel.unit, "unit"),
    }
    if channel.telegraph_gain is not None:
        values |= {
            "nTelegraphEnable": 1,
            "nTelegraphInstrument": abf_parts.MULTICLAMP_700,
            "fTelegraphAdditGain": channel.telegraph_gain,
            "nTelegraphMode": CLAMP_CODES[channel.clamp],
            "fTelegraphMembraneCap": channel.capacitance_pF,
            "fTelegraphFilter": channel.lowpass_Hz,
        }
    return ABF2_ENTRIES["ADC"].pack(values)


def _output(recording: EpisodicRecording, number: int, strings: _Strings) -> bytes:
    waveform = recording.driven.get(number, abf_parts.idle_waveform(number))
    return ABF2_ENTRIES["DAC"].pack(
        {
            "nDACNum": number,
            "fDACScaleFactor": abf_parts.DAC_SCALE_MV_PER_V,
            "fDACHoldingLevel": waveform.holding,
            "fDACCalibrationFactor": 1.0,
            "lDACChannelNameIndex": strings.add(waveform.name, "DAC name"),
            "lDACChannelUnitsIndex": strings.add(waveform.unit, "unit"),
            "nWaveformEnable": int(plays_epochs(waveform)),
            "nWaveformSource": int(plays_epochs(waveform)),
            "nInterEpisodeLevel": int(waveform.keeps_last_level),
            "fDACFileScale": 1.0,
        }
    )


def _epochs_per_dac(recording: EpisodicRecording) -> list[bytes]:
    return [
        ABF2_ENTRIES["EpochPerDAC"].pack(
            {
                "nEpochNum": epoch_number(epoch),
                "nDACNum": number,
                "nEpochType": EPOCH_CODES[epoch.kind],
                "fEpochInitLevel": epoch.level,
                "fEpochLevelInc": epoch.level_increment,
                "lEpochInitDuration": epoch.duration,
                "lEpochDurationInc": epoch.duration_increment,
            }
        )
        for number, waveform in sorted(recording.driven.items())
        for epoch in sorted(waveform.epochs, key=epoch_number)
    ]


def _epochs(recording: EpisodicRecording) -> list[bytes]:
    """Return the digital outputs of each epoch in use, all low."""
    numbers = {epoch_number(epoch) for waveform in recording.waveforms for epoch in waveform.epochs}
    return [ABF2_ENTRIES["Epoch"].pack({"nEpochNum": number}) for number in sorted(numbers)]


def _user_lists(recording: EpisodicRecording, strings: _Strings) -> list[bytes]:
    return [
        ABF2_ENTRIES["UserList"].pack(
            {
                "nListNum": number,
                "nULEnable": 1,
                "nULParamToVary": waveform.user_list.parameter,
                "nULRepeat": int(waveform.user_list.repeat),
                "lULParamValueListIndex": strings.add(abf_parts.user_list_text(waveform.user_list), "user list"),
            }
        )
        for number, waveform in sorted(recording.driven.items())
        if waveform.user_list is not None
    ]
