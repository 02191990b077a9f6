"""Writes episodic recordings as ABF 2.6 or ABF 1.84, with the header and epoch table Clampex writes.

The simulator needs files that real readers take for recordings: samples, channels and protocol together.
Both formats are made here from the same arguments. What a reader finds in them is this.

*Common to both.* A file is cut into blocks of 512 bytes, and whatever the header points to starts on a
block. All numbers are little-endian. Samples are float32 in the channel's unit, or int16 from a converter
of +-10 V in 32,768 steps either way; the channels of one instant stand side by side in the order of
sampling, and the sweeps follow one another without a gap. A reader turns a count into a physical value as

    value = count * 10 V / 32768 / (scale factor * telegraph gain)

with the scale factor in volts per unit, and without the telegraph gain where the telegraph is disabled.
Here a channel states its full scale in its own unit; the scale factor is derived from it, so that the
full scale means the same with and without a telegraph. The *synch array* gives start and length of each
sweep: the length in samples of all channels together, the start in units of `fSynchTimeUnit`
microseconds. One unit is here the time from one converted sample to the next, whatever their channels.
Tag times are in the same unit. Epoch durations are in samples per channel. An epoch's number is its
letter's place (A is 0), its kind a code. The values of a user list are kept as text with commas.

*ABF 1.84* has one header of 6,144 bytes with every field at a fixed place. Arrays with 16 entries belong
to the 16 physical inputs, not to the sampled channels: `nADCSamplingSeq` names the inputs in their order
of sampling and is filled up with -1. Only DAC 0 and DAC 1 have epochs, in arrays of 20, ten for each.
Text is padded with spaces. The sample interval is that of the multiplexed samples, 1 / (rate *
channels). Samples, synch array and tags follow in this order.

*ABF 2.6* has a first block with a table of 18 sections: for each its block, the size of an entry and the
number of entries, or zeros where there is none. The sections follow in the order of `_sections`. Text
stands in one section of strings: 44 bytes of header, then the strings, each ended by a zero byte and
known elsewhere by its place counted from 1; place 0 means no text. Readers find the first string by
looking for the last pair of zero bytes, so an empty string must never be stored. pyabf takes the last
string for the user list, so that one comes last. The sample interval is that of one channel.

Nothing depends on the clock or on chance: dates are fixed, the file's identifier is zero, and the same
arguments give the same bytes. Fields that stand in no table here are zero.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.records import EPOCH_LETTERS, Epoch, Tag, UserList, Waveform

_BLOCK = 512
_EPISODIC = 5
_CONVERTER_RANGE_V = 10.0
_CONVERTER_STEPS = 32768
_INPUTS = 16
_OUTPUTS = 4
_MAX_CHANNELS = 8
_MAX_EPOCHS = 10
_MAX_DRIVEN_OUTPUTS = 2
_DATA_FORMATS = {"int16": "<i2", "float32": "<f4"}  # in the order of their codes
_EPOCH_CODES = {"off": 0, "step": 1, "ramp": 2}
_CLAMP_CODES = {"voltage": 0, "current": 1, "": 0}
_NO_FILTER_HZ = 100000.0
_MULTICLAMP_700 = 24
_COMMENT_TAG = 1
_USER_LIST_WIDTH = 256  # ABF1 only
_FILE_DATE = 20200101
_CREATOR = "Clampex"
_CREATOR_VERSION = (10, 7, 0, 3)
_PROTOCOL_PATH = "simulated.pro"  # pyabf reports no protocol without this ending
_COMMENT = "Simulated by nernstfit, not recorded"

_Value = int | float | bytes | Sequence[int] | Sequence[float] | Sequence[bytes]


@dataclass(frozen=True)
class OutputChannel:
    """
    One sampled input as written.

    Parameters
    ----------
    name
        Name of the input, at most 10 bytes in ABF 1.84.
    unit
        Unit of the samples as stored in the file, "pA" for instance, at most 8 bytes in ABF 1.84.
    number
        Physical input of the digitizer, 0 to 15. The order of a list of channels is the order of sampling.
    full_scale
        Value in `unit` that fills the converter in either direction, telegraph gain included.
    telegraph_gain
        Additional gain the amplifier telegraphed, or None where the telegraph is disabled.
    lowpass_Hz
        Corner of the low-pass filter: telegraphed by the amplifier where the telegraph is enabled, else as
        if entered by hand; 100000 is none.
    capacitance_pF
        Of the membrane, written where the telegraph is enabled; 0 tells none.
    clamp
        "voltage" or "current", written where the telegraph is enabled. The file has no word for
        an unknown mode: "" is written as voltage clamp.
    """

    name: str
    unit: str
    number: int
    full_scale: float
    telegraph_gain: float | None = None
    clamp: str = ""
    capacitance_pF: float = 0.0
    lowpass_Hz: float = _NO_FILTER_HZ


def write_abf(
    path: Path,
    version: str,
    samples: NDArray[np.float64],
    channels: Sequence[OutputChannel],
    waveforms: Sequence[Waveform],
    rate_Hz: float,
    sweep_interval_s: float,
    tags: Sequence[Tag] = (),
    data_format: str = "int16",
) -> None:
    """
    Write an episodic recording with sweeps of fixed length as an ABF file.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    version
        "2.6" or "1.84".
    samples
        Array (sweeps, channels, points) in each channel's unit. Values outside a channel's full scale
        are clipped.
    channels
        One to eight channels in the order of sampling.
    waveforms
        What the DACs 0 to 3 play; source "epochs" for at most two of them, "none" for others. DACs without
        a waveform rest at 0. In ABF 1.84 only the DACs 0 and 1 can have epochs. Levels and holding in
        the waveform's unit, durations in samples per channel.
    rate_Hz
        Samples per second and channel.
    sweep_interval_s
        Seconds from the start of one sweep to the start of the next, not shorter than a sweep.
    tags
        Comments of at most 56 bytes with their time in seconds from the start of the recording; the
        file does not store a tag's sweep.
    data_format
        "int16" for counts of the converter, or "float32" for the values themselves, as in files that
        a program has worked on; these are not clipped.

    Raises
    ------
    ValueError
        If the arguments contradict one another or do not fit into the format.
    """
    samples = np.asarray(samples, dtype=np.float64)
    if version not in _WRITERS:
        raise ValueError(f"ABF version {version!r} cannot be written, only {' and '.join(_WRITERS)}.")
    if data_format not in _DATA_FORMATS:
        raise ValueError(f"Samples cannot be written as {data_format!r}, only {' and '.join(_DATA_FORMATS)}.")
    _check_samples(samples, channels)
    _check_channels(channels)
    _check_waveforms(waveforms)
    _check_timing(samples.shape[2], rate_Hz, sweep_interval_s, tags)
    recording = _Recording(
        stored=_counts(samples, channels) if data_format == "int16" else _values(samples),
        channels=tuple(channels),
        waveforms={waveform.number: waveform for waveform in waveforms},
        rate_Hz=rate_Hz,
        sweep_interval_s=sweep_interval_s,
        tags=tuple(tags),
    )
    path.write_bytes(_WRITERS[version](recording))


# Checks


def _check_samples(samples: NDArray[np.float64], channels: Sequence[OutputChannel]) -> None:
    if samples.ndim != 3 or 0 in samples.shape:
        raise ValueError(f"Samples must fill an array (sweeps, channels, points), but have shape {samples.shape}.")
    if samples.shape[1] != len(channels):
        raise ValueError(f"Samples have {samples.shape[1]} channels, but {len(channels)} are described.")
    if not np.isfinite(samples).all():
        raise ValueError("Samples must be finite numbers.")
    if samples.size > np.iinfo(np.int32).max:
        raise ValueError(f"An ABF file cannot count {samples.size} samples.")


def _check_channels(channels: Sequence[OutputChannel]) -> None:
    if len(channels) > _MAX_CHANNELS:
        raise ValueError(f"At most {_MAX_CHANNELS} channels can be written, not {len(channels)}.")
    numbers = [channel.number for channel in channels]
    if len(set(numbers)) != len(numbers) or not set(numbers) <= set(range(_INPUTS)):
        raise ValueError(f"Channel numbers must differ and be 0 to {_INPUTS - 1}, but are {numbers}.")
    for channel in channels:
        gain = 1.0 if channel.telegraph_gain is None else channel.telegraph_gain
        if not (isfinite(channel.full_scale) and channel.full_scale > 0):
            raise ValueError(f"Channel {channel.name!r} has full scale {channel.full_scale}, not above 0.")
        if not (isfinite(gain) and gain > 0):
            raise ValueError(f"Channel {channel.name!r} has telegraph gain {gain}, not above 0.")
        if channel.clamp not in _CLAMP_CODES:
            raise ValueError(f"Channel {channel.name!r} has an unknown clamp mode {channel.clamp!r}.")


def _check_waveforms(waveforms: Sequence[Waveform]) -> None:
    numbers = [waveform.number for waveform in waveforms]
    if len(set(numbers)) != len(numbers) or not set(numbers) <= set(range(_OUTPUTS)):
        raise ValueError(f"DAC numbers must differ and be 0 to {_OUTPUTS - 1}, but are {numbers}.")
    for waveform in waveforms:
        if waveform.source not in ("epochs", "none"):
            raise ValueError(f"DAC {waveform.number} has source {waveform.source!r}, not 'epochs' or 'none'.")
        _check_epochs(waveform)
        if waveform.user_list is not None and not waveform.user_list.values:
            raise ValueError(f"The user list of DAC {waveform.number} has no values.")
        if waveform.user_list is not None and not all(map(isfinite, waveform.user_list.values)):
            raise ValueError(f"The user list of DAC {waveform.number} has a value that is not finite.")
    if sum(map(_is_driven, waveforms)) > _MAX_DRIVEN_OUTPUTS:
        raise ValueError(f"At most {_MAX_DRIVEN_OUTPUTS} DACs can play epochs.")


def _check_epochs(waveform: Waveform) -> None:
    letters = [epoch.letter for epoch in waveform.epochs]
    if len(letters) > _MAX_EPOCHS:
        raise ValueError(f"DAC {waveform.number} has {len(letters)} epochs, more than {_MAX_EPOCHS}.")
    allowed = set(EPOCH_LETTERS[:_MAX_EPOCHS])
    if len(set(letters)) != len(letters) or not set(letters) <= allowed:
        raise ValueError(f"Epoch letters of DAC {waveform.number} must differ and be A to J, not {letters}.")
    for epoch in waveform.epochs:
        if epoch.kind not in _EPOCH_CODES:
            raise ValueError(
                f"Epoch {epoch.letter} of DAC {waveform.number} is of kind {epoch.kind!r}, which cannot be written."
            )


def _check_timing(points: int, rate_Hz: float, sweep_interval_s: float, tags: Sequence[Tag]) -> None:
    if not (isfinite(rate_Hz) and rate_Hz > 0):
        raise ValueError(f"Sampling rate must be above 0 Hz, not {rate_Hz}.")
    sweep_s = points / rate_Hz
    if not (isfinite(sweep_interval_s) and sweep_interval_s >= sweep_s * (1 - 1e-9)):
        raise ValueError(f"Sweep interval {sweep_interval_s} s is shorter than a sweep of {sweep_s} s.")
    for tag in tags:
        if not (isfinite(tag.time_s) and tag.time_s >= 0):
            raise ValueError(f"Tag {tag.comment!r} has time {tag.time_s} s, before the recording.")


# What both formats share


@dataclass(frozen=True)
class _Recording:
    """The checked arguments, with samples as the file holds them and waveforms by their DAC."""

    stored: NDArray[np.int16] | NDArray[np.float32]  # (sweeps, points, channels)
    channels: tuple[OutputChannel, ...]
    waveforms: Mapping[int, Waveform]
    rate_Hz: float
    sweep_interval_s: float
    tags: tuple[Tag, ...]

    @property
    def sweeps(self) -> int:
        return int(self.stored.shape[0])

    @property
    def format_code(self) -> int:
        return list(_DATA_FORMATS.values()).index(self.stored.dtype.str)

    @property
    def samples_per_sweep(self) -> int:
        """Samples of all channels together."""
        return int(self.stored.shape[1] * self.stored.shape[2])

    @property
    def synch_unit_us(self) -> float:
        """Time between two converted samples, rounded as the file stores it, so times come back unshifted."""
        return float(np.float32(1e6 / self.rate_Hz / len(self.channels)))

    @property
    def active_dac(self) -> int:
        return next((w.number for w in self.waveforms.values() if _is_driven(w)), 0)

    def ticks(self, time_s: float) -> int:
        return round(time_s * 1e6 / self.synch_unit_us)


def _is_driven(waveform: Waveform) -> bool:
    return waveform.source == "epochs"


def _counts(samples: NDArray[np.float64], channels: Sequence[OutputChannel]) -> NDArray[np.int16]:
    full_scale = np.array([channel.full_scale for channel in channels])[:, np.newaxis]
    counts = np.rint(samples / full_scale * _CONVERTER_STEPS)
    clipped = np.clip(counts, -_CONVERTER_STEPS, _CONVERTER_STEPS - 1)
    return np.ascontiguousarray(clipped.transpose(0, 2, 1), dtype="<i2")


def _values(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(samples.transpose(0, 2, 1), dtype="<f4")


def _scale_factor(channel: OutputChannel) -> float:
    """Volts per unit before the telegraphed gain."""
    gain = 1.0 if channel.telegraph_gain is None else channel.telegraph_gain
    return _CONVERTER_RANGE_V / (channel.full_scale * gain)


def _idle_waveform(number: int) -> Waveform:
    """A DAC nobody asked for, under the name Clampex gives it."""
    name = f"Cmd {number}" if number < _OUTPUTS else f"AO #{number}"
    return Waveform(number, name, "mV", 0.0, "none", (), keeps_last_level=False)


def _epoch_number(epoch: Epoch) -> int:
    return EPOCH_LETTERS.index(epoch.letter)


def _user_list_text(user_list: UserList) -> str:
    """Values with a comma between them, whole numbers without a point as durations need them."""
    return ",".join(str(float(value)).removesuffix(".0") for value in user_list.values)


def _encoded(text: str, what: str) -> bytes:
    try:
        encoded = text.encode("cp1252")
    except UnicodeEncodeError:
        raise ValueError(f"The {what} {text!r} has characters an ABF file cannot hold.") from None
    if not text.isprintable():
        raise ValueError(f"The {what} {text!r} has control characters.")
    return encoded


def _padded(text: str, width: int, what: str) -> bytes:
    encoded = _encoded(text, what)
    if len(encoded) > width:
        raise ValueError(f"The {what} {text!r} has {len(encoded)} bytes, more than {width}.")
    return encoded.ljust(width)


@dataclass(frozen=True)
class _Layout:
    """Size in bytes of a header or of a section's entry, and each field's offset and struct format."""

    size: int
    fields: Mapping[str, tuple[int, str]]

    def pack(self, values: Mapping[str, _Value]) -> bytes:
        packed = bytearray(self.size)
        for name, value in values.items():
            offset, form = self.fields[name]
            items = value if isinstance(value, (list, tuple)) else (value,)
            try:
                if not all(isinstance(item, bytes) or isfinite(item) for item in items):
                    raise ValueError
                struct.pack_into(f"<{form}", packed, offset, *items)
            except (struct.error, OverflowError, ValueError):
                raise ValueError(f"The field {name} of an ABF file cannot hold {value!r}.") from None
        return bytes(packed)


def _blocks(size: int) -> int:
    return -(-size // _BLOCK)


def _filled(data: bytes) -> bytes:
    """The data with zeros up to the end of its last block."""
    return data.ljust(_blocks(len(data)) * _BLOCK, b"\0")


_SYNCH = _Layout(8, {"lStart": (0, "i"), "lLength": (4, "i")})

_TAG = _Layout(64, {"lTagTime": (0, "i"), "sComment": (4, "56s"), "nTagType": (60, "h")})


def _synch_array(recording: _Recording) -> list[bytes]:
    return [
        _SYNCH.pack(
            {
                "lStart": recording.ticks(sweep * recording.sweep_interval_s),
                "lLength": recording.samples_per_sweep,
            }
        )
        for sweep in range(recording.sweeps)
    ]


def _tag_entries(recording: _Recording) -> list[bytes]:
    return [
        _TAG.pack(
            {
                "lTagTime": recording.ticks(tag.time_s),
                "sComment": _padded(tag.comment, 56, "tag"),
                "nTagType": _COMMENT_TAG,
            }
        )
        for tag in recording.tags
    ]


# ABF 1.84

_ABF1_HEADER = _Layout(
    6144,
    {
        # identity and size
        "lFileSignature": (0, "4s"),
        "fFileVersionNumber": (4, "f"),
        "nOperationMode": (8, "h"),
        "lActualAcqLength": (10, "i"),
        "lActualEpisodes": (16, "i"),
        "lFileStartDate": (20, "i"),
        "fHeaderVersionNumber": (32, "f"),
        "nFileType": (36, "h"),
        # where the other parts stand
        "lDataSectionPtr": (40, "i"),
        "lTagSectionPtr": (44, "i"),
        "lNumTagEntries": (48, "i"),
        "lSynchArrayPtr": (92, "i"),
        "lSynchArraySize": (96, "i"),
        "nDataFormat": (100, "h"),
        # timing
        "nADCNumChannels": (120, "h"),
        "fADCSampleInterval": (122, "f"),
        "fSynchTimeUnit": (130, "f"),
        "lNumSamplesPerEpisode": (138, "i"),
        "lEpisodesPerRun": (146, "i"),
        "lRunsPerTrial": (150, "i"),
        "lNumberOfTrials": (154, "i"),
        "fEpisodeStartToStart": (178, "f"),
        "lAverageCount": (190, "i"),
        # display
        "lSamplesPerTrace": (218, "i"),
        "lFinishDisplayNum": (226, "i"),
        # converters and program
        "fADCRange": (244, "f"),
        "fDACRange": (248, "f"),
        "lADCResolution": (252, "i"),
        "lDACResolution": (256, "i"),
        "sCreatorInfo": (294, "16s"),
        # inputs
        "nADCPtoLChannelMap": (378, "16h"),
        "nADCSamplingSeq": (410, "16h"),
        "sADCChannelName": (442, "10s" * 16),
        "sADCUnits": (602, "8s" * 16),
        "fADCProgrammableGain": (730, "16f"),
        "fADCDisplayAmplification": (794, "16f"),
        "fInstrumentScaleFactor": (922, "16f"),
        "fSignalGain": (1050, "16f"),
        "fSignalLowpassFilter": (1178, "16f"),
        # outputs
        "sDACChannelName": (1306, "10s" * 4),
        "sDACChannelUnits": (1346, "8s" * 4),
        "fDACScaleFactor": (1378, "4f"),
        "fDACHoldingLevel": (1394, "4f"),
        "nActiveDACChannel": (1440, "h"),
        "fDACCalibrationFactor": (2074, "4f"),
        # epochs
        "nWaveformEnable": (2296, "2h"),
        "nWaveformSource": (2300, "2h"),
        "nInterEpisodeLevel": (2304, "2h"),
        "nEpochType": (2308, "20h"),
        "fEpochInitLevel": (2348, "20f"),
        "fEpochLevelInc": (2428, "20f"),
        "lEpochInitDuration": (2508, "20i"),
        "lEpochDurationInc": (2588, "20i"),
        # stimulus file
        "fDACFileScale": (2708, "2f"),
        "sDACFilePath": (2736, "256s" * 2),
        # user lists
        "nULEnable": (3360, "4h"),
        "nULParamToVary": (3368, "4h"),
        "sULParamValueList": (3376, "256s" * 4),
        "nULRepeat": (4400, "4h"),
        # amplifier telegraphs
        "nTelegraphEnable": (4512, "16h"),
        "nTelegraphInstrument": (4544, "16h"),
        "fTelegraphAdditGain": (4576, "16f"),
        "fTelegraphFilter": (4640, "16f"),
        "fTelegraphMembraneCap": (4704, "16f"),
        "nTelegraphMode": (4768, "16h"),
        # texts and versions
        "sProtocolPath": (4898, "256s"),
        "sFileComment": (5154, "128s"),
        "nCreatorVersion": (5798, "4h"),
    },
)
_ABF1_DRIVEN_OUTPUTS = 2


def _abf1(recording: _Recording) -> bytes:
    data = _filled(recording.stored.tobytes())
    synch_array = _filled(b"".join(_synch_array(recording)))
    tags = _filled(b"".join(_tag_entries(recording)))
    data_block = _blocks(_ABF1_HEADER.size)
    synch_block = data_block + _blocks(len(data))
    places: dict[str, _Value] = {
        "lDataSectionPtr": data_block,
        "lSynchArrayPtr": synch_block,
        "lSynchArraySize": recording.sweeps,
        "lTagSectionPtr": synch_block + _blocks(len(synch_array)) if tags else 0,
        "lNumTagEntries": len(recording.tags),
    }
    header = _ABF1_HEADER.pack(
        _abf1_file(recording)
        | places
        | _abf1_timing(recording)
        | _abf1_inputs(recording)
        | _abf1_outputs(recording)
        | _abf1_epochs(recording)
        | _abf1_user_lists(recording)
    )
    return header + data + synch_array + tags


def _abf1_file(recording: _Recording) -> dict[str, _Value]:
    return {
        "lFileSignature": b"ABF ",
        "fFileVersionNumber": 1.84,
        "fHeaderVersionNumber": 1.84,
        "nOperationMode": _EPISODIC,
        "lActualAcqLength": recording.stored.size,
        "lActualEpisodes": recording.sweeps,
        "lFileStartDate": _FILE_DATE,
        "nFileType": 1,
        "nDataFormat": recording.format_code,
        "fADCRange": _CONVERTER_RANGE_V,
        "fDACRange": _CONVERTER_RANGE_V,
        "lADCResolution": _CONVERTER_STEPS,
        "lDACResolution": _CONVERTER_STEPS,
        "sCreatorInfo": _padded(_CREATOR, 16, "creator"),
        "sProtocolPath": _padded(_PROTOCOL_PATH, 256, "protocol path"),
        "sFileComment": _padded(_COMMENT, 128, "comment"),
        "nCreatorVersion": _CREATOR_VERSION,
    }


def _abf1_timing(recording: _Recording) -> dict[str, _Value]:
    return {
        "nADCNumChannels": len(recording.channels),
        "fADCSampleInterval": 1e6 / recording.rate_Hz / len(recording.channels),
        "fSynchTimeUnit": recording.synch_unit_us,
        "lNumSamplesPerEpisode": recording.samples_per_sweep,
        "lEpisodesPerRun": recording.sweeps,
        "lRunsPerTrial": 1,
        "lNumberOfTrials": 1,
        "fEpisodeStartToStart": recording.sweep_interval_s,
        "lAverageCount": 1,
        "lSamplesPerTrace": recording.samples_per_sweep,
        "lFinishDisplayNum": recording.samples_per_sweep,
    }


def _abf1_inputs(recording: _Recording) -> dict[str, _Value]:
    names = [_padded(f"AI #{number}", 10, "channel name") for number in range(_INPUTS)]
    units = [_padded("mV", 8, "unit")] * _INPUTS
    scales = [1.0] * _INPUTS
    enabled = [0] * _INPUTS
    instruments = [0] * _INPUTS
    gains = [1.0] * _INPUTS
    modes = [0] * _INPUTS
    capacities = [0.0] * _INPUTS
    by_hand, telegraphed = [_NO_FILTER_HZ] * _INPUTS, [_NO_FILTER_HZ] * _INPUTS
    for channel in recording.channels:
        number = channel.number
        names[number] = _padded(channel.name, 10, "channel name")
        units[number] = _padded(channel.unit, 8, "unit")
        scales[number] = _scale_factor(channel)
        if channel.telegraph_gain is not None:
            enabled[number] = 1
            instruments[number] = _MULTICLAMP_700
            gains[number] = channel.telegraph_gain
            modes[number] = _CLAMP_CODES[channel.clamp]
            capacities[number] = channel.capacitance_pF
        (by_hand if channel.telegraph_gain is None else telegraphed)[number] = channel.lowpass_Hz
    sampled = [channel.number for channel in recording.channels]
    return {
        "nADCPtoLChannelMap": list(range(_INPUTS)),
        "nADCSamplingSeq": sampled + [-1] * (_INPUTS - len(sampled)),
        "sADCChannelName": names,
        "sADCUnits": units,
        "fADCProgrammableGain": [1.0] * _INPUTS,
        "fADCDisplayAmplification": [1.0] * _INPUTS,
        "fInstrumentScaleFactor": scales,
        "fSignalGain": [1.0] * _INPUTS,
        "fSignalLowpassFilter": by_hand,
        "nTelegraphEnable": enabled,
        "nTelegraphInstrument": instruments,
        "fTelegraphAdditGain": gains,
        "fTelegraphFilter": telegraphed,
        "fTelegraphMembraneCap": capacities,
        "nTelegraphMode": modes,
    }


def _abf1_outputs(recording: _Recording) -> dict[str, _Value]:
    outputs = [recording.waveforms.get(number, _idle_waveform(number)) for number in range(_OUTPUTS)]
    return {
        "sDACChannelName": [_padded(output.name, 10, "DAC name") for output in outputs],
        "sDACChannelUnits": [_padded(output.unit, 8, "unit") for output in outputs],
        "fDACScaleFactor": [20.0] * _OUTPUTS,
        "fDACHoldingLevel": [output.holding for output in outputs],
        "fDACCalibrationFactor": [1.0] * _OUTPUTS,
        "nActiveDACChannel": recording.active_dac,
    }


def _abf1_epochs(recording: _Recording) -> dict[str, _Value]:
    enabled = [0] * _ABF1_DRIVEN_OUTPUTS
    keeps_level = [0] * _ABF1_DRIVEN_OUTPUTS
    codes = [0] * _ABF1_DRIVEN_OUTPUTS * _MAX_EPOCHS
    levels = [0.0] * _ABF1_DRIVEN_OUTPUTS * _MAX_EPOCHS
    level_increments = [0.0] * _ABF1_DRIVEN_OUTPUTS * _MAX_EPOCHS
    durations = [0] * _ABF1_DRIVEN_OUTPUTS * _MAX_EPOCHS
    duration_increments = [0] * _ABF1_DRIVEN_OUTPUTS * _MAX_EPOCHS
    for number, waveform in recording.waveforms.items():
        if number >= _ABF1_DRIVEN_OUTPUTS:
            if _is_driven(waveform) or waveform.epochs or waveform.keeps_last_level:
                raise ValueError(f"ABF 1.84 has epochs for the DACs 0 and 1 only, not for DAC {number}.")
            continue
        enabled[number] = int(_is_driven(waveform))
        keeps_level[number] = int(waveform.keeps_last_level)
        for epoch in waveform.epochs:
            place = number * _MAX_EPOCHS + _epoch_number(epoch)
            codes[place] = _EPOCH_CODES[epoch.kind]
            levels[place] = epoch.level
            level_increments[place] = epoch.level_increment
            durations[place] = epoch.duration
            duration_increments[place] = epoch.duration_increment
    return {
        "nWaveformEnable": enabled,
        "nWaveformSource": enabled,
        "nInterEpisodeLevel": keeps_level,
        "nEpochType": codes,
        "fEpochInitLevel": levels,
        "fEpochLevelInc": level_increments,
        "lEpochInitDuration": durations,
        "lEpochDurationInc": duration_increments,
        "fDACFileScale": [1.0] * _ABF1_DRIVEN_OUTPUTS,
        "sDACFilePath": [b" " * 256] * _ABF1_DRIVEN_OUTPUTS,
    }


def _abf1_user_lists(recording: _Recording) -> dict[str, _Value]:
    enabled = [0] * _OUTPUTS
    parameters = [0] * _OUTPUTS
    texts = [b" " * _USER_LIST_WIDTH] * _OUTPUTS
    repeats = [0] * _OUTPUTS
    for number, waveform in recording.waveforms.items():
        if waveform.user_list is None:
            continue
        enabled[number] = 1
        parameters[number] = waveform.user_list.parameter
        texts[number] = _padded(_user_list_text(waveform.user_list), _USER_LIST_WIDTH, "user list")
        repeats[number] = int(waveform.user_list.repeat)
    return {
        "nULEnable": enabled,
        "nULParamToVary": parameters,
        "sULParamValueList": texts,
        "nULRepeat": repeats,
    }


# ABF 2.6

_ABF2_HEADER = _Layout(
    76,
    {
        "sFileSignature": (0, "4s"),
        "fFileVersionNumber": (4, "4B"),
        "uFileInfoSize": (8, "I"),
        "lActualEpisodes": (12, "I"),
        "uFileStartDate": (16, "I"),
        "nFileType": (28, "H"),
        "nDataFormat": (30, "H"),
        "nSimultaneousScan": (32, "H"),
        "uCreatorVersion": (56, "4B"),
        "uCreatorNameIndex": (60, "I"),
        "uProtocolPathIndex": (72, "I"),
    },
)

_ABF2_SECTION_NAMES = (
    "Protocol",
    "ADC",
    "DAC",
    "Epoch",
    "ADCPerDAC",
    "EpochPerDAC",
    "UserList",
    "StatsRegion",
    "Math",
    "Strings",
    "Data",
    "Tag",
    "Scope",
    "Delta",
    "VoiceTag",
    "SynchArray",
    "Annotation",
    "Stats",
)

_ABF2_SECTION = _Layout(16, {"uBlockIndex": (0, "I"), "uBytes": (4, "I"), "llNumEntries": (8, "q")})

_ABF2_PROTOCOL = _Layout(
    512,
    {
        "nOperationMode": (0, "h"),
        "fADCSequenceInterval": (2, "f"),
        "uFileCompressionRatio": (10, "I"),
        "fSynchTimeUnit": (14, "f"),
        "lNumSamplesPerEpisode": (22, "i"),
        "lEpisodesPerRun": (30, "i"),
        "lRunsPerTrial": (34, "i"),
        "lNumberOfTrials": (38, "i"),
        "fEpisodeStartToStart": (62, "f"),
        "lAverageCount": (70, "i"),
        "lSamplesPerTrace": (86, "i"),
        "lFinishDisplayNum": (94, "i"),
        "fADCRange": (110, "f"),
        "fDACRange": (114, "f"),
        "lADCResolution": (118, "i"),
        "lDACResolution": (122, "i"),
        "nCommentsEnable": (130, "h"),
        "lFileCommentIndex": (132, "i"),
        "nActiveDACChannel": (142, "h"),
        "nDigitizerADCs": (198, "h"),
        "nDigitizerDACs": (200, "h"),
        "nDigitizerTotalDigitalOuts": (202, "h"),
        "nDigitizerSynchDigitalOuts": (204, "h"),
        "nDigitizerType": (206, "h"),
    },
)

_ABF2_ADC = _Layout(
    128,
    {
        "nADCNum": (0, "h"),
        "nTelegraphEnable": (2, "h"),
        "nTelegraphInstrument": (4, "h"),
        "fTelegraphAdditGain": (6, "f"),
        "fTelegraphFilter": (10, "f"),
        "fTelegraphMembraneCap": (14, "f"),
        "nTelegraphMode": (18, "h"),
        "nADCPtoLChannelMap": (24, "h"),
        "fADCProgrammableGain": (28, "f"),
        "fADCDisplayAmplification": (32, "f"),
        "fInstrumentScaleFactor": (40, "f"),
        "fSignalGain": (48, "f"),
        "fSignalLowpassFilter": (56, "f"),
        "fPostProcessLowpassFilter": (66, "f"),
        "nStatsChannelPolarity": (72, "h"),
        "lADCChannelNameIndex": (74, "i"),
        "lADCUnitsIndex": (78, "i"),
    },
)

_ABF2_DAC = _Layout(
    256,
    {
        "nDACNum": (0, "h"),
        "fDACScaleFactor": (8, "f"),
        "fDACHoldingLevel": (12, "f"),
        "fDACCalibrationFactor": (16, "f"),
        "lDACChannelNameIndex": (24, "i"),
        "lDACChannelUnitsIndex": (28, "i"),
        "nWaveformEnable": (40, "h"),
        "nWaveformSource": (42, "h"),
        "nInterEpisodeLevel": (44, "h"),
        "fDACFileScale": (46, "f"),
    },
)

_ABF2_EPOCH_PER_DAC = _Layout(
    48,
    {
        "nEpochNum": (0, "h"),
        "nDACNum": (2, "h"),
        "nEpochType": (4, "h"),
        "fEpochInitLevel": (6, "f"),
        "fEpochLevelInc": (10, "f"),
        "lEpochInitDuration": (14, "i"),
        "lEpochDurationInc": (18, "i"),
    },
)

_ABF2_EPOCH = _Layout(32, {"nEpochNum": (0, "h")})

_ABF2_USER_LIST = _Layout(
    64,
    {
        "nListNum": (0, "h"),
        "nULEnable": (2, "h"),
        "nULParamToVary": (4, "h"),
        "nULRepeat": (6, "h"),
        "lULParamValueListIndex": (8, "i"),
    },
)

_ABF2_STRINGS = _Layout(
    44,
    {
        "sSignature": (0, "4s"),
        "uVersion": (4, "I"),
        "uStringCount": (8, "I"),
        "uLongestString": (12, "I"),
        "uStringBytes": (16, "I"),
    },
)

_ABF2_OUTPUTS = 8  # entries Clampex 10.7 writes even where the digitizer has four
_DIGIDATA_1440 = 6


class _Strings:
    """The strings of an ABF2 file in their order; adding one gives the place others refer to."""

    def __init__(self) -> None:
        self._encoded: list[bytes] = []

    def add(self, text: str, what: str) -> int:
        if not text:
            return 0
        self._encoded.append(_encoded(text, what))
        return len(self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)

    def pack(self) -> bytes:
        body = b"".join(text + b"\0" for text in self._encoded)
        header = _ABF2_STRINGS.pack(
            {
                "sSignature": b"SSCH",
                "uVersion": 1,
                "uStringCount": len(self._encoded),
                "uLongestString": max(map(len, self._encoded)),
                "uStringBytes": len(body),
            }
        )
        return header + body


@dataclass(frozen=True)
class _Section:
    """One section of an ABF2 file; `entry_size` is what the table of sections states."""

    content: bytes
    entry_size: int
    entries: int


def _section(entries: Sequence[bytes]) -> _Section:
    return _Section(b"".join(entries), len(entries[0]) if entries else 0, len(entries))


def _abf2(recording: _Recording) -> bytes:
    strings = _Strings()
    creator_index = strings.add(_CREATOR, "creator")
    protocol_index = strings.add(_PROTOCOL_PATH, "protocol path")
    sections = _sections(recording, strings)
    header = _ABF2_HEADER.pack(
        {
            "sFileSignature": b"ABF2",
            "fFileVersionNumber": (0, 0, 6, 2),
            "uFileInfoSize": _BLOCK,
            "lActualEpisodes": recording.sweeps,
            "uFileStartDate": _FILE_DATE,
            "nFileType": 1,
            "nDataFormat": recording.format_code,
            "nSimultaneousScan": 1,
            "uCreatorVersion": _CREATOR_VERSION[::-1],
            "uCreatorNameIndex": creator_index,
            "uProtocolPathIndex": protocol_index,
        }
    )
    places = _section_places(sections)
    table = b"".join(_table_entry(sections, places, name) for name in _ABF2_SECTION_NAMES)
    content = b"".join(_filled(section.content) for section in sections.values())
    # pyabf reads the string section once for each string, one copy after the other: a short file must
    # go on for as long.
    least = places["Strings"] * _BLOCK + sections["Strings"].entry_size * sections["Strings"].entries
    return _filled((_filled(header + table) + content).ljust(least, b"\0"))


def _sections(recording: _Recording, strings: _Strings) -> dict[str, _Section]:
    """The sections in the order of the file; those before the section of strings add to it."""
    sections = {
        "Protocol": _section([_abf2_protocol(recording, strings)]),
        "ADC": _section([_abf2_input(channel, strings) for channel in recording.channels]),
        "DAC": _section([_abf2_output(recording, number, strings) for number in range(_ABF2_OUTPUTS)]),
        "EpochPerDAC": _section(_abf2_epochs_per_dac(recording)),
        "Epoch": _section(_abf2_epochs(recording)),
        "UserList": _section(_abf2_user_lists(recording, strings)),
    }
    packed = strings.pack()
    return sections | {
        "Strings": _Section(packed, len(packed), len(strings)),
        "Data": _Section(recording.stored.tobytes(), recording.stored.itemsize, recording.stored.size),
        "SynchArray": _section(_synch_array(recording)),
        "Tag": _section(_tag_entries(recording)),
    }


def _section_places(sections: Mapping[str, _Section]) -> dict[str, int]:
    """Number of the block each section starts on."""
    places: dict[str, int] = {}
    block = 1
    for name, section in sections.items():
        places[name] = block
        block += _blocks(len(section.content))
    return places


def _table_entry(sections: Mapping[str, _Section], places: Mapping[str, int], name: str) -> bytes:
    if name not in sections or not sections[name].entries:
        return bytes(_ABF2_SECTION.size)
    return _ABF2_SECTION.pack(
        {
            "uBlockIndex": places[name],
            "uBytes": sections[name].entry_size,
            "llNumEntries": sections[name].entries,
        }
    )


def _abf2_protocol(recording: _Recording, strings: _Strings) -> bytes:
    return _ABF2_PROTOCOL.pack(
        {
            "nOperationMode": _EPISODIC,
            "fADCSequenceInterval": 1e6 / recording.rate_Hz,
            "uFileCompressionRatio": 1,
            "fSynchTimeUnit": recording.synch_unit_us,
            "lNumSamplesPerEpisode": recording.samples_per_sweep,
            "lEpisodesPerRun": recording.sweeps,
            "lRunsPerTrial": 1,
            "lNumberOfTrials": 1,
            "fEpisodeStartToStart": recording.sweep_interval_s,
            "lAverageCount": 1,
            "lSamplesPerTrace": recording.samples_per_sweep,
            "lFinishDisplayNum": recording.samples_per_sweep,
            "fADCRange": _CONVERTER_RANGE_V,
            "fDACRange": _CONVERTER_RANGE_V,
            "lADCResolution": _CONVERTER_STEPS,
            "lDACResolution": _CONVERTER_STEPS,
            "nCommentsEnable": 1,
            "lFileCommentIndex": strings.add(_COMMENT, "comment"),
            "nActiveDACChannel": recording.active_dac,
            "nDigitizerADCs": _INPUTS,
            "nDigitizerDACs": _OUTPUTS,
            "nDigitizerTotalDigitalOuts": 16,
            "nDigitizerSynchDigitalOuts": 8,
            "nDigitizerType": _DIGIDATA_1440,
        }
    )


def _abf2_input(channel: OutputChannel, strings: _Strings) -> bytes:
    values: dict[str, _Value] = {
        "nADCNum": channel.number,
        "fTelegraphAdditGain": 1.0,
        "fTelegraphFilter": _NO_FILTER_HZ,
        "nADCPtoLChannelMap": channel.number,
        "fADCProgrammableGain": 1.0,
        "fADCDisplayAmplification": 1.0,
        "fInstrumentScaleFactor": _scale_factor(channel),
        "fSignalGain": 1.0,
        "fSignalLowpassFilter": channel.lowpass_Hz if channel.telegraph_gain is None else _NO_FILTER_HZ,
        "fPostProcessLowpassFilter": _NO_FILTER_HZ,
        "nStatsChannelPolarity": 1,
        "lADCChannelNameIndex": strings.add(channel.name, "channel name"),
        "lADCUnitsIndex": strings.add(channel.unit, "unit"),
    }
    if channel.telegraph_gain is not None:
        values |= {
            "nTelegraphEnable": 1,
            "nTelegraphInstrument": _MULTICLAMP_700,
            "fTelegraphAdditGain": channel.telegraph_gain,
            "nTelegraphMode": _CLAMP_CODES[channel.clamp],
            "fTelegraphMembraneCap": channel.capacitance_pF,
            "fTelegraphFilter": channel.lowpass_Hz,
        }
    return _ABF2_ADC.pack(values)


def _abf2_output(recording: _Recording, number: int, strings: _Strings) -> bytes:
    output = recording.waveforms.get(number, _idle_waveform(number))
    return _ABF2_DAC.pack(
        {
            "nDACNum": number,
            "fDACScaleFactor": 20.0,
            "fDACHoldingLevel": output.holding,
            "fDACCalibrationFactor": 1.0,
            "lDACChannelNameIndex": strings.add(output.name, "DAC name"),
            "lDACChannelUnitsIndex": strings.add(output.unit, "unit"),
            "nWaveformEnable": int(_is_driven(output)),
            "nWaveformSource": int(_is_driven(output)),
            "nInterEpisodeLevel": int(output.keeps_last_level),
            "fDACFileScale": 1.0,
        }
    )


def _abf2_epochs_per_dac(recording: _Recording) -> list[bytes]:
    return [
        _ABF2_EPOCH_PER_DAC.pack(
            {
                "nEpochNum": _epoch_number(epoch),
                "nDACNum": number,
                "nEpochType": _EPOCH_CODES[epoch.kind],
                "fEpochInitLevel": epoch.level,
                "fEpochLevelInc": epoch.level_increment,
                "lEpochInitDuration": epoch.duration,
                "lEpochDurationInc": epoch.duration_increment,
            }
        )
        for number, waveform in sorted(recording.waveforms.items())
        for epoch in sorted(waveform.epochs, key=_epoch_number)
    ]


def _abf2_epochs(recording: _Recording) -> list[bytes]:
    """The digital outputs of each epoch in use, all low."""
    numbers = {_epoch_number(epoch) for waveform in recording.waveforms.values() for epoch in waveform.epochs}
    return [_ABF2_EPOCH.pack({"nEpochNum": number}) for number in sorted(numbers)]


def _abf2_user_lists(recording: _Recording, strings: _Strings) -> list[bytes]:
    return [
        _ABF2_USER_LIST.pack(
            {
                "nListNum": number,
                "nULEnable": 1,
                "nULParamToVary": waveform.user_list.parameter,
                "nULRepeat": int(waveform.user_list.repeat),
                "lULParamValueListIndex": strings.add(_user_list_text(waveform.user_list), "user list"),
            }
        )
        for number, waveform in sorted(recording.waveforms.items())
        if waveform.user_list is not None
    ]


_WRITERS = {"2.6": _abf2, "1.84": _abf1}
