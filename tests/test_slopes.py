"""Reversal potential against the logarithm of an activity, within cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nernstfit.permeability.inference.nernst_slopes import within_cells

DECADE_22 = 8.31446261815324 * 295.15 / 96485.3321233100184 * 1e3 * math.log(10)


def test_nernsts_slope_at_22_degrees_is_58_56_mV() -> None:
    assert pytest.approx(58.56, abs=0.01) == DECADE_22


@pytest.mark.parametrize("valence", [1, -1, 2])
def test_exact_nernst_data_give_nernsts_slope(valence: int) -> None:
    activity = np.tile([2.5, 10.0, 40.0, 150.0], 3)
    cells = [f"c{i}" for i in range(3) for _ in range(4)]
    offset = np.repeat([0.0, -13.0, 22.0], 4)
    found = within_cells(cells, activity, DECADE_22 / valence * np.log10(activity / 130) + offset, 0.95)
    assert found.n == 12
    assert found.slope == pytest.approx(DECADE_22 / valence, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((found.slope, found.slope), rel=1e-9)


def test_one_cell_is_an_ordinary_regression() -> None:
    rng = np.random.default_rng(1)
    activity = rng.uniform(1, 150, 9)
    potential = 40 * np.log10(activity) + rng.standard_normal(9)
    line = stats.linregress(np.log10(activity), potential)
    half = stats.t.ppf(0.95, 7) * line.stderr
    found = within_cells(["c"] * 9, activity, potential, 0.9)
    assert found.slope == pytest.approx(line.slope)
    assert (found.low, found.high) == pytest.approx((line.slope - half, line.slope + half))


def test_cells_with_baths_of_their_own_are_compared_within_themselves() -> None:
    # Between the cells the slope would be the other way round.
    cells, activity = ["a", "a", "b", "b"], np.array([1.0, 10.0, 10.0, 100.0])
    found = within_cells(cells, activity, np.array([0.0, 50.0, -500.0, -450.0]), 0.95)
    assert found.slope == pytest.approx(50.0)


def test_measurements_without_the_ion_are_left_out() -> None:
    activity = np.array([1.0, 10.0, 0.0, 100.0])
    found = within_cells(["c"] * 4, activity, np.array([0.0, 58.0, 999.0, 116.0]), 0.95)
    assert (found.n, found.slope) == (3, pytest.approx(58.0))


@pytest.mark.parametrize(
    ("cells", "activity", "n"),
    [
        (["a", "b", "c"], [1.0, 10.0, 100.0], 3),
        (["a", "a", "a"], [10.0, 10.0, 10.0], 3),
        (["a", "a"], [0.0, 0.0], 0),
        (["a"], [10.0], 1),
    ],
)
def test_without_two_activities_in_one_cell_there_is_no_slope(cells: list[str], activity: list[float], n: int) -> None:
    found = within_cells(cells, np.array(activity), np.linspace(0, 50, len(cells)), 0.95)
    assert found.n == n
    assert np.isnan([found.slope, found.low, found.high]).all()


def test_two_points_of_one_cell_have_a_slope_without_an_interval() -> None:
    found = within_cells(["a", "a"], np.array([1.0, 10.0]), np.array([3.0, 60.0]), 0.95)
    assert found.slope == pytest.approx(57.0)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_holds_the_truth_as_often_as_it_says(confidence: float) -> None:
    rng, draws, inside = np.random.default_rng(9), 1000, 0
    cells = [f"c{i}" for i in range(4) for _ in range(3)]
    activity = np.tile([5.0, 50.0, 140.0], 4)
    for _ in range(draws):
        offset = np.repeat(10 * rng.standard_normal(4), 3)
        potential = 51.0 * np.log10(activity) + offset + 2.0 * rng.standard_normal(12)
        found = within_cells(cells, activity, potential, confidence)
        inside += found.low <= 51.0 <= found.high
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, confidence)
    assert low <= inside <= high


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_measurements_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = np.array([f"c{i}" for i in range(4) for _ in range(3)])
    activity, potential = rng.uniform(1, 100, 12), rng.normal(0, 30, 12)
    order = rng.permutation(12)
    one = within_cells(cells.tolist(), activity, potential, 0.95)
    other = within_cells(cells[order].tolist(), activity[order], potential[order], 0.95)
    assert (other.slope, other.low, other.high) == pytest.approx((one.slope, one.low, one.high), rel=1e-12)
