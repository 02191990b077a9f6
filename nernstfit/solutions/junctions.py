"""The ledger of junctions: what is added to the membrane potential for one condition, term by term, and its error.

Liquids touch at *contacts*: pipette and bath before the seal, bath and salt bridge. A term of the
ledger stands for contacts, or for the potential of a bare pellet, or for a value that was given;
its sentence says what was added, with which sign, from where to where, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import Junction, Uncertainty
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.junction import henderson_mV
from nernstfit.physics.membrane.nernst_planck import nernst_planck_mV
from nernstfit.solutions.composition import NEW_ZERO, Condition, Solutions, moved, sources

FloatArray = NDArray[np.float64]

HENDERSON, NERNST_PLANCK = "henderson", "nernst-planck"
CONCENTRATION, ACTIVITY = "concentration", "activity"
METHODS = {HENDERSON: "Henderson", NERNST_PLANCK: "Nernst-Planck"}
TWO_ELECTRODE = "two-electrode"


@dataclass(frozen=True)
class Contact:
    """Two solutions that touch: `weight` (+1 or -1) times V(first) - V(second) counts."""

    weight: int
    first: str
    second: str


@dataclass(frozen=True)
class Term:
    """One line of the ledger.

    `potential_mV` is the potential that the term stands for, in its own sign, `applied_mV`
    what was added to the membrane potential because of it. `contacts` are the liquid junctions
    in it; none where there is no liquid junction to calculate.
    """

    name: str
    from_solution: str
    to_solution: str
    potential_mV: float
    contacts: tuple[Contact, ...]
    applied_mV: float
    statement: str


def ledger(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> tuple[Term, ...]:
    """Every term of the junction correction of one condition.

    With s = +1, or -1 for inside-out: V_m = s V_cmd + sum of `applied_mV`. The terms are those
    of Neher 1992 (Methods Enzymol 207:123) and Barry & Lynch 1991 (J Membr Biol 121:101): the
    pipette's junction with the bath in which the offset was zeroed (two-electrode clamp has
    none), and what the reference electrode sees of the change from there to the present bath.

    Parameters
    ----------
    solutions : Solutions
    condition : Condition
    junction : Junction
        The section of the settings.
    model : str
        Activity model, for the chloride of a bare pellet and for junctions on activities.

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
        if condition.configuration != TWO_ELECTRODE:
            known = bool(condition.pipette)
            terms.append(_pipette(solutions, condition, junction, model) if known else _unknown(condition))
        if condition.zeroed_in != NEW_ZERO:
            terms.append(_reference(solutions, condition, junction, model))
        elif condition.configuration == TWO_ELECTRODE:
            terms.append(_nothing(condition))
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
    has_contact = condition.pipette and condition.configuration != TWO_ELECTRODE
    touching = [condition.pipette, zeroed] if has_contact else []
    if reference is not None and kind == "salt-bridge" and reference.solution is not None:
        touching += [zeroed, condition.bath, reference.solution]
    for name in dict.fromkeys(touching):
        if _amount_mM(solutions, name, condition) == 0:
            yield name, f"found no ion; its junction potential cannot be computed (junction.method: {junction.method})"
    for name in (condition.bath, zeroed) if kind == "pellet" else ():
        if _amount_mM(solutions, name, condition, "Cl") == 0:
            yield (
                name,
                "found no chloride; an Ag/AgCl pellet in the bath (junction.reference.type) has no potential "
                "without it",
            )


def _amount_mM(solutions: Solutions, name: str, condition: Condition, ion: str = "") -> float:
    """Sum of a solution's ions, or one of them, in mM; nan where it is not known."""
    if name not in solutions.names or name in solutions.doubtful:
        return math.nan
    row = solutions.row(name, condition.temperature_C)
    return float(sum(c for i, c in zip(solutions.ions, row, strict=True) if ion in ("", i.name)))


def _zeroed(condition: Condition) -> str:
    """Bath in which the electrode offset was zeroed."""
    return condition.bath if condition.zeroed_in == NEW_ZERO else condition.zeroed_in


def potential_mV(
    solutions: Solutions, term: Term, condition: Condition, junction: Junction, model: str, method: str
) -> float:
    """Potential of a term's liquid junctions by either method, in mV; nan where it has none."""
    how = replace(junction, method=method)
    potentials = [c.weight * _contact_mV(solutions, c, condition.temperature_C, how, model) for c in term.contacts]
    return sum(potentials) if potentials else float("nan")


