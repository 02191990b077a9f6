"""The workflow as users run it: a subprocess in an experiment folder.

Such a run takes some 22 s of processor time, most of it for imports in ten processes. It is for what Snakemake and the
rules do: which jobs run, in which order, what is told, what is left behind. For the content of results there is
`run_in_process`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from experiments import WAS_RUN, run_stages

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """A finished run of the workflow."""

    folder: Path
    status: int
    said: str

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables as text, the empty cell ''."""
        return pd.read_csv(self.folder / "results" / f"{name}.csv", dtype=str, keep_default_na=False)

    def numbers(self, name: str) -> pd.DataFrame:
        """One of its tables, numbers as numbers."""
        return pd.read_csv(self.folder / "results" / f"{name}.csv")

    @property
    def jobs(self) -> set[str]:
        """Rules of the jobs that were to be done, or in a dry run would be."""
        return set(re.findall(r"^(\w+) +\d+$", self.said, re.MULTILINE)) - {"default", "all", "total"}


def command(*words: str) -> list[str]:
    """Return the command `nernstfit` of this environment with its arguments."""
    return [sys.executable, "-m", "nernstfit", *words]


def run(folder: Path, *options: str, python: Path | None = None, verbose: bool = True) -> Run:
    """Run the workflow in a folder as `nernstfit run` does, of this environment or of another Python."""
    options += ("--verbose",) if verbose else ()
    away = ("PYTEST",) if python is None else ("PYTEST", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    # As a console script starts: without the folder where it is called among the places of modules.
    safe = () if python is None else ("-P",)
    words = [str(python or sys.executable), *safe, "-m", "nernstfit", "run", str(folder), *options]
    place = None if python is None else folder  # not in the clone, whose package would come first
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=place, check=False)
    return Run(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def run_workflow() -> Callable[..., Run]:
    return run


@pytest.fixture(scope="session")
def run_in_process() -> Callable[..., Run]:
    """Run the stages in a folder one after the other, up to one of them, without Snakemake."""

    def finished(folder: Path, last: str = "report") -> Run:
        run_stages(folder, last)
        return Run(folder, 0, "")

    return finished


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def demonstration_copy() -> Callable[[Path], Path]:
    """Copy the demonstration's inputs to a folder."""

    def copy(folder: Path) -> Path:
        for part in ("config", "data"):
            shutil.copytree(PROJECT / part, folder / part)
        return folder

    return copy


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package as a wheel in an environment without the clone; the packages that it needs are this one's."""
    place = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    venv.create(place / "environment")
    python = place / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    # The clone's own package is in this environment by a .pth file, which does not count in a folder named by another.
    own = Path(sysconfig.get_path("purelib", vars={"base": str(place / "environment")}))
    (own / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="session")
def demonstration(
    tmp_path_factory: pytest.TempPathFactory, demonstration_copy: Callable[[Path], Path], installed: Path
) -> Run:
    """The demonstration, run once from clean on two cores, by the wheel, in a folder with code and a profile."""
    folder = demonstration_copy(tmp_path_factory.mktemp("demonstration") / "one")
    for name in ("yaml", "json", "jinja2", "click", "nernstfit"):
        (folder / f"{name}.py").write_text(f"open({str(folder / WAS_RUN)!r}, 'w')\nraise SystemExit({name!r})\n")
    for place in ("default", "profiles/default"):
        (folder / place).mkdir(parents=True)
        (folder / place / "config.yaml").write_text("config: ['temperature_C=37']\n")
    finished = run(folder, "--cores", "2", python=installed, verbose=False)
    assert finished.status == 0, finished.said
    return finished


@pytest.fixture(scope="session")
def command_line() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of the project."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*words), capture_output=True, text=True, check=False)

    return call


@pytest.fixture(scope="session")
def started_command() -> Callable[..., subprocess.Popen[str]]:
    """Start a command of the project in a process group of its own."""

    def start(*words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command(*words), stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    return start


@pytest.fixture(scope="session")
def snakemake_words() -> list[str]:
    return [sys.executable, "-m", "snakemake"]


@pytest.fixture(scope="session")
def snakemake(snakemake_words: list[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run snakemake itself."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*snakemake_words, *words], capture_output=True, text=True, check=False)

    return call
