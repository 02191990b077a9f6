"""I-V curves: from the points of one measurement to a current against the membrane's voltage.

A *level* is one voltage at which the current was measured: a step of the command, or a short
piece of a ramp. Sweeps that visit a level again are its *repeats* and are averaged. Every curve
has an axis of its own: the command less what its own total current loses across the series
resistance. What is subtracted (a leak, a background, the current that charges the membrane)
is evaluated on that axis, and its errors, which many levels share, go with the curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal import spline
from nernstfit.reversal.polynomial import Line, weighted

FloatArray = NDArray[np.float64]

_SAME_LEVEL_MV = 1e-6
_SAME_SPEED = 1e-12
_SAME_PIECE = 0.1  # of the step between neighbouring pieces of a ramp
_MAX_LEVELS, _MIN_LEVELS, _COARSE_MV = 32, 8, 4.0
DENSE_MV = 2.0  # closer levels are averaged before a smooth curve is fitted
_EDGE = 1e-9
_MIN_LEAK_LEVELS = 3
_LEAK_ORDER = 3
_STRAIGHT_Z, _SURELY_BENT_Z = 2.5, 4.0
_BENT = 2.0  # misfit of a straight leak; less only makes its error larger
_MIN_SE_PA = 1e-9


@dataclass(frozen=True)
class Curve:
    """An I-V curve, one entry per level, by rising voltage.

    Attributes
    ----------
    command_mV, voltage_mV : ndarray, shape (levels,)
        The command, and the voltage after the series resistance's share is taken off.
    current_pA, se_pA : ndarray, shape (levels,)
        Mean over the repeats, after subtraction, and the standard error that a level has for itself.
    total_pA : ndarray, shape (levels,)
        The current before any subtraction.
    speed_mV_per_ms : ndarray, shape (levels,)
        Of the command; 0 for a step.
    repeats : ndarray of int, shape (levels,)
        Sweeps averaged.
    deviation_pA : ndarray, shape (levels, most repeats)
        Each repeat less the level's mean, in the order of the sweeps; nan where a level has fewer.
    shared_pA : ndarray, shape (levels, sources)
        Errors that levels share: what one standard deviation of each source does to every level.
    scatter : float
        Spread between repeats over what the noise within windows explains; 1 where it explains it.
    series_MOhm : float
        Series resistance that is not compensated.
    """

    command_mV: FloatArray
    voltage_mV: FloatArray
    current_pA: FloatArray
    se_pA: FloatArray
    total_pA: FloatArray
    speed_mV_per_ms: FloatArray
    repeats: NDArray[np.int64]
    deviation_pA: FloatArray
    shared_pA: FloatArray
    scatter: float
    series_MOhm: float

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.voltage_mV)

    @property
    def weight(self) -> FloatArray:
        """One over each level's own standard error, shape (levels,)."""
        return np.asarray(1.0 / np.maximum(self.se_pA, _MIN_SE_PA))

    def on_command(self) -> Curve:
        """Return the same currents against the command."""
        return _by_voltage(replace(self, voltage_mV=self.command_mV, series_MOhm=0.0))

    def among(self, keep: NDArray[Any] | slice) -> Curve:
        """Return some of the levels: by a mask, by numbers in another order, or by a slice."""
        names = ("command_mV", "voltage_mV", "current_pA", "se_pA", "total_pA", "speed_mV_per_ms", "repeats")
        arrays = {name: getattr(self, name)[keep] for name in (*names, "deviation_pA", "shared_pA")}
        return replace(self, **arrays)


