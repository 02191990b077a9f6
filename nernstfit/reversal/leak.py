"""Leak methods: what is subtracted from the current before its zero is found.

One record per value of `measure.leak`. A method is given the signal and, where it needs one, the
reference curve whose current is subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import Leak, Role
from nernstfit.reversal import polynomial, spline
from nernstfit.reversal.curve import DENSE_MV, SAME_LEVEL_MV, Curve, coarse, thinned
from nernstfit.reversal.polynomial import Polynomial

FloatArray = NDArray[np.float64]

# Fewest levels of a leak that is found in the curve itself. Two always lie on a line, three show a curvature; with
# six a protocol of 10 mV steps has a leak only if its channels open more than 50 mV above the lowest level.
_MIN_LEVELS = 3
# Highest order of the polynomial of a leak of another epoch that is not straight. At half no inflection is followed,
# at double the leak's noise is subtracted rather than the leak.
_MAX_ORDER = 3
# Standard errors by which the next level may miss the line through those below and still belong to the leak: chance
# exceeds 2.5 in 1 % of levels. At half the leak ends early and is uncertain, at double it extends into activation.
_STRAIGHT_Z = 2.5
# Standard errors by which the third level misses the line, or the slope falls, before a straight leak is excluded.
# At half chance excludes one leak in twenty, at double curves that bend are taken for straight.
_NOT_STRAIGHT_Z = 4.0
# Millivolts in which the current of channels that begin to open grows e-fold, at most: slope factors of voltage-gated
# channels are 4 to 12 mV. With half, one interval in ten of a zero 100 mV above the straight levels misses the truth;
# with double, intervals are twice as long as need be.
_E_FOLD_MV = 12.0
# Distance from 0 mV in mV within which a leak reverses. Its ions are those of the solutions: no potential of one of
# them lies further out. With half the leak through a membrane selective for potassium is refused, with double a flat
# current of channels counts as a leak.
_MAX_REVERSAL_MV = 100.0
# Error scale of a straight leak of another epoch above which a polynomial takes its place; below, its error alone is
# larger. At half every significant curvature counts; at double errors four times their size go with a wrong line.
_MAX_ERROR_SCALE = 2.0


@dataclass(frozen=True)
class LeakMethod:
    """Method of subtracting a leak.

    Attributes
    ----------
    leak : Leak
        Term of the contract; the configuration's value, for an epoch without its letter.
    subtract : callable
        From the signal, the reference curve (None where none is needed) and the sign of the membrane's voltage
        (-1 inside-out) to the curve without the leak, or None where no leak is found.
    sentence : str
        Sentence of the methods; '' where nothing is subtracted.
    reference : Role or None
        Curve that the method subtracts: `background` is the recording in column `subtract`, `leak` another epoch.
    same_ramp : bool
        True where the reference is recorded under the signal's own command: its capacitive current is the same.
    """

    leak: Leak
    subtract: Callable[[Curve, Curve | None, int], Curve | None]
    sentence: str
    reference: Role | None = None
    same_ramp: bool = False


def method(value: str) -> LeakMethod:
    """Return the leak method of a value of `measure.leak`.

    Parameters
    ----------
    value : str
        `none`, `linear`, `background` or `epoch:` with a letter.
    """
    return METHODS[Leak.of(value)]


def without_background(curve: Curve, background: Curve) -> Curve:
    """Subtract the current of another recording at the same voltages, each on its own corrected axis.

    Parameters
    ----------
    curve, background : Curve

    Returns
    -------
    Curve
        Levels within the range of the background only.
    """
    kept = curve.among(_within(curve, background))
    if background.size < 2 or kept.size == 0:
        return kept.among(slice(0, 0))
    few, _ = thinned(background, DENSE_MV)
    smooth = spline.fit(few.voltage_mV, few.current_pA, few.se_pA)
    influence, between = smooth.error(kept.voltage_mV)
    shared = np.concatenate((influence * few.se_pA, influence @ few.shared_pA, np.diag(np.sqrt(between))), axis=1)
    return kept.minus(smooth.at(kept.voltage_mV), shared)


def without_epoch(curve: Curve, leak: Curve) -> Curve:
    """Subtract the leak measured in another epoch of the same recording.

    The leak's own I-V curve is fitted by a straight line, which is extrapolated beyond its range. Where the line
    does not fit, it is the parabola or cubic of least Akaike criterion, and levels beyond the range are dropped.

    Parameters
    ----------
    curve, leak : Curve

    Returns
    -------
    Curve
    """
    lines = polynomial.fit(leak.voltage_mV, leak.current_pA, leak.weight, min(_MAX_ORDER, leak.size - 1))
    line = lines.of_order(1)
    if line.error_scale > _MAX_ERROR_SCALE:
        line = lines.best()
        curve = curve.among(_within(curve, leak))
    return _minus_line(curve, line)


def without_linear(curve: Curve, sign: int = 1) -> Curve | None:
    """Subtract a straight leak found in the curve itself, below the voltages at which the channels open.

    From the membrane's lowest voltage up, levels belong to the leak as long as each lies on the line through those
    below it; of more than three the last is left out, since channels that begin to open there may not show yet. What
    those kept may hold of their current, by what the next level shows of it or its error hides, is a shared error of
    the line.

    Parameters
    ----------
    curve : Curve
    sign : int
        -1 where the membrane's voltage has the opposite sign of the command, inside-out.

    Returns
    -------
    Curve or None
        None where not even the lowest three levels lie on a line that may rise and reverse as a leak does.
    """
    below = straight_levels(curve, sign)
    if below is None:
        return None
    line = _line(curve, below)
    if not _may_be_leak(line, curve.voltage_mV[below]):
        return None
    values, influence = line.at(curve.voltage_mV)
    unseen = influence @ _unseen_pA(curve, below, sign)
    return curve.minus(values, np.column_stack((influence / line.weight * line.error_scale, unseen)))


def without_line(curve: Curve, below: NDArray[np.bool_]) -> Curve:
    """Subtract the straight line through given levels.

    Parameters
    ----------
    curve : Curve
    below : ndarray of bool, shape (levels,)
    """
    return _minus_line(curve, _line(curve, below))


def straight_levels(curve: Curve, sign: int = 1) -> NDArray[np.bool_] | None:
    """Return the levels below activation that lie on a straight line, as a mask; see `without_linear`.

    Parameters
    ----------
    curve : Curve
    sign : int

    Returns
    -------
    ndarray of bool, shape (levels,), or None
        None where not even the lowest three lie on a line.
    """
    few, last = _from_lowest(curve, sign), _MIN_LEVELS - 1
    if few.size <= last or not _continues(few, last - 1, _NOT_STRAIGHT_Z):
        return None
    while last + 1 < few.size and _continues(few, last, _STRAIGHT_Z):
        last += 1
    if _MIN_LEVELS - 1 < last < few.size - 1:
        last -= 1
    return np.asarray(sign * curve.voltage_mV <= sign * few.voltage_mV[last])


def _line(curve: Curve, below: NDArray[np.bool_]) -> Polynomial:
    return polynomial.fit(curve.voltage_mV[below], curve.current_pA[below], curve.weight[below], 1).of_order(1)


def _within(curve: Curve, other: Curve) -> NDArray[np.bool_]:
    """Return the levels within the range of another curve as a mask, shape (levels,)."""
    low, high = other.voltage_mV[0] - SAME_LEVEL_MV, other.voltage_mV[-1] + SAME_LEVEL_MV
    return np.asarray((curve.voltage_mV >= low) & (curve.voltage_mV <= high))


def _from_lowest(curve: Curve, sign: int) -> Curve:
    """Return a coarse curve from the membrane's lowest voltage up."""
    few = coarse(curve)
    return few if sign > 0 else few.among(slice(None, None, -1))


