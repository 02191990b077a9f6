"""The Python interface: the numbers of commands and workflow, and the same sentences where something is wrong."""

from __future__ import annotations

import doctest
import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nernstfit

PROJECT = Path(__file__).resolve().parents[1]
RECORDING = str(PROJECT / "data" / "c1_control.abf")


def by_command(*words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "nernstfit", *words, "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_importing_it_imports_no_library() -> None:
    heavy = "print(sorted({'pandas', 'numpy', 'scipy', 'lmfit', 'click', 'yaml'} & set(sys.modules)))"
    code = f"import sys, nernstfit; dir(nernstfit); nernstfit.InputError; {heavy}"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", nernstfit.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(nernstfit, name).__doc__
    assert name in dir(nernstfit)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'meassure'"):
        nernstfit.meassure  # noqa: B018


@pytest.mark.parametrize("module", ["fitting", "interface", "measurement", "results"])
def test_the_examples_hold(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert doctest.testmod(importlib.import_module(f"nernstfit.library.{module}")).failed == 0


def test_a_measurement_is_that_of_the_command() -> None:
    found = nernstfit.measure(RECORDING, epoch="B", from_ms=20, to_ms=60, series_resistance_MOhm=3, sweeps="0-15")
    words = ("--epoch", "B", "--from-ms", "20", "--to-ms", "60", "--series-resistance-MOhm", "3", "--sweeps", "0-15")
    printed = by_command("measure", RECORDING, *words)
    assert list(printed.pop("warnings")) == found.warnings.to_dict("records")
    for name, value in found.values.items():
        assert printed[name] == (None if value != value else value), name
    assert found.verdict == "reversal"
    assert found.low_mV < found.reversal_mV < found.high_mV
    assert len(found.iv) == 16
    assert f"{found.reversal_mV:.2f} mV" in repr(found)


def test_a_notebook_shows_a_measurement_and_a_file_holds_it(tmp_path: Path) -> None:
    drawing = nernstfit.measure(RECORDING).plot()
    assert set(drawing._repr_mimebundle_()) == {"image/svg+xml", "image/png"}
    drawing.save(tmp_path / "one.png")
    drawing.save(tmp_path / "one.svg")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_text().startswith("<svg")
    with pytest.raises(nernstfit.InputError, match=r"ends in \.svg or \.png"):
        drawing.save(tmp_path / "one.jpg")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"epok": "B"}, "got the key 'epok'; the nearest is 'epoch'"),
        ({"from_ms": -3}, "from_ms: got -3"),
        ({"sweeps": "4-2"}, "sweeps: got '4-2'"),
        ({"subtract": "x.abf"}, "subtract: the file of a background and leak background go together"),
        ({"temperature_C": "warm"}, "temperature_C: got 'warm'"),
        ({"capacitance_pF": -5}, "capacitance_pF: got -5"),
        ({"configuration": "whole cell"}, "configuration: got 'whole cell'"),
    ],
)
def test_a_fault_of_a_key_is_an_input_error(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(nernstfit.InputError) as caught:
        nernstfit.measure(RECORDING, **keys)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [None, b"this is not a recording", b""])
def test_a_file_that_cannot_be_used_is_a_recording_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "one.abf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(nernstfit.RecordingError, match=r"one\.abf") as caught:
        nernstfit.measure(path)
    assert str(caught.value).count("one.abf") == 1


