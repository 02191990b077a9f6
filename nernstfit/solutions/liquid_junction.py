"""Liquid junction potential of two solutions of the table by a method, on concentrations or activities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import JunctionBasis
from nernstfit.physics.membrane.junction import SolutionPair
from nernstfit.physics.membrane.junction_methods import METHODS
from nernstfit.physics.membrane.nernst_planck import NotSettled
from nernstfit.physics.solution import coefficients as activity
from nernstfit.physics.solution import water
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.ions import Ion
from nernstfit.physics.solution.mobility import in_solution
from nernstfit.solutions.composition import Solutions

FloatArray = NDArray[np.float64]

# Largest difference of the two methods for usual patch solutions (Marino et al. 2014, Bioelectrochemistry 98:1), above
# which it is told. At half, ordinary pipettes would be; at double, a bridge beside CaCl2 would not.
_USUAL_DIFFERENCE_MV = 0.5


@dataclass(frozen=True)
class JunctionModel:
    """Method, basis and activity model by which a liquid junction potential is calculated.

    Attributes
    ----------
    method : str
        A `JunctionMethod` other than NONE.
    basis : str
        A `JunctionBasis`.
    activity_model : str
        Activity model, with its convention where it has one; read under `JunctionBasis.ACTIVITY` only.
    """

    method: str
    basis: str
    activity_model: str

    @property
    def coefficients(self) -> str:
        """Return the activity model that is applied, '' on concentrations."""
        return self.activity_model if self.basis == JunctionBasis.ACTIVITY else ""


def between_mV(solutions: Solutions, first: str, second: str, temperature_C: float, how: JunctionModel) -> float:
    """Calculate the liquid junction potential of two solutions, V(first) - V(second), in mV.

    Parameters
    ----------
    solutions : Solutions
    first, second : str
    temperature_C : float
    how : JunctionModel

    Raises
    ------
    ValueError
        Where a solution holds no ion.
    NotSettled
        Where no stationary junction is found.
    """
    model = how.coefficients
    taken, places = solutions.at(temperature_C).taken, [solutions.names.index(name) for name in (first, second)]
    rows = [solutions.row(name, temperature_C, model).tolist() for name in (first, second)]
    # An ion in neither solution is left out: whatever is changed of it, the junction is the same.
    present = [i for i, amounts in enumerate(zip(*rows, strict=True)) if any(amounts)]
    contents = [tuple(row[i] for i in present) for row in rows]
    ends = [_End(content, float(taken[i])) for content, i in zip(contents, places, strict=True)]
    given = (how.method, (ends[0], ends[1]), tuple(solutions.ions[i] for i in present), temperature_C, model)
    potential = _potential_mV(*given, slows_ions=solutions.slows_ions)
    if potential is None:
        raise NotSettled(unsettled_remark(first, second, temperature_C, model))
    if not math.isfinite(potential):
        raise ValueError(f"no junction potential between '{first}' and '{second}': one of them holds no ion")
    return potential


class _End(NamedTuple):
    """Solution at one end of a junction: its ions in mM, and the part of the volume that solutes take."""

    content_mM: tuple[float, ...]
    taken: float


@lru_cache(maxsize=4096)
def _potential_mV(
    method: str,
    ends: tuple[_End, _End],
    ions: tuple[Ion, ...],
    temperature_C: float,
    model: str,
    slows_ions: bool,
) -> float | None:
    """Calculate a junction once for each pair of solutions: many conditions and models need the same.

    `model` is '' on concentrations. None where no stationary junction is found.
    """
    bath_mM, pipette_mM = (np.array(end.content_mM) for end in ends)
    valence, mobility = (np.array([getattr(ion, name) for ion in ions]) for name in ("valence", "mobility"))
    if slows_ions:
        strength_M = min(float(ionic_strength_M(end, valence)) for end in (bath_mM, pipette_mM))
        mobility = in_solution(mobility, activity.sizes_A(ions), strength_M)
    of_model = partial(_coefficients, model, ions, temperature_C, ends) if model else None
    try:
        return METHODS[method](SolutionPair(bath_mM, pipette_mM, valence, mobility, of_model), temperature_C)
    except NotSettled:
        return None


def _coefficients(
    model: str, ions: tuple[Ion, ...], temperature_C: float, ends: tuple[_End, ...], content_mM: FloatArray
) -> FloatArray:
    """Return the activity coefficients of mixtures of two solutions, shape (places, ions).

    The room that solutes take changes with the ions: in Henderson's linear mixtures by the same share, elsewhere by the
    share that is nearest to the mixture.
    """
    bath, pipette = (np.array(end.content_mM) for end in ends)
    way = bath - pipette
    share = np.clip((content_mM - pipette) @ way / max(float(way @ way), np.finfo(float).tiny), 0.0, 1.0)
    taken = ends[1].taken + share * (ends[0].taken - ends[1].taken)
    return water.coefficients(model, content_mM, ions, temperature_C, taken)


def unsettled_remark(first: str, second: str, temperature_C: float, model: str) -> str:
    """Return the remark on two solutions whose stationary junction is not found; `model` is '' on concentrations."""
    basis = f"on activities by {model}" if model else "on concentrations"
    return (
        f"no stationary junction (Nernst-Planck) of solutions '{first}' and '{second}' was found {basis} at "
        f"{temperature_C:g} C"
    )


def methods_remark(henderson_mV: float, nernst_planck_mV: float) -> str:
    """Return the remark on two methods that differ by more than they do for the usual solutions, else ''."""
    difference = nernst_planck_mV - henderson_mV
    if not abs(difference) > _USUAL_DIFFERENCE_MV:
        return ""
    return (
        f"Nernst-Planck and Henderson differ by {difference:+.2f} mV, more than the {_USUAL_DIFFERENCE_MV:g} mV of "
        "usual solutions: it depends on how the junction forms, as linear mixtures or as a steady state; a run counts "
        "the difference as a systematic error"
    )
