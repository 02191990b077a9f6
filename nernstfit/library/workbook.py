"""Workbook of the tables of a draft, to be filled in by a spreadsheet program.

Columns of text are formatted as text, so that `1-2` stays a range of sweeps and is no day; cells with few possible
values have a list of them; a sheet explains every column. Read back, a sheet is the same as the table as CSV.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nernstfit.contract.documentation import column_cells, key_cells
from nernstfit.contract.schema import schema
from nernstfit.contract.table_files import as_typed
from nernstfit.contract.tables import TABLES, Table

RECORDINGS_SHEET, SOLUTIONS_SHEET, COLUMNS_SHEET = "recordings", "solutions", "columns"
_TABLES = {RECORDINGS_SHEET: TABLES["recordings"], SOLUTIONS_SHEET: TABLES["solutions_input"]}
_OF_SOLUTIONS = ("bath", "pipette")
_HEADINGS = ("sheet", "column", "type", "unit", "default", "meaning")
_COMPONENT = ("number", "mM", "", "Concentration of the component; empty is 0")
_CREATED = datetime.datetime(2000, 1, 1)  # any fixed day: the same recordings give the same bytes
_TEXT = 49  # number of the format of text in every workbook: what is typed stays as typed
# Limits of the file format: the last row and column of a sheet, counted from 0, and the characters of a cell.
_LAST_ROW, _LAST_COLUMN, _MAX_CHARACTERS = 1_048_575, 16_383, 32_767
# Width of a column in characters, beyond which texts run on into empty cells beside them or are cut on the screen: half
# cuts the paths of recordings, double pushes the columns to be filled in off the screen.
_MAX_WIDTH = 40
_NEW_SOLUTION = "The sheet of solutions has no solution of this name yet."


@dataclass(frozen=True)
class Sheet:
    """Table to be written to a sheet.

    Attributes
    ----------
    name : str
        `RECORDINGS_SHEET` or `SOLUTIONS_SHEET`.
    columns : sequence of str
    rows : sequence of mapping
        Column to text; a column that a row lacks is empty.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]]


def workbook(sheets: Sequence[Sheet], notes: Mapping[str, str]) -> bytes:
    """Return a workbook of tables, with a sheet that explains their columns.

    Parameters
    ----------
    sheets : sequence of Sheet
    notes : mapping of str to str
        Meaning of the columns that no declaration has, which hold text; any other of them is a component.
    """
    import xlsxwriter  # noqa: PLC0415 - tables of text do without

    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        formats = {
            "header": book.add_format({"bold": True, "bottom": 1, "num_format": _TEXT}),
            "text": book.add_format({"num_format": _TEXT}),
            "wrapped": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name), sheet, notes, formats)
        _explain(book.add_worksheet(COLUMNS_SHEET), sheets, notes, formats)
    return stream.getvalue()


def _write(place: Any, sheet: Sheet, notes: Mapping[str, str], formats: Mapping[str, Any]) -> None:
    """Write one table, with its lists of values."""
    place.freeze_panes(1, 0)
    place.set_row(0, None, formats["header"])
    if sheet.name == RECORDINGS_SHEET:  # columns that are added there are of any kind, on the other sheet components
        place.set_column(len(sheet.columns), _LAST_COLUMN, None, formats["text"])
    place.ignore_errors({"number_stored_as_text": f"A1:XFD{_LAST_ROW + 1}"})
    for number, name in enumerate(sheet.columns):
        is_text = "text" in _described(sheet.name, name, notes)[0]
        cells = [row.get(name, "") for row in sheet.rows]
        width = min(max(map(len, (name, *cells))) + 2, _MAX_WIDTH)
        place.set_column(number, number, width, formats["text"] if is_text else None)
        place.write_string(0, number, name, formats["header"])
        for row, cell in enumerate(cells, start=1):
            if cell and not is_text and _is_plain_number(cell):
                place.write_number(row, number, float(cell))
            elif cell:
                place.write_string(row, number, cell[:_MAX_CHARACTERS], formats["text"])
        if choice := _choice(sheet.name, name):
            place.data_validation(1, number, _LAST_ROW, number, choice)


def _is_plain_number(text: str) -> bool:
    """Return True where a text is read from a cell with its number as it is typed."""
    try:
        return as_typed(float(f"{float(text):.16G}")) == text
    except ValueError:
        return False


def _choice(sheet: str, column: str) -> dict[str, Any] | None:
    """Return the list of values of a column as the file format has it; None where any text may be meant."""
    if sheet == RECORDINGS_SHEET and column in _OF_SOLUTIONS:
        names = f"{SOLUTIONS_SHEET}!$A$2:$A${_LAST_ROW + 1}"
        # As long as there are names, without the empty cells below them.
        source = f"=OFFSET({SOLUTIONS_SHEET}!$A$2,0,0,MAX(1,COUNTA({names})),1)"
        return {"validate": "list", "source": source, "error_type": "warning", "error_message": _NEW_SOLUTION}
    declared = _TABLES[sheet].columns.get(column)
    values = declared.values if declared else _keys(sheet).get(column, {}).get("enum", ())
    return {"validate": "list", "source": [str(value) for value in values]} if values else None


def _keys(sheet: str) -> Mapping[str, Any]:
    """Return the keys of the configuration that may be columns of a table too, by name."""
    return schema()["properties"]["measure"]["properties"] if sheet == RECORDINGS_SHEET else {}


def _explain(place: Any, sheets: Sequence[Sheet], notes: Mapping[str, str], formats: Mapping[str, Any]) -> None:
    """Write the sheet that explains every column, those too that the tables do not have yet."""
    place.freeze_panes(1, 0)
    for number, (heading, width) in enumerate(zip(_HEADINGS, (12, 24, 18, 8, 12, 100), strict=True)):
        place.set_column(number, number, width, formats["wrapped"])
        place.write_string(0, number, heading, formats["header"])
    lines = [line for sheet in sheets for line in _explained(sheet, notes)]
    for row, line in enumerate(lines, start=1):
        for number, cell in enumerate(line):
            place.write_string(row, number, cell.replace("`", ""), formats["wrapped"])


def _explained(sheet: Sheet, notes: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield the lines on one table: of a row, and of each column."""
    table = _TABLES[sheet.name]
    yield sheet.name, "(a row)", "", "", "", table.meaning
    for name in dict.fromkeys((*table.columns, *_keys(sheet.name), *sheet.columns)):
        yield sheet.name, name, *_described(sheet.name, name, notes)


def _described(sheet: str, column: str, notes: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Return type, unit, default and meaning of a column."""
    table: Table = _TABLES[sheet]
    if column in table.columns:
        kind, unit, meaning = column_cells(table, table.columns[column])
        return kind, unit, "", meaning
    if column in _keys(sheet):
        return key_cells(_keys(sheet)[column])
    return ("text", "", "", notes[column]) if column in notes else _COMPONENT
