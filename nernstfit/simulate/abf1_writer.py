"""ABF 1.84: header, samples, synch array and tags, in this order."""

from __future__ import annotations

from typing import Any

from nernstfit.abf import layout
from nernstfit.abf.layout import ABF1_EPOCH_OUTPUTS, ABF1_EPOCHS, ABF1_HEADER, ABF1_OUTPUTS, INPUTS, Value
from nernstfit.abf.records import Waveform
from nernstfit.simulate import abf_parts
from nernstfit.simulate.abf_parts import blocks, filled, padded
from nernstfit.simulate.recording import (
    CLAMP_CODES,
    CONVERTER_RANGE_V,
    CONVERTER_STEPS,
    EPOCH_CODES,
    EpisodicRecording,
    OutputChannel,
    plays_epochs,
)


def pack(recording: EpisodicRecording) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    ValueError
        If the recording does not fit into the format.
    """
    data = filled(recording.stored.tobytes())
    synch_array = filled(b"".join(abf_parts.synch_array(recording)))
    tags = filled(b"".join(abf_parts.tag_entries(recording)))
    data_block = blocks(ABF1_HEADER.size)
    synch_block = data_block + blocks(len(data))
    places: dict[str, Value] = {
        "lDataSectionPtr": data_block,
        "lSynchArrayPtr": synch_block,
        "lSynchArraySize": recording.sweeps,
        "lTagSectionPtr": synch_block + blocks(len(synch_array)) if tags else 0,
        "lNumTagEntries": len(recording.tags),
    }
    header = ABF1_HEADER.pack(
        _file(recording)
        | places
        | _timing(recording)
        | _inputs(recording)
        | _outputs(recording)
        | _playing(recording)
        | _epochs(recording)
    )
    return header + data + synch_array + tags


def _file(recording: EpisodicRecording) -> dict[str, Value]:
    major, minor, bugfix, build = abf_parts.CREATOR_VERSION
    return {
        "lFileSignature": layout.ABF1_SIGNATURE,
        "fFileVersionNumber": 1.84,
        "fHeaderVersionNumber": 1.84,
        "nOperationMode": layout.EPISODIC,
        "lActualAcqLength": recording.stored.size,
        "lActualEpisodes": recording.sweeps,
        "lFileStartDate": abf_parts.FILE_DATE,
        "nFileType": 1,
        "nDataFormat": recording.format_code,
        "fADCRange": CONVERTER_RANGE_V,
        "fDACRange": CONVERTER_RANGE_V,
        "lADCResolution": CONVERTER_STEPS,
        "lDACResolution": CONVERTER_STEPS,
        "sCreatorInfo": _text("sCreatorInfo", abf_parts.CREATOR, "creator"),
        "sProtocolPath": _text("sProtocolPath", abf_parts.PROTOCOL_PATH, "protocol path"),
        "sFileComment": _text("sFileComment", recording.comment, "comment"),
        "nCreatorMajorVersion": major,
        "nCreatorMinorVersion": minor,
        "nCreatorBugfixVersion": bugfix,
        "nCreatorBuildVersion": build,
    }


def _timing(recording: EpisodicRecording) -> dict[str, Value]:
    return {
        "nADCNumChannels": len(recording.channels),
        "fADCSampleInterval": 1e6 / recording.rate_Hz / len(recording.channels),
        "fSynchTimeUnit": recording.tick_us,
        "lNumSamplesPerEpisode": recording.samples_per_sweep,
        "lEpisodesPerRun": recording.sweeps,
        "lRunsPerTrial": 1,
        "lNumberOfTrials": 1,
        "fEpisodeStartToStart": recording.sweep_interval_s,
        "lAverageCount": 1,
        "lSamplesPerTrace": recording.samples_per_sweep,
        "lFinishDisplayNum": recording.samples_per_sweep,
    }


def _text(field: str, text: str, label: str) -> bytes:
    """Return a text as long as one item of its field."""
    return padded(text, ABF1_HEADER.fields[field].item_bytes, label)


def _columns(rows: list[dict[str, Any]]) -> dict[str, Value]:
    """Return arrays of fields from the fields of each element."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _inputs(recording: EpisodicRecording) -> dict[str, Value]:
    described = {channel.number: channel for channel in recording.channels}
    sampled = list(described)
    return _columns([_input(recording, number, described.get(number)) for number in range(INPUTS)]) | {
        "nADCSamplingSeq": sampled + [-1] * (INPUTS - len(sampled)),
        "nSignalType": recording.signal_type,
    }


