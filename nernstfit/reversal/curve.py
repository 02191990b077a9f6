"""I-V curves: from the points of one measurement to current against the membrane's voltage.

A *level* is one voltage at which the current was measured: a step of the command, or a short
piece of a ramp. Sweeps that visit a level again are its *repeats* and are averaged. Every curve
has its own voltage axis: the command minus the drop of its own total current across the series
resistance. What is subtracted (a leak, a background, the capacitive current) is evaluated on
that axis, and its errors, which many levels share, are kept with the curve.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.quantiles import Z_99

FloatArray = NDArray[np.float64]

# Standard errors from zero at which the current of a level is significant, 99 % on two sides. Noise around zero at 30
# levels gives two significant ones of opposite sign in about 2 % of recordings; with half of the 1 % in 0.5 %, with
# double in 8 %, but then smaller true currents are confirmed.
SIGNIFICANT_Z = Z_99
# Steps closer than this in mV are one level: the command of a protocol is exact but for rounding. Any value between
# the rounding and a hundredth of a step gives the same levels.
SAME_LEVEL_MV = 1e-6
# Variance of the speeds of repeated ramps, in (mV per ms)^2, below which they are equal but for rounding. Half and
# double give the same, since speeds differ by 1e-3 or more where they differ.
_SAME_SPEED = 1e-12
# Distance within which pieces of repeated ramps are one level, as a fraction of the step between neighbouring pieces.
# Half and double give the same levels in real recordings; from half a step on (five times it) neighbours merge.
_SAME_PIECE = 0.1
# Levels of the coarse curve on which crossings are confirmed: pieces of 4 mV, but from 8 to 32 of them. Coarser
# pieces differ from zero more surely but may average over a crossing: with half the width the noise of a piece is
# 1.4 times larger, with double two crossings within 8 mV can vanish. Potentials move by 0.3 standard errors at most.
_COARSE_MV, _MIN_COARSE, _MAX_COARSE = 4.0, 8, 32
# Levels closer than this in mV are averaged before a smooth curve is fitted, whose cost rises with the cube of their
# number. A current bends little over 2 mV, a twelfth of the thermal voltage: with half potentials move by 0.02
# standard errors at eight times the cost, with double by 0.1.
DENSE_MV = 2.0
# Share of a bin by which a voltage at its edge may fall short by rounding; half and double give the same bins.
_BIN_EDGE = 1e-9
# Least standard error of a level in pA, for samples that never change. It is far below any converter's step; half and
# double give the same zero.
_MIN_SE_PA = 1e-9


@dataclass(frozen=True)
class Curve:
    """I-V curve, one entry per level, by rising voltage.

    Attributes
    ----------
    command_mV, voltage_mV : ndarray, shape (levels,)
        Command, and command minus the drop across the series resistance.
    current_pA, se_pA : ndarray, shape (levels,)
        Mean over the repeats, after subtraction, and each level's own standard error.
    total_pA : ndarray, shape (levels,)
        Current before any subtraction.
    speed_mV_per_ms : ndarray, shape (levels,)
        Speed of the command; 0 for a step.
    repeats : ndarray of int, shape (levels,)
        Sweeps averaged.
    deviation_pA : ndarray, shape (levels, largest number of repeats)
        Each repeat minus the level's mean, in the order of the sweeps; nan where a level has fewer.
    shared_pA : ndarray, shape (levels, sources)
        Errors that levels share: the change of every level by one standard deviation of each source.
    scatter : float
        Spread between repeats over that expected from the noise within windows, at least 1.
    series_MOhm : float
        Uncompensated series resistance.
    left_out : int
        Steps that are not in the curve, because across the series resistance they would lie among the others.
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
    left_out: int = 0

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.voltage_mV)

    @property
    def weight(self) -> FloatArray:
        """Inverse of each level's own standard error, shape (levels,)."""
        return np.asarray(1.0 / np.maximum(self.se_pA, _MIN_SE_PA))

    @property
    def is_ramp(self) -> bool:
        """True where the levels are pieces of ramps."""
        return bool(self.speed_mV_per_ms.any())

    def on_command(self) -> Curve:
        """Return the same currents against the command."""
        return _by_voltage(replace(self, voltage_mV=self.command_mV, series_MOhm=0.0))

    def among(self, keep: NDArray[Any] | slice) -> Curve:
        """Return some of the levels: by a mask, by numbers in another order, or by a slice."""
        names = ("command_mV", "voltage_mV", "current_pA", "se_pA", "total_pA", "speed_mV_per_ms", "repeats")
        arrays = {name: getattr(self, name)[keep] for name in (*names, "deviation_pA", "shared_pA")}
        return replace(self, **arrays)

    def minus(self, current_pA: FloatArray, shared_pA: FloatArray) -> Curve:
        """Return the curve without a current.

        Parameters
        ----------
        current_pA : ndarray, shape (levels,)
        shared_pA : ndarray, shape (levels, sources)
            Errors of that current, which levels share.
        """
        return replace(
            self,
            current_pA=self.current_pA - current_pA,
            shared_pA=np.concatenate((self.shared_pA, shared_pA), axis=1),
        )


