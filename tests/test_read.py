"""ABF files as the project reads them, both formats alike."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyabf
import pytest

from nernstfit.abf import content as contents
from nernstfit.abf.command import levels, segments
from nernstfit.abf.describe import describe
from nernstfit.abf.read import Recording, open_recording, read
from nernstfit.abf.records import Epoch, Lowpass, StimulusPlayback, Tag, UserList, Waveform
from nernstfit.abf.stimulus import StimulusTrace, stimulus_sweeps
from nernstfit.abf.voltage import recorded_voltages
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import BandwidthSource
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import row_of_file
from nernstfit.library.recording import PatchProperties, measure
from nernstfit.report import manifest
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.stages import ingest

VERSIONS = ("2.6", "1.84")
Write = Callable[..., Path]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path, version: str, write_recording: Write) -> Write:
    return lambda **changed: write_recording(tmp_path / "a.abf", version=version, **changed)


def patch(path: Path, form: str, offset: int, *values: Any) -> None:
    """Overwrite numbers of a file."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, *values)
    path.write_bytes(content)


def section(path: Path, number: int) -> int:
    """First byte of an ABF2 section: 0 protocol, 1 ADC, 2 DAC, 5 epochs per DAC, 15 synch array."""
    return struct.unpack_from("<I", path.read_bytes(), 76 + 16 * number)[0] * 512


def noise(sweeps: int, channels: int, points: int, size: float) -> np.ndarray:
    return np.random.default_rng(5).uniform(-size, size, (sweeps, channels, points))


def test_sizes_rate_and_interval(write: Write, version: str) -> None:
    recording = read(write(sweep_interval_s=2.5))
    assert (recording.sweeps, recording.points, len(recording.channels)) == (11, 400, 1)
    assert recording.rate_Hz == pytest.approx(10_000, rel=1e-6)
    assert recording.sweep_interval_s == pytest.approx(2.5, rel=1e-6)
    assert recording.mode == "episodic"
    assert recording.version == {"2.6": "2.6", "1.84": "1.8"}[version]
    assert recording.obstacles == ()


def test_a_rate_that_is_no_whole_number(tmp_path: Path, version: str, current_channel: OutputChannel) -> None:
    rate_Hz = 1e6 / 2480
    write_abf(tmp_path / "a.abf", version, EpisodicRecording(noise(2, 1, 100, 50), [current_channel], [], rate_Hz, 3.0))
    assert read(tmp_path / "a.abf").rate_Hz == pytest.approx(403.2258, abs=1e-4)


