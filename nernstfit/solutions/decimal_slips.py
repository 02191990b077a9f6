"""Solutions that no cell survives beside, and amounts with a slip of the decimal point, by the osmolalities.

Water follows the difference of the osmolalities across a membrane. A cell with a pipette in it does not live in a bath
of three times its own osmolality, whatever passes its channels; a bath of far less is used on purpose, as dilutions
without sucrose are. One component whose amount has its decimal point at another place brings the osmolality of its
solution out of line, and ten times or a tenth of it brings it back.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from nernstfit.contract.terms import Configuration
from nernstfit.physics.solution import reactions
from nernstfit.physics.solution.components import components_at_pH, uncharged_name
from nernstfit.physics.solution.water import MAX_TAKEN
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

# Osmolality of a bath over that of its pipette beyond which there is no cell: hypertonic baths of experiments have up
# to twice (600 mOsm/kg), in which cells shrink. With half, those would be refused; with double, a bath in which half of
# the salt is ten times too much would pass.
_MAX_TIMES = 3.0
# Osmolality below which nothing is too strong for a cell: the upper end of solutions for vertebrate cells. With half, a
# pipette of 290 would be refused beside three dilutions; with double, the same of 400 would not if it were 800.
_MIN_TOO_STRONG_MOSM_PER_KG = 450.0
# Factor between an osmolality and that of the other solutions from which an amount is looked at: 75 mM of a salt in 150
# that are 7.5 make 1.8. With half of its logarithm, recipes that lack glucose are looked at; with double, only slips in
# a salt that is nearly all of a solution.
_OUT_OF_LINE = 1.5
# The same below which an osmolality is in line: osmolalities of baths differ by 10 %. With half of its logarithm, a
# bath of 330 beside 290 would not be; with double, one of 430, which another amount explains as well.
_IN_LINE = 1.25
# Part of the distance to the others, in ln of the osmolality, that another amount leaves at most where the potentials
# have to bear it out. Of a component that is a small part of its solution half of a difference of 10 % is within what
# is weighed in; with half, 10 mM NaCl that are 1 in a pipette are passed over, with double every amount is a candidate.
_LEFT_APART = 0.5
# The same factor as the first from which a bath is looked at so: what cells bear without a word, see below; and a
# pipette, which is often some per cent weaker than its baths. With half of either logarithm the glucose that one recipe
# lacks is looked at; with double, a tenth of 10 mM NaCl in a pipette, or of 45 mM in a bath beside sucrose, is not.
_BATH_APART, _PIPETTE_APART = 1.15, 1.03
# Factors between the osmolalities of a pipette and its baths that are told as a note, and as a warning: cells swell or
# shrink by a few per cent in the 5 to 10 % by which pipettes are made weaker on purpose. With half of their logarithms
# those are told; with double, 4.5 mM NaCl for 45 in a bath with sucrose (230 beside 290) is not.
_NOTE_APART, UNLIKE_APART = 1.15, 1.3
# Factors by which an amount may be wrong. A slip by two places leaves no cell in doubt: the first is found anyway.
_FACTORS = (0.1, 10.0)
# Configurations with a cell: an excised patch, and a bilayer, stand any osmolality.
_OF_CELLS = (Configuration.WHOLE_CELL, Configuration.TWO_ELECTRODE)


@dataclass(frozen=True)
class Slip:
    """Amount of one component that ten times, or a tenth of it, would bring into line with the other solutions.

    Attributes
    ----------
    solution, component : str
    amount_mM, meant_mM : float
        As written, and as it would be in line.
    osmolality, of_meant, of_others : float
        mOsm/kg as written, with the other amount, and the median of the other solutions.
    is_small : bool
        True where the osmolality alone is within what recipes differ by: the potentials have to bear it out.
    """

    solution: str
    component: str
    amount_mM: float
    meant_mM: float
    osmolality: float
    of_meant: float
    of_others: float
    is_small: bool = False

    @property
    def words(self) -> str:
        """Return the slip as a part of a sentence."""
        return (
            f"{self.component} of solution '{self.solution}', {self.amount_mM:g} mM: with {self.meant_mM:g} mM its "
            f"osmolality is {self.of_meant:.0f} mOsm/kg and nearer to that of the others ({self.of_others:.0f}) than "
            f"{self.osmolality:.0f}"
        )


@dataclass(frozen=True)
class Unlike:
    """Solution of a cell whose osmolality differs from that of the other side of the membrane by more than cells bear.

    Attributes
    ----------
    solution, other : str
        `other` is '' where the median of its baths is meant, or of the other baths.
    osmolality, of_other : float
        mOsm/kg.
    """

    solution: str
    osmolality: float
    other: str
    of_other: float

    @property
    def percent(self) -> float:
        """Return the difference in per cent of the other."""
        return 100 * (self.osmolality / self.of_other - 1)

    @property
    def is_large(self) -> bool:
        """Return True where it is beyond what is done on purpose, but for dilutions."""
        return _apart(self.osmolality, self.of_other) > UNLIKE_APART


@dataclass(frozen=True, order=True)
class FarOff:
    """Solution that is no cell's beside another one, with their osmolalities in mOsm/kg."""

    solution: str
    osmolality: float
    other: str
    of_other: float

    @property
    def words(self) -> str:
        """Return the contradiction as a part of a sentence."""
        beside = f"its osmolality is {self.osmolality:.0f} mOsm/kg beside {self.of_other:.0f} of '{self.other}'"
        is_strong = self.osmolality > self.of_other
        return f"{beside}, and {'no cell lives there' if is_strong else 'no other bath has it undiluted'}"