def average(
    command_mV: FloatArray,
    current_pA: FloatArray,
    se_pA: FloatArray,
    series_MOhm: float = 0.0,
    speed_mV_per_ms: FloatArray | None = None,
    recorded_mV: FloatArray | None = None,
) -> Curve:
    """Average the points of each level into an I-V curve.

    Parameters
    ----------
    command_mV, current_pA, se_pA : ndarray, shape (points,)
        As the amplifier gives them, in the order of the sweeps; the current is the total current.
    series_MOhm : float
        Uncompensated series resistance: V = V_cmd - I R.
    speed_mV_per_ms : ndarray, shape (points,)
        Speed of the command where points are pieces of ramps, of which nearly equal ones are a level; None for steps.
    recorded_mV : ndarray, shape (points,)
        Voltage that replaces the command once its levels are averaged; None for the command itself.

    Returns
    -------
    Curve
        Where repeats differ by more than their noise, every error is scaled by the pooled ratio.
    """
    order = np.argsort(command_mV, kind="stable")
    command = command_mV[order]
    tolerance = SAME_LEVEL_MV if speed_mV_per_ms is None else _SAME_PIECE * _piece_mV(command_mV)
    first = np.concatenate(([0], np.flatnonzero(np.diff(command) > tolerance) + 1))
    repeats = np.diff(np.concatenate((first, [len(command)])))
    mean = np.add.reduceat(current_pA[order], first) / repeats
    se = np.sqrt(np.add.reduceat(se_pA[order] ** 2, first)) / repeats
    speed = None if speed_mV_per_ms is None else speed_mV_per_ms[order]
    deviation, scatter = _repeats(current_pA[order], se_pA[order], first, speed)
    level = np.add.reduceat(command if recorded_mV is None else recorded_mV[order], first) / repeats
    levels = Curve(
        command_mV=level,
        voltage_mV=level - mean * series_MOhm * 1e-3,
        current_pA=mean,
        se_pA=se * scatter,
        total_pA=mean,
        speed_mV_per_ms=np.zeros(len(first)) if speed is None else np.add.reduceat(speed, first) / repeats,
        repeats=repeats,
        deviation_pA=deviation,
        shared_pA=np.zeros((len(first), 0)),
        scatter=scatter,
        series_MOhm=series_MOhm,
    )
    return _by_voltage(levels)


def _repeats(
    current_pA: FloatArray, se_pA: FloatArray, first: NDArray[np.int64], speed: FloatArray | None
) -> tuple[FloatArray, float]:
    """Return the deviations of repeats from their level, and their scatter over that expected from the noise.

    Points are in the order of levels; `first` is the first of each. What a faster ramp adds in capacitive current is
    no deviation; a factor by which all currents of a repeat run down or up, which moves no zero, is no scatter.
    """
    points = len(current_pA)
    repeats = np.diff(np.concatenate((first, [points])))
    level = np.repeat(np.arange(len(first)), repeats)
    mean = (np.add.reduceat(current_pA, first) / repeats)[level]
    each = current_pA - mean
    df = points - len(first)
    if speed is not None:
        faster = speed - (np.add.reduceat(speed, first) / repeats)[level]
        squares = float(faster @ faster)
        if squares > _SAME_SPEED * float(points):
            each = each - faster * float(faster @ each) / squares
            df -= 1
    deviation = np.full((len(first), int(repeats.max())), math.nan)
    repeat = np.arange(points) - first[level]
    deviation[level, repeat] = each
    df -= int(repeats.max()) - 1
    if df <= 0:
        return deviation, 1.0
    error = np.where(se_pA > 0, se_pA, math.inf)
    z, expected = each / error, mean / error
    squares_of_repeat = np.maximum(np.bincount(repeat, expected**2), np.finfo(float).tiny)
    z = z - (np.bincount(repeat, z * expected) / squares_of_repeat)[repeat] * expected
    return deviation, math.sqrt(max(1.0, float(z @ z) / df))


