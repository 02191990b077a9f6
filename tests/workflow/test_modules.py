"""The workflow as a module of other workflows: two experiments in one, deployed, and in Snakemake's own report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiments import run_stages

from nernstfit.contract import tables
from nernstfit.contract.settings import CONFIG_FILE
from nernstfit.simulate.experiment import simulate

PROJECT = Path(__file__).resolve().parents[2]
# The example of the documentation: one module reads the configuration of its experiment, the other is given it.
(SNAKEFILE,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "install.md").read_text("utf-8"), re.DOTALL)
PLACE = '"path/to/nernstfit/workflow/Snakefile"'
TEXTS = tuple(f"results/{name}" for name in ("report.html", "methods.txt", "fit_report.txt"))
HOMES = {name: f"experiments/{name}" for name in ("wild_type", "mutant")}
REPOSITORY, TAG, HOST = "owner/nernstfit", "v0", "https://github.com/"
# As `snakedeploy deploy-workflow` (0.17) writes it into workflow/Snakefile.
DEPLOYED = f"""
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare {HOST}{REPOSITORY} as a module
module nernstfit:
    snakefile:
        github("{REPOSITORY}", path="workflow/Snakefile", tag="{TAG}")
    config:
        config


# use all rules from {HOST}{REPOSITORY}
use rule * from nernstfit
"""
UNREACHABLE = "http://127.0.0.1:9"
SNAKEMAKE = Callable[..., subprocess.CompletedProcess[str]]


RECORDED = ("control", "potassium", "low_chloride")
POTENTIALS = "cell,bath,pipette,reversal_mV,se_mV\n" + "".join(
    f"{cell},{bath},pipette,{potential + shift},0.3\n"
    for cell, shift in (("a", 0.0), ("b", 0.7))
    for bath, potential in (("control", 1.2), ("potassium", 2.9))
)


def with_recordings(folder: Path) -> Path:
    """Simulate two cells in three baths."""
    simulate(folder, seed=1)
    table = folder / "data" / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    kept = [row for row in rows if re.match(rf"data/c[12]_({'|'.join(RECORDED)})\.", row)]
    assert len(kept) == 2 * len(RECORDED)
    table.write_text("\n".join([header, *kept]) + "\n")
    write(folder, read(folder) | {"plan": {}, "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cl"]}})
    return folder


def with_potentials(folder: Path, solutions: Path) -> Path:
    """Write two cells in two baths whose potentials were measured elsewhere."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(solutions, folder / "data")
    (folder / "data" / "reversals.csv").write_text(POTENTIALS)
    fit = {"reference_ion": "Na", "permeant": ["Na", "K"]}
    write(folder, {"reversals": "data/reversals.csv", "junction": {"method": "none"}, "fit": fit})
    return folder


def write(folder: Path, config: Mapping[str, Any]) -> None:
    (folder / CONFIG_FILE).parent.mkdir(exist_ok=True)
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(dict(config)))


