"""Current at the level before the epoch, which is the same in all sweeps: a change of it is one of seal or baseline.

The levels of an I-V curve are measured one after another, sweep by sweep. Where the seal, the bath or the baseline
changes meanwhile, they do not belong to one curve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.contract.errors import runs
from nernstfit.contract.terms import Role
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.reversal.curve import Curve, total_se_pA
from nernstfit.reversal.quantiles import Z_99

FloatArray = NDArray[np.float64]

# Sweeps from which a change of the current at the holding level is looked for, and the part of its variance that a step
# explains, which of a straight drift is 0.75. With half the sweeps chance makes a step of noise, with double protocols
# of ten levels are not seen; with half the part a drift counts as a step, halfway to 1 slow noise hides one.
_MIN_HOLDING, _STEP_EXPLAINS = 6, 0.9
# Standard errors of a drift. Chance exceeds them in one of thousands of recordings; with half in one of twenty; with
# double, drifts of twice the size are overlooked.
_CHANGE_Z = 4.0
# Size of the holding potential in mV from which a change of the current there tells the conductance of a leak that
# reverses near 0 mV. With half, a change of the baseline at -15 mV counts as a leak four times larger at -60 mV; with
# double, a leak that grows in a cell held at -50 mV counts as half of it.
MIN_HOLDING_MV = 25.0
# Channels open at the holding level over those in the window at the same voltage, at most: slow gating by the sweep
# before, and desensitisation, leave more of them open. With 1 these count as a leak; with double, a leak beside a
# holding level from which the zero lies further away than its shift is overlooked.
_MOST_OPEN = 1.5

STEPS = "the current at the holding level steps; select sweeps in column sweeps"


def drifts(shift_mV: float) -> str:
    """Return the sentence on a drift of the current at the holding level.

    Parameters
    ----------
    shift_mV : float
        Largest size that the drift may have at the zero, over the slope there.
    """
    return (
        "the current at the holding level drifts over the sweeps, which may have moved the zero by up to "
        f"{shift_mV:z.1f} mV: a seal, a solution or a baseline that changes does, a current that runs down as a whole "
        "does not, and the levels do not tell which; record repeats of a shorter protocol, as ramps, each of which has "
        "a zero of its own, or select sweeps in column sweeps"
    )


def beside_mV(before: Curve | None, iv: Curve, slope_nS: float) -> float:
    """Return the shift of a zero if a current were subtracted that flows at the holding level beside the channels.

    All channels of a zero carry their current in one direction on one side of it, and before the epoch hardly more of
    them are open than in it at the same voltage: what flows beyond that is of something else.

    Parameters
    ----------
    before : Curve or None
        Current at the level before the epoch, where it is known and nothing is subtracted.
    iv : Curve
        The signal.
    slope_nS : float
        Slope of the signal at its zero.

    Returns
    -------
    float
        0 where nothing flows beside the channels (99 %), and where the level lies beyond those of the signal.
    """
    if before is None or before.size != 1 or not iv.voltage_mV[0] <= before.voltage_mV[0] <= iv.voltage_mV[-1]:
        return 0.0
    level_mV, flows_pA = float(before.voltage_mV[0]), float(before.current_pA[0])
    own_pA, se_pA = (float(np.interp(level_mV, iv.voltage_mV, each)) for each in (iv.current_pA, total_se_pA(iv)))
    most_pA = _MOST_OPEN * own_pA
    beside_pA = flows_pA - min(max(flows_pA, min(0.0, most_pA)), max(0.0, most_pA))
    is_beside = abs(beside_pA) > Z_99 * math.hypot(se_pA, float(total_se_pA(before)[0]))
    return beside_pA / slope_nS if is_beside else 0.0


@dataclass(frozen=True)
class Holding:
    """Current at the holding level of every sweep, in their order.

    Attributes
    ----------
    level_mV : float
    sweep : ndarray of int, shape (sweeps,)
    current_pA, se_pA : ndarray, shape (sweeps,)
    """

    level_mV: float
    sweep: NDArray[np.int64]
    current_pA: FloatArray
    se_pA: FloatArray

    @classmethod
    def of(cls, points: Mapping[str, ArrayLike]) -> Holding:
        """Return the current at the holding level from the points of a measurement; empty where there is none."""
        columns = {name: np.asarray(points[name]) for name in ("role", "sweep", "command_mV", "current_pA", "se_pA")}
        is_holding = columns.pop("role") == Role.HOLDING
        order = np.argsort(columns["sweep"][is_holding], kind="stable")
        own: dict[str, Any] = {name: values[is_holding][order] for name, values in columns.items()}
        level_mV = float(own["command_mV"][0]) if len(order) else math.nan
        return cls(level_mV, own["sweep"], own["current_pA"].astype(float), own["se_pA"].astype(float))

    @cached_property
    def step_at(self) -> int:
        """Number of sweeps before a step of the current between two sweeps, 0 for none."""
        if not self._is_followed:
            return 0
        current_pA = self.current_pA - float(self.current_pA.mean())
        count = np.arange(2, len(current_pA) - 1)
        before = np.cumsum(current_pA)[count - 1]
        explained = before**2 * (1 / count + 1 / (len(current_pA) - count))
        best = int(explained.argmax())
        return int(count[best]) if explained[best] > _STEP_EXPLAINS * float(current_pA @ current_pA) else 0

    @cached_property
    def step(self) -> tuple[str, str, float]:
        """Sweeps before and after a step of the current between two sweeps, and the step in pA, 0 for none."""
        at, current_pA = self.step_at, self.current_pA
        if not at:
            return "", "", 0.0
        step_pA = float(current_pA[at:].mean() - current_pA[:at].mean())
        return ",".join(runs(self.sweep[:at].tolist())), ",".join(runs(self.sweep[at:].tolist())), step_pA

    @property
    def step_sentence(self) -> str:
        """Sentence on the step, up to what it does to a zero."""
        before, after, step_pA = self.step
        return (
            f"the current at the level before the epoch steps by {step_pA:+z.0f} pA from sweeps {before} to {after}, "
            "as when a seal breaks or a solution is exchanged"
        )

    @cached_property
    def drift_pA(self) -> float:
        """Change of the current from the first sweep to the last by a straight line, 0 where it is not significant."""
        if not self._is_followed or self.step[2]:
            return 0.0
        slope, residual = self._line
        turn, residual = self._turn[self._usual], residual[self._usual]
        sd_pA = max(math.sqrt(float(residual @ residual) / (len(residual) - 2)), self._noise_pA)
        is_significant = abs(slope) * math.sqrt(float(turn @ turn)) > _CHANGE_Z * sd_pA
        return slope * float(np.ptp(self.sweep)) if is_significant else 0.0

    def drift_at_pA(self, potential_mV: float) -> float:
        """Return the change by the drift at a potential: the same, or that of a leak that reverses at 0 mV if larger.

        Parameters
        ----------
        potential_mV : float
        """
        return self.drift_pA * max(1.0, abs(potential_mV) / max(abs(self.level_mV), MIN_HOLDING_MV))

    @property
    def _is_followed(self) -> bool:
        return len(self.sweep) >= _MIN_HOLDING

    @property
    def _noise_pA(self) -> float:
        return math.sqrt(float((self.se_pA**2).mean()))

    @property
    def _turn(self) -> FloatArray:
        return np.asarray(self.sweep - float(self.sweep.mean()))

    @cached_property
    def _usual(self) -> NDArray[np.bool_]:
        """All sweeps but the one that is furthest from a straight line: a single artefact is no change of state."""
        residual = _straight(self._turn, self.current_pA, np.ones(len(self.sweep), dtype=bool))[1]
        return np.asarray(np.arange(len(residual)) != int(np.abs(residual).argmax()))

    @cached_property
    def _line(self) -> tuple[float, FloatArray]:
        """Slope of a straight line through the usual currents in pA per sweep, and the differences of all from it."""
        return _straight(self._turn, self.current_pA, self._usual)


def _straight(turn: FloatArray, current_pA: FloatArray, used: NDArray[np.bool_]) -> tuple[float, FloatArray]:
    """Fit a straight line to some of the currents; return its slope and the differences of all from it."""
    middle, level = float(turn[used].mean()), float(current_pA[used].mean())
    own = turn[used] - middle
    slope = float(own @ current_pA[used]) / float(own @ own)
    return slope, current_pA - level - slope * (turn - middle)


@dataclass(frozen=True)
class StepSeries:
    """One series of steps from a holding level; arrays of shape (sweeps,), empty of other recordings.

    Attributes
    ----------
    holding : Holding
    command_mV : ndarray
        Level of each sweep.
    current_pA, se_pA : ndarray
        Current there, and its standard error by the noise within the window.
    temperature_C : float
    """

    holding: Holding
    command_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    temperature_C: float

    @property
    def reduced(self) -> FloatArray:
        """Levels over the thermal voltage."""
        return self.command_mV / float(thermal_voltage_mV(self.temperature_C))
