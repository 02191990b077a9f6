"""Ramps: speed, the ramp that runs back, and the capacitance from the current at the onset of a ramp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.command import Segment, beside
from nernstfit.abf.select import label
from nernstfit.abf.windows import SETTLED_DELAYS, Source
from nernstfit.contract.errors import RecordingError, runs
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Role, Voltage

# Longest stretch of current before and after the onset of a ramp to which a straight line is fitted, in ms. At half
# the step is less precise; at double the membrane's own current bends within it.
_ONSET_MS = 20.0
# Standard errors that the curvature within that stretch may lie above its estimate. At half, chance hides a part of the
# bend in one ramp of six; at double, that of a bend further on counts at the onset.
_CURVATURE_Z = 2.0
# Time after the onset that is left out, in ms: the capacitive current settles there with the time constant of
# series resistance and capacitance. At half a slow clamp falsifies the step; at double it is extrapolated further.
_SETTLING_MS = 2.0
# Fewest samples of either stretch: a line and its error need more than two. At half the error is itself unknown; at
# double short holding segments before a ramp give no capacitance.
_MIN_STRETCH_SAMPLES = 8
# Part of the range of a ramp that another must run back over to count as its opposite. At half the few voltages in
# common determine no capacitance; at 1 two ramps that start at different levels would not be compared.
_MIN_COMMON_RANGE = 0.5


def ramp_speed(source: Source, part: Segment) -> float:
    """Return the speed of a ramp in mV per ms."""
    return (part.last_mV - part.first_mV) / (part.stop - part.start) * source.recording.rate_Hz / 1e3


def delay(source: Source, how: Measure) -> dict[str, float]:
    """Return by how much the filter delays the current behind the voltage of a ramp, under the names of a reading.

    Parameters
    ----------
    source : Source
    how : Measure
        Where the recorded voltage is asked for, its own filter delays it too.

    Returns
    -------
    dict
        `delay_ms` and its standard deviation `delay_sd_ms`, both 0 where no filter is known to be in effect.
    """
    found_ms, sd_ms = source.channel.delay_ms, source.channel.delay_sd_ms
    if how.voltage == Voltage.RECORDED and source.voltage is not None:
        found_ms, sd_ms = found_ms - source.voltage.delay_ms, abs(sd_ms - source.voltage.delay_sd_ms)
    # The command of a sample and the sample itself may be a sample apart.
    return {"delay_ms": found_ms, "delay_sd_ms": math.hypot(sd_ms, 1e3 / source.recording.rate_Hz) if sd_ms else 0.0}


def refuse_both_ways(source: Source, parts: Sequence[Segment]) -> None:
    """Refuse a ramp that runs up in some sweeps and down in others: its capacitive current has either sign.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The ramp in every sweep.

    Raises
    ------
    RecordingError
        If the directions differ.
    """
    up = [sweep for sweep, part in zip(source.sweeps, parts, strict=True) if part.last_mV > part.first_mV]
    down = [sweep for sweep, part in zip(source.sweeps, parts, strict=True) if part.last_mV < part.first_mV]
    if up and down:
        shown = (f"in sweeps {','.join(runs(sweeps))}" for sweeps in (up, down))
        raise RecordingError(
            f"{label(parts[0])}: the ramp runs up {next(shown)} and down {next(shown)}, expected one direction in all "
            "sweeps; choose some in column 'sweeps'"
        )


def opposite_ramps(source: Source, parts: Sequence[Segment]) -> list[Segment]:
    """Return the ramp that runs back over most of the same voltages, the nearest of equal ones, in every sweep.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The ramp in every sweep.

    Returns
    -------
    list of Segment
        The same epoch in every sweep; empty where no ramp runs back over half of the range.
    """
    first = source.command[source.sweeps[0]]
    at = first.index(parts[0])
    best = max(
        (place for place, part in enumerate(first) if part.is_ramp),
        key=lambda place: (_common_range(parts[0], first[place]), -abs(place - at)),
    )
    found = [other for sweep in source.sweeps for other in source.command[sweep] if other.name == first[best].name]
    runs_back = len(found) == len(parts) and all(
        other.is_ramp and _common_range(part, other) >= _MIN_COMMON_RANGE
        for part, other in zip(parts, found, strict=True)
    )
    return found if runs_back else []


def capacitance_ramps(source: Source, parts: Sequence[Segment]) -> dict[Role, list[Segment]]:
    """Return the ramps that determine the membrane capacitance: the opposite of a ramp, else any other pair.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The measured ramp in every sweep.
    """
    if opposite := opposite_ramps(source, parts):
        return {Role.OPPOSITE: opposite}
    sweeps = [{part.name: part for part in source.command[sweep] if part.is_ramp} for sweep in source.sweeps]
    for name in sweeps[0]:
        ramps = [sweep[name] for sweep in sweeps if name in sweep]
        if len(ramps) == len(sweeps) and (opposite := opposite_ramps(source, ramps)):
            return {Role.PAIR: ramps, Role.OPPOSITE: opposite}
    return {}


def _common_range(part: Segment, other: Segment) -> float:
    """Return the part of a ramp's range that another runs back over; 0 where it runs the same way."""
    rise, fall = part.last_mV - part.first_mV, other.last_mV - other.first_mV
    low, high = (
        max(min(part.first_mV, part.last_mV), min(other.first_mV, other.last_mV)),
        min(max(part.first_mV, part.last_mV), max(other.first_mV, other.last_mV)),
    )
    return max(0.0, (high - low) / abs(rise)) if rise * fall < 0 else 0.0


