"""From a recording to the points of one measurement: what is chosen, what is refused, how well it is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nernstfit.abf.points import Reading, measure_points
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, UserList, Waveform
from nernstfit.abf.trace import Trace
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError
from nernstfit.simulate.recording import OutputChannel

Write = Callable[..., Path]
Take = Callable[..., SimpleNamespace]
Reads = Callable[..., Reading]


@pytest.fixture
def take(reading: Reads) -> Take:
    """Measure one recording as `reading` does; return what was chosen together with the points of the signal."""

    def taken(how: dict[str, Any] | None = None, sweeps: Sequence[int] = (), **written: Any) -> SimpleNamespace:
        found = reading(how, sweeps, **written)
        return SimpleNamespace(**(vars(found) | vars(found.points[0])))

    return taken


@pytest.fixture
def reading(tmp_path: Path, write_recording: Write, config: Callable[..., dict[str, Any]]) -> Reads:
    """Measure one recording, written as asked; `how` are keys of the section `measure`."""

    def taken(how: dict[str, Any] | None = None, sweeps: Sequence[int] = (), **written: Any) -> Reading:
        path = write_recording(tmp_path / "cell.abf", **written)
        changed = config({f"measure.{key}": value for key, value in (how or {}).items()})
        return measure_points(read(path), settings.load(changed).measure, sweeps)

    return taken


def refusal(take: Take, how: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(RecordingError) as caught:
        take(how, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def loud(sweeps: int, channels: int, points: int) -> np.ndarray:
    """Channel i stands at 100 (i + 1) + sweep in every sample."""
    return np.fromfunction(lambda s, c, p: 100.0 * (c + 1) + s, (sweeps, channels, points))


# What a measurement is


def test_a_step_gives_a_point_per_sweep(take: Take) -> None:
    points = take(noise_pA=0.0)
    assert (points.epoch, points.channel, points.command) == ("B", "IN 0", "Cmd 0")
    assert points.sweep.tolist() == list(range(11))
    assert points.command_mV.tolist() == [-100.0 + 20 * i for i in range(11)]
    assert points.current_pA == pytest.approx(5.0 * (points.command_mV + 30), abs=4000 / 32768)
    # 0.6 to 0.95 of samples 106 to 305
    assert points.samples.tolist() == [70] * 11
    assert points.t_ms == pytest.approx([(226 + 296) / 2 / 10] * 11)


@pytest.mark.parametrize(
    ("how", "start", "stop"),
    [
        ({"from_fraction": 0.0, "to_fraction": 1.0}, 106, 306),
        ({"from_fraction": 0.5, "to_fraction": 0.6}, 206, 226),
        ({"from_ms": 0, "to_ms": 20}, 106, 306),
        ({"from_ms": 4, "to_ms": 10}, 146, 206),
        ({"from_ms": 0.4, "to_ms": 0.6}, 110, 112),
        ({"epoch": "A", "from_fraction": 0.0, "to_fraction": 1.0}, 6, 106),
        ({"epoch": "C", "from_ms": 1, "to_ms": 2}, 316, 326),
        ({"epoch": "after", "from_fraction": 0.0, "to_fraction": 1.0}, 356, 400),
        ({"epoch": "after", "from_fraction": 0.5, "to_fraction": 1.0}, 378, 400),
    ],
)
def test_the_window_is_a_part_of_the_epoch_or_a_time_from_its_start(
    take: Take, steps: Waveform, how: dict[str, Any], start: int, stop: int
) -> None:
    samples = np.tile(np.arange(400.0), (11, 1, 1))
    all_vary = replace(
        steps, keeps_last_level=True, epochs=tuple(replace(e, level_increment=5.0) for e in steps.epochs)
    )
    points = take({"epoch": "B", **how}, samples=samples, waveforms=[all_vary])
    assert points.samples.tolist() == [stop - start] * 11
    assert points.current_pA == pytest.approx([(start + stop - 1) / 2] * 11, abs=0.1)
    assert points.t_ms == pytest.approx([(start + stop) / 20] * 11)


def test_a_median_does_not_see_a_spike(take: Take) -> None:
    samples = np.full((11, 1, 400), 7.0)
    samples[:, :, 240:245] = 3000.0
    assert take({"statistic": "median"}, samples=samples).current_pA == pytest.approx([7.0] * 11, abs=0.1)
    assert take({"statistic": "mean"}, samples=samples).current_pA.min() > 200


def test_the_error_of_a_median_is_larger_than_that_of_a_mean(take: Take) -> None:
    mean, median = take(), take({"statistic": "median"})
    assert median.se_pA == pytest.approx(mean.se_pA * math.sqrt(math.pi / 2))


def test_sweeps_are_those_asked_for_in_their_order(take: Take) -> None:
    points = take(sweeps=(4, 0, 10))
    assert points.sweep.tolist() == [4, 0, 10]
    assert points.command_mV.tolist() == [-20.0, -100.0, 100.0]


def test_a_measurement_of_nanoamperes_is_in_picoamperes(take: Take) -> None:
    samples = np.full((11, 1, 400), 0.25)
    points = take(samples=samples, channels=[OutputChannel("IN 0", "nA", 0, 10.0)])
    assert points.current_pA == pytest.approx([250.0] * 11, abs=0.5)


def test_a_command_in_volts_is_in_millivolts(take: Take, steps: Waveform) -> None:
    epochs = (Epoch("A", "step", 0.01, 0.005, 300, 0),)
    points = take(waveforms=[replace(steps, unit="V", holding=0.0, epochs=epochs)])
    assert points.command_mV == pytest.approx([10.0 + 5 * i for i in range(11)], abs=1e-4)


def test_clipped_samples_and_the_trend_are_counted(take: Take) -> None:
    samples = np.zeros((11, 1, 400))
    samples[3, 0, 230] = 1e6
    assert take(samples=samples).clipped_fraction == pytest.approx(1 / (11 * 70))
    samples[3, 0, 230:237] = 1e6
    assert 3 not in take(samples=samples).sweep
    drift = np.tile(np.linspace(0, 400, 400), (11, 1, 1)) + 1000 * np.arange(11)[:, None, None] / 10
    window_rise = 400 / 399 * 69
    assert take(samples=drift).trend == pytest.approx(window_rise / 1000, rel=0.01)


# Choices


def test_the_epoch_that_differs_is_taken(take: Take, steps: Waveform) -> None:
    epochs = (*steps.epochs[:1], Epoch("B", "step", 0.0, 0.0, 100, 0), Epoch("C", "step", -80.0, 10.0, 100, 0))
    assert take(waveforms=[replace(steps, epochs=epochs)]).epoch == "C"


def test_two_epochs_that_differ_ask_for_a_choice(take: Take, steps: Waveform) -> None:
    epochs = (*steps.epochs[:2], Epoch("C", "step", -80.0, 10.0, 50, 0))
    waveforms = [replace(steps, epochs=epochs)]
    said = refusal(take, waveforms=waveforms)
    assert "B and C" in said
    assert "`epoch`" in said
    assert take({"epoch": "C"}, waveforms=waveforms).epoch == "C"


def test_no_epoch_that_differs_asks_for_a_choice(take: Take, steps: Waveform) -> None:
    waveforms = [replace(steps, epochs=(steps.epochs[0],))]
    assert "no epoch differs" in refusal(take, waveforms=waveforms)
    assert "no epoch differs" in refusal(take, sweeps=[3])


def test_what_differs_is_judged_by_the_sweeps_asked_for(take: Take, steps: Waveform) -> None:
    epochs = (Epoch("A", "step", 0.0, 0.0, 100, 0), Epoch("B", "step", -80.0, 10.0, 100, 0))
    assert take(waveforms=[replace(steps, epochs=epochs)], sweeps=[2, 5]).epoch == "B"


def test_the_level_kept_after_the_last_epoch_can_be_measured(take: Take, steps: Waveform) -> None:
    epochs = (steps.epochs[0], Epoch("B", "step", -100.0, 20.0, 100, 0))
    points = take({"epoch": "after"}, waveforms=[replace(steps, epochs=epochs, keeps_last_level=True)])
    assert points.epoch == "after"
    assert points.command_mV.tolist() == [-100.0 + 20 * i for i in range(11)]


TWO = (OutputChannel("left", "pA", 0, 4000.0), OutputChannel("right", "pA", 3, 4000.0))


def test_two_current_channels_ask_for_a_choice(take: Take) -> None:
    said = refusal(take, samples=loud(11, 2, 400), channels=TWO)
    assert "'left' (number 0) and 'right' (number 3)" in said
    assert "`channel`" in said


@pytest.mark.parametrize(
    ("channel", "name", "current"),
    [("left", "left", 100), ("right", "right", 200), (0, "left", 100), (3, "right", 200), ("3", "right", 200)],
)
def test_a_channel_is_chosen_by_name_or_by_number(take: Take, channel: Any, name: str, current: float) -> None:
    points = take({"channel": channel, "command": 0}, samples=loud(11, 2, 400), channels=TWO)
    assert points.channel == name
    assert points.current_pA == pytest.approx(current + np.arange(11), abs=0.1)


@pytest.mark.parametrize("channel", ["middle", 1, 7])
def test_a_channel_that_is_not_there_is_refused_with_those_that_are(take: Take, channel: Any) -> None:
    said = refusal(take, {"channel": channel}, samples=loud(11, 2, 400), channels=TWO)
    assert f"'{channel}'" in said
    assert "'left' (number 0) and 'right' (number 3)" in said


def test_a_recorded_voltage_beside_the_current_is_no_choice(take: Take) -> None:
    channels = (OutputChannel("Vm", "mV", 1, 200.0), OutputChannel("Im", "pA", 0, 4000.0))
    points = take(samples=loud(11, 2, 400), channels=channels)
    assert points.channel == "Im"
    assert points.current_pA[0] == pytest.approx(200.0, abs=0.1)


def test_each_channel_is_driven_by_the_output_of_its_own_number(take: Take, steps: Waveform) -> None:
    second = replace(steps, number=1, name="Cmd 1", epochs=(Epoch("A", "step", 40.0, 5.0, 300, 0),))
    channels = (OutputChannel("left", "pA", 0, 4000.0), OutputChannel("right", "pA", 1, 4000.0))
    written = {"samples": loud(11, 2, 400), "channels": channels, "waveforms": [steps, second]}
    left, right = (take({"channel": name}, **written) for name in ("left", "right"))
    assert (left.command, left.command_mV[1]) == ("Cmd 0", -80.0)
    assert (right.command, right.command_mV[1]) == ("Cmd 1", 45.0)
    crossed = take({"channel": "left", "command": "Cmd 1"}, **written)
    assert (crossed.command, crossed.command_mV[1]) == ("Cmd 1", 45.0)


def test_a_channel_beside_the_only_output_asks_what_drives_it(take: Take) -> None:
    said = refusal(take, {"channel": "right"}, samples=loud(11, 2, 400), channels=TWO)
    assert "command unknown" in said
    assert "`command`" in said


def test_one_current_on_another_input_is_driven_by_the_only_output(take: Take, current_channel: OutputChannel) -> None:
    assert take(channels=[replace(current_channel, number=2)]).command == "Cmd 0"


# What is refused


@pytest.mark.parametrize(
    ("written", "how", "words"),
    [
        pytest.param(
            {"channels": [OutputChannel("IN 0", "pA", 0, 4000.0, telegraph_gain=1.0, clamp="current")]},
            {},
            ("'IN 0'", "current clamp"),
            id="the amplifier says current clamp",
        ),
        pytest.param(
            {"channels": [OutputChannel("Vm", "mV", 0, 200.0)]},
            {},
            ("'Vm' in mV", "no voltage clamp"),
            id="potentials only",
        ),
        pytest.param(
            {"channels": [OutputChannel("Vm", "mV", 0, 200.0)]},
            {"channel": "Vm"},
            ("'Vm'", "mV"),
            id="a potential asked for as the current",
        ),
        pytest.param({}, {"epoch": "D"}, ("epoch D", "A, B, C"), id="an epoch that is not there"),
        pytest.param(
            {},
            {"from_ms": 1, "to_ms": 20.2},
            ("got to_ms = 20.2", "at most 20 ms"),
            id="a window longer than its epoch",
        ),
        pytest.param({}, {"from_ms": 5, "to_ms": 5.05}, ("samples", "at least 2"), id="a window of no samples"),
        pytest.param({}, {"from_fraction": 0.5, "to_fraction": 0.505}, ("1 samples",), id="a window of one sample"),
        pytest.param(
            {"sweeps": [3, 11]}, {}, ("got sweeps 11,", "expected sweeps from 0 to 10"), id="a sweep that is not there"
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_reason(
    take: Take, written: dict[str, Any], how: dict[str, Any], words: tuple[str, ...]
) -> None:
    said = refusal(take, how, **written)
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"user_list": UserList(7, (1.0, 2.0), False)}, ("command unknown", "user list")),
        ({"unit": "pA"}, ("commands pA", "no voltage clamp")),
        ({"source": "none", "epochs": ()}, ("command unknown", "no DAC plays")),
    ],
)
def test_a_command_that_is_not_known_is_refused_with_its_reason(
    take: Take, steps: Waveform, changed: dict[str, Any], words: tuple[str, ...]
) -> None:
    said = refusal(take, waveforms=[replace(steps, **changed)])
    assert [word for word in words if word not in said] == []


def test_an_epoch_that_the_end_of_the_sweep_cuts_short_is_measured_where_it_still_stands(
    take: Take, steps: Waveform
) -> None:
    epochs = (Epoch("A", "step", -100.0, 20.0, 5000, 0),)
    points = take({"from_fraction": 0.5, "to_fraction": 1.0}, waveforms=[replace(steps, epochs=epochs)])
    assert points.samples.tolist() == [197] * 11
    assert points.t_ms == pytest.approx([(203 + 400) / 20] * 11)


# How well a point is known


@pytest.mark.parametrize(("phi", "statistic"), [(0.0, "mean"), (0.7, "mean"), (0.0, "median")])
def test_the_interval_of_a_current_holds_the_truth_as_often_as_it_says(take: Take, phi: float, statistic: str) -> None:
    """95 % intervals of a true current of 50 pA, over 120 recordings of 11 sweeps, all of them (see `test_noise`)."""
    rng, draws, sweeps, inside = np.random.default_rng(17), 120, 11, 0
    for _ in range(draws):
        x = 8.0 * rng.standard_normal((sweeps, 1, 400))
        x[..., 0] /= math.sqrt(1 - phi**2)
        for t in range(1, 400):
            x[..., t] += phi * x[..., t - 1]
        points = take({"statistic": statistic, "from_fraction": 0.0, "to_fraction": 1.0}, samples=x + 50.0)
        inside += int((np.abs(points.current_pA - 50.0) < 1.96 * points.se_pA).sum())
    low, high = stats.binom.ppf([0.0005, 0.9995], draws * sweeps, 0.95)
    assert low <= inside <= high


def test_the_noise_and_its_autocorrelation_are_reported(take: Take) -> None:
    rng = np.random.default_rng(23)
    x = 6.0 * rng.standard_normal((11, 1, 400))
    points = take({"from_fraction": 0.0, "to_fraction": 1.0}, samples=x)
    assert points.noise_pA == pytest.approx(6.0, rel=0.05)
    assert points.autocorrelation == pytest.approx(1.0, abs=0.25)


# The picture


def test_a_trace_shows_the_window_its_surroundings_and_the_command(
    tmp_path: Path, write_recording: Write, config: Callable[..., dict[str, Any]]
) -> None:
    path = write_recording(tmp_path / "cell.abf", noise_pA=0.0)
    (trace,) = measure_points(read(path), settings.load(config({"measure.epoch": "B"})).measure, [1]).traces
    assert isinstance(trace, Trace)
    assert (trace.sweep, trace.window_ms) == (1, pytest.approx((22.6, 29.6)))
    assert trace.t_ms[0] == pytest.approx((106 - 40) / 10)
    assert trace.t_ms[-1] < (306 + 40) / 10
    inside = (trace.t_ms >= 10.6) & (trace.t_ms < 30.4)
    assert set(trace.command_mV[inside]) == {-80.0}
    assert set(trace.command_mV[~inside & ((trace.t_ms < 10.5) | (trace.t_ms > 30.6))]) == {-20.0}
    assert trace.low_pA[inside].mean() == pytest.approx(5.0 * (-80 + 30), abs=3)
    assert (trace.low_pA <= trace.high_pA).all()
