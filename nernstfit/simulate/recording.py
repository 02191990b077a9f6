"""Episodic recording as the simulator makes it, before it is written in a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import layout
from nernstfit.abf.records import EPOCH_LETTERS, SIMULATED, Tag, Waveform

CONVERTER_RANGE_V = 10.0  # range of Axon's digitizers, in either direction
CONVERTER_STEPS = 32768  # of a converter of 16 bits, in either direction
SAMPLE_FORMATS = {"int16": 0, "float32": 1}  # codes of layout.SAMPLE_TYPES
CLAMP_CODES = {"voltage": 0, "current": 1, "": 0}  # an unknown mode is written as voltage clamp: the file has no code
EPOCH_CODES = {kind: code for code, kind in layout.EPOCH_KINDS.items() if kind in ("off", "step", "ramp")}
_MAX_CHANNELS = 8  # the largest number whose files other readers are tested on
_MAX_WAVEFORMS = 2  # outputs that can play epochs in ABF1


@dataclass(frozen=True)
class OutputChannel:
    """Sampled input as written.

    Attributes
    ----------
    name : str
        Name of the input, at most 10 bytes in ABF 1.84.
    unit : str
        Unit of the samples as stored in the file, "pA" for instance, at most 8 bytes in ABF 1.84.
    number : int
        Physical input of the digitizer, 0 to 15. The order of a list of channels is the order of sampling.
    full_scale : float
        Value in `unit` that fills the converter in either direction, telegraph gain included.
    telegraph_gain : float or None
        Additional gain that the amplifier telegraphed, None where the telegraph is disabled.
    clamp : str
        "voltage" or "current", written where the telegraph is enabled; "" is written as voltage clamp.
    capacitance_pF : float
        Membrane capacitance, written where the telegraph is enabled; 0 where it is unknown.
    lowpass_Hz : float
        Corner of the low-pass filter: telegraphed by the amplifier where the telegraph is enabled, else as
        if entered by hand; 100000 is none.
    signal_gain, signal_offset : float
        Gain and offset (in `unit`) entered for a signal conditioner; they count only where the recording has one.
    """

    name: str
    unit: str
    number: int
    full_scale: float
    telegraph_gain: float | None = None
    clamp: str = ""
    capacitance_pF: float = 0.0
    lowpass_Hz: float = layout.NO_FILTER_HZ
    signal_gain: float = 1.0
    signal_offset: float = 0.0

    @property
    def gain(self) -> float:
        """Telegraphed gain, 1 where the telegraph is disabled."""
        return 1.0 if self.telegraph_gain is None else self.telegraph_gain


@dataclass(frozen=True)
class EpisodicRecording:
    """Episodic recording with sweeps of fixed length.

    Attributes
    ----------
    samples : ndarray, shape (sweeps, channels, points)
        In each channel's unit. Values outside a channel's full scale are clipped.
    channels : sequence of OutputChannel
        One to eight channels in the order of sampling.
    waveforms : sequence of Waveform
        Waveforms of the DACs 0 to 3, of source "epochs" for at most two of them and "none" for others. DACs
        without a waveform rest at 0. In ABF 1.84 only the DACs 0 and 1 can have epochs. Levels and holding
        in the waveform's unit, durations in samples per channel.
    rate_Hz : float
        Samples per second and channel.
    sweep_interval_s : float
        Time from the start of one sweep to the start of the next, not shorter than a sweep.
    tags : sequence of Tag
        Comments of at most 56 bytes with their time from the start of the recording; the file does not store
        a tag's sweep.
    data_format : str
        "int16" for counts of the converter, or "float32" for the values themselves, as in files that
        a program has processed; these are not clipped.
    signal_type : int
        Code of the signal conditioner, 0 for none. The counts are those of the conditioned signal.
    comment : str
        Comment of the file as a whole, at most 128 bytes in ABF 1.84.
    """

    samples: NDArray[np.float64]
    channels: Sequence[OutputChannel]
    waveforms: Sequence[Waveform]
    rate_Hz: float
    sweep_interval_s: float
    tags: Sequence[Tag] = ()
    data_format: str = "int16"
    signal_type: int = 0
    comment: str = SIMULATED

    @cached_property
    def stored(self) -> NDArray[Any]:
        """Samples as the file holds them, shape (sweeps, points, channels)."""
        values = np.asarray(self.samples, dtype=np.float64)
        if self.data_format == "int16":
            full_scale = np.array([channel.full_scale for channel in self.channels])[:, np.newaxis]
            shift = np.array([channel.signal_offset if self.signal_type else 0.0 for channel in self.channels])
            counts = np.rint((values + shift[:, np.newaxis]) / full_scale * CONVERTER_STEPS)
            values = np.clip(counts, -CONVERTER_STEPS, CONVERTER_STEPS - 1)
        return np.ascontiguousarray(values.transpose(0, 2, 1), dtype=layout.SAMPLE_TYPES[self.format_code])

    def scale_factor(self, channel: OutputChannel) -> float:
        """Return the volts per unit of a channel before the gains of telegraph and signal conditioner."""
        conditioned = channel.signal_gain if self.signal_type else 1.0
        return CONVERTER_RANGE_V / (channel.full_scale * channel.gain * conditioned)

    @property
    def format_code(self) -> int:
        """Code of the stored type."""
        return SAMPLE_FORMATS[self.data_format]

    @property
    def sweeps(self) -> int:
        """Number of sweeps."""
        return int(self.stored.shape[0])

    @property
    def samples_per_sweep(self) -> int:
        """Samples of all channels together."""
        return int(self.stored.shape[1] * self.stored.shape[2])

    @property
    def tick_us(self) -> float:
        """Time between two converted samples, rounded as the file stores it, so that times come back unshifted."""
        return float(np.float32(1e6 / self.rate_Hz / len(self.channels)))

    @property
    def driven(self) -> dict[int, Waveform]:
        """Waveforms by their DAC, in the order given."""
        return {waveform.number: waveform for waveform in self.waveforms}

    @property
    def active_dac(self) -> int:
        """Number of the first DAC that plays epochs, 0 if none does."""
        return next((waveform.number for waveform in self.waveforms if plays_epochs(waveform)), 0)

    def ticks(self, time_s: float) -> int:
        """Return a time in the file's unit."""
        return round(time_s * 1e6 / self.tick_us)


