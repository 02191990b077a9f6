"""Posterior of a baseline that wanders: an Ornstein-Uhlenbeck process of unknown size and correlation time.

Two kinds of evidence meet in one likelihood, each with its known noise. The current at the holding level is a constant
and the baseline, which may be larger there than in the steps. That of the steps is the current of an open pore beside a
leak and an offset, the baseline, a smooth deviation of the curve, as the spline of the estimator has it, and
fluctuations of the conductance, which vanish at the zero. What is known but for its size is projected out (restricted
likelihood, Patterson and Thompson 1971, Biometrika 58, 545). All other sizes are averaged over, so that no error hangs
on whether a scatter is significant: near such a switch intervals of simulated recordings were too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.quantiles import Z_95
from nernstfit.reversal.spline import deviation_kernel

FloatArray = NDArray[np.float64]

# Numbers in the following are from 60 simulated recordings of 17 sweeps in 2 s, of 5 to 20 nS beside a noise of 0.4 pA.
# Probability before any evidence that no baseline wanders. At 0.8, the intervals of every tenth sound recording are 2.5
# times as long and not 1.8 times; at 0.95, of zeros under 3 pA that wander within 3 s 40 are held and not 42.
_STEADY = 0.9
# The same that the holding level has no baseline of its own where the steps have none; that one of both is as large in
# the steps; that the curve has no deviation; that the conductance does not fluctuate: as likely as not. With the second
# at 0.8, three more zeros of 60 under 3 pA and 1 s are held, and intervals of gated currents are a twentieth longer.
_NO_OWN, _ALIKE, _NO_DEVIATION, _NO_FLUCTUATION = 0.8, 0.5, 0.5, 0.5
# Standard deviations of the baseline over the noise of a step, in factors of two up to any that leaves a zero, and how
# many such factors it may be larger at the holding level. From half or double of the least, intervals are the same
# within 2 %; with fewer factors, scatter at the holding level alone counts as that of the steps.
_SIZES, _LARGER = 10, 5
# Correlation times: none, and so many from a part of a sweep to a multiple of all sweeps. With half of the longest, 46
# zeros of 60 under 10 pA and 3 s are held and not 55; with double, 22 recordings under 10 pA and 300 ms are refused as
# too wide and not 14, since few sweeps hardly tell both apart.
_SHORTEST_SWEEPS, _LONGEST_PART, _TIMES = 0.7, 1.5, 4
# Variances of the deviation over the noise of a step, in the direction in which it is largest. Twice as many give the
# same within 2 %; with a third fewer, one in ten inward rectifiers is refused.
_DEVIATIONS = np.concatenate(([0.0], 100.0 ** np.arange(6)))
# Fluctuations of the conductance, as a part of the current. With half, those of a real recording of channels count as
# a baseline; with double they do not either.
_FLUCTUATIONS = np.array([0.0, 0.1])
# Terms of the trend that the deviation leaves open, as in the estimator's spline: with one less it is rough as a
# baseline is; with one more, few levels tell nothing of either.
_ORDER = 3
# Part of the squares of a series that a single sweep explains, from which it is an artefact. At 0.5 and at 0.97
# intervals are the same; without it, one artefact counts as a baseline of its size.
_ONE_EXPLAINS = 0.9
# Least standard error in pA, for samples that never change, and least voltage; half and double give the same.
_LEAST = 1e-9
# Rounds of the search for a limit, with half of which it is exact to 1e-4; and the probability of a size and a time
# below which they count for nothing, half and double of which change no digit.
_HALVINGS, _NEGLIGIBLE = 18, 1e-6


@dataclass(frozen=True)
class Series:
    """Currents of one kind, one of each sweep.

    Attributes
    ----------
    sweep, current_pA, se_pA : ndarray, shape (n,)
        The standard errors are those by noise within the windows.
    terms : ndarray, shape (n, terms)
        Courses whose sizes are not known.
    own : ndarray, shape (variances, n, n)
        Possible covariances of what is no noise and no baseline.
    prior : ndarray, shape (variances,)
        Their probabilities.
    """

    sweep: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    terms: FloatArray
    own: FloatArray
    prior: FloatArray

    @classmethod
    def of_steps(cls, sweep: FloatArray, current_pA: FloatArray, se_pA: FloatArray, reduced: FloatArray) -> Series:
        """Return the series of steps.

        Parameters
        ----------
        sweep, current_pA, se_pA : ndarray, shape (n,)
        reduced : ndarray, shape (n,)
            Levels over the thermal voltage.
        """
        terms = open_pore_terms(reduced)
        x = (reduced - reduced.min()) / np.ptp(reduced)
        across, kernel = _contrasts(terms), deviation_kernel(x, x, _ORDER)
        largest = float(np.linalg.eigvalsh(across.T @ kernel @ across)[-1])
        deviation = kernel / largest * max(float(np.median(se_pA)), _LEAST) ** 2 * _DEVIATIONS[:, None, None]
        fluctuation = np.diag(current_pA**2) * np.square(_FLUCTUATIONS)[:, None, None]
        own = (deviation[:, None] + fluctuation).reshape(-1, *kernel.shape)
        prior = np.outer(_prior(_NO_DEVIATION, len(_DEVIATIONS)), _prior(_NO_FLUCTUATION, len(_FLUCTUATIONS)))
        return cls(sweep, current_pA, se_pA, terms, own, prior.ravel())

    @classmethod
    def at_holding(cls, sweep: FloatArray, current_pA: FloatArray, se_pA: FloatArray, drifts: bool) -> Series:
        """Return the series of the current at the holding level; of one that drifts, what is left beside it counts."""
        terms = np.vander((sweep - sweep.mean()) / np.ptp(sweep), 2 if drifts else 1)
        return cls(sweep, current_pA, se_pA, terms, np.zeros((1, len(sweep), len(sweep))), np.ones(1))

    def without_artefact(self) -> Series:
        """Return the series without the sweep that alone explains the others' differences from the terms."""
        across = _contrasts(self.terms)
        left = across.T @ self.current_pA
        explained = np.square(across @ left) / np.maximum(np.square(across).sum(axis=1), np.finfo(float).tiny)
        worst = int(explained.argmax())
        if explained[worst] <= _ONE_EXPLAINS * float(left @ left):
            return self
        keep = np.arange(len(self.sweep)) != worst
        sweep, current_pA, se_pA, terms = (each[keep] for each in (self.sweep, self.current_pA, self.se_pA, self.terms))
        return Series(sweep, current_pA, se_pA, terms, self.own[:, keep][:, :, keep], self.prior)

    def loglike(self, variances: FloatArray, sweeps: FloatArray) -> FloatArray:
        """Return the ln likelihood of a baseline's variances and correlation times, shape (variances, times)."""
        across = _contrasts(self.terms)
        noise = np.diag(np.square(np.maximum(self.se_pA, _LEAST)))
        whitened = np.linalg.inv(np.linalg.cholesky(across.T @ (noise + self.own) @ across))
        correlation = across.T @ correlations(self.sweep, sweeps) @ across
        values, vectors = np.linalg.eigh(whitened @ correlation[:, None] @ np.swapaxes(whitened, -1, -2))
        current = whitened @ (across.T @ self.current_pA)
        squares = np.square(np.einsum("toij,oi->toj", vectors, current))
        spread = 1 + variances[:, None, None, None] * np.maximum(values, 0.0)
        of_own = np.log(np.diagonal(whitened, axis1=-2, axis2=-1)).sum(-1)
        each = of_own - 0.5 * (np.log(spread) + squares / spread).sum(-1)
        return np.asarray(np.logaddexp.reduce(each + np.log(self.prior), axis=-1))


