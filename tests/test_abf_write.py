"""ABF files as written, seen through pyabf, through neo, and in the bytes themselves."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import neo
import numpy as np
import pyabf
import pytest
from neo.rawio.axonrawio import AxonRawIO
from numpy.typing import NDArray

from nernstfit.abf.records import EPOCH_LETTERS, Epoch, Tag, UserList, Waveform
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

VERSIONS = ("2.6", "1.84")
RATE_HZ = 10000.0
INTERVAL_S = 0.5
CURRENT = OutputChannel("I_mem", "pA", 0, 2000.0)
STEPS = Waveform(
    0,
    "V_cmd",
    "mV",
    -70.0,
    "epochs",
    (Epoch("A", "step", -80.0, 0.0, 200, 0), Epoch("B", "step", -100.0, 20.0, 300, 10)),
    keeps_last_level=False,
)

Write = Callable[..., Path]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path, version: str) -> Write:
    """Writes a small recording in which a test changes what it is about."""

    def write_changed(name: str = "a.abf", **changed: Any) -> Path:
        arguments: dict[str, Any] = {
            "channels": [CURRENT],
            "waveforms": [STEPS],
            "rate_Hz": RATE_HZ,
            "sweep_interval_s": INTERVAL_S,
        } | changed
        arguments.setdefault("samples", noise(5, len(arguments["channels"]), 1000, 900.0))
        chosen = arguments.pop("version", version)
        write_abf(tmp_path / name, chosen, EpisodicRecording(**arguments))
        return tmp_path / name

    return write_changed


def noise(sweeps: int, channels: int, points: int, size: float) -> NDArray[np.float64]:
    return np.random.default_rng(7).uniform(-size, size, (sweeps, channels, points))


def step(channel: OutputChannel) -> float:
    return channel.full_scale / 32768


def through_pyabf(path: Path) -> NDArray[np.float64]:
    abf = pyabf.ABF(path)
    sweeps = abf.data.reshape(abf.channelCount, abf.sweepCount, -1)
    return np.asarray(sweeps.transpose(1, 0, 2), dtype=np.float64)


def through_neo(path: Path) -> NDArray[np.float64]:
    segments = neo.io.AxonIO(str(path)).read_block().segments
    return np.array([np.hstack([signal.magnitude for signal in s.analogsignals]).T for s in segments])


def assert_samples(path: Path, samples: NDArray[np.float64], channels: list[OutputChannel]) -> None:
    """The samples within half a step, and one part in a million for float32 on the readers' side."""
    tolerance = np.array([step(c) / 2 + 1e-6 * c.full_scale for c in channels])[:, np.newaxis]
    for read in (through_pyabf(path), through_neo(path)):
        assert read.shape == samples.shape
        assert (np.abs(read - samples) <= tolerance).all()


def field(path: Path, form: str, offset: int) -> tuple[Any, ...]:
    return struct.unpack_from(f"<{form}", path.read_bytes(), offset)


def section(path: Path, number: int) -> tuple[int, int, int]:
    """First byte, entry size and number of entries of an ABF2 section."""
    block, size, entries = field(path, "IIq", 76 + 16 * number)
    return block * 512, size, entries


@pytest.mark.parametrize(
    ("sweeps", "channels", "points"),
    [(1, 1, 4), (1, 8, 1), (2, 3, 100), (1, 1, 256), (7, 1, 257), (300, 2, 64), (12, 8, 1000)],
)
def test_samples_of_any_size_come_back(write: Write, sweeps: int, channels: int, points: int) -> None:
    written = [OutputChannel(f"IN {i}", "pA", i, 100.0 * (i + 1)) for i in range(channels)]
    samples = noise(sweeps, channels, points, 99.0)
    path = write(samples=samples, channels=written, waveforms=[])
    abf = pyabf.ABF(path)
    assert (abf.sweepCount, abf.channelCount, abf.sweepPointCount) == (sweeps, channels, points)
    assert_samples(path, samples, written)


def test_a_tiny_file_with_many_strings_still_reads(write: Write) -> None:
    waveform = replace(STEPS, user_list=UserList(22, tuple(float(i) for i in range(60)), False))
    channels = [OutputChannel(f"long nm {i}", "pA", i, 2000.0) for i in range(8)]
    samples = noise(1, 8, 4, 900.0)
    path = write(samples=samples, channels=channels, waveforms=[replace(waveform, epochs=())])
    assert_samples(path, samples, channels)


