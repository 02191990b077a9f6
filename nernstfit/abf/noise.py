"""How well the mean of correlated samples is known.

Patch-clamp current is filtered: neighbouring samples say nearly the same, and the standard
error of a mean over n of them is larger than sd / sqrt(n). How much larger is read off the
autocorrelation of a longer *stretch* of the same sweep, in which the current is settled: the
few samples of a window cannot tell it.

Samples come as blocks, arrays of shape (sweeps, samples) of sweeps whose windows are equally long.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WINDOW_FACTOR = 4.0
_PRIOR_SAMPLES = 10.0
_MAX_BIAS = 0.6
_TELLING = 5.0


@functools.lru_cache(maxsize=64)
def _trends(n: int, degree: int) -> FloatArray:
    """Orthonormal polynomials over n samples, shape (n, degree + 1)."""
    x = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1)
    return np.asarray(np.linalg.qr(np.vander(x, min(degree, n - 1) + 1, increasing=True))[0])


def detrended(samples: FloatArray, degree: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return samples without their polynomial trend, and what the trend rises over the window.

    Parameters
    ----------
    samples : ndarray, shape (..., n)
    degree : int
        Of the polynomial; with less than three samples the mean alone is taken off.

    Returns
    -------
    residual : ndarray, shape (..., n)
    rise : ndarray, shape (...)
        Trend at the last sample minus that at the first, in the samples' unit.
    """
    n = samples.shape[-1]
    trends = _trends(n, degree if n > 2 else 0)
    found = samples @ trends
    return samples - found @ trends.T, found @ (trends[-1] - trends[0])


def autocorrelation(stretches: Sequence[FloatArray], degree: int = 1) -> FloatArray:
    """Autocorrelation pooled over stretches of the same process.

    Parameters
    ----------
    stretches : sequence of ndarray, each of shape (sweeps, n_i) or (n_i,)
        Samples without their trend.
    degree : int
        Of the trend.

    Returns
    -------
    ndarray, shape (lags,)
        From lag 0 (1) to the first lag beyond 4 times the autocorrelation time; what follows is
        noise (Sokal 1997, Monte Carlo methods in statistical mechanics, section 3).

    Notes
    -----
    Taking off a trend of k coefficients lowers every autocovariance by about k S / n, S being the sum of
    the true ones over all lags. S follows from the lowered ones themselves and is put back.
    """
    blocks = [np.atleast_2d(stretch) for stretch in stretches]
    longest = max(block.shape[1] for block in blocks)
    sums, counts, lost, number = np.zeros(longest), np.zeros(longest), 0.0, 0
    for block in blocks:
        rows, n = block.shape
        size = _fast_size(2 * n - 1)
        spectrum = np.abs(np.fft.rfft(block, size)) ** 2
        sums[:n] += np.fft.irfft(spectrum.sum(axis=0), size)[:n]
        counts[:n] += rows * np.arange(n, 0, -1)
        lost, number = lost + rows / n, number + rows
    if sums[0] <= 0:
        return np.ones(1)
    lowered = sums / counts
    lags = np.arange(longest)
    share = (degree + 1) * lost / number  # of S that is missing at every lag
    bias = np.minimum(share * (1 + 2 * lags), _MAX_BIAS)
    total = (2.0 * np.cumsum(lowered) - lowered[0]) / (1.0 - bias)
    times = total / (lowered[0] + share * total)
    beyond = (lags >= _WINDOW_FACTOR * times) | (share * (1 + 2 * lags) >= _MAX_BIAS)
    cut = int(np.argmax(beyond)) if beyond.any() else longest - 1
    restored = lowered[: cut + 1] + share * total[cut]
    return np.asarray(restored / restored[0])


