"""Verdicts on I-V curves: from a curve to a reversal potential with its error, or to the reason why there is none.

A crossing counts only where it is confirmed: a level whose current is significantly negative
and one whose current is significantly positive, with no significant level between them. There,
and nowhere else, an estimator looks for the zero. A crossing that fails a criterion is refused
with a reason and gets no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import OpenPore, PotentialVerdict
from nernstfit.reversal import registry
from nernstfit.reversal.curve import SIGNIFICANT_Z, Curve, coarse, confirmed_brackets, total_se_pA
from nernstfit.reversal.estimator import Bracket, Zero, largest_error, secant
from nernstfit.reversal.open_pore import Bend, broken_levels, course_se_mV, steepest_bend
from nernstfit.reversal.quantiles import Z_95

FloatArray = NDArray[np.float64]

# Least slope at a crossing, as a fraction of the largest in the recording (contract). Below it the crossing is that
# of a current near zero on both sides: half accepts more of those, double refuses strong rectifiers.
_MIN_SLOPE_FRACTION = 0.05
# Standard errors beyond which two estimators disagree. The errors are combined as if independent, but the estimators
# share the noise, so that chance alone exceeds 2 in less than 5 % of recordings. With half the noise is flagged, with
# double the fit does not include errors of the model that are larger than the standard error.
_DISAGREEMENT_Z = 2.0
# Levels of a curve from which single ones are judged by their neighbours; of fewer all are needed for the zero itself.
# With half there would be no neighbours, with double protocols of 20 mV steps keep a broken level.
_MIN_WITH_NEIGHBOURS = 6
# Levels of a curve that show its course between them; fewer leave it within the limits of an open pore. With half a
# chord counts as the curve, with double the course that a spline finds is doubted.
_MIN_FOR_COURSE = 4
# Least range of the levels in mV. With half, protocols in V over 2 V pass as mV; with double, two levels that are left
# of a current that saturates are refused.
_LEAST_SPAN_MV = 3.0
# Distance in mV beyond the last level at which a current of one sign may still reverse. With half, the limit of a
# current through few ions is none; with double, a stimulus artefact, the same at every level, gives a limit.
_FURTHEST_MV = 200.0
# Factor of the error of a level that shall not count, beyond any artefact. Half and double give the same zero.
_WITHOUT_WEIGHT = 1e6
# Step in mV that stands for none where a wrong series resistance places levels on one another; any value far below
# a step of a protocol gives the same verdicts.
_MIN_STEP_MV = 1e-9


@dataclass(frozen=True)
class Criteria:
    """Criteria of a reversal, and how its zero is found.

    Attributes
    ----------
    max_interval_mV : float
        A 95 % interval wider than this is ambiguous, and so are several crossings further apart.
    min_span_mV : float
        On both sides of the crossing the current must differ from zero (99 %) within this distance.
    estimator : str
        Name of an estimator of the registry.
    temperature_C : float
        Temperature of the recording.
    sign : int
        1 where the command depolarises the membrane as it rises, -1 for an inside-out patch.
    open_pore : OpenPore
        Consequence of an I-V curve that an open pore cannot have.
    is_subtracted : bool
        True where a leak was subtracted: what is left need not have the shape of an open pore's current.
    """

    max_interval_mV: float = 10.0
    min_span_mV: float = 15.0
    estimator: str = "local"
    temperature_C: float = 22.0
    sign: int = 1
    open_pore: OpenPore = OpenPore.REFUSE
    is_subtracted: bool = False


@dataclass(frozen=True)
class Result:
    """Verdict on an I-V curve with its numbers, which are nan unless the verdict has them.

    `remedy` gives columns of the table with the values that would settle it, as column=value; alternatives between |.
    `potential_mV`, `se_mV`, `slope_nS` and `zero` belong to a reversal, and so does `disagreement_mV`:
    the zero by the second estimator minus that by the chosen one. `low_mV` or `high_mV` bounds the
    potential on one side where the current has one sign at every level. `steepens` and `flattens` are the
    changes of slope with depolarisation around the zero where they exceed the limits of an open pore; `left_out` is the
    number of levels without weight, which leave the course of the others.
    """

    verdict: PotentialVerdict
    reason: str = ""
    remedy: str = field(default="", kw_only=True)
    potential_mV: float = math.nan
    se_mV: float = math.nan
    slope_nS: float = math.nan
    low_mV: float = math.nan
    high_mV: float = math.nan
    disagreement_mV: float = math.nan
    disagreement_se_mV: float = math.nan
    bracket: Bracket | None = None
    zero: Zero | None = None
    steepens: Bend | None = None
    flattens: Bend | None = None
    left_out: int = 0

    @property
    def disagrees(self) -> bool:
        """True where the two estimators differ by more than two standard errors of the difference."""
        return abs(self.disagreement_mV) > _DISAGREEMENT_Z * self.disagreement_se_mV

    @property
    def flattening(self) -> str:
        """Sentence on a current that flattens with depolarisation around the zero as in no open pore, or ''."""
        if self.flattens is None:
            return ""
        # The later of the two slopes with depolarisation is the smaller one.
        steep, flat = max(self.flattens.slopes_nS), min(self.flattens.slopes_nS)
        return (
            f"the current flattens with depolarisation around {self.potential_mV:z.1f} mV, from {steep:.2g} to "
            f"{flat:.2g} nS, more than in an open pore: an inward rectifier, a blocked pore, or channels that close, "
            "beside a leak? With a leak the zero lies between that of the channels and that of the leak: subtract the "
            "leak, or block the channels and subtract the background"
        )


def find(iv: Curve, criteria: Criteria) -> Result:
    """Find the reversal potential of an I-V curve on its voltage axis.

    Parameters
    ----------
    iv : Curve
    criteria : Criteria

    Returns
    -------
    Result
    """
    if iv.size < 2:
        return Result(PotentialVerdict.NO_CROSSING, f"the current is known at {iv.size} level only")
    if (span_mV := float(np.ptp(iv.voltage_mV))) < _LEAST_SPAN_MV:
        reason = (
            f"the levels span {span_mV:.2g} mV, too little for the course of a current; are they in V, and the file "
            "calls them mV?"
        )
        return Result(PotentialVerdict.NOT_A_REVERSAL, reason)
    search = _Search(iv, criteria)
    if not search.brackets:
        return _hidden(search.few, criteria) or _no_crossing(search.few)
    crossings = search.crossings()
    refusals = tuple(_refusal(search.few, crossing, criteria) for crossing in crossings)
    accepted = tuple(crossing for crossing, refusal in zip(crossings, refusals, strict=True) if refusal is None)
    if not accepted:
        return next(refusal for refusal in refusals if refusal is not None)
    if len(accepted) > 1:
        # A crossing with the slope of an open pore, or a rectifier, goes before those where channels open or close.
        accepted = tuple(crossing for crossing in accepted if crossing.is_open) or accepted
    reason = _ambiguity(accepted, iv, criteria)
    if reason:
        return Result(PotentialVerdict.AMBIGUOUS, reason)
    (chosen,) = accepted
    second = search.zero(chosen.bracket, registry.get(criteria.estimator).second)
    return replace(_reversal(chosen, second), left_out=int(search.broken_outside(chosen.bracket).sum()))


def zeros(iv: Curve, criteria: Criteria) -> tuple[Zero, ...]:
    """Return the confirmed zeros of a curve at which its current rises, by rising voltage.

    Parameters
    ----------
    iv : Curve
    criteria : Criteria
    """
    search = _Search(iv, criteria)
    found = (search.zero(bracket) for bracket in search.brackets)
    return tuple(zero for zero in found if zero.slope_nS > 0 and math.isfinite(zero.potential_mV))


def nearest_zero(iv: Curve, near_mV: float, criteria: Criteria) -> Zero | None:
    """Return the confirmed zero that is nearest to a potential, None where there is none.

    Parameters
    ----------
    iv : Curve
    near_mV : float
    criteria : Criteria
    """
    search = _Search(iv, criteria)
    nearest = min(search.brackets, key=lambda bracket: abs(sum(bracket) / 2 - near_mV), default=None)
    zero = search.zero(nearest) if nearest else None
    return zero if zero is not None and math.isfinite(zero.potential_mV) else None


def interval_mV(se_mV: float, shift_mV: float, reach_mV: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Return how far the 95 % interval of a potential reaches below and above it.

    Parameters
    ----------
    se_mV : float
        Standard error.
    shift_mV : float
        Possible shift to one side (95 % limit), as by a capacitance that is not known.
    reach_mV : tuple of float
        Distance by which the truth may lie below and above (95 % limits), as the zero of a state of some sweeps.
    """
    own, (below, above) = Z_95 * se_mV, reach_mV
    return math.hypot(own, min(shift_mV, 0.0), below), math.hypot(own, max(shift_mV, 0.0), above)


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


