"""The solutions of an experiment: composition and activities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import ActivityModel
from nernstfit.physics.solution import coefficients as activity
from nernstfit.physics.solution import equilibria, reactions, water
from nernstfit.physics.solution.activity import water_density_kg_per_l
from nernstfit.physics.solution.carbon_dioxide import dissolved_mM
from nernstfit.physics.solution.charge_balance import Recipe
from nernstfit.physics.solution.ions import IONS, Ion, known_ions, uncharged_substances
from nernstfit.physics.solution.osmotic import ionic_osmolality, uncharged_osmolality
from nernstfit.physics.solution.proton_balance import follows

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Titrant:
    """Acid or base by its name in the table, with its ion."""

    name: str
    ion: Ion


class Stated(NamedTuple):
    """Conditions of a recipe: its pH and the pressure of its carbon dioxide, nan where not given, and least excess."""

    pH: float
    gas_mmHg: float = math.nan
    least_excess_meq_per_l: float = 0.0


@dataclass(frozen=True)
class Precipitate:
    """Solid in a solution: its formula, amount in mM of formula units, and the saturation index before it formed.

    The amount is 0 of a solid of which the solution stays clear although it is supersaturated.
    """

    solid: str
    amount_mM: float
    saturation: float


@dataclass(frozen=True)
class Composition:
    """Composition of all solutions at one temperature.

    Attributes
    ----------
    free_mM : ndarray, shape (solutions, ions)
        Free concentrations: bound metal counts for the complex, not for the metal.
    total_mM : ndarray, shape (solutions, ions)
        Total concentrations in any state, titrant included; nan for the ions of water.
    uncharged_mM, titrant_mM : ndarray, shape (solutions,)
        Uncharged particles; titrant that makes a solution neutral at its pH, nan where none is named.
    bound : tuple of mapping
        For each solution, bound fraction of each metal and ligand; empty where nothing binds.
    pH : tuple of float
        Given, or that of bicarbonate under its carbon dioxide; nan where there is none.
    solids : tuple of tuple of Precipitate
        For each solution, what does not dissolve of it, and of what it stays clear although supersaturated.
    pairs : tuple of mapping
        For each solution, amounts in mM of complexes of one metal and one anion, by the names of these and its own; a
        part of `free_mM` or, without charge, of `uncharged_mM`.
    taken : ndarray, shape (solutions,)
        Part of the volume that the solutes take from the water.
    neutral : tuple of mapping
        For each solution, amount in mM of each form without charge, beside that of its substance in any state; those
        that the recipe names as uncharged are not among them.
    """

    free_mM: FloatArray
    total_mM: FloatArray
    uncharged_mM: FloatArray
    titrant_mM: FloatArray
    bound: tuple[Mapping[str, float], ...]
    pH: tuple[float, ...]
    solids: tuple[tuple[Precipitate, ...], ...]
    pairs: tuple[Mapping[tuple[str, str, str], float], ...]
    taken: FloatArray
    neutral: tuple[Mapping[str, tuple[float, float]], ...]

    @property
    def osmolarity_mOsm_per_l(self) -> FloatArray:
        """Return the sum of all particles, without osmotic coefficients; shape (solutions,)."""
        return np.asarray(self.free_mM.sum(axis=1) + self.uncharged_mM)


@dataclass(frozen=True, eq=False)
class Solutions:
    """Table of solutions in terms of ions; each is equal to itself alone, and a key of what is kept of it.

    Attributes
    ----------
    names : tuple of str
    ions : tuple of Ion
        Ions of all solutions, by name.
    given_mM : ndarray, shape (solutions, ions)
        Amounts of the recipes; where nothing in them reacts, they are the composition.
    substances : tuple of str
        Names of the substances without charge.
    substance_mM : ndarray, shape (solutions, substances)
    pH : tuple of float
        nan where none is given.
    titrants : tuple of Titrant or None
    user_ions : tuple of Ion
        Ions of the user, which the project's table lacks.
    incomplete : frozenset of str
        Solutions with a component that could not be read: some of their ions may be missing here.
    slows_ions : bool
        True where junctions take the mobilities at the ionic strength in them, not those at infinite dilution.
    pCO2_mmHg : tuple of float
        Pressure of the carbon dioxide with which each solution is in equilibrium; nan, or empty, where none is given.
    shift_log_K : float
        Error of log10 of every stability constant of a metal.
    reacted : tuple of bool
        True where components of a recipe react with each other, so that its pH follows, also where neither free acid
        nor base is left; or empty.
    doses : tuple of mapping
        For each solution, amounts of its components in mM by their names in the table; or empty.
    least_excess_meq_per_l : tuple of float
        Least charge excess of each recipe, in whatever state its buffers were weighed; or empty: 0 of whole salts.
    """

    names: tuple[str, ...]
    ions: tuple[Ion, ...]
    given_mM: FloatArray
    substances: tuple[str, ...]
    substance_mM: FloatArray
    pH: tuple[float, ...]
    titrants: tuple[Titrant | None, ...]
    user_ions: tuple[Ion, ...] = ()
    incomplete: frozenset[str] = frozenset()
    slows_ions: bool = False
    pCO2_mmHg: tuple[float, ...] = ()
    shift_log_K: float = 0.0
    reacted: tuple[bool, ...] = ()
    doses: tuple[Mapping[str, float], ...] = ()
    least_excess_meq_per_l: tuple[float, ...] = ()
    _at: dict[float, Composition] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def known(self) -> Mapping[str, Ion]:
        """Return every ion that may be named, by name: those of the project and of the user."""
        return known_ions(self.user_ions)

    @property
    def valence(self) -> NDArray[np.int64]:
        """Return the signed charge numbers, shape (ions,)."""
        return np.array([ion.valence for ion in self.ions], dtype=np.int64)

    @property
    def uncharged_mM(self) -> FloatArray:
        """Return the sum of the substances without charge, shape (solutions,)."""
        return np.asarray(self.substance_mM.sum(axis=1))

    @property
    def largest_mM(self) -> float:
        """Return the largest amount of any component."""
        return max(float(self.given_mM.max(initial=0.0)), float(self.substance_mM.max(initial=0.0)))

    @property
    def mobility(self) -> FloatArray:
        """Return the absolute mobilities relative to K, shape (ions,)."""
        return np.array([ion.mobility for ion in self.ions])

    def amounts(self, i: int) -> dict[Ion, float]:
        """Return the amounts of one recipe, in mM; 0 of protons where those that were weighed went elsewhere."""
        weighed = {IONS[reactions.PROTON]: 0.0} if self.reacted and self.reacted[i] else {}
        return weighed | {ion: c for ion, c in zip(self.ions, self.given_mM[i].tolist(), strict=True) if c > 0}

    def gas_mmHg(self, i: int) -> float:
        """Return the pressure of the carbon dioxide over one solution; nan where none is given."""
        return self.pCO2_mmHg[i] if self.pCO2_mmHg else math.nan

    def least_excess(self, i: int) -> float:
        """Return the least charge excess of one recipe in meq/l."""
        return self.least_excess_meq_per_l[i] if self.least_excess_meq_per_l else 0.0

    def has_pH(self, i: int) -> bool:
        """Return True where the pH of one solution is given, or follows from its gas or from free acid or base."""
        is_given = not math.isnan(self.pH[i]) or not math.isnan(self.gas_mmHg(i))
        return is_given or follows(self.amounts(i), reactions.known_acid_steps(self.user_ions))

    def is_equilibrated(self, i: int) -> bool:
        """Return True where the equilibria of one solution are calculated: at its pH, or where something reacts."""
        is_known = self.names[i] not in self.incomplete
        return is_known and (self.has_pH(i) or reactions.reacts(self.amounts(i)))

    def with_formed_ions(self) -> Solutions:
        """Return the same with the ions that form at a pH, which no recipe names."""
        present = {ion.name: ion for ion in self.ions}
        acids = reactions.known_acid_steps(self.user_ions)
        table = {**reactions.FORMED, **self.known}
        for i in range(len(self.names)):
            if self.is_equilibrated(i):
                titrant, gas = self.titrants[i], [] if math.isnan(self.gas_mmHg(i)) else [self.known["HCO3"]]
                added = {*self.amounts(i), *([titrant.ion] if titrant else []), *gas}
                formed = reactions.formed_in(added, acids if self.has_pH(i) else None) | {ion.name for ion in added}
                present |= {name: table[name] for name in formed if name in table and name not in present}
        ions = tuple(sorted(present.values(), key=lambda ion: ion.name))
        given = np.zeros((len(self.names), len(ions)))
        given[:, [ions.index(ion) for ion in self.ions]] = self.given_mM
        return replace(self, ions=ions, given_mM=given)

    def at(self, temperature_C: float) -> Composition:
        """Return the composition at a temperature, which changes the equilibria; each is calculated once."""
        if temperature_C not in self._at:
            self._at[temperature_C] = self._composition(temperature_C)
        return self._at[temperature_C]

    def _composition(self, temperature_C: float) -> Composition:
        free, total = self.given_mM.copy(), self.given_mM.copy()
        uncharged, titrant_mM = self.uncharged_mM.copy(), np.full(len(self.names), math.nan)
        bound: list[Mapping[str, float]] = [{}] * len(self.names)
        solids: list[tuple[Precipitate, ...]] = [()] * len(self.names)
        pairs: list[Mapping[tuple[str, str, str], float]] = [{}] * len(self.names)
        neutral: list[Mapping[str, tuple[float, float]]] = [{}] * len(self.names)
        names = [ion.name for ion in self.ions]
        ions = (*self.ions, IONS[reactions.PROTON])
        chemical = dict(zip(ions, activity.chemical(ions), strict=True))
        acids = reactions.known_acid_steps(self.user_ions)
        pHs = list(self.pH)
        for i in range(len(self.names)):
            if not self.is_equilibrated(i):
                continue
            titrant = self.titrants[i]
            pHs[i], found = _speciated(
                tuple((chemical[ion], c) for ion, c in self.amounts(i).items()),
                acids,
                Stated(self.pH[i], self.gas_mmHg(i), self.least_excess(i)),
                temperature_C,
                activity.chemical([titrant.ion])[0] if titrant else None,
                self.shift_log_K,
            )
            free[i] = [found.amounts_mM.get(name, 0.0) for name in names]
            total[i] = [found.total_mM.get(name, math.nan) for name in names]
            uncharged[i] += found.uncharged_mM
            titrant_mM[i] = found.titrant_mM if titrant else math.nan
            bound[i] = found.bound
            pairs[i] = found.pair_mM
            neutral[i] = {name: (c, found.total_mM[name]) for name, c in found.neutral_mM.items()}
            solids[i] = _precipitates(found)
        taken = self._taken(titrant_mM)
        per_solution = tuple(bound), tuple(pHs), tuple(solids), tuple(pairs)
        return Composition(free, total, uncharged, titrant_mM, *per_solution, taken, tuple(neutral))

    def at_own_pH(self, i: int, temperature_C: float) -> tuple[float, tuple[Precipitate, ...]]:
        """Return the pH of a recipe without one, as its components have it in a closed vessel, and what precipitates.

        The pH is nan, and nothing precipitates, where no solid could form or the pH cannot be calculated.
        """
        amounts, acids = self.amounts(i), reactions.known_acid_steps(self.user_ions)
        if self.names[i] in self.incomplete or not reactions.precipitates_at_pH(amounts, acids):
            return math.nan, ()
        given = tuple(zip(activity.chemical(tuple(amounts)), amounts.values(), strict=True))
        return _at_own_pH(given, acids, temperature_C, self.shift_log_K, self.least_excess(i))

    def weighed_volume_l_per_l(self) -> FloatArray:
        """Return the volume of the components in a litre of each solution, shape (solutions,)."""
        of_ions = [water.ion_volume_cm3_per_mol(ion) for ion in activity.chemical(self.ions)]
        own = uncharged_substances(self.user_ions)
        of_substances = [water.volume_cm3_per_mol(name, own) for name in self.substances]
        return np.asarray(self.given_mM @ np.array(of_ions) + self.substance_mM @ np.array(of_substances)) / 1e6

    def _taken(self, titrant_mM: FloatArray) -> FloatArray:
        """Return the part of the volume that the solutes take, as they were weighed, shape (solutions,)."""
        volume = self.weighed_volume_l_per_l()
        for i, titrant in enumerate(self.titrants):
            if titrant is not None and not math.isnan(titrant_mM[i]):
                ion = activity.chemical([titrant.ion])[0]
                volume[i] += titrant_mM[i] * water.ion_volume_cm3_per_mol(ion) / 1e6
        # A recipe that leaves no water is a fault of the table; ions of one charge alone may sum to less than nothing.
        return np.clip(volume, 0.0, water.MAX_TAKEN)

    def charge_excess_meq_per_l(self, temperature_C: float) -> FloatArray:
        """Return the sum of z c, shape (solutions,); 0 where the recipe is complete."""
        charges = self.at(temperature_C).free_mM * self.valence
        excess = charges.sum(axis=1)
        rounding = 1e-12 * np.abs(charges).sum(axis=1)
        return np.asarray(np.where(np.abs(excess) > rounding, excess, 0.0))

    def osmolality_mOsm_per_kg(self, temperature_C: float) -> FloatArray:
        """Return the osmolality by the osmotic coefficients of Pitzer's equations, shape (solutions,)."""
        at, chemical = self.at(temperature_C), activity.chemical(self.ions)
        content = self.content_mM(ActivityModel.PITZER, temperature_C)
        kg_per_l = water.water_share(at.taken, content, chemical) * water_density_kg_per_l(temperature_C)
        ionic = ionic_osmolality(content / kg_per_l[:, None] / 1000, chemical, temperature_C)
        known = {ion.name for ion in self.ions}
        held = [self._held(i, ActivityModel.PITZER, temperature_C) for i in range(len(self.names))]
        paired = [sum(c for (*_, name), c in each.items() if name not in known) for each in held]  # counted as ions
        formed = (at.uncharged_mM - self.uncharged_mM - np.array(paired)) / kg_per_l  # such as the zwitterion of HEPES
        weighed = self.substance_mM / kg_per_l[:, None] / 1000
        named = [sum(map(uncharged_osmolality, row, self.substances)) for row in weighed.tolist()]
        return np.asarray(1000 * (ionic + np.array(named)) + formed)

    def row(self, name: str, temperature_C: float, model: str = "") -> FloatArray:
        """Return the free concentrations of one solution in mM, shape (ions,); as a model counts them, see below."""
        i = self.names.index(name)
        return self._content_mM(i, model, temperature_C) if model else np.array(self.at(temperature_C).free_mM[i])

    def content_mM(self, model: str, temperature_C: float) -> FloatArray:
        """Return the concentrations of the ions as an activity model counts them, shape (solutions, ions).

        They are free; where the model's coefficients contain that a metal and an anion pair, so are the ions of pairs.
        """
        rows = [self._content_mM(i, model, temperature_C) for i in range(len(self.names))]
        return np.array(rows).reshape(self.given_mM.shape)

    def _content_mM(self, i: int, model: str, temperature_C: float) -> FloatArray:
        """Return the concentrations of one solution as a model counts them, shape (ions,)."""
        content = np.array(self.at(temperature_C).free_mM[i])
        held = self._held(i, model, temperature_C)
        place = {ion.name: j for j, ion in enumerate(self.ions)} if held else {}
        for (metal, anion, name), amount in held.items():
            content[[place[metal], place[anion]]] += amount
            if name in place:
                content[place[name]] = 0.0
        return content

    def _held(self, i: int, model: str, temperature_C: float) -> Mapping[tuple[str, str, str], float]:
        """Return the complexes of one solution that a model's coefficients contain: there their ions are free."""
        pairs, holds_pair = self.at(temperature_C).pairs[i], activity.model_named(model)[0].holds_pair
        ions = {ion.name: ion for ion in self.ions} if pairs else {}
        return {
            of: amount
            for of, amount in pairs.items()
            if of[0] in ions and of[1] in ions and holds_pair(ions[of[0]], ions[of[1]])
        }

    def held_mM(self, model: str, temperature_C: float) -> FloatArray:
        """Return the sum of the complexes whose ions a model counts as free, shape (solutions,)."""
        return np.array([sum(self._held(i, model, temperature_C).values()) for i in range(len(self.names))])

    def neutral_mM(self, i: int, model: str, temperature_C: float) -> dict[str, tuple[float, float]]:
        """Return free and total amount of what has no charge in one solution, by name: substances, then what forms.

        Pairs that a model counts as ions are not among them.
        """
        weighed = {
            name: (c, c) for name, c in zip(self.substances, self.substance_mM[i].tolist(), strict=True) if c > 0
        }
        held = {name for *_, name in self._held(i, model, temperature_C)}
        formed = self.at(temperature_C).neutral[i]
        return weighed | {name: formed[name] for name in sorted(formed) if name not in held}

    def neutral_coefficient(self, i: int, model: str, temperature_C: float) -> float:
        """Return the activity coefficient, on the molar scale, of what has no charge."""
        content, chemical = self._content_mM(i, model, temperature_C), activity.chemical(self.ions)
        taken = float(self.at(temperature_C).taken[i])
        return float(water.neutral_coefficient(model, content, chemical, taken))

    def coefficients(self, model: str, temperature_C: float) -> FloatArray:
        """Return the activity coefficients on the molar scale, shape (solutions, ions)."""
        return np.array([self._coefficients(i, model, temperature_C) for i in range(len(self.names))]).reshape(
            self.given_mM.shape
        )

    def coefficient_status(self, model: str, temperature_C: float) -> NDArray[np.str_]:
        """Return the source of each coefficient and its limits, shape (solutions, ions)."""
        return activity.status(model, self.content_mM(model, temperature_C), self.ions, temperature_C)

    def _coefficients(self, i: int, model: str, temperature_C: float) -> FloatArray:
        """Return the coefficients of one solution; that of protons makes their activity what the pH says."""
        at, chemical = self.at(temperature_C), activity.chemical(self.ions)
        row, taken = tuple(self._content_mM(i, model, temperature_C).tolist()), float(at.taken[i])
        found = _coefficients_of(model, chemical, row, temperature_C, taken)
        protons = [place for place, ion in enumerate(chemical) if ion.name == "H" and row[place] > 0]
        if math.isnan(at.pH[i]) or not protons or not self.is_equilibrated(i):
            return found
        found = found.copy()
        found[protons] = 10 ** (3 - at.pH[i]) / row[protons[0]]
        return found

    def activity_mM(self, name: str, ion_names: Sequence[str], model: str, temperature_C: float) -> FloatArray:
        """Return the activities of some free ions in one solution, 0 for absent ions; shape (len(ion_names),)."""
        known = [ion.name for ion in self.ions]
        i = self.names.index(name)
        values = self._coefficients(i, model, temperature_C) * self._content_mM(i, model, temperature_C)
        return np.array([values[known.index(ion)] if ion in known else 0.0 for ion in ion_names])


