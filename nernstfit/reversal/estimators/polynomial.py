"""Zero of a polynomial through the levels around the crossing."""

from __future__ import annotations

import math

import numpy as np

from nernstfit.reversal.curve import Curve
from nernstfit.reversal.estimator import Bracket, Estimator, Zero, neighbourhood, no_zero, with_error
from nernstfit.reversal.polynomial import fit

# Highest order that Akaike's criterion may choose. With a parabola the inflection of a rectifying current is not
# followed: potentials in real recordings are off by up to 8 standard errors. With double most stay, and single ones
# move by 2 standard errors with the noise.
_MAX_ORDER = 5


def zero(curve: Curve, bracket: Bracket, temperature_C: float) -> Zero:
    """Find the zero of a polynomial through the levels around the bracket, its order chosen by Akaike's criterion.

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
    """
    levels = neighbourhood(curve, bracket)
    near = curve.among(levels)
    line = fit(near.voltage_mV, near.current_pA, near.weight, max(1, min(_MAX_ORDER, near.size - 2))).best()
    potential = line.zero(*bracket)
    if not math.isfinite(potential):
        return no_zero(curve)
    slope = line.value(potential)[1]
    influence = np.zeros(curve.size)
    influence[levels] = -line.at(np.array([potential]))[1][0] / slope
    return with_error(curve, potential, slope, influence, line.error_scale)


ESTIMATOR = Estimator(
    name="polynomial",
    zero=zero,
    second="local",
    sentence="the zero of a polynomial through the surrounding levels, its order chosen by Akaike's criterion",
)
