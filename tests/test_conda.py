"""The conda recipe: the requirements of the package, and the rules of conda-forge's linter that concern such a recipe.

The linter itself (conda-smithy) is no Python package of its own: its rules for a `noarch: python` recipe are written
out here, each with the sentence that it would print.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ORDER = ("package", "source", "build", "requirements", "test", "about", "extra")
KEYS = {
    "package": {"name", "version"},
    "source": {"path", "url", "sha256"},
    "build": {"number", "noarch", "script", "entry_points"},
    "requirements": {"host", "run"},
    "test": {"imports", "requires", "commands"},
    "about": {"home", "summary", "license", "license_file", "dev_url", "doc_url"},
    "extra": {"recipe-maintainers"},
}
# What only those who publish the package can fill in.
OF_PUBLISHERS = {"about/home is missing", "extra/recipe-maintainers is missing"}


def rendered(recipe: str) -> dict[str, Any]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return yaml.safe_load(environment.from_string(recipe).render(PYTHON="python"))


def lints(recipe: str) -> Iterator[str]:
    """Yield what conda-forge's linter asks to be changed, hints included."""
    meta = rendered(recipe)
    yield from _of_text(recipe)
    if list(meta) != [section for section in ORDER if section in meta]:
        yield "the top level keys are in an unexpected order"
    for section in meta:
        yield from (f"{section}/{key} is no valid key" for key in meta[section] if key not in KEYS.get(section, ()))
    for section, key in (
        *(("about", key) for key in ("home", "license", "summary", "license_file")),
        ("extra", "recipe-maintainers"),
        *(("build", "number"), ("test", "commands"), ("package", "version")),
    ):
        if meta.get(section, {}).get(key) in (None, "", []):
            yield f"{section}/{key} is missing"
    if not re.fullmatch(r"[a-z0-9_\-.]+", meta["package"]["name"]):
        yield "the name has invalid characters"
    if "license" in meta["about"].get("license", "").lower():
        yield "the license should not include the word license"
    yield from _of_requirements(meta)


def _of_text(recipe: str) -> Iterator[str]:
    if not recipe.endswith("\n") or recipe.endswith("\n\n"):
        yield "there should be one empty line at the end"
    for line in recipe.splitlines():
        if "{%" in line and not re.fullmatch(r"\s*\{%\sset\s[^\s]+\s=\s[^\s]+\s%\}", line):
            yield f"not the form of a definition: {line}"
        yield from (
            f"not the form of a reference: {line}"
            for var in re.findall(r"{{(.*?)}}", line)
            if var != f" {var.strip()} "
        )
        if re.search(r"#\s*\[.*\]", line):
            yield f"a noarch package cannot have selectors: {line}"


def _of_requirements(meta: dict[str, Any]) -> Iterator[str]:
    sections = {**meta["requirements"], "test": meta["test"].get("requires", [])}
    least = PROJECT["requires-python"].lstrip(">=")
    if list(meta["requirements"]) != ["host", "run"]:
        yield "host belongs before run"
    for name, requirements in sections.items():
        bad = [each for each in requirements if not re.fullmatch(r"[a-z0-9_.-]+( [><=!]*[0-9.*]+)?", each)]
        yield from (f"{name}: {each} should be 'name version'" for each in bad)
        expected = f"python >={least}" if name == "run" else f"python {least}"
        if expected not in requirements:
            yield f"{name}: expected '{expected}'"
    if meta["build"].get("noarch") != "python":
        yield "the package could be noarch"
    if "pip" in sections.get("host", []) and "hatchling" not in sections.get("host", []):
        yield "no build backend in host"


def test_the_recipe_passes_the_rules_but_for_what_publishers_know() -> None:
    found = set(lints(RECIPE))
    assert found == (set() if "urls" in PROJECT else OF_PUBLISHERS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("  license_file: LICENSE\n", ""),
        lambda text: text.replace("  number: 0\n", ""),
        lambda text: text.replace("numpy >=2.1", "numpy>=2.1"),
        lambda text: text.replace("numpy >=2.1", "numpy >= 2.1"),
        lambda text: text.replace("python >={{ python_min }}", "python"),
        lambda text: text.replace("{{ version }}", "{{version}}"),
        lambda text: text.replace("noarch: python", "noarch: python  # [unix]"),
        lambda text: text.replace("    - hatchling\n", ""),
        lambda text: text + "\n",
        lambda text: text.replace("  host:", "  build:"),
    ],
)
def test_what_the_rules_forbid_is_found(spoil: Callable[[str], str]) -> None:
    spoilt = spoil(RECIPE)
    assert spoilt != RECIPE
    assert set(lints(spoilt)) > OF_PUBLISHERS


def test_the_recipe_has_the_requirements_of_the_package() -> None:
    meta = rendered(RECIPE)
    of_package = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["workflow"]]
    on_conda = {"snakemake": "snakemake-minimal"}  # without the packages of remote storage
    expected = {
        on_conda.get(name, name) + " " + version
        for name, version in (re.fullmatch(r"([a-z0-9-]+)(>=[0-9.]+)", each).groups() for each in of_package)
    }
    assert set(meta["requirements"]["run"]) - {"python " + PROJECT["requires-python"]} == expected
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert set(meta["requirements"]["host"]) == {"python " + PROJECT["requires-python"].lstrip(">="), "pip", *backend}
    assert meta["build"]["entry_points"] == [f"{name} = {to}" for name, to in PROJECT["scripts"].items()]
    assert (meta["about"]["license"], meta["about"]["summary"]) == (PROJECT["license"], PROJECT["description"])


def test_version_licence_and_address_are_those_of_the_package_everywhere() -> None:
    meta = rendered(RECIPE)
    assert str(meta["package"]["version"]) == str(CITATION["version"]) == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    address = PROJECT.get("urls", {}).get("Repository")
    assert CITATION.get("repository-code") == meta["about"].get("home") == address
    assert f"## {PROJECT['version']} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
