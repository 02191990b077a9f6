"""What catalog, conda and container ask of the repository: the files are there and agree with pyproject.toml."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LEAST_PYTHON = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"].lstrip(">=")


def test_the_catalog_finds_what_it_lists_as_standardized_usage() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert "nernstfit" in usage["mandatory-flags"]["desc"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "config" / "README.md").is_file()
    rules = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "workflow").rglob("*") if path.suffix == ".smk"
    )
    deployed = usage["software-stack-deployment"]
    assert deployed.pop("report") == ("report(" in rules)
    assert deployed == {
        "conda": bool(re.search(r"^ +conda:", rules, re.MULTILINE)),
        "apptainer": bool(re.search(r"^ +container:", rules, re.MULTILINE)),
        "apptainer+conda": False,
    }


def test_conda_and_container_have_the_python_of_the_locked_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    assert (python, pip, packages) == (f"python={LEAST_PYTHON}", "pip", {"pip": [".[workflow]"]})
    assert re.findall(r"^FROM (.*)$", DOCKERFILE, re.MULTILINE) == [f"python:{LEAST_PYTHON}-slim"]
    assert f"--python-version {LEAST_PYTHON}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_what_the_container_copies_makes_the_whole_package(tmp_path: Path) -> None:
    copied = tmp_path / "image"
    copied.mkdir()
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *paths, place = shlex.split(line)
        for path in paths:
            if (ROOT / path).is_dir():
                shutil.copytree(ROOT / path, copied / place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / path, copied / place)
    contents = []
    for place in (ROOT, copied):
        out = tmp_path / f"wheel of {place.name}"
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
        subprocess.run(build, cwd=place, check=True, capture_output=True)
        (wheel,) = out.glob("*.whl")
        contents.append(set(zipfile.ZipFile(wheel).namelist()))
    assert contents[1] == contents[0]
    assert "nernstfit/project/workflow/report/permeabilities.rst" in contents[0]


def test_the_description_of_the_package_has_no_link_that_an_index_cannot_follow() -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"(!?)\[([^\]]*)\]\(([^)]*)\)", readme)
    assert ("!", "docs/report.png") in {(picture, path) for picture, _, path in links}
    assert all((ROOT / path.partition("#")[0]).exists() for *_, path in links if "://" not in path)
    bare = module.description(readme)
    assert not re.findall(r"\]\((?!https)", bare)
    assert all(words in bare for picture, words, _ in links if not picture)
    full = module.description(readme, "https://host.example/nernstfit")
    assert (
        "![First page of the report of the demonstration](https://host.example/nernstfit/raw/main/docs/report.png)"
        in full
    )
    assert "[tutorial](https://host.example/nernstfit/blob/main/docs/tutorial.md)" in full
    assert len(re.findall(r"\]\(https", full)) == len(links)


def test_indices_accept_what_is_built(tmp_path: Path) -> None:
    """The commands of `make dist`."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)], cwd=ROOT, check=True)
    built = sorted(tmp_path.iterdir())
    assert [path.suffix for path in built] == [".whl", ".gz"]
    for check in (["twine", "check", "--strict", *map(str, built)], ["check_wheel_contents", str(built[0])]):
        done = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
