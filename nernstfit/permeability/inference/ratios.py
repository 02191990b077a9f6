"""What may be said of each ratio: an estimate, a bound on one side, or nothing.

A ratio is an estimate where the likelihood falls on both sides. Where an ion could just as well
not pass at all (setting its permeability to nothing costs less than 1.92 log units, the 95 %
point of a profile), there is only an upper bound; where it could as well pass alone, only a
lower one; where both or neither can be told apart, nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.profile_likelihood import Profile
from nernstfit.permeability.limits import IMPERMEANT, MAX_SE_CLOSED, MAX_SE_OF_PARABOLA, REFERENCE_IMPERMEANT
from nernstfit.permeability.mixed_model import Fit, covariance_mV2, degrees_of_freedom
from nernstfit.permeability.observations import present
from nernstfit.permeability.optimize import DenseWhitener

FloatArray = NDArray[np.float64]

MAX_COST_ABSENT = 1.92
_IMPOSSIBLE = 1e-6  # a chance that nobody waits for
MAX_COLLINEARITY = 0.98
_NONE = 1e-300
_SAME_DF = 0.01  # of 1 / df
_MAX_TURNS = 4


@dataclass(frozen=True)
class Ratio:
    """One permeability ratio P_ion / P_reference.

    Attributes
    ----------
    ion : str
    verdict : RatioVerdict
    reason : str
    ln_ratio : float
        nan unless an estimate.
    low, high : float
        Interval at the asked confidence with the shared errors; one-sided for a bound.
    low_cells, high_cells : float
        Without the shared errors.
    se_ln_cells, se_ln_shared : float
        Standard errors of ln ratio from noise, cells and offsets; from what all cells share.
    df : float
        Degrees of freedom of `se_ln_cells`; nan where it is the noise alone of measurements of single cells.
    n_cells : int
        Cells that tell of this ion.
    """

    ion: str
    verdict: RatioVerdict
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


@dataclass(frozen=True)
class FitResult:
    """A fit, what may be said of its ratios, and the errors that all cells share.

    Attributes
    ----------
    fit : Fit
    ratios : tuple of Ratio
    systematic_mV : ndarray, shape (n, sources)
        What one standard deviation of each shared error does to measured minus predicted.
    names : tuple of str
        Of the sources.
    """

    fit: Fit
    ratios: tuple[Ratio, ...]
    systematic_mV: FloatArray
    names: tuple[str, ...]

    @property
    def estimates(self) -> tuple[str, ...]:
        """Ions whose ratios are estimates."""
        return tuple(ratio.ion for ratio in self.ratios if ratio.verdict == RatioVerdict.ESTIMATE)

    def systematic_shifts(self, ion: str) -> FloatArray:
        """What one standard deviation of each shared error does to the ln ratio; shape (sources,)."""
        return np.asarray(self.fit.sensitivity[self.fit.free.index(self.fit.data.ions.index(ion))] @ self.systematic_mV)


def ratios(fit: Fit, systematic_mV: FloatArray, confidence: float) -> tuple[Ratio, ...]:
    """Judge every ion but the reference.

    Parameters
    ----------
    fit : Fit
        By REML.
    systematic_mV : ndarray, shape (n, sources)
        What one standard deviation of each shared error does to measured minus predicted.
    confidence : float
        Of the intervals, two-sided for an estimate, one-sided for a bound.

    Returns
    -------
    tuple of Ratio
        In the order of the permeant ions.
    """
    others = [i for i, ion in enumerate(fit.data.ions) if ion != fit.reference]
    if fit.data.pipette_side and factor_collinearity(fit) > MAX_COLLINEARITY:
        return tuple(Ratio(fit.data.ions[i], RatioVerdict.NOT_IDENTIFIABLE, _FACTOR_IS_OFFSET) for i in others)
    found = (_ratio(fit, i, systematic_mV, confidence) for i in others)
    misfit = _misfit(fit, systematic_mV)
    return tuple(replace(r, reason="; ".join(filter(None, (r.reason, misfit)))) for r in found)


_FACTOR_IS_OFFSET = (
    "a common factor on the inside of monovalent cations is a common offset, and these data do not tell the pipette's "
    "factor from one; baths that change the part of a permeant anion or divalent ion would, or fit.activity_correction "
    "none"
)


def factor_collinearity(fit: Fit) -> float:
    """How far a factor on the pipette's activities moves the potentials as a common offset and the ratios could.

    Returns
    -------
    float
        Multiple correlation, 1 where nothing tells them apart.
    """
    columns = fit.gradient[:, list(fit.free)] / fit.working.se_mV[:, None]
    others = np.column_stack([columns[:, :-1], 1 / fit.working.se_mV])
    others = others / np.maximum(np.linalg.norm(others, axis=0), _NONE)
    rest = columns[:, -1] - others @ np.linalg.lstsq(others, columns[:, -1], rcond=None)[0]
    return math.sqrt(max(0.0, 1 - float(rest @ rest) / float(columns[:, -1] @ columns[:, -1])))


def pipette_factor(fit: Fit, confidence: float) -> str:
    """The factor between the pipette's true activities and the model's, in words; '' where it was not fitted."""
    if not fit.data.pipette_side or factor_collinearity(fit) > MAX_COLLINEARITY:
        return ""
    ln_f, se = float(fit.ln_p[-1]), math.sqrt(fit.covariance[-1, -1])
    t = float(stats.t.ppf(0.5 + confidence / 2, fit.df[-1]))
    low, high = math.exp(ln_f - t * se), math.exp(ln_f + t * se)
    return f"the pipette's activities are {math.exp(ln_f):.3f} [{low:.3f}, {high:.3f}] times the model's"


def informative_rows(fit: Fit, ion: int) -> tuple[list[int], int]:
    """Measurements of the cells whose own information on an ion is at least 1 % of the median cell's.

    Returns
    -------
    rows : list of int
    cells : int
        How many cells that are; a mean counts all it averages.
    """
    data = fit.data
    size = (fit.gradient[:, ion] / fit.working.se_mV) ** 2
    per_cell = np.array([size[rows[rows >= 0]].sum() for rows in data.blocks])
    telling = per_cell > 0.01 * np.median(per_cell) if per_cell.max() > 0 else np.zeros(len(per_cell), bool)
    rows = data.blocks[telling]
    return sorted(rows[rows >= 0].tolist()), int(data.cell_sizes[telling].sum())


def _ratio(fit: Fit, i: int, systematic_mV: FloatArray, confidence: float) -> Ratio:
    ion = fit.data.ions[i]
    if i not in fit.free:
        return Ratio(
            ion,
            RatioVerdict.NOT_IDENTIFIABLE,
            f"{ion} is in no solution of these measurements; a bath with {ion} would tell",
        )
    if fit.reference not in present_ions(fit):
        return Ratio(
            ion, RatioVerdict.NOT_IDENTIFIABLE, f"the reference {fit.reference} is in no solution of these measurements"
        )
    n_cells, j = informative_rows(fit, i)[1], fit.free.index(i)
    vanished = (
        fit.ln_p[: len(fit.data.ions)].max() > REFERENCE_IMPERMEANT
    )  # the reference, beside the others: all ratios to it run away together
    mixed_up = "" if vanished else _mixed_up(fit, i)
    if mixed_up:
        return Ratio(
            ion,
            RatioVerdict.NOT_IDENTIFIABLE,
            f"{mixed_up}; a bath that changes one of them would tell",
            n_cells=n_cells,
        )
    se = math.sqrt(fit.covariance[j, j])
    se_shared = float(np.linalg.norm(fit.sensitivity[j] @ systematic_mV))
    total = math.hypot(se, se_shared)
    none = np.zeros((fit.data.size, 0))
    whole, cells = Profile(fit, i, systematic_mV), Profile(fit, i, none)
    if total > MAX_SE_CLOSED or vanished:
        # The fit itself may have let the ion go, although the shared errors would rather keep a trace of it.
        below = whole.without_ion() < MAX_COST_ABSENT or fit.ln_p[i] < -IMPERMEANT
        above = whole.without_reference() < MAX_COST_ABSENT or fit.ln_p[i] > IMPERMEANT
        if below and above:
            # Open to both sides as a two-sided interval is, it may still have a limit to one side.
            rise = float(stats.norm.ppf(confidence)) ** 2 / 2
            below, above = whole.without_reference() > rise, whole.without_ion() > rise
            if below == above:
                return _nothing(ion, n_cells)
        if below or above:
            return _bound(fit, i, whole, cells, confidence, below, n_cells)
    return _estimate(fit, i, (se, se_shared), (cells, whole), confidence, n_cells)


def _mixed_up(fit: Fit, i: int) -> str:
    """What the data do not tell this ion from, or ''."""
    ions, j = fit.data.ions, fit.free.index(i)
    if j in fit.not_estimable:
        names = [*ions, "the pipette's factor"]
        others = " and ".join(names[fit.free[other]] for other in fit.not_estimable if other != j) or fit.reference
        return f"the data hold only a combination of {ions[i]} and {others}"
    twin, alike = _twin(fit, i)
    return f"{ions[i]} and {twin} change together (collinearity {alike:.3f})" if alike > MAX_COLLINEARITY else ""


def _twin(fit: Fit, i: int) -> tuple[str, float]:
    """The ion whose ln P moves the potentials most like this one's, and how alike: the cosine between both."""
    columns = fit.gradient[:, : len(fit.data.ions)] / fit.working.se_mV[:, None]
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), _NONE)
    # Of two ions alone one always moves against the other.
    alike = np.where(np.arange(len(fit.data.ions)) == i, -1.0, columns[:, i] @ columns)
    twin = int(alike.argmax())
    return fit.data.ions[twin], float(alike[twin])


