"""Ledger of junction potentials: the terms added to the membrane potential of one condition, and their errors.

Liquid junctions form where two solutions are in contact: pipette and bath before the seal, bath and salt bridge. A
term of the ledger is the potential of one or two such contacts, the potential of a bare pellet, or a given value;
its statement gives the amount added, its sign, the two solutions and the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import Junction, Uncertainty
from nernstfit.contract.terms import ActivityModel, Configuration, JunctionBasis, JunctionMethod, ReferenceElectrode
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.nernst_planck import NotSettled
from nernstfit.physics.solution.silver import converting_ion, formula, shift_mV
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition
from nernstfit.solutions.liquid_junction import JunctionModel, between_mV, unsettled_remark
from nernstfit.solutions.systematic_errors import moved, sources

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Contact:
    """Liquid junction of two solutions; it contributes `weight` (+1 or -1) times V(first) - V(second)."""

    weight: int
    first: str
    second: str


@dataclass(frozen=True)
class Term:
    """One line of the ledger.

    Attributes
    ----------
    name : str
        `pipette`, `reference`, `measured` or `already`.
    from_solution, to_solution : str
        '' where the solution is unknown.
    potential_mV : float
        Potential of the term in its own sign; nan where it is unknown.
    contacts : tuple of Contact
        Liquid junctions of the term; empty where none is calculated.
    applied_mV : float
        Amount added to the membrane potential.
    statement : str
        The amount added, its sign, the two solutions and the reason, as a sentence.
    """

    name: str
    from_solution: str
    to_solution: str
    potential_mV: float
    contacts: tuple[Contact, ...]
    applied_mV: float
    statement: str


def ledger(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> tuple[Term, ...]:
    """List the terms of the junction correction of one condition.

    With s = +1, or -1 for inside-out: V_m = s V_cmd + sum of `applied_mV`. The terms are those
    of Neher 1992 (Methods Enzymol 207:123) and Barry & Lynch 1991 (J Membr Biol 121:101): the
    pipette's junction with the bath in which the offset was zeroed (two-electrode clamp has
    none), and the change of the reference electrode's potential from there to the present bath.

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
        Where a solution lacks the ions that a term is calculated from; `missing_ions` names them beforehand.
    """
    terms: list[Term] = []
    if condition.bath in junction.measured_mV:
        terms.append(_measured_term(condition, junction.measured_mV[condition.bath]))
    elif junction.method != JunctionMethod.NONE:
        if condition.configuration != Configuration.TWO_ELECTRODE:
            known = bool(condition.pipette)
            terms.append(_pipette_term(solutions, condition, junction, model) if known else _unknown_term(condition))
        if condition.zeroed_in != NEW_ZERO:
            terms.append(_reference_term(solutions, condition, junction, model))
        elif condition.configuration == Configuration.TWO_ELECTRODE:
            terms.append(_no_term(condition))
    if junction.already_corrected_mV != 0:
        terms.append(_already_corrected_term(condition, junction.already_corrected_mV))
    return tuple(terms)


def junction_mV(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> float:
    """Return the sum of the ledger's terms in mV, as added to the membrane potential; 0 without terms."""
    return sum(term.applied_mV for term in ledger(solutions, condition, junction, model))


