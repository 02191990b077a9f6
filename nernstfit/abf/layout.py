"""Layout of ABF files: every header field that the project reads, checks or writes, declared once.

Fields bear the names of Axon's own documentation (`abfheadr.h` for ABF1, `ProtocolStructs.h` for ABF2),
so that each can be looked up there and in other readers (neo's `AxonRawIO`, pyABF). The reader
(`header`), the checks (`check`) and the simulator's writer go by these tables; no other module knows
an offset, a stored type or a code.

Both formats
------------
A file is cut into blocks of 512 bytes, and whatever a header points to starts on a block. All numbers
are little-endian. Samples are int16 counts of the converter or float32 values in the channel's unit; the
channels of one instant lie side by side in the order of sampling, and the sweeps follow one another
without a gap. A count becomes a physical value by

    value = count * fADCRange / lADCResolution / (fInstrumentScaleFactor * fSignalGain
            * fADCProgrammableGain * fTelegraphAdditGain) + fInstrumentOffset - fSignalOffset

with the telegraphed gain only where the telegraph is enabled, and gain and offset of the signal conditioner
only where there is one (`nSignalType` is not 0): other files keep what was once entered for it, which pyABF
counts always. The *synch array* holds start and length of each sweep: the length in samples of all channels
together, the start in units of `fSynchTimeUnit` microseconds. Tag times are in the same unit. Epoch durations
are in samples per channel. The number of an epoch is the place of its letter (A is 0). The values of a user
list are text with commas.

ABF1
----
One header of 6,144 bytes with every field at a fixed place; that of ABF 1.3 ends after 2,048 bytes,
before the epoch table, and samples lie where later fields would. Arrays with 16 items belong to the
physical inputs, not to the sampled channels: `nADCSamplingSeq` lists the inputs in their order of
sampling, filled up with -1. Arrays with 4 items belong to the outputs (DACs), those with 2 to the
outputs that can play epochs, those with 20 to the epochs, ten for each of the latter. Texts are padded
with spaces. `fADCSampleInterval` is that of the multiplexed samples, 1 / (rate * channels).

ABF2
----
A first block holds a short header and a table of 18 sections: for each its block, the size of an entry and
the number of entries, or zeros where it is absent. Texts are collected in one section: a header of 44
bytes, then the strings, each ended by a zero byte and known elsewhere by its place counted from 1; place
0 means no text. `fADCSequenceInterval` is the sample interval of one channel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Value = int | float | bytes | Sequence[int] | Sequence[float] | Sequence[bytes]

BLOCK = 512  # bytes, the unit of all pointers
INPUTS = 16  # physical inputs (ADCs) of a digitizer
ABF1_OUTPUTS = 4  # outputs (DACs) that ABF1 describes
ABF1_EPOCH_OUTPUTS = 2  # outputs of ABF1 that can play a waveform
ABF1_EPOCHS = 10  # epochs of one output before ABF 2.9, which has 50
ABF1_SHORT_HEADER_BYTES = 2048  # of ABF 1.3

ABF1_SIGNATURE, ABF2_SIGNATURE, STRINGS_SIGNATURE = b"ABF ", b"ABF2", b"SSCH"

OPERATION_MODES = {
    1: "variable-length events",
    2: "fixed-length events",
    3: "gap-free",
    4: "high-speed oscilloscope",
    5: "episodic",
}
GAP_FREE, EPISODIC = 3, 5  # codes of two of them
EPOCH_KINDS = {
    0: "off",
    1: "step",
    2: "ramp",
    3: "pulse train",
    4: "triangle train",
    5: "cosine train",
    6: "resistance measurement",
    7: "biphasic train",
}
WAVEFORM_SOURCES = {0: "none", 1: "epochs", 2: "file"}
CLAMP_MODES = {0: "voltage", 1: "current", 2: "current"}  # voltage clamp, current clamp, I = 0
SAMPLE_TYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<i2"), 1: np.dtype("<f4")}
NO_FILTER_HZ = 100_000.0  # corner that the acquisition programs store for a filter that is off


@dataclass(frozen=True)
class Field:
    """One field of a header.

    Attributes
    ----------
    offset : int
        Bytes from the start of the section.
    type : str
        Type of one item as the module struct names it: h and H are 16 bits, i and I 32 bits, q 64 bits,
        f a float of 32 bits, B a byte, 10s a text of 10 bytes.
    count : int
        Number of items.
    """

    offset: int
    type: str
    count: int = 1

    @property
    def item_bytes(self) -> int:
        """Bytes of one item."""
        return struct.calcsize("<" + self.type)

    @property
    def format(self) -> str:
        """Format of the whole field for the module struct."""
        return "<" + self.type * self.count


@dataclass(frozen=True)
class Section:
    """Header, or one entry of a section.

    Attributes
    ----------
    size : int
        Bytes as current programs write it. A file may state another size of an entry.
    fields : mapping of str to Field
    """

    size: int
    fields: Mapping[str, Field]

    @property
    def used_bytes(self) -> int:
        """Bytes up to the end of the last field."""
        return max(field.offset + field.count * field.item_bytes for field in self.fields.values())

    def get(self, content: Bytes, name: str, start: int = 0) -> Any:
        """Return the value of one field.

        Parameters
        ----------
        content : ndarray of uint8
            The whole file.
        name : str
            Name of the field.
        start : int
            First byte of the section.

        Returns
        -------
        int, float or bytes, or a tuple of these
            A tuple where the field has several items.
        """
        field = self.fields[name]
        items = struct.unpack_from(field.format, content.data, start + field.offset)
        return items if field.count > 1 else items[0]

    def unpack(self, content: Bytes, start: int = 0) -> SimpleNamespace:
        """Return the values of all fields; parameters as for `get`."""
        return SimpleNamespace(**{name: self.get(content, name, start) for name in self.fields})

    def pack(self, values: Mapping[str, Value]) -> bytes:
        """Return the bytes of a section; fields without a value are zero.

        Parameters
        ----------
        values : mapping of str to int, float, bytes or a sequence of these

        Raises
        ------
        ValueError
            If a value does not fit into its field.
        """
        packed = bytearray(self.size)
        for name, value in values.items():
            field = self.fields[name]
            items = value if isinstance(value, (list, tuple)) else (value,)
            try:
                if not all(isinstance(item, bytes) or isfinite(item) for item in items):
                    raise ValueError
                struct.pack_into(field.format, packed, field.offset, *items)
            except (struct.error, OverflowError, ValueError):
                raise ValueError(f"The field {name} of an ABF file cannot hold {value!r}.") from None
        return bytes(packed)


def elements(section: Section, values: SimpleNamespace, count: int) -> list[SimpleNamespace]:
    """Return the arrays of one length element by element: the fields of each input, output or epoch of ABF1.

    Parameters
    ----------
    section : Section
    values : namespace
        Its fields, as `Section.unpack` returns them.
    count : int
        Number of items of the arrays that are meant.
    """
    names = [name for name, field in section.fields.items() if field.count == count]
    return [SimpleNamespace(**{name: getattr(values, name)[i] for name in names}) for i in range(count)]


class Extent(NamedTuple):
    """Place and size of one section of ABF2."""

    block: int
    entry_bytes: int
    entries: int

    @property
    def start(self) -> int:
        """First byte."""
        return self.block * BLOCK


def extent(content: Bytes, section: str) -> Extent:
    """Return where a section of ABF2 is, by its name in `ABF2_SECTIONS`."""
    place = ABF2_HEADER.size + ABF2_SECTION.size * ABF2_SECTIONS.index(section)
    return Extent(*(ABF2_SECTION.get(content, name, place) for name in ABF2_SECTION.fields))


def entries(content: Bytes, section: str) -> list[SimpleNamespace]:
    """Return the fields of every entry of a section of ABF2, by its name in `ABF2_ENTRIES`."""
    at, layout = extent(content, section), ABF2_ENTRIES[section]
    return [layout.unpack(content, at.start + i * at.entry_bytes) for i in range(at.entries)]


# Both formats

SYNCH = Section(8, {"lStart": Field(0, "i"), "lLength": Field(4, "i")})
TAG = Section(64, {"lTagTime": Field(0, "i"), "sComment": Field(4, "56s"), "nTagType": Field(60, "h")})

# ABF1

ABF1_HEADER = Section(
    6144,
    {
        # file identification and size
        "lFileSignature": Field(0, "4s"),
        "fFileVersionNumber": Field(4, "f"),
        "nOperationMode": Field(8, "h"),
        "lActualAcqLength": Field(10, "i"),
        "nNumPointsIgnored": Field(14, "h"),
        "lActualEpisodes": Field(16, "i"),
        "lFileStartDate": Field(20, "i"),
        "lFileStartTime": Field(24, "i"),
        "fHeaderVersionNumber": Field(32, "f"),
        "nFileType": Field(36, "h"),
        # file structure
        "lDataSectionPtr": Field(40, "i"),
        "lTagSectionPtr": Field(44, "i"),
        "lNumTagEntries": Field(48, "i"),
        "lSynchArrayPtr": Field(92, "i"),
        "lSynchArraySize": Field(96, "i"),
        "nDataFormat": Field(100, "h"),
        # trial hierarchy
        "nADCNumChannels": Field(120, "h"),
        "fADCSampleInterval": Field(122, "f"),
        "fSynchTimeUnit": Field(130, "f"),
        "lNumSamplesPerEpisode": Field(138, "i"),
        "lEpisodesPerRun": Field(146, "i"),
        "lRunsPerTrial": Field(150, "i"),
        "lNumberOfTrials": Field(154, "i"),
        "fEpisodeStartToStart": Field(178, "f"),
        "lAverageCount": Field(190, "i"),
        # display
        "lSamplesPerTrace": Field(218, "i"),
        "lFinishDisplayNum": Field(226, "i"),
        # hardware and environment
        "fADCRange": Field(244, "f"),
        "fDACRange": Field(248, "f"),
        "lADCResolution": Field(252, "i"),
        "lDACResolution": Field(256, "i"),
        "sCreatorInfo": Field(294, "16s"),
        "_sFileComment": Field(310, "56s"),  # of headers of 2,048 bytes
        "nFileStartMillisecs": Field(366, "h"),
        # inputs
        "nADCPtoLChannelMap": Field(378, "h", INPUTS),
        "nADCSamplingSeq": Field(410, "h", INPUTS),
        "sADCChannelName": Field(442, "10s", INPUTS),
        "sADCUnits": Field(602, "8s", INPUTS),
        "fADCProgrammableGain": Field(730, "f", INPUTS),
        "fADCDisplayAmplification": Field(794, "f", INPUTS),
        "fInstrumentScaleFactor": Field(922, "f", INPUTS),
        "fInstrumentOffset": Field(986, "f", INPUTS),
        "fSignalGain": Field(1050, "f", INPUTS),
        "fSignalOffset": Field(1114, "f", INPUTS),
        "fSignalLowpassFilter": Field(1178, "f", INPUTS),
        # outputs
        "sDACChannelName": Field(1306, "10s", ABF1_OUTPUTS),
        "sDACChannelUnits": Field(1346, "8s", ABF1_OUTPUTS),
        "fDACScaleFactor": Field(1378, "f", ABF1_OUTPUTS),
        "fDACHoldingLevel": Field(1394, "f", ABF1_OUTPUTS),
        "nSignalType": Field(1410, "h"),
        "nActiveDACChannel": Field(1440, "h"),
        # From here on a header of 2,048 bytes has ended.
        "fDACCalibrationFactor": Field(2074, "f", ABF1_OUTPUTS),
        # epochs
        "nWaveformEnable": Field(2296, "h", ABF1_EPOCH_OUTPUTS),
        "nWaveformSource": Field(2300, "h", ABF1_EPOCH_OUTPUTS),
        "nInterEpisodeLevel": Field(2304, "h", ABF1_EPOCH_OUTPUTS),
        "nEpochType": Field(2308, "h", ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS),
        "fEpochInitLevel": Field(2348, "f", ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS),
        "fEpochLevelInc": Field(2428, "f", ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS),
        "lEpochInitDuration": Field(2508, "i", ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS),
        "lEpochDurationInc": Field(2588, "i", ABF1_EPOCH_OUTPUTS * ABF1_EPOCHS),
        # stimulus files
        "fDACFileScale": Field(2708, "f", ABF1_EPOCH_OUTPUTS),
        "fDACFileOffset": Field(2716, "f", ABF1_EPOCH_OUTPUTS),
        "lDACFileEpisodeNum": Field(2724, "i", ABF1_EPOCH_OUTPUTS),
        "nDACFileADCNum": Field(2732, "h", ABF1_EPOCH_OUTPUTS),
        "sDACFilePath": Field(2736, "256s", ABF1_EPOCH_OUTPUTS),
        # conditioning trains
        "nConditEnable": Field(3260, "h", ABF1_EPOCH_OUTPUTS),
        # user lists
        "nULEnable": Field(3360, "h", ABF1_OUTPUTS),
        "nULParamToVary": Field(3368, "h", ABF1_OUTPUTS),
        "sULParamValueList": Field(3376, "256s", ABF1_OUTPUTS),
        "nULRepeat": Field(4400, "h", ABF1_OUTPUTS),
        # on-line subtraction
        "nPNEnable": Field(4456, "h", ABF1_EPOCH_OUTPUTS),
        # amplifier telegraphs
        "nTelegraphEnable": Field(4512, "h", INPUTS),
        "nTelegraphInstrument": Field(4544, "h", INPUTS),
        "fTelegraphAdditGain": Field(4576, "f", INPUTS),
        "fTelegraphFilter": Field(4640, "f", INPUTS),
        "fTelegraphMembraneCap": Field(4704, "f", INPUTS),
        "nTelegraphMode": Field(4768, "h", INPUTS),
        # texts and versions
        "sProtocolPath": Field(4898, "256s"),
        "sFileComment": Field(5154, "128s"),
        "nCreatorMajorVersion": Field(5798, "h"),
        "nCreatorMinorVersion": Field(5800, "h"),
        "nCreatorBugfixVersion": Field(5802, "h"),
        "nCreatorBuildVersion": Field(5804, "h"),
        # alternating outputs, and what was done to the samples afterwards
        "nAlternateDACOutputState": Field(5876, "h"),
        "fPostProcessLowpassFilter": Field(5934, "f", INPUTS),
    },
)

# ABF2

ABF2_HEADER = Section(
    76,
    {
        "sFileSignature": Field(0, "4s"),
        "fFileVersionNumber": Field(4, "B", 4),  # build, bugfix, minor, major
        "uFileInfoSize": Field(8, "I"),
        "lActualEpisodes": Field(12, "I"),
        "uFileStartDate": Field(16, "I"),
        "uFileStartTimeMS": Field(20, "I"),
        "nFileType": Field(28, "H"),
        "nDataFormat": Field(30, "H"),
        "nSimultaneousScan": Field(32, "H"),
        "uCreatorVersion": Field(56, "B", 4),
        "uCreatorNameIndex": Field(60, "I"),
        "uProtocolPathIndex": Field(72, "I"),
    },
)

ABF2_SECTION = Section(16, {"uBlockIndex": Field(0, "I"), "uBytes": Field(4, "I"), "llNumEntries": Field(8, "q")})

ABF2_SECTIONS = (  # in the order of their table, which follows the header
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

ABF2_ENTRIES = {
    "Protocol": Section(
        512,
        {
            "nOperationMode": Field(0, "h"),
            "fADCSequenceInterval": Field(2, "f"),
            "uFileCompressionRatio": Field(10, "I"),
            "fSynchTimeUnit": Field(14, "f"),
            "lNumSamplesPerEpisode": Field(22, "i"),
            "lEpisodesPerRun": Field(30, "i"),
            "lRunsPerTrial": Field(34, "i"),
            "lNumberOfTrials": Field(38, "i"),
            "fEpisodeStartToStart": Field(62, "f"),
            "lAverageCount": Field(70, "i"),
            "lSamplesPerTrace": Field(86, "i"),
            "lFinishDisplayNum": Field(94, "i"),
            "fADCRange": Field(110, "f"),
            "fDACRange": Field(114, "f"),
            "lADCResolution": Field(118, "i"),
            "lDACResolution": Field(122, "i"),
            "nCommentsEnable": Field(130, "h"),
            "lFileCommentIndex": Field(132, "i"),
            "nSignalType": Field(138, "h"),
            "nActiveDACChannel": Field(142, "h"),
            "nAlternateDACOutputState": Field(182, "h"),
            "nDigitizerADCs": Field(198, "h"),
            "nDigitizerDACs": Field(200, "h"),
            "nDigitizerTotalDigitalOuts": Field(202, "h"),
            "nDigitizerSynchDigitalOuts": Field(204, "h"),
            "nDigitizerType": Field(206, "h"),
        },
    ),
    "ADC": Section(
        128,
        {
            "nADCNum": Field(0, "h"),
            "nTelegraphEnable": Field(2, "h"),
            "nTelegraphInstrument": Field(4, "h"),
            "fTelegraphAdditGain": Field(6, "f"),
            "fTelegraphFilter": Field(10, "f"),
            "fTelegraphMembraneCap": Field(14, "f"),
            "nTelegraphMode": Field(18, "h"),
            "nADCPtoLChannelMap": Field(24, "h"),
            "fADCProgrammableGain": Field(28, "f"),
            "fADCDisplayAmplification": Field(32, "f"),
            "fInstrumentScaleFactor": Field(40, "f"),
            "fInstrumentOffset": Field(44, "f"),
            "fSignalGain": Field(48, "f"),
            "fSignalOffset": Field(52, "f"),
            "fSignalLowpassFilter": Field(56, "f"),
            "fPostProcessLowpassFilter": Field(66, "f"),
            "nStatsChannelPolarity": Field(72, "h"),
            "lADCChannelNameIndex": Field(74, "i"),
            "lADCUnitsIndex": Field(78, "i"),
        },
    ),
    "DAC": Section(
        256,
        {
            "nDACNum": Field(0, "h"),
            "fDACScaleFactor": Field(8, "f"),
            "fDACHoldingLevel": Field(12, "f"),
            "fDACCalibrationFactor": Field(16, "f"),
            "lDACChannelNameIndex": Field(24, "i"),
            "lDACChannelUnitsIndex": Field(28, "i"),
            "nWaveformEnable": Field(40, "h"),
            "nWaveformSource": Field(42, "h"),
            "nInterEpisodeLevel": Field(44, "h"),
            "fDACFileScale": Field(46, "f"),
            "fDACFileOffset": Field(50, "f"),
            "lDACFileEpisodeNum": Field(54, "i"),
            "nDACFileADCNum": Field(58, "h"),
            "nConditEnable": Field(60, "h"),
            "nLeakSubtractType": Field(92, "h"),
            "lDACFilePathIndex": Field(118, "i"),
        },
    ),
    "EpochPerDAC": Section(
        48,
        {
            "nEpochNum": Field(0, "h"),
            "nDACNum": Field(2, "h"),
            "nEpochType": Field(4, "h"),
            "fEpochInitLevel": Field(6, "f"),
            "fEpochLevelInc": Field(10, "f"),
            "lEpochInitDuration": Field(14, "i"),
            "lEpochDurationInc": Field(18, "i"),
        },
    ),
    "Epoch": Section(32, {"nEpochNum": Field(0, "h")}),  # digital outputs
    "UserList": Section(
        64,
        {
            "nListNum": Field(0, "h"),
            "nULEnable": Field(2, "h"),
            "nULParamToVary": Field(4, "h"),
            "nULRepeat": Field(6, "h"),
            "lULParamValueListIndex": Field(8, "i"),
        },
    ),
    "Strings": Section(
        44,
        {
            "sSignature": Field(0, "4s"),
            "uVersion": Field(4, "I"),
            "uStringCount": Field(8, "I"),
            "uLongestString": Field(12, "I"),
            "uStringBytes": Field(16, "I"),
        },
    ),
    "Tag": TAG,
    "SynchArray": SYNCH,
}
