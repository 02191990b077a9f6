"""Ramps: speed, delay, and the ramp that runs back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nernstfit.abf.command import Segment
from nernstfit.abf.select import label
from nernstfit.abf.windows import Source
from nernstfit.contract.errors import RecordingError, runs
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Role, Voltage

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
