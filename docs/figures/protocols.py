"""Figures of the pages on protocols, docs/protocols/*.md, and what the rows written there give.

`make docs` runs it. The page is the source: its tables and its configuration are those of an experiment folder, whose
recordings are simulated here and then read, measured and corrected by the stages of the workflow. The section "What it
gives" of each page and its figure are written from the results; the same code gives the same bytes.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from nernstfit.abf import proposals, read
from nernstfit.abf.command import levels, segments
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.contract import settings
from nernstfit.contract.frames import by_measurement
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment, Row
from nernstfit.figures import svg
from nernstfit.figures.panels import Axis, Panel, stacked
from nernstfit.figures.panels import Row as FigureRow
from nernstfit.figures.recordings import described, measurement_rows
from nernstfit.figures.theme import SOFT
from nernstfit.library import pipeline
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.ions import IONS
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.solutions.junctions import junction_mV

FloatArray = NDArray[np.float64]
Gate = Callable[[FloatArray], FloatArray]  # from the membrane potential, (sweeps, points), to the open fraction

RATE_HZ = 10_000.0
COMMAND_PX = 70  # height of the panel with the command
MODEL = "pitzer:macinnes"
HEADING = "## What it gives\n"


@dataclass(frozen=True)
class Channels:
    """Channels of a simulated membrane, with the leak and the capacitance beside them.

    Attributes
    ----------
    permeability : mapping
        Of each permeant ion, relative to that of the reference.
    slope_nS : float
        Conductance with all channels open, at 0 mV.
    gate : callable
        Open fraction from the membrane potential of every sample.
    leak_nS : float
        Ohmic, reversing at 0 mV.
    capacitance_pF, series_MOhm : float
    inside : mapping
        Activities in mM of an inside that no pipette sets.
    """

    permeability: Mapping[str, float]
    slope_nS: float
    gate: Gate = field(default=lambda v: np.ones_like(v))
    leak_nS: float = 0.0
    capacitance_pF: float = 12.0
    series_MOhm: float = 8.0
    inside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """Protocol and channels of the recordings of one page; recordings named in `silent` have no open channel."""

    epochs: tuple[Epoch, ...]
    sweeps: int
    channels: Channels
    points: int = 2000
    holding_mV: float = -80.0
    noise_pA: float = 4.0
    full_scale_pA: float = 8000.0
    unit: str = "pA"
    records_voltage: bool = False
    silent: tuple[str, ...] = ()


def relaxing(v: FloatArray, steady: Gate, tau_ms: Gate) -> FloatArray:
    """Return a gate of first order along the samples of every sweep, at rest at the first."""
    target, keep = steady(v), np.exp(-1e3 / RATE_HZ / tau_ms(v))
    gate = np.empty_like(v)
    gate[:, 0] = target[:, 0]
    for at in range(1, v.shape[1]):
        gate[:, at] = target[:, at] + (gate[:, at - 1] - target[:, at]) * keep[:, at]
    return gate


def boltzmann(half_mV: float, slope_mV: float) -> Gate:
    """Return the steady open fraction of a gate that depolarisation opens, or closes where the slope is negative."""
    return lambda v: 1.0 / (1.0 + np.exp((half_mV - v) / slope_mV))


def delayed_rectifier(v: FloatArray) -> FloatArray:
    """Return the open fraction of channels that open with depolarisation and close slowly after it."""
    return relaxing(v, boltzmann(-10.0, 8.0), lambda v: 4.0 + 26.0 / (1.0 + np.exp((v + 50.0) / 20.0)))


def transient(v: FloatArray) -> FloatArray:
    """Return the open fraction of channels that open with depolarisation and then inactivate."""
    opened = relaxing(v, boltzmann(-35.0, 7.0), lambda v: np.full_like(v, 0.25))
    left = relaxing(v, boltzmann(-65.0, -6.0), lambda v: np.full_like(v, 2.5))
    return np.asarray(opened**3 * left)


def agonist(v: FloatArray) -> FloatArray:
    """Return the open fraction while an agonist is present throughout the sweep."""
    return np.full_like(v, 0.6)


def level(letter: str, mV: float, ms: float, increment_mV: float = 0.0, kind: str = "step") -> Epoch:
    """Return an epoch of a length in ms."""
    return Epoch(letter, kind, mV, increment_mV, round(ms * RATE_HZ / 1e3), 0)


CATION = {"Na": 1.0, "K": 1.1, "Cs": 0.9}
STEPS = (level("A", -80.0, 20.0), level("B", -100.0, 100.0, 10.0), level("C", -80.0, 30.0))
RAMPS = (
    *(level("A", -100.0, 20.0), level("B", 60.0, 70.0, kind="ramp")),
    *(level("C", -100.0, 70.0, kind="ramp"), level("D", -80.0, 10.0)),
)
PROTOCOLS: Mapping[str, Protocol] = {
    "steps": Protocol(STEPS, 17, Channels(CATION, 15.0, leak_nS=0.1)),
    "tails": Protocol(
        (level("A", 40.0, 60.0), level("B", -120.0, 100.0, 10.0)),
        16,
        Channels({"K": 1.0, "Na": 0.02}, 20.0, delayed_rectifier, leak_nS=0.02),
    ),
    "ramps": Protocol(RAMPS, 4, Channels(CATION, 8.0, leak_nS=0.1)),
    "inactivating": Protocol(
        (level("A", -120.0, 30.0), level("B", -100.0, 25.0, 10.0)),
        20,
        Channels({"Na": 1.0, "Cs": 0.02}, 60.0, transient, leak_nS=0.1, capacitance_pF=0.5, series_MOhm=4.0),
        points=800,
    ),
    "ligand-gated": Protocol(STEPS, 17, Channels(CATION, 12.0, agonist, leak_nS=1.5), silent=("before",)),
    "anion-dilution": Protocol(STEPS, 17, Channels({"Cl": 1.0, "Na": 0.12}, 15.0)),
    "divalents": Protocol(RAMPS, 4, Channels({"Ca": 5.0, "Cs": 1.0}, 10.0, leak_nS=0.05)),
    "inside-out": Protocol(
        RAMPS, 4, Channels({"Na": 1.0, "K": 0.9}, 2.0, capacitance_pF=0.5), noise_pA=3.0, full_scale_pA=1000.0
    ),
    "oocytes": Protocol(
        (level("A", -60.0, 40.0), level("B", -120.0, 300.0, 20.0), level("C", -60.0, 40.0)),
        10,
        Channels(
            {"K": 1.0, "Na": 0.15},
            4000.0,
            leak_nS=10.0,
            capacitance_pF=2e5,
            series_MOhm=0.01,
            inside={"K": 80.0, "Na": 8.0},
        ),
        points=4000,
        holding_mV=-60.0,
        noise_pA=800.0,
        full_scale_pA=5e6,
        unit="uA",
        records_voltage=True,
    ),
}


def blocks(text: str, kind: str, opening: str = "") -> list[str]:
    """Return the fenced blocks of a page of one kind, whose content begins with a word."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [each for each in found if each.startswith(opening)]