def missing_ions(solutions: Solutions, condition: Condition, junction: Junction) -> Iterator[tuple[str, str]]:
    """List the solutions that lack ions which a condition's ledger is calculated from, or have others in the way.

    Parameters
    ----------
    solutions : Solutions
    condition : Condition
    junction : Junction
        The section of the settings.

    Yields
    ------
    name : str
        A solution; unknown names and solutions that were read in part only are skipped.
    why : str
        The missing ion, or that which converts a pellet, and the term that needs it.
    """
    if condition.bath in junction.measured_mV or junction.method == JunctionMethod.NONE:
        return
    zeroed, reference = _zero_bath(condition), junction.reference
    kind = reference.type if reference is not None and condition.zeroed_in != NEW_ZERO else ReferenceElectrode.NONE
    has_contact = condition.pipette and condition.configuration != Configuration.TWO_ELECTRODE
    touching = [condition.pipette, zeroed] if has_contact else []
    if reference is not None and kind == ReferenceElectrode.SALT_BRIDGE and reference.solution is not None:
        touching += [zeroed, condition.bath, reference.solution]
    for name in dict.fromkeys(touching):
        if _amount_mM(solutions, name, condition) == 0:
            yield (
                name,
                f"contains no ion; its junction potential cannot be found (junction.method: {junction.method})",
            )
    for name in (condition.bath, zeroed) if kind == ReferenceElectrode.PELLET else ():
        if ion := _converting_ion(solutions, name, condition):
            yield (
                name,
                f"contains {ion}, in which an Ag/AgCl pellet (junction.reference.type) turns into an Ag/{formula(ion)} "
                f"electrode ({shift_mV(ion):+.0f} mV between the standard potentials); expected the measured potential "
                f"in junction.measured_mV, as '{condition.bath}: ...', or a salt bridge",
            )
        elif _amount_mM(solutions, name, condition, "Cl") == 0:
            yield (
                name,
                "contains no chloride; without it an Ag/AgCl pellet (junction.reference.type) has no potential",
            )


def _amount_mM(solutions: Solutions, name: str, condition: Condition, ion: str = "") -> float:
    """Return the sum of a solution's ions, or one of them, in mM; nan where it is not known."""
    content = _content_mM(solutions, name, condition)
    return math.nan if content is None else sum(c for each, c in content.items() if ion in ("", each))


def _converting_ion(solutions: Solutions, name: str, condition: Condition) -> str:
    """Return the ion of a solution that converts an Ag/AgCl pellet on the way between two baths; '' without one."""
    content = None if condition.bath == condition.zeroed_in else _content_mM(solutions, name, condition)
    return converting_ion(content) if content else ""


def _content_mM(solutions: Solutions, name: str, condition: Condition) -> dict[str, float] | None:
    """Return the free concentrations of a solution's ions in mM, by name; None where they are not known."""
    if name not in solutions.names or name in solutions.incomplete:
        return None
    row = solutions.row(name, condition.temperature_C).tolist()
    return {ion.name: amount for ion, amount in zip(solutions.ions, row, strict=True)}


def _zero_bath(condition: Condition) -> str:
    """Return the bath in which the electrode offset was zeroed."""
    return condition.bath if condition.zeroed_in == NEW_ZERO else condition.zeroed_in


def potential_mV(
    solutions: Solutions, term: Term, condition: Condition, junction: Junction, model: str, method: str
) -> float:
    """Return the potential of a term's liquid junctions by a method, in mV; nan where it has none, or none is found."""
    how, temperature_C = JunctionModel(method, junction.basis, model), condition.temperature_C
    try:
        potentials = [c.weight * between_mV(solutions, c.first, c.second, temperature_C, how) for c in term.contacts]
    except NotSettled:
        return math.nan
    return sum(potentials) if potentials else math.nan