def average(
    command_mV: FloatArray,
    current_pA: FloatArray,
    se_pA: FloatArray,
    series_MOhm: float = 0.0,
    speed_mV_per_ms: FloatArray | None = None,
    pieces: bool = False,
    recorded_mV: FloatArray | None = None,
) -> Curve:
    """Average the points of each level into an I-V curve.

    Parameters
    ----------
    command_mV, current_pA, se_pA : ndarray, shape (points,)
        As the amplifier gives them, in the order of the sweeps; the current is the total current.
    series_MOhm : float
        Series resistance that is not compensated: V = V_cmd - I R.
    speed_mV_per_ms : ndarray, shape (points,)
        Of the command; None for steps.
    pieces : bool
        Whether the points are pieces of ramps: pieces of nearly the same command are one level.
    recorded_mV : ndarray, shape (points,)
        What takes the command's place once its levels are averaged; None for the command itself.

    Returns
    -------
    Curve
        Where repeats differ by more than their noise, every error is larger by the pooled ratio.
    """
    order = np.argsort(command_mV, kind="stable")
    command, current = command_mV[order], current_pA[order]
    gap = np.diff(command)
    tolerance = _SAME_PIECE * _piece_mV(command_mV) if pieces else _SAME_LEVEL_MV
    first = np.concatenate(([0], np.flatnonzero(gap > tolerance) + 1))
    repeats = np.diff(np.concatenate((first, [len(command)])))
    at = np.repeat(np.arange(len(first)), repeats)
    mean = np.add.reduceat(current, first) / repeats
    se = np.sqrt(np.add.reduceat(se_pA[order] ** 2, first)) / repeats
    deviation = np.full((len(first), int(repeats.max())), math.nan)
    each = current - mean[at]
    speed, lost = np.zeros(len(first)), 0
    if speed_mV_per_ms is not None:
        speed = np.add.reduceat(speed_mV_per_ms[order], first) / repeats
        each, lost = _at_one_speed(each, speed_mV_per_ms[order] - speed[at])
    deviation[at, np.arange(len(command)) - first[at]] = each
    scatter = _scatter(each, se_pA[order], len(command) - len(first) - lost)
    level = np.add.reduceat(command if recorded_mV is None else recorded_mV[order], first) / repeats
    curve = Curve(
        command_mV=level,
        voltage_mV=level - mean * series_MOhm * 1e-3,
        current_pA=mean,
        se_pA=se * scatter,
        total_pA=mean,
        speed_mV_per_ms=speed,
        repeats=repeats,
        deviation_pA=deviation,
        shared_pA=np.zeros((len(first), 0)),
        scatter=scatter,
        series_MOhm=series_MOhm,
    )
    return _by_voltage(curve)


def _at_one_speed(deviation_pA: FloatArray, faster: FloatArray) -> tuple[FloatArray, int]:
    """Deviations of repeats without what charges the membrane more in a faster ramp, and the coefficients it took."""
    squares = float(faster @ faster)
    if squares <= _SAME_SPEED * float(len(faster)):
        return deviation_pA, 0
    return deviation_pA - faster * float(faster @ deviation_pA) / squares, 1


def speed(command_mV: FloatArray, t_ms: FloatArray, point: FloatArray) -> FloatArray:
    """Speed of a ramp at each of its pieces in mV per ms.

    Parameters
    ----------
    command_mV, t_ms, point : ndarray, shape (points,)
        Command, time in the sweep and number of each piece, ramp by ramp.
    """
    starts = np.flatnonzero(point == 0)
    ends = np.append(starts[1:], len(point)) - 1
    slopes = (command_mV[ends] - command_mV[starts]) / (t_ms[ends] - t_ms[starts])
    return np.repeat(slopes, ends - starts + 1)


def _piece_mV(command_mV: FloatArray) -> float:
    """Typical step from one piece of a ramp to the next; points stand in the order of time."""
    return float(np.median(np.abs(np.diff(command_mV)))) if len(command_mV) > 1 else 0.0


def _scatter(deviation_pA: FloatArray, se_pA: FloatArray, freedom: int) -> float:
    if freedom <= 0:
        return 1.0
    z = deviation_pA / np.where(se_pA > 0, se_pA, math.inf)
    return math.sqrt(max(1.0, float(z @ z) / freedom))


def _by_voltage(curve: Curve) -> Curve:
    """Levels by rising voltage: across a series resistance they may have changed places."""
    if (np.diff(curve.voltage_mV) > 0).all():
        return curve
    order = np.argsort(curve.voltage_mV, kind="stable")
    return curve.among(order)