def far_off_words(found: Collection[FarOff]) -> str:
    """Return the contradictions in words, one of each solution."""
    return "; ".join(f"solution '{each.solution}': {each.words}" for each in first_of(found).values())


def first_of(found: Collection[FarOff]) -> dict[str, FarOff]:
    """Return the first of each solution, by its name."""
    return {each.solution: each for each in sorted(found, reverse=True)}


def slips(solutions: Solutions, conditions: Collection[Condition]) -> list[Slip]:
    """Return the amounts that a slip of the decimal point explains, of one solution the closest to the others first.

    Parameters
    ----------
    solutions : Solutions
    conditions : collection of Condition
        Those in which solutions bathe a membrane.
    """
    found: list[Slip] = []
    for temperature_C in sorted({each.temperature_C for each in conditions}):
        known = _osmolalities(solutions, conditions, temperature_C)
        for name, own in known.items() if solutions.doses else ():
            others = [value for other, value in known.items() if other != name]
            if others and _apart(own, median(others)) > _OUT_OF_LINE and name not in {each.solution for each in found}:
                found += _slips_of(solutions, name, (own, median(others)), temperature_C)
    return found


def _slips_of(solutions: Solutions, name: str, own_and_others: tuple[float, float], temperature_C: float) -> list[Slip]:
    """Return the amounts of one solution that ten times, or a tenth, brings into line, the closest first."""
    own, others = own_and_others
    found = []
    for component, amount in solutions.doses[solutions.names.index(name)].items():
        for factor in _FACTORS:
            changed = with_amount(solutions, name, component, factor * amount)
            meant = math.nan if changed is None else _osmolality(changed, name, temperature_C)
            if _apart(meant, others) < _IN_LINE:
                found.append(Slip(name, component, amount, factor * amount, own, meant, others))
    return sorted(found, key=lambda each: (_apart(each.of_meant, others), each.component))


