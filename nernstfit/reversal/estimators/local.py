"""Zero of a smoothing spline through the levels around the crossing."""

from __future__ import annotations

import math

import numpy as np

from nernstfit.reversal import spline
from nernstfit.reversal.curve import DENSE_MV, Curve, thinned
from nernstfit.reversal.estimator import Bracket, Estimator, Zero, neighbourhood, secant, with_error


def zero(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    """Find the zero of a smoothing spline through the levels around the bracket.

    Pieces of a ramp are averaged over 2 mV first. Where the spline has no zero in the bracket, the secant is used.

    Parameters
    ----------
    curve : Curve
    bracket : tuple of float
        Two voltages in mV at which the current has opposite signs.
    temperature_C : float
        Not used: every estimator is called alike.

    Returns
    -------
    Zero
        Its error includes what the current may do between the levels.
    """
    levels = neighbourhood(curve, bracket)
    few, into = thinned(curve.among(levels), DENSE_MV)
    smooth = spline.fit(few.voltage_mV, few.current_pA, few.se_pA)
    potential = smooth.zero(*bracket)
    if not math.isfinite(potential):
        return secant(curve, bracket)
    slope = smooth.slope(potential)
    of_few, between = smooth.error(np.array([potential]))
    influence = np.zeros(curve.size)
    influence[levels] = -(of_few[0] / np.bincount(into))[into] / slope
    return with_error(curve, potential, slope, influence, interpolation_se_mV=math.sqrt(between[0]) / abs(slope))


ESTIMATOR = Estimator(
    name="local",
    zero=zero,
    second="polynomial",
    sentence="the zero of a smoothing spline through the surrounding levels, its smoothness determined by the data",
    citation="Wahba 1990",
    reference="Wahba 1990, Spline Models for Observational Data, SIAM",
)
