"""Models that are compared: activity models, single ions, models without a doubtful ion, with a fitted correction.

Names: `nernst:<ion>`, or `ghk:<activity model>[:<convention>][+pipette][+junction:<basis>][-<ion>...]`. A model has
its own activities at the membrane and in the liquid junctions; one is compared whose junctions have the other basis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nernstfit.contract.selections import WITH_JUNCTION
from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import ActivityModel, JunctionBasis, JunctionMethod, RatioVerdict
from nernstfit.permeability.inference.identifiability import MAX_COLLINEARITY, factor_collinearity, present_ions
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.ratio_parameters import NONE, RatioParameters
from nernstfit.physics.solution.coefficients import NAMES

# Factor between a ratio and the lower end of its interval from which the ion is doubtful, so that the model without it
# is fitted too. Half of a ratio is a relative standard error of about a third. With half of it (1.4) well determined
# ions get further models, which take time; with twice (4) ions whose ratio is known to a factor of 3 do not.
_DOUBTFUL_FACTOR = 2.0


@dataclass(frozen=True)
class Model:
    """Model of the potentials: an activity model, in liquid junctions too, and the permeant ions."""

    name: str
    activity: str
    permeant: tuple[str, ...]
    reference: str
    basis: JunctionBasis = JunctionBasis.ACTIVITY  # of its liquid junctions
    fit_factor: bool = False  # with a fitted factor on the pipette's activities
    parameters: RatioParameters = NONE  # held, tied and bounded ratios

    @property
    def is_ghk(self) -> bool:
        """True where ratios are fitted; False for a single permeant ion."""
        return self.name.startswith("ghk:")


def candidates(settings: Settings) -> list[Model]:
    """Return the models that are compared for any data, the configured one first."""
    permeant, reference = settings.fit.permeant, settings.fit.reference_ion
    own, basis = settings.activity.name, settings.junction.basis
    parameters = RatioParameters.of(permeant, settings.fit.parameters)
    ghk = [
        Model(f"ghk:{name}", name, permeant, reference, basis, parameters=parameters)
        for name in dict.fromkeys([own, *NAMES])
    ]
    if settings.fit.activity_correction == "pipette":
        ghk.insert(0, with_pipette_factor(ghk[0]))
    if own != ActivityModel.CONCENTRATION and settings.junction.method != JunctionMethod.NONE:
        ghk.append(_with_other_basis(ghk[0]))
    nernst = [Model(f"nernst:{ion}", own, (ion,), ion, basis) for ion in sorted(permeant)]
    return ghk + nernst


def _with_other_basis(model: Model) -> Model:
    """Return a model with junctions on concentrations instead of activities, or the other way."""
    (other,) = set(JunctionBasis) - {model.basis}
    return replace(model, name=f"{model.name}{WITH_JUNCTION}{other}", basis=other)


def with_pipette_factor(model: Model) -> Model:
    """Return a model with a fitted factor on the pipette's activities."""
    return replace(model, name=f"{model.name}+pipette", fit_factor=True)


def factor_is_identifiable(fit: Fit, scaled: Observations) -> bool:
    """Return True where the data separate a factor on the pipette's activities from a common offset.

    Parameters
    ----------
    fit : Fit
        Fit without the factor.
    scaled : Observations
        The same data with the factor.
    """
    with_factor = replace(fit, data=scaled, ln_p=np.append(fit.ln_p, 0.0), free=(*fit.free, len(scaled.ions)))
    return factor_collinearity(with_factor) <= MAX_COLLINEARITY


def without_doubtful_ions(model: Model, ratios: Sequence[Ratio], fit: Fit) -> Iterator[Model]:
    """Yield the models without one doubtful ion, whose ratio may be zero, or half of the estimate or less.

    An ion to which another is tied is not left out: nothing would remain to tie it to.

    Parameters
    ----------
    model : Model
        Configured model.
    ratios : sequence of Ratio
        Ratios under that model.
    fit : Fit
    """
    if len(model.permeant) < 3 or model.reference not in present_ions(fit):
        return  # without a third ion Nernst's equation remains; an absent reference makes no other ion doubtful
    for ratio in ratios:
        wide = ratio.verdict == RatioVerdict.ESTIMATE and ratio.low * _DOUBTFUL_FACTOR < math.exp(ratio.ln_ratio)
        # Where the pipette's factor is not identifiable, no ratio is: that makes no ion doubtful.
        doubtful = (
            wide
            or ratio.verdict == RatioVerdict.UPPER_BOUND
            or (ratio.verdict == RatioVerdict.NOT_IDENTIFIABLE and not model.fit_factor)
        )
        if doubtful and model.permeant.index(ratio.ion) in fit.free:
            left = tuple(ion for ion in model.permeant if ion != ratio.ion)
            parameters = model.parameters.without(ratio.ion)
            if parameters is not None:
                yield replace(model, name=f"{model.name}-{ratio.ion}", permeant=left, parameters=parameters)


def aicc(fit: Fit) -> float:
    """Return Akaike's criterion with the correction for small samples (Hurvich & Tsai 1989, Biometrika 76:297).

    Parameters
    ----------
    fit : Fit
        Fitted by maximum likelihood.

    Returns
    -------
    float
        nan where n < k + 2 for n data and k parameters: the correction is not defined there.
    """
    n, k = fit.data.size, fit.n_parameters
    return -2 * fit.log_likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.nan