def model_differences_mV(
    solutions: Solutions, condition: Condition, junction: Junction, model: str
) -> tuple[dict[str, float], ...]:
    """What the other method, and the other basis, would add to each term: two shared errors of one deviation each.

    Parameters are those of `ledger`.

    Returns
    -------
    tuple of dict
        Per term of the ledger: name of the error to mV. All conditions move together.
    """
    base = ledger(solutions, condition, junction, model)
    others = {name: ledger(solutions, condition, other, model) for name, other in _alternatives(junction)}
    return tuple(
        {name: other[i].applied_mV - term.applied_mV for name, other in others.items()} for i, term in enumerate(base)
    )


MODEL_ERRORS = ("Nernst-Planck instead of Henderson", "activity instead of concentration")
"""Names of the two errors of `model_differences_mV`."""


def shared_se_mV(
    solutions: Solutions, condition: Condition, junction: Junction, model: str, uncertainty: Uncertainty
) -> FloatArray:
    """Standard error of each term of the ledger from the shared errors and the choice of method and basis, in mV.

    Returns
    -------
    ndarray, shape (terms,)
        Terms share their sources, so that their errors do not add up like independent ones.
    """

    def applied(recipe: Solutions, at: Condition) -> list[float]:
        return [term.applied_mV for term in ledger(recipe, at, junction, model)]

    base = np.array(applied(solutions, condition))
    shifts = [applied(s.solutions, moved(condition, s)) - base for s in sources(solutions, uncertainty)]
    of_model = [list(term.values()) for term in model_differences_mV(solutions, condition, junction, model)]
    return np.asarray(np.hypot(np.linalg.norm(shifts, axis=0), np.linalg.norm(of_model, axis=-1)))


def _alternatives(junction: Junction) -> Iterator[tuple[str, Junction]]:
    method = HENDERSON if junction.method == NERNST_PLANCK else NERNST_PLANCK
    basis = CONCENTRATION if junction.basis == ACTIVITY else ACTIVITY
    # Where nothing is calculated there is no other way to calculate it.
    yield MODEL_ERRORS[0], junction if junction.method == "none" else replace(junction, method=method)
    yield MODEL_ERRORS[1], replace(junction, basis=basis)


def _contact_mV(solutions: Solutions, contact: Contact, temperature_C: float, junction: Junction, model: str) -> float:
    """V(first) - V(second) in mV where two solutions touch, as the settings ask."""
    return between_mV(solutions, contact.first, contact.second, temperature_C, junction.method, junction.basis, model)


def between_mV(
    solutions: Solutions, first: str, second: str, temperature_C: float, method: str, basis: str, model: str
) -> float:
    """Potential of one solution over another where they touch, V(first) - V(second), in mV.

    Parameters
    ----------
    solutions : Solutions
    first, second : str
    temperature_C : float
    method : str
        `NERNST_PLANCK`, else Henderson's.
    basis : str
        `ACTIVITY` or `CONCENTRATION`.
    model : str
        Activity model, for the basis `activity`.

    Raises
    ------
    ValueError
        Where a solution holds no ion.
    """
    ends = [solutions.row(name, temperature_C) for name in (first, second)]
    coefficients = np.ones((2, len(solutions.ions)))
    if basis == ACTIVITY:
        rows = [solutions.names.index(name) for name in (first, second)]
        coefficients = solutions.coefficients(model, temperature_C)[rows]
    if method == NERNST_PLANCK:
        columns = (*ends, solutions.valence, solutions.mobility, *coefficients)
        potential = _stationary_mV(tuple(tuple(column.tolist()) for column in columns), temperature_C)
    else:
        potential = float(
            henderson_mV(
                coefficients[0] * ends[0],
                coefficients[1] * ends[1],
                solutions.valence,
                solutions.mobility,
                temperature_C,
            )
        )
    if not math.isfinite(potential):
        raise ValueError(f"no junction potential between '{first}' and '{second}': one of them holds no ion")
    return potential


@lru_cache(maxsize=4096)
def _stationary_mV(columns: tuple[tuple[float, ...], ...], temperature_C: float) -> float:
    """The stationary junction, solved once for each pair of solutions: many conditions and models ask for the same."""
    first, second, valence, mobility, of_first, of_second = columns
    return nernst_planck_mV(first, second, valence, mobility, temperature_C, of_first, of_second)


