"""Errors of the currents of an I-V curve that gives none: from its repeats, or its scatter about a smooth curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.reversal import spline
from nernstfit.reversal.curve import average

FloatArray = NDArray[np.float64]

# Degrees of freedom from which repeats show the noise: the fewest with a mean of its variance. Double leaves a curve
# of four levels and two repeats without an error.
_MIN_DF = 3
NO_ERRORS = (
    "the errors of the currents are not known, and the levels are too few to show them: give se_pA, repeats or more "
    "levels"
)
_UNIT = 1e-9  # of the current's range: any error far below that of the repeats, whose scatter is counted in it


def estimated_pA(points: Mapping[str, NDArray[Any]]) -> float | None:
    """Return the error of the currents of a curve that have none of their own; None where all have one.

    Parameters
    ----------
    points : mapping of str to ndarray
        Its points; an error that the curve does not give is nan.
    """
    if np.isfinite(points["se_pA"]).all():
        return None
    return noise_pA(points["command_mV"], points["current_pA"])


def noise_pA(voltage_mV: FloatArray, current_pA: FloatArray) -> float:
    """Estimate the standard error of single currents.

    Parameters
    ----------
    voltage_mV, current_pA : ndarray, shape (points,)
        In the order of the recording; points of one voltage are repeats.

    Returns
    -------
    float
        In pA: pooled over the repeats of all levels, without a factor by which a repeat runs down or up, where they
        leave three degrees of freedom and differ at all; otherwise by the scatter of the levels about a smooth curve;
        nan where these are too few. Larger with few degrees of freedom, about as Student's t is.
    """
    unit_pA = _UNIT * float(np.ptp(current_pA))
    if unit_pA == 0.0:
        return math.nan
    curve = average(voltage_mV, current_pA, np.full(len(current_pA), unit_pA))
    df = len(current_pA) - curve.size - (int(curve.repeats.max()) - 1)
    if df >= _MIN_DF and curve.scatter > 1.0:
        return unit_pA * curve.scatter * math.sqrt(df / (df - 2))
    return spline.noise_pA(curve.voltage_mV, curve.current_pA)
