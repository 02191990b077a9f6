"""The limits of an open pore: closed forms, mixtures that obey them, and currents of channels that open or close."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from nernstfit.contract.terms import OpenPore
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane import ghk
from nernstfit.reversal import classify
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import average
from nernstfit.reversal.open_pore import Bend, steepest_bend

THERMAL_MV = float(thermal_voltage_mV(22.0))
LEVELS = np.arange(-100.0, 61.0, 10.0)


def found(
    current: Callable[[np.ndarray], np.ndarray], se_pA: float = 0.5, levels: np.ndarray = LEVELS, **criteria: object
) -> Result:
    iv = average(levels, current(levels), np.full(len(levels), se_pA))
    return classify.find(iv, Criteria(**criteria))


def bend(current: np.ndarray, levels: np.ndarray, zero_mV: float, direction: int, se_pA: float = 0.5) -> Bend:
    curve = average(levels, current, np.full(len(levels), se_pA))
    result = steepest_bend(curve, zero_mV, direction, 22.0)
    assert result is not None
    return result


def opening(voltage_mV: np.ndarray, half_mV: float = -25.0, width_mV: float = 5.0) -> np.ndarray:
    return 1 / (1 + np.exp(-(voltage_mV - half_mV) / width_mV))


def potassium_and_leak(voltage_mV: np.ndarray) -> np.ndarray:
    return 8 * opening(voltage_mV) * (voltage_mV + 85) + 1.5 * voltage_mV


# Closed forms


@pytest.mark.parametrize("valence", [0.3, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("levels", [LEVELS, np.array([-60.0, -45.0, -25.0, 0.0, 20.0])])
def test_the_valence_of_an_exponential_current_is_its_exponent(valence: float, levels: np.ndarray) -> None:
    k = valence / THERMAL_MV
    current = 50 * (np.exp(k * (levels + 20)) - 1)
    assert bend(current, levels, -20.0, 1).valence == pytest.approx(valence, rel=1e-6)
    assert bend(current, levels, -20.0, -1).valence == 0
    mirrored = -current[::-1]
    assert bend(mirrored, -levels[::-1], 20.0, -1).valence == pytest.approx(valence, rel=1e-6)


def test_the_error_of_an_excess_is_that_of_the_three_currents() -> None:
    levels, current = np.array([-10.0, 0.0, 10.0]), np.array([-20.0, 5.0, 100.0])
    growth = math.exp(10 / THERMAL_MV)
    weights = np.array([growth, -growth - 1, 1])
    expected = float(weights @ current) / (2.0 * float(np.linalg.norm(weights)))
    assert bend(current, levels, -2.0, 1, se_pA=2.0).excess_z == pytest.approx(expected, rel=1e-9)


def test_three_levels_are_needed_around_the_zero() -> None:
    curve = average(np.array([-10.0, 10.0]), np.array([-5.0, 5.0]), np.ones(2))
    assert steepest_bend(curve, 0.0, 1, 22.0) is None


# Open pores


@pytest.mark.parametrize("seed", range(60))
def test_no_mixture_of_ghk_currents_and_leaks_exceeds_the_limits(seed: int) -> None:
    """Monovalent ions with any ratios and gradients: the equation's own currents obey the limits without any noise."""
    rng = np.random.default_rng(seed)
    valence = np.array([1, 1, 1, -1])
    inside, outside = np.exp(rng.uniform(math.log(0.5), math.log(200), (2, 4)))
    permeability = np.exp(rng.uniform(-5, 0, 4))
    levels = np.arange(-120.0, 101.0, float(rng.choice([5, 10, 20])))
    u = valence * levels[:, None] / THERMAL_MV
    u = np.where(np.abs(u) < 1e-9, 1e-9, u)
    terms = permeability * valence * u * (inside - outside * np.exp(-u)) / -np.expm1(-u)
    current = terms.sum(axis=1) + rng.uniform(0, 20) * (levels - rng.uniform(-60, 20))
    zero = float(ghk.reversal_mV(permeability, valence, inside, outside, 22.0))
    for near in (zero, *np.interp([0.0], current, levels)):
        if levels[0] < near < levels[-1]:
            for direction in (1, -1):
                assert not bend(current, levels, near, direction, se_pA=1e-6).excess_z > 1e-3


