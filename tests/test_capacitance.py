"""Membrane capacitance from voltage steps, from other ramps, and from another recording of the cell."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration import cells as patches
from calibration.cells import Cells
from scipy import signal, stats

from nernstfit.abf.command import levels, segments
from nernstfit.abf.onset import onset_of
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, UserList, Waveform
from nernstfit.abf.select import epoch_parts
from nernstfit.abf.transients import step_charge
from nernstfit.abf.windows import open_source
from nernstfit.contract import settings, tables
from nernstfit.contract.terms import Configuration
from nernstfit.experiment import folder as experiments
from nernstfit.library.recording import PatchProperties
from nernstfit.library.recording import measure as measure_file
from nernstfit.reversal import curve
from nernstfit.reversal.capacitance import Capacitance, Estimate, Known, Source, estimate, from_steps, of_cell
from nernstfit.reversal.charging import Charging
from nernstfit.reversal.classify import interval_mV
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel
from nernstfit.stages import ingest, measure

RATE_HZ, SWEEPS = 10_000.0, 3
UP = (Epoch("A", "step", -100.0, 0.0, 300, 0), Epoch("B", "ramp", 60.0, 0.0, 2000, 0))
ONE_WAY = Waveform(0, "Cmd 0", "mV", -100.0, "epochs", UP, False)
BOTH_WAYS = replace(ONE_WAY, epochs=(*UP, Epoch("C", "ramp", -100.0, 0.0, 2000, 0)))
# Nothing but a test pulse: one level in every sweep, with the holding level on both sides.
PULSE = replace(ONE_WAY, holding=-60.0, epochs=(Epoch("A", "step", -65.0, 0.0, 150, 0),))
STEPS = replace(ONE_WAY, holding=-60.0, epochs=(Epoch("A", "step", -80.0, 5.0, 400, 0),))
FURTHER = replace(
    ONE_WAY, epochs=(*BOTH_WAYS.epochs, replace(UP[0], letter="D"), Epoch("E", "ramp", -20.0, 0.0, 1000, 0))
)


def drawn(count: int, **fixed: float) -> Cells:
    return patches.draw(np.random.default_rng(7), count, (-40.0, 0.0), **fixed)


def write(
    path: Path, cells: Cells, i: int, waveform: Waveform, seed: int, sweeps: int = SWEEPS, points: int = 0
) -> None:
    """Write the recording of one cell, with its capacitive currents; of so many points that the epochs fit in."""
    path.parent.mkdir(exist_ok=True)
    points = points or 700 + sum(epoch.duration for epoch in waveform.epochs)
    current = without_noise(cells, waveform, sweeps, points)[i]
    current = current + patches.noise(cells.only(i), current.shape, RATE_HZ, np.random.default_rng(seed))[0]
    channel = OutputChannel("Im", "pA", 0, 40_000.0)
    write_abf(path, "2.6", EpisodicRecording(current[:, None], [channel], [waveform], RATE_HZ, 1.0))


@functools.lru_cache(maxsize=2)
def without_noise(cells: Cells, waveform: Waveform, sweeps: int, points: int) -> np.ndarray:
    """Currents of all cells, which are simulated together in the time of one."""
    command = np.array([levels(s, np.arange(points)) for s in segments(waveform, sweeps, points)])
    return patches.clamp(cells, command, (), RATE_HZ)


@pytest.fixture
def measured(folder: Callable[..., Path], config: Callable[..., dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Measure the rows of a table, by measurement; the recordings are written before."""

    def run(table: str) -> dict[str, Any]:
        here = folder(recordings=table)
        loaded = experiments.load(config())
        read = {name: str(here / f"{name}.parquet") for name in ("points", "facts", "traces")}
        ingest.run({}, read, loaded)
        made = {"measured": str(here / "measured.parquet"), "iv": str(here / "iv.csv")}
        measure.run({"points": [read["points"]], "facts": [read["facts"]]}, made, loaded)
        return {row["measurement"]: row for row in tables.gather([made["measured"]]).to_dict("records")}

    return run


