"""Mixture series: baths in which one permeant ion replaces another of the same valence step by step.

In a pore with room for one ion the potential of a mixture lies where the ratios of the pure baths put it. Where ions
wait for each other in a row, a mixture may pass better or worse than both of its ions alone: the anomalous
mole-fraction effect (of a conductance, Hagiwara & Takahashi 1974, J Membr Biol 18:61). In a reversal potential it is a
deviation of the mixtures from the pure baths.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import ActivityModel
from nernstfit.permeability.observations import Observations
from nernstfit.solutions.composition import Solutions

FloatArray = NDArray[np.float64]

# Part by which the sum of the two ions, and every other permeant ion, may differ within a series. With half, rounded
# recipes are no series; with double, a change of a concentration by a fifth, 4 mV, counts as one of the mixture.
_TOLERANCE = 0.1
# Mole fraction up to which a bath is a pure one: the other ion is a trace. With half, 3 mM of it in 150 make a mixture
# of it; with double, a mixture of 1 in 25 is not told from a pure bath.
_TRACE = 0.02


@dataclass(frozen=True)
class Mixture:
    """Mixture series of two ions.

    Attributes
    ----------
    ions : tuple of str
        The two ions.
    fraction : ndarray, shape (n,)
        Mole fraction of the second ion in the bath of each observation; nan where the bath is in no such series.
    """

    ions: tuple[str, str]
    fraction: FloatArray

    @property
    def effect(self) -> FloatArray:
        """Effect that is 1 in the mixture of equal parts, and 0 in the pure baths and outside of the series."""
        x = np.where(np.isfinite(self.fraction), self.fraction, 0.0)
        return np.asarray(4 * x * (1 - x))


def mixtures(data: Observations, solutions: Solutions) -> tuple[Mixture, ...]:
    """Return the mixture series among the baths of some observations.

    The two ions have one valence and a constant sum of concentrations; all other permeant ions in the bath, pipette,
    configuration and temperature are the same. Both pure baths and at least one mixture are there.

    Parameters
    ----------
    data : Observations
    solutions : Solutions
    """
    at = [(c.pipette, c.configuration, c.temperature_C) for c in data.conditions]
    amounts = [
        solutions.activity_mM(c.bath, data.ions, ActivityModel.CONCENTRATION, c.temperature_C) for c in data.conditions
    ]
    found = []
    for i, j in itertools.combinations(range(len(data.ions)), 2):
        if data.valence[i] != data.valence[j] or not amounts:
            continue
        fraction = np.full(data.size, np.nan)
        for place in dict.fromkeys(at):
            rows = np.flatnonzero([each == place for each in at])
            for series in _series(np.array(amounts)[rows], i, j):
                fraction[rows[series]] = np.array(amounts)[rows[series], j]
        if np.isfinite(fraction).any():
            total = np.array(amounts)[:, [i, j]].sum(axis=1)
            found.append(Mixture((data.ions[i], data.ions[j]), fraction / np.where(total > 0, total, 1.0)))
    return tuple(found)


def _series(amounts_mM: FloatArray, i: int, j: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each series of two ions at one place, by their pure baths of the first ion."""
    total, others = amounts_mM[:, [i, j]].sum(axis=1), np.delete(amounts_mM, [i, j], axis=1)
    with np.errstate(invalid="ignore"):
        x = amounts_mM[:, j] / total
    pure = np.flatnonzero(x <= _TRACE)
    for anchor in _distinct(amounts_mM, pure):
        alike = _alike(total, total[anchor]) & _alike(others, others[anchor]).all(axis=1)
        if (x[alike] >= 1 - _TRACE).any() and ((x[alike] > _TRACE) & (x[alike] < 1 - _TRACE)).any():
            yield np.flatnonzero(alike)


def _distinct(amounts_mM: FloatArray, rows: NDArray[np.int64]) -> Sequence[int]:
    """Return the first row of each distinct bath."""
    return (
        [int(rows[k]) for k in sorted(np.unique(amounts_mM[rows], axis=0, return_index=True)[1])] if len(rows) else []
    )


def _alike(values: FloatArray, other: FloatArray) -> NDArray[np.bool_]:
    """Return whether amounts agree within the tolerance; an absent ion agrees with an absent one only."""
    return np.asarray(np.abs(values - other) <= _TOLERANCE * np.maximum(values, other))
