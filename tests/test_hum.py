"""Hum: it is found in whole sweeps, it is in the interval, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from steps import EPOCH_B, LEVELS, T_S, at_levels, measured, open_pore, written

from nernstfit.abf import hum
from nernstfit.abf.read import read
from nernstfit.abf.records import Line
from nernstfit.abf.windows import open_source
from nernstfit.contract import settings, tables

SOUND = at_levels(open_pore)


def sinusoid(frequency_Hz: float, amplitude_pA: float, phase: float | np.ndarray) -> np.ndarray:
    return amplitude_pA * np.sin(2 * np.pi * frequency_Hz * T_S + phase)


def lines(folder: Path, current_pA: np.ndarray) -> tuple[Line, ...]:
    return hum.lines(open_source(read(written(folder, current_pA)), settings.default_measure(), ()))


def covers(found: Mapping[str, Any]) -> bool:
    return bool(found["low_mV"] <= 7.0 <= found["high_mV"])


@pytest.mark.parametrize("frequency_Hz", [50.0, 60.0, 100.0, 37.0])
@pytest.mark.parametrize("amplitude_pA", [3.0, 40.0])
@pytest.mark.parametrize("locked", [True, False])
def test_a_line_has_its_frequency_and_amplitude(
    tmp_path: Path, frequency_Hz: float, amplitude_pA: float, locked: bool
) -> None:
    phase = 1.0 if locked else np.random.default_rng(2).uniform(0, 2 * np.pi, (17, 1))
    found = lines(tmp_path, SOUND + sinusoid(frequency_Hz, amplitude_pA, phase))[0]
    assert found.frequency_Hz == pytest.approx(frequency_Hz, abs=1.0)
    assert found.amplitude_pA == pytest.approx(amplitude_pA, rel=0.1)
    assert (found.locked_pA > found.own_pA) == locked


@pytest.mark.parametrize("phase", np.arange(0, 2 * np.pi, np.pi / 4).tolist())
def test_hum_that_is_locked_to_the_sweeps_is_in_the_interval(tmp_path: Path, phase: float) -> None:
    found = measured(tmp_path, SOUND + sinusoid(50.0, 40.0, phase))
    assert found["verdict"] == "reversal"
    assert covers(found)
    assert found["high_mV"] - found["low_mV"] < 4.0
    assert tables.flags(found["flags"])["hum"] == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_hum_of_any_phase_is_in_the_error_of_each_level(tmp_path: Path, seed: int) -> None:
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (17, 1))
    found = measured(tmp_path, SOUND + sinusoid(50.0, 40.0, phase))
    assert found["verdict"] == "reversal"
    assert covers(found)


def test_a_window_of_whole_periods_keeps_nothing_of_a_hum(tmp_path: Path) -> None:
    current = SOUND + sinusoid(50.0, 40.0, 1.0)
    part, whole = (measured(tmp_path, current, from_ms=start, to_ms="95") for start in ("60", "55"))
    assert tables.flags(part["flags"])["hum"] == pytest.approx(50, abs=0.5)
    assert "hum" not in tables.flags(whole["flags"])
    assert whole["se_mV"] < 0.2 * part["se_mV"]
    assert covers(whole)


def test_a_sound_recording_has_no_hum(tmp_path: Path) -> None:
    assert lines(tmp_path, SOUND) == ()


def test_a_current_that_activates_or_decays_is_no_hum(tmp_path: Path) -> None:
    time_ms = np.arange(EPOCH_B.stop - EPOCH_B.start) / 5.0
    decaying = SOUND.copy()
    decaying[:, EPOCH_B] += (LEVELS[:, None] - 40) * np.exp(-time_ms / 15.0)
    ringing = SOUND.copy()
    ringing[:, EPOCH_B] += 30 * np.sin(2 * np.pi * 60 * time_ms / 1e3) * np.exp(-time_ms / 20.0)
    assert lines(tmp_path, decaying) == ()
    assert lines(tmp_path, ringing) == ()


@pytest.mark.parametrize("seed", range(4))
def test_the_response_to_an_agonist_is_no_hum(tmp_path: Path, seed: int) -> None:
    """It comes at the same time of every sweep, as hum does where the mains trigger them."""
    random = np.random.default_rng(seed)
    time_ms, rise_ms, fall_ms = (EPOCH_B.stop - EPOCH_B.start) / 5.0, random.uniform(2, 8), random.uniform(15, 150)
    after_ms = np.maximum(0.0, np.linspace(0.0, time_ms, EPOCH_B.stop - EPOCH_B.start) - 15.0)
    evoked = SOUND.copy()
    evoked[:, EPOCH_B] += (LEVELS[:, None] + 30) * 8 * (1 - np.exp(-after_ms / rise_ms)) * np.exp(-after_ms / fall_ms)
    assert lines(tmp_path, evoked) == ()


def test_the_reason_of_a_refusal_names_the_hum(tmp_path: Path) -> None:
    found = measured(tmp_path, SOUND + sinusoid(50.0, 400.0, 1.0), max_interval_mV="5")
    assert found["verdict"] == "ambiguous"
    assert "hums at 50" in found["reason"]
    assert "whole periods by from_ms and to_ms" in found["reason"]
