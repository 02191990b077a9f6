"""Command against a recorded membrane voltage: which of the two a potential is measured on, and when neither."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nernstfit.abf.command import levels, segments
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, UserList, Waveform
from nernstfit.abf.voltage import membrane_voltage, recorded_voltages
from nernstfit.library.recording import PatchProperties, measure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, POINTS, SWEEPS = 10_000.0, 2000, 17
REVERSAL_MV, CONDUCTANCE_NS = -30.0, 5.0
STEPS = Waveform(
    *(0, "Cmd 0", "mV", -60.0, "epochs"),
    (
        Epoch("A", "step", -70.0, 0.0, 500, 0),
        Epoch("B", "step", -100.0, 10.0, 1000, 0),
        Epoch("C", "step", -70.0, 0.0, 300, 0),
    ),
    keeps_last_level=False,
)
RAMP = replace(STEPS, epochs=(Epoch("A", "step", -100.0, 0.0, 500, 0), Epoch("B", "ramp", 60.0, 0.0, 1400, 0)))
CURRENT = OutputChannel("Im", "pA", 0, 8000.0)
VOLTAGE = OutputChannel("Vm", "mV", 1, 400.0)
PATCH = PatchProperties(None, None, 22.0)
NUMBERS = ("raw_mV", "reversal_mV", "corrected_mV", "se_mV", "low_mV", "high_mV", "slope_nS", "further_se_mV")

Membrane = Callable[[np.ndarray], np.ndarray]


def commanded(waveform: Waveform = STEPS) -> np.ndarray:
    """Command of every sweep, shape (sweeps, points)."""
    return np.array([levels(s, np.arange(POINTS)) for s in segments(waveform, SWEEPS, POINTS)])


def ohmic(voltage_mV: np.ndarray) -> np.ndarray:
    return CONDUCTANCE_NS * (voltage_mV - REVERSAL_MV)


def write(
    path: Path,
    membrane: Membrane,
    waveform: Waveform = STEPS,
    more: tuple[tuple[OutputChannel, np.ndarray], ...] = (),
    current: Callable[[np.ndarray], np.ndarray] = ohmic,
) -> Path:
    """Write a recording of current and voltage whose membrane is at a function of the command."""
    rng = np.random.default_rng(7)
    voltage = membrane(commanded(waveform))
    samples = [current(voltage) + rng.normal(0, 2.0, voltage.shape), voltage + rng.normal(0, 0.3, voltage.shape)]
    content = np.stack([*samples, *(each for _, each in more)], axis=1)
    channels = [CURRENT, VOLTAGE, *(channel for channel, _ in more)]
    write_abf(path, "2.6", EpisodicRecording(content, channels, [waveform], RATE_HZ, 1.0))
    return path


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Write and measure a recording; membrane, then options of the command `measure`."""

    def run(membrane: Membrane, waveform: Waveform = STEPS, **options: str) -> dict[str, Any]:
        path = write(tmp_path / "cell.abf", membrane, waveform)
        return measure(str(path), {"epoch": "B"} | options, PATCH)

    return run


def flags(found: Mapping[str, Any]) -> dict[str, str]:
    return dict(flag.split("=") for flag in found["flags"].split(";") if flag)


def has_no_number(found: Mapping[str, Any]) -> bool:
    return all(math.isnan(found[name]) for name in NUMBERS)


@pytest.mark.parametrize("waveform", [STEPS, RAMP])
@pytest.mark.parametrize("offset_mV", [-66.9, 12.0, -5.6])
def test_a_constant_between_command_and_membrane_leaves_no_number_until_one_is_chosen(
    measured: Callable[..., dict[str, Any]], offset_mV: float, waveform: Waveform
) -> None:
    def shifted(v: np.ndarray) -> np.ndarray:
        return v + offset_mV

    found = measured(shifted, waveform)
    assert found["verdict"] == "ambiguous"
    assert has_no_number(found)
    assert f"voltage: recorded, or voltage: command, or command_offset_mV: {offset_mV:.1f}" in found["reason"]
    assert all(name in found["reason"] for name in ("'Vm'", "'Cmd 0'"))
    assert found["remedy"].split("|") == ["voltage=recorded", "voltage=command", f"command_offset_mV={offset_mV:.1f}"]
    for remedy in found["remedy"].split("|"):
        key, value = remedy.split("=")
        settled = measured(shifted, waveform, **{key: value})
        expected = REVERSAL_MV - (offset_mV if value == "command" else 0.0)
        assert settled["verdict"] == "reversal", settled["reason"]
        assert settled["raw_mV"] == pytest.approx(expected, abs=0.3)
        assert settled["remedy"] == ""
        is_flagged = key == "voltage"
        assert ("command_mismatch" in flags(settled)) == is_flagged
        assert not is_flagged or float(flags(settled)["command_mismatch"]) == pytest.approx(abs(offset_mV), abs=0.2)