def _continues(few: Curve, last: int, z: float) -> bool:
    """Test if the level after `last` lies on the line through those up to it, within so many standard errors."""
    distance, error = _from_line_pA(few, last)
    return abs(distance) <= z * error


def _from_line_pA(few: Curve, last: int) -> tuple[float, float]:
    """Return the current at the level after `last` less the line through those up to it, with its standard error."""
    line, value, influence = _beyond(few, last, few.current_pA)
    error = math.hypot(float(np.linalg.norm(influence / line.weight)), few.se_pA[last + 1])
    return float(few.current_pA[last + 1]) - value, error


def _beyond(few: Curve, last: int, current_pA: FloatArray) -> tuple[Polynomial, float, FloatArray]:
    """Return the line through the levels up to `last`, its value at the next one, and d value / d current."""
    used = slice(0, last + 1)
    line = polynomial.fit(few.voltage_mV[used], current_pA[used], few.weight[used], 1).of_order(1)
    value, influence = line.at(few.voltage_mV[last + 1 : last + 2])
    return line, float(value[0]), influence[0]


def _unseen_pA(curve: Curve, below: NDArray[np.bool_], sign: int) -> FloatArray:
    """Return the channels' current that the straight levels may hold, of shape (straight levels,).

    It grows e-fold in `_E_FOLD_MV`. Its size is what the distance of the next level from the line through these allows.

    Parameters
    ----------
    curve : Curve
    below : ndarray of bool, shape (levels,)
        From `straight_levels`.
    sign : int
    """
    few, straight_mV = _from_lowest(curve, sign), sign * curve.voltage_mV[below]
    last = int(np.abs(sign * few.voltage_mV - straight_mV.max()).argmin())
    if last + 1 == few.size:
        return np.zeros(len(straight_mV))

    def opening(voltage_mV: FloatArray) -> FloatArray:
        return np.asarray(np.exp((voltage_mV - sign * few.voltage_mV[last + 1]) / _E_FOLD_MV))

    seen = 1.0 - _beyond(few, last, opening(sign * few.voltage_mV))[1]
    distance, error = _from_line_pA(few, last)
    return opening(straight_mV) * max(abs(distance), error) / seen