def test_names_units_rate_and_protocol(write: Write, version: str) -> None:
    path = write(channels=[CURRENT, OutputChannel("V_mem", "mV", 1, 200.0)])
    abf = pyabf.ABF(path)
    assert abf.adcNames == ["I_mem", "V_mem"]
    assert abf.adcUnits == ["pA", "mV"]
    abf.setSweep(0)
    assert (abf.sweepUnitsY, abf.sweepUnitsC) == ("pA", "mV")
    assert abf.dacNames[0] == "V_cmd"
    assert abf.dataRate == RATE_HZ
    assert abf.protocol == "simulated"
    assert abf.creator == "Clampex 10.7.0.3"
    assert "not recorded" in abf.abfFileComment
    assert abf.nOperationMode == 5
    assert abf.abfVersionString == {"2.6": "2.6.0.0", "1.84": "1.8.4.0"}[version]

    raw = AxonRawIO(str(path))
    raw.parse_header()
    channels = raw.header["signal_channels"]
    assert list(channels["name"]) == ["I_mem", "V_mem"]
    assert list(channels["units"]) == ["pA", "mV"]
    assert channels["sampling_rate"] == pytest.approx(RATE_HZ, rel=1e-6)


def test_a_rate_that_is_no_whole_number(write: Write) -> None:
    rate_Hz = 1e6 / 2480
    signal = neo.io.AxonIO(str(write(rate_Hz=rate_Hz, sweep_interval_s=3.0))).read_block().segments[0]
    assert float(signal.analogsignals[0].sampling_rate) == pytest.approx(rate_Hz, rel=1e-6)


def test_micro_and_empty_texts(write: Write) -> None:
    channels = [OutputChannel("", "µA", 0, 10.0), OutputChannel("x", "", 1, 10.0)]
    path = write(channels=channels, samples=noise(1, 2, 100, 9.0))
    abf = pyabf.ABF(path)
    assert abf.adcNames == ["?", "x"]
    assert abf.adcUnits[1] == "?"
    raw = AxonRawIO(str(path))
    raw.parse_header()
    assert list(raw.header["signal_channels"]["units"]) == ["uA", ""]


def test_values_are_rounded_to_the_nearest_step_and_clipped(write: Write) -> None:
    one = step(CURRENT)
    values = np.array([0.0, 0.4, 0.6, -0.4, -0.6, 2.0, 1e6, -1e6]) * one
    path = write(samples=values.reshape(1, 1, -1), waveforms=[])
    assert np.array_equal(np.rint(through_pyabf(path).ravel() / one), [0, 0, 1, 0, -1, 2, 32767, -32768])


def test_samples_written_as_numbers_are_neither_scaled_nor_clipped(write: Write, version: str) -> None:
    channels = [CURRENT, OutputChannel("V", "mV", 3, 200.0, telegraph_gain=5.0)]
    samples = noise(3, 2, 200, 1e6)
    path = write(samples=samples, channels=channels, data_format="float32")
    assert np.array_equal(through_neo(path), samples.astype(np.float32))
    if version == "2.6":  # pyabf has no reader for numbers in ABF1
        assert np.array_equal(through_pyabf(path), samples.astype(np.float32))


def test_an_unknown_format_of_samples_is_refused(write: Write) -> None:
    with pytest.raises(ValueError, match="int16 and float32"):
        write(data_format="float64")


def test_sweeps_start_at_the_interval(write: Write) -> None:
    path = write(sweep_interval_s=0.73, channels=[CURRENT, replace(CURRENT, number=1)])
    segments = neo.io.AxonIO(str(path)).read_block().segments
    starts = [float(s.analogsignals[0].t_start) for s in segments]
    assert starts == pytest.approx(0.73 * np.arange(5), abs=1e-4)


def test_sweep_interval_and_synch_unit_in_the_header(write: Write, version: str) -> None:
    path = write(sweep_interval_s=0.73, channels=[CURRENT, replace(CURRENT, number=1)])
    interval, unit = (62, 14) if version == "2.6" else (178, 130)
    start = section(path, 0)[0] if version == "2.6" else 0
    assert field(path, "f", start + interval)[0] == pytest.approx(0.73)
    assert field(path, "f", start + unit)[0] == pytest.approx(50.0)


