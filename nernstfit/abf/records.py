"""Recordings in the words of electrophysiology: frozen records of all that the project takes from an ABF file.

A *recording* is one file. In episodic mode it consists of *sweeps* (pClamp also says episode), all
started by the same protocol and all of the same length. A *channel* is one input of the digitizer (ADC):
the amplifier's current, a membrane voltage, a pressure. Each sweep holds the samples of every channel.

A *waveform* is what one output of the digitizer (DAC) plays, in voltage clamp the command. It is a
sequence of *epochs* A, B, C ...: an epoch is a step, a ramp or a train, with a level and a duration
that may grow by a fixed increment from sweep to sweep, or that a *user list* replaces sweep by sweep.
In a protocol of voltage steps, epoch A may be a prepulse, epoch B a step to -100 mV in the first sweep
with an increment of 10 mV, epoch C the tail. Sweep by sweep:

    level of epoch B in sweep i = level + i * level_increment                  (i = 0, 1, 2 ...)

Before the first epoch the output stays at the *holding level* for the first 1/64 of the sweep. After the
last epoch it returns to the holding level or, where the protocol says so, keeps the last level, also
between sweeps. Conditioning trains and the sub-pulses of P/N leak subtraction are played between the stored sweeps:
within them the epochs hold. A DAC may play a *stimulus file* instead, sample by sample, and then has no epochs.

A file does not store which channel responds to which waveform, nor the command itself: `select` decides
the former, `command` rebuilds the latter from the epochs.

Levels and holding are in the waveform's own unit, mostly mV; durations in samples per channel; sweeps are
counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import BandwidthSource

SIMULATED = "Simulated by nernstfit, not recorded"
"""Comment within a simulated recording, by which a report knows it, whatever lies beside it."""
EPOCH_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_EPOCHS = 50  # epochs of one waveform, from ABF 2.9 on
PICOAMPERES = {"pA": 1.0, "nA": 1e3, "uA": 1e6, "µA": 1e6}

# Parameters that a user list can vary, by their code. Behind them follow blocks of one code per epoch.
_LIST_PARAMETERS = (
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
_LIST_EPOCH_PARAMETERS = ("digital output", "level", "duration", "train period", "pulse width")
LEVEL, DURATION = "level", "duration"


def epoch_name(number: int) -> str:
    """Return the name of an epoch by its number: A is 0, AA follows Z.

    Raises
    ------
    ValueError
        If no program uses this number.
    """
    if not 0 <= number < MAX_EPOCHS:
        raise ValueError(f"no epoch has number {number}")
    return "A" * (number // len(EPOCH_LETTERS)) + EPOCH_LETTERS[number % len(EPOCH_LETTERS)]


@dataclass(frozen=True)
class Epoch:
    """Epoch of a waveform. Levels in the waveform's unit, durations in samples per channel."""

    letter: str
    kind: str  # step | ramp | another of layout.EPOCH_KINDS, which is not rebuilt
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
        pClamp's code of the parameter that is varied.
    values : tuple of float
        Levels in the waveform's unit, durations in samples per channel; nan where the file's text is no number.
    repeat : bool
        True if a list shorter than the sweeps starts over; else its last value stays.
    epoch_count : int
        Number of epochs on which the codes of the program that wrote the file depend: 10, or 50 from ABF 2.9 on.
    """

    parameter: int
    values: tuple[float, ...]
    repeat: bool
    epoch_count: int = 10

    @property
    def target(self) -> tuple[str, str]:
        """Parameter that is varied, in words, and its epoch's letter; '' where it belongs to no epoch or is unknown."""
        if 0 <= self.parameter < len(_LIST_PARAMETERS):
            return _LIST_PARAMETERS[self.parameter], ""
        block, number = divmod(self.parameter - len(_LIST_PARAMETERS), self.epoch_count)
        if 0 <= block < len(_LIST_EPOCH_PARAMETERS):
            return _LIST_EPOCH_PARAMETERS[block], epoch_name(number)
        return "", ""

    def at(self, sweep: int) -> float:
        """Return the value in one sweep."""
        count = len(self.values)
        return self.values[sweep % count if self.repeat else min(sweep, count - 1)]


@dataclass(frozen=True)
class StimulusPlayback:
    """Settings with which a DAC plays a stimulus file.

    Attributes
    ----------
    scale, offset : float
        level = value * scale + offset, offset in the waveform's unit.
    sweep : int
        Sweep of the file that is played; 0 for all in turn.
    input : int
        Input of the file whose samples are played.
    """

    scale: float
    offset: float
    sweep: int
    input: int


