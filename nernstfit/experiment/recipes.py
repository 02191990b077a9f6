"""Ions of recipes: what the amounts of components make in each solution, and where the pH follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution import proton_balance, reactions
from nernstfit.physics.solution.components import components_at_pH, is_in_any_state, uncharged_name
from nernstfit.physics.solution.ions import IONS, Ion, UserIons
from nernstfit.solutions.composition import Solutions

FloatArray = NDArray[np.float64]
Bools = NDArray[np.bool_]
Doses = Mapping[str, FloatArray]


def none(user_ions: UserIons) -> Solutions:
    """Return no solutions."""
    empty = np.zeros((0, 0))
    return Solutions((), (), empty, (), empty, (), (), user_ions)


def composed(doses: Doses, has_pH: Bools, conditions: tuple[FloatArray, FloatArray], user_ions: UserIons) -> Solutions:
    """Return the solutions of some recipes, without names and titrants.

    Parameters
    ----------
    doses : mapping of str to ndarray, shape (rows,)
        Amounts of each component in mM.
    has_pH : ndarray of bool, shape (rows,)
        Where a pH is given, or follows from a gas or a free acid or base.
    conditions : two ndarray, shape (rows,)
        The pH and the pressure of carbon dioxide, nan where not given.
    user_ions : tuple of Ion
    """
    pH, gas = conditions
    least_excess = _least_excess(doses, len(pH), user_ions)
    reacts = _react(doses, has_pH, least_excess, user_ions)
    ions, neutral = _amounts(doses, has_pH | reacts, user_ions)
    ions, neutralized = _without_water(ions, len(pH))
    names = sorted(ions, key=lambda ion: ion.name)
    return replace(
        none(user_ions),
        ions=tuple(names),
        given_mM=np.array([ions[ion] for ion in names]).reshape(len(names), len(pH)).T,
        substances=tuple(sorted(neutral)),
        substance_mM=np.array([neutral[name] for name in sorted(neutral)]).reshape(-1, len(pH)).T,
        pH=tuple(pH.tolist()),
        pCO2_mmHg=() if np.isnan(gas).all() else tuple(gas.tolist()),
        reacted=tuple((neutralized | reacts).tolist()),
        doses=tuple(
            {name: float(doses[name][i]) for name in sorted(doses) if doses[name][i] > 0} for i in range(len(pH))
        ),
        least_excess_meq_per_l=tuple(least_excess.tolist()),
    )


def _react(doses: Doses, has_pH: Bools, least_excess: FloatArray, user_ions: UserIons) -> Bools:
    """Return True for each row without a pH whose weak acids and bases decide it."""
    found = np.zeros(len(has_pH), dtype=bool)
    if has_pH.all():
        return found
    acids = reactions.known_acid_steps(user_ions)
    written, _ = _amounts(doses, has_pH, user_ions)
    in_any_state, _ = _amounts(doses, np.ones_like(has_pH), user_ions)
    for i in np.flatnonzero(~has_pH):
        amounts = {ion: float(amount[i]) for ion, amount in in_any_state.items() if amount[i] > 0}
        as_ions = {ion: float(written[ion][i]) if ion in written else 0.0 for ion in amounts}
        found[i] = proton_balance.reacts(amounts, as_ions, float(least_excess[i]), acids)
    return found


def _least_excess(doses: Doses, rows: int, user_ions: UserIons) -> FloatArray:
    """Return the least charge excess of each recipe in meq/l, in whatever state its buffers were weighed."""
    open_mM: dict[Ion, FloatArray] = {}
    named = np.zeros(rows)
    for column in sorted(doses):
        parts = components_at_pH(column, user_ions)
        if parts and is_in_any_state(column, user_ions):
            ((ion, _),) = parts
            open_mM[ion] = open_mM.get(ion, 0.0) + doses[column]
        else:
            named += doses[column] * sum(ion.valence * count for ion, count in parts)
    acids = reactions.known_acid_steps(user_ions)
    found = named.copy()  # beside free base, a buffer was weighed as the acid that it titrates
    for i in np.flatnonzero(~_with_free_acid_or_base(doses, rows, user_ions)):
        amounts = {ion: float(amount[i]) for ion, amount in open_mM.items() if amount[i] > 0}
        found[i] = proton_balance.least_excess_meq_per_l(amounts, acids, float(named[i]))
    return found


def _with_free_acid_or_base(doses: Doses, rows: int, user_ions: UserIons) -> Bools:
    """Return True for each recipe with protons or hydroxide."""
    found = np.zeros(rows, dtype=bool)
    for column, dose in doses.items():
        if any(ion.name in reactions.WATER_IONS for ion, _ in components_at_pH(column, user_ions)):
            found |= dose > 0
    return found


def _amounts(doses: Doses, has_pH: Bools, user_ions: UserIons) -> tuple[dict[Ion, FloatArray], dict[str, FloatArray]]:
    """Return the amounts of each ion and of each uncharged substance in mM, shape (rows,)."""
    amounts: dict[Ion, FloatArray] = {}
    uncharged: dict[str, FloatArray] = {}
    without_pH, none_mM = ~has_pH, np.zeros(len(has_pH))
    for column in sorted(doses):
        dose, name = doses[column], uncharged_name(column, user_ions)
        neutral = np.where(without_pH & bool(name), dose, 0.0)  # a zwitterion or free base, as it is weighed
        parts = components_at_pH(column, user_ions)
        for ion, count in parts if not (name and without_pH.all()) else ():
            amounts[ion] = amounts.get(ion, none_mM) + count * (dose - neutral)
        if name:
            uncharged[name] = uncharged.get(name, none_mM) + (neutral if parts else dose)
    return amounts, uncharged


def _without_water(amounts: Mapping[Ion, FloatArray], rows: int) -> tuple[dict[Ion, FloatArray], Bools]:
    """Return amounts without the protons and hydroxide that make water of each other, and True where some do."""
    of_water = IONS[reactions.PROTON], IONS[reactions.HYDROXIDE]
    if not all(ion in amounts for ion in of_water):
        return dict(amounts), np.zeros(rows, dtype=bool)
    water = np.minimum(*(amounts[ion] for ion in of_water))
    return {**amounts, **{ion: amounts[ion] - water for ion in of_water}}, water > 0
