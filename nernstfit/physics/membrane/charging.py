"""Current that charges a capacitance: it is proportional to the step of the voltage, whatever channels are open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Part of the sum of squares of a current that is proportional to the step of the command, from which it is capacitive.
# At half, a tail, or a current that activates at once, counts as capacitive; halfway to 1, noise decides.
_CAPACITIVE = 0.9


def is_capacitive(current_pA: FloatArray, steps_mV: FloatArray) -> bool:
    """Return True where currents are proportional to the steps of the command, as a capacitive transient is.

    Parameters
    ----------
    current_pA : ndarray, shape (levels,)
        Current, or change of it, after the step to each level.
    steps_mV : ndarray, shape (levels,)
        Level minus that before the step; nan where that is not known, and then nothing is capacitive.
    """
    explained = float(steps_mV @ current_pA) ** 2
    return explained > _CAPACITIVE * float(current_pA @ current_pA) * float(steps_mV @ steps_mV)
