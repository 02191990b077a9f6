r"""Tables of the contract: their declarations, and the pair of functions that reads and writes them.

tables.yaml beside this module declares every table and column. Read: UTF-8 with or without a
byte-order mark, commas. Identifiers are text as typed (`NA`, `007` and `None` are names); only
the empty cell is missing. Written: `\n`, `%.12g`, no negative zero, missing is empty,
`true`/`false`, rows sorted by code point of their keys. A row is named by its number in the
file, the header being row 1, as a spreadsheet shows it.
"""

from __future__ import annotations

import csv
import functools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nernstfit.contract import codes, remarks, severity, table_files, terms
from nernstfit.contract.cells import Cells
from nernstfit.contract.declarations import Declarations
from nernstfit.contract.errors import InputError, RowFault
from nernstfit.contract.files import replacing, typed
from nernstfit.contract.headers import is_unit
from nernstfit.contract.numbers import Range
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import CorrectionStep

if TYPE_CHECKING:
    import pandas as pd

INPUT, RESULT = "input", "result"


class UndeclaredContent(Exception):
    """Content of a result table that its declaration does not allow: a fault of the code."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, meaning : str
    type : str
        `text`, `number`, `integer` or `boolean`.
    unit : str
        '' where it has none.
    missing : bool
        Whether a cell may be empty.
    values : tuple of str
        Allowed texts; empty where any is.
    is_list : bool
        Whether a cell holds several of the allowed texts, as name=value joined by ';'.
    minimum, maximum, above : float or None
        Limits of a user's number; `above` excludes the limit itself.
    least : float
        A user's number above 0 and up to this one is never meant: it is in another unit.
    also : tuple of str
        Other names that people give the quantity, without unit: they are told the right one.
    since : int
        Version of the contract that brought it.
    """

    name: str
    meaning: str
    type: str
    unit: str = ""
    missing: bool = True
    values: tuple[str, ...] = ()
    is_list: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    least: float = 0.0
    also: tuple[str, ...] = ()
    since: int = 1

    @property
    def is_number(self) -> bool:
        """True where its cells are numbers."""
        return self.type in ("number", "integer")

    @property
    def range(self) -> Range:
        """Numbers that a user's cell may hold."""
        return Range(self.minimum, self.maximum, self.above, self.unit, self.type == "integer", self.least)

    def allows(self, value: Any) -> bool:
        """Return True where a cell may hold the value."""
        if _is_missing(value) or value == "":
            return self.missing
        if self.type == "text":
            return isinstance(value, str) and (not self.values or set(self._names(value)) <= set(self.values))
        if self.type == "boolean":
            return isinstance(value, (bool, np.bool_))
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and (self.type == "number" or float(value).is_integer())

    def _names(self, text: str) -> list[str]:
        """Return the terms in a cell."""
        return list(flags(text)) if self.is_list else [text]


@dataclass(frozen=True, eq=False)
class Table:
    """One table: where it lies, what a row is, its columns.

    Attributes
    ----------
    name : str
        Key of `TABLES`.
    path : str
        Within the experiment folder.
    kind : str
        `INPUT` (the user's) or `RESULT`.
    meaning : str
        Of a row.
    keys : tuple of str
        Columns by which the rows are sorted.
    columns : mapping of str to Column
        In their order.
    own_columns : bool
        Whether columns of the user's own may follow.
    written_by : str
        Stage whose rule has all tables that name it as its outputs; '' where a rule names its outputs itself.
    is_ordered : bool
        True where rows are written in the order in which they are given, not in that of their keys.
    """

    name: str
    path: str
    kind: str
    meaning: str
    keys: tuple[str, ...]
    columns: Mapping[str, Column]
    own_columns: bool = False
    written_by: str = ""
    is_ordered: bool = False

    @property
    def numbers(self) -> frozenset[str]:
        """Names of the columns that hold numbers."""
        return frozenset(name for name, column in self.columns.items() if column.is_number)


