"""From an I-V curve to a reversal potential with its error and its verdict.

A crossing counts only where it is confirmed: a level whose current is significantly negative
and one whose current is significantly positive, with nothing significant between them. There,
and nowhere else, an estimator looks for the zero. What does not stand up to that is refused
with a reason, never turned into a number.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.curve import Curve, coarse, total_se_pA
from nernstfit.reversal.estimators import ESTIMATORS, SECOND, Zero

FloatArray = NDArray[np.float64]

REVERSAL, NO_CROSSING, AMBIGUOUS, NOT_A_REVERSAL = "reversal", "no_crossing", "ambiguous", "not_a_reversal"
Z_95 = 1.959963984540054  # normal quantiles: 95 % two-sided ...
Z_99 = 2.5758293035489004  # ... and 99 %
_MIN_SLOPE = 0.05
_DISAGREE = 2.0
_MIN_STEP_MV = 1e-9


@dataclass(frozen=True)
class Result:
    """What an I-V curve says; numbers are nan unless the verdict has them.

    `potential_mV`, `se_mV`, `slope_nS` and `zero` belong to a reversal, and so does `disagreement_mV`:
    what the second estimator finds less what the chosen one does. `low_mV` or `high_mV` bounds the
    potential on one side where the current has one sign at every level.
    """

    verdict: str
    reason: str = ""
    potential_mV: float = math.nan
    se_mV: float = math.nan
    slope_nS: float = math.nan
    low_mV: float = math.nan
    high_mV: float = math.nan
    disagreement_mV: float = math.nan
    disagreement_se_mV: float = math.nan
    bracket: tuple[float, float] | None = None
    zero: Zero | None = None

    @property
    def disagrees(self) -> bool:
        """Whether the two estimators differ by more than two standard errors of the difference."""
        return abs(self.disagreement_mV) > _DISAGREE * self.disagreement_se_mV


def find(
    iv: Curve, max_interval_mV: float, min_span_mV: float, estimator: str = "local", temperature_C: float = 22.0
) -> Result:
    """Find the reversal potential of an I-V curve on its voltage axis.

    Parameters
    ----------
    iv : Curve
    max_interval_mV : float
        A 95 % interval wider than this, or several crossings further apart, are ambiguous.
    min_span_mV : float
        On both sides of the crossing the current must be told from zero (99 %) within this distance.
    estimator : str
        A key of `ESTIMATORS`.
    temperature_C : float
        Of the recording; only the GHK estimator uses it.

    Returns
    -------
    Result
    """
    if iv.size < 2:
        return Result(NO_CROSSING, f"the current is known at {iv.size} level only")
    few = coarse(iv)
    brackets = confirmed_brackets(few)
    if not brackets:
        return _no_crossing(few)
    zeros = {bracket: ESTIMATORS[estimator](iv, bracket, temperature_C) for bracket in brackets}
    refusals = {bracket: _refusal(few, zero, bracket, min_span_mV) for bracket, zero in zeros.items()}
    standing = [bracket for bracket, refusal in refusals.items() if not refusal]
    if not standing:
        return Result(NOT_A_REVERSAL, next(iter(refusals.values())))
    missed = [bracket for bracket in standing if math.isnan(zeros[bracket].potential_mV)]
    if missed:
        low, high = missed[0]
        reason = f"the current crosses zero between {low:.1f} and {high:.1f} mV, but the estimator "
        return Result(AMBIGUOUS, f"{reason}'{estimator}' finds no zero there")
    apart = zeros[standing[-1]].potential_mV - zeros[standing[0]].potential_mV
    if apart > max_interval_mV:
        places = ", ".join(f"{zeros[bracket].potential_mV:.1f}" for bracket in standing)
        return Result(AMBIGUOUS, f"the current crosses zero at {places} mV")
    best = min(standing, key=lambda bracket: zeros[bracket].se_mV)
    return _result(iv, zeros[best], best, max_interval_mV, SECOND[estimator], temperature_C)


def zero_near(iv: Curve, near_mV: float, estimator: str, temperature_C: float) -> float:
    """Return the confirmed zero that is nearest to a potential, nan where there is none.

    Parameters
    ----------
    iv : Curve
    near_mV : float
    estimator : str
        A key of `ESTIMATORS`.
    temperature_C : float
    """
    brackets = confirmed_brackets(coarse(iv)) if iv.size > 1 else ()
    if not brackets:
        return math.nan
    nearest = min(brackets, key=lambda bracket: abs(sum(bracket) / 2 - near_mV))
    return ESTIMATORS[estimator](iv, nearest, temperature_C).potential_mV


def subtracted_fraction(iv: Curve, zero: Zero) -> float:
    """Part of the slope of the total current at the zero that was subtracted.

    Parameters
    ----------
    iv : Curve
    zero : Zero
        Of its current.
    """
    few = coarse(iv)
    right = int(np.clip(np.searchsorted(few.voltage_mV, zero.potential_mV), 1, few.size - 1))
    taken = few.total_pA - few.current_pA
    slope = float(np.diff(taken[right - 1 : right + 1])[0] / np.diff(few.voltage_mV[right - 1 : right + 1])[0])
    return slope / (slope + zero.slope_nS)


def drift(iv: Curve, zero: Zero) -> tuple[float, float]:
    """How far the zero moved from the first repeat to the last, by a straight line, and its standard error.

    Parameters
    ----------
    iv : Curve
    zero : Zero

    Returns
    -------
    drift_mV, se_mV : float
        0 and inf where there are no repeats.
    """
    count = len(zero.shifts_mV)
    if count < 2:
        return 0.0, math.inf
    turn = np.arange(count) - (count - 1) / 2
    slope = float(turn @ zero.shifts_mV) / float(turn @ turn)
    noise = count * float(np.sum((zero.influence_mV_per_pA * iv.se_pA / iv.scatter) ** 2))
    beside = float(np.sum((zero.shifts_mV - slope * turn) ** 2)) / max(1, count - 2)
    return slope * (count - 1), math.sqrt(max(noise, beside) / float(turn @ turn)) * (count - 1)


def _result(
    iv: Curve, zero: Zero, bracket: tuple[float, float], max_interval_mV: float, second: str, temperature_C: float
) -> Result:
    width = 2 * Z_95 * zero.se_mV
    if width > max_interval_mV:
        return Result(AMBIGUOUS, f"the 95 % interval is {width:.1f} mV wide; at most {max_interval_mV:g} is asked for")
    other = ESTIMATORS[second](iv, bracket, temperature_C)
    return Result(
        REVERSAL,
        "",
        zero.potential_mV,
        zero.se_mV,
        zero.slope_nS,
        disagreement_mV=other.potential_mV - zero.potential_mV,
        disagreement_se_mV=math.hypot(zero.se_mV, other.se_mV),
        bracket=bracket,
        zero=zero,
    )


def confirmed_brackets(few: Curve) -> tuple[tuple[float, float], ...]:
    """Voltages of two significant levels of opposite sign with nothing significant between them, for each such pair.

    Parameters
    ----------
    few : Curve
        Of steps, or the coarse curve of a ramp.
    """
    significant = np.flatnonzero(np.abs(few.current_pA) > Z_99 * total_se_pA(few))
    pairs = itertools.pairwise(significant.tolist())
    return tuple(
        (float(few.voltage_mV[a]), float(few.voltage_mV[b]))
        for a, b in pairs
        if few.current_pA[a] * few.current_pA[b] < 0
    )


def _refusal(few: Curve, zero: Zero, bracket: tuple[float, float], min_span_mV: float) -> str:
    """Why a confirmed crossing is no reversal, or ''."""
    known = math.isfinite(zero.potential_mV)
    potential = zero.potential_mV if known else sum(bracket) / 2
    at = np.searchsorted(few.voltage_mV, bracket)
    rise = float(few.current_pA[at[1]] - few.current_pA[at[0]])
    slope = zero.slope_nS if known else rise / max(bracket[1] - bracket[0], _MIN_STEP_MV)
    place = f"{potential:.1f} mV"
    for side, direction in (("below", -1), ("above", 1)):
        levels = _levels_beside(few, potential, direction, min_span_mV)
        # What the levels share moves the zero itself, and is in its error.
        weight = few.weight[levels] ** 2
        z = float(weight @ few.current_pA[levels]) / math.sqrt(weight.sum())
        if z * math.copysign(1.0, slope) * direction <= Z_99:
            reach = abs(few.voltage_mV[levels] - potential).max()
            return f"up to {reach:.0f} mV {side} {place} the current cannot be told from zero"
    # A wrong series resistance may lay levels on one another.
    steps = np.maximum(np.diff(few.voltage_mV), _MIN_STEP_MV)
    steepest = float((np.abs(np.diff(few.current_pA)) / steps).max())
    if abs(slope) < _MIN_SLOPE * steepest:
        return f"the slope at {place} is only {abs(slope) / steepest:.1%} of the largest in the recording"
    return ""


def _levels_beside(few: Curve, zero_mV: float, direction: int, min_span_mV: float) -> NDArray[np.int64]:
    """Levels on one side as far as the span, and as the first level that reaches it."""
    away = direction * (few.voltage_mV - zero_mV)
    there = np.flatnonzero(away >= 0)
    beyond = away[there][away[there] >= min_span_mV]
    return there[away[there] <= (beyond.min() if len(beyond) else math.inf)]


def _no_crossing(few: Curve) -> Result:
    """No confirmed crossing: a bound where the current has one sign and is still falling towards its last level."""
    signs = np.sign(few.current_pA).tolist()
    if abs(sum(signs)) < len(signs):
        return Result(NO_CROSSING, "the current has no confirmed change of sign")
    outward = signs[0] > 0
    # Above its reversal potential a current is outward: the potential lies beyond the lowest level, or, of an
    # inward current, beyond the highest.
    last = 0 if outward else len(signs) - 1
    edge, size = float(few.voltage_mV[last]), np.abs(few.current_pA)
    word = "outward" if outward else "inward"
    reason = f"the current is {word} at every level from {few.voltage_mV[0]:.1f} to {few.voltage_mV[-1]:.1f} mV"
    if size[last] > size.min() or size[last] <= Z_99 * total_se_pA(few)[last]:
        return Result(NO_CROSSING, reason)
    return Result(NO_CROSSING, reason, high_mV=edge) if outward else Result(NO_CROSSING, reason, low_mV=edge)


def on_membrane(result: Result, sign: int, added_mV: float) -> Result:
    """Carry a result from the pipette's command to the membrane: sign x potential + what was added."""
    low, high = result.low_mV, result.high_mV
    if sign < 0:
        low, high = high, low
    return replace(
        result,
        potential_mV=sign * result.potential_mV + added_mV,
        low_mV=sign * low + added_mV,
        high_mV=sign * high + added_mV,
    )
