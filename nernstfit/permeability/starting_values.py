"""Starting values of the ln P of a fit, and the search for another optimum where the first fit is implausible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import CovarianceComponents, VarianceComponents, Whitener
from nernstfit.permeability.least_squares import LOWER_CHI_SQUARE, least_squares
from nernstfit.permeability.limits import IMPERMEANT, RESTART, START_SD
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import chi_square, minimize

FloatArray = NDArray[np.float64]

_MIN_SE_MV = 1.0
"""Error added in quadrature to every observation before the first fit, so that one with a tiny standard error does
not rule the start. With half of it starts follow precise observations more; with twice as much they are coarser."""

MAX_CHI_SQUARE_PER_OBSERVATION = 4.0
"""Chi-square per observation, at the errors above and `START_SD` between cells, from which the fit does not explain
the data and other optima are sought. With half of it more fits are started several times, which takes time; with
twice as much a wrong local optimum is accepted more often."""


def starting_ln_p(
    data: Observations, free: Sequence[int], components: VarianceComponents, near: FloatArray | None = None
) -> FloatArray:
    """Return ln P to start from: the least-squares fit with at least 1 mV of error in every observation.

    Where that fit leaves the data unexplained or sends an ion away, it may be a local optimum: then Newton's method
    tries other starting points, and the lowest sum of squares is taken.

    Parameters
    ----------
    data : Observations
    free : sequence of int
        Which ln P are fitted.
    components : VarianceComponents
        To start from.
    near : ndarray, shape (data.n_coefficients,), or None
        ln P near which the least-squares fit is expected; None: all permeabilities are equal.

    Returns
    -------
    ndarray, shape (data.n_coefficients,)
    """
    smoothed, whiten = with_least_error(data, components)
    equal = data.parameters.start(data.n_coefficients)
    found = least_squares(smoothed, equal if near is None else begun(data, near), free, whiten)
    if data.size < len(free) or not _is_implausible(smoothed, found, components):
        return found
    lowest = chi_square(smoothed, found, whiten)
    starts = [equal, *(np.where(np.arange(len(equal)) == i, side * RESTART, equal) for i in free for side in (-1, 1))]
    for other, reached in zip(*minimize(smoothed, np.array(starts), free, whiten), strict=True):
        if reached < lowest - LOWER_CHI_SQUARE:
            found, lowest = other, float(reached)
    return data.parameters.completed(found)


def begun(data: Observations, near: FloatArray) -> FloatArray:
    """Return ln P to begin from near those of a similar fit, shape (k,); held ones are the user's."""
    ln_p, start, fixed = np.clip(near, -RESTART, RESTART), data.parameters.start(len(near)), list(data.parameters.fixed)
    ln_p[fixed] = start[fixed]
    return data.parameters.completed(ln_p)


def with_least_error(data: Observations, components: VarianceComponents) -> tuple[Observations, Whitener]:
    """Return the observations with at least 1 mV of error each, and their whitening where cells do not differ."""
    smoothed = data.with_potentials(se_mV=np.hypot(data.se_mV, _MIN_SE_MV))
    structure = CovarianceComponents(smoothed, np.zeros((data.size, data.n_coefficients)))
    return smoothed, Whitener(structure, components)


def _is_implausible(smoothed: Observations, ln_p: FloatArray, components: VarianceComponents) -> bool:
    """Return True where an ion ran away, or cells that differ by `START_SD` still do not explain the potentials."""
    if np.abs(ln_p).max() > IMPERMEANT:
        return True
    wide = replace(components, ln_p=tuple(START_SD if sd else 0.0 for sd in components.ln_p))
    whiten = Whitener(CovarianceComponents(smoothed, smoothed.gradient(ln_p)), wide)
    return chi_square(smoothed, ln_p, whiten) > MAX_CHI_SQUARE_PER_OBSERVATION * smoothed.size
