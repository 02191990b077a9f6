"""Simulated patches behind a series resistance, many at a time, under any command.

The membrane charges through what is left of the series resistance and carries one channel's
current and a leak:

    C dV/dt = (V_cmd - V) / R - N gate(V, t) i(V) - g_leak (V - E_leak)

with i the GHK current of one monovalent cation, zero at E. Its voltage is stepped exactly
for currents that are straight over one sample. The amplifier sees (V_cmd - V) / R, in noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

THERMAL_MV = 25.43  # at 22 C


@dataclass(frozen=True, eq=False)
class Cells:
    """Patches; every array has shape (cells,). They are a key of what is kept of them."""

    reversal_mV: FloatArray
    slope_nS: FloatArray  # of the open channels at the reversal potential
    leak_nS: FloatArray
    leak_reversal_mV: FloatArray
    series_MOhm: FloatArray  # what is not compensated of it
    capacity_pF: FloatArray
    noise_pA: FloatArray
    slow_noise_pA: FloatArray

    @cached_property
    def scale_pA(self) -> FloatArray:
        """Factor on the shape of the channel's current that gives it its slope at the reversal potential."""
        return self.slope_nS * THERMAL_MV / _phi(self.reversal_mV / THERMAL_MV)[0]

    def only(self, i: int) -> Cells:
        """Return one of them."""
        return Cells(**{each.name: getattr(self, each.name)[i : i + 1] for each in fields(self)})


@dataclass(frozen=True)
class Gate:
    """Independent gates of one kind: steady state and time constant (ms) as functions of mV, raised to a power."""

    steady: Callable[[FloatArray], FloatArray]
    tau_ms: Callable[[FloatArray], FloatArray]
    power: int = 1


def boltzmann(half_mV: float, width_mV: float) -> Callable[[FloatArray], FloatArray]:
    """Open fraction that rises with voltage where `width_mV` is positive."""
    return lambda v: 1.0 / (1.0 + np.exp(-(v - half_mV) / width_mV))


def draw(
    rng: np.random.Generator,
    count: int,
    reversal: tuple[float, float],
    slope: tuple[float, float] = (2.0, 20.0),
    **fixed: float,
) -> Cells:
    """Patches as they come: 2 to 20 nS, a seal of 2 to 50 GOhm, 3 to 12 MOhm compensated by 50 to 80 %, 8 to 25 pF."""
    values = {
        "reversal_mV": rng.uniform(*reversal, count),
        "slope_nS": np.exp(rng.uniform(*np.log(slope), count)),
        "leak_nS": 1.0 / rng.uniform(2.0, 50.0, count),
        "leak_reversal_mV": rng.uniform(-10.0, 5.0, count),
        "series_MOhm": np.round(rng.uniform(3.0, 12.0, count), 1) * (1 - np.round(rng.uniform(0.5, 0.8, count), 2)),
        "capacity_pF": np.round(rng.uniform(8.0, 25.0, count), 1),
        "noise_pA": rng.uniform(2.0, 6.0, count),
        "slow_noise_pA": rng.uniform(0.0, 0.5, count),
    }
    return Cells(**(values | {name: np.full(count, value) for name, value in fixed.items()}))


def channel(cells: Cells, voltage_mV: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Current of all channels open in pA and its slope in nS; voltages of shape (cells, ...)."""
    e = _column(cells.reversal_mV, voltage_mV)
    u, w = voltage_mV / THERMAL_MV, (voltage_mV - e) / THERMAL_MV
    # Of a single cation: V (1 - exp(-(V - E) / T)) / (1 - exp(-V / T)), scaled to the slope at E.
    shape, growth = _phi(u)
    scale, opposed = _column(cells.scale_pA, voltage_mV), -np.expm1(-w)
    return scale * shape * opposed, scale / THERMAL_MV * (growth * opposed + shape * np.exp(-w))


def _phi(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """u / (1 - exp(-u)) and its derivative."""
    safe = np.where(np.abs(u) < 1e-4, 1e-4, u)
    value = safe / -np.expm1(-safe)
    return value, value / safe - value / np.expm1(safe)


def _column(values: FloatArray, like: FloatArray) -> FloatArray:
    return values.reshape((-1,) + (1,) * (like.ndim - 1))


def clamp(
    cells: Cells, command_mV: FloatArray, gates: tuple[Gate, ...], rate_Hz: float, open_first: float | None = None
) -> FloatArray:
    """Current that the amplifier sees without noise, shape (cells, sweeps, points).

    Parameters
    ----------
    cells : Cells
    command_mV : ndarray, shape (sweeps, points)
        Every sweep starts settled at its first level.
    gates : tuple of Gate
        Their product opens the channels; none: always open.
    rate_Hz : float
    open_first : float or None
        State of every gate at the start instead of the settled one.
    """
    count, (sweeps, points) = len(cells.reversal_mV), command_mV.shape
    series, capacity = cells.series_MOhm[:, None] * 1e-3, cells.capacity_pF[:, None]
    leak, leak_zero = cells.leak_nS[:, None], cells.leak_reversal_mV[:, None]
    dt = 1e3 / rate_Hz
    v = np.repeat(command_mV[None, :, 0], count, axis=0)
    states = [gate.steady(v) if open_first is None else np.full_like(v, open_first) for gate in gates]
    seen = np.empty((count, sweeps, points))

    def membrane(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        current, slope = channel(cells, at)
        opened = math.prod(s**g.power for s, g in zip(states, gates, strict=True))
        return opened * current + leak * (at - leak_zero), opened * slope + leak

    for _ in range(30):  # settle before the first sample
        current, slope = membrane(v)
        v = v + (command_mV[None, :, 0] - v - series * current) / (1 + series * slope)
    for point in range(points):
        current, slope = membrane(v)
        factor = 1 + series * slope
        ending = v + (command_mV[None, :, point] - v - series * current) / factor
        rate = dt * factor / (series * capacity)
        # What is sampled is the mean over the sample, so that no charge is lost between samples.
        mean = ending + (v - ending) * -np.expm1(-rate) / rate
        v = ending + (v - ending) * np.exp(-rate)
        for i, gate in enumerate(gates):
            steady = gate.steady(v)
            states[i] = steady + (states[i] - steady) * np.exp(-dt / gate.tau_ms(v))
        seen[:, :, point] = (command_mV[None, :, point] - mean) / series
    return seen


def noise(cells: Cells, shape: tuple[int, ...], rate_Hz: float, rng: np.random.Generator) -> FloatArray:
    """Noise of an amplifier filtered at a fifth of the rate, and a slow part of some ms, shape (cells, ...)."""
    found = np.zeros((len(cells.noise_pA), *shape))
    for size, keep in ((cells.noise_pA, np.exp(-2 * np.pi / 5)), (cells.slow_noise_pA, np.exp(-1e3 / rate_Hz / 3.0))):
        found += _column(size, found) * _first_order(rng.standard_normal(found.shape), float(keep))
    return found


def _first_order(white: FloatArray, keep: float) -> FloatArray:
    """White noise through one pole, unit variance from the first sample on."""
    white *= np.sqrt(1 - keep**2)
    white[..., 0] /= np.sqrt(1 - keep**2)
    for i in range(1, white.shape[-1]):
        white[..., i] += keep * white[..., i - 1]
    return white
