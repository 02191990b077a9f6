"""Coverage of the interval of a reversal potential, over simulated recordings.

Every row is one protocol with one procedure of measurement. Its cases are written as ABF files, one
after the other, and measured by the stages of the workflow. The truth of a case is the zero of the
current that is measured: of the total current where nothing is subtracted, else of the channel's.
"""

from __future__ import annotations

import functools
import itertools
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, signal, stats

from calibration import cells as patches
from calibration.cells import Cells, Gate, boltzmann
from calibration.ratios import Z_999
from nernstfit.abf.columns import POINTS, point_columns
from nernstfit.abf.command import levels, segments
from nernstfit.abf.read import open_recording
from nernstfit.abf.records import Epoch, UserList, Waveform
from nernstfit.contract import settings
from nernstfit.contract.frames import joined
from nernstfit.experiment.records import Row, row_of_file
from nernstfit.reversal.classify import interval_mV
from nernstfit.reversal.quantiles import Z_95
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.stages.ingest import read_row
from nernstfit.stages.measure import measure_row

FloatArray = NDArray[np.float64]

RATE_HZ = 10_000.0
BATCH = 40
BIAS_MV, LOW, HIGH, OTHERS = 0.2, 0.93, 0.97, 0.02
DIAL = 0.05  # relative standard deviation of a stated capacitance


@dataclass(frozen=True)
class Calibration:
    """One row: a protocol, the channel, and the procedure of measurement."""

    name: str
    waveform: Waveform
    sweeps: int
    points: int
    how: Mapping[str, str]
    reversal: tuple[float, float]
    gates: tuple[Gate, ...] = ()
    capacity_known: bool = True  # stated, by a dial that is 5 % off (standard deviation)
    extra_channels: bool = False
    telegraph_gain: float | None = None
    version: str = "2.6"
    slope: tuple[float, float] = (2.0, 20.0)
    fixed: Mapping[str, float] = field(default_factory=dict)
    broken_pA: tuple[float, float] = (0.0, 0.0)  # artefact in the last sweep, log-uniform, of the sign of the range
    later_mV: float = 0.0  # by which the channel's reversal potential moves in the second half of the sweeps
    max_refused: float = OTHERS
    max_false: float | None = None  # where no crossing is a reversal: fraction that may be called one
    reason: str = ""  # part of the reason of every refusal
    high: float = HIGH
    is_cancelled: bool = False  # the amplifier supplies the charge of the membrane
    wander_pA: float = 0.0  # standard deviation of an Ornstein-Uhlenbeck baseline, and its correlation time
    wander_ms: float = 300.0
    lowpass_Hz: float | None = None  # corner of a filter of one pole and of four poles of Bessel, in turn

    @functools.cached_property
    def measure(self) -> settings.Measure:
        """Procedure of measurement with every default filled in."""
        return settings.measure_for(settings.default_measure(), self.how)

    @property
    def is_unbiased(self) -> bool:
        """True where no error is to one side in every cell: capacitance and filter are known."""
        return self.capacity_known and self.lowpass_Hz is None


@dataclass(frozen=True)
class Tally:
    """Results of the cases of a row."""

    name: str
    cases: int
    reversals: int
    held: int
    bias_mV: float
    rms_mV: float
    mean_se_mV: float
    mean_square: float  # of the errors over the half of their interval on that side, in standard deviations
    reasons: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """Fraction of the intervals that include the truth."""
        return self.held / max(1, self.reversals)

    def faults(self, row: Calibration) -> tuple[str, ...]:
        """Return the criteria that failed; bias and coverage are tested by their 99.9 % intervals."""
        unlike = [reason for reason in self.reasons if row.reason not in reason]
        found = [f"{len(unlike)} reasons like {unlike[0]!r}"] if unlike else []
        if row.max_false is not None:
            if self.reversals > row.max_false * self.cases:
                found.append(f"{self.reversals} called a reversal")
            return tuple(found)
        low, high = stats.binomtest(self.held, max(1, self.reversals)).proportion_ci(0.999)
        chance_mV = Z_999 * self.rms_mV / math.sqrt(max(1, self.reversals))
        if abs(self.bias_mV) >= BIAS_MV + chance_mV and row.is_unbiased:
            found.append(f"bias {self.bias_mV:+.2f} mV")
        if high < LOW or low > row.high:
            found.append(f"coverage {self.coverage:.3f}")
        if self.cases - self.reversals > row.max_refused * self.cases:
            found.append(f"{self.cases - self.reversals} other verdicts ({self.reasons[0]})")
        return tuple(found)


