"""Faults of the tables and the configuration of an experiment folder, one sentence each.

A fault names the file, row and column, what was got, and what was expected. Functions for a single row leave
out file and row, which the caller puts in front.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from nernstfit.contract import headers, tables
from nernstfit.contract import settings as settings_module
from nernstfit.contract.correction_terms import KEY
from nernstfit.contract.errors import MANY_ROWS, Alike, RowFault, nearest, nearest_or_all
from nernstfit.contract.files import CRATE, CRATE_RUN
from nernstfit.contract.rules import path_faults
from nernstfit.contract.settings import Junction, Settings
from nernstfit.contract.terms import Configuration, JunctionMethod, Leak
from nernstfit.experiment.records import ColumnSpec
from nernstfit.physics.solution.components import ion_in_words
from nernstfit.physics.solution.ions import IONS
from nernstfit.solutions import junctions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

DATA = "data"
# Texts by which people fill the column `exclude` of a row that they want to keep.
_NO_REASONS = frozenset(
    {
        *("no", "n", "false", "f", "none", "null", "nan", "na", "n/a", "n.a.", "nein", "not"),
        *("keep", "kept", "include", "included", "in", "use", "used", "ok", "good"),
    }
)


def config_faults(settings: Settings, solutions: Solutions | None) -> Iterator[str]:
    """Yield the ions and solutions that the configuration names and that do not exist."""
    place = settings_module.CONFIG_FILE
    known = IONS if solutions is None else solutions.known
    own_are_unknown = solutions is None and settings.species  # what is wrong with their table is told already
    for ion in () if own_are_unknown else settings.fit.permeant:
        if ion not in known:
            hint = ion_in_words(ion, known) or nearest(ion, known)
            expected = f"the nearest is '{hint}'" if hint else "expected an ion such as Na, K, Ca or Cl"
            yield f"{place}: key 'fit.permeant': got '{ion}', which is no known ion; {expected}"
    if solutions is None:
        return
    for key, name in _named_solutions(settings):
        names = _known_names(key, solutions)
        if name not in names:
            yield f"{place}: key '{key}': got '{name}', {unknown_solution(name, settings, names)}"


def _named_solutions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the keys that name a solution, and the names."""
    junction = settings.junction
    yield from (("junction.measured_mV", bath) for bath in junction.measured_mV)
    if junction.method != JunctionMethod.NONE and junction.zeroed_in is not None:
        yield "junction.zeroed_in", str(junction.zeroed_in)
    if junction.reference is not None and junction.reference.solution is not None:
        yield "junction.reference.solution", junction.reference.solution
    yield from ((KEY, term.solution) for term in settings.fit.corrections if term.solution)


def _known_names(place: str, solutions: Solutions) -> tuple[str, ...]:
    """Return the names that a key or column may give: solutions, and for the bath of the zero `same`."""
    return (*solutions.names, NEW_ZERO) if place.endswith("zeroed_in") else tuple(solutions.names)


def unknown_solution(name: str, settings: Settings, known: Collection[str]) -> str:
    """Return the fault of a name that is none of the known ones, as words that follow the name."""
    return f"which is no row of {settings.solutions}; {nearest_or_all(name, known)}"


def ion_faults(settings: Settings, solutions: Solutions, conditions: Iterable[Condition]) -> Iterator[str]:
    """Yield what the junctions of some conditions need and their solutions lack, each once."""
    found = {each for c in set(conditions) for each in junctions.missing_ions(solutions, c, settings.junction)}
    for name, fault in sorted(found):
        yield f"{settings.solutions}: solution '{name}': {fault}"


def known_columns(table: pd.DataFrame, place: str, spec: ColumnSpec) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with its misspelt columns under their right names, and the faults of its header.

    Faults are misspelt columns, those beside their right names, missing ones, and the user's own that have the name of
    a column of the results. A misspelt column in another unit is left out: its values mean nothing under the right
    name.
    """
    doubled = headers.doubled(table.columns, spec.columns)
    table = table.drop(columns=list(doubled))
    meant = {each.typed: each for each in headers.misspelt(table.columns, spec.names)}
    right = [each.known for each in meant.values()]
    faults = [f"{place}: row 1, {each}" for each in (*meant.values(), *doubled.values())]
    faults += [
        f"{place}: row 1: column '{column}' is missing (got {', '.join(table.columns)}); it is required"
        for column in spec.required
        if column not in table.columns and column not in right
    ]
    faults += reserved_columns(table.drop(columns=list(meant)), place, spec)
    unusable = [name for name, each in meant.items() if not each.is_same_unit or right.count(each.known) > 1]
    names = {name: each.known for name, each in meant.items()}
    return table.drop(columns=unusable).rename(columns=names), faults


def reserved_columns(table: pd.DataFrame, place: str, spec: ColumnSpec) -> Iterator[str]:
    """Yield the user's own columns that have the name of a column of the results."""
    reserved = set(tables.REVERSAL_POTENTIALS.columns) - spec.columns
    for column in table.columns:
        if column in reserved:
            yield (
                f"{place}: row 1, column '{column}': got a column of results/reversal_potentials.csv, expected "
                "another name for a column of your own"
            )


