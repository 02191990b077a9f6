"""The potential of a charged surface: closed forms, limits, and what ions of one valence keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.surface_potential import at_surface, surface_potential_mV
from nernstfit.physics.solution.activity import inverse_length_per_A, water_permittivity

R, F, EPS0 = 8.31446261815324, 96485.3321233100184, 8.8541878188e-12


def gouy_chapman_mV(charge: float, c_mM: float, temperature_C: float) -> float:
    """The closed form for a 1:1 salt: sigma = sqrt(8 eps eps0 RT c) sinh(F psi / 2RT)."""
    kelvin = temperature_C + 273.15
    scale = math.sqrt(8 * float(water_permittivity(temperature_C)) * EPS0 * R * kelvin * c_mM)
    return 2e3 * R * kelvin / F * math.asinh(charge / scale)


@pytest.mark.parametrize("temperature_C", [10.0, 25.0, 37.0])
@pytest.mark.parametrize("c_mM", [0.1, 10.0, 150.0, 1000.0])
@pytest.mark.parametrize("charge", [-0.1, -0.03, -1e-4, 0.02])
def test_a_monovalent_salt_has_the_closed_form(charge: float, c_mM: float, temperature_C: float) -> None:
    found = surface_potential_mV(charge, [c_mM, c_mM], [1, -1], temperature_C)
    assert found == pytest.approx(gouy_chapman_mV(charge, c_mM, temperature_C), rel=1e-10)


def test_a_figure_by_hand() -> None:
    # sqrt(8 x 78.30 x 8.854e-12 x 8.314 x 298.15 x 150) = .04541 C/m2; 51.385 mV x asinh(.03 / .04541) = 31.9 mV.
    assert surface_potential_mV(-0.03, [150.0, 150.0], [1, -1], 25.0) == pytest.approx(-31.9, abs=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_the_charge_of_any_mixture_follows_from_its_potential(seed: int) -> None:
    rng = np.random.default_rng(seed)
    valence = np.array([1, 1, 2, 3, -1, -2])
    c = rng.lognormal(1, 2, len(valence)) * (rng.random(len(valence)) < 0.8)
    c[4] += max(0.0, c @ valence)
    c[0] += max(0.0, -float(c @ valence))
    charge, temperature_C = float(rng.choice([-1, 1]) * rng.lognormal(-4, 1)), float(rng.uniform(5, 40))
    u = surface_potential_mV(charge, c, valence, temperature_C) / 1e3 * F / (R * (temperature_C + 273.15))
    scale = 2 * float(water_permittivity(temperature_C)) * EPS0 * R * (temperature_C + 273.15)
    assert math.copysign(1, u) == math.copysign(1, charge)
    assert scale * float(c @ np.expm1(-valence * u)) == pytest.approx(charge**2, rel=1e-9)


@pytest.mark.parametrize(("c", "valence"), [((150.0, 150.0), (1, -1)), ((100.0, 10.0, 120.0), (1, 2, -1))])
def test_a_weak_charge_has_the_potential_of_a_capacitor_one_debye_length_thick(
    c: Sequence[float], valence: Sequence[int]
) -> None:
    strength_M = sum(each * z**2 for each, z in zip(c, valence, strict=True)) / 2000
    length_m = 1e-10 / (float(inverse_length_per_A(25.0)) * math.sqrt(strength_M))
    linear_mV = 1e3 * -1e-6 * length_m / (float(water_permittivity(25.0)) * EPS0)
    assert surface_potential_mV(-1e-6, c, valence, 25.0) == pytest.approx(linear_mV, rel=1e-3)


def test_divalent_counter_ions_screen_more() -> None:
    sodium, calcium = ([150.0, 0.0, 150.0], [147.0, 1.0, 149.0])
    bare, screened = (surface_potential_mV(-0.03, c, [1, 2, -1], 25.0) for c in (sodium, calcium))
    assert bare < screened < 0


def test_edges() -> None:
    assert surface_potential_mV(0.0, [150.0, 150.0], [1, -1], 25.0) == 0
    assert surface_potential_mV(-0.03, [0.0, 0.0], [1, -1], 25.0) == -math.inf
    # A recipe without its anion has one all the same.
    assert surface_potential_mV(-0.03, [150.0], [1], 25.0) == pytest.approx(gouy_chapman_mV(-0.03, 150.0, 25.0))


@pytest.mark.parametrize("sign", [1, -1])
def test_among_ions_of_one_valence_the_surface_cancels(sign: int) -> None:
    valence, psi_mV = np.full(3, sign), -41.0
    p, inside, outside = np.array([1.0, 0.3, 5.0]), np.array([10.0, 130.0, 2.0]), np.array([145.0, 5.0, 1.0])
    e_mV = float(ghk.reversal_mV(p, valence, inside, outside, 22.0))
    there = at_surface(outside, valence, psi_mV, 22.0)
    assert float(ghk.reversal_mV(p, valence, inside, there, 22.0)) == pytest.approx(e_mV - psi_mV, abs=1e-9)
