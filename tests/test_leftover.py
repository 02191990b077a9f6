"""What is left of a capacitive transient at the peak of a current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nernstfit
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, START, LENGTH, POINTS = 50_000.0, 300, 500, 1100
HOLDING, E_NA = -120.0, 45.0
LEVELS = np.arange(-60.0, 81.0, 10.0)


def sodium(
    folder: Path, tau_ms: float, capacity_pF: float = 20.0, tail_nS: float = 0.0, cancelled: float = 0.0
) -> Path:
    """Write a sodium current on a transient of one time constant, and a tail at the end of the steps."""
    first, per_ms = POINTS // 64 + START, RATE_HZ / 1e3
    t_ms, level = np.arange(LENGTH) / per_ms, LEVELS[:, None]
    opened = 1 / (1 + np.exp(-(level + 30) / 7)) * (1 - np.exp(-t_ms / (0.25 * np.exp(-(level + 30) / 60)))) ** 3
    current = np.random.default_rng(1).normal(0.0, 8.0, (len(LEVELS), POINTS))
    current[:, first : first + LENGTH] += (
        60 * opened * np.exp(-t_ms / (0.5 + 3 / (1 + np.exp((level + 20) / 10)))) * (level - E_NA)
    )
    after = np.arange(POINTS - first - LENGTH) / per_ms
    left = tail_nS / (1 + np.exp(-(level + 30) / 7)) * np.exp(-after / 2.0)
    current[:, first + LENGTH :] += left * (HOLDING + 85)
    for start, sign in ((first, 1), (first + LENGTH, -1)):
        decay = capacity_pF / tau_ms * np.exp(-np.arange(POINTS - start) / per_ms / tau_ms)
        current[:, start:] += (1 - cancelled) * sign * decay * (level - HOLDING)
    waveform = Waveform(
        0,
        "Cmd 0",
        "mV",
        HOLDING,
        "epochs",
        (Epoch("A", "step", HOLDING, 0.0, START, 0), Epoch("B", "step", -60.0, 10.0, LENGTH, 0)),
        False,
        None,
    )
    channels = [OutputChannel("Im", "pA", 0, 60_000.0, None, "voltage")]
    path = folder / "peak.abf"
    write_abf(path, "2.6", EpisodicRecording(current[:, None], channels, [waveform], RATE_HZ, 1.0))
    return path


def measured(path: Path, **keys: Any) -> Mapping[str, Any]:
    return nernstfit.measure(path, statistic="peak", epoch="B", **keys).values


@pytest.mark.parametrize("tau_ms", [0.05, 0.1, 0.15, 0.2, 0.3])
@pytest.mark.parametrize("series", [None, 0.5])
def test_a_transient_at_the_peak_moves_no_zero_without_saying_so(
    tmp_path: Path, tau_ms: float, series: float | None
) -> None:
    keys = {} if series is None else {"series_resistance_MOhm": series}
    row = measured(sodium(tmp_path, tau_ms), **keys)
    if tau_ms < 0.3 or series is not None:
        assert row["low_mV"] <= E_NA <= row["high_mV"]
        assert ("transient_removed" in row["flags"]) == (tau_ms > 0.05)
    else:
        assert row["verdict"] == "ambiguous"
        assert "transient" in row["reason"]
        assert "from_ms" in row["reason"]


@pytest.mark.parametrize("series", [None, 0.5])
def test_a_tail_after_the_step_is_no_mirror_of_a_transient(tmp_path: Path, series: float | None) -> None:
    keys = {} if series is None else {"series_resistance_MOhm": series}
    for cancelled in (0.0, 0.98, 1.0):
        row = measured(sodium(tmp_path, 0.1, tail_nS=20.0, cancelled=cancelled), **keys)
        is_wide = row["verdict"] == "ambiguous" and "transient" in row["reason"]
        assert is_wide or row["low_mV"] <= E_NA <= row["high_mV"], (cancelled, row)
        assert not (cancelled and is_wide)


def test_a_transient_that_a_straight_leak_contains_is_subtracted_with_it(tmp_path: Path) -> None:
    row = measured(sodium(tmp_path, 0.2), leak="linear")
    assert "transient" not in row["flags"]
    assert not math.isfinite(row["low_mV"]) or row["low_mV"] <= E_NA <= row["high_mV"]
