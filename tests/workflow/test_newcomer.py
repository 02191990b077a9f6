"""The way of a newcomer: from a folder of recordings to a report, without any epoch or window typed."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from drafts import answered

from nernstfit.commands.main import main


def called(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def archive(project: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Return a folder with the recordings of two cells, and the baths of those whose names do not say them."""
    baths = {}
    for number, path in enumerate(sorted((project / "data").glob("c[12]_*.abf"))):
        cell, bath = path.stem.split("_", 1)
        name = path.name if cell == "c1" else f"{cell}_{number:04d}.abf"
        target = tmp_path / "archive" / cell / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        baths |= {} if cell == "c1" else {f"data/{cell}/{name}": bath}
    return tmp_path / "archive", baths


def completed(table: Path, baths: dict[str, str]) -> int:
    """Enter the baths for which remarks ask; returns the number of rows."""
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        assert ("bath:" in row["remark"]) == (row["recording"] in baths)
        row |= {"bath": baths.get(row["recording"], row["bath"]), "remark": ""}
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def test_a_newcomer_gets_from_recordings_to_a_report(
    archive: tuple[Path, dict[str, str]], project: Path, tmp_path: Path, run_workflow: Callable
) -> None:
    recordings, baths = archive
    folder = tmp_path / "mine"
    done = called("init", str(folder), "--from", str(recordings))
    assert done.exit_code == 0, done.output
    assert f"{len(baths)} with a remark" in done.output
    assert called("check", str(folder)).exit_code == 1
    n = completed(folder / "data" / "recordings.csv", baths)
    answered(folder)
    done = called("check", str(folder), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["recordings"] == {"used": n, "refused": 0, "excluded": 0}
    assert {row["window"] for row in found["measurements"]} == {"60 to 95 %"}
    assert {row["command_source"] for row in found["measurements"]} == {"header"}
    assert {row["solution"] for row in found["solutions"]} >= {"control", "pipette", "bridge"}
    run = run_workflow(folder, "--json", verbose=False)
    assert run.status == 0, run.said
    outcome = json.loads(run.said)  # nothing else is printed
    truth = yaml.safe_load((project / "data" / "truth.yaml").read_text())["ratios"]
    ratios = {row["ion"]: row for row in outcome["ratios"]}
    for ion in ("K", "Cs"):
        assert ratios[ion]["low"] < truth[ion] < ratios[ion]["high"]
    assert Path(outcome["report"]).stat().st_size > 100_000
    assert called("report", str(folder)).stdout.endswith(f"Report: {outcome['report']}\n")
    assert called("verify", str(folder)).exit_code == 0
