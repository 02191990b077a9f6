"""Recipes without a pH whose components decide it: what takes up protons, and in which state it was weighed.

A strong acid or base reacts with weak ones. So do the ions of weak acids and bases with water and with each other:
sodium phosphate of 50 mM is at pH 12, with a third of its phosphate protonated. Most recipes without a pH are no such
thing: fluoride, acetate or gluconate stay as they are written to 1 %, and so do they count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution import reactions, solids
from nernstfit.physics.solution.activity import davies_exponent
from nernstfit.physics.solution.ions import Ion

FloatArray = NDArray[np.float64]

# pKa below which an ion that is an acid (hydrogensulfate, 2.0) counts as free acid: 1 mM is half dissociated at 3. At
# half it would not count; at double malonate1, phosphocreatine1, histidinium and hydroxylammonium would, of which 10 mM
# are dissociated to 5 % or less.
_STRONG_PKA = 3.0
# Part of an ion that changes its state of protonation from which the pH is calculated: a quarter of a mV of a
# univalent one. Cyanide is calculated up to 160 mM; at half that is 640, at double 40, and above half a mV is lost.
_MAX_CHANGED = 0.01
# Charge in meq/l up to which a recipe is one of whole salts as it is written. At half or double, a recipe rounded to a
# tenth of 1 uM is read alike.
_NEUTRAL_MEQ_PER_L = 1e-4
# pKa below which nobody weighs a buffer as the cation that has that proton: those of carboxyl groups beside an amine
# and of piperazines are 1.6 to 4.0. At half HEPES would pass for its hydrochloride where chloride is in excess, at
# double Tris and imidazole would not.
_MIN_PKA_OF_A_CATION = 4.5
MAX_PKA_DISTANCE = 1.0
"""Distance of the pH from the nearest pKa within which a buffer holds it, with at least 1/3 of its greatest capacity,
and was titrated to it. At half HEPES at pH 6.9 would be warned of, and count as untitrated; at double only where 4 % of
the capacity is left, and NMDG with HEPES at 9.5 would count as titrated."""
# pKa above which the acid of an anion is a buffer that is titrated. At half gluconate and acetate would be such, so
# that a recipe of theirs that lacks cations would count as one of pH 4; at double HEPES would not.
_LEAST_BUFFER_PKA = 5.0
CHARGE_PERCENT = 2.0
"""Charge excess in percent of the charge of the cations above which a recipe is taken to be incomplete, and decides no
pH: 3 meq/l of 150. At half, rounding of published recipes would be warned of; at double, 6 meq/l of a missing titrant
would not."""
# Range of pH and number of halvings in which it is found, to 1e-5. Half the halvings would leave .03 of pH, 7 %.
_LOW_PH, _HIGH_PH, _HALVINGS = -2.0, 16.0, 21
_TEMPERATURE_C = 25.0  # at which the criterion is applied; pKa shift by tenths from 10 to 37 C


def follows(amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...]) -> bool:
    """Return True where free acid or base of a recipe reacts with its other ions, so that the pH follows from them.

    It need not be left: an amount of 0 says that it has reacted.
    """
    water = {ion.name for ion in amounts_mM if ion.name in reactions.WATER_IONS}
    others = [ion for ion in amounts_mM if ion.name not in reactions.WATER_IONS]
    strong = {step.product for step in acids if step.log_K < _STRONG_PKA}
    if any(ion.name in strong and amount > 0 for ion, amount in amounts_mM.items()):
        return True
    if not water:
        return False
    solid = solids.possible(water | {ion.name for ion in others})
    return reactions.takes_protons(others, acids) or any(reactions.HYDROXIDE in each.ions for each in solid)


def reacts(
    amounts_mM: Mapping[Ion, float],
    charged_mM: Mapping[Ion, float],
    least_meq_per_l: float,
    acids: tuple[reactions.Step, ...],
) -> bool:
    """Return True where weak acids and bases of a recipe without a pH decide it.

    That is where their salts react with water or with each other, where a buffer stands beside its own salt, and where
    a base has titrated the free acid of a buffer. Bicarbonate without its gas decides no pH, because some CO2 is lost;
    nor do chelators beside a metal, where a slip of 1 % in either amount would.

    Parameters
    ----------
    amounts_mM, charged_mM : mapping of Ion to float
        Amounts in any state, and the part of them that was weighed in the state of the ion's name, not as zwitterion
        or free base.
    least_meq_per_l : float
        From `least_excess_meq_per_l`.
    acids : tuple of Step
        From `reactions.acid_steps`.
    """
    if any(ion.name in (reactions.BICARBONATE, *reactions.WATER_IONS) for ion in amounts_mM):
        return False
    weak = [ion for ion in amounts_mM if reactions.takes_protons([ion], acids)]
    if not weak or reactions.chelated(amounts_mM, acids):
        return False
    cations_meq_per_l = sum(ion.valence * amount for ion, amount in amounts_mM.items() if ion.valence > 0)
    if 100 * abs(least_meq_per_l) > CHARGE_PERCENT * cations_meq_per_l:
        return False
    strength_M = sum(ion.valence**2 * amount for ion, amount in amounts_mM.items()) / 2000
    mixture = _mixture({ion: amounts_mM[ion] for ion in weak}, acids, strength_M)
    fixed_meq_per_l = sum(ion.valence * amounts_mM[ion] for ion in amounts_mM.keys() - set(weak))
    pH = mixture.pH(least_meq_per_l - fixed_meq_per_l)
    of_acids = [pKa for pKa in _pKa([ion for ion in weak if ion.valence < 0], acids) if pKa > _LEAST_BUFFER_PKA]
    of_bases = _pKa([ion for ion in weak if ion.valence > 0], acids)
    by_acids, by_bases = (any(abs(pH - pKa) <= MAX_PKA_DISTANCE for pKa in pKas) for pKas in (of_acids, of_bases))
    written_meq_per_l = fixed_meq_per_l + sum(ion.valence * charged_mM[ion] for ion in weak)
    if abs(written_meq_per_l - least_meq_per_l) <= _NEUTRAL_MEQ_PER_L:
        return by_acids or by_bases or mixture.changed(pH, charged_mM) > _MAX_CHANGED
    # NMDG beside the free acid HEPES at pH 9.5 lacks the acid that was to titrate it.
    return by_acids or (by_bases and not of_acids)


def _pKa(ions: Iterable[Ion], acids: tuple[reactions.Step, ...]) -> list[float]:
    """Return every pKa of some ions, at infinite dilution."""
    return [step.log_K for ion in ions for step in reactions.network(frozenset([ion]), acids).steps]


@dataclass(frozen=True)
class _Mixture:
    """States of protonation of weak acids and bases: amounts by root, and all that each root forms."""

    amounts_mM: Mapping[str, float]
    network: reactions.Network
    strength_M: float

    @cached_property
    def exponent(self) -> float:
        """-log10 of Davies' coefficient of a univalent ion."""
        return float(davies_exponent(self.strength_M, _TEMPERATURE_C))

    @cached_property
    def _ln_constants(self) -> FloatArray:
        """ln of the constants of each root's own states, -inf for those of others; shape (roots, species)."""
        ln = self.network.ln_constants(_TEMPERATURE_C, self.strength_M)
        return np.where(self.network.content.T > 0, ln, -np.inf)

    @cached_property
    def _of_root_mM(self) -> FloatArray:
        return np.array([self.amounts_mM[root] for root in self.network.species[: self.network.conserved]])

    def states_mM(self, pH: float) -> FloatArray:
        """Return the amount of each state, shape (species,)."""
        ln = self._ln_constants + self.network.protons * math.log(10) * (self.exponent - pH)
        weights = np.exp(ln - ln.max(axis=1, keepdims=True))
        return np.asarray((self._of_root_mM / weights.sum(axis=1)) @ weights)

    def pH(self, charge_meq_per_l: float) -> float:
        """Return the pH at which the states, and the ions of water, have a charge between them."""
        low, high = _LOW_PH, _HIGH_PH
        for _ in range(_HALVINGS):
            pH = (low + high) / 2
            proton_mM = 10 ** (3 - pH + self.exponent)
            hydroxide_mM = 10 ** (3 - reactions.WATER.log_K + pH + self.exponent)
            charge = float(self.states_mM(pH) @ self.network.valence) + proton_mM - hydroxide_mM
            low, high = (pH, high) if charge > charge_meq_per_l else (low, pH)
        return (low + high) / 2

    def changed(self, pH: float, charged_mM: Mapping[Ion, float]) -> float:
        """Return the largest part of an ion that is in another state than it was weighed."""
        states_mM = self.states_mM(pH)
        found = dict(zip(self.network.species, states_mM.tolist(), strict=True))
        parts = [1 - found[ion.name] / c for ion, c in charged_mM.items() if c > 0 and ion.name in found]
        return max([*parts, *self._no_longer_neutral(states_mM, charged_mM)], default=0.0)

    def _no_longer_neutral(self, states_mM: FloatArray, charged_mM: Mapping[Ion, float]) -> Iterator[float]:
        """Yield the part of each substance that was weighed without charge and has one."""
        charged = dict.fromkeys(self.amounts_mM, 0.0)
        for ion, amount in charged_mM.items():
            if ion.name in self.network.root_of:
                charged[self.network.root_of[ion.name]] += amount
        for root, amount in self.amounts_mM.items():
            own = self.network.content[:, self.network.species.index(root)] > 0
            if (weighed := amount - charged[root]) > 0:
                yield 1 - float(states_mM[own & (self.network.valence == 0)].sum()) / weighed