def calibrate(row: Calibration, cases: int, seed: int) -> Tally:
    """Measure a number of simulated recordings of one row."""
    rng = np.random.default_rng([seed, *row.name.encode()])
    errors, ses, scores, reasons, held = [], [], [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, cases, BATCH):
            for found, truth in _batch(row, min(BATCH, cases - start), rng, Path(folder)):
                if found["verdict"] == "reversal":
                    error = found["reversal_mV"] - truth
                    errors.append(error)
                    ses.append(found["se_mV"])
                    se = math.hypot(found["se_mV"], found["further_se_mV"], found["delay_shift_mV"])
                    reach = found["reach_below_mV"], found["reach_above_mV"]
                    below, above = interval_mV(se, found["capacitance_shift_mV"], reach)
                    held += -above <= error <= below
                    scores.append(Z_95 * error / (below if error > 0 else above))
                else:
                    reasons.append(f"{found['verdict']}: {found['reason']}")
    size = [float(f(errors)) if errors else math.nan for f in (np.mean, np.std)]
    means = [float(np.mean(values)) if errors else math.nan for values in (ses, np.square(scores))]
    return Tally(row.name, cases, len(errors), held, *size, *means, tuple(reasons))


def _batch(
    row: Calibration, count: int, rng: np.random.Generator, folder: Path
) -> Iterator[tuple[Mapping[str, object], float]]:
    cells = patches.draw(rng, count, row.reversal, row.slope, **row.fixed)
    command = _command(row)
    subtract = row.how.get("leak") == "background"
    current = patches.clamp(cells, command, row.gates, RATE_HZ)
    if row.later_mV:
        later, half = replace(cells, reversal_mV=cells.reversal_mV + row.later_mV), row.sweeps // 2
        current[:, half:] = patches.clamp(later, command[half:], row.gates, RATE_HZ)
    if row.is_cancelled:
        shut = replace(cells, slope_nS=np.full(count, 1e-9), leak_nS=np.full(count, 1e-9))
        current -= patches.clamp(shut, command, (), RATE_HZ)
    current += patches.noise(cells, command.shape, RATE_HZ, rng)
    if row.wander_pA:
        current += _wander_pA(row, current.shape, rng)
    current[:, -1] += _artefact_pA(row, count, rng)[:, None]
    if row.lowpass_Hz is not None:
        current = np.stack([_filtered(each, row.lowpass_Hz, i) for i, each in enumerate(current)])
    read_pF = cells.capacity_pF * rng.spawn(1)[0].normal(1.0, DIAL, count)
    blocked = None
    if subtract:
        shut = replace(cells, slope_nS=np.full(count, 1e-9))
        blocked = patches.clamp(shut, command, (), RATE_HZ) + patches.noise(cells, command.shape, RATE_HZ, rng)
    for i in range(count):
        path = _written(row, folder / "case.abf", current[i])
        background = _written(row, folder / "blocked.abf", blocked[i]) if blocked is not None else None
        asked = _row(row, path, background, cells.series_MOhm[i], read_pF[i])
        fact, reading = read_row(asked, open_recording)
        points = joined(point_columns(asked.measurement, reading.points), POINTS) if reading else None
        window = reading.traces[0].window_ms if reading else (0.0, 0.0)
        yield measure_row(asked, fact, points)[0], _truth(row, cells, i, window)


