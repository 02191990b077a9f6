"""Proposals: what each epoch of a recording looks like, and the row of recordings.csv that measures it.

The command determines which epochs are ramps, and which steps differ between the sweeps. The course of the current
along such a step determines the window in which its reversal potential shows: early in a tail, at the peak of a current
that inactivates, late in one that does not change. A tail is one only where channels open in the constant step before
it. Where the current fits none of these, a sentence takes the place of the row: a wrong window gives a wrong potential
with a small error.
"""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import AFTER, BEFORE, Segment
from nernstfit.abf.peak import running_mean
from nernstfit.abf.points import Reading, measure_points
from nernstfit.abf.ramps import capacitance_ramps, ramp_speed, refuse_both_ways
from nernstfit.abf.read import Recording
from nernstfit.abf.records import PICOAMPERES
from nernstfit.abf.samples import Points
from nernstfit.abf.second_stimulus import second_stimuli
from nernstfit.abf.select import epoch_parts, has_curve
from nernstfit.abf.transients import step_charge
from nernstfit.abf.windows import Source, open_source, steps_mV
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Leak, Role, Statistic, Voltage
from nernstfit.physics.membrane.charging import is_capacitive

FloatArray = NDArray[np.float64]

# Standard errors, and part of the range of the current, by which it must change along a step to count as changing. With
# half, noise and slow drifts count; with double, a tail beside a leak of ten times its size counts as constant.
_CHANGE_Z, _MIN_CHANGE = 5.0, 0.05
# The same part up to which a current that settles is the whole, not channels beside a leak. At half, slow clamps and
# ion accumulation count as activation; at double, channels that open beside a leak of their size count as the whole.
_MINOR = 0.25
# The same part where a current must not change, at the negative levels of one that inactivates. With half, the end of a
# transient counts as a current; with double, a tail counts as a current that inactivates.
_MAX_CLOSED_CHANGE = 0.1
# Levels from which the course of a current is judged: two at either end and one between them. With half there are no
# two ends; with double protocols of 20 mV steps have no proposal.
_MIN_LEVELS = 5
# Parts of a constant step whose currents are compared to see channels open in it, and the time in ms in which its own
# transient ends. With half the parts noise decides; with double a step of 20 ms has none. With half the time, the
# transient of a large cell counts as opening.
_PART, _SETTLING_MS = 0.1, 8.0
# Part of a tail that is left at the end of the window proposed for it. At half the leak that remains shifts the zero
# more; halfway to 1, the window has half the samples.
_LEFT = 0.7
# Longest and shortest window of a tail in ms. With half the error is 1.4 times larger; with double the longest may hold
# part of a second, slower current, and the shortest misses fast tails.
_MAX_TAIL_MS, _MIN_TAIL_MS = 10.0, 0.5


class Kind(StrEnum):
    """Kind of an epoch, by command and current."""

    RAMP = "ramp"
    STEADY = "steps"
    TAIL = "tail"
    INACTIVATING = "inactivating"
    ACTIVATING = "activating"
    CONSTANT = "constant"
    PULSE = "test pulse"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Proposal:
    """Proposal for one epoch.

    Attributes
    ----------
    epoch : str
    kind : Kind
    sentence : str
        Reason for the row, or why there is none.
    columns : mapping
        Columns of recordings.csv with their values; empty where no row is proposed.
    remarks : tuple of str
        Sentences on what may make the row wrong.
    """

    epoch: str
    kind: Kind
    sentence: str
    columns: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def row(self) -> str:
        """Columns as column=value, joined by ;."""
        return ";".join(f"{name}={value}" for name, value in self.columns.items())

    def command(self, file: str) -> str:
        """Return the command line that measures a file so, as a shell takes it.

        Parameters
        ----------
        file : str
            Its path as typed.
        """
        path = f"./{file}" if file.startswith("-") else file
        options = (part for name, value in self.columns.items() for part in (f"--{name.replace('_', '-')}", value))
        return shlex.join(["nernstfit", "measure", path, *options])