def onset_capacitance_pF(source: Source, parts: Sequence[Segment]) -> tuple[float, float]:
    """Estimate the membrane capacitance from the step of the current at the onset of a ramp.

    The ionic current is continuous there, so that the step is C times the step of dV/dt. Straight lines
    are fitted to the current before the onset and, a little after it, during the ramp, and extrapolated to it, by the
    delay of the filter later.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The ramp in every sweep.

    Returns
    -------
    capacitance, se : float
        In pF; nan where the segment before the ramp is no constant level or too short.
    """
    stretches = _onset_stretches(source, parts)
    if stretches is None:
        return math.nan, math.nan
    before, after = (_extrapolated(source, stretch, parts[0].start) for stretch in stretches)
    # The current is the mean over the sweeps, and so is its step.
    speed = float(np.mean([ramp_speed(source, part) for part in parts]))
    late_pA = (after.rise_pA_per_ms - before.rise_pA_per_ms) * source.channel.delay_sd_ms
    bent_pA = _bent_pA(source, stretches[1], parts)
    se_pA = math.hypot(before.se_pA, after.se_pA, late_pA, bent_pA)
    return (after.current_pA - before.current_pA) / speed, se_pA / abs(speed)


def onset_window_ms(source: Source, parts: Sequence[Segment]) -> tuple[float, float]:
    """Return the times after the onset of a ramp from which its current there is extrapolated; nan where it is not.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The ramp in every sweep.
    """
    stretches = _onset_stretches(source, parts)
    if stretches is None:
        return math.nan, math.nan
    start, stop = ((sample - parts[0].start) / source.recording.rate_Hz * 1e3 for sample in stretches[1])
    return start, stop


@dataclass(frozen=True)
class _Line:
    """Straight line through a current: its value and standard error at the onset of a ramp, and its rise."""

    current_pA: float
    se_pA: float
    rise_pA_per_ms: float


def _onset_stretches(source: Source, parts: Sequence[Segment]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the samples before and after the onset; None where there are too few, or the onset differs."""
    rate, command = source.recording.rate_Hz, source.command[source.sweeps[0]]
    (before, _), onset = beside(command, parts[0]), parts[0].start
    length = round(_ONSET_MS * rate / 1e3)
    settling = round(max(_SETTLING_MS, SETTLED_DELAYS * source.channel.delay_ms) * rate / 1e3)
    if before is None or any(part.start != onset for part in parts) or before.first_mV != before.last_mV:
        return None
    left = (max((before.start + onset) // 2, onset - length), onset)
    right = (onset + settling, min(onset + settling + length, *(part.stop for part in parts)))
    return None if min(left[1] - left[0], right[1] - right[0]) < _MIN_STRETCH_SAMPLES else (left, right)


def _bent_pA(source: Source, stretch: tuple[int, int], parts: Sequence[Segment]) -> float:
    """Return the error of the line through a ramp's start at the onset, by the curvature of the current.

    With q t^2 beside it, a line from a to b is off by q (a^2 + 4 a b + b^2) / 6 at t = 0. A parabola through twice the
    stretch gives q, but where the current bends further on, that through the stretch itself limits it.
    """
    (start, stop), onset = stretch, parts[0].start
    last = min(start + 2 * (stop - start), *(part.stop for part in parts))
    a, b = start + 0.5 - onset, stop - 0.5 - onset
    (wide, _), (own, own_se) = (_curvature(source, (start, end), onset) for end in (last, stop))
    return min(abs(wide), abs(own) + _CURVATURE_Z * own_se) * (a**2 + 4 * a * b + b**2) / 6


def _curvature(source: Source, stretch: tuple[int, int], onset: int) -> tuple[float, float]:
    """Return the coefficient of t^2 of the mean of all sweeps, t in samples from the onset, and its standard error."""
    mean = source.recording.block_pA(source.channel, source.sweeps, *stretch).mean(axis=0)
    samples = np.arange(*stretch) + 0.5 - onset
    design = np.vander((samples - samples.mean()) / len(samples), 3)
    coefficients, *_ = np.linalg.lstsq(design, mean, rcond=None)
    se_pA = _scatter_pA(mean, 3) * math.sqrt(float(np.linalg.inv(design.T @ design)[0, 0]))
    return float(coefficients[0]) / len(samples) ** 2, se_pA / len(samples) ** 2


def _scatter_pA(mean: NDArray[np.float64], terms: int) -> float:
    """Return the standard deviation that independent samples would have to determine a curve as well as these do."""
    residual, _ = noise.detrended(mean)
    time = noise.autocorrelation_time(noise.autocorrelation([residual]))
    return math.sqrt(float(residual @ residual) / max(1.0, len(mean) - terms) * time)


def _extrapolated(source: Source, stretch: tuple[int, int], onset: int) -> _Line:
    """Return the line through the mean of all sweeps, at the onset as the filter shows it."""
    per_ms = source.recording.rate_Hz / 1e3
    mean = source.recording.block_pA(source.channel, source.sweeps, *stretch).mean(axis=0)
    samples = np.arange(*stretch) + 0.5 - onset - source.channel.delay_ms * per_ms
    design = np.stack([np.ones(len(mean)), samples], axis=1)
    (value, rise), *_ = np.linalg.lstsq(design, mean, rcond=None)
    se_pA = _scatter_pA(mean, 2) * math.sqrt(float(np.linalg.inv(design.T @ design)[0, 0]))
    return _Line(float(value), se_pA, float(rise) * per_ms)