def plays_epochs(waveform: Waveform) -> bool:
    """Return True if a DAC plays its epochs."""
    return waveform.source == "epochs"


def check(recording: EpisodicRecording) -> None:
    """Refuse a recording that no format can hold, or that contradicts itself.

    Raises
    ------
    ValueError
        With the first fault.
    """
    if recording.data_format not in SAMPLE_FORMATS:
        known = " and ".join(SAMPLE_FORMATS)
        raise ValueError(f"Samples cannot be written as {recording.data_format!r}, only {known}.")
    _check_samples(np.asarray(recording.samples, dtype=np.float64), len(recording.channels))
    _check_channels(recording.channels)
    _check_waveforms(recording.waveforms)
    _check_timing(recording)


def _check_samples(samples: NDArray[np.float64], channels: int) -> None:
    if samples.ndim != 3 or 0 in samples.shape:
        raise ValueError(f"Samples must fill an array (sweeps, channels, points), but have shape {samples.shape}.")
    if samples.shape[1] != channels:
        raise ValueError(f"Samples have {samples.shape[1]} channels, but {channels} are described.")
    if not np.isfinite(samples).all():
        raise ValueError("Samples must be finite numbers.")
    if samples.size > np.iinfo(np.int32).max:
        raise ValueError(f"An ABF file cannot count {samples.size} samples.")


