"""Measurements through the stages ingest and measure: protocols, subtractions, flags, what each correction moved."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.contract import tables
from nernstfit.experiment import folder as experiments
from nernstfit.reversal.classify import interval_mV
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.stages import correct, ingest, measure

Measured = Callable[..., dict[str, Any]]

RATE_HZ = 10_000.0
STEPS = Waveform(0, "Cmd 0", "mV", -60.0, "epochs", (Epoch("A", "step", -100.0, 10.0, 500, 0),), False)
PREPULSE = replace(STEPS, epochs=(Epoch("A", "step", -120.0, 3.0, 300, 0), *(replace(STEPS.epochs[0], letter="B"),)))
RAMPS = replace(
    STEPS,
    epochs=(
        Epoch("A", "step", -100.0, 0.0, 400, 0),
        Epoch("B", "ramp", 60.0, 0.0, 1600, 0),
        Epoch("C", "ramp", -100.0, 0.0, 1600, 0),
    ),
)
CURRENT = OutputChannel("Im", "pA", 0, 8000.0)


@pytest.fixture
def measured(folder: Callable[..., Path], config: Callable[..., dict[str, Any]]) -> Measured:
    """Measure one row of a table, the recordings written before: column to text; returns its measured columns."""

    def run(row: Mapping[str, str]) -> dict[str, Any]:
        cells = {"recording": "data/cell.abf", "cell": "c", "bath": "control", "pipette": "pipette"} | dict(row)
        here = folder(recordings=f"{','.join(cells)}\n{','.join(cells.values())}\n")
        loaded = experiments.load(config())
        read = {name: str(here / f"{name}.parquet") for name in ("points", "facts", "traces")}
        ingest.run({}, read, loaded)
        made = {"measured": str(here / "measured.parquet"), "iv": str(here / "iv.csv")}
        measure.run({"points": [read["points"]], "facts": [read["facts"]]}, made, loaded)
        (found,) = tables.gather([made["measured"]]).to_dict("records")
        return {str(name): value for name, value in found.items()} | {"iv": tables.load(made["iv"], tables.IV)}

    return run


def write(
    path: Path,
    current_pA: Callable[[np.ndarray, np.ndarray], np.ndarray],
    waveform: Waveform = STEPS,
    sweeps: int = 17,
    points: int = 700,
    noise_pA: float = 2.0,
    channel: OutputChannel = CURRENT,
    voltage_offset_mV: float | None = None,
    data_format: str = "int16",
) -> None:
    """Write a recording whose current is a function of the command (mV) and its rate of change (mV/ms)."""
    from nernstfit.abf.command import levels, segments

    path.parent.mkdir(exist_ok=True)
    command = np.array([levels(s, np.arange(points)) for s in segments(waveform, sweeps, points)])
    speed = np.gradient(command, 1e3 / RATE_HZ, axis=1)
    speed[np.abs(speed) > 20] = 0.0  # the steps themselves: a transient that is over at once
    samples = [current_pA(command, speed) + np.random.default_rng(5).normal(0.0, noise_pA, command.shape)]
    channels = [channel]
    if voltage_offset_mV is not None:
        samples.append(command + voltage_offset_mV)
        channels.append(OutputChannel("Vm", "mV", 1, 200.0))
    content = np.stack(samples, axis=1)
    write_abf(path, "2.6", EpisodicRecording(content, channels, [waveform], RATE_HZ, 1.0, data_format=data_format))


def identity_holds(found: Mapping[str, Any]) -> bool:
    """reversal = raw + leak + series resistance, blank where a correction was not applied."""
    shifts = [found[name] for name in ("leak_shift_mV", "rs_shift_mV")]
    return abs(found["raw_mV"] + sum(s for s in shifts if not math.isnan(s)) - found["reversal_mV"]) < 1e-9


def flags(found: Mapping[str, Any]) -> dict[str, str]:
    return dict(flag.split("=") for flag in found["flags"].split(";") if flag)


def test_a_background_of_500_pA_on_10_MOhm_through_the_table(tmp_path: Path, measured: Measured) -> None:
    g, e, b, r = 12.0, -40.0, 10.0, 10.0
    zero = e - 500.0 / b

    def with_channel(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return (g * (v - e) + b * (v - zero)) / (1 + (g + b) * r * 1e-3)

    write(tmp_path / "data" / "cell.abf", with_channel)
    write(tmp_path / "data" / "blocked.abf", lambda v, _: b * (v - zero) / (1 + b * r * 1e-3))
    found = measured({"leak": "background", "subtract": "data/blocked.abf", "series_resistance_MOhm": "10"})
    assert found["verdict"] == "reversal", found["reason"]
    assert found["reversal_mV"] == pytest.approx(e, abs=0.2)
    assert abs(found["reversal_mV"] - e) < 3 * found["se_mV"]
    assert identity_holds(found)
    assert found["rs_shift_mV"] < -2.0
    assert float(flags(found)["leak_fraction"]) == pytest.approx(b / (g + b), abs=0.02)
    assert float(flags(found)["rs_max_error"]) > 5.0
    assert set(found["iv"]["raw_current_pA"]) != set(found["iv"]["current_pA"])


def test_the_drop_of_a_background_across_an_unknown_resistance_is_in_the_interval(
    tmp_path: Path, measured: Measured
) -> None:
    g, e, b, r, zero = 12.0, -20.0, 5.0, 15.0, -50.0

    def with_channel(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return (g * (v - e) + b * (v - zero)) / (1 + (g + b) * r * 1e-3)

    write(tmp_path / "data" / "cell.abf", with_channel)
    write(tmp_path / "data" / "blocked.abf", lambda v, _: b * (v - zero) / (1 + b * r * 1e-3))
    row = {"leak": "background", "subtract": "data/blocked.abf"}
    found = measured(row)
    drop_mV = b * (e - zero) * r * 1e-3
    assert found["reversal_mV"] == pytest.approx(e + drop_mV, abs=0.2)
    assert found["reach_below_mV"] == pytest.approx(drop_mV * 20.0 / r, abs=0.1)
    assert found["reach_above_mV"] == 0.0
    known = measured(row | {"series_resistance_MOhm": str(r)})
    assert known["reach_below_mV"] == 0.0
    refused = measured(row | {"max_interval_mV": "2"})
    assert refused["verdict"] == "ambiguous"
    assert "give series_resistance_MOhm" in refused["reason"]


def test_a_background_subtracts_the_transient_in_a_window_that_was_chosen(tmp_path: Path, measured: Measured) -> None:
    """It is read at the time of that window, and says nothing of the transient later."""
    first = 700 // 64

    def transient(v: np.ndarray) -> np.ndarray:
        k = np.arange(v.shape[1])
        return (k >= first) * np.exp(-np.maximum(k - first, 0) / 20.0) * (v - v[:, [0]]) * 5.0

    write(tmp_path / "data" / "cell.abf", lambda v, _: 8.0 * (v + 30.0) + transient(v))
    write(tmp_path / "data" / "blocked.abf", lambda v, _: transient(v))
    window = {"epoch": "A", "from_ms": "2", "to_ms": "6"}
    found = measured({"leak": "background", "subtract": "data/blocked.abf"} | window)
    assert found["verdict"] == "reversal", found["reason"]
    assert abs(found["reversal_mV"] + 30.0) < 4 * found["se_mV"] < 2


def test_a_background_that_cannot_be_read_names_itself(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30))
    (tmp_path / "data" / "blocked.abf").write_text("no recording")
    found = measured({"leak": "background", "subtract": "data/blocked.abf"})
    assert found["verdict"] == "unreadable"
    assert "blocked.abf" in found["reason"]
    other = replace(STEPS, epochs=(replace(STEPS.epochs[0], letter="D"),))
    write(tmp_path / "data" / "blocked.abf", lambda v, _: v, waveform=other)
    found = measured({"leak": "background", "subtract": "data/blocked.abf"})
    assert "background blocked.abf" in found["reason"]


def activating(v: np.ndarray, e: float) -> np.ndarray:
    return 15.0 * (v - e) / (1 + np.exp(-(v + 40) / 4))


@pytest.mark.parametrize(
    ("how", "waveform"),
    [({"leak": "linear", "epoch": "A"}, STEPS), ({"leak": "epoch:A", "epoch": "B"}, PREPULSE)],
)
def test_a_leak_is_subtracted_and_its_shift_is_reported(
    tmp_path: Path, measured: Measured, how: Mapping[str, str], waveform: Waveform
) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: activating(v, 20.0) + 3.0 * (v + 10), waveform, points=1100)
    found = measured(how)
    assert found["verdict"] == "reversal", found["reason"]
    assert abs(found["reversal_mV"] - 20.0) < 4 * found["se_mV"] < 4
    assert found["raw_mV"] == pytest.approx(15.0, abs=0.5)
    assert found["leak_shift_mV"] == pytest.approx(5.0, abs=0.7)
    assert math.isnan(found["rs_shift_mV"])
    assert identity_holds(found)
    assert "rs_unknown" in flags(found)


def test_the_leak_beside_a_peak_is_the_settled_current_of_its_epoch(tmp_path: Path, measured: Measured) -> None:
    """The largest current in the leak's epoch is the capacitive transient at its start."""
    first, evoked = 1100 // 64, 1100 // 64 + 300

    def current(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        k = np.arange(v.shape[1])
        transient = (k >= first) * np.exp(-np.maximum(k - first, 0) / 5.0) * (v[:, [first]] - v[:, [0]]) * 20.0
        opened = (k >= evoked) * (1 - np.exp(-np.maximum(k - evoked, 0) / 40)) * np.exp(-np.abs(k - evoked) / 200)
        return transient + 3.0 * (v + 10) + 40.0 * opened * (v - 20.0)

    write(tmp_path / "data" / "cell.abf", current, PREPULSE, points=1100)
    found = measured({"leak": "epoch:A", "epoch": "B", "statistic": "peak"})
    assert found["verdict"] == "reversal", found["reason"]
    assert found["reversal_mV"] == pytest.approx(20.0, abs=0.5)
    assert found["leak_shift_mV"] == pytest.approx(30 * 3 / 23, abs=1.5)


@pytest.mark.parametrize(
    ("waveform", "row", "reason"),
    [
        (
            PREPULSE,
            {"epoch": "after"},
            "the time after the last epoch is at -60 mV in every sweep; epochs A and B vary",
        ),
        (RAMPS, {"epoch": "A"}, "epoch A is at -100 mV in every sweep; epochs B and C vary"),
        (
            replace(RAMPS, epochs=RAMPS.epochs[:1]),
            {"epoch": "A"},
            "epoch A is at -100 mV in every sweep; no other epoch varies",
        ),
        (
            replace(PREPULSE, epochs=(Epoch("A", "step", -120.0, 0.0, 300, 0), PREPULSE.epochs[1])),
            {"epoch": "A", "sweeps": "0-9"},
            "epoch A is at -120 mV in every sweep; epoch B varies",
        ),
        (
            replace(RAMPS, epochs=RAMPS.epochs[:2]),
            {"epoch": "A"},
            "epoch A is at -100 mV in every sweep; epoch B varies",
        ),
    ],
)
def test_an_epoch_that_is_the_same_in_every_sweep_is_told_beside_the_one_that_varies(
    tmp_path: Path, measured: Measured, waveform: Waveform, row: Mapping[str, str], reason: str
) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30), waveform, points=4000)
    found = measured(row)
    assert found["verdict"] == "unreadable"
    assert found["reason"] == f"cell.abf: {reason}"