@dataclass(frozen=True)
class _Crossing:
    """Confirmed change of sign, the zero in it, and the changes of slope there that no open pore has."""

    bracket: Bracket
    zero: Zero
    steepens: Bend | None = None
    flattens: Bend | None = None

    @property
    def potential_mV(self) -> float:
        """Zero, or the middle of the bracket where the estimator has none."""
        return self.zero.potential_mV if math.isfinite(self.zero.potential_mV) else sum(self.bracket) / 2

    @property
    def is_open(self) -> bool:
        """True where the current steepens no more than in an open pore."""
        return self.steepens is None

    @property
    def bends(self) -> tuple[Bend, ...]:
        """Changes of slope that no open pore has."""
        return tuple(bend for bend in (self.steepens, self.flattens) if bend is not None)


@dataclass(frozen=True)
class _Search:
    """Search for the zeros of one curve; what all of them have in common is calculated once."""

    iv: Curve
    criteria: Criteria

    @cached_property
    def few(self) -> Curve:
        """Coarse curve, on which crossings are confirmed."""
        return coarse(self.iv)

    @cached_property
    def brackets(self) -> tuple[Bracket, ...]:
        """Confirmed changes of sign."""
        return confirmed_brackets(self.few) if self.iv.size > 1 else ()

    @cached_property
    def broken(self) -> NDArray[np.bool_]:
        """Single steps that leave the course of the others, shape (levels,).

        An artefact, a break of the seal or channels that open there would bend a smooth curve up to the zero.
        """
        if self.iv.is_ramp or self.iv.size < _MIN_WITH_NEIGHBOURS or self.criteria.open_pore == OpenPore.NONE:
            return np.zeros(self.iv.size, dtype=bool)
        return broken_levels(self.iv, self.criteria.temperature_C)

    def broken_outside(self, bracket: Bracket) -> NDArray[np.bool_]:
        """Return the broken levels outside a bracket, without which its zero can be found; shape (levels,)."""
        return self.broken & ((self.iv.voltage_mV < bracket[0]) | (self.iv.voltage_mV > bracket[1]))

    def crossings(self) -> tuple[_Crossing, ...]:
        """Return the crossings; those that are no further apart than an interval may be wide are one."""
        found: list[_Crossing] = []
        first_mV = -math.inf
        for crossing in map(self._crossing, self.brackets):
            if crossing.potential_mV - first_mV > self.criteria.max_interval_mV:
                found.append(crossing)
                first_mV = crossing.potential_mV
            else:
                found[-1] = self._crossing((found[-1].bracket[0], crossing.bracket[1]))
        return tuple(found)

    def _crossing(self, bracket: Bracket) -> _Crossing:
        crossing, criteria = _Crossing(bracket, self.zero(bracket)), self.criteria
        if criteria.open_pore == OpenPore.NONE:
            return crossing
        bends = (
            steepest_bend(self.few, crossing.potential_mV, direction * criteria.sign, criteria.temperature_C)
            for direction in (1, -1)
        )
        steepens, flattens = (bend if bend is not None and bend.exceeds else None for bend in bends)
        return replace(crossing, steepens=steepens, flattens=flattens)

    def zero(self, bracket: Bracket, estimator: str = "") -> Zero:
        """Return the zero in a bracket by an estimator; '' for that of the criteria."""
        iv, temperature_C = self.iv, self.criteria.temperature_C
        trusted = replace(iv, se_pA=np.where(self.broken_outside(bracket), _WITHOUT_WEIGHT, 1.0) * iv.se_pA)
        zero = registry.get(estimator or self.criteria.estimator).zero(trusted, bracket, temperature_C)
        if iv.size >= _MIN_FOR_COURSE or math.isnan(zero.potential_mV):
            return zero
        # So few levels do not show the course of the current between them: the chord, within an open pore's limits.
        zero = secant(trusted, bracket)
        low, high = iv.current_pA[np.searchsorted(iv.voltage_mV, bracket)].tolist()
        return replace(zero, se_mV=math.hypot(zero.se_mV, course_se_mV(bracket, (low, high), temperature_C)))


