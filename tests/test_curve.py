"""I-V curves: levels, axes, and what is subtracted with its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nernstfit.contract import schema
from nernstfit.contract.terms import Configuration, Leak
from nernstfit.reversal import capacitance, classify, curve, leak, registry, stability
from nernstfit.reversal.capacitance import Known
from nernstfit.reversal.classify import Criteria
from nernstfit.reversal.curve import Curve

LEVELS = np.arange(-100.0, 101.0, 10.0)
RAMP = np.linspace(-100.0, 60.0, 400)


def steps(current: np.ndarray, se_pA: float = 1.0, series_MOhm: float = 0.0, levels: np.ndarray = LEVELS) -> Curve:
    return curve.average(levels, current, np.full(len(levels), se_pA), series_MOhm)


def ramp(current: np.ndarray, speed: float, se_pA: float = 2.0, series_MOhm: float = 0.0) -> Curve:
    """A ramp at `speed` mV per ms; down where that is negative."""
    along = slice(None, None, 1 if speed > 0 else -1)
    speeds = np.full(400, speed)
    return curve.average(RAMP[along], current[along], np.full(400, se_pA), series_MOhm, speeds)


def found(iv: Curve) -> float:
    result = classify.find(iv, Criteria())
    assert result.verdict == "reversal", result.reason
    return result.potential_mV


# Levels


def test_a_factor_of_all_currents_of_a_repeat_is_no_scatter() -> None:
    level = np.arange(-100.0, 61.0, 10.0)
    noise = np.random.default_rng(1).normal(0, 1.0, (4, len(level)))
    each = np.array([1.0, 0.8, 0.6, 0.5])[:, None] * 5 * (level + 30) + noise
    iv = curve.average(np.tile(level, 4), each.ravel(), np.full(each.size, 1.0))
    assert iv.scatter < 1.3
    assert curve.average(np.tile(level, 4), (each + 20 * np.arange(4)[:, None]).ravel(), np.ones(each.size)).scatter > 9


def test_pieces_of_repeated_ramps_are_one_level_each() -> None:
    sweeps = [4.0 * (RAMP + 20) + offset for offset in (-3.0, 0.0, 3.0)]
    iv = curve.average(np.tile(RAMP, 3), np.concatenate(sweeps), np.full(1200, 1.0), 0.0, np.full(1200, 0.5))
    assert iv.size == 400
    assert iv.repeats.tolist() == [3] * 400
    assert iv.deviation_pA == pytest.approx(np.tile([-3.0, 0.0, 3.0], (400, 1)))
    assert iv.scatter == pytest.approx(math.sqrt(9.0 * 800 / 798))  # two factors of repeats are taken from 800


def test_ramps_of_other_speeds_are_repeats_whose_capacitive_current_is_no_scatter() -> None:
    speeds = np.repeat([0.2, 0.4, 0.8], 400)
    current = np.tile(4.0 * (RAMP + 20), 3) + 15.0 * speeds
    iv = curve.average(np.tile(RAMP, 3), current, np.full(1200, 1.0), 0.0, speeds)
    assert iv.scatter == 1.0
    assert np.abs(iv.deviation_pA).max() < 1e-9
    uncharged = capacitance.without_capacitive_current(iv, 15.0, 0.0)
    assert uncharged.current_pA == pytest.approx(4.0 * (RAMP + 20))


def test_the_speed_of_a_ramp_is_that_of_its_own_sweep() -> None:
    t = np.concatenate([np.arange(5) * 2.0, 100 + np.arange(5) * 1.0])
    v = np.concatenate([np.arange(5) * 3.0, 12 - np.arange(5) * 3.0])
    point = np.tile(np.arange(5), 2)
    assert curve.speed(v, t, point) == pytest.approx([1.5] * 5 + [-3.0] * 5)


def test_few_levels_of_a_ramp_average_their_pieces_and_their_errors() -> None:
    iv = ramp(4.0 * (RAMP + 20), 0.5)
    few = curve.coarse(iv)
    assert 8 <= few.size <= 40
    assert few.current_pA == pytest.approx(4.0 * (few.voltage_mV + 20))
    assert few.se_pA.max() < 2.0 / math.sqrt(400 / 32 - 2)
    assert curve.coarse(steps(LEVELS)).size == len(LEVELS)


# Series resistance and backgrounds


def test_the_background_of_500_pA_on_10_MOhm_is_subtracted_on_the_corrected_axes() -> None:
    """A channel that reverses at -40 mV on a background of 500 pA there, behind 10 MOhm."""
    g, e, b, r = 12.0, -40.0, 10.0, 10.0
    zero_b = e - 500.0 / b
    with_channel = (g * (LEVELS - e) + b * (LEVELS - zero_b)) / (1 + (g + b) * r * 1e-3)
    alone = b * (LEVELS - zero_b) / (1 + b * r * 1e-3)
    naive = steps(with_channel - alone)
    subtracted = leak.without_background(steps(with_channel, 1.0, r), steps(alone, 1.0, r))
    assert found(subtracted) == pytest.approx(e, abs=1e-6)
    assert abs(found(naive) - e) > 3


def test_a_background_has_its_own_errors() -> None:
    quiet, loud = (
        classify.find(leak.without_background(steps(10 * (LEVELS + 20.0)), steps(2 * LEVELS, se)), Criteria())
        for se in (0.01, 5.0)
    )
    assert loud.potential_mV == pytest.approx(-25.0, abs=1e-6)
    assert loud.se_mV > 3 * quiet.se_mV


def test_beyond_the_range_of_the_background_nothing_is_subtracted_and_nothing_kept() -> None:
    iv = leak.without_background(steps(10 * (LEVELS + 20.0)), steps(LEVELS[5:15], levels=LEVELS[5:15]))
    assert iv.voltage_mV.tolist() == LEVELS[5:15].tolist()


# Leaks


def test_every_leak_of_the_contract_has_its_method() -> None:
    assert list(leak.METHODS) == list(Leak)
    assert {value: leak.method(value).reference for value in ("none", "linear", "background", "epoch:AB")} == {
        "none": None,
        "linear": None,
        "background": "background",
        "epoch:AB": "leak",
    }
    assert [method.leak for method in leak.METHODS.values() if not method.sentence] == ["none"]


def activating(v: np.ndarray, e: float = 20.0) -> np.ndarray:
    return 15.0 * (v - e) / (1 + np.exp(-(v + 30) / 5))


def test_a_straight_leak_is_found_below_activation() -> None:
    iv = leak.without_linear(steps(activating(LEVELS) + 2.0 * (LEVELS + 10), 0.5))
    assert iv is not None
    assert found(iv) == pytest.approx(20.0, abs=0.3)
    assert iv.total_pA == pytest.approx(activating(LEVELS) + 2.0 * (LEVELS + 10))
    assert found(steps(activating(LEVELS) + 2.0 * (LEVELS + 10), 0.5)) < 18.0


def calcium(v: np.ndarray, leak_nS: float) -> np.ndarray:
    """Goldman current of Ca that opens around -15 mV and reverses at 60 mV, beside a leak through 0 mV."""
    u = 2 * (v + 1e-6) / 25.4
    current = 500 * u * (np.exp(-120 / 25.4) - np.exp(-u)) / (1 - np.exp(-u))
    return np.asarray(current / (1 + np.exp(-(v + 15) / 7)) + leak_nS * v)


@pytest.mark.parametrize("step_mV", [5.0, 10.0])
def test_what_the_straight_levels_may_hold_of_the_channels_is_in_the_error(step_mV: float) -> None:
    """Channels that begin to open below the last of them move a zero 100 mV above by 3 mV."""
    levels, errors = np.arange(-120.0, 101.0, step_mV), []
    for case in range(40):
        noise = np.random.default_rng(case).normal(0, 0.5, len(levels))
        iv = leak.without_linear(steps(calcium(levels, 0.2) + noise, 0.5, levels=levels))
        assert iv is not None
        errors += [(zero.potential_mV - 60) / zero.se_mV for zero in classify.zeros(iv, Criteria())]
    assert len(errors) >= 30
    assert np.mean(np.abs(errors) < 2) >= 0.9


def test_a_zero_that_the_error_of_a_leak_hides_is_ambiguous() -> None:
    """Three levels on a line, 120 mV below the zero."""
    levels = np.arange(-80.0, 101.0, 10.0)
    iv = leak.without_linear(steps(calcium(levels, 0.2), 0.5, levels=levels))
    assert iv is not None
    result = classify.find(iv, Criteria(is_subtracted=True))
    assert result.verdict == "ambiguous"
    assert "changes sign by less than the error of what was subtracted" in result.reason


@pytest.mark.parametrize("flat_pA", [-20.0, 20.0])
def test_a_flat_current_below_activation_is_no_leak(flat_pA: float) -> None:
    assert leak.without_linear(steps(activating(LEVELS) + flat_pA, 0.1)) is None
    assert leak.without_linear(steps(activating(LEVELS) + 0.2 * (LEVELS + 5 * flat_pA), 0.1)) is not None


def test_a_current_that_bends_from_the_lowest_levels_on_has_no_straight_leak() -> None:
    assert leak.without_linear(steps(0.05 * (LEVELS + 100) ** 2, 0.5)) is None


def test_below_activation_is_at_the_highest_command_of_an_inside_out_patch() -> None:
    turned = -(activating(-LEVELS) + 2.0 * (-LEVELS + 10))
    iv = leak.without_linear(steps(turned, 0.5), sign=-1)
    assert iv is not None
    assert found(iv) == pytest.approx(-20.0, abs=0.3)


def test_a_current_that_falls_with_the_voltage_is_no_leak() -> None:
    assert leak.without_linear(steps(-2.0 * LEVELS, 0.5)) is None


def test_the_recorded_voltage_takes_the_place_of_its_levels_command() -> None:
    rng = np.random.default_rng(1)
    command = np.tile(LEVELS, 3)
    recorded = command + 4.0 + rng.normal(0, 0.1, 63)
    iv = curve.average(command, 5 * command, np.ones(63), recorded_mV=recorded)
    assert iv.repeats.tolist() == [3] * 21
    assert iv.command_mV == pytest.approx(LEVELS + 4.0, abs=0.3)


def test_the_error_of_a_leak_far_off_is_that_of_its_line() -> None:
    """Four levels from -100 to -70 mV, carried to 0 mV: by the textbook's formula of a prediction."""
    lowest = LEVELS[:4]
    prepulse = steps(2.0 * lowest, 1.0, levels=lowest)
    iv = leak.without_epoch(steps(np.zeros(21), 1e-6), prepulse)
    x = lowest - lowest.mean()
    expected = math.sqrt(1 / 4 + (0 - lowest.mean()) ** 2 / float(x @ x))
    assert curve.total_se_pA(iv)[LEVELS == 0] == pytest.approx([expected], rel=1e-6)


