"""The tutorial, followed to the letter: commands, answers and lines of Python, and what it says they print.

`nernstfit simulate` makes the recordings of the demonstration, whose run is that of the tutorial. Both are made once
for all tests, and others show that they are what the commands make.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nernstfit.commands.main import main

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines()]
SOLUTIONS, NOTEBOOK, ENDING, TRUTH, PRINTED = blocks("text")
PREPARE, *EVALUATE = blocks("python")


def answer(folder: Path) -> None:
    """Fill in the tables and the configuration of a draft as the tutorial says."""
    (folder / "data" / "solutions.csv").write_text(SOLUTIONS, encoding="utf-8")
    place = folder / "config" / "config.yaml"
    text = place.read_text(encoding="utf-8")
    for line in blocks("yaml")[0].splitlines():
        question = line[: line.index(":") + 1] + "\n"
        assert text.count(question) == 1
        text = text.replace(question, line + "\n")
    place.write_text(text, encoding="utf-8")


def test_the_commands_lead_to_an_experiment(
    project: Path, demonstration_copy: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = demonstration_copy(tmp_path / "practice")
    for path in practice.glob("data/c[3-8]_*.abf"):  # two cells take a quarter of the time
        path.unlink()
    monkeypatch.chdir(tmp_path)
    assert COMMANDS == [
        "nernstfit simulate practice",
        "nernstfit inspect practice/data/c1_control.abf",
        "nernstfit init mine --from practice/data",
        "nernstfit check mine",
        "nernstfit run mine",
        "nernstfit figure mine ratios --width-mm 85",
        "nernstfit figure mine measurement --measurement c1_control --measurement c1_NMDG --width-mm 180",
    ]
    for command in COMMANDS[1:4]:
        if "check" in command:
            answer(tmp_path / "mine")
            exec(compile(PREPARE, str(TUTORIAL), "exec"), {})
        done = CliRunner().invoke(main, shlex.split(command)[1:])
        assert done.exit_code == 0, done.output
        if "inspect" in command:
            assert "B: epoch=B" in done.output
            assert "gives 5.6 mV" in done.output
    assert "12 used, 0 refused, 0 excluded" in done.output
    rows = (tmp_path / "mine" / "data" / "recordings.csv").read_text().splitlines()
    assert rows[0].endswith("remark")
    assert all(row.endswith(",") for row in rows[1:])


def test_the_notebook_has_the_series_resistances_of_the_simulation(project: Path) -> None:
    """By hand and by Python the same numbers come into the table."""
    cells, resistances, percents = (line.split()[-8:] for line in NOTEBOOK.splitlines())
    with (project / "data" / "recordings.csv").open(encoding="utf-8", newline="") as file:
        simulated = {
            (row["cell"], float(row["series_resistance_MOhm"]), float(row["compensation_percent"]))
            for row in csv.DictReader(file)
        }
    assert set(zip(cells, map(float, resistances), map(float, percents), strict=True)) == simulated


def test_the_truth_is_as_shown_and_within_the_intervals(project: Path) -> None:
    assert TRUTH in (project / "data" / "truth.yaml").read_text(encoding="utf-8")
    truth = yaml.safe_load(TRUTH)["ratios"]
    intervals = re.findall(r"^  (\w+)/Na .*\[([\d.]+), ([\d.]+)\]", ENDING, re.MULTILINE)
    assert {ion for ion, _, _ in intervals} == truth.keys() - {"Na"}
    assert all(float(low) < truth[ion] < float(high) for ion, low, high in intervals)


def test_the_run_ends_as_shown(demonstration) -> None:
    assert (demonstration.folder / "data" / "solutions.csv").read_text(encoding="utf-8") == SOLUTIONS
    said = demonstration.said.splitlines()
    assert [line for line in ENDING.splitlines() if line not in said] == []


def test_the_lines_of_python_make_figures_and_find_the_truth(
    demonstration, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demonstration.folder / "results", tmp_path / "mine" / "results")
    for command in COMMANDS[5:]:
        done = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
        assert len(done.output.splitlines()) == 4, done.output
    (tmp_path / "practice" / "data").mkdir(parents=True)
    shutil.copy(project / "data" / "truth.yaml", tmp_path / "practice" / "data")
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        for block in EVALUATE:
            exec(compile(block, str(TUTORIAL), "exec"), names)
    assert printed.getvalue() == PRINTED
    for name in ("ratios.svg", "potentials.svg"):
        assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")