def proposals(recording: Recording, how: Measure) -> tuple[Proposal, ...]:
    """Propose how to measure each epoch of a recording.

    Parameters
    ----------
    recording : Recording
    how : Measure
        Channel and DAC that are asked for; where several channels carry a current and none is asked for, the epochs
        of each are proposed with its name.

    Returns
    -------
    tuple of Proposal
        In the order of the epochs.

    Raises
    ------
    RecordingError
        If the current or its command is not known.
    """
    how = replace(how.with_default_window(), statistic=Statistic.MEAN, leak=Leak.NONE, voltage=Voltage.COMMAND)
    carriers = [c for c in recording.channels if c.unit in PICOAMPERES]
    if how.channel != "auto" or len(carriers) < 2:
        return _of_channel(recording, how)
    found: list[Proposal] = []
    for channel in carriers:
        try:
            found += _of_channel(recording, replace(how, channel=channel.name))
        except RecordingError:  # the current of another channel has its command
            continue
    return tuple(found) or _of_channel(recording, how)


def _of_channel(recording: Recording, how: Measure) -> tuple[Proposal, ...]:
    source = open_source(recording, how, ())
    names = dict.fromkeys(part.name for sweep in source.command for part in sweep if part.name != BEFORE)
    found = [_proposal(source, how, name) for name in names]
    remarks = tuple(second_stimuli(source))
    asked = {key: str(getattr(how, key)) for key in ("channel", "command") if getattr(how, key) != "auto"}
    return tuple(
        replace(each, columns={**each.columns, **asked} if each.columns else {}, remarks=remarks)
        for each in found
        if each.epoch != AFTER or each.kind is not Kind.CONSTANT
    )


def _proposal(source: Source, how: Measure, epoch: str) -> Proposal:
    try:
        parts = epoch_parts(source.command, epoch, source.sweeps)
        if parts[0].is_ramp:
            return _of_ramp(source, how, parts)
        levels = {part.first_mV for part in parts}
        if len(levels) == 1:
            return _of_constant(source, parts[0])
        if len(levels) < _MIN_LEVELS:
            return Proposal(epoch, Kind.UNCLEAR, f"steps to {len(levels)} levels, too few to judge the current by")
        return _of_steps(_Steps(source, how, parts))
    except RecordingError as fault:
        return Proposal(epoch, Kind.UNCLEAR, str(fault))


def _of_constant(source: Source, part: Segment) -> Proposal:
    """Propose the row of a recording that holds a test pulse alone; any other constant step has none."""
    sentence = f"at {part.first_mV:g} mV in every sweep: no I-V curve"
    if has_curve(source.command) or step_charge(source).epoch != part.name:
        return Proposal(part.name, Kind.CONSTANT, sentence)
    sentence += "; its step gives the membrane capacitance, which serves the ramps of the cell"
    return Proposal(part.name, Kind.PULSE, sentence, {"epoch": part.name})


def _of_ramp(source: Source, how: Measure, parts: Sequence[Segment]) -> Proposal:
    refuse_both_ways(source, parts)
    part, partners = parts[0], capacitance_ramps(source, parts)
    length_ms = (part.stop - part.start) / source.recording.rate_Hz * 1e3
    sentence = f"from {part.first_mV:g} to {part.last_mV:g} mV in {length_ms:g} ms"
    if abs(part.last_mV - part.first_mV) < how.min_span_mV:
        return Proposal(part.name, Kind.UNCLEAR, f"{sentence}, less than min_span_mV = {how.min_span_mV:g}")
    if Role.PAIR in partners:
        first, second = (partners[role][0].name for role in (Role.PAIR, Role.OPPOSITE))
        sentence += f"; the ramps {first} and {second} give the membrane capacitance"
    elif partners:
        sentence += f"; the ramp {partners[Role.OPPOSITE][0].name} runs back and gives the membrane capacitance"
    elif len({round(ramp_speed(source, each), 3) for each in parts}) > 1:
        sentence += " in the first sweep; ramps of different speed give the membrane capacitance"
    else:
        sentence += "; no ramp runs back: give capacitance_pF if it is known"
    return Proposal(part.name, Kind.RAMP, sentence, {"epoch": part.name})