def test_a_leak_of_one_level_is_refused(tmp_path: Path, measured: Measured) -> None:
    flat = replace(PREPULSE, epochs=(replace(PREPULSE.epochs[0], level_increment=0.0), PREPULSE.epochs[1]))
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30), flat, points=1100)
    found = measured({"leak": "epoch:A", "epoch": "B"})
    assert found["verdict"] == "unreadable"
    assert "one level" in found["reason"]


def charged(v: np.ndarray, speed: np.ndarray) -> np.ndarray:
    return 8.0 * (v + 15.0) + 20.0 * speed


@pytest.mark.parametrize(
    ("row", "telegraphed_pF", "source"),
    [({}, 0.0, "pair"), ({"capacitance_pF": "20"}, 0.0, "table"), ({}, 20.0, "telegraph")],
)
@pytest.mark.parametrize("epoch", ["B", "C"])
def test_what_charges_the_membrane_is_taken_off_a_ramp(
    tmp_path: Path, measured: Measured, row: Mapping[str, str], telegraphed_pF: float, source: str, epoch: str
) -> None:
    waveform = RAMPS
    if source != "pair":  # one direction only
        (first, up, down) = RAMPS.epochs
        one = (first, up) if epoch == "B" else (replace(first, level=60.0), replace(down, letter="C"))
        waveform = replace(RAMPS, epochs=one)
    channel = replace(CURRENT, telegraph_gain=1.0, clamp="voltage", capacitance_pF=telegraphed_pF)
    write(tmp_path / "data" / "cell.abf", charged, waveform, 3, 4000, channel=channel)
    found = measured({"epoch": epoch} | dict(row))
    assert found["verdict"] == "reversal", found["reason"]
    direction = 1 if epoch == "B" else -1
    assert found["raw_mV"] == pytest.approx(-15.0 - direction * 20.0 / 8.0, abs=0.2)
    assert abs(found["reversal_mV"] + 15.0) < 4 * found["se_mV"] < 0.8
    assert identity_holds(found)
    assert float(flags(found)["capacity_removed"]) == pytest.approx(20.0, rel=0.03)
    assert flags(found)["repeats"] == "3"


