"""Solutions and what follows from them for one experiment: activities, shared errors.

A *condition* is what a measurement was made in: bath, pipette, configuration, temperature and
the bath in which the electrode offset was zeroed. Everything here is a function of the
solutions, the settings and the condition, so that an error of one source (a solution's
concentration, an ion's mobility, the temperature) can be followed through all its
consequences together by asking again with that source moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit import tables
from nernstfit.physics import coefficients as activity
from nernstfit.physics.ions import Ion, UnknownComponent, components
from nernstfit.settings import Uncertainty

FloatArray = NDArray[np.float64]

NEW_ZERO = "same"
_MOST_mM = 20_000.0


@dataclass(frozen=True)
class Solutions:
    """The table of solutions, as ions.

    Attributes
    ----------
    names : tuple of str
    ions : tuple of Ion
        Every ion of any solution, by name.
    concentration_mM : ndarray, shape (solutions, ions)
    uncharged_mM : ndarray, shape (solutions,)
        Sum of the substances without charge.
    doubtful : frozenset of str
        Solutions of which a component could not be read: they may hold ions that are not here.
    """

    names: tuple[str, ...]
    ions: tuple[Ion, ...]
    concentration_mM: FloatArray
    uncharged_mM: FloatArray
    doubtful: frozenset[str] = frozenset()

    @property
    def valence(self) -> NDArray[np.int64]:
        """Signed charge numbers, shape (ions,)."""
        return np.array([ion.valence for ion in self.ions])

    @property
    def mobility(self) -> FloatArray:
        """Absolute mobilities relative to K, shape (ions,)."""
        return np.array([ion.mobility for ion in self.ions])

    @property
    def charge_excess_meq_per_l(self) -> FloatArray:
        """Sum of z c, shape (solutions,); 0 where the recipe is complete."""
        return np.asarray(self.concentration_mM @ self.valence)

    def row(self, name: str) -> FloatArray:
        """Concentrations of one solution in mM, shape (ions,)."""
        return np.asarray(self.concentration_mM[self.names.index(name)])

    def coefficients(self, model: str, temperature_C: float) -> FloatArray:
        """Activity coefficients on the molar scale, shape (solutions, ions)."""
        return np.array([self._coefficients(row, model, temperature_C) for row in self.concentration_mM])

    def statuses(self, model: str, temperature_C: float) -> NDArray[np.str_]:
        """How each coefficient is known, shape (solutions, ions)."""
        return activity.status(model, self.concentration_mM, self.ions, temperature_C)

    def _coefficients(self, row: FloatArray, model: str, temperature_C: float) -> FloatArray:
        return _coefficients_of(model, activity.chemical(self.ions), tuple(row.tolist()), temperature_C)

    def activity_mM(self, name: str, ion_names: Sequence[str], model: str, temperature_C: float) -> FloatArray:
        """Activities of some ions in one solution, 0 for an ion that no solution has; shape (len(ion_names),)."""
        known = [ion.name for ion in self.ions]
        row = self.row(name)
        values = self._coefficients(row, model, temperature_C) * row
        return np.array([values[known.index(ion)] if ion in known else 0.0 for ion in ion_names])


@lru_cache(maxsize=10_000)
def _coefficients_of(model: str, ions: tuple[Ion, ...], row: tuple[float, ...], temperature_C: float) -> FloatArray:
    """Coefficients of one solution, which every step of an analysis asks for again."""
    found = activity.coefficients(model, row, ions, temperature_C)
    found.flags.writeable = False
    return found


@dataclass(frozen=True, order=True)
class Condition:
    """What a measurement was made in."""

    bath: str
    pipette: str
    configuration: str
    temperature_C: float
    zeroed_in: str

    @property
    def sign(self) -> int:
        """-1 where the bath is the inside of the membrane, else +1."""
        return -1 if self.configuration == "inside-out" else 1

    @property
    def inside(self) -> str:
        """Solution on the membrane's inside."""
        return self.bath if self.sign < 0 else self.pipette

    @property
    def outside(self) -> str:
        """Solution on the membrane's outside."""
        return self.pipette if self.sign < 0 else self.bath