def test_the_offset_that_is_proposed_adds_to_the_one_that_was_given(measured: Callable[..., dict[str, Any]]) -> None:
    found = measured(lambda v: v - 66.9, command_offset_mV="-50")
    assert found["remedy"].endswith("command_offset_mV=-66.9")


@pytest.mark.parametrize(
    ("offset_mV", "most_mV", "verdict"), [(4.5, "5", "reversal"), (6, "5", "ambiguous"), (6, "7", "reversal")]
)
def test_the_key_states_how_large_a_mismatch_may_be(
    measured: Callable[..., dict[str, Any]], offset_mV: float, most_mV: str, verdict: str
) -> None:
    found = measured(lambda v: v + offset_mV, max_mismatch_mV=most_mV)
    assert found["verdict"] == verdict
    assert float(flags(found)["command_mismatch"]) == pytest.approx(offset_mV, abs=0.2)


@pytest.mark.parametrize("waveform", [STEPS, RAMP])
@pytest.mark.parametrize("factor", [-1.0, 0.1, 0.4, 0.5, 1.3, 2.0])
def test_a_scale_that_is_wrong_is_not_settled_by_an_offset(
    measured: Callable[..., dict[str, Any]], factor: float, waveform: Waveform
) -> None:
    def scaled(v: np.ndarray) -> np.ndarray:
        return factor * v

    found = measured(scaled, waveform)
    assert found["verdict"] == "ambiguous"
    assert has_no_number(found)
    assert found["remedy"] == "voltage=recorded|voltage=command"
    assert "no constant offset" in found["reason"]
    assert float(found["reason"].partition("recorded = ")[2].split()[0]) == pytest.approx(factor, abs=0.01)


@pytest.mark.parametrize("current", [ohmic, lambda v: 0.03 * (v - REVERSAL_MV) * (v + 120.0)])
@pytest.mark.parametrize("resistance_GOhm", [0.03, -0.03])
def test_what_series_resistance_takes_or_its_compensation_adds_is_no_mismatch(
    tmp_path: Path, resistance_GOhm: float, current: Callable[[np.ndarray], np.ndarray]
) -> None:
    def clamped(command: np.ndarray) -> np.ndarray:
        voltage = command.copy()
        for _ in range(60):
            voltage = command - resistance_GOhm * current(voltage)
        return voltage

    path = write(tmp_path / "cell.abf", clamped, current=current)
    found = measure(str(path), {"epoch": "B"}, PATCH)
    assert float(flags(found)["command_mismatch"]) > 5
    assert found["verdict"] == "reversal", found["reason"]
    assert found["raw_mV"] == pytest.approx(REVERSAL_MV, abs=0.5)


def test_a_voltage_that_settles_within_the_epoch_is_no_mismatch(measured: Callable[..., dict[str, Any]]) -> None:
    def slow(time_constant_ms: float) -> Membrane:
        decay = math.exp(-1e3 / RATE_HZ / time_constant_ms)

        def settling(command: np.ndarray) -> np.ndarray:
            voltage = command.copy()
            for i in range(1, command.shape[1]):
                voltage[:, i] = command[:, i] + (voltage[:, i - 1] - command[:, i]) * decay
            return voltage

        return settling

    assert measured(slow(5.0))["verdict"] == "reversal"
    # Nor is it in a window in which it has not settled; the zero there is not that of the channel.
    early = measured(slow(5.0), from_ms="1", to_ms="8")
    assert early["verdict"] == "ambiguous"
    assert "the zero moves on after the window" in early["reason"]
    assert measured(slow(1.0), RAMP)["verdict"] == "reversal"
    # A ramp of 1.1 mV/ms at 8 ms never catches up: the potential would be 9 mV off.
    assert measured(slow(8.0), RAMP)["verdict"] == "ambiguous"


