"""The command of public recordings of other laboratories, against what the files themselves record."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neo
import numpy as np
import pytest

from nernstfit.abf import layout, sections
from nernstfit.abf.command import Segment, in_millivolts, levels, segments
from nernstfit.abf.describe import describe, sweep_traces
from nernstfit.abf.read import Recording, read
from nernstfit.abf.voltage import recorded_voltages
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError

HCN2_LEVELS = [-85, -55, -25, 5, 35, -100, -70, -40, -10, 20]


@pytest.fixture
def open_real(real_abf: Path) -> Callable[[str], Recording]:
    return lambda name: read(real_abf / f"{name}.abf")


@pytest.fixture
def how(config: Callable[..., dict[str, Any]]) -> settings.Measure:
    return settings.load(config()).measure


def command(recording: Recording, dac: int = 0) -> tuple[tuple[Segment, ...], ...]:
    return segments(in_millivolts(recording.waveforms[dac]), recording.sweeps, recording.points)


def epoch(sweep: tuple[Segment, ...], name: str) -> Segment:
    return next(part for part in sweep if part.name == name)


def test_a_recorded_membrane_voltage_is_the_command_sample_by_sample(open_real: Callable[[str], Recording]) -> None:
    """A list of durations, ramps, and increments of level, as the program itself drew them."""
    recording = open_real("user-list-durations")
    (channel,) = [channel for channel in recording.channels if channel.unit == "mV"]
    for number, sweep in enumerate(command(recording)):
        recorded = recording.samples(channel, number, 0, recording.points)
        np.testing.assert_allclose(levels(sweep, np.arange(recording.points)), recorded, rtol=0, atol=1e-4)


def test_a_list_of_durations_is_in_samples_per_channel(open_real: Callable[[str], Recording]) -> None:
    lengths = [epoch(sweep, "E") for sweep in command(open_real("user-list-durations"))]
    assert [part.stop - part.start for part in lengths] == [4000, 6000, 6000]


def test_a_list_of_levels_replaces_those_of_the_epoch_table(open_real: Callable[[str], Recording]) -> None:
    recording = open_real("21416007")
    assert [epoch(sweep, "H").first_mV for sweep in command(recording)] == HCN2_LEVELS
    assert {epoch(sweep, "I").first_mV for sweep in command(recording)} == {5.0}


def test_a_tail_current_reverses_where_it_was_measured_to(open_real: Callable[[str], Recording]) -> None:
    recording = open_real("21416007")
    points = []
    for number, sweep in enumerate(command(recording)):
        part = epoch(sweep, "H")
        window = [part.start + round(ms * recording.rate_Hz / 1e3) for ms in (4, 10)]
        points.append((part.first_mV, recording.current_pA(recording.channels[0], number, *window).mean()))
    level, current = np.array(sorted(points)).T
    (after,) = np.flatnonzero(np.diff(np.sign(current)) > 0) + 1
    assert np.interp(0, current[after - 1 : after + 1], level[after - 1 : after + 1]) == pytest.approx(-18.0, abs=1)


def test_a_list_that_is_not_enabled_is_not_played(open_real: Callable[[str], Recording]) -> None:
    assert open_real("20917009").waveforms[0].user_list is None


def test_a_stimulus_file_is_scaled_and_shifted(open_real: Callable[[str], Recording]) -> None:
    recording, source = open_real("171116sh_0015"), open_real("sine sweep magnitude 20")
    played = source.samples(source.channels[0], 0, 0, source.points)
    for sweep in command(recording):
        found = levels(sweep, np.arange(recording.points))
        np.testing.assert_allclose(found, 0.25 * played - 70, rtol=0, atol=1e-5)
        assert found.min() >= -75
        assert found.max() <= -65
        assert np.ptp(found) > 9


def test_a_stimulus_file_is_described_and_drawn(open_real: Callable[[str], Recording], how: settings.Measure) -> None:
    lines = list(describe(open_real("171116sh_0015"), how))
    assert "  0-2    between -75 and -65 (0+10000)" in lines
    assert lines[-2] == "command: DAC 'Cmd 0', stimulus file sine sweep magnitude 20.abf"
    for trace in sweep_traces(open_real("171116sh_0015"), how):
        assert -75 <= trace.command_mV.min() < -74
        assert -66 < trace.command_mV.max() <= -65


@pytest.mark.parametrize(
    ("file", "least", "most"), [("user-list-durations", 0.0, 0.01), ("abf2load_example", 0.1, 1.0)]
)
def test_a_recorded_voltage_is_held_against_the_command(
    open_real: Callable[[str], Recording], how: settings.Measure, file: str, least: float, most: float
) -> None:
    recording = open_real(file)
    (mismatch,) = recorded_voltages(recording, command(recording))
    assert mismatch.channel.unit == "mV"
    assert least <= abs(mismatch.difference_mV) <= most
    assert any(line.startswith(f"recorded: channel '{mismatch.channel.name}'") for line in describe(recording, how))


def test_a_command_ten_millivolts_off_would_be_seen(open_real: Callable[[str], Recording]) -> None:
    recording = open_real("abf2load_example")
    shifted = [
        [Segment(p.name, p.start, p.stop, p.first_mV + 10, p.last_mV + 10) for p in sweep]
        for sweep in command(recording)
    ]
    (mismatch,) = recorded_voltages(recording, shifted)
    assert mismatch.difference_mV == pytest.approx(-10, abs=1)


def test_a_pressure_does_not_follow_the_command(open_real: Callable[[str], Recording]) -> None:
    recording = open_real("DM1_0002")
    assert recorded_voltages(recording, command(recording)) == ()


@pytest.mark.parametrize(
    ("file", "interval_s"),
    [
        ("20917009", 20.0),
        ("21618001", 105.0),
        ("2018_11_16_sh_0006", 5.0),
        ("abf-v1", 0.5),
        ("multichannelAbf1WithTags", 2.0),  # from the synch array: the header states none
        ("pclamp11_4ch_abf1", 0.2),
        ("130618-1-12", 1.0),  # nothing states it: a sweep's own length
    ],
)
def test_the_sweep_interval(open_real: Callable[[str], Recording], file: str, interval_s: float) -> None:
    assert open_real(file).sweep_interval_s == pytest.approx(interval_s)


def test_tags_of_an_abf1_file_belong_to_the_sweep_that_ran(open_real: Callable[[str], Recording]) -> None:
    tags = open_real("multichannelAbf1WithTags").tags
    assert [(tag.comment, tag.sweep) for tag in tags] == [("+TGOT", 86), ("-TGOT", 147)]
    assert [tag.time_s for tag in tags] == pytest.approx([173.978, 294.861], abs=1e-3)


def test_a_short_header_gives_no_command_and_still_its_samples(open_real: Callable[[str], Recording]) -> None:
    recording = open_real("130618-1-12")
    assert recording.version == "1.3"
    assert all(waveform.source == "none" and not waveform.epochs for waveform in recording.waveforms)
    assert (recording.sweeps, recording.points, recording.rate_Hz) == (3, 50_000, pytest.approx(50_000))


def test_currents_are_as_large_as_currents_of_cells_are(real_abf: Path) -> None:
    for path in sorted(real_abf.glob("*.abf")):
        recording = read(path)
        for channel in recording.channels:
            if channel.unit in ("pA", "nA", "uA"):
                current = recording.current_pA(channel, 0, 0, recording.points)
                assert np.abs(current).max() < 1e8, path.name  # an oocyte's 14 uA is the largest
                assert 1e-4 < recording.resolution_pA(channel) < 1e4 or recording.resolution_pA(channel) == 0, path.name


def test_every_sample_of_every_file_agrees_with_a_second_reader(real_abf: Path) -> None:
    compared = set()
    for path in sorted(real_abf.glob("*.abf")):
        theirs = through_neo(path)
        recording = read(path)
        for channel, joined in zip(recording.channels, theirs, strict=True):
            mine = [recording.samples(channel, sweep, 0, recording.points) for sweep in range(recording.sweeps)]
            tolerance = 4 * np.finfo(np.float32).eps * np.abs(joined).max()
            np.testing.assert_allclose(np.concatenate(mine), joined, rtol=0, atol=tolerance, err_msg=path.name)
        compared.add(path.name)
    assert len(compared) == 17


def through_neo(path: Path) -> list[np.ndarray]:
    """Samples of each channel, all sweeps joined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        block = neo.io.AxonIO(str(path)).read_block(signal_group_mode="split-all")
    channels = len(block.segments[0].analogsignals)
    return [
        np.concatenate([part.analogsignals[i].magnitude[:, 0] for part in block.segments]).astype(float)
        for i in range(channels)
    ]


