"""Ramps whose current comes late: behind a low-pass filter, or behind a series resistance that is not known."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from nernstfit.abf.command import levels, segments
from nernstfit.abf.layout import NO_FILTER_HZ
from nernstfit.abf.records import Epoch, Lowpass, Waveform
from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.contract.terms import BandwidthSource, Configuration
from nernstfit.library.recording import PatchProperties, measure_and_judge
from nernstfit.reversal import capacitance, charging
from nernstfit.reversal.classify import interval_mV
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, ZERO_MV, SLOPE_NS = 10_000.0, -20.0, 6.0
KNOWN = PatchProperties(0.0, 0.0, 22.0)
STEP, RISE = Epoch("A", "step", -100.0, 0.0, 500, 0), Epoch("B", "ramp", 60.0, 0.0, 2000, 0)
UP = Waveform(0, "Cmd 0", "mV", -60.0, "epochs", (STEP, RISE), False)
DOWN = replace(UP, epochs=(replace(UP.epochs[0], level=60.0), replace(UP.epochs[1], level=-100.0)))
BOTH = replace(UP, epochs=(*UP.epochs, Epoch("C", "ramp", -100.0, 0.0, 2000, 0)))
KINDS = ("one pole", "Bessel", "Butterworth")


def filtered(current_pA: NDArray[np.float64], kind: str, corner_Hz: float) -> NDArray[np.float64]:
    order, design = (1 if kind == "one pole" else 4), {"output": "sos", "fs": RATE_HZ}
    bessel = signal.bessel(order, corner_Hz, norm="mag", **design)
    sos = bessel if kind == "Bessel" else signal.butter(order, corner_Hz, **design)
    state = signal.sosfilt_zi(sos)[:, None, :] * current_pA[None, :, :1]
    return np.asarray(signal.sosfilt(sos, current_pA, zi=state)[0])


@dataclass(frozen=True)
class Ramp:
    """Ramp whose current went through a filter; `stated_Hz` 0 states none."""

    waveform: Waveform
    kind: str
    corner_Hz: float
    stated_Hz: float | None = None
    capacitance_pF: float = 0.0
    rectification: float = 0.0
    recorded: bool = False
    telegraph_gain: float | None = 1.0  # None: the corner is an entry in the program alone

    def write(self, path: Path) -> None:
        points = 800 + sum(epoch.duration for epoch in self.waveform.epochs)
        command = np.array([levels(each, np.arange(points) + 0.5) for each in segments(self.waveform, 3, points)])
        distance_mV = command - ZERO_MV
        current = SLOPE_NS * distance_mV * (1 + self.rectification * distance_mV)
        charging = np.clip(np.gradient(command, 1e3 / RATE_HZ, axis=1), -5.0, 5.0)
        current = filtered(current + self.capacitance_pF * charging, self.kind, self.corner_Hz)
        current += np.random.default_rng(1).normal(0.0, 3.0, current.shape)
        stated_Hz = (self.corner_Hz if self.stated_Hz is None else self.stated_Hz) or NO_FILTER_HZ
        channels = [OutputChannel("Im", "pA", 0, 20_000.0, self.telegraph_gain, lowpass_Hz=stated_Hz)]
        samples = [current]
        if self.recorded:
            channels.append(OutputChannel("Vm", "mV", 1, 1_000.0, self.telegraph_gain, lowpass_Hz=stated_Hz))
            samples.append(filtered(command, self.kind, self.corner_Hz))
        write_abf(path, "2.6", EpisodicRecording(np.stack(samples, axis=1), channels, [self.waveform], RATE_HZ, 1.0))


def measured(
    folder: Path, ramp: Ramp, given: PatchProperties = KNOWN, **cells: str
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the row and the findings of a ramp."""
    ramp.write(folder / "ramp.abf")
    measured = measure_and_judge(str(folder / "ramp.abf"), {"epoch": "B"} | cells, given)
    return dict(measured.values), list(measured.findings)


