"""Slips of the tables and the configuration: what is typed wrong, and the one sentence that is told before the run."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from nernstfit.commands.main import main
from nernstfit.contract.errors import InputError
from nernstfit.judgement.inputs import findings
from nernstfit.library.loading import load

RECORDINGS, REVERSALS, SOLUTIONS, SPECIES = (
    f"data/{name}.csv" for name in ("recordings", "reversals", "solutions", "species")
)
CONFIG = "config/config.yaml"
BATHS = {"control": "Na", "high_K": "K", "low_Na": "low"}
HEADER = (
    "recording,cell,bath,pipette,group,batch,temperature_C,series_resistance_MOhm,compensation_percent,capacitance_pF,"
    "epoch,exclude,drug"
)
ROWS = [
    f"data/c{cell}_{short}.abf,c{cell},{bath},pipette,WT,day {cell},22,8.1,70,15,B,,none"
    for cell in (1, 2, 3, 4)
    for bath, short in BATHS.items()
]
TABLES = {
    RECORDINGS: "\n".join([HEADER, *ROWS]) + "\n",
    SOLUTIONS: "solution,NaCl,KCl,K-gluconate,MgCl2,glucose\n"
    "control,140,5,0,1,10\nhigh_K,5,140,0,1,10\nlow_Na,45,5,0,1,200\npipette,10,30,105,1,20\nbridge,0,3000,0,0,0\n",
}
SETTINGS: Mapping[str, Any] = {
    "recordings": RECORDINGS,
    "junction": {"zeroed_in": "control", "reference": {"type": "salt-bridge", "solution": "bridge"}},
    "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cl"]},
}
MEASURED = (
    "cell,bath,pipette,reversal_mV,se_mV,group,n\n"
    "c1,control,pipette,-5.2,0.3,WT,1\nc1,high_K,pipette,0.4,0.4,WT,1\nc2,control,pipette,-4.8,0.3,WT,1\n"
)
STYLES = (
    *(f"c{cell}_{bath}" for cell in (1, 2) for bath in ("Na", "K", "low")),
    *(f"patch 3 {bath}" for bath in ("normal", "K", "low")),
    *("leak", "test", "x"),
)
OWN_IONS = "species,charge,mobility,analogue,source\nTES,-1,0.3,Cl,estimate\nchol,1,0.5,,book\n"

Edit = Callable[[dict[str, str], dict[str, Any]], None]
OF_ELSEWHERE = {"recordings": None, "reversals": REVERSALS}


@dataclass(frozen=True)
class Slip:
    """What is changed in a good folder, and what must be told: the beginning of a line, and words of the same line."""

    name: str
    edits: Sequence[Edit]
    told: str
    words: Sequence[str] = ()
    lines: int = 1


def grid(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def written(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def renamed(place: str, **names: str) -> Edit:
    return headed(place, names)


def headed(place: str, names: Mapping[str, str]) -> Edit:
    def edit(tables: dict[str, str], _: dict[str, Any]) -> None:
        head, *body = grid(tables[place])
        assert set(names) <= set(head)
        tables[place] = written([[names.get(name, name) for name in head], *body])

    return edit


def column(place: str, name: str, *values: str, rows: Sequence[int] = ()) -> Edit:
    """Fill a column, in some rows or in all, with values in turn; a column that is not there is added."""

    def edit(tables: dict[str, str], _: dict[str, Any]) -> None:
        head, *body = grid(tables[place])
        if name not in head:
            head, body = [*head, name], [[*row, ""] for row in body]
        for i, n in enumerate(rows or range(2, len(body) + 2)):
            body[n - 2][head.index(name)] = values[i % len(values)]
        tables[place] = written([head, *body])

    return edit


def replaced(place: str, old: str, new: str) -> Edit:
    def edit(tables: dict[str, str], _: dict[str, Any]) -> None:
        assert old in tables[place]
        tables[place] = tables[place].replace(old, new)

    return edit


def as_in_europe(place: str, number: str) -> Edit:
    """Put semicolons between the columns and decimal commas into the numbers, and one number as it is typed there."""

    def edit(tables: dict[str, str], _: dict[str, Any]) -> None:
        tables[place] = tables[place].replace(",", ";").replace(".", ",").replace("number", number)

    return edit


def scaled(place: str, factor: float, *columns: str) -> Edit:
    def edit(tables: dict[str, str], _: dict[str, Any]) -> None:
        head, *body = grid(tables[place])
        for row in body:
            for i, name in enumerate(head):
                if (not columns and i > 0) or name in columns:
                    row[i] = f"{factor * float(row[i]):g}"
        tables[place] = written([head, *body])

    return edit


def setting(**keys: Any) -> Edit:
    """Set keys of the configuration; `__` stands for the dot of a name."""

    def edit(_: dict[str, str], config: dict[str, Any]) -> None:
        for name, value in keys.items():
            *sections, key = name.split("__")
            place = config
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = value

    return edit


def elsewhere(*edits: Edit) -> list[Edit]:
    """Potentials that were measured elsewhere in place of recordings."""

    def edit(tables: dict[str, str], config: dict[str, Any]) -> None:
        tables[REVERSALS] = MEASURED
        config |= OF_ELSEWHERE

    return [edit, *edits]


def own_ions(*edits: Edit) -> list[Edit]:
    """A table of own ions, one of which a bath holds."""

    def edit(tables: dict[str, str], config: dict[str, Any]) -> None:
        tables[SPECIES] = OWN_IONS
        config["species"] = SPECIES
        column(SOLUTIONS, "cholCl", "5", "5", "0", "0", "0")(tables, config)
        config["fit"] = {"reference_ion": "Na", "permeant": ["Na", "K", "chol"]}

    return [edit, *edits]


def meant(place: str, typed: str, known: str, *edits: Edit, advice: str = "Rename it") -> Slip:
    words = f"{advice}, or give it another name if it is your own"
    told = f"{place}: row 1, column '{typed}' is not known; did you mean '{known}'? {words}"
    return Slip(f"{Path(place).stem}: {typed}", edits or [headed(place, {known: typed})], told)


def in_other_unit(place: str, typed: str, known: str, values: str, *edits: Edit) -> Slip:
    advice = f"Give its values in {values}: a new name alone does not convert them"
    return meant(place, typed, known, *edits, advice=advice)


def above_header(name: str, line: str) -> Slip:
    told = f"{RECORDINGS}: row 1 looks like a title; column names belong there"
    return Slip(name, [replaced(RECORDINGS, HEADER, f"{line}\n{HEADER}")], told)


def cells(place: str, rows: str, name: str, told: str) -> str:
    return f"{place}: {rows}, column '{name}': {told}"


UNIT = "expected a number from -5 to 60 (C): "
REASON = "expected a reason for leaving the row out, or empty"

COLUMNS = [
    meant(RECORDINGS, "Group", "group"),
    meant(RECORDINGS, "series_resistance", "series_resistance_MOhm", advice="Rename it if its values are in MOhm"),
    meant(RECORDINGS, "temperature", "temperature_C", advice="Rename it if its values are in C"),
    meant(RECORDINGS, "Epoch", "epoch"),
    meant(RECORDINGS, "from ms", "from_ms", column(RECORDINGS, "from ms", "4"), column(RECORDINGS, "to_ms", "9")),
    meant(RECORDINGS, "capacitance (pF)", "capacitance_pF"),
    meant(RECORDINGS, "bacth", "batch"),
    meant(RECORDINGS, "Bath", "bath"),
    meant(RECORDINGS, "Compensation %", "compensation_percent"),
    in_other_unit(RECORDINGS, "temperature_K", "temperature_C", "C (those in K less 273.15)"),
    in_other_unit(RECORDINGS, "Temp (\u00b0F)", "temperature_C", "C (those in \u00b0F less 32, times 5/9)"),
    in_other_unit(RECORDINGS, "Cm (nF)", "capacitance_pF", "pF (those in nF times 1,000)"),
    in_other_unit(RECORDINGS, "Rs_kOhm", "series_resistance_MOhm", "MOhm (those in kOhm divided by 1,000)"),
    in_other_unit(RECORDINGS, "compensated_fraction", "compensation_percent", "percent (fractions times 100)"),
    in_other_unit(
        RECORDINGS, "min_span_V", "min_span_mV", "mV (those in V times 1,000)", column(RECORDINGS, "min_span_V", ".02")
    ),
    meant(RECORDINGS, "Temp (\u00b0C)", "temperature_C"),
    meant(RECORDINGS, "Rs (M\u03a9)", "series_resistance_MOhm"),
    meant(RECORDINGS, "Cm_pF", "capacitance_pF"),
    meant(RECORDINGS, "excluded", "exclude"),
    meant(RECORDINGS, "Sweep", "sweeps", column(RECORDINGS, "Sweep", "0-5")),
    meant(RECORDINGS, "zeroed-in", "zeroed_in", column(RECORDINGS, "zeroed-in", "control")),
    in_other_unit(
        RECORDINGS,
        "time_min",
        "time_s",
        "s (those in min times 60)",
        column(RECORDINGS, "time_min", *map(str, range(12))),
    ),
    meant(RECORDINGS, "statistics", "statistic", column(RECORDINGS, "statistics", "median")),
    meant(RECORDINGS, "File name", "recording"),
    meant(RECORDINGS, "Bath solution", "bath"),
    meant(REVERSALS, "Reversal (mV)", "reversal_mV", *elsewhere(headed(REVERSALS, {"reversal_mV": "Reversal (mV)"}))),
    in_other_unit(
        REVERSALS,
        "reversal_V",
        "reversal_mV",
        "mV (those in V times 1,000)",
        *elsewhere(headed(REVERSALS, {"reversal_mV": "reversal_V"})),
    ),
    meant(
        REVERSALS,
        "SEM",
        "se_mV",
        *elsewhere(headed(REVERSALS, {"se_mV": "SEM"})),
        advice="Rename it if its values are in mV",
    ),
    in_other_unit(
        SOLUTIONS, "pCO2_kPa", "pCO2_mmHg", "mmHg (those in kPa times 7.50064)", column(SOLUTIONS, "pCO2_kPa", "5")
    ),
    meant(REVERSALS, "N", "n", *elsewhere(headed(REVERSALS, {"n": "N"}))),
    meant(REVERSALS, "gruop", "group", *elsewhere(headed(REVERSALS, {"group": "gruop"}))),
    meant(SOLUTIONS, "Solution", "solution"),
    meant(SOLUTIONS, "PH", "pH", column(SOLUTIONS, "PH", "")),
    meant(SPECIES, "Mobility", "mobility", *own_ions(headed(SPECIES, {"mobility": "Mobility"}))),
    in_other_unit(
        SPECIES, "size_nm", "size_A", "A (those in nm times 10)", *own_ions(column(SPECIES, "size_nm", ".4"))
    ),
    meant(SPECIES, "mobility %", "mobility_percent", *own_ions(column(SPECIES, "mobility %", "5"))),
    Slip(
        "a unit behind a component",
        [headed(SOLUTIONS, {"NaCl": "NaCl (mM)"})],
        f"{SOLUTIONS}: row 1, column 'NaCl (mM)' is not known; did you mean 'NaCl'? concentrations are in mM",
    ),
    Slip(
        "another unit behind a component",
        [headed(SOLUTIONS, {"NaCl": "NaCl_M"})],
        f"{SOLUTIONS}: row 1, column 'NaCl_M' is not known; did you mean 'NaCl'? Give values in mM (those in M times "
        "1,000)",
    ),
    *(
        Slip(
            f"{unit} behind a component",
            [headed(SOLUTIONS, {"NaCl": f"NaCl ({unit})"})],
            f"{SOLUTIONS}: row 1, column 'NaCl ({unit})' is not known; did you mean 'NaCl'? Give values in mM{told}",
        )
        for unit, told in (
            ("\u00b5M", " (those in \u03bcM divided by 1,000)"),
            ("g/l", " (those in g/l times 1,000, divided by the molar mass in g/mol)"),
            ("mg/ml", " (those in mg/ml times 1,000, divided by the molar mass in g/mol)"),
            ("mol", ", not in mol"),
            ("%", ", not in %"),
        )
    ),
    meant(
        SOLUTIONS,
        "CO2 %",
        "pCO2_mmHg",
        column(SOLUTIONS, "CO2 %", "5"),
        advice="Give its values in mmHg, not in %: a new name alone does not convert them",
    ),
    Slip(
        "a key in another unit",
        [setting(measure__from_s=0.3, measure__to_ms=400)],
        f"{CONFIG}: key 'measure.from_s' is not known; the nearest known key is 'measure.from_ms', with values in ms "
        "(those in s times 1,000)",
    ),
]

SHAPE = [
    Slip(
        "a short row",
        [replaced(RECORDINGS, "c2,control,pipette,WT,day 2,22,8.1,70,15,B,,none", "c2,control,pipette")],
        f"{RECORDINGS}: row 5: got 4 cells, expected 13 as in the header",
    ),
    Slip(
        "a short row of solutions",
        [replaced(SOLUTIONS, "control,140,5,0,1,10", "control,140,5")],
        f"{SOLUTIONS}: row 2: got 3 cells, expected 6 as in the header",
    ),
    Slip(
        "a long row beside another fault",
        [
            replaced(RECORDINGS, "data/c1_Na.abf,c1,", "data/c1_Na.abf,c1,c1,"),
            column(RECORDINGS, "temperature_C", "warm", rows=[9]),
        ],
        f"{RECORDINGS}: row 2: has 14 fields, the header has 13: a comma within a name must be in quotes",
        lines=2,
    ),
    Slip(
        "a comma in a name of a solution draws no fault elsewhere",
        [replaced(SOLUTIONS, "high_K,5,", "high_K,5,5,")],
        f"{SOLUTIONS}: row 3: has 7 fields, the header has 6: a comma within a name must be in quotes",
    ),
    Slip(
        "a comma in a name of a row whose last cell is empty",
        [
            column(RECORDINGS, "comment", ""),
            replaced(RECORDINGS, "data/c1_Na.abf,c1,", "data/c1_Na.abf,c1, big,"),
        ],
        f"{RECORDINGS}: row 2: has 15 fields, the header has 14: a comma within a name must be in quotes",
    ),
    Slip(
        "a bad row of species draws no fault elsewhere",
        own_ions(replaced(SPECIES, "chol,1,", "chol,one,")),
        f"{SPECIES}: row 3, column 'charge': got 'one', expected a number",
    ),
    Slip(
        "a short row of species",
        own_ions(replaced(SPECIES, "chol,1,0.5,,book", "chol,1")),
        f"{SPECIES}: row 3: got 2 cells, expected 5",
    ),
    Slip(
        "a row of units",
        [replaced(RECORDINGS, HEADER, f"{HEADER}\n,,,,,,\u00b0C,M\u03a9,%,pF,,,")],
        f"{RECORDINGS}: row 2: holds units; expected values",
    ),
    above_header("a title", ",,Table 1,,"),
    above_header("a comment", "# rig 2, May"),
    above_header("a blank first row", ",,"),
    Slip(
        "a title of solutions",
        [replaced(SOLUTIONS, "solution,", "Solutions (mM),,,,,\nsolution,")],
        f"{SOLUTIONS}: row 1 looks like a title; column names belong there (got 'Solutions (mM)')",
    ),
]

CELLS = [
    *(
        Slip(
            f"exclude {word}",
            [column(RECORDINGS, "exclude", word)],
            cells(RECORDINGS, "rows 2-13", "exclude", f"got '{word}', {REASON}"),
        )
        for word in ("no", "0", "FALSE", "false", "n", "-", "0.0", "NA", "keep", "Nein")
    ),
    Slip(
        "exclude no in some rows",
        [column(RECORDINGS, "exclude", "no", "seal lost")],
        cells(RECORDINGS, "rows 2, 4, 6, 8, 10 and 12", "exclude", f"got 'no', {REASON}"),
    ),
    Slip(
        "kelvin",
        [column(RECORDINGS, "temperature_C", "295.15")],
        cells(RECORDINGS, "rows 2-13", "temperature_C", f"got 295.15, {UNIT}kelvin? give C: 22"),
    ),
    Slip(
        "kelvin of several temperatures",
        [column(RECORDINGS, "temperature_C", "295.15", "296.2")],
        cells(RECORDINGS, "rows 2-13", "temperature_C", f"got 295.15, {UNIT}kelvin? give C: 22 (row 2; the others"),
    ),
    *(
        Slip(
            f"{key} {typed}",
            [setting(**{key: typed})],
            f"{CONFIG}: key '{key.replace('__', '.')}': got '{typed}', expected a number",
            [told],
        )
        for key, typed, told in (
            ("temperature_C", "22,5", "(with a decimal point: 22.5)"),
            ("temperature_C", "22 \u00b0C", "(22, without its unit)"),
            ("temperature_C", "295 K", "(in C, without its unit)"),
            ("junction__already_corrected_mV", "12 mV", "(12, without its unit)"),
            ("junction__already_corrected_mV", ".012 V", "(12, in mV, without its unit)"),
            ("junction__already_corrected_mV", "\u221212", "(-12, with a hyphen as the minus)"),
        )
    ),
    Slip(
        "gigaohm",
        [column(RECORDINGS, "series_resistance_MOhm", ".0055")],
        cells(RECORDINGS, "rows 2-13", "series_resistance_MOhm", "got .0055, expected a number from 0 to 1000 "),
        ["(MOhm), above 0.05 where it is not 0: GOhm? give MOhm: 5.5"],
    ),
    Slip(
        "a fraction among decimal commas",
        [
            column(RECORDINGS, "compensation_percent", "number", rows=[2]),
            as_in_europe(RECORDINGS, "0,7"),
            *(replaced(RECORDINGS, old, new) for old, new in ((",abf", ".abf"),)),
        ],
        cells(RECORDINGS, "row 2", "compensation_percent", "got 0,7, expected"),
        ["a fraction? give percent: 70"],
    ),
    Slip(
        "a table of another suffix",
        [setting(recordings="data/recordings.xlsx")],
        "data/recordings.xlsx: file not found; the nearest is 'data/recordings.csv'",
    ),
    Slip(
        "kelvin in the configuration",
        [setting(temperature_C=295.15)],
        f"{CONFIG}: key 'temperature_C': got 295.15, {UNIT}kelvin? give C: 22",
    ),
    Slip(
        "Fahrenheit",
        [column(RECORDINGS, "temperature_C", "72")],
        cells(RECORDINGS, "rows 2-13", "temperature_C", f"got 72, {UNIT}Fahrenheit? give C: 22.22"),
    ),
    *(
        Slip(
            f"compensation {text}",
            [column(RECORDINGS, "compensation_percent", text)],
            cells(RECORDINGS, "rows 2-13", "compensation_percent", f"got {text}, "),
            [
                "expected a number from 0 to 100 (percent), above 1 where it is not 0",
                f"a fraction? give percent: {100 * float(text):g}",
            ],
        )
        for text in (".7", "0.5", "1")
    ),
    Slip(
        "ohm",
        [column(RECORDINGS, "series_resistance_MOhm", "8100000")],
        cells(RECORDINGS, "rows 2-13", "series_resistance_MOhm", "got 8100000, "),
        ["Ohm? give MOhm: 8.1"],
    ),
    Slip(
        "kiloohm",
        [column(RECORDINGS, "series_resistance_MOhm", "8100")],
        cells(RECORDINGS, "rows 2-13", "series_resistance_MOhm", "got 8100, "),
        ["kOhm? give MOhm: 8.1"],
    ),
    Slip(
        "farad",
        [column(RECORDINGS, "capacitance_pF", "1.5e-11")],
        cells(RECORDINGS, "rows 2-13", "capacitance_pF", "got 1.5e-11, "),
        ["F? give pF: 15"],
    ),
    Slip(
        "a number with its unit",
        [column(RECORDINGS, "series_resistance_MOhm", "8 MOhm", "7.5 MOhm")],
        cells(
            RECORDINGS, "rows 2-13", "series_resistance_MOhm", "got '8 MOhm', expected a number (8, without its unit)"
        ),
    ),
    Slip(
        "a thousands separator",
        [column(SOLUTIONS, "KCl", "3,000", rows=[6])],
        cells(SOLUTIONS, "row 6", "KCl", "got '3,000', expected a number (3000, without a thousands separator)"),
    ),
    Slip(
        "a decimal comma",
        [column(SOLUTIONS, "KCl", "3,5", rows=[2])],
        cells(SOLUTIONS, "row 2", "KCl", "got '3,5', expected a number (with a decimal point: 3.5)"),
    ),
    Slip(
        "a typographic minus",
        elsewhere(column(REVERSALS, "reversal_mV", "\u22125.2", rows=[2])),
        cells(
            REVERSALS, "row 2", "reversal_mV", "got '\u22125.2', expected a number (-5.2, with a hyphen as the minus)"
        ),
    ),
    *(
        Slip(
            f"{typed} among decimal commas",
            elsewhere(column(REVERSALS, "reversal_mV", "number", rows=[2]), as_in_europe(REVERSALS, typed)),
            cells(REVERSALS, "row 2", "reversal_mV", told),
        )
        for typed, told in (
            ("\u221220,4", "got '\u221220,4', expected a number (-20,4, with a hyphen as the minus)"),
            ("20,4 mV", "got '20,4 mV', expected a number (20,4, without its unit)"),
            (
                "1.234,5",
                "got '1.234,5', expected a number (1234,5, without a thousands separator and with a decimal comma)",
            ),
            ("9000,5", "got 9000,5, expected a number from -1000 to 1000 (mV): uV? give mV: 9,001"),
        )
    ),
    Slip(
        "many texts in place of numbers",
        [column(RECORDINGS, "capacitance_pF", "small", "large", "?")],
        cells(RECORDINGS, "rows 2-13", "capacitance_pF", "got 'small', expected a number (row 2; the others likewise)"),
    ),
    Slip(
        "an unknown bath in many rows",
        [column(RECORDINGS, "bath", "contol", rows=[2, 5, 8, 11])],
        cells(RECORDINGS, "rows 2, 5, 8 and 11", "bath", "got 'contol'"),
        ["the nearest is 'control'"],
    ),
    Slip(
        "backslashes",
        [replaced(RECORDINGS, "data/c", "data\\c")],
        cells(RECORDINGS, "rows 2-13", "recording", "file not found: 'data\\c1_Na.abf'; expected 'data/c1_Na.abf'"),
    ),
    Slip(
        "paths without data/",
        [replaced(RECORDINGS, "data/c", "c")],
        cells(RECORDINGS, "rows 2-13", "recording", "file not found: 'c1_Na.abf'; expected 'data/c1_Na.abf'"),
    ),
    Slip(
        "paths without an ending",
        [replaced(RECORDINGS, ".abf", "")],
        cells(RECORDINGS, "rows 2-13", "recording", "file not found: 'data/c1_Na'; expected 'data/c1_Na.abf'"),
    ),
    Slip(
        "paths of another computer",
        [replaced(RECORDINGS, "data/c", "C:\\lab\\may\\c")],
        cells(RECORDINGS, "rows 2-13", "recording", "got 'C:\\lab\\may\\c1_Na.abf', expected a path within"),
        ["within the experiment folder; 'data/c1_Na.abf' is there: give that"],
    ),
    Slip(
        "a folder that is not there",
        [replaced(RECORDINGS, "data/c", "raw/c")],
        cells(RECORDINGS, "rows 2-13", "recording", "file not found: 'raw/c1_Na.abf'; 'data/c1_Na.abf' is there: give"),
    ),
    Slip(
        "a name used by every row",
        [column(RECORDINGS, "measurement", "x")],
        cells(RECORDINGS, "rows 3-13", "measurement", "got 'x', which is also the name of row 2"),
    ),
    Slip(
        "bath and pipette exchanged in every row",
        elsewhere(headed(REVERSALS, {"bath": "pipette", "pipette": "bath"})),
        cells(REVERSALS, "rows 2-3", "pipette", "got 2 solutions for cell 'c1', all with the bath 'pipette'"),
        ["are columns 'bath' and 'pipette' exchanged?"],
    ),
    Slip(
        "a row that is typed twice",
        elsewhere(replaced(REVERSALS, "c1,high_K,pipette", "c1,control,pipette")),
        f"{REVERSALS}: row 3: 'c1:control:WT' is the name of row 2 too, expected another cell or bath or group, or a "
        "name in a column 'measurement'",
    ),
    Slip(
        "the same beside names",
        elsewhere(replaced(REVERSALS, "c1,high_K,pipette", "c1,control,pipette"), column(REVERSALS, "measurement", "")),
        cells(REVERSALS, "row 3", "measurement", "got nothing, and 'c1:control:WT' is the name of row 2 too"),
    ),
    Slip(
        "a row that is there twice",
        [replaced(RECORDINGS, ROWS[4], f"{ROWS[4]}\n{ROWS[2]}\n{ROWS[4]}")],
        f"{RECORDINGS}: row 7: repeats row 4; delete one of the two",
        lines=2,
    ),
    Slip(
        "a cell in two batches",
        [column(RECORDINGS, "batch", "day 3", rows=[4])],
        cells(RECORDINGS, "row 4", "batch", "got 'day 3' for cell 'c1', which is of batch 'day 1' in row 2"),
    ),
    Slip(
        "cells that are numbered anew on every day",
        [replaced(RECORDINGS, ",c2,", ",c1,"), replaced(RECORDINGS, ",c4,", ",c3,")],
        cells(RECORDINGS, "rows 5-7 and 11-13", "batch", "got 'day 2' for cell 'c1', which is of batch 'day 1'"),
        ["different cells need different names"],
    ),
]


def beside(place: str, typed: str, known: str, *edits: Edit) -> Slip:
    told = f"{place}: row 1, column '{typed}' stands beside '{known}', from which it differs in case"
    return Slip(f"{Path(place).stem}: {typed} beside {known}", edits or [column(place, typed, "5")], told)


BESIDE = [
    beside(REVERSALS, "Reversal_mV", "reversal_mV", *elsewhere(column(REVERSALS, "Reversal_mV", "5"))),
    beside(REVERSALS, "SE mV", "se_mV", *elsewhere(column(REVERSALS, "SE mV", "5"))),
    beside(RECORDINGS, "Temperature_C", "temperature_C"),
    beside(RECORDINGS, "CELL", "cell"),
    beside(SOLUTIONS, "PH", "pH", column(SOLUTIONS, "pH", ""), column(SOLUTIONS, "PH", "7")),
    beside(SPECIES, "Charge", "charge", *own_ions(column(SPECIES, "Charge", "5"))),
]

AMOUNTS = [
    *(
        Slip(
            f"bridge {text}",
            [column(SOLUTIONS, "KCl", text, rows=[6])],
            f"{SOLUTIONS}: the bridge 'bridge' holds 3 mM; 3 M is 3000",
        )
        for text in ("3", "3.000")
    ),
    Slip(
        "bridge of potassium nitrate in mol/l",
        [column(SOLUTIONS, "KCl", "0", rows=[6]), column(SOLUTIONS, "KNO3", "0", "0", "0", "0", "1")],
        f"{SOLUTIONS}: the bridge 'bridge' holds 1 mM; 1 M is 1000",
    ),
    Slip("mol/l", [scaled(SOLUTIONS, 1e-3)], f"{SOLUTIONS}: every concentration is below 1 mM: mol/l? give mM"),
    Slip(
        "mol/l with a reference electrode without a bridge",
        [
            scaled(SOLUTIONS, 1e-3),
            setting(junction__reference={"type": "none"}),
            replaced(SOLUTIONS, "bridge,0,3", "b,0,0"),
        ],
        f"{SOLUTIONS}: every concentration is below 1 mM: mol/l? give mM",
    ),
    Slip(
        "mol/l beside a bridge that is not used",
        [scaled(SOLUTIONS, 1e-3), setting(junction={"method": "none"})],
        f"{SOLUTIONS}: every concentration in a bath or pipette is below 1 mM: mol/l? give mM",
    ),
    Slip(
        "mol/l beside stocks that no row names",
        [
            scaled(SOLUTIONS, 1e-3),
            replaced(SOLUTIONS, "bridge,", "KCl stock,0,1000,0,0,0\nsucrose stock,0,0,0,0,500\nbridge,"),
        ],
        f"{SOLUTIONS}: every concentration in a bath or pipette is below 1 mM: mol/l? give mM",
    ),
    Slip(
        "a reference ion in no solution",
        [setting(fit__reference_ion="Rb", fit__permeant=["Rb", "K", "Cl"])],
        f"{CONFIG}: key 'fit.reference_ion': got 'Rb', which is in no bath and no pipette of {RECORDINGS}",
    ),
    Slip(
        "potentials in volts",
        elsewhere(scaled(REVERSALS, 1e-3, "reversal_mV", "se_mV")),
        f"{REVERSALS}: got potentials of at most 0.0052 mV with standard errors of at most 0.0004 mV in all rows",
        ["expected millivolts: they are in volts"],
    ),
    Slip(
        "potentials in volts beside errors in mV",
        elsewhere(scaled(REVERSALS, 1e-3, "reversal_mV")),
        f"{REVERSALS}: got potentials of at most 0.0052 mV in all rows, far below their standard errors",
        ["expected millivolts: the potentials are in volts"],
    ),
    Slip(
        "measured junctions in volts",
        [setting(junction__measured_mV={"control": 0.0043, "high_K": -0.0006})],
        f"{CONFIG}: junction.measured_mV: got at most 0.0043 mV, expected millivolts: it is in volts; write 0",
    ),
    Slip(
        "a corrected junction in volts",
        [setting(junction__already_corrected_mV=-0.0052)],
        f"{CONFIG}: junction.already_corrected_mV: got at most 0.0052 mV, expected millivolts: it is in volts",
    ),
]

SETTINGS_SLIPS = [
    Slip(
        "a pellet with a bridge",
        [setting(junction__reference__type="pellet")],
        f"{CONFIG}: key 'junction.reference.solution': got 'bridge' beside type 'pellet'",
    ),
    Slip("a number for a convention", [setting(activity__convention=3)], f"{CONFIG}: key 'activity.convention': got 3"),
    Slip("a number for a model", [setting(activity__model=1)], f"{CONFIG}: key 'activity.model': got 1, expected text"),
    Slip(
        "an epoch that no file has",
        [setting(measure__leak="epoch:Q")],
        f"{CONFIG}: key 'measure.leak': got 'epoch:Q', but no recording has an epoch Q; expected one of A, B, C",
    ),
    Slip(
        "an epoch that no file has, in the table",
        [column(RECORDINGS, "epoch", "Z")],
        cells(RECORDINGS, "rows 2-13", "epoch", "got 'Z', but no recording has an epoch Z"),
    ),
    Slip(
        "an epoch in lower case",
        [setting(measure__leak="epoch:a")],
        f"{CONFIG}: key 'measure.leak': got 'epoch:a', expected one of none, linear, background, epoch:A",
        ["(nearest: epoch:A)"],
    ),
    Slip(
        "an epoch in lower case, in the table",
        [column(RECORDINGS, "epoch", "b")],
        cells(RECORDINGS, "rows 2-13", "epoch", "got 'b'"),
        ["(nearest: B)"],
    ),
    Slip(
        "an epoch without its word", [setting(measure__leak="A")], f"{CONFIG}: key 'measure.leak': got 'A'", ["epoch:A"]
    ),
]

WARNINGS = [
    Slip(
        "own columns",
        [column(RECORDINGS, "date", "May")],
        f"{RECORDINGS}: columns of your own, carried along: drug, date",
    ),
    Slip(
        "a group in some rows",
        [column(RECORDINGS, "group", "", rows=[3, 4, 9])],
        f"{RECORDINGS}: column 'group': empty in rows 3-4 and 9 but not in all",
    ),
    Slip(
        "a batch in some rows",
        [column(RECORDINGS, "batch", "", rows=[13])],
        f"{RECORDINGS}: column 'batch': empty in row 13 but not in all",
    ),
    Slip(
        "a group in two spellings",
        [column(RECORDINGS, "group", "wt", rows=[2, 3, 4])],
        f"{RECORDINGS}: column 'group': 'WT' and 'wt' differ in case, blanks or signs only, and count as different",
    ),
    Slip(
        "a cell in two spellings",
        [column(RECORDINGS, "cell", "c 1", rows=[3])],
        f"{RECORDINGS}: column 'cell': 'c 1' and 'c1' differ in case",
    ),
    Slip(
        "every row a cell, of names in several styles",
        [
            column(RECORDINGS, "cell", *map(str, range(1, 13))),
            column(RECORDINGS, "recording", *(f"data/{stem}.abf" for stem in STYLES)),
        ],
        f"{RECORDINGS}: every row is a cell of its own, although files share a stem (c1..., c2..., patch...)",
    ),
    Slip(
        "a temperature with its point in another place",
        [column(RECORDINGS, "temperature_C", ""), setting(temperature_C=2.2)],
        f"{RECORDINGS}: 12 measurements at 2.2 C, and cells are recorded from at 4 to 50 C",
    ),
    Slip(
        "every row a cell",
        [column(RECORDINGS, "cell", *map(str, range(1, 13)))],
        f"{RECORDINGS}: every row is a cell of its own, although files share a stem (c1..., c2..., c3..., c4...)",
    ),
    Slip(
        "a junction of the wrong sign",
        [setting(junction__measured_mV={"control": -12.6})],
        f"{CONFIG}: key 'junction.measured_mV': bath 'control': measured -12.6 mV, calculated +",
        ["the sign?"],
    ),
    Slip(
        "a junction of the wrong sign without a calculated one",
        [setting(junction={"method": "none", "measured_mV": {"low_Na": -8}})],
        f"{CONFIG}: key 'junction.measured_mV': bath 'low_Na': measured -8.0 mV, calculated +",
    ),
    Slip(
        "bath and pipette exchanged",
        [headed(RECORDINGS, {"bath": "pipette", "pipette": "bath"}), setting(junction__zeroed_in="same")],
        f"{RECORDINGS}: the bath 'pipette' holds 105 mM gluconate and 135 mM K, the pipette 'control' 140 mM Na",
    ),
    Slip(
        "inside-out with bath and pipette as in a whole cell",
        [
            setting(configuration="inside-out"),
            replaced(RECORDINGS, "high_K,", "control,"),
            replaced(RECORDINGS, "low_Na,", "control,"),
        ],
        f"{RECORDINGS}: the bath 'control' holds 140 mM Na, the pipette 'pipette' 105 mM gluconate and 135 mM K",
    ),
    Slip(
        "zeroed in the pipette's solution",
        [setting(junction__zeroed_in="pipette")],
        f"{CONFIG}: key 'junction.zeroed_in': 'pipette' is the solution in the pipette and no bath of the table",
    ),
    Slip(
        "zeroed in the bridge",
        [column(RECORDINGS, "zeroed_in", "bridge")],
        f"{RECORDINGS}: column 'zeroed_in': 'bridge' is the solution in the bridge and no bath of the table",
    ),
    Slip(
        "a bridge without effect",
        [setting(junction__reference__type="none")],
        f"{CONFIG}: key 'junction.reference.solution': 'bridge' has no effect with type 'none'",
    ),
    Slip(
        "a permeant ion in no solution",
        [setting(fit__permeant=["Na", "K", "Cs"])],
        f"{CONFIG}: key 'fit.permeant': Cs is in no bath and no pipette of the table",
    ),
    Slip(
        "one measurement entered several times",
        elsewhere(
            replaced(REVERSALS, "-5.2,0.3", "-5.24,0.3"),
            replaced(REVERSALS, "c2,control", "c1,control,pipette,-5.24,0.3,WT,1\n" * 2 + "c2,control"),
            column(REVERSALS, "measurement", "m1", "m2", "m3", "m4", "m5"),
        ),
        f"{REVERSALS}: m1 (cell c1, bath control), m3 (cell c1, bath control), m4 (cell c1, bath control) have equal",
    ),
    Slip(
        "a copied column of potentials",
        elsewhere(
            lambda tables, _: tables.update(
                {
                    REVERSALS: "cell,bath,pipette,reversal_mV,se_mV\n"
                    + "".join(
                        f"c{i},{bath},pipette,{mV},0.4\n"
                        for i, mV in enumerate((-5.21, -3.47, -4.86, -6.02))
                        for bath in ("control", "high_K")
                    )
                }
            )
        ),
        f"{REVERSALS}: baths 'control' and 'high_K' have equal potentials in 4 of 4 cells",
        ["copied values?"],
    ),
    Slip(
        "one solution in mol/l",
        [replaced(SOLUTIONS, "low_Na,45,5,0,1,200", "low_Na,.045,.005,0,.001,.2")],
        f"{SOLUTIONS}: the components of solution 'low_Na' add up to 0.",
        ["mol/l? Give mM"],
    ),
    Slip(
        "one solution in mol/l beside a dilute one that no row names",
        [
            replaced(SOLUTIONS, "low_Na,45,5,0,1,200", "low_Na,.045,.005,0,.001,.2"),
            replaced(SOLUTIONS, "bridge,", "rinse,0,0,0,0.1,0\nbridge,"),
        ],
        f"{SOLUTIONS}: the components of solution 'low_Na' add up to 0.",
    ),
    Slip(
        "some solutions in mol/l",
        [
            replaced(SOLUTIONS, "low_Na,45,5,0,1,200", "low_Na,.045,.005,0,.001,.2"),
            replaced(SOLUTIONS, "high_K,5,140,0,1,10", "high_K,.005,.14,0,.001,.01"),
        ],
        f"{SOLUTIONS}: the components of solution 'high_K' add up to 0.",
        ["mol/l? Give mM"],
    ),
    Slip(
        "an offset of the command in volts",
        [column(RECORDINGS, "command_offset_mV", "-0.07")],
        f"{RECORDINGS}: command_offset_mV -0.07 in rows 2-13: V? give mV",
    ),
    Slip(
        "one offset of the command in volts",
        [
            column(RECORDINGS, "command_offset_mV", "-70", "-72"),
            column(RECORDINGS, "command_offset_mV", "-.07", rows=[5]),
        ],
        f"{RECORDINGS}: command_offset_mV -0.07 in row 5: V? give mV",
    ),
]

ERRORS = [*COLUMNS, *BESIDE, *SHAPE, *CELLS, *AMOUNTS, *SETTINGS_SLIPS]

OWN = (
    *("date", "experimenter", "notes", "file", "drug", "sex", "cell_type", "age_days", "dose_uM", "well", "patch"),
    *("path", "line", "peak", "group2", "comment", "substrate", "series", "leak_nS", "voltage_mV", "seal_GOhm"),
    *("I_h", "I_Na", "current_nA", "path_A"),
)
# What a user means as it is typed: nothing but the note on own columns is told.
RIGHT: Mapping[str, Sequence[Edit]] = {
    "the folder itself": [],
    "tabs": [replaced(place, ",", "\t") for place in (RECORDINGS, SOLUTIONS)],
    "semicolons": [replaced(place, ",", ";") for place in (RECORDINGS, SOLUTIONS)],
    "semicolons and decimal commas": [replaced(RECORDINGS, ",", ";"), replaced(RECORDINGS, "8.1", "8,1")],
    "own columns": [column(RECORDINGS, name, "x") for name in OWN],
    "compensation of 0": [column(RECORDINGS, "compensation_percent", "0")],
    "no values": [column(RECORDINGS, "series_resistance_MOhm", "", "8.1"), column(RECORDINGS, "capacitance_pF", "")],
    "small offsets": [column(RECORDINGS, "command_offset_mV", "0.1", "3")],
    "a reason": [column(RECORDINGS, "exclude", "seal lost", "", "")],
    "a bridge of 150 mM KCl": [column(SOLUTIONS, "KCl", "150", rows=[6])],
    "a bridge filled with the bath": [setting(junction__reference__solution="control")],
    "a dilute bridge that is meant": [
        replaced(SOLUTIONS, "bridge,0,3000,0,0,0", "bridge,0,3,0,0,280"),
        setting(dilute_solutions=True),
    ],
    "a bridge filled with a dilute bath": [
        replaced(SOLUTIONS, "bridge,0,3000,0,0,0", "bridge,4.5,5,0,1,280"),
        replaced(SOLUTIONS, "low_Na,45,5,0,1,200", "low_Na,4.5,5,0,1,280"),
    ],
    "a measured junction of the right sign": [setting(junction__measured_mV={"control": 12.6})],
    "one group": [column(RECORDINGS, "group", "")],
    "one file a cell": [
        column(RECORDINGS, "cell", *map(str, range(1, 13))),
        column(RECORDINGS, "bath", "control", "control", "high_K", "high_K"),
    ],
    "umlauts of another system": [
        replaced(SOLUTIONS, "low_Na", "Br\u00fccke"),
        replaced(RECORDINGS, "low_Na", "Bru\u0308cke"),
        setting(junction__zeroed_in="Bru\u0308cke"),
        column(RECORDINGS, "recording", "data/\u00e4.abf", rows=[2]),
        column(RECORDINGS, "recording", "data/o\u0308.abf", rows=[3]),
    ],
    "potentials measured elsewhere": elsewhere(),
    "own ions": own_ions(),
    "the right name besides": [column(RECORDINGS, "temperature", "warm")],
    "inside-out": [
        setting(configuration="inside-out", junction__zeroed_in="same"),
        headed(RECORDINGS, {"bath": "pipette", "pipette": "bath"}),
    ],
    "a letter that a file has": [column(RECORDINGS, "leak", "epoch:A")],
    "a constant bath with another pipette": [column(RECORDINGS, "pipette", "high_K")],
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, write_recording: Callable[..., Path]) -> Path:
    """A folder with recordings, into which each test writes its tables."""
    folder = tmp_path_factory.mktemp("slips")
    for name in ("data", "config"):
        (folder / name).mkdir()
    first = write_recording(folder / "first.abf")
    of_styles = (f"data/{stem}.abf" for stem in STYLES)
    for path in (*(row.split(",")[0] for row in ROWS), *of_styles, "data/a\u0308.abf", "data/\u00f6.abf"):
        shutil.copy(first, folder / path)
    return folder


@pytest.fixture
def tell(good: Path) -> Callable[[Sequence[Edit]], tuple[list[str], list[str]]]:
    """Faults and doubts that are told of the folder with some edits."""

    def told(edits: Sequence[Edit]) -> tuple[list[str], list[str]]:
        tables, config = dict(TABLES), yaml.safe_load(yaml.safe_dump(dict(SETTINGS)))
        for edit in edits:
            edit(tables, config)
        for place, text in tables.items():
            (good / place).write_text(text, encoding="utf-8")
        (good / CONFIG).write_text(yaml.safe_dump(config), encoding="utf-8")
        before = os.getcwd()
        try:
            return [], [str(finding) for finding in findings(load(good))]
        except InputError as wrong:
            return list(wrong.faults), []
        finally:
            assert os.getcwd() == before

    return told


Tell = Callable[[Sequence[Edit]], tuple[list[str], list[str]]]


@pytest.mark.parametrize("slip", ERRORS, ids=lambda slip: slip.name)
def test_a_slip_is_told_once_and_stops_the_run(tell: Tell, slip: Slip) -> None:
    faults, _ = tell(slip.edits)
    assert len(faults) == slip.lines, faults
    (line,) = [fault for fault in faults if fault.startswith(slip.told)] or [str(faults)]
    assert line.startswith(slip.told)
    assert [word for word in slip.words if word not in line] == []


@pytest.mark.parametrize("slip", WARNINGS, ids=lambda slip: slip.name)
def test_a_doubt_is_told_once_and_the_run_goes_on(tell: Tell, slip: Slip) -> None:
    faults, doubts = tell(slip.edits)
    assert faults == []
    (line,) = [doubt for doubt in doubts if doubt.startswith(slip.told)] or [str(doubts)]
    assert line.startswith(slip.told)
    assert [word for word in slip.words if word not in line] == []


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_meant_as_it_is_typed_is_told_nothing_of(tell: Tell, name: str) -> None:
    faults, doubts = tell(RIGHT[name])
    assert faults == []
    assert [line for line in doubts if "columns of your own" not in line] == []


def test_a_window_in_seconds_is_told_and_nothing_is_to_be_run(tell: Tell, good: Path) -> None:
    tell([setting(measure__from_ms=0.004, measure__to_ms=0.009)])
    said = CliRunner().invoke(main, ["check", str(good)]).output
    (line,) = [line for line in said.splitlines() if "is it in seconds? give ms: from_ms 4 and to_ms 9" in line]
    assert " others): " in line
    assert said.endswith("There is nothing to be measured yet.\n")
    tell([setting(measure__from_ms=4, measure__to_ms=9)])
    said = CliRunner().invoke(main, ["check", str(good)]).output
    assert "in seconds" not in said
    assert "Next: nernstfit run" in said


def test_there_are_many_slips() -> None:
    names = [slip.name for slip in (*ERRORS, *WARNINGS)]
    assert len(names) == len(set(names)) > 80
