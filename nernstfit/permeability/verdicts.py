"""What may be said of each ratio: an estimate, a bound on one side, or nothing.

A ratio is an estimate where the likelihood falls on both sides. Where an ion could just as well
not pass at all (setting its permeability to nothing costs less than 1.92 log units, the 95 %
point of a profile), there is only an upper bound; where it could as well pass alone, only a
lower one; where both or neither can be told apart, nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from nernstfit.permeability.model import Fit, covariance_mV2, hold, present

FloatArray = NDArray[np.float64]

ESTIMATE, UPPER, LOWER, NOTHING = "estimate", "upper_bound", "lower_bound", "not_identifiable"
OPEN_COST = 1.92
_SURELY_CLOSED = 0.25  # with a smaller error of ln P, taking the ion away costs at least 0.5 / 0.25^2 = 8
_FAR = 25.0


@dataclass(frozen=True)
class Ratio:
    """One permeability ratio P_ion / P_reference.

    Attributes
    ----------
    ion, verdict, reason : str
    ln_ratio : float
        nan unless an estimate.
    low, high : float
        Interval at the asked confidence with the shared errors; one-sided for a bound.
    low_cells, high_cells : float
        Without the shared errors.
    se_ln_cells, se_ln_shared : float
        Standard errors of ln ratio from noise, cells and offsets; from what all cells share.
    df : float
        Degrees of freedom of `se_ln_cells`; nan where it is the measurements' noise alone.
    n_cells : int
        Cells that tell of this ion.
    """

    ion: str
    verdict: str
    reason: str
    ln_ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    low_cells: float = math.nan
    high_cells: float = math.nan
    se_ln_cells: float = math.nan
    se_ln_shared: float = math.nan
    df: float = math.nan
    n_cells: int = 0


def ratios(fit: Fit, shared_mV: FloatArray, confidence: float) -> tuple[Ratio, ...]:
    """Judge every ion but the reference.

    Parameters
    ----------
    fit : Fit
        By REML.
    shared_mV : ndarray, shape (n, sources)
        What one standard deviation of each shared error does to measured minus predicted.
    confidence : float
        Of the intervals, two-sided for an estimate, one-sided for a bound.

    Returns
    -------
    tuple of Ratio
        In the order of the permeant ions.
    """
    return tuple(_ratio(fit, i, shared_mV, confidence) for i, ion in enumerate(fit.data.ions) if ion != fit.reference)


def informative_cells(fit: Fit, ion: int) -> int:
    """Cells whose own information on an ion is at least 1 % of the median cell's."""
    data = fit.data
    size = (data.gradient(fit.ln_p)[:, ion] / data.se_mV) ** 2
    per_cell = np.array([size[rows[rows >= 0]].sum() for rows in data.blocks])
    return int(np.count_nonzero(per_cell > 0.01 * np.median(per_cell))) if per_cell.max() > 0 else 0


def _ratio(fit: Fit, i: int, shared_mV: FloatArray, confidence: float) -> Ratio:
    data, ion = fit.data, fit.data.ions[i]
    if i not in fit.free:
        return Ratio(ion, NOTHING, f"{ion} is in no solution of these measurements; a bath with {ion} would tell")
    if fit.reference not in _present_ions(fit):
        return Ratio(ion, NOTHING, f"the reference {fit.reference} is in no solution of these measurements")
    n_cells, j = informative_cells(fit, i), fit.free.index(i)
    if j in fit.loose:
        others = " and ".join(data.ions[fit.free[other]] for other in fit.loose if other != j) or fit.reference
        reason = f"the data hold only a combination of {ion} and {others}; a bath that changes one of them would tell"
        return Ratio(ion, NOTHING, reason, n_cells=n_cells)
    se = math.sqrt(fit.covariance[j, j])
    se_shared = float(np.linalg.norm(fit.gain[j] @ shared_mV))
    total = math.hypot(se, se_shared)
    if total > _SURELY_CLOSED:
        profile = _profile(fit, i, shared_mV)
        below, above = profile(-math.inf) < OPEN_COST, profile(fit.ln_p[i] + _FAR) < OPEN_COST
        if below and above:
            reason = (
                f"the data allow any permeability of {ion}; a bath with more {ion} and less of the others would tell"
            )
            return Ratio(ion, NOTHING, reason, n_cells=n_cells)
        if below or above:
            return _bound(fit, i, shared_mV, confidence, below, n_cells)
    df = float(fit.df[j])
    whole_df = df * (total / se) ** 4
    t = float(stats.t.ppf(0.5 + confidence / 2, df)) * se
    t_whole = float(stats.t.ppf(0.5 + confidence / 2, whole_df)) * total
    ln_ratio = float(fit.ln_p[i])
    return Ratio(
        ion,
        ESTIMATE,
        _remark(fit),
        ln_ratio=ln_ratio,
        low=float(np.exp(ln_ratio - t_whole)),
        high=float(np.exp(ln_ratio + t_whole)),
        low_cells=float(np.exp(ln_ratio - t)),
        high_cells=float(np.exp(ln_ratio + t)),
        df=df if math.isfinite(df) else math.nan,
        se_ln_cells=se,
        se_ln_shared=se_shared,
        n_cells=n_cells,
    )


