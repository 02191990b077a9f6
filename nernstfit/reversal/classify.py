"""Verdicts on I-V curves: from a curve to a reversal potential with its error, or to the reason why there is none.

A crossing counts only where it is confirmed: a level whose current is significantly negative
and one whose current is significantly positive, with no significant level between them. There,
and nowhere else, an estimator looks for the zero. A crossing that fails a criterion is refused
with a reason and gets no number.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.reversal import registry
from nernstfit.reversal.curve import Curve, coarse, total_se_pA
from nernstfit.reversal.estimator import Bracket, Zero

FloatArray = NDArray[np.float64]

# Standard normal quantiles of two-sided 95 % and 99 %: the interval of a potential, and the significance level of a
# current against zero. Noise around zero at 30 levels gives two significant ones of opposite sign in about 2 % of
# recordings; with half of the 1 % in 0.5 %, with double in 8 %, but then smaller true currents are confirmed.
Z_95, Z_99 = 1.959963984540054, 2.5758293035489004
# Least slope at a crossing, as a fraction of the largest in the recording (contract). Below it the crossing is that
# of a current near zero on both sides: half accepts more of those, double refuses strong rectifiers.
_MIN_SLOPE_FRACTION = 0.05
# Standard errors beyond which two estimators disagree. The errors are combined as if independent, but the estimators
# share the noise, so that chance alone exceeds 2 in less than 5 % of recordings. With half the noise is flagged, with
# double the fit does not include errors of the model that are larger than the standard error.
_DISAGREEMENT_Z = 2.0
# Step in mV that stands for none where a wrong series resistance places levels on one another; any value far below
# a step of a protocol gives the same verdicts.
_MIN_STEP_MV = 1e-9


@dataclass(frozen=True)
class Result:
    """Verdict on an I-V curve with its numbers, which are nan unless the verdict has them.

    `potential_mV`, `se_mV`, `slope_nS` and `zero` belong to a reversal, and so does `disagreement_mV`:
    the zero by the second estimator minus that by the chosen one. `low_mV` or `high_mV` bounds the
    potential on one side where the current has one sign at every level.
    """

    verdict: PotentialVerdict
    reason: str = ""
    potential_mV: float = math.nan
    se_mV: float = math.nan
    slope_nS: float = math.nan
    low_mV: float = math.nan
    high_mV: float = math.nan
    disagreement_mV: float = math.nan
    disagreement_se_mV: float = math.nan
    bracket: Bracket | None = None
    zero: Zero | None = None

    @property
    def disagrees(self) -> bool:
        """True where the two estimators differ by more than two standard errors of the difference."""
        return abs(self.disagreement_mV) > _DISAGREEMENT_Z * self.disagreement_se_mV


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
        On both sides of the crossing the current must differ from zero (99 %) within this distance.
    estimator : str
        Name of an estimator of the registry.
    temperature_C : float
        Temperature of the recording; only estimators with a thermal voltage use it.

    Returns
    -------
    Result
    """
    if iv.size < 2:
        return Result(PotentialVerdict.NO_CROSSING, f"the current is known at {iv.size} level only")
    few = coarse(iv)
    brackets = confirmed_brackets(few)
    if not brackets:
        return _no_crossing(few)
    chosen = registry.get(estimator)
    zeros = {bracket: chosen.zero(iv, bracket, temperature_C) for bracket in brackets}
    refusals = {bracket: _refusal(few, zero, bracket, min_span_mV) for bracket, zero in zeros.items()}
    accepted = {bracket: zero for bracket, zero in zeros.items() if not refusals[bracket]}
    if not accepted:
        return Result(PotentialVerdict.NOT_A_REVERSAL, next(iter(refusals.values())))
    reason = _ambiguity(accepted, estimator, max_interval_mV)
    if reason:
        return Result(PotentialVerdict.AMBIGUOUS, reason)
    best = min(accepted, key=lambda bracket: accepted[bracket].se_mV)
    return _reversal(accepted[best], best, registry.get(chosen.second).zero(iv, best, temperature_C))


