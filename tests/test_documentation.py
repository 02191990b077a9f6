"""The generated reference pages are those of the declarations; the data package describes what is written."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import docutils.core
import docutils.nodes
import jinja2
import pytest

from nernstfit.contract import documentation, tables
from nernstfit.contract.datapackage import datapackage
from nernstfit.contract.terms import PotentialVerdict, RatioVerdict

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", documentation.PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    """`make docs` writes the pages anew."""
    assert (DOCS / name).read_text(encoding="utf-8") == documentation.PAGES[name]()


CAPTIONS = DOCS.parent / "workflow" / "report"


@pytest.mark.parametrize("path", sorted(CAPTIONS.iterdir()), ids=lambda path: path.name)
def test_a_caption_is_a_text_without_a_fault_and_belongs_to_a_result(path: Path) -> None:
    results = {table.name for table in tables.TABLES.values() if table.kind == tables.RESULT}
    assert path.stem in results | {"workflow", "report", "figures", "fit_report", "methods"}
    text = jinja2.Template(path.read_text(encoding="utf-8")).render()
    tree = docutils.core.publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 1})
    if path.stem in results:
        table = tables.TABLES[path.stem]
        assert [re.sub(r" \(.*", "", node.astext()) for node in tree.findall(docutils.nodes.term)] == list(
            table.columns
        )
        meanings = [node.astext().rstrip(".") for node in tree.findall(docutils.nodes.definition)]
        assert meanings == [column.meaning for column in table.columns.values()]


def script(path: Path) -> ModuleType:
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_python_interface_is_current() -> None:
    """`make docs` writes it anew from the docstrings."""
    assert (DOCS / "api.md").read_text(encoding="utf-8") == script(DOCS / "interface.py").page()


def test_the_page_of_the_commands_is_current(tmp_path: Path) -> None:
    """`make docs` writes it anew from their help, in a process of its own: commands keep their options."""
    subprocess.run([sys.executable, DOCS / "commands.py", tmp_path], check=True)
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == (tmp_path / "commands.md").read_text(encoding="utf-8")


def test_the_page_of_refusals_is_current() -> None:
    """Every reason on it is the one that the program gives; `make docs` writes it anew, with the figures."""
    module = script(DOCS / "figures" / "refusals.py")
    assert (DOCS / "refused.md").read_text(encoding="utf-8") == module.page(module.all_measured())
    for refusal in module.REFUSALS:
        assert (DOCS / "figures" / f"refused_{refusal.name}.svg").exists()
    assert {refusal.verdict for refusal in module.REFUSALS} == set(PotentialVerdict) - {
        *(PotentialVerdict.REVERSAL, PotentialVerdict.UNREADABLE, PotentialVerdict.EXCLUDED),
    }


COLUMNS = [(table, column) for table in tables.TABLES.values() for column in table.columns.values()]


def test_a_column_has_type_unit_and_meaning() -> None:
    units = {"mV", "pA", "nS", "mM", "M", "C", "Hz", "s", "MOhm", "pF", "percent"}
    assert {c.type for _, c in COLUMNS} == {"text", "number", "integer", "boolean"}
    assert [f"{t.name}.{c.name}" for t, c in COLUMNS if not c.meaning or c.meaning.endswith(".")] == []
    with_unit = [(t, c) for t, c in COLUMNS if c.name.rsplit("_", 1)[-1] in units]
    assert [f"{t.name}.{c.name}" for t, c in with_unit if not c.unit] == []


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda table: table.name)
def test_a_key_is_made_of_columns(table: tables.Table) -> None:
    assert table.keys
    assert set(table.keys) <= set(table.columns)


def test_the_data_package_has_every_result_table_and_the_users_columns() -> None:
    results = [table for table in tables.TABLES.values() if table.kind == tables.RESULT]
    written = {table.name: list(table.columns) for table in results}
    package = datapackage(written | {"reversal_potentials": [*written["reversal_potentials"], "drug"]})
    by_name = {resource["name"]: resource for resource in package["resources"]}
    assert set(by_name) == set(written)
    fields = [field["name"] for field in by_name["reversal_potentials"]["schema"]["fields"]]
    assert fields == [*tables.TABLES["reversal_potentials"].columns, "drug"]
    verdict = next(f for f in by_name["permeabilities"]["schema"]["fields"] if f["name"] == "verdict")
    assert verdict["constraints"]["enum"] == [str(each) for each in RatioVerdict]
