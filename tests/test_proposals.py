"""Proposals of `nernstfit inspect`: the kind of each epoch, and a row that gives the right potential or none."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration import cells as patches
from calibration.cells import Gate, boltzmann
from calibration.recordings import ROWS, Calibration
from click.testing import CliRunner

from nernstfit.abf.command import levels, segments
from nernstfit.abf.proposals import Kind, Proposal, proposals
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.commands.main import main
from nernstfit.contract import settings, tables
from nernstfit.contract.codes import Code
from nernstfit.contract.schema import schema
from nernstfit.contract.severity import Severity
from nernstfit.library import draft
from nernstfit.library.recording import PatchProperties, measure, measure_and_judge
from nernstfit.reversal.classify import interval_mV
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ = 10_000.0
BY_NAME = {row.name: row for row in ROWS}
POTASSIUM = (Gate(boltzmann(-20.0, 8.0), lambda v: 4.0 + 10.0 / (1.0 + np.exp((v + 20.0) / 20.0))),)
REPOLARISED = Waveform(
    0,
    "Cmd 0",
    "mV",
    -80.0,
    "epochs",
    (Epoch("A", "step", 40.0, 0.0, 800, 0), Epoch("B", "step", -130.0, 10.0, 800, 0)),
    False,
)
POTASSIUM_TAILS = replace(
    BY_NAME["tails"], waveform=REPOLARISED, points=2000, gates=POTASSIUM, reversal=(-90.0, -70.0), slope=(5.0, 20.0)
)
# Without a step in which its channels open, a tail cannot be told from what decays for another reason.
ALREADY_OPEN = replace(
    POTASSIUM_TAILS,
    waveform=replace(REPOLARISED, holding=40.0, epochs=(replace(REPOLARISED.epochs[1], letter="B"),)),
    points=1200,
)
A_TYPE = replace(
    BY_NAME["steps"],
    waveform=replace(REPOLARISED, holding=-80.0, epochs=(Epoch("A", "step", -110.0, 10.0, 800, 0),)),
    points=1000,
    gates=(
        Gate(boltzmann(-20.0, 8.0), lambda v: np.full_like(v, 1.0)),
        Gate(boltzmann(-65.0, -8.0), lambda v: np.full_like(v, 15.0)),
    ),
    reversal=(-90.0, -75.0),
    fixed={"leak_nS": 1.0, "leak_reversal_mV": 0.0},
)
# Of a step of half a millisecond nobody can say whether channels open in it.
BRIEF_HZ = 20_000.0
AFTER_BRIEF = replace(
    POTASSIUM_TAILS,
    waveform=replace(
        REPOLARISED,
        holding=-110.0,
        epochs=(Epoch("A", "step", 20.0, 0.0, 10, 0), Epoch("B", "step", -60.0, 10.0, 300, 0)),
    ),
    sweeps=14,
    points=600,
    gates=(
        Gate(boltzmann(-35.0, 7.0), lambda v: 0.05 + 0.2 / np.cosh((v + 40.0) / 24.0)),
        Gate(boltzmann(-65.0, -6.0), lambda v: 0.5 + 6.0 / np.cosh((v + 62.0) / 16.0)),
    ),
    reversal=(40.0, 55.0),
)
LEAKY_TAILS = replace(POTASSIUM_TAILS, reversal=(-60.0, -50.0), fixed={"leak_nS": 4.0, "leak_reversal_mV": 0.0})
SLOW = replace(BY_NAME["tails"], waveform=replace(REPOLARISED, epochs=(Epoch("B", "step", -130.0, 10.0, 1500, 0),)))


def proposed(
    path: Path, row: Calibration, epoch: str, count: int = 2, rate_Hz: float = RATE_HZ, is_cancelled: bool = False
) -> list[tuple[Proposal, float]]:
    """Simulate some recordings, and return the proposals for an epoch with the channel's reversal potentials.

    The amplifier may have cancelled the current that charges the membrane.
    """
    cells = patches.draw(np.random.default_rng(11), count, row.reversal, row.slope, **row.fixed)
    cells = replace(cells, leak_nS=np.full(count, 0.1)) if not row.fixed else cells
    command = np.array([levels(s, np.arange(row.points)) for s in segments(row.waveform, row.sweeps, row.points)])
    current = patches.clamp(cells, command, row.gates, rate_Hz)
    if is_cancelled:
        empty = replace(cells, slope_nS=np.full(count, 1e-6), leak_nS=np.full(count, 1e-6))
        current -= patches.clamp(empty, command, row.gates, rate_Hz)
    current += patches.noise(cells, command.shape, rate_Hz, np.random.default_rng(12))
    found = []
    for i in range(count):
        content = EpisodicRecording(
            current[i][:, None], [OutputChannel("Im", "pA", 0, 20_000.0)], [row.waveform], rate_Hz, 1.0
        )
        write_abf(path / f"{i}.abf", "2.6", content)
        of_epoch = {each.epoch: each for each in proposals(read(path / f"{i}.abf"), settings.default_measure())}
        found.append((of_epoch[epoch], float(cells.reversal_mV[i])))
    return found


def measured(path: Path, columns: Mapping[str, str]) -> dict[str, Any]:
    return measure(str(path), columns, PatchProperties(None, None, 22.0))


def lies_beside(found: Mapping[str, Any], truth_mV: float) -> bool:
    """Tell whether a potential is off by more than leak, uncorrected series resistance and chance explain."""
    below, above = interval_mV(2 * found["se_mV"], found["capacitance_shift_mV"])
    return not -above - 2.5 <= found["reversal_mV"] - truth_mV <= below + 2.5


@pytest.mark.parametrize(
    ("row", "epoch", "kind"),
    [
        (BY_NAME["steps"], "A", Kind.STEADY),
        (BY_NAME["level kept between sweeps"], "after", Kind.STEADY),
        (BY_NAME["tails"], "B", Kind.TAIL),
        (POTASSIUM_TAILS, "B", Kind.TAIL),
        (BY_NAME["inactivating current"], "A", Kind.INACTIVATING),
        (BY_NAME["activation beside a leak, sharp"], "A", Kind.ACTIVATING),
        (A_TYPE, "A", Kind.INACTIVATING),
        (LEAKY_TAILS, "B", Kind.TAIL),
        (BY_NAME["ramps both ways"], "B", Kind.RAMP),
        (ALREADY_OPEN, "B", Kind.UNCLEAR),
        (SLOW, "B", Kind.UNCLEAR),
        (AFTER_BRIEF, "B", Kind.UNCLEAR),
        (BY_NAME["tails"], "A", Kind.CONSTANT),
    ],
    ids=lambda value: value.name if isinstance(value, Calibration) else str(value),
)
def test_a_simulated_epoch_has_the_row_of_its_kind(tmp_path: Path, row: Calibration, epoch: str, kind: Kind) -> None:
    for i, (found, truth_mV) in enumerate(proposed(tmp_path, row, epoch)):
        assert found.kind is kind, found.sentence
        # The zero of the whole current is far from that of the channels: they are closed there, or the leak is large.
        is_beside = row in (BY_NAME["activation beside a leak, sharp"], A_TYPE, LEAKY_TAILS)
        assert bool(found.columns) == (kind not in (Kind.UNCLEAR, Kind.CONSTANT) and not is_beside)
        assert not is_beside or "But the part that changes" in found.sentence
        if found.columns:
            result = measured(tmp_path / f"{i}.abf", found.columns)
            assert result["verdict"] in ("reversal", "not_a_reversal", "ambiguous"), result["reason"]
            assert result["verdict"] != "reversal" or not lies_beside(result, truth_mV), (found.row, result)


def test_noise_has_no_row(tmp_path: Path) -> None:
    row = replace(BY_NAME["steps"], fixed={"slope_nS": 1e-6, "leak_nS": 1e-6, "capacity_pF": 1e-3})
    assert all(not found.columns for found, _ in proposed(tmp_path, row, "A"))


# Epochs of the real recordings whose potential was measured independently.
KNOWN = {
    ("171116sh_0012", "B", ""): -57.1,
    ("171116sh_0012", "E", ""): -59.8,
    ("171116sh_0013", "after", ""): -59.4,
    ("14o16001_vc_pair_step", "D", "IN 0"): -64.9,
    ("14o16001_vc_pair_step", "G", "IN 0"): -65.9,
    ("14o16001_vc_pair_step", "D", "IN 1"): -63.3,
    ("14o16001_vc_pair_step", "G", "IN 1"): -64.1,
    ("DM1_0002", "C", ""): 2.5,
    ("abf2load_example", "B", ""): -11.2,
    **{("20917009", epoch, ""): mV for epoch, mV in (("B", -14.8), ("C", -14.0), ("I", -14.3), ("J", -13.6))},
    ("20917009", "F", ""): -20.7,
    ("21416007", "H", ""): -18.0,
    **{("21618001", epoch, ""): mV for epoch, mV in (("B", -15.4), ("C", -15.1))},
    **{("user-list-durations", epoch, ""): mV for epoch, mV in (("B", -6.4), ("C", -5.3), ("I", -6.4), ("J", -5.4))},
    ("abf-v1", "A", ""): -0.3,
    **{("../cases/ramp_last_of_triangle", epoch, ""): -55.3 for epoch in "ABCDEF"},
    ("../cases/signal_offset_50_no_conditioner", "C", ""): -15.1,
}
# Files with one of these potentials, and one whose peak reverses between +40 and +50 mV.
MEASURABLE = {file for file, *_ in KNOWN if "/" not in file} | {"abf-v2"}
# A number of these two is that of another state, or of a command that is not the membrane's; of the second the peak of
# an inactivating current shows, whose zero lies beyond its levels, and no row is proposed.
WITHOUT_A_NUMBER = ("two_states_in_one_file", "amplifier_holding")


def test_a_draft_of_the_real_recordings_has_the_right_value_or_asks(real_abf: Path) -> None:
    columns = {*schema()["properties"]["measure"]["properties"], "sweeps"}
    right, asked = set(), set()
    for row in draft.draft(draft.found_in(real_abf)).rows:
        path = real_abf / Path(row["recording"]).name
        assert row.get("protocol") or len(row["exclude"]) > 10
        if path.stem not in MEASURABLE:
            continue
        assert row["remark"]
        asked.add(path.stem)
        given = {name: value for name, value in row.items() if name in columns and value}
        result = measured(path, given) if given and not row.get("exclude") else {"verdict": ""}
        key = (path.stem, given.get("epoch", ""), given.get("channel", ""))
        if result["verdict"] == "reversal" and key in KNOWN:
            assert result["reversal_mV"] == pytest.approx(KNOWN[key], abs=1.0), key
            right.add(path.stem)
    assert asked == MEASURABLE
    assert len(MEASURABLE) == 11
    assert len(MEASURABLE - right) <= 4
    assert right >= {"20917009", "21416007", "abf-v1", "DM1_0002"}


def test_the_rows_of_recordings_that_went_wrong_once_give_the_right_value_or_none(real_cases: Path) -> None:
    for file, places in itertools.groupby((key for key in KNOWN if "/" in key[0]), lambda key: key[0]):
        path, epochs = real_cases / f"{Path(file).name}.abf", {epoch for _, epoch, _ in places}
        for found in proposals(read(path), settings.default_measure()):
            result = measured(path, found.columns) if found.columns and found.epoch in epochs else {"verdict": ""}
            if result["verdict"] == "reversal":
                assert result["reversal_mV"] == pytest.approx(KNOWN[file, found.epoch, ""], abs=1.0)
    for file in WITHOUT_A_NUMBER:
        path = real_cases / f"{file}.abf"
        rows = [found.columns for found in proposals(read(path), settings.default_measure()) if found.columns]
        assert {measured(path, columns)["verdict"] for columns in rows} <= {"ambiguous"}


RAMP = replace(REPOLARISED, epochs=(Epoch("A", "step", -80.0, 0.0, 300, 0), Epoch("B", "ramp", 40.0, 0.0, 1200, 0)))
PRESSURE = Waveform(1, "P_com", "mmHg", 0.0, "epochs", (Epoch("B", "step", 0.0, -10.0, 900, 0),), False)


def ohmic(path: Path, waveforms: Sequence[Waveform], sweeps: int, rectified: bool = False) -> Path:
    """Write a recording of an ohmic current, or of an inward rectifier beside a leak."""
    command = np.array([levels(s, np.arange(2000)) for s in segments(waveforms[0], sweeps, 2000)])
    current = 5.0 * (command + 30.0)
    if rectified:
        current = 20.0 * (command + 85.0) / (1.0 + np.exp((command + 75.0) / 8.0)) + 1.0 * command
    current += np.random.default_rng(4).normal(0.0, 2.0, command.shape)
    channel = OutputChannel("Im", "pA", 0, 20_000.0)
    write_abf(path, "2.6", EpisodicRecording(current[:, None], [channel], list(waveforms), RATE_HZ, 1.0))
    return path


def inspected(path: Path) -> list[str]:
    done = CliRunner().invoke(main, ["inspect", str(path)])
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_the_rows_come_first_each_with_its_command_line(tmp_path: Path) -> None:
    path = ohmic(tmp_path / "my cell's.abf", [RAMP], 60)
    lines = inspected(path)
    assert lines.index("  B: epoch=B") < lines.index("channels (ADC)")
    (command,) = (line.strip() for line in lines if line.startswith("     nernstfit measure"))
    words = shlex.split(command)
    assert words == ["nernstfit", "measure", str(path), "--epoch", "B"]
    done = CliRunner().invoke(main, words[1:])
    assert done.exit_code == 0
    zero = next(float(line.split()[1]) for line in done.output.splitlines() if line.startswith("reversal_mV"))
    (said,) = (line.split() for line in lines if line.startswith("     gives"))
    assert float(said[1]) == pytest.approx(zero, abs=0.06)
    assert zero == pytest.approx(-30.0, abs=0.5)


def test_a_path_that_begins_like_an_option_is_none() -> None:
    assert Proposal("B", Kind.RAMP, "", {"epoch": "B"}).command("-1.abf") == "nernstfit measure ./-1.abf --epoch B"


def test_equal_sweeps_in_a_row_have_one_line(tmp_path: Path) -> None:
    rows = [line.split()[:2] for line in inspected(ohmic(tmp_path / "a.abf", [RAMP], 60)) if line.startswith("  0")]
    assert rows[-1] == ["0-59", "-80"]
    steps = replace(RAMP, epochs=(Epoch("A", "step", -80.0, 10.0, 800, 0),))
    lines = inspected(ohmic(tmp_path / "a.abf", [steps], 50))
    first = next(at for at, line in enumerate(lines) if line.startswith("  sweep"))
    assert [line.split()[0] for line in lines[first + 1 :][:40]] == [str(sweep) for sweep in range(40)]
    assert lines[first + 41] == "  ... and 10 more sweeps, or ranges of equal sweeps"


def test_a_test_pulse_alone_has_a_row_for_the_ramps_of_its_cell(tmp_path: Path) -> None:
    pulse = replace(RAMP, epochs=(Epoch("A", "step", -75.0, 0.0, 150, 0),))
    row = replace(BY_NAME["steps"], waveform=pulse, sweeps=5, points=1000, fixed={"capacity_pF": 20.0, "leak_nS": 0.1})
    for found, _ in proposed(tmp_path, row, "A"):
        assert found.kind is Kind.PULSE
        assert found.columns == {"epoch": "A"}
    assert "gives no crossing: no I-V curve: -75 mV" in "\n".join(inspected(tmp_path / "0.abf"))


STEPPED = replace(RAMP, epochs=(Epoch("A", "step", -80.0, 10.0, 800, 0),))


@pytest.mark.parametrize("own", [RAMP, STEPPED], ids=["ramps", "steps"])
def test_a_second_stimulus_that_differs_between_the_sweeps_is_told(tmp_path: Path, own: Waveform) -> None:
    constant = replace(PRESSURE, epochs=(replace(PRESSURE.epochs[0], level_increment=0.0),))
    for second, told in ((PRESSURE, True), (constant, False), (replace(own, number=1, name="Copy"), False)):
        lines = inspected(ohmic(tmp_path / "a.abf", [own, second], 7))
        found = [line for line in lines if "a second stimulus, DAC 'P_com' in mmHg, differs between the sweeps" in line]
        assert bool(found) == told
        assert not any("second stimulus, DAC 'Copy'" in line for line in lines)
        if told:
            assert "epoch B 0 to -60 mmHg" in found[0]
            assert "sweeps=0 or sweeps=1 or" in found[0]


def test_the_pressure_of_a_real_recording_is_told(real_abf: Path) -> None:
    lines = inspected(real_abf / "DM1_0002.abf")
    at = lines.index("  C: epoch=C")
    assert any("DAC 'P_com' in mmHg, differs between the sweeps (epoch C 0 to -60 mmHg" in line for line in lines[at:])


@pytest.mark.parametrize("own", [RAMP, replace(RAMP, epochs=(Epoch("A", "step", -120.0, 10.0, 800, 0),))])
def test_an_inward_rectifier_beside_a_leak_is_told_with_its_row(tmp_path: Path, own: Waveform) -> None:
    wide = replace(own, holding=-80.0)
    if own is RAMP:
        first, ramp = RAMP.epochs
        wide = replace(own, epochs=(replace(first, level=-120.0), ramp))
    lines = inspected(ohmic(tmp_path / "a.abf", [wide], 17, rectified=True))
    said = [line for line in lines if "flattens with depolarisation" in line]
    assert len(said) == 1
    assert "subtract the leak" in said[0]
    assert not any("flattens" in line for line in inspected(ohmic(tmp_path / "b.abf", [wide], 17)))


def test_inspect_prints_the_rows_with_their_channel(real_abf: Path) -> None:
    done = CliRunner().invoke(main, ["inspect", str(real_abf / "14o16001_vc_pair_step.abf")])
    assert done.exit_code == 0
    assert "  G: epoch=G;channel=IN 0\n" in done.output
    assert "  G: epoch=G;channel=IN 1\n" in done.output
    alone = CliRunner().invoke(main, ["inspect", str(real_abf / "20917009.abf")])
    assert "  F: epoch=F;from_ms=8;to_ms=18\n     tail: steps after a constant one" in alone.output
    assert " --epoch F --from-ms 8 --to-ms 18\n     gives " in alone.output


@pytest.mark.parametrize("leak_nS", [0.1, 1.0])
def test_a_tail_window_beside_a_leak_is_told_with_the_shift_of_its_zero(tmp_path: Path, leak_nS: float) -> None:
    row = replace(LEAKY_TAILS, fixed={"leak_nS": leak_nS, "leak_reversal_mV": 0.0})
    window = {"epoch": "B", "from_ms": "4", "to_ms": "7", "max_interval_mV": "60"}
    for i, (_, truth_mV) in enumerate(proposed(tmp_path, row, "B")):
        measured = measure_and_judge(str(tmp_path / f"{i}.abf"), window, PatchProperties(None, None, 22.0))
        found, doubts = measured.values, measured.findings
        shift_mV = tables.flags(found["flags"])["left_of_tail"]
        assert shift_mV < -0.5
        assert found["reversal_mV"] + shift_mV == pytest.approx(truth_mV, abs=1.0)
        assert found["low_mV"] < found["reversal_mV"] + shift_mV
        codes = [doubt.code for doubt in doubts]
        assert (Code.TAIL in codes) == (shift_mV <= -1)
        assert not {Code.LEAK, Code.FLATTENS} & set(codes)


def test_the_peak_of_a_tail_while_the_membrane_charges_is_told(tmp_path: Path) -> None:
    peak = {"epoch": "B", "statistic": "peak"}
    for i, (proposal, _) in enumerate(proposed(tmp_path, AFTER_BRIEF, "B", 12, BRIEF_HZ, is_cancelled=True)):
        assert not proposal.columns, proposal.row
        found = measure_and_judge(str(tmp_path / f"{i}.abf"), peak, PatchProperties(None, None, 22.0))
        assert found.values["verdict"] != "reversal" or Severity.WARNING in {doubt.severity for doubt in found.findings}
    for i in range(len(proposed(tmp_path, BY_NAME["inactivating current"], "A", 2))):
        found = measure_and_judge(str(tmp_path / f"{i}.abf"), {"statistic": "peak"}, PatchProperties(None, None, 22.0))
        assert Code.AT_STEP not in {doubt.code for doubt in found.findings}


def test_a_window_at_the_end_of_the_epoch_leaves_no_rest(tmp_path: Path) -> None:
    proposed(tmp_path, POTASSIUM_TAILS, "B", 1)
    late = {"epoch": "B", "from_ms": "50", "to_ms": "70"}
    assert "left_of_tail" not in measured(tmp_path / "0.abf", late)["flags"]
