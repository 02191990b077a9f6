"""Observations of one group: reversal potentials with the activities on both sides of the membrane, and the GHK model.

Notation, as in `mixed_model`: n observations of k permeant ions; ln P, shape (k,), the log permeabilities over that of
the reference ion; f the factors on activities, whose ln f stand behind the ln P where any are fitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.permeability.activity_factors import NO_FACTORS, ActivityFactors
from nernstfit.permeability.ratio_parameters import NONE, RatioParameters
from nernstfit.physics.membrane import ghk
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """Reversal potentials of one group, and the activities of the permeant ions under one activity model.

    Attributes
    ----------
    cells : tuple of str, length n
        Cell of each observation.
    potential_mV, se_mV, temperature_C : ndarray, shape (n,)
        Potential (or its limit, see `limit_side`) and its standard error; temperature.
    ions : tuple of str, length k
        Permeant ions.
    valence : ndarray of int, shape (k,)
        Charge numbers of the permeant ions.
    inside, outside : ndarray, shape (n, k)
        Activities (or concentrations) in mM.
    n_averaged : ndarray of int, shape (n,)
        Number of cells that an observation is the mean of; its `se_mV` then is that of the mean.
    limit_side : tuple of int, length n or 0
        0: the potential was measured; 1: it is censored and lies above `potential_mV`, -1: below. Empty: all measured.
    batches : tuple of str, length n or 0
        Batch (animal, day) of each observation's cell; '' is a cell that belongs to none.
    factors : ActivityFactors
        Activities that are multiplied by the fitted factors f.
    measurements : tuple of str, length n or 0
        Names of the observations in the tables.
    conditions : tuple of Condition, length n or 0
        Solutions, configuration and temperature of each observation; needed by `under`.
    parameters : RatioParameters
        Held, tied and bounded ratios. Whatever ln P is handed in, a tied ratio follows from the others.
    deviation : ndarray, shape (n, k), or None
        Deviation of the ln P of each observation's cell from the mean at which it is predicted; None: no deviations.
    """

    cells: tuple[str, ...]
    potential_mV: FloatArray
    se_mV: FloatArray
    temperature_C: FloatArray
    ions: tuple[str, ...]
    valence: NDArray[np.int64]
    inside: FloatArray
    outside: FloatArray
    n_averaged: NDArray[np.int64]
    limit_side: tuple[int, ...] = ()
    batches: tuple[str, ...] = ()
    factors: ActivityFactors = NO_FACTORS
    measurements: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    parameters: RatioParameters = NONE
    deviation: FloatArray | None = None

    @property
    def n_coefficients(self) -> int:
        """Number of ln P and ln f."""
        return len(self.ions) + len(self.factors)

    @property
    def size(self) -> int:
        """Number of observations."""
        return len(self.cells)

    @cached_property
    def cell_names(self) -> tuple[str, ...]:
        """Distinct cells, sorted by name."""
        return tuple(sorted(set(self.cells)))

    @cached_property
    def cell_sizes(self) -> NDArray[np.int64]:
        """Number of cells behind each name: the most that one of its observations averages; shape (cells,)."""
        return np.asarray(np.where(self.blocks >= 0, self.n_averaged[self.blocks], 0).max(axis=1))

    @cached_property
    def cell_index(self) -> NDArray[np.int64]:
        """Index of the cell of each observation among `cell_names`, shape (n,)."""
        return np.searchsorted(self.cell_names, self.cells)

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """Rows of each cell, shape (cells, largest number of rows of a cell), padded with -1."""
        return _rows_by_name(self.cells)

    @cached_property
    def censored(self) -> NDArray[np.int64]:
        """Rows of which only a limit is known."""
        return np.flatnonzero(self.limit_side)

    @cached_property
    def batch_names(self) -> tuple[str, ...]:
        """Distinct batches, sorted by name."""
        return tuple(sorted(set(self.batches) - {""}))

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """Rows of each independent cluster, padded like `blocks`: of a cell, or of all cells of a batch."""
        return _rows_by_name(self._cluster_names) if self.batch_names else self.blocks

    @property
    def _cluster_names(self) -> tuple[str, ...]:
        """Name of the cluster of each row; a cell that occurs in two batches joins them."""
        joined = {cell: cell for cell in self.cells}

        def name(cell: str) -> str:
            while joined[cell] != cell:
                joined[cell] = cell = joined[joined[cell]]
            return cell

        first: dict[str, str] = {}
        for cell, batch in zip(self.cells, self.batches, strict=True):
            one, two = sorted((name(cell), name(first.setdefault(batch, cell) if batch else cell)))
            joined[two] = one
        return tuple(map(name, self.cells))

    @cached_property
    def cells_in_common(self) -> FloatArray:
        """Part of their variance between cells that two observations share; shape (clusters, width, width).

        1 / n within a cell, n being the larger number of cells that one of both averages; else, and at the padding, 0.
        """
        there, cell, n_averaged = self.clusters >= 0, self.cell_index[self.clusters], self.n_averaged[self.clusters]
        within = there[:, :, None] & there[:, None, :] & (cell[:, :, None] == cell[:, None, :])
        return np.where(within, 1.0 / np.maximum(n_averaged[:, :, None], n_averaged[:, None, :]), 0.0)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """True for the ions that occur in any solution of the observations; shape (k,)."""
        return np.asarray(((self.inside > 0) | (self.outside > 0)).any(axis=0))

    def with_potentials(self, potential_mV: FloatArray | None = None, se_mV: FloatArray | None = None) -> Observations:
        """Return the same observations with other potentials or standard errors.

        What follows from cells, baths and ions is handed on: a fit needs it for many potentials.
        """
        given: dict[str, Any] = {"potential_mV": potential_mV, "se_mV": se_mV}
        changed = replace(self, **{name: values for name, values in given.items() if values is not None})
        vars(changed).update((name, getattr(self, name)) for name in _OF_DESIGN)
        return changed

    def at_deviation(self, deviation: FloatArray, potential_mV: FloatArray) -> Observations:
        """Return the observations predicted at the ln P of their cells, with other potentials.

        Parameters
        ----------
        deviation : ndarray, shape (n, k)
        potential_mV : ndarray, shape (n,)
        """
        changed = replace(self, deviation=deviation, potential_mV=potential_mV)
        same = [name for name in _OF_DESIGN if self.deviation is not None or name not in _OF_CONDITIONS]
        vars(changed).update((name, getattr(self, name)) for name in same)
        return changed

    def subset(self, rows: Sequence[int]) -> Observations:
        """Return some of the observations, in the order of `rows`."""
        at = list(rows)
        arrays = ("potential_mV", "se_mV", "temperature_C", "inside", "outside", "n_averaged")
        tuples = ("cells", "limit_side", "batches", "measurements", "conditions")
        values: dict[str, Any] = {name: getattr(self, name)[at] for name in arrays}
        for name in tuples:
            whole = getattr(self, name)
            values[name] = tuple(whole[i] for i in at) if whole else ()
        values["deviation"] = None if self.deviation is None else self.deviation[at]
        return replace(self, **values, factors=self.factors.subset(at))

    def under(
        self,
        solutions: Solutions,
        permeant: Sequence[str],
        activity_model: str,
        corrections: Sequence[CorrectionTerm] = (),
        parameters: RatioParameters = NONE,
    ) -> Observations:
        """Return the same observations under an activity model and a set of permeant ions.

        Parameters
        ----------
        solutions : Solutions
        permeant : sequence of str, length k
        activity_model : str
        corrections : sequence of CorrectionTerm
            Terms of the factors on activities that are fitted.
        parameters : RatioParameters
            Held, tied and bounded ratios of these ions.
        """
        inside, outside = membrane_activities_mM(solutions, self.conditions, permeant, activity_model)
        return replace(
            self,
            temperature_C=np.array([condition.temperature_C for condition in self.conditions]),
            ions=tuple(permeant),
            valence=np.array([solutions.known[ion].valence for ion in permeant]),
            inside=inside,
            outside=outside,
            factors=ActivityFactors.of(corrections, self.conditions, permeant),
            parameters=parameters,
        )

    @cached_property
    def distinct(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """One row of each distinct condition, and the index of each row's condition: cells share their baths."""
        if self.deviation is not None:
            return np.arange(self.size), np.arange(self.size)
        conditions = np.column_stack([self.inside, self.outside, self.temperature_C, *self.factors.side.T])
        _, first, place = np.unique(conditions, axis=0, return_index=True, return_inverse=True)
        return np.asarray(first), np.asarray(place).reshape(-1)

    @cached_property
    def _sides(self) -> ghk.Sides:
        """Activities of each distinct condition."""
        first, _ = self.distinct
        return ghk.Sides.of(self.valence, self.inside[first], self.outside[first], self.temperature_C[first])

    def _sides_at(self, ln_p: FloatArray) -> ghk.Sides:
        """Return the activities of each distinct condition with the factors applied, if there are any."""
        if not self.factors:
            return self._sides
        first, _ = self.distinct
        return ghk.Sides.of(self.valence, *self._with_factors(ln_p, first), self.temperature_C[first])

    def predict(self, ln_p: FloatArray) -> FloatArray:
        """Return GHK reversal potentials in mV, shape (..., n), for ln P of shape (..., k); -inf: impermeant."""
        ln_p = self.parameters.completed(ln_p)
        reversal_mV = self._sides_at(ln_p).reversal_mV(self._permeability(ln_p))
        return np.asarray(reversal_mV)[..., self.distinct[1]]

    def gradient(self, ln_p: FloatArray) -> FloatArray:
        """Return dE / d ln P (and of dE / d ln f) in mV at fixed other ln P, shape (..., n, k)."""
        return self.prediction(ln_p)[1]

    def columns(self, gradient: FloatArray, ln_p: FloatArray, free: Sequence[int]) -> FloatArray:
        """Return the derivatives by some coefficients, with what follows from them by ties; shape (..., n, free).

        Parameters
        ----------
        gradient : ndarray, shape (..., n, k)
            Derivatives at fixed other ln P.
        ln_p : ndarray, shape (..., k)
        free : sequence of int
        """
        own = gradient[..., list(free)]
        if not self.parameters.ties:
            return np.asarray(own)
        slopes = [self.parameters.slopes(ln_p, i) for i in free]
        tied = [sum(gradient[..., t] * np.asarray(slope)[..., None] for t, slope in of.items()) for of in slopes]
        return np.asarray(own + np.stack(tied, axis=-1)) if tied else np.asarray(own)

    @cached_property
    def untied(self) -> Observations:
        """The same without ties: in a single cell a tied ratio deviates by itself."""
        return replace(self, parameters=self.parameters.untied()) if self.parameters.ties else self

    def prediction(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the predicted potentials, shape (..., n), and their gradient, shape (..., n, k)."""
        potentials, gradient = self.prediction_of_conditions(ln_p)
        place = self.distinct[1]
        return potentials[..., place], gradient[..., place, :]

    def prediction_of_conditions(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return `prediction` at the distinct conditions, shapes (..., conditions) and (..., conditions, k)."""
        ln_p = self.parameters.completed(ln_p)
        potentials, gradient = self._sides_at(ln_p).reversal_and_gradient_mV(self._permeability(ln_p))
        if self.factors:
            gradient = np.concatenate([gradient, self._factor_slopes(potentials, ln_p)], axis=-1)
        return potentials, gradient

    def curvature_bias(self, ln_p: FloatArray, sd: FloatArray) -> FloatArray:
        """Return the bias by curvature in mV: mean potential of cells minus the potential of the mean cell; shape (n,).

        Integrated by the spherical cubature rule of third degree (points at sqrt(k) standard deviations along each
        axis; Arasaratnam & Haykin 2009, IEEE Trans Autom Control 54:1254), which is exact to second order and stays
        bounded where cells differ widely.

        Parameters
        ----------
        ln_p : ndarray, shape (k,)
            Of the mean cell.
        sd : ndarray, shape (k,)
            Standard deviation between cells of the ln P of each ion.
        """
        k = len(self.ions)
        steps = math.sqrt(k) * sd[:, None] * np.eye(self.n_coefficients)[:k]
        ln_p = self.parameters.completed(ln_p)
        around = self.untied.predict(np.concatenate([ln_p[None], ln_p + steps, ln_p - steps]))
        return np.asarray(around[1:].mean(axis=0) - around[0])

    def with_factors(self, ln_p: FloatArray) -> Observations:
        """Return the observations with the fitted factors applied to the activities, and none left to fit."""
        if not self.factors:
            return self
        inside, outside = self._with_factors(ln_p, np.arange(self.size))
        return replace(self, inside=inside, outside=outside, factors=NO_FACTORS)

    def _permeability(self, ln_p: FloatArray) -> FloatArray:
        """Return the permeabilities, shape (..., 1, ions), or those of each observation's cell, (..., n, ions)."""
        mean = ln_p[..., None, : len(self.ions)]
        return np.exp(mean if self.deviation is None else mean + self.deviation)

    def _with_factors(self, ln_p: FloatArray, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the activities inside and outside at some rows, times the fitted factors."""
        ln_f = ln_p[..., len(self.ions) :]
        return self.factors.subset(rows).applied(ln_f, self.inside[rows], self.outside[rows])

    def _factor_slopes(self, potentials: FloatArray, ln_p: FloatArray) -> FloatArray:
        """Return dE / d ln f: the current that the multiplied activities carry over the slope conductance."""
        first, _ = self.distinct
        inside, outside = self._with_factors(ln_p, first)
        factors, temperature_C = self.factors.subset(first), self.temperature_C[first]
        permeability = self._permeability(ln_p)
        slope = ghk.slope_conductance_per_mV(potentials, permeability, self.valence, inside, outside, temperature_C)
        through = (factors.touched(q, inside, outside) for q in range(len(factors)))
        currents = [ghk.current(potentials, permeability, self.valence, *own, temperature_C) for own in through]
        return np.stack([-current / slope for current in currents], axis=-1)


_OF_CONDITIONS = ("distinct", "_sides")
_OF_DESIGN = (
    *("cell_names", "cell_index", "cell_sizes", "blocks", "censored", "batch_names", "clusters"),
    *("cells_in_common", "present", *_OF_CONDITIONS),
)
"""Cached properties of observations that do not depend on potentials and standard errors."""


def _rows_by_name(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of each name, sorted by name, shape (names, largest number of rows), padded with -1."""
    rows: dict[str, list[int]] = {name: [] for name in sorted(set(names))}
    for i, name in enumerate(names):
        rows[name].append(i)
    width = max(map(len, rows.values()))
    return np.array([of_one + [-1] * (width - len(of_one)) for of_one in rows.values()])


def membrane_activities_mM(
    solutions: Solutions, conditions: Sequence[Condition], ion_names: Sequence[str], model: str
) -> tuple[FloatArray, FloatArray]:
    """Return activities inside and outside of the membrane in mM, shape (conditions, len(ion_names)) each.

    An unknown solution counts as 1 mM of every ion: for monovalent ions of one sign whatever it contains adds one
    term to the potential, the same in every bath.

    Parameters
    ----------
    solutions : Solutions
    conditions : sequence of Condition
    ion_names : sequence of str
    model : str
        Activity model.
    """

    def activities(name: str, condition: Condition) -> FloatArray:
        if not name:
            return np.ones(len(ion_names))
        return solutions.activity_mM(name, ion_names, model, condition.temperature_C)

    known = {c: (activities(c.inside, c), activities(c.outside, c)) for c in set(conditions)}
    return np.array([known[c][0] for c in conditions]), np.array([known[c][1] for c in conditions])


def without_activities(
    measurements: Sequence[str],
    cells: Sequence[str],
    conditions: Sequence[Condition],
    potential_mV: FloatArray,
    se_mV: FloatArray,
    n_averaged: NDArray[np.int64],
) -> Observations:
    """Return observations of no ions yet; `Observations.under` adds the activities.

    Parameters
    ----------
    measurements, cells : sequence of str, length n
    conditions : sequence of Condition, length n
    potential_mV, se_mV : ndarray, shape (n,)
    n_averaged : ndarray of int, shape (n,)
    """
    none = np.empty((len(cells), 0))
    return Observations(
        cells=tuple(cells),
        potential_mV=potential_mV,
        se_mV=se_mV,
        temperature_C=np.array([condition.temperature_C for condition in conditions]),
        ions=(),
        valence=np.empty(0, dtype=np.int64),
        inside=none,
        outside=none,
        n_averaged=n_averaged,
        measurements=tuple(measurements),
        conditions=tuple(conditions),
    )


def unknown_inside(
    observations: Observations, solutions: Solutions, permeant: Sequence[str], offset_sd_mV: float
) -> tuple[NDArray[np.bool_], str]:
    """Find the observations that carry no information because the intracellular solution is unknown.

    Parameters
    ----------
    observations : Observations
    solutions : Solutions
    permeant : sequence of str
    offset_sd_mV : float
        Of the configuration; inf is a free term in each cell.

    Returns
    -------
    unknown : ndarray of bool, shape (n,)
    reason : str
        '' where there are none.
    """
    unknown = np.array([not condition.pipette for condition in observations.conditions])
    valences = {solutions.known[ion].valence for ion in permeant}
    if valences <= {1} or valences <= {-1}:
        if math.isinf(offset_sd_mV):
            return np.zeros(len(unknown), bool), ""
        reason = (
            "the intracellular solution is unknown and shifts every potential of a cell alike, as an offset does; fit "
            "a free term in each cell (fit.offset_sd_mV: .inf), or give the pipette solution"
        )
    else:
        reason = (
            "the intracellular solution is unknown, and cancels between baths only where all permeant ions are "
            f"monovalent and of one sign, not for {', '.join(permeant)}; give the pipette solution"
        )
    return unknown, reason if unknown.any() else ""
