"""Findings about a sound experiment folder that need no result: `nernstfit check` prints them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from nernstfit.contract.codes import Code
from nernstfit.contract.errors import row_ranges
from nernstfit.contract.findings import Finding, by_weight
from nernstfit.contract.settings import CONFIG_FILE, Junction
from nernstfit.contract.terms import JunctionMethod, ReferenceElectrode
from nernstfit.experiment.plausibility import (
    absent_ions,
    ions_of_parameters,
    molar_solutions,
    offsets_in_volts,
    windows_in_seconds,
)
from nernstfit.experiment.records import CARRIED, Cell, Experiment, Row
from nernstfit.judgement import copies, temperatures
from nernstfit.judgement.copies import Potential
from nernstfit.judgement.recipes import solution_warnings
from nernstfit.solutions import junctions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

# Size from which a measured and a calculated junction potential of opposite sign contradict each other: two to three
# standard errors of either. At half, small junctions that are uncertain in sign would be warned of; at double, the 4 mV
# of a potassium chloride pipette would not.
_MIN_JUNCTION_MV = 3.0
# Concentration from which an ion is one of a solution's main ones. At half, additions such as 25 mM NaHCO3 would count;
# at double, a pipette with 105 mM gluconate hardly would.
_MAIN_MM = 50.0
# Free K or Ca beside Na from which a solution is like that around cells, which has 3 to 5 mM K, 1 to 2 mM Ca. At half,
# salts of Na with a contamination would count; at double, solutions with 1 mM Ca alone would not.
_BESIDE_NA_MM = {"K": 1.0, "Ca": 0.5}
# Factor by which the cations of one side of a membrane exceed those of the other kind. At half, mixtures would count as
# one side's; at double, so would 45 mM Na beside 110 mM K not.
_EXCESS = 2.0
# Anions with which pipettes are filled, but no extracellular solution is beside little sodium.
_PIPETTE_ANIONS = ("gluconate", "aspartate", "glutamate", "methanesulfonate")


# Words of a column that divides the cells into batches, and words that may stand beside them.
_BATCHES = frozenset(
    {
        *("day", "date", "session", "animal", "mouse", "rat", "frog", "donor", "patient", "subject", "individual"),
        *("litter", "dish", "plate", "coverslip", "slice", "culture", "preparation", "prep", "passage"),
        *("transfection", "dissection", "dissociation", "isolation", "injection"),
    }
)
_BESIDE = frozenset(
    {
        *("id", "no", "nr", "num", "number", "name", "code", "label", "of", "the", "cell", "patch"),
        *("recording", "recorded", "experiment", "experimental", "exp"),
    }
)


def findings(experiment: Experiment, with_rows: bool = True) -> list[Finding]:
    """Return the findings about the tables and the configuration of a sound experiment, the heaviest first.

    Parameters
    ----------
    experiment : Experiment
    with_rows : bool
        True to name rows by their numbers, False to count them: no result depends on the order of rows.
    """
    rows = [row for row in experiment.rows if not row.exclude]
    found = (
        *_exchanged(experiment, rows),
        *_junction_signs(experiment, rows),
        *_unsettled(experiment, rows),
        *_zeroed_inside(experiment, rows),
        *_unused_bridge(experiment),
        *_cells_per_file(experiment, rows),
        *_some_blank(experiment, rows, with_rows),
        *_spellings(experiment, rows),
        *_absent(experiment, rows),
        *_units(experiment, rows, with_rows),
        *_copies(experiment, rows),
        *_temperatures(experiment, rows),
        *_own_columns(experiment),
        *batch_findings(experiment),
        *solution_warnings(experiment, rows),
    )
    return by_weight(found)


def _copies(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings on potentials measured elsewhere that are copies of others."""
    typed = [
        Potential(
            row.measurement,
            (row.group, row.cell),
            (row.bath, row.pipette, row.condition.configuration),
            row.condition.temperature_C,
            row.external.reversal_mV,
            row.external.se_mV,
        )
        for row in rows
        if row.external is not None
    ]
    yield from (replace(each, place=experiment.settings.table) for each in copies.findings(typed))


