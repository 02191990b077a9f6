"""Currents that have passed before the default window: told from capacitive transients, and from channels that lag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nernstfit
from nernstfit.abf.points import Reading, measure_points
from nernstfit.abf.proposals import Kind, proposals
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.contract.settings import default_measure
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ, START, HOLDING = 20_000.0, 300, -100.0
LEVELS = np.arange(-80.0, 81.0, 10.0)
E_NA, E_LEAK = 50.0, -10.0
# Sizes in nS and time constants in ms of the exponentials of a transient: of a cell, with a dendrite, and after the
# amplifier has cancelled the first of them too much.
TRANSIENTS = {
    "one": ((200.0, 0.1),),
    "two": ((150.0, 0.15), (4.0, 0.5)),
    "cancelled": ((-20.0, 0.1), (2.0, 0.5)),
    "slow": ((3.0, 1.1),),
    "none": (),
}
Course = Callable[[np.ndarray, np.ndarray], np.ndarray]


def leak(level: np.ndarray, _: np.ndarray) -> np.ndarray:
    return 0.6 * (level - E_LEAK)


def sodium(level: np.ndarray, t_ms: np.ndarray, left: float = 0.0) -> np.ndarray:
    """Sodium current of 12 nS that inactivates within 0.6 ms to a part, beside the leak."""
    opened = (1 - np.exp(-t_ms / 0.2)) ** 3 * (left + (1 - left) * np.exp(-t_ms / 0.6))
    return leak(level, t_ms) + 12.0 * opened / (1 + np.exp(-(level + 30) / 7)) * (level - E_NA)


def potassium(level: np.ndarray, t_ms: np.ndarray) -> np.ndarray:
    return leak(level, t_ms) + 15.0 * (1 - np.exp(-t_ms / 2.0)) / (1 + np.exp(-(level + 10) / 10)) * (level + 90)


def silent(level: np.ndarray, t_ms: np.ndarray) -> np.ndarray:
    return 0.0 * level * t_ms


def rectifier(level: np.ndarray, t_ms: np.ndarray) -> np.ndarray:
    """Inward rectifier whose voltage lags behind the step by 0.6 ms."""
    membrane = HOLDING + (level - HOLDING) * (1 - np.exp(-t_ms / 0.6))
    return 10.0 * (membrane + 40) / (1 + np.exp((membrane + 30) / 9))


def write(
    path: Path,
    current: Course,
    transient: str,
    length_ms: float = 60.0,
    full_pA: float = 60_000.0,
    limit_pA: float = 1e9,
    at_holding: Course = leak,
) -> Path:
    """Write steps from the holding level with a transient, which a clamp limits, or the converter clips."""
    per_ms, length = RATE_HZ / 1e3, round(length_ms * RATE_HZ / 1e3)
    points = 1200 + length
    first = points // 64 + START
    trace = np.random.default_rng(1).normal(0.0, 5.0, (len(LEVELS), points)) + at_holding(HOLDING, np.zeros(1))
    t_ms, step = np.arange(points - first) / per_ms, LEVELS[:, None] - HOLDING
    charging = sum((nS * np.exp(-t_ms / tau_ms) for nS, tau_ms in TRANSIENTS[transient]), np.zeros_like(t_ms)) * step
    if limit_pA < 1e9:  # of the same charge at the limit
        charge = np.cumsum(np.abs(charging), axis=1)[:, -1:] / per_ms
        charging = np.where(t_ms < charge / limit_pA, np.minimum(limit_pA, np.abs(charging).max(axis=1)[:, None]), 0.0)
    trace[:, first : first + length] += current(LEVELS[:, None], t_ms[:length]) - at_holding(HOLDING, t_ms[:length])
    trace[:, first:] += charging
    trace[:, first + length :] -= charging[:, : points - first - length]
    epochs = (Epoch("A", "step", HOLDING, 0.0, START, 0), Epoch("B", "step", -80.0, 10.0, length, 0))
    waveform = Waveform(0, "Cmd 0", "mV", HOLDING, "epochs", epochs, False, None)
    content = EpisodicRecording(
        np.clip(trace, -full_pA, full_pA)[:, None], [OutputChannel("Im", "pA", 0, full_pA)], [waveform], RATE_HZ, 1.0
    )
    write_abf(path, "2.6", content)
    return path


def reading(path: Path) -> Reading:
    return measure_points(read(path), replace(default_measure(), epoch="B"), ())


@pytest.mark.parametrize("transient", TRANSIENTS)
@pytest.mark.parametrize("length_ms", [8.0, 60.0])
def test_a_current_that_has_passed_before_the_window_is_told_and_its_peak_proposed(
    tmp_path: Path, transient: str, length_ms: float
) -> None:
    path = write(tmp_path / "na.abf", sodium, transient, length_ms)
    found = nernstfit.measure(path, epoch="B").values
    assert found["verdict"] == "ambiguous"
    assert "has passed before the window" in found["reason"]
    way, window = found["remedy"].split("|")
    assert way == "statistic=peak"
    start, end = (float(part.split("=")[1]) for part in window.split(";"))
    assert 0 < start < end < 3.0
    (of_steps,) = (each for each in proposals(read(path), default_measure()) if each.epoch == "B")
    assert of_steps.kind is Kind.INACTIVATING
    # Beside so slow a transient the zero at the peak is another.
    assert of_steps.row == ("" if transient == "slow" else "epoch=B;statistic=peak")


@pytest.mark.parametrize("transient", TRANSIENTS)
@pytest.mark.parametrize("current", [leak, potassium, rectifier, silent])
def test_no_transient_and_no_channel_that_lags_or_activates_is_such_a_current(
    tmp_path: Path, current: Course, transient: str
) -> None:
    path = write(tmp_path / "other.abf", current, transient)
    assert np.isnan(reading(path).passed_pA)
    if current is leak and transient != "slow":
        found = nernstfit.measure(path, epoch="B").values
        assert found["low_mV"] <= E_LEAK <= found["high_mV"]


@pytest.mark.parametrize(("size_nS", "is_late"), [(2.0, True), (3.0, True), (0.02, False)])
def test_a_peak_at_the_end_of_the_step_is_that_of_another_current(
    tmp_path: Path, size_nS: float, is_late: bool
) -> None:
    """Slow outward channels are larger there than the calcium current at its own peak."""

    def beside(level: np.ndarray, t_ms: np.ndarray) -> np.ndarray:
        calcium = (1 - np.exp(-t_ms)) ** 2 * (0.3 + 0.7 * np.exp(-t_ms / 60)) / (1 + np.exp(-(level + 10) / 7))
        potassium = size_nS * (1 - np.exp(-t_ms / 20)) / (1 + np.exp(-(level - 25) / 12))
        return 6 * calcium * (level - E_NA) + potassium * (level + 50)

    found = nernstfit.measure(
        write(tmp_path / "ca.abf", beside, "none", at_holding=silent), epoch="B", statistic="peak"
    ).values
    assert found["verdict"] == ("ambiguous" if is_late else "reversal")
    if is_late:
        assert "the zero moves along the epoch" in found["reason"]
    else:
        assert found["low_mV"] <= E_NA <= found["high_mV"]


def test_a_membrane_that_still_charges_at_the_peak_is_told(tmp_path: Path) -> None:
    """The transient was subtracted as P/N does, and the lag of the membrane stays."""

    def lagging(level: np.ndarray, t_ms: np.ndarray, tau_ms: float) -> np.ndarray:
        membrane = HOLDING + (level - HOLDING) * (1 - np.exp(-t_ms / tau_ms))
        opened = (1 - np.exp(-t_ms / 0.15)) ** 3 * np.exp(-t_ms / 1.5) / (1 + np.exp(-(level + 30) / 7))
        return 12.0 * opened * (membrane - E_NA)

    path = write(tmp_path / "na.abf", lambda v, t: lagging(v, t, 0.1), "none", at_holding=silent)
    found = nernstfit.measure(path, epoch="B", statistic="peak")
    assert "window_at_step" in set(found.warnings["code"])
    # The zero of what follows is in the interval as far as it is seen.
    assert found.values["reversal_mV"] - found.values["low_mV"] > 0.4 * (found.values["reversal_mV"] - E_NA)
    known = {"series_resistance_MOhm": 2.0, "capacitance_pF": 10.0}
    fast = write(tmp_path / "fast.abf", lambda v, t: lagging(v, t, 0.02), "none", at_holding=silent)
    found = nernstfit.measure(fast, epoch="B", statistic="peak", **known)
    assert "window_at_step" not in set(found.warnings["code"])
    assert found.values["low_mV"] <= E_NA <= found.values["high_mV"]


def test_a_transient_that_is_clipped_or_limited_is_no_such_current(tmp_path: Path) -> None:
    for keys in ({"full_pA": 3000.0}, {"limit_pA": 6000.0}):
        assert np.isnan(reading(write(tmp_path / "limit.abf", leak, "two", **keys)).passed_pA)
    assert np.isfinite(reading(write(tmp_path / "clipped.abf", sodium, "two", full_pA=3000.0)).passed_pA)


def test_a_current_that_inactivates_in_part_is_measured_in_the_window(tmp_path: Path) -> None:
    for left, has_passed in ((0.15, False), (0.05, True)):
        path = write(tmp_path / "left.abf", lambda v, t, left=left: sodium(v, t, left), "one")
        assert np.isfinite(reading(path).passed_pA) == has_passed


def test_it_is_not_asked_for_where_a_background_has_it_too_or_the_window_was_chosen(tmp_path: Path) -> None:
    def evoked(level: np.ndarray, t_ms: np.ndarray) -> np.ndarray:
        return sodium(level, t_ms) + 2.0 * level

    path = write(tmp_path / "evoked.abf", evoked, "one")
    background = write(tmp_path / "background.abf", sodium, "one")
    assert nernstfit.measure(path, epoch="B").values["verdict"] == "ambiguous"
    less = nernstfit.measure(path, epoch="B", leak="background", subtract=background).values
    assert less["low_mV"] <= 0.0 <= less["high_mV"]
    chosen = nernstfit.measure(path, epoch="B", from_ms=36, to_ms=57).values
    assert chosen["verdict"] == "reversal"
