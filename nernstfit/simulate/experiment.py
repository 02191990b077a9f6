"""Simulated experiment with a known truth: the demonstration, and a reference for tests.

A non-selective cation channel in whole-cell patches is recorded in baths that replace one ion after
another. The simulation comprises GHK currents of several ions, a seal leak, series resistance partly
compensated, capacitive transients, an electrode offset of each cell, liquid junctions,
variation between cells, filtered noise, a converter of 16 bits, an amplifier that telegraphs its gain,
a file of the older format, and cells that were lost before their last bath.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf.command import segments
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.contract import settings as settings_module
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.settings import Settings
from nernstfit.experiment import solution_table
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.ions import IONS
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import junction_mV

FloatArray = NDArray[np.float64]

# The values below are those of a plausible experiment, chosen and not fitted: no result of the program depends on
# them, and the demonstration's tables and report show what follows from them.
TRUE_RATIOS: Mapping[str, float] = {"Na": 1.0, "K": 1.12, "Cs": 0.94, "Li": 0.83, "NMDG": 0.08, "Cl": 0.22}
CELLS = 8  # a usual number: at half the between-cell SD is hardly determined, at double only the time grows
BATHS = ("control", "potassium", "caesium", "lithium", "NMDG", "low_chloride")
PIPETTE = "pipette"
MISSING = (("c3", "NMDG"), ("c6", "lithium"))  # baths in which these cells have no recording
OLD_FORMAT = ("c8",)  # cells written as ABF 1.84
TELEGRAPHED = ("c2", "c5")  # cells recorded with a telegraphed gain of 5

LN_P_SD = 0.06  # between-cell SD of ln P, 6 %: at half the junctions dominate the intervals, at double the cells
OFFSET_SD_MV = 1.0  # of the cells' electrode offsets, as of fit.offset_sd_mV below
NOISE_PA = 4.0  # standard deviation after the filter, as of a whole cell; the errors of potentials grow with it
FILTER_HZ = 1000.0  # corner of the low-pass filter, a fifth of the sampling rate as is usual
RATE_HZ = 5000.0  # samples per second: at double the files of the demonstration are twice as large
POINTS = 1000  # samples per sweep, 200 ms: the epochs below fill it
SWEEP_INTERVAL_S = 1.0  # longer than a sweep; nothing depends on it
FULL_SCALE_PA = 8000.0  # of the converter: at half the largest currents would be clipped
PROTOCOL = Waveform(
    number=0,
    name="Cmd 0",
    unit="mV",
    holding=-20.0,
    source="epochs",
    epochs=(
        Epoch("A", "step", -20.0, 0.0, 200, 0),
        Epoch("B", "step", -100.0, 10.0, 500, 0),
        Epoch("C", "step", -20.0, 0.0, 200, 0),
    ),
    keeps_last_level=False,
)
SWEEPS = 17  # epoch B from -100 to 60 mV
_MAX_NEWTON_STEPS = 50  # of the membrane potential behind the series resistance; it converges in fewer than ten
_NEWTON_TOLERANCE_MV = 1e-9  # far below a step of the converter; at double nothing changes

_CONFIG = """\
# A simulated experiment: the recordings were made by `nernstfit simulate`, not in a laboratory.
# data/truth.yaml holds the true values.
recordings: data/recordings.csv
solutions: data/solutions.csv
configuration: whole-cell
temperature_C: 22
junction:
  method: henderson
  basis: activity
  zeroed_in: control
  reference: {type: salt-bridge, solution: bridge}
fit:
  reference_ion: Na
  permeant: [Na, K, Cs, Li, NMDG, Cl]
  offset_sd_mV: 1.0
  seed: 1
plan:  # expectations of `nernstfit plan` about further cells
  ratios: {K: 1.1, Cs: 0.9, Li: 0.8, NMDG: 0.1, Cl: 0.25}
  cells: 12
  noise_mV: 0.3
