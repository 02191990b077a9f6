"""`nernstfit inspect` and `nernstfit measure`: one recording, through the workflow's own code."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from nernstfit.abf.read import read
from nernstfit.abf.records import Tag, UserList, Waveform
from nernstfit.commands.main import main
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.library import results
from nernstfit.physics.solution.ions import IONS

Write = Callable[..., Path]


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_measure_prints_the_columns_of_the_table_as_json(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", current_pA=lambda level: 5.0 * (level + 31.0))
    done = call("measure", path, "--epoch", "B", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert tuple(found) == (*tables.REVERSAL_POTENTIALS.columns, "warnings")
    assert found["warnings"] == []
    assert (found["measurement"], found["epoch"], found["verdict"]) == ("a:B", "B", "reversal")
    assert found["corrected_mV"] == found["reversal_mV"] == pytest.approx(-31.0, abs=0.5)
    assert found["junction_mV"] is None


def test_measure_prints_findings_in_json_too(real_abf: Path) -> None:
    words = ("measure", real_abf / "2018_11_16_sh_0006.abf")
    (finding,) = json.loads(call(*words, "--json").output)["warnings"]
    assert (finding["severity"], finding["code"]) == ("note", "test_pulse")
    assert finding["sentence"] in call(*words).output


def test_a_figure_that_cannot_be_written_is_said(tmp_path: Path, write_recording: Write) -> None:
    path, absent = write_recording(tmp_path / "a.abf", current_pA=lambda level: 5.0 * level), tmp_path / "no" / "x.png"
    done = call("inspect", path, "--plot", absent)
    assert done.exit_code == 1
    assert f"--plot: got '{absent}', which cannot be written: No such file or directory" in done.stderr


def test_measure_takes_window_sweeps_statistic_and_series_resistance(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", current_pA=lambda level: 5.0 * (level + 31.0))
    words = ("--from-ms", 5, "--to-ms", 15, "--statistic", "median", "--sweeps", "2-8")
    done = call("measure", path, *words, "--series-resistance-MOhm", 10, "--json")
    found = json.loads(done.output)
    assert found["measurement"] == "a:median:2-8"
    assert "rs_max_error=" in found["flags"]
    assert found["rs_shift_mV"] == pytest.approx(0.0, abs=1e-3)


def test_measure_takes_a_background_off(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf", current_pA=lambda level: 5.0 * (level + 31.0) + 2.0 * (level - 20.0))
    blocked = write_recording(tmp_path / "b.abf", current_pA=lambda level: 2.0 * (level - 20.0))
    done = call("measure", path, "--leak", "background", "--subtract", blocked, "--json")
    found = json.loads(done.output)
    assert found["reversal_mV"] == pytest.approx(-31.0, abs=0.5)
    assert found["raw_mV"] == pytest.approx(-115 / 7, abs=0.5)


def test_measure_agrees_with_a_real_tail_current(real_abf: Path) -> None:
    done = call("measure", real_abf / "20917009.abf", "--epoch", "F", "--from-ms", 4, "--to-ms", 10, "--json")
    assert json.loads(done.output)["corrected_mV"] == pytest.approx(-20.7, abs=1.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epoch", "7"), "--epoch: got '7'"),
        (("--statistic", "peek"), "--statistic: got 'peek'"),
        (("--from-ms", "4"), "--to-ms: got nothing"),
        (("--leak", "background"), "--subtract: the file of a background and --leak background go together"),
        (("--sweeps", "5-2"), "--sweeps: got '5-2', expected sweeps from 0 like 0-12,15"),
        (("--min-span-mV", "wide"), "got 'wide', expected a number"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    tmp_path: Path, write_recording: Write, words: tuple[str, ...], said: str
) -> None:
    done = call("measure", write_recording(tmp_path / "a.abf"), *words)
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.splitlines()) == 1


def test_measure_of_no_recording_says_why_and_fails(tmp_path: Path) -> None:
    (tmp_path / "text.abf").write_text("no recording at all")
    for name, said in (("text.abf", "is not an ABF file"), ("absent.abf", "cannot be opened")):
        done = call("measure", tmp_path / name)
        assert done.exit_code == 1
        assert said in done.output


@pytest.mark.parametrize("version", ["2.6", "1.84"])
def test_inspect_says_what_the_file_holds(tmp_path: Path, write_recording: Write, version: str) -> None:
    tags = [Tag(1.2, 2, "bath changed")]
    done = call("inspect", write_recording(tmp_path / "a.abf", version=version, tags=tags))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == f"a.abf: ABF {version[:3]}, episodic"
    assert lines[1] == "11 sweeps of 40 ms every 0.5 s, 10000 samples per second and channel"
    assert "  0  'IN 0' in pA" in lines
    assert "  1.200 s, sweep 2: bath changed" in lines
    (header,) = (line for line in lines if line.startswith("  sweep"))
    assert header.split() == ["sweep", "A", "B", "C", "after"]
    third = lines[lines.index(header) + 3]
    assert "-60 (10.6+20)" in third
    assert "measured: the current of channel 'IN 0' against the command of DAC 'Cmd 0'" in lines
    assert lines[lines.index("  A: no row is proposed") + 1] == "     constant: at -20 mV in every sweep: no I-V curve"
    assert "  B: epoch=B" in lines


def test_inspect_shows_a_user_list_in_words_and_its_levels_in_the_table(
    tmp_path: Path, write_recording: Write, steps: Waveform
) -> None:
    listed = dataclasses.replace(steps, user_list=UserList(22, (-85.0, -55.0, 5.0), False))
    done = call("inspect", write_recording(tmp_path / "a.abf", waveforms=[listed]))
    assert done.exit_code == 0
    assert "user list of parameter 22 (level of epoch B; its last value stays): -85, -55, 5" in done.output
    rows = [line.split() for line in done.output.splitlines()]
    header = next(row for row in rows if row[:1] == ["sweep"])
    table = rows[rows.index(header) + 1 :][:3]
    assert [row[0] for row in table] == ["0", "1", "2-10"]
    assert [row[header.index("B") * 2 - 1] for row in table] == ["-85", "-55", "5"]


def test_inspect_plots_current_and_command(tmp_path: Path, write_recording: Write) -> None:
    path, picture = write_recording(tmp_path / "a.abf"), tmp_path / "a.png"
    done = call("inspect", path, "--plot", picture)
    assert done.exit_code == 0, done.output
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5000


def test_inspect_of_no_recording_is_one_sentence(tmp_path: Path) -> None:
    done = call("inspect", tmp_path / "absent.abf")
    assert done.exit_code == 1
    assert done.output.strip() == "absent.abf: cannot be opened (No such file or directory)"


def test_several_recordings_are_one_table_and_a_bad_one_stops_none(tmp_path: Path, write_recording: Write) -> None:
    first = write_recording(tmp_path / "a.abf", current_pA=lambda level: 5.0 * (level + 31.0))
    last = write_recording(tmp_path / "c.abf", current_pA=lambda level: 5.0 * (level + 11.0))
    (tmp_path / "b.abf").write_text("no recording at all")
    words = (first, tmp_path / "b.abf", last)
    done = call("measure", *words, "--epoch", "B")
    assert done.exit_code == 1
    header, *rows = (line.split() for line in done.output.splitlines())
    assert header[:4] == ["recording", "epoch", "verdict", "reversal_mV"]
    assert [row[0] for row in rows] == [str(path) for path in words]
    assert [float(rows[i][3]) for i in (0, 2)] == pytest.approx([-31.0, -11.0], abs=0.5)
    assert rows[1][1] == "unreadable"
    found = json.loads(call("measure", *words, "--epoch", "B", "--json").output)
    assert [row["verdict"] for row in found] == ["reversal", "unreadable", "reversal"]
    assert call("measure", first, last, "--epoch", "B").exit_code == 0
    inspected = call("inspect", *words)
    assert inspected.exit_code == 1
    header, *rows = (line.split() for line in inspected.output.splitlines())
    assert header[:4] == ["recording", "epoch", "row", "verdict"]
    assert [row[1:4] for row in (rows[0], rows[2])] == [["B", "epoch=B", "reversal"]] * 2
    assert "is not an ABF file" in " ".join(rows[1])
    plotted = call("inspect", first, last, "--plot", tmp_path / "a.png")
    assert (plotted.exit_code, plotted.output) == (1, "--plot: got 2 recordings, expected one\n")


def test_the_command_is_written_sample_by_sample(tmp_path: Path, write_recording: Write) -> None:
    path = write_recording(tmp_path / "a.abf")
    done = call("command", path, "--csv")
    assert done.exit_code == 0
    header, *rows = (line.split(",") for line in done.output.splitlines())
    assert header == ["sweep", "epoch", "time_ms", "command_mV"]
    assert len(rows) == 11 * 400
    # before: samples 0-5 at -20 mV; A: 6-105 at -20 mV; B: 106-305 at -100 + 20 mV in each sweep.
    assert rows[0] == ["0", "before", "0", "-20"]
    assert rows[3 * 400 + 105] == ["3", "A", "10.5", "-20"]
    assert [rows[sweep * 400 + 106] for sweep in (0, 5)] == [["0", "B", "10.6", "-100"], ["5", "B", "10.6", "0"]]
    lines = call("command", path).output.splitlines()
    assert "\n".join(lines) in call("inspect", path).output
    assert len(lines) == 2 + 11


def test_the_command_of_a_real_recording_is_that_of_its_recorded_voltage(real_abf: Path) -> None:
    """In this file the membrane voltage was recorded, and equals the command: a user list of durations, ramps."""
    path = real_abf / "user-list-durations.abf"
    rows = [line.split(",") for line in call("command", path, "--csv").output.splitlines()[1:]]
    recording = read(path)
    (voltage,) = (channel for channel in recording.channels if channel.unit == "mV")
    for sweep in range(recording.sweeps):
        recorded = recording.samples(voltage, sweep, 0, recording.points)
        told = [float(row[3]) for row in rows if row[0] == str(sweep)]
        assert np.abs(np.array(told) - recorded).max() < 0.5


UNITS = {"mV": "mV", "ms": "ms", "mM": "mM", "C": "C", "pF": "pF", "MOhm": "MOhm"}
OPTIONS = [
    (name, option)
    for name, command in main.commands.items()
    for option in command.get_params(click.Context(command))
    if isinstance(option, click.Option)
]


def test_the_help_of_an_option_is_a_sentence_with_its_unit() -> None:
    def is_sentence(option: click.Option) -> bool:
        text, unit = option.help or "", UNITS.get(option.opts[0].rpartition("-")[2])
        ending = "." if unit is None else f"In {unit}."
        return text[:1].isupper() and text.endswith(ending) and len(text.split()) > 2

    assert len(OPTIONS) > 50
    assert [f"{name} {option.opts[0]}" for name, option in OPTIONS if not is_sentence(option)] == []


@pytest.mark.parametrize("name", main.commands)
def test_the_help_of_a_command_has_sentences_and_examples(name: str) -> None:
    text = call(name, "--help").output
    assert f"  nernstfit {name} " in text.split("Examples:")[1]
    assert ". " in text or ".\n" in text.split("Options:")[0]


def test_a_shell_completes_commands_and_options() -> None:
    shell = BashComplete(main, {}, "nernstfit", "_NERNSTFIT_COMPLETE")
    assert [each.value for each in shell.get_completions([], "in")] == ["init", "inspect"]
    assert [each.value for each in shell.get_completions(["measure"], "--stat")] == ["--statistic"]


# Solutions and their potentials

RECIPES = "solution,NaCl,KCl,NMDG-Cl\ncontrol,145,5,\npipette,10,140,\nbridge,,3000,\nwater,,,\n"


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    path = tmp_path / "solutions.csv"
    path.write_text(RECIPES)
    return path


@pytest.mark.parametrize(
    ("ion", "outside", "inside", "expected"), [("K", 5, 140, -89.06), ("Na", 145, 15, 60.63), ("Cl", 110, 10, -64.09)]
)
def test_nernst_potentials_of_the_textbook(ion: str, outside: float, inside: float, expected: float) -> None:
    words = ("nernst", ion, "--outside-mM", outside, "--inside-mM", inside, "--temperature-C", 37)
    (found,) = json.loads(call(*words, "--json").output)
    assert found["potential_mV"] == pytest.approx(expected, abs=0.005)
    assert f"{found['potential_mV']:.6g}" in call(*words).output


def test_junction_by_both_methods_on_both_bases(recipes: Path) -> None:
    words = ("junction", "pipette", "control", "--solutions", recipes, "--temperature-C", 25)
    plain, active = json.loads(call(*words, "--json").output)
    assert (plain["basis"], active["basis"]) == ("concentration", "activity (pitzer:macinnes)")
    # Henderson for NaCl and KCl alone, the mobilities being those of the table of ions.
    u = {name: IONS[name].mobility for name in ("Na", "K", "Cl")}
    bath, pipette = {"Na": 145, "K": 5, "Cl": 150}, {"Na": 10, "K": 140, "Cl": 150}
    sign = {"Na": 1, "K": 1, "Cl": -1}
    upper = sum(sign[i] * u[i] * (bath[i] - pipette[i]) for i in u)
    lower = sum(u[i] * (bath[i] - pipette[i]) for i in u)
    logarithm = math.log(sum(u[i] * pipette[i] for i in u) / sum(u[i] * bath[i] for i in u))
    assert plain["henderson_mV"] == pytest.approx(25.69258 * upper / lower * logarithm, abs=1e-3)
    assert plain["nernst_planck_mV"] == pytest.approx(plain["henderson_mV"], abs=0.5)
    assert active["henderson_mV"] != plain["henderson_mV"]
    turned = json.loads(call("junction", "control", "pipette", *words[3:], "--json").output)
    assert turned[0]["henderson_mV"] == pytest.approx(-plain["henderson_mV"])


def test_junction_prints_what_is_found_on_its_solutions() -> None:
    ends = ("--in", "choline=140", "--out", "NaCl=150")
    of_solutions, of_junction = call("solutions", *ends).stderr, call("junction", *ends)
    assert "charge excess +140 meq/l" in of_solutions
    assert of_solutions in of_junction.stderr
    (row, _) = json.loads(call("junction", *ends, "--json").output)
    assert row["warnings"][:1] == of_solutions.splitlines()
    assert call("junction", "KCl=140", "NaCl=150").stderr == ""


@pytest.mark.parametrize("method", [(), ("--method", "henderson")])
def test_junction_says_where_the_methods_differ(method: tuple[str, ...]) -> None:
    words = ("junction", "KCl=3000", "CaCl2=110", "--basis", "activity")
    assert "Nernst-Planck and Henderson differ by -0.63 mV" in call(*words, *method).stderr


def test_a_stationary_junction_that_is_not_found_is_blank_with_a_sentence() -> None:
    words = ("junction", "NaCl=140", "Gd=200,ferricyanide=200", "--model", "debye-huckel", "--basis", "activity")
    told = call(*words)
    assert told.exit_code == 0
    assert "no stationary junction (Nernst-Planck) of solutions 'outside' and 'inside' was found on" in told.stderr
    (row,) = json.loads(call(*words, "--json").output)
    assert row["nernst_planck_mV"] is None
    assert math.isfinite(row["henderson_mV"])


def test_solutions_as_ions(recipes: Path) -> None:
    rows = json.loads(call("solutions", recipes, "--temperature-C", 25, "--json").output)
    found = {(row["solution"], row["ion"]): row for row in rows}
    assert set(found) == {
        *(("control", ion) for ion in ("Cl", "K", "Na")),
        *(("pipette", ion) for ion in ("Cl", "K", "Na")),
        ("bridge", "Cl"),
        ("bridge", "K"),
    }
    # Pipette 140 KCl + 10 NaCl at 25 C: .7377 at .151 mol/kg, of which the salts' .39 % of the volume makes .7405.
    assert found["pipette", "K"]["activity_coefficient"] == pytest.approx(0.7405, abs=0.001)
    assert all(row["activity_mM"] == row["activity_coefficient"] * row["concentration_mM"] for row in rows)
    davies = json.loads(call("solutions", recipes, "--model", "davies", "--json").output)
    assert davies[0]["activity_coefficient"] != rows[0]["activity_coefficient"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("nernst", "Kx", "--outside-mM", "5", "--inside-mM", "140"),
            "ION: got 'Kx', which is no known ion; the nearest is 'K'",
        ),
        (
            ("nernst", "K", "--outside-mM", "0", "--inside-mM", "140"),
            "--outside-mM: got 0, expected a number above 0 and at most 20000 (mM)",
        ),
        (("junction", "pipete", "control", "--solutions", "FILE"), "no solution 'pipete'; the nearest is 'pipette'"),
        (("junction", "pipette", "water", "--solutions", "FILE"), "solution 'water' contains no ion"),
        (("solutions", "absent.csv"), "absent.csv: file not found"),
    ],
)
def test_what_cannot_be_computed_is_one_sentence(recipes: Path, words: tuple[str, ...], said: str) -> None:
    done = call(*(str(recipes) if word == "FILE" else word for word in words))
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nernst", "K", "--outside-mM", "5", "--inside-mM", "140"),
        ("solutions", "absent.csv"),
        ("junction", "a", "b", "--solutions", "absent.csv"),
        ("measure", "absent.abf"),
    ],
)
def test_a_temperature_beyond_any_experiment_is_refused_by_every_command(words: tuple[str, ...]) -> None:
    done = call(*words, "--temperature-C", 310)
    assert done.exit_code == 1
    assert "--temperature-C: got 310, expected a number from -5 to 60 (C)" in done.output


def test_nernst_tells_all_faults_at_once() -> None:
    done = call("nernst", "Kx", "--outside-mM", "0", "--inside-mM", "1,5", "--temperature-C", "295.15")
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "--outside-mM: got 0, expected a number above 0 and at most 20000 (mM)",
        "--inside-mM: got '1,5', expected a number (with a decimal point: 1.5)",
        "--temperature-C: got 295.15, expected a number from -5 to 60 (C): kelvin? give C: 22",
        "ION: got 'Kx', which is no known ion; the nearest is 'K'",
    ]


def test_a_command_that_is_told_is_one_that_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "my experiment"
    folder.mkdir()
    done = CliRunner().invoke(main, ["verify", str(folder)])
    assert f"nernstfit run '{folder}'" in done.output


@pytest.mark.parametrize("left", [(), ("manifest.json",), ("manifest.json", "models.csv")])
def test_the_results_of_a_run_that_was_interrupted_are_not_complete(tmp_path: Path, left: tuple[str, ...]) -> None:
    (tmp_path / "results").mkdir()
    for name in left:
        (tmp_path / "results" / name).write_text("{}" if name == "manifest.json" else "")
    told = f"the run is not complete; complete it with: nernstfit run {tmp_path}"
    done = call("report", tmp_path)
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert line.endswith(told)
    assert ("models.csv: is empty" in line) == ("models.csv" in left)
    with pytest.raises(InputError, match=re.escape(told)):
        results.load(tmp_path)
