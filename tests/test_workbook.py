"""Drafts as a workbook: the same tables as CSV, with lists of values, texts that stay texts, and an explanation."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from click.testing import CliRunner
from drafts import answered

from nernstfit.commands.main import main
from nernstfit.contract import tables
from nernstfit.contract.documentation import tables_page
from nernstfit.contract.errors import InputError
from nernstfit.contract.schema import schema
from nernstfit.contract.terms import Configuration, Statistic
from nernstfit.library import draft, workbook

PROJECT = Path(__file__).resolve().parents[1]
KINDS = ("csv", "xlsx")
SHEETS = {
    "data/experiment.xlsx#recordings": "data/recordings.csv",
    "data/experiment.xlsx#solutions": "data/solutions.csv",
}
NAMESPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def called(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == status, done.output
    return done.output


def drafted(place: Path, source: Path) -> dict[str, Path]:
    """Drafts from the same recordings, by the kind of their tables."""
    for kind in KINDS:
        called("init", str(place / kind), "--from", str(source), "--link", "--format", kind)
    return {kind: place / kind for kind in KINDS}


def assert_same_tables(folders: dict[str, Path]) -> None:
    for sheet, table in SHEETS.items():
        assert tables.read(f"{folders['xlsx']}/{sheet}").equals(tables.read(folders["csv"] / table))


def checked(folder: Path, *options: str, status: int) -> str:
    """What `check` says of a draft, with the tables' names as CSV."""
    said = called("check", str(folder), *options, status=status).replace(str(folder), "FOLDER")
    for sheet, table in SHEETS.items():
        said = said.replace(sheet, table)
    return said


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drafts of the demonstration."""
    return drafted(tmp_path_factory.mktemp("drafts"), PROJECT / "data")


def part(book: Path, name: str) -> ElementTree.Element:
    with zipfile.ZipFile(book) as content:
        return ElementTree.fromstring(content.read(f"xl/{name}"))


def book_of(folder: Path) -> Path:
    return folder / "data" / "experiment.xlsx"


def lists(book: Path, sheet: int) -> dict[str, tuple[str, str]]:
    """Source of the values of a sheet's columns and whether others are refused, by the letter of the column."""
    found = {}
    for each in part(book, f"worksheets/sheet{sheet}.xml").iterfind(".//m:dataValidation", NAMESPACE):
        assert each.get("type") == "list"
        assert each.get("showErrorMessage") == "1"
        (letter,) = re.findall(r"^([A-Z]+)2:(?:\1)1048576$", str(each.get("sqref")))
        found[letter] = (str(each.findtext("m:formula1", namespaces=NAMESPACE)), each.get("errorStyle", "stop"))
    return found


def letter(columns: list[str], name: str) -> str:
    return chr(ord("A") + columns.index(name))


def test_the_workbook_has_the_rows_of_the_tables_as_csv(demonstration: dict[str, Path]) -> None:
    assert_same_tables(demonstration)
    assert len(tables.read(demonstration["csv"] / "data" / "recordings.csv")) == 46


def test_check_says_the_same_before_and_after_the_answers(demonstration: dict[str, Path]) -> None:
    assert checked(demonstration["xlsx"], status=1) == checked(demonstration["csv"], status=1)
    for kind in KINDS:
        answered(demonstration[kind])
    config = demonstration["xlsx"] / "config" / "config.yaml"
    text = config.read_text()
    assert "solutions: data/experiment.xlsx#solutions\n" in text
    config.write_text(text.replace("data/experiment.xlsx#solutions", "data/solutions.csv"))
    said = {kind: json.loads(checked(demonstration[kind], "--json", status=0)) for kind in KINDS}
    assert said["xlsx"] == said["csv"]


def test_real_recordings_have_the_rows_of_the_tables_as_csv(tmp_path: Path, real_abf: Path) -> None:
    folders = drafted(tmp_path, real_abf)
    assert_same_tables(folders)
    assert checked(folders["xlsx"], status=1) == checked(folders["csv"], status=1)


def test_the_same_recordings_give_the_same_bytes(
    demonstration: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 2e9)
    again = drafted(tmp_path, PROJECT / "data")
    assert book_of(again["xlsx"]).read_bytes() == book_of(demonstration["xlsx"]).read_bytes()
    with zipfile.ZipFile(book_of(again["xlsx"])) as content:
        assert {info.date_time[0] for info in content.infolist()} == {1980}
        assert re.findall(r">(\d{4})-", content.read("docProps/core.xml").decode()) == ["2000", "2000"]


def test_a_workbook_is_not_overwritten(demonstration: dict[str, Path]) -> None:
    book = book_of(demonstration["xlsx"])
    before = book.read_bytes()
    said = called(
        *("init", str(demonstration["xlsx"]), "--recordings", str(PROJECT / "data" / "c1_control.abf")),
        *("--format", "xlsx"),
        status=1,
    )
    assert "experiment.xlsx: exists already" in said
    assert book.read_bytes() == before


def test_baths_and_pipettes_are_chosen_from_the_solutions(demonstration: dict[str, Path]) -> None:
    columns = list(tables.read(f"{book_of(demonstration['xlsx'])}#recordings"))
    found = lists(book_of(demonstration["xlsx"]), 1)
    names = "OFFSET(solutions!$A$2,0,0,MAX(1,COUNTA(solutions!$A$2:$A$1048576)),1)"
    # A name may be typed before its solution is.
    expected = {letter(columns, name): (names, "warning") for name in ("bath", "pipette")}
    assert found == expected | {letter(columns, "configuration"): (f'"{",".join(Configuration)}"', "stop")}
    assert lists(book_of(demonstration["xlsx"]), 2) == {}


