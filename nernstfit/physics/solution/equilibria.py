"""Binding equilibria of acids, bases, chelators and metals in a solution of known pH.

Every substance that binds protons or metals has one *root*, its form without either (`EGTA4`, `PO4`, `HEPES`, the
free base of `Tris`). Each species forms from its root by steps

    base + partner <-> product,    K = [product] / ([base] [partner]),

with H or a metal as partner. A constant is converted from the temperature and ionic strength at which it was
measured to those of the solution, by its enthalpy (van 't Hoff) and by Davies' activity coefficients. The pH, an
activity, fixes the free protons; amounts of roots and metals are conserved: one equation for each root and each
metal, solved together. The pKa are those of ions.csv, the constants of chelators those of
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
# Iterations of the ionic strength, and of Newton's method within each, before an error. The solutions of the tests need
# up to 11 and 19; half would do for them, double only delays the error.
_MAX_ITERATIONS = 200
# Relative change at which the ionic strength, and error at which the amounts, have converged: some 100 roundings. At
# half, rounding can prevent it; at double, a titrant changes by less than 1e-12 of itself.
_CONVERGED = 1e-13
# Relative error of an amount that is accepted where rounding prevents convergence. At half or double only the error
# message of an ill-conditioned solution changes.
_MAX_ERROR = 1e-9
# Longest Newton step in ln(free amount), a factor of 55. At half the first steps from the totals take twice as many; at
# double, a step can leave the range in which the slopes mean something, and damping takes over.
_MAX_LN_STEP = 4.0
# Damping of a step that needs none. Half or double is far below rounding of the steps.
_MIN_DAMPING = 1e-13


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
    """Fault of a solution with a chelator and a metal of which no constant is known."""

    def __init__(self, ligand: str, metal: str) -> None:
        super().__init__(f"no stability constant of {ligand} with {metal} is known")


class WrongTitrant(ValueError):
    """Fault of a titrant whose ion has the sign of the charge in excess."""

    def __init__(self, excess_meq_per_l: float) -> None:
        super().__init__(f"the charge to be balanced is {excess_meq_per_l:+.3g} meq/l, of the titrant's own sign")
        self.excess_meq_per_l = excess_meq_per_l


@dataclass(frozen=True)
class Speciation:
    """Composition of a solution at its pH.

    Attributes
    ----------
    amounts_mM : mapping
        Free concentration of every ion, by name.
    total_mM : mapping
        Total concentration of the substance of every ion except those of water, titrant included; of a complex, that
        of its chelator.
    uncharged_mM : float
        Sum of the forms without charge (HEPES as zwitterion, CO2, free bases ...).
    titrant_mM : float
        Titrant that makes the solution neutral at its pH; 0 without one.
    bound : mapping
        Fraction of each metal, and of each chelator, that is bound to the other kind.
    """

    amounts_mM: Mapping[str, float]
    total_mM: Mapping[str, float]
    uncharged_mM: float
    titrant_mM: float
    bound: Mapping[str, float]


_WATER = Step("H2O", "OH", _PROTON, -1, _WATER_PK, _AT_C, 0.0, -_WATER_KJ_PER_MOL)


def _read_complexes() -> tuple[tuple[Step, ...], dict[str, Ion]]:
    text = files(__package__).joinpath("complexes.csv").read_text(encoding="utf-8")
    steps, formed = [], {}
    for row in csv.DictReader(text.splitlines()):
        name, partner, valence = row["product"], row["partner"], int(row["valence"])
        numbers = (float(row[key] or 0) for key in ("log_K", "temperature_C", "ionic_strength_M", "kJ_per_mol"))
        steps.append(Step(name, row["base"], partner, valence - IONS[partner].valence, *numbers))
        if name not in IONS and valence != 0:
            analogue = IONS[row["moves_like"]]
            formed[name] = Ion(name, valence, analogue.mobility, 10.0, f"mobility: that of {analogue.name}")
    return tuple(steps), formed


COMPLEXES, _FORMED = _read_complexes()
"""Steps of complexes.csv; below, the ions that they form."""

FORMED: Mapping[str, Ion] = MappingProxyType(_FORMED)
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
            steps.append(Step(product, base, _PROTON, valence, ion.pKa, _AT_C, 0.0, -(ion.pKa_kJ_per_mol or 0.0)))
    return tuple(steps)


def formed_in(ions: Iterable[Ion], acids: tuple[Step, ...]) -> frozenset[str]:
    """Return the names of all species that some ions can form in a solution of known pH.

    Parameters
    ----------
    ions : iterable of Ion
        Those of the recipe.
    acids : tuple of Step
        From `acid_steps`.

    Raises
    ------
    NoConstant
        If no constant of a chelator with a metal beside it is known.
    """
    return frozenset(_network(frozenset(ions), acids).species) | {_PROTON, _HYDROXIDE}


def pKa(ions: Iterable[Ion], acids: tuple[Step, ...], temperature_C: float) -> tuple[float, ...]:
    """Return every pKa of some ions at a temperature and the ionic strength of its measurement, ascending."""
    steps = _network(frozenset(ions), acids).steps
    return tuple(sorted(_at_temperature(step, temperature_C) for step in steps if step.partner == _PROTON))


@dataclass(frozen=True)
class _Network:
    """Network of the species that some ions can form.

    Attributes
    ----------
    species : tuple of str
        Roots and metals come first: their amounts are conserved.
    conserved : int
        Number of roots and metals.
    content : ndarray, shape (species, conserved)
        Number of each root and metal in a species.
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
        """Return ln of the overall formation constants from root, protons and metal, of concentrations in mol/l."""
        charge = dict(zip(self.species, self.valence.tolist(), strict=True)) | {_PROTON: 1.0}
        ln_K = dict.fromkeys(self.species[: self.conserved], 0.0)
        exponent = float(davies_exponent(strength_M, temperature_C))
        for step in self.steps:
            squares = charge[step.base] ** 2 + charge[step.partner] ** 2 - charge[step.product] ** 2
            measured_at = float(davies_exponent(step.ionic_strength_M, step.temperature_C))
            log_K = _at_temperature(step, temperature_C) + (measured_at - exponent) * squares
            ln_K[step.product] = ln_K[step.base] + math.log(10) * log_K
        return np.array([ln_K[name] for name in self.species])


