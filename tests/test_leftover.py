"""What is left of a capacitive transient at the peak of a current."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nernstfit
from nernstfit.abf import peak
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.contract.settings import default_measure, measure_for
from nernstfit.contract.terms import Configuration
from nernstfit.reversal import transient
from nernstfit.reversal.curve import average
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, START, LENGTH, POINTS = 50_000.0, 300, 500, 1100
HOLDING, E_NA = -120.0, 45.0
LEVELS = np.arange(-60.0, 81.0, 10.0)


def sodium(
    folder: Path,
    tau_ms: float,
    capacity_pF: float = 20.0,
    tail_nS: float = 0.0,
    cancelled: float = 0.0,
    slow_pF: float = 0.0,
) -> Path:
    """Write a sodium current on a transient, with a slow part of 0.4 ms, and a tail at the end of the steps."""
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
        since_ms = np.arange(POINTS - start) / per_ms
        decay = capacity_pF / tau_ms * np.exp(-since_ms / tau_ms) + slow_pF / 0.4 * np.exp(-since_ms / 0.4)
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


@pytest.mark.parametrize("series", [None, 4.0])
def test_a_series_resistance_is_asked_for_only_where_it_is_not_given(series: float | None) -> None:
    how = Procedure(measure_for(default_measure(), {}), 22.0, Configuration.WHOLE_CELL, series, None)
    assert ("series_resistance_MOhm" in transient.cause(how)) == (series is None)


@pytest.mark.parametrize("slow_pF", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("series", [None, 0.5])
def test_a_transient_that_goes_on_slower_than_it_starts_is_that_of_the_mirror(
    tmp_path: Path, slow_pF: float, series: float | None
) -> None:
    keys = {} if series is None else {"series_resistance_MOhm": series}
    row = measured(sodium(tmp_path, 0.03, capacity_pF=5.0, slow_pF=slow_pF), **keys)
    assert row["low_mV"] <= E_NA <= row["high_mV"]
    assert "transient_removed" in row["flags"]


def test_a_transient_that_a_straight_leak_contains_is_subtracted_with_it(tmp_path: Path) -> None:
    row = measured(sodium(tmp_path, 0.2), leak="linear")
    assert "transient" not in row["flags"]
    assert not math.isfinite(row["low_mV"]) or row["low_mV"] <= E_NA <= row["high_mV"]


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_open_channels_leave_less_of_a_transient_than_closed_ones(part: float) -> None:
    """Channels of 12 nS behind 8 MOhm, open for part of the three time constants before the peak."""
    slope_nS, series_MOhm, times, transient_nS = 12.0, 8.0, 3.0, 0.2
    level = np.arange(-60.0, 81.0, 10.0)
    kept = math.exp(-part * times * slope_nS * series_MOhm * 1e-3)
    charging_pA = kept * transient_nS * (level - HOLDING)
    total_pA = (slope_nS * (level - E_NA) + charging_pA) / (1 + slope_nS * series_MOhm * 1e-3)
    given = average(level, total_pA, np.full_like(level, 1.0), series_MOhm)
    closed = given.minus(transient_nS * (level - HOLDING), given.shared_pA[:, :0])
    facts = Facts(**dict.fromkeys((each.name for each in dataclasses.fields(Facts)), math.nan))
    facts = dataclasses.replace(
        facts, transient_nS=transient_nS, transient_se_nS=0.0, transient_from_mV=HOLDING, transient_times=times
    )
    how = Procedure(measure_for(default_measure(), {}), 22.0, Configuration.WHOLE_CELL, series_MOhm, None)
    _, found = transient.find(closed, facts, how)
    error_mV = found.potential_mV - E_NA
    se_mV = transient.Transient.of(facts, how, found.potential_mV, found.slope_nS).se_mV
    assert abs(error_mV) < 1.96 * se_mV
    assert abs(error_mV) < (0.05 if part == 0.5 else 0.5)


@pytest.mark.parametrize("rest", ["rises", "changes sign"])
def test_waves_of_a_transient_that_a_filter_rounds_are_no_peak(rest: str) -> None:
    """Sodium current of 10 nS beside a transient that rises at first, or whose cancellation comes 60 us late."""
    rate_Hz = 50_000.0
    t_ms, level = np.arange(750) * 1e3 / rate_Hz, LEVELS[:, None]
    opened = (1 - np.exp(-t_ms / 0.3)) ** 3 * np.exp(-t_ms / 1.5) / (1 + np.exp(-(level + 30) / 7))
    sodium_pA, steps_mV = 10.0 * opened * (level - E_NA), LEVELS - HOLDING
    late_ms = np.maximum(t_ms - 0.06, 0.0)
    waves = {
        "rises": np.exp(-t_ms / 0.25) - np.exp(-t_ms / 0.08),
        "changes sign": np.exp(-t_ms / 0.08)
        - 2.0 * (t_ms > 0.06) * (1 - np.exp(-late_ms / 0.05)) * np.exp(-late_ms / 0.1),
    }
    current_pA = sodium_pA + np.random.default_rng(3).normal(0.0, 8.0, sodium_pA.shape)
    current_pA += 30.0 * waves[rest] * steps_mV[:, None]
    found = peak.place(current_pA, steps_mV, rate_Hz, skip_transient=True)
    assert np.abs(30.0 * waves[rest] * steps_mV.max()).max() > 5 * np.abs(sodium_pA).max()
    largest_pA = np.abs(sodium_pA).max(axis=0)
    assert largest_pA[found] > 0.5 * largest_pA.max()


@pytest.mark.parametrize("offset_pA", [0.0, -300.0])
def test_a_peak_that_never_rises_above_the_falling_transient_is_found(offset_pA: float) -> None:
    """Sodium current of 10 nS, largest at 1.1 ms, and 20 nA of a transient of 0.3 ms at the largest step."""
    rate_Hz = 50_000.0
    t_ms, level = np.arange(750) * 1e3 / rate_Hz, LEVELS[:, None]
    opened = (1 - np.exp(-t_ms / 0.4)) ** 3 * np.exp(-t_ms / 1.5) / (1 + np.exp(-(level + 30) / 7))
    sodium_pA = 10.0 * opened * (level - E_NA)
    steps_mV = LEVELS - HOLDING
    noise_pA = np.random.default_rng(3).normal(0.0, 8.0, sodium_pA.shape) + offset_pA
    transient_pA = 0.1 * 1e3 * np.exp(-t_ms / 0.3) * steps_mV[:, None]
    assert np.abs(transient_pA).max() > 20 * np.abs(sodium_pA).max()
    found = peak.place(sodium_pA + transient_pA + noise_pA, steps_mV, rate_Hz, skip_transient=True)
    largest_pA = np.abs(sodium_pA).max(axis=0)
    assert largest_pA[found] > 0.5 * largest_pA.max()
    without = peak.place(transient_pA + noise_pA, steps_mV, rate_Hz, skip_transient=True)
    assert without == peak.place(transient_pA + noise_pA, np.full_like(steps_mV, np.nan), rate_Hz, skip_transient=True)