@dataclass(frozen=True)
class Baseline:
    """Posterior of a baseline.

    Attributes
    ----------
    variance_pA2 : ndarray, shape (variances,)
        The first is 0.
    sweeps : ndarray, shape (times,)
        Correlation times in sweeps.
    probability : ndarray, shape (variances, times)
    """

    variance_pA2: FloatArray
    sweeps: FloatArray
    probability: FloatArray

    @classmethod
    def of(cls, steps: Series, holding: Series) -> Baseline:
        """Return the posterior by both kinds of evidence."""
        count, apart = len(steps.sweep), float(np.median(np.diff(np.sort(steps.sweep))))
        times = np.geomspace(_SHORTEST_SWEEPS, _LONGEST_PART * count, _TIMES)
        sweeps = apart * np.concatenate(([_LEAST], times))
        sizes_pA = max(float(np.median(steps.se_pA)), _LEAST) * 2.0 ** np.arange(_SIZES + _LARGER)
        variances = np.square(np.concatenate(([0.0], sizes_pA)))
        at_holding = holding.without_artefact().loglike(variances, sweeps)
        own = np.logaddexp.reduce(at_holding + np.log(_prior(_NO_OWN, len(variances)))[:, None])
        larger = [at_holding[1 + k : 1 + k + _SIZES] for k in range(_LARGER + 1)]
        shared = np.logaddexp.reduce(np.stack(larger) + np.log(_prior(_ALIKE, _LARGER + 1))[:, None, None])
        variances = variances[: 1 + _SIZES]
        loglike = steps.without_artefact().loglike(variances, sweeps) + np.concatenate((own[None], shared))
        weight = _prior(_STEADY, len(variances))[:, None] * np.exp(loglike - loglike.max())
        return cls(variances, sweeps, weight / weight.sum())

    @cached_property
    def wanders(self) -> float:
        """Probability that there is any."""
        return float(1 - self.probability[0].sum())

    def added_se(self, se: float, of_times: FloatArray) -> float:
        """Return the standard error by a baseline beside another error, for a 95 % interval of both that is true.

        Parameters
        ----------
        se : float
            Standard error of a value without the baseline.
        of_times : ndarray, shape (times,)
            Variance of the value by a baseline of unit variance, for each correlation time.
        """
        counts = self.probability > _NEGLIGIBLE
        weight = self.probability[counts]
        sd = np.sqrt(se**2 + self.variance_pA2[:, None] * of_times)[counts]
        low, high = float(sd.min()), float(sd.max())
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            inside = [math.erf(Z_95 * middle / each / math.sqrt(2)) for each in sd.tolist()]
            is_low = float(weight @ inside) < math.erf(Z_95 / math.sqrt(2)) * float(weight.sum())
            low, high = (middle, high) if is_low else (low, middle)
        return math.sqrt(max(0.0, high**2 - se**2))


