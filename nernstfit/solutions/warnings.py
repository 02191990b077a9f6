"""What a reader should know of a solution before trusting numbers that come from it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nernstfit.physics.solution import equilibria
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.coefficients import model_named
from nernstfit.physics.solution.ions import Ion
from nernstfit.solutions.composition import Composition, Solutions

CHARGE_PERCENT = 2.0
"""Charge excess, of the charge of the cations, above which a recipe is held to be incomplete."""
OSMOLARITY_MOSM_PER_L = (150.0, 450.0)
"""Of solutions for cells of vertebrates; those of marine animals have about 1,000."""
_NO_CELL_MOSM_PER_L = 2000.0  # no cell lives in such a solution: it fills a salt bridge
BOUND = 0.95
"""Share of a chelator that is bound, above which it holds no metal constant."""
REACH = 1.0
"""Distance of the pH from the nearest pKa within which a buffer holds it."""
_NOTABLE_MM = 1.0
_CHELATORS = frozenset(step.base for step in equilibria.COMPLEXES if step.partner != "H")


def solution_warnings(solutions: Solutions, temperature_C: float, model: str) -> dict[str, tuple[str, ...]]:
    """Sentences on each solution, by its name.

    Parameters
    ----------
    solutions : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.

    Returns
    -------
    dict of str to tuple of str
        An empty tuple where nothing is remarkable.
    """
    at, excess = solutions.at(temperature_C), solutions.charge_excess_meq_per_l(temperature_C).tolist()
    return {
        name: (*_charge(solutions, at, i, excess[i]), *_of(solutions, at, i, temperature_C, model))
        for i, name in enumerate(solutions.names)
    }


def _of(solutions: Solutions, at: Composition, i: int, temperature_C: float, model: str) -> Iterator[str]:
    strength = float(ionic_strength_M(at.free_mM[i], solutions.valence))
    limit = model_named(model)[0].max_strength_M
    if strength > limit:
        yield f"ionic strength {strength:.3g} mol/l, above the {limit:g} up to which {model} is meant"
    osmolarity = float(at.osmolarity_mOsm_per_l[i])
    low, high = OSMOLARITY_MOSM_PER_L
    if not low <= osmolarity <= high and osmolarity < _NO_CELL_MOSM_PER_L:
        yield f"osmolarity {osmolarity:.0f} mOsm/l, outside the {low:g} to {high:g} of solutions for vertebrate cells"
    yield from _unsaid_pH(solutions, i) if math.isnan(solutions.pH[i]) else _at_its_pH(solutions, at, i, temperature_C)


def _charge(solutions: Solutions, at: Composition, i: int, excess: float) -> Iterator[str]:
    cations = float(at.free_mM[i] @ np.maximum(solutions.valence, 0))
    percent = 100 * excess / cations if cations > 0 else math.nan
    if abs(percent) <= CHARGE_PERCENT or not at.free_mM[i].any():
        return
    share = "" if math.isnan(percent) else f" ({percent:+.1f} % of the cations' charge)"
    yield f"charge excess {excess:+.3g} meq/l{share}: {_missing(solutions, at, i, excess)}"


def _missing(solutions: Solutions, at: Composition, i: int, excess: float) -> str:
    """The ion that a recipe most likely leaves out: of the charge that is lacking, the one it has most of."""
    sign = -1 if excess > 0 else 1
    lacking = [
        (c, ion.name)
        for ion, c in zip(solutions.ions, at.free_mM[i].tolist(), strict=True)
        if ion.valence == sign and c > _NOTABLE_MM and ion.name not in ("H", "OH")
    ]
    ion = max(lacking)[1] if lacking else ("Cl" if sign < 0 else "Na or K")
    acid = "acid" if sign < 0 else "base"
    if not math.isnan(solutions.pH[i]):
        return f"likely missing is {ion}, of the {acid} that set the pH (column 'titrant')"
    buffers = [each.name for each in solutions.amounts(i) if each.pKa is not None]
    without = f", or a pH: without one {' and '.join(buffers)} counts as written" if buffers else ""
    return f"likely missing is {ion}{without}"


def _at_its_pH(solutions: Solutions, at: Composition, i: int, temperature_C: float) -> Iterator[str]:
    acids = equilibria.acid_steps(solutions.known.values())
    nearest = min(equilibria.pKa(solutions.amounts(i), acids, temperature_C), key=lambda p: abs(p - solutions.pH[i]))
    apart = abs(nearest - solutions.pH[i])
    if apart > REACH:
        yield f"pH {solutions.pH[i]:g} is {apart:.1f} from the nearest pKa ({nearest:.2f}): it is hardly buffered"
    for name, share in sorted(at.bound[i].items()):
        if name in _CHELATORS and share > BOUND:
            yield f"{name.rstrip('1234')} is {100 * share:.1f} % bound: it holds no metal constant any more"


def _unsaid_pH(solutions: Solutions, i: int) -> Iterator[str]:
    amounts = solutions.amounts(i)
    chelators = sorted(ion.name for ion in amounts if ion.name in _CHELATORS)
    metals = sorted(ion.name for ion in amounts if ion.valence > 1)
    if chelators and metals:
        yield f"{' and '.join(metals)} beside {' and '.join(chelators)} counts as free: what is bound needs a pH"
    strong: list[Ion] = [ion for ion, c in amounts.items() if ion.name in ("H", "OH") and c > _NOTABLE_MM]
    if strong and any(ion.pKa is not None for ion in amounts):
        yield f"{strong[0].name} beside a buffer counts as free: what neutralises it needs a pH"
