"""The pair that reads and writes every table."""

from __future__ import annotations

import csv
import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xlsxwriter
from experiments import complete

from nernstfit.contract import table_files, tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.frames import by_measurement
from nernstfit.contract.number_columns import numbers
from nernstfit.contract.numbers import Range, number
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import CorrectionStep

CONTRACT = {
    tables.REVERSAL_POTENTIALS: "measurement, recording, epoch, sweeps, group, cell, bath, pipette, configuration, "
    "temperature_C, verdict, reason, raw_mV, leak_shift_mV, rs_shift_mV, reversal_mV, junction_mV, corrected_mV, "
    "se_mV, low_mV, high_mV, slope_nS, flags, further_se_mV, time_s",
    tables.IV: "measurement, level, command_mV, voltage_mV, current_pA, se_pA, raw_current_pA",
    tables.SOLUTIONS: "temperature_C, solution, ion, valence, concentration_mM, activity_coefficient, activity_mM, "
    "ionic_strength_M, status, "
    "total_mM, pH, titrant_mM, charge_excess_meq_per_l, osmolarity_mOsm_per_l, warnings, assumptions, "
    "osmolality_mOsm_per_kg",
    tables.JUNCTIONS: "bath, pipette, configuration, temperature_C, term, from_solution, to_solution, henderson_mV, "
    "nernst_planck_mV, applied_mV, statement, zeroed_in, shared_se_mV",
    tables.THERMODYNAMICS: "measurement, ion, driving_force_mV, delta_mu_kJ_per_mol, flux_ratio, nernst_mV, reason, "
    "noise_pA, bandwidth_Hz, bandwidth_source, thermal_noise_pA, noise_ratio",
    tables.PERMEABILITIES: "group, model, ion, reference, verdict, ratio, low, high, ln_ratio, low_cells, "
    "high_cells, se_ln_cells, se_ln_shared, df, n_cells, reason",
    tables.CELLS: "group, cell, model, ion, ratio, low, high, ln_ratio, se_ln_ratio, n_baths, offset_mV",
    tables.MODELS: "group, model, activity, permeant, n_data, n_parameters, chi_square, log_likelihood, aicc, "
    "delta_aicc, sentence",
    tables.RESIDUALS: "measurement, group, cell, bath, model, measured_mV, se_mV, predicted_mV, residual_mV, offset_mV",
    tables.NERNST_SLOPES: "group, ion, n, slope_mV_per_decade, low, high, theoretical_mV_per_decade",
    tables.COMPARISONS: "ion, group, other_group, model, reference, ln_difference, low, high, p, p_holm, "
    "ratio_of_ratios, se_ln_cells, se_ln_shared, df, reason",
    tables.TESTS: "group, model, test, ion, statistic, p, sentence, size, se, unit, df1, df2",
    tables.ERROR_BUDGET: "group, ion, source, variance_share, se_ln, sentence, model",
    tables.CORRECTIONS: "group, step, ion, ratio, low, high, verdict",
}


@pytest.mark.parametrize(("table", "columns"), CONTRACT.items(), ids=lambda x: getattr(x, "name", ""))
def test_the_columns_of_the_contract_come_first_and_further_ones_follow(table: tables.Table, columns: str) -> None:
    expected = columns.split(", ")
    assert list(table.columns)[: len(expected)] == expected
    assert set(table.keys) <= set(table.columns)
    assert table.numbers <= set(table.columns)


# Reading


def read(path: Path, content: bytes | str) -> pd.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.read(path)


def fault_of(path: Path, content: bytes | str) -> str:
    with pytest.raises(InputError) as caught:
        read(path, content)
    assert len(caught.value.faults) == 1, caught.value.faults
    assert caught.value.faults[0].startswith(f"{path}: ")
    return caught.value.faults[0].removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_line_ends_do_not_matter(path: Path, mark: bytes, end: str) -> None:
    table = read(path, mark + f"cell,bath{end}c1,high K{end}".encode())
    assert table.to_dict("records") == [{"cell": "c1", "bath": "high K"}]


