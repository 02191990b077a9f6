"""Identifiability of permeability ratios: ions in the solutions, informative cells, and collinearity of the effects.

The effect of an ion is the column of the gradient dE / d ln P that belongs to it, over the standard errors. Two effects
that are nearly proportional cannot be separated, whatever the number of cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import cholesky
from nernstfit.permeability.mixed_model import Fit, whitening
from nernstfit.permeability.observations import Observations

FloatArray = NDArray[np.float64]

# Collinearity (cosine, or multiple correlation) above which two effects count as one. At 0.98 the standard error of a
# ln ratio is 5 times what it would be alone (1 / sqrt(1 - 0.98^2)). With half of the distance to 1 (0.99; 7 times)
# ratios are reported that rest on a seventh of the potential differences, with twice (0.96; 3.6 times) ions that a
# bath with both can still separate are not.
MAX_COLLINEARITY = 0.98

# Standard error of ln f beside a free common offset, up to which a factor is known where its effect is like others: at
# .2 it is known to 1.5-fold (e^(1.96 x .2)), which tells activities from concentrations (1.3-fold in physiological
# saline) at one standard error. At half, those with 1.3-fold intervals are refused, which show that a cell is not
# dialysed; at double, those of 2.2-fold pass, whose values rest on offsets that are zero on average.
_MAX_SE_OF_FACTOR = 0.2

# Information of a cell on an ion, over that of the median cell, from which it counts for n and degrees of freedom.
# One percent is a tenth of the median effect on the potential: a bath with traces of the ion. Half or twice of it
# changes n only where cells lie that close to it.
_MIN_INFORMATION = 0.01

# Change of a ln ratio, over its standard error, from which a ratio at a bound that counts as known matters to it: were
# it free, the interval would be a tenth longer (sqrt(1 + 0.46^2)), or elsewhere by half a standard error. With half of
# it a change of 3 % is told, with double one of 36 % is not.
_MIN_CHANGE = 0.46

# Weight of an effect, over the largest, from which it counts among those that together equal that of a factor. With
# half of it a reason names effects that hardly matter, with twice it may miss one of three.
_MIN_WEIGHT = 0.2

COMMON_OFFSET = -1
"""Stands for an offset that is the same in all measurements, in place of a coefficient."""

# Smallest length of an effect that is divided by; effects are either zero or far above it.
_TINY = 1e-300


def present_ions(fit: Fit) -> set[str]:
    """Return the permeant ions that are in any solution of the measurements."""
    return {ion for ion, is_present in zip(fit.data.ions, fit.data.present, strict=True) if is_present}


def informative_cells(fit: Fit, ion: int) -> int:
    """Return the number of cells that are informative of an ion; a mean counts all cells that it averages.

    Parameters
    ----------
    fit : Fit
    ion : int
        Index of the ion.

    Notes
    -----
    Those whose information on the ion is at least 1 % of that of the median cell. The information is that with which a
    cell enters the estimate: the differences between cells and the offset of its electrode count as well as its noise,
    so that a noisy cell among very different ones counts, and one potential beside a free offset does not.
    """
    per_cell = _information(fit, ion)
    least = _MIN_INFORMATION * float(np.median(per_cell))
    return int(fit.data.cell_sizes[(per_cell > least) & (per_cell > 0)].sum())


def _information(fit: Fit, ion: int) -> FloatArray:
    """Return the information of each cell alone on an ion, g' V^-1 g with all its variances; shape (cells,)."""
    rows, components = fit.data.blocks, fit.components
    there = rows >= 0
    gradient = np.where(there[:, :, None], fit.gradient[rows, : len(fit.data.ions)], 0.0)
    variance = np.where(there, fit.working.se_mV[rows] ** 2, 1.0)
    both = there[:, :, None] & there[:, None, :]
    variance_of_ln_p = np.square(components.ln_p) + components.batch_ln_p**2
    between = (variance_of_ln_p * gradient) @ gradient.swapaxes(1, 2)
    covariance = np.where(both, between + components.offset_mV**2, 0.0) + variance[:, :, None] * np.eye(rows.shape[1])
    own = fit.columns[:, fit.free.index(ion)] if ion in fit.free else fit.gradient[:, ion]
    effect = np.where(there, own[rows], 0.0)[:, :, None]
    return np.asarray(np.square(np.linalg.solve(cholesky(covariance), effect)).sum(axis=(1, 2)))


def most_collinear(fit: Fit, ion: int) -> tuple[str, float]:
    """Return the ion whose effect on the potentials is most similar to that of another, and the cosine between both.

    Ions that are held or tied are no others: nothing has to separate them. They move with the reference ion, whose
    effect is opposite to those of all fitted ions together.

    Parameters
    ----------
    fit : Fit
    ion : int
        Index of the other ion, one that is fitted.
    """
    fitted = [i for i in fit.free if i < len(fit.data.ions)]
    effects = np.zeros((fit.data.size, len(fit.data.ions)))
    effects[:, fitted] = fit.columns[:, : len(fitted)]
    effects[:, fit.data.ions.index(fit.reference)] = -effects.sum(axis=1)
    effects = effects / fit.working.se_mV[:, None]
    effects = effects / np.maximum(np.linalg.norm(effects, axis=0), _TINY)
    # The effects of two ions alone are always opposite, which separates them: only a positive cosine confounds.
    cosine = np.where(np.arange(len(fit.data.ions)) == ion, -1.0, effects[:, ion] @ effects)
    nearest = int(cosine.argmax())
    return fit.data.ions[nearest], float(cosine[nearest])