def small_slips(solutions: Solutions, conditions: Collection[Condition]) -> list[Slip]:
    """Return amounts that ten times, or a tenth, would bring closer to the others, for the potentials to bear out.

    A pipette is held against the median of its baths, a bath against that of all solutions beside it. Those that the
    osmolality alone tells, see `slips`, are not among them. The closest first, those of pipettes before those of baths.
    """
    found: list[tuple[bool, float, Slip]] = []
    pipettes = {each.pipette for each in conditions}
    told = {(each.solution, each.component) for each in slips(solutions, conditions)}
    for temperature_C in sorted({each.temperature_C for each in conditions})[:1] if solutions.doses else ():
        known = _osmolalities(solutions, conditions, temperature_C)
        for name, own in known.items():
            beside = known.keys() - (pipettes if name in pipettes else set()) - {name}
            if not beside:
                continue
            others = median(known[each] for each in beside)
            apart = _apart(own, others)
            if apart <= (_PIPETTE_APART if name in pipettes else _BATH_APART):
                continue
            for slip in _slips_of(solutions, name, (own, others), temperature_C):
                left = _apart(slip.of_meant, others)
                if math.log(left) < _LEFT_APART * math.log(apart) and (name, slip.component) not in told:
                    found.append((name not in pipettes, left, replace(slip, is_small=True)))
    return [slip for _, _, slip in sorted(found, key=lambda each: (each[0], each[1], each[2].component))]


def unlike(solutions: Solutions, conditions: Collection[Condition]) -> list[Unlike]:
    """Return the pipettes and baths of cells whose osmolalities differ from each other by more than cells bear.

    A pipette is held against the median of its baths; a bath against its pipette or, where the pipette itself is
    unlike its baths or unknown, against the median of the other baths.

    Parameters
    ----------
    solutions : Solutions
    conditions : collection of Condition
    """
    of_cells = sorted(each for each in set(conditions) if Configuration(each.configuration) in _OF_CELLS)
    found: dict[str, Unlike] = {}
    for temperature_C in sorted({each.temperature_C for each in of_cells}):
        like = [each for each in of_cells if each.temperature_C == temperature_C]
        known = _osmolalities(solutions, like, temperature_C)
        for pipette in sorted({each.pipette for each in like}):
            baths = sorted({each.bath for each in like if each.pipette == pipette} & known.keys())
            middle = median(known[bath] for bath in baths) if baths else math.nan
            own = known.get(pipette, math.nan)
            is_apart = own > 0 and _apart(own, middle) > _NOTE_APART
            if is_apart and baths:
                found.setdefault(pipette, Unlike(pipette, own, "" if len(baths) > 1 else baths[0], middle))
            for bath in baths:
                others = [known[each] for each in baths if each != bath]
                by_pipette = own > 0 and not is_apart
                of_other = own if by_pipette else median(others) if others else math.nan
                if of_other > 0 and _apart(known[bath], of_other) > _NOTE_APART:
                    found.setdefault(bath, Unlike(bath, known[bath], pipette if by_pipette else "", of_other))
    return [each for _, each in sorted(found.items())]


def is_dilution(slip: Slip, solutions: Solutions, conditions: Collection[Condition]) -> bool:
    """Return True where another bath has the ions of the component in about the amounts that are meant.

    One of the two is a dilution of the other then, as it is made on purpose.
    """
    changed = with_amount(solutions, slip.solution, slip.component, slip.meant_mM)
    if changed is None or slip.meant_mM < slip.amount_mM:
        return False
    i = solutions.names.index(slip.solution)
    ions = np.flatnonzero(changed.given_mM[i] > solutions.given_mM[i])
    others = [solutions.names.index(name) for name in {each.bath for each in conditions} - {slip.solution}]
    meant = changed.given_mM[i, ions].tolist()
    return any(
        all(
            _apart(own, other) < _OUT_OF_LINE
            for own, other in zip(meant, solutions.given_mM[at, ions].tolist(), strict=True)
        )
        for at in others
    )


