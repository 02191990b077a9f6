"""Recipes of the solutions as a paper has them: `145 NaCl, 10 HEPES, 1 MgCl2, NaOH to pH 7.4`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from nernstfit.report.numbers import as_given
from nernstfit.solutions.composition import Solutions


def recipes(solutions: Solutions) -> Mapping[str, str]:
    """Return the recipe of each solution by its name: amounts in mM, the largest first, then gas, titrant and pH."""
    return {name: ", ".join(_parts(solutions, i)) for i, name in enumerate(solutions.names)}


def _parts(solutions: Solutions, i: int) -> Iterator[str]:
    doses = solutions.doses[i] if solutions.doses else {}
    for name, amount in sorted(doses.items(), key=lambda dose: (-dose[1], dose[0])):
        yield f"{as_given(amount)} {name}"
    gas, pH, titrant = solutions.gas_mmHg(i), solutions.pH[i], solutions.titrants[i]
    if math.isfinite(gas):
        yield f"CO2 at {as_given(gas)} mmHg"
    if math.isfinite(pH):
        yield f"{f'{titrant.name} to ' if titrant else ''}pH {as_given(pH)}"