@pytest.mark.parametrize("open_pore", list(OpenPore))
def test_an_ohmic_and_a_rectifying_pore_reverse(open_pore: OpenPore) -> None:
    for current in (
        lambda v: 5 * (v + 12),
        lambda v: 900 * np.expm1((v + 12) / THERMAL_MV) / (1 + np.exp(v / THERMAL_MV)),
    ):
        result = found(current, open_pore=open_pore)
        assert result.verdict == "reversal"
        assert result.potential_mV == pytest.approx(-12.0, abs=0.3)
        assert result.steepens is None


# Gates


@pytest.mark.parametrize("levels", [LEVELS, np.arange(-100.0, 61.0, 5.0), np.arange(-100.0, 61.0, 1.0)])
def test_a_current_that_activates_beside_a_leak_is_no_reversal(levels: np.ndarray) -> None:
    result = found(potassium_and_leak, levels=levels)
    assert result.verdict == "not_a_reversal"
    assert "where channels open" in result.reason
    assert "open_pore: flag" in result.reason
    assert "block" in result.reason
    assert "divalent ions" in result.reason


def test_it_is_a_flag_where_that_was_asked_for_and_where_a_leak_was_subtracted() -> None:
    for criteria in ({"open_pore": OpenPore.FLAG}, {"is_subtracted": True}):
        result = found(potassium_and_leak, **criteria)
        assert result.verdict == "reversal"
        assert result.steepens is not None
        assert result.steepens.valence > 2
    assert found(potassium_and_leak, open_pore=OpenPore.NONE).steepens is None


def test_the_axis_is_the_membranes() -> None:
    """The same patch inside-out: command and current have the other sign."""

    def turned(voltage_mV: np.ndarray) -> np.ndarray:
        return -potassium_and_leak(-voltage_mV)

    levels = np.arange(-60.0, 101.0, 10.0)
    right = found(turned, levels=levels, sign=-1)
    assert right.verdict == "not_a_reversal"
    assert "where channels open" in right.reason
    as_if_whole_cell = found(turned, levels=levels)
    assert as_if_whole_cell.verdict == "reversal"
    assert as_if_whole_cell.flattens is not None


def test_an_inward_rectifier_reverses_with_a_flag() -> None:
    result = found(lambda v: 10 * (v + 40) * opening(-v, 35.0, 8.0) + 0.2 * v, se_pA=0.2)
    assert result.verdict == "reversal"
    assert result.flattens is not None


@pytest.mark.parametrize(("leak_mV", "verdict"), [(-50.0, "reversal"), (-75.0, "ambiguous")])
def test_of_several_crossings_the_open_pore_wins_not_the_smaller_error(leak_mV: float, verdict: str) -> None:
    """A calcium current beside a leak: the leak's zero, one with a negative slope, and the open pore's reversal.

    Channels open close to the first zero of one leak; that of the other is as possible as the pore's.
    """

    def current(voltage_mV: np.ndarray) -> np.ndarray:
        return 6 * opening(voltage_mV, -25.0, 5.0) * (voltage_mV - 40) + 2 * (voltage_mV - leak_mV)

    result = found(current, levels=np.arange(-100.0, 81.0, 10.0))
    assert result.verdict == verdict
    total_mV = (6 * 40 + 2 * leak_mV) / 8
    if verdict == "reversal":
        assert result.potential_mV == pytest.approx(total_mV, abs=0.3)
    else:
        assert f"{total_mV:.1f}" in result.reason


# A single level


@pytest.mark.parametrize("level", [0, 4, 12, len(LEVELS) - 1])
@pytest.mark.parametrize("artefact_pA", [-8000.0, -1000.0, 1000.0, 8000.0])
def test_no_single_level_makes_or_hides_a_reversal(level: int, artefact_pA: float) -> None:
    def broken(current: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda v: current(v) + artefact_pA * (np.arange(len(v)) == level)

    result = found(broken(lambda v: 4 * (v + 17)))
    assert result.verdict == "reversal"
    assert result.potential_mV == pytest.approx(-17.0, abs=0.5)
    for outside in (-140.0, 110.0):
        assert found(broken(lambda v, e=outside: 4 * (v - e))).verdict != "reversal"


def test_a_level_that_the_series_resistance_places_among_the_others_is_left_out() -> None:
    current = 4 * (LEVELS + 17)
    current[-1] = 15_000.0
    curve = average(LEVELS, current, np.full(len(LEVELS), 0.5), series_MOhm=4.0)
    assert curve.left_out == 1
    assert curve.command_mV[-1] == LEVELS[-2]
    assert (np.diff(curve.voltage_mV) > 0).all()
    assert classify.find(curve, Criteria()).potential_mV == pytest.approx(-17.0, abs=0.1)
