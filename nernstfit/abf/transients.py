"""Membrane capacitance from the capacitive transients that voltage steps leave in a recording.

The charge of a transient over the step of the command is the capacitance. The ionic current is subtracted as a
straight line that is fitted behind the transient and extrapolated to the step. How long the transient lasts is found by
doubling it until the charge no longer changes: where channels open or close meanwhile it does not settle, and the step
determines nothing. Steps of different size must give the same capacitance.

What the amplifier cancels is missing in a transient as it is missing in a ramp of the same recording: the capacitance
that is left after compensation is the one whose current the ramp carries.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.windows import Source
from nernstfit.contract.frames import evenly_spaced

FloatArray = NDArray[np.float64]

# Least step in mV whose transient is read. At half the noise of single steps decides; at double a test pulse of 2 mV
# is not used.
_MIN_STEP_MV = 2.0
# Largest step in mV of which one size alone is trusted: beyond, channels may open fast enough to count as charge, which
# only steps of other sizes show. At half, test pulses of 20 mV are not used; at double, sodium channels may open.
_MAX_SINGLE_MV = 30.0
# Shortest part of the current that may be the transient, in ms, and longest. At half the least, a filter of 1 kHz has
# not settled; at double a test pulse of 5 ms is too short. At half the most, oocytes have none; at double, time only.
_MIN_TRANSIENT_MS, _MAX_TRANSIENT_MS = 0.5, 64.0
# Length of the line behind the transient over the transient's own. At half the line's error is 2.8 times larger; at
# double short test pulses determine nothing, and slow channels bend the line.
_LINE_LENGTH = 2.0
# Fewest samples of the transient and of the line: at half, two samples make a transient; at double, 2 kHz is too slow.
_MIN_SAMPLES = 4
# Change of the charge, as a part of it, when the transient is taken twice as long, that counts as none beside the
# noise. At half, cells with dendrites never settle; at double, channels that open with the transient count as charge.
_SETTLED = 0.05
# Slow charge over what of it shows: the line behind the transient takes a part for a change of the ionic current. With
# half, a dendrite of 15 ms in steps of 50 ms is off by four standard errors; with double, one of 8 ms leaves ramps
# without a number.
_UNSEEN = 2.0
_SETTLED_Z = 2.0  # the same in standard errors of the noise: at half chance decides, at double noisy steps settle early
# Difference between steps of a recording, as a part of the capacitance, above which none of them determines it. With
# half, a clamp that is slow determines none; with double, channels that close fast count as capacitance.
_MAX_DIFFERENCE = 0.2
# Longest transient in samples, 64 ms at 250 kHz: it bounds the memory where a header states an impossible rate. At
# half, oocytes recorded at 250 kHz have none; at double, memory only.
_MAX_SAMPLES = 16_000
# Sweeps of one step that are read. They bound the time; half or double changes the error by the root of it.
_MAX_SWEEPS = 40


@dataclass(frozen=True)
class Charge:
    """Charge of a voltage step over the step.

    Attributes
    ----------
    capacitance_pF, se_pF : float
        Before correction for the series resistance, which reduces both the charge and the change of the membrane
        potential; nan where no step determines it.
    conductance_nS : float
        Change of the settled current over the step, by which the series resistance reduces it.
    epoch : str
        First epoch that begins with a step that determines it; '' where none does.
    """

    capacitance_pF: float = math.nan
    se_pF: float = math.nan
    conductance_nS: float = math.nan
    epoch: str = ""

    def late_by(self, delay_ms: float, sd_ms: float) -> Charge:
        """Return the charge with what is missing because the ionic current arrives later than the command."""
        missing_pF, sd_pF = self.conductance_nS * delay_ms, self.conductance_nS * sd_ms
        return replace(self, capacitance_pF=self.capacitance_pF + missing_pF, se_pF=math.hypot(self.se_pF, sd_pF))

    def differs(self, other: Charge) -> bool:
        """Return True where two charges differ by more than their errors."""
        return abs(self.capacitance_pF - other.capacitance_pF) > _SETTLED_Z * math.hypot(self.se_pF, other.se_pF)


def step_charge(source: Source) -> Charge:
    """Estimate the membrane capacitance from the voltage steps of the measured sweeps.

    Parameters
    ----------
    source : Source

    Returns
    -------
    Charge
        That of the step with the least error; its error includes the difference of the others.
    """
    found = [
        replace(charge, epoch=epoch)
        for epoch, steps in _steps(source)
        if (charge := _settled_charge(source, steps)) is not None
    ]
    if not found:
        return Charge()
    best = min(found, key=lambda charge: charge.se_pF)
    differences_pF = [abs(other.capacitance_pF - best.capacitance_pF) for other in found if other.differs(best)]
    largest_pF = max(differences_pF, default=0.0)
    if largest_pF > _MAX_DIFFERENCE * abs(best.capacitance_pF):
        return Charge()
    return replace(best, se_pF=math.hypot(best.se_pF, largest_pF), epoch=found[0].epoch)


@dataclass(frozen=True)
class _Step:
    """Step of the command: sweep, sample, size in mV, samples for which both levels last."""

    sweep: int
    at: int
    size_mV: float
    before: int
    after: int


def _steps(source: Source) -> Iterator[tuple[str, list[_Step]]]:
    """Yield the steps between two constant levels, those of all sweeps into the same epoch together, with its name."""
    by_epoch: dict[str, list[_Step]] = {}
    for sweep in source.sweeps:
        for left, right in itertools.pairwise(source.command[sweep]):
            size_mV = right.first_mV - left.last_mV
            if left.is_level and right.is_level and abs(size_mV) >= _MIN_STEP_MV:
                step = _Step(sweep, right.start, size_mV, left.stop - left.start, right.stop - right.start)
                by_epoch.setdefault(right.name, []).append(step)
    for epoch, steps in by_epoch.items():
        sizes_mV = [step.size_mV for step in steps]
        if max(map(abs, sizes_mV)) > _MAX_SINGLE_MV and np.ptp(sizes_mV) < _MIN_STEP_MV:
            continue
        yield epoch, [steps[i] for i in evenly_spaced(len(steps), _MAX_SWEEPS)]


def _settled_charge(source: Source, steps: Sequence[_Step]) -> Charge | None:
    """Return the charge of steps into one epoch; None where it does not settle, or not alike in all of them.

    Its error includes what a still longer transient would hold: the charge of a part of the cell that charges slowly.
    """
    per_ms, dt_ms = source.recording.rate_Hz / 1e3, 1e3 / source.recording.rate_Hz
    band = source.recording.bandwidth(source.channel)
    shortest = min(step.after for step in steps)
    length = max(_MIN_SAMPLES, round(_MIN_TRANSIENT_MS * per_ms))
    last: Charge | None = None
    settled: Charge | None = None
    further_pF = 0.0
    longest = min(_MAX_SAMPLES, _MAX_TRANSIENT_MS * per_ms)
    while length <= longest and round((1 + _LINE_LENGTH) * length) <= shortest:
        found = _charge(source, steps, length)
        if found is not None and settled is not None:
            if found.differs(settled):
                further_pF = max(further_pF, _UNSEEN * abs(found.capacitance_pF - settled.capacitance_pF))
        elif found is not None and last is not None:
            change = abs(found.capacitance_pF - last.capacitance_pF)
            if change <= max(_SETTLED * abs(found.capacitance_pF), _SETTLED_Z * last.se_pF):
                settled = replace(found, se_pF=math.hypot(found.se_pF, change))
        last, length = found, 2 * length
    if settled is None:
        return None
    whole = replace(settled, se_pF=math.hypot(settled.se_pF, further_pF))
    return whole.late_by(band.delay_ms, math.hypot(band.delay_sd_ms, dt_ms))


def _charge(source: Source, steps: Sequence[_Step], length: int) -> Charge | None:
    """Return the mean charge if the transient lasts so many samples; None where the steps do not have the same."""
    recording, dt_ms = source.recording, 1e3 / source.recording.rate_Hz
    stop, before = round((1 + _LINE_LENGTH) * length), min(length, *(step.before for step in steps))
    alike = [(at, [step.sweep for step in same]) for at, same in itertools.groupby(steps, key=lambda step: step.at)]
    if any(recording.clipped(source.channel, sweeps, at, at + stop) for at, sweeps in alike):
        return None
    blocks = [recording.block_pA(source.channel, sweeps, at - before, at + stop) for at, sweeps in alike]
    current = np.concatenate(blocks)
    line, operator, form = _forms(length, stop)
    fitted = current[:, before + length :] @ operator.T
    residual = current[:, before + length :] - fitted @ line.T
    time = noise.autocorrelation_time(noise.autocorrelation([residual]))
    variance = float(noise.squares(residual).sum()) / (len(steps) * max(1.0, stop - length - 2.0)) * time
    if variance < recording.resolution_pA(source.channel) ** 2 / 12 or variance == 0:
        return None  # blanked: no recorded current is that quiet
    sizes_mV = np.array([step.size_mV for step in steps])
    each_pF = current[:, before:] @ form * dt_ms / sizes_mV
    se_pF = math.sqrt(variance) * float(np.linalg.norm(form)) * dt_ms / np.abs(sizes_mV)
    rises_pA = fitted[:, 0] - current[:, :before].mean(axis=1)
    return _mean(each_pF, se_pF, float(np.abs(rises_pA).sum() / np.abs(sizes_mV).sum()))


@functools.lru_cache(maxsize=16)
def _forms(length: int, stop: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the line behind the transient, the operator that fits it, and the charge as a linear form of the samples.

    The charge is the sum over the transient less that of the extrapolated line.
    """
    line = _line(np.arange(length, stop))
    operator = np.asarray(np.linalg.pinv(line), dtype=np.float64)
    return line, operator, np.concatenate([np.ones(length), -(_line(np.arange(length)).sum(axis=0) @ operator)])


def _line(samples: NDArray[np.int64]) -> FloatArray:
    return np.stack([np.ones(len(samples)), samples.astype(float)], axis=1)


def _mean(each_pF: FloatArray, se_pF: FloatArray, conductance_nS: float) -> Charge | None:
    """Return the mean over the steps with its error; None where they differ by more than their noise."""
    weight = 1.0 / np.maximum(se_pF, np.finfo(float).eps) ** 2
    weight /= weight.sum()
    mean_pF, noise_pF = float(weight @ each_pF), math.sqrt(float(weight @ se_pF**2))
    spread_pF = math.sqrt(float(weight @ (each_pF - mean_pF) ** 2))
    if spread_pF > max(_MAX_DIFFERENCE * abs(mean_pF), _SETTLED_Z * noise_pF):
        return None
    variation_pF = math.sqrt(max(0.0, spread_pF**2 - noise_pF**2))
    return Charge(mean_pF, math.hypot(variation_pF, math.sqrt(float(weight**2 @ se_pF**2))), conductance_nS)