@dataclass(frozen=True)
class Source:
    """One shared error, moved by one standard deviation: the solutions and the temperature it leaves."""

    name: str
    solutions: Solutions
    warmer_C: float


def parse(table: pd.DataFrame, place: str) -> tuple[Solutions, list[str]]:
    """Turn the table of solutions into ions.

    Parameters
    ----------
    table : DataFrame of str
        As `tables.read` returns it.
    place : str
        The table's path, for the faults.

    Returns
    -------
    Solutions
        Of what could be read, by name: the order of rows and columns changes nothing.
    faults : list of str
        One sentence per fault.
    """
    if "solution" not in table.columns:
        found = ", ".join(table.columns)
        fault = f"{place}: row 1: found the columns {found}; a column 'solution' with the names would be right"
        return Solutions((), (), np.zeros((0, 0)), np.zeros(0)), [fault]
    faults = list(_name_faults(table["solution"], place))
    recipe = table.sort_values("solution", kind="stable")  # sums round alike, whatever the order in the file
    amounts: dict[Ion, FloatArray] = {}
    uncharged = np.zeros(len(recipe))
    dose: dict[str, FloatArray] = {}
    doubtful: set[str] = set()
    for column in table.columns.drop("solution"):
        there = ~recipe[column].isin(["", "0"])
        try:
            components(column)
        except UnknownComponent as fault:
            faults.append(f"{place}: row 1, column '{column}': {fault}")
            doubtful |= set(recipe["solution"][there])
            continue
        values, wrong = tables.numbers(table, column, place, _concentration_fault)
        faults += wrong
        values = values.reindex(recipe.index)
        doubtful |= set(recipe["solution"][there & values.isna()])
        dose[column] = values.fillna(0.0).to_numpy()
    for column in sorted(dose):
        parts = components(column)
        for ion, count in parts:
            amounts[ion] = amounts.get(ion, np.zeros(len(recipe))) + count * dose[column]
        if not parts:
            uncharged = uncharged + dose[column]
    ions = tuple(sorted(amounts, key=lambda ion: ion.name))
    concentration = np.array([amounts[ion] for ion in ions]).reshape(len(ions), len(recipe)).T
    return Solutions(tuple(recipe["solution"]), ions, concentration, uncharged, frozenset(doubtful)), faults


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


def sources(solutions: Solutions, uncertainty: Uncertainty) -> tuple[Source, ...]:
    """List the shared errors, each moved by its own standard deviation: one source is one random number.

    Parameters
    ----------
    solutions : Solutions
    uncertainty : Uncertainty
        The section of the settings.
    """
    found = []
    for i, name in enumerate(solutions.names):
        scale = np.ones((len(solutions.names), 1))
        scale[i] = 1 + uncertainty.concentration_percent / 100
        moved = replace(solutions, concentration_mM=solutions.concentration_mM * scale)
        found.append(Source(f"concentration of {name}", moved, 0.0))
    for ion in solutions.ions:
        percent = ion.mobility_percent if uncertainty.mobility_percent is None else uncertainty.mobility_percent
        faster = replace(ion, mobility=ion.mobility * (1 + percent / 100))
        ions = tuple(faster if other is ion else other for other in solutions.ions)
        found.append(Source(f"mobility of {ion.name}", replace(solutions, ions=ions), 0.0))
    found.append(Source("temperature", solutions, uncertainty.temperature_C))
    return tuple(found)


def moved(condition: Condition, source: Source) -> Condition:
    """Return the condition at the temperature that a source leaves."""
    return replace(condition, temperature_C=condition.temperature_C + source.warmer_C)


def distinct(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """Return the conditions that occur, each once, in a fixed order."""
    return tuple(sorted(set(conditions.values())))
