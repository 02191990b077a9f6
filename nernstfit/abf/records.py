"""What the project knows of an ABF file: frozen records, in words of electrophysiology.

A *recording* is one file. In episodic mode it holds *sweeps* (pClamp also says trial or
episode), all started by the same protocol. In every sweep each *waveform* (one DAC, an
output of the digitizer) plays its *epochs* A, B, C ... one after the other: an epoch is a
step, a ramp or a train whose level and duration may grow by a fixed increment from sweep
to sweep, or be taken from a *user list*. Before the first epoch the output stays at the
holding level for the first 1/64 of the sweep; after the last epoch it returns to the
holding level or, where the protocol says so, keeps the last level, also between sweeps.
A DAC may play a *stimulus file* instead, sample by sample, and then has no epochs.
A *channel* is one ADC, an input of the digitizer: the amplifier's current, a recorded
voltage, a pressure. Which channel answers to which waveform is not stored in the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPOCH_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_EPOCHS = 50
PICOAMPERES = {"pA": 1.0, "nA": 1e3, "uA": 1e6, "µA": 1e6}

# Codes of a user list, up to the epochs' digital outputs; behind them stand blocks of one code per epoch.
_LISTED = (
    "number of conditioning pulses",
    "baseline duration of the conditioning train",
    "baseline level of the conditioning train",
    "step duration of the conditioning train",
    "step level of the conditioning train",
    "duration after the conditioning train",
    "level after the conditioning train",
    "sweep interval",
    "holding level of the inactive DAC",
    "digital holding value",
    "number of P/N pulses",
)
_LISTED_OF_EPOCH = ("digital output", "level", "duration", "train period", "pulse width")
LEVEL, DURATION = "level", "duration"


def epoch_name(number: int) -> str:
    """Name of an epoch by its number: A is 0, AA follows Z.

    Raises
    ------
    ValueError
        Where no program numbers epochs so.
    """
    if not 0 <= number < MAX_EPOCHS:
        raise ValueError(f"no epoch has number {number}")
    return "A" * (number // len(EPOCH_LETTERS)) + EPOCH_LETTERS[number % len(EPOCH_LETTERS)]


@dataclass(frozen=True)
class Epoch:
    """One epoch of a waveform. Levels in the waveform's unit, durations in samples per channel."""

    letter: str
    kind: str  # step | ramp | another word: a waveform that is not rebuilt
    level: float
    level_increment: float
    duration: int
    duration_increment: int


@dataclass(frozen=True)
class UserList:
    """Values that replace one epoch parameter sweep by sweep.

    Attributes
    ----------
    parameter : int
        pClamp's code of what is replaced.
    values : tuple of float
        NaN where the file's text is no number. Levels in the waveform's unit, durations in
        samples per channel.
    repeat : bool
        Whether a list shorter than the sweeps starts over; else its last value stays.
    epoch_count : int
        How many epochs the program counts that wrote the file, on which its codes depend:
        10, or 50 from ABF 2.9 on.
    """

    parameter: int
    values: tuple[float, ...]
    repeat: bool
    epoch_count: int = 10

    @property
    def target(self) -> tuple[str, str]:
        """What is replaced in words, and the epoch's letter; no letter where it is no epoch's."""
        if 0 <= self.parameter < len(_LISTED):
            return _LISTED[self.parameter], ""
        block, number = divmod(self.parameter - len(_LISTED), self.epoch_count)
        if 0 <= block < len(_LISTED_OF_EPOCH):
            return _LISTED_OF_EPOCH[block], epoch_name(number)
        return "", ""

    def at(self, sweep: int) -> float:
        """Value of one sweep, counted from 0."""
        count = len(self.values)
        return self.values[sweep % count if self.repeat else min(sweep, count - 1)]


@dataclass(frozen=True)
class Played:
    """How a DAC plays a stimulus file: level = value * scale + offset, of one input, of one sweep (0: of all)."""

    scale: float
    offset: float
    sweep: int
    input: int


@dataclass(frozen=True)
class Course:
    """Levels of one sweep sample by sample, as a file holds them: level = stored * gain + offset."""

    stored: NDArray[Any] = field(repr=False, compare=False)  # (samples,)
    gain: float
    offset: float

    def levels(self, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Levels at some samples, in the waveform's unit; same shape."""
        return np.asarray(self.stored[samples].astype(np.float64) * self.gain + self.offset)


@dataclass(frozen=True)
class Stimulus:
    """What was found of a stimulus file: one course for all sweeps or one for each, or why there is none."""

    courses: tuple[Course, ...]
    fault: str = ""


@dataclass(frozen=True)
class Waveform:
    """One DAC: what it plays, and at which level it rests."""

    number: int
    name: str
    unit: str
    holding: float
    source: str  # epochs | file | none
    epochs: tuple[Epoch, ...]
    keeps_last_level: bool  # between sweeps, pClamp's inter-episode level
    user_list: UserList | None = None
    stimulus_file: str = ""  # its name, without a folder
    stimulus: Stimulus | None = None


@dataclass(frozen=True)
class Lowpass:
    """A low-pass filter that a file names: its corner, and who named it.

    `source` is `telegraph` (the amplifier), `header` (entered by hand in the acquisition program) or
    `software` (samples that were filtered afterwards).
    """

    corner_Hz: float
    source: str


@dataclass(frozen=True)
class Channel:
    """One ADC. `index` is its place among the sampled channels, `number` that of the input."""

    index: int
    number: int
    name: str
    unit: str
    clamp: str = ""  # voltage | current | "" where no amplifier telegraphed its mode
    capacitance_pF: float = math.nan  # of the membrane, where the amplifier telegraphed it
    lowpass: Lowpass | None = None


@dataclass(frozen=True)
class Tag:
    """A comment set during the recording."""

    time_s: float
    sweep: int
    comment: str