def open_pore_terms(reduced: FloatArray) -> FloatArray:
    """Return the courses of a current of any monovalent ions through an open pore, beside a leak and an offset.

    Parameters
    ----------
    reduced : ndarray, shape (n,)
        Levels over the thermal voltage.

    Returns
    -------
    ndarray, shape (n, 3)
        With a straight line and a constant, the first is the Goldman-Hodgkin-Katz current.
    """
    nonzero = np.where(np.abs(reduced) < _LEAST, _LEAST, reduced)
    pore = nonzero / -np.expm1(-nonzero)
    return np.column_stack((pore / np.ptp(pore), reduced / np.ptp(reduced), np.ones(len(reduced))))


def correlations(sweep: FloatArray, sweeps: FloatArray) -> FloatArray:
    """Return the correlation between sweeps for some correlation times, shape (times, n, n)."""
    return np.asarray(np.exp(-np.abs(sweep[:, None] - sweep) / sweeps[:, None, None]))


def _contrasts(terms: FloatArray) -> FloatArray:
    """Return orthonormal combinations of n values without the terms, shape (n, n - terms)."""
    return np.linalg.qr(terms, mode="complete")[0][:, terms.shape[1] :]


def _prior(none: float, count: int) -> FloatArray:
    """Return the probabilities of no variance, and of each of the others alike; shape (count,)."""
    return np.concatenate(([none], np.full(count - 1, (1 - none) / (count - 1))))