def holds(row: Mapping[str, Any], truth_mV: float, z: float = 1.96) -> bool:
    """Whether the interval holds the truth; a single case has a larger z, which chance exceeds in 1 of 1,000."""
    below, above = interval_mV(row["se_mV"] * z / 1.96, row["capacitance_shift_mV"])
    return -above <= row["reversal_mV"] - truth_mV <= below


@pytest.mark.parametrize("waveform", [STEPS, PULSE])
def test_the_transients_of_steps_determine_the_capacitance(tmp_path: Path, waveform: Waveform) -> None:
    count = 8
    cells = drawn(count)
    for i in range(count):
        write(tmp_path / "steps.abf", cells, i, waveform, i, sweeps=9)
        charge = step_charge(open_source(read(tmp_path / "steps.abf"), settings.default_measure(), ()))
        assert charge.capacitance_pF > 0
        for series in (float(cells.series_MOhm[i]), None):
            found = from_steps(Estimate(charge.capacitance_pF, charge.se_pF), charge.conductance_nS, series)
            assert abs(found.pF - cells.capacity_pF[i]) < 3 * found.se_pF
            assert found.se_pF < 0.35 * found.pF


@pytest.mark.parametrize("is_ascending", [True, False])
def test_a_limit_that_the_capacitive_current_of_a_ramp_may_explain_is_none(tmp_path: Path, is_ascending: bool) -> None:
    """The capacitive current gives one sign at every level to a small one that reverses among them."""
    first_mV, last_mV = (-80.0, 80.0) if is_ascending else (80.0, -80.0)
    epochs = (Epoch("A", "step", first_mV, 0.0, 1000, 0), Epoch("B", "ramp", last_mV, 0.0, 2000, 0))
    ramp = replace(ONE_WAY, holding=first_mV, epochs=epochs)
    for i, speed in enumerate((1.0, 0.0)):  # with the capacitive current, and without
        command = np.array([levels(s, np.arange(3100)) for s in segments(ramp, SWEEPS, 3100)])
        sign = 1 if is_ascending else -1
        current = 0.25 * (command + sign * (30 if speed else 130))
        current += 32.0 * speed * np.gradient(command, axis=1).clip(-0.1, 0.1) * RATE_HZ / 1e3
        current += np.random.default_rng(1).normal(0, 1.0, command.shape)
        channel = OutputChannel("Im", "pA", 0, 40_000.0)
        write_abf(tmp_path / f"{i}.abf", "2.6", EpisodicRecording(current[:, None], [channel], [ramp], RATE_HZ, 1.0))
    patch = PatchProperties(None, None, 22.0)
    hidden = measure_file(str(tmp_path / "0.abf"), {"epoch": "B"}, patch)
    assert hidden["verdict"] == "no_crossing", hidden["reversal_mV"]
    assert math.isnan(hidden["low_mV"])
    assert math.isnan(hidden["high_mV"])
    assert "the membrane capacitance is not known, and the current that charges it" in hidden["reason"]
    known = measure_file(str(tmp_path / "1.abf"), {"epoch": "B"}, replace(patch, capacitance_pF=0.0))
    assert known["verdict"] == "no_crossing", known["reversal_mV"]


def test_channels_that_close_with_the_transient_determine_no_capacitance(tmp_path: Path) -> None:
    cells = drawn(1, capacity_pF=10.0, slope_nS=30.0)
    fast = patches.Gate(patches.boltzmann(-70.0, -8.0), lambda v: np.full_like(v, 1.5))
    write_gated = replace(STEPS, holding=-110.0, epochs=(Epoch("A", "step", -90.0, 10.0, 400, 0),))
    points = 1100
    command = np.array([levels(s, np.arange(points)) for s in segments(write_gated, 9, points)])
    current = patches.clamp(cells, command, (fast,), RATE_HZ)[0]
    channel = OutputChannel("Im", "pA", 0, 40_000.0)
    write_abf(tmp_path / "a.abf", "2.6", EpisodicRecording(current[:, None], [channel], [write_gated], RATE_HZ, 1.0))
    charge = step_charge(open_source(read(tmp_path / "a.abf"), settings.default_measure(), ()))
    assert np.isnan(charge.capacitance_pF) or abs(charge.capacitance_pF - 10.0) < 3 * charge.se_pF


