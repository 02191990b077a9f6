"""The description of an experiment folder as an RO-Crate, read by the library that the community keeps for it."""

from __future__ import annotations

import csv
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

import pandas as pd
import pytest
from click.testing import CliRunner
from experiments import run_stages
from rocrate.rocrate import ROCrate

from nernstfit.commands.main import main
from nernstfit.contract.files import CRATE, sha256_of
from nernstfit.report.crate import crate
from nernstfit.simulate import experiment as simulation

TITLE = 'Ratios of <b>wild type</b> & "mutant" {x}'
RECORDING = "data/c1 #1 <b>.abf"


def experiment(folder: Path) -> Path:
    """Run a simulated experiment of two cells, with markup in its title and in the name of a recording."""
    with mock.patch.object(simulation, "CELLS", 2):
        simulation.simulate(folder)
    config = folder / "config" / "config.yaml"
    config.write_text(f"title: '{TITLE}'\nlicense: CC-BY-4.0\n{config.read_text()}")
    place = folder / "data" / "recordings.csv"
    with place.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (folder / rows[0]["recording"]).rename(folder / RECORDING)
    rows[0]["recording"] = RECORDING
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run_stages(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return experiment(tmp_path_factory.mktemp("crate"))


@pytest.fixture(scope="module")
def read(folder: Path) -> ROCrate:
    return ROCrate(folder)


def test_the_root_says_what_a_repository_asks_for(read: ROCrate) -> None:
    root = read.root_dataset
    assert (root["name"], root["datePublished"]) == (TITLE, "2020-01-01")  # the day of the simulated recordings
    assert root["description"].startswith("Recordings, solutions and results of a run of nernstfit")
    assert root["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    assert read.metadata["conformsTo"] == "https://w3id.org/ro/crate/1.2"
    assert root["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    assert root["conformsTo"]["version"] == "0.5"


def test_every_file_that_is_named_exists_with_its_digest(folder: Path, read: ROCrate) -> None:
    paths = {unquote(entity.id): entity for entity in read.data_entities}
    written = {path.relative_to(folder).as_posix() for path in (folder / "results").glob("*.*")}
    written |= {path.relative_to(folder).as_posix() for path in (folder / "results" / "figures").iterdir()}
    written |= {path.relative_to(folder).as_posix() for path in (folder / "results").rglob("*.parquet")}
    given = {path.relative_to(folder).as_posix() for name in ("config", "data") for path in (folder / name).iterdir()}
    assert set(paths) == written | given
    assert RECORDING in paths
    for path, entity in paths.items():
        assert entity["sha256"] == sha256_of(folder / path), path
        assert entity["name"] == path
    assert paths["results/report.html"]["encodingFormat"] == "text/html"


def test_the_run_has_its_program_what_it_read_and_what_it_wrote(folder: Path, read: ROCrate) -> None:
    (run,) = read.root_dataset["mentions"]
    assert run.type == "CreateAction"
    assert run["instrument"].type == "SoftwareApplication"
    assert (run["instrument"]["name"], run["instrument"]["softwareVersion"]) == ("nernstfit", version("nernstfit"))
    assert {each["name"] for each in run["instrument"]["softwareRequirements"]} >= {"python", "lmfit", "pyabf"}
    read_files, written = ({unquote(each.id) for each in run[kind]} for kind in ("object", "result"))
    assert {"config/config.yaml", "data/solutions.csv", RECORDING} <= read_files
    assert {"results/permeabilities.csv", "results/methods.txt", "results/manifest.json"} <= written
    assert read_files | written == {unquote(entity.id) for entity in read.data_entities}


def test_the_same_experiment_elsewhere_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = experiment(tmp_path / "another place")
    assert (again / CRATE).read_bytes() == (folder / CRATE).read_bytes()


CONTENT = {
    "inputs": {"data/reversals.csv": "a" * 64, "data/lost.abf": ""},
    "outputs": {},
    "versions": {"nernstfit": "1.0", "python": "3.11", "snakemake": "not installed"},
    "config": {"title": None, "license": None},
}


def described(license_of_data: str | None = None) -> dict[str, dict[str, object]]:
    """Entities of a crate without recordings, by their identifiers."""
    content = {**CONTENT, "config": {"title": None, "license": license_of_data}}
    return {entity["@id"]: entity for entity in crate(content, "b" * 64, pd.DataFrame())["@graph"]}


def test_what_is_not_known_is_left_out() -> None:
    found = described()
    assert not {"datePublished", "license"} & set(found["./"])
    assert "sha256" not in found["data/lost.abf"]
    assert "#snakemake" not in found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("CC0-1.0", {"@id": "https://spdx.org/licenses/CC0-1.0"}),
        ("https://example.org/terms", {"@id": "https://example.org/terms"}),
        ("for <b>members</b> only", "for <b>members</b> only"),
    ],
)
def test_a_licence_is_an_identifier_an_address_or_words(given: str, expected: object) -> None:
    found = described(given)
    assert found["./"]["license"] == expected
    assert not isinstance(expected, dict) or found[expected["@id"]]["name"] == given


def test_a_description_by_another_program_is_not_replaced(tmp_path: Path) -> None:
    with mock.patch.object(simulation, "CELLS", 1):
        simulation.simulate(tmp_path)
    (tmp_path / CRATE).write_text('{"@graph": []}')
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 1
    assert f"{CRATE}: got one that another program wrote, expected none" in done.output
    assert (tmp_path / CRATE).read_text() == '{"@graph": []}'


def test_its_own_description_is_replaced(folder: Path) -> None:
    assert CliRunner().invoke(main, ["check", str(folder)]).exit_code == 0


def test_the_library_is_imported_where_it_is_needed() -> None:
    code = "import sys, nernstfit.stages.report; sys.exit('rocrate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
