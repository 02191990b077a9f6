"""From an I-V curve to a reversal potential with its error and its verdict.

A crossing counts only where it is confirmed: a level whose current is significantly negative
and one whose current is significantly positive, with nothing significant between them. The
potential is where the weighted straight line through these levels meets zero; with two
neighbouring levels, the interpolation between them. What does not stand up to that is refused
with a reason, never turned into a number.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

REVERSAL, NO_CROSSING, AMBIGUOUS, NOT_A_REVERSAL = "reversal", "no_crossing", "ambiguous", "not_a_reversal"
Z_95 = 1.959963984540054  # normal quantiles: 95 % two-sided ...
Z_99 = 2.5758293035489004  # ... and 99 %
_LEAST_SLOPE = 0.05


@dataclass(frozen=True)
class Curve:
    """An I-V curve, one entry per level, by rising voltage.

    Attributes
    ----------
    command_mV, voltage_mV : ndarray, shape (levels,)
        The command, and the voltage after the series resistance's share is taken off.
    current_pA, se_pA : ndarray, shape (levels,)
        Mean over the repeats of a level, and its standard error.
    repeats : ndarray of int, shape (levels,)
        Sweeps averaged.
    scatter : float
        Spread between repeats over what the noise within windows explains; 1 where it explains it.
    """

    command_mV: FloatArray
    voltage_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    repeats: NDArray[np.int64]
    scatter: float


@dataclass(frozen=True)
class Crossing:
    """One confirmed sign change; potentials in mV, slope in nS."""

    potential_mV: float
    se_mV: float
    slope_nS: float
    first: int
    last: int


@dataclass(frozen=True)
class Result:
    """What an I-V curve says; numbers are nan unless the verdict has them.

    `potential_mV`, `se_mV`, `slope_nS` and `levels` (first and last level of the line) belong to a
    reversal. `low_mV` or `high_mV` bounds the potential on one side where the current has one sign
    at every level.
    """

    verdict: str
    reason: str = ""
    potential_mV: float = math.nan
    se_mV: float = math.nan
    slope_nS: float = math.nan
    low_mV: float = math.nan
    high_mV: float = math.nan
    levels: tuple[int, int] | None = None


def curve(command_mV: FloatArray, current_pA: FloatArray, se_pA: FloatArray, series_MOhm: float = 0.0) -> Curve:
    """Average the sweeps of each level into an I-V curve.

    Parameters
    ----------
    command_mV, current_pA, se_pA : ndarray, shape (sweeps,)
        As the amplifier gives them; the current is the total current.
    series_MOhm : float
        Series resistance that is not compensated: V = V_cmd - I R.

    Returns
    -------
    Curve
        Where repeats differ by more than their noise, every error is larger by the pooled ratio.
    """
    levels, at = np.unique(np.round(command_mV, 6), return_inverse=True)
    repeats = np.bincount(at)
    mean = np.bincount(at, current_pA) / repeats
    se = np.sqrt(np.bincount(at, se_pA**2)) / repeats
    freedom = len(at) - len(levels)
    deviation = (current_pA - mean[at]) / np.where(se_pA > 0, se_pA, math.inf)
    scatter = math.sqrt(max(1.0, float(deviation @ deviation) / freedom)) if freedom > 0 else 1.0
    voltage = levels - mean * series_MOhm * 1e-3
    order = np.argsort(voltage, kind="stable")
    return Curve(levels[order], voltage[order], mean[order], se[order] * scatter, repeats[order], scatter)


def find(iv: Curve, max_interval_mV: float, min_span_mV: float) -> Result:
    """Find the reversal potential of an I-V curve on its voltage axis.

    Parameters
    ----------
    iv : Curve
    max_interval_mV : float
        A 95 % interval wider than this, or several crossings further apart, are ambiguous.
    min_span_mV : float
        On both sides of the crossing the current must be told from zero (99 %) within this distance.

    Returns
    -------
    Result
    """
    if len(iv.voltage_mV) < 2:
        return Result(NO_CROSSING, f"the current was measured at {len(iv.voltage_mV)} level only")
    crossings = confirmed_crossings(iv)
    if not crossings:
        return _no_crossing(iv)
    refusals = {zero: _refusal(iv, zero, min_span_mV) for zero in crossings}
    standing = [zero for zero, refusal in refusals.items() if not refusal]
    if not standing:
        return Result(NOT_A_REVERSAL, next(iter(refusals.values())))
    apart = standing[-1].potential_mV - standing[0].potential_mV
    if apart > max_interval_mV:
        places = ", ".join(f"{zero.potential_mV:.1f}" for zero in standing)
        return Result(AMBIGUOUS, f"the current crosses zero at {places} mV")
    best = min(standing, key=lambda zero: zero.se_mV)
    width = 2 * Z_95 * best.se_mV
    if width > max_interval_mV:
        return Result(AMBIGUOUS, f"the 95 % interval is {width:.1f} mV wide; at most {max_interval_mV:g} is asked for")
    return Result(REVERSAL, "", best.potential_mV, best.se_mV, best.slope_nS, levels=(best.first, best.last))


def confirmed_crossings(iv: Curve) -> tuple[Crossing, ...]:
    """Sign changes between significant levels with nothing significant between them, by voltage.

    Parameters
    ----------
    iv : Curve
    """
    significant = np.flatnonzero(np.abs(iv.current_pA) > Z_99 * iv.se_pA)
    pairs = itertools.pairwise(significant.tolist())
    return tuple(crossing(iv, *_narrowed(iv, a, b)) for a, b in pairs if iv.current_pA[a] * iv.current_pA[b] < 0)


def _narrowed(iv: Curve, first: int, last: int) -> tuple[int, int]:
    """Of the levels first..last keep those from the first change of sign to the last; usually two neighbours."""
    outward = iv.current_pA[first : last + 1] > 0
    changes = np.flatnonzero(outward[1:] != outward[:-1])
    return first + int(changes[0]), first + int(changes[-1]) + 1


def crossing(iv: Curve, first: int, last: int) -> Crossing:
    """Zero of the weighted straight line through the levels first..last.

    Where levels of uneven weight between the two would put it outside, only the two count.

    Parameters
    ----------
    iv : Curve
    first, last : int
        Levels whose currents have opposite signs.
    """
    for used in (np.arange(first, last + 1), np.array([first, last])):
        v, current = iv.voltage_mV[used], iv.current_pA[used]
        weight = _weight(iv, used)
        centre, mean = float(weight @ v / weight.sum()), float(weight @ current / weight.sum())
        spread = float(weight @ (v - centre) ** 2)
        slope = float(weight @ ((v - centre) * current) / spread)
        zero = centre - mean / slope if slope else math.inf
        if v[0] <= zero <= v[-1]:
            break
    variance = (1.0 / weight.sum() + (zero - centre) ** 2 / spread) / slope**2
    return Crossing(zero, math.sqrt(variance), slope, first, last)


def _weight(iv: Curve, levels: NDArray[np.int64]) -> FloatArray:
    return np.asarray(1.0 / np.maximum(iv.se_pA[levels], 1e-9) ** 2)


def _refusal(iv: Curve, zero: Crossing, min_span_mV: float) -> str:
    """Why a confirmed crossing is no reversal, or ''."""
    place = f"{zero.potential_mV:.1f} mV"
    for side, direction in (("below", -1), ("above", 1)):
        levels = _levels_beside(iv, zero.potential_mV, direction, min_span_mV)
        weight = _weight(iv, levels)
        z = float(weight @ iv.current_pA[levels]) / math.sqrt(weight.sum())
        if z * math.copysign(1.0, zero.slope_nS) * direction <= Z_99:
            reach = abs(iv.voltage_mV[levels] - zero.potential_mV).max()
            return f"up to {reach:.0f} mV {side} {place} the current cannot be told from zero"
    steepest = float(np.abs(np.diff(iv.current_pA) / np.diff(iv.voltage_mV)).max())
    if abs(zero.slope_nS) < _LEAST_SLOPE * steepest:
        return f"the slope at {place} is only {abs(zero.slope_nS) / steepest:.1%} of the largest in the recording"
    return ""


def _levels_beside(iv: Curve, zero_mV: float, direction: int, min_span_mV: float) -> NDArray[np.int64]:
    """Levels on one side as far as the span, and as the first level that reaches it."""
    away = direction * (iv.voltage_mV - zero_mV)
    there = np.flatnonzero(away >= 0)
    beyond = away[there][away[there] >= min_span_mV]
    return there[away[there] <= (beyond.min() if len(beyond) else math.inf)]


def _no_crossing(iv: Curve) -> Result:
    """No confirmed crossing: a bound where the current has one sign and is still falling towards its last level."""
    signs = np.sign(iv.current_pA)
    if abs(signs.sum()) < len(signs):
        return Result(NO_CROSSING, "the current has no confirmed change of sign")
    outward = signs[0] > 0
    # Above its reversal potential a current is outward: the potential lies beyond the lowest level, or, of an
    # inward current, beyond the highest.
    last = 0 if outward else len(signs) - 1
    edge, size = float(iv.voltage_mV[last]), np.abs(iv.current_pA)
    word = "outward" if outward else "inward"
    reason = f"the current is {word} at every level from {iv.voltage_mV[0]:.1f} to {iv.voltage_mV[-1]:.1f} mV"
    if size[last] > size.min() or size[last] <= Z_99 * iv.se_pA[last]:
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