@pytest.mark.parametrize("name", ["NA", "007", "None", "nan", "NaN", "null", "N/A", "1e5", "true", "-", "1,5", 'a"b'])
def test_identifiers_are_text_as_typed(path: Path, name: str) -> None:
    cell = '"' + name.replace('"', '""') + '"'
    assert read(path, f"cell,bath\n{cell},b\n").loc[2, "cell"] == name


def test_only_the_empty_cell_is_missing(path: Path) -> None:
    table = read(path, "a,b,c\n,  ,x\n")
    assert table.loc[2].tolist() == ["", "", "x"]
    assert numbers(table, "a", "t", Range().expected)[0].isna().all()


def test_blanks_around_a_cell_do_not_count(path: Path) -> None:
    assert read(path, " cell , bath\n c1 ,\thigh K \n").to_dict("records") == [{"cell": "c1", "bath": "high K"}]


@pytest.mark.parametrize("row", ["1", "1,2", "1,2,3,4"])
def test_a_row_of_another_length_is_a_fault_that_hides_no_other_row(path: Path, row: str) -> None:
    path.write_text(f"a,b,c\n{row}\n4,5,6\n")
    found = tables.examine(path)
    n = row.count(",") + 1
    words = "has 4 fields, the header has 3: a comma within a name must be in quotes"
    assert found.faults == (f"{path}: row 2: {words if n > 3 else f'got {n} cells, expected 3 as in the header'}",)
    assert (found.ragged, found.even.index.tolist()) == ({2}, [3])


