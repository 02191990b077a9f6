"""Description of the result tables as a Frictionless Data Package (specs.frictionlessdata.io, version 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nernstfit.contract.tables import TABLES, Column, Table

_TYPES = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean"}


def datapackage(written: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Describe every result table: its columns with type, unit and meaning, and its key.

    Parameters
    ----------
    written : mapping
        Name of each result table to its columns (a DataFrame will do); those that are not declared are the user's own.

    Returns
    -------
    dict
        A data package descriptor with one tabular data resource per table, as plain JSON values.
    """
    return {
        "profile": "tabular-data-package",
        "name": "nernstfit-results",
        "resources": [_resource(TABLES[name], written[name]) for name in TABLES if name in written],
    }


def _resource(table: Table, written: Iterable[str]) -> dict[str, Any]:
    fields = [_field(column) for column in table.columns.values()]
    own = [name for name in written if name not in table.columns]
    fields += [{"name": name, "type": "string", "description": "Column of the user's own, as typed"} for name in own]
    return {
        "name": table.name,
        "path": table.path.partition("/")[2],
        "profile": "tabular-data-resource",
        "description": table.meaning,
        "encoding": "utf-8",
        "schema": {"fields": fields, "primaryKey": list(table.keys), "missingValues": [""]},
    }


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": _TYPES[column.type], "description": column.meaning}
    if column.unit:
        field["unit"] = column.unit
    constraints: dict[str, Any] = {} if column.missing else {"required": True}
    if column.values and not column.is_list:
        constraints["enum"] = [str(value) for value in column.values]
    return field | ({"constraints": constraints} if constraints else {})
