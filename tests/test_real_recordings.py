"""Public recordings of other laboratories, through the workflow's own stages.

The potentials are as commanded, and were measured independently of this project: samples from a
second reader, the command from the raw header, linear interpolation between neighbouring levels.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neo
import numpy as np
import pandas as pd
import pytest

from nernstfit.abf.command import segments
from nernstfit.abf.read import read
from nernstfit.contract import tables
from nernstfit.contract.remarks import Flag
from nernstfit.experiment import folder
from nernstfit.experiment.records import Experiment
from nernstfit.stages import correct, fit, ingest, measure, solutions, thermodynamics

Rows = Sequence[tuple[str, Mapping[str, str]]]
Run = Callable[[Rows], dict[str, pd.DataFrame]]

HCN2_SOLUTIONS = "solution,Na,K,Cl\nbath,110,30,144.6\npipette,10,130,141\n"
HCN2_CONFIG: Mapping[str, Any] = {
    "recordings": "data/recordings.csv",
    "temperature_C": 25,
    "junction": {"method": "none"},
    "activity": {"model": "concentration"},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na"], "offset_sd_mV": 0},
}
END = {"from_fraction": "0.8", "to_fraction": "0.98"}
TAIL = {"from_ms": "4", "to_ms": "10"}


@dataclass(frozen=True)
class Case:
    """One measurement: what is asked of a file, and which potential must come out."""

    file: str
    how: Mapping[str, str]
    expected_mV: float
    tolerance_mV: float = 1.0

    def __str__(self) -> str:
        return ":".join([self.file, *self.how.values()])


CASES = [
    Case("171116sh_0012", {"epoch": "B", **END}, -57.1),
    Case("171116sh_0012", {"epoch": "E", **END}, -59.8),
    Case(
        "171116sh_0013", {"epoch": "after", "from_fraction": "0.47", "to_fraction": "1", "statistic": "median"}, -59.4
    ),
    Case("14o16001_vc_pair_step", {"epoch": "D", "channel": "0", **END}, -64.9),
    Case("14o16001_vc_pair_step", {"epoch": "G", "channel": "0", **END}, -65.9),
    Case("14o16001_vc_pair_step", {"epoch": "D", "channel": "1", **END}, -63.3),
    Case("14o16001_vc_pair_step", {"epoch": "G", "channel": "1", **END}, -64.1),
    Case("abf2load_example", {"epoch": "B", **END}, -11.2),
    Case("abf-v1", {"epoch": "A", **END}, -0.3),
    Case("21416007", {"epoch": "H", "from_ms": "4", "to_ms": "10"}, -18.0),
    *(Case("20917009", {"epoch": e}, mV) for e, mV in (("B", -14.8), ("C", -14.0), ("I", -14.3), ("J", -13.6))),
    Case("20917009", {"epoch": "F", **END}, -14.3),
    Case("21416007", {"epoch": "H", **TAIL}, -18.0),
    Case("DM1_0002", {"epoch": "C"}, 2.5),
    *(Case("21618001", {"epoch": e}, mV) for e, mV in (("B", -15.4), ("C", -15.1))),
    *(Case("user-list-durations", {"epoch": e}, mV) for e, mV in (("B", -6.4), ("C", -5.3), ("I", -6.4), ("J", -5.4))),
    Case("abf-v2", {"epoch": "A", "statistic": "peak"}, 45.0, 5.0),
    Case("abf-v2", {"epoch": "A", **END}, 2.6),
    Case("20917009", {"epoch": "F", **TAIL}, -20.7),
]
REVERSALS = "results/reversal_potentials.csv"
SWEEPS = 7  # of the ramp of DM1_0002
UNREADABLE = [
    ("130618-1-12", {"epoch": "B"}, "command unknown"),
    ("130618-1-12", {"epoch": "A", "channel": "0"}, "command unknown"),
    ("171116sh_0015", {"epoch": "A"}, "stimulus file"),
    ("14o16001_vc_pair_step", {"epoch": "D", **END}, "channel"),
    ("pclamp11_4ch_abf1", {"epoch": "A", "channel": "2"}, "command"),
    ("20917009", {"epoch": "K"}, "no epoch K"),
]
TAKEN = {
    "sweeps",
    "epoch",
    "from_fraction",
    "to_fraction",
    "from_ms",
    "to_ms",
    "statistic",
    "channel",
    "max_interval_mV",
}


def measured(real_abf: Path, place: Path, rows: Rows, is_fitted: bool = True) -> dict[str, pd.DataFrame]:
    """Run the stages over some measurements of the real files, each of a cell of its own; tables by name."""
    (place / "data").mkdir()
    (place / "results").mkdir()
    columns = sorted(TAKEN)
    lines = [",".join(["recording", "cell", "bath", "pipette", "measurement", *columns])]
    for number, (name, how) in enumerate(rows):
        link = place / "data" / f"{name}.abf"
        if not link.exists():
            link.symlink_to(real_abf / f"{name}.abf")
        line = [f"data/{name}.abf", f"c{number}", "bath", "pipette", f"m{number}"]
        lines.append(",".join(line + [how.get(column, "") for column in columns]))
    (place / "data" / "recordings.csv").write_text("\n".join(lines) + "\n")
    (place / "data" / "solutions.csv").write_text(HCN2_SOLUTIONS)
    with contextlib.chdir(place):
        loaded = folder.load(HCN2_CONFIG)
        found = up_to_the_fit(loaded)
        return found | fitted(loaded) if is_fitted else found


@pytest.fixture
def run(real_abf: Path, tmp_path: Path) -> Run:
    return lambda rows: measured(real_abf, tmp_path, rows)


@pytest.fixture(scope="module")
def sound(real_abf: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Tables of all cases, then of the single sweeps of a ramp, run at once; one ratio would not hold for all."""
    sweeps = [("DM1_0002", {"epoch": "C", "sweeps": str(i), "max_interval_mV": "60"}) for i in range(SWEEPS)]
    rows = [*((case.file, case.how) for case in CASES), *sweeps]
    return measured(real_abf, tmp_path_factory.mktemp("sound"), rows, is_fitted=False)


