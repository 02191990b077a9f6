"""The error budget: how much of the variance of each ln ratio comes from where.

Noise, cells and offsets add up to the variance over cells: with V the sum of their covariances, X the gradient by ln P
and A = (X'V^-1 X)^-1 X'V^-1, the variance (X'V^-1 X)^-1 is the sum of A V_m A' over the parts V_m of V. What all cells
share adds (A s)^2 for each source, s being what one standard deviation of it does to the potentials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import ErrorSource
from nernstfit.permeability import covariance
from nernstfit.permeability.inference.variance_shares import VarianceShare
from nernstfit.permeability.mixed_model import Fit
from nernstfit.solutions.junctions import MODEL_ERRORS

FloatArray = NDArray[np.float64]

# Error source of each variance component, and of each systematic error by the head of its name.
_COMPONENTS = {
    covariance.NOISE: ErrorSource.NOISE,
    covariance.LN_P: ErrorSource.CELLS,
    covariance.BATCH: ErrorSource.BATCH,
    covariance.OFFSET: ErrorSource.OFFSET,
}
_SYSTEMATIC = {
    "mobility": ErrorSource.JUNCTION,
    "temperature": ErrorSource.TEMPERATURE,
    "concentration": ErrorSource.CONCENTRATION,
} | dict(zip(MODEL_ERRORS, (ErrorSource.JUNCTION, ErrorSource.ACTIVITY), strict=True))
_NOTABLE = 0.05  # of the variance
_HALVED = 0.75  # of its variance is gone where an error is halved


def budget(fit: Fit, systematic_mV: FloatArray, names: Sequence[str], ions: Sequence[str]) -> tuple[VarianceShare, ...]:
    """Split the variance of some ln ratios.

    Parameters
    ----------
    fit : Fit
        By REML.
    systematic_mV : ndarray, shape (n, sources)
        What one standard deviation of each shared error does to measured minus predicted.
    names : sequence of str, length sources
    ions : sequence of str
        Whose ratios are estimates.

    Returns
    -------
    tuple of VarianceShare
        For each ion noise, cells, offset, junction, activity, temperature and concentration; batch where there are any.
    """
    parts = covariance.CovarianceComponents(fit.working, fit.gradient).parts(fit.components, fit.sensitivity)
    shared = (fit.sensitivity @ systematic_mV) ** 2
    found = []
    for ion in ions:
        j = fit.free.index(fit.data.ions.index(ion))
        # Each source by the names of what it is made of.
        made_of: dict[ErrorSource, dict[str, float]] = {
            _COMPONENTS[name]: {"": float(part[j])} for name, part in parts.items()
        }
        made_of |= {
            source: {}
            for source in (
                ErrorSource.JUNCTION,
                ErrorSource.ACTIVITY,
                ErrorSource.TEMPERATURE,
                ErrorSource.CONCENTRATION,
            )
        }
        for name, part in zip(names, shared[j].tolist(), strict=True):
            made_of[_source(name)][name] = part
        total = sum(sum(part.values()) for part in made_of.values())
        for source, part in made_of.items():
            own = sum(part.values())
            largest = max(part, key=part.__getitem__, default="")
            found.append(
                VarianceShare(ion, source, own / total, math.sqrt(own), _sentence(ion, source, own / total, largest))
            )
    return tuple(found)


def _source(name: str) -> ErrorSource:
    """Which line of the budget a shared error belongs to."""
    return _SYSTEMATIC[name if name in _SYSTEMATIC else name.split(" of ")[0]]


def _sentence(ion: str, source: ErrorSource, share: float, largest: str) -> str:
    if share < _NOTABLE:
        return ""
    shorter_percent = 100 * (1 - math.sqrt(1 - _HALVED * share))
    most = f", most of it the {largest}" if largest.startswith(("mobility of ", "concentration of ")) else ""
    return (
        f"{100 * share:.0f} % of the variance of ln P({ion}){most}; half this error would make the interval "
        f"{shorter_percent:.0f} % shorter: {source.remedy.format(ion=ion)}"
    )