@pytest.mark.parametrize(("sign", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_a_separator_in_a_name_is_told_although_the_last_cell_is_empty(path: Path, sign: str, name: str) -> None:
    path.write_text("cell,bath,note\nc1, big,control,\nc2,control,\n".replace(",", sign))
    found = tables.examine(path)
    told = f"has 4 fields, the header has 3: a {name} within a name must be in quotes"
    assert (found.faults, found.ragged) == ((f"{path}: row 2: {told}",), {2})


@pytest.mark.parametrize("text", ["a,b,,\n1,2,,\n3,4,,\n", "a,b,,\n1,2\n3,4,,\n", "a,b\n1,2,\n3,4,\n"])
def test_empty_cells_behind_the_header_are_accepted(path: Path, text: str) -> None:
    assert read(path, text).to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize("title", [",Table 1,", "Table 1", "# made on Monday", "#a,b,c", ",,", ""])
def test_a_title_in_row_1_is_one_fault(path: Path, title: str) -> None:
    assert fault_of(path, f"{title}\na,b,c\n1,2,3\n4,5,6\n").startswith(
        "row 1 looks like a title; column names belong there"
    )


def test_a_name_is_composed_whatever_system_wrote_it(path: Path) -> None:
    assert read(path, "cell,bath\nc1,Bru\u0308cke\n").loc[2, "bath"] == "Br\u00fccke"


def test_empty_columns_at_the_end_do_not_count(path: Path) -> None:
    assert list(read(path, "a,b,,\n1,2,,\n").columns) == ["a", "b"]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(path: Path) -> None:
    table = read(path, "a,b\n1,x\n,\n\n2,y\n")
    assert table.index.tolist() == [2, 5]


def test_a_line_break_within_quotes_is_part_of_the_cell(path: Path) -> None:
    assert read(path, 'a,b\n"one\ntwo",x\n3,y\n').loc[2, "a"] == "one\ntwo"


@pytest.mark.parametrize(
    ("content", "found", "right"),
    [
        ("a;b\n1,5;2.5\n", "row 2, column 'b': got 2.5 with a decimal point, and 1,5 with", "one of both"),
        ("a\tb\n1,5\t2\n3.5\t2\n", "row 3, column 'a': got 3.5 with a decimal point", "one of both"),
        ("a,b\n1,2\n1,\u00b5\n".encode("latin-1"), "row 3: byte 0xb5 is not UTF-8", "Excel: Save as, CSV UTF-8"),
        (b"\xef\xbb\xbfa,b\n1,2\n1,2\n\xb5\n", "row 4: byte 0xb5 is not UTF-8", "Excel: Save as, CSV UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "got text in UTF-16, which is not UTF-8", "UTF-8"),
        ("a|b\n1|2\n", "row 1: got vertical bars", "expected commas"),
        (b"PK\x03\x04\x14\xb1\xf2", "is no readable workbook", "save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is no readable workbook", "save the table as CSV"),
        (b"%PDF-1.7\n", "got a PDF", "save the table as CSV"),
        (b"ABF2\x00\x00", "got a recording (ABF)", "save the table as CSV"),
        ("", "is empty", "a header and at least one row"),
        ("\n\n", "is empty", "a header and at least one row"),
        (b"\xef\xbb\xbf", "is empty", "a header and at least one row"),
        ("a,b\n", "without rows", "at least one row"),
        ("a,b\n,\n", "without rows", "at least one row"),
        ("a,b,a\n1,2,3\n", "row 1, column 'a': got it 2 times", "once"),
        ("a,,b\n1,2,3\n", "row 1: got a column without a name", "a name"),
        ("a,b\n1,2\n1,2,3\n", "row 3: has 3 fields, the header has 2", "a comma within a name must be in quotes"),
        # else the rows below it would be swallowed without a word
        ('a,b\n1,"seal lost\n2,x\n3,y\n', "quot", "expected"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(path: Path, content: bytes | str, found: str, right: str) -> None:
    fault = fault_of(path, content)
    assert found in fault
    assert right in fault


@pytest.mark.parametrize(
    "content",
    [
        "solution;NaCl;KCl;name\ncontrol;140,5;5;a b\nhigh;-1,5e-3;140;x,y\n",
        "solution\tNaCl\tKCl\tname\ncontrol\t140,5\t5\ta b\nhigh\t-1,5e-3\t140\tx,y\n",
        b'\xef\xbb\xbfsolution;NaCl;KCl;name\r\ncontrol;140.5;5;a b\r\nhigh;-1.5e-3;140;"x,y"\r\n',
        'solution,NaCl,KCl,name\ncontrol,140.5,5,a b\nhigh,-1.5e-3,140,"x,y"\n',
    ],
)
def test_tabs_semicolons_and_decimal_commas_are_read(path: Path, content: bytes | str) -> None:
    table = read(path, content)
    assert table.to_dict("list") == {
        "solution": ["control", "high"],
        "NaCl": ["140.5", "-1.5e-3"],
        "KCl": ["5", "140"],
        "name": ["a b", "x,y"],
    }


def test_a_comma_between_sweeps_is_no_decimal_comma(path: Path) -> None:
    table = read(path, "recording;sweeps;from_ms\na.abf;3,5;0,5\n")
    assert table.loc[2].to_dict() == {"recording": "a.abf", "sweeps": "3,5", "from_ms": "0.5"}


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """A workbook of two sheets, with cells of every kind."""
    place = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(place) as book:
        first, second = book.add_worksheet("solutions"), book.add_worksheet("second")
        first.write_row(0, 0, ["solution", "NaCl", "KCl", "day", "flag", "note"])
        first.write_row(1, 0, ["control", 140.5, 5])
        first.write_datetime(1, 3, datetime.datetime(2024, 3, 5), book.add_format({"num_format": "yyyy-mm-dd"}))
        first.write_boolean(1, 4, True)
        first.write_row(3, 0, [" 007 ", 140, 0.1])
        second.write_row(0, 0, ["a", "b"])
        second.write_row(1, 0, ["NA", "1,5"])
    return place


def test_the_first_sheet_of_a_workbook_is_read_as_it_would_be_typed(workbook: Path) -> None:
    table = tables.read(workbook)
    assert table.index.tolist() == [2, 4]
    assert table.loc[2].tolist() == ["control", "140.5", "5", "2024-03-05", "TRUE", ""]
    assert table.loc[4].tolist() == ["007", "140", "0.1", "", "", ""]


def test_another_sheet_is_named_behind_the_path(workbook: Path) -> None:
    assert tables.read(f"{workbook}#second").loc[2].tolist() == ["NA", "1,5"]
    with pytest.raises(InputError, match="got the sheet 'secnd'; the nearest is 'second'"):
        tables.read(f"{workbook}#secnd")


def test_a_file_may_have_the_sign_of_a_sheet_in_its_name(tmp_path: Path) -> None:
    place = tmp_path / "run#2.csv"
    place.write_text("a,b\n1,2\n")
    assert tables.read(place).loc[2, "b"] == "2"
    assert table_files.file_of(str(place)) == str(place)


def test_a_workbook_is_known_by_its_content(workbook: Path) -> None:
    renamed = workbook.rename(workbook.with_suffix(".csv"))
    assert tables.read(renamed).loc[2, "solution"] == "control"
    other = workbook.with_name("text.xlsx")
    other.write_text("a,b\n1,2\n")
    assert tables.read(other).loc[2, "b"] == "2"
    with pytest.raises(InputError, match="got the sheet 'x' of a file that is no workbook"):
        tables.read(f"{other}#x")


@pytest.mark.parametrize(("content", "faults"), [("a,a,b,b,\n1,2,3,4,5\n,,,,,6\n", 4)])
def test_every_fault_of_the_shape_is_reported(path: Path, content: str, faults: int) -> None:
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        tables.read(path)
    assert len(caught.value.faults) == faults


def test_a_missing_table_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: file not found"):
        tables.read(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=f"{tmp_path.name}: got a folder"):
        tables.read(tmp_path)


def test_a_file_in_place_of_a_folder_is_a_missing_table(path: Path) -> None:
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"table\.csv"):
        tables.read(path / "solutions.csv")


# Numbers


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("-0.5", -0.5), ("1e-3", 1e-3), (".5", 0.5), ("+2", 2.0)])
def test_numbers_as_people_type_them(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "hint"),
    [("1,5", "1.5"), ("-22,4", "-22.4"), ("+0,1", "+0.1"), ("0,125", "0.125"), ("abc", None), ("1,000,000", None)],
)
def test_a_decimal_comma_is_recognised(text: str, hint: str | None) -> None:
    with pytest.raises(ValueError, match=f"got '{text.replace('+', '[+]')}', expected a number") as caught:
        number(text)
    assert ("decimal point" in str(caught.value)) == (hint is not None)
    assert hint is None or str(caught.value).endswith(f"(with a decimal point: {hint})")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3,000", "(3000, without a thousands separator)"),
        ("1,000,000", "(1000000, without a thousands separator)"),
        ("-3'000", "(-3000, without a thousands separator)"),
        ("3 000", "(3000, without a thousands separator)"),
        ("1.000.000", "(1000000, without a thousands separator)"),
        ("1,234.5", "(1234.5, without a thousands separator)"),
        ("1.234,5", "(1234.5, without a thousands separator and with a decimal point)"),
        ("3,125", "(3125, without a thousands separator, or 3.125, with a decimal point)"),
        ("\u22125.5", "(-5.5, with a hyphen as the minus)"),
        ("70 %", "(without a unit)"),
    ],
)
def test_the_number_that_was_meant_is_told(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="expected a number") as caught:
        number(text)
    assert str(caught.value) == f"got '{text}', expected a number {meant}"