@dataclass(frozen=True)
class _Steps:
    """Steps of one epoch to different levels, one in each sweep; see `proposals` for the rest."""

    source: Source
    how: Measure
    parts: Sequence[Segment]

    @property
    def epoch(self) -> str:
        return self.parts[0].name

    def read(self, **keys: Any) -> Reading:
        """Read the points of all sweeps with other keys of `measure`."""
        how = replace(self.how, epoch=self.epoch, **keys)
        return measure_points(self.source.recording, how, (), with_saturated=True)

    def previous(self) -> list[tuple[Segment | None, Segment]]:
        """Return the two segments before the step, of every sweep."""
        commands = [self.source.command[sweep] for sweep in self.source.sweeps]
        places = [command.index(part) for command, part in zip(commands, self.parts, strict=True)]
        pairs = zip(commands, places, strict=True)
        return [(command[at - 2] if at > 1 else None, command[at - 1]) for command, at in pairs]

    @property
    def steps_mV(self) -> FloatArray:
        """Steps of the command from the level before."""
        return steps_mV(self.source, self.parts)


def _of_steps(steps: _Steps) -> Proposal:
    """Propose a window by the course of the current along steps."""
    reading = steps.read()
    points = {each.role: each for each in reading.points}
    if math.isfinite(reading.passed_pA):
        return _after_brief(steps) or _of_passed(steps, points[Role.SIGNAL])
    if Role.EARLY not in points or reading.early_to_ms > reading.window_from_ms:
        sentence = "steps that are too short, or not of one length, to follow the current in"
        return Proposal(steps.epoch, Kind.UNCLEAR, sentence)
    change, later = (_Change(points[role], points[Role.SIGNAL]) for role in (Role.EARLY, Role.MIDDLE))
    if not (change.moves.any() or change.late_shows):
        return Proposal(steps.epoch, Kind.UNCLEAR, "steps at which no current shows above the noise")
    return _by_course(steps, reading, change, later)


def _of_passed(steps: _Steps, late: Points) -> Proposal:
    """Propose the peak of a current that has passed before the window."""
    at_peak = steps.read(statistic=Statistic.PEAK).points[0]
    measured = replace(at_peak, current_pA=at_peak.current_pA - at_peak.transient_pA)
    row = {"epoch": steps.epoch, "statistic": Statistic.PEAK}
    return _if_reversing(
        Proposal(steps.epoch, Kind.INACTIVATING, _INACTIVATING, row), _Change(measured, late), measured, steps.how
    )


def _by_course(steps: _Steps, reading: Reading, change: _Change, later: _Change) -> Proposal:
    """Propose a window by the changes of the current from the early and from the middle window to the late one."""
    epoch, row, moves = steps.epoch, {"epoch": steps.epoch}, bool(change.moves.any())
    if moves and change.decays and _opens_before(steps, change):
        start, end = _tail_window(steps, reading, change)
        proposal = Proposal(epoch, Kind.TAIL, _TAIL.format(start, end), row | {"from_ms": start, "to_ms": end})
        return _if_reversing(proposal, change, change.early, steps.how)
    peak = _Change(steps.read(statistic=Statistic.PEAK).points[0], change.late)
    if peak.moves.any() and not is_capacitive(peak.pA, steps.steps_mV):
        if peak.decays and not change.grows and peak.is_of_depolarisation:
            proposal = Proposal(epoch, Kind.INACTIVATING, _INACTIVATING, row | {"statistic": Statistic.PEAK})
            return _after_brief(steps) or _if_reversing(proposal, peak, peak.early, steps.how)
    elif not moves:
        return Proposal(epoch, Kind.STEADY, "along them the current does not change", row)
    elif change.grows and not later.moves.any() and _from_start(steps, reading, change).is_minor:
        return Proposal(epoch, Kind.STEADY, "along them the current settles, by a small part of it", row)
    elif change.grows and not later.moves.any():
        return _if_reversing(Proposal(epoch, Kind.ACTIVATING, _ACTIVATING, row), change, change.late, steps.how)
    return Proposal(epoch, Kind.UNCLEAR, _UNCLEAR.format(f"{reading.early_from_ms:g}"))


def _from_start(steps: _Steps, reading: Reading, change: _Change) -> _Change:
    """Return the change from the first part of the early window on."""
    start_ms, end_ms = reading.early_from_ms, reading.early_to_ms
    first_ms = max(start_ms + _PART * (end_ms - start_ms), start_ms + _MIN_TAIL_MS)
    first = steps.read(from_ms=start_ms, to_ms=first_ms).points[0]
    return replace(change, early=first)


