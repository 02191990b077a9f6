"""The command rebuilt from the header's fields, against the protocol worked out by hand and against pyabf."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyabf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nernstfit.abf.command import Segment, in_millivolts, levels, refuse_stimulus, refuse_unknown, segments
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Stimulus, StimulusSweep, UserList, Waveform, epoch_name
from nernstfit.contract.errors import RecordingError

HOLDING = -70.0


def waveform(*epochs: Epoch, keeps: bool = False) -> Waveform:
    return Waveform(0, "Cmd 0", "mV", HOLDING, "epochs", epochs, keeps_last_level=keeps)


def step(letter: str, level: float, duration: int, level_increment: float = 0, duration_increment: int = 0) -> Epoch:
    return Epoch(letter, "step", level, level_increment, duration, duration_increment)


def ramp(letter: str, level: float, duration: int, level_increment: float = 0, duration_increment: int = 0) -> Epoch:
    return Epoch(letter, "ramp", level, level_increment, duration, duration_increment)


def told(command: Sequence[Segment]) -> list[tuple[str, int, int, float, float]]:
    return [(s.name, s.start, s.stop, s.first_mV, s.last_mV) for s in command]


@pytest.mark.parametrize(
    ("epochs", "keeps", "points", "sweep", "expected"),
    [
        pytest.param(
            [step("A", -60, 100), step("B", -100, 200, 20)],
            *(False, 640, 3),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, -60, -60),
                ("B", 110, 310, -40, -40),
                ("after", 310, 640, HOLDING, HOLDING),
            ],
            id="steps and a level that grows",
        ),
        pytest.param(
            [step("A", 0, 100, 0, 50), step("B", 10, 20)],
            *(False, 640, 2),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 210, 0, 0),
                ("B", 210, 230, 10, 10),
                ("after", 230, 640, HOLDING, HOLDING),
            ],
            id="a duration that grows moves what follows",
        ),
        pytest.param(
            [step("A", 0, 100, 0, -50), step("B", 10, 20)],
            *(False, 640, 2),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("B", 10, 30, 10, 10),
                ("after", 30, 640, HOLDING, HOLDING),
            ],
            id="a duration that shrinks to nothing",
        ),
        pytest.param(
            [step("A", -100, 100), ramp("B", 60, 200)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, -100, -100),
                ("B", 110, 310, -100, 60),
                ("after", 310, 640, HOLDING, HOLDING),
            ],
            id="a ramp starts at the level before it",
        ),
        pytest.param(
            [ramp("A", 30, 100)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, HOLDING, 30),
                ("after", 110, 640, HOLDING, HOLDING),
            ],
            id="the first ramp starts at holding",
        ),
        pytest.param(
            [step("A", -100, 100), ramp("B", 60, 0), step("C", 5, 100)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, -100, -100),
                ("C", 110, 210, 5, 5),
                ("after", 210, 640, HOLDING, HOLDING),
            ],
            id="an epoch without duration",
        ),
        pytest.param(
            [step("A", -100, 100), step("B", 60, 0), ramp("C", 0, 100)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, -100, -100),
                ("C", 110, 210, -100, 0),
                ("after", 210, 640, HOLDING, HOLDING),
            ],
            id="a step without duration is not played: a ramp starts where the one before it ended",
        ),
        pytest.param(
            [step("A", 0, 500), step("B", 10, 500), step("C", 20, 500)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 510, 0, 0),
                ("B", 510, 640, 10, 10),
            ],
            id="a step cut short by the end of the sweep",
        ),
        pytest.param(
            [step("A", -100, 10), ramp("B", 100, 1000)],
            *(False, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 20, -100, -100),
                ("B", 20, 640, -100, -100 + 200 * 620 / 1000),
            ],
            id="a ramp cut short has only come part of its way",
        ),
        pytest.param(
            [step("A", 0, 100), step("B", -50, 100, 10)],
            *(True, 640, 0),
            [
                ("before", 0, 10, HOLDING, HOLDING),
                ("A", 10, 110, 0, 0),
                ("B", 110, 210, -50, -50),
                ("after", 210, 640, -50, -50),
            ],
            id="the first sweep begins at holding and keeps its last level",
        ),
        pytest.param(
            [step("A", 0, 100), step("B", -50, 100, 10)],
            *(True, 640, 3),
            [
                ("before", 0, 10, -30, -30),
                ("A", 10, 110, 0, 0),
                ("B", 110, 210, -20, -20),
                ("after", 210, 640, -20, -20),
            ],
            id="a later sweep begins at the last level of the one before",
        ),
        pytest.param(
            [ramp("A", 0, 100), ramp("B", 40, 100, 10)],
            *(True, 640, 1),
            [
                ("before", 0, 10, 40, 40),
                ("A", 10, 110, 40, 0),
                ("B", 110, 210, 0, 50),
                ("after", 210, 640, 50, 50),
            ],
            id="a ramp begins at the level that was kept",
        ),
        pytest.param([], *(False, 640, 0), [("before", 0, 10, HOLDING, HOLDING), ("after", 10, 640, HOLDING, HOLDING)]),
        pytest.param([step("A", 0, 5)], *(False, 1, 0), [("before", 0, 1, HOLDING, HOLDING)], id="one sample"),
    ],
)
def test_a_sweep_is_its_epochs_one_after_the_other(
    epochs: list[Epoch], keeps: bool, points: int, sweep: int, expected: list[tuple[str, int, int, float, float]]
) -> None:
    assert told(segments(waveform(*epochs, keeps=keeps), sweep + 1, points)[sweep]) == expected


@pytest.mark.parametrize(
    ("points", "lead"), [(1, 1), (63, 1), (64, 1), (127, 1), (128, 2), (400, 6), (1000, 15), (6400, 100), (20644, 322)]
)
def test_the_first_epoch_begins_after_a_64th_of_the_sweep_and_at_least_one_sample(points: int, lead: int) -> None:
    first = segments(waveform(step("A", 0, 10)), 1, points)[0][0]
    assert (first.name, first.start, first.stop) == ("before", 0, lead)


@given(
    st.lists(st.tuples(st.sampled_from(["step", "ramp"]), st.integers(-100, 100), st.integers(0, 300)), max_size=6),
    st.integers(1, 1000),
    st.integers(1, 5),
    st.booleans(),
)
def test_segments_cover_every_sample_once_and_in_order(
    epochs: list[tuple[str, int, int]], points: int, sweeps: int, keeps: bool
) -> None:
    table = [Epoch("ABCDEF"[i], kind, level, 5, length, 7) for i, (kind, level, length) in enumerate(epochs)]
    for command in segments(waveform(*table, keeps=keeps), sweeps, points):
        assert command[0].start == 0
        assert command[-1].stop == points
        assert all(a.stop == b.start for a, b in itertools.pairwise(command))
        assert all(s.stop > s.start for s in command)
        assert all(s.is_level or dict(zip("ABCDEF", epochs, strict=False))[s.name][0] == "ramp" for s in command)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"source": "file", "stimulus_file": "sine.abf"}, ("command unknown", "stimulus file", "sine.abf")),
        ({"epochs": (step("B", 0, 100, 0, -60),)}, ("command unknown", "epoch B", "-20 samples in sweep 2")),
    ],
)
def test_what_is_not_rebuilt_is_refused_with_its_reason(changed: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(RecordingError) as caught:
        segments(replace(waveform(step("A", 0, 10)), **changed), 3, 640)  # type: ignore[arg-type]
    assert [word for word in words if word not in str(caught.value)] == []


def refusal(played: Waveform, sweeps: int = 3) -> str:
    with pytest.raises(RecordingError) as caught:
        segments(played, sweeps, 640)
    return str(caught.value)


# User lists

LISTED = (step("A", 10, 100, 5, 2), ramp("B", 20, 50), step("C", 30, 40))


def listed(parameter: int, *values: float, repeat: bool = False, epoch_count: int = 10) -> Waveform:
    return replace(waveform(*LISTED), user_list=UserList(parameter, values, repeat, epoch_count))


def table(played: Waveform, sweeps: int, name: str) -> list[tuple[int, float, float]]:
    """Length, first and last level of one epoch in every sweep; nothing where it is not played."""
    parts = [part for sweep in segments(played, sweeps, 640) for part in sweep if part.name == name]
    return [(part.stop - part.start, part.first_mV, part.last_mV) for part in parts]


@pytest.mark.parametrize(
    ("parameter", "epoch_count", "name", "expected"),
    [
        (21, 10, "A", [(100, 7, 7), (102, 8, 8), (104, 9, 9)]),
        (22, 10, "B", [(50, 10, 7), (50, 15, 8), (50, 20, 9)]),
        (23, 10, "C", [(40, 7, 7), (40, 8, 8), (40, 9, 9)]),
        (31, 10, "A", [(7, 10, 10), (8, 15, 15), (9, 20, 20)]),
        (32, 10, "B", [(7, 10, 20), (8, 15, 20), (9, 20, 20)]),
        (33, 10, "C", [(7, 30, 30), (8, 30, 30), (9, 30, 30)]),
        (61, 50, "A", [(100, 7, 7), (102, 8, 8), (104, 9, 9)]),
        (63, 50, "C", [(40, 7, 7), (40, 8, 8), (40, 9, 9)]),
        (111, 50, "A", [(7, 10, 10), (8, 15, 15), (9, 20, 20)]),
        (113, 50, "C", [(7, 30, 30), (8, 30, 30), (9, 30, 30)]),
    ],
)
def test_a_user_list_replaces_the_level_or_the_duration_of_one_epoch(
    parameter: int, epoch_count: int, name: str, expected: list[tuple[int, float, float]]
) -> None:
    played = listed(parameter, 7, 8, 9, epoch_count=epoch_count)
    assert table(played, 3, name) == expected
    for other in {"A", "B", "C"} - {name}:
        # a ramp starts where the epoch before it ends, listed or not
        assert [(n, last) for n, _, last in table(played, 3, other)] == [
            (n, last) for n, _, last in table(waveform(*LISTED), 3, other)
        ]


def test_a_listed_level_moves_the_start_of_the_ramp_that_follows() -> None:
    assert table(listed(21, -5, -6), 2, "B") == [(50, -5, 20), (50, -6, 20)]


def test_a_listed_duration_moves_what_follows() -> None:
    played = segments(listed(31, 200, 0), 2, 640)
    assert [part.start for part in played[0] if part.name == "C"] == [10 + 200 + 50]
    assert [(part.name, part.start) for part in played[1][1:]] == [("B", 10), ("C", 60), ("after", 100)]


@pytest.mark.parametrize(("repeat", "expected"), [(False, [1, 2, 2, 2, 2]), (True, [1, 2, 1, 2, 1])])
def test_a_short_list_keeps_its_last_value_or_starts_over(repeat: bool, expected: list[float]) -> None:
    assert [first for _, first, _ in table(listed(23, 1, 2, repeat=repeat), 5, "C")] == expected


def test_a_long_list_is_used_as_far_as_the_sweeps_go() -> None:
    assert [first for _, first, _ in table(listed(23, 1, 2, 3, 4), 2, "C")] == [1, 2]


def test_a_listed_level_is_kept_between_sweeps() -> None:
    played = replace(listed(23, -1, -2, -3), keeps_last_level=True)
    assert [sweep[0].first_mV for sweep in segments(played, 3, 640)] == [HOLDING, -1, -2]


def test_a_list_for_an_epoch_that_is_not_played_changes_nothing() -> None:
    assert segments(listed(25, 1, 2), 3, 640) == segments(waveform(*LISTED), 3, 640)


@pytest.mark.parametrize(
    ("parameter", "epoch_count", "words"),
    [
        (0, 10, "number of conditioning pulses"),
        (7, 10, "the sweep interval (parameter 7)"),
        (8, 10, "holding level of the inactive DAC"),
        (11, 10, "digital output of epoch A"),
        (41, 10, "train period of epoch A"),
        (52, 10, "pulse width of epoch B"),
        (61, 10, "a parameter of an unknown code (parameter 61)"),
        (23, 50, "digital output of epoch M"),
        (161, 50, "train period of epoch A"),
        (261, 50, "an unknown code"),
        (-3, 10, "an unknown code"),
    ],
)
def test_a_list_of_anything_else_is_refused_with_what_it_varies(parameter: int, epoch_count: int, words: str) -> None:
    said = refusal(listed(parameter, 1.0, 2.0, epoch_count=epoch_count))
    assert said.startswith("command unknown: the user list of DAC 'Cmd 0' varies")
    assert words in said


@pytest.mark.parametrize(
    ("values", "words"),
    [((), "is empty"), ((1.0, float("nan")), "no number"), ((float("inf"),), "no number")],
)
def test_a_list_without_numbers_is_refused(values: tuple[float, ...], words: str) -> None:
    assert words in refusal(listed(21, *values))


def test_a_negative_listed_duration_is_refused_with_its_sweep() -> None:
    assert "epoch A would last -4 samples in sweep 1" in refusal(listed(31, 5, -4))


def test_the_fiftieth_epoch_has_a_name() -> None:
    assert [epoch_name(number) for number in (0, 25, 26, 49)] == ["A", "Z", "AA", "AX"]
    for number in (-1, 50):
        with pytest.raises(ValueError, match=str(number)):
            epoch_name(number)


# What is not rebuilt


def train(letter: str, duration: int) -> Epoch:
    return Epoch(letter, "pulse train", 50, 0, duration, 0)


def known(command: Sequence[Segment]) -> list[tuple[str, int, int, float | str]]:
    return [(s.name, s.start, s.stop, s.first_mV if s.is_known else s.kind) for s in command]


def test_a_train_makes_its_own_epoch_unknown_and_no_other() -> None:
    played = segments(waveform(step("A", 0, 100), train("B", 50), step("C", 30, 100)), 1, 640)
    assert known(played[0]) == [
        ("before", 0, 10, HOLDING),
        ("A", 10, 110, 0),
        ("B", 110, 160, "pulse train"),
        ("C", 160, 260, 30),
        ("after", 260, 640, HOLDING),
    ]
    assert np.isnan([played[0][2].first_mV, played[0][2].last_mV]).all()
    assert not played[0][2].is_level


def test_a_ramp_from_a_train_is_unknown_and_what_follows_it_is_not() -> None:
    played = segments(waveform(train("A", 50), ramp("B", 30, 100), ramp("C", 0, 100), step("D", 5, 10)), 1, 640)
    assert [where[3] for where in known(played[0])] == [
        *(HOLDING, "pulse train", "ramp from a pulse train", "ramp from a pulse train", 5, HOLDING)
    ]


def test_the_level_kept_from_a_train_is_unknown_also_in_the_next_sweep() -> None:
    played = segments(waveform(ramp("A", 30, 100), train("B", 50), keeps=True), 2, 640)
    assert [where[3] for where in known(played[0])] == [
        *(HOLDING, HOLDING, "pulse train", "level kept from a pulse train")
    ]
    assert [where[3] for where in known(played[1])][:2] == ["level kept from a pulse train", "ramp from a pulse train"]


def test_what_is_unknown_is_refused_by_name() -> None:
    played = segments(waveform(step("A", 0, 100), train("B", 50), keeps=True), 1, 640)[0]
    for part in played[:2]:
        refuse_unknown(part)
    with pytest.raises(RecordingError, match="command unknown: epoch B is a pulse train, which is not rebuilt"):
        refuse_unknown(played[2])
    with pytest.raises(RecordingError, match="the time after the epochs is a level kept from a pulse train"):
        refuse_unknown(played[3])


# Stimulus files


def playing(*rows: Sequence[float], fault: str = "", unit: str = "mV") -> Waveform:
    sweeps = tuple(StimulusSweep(np.array(row), 2.0, -10.0) for row in rows)
    return Waveform(
        *(0, "Cmd 0", unit, HOLDING, "file", (), False),
        stimulus_file="wave.abf",
        stimulus=Stimulus(sweeps, fault),
    )


def test_a_stimulus_is_played_in_every_sweep() -> None:
    command = segments(playing([0.0, 1.0, 5.0, 7.0]), 3, 4)
    assert [[part.name for part in sweep] for sweep in command] == [["stimulus file"]] * 3
    for sweep in command:
        np.testing.assert_array_equal(levels(sweep, [0, 1, 2, 3]), [-10.0, -8.0, 0.0, 4.0])
        assert (sweep[0].first_mV, sweep[0].last_mV) == (-10.0, 4.0)
        assert not sweep[0].is_level


def test_stimuli_are_played_sweep_by_sweep() -> None:
    command = segments(playing([0.0, 1.0], [2.0, 3.0]), 2, 2)
    np.testing.assert_array_equal([levels(sweep, [0, 1]) for sweep in command], [[-10, -8], [-6, -4]])
    assert "which has 2 sweeps for the 3 of the recording" in refusal(playing([0.0], [1.0]))


def test_behind_the_end_of_a_stimulus_the_command_is_unknown() -> None:
    (command,) = segments(playing([0.0, 1.0, 2.0]), 1, 5)
    np.testing.assert_array_equal(levels(command, range(5)), [-10, -8, -6, np.nan, np.nan])
    with pytest.raises(RecordingError, match="level after the end of a stimulus file"):
        refuse_unknown(command[1])


def test_a_stimulus_that_was_not_found_is_refused_with_its_name() -> None:
    said = refusal(playing(fault="which is not beside the recording"))
    assert said == ("command unknown: DAC 'Cmd 0' plays the stimulus file wave.abf, which is not beside the recording")


def test_a_stimulus_has_no_epochs() -> None:
    refuse_stimulus(waveform(step("A", 0, 1)))
    with pytest.raises(RecordingError, match=r"plays the stimulus file wave\.abf, which has no epochs"):
        refuse_stimulus(playing([0.0]))


# Levels sample by sample, and their unit


def test_a_sample_of_a_ramp_is_at_its_middle() -> None:
    (command,) = segments(waveform(step("A", -100, 10), ramp("B", 100, 4)), 1, 64)
    np.testing.assert_array_equal(
        levels(command, [0, 1, 10, 11, 12, 13, 14, 15, 63]), [HOLDING, -100, -100, -75, -25, 25, 75, HOLDING, HOLDING]
    )
    assert levels(command, [[12, 2]]).shape == (1, 2)


@pytest.mark.parametrize(("parameter", "factor"), [(21, 1e3), (31, 1.0)])
def test_a_command_in_volts_becomes_one_in_millivolts(parameter: int, factor: float) -> None:
    volts = replace(waveform(step("A", 0.01, 5, 0.002)), unit="V", holding=-0.07)
    listed = in_millivolts(replace(volts, user_list=UserList(parameter, (0.5, 3.0), False)))
    assert (listed.unit, listed.holding) == ("mV", pytest.approx(-70))
    assert (listed.epochs[0].level, listed.epochs[0].level_increment) == pytest.approx((10, 2))
    assert listed.user_list is not None
    assert listed.user_list.values == pytest.approx((0.5 * factor, 3 * factor))
    (command,) = segments(in_millivolts(playing([0.0, 1.0], unit="V")), 1, 2)
    np.testing.assert_allclose(levels(command, [0, 1]), [-10_000, -8_000])


def sampled(command: Sequence[Segment]) -> np.ndarray:
    """Level of every sample; for steps only."""
    return np.concatenate([np.full(s.stop - s.start, s.first_mV) for s in command])


@pytest.mark.parametrize("version", ["2.6", "1.84"])
@pytest.mark.parametrize(
    "epochs",
    [
        (step("A", -70, 50), step("B", -100, 200, 20)),
        (step("A", -30, 30, 5), step("B", 15, 40, -5), step("C", -30, 60)),
        (step("A", 10, 20, 0, 8), step("B", -15, 30)),
    ],  # pyabf cannot read epochs that the end of the sweep cuts short
)
def test_plain_steps_agree_with_pyabf(
    tmp_path: Path, write_recording: Callable[..., Path], version: str, epochs: tuple[Epoch, ...]
) -> None:
    # ABF1 as pyabf reads it takes the first epoch's level for the holding level: give both the same there.
    played = waveform(*epochs)
    if version == "1.84":
        played = replace(played, holding=epochs[0].level)
    path = write_recording(tmp_path / "a.abf", version=version, waveforms=[played])
    recording, abf = read(path), pyabf.ABF(path)
    command = segments(recording.waveforms[0], recording.sweeps, recording.points)
    for sweep in range(recording.sweeps):
        abf.setSweep(sweep)
        np.testing.assert_allclose(sampled(command[sweep]), abf.sweepC, rtol=0, atol=1e-5)