def _check_channels(channels: Sequence[OutputChannel]) -> None:
    if len(channels) > _MAX_CHANNELS:
        raise ValueError(f"At most {_MAX_CHANNELS} channels can be written, not {len(channels)}.")
    numbers = [channel.number for channel in channels]
    if len(set(numbers)) != len(numbers) or not set(numbers) <= set(range(layout.INPUTS)):
        raise ValueError(f"Channel numbers must differ and be 0 to {layout.INPUTS - 1}, but are {numbers}.")
    for channel in channels:
        if not (isfinite(channel.full_scale) and channel.full_scale > 0):
            raise ValueError(f"Channel {channel.name!r} has full scale {channel.full_scale}, not above 0.")
        if not (isfinite(channel.gain) and channel.gain > 0):
            raise ValueError(f"Channel {channel.name!r} has telegraph gain {channel.gain}, not above 0.")
        if not (isfinite(channel.signal_gain) and channel.signal_gain > 0 and isfinite(channel.signal_offset)):
            raise ValueError(f"Channel {channel.name!r} has signal gain {channel.signal_gain}, not above 0.")
        if channel.clamp not in CLAMP_CODES:
            raise ValueError(f"Channel {channel.name!r} has an unknown clamp mode {channel.clamp!r}.")


def _check_waveforms(waveforms: Sequence[Waveform]) -> None:
    numbers = [waveform.number for waveform in waveforms]
    if len(set(numbers)) != len(numbers) or not set(numbers) <= set(range(layout.ABF1_OUTPUTS)):
        raise ValueError(f"DAC numbers must differ and be 0 to {layout.ABF1_OUTPUTS - 1}, but are {numbers}.")
    for waveform in waveforms:
        if waveform.source not in ("epochs", "none"):
            raise ValueError(f"DAC {waveform.number} has source {waveform.source!r}, not 'epochs' or 'none'.")
        _check_epochs(waveform)
        if waveform.user_list is not None and not waveform.user_list.values:
            raise ValueError(f"The user list of DAC {waveform.number} has no values.")
        if waveform.user_list is not None and not all(map(isfinite, waveform.user_list.values)):
            raise ValueError(f"The user list of DAC {waveform.number} has a value that is not finite.")
    if sum(map(plays_epochs, waveforms)) > _MAX_WAVEFORMS:
        raise ValueError(f"At most {_MAX_WAVEFORMS} DACs can play epochs.")


def _check_epochs(waveform: Waveform) -> None:
    letters = [epoch.letter for epoch in waveform.epochs]
    if len(letters) > layout.ABF1_EPOCHS:
        raise ValueError(f"DAC {waveform.number} has {len(letters)} epochs, more than {layout.ABF1_EPOCHS}.")
    if len(set(letters)) != len(letters) or not set(letters) <= set(EPOCH_LETTERS[: layout.ABF1_EPOCHS]):
        raise ValueError(f"Epoch letters of DAC {waveform.number} must differ and be A to J, not {letters}.")
    for epoch in waveform.epochs:
        if epoch.kind not in EPOCH_CODES:
            raise ValueError(
                f"Epoch {epoch.letter} of DAC {waveform.number} is of kind {epoch.kind!r}, which cannot be written."
            )


def _check_timing(recording: EpisodicRecording) -> None:
    rate_Hz, interval_s = recording.rate_Hz, recording.sweep_interval_s
    if not (isfinite(rate_Hz) and rate_Hz > 0):
        raise ValueError(f"Sampling rate must be above 0 Hz, not {rate_Hz}.")
    sweep_s = np.shape(recording.samples)[2] / rate_Hz
    # The tolerance spares an interval that was computed as points / rate from rounding; half or double is as good.
    if not (isfinite(interval_s) and interval_s >= sweep_s * (1 - 1e-9)):
        raise ValueError(f"Sweep interval {interval_s} s is shorter than a sweep of {sweep_s} s.")
    for tag in recording.tags:
        if not (isfinite(tag.time_s) and tag.time_s >= 0):
            raise ValueError(f"Tag {tag.comment!r} has time {tag.time_s} s, before the recording.")
