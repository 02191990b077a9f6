"""Alternative readings of the same potentials, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.reasons import RatioReason
from nernstfit.permeability.inference.mixtures import Mixture
from nernstfit.permeability.observations import Observations
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Corrections:
    """Corrections of the potentials of a group, the times of the measurements, and mixtures; arrays of shape (n,).

    Attributes
    ----------
    junction_mV, rs_shift_mV : ndarray
        Added to the membrane potential; 0 where nothing was.
    time_s : ndarray
        nan where unknown.
    junction_of : callable
        Returns the junction correction of a condition in mV; nan where it cannot be calculated.
    mixtures : tuple of Mixture
        Mixture series among the baths.
    trends : mapping of str to ndarray
        By ion, the change of each potential if its ln P changed by 1 for each unit of its ln activity in the bath.
    already_mV : float
        Potential of junction.already_corrected_mV, which was added back to that of the command.
    """

    junction_mV: FloatArray
    rs_shift_mV: FloatArray
    time_s: FloatArray
    junction_of: Callable[[Condition], float]
    mixtures: tuple[Mixture, ...] = ()
    trends: Mapping[str, FloatArray] = field(default_factory=dict)
    already_mV: float = 0.0


@dataclass(frozen=True)
class Cause:
    """Alternative reading of the potentials; arrays of shape (n,).

    Attributes
    ----------
    reason : RatioReason
        Its text.
    names : mapping
        Names in the text.
    rows : ndarray of int
        Observation whose solutions each observation had.
    side : ndarray
        -1 where inside and outside are exchanged, else 1.
    shift_mV : ndarray
        Added to the potentials.
    effect : ndarray
        Shift of the potentials by one unit of an effect whose size is fitted; zeros for none.
    leaves_out : bool
        The observations with the effect have a common mean of their own, and say nothing of the ratios.
    """

    reason: RatioReason
    rows: IntArray
    side: FloatArray
    shift_mV: FloatArray
    effect: FloatArray
    leaves_out: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def read(self, data: Observations, size: float) -> Observations:
        """Return the observations as this cause has them, those that it leaves out among them.

        Parameters
        ----------
        data : Observations
        size : float
            Size of the effect.
        """
        at = self.rows.tolist()
        solutions = data.subset(at)
        exchanged = (self.side < 0)[:, None]
        return replace(
            data,
            potential_mV=data.potential_mV + self.shift_mV - size * self.effect,
            temperature_C=solutions.temperature_C,
            inside=np.where(exchanged, solutions.outside, solutions.inside),
            outside=np.where(exchanged, solutions.inside, solutions.outside),
            factors=solutions.factors.turned(self.side),
            conditions=solutions.conditions,
        )

    @property
    def kept(self) -> list[int]:
        """Observations that are not left out."""
        return np.flatnonzero((self.effect == 0) | (not self.leaves_out)).tolist()