@pytest.mark.parametrize(
    ("text", "unit", "meant"),
    [
        ("22 C", "C", "(22, without its unit)"),
        ("22\u00b0C", "C", "(22, without its unit)"),
        ("295K", "C", "(in C, without its unit)"),
        ("8,1MOhm", "MOhm", "(8.1, without its unit)"),
        ("8M\u03a9", "MOhm", "(8, in MOhm, without its unit)"),
        ("0.008 GOhm", "MOhm", "(8, in MOhm, without its unit)"),
        ("70 %", "percent", "(70, without its unit)"),
        ("100uM", "mM", "(0.1, in mM, without its unit)"),
        ("0,14 M", "mM", "(140, in mM, without its unit)"),
        ("5 mmol/l", "mM", "(5, in mM, without its unit)"),
        ("5%", "mmHg", "(in mmHg, without its unit)"),
        ("-0.02V", "mV", "(-20, in mV, without its unit)"),
        ("12 ms", "s", "(0.012, in s, without its unit)"),
        ("12 min", "s", "(in s, without its unit)"),
    ],
)
def test_a_number_with_a_unit_is_told_in_the_unit_of_its_place(text: str, unit: str, meant: str) -> None:
    with pytest.raises(ValueError, match="expected a number") as caught:
        number(text, unit)
    assert str(caught.value) == f"got '{text}', expected a number {meant}"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "Infinity", "NaN", "14_5", "1e999", "0x10", "1 2"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=", expected a"):
        number(text)


