"""How well the mean of correlated samples is known.

Patch-clamp current is filtered: neighbouring samples say nearly the same, and the standard
error of a mean over n of them is larger than sd / sqrt(n), by the square root of the
integrated autocorrelation time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WINDOW_FACTOR = 5.0
_PRIOR_SAMPLES = 10.0


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


def autocorrelation_time(windows: Sequence[FloatArray]) -> float:
    """Integrated autocorrelation time, pooled over windows of the same process.

    Parameters
    ----------
    windows : sequence of ndarray, each of shape (n_i,)
        Samples without their mean (and trend).

    Returns
    -------
    float
        In samples, at least 1: 1 + 2 sum rho(lag), the sum cut at the first lag beyond 5 times
        the time itself (Sokal 1997, Monte Carlo methods in statistical mechanics, section 3).
    """
    longest = max(len(window) for window in windows)
    covariance = np.zeros(longest)
    for window in windows:
        size = 1 << (2 * len(window) - 1).bit_length()
        spectrum = np.abs(np.fft.rfft(window, size)) ** 2
        covariance[: len(window)] += np.fft.irfft(spectrum, size)[: len(window)]
    if covariance[0] <= 0:
        return 1.0
    times = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    beyond = np.arange(longest) >= _WINDOW_FACTOR * times
    cut = int(np.argmax(beyond)) if beyond.any() else longest - 1
    return float(max(1.0, times[cut]))


def standard_errors(windows: Sequence[FloatArray], resolution: float) -> tuple[FloatArray, float]:
    """Standard error of the mean of each window.

    Parameters
    ----------
    windows : sequence of ndarray, each of shape (n_i,)
        Samples of sweeps of one recording, detrended.
    resolution : float
        One step of the converter, in the samples' unit.

    Returns
    -------
    se : ndarray, shape (len(windows),)
        In the samples' unit. Each window's own variance, steadied by that of all windows with
        the weight of ten independent samples; never less than the converter lets one know.
    time : float
        The autocorrelation time that was used, in samples.
    """
    time = autocorrelation_time(windows)
    counts = np.array([len(window) for window in windows], dtype=float)
    squares = np.array([window @ window for window in windows])
    freedom = np.maximum(counts - 2.0, 1.0)
    independent = counts / time
    pooled = squares.sum() / freedom.sum()
    variance = (independent * squares / freedom + _PRIOR_SAMPLES * pooled) / (independent + _PRIOR_SAMPLES)
    coarse = np.where(np.sqrt(variance) < resolution / 2.0, resolution**2 / 12.0, 0.0)
    return np.sqrt(variance / np.maximum(independent, 1.0) + coarse), time
