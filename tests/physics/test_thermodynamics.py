import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants as codata

from nernstfit.physics.constants import BOLTZMANN_J_PER_K, thermal_voltage_mV
from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.membrane.thermodynamics import (
    delta_mu_kJ_per_mol,
    driving_force_mV,
    flux_ratio,
    thermal_noise_pA,
)

activities = st.floats(1e-6, 1e3)
valences = st.integers(-3, 3).filter(bool)
potentials = st.floats(-150, 150)
temperatures = st.floats(0, 45)
often = settings(derandomize=True, deadline=None)


def test_boltzmann_s_constant_is_codata() -> None:
    assert pytest.approx(codata.k, rel=1e-15) == BOLTZMANN_J_PER_K


@often
@given(valences, activities, activities, temperatures)
def test_at_the_nernst_potential_nothing_is_driven(z: int, outside: float, inside: float, warm: float) -> None:
    at = (nernst_mV(z, outside, inside, warm), z, outside, inside, warm)
    assert driving_force_mV(*at) == 0
    assert delta_mu_kJ_per_mol(*at) == 0
    assert flux_ratio(*at) == pytest.approx(1, rel=1e-12)


@often
@given(potentials, valences, activities, activities, temperatures)
def test_exchanged_sides_turn_every_sign(v: float, z: int, outside: float, inside: float, warm: float) -> None:
    one, other = (v, z, outside, inside, warm), (-v, z, inside, outside, warm)
    assert driving_force_mV(*one) == -driving_force_mV(*other)
    assert delta_mu_kJ_per_mol(*one) == -delta_mu_kJ_per_mol(*other)
    assert flux_ratio(*one) * flux_ratio(*other) == pytest.approx(1, rel=1e-12)


@often
@given(potentials, valences, activities, activities, temperatures)
def test_the_flux_ratio_is_boltzmann_s_factor_of_the_energy(
    v: float, z: int, outside: float, inside: float, warm: float
) -> None:
    at = (v, z, outside, inside, warm)
    per_thermal = delta_mu_kJ_per_mol(*at) / (codata.R * codata.convert_temperature(warm, "C", "K") * 1e-3)
    assert math.log(flux_ratio(*at)) == pytest.approx(-per_thermal, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("v", "z", "outside", "inside", "warm", "expected"),
    [
        (0, 1, 1, math.e, 25, 2.478957),  # RT: one e-fold against the ion's leaving
        (-100, 1, 5, 5, 25, -9.648533),  # a tenth of a volt over one faraday
        (-100, 2, 5, 5, 25, -19.297067),
        (-100, -1, 5, 5, 25, 9.648533),  # an anion is pushed out by what pulls a cation in
    ],
)
def test_energies_of_known_gradients(
    v: float, z: int, outside: float, inside: float, warm: float, expected: float
) -> None:
    assert delta_mu_kJ_per_mol(v, z, outside, inside, warm) == pytest.approx(expected, abs=1e-6)


def test_the_one_way_currents_of_ghk_obey_the_flux_ratio() -> None:
    rng = np.random.default_rng(3)
    v, z = rng.uniform(-120, 120, 200), rng.choice([-2, -1, 1, 2], 200)
    outside, inside = 10 ** rng.uniform(-3, 2, (2, 200))
    none = np.zeros((200, 1))
    arguments = (v, np.ones((200, 1)), z[:, None])
    efflux = ghk.current(*arguments, inside[:, None], none, 22.0)
    influx = ghk.current(*arguments, none, outside[:, None], 22.0)
    np.testing.assert_allclose(-influx / efflux, flux_ratio(v, z, outside, inside, 22.0), rtol=1e-12)


def test_forces_times_chord_conductances_add_up_to_no_current_at_the_ghk_potential() -> None:
    permeability, valence = np.array([1.0, 0.4, 0.1, 2.0]), np.array([1, 1, -1, 2])
    inside, outside = np.array([10.0, 130.0, 30.0, 1e-4]), np.array([145.0, 5.0, 150.0, 2.0])
    sides = (permeability, valence, inside, outside, 22.0)
    zero = ghk.reversal_mV(*sides)
    force = driving_force_mV(zero, valence, outside, inside, 22.0)
    # The chord conductance of an ion is a mean of its slope between E and V: found here without the current at V.
    depth = np.linspace(0, 1, 20_001)
    chord = []
    for i in range(4):
        path = nernst_mV(valence[i], outside[i], inside[i], 22.0) + depth * force[i]
        one = (slice(i, i + 1),)
        slope = ghk.slope_conductance_per_mV(path, *(side[one] for side in sides[:4]), 22.0)
        chord.append(np.trapezoid(slope, depth))
    parts = np.array(chord) * force
    assert abs(parts.sum()) < 1e-7 * np.abs(parts).sum()
    # None of them is at rest: the potential is a steady state, no equilibrium.
    assert np.abs(force).min() > 1