def coarse(curve: Curve) -> Curve:
    """Return a curve of few levels, so that each can be told from zero: neighbouring pieces of a ramp are averaged."""
    if curve.size <= _MAX_LEVELS + _MIN_LEVELS:
        return curve
    span = float(curve.voltage_mV[-1] - curve.voltage_mV[0])
    return thinned(curve, span / np.clip(span / _COARSE_MV, _MIN_LEVELS, _MAX_LEVELS))[0]


def thinned(curve: Curve, width_mV: float) -> tuple[Curve, NDArray[np.int64]]:
    """Average levels that stand closer than `width_mV`.

    Parameters
    ----------
    curve : Curve
    width_mV : float

    Returns
    -------
    Curve
        The same curve where levels are further apart.
    ndarray of int, shape (levels,)
        For each level of `curve` the one it went into.
    """
    span = float(curve.voltage_mV[-1] - curve.voltage_mV[0])
    bins = np.minimum((curve.voltage_mV - curve.voltage_mV[0]) / width_mV + _EDGE, max(0, round(span / width_mV) - 1))
    bins = bins.astype(int)
    first = np.flatnonzero(np.concatenate(([True], bins[1:] != bins[:-1])))
    if 2 * len(first) > curve.size:  # steps of a protocol, or nearly so
        return curve, np.arange(curve.size)
    size = np.diff(np.concatenate((first, [curve.size])))

    def mean(values: FloatArray) -> FloatArray:
        sums = np.add.reduceat(values, first, axis=0)
        return np.asarray(sums / (size if values.ndim == 1 else size[:, None]))

    averaged = ("command_mV", "voltage_mV", "current_pA", "total_pA", "speed_mV_per_ms", "shared_pA", "deviation_pA")
    means: dict[str, Any] = {name: mean(getattr(curve, name)) for name in averaged}
    few = replace(
        curve,
        **means,
        se_pA=np.sqrt(np.add.reduceat(curve.se_pA**2, first)) / size,
        repeats=np.minimum.reduceat(curve.repeats, first),
    )
    return few, np.repeat(np.arange(len(first)), size)


def total_se_pA(curve: Curve) -> FloatArray:
    """Standard error of each level, its own and what it shares; shape (levels,)."""
    return np.asarray(np.sqrt(curve.se_pA**2 + (curve.shared_pA**2).sum(axis=1)))


def without_capacity(curve: Curve, capacity_pF: float, se_pF: float) -> Curve:
    """Take off the current that charges the membrane, C dV/dt.

    Parameters
    ----------
    curve : Curve
    capacity_pF, se_pF : float
        The capacity and its standard error, which all levels share.
    """
    speed = membrane_speed(curve)
    return _less(curve, capacity_pF * speed, se_pF * speed[:, None])


def membrane_speed(curve: Curve) -> FloatArray:
    """Speed of the membrane's voltage in mV per ms, shape (levels,).

    Behind a series resistance it is less than the command's, by as much as the corrected axis is shorter.
    """
    few = coarse(curve)
    if curve.series_MOhm == 0 or few.size < 2 or not curve.speed_mV_per_ms.any():
        return curve.speed_mV_per_ms
    share = np.gradient(few.voltage_mV, few.command_mV)
    return curve.speed_mV_per_ms * np.interp(curve.voltage_mV, few.voltage_mV, share)


def without_background(curve: Curve, background: Curve) -> Curve:
    """Take off the current of another recording at the same voltages, each on its own corrected axis.

    Parameters
    ----------
    curve, background : Curve

    Returns
    -------
    Curve
        Of the levels that lie within the range of the background.
    """
    kept = curve.among(_within(curve, background))
    if background.size < 2 or kept.size == 0:
        return kept.among(slice(0, 0))
    few, _ = thinned(background, DENSE_MV)
    smooth = spline.fit(few.voltage_mV, few.current_pA, few.se_pA)
    influence, between = smooth.error(kept.voltage_mV)
    shared = np.concatenate((influence * few.se_pA, influence @ few.shared_pA, np.diag(np.sqrt(between))), axis=1)
    return _less(kept, smooth.at(kept.voltage_mV), shared)


