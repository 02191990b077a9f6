"""One ratio from a reversal potential: the inverse of the reversal potential in one permeability or conductance.

Each current is proportional to its ratio r_i, and at the reversal potential E their sum is 0. With i_i the current
per unit of ratio, one unknown ratio follows from all others,

    r_X = -sum_{i != X} r_i i_i(E) / i_X(E).

The reversal potential changes monotonically with r_X from its value without X (r_X = 0) to the reversal potential of
X alone (r_X infinite); a potential outside this range has no ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.membrane import chord, ghk

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GoldmanCurrents:
    """GHK currents of some ions; an ion has one or more entries, which share its permeability.

    Attributes
    ----------
    valence, inside, outside : ndarray, shape (entries, ions)
        Signed charge numbers and activities, as at the head of `ghk`.
    temperature_C : float
    """

    valence: FloatArray
    inside: FloatArray
    outside: FloatArray
    temperature_C: float
    symbol: ClassVar[str] = "P"
    quantity: ClassVar[str] = "permeability_ratio"

    def currents(self, potential_mV: float) -> FloatArray:
        """Return the current of each ion per unit of its permeability, positive outward, shape (ions,)."""
        sides = (self.valence, self.inside, self.outside, self.temperature_C)
        return np.asarray(ghk.ion_currents(potential_mV, 1.0, *sides).sum(axis=0))

    def reversal_mV(self, ratios: FloatArray) -> float:
        """Return the reversal potential; +-inf without outward or inward current, nan without either."""
        cations = self.valence > 0
        outward = (ratios * np.where(cations, self.inside, self.outside)).sum()
        inward = (ratios * np.where(cations, self.outside, self.inside)).sum()
        if not outward or not inward:
            return math.inf if inward else -math.inf if outward else math.nan
        permeability = np.broadcast_to(ratios, self.valence.shape).ravel()
        sides = (self.valence.ravel(), self.inside.ravel(), self.outside.ravel())
        return float(ghk.reversal_mV(permeability, *sides, self.temperature_C))


@dataclass(frozen=True)
class ChordCurrents:
    """Currents through chord conductances.

    Attributes
    ----------
    nernst_mV : ndarray, shape (ions,)
    """

    nernst_mV: FloatArray
    symbol: ClassVar[str] = "g"
    quantity: ClassVar[str] = "conductance_ratio"

    def currents(self, potential_mV: float) -> FloatArray:
        """Return the current of each ion per unit of its conductance, positive outward, shape (ions,)."""
        return chord.driving_forces_mV(potential_mV, self.nernst_mV)

    def reversal_mV(self, ratios: FloatArray) -> float:
        """Return the reversal potential; nan where no ion conducts."""
        return float(chord.reversal_mV(ratios, self.nernst_mV))


Currents = GoldmanCurrents | ChordCurrents


def range_mV(currents: Currents, ratios: FloatArray, solved: int) -> tuple[float, float]:
    """Return the reversal potential without one ion, and that of this ion alone, in mV.

    Parameters
    ----------
    currents : Currents
    ratios : ndarray, shape (ions,)
        0 for the ion in question.
    solved : int
        Position of the ion in question.

    Returns
    -------
    tuple of float
        Not ordered; infinite or nan as `reversal_mV` of the currents.
    """
    alone = np.zeros(len(ratios))
    alone[solved] = 1.0
    return currents.reversal_mV(ratios), currents.reversal_mV(alone)


def ratio(currents: Currents, ratios: FloatArray, solved: int, potential_mV: float) -> float:
    """Return the ratio of one ion at which the currents reverse at a potential.

    Parameters
    ----------
    currents, ratios, solved
        As in `range_mV`.
    potential_mV : float
        Reversal potential, inside minus outside.

    Returns
    -------
    float
        0 or infinite where the potential lies outside `range_mV`, whichever end is nearer.
    """
    without, alone = range_mV(currents, ratios, solved)
    if not min(without, alone) < potential_mV < max(without, alone):
        return 0.0 if abs(potential_mV - without) < abs(potential_mV - alone) else math.inf
    at = currents.currents(potential_mV)
    return float(-(ratios @ at) / at[solved])