@pytest.mark.parametrize("tau_ms", [8.0, 11.0, 15.0])
def test_a_part_of_the_cell_that_charges_slowly_is_in_the_error_of_the_capacitance(
    tmp_path: Path, tau_ms: float
) -> None:
    """A dendrite of 40 pF behind a resistance, beside the 20 pF of the soma, which settle by themselves."""
    step = replace(ONE_WAY, holding=-80.0, epochs=(Epoch("A", "step", -100.0, 0.0, 500, 0),))
    points = 1100
    command = np.array([levels(s, np.arange(points)) for s in segments(step, 9, points)])
    current = 2.0 * command + np.random.default_rng(4).normal(0.0, 3.0, command.shape)
    for pF, each_ms in ((20.0, 0.2), (40.0, tau_ms)):
        kept = np.exp(-1e3 / RATE_HZ / each_ms)
        charged_mV = -80.0 + signal.lfilter([1 - kept], [1, -kept], command + 80.0)
        current += pF * np.diff(charged_mV, axis=1, prepend=-80.0) * RATE_HZ / 1e3
    channel = OutputChannel("Im", "pA", 0, 40_000.0)
    write_abf(tmp_path / "a.abf", "2.6", EpisodicRecording(current[:, None], [channel], [step], RATE_HZ, 1.0))
    charge = step_charge(open_source(read(tmp_path / "a.abf"), settings.default_measure(), ()))
    assert abs(charge.capacitance_pF - 60.0) < 3 * charge.se_pF
    assert charge.se_pF > 5.0


def test_a_pair_of_ramps_elsewhere_in_the_recording_serves_a_ramp_without_one(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]]
) -> None:
    cells = drawn(1, capacity_pF=40.0, reversal_mV=-60.0)
    write(tmp_path / "data" / "c.abf", cells, 0, FURTHER, 1)
    (row,) = measured("recording,cell,bath,pipette,epoch\ndata/c.abf,c,control,pipette,E\n").values()
    assert row["verdict"] == "reversal", row["reason"]
    assert row["capacitance_shift_mV"] == 0


def slowed(*durations: float) -> Waveform:
    """Return one-way ramps of these durations, in samples, sweep by sweep."""
    return replace(ONE_WAY, user_list=UserList(32, durations, True))


@pytest.mark.parametrize("given_pF", ["", "60"])
@pytest.mark.parametrize(
    "waveform",
    [
        slowed(3200.0, 1600.0),
        slowed(1600.0, 3200.0),
        slowed(1000.0, 4000.0),
        slowed(1000.0, 2000.0, 4000.0),
        replace(ONE_WAY, epochs=(UP[0], replace(UP[1], level=20.0, level_increment=20.0))),
    ],
)
def test_ramps_of_different_speed_in_one_direction_determine_the_capacitance(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]], waveform: Waveform, given_pF: str
) -> None:
    cells = drawn(1, capacity_pF=60.0, reversal_mV=-20.0, slope_nS=8.0, leak_nS=1e-3, series_MOhm=2.0)
    write(tmp_path / "data" / "c.abf", cells, 0, waveform, 1, sweeps=3, points=5000)
    header = HEADER.replace("\n", ",capacitance_pF\n")
    (row,) = measured(f"{header}data/c.abf,c,control,pipette,B,c,2,{given_pF}\n").values()
    assert row["verdict"] == "reversal", row["reason"]
    assert row["capacitance_shift_mV"] == 0
    assert tables.flags(row["flags"])["capacity_removed"] == pytest.approx(60.0, rel=0.03)
    assert holds(row, -20.0, 3.3)
    assert row["se_mV"] < (0.3 if given_pF == "" else 0.45)  # 5 % of a stated one are 3 pF: 0.3 mV at 0.8 mV per ms


