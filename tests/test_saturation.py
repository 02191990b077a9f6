"""Saturated currents: sweeps at a limit of the converter or the amplifier are left out, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibration.recordings import RATE_HZ
from scipy import signal
from steps import LEVELS, at_levels, measured, open_pore, written

from nernstfit.abf import saturation
from nernstfit.abf.command import levels, segments
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.abf.select import epoch_parts
from nernstfit.abf.windows import open_source, ramp_windows, windows_of
from nernstfit.contract import settings, tables
from nernstfit.library.recording import PatchProperties, measure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

LARGE = at_levels(lambda v: 3 * open_pore(v))
NOISE = np.random.default_rng(4).normal(0, 3.0, LARGE.shape)


def saturated(folder: Path, current_pA: np.ndarray) -> str:
    """Return what is said of the saturation of a current that is written without further noise."""
    source = open_source(read(written(folder, current_pA, 0.0)), settings.default_measure(), ())
    parts = epoch_parts(source.command, "B", source.sweeps)
    return saturation.kept(source, parts, windows_of(source, parts, settings.default_measure())).saturated


@pytest.mark.parametrize(("low_pA", "high_pA"), [(-1e4, 60.0), (-150.0, 150.0), (-400.0, 1e4)])
def test_an_amplifier_that_saturates_loses_its_sweeps_and_keeps_its_zero(
    tmp_path: Path, low_pA: float, high_pA: float
) -> None:
    found = measured(tmp_path, np.clip(LARGE + NOISE, low_pA, high_pA), noise_pA=0.0)
    assert found["verdict"] == "reversal"
    assert found["low_mV"] <= 7.0 <= found["high_mV"]
    assert "saturated" in tables.flags(found["flags"])


def test_a_current_that_is_saturated_on_one_side_of_its_zero_is_a_bound(tmp_path: Path) -> None:
    found = measured(tmp_path, np.maximum(LARGE + NOISE, -60.0), noise_pA=0.0)
    assert found["verdict"] == "no_crossing"
    assert found["high_mV"] >= 7.0
    assert "the current is saturated at -60" in found["reason"]


def test_the_converter_saturates_at_its_own_limits(tmp_path: Path) -> None:
    path = written(tmp_path, LARGE, full_scale_pA=300.0)
    found = measure(str(path), {"epoch": "B"}, PatchProperties(None, None, 22.0))
    assert found["verdict"] == "reversal"
    assert found["low_mV"] <= 7.0 <= found["high_mV"]
    assert "saturated" in tables.flags(found["flags"])


def test_a_current_that_is_saturated_throughout_is_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path, LARGE + 5000.0, full_scale_pA=300.0)
    found = measure(str(path), {"epoch": "B"}, PatchProperties(None, None, 22.0))
    assert found["verdict"] == "unreadable"
    assert "saturated at 300 pA in sweeps 0-16" in found["reason"]


def test_constant_currents_are_not_saturated(tmp_path: Path) -> None:
    """Without noise every window is constant, and a rectifier has no current at many levels."""
    for current in (LARGE, np.maximum(LARGE, 0.0), 0.0 * LARGE, LARGE + NOISE):
        assert saturated(tmp_path, current) == ""


def steep(limit_pA: float) -> np.ndarray:
    """Current of 180 nS, which reverses at 7 mV, behind an amplifier that saturates, without noise."""
    return np.clip(40 * at_levels(open_pore), -limit_pA, limit_pA)


def filtered(current_pA: np.ndarray) -> np.ndarray:
    return np.asarray(signal.sosfilt(signal.butter(2, 1000, output="sos", fs=RATE_HZ), current_pA))


@pytest.mark.parametrize("limit_pA", [1500.0, 2900.0, 6000.0])
def test_the_noise_of_what_follows_an_amplifier_does_not_hide_its_limit(tmp_path: Path, limit_pA: float) -> None:
    """Its samples scatter about the limit: with noise of their own, or with what a filter leaves of it."""
    for current, noise_pA in (
        (steep(limit_pA), 3.0),
        (filtered(np.clip(40 * LARGE / 3 + NOISE, -limit_pA, limit_pA)), 0.7),
    ):
        found = measured(tmp_path, current, noise_pA)
        assert found["verdict"] == "reversal"
        assert found["low_mV"] <= 7.0 <= found["high_mV"]
        assert "saturated" in tables.flags(found["flags"])


def test_one_level_without_noise_beside_a_limit_is_left_out(tmp_path: Path) -> None:
    highest_pA = float(40 * open_pore(LEVELS[-1:])[0]) - 400.0
    current = filtered(np.minimum(40 * LARGE / 3 + NOISE, highest_pA))
    assert "in sweeps 16" in saturated(tmp_path, current + np.random.default_rng(2).normal(0, 0.4, current.shape))


ONSET, RAMP_B = Epoch("A", "step", -100.0, 0.0, 300, 0), Epoch("B", "ramp", 60.0, 0.0, 2000, 0)
RAMP = Waveform(0, "Cmd 0", "mV", -60.0, "epochs", (ONSET, RAMP_B), False)


def of_ramp(folder: Path, low_pA: float, high_pA: float) -> tuple[float, float, str]:
    """Measure a ramp of 180 nS behind an amplifier that saturates; return its interval and what is left out."""
    command = np.array([levels(sweep, np.arange(2600)) for sweep in segments(RAMP, 3, 2600)])
    current = np.clip(40 * open_pore(command), low_pA, high_pA) + np.random.default_rng(3).normal(0, 3.0, command.shape)
    channel = OutputChannel("IN 0", "pA", 0, 50_000.0)
    path = folder / "ramp.abf"
    write_abf(path, "2.6", EpisodicRecording(current[:, None], [channel], [RAMP], RATE_HZ, 1.0))
    found = measure(str(path), {"epoch": "B"}, PatchProperties(0.0, 0.0, 22.0))
    assert found["verdict"] == "reversal", found["reason"]
    source = open_source(read(path), settings.default_measure(), ())
    parts = epoch_parts(source.command, "B", source.sweeps)
    return found["low_mV"], found["high_mV"], saturation.kept(source, parts, ramp_windows(source, parts)).saturated


def test_a_ramp_is_measured_between_the_limits_of_its_amplifier(tmp_path: Path) -> None:
    free = of_ramp(tmp_path, -1e5, 1e5)
    low_mV, high_mV, left_out = of_ramp(tmp_path, -2500.0, 2200.0)
    assert low_mV <= 7.0 <= high_mV
    assert high_mV - low_mV < 4 * (free[1] - free[0])
    assert free[2] == ""
    assert "at -2500 pA between -96 and -10 mV" in left_out
    assert "at 2200 pA between 21 and 56 mV" in left_out


@pytest.mark.parametrize("width_mV", [5.0, 8.0])
@pytest.mark.parametrize("baseline_pA", [0.0, 30.0])
def test_the_plateau_of_a_rectifier_is_no_limit(tmp_path: Path, width_mV: float, baseline_pA: float) -> None:
    def inward(v: np.ndarray) -> np.ndarray:
        return 40 * (v + 55) / (1 + np.exp((v + 50) / width_mV))

    for current in (inward, lambda v: 40 * np.minimum(v + 55, 0)):
        assert saturated(tmp_path, at_levels(current) + baseline_pA + NOISE) == ""