def row_of(found: Mapping[str, pd.DataFrame], number: int) -> dict[str, Any]:
    """One row of the table of reversal potentials."""
    rows: dict[str, dict[str, Any]] = found["reversals"].set_index("measurement").to_dict("index")
    return rows[f"m{number}"]


def up_to_the_fit(loaded: Experiment) -> dict[str, pd.DataFrame]:
    batches = {name: f"results/{name}.parquet" for name in ("points", "facts", "traces")}
    ingest.run({}, batches, loaded)
    made = {"measured": "results/measured.parquet", "iv": "results/iv.csv"}
    measure.run({"points": [batches["points"]], "facts": [batches["facts"]]}, made, loaded)
    made |= {"solutions": "results/solutions.csv", "junctions": "results/junctions.csv"}
    solutions.run({}, made, loaded)
    made["reversals"] = REVERSALS
    correct.run(made, made, loaded)
    made["thermodynamics"] = "results/thermodynamics.csv"
    thermodynamics.run(made, made, loaded)
    return {
        "reversals": tables.load(made["reversals"], tables.REVERSAL_POTENTIALS),
        "iv": tables.load(made["iv"], tables.IV),
        "thermodynamics": tables.load(made["thermodynamics"], tables.THERMODYNAMICS),
    }


def fitted(loaded: Experiment) -> dict[str, pd.DataFrame]:
    made = {name: f"results/{name}.csv" for name in (*fit.TABLES, fit.REPORT)}
    fit.run({"reversals": REVERSALS}, made, loaded)
    return {"permeabilities": tables.load(made["permeabilities"], tables.PERMEABILITIES)}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_a_reversal_potential_is_what_it_was_measured_to_be(sound: Mapping[str, pd.DataFrame], number: int) -> None:
    case, row = CASES[number], row_of(sound, number)
    assert row["verdict"] == "reversal", row["reason"]
    assert row["reversal_mV"] == pytest.approx(case.expected_mV, abs=case.tolerance_mV)
    # Neither leak nor series resistance nor junction was asked for; what charges the membrane is taken off a ramp.
    charging = 0.0 if np.isnan(row["leak_shift_mV"]) else row["leak_shift_mV"]
    assert row["raw_mV"] == pytest.approx(case.expected_mV, abs=case.tolerance_mV)
    assert row["raw_mV"] + charging == pytest.approx(row["reversal_mV"], abs=1e-9)
    assert row["reversal_mV"] == row["corrected_mV"]
    assert np.isnan([row["rs_shift_mV"], row["junction_mV"]]).all()
    # Beside the noise of a patch, a baseline that wanders from sweep to sweep.
    assert 0 < row["se_mV"] < (2.0 if Flag.HOLDING_SCATTER in tables.flags(row["flags"]) else 1.5)
    assert row["low_mV"] < row["corrected_mV"] < row["high_mV"]