def tables(pages: Path, name: str) -> dict[str, str]:
    """Return the files of the experiment of a page; solutions and keys that it does not give are those of index.md."""
    page, common = ((pages / f"{each}.md").read_text(encoding="utf-8") for each in (name, "index"))
    (recordings,) = blocks(page, "text", "recording,")
    recipes = [*blocks(page, "text", "solution,"), *blocks(common, "text", "solution,")]
    config = yaml.safe_load(blocks(common, "yaml")[0])
    for given in map(yaml.safe_load, blocks(page, "yaml")):
        for key, value in given.items():
            config[key] = config.get(key, {}) | value if isinstance(value, dict) else value
    return {
        "data/recordings.csv": recordings,
        "data/solutions.csv": recipes[0],
        settings.CONFIG_FILE: yaml.safe_dump(config),
    }


def membrane_mV(command: FloatArray, row: Row, experiment: Experiment, channels: Channels) -> FloatArray:
    """Return the membrane potential of every sample: the command, behind the series resistance, and the junction."""
    keep = np.exp(-1e9 / RATE_HZ / (channels.series_MOhm * channels.capacitance_pF * 1e3))
    charged = np.empty_like(command)
    charged[:, 0] = command[:, 0]
    for at in range(1, command.shape[1]):
        charged[:, at] = command[:, at] + (charged[:, at - 1] - command[:, at]) * keep
    configured = experiment.settings
    shift = junction_mV(experiment.solutions, row.condition, configured.junction, configured.activity.name)
    return row.condition.sign * charged + shift


