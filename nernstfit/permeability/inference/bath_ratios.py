"""Ratio of an ion in each bath: the one that the mean potential there implies, the other ratios at their estimates.

Where one ratio describes an ion, those of all baths agree within their errors. A trend with the activity of the ion or
with the potential shows a permeability that is not constant; the tests of validity say whether it exceeds chance.

A ratio follows from a potential in closed form (`physics.membrane.ratio`). The potential is that of the mean cell: the
curvature bias of the fit is subtracted from the mean over cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.distributions import normal_quantile, t_quantile
from nernstfit.permeability.inference.ratios import FitResult
from nernstfit.permeability.limits import IMPERMEANT
from nernstfit.permeability.mixed_model import Fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.membrane.ratio import GoldmanCurrents, ratio

FloatArray = NDArray[np.float64]

# Change of the potential with ln P from which a bath says something of a ratio, in mV: with 1 mV, an error of 1 mV is a
# factor of e. At half it is one of 7, and intervals span decades; at double a third of the ions that a bath with a
# tenth of them tells is left out.
_MIN_GRADIENT_MV = 1.0


class Unknown(StrEnum):
    """Reason why a bath by itself gives no ratio, or remark on its interval."""

    NO_ESTIMATE = "there is no estimate of P({ion}) that the bath could be compared with"
    OTHER_RATIO = "the potential depends on P({others}), of which there is no estimate"
    NO_INSIDE = "the solution inside is unknown"
    FREE_OFFSET = "the electrode offset is free in each cell: a potential by itself implies no ratio"
    LIMIT = "of some of the potentials only a limit is known"
    ABSENT = "neither the bath nor the pipette holds the ion"
    HARDLY = "the potential hardly depends on the ion here: {gradient:.2g} mV for a factor of e"
    BEYOND = "no ratio gives this potential: it lies beyond that of {limit}"
    ONE_CELL = "one cell: the interval leaves out how cells differ"
    REJECTED = "the data reject the model: the other ratios, at which this one is taken, are not known"
    OPEN = "no upper end: at it the potential is that of the ion alone"


@dataclass(frozen=True)
class BathRatio:
    """Ratio of one ion in one bath.

    Attributes
    ----------
    ion, bath, pipette, configuration : str
    temperature_C : float
        Median over the measurements there.
    activity_mM : float
        Of the ion in the bath, times its fitted factors.
    potential_mV : float
        Mean over cells; nan where only limits are known.
    n_cells : int
    ratio, low, high : float
        nan where there is none.
    reason : str
        Reason for which there is no ratio, or remark on the interval; may be ''.
    """

    ion: str
    bath: str
    pipette: str
    configuration: str
    temperature_C: float
    activity_mM: float
    potential_mV: float
    n_cells: int
    ratio: float
    low: float
    high: float
    reason: str


def bath_ratios(result: FitResult, confidence: float) -> Iterator[BathRatio]:
    """Yield the ratio of every ion but the reference in every bath.

    Parameters
    ----------
    result : FitResult
        Of the configured model.
    confidence : float
        Confidence level of the intervals.
    """
    places: dict[tuple[str, str, str], list[int]] = {}
    for i, at in enumerate(result.fit.data.conditions):
        places.setdefault((at.bath, at.pipette, at.configuration), []).append(i)
    for _, rows in sorted(places.items()):
        yield from _Place(result, rows, confidence).ratios()


@dataclass(frozen=True)
class _Mean:
    """Mean potential of the cells in a bath.

    Attributes
    ----------
    measured_mV : float
    of_mean_cell_mV : float
        Without the curvature bias, at the solutions and temperature of one of the measurements.
    half_mV : float
        Half of the interval of the mean, systematic errors included.
    n_cells : int
    """

    measured_mV: float
    of_mean_cell_mV: float
    half_mV: float
    n_cells: int


class _Place:
    """Measurements of one bath, pipette and configuration."""

    def __init__(self, result: FitResult, rows: Sequence[int], confidence: float) -> None:
        self._result, self._rows, self._confidence = result, list(rows), confidence
        fit = result.fit
        temperature_C = fit.data.temperature_C[self._rows]
        self._temperature_C = float(np.median(temperature_C))
        # Of the measurements at slightly different temperatures the one nearest to the median stands for all.
        self._at = self._rows[int(np.abs(temperature_C - self._temperature_C).argmin())]
        self._membrane = fit.data.with_factors(fit.ln_p)

    def ratios(self) -> Iterator[BathRatio]:
        """Yield the ratio of each ion."""
        fit, data = self._result.fit, self._result.fit.data
        at, is_limit = data.conditions[self._at], np.isin(self._rows, data.censored)
        mean = None if is_limit.all() else self._mean(np.array(self._rows)[~is_limit])
        bath = (self._membrane.outside if at.sign > 0 else self._membrane.inside)[self._at]
        for i, ion in enumerate(data.ions):
            if ion == fit.reference:
                continue
            reason = Unknown.LIMIT if is_limit.any() or mean is None else self._doubt(i)
            found = (math.nan,) * 3 if reason or mean is None else self._ratio(i, mean)
            yield BathRatio(
                *(ion, at.bath, at.pipette, at.configuration, self._temperature_C, float(bath[i])),
                mean.measured_mV if mean else math.nan,
                mean.n_cells if mean else 0,
                *found,
                reason or self._remark(i, mean, found),
            )

    def _doubt(self, ion: int) -> str:
        """Return the reason why the potential here implies no ratio of an ion; '' for none."""
        fit, data = self._result.fit, self._result.fit.data
        at, known = data.conditions[self._at], {fit.reference, *self._result.with_ratio}
        if not (at.inside and at.outside):
            return Unknown.NO_INSIDE
        if math.isinf(fit.offset_scale_mV):
            return Unknown.FREE_OFFSET
        if not data.inside[self._at, ion] + data.outside[self._at, ion] > 0:
            return Unknown.ABSENT
        if data.ions[ion] not in known:
            return Unknown.NO_ESTIMATE.format(ion=data.ions[ion])
        others = [j for j, name in enumerate(data.ions) if name not in known and self._reach_mV(j) >= _MIN_GRADIENT_MV]
        if others:
            return Unknown.OTHER_RATIO.format(others=" and P(".join(f"{data.ions[j]})" for j in others)[:-1])
        gradient = abs(float(fit.gradient_of_mean_cell[self._at, ion]))
        return Unknown.HARDLY.format(gradient=gradient) if gradient < _MIN_GRADIENT_MV else ""

    def _reach_mV(self, ion: int) -> float:
        """Return by how much the potential here depends on an ion without an estimate, at its bound if it has one."""
        fit = self._result.fit
        found = next(each for each in self._result.ratios if each.ion == fit.data.ions[ion])
        ln_p = fit.ln_p.copy()
        if math.isfinite(found.high):
            ln_p[ion] = math.log(found.high)
        elif fit.data.inside[self._at, ion] > 0 or fit.data.outside[self._at, ion] > 0:
            return math.inf
        return abs(float(fit.data.gradient(ln_p)[self._at, ion]))

    def _mean(self, rows: NDArray[np.int64]) -> _Mean:
        """Return the mean over cells with its interval."""
        fit, data = self._result.fit, self._result.fit.data
        potential_mV, se_mV, n_averaged = _by_cell(data, rows)
        weight = n_averaged / n_averaged.sum()
        measured_mV = float(weight @ potential_mV)
        shift = data.potential_mV - fit.predicted_mV - fit.curvature_bias_mV
        deviation_mV = float(weight @ _by_cell(data.with_potentials(shift), rows)[0])
        if len(potential_mV) > 1:
            df = len(potential_mV) - 1.0
            variance = float(weight @ (potential_mV - measured_mV) ** 2) / df
        else:
            df = float(n_averaged[0]) - 1 or math.inf
            variance = float(se_mV[0]) ** 2
            variance += fit.components.offset_mV**2 if n_averaged[0] == 1 else 0.0
        level = 0.5 + self._confidence / 2
        shared_mV = normal_quantile(level) * float(np.linalg.norm(self._result.systematic_mV[self._at]))
        half_mV = math.hypot(t_quantile(level, df) * math.sqrt(variance), shared_mV)
        of_mean_cell_mV = float(fit.predicted_mV[self._at]) + deviation_mV
        return _Mean(measured_mV, of_mean_cell_mV, half_mV, int(n_averaged.sum()))

    def _ratio(self, ion: int, mean: _Mean) -> tuple[float, float, float]:
        """Return ratio, low and high; nan where no ratio gives the potential, high also where it has no end."""
        ends = (mean.of_mean_cell_mV + shift for shift in (0.0, -mean.half_mV, mean.half_mV))
        own, *around = (self._at_potential(ion, e_mV) for e_mV in ends)
        if not 0 < own < math.inf:
            return (math.nan,) * 3
        low, high = sorted(around)
        if self._is_rejected:
            return own, math.nan, math.nan
        return own, low, high if math.isfinite(high) else math.nan

    @property
    def _is_rejected(self) -> bool:
        """True where the data reject the model: a ratio then has no interval."""
        return any(each.verdict == RatioVerdict.MODEL_REJECTED for each in self._result.ratios)

    def _at_potential(self, ion: int, e_mV: float) -> float:
        """Return the ratio that gives a potential here; 0 or inf where none does."""
        data, at = self._membrane, self._at
        valence, inside, outside = map(np.atleast_2d, (data.valence, data.inside[at], data.outside[at]))
        currents = GoldmanCurrents(valence, inside, outside, float(data.temperature_C[at]))
        return ratio(currents, _others(self._result.fit, ion), ion, e_mV)

    def _remark(self, ion: int, mean: _Mean | None, found: tuple[float, float, float]) -> str:
        """Return the reason why the potential has no ratio, or a remark on the interval."""
        own, _, high = found
        if mean is None or math.isnan(own):
            name = self._result.fit.data.ions[ion]
            is_below = mean is not None and self._at_potential(ion, mean.of_mean_cell_mV) == 0
            return Unknown.BEYOND.format(limit=f"P({name}) = 0" if is_below else f"{name} alone")
        if self._is_rejected:
            return Unknown.REJECTED
        remarks = (Unknown.ONE_CELL if mean.n_cells == 1 else "", Unknown.OPEN if math.isnan(high) else "")
        return "; ".join(filter(None, remarks))


def _others(fit: Fit, ion: int) -> FloatArray:
    """Return the permeabilities of the fit without one ion; 0 for an ion that the fit removed."""
    ln_p = fit.data.parameters.completed(fit.ln_p)[: len(fit.data.ions)]
    permeability = np.where(ln_p < -IMPERMEANT, 0.0, np.exp(ln_p))
    permeability[ion] = 0.0
    return permeability


def _by_cell(data: Observations, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return potential, standard error and number of averaged cells of each cell; repeats by their precision."""
    names, cell = np.unique(data.cell_index[rows], return_inverse=True)
    precision, n_averaged = 1 / data.se_mV[rows] ** 2, np.zeros(len(names))
    total = np.bincount(cell, precision)
    np.maximum.at(n_averaged, cell, data.n_averaged[rows])
    mean_mV = np.bincount(cell, precision * data.potential_mV[rows]) / total
    return mean_mV, np.asarray(1 / np.sqrt(total), dtype=np.float64), n_averaged
