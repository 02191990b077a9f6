"""Models that are compared: activity models, single ions, models without a doubtful ion, with fitted corrections.

Names: `nernst:<ion>`, or `ghk:<activity model>[:<convention>][+<term>...][+junction:<basis>][-<ion>...]`, the terms
those of `fit.activity_correction`. A model has
its own activities at the membrane and in the liquid junctions; one is compared whose junctions have the other basis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.contract.selections import WITH_JUNCTION
from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import ActivityModel, JunctionBasis, JunctionMethod, RatioVerdict
from nernstfit.permeability.inference.identifiability import confounded_factors, present_ions
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
    corrections: tuple[CorrectionTerm, ...] = ()  # terms of the fitted factors on activities
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
    configured, *fewer = _with_each_correction(ghk[0], settings.fit.corrections)
    ghk = [configured, *fewer, *ghk[1:]]
    if own != ActivityModel.CONCENTRATION and settings.junction.method != JunctionMethod.NONE:
        ghk.append(_with_other_basis(configured))
    nernst = [Model(f"nernst:{ion}", own, (ion,), ion, basis) for ion in sorted(permeant)]
    return ghk + nernst


def _with_other_basis(model: Model) -> Model:
    """Return a model with junctions on concentrations instead of activities, or the other way."""
    (other,) = set(JunctionBasis) - {model.basis}
    return replace(model, name=f"{model.name}{WITH_JUNCTION}{other}", basis=other)


def _with_each_correction(plain: Model, terms: Sequence[CorrectionTerm]) -> list[Model]:
    """Return a model with all terms, without each of several, and without any; the last alone where there is none."""
    several = [[term for term in terms if term != left_out] for left_out in terms] if len(terms) > 1 else []
    models = [with_corrections(plain, chosen) for chosen in (terms, *several, ())]
    return list({model.name: model for model in models}.values())


def with_corrections(plain: Model, terms: Sequence[CorrectionTerm]) -> Model:
    """Return a model with fitted factors on activities."""
    return replace(plain, name="+".join([plain.name, *map(str, terms)]), corrections=tuple(terms))


def factor_is_identifiable(fit: Fit, scaled: Observations, systematic_mV: NDArray[np.float64]) -> bool:
    """Return True where the data separate a factor on activities from a common offset and the ratios.

    Parameters
    ----------
    fit : Fit
        Fit without factors.
    scaled : Observations
        The same data with one factor.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    """
    with_factor = replace(fit, data=scaled, ln_p=np.append(fit.ln_p, 0.0), free=(*fit.free, len(scaled.ions)))
    return not confounded_factors(with_factor, systematic_mV)


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
        # Where a factor is not identifiable, ratios may not be: that makes no ion doubtful.
        doubtful = (
            wide
            or ratio.verdict == RatioVerdict.UPPER_BOUND
            or (ratio.verdict == RatioVerdict.NOT_IDENTIFIABLE and not model.corrections)
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