def confounded_factors(fit: Fit, systematic_mV: FloatArray) -> dict[int, float]:
    """Return the factors on activities that the data do not separate from a common offset, ratios or other factors.

    The effect of such a factor resembles those of the others, and beside a common offset that may have any size its
    error is too large: what is known of it then is that offsets are zero on average. Where many or precise
    measurements make up for the likeness, it is none.

    Parameters
    ----------
    fit : Fit
        Its coefficients after the ln P are ln f.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.

    Returns
    -------
    dict of int to float
        By the coefficient of ln f: multiple correlation of its effect with those of a common offset and of all other
        fitted coefficients; 1 where they cannot be separated.
    """
    found = {}
    for i in fit.free[::-1]:
        if i < len(fit.data.ions):
            break
        effect, others = _effect_and_others(fit, i)
        rest = effect - others @ np.linalg.lstsq(others, effect, rcond=None)[0]
        collinearity = math.sqrt(max(0.0, 1 - float(rest @ rest) / max(float(effect @ effect), _TINY)))
        if collinearity > MAX_COLLINEARITY and _se_beside_offset(fit, i, systematic_mV) > _MAX_SE_OF_FACTOR:
            found[i] = collinearity
    return dict(sorted(found.items()))


def _se_beside_offset(fit: Fit, factor: int, systematic_mV: FloatArray) -> float:
    """Return the standard error of ln f where a common offset of any size is fitted with all coefficients."""
    whiten, position = whitening(fit), fit.free.index(factor)
    others = whiten(np.column_stack([np.delete(fit.columns, position, axis=1), np.ones(fit.data.size)]))
    others = others / np.maximum(np.linalg.norm(others, axis=0), _TINY)
    effect = whiten(fit.columns[:, position])
    rest = effect - others @ np.linalg.lstsq(others, effect, rcond=None)[0]
    se = 1 / math.sqrt(max(float(rest @ rest), _TINY))
    return math.hypot(se, se**2 * float(np.linalg.norm(rest @ whiten(systematic_mV))))


def coefficient_names(data: Observations) -> list[str]:
    """Return the names of all coefficients: of the ions, and of the factors on activities."""
    return [*data.ions, *(f"the factor {term}" for term in data.factors.terms)]


def alike(fit: Fit, factor: int) -> list[int]:
    """Return the coefficients whose effects together are that of a confounded factor; COMMON_OFFSET among them.

    Parameters
    ----------
    fit : Fit
    factor : int
        Coefficient of ln f.
    """
    effect, others = _effect_and_others(fit, factor)
    weights = np.abs(np.linalg.lstsq(others, effect, rcond=None)[0])
    coefficients = [*(i for i in fit.free if i != factor), COMMON_OFFSET]
    return [i for i, weight in zip(coefficients, weights, strict=True) if weight > _MIN_WEIGHT * weights.max()]


def _effect_and_others(fit: Fit, factor: int) -> tuple[FloatArray, FloatArray]:
    """Return the effect of ln f, shape (n,), and those of the other fitted ones and of an offset, of unit length."""
    effects = fit.columns / fit.working.se_mV[:, None]
    position = fit.free.index(factor)
    others = np.column_stack([np.delete(effects, position, axis=1), 1 / fit.working.se_mV])
    return effects[:, position], others / np.maximum(np.linalg.norm(others, axis=0), _TINY)


def confounding_factor(fit: Fit, ion: int, systematic_mV: FloatArray) -> int | None:
    """Return the confounded factor without which the error of a ln ratio would be a fifth or less; None for none.

    Parameters
    ----------
    fit : Fit
    ion : int
        Index of an ion that is fitted.
    systematic_mV : ndarray, shape (n, sources)
    """
    i = fit.free.index(ion)
    for factor in confounded_factors(fit, systematic_mV):
        q = fit.free.index(factor)
        held = fit.covariance[i, i] - fit.covariance[i, q] ** 2 / fit.covariance[q, q]
        if held < (1 - MAX_COLLINEARITY**2) * fit.covariance[i, i]:
            return factor
    return None


def known_at_bounds(fit: Fit) -> Mapping[int, tuple[str, ...]]:
    """Return the fitted ions whose ratios take others at a bound of the user's as known, with the names of these.

    If ln P of an ion at its bound were free, it would move by some amount d with a standard error s, and other ln P by
    m d, with m their change when the potentials of the fit change as the ion changes them. It matters where
    |m| sqrt(d^2 + s^2) is not small beside their standard errors.

    Parameters
    ----------
    fit : Fit
    """
    found: dict[int, tuple[str, ...]] = {}
    at_bound = fit.data.parameters.at_bound(fit.ln_p)
    if not at_bound:
        return found
    whiten = whitening(fit)
    residual = whiten(fit.residual_mV)
    errors = np.sqrt(np.diag(fit.covariance)).tolist()
    for bounded in at_bound:
        effect = fit.data.columns(fit.gradient, fit.ln_p, [bounded])[:, 0]
        change = -fit.sensitivity @ effect
        rest = whiten(effect + fit.columns @ change)
        information = max(float(rest @ rest), _TINY)
        distance = math.hypot(float(rest @ residual) / information, 1 / math.sqrt(information))
        for i, of_ion, error in zip(fit.free, np.abs(change).tolist(), errors, strict=True):
            if of_ion * distance > _MIN_CHANGE * error:
                found[i] = (*found.get(i, ()), fit.data.ions[bounded])
    return found
