"""Standard error of the mean of correlated samples.

Patch-clamp current is filtered: neighbouring samples are correlated, and the standard
error of a mean over n of them is larger than sd / sqrt(n). The factor is estimated from the
autocorrelation of a longer *stretch* of the same sweep, in which the current is settled: the
few samples of a window do not determine it.

Samples are given as arrays of shape (sweeps, samples), one for the sweeps whose windows are equally long.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Lag at which the sum of autocorrelations ends, in autocorrelation times (Sokal's c). At half, the sum of an
# exponential decay is 2 % too small, of slower components more; at double, the variance of the sum doubles.
_MAX_LAG_TIMES = 4.0
# Weight of the variance that all sweeps have in common, in independent samples. At half, errors of short windows
# scatter more from sweep to sweep; at double, a sweep noisier than the others gets too small an error.
_PRIOR_SAMPLES = 10.0
# Largest part of the sum of autocorrelations that detrending may have removed: it is put back by division by one minus
# that part. At half, slow noise is cut off at shorter lags; at double the division would fail.
_MAX_BIAS = 0.6
# Shortest window, in autocorrelation times, whose own variance counts. At half, the variance of three independent
# samples would replace that of the stretch; at double, a window noisier than its stretch is noticed later.
_MIN_WINDOW_TIMES = 5.0
# Variance of a part of a ramp, over the median of all parts, that counts at most: what exceeds it is a transient or a
# break of the seal, not noise. At half, the noise of channels that open along the ramp is cut; at double, one
# transient enlarges the error of the whole ramp by half.
_MAX_VARIANCE_RATIO = 9.0


@functools.lru_cache(maxsize=64)
def _trends(n: int, degree: int, cycles: tuple[float, ...] = ()) -> FloatArray:
    """Return orthonormal polynomials, and sinusoids of some cycles per sample, over n samples; shape (n, terms)."""
    x = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1)
    terms = [np.vander(x, min(degree, n - 1) + 1, increasing=True)]
    phases = [2 * np.pi * each * np.arange(n) for each in cycles]
    terms += [np.column_stack((np.cos(phase), np.sin(phase))) for phase in phases]
    return np.asarray(np.linalg.qr(np.concatenate(terms, axis=1))[0])


def detrended(samples: FloatArray, degree: int = 1, cycles: tuple[float, ...] = ()) -> tuple[FloatArray, FloatArray]:
    """Subtract the polynomial trend of samples, and their hum.

    Parameters
    ----------
    samples : ndarray, shape (..., n)
    degree : int
        Degree of the polynomial; of fewer than three samples only the mean is subtracted.
    cycles : tuple of float
        Frequencies of the hum, per sample.

    Returns
    -------
    residual : ndarray, shape (..., n)
    rise : ndarray, shape (...)
        Fit at the last sample minus that at the first, in the samples' unit.
    """
    n = samples.shape[-1]
    terms = 1 + 2 * len(cycles)
    trends = _trends(n, degree if n > 2 else 0, cycles if n > 2 * (degree + terms) else ())
    found = samples @ trends
    return samples - found @ trends.T, found @ (trends[-1] - trends[0])


def without_outbursts(residual: FloatArray) -> FloatArray:
    """Return residuals in which the parts that vary far more than most are scaled down.

    Parameters
    ----------
    residual : ndarray, shape (parts, n)
        Samples without their trend.
    """
    own = squares(residual)
    most = _MAX_VARIANCE_RATIO * float(np.median(own))
    if own.max() <= most:
        return residual
    return residual * np.sqrt(most / np.maximum(own, most))[:, None] if most else residual


def autocorrelation(stretches: Sequence[FloatArray], degree: int = 1) -> FloatArray:
    """Estimate the autocorrelation, pooled over stretches of the same process.

    Parameters
    ----------
    stretches : sequence of ndarray, each of shape (sweeps, n_i) or (n_i,)
        Samples without their trend.
    degree : int
        Degree of the trend.

    Returns
    -------
    ndarray, shape (lags,)
        From lag 0 (where it is 1) to the first lag beyond 4 times the autocorrelation time; the estimates
        beyond are noise (Sokal 1997, Monte Carlo methods in statistical mechanics, section 3).

    Notes
    -----
    Subtracting a trend of k coefficients lowers every autocovariance by about k S / n, S being the sum of
    the true ones over all lags. S is estimated from the lowered ones and added back.
    """
    blocks = [np.atleast_2d(stretch) for stretch in stretches]
    longest = max(block.shape[1] for block in blocks)
    sums, counts, lost, number = np.zeros(longest), np.zeros(longest), 0.0, 0
    for block in blocks:
        rows, n = block.shape
        size = fast_size(2 * n - 1)
        spectrum = np.abs(np.fft.rfft(block, size)) ** 2
        sums[:n] += np.fft.irfft(spectrum.sum(axis=0), size)[:n]
        counts[:n] += rows * np.arange(n, 0, -1)
        lost, number = lost + rows / n, number + rows
    if sums[0] <= 0:
        return np.ones(1)
    lowered = sums / counts
    lags = np.arange(longest)
    share = (degree + 1) * lost / number  # part of S that is missing at every lag
    bias = np.minimum(share * (1 + 2 * lags), _MAX_BIAS)
    total = (2.0 * np.cumsum(lowered) - lowered[0]) / (1.0 - bias)
    times = total / (lowered[0] + share * total)
    beyond = (lags >= _MAX_LAG_TIMES * times) | (share * (1 + 2 * lags) >= _MAX_BIAS)
    cut = int(np.argmax(beyond)) if beyond.any() else longest - 1
    restored = lowered[: cut + 1] + share * total[cut]
    return np.asarray(restored / restored[0])


def fast_size(least: int) -> int:
    """Return a size of at least `least` for which the Fourier transform is fast: 2^k, 3 2^k or 5 2^k."""
    return min(base << max(0, (-(-least // base) - 1).bit_length()) for base in (1, 3, 5))


def autocorrelation_time(correlation: FloatArray) -> float:
    """Return the integrated autocorrelation time, 1 + 2 sum rho(lag), in samples; at least 1."""
    return float(max(1.0, 2.0 * correlation.sum() - 1.0))


def squares(residual: FloatArray) -> FloatArray:
    """Return the sum of the squares of each row, shape (...) from residuals of shape (..., n)."""
    return np.asarray(np.einsum("...i,...i->...", residual, residual))


def summary(residuals: Sequence[FloatArray]) -> tuple[NDArray[np.int64], FloatArray]:
    """Return length and sum of squares of every row.

    Parameters
    ----------
    residuals : sequence of ndarray, each of shape (sweeps, n_i) or (n_i,)
        Samples without their trend.
    """
    blocks = [np.atleast_2d(residual) for residual in residuals]
    lengths = np.repeat([block.shape[1] for block in blocks], [block.shape[0] for block in blocks])
    return lengths, np.concatenate([squares(block) for block in blocks])


@dataclass(frozen=True)
class Settled:
    """Noise of settled current, one stretch in each sweep.

    Attributes
    ----------
    correlation : ndarray, shape (lags,)
        Autocorrelation of all stretches.
    time : float
        Its integral, in samples.
    variance : ndarray, shape (sweeps,)
        Variance of one sample.
    """

    correlation: FloatArray
    time: float
    variance: FloatArray

    @classmethod
    def of(cls, stretches: Sequence[FloatArray], degree: int = 1) -> Settled:
        """Estimate the noise of stretches without their trend, in the order of the sweeps.

        Parameters
        ----------
        stretches : sequence of ndarray, each of shape (sweeps, n_i) or (n_i,)
        degree : int
            Degree of the trend.
        """
        correlation = autocorrelation(stretches, degree)
        time = autocorrelation_time(correlation)
        return cls(correlation, time, variances(*summary(stretches), time, degree))


def standard_errors(
    lengths: NDArray[np.int64], window_squares: FloatArray, settled: Settled, resolution: float
) -> FloatArray:
    """Estimate the standard error of the mean of each window, shape (windows,).

    The variance is that of the settled stretch, or of the window where that is larger, shrunk to that of all sweeps
    with the weight of ten independent samples. The error is at least the rounding error of the converter.

    Parameters
    ----------
    lengths, window_squares : ndarray, shape (windows,)
        Number of samples averaged in each window, and the sum of their squares about a straight line.
    settled : Settled
        Noise of longer stretches of the same sweeps; in the same order.
    resolution : float
        One step of the converter, in the samples' unit.
    """
    correlation, time, variance = settled.correlation, settled.time, settled.variance
    # A window that is short compared with the autocorrelation time does not determine its own variance.
    is_long = lengths > _MIN_WINDOW_TIMES * time
    if is_long.any():
        variance = np.where(is_long, np.maximum(variance, variances(lengths, window_squares, time)), variance)
    factors = {n: _mean_factor(correlation, n) for n in set(lengths.tolist())}
    factor = np.array([factors[n] for n in lengths.tolist()])
    return np.asarray(np.sqrt(variance * factor + rounding_variance(variance, resolution)))


def rounding_variance(variance: FloatArray, resolution: float) -> FloatArray:
    """Return the variance by the steps of the converter, which averaging reduces only where noise covers the steps."""
    return np.where(np.sqrt(variance) < resolution / 2.0, resolution**2 / 12.0, 0.0)


def _mean_factor(correlation: FloatArray, n: int) -> float:
    """Return var(mean of n samples) / var(one): (1 + 2 sum (1 - lag/n) rho(lag)) / n, at least 1/n."""
    used = correlation[1:n]
    taper = 1.0 - np.arange(1, len(used) + 1) / n
    return max(1.0, 1.0 + 2.0 * float(taper @ used)) / n


def variances(lengths: NDArray[np.int64], own_squares: FloatArray, time: float, degree: int = 1) -> FloatArray:
    """Estimate the variance of one sample in each part, shrunk to that of all parts.

    Parameters
    ----------
    lengths, own_squares : ndarray, shape (parts,)
        Number of samples of each part, and the sum of their squares about their trend.
    time : float
        Autocorrelation time in samples; a trend of k coefficients removes k time / n of the variance.
    degree : int
        Degree of the trend.
    """
    freedom = np.maximum(lengths - (degree + 1) * time, lengths / 4.0)
    independent = lengths / time
    pooled = own_squares.sum() / freedom.sum()
    return np.asarray((independent * own_squares / freedom + _PRIOR_SAMPLES * pooled) / (independent + _PRIOR_SAMPLES))
