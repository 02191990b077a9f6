"""How well the mean of correlated samples is known.

Patch-clamp current is filtered: neighbouring samples say nearly the same, and the standard
error of a mean over n of them is larger than sd / sqrt(n). How much larger is read off the
autocorrelation of a longer *stretch* of the same sweep, in which the current is settled: the
few samples of a window cannot tell it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WINDOW_FACTOR = 4.0
_PRIOR_SAMPLES = 10.0
_MOST_BIAS = 0.6
_TELLING = 5.0


def detrended(samples: FloatArray) -> tuple[FloatArray, float]:
    """Return samples minus their straight line, and the line's rise over the window.

    Parameters
    ----------
    samples : ndarray, shape (n,)

    Returns
    -------
    residual : ndarray, shape (n,)
    rise : float
        Value of the line at the last sample minus that at the first, in the samples' unit.
    """
    n = len(samples)
    if n < 3:
        return samples - samples.mean(), 0.0
    x = np.arange(n) - (n - 1) / 2
    slope = float(x @ samples / (x @ x))
    return samples - samples.mean() - slope * x, slope * (n - 1)


def autocorrelation(stretches: Sequence[FloatArray]) -> FloatArray:
    """Autocorrelation pooled over stretches of the same process.

    Parameters
    ----------
    stretches : sequence of ndarray, each of shape (n_i,)
        Samples without their straight line.

    Returns
    -------
    ndarray, shape (lags,)
        From lag 0 (1) to the first lag beyond 4 times the autocorrelation time; what follows is
        noise (Sokal 1997, Monte Carlo methods in statistical mechanics, section 3).

    Notes
    -----
    Taking off a mean and a slope lowers every autocovariance by about 2 S / n, S being the sum of
    the true ones over all lags. S follows from the lowered ones themselves and is put back.
    """
    longest = max(len(stretch) for stretch in stretches)
    sums, counts = np.zeros(longest), np.zeros(longest)
    for stretch in stretches:
        n = len(stretch)
        size = 1 << (2 * n - 1).bit_length()
        sums[:n] += np.fft.irfft(np.abs(np.fft.rfft(stretch, size)) ** 2, size)[:n]
        counts[:n] += np.arange(n, 0, -1)
    if sums[0] <= 0:
        return np.ones(1)
    lowered = sums / counts
    lags = np.arange(longest)
    share = 2.0 * float(np.mean([1.0 / len(stretch) for stretch in stretches]))  # of S that is missing at every lag
    bias = np.minimum(share * (1 + 2 * lags), _MOST_BIAS)
    total = (2.0 * np.cumsum(lowered) - lowered[0]) / (1.0 - bias)
    times = total / (lowered[0] + share * total)
    beyond = (lags >= _WINDOW_FACTOR * times) | (share * (1 + 2 * lags) >= _MOST_BIAS)
    cut = int(np.argmax(beyond)) if beyond.any() else longest - 1
    restored = lowered[: cut + 1] + share * total[cut]
    return np.asarray(restored / restored[0])


def autocorrelation_time(correlation: FloatArray) -> float:
    """Integrated autocorrelation time, 1 + 2 sum rho(lag), in samples; at least 1."""
    return float(max(1.0, 2.0 * correlation.sum() - 1.0))


def standard_errors(
    windows: Sequence[FloatArray], stretches: Sequence[FloatArray], resolution: float
) -> tuple[FloatArray, float]:
    """Standard error of the mean of each window.

    Parameters
    ----------
    windows : sequence of ndarray, each of shape (n_i,)
        Samples that are averaged, one window per sweep, without their straight line.
    stretches : sequence of ndarray
        Longer stretches of settled current in the same sweeps, without their straight line.
    resolution : float
        One step of the converter, in the samples' unit.

    Returns
    -------
    se : ndarray, shape (len(windows),)
        In the samples' unit. The variance is the stretch's own, or the window's where that is larger, steadied by
        that of all sweeps with the weight of ten independent samples; the error is never less than
        the converter lets one know.
    time : float
        The autocorrelation time of the stretches, in samples.
    """
    correlation = autocorrelation(stretches)
    time = autocorrelation_time(correlation)
    variance = _variances(stretches, time)
    # A window that is short beside the autocorrelation time says nothing of its own variance.
    telling = np.array([len(window) > _TELLING * time for window in windows])
    variance = np.where(telling, np.maximum(variance, _variances(windows, time)), variance)
    factor = np.array([_mean_factor(correlation, len(window)) for window in windows])
    coarse = np.where(np.sqrt(variance) < resolution / 2.0, resolution**2 / 12.0, 0.0)
    return np.sqrt(variance * factor + coarse), time


def _mean_factor(correlation: FloatArray, n: int) -> float:
    """Variance of a mean of n samples over that of one: (1 + 2 sum (1 - lag/n) rho(lag)) / n, at least 1/n."""
    used = correlation[1:n]
    taper = 1.0 - np.arange(1, len(used) + 1) / n
    return max(1.0, 1.0 + 2.0 * float(taper @ used)) / n


def _variances(parts: Sequence[FloatArray], time: float) -> FloatArray:
    """Variance of one sample in each part, steadied by all of them; taking off the line cost 2 time / n of it."""
    counts = np.array([len(part) for part in parts], dtype=float)
    squares = np.array([part @ part for part in parts])
    freedom = np.maximum(counts - 2.0 * time, counts / 4.0)
    independent = counts / time
    pooled = squares.sum() / freedom.sum()
    return np.asarray((independent * squares / freedom + _PRIOR_SAMPLES * pooled) / (independent + _PRIOR_SAMPLES))