@lru_cache(maxsize=10_000)
def _at_own_pH(
    given_mM: tuple[tuple[Ion, float], ...],
    acids: tuple[reactions.Step, ...],
    temperature_C: float,
    shift_log_K: float,
    excess_meq_per_l: float,
) -> tuple[float, tuple[Precipitate, ...]]:
    """Calculate the pH of one closed recipe, and what precipitates; kept, because every list of findings needs it."""
    try:
        recipe = Recipe(dict(given_mM), acids, math.nan, temperature_C, None, shift_log_K, excess_meq_per_l)
        pH, found = recipe.balanced()
    except (reactions.NoConstant, ArithmeticError):  # of which a table with a pH would be at fault
        return math.nan, ()
    return pH, _precipitates(found)


def _precipitates(found: equilibria.Speciation) -> tuple[Precipitate, ...]:
    return tuple(Precipitate(name, found.solid_mM.get(name, 0.0), x) for name, x in found.saturation.items())


@lru_cache(maxsize=10_000)
def _speciated(
    given_mM: tuple[tuple[Ion, float], ...],
    acids: tuple[reactions.Step, ...],
    stated: Stated,
    temperature_C: float,
    titrant: Ion | None,
    shift_log_K: float,
) -> tuple[float, equilibria.Speciation]:
    """Calculate one solution and its pH; kept, because every step of an analysis needs it again."""
    amounts = dict(given_mM)
    try:
        return speciate(amounts, acids, stated, temperature_C, titrant, shift_log_K)
    except equilibria.WrongTitrant:
        # The table was checked at another temperature; at this one the solution is neutral without the titrant.
        return speciate(amounts, acids, stated, temperature_C, None, shift_log_K)


