"""Page docs/refused.md and its figures: simulated recordings that give no potential, each for another reason.

`make docs` runs it. Every recording is written, read and measured as any other, so that the reasons on the page are
those of the program; the same code gives the same bytes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.abf.columns import POINTS, TRACES, point_columns, trace_columns
from nernstfit.abf.read import open_recording
from nernstfit.abf.records import Epoch, UserList, Waveform
from nernstfit.contract import settings
from nernstfit.contract.frames import joined, table
from nernstfit.contract.terms import Configuration, PotentialVerdict
from nernstfit.experiment.records import Row, row_of_file
from nernstfit.figures.recordings import draw_measurements
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.stages.correct import correct_row
from nernstfit.stages.ingest import read_row
from nernstfit.stages.measure import iv_columns, measure_row

FloatArray = NDArray[np.float64]
Current = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]  # of voltage, time in ms and number of the sweep

RATE_HZ, HOLDING_MV = 5000.0, -60.0
LENGTH = 800  # samples of the epoch: 160 ms
BINS = 3  # one in so many bins of the traces is drawn: a third of the size
LEVELS = tuple(np.arange(-100.0, 101.0, 20.0))
LEVEL_OF_A = 21  # code of the level of epoch A in a user list

_HEAD = """# Why was my recording refused?