def _may_be_leak(line: Polynomial, voltage_mV: FloatArray) -> bool:
    """Return True where the line, at the largest slope within its error, rises and reverses as a leak may.

    Parameters
    ----------
    line : Polynomial
    voltage_mV : ndarray, shape (straight levels,)
    """
    middle_mV = float(voltage_mV.mean())
    current_pA, slope_nS = line.value(middle_mV)
    most_nS = slope_nS + _NOT_STRAIGHT_Z * float(np.linalg.norm(line.operator[1] / line.weight)) / line.half
    return most_nS > 0 and abs(current_pA) <= most_nS * (abs(middle_mV) + _MAX_REVERSAL_MV)


def _minus_line(curve: Curve, line: Polynomial) -> Curve:
    values, influence = line.at(curve.voltage_mV)
    return curve.minus(values, influence / line.weight * line.error_scale)


def _none(signal: Curve, reference: Curve | None, sign: int) -> Curve:
    return signal


def _linear(signal: Curve, reference: Curve | None, sign: int) -> Curve | None:
    return without_linear(signal, sign)


def _background(signal: Curve, reference: Curve | None, sign: int) -> Curve | None:
    return None if reference is None else without_background(signal, reference)


def _epoch(signal: Curve, reference: Curve | None, sign: int) -> Curve | None:
    return None if reference is None else without_epoch(signal, reference)


METHODS: Mapping[Leak, LeakMethod] = {
    record.leak: record
    for record in (
        LeakMethod(Leak.NONE, _none, ""),
        LeakMethod(Leak.LINEAR, _linear, "A linear leak, fitted below activation, was subtracted."),
        LeakMethod(
            Leak.BACKGROUND,
            _background,
            "The current of a background recording was subtracted, each on its own corrected voltage.",
            reference=Role.BACKGROUND,
            same_ramp=True,
        ),
        LeakMethod(
            Leak.EPOCH,
            _epoch,
            "The leak measured in another epoch of each sweep was subtracted.",
            reference=Role.LEAK,
        ),
    )
}
