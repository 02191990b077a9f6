"""Solutions and what follows from them for one experiment: activities, junctions, shared errors.

A *condition* is what a measurement was made in: bath, pipette, configuration, temperature and
the bath in which the electrode offset was zeroed. Everything here is a function of the
solutions, the settings and the condition, so that an error of one source (a solution's
concentration, an ion's mobility, the temperature) can be followed through all its
consequences together by asking again with that source moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit import tables
from nernstfit.physics import activity
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.ions import Ion, UnknownComponent, components
from nernstfit.physics.junction import henderson_mV
from nernstfit.settings import Junction, Uncertainty

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
        return np.asarray(activity.MODELS[model](self.concentration_mM, self.valence, temperature_C))

    def activity_mM(self, name: str, ion_names: Sequence[str], model: str, temperature_C: float) -> FloatArray:
        """Activities of some ions in one solution, 0 for an ion that no solution has; shape (len(ion_names),)."""
        known = [ion.name for ion in self.ions]
        row = self.row(name)
        values = np.asarray(activity.MODELS[model](row, self.valence, temperature_C)) * row
        return np.array([values[known.index(ion)] if ion in known else 0.0 for ion in ion_names])


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
class Term:
    """One line of the junction ledger.

    `potential_mV` is the potential that the term stands for, in its own sign, `applied_mV`
    what was added to the membrane potential because of it.
    """

    name: str
    from_solution: str
    to_solution: str
    potential_mV: float
    is_henderson: bool
    applied_mV: float
    statement: str


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


def ledger(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> tuple[Term, ...]:
    """Every term of the junction correction of one condition.

    With s = +1, or -1 for inside-out: V_m = s V_cmd + sum of `applied_mV`. The terms are those
    of Neher 1992 (Methods Enzymol 207:123) and Barry & Lynch 1991 (J Membr Biol 121:101): the
    pipette's junction with the bath in which the offset was zeroed, and what the reference
    electrode sees of the change from there to the present bath.

    Parameters
    ----------
    solutions : Solutions
    condition : Condition
    junction : Junction
        The section of the settings.
    model : str
        Activity model, for the chloride of a bare pellet.

    Returns
    -------
    tuple of Term
        Empty where no correction applies.

    Raises
    ------
    ValueError
        Where a solution lacks the ions that a term is computed from; `lacking` names them beforehand.
    """
    terms: list[Term] = []
    if condition.bath in junction.measured_mV:
        terms.append(_measured(condition, junction.measured_mV[condition.bath]))
    elif junction.method != "none":
        terms.append(_pipette(solutions, condition))
        if condition.zeroed_in != NEW_ZERO:
            terms.append(_reference(solutions, condition, junction, model))
    if junction.already_corrected_mV != 0:
        terms.append(_already(condition, junction.already_corrected_mV))
    return tuple(terms)


def junction_mV(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> float:
    """Sum of what the ledger adds to the membrane potential, in mV; 0 where it has no term."""
    return sum(term.applied_mV for term in ledger(solutions, condition, junction, model))


def lacking(solutions: Solutions, condition: Condition, junction: Junction) -> Iterator[tuple[str, str]]:
    """Solutions whose ions do not allow the terms of a condition's ledger.

    Parameters
    ----------
    solutions : Solutions
    condition : Condition
    junction : Junction
        The section of the settings.

    Yields
    ------
    name : str
        A solution; names that are no solution, or of which a part could not be read, are passed over.
    why : str
        What was found, and what asks for more.
    """
    if condition.bath in junction.measured_mV or junction.method == "none":
        return
    zeroed, reference = _zeroed(condition), junction.reference
    kind = reference.type if reference is not None and condition.zeroed_in != NEW_ZERO else "none"
    bridge = reference.solution if reference is not None and kind == "salt-bridge" else None
    baths = (condition.bath, zeroed)
    joined = (condition.pipette, zeroed, *((condition.bath, bridge) if bridge is not None else ()))
    for name in dict.fromkeys(joined):
        if _amount_mM(solutions, name) == 0:
            yield name, "found no ion; its junction potential cannot be computed (junction.method: henderson)"
    for name in baths if kind == "pellet" else ():
        if _amount_mM(solutions, name, "Cl") == 0:
            yield (
                name,
                "found no chloride; an Ag/AgCl pellet in the bath (junction.reference.type) has no potential "
                "without it",
            )


def _amount_mM(solutions: Solutions, name: str, ion: str = "") -> float:
    """Sum of a solution's ions, or one of them, in mM; nan where it is not known."""
    if name not in solutions.names or name in solutions.doubtful:
        return math.nan
    return float(sum(c for i, c in zip(solutions.ions, solutions.row(name), strict=True) if ion in ("", i.name)))


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


