"""ABF files as the project reads them, both formats alike."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyabf
import pytest

from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Tag, UserList, Waveform
from nernstfit.abf.write import OutputChannel
from nernstfit.errors import RecordingError

VERSIONS = ("2.6", "1.84")
Write = Callable[..., Path]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path, version: str, write_recording: Write) -> Write:
    return lambda **changed: write_recording(tmp_path / "a.abf", version=version, **changed)


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


@pytest.mark.parametrize(("unit", "factor"), [("pA", 1.0), ("nA", 1e3), ("uA", 1e6)])
def test_currents_are_in_picoamperes_whatever_the_file_holds(write: Write, unit: str, factor: float) -> None:
    samples = noise(1, 1, 300, 0.9)
    recording = read(write(samples=samples, channels=[OutputChannel("IN 0", unit, 0, 1.0)]))
    (channel,) = recording.channels
    current = recording.current_pA(channel, 0, 0, 300)
    assert np.abs(current - factor * samples[0, 0]).max() <= factor / 32768 / 2 * 1.01
    assert recording.resolution_pA(channel) == pytest.approx(factor / 32768, rel=1e-6)


def test_samples_stored_as_numbers_are_already_in_their_unit(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    samples = noise(11, 1, 400, 3000.0).astype("<f4")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 30, 1)  # nDataFormat: float
    struct.pack_into("<IIq", content, 76 + 16 * 10, len(content) // 512, 4, samples.size)  # section of samples
    path.write_bytes(content + samples.tobytes() + bytes(-samples.nbytes % 512))
    recording = read(path)
    np.testing.assert_array_equal(recording.samples(recording.channels[0], 4, 0, 400), samples[4, 0])
    np.testing.assert_array_equal(pyabf.ABF(path).data[0], samples.ravel())


def test_samples_at_the_limit_of_the_converter_are_counted(write: Write) -> None:
    samples = np.zeros((1, 1, 300))
    samples[0, 0, 10:15], samples[0, 0, 20:27] = 1e5, -1e5
    recording = read(write(samples=samples))
    (channel,) = recording.channels
    assert recording.clipped(channel, 0, 0, 300) == 12
    assert recording.clipped(channel, 0, 12, 22) == 5
    assert recording.clipped(channel, 0, 30, 300) == 0


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


def test_a_user_list_is_seen(write: Write, steps: Waveform) -> None:
    waveform = replace(steps, user_list=UserList(22, (-100.0, -50.0, 0.0), False))
    found = read(write(waveforms=[waveform])).waveforms[0].user_list
    assert found == UserList(22, (-100.0, -50.0, 0.0), False)


@pytest.mark.parametrize(
    ("gain", "clamp", "expected"),
    [(1.0, "voltage", "voltage"), (1.0, "current", "current"), (None, "current", "")],
)
def test_the_clamp_mode_is_known_where_the_amplifier_telegraphs(
    write: Write, current_channel: OutputChannel, gain: float | None, clamp: str, expected: str
) -> None:
    channel = replace(current_channel, telegraph_gain=gain, clamp=clamp)
    assert read(write(channels=[channel])).channels[0].clamp == expected


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
        (b"recording,cell\na,b\n", "not an ABF file"),
        (b"", "empty"),
        (b"ABF", "not an ABF file"),
        (b"ABF2", ""),
        (b"ABF ", ""),
        (b"ABF2" + bytes(600), ""),
        (b"ABF " + bytes(6140), ""),
        (b"ABF2" + b"\xff" * 5000, ""),
        (b"ABF " + b"\xff" * 9000, ""),
        (b"\x89PNG\r\n" + bytes(3000), "not an ABF file"),
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


PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from nernstfit.abf.read import read
from nernstfit.errors import RecordingError
try:
    read(sys.argv[1])
except RecordingError as fault:
    print(fault)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


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
    *said, megabytes = done.stdout.splitlines()
    assert len(said) == 1
    assert path.name in said[0]
    assert int(megabytes) < 400
