"""What the project knows of an ABF file: frozen records, in words of electrophysiology.

A *recording* is one file. In episodic mode it holds *sweeps* (pClamp also says trial or
episode), all started by the same protocol. In every sweep each *waveform* (one DAC, an
output of the digitizer) plays its *epochs* A, B, C ... one after the other: an epoch is a
step, a ramp or a train whose level and duration may grow by a fixed increment from sweep
to sweep, or be taken from a *user list*. Before the first epoch the output stays at the
holding level for the first 1/64 of the sweep; after the last epoch it returns to the
holding level or, where the protocol says so, keeps the last level, also between sweeps.
A *channel* is one ADC, an input of the digitizer: the amplifier's current, a recorded
voltage, a pressure. Which channel answers to which waveform is not stored in the file.
"""

from __future__ import annotations

from dataclasses import dataclass

EPOCH_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PICOAMPERES = {"pA": 1.0, "nA": 1e3, "uA": 1e6, "µA": 1e6}


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
    """Values that replace one epoch parameter sweep by sweep. `parameter` is pClamp's code."""

    parameter: int
    values: tuple[float, ...]
    repeat: bool


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
    stimulus_file: str = ""


@dataclass(frozen=True)
class Channel:
    """One ADC. `index` is its place among the sampled channels, `number` that of the input."""

    index: int
    number: int
    name: str
    unit: str
    clamp: str = ""  # voltage | current | "" where no amplifier telegraphed its mode


@dataclass(frozen=True)
class Tag:
    """A comment set during the recording."""

    time_s: float
    sweep: int
    comment: str