@dataclass(frozen=True)
class StimulusSweep:
    """Levels of one sweep of a stimulus file as it stores them: level = stored * gain + offset."""

    stored: NDArray[Any] = field(repr=False, compare=False)  # (samples,)
    gain: float
    offset: float

    def levels(self, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the levels at some samples, in the waveform's unit; same shape."""
        return np.asarray(self.stored[samples].astype(np.float64) * self.gain + self.offset)


@dataclass(frozen=True)
class Stimulus:
    """Content of a stimulus file: one sweep that is played in every sweep, one for each, or the fault.

    Attributes
    ----------
    sweeps : tuple of StimulusSweep
    fault : str
    path, sha256 : str
        The file and its SHA-256 in hexadecimal; '' where none was found.
    """

    sweeps: tuple[StimulusSweep, ...]
    fault: str = ""
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Waveform:
    """Waveform of one DAC, and its holding level."""

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
    limits: tuple[float, float] = (-math.inf, math.inf)  # lowest and highest level of the output
    outside: tuple[Flag, ...] = ()  # parts of the protocol that are played outside the stored sweeps


# Delay of a slow signal by a low-pass filter times its corner, and its standard deviation over the filters in use. The
# kind of a filter is not stated: 1/(2 pi) = 0.16 with one pole, 0.34 with four of Bessel (Frequency Devices, data sheet
# of four-pole filters), as in the usual patch amplifiers, 0.42 with four of Butterworth; the reach of 95 % goes to
# 0.50, that of eight poles of Bessel. A digital filter may be symmetric and delay nothing; where none is stated, one
# may precede the converter. With half of the deviation the zeros of ramps through one pole miss the truth; with double,
# those of every slow filter are as uncertain as if nothing were known of it.
_DELAYS: Mapping[BandwidthSource, tuple[float, float]] = {
    BandwidthSource.TELEGRAPH: (0.3, 0.1),
    BandwidthSource.HEADER: (0.3, 0.1),
    BandwidthSource.SOFTWARE: (0.25, 0.15),
    BandwidthSource.NYQUIST: (0.3, 0.2),
}


@dataclass(frozen=True)
class Lowpass:
    """Limit of a channel's bandwidth: the corner of a low-pass filter, or the Nyquist frequency."""

    corner_Hz: float
    source: BandwidthSource

    @property
    def delay_ms(self) -> float:
        """Delay of a slow signal."""
        return 1e3 * _DELAYS[self.source][0] / self.corner_Hz

    @property
    def delay_sd_ms(self) -> float:
        """Standard deviation of the delay over the filters that may have this corner."""
        return 1e3 * _DELAYS[self.source][1] / self.corner_Hz


@dataclass(frozen=True)
class Channel:
    """One ADC. `index` is its place among the sampled channels, `number` that of the physical input.

    Of the filters in series that the file states, `lowpass` has the lowest corner, and `in_effect` that of those which
    are not merely entered: a corner that the operator once typed in delays no ramp (real files have 10 Hz, by which the
    zero of their ramps would be 45 mV off).
    """

    index: int
    number: int
    name: str
    unit: str
    clamp: str = ""  # voltage | current | "" where no amplifier telegraphed its mode
    capacitance_pF: float = math.nan  # of the membrane, where the amplifier telegraphed it
    lowpass: Lowpass | None = None
    in_effect: Lowpass | None = None

    @property
    def delay_ms(self) -> float:
        """Delay of a slow signal by the filter; 0 where none is known to be in effect."""
        return self.in_effect.delay_ms if self.in_effect else 0.0

    @property
    def delay_sd_ms(self) -> float:
        """Standard deviation of that delay."""
        return self.in_effect.delay_sd_ms if self.in_effect else 0.0


@dataclass(frozen=True)
class Line:
    """Line of the spectrum of a current: a periodic disturbance, as by the mains.

    Attributes
    ----------
    frequency_Hz : float
    locked_pA : float
        Amplitude of the part that is the same in all sweeps.
    own_pA : float
        Root mean square over the sweeps of the amplitude of the rest.
    """

    frequency_Hz: float
    locked_pA: float
    own_pA: float

    @property
    def amplitude_pA(self) -> float:
        """Root mean square of the amplitude over the sweeps."""
        return math.hypot(self.locked_pA, self.own_pA)

    def kept(self, duration_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of the amplitude that a mean over some time keeps; same shape.

        Parameters
        ----------
        duration_s : ndarray
        """
        return np.asarray(np.abs(np.sinc(self.frequency_Hz * duration_s)))


@dataclass(frozen=True)
class Tag:
    """Comment set during the recording."""

    time_s: float
    sweep: int
    comment: str

    def __str__(self) -> str:
        """Return time, sweep and comment on one line."""
        return f"{self.time_s:.3f} s, sweep {self.sweep}: {self.comment}"
