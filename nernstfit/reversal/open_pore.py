"""Limits that an open pore sets to the shape of its I-V curve.

In any parallel mixture of ungated GHK currents and ohmic leaks, whatever their reversal potentials, the slope I' is
positive and changes by no more than |I''| <= (z F / RT) I' with the largest valence z: every GHK current and every
leak obeys both, and so do their sums. Of three levels, h1 and h2 apart, the slopes s1 and s2 of the secants therefore
obey

    s2 / s1 <= (exp(k h2) - 1) / h2 * h1 / (1 - exp(-k h1)),  k = z F / RT,

which is exp(k h) for equal steps; for s1 / s2 the steps change places. The limit is linear in the three currents, so
that its error follows from theirs exactly. A slope that rises faster with depolarisation is one of channels that open
there, or whose block is relieved there; one that falls faster, of channels that close or are blocked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.reversal.curve import Curve, thinned
from nernstfit.reversal.quantiles import Z_95, Z_99

FloatArray = NDArray[np.float64]

# Valence that the limits allow. Ions of valence 2 could bend the current twice as fast, but only where they carry most
# of the slope outward, which takes millimoles of them inside. Of simulated currents that activate beside a leak, the
# limit refuses 95 % (4 to 6 mV per e-fold) and 70 % (8 to 12 mV); with 2 it would refuse 75 % and 8 %, with half of it
# Goldman's own currents.
_VALENCE = 1.0
# Width in mV over which pieces of a ramp and close levels are averaged, and least step of a secant, which is less
# since a series resistance draws levels together. With half, noise hides the bend of a shallow activation; with double,
# gating 30 mV from the zero counts, which leaves an open pore at the zero itself.
_WIDTH_MV, _MIN_STEP_MV = 10.0, 7.5
# Standard errors by which a limit is exceeded, 99 % of the normal distribution on two sides. Chance exceeds half of it
# in 10 % of curves that are at the limit themselves; double lets every second shallow activation pass.
_EXCEEDED_Z = Z_99
# Halvings of the range in which a valence is searched for: 30 give nine digits. With half five, which flags show.
_HALVINGS = 30


@dataclass(frozen=True)
class Bend:
    """Change of slope between three levels around a zero, against the limit of an open pore.

    Attributes
    ----------
    low_mV, high_mV : float
        First and last of the three levels.
    slopes_nS : tuple of float
        Slopes of both secants, by rising voltage.
    excess_z : float
        Excess over the limit in standard errors.
    valence : float
        Valence of the ions of an open pore that would bend as much; inf where a secant does not rise.
    """

    low_mV: float
    high_mV: float
    slopes_nS: tuple[float, float]
    excess_z: float
    valence: float

    @property
    def exceeds(self) -> bool:
        """True where the limit is exceeded significantly (99 %)."""
        return self.excess_z > _EXCEEDED_Z

    def reason(self, zero_mV: float, sign: int) -> str:
        """Return the reason why a zero around which the current steepens with depolarisation is not that of a pore.

        Parameters
        ----------
        zero_mV : float
        sign : int
            -1 where the membrane's voltage has the opposite sign of the curve's, inside-out.
        """
        before, after = self.slopes_nS[::sign]
        valence = f" (ions of valence {self.valence:z.1f})" if math.isfinite(self.valence) else ""
        return (
            f"the current crosses zero where channels open: between {self.low_mV:z.0f} and {self.high_mV:z.0f} mV, "
            f"around {zero_mV:z.1f} mV, the slope rises with depolarisation from {before:.2g} to {after:.2g} nS, more "
            f"than in an open pore{valence}; subtract the leak, or measure tail currents; open_pore: flag accepts such "
            "a crossing, for instance of a pore whose block is relieved by depolarisation, or that divalent ions leave "
            "(calcium inside)"
        )


def steepest_bend(curve: Curve, zero_mV: float, direction: int, temperature_C: float) -> Bend | None:
    """Return the change of slope around a zero that exceeds the limit of an open pore most surely.

    Parameters
    ----------
    curve : Curve
    zero_mV : float
        Zero of the current; only levels on both sides of it are compared.
    direction : int
        1 for slopes that rise along the curve's voltage, -1 for slopes that fall.
    temperature_C : float

    Returns
    -------
    Bend or None
        None where there are no three levels with the zero between the first and the last.
    """
    few, _ = thinned(curve, _WIDTH_MV)
    levels = _around(few.voltage_mV, zero_mV)
    if not len(levels):
        return None
    excess_z = _excess_z(few, levels, direction, temperature_C)
    best = int(excess_z.argmax())
    return _bend(few, levels[best], direction, temperature_C, float(excess_z[best]))


def steepens(curve: Curve, direction: int, temperature_C: float) -> bool:
    """Return True where the slope rises as in no open pore between any three levels that are equally far apart.

    Parameters
    ----------
    curve : Curve
    direction : int
        1 for slopes that rise along the curve's voltage, -1 for slopes that fall.
    temperature_C : float
    """
    few, _ = thinned(curve, _WIDTH_MV)
    last = few.size - 1
    apart = np.array(
        [(at, at + step, at + 2 * step) for step in range(1, last // 2 + 1) for at in range(last - 2 * step + 1)]
    )
    if not len(apart):
        return False
    levels = apart[(np.diff(few.voltage_mV[apart], axis=1) >= _MIN_STEP_MV).all(axis=1)]
    return bool((_excess_z(few, levels, direction, temperature_C) > _EXCEEDED_Z).any())


def broken_levels(curve: Curve, temperature_C: float) -> NDArray[np.bool_]:
    """Return which single levels leave the course of their neighbours as in no open pore, while these follow one.

    Parameters
    ----------
    curve : Curve
        Of steps, at least four levels.
    temperature_C : float

    Returns
    -------
    ndarray of bool, shape (levels,)
    """

    def bends(levels: NDArray[np.int64]) -> NDArray[np.bool_]:
        either = (_excess_z(curve, levels, direction, temperature_C) > _EXCEEDED_Z for direction in (1, -1))
        return np.logical_or(*either)

    at_middle = bends(np.arange(curve.size - 2)[:, None] + (0, 1, 2))
    # At an end, the next three levels follow a course of their own.
    first, last = at_middle[0] and not at_middle[1], at_middle[-1] and not at_middle[-2]
    broken = np.concatenate(([first], at_middle, [last]))
    for level in (1 + np.flatnonzero(at_middle)).tolist():
        beside = np.array([at for at in range(level - 2, level + 3) if at != level and 0 <= at < curve.size])
        broken[level] = not bends(np.lib.stride_tricks.sliding_window_view(beside, 3)).any()
    return broken


def course_se_mV(bracket_mV: tuple[float, float], currents_pA: tuple[float, float], temperature_C: float) -> float:
    """Return the standard error of a zero between two levels for what an open pore's current may do between them.

    The slope may rise or fall between them by exp(k h) at most; the zeros of both exponentials are the 95 % limits.

    Parameters
    ----------
    bracket_mV, currents_pA : tuple of float
        Both levels and the currents there, of opposite signs.
    temperature_C : float
    """
    k, height = _VALENCE / float(thermal_voltage_mV(temperature_C)), bracket_mV[1] - bracket_mV[0]
    fraction = -currents_pA[0] / (currents_pA[1] - currents_pA[0])
    shifts = [math.log1p(fraction * math.expm1(way * k * height)) / (way * k) - fraction * height for way in (1, -1)]
    return max(map(abs, shifts)) / Z_95


def _around(voltage_mV: FloatArray, zero_mV: float) -> NDArray[np.int64]:
    """Return the numbers of three levels a step apart each, with the zero between first and last; shape (n, 3)."""
    last = len(voltage_mV) - 1
    # Each level's next one: the first at a step, or the last level however near it is.
    following = np.minimum(np.searchsorted(voltage_mV, voltage_mV + _MIN_STEP_MV), last)
    low, middle, high = np.arange(last + 1), following, following[following]
    is_around = (low < middle) & (middle < high) & (voltage_mV < zero_mV) & (zero_mV < voltage_mV[high])
    return np.stack((low, middle, high), axis=1)[is_around]


def _excess_z(curve: Curve, levels: NDArray[np.int64], direction: int, temperature_C: float) -> FloatArray:
    """Return by how many standard errors three levels each exceed the limit; levels of shape (n, 3), shape (n,)."""
    current, steps, slopes = curve.current_pA[levels], *_secants(curve, levels)
    before, after = (0, 1) if direction > 0 else (1, 0)
    k = _VALENCE / float(thermal_voltage_mV(temperature_C))
    limit = _limit(k, steps[:, before], steps[:, after])
    # Derivatives of (later slope - limit x earlier slope) by the three currents.
    of_secants = np.zeros((len(levels), 2))
    of_secants[:, after], of_secants[:, before] = 1 / steps[:, after], -limit / steps[:, before]
    weights = np.stack((-of_secants[:, 0], of_secants[:, 0] - of_secants[:, 1], of_secants[:, 1]), axis=1)
    # Across a series resistance the noise of a level moves it along the axis too.
    moved = 1.0 + np.maximum(slopes.max(axis=1), 0.0) * curve.series_MOhm * 1e-3
    own = (weights * moved[:, None] * curve.se_pA[levels]) ** 2
    shared = (weights[:, None] @ curve.shared_pA[levels])[:, 0] ** 2
    error = np.sqrt(own.sum(axis=1) + shared.sum(axis=1))
    excess = (weights * current).sum(axis=1)
    return np.asarray(excess / np.maximum(error, np.finfo(float).tiny))


def _secants(curve: Curve, levels: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Return steps in mV and slopes in nS of both secants through three levels each; shape (n, 2) each."""
    steps = np.diff(curve.voltage_mV[levels], axis=1)
    return steps, np.diff(curve.current_pA[levels], axis=1) / steps