def test_a_capacity_that_nobody_knows_widens_the_interval_to_one_side(tmp_path: Path, measured: Measured) -> None:
    one = replace(RAMPS, epochs=RAMPS.epochs[:2])
    write(tmp_path / "data" / "cell.abf", charged, one, 3, 4000)
    found = measured({"epoch": "B"})
    assert found["raw_mV"] == found["reversal_mV"] == pytest.approx(-17.5, abs=0.2)
    assert math.isnan(found["leak_shift_mV"])
    # The step of the current at the corner shows how large it is.
    assert float(flags(found)["capacity_unknown"]) == pytest.approx(2.5, abs=0.6)
    assert found["capacitance_shift_mV"] == pytest.approx(float(flags(found)["capacity_unknown"]), rel=1e-3)
    assert found["se_mV"] < 0.2
    # An ascending ramp: the truth lies above its zero.
    below, above = interval_mV(found["se_mV"], found["capacitance_shift_mV"])
    assert below == pytest.approx(1.96 * found["se_mV"], rel=1e-3)
    assert found["reversal_mV"] + above > -15.0
    narrow = measured({"epoch": "B", "max_interval_mV": "2"})
    assert narrow["verdict"] == "ambiguous"
    assert "membrane capacitance is not known" in narrow["reason"]
    assert "higher" in narrow["reason"]


