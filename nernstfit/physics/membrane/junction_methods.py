"""Methods of the liquid junction potential by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from nernstfit.physics.membrane.junction import SolutionPair, henderson_mV
from nernstfit.physics.membrane.nernst_planck import nernst_planck_mV


def _henderson_mV(pair: SolutionPair, temperature_C: float) -> float:
    bath = np.asarray(pair.bath_coefficient) * np.asarray(pair.bath_mM)
    pipette = np.asarray(pair.pipette_coefficient) * np.asarray(pair.pipette_mM)
    return float(henderson_mV(bath, pipette, pair.valence, pair.mobility, temperature_C))


METHODS: Mapping[str, Callable[[SolutionPair, float], float]] = MappingProxyType(
    {"henderson": _henderson_mV, "nernst-planck": nernst_planck_mV}
)
"""Functions of two solutions and the temperature in degrees Celsius that return V_bath - V_pipette in mV, nan where a
solution holds no ion. A further method is a further entry here, and its term."""