def zero_near(iv: Curve, near_mV: float, estimator: str, temperature_C: float) -> float:
    """Return the confirmed zero that is nearest to a potential, nan where there is none.

    Parameters
    ----------
    iv : Curve
    near_mV : float
    estimator : str
        Name of an estimator of the registry.
    temperature_C : float
    """
    brackets = confirmed_brackets(coarse(iv)) if iv.size > 1 else ()
    if not brackets:
        return math.nan
    nearest = min(brackets, key=lambda bracket: abs(sum(bracket) / 2 - near_mV))
    return registry.get(estimator).zero(iv, nearest, temperature_C).potential_mV


def subtracted_fraction(iv: Curve, zero: Zero) -> float:
    """Return the fraction of the slope of the total current at the zero that was subtracted.

    Parameters
    ----------
    iv : Curve
    zero : Zero
        Zero of the curve's current.
    """
    few = coarse(iv)
    right = int(np.clip(np.searchsorted(few.voltage_mV, zero.potential_mV), 1, few.size - 1))
    subtracted = few.total_pA - few.current_pA
    slope = float(np.diff(subtracted[right - 1 : right + 1])[0] / np.diff(few.voltage_mV[right - 1 : right + 1])[0])
    return slope / (slope + zero.slope_nS)


def drift(iv: Curve, zero: Zero) -> tuple[float, float]:
    """Estimate the shift of the zero from the first repeat to the last by a straight line.

    Parameters
    ----------
    iv : Curve
    zero : Zero

    Returns
    -------
    drift_mV, se_mV : float
        Shift and its standard error; 0 and inf where there are no repeats.
    """
    count = len(zero.shifts_mV)
    if count < 2:
        return 0.0, math.inf
    turn = np.arange(count) - (count - 1) / 2
    slope = float(turn @ zero.shifts_mV) / float(turn @ turn)
    noise = count * float(np.sum((zero.influence_mV_per_pA * iv.se_pA / iv.scatter) ** 2))
    residual = float(np.sum((zero.shifts_mV - slope * turn) ** 2)) / max(1, count - 2)
    return slope * (count - 1), math.sqrt(max(noise, residual) / float(turn @ turn)) * (count - 1)


def confirmed_brackets(few: Curve) -> tuple[Bracket, ...]:
    """Return the voltages of neighbouring significant levels of opposite sign, for each such pair.

    Parameters
    ----------
    few : Curve
        Curve of steps, or the coarse curve of a ramp. Levels that are not significant are passed over.
    """
    significant = np.flatnonzero(np.abs(few.current_pA) > Z_99 * total_se_pA(few))
    pairs = itertools.pairwise(significant.tolist())
    return tuple(
        (float(few.voltage_mV[a]), float(few.voltage_mV[b]))
        for a, b in pairs
        if few.current_pA[a] * few.current_pA[b] < 0
    )


def on_membrane(result: Result, sign: int, added_mV: float) -> Result:
    """Convert a result from the pipette's command to the membrane potential.

    Parameters
    ----------
    result : Result
    sign : int
        1, or -1 for an inside-out patch.
    added_mV : float
        Junction potential that is added to sign x potential.
    """
    low, high = result.low_mV, result.high_mV
    if sign < 0:
        low, high = high, low
    return replace(
        result,
        potential_mV=sign * result.potential_mV + added_mV,
        low_mV=sign * low + added_mV,
        high_mV=sign * high + added_mV,
    )


