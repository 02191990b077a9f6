"""Rows of the table of thermodynamics, and the worked example of the docs."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import IONS
from nernstfit.solutions.driving_forces import (
    INSIDE_ONLY,
    OUTSIDE_ONLY,
    UNKNOWN_SIDE,
    driving_forces,
    noise_and_bound,
)

MEASURED = {"noise_pA": 2.0, "bandwidth_Hz": 1000.0, "bandwidth_source": "telegraph", "slope_nS": 4.0}
NUMBERS = ("nernst_mV", "driving_force_mV", "delta_mu_kJ_per_mol", "flux_ratio")


def test_an_ion_of_one_side_is_named_and_never_infinite() -> None:
    ions = [IONS[name] for name in ("Na", "K", "Cs", "Cl")]
    found = list(driving_forces(ions, np.array([100.0, 5.0, 0.0, 0.0]), np.array([10.0, 0.0, 0.0, 20.0]), -30.0, 22.0))
    assert [row["ion"] for row in found] == ["Na", "K", "Cl"]
    sodium, potassium, chloride = found
    assert all(math.isfinite(sodium[name]) for name in NUMBERS)
    assert sodium["reason"] == ""
    assert all(math.isnan(potassium[name]) for name in NUMBERS)
    assert potassium["reason"] == OUTSIDE_ONLY
    assert all(math.isnan(chloride[name]) for name in NUMBERS[:3])
    assert (chloride["flux_ratio"], chloride["reason"]) == (0.0, INSIDE_ONLY)


def test_beside_an_unknown_solution_nothing_is_known() -> None:
    ions = [IONS[name] for name in ("Na", "K", "Cs")]
    found = list(driving_forces(ions, np.array([100.0, 5.0, 0.0]), np.full(3, math.nan), -30.0, 22.0))
    assert [row["ion"] for row in found] == ["Na", "K"]
    assert {row["reason"] for row in found} == {UNKNOWN_SIDE}
    assert all(math.isnan(row[name]) for row in found for name in NUMBERS)


def test_noise_stands_beside_its_bound() -> None:
    found = noise_and_bound(MEASURED, 22.0)
    bound_pA = 1e12 * math.sqrt(4 * 1.380649e-23 * 295.15 * 4e-9 * 1000)
    assert found["thermal_noise_pA"] == pytest.approx(bound_pA, rel=1e-12)
    assert found["noise_ratio"] == pytest.approx(2.0 / bound_pA, rel=1e-12)
    assert [found[name] for name in ("noise_pA", "bandwidth_Hz", "bandwidth_source")] == [2.0, 1000.0, "telegraph"]


@pytest.mark.parametrize("changed", [{"slope_nS": -1.0}, {"slope_nS": 0.0}, {"slope_nS": math.nan}])
def test_there_is_no_bound_without_a_conductance(changed: dict[str, float]) -> None:
    found = noise_and_bound(MEASURED | changed, 22.0)
    assert math.isnan(found["thermal_noise_pA"])
    assert math.isnan(found["noise_ratio"])
    assert found["noise_pA"] == 2.0


# The docs


def example() -> dict[str, list[float]]:
    """Numbers of the worked example by row, as printed."""
    text = (Path(__file__).parents[1] / "docs" / "thermodynamics.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (Na|K|Cl) \|(.*)\|$", text, re.MULTILINE)
    assert len(table) == 3
    return {ion: [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells.split("|")] for ion, cells in table}


def test_the_worked_example_is_what_the_program_computes() -> None:
    rows, valence, permeability = example(), np.array([1, 1, -1]), np.array([1.0, 0.9, 0.1])
    outside, inside = (np.array([rows[ion][side] for ion in ("Na", "K", "Cl")]) for side in (0, 1))
    text = (Path(__file__).parents[1] / "docs" / "thermodynamics.md").read_text(encoding="utf-8")
    potential = float(ghk.reversal_mV(permeability, valence, inside, outside, 22.0))
    assert f"{potential:.2f} mV".replace("-", "\N{MINUS SIGN}") in text
    for row in driving_forces([IONS[name] for name in ("Na", "K", "Cl")], outside, inside, potential, 22.0):
        printed = rows[row["ion"]][2:]
        computed = [row[name] for name in NUMBERS]
        assert printed == [round(value, digits) for value, digits in zip(computed, (2, 2, 3, 3), strict=True)]
    currents = ghk.ion_currents(potential, permeability, valence, inside, outside, 22.0)
    assert abs(currents.sum()) < 1e-9 * np.abs(currents).max()
    assert np.abs(nernst_mV(valence, outside, inside, 22.0) - potential).min() > 1
    noise = noise_and_bound(MEASURED | {"slope_nS": 20.0, "bandwidth_Hz": 2000.0}, 22.0)
    assert f"{noise['thermal_noise_pA']:.3f} pA" in text
