"""Complexes that ions are likely to form and that are not calculated, because their constants are not in the tables.

Where there are any, the free concentration of the metal is an upper limit. Alkaline earths bind most anions but halides
a little, and are taken to leave amines alone; other metals, silver and thallium bind nearly everything that is no anion
of a strong acid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nernstfit.physics.solution import reactions
from nernstfit.physics.solution.ions import Ion


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALKALINE_EARTHS = _names("Mg Ca Sr Ba")
# Anions of strong acids, and zwitterions of the buffers that were chosen because they hardly bind metals (Good et al.
# 1966, Biochemistry 5:467). Hydroxide is treated apart.
_SPECTATORS = _names(
    "NO3 ClO4 ClO3 BrO3 PF6 MnO4 ReO4 IO4 methanesulfonate isethionate ethylsulfonate propylsulfonate "
    "methylsulfate ethylsulfate cyclamate sulfamate taurinate HEPES EPPS MES MOPS PIPES1 PIPES2 BES TES TAPS "
    "CHES CAPS HSO4 OH BF4 MOPSO DIPSO TAPSO HEPPSO POPSO1 POPSO2 AMPSO CAPSO S2O8 trifluoroacetate "
    "benzenesulfonate toluenesulfonate naphthalenesulfonate DIDS SITS"
)
_OF_ALKALINE_EARTHS = _names("Cl Br I SCN CN NO2 N3 OCN SeCN dicyanamide picrate HS")  # these leave them alone
# Bases that bind metals through nitrogen, in the names of their cations.
_AMINES = _names(
    "NH4 Tris BisTris imidazolium methylimidazolium histidinium hydrazinium hydroxylammonium methylammonium "
    "NMDG ethylammonium ethanolammonium diethanolammonium triethanolammonium glucosammonium putrescine "
    "spermidine spermine2 spermine3 spermine4 arginine lysine 4-aminopyridinium aminomethylpropanol AMPD BTP1 BTP2 "
    "morpholinium histamine1 histamine2 ornithine cadaverine DABCO1 DABCO2"
)
# Part of the amount of a metal from which a ligand is told, and concentration in mM beside an alkaline earth, whose
# constants are below 1,000 l/mol: a tenth or less is bound. At half or double, half or twice as much of it is told.
_MIN_SHARE, _MIN_WEAK_MM = 0.01, 0.1
HYDROXIDE_PK: Mapping[str, float] = MappingProxyType(
    {"Cu": 7.5, "Zn": 9.0, "Fe2": 9.4, "Co": 9.7, "Ni": 9.9, "Pb": 7.71, "Al": 5.0, "Fe3": 2.19}
    | {"Hg": 3.4, "Gd": 8.0, "La": 8.5, "Ce": 8.3}
)
"""pK of M + H2O = MOH + H at 25 C and infinite dilution. Cu, Zn, Fe2, Co, Ni: 13.995 less log K of NIST's database 46;
Pb, Al, Fe3: PHREEQC's wateq4f.dat; Hg, Gd, La, Ce: Baes & Mesmer 1976, The Hydrolysis of Cations, recalled,
unverified."""
# Part of a metal in its hydroxide complex that is told: half a mV of a divalent ion. At half or double the pH from
# which it is told is .3 lower or higher.
_MIN_HYDROXIDE = 0.05


def unknown(amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...], pH: float) -> list[tuple[str, str]]:
    """Return the metals and ligands whose complexes are not calculated, by name; `hydroxide` is one of the ligands.

    Parameters
    ----------
    amounts_mM : mapping of Ion to float
        Those of the recipe.
    acids : tuple of Step
        From `reactions.acid_steps`.
    pH : float
        nan where it is not known: that a chelator of known constant then binds nothing is not told here, and a metal
        sets the pH of its hydroxide itself, as Fe3 and Al do.
    """
    at_pH = None if math.isnan(pH) else acids
    chelated = reactions.chelated(amounts_mM, acids)
    unbound = {(metal, ligand) for (ligand, metal), is_known in chelated.items() if not is_known}
    others = {
        (metal, ligand) for metal, ligand in _without_constant(amounts_mM, at_pH) if (ligand, metal) not in chelated
    }
    return sorted(unbound | others | {*_hydroxides(amounts_mM, pH)})


def _without_constant(
    amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...] | None
) -> Iterator[tuple[str, str]]:
    metals = [ion for ion in amounts_mM if reactions.binds_anions(ion)]
    for ligand, amount in amounts_mM.items():
        for metal in metals:
            is_weak = metal.name in _ALKALINE_EARTHS
            least_mM = _MIN_WEAK_MM if is_weak else _MIN_SHARE * amounts_mM[metal]
            if amount <= least_mM or not _may_bind(ligand, is_weak):
                continue
            steps = reactions.network(frozenset((metal, ligand)), acids).steps
            if all(step.partner != metal.name for step in steps):
                yield metal.name, ligand.name


def _may_bind(ligand: Ion, is_weak: bool) -> bool:
    if ligand.valence < 0:
        return ligand.name not in _SPECTATORS and not (is_weak and ligand.name in _OF_ALKALINE_EARTHS)
    return ligand.name in _AMINES and not is_weak


def _hydroxides(amounts_mM: Mapping[Ion, float], pH: float) -> Iterator[tuple[str, str]]:
    for metal, amount in amounts_mM.items():
        if metal.name not in HYDROXIDE_PK:
            continue
        pK = HYDROXIDE_PK[metal.name]
        share = _hydrolysed(pK, amount) if math.isnan(pH) else 1 / (1 + 10 ** (pK - pH))
        if share > _MIN_HYDROXIDE:
            yield metal.name, "hydroxide"


def _hydrolysed(pK: float, amount_mM: float) -> float:
    """Return the part of a metal in its hydroxide complex where nothing but its own protons decides the pH."""
    ratio = 10 ** (3 - pK) / amount_mM  # x^2 / (1 - x) = K / c
    return 2 / (1 + math.sqrt(1 + 4 / ratio))
