"""Drop of a subtracted current across a series resistance that is not known.

At the zero of what is left, the subtracted current flows alone: the membrane lies below the command by its drop, I R.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nernstfit.contract.terms import Leak
from nernstfit.reversal.capacitance import LIMIT_MOHM
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.procedure import Procedure


@dataclass(frozen=True)
class Drop:
    """Subtracted current at the zero, and the largest resistance that it may flow across; 0 where that is known."""

    current_pA: float = 0.0
    limit_MOhm: float = 0.0

    @property
    def reach_mV(self) -> tuple[float, float]:
        """Distances by which the truth may lie below and above the zero (95 % limits)."""
        shift_mV = -self.current_pA * self.limit_MOhm * 1e-3
        return max(0.0, -shift_mV), max(0.0, shift_mV)

    @property
    def sentence(self) -> str:
        """Sentence on the error by it, with what would settle it."""
        return (
            f"at the zero {self.current_pA:z.0f} pA flow, which are subtracted, across a series resistance that is not "
            f"known and may be {self.limit_MOhm:g} MOhm; give series_resistance_MOhm and compensation_percent"
        )


def of(iv: Curve, result: Result, procedure: Procedure) -> Drop:
    """Return the drop of the current that is subtracted by `measure.leak`; none where the resistance is known.

    Parameters
    ----------
    iv : Curve
        The signal after subtraction, on the command's axis.
    result : Result
    procedure : Procedure
    """
    is_subtracted = Leak.of(procedure.how.leak) is not Leak.NONE
    if procedure.series_MOhm is not None or not is_subtracted or result.zero is None:
        return Drop()
    total_pA = float(np.interp(result.potential_mV, iv.voltage_mV, iv.total_pA))
    return Drop(total_pA, LIMIT_MOHM[procedure.configuration])