def _ambiguity(accepted: Sequence[_Crossing], iv: Curve, criteria: Criteria) -> str:
    """Return the reason why accepted crossings are ambiguous, or ''."""
    for crossing in accepted:
        if math.isnan(crossing.zero.potential_mV):
            low, high = crossing.bracket
            return (
                f"the current changes sign between {low:z.1f} and {high:z.1f} mV, but the curve that the estimator "
                f"'{criteria.estimator}' fits has no zero there; record more levels near the crossing, or choose "
                "another estimator"
            )
    potentials = [crossing.potential_mV for crossing in accepted]
    if len(potentials) > 1:
        named = " and ".join(f"{potential:z.1f}" for potential in potentials)
        return (
            f"the current crosses zero with a rising slope at {named} mV, as a rectifier beside a leak does near the "
            "reversal potential of either: subtract the leak, or block the channels and subtract the background"
        )
    width = 2 * Z_95 * accepted[0].zero.se_mV
    if width > criteria.max_interval_mV:
        wide = f"the 95 % interval is {width:z.1f} mV wide, more than max_interval_mV = {criteria.max_interval_mV:g}"
        return f"{wide}: {largest_error(iv, accepted[0].zero)}"
    return ""


def _reversal(crossing: _Crossing, second: Zero) -> Result:
    zero = crossing.zero
    return Result(
        PotentialVerdict.REVERSAL,
        "",
        zero.potential_mV,
        zero.se_mV,
        zero.slope_nS,
        disagreement_mV=second.potential_mV - zero.potential_mV,
        disagreement_se_mV=math.hypot(zero.se_mV, second.se_mV),
        bracket=crossing.bracket,
        zero=zero,
        steepens=crossing.steepens,
        flattens=crossing.flattens,
    )