def test_potentials_are_those_of_the_commands() -> None:
    inside, outside = {"KCl": 140, "HEPES": 10, "pH": 7.2, "titrant": "KOH"}, {"NaCl": 150, "CaCl2": 2}
    texts = [",".join(f"{name}={value}" for name, value in side.items()) for side in (inside, outside)]
    (row,) = by_command("nernst", "Ca", "--outside-mM", "2", "--inside-mM", "0.0001")
    assert nernstfit.nernst("Ca", 2, 0.0001) == pytest.approx(row["potential_mV"], rel=1e-12)
    printed = by_command("ghk", "--ratio", "K=1,Na=0.1", "--inside", texts[0], "--outside", texts[1])
    assert nernstfit.ghk({"K": 1, "Na": 0.1}, inside, outside) == pytest.approx(printed["potential_mV"], rel=1e-12)
    words = ("junction", *texts, "--method", "nernst-planck", "--basis", "concentration")
    found = by_command(*words)
    (row,) = found["junction"] if isinstance(found, dict) else found
    given = {"method": "nernst-planck", "basis": "concentration"}
    assert nernstfit.junction(inside, outside, **given) == pytest.approx(row["nernst_planck_mV"], rel=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nernstfit.nernst("Kx", 5, 140), "ion: got 'Kx', which is no known ion; the nearest is 'K'"),
        (lambda: nernstfit.nernst("K", 0, 140), "outside_mM: got 0"),
        (lambda: nernstfit.nernst("K", math.nan, 140), "outside_mM: got nan"),
        (lambda: nernstfit.junction({"KCI": 140}, {"NaCl": 150}), "'KCI' is no ion, salt or uncharged substance"),
        (lambda: nernstfit.junction({"KCl": 1}, {"NaCl": 1}, method="hendersen"), "the nearest is 'henderson'"),
        (lambda: nernstfit.junction({"KCl": 1}, {"NaCl": 1}, basis="activities"), "the nearest is 'activity'"),
        (lambda: nernstfit.junction({"glucose": 1}, {"NaCl": 1}), "contains no ion"),
        (lambda: nernstfit.activities({"NaCl": 1}, model="pitser"), "model: got 'pitser'"),
        (lambda: nernstfit.activities({"NaCl": -1}), "NaCl"),
        (lambda: nernstfit.ghk({"K": 2.0}, {"KCl": 1}, {"KCl": 1}), "ratios: "),
        (lambda: nernstfit.ghk({"K": 1}, {"KCI": 1}, {"KCl": 1}), "inside: "),
        (lambda: nernstfit.load("nowhere"), "file not found"),
    ],
)
def test_faults_of_numbers_are_sentences(call: Any, words: str) -> None:
    with pytest.raises(nernstfit.InputError) as caught:
        call()
    assert words in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    inside, outside = {"KCl": np.float64(140)}, {"NaCl": np.int64(150)}
    ratios = {"K": np.float64(1), "Na": np.float32(0.5)}
    assert nernstfit.ghk(ratios, inside, outside) == nernstfit.ghk({"K": 1, "Na": 0.5}, {"KCl": 140}, {"NaCl": 150})
    assert nernstfit.junction(inside, outside) == nernstfit.junction({"KCl": 140}, {"NaCl": 150})


def test_activities_of_a_table_are_those_of_each_solution() -> None:
    table = pd.DataFrame({"solution": ["one", "two"], "NaCl": [150.0, 15.0], "KCl": [math.nan, 5.0]})
    both = nernstfit.activities(table).set_index(["solution", "ion"])["activity_mM"]
    alone = nernstfit.activities({"NaCl": 15, "KCl": 5}).set_index("ion")["activity_mM"]
    assert both["one"].index.tolist() == ["Cl", "Na"]
    pd.testing.assert_series_equal(both["two"], alone)


def test_a_plan_is_that_of_the_command() -> None:
    found = nernstfit.plan(PROJECT, simulations=0, cells=6)
    printed = by_command("plan", str(PROJECT), "--simulations", "0", "--cells", "6")
    assert found.ratios["ion"].tolist() == [row["ion"] for row in printed["ratios"]]
    assert found.ratios["low"].tolist() == pytest.approx([row["low"] for row in printed["ratios"]])
    assert list(found.notes) == printed["notes"]
    assert found.assumed["cells"] == 6


def test_the_notebook_shows_what_its_cells_give(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROJECT / "docs" / "notebook.py", tmp_path], check=True)
    written = (tmp_path / "example.ipynb").read_text(encoding="utf-8")
    assert written == (PROJECT / "docs" / "example.ipynb").read_text(encoding="utf-8")
    shown = [output for cell in json.loads(written)["cells"] for output in cell.get("outputs", [])]
    assert len(shown) >= 8
    assert all(output["data"]["text/plain"] for output in shown)