def method_difference_mV(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> FloatArray:
    """Calculate the change of each term by the other method, a systematic error of one standard deviation.

    A contact whose stationary junction is not found has Henderson's potential in both methods, and the error of
    `unsettled_se_mV`. Parameters are those of `ledger`.

    Returns
    -------
    ndarray, shape (terms,)
        In mV; the errors of all conditions are fully correlated. 0 without a calculated junction.
    """
    planck = junction.method == JunctionMethod.NERNST_PLANCK
    method = JunctionMethod.HENDERSON if planck else JunctionMethod.NERNST_PLANCK
    other = junction if junction.method == JunctionMethod.NONE else replace(junction, method=method)
    both = [ledger(solutions, condition, how, model) for how in (other, junction)]
    change = np.array([after.applied_mV - before.applied_mV for after, before in zip(*both, strict=True)])
    not_found = [sum(unsettled_se_mV(solutions, t, condition, junction, model).values()) for t in both[1]]
    return np.asarray(change + np.copysign(not_found, change))


# Least error of a junction whose stationary potential is not found, as one standard deviation. Of 172 pairs of ions of
# three charges and more above 1 M, which settle with difficulty, Nernst-Planck differs from Henderson by 2 mV in the
# median, by 10 mV in one of twenty, and by more than this and Henderson's whole potential in one. With half of it, it
# would be so in eight.
_UNSETTLED_MV = 10.0


def unsettled_se_mV(
    solutions: Solutions, term: Term, condition: Condition, junction: Junction, model: str
) -> dict[Contact, float]:
    """Return the error of the contacts of a term whose stationary junction is not found, in mV, as one deviation.

    It is the size of Henderson's potential, at least 10 mV. Two contacts of the same solutions have no error: they
    cancel.
    """
    found: dict[Contact, float] = {}
    if len({(contact.first, contact.second) for contact in term.contacts}) < len(term.contacts):
        return found
    for contact in term.contacts:
        at = (solutions, contact.first, contact.second, condition.temperature_C)
        try:
            between_mV(*at, JunctionModel(JunctionMethod.NERNST_PLANCK, junction.basis, model))
        except NotSettled:
            henderson_mV = between_mV(*at, JunctionModel(JunctionMethod.HENDERSON, junction.basis, model))
            found[contact] = max(abs(henderson_mV), _UNSETTLED_MV)
    return found


METHOD_ERROR = "Nernst-Planck against Henderson"
"""Name of the error of `method_difference_mV`."""


def unsettled_remarks(
    solutions: Solutions, term: Term, condition: Condition, junction: Junction, model: str
) -> list[str]:
    """List the remarks on the contacts of a term whose stationary junction is not found."""
    how = JunctionModel(junction.method, junction.basis, model)
    found = unsettled_se_mV(solutions, term, condition, junction, model)
    return [
        f"{unsettled_remark(contact.first, contact.second, condition.temperature_C, how.coefficients)}: Henderson's "
        f"potential counts, with a systematic error of {error_mV:.1f} mV"
        for contact, error_mV in found.items()
    ]


def shared_se_mV(
    solutions: Solutions, condition: Condition, junction: Junction, model: str, uncertainty: Uncertainty
) -> FloatArray:
    """Estimate the systematic standard error of each term of the ledger in mV.

    Concentrations, mobilities, the temperature, the method and the activity model contribute.

    Returns
    -------
    ndarray, shape (terms,)
        The errors of the terms are correlated: they have the same sources.
    """

    def applied(recipe: Solutions, at: Condition, by: str) -> FloatArray:
        return np.array([term.applied_mV for term in ledger(recipe, at, junction, by)])

    base = applied(solutions, condition, model)
    found = sources(solutions, uncertainty, model)
    shifts = [applied(s.solutions, moved(condition, s), s.activity_model) - base for s in found]
    return np.asarray(np.linalg.norm([*shifts, method_difference_mV(solutions, condition, junction, model)], axis=0))


def _contact_mV(
    solutions: Solutions, contact: Contact, temperature_C: float, how: JunctionModel
) -> tuple[float, JunctionModel]:
    """Return V(first) - V(second) of one contact in mV and its method: Henderson's where the other finds none."""
    try:
        return between_mV(solutions, contact.first, contact.second, temperature_C, how), how
    except NotSettled:
        how = replace(how, method=JunctionMethod.HENDERSON)
        return between_mV(solutions, contact.first, contact.second, temperature_C, how), how


def _pipette_term(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> Term:
    zeroed = _zero_bath(condition)
    contact = Contact(1, zeroed, condition.pipette)
    how = JunctionModel(junction.method, junction.basis, model)
    potential, how = _contact_mV(solutions, contact, condition.temperature_C, how)
    applied = 0.0 - condition.sign * potential
    statement = (
        f"the correction is {applied:+.2f} mV: V('{zeroed}') - V('{condition.pipette}') = {potential:+.2f} mV "
        f"({_method(condition, how)}) was compensated when the offset was zeroed in '{zeroed}'; {_sign_rule(condition)}"
    )
    return Term("pipette", condition.pipette, zeroed, potential, (contact,), applied, statement)


def _reference_term(solutions: Solutions, condition: Condition, junction: Junction, model: str) -> Term:
    reference, first, second = junction.reference, condition.zeroed_in, condition.bath
    kind = ReferenceElectrode.NONE if reference is None else reference.type
    contacts: tuple[Contact, ...] = ()
    if kind == ReferenceElectrode.SALT_BRIDGE and reference is not None and reference.solution is not None:
        bridge = reference.solution
        contacts = (Contact(1, second, bridge), Contact(-1, first, bridge))
        how = JunctionModel(junction.method, junction.basis, model)
        (after, of_after), (before, of_before) = (
            _contact_mV(solutions, c, condition.temperature_C, how) for c in contacts
        )
        methods = dict.fromkeys(_method(condition, each) for each in (of_after, of_before))
        potential = after - before
        why = (
            f"its junction with the salt bridge '{bridge}' differs by {potential:+.2f} mV: V('{second}') - "
            f"V('{bridge}') = {after:+.2f} mV less V('{first}') - V('{bridge}') = {before:+.2f} mV "
            f"({' and '.join(methods)})"
        )
    elif kind == ReferenceElectrode.PELLET:
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
    statement = (
        f"the correction is {applied:+.2f} mV: after the change from '{first}' to '{second}' {why}; "
        f"{_sign_rule(condition)}"
    )
    if first == second:
        statement = f"no correction: '{second}' is the bath in which the offset was zeroed"
    return Term("reference", first, second, potential, contacts, applied, statement)


def _unknown_term(condition: Condition) -> Term:
    zeroed = _zero_bath(condition)
    statement = (
        f"no correction: the solution inside is unknown; its junction with '{zeroed}', in which the offset was "
        "zeroed, is the same in every bath and part of the cell's free term"
    )
    return Term("pipette", "", zeroed, math.nan, (), 0.0, statement)


def _no_term(condition: Condition) -> Term:
    statement = (
        f"no correction: the offset was zeroed anew in '{condition.bath}', and two-electrode clamp has no pipette "
        "junction"
    )
    return Term("reference", condition.bath, condition.bath, 0.0, (), 0.0, statement)


def _measured_term(condition: Condition, potential: float) -> Term:
    applied = 0.0 - condition.sign * potential
    quantity = (
        "change at the reference" if condition.configuration == Configuration.TWO_ELECTRODE else "V_bath - V_pipette"
    )
    statement = (
        f"the correction is {applied:+.2f} mV: {quantity} = {potential:+.2f} mV was measured for bath "
        f"'{condition.bath}' and replaces the calculated junction; {_sign_rule(condition)}"
    )
    return Term("measured", condition.pipette, condition.bath, potential, (), applied, statement)


def _already_corrected_term(condition: Condition, potential: float) -> Term:
    applied = condition.sign * potential
    statement = (
        f"the correction is {applied:+.2f} mV: the amplifier or its program had subtracted {potential:+.2f} mV from "
        "the command, which is added back before the junctions above are corrected for"
    )
    return Term("already", condition.pipette, condition.bath, potential, (), applied, statement)


def _method(condition: Condition, how: JunctionModel) -> str:
    of_activities = how.basis == JunctionBasis.ACTIVITY and how.activity_model != ActivityModel.CONCENTRATION
    basis = f"activities by {how.activity_model}" if of_activities else "concentrations"
    return f"{JunctionMethod(how.method).label}, {basis}, {condition.temperature_C:g} C"


def _sign_rule(condition: Condition) -> str:
    if condition.configuration == Configuration.TWO_ELECTRODE:
        return f"{condition.configuration}: V_m = V_cmd - change at the reference"
    sign = "V_cmd - " if condition.sign > 0 else "-V_cmd + "
    return f"{condition.configuration}: V_m = {sign}(V_L + change at the reference)"