def _if_reversing(proposal: Proposal, change: _Change, measured: Points, how: Measure) -> Proposal:
    """Return the proposal without its row where the measured current has not the zero of the part that changes.

    The part that changes is the channels' alone: its zero is their reversal potential, whatever the leak. Where the two
    lie further apart than an interval may be wide, the measured zero is the leak's.
    """
    channels_mV = _zero_mV(change.late.command_mV, change.pA, change.moves)
    total_mV = _zero_mV(measured.command_mV, measured.current_pA, _shows(measured))
    if abs(channels_mV - total_mV) <= how.max_interval_mV:
        return proposal
    found = "has no single zero where channels are open"
    if math.isfinite(channels_mV):
        zero = f"at {total_mV:.0f} mV" if math.isfinite(total_mV) else "is not one"
        found = f"crosses zero at {channels_mV:.0f} mV, the whole current {zero}: subtract the leak"
    return replace(proposal, columns={}, sentence=f"{proposal.sentence}. But the part that changes {found}")


def _shows(points: Points) -> NDArray[np.bool_]:
    return np.asarray(np.abs(points.current_pA) > _CHANGE_Z * points.se_pA)


def _zero_mV(level_mV: FloatArray, current_pA: FloatArray, shows: NDArray[np.bool_]) -> float:
    """Return the voltage at which the current changes sign between levels where it shows; nan unless it is one."""
    order = [at for at in np.argsort(level_mV, kind="stable").tolist() if shows[at]]
    pairs = [(a, b) for a, b in itertools.pairwise(order) if current_pA[a] * current_pA[b] < 0]
    if len(pairs) != 1:
        return math.nan
    (a, b), part = pairs[0], current_pA[list(pairs[0])]
    return float(level_mV[a] - part[0] * (level_mV[b] - level_mV[a]) / (part[1] - part[0]))


_TAIL = (
    "steps after a constant one in which channels open: a tail, measured from {} to {} ms, before it has decayed; "
    "later the current is the leak's"
)
_INACTIVATING = "steps that open channels which inactivate: measured at the peak; later the current is the leak's"
_ACTIVATING = (
    "steps along which the current activates: measured where it has settled. If its zero lies where channels are still "
    "closed, it is the leak's: subtract the leak, or record tails"
)
_UNCLEAR = (
    "steps along which the current changes: a tail (from_ms={}, and to_ms before it has decayed), a current that "
    "inactivates (statistic=peak) or one that has not settled; the traces decide"
)


_AFTER_BRIEF = (
    "steps after a constant one of {:g} ms, too short to see whether channels open in it: a tail if they do (from_ms "
    "behind the transient, to_ms before it has decayed), else a current that these steps open (statistic=peak); the "
    "traces decide"
)


@dataclass(frozen=True)
class _Change:
    """Change of the current between two windows of the same steps."""

    early: Points
    late: Points

    @property
    def pA(self) -> FloatArray:
        return self.early.current_pA - self.late.current_pA

    @property
    def range_pA(self) -> float:
        return max(float(np.ptp(self.early.current_pA)), float(np.ptp(self.late.current_pA)))

    @property
    def moves(self) -> NDArray[np.bool_]:
        """True for the levels at which the current changes."""
        noise_pA = np.hypot(self.early.se_pA, self.late.se_pA)
        return np.asarray(np.abs(self.pA) > np.maximum(_CHANGE_Z * noise_pA, _MIN_CHANGE * self.range_pA))

    @property
    def decays(self) -> bool:
        """True where most of the change is a decrease of the current's size."""
        return self._growth_pA < 0

    @property
    def grows(self) -> bool:
        """True where most of the change is an increase of the current's size."""
        return self._growth_pA > 0

    @property
    def _growth_pA(self) -> float:
        sizes = np.abs(self.late.current_pA) - np.abs(self.early.current_pA)
        return float(sizes[self.moves].sum())

    @property
    def is_minor(self) -> bool:
        """True where the current changes by a small part of it."""
        return float(np.abs(self.pA).max()) < _MINOR * self.range_pA

    @property
    def late_shows(self) -> bool:
        """True where the late currents of the levels differ by more than their noise."""
        return float(np.ptp(self.late.current_pA)) > _CHANGE_Z * float(np.median(self.late.se_pA))

    @property
    def is_of_depolarisation(self) -> bool:
        """True where nothing changes at the lowest third of the levels: channels are closed there."""
        lowest = self.late.command_mV <= np.quantile(self.late.command_mV, 1 / 3)
        largest_pA = float(np.abs(self.pA).max())
        return bool((np.abs(self.pA[lowest]) < _MAX_CLOSED_CHANGE * largest_pA).all())


