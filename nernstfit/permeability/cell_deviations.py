"""Deviations of the ln P of single cells from their mean: the modes of their posterior distribution.

Where cells differ widely in an ion, E is curved over the width of their differences, and a model that is linear at the
mean cell describes none of the others. Linearised at the mode of each cell (Lindstrom & Bates 1990, Biometrics 46:673)
it describes every cell near its own ln P.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import CovarianceComponents, VarianceComponents, Whitener
from nernstfit.permeability.limits import MAX_EFFECT_STEP
from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]

_MAX_STEPS = 40
"""Gauss-Newton steps to the modes of all cells."""

_CONVERGED = 1e-10
"""Change of a ln P below which the modes have converged."""


def cell_deviations(
    data: Observations, ln_p: FloatArray, components: VarianceComponents, start: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return the most probable deviation of each observation's cell, at given ratios and variance components.

    Parameters
    ----------
    data : Observations
        Each of a single cell, none censored.
    ln_p : ndarray, shape (data.n_coefficients,)
        Of the mean cell.
    components : VarianceComponents
    start : ndarray, shape (n, k), or None

    Returns
    -------
    deviation : ndarray, shape (n, k)
    along_mV : ndarray, shape (n,)
        Gradient at the cell times its deviation.
    """
    k = len(data.ions)
    deviation = np.zeros((data.size, k)) if start is None else start
    before = np.zeros((data.size, k))
    for _ in range(_MAX_STEPS):
        predicted, gradient = data.at_deviation(deviation, data.potential_mV).prediction(ln_p)
        of_ions = gradient[:, :k]
        along_mV = (of_ions * deviation).sum(axis=1)
        structure = CovarianceComponents(data, gradient)
        weighted = Whitener(structure, components).precision_times(data.potential_mV - predicted + along_mV)
        step = structure.deviations(of_ions * weighted[:, None], components) - deviation
        if np.abs(step).max(initial=0.0) < _CONVERGED:
            break
        before = damped(step, before)
        deviation = deviation + before
    return deviation, along_mV


def damped(step: FloatArray, before: FloatArray) -> FloatArray:
    """Return the step of each deviation, shape (n, k), limited, and halved where it goes back on the one before."""
    step = np.clip(step, -MAX_EFFECT_STEP, MAX_EFFECT_STEP)
    # A step back over more than half of the one before overshoots.
    back = (step * before).sum(axis=1) < -(before**2).sum(axis=1) / 2
    return np.where(back[:, None], step / 2, step)
