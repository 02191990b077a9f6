"""Binding reactions of acids, bases, chelators and metals, and the network of all that some ions form.

Every substance that binds protons or metals has one *root*, its form without either (`EGTA4`, `PO4`, `HEPES`, the
free base of `Tris`). Each species forms from its root by steps

    base + partner <-> product,    K = [product] / ([base] [partner]),

with H or a metal as partner, or OH where a metal loses a proton of its water. A constant is converted from the
temperature and ionic strength at which it was measured to those of the solution, by its enthalpy (van 't Hoff) and by
Davies' activity coefficients. The pKa are those of ions.csv, the constants of chelators those of complexes.csv, those
of hydroxides and of anions that bind metals weakly those of weak_complexes.csv, all with their sources. Without a pH
only these anions bind, with the protons as in the recipe.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution import solids
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.ions import IONS, Ion, UserIons, known_ions
from nernstfit.physics.solution.temperature import log_K_at

FloatArray = NDArray[np.float64]

PROTON, HYDROXIDE = "H", "OH"
WATER_IONS = (PROTON, HYDROXIDE)
"""Names of the ions of water."""
BICARBONATE = "HCO3"
CARBONATES = (BICARBONATE, "CO3")
"""Ions of a recipe that are given as carbonate."""
_WATER_PK, _WATER_KJ_PER_MOL = 13.995, 55.84
"""Ion product of water at 25 C and infinite dilution, Marshall & Franck 1981 (J Phys Chem Ref Data 10:295); enthalpy:
Goldberg, Kishore & Lennen 2002 (J Phys Chem Ref Data 31:231)."""
_AT_C = 25.0  # temperature of the pKa of ions.csv, at infinite dilution


@dataclass(frozen=True)
class Step:
    """Binding step, base + partner = product.

    Attributes
    ----------
    product, base, partner : str
    base_valence : int
    log_K : float
        Constant of concentrations in mol/l, at `temperature_C` and `ionic_strength_M`.
    kJ_per_mol : float
        Enthalpy of the binding; 0 where none is known.
    se_log_K : float
        Standard error of the constant itself where sources differ, 0 where they do not.
    """

    product: str
    base: str
    partner: str
    base_valence: int
    log_K: float
    temperature_C: float
    ionic_strength_M: float
    kJ_per_mol: float
    se_log_K: float = 0.0

    @cached_property
    def exponent(self) -> float:
        """-log10 of Davies' coefficient of a monovalent ion where the constant was measured."""
        return float(davies_exponent(self.ionic_strength_M, self.temperature_C))


class _Steps(tuple[Step, ...]):
    """Steps whose hash is calculated once: they are keys of results that are kept, and there are hundreds."""

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash


class NoConstant(ValueError):
    """Fault of a solution with a chelator and a metal of which no constant is known."""

    def __init__(self, ligand: str, metal: str) -> None:
        super().__init__(f"no stability constant of {ligand} with {metal} is known")


WATER = Step("H2O", "OH", PROTON, -1, _WATER_PK, _AT_C, 0.0, -_WATER_KJ_PER_MOL)
"""Formation of water from its ions."""


