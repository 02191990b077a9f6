"""Recordings of voltage steps with a known current, written as ABF and measured as `nernstfit measure` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nernstfit.library.recording import PatchProperties, measure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.experiment import POINTS, PROTOCOL, RATE_HZ, SWEEPS
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

HOLDING_MV = PROTOCOL.holding
LEVELS = np.arange(-100.0, 61.0, 10.0)
T_S = np.arange(POINTS) / RATE_HZ
EPOCH_B = slice(215, 715)
THERMAL_MV = 25.43


def open_pore(voltage_mV: np.ndarray, zero_mV: float = 7.0) -> np.ndarray:
    """Current in pA of 4.5 nS at a zero of 7 mV through a pore that follows the Goldman-Hodgkin-Katz equation."""
    u, ratio = voltage_mV / THERMAL_MV + 1e-9, np.exp(zero_mV / THERMAL_MV)
    return np.asarray(100 * (u / -np.expm1(-u) - ratio * u / np.expm1(u)))


def at_levels(current: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Current in every sweep where it follows the command at once, shape (sweeps, points)."""
    command = np.full((SWEEPS, POINTS), HOLDING_MV)
    command[:, EPOCH_B] = LEVELS[:, None]
    return current(command)


def measured(folder: Path, current_pA: np.ndarray, noise_pA: float = 3.0, **columns: str) -> Mapping[str, Any]:
    """Measure a current with noise from a file; `columns` as a row of recordings.csv has them."""
    return measure(
        str(written(folder, current_pA, noise_pA)), {"epoch": "B"} | columns, PatchProperties(None, None, 22.0)
    )


def written(folder: Path, current_pA: np.ndarray, noise_pA: float = 3.0, full_scale_pA: float = 8000.0) -> Path:
    """Write a current with noise as a recording of the protocol of the demonstration."""
    noise = np.random.default_rng(1).normal(0, noise_pA, current_pA.shape)
    channel = OutputChannel("IN 0", "pA", 0, full_scale_pA)
    samples = (current_pA + noise)[:, None, :]
    write_abf(folder / "cell.abf", "2.6", EpisodicRecording(samples, [channel], [PROTOCOL], RATE_HZ, 1.0))
    return folder / "cell.abf"