@pytest.mark.parametrize("waveform", [slowed(1000.0, 4000.0), slowed(4000.0, 1000.0)])
def test_the_start_of_ramps_of_different_speed_shows_the_capacitance(tmp_path: Path, waveform: Waveform) -> None:
    cells = drawn(1, capacity_pF=60.0, reversal_mV=-20.0, slope_nS=2.0, leak_nS=1e-3, series_MOhm=2.0)
    write(tmp_path / "c.abf", cells, 0, waveform, 1, sweeps=4, points=5000)
    source = open_source(read(tmp_path / "c.abf"), settings.default_measure(), ())
    parts = epoch_parts(source.command, "B", source.sweeps)
    shown = onset_of(source, parts)
    assert shown.corner_pF == pytest.approx(60.0, abs=max(3.0, 3 * shown.corner_se_pF))


HEADER = "recording,cell,bath,pipette,epoch,measurement,series_resistance_MOhm\n"


@pytest.mark.parametrize("others", ["pair", "steps"])
def test_another_recording_of_the_cell_serves_its_ramps(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]], others: str
) -> None:
    count, lines = 4, []
    cells = drawn(count, noise_pA=3.0, slow_noise_pA=0.0, leak_nS=1e-3)
    for i in range(count):
        other = (BOTH_WAYS, "B", SWEEPS) if others == "pair" else (STEPS, "A", 9)
        for name, (waveform, epoch, sweeps) in {"one": (ONE_WAY, "B", 6), "other": other}.items():
            write(tmp_path / "data" / f"{name}{i}.abf", cells, i, waveform, 10 * i + len(name), sweeps)
            lines.append(f"data/{name}{i}.abf,c{i},control,pipette,{epoch},{name}{i},{cells.series_MOhm[i]}")
    found = measured(HEADER + "\n".join(lines) + "\n")
    by_cell = [f"one{i}" for i in range(count) if "capacity_by_cell=true" in found[f"one{i}"]["flags"]]
    assert len(by_cell) >= count - 1
    for i in range(count):
        row = found[f"one{i}"]
        assert row["verdict"] == "reversal", row["reason"]
        assert holds(row, float(cells.reversal_mV[i])), (row["reversal_mV"], row["se_mV"], cells.reversal_mV[i])
        if f"one{i}" in by_cell:
            assert row["capacitance_shift_mV"] == 0


@pytest.mark.parametrize(("sweeps", "how"), [(9, ""), (9, "A"), (1, ""), (9, "B")])
def test_a_recording_of_a_test_pulse_alone_serves_the_ramps_of_its_cell(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]], sweeps: int, how: str
) -> None:
    cells = drawn(1, noise_pA=2.0, slow_noise_pA=0.0, leak_nS=0.1, capacity_pF=20.0, reversal_mV=-20.0, slope_nS=6.0)
    write(tmp_path / "data" / "ramp.abf", cells, 0, ONE_WAY, 1, 6)
    write(tmp_path / "data" / "pulse.abf", cells, 0, PULSE, 2, sweeps)
    ramp = f"data/ramp.abf,c,control,pipette,B,ramp,{cells.series_MOhm[0]}\n"
    pulse = f"data/pulse.abf,c,control,pipette,{how},pulse,{cells.series_MOhm[0]}\n"
    alone, both = measured(HEADER + ramp)["ramp"], measured(HEADER + pulse + ramp)
    assert "capacity_unknown" in alone["flags"]
    assert "capacity_by_cell=true" in both["ramp"]["flags"]
    assert both["ramp"]["capacitance_shift_mV"] == 0
    assert holds(both["ramp"], -20.0, 3.3)
    row = both["pulse"]
    assert row["verdict"] == "no_crossing"
    assert np.isnan([row["reversal_mV"], row["low_mV"], row["high_mV"]]).all()
    assert row["reason"].startswith("no I-V curve: -65 mV is the only level")
    assert row["reason"].endswith("which serves the ramps of the cell")
    assert 15.0 < tables.flags(row["flags"])["capacity_serves"] < 25.0