def cell_faults(
    cells: Mapping[str, str], spec: ColumnSpec, settings: Settings, solutions: Solutions | None
) -> Iterator[str]:
    """Yield the faults of the texts of one row, each column on its own."""
    configuration = cells.get("configuration") or settings.configuration
    may_be_empty = {"pipette"} if spec.allows_unknown_inside(configuration) else set()
    if cells.get("exclude") and "recording" in spec.required:  # elsewhere the bath makes up the name
        may_be_empty.add("bath")
    for column in spec.required:
        if not cells[column] and column not in may_be_empty:
            yield f"column '{column}': got nothing, expected a value in every row"
    for column in ("recording", "subtract"):
        yield from _recording_faults(cells.get(column, ""), column)
    yield from _exclude_faults(cells.get("exclude", ""))
    if solutions is not None:
        yield from _solution_faults(cells, settings, solutions)
    if configuration not in list(Configuration):
        yield f"column 'configuration': got '{configuration}', expected one of {', '.join(Configuration)}"


def _exclude_faults(reason: str) -> Iterator[str]:
    """Yield the fault of a reason for leaving a row out that says the opposite."""
    if reason.casefold() in _NO_REASONS or re.fullmatch(r"0(\.0*)?|[-\u2013\u2014/.]+", reason):
        yield f"column 'exclude': got '{reason}', expected a reason for leaving the row out, or empty"


def _solution_faults(cells: Mapping[str, str], settings: Settings, solutions: Solutions) -> Iterator[str]:
    """Yield the names of solutions in one row that no solution has."""
    for column in ("bath", "pipette", "zeroed_in"):
        name = cells.get(column, "")
        names = _known_names(column, solutions)
        if name and name not in names:
            yield f"column '{column}': got '{name}', {unknown_solution(name, settings, names)}"


def _recording_faults(path: str, column: str) -> Iterator[str]:
    """Yield what is wrong with the path of a recording."""
    if not path:
        return
    outside = list(path_faults(path))
    if outside:
        inside = _of_that_name(path)
        meant = f"; '{inside}' is there: give that" if inside else ""
        has_braces = "{" in path or "}" in path
        kind = f"{column}: {'braces' if has_braces else 'outside'} {meant != ''}"
        yield from (Alike(f"column '{column}': {fault}{meant}", kind) for fault in outside)
    elif not Path(path).exists():
        yield _not_found(path, column)
    elif not Path(path).is_file():
        yield f"column '{column}': got '{path}', which is a folder, expected an ABF file"


def _of_that_name(path: str) -> str:
    """Return the one file in data/ that has the name of a path that leads elsewhere; '' for none or several."""
    name = PurePosixPath(path.replace("\\", "/")).name
    direct = Path(DATA, name)
    found = [direct] if name and direct.is_file() else [each for each in Path(DATA).rglob("*") if each.name == name]
    return found[0].as_posix() if len(found) == 1 and found[0].is_file() else ""


def _not_found(path: str, column: str) -> str:
    """Return the fault of a path without a file, with the path that was meant or the nearest."""
    where = f"column '{column}': file not found: '{path}'"
    slashed = path.replace("\\", "/")
    for kind, meant in {
        "backslash": slashed,
        "folder": f"{DATA}/{slashed}",
        "ending": f"{slashed}.abf",
        "folder and ending": f"{DATA}/{slashed}.abf",
    }.items():
        if Path(meant).is_file():
            return Alike(f"{where}; expected '{meant}'", f"{column}: {kind}")
    if elsewhere := _of_that_name(path):
        return Alike(f"{where}; '{elsewhere}' is there: give that", f"{column}: in another folder")
    folder = Path(slashed).parent
    siblings = [other.as_posix() for other in sorted(folder.glob("*"))] if folder.is_dir() else []
    hint = nearest(path, siblings)
    expected = f"the nearest is '{hint}'" if hint else "expected an ABF file"
    # A folder that does not exist, or lacks many of the files, is one fault; single misspelt names are several.
    lost = f"{column}: in {folder}"
    return Alike(f"{where}; {expected}", lost, MANY_ROWS if siblings else 2)


def on_disk(path: str) -> str:
    """Return a path as the file system spells it, where an umlaut is composed in one and decomposed in the other."""
    decomposed = unicodedata.normalize("NFD", path)
    return decomposed if path != decomposed and not Path(path).exists() and Path(decomposed).exists() else path


def background_faults(cells: Mapping[str, str], leak: str) -> Iterator[str]:
    """Yield faults of the column `subtract`, which goes together with `leak: background`."""
    background = cells.get("subtract", "")
    if leak == Leak.BACKGROUND and not background:
        yield "column 'subtract': got nothing; leak is 'background', which needs the path of the background recording"
    elif background and leak != Leak.BACKGROUND:
        yield (
            f"column 'subtract': got '{background}', but leak is '{leak}'; expected leak 'background', or nothing here"
        )
    elif background and background == cells["recording"]:
        yield f"column 'subtract': got '{background}', the recording itself, expected another recording"