def test_one_bad_sweep_is_no_mismatch_of_all(measured: Callable[..., dict[str, Any]]) -> None:
    def jumped(command: np.ndarray) -> np.ndarray:
        return command + np.where(np.arange(SWEEPS) == 3, 40.0, 0.0)[:, None]

    assert measured(jumped)["verdict"] != "ambiguous" or "recorded" not in measured(jumped)["reason"]
    many = measured(lambda v: v + np.where(np.arange(SWEEPS) >= 12, 40.0, 0.0)[:, None])
    assert many["verdict"] == "ambiguous"
    assert "recorded membrane voltage" in many["reason"]


def test_the_epoch_that_is_measured_decides(measured: Callable[..., dict[str, Any]]) -> None:
    """An external command that was summed to one epoch only."""

    def summed(first: int, last: int) -> Membrane:
        added = np.where((np.arange(POINTS) >= first) & (np.arange(POINTS) < last), 30.0, 0.0)
        return lambda v: v + added

    assert measured(summed(31, 531))["verdict"] == "reversal"  # epoch A
    found = measured(summed(531, 1531))
    assert found["verdict"] == "ambiguous"
    assert found["remedy"].endswith("command_offset_mV=30.0")


def test_what_drifts_with_the_sweeps_follows_no_command(tmp_path: Path) -> None:
    drifting = np.linspace(20.0, 36.0, SWEEPS)[:, None] + np.zeros((SWEEPS, POINTS))
    path = write(tmp_path / "cell.abf", lambda v: v, more=((OutputChannel("bath", "mV", 2, 100.0), drifting),))
    recording = read(path)
    command = segments(recording.waveforms[0], SWEEPS, POINTS)
    assert [found.channel.name for found in recorded_voltages(recording, command)] == ["Vm"]


def test_a_copy_of_the_command_does_not_hide_the_membrane(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cell.abf", lambda v: v - 20.0, more=((OutputChannel("Copy", "mV", 2, 400.0), commanded()),)
    )
    found = measure(str(path), {"epoch": "B"}, PATCH)
    assert found["verdict"] == "ambiguous"
    assert "'Vm'" in found["reason"]


def test_a_voltage_of_another_amplifier_is_no_evidence(tmp_path: Path) -> None:
    """Two DACs with the same steps from another holding level, and a voltage that is that of the second."""
    second = replace(
        STEPS, number=1, name="Cmd 1", holding=-40.0, epochs=tuple(replace(e, level=e.level + 20) for e in STEPS.epochs)
    )
    rng = np.random.default_rng(1)
    command = commanded()
    samples = np.stack([ohmic(command), commanded(second)], axis=1) + rng.normal(0, 0.5, (SWEEPS, 2, POINTS))
    path = tmp_path / "cell.abf"
    write_abf(path, "2.6", EpisodicRecording(samples, [CURRENT, VOLTAGE], [STEPS, second], RATE_HZ, 1.0))
    recording = read(path)
    assert membrane_voltage(recording, 0, segments(STEPS, SWEEPS, POINTS)) is None
    found = measure(str(path), {"epoch": "B"}, PATCH)
    assert found["verdict"] == "reversal", found["reason"]
    in_current_clamp = replace(VOLTAGE, telegraph_gain=1.0, clamp="current")
    write_abf(path, "2.6", EpisodicRecording(samples, [CURRENT, in_current_clamp], [STEPS], RATE_HZ, 1.0))
    assert measure(str(path), {"epoch": "B"}, PATCH)["verdict"] == "reversal"


