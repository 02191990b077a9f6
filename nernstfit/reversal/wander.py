"""Baseline that wanders from sweep to sweep, in the errors of steps and of their zero.

The levels of an I-V curve are measured one after another. A baseline that wanders slowly shifts each of them by its own
value, which the noise within their windows does not show. How far it wanders, and how it goes on from one sweep to the
next, is told by the current at the holding level and by the roughness of the I-V curve (`baseline`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract.terms import Role
from nernstfit.reversal.baseline import Baseline, Series, correlations
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import SAME_LEVEL_MV
from nernstfit.reversal.drifting import Drifting
from nernstfit.reversal.holding import Holding, StepSeries

FloatArray = NDArray[np.float64]

_COLUMNS = ("role", "sweep", "point", "command_mV", "current_pA", "se_pA")
# Levels from which a baseline is told from the course of the I-V curve. With half, its three terms leave nothing; with
# double, protocols of ten levels are not judged.
_MIN_LEVELS = 6
# Degree of the differences between neighbouring levels that show the roughness of an I-V curve: a smooth one has none
# in the third. With half the course of the curve counts as rough; with double few levels have none left.
_DIFFERENCES = 3
# Probability of a baseline that wanders from which it is named. With half, one of fifty sound recordings is said to
# wander; with double, none is named.
_NAMED = 0.5
CAUSE = (
    "the current wanders from sweep to sweep, at the holding level or between neighbouring steps; record it again, or "
    "average sweeps"
)


class Scatter(StepSeries):
    """Scatter between the sweeps of one series of steps."""

    @classmethod
    def of(cls, points: Mapping[str, ArrayLike], temperature_C: float) -> Scatter:
        """Return the scatter between the sweeps of the points of a measurement."""
        holding, columns = Holding.of(points), {name: np.asarray(points[name]) for name in _COLUMNS}
        signal = {name: values[columns["role"] == Role.SIGNAL] for name, values in columns.items()}
        own = [signal[name].astype(float) for name in ("command_mV", "current_pA", "se_pA")]
        in_order = np.array_equal(signal["sweep"], holding.sweep) and not signal["point"].astype(float).any()
        is_series = in_order and not (np.diff(np.sort(own[0])) < SAME_LEVEL_MV).any()
        command_mV, current_pA, se_pA = (values if is_series else values[:0] for values in own)
        return cls(holding, command_mV, current_pA, se_pA, temperature_C)

    @cached_property
    def baseline(self) -> Baseline | None:
        """Baseline that the sweeps show; None of few levels, and where the current steps between two sweeps."""
        if len(self.command_mV) < _MIN_LEVELS or self.holding.step[2]:
            return None
        holding = self.holding
        return Baseline.of(
            Series.of_steps(self._sweep, self.current_pA, self.se_pA, self.reduced),
            Series.at_holding(self._sweep, holding.current_pA, holding.se_pA, bool(holding.drift_pA)),
        )

    @property
    def is_named(self) -> bool:
        """True where the baseline wanders more likely than not."""
        return self.baseline is not None and self.baseline.wanders > _NAMED

    @cached_property
    def steps_pA(self) -> float:
        """Standard deviation by which a baseline that wanders shifts each step beside its neighbours."""
        if self.baseline is None:
            return 0.0
        order = np.argsort(self.command_mV, kind="stable")
        differences = np.diff(np.eye(len(order)), _DIFFERENCES, axis=0)[:, np.argsort(order)]
        rough = np.einsum("ij,tjk,ik->t", differences, self._correlations, differences)
        se_pA = float(np.sqrt(np.square(self.se_pA).mean()))
        return self.baseline.added_se(se_pA, rough / float(np.square(differences).sum()))

    def with_errors(self, points: Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
        """Return the points with the wander of the baseline in the standard errors of the steps."""
        if not self.steps_pA:
            return points
        se_pA = np.asarray(points["se_pA"], dtype=float)
        is_step = np.asarray(points["role"]) != Role.HOLDING
        return dict(points) | {"se_pA": np.where(is_step, np.hypot(se_pA, self.steps_pA), se_pA)}

    def steps_se_mV(self, influence_mV_per_pA: FloatArray) -> float:
        """Return the standard error of a zero by the wander of each step alone, which the errors of the points hold."""
        return self.steps_pA * float(np.linalg.norm(influence_mV_per_pA))

    def shared_se_mV(self, levels_mV: FloatArray, influence_mV_per_pA: FloatArray) -> float:
        """Return the standard error of a zero by what steps wander together, beside that of each alone.

        Parameters
        ----------
        levels_mV : ndarray, shape (levels,)
            Of the I-V curve.
        influence_mV_per_pA : ndarray, shape (levels,)
            Change of the zero by the current at each.
        """
        if self.baseline is None:
            return 0.0
        influence = influence_mV_per_pA[np.abs(self.command_mV[:, None] - levels_mV).argmin(axis=1)]
        noise_mV = float(np.linalg.norm(influence * self.se_pA))
        of_times = np.einsum("i,tij,j->t", influence, self._correlations, influence)
        whole_mV, alone_mV = self.baseline.added_se(noise_mV, of_times), self.steps_se_mV(influence)
        return float(np.sqrt(max(0.0, whole_mV**2 - alone_mV**2)))

    def drift_at(self, zero_mV: float) -> float:
        """Return the largest size of a drift at a zero over that at the holding level; inf where the levels tell none.

        Parameters
        ----------
        zero_mV : float
        """
        if not self.command_mV.size:
            return math.inf
        series = (self.holding, self.command_mV, self.current_pA, self.se_pA, self.temperature_C)
        return Drifting(*series).largest_at(zero_mV)

    def beside(self, result: Result) -> Result:
        """Return a verdict without a zero, with the wander of the baseline in its reason where there is one."""
        if not self.is_named:
            return result
        remark = (
            f"the current wanders by {self.steps_pA:z.1g} pA from sweep to sweep, at the holding level or between "
            "neighbouring steps, which alone may do this: record it again, or average sweeps"
        )
        return replace(result, reason=f"{result.reason}; {remark}")

    @property
    def _sweep(self) -> FloatArray:
        return self.holding.sweep.astype(float)

    @cached_property
    def _correlations(self) -> FloatArray:
        return np.zeros((0, 0, 0)) if self.baseline is None else correlations(self._sweep, self.baseline.sweeps)