def _column(name: str, content: Mapping[str, Any]) -> Column:
    kind = content.get("terms", "")
    home = next((module for module in (codes, remarks, severity, terms) if kind and hasattr(module, kind)), None)
    values = tuple(getattr(home, kind)) if home else ()
    others = {key: value for key, value in content.items() if key not in ("terms", "list", "also")}
    also = tuple(content.get("also", ()))
    return Column(name, values=values, is_list=content.get("list", False), also=also, **others)


def _table(name: str, content: Mapping[str, Any]) -> Table:
    return Table(
        name,
        content["path"],
        content["kind"],
        content["meaning"],
        tuple(content["key"]),
        MappingProxyType({column: _column(column, of) for column, of in content["columns"].items()}),
        content.get("own_columns", False),
        content.get("written_by", ""),
        content.get("ordered", False),
    )


TABLES: Declarations[Table] = Declarations("tables.yaml", _table)
"""Every table by its name."""
_BOOLEANS = {"true": True, "false": False, "": None}


def __getattr__(name: str) -> Table:
    """Return a table by its name in capitals."""
    try:
        return TABLES[name.lower()]
    except KeyError:
        raise AttributeError(name) from None


def paths(kind: str) -> list[str]:
    """Return the paths of all tables of one kind: `INPUT` or `RESULT`."""
    return [table.path for table in TABLES.values() if table.kind == kind]


def written_by(stage: str) -> dict[str, Table]:
    """Return all tables that one stage writes, by name."""
    return {name: table for name, table in TABLES.items() if table.written_by == stage}


def flag(name: str, value: float | None = None) -> str:
    """Return one flag as `name=value`."""
    return f"{Flag(name)}={'true' if value is None else f'{value:.4g}'}"


def flags(text: str) -> dict[str, float]:
    """Return the flags of a cell with their values; nan where a flag has none."""
    parts = (part.partition("=") for part in text.split(";") if part)
    return {name: math.nan if value in ("", "true") else float(value) for name, _, value in parts}


@dataclass(frozen=True)
class Typed:
    """A user's table as typed, with the faults of its shape.

    Attributes
    ----------
    text : Cells
        All cells without the blanks around them, in the composed form of Unicode; the empty cell is ''. The index is
        the row number in the file (first row below the header: 2). Rows that are wholly empty are left out.
    faults : tuple of str
    ragged : frozenset of int
        Rows with more or fewer cells than the header: which value belongs to which column is not known.
    has_decimal_commas : bool
        Whether the numbers have decimal commas in the file; those of `text` have points.
    """

    text: Cells
    faults: tuple[str, ...]
    ragged: frozenset[int]
    has_decimal_commas: bool = False

    @functools.cached_property
    def cells(self) -> pd.DataFrame:
        """Return the cells as a DataFrame."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        return pd.DataFrame(self.text.by_column, index=list(self.text.index), dtype=str)

    def as_typed(self, faults: Iterable[str]) -> list[str]:
        """Return faults of this table with numbers as they stand in the file; names in other columns stay."""
        given = list(faults)
        if not self.has_decimal_commas:
            return given
        names = tuple(f"column '{name}'" for name in _texts())
        return [
            fault.reworded(table_files.with_decimal_commas)
            if isinstance(fault, RowFault) and not fault.words.startswith(names)
            else fault
            for fault in given
        ]

    @property
    def even(self) -> pd.DataFrame:
        """Return the rows that have as many cells as the header."""
        return self.cells.drop(index=sorted(self.ragged))


def read(path: str | Path) -> pd.DataFrame:
    """Read a user's table as text: the `cells` of `examine`.

    Raises
    ------
    InputError
        As `examine`, and where it finds a fault.
    """
    return _without_faults(path).cells


def read_text(path: str | Path) -> Cells:
    """Read a user's table as `read` does, without a DataFrame."""
    return _without_faults(path).text


def _without_faults(path: str | Path) -> Typed:
    found = examine(path)
    if found.faults:
        raise InputError(found.faults)
    return found


