"""Weights of the potentials where by their standard errors alone a common offset would stand for systematic errors.

The ratios are fitted with the errors of single measurements and cells as weights; systematic errors, of solutions and
junctions, are propagated to the ratios afterwards. Where the measurements are far more exact than the solutions are
known, the deviations of the baths from the equation, some tenths of a millivolt, can outweigh the scale of the offsets
of the electrodes: a common offset of ten millivolts and other ratios then describe them better than small errors of the
recipes. Such a fit is repeated with the systematic errors in the weights too. If they leave no such offset, it was an
artefact of the weights; if they do, it is in the potentials, and the first fit stands.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.group_fits import GroupFits
from nernstfit.permeability.inference.model_selection import Model
from nernstfit.permeability.inference.ratios import FitResult

FloatArray = NDArray[np.float64]

# Mean of the fitted offsets over their configured scale from which a fit is repeated. The mean of offsets that scatter
# by twice the scale in four cells exceeds it in 0.3 %. With half, one such fit in seven is repeated, to the same result
# where the offset is in the potentials; with double, offsets of 5 mV that stand for errors of the recipes pass.
_MAX_SCALES = 3.0


def soundly_weighted(fits: GroupFits, model: Model) -> tuple[GroupFits, float]:
    """Return the fits of a group with sound weights.

    Parameters
    ----------
    fits : GroupFits
    model : Model
        The configured one.

    Returns
    -------
    fits : GroupFits
        The same, or of the group with systematic errors in the standard errors.
    offset_mV : float
        Common offset that would stand for systematic errors otherwise; nan where the weights are unchanged.
    """
    scale = fits.settings.fit.offset_sd_mV
    kept = fits.predictability(model).predictable
    if not (0 < scale < math.inf and kept.any()) or fits.group.unknown_inside.any():
        return fits, math.nan
    result = fits.result(model)
    offset_mV = _common_offset_mV(result)
    if abs(offset_mV) <= _MAX_SCALES * scale:
        return fits, math.nan
    # The systematic errors at the ratios of the first fit are too large: those of the second are the weights.
    for _ in range(2):
        weighted = _weighted(fits, result.systematic_sd_mV, kept)
        result = weighted.result(model)
        if not result.fit.settled or abs(_common_offset_mV(result)) > _MAX_SCALES * scale:
            return fits, math.nan
    return weighted, offset_mV


def _weighted(fits: GroupFits, systematic_sd_mV: FloatArray, kept: NDArray[np.bool_]) -> GroupFits:
    """Return the fits of a group with systematic errors in the standard errors of some observations."""
    own = fits.group.observations
    se_mV = own.se_mV.copy()
    se_mV[kept] = np.hypot(se_mV[kept], systematic_sd_mV)
    group = replace(fits.group, observations=own.with_potentials(se_mV=se_mV))
    return GroupFits(group, fits.solutions, fits.settings)


def _common_offset_mV(result: FitResult) -> float:
    return float(result.fit.offsets_mV.mean())