def _fast_size(least: int) -> int:
    """A size of at least `least` that the Fourier transform is quick at: 2^k, 3 2^k or 5 2^k."""
    return min(base << max(0, (-(-least // base) - 1).bit_length()) for base in (1, 3, 5))


def autocorrelation_time(correlation: FloatArray) -> float:
    """Integrated autocorrelation time, 1 + 2 sum rho(lag), in samples; at least 1."""
    return float(max(1.0, 2.0 * correlation.sum() - 1.0))


def squares(residual: FloatArray) -> FloatArray:
    """Sum of the squares of each row, shape (...) of residuals of shape (..., n)."""
    return np.asarray(np.einsum("...i,...i->...", residual, residual))


def summary(residuals: Sequence[FloatArray]) -> tuple[NDArray[np.int64], FloatArray]:
    """Length and sum of squares of every row.

    Parameters
    ----------
    residuals : sequence of ndarray, each of shape (sweeps, n_i) or (n_i,)
        Samples without their trend.
    """
    blocks = [np.atleast_2d(residual) for residual in residuals]
    lengths = np.repeat([block.shape[1] for block in blocks], [block.shape[0] for block in blocks])
    return lengths, np.concatenate([squares(block) for block in blocks])


def standard_errors(
    lengths: NDArray[np.int64],
    window_squares: FloatArray,
    stretches: Sequence[FloatArray],
    resolution: float,
    degree: int = 1,
) -> tuple[FloatArray, float]:
    """Standard error of the mean of each window.

    Parameters
    ----------
    lengths, window_squares : ndarray, shape (windows,)
        Samples that are averaged in each window, and the sum of their squares without their straight line.
    stretches : sequence of ndarray
        Longer stretches of settled current in the same sweeps, without their trend; in the same order.
    resolution : float
        One step of the converter, in the samples' unit.
    degree : int
        Of the trend of the stretches.

    Returns
    -------
    se : ndarray, shape (windows,)
        In the samples' unit. The variance is the stretch's own, or the window's where that is larger, steadied by
        that of all sweeps with the weight of ten independent samples; the error is never less than
        the converter lets one know.
    time : float
        The autocorrelation time of the stretches, in samples.
    """
    correlation = autocorrelation(stretches, degree)
    time = autocorrelation_time(correlation)
    variance = variances(*summary(stretches), time, degree)
    # A window that is short beside the autocorrelation time says nothing of its own variance.
    telling = lengths > _TELLING * time
    if telling.any():
        variance = np.where(telling, np.maximum(variance, variances(lengths, window_squares, time)), variance)
    factors = {n: _mean_factor(correlation, n) for n in set(lengths.tolist())}
    factor = np.array([factors[n] for n in lengths.tolist()])
    return np.sqrt(variance * factor + coarseness(variance, resolution)), time


def coarseness(variance: FloatArray, resolution: float) -> FloatArray:
    """Variance that the converter's steps leave where the noise does not smear them."""
    return np.where(np.sqrt(variance) < resolution / 2.0, resolution**2 / 12.0, 0.0)


def _mean_factor(correlation: FloatArray, n: int) -> float:
    """Variance of a mean of n samples over that of one: (1 + 2 sum (1 - lag/n) rho(lag)) / n, at least 1/n."""
    used = correlation[1:n]
    taper = 1.0 - np.arange(1, len(used) + 1) / n
    return max(1.0, 1.0 + 2.0 * float(taper @ used)) / n


def variances(lengths: NDArray[np.int64], own_squares: FloatArray, time: float, degree: int = 1) -> FloatArray:
    """Variance of one sample in each part, steadied by all of them.

    Parameters
    ----------
    lengths, own_squares : ndarray, shape (parts,)
        Samples of each part, and the sum of their squares without their trend.
    time : float
        Autocorrelation time in samples; taking off k coefficients cost k time / n of the variance.
    degree : int
        Of the trend.
    """
    freedom = np.maximum(lengths - (degree + 1) * time, lengths / 4.0)
    independent = lengths / time
    pooled = own_squares.sum() / freedom.sum()
    return np.asarray((independent * own_squares / freedom + _PRIOR_SAMPLES * pooled) / (independent + _PRIOR_SAMPLES))
