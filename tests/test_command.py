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

from nernstfit.abf.command import Segment, segments
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.errors import RecordingError

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
