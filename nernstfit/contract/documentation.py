"""Reference pages of the documentation, written from the declarations of tables and configuration.

`python -m nernstfit.contract.documentation docs` writes them anew: into the folder `docs`, and beside it what
Snakemake's catalog of workflows and the reports of Snakemake look for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nernstfit.contract import terms
from nernstfit.contract.codes import Code
from nernstfit.contract.remarks import Flag
from nernstfit.contract.schema import schema
from nernstfit.contract.severity import About, Severity
from nernstfit.contract.tables import INPUT, RESULT, TABLES, Column, Table

_TABLES_HEAD = """# Tables

Every table that nernstfit reads or writes, column by column. The same declarations are written to
results/datapackage.json in every run.

**Read:** workbooks (.xlsx: the first sheet, or `path.xlsx#sheet`) or text in UTF-8 with commas, tabs or semicolons
between the columns, with tabs and semicolons also decimal commas throughout; a header in row 1. Names are text as typed
(`NA`, `007` and `None` are names); only the empty cell is missing. **Written:** one row per line, numbers with up
to 12 significant digits, missing values empty, `true` and `false`. No two rows have the same key, and rows are in its
order: numbers by size, names by code point, the configured model before the others, the steps of the correction ladder
as they are applied.

Potentials are inside minus outside, in mV; current is positive outward, in pA; concentrations are in mM.
"""
_CONFIGURATION_HEAD = """# Configuration

Every key of config/config.yaml. An absent or empty section means its defaults. A key that is not known stops the run,
with the nearest known one. Every key of the section `measure` may also be a column of the table of recordings; the
column wins.
"""

_WARNINGS_HEAD = """# Errors, warnings and notes

`results/warnings.csv` holds a row for everything that qualifies a number, the heaviest first. The console and the
first screen of the report show the same errors and warnings; an error or a warning about a number stands beside it. No
finding changes the exit status of a run. Names and numbers stand in the places in *italics*. Why a recording gave no
potential, with a picture of each reason: [refused.md](refused.md).
"""

_FOLDER_HEAD = """# Configuration of an experiment

An experiment is a folder with `config/config.yaml`, its tables and its recordings. Paths in the configuration and in
the tables are relative to the folder and stay inside it. In the repository, and in a folder that was deployed from it,
`config/config.yaml` is that of the demonstration, to be adapted. `nernstfit init FOLDER --from RECORDINGS` drafts
configuration and tables for a folder of recordings.

## Tables
"""
_FOLDER_TABLES = """
Which tables an experiment has, the configuration says. They are text in UTF-8 with commas, or workbooks; docs/tables.md
of the repository describes every column.

## Keys of config/config.yaml

Those without a default:
"""
_FOLDER_KEYS = """
All sections; docs/configuration.md of the repository describes every key:
"""
_FOLDER_RUN = """
## How to run

The rules call the Python package nernstfit, which is installed into the environment of Snakemake beforehand: by
`pip install "nernstfit[workflow]"`, or from a clone as docs/install.md of the repository says. In the folder:

    nernstfit check .
    snakemake --cores all
    snakemake --report report.zip

The first names every fault of the configuration and the tables. The second, or `nernstfit run .`, writes results/, with
results/report.html; the third is Snakemake's own report of the same results.
"""


def tables_page() -> str:
    """Return docs/tables.md."""
    parts = [_TABLES_HEAD]
    for title, kind in (("Input tables", INPUT), ("Result tables", RESULT)):
        parts.append(f"## {title}\n")
        parts += ["\n".join(_table(table)) for table in TABLES.values() if table.kind == kind]
    parts.append("## Terms\n")
    parts += ["\n".join(_terms(kind)) for kind in _kinds()]
    return "\n".join(parts)


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.path}\n"
    yield f"{table.meaning}.\n"
    yield f"Key: {', '.join(f'`{key}`' for key in table.keys)}." + (
        " Further columns are the user's own.\n" if table.own_columns else "\n"
    )
    yield "| column | type | unit | meaning |"
    yield "|---|---|---|---|"
    yield from (_row(table, column) for column in table.columns.values())
    yield ""


def _row(table: Table, column: Column) -> str:
    return f"| `{column.name}` | {_joined(column_cells(table, column))} |"


def _joined(cells: Iterable[str]) -> str:
    """Return cells of a row as Markdown, in which a bar within a cell is escaped."""
    return " | ".join(cell.replace("|", "\\|") for cell in cells)


def column_cells(table: Table, column: Column) -> tuple[str, str, str]:
    """Return type, unit and meaning of a column, with allowed values between backticks."""
    kind = column.type if column.missing else f"{column.type}, required" if table.kind == INPUT else column.type
    allowed = f": {', '.join(f'`{value}`' for value in column.values)}" if column.values else ""
    return kind, column.unit, f"{column.meaning}{allowed}"


def _kinds() -> list[type[terms.Term]]:
    """Return the classes of terms that a table may hold, and those whose members have an explanation."""
    named = [*vars(terms).values(), Flag]
    kinds = [value for value in named if isinstance(value, type) and issubclass(value, terms.Term)]
    columns = [column for table in TABLES.values() for column in table.columns.values()]
    shown = {type(value) for column in columns for value in column.values}
    return [kind for kind in kinds if kind in shown or any(term.sentence for term in kind)]


def _terms(kind: type[terms.Term], heading: str = "###") -> Iterator[str]:
    title, _, more = (kind.__doc__ or "").rstrip(".").partition(", ")
    yield f"{heading} {title}\n"
    if more:
        yield f"{more[0].upper()}{more[1:]}.\n"
    yield "| term | meaning |"
    yield "|---|---|"
    for term in kind:
        reference = f" ({term.reference})" if term.reference else ""
        yield f"| `{term}` | {term.sentence or term.label}{reference} |"
    yield ""


_WORDS: Mapping[str, str] = {"null": "nothing", "string": "text", "array": "list", "object": "section"}


def configuration_page() -> str:
    """Return docs/configuration.md."""
    sections = [(key, rule) for key, rule in schema()["properties"].items() if "properties" in rule]
    keys = {key: rule for key, rule in schema()["properties"].items() if "properties" not in rule}
    parts = [_CONFIGURATION_HEAD, "## Top level\n", *_keys(keys, "")]
    for name, rule in sections:
        parts += [f"\n## {name}\n", f"{rule['description']}\n", *_keys(rule["properties"], "")]
    return "\n".join(parts) + "\n"


def _keys(rules: Mapping[str, Any], place: str) -> Iterator[str]:
    if not place:
        yield "| key | type | unit | default | meaning |"
        yield "|---|---|---|---|---|"
    for key, rule in rules.items():
        yield f"| `{place}{key}` | {_joined(key_cells(rule))} |"
        yield from _keys(rule["properties"], f"{place}{key}.") if "properties" in rule else ()


def key_cells(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return type, unit, default and meaning of a key of the configuration, with values between backticks."""
    kinds: list[str] = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    allowed = f" Allowed: {', '.join(f'`{value}`' for value in rule['enum'])}." if "enum" in rule else ""
    words = " or ".join(_WORDS.get(kind, kind) for kind in kinds)
    return words, rule.get("unit", ""), _default(rule), f"{rule['description']}{allowed}"


