"""Conductance ratios from I-V curves of the same cells in different baths: never permeability ratios.

    chord g(V) = I(V) / (V - E)        slope g(V) = dI/dV

of each curve at one membrane potential V; the ratio is that of a cell's bath of the ion to its bath of the reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import PublishedForm
from nernstfit.permeability.distributions import t_quantile
from nernstfit.permeability.published_forms import Value

FloatArray = NDArray[np.float64]

POTENTIALS_MV = (-60.0, 60.0)
"""Membrane potentials at which curves are compared: one for inward and one for outward current, both within the range
of most protocols. At half the chord is uncertain near a zero; at double many curves do not reach."""

_MIN_DISTANCE_MV = 15.0
"""Least distance of V from the zero of a curve for a chord conductance: an error of 1 mV in the zero is then below 7 %
of it. With half it is 13 %, with double more curves that cross far from 0 have no chord."""


@dataclass(frozen=True)
class IV:
    """I-V curve of one cell in the bath of one ion.

    Attributes
    ----------
    cell, bath : str
    voltage_mV : ndarray, shape (levels,)
        Membrane potentials, increasing.
    current_pA : ndarray, shape (levels,)
        Positive outward.
    reversal_mV : float
        Membrane potential of its zero.
    """

    cell: str
    bath: str
    voltage_mV: FloatArray
    current_pA: FloatArray
    reversal_mV: float

    def conductance_nS(self, form: PublishedForm, potential_mV: float) -> float:
        """Return the chord or slope conductance at a membrane potential.

        Parameters
        ----------
        form : PublishedForm
            CHORD_CONDUCTANCE or SLOPE_CONDUCTANCE.
        potential_mV : float

        Returns
        -------
        float
            In nS; nan beyond the levels, where it is not positive, and of a chord near the zero.
        """
        v, i = self.voltage_mV, self.current_pA
        if len(v) < 2 or not v[0] <= potential_mV <= v[-1]:
            return math.nan
        if form is PublishedForm.SLOPE_CONDUCTANCE:
            k = min(int(np.searchsorted(v, potential_mV, side="right")), len(v) - 1)
            g = float((i[k] - i[k - 1]) / (v[k] - v[k - 1]))
        elif abs(potential_mV - self.reversal_mV) < _MIN_DISTANCE_MV:
            return math.nan
        else:
            g = float(np.interp(potential_mV, v, i)) / (potential_mV - self.reversal_mV)
        return g if g > 0 else math.nan


@dataclass(frozen=True)
class ConductanceRatio:
    """Conductance in one bath over that in the baths of the reference ion, over cells."""

    bath: str
    form: PublishedForm
    potential_mV: float
    value: Value
    n_cells: int


def ratios(curves: Sequence[IV], references: Sequence[IV], confidence: float) -> list[ConductanceRatio]:
    """Return the conductance ratios of baths to those of the reference ion, cell by cell, at `POTENTIALS_MV`.

    Parameters
    ----------
    curves, references : sequence of IV
        In baths of an ion and of the reference ion.
    confidence : float
        Of the interval, by Student's t of the cells' ln ratios.

    Returns
    -------
    list of ConductanceRatio
        The geometric mean over the cells that have both; without an interval of one cell.
    """
    found: list[ConductanceRatio] = []
    for bath in sorted({curve.bath for curve in curves}):
        own = [curve for curve in curves if curve.bath == bath]
        for form in (PublishedForm.CHORD_CONDUCTANCE, PublishedForm.SLOPE_CONDUCTANCE):
            for potential in POTENTIALS_MV:
                test, control = (_by_cell(part, form, potential) for part in (own, references))
                logs = [test[cell] - control[cell] for cell in sorted(test.keys() & control.keys())]
                if logs:
                    found.append(ConductanceRatio(bath, form, potential, _mean(logs, confidence), len(logs)))
    return found


def _by_cell(curves: Sequence[IV], form: PublishedForm, potential_mV: float) -> Mapping[str, float]:
    """Return the mean ln conductance of each cell that has one."""
    logs: dict[str, list[float]] = {}
    for curve in curves:
        g = curve.conductance_nS(form, potential_mV)
        if math.isfinite(g):
            logs.setdefault(curve.cell, []).append(math.log(g))
    return {cell: float(np.mean(own)) for cell, own in logs.items()}


def _mean(logs: Sequence[float], confidence: float) -> Value:
    middle, n = float(np.mean(logs)), len(logs)
    if n < 2:
        return Value(math.exp(middle))
    half = t_quantile(0.5 + confidence / 2, n - 1) * float(np.std(logs, ddof=1)) / math.sqrt(n)
    return Value(math.exp(middle), math.exp(middle - half), math.exp(middle + half))