def examine(path: str | Path) -> Typed:
    """Read a user's table as text, with the faults of single rows beside what could be read.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    InputError
        As `table_files.grid`, and where it has no row below its header, or no header with a name of its own for every
        column.
    """
    grid = table_files.grid(path, _texts)
    rows = grid.rows
    header = list(rows[0]) if rows else []
    if not any(map(any, rows)):
        raise InputError(f"{path}: is empty; expected a header and at least one row")
    if len(header) == 1 and "|" in header[0]:
        raise InputError(f"{path}: row 1: got vertical bars between the columns, expected commas")
    if _is_title(rows):
        shown = " ".join(filter(None, header))
        got = f"got '{shown}'" if shown else "it is empty"
        raise InputError(f"{path}: row 1 looks like a title; column names belong there ({got})")
    while header and not header[-1]:
        header = header[:-1]
    body = {n: row for n, row in enumerate(rows[1:], start=2) if any(row)}
    of_header = list(_header_faults(path, header))
    is_uneven = any(len(row) <= len(rows[0]) for row in body.values())
    widths = {n: table_files.row_width(row, len(header), len(rows[0]), is_uneven) for n, row in body.items()}
    of_rows = [
        RowFault(str(path), n, table_files.width_fault(width, len(header), grid.separator))
        for n, width in widths.items()
        if width != len(header)
    ]
    if body and _are_units(next(iter(body.values()))):
        words = "holds units; expected values, for the unit stands in the column's name"
        of_rows.insert(0, RowFault(str(path), next(iter(body)), words))
    if not body and not of_header:
        of_header = [f"{path}: got a header without rows, expected at least one row"]
    if of_header:
        raise InputError([*of_header, *of_rows])
    width = len(header)
    cells = zip(*((row + [""] * width)[:width] for row in body.values()), strict=True)
    text = Cells(tuple(body), dict(zip(header, cells, strict=True)))
    return Typed(text, tuple(of_rows), frozenset(fault.row for fault in of_rows), grid.has_decimal_commas)


def _texts() -> frozenset[str]:
    """Return the columns of the users' tables that hold text."""
    columns = (column for table in TABLES.values() if table.kind != RESULT for column in table.columns.values())
    return frozenset(column.name for column in columns if column.type == "text")


def _are_units(row: Sequence[str]) -> bool:
    """Return True where a row is a second heading with the units of the columns."""
    return any(row) and all(is_unit(cell) for cell in row if cell)


def _is_title(rows: Sequence[Sequence[str]]) -> bool:
    """Return True where row 1 is a title or a comment: it has cells for at most half the columns of the next row."""
    header, below = rows[0], next((row for row in rows[1:] if any(row)), [])
    is_sparse = 2 * sum(map(bool, header)) <= sum(map(bool, below))
    return is_sparse or (bool(header) and header[0].startswith("#"))


def _header_faults(path: str | Path, header: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(header):
        if not name:
            yield f"{path}: row 1: got a column without a name, expected a name in every column"
        elif header.count(name) > 1:
            yield f"{path}: row 1, column '{name}': got it {header.count(name)} times, expected once"


def write(
    path: str | Path, table: Table, rows: pd.DataFrame | Iterable[Mapping[str, Any]], first_model: str = ""
) -> None:
    """Write rows as one of the contract's tables.

    Parameters
    ----------
    path : str or Path
    table : Table
    rows : DataFrame or iterable of mappings
        With every declared column. The user's own columns, where the table has any, follow by name.
    first_model : str
        The configured model, which comes before the others where `model` is a key.

    Raises
    ------
    UndeclaredContent
        For a column that tables.yaml does not declare, a declared one that is absent, a value that its column does
        not allow, and a repeated key. Nothing is written then.
    """
    columns = _columns(rows)
    if not any(columns.values()):
        columns = {name: [] for name in table.columns} | columns
    more = sorted(set(columns) - set(table.columns))
    faults = _content_faults(table, columns, [] if table.own_columns else more)
    if faults:
        raise UndeclaredContent(f"{table.path}: {'; '.join(faults)} (declared in contract/tables.yaml)")
    header = [*table.columns, *more]
    keys = [_order(table, key, columns[key], first_model) for key in table.keys if not table.is_ordered]
    ranks = list(zip(*keys, range(len(columns[header[0]])), strict=True))
    order = sorted(range(len(ranks)), key=ranks.__getitem__)
    write_columns(path, {name: [columns[name][i] for i in order] for name in header})


def write_columns(path: str | Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns in the form of the contract's tables, the rows in the order in which they are given."""
    with replacing(path) as new, new.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(map(_cell, values) for values in columns.values()), strict=True))


