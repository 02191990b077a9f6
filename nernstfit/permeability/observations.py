"""Measurements of one group as the model takes them, and what it predicts for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.membrane import ghk

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """Measurements of one group under one activity model.

    Attributes
    ----------
    cells : tuple of str, length n
        The cell of each measurement.
    potential_mV, se_mV, temperature_C : ndarray, shape (n,)
    ions : tuple of str, length k
        The permeant ions.
    valence : ndarray of int, shape (k,)
    inside, outside : ndarray, shape (n, k)
        Activities (or concentrations) in mM.
    averages : ndarray of int, shape (n,)
        Cells that each measurement averages; its `se_mV` then comes from their spread.
    sides : tuple of int, length n or 0
        0: the potential was measured; 1: it lies somewhere above `potential_mV`, -1: below. None given: all measured.
    batches : tuple of str, length n or 0
        Batch (animal, day) of each measurement's cell; a cell without one stands by itself.
    corrected : tuple of int, length n or 0
        Side of the membrane (1: inside, -1: outside) whose activities are those given times a common factor f to be
        fitted: that of the pipette. Then ln f stands behind the ln P wherever these are asked for. None given: f = 1.
    """

    cells: tuple[str, ...]
    potential_mV: FloatArray
    se_mV: FloatArray
    temperature_C: FloatArray
    ions: tuple[str, ...]
    valence: NDArray[np.int64]
    inside: FloatArray
    outside: FloatArray
    averages: NDArray[np.int64]
    sides: tuple[int, ...] = ()
    batches: tuple[str, ...] = ()
    corrected: tuple[int, ...] = ()

    @property
    def coordinates(self) -> int:
        """Number of ln P, and of ln f."""
        return len(self.ions) + bool(self.corrected)

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.cells)

    @cached_property
    def cell_names(self) -> tuple[str, ...]:
        """Every cell once, by name."""
        return tuple(sorted(set(self.cells)))

    @cached_property
    def cell_sizes(self) -> NDArray[np.int64]:
        """How many cells each name stands for: the most that a measurement of it averages; shape (cells,)."""
        return np.asarray(np.where(self.blocks >= 0, self.averages[self.blocks], 0).max(axis=1))

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """Rows of each cell, shape (cells, most rows of a cell), filled up with -1."""
        return _arranged(self.cells)

    @cached_property
    def censored(self) -> NDArray[np.int64]:
        """Rows of which a limit is known only."""
        return np.flatnonzero(self.sides)

    @cached_property
    def batch_names(self) -> tuple[str, ...]:
        """Every batch once, by name."""
        return tuple(sorted(set(self.batches) - {""}))

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """Rows that share anything, like `blocks`: those of a cell, with those of all cells of its batch."""
        return _arranged(self._bound) if self.batch_names else self.blocks

    @property
    def _bound(self) -> tuple[str, ...]:
        """A name for what each row is bound up with; a cell in two batches binds these together."""
        name = {cell: cell for cell in self.cells}
        first: dict[str, str] = {}
        for cell, batch in zip(self.cells, self.batches, strict=True):
            other = first.setdefault(batch, cell) if batch else cell
            one, two = sorted((name[cell], name[other]))
            name = {key: one if value == two else value for key, value in name.items()}
        return tuple(name[cell] for cell in self.cells)

    def subset(self, rows: Sequence[int]) -> Data:
        """Return the same for some of the measurements."""
        at = list(rows)
        return replace(
            self,
            cells=tuple(self.cells[i] for i in at),
            potential_mV=self.potential_mV[at],
            se_mV=self.se_mV[at],
            temperature_C=self.temperature_C[at],
            inside=self.inside[at],
            outside=self.outside[at],
            averages=self.averages[at],
            sides=tuple(self.sides[i] for i in at) if self.sides else (),
            batches=tuple(self.batches[i] for i in at) if self.batches else (),
            corrected=tuple(self.corrected[i] for i in at) if self.corrected else (),
        )

    @cached_property
    def _alike(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """One measurement of each condition, and each measurement's place among these: cells share their baths."""
        sides = self.corrected or np.zeros(self.size)
        conditions = np.column_stack([self.inside, self.outside, self.temperature_C, sides])
        _, first, place = np.unique(conditions, axis=0, return_index=True, return_inverse=True)
        return np.asarray(first), np.asarray(place).reshape(-1)

    def predict(self, ln_p: FloatArray) -> FloatArray:
        """GHK reversal potentials in mV, shape (..., n), for ln P of shape (..., k); -inf: an ion does not pass."""
        first, place = self._alike
        return np.asarray(ghk.reversal_mV(*self._ghk(ln_p, first)))[..., place]

    def gradient(self, ln_p: FloatArray) -> FloatArray:
        """d E / d ln P in mV, shape (..., n, k)."""
        return self.prediction(ln_p)[1]

    def prediction(self, ln_p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Potentials and their gradient."""
        first, place = self._alike
        given = self._ghk(ln_p, first)
        potentials = np.asarray(ghk.reversal_mV(*given))
        gradient = np.asarray(ghk.reversal_gradient_mV(potentials, *given))
        if self.corrected:
            gradient = np.concatenate([gradient, self._factor_slope(potentials, given, first)[..., None]], axis=-1)
        return potentials[..., place], gradient[..., place, :]

    def curvature_bias(self, ln_p: FloatArray, sd: float) -> FloatArray:
        """Mean potential over cells whose ln P of every ion has this spread, less that of the mean cell, mV; (n,).

        By the spherical rule of third degree (points at sqrt(k) spreads along each axis; Arasaratnam & Haykin 2009,
        IEEE Trans Autom Control 54:1254), which is exact to second order and does not run away where cells differ
        widely.
        """
        k = len(self.ions)
        steps = math.sqrt(k) * sd * np.eye(self.coordinates)[:k]
        around = self.predict(np.concatenate([ln_p[None], ln_p + steps, ln_p - steps]))
        return np.asarray(around[1:].mean(axis=0) - around[0])

    def with_factor(self, ln_p: FloatArray) -> Data:
        """Return the same with the fitted factor applied and no more to be fitted."""
        if not self.corrected:
            return self
        _, _, inside, outside, _ = self._ghk(ln_p, np.arange(self.size))
        return replace(self, inside=inside, outside=outside, corrected=())

    def _ghk(self, ln_p: FloatArray, rows: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        """Arguments of the GHK functions."""
        inside, outside = self.inside[rows], self.outside[rows]
        if self.corrected:
            factor, side = np.exp(ln_p[..., None, -1:]), np.array(self.corrected)[rows, None]
            inside, outside = np.where(side > 0, factor, 1.0) * inside, np.where(side < 0, factor, 1.0) * outside
        permeability = np.exp(ln_p[..., None, : len(self.ions)])
        return permeability, self.valence, inside, outside, self.temperature_C[rows]

    def _factor_slope(
        self, potentials: FloatArray, given: tuple[NDArray[Any], ...], rows: NDArray[np.int64]
    ) -> FloatArray:
        """d E / d ln f: by how much the current through the corrected side moves its zero."""
        permeability, valence, inside, outside, temperature_C = given
        side = np.array(self.corrected)[rows, None]
        through = (permeability, valence, np.where(side > 0, inside, 0.0), np.where(side < 0, outside, 0.0))
        return np.asarray(
            -ghk.current(potentials, *through, temperature_C) / ghk.slope_conductance_per_mV(potentials, *given)
        )


def _arranged(names: Sequence[str]) -> NDArray[np.int64]:
    """Rows of each name, by name, shape (names, most rows of one), filled up with -1."""
    rows: dict[str, list[int]] = {name: [] for name in sorted(set(names))}
    for i, name in enumerate(names):
        rows[name].append(i)
    width = max(map(len, rows.values()))
    return np.array([of_one + [-1] * (width - len(of_one)) for of_one in rows.values()])


def present(data: Data) -> NDArray[np.bool_]:
    """Which ions any solution of the data has; shape (k,)."""
    return np.asarray(((data.inside > 0) | (data.outside > 0)).any(axis=0))
