import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.junction import henderson_mV
from nernstfit.physics.solution.ions import IONS

ROWS = csv.DictReader((Path(__file__).parent / "data" / "ljp_cases.csv").open(encoding="utf-8"))
CASES = [row for row in ROWS if not row["kind"].startswith("stationary")]

VALENCE = np.array([1, 1, 2, -1])
MOBILITY = np.array([1.0, 0.682, 0.4048, 1.0388])
solutions = st.lists(st.floats(0.1, 500), min_size=4, max_size=4).map(np.array)


def concentrations(text: str) -> dict[str, float]:
    """`Na 150; Cl 150` as a mapping."""
    return {ion: float(value) for ion, value in (part.split() for part in text.split(";"))}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_published_case(case: dict[str, str]) -> None:
    bath, pipette = concentrations(case["bath_mM"]), concentrations(case["pipette_mM"])
    ions = [IONS[name] for name in {**bath, **pipette}]
    potential_mV = henderson_mV(
        [bath.get(ion.name, 0.0) for ion in ions],
        [pipette.get(ion.name, 0.0) for ion in ions],
        [ion.valence for ion in ions],
        [ion.mobility for ion in ions],
        float(case["temperature_C"]),
    )
    assert potential_mV == pytest.approx(float(case["expected_mV"]), abs=float(case["tolerance_mV"]))
    assert case["source"]


@pytest.mark.parametrize("dilution", [1e-6, 0.1, 0.999, 1.0, 1.001, 10.0, 1e6])
def test_dilution_of_a_monovalent_salt(dilution: float) -> None:
    """(RT/F) (u+ - u-) / (u+ + u-) ln(pipette / bath)."""
    u_cation, u_anion = 0.682, 1.0388
    expected = thermal_voltage_mV(25) * (u_cation - u_anion) / (u_cation + u_anion) * -np.log(dilution)
    bath = np.array([150.0, 150]) * dilution
    assert henderson_mV(bath, [150, 150], [1, -1], [u_cation, u_anion], 25) == pytest.approx(expected, rel=1e-11)


def test_equal_conductances_have_the_limit() -> None:
    """-(RT/F) sum z u (b - p) / sum z^2 u p, here with solutions that are not neutral, so that it is not 0."""
    mobility = np.array([1.0, 1.0, 0.5])
    bath, pipette = np.array([150.0, 0, 150]), np.array([0, 150.0, 150])
    assert henderson_mV(bath, pipette, [1, 1, -1], mobility, 25) == 0
    bath, pipette = np.array([100.0, 0, 0]), np.array([0, 0, 200.0])
    assert henderson_mV(bath, pipette, [1, 1, -1], mobility, 25) == -thermal_voltage_mV(25) * 200 / 100


def test_smooth_through_equal_conductances() -> None:
    """With G_b = G_p (1 + d), V = -(RT/F) sum z u (b - p) / G_p x (1 - d/2 + d^2/3 - ...)."""
    pipette, conductance = np.array([0.0, 150, 0, 150]), 150 * (0.682 + 1.0388)
    at_equal = np.array([1, 0, 0, 1]) * conductance / (1 + 1.0388)
    for excess in np.concatenate([-np.logspace(-4, -15, 23), [0], np.logspace(-15, -4, 23)]):
        bath = at_equal * (1 + excess)
        driven = (VALENCE * MOBILITY * (bath - pipette)).sum()
        expected = -thermal_voltage_mV(25) * driven / conductance * (1 - excess / 2 + excess**2 / 3)
        assert henderson_mV(bath, pipette, VALENCE, MOBILITY, 25) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(derandomize=True)
@given(solutions, solutions)
def test_exchanged_solutions_change_the_sign(bath: np.ndarray, pipette: np.ndarray) -> None:
    there = henderson_mV(bath, pipette, VALENCE, MOBILITY, 22)
    assert there == -henderson_mV(pipette, bath, VALENCE, MOBILITY, 22)


@settings(derandomize=True)
@given(solutions, solutions, st.floats(1e-3, 1e3))
def test_only_relative_mobilities_count(bath: np.ndarray, pipette: np.ndarray, factor: float) -> None:
    expected = henderson_mV(bath, pipette, VALENCE, MOBILITY, 22)
    assert henderson_mV(bath, pipette, VALENCE, factor * MOBILITY, 22) == pytest.approx(expected, abs=1e-9)


@settings(derandomize=True)
@given(solutions)
def test_identical_solutions_have_none(solution: np.ndarray) -> None:
    potential_mV = henderson_mV(solution, solution, VALENCE, MOBILITY, 22)
    assert potential_mV == 0
    assert not np.signbit(potential_mV)


@pytest.mark.filterwarnings("error")
def test_a_solution_without_ions_is_nan() -> None:
    empty, saline = np.zeros(4), np.array([5.0, 140, 2, 149])
    potentials = henderson_mV([saline, empty, empty, saline], [saline, saline, empty, empty], VALENCE, MOBILITY, 22)
    np.testing.assert_array_equal(np.isnan(potentials), [False, True, True, True])


def test_temperature_has_the_leading_shape() -> None:
    saline, internal = np.array([5.0, 140, 2, 149]), np.array([140.0, 5, 0, 145])
    potentials = henderson_mV(saline, internal, VALENCE, MOBILITY, [20, 37])
    assert potentials[1] == henderson_mV(saline, internal, VALENCE, MOBILITY, 37)