@pytest.mark.filterwarnings("error")
def test_an_ion_on_one_side_only() -> None:
    outside_only, inside_only = (-60.0, 1, 5.0, 0.0, 22.0), (-60.0, 1, 0.0, 5.0, 22.0)
    assert flux_ratio(*outside_only) == np.inf
    assert flux_ratio(*inside_only) == 0
    assert driving_force_mV(*outside_only) == delta_mu_kJ_per_mol(*outside_only) == -np.inf
    assert driving_force_mV(*inside_only) == delta_mu_kJ_per_mol(*inside_only) == np.inf
    assert np.isnan(flux_ratio(-60.0, 1, 0.0, 0.0, 22.0))


def test_arguments_broadcast() -> None:
    assert flux_ratio([[-60], [0]], [1, 2, -1], 5.0, [1, 2, 3], 22.0).shape == (2, 3)
    assert thermal_noise_pA([1, 2], [[1e3], [5e3]], 22.0).shape == (2, 2)


# Noise


def test_johnson_noise_of_one_nanosiemens() -> None:
    # sqrt(4 x 1.380649e-23 J/K x 295.15 K x 1e-9 S x 5e3 Hz) = sqrt(8.1500e-26) A = 2.8548e-13 A
    assert thermal_noise_pA(1.0, 5000.0, 22.0) == pytest.approx(0.28548, abs=5e-6)


def test_johnson_noise_of_a_gigaohm_as_voltage() -> None:
    # 4.06 uV per root hertz across 1 GOhm at 25 C: the textbooks' 0.13 nV sqrt(R)
    current_A = thermal_noise_pA(1.0, 1.0, 25.0) * 1e-12
    assert current_A * 1e9 == pytest.approx(4.06e-6, rel=2e-3)


@often
@given(st.floats(1e-3, 1e4), st.floats(1, 1e5), st.floats(1e-2, 1e2))
def test_noise_grows_with_the_root_of_conductance_and_band(nS: float, hertz: float, factor: float) -> None:
    expected = math.sqrt(factor) * thermal_noise_pA(nS, hertz, 22.0)
    assert thermal_noise_pA(factor * nS, hertz, 22.0) == pytest.approx(expected)
    assert thermal_noise_pA(nS, factor * hertz, 22.0) == pytest.approx(expected)
    assert thermal_noise_pA(nS, 0.0, 22.0) == 0


def test_shot_noise_of_independent_univalent_ions_is_the_thermal_noise_at_the_ghk_potential() -> None:
    permeability, valence = np.array([1.0, 0.4, 0.1]), np.array([1, 1, -1])
    inside, outside = np.array([10.0, 130.0, 30.0]), np.array([145.0, 5.0, 150.0])
    sides = (permeability, valence, inside, outside, 22.0)
    zero, none = ghk.reversal_mV(*sides), np.zeros(3)
    scale_pA = 1e-2  # pA per unit of permeability x F x activity
    one_way = [
        np.abs(ghk.ion_currents(zero, permeability, valence, *pair, 22.0)) * scale_pA
        for pair in ((inside, none), (none, outside))
    ]
    shot_pA = 1e6 * np.sqrt(2 * codata.e * np.sum(one_way) * 1e-12 * 1000.0) * 1e6
    slope_nS = ghk.slope_conductance_per_mV(zero, *sides) * scale_pA
    assert thermal_noise_pA(slope_nS, 1000.0, 22.0) == pytest.approx(shot_pA, rel=1e-9)


@pytest.mark.parametrize(("arguments", "word"), [((-1, 1), "conductance"), ((1, -1), "bandwidth")])
def test_negative_arguments_are_refused(arguments: tuple[float, float], word: str) -> None:
    with pytest.raises(ValueError, match=f"a negative {word}: -1"):
        thermal_noise_pA(*arguments, 22.0)


def test_the_thermal_voltage_is_boltzmann_s() -> None:
    assert thermal_voltage_mV(22.0) == pytest.approx(1e3 * codata.k * 295.15 / codata.e, rel=1e-12)