@pytest.mark.parametrize("case", [("20917009", "F"), ("21416007", "H")])
def test_the_default_window_of_a_tail_names_the_window_of_the_tail(run: Run, case: tuple[str, str]) -> None:
    """In one file the leak that is left has a zero, in the other none that is valid."""
    file, epoch = case
    (row,) = run([(file, {"epoch": epoch})])["reversals"].to_dict("records")
    assert row["verdict"] == "ambiguous"
    assert "for a tail" in row["reason"]
    assert row["remedy"] == "from_ms=8;to_ms=14"


@pytest.mark.parametrize("epoch", ["B", "C"])
def test_a_first_ramp_of_four_that_lies_off_is_told(run: Run, epoch: str) -> None:
    """The first, 105 s before the next, reverses at -7 mV, the others at -16 mV."""
    (row,) = run([("21618001", {"epoch": epoch})])["reversals"].to_dict("records")
    assert row["verdict"] == "reversal"
    assert re.search(r"sweeps 0 -[67]\.\d mV, 1-3 -16\.\d mV", row["states"])


@pytest.mark.parametrize("epoch", ["G", "H"])
def test_a_ramp_whose_current_never_turns_has_no_reversal(run: Run, epoch: str) -> None:
    (row,) = run([("21618001", {"epoch": epoch})])["reversals"].to_dict("records")
    assert row["verdict"] == "no_crossing"
    assert np.isnan(row["reversal_mV"])


@pytest.mark.parametrize("sweep", range(SWEEPS))
def test_every_sweep_of_a_ramp_alone_agrees_with_their_mean(sound: Mapping[str, pd.DataFrame], sweep: int) -> None:
    row = row_of(sound, len(CASES) + sweep)
    assert row["sweeps"] == str(sweep)
    assert row["verdict"] == "reversal", row["reason"]
    assert 2.2 - 2 * row["se_mV"] < row["raw_mV"] < 3.2 + 2 * row["se_mV"]


@pytest.mark.parametrize(("file", "how", "word"), UNREADABLE)
def test_what_cannot_be_known_is_unreadable_with_its_reason_and_without_a_number(
    run: Run, file: str, how: Mapping[str, str], word: str
) -> None:
    (row,) = run([(file, how)])["reversals"].to_dict("records")
    assert row["verdict"] == "unreadable"
    assert word in row["reason"]
    numbers = ["raw_mV", "reversal_mV", "junction_mV", "corrected_mV", "se_mV", "low_mV", "high_mV", "slope_nS"]
    assert np.isnan([row[name] for name in numbers]).all()


def test_one_bad_recording_costs_itself_only(run: Run) -> None:
    rows = run([(file, how) for file, how, _ in UNREADABLE] + [(CASES[0].file, CASES[0].how)])["reversals"]
    assert rows["verdict"].tolist().count("unreadable") == len(UNREADABLE)
    assert rows["verdict"].tolist().count("reversal") == 1


def test_the_permeability_ratio_of_a_hyperpolarisation_activated_channel(run: Run) -> None:
    row, *_ = run([(CASES[-1].file, CASES[-1].how)])["permeabilities"].to_dict("records")
    assert (row["ion"], row["reference"], row["model"]) == ("Na", "K", "ghk:concentration")
    assert row["verdict"] == "estimate"
    assert 0.23 < row["ratio"] < 0.30
    # Bi-ionic closed form at the potential measured elsewhere: [110 r + 30] = [10 r + 130] exp(FE/RT).
    x = np.exp(-20.7 / 25.69258)
    assert row["ratio"] == pytest.approx((130 * x - 30) / (110 - 10 * x), abs=0.02)
    assert row["n_cells"] == 1
    assert "one cell" in row["reason"]
    assert row["low"] < row["ratio"] < row["high"]
    assert row["scope"] == "cell"
    assert np.isnan([row["low_cells"], row["high_cells"]]).all()


@pytest.mark.parametrize(("channel", "command"), [("0", "Cmd 0"), ("1", "Cmd 1")])
def test_of_two_amplifiers_on_one_file_each_has_its_own_command(
    run: Run, tmp_path: Path, channel: str, command: str
) -> None:
    run([("14o16001_vc_pair_step", {"epoch": "D", "channel": channel, **END})])
    (fact,) = pd.read_parquet(tmp_path / "results" / "facts.parquet").to_dict("records")
    assert (fact["channel"], fact["command"]) == (f"IN {channel}", command)