def test_each_wrong_number_is_one_fault_with_row_and_column(path: Path) -> None:
    table = read(path, 'x,y\n1,a\n,b\n"2,5",c\n-7,d\n')
    values, faults = numbers(table, "x", "t.csv", lambda v: None if v >= 0 else "0 or more")
    assert values.isna().tolist() == [False, True, True, True]
    assert values[2] == 1.0
    assert [fault.split(": ")[:2] for fault in faults] == [
        ["t.csv", "row 4, column 'x'"],
        ["t.csv", "row 5, column 'x'"],
    ]
    assert faults[1].endswith("got -7, expected 0 or more")


# Writing


def written(path: Path, table: tables.Table, rows: Any, **more: Any) -> list[list[str]]:
    tables.write(path, table, [complete(table, row) for row in rows], **more)
    content = path.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    return list(csv.reader(content.decode("utf-8").splitlines()))


SLOPE = {"group": "", "ion": "K"}
BOOLEANS = (("bootstrap", None), ("cells", False), ("profile", True))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (np.float64(-0.0), "0"),
        (1 / 3, "0.333333333333"),
        (123456789.123456789, "123456789.123"),
        (1e-7, "1e-07"),
        (math.nan, ""),
        (None, ""),
        (pd.NA, ""),
        (np.float64("nan"), ""),
        (np.float32("nan"), ""),
        (np.float32(0.5), "0.5"),
        (7, "7"),
        (np.int64(7), "7"),
    ],
)
def test_how_a_value_is_written(path: Path, value: Any, text: str) -> None:
    header, row = written(path, tables.NERNST_SLOPES, [{**SLOPE, "low": value}])
    assert row[header.index("low")] == text


def test_text_is_written_as_it_is(path: Path) -> None:
    names = ["NA", "007", "None", "µ ü", 'a "b", c', "-0"]
    header, *rows = written(path, tables.NERNST_SLOPES, [{"group": name, "ion": "K"} for name in names])
    assert sorted(row[header.index("group")] for row in rows) == sorted(names)


def test_a_table_without_rows_is_its_header(path: Path) -> None:
    for rows in ([], pd.DataFrame()):
        tables.write(path, tables.CORRECTIONS, rows)
        assert path.read_text() == f"{','.join(tables.CORRECTIONS.columns)}\n"


def test_the_users_own_columns_follow_by_name(path: Path) -> None:
    header, _ = written(path, tables.REVERSAL_POTENTIALS, [{"zeta": "1", "alpha": "2"}])
    assert header == [*tables.REVERSAL_POTENTIALS.columns, "alpha", "zeta"]


RESULTS = [table for table in tables.TABLES.values() if table.kind == tables.RESULT]


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_an_undeclared_column_is_never_written(path: Path, table: tables.Table) -> None:
    row = complete(table, {"undeclared": "own"})
    if table.own_columns:
        tables.write(path, table, [row])
        return
    with pytest.raises(tables.UndeclaredContent, match=f"{table.path}: column 'undeclared' is not declared"):
        tables.write(path, table, [row])
    assert not path.exists()


COLUMNS = [(table, column) for table in RESULTS for column in table.columns.values()]