def test_a_leak_that_is_not_straight_is_not_carried_beyond_its_range() -> None:
    inner = LEVELS[(LEVELS >= -50) & (LEVELS <= 50)]
    prepulse = steps(0.02 * (inner + 60) ** 2, 0.1, levels=inner)
    iv = leak.without_epoch(steps(activating(LEVELS) + 0.02 * (LEVELS + 60) ** 2), prepulse)
    assert iv.voltage_mV.tolist() == inner.tolist()
    assert found(iv) == pytest.approx(20.0, abs=0.05)


# Capacitive current


@pytest.mark.parametrize("series", [0.0, 3.0])
def test_a_pair_of_ramps_determines_the_capacitance_behind_a_series_resistance(series: float) -> None:
    rng = np.random.default_rng(2)
    g, e, c, s = 8.0, -15.0, 20.0, 0.5
    share = 1 / (1 + g * series * 1e-3)
    up, down = (
        ramp((g * (RAMP - e) + c * way * s) * share + 2 * rng.standard_normal(400), way * s, 2.0, series)
        for way in (1, -1)
    )
    estimated = capacitance.estimate(up, down, Known())
    assert estimated.source == "pair"
    assert not estimated.has_hysteresis
    assert estimated.subtracted_pF == pytest.approx(c, abs=4 * estimated.se_pF)
    assert estimated.se_pF < 0.5
    iv = capacitance.without_capacitive_current(up, estimated.subtracted_pF, estimated.se_pF)
    assert found(iv) == pytest.approx(e, abs=0.2)
    assert found(up) == pytest.approx(e - c * s / g, abs=0.2)