def test_a_key_of_measure_with_few_values_has_them_as_a_list(tmp_path: Path) -> None:
    columns = ["recording", "cell", "bath", "pipette", "statistic", "estimator", "epoch"]
    sheets = [workbook.Sheet("recordings", columns, []), workbook.Sheet("solutions", ["solution", "K"], [])]
    book = tmp_path / "a.xlsx"
    book.write_bytes(workbook.workbook(sheets, {}))
    found = lists(book, 1)
    assert found["E"] == (f'"{",".join(Statistic)}"', "stop")
    estimators = schema()["properties"]["measure"]["properties"]["estimator"]["enum"]
    assert found["F"] == (f'"{",".join(estimators)}"', "stop")
    assert "G" not in found


def test_the_header_stays_in_view(demonstration: dict[str, Path]) -> None:
    for sheet in (1, 2, 3):
        pane = part(book_of(demonstration["xlsx"]), f"worksheets/sheet{sheet}.xml").find(".//m:pane", NAMESPACE)
        assert pane is not None
        assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")


def text_columns(book: Path, sheet: int) -> set[int]:
    """Numbers, from 1, of the columns whose cells are text whatever is typed."""
    styles = part(book, "styles.xml").findall(".//m:cellXfs/m:xf", NAMESPACE)
    found: set[int] = set()
    for each in part(book, f"worksheets/sheet{sheet}.xml").iterfind(".//m:col", NAMESPACE):
        if styles[int(each.get("style", 0))].get("numFmtId") == "49":  # @
            found |= set(range(int(each.get("min", 0)), int(each.get("max", 0)) + 1))
    return found


def test_what_is_typed_into_a_column_of_text_stays_text(demonstration: dict[str, Path]) -> None:
    book = book_of(demonstration["xlsx"])
    columns = list(tables.read(f"{book}#recordings"))
    numbers = {"series_resistance_MOhm", "compensation_percent", "capacitance_pF"}
    places = {columns.index(name) + 1 for name in numbers}
    # Sweeps, or whatever column is added, too.
    assert text_columns(book, 1) == set(range(1, 16_385)) - places
    assert text_columns(book, 2) == {1, list(tables.read(f"{book}#solutions")).index("titrant") + 1}


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        *((text, text) for text in ("=1+1", "007", "1-2", "1E3", "0.10", "_x0041_", "a\x01b", "http://a.b", "é" * 9)),
        ("x" * 40_000, "x" * 32_767),
    ],
)
def test_every_text_is_read_as_it_was_written(tmp_path: Path, cell: str, read: str) -> None:
    row = {"recording": cell, "from_ms": cell, "comment": cell}
    sheets = [
        workbook.Sheet("recordings", list(row), [row]),
        workbook.Sheet("solutions", ["solution", "K"], [{"solution": "s", "K": "0.1"}]),
    ]
    book = tmp_path / "a.xlsx"
    book.write_bytes(workbook.workbook(sheets, {"comment": "Any"}))
    assert tables.read(book).loc[2].tolist() == [read] * 3
    assert tables.read(f"{book}#solutions").loc[2].tolist() == ["s", "0.1"]


def test_a_number_is_a_number_in_the_workbook(tmp_path: Path) -> None:
    made = draft.draft({"c1_control.abf": PROJECT / "data" / "c1_control.abf"})
    draft.write(tmp_path, {}, made, kind="xlsx")
    kinds = {
        cell.get("r"): cell.get("t", "n")
        for cell in part(book_of(tmp_path), "worksheets/sheet2.xml").iterfind(".//m:c", NAMESPACE)
    }
    amount = list(tables.read(f"{book_of(tmp_path)}#solutions")).index("KCl")
    assert kinds[f"{chr(ord('A') + amount)}4"] == "n"
    assert kinds["A4"] == "s"


def test_every_column_is_explained_in_the_words_of_the_documentation(demonstration: dict[str, Path]) -> None:
    book = book_of(demonstration["xlsx"])
    explained = tables.read(f"{book}#columns")
    assert list(explained) == ["sheet", "column", "type", "unit", "default", "meaning"]
    assert (explained["meaning"] != "").all()
    page = tables_page().replace("`", "").replace("\\|", "|")
    for sheet, table in (("recordings", tables.TABLES["recordings"]), ("solutions", tables.TABLES["solutions_input"])):
        rows = explained[explained["sheet"] == sheet].set_index("column")
        assert rows.index.is_unique
        assert {*table.columns, *tables.read(f"{book}#{sheet}")} <= set(rows.index)
        assert rows.loc["(a row)", "meaning"] == table.meaning
        for name, column in table.columns.items():
            type_, unit, _, meaning = rows.loc[name, ["type", "unit", "default", "meaning"]]
            assert unit == column.unit
            assert f"| {name} | {type_} | {unit} | {meaning} |\n" in page
    measure = explained[explained["sheet"] == "recordings"].set_index("column").loc["from_ms"]
    assert (measure["type"], measure["unit"], measure["default"]) == ("number or nothing", "ms", "nothing")
    assert explained.set_index("column").loc["NaCl", "unit"] == "mM"


def test_merged_cells_are_refused_in_so_many_words(tmp_path: Path) -> None:
    path = tmp_path / "merged.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("recordings")
    for row, cells in enumerate([["recording", "cell"], ["a.abf", ""], ["b.abf", ""], ["c.abf", "c2"]]):
        sheet.write_row(row, 0, cells)
    sheet.merge_range(1, 1, 2, 1, "c1")
    book.close()
    with pytest.raises(InputError) as told:
        tables.read(f"{path}#recordings")
    assert "rows 2 to 3, column 'cell': got merged cells" in str(told.value)
    assert "'c1'; expected a value in every row: unmerge them" in str(told.value)