def unknown_inside_faults(condition: Condition, junction: Junction) -> Iterator[str]:
    """Yield the fault of a junction that cannot be computed because the pipette's solution is unknown.

    A junction with an unknown inside is part of the cell's free term only where it is the same in every bath.
    """
    applies = junction.method != JunctionMethod.NONE and condition.bath not in junction.measured_mV
    differs = condition.zeroed_in == NEW_ZERO and condition.configuration != Configuration.TWO_ELECTRODE
    if not condition.pipette and applies and differs:
        yield (
            "column 'pipette': got nothing, and the offset is zeroed anew in each bath, whose junction with the "
            "pipette's solution cannot be computed; expected the pipette's solution, one bath for zeroed_in, or "
            "junction.method none"
        )


def _repeated_names(table: Mapping[int, Mapping[str, str]], place: str, spec: ColumnSpec) -> Iterator[RowFault]:
    """Yield a fault for each row, by number, whose name an earlier row has."""
    first: dict[str, int] = {}
    same: dict[tuple[str, ...], int] = {}
    for number, cells in table.items():
        row = same.setdefault(tuple(cells.values()), number)
        name = cells.get("measurement") or spec.default_name(cells)
        if name in first:
            other = _repeated(name, first[name], cells, spec)
            yield RowFault(place, number, f"repeats row {row}; delete one of the two" if row < number else other)
        if name:
            first.setdefault(name, number)


def _repeated(name: str, row: int, cells: Mapping[str, str], spec: ColumnSpec) -> str:
    """Return the fault of a row whose name is that of an earlier one, which it does not repeat."""
    if cells.get("measurement"):
        return f"column 'measurement': got '{name}', which is also the name of row {row}, expected another name"
    same = " or ".join([*spec.name_columns, *(column for column in spec.name_suffixes if cells.get(column))])
    other = f"'{name}' is the name of row {row} too, expected"
    if "measurement" in cells:
        return f"column 'measurement': got nothing, and {other} a name, or another {same}"
    return f"{other} another {same}, or a name in a column 'measurement'"


def name_faults(table: Mapping[int, Mapping[str, str]], place: str, spec: ColumnSpec) -> list[RowFault]:
    """Return the faults of rows, by number, whose names repeat, be it because bath and pipette are exchanged."""
    repeated = list(_repeated_names(table, place, spec))
    numbers = {fault.row for fault in repeated}
    of_cells = _exchanged_columns(table, place) if "bath" in spec.name_columns else []
    exchanged = {row: fault for of_cell in of_cells if numbers & of_cell.keys() for row, fault in of_cell.items()}
    return [*exchanged.values(), *(fault for fault in repeated if fault.row not in exchanged)]


def _exchanged_columns(table: Mapping[int, Mapping[str, str]], place: str) -> Iterator[dict[int, RowFault]]:
    """Yield the faults of each cell in one bath and with several pipettes, by row; a cell is patched with one."""
    cells: dict[tuple[str, str], list[int]] = {}
    for number, texts in table.items():
        if texts.get("cell") and texts.get("bath") and texts.get("pipette"):
            cells.setdefault((texts.get("group", ""), texts["cell"]), []).append(number)
    for (_, cell), numbers in cells.items():
        baths, pipettes = ({table[number][column] for number in numbers} for column in ("bath", "pipette"))
        if len(baths) == 1 and len(pipettes) > 1:
            fault = (
                f"column 'pipette': got {len(pipettes)} solutions for cell '{cell}', all with the bath "
                f"'{min(baths)}', expected one pipette of a cell; are columns 'bath' and 'pipette' exchanged?"
            )
            yield {number: RowFault(place, number, Alike(fault, "exchanged columns")) for number in numbers}


def cells_in_two_batches(table: Mapping[int, Mapping[str, str]], place: str) -> Iterator[str]:
    """Yield a fault for each row, by number, whose cell has another batch in an earlier row; excluded rows have none.

    Labels such as 'cell 1' begin anew on every day, and cells of one name count as one.
    """
    first: dict[tuple[str, str], tuple[str, int]] = {}
    for number, cells in table.items():
        cell, batch = cells.get("cell", ""), cells.get("batch", "")
        if not (cell and batch) or cells.get("exclude"):
            continue
        before, row = first.setdefault((cells.get("group", ""), cell), (batch, number))
        if batch != before:
            fault = (
                f"column 'batch': got '{batch}' for cell '{cell}', which is of batch '{before}' in row {row}, expected "
                "one batch of each cell; different cells need different names in column 'cell'"
            )
            yield RowFault(place, number, Alike(fault, "cell in two batches"))


def crate_faults() -> Iterator[str]:
    """Yield the fault of a description of the folder by another program, which a run would replace by its own."""
    if CRATE.is_file() and CRATE_RUN not in CRATE.read_text(encoding="utf-8", errors="replace"):
        yield f"{CRATE}: got one that another program wrote, expected none: a run writes its own there; rename it"