@pytest.mark.parametrize(
    ("kind", "delay"), [("one pole", 1 / (2 * math.pi)), ("Bessel", 2.114 / (2 * math.pi)), ("Butterworth", 0.416)]
)
def test_the_reach_of_the_delay_holds_the_usual_filters(kind: str, delay: float) -> None:
    limit = Lowpass(100.0, BandwidthSource.TELEGRAPH)
    step = filtered(np.concatenate([np.zeros((1, 10)), np.ones((1, 4000))], axis=1), kind, 100.0)
    found_ms = float((1 - step[0, 10:]).sum()) / RATE_HZ * 1e3
    assert found_ms == pytest.approx(10 * delay, abs=0.1)
    assert abs(limit.delay_ms - found_ms) < 1.96 * limit.delay_sd_ms


@pytest.mark.parametrize(
    ("waveform", "kind", "corner_Hz"), list(itertools.product((UP, DOWN), KINDS, (60.0, 100.0, 300.0)))
)
def test_the_interval_of_a_ramp_behind_a_slow_filter_holds_the_truth(
    tmp_path: Path, waveform: Waveform, kind: str, corner_Hz: float
) -> None:
    row, found = measured(tmp_path, Ramp(waveform, kind, corner_Hz))
    assert row["verdict"] == "reversal", row["reason"]
    assert row["low_mV"] <= ZERO_MV <= row["high_mV"]
    direction, speed = (1 if waveform is UP else -1), 0.8
    corrected_mV = -direction * speed * 0.3e3 / corner_Hz
    assert tables.flags(row["flags"])["filter_delay"] == pytest.approx(corrected_mV, rel=1e-3)
    assert row["delay_shift_mV"] == pytest.approx(-direction * speed * math.hypot(100 / corner_Hz, 0.1), rel=1e-3)
    assert abs(row["raw_mV"] - corrected_mV - ZERO_MV) > 0.3  # without the correction it is the delay itself
    shifts = [row[name] for name in ("leak_shift_mV", "rs_shift_mV") if math.isfinite(row[name])]
    assert row["raw_mV"] + sum(shifts) == pytest.approx(row["reversal_mV"], abs=1e-9)
    warned = [each for each in found if each.code is Code.FILTER_DELAY]
    assert bool(warned) == (abs(corrected_mV) >= 1)
    assert all(each.severity == "warning" and f"{corrected_mV:+.1f} mV" in each.sentence for each in warned)


@pytest.mark.parametrize("waveform", [UP, DOWN])
def test_a_usual_filter_changes_next_to_nothing(tmp_path: Path, waveform: Waveform) -> None:
    fast, _ = measured(tmp_path, Ramp(waveform, "Bessel", 4000.0))
    without, _ = measured(tmp_path, Ramp(waveform, "Bessel", 4000.0, stated_Hz=0.0))
    assert abs(fast["reversal_mV"] - without["reversal_mV"]) < 0.1
    assert "filter_delay" not in without["flags"]
    assert without["delay_shift_mV"] == 0


def test_a_delay_that_leaves_the_interval_too_wide_is_the_reason(tmp_path: Path) -> None:
    row, _ = measured(tmp_path, Ramp(UP, "Bessel", 15.0))
    assert row["verdict"] == "ambiguous"
    assert "the low-pass filter delays the current of the ramp" in row["reason"]


@pytest.mark.parametrize(
    ("kind", "corner_Hz", "rectification", "capacitance_pF"),
    list(itertools.product(KINDS, (70.0,), (0.0, 0.003), (0.0, 15.0))),
)
@pytest.mark.parametrize("is_stated", [True, False])
def test_ramps_in_both_directions_behind_a_slow_filter_are_right_or_refused(
    tmp_path: Path, kind: str, corner_Hz: float, rectification: float, capacitance_pF: float, is_stated: bool
) -> None:
    stated_Hz = corner_Hz if is_stated else 0.0
    unknown = PatchProperties(None, None, 22.0)
    row, _ = measured(tmp_path, Ramp(BOTH, kind, corner_Hz, stated_Hz, capacitance_pF, rectification), unknown)
    if row["verdict"] == "reversal":
        assert row["low_mV"] <= ZERO_MV <= row["high_mV"]
    else:
        assert row["verdict"] == "ambiguous"
        assert "lag" in row["reason"]
    if is_stated or (corner_Hz == 100 and rectification == 0):
        assert row["verdict"] == "reversal", row["reason"]