def _present_ions(fit: Fit) -> set[str]:
    return {ion for ion, there in zip(fit.data.ions, present(fit.data), strict=True) if there}


def _remark(fit: Fit) -> str:
    if len(fit.data.cell_names) == 1:
        return "one cell: the interval comes from the measurement's error alone and knows no spread between cells"
    return ""


def _profile(fit: Fit, i: int, shared_mV: FloatArray) -> Callable[[float], float]:
    """Cost in log units of holding one ln P at a value, all others refitted."""
    covariance = covariance_mV2(fit) + shared_mV @ shared_mV.T

    def cost(value: float) -> float:
        return (hold(fit.data, fit.ln_p, fit.free, i, value, covariance)[1] - least) / 2

    least = math.inf
    # The best fit under this covariance is not quite that of `fit`: look for it from there.
    found = optimize.minimize_scalar(
        lambda value: hold(fit.data, fit.ln_p, fit.free, i, value, covariance)[1],
        bounds=(fit.ln_p[i] - _FAR, fit.ln_p[i] + _FAR / 2),
        method="bounded",
        options={"xatol": 1e-3},
    )
    start = hold(fit.data, fit.ln_p, fit.free, i, float(fit.ln_p[i]), covariance)[1]
    none = hold(fit.data, fit.ln_p, fit.free, i, -math.inf, covariance)[1]
    least = min(float(found.fun), start, none)
    return cost


def _bound(fit: Fit, i: int, shared_mV: FloatArray, confidence: float, below: bool, n_cells: int) -> Ratio:
    """One-sided limit from the profile, with and without the shared errors."""
    ion, data = fit.data.ions[i], fit.data
    none = np.zeros((data.size, 0))
    limits = [_limit(fit, i, part, confidence, 1 if below else -1) for part in (shared_mV, none)]
    whole, cells = (math.exp(limit) if math.isfinite(limit) else math.nan for limit in limits)
    if below:
        reason = f"the data are as likely with no permeability of {ion} at all; a bath with more of it would tell"
        return Ratio(ion, UPPER, reason, high=whole, high_cells=cells, n_cells=n_cells)
    reason = f"the data are as likely with {ion} alone permeant; a bath with more of {fit.reference} would tell"
    return Ratio(ion, LOWER, reason, low=whole, low_cells=cells, n_cells=n_cells)


def _limit(fit: Fit, i: int, shared_mV: FloatArray, confidence: float, side: int) -> float:
    """ln P at which the profile has risen by z^2 / 2, z one-sided at the confidence."""
    cost, rise = _profile(fit, i, shared_mV), stats.norm.ppf(confidence) ** 2 / 2
    # From where the profile lies under the rise, outwards until it lies above.
    inner = fit.ln_p[i]
    while cost(inner) > rise and abs(inner - fit.ln_p[i]) < _FAR:
        inner -= side
    outer = inner + side
    while cost(outer) < rise:
        outer += side
        if abs(outer - inner) > 2 * _FAR:
            return math.nan
    return float(optimize.brentq(lambda value: cost(value) - rise, min(inner, outer), max(inner, outer), xtol=1e-4))
