"""Straight currents beneath channels that open or close: what the levels show at which the channels are closed.

Where the slope of an I-V curve changes as in no open pore, its channels gate. The levels beyond the gating then lie on
a straight line: that of a leak, or of the channels themselves where some stay open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal import leak
from nernstfit.reversal.curve import Curve, coarse, confirmed_brackets, total_se_pA
from nernstfit.reversal.estimator import Bracket
from nernstfit.reversal.open_pore import steepens
from nernstfit.reversal.quantiles import Z_99

FloatArray = NDArray[np.float64]

# Levels at the other end of the curve that lie on the line of a leak where it is that of the whole curve. With half,
# one level at which a channel's current reverses; with double, the artefacts themselves of short protocols.
_MIN_STRAIGHT = 3
# Levels above a zero at which channels may still open that carry current at it: those of the slope there. With half a
# slope at the zero that rises is not seen, with double channels that close above it and open again count.
_AROUND = 2


@dataclass(frozen=True)
class Beneath:
    """Straight current beneath channels that gate, and the zeros without it.

    Attributes
    ----------
    slope_nS : float
        Conductance of the straight current.
    zeros_mV : ndarray, shape (zeros,)
        Confirmed zeros of what is left, on straight lines between its levels.
    """

    slope_nS: float
    zeros_mV: FloatArray


def gated(curve: Curve, sign: int) -> Beneath | None:
    """Return the straight current beneath channels that open with depolarisation.

    Parameters
    ----------
    curve : Curve
        One that `steepens` as in no open pore.
    sign : int
        1 where the command depolarises the membrane; the other sign gives channels that open as it falls.

    Returns
    -------
    Beneath or None
        None where the levels below show no straight current beneath them.
    """
    few = coarse(curve)
    without = leak.without_linear(few, sign)
    if without is None or _is_of_channels(few, sign):
        return None
    slope_nS, at_0_pA = np.polyfit(few.voltage_mV, few.current_pA - without.current_pA, 1).tolist()
    if slope_nS <= 0 or not _may_reverse(few, -at_0_pA / slope_nS):
        return None
    return Beneath(slope_nS, zeros_mV(without, confirmed_brackets(without)))


def at_closed_nS(curve: Curve, zero_mV: float, sign: int, temperature_C: float) -> float:
    """Return the conductance of a leak through 0 mV that carries all of the current at the membrane's lowest voltage.

    Parameters
    ----------
    curve : Curve
    zero_mV : float
        Zero of the curve.
    sign : int
        -1 where the membrane's voltage has the opposite sign of the curve's, inside-out.
    temperature_C : float

    Returns
    -------
    float
        0 where no channels open below the zero, where the current at the lowest voltage is not that of such a leak
        (99 %), and where the levels there lie on a line that belongs to the channels.
    """
    few, lowest = coarse(curve), 0 if sign > 0 else -1
    count = int((sign * few.voltage_mV <= sign * zero_mV).sum()) + _AROUND
    opening = few.among(slice(count) if sign > 0 else slice(max(0, few.size - count), None))
    if not steepens(opening, sign, temperature_C) or _is_of_channels(few, sign):
        return 0.0
    voltage_mV, current_pA = float(few.voltage_mV[lowest]), float(few.current_pA[lowest])
    is_leak = voltage_mV * current_pA > 0 and abs(current_pA) > Z_99 * float(total_se_pA(few)[lowest])
    return current_pA / voltage_mV if is_leak else 0.0


def zeros_mV(curve: Curve, brackets: Sequence[Bracket]) -> FloatArray:
    """Return the voltages at which straight lines between levels cross zero within any of the brackets.

    Parameters
    ----------
    curve : Curve
    brackets : sequence of tuple of float
        Ranges of voltage.
    """
    i = np.flatnonzero(np.diff(np.sign(curve.current_pA)) != 0)
    v, c = curve.voltage_mV, curve.current_pA
    found = v[i] - c[i] * (v[i + 1] - v[i]) / (c[i + 1] - c[i])
    return np.array([zero for zero in found.tolist() if any(low <= zero <= high for low, high in brackets)])


def _other_end(without: Curve, sign: int) -> tuple[Curve, FloatArray]:
    """Return the levels at the other end than those on the line, and the errors of their currents, shape (levels,)."""
    other_end = without.among(slice(-_MIN_STRAIGHT, None) if sign > 0 else slice(_MIN_STRAIGHT))
    return other_end, Z_99 * total_se_pA(other_end)


def _is_of_channels(few: Curve, sign: int) -> bool:
    """Return True where the levels lie on a line of the channels themselves, which are ohmic or close there."""
    below = leak.straight_levels(few, sign)
    if below is None:
        return False
    without = leak.without_line(few, below)
    return _is_straight(without, sign) or _only_closes(without, sign) or _flows_back(without, sign)


def _is_straight(without: Curve, sign: int) -> bool:
    """Return True where the levels at the other end lie on the straight line too: that of an ohmic channel, no leak.

    The levels between that leave it are artefacts.
    """
    other_end, error_pA = _other_end(without, sign)
    return bool((np.abs(other_end.current_pA) <= error_pA).all())


def _only_closes(without: Curve, sign: int) -> bool:
    """Return True where the current at the other end is less than on the line, and flatter: of a channel that closes.

    A leak has its conductance at every voltage, so that the slope where the channels are closed is the largest that it
    can have. What opens beside a leak leaves its line to the other side, beyond zero, or with a larger slope.
    """
    other_end, error_pA = _other_end(without, sign)
    line_pA = other_end.total_pA - other_end.current_pA
    part_pA = other_end.total_pA * np.sign(line_pA)
    is_between = bool(((part_pA > -error_pA) & (part_pA < np.abs(line_pA) + error_pA)).all())
    # Where the line is steeper than the current, what is left of it falls.
    fall_pA = float(other_end.current_pA[0] - other_end.current_pA[-1])
    return is_between and fall_pA > math.hypot(error_pA[0], error_pA[-1])


def _flows_back(without: Curve, sign: int) -> bool:
    """Return True where what is left at the other end, at which all channels are open, flows against its voltage.

    The line is then that of channels which close towards the other end too, as those of calcium.
    """
    last = without.among(slice(-1, None) if sign > 0 else slice(1))
    return bool(sign * last.current_pA[0] < -Z_99 * total_se_pA(last)[0])


def _may_reverse(curve: Curve, zero_mV: float) -> bool:
    """Return True where a leak may reverse: among the levels of the curve, or between them and 0 mV."""
    return bool(min(0.0, curve.voltage_mV[0]) <= zero_mV <= max(0.0, curve.voltage_mV[-1]))
