"""I-V curves of the membrane by bath, in units of each cell's largest current, and their mean over cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract.terms import Configuration

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Curve = tuple[FloatArray, FloatArray]
"""Voltages in ascending order in mV, and currents at them."""

PLACE = ["group", "bath", "pipette", "configuration"]
"""Columns of reversal_potentials.csv whose curves have one mean."""

# Least part of the cells that cover a voltage at which there is a mean, which is of two of them at least where there
# are two. At double, all of them, one short protocol cuts the mean of a hundred cells; at half the ends of a mean are
# those of few cells, and it jumps where the others end.
_MIN_PART = 0.5
# Most voltages of a mean: one in 3 px of its panel. A series of steps has some 20; of a ramp half as many cut a bend
# within 7 mV of 200, twice as many are not seen.
_MAX_VOLTAGES = 61


@dataclass(frozen=True, eq=False)
class BathCurves:
    """I-V curves of one group in one bath, and their mean.

    Attributes
    ----------
    group, bath, pipette, configuration : str
    measurements : tuple of str
        In the order of the cells' names.
    curves : tuple of Curve
        Of each measurement: membrane potential in mV, and outward current in units of the largest of its cell.
    n_cells : int
    voltage_mV, mean, sem : ndarray, shape (k,)
        Mean over the cells that cover a voltage, at least half of all and of several two, and its standard error, nan
        of one cell. Each cell counts once, with the mean of its measurements.
    reversal_mV, reversal_sem_mV : float
        Mean over the cells of the corrected reversal potential, and its standard error; this is nan of one cell.
    """

    group: str
    bath: str
    pipette: str
    configuration: str
    measurements: tuple[str, ...]
    curves: tuple[Curve, ...]
    n_cells: int
    voltage_mV: FloatArray
    mean: FloatArray
    sem: FloatArray
    reversal_mV: float
    reversal_sem_mV: float


def by_bath(found: pd.DataFrame, iv: pd.DataFrame) -> list[BathCurves]:
    """Return the I-V curves of the measurements that have a reversal potential, by group and bath.

    Parameters
    ----------
    found : DataFrame
        Rows of reversal_potentials.csv that have a reversal potential.
    iv : DataFrame
        Rows of iv.csv; measurements without any, and cells without any current, are left out.

    Returns
    -------
    list of BathCurves
        In the order of group, bath, pipette and configuration.
    """
    found = found.sort_values([*PLACE, "cell", "measurement"], kind="stable").reset_index(drop=True)
    rows, curves = _of_cells(found, iv)
    if not len(rows):
        return []
    parts = found.iloc[rows].groupby(PLACE, sort=False).indices
    made = (_of_bath(found.iloc[rows[own]], [curves[i] for i in own.tolist()]) for own in parts.values())
    return sorted(made, key=lambda each: (each.group, each.bath, each.pipette, each.configuration))


def _of_cells(found: pd.DataFrame, iv: pd.DataFrame) -> tuple[IntArray, list[Curve]]:
    """Return the rows of `found` that have a curve, and the curve of each.

    Of an inside-out patch the amplifier records the voltage and the current of the membrane with the other sign.

    Curves are divided by the largest size of current of the cell in any bath: that needs neither a bath that every
    cell was in nor a voltage that every cell reached, and keeps the sizes of a cell's baths beside each other. The
    slope conductance at the zero in a reference bath, used as often, needs such a bath, and is noisy where the curve
    is flat.
    """
    row = pd.Index(found["measurement"]).get_indexer(pd.Index(iv["measurement"]))
    is_shown = row >= 0
    row = row[is_shown]
    signs = {name: Configuration(name).sign for name in set(found["configuration"])}
    sign = found["configuration"].map(signs).to_numpy(float)[row]
    voltage_mV = sign * iv["voltage_mV"].to_numpy(float)[is_shown]
    voltage_mV += found["junction_mV"].fillna(0.0).to_numpy(float)[row]
    current_pA = sign * iv["current_pA"].to_numpy(float)[is_shown]
    cell = found.groupby(["group", "cell"]).ngroup().to_numpy()[row]
    largest_pA = np.zeros(len(found))
    np.maximum.at(largest_pA, cell, np.abs(current_pA))
    order = np.lexsort((voltage_mV, row))
    order = order[largest_pA[cell[order]] > 0]
    rows, starts = np.unique(row[order], return_index=True)
    relative = current_pA[order] / largest_pA[cell[order]]
    parts = (np.split(values, starts[1:]) for values in (voltage_mV[order], relative))
    return rows, list(zip(*parts, strict=True)) if len(rows) else []


def _of_bath(rows: pd.DataFrame, curves: Sequence[Curve]) -> BathCurves:
    """Return the curves of one bath with their mean; `rows` are those of the measurements."""
    names, cell = np.unique(rows["cell"].to_numpy(str), return_inverse=True)
    n_cells = len(names)
    voltage_mV = _common_voltages(curves, cell)
    every = np.array([np.interp(voltage_mV, *curve, left=math.nan, right=math.nan) for curve in curves])
    of_cells = _means_of_cells(every.reshape(len(curves), -1), cell, n_cells)
    is_common = np.isfinite(of_cells).sum(axis=0) >= _least_cells(n_cells)
    mean, sem = _mean_and_sem(of_cells[:, is_common])
    potential = _means_of_cells(rows["corrected_mV"].to_numpy(float)[:, None], cell, n_cells)
    (reversal_mV,), (reversal_sem_mV,) = _mean_and_sem(potential)
    return BathCurves(
        **{name: str(rows[name].iloc[0]) for name in PLACE},
        measurements=tuple(rows["measurement"]),
        curves=tuple(curves),
        n_cells=n_cells,
        voltage_mV=voltage_mV[is_common],
        mean=mean,
        sem=sem,
        reversal_mV=float(reversal_mV),
        reversal_sem_mV=float(reversal_sem_mV),
    )


def _least_cells(n_cells: int) -> int:
    """Return the number of cells of which a mean is at least."""
    return max(math.ceil(_MIN_PART * n_cells), min(n_cells, 2))


def _common_voltages(curves: Sequence[Curve], cell: IntArray) -> FloatArray:
    """Return the voltages of a mean: as many as a curve has levels, from end to end of what enough cells cover."""
    if len(curves) == 1:
        (voltage_mV, _), *_ = curves
        return voltage_mV if len(voltage_mV) <= _MAX_VOLTAGES else _between(voltage_mV[0], voltage_mV[-1])
    number = _least_cells(cell.max() + 1) - 1
    starts, stops = (np.array([voltage_mV[end] for voltage_mV, _ in curves]) for end in (0, -1))
    first, last = np.full(cell.max() + 1, np.inf), np.full(cell.max() + 1, -np.inf)
    np.minimum.at(first, cell, starts)
    np.maximum.at(last, cell, stops)
    low, high = np.sort(first)[number], np.sort(last)[::-1][number]
    levels = int(np.median([len(voltage_mV) for voltage_mV, _ in curves]))
    return _between(low, high, levels) if low < high else np.array([low])


def _between(low: float, high: float, levels: int = _MAX_VOLTAGES) -> FloatArray:
    """Return evenly spaced voltages, at least both ends."""
    return np.linspace(low, high, min(max(levels, 2), _MAX_VOLTAGES))


def _means_of_cells(values: FloatArray, cell: IntArray, n_cells: int) -> FloatArray:
    """Return the mean of each cell's rows as far as they have values, nan where none has; shape (cells, k)."""
    total, count = np.zeros((n_cells, values.shape[1])), np.zeros((n_cells, values.shape[1]))
    np.add.at(total, cell, np.nan_to_num(values))
    np.add.at(count, cell, np.isfinite(values))
    with np.errstate(invalid="ignore"):
        return total / count


def _mean_and_sem(of_cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard error over the cells that have a value, at least one; shape (k,) each."""
    count = np.isfinite(of_cells).sum(axis=0)
    mean = np.nansum(of_cells, axis=0) / count
    square = np.nansum((of_cells - mean) ** 2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sem = np.sqrt(square / (count - 1) / count)
    return mean, np.where(count > 1, sem, math.nan)
