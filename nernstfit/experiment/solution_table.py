"""From the user's tables of solutions and species to ions, with every fault of theirs in one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.errors import nearest
from nernstfit.physics.solution import equilibria
from nernstfit.physics.solution.ions import IONS, Ion, Parts, UnknownComponent, UserIons, components, components_at_pH
from nernstfit.solutions.composition import Solutions, Titrant

PH, TITRANT = "pH", "titrant"
_MOST_mM = 20_000.0
_PH_RANGE = (0.0, 14.0)
_REACH = 2.0  # of a buffer, in units of pH to both sides of its pKa
_ROOM_C = 25.0
_SPECIES = ("species", "charge", "mobility", "analogue", "source")
_FURTHER = ("mobility_percent", "molar_mass_g_per_mol", "size_A", "pKa", "pKa_kJ_per_mol")
_FASTEST = 10.0  # the proton has 4.76


def parse(table: pd.DataFrame, place: str, own: UserIons = ()) -> tuple[Solutions, list[str]]:
    """Turn the table of solutions into ions.

    Parameters
    ----------
    table : DataFrame of str
        As `tables.read` returns it.
    place : str
        The table's path, for the faults.
    own : tuple of Ion
        The user's own, from `read_species`.

    Returns
    -------
    Solutions
        Of what could be read, by name: the order of rows and columns changes nothing.
    faults : list of str
        One sentence per fault.
    """
    if "solution" not in table.columns:
        found = ", ".join(table.columns)
        return _nothing(own), [
            f"{place}: row 1: found the columns {found}; a column 'solution' with the names would be right"
        ]
    recipe = table.sort_values("solution", kind="stable")  # sums round alike, whatever the order in the file
    faults = list(_name_faults(table["solution"], place))
    pH, wrong = _pH(table, place)
    faults += wrong
    doses, doubtful, wrong = _doses(table, place, pH, own)
    faults += wrong
    titrants, wrong = _titrants(table, place, pH, own)
    faults += wrong

    amounts: dict[Ion, np.ndarray] = {}
    uncharged = np.zeros(len(recipe))
    for column in sorted(doses):
        dose, parts = doses[column].reindex(recipe.index).to_numpy(), components_at_pH(column, own)
        for ion, count in parts:
            amounts[ion] = amounts.get(ion, np.zeros(len(recipe))) + count * dose
        if not parts:
            uncharged = uncharged + dose
    ions = tuple(sorted(amounts, key=lambda ion: ion.name))
    given = np.array([amounts[ion] for ion in ions]).reshape(len(ions), len(recipe)).T
    solutions = Solutions(
        names=tuple(recipe["solution"]),
        ions=ions,
        given_mM=given,
        uncharged_mM=uncharged,
        pH=tuple(pH.reindex(recipe.index).tolist()),
        titrants=tuple(titrants.get(row) for row in recipe.index),
        user_ions=own,
        incomplete=frozenset(doubtful),
    )
    for row in sorted(row for row in recipe.index if table["solution"][row] not in doubtful):
        wrong = list(_chemistry_faults(solutions, recipe, row, place))
        faults += wrong
        doubtful |= {table["solution"][row]} if wrong else set()
    return replace(solutions, incomplete=frozenset(doubtful)).with_formed_ions(), faults


def _nothing(own: UserIons) -> Solutions:
    return Solutions((), (), np.zeros((0, 0)), np.zeros(0), (), (), own)


def _pH(table: pd.DataFrame, place: str) -> tuple[pd.Series, list[str]]:
    if PH not in table.columns:
        return pd.Series(math.nan, index=table.index), []
    low, high = _PH_RANGE
    return tables.numbers(table, PH, place, lambda v: None if low <= v <= high else f"a pH from {low:g} to {high:g}")


def _doses(
    table: pd.DataFrame, place: str, pH: pd.Series, own: UserIons
) -> tuple[dict[str, pd.Series], set[str], list[str]]:
    """Concentrations of the components in mM, solutions of which something could not be read, and faults."""
    doses, doubtful, faults = {}, set(), []
    for column in table.columns.drop(["solution", PH, TITRANT], errors="ignore"):
        there = ~table[column].isin(["", "0"])
        try:
            components_at_pH(column, own)
        except UnknownComponent as fault:
            faults.append(f"{place}: row 1, column '{column}': {fault}")
            doubtful |= set(table["solution"][there])
            continue
        values, wrong = tables.numbers(table, column, place, _concentration_fault)
        faults += wrong
        doubtful |= set(table["solution"][there & values.isna()])
        doses[column] = values.fillna(0.0)
        without = there & pH.isna() & (values > 0)
        unclear = _only_at_a_pH(column, own)
        if without.any() and unclear:
            doubtful |= set(table["solution"][without])
            faults += [
                f"{place}: row {row}, column '{column}': found {table[column][row]} without a pH: {unclear}"
                for row in table.index[without]
            ]
    return doses, doubtful, faults


def _only_at_a_pH(column: str, own: UserIons) -> str:
    """What would be right for a component whose ions depend on the pH; nothing where they do not."""
    try:
        components(column, own)
    except UnknownComponent as fault:
        return f"{fault}; a value in column 'pH' would be right"
    return ""


def _concentration_fault(value: float) -> str | None:
    return None if 0 <= value <= _MOST_mM else f"a concentration in mM from 0 to {_MOST_mM:g}"


def _name_faults(names: pd.Series, place: str) -> Iterator[str]:
    first: dict[str, object] = {}
    for row, name in names.items():
        if name == "":
            yield f"{place}: row {row}, column 'solution': found nothing; the solution's name would be right"
        elif name in first:
            yield (
                f"{place}: row {row}, column 'solution': found '{name}', which row {first[name]} has already; "
                "another name would be right"
            )
        else:
            first[name] = row


def _titrants(table: pd.DataFrame, place: str, pH: pd.Series, own: UserIons) -> tuple[dict[object, Titrant], list[str]]:
    """What each row was titrated with, by row."""
    found: dict[object, Titrant] = {}
    faults: list[str] = []
    if TITRANT not in table.columns:
        return found, faults
    for row, text in table[TITRANT].items():
        if text == "":
            continue
        where = f"{place}: row {row}, column '{TITRANT}': found '{text}'"
        ion = _titrating_ion(text, own)
        if ion is None:
            faults.append(f"{where}; an acid or base such as NaOH, KOH, CsOH, HCl or NMDG would be right")
        elif math.isnan(pH[row]) and (PH not in table.columns or table[PH][row] == ""):
            faults.append(f"{where} without a pH; the pH that it was added up to, in column 'pH', would be right")
        else:
            found[row] = Titrant(text, ion)
    return found, faults


def _titrating_ion(text: str, own: UserIons) -> Ion | None:
    """The monovalent ion that a titrant brings besides protons or hydroxide; None where it is no such thing."""
    try:
        parts: Parts = components_at_pH(text, own)
    except UnknownComponent:
        return None
    brought = [ion for ion, _ in parts if ion.name not in ("H", "OH")]
    return brought[0] if len(brought) == 1 and abs(brought[0].valence) == 1 else None


def _chemistry_faults(solutions: Solutions, recipe: pd.DataFrame, row: int, place: str) -> Iterator[str]:
    """What keeps the equilibria of one solution from being solved."""
    i = list(recipe.index).index(row)
    pH, titrant = solutions.pH[i], solutions.titrants[i]
    if math.isnan(pH):
        return
    where = f"{place}: row {row}, column '{PH}': found {pH:g}"
    amounts = solutions.amounts(i)
    acids = equilibria.acid_steps(solutions.known.values())
    try:
        reach = [abs(pKa - pH) for pKa in equilibria.pKa(amounts, acids, _ROOM_C)]
        if min(reach, default=math.inf) > _REACH:
            yield (
                f"{where}, but no component buffers there (none has a pKa within {_REACH:g} of it); a buffer such as "
                "HEPES, or no pH, would be right"
            )
            return
        equilibria.speciate(amounts, acids, pH, _ROOM_C, titrant.ion if titrant else None)
    except equilibria.NoConstant as fault:
        yield f"{where}, but {fault}; without one of the two, or without the pH, the solution can be computed"
    except equilibria.WrongTitrant as fault:
        kind = "an acid such as HCl" if fault.excess_meq_per_l > 0 else "a base such as NaOH"
        yield (
            f"{place}: row {row}, column '{TITRANT}': found '{recipe[TITRANT][row]}', but the other components leave "
            f"{fault.excess_meq_per_l:+.3g} meq/l at pH {pH:g}, which {kind} would balance"
        )


def read_species(path: str) -> tuple[UserIons, list[str]]:
    """Read the user's own ions.

    Parameters
    ----------
    path : str
        Table with the columns species, charge, mobility (relative to that of K: limiting equivalent conductivity /
        |charge| / 73.48 S cm2/mol), analogue (an ion of the same charge whose activity coefficients stand in; may be
        empty) and source; where wanted also mobility_percent (its standard error), molar_mass_g_per_mol, size_A, pKa
        and pKa_kJ_per_mol. A row of a known ion takes the place of its charge-independent values.

    Returns
    -------
    own : tuple of Ion
        By name.
    faults : list of str
        One sentence per fault.
    """
    table = tables.read(path)
    missing = [column for column in _SPECIES if column not in table.columns]
    if missing:
        found = ", ".join(table.columns)
        return (), [f"{path}: row 1: found no column '{column}' (found {found}); it is needed" for column in missing]
    faults = list(_species_faults(table, path))
    numbers: dict[str, pd.Series] = {}
    checks = {"charge": _charge_fault, "mobility": _mobility_fault, "mobility_percent": _percent_fault}
    for column in ("charge", "mobility", *(column for column in _FURTHER if column in table.columns)):
        numbers[column], wrong = tables.numbers(table, column, path, checks.get(column, lambda _: None))
        faults += wrong
    if faults:
        return (), faults
    own = [
        _species(cells, {column: float(values[row]) for column, values in numbers.items() if pd.notna(values[row])})
        for row, cells in table.to_dict("index").items()
    ]
    return tuple(sorted(own, key=lambda ion: ion.name)), faults


def _species(cells: Mapping[str, str], numbers: Mapping[str, float]) -> Ion:
    name = cells["species"]
    base = IONS.get(name, Ion(name, int(numbers["charge"]), numbers["mobility"], 10.0, ""))
    further: dict[str, Any] = {column: numbers[column] for column in _FURTHER if column in numbers}
    return replace(
        base,
        mobility=numbers["mobility"],
        analogue=cells["analogue"] or base.analogue,
        source=cells["source"],
        **further,
    )


def _charge_fault(value: float) -> str | None:
    return None if value.is_integer() and 1 <= abs(value) <= 6 else "a charge such as 1, 2, -1 or -2"


def _mobility_fault(value: float) -> str | None:
    if 0 < value <= _FASTEST:
        return None
    return (
        f"a mobility relative to that of K, above 0 and at most {_FASTEST:g} (limiting equivalent conductivity in "
        "S cm2/mol / |charge| / 73.48)"
    )


def _percent_fault(value: float) -> str | None:
    return None if 0 <= value <= 100 else "a standard error in percent from 0 to 100"


def _species_faults(table: pd.DataFrame, path: str) -> Iterator[str]:
    first: dict[str, object] = {}
    for row, cells in table.to_dict("index").items():
        where, name = f"{path}: row {row}, column", cells["species"]
        for column in ("species", "charge", "mobility", "source"):
            if cells[column] == "":
                yield f"{where} '{column}': found nothing; every species needs one"
        if name in first:
            yield f"{where} 'species': found '{name}', which row {first[name]} has already; another would be right"
        first.setdefault(name, row)
        try:
            charge = int(cells["charge"])
        except ValueError:
            continue
        if name in IONS and charge != IONS[name].valence:
            yield (
                f"{where} 'charge': found {cells['charge']} for the known ion {name}, which has "
                f"{IONS[name].valence:+d}; that, or another name, would be right"
            )
        analogue = cells["analogue"]
        if analogue and analogue not in IONS:
            hint = nearest(analogue, IONS)
            yield f"{where} 'analogue': found '{analogue}', which is no known ion" + (
                f"; the nearest is '{hint}'" if hint else ""
            )
        elif analogue and IONS[analogue].valence != charge:
            yield (
                f"{where} 'analogue': found '{analogue}' of charge {IONS[analogue].valence:+d} for one of "
                f"{charge:+d}; an ion of the same charge would be right"
            )
