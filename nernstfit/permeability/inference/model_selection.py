"""Models that are put side by side: activity models, single ions, without a doubtful ion, with a fitted correction.

Names: `nernst:<ion>`, or `ghk:<activity model>[:<convention>][+pipette][-<ion>...]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.ratios import MAX_COLLINEARITY, Ratio, factor_collinearity, present_ions
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.solution.coefficients import NAMES

DOUBTFUL = 2.0  # an interval that reaches down to less than its ratio by this factor
SAME, STRONG = 2.0, 10.0  # of AICc


@dataclass(frozen=True)
class Model:
    """One way to explain the potentials: an activity model and the ions that pass."""

    name: str
    activity: str
    permeant: tuple[str, ...]
    reference: str
    corrected: bool = False  # a factor on the pipette's activities is fitted

    @property
    def is_ghk(self) -> bool:
        """Whether ratios are fitted; else one ion alone passes."""
        return self.name.startswith("ghk:")


def candidates(settings: Settings) -> list[Model]:
    """List the models that are compared whatever the data, the configured one first."""
    permeant, reference = settings.fit.permeant, settings.fit.reference_ion
    own = settings.activity.name
    ghk = [Model(f"ghk:{name}", name, permeant, reference) for name in dict.fromkeys([own, *NAMES])]
    if settings.fit.activity_correction == "pipette":
        ghk.insert(0, with_correction(ghk[0]))
    nernst = [Model(f"nernst:{ion}", own, (ion,), ion) for ion in sorted(permeant)]
    return ghk + nernst


def with_correction(model: Model) -> Model:
    """Return a model with a fitted factor on the pipette's activities."""
    return replace(model, name=f"{model.name}+pipette", corrected=True)


def factor_is_identifiable(fit: Fit, corrected: Observations) -> bool:
    """Whether the data tell a factor on the pipette's activities from a common offset.

    Parameters
    ----------
    fit : Fit
        Without the factor.
    corrected : Observations
        The same data with it.
    """
    there = replace(fit, data=corrected, ln_p=np.append(fit.ln_p, 0.0), free=(*fit.free, len(corrected.ions)))
    return factor_collinearity(there) <= MAX_COLLINEARITY


def without_doubtful_ions(model: Model, ratios: Sequence[Ratio], fit: Fit) -> Iterator[Model]:
    """Models without one doubtful ion: one that may as well not pass, or half as well as estimated, or less.

    Parameters
    ----------
    model : Model
        The configured one.
    ratios : sequence of Ratio
        Under it.
    fit : Fit
    """
    if len(model.permeant) < 3 or model.reference not in present_ions(fit):
        return  # what is left is Nernst's; beside a reference that is nowhere no ion is to blame
    for ratio in ratios:
        wide = ratio.verdict == RatioVerdict.ESTIMATE and ratio.low * DOUBTFUL < math.exp(ratio.ln_ratio)
        # Where the pipette's factor is not told, no ratio is: no ion is to blame.
        doubtful = (
            wide
            or ratio.verdict == RatioVerdict.UPPER_BOUND
            or (ratio.verdict == RatioVerdict.NOT_IDENTIFIABLE and not model.corrected)
        )
        if doubtful and model.permeant.index(ratio.ion) in fit.free:
            left = tuple(ion for ion in model.permeant if ion != ratio.ion)
            yield replace(model, name=f"{model.name}-{ratio.ion}", permeant=left)


def aicc(fit: Fit) -> float:
    """Akaike's criterion with the correction for small samples (Hurvich & Tsai 1989, Biometrika 76:297).

    Parameters
    ----------
    fit : Fit
        By maximum likelihood.

    Returns
    -------
    float
        nan where the data do not outnumber the parameters by two: the correction has no meaning there.
    """
    n, k = fit.data.size, fit.n_parameters
    return -2 * fit.log_likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.nan


def preference(delta_aicc: float, best: str) -> str:
    """What the data say of a model beside the best one (Burnham & Anderson 2002, Model Selection, section 2.6)."""
    if delta_aicc == 0:
        return "the lowest AICc of the models that predict every measurement"
    if delta_aicc < SAME:
        return f"the data do not tell it from {best}"
    if delta_aicc < STRONG:
        return f"less likely than {best}"
    return f"strong evidence against it beside {best}"