def sides(row: Row, experiment: Experiment, channels: Channels) -> tuple[FloatArray, ...]:
    """Return permeabilities, valences and activities inside and outside of the permeant ions."""
    ions = list(channels.permeability)
    activity = {
        side: experiment.solutions.activity_mM(side, ions, MODEL, row.temperature_C)
        for side in (row.condition.inside, row.condition.outside)
        if side
    }
    inside = activity.get(row.condition.inside, np.array([channels.inside.get(ion, 0.0) for ion in ions]))
    valence = np.array([IONS[ion].valence for ion in ions])
    return np.array(list(channels.permeability.values())), valence, inside, activity[row.condition.outside]


def true_mV(row: Row, experiment: Experiment, channels: Channels) -> float:
    """Return the reversal potential of the open channels."""
    return float(ghk.reversal_mV(*sides(row, experiment, channels), row.temperature_C))


def record(path: Path, row: Row, experiment: Experiment, protocol: Protocol) -> None:
    """Write a recording of a row of the table."""
    cell = protocol.channels
    waveform = Waveform(0, "Cmd 0", "mV", protocol.holding_mV, "epochs", protocol.epochs, False)
    parts = segments(waveform, protocol.sweeps, protocol.points)
    command = np.stack([levels(sweep, np.arange(protocol.points)) for sweep in parts])
    v = membrane_mV(command, row, experiment, cell)
    permeability, valence, inside, outside = sides(row, experiment, cell)
    given = (permeability, valence, inside, outside, row.temperature_C)
    # As many channels as have the conductance at 0 mV with the ions of the first row's bath on either side.
    first = sides(experiment.rows[0], experiment, cell)
    pA = cell.slope_nS / float(ghk.slope_conductance_per_mV(0.0, *first, row.temperature_C))
    silent = any(word in path.stem for word in protocol.silent)
    current = cell.leak_nS * v + (0.0 if silent else pA * cell.gate(v) * ghk.current(v, *given))
    current += cell.capacitance_pF * np.gradient(v, 1e3 / RATE_HZ, axis=1)
    current = row.condition.sign * current
    noise = np.random.default_rng(list(path.stem.encode())).normal(0.0, protocol.noise_pA, current.shape)
    unit = {"pA": 1.0, "uA": 1e-6}[protocol.unit]
    channels = [OutputChannel("IN 0", protocol.unit, 0, protocol.full_scale_pA * unit)]
    samples = [(current + noise) * unit]
    if protocol.records_voltage:
        channels.append(OutputChannel("Vm", "mV", 1, 500.0))
        samples.append(command)
    interval_s = protocol.points / RATE_HZ + 1.0
    write_abf(path, "2.6", EpisodicRecording(np.stack(samples, axis=1), channels, [waveform], RATE_HZ, interval_s))


def simulated(pages: Path, name: str, folder: Path) -> Experiment:
    """Write the experiment of a page into a folder, its recordings too, and load it; the folder is the present one."""
    protocol = PROTOCOLS[name]
    for path, text in tables(pages, name).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    for row in csv.DictReader(io.StringIO((folder / "data" / "recordings.csv").read_text())):
        for path in filter(None, (row["recording"], row.get("subtract"))):
            (folder / path).touch()
    experiment = experiments.load(settings.read())
    for row in experiment.rows:
        for path in row.files:
            record(folder / path, row, experiment, protocol)
    return experiment


@dataclass(frozen=True)
class Results:
    """Results of the experiment of a page."""

    experiment: Experiment
    potentials: pd.DataFrame
    iv: pd.DataFrame
    traces: pd.DataFrame
    ratios: pd.DataFrame
    proposed: Mapping[str, tuple[proposals.Proposal, ...]]