"""

_SOLUTIONS = """\
solution,NaCl,KCl,CsCl,LiCl,NMDG-Cl,K-gluconate,MgCl2,glucose,sucrose
control,145,0,0,0,0,0,1,15,0
potassium,0,145,0,0,0,0,1,15,0
caesium,0,0,145,0,0,0,1,15,0
lithium,0,0,0,145,0,0,1,15,0
NMDG,0,0,0,0,145,0,1,15,0
low_chloride,45,0,0,0,0,0,1,15,190
pipette,10,30,0,0,0,105,1,20,0
bridge,0,3000,0,0,0,0,0,0,0
"""


@dataclass(frozen=True)
class Cell:
    """Simulated cell.

    Attributes
    ----------
    name : str
    ln_p : ndarray, shape (ions,)
        Logarithms of its permeabilities, in the order of `TRUE_RATIOS`.
    offset_mV : float
        Electrode offset.
    slope_nS : float
        Slope conductance of the channels at 0 mV in the control bath.
    leak_nS : float
        Seal leak, which reverses at 0 mV.
    series_MOhm, compensation_percent, capacitance_pF : float
        Series resistance, the part of it that the amplifier compensates, and membrane capacitance.
    """

    name: str
    ln_p: FloatArray
    offset_mV: float
    slope_nS: float
    leak_nS: float
    series_MOhm: float
    compensation_percent: float
    capacitance_pF: float


def simulate(folder: Path, seed: int = 1) -> None:
    """Write a simulated experiment folder.

    Parameters
    ----------
    folder : Path
        Folder to write; it is made if it does not exist, and a simulation in it is replaced.
    seed : int
        Seed of all random numbers; the same seed gives the same bytes.

    Raises
    ------
    InputError
        If the folder holds an experiment that was not simulated.
    """
    config, truth = folder / settings_module.CONFIG_FILE, folder / "data" / "truth.yaml"
    if config.exists() and not truth.exists():
        raise InputError(
            f"{config}: got an experiment that was not simulated, expected a new folder or a simulated one"
        )
    for part in (config.parent, truth.parent):
        part.mkdir(parents=True, exist_ok=True)
    _write(config, _CONFIG)
    _write(folder / "data" / "solutions.csv", _SOLUTIONS)
    settings = settings_module.load(settings_module.read(str(config)))
    solutions, _ = solution_table.parse(tables.read_text(folder / settings.solutions), settings.solutions)
    cells = [_cell(f"c{number}", np.random.default_rng((seed, number))) for number in range(1, CELLS + 1)]
    made = [(cell, bath) for cell in cells for bath in BATHS if (cell.name, bath) not in MISSING]
    for cell, bath in made:
        rng = np.random.default_rng((seed, int(cell.name[1:]), BATHS.index(bath)))
        _record(folder / _file(cell, bath), cell, bath, solutions, settings, rng)
    _write_table(folder / "data" / "recordings.csv", made)
    _write(truth, _truth(seed))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _file(cell: Cell, bath: str) -> str:
    return f"data/{cell.name}_{bath}.abf"


def _write_table(path: Path, made: Sequence[tuple[Cell, str]]) -> None:
    columns = "recording,cell,bath,pipette,series_resistance_MOhm,compensation_percent,capacitance_pF"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns.split(","))
        for cell, bath in made:
            patch = (f"{cell.series_MOhm:.1f}", f"{cell.compensation_percent:.0f}", f"{cell.capacitance_pF:.1f}")
            writer.writerow([_file(cell, bath), cell.name, bath, PIPETTE, *patch])


def _truth(seed: int) -> str:
    ratios = ", ".join(f"{ion}: {ratio}" for ion, ratio in TRUE_RATIOS.items())
    return (
        "# True values of the simulated recordings.\n"
        f"seed: {seed}\n"
        f"ratios: {{{ratios}}}\n"
        f"ln_p_sd_between_cells: {LN_P_SD}\n"
        f"offset_sd_mV: {OFFSET_SD_MV}\n"
        f"noise_pA: {NOISE_PA}\n"
        "activity_model: pitzer:macinnes\n"
        "junction_method: henderson on activities\n"
    )


def _cell(name: str, rng: np.random.Generator) -> Cell:
    deviation = LN_P_SD * rng.standard_normal(len(TRUE_RATIOS))
    return Cell(
        name=name,
        ln_p=np.log(np.array(list(TRUE_RATIOS.values()))) + deviation,
        offset_mV=OFFSET_SD_MV * float(rng.standard_normal()),
        slope_nS=15.0 * float(np.exp(0.2 * rng.standard_normal())),
        leak_nS=float(rng.uniform(0.01, 0.03)),
        series_MOhm=round(float(rng.uniform(4.0, 9.0)), 1),
        compensation_percent=float(rng.choice([60.0, 70.0, 80.0])),
        capacitance_pF=round(float(rng.uniform(8.0, 20.0)), 1),
    )


def _record(
    path: Path, cell: Cell, bath: str, solutions: Solutions, settings: Settings, rng: np.random.Generator
) -> None:
    condition = Condition(
        bath, PIPETTE, settings.configuration, settings.temperature_C, str(settings.junction.zeroed_in)
    )
    # The amplifier's voltage differs from the membrane potential by junction potentials and offset.
    shift = junction_mV(solutions, condition, settings.junction, settings.activity.name) - cell.offset_mV
    membrane = _Membrane(cell, solutions, condition, settings)
    current = _current(membrane, shift, cell)
    current += _noise(current.shape, rng)
    gain = 5.0 if cell.name in TELEGRAPHED else 1.0
    channel = OutputChannel("IN 0", "pA", 0, FULL_SCALE_PA, gain, "voltage", lowpass_Hz=FILTER_HZ)
    version = "1.84" if cell.name in OLD_FORMAT else "2.6"
    recording = EpisodicRecording(current[:, None, :], [channel], [PROTOCOL], RATE_HZ, SWEEP_INTERVAL_S)
    write_abf(path, version, recording)


class _Membrane:
    """Ion currents and leak of one cell in one bath, in pA over mV."""

    def __init__(self, cell: Cell, solutions: Solutions, condition: Condition, settings: Settings) -> None:
        permeant, model = list(TRUE_RATIOS), settings.activity.name
        inside, outside = (
            solutions.activity_mM(side, permeant, model, condition.temperature_C)
            for side in (condition.inside, condition.outside)
        )
        control = solutions.activity_mM("control", permeant, model, condition.temperature_C)
        valence = np.array([IONS[ion].valence for ion in permeant])
        self._ions = (np.exp(cell.ln_p), valence, inside, outside, condition.temperature_C)
        # The number of channels is the same in every bath: the slope in the control bath at 0 mV determines it.
        at_zero = ghk.slope_conductance_per_mV(
            0.0, np.exp(cell.ln_p), valence, inside, control, condition.temperature_C
        )
        self._pA_per_current = cell.slope_nS / float(at_zero)
        self._leak_nS = cell.leak_nS

    def current_pA(self, voltage_mV: FloatArray) -> FloatArray:
        """Return the steady current, outward positive; the leak reverses at 0 mV."""
        return self._pA_per_current * ghk.current(voltage_mV, *self._ions) + self._leak_nS * voltage_mV

    def slope_nS(self, voltage_mV: FloatArray) -> FloatArray:
        """Return the slope conductance of the steady current."""
        return self._pA_per_current * ghk.slope_conductance_per_mV(voltage_mV, *self._ions) + self._leak_nS

    def behind(self, voltage_mV: FloatArray, series_MOhm: float) -> FloatArray:
        """Return the membrane potentials at which the series resistance and the membrane carry the same current."""
        v = voltage_mV
        for _ in range(_MAX_NEWTON_STEPS):
            excess = v + series_MOhm * 1e-3 * self.current_pA(v) - voltage_mV
            step = excess / (1 + series_MOhm * 1e-3 * self.slope_nS(v))
            v = v - step
            if np.abs(step).max() < _NEWTON_TOLERANCE_MV:
                break
        return v


def _current(membrane: _Membrane, shift_mV: float, cell: Cell) -> FloatArray:
    """Return the current through the pipette, shape (sweeps, points).

    After each step the membrane is charged through the series resistance. All sweeps step at the same
    times: the durations of the protocol do not change.
    """
    command = segments(PROTOCOL, SWEEPS, POINTS)
    series = cell.series_MOhm * (1 - cell.compensation_percent / 100)
    current = np.empty((SWEEPS, POINTS))
    before = membrane.behind(np.array([sweep[0].first_mV + shift_mV for sweep in command]), series)
    for parts in zip(*command, strict=True):
        applied = np.array([part.first_mV + shift_mV for part in parts])
        settled = membrane.behind(applied, series)
        tau_ms = series * cell.capacitance_pF * 1e-3 / (1 + series * 1e-3 * membrane.slope_nS(settled))
        time_ms = np.arange(parts[0].stop - parts[0].start) / RATE_HZ * 1e3
        v = settled[:, None] + (before - settled)[:, None] * np.exp(-time_ms / tau_ms[:, None])
        current[:, parts[0].start : parts[0].stop] = (applied[:, None] - v) / series * 1e3
        before = v[:, -1]
    return current


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return white noise through a one-pole filter, of standard deviation NOISE_PA."""
    keep = float(np.exp(-2 * np.pi * FILTER_HZ / RATE_HZ))
    white = rng.standard_normal(shape) * NOISE_PA * np.sqrt(1 - keep**2)
    white[..., 0] = white[..., 0] / np.sqrt(1 - keep**2)
    for i in range(1, shape[-1]):
        white[..., i] += keep * white[..., i - 1]
    return np.asarray(white)
