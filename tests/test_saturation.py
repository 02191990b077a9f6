"""Saturated currents: sweeps at a limit of the converter or the amplifier are left out, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from steps import at_levels, measured, open_pore, written

from nernstfit.abf import saturation
from nernstfit.abf.read import read
from nernstfit.abf.select import epoch_parts
from nernstfit.abf.windows import open_source, windows_of
from nernstfit.contract import settings, tables
from nernstfit.library.recording import PatchProperties, measure

LARGE = at_levels(lambda v: 3 * open_pore(v))
NOISE = np.random.default_rng(4).normal(0, 3.0, LARGE.shape)


def saturated(folder: Path, current_pA: np.ndarray) -> str:
    """Return what is said of the saturation of a current that is written without further noise."""
    source = open_source(read(written(folder, current_pA, 0.0)), settings.default_measure(), ())
    parts = epoch_parts(source.command, "B", source.sweeps)
    return saturation.kept(source, parts, windows_of(source, parts, settings.default_measure())).saturated


@pytest.mark.parametrize(("low_pA", "high_pA"), [(-1e4, 60.0), (-150.0, 150.0), (-400.0, 1e4)])
def test_an_amplifier_that_saturates_loses_its_sweeps_and_keeps_its_zero(
    tmp_path: Path, low_pA: float, high_pA: float
) -> None:
    found = measured(tmp_path, np.clip(LARGE + NOISE, low_pA, high_pA), noise_pA=0.0)
    assert found["verdict"] == "reversal"
    assert found["low_mV"] <= 7.0 <= found["high_mV"]
    assert "saturated" in tables.flags(found["flags"])


def test_a_current_that_is_saturated_on_one_side_of_its_zero_is_a_bound(tmp_path: Path) -> None:
    found = measured(tmp_path, np.maximum(LARGE + NOISE, -60.0), noise_pA=0.0)
    assert found["verdict"] == "no_crossing"
    assert found["high_mV"] >= 7.0
    assert "the current is saturated at -60" in found["reason"]


def test_the_converter_saturates_at_its_own_limits(tmp_path: Path) -> None:
    path = written(tmp_path, LARGE, full_scale_pA=300.0)
    found = measure(str(path), {"epoch": "B"}, PatchProperties(None, None, 22.0))
    assert found["verdict"] == "reversal"
    assert found["low_mV"] <= 7.0 <= found["high_mV"]
    assert "saturated" in tables.flags(found["flags"])


def test_a_current_that_is_saturated_throughout_is_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path, LARGE + 5000.0, full_scale_pA=300.0)
    found = measure(str(path), {"epoch": "B"}, PatchProperties(None, None, 22.0))
    assert found["verdict"] == "unreadable"
    assert "saturated at 300 pA in sweeps 0-16" in found["reason"]


def test_constant_currents_are_not_saturated(tmp_path: Path) -> None:
    """Without noise every window is constant, and a rectifier has no current at many levels."""
    for current in (LARGE, np.maximum(LARGE, 0.0), 0.0 * LARGE, LARGE + NOISE):
        assert saturated(tmp_path, current) == ""