def _pipette(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> Term:
    zeroed = _zeroed(condition)
    contact = Contact(1, zeroed, condition.pipette)
    potential = _contact_mV(solutions, contact, condition.temperature_C, junction, model)
    applied = 0.0 - condition.sign * potential
    statement = (
        f"{applied:+.2f} mV was added: V('{zeroed}') - V('{condition.pipette}') = {potential:+.2f} mV "
        f"({_how(condition, junction, model)}) was hidden when the offset was zeroed in '{zeroed}'; {_rule(condition)}"
    )
    return Term("pipette", condition.pipette, zeroed, potential, (contact,), applied, statement)


def _reference(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> Term:
    reference, first, second = junction.reference, condition.zeroed_in, condition.bath
    kind = "none" if reference is None else reference.type
    contacts: tuple[Contact, ...] = ()
    if kind == "salt-bridge" and reference is not None and reference.solution is not None:
        bridge = reference.solution
        contacts = (Contact(1, second, bridge), Contact(-1, first, bridge))
        after, before = (_contact_mV(solutions, c, condition.temperature_C, junction, model) for c in contacts)
        potential = after - before
        why = (
            f"its junction with the salt bridge '{bridge}' differs by {potential:+.2f} mV: V('{second}') - "
            f"V('{bridge}') = {after:+.2f} mV less V('{first}') - V('{bridge}') = {before:+.2f} mV "
            f"({_how(condition, junction, model)})"
        )
    elif kind == "pellet":
        now, then = (solutions.activity_mM(name, ["Cl"], model, condition.temperature_C)[0] for name in (second, first))
        if not (now > 0 and then > 0):
            raise ValueError(
                f"no potential of a pellet moved from '{first}' to '{second}': one of them has no chloride"
            )
        potential = float(thermal_voltage_mV(condition.temperature_C) * np.log(now / then))
        why = (
            f"the Ag/AgCl pellet in it moves by (RT/F) ln(a_Cl ratio) = (RT/F) ln({now:.4g} / {then:.4g}) = "
            f"{potential:+.2f} mV ({model}, {condition.temperature_C:g} C)"
        )
    else:
        potential, why = 0.0, "the reference electrode is in a compartment that does not change"
    applied = 0.0 - condition.sign * potential
    statement = f"{applied:+.2f} mV was added: after the change from '{first}' to '{second}' {why}; {_rule(condition)}"
    if first == second:
        statement = f"nothing was added: '{second}' is the bath in which the offset was zeroed"
    return Term("reference", first, second, potential, contacts, applied, statement)


def _unknown(condition: Condition) -> Term:
    zeroed = _zeroed(condition)
    statement = (
        f"nothing was added: what is inside is unknown; its junction with '{zeroed}', in which the offset was zeroed, "
        "is the same in every bath and part of the cell's free term"
    )
    return Term("pipette", "", zeroed, math.nan, (), 0.0, statement)


def _nothing(condition: Condition) -> Term:
    statement = (
        f"nothing was added: the offset was zeroed anew in '{condition.bath}', and two-electrode clamp has no pipette "
        "junction"
    )
    return Term("reference", condition.bath, condition.bath, 0.0, (), 0.0, statement)


def _measured(condition: Condition, potential: float) -> Term:
    applied = 0.0 - condition.sign * potential
    stands_for = "change at the reference" if condition.configuration == TWO_ELECTRODE else "V_bath - V_pipette"
    statement = (
        f"{applied:+.2f} mV was added: {stands_for} = {potential:+.2f} mV was given as measured for bath "
        f"'{condition.bath}' and replaces the calculated junction; {_rule(condition)}"
    )
    return Term("measured", condition.pipette, condition.bath, potential, (), applied, statement)


def _already(condition: Condition, potential: float) -> Term:
    applied = condition.sign * potential
    statement = (
        f"{applied:+.2f} mV was added: the amplifier or its program had subtracted {potential:+.2f} mV from the "
        "command, which is put back before the junctions above are taken off"
    )
    return Term("already", condition.pipette, condition.bath, potential, (), applied, statement)


def _how(condition: Condition, junction: Junction, model: str) -> str:
    basis = f"activities by {model}" if junction.basis == ACTIVITY else "concentrations"
    return f"{METHODS[junction.method]}, {basis}, {condition.temperature_C:g} C"


def _rule(condition: Condition) -> str:
    if condition.configuration == TWO_ELECTRODE:
        return f"{condition.configuration}: V_m = V_cmd - change at the reference"
    sign = "V_cmd - " if condition.sign > 0 else "-V_cmd + "
    return f"{condition.configuration}: V_m = {sign}(V_L + change at the reference)"
