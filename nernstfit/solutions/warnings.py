"""Warnings on solutions: charge balance, ionic strength, osmolarity, buffering and binding."""

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
"""Charge excess in percent of the charge of the cations above which a recipe is taken to be incomplete: 3 meq/l of
150. At half, rounding of published recipes would be warned of; at double, 6 meq/l of a missing titrant would not."""
OSMOLARITY_MOSM_PER_L = (150.0, 450.0)
"""Range of solutions for vertebrate cells (about 300). At half its width some common recipes would be warned of, at
double a forgotten glucose or sucrose would not; solutions of marine animals have about 1,000."""
# Osmolarity from which a solution fills a salt bridge and is not warned of. At half, solutions of marine animals would
# not be warned of; at double, bridges of 1 to 2 M KCl would be.
_BRIDGE_MOSM_PER_L = 2000.0
MAX_BOUND = 0.95
"""Bound fraction of a chelator above which it no longer buffers the free metal: an error of 1 % in its amount then
changes the free metal by 20 %. With half the unbound rest (0.975) that is 40 %, with double (0.9) 10 %."""
MAX_PKA_DISTANCE = 1.0
"""Distance of the pH from the nearest pKa within which a buffer holds it, with at least 1/3 of its greatest capacity.
At half HEPES at pH 6.9 would be warned of; at double 4 % of the capacity is left, and the table is refused anyway."""
# Concentration from which an ion can be the missing one, or H and OH the acid or base of a recipe. At half or double
# only the wording of a warning on trace ions changes.
_NOTABLE_MM = 1.0
_CHELATORS = frozenset(step.base for step in equilibria.COMPLEXES if step.partner != "H")


def solution_warnings(solutions: Solutions, temperature_C: float, model: str) -> dict[str, tuple[str, ...]]:
    """Return the warnings on each solution, by its name.

    Parameters
    ----------
    solutions : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.

    Returns
    -------
    dict of str to tuple of str
        An empty tuple where there is nothing to warn of.
    """
    at, excess = solutions.at(temperature_C), solutions.charge_excess_meq_per_l(temperature_C).tolist()
    return {
        name: (*_charge(solutions, at, i, excess[i]), *_properties(solutions, at, i, temperature_C, model))
        for i, name in enumerate(solutions.names)
    }


def _properties(solutions: Solutions, at: Composition, i: int, temperature_C: float, model: str) -> Iterator[str]:
    strength = float(ionic_strength_M(at.free_mM[i], solutions.valence))
    limit = model_named(model)[0].max_strength_M
    if strength > limit:
        yield f"ionic strength {strength:.3g} mol/l, above {limit:g}, the limit of {model}"
    osmolarity = float(at.osmolarity_mOsm_per_l[i])
    low, high = OSMOLARITY_MOSM_PER_L
    if not low <= osmolarity <= high and osmolarity < _BRIDGE_MOSM_PER_L:
        yield f"osmolarity {osmolarity:.0f} mOsm/l, outside the {low:g} to {high:g} of solutions for vertebrate cells"
    yield from _without_pH(solutions, i) if math.isnan(solutions.pH[i]) else _with_pH(solutions, at, i, temperature_C)


def _charge(solutions: Solutions, at: Composition, i: int, excess: float) -> Iterator[str]:
    cations = float(at.free_mM[i] @ np.maximum(solutions.valence, 0))
    percent = 100 * excess / cations if cations > 0 else math.nan
    if abs(percent) <= CHARGE_PERCENT or not at.free_mM[i].any():
        return
    share = "" if math.isnan(percent) else f" ({percent:+.1f} % of the cations' charge)"
    yield f"charge excess {excess:+.3g} meq/l{share}: {_missing_ion(solutions, at, i, excess)}"


def _missing_ion(solutions: Solutions, at: Composition, i: int, excess: float) -> str:
    """Return the ion that a recipe most likely omits: the most abundant one of the missing charge."""
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


def _with_pH(solutions: Solutions, at: Composition, i: int, temperature_C: float) -> Iterator[str]:
    acids = equilibria.acid_steps(solutions.known.values())
    nearest = min(equilibria.pKa(solutions.amounts(i), acids, temperature_C), key=lambda p: abs(p - solutions.pH[i]))
    distance = abs(nearest - solutions.pH[i])
    if distance > MAX_PKA_DISTANCE:
        yield f"pH {solutions.pH[i]:g} is {distance:.1f} from the nearest pKa ({nearest:.2f}): it is hardly buffered"
    for name, fraction in sorted(at.bound[i].items()):
        if name in _CHELATORS and fraction > MAX_BOUND:
            yield f"{name.rstrip('1234')} is {100 * fraction:.1f} % bound: it no longer buffers the free metal"


def _without_pH(solutions: Solutions, i: int) -> Iterator[str]:
    amounts = solutions.amounts(i)
    chelators = sorted(ion.name for ion in amounts if ion.name in _CHELATORS)
    metals = sorted(ion.name for ion in amounts if ion.valence > 1)
    if chelators and metals:
        pair = f"{' and '.join(metals)} beside {' and '.join(chelators)}"
        yield f"{pair} counts as free: binding is calculated only with a pH"
    strong: list[Ion] = [ion for ion, c in amounts.items() if ion.name in ("H", "OH") and c > _NOTABLE_MM]
    if strong and any(ion.pKa is not None for ion in amounts):
        yield f"{strong[0].name} beside a buffer counts as free: neutralisation is calculated only with a pH"