def _default(rule: Mapping[str, Any]) -> str:
    if "required_when" in rule:
        return f"required where {rule['required_when']}"
    if "default" not in rule:
        return "required"
    value = rule["default"]
    return "nothing" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def warnings_page() -> str:
    """Return docs/warnings.md."""
    parts = [_WARNINGS_HEAD, "\n".join(_terms(Severity, "##"))]
    for about in About:
        parts += [f"## {about.label.capitalize()}\n", f"The subject is {about.sentence}.\n"]
        parts += ["\n".join(_code(code)) for code in Code if code.about is about]
    return "\n".join(parts)


def _code(code: Code) -> Iterator[str]:
    sentence = code.sentence if code.sentence != "{sentence}" else "the outcome of the test, see tests.csv"
    label = code.label if code.label[1].isupper() else f"{code.label[0].upper()}{code.label[1:]}"
    yield f"### {label}: `{code}`\n"
    yield f"- **Sentence:** {_with_places(sentence)}"
    yield f"- **Why it matters:** {code.why}."
    if code.remedy:
        yield f"- **What to do:** {_with_places(code.remedy)}."
    yield f"- **Severity:** {code.rule}.\n"


def _with_places(text: str) -> str:
    """Return a sentence with its places for names and numbers in italics; a place that may be empty is left out."""
    text = re.sub(r"\{(?:where|share)\}", "", text)
    return re.sub(r"\{(\w+)[^}]*\}", lambda place: f"*{place[1]}*", text).replace("|", "\\|")


def folder_page() -> str:
    """Return config/README.md."""
    inputs = [table for table in TABLES.values() if table.kind == INPUT]
    parts = [_FOLDER_HEAD, "| table | a row is |", "|---|---|"]
    parts += [f"| {table.path} | {table.meaning} |" for table in inputs]
    keys = [*_keys(schema()["properties"], "")]
    parts += [_FOLDER_TABLES, *keys[:2], *(row for row in keys if "| required" in row)]
    parts += [_FOLDER_KEYS, "| section | keys | meaning |", "|---|---|---|"]
    own = [key for key, rule in schema()["properties"].items() if "properties" not in rule]
    sections = {key: rule for key, rule in schema()["properties"].items() if "properties" in rule}
    rows = {"": (own, "Tables, and what holds for all rows of them.")}
    rows |= {f"`{key}`": (list(rule["properties"]), rule["description"]) for key, rule in sections.items()}
    parts += [f"| {name} | {', '.join(f'`{key}`' for key in keys)} | {says} |" for name, (keys, says) in rows.items()]
    return "\n".join([*parts, _FOLDER_RUN])


def caption(table: Table) -> str:
    """Return the caption of a table in the report of Snakemake, in reStructuredText."""
    columns = "".join(
        f"\n``{column.name}``{_unit(column)}\n    {_as_rst(column.meaning)}.\n" for column in table.columns.values()
    )
    return f"{_as_rst(table.meaning)}.\n{columns}"


def _unit(column: Column) -> str:
    return f" ({column.unit})" if column.unit else ""


def _as_rst(text: str) -> str:
    """Return a text with nothing in it that reStructuredText, or the template that a caption is, takes for a mark."""
    return re.sub(r"([\\*`|_])", r"\\\1", text).replace("{", "\\{")


PAGES: Mapping[str, Callable[[], str]] = {
    "tables.md": tables_page,
    "configuration.md": configuration_page,
    "warnings.md": warnings_page,
    "../config/README.md": folder_page,
    **{
        f"../workflow/report/{name}.rst": partial(caption, table)
        for name, table in TABLES.items()
        if table.kind == RESULT
    },
}
"""Name of each generated page, as seen from the folder docs, and the function that writes it."""


def write(folder: Path) -> None:
    """Write every generated page into a folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
