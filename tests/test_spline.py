"""Smoothing spline through an I-V curve: what it follows exactly, its derivatives, and that its error is true."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import linalg, stats

from nernstfit.reversal import spline

LEVELS = np.arange(-100.0, 101.0, 10.0)


def ghk(v: np.ndarray, e: float) -> np.ndarray:
    """A GHK current of one cation in pA, 10 nS at large voltages; zero at e."""
    u = np.where(np.abs(v) < 1e-9, 1e-9, v) / 25.4
    return 10 * 25.4 * u * (1 - np.exp(-(v - e) / 25.4)) / (1 - np.exp(-u))


@pytest.mark.parametrize("count", [2, 3, 4, 6, 21])
def test_a_straight_line_is_followed_exactly(count: int) -> None:
    v = np.linspace(-80, 60, count)
    curve = spline.fit(v, 3.0 * (v + 17.0), np.full(count, 0.5))
    at = np.linspace(-90, 70, 33)
    assert curve.at(at) == pytest.approx(3.0 * (at + 17.0), abs=1e-6)
    assert curve.slope(-17.0) == pytest.approx(3.0, abs=1e-8)
    assert curve.zero(-80, 60) == pytest.approx(-17.0, abs=1e-8)


def test_a_parabola_through_many_levels_is_followed_exactly() -> None:
    curve = spline.fit(LEVELS, 0.02 * (LEVELS + 60) * (LEVELS + 170), np.full(21, 0.1))
    assert curve.zero(-100, 0) == pytest.approx(-60.0, abs=1e-6)


@pytest.mark.parametrize("count", [4, 21])
def test_the_slope_is_the_derivative_of_the_curve(count: int) -> None:
    v = np.linspace(-100, 100, count)
    curve = spline.fit(v, ghk(v, -30.0), np.full(count, 0.2))
    for at in (-95.0, -33.3, 0.0, 12.5, 97.0):
        low, high = curve.at(np.array([at - 1e-3, at + 1e-3]))
        assert curve.slope(at) == pytest.approx((high - low) / 2e-3, rel=1e-6)


def test_there_is_no_zero_where_the_signs_agree() -> None:
    curve = spline.fit(LEVELS, LEVELS + 130, np.ones(21))
    assert math.isnan(curve.zero(-100, 100))


def test_each_variance_of_the_deviation_gives_the_best_prediction_of_its_process() -> None:
    """Against kriging written out: generalised least squares for the trend, the deviation given the residuals."""
    rng = np.random.default_rng(4)
    se = rng.uniform(0.5, 2.0, 21)
    y = ghk(LEVELS, -20.0) + se * rng.standard_normal(21)
    curve = spline.fit(LEVELS, y, se)
    x, at = (LEVELS + 100) / 200, np.array([0.43])
    expected = []
    for variance in curve.variances:
        covariance = variance * kernel(x, x) + np.diag(se**2)
        trend = np.vander(x, 3, increasing=True)
        inverse = linalg.inv(covariance)
        beta = linalg.solve(trend.T @ inverse @ trend, trend.T @ inverse @ y)
        deviation = variance * kernel(at, x) @ inverse @ (y - trend @ beta)
        expected.append(float((np.vander(at, 3, increasing=True) @ beta + deviation)[0]))
    found = float(curve.at(at * 200 - 100)[0])
    assert curve.posterior.sum() == pytest.approx(1.0)
    assert found == pytest.approx(float(curve.posterior @ expected), rel=1e-6)


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Covariance of a Wiener process integrated twice, by quadrature of its definition."""
    u, w = np.polynomial.legendre.leggauss(60)
    found = np.zeros((len(a), len(b)))
    for i, s in enumerate(a):
        for j, t in enumerate(b):
            top = min(s, t)
            grid = top * (u + 1) / 2
            found[i, j] = top / 2 * np.sum(w * (s - grid) ** 2 * (t - grid) ** 2 / 4)
    return found


def test_the_influence_of_a_level_is_what_moving_it_does() -> None:
    y, se = ghk(LEVELS, -20.0), np.full(21, 2.0)
    curve = spline.fit(LEVELS, y, se)
    at = np.array([-21.0, 35.0])
    influence, between = curve.error(at)
    assert influence.shape == (2, 21)
    assert (between >= 0).all()
    # The posterior moves too when a level is moved; over a small step it does so little.
    for level in (3, 8, 11):
        moved = y.copy()
        moved[level] += 1e-4
        change = (spline.fit(LEVELS, moved, se).at(at) - curve.at(at)) / 1e-4
        assert influence[:, level] == pytest.approx(change, abs=0.03)


@pytest.mark.parametrize("se", [0.3, 3.0])
@pytest.mark.parametrize("spacing", [5.0, 10.0, 20.0])
def test_the_error_of_the_zero_is_true(se: float, spacing: float) -> None:
    rng, draws, held = np.random.default_rng(int(10 * se + spacing)), 500, 0
    levels = np.arange(-100.0, 101.0, spacing)
    for _ in range(draws):
        e = rng.uniform(-50, 40)
        curve = spline.fit(levels, ghk(levels, e) + se * rng.standard_normal(len(levels)), np.full(len(levels), se))
        zero = curve.zero(-90, 90)
        influence, between = curve.error(np.array([zero]))
        sd = math.sqrt(float(np.sum((influence[0] * se) ** 2)) + between[0]) / curve.slope(zero)
        held += abs(zero - e) < 1.96 * sd
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, [0.93, 0.985])
    assert low <= held <= high


@pytest.mark.parametrize("function", [lambda v: 5 * (v + 10), lambda v: ghk(v, -30)])
def test_the_unit_of_the_current_does_not_matter(function: Callable[[np.ndarray], np.ndarray]) -> None:
    rng = np.random.default_rng(8)
    y = function(LEVELS) + rng.standard_normal(21)
    one, other = spline.fit(LEVELS, y, np.ones(21)), spline.fit(LEVELS, 1e3 * y, np.full(21, 1e3))
    assert other.zero(-90, 90) == pytest.approx(one.zero(-90, 90), abs=1e-6)