def _columns(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each column; None where a row does not have it."""
    if hasattr(rows, "to_dict"):
        return dict(rows.to_dict("list"))
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _content_faults(table: Table, columns: Mapping[str, Sequence[Any]], undeclared: Sequence[str]) -> list[str]:
    """Return what the declaration of a table does not allow in the columns that are to be written."""
    faults = [f"column '{name}' is not declared" for name in undeclared]
    faults += [f"declared column '{name}' is absent" for name in table.columns if name not in columns]
    for column in (column for name, column in table.columns.items() if name in columns):
        allowed = column.type if column.missing else f"{column.type}, not empty"
        wrong = _not_allowed(column, columns[column.name])
        faults += [f"column '{column.name}': got {value!r}, expected {allowed}" for value in wrong[:1]]
    of_keys = [[None if _is_missing(value) else value for value in columns[key]] for key in table.keys if not faults]
    repeated = [key for key, times in Counter(zip(*of_keys, strict=True)).items() if times > 1]
    return [*faults, *(f"key repeated: {', '.join(map(str, key))}" for key in repeated[:1])]


def _not_allowed(column: Column, cells: Sequence[Any]) -> list[Any]:
    """Return the values that a column may not hold."""
    if column.type == "number":
        cells = [value for value in cells if not (type(value) is float and math.isfinite(value))]
    elif column.type == "text":
        cells = list(dict.fromkeys(cells))
    return [value for value in cells if not column.allows(value)]


def load(path: str | Path, table: Table) -> pd.DataFrame:
    """Read a table that `write` wrote: numbers and booleans as such (missing: nan, None), all else as text."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[], encoding="utf-8")
    for column in frame.columns:
        if column in table.numbers:
            # As an array of objects: pandas goes through a column of text ten times slower.
            frame[column] = [float(text) if text else math.nan for text in frame[column].to_numpy(dtype=object)]
        elif column in table.columns and table.columns[column].type == "boolean":
            frame[column] = pd.Series([_BOOLEANS[text] for text in frame[column]], dtype=object, index=frame.index)
    return frame


def load_result(folder: Path, table: Table) -> pd.DataFrame:
    """Read a table of the results in an experiment folder, as `load` does.

    Raises
    ------
    InputError
        Where there is none, as in a folder whose run was interrupted, or where it is empty.
    """
    path = folder / table.path
    if not path.is_file() or not path.stat().st_size:
        fault = "is empty" if path.is_file() else "file not found"
        raise InputError(f"{path}: {fault}, the run is not complete; complete it with: {typed('run', folder)}")
    return load(path, table)


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write rows that one stage hands to another."""
    with replacing(path) as new:
        frame.to_parquet(new, index=False)


def gather(paths: Sequence[str], measurements: Collection[str] | None = None) -> pd.DataFrame:
    """Read the Parquet files of all batches as one table, of all measurements or of some; empty where all are."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    def batch(path: str) -> pd.DataFrame:
        # The columns of a file without a row have no type, and no text can be looked for in them.
        if measurements is None or not len(pd.read_parquet(path, columns=["measurement"])):
            return pd.read_parquet(path)
        return pd.read_parquet(path, filters=[("measurement", "in", sorted(measurements))])

    # One file after the other: more than the rows of one batch are never in memory beside those that are wanted.
    frames = [batch(path) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _order(table: Table, key: str, values: Iterable[Any], first_model: str) -> list[Any]:
    """Return what a key is sorted by: numbers by size (missing first), steps by their order, all else by code point."""
    if key in table.numbers:
        return [-math.inf if _is_missing(value) else float(value) for value in values]
    if key == "step":
        return [list(CorrectionStep).index(CorrectionStep(value)) for value in values]
    return [(value != first_model, str(value)) if key == "model" else str(value) for value in values]


def _is_missing(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    return value is None or type(value).__name__ == "NAType"  # pandas.NA


def _cell(value: Any) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        text = f"{value:.12g}"
        return "0" if text == "-0" else text
    return str(value)