def _bend(curve: Curve, levels: NDArray[np.int64], direction: int, temperature_C: float, excess_z: float) -> Bend:
    steps, slopes = (of_both[0].tolist() for of_both in _secants(curve, levels[None]))
    low_mV, _, high_mV = curve.voltage_mV[levels].tolist()
    (before, after), in_order = slopes[::direction], steps[::direction]
    return Bend(low_mV, high_mV, tuple(slopes), excess_z, _valence(before, after, tuple(in_order), temperature_C))


def _limit(k: float, before_mV: FloatArray, after_mV: FloatArray) -> FloatArray:
    """Return the largest ratio of the later slope to the earlier one, k = z F / RT in 1/mV."""
    return np.asarray(np.expm1(k * after_mV) / after_mV * before_mV / -np.expm1(-k * before_mV))


def _valence(before_nS: float, after_nS: float, steps_mV: tuple[float, float], temperature_C: float) -> float:
    """Return the valence at which the limit is the ratio of two slopes; 0 where the slope does not change so."""
    if before_nS <= 0:
        return math.inf if after_nS > before_nS else 0.0
    if after_nS <= before_nS:
        return 0.0
    # The limit is at least exp(k h / 2) with the smaller step h.
    ratio, least, most = after_nS / before_nS, 0.0, 2 * math.log(after_nS / before_nS) / min(steps_mV)
    of_steps = tuple(np.array(step) for step in steps_mV)
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (middle, most) if _limit(middle, *of_steps) < ratio else (least, middle)
    return most * float(thermal_voltage_mV(temperature_C))