def _ambiguity(accepted: Mapping[Bracket, Zero], estimator: str, max_interval_mV: float) -> str:
    """Return the reason why accepted crossings are ambiguous, or ''."""
    for (low, high), zero in accepted.items():
        if math.isnan(zero.potential_mV):
            return (
                f"the current changes sign between {low:.1f} and {high:.1f} mV, but the curve that the estimator "
                f"'{estimator}' fits has no zero there; record more levels near the crossing, or choose another "
                "estimator"
            )
    potentials = [zero.potential_mV for zero in accepted.values()]
    if potentials[-1] - potentials[0] > max_interval_mV:
        return f"the current crosses zero at {', '.join(f'{potential:.1f}' for potential in potentials)} mV"
    width = 2 * Z_95 * min(zero.se_mV for zero in accepted.values())
    if width > max_interval_mV:
        return f"the 95 % interval is {width:.1f} mV wide, more than max_interval_mV = {max_interval_mV:g}"
    return ""


def _reversal(zero: Zero, bracket: Bracket, second: Zero) -> Result:
    return Result(
        PotentialVerdict.REVERSAL,
        "",
        zero.potential_mV,
        zero.se_mV,
        zero.slope_nS,
        disagreement_mV=second.potential_mV - zero.potential_mV,
        disagreement_se_mV=math.hypot(zero.se_mV, second.se_mV),
        bracket=bracket,
        zero=zero,
    )


def _refusal(few: Curve, zero: Zero, bracket: Bracket, min_span_mV: float) -> str:
    """Return the reason why a confirmed crossing is no reversal, or ''."""
    known = math.isfinite(zero.potential_mV)
    potential = zero.potential_mV if known else sum(bracket) / 2
    at = np.searchsorted(few.voltage_mV, bracket)
    rise = float(few.current_pA[at[1]] - few.current_pA[at[0]])
    slope = zero.slope_nS if known else rise / max(bracket[1] - bracket[0], _MIN_STEP_MV)
    place = f"{potential:.1f} mV"
    for side, direction in (("below", -1), ("above", 1)):
        levels = _levels_beside(few, potential, direction, min_span_mV)
        # The errors that levels share move the zero itself, and are in its error.
        weight = few.weight[levels] ** 2
        z = float(weight @ few.current_pA[levels]) / math.sqrt(weight.sum())
        if z * math.copysign(1.0, slope) * direction <= Z_99:
            reach = abs(few.voltage_mV[levels] - potential).max()
            return f"up to {reach:.0f} mV {side} {place} the current does not differ significantly from zero"
    # A wrong series resistance may place levels on one another.
    steps = np.maximum(np.diff(few.voltage_mV), _MIN_STEP_MV)
    steepest = float((np.abs(np.diff(few.current_pA)) / steps).max())
    if abs(slope) < _MIN_SLOPE_FRACTION * steepest:
        return f"the slope at {place} is only {abs(slope) / steepest:.1%} of the largest in the recording"
    return ""


def _levels_beside(few: Curve, zero_mV: float, direction: int, min_span_mV: float) -> NDArray[np.int64]:
    """Return the levels on one side within the span, and the first level beyond it."""
    away = direction * (few.voltage_mV - zero_mV)
    there = np.flatnonzero(away >= 0)
    beyond = away[there][away[there] >= min_span_mV]
    return there[away[there] <= (beyond.min() if len(beyond) else math.inf)]


def _no_crossing(few: Curve) -> Result:
    """Return a bound where the current has one sign and is still falling towards its last level."""
    signs = np.sign(few.current_pA).tolist()
    if abs(sum(signs)) < len(signs):
        return Result(PotentialVerdict.NO_CROSSING, "the current has no confirmed change of sign")
    outward = signs[0] > 0
    # Above its reversal potential a current is outward: the potential lies beyond the lowest level, or, of an
    # inward current, beyond the highest.
    last = 0 if outward else len(signs) - 1
    edge, size = float(few.voltage_mV[last]), np.abs(few.current_pA)
    word = "outward" if outward else "inward"
    reason = f"the current is {word} at every level from {few.voltage_mV[0]:.1f} to {few.voltage_mV[-1]:.1f} mV"
    result = Result(PotentialVerdict.NO_CROSSING, reason)
    if size[last] > size.min() or size[last] <= Z_99 * total_se_pA(few)[last]:
        return result
    return replace(result, high_mV=edge) if outward else replace(result, low_mV=edge)
