"""Zeros that move: over repeats in any order of the sweeps, along the epoch, and to that of the settled current."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from nernstfit.contract import settings
from nernstfit.contract.terms import Configuration, Role
from nernstfit.reversal.flags import flags_of
from nernstfit.reversal.measure import Measurement, measure
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.quantiles import Z_95
from nernstfit.reversal.settling import Settling
from nernstfit.reversal.states import told_apart

LEVELS = np.arange(-100.0, 61.0, 10.0)
SETTLING = (Role.SETTLING_1, Role.SETTLING_2, Role.SETTLING_3)
FOLLOWING = (Role.FOLLOWING_1, Role.FOLLOWING_2)
MIDDLES_MS = dict(zip((*SETTLING, *FOLLOWING), (25.0, 35.0, 45.0, 54.0, 58.0), strict=True))
Current = Callable[[np.ndarray, np.ndarray], np.ndarray]


def measured(
    order: np.ndarray,
    current: Current,
    early: Current | None = None,
    first_sweep: int = 0,
    later: Mapping[Role, Current] | None = None,
    times: Mapping[str, float] | None = None,
    max_interval_mV: float = 10.0,
) -> Measurement:
    """Measure steps whose levels, in the order of the sweeps, and currents are given; early: in the early window.

    The three parts in which the current settles are 10 ms apart.
    """
    rng, sweep = np.random.default_rng(1), first_sweep + np.arange(len(order))
    given = ((Role.SIGNAL, current), (Role.EARLY, early), *(later or {}).items())
    parts = [(role, of_role) for role, of_role in given if of_role is not None]
    values = [of_role(order, sweep) + 0.5 * rng.standard_normal(len(order)) for _, of_role in parts]
    count = len(parts) * len(order)
    points = {
        "role": np.repeat(np.array([str(role) for role, _ in parts], dtype=object), len(order)),
        "sweep": np.tile(sweep, len(parts)),
        "point": np.zeros(count, dtype=int),
        "t_ms": np.repeat([MIDDLES_MS.get(role, 50.0) for role, _ in parts], len(order)),
        "command_mV": np.tile(order, len(parts)),
        "recorded_mV": np.full(count, math.nan),
        "current_pA": np.concatenate(values),
        "se_pA": np.full(count, 0.5),
    }
    windows = {"window_from_ms": 60.0, "window_to_ms": 95.0, "early_from_ms": 2.0, "early_to_ms": 22.0} | (times or {})
    facts = Facts(**{each.name: windows.get(each.name, math.nan) for each in dataclasses.fields(Facts)})
    how = dataclasses.replace(settings.default_measure(), max_interval_mV=max_interval_mV)
    procedure = Procedure(how, 22.0, Configuration.WHOLE_CELL, None, None)
    return measure(points, facts, procedure)


@pytest.mark.parametrize("distance_mV", [14.0, 45.0])
def test_repeats_of_interleaved_sweeps_are_named_by_their_own_sweeps(distance_mV: float) -> None:
    """Every level twice in succession: the repeats are the even and the odd sweeps."""
    order = np.repeat(LEVELS, 2)
    found = measured(order, lambda v, sweep: 5 * (v + 30 - distance_mV * (sweep % 2)), first_sweep=4).result
    assert found.verdict == "ambiguous"
    even, odd = (",".join(map(str, range(start, 4 + len(order), 2))) for start in (4, 5))
    assert found.remedy == f"sweeps={even}|sweeps={odd}"
    assert f"sweeps {even} -30." in found.reason or f"sweeps {even} -29." in found.reason


def test_repeats_one_after_the_other_are_ranges() -> None:
    found = measured(np.tile(LEVELS, 3), lambda v, sweep: 5 * (v + 30 - 14 * (sweep >= 34))).result
    assert found.remedy == "sweeps=0-33|sweeps=34-50"


def test_repeats_that_agree_have_one_zero() -> None:
    assert measured(np.tile(LEVELS, 3), lambda v, _: 5 * (v + 30)).result.verdict == "reversal"


@pytest.mark.parametrize("off_mV", [6.0, 40.0])
def test_repeats_of_which_one_is_off_have_the_interval_of_few(off_mV: float) -> None:
    """Neither a drift nor a state of several repeats: what three show of their scatter is known to a factor of four."""
    order, zeros_mV = np.tile(LEVELS, 3), np.array([-30.0, -30.0 + off_mV, -30.0])
    found = measured(order, lambda v, sweep: 5 * (v - zeros_mV[sweep // len(LEVELS)]))
    if found.result.verdict == "reversal":
        low_mV, high_mV = (found.result.potential_mV + side * Z_95 * found.total_se_mV for side in (-1, 1))
        assert low_mV <= -30.0 <= high_mV
    else:
        assert found.result.verdict == "ambiguous"
    even = measured(order, at(-30.0))
    assert even.scatter_se_mV == 0
    assert found.scatter_se_mV > 0 or found.states.spans or found.result.verdict == "ambiguous"


def test_an_inactivated_current_beside_its_leak_is_seen_in_the_early_window() -> None:
    """Both currents cross zero where the leak does; the early one also where the channel does."""

    def leak(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 1.0 * (v + 65)

    def early(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return leak(v, sweep) + 20 * (v - 50) / (1 + np.exp(-(v + 20) / 5))

    found = measured(LEVELS, leak, early).result
    assert found.verdict == "ambiguous"
    assert "from 2 to 22 ms" in found.reason
    assert "-65." in found.reason
    assert measured(LEVELS, leak, leak).result.verdict == "reversal"


def test_a_tail_that_has_decayed_is_named_although_its_window_has_no_valid_zero() -> None:
    def late(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 0.3 * (v + 15) * (v > -30) - 8.0 * (v < -65) * (v + 65) ** 2 / 100

    def early(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return late(v, sweep) + 6 * (v + 20)

    refused, found = (measured(LEVELS, late, of_early).result for of_early in (late, early))
    assert refused.verdict in ("not_a_reversal", "no_crossing")
    assert found.verdict == "ambiguous"
    assert refused.reason in found.reason
    assert "from_ms: 2 and to_ms: 4 for a tail" in found.reason
    assert found.remedy == "from_ms=2;to_ms=4"
    assert "-19." in found.reason or "-20." in found.reason


def test_an_early_current_that_stays_changes_no_verdict() -> None:
    def opening(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 0.5 * (v + 20) + 20 * (v + 85) / (1 + np.exp(-(v + 25) / 4))

    for early in (opening, lambda v, sweep: opening(v, sweep) + 1.0 * (v + 20), lambda v, _: 0.5 * (v + 20)):
        assert measured(LEVELS, opening, early).result.verdict == "not_a_reversal"


def at(zero_mV: float) -> Current:
    return lambda v, _: 5.0 * (v - zero_mV)


@pytest.mark.parametrize("shift_mV", [-2.0, 1.0])
def test_a_small_shift_along_the_epoch_is_in_the_interval(shift_mV: float) -> None:
    found = measured(LEVELS, at(-30.0), at(-30.0 + shift_mV))
    assert found.result.verdict == "reversal"
    assert dict(flags_of(found))["moves"] == pytest.approx(-shift_mV, abs=0.2)
    assert 1.2 * abs(shift_mV) < 1.96 * found.further_se_mV < 1.8 * abs(shift_mV)
    still = measured(LEVELS, at(-30.0), at(-30.0))
    assert "moves" not in dict(flags_of(still))
    assert still.further_se_mV == 0


def test_a_shift_within_the_window_of_a_short_step_is_told() -> None:
    times = {"window_from_ms": 6.0, "window_to_ms": 9.5, "early_from_ms": 6.0, "early_to_ms": 7.75}
    times |= {"middle_from_ms": 7.75, "middle_to_ms": 9.5}
    found = measured(LEVELS, at(-30.0), at(-33.3), later={Role.MIDDLE: at(-27.3)}, times=times).result
    assert found.verdict == "ambiguous"
    assert "the zero moves within the window: -33." in found.reason
    assert "to 7.75 ms, -27." in found.reason
    near = measured(LEVELS, at(-30.0), at(-31.0), later={Role.MIDDLE: at(-29.0)}, times=times)
    assert near.result.verdict == "reversal"
    assert dict(flags_of(near))["moves"] == pytest.approx(2.0, abs=0.3)
    assert measured(LEVELS, at(-30.0), at(-30.0), later={Role.MIDDLE: at(-30.0)}, times=times).further_se_mV == 0


def settling(of_part: Callable[[float], Current], window: float = 1.5) -> Measurement:
    """Measure a current that is given as a function of time in parts, 2 being the last one."""
    parts = {role: of_part(float(time)) for time, role in enumerate(SETTLING)}
    times = {"early_from_ms": math.nan, "early_to_ms": math.nan, "window_from_ms": 30.0, "window_to_ms": 50.0}
    return measured(LEVELS, of_part(window), later=parts, times=times)


def charged(first_nS: float, times: float) -> Callable[[float], Current]:
    """Current of 5 nS that reverses at -10 mV, and the charge of steps from -80 mV with a time constant in parts."""
    return lambda time: lambda v, _: 5.0 * (v + 10) + first_nS * (v + 80) * math.exp(-time / times)


@pytest.mark.parametrize("times", [1.0, 2.0, 4.0])
def test_the_zero_of_a_slow_clamp_is_told_with_that_of_the_settled_current(times: float) -> None:
    found = settling(charged(3.0, times))
    left_nS = 3.0 * math.exp(-1.5 / times)
    assert found.result.verdict == "ambiguous"
    assert found.settling.distance_mV == pytest.approx(70 * left_nS / (5 + left_nS), abs=1.0)
    assert found.settling.tau_ms == pytest.approx(10 * times, rel=0.1)
    shown, settled = re.findall(r"(-?[\d.]+) mV", found.result.reason)[:2]
    assert float(shown) == pytest.approx(-10 - found.settling.distance_mV, abs=1.0)
    assert float(settled) == pytest.approx(-10, abs=1.0)
    assert "series resistance x capacitance" in found.result.reason


def test_a_zero_that_settles_by_less_is_in_the_interval() -> None:
    found = settling(charged(0.4, 1.5))
    assert found.result.verdict == "reversal"
    distance_mV = 70 * 0.4 * math.exp(-1.0) / (5 + 0.4 * math.exp(-1.0))
    assert dict(flags_of(found))["moves"] == pytest.approx(distance_mV, abs=0.3)
    assert Z_95 * found.further_se_mV > distance_mV


def test_a_later_window_is_proposed_where_the_current_settles_in_it() -> None:
    found = settling(lambda time: charged(1.2 if time < 1.6 else 0.0, 0.2)(time), window=0.05).result
    assert found.verdict == "ambiguous"
    assert found.remedy == "from_ms=45;to_ms=50"


@pytest.mark.parametrize("shift_mV", [0.3, -0.3, 1.0])
def test_a_zero_that_moves_along_a_straight_line_does_not_settle(shift_mV: float) -> None:
    found = settling(lambda time: at(-30.0 + shift_mV * time), window=2.0).result
    assert found.verdict == "ambiguous"
    assert "moves towards" in found.reason


@pytest.mark.parametrize("opening", [lambda t: 1.0, lambda t: math.exp(-t), lambda t: 1 - 0.9 * math.exp(-t / 2)])
def test_a_conductance_that_changes_leaves_the_zero_where_it_is(opening: Callable[[float], float]) -> None:
    def gated(time: float) -> Current:
        return lambda v, _: 5.0 * opening(time) * (v + 30) * (1 + 0.3 * np.exp(-(((v - 20) / 30) ** 2)) * opening(time))

    found = settling(gated)
    assert found.result.verdict == "reversal"
    assert found.settling == Settling()


def test_noise_of_the_parts_does_not_move_a_zero() -> None:
    assert settling(lambda _: at(-30.0)).further_se_mV == 0


def test_the_interval_reaches_to_both_ends_of_a_drift() -> None:
    found = measured(np.tile(LEVELS, 4), lambda v, sweep: 5 * (v + 30 - 0.06 * sweep))
    assert found.result.verdict == "reversal"
    drift_mV = dict(flags_of(found))["drift"]
    assert drift_mV == pytest.approx(3 * 17 * 0.06, abs=0.4)
    assert found.further_se_mV * 1.96 == pytest.approx(drift_mV / 2, rel=1e-3)


# States with zeros of their own


def of_repeats(zeros_mV: Sequence[float]) -> Measurement:
    """Measure one series of steps at each zero, in their order."""
    each = np.asarray(zeros_mV)
    return measured(np.tile(LEVELS, len(each)), lambda v, sweep: 5.0 * (v - each[sweep // len(LEVELS)]))


@pytest.mark.parametrize(
    ("zeros_mV", "spans"),
    [
        ([-30.0, *[-22.0] * 7], ("0-16", "17-135")),
        ([*[-22.0] * 7, -25.0], ("0-118", "119-135")),
        ([-30.0] * 3 + [-25.0] * 3, ("0-50", "51-101")),
        ([-30.0, *[-24.0] * 5], ("0-16", "17-101")),
        ([-30.0, -24.0] * 2, ("0-16,34-50", "17-33,51-67")),
        ([-32.0] * 4 + [-28.0] * 4 + [-24.0] * 4, ("0-67", "68-135", "136-203")),
    ],
)
def test_the_interval_reaches_to_the_zero_of_each_state(zeros_mV: list[float], spans: tuple[str, ...]) -> None:
    found = of_repeats(zeros_mV)
    assert found.result.verdict == "reversal"
    values = found.values()
    assert values["remedy"] == "|".join(f"sweeps={span}" for span in spans)
    assert all(f"{span} " in values["states"] for span in spans)
    assert dict(flags_of(found))["states"] == pytest.approx(np.ptp(zeros_mV), abs=0.3)
    assert "drift" not in dict(flags_of(found))
    below_mV, above_mV = found.reach_mV
    assert found.result.potential_mV - below_mV < min(zeros_mV)
    assert found.result.potential_mV + above_mV > max(zeros_mV)
    assert below_mV + above_mV < np.ptp(zeros_mV) + 1.0


def test_states_that_leave_too_long_an_interval_are_named() -> None:
    result = of_repeats([-30.0, *[-20.1] * 7]).result
    assert result.verdict == "ambiguous"
    assert "sweeps 0-16 -30." in result.reason or "sweeps 0-16 -29." in result.reason
    assert result.remedy == "sweeps=0-16|sweeps=17-135"


def test_scatter_drifts_and_single_outliers_are_no_states() -> None:
    scattered = list(-30 + np.random.default_rng(5).normal(0, 1.5, 12))
    outlier = [-30.0] * 5 + [-25.0] + [-30.0] * 5
    for zeros_mV in ([-30.0] * 8, scattered, list(np.linspace(-30, -24, 10)), outlier, [-30.0] * 4 + [-29.3] * 4):
        found = of_repeats(zeros_mV)
        assert found.reach_mV == (0.0, 0.0)
        assert "states" not in dict(flags_of(found))
        assert found.values()["states"] == found.values()["remedy"] == ""


def test_noise_and_scatter_are_seldom_states() -> None:
    rng = np.random.default_rng(3)
    for scatter, most in ((0.0, 0), (1.0, 1), (5.0, 20)):
        zeros_mV = rng.normal(0.0, 0.5 * math.hypot(1.0, scatter), (200, 10))
        assert sum(bool(told_apart(each - each.mean(), 0.5)[0]) for each in zeros_mV) <= most


def test_a_level_that_is_not_used_is_counted() -> None:
    def broken(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 5 * (v + 30) + np.where(v == 40, 900.0, 0.0)

    flags = dict(flags_of(measured(LEVELS, broken)))
    assert flags["levels_left_out"] == 1
    assert "levels_left_out" not in dict(flags_of(measured(LEVELS, lambda v, _: 5 * (v + 30))))


# A tail, and what is left of it late in the epoch


@pytest.mark.parametrize("leak_nS", [0.5, 2.0, 10.0])
def test_what_is_left_of_a_tail_shifts_its_zero_as_its_conductance_beside_that_of_the_tail(leak_nS: float) -> None:
    """A tail of 5 nS that reverses at -60 mV, and a leak that reverses at 0 mV."""

    def left(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return leak_nS * v

    def tail(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 5.0 * (v + 60.0) + left(v, sweep)

    found = measured(LEVELS, tail, later={Role.LATE: left}, max_interval_mV=100.0)
    shift_mV = -60.0 * leak_nS / (5.0 + leak_nS)
    assert found.result.potential_mV == pytest.approx(-60.0 - shift_mV, abs=0.2)
    assert dict(flags_of(found))["left_of_tail"] == pytest.approx(shift_mV, abs=0.3)
    below_mV, above_mV = found.reach_mV
    assert below_mV == pytest.approx(-shift_mV, abs=0.5)
    assert below_mV > found.result.potential_mV + 60.0
    assert above_mV == 0.0


@pytest.mark.parametrize("leak_nS", [0.05, 0.5])
def test_a_tail_that_goes_on_at_its_zero_shows_its_leak_where_it_decays(leak_nS: float) -> None:
    """Channels that close within 20 ms at -60 mV, and not within the step at 24 mV, where they reverse."""

    def left(v: np.ndarray, after_ms: float) -> np.ndarray:
        return 8.0 * (v - 24.0) * np.exp(-after_ms / (20.0 * np.exp((v + 60.0) / 12.0))) + leak_nS * v

    later = {Role.LATE: lambda v, _: left(v, 100.0)}
    found = measured(LEVELS, lambda v, _: left(v, 2.0), later=later)
    assert found.result.verdict == "reversal", found.result.reason
    rest, at_mV = found.rest_of_tail, found.result.potential_mV
    assert rest is not None
    assert abs(at_mV + rest.shift_mV - 24.0) < 0.3
    assert found.reach_mV[1] >= 24.0 - at_mV - 0.3
    assert found.reach_mV[1] < 24.0 - at_mV + 1.0


def test_a_tail_beside_a_large_leak_has_no_number() -> None:
    found = measured(LEVELS, lambda v, _: 5.0 * (v + 60.0) + 2.0 * v, later={Role.LATE: lambda v, _: 2.0 * v})
    assert found.result.verdict == "ambiguous"
    assert "late in the epoch" in found.result.reason
    assert found.result.remedy == ""


def test_what_is_left_of_a_tail_at_its_own_zero_shifts_nothing() -> None:
    found = measured(LEVELS, at(-30.0), later={Role.LATE: lambda v, _: 1.0 * (v + 30.0)})
    assert "left_of_tail" in dict(flags_of(found))
    assert dict(flags_of(found))["left_of_tail"] is None
    assert max(found.reach_mV) < 2 * Z_95 * found.result.se_mV


def test_a_current_that_does_not_decay_is_no_tail() -> None:
    still, opening = (lambda v, _, g=g: g * (v + 30.0) for g in (5.0, 9.0))
    for late in (still, opening):
        assert "left_of_tail" not in dict(flags_of(measured(LEVELS, at(-30.0), later={Role.LATE: late})))


def opened(v: np.ndarray, half_mV: float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp((half_mV - v) / 8.0))


def sodium(v: np.ndarray) -> np.ndarray:
    return 12.0 * opened(v, -30.0) * (v - 50.0)


@pytest.mark.parametrize(
    ("at_peak", "size_mV", "verdict"),
    [(0.0, 0.5, "reversal"), (1.0, 0.5, "reversal"), (0.3, 40.0, "ambiguous"), (1.0, 40.0, "ambiguous")],
)
def test_channels_that_open_after_a_peak_reach_as_far_as_all_of_them(
    at_peak: float, size_mV: float, verdict: str
) -> None:
    """Sodium beside potassium channels of another reversal potential, of which a part is open at the peak."""

    def potassium(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 12.0 * size_mV / 130.0 * opened(v, 0.0) * (v + 80.0)

    def peak(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return sodium(v) + at_peak * potassium(v, sweep)

    found = measured(LEVELS, peak, later={Role.LATE: potassium})
    assert found.result.verdict == verdict, found.result.reason
    if verdict == "reversal":
        (_, above_mV), error_mV = found.reach_mV, Z_95 * found.result.se_mV
        assert found.result.potential_mV - error_mV < 50.0 < found.result.potential_mV + math.hypot(above_mV, error_mV)
    else:
        assert "late in the epoch" in found.result.reason


def test_channels_closed_at_their_reversal_potential_beside_a_leak_have_no_zero() -> None:
    """A current that reverses at -90 mV and opens from -60 mV on: the zero is a balance with the leak."""

    def leak(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 0.14 * v

    def peak(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 2.0 * (1.0 / (1.0 + np.exp((-40.0 - v) / 18.0))) ** 2 * (v + 90.0) + leak(v, sweep)

    assert measured(LEVELS, peak).result.potential_mV > -60.0
    found = measured(LEVELS, peak, later={Role.LATE: leak})
    assert found.result.verdict == "ambiguous"
    assert "leaves none that reverses near the zero" in found.result.reason


@pytest.mark.parametrize(("leak_nS", "own_mV"), [(2.0, -30.0), (1.0, -68.0)])
def test_a_leak_before_channels_open_with_hyperpolarisation_is_told(leak_nS: float, own_mV: float) -> None:
    """Channels that open with hyperpolarisation within the step, beside a leak that reverses at -65 mV."""
    levels = np.arange(-140.0, -39.0, 10.0)

    def leak(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return leak_nS * (v + 65.0)

    def late(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 10.0 * opened(-v, 95.0 if own_mV > -65.0 else 60.0) * (v - own_mV) + leak(v, sweep)

    found = measured(levels, late, early=leak, max_interval_mV=100.0)
    assert found.result.flattens is not None
    flags = dict(flags_of(found))
    shift_mV = flags["before_opening"]
    if own_mV > -65.0:
        assert shift_mV is None
    else:
        assert shift_mV == pytest.approx(own_mV - found.result.potential_mV, abs=0.5)
    assert "before_opening" not in dict(flags_of(measured(levels, late, early=late, max_interval_mV=100.0)))


TAIL_MS, LEAK_NS, OF_WINDOW = 40.0, 0.3, {"window_from_ms": 2.0, "window_to_ms": 6.0}
TAIL_NS = 10.0 * math.exp(-4.0 / TAIL_MS)
BESIDE_LEAK_MV = -70.0 * TAIL_NS / (TAIL_NS + LEAK_NS)


def behind(beside: Callable[[np.ndarray, float], np.ndarray]) -> Measurement:
    """Measure a tail of 10 nS that reverses at -70 mV beside a leak and another current, in windows of 4 ms."""

    def at_ms(t: float) -> Current:
        tail_nS = 10.0 * math.exp(-t / TAIL_MS)
        return lambda v, _: tail_nS * (v + 70.0) + LEAK_NS * v + beside(v, t)

    later = {role: at_ms(t) for role, t in zip((*FOLLOWING, Role.LATE), (8.0, 12.0, 300.0), strict=True)}
    return measured(LEVELS, at_ms(4.0), later=later, times=OF_WINDOW)


@pytest.mark.parametrize("tau_ms", [1.0, 3.0, 10.0])
def test_a_zero_that_moves_on_behind_a_window_is_that_of_no_tail(tau_ms: float) -> None:
    """A capacitive transient of a step from 40 mV, which moves the zero by 11 mV in the window."""
    found = behind(lambda v, t: math.exp((4.0 - t) / tau_ms) * (v - 40.0)).result
    assert found.verdict == "ambiguous"
    assert "the zero moves on after the window: from -" in found.reason
    assert "at 2 to 6 ms" in found.reason
    place = re.search(r"towards (-[\d.]+) mV", found.reason)
    assert place is not None
    # A transient that decays nearly as slowly as the tail is extrapolated with a part of it.
    assert float(place.group(1)) == pytest.approx(BESIDE_LEAK_MV, abs=1.0 if tau_ms < 8.0 else 3.0)
    assert "choose a later window, from about from_ms: " in found.reason


def test_a_small_part_of_a_transient_is_in_the_interval() -> None:
    found = behind(lambda v, t: 0.15 * math.exp((4.0 - t) / 3.0) * (v - 40.0))
    assert found.result.verdict == "reversal"
    assert dict(flags_of(found))["moves"] == pytest.approx(BESIDE_LEAK_MV - found.result.potential_mV, abs=0.5)
    assert found.result.potential_mV - BESIDE_LEAK_MV > 5 * found.result.se_mV
    assert found.result.potential_mV - BESIDE_LEAK_MV < Z_95 * found.total_se_mV + 0.1


def test_a_tail_beside_its_leak_keeps_its_zero_behind_the_window() -> None:
    found = behind(lambda v, _: 0.0 * v)
    assert found.result.verdict == "reversal"
    assert "moves" not in dict(flags_of(found))
    assert found.total_se_mV == found.result.se_mV


def test_channels_that_recover_from_inactivation_move_the_zero_beside_their_leak() -> None:
    """The tail rises in the window: its share of the current grows, and nothing late is less than it."""

    def at_ms(t: float) -> Current:
        return lambda v, _: 10.0 * (1 - math.exp(-t / 8.0)) * (v + 90.0) + 1.0 * v

    later = {role: at_ms(t) for role, t in zip((*FOLLOWING, Role.LATE), (8.0, 12.0, 60.0), strict=True)}
    found = measured(LEVELS, at_ms(4.0), later=later, times=OF_WINDOW).result
    assert found.verdict == "ambiguous"
    assert "after the window" in found.reason


def test_a_current_that_is_evoked_within_the_step_is_seen_between_its_start_and_the_window() -> None:
    def leak(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 2.0 * (v + 60)

    def evoked(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return leak(v, sweep) + 1.5 * v

    quiet = dict.fromkeys(SETTLING, leak)
    assert measured(LEVELS, leak, leak, later=quiet).result.verdict == "reversal"
    found = measured(LEVELS, leak, leak, later=quiet | {Role.SETTLING_2: evoked}).result
    assert found.verdict == "ambiguous"
    zeros = [float(mV) for mV in re.findall(r"(-?[\d.]+) mV from", found.reason)]
    assert zeros == pytest.approx([-60.0, -34.3, -60.0, -60.0], abs=0.5)
    assert "leak=background" in found.remedy


@pytest.mark.parametrize(("before_mV", "remedy"), [(-80.0, "from_ms=86.25;to_ms=95"), (40.0, "from_ms=2;to_ms=4")])
def test_what_decays_decides_which_window_is_proposed(before_mV: float, remedy: str) -> None:
    """A charge is proportional to the step; a tail has its own zero."""

    def late(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 5.0 * (v + 10)

    def early(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return late(v, sweep) + 3.0 * (v + 80)

    def holding(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.full_like(v, -350.0)

    times = {"prepulse_mV": before_mV - LEVELS[0]}  # the first level stands for that at which the sweeps start
    found = measured(LEVELS, late, early, later={Role.HOLDING: holding}, times=times).result
    assert found.verdict == "ambiguous"
    assert found.remedy == remedy


# Order of the sweeps


def over_repeats(factor_to: float, drift_pA: float) -> Measurement:
    """Measure four series of steps of 5 nS whose currents end at a part of their size, on a baseline that drifts."""
    order = np.tile(LEVELS, 4)

    def current(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        done = sweep / (len(order) - 1)
        return 5.0 * (v + 30) * (1 + (factor_to - 1) * done) + drift_pA * done

    return measured(order, current, later={Role.HOLDING: lambda v, sweep: current(np.full_like(v, -100.0), sweep)})


@pytest.mark.parametrize("factor_to", [0.4, 0.7, 1.5])
def test_a_current_that_runs_down_over_repeats_keeps_its_zero(factor_to: float) -> None:
    found = over_repeats(factor_to, 0.0)
    assert found.result.verdict == "reversal"
    assert abs(found.result.potential_mV + 30) < Z_95 * found.total_se_mV < 1.0
    assert over_repeats(1.0, 350.0 * (1 - factor_to)).result.verdict == "ambiguous"


# A drift of the holding current over one series of steps


def open_pore(v: np.ndarray) -> np.ndarray:
    """Current in pA that reverses at -30 mV through a pore that follows the Goldman-Hodgkin-Katz equation."""
    u, ratio = v / 25.43 + 1e-9, math.exp(-30.0 / 25.43)
    return np.asarray(200 * (u / -np.expm1(-u) - ratio * u / np.expm1(u)))


def inward(v: np.ndarray) -> np.ndarray:
    """Current in pA that reverses at -30 mV through an inward rectifier."""
    return np.asarray(8 * (v + 30) / (1 + np.exp((v + 20) / 15)))


def over_series(pore: Callable[[np.ndarray], np.ndarray], factor: np.ndarray, drift_pA: np.ndarray) -> Measurement:
    """Measure a pore whose current changes by a factor, on a baseline that drifts, with its current at -100 mV."""

    def current(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return pore(v) * factor + drift_pA

    return measured(LEVELS, current, later={Role.HOLDING: lambda v, sweep: current(np.full_like(v, LEVELS[0]), sweep)})


DONE = np.linspace(0.0, 1.0, len(LEVELS))


@pytest.mark.parametrize("factor", [1 - 0.8 * DONE, 1 - 0.4 * DONE, 0.6**DONE])
def test_a_current_that_runs_down_as_a_whole_keeps_its_zero(factor: np.ndarray) -> None:
    found = over_series(open_pore, factor, 0 * DONE)
    assert found.result.verdict == "reversal"
    assert abs(found.result.potential_mV + 30) < Z_95 * found.total_se_mV
    change_pA = (factor - factor[0]) * float(open_pore(LEVELS[:1])[0])
    assert over_series(open_pore, 1 + 0 * DONE, change_pA).result.verdict == "ambiguous"


def test_a_drift_that_the_levels_do_not_tell_from_run_down_says_so() -> None:
    """An inward rectifier runs down, or lies on a baseline that drifts."""
    factor = 1 - 0.4 * DONE
    drift_pA = (factor - 1) * float(inward(LEVELS[:1])[0])
    for of_pore, of_baseline in ((factor, 0 * DONE), (1 + 0 * DONE, drift_pA)):
        result = over_series(inward, of_pore, of_baseline).result
        assert result.verdict == "ambiguous"
        assert "do not tell which; record repeats" in result.reason
        assert "mV wide" not in result.reason


@pytest.mark.parametrize("zero_mV", [-50.0, -32.0, 10.0])
def test_states_by_turns_are_named_by_their_sweeps(zero_mV: float) -> None:
    def by_turns(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 5.0 * (v - zero_mV) * np.where(sweep % 2, 0.3, 1.0)

    found = measured(LEVELS, by_turns).result
    assert found.verdict == "ambiguous"
    assert found.remedy == "sweeps=0,2,4,6,8,10,12,14,16|sweeps=1,3,5,7,9,11,13,15"
    zeros = [float(mV) for mV in re.findall(r"(-?[\d.]+) mV", found.reason)]
    assert zeros == pytest.approx([zero_mV, zero_mV], abs=1.0)


def test_scatter_and_bends_are_no_alternation() -> None:
    def scattered(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 5.0 * (v + 30) + np.random.default_rng(2).normal(0, 30, len(v))

    def opening(v: np.ndarray, _: np.ndarray) -> np.ndarray:
        return 0.5 * v + 10 * (v + 80) / (1 + np.exp(-(v + 30) / 5))

    for current in (scattered, opening):
        assert "alternates" not in measured(LEVELS, current).result.reason


def test_a_seal_that_breaks_is_told_where_the_crossing_is_no_reversal() -> None:
    """Together the slope of the broken seal and that of the channels look like a conductance that opens."""
    order = LEVELS[:0:-1]

    def breaking(v: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        return 5.0 * (v + 65) + np.where(sweep >= 11, 30.0 * v, 0.0)

    refused = measured(order, breaking).result
    found = measured(order, breaking, later={Role.HOLDING: lambda v, sweep: breaking(np.full_like(v, -80.0), sweep)})
    assert refused.verdict == "not_a_reversal"
    assert found.result.verdict == "ambiguous"
    assert "from sweeps 0-10 to 11-15, as when a seal breaks" in found.result.reason
    assert found.result.remedy == "sweeps=0-10|sweeps=11-15"