def _estimate(
    fit: Fit,
    i: int,
    errors: tuple[float, float],
    profiles: tuple[Profile, Profile],
    confidence: float,
    n_cells: int,
) -> Ratio:
    """Ratio with a two-sided interval; a bound where the interval is open on a side.

    `errors` are of ln P, from cells and shared; `profiles` are without and with the shared errors.
    """
    ion, (se, se_shared), (cells, whole) = fit.data.ions[i], errors, profiles
    total, df = math.hypot(se, se_shared), _degrees_of_freedom(fit, i, fit.ln_p)
    own = _interval(fit, i, se, df, cells, confidence)
    both = _interval(fit, i, total, df * (total / se) ** 4, whole, confidence)
    # The degrees of freedom of the whole are more; a further error never makes an interval shorter.
    low, high = min(own[0], both[0]), max(own[1], both[1])
    if own[0] < fit.ln_p[i] - IMPERMEANT and own[1] > fit.ln_p[i] + IMPERMEANT:
        return _unheld(fit, ion, n_cells)
    if not (math.isfinite(low) or math.isfinite(high)):
        return _nothing(ion, n_cells)
    if not (math.isfinite(low) and math.isfinite(high)):
        # With few cells an interval reaches further than the cost of taking an ion away.
        found = _bound(fit, i, whole, cells, confidence, not math.isfinite(low), n_cells)
        return replace(found, reason=f"{found.reason}, and so would more cells")
    return Ratio(
        ion,
        RatioVerdict.ESTIMATE,
        _remark(fit),
        ln_ratio=float(fit.ln_p[i]),
        low=math.exp(low),
        high=math.exp(high),
        low_cells=math.exp(own[0]),
        high_cells=math.exp(own[1]),
        df=df if math.isfinite(df) else math.nan,
        se_ln_cells=se,
        se_ln_shared=se_shared,
        n_cells=n_cells,
    )


