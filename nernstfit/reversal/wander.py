"""Scatter of the current between sweeps: at the holding level, and as far as the steps have it too.

The levels of an I-V curve are measured one after another. A baseline that wanders slowly shifts each of them by its own
value, which the noise within their windows does not show. The current at the holding level shows how far it wanders,
and how it goes on from one sweep to the next; the roughness of the I-V curve, how much of it reaches the steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract.terms import PotentialVerdict, Role
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import SAME_LEVEL_MV
from nernstfit.reversal.holding import DIFFERENCES, Holding
from nernstfit.reversal.quantiles import Z_95

FloatArray = NDArray[np.float64]

_COLUMNS = ("role", "sweep", "point", "command_mV", "current_pA", "se_pA")
# Mean square of the differences of that degree of independent values of unit variance: 1 + 9 + 9 + 1.
_SQUARES = float(math.comb(2 * DIFFERENCES, DIFFERENCES))
# Sweeps that count as one independent value of a baseline that wanders: neighbours are alike. With half of it errors of
# ten levels are a sixth shorter, with double two fifths longer.
_SWEEPS_PER_VALUE = 2
# Standard deviations, by the median, beyond which a single sweep is drawn in: with half of it usual sweeps are, with
# double one artefact stands for the whole baseline. Standard deviation of normal values over the median of their sizes.
_MOST_SD, _SD_OF_MEDIAN = 3.0, 1.4826
# Part of the variance at the holding level from which the steps have it. With half, steps are said to wander that have
# a third of it; with double, half of those that do are not.
_MIN_PART = 0.25
CAUSE = (
    "the current at the holding level scatters from sweep to sweep, and that of the steps with it; record it again, or "
    "average sweeps"
)


@dataclass(frozen=True)
class Scatter:
    """Scatter between the sweeps of one series of steps; arrays of shape (sweeps,), empty of other recordings.

    Attributes
    ----------
    holding : Holding
    command_mV : ndarray
        Level of each sweep.
    current_pA, se_pA : ndarray
        Current there, and its standard error by the noise within the window.
    """

    holding: Holding
    command_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray

    @classmethod
    def of(cls, points: Mapping[str, ArrayLike]) -> Scatter:
        """Return the scatter between the sweeps of the points of a measurement."""
        holding, columns = Holding.of(points), {name: np.asarray(points[name]) for name in _COLUMNS}
        signal = {name: values[columns["role"] == Role.SIGNAL] for name, values in columns.items()}
        own = [signal[name].astype(float) for name in ("command_mV", "current_pA", "se_pA")]
        in_order = np.array_equal(signal["sweep"], holding.sweep) and not signal["point"].astype(float).any()
        is_series = in_order and not (np.diff(np.sort(own[0])) < SAME_LEVEL_MV).any()
        return cls(holding, *(values if is_series else values[:0] for values in own))

    @cached_property
    def is_shared(self) -> bool:
        """True where scatter at the holding level is that of the steps of the same sweeps too."""
        return self._is_known and self.holding.shifts(self.command_mV, self.current_pA)

    @property
    def without_pA(self) -> FloatArray:
        """Current without the scatter at the holding level."""
        return self.current_pA - self.holding.scatter_pA

    def shared_se_mV(self, levels_mV: FloatArray, influence_mV_per_pA: FloatArray) -> float:
        """Return the standard error of a zero by independent errors of the levels that are as large as the scatter.

        Parameters
        ----------
        levels_mV : ndarray, shape (levels,)
            Of the I-V curve.
        influence_mV_per_pA : ndarray, shape (levels,)
            Change of the zero by the current at each.
        """
        order = np.argsort(self.command_mV, kind="stable")
        of_levels = np.interp(levels_mV, self.command_mV[order], self.holding.scatter_pA[order])
        return float(np.linalg.norm(influence_mV_per_pA * of_levels))

    @cached_property
    def steps_pA(self) -> float:
        """Standard deviation by which a baseline that wanders shifts each step; 0 where the steps share the scatter.

        Longer as Student's t is than the normal deviate, so that intervals hold what few sweeps tell of it.
        """
        if not self._is_known or self.is_shared:
            return 0.0
        variance_pA2 = max(0.0, float(np.square(self._wander_pA).mean()) - self.holding.noise_pA**2)
        return math.sqrt(variance_pA2 * self._part) * _longer((len(self.command_mV) - 2) / _SWEEPS_PER_VALUE)

    def with_errors(self, points: Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
        """Return the points with the wander of the baseline in the standard errors of the steps."""
        if not self.steps_pA:
            return points
        se_pA = np.asarray(points["se_pA"], dtype=float)
        is_step = np.asarray(points["role"]) != Role.HOLDING
        return dict(points) | {"se_pA": np.where(is_step, np.hypot(se_pA, self.steps_pA), se_pA)}

    def alone_se_mV(self, influence_mV_per_pA: FloatArray) -> float:
        """Return the standard error of a zero by the wander of each step alone, which the errors of the points hold."""
        return self.steps_pA * float(np.linalg.norm(influence_mV_per_pA))

    def together_se_mV(self, levels_mV: FloatArray, influence_mV_per_pA: FloatArray) -> float:
        """Return the standard error of a zero by what neighbouring steps wander together, beside that of each alone.

        From the root mean square of the shifts that the scatter would cause if it began at any other sweep. Parameters
        are those of `shared_se_mV`.
        """
        if not self.steps_pA:
            return 0.0
        variance_pA2 = float(np.square(self._wander_pA).mean())
        nearest = np.abs(self.command_mV[:, None] - levels_mV).argmin(axis=1)
        influence, n = influence_mV_per_pA[nearest], len(self.command_mV)
        begun = (np.arange(n)[:, None] + np.arange(n)) % n
        shifts_mV = self._wander_pA[begun] @ influence
        together = float(np.square(shifts_mV).mean()) - variance_pA2 * float(np.square(influence).sum())
        return self.steps_pA * math.sqrt(max(0.0, together) / (variance_pA2 - self.holding.noise_pA**2))

    def verdict(self) -> Result | None:
        """Return the verdict that the scatter hides a zero; None where the steps do not share it."""
        if not self.is_shared:
            return None
        reason = (
            f"the current at the level before the epoch scatters by {np.std(self.holding.scatter_pA):z.0f} pA from "
            "sweep to sweep, far beyond its noise, and that of the steps with it; an unstable seal or baseline: record "
            "it again, or average sweeps"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason)

    def beside(self, result: Result) -> Result:
        """Return a verdict without a zero, with the wander of the baseline in its reason where the steps have it."""
        if not self._is_known or self._part < _MIN_PART:
            return result
        wander_pA = float(np.std(self.holding.scatter_pA))
        remark = (
            f"the current at the level before the epoch wanders by {wander_pA:z.0f} pA from sweep to sweep, which "
            "alone may do this: record it again, or average sweeps"
        )
        return replace(result, reason=f"{result.reason}; {remark}")

    @property
    def _is_known(self) -> bool:
        return len(self.command_mV) >= 2 * DIFFERENCES and bool(self.holding.scatter_pA.any())

    @cached_property
    def _wander_pA(self) -> FloatArray:
        """Scatter at the holding level about a straight line, single sweeps that lie far off drawn in."""
        scatter_pA = self.holding.about_line_pA
        most_pA = _MOST_SD * _SD_OF_MEDIAN * float(np.median(np.abs(scatter_pA)))
        return np.clip(scatter_pA, -most_pA, most_pA)

    @cached_property
    def _part(self) -> float:
        """Part of the variance at the holding level that the steps near the zero have, with its standard error added.

        Means over long windows have less of it, and a curved I-V curve is rough too: the steps have at most all of it.
        """
        order = np.argsort(self.command_mV, kind="stable")
        current_pA = self.current_pA[order]
        in_steps, independent = _roughness(current_pA, _near_zero(current_pA))
        at_holding, of_holding = _roughness(self._wander_pA[order], np.ones(len(order)))
        noise_pA2, at_holding = float(np.square(self.se_pA).mean()), at_holding - self.holding.noise_pA**2
        if in_steps < noise_pA2 * (1 + Z_95 * math.sqrt(2 / independent)):
            return 0.0  # the steps are as smooth as their noise lets them be
        if at_holding <= 0:
            return 1.0
        # The logarithm of a mean of m squares of normal values has a standard deviation of the root of 2 / m.
        upper = math.exp(math.sqrt(2 / independent + 2 / of_holding))
        return min(1.0, (in_steps - noise_pA2) / at_holding * upper)


def _near_zero(current_pA: FloatArray) -> FloatArray:
    """Return 1 for the levels on either side of a change of sign, else 0; 1 for all where there is none."""
    changes = np.flatnonzero(np.diff(np.sign(current_pA)) != 0)
    near = np.zeros(len(current_pA))
    near[[*changes, *changes + 1]] = 1.0
    return near if len(changes) else np.ones(len(current_pA))


def _roughness(values: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Return the variance of independent values that are as rough, and how many independent differences tell it."""
    of_differences = np.convolve(weight, np.ones(DIFFERENCES + 1), "valid")
    square = float(np.average(np.square(np.diff(values, DIFFERENCES)), weights=of_differences)) / _SQUARES
    return square, float(of_differences.sum() ** 2 / np.square(of_differences).sum()) / _SWEEPS_PER_VALUE


def _longer(df: float) -> float:
    """Return Student's t over the normal deviate, by the first terms of its expansion (Fisher 1925)."""
    return 1 + (Z_95**2 + 1) / (4 * df) + (5 * Z_95**4 + 16 * Z_95**2 + 3) / (96 * df**2)
