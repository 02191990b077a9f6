"""What charges the membrane during a ramp, C dV/dt, and how well it is known.

It adds the same current to the whole ramp and moves its zero by C dV/dt over the slope: up one
way, down the other. Two ramps that run the opposite ways over the same voltages tell it, unless
channels that open or close on the way make them differ by more than a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nernstfit.reversal import spline
from nernstfit.reversal.curve import DENSE_MV, Curve, membrane_speed, thinned
from nernstfit.reversal.polynomial import misfit

PAIR, TABLE, UNKNOWN = "pair", "table", "unknown"
# A cell 25 um across, 0.9 uF/cm2 (Gentet, Stuart & Clements 2000, Biophys J 79:314).
TYPICAL_PF = 0.9e-6 * math.pi * 25e-4**2 * 1e12
_EDGE = 0.05  # of the common range, left out at both ends: what the corners leave
_MIN_PIECES = 8
_LEAK_TERMS = 4  # of the leak itself, a cubic
_NOISE = 3.0
_CONSTANT = 0.2  # root mean square of what may vary, of the mean


@dataclass(frozen=True)
class Capacity:
    """What of the current of a ramp charges the membrane.

    Attributes
    ----------
    removed_pF : float
        Capacity whose current is subtracted; 0 where it is not known, or not to be told from none.
    se_pF : float
        Its standard error; 0 where it is given or not known.
    size_pF : float
        Where it is not known, what it may be.
    source : str
        `pair`, `table` (or telegraphed by the amplifier) or `unknown`.
    is_hysteresis : bool
        Whether the two directions differ by more than a constant.
    """

    removed_pF: float
    se_pF: float
    size_pF: float
    source: str
    is_hysteresis: bool = False

    @property
    def further_se_pF(self) -> float:
        """What of the standard error is not in the ramp's noise already.

        Noise that lifts a ramp lifts the capacity that the pair tells, and with it what is subtracted: there the
        error of the zero is, if anything, less than that of the ramp alone.
        """
        return 0.0 if self.source == PAIR else self.se_pF


def of(up: Curve, down: Curve | None, given_pF: float, corner_pF: float, corner_se_pF: float) -> Capacity:
    """Find the capacity: from the pair of directions, else as given, else only its size.

    Parameters
    ----------
    up, down : Curve
        The ramp that is measured, and the one that runs back, if any.
    given_pF : float
        From the table or the amplifier; nan where neither gives one.
    corner_pF, corner_se_pF : float
        Capacity that the step of the current at the start of the ramp speaks of; nan where nothing tells.

    Returns
    -------
    Capacity
    """
    found = _of_pair(up, down) if down is not None else None
    if found is not None and not found.is_hysteresis:
        return found
    hysteresis = found is not None
    if math.isfinite(given_pF):
        return Capacity(given_pF, 0.0, 0.0, TABLE, hysteresis)
    size = math.hypot(corner_pF, corner_se_pF) if math.isfinite(corner_pF) else TYPICAL_PF
    return Capacity(0.0, 0.0, size, UNKNOWN, hysteresis)


def of_leak(leak: Curve, given_pF: float) -> Capacity:
    """Find the capacity that a leak's own ramp, or ramps up and down in one curve, charge.

    Parameters
    ----------
    leak : Curve
        Its speeds differ where it holds both directions.
    given_pF : float
        From the table or the amplifier; nan where neither gives one.

    Returns
    -------
    Capacity
        Where it is not known, its size is its standard error.
    """
    speed = membrane_speed(leak)
    if np.ptp(np.sign(speed)) == 2:
        x = (leak.voltage_mV - leak.voltage_mV[0]) / (leak.voltage_mV[-1] - leak.voltage_mV[0])
        design = np.column_stack([np.vander(x, _LEAK_TERMS), speed]) * leak.weight[:, None]
        operator = np.linalg.pinv(design)[-1]
        return Capacity(float(operator @ (leak.current_pA * leak.weight)), float(np.linalg.norm(operator)), 0.0, PAIR)
    if math.isfinite(given_pF):
        return Capacity(given_pF, 0.0, 0.0, TABLE)
    return Capacity(0.0, TYPICAL_PF, TYPICAL_PF, UNKNOWN)


def _of_pair(up: Curve, down: Curve) -> Capacity | None:
    """Difference of the two directions over that of their speeds; None where they share too little."""
    a, b = thinned(up, DENSE_MV)[0], thinned(down, DENSE_MV)[0]
    low, high = max(a.voltage_mV[0], b.voltage_mV[0]), min(a.voltage_mV[-1], b.voltage_mV[-1])
    margin = _EDGE * (high - low)
    inside = a.among((a.voltage_mV > low + margin) & (a.voltage_mV < high - margin))
    if inside.size < _MIN_PIECES or b.size < _MIN_PIECES:
        return None
    back = spline.fit(b.voltage_mV, b.current_pA, b.se_pA)
    influence, between = back.error(inside.voltage_mV)
    speed = np.interp(inside.voltage_mV, a.voltage_mV, membrane_speed(a))
    speed = speed - np.interp(inside.voltage_mV, b.voltage_mV, membrane_speed(b))
    each = (inside.current_pA - back.at(inside.voltage_mV)) / speed
    variance = (inside.se_pA**2 + ((influence * b.se_pA) ** 2).sum(axis=1) + between) / speed**2
    weight = 1.0 / variance
    weight /= weight.sum()
    capacity = float(weight @ each)
    # The smooth curve's errors are shared between neighbours; its share of the error of the mean is exact.
    shared = (weight / speed) @ influence * b.se_pA
    se = math.sqrt(float(np.sum((weight * inside.se_pA / speed) ** 2)) + float(shared @ shared))
    excess = misfit(float(np.sum((each - capacity) ** 2 / variance)), inside.size - 1)
    varies = excess > 1 and float(weight @ (each - capacity) ** 2) > (_CONSTANT * capacity) ** 2
    return Capacity(max(capacity, 0.0), se * excess, 0.0, PAIR, is_hysteresis=varies or capacity < -_NOISE * se)