def _unheld(fit: Fit, ion: str, n_cells: int) -> Ratio:
    """Say that an interval of many powers of ten is none."""
    if not math.isinf(fit.offset_scale_mV):
        return _nothing(ion, n_cells)
    reason = (
        f"with a free term in each cell only differences between baths tell, and none tells {ion} from "
        f"{fit.reference}; a bath with {ion} and one with {fit.reference} would"
    )
    return Ratio(ion, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=n_cells)


def _nothing(ion: str, n_cells: int) -> Ratio:
    reason = f"the data allow any permeability of {ion}; a bath with more {ion} and less of the others would tell"
    return Ratio(ion, RatioVerdict.NOT_IDENTIFIABLE, reason, n_cells=n_cells)


def _degrees_of_freedom(fit: Fit, i: int, ln_p: FloatArray) -> float:
    """Satterthwaite's, of the fitted spreads and of standard errors that a mean has from a few cells itself.

    Only cells that tell of the ion count.
    """
    data, j, rows = fit.data, fit.free.index(i), informative_rows(fit, i)[0]
    as_fitted = ln_p is fit.ln_p and len(rows) == data.size
    own = math.inf
    if rows:
        own = float((fit.df if as_fitted else degrees_of_freedom(fit, ln_p, rows))[j])
    share = (fit.sensitivity[j] * data.se_mV) ** 2 / fit.covariance[j, j]
    several = data.n_averaged > 1
    uncertain = 1 / own + float((share[several] ** 2 / (data.n_averaged[several] - 1)).sum())
    return 1 / uncertain if uncertain > 0 else math.inf