@pytest.mark.parametrize(("series_MOhm", "slope_nS"), [(12.0, 4.0), (5.0, 40.0), (20.0, 10.0)])
@pytest.mark.parametrize("speed", [3.2, -0.8])
def test_a_membrane_behind_an_unknown_resistance_shifts_the_zero_within_its_interval(
    series_MOhm: float, slope_nS: float, speed: float
) -> None:
    """The current of a ramp in the steady state: f G (V_cmd - E) + f^2 C s, from integration."""
    charge_pF, series, v, dt = 50.0, series_MOhm * 1e-3, ZERO_MV - 40.0 * np.sign(speed), 1e-3
    command = v + speed * dt * np.arange(100_000)
    seen = np.empty(len(command))
    for i, level in enumerate(command):
        seen[i] = (level - v) / series
        v += dt * (seen[i] - slope_nS * (v - ZERO_MV)) / charge_pF
    left = (seen - charge_pF * speed)[10_000:]  # settled
    zero_mV = float(np.interp(0.0, np.sign(speed) * left, command[10_000:]))
    amplifier_nS = slope_nS / (1 + slope_nS * series)
    limit = charging.shift_by_series_mV(charge_pF, speed, amplifier_nS, Configuration.WHOLE_CELL)
    below, above = interval_mV(0.02, limit)
    assert zero_mV - below <= ZERO_MV <= zero_mV + above
    if series_MOhm == capacitance.LIMIT_MOHM[Configuration.WHOLE_CELL]:
        assert limit == pytest.approx(ZERO_MV - zero_mV, abs=0.05)


def test_an_unknown_resistance_before_a_known_capacitance_is_in_the_interval_and_warned_of(tmp_path: Path) -> None:
    fast = replace(UP, epochs=(UP.epochs[0], replace(UP.epochs[1], duration=500)))
    known, none = (
        measured(tmp_path, Ramp(fast, "Bessel", 4000.0, 0.0, 50.0), PatchProperties(series, 50.0, 22.0))
        for series in (0.0, None)
    )
    assert known[0]["capacitance_shift_mV"] == 0
    assert none[0]["capacitance_shift_mV"] == pytest.approx(-3.2 * 50 * 20e-3 * 1.88, rel=0.02)
    below_mV, _ = interval_mV(none[0]["se_mV"], none[0]["capacitance_shift_mV"])
    assert none[0]["se_mV"] == pytest.approx(0.05 * 50 * 3.2 / SLOPE_NS, rel=0.05)  # of the stated capacitance
    assert none[0]["low_mV"] == pytest.approx(none[0]["corrected_mV"] - below_mV, abs=0.2)
    (warned,) = (each for each in none[1] if each.code is Code.RS_ERROR)
    assert f"up to {-none[0]['capacitance_shift_mV']:.1f} mV" in warned.sentence
    assert warned.severity == "warning"
    assert Code.RS_ERROR not in {each.code for each in known[1]}


def test_a_recorded_voltage_that_went_through_the_same_filter_is_as_late(tmp_path: Path) -> None:
    row, _ = measured(tmp_path, Ramp(UP, "one pole", 100.0, recorded=True), voltage="recorded")
    assert row["corrected_mV"] == pytest.approx(ZERO_MV, abs=0.1)
    assert row["delay_shift_mV"] == 0
    assert "filter_delay" not in row["flags"]


def test_a_corner_that_was_only_entered_corrects_nothing(tmp_path: Path) -> None:
    entered = Ramp(UP, "Bessel", 4000.0, stated_Hz=10.0, telegraph_gain=None)
    row, findings = measured(tmp_path, entered)
    assert row["raw_mV"] == pytest.approx(ZERO_MV, abs=0.2)
    assert row["delay_shift_mV"] == 0
    assert "filter_delay" not in {finding.code for finding in findings}
