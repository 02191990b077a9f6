"""Error budget: the variance of each ln ratio, divided between its sources.

With V the covariance of the potentials without systematic errors, X the gradient dE / d ln P and
A = (X' V^-1 X)^-1 X' V^-1, the variance (X' V^-1 X)^-1 is the sum of A V_m A' over the parts V_m of V: noise, cells,
batches and offsets. Each systematic error adds (A s)^2, s being the shift of the potentials by one standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import ErrorSource
from nernstfit.permeability import covariance
from nernstfit.permeability.inference.sentences import budget_sentence
from nernstfit.permeability.inference.variance_shares import VarianceShare
from nernstfit.permeability.mixed_model import Fit
from nernstfit.solutions.junctions import METHOD_ERROR
from nernstfit.solutions.systematic_errors import ACTIVITY_MODEL, IN_SOLUTION, LOG_K, PH

FloatArray = NDArray[np.float64]

# Error source of each variance component, and of each systematic error by its name or the head of it.
_SOURCE_OF_COMPONENT: Mapping[str, ErrorSource] = {
    covariance.NOISE: ErrorSource.NOISE,
    covariance.LN_P: ErrorSource.CELLS,
    covariance.BATCH: ErrorSource.BATCH,
    covariance.OFFSET: ErrorSource.OFFSET,
}
_SOURCE_OF_SYSTEMATIC: Mapping[str, ErrorSource] = {
    METHOD_ERROR: ErrorSource.JUNCTION,
    IN_SOLUTION: ErrorSource.JUNCTION,
    ACTIVITY_MODEL: ErrorSource.ACTIVITY,
    "mobility": ErrorSource.JUNCTION,
    "temperature": ErrorSource.TEMPERATURE,
    LOG_K: ErrorSource.EQUILIBRIA,
    PH: ErrorSource.EQUILIBRIA,
    "concentration": ErrorSource.CONCENTRATION,
    ErrorSource.CAPACITANCE: ErrorSource.CAPACITANCE,
    ErrorSource.FILTER: ErrorSource.FILTER,
}


def budget(fit: Fit, systematic_mV: FloatArray, names: Sequence[str], ions: Sequence[str]) -> tuple[VarianceShare, ...]:
    """Divide the variance of some ln ratios between its sources.

    Parameters
    ----------
    fit : Fit
        Fitted by REML.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    names : sequence of str, length sources
        Names of the systematic errors.
    ions : sequence of str
        Ions whose ratios are estimates.

    Returns
    -------
    tuple of VarianceShare
        For each ion noise, cells, offset, junction, activity, temperature and concentration; batch, equilibria,
        capacitance and filter where there are any.

    Raises
    ------
    KeyError
        Where a systematic error belongs to no source.
    """
    structure = covariance.CovarianceComponents(fit.working, fit.gradient)
    of_components = structure.parts(fit.components, fit.sensitivity)
    of_systematic = (fit.sensitivity @ systematic_mV) ** 2
    found: list[VarianceShare] = []
    for ion in ions:
        position = fit.free.index(fit.data.ions.index(ion))
        variances = {_SOURCE_OF_COMPONENT[name]: {"": float(part[position])} for name, part in of_components.items()}
        variances |= {source: {} for source in dict.fromkeys(_SOURCE_OF_SYSTEMATIC.values())}
        for name, variance in zip(names, of_systematic[position].tolist(), strict=True):
            variances[_source(name)][name] = variance
        for source in (ErrorSource.EQUILIBRIA, ErrorSource.CAPACITANCE, ErrorSource.FILTER):
            if not any(variances[source].values()):
                del variances[source]
        found += _shares(ion, variances)
    return tuple(found)


def _source(name: str) -> ErrorSource:
    """Return the source that a systematic error belongs to."""
    return _SOURCE_OF_SYSTEMATIC[name if name in _SOURCE_OF_SYSTEMATIC else name.split(" of ")[0]]


def _shares(ion: str, variances: Mapping[ErrorSource, Mapping[str, float]]) -> Iterator[VarianceShare]:
    """Yield the shares of one ln ratio from the variances of each source, by the name of what it is made of."""
    total = sum(sum(parts.values()) for parts in variances.values())
    for source, parts in variances.items():
        variance = sum(parts.values())
        share, largest = variance / total, max(parts, key=parts.__getitem__, default="")
        yield VarianceShare(ion, source, share, math.sqrt(variance), budget_sentence(ion, source, share, largest))