@pytest.mark.parametrize("fault", ["compensated", "no transient"])
def test_a_test_pulse_that_shows_no_capacitance_serves_no_ramp(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]], fault: str
) -> None:
    cells = drawn(1, noise_pA=2.0, slow_noise_pA=0.0, leak_nS=0.1, capacity_pF=20.0, reversal_mV=-20.0, slope_nS=6.0)
    write(tmp_path / "data" / "ramp.abf", cells, 0, ONE_WAY, 1, 6)
    other = replace(cells, capacity_pF=np.array([1e-3])) if fault == "compensated" else cells
    short = replace(PULSE, epochs=(Epoch("A", "step", -65.0, 0.0, 6, 0),), keeps_last_level=True)
    write(tmp_path / "data" / "pulse.abf", other, 0, short if fault == "no transient" else PULSE, 2, 9)
    rows = "data/ramp.abf,c,control,pipette,B,ramp,2\ndata/pulse.abf,c,control,pipette,,pulse,2\n"
    found = measured(HEADER + rows)
    assert "capacity_unknown" in found["ramp"]["flags"]
    assert "capacity_serves" not in found["pulse"]["flags"]
    assert found["pulse"]["verdict"] == ("no_crossing" if fault == "compensated" else "unreadable")
    assert fault != "compensated" or "which serves no ramp" in found["pulse"]["reason"]


@pytest.mark.parametrize(
    ("own_pF", "other_pF", "other_cell"), [(20.0, 1e-3, "c"), (1e-3, 20.0, "c"), (20.0, 20.0, "d")]
)
def test_a_compensated_recording_or_another_cell_does_not_serve(
    tmp_path: Path, measured: Callable[[str], dict[str, Any]], own_pF: float, other_pF: float, other_cell: str
) -> None:
    cells = replace(drawn(2, slope_nS=8.0, series_MOhm=2.0), capacity_pF=np.array([own_pF, other_pF]))
    write(tmp_path / "data" / "one.abf", cells, 0, ONE_WAY, 1)
    write(tmp_path / "data" / "other.abf", cells, 1, BOTH_WAYS, 2)
    rows = f"data/one.abf,c,control,pipette,B,one,2\ndata/other.abf,{other_cell},control,pipette,B,other,2\n"
    row = measured(HEADER + rows)["one"]
    assert "capacity_by_cell" not in row["flags"]
    assert "capacity_unknown" in row["flags"]
    assert holds(row, float(cells.reversal_mV[0]), 3.3)


def test_a_telegraphed_capacitance_counts_where_the_start_of_the_ramp_shows_it() -> None:
    shown, hidden, unseen = (
        Known(amplifier_pF=20.0, corner_pF=corner, corner_se_pF=1.5) for corner in (19.0, 0.5, np.nan)
    )
    found = shown.best()
    assert found is not None
    assert found[0] is Source.AMPLIFIER
    assert found[1].se_pF == pytest.approx(1.0)
    assert hidden.best() is None
    assert unseen.best() is None


def test_steps_that_the_start_of_a_ramp_contradicts_lengthen_the_interval() -> None:
    known = Known(recording=Estimate(30.0, 1.0), corner_pF=5.0, corner_se_pF=3.0)
    assert known.best() is None
    assert known.limit_pF > 30.0


def test_recordings_of_a_cell_that_disagree_have_an_error_of_their_difference() -> None:
    assert of_cell([Estimate(20.0, 0.5), Estimate(30.0, 1.0), Estimate(0.1, 0.2)]).se_pF > 10.0
    assert np.isnan(of_cell([Estimate(), Estimate(0.1, 0.2)]).pF)