def _refusal(few: Curve, crossing: _Crossing, criteria: Criteria) -> Result | None:
    """Return the verdict that a confirmed crossing is no reversal, or is ambiguous; None for a reversal."""
    known = math.isfinite(crossing.zero.potential_mV)
    low, high = np.searchsorted(few.voltage_mV, crossing.bracket).tolist()
    rise = float(few.current_pA[high] - few.current_pA[low])
    slope = crossing.zero.slope_nS if known else rise / max(np.ptp(crossing.bracket), _MIN_STEP_MV)
    reason = _without_current(few, crossing.potential_mV, slope, criteria.min_span_mV)
    if not reason and abs(slope) < _MIN_SLOPE_FRACTION * (steepest := _steepest(few)):
        fraction = f"{abs(slope) / steepest:.1%} of the largest in the recording"
        reason = f"the slope at {crossing.potential_mV:z.1f} mV is only {fraction}"
    if not reason and criteria.open_pore == OpenPore.REFUSE:
        is_edge = low == 0 or high == few.size - 1
        if is_edge and crossing.bends:
            return Result(PotentialVerdict.AMBIGUOUS, _single_level(few, low if low == 0 else high, crossing))
        reason = _impossible(crossing, slope, criteria)
    return Result(PotentialVerdict.NOT_A_REVERSAL, reason) if reason else None


def _without_current(few: Curve, potential_mV: float, slope_nS: float, min_span_mV: float) -> str:
    """Return on which side of a zero the current cannot be told from zero, or ''."""
    for side, direction in (("below", -1), ("above", 1)):
        levels = _levels_beside(few, potential_mV, direction, min_span_mV)
        # The errors that levels share move the zero itself, and are in its error.
        weight = few.weight[levels] ** 2
        z = float(weight @ few.current_pA[levels]) / math.sqrt(weight.sum())
        if z * math.copysign(1.0, slope_nS) * direction <= SIGNIFICANT_Z:
            reach = abs(few.voltage_mV[levels] - potential_mV).max()
            place = f"up to {reach:z.0f} mV {side} {potential_mV:z.1f} mV"
            return f"{place} the current does not differ significantly from zero"
    return ""