def test_every_file_is_described(real_abf: Path, how: settings.Measure) -> None:
    for path in sorted(real_abf.glob("*.abf")):
        lines = list(describe(read(path), how))
        assert lines[0].startswith(f"{path.name}: ABF ")
        assert lines[-1].startswith(("measured: ", "not measured: "))
        assert "nan" not in " ".join(lines)


def test_a_copy_without_its_stimulus_file_says_what_is_missing(real_abf: Path, tmp_path: Path) -> None:
    (tmp_path / "171116sh_0015.abf").symlink_to(real_abf / "171116sh_0015.abf")
    recording = read(tmp_path / "171116sh_0015.abf")
    with pytest.raises(RecordingError, match=r"stimulus file sine sweep magnitude 20\.abf, which is not beside"):
        command(recording)


def test_pyabf_and_the_table_of_fields_read_the_same_header(real_abf: Path) -> None:
    """A field that one of the two misread would be a wrong number in silence."""
    for path in sorted(real_abf.glob("*.abf")):
        content = np.fromfile(path, dtype=np.uint8)
        if bytes(content[:4]) == layout.ABF1_SIGNATURE:
            assert sections.abf1_header(content) == layout.ABF1_HEADER.unpack(content), path.name
            continue
        assert sections.abf2_header(content) == layout.ABF2_HEADER.unpack(content), path.name
        for section in ("Protocol", "ADC", "DAC", "EpochPerDAC"):
            assert sections.abf2_entries(content, section) == layout.entries(content, section), path.name
