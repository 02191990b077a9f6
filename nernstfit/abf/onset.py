"""Membrane capacitance from the current at the onset of a ramp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.command import Segment, beside
from nernstfit.abf.ramps import ramp_speed
from nernstfit.abf.windows import SETTLED_DELAYS, Source

FloatArray = NDArray[np.float64]

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
# Time constants with which slow charging is tried, from a quarter of the settling time to a quarter of the stretch;
# half or double gives the same charge within its error.
_TIME_CONSTANTS = 16
# Standard errors by which a relaxation after the onset differs from none. Of 200 simulated cells without dendrites 1
# shows one, at half 17, at double none; of 200 with dendrites 159 do, at half 168, at double 110.
_RELAXES_Z = 3.0
# Steepest relative bend of an open pore's current, zF/RT of a divalent ion at 22 C. Of 100 simulated Goldman currents 3
# pass for charging, at half 3, at double none; of those 200 cells with dendrites 175 show them at half, 103 at double.
_STEEPEST_PER_MV = 2 / 25.4


@dataclass(frozen=True)
class Onset:
    """Membrane capacitance that the current at the onset of a ramp shows; nan where it shows none.

    Attributes
    ----------
    corner_pF, corner_se_pF : float
        Step of the current over that of dV/dt, and its standard error.
    corner_from_ms, corner_to_ms : float
        Times after the onset of the straight line that is extrapolated to it; nan where the membrane charges slowly
        and the end of its charging is extrapolated.
    """

    corner_pF: float = math.nan
    corner_se_pF: float = math.nan
    corner_from_ms: float = math.nan
    corner_to_ms: float = math.nan


def onset_of(source: Source, parts: Sequence[Segment]) -> Onset:
    """Estimate the membrane capacitance from the step of the current at the onset of a ramp.

    The ionic current is continuous there, so that the step is C times the step of dV/dt. Straight lines
    are fitted to the current before the onset and, a little after it, during the ramp, and extrapolated to it, by the
    delay of the filter later. Where the current still relaxes as no open pore can bend it, parts of the cell charge
    slowly, as dendrites do, and the current that follows is extrapolated.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        The ramp in every sweep.

    Returns
    -------
    Onset
        Without numbers where the segment before the ramp is no constant level or too short.
    """
    stretches = _stretches(source, parts)
    if stretches is None:
        return Onset()
    # The current is the mean over the sweeps, and so is its step.
    speed = float(np.mean([ramp_speed(source, part) for part in parts]))
    if (charged := _slowly_charged(source, stretches, parts, speed)) is not None:
        return charged
    before, after = (_extrapolated(source, stretch, parts[0].start) for stretch in stretches)
    late_pA = (after.rise_pA_per_ms - before.rise_pA_per_ms) * source.channel.delay_sd_ms
    bent_pA = _bent_pA(source, stretches[1], parts)
    se_pA = math.hypot(before.se_pA, after.se_pA, late_pA, bent_pA)
    times_ms = ((sample - parts[0].start) / source.recording.rate_Hz * 1e3 for sample in stretches[1])
    return Onset((after.current_pA - before.current_pA) / speed, se_pA / abs(speed), *times_ms)


def _slowly_charged(
    source: Source,
    stretches: tuple[tuple[int, int], tuple[int, int]],
    parts: Sequence[Segment],
    speed_mV_per_ms: float,
) -> Onset | None:
    """Return what a ramp shows whose current relaxes after the onset as a membrane does that charges slowly.

    What is left of an earlier step relaxes alike before the onset. None where the current does not relax beyond its
    noise in the direction of charging, or no further than an open pore may bend it.
    """
    before, after = stretches
    onset, (start, last) = parts[0].start, _twice(after, parts)
    current_pA = [_mean_pA(source, stretch) for stretch in (before, (start, last))]
    per_ms = source.recording.rate_Hz / 1e3
    samples = np.concatenate([np.arange(*before), np.arange(start, last)]) + 0.5 - onset
    times_ms, first_ms = samples / per_ms - source.channel.delay_ms, (start - onset) / per_ms
    fits = [
        _Relaxation.fitted(times_ms, np.concatenate(current_pA), len(current_pA[0]), float(tau_ms))
        for tau_ms in np.geomspace(first_ms / 4, (last - start) / per_ms / 4, _TIME_CONSTANTS)
    ]
    squares = np.array([fit.residual_pA @ fit.residual_pA for fit in fits])
    best = fits[int(squares.argmin())]
    if not best.charges(speed_mV_per_ms, first_ms):
        return None
    likelihood = np.exp(-0.5 * (squares - squares.min()) / best.noise_pA**2)
    step_pA = np.array([fit.step_pA for fit in fits])
    mean_pA = float(np.average(step_pA, weights=likelihood))
    spread_pA = math.sqrt(float(np.average((step_pA - mean_pA) ** 2, weights=likelihood)))
    return Onset(mean_pA / speed_mV_per_ms, math.hypot(best.step_se_pA, spread_pA) / abs(speed_mV_per_ms))


@dataclass(frozen=True)
class _Relaxation:
    """Exponential relaxation before and after the onset of a ramp, fitted beside a level and a parabola.

    Attributes
    ----------
    tau_ms : float
    found : ndarray, shape (6,)
        Level and amplitude of the relaxation before the onset; parabola by powers of the time in ms, and amplitude of
        the relaxation, after it; in pA, the latter as at the onset.
    operator : ndarray, shape (6, samples)
        Of which `found` is the product with the current.
    residual_pA : ndarray, shape (samples,)
    """

    tau_ms: float
    found: FloatArray
    operator: FloatArray
    residual_pA: FloatArray

    @classmethod
    def fitted(cls, times_ms: FloatArray, current_pA: FloatArray, before: int, tau_ms: float) -> _Relaxation:
        """Fit a relaxation of a time constant; `before` samples lie before the onset."""
        design = np.zeros((len(times_ms), 6))
        design[:before, 0], design[:before, 1] = 1.0, np.exp(-(times_ms[:before] - times_ms[0]) / tau_ms)
        later_ms = times_ms[before:]
        design[before:, 2:5] = np.vander(later_ms, 3, increasing=True)
        design[before:, 5] = np.exp(-later_ms / tau_ms)
        operator = np.asarray(np.linalg.pinv(design))
        found = operator @ current_pA
        return cls(tau_ms, found, operator, current_pA - design @ found)

    @cached_property
    def noise_pA(self) -> float:
        """Standard deviation that independent samples with as much noise would have."""
        return _scatter_pA(self.residual_pA, len(self.found))

    @property
    def step_pA(self) -> float:
        """Difference of parabola and level at the onset, the current when all is charged."""
        return float(self.found[2] - self.found[0])

    @property
    def step_se_pA(self) -> float:
        """Its standard error."""
        return self.noise_pA * float(np.linalg.norm(self.operator[2] - self.operator[0]))

    def charges(self, speed_mV_per_ms: float, time_ms: float) -> bool:
        """Return True where the relaxation is charging: beyond noise, and beyond the bend of an open pore's current."""
        rise_pA_per_ms, half_bend, relaxing_pA = map(float, self.found[3:])
        left_pA = relaxing_pA * math.exp(-time_ms / self.tau_ms)
        slope = abs(rise_pA_per_ms - left_pA / self.tau_ms)
        bend = abs(2 * half_bend + left_pA / self.tau_ms**2)
        se_pA = self.noise_pA * float(np.linalg.norm(self.operator[5]))
        is_beyond_noise = 0 < _RELAXES_Z * se_pA < abs(relaxing_pA)  # 0: blanked, no current
        is_no_pore = bend > _STEEPEST_PER_MV * abs(speed_mV_per_ms) * slope
        return is_beyond_noise and is_no_pore and relaxing_pA * speed_mV_per_ms < 0