@pytest.mark.parametrize(
    ("stated_pF", "corner_pF", "is_taken"),
    [
        (30.0, 28.0, True),
        (30.0, 0.2, False),  # the reading of the dial that cancels it
        (30.0, 9.0, False),  # the dial that cancels two thirds of it
        (0.0, 0.2, True),
        (0.0, 28.0, False),
        (30.0, np.nan, True),
    ],
)
def test_a_stated_capacitance_that_the_start_of_the_ramp_contradicts_is_not_taken(
    stated_pF: float, corner_pF: float, is_taken: bool
) -> None:
    known = Known(table_pF=stated_pF, corner_pF=corner_pF, corner_se_pF=0.5)
    voltage_mV = np.linspace(-100.0, 60.0, 400)
    current_pA, noise_pA = 2.0 * (voltage_mV + 30.0), np.full(400, 2.0)
    found = estimate(curve.average(voltage_mV, current_pA, noise_pA, 0.0, np.ones(400)), None, known)
    assert (found.source is Source.TABLE) == is_taken
    assert found.contradicts(stated_pF) == (not is_taken)
    assert found.subtracted_pF == (stated_pF if is_taken else 0.0)


@pytest.mark.parametrize("series_MOhm", ["", "20"])
def test_a_large_capacitance_that_charges_slowly_is_not_contradicted(
    measured: Callable[[str], dict[str, Any]], tmp_path: Path, series_MOhm: str
) -> None:
    cells = drawn(1, capacity_pF=150.0, series_MOhm=20.0, slope_nS=5.0, leak_nS=0.01)
    write(tmp_path / "data" / "slow.abf", cells, 0, ONE_WAY, 1)
    columns = "recording,cell,bath,pipette,capacitance_pF,series_resistance_MOhm"
    (row,) = measured(f"{columns}\ndata/slow.abf,a,control,pipette,150,{series_MOhm}\n").values()
    assert row["verdict"] == "reversal", row["reason"]
    assert holds(row, cells.reversal_mV[0], 3.3)
    if series_MOhm:
        assert abs(row["reversal_mV"] - cells.reversal_mV[0]) < 1.0


@pytest.mark.parametrize(
    ("given", "shown_pF", "cancelled_pF"),
    [
        ({}, 0.5, 100.0),  # nothing shows: as much as amplifiers cancel
        ({}, 20.0, 0.0),  # a cell that charges in the recording
        ({"table_pF": 0.0}, 0.0, 100.0),
        ({"table_pF": 3.0}, 3.0, 0.0),  # a small cell, stated
        ({"table_pF": 30.0}, 0.0, 33.0),  # the dial that cancels it
        ({"amplifier_pF": 40.0}, 10.0, 33.0),
        ({"configuration": Configuration.OUTSIDE_OUT}, 0.0, 2.0),
    ],
)
def test_what_the_amplifier_may_have_cancelled(given: dict[str, Any], shown_pF: float, cancelled_pF: float) -> None:
    known = Known(corner_pF=shown_pF, corner_se_pF=0.5, **given)
    assert known.cancelled_pF(shown_pF) == pytest.approx(cancelled_pF)


@pytest.mark.parametrize("speed_mV_per_ms", [1.0, -1.0])
def test_a_cancelled_capacitance_moves_the_zero_along_the_ramp(speed_mV_per_ms: float) -> None:
    """60 pF behind 10 MOhm at 4 nS: by solving both circuits 1.18 mV, whose amplifier supplies the steady current."""
    series, pF, slope_nS = 10e-3, 60.0, 4.0
    divided = slope_nS / (1 + slope_nS * series)  # of the recording
    charging = Charging(
        Capacitance(0.0, 0.0, 0.1, Source.UNKNOWN, cancelled_pF=pF),
        speed_mV_per_ms,
        divided,
        10.0,
        Configuration.WHOLE_CELL,
        has_background=False,
        hidden_fraction=1.0,
        onset_nS=math.nan,
    )
    f = 1 / (1 + slope_nS * series)
    recorded = f * f * pF * speed_mV_per_ms - pF * speed_mV_per_ms  # at the true reversal potential
    assert charging.shift_mV == pytest.approx(recorded / divided, rel=1e-6)
    assert abs(charging.shift_mV) == pytest.approx(1.18, abs=0.01)
    assert charging.opposite_se_mV == pytest.approx(0.1 / divided / stats.norm.ppf(0.95))