def test_a_tag_belongs_to_the_sweep_that_ran_when_it_was_set(real_abf: Path) -> None:
    recording = read(real_abf / "2018_11_16_sh_0006.abf")
    (tag,) = [tag for tag in recording.tags if tag.comment == "+drug at 3min"]
    assert tag.sweep == 36
    assert tag.time_s == pytest.approx(180.378, abs=0.001)
    assert recording.sweep_interval_s == pytest.approx(5.0)


@pytest.mark.parametrize(("file", "holding"), [("multichannelAbf1WithTags", -50.0), ("pclamp11_4ch_abf1", -10.0)])
def test_the_holding_level_of_an_abf1_file(real_abf: Path, file: str, holding: float) -> None:
    assert read(real_abf / f"{file}.abf").waveforms[0].holding == holding


def test_a_level_held_past_the_last_epoch_carries_into_the_next_sweep(real_abf: Path) -> None:
    recording = read(real_abf / "171116sh_0013.abf")
    (waveform,) = [w for w in recording.waveforms if w.source == "epochs"]
    assert waveform.keeps_last_level
    command = segments(waveform, recording.sweeps, recording.points)
    assert command[0][0].first_mV == waveform.holding
    assert [sweep[0].first_mV for sweep in command[1:]] == [sweep[-1].last_mV for sweep in command[:-1]]
    assert len({sweep[-1].last_mV for sweep in command}) == recording.sweeps


@pytest.mark.parametrize(
    ("file", "corner_Hz", "source"),
    [
        ("171116sh_0012", 2000.0, "telegraph"),  # the header says 5000
        ("DM1_0002", 2000.0, "telegraph"),
        ("multichannelAbf1WithTags", 2000.0, "telegraph"),
        ("pclamp11_4ch_abf1", 5000.0, "header"),
        ("abf2load_example", 200.0, "header"),  # the amplifier told 1000
        ("20917009", 1000.0, "header"),
        ("21618001", 500.0, "nyquist"),  # 10 kHz told, sampled at 1 kHz
        ("130618-1-12", 25000.0, "nyquist"),  # a short header: where filters are telegraphed are samples
    ],
)
def test_the_band_of_a_recording(real_abf: Path, file: str, corner_Hz: float, source: str) -> None:
    recording = read(real_abf / f"{file}.abf")
    band = recording.bandwidth(recording.channels[0])
    assert (band.corner_Hz, band.source) == (pytest.approx(corner_Hz), source)


def test_no_real_recording_is_quieter_than_its_thermal_noise(sound: Mapping[str, pd.DataFrame]) -> None:
    found = sound["thermodynamics"].drop_duplicates("measurement")
    assert len(found) == len(CASES) + SWEEPS
    assert (found["noise_ratio"] > 2).all()
    assert set(found["bandwidth_source"]) == {"telegraph", "header", "nyquist"}


def test_four_channels_of_one_command(real_abf: Path) -> None:
    recording = read(real_abf / "pclamp11_4ch_abf1.abf")
    assert len(recording.channels) == 4
    assert all(len(recording.samples(channel, 0, 0, 10)) == 10 for channel in recording.channels)


def test_samples_agree_with_a_second_reader(real_abf: Path) -> None:
    deviation = {}
    for path in sorted(real_abf.glob("*.abf")):
        recording, samples = read(path), second_reader(path)
        # Where the second reader joins the sweeps there is nothing to compare.
        if samples is not None and samples.shape == (recording.sweeps, len(recording.channels), recording.points):
            mine = [
                [recording.samples(channel, sweep, 0, recording.points) for channel in recording.channels]
                for sweep in range(recording.sweeps)
            ]
            deviation[path.stem] = float(np.abs(np.array(mine) - samples).max() / np.abs(samples).max())
    assert {case.file for case in CASES} <= set(deviation)
    assert len(deviation) >= 16
    assert {file: by for file, by in deviation.items() if by > 4 * np.finfo(np.float32).eps} == {}


def second_reader(path: Path) -> np.ndarray | None:
    """Samples through neo, (sweeps, channels, points), or None where it cannot read the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            block = neo.io.AxonIO(str(path)).read_block(signal_group_mode="split-all")
    except Exception:
        return None  # neo's faults are of every kind
    sweeps = [[signal.magnitude[:, 0] for signal in part.analogsignals] for part in block.segments]
    lengths = {len(signal) for sweep in sweeps for signal in sweep}
    return np.array(sweeps, dtype=float) if len(lengths) == 1 else None
