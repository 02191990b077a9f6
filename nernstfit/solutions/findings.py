"""Findings on solutions: charge balance, ionic strength, osmolality, buffering and binding."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, of_potential
from nernstfit.contract.terms import ActivityModel
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.solution import reactions, solids, unknown_complexes
from nernstfit.physics.solution.activity import ionic_strength_M, water_density_kg_per_l
from nernstfit.physics.solution.coefficients import model_named
from nernstfit.physics.solution.proton_balance import CHARGE_PERCENT, MAX_PKA_DISTANCE
from nernstfit.physics.solution.reactions import CARBONATES
from nernstfit.solutions.composition import Composition, Precipitate, Solutions

OSMOLALITY_MOSM_PER_KG = (150.0, 450.0)
"""Range of solutions for vertebrate cells (about 300). At half its width some common recipes would be warned of, at
double a forgotten glucose or sucrose would not; solutions of marine animals have about 1,000."""
# Osmolality from which a solution fills a salt bridge, and no cell. At half, solutions of marine animals would be
# warned of as baths; at double, a bath with ten times its salt would be a note, and bridges of 1 M KCl, with 1,850.
_BRIDGE_MOSM_PER_KG = 1500.0
MAX_BOUND = 0.95
"""Bound fraction of a chelator above which it no longer buffers the free metal: an error of 1 % in its amount then
changes the free metal by 20 %. With half the unbound rest (0.975) that is 40 %, with double (0.9) 10 %."""
# Free protons or hydroxide that hold the pH themselves, below pH 3.2 and above 10.6, as 5 mM of a buffer do at that
# distance. At half or double those limits are .3 off.
_HELD_BY_WATER_MM = 0.5
MAX_CARBONATE_DIFFERENCE = 0.1
"""Relative difference of given bicarbonate to that of pH and gas above which the recipe contradicts itself: 0.04 of pH.
At half, the rounding of a pH to .05 would be warned of; at double 5 mM of 25 would not."""
# Part of an ion from which a solid of it is told. At half errors of solubility products would be; at double 2 % of it,
# a quarter of a mV of a divalent ion, would not.
_MIN_LOST = 0.01
# Saturation index of a readily soluble salt that is told: 3 % of a molality, as the density of strong solutions is
# uncertain by. At half a saturated bridge would be told, at double 4.5 M KCl would not.
_MIN_SALT_SATURATION = 0.03
# Ionic strength below which no salt of that table is saturated (K2SO4: 2 M). At half or double nothing changes.
_MIN_SATURATED_M = 1.0
_SATURATION_MODEL = "pitzer:raw"  # the convention of single ions does not matter in a salt
# Usual relative error of the amount of a chelator, and the change of the free metal by it that is told, the 20 % above.
# At half or double of either, chelators beside half or twice as much free metal are told.
_CHELATOR_ERROR, _MAX_CHANGE = 0.01, 0.2
# Concentration from which an ion can be the missing one. At half or double only the wording of a warning on trace ions
# changes.
_NOTABLE_MM = 1.0


def solution_findings(
    solutions: Solutions,
    temperature_C: float,
    model: str,
    permeant: Collection[str] = (),
    bathing: Collection[str] = (),
) -> dict[str, tuple[Finding, ...]]:
    """Return the findings on each solution, by its name.

    Parameters
    ----------
    solutions : Solutions
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    permeant : collection of str
        Permeant ions: what makes their activity uncertain weighs more.
    bathing : collection of str
        Solutions beside a membrane; others may fill salt bridges.

    Returns
    -------
    dict of str to tuple of Finding
        An empty tuple where there is nothing to say.
    """
    at, excess = solutions.at(temperature_C), solutions.charge_excess_meq_per_l(temperature_C).tolist()
    strength = ionic_strength_M(solutions.content_mM(model, temperature_C), solutions.valence).tolist()
    osmolality = solutions.osmolality_mOsm_per_kg(temperature_C).tolist()
    found = {}
    for i, name in enumerate(solutions.names):
        own = _Solution(solutions, at, i, temperature_C, permeant, strength[i], osmolality[i], name in bathing)
        found[name] = tuple(own.findings(excess[i], model))
    return found


def remarks(solutions: Solutions, temperature_C: float, model: str) -> dict[str, str]:
    """Return the findings on each solution in one text, '' where there is nothing to say; see `solution_findings`."""
    found = solution_findings(solutions, temperature_C, model)
    return {name: "; ".join(each.sentence for each in own) for name, own in found.items()}


@dataclass(frozen=True)
class _Solution:
    """One solution at a temperature; see `solution_findings`."""

    solutions: Solutions
    at: Composition
    i: int
    temperature_C: float
    permeant: Collection[str]
    strength_M: float
    osmolality_mOsm_per_kg: float
    bathes: bool

    def findings(self, excess: float, model: str) -> Iterator[Finding]:
        """Yield the findings; `excess` is the sum of z c in meq/l."""
        yield from self._charge(excess)
        yield from self._titrant(excess)
        limit = model_named(model)[0].max_strength_M
        if self.strength_M > limit:
            found = self._finding(Code.STRENGTH, math.inf, strength=self.strength_M, limit=limit, model=model)
            yield replace(found, done=("pitzer",) if model.startswith(ActivityModel.PITZER) else ())
        low, high = OSMOLALITY_MOSM_PER_KG
        osmolality = self.osmolality_mOsm_per_kg
        may_bridge = osmolality >= _BRIDGE_MOSM_PER_KG
        if not low <= osmolality <= high and (self.bathes or not may_bridge):
            effect = math.inf if may_bridge else 0.0
            yield self._finding(Code.OSMOLARITY, effect, osmolality=osmolality, low=low, high=high)
        unknown = self._unknown_ligands(model)
        yield from self._solids(unknown)
        yield from self._salts()
        yield from self._without_pH(unknown) if math.isnan(self.at.pH[self.i]) else self._with_pH()
        yield from self._carbonate()
        yield from self._unknown_complexes(unknown)

    @property
    def free_mM(self) -> NDArray[np.float64]:
        """Return the free concentrations, shape (ions,)."""
        return np.asarray(self.at.free_mM[self.i])

    @property
    def cations_meq_per_l(self) -> float:
        """Return the charge of the cations."""
        return float(self.free_mM @ np.maximum(self.solutions.valence, 0))

    def _finding(self, code: Code, effect: float, **values: Any) -> Finding:
        name = self.solutions.names[self.i]
        return Finding(code, name, {"name": name} | values, effect)

    def _effect(self, charge_meq_per_l: float) -> float:
        """Return the effect of an error of some charge: the shift of the Nernst potential of an ion of that share."""
        share = abs(charge_meq_per_l) / max(self.cations_meq_per_l, 1e-9)
        return of_potential(float(thermal_voltage_mV(self.temperature_C)) * math.log1p(share))

    def _charge(self, excess: float) -> Iterator[Finding]:
        cations = self.cations_meq_per_l
        percent = 100 * excess / cations if cations > 0 else math.nan
        if abs(percent) <= CHARGE_PERCENT or not self.free_mM.any():
            return
        share = "" if math.isnan(percent) else f" ({percent:+.1f} % of the cations' charge)"
        values = {
            "excess": excess,
            "share": share,
            "missing": self._missing_ion(excess),
            "remedy": "complete the recipe",
        }
        if not self.solutions.has_pH(self.i) and (written := self._written()) and self._is_open():
            values["missing"] = f"without a pH {_counting(written)} as written, and that state of protonation is open"
            values["remedy"] = "give the pH, and the base or acid that set it in column 'titrant'"
        yield self._finding(Code.CHARGE, self._effect(excess), **values)

    def _titrant(self, excess: float) -> Iterator[Finding]:
        """Yield a titrant of the wrong sign here; at room temperature, where the table is checked, it was right."""
        titrant = self.solutions.titrants[self.i]
        if titrant is None or excess == 0 or float(self.at.titrant_mM[self.i]) > 0:
            return
        kind = "a base" if excess < 0 else "an acid"
        values = {"titrant": titrant.name, "pH": self.at.pH[self.i], "excess": excess, "kind": kind}
        values["temperature_C"] = self.temperature_C
        yield self._finding(Code.TITRANT, self._effect(excess), **values)

    def _missing_ion(self, excess: float) -> str:
        """Return the ion that a recipe most likely omits: the most abundant one of the missing charge."""
        sign, solutions = -1 if excess > 0 else 1, self.solutions
        acids = reactions.known_acid_steps(solutions.user_ions)
        lacking = [
            (c, ion.name)
            for ion, c in zip(solutions.ions, self.free_mM.tolist(), strict=True)
            if ion.valence == sign
            and c > _NOTABLE_MM
            and ion.name not in reactions.WATER_IONS
            and (c >= abs(excess) or not reactions.takes_protons([ion], acids))  # 10 mM HEPES lack no 130 more
        ]
        ion = max(lacking)[1] if lacking else ("Cl" if sign < 0 else "Na or K")
        acid = "acid" if sign < 0 else "base"
        if not math.isnan(self.solutions.pH[self.i]):
            return f"likely missing is {ion}, of the {acid} that set the pH (column 'titrant')"
        if self.solutions.has_pH(self.i):
            return (
                f"likely missing is {ion}: the pH of {self.at.pH[self.i]:.2f} follows from the recipe as it is written"
            )
        written = self._written()
        also = f"; without a pH {_counting(written)} as written" if written else ""
        return f"likely missing is {ion}{also}"

    def _written(self) -> list[str]:
        """Return what has several states of protonation and counts in that of its name; carbonate has its own note."""
        acids = reactions.known_acid_steps(self.solutions.user_ions)
        ions = [ion for ion in self.solutions.amounts(self.i) if ion.name not in (*CARBONATES, *reactions.WATER_IONS)]
        return [ion.name for ion in ions if reactions.takes_protons([ion], acids)]

    def _is_open(self) -> bool:
        """Return True where the charge in excess is that of states of protonation, which no pH decides."""
        return abs(100 * self.solutions.least_excess(self.i)) <= CHARGE_PERCENT * self.cations_meq_per_l

    def _with_pH(self) -> Iterator[Finding]:
        solutions, i = self.solutions, self.i
        acids = reactions.known_acid_steps(solutions.user_ions)
        pH, gassed = self.at.pH[i], not math.isnan(solutions.gas_mmHg(i))
        pKas = reactions.pKa(solutions.amounts(i), acids, self.temperature_C)
        nearest = min(pKas, key=lambda p: abs(p - pH), default=math.inf)
        distance = 0.0 if gassed else abs(nearest - pH)  # under a gas, bicarbonate holds the pH
        if distance > MAX_PKA_DISTANCE and not self._holds_by_water():
            effect = math.inf if "H" in self.permeant else 0.0
            how = f"is {distance:z.1f} from the nearest pKa ({nearest:.2f})" if pKas else "is that of no buffer"
            yield self._finding(Code.UNBUFFERED, effect, pH=pH, how=how)
        for name, fraction in sorted(self.at.bound[i].items()):
            if name not in reactions.CHELATORS or fraction <= MAX_BOUND:
                continue
            values = {"chelator": name.rstrip("1234"), "percent": 100 * fraction}
            metal, free = self._most_free_metal()
            if not self._is_in_excess(name):
                effect = math.inf if self._metals() & set(self.permeant) else 0.0
                yield self._finding(Code.BOUND_METAL, effect, **values)
            elif metal != "Mg":  # beside ATP it is in excess on purpose
                yield self._finding(Code.CHELATOR_EXCEEDED, 0.0, **values, metal=metal, free=free)

    def _holds_by_water(self) -> bool:
        names = [ion.name for ion in self.solutions.ions]
        free = (self.free_mM[names.index(name)] for name in reactions.WATER_IONS if name in names)
        return max(free, default=0.0) > _HELD_BY_WATER_MM

    def _carbonate(self) -> Iterator[Finding]:
        """Yield what was assumed of bicarbonate without its gas, and bicarbonate that its gas and pH contradict."""
        given = sum(amount for ion, amount in self.solutions.amounts(self.i).items() if ion.name in CARBONATES)
        if given <= 0:
            return
        names = [ion.name for ion in self.solutions.ions]
        free = float(sum(self.free_mM[names.index(name)] for name in CARBONATES if name in names))
        if math.isnan(self.solutions.gas_mmHg(self.i)):
            pH = self.at.pH[self.i]
            how = "as written" if math.isnan(pH) else f"as the sum of all its forms at pH {pH:.4g}"
            yield self._finding(Code.CLOSED_CARBONATE, 0.0, given=given, how=how, free=free)
        elif not math.isnan(self.solutions.pH[self.i]) and abs(free / given - 1) > MAX_CARBONATE_DIFFERENCE:
            values = {"given": given, "free": free, "gas": self.solutions.gas_mmHg(self.i), "pH": self.at.pH[self.i]}
            yield self._finding(Code.CARBONATE_CONTRADICTED, math.inf, **values)

    def _is_in_excess(self, chelator: str) -> bool:
        """Return True where so much metal is free that a small error in the amount of a chelator hardly changes it."""
        place = {ion.name: j for j, ion in enumerate(self.solutions.ions)}
        if chelator not in place:
            return False
        total = float(self.at.total_mM[self.i, place[chelator]])
        return _CHELATOR_ERROR * total < _MAX_CHANGE * self._most_free_metal()[1]

    def _most_free_metal(self) -> tuple[str, float]:
        """Return the metal of which most is free, and how much in mM."""
        place = {ion.name: j for j, ion in enumerate(self.solutions.ions)}
        free = {metal: float(self.free_mM[place[metal]]) for metal in self._metals()}
        return max(free.items(), key=lambda each: (each[1], each[0]), default=("", 0.0))

    def _solids(self, unknown: Mapping[str, list[str]]) -> Iterator[Finding]:
        """Yield the findings on what does not dissolve, or stays clear although it is supersaturated."""
        for each in self.at.solids[self.i]:
            ions = _ions_of(each)
            if each.amount_mM == 0:
                effect = math.inf if set(ions) & set(self.permeant) else 0.0
                yield self._finding(Code.SUPERSATURATED, effect, solid=each.solid, saturation=each.saturation)
            elif values := self._solid(each, unknown):
                code = Code.PRECIPITATE_PERMEANT if values["used"] else Code.PRECIPITATE
                yield self._finding(code, math.inf, **values)

    def _solids_at_own_pH(self, unknown: Mapping[str, list[str]]) -> Iterator[Finding]:
        """Yield what would not dissolve at the pH that a recipe without one has, beside what does not as written."""
        formed = {each.solid for each in self.at.solids[self.i] if each.amount_mM > 0}
        pH, found = self.solutions.at_own_pH(self.i, self.temperature_C)
        for each in found:
            if each.solid not in formed and each.amount_mM > 0 and (values := self._solid(each, unknown)):
                yield self._finding(Code.PRECIPITATE_AT_OWN_PH, math.inf, pH=pH, **values)

    def _solid(self, each: Precipitate, unknown: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the values of a finding on a solid; empty where it takes hardly anything."""
        ions = _ions_of(each)
        amounts = {ion: self._recipe_mM(ion) for ion in ions}
        lost = {ion: each.amount_mM * n / amounts[ion] for ion, n in ions.items() if amounts[ion] > 0}
        if lost and max(lost.values()) < _MIN_LOST:
            return {}
        used = sorted(set(ions) & set(self.permeant))
        # Of a permeant ion its own part is told, else that of the ion of which most is lost.
        told = max(used or lost, key=lambda ion: lost.get(ion, 0.0), default=next(iter(ions)))
        percent = 100 * lost.get(told, 1.0)
        values = {"solid": each.solid, "saturation": each.saturation, "amount": each.amount_mM, "ion": told}
        held = " and ".join(sorted(set(ions) & unknown.keys()))
        values["unless"] = f", unless complexes of {held}, which are not calculated, hold it" if held else ""
        return values | {"percent": f"{percent:.0f}" if percent >= 1 else f"{percent:.1g}", "used": used}

    def _salts(self) -> Iterator[Finding]:
        """Yield the readily soluble salts of which a recipe has more than dissolves."""
        name, temperature_C = self.solutions.names[self.i], self.temperature_C
        if self.strength_M < _MIN_SATURATED_M or name in self.solutions.incomplete:
            return
        molar_mM = water_density_kg_per_l(temperature_C) * 1000
        for salt in solids.salts():
            activities = self.solutions.activity_mM(name, list(salt.ions), _SATURATION_MODEL, temperature_C) / molar_mM
            log_activity = {ion: math.log10(a) for ion, a in zip(salt.ions, activities.tolist(), strict=True) if a > 0}
            if (index := salt.saturation(log_activity, temperature_C)) > _MIN_SALT_SATURATION:
                yield self._finding(Code.BEYOND_SOLUBILITY, math.inf, salt=salt.name, saturation=index)

    def _unknown_ligands(self, model: str) -> dict[str, list[str]]:
        """Return the ligands of each metal whose complexes with it are not calculated."""
        solutions, pH = self.solutions, self.at.pH[self.i]
        if solutions.names[self.i] in solutions.incomplete:
            return {}
        amounts = solutions.amounts(self.i)
        own_pH = reactions.strong_pH(amounts) if math.isnan(pH) else pH
        acids = reactions.known_acid_steps(solutions.user_ions)
        of: dict[str, list[str]] = {}
        ions, holds_pair = {ion.name: ion for ion in amounts}, model_named(model)[0].holds_pair
        for metal, ligand in unknown_complexes.unknown(amounts, acids, own_pH):
            if ligand in ions and holds_pair(ions[metal], ions[ligand]):
                continue  # the coefficients contain it
            if self.at.bound[self.i].get(metal, 0.0) <= MAX_BOUND:  # else what is free is what a chelator leaves
                of.setdefault(metal, []).append(ligand)
        return of

    def _unknown_complexes(self, of: Mapping[str, list[str]]) -> Iterator[Finding]:
        """Yield the metals whose activity is an upper limit: their complexes are not in the tables."""
        if not of:
            return
        amounts = self.solutions.amounts(self.i)
        pairs = ", and of ".join(f"{metal} with {' and '.join(ligands)}" for metal, ligands in of.items())
        charge = sum(c * ion.valence for ion, c in amounts.items() if ion.name in of)
        effect = math.inf if of.keys() & set(self.permeant) else self._effect(charge)
        yield self._finding(Code.UNKNOWN_COMPLEX, effect, pairs=pairs, metals=" and ".join(of))

    def _recipe_mM(self, ion: str) -> float:
        """Return the amount of an ion in any state, solids included; 0 where the recipe has none by that name."""
        names = [each.name for each in self.solutions.ions]
        total = float(self.at.total_mM[self.i, names.index(ion)]) if ion in names else 0.0
        return 0.0 if math.isnan(total) else total

    def _metals(self) -> set[str]:
        return {ion.name for ion in self.solutions.amounts(self.i) if ion.is_metal}

    def _without_pH(self, unknown: Mapping[str, list[str]]) -> Iterator[Finding]:
        yield from self._solids_at_own_pH(unknown)
        amounts = self.solutions.amounts(self.i)
        chelated = reactions.chelated(amounts, reactions.known_acid_steps(self.solutions.user_ions))
        known = [pair for pair, is_known in chelated.items() if is_known]
        if known:
            chelators, metals = (sorted(set(names)) for names in zip(*known, strict=True))
            charge = sum(c * ion.valence for ion, c in amounts.items() if ion.name in metals)
            effect = math.inf if set(metals) & set(self.permeant) else self._effect(charge)
            values = {"metals": " and ".join(metals), "chelators": " and ".join(chelators)}
            yield self._finding(Code.FREE_METAL, effect, **values)


def _ions_of(each: Precipitate) -> Mapping[str, int]:
    """Return the number of each ion in a solid."""
    return next(solid.ions for solid in solids.known() if solid.name == each.solid)


def _counting(names: Sequence[str]) -> str:
    """Return names as the subject of a sentence with its verb."""
    *others, last = names
    return f"{', '.join(others)} and {last} count" if others else f"{last} counts"
