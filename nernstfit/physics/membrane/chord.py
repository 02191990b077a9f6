"""Chord conductances in parallel: each ion as a battery at its Nernst potential in series with a conductance.

Symbols: g conductance, V membrane potential, E Nernst potential, in mV; I current, positive outward.

    I = g (V - E)                           current of one ion (Hodgkin & Huxley 1952, J Physiol 116:449)
    V_rev = sum g E / sum g                 reversal potential of their sum

The same reversal potential gives conductance ratios that are not the permeability ratios of `ghk`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def driving_forces_mV(voltage_mV: ArrayLike, nernst_mV: ArrayLike) -> FloatArray:
    """Return the current of each ion per unit of its conductance, V - E, in mV: positive outward.

    Parameters
    ----------
    voltage_mV : array_like, leading shape
        Membrane potential, inside minus outside.
    nernst_mV : array_like, shape (..., ions)
        Nernst potentials.

    Returns
    -------
    ndarray, shape (..., ions)
    """
    forces: FloatArray = np.asarray(voltage_mV, np.float64)[..., None] - np.asarray(nernst_mV, np.float64)
    return forces


def reversal_mV(conductance: ArrayLike, nernst_mV: ArrayLike) -> FloatArray:
    """Return the reversal potential: the mean of the Nernst potentials, weighted by the conductances.

    Parameters
    ----------
    conductance : array_like, shape (..., ions)
        In any one unit, not negative; ratios will do.
    nernst_mV : array_like, shape (..., ions)

    Returns
    -------
    ndarray, leading shape
        In mV, inside minus outside; nan where no ion conducts.
    """
    g, e = np.asarray(conductance, np.float64), np.asarray(nernst_mV, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        reversal: FloatArray = ((g * e).sum(axis=-1) / g.sum(axis=-1))[()]
    return reversal
