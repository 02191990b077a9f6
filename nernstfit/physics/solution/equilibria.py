"""Composition of a solution at its pH, with complexes and solids.

The pH, an activity, fixes the free protons; amounts of roots and metals are conserved: one equation for each root and
each metal, solved together (see `reactions` for these and the constants). What exceeds a solubility product is a solid
(see `solids`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution import solids
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.conservation import (
    CONVERGED,
    MAX_ERROR,
    MAX_ITERATIONS,
    SATURATED,
    conserve,
    conserve_beside,
)
from nernstfit.physics.solution.ions import IONS, Ion
from nernstfit.physics.solution.reactions import (
    BICARBONATE,
    CARBONATES,
    HYDROXIDE,
    PROTON,
    WATER,
    WATER_IONS,
    Network,
    Step,
    at_temperature,
    network,
)

FloatArray = NDArray[np.float64]

# Iterations of the ionic strength after which, and after as many again, its steps are halved: many charges in strong
# solutions make it oscillate. At half, slow convergence is slowed; at double, fewer halvings are left.
_UNDAMPED = 40
# Ionic strength in mol/l that no solution has: a strong base dissolves a gas without limit. At half or double the same
# solutions fail, a step earlier or later; from 2,000 on Davies' coefficients are beyond a number.
_MAX_STRENGTH_M = 500.0
# Part of a solid in another that is rounding. Half or double changes nothing: real ones are ratios of small integers.
_NONE_OF_IT = 1e-9
_LN_10 = math.log(10)


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
    neutral_mM : mapping
        Amount of each form without charge (HEPES as zwitterion, CO2, free bases ...), by name.
    titrant_mM : float
        Titrant that makes the solution neutral at its pH; 0 without one.
    bound : mapping
        Fraction of each metal, and of each ligand, that is bound to the other kind; only those that bind.
    solid_mM : mapping
        Amount of each solid, in formula units; `total_mM` includes it.
    saturation : mapping
        Saturation index of each of them in the solution before anything precipitates, and of each solid of which the
        solution stays clear although it is supersaturated.
    pair_mM : mapping
        Amount of each complex of one metal and one anion, by the names of both and its own; a part of `amounts_mM` or,
        without charge, of `neutral_mM`.
    charge_meq_per_l : float
        Sum of all charges.
    """

    amounts_mM: Mapping[str, float]
    total_mM: Mapping[str, float]
    neutral_mM: Mapping[str, float]
    titrant_mM: float
    bound: Mapping[str, float]
    solid_mM: Mapping[str, float]
    saturation: Mapping[str, float]
    pair_mM: Mapping[tuple[str, str, str], float]
    charge_meq_per_l: float

    @property
    def uncharged_mM(self) -> float:
        """Return the sum of the forms without charge."""
        return sum(self.neutral_mM.values())