def test_channels_that_open_on_the_way_are_no_capacitance() -> None:
    up, down = ramp(8.0 * (RAMP + 15), 0.5), ramp(20.0 * (RAMP + 15), -0.5)
    estimated = capacitance.estimate(up, down, Known(12.0))
    assert estimated.has_hysteresis
    assert (estimated.subtracted_pF, estimated.source) == (12.0, "table")


def test_an_unknown_capacitance_has_the_possible_size_that_the_corner_shows() -> None:
    estimated = capacitance.estimate(ramp(8.0 * (RAMP + 15), 0.5), None, Known(corner_pF=3.0, corner_se_pF=4.0))
    assert (estimated.subtracted_pF, estimated.se_pF, estimated.limit_pF, estimated.source) == (
        0.0,
        0.0,
        pytest.approx(3.0 + stats.norm.ppf(0.95) * 4.0),
        "unknown",
    )


@pytest.mark.parametrize(
    ("configuration", "limit_pF"), [("whole-cell", 70.7), ("inside-out", 2.0), ("two-electrode", 382_000)]
)
def test_without_a_corner_the_limit_is_that_of_the_configuration(configuration: str, limit_pF: float) -> None:
    known = Known(configuration=Configuration(configuration))
    assert capacitance.estimate(ramp(RAMP, 0.5), None, known).limit_pF == pytest.approx(limit_pF, rel=1e-2)


