"""Several zeros in one curve, and what `nernstfit measure` says of a measurement beside its numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from steps import at_levels, measured, open_pore, written

from nernstfit.commands.main import main


def opened(voltage_mV: np.ndarray, half_mV: float, slope_mV: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(voltage_mV - half_mV) / slope_mV)))


@pytest.mark.parametrize(("half_mV", "leak_nS"), [(-70.0, 0.5), (-72.0, 0.4)])
def test_an_inward_rectifier_beside_a_leak_has_two_zeros_and_is_ambiguous(
    tmp_path: Path, half_mV: float, leak_nS: float
) -> None:
    found = measured(tmp_path, at_levels(lambda v: 8 * opened(-v, -half_mV, 8.0) * (v + 80) + leak_nS * v))
    assert found["verdict"] == "ambiguous"
    assert "with a rising slope at -7" in found["reason"]
    second = float(re.findall(r"and (-?\d+\.\d) mV", found["reason"])[0])
    assert abs(second) < 2


def test_one_zero_of_an_open_pore_is_no_choice(tmp_path: Path) -> None:
    assert measured(tmp_path, at_levels(open_pore))["verdict"] == "reversal"


def test_no_sentence_holds_a_negative_zero(tmp_path: Path) -> None:
    found = measured(tmp_path, at_levels(lambda v: 6 * (v + 0.02) / (1 + 0.3 * np.exp(-v / 16))), noise_pA=0.5)
    assert found["verdict"] == "not_a_reversal"
    assert "around 0.0 mV" in found["reason"]


def test_measure_prints_the_findings_of_a_run(tmp_path: Path) -> None:
    """A channel at 0 mV that opens over a leak at -70 mV: a run warns of the leak."""
    current = at_levels(lambda v: 8 * opened(v, -30.0, 7.0) * v + 0.4 * (v + 70))
    done = CliRunner().invoke(main, ["measure", str(written(tmp_path, current)), "--epoch", "B"])
    assert done.exit_code == 0
    assert ["verdict", "reversal"] in [line.split() for line in done.output.splitlines()]
    assert "a leak that the levels below activation show is" in done.output
