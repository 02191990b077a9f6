"""Ramps over cells whose dendrites charge slowly, of which the amplifier's dial states only the soma."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from nernstfit.abf.command import levels, segments
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.library.recording import PatchProperties, measure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, ZERO_MV, SLOPE_NS, SOMA_PF = 20_000.0, -20.0, 6.0, 20.0
HELD, RISE = Epoch("A", "step", -100.0, 0.0, 2000, 0), Epoch("B", "ramp", 60.0, 0.0, 6000, 0)
UP = Waveform(0, "Cmd 0", "mV", -70.0, "epochs", (HELD, RISE), False)
DOWN = replace(UP, epochs=(replace(HELD, level=60.0), replace(RISE, level=-100.0)))


def charged(command_mV: NDArray[np.float64], capacitance_pF: float, tau_ms: float) -> NDArray[np.float64]:
    """Return the current through a resistance into a capacitance: its derivative, with one time constant."""
    part = 1 - np.exp(-1e3 / RATE_HZ / tau_ms)
    speed = np.diff(command_mV, prepend=command_mV[0]) * RATE_HZ / 1e3
    return np.asarray(signal.lfilter([part], [1, part - 1], capacitance_pF * speed))


def measured(path: Path, waveform: Waveform, dendrite_pF: float, tau_ms: float, seed: int, **given: Any) -> Any:
    points = 800 + sum(epoch.duration for epoch in waveform.epochs)
    command = np.asarray(levels(segments(waveform, 1, points)[0], np.arange(points) + 0.5))
    current = SLOPE_NS * (command - ZERO_MV) + charged(command, SOMA_PF, 0.1) + charged(command, dendrite_pF, tau_ms)
    samples = current + np.random.default_rng(seed).normal(0.0, 5.0, (3, points))
    channel = OutputChannel("Im", "pA", 0, 20_000.0)
    write_abf(path, "2.6", EpisodicRecording(samples[:, None], [channel], [waveform], RATE_HZ, 1.0))
    return measure(str(path), {"epoch": "B"}, PatchProperties(0.0, given.get("capacitance_pF"), 22.0))


def test_a_stated_capacitance_of_the_soma_does_not_hide_that_of_the_dendrites(tmp_path: Path) -> None:
    """80 pF more at 0.53 mV/ms lift the current by 43 pA, the zero by 7 mV; one limit of six may miss by chance."""
    rows = [
        measured(tmp_path / "a.abf", waveform, 80.0, tau_ms, 1, capacitance_pF=SOMA_PF)
        for waveform in (UP, DOWN)
        for tau_ms in (2.0, 4.0, 8.0)
    ]
    given = [row for row in rows if row["verdict"] == "reversal"]
    assert len(given) >= 3
    assert sum(not row["low_mV"] < ZERO_MV < row["high_mV"] for row in given) <= 1
    assert all(row["low_mV"] < ZERO_MV + 1 for row in given)
    for row in rows:
        assert row in given or "capacitance_pF = 20 is contradicted" in row["reason"]


@pytest.mark.parametrize("tau_ms", [2.0, 4.0, 8.0])
def test_the_whole_capacitance_of_a_branched_cell_is_taken(tmp_path: Path, tau_ms: float) -> None:
    row = measured(tmp_path / "a.abf", UP, 80.0, tau_ms, 2, capacitance_pF=100.0)
    assert row["verdict"] == "reversal", row["reason"]
    assert row["low_mV"] < ZERO_MV < row["high_mV"]


def test_a_stated_capacitance_that_charges_at_once_has_the_error_of_a_dial(tmp_path: Path) -> None:
    found = [measured(tmp_path / "a.abf", UP, 0.0, 1.0, seed, capacitance_pF=SOMA_PF) for seed in range(10)]
    assert {row["verdict"] for row in found} == {"reversal"}
    widths = sorted(row["high_mV"] - row["low_mV"] for row in found)
    of_dial_mV = 0.05 * SOMA_PF * 160 / 300 / SLOPE_NS
    assert widths[5] == pytest.approx(2 * 1.96 * of_dial_mV, rel=0.1)