# Estimators


def test_the_configuration_allows_the_estimators_of_the_registry() -> None:
    assert schema.allowed("measure", "estimator") == registry.names()
    with pytest.raises(KeyError):
        registry.get("unknown")


@pytest.mark.parametrize("name", registry.names())
def test_an_estimator_is_checked_by_another_and_described(name: str) -> None:
    estimator = registry.get(name)
    assert estimator.name == name
    assert estimator.second in set(registry.names()) - {name}
    assert estimator.sentence.startswith("the zero of ")
    assert estimator.reference.startswith(estimator.citation)
    assert bool(estimator.reference) == bool(estimator.citation)


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("e", [-60.0, -12.0, 0.0, 25.0])
def test_every_estimator_finds_the_zero_of_a_ghk_current(name: str, e: float) -> None:
    u = np.where(np.abs(LEVELS) < 1e-9, 1e-9, LEVELS) / 25.43
    current = 10 * 25.43 * u * (1 - np.exp(-(LEVELS - e) / 25.43)) / (1 - np.exp(-u))
    zero = registry.get(name).zero(steps(current, 0.2), (-95.0, 95.0), 21.97)
    assert zero.potential_mV == pytest.approx(e, abs=0.02)
    assert zero.slope_nS == pytest.approx(10 * _slope(e), rel=0.02)
    assert 0 < zero.se_mV < 0.1


def _slope(e: float) -> float:
    u = e / 25.43
    return u / (1 - math.exp(-u)) if u else 1.0


def test_the_rectification_of_a_ghk_fit_is_free() -> None:
    """Outward three times as large as GHK has it for this zero: two conductances that meet smoothly."""
    v, e, thermal = LEVELS, -30.0, 25.43
    u, lam = (v - e) / thermal, 1.3
    phi = (u + lam) / (1 - np.exp(-(u + lam))) * (1 - np.exp(-lam)) / lam
    zero = registry.get("ghk").zero(steps(6.0 * thermal * phi * (1 - np.exp(-u)), 0.1), (-95.0, 95.0), 21.97)
    assert zero.potential_mV == pytest.approx(e, abs=1e-3)
    assert zero.slope_nS == pytest.approx(6.0, rel=1e-3)


def test_estimators_that_disagree_are_reported() -> None:
    sharp = np.where(LEVELS < 5.0, 6.0, 9.0) * (LEVELS - 5.0)
    result = classify.find(steps(sharp, 0.2), Criteria(estimator="ghk"))
    assert result.verdict == "reversal"
    assert result.disagrees
    straight = classify.find(steps(5 * (LEVELS - 3.0), 0.2), Criteria())
    assert not straight.disagrees
    assert straight.disagreement_mV == pytest.approx(0.0, abs=1e-6)


def test_an_estimator_without_a_zero_is_ambiguous_and_named() -> None:
    three = np.array([-40.0, 0.0, 40.0])  # a GHK current has three parameters
    result = classify.find(steps(5 * (three - 3), 0.05, levels=three), Criteria(estimator="ghk"))
    assert result.verdict == "ambiguous"
    assert "'ghk'" in result.reason


def test_repeats_that_drift_are_reported_and_enlarge_the_error() -> None:
    moving = np.concatenate([5 * (LEVELS - zero) for zero in (-4.0, -2.0, 0.0, 2.0, 4.0)])
    iv = curve.average(np.tile(LEVELS, 5), moving, np.full(105, 1.0))
    still = curve.average(np.tile(LEVELS, 5), np.tile(5 * LEVELS, 5), np.full(105, 1.0))
    results = [classify.find(each, Criteria()) for each in (iv, still)]
    drift, se = stability.drift(iv, results[0].zero)
    assert drift == pytest.approx(8.0, abs=0.05)
    assert abs(drift) > 10 * se
    assert stability.drift(still, results[1].zero)[0] == pytest.approx(0.0, abs=1e-9)
    assert results[0].se_mV > 5 * results[1].se_mV
