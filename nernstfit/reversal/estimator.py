"""Estimator record: a method of finding the zero of a current, and what the methods have in common.

An estimator takes an I-V curve and a bracket, two voltages between which the current changes sign
significantly, and returns the zero in it with its standard error. It looks for no zero elsewhere.
One module of `nernstfit.reversal.estimators` holds one estimator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal.curve import Curve

FloatArray = NDArray[np.float64]
Bracket = tuple[float, float]

# Half-width in mV of the neighbourhood that an estimate uses, nearly two thermal voltages: within it a smooth curve
# follows the rectification of a current. With half or double, potentials in real recordings move by a tenth of their
# standard error in the middle and by 2 at most; half leaves fewer levels, double brings in gating far from the zero.
_NEAR_MV = 45.0
# Levels kept on either side where steps are further apart than the neighbourhood. Half leaves four levels, too few to
# estimate curvature; double takes all levels of most protocols of wide steps, which a polynomial does not follow.
_MIN_BESIDE = 4
# Weight, in degrees of freedom, of the noise within windows against the scatter between repeats, which few repeats
# determine poorly. With half, two or three repeats widen an interval by chance more often; with double, a true
# scatter between few repeats widens it less.
_PRIOR_DF = 2.0


@dataclass(frozen=True)
class Zero:
    """Zero of a current; nan where the estimator found none.

    Attributes
    ----------
    potential_mV, se_mV : float
        The standard error includes noise, the errors that levels share, and the scatter between repeats.
    slope_nS : float
        Slope of the current at the zero.
    influence_mV_per_pA : ndarray, shape (levels,)
        d potential / d current of each level; 0 for levels that were not used.
    shifts_mV : ndarray, shape (repeats,)
        Shift of the zero by each repeat alone; empty where there is one repeat.
    """

    potential_mV: float
    se_mV: float
    slope_nS: float
    influence_mV_per_pA: FloatArray
    shifts_mV: FloatArray

    @property
    def used(self) -> NDArray[np.bool_]:
        """Levels that were used, shape (levels,)."""
        return np.asarray(self.influence_mV_per_pA != 0)


@dataclass(frozen=True)
class Estimator:
    """Method of finding the zero of a current.

    Attributes
    ----------
    name : str
        Value of the configuration's `measure.estimator`; the name of the estimator's module.
    zero : callable
        From an I-V curve, a bracket in mV and the temperature in C to the zero.
    second : str
        Name of the estimator that checks this one.
    sentence : str
        Definition of the reversal potential, as the methods continue "The reversal potential is".
    citation : str
        Authors and year of the method as the methods cite them; '' where none is needed.
    reference : str
        Entry of the list of references for the citation; '' where there is no citation.
    """

    name: str
    zero: Callable[[Curve, Bracket, float], Zero]
    second: str
    sentence: str
    citation: str = ""
    reference: str = ""


def no_zero(curve: Curve) -> Zero:
    """Return the result of an estimator that found no zero.

    Parameters
    ----------
    curve : Curve
    """
    return Zero(math.nan, math.nan, math.nan, np.zeros(curve.size), np.zeros(0))


def neighbourhood(curve: Curve, bracket: Bracket) -> slice:
    """Return the levels around a bracket.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Voltages in mV.

    Returns
    -------
    slice
        Levels within 45 mV of the middle, all in the bracket, and four on either side where steps are far apart.
    """
    middle = (bracket[0] + bracket[1]) / 2
    reach = (min(middle - _NEAR_MV, bracket[0]), max(middle + _NEAR_MV, bracket[1]), middle)
    left, right, at = np.searchsorted(curve.voltage_mV, reach).tolist()
    return slice(max(0, min(left, at - _MIN_BESIDE)), max(right, at + _MIN_BESIDE))


def secant(curve: Curve, bracket: Bracket) -> Zero:
    """Return the zero of the straight line through the two levels at the ends of the bracket.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Voltages in mV.
    """
    at = np.clip(np.searchsorted(curve.voltage_mV, bracket), 0, curve.size - 1)
    v, current = curve.voltage_mV[at], curve.current_pA[at]
    if at[0] == at[1] or not current[0] * current[1] < 0:
        return no_zero(curve)
    slope = float((current[1] - current[0]) / (v[1] - v[0]))
    zero = float(v[0] - current[0] / slope)
    influence = np.zeros(curve.size)
    influence[at] = -(v[::-1] - zero) / (v[::-1] - v) / slope
    return with_error(curve, zero, slope, influence)


def with_error(
    curve: Curve,
    potential_mV: float,
    slope_nS: float,
    influence_mV_per_pA: FloatArray,
    error_scale: float = 1.0,
    interpolation_se_mV: float = 0.0,
) -> Zero:
    """Return a zero with its standard error.

    Parameters
    ----------
    curve : Curve
    potential_mV, slope_nS : float
        Zero, and slope of the current there.
    influence_mV_per_pA : ndarray, shape (levels,)
        d potential / d current of each level.
    error_scale : float
        Factor of the levels' own errors where the estimator's model does not fit.
    interpolation_se_mV : float
        Standard error for the course of the current between the levels.
    """
    # Across a series resistance the noise of a level moves it along the axis too, the other way.
    influence = influence_mV_per_pA * (1.0 + slope_nS * curve.series_MOhm * 1e-3)
    own = float(np.sum((influence * curve.se_pA) ** 2)) * error_scale**2
    shifts = _repeat_shifts(curve, influence)
    if len(shifts) > 1:
        # Between repeats there may be more than the noise within windows; few repeats determine it poorly.
        between = float(shifts @ shifts) / (len(shifts) - 1) / len(shifts)
        df = len(shifts) - 1
        own *= max(1.0, (_PRIOR_DF + df * between / own) / (_PRIOR_DF + df)) if own else 1.0
    shared = float(np.sum((influence @ curve.shared_pA) ** 2))
    return Zero(potential_mV, math.sqrt(own + shared + interpolation_se_mV**2), slope_nS, influence, shifts)


def largest_error(curve: Curve, zero: Zero) -> str:
    """Return the sentence on the largest error of a zero, with what would make it smaller.

    Parameters
    ----------
    curve : Curve
    zero : Zero
        Zero of the curve.
    """
    noise_mV = float(np.linalg.norm(zero.influence_mV_per_pA * curve.se_pA))
    shared_mV = float(np.linalg.norm(zero.influence_mV_per_pA @ curve.shared_pA))
    others_mV = math.sqrt(max(0.0, zero.se_mV**2 - noise_mV**2 - shared_mV**2))
    of_noise = (
        f"noise beside a slope of {zero.slope_nS:.2g} nS at the zero; record repeats, or choose a longer window by "
        "from_ms and to_ms"
    )
    of_subtraction = (
        "the error of the capacitive current, or leak, that was subtracted; record ramps in both directions"
        if curve.is_ramp
        else "the error of what was subtracted; record more levels at which the channels are closed, or a background"
    )
    return max(
        (noise_mV, of_noise),
        (shared_mV, of_subtraction),
        (
            others_mV,
            "the course of the current between levels, or repeats that differ; record more levels near the zero",
        ),
    )[1]


def _repeat_shifts(curve: Curve, influence: FloatArray) -> FloatArray:
    """Return the shift of the zero by each repeat alone; empty unless every level used has all repeats."""
    used = influence != 0
    count = int(curve.repeats[used].min()) if used.any() else 0
    if count < 2 or count < int(curve.repeats[used].max()):
        return np.zeros(0)
    return np.asarray(influence[used] @ curve.deviation_pA[used][:, :count])