def test_the_start_of_a_ramp_is_uncertain_by_the_curvature_of_its_current(tmp_path: Path) -> None:
    """Large currents bend within the line that is extrapolated to the onset: noise alone is not its error."""
    cells = drawn(30, slope_nS=15.0, series_MOhm=3.5, leak_nS=0.1, capacity_pF=11.7)
    off = []
    for i in range(30):
        write(tmp_path / "a.abf", cells, i, ONE_WAY, i)
        source = open_source(read(tmp_path / "a.abf"), settings.default_measure(), ())
        shown = onset_of(source, epoch_parts(source.command, "B", source.sweeps))
        off.append(abs(shown.corner_pF - 11.7 * (1 - 15.1 * 3.5e-3)) / shown.corner_se_pF)
    assert max(off) < 3.5
    assert np.mean(np.square(off)) < 1.6


@pytest.mark.parametrize(("series_MOhm", "pF"), [(20.0, 100.0), (20.0, 150.0), (10.0, 200.0), (3.0, 20.0)])
@pytest.mark.parametrize("is_known", [True, False])
def test_the_limit_of_an_unknown_capacitance_holds_one_that_charges_slowly(
    series_MOhm: float, pF: float, is_known: bool
) -> None:
    """A line from 2 to 22 ms after the onset shows C (1 - exp(-t / RC)) at it: 85 % of it at 2 ms, 72 % at 3 ms."""
    t_ms = np.linspace(2.0, 22.0, 200)
    shown_pF = float(np.polyfit(t_ms, pF * (1 - np.exp(-t_ms / (series_MOhm * pF * 1e-3))), 1)[1])
    known = Known(corner_pF=shown_pF, corner_se_pF=0.5, corner_window_ms=(2.0, 22.0))
    limit_pF = replace(known, series_MOhm=series_MOhm if is_known else 0.0).limit_pF
    assert pF < limit_pF < (1.6 if is_known else 2.5) * pF


def test_the_limit_of_a_ramp_behind_a_known_resistance_holds_its_zero(tmp_path: Path) -> None:
    """Of 100 pF behind 20 MOhm, at 40 nS, the charging current is seen against the slope of the command."""
    cells = patches.draw(
        *(np.random.default_rng(3), 1, (-20.0, -20.0), (40.0, 40.0)), series_MOhm=20.0, capacity_pF=100.0, leak_nS=1e-6
    )
    write(tmp_path / "a.abf", cells, 0, ONE_WAY, seed=1)
    found = measure_file(str(tmp_path / "a.abf"), {"epoch": "B"}, PatchProperties(20.0, None, 22.0))
    assert found["verdict"] == "reversal", found["reason"]
    assert found["low_mV"] <= -20.0 <= found["high_mV"]


@pytest.mark.parametrize(
    ("series_MOhm", "zero_nS", "onset_nS", "factor"),
    [
        (0.0, 5.0, 20.0, 1.0),
        (10.0, 5.0, 5.0, 1.0),
        (10.0, 5.0, 20.0, (0.95 / 0.8) ** 2),
        (10.0, 20.0, 5.0, (0.8 / 0.95) ** 2),
        (None, 5.0, 20.0, (0.9 / 0.6) ** 2),
        (None, 20.0, 5.0, 1.0),
        (10.0, 5.0, math.nan, 1.0),
    ],
)
def test_the_onset_of_a_ramp_shows_less_of_a_capacitance_the_more_current_flows_there(
    series_MOhm: float | None, zero_nS: float, onset_nS: float, factor: float
) -> None:
    """Behind R the amplifier sees C f^2 s, with f = 1 - g R of a slope g against the command."""
    charging = Charging(
        Capacitance(0.0, 0.0, 20.0, Source.UNKNOWN),
        *(0.5, zero_nS, series_MOhm, Configuration.WHOLE_CELL),
        has_background=False,
        hidden_fraction=1.0,
        onset_nS=onset_nS,
    )
    assert charging.by_current_mV == pytest.approx(factor * 20.0 * 0.5 / zero_nS)
