"""Reader of the user's tables of solutions and species: ions and amounts, with every fault in one sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract import headers, tables
from nernstfit.contract.cells import Cells, TextTable
from nernstfit.contract.errors import Alike, RowFault, nearest
from nernstfit.contract.number_columns import numbers_of
from nernstfit.contract.numbers import CONCENTRATION
from nernstfit.experiment import recipes
from nernstfit.physics.solution import equilibria, reactions
from nernstfit.physics.solution.components import (
    Parts,
    UnknownComponent,
    components,
    components_at_pH,
    is_in_any_state,
)
from nernstfit.physics.solution.ions import IONS, Ion, UserIons
from nernstfit.physics.solution.reactions import CARBONATES
from nernstfit.physics.solution.water import MAX_TAKEN
from nernstfit.solutions.composition import Solutions, Stated, Titrant, speciate

MAX_MOLAR = 1.0
"""Concentration in mM below which every component of every solution is only if the amounts are in mol/l: no pipette is
filled with a solution whose ions are all that dilute. At half, 0.6 (mol/l) of a marine bath would pass; at double
nothing else would be refused."""
# Standard error of an own mobility that gives none, as of those estimated from the molar mass, in percent. At half or
# double, its part of the error of a junction is half or double.
_MOBILITY_PERCENT = 10.0
PH, GAS, TITRANT = "pH", "pCO2_mmHg", "titrant"
# Charge in meq/l that a titrant of the wrong kind may leave: such a solution needs none. 10 mM HEPES leave .07 with HCl
# at pH 5.5 and .1 with NaOH at pH 5, where its acid pKa, 3.0 within .3 or so, decides. At half or double the limit is
# at recipes that are .05 or .2 mM off, half a percent and two of a buffer.
_NEEDS_NONE_MEQ = 0.1
_ROOM_C = 25.0  # temperature at which recipes are checked; pKa shifts by tenths within the range of experiments
# Unit behind the name of a component, in which people say what the column holds.
_UNIT = re.compile(
    r"^(?P<name>.*?[^\s_(\[/,-])[\s_(\[/,-]+(?P<unit>[mn\u00b5\u03bcu]?M|[mn\u00b5\u03bcu]?mol(/[lL])?|%|m?g(/m?[lL])?|m?[Ee]q/[lL])[)\]]?$"
)
_IN_mM = ("mM", "mmol/l", "mmol/L")
_MASSES = ("g/l", "g/L", "mg/ml", "mg/mL")
_NO_COMPONENTS = ("solution", PH, GAS, TITRANT)
_SPECIES = ("species", "charge", "mobility", "analogue", "source")
_OPTIONAL = (
    *("mobility_percent", "molar_mass_g_per_mol", "size_A", "pKa", "pKa_kJ_per_mol"),
    "volume_cm3_per_mol",
)


def parse(
    table: TextTable, place: str, user_ions: UserIons = (), ragged: Collection[int] = ()
) -> tuple[Solutions, list[str]]:
    """Return the ions of a table of solutions.

    Parameters
    ----------
    table : Cells, or DataFrame of str
        As `tables.read_text` or `tables.read` returns it.
    place : str
        The table's path, for the faults.
    user_ions : tuple of Ion
        The user's own, from `read_species`.
    ragged : collection of int
        Rows of which only the name of the solution is taken, see `tables.Typed`.

    Returns
    -------
    Solutions
        All that could be read, by name: the order of rows and columns changes nothing.
    faults : list of str
        One sentence per fault.
    """
    cells, faults = _known_columns(Cells.of(table), place, user_ions)
    if "solution" not in cells.columns:
        fault = (
            f"{place}: row 1: got the columns {', '.join(cells.columns)}, expected a column 'solution' with the names"
        )
        return recipes.none(user_ions), [*faults, fault]
    cells = cells.emptied(ragged, "solution")
    (pH, of_pH), (gas, of_gas) = (_read_numbers(cells, place, column) for column in (PH, GAS))
    # Without a pH, one follows from the gas; without either, it follows from the charges.
    has_pH, reacts = ~(np.isnan(pH) & np.isnan(gas)), _with_acid_or_base(cells, user_ions)
    doses, in_part, of_doses = _read_doses(cells, place, (has_pH, reacts), user_ions)
    titrants, of_titrants = _read_titrants(cells, place, has_pH, user_ions)
    faults += [*_name_faults(cells, place), *of_pH, *of_gas, *of_doses, *of_titrants]
    # Sums round alike, whatever the order in the file.
    order = sorted(range(len(pH)), key=cells["solution"].__getitem__)
    rows, doses = cells.ordered(order), {column: dose[order] for column, dose in doses.items()}
    solutions = replace(
        recipes.composed(doses, (has_pH | reacts)[order], (pH[order], gas[order]), user_ions),
        names=rows["solution"],
        titrants=tuple(titrants.get(row) for row in rows.index),
        incomplete=frozenset(in_part | {name for row, name in cells.items("solution") if row in ragged}),
    )
    solutions, unsolved = _without_unsolved(solutions, rows, place)
    return solutions.with_formed_ions(), faults + unsolved + _overfull(solutions, rows, place)


def _overfull(solutions: Solutions, table: Cells, place: str) -> list[str]:
    """Return the faults of solutions whose solutes leave hardly any room for water."""
    taken = solutions.weighed_volume_l_per_l()
    return [
        RowFault(
            place,
            row,
            f"the components take {volume:.3g} l of one litre, expected below {MAX_TAKEN:g}: amounts are in mM",
        )
        for row, volume in zip(table.index, taken, strict=True)
        if volume >= MAX_TAKEN
    ]


def _without_unsolved(solutions: Solutions, table: Cells, place: str) -> tuple[Solutions, list[str]]:
    """Return the same with those incomplete of which the equilibria cannot be solved, and the faults of these."""
    names = dict(table.items("solution"))
    rows = sorted(row for row, name in names.items() if name not in solutions.incomplete)
    found = {row: [RowFault(place, row, fault) for fault in _equilibrium_faults(solutions, table, row)] for row in rows}
    incomplete = solutions.incomplete | {names[row] for row in rows if found[row]}
    return replace(solutions, incomplete=incomplete), [fault for row in rows for fault in found[row]]


def _known_columns(table: Cells, place: str, user_ions: UserIons) -> tuple[Cells, list[str]]:
    """Return the table with its misspelt columns under their right names, and the faults of these."""
    known = {name: column.also for name, column in tables.SOLUTIONS_INPUT.columns.items()}
    doubled = headers.doubled(table.columns, known)
    table = table.renamed({}, doubled)
    components = [name for name in table.columns if name not in known and is_component(name, user_ions)]
    others = [name for name in table.columns if name not in components]
    of_conditions = list(headers.misspelt(others, known))
    meant = {each.typed: each.known for each in of_conditions}
    faults = [f"{place}: row 1, {each}" for each in (*doubled.values(), *of_conditions)]
    for name in others:
        with_unit = _UNIT.fullmatch(name)
        if with_unit and is_component(with_unit["name"], user_ions):
            converted = headers.conversion(name, [f"{with_unit['name']}_mM"])
            unit = with_unit["unit"]
            if unit in _IN_mM:
                values = "concentrations are in mM, without a unit in the name"
            elif unit in _MASSES:
                values = f"Give values in mM (those in {unit} times 1,000, divided by the molar mass in g/mol)"
            else:
                values = f"Give {converted or f'values in mM, not in {unit}'}"
            faults.append(f"{place}: row 1, column '{name}' is not known; did you mean '{with_unit['name']}'? {values}")
            meant[name] = with_unit["name"]
    dropped = {name for name, right in meant.items() if right in table.columns or list(meant.values()).count(right) > 1}
    dropped |= {each.typed for each in of_conditions if not each.is_same_unit}
    return table.renamed(meant, dropped), faults


def misspelt_conditions(names: Sequence[str], user_ions: UserIons) -> list[headers.Meant]:
    """Return those of some names that are other spellings of the columns beside the components."""
    known = {name: column.also for name, column in tables.SOLUTIONS_INPUT.columns.items()}
    return list(headers.misspelt([name for name in names if not is_component(name, user_ions)], known))


@cache  # the nearest name of one that is none takes a tenth of a second
def is_component(name: str, user_ions: UserIons) -> bool:
    """Return True for the name of a component, at a pH at least."""
    try:
        components_at_pH(name, user_ions)
    except UnknownComponent:
        return False
    return True


def _read_numbers(table: Cells, place: str, column: str) -> tuple[NDArray[np.float64], list[str]]:
    """Return the pH or the pressure of each row, nan where none is given, and faults."""
    if column not in table.columns:
        return np.full(len(table.index), np.nan), []
    allowed = tables.SOLUTIONS_INPUT.columns[column].range
    values, faults = numbers_of(table.items(column), column, place, allowed.expected, allowed.unit)
    return np.array(values), faults


def _read_doses(
    table: Cells, place: str, known: tuple[np.ndarray, np.ndarray], user_ions: UserIons
) -> tuple[dict[str, np.ndarray], set[str], list[str]]:
    """Return concentrations of the components in mM, solutions of which something could not be read, and faults.

    `known` are the rows with a pH, and those in which it follows from a free acid or base.
    """
    has_pH, reacts = known
    doses, incomplete, faults = {}, set(), []
    names = np.array(table["solution"], dtype=object)
    for column in (name for name in table.columns if name not in _NO_COMPONENTS):
        given = _given(table[column])
        try:
            components_at_pH(column, user_ions)
        except UnknownComponent as fault:
            incomplete |= set(names[given])
            # The charge of an ion whose own row is wrong is 0: that its salts cannot be read only follows from it.
            if not any(ion.valence == 0 and not ion.is_uncharged and ion.name in column for ion in user_ions):
                faults.append(f"{place}: row 1, column '{column}': {fault}")
            continue
        found, of_column = numbers_of(table.items(column), column, place, CONCENTRATION.expected, CONCENTRATION.unit)
        values, faults = np.array(found), faults + of_column
        incomplete |= set(names[given & np.isnan(values)])
        doses[column] = np.nan_to_num(values)
        follows = reacts & reactions.takes_protons(_ions(column, user_ions), reactions.known_acid_steps(user_ions))
        without_pH, reason = given & ~has_pH & ~follows & (values > 0), _ambiguity(column, user_ions)
        if without_pH.any() and reason:
            incomplete |= set(names[without_pH])
            faults += [
                RowFault(
                    place,
                    row,
                    Alike(f"column '{column}': got {cell} without a pH: {reason}", f"{column} without pH"),
                )
                for (row, cell), is_without in zip(table.items(column), without_pH, strict=True)
                if is_without
            ]
    return doses, incomplete, faults


def _given(cells: Sequence[str]) -> NDArray[np.bool_]:
    """Return True for each cell that gives an amount."""
    return np.array([cell not in ("", "0") for cell in cells], dtype=bool)


def _with_acid_or_base(table: Cells, user_ions: UserIons) -> NDArray[np.bool_]:
    """Return True for each row with a free acid or base."""
    found = np.zeros(len(table.index), dtype=bool)
    for column in (name for name in table.columns if name not in _NO_COMPONENTS):
        if is_component(column, user_ions) and is_acid_or_base(column, user_ions):
            found |= _given(table[column])
    return found


def is_acid_or_base(component: str, user_ions: UserIons) -> bool:
    """Return True for a strong acid or base, and for a weak acid of known pKa."""
    ions = _ions(component, user_ions)
    is_free = any(ion.name in reactions.WATER_IONS for ion in ions)
    takes_protons = reactions.takes_protons(ions, reactions.known_acid_steps(user_ions))
    return is_free and (takes_protons or not _ambiguity(component, user_ions))


def _ions(component: str, user_ions: UserIons) -> list[Ion]:
    return [ion for ion, _ in components_at_pH(component, user_ions)]


def _ambiguity(column: str, user_ions: UserIons) -> str:
    """Return the fault of a component without a pH where its ions depend on it; '' where they do not."""
    try:
        components(column, user_ions)
    except UnknownComponent as fault:
        return f"{fault}, or give a value in column 'pH'"
    return ""


def _name_faults(table: Cells, place: str) -> Iterator[str]:
    """Yield missing and repeated names of solutions."""
    first: dict[str, object] = {}
    for row, name in table.items("solution"):
        if name == "":
            yield RowFault(place, row, "column 'solution': got nothing, expected the name of the solution")
        elif name in first:
            words = f"column 'solution': got '{name}', which row {first[name]} has already, expected another name"
            yield RowFault(place, row, words)
        else:
            first[name] = row


def _read_titrants(
    table: Cells, place: str, has_pH: np.ndarray, user_ions: UserIons
) -> tuple[dict[object, Titrant], list[str]]:
    """Return the titrant of each row that has one, by row, and faults."""
    found: dict[object, Titrant] = {}
    faults: list[str] = []
    if TITRANT not in table.columns:
        return found, faults
    typed_pH = table[PH] if PH in table.columns else ("",) * len(has_pH)
    for i, (row, text) in enumerate(table.items(TITRANT)):
        if text == "":
            continue
        where = f"column '{TITRANT}': got '{text}'"
        ion = _titrating_ion(text, user_ions)
        if ion is None:
            words = f"{where}, expected an acid or base such as NaOH, KOH, Ca(OH)2, HCl or NMDG"
            faults.append(RowFault(place, row, words))
        elif not has_pH[i] and typed_pH[i] == "":
            words = f"{where} without a pH, expected the pH to which it was titrated in column 'pH'"
            faults.append(RowFault(place, row, words))
        else:
            found[row] = Titrant(text, ion)
    return found, faults


def _titrating_ion(text: str, user_ions: UserIons) -> Ion | None:
    """Return the ion of an acid or base besides protons or hydroxide; None where the text names neither.

    A monovalent ion may be named alone (`NMDG`), and a base by the name of all its states (`BTP`).
    """
    try:
        parts: Parts = components_at_pH(text, user_ions)
    except UnknownComponent:
        return None
    added = [ion for ion, _ in parts if ion.name not in reactions.WATER_IONS]
    known_base = len(added) == 1 and added[0].valence > 0 and is_in_any_state(text, user_ions)
    is_named = len(added) == 1 and (abs(added[0].valence) == 1 or len(parts) > 1 or known_base)
    return added[0] if is_named else None


def _equilibrium_faults(solutions: Solutions, table: Cells, row: int) -> Iterator[str]:
    """Yield the reasons for which the equilibria of one solution cannot be solved, without file and row."""
    i = table.index.index(row)
    pH, gas, titrant, amounts = solutions.pH[i], solutions.gas_mmHg(i), solutions.titrants[i], solutions.amounts(i)
    if not solutions.has_pH(i):
        return
    where = f"column '{PH}': got {'nothing' if math.isnan(pH) else f'{pH:g}'}"
    if math.isnan(pH) and not math.isnan(gas):
        where = f"column '{GAS}': got {gas:g}"
    has_source = any(ion.name in (*CARBONATES, reactions.HYDROXIDE) for ion in amounts)  # a base takes it from the gas
    if math.isnan(pH) and not math.isnan(gas) and not has_source:
        yield f"{where} without a pH and without bicarbonate, expected one of the two, from which the other follows"
        return
    acids = reactions.known_acid_steps(solutions.user_ions)
    try:
        speciate(amounts, acids, Stated(pH, gas, solutions.least_excess(i)), _ROOM_C, titrant.ion if titrant else None)
    except reactions.NoConstant as fault:
        yield f"{where}, but {fault}: what is free of either is unknown; expected only one of the two"
    except ArithmeticError as fault:
        yield f"{where}, but {fault}; expected a weaker solution, or one with fewer ions of many charges"
    except equilibria.WrongTitrant as fault:
        if abs(fault.excess_meq_per_l) <= _NEEDS_NONE_MEQ:
            return
        kind = "an acid such as HCl" if fault.excess_meq_per_l > 0 else "a base such as NaOH"
        at = f"under {gas:g} mmHg CO2" if math.isnan(pH) else f"at pH {pH:g}"
        yield (
            f"column '{TITRANT}': got '{table[TITRANT][i]}', but the other components leave "
            f"{fault.excess_meq_per_l:+.3g} meq/l {at}; expected {kind}"
        )


def read_species(path: str) -> tuple[UserIons, list[str]]:
    """Read the user's own ions.

    Parameters
    ----------
    path : str
        Table with the columns species, charge, mobility (relative to that of K: limiting equivalent conductivity /
        |charge| / 73.48 S cm2/mol), analogue (an ion of the same charge whose activity coefficients stand in; may be
        empty) and source; optionally mobility_percent (its standard error), molar_mass_g_per_mol, size_A, pKa,
        pKa_kJ_per_mol and volume_cm3_per_mol. A row of a known ion replaces its mobility, its source, and what else it
        gives. A substance without charge has the charge 0 and no mobility.

    Returns
    -------
    user_ions : tuple of Ion
        By name. An ion whose row has a fault is among them, so that nobody takes its name for an unknown one: with the
        charge 0 where that cannot be read.
    faults : list of str
        One sentence per fault.
    """
    typed = tables.examine(path)
    columns = typed.text.columns
    meant = list(headers.misspelt(columns, {name: of.also for name, of in tables.SPECIES.columns.items()}))
    doubled = headers.doubled(columns, tables.SPECIES.columns)
    faults = [*typed.faults, *(f"{path}: row 1, {each}" for each in (*meant, *doubled.values()))]
    dropped = {*doubled, *(each.typed for each in meant if not each.is_same_unit)}
    table = typed.text.renamed({each.typed: each.known for each in meant}, dropped)
    got = ", ".join(table.columns)
    missing = [column for column in _SPECIES if column not in table.columns]
    faults += [f"{path}: row 1: column '{column}' is missing (got {got}); it is required" for column in missing]
    names = table["species"] if "species" in table.columns else ()
    if missing:
        return tuple(Ion(name, 0, 1.0, _MOBILITY_PERCENT, "") for name in sorted(set(names) - {""})), faults
    rows = dict(zip(table.index, table.rows, strict=True))
    even = {row: cells for row, cells in rows.items() if row not in typed.ragged}
    faults += _species_faults(even, path)
    numbers: dict[int, dict[str, float]] = {row: {"charge": 0.0, "mobility": 1.0} for row in rows}
    checks = {name: column.range.expected for name, column in tables.SPECIES.columns.items()}
    checks |= {"charge": _charge_fault, "mobility": _mobility_fault}
    for column in ("charge", "mobility", *(column for column in _OPTIONAL if column in table.columns)):
        of_column = ((row, cells[column]) for row, cells in even.items())
        values, found = numbers_of(of_column, column, path, checks[column])
        faults += found
        for row, value in zip(even, values, strict=True):
            numbers[row] |= {} if math.isnan(value) else {column: value}
    ions: dict[str, Ion] = {}
    for row, cells in rows.items():
        ions.setdefault(cells["species"], _species(cells, numbers[row]))
    return tuple(ions[name] for name in sorted(ions) if name), typed.as_typed(faults)


def _species(cells: Mapping[str, str], numbers: Mapping[str, float]) -> Ion:
    name = cells["species"]
    base = IONS.get(name, Ion(name, int(numbers["charge"]), numbers["mobility"], _MOBILITY_PERCENT, ""))
    if _is_zero(cells["charge"]):
        base, numbers = replace(base, valence=0), {**numbers, "mobility": 0.0}
    # The error of the known ion's mobility is not that of the user's.
    optional: dict[str, Any] = {"mobility_percent": _MOBILITY_PERCENT}
    optional |= {column: numbers[column] for column in _OPTIONAL if column in numbers}
    return replace(
        base,
        mobility=numbers["mobility"],
        analogue=cells["analogue"] or base.analogue,
        source=cells["source"],
        **optional,
    )


def _is_zero(text: str) -> bool:
    return re.fullmatch(r"[+-]?0+(\.0*)?", text) is not None


def _charge_fault(value: float) -> str | None:
    return None if value.is_integer() and abs(value) <= 6 else "a charge such as 1, 2, -1 or -2, or 0 for none"


def _mobility_fault(value: float) -> str | None:
    expected = tables.SPECIES.columns["mobility"].range.expected(value)
    quantity = "a mobility relative to that of K (limiting equivalent conductivity in S cm2/mol / |charge| / 73.48)"
    return f"{quantity}, {expected}" if expected else None


def _species_faults(rows: Mapping[int, Mapping[str, str]], path: str) -> Iterator[str]:
    """Yield blank cells, repeated names, and values that contradict the known ions."""
    first: dict[str, object] = {}
    for row, cells in rows.items():
        yield from (RowFault(path, row, words) for words in _species_row_faults(cells))
        name = cells["species"]
        if name in first:
            words = f"column 'species': got '{name}', which row {first[name]} has already, expected another name"
            yield RowFault(path, row, words)
        first.setdefault(name, row)


def _species_row_faults(cells: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults of one row, without file and row."""
    name = cells["species"]
    is_uncharged = _is_zero(cells["charge"])
    for column in ("species", "charge", "source", *(() if is_uncharged else ("mobility",))):
        if cells[column] == "":
            expected = "a value in every row" + (" of an ion" if column == "mobility" else "")
            yield f"column '{column}': got nothing, expected {expected}"
    for column in ("mobility", "pKa", "size_A") if is_uncharged else ():
        if cells.get(column, "") != "":
            yield f"column '{column}': got {cells[column]}, expected nothing where the charge is 0"
    try:
        charge = int(cells["charge"])
    except ValueError:
        return
    if name in IONS and charge != IONS[name].valence:
        yield (
            f"column 'charge': got {cells['charge']} for the known ion {name}, expected "
            f"{IONS[name].valence:+d}, or another name"
        )
    yield from (f"column 'analogue': {fault}" for fault in _analogue_faults(cells["analogue"], charge))


def _analogue_faults(analogue: str, charge: int) -> Iterator[str]:
    """Yield the fault of an analogue that is no known ion of the same charge."""
    if analogue and analogue not in IONS:
        hint = nearest(analogue, IONS)
        yield f"got '{analogue}', which is no known ion" + (f"; the nearest is '{hint}'" if hint else "")
    elif analogue and IONS[analogue].valence != charge:
        yield (
            f"got '{analogue}', whose charge number is {IONS[analogue].valence:+d}, expected a known ion with that of "
            f"the species, {charge:+d}"
        )