def read(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((folder / CONFIG_FILE).read_text())
    return config


@pytest.fixture(scope="module")
def snakemake_in(snakemake_words: list[str]) -> SNAKEMAKE:
    """Run snakemake in a folder without network, for it may not fetch anything."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= dict.fromkeys(("http_proxy", "https_proxy"), UNREACHABLE)

    def call(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        every = [*snakemake_words, "--cores", "2", *words]
        return subprocess.run(every, capture_output=True, text=True, cwd=folder, env=environment | more, check=False)

    return call


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two experiments, each run by itself."""
    place = tmp_path_factory.mktemp("plain")
    one = with_recordings(place / "one")
    two = with_potentials(place / "two", one / "data" / "solutions.csv")
    for folder in (one, two):
        run_stages(folder)
    return {"wild_type": one, "mutant": two}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, plain: Mapping[str, Path], snakemake_in: SNAKEMAKE) -> Path:
    """The same experiments in one workflow, run."""
    place = tmp_path_factory.mktemp("both")
    for name, home in HOMES.items():
        shutil.copytree(plain[name], place / home, ignore=shutil.ignore_patterns("results"))
    write(place, {"mutant": read(place / HOMES["mutant"])})
    shutil.rmtree(place / HOMES["mutant"] / "config")
    assert SNAKEFILE.count(PLACE) == 2
    (place / "Snakefile").write_text(SNAKEFILE.replace(PLACE, f'"{PROJECT / "workflow" / "Snakefile"}"'))
    done = snakemake_in(place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def contents(home: Path) -> dict[str, bytes]:
    """Return every result; what Snakemake and the cache of digests write for themselves does not count."""
    results = home / "results"
    files = [path.relative_to(home).as_posix() for path in results.rglob("*") if path.is_file() and path.name[0] != "."]
    own = ("results/ingest/reads/", "results/ingest/made/", "results/ingest/finished.txt")
    return {path: (home / path).read_bytes() for path in files if not path.startswith(own)}


def test_an_experiment_of_several_has_the_results_of_a_run_by_itself(both: Path, plain: Mapping[str, Path]) -> None:
    alone = {name: contents(folder) for name, folder in plain.items()}
    together = {name: contents(both / home) for name, home in HOMES.items()}
    assert len(together["wild_type"]) > len(tables.paths(tables.RESULT))
    assert together["wild_type"] == alone["wild_type"]
    # What was handed over has no file in the experiment whose digest manifest and report could hold.
    inputs = [json.loads(found["mutant"]["results/manifest.json"])["inputs"] for found in (alone, together)]
    assert inputs[1] | {CONFIG_FILE: inputs[0][CONFIG_FILE]} == inputs[0]
    assert CONFIG_FILE not in inputs[1]
    others = [
        {
            path: of
            for path, of in found["mutant"].items()
            if path not in ("results/manifest.json", "results/report.html")
        }
        for found in (alone, together)
    ]
    assert others[1] == others[0]


def test_nothing_is_left_beside_the_experiments(both: Path) -> None:
    assert {path.name for path in both.iterdir() if path.name[0] != "."} == {"Snakefile", "config", "experiments"}
    for home in HOMES.values():
        assert {path.name for path in (both / home).iterdir()} >= {"data", "logs", "results"}


def test_nothing_is_to_be_done_again(both: Path, snakemake_in: SNAKEMAKE) -> None:
    assert "Nothing to be done" in snakemake_in(both, "--dry-run").stdout


def test_the_report_of_snakemake_holds_every_result_with_a_caption(both: Path, snakemake_in: SNAKEMAKE) -> None:
    done = snakemake_in(both, "--report", "report.html")
    page = (both / "report.html").read_text(encoding="utf-8")
    (both / "report.html").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    results, categories = (
        json.JSONDecoder().raw_decode(page, page.index(f"    var {name} = {{") + len(f"    var {name} = "))[0]
        for name in ("results", "categories")
    )
    for home in HOMES.values():
        shown = {path for of in categories.values() for path in of[home]}
        figures = {path.relative_to(both).as_posix() for path in (both / home / "results" / "figures").glob("*.svg")}
        written = [*tables.paths(tables.RESULT), *TEXTS]
        assert shown == {*figures, *(f"{home}/{path}" for path in written)}
    assert set(results) == {path for of in categories.values() for home in of.values() for path in home}
    for path, result in results.items():
        assert len(re.sub("<[^>]*>", "", result["caption"]).strip()) > 20, path
        assert "system-message" not in result["caption"], path


@pytest.fixture
def mirrored(tmp_path: Path) -> dict[str, str]:
    """Make a repository of the workflow, and return the variables under which git takes it for the public one."""
    repository = tmp_path / "mirror" / REPOSITORY
    shutil.copytree(PROJECT / "workflow", repository / "workflow")
    author = ("-c", "user.name=nernstfit", "-c", "user.email=nernstfit")
    for words in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "-m", "workflow"), ("tag", TAG)):
        subprocess.run(["git", *words], cwd=repository, check=True)
    rewritten = {"GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'mirror').as_uri()}/.insteadOf", "GIT_CONFIG_VALUE_0": HOST}
    return rewritten | {"GIT_CONFIG_COUNT": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_deployed_folder_tells_what_it_lacks_and_then_runs(
    tmp_path: Path, snakemake_in: SNAKEMAKE, mirrored: Mapping[str, str], plain: Mapping[str, Path]
) -> None:
    """`nernstfit` is the name of the module too, and its files come out of a cache without the package beside them."""
    folder = tmp_path / "deployed"
    shutil.copytree(PROJECT / "config", folder / "config")
    (folder / "workflow").mkdir()
    (folder / "workflow" / "Snakefile").write_text(DEPLOYED)
    done = snakemake_in(folder, "--dry-run", **mirrored)
    assert done.returncode != 0
    assert "data/solutions.csv: file not found" in done.stdout + done.stderr
    shutil.copytree(plain["mutant"], folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
    done = snakemake_in(folder, "results/reversal_potentials.csv", **mirrored)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("solutions", "junctions", "reversal_potentials"):
        path = Path("results", f"{name}.csv")
        assert (folder / path).read_bytes() == (plain["mutant"] / path).read_bytes()
