"""From points to a reversal potential: exact where it can be, refused where it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.reversal import classify
from nernstfit.reversal.classify import Criteria, Result
from nernstfit.reversal.curve import Curve, average

Function = Callable[[np.ndarray], np.ndarray]

LEVELS = np.arange(-100.0, 101.0, 20.0)


def iv(
    current: Function | Sequence[float], se_pA: float = 1.0, levels: np.ndarray = LEVELS, series_MOhm: float = 0.0
) -> Curve:
    values = current(levels) if callable(current) else np.array(current, dtype=float)
    return average(levels, values, np.full(len(levels), se_pA), series_MOhm)


def found(curve: Curve, max_interval_mV: float = 10.0, min_span_mV: float = 15.0, **criteria: Any) -> Result:
    return classify.find(curve, Criteria(max_interval_mV, min_span_mV, **criteria))


# A number


@pytest.mark.parametrize("zero", [-87.3, -20.0, -0.4, 0.0, 13.7, 80.0, 99.0])
@pytest.mark.parametrize("slope", [0.5, 5.0, 200.0])
def test_a_straight_line_crosses_exactly_where_it_crosses(zero: float, slope: float) -> None:
    result = found(iv(lambda v: slope * (v - zero), se_pA=slope / 50), min_span_mV=0.5)
    assert result.verdict == "reversal"
    assert result.potential_mV == pytest.approx(zero, abs=1e-9)
    assert result.slope_nS == pytest.approx(slope, rel=1e-9)


def test_between_two_levels_the_error_is_that_of_the_interpolation() -> None:
    # Zero of the line between (0, a) and (20, b): by propagation of the two errors.
    a, b, s = -30.0, 90.0, 2.0
    result = found(iv([a, b], se_pA=s, levels=np.array([0.0, 20.0])), min_span_mV=1.0)
    x = -a / (b - a) * 20
    by_hand = math.hypot((20 - x) / 20 * s, x / 20 * s) / ((b - a) / 20)
    # The current between the levels: exponentials in RT/F, the bounds of an open pore's curve.
    k = 1 / float(thermal_voltage_mV(22.0))
    course = max(abs(math.log1p(-a / (b - a) * math.expm1(w * k * 20)) / (w * k) - x) for w in (1, -1))
    assert result.potential_mV == pytest.approx(x)
    assert result.se_mV == pytest.approx(math.hypot(by_hand, course / stats.norm.ppf(0.975)), rel=1e-9)


def test_few_levels_of_a_rectifying_current_have_an_interval_that_holds_the_truth() -> None:
    def rectifying(v: np.ndarray) -> np.ndarray:
        return 200 * np.expm1((v + 20.3) / 25.43) / (1 + np.exp(v / 25.43))

    for levels in ([-60.0, -20.0, 20.0], [-100.0, -20.0, 60.0], [-40.0, 0.0, 40.0], [-60.0, 20.0]):
        result = found(iv(rectifying, se_pA=0.1, levels=np.array(levels)), max_interval_mV=100.0)
        assert abs(result.potential_mV + 20.3) < 1.96 * result.se_mV


def test_a_rectifying_curve_is_interpolated_where_it_crosses() -> None:
    # GHK current of one cation, 25 mV thermal voltage: a straight line through all levels would be far off.
    def rectifying(v: np.ndarray) -> np.ndarray:
        u = (v + 40.001) / 25
        return 20 * (v + 40.001) * (0.2 + 0.8 / (1 + np.exp(-u)))

    result = found(iv(rectifying, se_pA=0.5, levels=np.arange(-100.0, 101.0, 10.0)))
    assert result.verdict == "reversal"
    assert result.potential_mV == pytest.approx(-40.0, abs=0.4)


def test_levels_may_come_in_any_order() -> None:
    order = np.random.default_rng(1).permutation(len(LEVELS))
    mixed = average(LEVELS[order], 5 * (LEVELS[order] - 7), np.ones(len(LEVELS)))
    assert mixed.command_mV.tolist() == LEVELS.tolist()
    ordered = found(iv(lambda v: 5 * (v - 7)))
    assert (found(mixed).potential_mV, found(mixed).se_mV) == (ordered.potential_mV, ordered.se_mV)


def test_a_current_recorded_upside_down_is_no_reversal_unless_asked_for() -> None:
    upside_down = iv(lambda v: -5 * (v - 13))
    assert found(upside_down).verdict == "not_a_reversal"
    assert "negative slope" in found(upside_down).reason
    result = found(upside_down, open_pore="none")
    assert result.potential_mV == pytest.approx(13.0)
    assert result.slope_nS == pytest.approx(-5.0)


def test_a_level_that_cannot_be_told_from_zero_is_part_of_the_line() -> None:
    currents = 5 * (LEVELS - 1.0)
    result = found(iv(currents, se_pA=3.0))
    assert result.verdict == "reversal"
    assert result.potential_mV == pytest.approx(1.0)
    assert result.zero is not None
    assert result.zero.used[LEVELS == 0].all()


@pytest.mark.parametrize("repeats", [2, 5])
def test_repeats_of_a_level_are_averaged(repeats: int) -> None:
    command = np.tile(LEVELS, repeats)
    spread = np.repeat(np.linspace(-1, 1, repeats), len(LEVELS))
    curve = average(command, 5 * (command - 7) + spread, np.full(len(command), 2.0))
    assert curve.command_mV.tolist() == LEVELS.tolist()
    assert curve.repeats.tolist() == [repeats] * len(LEVELS)
    assert curve.current_pA == pytest.approx(5 * (LEVELS - 7))
    assert curve.se_pA == pytest.approx(2.0 / math.sqrt(repeats))
    assert curve.scatter == 1.0


def test_repeats_that_differ_by_more_than_their_noise_enlarge_the_error() -> None:
    rng = np.random.default_rng(3)
    command = np.tile(LEVELS, 40)
    currents = 5 * (command - 7) + 6.0 * rng.standard_normal(len(command))
    curve = average(command, currents, np.full(len(command), 2.0))
    assert curve.scatter == pytest.approx(3.0, rel=0.1)
    assert curve.se_pA == pytest.approx(6.0 / math.sqrt(40), rel=0.1)


@pytest.mark.parametrize("draws", [1000])
def test_the_interval_holds_the_truth_as_often_as_it_says(draws: int) -> None:
    rng, inside, number = np.random.default_rng(11), 0, 0
    for _ in range(draws):
        truth = rng.uniform(-60, 60)
        currents = 4.0 * (LEVELS - truth) + 5.0 * rng.standard_normal(len(LEVELS))
        result = found(iv(currents, se_pA=5.0))
        if result.verdict == "reversal":
            number += 1
            inside += abs(result.potential_mV - truth) < 1.959964 * result.se_mV
    assert number > 0.98 * draws
    low, high = stats.binom.ppf([0.0005, 0.9995], number, 0.95)
    assert low <= inside <= high


# Series resistance


def test_series_resistance_moves_the_axis_by_the_total_current() -> None:
    curve = iv(lambda v: 10 * (v - 7), series_MOhm=5.0)
    assert curve.voltage_mV == pytest.approx(LEVELS - 10 * (LEVELS - 7) * 5e-3)
    assert curve.command_mV == pytest.approx(LEVELS)


def test_series_resistance_does_not_move_the_zero_of_the_unsubtracted_current() -> None:
    without, corrected = (found(iv(lambda v: 10 * (v - 7), series_MOhm=r)) for r in (0.0, 8.0))
    assert corrected.potential_mV == pytest.approx(without.potential_mV, abs=1e-9)
    assert corrected.slope_nS == pytest.approx(10 / (1 - 10 * 8e-3))
    # At the zero both axes agree, and so do the errors: a level's noise moves it along the corrected axis too.
    assert corrected.se_mV == pytest.approx(without.se_mV, rel=0.01)


def test_series_resistance_bends_a_curve_back_to_the_membranes() -> None:
    # Behind 10 MOhm the membrane's 20 nS line is seen flatter: I = g (V_cmd - E) / (1 + g R).
    g, r = 20.0, 10.0
    curve = iv(lambda v: g * (v - 7) / (1 + g * r * 1e-3), series_MOhm=r)
    assert np.diff(curve.current_pA) / np.diff(curve.voltage_mV) == pytest.approx([g] * (len(LEVELS) - 1))
    assert found(curve).slope_nS == pytest.approx(g)


# Refusals


@pytest.mark.parametrize(
    ("current", "low", "high"),
    [
        pytest.param(lambda v: 5 * (v + 130), None, -100.0, id="outward everywhere, falling towards the lowest level"),
        pytest.param(lambda v: 5 * (v - 130), 100.0, None, id="inward everywhere, falling towards the highest level"),
        pytest.param(lambda v: (v + 20) ** 2 + 50, None, None, id="a parabola that never falls towards its end"),
        pytest.param(lambda v: -((v - 20) ** 2) - 50, None, None, id="a parabola upside down"),
        pytest.param(lambda v: 5 * (130 - v), None, None, id="outward, growing towards the lowest level"),
        pytest.param(lambda v: -5 * (v + 130), None, None, id="inward, growing towards the highest level"),
        pytest.param(lambda v: np.maximum(0.2, 5 * (v + 20)), None, None, id="outward, lost in noise at the end"),
    ],
)
def test_without_a_crossing_there_is_a_limit_only_where_the_current_falls_towards_its_last_level(
    current: Function, low: float | None, high: float | None
) -> None:
    result = found(iv(current))
    assert result.verdict == "no_crossing"
    assert result.reason
    assert math.isnan(result.potential_mV)
    for value, expected in ((result.low_mV, low), (result.high_mV, high)):
        assert math.isnan(value) if expected is None else value == expected


def test_one_level_has_no_reversal() -> None:
    result = found(iv([5.0], levels=np.array([-20.0])))
    assert result.verdict == "no_crossing"
    assert "at 1 level" in result.reason


def test_flat_noise_is_never_a_reversal() -> None:
    levels = np.arange(-100.0, 101.0, 10.0)
    noises = (5.0 * np.random.default_rng(seed).standard_normal(len(levels)) for seed in range(200))
    verdicts = [found(iv(noise, se_pA=5.0, levels=levels)).verdict for noise in noises]
    assert [seed for seed, verdict in enumerate(verdicts) if verdict == "reversal"] == []


@pytest.mark.parametrize("se_pA", [0.5, 3.0])
def test_a_current_that_only_leaves_zero_by_activation_is_never_a_reversal(se_pA: float) -> None:
    # A potassium current reversing at -90, its channels shut below -20 mV: the foot is no reversal.
    levels = np.arange(-80.0, 61.0, 10.0)
    activation = 1 / (1 + np.exp(-(levels + 10) / 3))
    noises = (se_pA * np.random.default_rng(seed).standard_normal(len(levels)) for seed in range(50))
    verdicts = [found(iv(20 * (levels + 90) * activation + noise, se_pA, levels)).verdict for noise in noises]
    assert [seed for seed, verdict in enumerate(verdicts) if verdict == "reversal"] == []


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_current_that_hardly_depends_on_the_voltage_is_no_limit(sign: float) -> None:
    """An artefact of a stimulus, beside a small current: its zero would lie a volt away."""
    result = found(iv(sign * 800.0 + 0.5 * LEVELS))
    assert result.verdict == "no_crossing"
    assert "reverse within 200 mV beyond: an artefact?" in result.reason
    assert math.isnan(result.low_mV)
    assert math.isnan(result.high_mV)
    assert found(iv(sign * 800.0 + 5.0 * LEVELS)).reason.endswith("100.0 mV")


def test_an_interval_that_is_too_wide_names_its_largest_error() -> None:
    noisy = iv(lambda v: 1.0 * (v + 20.0), se_pA=2.0)
    quiet = iv(lambda v: 1.0 * (v + 20.0), se_pA=0.5)
    shared = replace(quiet, shared_pA=np.full((quiet.size, 1), 2.0))
    for curve, cause in ((noisy, "noise beside a slope of "), (shared, "the error of what was subtracted")):
        result = found(curve, max_interval_mV=1.5)
        assert result.verdict == "ambiguous"
        assert f"more than max_interval_mV = 1.5: {cause}" in result.reason


def test_levels_in_V_that_are_called_mV_are_no_curve() -> None:
    result = found(iv(lambda v: 5e3 * (v + 0.03), levels=np.arange(-100.0, 61.0, 10.0) / 1e3))
    assert result.verdict == "not_a_reversal"
    assert result.reason.startswith("the levels span 0.16 mV, too little for the course of a current; are they in V")


def test_a_foot_below_zero_by_chance_is_no_reversal() -> None:
    levels = np.arange(-80.0, 61.0, 10.0)
    current = np.where(levels < -10, 0.0, 20 * (levels + 20))
    current[3] = -4.0  # one level of the foot, four errors below zero
    result = found(iv(current, se_pA=1.0, levels=levels))
    assert result.verdict in ("not_a_reversal", "no_crossing")


def test_several_crossings_far_apart_are_ambiguous() -> None:
    result = found(iv([-60, 40, 60, 20, -30, -50, -30, 20, 60, 90, 120]), open_pore="none")
    assert result.verdict == "ambiguous"
    first, second, third = map(float, re.findall(r"-?\d+\.\d", result.reason))
    assert -100 < first < -80
    assert -40 < second < -20
    assert 20 < third < 40
    assert math.isnan(result.potential_mV)


def test_several_crossings_close_together_are_one() -> None:
    levels = np.array([-60.0, -40, -20, -6, -2, 2, 6, 20, 40, 60])
    result = found(iv([-300, -200, -100, -30, 5, -5, 30, 100, 200, 300], levels=levels))
    assert result.verdict == "reversal"
    assert abs(result.potential_mV) <= 5


def test_a_wide_interval_is_ambiguous_and_says_how_wide() -> None:
    shallow = iv(lambda v: 0.5 * (v - 7), se_pA=2.0)
    result = found(shallow, max_interval_mV=1.0)
    assert result.verdict == "ambiguous"
    assert "mV wide" in result.reason
    width = 2 * 1.959964 * found(shallow, max_interval_mV=100.0).se_mV
    assert f"{width:.1f} mV" in result.reason
    assert found(shallow, max_interval_mV=width + 0.01).verdict == "reversal"
    assert found(shallow, max_interval_mV=width - 0.01).verdict == "ambiguous"


def test_a_crossing_with_a_slope_that_is_small_beside_the_recordings_largest_is_none() -> None:
    # 0.5 nS around zero, 40 nS above +40 mV: 1.25 %.
    result = found(iv(lambda v: 0.5 * (v + 30) + 40 * np.maximum(0, v - 40), se_pA=0.1))
    assert result.verdict == "not_a_reversal"
    assert "slope" in result.reason


@pytest.mark.parametrize(("slope", "verdict"), [(1.9, "not_a_reversal"), (2.1, "reversal")])
def test_the_least_slope_is_5_percent_of_the_largest(slope: float, verdict: str) -> None:
    # 40 nS above +60 mV
    assert found(iv(lambda v: slope * (v + 30) + (40 - slope) * np.maximum(0, v - 60))).verdict == verdict


def test_a_current_that_stays_at_zero_on_one_side_is_no_reversal() -> None:
    currents = [-0.5, 0.4, -0.6, 0.3, -3.0, 40, 80, 120, 160, 200, 240]
    result = found(iv(currents))
    assert result.verdict == "not_a_reversal"
    assert "does not differ significantly from zero" in result.reason


@pytest.mark.parametrize(("span", "verdict"), [(10.0, "reversal"), (100.0, "not_a_reversal")])
def test_the_span_says_over_which_distance_the_current_must_be_told_from_zero(span: float, verdict: str) -> None:
    # One level below the crossing six errors off zero; with the five levels beneath it 12 / (2 sqrt 6) = 2.4.
    currents = [0.5, -0.5, 0.4, -0.4, 0.0, -12, 40, 80, 120, 160, 200]
    assert found(iv(currents, se_pA=2.0), min_span_mV=span, open_pore="none").verdict == verdict


# From the command to the membrane


@pytest.mark.parametrize(
    ("sign", "added", "given", "expected"),
    [
        (1, -10.0, (math.nan, -100.0), (math.nan, -110.0)),
        (1, 4.0, (100.0, math.nan), (104.0, math.nan)),
        (-1, 10.0, (math.nan, -100.0), (110.0, math.nan)),
        (-1, -4.0, (100.0, math.nan), (math.nan, -104.0)),
    ],
)
def test_limits_change_sides_with_the_patch(
    sign: int, added: float, given: tuple[float, float], expected: tuple[float, float]
) -> None:
    result = classify.on_membrane(Result("no_crossing", low_mV=given[0], high_mV=given[1]), sign, added)
    assert (result.low_mV, result.high_mV) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("sign", "added", "expected"), [(1, -10.0, -67.0), (-1, 10.0, 67.0), (-1, 0.0, 57.0)])
def test_a_potential_on_the_membrane(sign: int, added: float, expected: float) -> None:
    result = classify.on_membrane(Result("reversal", potential_mV=-57.0, se_mV=0.7), sign, added)
    assert (result.potential_mV, result.se_mV) == (expected, 0.7)


@pytest.mark.parametrize("true_mV", [-130.0, 130.0])
def test_the_limit_of_an_inside_out_patch_holds_on_the_membrane(true_mV: float) -> None:
    """The membrane's current is 5 (V_m - E); the amplifier sees -I at -V."""
    result = found(iv(lambda command: -5 * (-command - true_mV)))
    on_membrane = classify.on_membrane(result, -1, 0.0)
    assert result.verdict == "no_crossing"
    assert on_membrane.low_mV <= true_mV or on_membrane.high_mV >= true_mV
    assert math.isnan(on_membrane.low_mV) != math.isnan(on_membrane.high_mV)