def speciate(
    amounts_mM: Mapping[Ion, float],
    acids: tuple[Step, ...],
    pH: float,
    temperature_C: float,
    titrant: Ion | None = None,
    shift_log_K: float = 0.0,
) -> Speciation:
    """Calculate the composition of a solution at its pH, or as its recipe is written.

    Parameters
    ----------
    amounts_mM : mapping of Ion to float
        Amounts of the recipe, in any state of protonation; beside a pH, protons and hydroxide are ignored, as it
        determines them.
    acids : tuple of Step
        From `acid_steps`.
    pH : float
        -log10 of the activity of protons, at the temperature; nan where it is not known: then nothing is protonated
        or deprotonated, chelators bind nothing, and protons and hydroxide of the recipe are free.
    temperature_C : float
    titrant : Ion, optional
        Ion of the base (with OH) or acid (with H) that was added until the pH was reached: as much as makes the
        solution neutral.
    shift_log_K : float
        Added to log10 of every stability constant of a metal: their common error.

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
    return speciate_open(amounts_mM, acids, Conditions(pH), temperature_C, titrant, shift_log_K)


class Conditions(NamedTuple):
    """Conditions of a solution beside its temperature.

    Attributes
    ----------
    pH : float
        nan where it is not known.
    CO2_mM : float
        Dissolved CO2 that a gas maintains; nan where none is exchanged. With it the carbonate of a recipe is ignored.
    precipitates : bool
        False for a solution of which nothing precipitates, however supersaturated.
    deposits : collection of str, optional
        Those that deposit of the solids that need an index above 0; by default the index decides.
    """

    pH: float
    CO2_mM: float = math.nan
    precipitates: bool = True
    deposits: Collection[str] | None = None


def speciate_open(
    amounts_mM: Mapping[Ion, float],
    acids: tuple[Step, ...],
    conditions: Conditions,
    temperature_C: float,
    titrant: Ion | None = None,
    shift_log_K: float = 0.0,
) -> Speciation:
    """Calculate the composition of a solution under given conditions.

    Parameters and errors are those of `speciate`, but for the conditions. Where nothing precipitates, `saturation` has
    the index of every solid that could form, and is empty where none would.
    """
    pH, CO2_mM = conditions.pH, conditions.CO2_mM
    ignored = (*(() if math.isnan(pH) else WATER_IONS), *(() if math.isnan(CO2_mM) else CARBONATES))
    given = {ion: amount for ion, amount in amounts_mM.items() if amount > 0 and ion.name not in ignored}
    if not math.isnan(CO2_mM):
        own = next((ion for ion in amounts_mM if ion.name == BICARBONATE), IONS[BICARBONATE])
        given[own] = CO2_mM
    of = network(frozenset(given) | ({titrant} - {None}), None if math.isnan(pH) else acids)
    solved = _Solution(given, of, conditions, (temperature_C, shift_log_K), titrant)
    if not math.isnan(CO2_mM):
        solved.expose(CO2_mM)
    solved.solve(conditions.precipitates)
    return solved.result()


class _Gas(NamedTuple):
    """Gas over a solution: places of carbonate among the roots and of CO2 among the species, and ln of its mol/l."""

    root: int
    CO2: int
    ln_M: float


_NO_GAS = _Gas(-1, -1, math.nan)


class _Solution:
    """Iteration of one solution to the ionic strength of its own species."""

    def __init__(
        self, given: Mapping[Ion, float], of: Network, under: Conditions, at: tuple[float, float], titrant: Ion | None
    ) -> None:
        self._network, self._titrant = of, titrant
        self._pH, (self._temperature_C, self._shift_log_K) = under.pH, at
        self._has_pH = not math.isnan(self._pH)
        self._solids = solids.possible({*of.species, *(WATER_IONS if self._has_pH else ())})
        self._limits = np.array([max(each.limit(under.deposits), SATURATED) for each in self._solids])
        parts = [self._content_of(each) for each in self._solids]
        self._of_solids = np.reshape(parts, (len(parts), of.conserved))
        self._may_precipitate, self._active, self._amounts = False, list[int](), np.zeros(0)
        self._saturation: dict[str, float] = {}
        self._squares = of.valence**2
        self._place = {name: i for i, name in enumerate(of.species[: of.conserved])}
        self._total = np.zeros(of.conserved)
        self._unbound: dict[Ion, float] = {}  # ions that bind nothing
        for ion, amount in given.items():
            self._add(ion, amount / 1000)
        self._titrant_M, self._wrong_meq_per_l, self._gas = 0.0, math.nan, _NO_GAS
        self._ln_free = np.log(np.maximum(self._total, 1e-30))
        self._species = np.zeros(len(of.species))

    def expose(self, CO2_mM: float) -> None:
        """Let a gas maintain the dissolved CO2: all carbonate follows from it, and none is conserved."""
        root = self._place[self._network.root_of[BICARBONATE]]
        own = self._network.content.sum(axis=1) == self._network.content[:, root]
        CO2 = int(np.flatnonzero(own & (self._network.valence == 0))[0])
        self._gas = _Gas(root, CO2, math.log(CO2_mM / 1000))

    def _content_of(self, solid: solids.Solid) -> FloatArray:
        """Return the number of each root and metal in a solid, shape (conserved,)."""
        conserved = {ion: n for ion, n in solid.ions.items() if ion not in WATER_IONS}
        rows = [n * self._network.content[self._network.species.index(ion)] for ion, n in conserved.items()]
        return np.asarray(np.sum(rows, axis=0))

    def _add(self, ion: Ion, amount_M: float) -> None:
        name = self._network.root_of.get(ion.name, ion.name)
        if name in self._place:
            self._total[self._place[name]] += amount_M
        else:
            self._unbound[ion] = self._unbound.get(ion, 0.0) + amount_M

    def iterate(self) -> None:
        """Repeat at the resulting ionic strength until it converges."""
        before = 0.1
        for i in range(MAX_ITERATIONS):
            self._strength = before
            self._equilibrate()
            self._titrate()
            strength = self._ionic_strength()
            if strength > _MAX_STRENGTH_M:
                break
            accepted = CONVERGED if i < MAX_ITERATIONS - 1 else MAX_ERROR
            if abs(strength - before) <= accepted * strength:
                if not math.isnan(self._wrong_meq_per_l):
                    raise WrongTitrant(self._wrong_meq_per_l)
                return
            before += (strength - before) / 2 ** (i // _UNDAMPED)
        raise ArithmeticError(f"the ionic strength did not converge: {before:g}, then {strength:g} mol/l")

    def solve(self, precipitates: bool) -> None:
        """Find the composition; if so, with the solids of which the solution is supersaturated without them."""
        try:
            self.iterate()
        except WrongTitrant:  # hydroxide that a solid takes may need the titrant
            if not (precipitates and self._is_supersaturated()):
                raise
        index = self._saturations() if self._solids else np.zeros(0)
        if not (index > SATURATED).any():
            return
        if precipitates:
            if (index > self._limits).any():
                # Beyond its own margin a solid deposits down to saturation, whichever forms before it.
                self._limits = np.where(index > self._limits, SATURATED, self._limits)
                self._may_precipitate = True
                self.iterate()
            now = self._saturations()
            told = (self._limits > SATURATED) & (now > SATURATED)  # they stay clear
            told[self._active], now[self._active] = True, index[self._active]
            index = np.where(told, now, np.nan)
        self._saturation = {self._solids[k].name: float(index[k]) for k in np.flatnonzero(~np.isnan(index))}

    def _is_supersaturated(self) -> bool:
        return bool(self._solids) and bool((self._saturations() > self._limits).any())

    def _saturations(self) -> FloatArray:
        """Return the saturation index of each possible solid; -inf where an ion is absent."""
        activities = self._ln_K + self._network.content @ self._ln_free - self._exponent() * _LN_10 * self._squares
        absent = self._network.content[:, self._total <= 0].any(axis=1)
        log_a = dict(zip(self._network.species, np.where(absent, -np.inf, activities / _LN_10).tolist(), strict=True))
        log_a[HYDROXIDE] = self._pH - at_temperature(WATER, self._temperature_C)
        return np.array([solid.saturation(log_a, self._temperature_C) for solid in self._solids])

    def _settle(self, ln_K: FloatArray, content: FloatArray, present: NDArray[np.intp]) -> None:
        """Find the free amounts, and the solids in equilibrium with them: each is there, or undersaturated."""
        for _ in range(MAX_ITERATIONS):
            if self._active:
                parts = self._of_solids[self._active][:, present]
                excess = self._saturations()[self._active] * _LN_10 - parts @ self._ln_free[present]
                given = (ln_K, content, self._total[present], self._ln_free[present], (parts, excess))
                self._ln_free[present], self._amounts = conserve_beside(*given)
            else:
                self._ln_free[present] = conserve(ln_K, content, self._total[present], self._ln_free[present])
            if (self._amounts < 0).any():
                gone = int(self._amounts.argmin())
                self._active.pop(gone)
                self._amounts = np.delete(self._amounts, gone)
                continue
            if not self._may_precipitate:
                return
            beyond = self._saturations() - self._limits
            beyond[self._active] = 0.0
            if not (beyond > 0).any():
                return
            self._deposit(int(beyond.argmax()), present)
        raise ArithmeticError(f"the solids of a solution did not converge: {', '.join(self._saturation)}")

    def _deposit(self, solid: int, present: NDArray[np.intp]) -> None:
        """Let another solid form; in place of one where those that are there consist of all that it does."""
        parts = self._of_solids[:, present]
        made_of = np.linalg.lstsq(parts[self._active].T, parts[solid], rcond=None)[0]
        if np.allclose(made_of @ parts[self._active], parts[solid]):
            with np.errstate(divide="ignore", invalid="ignore"):
                used_up = np.where(made_of > _NONE_OF_IT, self._amounts / made_of, math.inf)
            gone = int(used_up.argmin())
            self._active.pop(gone)
            self._amounts = np.delete(self._amounts, gone)
        self._active.append(solid)
        self._amounts = np.append(self._amounts, 0.0)

    def _proton_M(self) -> float:
        return 0.0 if not self._has_pH else float(10 ** (self._exponent() - self._pH))

    def _hydroxide_M(self) -> float:
        if not self._has_pH:
            return 0.0
        return float(10 ** (self._exponent() + self._pH - at_temperature(WATER, self._temperature_C)))

    def _exponent(self) -> float:
        """Return -log10 of the activity coefficient of a proton or hydroxide."""
        return float(davies_exponent(self._strength, self._temperature_C))

    def _equilibrate(self) -> None:
        """Distribute roots and metals among their species."""
        ln_K = self._network.ln_constants(self._temperature_C, self._strength)
        if self._shift_log_K:
            ln_K = ln_K + self._network.ln_shifts(self._shift_log_K)
        self._ln_K = ln_K = ln_K + self._network.protons * (math.log(self._proton_M()) if self._has_pH else 0.0)
        all_content, gas = self._network.content, self._gas
        absent, is_conserved = all_content[:, self._total <= 0].any(axis=1), self._total > 0
        if gas is not _NO_GAS:
            self._ln_free[gas.root], is_conserved[gas.root] = gas.ln_M - ln_K[gas.CO2], False
            ln_K = ln_K + all_content[:, gas.root] * self._ln_free[gas.root]
        present = np.flatnonzero(is_conserved)
        content = all_content[:, present]
        if present.size:
            self._settle(ln_K[~absent], content[~absent], present)
        self._species = np.zeros(len(ln_K))
        self._species[~absent] = np.exp(ln_K[~absent] + content[~absent] @ self._ln_free[present])
        if gas is not _NO_GAS:
            solid = self._amounts @ self._of_solids[self._active, gas.root]
            self._total[gas.root] = self._species @ all_content[:, gas.root] + solid

    def _titrate(self) -> None:
        """Add as much of the titrant as makes the solution neutral."""
        if self._titrant is None:
            return
        charge = self._charge()
        root = self._network.root_of.get(self._titrant.name, self._titrant.name)
        own = float(self._titrant.valence)
        if root in self._place:
            own = self._mean_charge(self._place[root])
        # Short of the last ionic strength, the excess may have the wrong sign for a moment.
        change = max(-charge / own, -self._titrant_M)
        self._wrong_meq_per_l = 1000 * (charge - self._titrant_M * own) if -charge / own < change else math.nan
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
        if self._has_pH:
            amounts |= {PROTON: 1000 * self._proton_M(), HYDROXIDE: 1000 * self._hydroxide_M()}
        first = [int((row > 0).argmax()) for row in self._network.content]  # the root comes before the metals
        species = dict(zip(self._network.species, (1000 * self._species).tolist(), strict=True))
        charges = dict(zip(self._network.species, self._network.valence.tolist(), strict=True))
        amounts |= {name: amount for name, amount in species.items() if charges[name] and amount > 0}
        neutral = {name: amount for name, amount in species.items() if not charges[name] and amount > 0}
        total |= {name: 1000 * float(self._total[i]) for name, i in zip(self._network.species, first, strict=True)}
        several = self._network.content.sum(axis=1) > 1
        with np.errstate(invalid="ignore"):
            share = (self._species * several) @ self._network.content / (self._species @ self._network.content)
        bound = {name: float(share[i]) for name, i in self._place.items() if self._total[i] > 0 and share[i] > 0}
        solid = {self._solids[k].name: 1000 * float(c) for k, c in zip(self._active, self._amounts, strict=True)}
        pairs = {(*of, name): species[name] for name, of in self._network.pairs.items() if species[name] > 0}
        sums = (1000 * self._titrant_M, bound, solid, self._saturation, pairs, 1000 * self._charge())
        return Speciation(amounts, total, neutral, *sums)