A potential is given only where the recording supports one. Each figure is a simulated recording: left its current, with
the window in grey, right the current in the window against the voltage. The reason in *italics* is the one that
reversal_potentials.csv holds; a row is refused alone, and the run goes on. All other findings:
[warnings.md](warnings.md).
"""


@dataclass(frozen=True)
class Refusal:
    """One reason for which a recording gives no potential.

    Attributes
    ----------
    name, title : str
    meaning, remedy : str
        Sentences of the page.
    verdict : PotentialVerdict
    current_pA : callable
    noise_pA : float
    how : mapping
        Columns of recordings.csv.
    levels : sequence of float
        Of epoch A, in mV; of a ramp its first and last.
    is_ramp : bool
    recorded_mV : float or None
        What a recorded membrane voltage adds to the command; None where there is none.
    """

    name: str
    title: str
    meaning: str
    remedy: str
    verdict: PotentialVerdict
    current_pA: Current
    noise_pA: float = 3.0
    how: Mapping[str, str] = field(default_factory=dict)
    levels: Sequence[float] = LEVELS
    is_ramp: bool = False
    recorded_mV: float | None = None


def ohmic(slope_nS: float, reversal_mV: float) -> Current:
    """Return a current of constant conductance."""
    return lambda v, t, sweep: slope_nS * (v - reversal_mV)


def boltzmann(v: FloatArray, half_mV: float, slope_mV: float) -> FloatArray:
    """Return the open fraction of channels that depolarisation opens."""
    return np.asarray(1.0 / (1.0 + np.exp((half_mV - v) / slope_mV)))


REFUSALS = (
    Refusal(
        "no_crossing",
        "The current never crosses zero",
        "The reversal potential lies beyond the levels. Where the current has one sign at every level, the row enters "
        "the fit as a limit: leaving it out would bias the ratio.",
        "Record over a wider range of voltages.",
        PotentialVerdict.NO_CROSSING,
        ohmic(3.0, 125.0),
    ),
    Refusal(
        "too_wide",
        "The interval is too wide",
        "The noise allows a zero anywhere within more than `max_interval_mV`.",
        "Average more sweeps, use longer windows or a larger current; `max_interval_mV` accepts wider "
        "intervals, which the fit weighs.",
        PotentialVerdict.AMBIGUOUS,
        ohmic(0.08, -20.0),
        noise_pA=8.0,
    ),
    Refusal(
        "artefact",
        "One level makes the crossing",
        "All levels but one have a current of one sign: a seal that breaks, or an artefact.",
        "Leave the sweep out in column `sweeps`, or record more levels beyond it.",
        PotentialVerdict.AMBIGUOUS,
        lambda v, t, sweep: 3.0 * (v - 115.0) + np.where(sweep == len(LEVELS) - 1, 900.0, 0.0),
    ),
    Refusal(
        "moves_along_epoch",
        "The zero moves along the epoch",
        "A tail that decays beside a leak, or a current that inactivates: the potential depends on the window.",
        "Choose the window in which the current of interest flows: `from_ms` and `to_ms` for a tail, `statistic` peak "
        "for a current that inactivates; subtract the leak.",
        PotentialVerdict.AMBIGUOUS,
        lambda v, t, sweep: 20.0 * np.exp(-t / 60.0) * (v + 60.0) + 2.0 * v,
    ),
    Refusal(
        "moves_over_sweeps",
        "The zero moves over the sweeps",
        "Repeats of the same levels cross zero at different potentials: the bath was exchanged, or the seal changes.",
        "Give each part a row of its own in column `sweeps`.",
        PotentialVerdict.AMBIGUOUS,
        lambda v, t, sweep: 5.0 * (v + np.where(sweep < 2 * len(LEVELS), 40.0, 5.0)),
        levels=LEVELS * 4,
    ),
    Refusal(
        "sweeps_contradict",
        "Single sweeps contradict the others",
        "One series of levels has no zero where the others have theirs.",
        "Leave it out in column `sweeps`; the reason names it.",
        PotentialVerdict.AMBIGUOUS,
        lambda v, t, sweep: np.where(sweep // len(LEVELS) == 1, -20.0, 5.0) * (v + 40.0),
        levels=LEVELS * 4,
    ),
    Refusal(
        "voltage_differs",
        "The recorded voltage differs from the command",
        "A holding potential was set on the amplifier, or the scale of the output is wrong: the command that the file "
        "states is not the one that the cell had.",
        "Set `command_offset_mV`, or `voltage` to recorded or command; column `remedy` has the values.",
        PotentialVerdict.AMBIGUOUS,
        ohmic(5.0, -20.0),
        recorded_mV=-60.0,
    ),
    Refusal(
        "capacitance_unknown",
        "The membrane capacitance of a ramp is not known",
        "The capacitive current of a ramp shifts its zero, here by up to as much as a large cell would.",
        "Give `capacitance_pF`, or record ramps in both directions.",
        PotentialVerdict.AMBIGUOUS,
        ohmic(0.4, -10.0),
        levels=(HOLDING_MV, 60.0),
        is_ramp=True,
    ),
    Refusal(
        "no_leak",
        "No leak was found",
        "`leak: linear` needs three levels below activation on a line that rises and reverses within 100 mV of 0.",
        "Record levels below activation, or take the leak from another epoch or a background recording.",
        PotentialVerdict.AMBIGUOUS,
        lambda v, t, sweep: 30.0 * boltzmann(v, -60.0, 12.0) * (v + 20.0) - 0.03 * (v + 20.0) ** 2,
        how={"leak": "linear"},
    ),
    Refusal(
        "no_current",
        "There is no current on one side",
        "The current rectifies: on one side of the crossing it cannot be told from zero, which it touches without a "
        "reversal.",
        "Use solutions in which current flows both ways, or tail currents.",
        PotentialVerdict.NOT_A_REVERSAL,
        lambda v, t, sweep: np.where(v > -10.0, 6.0 * (v + 10.0), np.minimum(0.0, 2.0 * (v + 70.0))),
    ),
    Refusal(
        "small_slope",
        "The slope at the crossing is too small",
        "Hardly any conductance is left at the crossing: a small leak crosses zero where the channels are closed.",
        "Subtract the leak, or measure tail currents.",
        PotentialVerdict.NOT_A_REVERSAL,
        lambda v, t, sweep: 0.5 * (v + 40.0) + 20.0 * boltzmann(v, 40.0, 4.0) * (v + 40.0),
    ),
    Refusal(
        "falls",
        "The current falls at the crossing",
        "Channels open with depolarisation into an inward current: no open pore has a falling slope.",
        "Subtract the leak, or measure tail currents at one degree of opening.",
        PotentialVerdict.NOT_A_REVERSAL,
        lambda v, t, sweep: 25.0 * boltzmann(v, -30.0, 6.0) * (v - 140.0) + 1.2 * (v + 130.0),
    ),
    Refusal(
        "channels_open",
        "Channels open at the crossing",
        "The slope rises with depolarisation faster than in any open pore: the zero is that of gate and leak.",
        "Subtract the leak, or measure tail currents; `open_pore: flag` accepts it, as where a block is relieved.",
        PotentialVerdict.NOT_A_REVERSAL,
        lambda v, t, sweep: 1.5 * (v + 5.0) + 30.0 * boltzmann(v, 30.0, 8.0) * (v + 80.0),
    ),
)


def waveform(refusal: Refusal) -> Waveform:
    """Return the command: steps of one epoch, their levels in a list where they repeat, or a ramp."""
    levels = refusal.levels
    if refusal.is_ramp:
        return Waveform(0, "Cmd 0", "mV", HOLDING_MV, "epochs", (Epoch("A", "ramp", levels[1], 0.0, LENGTH, 0),), False)
    epochs = (Epoch("A", "step", levels[0], levels[1] - levels[0], LENGTH, 0),)
    repeated = UserList(LEVEL_OF_A, tuple(levels), False) if len(levels) > len(LEVELS) else None
    return Waveform(0, "Cmd 0", "mV", HOLDING_MV, "epochs", epochs, False, repeated)


def write(refusal: Refusal, path: Path) -> None:
    """Write the recording of a refusal."""
    sweeps, points = 3 if refusal.is_ramp else len(refusal.levels), 960
    epoch = slice(points // 64, points // 64 + LENGTH)  # the first epoch starts after a 64th of the sweep
    command, t = np.full((sweeps, points), HOLDING_MV), np.zeros(points)
    t[epoch] = np.arange(LENGTH) / RATE_HZ * 1e3
    if refusal.is_ramp:
        first, last = refusal.levels
        command[:, epoch] = first + (last - first) * np.arange(LENGTH) / LENGTH
    else:
        command[:, epoch] = np.array(refusal.levels)[:, None]
    number = np.repeat(np.arange(float(sweeps))[:, None], points, axis=1)
    noise = np.random.default_rng(list(refusal.name.encode())).normal(0.0, refusal.noise_pA, command.shape)
    channels, samples = [OutputChannel("IN 0", "pA", 0, 8000.0)], [refusal.current_pA(command, t, number) + noise]
    if refusal.recorded_mV is not None:
        channels.append(OutputChannel("Vm", "mV", 1, 500.0))
        samples.append(command + refusal.recorded_mV)
    recording = EpisodicRecording(np.stack(samples, axis=1), channels, [waveform(refusal)], RATE_HZ, 1.0)
    write_abf(path, "2.6", recording)


def row_of(refusal: Refusal, path: Path) -> Row:
    """Return the row of the table that measures a recording."""
    how = settings.measure_for(settings.default_measure(), refusal.how)
    known = {"cell": "1", "bath": "simulated", "temperature_C": 22.0, "configuration": Configuration.WHOLE_CELL}
    return row_of_file(str(path), how, measurement=refusal.name, **known)


@dataclass(frozen=True)
class Measured:
    """A measured recording: its row of reversal_potentials.csv, its levels and its traces."""

    row: Mapping[str, object]
    iv: pd.DataFrame
    traces: pd.DataFrame


def measured(refusal: Refusal, folder: Path) -> Measured:
    """Write a recording into a folder, and measure it as a row of a table is measured."""
    path = folder / f"{refusal.name}.abf"
    write(refusal, path)
    row = row_of(refusal, path)
    fact, reading = read_row(row, open_recording)
    if reading is None:
        raise SystemExit(f"{refusal.name}: {fact['reason']}")
    points = joined(point_columns(row.measurement, reading.points), POINTS)
    values, curves = measure_row(row, fact, points)
    found = correct_row(row, values, float("nan"))
    if found["verdict"] != refusal.verdict or curves is None:
        raise SystemExit(f"{refusal.name}: got {found['verdict']} ({found['reason']}), expected {refusal.verdict}")
    traces = table([trace_columns(row.measurement, reading.traces)], TRACES)
    return Measured(found, pd.DataFrame(iv_columns(row, curves.iv)), traces.iloc[::BINS])


def page(found: Mapping[str, Measured]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for refusal in REFUSALS:
        parts.append(f"## {refusal.title}: `{refusal.verdict}`\n")
        parts.append(f"![{refusal.title}](figures/refused_{refusal.name}.svg)\n")
        parts.append(f"*{found[refusal.name].row['reason']}*\n")
        parts.append(f"{refusal.meaning} **What to do:** {refusal.remedy}\n")
    return "\n".join([*parts, _TAIL])


def all_measured() -> dict[str, Measured]:
    """Measure every recording of the page."""
    with tempfile.TemporaryDirectory() as folder:
        return {refusal.name: measured(refusal, Path(folder)) for refusal in REFUSALS}


_TAIL = """## The recording cannot be read: `unreadable`

There is nothing to draw: the file is damaged, truncated, no ABF file or in current clamp; its command is not known
(pulse trains, no epoch table, a stimulus file that is not beside it), lies beyond the range of its output, or is the
same in every sweep; or the table asks for a channel, an epoch or sweeps that it does not have. The reason names the
fault and what the file has. **What to do:** look at it with `nernstfit inspect FILE --plot FILE.png`; correct the row,
replace the file, or exclude the row.

A recording that holds only a test pulse has no I-V curve either: its row is `no_crossing`, and the membrane capacitance
that its voltage steps give serves the ramps of the cell (flag `capacity_serves`).
"""


def main(docs: Path) -> None:
    """Write the page and its figures."""
    found = all_measured()
    (docs / "refused.md").write_text(page(found), encoding="utf-8", newline="\n")
    for name, each in found.items():
        drawing = draw_measurements(f"refused_{name}", pd.DataFrame([each.row]), each.iv, each.traces)
        path = docs / "figures" / f"refused_{name}.svg"
        path.write_text(drawing.svg + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
