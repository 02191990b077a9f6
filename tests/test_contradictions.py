"""Headers that contradict themselves or their samples: one sentence each, never a number."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nernstfit.abf import layout
from nernstfit.abf.describe import describe
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Tag, UserList, Waveform
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError
from nernstfit.library.recording import PatchProperties, measure

PATCH = PatchProperties(None, None, 22.0)


@pytest.fixture(params=["2.6", "1.84"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path, version: str, write_recording: Callable[..., Path]) -> Callable[..., Path]:
    return lambda **changed: write_recording(tmp_path / "a.abf", version=version, **changed)


def patch(path: Path, form: str, offset: int, *values: Any) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, *values)
    path.write_bytes(content)


def entry(name: str) -> int:
    """First byte of an entry in the table of sections of ABF2."""
    return 76 + 16 * layout.ABF2_SECTIONS.index(name)


def block(path: Path, name: str) -> int:
    return int(struct.unpack_from("<I", path.read_bytes(), entry(name))[0])


def refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def verdict(path: Path, **options: str) -> tuple[str, str]:
    found = measure(str(path), {"epoch": "B"} | options, PATCH)
    return str(found["verdict"]), str(found["reason"])


# Commands


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"holding": -2500.0}, "-2500 mV in sweep 0 (before)"),
        ({"epochs": (Epoch("B", "step", -100.0, 40.0, 200, 0),)}, "220 mV in sweep 8 (B)"),
        ({"epochs": (Epoch("B", "ramp", -200.1, 0.0, 200, 0),)}, "-200.1 mV in sweep 0 (B)"),
        ({"user_list": UserList(22, (-100.0, 1e6), True)}, "1e+06 mV in sweep 1 (B)"),
    ],
)
def test_a_command_beyond_the_range_of_its_output_is_unknown(
    write: Callable[..., Path], steps: Waveform, changed: dict[str, Any], place: str
) -> None:
    found, reason = verdict(write(waveforms=[replace(steps, **changed)]))
    assert found == "unreadable"
    assert (
        reason == f"a.abf: command unknown: DAC 'Cmd 0' would be at {place}, but its output ranges from -200 to 200 mV"
    )


def test_the_whole_range_of_an_output_can_be_played(write: Callable[..., Path], steps: Waveform) -> None:
    widest = replace(steps, epochs=(Epoch("B", "step", -200.0, 40.0, 200, 0),))
    assert "command unknown" not in verdict(write(waveforms=[widest]))[1]


@pytest.mark.parametrize("offset_mV", ["-900", "250"])
def test_what_the_amplifier_adds_is_beyond_no_output(write: Callable[..., Path], offset_mV: str) -> None:
    assert verdict(write(), command_offset_mV=offset_mV)[0] == "reversal"


def test_no_cell_is_clamped_beyond_a_volt(write: Callable[..., Path], steps: Waveform) -> None:
    in_volts = replace(steps, unit="V", holding=0.0, epochs=(Epoch("B", "step", -1.2, 0.24, 200, 0),))
    path = write(waveforms=[in_volts])
    found, reason = verdict(path)
    assert found == "unreadable"
    assert "at -1200 mV in sweep 0 (B), beyond the 1000 mV that a cell is clamped to" in reason
    assert any("not measured: command unknown" in line for line in describe(read(path), settings.default_measure()))
    assert verdict(write(), command_offset_mV="-950")[0] == "unreadable"


@pytest.mark.parametrize("scale", [0.0, float("nan")])
def test_an_output_without_a_scale_has_no_range(
    write: Callable[..., Path], version: str, steps: Waveform, scale: float
) -> None:
    path = write(waveforms=[replace(steps, holding=-300.0)])
    patch(path, "<f", 1378 if version == "1.84" else block(path, "DAC") * 512 + 8, scale)
    assert verdict(path)[0] == "reversal"
    patch(path, "<f", 1378 if version == "1.84" else block(path, "DAC") * 512 + 8, 1.0)
    assert "its output ranges from -10 to 10 mV" in verdict(path)[1]


# Sections


@pytest.mark.parametrize("first", ["Protocol", "ADC", "DAC", "EpochPerDAC", "Data", "Tag", "SynchArray"])
@pytest.mark.parametrize("second", ["ADC", "DAC", "EpochPerDAC", "Data", "Tag", "SynchArray"])
def test_sections_of_abf2_that_overlap_are_refused(
    tmp_path: Path, write_recording: Callable[..., Path], first: str, second: str
) -> None:
    path = write_recording(tmp_path / "a.abf", tags=[Tag(0.1, 0, "drug")])
    if first == second:
        assert read(path).sweeps == 11
        return
    patch(path, "<I", entry(second), block(path, first))
    assert "overlap" in refusal(path) or "is truncated" in refusal(path)


def test_a_section_within_the_header_is_refused(tmp_path: Path, write_recording: Callable[..., Path]) -> None:
    path = write_recording(tmp_path / "a.abf")
    patch(path, "<q", entry("Tag") + 8, 1)
    patch(path, "<II", entry("Tag"), 0, 64)
    assert "its tag section" in refusal(path)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (92, 12, ("data", "synch array")),
        (44, 13, ("data", "tag")),
        (44, 3, ("header", "tag")),
        (92, 5, ("header", "synch array")),
        (40, 3, ("header", "data")),
    ],
)
def test_sections_of_abf1_that_overlap_are_refused(
    tmp_path: Path, write_recording: Callable[..., Path], place: int, value: int, words: tuple[str, str]
) -> None:
    path = write_recording(tmp_path / "a.abf", version="1.84", tags=[Tag(0.1, 0, "drug")])
    patch(path, "<i", place, value)
    said = refusal(path)
    assert said.endswith(" overlap")
    assert all(word in said for word in words)


# Sweeps


@pytest.mark.parametrize("stated", [1, 5, 10, 12, 22])
def test_a_number_of_sweeps_that_its_table_contradicts_is_refused(
    write: Callable[..., Path], version: str, stated: int
) -> None:
    path = write()
    patch(path, "<i", 16 if version == "1.84" else 12, stated)
    assert f"its header states {stated} sweeps, its synch array 11" in refusal(path)


@pytest.mark.parametrize(
    ("stated", "words"),
    [(7, "its 4400 samples cannot be those of 7 sweeps of 1 channel"), (22, "400 samples by their protocol, 200")],
)
def test_a_number_of_sweeps_that_the_samples_contradict_is_refused(
    write: Callable[..., Path], version: str, stated: int, words: str
) -> None:
    path = write()
    patch(path, "<i", 16 if version == "1.84" else 12, stated)
    patch(path, "<i" if version == "1.84" else "<q", 96 if version == "1.84" else entry("SynchArray") + 8, 0)
    assert words in refusal(path)


def test_samples_that_are_missing_from_the_last_sweep_are_told(write: Callable[..., Path], version: str) -> None:
    path = write()
    patch(path, "<i" if version == "1.84" else "<q", 10 if version == "1.84" else entry("Data") + 8, 4390)
    assert "its 4390 samples cannot be those of 11 sweeps" in refusal(path)


def test_real_recordings_contradict_nothing(real_abf: Path, real_cases: Path) -> None:
    paths = [*sorted(real_abf.glob("*.abf")), *sorted(real_cases.rglob("*.abf"))]
    assert len(paths) >= 25
    for path in paths:
        recording = read(path)
        for waveform in recording.waveforms:
            levels = [waveform.holding, *(epoch.level for epoch in waveform.epochs)]
            assert waveform.limits[0] <= min(levels), path.name
            assert max(levels) <= waveform.limits[1], path.name
            assert np.isfinite(waveform.limits).all()