@cache
def _network(ions: frozenset[Ion], acids: tuple[Step, ...]) -> _Network:
    names = {ion.name for ion in ions}
    metals = sorted(ion.name for ion in ions if ion.is_metal)
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
    _check_constants(roots, metals, all_steps, below)
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
    """Return the form of a substance that has lost all its protons."""
    while name in below:
        name = below[name]
    return name


def _check_constants(
    roots: Sequence[str], metals: Sequence[str], steps: Iterable[Step], below: Mapping[str, str]
) -> None:
    """Check that the constant of every chelator with every metal beside it is known."""
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
    """Calculate the composition of a solution at its pH.

    Parameters
    ----------
    amounts_mM : mapping of Ion to float
        Amounts of the recipe, in any state of protonation; protons and hydroxide are ignored, as the pH determines
        them.
    acids : tuple of Step
        From `acid_steps`.
    pH : float
        -log10 of the activity of protons, at the temperature.
    temperature_C : float
    titrant : Ion, optional
        Ion of the base (with OH) or acid (with H) that was added until the pH was reached: as much as makes the
        solution neutral.

    Returns
    -------
    Speciation

    Raises
    ------
    NoConstant
        If no constant of a chelator with a metal beside it is known.
    WrongTitrant
        If the titrant has the sign of the charge in excess.
    """
    given = {ion: amount for ion, amount in amounts_mM.items() if amount > 0 and ion.name not in (_PROTON, _HYDROXIDE)}
    network = _network(frozenset(given) | ({titrant} - {None}), acids)
    solved = _Solution(given, network, pH, temperature_C, titrant)
    solved.iterate()
    return solved.result()