def refused(path: Path, table: tables.Table, rows: Any, match: str) -> None:
    with pytest.raises(tables.UndeclaredContent, match=match):
        tables.write(path, table, rows)
    assert not path.exists()


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_a_declared_column_is_never_left_out(path: Path, table: tables.Table) -> None:
    row = complete(table, {})
    tables.write(path, table, [row])
    path.unlink()
    for column in table.columns:
        others = {name: value for name, value in row.items() if name != column}
        refused(path, table, [others], f"'{column}'.* is absent")


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_a_value_is_of_the_type_of_its_column(path: Path, table: tables.Table) -> None:
    wrong: dict[str, list[Any]] = {
        "text": [7, 1.5, True],
        "number": ["1.5", "", True, np.bool_(False), math.inf, -math.inf],
        "integer": [1.5, "1", True, math.inf],
        "boolean": [1, 0.0, "true"],
    }
    for column in table.columns.values():
        for value in wrong[column.type]:
            if value == "" and column.missing:
                continue
            refused(path, table, [complete(table, {column.name: value})], f"column '{column.name}': got ")


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_a_required_cell_is_never_empty(path: Path, table: tables.Table) -> None:
    for column in table.columns.values():
        for empty in () if column.missing else (None, math.nan, pd.NA, *([""] if column.type == "text" else [])):
            refused(path, table, [complete(table, {column.name: empty})], f"column '{column.name}'.*not empty")


@pytest.mark.parametrize(("table", "column"), [of for of in COLUMNS if of[1].values], ids=lambda of: of.name)
def test_a_word_is_one_of_the_terms_of_its_column(path: Path, table: tables.Table, column: tables.Column) -> None:
    for value in column.values:
        tables.write(path, table, [complete(table, {column.name: value})])
    path.unlink()
    refused(path, table, [complete(table, {column.name: "unheard_of"})], "got 'unheard_of'")


def test_several_flags_stand_in_one_cell_and_each_is_known(path: Path) -> None:
    table, known = tables.REVERSAL_POTENTIALS, tables.flag("repeats", 3.0)
    tables.write(path, table, [complete(table, {"flags": f"{known};{tables.flag('rs_unknown')}"})])
    path.unlink()
    refused(path, table, [complete(table, {"flags": f"{known};unheard_of=1"})], "column 'flags'")


@pytest.mark.parametrize("table", RESULTS, ids=lambda table: table.name)
def test_a_key_is_never_repeated(path: Path, table: tables.Table) -> None:
    refused(path, table, [complete(table, {}), complete(table, {})], "key repeated")


def test_rows_are_sorted_by_code_point(path: Path) -> None:
    names = ["b", "A", "a", "Z", "10", "9", "ä", ""]
    _, *rows = written(path, tables.NERNST_SLOPES, [{"group": name, "ion": "K"} for name in names])
    assert [row[0] for row in rows] == ["", "10", "9", "A", "Z", "a", "b", "ä"]


def test_numeric_keys_are_sorted_by_size(path: Path) -> None:
    rows = [{"measurement": "m", "level": level} for level in (10, 2, 0, 1)]
    assert [row[1] for row in written(path, tables.IV, rows)[1:]] == ["0", "1", "2", "10"]
    rows = [{"temperature_C": t, "solution": "s", "ion": "K"} for t in (22.0, 5.0, -1.5, 100.0)]
    assert [row[0] for row in written(path, tables.SOLUTIONS, rows)[1:]] == ["-1.5", "5", "22", "100"]


def test_steps_are_sorted_up_the_ladder(path: Path) -> None:
    rows = [{"group": "", "step": step, "ion": "K"} for step in sorted(CorrectionStep)]
    found = [row[1] for row in written(path, tables.CORRECTIONS, rows)[1:]]
    assert found == ["none", "leak", "series_resistance", "junction", "activity", "offset"]


def test_the_configured_model_comes_first(path: Path) -> None:
    models = ["nernst:K", "ghk:davies", "ghk:concentration"]
    rows = [{"group": group, "model": model} for group in ("b", "a") for model in models]
    found = [row[:2] for row in written(path, tables.MODELS, rows, first_model="ghk:davies")[1:]]
    assert found == [[g, m] for g in ("a", "b") for m in ("ghk:davies", "ghk:concentration", "nernst:K")]