def _filtered(current_pA: FloatArray, corner_Hz: float, i: int) -> FloatArray:
    """Return the current of the i-th cell, settled at its first sample, behind one pole or four of Bessel."""
    if i % 2:
        sos = signal.bessel(4, corner_Hz, norm="mag", output="sos", fs=RATE_HZ)
    else:
        sos = signal.butter(1, corner_Hz, output="sos", fs=RATE_HZ)
    state = signal.sosfilt_zi(sos)[:, None, :] * current_pA[None, :, :1]
    return np.asarray(signal.sosfilt(sos, current_pA, zi=state)[0])


def _wander_pA(row: Calibration, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return a baseline that wanders through the sweeps, and as long between them; shape (cases, sweeps, n)."""
    cases, sweeps, points = shape
    kept = math.exp(-1e3 / RATE_HZ / row.wander_ms)
    steps = rng.normal(0.0, row.wander_pA * math.sqrt(1 - kept**2), (cases, 2 * sweeps * points))
    steps[:, 0] /= math.sqrt(1 - kept**2)
    wander = np.asarray(signal.lfilter([1.0], [1.0, -kept], steps))
    return wander.reshape(cases, sweeps, 2 * points)[..., :points]


def _artefact_pA(row: Calibration, count: int, rng: np.random.Generator) -> FloatArray:
    """Return the artefact of each cell; 0 where the row has none."""
    if not any(row.broken_pA):
        return np.zeros(count)
    return np.sign(row.broken_pA[0]) * np.exp(rng.uniform(*np.log(np.abs(row.broken_pA)), count))


_segments = functools.cache(segments)


def _command(row: Calibration) -> FloatArray:
    command = _segments(row.waveform, row.sweeps, row.points)
    return np.array([levels(sweep, np.arange(row.points)) for sweep in command])


def _written(row: Calibration, path: Path, current_pA: FloatArray) -> Path:
    channels = [OutputChannel("Im", "pA", 0, 20_000.0, row.telegraph_gain, "voltage")]
    if row.lowpass_Hz is not None:
        channels = [replace(channels[0], lowpass_Hz=row.lowpass_Hz, telegraph_gain=1.0)]
    samples = [current_pA]
    if row.extra_channels:  # a pressure on input 2 and the current on input 3 behind it
        channels = [OutputChannel("P", "mmHg", 2, 100.0), replace(channels[0], number=3)]
        samples = [np.zeros_like(current_pA), current_pA]
    interval_s = 2.0 * row.points / RATE_HZ
    recording = EpisodicRecording(np.stack(samples, axis=1), channels, [row.waveform], RATE_HZ, interval_s)
    write_abf(path, row.version, recording)
    return path


def _row(row: Calibration, path: Path, background: Path | None, series_MOhm: float, read_pF: float) -> Row:
    return row_of_file(
        str(path),
        row.measure,
        measurement="case",
        cell="c",
        temperature_C=22.0,
        configuration="whole-cell",
        series_resistance_MOhm=float(series_MOhm),
        capacitance_pF=float(read_pF) if row.capacity_known else None,
        subtract=str(background) if background else "",
    )


def _truth(row: Calibration, cells: Cells, i: int, window_ms: tuple[float, float]) -> float:
    """Return the zero of the channel's current, or of the total current where nothing is subtracted."""
    if row.how.get("leak", "none") != "none":
        return float(cells.reversal_mV[i])
    one = cells.only(i)

    def total(v: float) -> float:
        at = np.array([v])
        opened = _opened(row, at, window_ms)
        return float((opened * patches.channel(one, at)[0] + one.leak_nS * (at - one.leak_reversal_mV))[0])

    grid = np.linspace(-150.0, 150.0, 61)
    currents = list(map(total, grid))
    rises = [a for a, (below, above) in zip(grid, itertools.pairwise(currents), strict=False) if below < 0 <= above]
    return float(optimize.brentq(total, rises[-1], rises[-1] + 5.0))


def _opened(row: Calibration, voltage_mV: FloatArray, window_ms: tuple[float, float]) -> FloatArray:
    """Return the open fraction in the window at a level after the earlier epochs, without clamp errors."""
    if not row.gates:
        return np.ones(1)
    parts = _segments(row.waveform, row.sweeps, row.points)[0]
    at = next(k for k, part in enumerate(parts) if part.name == row.how["epoch"])
    times = np.linspace(*window_ms, 9) - parts[at].start / RATE_HZ * 1e3
    opened = np.ones(len(times))
    for gate in row.gates:
        state = gate.steady(np.array([parts[0].first_mV]))
        for part in parts[1:at]:
            level, length = np.array([part.first_mV]), (part.stop - part.start) / RATE_HZ * 1e3
            state = gate.steady(level) + (state - gate.steady(level)) * np.exp(-length / gate.tau_ms(level))
        steady = gate.steady(voltage_mV)
        opened = opened * (steady + (state - steady) * np.exp(-times / gate.tau_ms(voltage_mV))) ** gate.power
    return np.array([opened.mean()])


# The rows


def _waveform(holding: float, *epochs: Epoch, keeps: bool = False, listed: UserList | None = None) -> Waveform:
    return Waveform(0, "Cmd 0", "mV", holding, "epochs", epochs, keeps, listed)


def _constant(tau_ms: float) -> Callable[[FloatArray], FloatArray]:
    return lambda v: np.full_like(v, tau_ms)


_STEPS = _waveform(-60.0, Epoch("A", "step", -100.0, 10.0, 500, 0))
_WIDE = _waveform(-80.0, Epoch("A", "step", -130.0, 10.0, 500, 0))
_PREPULSE = _waveform(-80.0, Epoch("A", "step", -120.0, 2.5, 300, 0), Epoch("B", "step", -60.0, 10.0, 500, 0))
_LISTED = tuple(-100.0 + 10.0 * k for k in (8, 0, 16, 4, 12, 2, 14, 6, 10, 1, 15, 3, 13, 5, 11, 7, 9))
_LIST = _waveform(-60.0, Epoch("A", "step", 0.0, 5.0, 500, 0), listed=UserList(21, _LISTED, False))
_KEPT = _waveform(-60.0, Epoch("A", "step", -100.0, 10.0, 60, 0), keeps=True)
_UP = (Epoch("A", "step", -100.0, 0.0, 300, 0), Epoch("B", "ramp", 60.0, 0.0, 2000, 0))
_BOTH = (*_UP, Epoch("C", "ramp", -100.0, 0.0, 2000, 0))
_DURATIONS = UserList(32, (1000.0, 1500.0, 2000.0, 2500.0), True)
_TAILS = (Epoch("A", "step", -130.0, 0.0, 1500, 0), Epoch("B", "step", -85.0, 10.0, 600, 0))
_LEAK_TAILS = (
    Epoch("A", "ramp", 40.0, 0.0, 600, 0),
    Epoch("B", "ramp", -40.0, 0.0, 600, 0),
    Epoch("C", "step", -130.0, 0.0, 1500, 0),
    Epoch("D", "step", -85.0, 10.0, 600, 0),
)
_TESTED = (
    Epoch("A", "step", -65.0, 0.0, 200, 0),
    Epoch("B", "step", -100.0, 0.0, 300, 0),
    Epoch("C", "ramp", 60.0, 0.0, 2000, 0),
)
_PULSE = _waveform(-100.0, Epoch("A", "step", -130.0, 10.0, 300, 0))

_ACTIVATING = (Gate(boltzmann(-35.0, 5.0), _constant(2.0)),)
_INWARD = (Gate(boltzmann(-100.0, -7.0), lambda v: 20.0 + 40.0 / (1.0 + np.exp(-(v + 60.0) / 20.0))),)
_SODIUM = (Gate(boltzmann(-35.0, 6.0), _constant(0.3), 3), Gate(boltzmann(-65.0, -6.0), _constant(4.0)))
_STRONG, _SODIUM_NS = (5.0, 20.0), (25.0, 60.0)
_LEAKY = {"leak_nS": 1.0}
_TAIL = {"from_ms": "4", "to_ms": "10"}
_LEAK_AT_0 = {"leak_nS": 1.0, "leak_reversal_mV": 0.0}
_OPENS = "where channels open"

ROWS: tuple[Calibration, ...] = (
    Calibration("steps", _STEPS, 17, 600, {"epoch": "A"}, (-40.0, 20.0)),
    *(
        Calibration(
            f"steps, slow noise of {size:g} pA, {time:g} ms",
            _STEPS,
            17,
            600,
            {"epoch": "A"},
            (-40.0, 20.0),
            slope=_STRONG,
            max_refused=0.1,
            high=1.0,
            wander_pA=size,
            wander_ms=time,
        )
        for size, time in ((5.0, 30.0), (5.0, 1000.0))
    ),
    Calibration(
        "steps, leak straight",
        _WIDE,
        20,
        600,
        {"epoch": "A", "leak": "linear"},
        (0.0, 35.0),
        _ACTIVATING,
        fixed=_LEAKY,
        slope=_STRONG,
        high=1.0,  # these channels open more sharply than any that the error of the line allows for
    ),
    Calibration(
        "steps, leak of an epoch",
        _PREPULSE,
        14,
        900,
        {"epoch": "B", "leak": "epoch:A"},
        (0.0, 35.0),
        _ACTIVATING,
        fixed=_LEAKY,
        slope=_STRONG,
    ),
    Calibration(
        "steps, background",
        _STEPS,
        17,
        600,
        {"epoch": "A", "leak": "background"},
        (-40.0, 20.0),
        fixed=_LEAKY,
        slope=_STRONG,
    ),
    Calibration("steps, list of levels, ABF1", _LIST, 17, 600, {"epoch": "A"}, (-40.0, 20.0), version="1.84"),
    Calibration(
        "steps, telegraphed gain, channels out of order",
        _STEPS,
        17,
        600,
        {"epoch": "A", "command": "0"},
        (-40.0, 20.0),
        extra_channels=True,
        telegraph_gain=5.0,
    ),
    Calibration("level kept between sweeps", _KEPT, 17, 600, {"epoch": "after"}, (-40.0, 20.0)),
    Calibration("ramp up", _waveform(-60.0, *_UP), 3, 2600, {"epoch": "B"}, (-60.0, 20.0)),
    Calibration(
        "ramp up, background",
        _waveform(-60.0, *_UP),
        3,
        2600,
        {"epoch": "B", "leak": "background"},
        (-60.0, 20.0),
        fixed=_LEAKY,
        slope=_STRONG,
    ),
    Calibration(
        "ramps both ways", _waveform(-60.0, *_BOTH), 3, 4600, {"epoch": "B"}, (-60.0, 20.0), capacity_known=False
    ),
    Calibration(
        "ramps both ways, leak straight",
        _waveform(-60.0, *_BOTH),
        3,
        4600,
        {"epoch": "B", "leak": "linear"},
        (0.0, 20.0),
        _ACTIVATING,
        capacity_known=False,
        fixed=_LEAKY,
        slope=_STRONG,
        high=1.0,  # the current differs between both ways, so that they leave the capacitance unknown
    ),
    Calibration(
        "ramp up, list of durations", _waveform(-60.0, *_UP, listed=_DURATIONS), 4, 3000, {"epoch": "B"}, (-60.0, 20.0)
    ),
    Calibration("tails", _waveform(-40.0, *_TAILS), 14, 2200, {"epoch": "B", **_TAIL}, (-40.0, 5.0), _INWARD),
    Calibration(
        "tails, transient of 0.7 ms in the window",
        _waveform(-40.0, *_TAILS),
        14,
        2200,
        {"epoch": "B", "from_ms": "2", "to_ms": "6"},
        (-40.0, 5.0),
        _INWARD,
        fixed={"series_MOhm": 10.0, "capacity_pF": 70.0},
        slope=_STRONG,
        max_false=0.02,
    ),
    Calibration(
        "tails, leak of ramps",
        _waveform(-40.0, *_LEAK_TAILS),
        14,
        3500,
        {"epoch": "D", "leak": "epoch:A", **_TAIL},
        (-40.0, 5.0),
        _INWARD,
        capacity_known=False,
        fixed=_LEAKY,
        slope=_STRONG,
    ),
    Calibration(
        "inactivating current",
        _PULSE,
        23,
        400,
        {"epoch": "A", "statistic": "peak"},
        (30.0, 60.0),
        _SODIUM,
        slope=_SODIUM_NS,
    ),
    *(
        Calibration(
            f"inactivating current beside a transient of {tau_ms:g} ms",
            _PULSE,
            23,
            500,
            {"epoch": "A", "statistic": "peak"},
            (30.0, 60.0),
            _SODIUM,
            fixed={"series_MOhm": 8.0, "capacity_pF": tau_ms / 8e-3, "leak_nS": 0.1},
            slope=(8.0, 16.0),
            high=1.0,
        )
        for tau_ms in (0.1, 0.3)
    ),
    Calibration(
        "inactivating current, leak straight",
        _PULSE,
        23,
        400,
        {"epoch": "A", "statistic": "peak", "leak": "linear"},
        (30.0, 60.0),
        _SODIUM,
        fixed=_LEAKY,
        slope=_SODIUM_NS,
        high=1.0,  # these channels open more sharply than any that the error of the line allows for
    ),
    # Curves that are no reversal, or look like none.
    Calibration(
        "activation beside a leak, sharp",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-90.0, -75.0),
        (Gate(boltzmann(-25.0, 5.0), _constant(2.0)),),
        fixed=_LEAK_AT_0,
        max_false=0.02,
    ),
    Calibration(
        "activation beside a leak, sharp, ramp",
        _waveform(-60.0, *_UP),
        3,
        2600,
        {"epoch": "B"},
        (-90.0, -75.0),
        (Gate(boltzmann(-25.0, 5.0), _constant(1.0)),),
        fixed=_LEAK_AT_0,
        max_false=0.02,
    ),
    Calibration(
        "activation beside a leak, shallow",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-90.0, -75.0),
        (Gate(boltzmann(-25.0, 10.0), _constant(2.0)),),
        fixed=_LEAK_AT_0,
        max_false=0.25,
        reason=_OPENS,
    ),
    Calibration(
        "block relieved by depolarisation",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-20.0, 10.0),
        (Gate(boltzmann(-10.0, 15.0), _constant(0.02)),),
        max_refused=1.0,
        reason="block",
    ),
    Calibration(
        "block relieved by depolarisation, accepted",
        _STEPS,
        17,
        600,
        {"epoch": "A", "open_pore": "flag"},
        (-20.0, 10.0),
        (Gate(boltzmann(-10.0, 15.0), _constant(0.02)),),
    ),
    Calibration(
        "inward rectifier",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-60.0, -30.0),
        (Gate(boltzmann(-35.0, -10.0), _constant(1.0)),),
        max_refused=0.05,
    ),
    Calibration(
        "negative slope below the reversal",
        _WIDE,
        22,
        600,
        {"epoch": "A"},
        (35.0, 50.0),
        (Gate(boltzmann(-25.0, 5.0), _constant(1.0)),),
        fixed={"leak_nS": 1.0, "leak_reversal_mV": -60.0},
        max_refused=1.0,
        high=1.0,  # a curve with a negative slope is rougher than an open pore's, as if its baseline wandered
    ),
    Calibration(
        "artefact at the last level",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-40.0, 20.0),
        broken_pA=(-1000.0, -8000.0),
        max_refused=0.05,
    ),
    Calibration(
        "artefact at the last level, no crossing",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-130.0, -110.0),
        fixed={"leak_nS": 0.02},
        broken_pA=(-1000.0, -8000.0),
        max_false=0.0,
    ),
    Calibration(
        "seal breaks at the last level",
        _STEPS,
        17,
        600,
        {"epoch": "A"},
        (-40.0, 20.0),
        broken_pA=(2000.0, 20_000.0),
        max_refused=0.05,
    ),
    Calibration(
        "tails that have decayed",
        _waveform(-40.0, *_TAILS),
        14,
        2200,
        {"epoch": "B"},
        (-60.0, -30.0),
        (Gate(boltzmann(-100.0, -7.0), _constant(5.0)),),
        fixed=_LEAK_AT_0,
        max_false=0.0,
    ),
    Calibration(
        "slow clamp in short steps",
        _waveform(-80.0, Epoch("A", "step", -100.0, 10.0, 180, 0)),
        17,
        400,
        {"epoch": "A"},
        (-30.0, 0.0),
        capacity_known=False,
        fixed={"series_MOhm": 30.0, "capacity_pF": 100.0, "leak_nS": 0.1},
        slope=(2.0, 10.0),
        max_refused=1.0,
        high=1.0,
    ),
    *(
        Calibration(
            f"clamp of {tau_ms:g} ms in steps of {step_ms} ms",
            _waveform(-80.0, Epoch("A", "step", -100.0, 10.0, 10 * step_ms, 0)),
            17,
            200 + 10 * step_ms,
            {"epoch": "A"},
            (-60.0, 0.0),
            capacity_known=False,
            fixed={"series_MOhm": 30.0, "capacity_pF": tau_ms / 30e-3, "leak_nS": 0.1},
            slope=(2.0, 10.0),
            max_refused=1.0,
            high=1.0,
        )
        for step_ms, tau_ms in ((5, 0.5), (5, 1.0), (5, 3.0), (5, 7.0), (10, 2.0), (10, 7.0))
    ),
    Calibration(
        "zero that steps between the sweeps",
        _waveform(-60.0, *_UP),
        8,
        2600,
        {"epoch": "B"},
        (-60.0, 0.0),
        later_mV=15.0,
        max_false=0.0,
        reason="over the sweeps",
    ),
    Calibration(
        "ramp up, capacitance of a test pulse",
        _waveform(-60.0, *_TESTED),
        3,
        2900,
        {"epoch": "C"},
        (-60.0, 20.0),
        capacity_known=False,
        high=1.0,
    ),
    # The kind of the filter is not known, and its error is of one size in every cell.
    Calibration(
        "ramp up, filter of 100 Hz",
        _waveform(-60.0, *_UP),
        3,
        2600,
        {"epoch": "B"},
        (-60.0, 20.0),
        high=1.0,
        lowpass_Hz=100.0,
    ),
    Calibration(
        "ramps both ways, filter of 100 Hz",
        _waveform(-60.0, *_BOTH),
        3,
        4600,
        {"epoch": "B"},
        (-60.0, 20.0),
        capacity_known=False,
        max_refused=0.05,
        high=1.0,
        lowpass_Hz=100.0,
    ),
    Calibration(
        "ramp up, capacitance cancelled",
        _waveform(-60.0, *_UP),
        3,
        2600,
        {"epoch": "B"},
        (-60.0, 20.0),
        capacity_known=False,
        max_refused=0.05,
        high=1.0,
        is_cancelled=True,
    ),
    Calibration(
        "ramp up, capacitance unknown",
        _waveform(-60.0, *_UP),
        3,
        2600,
        {"epoch": "B"},
        (-60.0, 20.0),
        capacity_known=False,
        max_refused=0.05,
        high=0.99,
    ),
)