class _Solution:
    """Iteration of one solution to the ionic strength of its own species."""

    def __init__(
        self, given: Mapping[Ion, float], network: _Network, pH: float, temperature_C: float, titrant: Ion | None
    ) -> None:
        self._network, self._pH, self._temperature_C, self._titrant = network, pH, temperature_C, titrant
        self._place = {name: i for i, name in enumerate(network.species[: network.conserved])}
        self._total = np.zeros(network.conserved)
        self._unbound: dict[Ion, float] = {}  # ions that bind nothing
        for ion, amount in given.items():
            self._add(ion, amount / 1000)
        self._titrant_M = 0.0
        self._ln_free = np.log(np.maximum(self._total, 1e-30))
        self._species = np.zeros(len(network.species))

    def _add(self, ion: Ion, amount_M: float) -> None:
        name = self._network.root_of.get(ion.name, ion.name)
        if name in self._place:
            self._total[self._place[name]] += amount_M
        else:
            self._unbound[ion] = self._unbound.get(ion, 0.0) + amount_M

    def iterate(self) -> None:
        """Repeat at the resulting ionic strength until it converges."""
        strength = 0.1
        for _ in range(_MAX_ITERATIONS):
            before, self._strength = strength, strength
            self._equilibrate()
            self._titrate()
            strength = self._ionic_strength()
            if abs(strength - before) <= _CONVERGED * strength:
                return
        raise ArithmeticError(f"the ionic strength did not converge: {before:g}, then {strength:g} mol/l")

    def _proton_M(self) -> float:
        return float(10 ** (self._exponent() - self._pH))

    def _hydroxide_M(self) -> float:
        return float(10 ** (self._exponent() + self._pH - _at_temperature(_WATER, self._temperature_C)))

    def _exponent(self) -> float:
        """Return -log10 of the activity coefficient of a proton or hydroxide."""
        return float(davies_exponent(self._strength, self._temperature_C))

    def _equilibrate(self) -> None:
        """Distribute roots and metals among their species."""
        present = np.flatnonzero(self._total > 0)
        ln_K = self._network.ln_constants(self._temperature_C, self._strength)
        self._ln_K = ln_K = ln_K + self._network.protons * math.log(self._proton_M())
        absent = self._network.content[:, self._total <= 0].any(axis=1)
        content = self._network.content[:, present]
        self._species = np.zeros(len(ln_K))
        if present.size:
            ln_free = _conserve(ln_K[~absent], content[~absent], self._total[present], self._ln_free[present])
            self._ln_free[present] = ln_free
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
        self._add(self._titrant, change)

    def _mean_charge(self, place: int) -> float:
        """Return the charge per mole of a root at this pH."""
        alone = self._network.content.sum(axis=1) == self._network.content[:, place]
        weight = np.where(alone, np.exp(self._ln_K), 0.0)
        return float(weight @ self._network.valence / weight.sum())

    def _charge(self) -> float:
        unbound = sum(ion.valence * amount for ion, amount in self._unbound.items())
        water = self._proton_M() - self._hydroxide_M()
        return float(self._species @ self._network.valence) + unbound + water

    def _ionic_strength(self) -> float:
        unbound = sum(ion.valence**2 * amount for ion, amount in self._unbound.items())
        water = self._proton_M() + self._hydroxide_M()
        return (float(self._species @ self._network.valence**2) + unbound + water) / 2

    def result(self) -> Speciation:
        """Return the present composition, in mM."""
        amounts = {ion.name: 1000 * amount for ion, amount in self._unbound.items()}
        total = dict(amounts)
        amounts |= {_PROTON: 1000 * self._proton_M(), _HYDROXIDE: 1000 * self._hydroxide_M()}
        first = [int(row.argmax()) for row in self._network.content]  # the root comes before the metals
        charged = self._network.valence != 0
        for name, amount, is_charged in zip(
            self._network.species, self._species.tolist(), charged.tolist(), strict=True
        ):
            if is_charged and amount > 0:
                amounts[name] = 1000 * amount
        total |= {name: 1000 * float(self._total[i]) for name, i in zip(self._network.species, first, strict=True)}
        uncharged = 1000 * float(self._species[~charged].sum())
        several = self._network.content.sum(axis=1) > 1
        with np.errstate(invalid="ignore"):
            share = (self._species * several) @ self._network.content / self._total
        bound = {name: float(share[i]) for name, i in self._place.items() if self._total[i] > 0}
        return Speciation(amounts, total, uncharged, 1000 * self._titrant_M, bound)


def _conserve(ln_K: FloatArray, content: FloatArray, total: FloatArray, start: FloatArray) -> FloatArray:
    """Return the ln free amounts at which the species add up to the totals; shapes (species,), (species, n), (n,)."""

    def sums(ln_free: FloatArray) -> tuple[FloatArray, FloatArray]:
        amounts = np.exp(ln_K + content @ ln_free)
        return amounts, amounts @ content

    # Newton's method on the logarithms of the sums; where a step reduces no error, or the slopes are singular because
    # one complex binds nearly all of its parts, Levenberg's damping shortens it.
    ln_free, damping, identity = start, _MIN_DAMPING, np.eye(len(start))
    amounts, summed = sums(ln_free)
    error = np.log(summed / total)
    for _ in range(_MAX_ITERATIONS):
        if np.abs(error).max() < _CONVERGED or damping > 1:
            break
        slopes = (content.T * amounts) @ content / summed[:, None]
        step = np.linalg.solve(slopes + damping * identity, -error)
        step *= min(1.0, _MAX_LN_STEP / float(np.abs(step).max()))
        reached = sums(ln_free + step)
        reduced = np.log(reached[1] / total)
        if np.abs(reduced).max() < np.abs(error).max():
            ln_free, error, (amounts, summed) = ln_free + step, reduced, reached
            damping = max(damping / 100, _MIN_DAMPING)
        else:
            damping *= 10
    if not np.abs(error).max() < _MAX_ERROR:
        worst = float(np.abs(error).max())
        raise ArithmeticError(f"the equilibria of a solution did not converge: relative error of an amount {worst:.1e}")
    return ln_free


def _at_temperature(step: Step, temperature_C: float) -> float:
    """Return log K at a temperature, at the ionic strength of its measurement."""
    inverse_K = 1 / (temperature_C + ZERO_CELSIUS_K) - 1 / (step.temperature_C + ZERO_CELSIUS_K)
    return step.log_K - 1000 * step.kJ_per_mol * inverse_K / (math.log(10) * GAS_CONSTANT_J_PER_MOL_K)
