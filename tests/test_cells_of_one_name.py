"""Cells of one name and recordings of one content, as `check` tells them before a run and warnings.csv after it."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from experiments import run_stages

from nernstfit.commands.main import main
from nernstfit.judgement.cells_of_one_name import by_day, stray

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = (PROJECT / "config" / "config.yaml").read_text(encoding="utf-8")
HOUR = 3600
EARLY, LATE = (20240305, 10 * HOUR), (20240306, 11 * HOUR)
BATHS = ("control", "potassium")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "config.yaml").write_text(CONFIG, encoding="utf-8")
    shutil.copy(PROJECT / "data" / "solutions.csv", tmp_path / "data")
    return tmp_path


def recorded(folder: Path, source: str, path: str, at: tuple[int, int] = (0, 0)) -> str:
    """Put a recording of the demonstration at a path with a day (as a number, 0 for none) and a time in s."""
    content = bytearray((PROJECT / "data" / f"{source}.abf").read_bytes())
    struct.pack_into("<II", content, 16, at[0], 1000 * at[1])
    place = folder / "data" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return f"data/{path}"


def written(folder: Path, rows: Sequence[str], columns: str = "") -> None:
    table = "\n".join([f"recording,cell,bath,pipette{columns}", *rows]) + "\n"
    (folder / "data" / "recordings.csv").write_text(table, encoding="utf-8")


def checked(folder: Path, code: str = "cells_of_one_name") -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["check", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return [row for row in json.loads(done.output)["warnings"] if row["code"] == code]


def two_folders(folder: Path, folders: tuple[str, str], at: Mapping[int, tuple[int, int]]) -> None:
    """Write two cells of the demonstration in a folder each, under one name; times are those of the first bath."""
    rows = []
    for i, place in enumerate(folders):
        for j, bath in enumerate(BATHS):
            day, second = at[i]
            path = recorded(folder, f"c{i + 1}_{bath}", f"{place}/c1_{bath}.abf", (day, second + 60 * j * bool(day)))
            rows.append(f"{path},c1,{bath},pipette,{bath} {i}")
    written(folder, rows, ",measurement")


@pytest.mark.parametrize(
    ("folders", "at", "said"),
    [
        (("one", "two"), {0: EARLY, 1: LATE}, "2 days by the clock of the recordings: 2024-03-05 ("),
        (("2024-03-05", "2024-03-06"), {0: EARLY, 1: EARLY}, "2 days by the names of files and folders: 2024-03-05 ("),
        (("2024-03-05", "2024-03-06"), {0: (0, 0), 1: (0, 0)}, "2 days by the names of files and folders"),
        (("5 Mar 2024", "6 Mar 2024"), {0: (0, 0), 1: (0, 0)}, "2 days by the names of files and folders"),
    ],
)
def test_cells_of_two_days_under_one_name_are_told_before_the_run(
    folder: Path, folders: tuple[str, str], at: Mapping[int, tuple[int, int]], said: str
) -> None:
    two_folders(folder, folders, at)
    (told,) = checked(folder)
    assert told["severity"] == "warning"
    assert told["subject"] == "c1"
    assert f"cell c1 has {said}" in told["sentence"]
    assert all(f"data/{place}/c1_{bath}.abf" in told["sentence"] for place in folders for bath in BATHS)
    assert told["remedy"] == "give each its own name in column 'cell', such as '2024-03-05 c1' and '2024-03-06 c1'"
    assert checked(folder, "recording_differs") == []


@pytest.mark.parametrize(
    ("folders", "at"),
    [
        (("before", "before"), {0: EARLY, 1: EARLY}),
        (("2024-03-05", "2024-03-06"), {0: (20240305, 24 * HOUR - 300), 1: (20240306, 300)}),  # around midnight
    ],
)
def test_one_cell_of_one_sitting_is_told_nothing_of(
    folder: Path, folders: tuple[str, str], at: Mapping[int, tuple[int, int]]
) -> None:
    rows = []
    for i, bath in enumerate(BATHS):
        rows.append(f"{recorded(folder, f'c1_{bath}', f'{folders[i]}/{bath}.abf', at[i])},c1,{bath},pipette")
    written(folder, rows)
    assert checked(folder) == []


@pytest.mark.parametrize(("at", "severity"), [({0: (0, 0), 1: (0, 0)}, "warning"), ({0: EARLY, 1: EARLY}, "note")])
def test_one_bath_in_two_folders_is_asked_for_and_weighs_by_the_potentials_without_a_clock(
    folder: Path, at: Mapping[int, tuple[int, int]], severity: str
) -> None:
    """The potentials of the two cells differ by more than 1 mV."""
    two_folders(folder, ("a", "b"), at)
    (before,) = checked(folder)
    assert (before["severity"], before["remedy"]) == (
        "note",
        "give each its own name in column 'cell', such as 'a c1' and 'b c1'",
    )
    run_stages(folder, "judge")
    found = pd.read_csv(folder / "results" / "warnings.csv", keep_default_na=False)
    (after,) = found[found["code"] == "cells_of_one_name"].to_dict("records")
    assert (after["severity"], after["sentence"]) == (severity, before["sentence"])


@pytest.mark.parametrize(
    ("column", "values", "n"),
    [
        ("date", ("2024-03-05", "2024-03-06"), 1),
        ("date", ("2024-03-05 10:00", "2024-03-05 10:20"), 0),
        ("animal", ("m1", "m2"), 1),
        ("animal", ("m1", ""), 0),
        ("drug", ("none", "TTX"), 0),
    ],
)
def test_a_column_of_days_or_animals_has_one_value_in_a_cell(
    folder: Path, column: str, values: tuple[str, str], n: int
) -> None:
    """The same of potentials that were measured elsewhere."""
    rows = [f"{recorded(folder, f'c1_{b}', f'{b}.abf')},c1,{b},pipette,{v}" for b, v in zip(BATHS, values, strict=True)]
    written(folder, rows, f",{column}")
    told = [checked(folder)]
    typed = [f"c1,{b},pipette,{i - 5.13},.4,{v}" for i, (b, v) in enumerate(zip(BATHS, values, strict=True))]
    table = "\n".join([f"cell,bath,pipette,reversal_mV,se_mV,{column}", *typed]) + "\n"
    (folder / "data" / "reversals.csv").write_text(table, encoding="utf-8")
    config = CONFIG.replace("recordings: data/recordings.csv", "reversals: data/reversals.csv")
    assert config != CONFIG
    (folder / "config" / "config.yaml").write_text(config, encoding="utf-8")
    told.append(checked(folder))
    assert [len(each) for each in told] == [n, n]
    assert all(f"values of column '{column}'" in row["sentence"] for each in told for row in each)


def test_one_recording_of_another_day_has_rather_the_wrong_cell(folder: Path) -> None:
    baths = ("control", "potassium", "caesium")
    days = (EARLY, (EARLY[0], EARLY[1] + 60), LATE)
    paths = [recorded(folder, f"c1_{bath}", f"{bath}.abf", at) for bath, at in zip(baths, days, strict=True)]
    written(folder, [f"{path},c1,{bath},pipette" for path, bath in zip(paths, baths, strict=True)])
    assert checked(folder) == []
    (told,) = checked(folder, "recording_differs")
    assert told["sentence"].endswith("of cell c1: 2024-03-06 for 2024-03-05")


def test_a_long_night_is_one_sitting_and_one_recording_beside_two_is_stray() -> None:
    day = 739_000 * 86_400.0
    night = {"a": day + 20 * HOUR, "b": day + 26 * HOUR, "c": day + 33 * HOUR}
    assert len(set(by_day(night).values())) == 1
    assert stray(by_day(night | {"d": day + 60 * HOUR})) == "d"
    assert stray(by_day({"a": day, "b": day + 48 * HOUR})) == ""
    assert stray(by_day({"a": day, "b": day, "c": day + 48 * HOUR, "d": day + 48 * HOUR})) == ""


@pytest.mark.parametrize("same", ["bytes", "samples"])
def test_a_recording_that_is_entered_as_a_further_cell_is_told_before_the_run_as_after_it(
    folder: Path, same: str
) -> None:
    rows = [f"{recorded(folder, f'c1_{bath}', f'c1_{bath}.abf', EARLY)},c1,{bath},pipette" for bath in BATHS]
    at = EARLY if same == "bytes" else LATE
    rows.append(f"{recorded(folder, 'c1_control', 'copy.abf', at)},c9,control,pipette")
    written(folder, rows)
    (told,) = checked(folder, "duplicate_recordings")
    how = {"bytes": "equal bytes", "samples": "equal samples under different headers"}[same]
    assert told["sentence"] == (
        f"data/c1_control.abf (cell c1, bath control) and data/copy.abf (cell c9, bath control) have {how}: copies of "
        "one recording?"
    )
    assert "data/recordings.csv: data/c1_control.abf" in CliRunner().invoke(main, ["check", str(folder)]).output
    run_stages(folder, "judge")
    found = pd.read_csv(folder / "results" / "warnings.csv", keep_default_na=False)
    assert told in found.to_dict("records")
