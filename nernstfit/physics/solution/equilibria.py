"""What becomes of acids, bases, chelators and metals in a solution of known pH.

Every substance that binds protons or metals is made of one *root*, its form without either (`EGTA4`, `PO4`,
`HEPES`, the free base of `Tris`). Each species is reached from its root by steps

    base + partner <-> product,    K = [product] / ([base] [partner]),

the partner being H or a metal. A constant is carried from the temperature and ionic strength at which it was
measured to those of the solution, by its enthalpy (van 't Hoff) and by Davies' activity coefficients. The pH, an
activity, fixes the free protons; amounts of roots and metals are conserved; what is left is one equation for each
root and each metal, solved together. The pKa are those of ions.csv, the constants of chelators those of
complexes.csv, both with their sources.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.constants import GAS_CONSTANT_J_PER_MOL_K, ZERO_CELSIUS_K
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.ions import IONS, Ion

FloatArray = NDArray[np.float64]

_PROTON, _HYDROXIDE = "H", "OH"
_WATER_PK, _WATER_KJ_PER_MOL = 13.995, 55.84
"""Ion product of water at 25 C and infinite dilution, Marshall & Franck 1981 (J Phys Chem Ref Data 10:295); enthalpy:
Goldberg, Kishore & Lennen 2002 (J Phys Chem Ref Data 31:231)."""
_AT_C = 25.0  # temperature of the pKa of ions.csv, at infinite dilution
_MAX_ROUNDS = 200
_SETTLED = 1e-13
_SOLVED = 1e-9
_LONGEST, _MIN_DAMPING = 4.0, 1e-13


@dataclass(frozen=True)
class Step:
    """One binding step, base + partner = product.

    Attributes
    ----------
    product, base, partner : str
    base_valence : int
    log_K : float
        Of concentrations in mol/l, at `temperature_C` and `ionic_strength_M`.
    kJ_per_mol : float
        Enthalpy of the binding; 0 where none is known.
    """

    product: str
    base: str
    partner: str
    base_valence: int
    log_K: float
    temperature_C: float
    ionic_strength_M: float
    kJ_per_mol: float


class NoConstant(ValueError):
    """A chelator and a metal in one solution, and no constant for the two."""

    def __init__(self, ligand: str, metal: str) -> None:
        super().__init__(f"no stability constant of {ligand} with {metal} is known")


class WrongTitrant(ValueError):
    """The titrant has the charge that the solution has too much of."""

    def __init__(self, excess_meq_per_l: float) -> None:
        super().__init__(f"the charge to be balanced is {excess_meq_per_l:+.3g} meq/l, of the titrant's own sign")
        self.excess_meq_per_l = excess_meq_per_l


@dataclass(frozen=True)
class Speciation:
    """What a solution holds at its pH.

    Attributes
    ----------
    amounts_mM : mapping
        Free concentration of every ion, by name.
    total_mM : mapping
        Of every ion but water's own: all of its substance that was put in, the titrant with it; of a complex, all of
        its chelator.
    uncharged_mM : float
        Sum of the forms without charge (HEPES as zwitterion, CO2, free bases ...).
    titrant_mM : float
        What of the titrant makes the solution neutral at its pH; 0 without one.
    bound : mapping
        Share of each metal, and of each chelator, that is bound to the other kind.
    """

    amounts_mM: Mapping[str, float]
    total_mM: Mapping[str, float]
    uncharged_mM: float
    titrant_mM: float
    bound: Mapping[str, float]


_WATER = Step("H2O", "OH", _PROTON, -1, _WATER_PK, _AT_C, 0.0, -_WATER_KJ_PER_MOL)


def _read() -> tuple[tuple[Step, ...], dict[str, Ion]]:
    text = files(__package__).joinpath("complexes.csv").read_text(encoding="utf-8")
    steps, formed = [], {}
    for row in csv.DictReader(text.splitlines()):
        name, partner, valence = row["product"], row["partner"], int(row["valence"])
        numbers = (float(row[key] or 0) for key in ("log_K", "temperature_C", "ionic_strength_M", "kJ_per_mol"))
        steps.append(Step(name, row["base"], partner, valence - IONS[partner].valence, *numbers))
        if name not in IONS and valence != 0:
            alike = IONS[row["moves_like"]]
            formed[name] = Ion(name, valence, alike.mobility, 10.0, f"mobility: taken over from {alike.name}")
    return tuple(steps), formed


COMPLEXES, _FORMED = _read()
"""Steps of complexes.csv, and below the ions that they lead to."""

FORMED: Mapping[str, Ion] = MappingProxyType(_FORMED)
"""Ions that no recipe names, which form in a solution: complexes and partly protonated chelators."""


def acid_steps(known: Iterable[Ion]) -> tuple[Step, ...]:
    """Protonation of the acids and bases of a species table, in the order of the ions' names.

    Parameters
    ----------
    known : iterable of Ion
        Those without a pKa take no part.
    """
    steps = []
    for ion in sorted(known, key=lambda ion: ion.name):
        if ion.pKa is not None:
            bare = f"{ion.name} without its charge"
            base, product, valence = (
                (ion.name, ion.acid or bare, ion.valence) if ion.valence < 0 else (bare, ion.name, ion.valence - 1)
            )
            steps.append(Step(product, base, _PROTON, valence, ion.pKa, _AT_C, 0.0, -(ion.pKa_kJ_per_mol or 0.0)))
    return tuple(steps)


def formed_in(ions: Iterable[Ion], acids: tuple[Step, ...]) -> frozenset[str]:
    """Names of all species that a solution of known pH may hold because it holds some ions.

    Parameters
    ----------
    ions : iterable of Ion
        Of the recipe.
    acids : tuple of Step
        From `acid_steps`.

    Raises
    ------
    NoConstant
        If a chelator meets a metal and no constant of the two is known.
    """
    return frozenset(_network(frozenset(ions), acids).species) | {_PROTON, _HYDROXIDE}


def pKa(ions: Iterable[Ion], acids: tuple[Step, ...], temperature_C: float) -> tuple[float, ...]:
    """pKa of everything among some ions that takes up protons, at a temperature, as measured else; ascending."""
    steps = _network(frozenset(ions), acids).steps
    return tuple(sorted(_at_temperature(step, temperature_C) for step in steps if step.partner == _PROTON))


@dataclass(frozen=True)
class _Network:
    """Species that some ions can form.

    Attributes
    ----------
    species : tuple of str
        Of these the first are the roots and metals, of which amounts are conserved.
    conserved : int
        How many.
    content : ndarray, shape (species, conserved)
        How many of each a species holds.
    protons, valence : ndarray, shape (species,)
    root_of : mapping
        Root of each ion of the recipe that is not a root or metal itself.
    steps : tuple of Step
    """

    species: tuple[str, ...]
    conserved: int
    content: FloatArray
    protons: FloatArray
    valence: FloatArray
    root_of: Mapping[str, str]
    steps: tuple[Step, ...]

    def ln_constants(self, temperature_C: float, strength_M: float) -> FloatArray:
        """Ln of the overall constants of formation from root, protons and metal, of concentrations in mol/l."""
        charge = dict(zip(self.species, self.valence.tolist(), strict=True)) | {_PROTON: 1.0}
        ln_K = dict.fromkeys(self.species[: self.conserved], 0.0)
        here = float(davies_exponent(strength_M, temperature_C))
        for step in self.steps:
            squares = charge[step.base] ** 2 + charge[step.partner] ** 2 - charge[step.product] ** 2
            there = float(davies_exponent(step.ionic_strength_M, step.temperature_C))
            log_K = _at_temperature(step, temperature_C) + (there - here) * squares
            ln_K[step.product] = ln_K[step.base] + math.log(10) * log_K
        return np.array([ln_K[name] for name in self.species])


@cache
def _network(ions: frozenset[Ion], acids: tuple[Step, ...]) -> _Network:
    names = {ion.name for ion in ions}
    metals = sorted(ion.name for ion in ions if ion.valence > 1)
    all_steps = sorted((*acids, *COMPLEXES), key=lambda step: step.product)
    below = {step.product: step.base for step in all_steps if step.partner == _PROTON}
    root_of = {name: _root(name, below) for name in sorted(names)}
    bases = {step.base: step.base_valence for step in all_steps}
    roots = sorted({root for root in root_of.values() if root in bases} - set(metals))
    parts: dict[str, tuple[str, ...]] = {name: (name,) for name in (*roots, *metals)}
    protons = dict.fromkeys(parts, 0)
    charges = {ion.name: ion.valence for ion in ions}
    valence = {root: bases[root] for root in roots} | {metal: charges[metal] for metal in metals}
    used = []
    waiting = list(roots)
    while waiting:
        base = waiting.pop(0)
        for step in all_steps:
            if step.base == base and step.partner in (_PROTON, *metals):
                free = step.partner == _PROTON
                parts[step.product] = parts[base] if free else (*parts[base], step.partner)
                protons[step.product] = protons[base] + free
                valence[step.product] = valence[base] + (1 if free else valence[step.partner])
                used.append(step)
                waiting.append(step.product)
    _all_known(roots, metals, all_steps, below)
    content = [[own.count(name) for name in (*roots, *metals)] for own in parts.values()]
    return _Network(
        species=tuple(parts),
        conserved=len(roots) + len(metals),
        content=np.array(content, dtype=np.float64).reshape(len(parts), len(roots) + len(metals)),
        protons=np.array([protons[name] for name in parts], dtype=np.float64),
        valence=np.array([valence[name] for name in parts], dtype=np.float64),
        root_of={name: root for name, root in root_of.items() if root in roots},
        steps=tuple(used),
    )


def _root(name: str, below: Mapping[str, str]) -> str:
    """The form of a substance that has lost all its protons."""
    while name in below:
        name = below[name]
    return name


def _all_known(roots: Sequence[str], metals: Sequence[str], steps: Iterable[Step], below: Mapping[str, str]) -> None:
    """Hold that every chelator has a constant with every metal beside it."""
    pairs = {(_root(step.base, below), step.partner) for step in steps if step.partner != _PROTON}
    chelators = {ligand for ligand, _ in pairs}
    for root in roots:
        for metal in metals:
            if root in chelators and (root, metal) not in pairs:
                raise NoConstant(root, metal)


def speciate(
    amounts_mM: Mapping[Ion, float],
    acids: tuple[Step, ...],
    pH: float,
    temperature_C: float,
    titrant: Ion | None = None,
) -> Speciation:
    """Find what a solution holds at its pH.

    Parameters
    ----------
    amounts_mM : mapping of Ion to float
        What was put in, in whatever state of protonation; protons and hydroxide do not count, as the pH tells them.
    acids : tuple of Step
        From `acid_steps`.
    pH : float
        -log10 of the activity of protons, at the temperature.
    temperature_C : float
    titrant : Ion, optional
        What was added, as base with OH or as acid with H, until the pH was reached: as much as makes the solution
        neutral.

    Returns
    -------
    Speciation

    Raises
    ------
    NoConstant
        If a chelator meets a metal and no constant of the two is known.
    WrongTitrant
        If the titrant has the charge that the solution has too much of already.
    """
    given = {ion: amount for ion, amount in amounts_mM.items() if amount > 0 and ion.name not in (_PROTON, _HYDROXIDE)}
    network = _network(frozenset(given) | ({titrant} - {None}), acids)
    solved = _Solution(given, network, pH, temperature_C, titrant)
    solved.settle()
    return solved.result()


class _Solution:
    """One solution on its way to the ionic strength that its own species make."""

    def __init__(
        self, given: Mapping[Ion, float], network: _Network, pH: float, temperature_C: float, titrant: Ion | None
    ) -> None:
        self._network, self._pH, self._temperature_C, self._titrant = network, pH, temperature_C, titrant
        self._place = {name: i for i, name in enumerate(network.species[: network.conserved])}
        self._total = np.zeros(network.conserved)
        self._apart: dict[Ion, float] = {}  # ions that bind nothing
        for ion, amount in given.items():
            self._put(ion, amount / 1000)
        self._titrant_M = 0.0
        self._ln_free = np.log(np.maximum(self._total, 1e-30))
        self._species = np.zeros(len(network.species))

    def _put(self, ion: Ion, amount_M: float) -> None:
        name = self._network.root_of.get(ion.name, ion.name)
        if name in self._place:
            self._total[self._place[name]] += amount_M
        else:
            self._apart[ion] = self._apart.get(ion, 0.0) + amount_M

    def settle(self) -> None:
        """Repeat at the ionic strength that comes out, until it stands."""
        strength = 0.1
        for _ in range(_MAX_ROUNDS):
            before, self._strength = strength, strength
            self._equilibrate()
            self._titrate()
            strength = self._ionic_strength()
            if abs(strength - before) <= _SETTLED * strength:
                return
        raise ArithmeticError(f"the ionic strength did not settle: {before:g}, then {strength:g} mol/l")

    def _proton_M(self) -> float:
        return float(10 ** (self._exponent() - self._pH))

    def _hydroxide_M(self) -> float:
        return float(10 ** (self._exponent() + self._pH - _at_temperature(_WATER, self._temperature_C)))

    def _exponent(self) -> float:
        """-log10 of the activity coefficient of a proton or hydroxide."""
        return float(davies_exponent(self._strength, self._temperature_C))

    def _equilibrate(self) -> None:
        """Share roots and metals out among their species."""
        there = np.flatnonzero(self._total > 0)
        ln_K = self._network.ln_constants(self._temperature_C, self._strength)
        self._ln_K = ln_K = ln_K + self._network.protons * math.log(self._proton_M())
        absent = self._network.content[:, self._total <= 0].any(axis=1)
        content = self._network.content[:, there]
        self._species = np.zeros(len(ln_K))
        if there.size:
            ln_free = _conserve(ln_K[~absent], content[~absent], self._total[there], self._ln_free[there])
            self._ln_free[there] = ln_free
            self._species[~absent] = np.exp(ln_K[~absent] + content[~absent] @ ln_free)

    def _titrate(self) -> None:
        """Add as much of the titrant as makes the solution neutral."""
        if self._titrant is None:
            return
        charge = self._charge()
        root = self._network.root_of.get(self._titrant.name, self._titrant.name)
        own = float(self._titrant.valence)
        if root in self._place:
            own = self._mean_charge(self._place[root])
        change = -charge / own
        if self._titrant_M + change < 0:
            raise WrongTitrant(1000 * (charge - self._titrant_M * own))
        self._titrant_M += change
        self._put(self._titrant, change)

    def _mean_charge(self, place: int) -> float:
        """Charge that one more mole of a root brings at this pH."""
        alone = self._network.content.sum(axis=1) == self._network.content[:, place]
        weight = np.where(alone, np.exp(self._ln_K), 0.0)
        return float(weight @ self._network.valence / weight.sum())

    def _charge(self) -> float:
        apart = sum(ion.valence * amount for ion, amount in self._apart.items())
        water = self._proton_M() - self._hydroxide_M()
        return float(self._species @ self._network.valence) + apart + water

    def _ionic_strength(self) -> float:
        apart = sum(ion.valence**2 * amount for ion, amount in self._apart.items())
        water = self._proton_M() + self._hydroxide_M()
        return (float(self._species @ self._network.valence**2) + apart + water) / 2

    def result(self) -> Speciation:
        """What stands now, in mM."""
        amounts = {ion.name: 1000 * amount for ion, amount in self._apart.items()}
        total = dict(amounts)
        amounts |= {_PROTON: 1000 * self._proton_M(), _HYDROXIDE: 1000 * self._hydroxide_M()}
        first = [int(row.argmax()) for row in self._network.content]  # the root stands before the metals
        charged = self._network.valence != 0
        for name, amount, counts in zip(self._network.species, self._species.tolist(), charged.tolist(), strict=True):
            if counts and amount > 0:
                amounts[name] = 1000 * amount
        total |= {name: 1000 * float(self._total[i]) for name, i in zip(self._network.species, first, strict=True)}
        uncharged = 1000 * float(self._species[~charged].sum())
        several = self._network.content.sum(axis=1) > 1
        with np.errstate(invalid="ignore"):
            share = (self._species * several) @ self._network.content / self._total
        bound = {name: float(share[i]) for name, i in self._place.items() if self._total[i] > 0}
        return Speciation(amounts, total, uncharged, 1000 * self._titrant_M, bound)


def _conserve(ln_K: FloatArray, content: FloatArray, total: FloatArray, start: FloatArray) -> FloatArray:
    """Find the ln free amounts of which all species sum up to the totals; shapes (species,), (species, n), (n,)."""

    def sums(ln_free: FloatArray) -> tuple[FloatArray, FloatArray]:
        amounts = np.exp(ln_K + content @ ln_free)
        return amounts, amounts @ content

    # Newton's method on the logs of the sums; where a step leads no nearer, or the slopes are singular because one
    # complex holds nearly all of its parts, it is held back by Levenberg's damping.
    ln_free, damping, identity = start, _MIN_DAMPING, np.eye(len(start))
    amounts, summed = sums(ln_free)
    off = np.log(summed / total)
    for _ in range(_MAX_ROUNDS):
        if np.abs(off).max() < _SETTLED or damping > 1:
            break
        slopes = (content.T * amounts) @ content / summed[:, None]
        step = np.linalg.solve(slopes + damping * identity, -off)
        step *= min(1.0, _LONGEST / float(np.abs(step).max()))
        reached = sums(ln_free + step)
        nearer = np.log(reached[1] / total)
        if np.abs(nearer).max() < np.abs(off).max():
            ln_free, off, (amounts, summed) = ln_free + step, nearer, reached
            damping = max(damping / 100, _MIN_DAMPING)
        else:
            damping *= 10
    if not np.abs(off).max() < _SOLVED:
        worst = float(np.abs(off).max())
        raise ArithmeticError(
            f"the equilibria of a solution were not solved: an amount is off by {worst:.1e} of itself"
        )
    return ln_free


def _at_temperature(step: Step, temperature_C: float) -> float:
    """Log K at a temperature, at the ionic strength where it was measured."""
    warmth = 1 / (temperature_C + ZERO_CELSIUS_K) - 1 / (step.temperature_C + ZERO_CELSIUS_K)
    return step.log_K - 1000 * step.kJ_per_mol * warmth / (math.log(10) * GAS_CONSTANT_J_PER_MOL_K)