def _mixture(amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...], strength_M: float) -> _Mixture:
    found = reactions.network(frozenset(amounts_mM), acids)
    of_root = dict.fromkeys(found.species[: found.conserved], 0.0)
    for ion, amount in amounts_mM.items():
        of_root[found.root_of[ion.name]] += amount
    return _Mixture(of_root, found, strength_M)


def least_excess_meq_per_l(
    amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...], others_meq_per_l: float = 0.0
) -> float:
    """Return the least charge excess that a recipe can have, whatever the state in which its buffers were weighed.

    Sulfate, fluoride and gluconate, whose acids are stronger than buffers are, are what they are called.

    Parameters
    ----------
    amounts_mM : mapping of Ion to float
        What is named as a substance in any state, see `components.is_in_any_state`.
    acids : tuple of Step
        From `reactions.acid_steps`.
    others_meq_per_l : float
        Charge of all other components, whose names say it.
    """
    fixed, lowest, highest = others_meq_per_l, 0.0, 0.0
    for ion, amount in amounts_mM.items():
        if ion.name in (*reactions.CARBONATES, *reactions.WATER_IONS) or not reactions.takes_protons([ion], acids):
            fixed += ion.valence * amount
            continue
        own = reactions.network(frozenset([ion]), acids)
        takes = [step.log_K for step in own.steps if step.base == ion.name]
        if ion.valence < 0 and max(takes, default=math.inf) < _LEAST_BUFFER_PKA:
            fixed += ion.valence * amount
            continue
        acidic = {step.product for step in own.steps if step.log_K < _MIN_PKA_OF_A_CATION}
        states = zip(own.species, own.valence.tolist(), strict=True)
        charges = [valence for name, valence in states if valence <= 0 or name not in acidic]
        lowest += min(0.0, *charges) * amount  # without charge it is the free acid or base, known here or not
        highest += max(0.0, *charges) * amount
    return fixed + min(max(-fixed, lowest), highest)
