"""Methods of the liquid junction potential by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nernstfit.physics.membrane.junction import SolutionPair, coefficients_mV, henderson_mV
from nernstfit.physics.membrane.nernst_planck import nernst_planck_mV


def _henderson_mV(pair: SolutionPair, temperature_C: float) -> float:
    of_concentrations = henderson_mV(pair.bath_mM, pair.pipette_mM, pair.valence, pair.mobility, temperature_C)
    return float(of_concentrations) + coefficients_mV(pair, temperature_C)


METHODS: Mapping[str, Callable[[SolutionPair, float], float]] = MappingProxyType(
    {"henderson": _henderson_mV, "nernst-planck": nernst_planck_mV}
)
"""Functions of two solutions and the temperature in degrees Celsius that return V_bath - V_pipette in mV, nan where a
solution holds no ion. A further method is a further entry here, and its term."""
