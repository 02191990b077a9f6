"""Ion accumulation: drift of the zero of a recording with the charge that its own current has carried.

A net outward current leaves ions outside and takes them from inside, so that the zero moves up, and down after an
inward one. Over recordings of one group, the drift of the zero is a straight line of the charge, whose intercept holds
every drift that has nothing to do with it (dialysis, run-down):

    drift = a + b charge + error,    variance of the error = se^2 + tau^2.

tau^2 is common to all recordings (moments; DerSimonian & Laird 1986, Control Clin Trials 7:177). The cell, or batch, is
the replicate: the error of b comes from the residuals of whole cells, corrected for their number, with Satterthwaite's
degrees of freedom (Bell & McCaffrey 2002, Surv Methodol 28:169), whatever the recordings of a cell have in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.distributions import f_tail

FloatArray = NDArray[np.float64]

MIN_CLUSTERS = 3
"""Cells from which their residuals give an error of the slope: the least of which a line leaves one over."""
# Singular value below which a cell alone decides a direction and its residual says nothing; half or double change
# nothing, as it lies far above rounding and far below any design.
_MIN_LEFT = 1e-9
# Spread of the charges over their size below which they are equal; rounding lies far below it and any protocol above:
# half or double change nothing.
_MIN_SPREAD = 1e-6


@dataclass(frozen=True)
class Drifts:
    """Drift of the zero over the repeats of each recording, and the charge that passed meanwhile; nan where unknown.

    Attributes
    ----------
    drift_mV, se_mV, charge_nC : ndarray, shape (n,)
    """

    drift_mV: FloatArray
    se_mV: FloatArray
    charge_nC: FloatArray

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where all three are known, shape (n,)."""
        return np.asarray(np.isfinite(self.drift_mV) & np.isfinite(self.se_mV) & np.isfinite(self.charge_nC))


@dataclass(frozen=True)
class Slope:
    """Slope of the drift against the charge in mV per nC, its standard error, F, degrees of freedom and p."""

    size: float
    se: float
    statistic: float
    df1: float
    df2: float
    p: float


def drift_slope(drifts: Drifts, cluster: NDArray[np.int64]) -> Slope | None:
    """Estimate the slope of the drift against the charge.

    Parameters
    ----------
    drifts : Drifts
        Known ones alone, of at least `MIN_CLUSTERS` clusters.
    cluster : ndarray of int, shape (n,)
        Independent cluster of each recording.

    Returns
    -------
    Slope or None
        None where all recordings passed nearly the same charge, or a single cell decides the slope.
    """
    charge = drifts.charge_nC
    if np.ptp(charge) <= _MIN_SPREAD * np.abs(charge).max():
        return None
    design = np.column_stack([np.ones(len(charge)), charge])
    se_mV = np.hypot(drifts.se_mV, math.sqrt(_common_variance(design, drifts.drift_mV, drifts.se_mV)))
    design, response = design / se_mV[:, None], drifts.drift_mV / se_mV
    inverse = np.linalg.inv(design.T @ design)
    size = float((inverse @ design.T @ response)[1])
    residual = response - design @ (inverse @ design.T @ response)
    of_clusters = []
    for g in np.unique(cluster):
        own = cluster == g
        left = np.eye(int(own.sum())) - design[own] @ inverse @ design[own].T
        influence = _inverse_root(left) @ design[own] @ inverse[:, 1]
        of_clusters.append((influence @ residual[own], influence @ influence, *(influence @ design[own])))
    of_residual, own_square, *through = np.array(of_clusters).T
    variance = float((of_residual**2).sum())
    # The products of the influences of two clusters, less their parts along the design: a diagonal minus rank two.
    along = np.stack(through, axis=1) @ np.linalg.cholesky(inverse)
    trace = float(own_square.sum() - (along**2).sum())
    square = float((own_square**2).sum() - 2 * own_square @ (along**2).sum(axis=1) + ((along.T @ along) ** 2).sum())
    if not variance > 0:
        return None
    df = trace**2 / square
    return Slope(size, math.sqrt(variance), size**2 / variance, 1.0, df, f_tail(size**2 / variance, 1.0, df))


def _common_variance(design: FloatArray, drift_mV: FloatArray, se_mV: FloatArray) -> float:
    """Return the variance of the drifts beyond their standard errors, by the moments of the residuals; at least 0."""
    weight = 1 / se_mV**2
    weighted = design * weight[:, None]
    inverse = np.linalg.inv(design.T @ weighted)
    residual = drift_mV - design @ (inverse @ (weighted.T @ drift_mV))
    expected = len(drift_mV) - design.shape[1]
    gain = float(weight.sum() - np.trace(inverse @ (weighted.T @ weighted)))
    return max(0.0, (float(weight @ residual**2) - expected) / gain) if gain > 0 else 0.0


def _inverse_root(matrix: FloatArray) -> FloatArray:
    """Return the symmetric inverse square root; 0 along directions that the cell alone decides."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.where(values > _MIN_LEFT, np.maximum(values, _MIN_LEFT) ** -0.5, 0.0)
    return np.asarray((vectors * root) @ vectors.T)
