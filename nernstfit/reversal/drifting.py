"""Part of a drift at the holding level that acts at the zero: none of a current that runs down as a whole.

While the levels of one series of steps are measured, the current at the holding level changes by x. What changes has a
course phi(V) in the voltage, which is 1 at the holding level: a baseline is the same at every voltage, a leak that
grows is a straight line, and a current that runs down as a whole is I(V) / I(V_holding), which vanishes at the zero.
The current of a level is I(V) + x phi(V), where I(V) is that of an open pore beside a leak and an offset. Any two of
the three causes together, in any parts, are held against the noise, with the same course over the sweeps or that beside
a run-down as a straight line; the largest size at the zero of those that explain all levels is what the drift may do
there. Where none does, as of a rectifier, nothing is concluded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.baseline import open_pore_terms
from nernstfit.reversal.holding import MIN_HOLDING_MV, StepSeries
from nernstfit.reversal.quantiles import Z_95, largest_chi_square_ratio

FloatArray = NDArray[np.float64]
# Parts of a cause in the drift, 1 being all of it: the rest is another, and may be opposed. A course that fits at an
# end leaves the drift in full: with half the range more often; with double, the same recordings are told.
_PARTS = np.linspace(-2.0, 6.0, 161)
# Rounds in each of which the parts about the best are divided as finely; twice as many change no digit.
_ROUNDS = 3
# Standard errors beyond which a size at the zero as of a baseline is excluded, else the drift counts in full: a true
# one lies beyond 3.3 in 0.1 % of recordings. With half in one of ten; with double a run-down by 10 % is seldom told.
_EXCLUDED_Z = 3.3
# Standard errors by which the course that fits best may miss the levels, of the cube root of chi-square. With half,
# one sound recording of twenty is not told; with double, a leak that grows passes for a current that runs down.
_FITS_Z = 3.3
# Highest degree of the polynomial that the current at the holding level follows over the sweeps, and sweeps for each of
# its terms. With half the degree, a run-down by 10 % a sweep is not followed; with double it follows noise.
_MAX_DEGREE, _SWEEPS_PER_TERM = 5, 4
# Least factor of the current and least current in pA, for courses that no recording has.
_LEAST = 1e-3


@dataclass(frozen=True)
class _Causes:
    """Two causes: a baseline that changes or a leak that grows, beside a current that runs down or one of the other."""

    is_baseline: bool
    beside_baseline: bool = False
    is_straight: bool = False

    def beside(self, part: FloatArray, at: FloatArray | float) -> FloatArray:
        """Return the drift by baseline and leak, over that of the holding level, at voltages over the holding level."""
        rest = 1 - part if self.beside_baseline else 0.0
        return np.asarray(part * (1.0 if self.is_baseline else at) + rest)


_PAIRS = (
    *(_Causes(is_baseline, is_straight=is_straight) for is_baseline in (True, False) for is_straight in (True, False)),
    _Causes(is_baseline=False, beside_baseline=True),
)


class Drifting(StepSeries):
    """Steps while the current at the holding level drifts."""

    def largest_at(self, zero_mV: float) -> float:
        """Return the largest size of the drift at the zero over that at the holding level; inf where none is told.

        Parameters
        ----------
        zero_mV : float
        """
        df = len(self.command_mV) - self._terms.shape[1] - 1
        # Near 0 mV a leak that grows does not show.
        if abs(self.holding.level_mV) < MIN_HOLDING_MV or df < 1:
            return math.inf
        found = [self._sought(causes) for causes in _PAIRS]
        chi_square = min(float(each.min()) for _, each in found)
        if chi_square / df > largest_chi_square_ratio(_FITS_Z, df):
            return math.inf

        def largest(z: float) -> float:
            sizes = []
            for causes, (parts, each) in zip(_PAIRS, found, strict=True):
                counts = _with_neighbours(each <= chi_square + z**2)
                if counts[0] or counts[-1]:
                    return math.inf
                of_part = causes.beside(parts[counts], zero_mV / self.holding.level_mV)
                sizes.append(float(np.abs(of_part).max(initial=0.0)))
            return max(sizes)

        return largest(Z_95) if largest(_EXCLUDED_Z) < 1 else math.inf

    @property
    def _terms(self) -> FloatArray:
        return open_pore_terms(self.reduced)

    @cached_property
    def _change(self) -> tuple[FloatArray, FloatArray]:
        """Smooth course of the current at the holding level over the sweeps, and its standard error."""
        current_pA, sweep = self.holding.current_pA, self.holding.sweep.astype(float)
        degree = min(_MAX_DEGREE, len(sweep) // _SWEEPS_PER_TERM)
        basis = np.linalg.qr(np.vander((sweep - sweep.mean()) / np.ptp(sweep), degree + 1))[0]
        smooth_pA = basis @ (basis.T @ current_pA)
        left = float(np.sum((current_pA - smooth_pA) ** 2)) / (len(sweep) - degree - 1)
        noise_pA2 = max(left, float(np.mean(self.holding.se_pA**2)))
        return smooth_pA, np.sqrt(noise_pA2 * np.square(basis).sum(axis=1))

    @property
    def _from_pA(self) -> float:
        """Current at the holding level from which its change counts: the largest one."""
        current_pA = self._change[0]
        largest_pA = float(current_pA[np.abs(current_pA).argmax()])
        return math.copysign(max(abs(largest_pA), _LEAST), largest_pA)

    def _sought(self, causes: _Causes) -> tuple[FloatArray, FloatArray]:
        """Return parts of the second cause, ever finer about the best, in ascending order with their chi-squares."""
        parts, chi_square = _PARTS, self._chi_square(causes, _PARTS[:, None])
        for _ in range(_ROUNDS):
            at = int(chi_square.argmin())
            finer = np.linspace(parts[max(0, at - 1)], parts[min(at + 1, len(parts) - 1)], len(_PARTS))[1:-1]
            parts = np.concatenate((parts, finer))
            chi_square = np.concatenate((chi_square, self._chi_square(causes, finer[:, None])))
            order = np.argsort(parts, kind="stable")
            parts, chi_square = parts[order], chi_square[order]
        return parts, chi_square

    def _chi_square(self, causes: _Causes, part: FloatArray) -> FloatArray:
        """Return the misfit of an open pore and of a drift by two causes in some parts, shape (parts,)."""
        (smooth_pA, se_pA), from_pA, at = self._change, self._from_pA, self.command_mV / self.holding.level_mV
        change_pA = smooth_pA - from_pA
        sweep = self.holding.sweep - self.holding.sweep[np.abs(smooth_pA).argmax()]
        line_pA = self.holding.drift_pA * sweep / np.ptp(sweep)
        other_pA = line_pA if causes.is_straight else change_pA
        # What the other cause does not explain of the change at the holding level is a factor of all currents.
        factor = 1 + (change_pA - part * other_pA) / from_pA * (not causes.beside_baseline)
        factor = np.where(np.abs(factor) < _LEAST, _LEAST, factor)
        without_pA = self.current_pA - causes.beside(part, at) * other_pA
        # Beyond the whole of either cause an error that grew with the part would explain anything.
        usual = np.clip(part, 0.0, 1.0)
        size = causes.beside(usual, at) + (1 - usual) * self.current_pA / from_pA * (not causes.beside_baseline)
        sd_pA = np.hypot(self.se_pA, size * se_pA)
        current = without_pA / sd_pA
        basis = np.linalg.qr(self._terms * (factor / sd_pA)[:, :, None])[0]
        left = current - np.einsum("sij,sj->si", basis, np.einsum("sij,si->sj", basis, current))
        return np.asarray(np.square(left).sum(axis=1))


def _with_neighbours(counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what counts or is beside it."""
    beside = counts.copy()
    beside[1:] |= counts[:-1]
    beside[:-1] |= counts[1:]
    return beside