def results(pages: Path, name: str) -> Results:
    """Simulate the experiment of a page and run the workflow's stages on it; ratios are fitted to several baths."""
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        experiment = simulated(pages, name, Path(place))
        several = len(experiment.rows) > 1
        pipeline.run_stages(experiment, "fit" if several else "correct")
        ratios = pd.read_csv("results/permeabilities.csv") if several else pd.DataFrame()
        order = [row.measurement for row in experiment.rows]
        proposed = {
            row.recording: proposals.proposals(read.read(Path(row.recording)), settings.default_measure())
            for row in experiment.rows
        }
        return Results(
            experiment,
            pd.read_csv("results/reversal_potentials.csv").set_index("measurement", drop=False).loc[order],
            pd.read_csv("results/iv.csv"),
            pd.concat([pd.read_parquet(path) for path in sorted(Path().glob("results/ingest/*/traces.parquet"))]),
            ratios[ratios["model"] == ratios["model"].iloc[0]] if len(ratios) else ratios,
            proposed,
        )


def outcome(found: Results, channels: Channels) -> Iterator[str]:
    """Yield the lines of what the rows of a page give."""
    yield "| measurement | verdict | command, mV | + junction, mV | = membrane, mV (95 %) | simulated, mV |"
    yield "|---|---|---|---|---|---|"
    rows = {row.measurement: row for row in found.experiment.rows}
    for row in found.potentials.to_dict("records"):
        names = ("reversal_mV", "junction_mV", "corrected_mV", "low_mV", "high_mV")
        measured, junction, corrected, low, high = (f"{round(row[each], 1) + 0.0:.1f}" for each in names)
        truth = round(true_mV(rows[row["measurement"]], found.experiment, channels), 1) + 0.0
        numbers = f"{measured} | {junction} | {corrected} ({low} to {high}) | {truth:.1f}"
        yield f"| `{row['measurement']}` | `{row['verdict']}` | {numbers} |"
    for row in found.ratios.to_dict("records"):
        truth = channels.permeability[row["ion"]] / channels.permeability[row["reference"]]
        name = f"P({row['ion']})/P({row['reference']})"
        if row["verdict"] == "estimate":
            yield f"\n{name} is {row['ratio']:.3g} ({row['low']:.3g} to {row['high']:.3g}); simulated with {truth:.3g}."
    for recording, epochs in found.proposed.items():
        shown = [f"{each.epoch}, {each.kind}: `{each.row}`" for each in epochs if each.columns]
        yield f"\n`nernstfit inspect {recording}` proposes {'; '.join(shown)}."


def page(pages: Path, name: str, found: Results) -> str:
    """Return the page with what its rows give."""
    text = (pages / f"{name}.md").read_text(encoding="utf-8")
    before, _, after = text.partition(HEADING)
    rest = after[after.index("\n## ") + 1 :] if "\n## " in after else ""
    lines = "\n".join(outcome(found, PROTOCOLS[name].channels))
    return f"{before}{HEADING}\n{lines}\n" + (f"\n{rest}" if rest else "")


def figure(found: Results) -> str:
    """Return the figure: current traces and I-V curves, and below them the command of the first recording."""
    known = found.potentials[found.potentials["measurement"].isin(found.iv["measurement"])]
    records, recorded = known.to_dict("records"), by_measurement(found.traces)
    rows = measurement_rows(records, by_measurement(found.iv), recorded)
    first = found.traces[found.traces["measurement"] == known["measurement"].iloc[0]]
    time = rows[0].panels[0].x
    mV = Axis.around("command, mV", [first["command_mV"].to_numpy()], COMMAND_PX, is_upright=True, padding=6)
    courses = [
        (time.px(each["t_ms"].to_numpy()), mV.px(each["command_mV"].to_numpy())) for _, each in first.groupby("sweep")
    ]
    lines = [svg.line(x, y, stroke=SOFT, stroke_width=1) for x, y in courses]
    shows = f"{described(records, recorded)}; below, the command against time"
    return stacked([*rows, FigureRow((Panel(time, mV, (), tuple(lines)),), "")], shows)


def main(docs: Path) -> None:
    """Write the sections of the pages and the figures."""
    pages = docs / "protocols"
    for name in PROTOCOLS:
        found = results(pages, name)
        (pages / f"{name}.md").write_text(page(pages, name, found), encoding="utf-8", newline="\n")
        path = docs / "figures" / f"protocol_{name}.svg"
        path.write_text(figure(found) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
