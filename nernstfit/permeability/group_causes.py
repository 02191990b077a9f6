"""Causes for which the potentials of a group contradict the equation that other solutions or models would remove.

Each is a fit of the group under another assumption, beside those that read the same solutions otherwise (see
`inference.causes`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from nernstfit.contract.correction_terms import PIPETTE
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.group_fits import GroupFits
from nernstfit.permeability.inference.effects import condition_indicators, n_testable
from nernstfit.permeability.inference.model_selection import Model, with_corrections
from nernstfit.permeability.inference.ratios import FitResult
from nernstfit.permeability.inference.rejection import MAX_DIFFERENCE, rejection_reason
from nernstfit.permeability.inference.sentences import ratio_reason
from nernstfit.permeability.weights import soundly_weighted
from nernstfit.solutions.decimal_slips import Slip, is_dilution, slips, small_slips, with_amount

_LEAST_MM = 1.0
"""Least concentration of an ion beside the permeant ones that may carry current enough to be noticed. With half of it
calcium in trace is tried too, with twice as much magnesium may be left out."""
# Amounts that are tried with another place of their decimal point, the closest in osmolality first. A solution has one
# such salt, or two; half would leave out the second, double takes twice the time.
_MAX_TRIED = 4
# Part of the measurements whose windows begin at the step from which these are a likely cause, though the others do not
# show it. With half, a few of them stand before the true cause; with double all must.
_MOST = 0.5


def windows_at_step(fits: GroupFits, model: Model) -> str:
    """Return that windows begin while the step charges the membrane, where that explains the contradiction, or ''.

    It does where the other measurements test the equation and do not reject it, and where it is so of most.
    """
    own = fits.group.at_step
    if not own.any():
        return ""
    sound = None if own.all() else _sound(fits.subset(np.flatnonzero(~own).tolist()), model)
    if sound is None and own.mean() < _MOST:
        return ""
    ratios = "" if sound is None else f" (without these {_ratios(sound, model)})"
    return ratio_reason(RatioReason.WINDOWS_AT_STEP, n=int(own.sum()), total=len(own), ratios=ratios)


def _sound(fits: GroupFits, model: Model) -> FitResult | None:
    """Return the result of a group whose measurements test the equation and do not reject it, else None."""
    if not fits.predictability(model).predictable.any():
        return None
    result = fits.result(model)
    is_tested = result.fit.settled and n_testable(result.fit, condition_indicators(result.fit)) > 0
    return result if is_tested and not rejection_reason(result.fit, result.systematic_mV) else None


def decimal_slip(fits: GroupFits, model: Model, is_rejected: bool) -> str:
    """Return the amount whose decimal point, at another place, explains the potentials and the osmolality, or ''.

    Parameters
    ----------
    fits : GroupFits
        With the weights of the measurements.
    model : Model
    is_rejected : bool
        True where the potentials contradict the equation; else the other amount must make them far likelier, and a
        dilution of another bath is none.
    """
    conditions = set(fits.group.observations.conditions)
    found = slips(fits.solutions, conditions)[:_MAX_TRIED]
    for slip in (*found, *small_slips(fits.solutions, conditions)[:_MAX_TRIED]):
        if words := _borne_out(fits, model, slip, is_rejected and not slip.is_small):
            return words
    return ""


def _borne_out(fits: GroupFits, model: Model, slip: Slip, is_rejected: bool) -> str:
    """Return a slip in words where the potentials bear it out, else ''."""
    meant = with_amount(fits.solutions, slip.solution, slip.component, slip.meant_mM)
    other = None if meant is None else fits.with_solutions(meant)
    if other is None or not other.predictability(model).predictable.any():
        return ""
    result = soundly_weighted(other, model)[0].result(model)
    if not result.fit.settled or rejection_reason(result.fit, result.systematic_mV):
        return ""
    diluted = is_dilution(slip, fits.solutions, set(fits.group.observations.conditions))
    if not (is_rejected or _is_likelier(fits, other, model, diluted)):
        return ""
    return ratio_reason(RatioReason.DECIMAL_SLIP, words=slip.words, ratios=_ratios(result, model))


def _is_likelier(fits: GroupFits, other: GroupFits, model: Model, is_dilution: bool) -> bool:
    """Return True where other amounts, not those of a dilution, make the same potentials far likelier."""
    if is_dilution or (fits.predictability(model).predictable != other.predictability(model).predictable).any():
        return False
    gain = 2 * (other.result(model).fit.log_likelihood - fits.result(model).fit.log_likelihood)
    return gain > MAX_DIFFERENCE


def _ratios(result: FitResult, model: Model) -> str:
    """Return the estimates of a fit in words."""
    estimates = [ratio for ratio in result.ratios if ratio.verdict == RatioVerdict.ESTIMATE]
    named = ", ".join(f"{ratio.ion}/{model.reference} {math.exp(ratio.ln_ratio):.3g}" for ratio in estimates)
    return named or "no ratio is an estimate"


def pipette_factor(fits: GroupFits, model: Model) -> str:
    """Return that other activities inside would explain the potentials, with the ratios then, or ''."""
    scaled = with_corrections(model, (PIPETTE,))
    if model.corrections or not fits.predictability(scaled).predictable.any():
        return ""
    result = fits.result(scaled)
    estimates = [ratio for ratio in result.ratios if ratio.verdict == RatioVerdict.ESTIMATE]
    known = [factor for factor in result.factors if factor.verdict == RatioVerdict.ESTIMATE]
    if not (estimates and known):
        return ""
    factor = math.exp(known[0].ln_factor)
    return ratio_reason(RatioReason.PIPETTE_FACTOR, factor=factor, ratios=_ratios(result, model))


def unlisted_ions(fits: GroupFits, model: Model) -> str:
    """Return which ions of the solutions, each as a further permeant one, would explain the potentials, or ''."""
    conditions = fits.group.observations.conditions
    names = {(name, at.temperature_C) for at in conditions for name in (at.bath, at.pipette) if name}
    most_mM = np.max([fits.solutions.row(*each) for each in sorted(names)], axis=0).tolist()
    found: list[tuple[float, str]] = []
    for ion, most in zip(fits.solutions.ions, most_mM, strict=True):
        # A complex that a recipe does not name carries a metal and its chelator: it passes no channel.
        if most >= _LEAST_MM and ion.name not in model.permeant and ion.name in fits.solutions.known:
            result = fits.result(replace(model, permeant=(*model.permeant, ion.name)))
            own = next(ratio for ratio in result.ratios if ratio.ion == ion.name)
            if own.verdict == RatioVerdict.ESTIMATE:
                found.append((-result.fit.log_likelihood, f"{ion.name}/{model.reference} {math.exp(own.ln_ratio):.3g}"))
    return (
        ratio_reason(RatioReason.UNLISTED_IONS, ions=", or ".join(name for _, name in sorted(found))) if found else ""
    )