@pytest.mark.parametrize(
    "waveform", [STEPS, replace(STEPS, user_list=UserList(22, tuple(np.linspace(-90, 50, 8)), True))]
)
@pytest.mark.parametrize("leak", [{}, {"leak": "epoch:A"}])
def test_an_offset_of_the_amplifier_is_added_to_every_level(
    tmp_path: Path, waveform: Waveform, leak: Mapping[str, str]
) -> None:
    if leak:
        waveform = replace(waveform, epochs=(replace(waveform.epochs[0], level_increment=2.0), *waveform.epochs[1:]))
        options = {"epoch": "B", **leak}
    else:
        options = {"epoch": "B"}
    path = write(
        tmp_path / "cell.abf",
        lambda v: v - 40.0,
        waveform,
        current=lambda v: np.where(v > -75, 3.0, 1.0) * (v - REVERSAL_MV),
    )
    plain = measure(str(path), options | {"voltage": "command"}, PATCH)
    shifted = measure(str(path), options | {"command_offset_mV": "-40"}, PATCH)
    assert shifted["verdict"] == plain["verdict"]
    assert shifted["reversal_mV"] == pytest.approx(plain["reversal_mV"] - 40.0, abs=1e-6, nan_ok=True)


def test_a_background_whose_command_is_in_doubt_leaves_no_number(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.abf", lambda v: v)
    blocked = write(tmp_path / "blocked.abf", lambda v: v - 25.0, current=lambda v: 0.5 * v)
    patch = replace(PATCH, subtract=str(blocked))
    found = measure(str(path), {"epoch": "B", "leak": "background"}, patch)
    assert found["verdict"] == "ambiguous"
    assert has_no_number(found)
    assert found["reason"].startswith("the background blocked.abf: the recorded membrane voltage")
    settled = measure(str(path), {"epoch": "B", "leak": "background", "voltage": "recorded"}, patch)
    assert settled["verdict"] == "reversal", settled["reason"]


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_voltage_with_samples_that_are_no_numbers_costs_no_run(tmp_path: Path, wrong: float) -> None:
    rng = np.random.default_rng(7)
    command = commanded()
    voltage = command + rng.normal(0, 0.3, command.shape)
    marked = np.float32(123.25)
    voltage[5, 531:1531] = marked
    path = tmp_path / "cell.abf"
    samples = np.stack([ohmic(command) + rng.normal(0, 2.0, command.shape), voltage], axis=1)
    made = EpisodicRecording(samples, [CURRENT, VOLTAGE], [STEPS], RATE_HZ, 1.0, data_format="float32")
    write_abf(path, "2.6", made)
    path.write_bytes(path.read_bytes().replace(marked.tobytes(), np.float32(wrong).tobytes()))
    assert membrane_voltage(read(path), 0, segments(STEPS, SWEEPS, POINTS)) is not None
    found = measure(str(path), {"epoch": "B"}, PATCH)
    assert found["verdict"] == "reversal", found["reason"]
    assert found["raw_mV"] == pytest.approx(REVERSAL_MV, abs=0.3)
    asked = measure(str(path), {"epoch": "B", "voltage": "recorded"}, PATCH)
    assert asked["verdict"] == "unreadable"
    assert asked["reason"].endswith("the recorded membrane voltage of epoch B holds samples that are no numbers")


def test_a_recording_without_a_voltage_is_measured_on_the_command(tmp_path: Path) -> None:
    command = commanded()
    path = tmp_path / "cell.abf"
    write_abf(path, "1.84", EpisodicRecording(ohmic(command)[:, None], [CURRENT], [STEPS], RATE_HZ, 1.0))
    for options in ({}, {"voltage": "auto"}, {"voltage": "command"}):
        found = measure(str(path), {"epoch": "B", **options}, PATCH)
        assert (found["verdict"], found["remedy"]) == ("reversal", "")
        assert "command_mismatch" not in flags(found)


def test_a_holding_potential_set_on_the_amplifier_of_another_laboratory(real_cases: Path) -> None:
    path = str(real_cases / "amplifier_holding.abf")
    found = measure(path, {}, PATCH)
    assert found["verdict"] == "ambiguous"
    assert has_no_number(found)
    ways = dict(part.split("=") for part in found["remedy"].split("|")[1:])
    assert float(ways["command_offset_mV"]) == pytest.approx(-66.9, abs=1)
    for options in ({"voltage": "recorded"}, {"command_offset_mV": ways["command_offset_mV"]}):
        settled = measure(path, options, PATCH)
        assert settled["verdict"] == "reversal", settled["reason"]
        assert settled["reversal_mV"] == pytest.approx(-50.3, abs=1)
    assert measure(path, {"voltage": "command"}, PATCH)["reversal_mV"] == pytest.approx(16.0, abs=1)
