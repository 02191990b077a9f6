"""Order of the sweeps: states of a recording that follow, or alternate with, one another, each with its own current."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.errors import runs
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.reversal.classify import Result
from nernstfit.reversal.holding import Holding
from nernstfit.reversal.states import OWN_ROWS, named, remedy, written

FloatArray = NDArray[np.float64]
Points = Mapping[str, NDArray[Any]]

# Levels from which an alternation is looked for. With half, four numbers fit the differences of as many levels; with
# double, protocols of 20 mV steps are not seen.
_MIN_LEVELS = 8
# Part of the differences between neighbours beyond a smooth course that an alternation explains, and their size over
# the noise. Independent scatter of the levels is explained by half; with half of both, noise alternates; with a part
# halfway to 1, a drug that changes the shape of the curve is not seen.
_EXPLAINS, _OVER_NOISE = 0.9, 4.0
# Variance of the difference of a level from the mean of its neighbours, over that of a level.
_OF_DIFFERENCE = 1.5


@dataclass(frozen=True)
class SweepOrder:
    """Sweeps of a measurement in their order.

    Attributes
    ----------
    signal : mapping
        Columns of the points of the signal.
    holding : Holding
    found : callable
        From a mask of the points to the verdict on them alone.
    """

    signal: Points
    holding: Holding
    found: Callable[[NDArray[np.bool_]], Result]

    def alternation(self) -> Result | None:
        """Return the verdict that the currents of every second sweep belong together; None where they do not."""
        if not self._alternates:
            return None
        is_even = np.arange(len(self.signal["sweep"])) % 2 == 0
        halves = (is_even, ~is_even)
        spans = [sweeps(self.signal, rows) for rows in halves]
        zeros = [written(self.found(rows).potential_mV) for rows in halves]
        each = [f"sweeps {span} {zero}" for span, zero in zip(spans, zeros, strict=True)]
        reason = (
            f"the current alternates from sweep to sweep, as with a drug in every second one: {', '.join(each)}; give "
            "each state a row of its own with its sweeps in column sweeps"
        )
        return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=remedy(spans))

    def step(self, refused: Result) -> Result | None:
        """Return the verdict that a step of the current at the holding level explains a crossing that is no reversal.

        None where it does not: the sweeps before or after it have such a crossing too.

        Parameters
        ----------
        refused : Result
        """
        before, after, step_pA = self.holding.step
        if not step_pA or refused.verdict is not PotentialVerdict.NOT_A_REVERSAL:
            return None
        is_before = self.signal["sweep"] < self.holding.sweep[self.holding.step_at]
        alone = [self.found(rows) for rows in (is_before, ~is_before)]
        if any(each.verdict is PotentialVerdict.NOT_A_REVERSAL for each in alone):
            return None
        potentials = ", ".join(
            f"sweeps {span} {written(each.potential_mV)}" for span, each in zip((before, after), alone, strict=True)
        )
        reason = f"{self.holding.step_sentence}: {potentials}; {OWN_ROWS}"
        return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=remedy((before, after)))

    @cached_property
    def _alternates(self) -> bool:
        """True where neighbouring levels of one series of steps lie on two curves by turns.

        A level differs from the mean of its neighbours by the curvature, and by what alternates: both are taken for
        straight lines against the voltage, since a block is a part of the current.
        """
        level_mV = self.signal["command_mV"].astype(float)
        is_series = (np.diff(level_mV) > 0).all() or (np.diff(level_mV) < 0).all()
        if len(level_mV) < _MIN_LEVELS or not is_series or self.signal["point"].astype(float).any():
            return False
        current_pA, noise_pA = (self.signal[name].astype(float) for name in ("current_pA", "se_pA"))
        differences = current_pA[1:-1] - (current_pA[:-2] + current_pA[2:]) / 2
        smooth = np.vander((level_mV[1:-1] - level_mV.mean()) / float(np.ptp(level_mV)), 2)
        turns = smooth * np.where(np.arange(len(differences)) % 2, 1.0, -1.0)[:, None]
        beside, left = (_left(design, differences) for design in (smooth, np.hstack((smooth, turns))))
        noise_pA2 = _OF_DIFFERENCE * float(np.square(noise_pA).mean()) * len(differences)
        return beside - left > max(_EXPLAINS * beside, _OVER_NOISE**2 * noise_pA2)


def sweeps(points: Points, rows: NDArray[np.bool_] | slice = slice(None)) -> str:
    """Return the sweeps of some points as the table has them, such as 0-11,15.

    Parameters
    ----------
    points : mapping
    rows : ndarray of bool, or slice
    """
    return ",".join(runs(points["sweep"][rows].tolist()))


def states(spans: Sequence[str], potentials_mV: Sequence[float], limit_mV: float) -> Result:
    """Return the verdict that ranges of sweeps have their own zeros.

    Parameters
    ----------
    spans : sequence of str
        Sweeps of each range.
    potentials_mV : sequence of float
        Zero of each; nan where it has none.
    limit_mV : float
        Largest difference that is not ambiguous.
    """
    moves = f"the zero moves by more than max_interval_mV = {limit_mV:g} over the sweeps"
    reason = f"{moves}: {named(spans, potentials_mV)}; {OWN_ROWS}"
    return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=remedy(spans))


def _left(design: FloatArray, values: FloatArray) -> float:
    """Return the sum of squares that a linear model leaves."""
    residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(residual @ residual)