def far_off(solutions: Solutions, conditions: Collection[Condition], dilutions_meant: bool) -> dict[Condition, FarOff]:
    """Return the conditions that are no cell's by their osmolalities, each with the solution that is far off.

    A bath is held against its pipette or, where that is unknown, against the strongest other bath; a pipette against
    the strongest of its baths. A bath that is too weak is no cell's only where a slip of the decimal point explains it.

    Parameters
    ----------
    solutions : Solutions
    conditions : collection of Condition
        Those of all measurements that belong together.
    dilutions_meant : bool
        True where the configuration says that weak solutions are meant.
    """
    found: dict[Condition, FarOff] = {}
    of_cells = sorted(each for each in set(conditions) if Configuration(each.configuration) in _OF_CELLS)
    slipped = () if dilutions_meant else slips(solutions, of_cells)
    weak = {each.solution for each in slipped if not is_dilution(each, solutions, of_cells)}
    for condition in of_cells:
        like = [each for each in of_cells if each.temperature_C == condition.temperature_C]
        known = _osmolalities(solutions, like, condition.temperature_C)
        baths = {each.bath for each in like if each.pipette == condition.pipette} & known.keys()
        strongest = max(sorted(baths - {condition.bath}), key=known.__getitem__, default="")
        pairs = [(condition.bath, condition.pipette or strongest)]
        if condition.pipette:
            pairs.append((condition.pipette, max(sorted(baths), key=known.__getitem__, default="")))
        for name, other in pairs:
            own, of_other = known.get(name, math.nan), known.get(other, math.nan)
            is_strong = own > max(_MAX_TIMES * of_other, _MIN_TOO_STRONG_MOSM_PER_KG)
            if is_strong or (name in weak and _MAX_TIMES * own < of_other):
                found.setdefault(condition, FarOff(name, own, other, of_other))
    return found


def with_amount(solutions: Solutions, name: str, component: str, amount_mM: float) -> Solutions | None:
    """Return the same solutions with another amount of one component; None where it is an acid or base.

    What an acid or base makes of the others follows from the whole recipe, which is not kept.
    """
    i = solutions.names.index(name)
    change = amount_mM - solutions.doses[i][component]
    parts = components_at_pH(component, solutions.user_ions)
    neutral = uncharged_name(component, solutions.user_ions)
    if any(ion.name in reactions.WATER_IONS for ion, _ in parts):
        return None
    given, substances = solutions.given_mM.copy(), solutions.substance_mM.copy()
    if neutral and (not parts or not (solutions.has_pH(i) or any(solutions.reacted[i : i + 1]))):
        substances[i, solutions.substances.index(neutral)] += change
    else:
        for ion, count in parts:
            given[i, solutions.ions.index(ion)] += count * change
    doses = tuple({**own, component: amount_mM} if at == i else own for at, own in enumerate(solutions.doses))
    return replace(solutions, given_mM=given, substance_mM=substances, doses=doses)


def _osmolalities(solutions: Solutions, conditions: Collection[Condition], temperature_C: float) -> Mapping[str, float]:
    """Return the osmolality of each solution beside a membrane, of those that are known."""
    used = {name for each in conditions if each.temperature_C == temperature_C for name in (each.bath, each.pipette)}
    used &= set(solutions.names) - solutions.incomplete
    found = {name: _osmolality(solutions, name, temperature_C) for name in sorted(used)}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _osmolality(solutions: Solutions, name: str, temperature_C: float) -> float:
    """Return the osmolality of one solution; nan where its equilibria have no answer."""
    i = solutions.names.index(name)
    alone = replace(
        solutions,
        names=(name,),
        given_mM=solutions.given_mM[[i]],
        substance_mM=solutions.substance_mM[[i]],
        pH=(solutions.pH[i],),
        titrants=(solutions.titrants[i],),
        pCO2_mmHg=(solutions.gas_mmHg(i),),
        reacted=solutions.reacted[i : i + 1],
        doses=solutions.doses[i : i + 1],
        least_excess_meq_per_l=solutions.least_excess_meq_per_l[i : i + 1],
    )
    if float(alone.weighed_volume_l_per_l()[0]) >= MAX_TAKEN:
        return math.nan  # more than there is room for
    try:
        return float(alone.osmolality_mOsm_per_kg(temperature_C)[0])
    except (ArithmeticError, ValueError):  # an amount that was never in the table need not be soluble
        return math.nan


def _apart(one: float, other: float) -> float:
    """Return the factor between two amounts, 1 or more; inf where one is none, or not known."""
    if not (one > 0 and other > 0):
        return math.inf
    return float(np.exp(abs(math.log(one / other))))
