"""Standard errors of means over correlated samples, on processes with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nernstfit.abf import noise


def autoregressive(phi: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """x[t] = phi x[t-1] + e[t], stationary from the first sample, e of unit variance."""
    x = rng.standard_normal(shape)
    x[:, 0] /= math.sqrt(1 - phi**2)
    for t in range(1, shape[1]):
        x[:, t] += phi * x[:, t - 1]
    return x


def time_of(windows: list[np.ndarray]) -> float:
    return noise.autocorrelation_time(noise.autocorrelation([noise.detrended(window)[0] for window in windows]))


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.3, 0.6, 0.8, 0.9])
def test_the_autocorrelation_time_of_a_first_order_process(phi: float) -> None:
    rng = np.random.default_rng(1)
    windows = list(autoregressive(phi, (60, 4000), rng))
    closed_form = (1 + phi) / (1 - phi)
    # Anticorrelated samples are not credited with more information than independent ones.
    assert time_of(windows) == pytest.approx(max(1.0, closed_form), rel=0.06)


def test_the_time_of_white_noise_is_one_sample() -> None:
    windows = list(np.random.default_rng(2).standard_normal((20, 500)))
    assert time_of(windows) == pytest.approx(1.0, abs=0.1)


def test_windows_of_unequal_length_are_pooled() -> None:
    rng = np.random.default_rng(3)
    windows = [autoregressive(0.8, (1, n), rng)[0] for n in rng.integers(200, 3000, 60)]
    assert time_of(windows) == pytest.approx(9.0, rel=0.12)


@pytest.mark.parametrize("size", [1.0, 1e-12, 1e9])
def test_the_time_does_not_depend_on_the_unit(size: float) -> None:
    windows = list(autoregressive(0.7, (10, 500), np.random.default_rng(4)))
    scaled = time_of([size * window for window in windows])
    assert scaled == pytest.approx(time_of(windows), rel=1e-9)


@pytest.mark.parametrize(
    ("samples", "rise"),
    [
        ([1.0, 2.0, 3.0, 4.0], 3.0),
        ([5.0, 5.0, 5.0], 0.0),
        ([4.0, 2.0, 0.0, -2.0, -4.0], -8.0),
        ([1.0, 3.0], 0.0),
        ([0.0, 1.0, 0.0], 0.0),
    ],
)
def test_a_straight_line_is_subtracted(samples: list[float], rise: float) -> None:
    residual, found = noise.detrended(np.array(samples))
    assert found == pytest.approx(rise, abs=1e-12)
    assert residual.sum() == pytest.approx(0.0, abs=1e-12)
    if len(samples) > 3:
        assert residual == pytest.approx(np.zeros(len(samples)), abs=1e-12)


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.8])
@pytest.mark.parametrize(("start", "stop", "length"), [(30, 205, 250), (4, 16, 250), (100, 900, 1000)])
def test_the_interval_of_a_mean_holds_the_truth_as_often_as_it_says(
    phi: float, start: int, stop: int, length: int
) -> None:
    """Over 64 draws of 12 windows, which share their autocorrelation time: the variance of the count is up to a quarter
    larger than that of 768 independent windows, as that of 600.
    """
    rng = np.random.default_rng(int(100 * phi) + stop)
    draws, windows, inside = 64, 12, 0
    for _ in range(draws):
        samples = autoregressive(phi, (windows, length), rng)
        flat = [[noise.detrended(s[a:b])[0] for s in samples] for a, b in ((start, stop), (0, length))]
        se = noise.standard_errors(*noise.summary(flat[0]), noise.Settled.of(flat[1]), 0.0)
        inside += int((np.abs(samples[:, start:stop].mean(axis=1)) < 1.96 * se).sum())
    low, high = stats.binom.ppf([0.0005, 0.9995], draws * windows, 0.95)
    assert low <= inside <= high


def test_the_errors_of_quiet_and_loud_windows_differ() -> None:
    rng = np.random.default_rng(6)
    windows = [rng.standard_normal(500) for _ in range(10)] + [10 * rng.standard_normal(500)]
    se = noise.standard_errors(*noise.summary(windows), noise.Settled.of(windows), 0.0)
    assert se[-1] > 6 * se[:-1].max()
    assert se[-1] == pytest.approx(10 / math.sqrt(500), rel=0.25)


@pytest.mark.parametrize("resolution", [0.0, 0.25, 2.0])
def test_constant_samples_are_known_to_the_converters_resolution(resolution: float) -> None:
    settled = noise.Settled.of([np.zeros(200)] * 2)
    se = noise.standard_errors(np.array([100, 50]), np.zeros(2), settled, resolution)
    assert se == pytest.approx([resolution / math.sqrt(12)] * 2)
    assert settled.time == 1.0


def test_noise_of_several_steps_is_not_made_larger_by_the_resolution() -> None:
    windows = list(np.random.default_rng(7).standard_normal((10, 400)))
    lengths, squares, settled = *noise.summary(windows), noise.Settled.of(windows)
    np.testing.assert_array_equal(*(noise.standard_errors(lengths, squares, settled, each) for each in (0.2, 0.0)))


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_windows_of_a_few_samples_have_a_finite_error(length: int) -> None:
    windows = [noise.detrended(w)[0] for w in np.random.default_rng(8).standard_normal((5, length))]
    settled = noise.Settled.of(windows)
    se = noise.standard_errors(*noise.summary(windows), settled, 0.1)
    assert np.isfinite(se).all()
    assert (se > 0).all()
    assert settled.time >= 1.0
