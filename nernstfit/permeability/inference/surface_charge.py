"""Sensitivity of the ratios to a charge on the outer surface of the membrane, which is not known and not corrected.

A negative charge gives the outer surface a negative potential psi to the bath (`surface_potential`): cations are more
active at the mouth of the pore than in the bath, anions less, and the potential across the membrane itself is E - psi.
Among monovalent cations both cancel exactly; they do not between ions of different valence. The same potentials are
fitted again with the activities at the surface, and without a charge. Behind a charge that is not there the equation
does not hold exactly; the systematic errors are in the weights, lest a common offset stand for what it misses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.ratios import FitResult
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.membrane.surface_potential import at_surface, surface_potential_mV
from nernstfit.solutions.composition import Solutions

FloatArray = NDArray[np.float64]

DENSITIES_C_PER_M2 = (-0.01, -0.02, -0.03)
"""Charge densities that are tried: -0.02 is one elementary charge per 8 nm2. Half and double show that the effect is
less than proportional."""

HELD = "fit.parameters holds the ratio, whatever the charge"
NO_RATIO = "there is no ratio without the charge"
UNSETTLED = "the fit with this charge does not converge to a ratio"
NO_IONS = "a solution outside holds no ions"


@dataclass(frozen=True)
class ChargedRatio:
    """One ratio if the outer surface had a charge.

    Attributes
    ----------
    ion : str
    charge_density_C_per_m2 : float
    ratio, factor : float
        Ratio with the charge, and over that without; nan where there is none.
    least_mV, most_mV : float
        Least and most surface potential, by size, over the solutions outside.
    reason : str
        Reason why there is no ratio; '' where there is one.
    """

    ion: str
    charge_density_C_per_m2: float
    ratio: float
    factor: float
    least_mV: float
    most_mV: float
    reason: str


def charged_ratios(result: FitResult, solutions: Solutions, robust: bool) -> Iterator[ChargedRatio]:
    """Yield the ratio of every ion but the reference for each charge density.

    Parameters
    ----------
    result : FitResult
        Of the configured model.
    solutions : Solutions
    robust : bool
        As the fit was.
    """
    without = {ratio.ion: ratio.ln_ratio for ratio in result.ratios}
    is_any = any(map(math.isfinite, without.values()))
    fitted = _refitted(result, np.zeros(result.fit.data.size), robust) if is_any else {}
    held = {ratio.ion for ratio in result.ratios if ratio.verdict == RatioVerdict.HELD}
    for density in DENSITIES_C_PER_M2:
        psi_mV = _surface_mV(result.fit.data, solutions, density)
        least_mV, most_mV = (float(psi_mV[at]) for at in (np.abs(psi_mV).argmin(), np.abs(psi_mV).argmax()))
        changed = _refitted(result, psi_mV, robust) if is_any else {}
        for ion, ln_ratio in without.items():
            ln_factor = changed.get(ion, math.nan) - fitted.get(ion, math.nan)
            reason = "" if math.isfinite(ln_ratio - ln_factor) else UNSETTLED if math.isfinite(ln_ratio) else NO_RATIO
            if ion in held or not np.isfinite(psi_mV).all():
                reason = HELD if ion in held else NO_IONS
            factor = math.exp(ln_factor) if not reason else math.nan
            ratio = math.exp(ln_ratio + ln_factor) if not reason else math.nan
            yield ChargedRatio(ion, density, ratio, factor, least_mV, most_mV, reason)


def with_surface(data: Observations, psi_mV: FloatArray) -> Observations:
    """Return observations as the membrane sees them behind a charged outer surface.

    Parameters
    ----------
    data : Observations
    psi_mV : ndarray, shape (n,)
        Potential of the outer surface relative to the solution outside.
    """
    outside = at_surface(data.outside, data.valence, psi_mV, data.temperature_C)
    return replace(data, outside=outside, potential_mV=data.potential_mV - psi_mV)


def _refitted(result: FitResult, psi_mV: FloatArray, robust: bool) -> dict[str, float]:
    """Return the ln ratios of a fit behind a charged surface, as far as it finds them."""
    if not np.isfinite(psi_mV).all():
        return {}
    own = result.fit.data
    data = with_surface(own.with_potentials(se_mV=np.hypot(own.se_mV, result.systematic_sd_mV)), psi_mV)
    found = fit(data, result.fit.reference, result.fit.offset_scale_mV, robust=robust, near=result.fit.ln_p)
    if not found.settled:
        return {}
    return {ion: float(found.ln_p[i]) for i, ion in enumerate(data.ions) if found.is_within(i)}


def _surface_mV(data: Observations, solutions: Solutions, density_C_per_m2: float) -> FloatArray:
    """Return the surface potential in the solution outside of each observation, shape (n,)."""
    outside = [(condition.outside, condition.temperature_C) for condition in data.conditions]
    known = {
        at: surface_potential_mV(density_C_per_m2, solutions.row(*at), solutions.valence, at[1]) for at in set(outside)
    }
    return np.array([known[at] for at in outside])
