"""Standard errors, degrees of freedom and intervals of one fitted coefficient: ln P of an ion, or ln f of a factor.

The interval is Student's where the likelihood is a parabola over its width, that of the profile likelihood beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import BATCH, LN_P, CovarianceComponents
from nernstfit.permeability.distributions import t_quantile
from nernstfit.permeability.inference.identifiability import informative_cells
from nernstfit.permeability.inference.profile_likelihood import Profile
from nernstfit.permeability.limits import MAX_SE_OF_PARABOLA
from nernstfit.permeability.mixed_model import Fit, degrees_of_freedom

FloatArray = NDArray[np.float64]

# Change of 1 / df at which the degrees of freedom at a one-sided limit have converged, and the largest number of
# iterations. 0.01 is 1 df at 10 df, a percent of a limit. With half of the change one more limit is searched for,
# with twice one less; more than 4 iterations (2 usually suffice) or less change limits of few cells only.
_MAX_CHANGE_OF_DF, _MAX_ITERATIONS = 0.01, 4


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """Interval, standard errors and number of cells of a coefficient e^x: of a ratio, or of a factor on activities.

    Attributes
    ----------
    low, high : float
        Interval with systematic errors, two-sided for an estimate, one-sided for a bound.
    low_cells, high_cells : float
        Between-cell interval (without systematic errors).
    se_ln_cells, se_ln_shared : float
        Standard errors of x from noise, cells and offsets; from systematic errors.
    df : float
        Degrees of freedom of `se_ln_cells`; nan where it comes from the noise of measurements of single cells alone.
    n_cells : int
        Number of cells that are informative of it.
    """

    low: float = math.nan
    high: float = math.nan
    low_cells: float = math.nan
    high_cells: float = math.nan
    se_ln_cells: float = math.nan
    se_ln_shared: float = math.nan
    df: float = math.nan
    n_cells: int = 0

    @property
    def has_limit(self) -> bool:
        """True where there is an interval or a bound."""
        return not (math.isnan(self.low) and math.isnan(self.high))


@dataclass(frozen=True)
class Coefficient:
    """Inference on one fitted coefficient.

    Attributes
    ----------
    fit : Fit
    index : int
        Index of the ion among the permeant ones, or of ln f behind these.
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    confidence : float
    """

    fit: Fit
    index: int
    systematic_mV: FloatArray
    confidence: float

    @property
    def value(self) -> float:
        """Fitted ln P or ln f."""
        return float(self.fit.ln_p[self.index])

    @property
    def position(self) -> int:
        """Index among the fitted coefficients."""
        return self.fit.free.index(self.index)

    @cached_property
    def n_cells(self) -> int:
        """Number of informative cells."""
        return informative_cells(self.fit, self.index)

    @cached_property
    def se_cells(self) -> float:
        """Standard error without systematic errors."""
        return math.sqrt(self.fit.covariance[self.position, self.position])

    @cached_property
    def se_systematic(self) -> float:
        """Standard error from systematic errors."""
        return float(np.linalg.norm(self.fit.sensitivity[self.position] @ self.systematic_mV))

    @property
    def se_total(self) -> float:
        """Standard error."""
        return math.hypot(self.se_cells, self.se_systematic)

    @cached_property
    def se_curved(self) -> float:
        """Part of the standard error over which the likelihood may be curved.

        Where each cell has its own ln P, these are normal about their mean: their differences bend nothing.
        """
        if self.fit.working.deviation is None:
            return self.se_total
        structure = CovarianceComponents(self.fit.working, self.fit.gradient)
        parts = structure.parts(self.fit.components, self.fit.sensitivity[[self.position]])
        of_cells = sum(float(part[0]) for name, part in parts.items() if name in (LN_P, BATCH))
        return math.sqrt(max(0.0, self.se_total**2 - of_cells))

    @cached_property
    def df(self) -> float:
        """Degrees of freedom of `se_cells`; inf where it comes from the noise of measurements alone."""
        return coefficient_df(self.fit, self.index, self.fit.ln_p)

    @cached_property
    def profile(self) -> Profile:
        """Profile likelihood with systematic errors."""
        return Profile(self.fit, self.index, self.systematic_mV)

    @cached_property
    def profile_cells(self) -> Profile:
        """Profile likelihood without systematic errors."""
        return Profile(self.fit, self.index, np.zeros((self.fit.data.size, 0)))

    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the between-cell interval and the one with systematic errors, which never is the shorter one."""
        cells = self._interval(self.se_cells, self.df, self.profile_cells)
        total = self._interval(self.se_total, self.df * (self.se_total / self.se_cells) ** 4, self.profile)
        # The total has more degrees of freedom; a further error must not make an interval shorter all the same.
        return cells, (min(cells[0], total[0]), max(cells[1], total[1]))

    def _interval(self, se: float, df: float, profile: Profile) -> tuple[float, float]:
        """Return the two-sided interval by Student's t, or from the profile where the error is large."""
        t = t_quantile(0.5 + self.confidence / 2, df)
        if self.se_curved <= MAX_SE_OF_PARABOLA:  # the same for both intervals, so that one lies within the other
            return self.value - t * se, self.value + t * se
        low, high = (profile.limit(t**2 / 2, side) for side in (-1, 1))
        return min(low, self.value), max(high, self.value)

    def bounds(self, side: int) -> tuple[float, float]:
        """Return the one-sided limit without and with systematic errors, which never make it tighter.

        Parameters
        ----------
        side : int
            -1: from below; 1: from above.
        """
        cells = self._one_sided_limit(self.profile_cells, side)
        return cells, side * max(side * cells, side * self._one_sided_limit(self.profile, side))

    def _one_sided_limit(self, profile: Profile, side: int) -> float:
        """Return the one-sided limit by Student's t with the degrees of freedom at the limit."""
        df = math.inf
        for _ in range(_MAX_ITERATIONS):
            limit = profile.limit(t_quantile(self.confidence, df) ** 2 / 2, side)
            if not math.isfinite(limit):
                break
            before, df = df, coefficient_df(self.fit, self.index, profile.ln_p_at(limit))
            if abs(1 / df - 1 / before) < _MAX_CHANGE_OF_DF:
                break
        return limit


def coefficient_df(fit: Fit, index: int, ln_p: FloatArray) -> float:
    """Return the degrees of freedom of the standard error of one coefficient, by Satterthwaite's approximation.

    They are those of the fitted variance components and, for means of cells, of the standard errors that the means
    come with. Cells that say nothing on this ion count as far as their differences in other ions tell how much cells
    differ.

    Parameters
    ----------
    fit : Fit
    index : int
    ln_p : ndarray, shape (k + q,)
        Coefficients at which they are asked for.
    """
    data, position = fit.data, fit.free.index(index)
    of_components = float((fit.df if ln_p is fit.ln_p else degrees_of_freedom(fit, ln_p))[position])
    share = (fit.sensitivity[position] * data.se_mV) ** 2 / fit.covariance[position, position]
    is_mean = data.n_averaged > 1
    inverse = 1 / of_components + float((share[is_mean] ** 2 / (data.n_averaged[is_mean] - 1)).sum())
    return 1 / inverse if inverse > 0 else math.inf