def _steepest(few: Curve) -> float:
    """Return the largest slope of the curve that does not rest on a single level, in nS."""

    def largest(keep: NDArray[np.bool_]) -> float:
        # A wrong series resistance may place levels on one another.
        steps = np.maximum(np.diff(few.voltage_mV[keep]), _MIN_STEP_MV)
        return float((np.abs(np.diff(few.current_pA[keep])) / steps).max())

    if few.size < 3:
        return largest(np.ones(few.size, dtype=bool))
    return min(largest(np.arange(few.size) != left_out) for left_out in range(few.size))


def _single_level(few: Curve, edge: int, crossing: _Crossing) -> str:
    """Return the reason why a crossing that rests on the first or last level alone is ambiguous."""
    level, beyond = few.voltage_mV[edge], "below" if edge == 0 else "above"
    return (
        f"the change of sign at {crossing.potential_mV:z.1f} mV rests on the level at {level:z.0f} mV alone, where the "
        f"current leaves the course of the other levels; record more levels {beyond} it, or leave it out"
    )


def _impossible(crossing: _Crossing, slope_nS: float, criteria: Criteria) -> str:
    """Return the reason why no open pore has such a crossing, or ''."""
    place = f"{crossing.potential_mV:z.1f} mV"
    if slope_nS <= 0:
        return (
            f"the current crosses zero at {place} with a negative slope ({slope_nS:.2g} nS), which no open pore has: "
            "channels open or close there, or the current is upside down; subtract the leak, or measure tail currents; "
            "where the current is upside down, check the column configuration and the sign of the amplifier's gain"
        )
    bend = crossing.steepens
    return "" if bend is None or criteria.is_subtracted else bend.reason(crossing.potential_mV, criteria.sign)


def _levels_beside(few: Curve, zero_mV: float, direction: int, min_span_mV: float) -> NDArray[np.int64]:
    """Return the levels on one side within the span, and the first level beyond it."""
    away = direction * (few.voltage_mV - zero_mV)
    there = np.flatnonzero(away >= 0)
    beyond = away[there][away[there] >= min_span_mV]
    return there[away[there] <= (beyond.min() if len(beyond) else math.inf)]


def _hidden(few: Curve, criteria: Criteria) -> Result | None:
    """Return the verdict on a change of sign that the error of what was subtracted hides, if there is one."""
    brackets = confirmed_brackets(replace(few, shared_pA=np.zeros_like(few.shared_pA)))
    if not brackets or not criteria.is_subtracted:
        return None
    (low_mV, high_mV), *_ = brackets
    error_pA = Z_95 * float(np.interp((low_mV + high_mV) / 2, few.voltage_mV, total_se_pA(few)))
    return Result(
        PotentialVerdict.AMBIGUOUS,
        f"between {low_mV:z.0f} and {high_mV:z.0f} mV the current changes sign by less than the error of what was "
        f"subtracted ({error_pA:.2g} pA, 95 %): record more levels at which the channels are closed, or a background",
    )


def _no_crossing(few: Curve) -> Result:
    """Return a bound where the current has one sign and is still falling towards its last level."""
    signs = np.sign(few.current_pA).tolist()
    if abs(sum(signs)) < len(signs):
        reason = "the current has no confirmed change of sign: none exceeds the error of its levels; record repeats"
        return Result(PotentialVerdict.NO_CROSSING, reason)
    outward = signs[0] > 0
    # Above its reversal potential a current is outward: the potential lies beyond the lowest level, or, of an
    # inward current, beyond the highest.
    last = 0 if outward else len(signs) - 1
    edge, size = float(few.voltage_mV[last]), np.abs(few.current_pA)
    word = "outward" if outward else "inward"
    reason = f"the current is {word} at every level from {few.voltage_mV[0]:z.1f} to {few.voltage_mV[-1]:z.1f} mV"
    change_pA = float(size.max() - size[last])
    is_steep = change_pA * _FURTHEST_MV >= size[last] * float(np.ptp(few.voltage_mV))
    if not is_steep:
        reason += (
            f" and changes with it too little to reverse within {_FURTHEST_MV:g} mV beyond: an artefact? Choose "
            "another window by from_ms and to_ms"
        )
    result = Result(PotentialVerdict.NO_CROSSING, reason)
    if not is_steep or size[last] > size.min() or size[last] <= SIGNIFICANT_Z * total_se_pA(few)[last]:
        return result
    return replace(result, high_mV=edge) if outward else replace(result, low_mV=edge)