def test_ramps_that_open_channels_are_no_capacity(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, s: np.where(s > 0, 4.0, 12.0) * (v + 15.0), RAMPS, 3, 4000)
    found = measured({"epoch": "B"})
    assert "hysteresis" in flags(found)
    assert found["verdict"] == "ambiguous"
    assert "membrane capacitance is not known" in found["reason"]
    assert "-15.0 mV" in found["reason"]


def test_the_recorded_voltage_is_told_beside_the_command_and_used_where_asked(
    tmp_path: Path, measured: Measured
) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30), voltage_offset_mV=6.0)
    commanded, recorded = measured({"voltage": "command"}), measured({"voltage": "recorded"})
    assert measured({})["verdict"] == "ambiguous"
    assert commanded["reversal_mV"] == pytest.approx(-30.0, abs=0.2)
    assert recorded["reversal_mV"] == pytest.approx(-24.0, abs=0.2)
    assert float(flags(commanded)["command_mismatch"]) == pytest.approx(6.0, abs=0.1)
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30))
    none = measured({"voltage": "recorded"})
    assert none["verdict"] == "unreadable"
    assert "no channel records a membrane voltage" in none["reason"]


def test_a_bath_change_within_a_file_is_two_rows(tmp_path: Path, measured: Measured) -> None:
    two = replace(STEPS, epochs=(replace(STEPS.epochs[0], level=-100.0, level_increment=5.0),))
    zero = np.where(np.arange(34) < 17, -60.0, 20.0)[:, None]
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v - zero), two, sweeps=34)
    assert measured({"sweeps": "0-16"})["reversal_mV"] == pytest.approx(-60.0, abs=0.3)
    assert measured({"sweeps": "17-33"})["reversal_mV"] == pytest.approx(20.0, abs=0.3)


