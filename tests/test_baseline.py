"""Posterior of a baseline that wanders, from simulated currents of a pore of 10 nS at 17 levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from steps import LEVELS, THERMAL_MV, open_pore

from nernstfit.reversal.baseline import Baseline, Series, correlations
from nernstfit.reversal.quantiles import Z_95

DRAWS, NOISE_PA, AT_HOLDING_PA = 30, 0.4, 1.2
SWEEP = np.arange(float(len(LEVELS)))
MIDDLE = np.where(np.abs(SWEEP - SWEEP.mean()) < 3, 0.2, 0.0)  # of five levels the mean


def draw(rng: np.random.Generator, size_pA: float, sweeps: float, gain: float = 1.0) -> tuple[Baseline, float]:
    """Return the posterior of a drawn baseline, larger by a gain at the holding level, and its mean at the middle."""
    root = np.linalg.cholesky(correlations(SWEEP, np.array([sweeps]))[0])
    baseline = size_pA * root @ rng.standard_normal(len(SWEEP))
    noise, at_holding = rng.normal(0, [[NOISE_PA], [AT_HOLDING_PA]], (2, len(SWEEP)))
    steps = Series.of_steps(
        SWEEP, open_pore(LEVELS) + baseline + noise, np.full(len(SWEEP), NOISE_PA), LEVELS / THERMAL_MV
    )
    holding = Series.at_holding(
        SWEEP, -60.0 + gain * baseline + at_holding, np.full(len(SWEEP), AT_HOLDING_PA), drifts=False
    )
    return Baseline.of(steps, holding), float(MIDDLE @ (baseline + noise))


def added_pA(found: Baseline) -> float:
    """Return the standard error of the mean of the middle levels by the baseline."""
    of_times = np.einsum("i,tij,j->t", MIDDLE, correlations(SWEEP, found.sweeps), MIDDLE)
    return found.added_se(NOISE_PA * float(np.linalg.norm(MIDDLE)), of_times)


@pytest.mark.parametrize(("size_pA", "sweeps"), [(3.0, 0.3), (5.0, 2.5), (10.0, 8.0)])
def test_an_interval_with_the_baseline_holds_the_truth(size_pA: float, sweeps: float) -> None:
    rng, held, named = np.random.default_rng(1), 0, 0
    for _ in range(DRAWS):
        found, error_pA = draw(rng, size_pA, sweeps)
        held += abs(error_pA) <= Z_95 * math.hypot(NOISE_PA * float(np.linalg.norm(MIDDLE)), added_pA(found))
        named += found.wanders > 0.5
    assert held >= 0.85 * DRAWS
    assert named >= 0.9 * DRAWS


def test_noise_alone_is_no_baseline() -> None:
    rng = np.random.default_rng(2)
    found = [draw(rng, 0.0, 1.0)[0] for _ in range(DRAWS)]
    assert sum(each.wanders > 0.5 for each in found) <= 1
    assert np.median([added_pA(each) for each in found]) < 0.5 * NOISE_PA * float(np.linalg.norm(MIDDLE))


def test_scatter_at_the_holding_level_alone_adds_little() -> None:
    rng = np.random.default_rng(3)
    added = []
    for _ in range(DRAWS):
        found, _ = draw(rng, 0.1, 0.3, gain=100.0)
        added.append(added_pA(found))
    assert np.median(added) < NOISE_PA


@pytest.mark.parametrize("at", [0, 8, 16])
def test_one_artefact_is_no_baseline(at: int) -> None:
    current, holding = open_pore(LEVELS), np.full(len(SWEEP), -60.0)
    rng = np.random.default_rng(4)
    current, holding = current + rng.normal(0, 0.4, len(SWEEP)), holding + rng.normal(0, 1.2, len(SWEEP))
    current[at] += 2000.0
    holding[at] += 2000.0
    steps = Series.of_steps(SWEEP, current, np.full(len(SWEEP), 0.4), LEVELS / THERMAL_MV)
    found = Baseline.of(steps, Series.at_holding(SWEEP, holding, np.full(len(SWEEP), 1.2), drifts=False))
    assert found.wanders < 0.5
