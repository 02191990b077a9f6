"""Cells of a user's table as text, from the files in which people have them.

Text in UTF-8 with commas, tabs or semicolons between the columns, or a workbook: which one it is the content tells, not
the name. With tabs or semicolons numbers may have decimal commas, where all of the table has them. Every cell comes as
it would be typed into a table with commas.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nernstfit.contract.errors import InputError, nearest, nearest_or_all

SHEET_SIGN = "#"
"""Between the path of a workbook and the name of a sheet."""

_EXPECTED = "expected a table: a workbook, or text in UTF-8 with commas between the columns"
_SEPARATORS = ("\t", ";")
_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xls")
_WORKBOOKS = re.compile(rb"PK[\x00-\x1f]|\xd0\xcf\x11\xe0")
# First bytes of the files that are saved, or renamed, in place of a table.
_OTHER_FILES = {
    rb"\xff\xfe|\xfe\xff": "text in UTF-16, which is not UTF-8",
    rb"%PDF": "a PDF",
    rb"ABF[2 ]": "a recording (ABF)",
}
_SAVE_AS = "save the table as CSV in UTF-8 (Excel: Save as, CSV UTF-8)"
# With a minus of any kind, for a typographic one is a fault of its own, which is told with the sign of the table.
_MINUS = "\u2212\u2013"
_DECIMAL_COMMA = re.compile(rf"[+{_MINUS}-]?\d*,\d+([eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(rf"[+{_MINUS}-]?\d*\.\d+([eE][+-]?\d+)?")
_DECIMALS = re.compile(r"(?<![\w.,])(\d*)\.(\d+(?:e[+-]?\d+)?)(?!\w|[.,]\d)")


@dataclass(frozen=True)
class Grid:
    """Cells of a table.

    Attributes
    ----------
    rows : list of list of str
        Of every row, the header's too, without the blanks around them.
    has_decimal_commas : bool
        Whether its numbers have decimal commas in the file.
    separator : str
        Between the columns; '' in a workbook.
    """

    rows: list[list[str]]
    has_decimal_commas: bool = False
    separator: str = ""


def with_decimal_commas(words: str) -> str:
    """Return the words of a fault of numbers with decimal commas, as the table has them that they are about."""
    return _DECIMALS.sub(r"\1,\2", words).replace("a decimal point", "a decimal comma")


def file_of(path: str) -> str:
    """Return the path of the file of a table, without the name of a sheet."""
    return _parts(path)[0]


def _parts(path: str) -> tuple[str, str]:
    """Return the file of a table and the sheet in it, '' for the first; a file may have the sign in its own name."""
    file, _, sheet = (path, "", "") if Path(path).exists() else path.partition(SHEET_SIGN)
    return file, sheet


def grid(path: str | Path, texts: Callable[[], Collection[str]] = tuple) -> Grid:
    """Return the cells of a table.

    Parameters
    ----------
    path : str or Path
        Of a workbook its first sheet, or `path#sheet`.
    texts : callable
        Returns the columns that hold text: a comma in them is no decimal comma.

    Raises
    ------
    InputError
        Where the file is missing or is no table, or its numbers have decimal commas and decimal points.
    """
    file, sheet = _parts(str(path))
    try:
        content = Path(file).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        beside = _beside(Path(file))
        expected = f"the nearest is '{beside}'" if beside else _EXPECTED
        raise InputError(f"{path}: file not found{'; ' if beside else ', '}{expected}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: got a folder, {_EXPECTED}") from None
    if _WORKBOOKS.match(content):
        found = Grid(_of_workbook(str(path), content, sheet))
    elif sheet:
        raise InputError(f"{path}: got the sheet '{sheet}' of a file that is no workbook")
    else:
        found = _of_text(str(path), content, texts)
    # One system writes an umlaut as one sign, another as a letter and a mark: the same name in either.
    cells = [[unicodedata.normalize("NFC", cell.strip()) for cell in row] for row in found.rows]
    return Grid(cells, found.has_decimal_commas, found.separator)


def _beside(file: Path) -> str:
    """Return the table that was probably meant by a file that does not exist: of its name, or nearly; '' for none."""
    folder = file.parent
    tables = sorted(each for each in folder.glob("*") if each.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
    same = [each.as_posix() for each in tables if each.stem.casefold() == file.stem.casefold()]
    return same[0] if same else nearest(file.as_posix(), [each.as_posix() for each in tables])


def _of_text(path: str, content: bytes, texts: Callable[[], Collection[str]]) -> Grid:
    """Return the cells of a text, separated as its first line is."""
    for start, kind in _OTHER_FILES.items():
        if re.match(start, content):
            raise InputError(f"{path}: got {kind}; {_SAVE_AS}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        read = fault.object  # without the mark of the byte order, which the place of the fault does not count
        row = read.count(b"\n", 0, fault.start) + 1
        raise InputError(f"{path}: row {row}: byte {read[fault.start]:#04x} is not UTF-8; {_SAVE_AS}") from None
    first = text.partition("\n")[0]
    separator = next((sign for sign in _SEPARATORS if sign in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        found = list(reader)
    except csv.Error as fault:
        expected = "expected a closed pair of quotation marks around a cell, or none"
        raise InputError(
            f"{path}: line {reader.line_num}: got unbalanced quotation marks ({fault}), {expected}"
        ) from None
    if separator == ",":
        return Grid(found, separator=separator)
    return Grid(*_with_decimal_points(path, found, texts()), separator)


def _with_decimal_points(path: str, found: Sequence[list[str]], texts: Collection[str]) -> tuple[list[list[str]], bool]:
    """Return the cells with decimal points in place of decimal commas, and whether all numbers have those."""
    header = [name.strip() for name in found[0]] if found else []
    places = [
        (number, column, cell.strip())
        for number, row in enumerate(found[1:], start=2)
        for column, cell in enumerate(row)
        if column >= len(header) or header[column] not in texts
    ]
    commas = [place for place in places if _DECIMAL_COMMA.fullmatch(place[2])]
    points = [place for place in places if _DECIMAL_POINT.fullmatch(place[2])]
    if commas and points:
        (row, column, cell), (other, _, beside) = points[0], commas[0]
        name = header[column] if column < len(header) else str(column + 1)
        raise InputError(
            f"{path}: row {row}, column '{name}': got {cell} with a decimal point, and {beside} with a decimal comma "
            f"in row {other}; expected one of both in the whole table"
        )
    made = [list(row) for row in found]
    for row, column, cell in commas:
        made[row - 1][column] = cell.replace(",", ".")
    return made, bool(commas)


def _of_workbook(path: str, content: bytes, sheet: str) -> list[list[str]]:
    """Return the cells of one sheet as they would be typed."""
    import python_calamine  # noqa: PLC0415 - tables of text do without

    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except python_calamine.CalamineError as fault:
        raise InputError(f"{path}: is no readable workbook ({fault}); {_SAVE_AS}") from None
    names = workbook.sheet_names
    if sheet and sheet not in names:
        raise InputError(f"{path}: got the sheet '{sheet}'; {nearest_or_all(sheet, names)}")
    found = workbook.get_sheet_by_name(sheet or names[0])
    cells = [[as_typed(value) for value in row] for row in found.to_python(skip_empty_area=False)]
    _refuse_merged(path, cells, found.merged_cell_ranges or ())
    return cells


def _refuse_merged(path: str, cells: Sequence[Sequence[str]], ranges: Sequence[tuple[Any, Any]]) -> None:
    """Raise the fault of cells of several rows that are merged: the value is that of the first row alone."""
    merged = [
        (top, left, bottom)
        for (top, left), (bottom, _) in ranges
        if bottom > top and top < len(cells) and left < len(cells[top]) and cells[top][left]
    ]
    if merged:
        top, left, bottom = min(merged)
        more = f" (and {len(merged) - 1} more such cells)" if len(merged) > 1 else ""
        name = cells[0][left] if top > 0 else cells[top][left]
        raise InputError(
            f"{path}: rows {top + 1} to {bottom + 1}, column '{name}': got merged cells{more}, of which the first row "
            f"alone has the value '{cells[top][left]}'; expected a value in every row: unmerge them and fill in each"
        )


def as_typed(value: Any) -> str:
    """Return the value of a cell as it would be typed: 33 for 33.0, and a day without the time of midnight."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def row_width(row: Sequence[str], header: int, first: int, is_uneven: bool) -> int:
    """Return the number of cells of a row, those without content behind the header not counted as such.

    A spreadsheet writes such cells in row 1 too. Where row 1 and other rows do not have them, a separator within a name
    has shifted the row, and its last cell is empty by chance. Where all rows are longer than row 1 by an empty cell, a
    separator ends each of them.
    """
    is_shifted = is_uneven and len(row) > first
    return len(row) if len(row) < header or is_shifted or any(row[header:]) else header


_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def width_fault(width: int, header: int, separator: str) -> str:
    """Return the words of the fault of a row that has more cells than the header, or fewer."""
    if width < header or not separator:
        return f"got {width} cells, expected {header} as in the header"
    return (
        f"has {width} fields, the header has {header}: a {_SEPARATOR_NAMES[separator]} within a name must be in quotes"
    )