@pytest.mark.parametrize("prepulse", [False, True])
def test_a_seal_that_breaks_between_two_sweeps_is_told_by_the_holding_current(
    tmp_path: Path, measured: Measured, prepulse: bool
) -> None:
    waveform, epoch = STEPS, "A"
    if prepulse:  # on a sweep too short for a holding level of its own, the level of an epoch before the step
        waveform = replace(STEPS, epochs=(Epoch("A", "step", -80.0, 0.0, 200, 0), replace(STEPS.epochs[0], letter="B")))
        epoch = "B"
    turns = np.arange(17)[:, None]

    def found(leak_nS: np.ndarray) -> dict[str, Any]:
        points = 450 if prepulse else 1000
        write(tmp_path / "data" / "cell.abf", lambda v, _: 5.0 * (v + 30) + leak_nS * v, waveform, points=points)
        return measured({"epoch": epoch})

    broken = found(np.where(turns < 5, 0.2, 2.0))
    assert broken["verdict"] == "ambiguous"
    assert "steps by -1" in broken["reason"]
    assert broken["remedy"] == "sweeps=0-4|sweeps=5-16"
    small = found(np.where(turns < 5, 0.2, 0.5))
    assert small["verdict"] == "reversal", small["reason"]
    shift_mV = float(flags(small)["holding_step"])
    assert shift_mV == pytest.approx(0.3 * (-80 if prepulse else -60) / 5.5, rel=0.2)
    assert small["further_se_mV"] * 1.96 >= 0.49 * abs(shift_mV)
    for steady in (0.2 + 0.0 * turns, 0.2 + 0.02 * turns):
        assert "holding_step" not in flags(found(steady))