def without_leak(curve: Curve, leak: Curve) -> Curve:
    """Take off the leak measured in another epoch of the same recording.

    The leak's own I-V is taken as a straight line, also beyond the range in which it was measured. Where the line
    does not fit, it is the parabola or cubic for which there is evidence, and nothing is subtracted beyond the range.

    Parameters
    ----------
    curve, leak : Curve

    Returns
    -------
    Curve
    """
    lines = weighted(leak.voltage_mV, leak.current_pA, leak.weight, min(_LEAK_ORDER, leak.size - 1))
    line = lines.of_order(1)
    if line.misfit > _BENT:
        line = lines.chosen()
        curve = curve.among(_within(curve, leak))
    return _less_line(curve, line)


def _within(curve: Curve, other: Curve) -> NDArray[np.bool_]:
    """Levels that lie within the range of another curve, shape (levels,)."""
    low, high = other.voltage_mV[0] - _SAME_LEVEL_MV, other.voltage_mV[-1] + _SAME_LEVEL_MV
    return np.asarray((curve.voltage_mV >= low) & (curve.voltage_mV <= high))


def without_straight_leak(curve: Curve, sign: int = 1) -> Curve | None:
    """Take off a straight leak found in the curve itself, below the voltages at which the channels open.

    From the membrane's lowest voltage up, levels belong to the leak as long as each lies on the line through those
    below it; of more than three the last is left out, since what opens there may only not be seen yet.

    Parameters
    ----------
    curve : Curve
    sign : int
        -1 where the membrane's voltage is that of the pipette turned round, inside-out.

    Returns
    -------
    Curve or None
        None where not even the lowest three levels lie on a line that rises.
    """
    few = coarse(curve)
    if sign < 0:
        few = few.among(slice(None, None, -1))
    last = _MIN_LEAK_LEVELS - 1
    if few.size <= last or not _continues(few, last - 1, _SURELY_BENT_Z):
        return None
    while last + 1 < few.size and _continues(few, last, _STRAIGHT_Z):
        last += 1
    if _MIN_LEAK_LEVELS - 1 < last < few.size - 1:
        last -= 1
    below = sign * curve.voltage_mV <= sign * few.voltage_mV[last]
    line = weighted(curve.voltage_mV[below], curve.current_pA[below], curve.weight[below], 1).of_order(1)
    slope_nS = line.value(float(few.voltage_mV[0]))[1]
    se_nS = float(np.linalg.norm(line.operator[1] / line.weight)) / line.half
    return None if slope_nS < -_SURELY_BENT_Z * se_nS else _less_line(curve, line)


def _straight(few: Curve, last: int) -> Line:
    """Straight line through the levels up to `last`."""
    used = slice(0, last + 1)
    return weighted(few.voltage_mV[used], few.current_pA[used], few.weight[used], 1).of_order(1)


def _continues(few: Curve, last: int, z: float) -> bool:
    """Whether the level after `last` lies on the line through those before, within so many standard errors."""
    line = _straight(few, last)
    value, influence = line.at(few.voltage_mV[last + 1 : last + 2])
    error = math.hypot(float(np.linalg.norm(influence[0] / line.weight)), few.se_pA[last + 1])
    return abs(float(few.current_pA[last + 1] - value[0])) <= z * error


def _less_line(curve: Curve, line: Line) -> Curve:
    values, influence = line.at(curve.voltage_mV)
    return _less(curve, values, influence / line.weight * line.misfit)


def _less(curve: Curve, values_pA: FloatArray, shared_pA: FloatArray) -> Curve:
    return replace(
        curve,
        current_pA=curve.current_pA - values_pA,
        shared_pA=np.concatenate((curve.shared_pA, shared_pA), axis=1),
    )