def _after_brief(steps: _Steps) -> Proposal | None:
    """Return the proposal for steps after a constant one that is too short to tell tails from peaks; else None."""
    before = _constant_before(steps)
    if before is None or _compared(steps, before) is not None:
        return None
    length_ms = (before.stop - before.start) / steps.source.recording.rate_Hz * 1e3
    return Proposal(steps.epoch, Kind.UNCLEAR, _AFTER_BRIEF.format(length_ms))


def _constant_before(steps: _Steps) -> Segment | None:
    """Return the step before the measured one, where it is the same in every sweep and has a level of its own."""
    before = steps.previous()
    lasts = {(last.first_mV, last.last_mV, last.stop - last.start) for _, last in before}
    first, last = before[0]
    is_own = first is not None and last.is_level and first.last_mV != last.first_mV
    return last if is_own and len(lasts) == 1 else None


def _compared(steps: _Steps, before: Segment) -> tuple[int, int] | None:
    """Return where the earlier of two compared parts of a step begins, and their length; None where it is too short."""
    length = before.stop - before.start
    part = round(_PART * length)
    start = max(part, round(_SETTLING_MS * steps.source.recording.rate_Hz / 1e3))
    return None if part < 2 or start + part > length - part else (start, part)


def _opens_before(steps: _Steps, change: _Change) -> bool:
    """Return True where the current changes during a constant step before the measured one."""
    before = _constant_before(steps)
    compared = None if before is None else _compared(steps, before)
    if before is None or compared is None:
        return False
    (start, part), length = compared, before.stop - before.start
    traces = steps.source.stretches_pA((own.start, own.stop) for _, own in steps.previous())
    opened = [float(trace[length - part :].mean() - trace[start : start + part].mean()) for trace in traces]
    mean, se = float(np.mean(opened)), float(np.std(opened)) / math.sqrt(len(opened))
    return abs(mean) > max(_CHANGE_Z * se, _MIN_CHANGE * float(np.abs(change.pA).max()))


def _tail_window(steps: _Steps, reading: Reading, change: _Change) -> tuple[str, str]:
    """Return the window of a tail in ms: from the end of the transient until a part of it has decayed."""
    source, per_ms = steps.source, steps.source.recording.rate_Hz / 1e3
    start = round(reading.early_from_ms * per_ms)
    most, least = (max(2, round(ms * per_ms)) for ms in (_MAX_TAIL_MS, _MIN_TAIL_MS))
    traces = source.stretches_pA((part.start + start, part.start + start + most) for part in steps.parts)
    # Each sweep counts by its own tail, so that the sum has the course of all of them.
    course = change.pA @ (np.array(traces) - change.late.current_pA[:, None])
    fallen = np.flatnonzero(running_mean(course, least) < _LEFT * float(course[:least].mean()))
    length = max(least, int(fallen[0]) if len(fallen) else most)
    return f"{start / per_ms:g}", f"{(start + length) / per_ms:g}"


def described(found: Sequence[Proposal], file: str, outcome: Callable[[Proposal], Iterable[str]]) -> Iterator[str]:
    """Yield the lines in which `nernstfit inspect` prints proposals.

    Parameters
    ----------
    found : sequence of Proposal
    file : str
        Path of the recording as typed.
    outcome : callable
        Sentences on what the row of a proposal gives.
    """
    if found:
        yield ""
        yield "epochs, with the columns of recordings.csv that measure each"
    for each in found:
        yield f"  {each.epoch}: {each.row or 'no row is proposed'}"
        yield f"     {each.kind}: {each.sentence}"
        if each.columns:
            yield f"     {each.command(file)}"
            yield from (f"     {sentence}" for sentence in outcome(each))
        if each.kind is not Kind.CONSTANT:
            yield from (f"     {remark}" for remark in each.remarks)