def speciate(
    amounts: Mapping[Ion, float],
    acids: tuple[reactions.Step, ...],
    stated: Stated,
    temperature_C: float,
    titrant: Ion | None = None,
    shift_log_K: float = 0.0,
) -> tuple[float, equilibria.Speciation]:
    """Calculate the pH and the composition of a solution, open where it has a pressure of carbon dioxide.

    Parameters are those of `charge_balance.Recipe`; pH and pressure, or one of them, may be nan. A pH that is
    not given follows from the balance of the charges or, where a titrant balances them, from bicarbonate and its gas.
    """
    CO2_mM = dissolved_mM(stated.gas_mmHg, temperature_C)
    if math.isnan(stated.pH) and (not math.isnan(stated.gas_mmHg) or follows(amounts, acids)):
        excess = stated.least_excess_meq_per_l
        return Recipe(amounts, acids, CO2_mM, temperature_C, titrant, shift_log_K, excess).balanced()
    conditions = equilibria.Conditions(stated.pH, CO2_mM)
    return stated.pH, equilibria.speciate_open(amounts, acids, conditions, temperature_C, titrant, shift_log_K)


@lru_cache(maxsize=10_000)
def _coefficients_of(
    model: str, ions: tuple[Ion, ...], row: tuple[float, ...], temperature_C: float, taken: float
) -> FloatArray:
    """Calculate the coefficients of one solution; kept, because every step of an analysis needs them again."""
    found = water.coefficients(model, row, ions, temperature_C, taken)
    found.flags.writeable = False
    return found