@dataclass(frozen=True)
class _Line:
    """Straight line through a current: its value and standard error at the onset of a ramp, and its rise."""

    current_pA: float
    se_pA: float
    rise_pA_per_ms: float


def _stretches(source: Source, parts: Sequence[Segment]) -> tuple[tuple[int, int], tuple[int, int]] | None:
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


def _twice(stretch: tuple[int, int], parts: Sequence[Segment]) -> tuple[int, int]:
    """Return a stretch that is twice as long, as far as the ramp lasts."""
    start, stop = stretch
    return start, min(start + 2 * (stop - start), *(part.stop for part in parts))


def _mean_pA(source: Source, stretch: tuple[int, int]) -> FloatArray:
    """Return the mean current of all sweeps, shape (samples,)."""
    return np.asarray(source.recording.block_pA(source.channel, source.sweeps, *stretch).mean(axis=0))


def _bent_pA(source: Source, stretch: tuple[int, int], parts: Sequence[Segment]) -> float:
    """Return the error of the line through a ramp's start at the onset, by the curvature of the current.

    With q t^2 beside it, a line from a to b is off by q (a^2 + 4 a b + b^2) / 6 at t = 0. A parabola through twice the
    stretch gives q, but where the current bends further on, that through the stretch itself limits it.
    """
    (start, stop), onset = stretch, parts[0].start
    a, b = start + 0.5 - onset, stop - 0.5 - onset
    (wide, _), (own, own_se) = (_curvature(source, each, onset) for each in (_twice(stretch, parts), stretch))
    return min(abs(wide), abs(own) + _CURVATURE_Z * own_se) * (a**2 + 4 * a * b + b**2) / 6


def _curvature(source: Source, stretch: tuple[int, int], onset: int) -> tuple[float, float]:
    """Return the coefficient of t^2 of the mean of all sweeps, t in samples from the onset, and its standard error."""
    mean = _mean_pA(source, stretch)
    samples = np.arange(*stretch) + 0.5 - onset
    design = np.vander((samples - samples.mean()) / len(samples), 3)
    coefficients, *_ = np.linalg.lstsq(design, mean, rcond=None)
    se_pA = _scatter_pA(noise.detrended(mean)[0], 3) * math.sqrt(float(np.linalg.inv(design.T @ design)[0, 0]))
    return float(coefficients[0]) / len(samples) ** 2, se_pA / len(samples) ** 2


def _scatter_pA(residual_pA: FloatArray, terms: int) -> float:
    """Return the standard deviation that independent samples would have to determine a curve as well as these do."""
    time = noise.autocorrelation_time(noise.autocorrelation([residual_pA]))
    return math.sqrt(float(residual_pA @ residual_pA) / max(1.0, len(residual_pA) - terms) * time)


def _extrapolated(source: Source, stretch: tuple[int, int], onset: int) -> _Line:
    """Return the line through the mean of all sweeps, at the onset as the filter shows it."""
    per_ms = source.recording.rate_Hz / 1e3
    mean = _mean_pA(source, stretch)
    samples = np.arange(*stretch) + 0.5 - onset - source.channel.delay_ms * per_ms
    design = np.stack([np.ones(len(mean)), samples], axis=1)
    (value, rise), *_ = np.linalg.lstsq(design, mean, rcond=None)
    se_pA = _scatter_pA(noise.detrended(mean)[0], 2) * math.sqrt(float(np.linalg.inv(design.T @ design)[0, 0]))
    return _Line(float(value), se_pA, float(rise) * per_ms)