def _interval(fit: Fit, i: int, se: float, df: float, profile: Profile, confidence: float) -> tuple[float, float]:
    """Two-sided interval of ln P: by Student's t, or from the profile where the error is too large for that."""
    t, ln_p = float(stats.t.ppf(0.5 + confidence / 2, df)), float(fit.ln_p[i])
    if se <= MAX_SE_OF_PARABOLA:
        return ln_p - t * se, ln_p + t * se
    low, high = (profile.limit(t**2 / 2, side) for side in (-1, 1))
    return min(low, ln_p), max(high, ln_p)


def profile_interval(fit: Fit, i: int, confidence: float) -> tuple[float, float]:
    """Two-sided interval of one ln P from the profile of the likelihood, over cells alone.

    Parameters
    ----------
    fit : Fit
    i : int
        Of an ion whose ratio is an estimate.
    confidence : float
    """
    df = _degrees_of_freedom(fit, i, fit.ln_p)
    rise = float(stats.t.ppf(0.5 + confidence / 2, df)) ** 2 / 2
    profile = Profile(fit, i, np.zeros((fit.data.size, 0)))
    return profile.limit(rise, -1), profile.limit(rise, 1)


def present_ions(fit: Fit) -> set[str]:
    """Permeant ions that any solution has."""
    return {ion for ion, there in zip(fit.data.ions, present(fit.data), strict=True) if there}


def _remark(fit: Fit) -> str:
    if len(fit.data.cell_names) > 1:
        return ""
    if fit.data.cell_sizes[0] > 1:
        return "one mean of cells: the interval over cells comes from the standard errors given with it alone"
    return "one cell: the interval over cells comes from the measurement's error alone, not from a spread between cells"


def _misfit(fit: Fit, systematic_mV: FloatArray) -> str:
    """Say where not even the shared errors explain what the model leaves: no number means anything then."""
    white = DenseWhitener(covariance_mV2(fit) + systematic_mV @ systematic_mV.T)(
        fit.working.potential_mV - fit.predicted_mV
    )
    chi_square, n = float(white @ white), fit.data.size
    if chi_square < stats.chi2.isf(_IMPOSSIBLE, n):
        return ""
    return f"the model does not explain the potentials (chi-square {chi_square:.2g} for {n}): no interval holds"


def _one_sided(fit: Fit, i: int, profile: Profile, confidence: float, side: int) -> float:
    """One-sided limit of ln P, by Student's t: the degrees of freedom are those at the limit."""
    df = math.inf
    for _ in range(_MAX_TURNS):
        limit = profile.limit(float(stats.t.ppf(confidence, df)) ** 2 / 2, side)
        if not math.isfinite(limit):
            break
        before, df = df, _degrees_of_freedom(fit, i, profile.where(limit))
        if abs(1 / df - 1 / before) < _SAME_DF:
            break
    return limit


def _bound(fit: Fit, i: int, whole: Profile, cells: Profile, confidence: float, below: bool, n_cells: int) -> Ratio:
    """One-sided limit from the profile, with and without the shared errors, which never make it tighter."""
    ion, side = fit.data.ions[i], 1 if below else -1
    own = _one_sided(fit, i, cells, confidence, side)
    both = side * max(side * own, side * _one_sided(fit, i, whole, confidence, side))
    if not math.isfinite(both):
        return _nothing(ion, n_cells)
    if below:
        reason = f"the data may as well come from no permeability of {ion} at all; a bath with more of it would tell"
        return Ratio(
            ion, RatioVerdict.UPPER_BOUND, reason, high=math.exp(both), high_cells=math.exp(own), n_cells=n_cells
        )
    reason = f"the data may as well come from {ion} alone permeant; a bath with more of {fit.reference} would tell"
    return Ratio(ion, RatioVerdict.LOWER_BOUND, reason, low=math.exp(both), low_cells=math.exp(own), n_cells=n_cells)