def _read_complexes(name: str) -> tuple[tuple[Step, ...], dict[str, Ion]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    steps, formed = [], {}
    for row in csv.DictReader(text.splitlines()):
        name, partner, valence = row["product"], row["partner"], int(row["valence"])
        keys = ("log_K", "temperature_C", "ionic_strength_M", "kJ_per_mol", "se_log_K")
        numbers = (float(row.get(key) or 0) for key in keys)
        base_valence = valence - (IONS[partner].valence if partner in IONS else 0)  # a base that has lost its charge
        steps.append(Step(name, row["base"], partner, base_valence, *numbers))
        analogue = IONS[row["moves_like"]]
        for ion, z in ((name, valence), (row["base"], base_valence)):  # a base that no row forms is a root
            if ion not in IONS and ion not in formed and z != 0:
                formed[ion] = Ion(ion, z, analogue.mobility, 10.0, f"mobility: that of {analogue.name}")
    return tuple(steps), formed


_OF_CHELATORS, _FORMED = _read_complexes("complexes.csv")
_WEAK, _FORMED_WEAKLY = _read_complexes("weak_complexes.csv")
COMPLEXES = (*_OF_CHELATORS, *_WEAK)
"""Steps of complexes.csv and weak_complexes.csv."""
_COMPLEXED = frozenset(step.partner for step in _WEAK if step.partner in IONS and IONS[step.partner].valence == 1)
"""Univalent ions that bind anions: silver and thallium."""

_BINDING = tuple(step for step in _OF_CHELATORS if step.partner != PROTON)
CHELATORS = frozenset(step.base for step in _BINDING) - frozenset(step.product for step in _BINDING)
"""Forms of chelators that bind metals: without a pH, what they bind is unknown."""

FORMED: Mapping[str, Ion] = MappingProxyType(_FORMED | _FORMED_WEAKLY)
"""Ions that no recipe names, which form in a solution: complexes and partly protonated chelators."""


def acid_steps(known: Iterable[Ion]) -> tuple[Step, ...]:
    """Return the protonation steps of acids and bases, in the order of the ions' names.

    Parameters
    ----------
    known : iterable of Ion
        Those without a pKa are ignored.
    """
    steps = []
    for ion in sorted(known, key=lambda ion: ion.name):
        if ion.pKa is not None:
            bare = f"{ion.name} without its charge"
            base, product, valence = (
                (ion.name, ion.acid or bare, ion.valence) if ion.valence < 0 else (bare, ion.name, ion.valence - 1)
            )
            steps.append(Step(product, base, PROTON, valence, ion.pKa, _AT_C, 0.0, -(ion.pKa_kJ_per_mol or 0.0)))
    return _Steps(steps)


@cache
def known_acid_steps(user_ions: UserIons = ()) -> tuple[Step, ...]:
    """Return the protonation steps of all known ions, the user's included."""
    return acid_steps(known_ions(user_ions).values())


@cache
def form_of_charge(ion: Ion, valence: int) -> Ion | None:
    """Return the state of protonation of a substance that has a charge; None where none is known."""
    own = network(frozenset([ion]), known_acid_steps())
    names = [name for name, charge in zip(own.species, own.valence.tolist(), strict=True) if charge == valence]
    return {**FORMED, **IONS}.get(names[0]) if names else None


def binds_anions(ion: Ion) -> bool:
    """Return True for a metal, and for a univalent ion that forms complexes."""
    return ion.is_metal or ion.name in _COMPLEXED


def reacts(ions: Collection[Ion]) -> bool:
    """Return True where some ions form a weak complex or may form a solid, whatever the pH."""
    return _react(frozenset(ion.name for ion in ions), frozenset(ion.name for ion in ions if binds_anions(ion)))


@cache
def _react(names: frozenset[str], metals: frozenset[str]) -> bool:
    return any(step.base in names and step.partner in metals for step in _WEAK) or bool(solids.possible(names))


def binds(ions: Iterable[Ion], acids: tuple[Step, ...] | None) -> bool:
    """Return True where some ions form a complex with a metal; parameters as of `formed_in`."""
    return any(step.partner not in WATER_IONS for step in network(frozenset(ions), acids).steps)


def takes_protons(ions: Iterable[Ion], acids: tuple[Step, ...]) -> bool:
    """Return True where some ions have more than one state of protonation; parameters as of `formed_in`."""
    own = (network(frozenset([ion]), acids) for ion in ions)  # each alone: no metal without a constant is beside it
    return any(step.partner == PROTON for each in own for step in each.steps)


def precipitates_at_pH(ions: Collection[Ion], acids: tuple[Step, ...]) -> bool:
    """Return True where some ions that take protons may form a solid with a metal beside them, hydroxide included."""
    if not (any(binds_anions(ion) for ion in ions) and takes_protons(ions, acids)):
        return False
    own = (network(frozenset([ion]), acids).species for ion in ions)
    return bool(solids.possible({*WATER_IONS, *(name for names in own for name in names)}))


def strong_pH(amounts_mM: Mapping[Ion, float]) -> float:
    """Return about the pH, activity coefficients apart, of free acid or base that meets nothing; nan without either."""
    excess_M = sum(-ion.valence * c for ion, c in amounts_mM.items() if ion.name in WATER_IONS) / 1000  # of hydroxide
    if excess_M == 0:
        return math.nan
    return -math.log10(-excess_M) if excess_M < 0 else WATER.log_K + math.log10(excess_M)


def chelated(ions: Iterable[Ion], acids: tuple[Step, ...]) -> dict[tuple[str, str], bool]:
    """Return each pair of a chelator, in any state, and a metal among some ions: True where their constant is known."""
    ions, (root_of, pairs) = list(ions), _chelation(acids)
    chelators = [ion.name for ion in ions if ion.name in root_of]
    metals = [ion.name for ion in ions if binds_anions(ion)]
    return {(each, metal): (root_of[each], metal) in pairs for each in chelators for metal in metals}


@cache
def _chelation(acids: tuple[Step, ...]) -> tuple[dict[str, str], frozenset[tuple[str, str]]]:
    """Return the root of each form of a chelator without metal, and the roots and metals whose constant is known."""
    below = {step.product: step.base for step in (*acids, *_OF_CHELATORS) if step.partner == PROTON}
    roots = {_root(name, below) for name in CHELATORS}
    root_of = {name: _root(name, below) for name in (*roots, *below)}
    pairs = {(_root(step.base, below), step.partner) for step in COMPLEXES if step.partner != PROTON}
    return {name: root for name, root in root_of.items() if root in roots}, frozenset(pairs)


def formed_in(ions: Iterable[Ion], acids: tuple[Step, ...] | None) -> frozenset[str]:
    """Return the names of all species that some ions can form.

    Parameters
    ----------
    ions : iterable of Ion
        Those of the recipe.
    acids : tuple of Step or None
        From `acid_steps`; None without a pH.

    Raises
    ------
    NoConstant
        If no constant of a chelator with a metal beside it is known.
    """
    formed = frozenset(network(frozenset(ions), acids).species)
    return formed if acids is None else formed | {PROTON, HYDROXIDE}


def pKa(ions: Iterable[Ion], acids: tuple[Step, ...], temperature_C: float) -> tuple[float, ...]:
    """Return every pKa of some ions at a temperature and the ionic strength of its measurement, ascending."""
    steps = network(frozenset(ions), acids).steps
    return tuple(sorted(at_temperature(step, temperature_C) for step in steps if step.partner == PROTON))


@dataclass(frozen=True)
class Network:
    """Network of the species that some ions can form.

    Attributes
    ----------
    species : tuple of str
        Roots and metals come first: their amounts are conserved.
    conserved : int
        Number of roots and metals.
    content : ndarray, shape (species, conserved)
        Number of each root and metal in a species.
    protons, metals, valence : ndarray, shape (species,)
        Number of protons (-1 with a hydroxide), and of metals that are bound, and charge number.
    root_of : mapping
        Root of each ion of the recipe that is not a root or metal itself.
    steps : tuple of Step
    pairs : mapping
        Metal and anion of each complex of one of either, by its name.
    """

    species: tuple[str, ...]
    conserved: int
    content: FloatArray
    protons: FloatArray
    metals: FloatArray
    valence: FloatArray
    root_of: Mapping[str, str]
    steps: tuple[Step, ...]
    pairs: Mapping[str, tuple[str, str]]

    def ln_constants(self, temperature_C: float, strength_M: float) -> FloatArray:
        """Return ln of the overall formation constants from root, protons and metal, of concentrations in mol/l."""
        charge = dict(zip(self.species, self.valence.tolist(), strict=True)) | {PROTON: 1.0, HYDROXIDE: -1.0}
        ln_K = dict.fromkeys(self.species[: self.conserved], 0.0)
        exponent = float(davies_exponent(strength_M, temperature_C))
        log_water = at_temperature(WATER, temperature_C) - 2 * exponent
        for step in self.steps:
            squares = charge[step.base] ** 2 + charge[step.partner] ** 2 - charge[step.product] ** 2
            log_K = at_temperature(step, temperature_C) + (step.exponent - exponent) * squares
            log_K -= log_water if step.partner == HYDROXIDE else 0.0  # M + H2O = MOH + H
            ln_K[step.product] = ln_K[step.base] + math.log(10) * log_K
        return np.array([ln_K[name] for name in self.species])

    def ln_shifts(self, shift_log_K: float) -> FloatArray:
        """Return the shifts of the constants, where log K of every metal shifts, and an uncertain one by its own error.

        Parameters
        ----------
        shift_log_K : float
            Of each metal that is bound; the error of a step replaces it, with its sign, where that is larger.
        """
        bound = dict(zip(self.species, self.metals.tolist(), strict=True))
        shift = dict.fromkeys(self.species[: self.conserved], 0.0)
        for step in self.steps:
            size = math.copysign(max(abs(shift_log_K), step.se_log_K), shift_log_K)
            shift[step.product] = shift[step.base] + (bound[step.product] - bound[step.base]) * size
        return math.log(10) * np.array([shift[name] for name in self.species])


@cache
def network(ions: frozenset[Ion], acids: tuple[Step, ...] | None) -> Network:
    """Return the network of some ions; the parameters and the error are those of `formed_in`."""
    ions = frozenset(ion for ion in ions if ion.name not in WATER_IONS)  # a pH decides them, else they are free
    names = {ion.name for ion in ions}
    metals = sorted(ion.name for ion in ions if binds_anions(ion))
    known = _WEAK if acids is None else (*acids, *COMPLEXES)
    all_steps = sorted(known, key=lambda step: step.product)
    below = {step.product: step.base for step in all_steps if step.partner == PROTON}
    root_of = {name: _root(name, below) for name in sorted(names)}
    bases = {step.base: step.base_valence for step in all_steps if step.partner in (PROTON, *metals)}
    in_solids = {ion for solid in solids.possible(names | {step.product for step in all_steps}) for ion in solid.ions}
    roots = sorted({root for root in root_of.values() if root in bases or root in in_solids} - set(metals))
    parts: dict[str, tuple[str, ...]] = {name: (name,) for name in (*roots, *metals)}
    protons = dict.fromkeys(parts, 0)
    charges = {ion.name: ion.valence for ion in ions}
    valence = {root: bases[root] if root in bases else charges[root] for root in roots} | {
        metal: charges[metal] for metal in metals
    }
    used = []
    of_water = {PROTON: 1, HYDROXIDE: -1} if acids is not None else {PROTON: 1}
    waiting = list(parts)
    while waiting:
        base = waiting.pop(0)
        for step in all_steps:
            if step.base == base and step.partner in (*of_water, *metals, *roots):
                own = of_water.get(step.partner, 0)
                parts[step.product] = parts[base] if own else (*parts[base], step.partner)
                protons[step.product] = protons[base] + own
                valence[step.product] = valence[base] + (own or valence[step.partner])
                used.append(step)
                waiting.append(step.product)
    _check_constants(roots, [name for name in metals if name not in _COMPLEXED], all_steps, below)
    content = [[own.count(name) for name in (*roots, *metals)] for own in parts.values()]
    return Network(
        species=tuple(parts),
        conserved=len(roots) + len(metals),
        content=np.array(content, dtype=np.float64).reshape(len(parts), len(roots) + len(metals)),
        protons=np.array([protons[name] for name in parts], dtype=np.float64),
        metals=np.array([sum(map(metals.__contains__, own)) * (len(own) > 1) for own in parts.values()], dtype=float),
        valence=np.array([valence[name] for name in parts], dtype=np.float64),
        root_of={name: root for name, root in root_of.items() if root in roots},
        steps=tuple(used),
        pairs={s.product: (s.partner, s.base) for s in used if s.partner in metals},
    )


def _root(name: str, below: Mapping[str, str]) -> str:
    """Return the form of a substance that has lost all its protons."""
    while name in below:
        name = below[name]
    return name


def _check_constants(
    roots: Sequence[str], metals: Sequence[str], steps: Iterable[Step], below: Mapping[str, str]
) -> None:
    """Check that the constant of every chelator with every metal beside it is known."""
    pairs = {(_root(step.base, below), step.partner) for step in steps if step.partner != PROTON}
    chelators = {_root(name, below) for name in CHELATORS}
    for root in roots:
        for metal in metals:
            if root in chelators and (root, metal) not in pairs:
                raise NoConstant(root, metal)


def at_temperature(step: Step, temperature_C: float) -> float:
    """Return log K at a temperature, at the ionic strength of its measurement."""
    return log_K_at(temperature_C, step.log_K, step.temperature_C, step.kJ_per_mol)