def _input(recording: EpisodicRecording, number: int, channel: OutputChannel | None) -> dict[str, Any]:
    entry = {
        "nADCPtoLChannelMap": number,
        "sADCChannelName": _text("sADCChannelName", channel.name if channel else f"AI #{number}", "channel name"),
        "sADCUnits": _text("sADCUnits", channel.unit if channel else "mV", "unit"),
        "fADCProgrammableGain": 1.0,
        "fADCDisplayAmplification": 1.0,
        "fInstrumentScaleFactor": recording.scale_factor(channel) if channel else 1.0,
        "fSignalGain": channel.signal_gain if channel else 1.0,
        "fSignalOffset": channel.signal_offset if channel else 0.0,
        "fSignalLowpassFilter": layout.NO_FILTER_HZ,
        "nTelegraphEnable": 0,
        "nTelegraphInstrument": 0,
        "fTelegraphAdditGain": 1.0,
        "fTelegraphFilter": layout.NO_FILTER_HZ,
        "fTelegraphMembraneCap": 0.0,
        "nTelegraphMode": 0,
    }
    if channel and channel.telegraph_gain is None:
        entry["fSignalLowpassFilter"] = channel.lowpass_Hz
    elif channel:
        entry |= {
            "nTelegraphEnable": 1,
            "nTelegraphInstrument": abf_parts.MULTICLAMP_700,
            "fTelegraphAdditGain": channel.telegraph_gain,
            "fTelegraphFilter": channel.lowpass_Hz,
            "fTelegraphMembraneCap": channel.capacitance_pF,
            "nTelegraphMode": CLAMP_CODES[channel.clamp],
        }
    return entry


def _outputs(recording: EpisodicRecording) -> dict[str, Value]:
    described = recording.driven
    outputs = [described.get(number, abf_parts.idle_waveform(number)) for number in range(ABF1_OUTPUTS)]
    return _columns([_output(waveform) for waveform in outputs]) | {"nActiveDACChannel": recording.active_dac}


def _output(waveform: Waveform) -> dict[str, Any]:
    user_list = waveform.user_list
    text = abf_parts.user_list_text(user_list) if user_list else ""
    return {
        "sDACChannelName": _text("sDACChannelName", waveform.name, "DAC name"),
        "sDACChannelUnits": _text("sDACChannelUnits", waveform.unit, "unit"),
        "fDACScaleFactor": abf_parts.DAC_SCALE_MV_PER_V,
        "fDACHoldingLevel": waveform.holding,
        "fDACCalibrationFactor": 1.0,
        "nULEnable": int(user_list is not None),
        "nULParamToVary": user_list.parameter if user_list else 0,
        "sULParamValueList": _text("sULParamValueList", text, "user list"),
        "nULRepeat": int(user_list.repeat) if user_list else 0,
    }


def _playing(recording: EpisodicRecording) -> dict[str, Value]:
    """Return the fields of the outputs that can play epochs."""
    described = recording.driven
    for number in range(ABF1_EPOCH_OUTPUTS, ABF1_OUTPUTS):
        waveform = described.get(number, abf_parts.idle_waveform(number))
        if plays_epochs(waveform) or waveform.epochs or waveform.keeps_last_level:
            raise ValueError(f"ABF 1.84 has epochs for the DACs 0 and 1 only, not for DAC {number}.")
    outputs = [described.get(number, abf_parts.idle_waveform(number)) for number in range(ABF1_EPOCH_OUTPUTS)]
    return _columns(
        [
            {
                "nWaveformEnable": int(plays_epochs(waveform)),
                "nWaveformSource": int(plays_epochs(waveform)),
                "nInterEpisodeLevel": int(waveform.keeps_last_level),
                "fDACFileScale": 1.0,
                "sDACFilePath": _text("sDACFilePath", "", "path"),
            }
            for waveform in outputs
        ]
    )


def _epochs(recording: EpisodicRecording) -> dict[str, Value]:
    unused = {
        "nEpochType": 0,
        "fEpochInitLevel": 0.0,
        "fEpochLevelInc": 0.0,
        "lEpochInitDuration": 0,
        "lEpochDurationInc": 0,
    }
    rows: list[dict[str, Any]] = [unused] * (ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS)
    for number, waveform in recording.driven.items():
        for epoch in waveform.epochs:
            rows[number * ABF1_EPOCHS + abf_parts.epoch_number(epoch)] = {
                "nEpochType": EPOCH_CODES[epoch.kind],
                "fEpochInitLevel": epoch.level,
                "fEpochLevelInc": epoch.level_increment,
                "lEpochInitDuration": epoch.duration,
                "lEpochDurationInc": epoch.duration_increment,
            }
    return _columns(rows)