def _temperatures(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings on temperatures, those within cells only where potentials were measured elsewhere."""
    mV = {row.measurement: row.external.reversal_mV for row in rows if row.external is not None}
    found = [*temperatures.unusual(rows), *temperatures.findings([row for row in rows if row.measurement in mV], mV)]
    yield from (replace(each, place=experiment.settings.table) for each in found)


def _own_columns(experiment: Experiment) -> Iterator[Finding]:
    columns = dict.fromkeys(name for row in experiment.rows for name in row.user_columns if name not in CARRIED)
    if columns:
        values = {"columns": ", ".join(columns)}
        place = experiment.settings.table
        yield Finding(Code.OWN_COLUMNS, "", values, 0.0, place)


def batch_findings(experiment: Experiment) -> Iterator[Finding]:
    """Yield the columns of the user's own that look like a batch."""
    for column, of_cell in batch_columns([row for row in experiment.rows if not row.exclude]):
        n = len(set(of_cell.values()))
        values = {"column": column, "cells": len(of_cell), "values": f"{n} values" if n > 1 else "one value"}
        yield Finding(Code.BATCH_COLUMN, column, values, 0.0, experiment.settings.table)


def batch_columns(rows: Sequence[Row]) -> Iterator[tuple[str, dict[Cell, str]]]:
    """Yield the columns of the user's own that look like a batch, each with the value of every cell that has one.

    The name is that of a day, an animal, a dish or the like, a cell has one value, and some group has fewer values than
    cells. Where `batch` is given there are none.
    """
    if any(row.batch for row in rows):
        return
    for column in dict.fromkeys(name for row in rows for name in row.user_columns if names_batches(name)):
        values: dict[Cell, set[str]] = defaultdict(set)
        for row in rows:
            values[row.group, row.cell] |= {row.user_columns.get(column, "")} - {""}
        of_cell = {cell: next(iter(own)) for cell, own in values.items() if own}
        is_shared = any(
            len({value for (own, _), value in of_cell.items() if own == group}) < n
            for group, n in Counter(group for group, _ in of_cell).items()
        )
        if is_shared and all(len(own) <= 1 for own in values.values()):
            yield column, of_cell


def names_batches(column: str) -> bool:
    """Return True for a name such as `animal`, `mouse_id` or `recordingDate`."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column))
    plain = {word.casefold() for word in words}
    return bool(plain & _BATCHES) and plain <= _BATCHES | _BESIDE


def _some_blank(experiment: Experiment, rows: Sequence[Row], with_rows: bool) -> Iterator[Finding]:
    for column, consequence in {
        "group": "these rows count as one more group",
        "batch": "the cells there count as independent of each other and of all batches",
    }.items():
        blank = [row for row in rows if not getattr(row, column)]
        if 0 < len(blank) < len(rows):
            values = {"column": column, "rows": _named(blank, with_rows), "consequence": consequence}
            yield Finding(Code.SOME_BLANK, column, values, place=experiment.settings.table)


def _named(rows: Sequence[Row], with_rows: bool) -> str:
    """Return some rows by their numbers, or counted."""
    return row_ranges(row.number for row in rows) if with_rows else f"{len(rows)} rows"


def _plain(name: str) -> str:
    """Return a name without case, blanks and signs, but for those between numbers."""
    plain = re.sub(r"(?<=\d)[\s_-]+(?=\d)", ":", unicodedata.normalize("NFKC", name).casefold())
    return re.sub(r"[\s_-]", "", plain)


def _spellings(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield cells, groups and batches whose names have the same letters and numbers."""
    for column in ("cell", "group", "batch"):
        alike: dict[str, set[str]] = defaultdict(set)
        for name in dict.fromkeys(getattr(row, column) for row in rows):
            alike[_plain(re.sub(r"(?<![\d.])0+(?=\d)|(?<=\d)\.0+$", "", name))].add(name)
        for names in alike.values():
            if len(names) > 1:
                shown = " and ".join(f"'{name}'" for name in sorted(names))
                how = "case, blanks or signs" if len(set(map(_plain, names))) == 1 else "the zeros of a number"
                values = {"column": column, "names": shown, "how": how}
                yield Finding(Code.SPELLINGS, column, values, place=experiment.settings.table)


def _cells_per_file(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield a finding where every row has its own cell, but the names of the files put several baths to one cell."""
    stems = {row.measurement: PurePosixPath(row.recording).stem for row in rows if row.recording}
    if len(rows) < 2 or len(stems) < len(rows) or len({row.cell for row in rows}) < len(rows):
        return
    shared = _shared_stems([(stems[row.measurement], row.bath) for row in rows])
    if shared:
        values = {"stems": ", ".join(f"{stem}..." for stem in shared), "n": len(rows)}
        yield Finding(Code.CELL_PER_FILE, "", values, place=experiment.settings.table)


def _shared_stems(files: Sequence[tuple[str, str]]) -> list[str]:
    """Return the beginnings that the names of several files share, each in another bath.

    A beginning that recordings of one bath share, such as a date, a group or an animal, does not name a cell. Most
    files must have such a beginning. Names that begin with other letters are in another style.
    """
    styles: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for stem, bath in files:
        styles["".join(itertools.takewhile(str.isalpha, stem)).casefold()].append((stem, bath))
    shared = [each for style in styles.values() for each in _shared_in_style(style).items()]
    return sorted(start for start, _ in shared) if 2 * sum(n for _, n in shared) > len(files) else []


def _shared_in_style(files: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the shared beginnings in names of one style, with the number of files; the shortest length counts."""
    parts = {stem: list(re.finditer(r"[^\W\d_]*\d+|[^\W\d_]+", stem)) for stem, _ in files}
    for depth in range(1, max(map(len, parts.values()), default=0) + 1):
        baths: dict[str, list[str]] = defaultdict(list)
        for stem, bath in files:
            if len(parts[stem]) >= depth:
                baths[stem[: parts[stem][depth - 1].end()]].append(bath)
        shared = {start: of_start for start, of_start in baths.items() if len(of_start) > 1}
        if all(len(set(of_start)) == len(of_start) for of_start in shared.values()):
            return {start: len(of_start) for start, of_start in shared.items()}
    return {}


def _exchanged(experiment: Experiment, rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield each pipette whose insides all look like an extracellular solution and whose outsides like pipettes'.

    Of a pipette that had baths of both kinds, as in experiments under bi-ionic conditions, no side is the wrong one. A
    salt of Na alone is in a pipette on purpose, unless every bath of the table is like the inside of a cell: then the
    bath of the experiment is missing. The inside of an inside-out patch is its bath, which any salt may be.
    """
    by_pipette: dict[tuple[str, int], set[Condition]] = defaultdict(set)
    for row in rows:
        if row.condition.pipette:
            by_pipette[row.condition.pipette, row.condition.sign].add(row.condition)
    is_without_bath = all(
        c.sign > 0 and _is_inside(contents(experiment.solutions, c.bath, c.temperature_C))
        for conditions in by_pipette.values()
        for c in conditions
    )
    is_bath = _is_of_sodium if is_without_bath else _is_outside
    for _, conditions in sorted(by_pipette.items()):
        sides = {
            c: (
                contents(experiment.solutions, c.inside, c.temperature_C),
                contents(experiment.solutions, c.outside, c.temperature_C),
            )
            for c in conditions
        }
        if all(is_bath(inside) and _is_inside(outside) for inside, outside in sides.values()):
            first = min(sides)
            inside, outside = sides[first]
            in_bath, in_pipette = (outside, inside) if first.sign > 0 else (inside, outside)
            values = {"bath": first.bath, "pipette": first.pipette}
            values |= {"in_bath": _main(in_bath), "in_pipette": _main(in_pipette)}
            yield Finding(Code.EXCHANGED, first.bath, values, place=experiment.settings.table)
        else:
            yield from _exchanged_recipes(experiment, sides)


def _exchanged_recipes(
    experiment: Experiment, sides: Mapping[Condition, tuple[Counter[str], Counter[str]]]
) -> Iterator[Finding]:
    """Yield the one bath of a pipette of sodium that is a pipette's solution, with the anion of one.

    It is the bath of the zero, or no other bath is of sodium: the one that the cells were in is in the pipette.
    """
    if not all(c.sign > 0 and _is_of_sodium(i) and not _has_pipette_anion(i) for c, (i, _) in sides.items()):
        return
    like_pipettes = {c.bath: c for c, (_, o) in sorted(sides.items()) if _is_inside(o) and _has_pipette_anion(o)}
    if len(like_pipettes) != 1:
        return
    ((bath, at),) = like_pipettes.items()
    if at.zeroed_in == bath or not any(_is_of_sodium(outside) for _, outside in sides.values()):
        inside, outside = sides[at]
        values = {"bath": bath, "pipette": at.pipette, "in_bath": _main(outside), "in_pipette": _main(inside)}
        yield Finding(Code.EXCHANGED, bath, values, place=experiment.settings.solutions)


def contents(solutions: Solutions, name: str, temperature_C: float) -> Counter[str]:
    """Return the concentrations of a solution's ions in mM by name; empty where it is unknown."""
    if not name:
        return Counter()
    row = solutions.row(name, temperature_C).tolist()
    return Counter({ion.name: c for ion, c in zip(solutions.ions, row, strict=True) if c > 0})


def _is_outside(solution: Counter[str]) -> bool:
    """Return True for Na beside some K or Ca: a salt of Na alone, as under bi-ionic conditions, has no side."""
    return _is_of_sodium(solution) and any(solution[ion] >= least for ion, least in _BESIDE_NA_MM.items())


def _is_of_sodium(solution: Counter[str]) -> bool:
    return solution["Na"] >= _MAIN_MM and solution["Na"] > _EXCESS * (solution["K"] + solution["Cs"])


def _has_pipette_anion(solution: Counter[str]) -> bool:
    return any(solution[anion] >= _MAIN_MM for anion in _PIPETTE_ANIONS)


def _is_inside(solution: Counter[str]) -> bool:
    cations = solution["K"] + solution["Cs"]
    is_filled = cations >= _MAIN_MM or any(solution[anion] >= _MAIN_MM for anion in _PIPETTE_ANIONS)
    return is_filled and _EXCESS * solution["Na"] < max(cations, *(solution[anion] for anion in _PIPETTE_ANIONS))


def _main(solution: Counter[str]) -> str:
    """Return the main ions of a solution with their concentrations, anions of pipettes first."""
    names = [*_PIPETTE_ANIONS, "Na", "K", "Cs"]
    shown = [f"{solution[name]:.3g} mM {name}" for name in names if solution[name] >= _MAIN_MM]
    return " and ".join(shown)


def _junction_signs(experiment: Experiment, rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield measured junction potentials whose sign is opposite to that of the calculated one."""
    settings = experiment.settings
    told: set[str] = set()
    for condition in sorted({row.condition for row in rows}):
        measured = settings.junction.measured_mV.get(condition.bath)
        if measured is None or not condition.pipette or condition.bath in told:
            continue
        calculated = calculated_mV(experiment, condition)
        if min(abs(measured), abs(calculated)) > _MIN_JUNCTION_MV and measured * calculated < 0:
            told.add(condition.bath)
            values = {"bath": condition.bath, "measured": measured, "calculated": calculated}
            yield Finding(Code.JUNCTION_SIGN, condition.bath, values, place=CONFIG_FILE)


def _unsettled(experiment: Experiment, rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield the pairs of solutions whose stationary junction is not found, each once."""
    settings, told = experiment.settings, set[str]()
    how = (settings.junction, settings.activity.name)
    for condition in sorted({row.condition for row in rows}):
        for term in junctions.ledger(experiment.solutions, condition, *how):
            for remark in junctions.unsettled_remarks(experiment.solutions, term, condition, *how):
                if remark not in told:
                    told.add(remark)
                    values = {"bath": condition.bath, "remark": remark}
                    yield Finding(Code.JUNCTION_UNSETTLED, condition.bath, values, place=settings.solutions)


def calculated_mV(experiment: Experiment, condition: Condition) -> float:
    """Return the junction potential that a measured one replaces, bath minus pipette; 0 where there is none."""
    given, model = experiment.settings.junction, experiment.settings.activity.name
    junction: Junction = replace(given, measured_mV={}, already_corrected_mV=0.0)
    if junction.method == JunctionMethod.NONE:
        junction = replace(junction, method=JunctionMethod.HENDERSON)
        condition = replace(condition, zeroed_in=NEW_ZERO)
    if any(junctions.missing_ions(experiment.solutions, condition, junction)):
        return 0.0
    return -condition.sign * junctions.junction_mV(experiment.solutions, condition, junction, model)


def _zeroed_inside(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield baths of the zero that are the solution in the pipette or in the bridge, and no bath."""
    junction = experiment.settings.junction
    if junction.method == JunctionMethod.NONE:
        return
    baths, pipettes = {row.bath for row in rows}, {row.pipette for row in rows}
    bridge = junction.reference.solution if junction.reference else None
    for name in sorted({row.zeroed_in for row in rows} - baths - {NEW_ZERO}):
        what = "pipette" if name in pipettes else "bridge" if name == bridge else ""
        if what:
            in_config = name == junction.zeroed_in
            key = "key 'junction.zeroed_in'" if in_config else "column 'zeroed_in'"
            place = CONFIG_FILE if in_config else experiment.settings.table
            values = {"key": key, "name": name, "what": what}
            yield Finding(Code.ZEROED_INSIDE, name, values, place=place)


def _unused_bridge(experiment: Experiment) -> Iterator[Finding]:
    reference = experiment.settings.junction.reference
    if reference is not None and reference.solution is not None and reference.type == ReferenceElectrode.NONE:
        values = {"name": reference.solution, "kind": reference.type}
        yield Finding(Code.UNUSED_BRIDGE, reference.solution, values, place=CONFIG_FILE)


def _absent(experiment: Experiment, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the ions in no solution, unless fit.parameters settles their ratio: it has another verdict then."""
    fit = experiment.settings.fit
    ions = [ion for ion in fit.permeant if ion not in ions_of_parameters(fit)]
    for ion in absent_ions(ions, experiment.solutions, [row.condition for row in rows]) if rows else ():
        yield Finding(Code.ION_ABSENT, ion, {"ion": ion}, place=CONFIG_FILE)


def _units(experiment: Experiment, rows: Sequence[Row], with_rows: bool) -> Iterator[Finding]:
    """Yield single solutions in mol/l, and offsets of the command in volts."""
    settings = experiment.settings
    for name, own, others in molar_solutions(settings, experiment.solutions, [row.condition for row in rows]):
        values = {"name": name, "own": own, "others": others}
        yield Finding(Code.MOLAR_SOLUTION, name, values, place=settings.solutions)
    if small := offsets_in_volts(rows):
        offsets = ", ".join(f"{value:g}" for value in sorted({row.measure.command_offset_mV for row in small}))
        named = {"values": offsets, "rows": _named(small, with_rows)}
        yield Finding(Code.OFFSET_VOLTS, "", named, place=settings.table)
    if early := windows_in_seconds(rows):
        ends = ", ".join(f"{value:g}" for value in sorted({row.measure.to_ms or 0.0 for row in early}))
        yield Finding(Code.WINDOW_SECONDS, "", {"ends": ends, "rows": _named(early, with_rows)}, place=settings.table)
