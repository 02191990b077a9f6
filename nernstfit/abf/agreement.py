"""Agreement of a recorded membrane voltage with the command, over the epoch that is measured.

The two are compared where the voltage has settled: over the second half of a step, and over all of a ramp but its
first fifth. Compared are the levels, one of each sweep or piece of a ramp; of their differences, the size that nine of
ten do not exceed counts, so that one bad sweep does not decide.

A holding potential set on the amplifier or a summed external command shifts the recorded voltage by a constant, a
wrong scale or unit of the DAC by a part of the command. Both are errors of the command. What is proportional to the
current is none: the loss across the series resistance, or its compensation, vanishes where the current does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import MILLIVOLTS, Segment, levels
from nernstfit.abf.records import Channel
from nernstfit.abf.select import label
from nernstfit.abf.windows import Source
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Voltage

FloatArray = NDArray[np.float64]

# Part of the levels whose difference is not exceeded. At half, a mismatch of a third of the sweeps would not be seen;
# halfway to 1, one bad sweep of twenty decides.
_LEVELS_COUNTED = 0.9
# Largest part of the command that can be a loss across the series resistance. At half, a two-electrode clamp of low
# gain counts as a wrong command; at double, a DAC scale wrong by a factor of two counts as series resistance.
_MAX_LOSS = 0.3
# Part of a ramp in which a voltage settles, and pieces into which the rest is cut. At half the part, a slow clamp has
# not settled; at double, less of the ramp is compared. With half the pieces one of them is a fifth of the ramp; double
# only takes longer.
_SETTLING_PART, _RAMP_PIECES = 0.2, 10
# Samples that determine a level: they bound the time. At half or double the median of a settled voltage is the same.
_MAX_LEVEL_SAMPLES = 8192


@dataclass(frozen=True)
class Doubt:
    """Doubt about a measurement that only its author can settle.

    Attributes
    ----------
    reason : str
    remedy : str
        Columns of the table with the values that would settle it, as column=value; alternatives between |.
    """

    reason: str
    remedy: str


@dataclass(frozen=True)
class Agreement:
    """Agreement of a recorded voltage with the command.

    Attributes
    ----------
    mismatch_mV : float
        Their difference in size, which nine of ten levels do not exceed; nan where no voltage is recorded.
    doubt : Doubt or None
        None where both agree, or one of them was asked for.
    """

    mismatch_mV: float = math.nan
    doubt: Doubt | None = None


@dataclass(frozen=True)
class _Compared:
    """Levels of the settled parts of an epoch; arrays of shape (levels,)."""

    command_mV: FloatArray
    recorded_mV: FloatArray
    current_pA: FloatArray

    @property
    def difference_mV(self) -> FloatArray:
        """Recorded minus commanded voltage."""
        return self.recorded_mV - self.command_mV

    @property
    def offset_mV(self) -> float:
        """Median difference."""
        return float(np.median(self.difference_mV))

    @property
    def without_loss_mV(self) -> FloatArray:
        """Difference without the part that is proportional to the current, as far as this can be series resistance."""
        if min(np.ptp(self.command_mV), np.ptp(self.current_pA)) == 0:
            return self.difference_mV
        slope = float(np.polyfit(self.current_pA, self.difference_mV, 1)[0])
        if abs(slope) * np.ptp(self.current_pA) > _MAX_LOSS * np.ptp(self.command_mV):
            return self.difference_mV
        return self.difference_mV - slope * self.current_pA


def compare(source: Source, parts: Sequence[Segment], how: Measure) -> Agreement:
    """Compare the recorded membrane voltage with the command.

    Parameters
    ----------
    source : Source
    parts : sequence of Segment
        Epoch that is measured, one for each sweep.
    how : Measure

    Returns
    -------
    Agreement
    """
    voltage, most_mV = source.voltage, how.max_mismatch_mV
    if voltage is None:
        return Agreement()
    found = _compared(source, voltage, parts)
    if not found.command_mV.size:
        return Agreement()
    mismatch_mV = _size(found.difference_mV)
    agrees = mismatch_mV <= most_mV or _size(found.without_loss_mV) <= most_mV
    if agrees or how.voltage != Voltage.AUTO:
        return Agreement(mismatch_mV)
    return Agreement(mismatch_mV, _doubt(source, voltage, label(parts[0]), found, how))


def _size(difference_mV: FloatArray) -> float:
    return float(np.quantile(np.abs(difference_mV), _LEVELS_COUNTED))


def _doubt(source: Source, voltage: Channel, where: str, found: _Compared, how: Measure) -> Doubt:
    """Return the sentence that names both voltages, and what would settle the doubt."""
    ways: dict[str, list[str]] = {"voltage": [Voltage.RECORDED, Voltage.COMMAND]}
    offset_mV = round(found.offset_mV, 1)
    if _size(found.difference_mV - offset_mV) <= how.max_mismatch_mV:
        distance = f"{_signed(offset_mV)} mV"
        ways["command_offset_mV"] = [f"{how.command_offset_mV + offset_mV:z.1f}"]
    else:
        distance = f"{_range(found.difference_mV)}, which no constant offset explains{_scale(found, how)}"
    settings = [(key, value) for key, values in ways.items() for value in values]
    return Doubt(
        f"the recorded membrane voltage (channel '{voltage.name}', {_range(found.recorded_mV)} in the settled part of "
        f"{where}) differs from the command (DAC '{source.waveform.name}', {_range(found.command_mV)}) by {distance}, "
        f"more than {how.max_mismatch_mV:g} mV; set {', or '.join(f'{key}: {value}' for key, value in settings)}",
        "|".join(f"{key}={value}" for key, value in settings),
    )


def _scale(found: _Compared, how: Measure) -> str:
    """Return the scale and offset by which the command becomes the recorded voltage; '' where none do."""
    if np.ptp(found.command_mV) == 0:
        return ""
    slope, zero_mV = np.polyfit(found.command_mV, found.recorded_mV, 1)
    if _size(found.recorded_mV - slope * found.command_mV - zero_mV) > how.max_mismatch_mV:
        return ""
    return (
        f" (recorded = {slope:.3g} x command {zero_mV:+z.1f} mV: the scale of the DAC or of the channel may be wrong)"
    )


def _range(values_mV: FloatArray) -> str:
    low, high = (f"{value:z.1f}" for value in (values_mV.min(), values_mV.max()))
    return f"{low} mV" if low == high else f"{low} to {high} mV"


def _signed(value_mV: float) -> str:
    return f"{value_mV:+z.1f}"


def _compared(source: Source, voltage: Channel, parts: Sequence[Segment]) -> _Compared:
    """Return the levels of every sweep, or of every piece of a ramp, that are numbers."""
    recording, scale = source.recording, MILLIVOLTS[voltage.unit]
    command, recorded, current = [], [], []
    for sweep, part in zip(source.sweeps, parts, strict=True):
        for start, stop in _settled(part):
            command.append(float(levels([part], np.arange(start, stop)).mean()))
            recorded.append(float(np.median(recording.samples(voltage, sweep, start, stop))) * scale)
            current.append(float(np.median(recording.current_pA(source.channel, sweep, start, stop))))
    both = np.array([command, recorded, current])
    return _Compared(*both[:, np.isfinite(both).all(axis=0)])


def _settled(part: Segment) -> list[tuple[int, int]]:
    """Return first sample and end of the second half of a step, or of the settled pieces of a ramp."""
    length = part.stop - part.start
    if not part.is_ramp:
        return [(part.stop - min(max(1, length // 2), _MAX_LEVEL_SAMPLES), part.stop)]
    first = part.start + round(_SETTLING_PART * length)
    edges = np.unique(np.linspace(first, part.stop, min(_RAMP_PIECES, part.stop - first) + 1).round().astype(int))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