def test_abf1_sample_interval_is_that_of_the_multiplexed_samples(tmp_path: Path) -> None:
    channels = [CURRENT, replace(CURRENT, number=1)]
    recording = EpisodicRecording(noise(1, 2, 100, 9.0), channels, [], RATE_HZ, INTERVAL_S)
    write_abf(tmp_path / "a.abf", "1.84", recording)
    assert field(tmp_path / "a.abf", "f", 122) == (50.0,)


def epoch_table(path: Path, version: str) -> dict[tuple[int, int], tuple[float, ...]]:
    """Kind, level, its increment, duration and its increment, by DAC and number of the epoch."""
    abf = pyabf.ABF(path, loadData=False)
    if version == "2.6":
        s = abf._epochPerDacSection
        places = list(zip(s.nDACNum, s.nEpochNum, strict=True))
    else:
        s = abf._headerV1
        places = [(i // 10, i % 10) for i in range(20)]
    columns = (s.nEpochType, s.fEpochInitLevel, s.fEpochLevelInc, s.lEpochInitDuration, s.lEpochDurationInc)
    return dict(zip(places, zip(*columns, strict=True), strict=True))


def test_epoch_table_of_two_outputs(write: Write, version: str) -> None:
    first = replace(
        STEPS,
        epochs=(
            Epoch("A", "step", -80.0, 5.0, 200, 0),
            Epoch("B", "off", 0.0, 0.0, 0, 0),
            Epoch("D", "ramp", 60.0, 0.0, 300, -10),
        ),
    )
    second = Waveform(
        1,
        "I_cmd",
        "pA",
        2.5,
        "epochs",
        tuple(Epoch(letter, "step", 10.0 * i, 1.0, i, 0) for i, letter in enumerate("ABCDEFGHIJ")),
        keeps_last_level=True,
    )
    path = write(waveforms=[second, first])
    table = epoch_table(path, version)
    assert table[0, 0] == (1, -80.0, 5.0, 200, 0)
    assert table[0, 1] == (0, 0.0, 0.0, 0, 0)
    assert table[0, 3] == (2, 60.0, 0.0, 300, -10)
    assert [table[1, i] for i in range(10)] == [(1, 10.0 * i, 1.0, i, 0) for i in range(10)]

    header = pyabf.ABF(path)
    outputs = header._dacSection if version == "2.6" else header._headerV1
    assert list(outputs.nWaveformEnable)[:2] == [1, 1]
    assert list(outputs.nWaveformSource)[:2] == [1, 1]
    assert list(outputs.nInterEpisodeLevel)[:2] == [0, 1]


def test_neo_sees_the_epochs_of_abf2(tmp_path: Path) -> None:
    recording = EpisodicRecording(noise(2, 1, 1000, 9.0), [CURRENT], [STEPS], RATE_HZ, INTERVAL_S)
    write_abf(tmp_path / "a.abf", "2.6", recording)
    raw = AxonRawIO(str(tmp_path / "a.abf"))
    raw.parse_header()
    commands, names, units = raw.read_raw_protocol()
    assert (names[0], units[0]) == ("V_cmd", "mV")
    assert set(commands[1][0][15:215]) == {-80.0}
    assert set(commands[1][0][215:525]) == {-80.0}
    assert commands[1][0][600] == -70.0


def test_pyabf_rebuilds_plain_steps(write: Write, version: str) -> None:
    """With holding at the first epoch's level, as pyabf has no other holding level for ABF1."""
    abf = pyabf.ABF(write(waveforms=[replace(STEPS, holding=-80.0)]))
    for sweep in abf.sweepList:
        abf.setSweep(sweep)
        expected = np.full(1000, -80.0)
        expected[215 : 515 + 10 * sweep] = -100.0 + 20.0 * sweep
        assert np.array_equal(abf.sweepC, expected)


def test_a_waveform_without_epochs_is_disabled(write: Write, version: str) -> None:
    abf = pyabf.ABF(write(waveforms=[replace(STEPS, source="none")]))
    outputs = abf._dacSection if version == "2.6" else abf._headerV1
    assert not any(outputs.nWaveformEnable)
    assert not any(outputs.nWaveformSource)


def test_holding_levels(write: Write, version: str) -> None:
    other = Waveform(2, "Cmd 2", "mV", 12.5, "none", (), keeps_last_level=False)
    path = write(waveforms=[STEPS, other])
    if version == "2.6":
        assert pyabf.ABF(path)._dacSection.fDACHoldingLevel[:4] == [-70.0, 0.0, 12.5, 0.0]
    else:
        assert field(path, "4f", 1394) == (-70.0, 0.0, 12.5, 0.0)


@pytest.mark.parametrize("keeps", [False, True])
def test_inter_episode_level_reaches_the_next_sweep(write: Write, keeps: bool) -> None:
    abf = pyabf.ABF(write(waveforms=[replace(STEPS, keeps_last_level=keeps, holding=-80.0)]))
    abf.setSweep(1)
    assert abf.sweepC[0] == (-100.0 if keeps else -80.0)
    assert abf.sweepC[-1] == -80.0


@pytest.mark.parametrize(("gain", "clamp"), [(5.0, "voltage"), (0.1, "current"), (1.0, "")])
def test_telegraph_gain_leaves_the_values_alone(write: Write, version: str, gain: float, clamp: str) -> None:
    channels = [
        replace(CURRENT, number=3, telegraph_gain=gain, clamp=clamp),
        replace(CURRENT, number=1, clamp=clamp),
    ]
    samples = noise(3, 2, 500, 1900.0)
    path = write(samples=samples, channels=channels)
    assert_samples(path, samples, channels)
    abf = pyabf.ABF(path)
    if version == "2.6":
        inputs, places = abf._adcSection, (0, 1)
    else:
        inputs, places = abf._headerV1, (3, 1)
    assert [inputs.nTelegraphEnable[i] for i in places] == [1, 0]
    assert [inputs.fTelegraphAdditGain[i] for i in places] == pytest.approx([gain, 1.0])
    assert [inputs.nTelegraphMode[i] for i in places] == [int(clamp == "current"), 0]


def test_channels_out_of_order(write: Write, version: str) -> None:
    channels = [OutputChannel("third", "nA", 3, 20.0), OutputChannel("zeroth", "mV", 0, 200.0)]
    samples = noise(3, 2, 200, 1.0) * np.array([[[19.0], [190.0]]])
    path = write(samples=samples, channels=channels)
    assert_samples(path, samples, channels)
    abf = pyabf.ABF(path)
    assert abf.adcNames == ["third", "zeroth"]
    assert abf.adcUnits == ["nA", "mV"]
    if version == "2.6":
        assert abf._adcSection.nADCNum == [3, 0]
    else:
        assert abf._headerV1.nADCSamplingSeq == [3, 0] + [-1] * 14
    segment = neo.io.AxonIO(str(path)).read_block().segments[0]
    numbers = np.concatenate([s.array_annotations["nADCNum"] for s in segment.analogsignals])
    assert list(numbers) == [3, 0]


def tag_units(path: Path, version: str) -> tuple[list[int], float]:
    """Tag times as stored, and the unit in seconds."""
    if version == "2.6":
        start, size, entries = section(path, 11)
        unit = field(path, "f", section(path, 0)[0] + 14)[0]
    else:
        (block, entries), size = field(path, "ii", 44), 64
        start, unit = block * 512, field(path, "f", 130)[0]
    return [field(path, "i", start + size * i)[0] for i in range(entries)], unit / 1e6


@pytest.mark.parametrize("channels", [1, 3])
def test_tags(write: Write, version: str, channels: int) -> None:
    tags = [Tag(0.25, 0, "start"), Tag(1.3, 2, "+drug at 1.3 s"), Tag(2.0, 4, "x" * 56)]
    path = write(tags=tags, channels=[replace(CURRENT, number=i) for i in range(channels)])
    abf = pyabf.ABF(path)
    assert abf.tagComments == [tag.comment for tag in tags]
    times, unit_s = tag_units(path, version)
    assert [time * unit_s for time in times] == pytest.approx([0.25, 1.3, 2.0], abs=1e-5)
    if channels == 1:
        assert abf.tagTimesSec == pytest.approx([0.25, 1.3, 2.0], abs=1e-5)
    if version == "2.6":  # neo looks for ABF1 tags at the number of their block, not in it
        raw = AxonRawIO(str(path))
        raw.parse_header()
        assert raw.event_count(0, 0, 0) == 3


def user_lists(path: Path, version: str) -> dict[int, tuple[int, bool, str]]:
    """Parameter, repeat and text of the enabled lists, by DAC."""
    lists = {}
    if version == "1.84":
        enabled, parameters, repeats = (
            field(path, "4h", 3360),
            field(path, "4h", 3368),
            field(path, "4h", 4400),
        )
        for dac in range(4):
            text = field(path, "256s", 3376 + 256 * dac)[0].decode().rstrip(" ")
            assert enabled[dac] in (0, 1)
            if enabled[dac]:
                lists[dac] = (parameters[dac], bool(repeats[dac]), text)
            else:
                assert (parameters[dac], text) == (0, "")
        return lists
    strings = pyabf.ABF(path, loadData=False)._stringsSection._indexedStrings
    start, size, entries = section(path, 6)
    for i in range(entries):
        dac, enabled, parameter, repeat, place = field(path, "5h", start + size * i)
        assert enabled == 1
        lists[dac] = (parameter, bool(repeat), strings[place])
    return lists


@pytest.mark.parametrize(
    ("user_list", "text"),
    [
        (UserList(21 + 1, (-120.0, -60.5, 0.1, 40.0), False), "-120,-60.5,0.1,40"),
        (UserList(31 + 1, (100.0, 200.0, 400.0), True), "100,200,400"),
    ],
    ids=["levels", "durations"],
)
def test_user_list(write: Write, version: str, user_list: UserList, text: str) -> None:
    path = write(waveforms=[replace(STEPS, user_list=user_list)])
    assert user_lists(path, version) == {0: (user_list.parameter, user_list.repeat, text)}
    if version == "2.6":
        assert pyabf.ABF(path).userList == list(user_list.values)
        assert pyabf.ABF(path).userListParamToVary == [user_list.parameter]


def test_user_lists_of_two_outputs(write: Write, version: str) -> None:
    second = replace(STEPS, number=1, name="Cmd 1", user_list=UserList(33, (7.0,), True))
    path = write(waveforms=[second, replace(STEPS, user_list=UserList(22, (1.0, 2.0), False))])
    assert user_lists(path, version) == {0: (22, False, "1,2"), 1: (33, True, "7")}


def test_no_user_list(write: Write, version: str) -> None:
    assert user_lists(write(), version) == {}


def test_abf1_user_list_fills_its_256_characters_and_no_more(tmp_path: Path) -> None:
    def write_list(*values: float) -> None:
        waveforms = [replace(STEPS, user_list=UserList(22, values, False))]
        recording = EpisodicRecording(noise(1, 1, 9, 1.0), [CURRENT], waveforms, RATE_HZ, INTERVAL_S)
        write_abf(tmp_path / "a.abf", "1.84", recording)

    write_list(*[1.0] * 127, 10.0)
    assert user_lists(tmp_path / "a.abf", "1.84")[0][2] == "1," * 127 + "10"
    with pytest.raises(ValueError, match="more than 256"):
        write_list(*[1.0] * 129)


def test_bytes_are_the_same_each_time(write: Write) -> None:
    waveforms = [replace(STEPS, user_list=UserList(22, (1.0, 2.0), False))]
    tags = [Tag(0.25, 0, "start")]
    first = write("a.abf", waveforms=waveforms, tags=tags).read_bytes()
    assert write("b.abf", waveforms=waveforms, tags=tags).read_bytes() == first
    assert len(first) % 512 == 0


def test_header_sizes(tmp_path: Path) -> None:
    recording = EpisodicRecording(noise(1, 1, 9, 1.0), [CURRENT], [STEPS], RATE_HZ, INTERVAL_S)
    for version in VERSIONS:
        write_abf(tmp_path / version, version, recording)
    assert field(tmp_path / "1.84", "i", 40)[0] * 512 == 6144
    assert [section(tmp_path / "2.6", i)[1:] for i in (0, 1, 2, 3, 5)] == [
        (512, 1),
        (128, 1),
        (256, 8),
        (32, 2),
        (48, 2),
    ]


def test_a_recording_longer_than_the_clock_of_the_file_is_refused(write: Write) -> None:
    with pytest.raises(ValueError, match="lStart"):
        write(sweep_interval_s=1e5)


EPOCH = STEPS.epochs[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": "2.9"}, "version '2.9'"),
        ({"samples": np.zeros((2, 100))}, "shape"),
        ({"samples": np.zeros((0, 1, 100))}, "shape"),
        ({"samples": np.zeros((1, 2, 100))}, "2 channels, but 1"),
        ({"samples": np.full((1, 1, 100), np.nan)}, "finite"),
        ({"channels": [replace(CURRENT, number=i) for i in range(9)]}, "At most 8 channels"),
        ({"channels": [CURRENT, CURRENT]}, "must differ"),
        ({"channels": [replace(CURRENT, number=16)]}, "0 to 15"),
        ({"channels": [replace(CURRENT, full_scale=0.0)]}, "full scale"),
        ({"channels": [replace(CURRENT, telegraph_gain=0.0)]}, "telegraph gain"),
        ({"channels": [replace(CURRENT, clamp="patch")]}, "clamp mode"),
        ({"channels": [replace(CURRENT, name="Ω")]}, "characters"),
        ({"channels": [replace(CURRENT, name="a\0b")]}, "control"),
        ({"waveforms": [STEPS, STEPS]}, "must differ"),
        ({"waveforms": [replace(STEPS, number=4)]}, "0 to 3"),
        ({"waveforms": [replace(STEPS, source="file")]}, "source 'file'"),
        ({"waveforms": [replace(STEPS, number=i) for i in range(3)]}, "At most 2 DACs"),
        ({"waveforms": [replace(STEPS, holding=np.inf)]}, "fDACHoldingLevel"),
        (
            {"waveforms": [replace(STEPS, epochs=tuple(replace(EPOCH, letter=i) for i in EPOCH_LETTERS[:11]))]},
            "more than 10",
        ),
        ({"waveforms": [replace(STEPS, epochs=(replace(EPOCH, letter="K"),))]}, "A to J"),
        ({"waveforms": [replace(STEPS, epochs=(EPOCH, EPOCH))]}, "A to J"),
        ({"waveforms": [replace(STEPS, epochs=(replace(EPOCH, kind="train"),))]}, "kind 'train'"),
        ({"waveforms": [replace(STEPS, epochs=(replace(EPOCH, level=np.nan),))]}, "fEpochInitLevel"),
        ({"waveforms": [replace(STEPS, epochs=(replace(EPOCH, duration=2**31),))]}, "lEpochInitDuration"),
        ({"waveforms": [replace(STEPS, user_list=UserList(22, (), False))]}, "no values"),
        ({"waveforms": [replace(STEPS, user_list=UserList(22, (np.nan,), False))]}, "not finite"),
        ({"waveforms": [replace(STEPS, user_list=UserList(40000, (1.0,), False))]}, "nULParamToVary"),
        ({"rate_Hz": 0.0}, "above 0 Hz"),
        ({"sweep_interval_s": 0.09}, "shorter than a sweep"),
        ({"sweep_interval_s": np.nan}, "shorter than a sweep"),
        ({"tags": [Tag(-1.0, 0, "early")]}, "before the recording"),
        ({"tags": [Tag(1.0, 0, "x" * 57)]}, "more than 56"),
    ],
)
def test_what_cannot_be_written_is_refused(write: Write, tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(**changed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"channels": [replace(CURRENT, name="a long name")]}, "more than 10"),
        ({"channels": [replace(CURRENT, unit="microamps")]}, "more than 8"),
        ({"waveforms": [replace(STEPS, number=2)]}, "not for DAC 2"),
    ],
)
def test_what_only_abf1_cannot_hold(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    def write(version: str, channels: list[OutputChannel], waveforms: list[Waveform]) -> None:
        recording = EpisodicRecording(noise(1, 1, 1000, 9.0), channels, waveforms, RATE_HZ, INTERVAL_S)
        write_abf(tmp_path / version, version, recording)

    arguments: dict[str, Any] = {"channels": [CURRENT], "waveforms": [STEPS]} | changed
    write("2.6", **arguments)
    with pytest.raises(ValueError, match=message):
        write("1.84", **arguments)