def test_a_peak_is_read_at_the_same_time_in_every_sweep(tmp_path: Path, measured: Measured) -> None:
    """A sodium current on a slow outward one, and a transient of 0.1 ms that is larger than either."""
    points, e = 700, 45.0
    wide = replace(STEPS, holding=-90.0, epochs=(Epoch("A", "step", -80.0, 10.0, 500, 0),))
    t = np.maximum(0.0, np.arange(points) - points // 64) / RATE_HZ * 1e3
    course = (1 - np.exp(-t / 0.4)) ** 3 * np.exp(-t / 2.0)

    def sodium(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        opened = 1 / (1 + np.exp(-(v + 25) / 6))
        return (
            40 * opened * (v - e) * course + 2 * (v + 60) * (1 - np.exp(-t / 30.0)) + 80 * (v + 90) * np.exp(-t / 0.1)
        )

    write(
        tmp_path / "data" / "cell.abf",
        sodium,
        wide,
        points=points,
        noise_pA=4.0,
        channel=replace(CURRENT, full_scale=40_000.0),
    )
    peak, steady = measured({"statistic": "peak"}), measured({})
    assert peak["verdict"] == "reversal", peak["reason"]
    assert peak["reversal_mV"] == pytest.approx(e, abs=3.0)
    assert steady["verdict"] == "ambiguous"
    assert "statistic: peak" in steady["reason"]


def test_a_ramp_has_no_peak(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", charged, RAMPS, 3, 4000)
    found = measured({"epoch": "B", "statistic": "peak"})
    assert found["verdict"] == "unreadable"
    assert "no peak" in found["reason"]


@pytest.mark.parametrize("estimator", ["local", "polynomial", "ghk"])
def test_every_estimator_can_be_asked_for(tmp_path: Path, measured: Measured, estimator: str) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30))
    found = measured({"estimator": estimator, "series_resistance_MOhm": "5", "compensation_percent": "60"})
    assert abs(found["reversal_mV"] + 30.0) < 4 * found["se_mV"] < 0.5
    assert identity_holds(found)
    assert abs(found["rs_shift_mV"]) < 0.05


def test_a_parabola_that_never_reaches_zero_is_no_crossing(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: (v + 20) ** 2 / 10 + 50)
    assert measured({})["verdict"] == "no_crossing"


@pytest.mark.parametrize("waveform", [STEPS, RAMPS])
@pytest.mark.parametrize("seed", range(3))
def test_flat_noise_is_never_a_reversal(tmp_path: Path, measured: Measured, waveform: Waveform, seed: int) -> None:
    rng = np.random.default_rng(seed)
    write(tmp_path / "data" / "cell.abf", lambda v, _: rng.normal(0, 5.0, v.shape), waveform, 17, 4000, noise_pA=0.0)
    assert measured({"epoch": "B" if waveform is RAMPS else "A"})["verdict"] != "reversal"


def test_without_an_epoch_that_differs_the_one_ramp_is_measured(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", charged, replace(RAMPS, epochs=RAMPS.epochs[:2]), 3, 4000)
    assert measured({})["epoch"] == "B"
    write(tmp_path / "data" / "cell.abf", charged, RAMPS, 3, 4000)
    assert "name in `epoch`" in measured({})["reason"]


@pytest.mark.parametrize("estimator", ["local", "polynomial", "ghk"])
@pytest.mark.parametrize("waveform", [STEPS, RAMPS])
@pytest.mark.parametrize("current", [lambda v, _: 0 * v, lambda v, _: 0 * v + 50.0, lambda v, _: 5 * (v + 30)])
@pytest.mark.parametrize("how", [{}, {"leak": "linear"}, {"leak": "background", "subtract": "data/blocked.abf"}])
def test_samples_without_noise_cost_no_run(
    tmp_path: Path,
    measured: Measured,
    estimator: str,
    waveform: Waveform,
    current: Callable[[np.ndarray, np.ndarray], np.ndarray],
    how: Mapping[str, str],
) -> None:
    for name, flow in (("cell", current), ("blocked", lambda v, _: 0 * v)):
        write(tmp_path / "data" / f"{name}.abf", flow, waveform, 17, 4000, noise_pA=0.0)
    found = measured({"epoch": "B" if waveform is RAMPS else "A", "estimator": estimator, **how})
    assert found["verdict"] in ("reversal", "no_crossing", "ambiguous", "not_a_reversal")
    assert found["verdict"] != "reversal" or found["reversal_mV"] == pytest.approx(-30.0, abs=1.0)


def test_a_background_of_one_level_leaves_nothing(tmp_path: Path, measured: Measured) -> None:
    write(tmp_path / "data" / "cell.abf", lambda v, _: 5 * (v + 30))
    flat = replace(STEPS, epochs=(replace(STEPS.epochs[0], level_increment=0.0),))
    write(tmp_path / "data" / "blocked.abf", lambda v, _: v, waveform=flat)
    found = measured({"leak": "background", "subtract": "data/blocked.abf"})
    assert found["verdict"] == "no_crossing"
    assert "0 level" in found["reason"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e38])
@pytest.mark.parametrize(("epoch", "statistic"), [("A", "mean"), ("A", "peak"), ("B", "mean")])
def test_samples_that_are_no_numbers_are_unreadable(
    tmp_path: Path, measured: Measured, wrong: float, epoch: str, statistic: str
) -> None:
    path = tmp_path / "data" / "cell.abf"
    marked = np.float32(1234.5)
    waveform = RAMPS if epoch == "B" else STEPS
    write(path, lambda v, _: np.full_like(v, float(marked)), waveform, 3, 4000, noise_pA=0.0, data_format="float32")
    path.write_bytes(path.read_bytes().replace(marked.tobytes(), np.float32(wrong).tobytes()))
    found = measured({"epoch": epoch, "statistic": statistic})
    assert found["verdict"] in (("unreadable",) if wrong != 1e38 else ("no_crossing", "unreadable"))
    assert "sweep 0 holds samples that are no numbers, from " in found["reason"] or wrong == 1e38


# When


def begun(path: Path, date: int, ms: int) -> Path:
    """Let a recording say when it was begun."""
    content = bytearray(path.read_bytes())
    if content[:4] == b"ABF ":
        struct.pack_into("<ii", content, 20, date, ms // 1000)
        struct.pack_into("<h", content, 366, ms % 1000)
    else:
        struct.pack_into("<II", content, 16, date, ms)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", ["1.84", "2.6"])
def test_a_recording_says_when_it_was_begun(tmp_path: Path, write_recording: Callable[..., Path], version: str) -> None:
    path = write_recording(tmp_path / "a.abf", version=version)
    late = read(begun(path, 20191231, 86_399_250)).start_s
    assert read(begun(path, 20200101, 250)).start_s - late == pytest.approx(1.0, abs=1e-4)
    assert math.isnan(read(begun(path, 20191301, 0)).start_s)


@pytest.mark.parametrize(
    ("given", "times"), [("", {"a": 0.0, "b:0-3": 60.0 + 0.5 * (1.5 - 5)}), ("7", {"a": math.nan, "b:0-3": 7.0})]
)
def test_times_are_the_table_s_or_count_from_the_first_file_to_the_middle_of_the_sweeps_used(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]], given: str, times: dict[str, float]
) -> None:
    rows = ["a.abf,c,control,pipette,,", f"b.abf,c,high_K,pipette,0-3,{given}", "gone.abf,c,control,pipette,,"]
    header = "recording,cell,bath,pipette,sweeps,time_s\n"
    here = folder(recordings=header + "".join(f"data/{row}\n" for row in rows))
    (here / "data/gone.abf").write_bytes(b"")
    for name, ms in (("a", 0), ("b", 60_000)):
        begun(here / f"data/{name}.abf", 20200101, ms)
    loaded = experiments.load(config())
    parts = {name: str(here / name) for name in ("points", "facts", "traces")}
    made = {name: str(here / name) for name in ("measured", "iv", "junctions", "reversals")}
    ingest.run({}, parts, loaded)
    measure.run({name: [path] for name, path in parts.items()}, made, loaded)
    tables.write(made["junctions"], tables.JUNCTIONS, [])
    correct.run(made, made, loaded)
    found = tables.load(made["reversals"], tables.REVERSAL_POTENTIALS)
    expected = pytest.approx(times | {"gone": math.nan}, nan_ok=True)
    assert dict(zip(found["measurement"], found["time_s"], strict=True)) == expected


def test_repeats_with_one_bad_sweep_or_far_states_are_told_although_all_together_have_no_zero(
    tmp_path: Path, measured: Measured
) -> None:
    ramps = replace(RAMPS, epochs=RAMPS.epochs[:2])

    def ramped(v: np.ndarray, zero: np.ndarray, extra: np.ndarray) -> np.ndarray:
        return 5.0 * (v - zero) + extra

    shape = (24, 1)
    bad = np.zeros(shape)
    bad[7] = 4000.0
    write(tmp_path / "data" / "cell.abf", lambda v, _: ramped(v, np.full(shape, -20.0), bad), ramps, 24, 4000)
    one_bad = measured({"epoch": "B"})
    assert one_bad["verdict"] == "ambiguous"
    assert "contradict the others" in one_bad["reason"]
    assert one_bad["remedy"] == "sweeps=0-5,8-23"
    states = np.where(np.arange(24) < 12, -60.0, 0.0)[:, None]
    write(tmp_path / "data" / "cell.abf", lambda v, _: ramped(v, states, np.zeros(shape)), ramps, 24, 4000)
    moved = measured({"epoch": "B"})
    assert moved["verdict"] == "ambiguous"
    assert moved["remedy"] == "sweeps=0-11|sweeps=12-23"