def speed(command_mV: FloatArray, t_ms: FloatArray, point: FloatArray) -> FloatArray:
    """Return the speed of a ramp at each of its pieces in mV per ms.

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
    """Return the typical step from one piece of a ramp to the next; points are in the order of time."""
    return float(np.median(np.abs(np.diff(command_mV)))) if len(command_mV) > 1 else 0.0


def _by_voltage(curve: Curve) -> Curve:
    """Return the levels by rising voltage: across a series resistance they may have changed places.

    Pieces of a ramp do so by their noise. A step does where its current is far from the course of the others or the
    resistance is too large: as few such levels as possible are left out.
    """
    if (np.diff(curve.voltage_mV) > 0).all():
        return curve
    if curve.is_ramp:
        return curve.among(np.argsort(curve.voltage_mV, kind="stable"))
    kept = _longest_rise(curve.voltage_mV, np.abs(curve.total_pA))
    return replace(curve.among(kept), left_out=curve.left_out + curve.size - len(kept))


def _longest_rise(voltage_mV: FloatArray, size_pA: FloatArray) -> NDArray[np.int64]:
    """Return the levels, as many as possible, whose voltages rise; of two choices that with the smaller currents."""
    count = len(voltage_mV)
    # All preferences together weigh less than one level.
    worth = 1.0 + (1.0 - size_pA / max(float(size_pA.max()), _MIN_SE_PA)) / (2 * count)
    best, before = worth.copy(), np.full(count, -1)
    for level in range(1, count):
        earlier = np.flatnonzero(voltage_mV[:level] < voltage_mV[level])
        if earlier.size:
            before[level] = earlier[best[earlier].argmax()]
            best[level] += best[before[level]]
    chain = [int(best.argmax())]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1])


def coarse(curve: Curve) -> Curve:
    """Return a curve of few levels, so that each can differ significantly from zero.

    Neighbouring pieces of a ramp are averaged; a curve of steps stays as it is.

    Parameters
    ----------
    curve : Curve
    """
    if curve.size <= _MAX_COARSE + _MIN_COARSE:
        return curve
    span = float(curve.voltage_mV[-1] - curve.voltage_mV[0])
    return thinned(curve, span / np.clip(span / _COARSE_MV, _MIN_COARSE, _MAX_COARSE))[0]


def thinned(curve: Curve, width_mV: float) -> tuple[Curve, NDArray[np.int64]]:
    """Average levels that are closer than `width_mV`.

    Parameters
    ----------
    curve : Curve
    width_mV : float

    Returns
    -------
    Curve
        The same curve where levels are further apart.
    ndarray of int, shape (levels,)
        For each level of `curve` the averaged level that it is part of.
    """
    span = float(curve.voltage_mV[-1] - curve.voltage_mV[0])
    last = max(0, round(span / width_mV) - 1)
    bins = np.minimum((curve.voltage_mV - curve.voltage_mV[0]) / width_mV + _BIN_EDGE, last).astype(int)
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
    """Return the standard error of each level with the errors it shares, shape (levels,)."""
    return np.asarray(np.sqrt(curve.se_pA**2 + (curve.shared_pA**2).sum(axis=1)))


def confirmed_brackets(few: Curve) -> tuple[tuple[float, float], ...]:
    """Return the voltages of neighbouring significant levels of opposite sign, for each such pair.

    Parameters
    ----------
    few : Curve
        Curve of steps, or the coarse curve of a ramp. Levels that are not significant are passed over.
    """
    significant = np.flatnonzero(np.abs(few.current_pA) > SIGNIFICANT_Z * total_se_pA(few))
    pairs = itertools.pairwise(significant.tolist())
    return tuple(
        (float(few.voltage_mV[a]), float(few.voltage_mV[b]))
        for a, b in pairs
        if few.current_pA[a] * few.current_pA[b] < 0
    )
