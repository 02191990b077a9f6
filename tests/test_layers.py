"""Imports go down only, and heavy libraries have one importer each."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

import nernstfit
from nernstfit.contract.declarations import Declarations

PACKAGE = Path(nernstfit.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# A part imports parts of a lower rank, or its own modules.
RANKS = {
    "contract": 0,
    "physics": 0,
    "reversal": 1,
    "abf": 1,
    "solutions": 2,
    "simulate": 4,
    "experiment": 3,
    "permeability": 3,
    "figures": 4,
    "judgement": 4,
    "report": 5,
    "stages": 6,
    "workflow": 7,
    "library": 8,
    "running": 8,
    "commands": 9,
    "__main__": 10,
}
ONE_IMPORTER = {"pyabf": "abf/sections.py", "vl_convert": "figures/drawing.py"}
ONE_FOLDER = {"altair": "figures", "lmfit": "permeability"}
HEAVY = ("altair", "lmfit", "matplotlib", "pandas", "pyabf", "scipy", "snakemake")


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(names_imported(path))


def names_imported(path: Path) -> Iterator[str]:
    """Every module a file names in an import, wherever in the file, `from a import b` as a.b where that is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides what it reaches"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)


def part(module: str) -> str:
    return module.split(".")[1]


def own_imports(module: str) -> set[str]:
    return {name for name in imported(MODULES[module]) if name.startswith("nernstfit.")}


def test_a_module_imports_lower_parts_only() -> None:
    higher = {
        module: names
        for module in MODULES
        if module != "nernstfit" and (names := {name for name in own_imports(module) if is_higher(name, part(module))})
    }
    assert higher == {}


def is_higher(name: str, than: str) -> bool:
    return part(name) != than and RANKS[part(name)] >= RANKS[than]


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: own_imports(module) for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("nernstfit.physics.")])
def test_physics_knows_only_itself_and_no_tables(module: str) -> None:
    found = set(imported(MODULES[module]))
    assert {name for name in found if name.startswith("nernstfit")} <= {
        name for name in MODULES if name.startswith("nernstfit.physics")
    }
    assert not {name for name in found if name.split(".")[0] in {"pandas", "scipy"}}


@pytest.mark.parametrize("library", ONE_IMPORTER)
def test_a_heavy_library_has_one_importer(library: str) -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES.values()
        if library in {name.split(".")[0] for name in imported(path)}
    }
    expected = {ONE_IMPORTER[library]} & {path.relative_to(PACKAGE).as_posix() for path in MODULES.values()}
    assert importers == expected


@pytest.mark.parametrize("library", ONE_FOLDER)
def test_a_heavy_library_is_imported_in_one_folder_only(library: str) -> None:
    importers = {
        path.relative_to(PACKAGE).parts[0]
        for path in MODULES.values()
        if library in {name.split(".")[0] for name in imported(path)}
    }
    assert importers == {ONE_FOLDER[library]}


# The package itself names its interface, and imports each part when it is first asked for: tests/test_library.py.
@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/**/__init__.py")), ids=lambda path: path.parent.name)
def test_a_package_imports_nothing_by_being_entered(path: Path) -> None:
    assert not list(imported(path))


def printed(program: str, *words: str) -> str:
    """Standard output of a program in a fresh interpreter."""
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout


def in_memory(program: str, *words: str) -> set[str]:
    """Modules that are in memory at the end of a program."""
    at_exit = "import atexit, sys; atexit.register(lambda: print('modules:', *sys.modules)); "
    return set(printed(at_exit + program, *words).rpartition("modules:")[2].split())


def loaded(module: str) -> set[str]:
    """Heavy libraries that are in memory after one import."""
    return set(HEAVY) & in_memory(f"import {module}")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("nernstfit.physics.membrane.ghk", set(HEAVY)),
        ("nernstfit.contract.settings", set(HEAVY)),
        ("nernstfit.stages.ingest", {"altair", "lmfit", "pyabf", "matplotlib", "scipy"}),
        ("nernstfit.stages.measure", {"altair", "lmfit", "pyabf", "matplotlib", "scipy"}),
        ("nernstfit.stages.correct", {"altair", "lmfit", "pyabf", "matplotlib", "scipy"}),
        ("nernstfit.library.compositions", set(HEAVY)),
        ("nernstfit.library.solutions", set(HEAVY)),
        ("nernstfit.library.ghk", set(HEAVY)),
        ("nernstfit.stages.fit", {"altair", "pyabf", "snakemake"}),
        ("nernstfit.stages.judge", {"altair", "lmfit", "pyabf", "matplotlib"}),
        ("nernstfit.figures.recordings", {"altair", "lmfit", "pyabf", "matplotlib", "scipy"}),
        ("nernstfit.report.outcome", {"altair", "lmfit", "pyabf", "matplotlib", "scipy"}),
        ("nernstfit.commands.main", {"altair", "lmfit", "pandas", "pyabf", "matplotlib"}),
    ],
)
def test_an_import_does_not_bring_what_it_does_not_need(module: str, absent: set[str]) -> None:
    if not (PACKAGE.parent / f"{module.replace('.', '/')}.py").is_file():
        pytest.skip(f"{module} is not written yet")
    assert not loaded(module) & absent


EXPERIMENT = {"nernstfit.contract.settings", "nernstfit.contract.schema", "nernstfit.experiment.records"}
JUNCTIONS = {"nernstfit.physics.membrane.nernst_planck", "nernstfit.solutions.junctions"}


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (
            "nernst K --outside-mM 5 --inside-mM 140",
            {*EXPERIMENT, *JUNCTIONS, "nernstfit.contract.tables", "nernstfit.physics.solution.reactions"},
        ),
        ("ghk --ratio K=1,Na=0.1 --inside KCl=140 --outside NaCl=150", {*EXPERIMENT, *JUNCTIONS, "statistics"}),
        ("solutions data/solutions.csv", {*EXPERIMENT, *JUNCTIONS}),
        ("junction KCl=140 NaCl=150", {*EXPERIMENT, "nernstfit.solutions.junctions"}),
        ("measure data/c1_control.abf", {*JUNCTIONS, "nernstfit.solutions.composition"}),
    ],
)
def test_a_command_loads_only_what_it_needs(words: str, absent: set[str]) -> None:
    call = "from nernstfit.commands.main import main; main(sys.argv[1:])"
    found = in_memory(call, *words.split())
    assert "nernstfit.commands.main" in found
    assert not found & absent
    unwanted = set(HEAVY) - {"pyabf"} if words.startswith("measure") else set(HEAVY)
    assert not found & unwanted


@pytest.mark.parametrize("file", ["tables.yaml", "codes.yaml"])
def test_declarations_one_by_one_are_those_of_the_file(file: str) -> None:
    whole = yaml.safe_load((PACKAGE / "contract" / file).read_text(encoding="utf-8"))
    assert list(Declarations(file, lambda _, content: content).items()) == list(whole.items())


def test_a_command_parses_only_the_declarations_that_it_needs() -> None:
    """Of tables the one of solutions; of findings none, where nothing is found."""
    program = (
        "from nernstfit.library import ghk; from nernstfit.contract import codes, tables;"
        "ghk.calculate(ghk.Request(['K=1,Na=.1'], 'NaCl=150,KCl=5', 'KCl=140,NaCl=10'));"
        "print(tables.TABLES.parsed, [code for code in codes.Code if 'rule' in vars(code)])"
    )
    assert printed(program) == "('solutions_input',) []\n"
