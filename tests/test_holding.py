"""A current at the holding level that changes over the sweeps of an I-V curve: it is in the interval, or refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from steps import EPOCH_B, HOLDING_MV, LEVELS, at_levels, measured, open_pore

from nernstfit.contract import tables
from nernstfit.reversal.curve import average
from nernstfit.reversal.drifting import Drifting
from nernstfit.reversal.holding import Holding, beside_mV

SOUND = at_levels(open_pore)
COMMAND = at_levels(lambda v: v)
SWEEPS = len(LEVELS)


@pytest.mark.parametrize("drift_pA", [-20.0, -10.0, 10.0, 20.0])
def test_a_drift_of_the_baseline_is_in_the_interval(tmp_path: Path, drift_pA: float) -> None:
    found = measured(tmp_path, SOUND + np.linspace(0, drift_pA, SWEEPS)[:, None])
    assert found["verdict"] == "reversal"
    assert found["low_mV"] <= 7.0 <= found["high_mV"]
    assert tables.flags(found["flags"])["holding_drift"] == pytest.approx(drift_pA / 4.5, rel=0.2)


@pytest.mark.parametrize("drift_pA", [-150.0, 40.0, 150.0])
def test_a_large_drift_of_the_baseline_is_ambiguous(tmp_path: Path, drift_pA: float) -> None:
    found = measured(tmp_path, SOUND + np.linspace(0, drift_pA, SWEEPS)[:, None])
    assert found["verdict"] == "ambiguous"
    assert "the current at the holding level drifts over the sweeps" in found["reason"]


@pytest.mark.parametrize("leak_nS", [2.0, 6.0])
def test_a_leak_that_grows_is_ambiguous(tmp_path: Path, leak_nS: float) -> None:
    current = at_levels(lambda v: open_pore(v, -30.0)) + np.linspace(0, leak_nS, SWEEPS)[:, None] * COMMAND
    assert measured(tmp_path, current)["verdict"] == "ambiguous"


def test_a_leak_that_grows_counts_more_far_from_where_it_reverses(tmp_path: Path) -> None:
    """At a holding level of -20 mV, 0.4 nS is 8 pA; at a zero of -70 mV it is 28 pA."""
    current = at_levels(lambda v: 5 * (v + 70)) + np.linspace(0, 0.4, SWEEPS)[:, None] * COMMAND
    found = measured(tmp_path, current)
    shift = tables.flags(found["flags"])["holding_drift"]
    assert abs(shift) > 1.5 * abs(0.4 * HOLDING_MV / 5.2)
    assert found["low_mV"] <= -70.0 <= found["high_mV"]


@pytest.mark.parametrize(
    ("factor", "leak_nS", "baseline_pA", "size"),
    [(0.6, 0.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.5), (1.0, 0.0, 30.0, math.inf), (0.3, 0.0, 30.0, 0.25)],
)
def test_what_drifts_is_told_by_its_course(factor: float, leak_nS: float, baseline_pA: float, size: float) -> None:
    """At the zero of -40 mV a leak that grows is half as large as at the holding level of -80 mV."""
    line, rng, se_pA = np.linspace(0, 1, SWEEPS), np.random.default_rng(2), 0.3

    def current_pA(v: np.ndarray) -> np.ndarray:
        own = open_pore(v, -40.0) * (1 + (factor - 1) * line)
        return np.asarray(own + (leak_nS * v + baseline_pA) * line + rng.normal(0, se_pA, SWEEPS))

    errors = np.full(SWEEPS, se_pA)
    holding = Holding(-80.0, np.arange(SWEEPS), current_pA(np.full(SWEEPS, -80.0)), errors)
    largest = Drifting(holding, LEVELS, current_pA(LEVELS), errors, 22.0).largest_at(-40.0)
    assert size <= largest <= size + 0.35


def test_a_current_that_runs_down_above_a_constant_holding_current_is_left_alone(tmp_path: Path) -> None:
    current = SOUND.copy()
    current[:, EPOCH_B] *= np.linspace(1, 0.4, SWEEPS)[:, None]
    found = measured(tmp_path, current)
    assert found["verdict"] == "reversal"
    assert not {"holding_drift", "holding_scatter"} & set(tables.flags(found["flags"]))


def test_a_sound_recording_and_one_artefact_have_no_flag(tmp_path: Path) -> None:
    artefact = SOUND.copy()
    artefact[3] += 60.0
    for current in (SOUND, artefact):
        assert not {"holding_drift", "holding_scatter"} & set(tables.flags(measured(tmp_path, current)["flags"]))


@pytest.mark.parametrize("seed", range(6))
def test_offsets_from_sweep_to_sweep_are_in_the_interval_or_refused(tmp_path: Path, seed: int) -> None:
    offset_pA = np.random.default_rng(seed).normal(0, 10.0, (SWEEPS, 1))
    found = measured(tmp_path, SOUND + offset_pA)
    if found["verdict"] == "reversal":
        assert found["low_mV"] <= 7.0 <= found["high_mV"]
        assert found["further_se_mV"] > 0.3
    else:
        assert found["verdict"] == "ambiguous"
        assert "wanders" in found["reason"]


def test_scatter_at_the_holding_level_that_the_steps_do_not_share_changes_nothing(tmp_path: Path) -> None:
    current = SOUND.copy()
    current[:, : EPOCH_B.start] += np.random.default_rng(1).normal(0, 20.0, (SWEEPS, 1))
    assert "holding_scatter" not in tables.flags(measured(tmp_path, current)["flags"])


@pytest.mark.parametrize(
    ("level_mV", "flows_pA", "shift_mV"),
    [
        (-80.0, 0.0, 0.0),  # all closed
        (-80.0, -20.0, 0.0),  # all open
        (-80.0, -26.0, 0.0),  # more of them, by slow gating
        (-80.0, -60.0, -7.5),  # more than all
        (-80.0, 20.0, 5.0),  # outward below the zero
        (-60.0, -12.0, -3.0),  # inward above the zero
        (-160.0, 900.0, 0.0),  # beyond the levels
    ],
)
def test_a_current_at_the_holding_level_that_the_channels_cannot_carry_is_told(
    level_mV: float, flows_pA: float, shift_mV: float
) -> None:
    """Channels of 4 nS whose zero is at -75 mV."""
    levels = np.arange(-120.0, 1.0, 10.0)
    iv = average(levels, 4.0 * (levels + 75.0), np.full(len(levels), 0.1))
    before = average(np.full(5, level_mV), np.full(5, flows_pA), np.full(5, 0.1))
    assert beside_mV(before, iv, 4.0) == pytest.approx(shift_mV, abs=1e-6)
    assert beside_mV(None, iv, 4.0) == 0.0