def _henderson(solutions: Solutions, first: str, second: str, temperature_C: float) -> float:
    """V(first) - V(second) in mV, on concentrations."""
    potential = float(
        henderson_mV(solutions.row(first), solutions.row(second), solutions.valence, solutions.mobility, temperature_C)
    )
    if not math.isfinite(potential):
        raise ValueError(f"no junction potential between '{first}' and '{second}': one of them holds no ion")
    return potential


def _zeroed(condition: Condition) -> str:
    """Bath in which the electrode offset was zeroed."""
    return condition.bath if condition.zeroed_in == NEW_ZERO else condition.zeroed_in


def _pipette(solutions: Solutions, condition: Condition) -> Term:
    zeroed = _zeroed(condition)
    potential = _henderson(solutions, zeroed, condition.pipette, condition.temperature_C)
    applied = 0.0 - condition.sign * potential
    statement = (
        f"{applied:+.2f} mV was added: V('{zeroed}') - V('{condition.pipette}') = {potential:+.2f} mV (Henderson, "
        f"concentrations, {condition.temperature_C:g} C) was hidden when the offset was zeroed in '{zeroed}'; "
        f"{_rule(condition)}"
    )
    return Term("pipette", condition.pipette, zeroed, potential, True, applied, statement)


def _reference(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> Term:
    reference, first, second = junction.reference, condition.zeroed_in, condition.bath
    kind = "none" if reference is None else reference.type
    if kind == "salt-bridge" and reference is not None and reference.solution is not None:
        bridge, temperature = reference.solution, condition.temperature_C
        potential = _henderson(solutions, second, bridge, temperature) - _henderson(
            solutions, first, bridge, temperature
        )
        why = f"its junction with the salt bridge '{bridge}' differs by {potential:+.2f} mV (Henderson, concentrations)"
    elif kind == "pellet":
        ratio = [solutions.activity_mM(name, ["Cl"], model, condition.temperature_C)[0] for name in (second, first)]
        if not all(value > 0 for value in ratio):
            raise ValueError(
                f"no potential of a pellet moved from '{first}' to '{second}': one of them has no chloride"
            )
        potential = float(thermal_voltage_mV(condition.temperature_C) * np.log(ratio[0] / ratio[1]))
        why = f"the Ag/AgCl pellet in it moves by (RT/F) ln(a_Cl ratio) = {potential:+.2f} mV ({model})"
    else:
        potential, why = 0.0, "the reference electrode is in a compartment that does not change"
    applied = 0.0 - condition.sign * potential
    statement = f"{applied:+.2f} mV was added: after the change from '{first}' to '{second}' {why}; {_rule(condition)}"
    if first == second:
        statement = f"nothing was added: '{second}' is the bath in which the offset was zeroed"
    return Term("reference", first, second, potential, kind == "salt-bridge", applied, statement)


def _measured(condition: Condition, potential: float) -> Term:
    applied = 0.0 - condition.sign * potential
    statement = (
        f"{applied:+.2f} mV was added: V_bath - V_pipette = {potential:+.2f} mV was given as measured for bath "
        f"'{condition.bath}' and replaces the calculated junction; {_rule(condition)}"
    )
    return Term("measured", condition.pipette, condition.bath, potential, False, applied, statement)


def _already(condition: Condition, potential: float) -> Term:
    applied = condition.sign * potential
    statement = (
        f"{applied:+.2f} mV was added: the amplifier or its program had subtracted {potential:+.2f} mV from the "
        "command, which is put back before the junctions above are taken off"
    )
    return Term("already", condition.pipette, condition.bath, potential, False, applied, statement)


def _rule(condition: Condition) -> str:
    sign = "V_cmd - " if condition.sign > 0 else "-V_cmd + "
    return f"{condition.configuration}: V_m = {sign}(V_L + change at the reference)"


def status(model: str) -> str:
    """How an ion's coefficient is known under a model that sees its charge alone."""
    return "concentration" if model == "concentration" else "estimated"


def distinct(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """Return the conditions that occur, each once, in a fixed order."""
    return tuple(sorted(set(conditions.values())))