def test_the_order_of_the_rows_given_does_not_matter(path: Path) -> None:
    rows = [
        {"group": group, "cell": cell, "model": model, "ion": ion, "ratio": 0.1 * i}
        for i, (group, cell, model, ion) in enumerate(
            (g, c, m, i) for g in "ab" for c in ("c1", "c10", "c2") for m in ("ghk:x", "ghk:a") for i in ("Na", "K")
        )
    ]
    contents = set()
    for seed in range(5):
        mixed = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
        written(path, tables.CELLS, mixed, first_model="ghk:x")
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_what_was_written_is_read_back(path: Path) -> None:
    rows = [
        {"group": "NA", "ion": "007", "n": 3, "slope_mV_per_decade": -1 / 3, "low": math.nan},
        {"group": "", "ion": "None", "n": 0, "slope_mV_per_decade": 58.0, "low": -0.0},
    ]
    written(path, tables.NERNST_SLOPES, rows)
    back = tables.load(path, tables.NERNST_SLOPES)
    assert back["group"].tolist() == ["", "NA"]
    assert back["ion"].tolist() == ["None", "007"]
    assert back["n"].tolist() == [0.0, 3.0]
    assert back["slope_mV_per_decade"].tolist() == [58.0, pytest.approx(-1 / 3, rel=1e-11)]
    assert back["low"].isna().tolist() == [False, True]
    assert not np.signbit(back["low"][0])
    first = path.read_bytes()
    tables.write(path, tables.NERNST_SLOPES, back)
    assert path.read_bytes() == first


def test_a_boolean_is_read_back(path: Path) -> None:
    rows = [{"method": name, "disagrees": value} for name, value in BOOLEANS]
    written(path, tables.INTERVALS, rows)
    assert [line.rsplit(",", 1)[1] for line in path.read_text().splitlines()[1:]] == ["", "false", "true"]
    assert tables.load(path, tables.INTERVALS)["disagrees"].tolist() == [None, False, True]


def test_a_table_without_rows_is_read_back(path: Path) -> None:
    tables.write(path, tables.MODELS, [])
    assert list(tables.load(path, tables.MODELS).columns) == list(tables.MODELS.columns)


# Flags


def test_a_flag_is_a_known_name_and_a_value() -> None:
    assert tables.flag("rs_unknown") == "rs_unknown=true"
    assert tables.flag("trend", 0.123456) == "trend=0.1235"
    with pytest.raises(ValueError, match="unheard_of"):
        tables.flag("unheard_of")


@pytest.mark.parametrize("name", Flag)
def test_every_flag_is_explained_and_can_stand_in_a_list(name: Flag) -> None:
    assert name.sentence.strip()
    assert not set(name) & set("=; ,")


def test_rows_of_each_measurement_keep_their_order_and_their_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    names = np.array(["b", "NA", "a", "007", "lost & found"], dtype=object)[rng.integers(0, 5, 400)]
    frame = pd.DataFrame({"measurement": names, "point": np.arange(400), "pA": rng.normal(size=400)})
    parts = by_measurement(frame)
    assert list(parts) == list(dict.fromkeys(names))
    for name, part in parts.items():
        own = frame[names == name]
        assert all(part[column].tolist() == own[column].tolist() for column in frame)
    assert by_measurement(frame.iloc[:0]) == {}
    paths = [str(tmp_path / f"{number}.parquet") for number in range(3)]
    for path, rows in zip(paths, np.array_split(np.arange(400), 3), strict=True):
        frame.iloc[rows].to_parquet(path, index=False)
    paths.insert(1, str(tmp_path / "none.parquet"))  # a batch of which no recording could be read
    pd.DataFrame(columns=list(frame)).to_parquet(paths[1], index=False)
    some = frame[np.isin(names, ["007", "NA"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(tables.gather(paths, {"007", "NA", "none"}), some.astype({"measurement": "str"}))
    assert len(tables.gather(paths, {"none"})) == 0
    assert len(tables.gather(paths[1:2], {"NA"})) == 0