@pytest.mark.parametrize("stated", [0.0, float("nan"), -1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_interval_is_that_of_the_synch_array_where_none_is_stated(
    write: Write, version: str, channels: int, stated: float
) -> None:
    used = [OutputChannel(f"IN {i}", "pA", i, 100.0) for i in range(channels)]
    path = write(samples=noise(6, channels, 100, 50), channels=used, sweep_interval_s=2.5, tags=[Tag(5.1, 0, "drug")])
    patch(path, "<f", 178 if version == "1.84" else section(path, 0) + 62, stated)
    recording = read(path)
    assert recording.sweep_interval_s == pytest.approx(2.5, rel=1e-4)
    assert [tag.sweep for tag in recording.tags] == [2]


def test_without_a_synch_array_sweeps_follow_one_another(write: Write, version: str) -> None:
    path = write(sweep_interval_s=2.5)
    patch(path, "<f", 178 if version == "1.84" else section(path, 0) + 62, 0.0)
    patch(path, "<i" if version == "1.84" else "<q", 96 if version == "1.84" else 324, 0)
    assert read(path).sweep_interval_s == pytest.approx(400 / 10_000)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_rate_is_that_of_one_channel(write: Write, channels: int) -> None:
    used = [OutputChannel(f"IN {i}", "pA", i, 100.0) for i in range(channels)]
    recording = read(write(samples=noise(2, channels, 100, 50), channels=used))
    assert recording.rate_Hz == pytest.approx(10_000, rel=1e-6)


def test_samples_come_back_within_half_a_step(write: Write, current_channel: OutputChannel) -> None:
    samples = noise(11, 1, 400, 3900.0)
    recording = read(write(samples=samples))
    (channel,) = recording.channels
    assert recording.resolution_pA(channel) == pytest.approx(current_channel.full_scale / 32768, rel=1e-6)
    for sweep in range(11):
        found = recording.samples(channel, sweep, 0, 400)
        assert np.abs(found - samples[sweep, 0]).max() <= current_channel.full_scale / 32768 / 2 * 1.01
        np.testing.assert_array_equal(recording.samples(channel, sweep, 37, 90), found[37:90])


def test_channels_out_of_order_keep_their_samples_names_and_numbers(write: Write) -> None:
    used = [
        OutputChannel("second", "mV", 5, 100.0),
        OutputChannel("first", "pA", 0, 2000.0, telegraph_gain=2.0, clamp="voltage"),
        OutputChannel("third", "nA", 3, 10.0),
    ]
    samples = noise(3, 3, 200, 1.0) * np.array([90, 1900, 9])[:, None]
    recording = read(write(samples=samples, channels=used))
    assert [(c.index, c.number, c.name, c.unit) for c in recording.channels] == [
        (0, 5, "second", "mV"),
        (1, 0, "first", "pA"),
        (2, 3, "third", "nA"),
    ]
    for channel, size in zip(recording.channels, (100, 2000, 10), strict=True):
        found = np.array([recording.samples(channel, s, 0, 200) for s in range(3)])
        assert np.abs(found - samples[:, channel.index]).max() <= size / 32768 / 2 * 1.01


@pytest.mark.parametrize("gain", [None, 0.1, 1.0, 5.0, 20.0])
def test_a_telegraphed_gain_is_part_of_the_scale(write: Write, current_channel: OutputChannel, gain: float) -> None:
    samples = noise(2, 1, 300, 3000.0)
    recording = read(write(samples=samples, channels=[replace(current_channel, telegraph_gain=gain)]))
    found = recording.samples(recording.channels[0], 1, 0, 300)
    assert np.abs(found - samples[1, 0]).max() <= 4000 / 32768 / 2 * 1.01


@pytest.mark.parametrize("telegraph_gain", [None, 5.0])
@pytest.mark.parametrize("signal_type", [0, 1])
def test_gain_and_offset_of_a_signal_conditioner_count_where_there_is_one(
    tmp_path: Path, version: str, signal_type: int, telegraph_gain: float | None
) -> None:
    samples = noise(3, 2, 300, 2000.0)
    channels = [
        OutputChannel("a", "pA", 3, 4000.0, telegraph_gain, signal_gain=200.0, signal_offset=50.0),
        OutputChannel("b", "pA", 0, 4000.0, signal_gain=0.5, signal_offset=-300.0),
    ]
    path = tmp_path / "a.abf"
    write_abf(path, version, EpisodicRecording(samples, channels, [], 1e4, 0.5, signal_type=signal_type))
    recording = read(path)
    for channel in recording.channels:
        found = np.array([recording.samples(channel, sweep, 0, 300) for sweep in range(3)])
        assert np.abs(found - samples[:, channel.index]).max() <= 4000 / 32768 / 2 * 1.01
    if signal_type:  # pyabf counts both always
        np.testing.assert_allclose(pyabf.ABF(path).data[0], samples[:, 0].ravel(), atol=0.07)


def test_what_was_entered_for_an_absent_conditioner_does_not_scale_a_real_current(real_cases: Path) -> None:
    """The same recording twice: as it is, its gain of 200 without a conditioner, and its offset of 50 pA."""
    by_gain = read(real_cases / "signal_gain_200_no_conditioner.abf")
    by_offset = read(real_cases / "signal_offset_50_no_conditioner.abf")
    for sweep in (0, 47):
        currents = [r.current_pA(r.channels[0], sweep, 0, r.points) for r in (by_gain, by_offset)]
        np.testing.assert_array_equal(*currents)


@pytest.mark.parametrize(("unit", "factor"), [("pA", 1.0), ("nA", 1e3), ("uA", 1e6), ("µA", 1e6)])
def test_currents_are_in_picoamperes_whatever_the_file_holds(write: Write, unit: str, factor: float) -> None:
    samples = noise(1, 1, 300, 0.9)
    recording = read(write(samples=samples, channels=[OutputChannel("IN 0", unit, 0, 1.0)]))
    (channel,) = recording.channels
    current = recording.current_pA(channel, 0, 0, 300)
    assert np.abs(current - factor * samples[0, 0]).max() <= factor / 32768 / 2 * 1.01
    assert recording.resolution_pA(channel) == pytest.approx(factor / 32768, rel=1e-6)


@pytest.mark.parametrize("written", [b"\xb5A", b"\xe6A", b"\xc2\xb5A", b"\xce\xbcA", b"uA"])
def test_a_micro_sign_is_read_in_whatever_code_it_was_written(write: Write, version: str, written: bytes) -> None:
    path = write(channels=[OutputChannel("IN 0", "XXXX", 0, 1.0)], samples=noise(1, 1, 300, 0.9))
    content = path.read_bytes()
    assert content.count(b"XXXX") == 1
    path.write_bytes(content.replace(b"XXXX", written.ljust(4, b"\0 "[version == "1.84" :][:1])))
    assert read(path).channels[0].unit == "uA"


def test_an_ampere_is_not_taken_for_another_unit(write: Write) -> None:
    assert read(write(channels=[OutputChannel("IN 0", "A", 0, 1.0)])).channels[0].unit == "A"


def test_samples_stored_as_numbers_are_already_in_their_unit(tmp_path: Path, version: str) -> None:
    samples = noise(3, 2, 400, 3e6)
    channels = [OutputChannel("a", "pA", 2, 4.0, telegraph_gain=5.0), OutputChannel("b", "mV", 0, 4.0)]
    path = tmp_path / "a.abf"
    write_abf(path, version, EpisodicRecording(samples, channels, [], 1e4, 0.5, data_format="float32"))
    recording = read(path)
    for channel in recording.channels:
        found = [recording.samples(channel, sweep, 0, 400) for sweep in range(3)]
        np.testing.assert_array_equal(found, samples[:, channel.index].astype(np.float32))
        assert recording.clipped(channel, [0], 0, 400) == 0
    assert recording.resolution_pA(recording.channels[0]) == 0
    if version == "2.6":  # pyabf has no reader for numbers in ABF1
        np.testing.assert_array_equal(pyabf.ABF(path).data[0], samples[:, 0].ravel().astype(np.float32))


def test_samples_at_the_limit_of_the_converter_are_counted(write: Write) -> None:
    samples = np.zeros((1, 1, 300))
    samples[0, 0, 10:15], samples[0, 0, 20:27] = 1e5, -1e5
    recording = read(write(samples=samples))
    (channel,) = recording.channels
    assert recording.clipped(channel, [0], 0, 300) == 12
    assert recording.clipped(channel, [0], 12, 22) == 5
    assert recording.clipped(channel, [0], 30, 300) == 0


def test_the_protocol_comes_back_epoch_by_epoch(write: Write, steps: Waveform) -> None:
    epochs = (
        Epoch("A", "step", -20.0, 2.5, 100, 0),
        Epoch("B", "ramp", 60.0, -5.0, 150, 4),
        Epoch("D", "step", 0.0, 0.0, 30, -2),
    )
    waveforms = [replace(steps, epochs=epochs, holding=-65.0, keeps_last_level=True)]
    first = read(write(waveforms=waveforms)).waveforms[0]
    assert (first.number, first.name, first.unit, first.source) == (0, "Cmd 0", "mV", "epochs")
    assert first.holding == -65.0
    assert first.keeps_last_level
    assert first.epochs == epochs
    assert first.user_list is None


def test_the_holding_level_is_not_the_first_epochs_level(write: Write, steps: Waveform) -> None:
    assert read(write(waveforms=[replace(steps, holding=-91.0)])).waveforms[0].holding == -91.0


def test_two_outputs_keep_their_own_epochs(write: Write, steps: Waveform) -> None:
    second = replace(steps, number=1, name="Cmd 1", holding=-40.0, epochs=(Epoch("A", "step", 5.0, 0.0, 60, 0),))
    found = read(write(waveforms=[steps, second])).waveforms
    assert [w.epochs for w in found[:2]] == [steps.epochs, second.epochs]
    assert [w.holding for w in found[:2]] == [-20.0, -40.0]
    assert [w.source for w in found] == ["epochs", "epochs"] + ["none"] * (len(found) - 2)


def test_tags_belong_to_the_sweep_that_was_running(write: Write) -> None:
    tags = [Tag(0.0, 0, "start"), Tag(2.4, 0, "drug"), Tag(2.6, 0, "more"), Tag(25.1, 0, "wash")]
    found = read(write(sweep_interval_s=2.5, tags=tags)).tags
    assert [(tag.comment, tag.sweep) for tag in found] == [("start", 0), ("drug", 0), ("more", 1), ("wash", 10)]
    assert [tag.time_s for tag in found] == pytest.approx([0.0, 2.4, 2.6, 25.1], abs=1e-3)


def test_tags_of_several_channels_keep_their_time(write: Write) -> None:
    used = [OutputChannel(f"IN {i}", "pA", i, 100.0) for i in range(3)]
    recording = read(
        write(samples=noise(11, 3, 400, 9), channels=used, sweep_interval_s=2.5, tags=[Tag(5.1, 0, "drug")])
    )
    assert [(round(tag.time_s, 3), tag.sweep) for tag in recording.tags] == [(5.1, 2)]


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("parameter", [22, 33])
def test_a_user_list_comes_back(write: Write, steps: Waveform, parameter: int, repeat: bool) -> None:
    waveform = replace(steps, user_list=UserList(parameter, (-100.0, -50.5, 0.0), repeat))
    found = read(write(waveforms=[waveform])).waveforms[0].user_list
    assert found == UserList(parameter, (-100.0, -50.5, 0.0), repeat)


def test_each_output_has_its_own_user_list(write: Write, steps: Waveform) -> None:
    first = replace(steps, user_list=UserList(22, (1.0, 2.0), False))
    second = replace(steps, number=1, name="Cmd 1", user_list=UserList(31, (30.0, 40.0, 50.0), True))
    for waveforms in ([first, second], [replace(first, user_list=None), second]):
        found = read(write(waveforms=waveforms)).waveforms
        assert [w.user_list for w in found[:2]] == [w.user_list for w in waveforms]
        assert all(w.user_list is None for w in found[2:])


def test_a_list_that_is_not_enabled_is_left_alone(tmp_path: Path, write_recording: Write, steps: Waveform) -> None:
    path = write_recording(
        tmp_path / "a.abf", version="1.84", waveforms=[replace(steps, user_list=UserList(22, (1.0,), False))]
    )
    patch(path, "<h", 3360, 0)
    assert read(path).waveforms[0].user_list is None


def test_a_list_counts_if_it_varies_something_in_abf2(tmp_path: Path, write_recording: Write, steps: Waveform) -> None:
    path = write_recording(tmp_path / "a.abf", waveforms=[replace(steps, user_list=UserList(22, (1.0,), False))])
    patch(path, "<h", section(path, 6) + 2, 0)  # the field `enable`
    assert read(path).waveforms[0].user_list == UserList(22, (1.0,), False)
    patch(path, "<h", section(path, 6) + 4, 0)  # the parameter
    assert read(path).waveforms[0].user_list is None


def test_from_abf_2_9_on_the_codes_count_fifty_epochs(tmp_path: Path, write_recording: Write, steps: Waveform) -> None:
    path = write_recording(tmp_path / "a.abf", waveforms=[replace(steps, user_list=UserList(62, (7.0,), False))])
    with pytest.raises(RecordingError, match="unknown code"):
        segments(read(path).waveforms[0], 11, 400)
    patch(path, "<4B", 4, 0, 0, 9, 2)
    command = segments(read(path).waveforms[0], 11, 400)
    assert {part.first_mV for sweep in command for part in sweep if part.name == "B"} == {7.0}


def test_a_list_with_words_is_refused(write: Write, version: str, steps: Waveform) -> None:
    path = write(waveforms=[replace(steps, user_list=UserList(22, (-100.0, -50.0), False))])
    path.write_bytes(path.read_bytes().replace(b"-100,-50", b"-100,abc"))
    with pytest.raises(RecordingError, match="no number"):
        segments(read(path).waveforms[0], 11, 400)


def test_a_waveform_switched_on_without_a_source_plays_nothing(write: Write, version: str) -> None:
    path = write()
    patch(path, "<h", 2300 if version == "1.84" else section(path, 2) + 42, 0)
    assert read(path).waveforms[0].source == "none"


@pytest.mark.parametrize(
    ("code", "kind"), [(3, "pulse train"), (4, "triangle train"), (5, "cosine train"), (7, "biphasic train")]
)
def test_a_train_is_named_and_leaves_the_other_epochs_known(write: Write, version: str, code: int, kind: str) -> None:
    path = write()
    patch(path, "<h", 2308 if version == "1.84" else section(path, 5) + 4, code)  # epoch A
    first = segments(read(path).waveforms[0], 11, 400)[0]
    assert [part.kind for part in first] == ["straight", kind, "straight", "straight", "straight"]
    assert [(part.start, part.first_mV) for part in first if part.name == "B"] == [(106, -100.0)]


def test_outputs_that_alternate_are_an_obstacle(write: Write, version: str) -> None:
    path = write()
    patch(path, "<h", 5876 if version == "1.84" else section(path, 0) + 182, 1)
    assert read(path).obstacles == ("alternating DAC outputs",)


@pytest.mark.parametrize(
    ("flag", "abf1", "abf2"), [(Flag.CONDITIONING_TRAIN, 3260, 60), (Flag.ONLINE_SUBTRACTION, 4456, 92)]
)
def test_what_lies_outside_the_sweep_leaves_its_command_known_and_is_flagged(
    write: Write, version: str, flag: Flag, abf1: int, abf2: int
) -> None:
    path, patch_of = write(), PatchProperties(None, None, 22.0)
    plain = measure(str(path), {}, patch_of)
    assert read(path).waveforms[0].outside == ()
    patch(path, "<h", abf1 if version == "1.84" else section(path, 2) + abf2, 1)
    recording = read(path)
    assert recording.obstacles == ()
    assert [waveform.outside for waveform in recording.waveforms[:2]] == [(flag,), ()]
    found = measure(str(path), {}, patch_of)
    assert found["flags"].split(";") == [f"{flag}=true", *plain["flags"].split(";")]
    assert found | {"flags": ""} == pytest.approx(plain | {"flags": ""}, nan_ok=True)
    assert any(flag.label in line for line in describe(recording, settings.default_measure()))
    patch(path, "<h", (abf1 if version == "1.84" else section(path, 2) + abf2), 0)
    patch(path, "<h", abf1 + 2 if version == "1.84" else section(path, 2) + 256 + abf2, 1)  # of another DAC
    assert measure(str(path), {}, patch_of)["flags"] == plain["flags"]


def test_a_header_of_two_kilobytes_has_no_epochs(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84", samples=noise(11, 1, 400, 3000.0))
    content = bytearray(path.read_bytes())
    data = struct.unpack_from("<i", content, 40)[0] * 512
    struct.pack_into("<f", content, 4, 1.3)
    struct.pack_into("<iii", content, 40, 4, 0, 0)  # samples from block 4 on
    struct.pack_into("<ii", content, 92, 0, 0)  # no synch array
    whole = content[:2048] + content[data:]
    path.write_bytes(whole)
    recording = read(path)
    assert recording.version == "1.3"
    assert recording.obstacles == ("its 2 kB header holds no epoch table",)
    assert {waveform.source for waveform in recording.waveforms} == {"none"}
    assert recording.channels[0].clamp == ""
    np.testing.assert_allclose(
        recording.samples(recording.channels[0], 5, 0, 400),
        np.frombuffer(whole[2048 + 4000 : 2048 + 4800], "<i2") * (4000.0 / 32768),
        rtol=1e-6,
    )


# Stimulus files


STIMULUS = 0.01 * np.arange(400.0)


@pytest.fixture
def playing(tmp_path: Path, version: str, current_channel: OutputChannel, steps: Waveform) -> Callable[..., Recording]:
    """Read a recording of two sweeps whose DAC plays the file `wave.abf`, times 0.5, minus 60 mV."""

    def made(name: str = "wave.abf") -> Recording:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        path = folder / "a.abf"
        # The DAC's name serves as the name of its stimulus file in ABF2.
        waveform = replace(steps, name=name[-10:] if version == "1.84" else name)
        write_abf(path, version, EpisodicRecording(noise(2, 1, 400, 50), [current_channel], [waveform], 1e4, 0.5))
        if version == "1.84":
            patch(path, "<hh", 2300, 2, 0)
            patch(path, "<ff", 2708, 0.5, 1.0)
            patch(path, "<ff", 2716, -60.0, 0.0)
            patch(path, "<256s", 2736, name.encode())
        else:
            dac = section(path, 2)
            patch(path, "<hhff", dac + 42, 2, 0, 0.5, -60.0)
            patch(path, "<i", dac + 118, struct.unpack_from("<i", path.read_bytes(), dac + 24)[0])
        return read(path)

    return made


def stimulus(path: Path, sweeps: int = 1, rate_Hz: float = 1e4, unit: str = "mV", points: int = 400) -> None:
    values = STIMULUS[:points] + 0.001 * np.arange(sweeps)[:, None, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = [OutputChannel("x", unit, 0, 10.0)]
    write_abf(path, "2.6", EpisodicRecording(values, channels, [], rate_Hz, 1.0, data_format="float32"))


def command(recording: Recording, sweep: int) -> np.ndarray:
    return levels(segments(recording.waveforms[0], recording.sweeps, recording.points)[sweep], np.arange(400))


@pytest.mark.parametrize("name", ["wave.abf", "WAVE.abf", "C:\\p\\wave.abf", "/nowhere/wave.abf", "..\\wave.abf"])
def test_a_stimulus_file_beside_the_recording_is_the_command(
    tmp_path: Path, playing: Callable[..., Recording], name: str
) -> None:
    stimulus(tmp_path / "data" / "Wave.abf")
    recording = playing(name)
    assert recording.waveforms[0].stimulus_file.lower() == "wave.abf"
    for sweep in range(2):
        np.testing.assert_allclose(command(recording, sweep), 0.5 * STIMULUS - 60, atol=1e-6)


def test_the_digest_of_a_stimulus_file_is_handed_on(
    tmp_path: Path, playing: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the reading of a row to the manifest; also of a file that cannot be played."""
    monkeypatch.chdir(tmp_path)
    stimulus(tmp_path / "data" / "wave.abf")
    playing()
    row = row_of_file(
        "data/a.abf", settings.default_measure(), measurement="a", temperature_C=22.0, configuration="whole-cell"
    )
    experiment = SimpleNamespace(rows=[row], settings=SimpleNamespace(as_dict=dict))
    Path("config").mkdir()
    Path("config/config.yaml").write_text("")
    for content in (Path("data/wave.abf").read_bytes(), b"no recording"):
        Path("data/wave.abf").write_bytes(content)
        fact, _ = ingest.read_row(row, open_recording)
        pd.DataFrame([fact]).to_parquet("facts.parquet")
        inputs = manifest.manifest(experiment, [], ["facts.parquet"])["inputs"]  # type: ignore[arg-type]
        assert inputs["data/wave.abf"] == hashlib.sha256(content).hexdigest()
    Path("data/wave.abf").unlink()
    assert json.loads(ingest.read_row(row, open_recording)[0]["stimuli"]) == {}


def test_a_stimulus_file_of_several_sweeps_is_played_sweep_by_sweep(
    tmp_path: Path, playing: Callable[..., Recording]
) -> None:
    stimulus(tmp_path / "data" / "wave.abf", sweeps=2)
    np.testing.assert_allclose(command(playing(), 1) - command(playing(), 0), 0.0005, atol=1e-6)


def test_behind_the_end_of_a_stimulus_file_nothing_is_known(tmp_path: Path, playing: Callable[..., Recording]) -> None:
    stimulus(tmp_path / "data" / "wave.abf", points=300)
    found = command(playing(), 0)
    np.testing.assert_allclose(found[:300], 0.5 * STIMULUS[:300] - 60, atol=1e-6)
    assert np.isnan(found[300:]).all()


def test_a_stimulus_file_elsewhere_is_not_opened(
    tmp_path: Path, playing: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    stimulus(tmp_path / "wave.abf")
    stimulus(tmp_path / "data" / "below" / "wave.abf")
    monkeypatch.chdir(tmp_path)
    for name in ("wave.abf", str(tmp_path / "wave.abf"), "../wave.abf", "below/wave.abf", ".."):
        with pytest.raises(RecordingError, match="which is not beside the recording"):
            command(playing(name), 0)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"rate_Hz": 5e3}, "which has 5000 samples per second, the recording 10000"),
        ({"unit": "V"}, "which is in V, while the DAC is in mV"),
    ],
)
def test_a_stimulus_file_that_leaves_a_doubt_is_refused(
    tmp_path: Path, playing: Callable[..., Recording], written: dict[str, Any], words: str
) -> None:
    stimulus(tmp_path / "data" / "wave.abf", **written)
    with pytest.raises(RecordingError) as caught:
        command(playing(), 0)
    assert str(caught.value) == f"command unknown: DAC 'Cmd 0' plays the stimulus file wave.abf, {words}".replace(
        "Cmd 0", playing().waveforms[0].name
    )


def test_a_damaged_stimulus_file_is_refused_with_its_fault(tmp_path: Path, playing: Callable[..., Recording]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wave.abf").write_bytes(b"ABF2" + bytes(100))
    with pytest.raises(RecordingError, match=r"plays the stimulus file wave\.abf, .*truncated"):
        command(playing(), 0)


def atf(*traces: np.ndarray, step: float = 0.1, unit: str = "ms", header: int = 2) -> str:
    titles = [f'"Time ({unit})"', *(f'"Trace #{i + 1} (mV)"' for i in range(len(traces)))]
    rows = ["\t".join(f"{value:.6g}" for value in (i * step, *row)) for i, row in enumerate(zip(*traces, strict=True))]
    return "\n".join(["ATF\t1.0", f"{header}\t{len(titles)}", *['"x=1"'] * header, "\t".join(titles), *rows]) + "\n"


@pytest.mark.parametrize(
    "text", [atf(STIMULUS, STIMULUS + 1), atf(STIMULUS, STIMULUS + 1, step=1e-4, unit="s", header=0)]
)
def test_an_axon_text_file_is_played_too(tmp_path: Path, playing: Callable[..., Recording], text: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wave.ATF").write_text(text)
    for sweep in range(2):
        np.testing.assert_allclose(command(playing("wave.atf"), sweep), 0.5 * (STIMULUS + sweep) - 60, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("recording,cell\n", "no Axon text file"),
        ("ATF\t1.0\n900\t2\n", "cannot be read"),
        (atf(STIMULUS).replace("0.5\t", "0.5\tx"), "cannot be read"),
        (atf(STIMULUS, step=0.2), "which has 5000 samples per second"),
        (atf(STIMULUS, unit="parsec"), "sampling rate is not known"),
        (atf(STIMULUS, step=0.0), "sampling rate is not known"),
        (atf(STIMULUS[:1]), "holds no samples"),
    ],
)
def test_a_text_file_that_cannot_be_played_is_refused(
    tmp_path: Path, playing: Callable[..., Recording], text: str, words: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wave.atf").write_text(text)
    with pytest.raises(RecordingError, match=words):
        command(playing("wave.atf"), 0)


@pytest.mark.parametrize(
    ("gain", "clamp", "expected"),
    [(1.0, "voltage", "voltage"), (1.0, "current", "current"), (None, "current", "")],
)
def test_the_clamp_mode_is_known_where_the_amplifier_telegraphs(
    write: Write, current_channel: OutputChannel, gain: float | None, clamp: str, expected: str
) -> None:
    channel = replace(current_channel, telegraph_gain=gain, clamp=clamp)
    assert read(write(channels=[channel])).channels[0].clamp == expected


@pytest.mark.parametrize(("gain", "source"), [(1.0, "telegraph"), (None, "header")])
@pytest.mark.parametrize(
    ("corner_Hz", "limit"), [(2000.0, None), (5000.0, None), (8000.0, "nyquist"), (1e5, "nyquist")]
)
def test_the_band_is_the_filter_of_the_file_or_half_its_rate(
    write: Write, current_channel: OutputChannel, gain: float | None, source: str, corner_Hz: float, limit: str | None
) -> None:
    recording = read(write(channels=[replace(current_channel, telegraph_gain=gain, lowpass_Hz=corner_Hz)]))
    band = recording.bandwidth(recording.channels[0])
    assert band.source == (limit or source)
    assert band.corner_Hz == pytest.approx(min(corner_Hz, 5000.0), rel=1e-6)
    said = list(describe(recording, settings.default_measure()))
    named = f"low-pass filter {corner_Hz:g} Hz (bandwidth source: {BandwidthSource(source).label})"
    assert any(named in line for line in said) == (corner_Hz < 1e5)


@pytest.mark.parametrize(("telegraph", "header", "software"), list(itertools.permutations((300.0, 1000.0, 4000.0))))
def test_of_several_filters_in_a_row_the_lowest_counts(
    write: Write, version: str, current_channel: OutputChannel, telegraph: float, header: float, software: float
) -> None:
    path = write(channels=[replace(current_channel, telegraph_gain=1.0)])
    first = section(path, 1) if version == "2.6" else 0
    places = (10, 56, 66) if version == "2.6" else (4640, 1178, 5934)
    for place, value in zip(places, (telegraph, header, software), strict=True):
        patch(path, "<f", first + place, value)
    named = {telegraph: "telegraph", header: "header", software: "software"}
    recording = read(path)
    assert recording.bandwidth(recording.channels[0]) == Lowpass(300.0, named[300.0])
    # Without a signal conditioner its corner is an entry alone.
    assert recording.channels[0].in_effect == Lowpass(min(telegraph, software), named[min(telegraph, software)])


@pytest.mark.parametrize("corner_Hz", [0.0, -1.0, math.nan, math.inf])
def test_a_corner_that_is_no_frequency_is_no_filter(write: Write, version: str, corner_Hz: float) -> None:
    path = write()
    patch(path, "<f", section(path, 1) + 56 if version == "2.6" else 1178, corner_Hz)
    assert read(path).channels[0].lowpass is None


def test_reading_leaves_the_file_alone(write: Write) -> None:
    path = write()
    before = path.read_bytes()
    recording = read(path)
    recording.samples(recording.channels[0], 0, 0, 10)[:] = 0
    assert path.read_bytes() == before
    assert recording.samples(recording.channels[0], 3, 110, 300).std() > 0


# Damaged and foreign files: each one sentence that names the file


def refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read(path)
    said = str(caught.value)
    assert path.name in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"recording,cell\na,b\n", "is not an ABF file: it seems to be text, 'recording,cell'"),
        (b"ATF\t1.0\n", "is not an ABF file: it seems to be an Axon text file (ATF)"),
        (bytes(1000), "it seems to be bytes of zero"),
        (b"", "empty"),
        (b"ABF", "not an ABF file"),
        (b"ABF2", ""),
        (b"ABF ", ""),
        (b"ABF2" + bytes(600), ""),
        (b"ABF " + bytes(6140), ""),
        (b"ABF2" + b"\xff" * 5000, ""),
        (b"ABF " + b"\xff" * 9000, ""),
        (b"\x89PNG\r\n" + bytes(3000), "not an ABF file: it seems to be a picture (PNG)"),
        (b"\x93\xff\x02" * 100, "not an ABF file"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "strange.abf"
    path.write_bytes(content)
    assert words in refusal(path)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "folder.abf").mkdir()
    assert "No such file" in refusal(tmp_path / "absent.abf")
    assert "cannot be opened" in refusal(tmp_path / "folder.abf")


def test_a_file_that_may_not_be_read_is_refused_by_name(
    tmp_path: Path, write_recording: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recording(tmp_path / "a.abf")

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    assert "cannot be opened (Permission denied)" in refusal(path)


def test_a_recording_of_no_sweeps_is_refused(write: Write, version: str) -> None:
    path = write()
    patch(path, "<i", 16 if version == "1.84" else 12, 0)
    assert "holds no sweeps" in refusal(path)


@pytest.mark.parametrize("value", [float("nan"), 0.0, float("inf")])
def test_a_scale_that_is_no_number_is_refused(write: Write, version: str, value: float) -> None:
    path = write()
    patch(path, "<f", 922 if version == "1.84" else section(path, 1) + 40, value)  # fInstrumentScaleFactor
    assert "scale of its samples is no number" in refusal(path)


def test_a_zero_that_is_no_number_is_refused(write: Write, version: str) -> None:
    path = write()
    patch(path, "<f", 986 if version == "1.84" else section(path, 1) + 44, float("nan"))  # fInstrumentOffset
    assert "zero of its samples is no number" in refusal(path)


def test_samples_to_be_ignored_are_skipped(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84", samples=noise(11, 1, 400, 3000.0))
    whole = read(path)
    patch(path, "<h", 14, 5)
    late = read(path)
    np.testing.assert_array_equal(
        late.samples(late.channels[0], 1, 0, 395), whole.samples(whole.channels[0], 1, 5, 400)
    )
    patch(path, "<h", 14, -5)
    assert "truncated" in refusal(path)


@pytest.mark.parametrize(
    ("form", "offset", "values", "words"),
    [
        ("<ii", 44, (-1, 9), "9 tags lie beyond its end"),  # 64 bytes each would end behind the file's start
        ("<ii", 92, (-1, 65), "synch array of 65 sweeps lies beyond its end"),
        ("<h", 410, (-1,), "its sampled inputs cannot be: -1"),
        ("<h", 410, (16,), "its sampled inputs cannot be: 16"),
        ("<h", 100, (2,), "unknown format (2)"),
    ],
)
def test_an_abf1_header_that_points_outside_its_file_is_refused(
    tmp_path: Path, write_recording: Write, form: str, offset: int, values: tuple[int, ...], words: str
) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84")
    patch(path, form, offset, *values)
    assert words in refusal(path)


def test_an_abf2_header_whose_texts_are_elsewhere_is_refused(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    patch(path, "<4s", section(path, 9), b"XXXX")
    assert "section of strings is not where its header says" in refusal(path)


def test_a_voltage_that_does_not_follow_the_command_is_not_held_against_it(write: Write) -> None:
    channels = [OutputChannel("I", "pA", 0, 4000.0), OutputChannel("V", "mV", 1, 200.0)]
    steady = np.random.default_rng(2).normal(0, 80, (11, 2, 1)) + np.zeros((11, 2, 400))
    recording = read(write(samples=steady, channels=channels))
    assert recorded_voltages(recording, segments(recording.waveforms[0], 11, 400)) == ()


def test_the_zero_of_a_stimulus_file_is_scaled_with_it() -> None:
    source = StimulusTrace(1e4, "mV", np.array([[0, 10]]), 2.0, 3.0)
    (sweep,) = stimulus_sweeps(source, StimulusPlayback(0.5, -60.0, 0, 0), "mV", 1e4)
    np.testing.assert_array_equal(sweep.levels(np.array([0, 1])), [0.5 * 3 - 60, 0.5 * 23 - 60])


@pytest.mark.parametrize(
    ("played", "words"),
    [
        (StimulusPlayback(float("nan"), 0.0, 0, 0), "whose scale is no number"),
        (StimulusPlayback(1.0, float("inf"), 0, 0), "whose scale is no number"),
        (StimulusPlayback(1.0, 0.0, 2, 0), "of which only sweep 2 was played"),
    ],
)
def test_a_stimulus_that_was_played_in_an_unknown_way_is_refused(played: StimulusPlayback, words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        stimulus_sweeps(StimulusTrace(1e4, "mV", np.zeros((2, 10)), 1.0, 0.0), played, "mV", 1e4)


def test_sweeps_of_different_length_are_refused_not_cut_into_equal_pieces(write: Write, version: str) -> None:
    path = write()
    content = path.read_bytes()
    start = struct.unpack_from("<i", content, 92)[0] * 512 if version == "1.84" else section(path, 15)
    patch(path, "<i", start + 8 * 3 + 4, 300)
    assert "its sweeps differ in length, from 300 to 400 samples" in refusal(path)
    for sweep in range(11):
        patch(path, "<i", start + 8 * sweep + 4, 300)
    assert "its sweeps have 300 samples by their table, 400 by the number of all samples" in refusal(path)


@pytest.mark.parametrize("number", [-1, 50])
def test_an_epoch_without_a_letter_is_refused(tmp_path: Path, write_recording: Write, number: int) -> None:
    path = write_recording(tmp_path / "a.abf")
    patch(path, "<h", section(path, 5), number)
    assert f"no epoch has number {number}" in refusal(path)


def test_an_epoch_that_stands_twice_in_its_table_is_refused(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    patch(path, "<h", section(path, 5) + 48, 0)
    assert "two rows of the same epoch" in refusal(path)


def test_a_text_that_is_not_there_is_refused(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    patch(path, "<i", section(path, 1) + 78, 4000)
    assert "it asks for text 4000 of" in refusal(path)


@pytest.mark.parametrize("duration", [-100, 2**31 - 1, 100_000])
def test_a_duration_that_cannot_be_is_refused_or_ends_with_the_sweep(write: Write, version: str, duration: int) -> None:
    path = write()
    patch(path, "<i", 2508 if version == "1.84" else section(path, 5) + 14, duration)  # epoch A
    recording = read(path)
    if duration < 0:
        with pytest.raises(RecordingError, match="epoch A would last -100 samples"):
            segments(recording.waveforms[0], 11, 400)
    else:
        assert [part.name for part in segments(recording.waveforms[0], 11, 400)[10]] == ["before", "A"]


def test_what_was_read_can_be_described(write: Write, config: Callable[..., dict[str, Any]]) -> None:
    how = settings.load(config()).measure
    assert any("'IN 0' in pA" in line for line in describe(read(write()), how))


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.5, 0.7])
def test_a_file_cut_off_is_refused_wherever_it_was_cut(write: Write, fraction: float) -> None:
    path = write(samples=noise(11, 1, 2000, 100.0))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    refusal(path)


def test_samples_that_are_missing_are_counted(write: Write) -> None:
    path = write(samples=noise(11, 1, 2000, 100.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    said = refusal(path)
    assert "truncated" in said or "damaged" in said


def test_an_abf1_file_without_its_last_samples_is_refused(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84")
    content = path.read_bytes()
    start = struct.unpack_from("<i", content, 40)[0] * 512
    count = struct.unpack_from("<i", content, 10)[0]
    path.write_bytes(content[: start + 2 * count - 100])
    assert "truncated" in refusal(path)


def test_an_abf1_file_without_its_last_hundred_bytes_is_refused(tmp_path: Path, write_recording: Write) -> None:
    # The last section is the synch array, 8 bytes a sweep: with 64 sweeps it fills its block.
    path = write_recording(tmp_path / "a.abf", version="1.84", samples=noise(64, 1, 256, 9.0), sweep_interval_s=0.5)
    content = path.read_bytes()
    assert len(content) % 512 == 0
    path.write_bytes(content[:-100])
    refusal(path)


@pytest.mark.parametrize(
    "field", [{"offset": 10, "value": 0}, {"offset": 10, "value": -5}, {"offset": 120, "value": 0}]
)
def test_a_damaged_abf1_header_is_refused(tmp_path: Path, write_recording: Write, field: dict[str, Any]) -> None:
    # lActualAcqLength at 10, nADCNumChannels at 120
    path = write_recording(tmp_path / "a.abf", version="1.84")
    content = bytearray(path.read_bytes())
    struct.pack_into("<i" if field["offset"] == 10 else "<h", content, field["offset"], field["value"])
    path.write_bytes(content)
    refusal(path)


def test_a_damaged_abf1_sample_interval_is_refused(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84")
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 122, 0.0)  # fADCSampleInterval
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("seed", range(60))
def test_a_header_with_damaged_bytes_reads_or_is_refused_but_never_fails_otherwise(
    tmp_path: Path, write_recording: Write, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    path = write_recording(tmp_path / "a.abf", version=VERSIONS[seed % 2])
    content = bytearray(path.read_bytes())
    for at in rng.integers(400, 6000, 30):  # counts of entries stand before, see below
        content[at] = rng.integers(256)
    path.write_bytes(content)
    said, recording = "", None
    try:
        recording = read(path)
    except RecordingError as fault:
        said = str(fault)
    assert recording.points > 0 if recording else path.name in said


LARGE = """
import sys
from pathlib import Path
from nernstfit.abf.read import read
recording = read(sys.argv[1])
for sweep in range(recording.sweeps):
    recording.current_pA(recording.channels[0], sweep, 500_000, 600_000).mean()
    recording.clipped(recording.channels[0], [sweep], 500_000, 600_000)
print(*(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""
tells_memory = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory"
)


@tells_memory
def test_a_large_recording_is_in_memory_once(tmp_path: Path, write_recording: Write) -> None:
    sweeps, points = 100, 1_000_000
    path = write_recording(tmp_path / "a.abf", version="1.84", samples=np.zeros((1, 1, 256)))
    patch(path, "<i", 10, sweeps * points)
    patch(path, "<i", 16, sweeps)
    patch(path, "<i", 138, points)
    patch(path, "<ii", 92, 0, 0)  # no synch array
    with path.open("ab") as stream:
        for _ in range(sweeps):
            stream.write(bytes(2 * points))
    done = subprocess.run([sys.executable, "-c", LARGE, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < path.stat().st_size + 100e6


# A file that changes: what was read stays as it was


@pytest.mark.parametrize("change", ["truncated", "overwritten", "removed"])
def test_a_recording_stays_as_it_was_read(write: Write, change: str) -> None:
    path = write(samples=noise(11, 1, 4000, 100.0))
    opened = open_recording(path)
    recording = opened.recording
    before = recording.current_pA(recording.channels[0], 10, 0, 4000)
    assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with path.open("r+b") as stream:
        if change == "truncated":
            stream.truncate(512)
        else:
            stream.write(b"\xff" * path.stat().st_size)
    if change == "removed":
        path.unlink()
    np.testing.assert_array_equal(recording.current_pA(recording.channels[0], 10, 0, 4000), before)


@pytest.mark.parametrize("change", ["truncated", "longer", "overwritten"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write()
    whole = contents._all_of

    def meanwhile(stream: Any) -> bytes:
        found = whole(stream)
        with path.open("r+b") as other:
            if change == "truncated":
                other.truncate(path.stat().st_size // 2)
            elif change == "longer":
                other.seek(0, 2)
                other.write(bytes(512))
            else:
                other.write(b"ABF ")
        os.utime(path, ns=(0, 10**18) if change == "overwritten" else (0, path.stat().st_mtime_ns))
        return found

    monkeypatch.setattr(contents, "_all_of", meanwhile)
    assert "changed while it was being read" in refusal(path)


def test_a_file_that_becomes_shorter_while_its_bytes_come_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    monkeypatch.setattr(contents, "_all_of", lambda stream: stream.read(1000))
    assert "changed while it was being read" in refusal(path)


def test_a_file_that_is_too_large_is_refused_unread(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setattr(contents, "_MAX_BYTES", 1000)
    assert "files up to 1e-06 GB are read" in refusal(path)
    assert open_recording(path).sha256 == ""


def test_a_damaged_file_has_a_digest_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.abf"
    path.write_bytes(b"ABF2 and nothing else")
    opened = open_recording(path)
    assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(RecordingError, match=r"a\.abf: is truncated"):
        _ = opened.recording


PROGRAM = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from nernstfit.abf.read import read
from nernstfit.contract.errors import RecordingError
try:
    read(sys.argv[1])
except RecordingError as fault:
    print(fault)
print(*(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""


@tells_memory
@pytest.mark.parametrize(
    ("version", "offset", "form"),
    [
        ("2.6", 12, "<I"),  # sweeps
        ("2.6", 76 + 16 * 1 + 8, "<q"),  # entries of the section of inputs
        ("2.6", 76 + 16 * 11 + 8, "<q"),  # entries of the section of tags
        ("1.84", 16, "<i"),  # sweeps
        ("1.84", 48, "<i"),  # tags
    ],
)
def test_a_count_larger_than_the_file_is_refused_without_filling_the_memory(
    tmp_path: Path, write_recording: Write, version: str, offset: int, form: str
) -> None:
    path = write_recording(tmp_path / "a.abf", version=version)
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, 2**26)
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    # Not from getrusage, which counts what the parent process took when it started this one.
    *said, peak_kB = done.stdout.splitlines()
    assert len(said) == 1
    assert path.name in said[0]
    assert int(peak_kB) * 1024 < 400e6


# Comments, and recordings without sweeps


def test_the_comment_of_a_file_is_read_and_shown(tmp_path: Path, version: str, current_channel: OutputChannel) -> None:
    path, comment = tmp_path / "a.abf", "12 sw - 10 µM glib,  54 sw - wash"
    made = EpisodicRecording(noise(2, 1, 100, 50), [current_channel], [], 1e4, 3.0, [Tag(1.0, 0, "drug")])
    write_abf(path, version, replace(made, comment=comment))
    recording = read(path)
    assert recording.comment == "12 sw - 10 µM glib, 54 sw - wash"
    lines = list(describe(recording, settings.default_measure()))
    assert f"comment: {recording.comment}" in lines
    assert "  1.000 s, sweep 0: drug" in lines
    write_abf(path, version, replace(made, comment=""))
    assert read(path).comment == ""
    assert not any("comment" in line for line in describe(read(path), settings.default_measure()))


def test_a_comment_whose_place_is_wrong_costs_nothing(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    assert read(path).comment.startswith("Simulated")
    patch(path, "<i", section(path, 0) + 132, 4000)
    assert read(path).comment == ""


def test_comments_and_tags_go_to_the_later_stages(
    folder: Callable[..., Path], write_recording: Write, config: Callable[..., dict[str, Any]]
) -> None:
    here = folder()
    write_recording(here / "data/a.abf", tags=[Tag(0.0, 0, "start"), Tag(2.6, 0, "drug")])
    changed = {"epoch": "K"}  # there is no such epoch: the comment is known all the same
    loaded = experiments.load(config({"measure": changed}))
    made = {name: str(here / name) for name in ("points", "facts", "traces")}
    ingest.run({}, made, loaded)
    facts = pd.read_parquet(made["facts"])
    assert set(facts["verdict"]) == {"unreadable"}
    assert set(facts["comment"]) == {"Simulated by nernstfit, not recorded"}
    assert facts.set_index("measurement")["tags"].to_dict() == {
        "a": "0.000 s, sweep 0: start; 2.600 s, sweep 5: drug",
        "b": "",
    }


def test_the_comments_of_real_recordings(real_abf: Path, real_cases: Path) -> None:
    assert read(real_cases / "two_states_in_one_file.abf").comment == "#1 CM 12 sw - 10 mkM glib, 54 sw - Out solution"
    assert read(real_abf / "171116sh_0015.abf").comment == "SWHLab5[0102]"
    assert read(real_abf / "171116sh_0012.abf").comment == ""
    assert read(real_abf / "130618-1-12.abf").comment == ""  # samples lie where longer headers have it


def test_a_recording_without_a_gap_has_no_sweep_interval(write: Write, version: str) -> None:
    path = write(tags=[Tag(0.02, 0, "drug")])
    patch(path, "<h", 8 if version == "1.84" else section(path, 0), 3)
    recording = read(path)
    assert (recording.mode, recording.sweeps, recording.points) == ("gap-free", 1, 4400)
    assert math.isnan(recording.sweep_interval_s)
    assert [tag.sweep for tag in recording.tags] == [0]
    lines = list(describe(recording, settings.default_measure()))
    assert lines[1] == "0.44 s without a gap, 10000 samples per second and channel"
    assert not any("every" in line for line in lines)
