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
# Zwitterions of the buffers that were chosen because they hardly bind metals (Good et al. 1966, Biochemistry 5:467),
# but copper: NIST 46 marks its complexes with BES and MOPS as known to exist.
_BUFFERS = _names(
    "HEPES EPPS MES MOPS PIPES1 PIPES2 BES TES TAPS CHES CAPS MOPSO DIPSO TAPSO HEPPSO POPSO1 POPSO2 AMPSO CAPSO"
)
# Anions of strong acids, and those buffers. Hydroxide is treated apart.
_SPECTATORS = _BUFFERS | _names(
    "NO3 ClO4 ClO3 BrO3 PF6 MnO4 ReO4 IO4 methanesulfonate isethionate ethylsulfonate propylsulfonate "
    "methylsulfate ethylsulfate cyclamate sulfamate taurinate HSO4 OH BF4 S2O8 trifluoroacetate "
    "benzenesulfonate toluenesulfonate naphthalenesulfonate DIDS SITS"
)
_OF_ALKALINE_EARTHS = _names("Cl Br I SCN CN NO2 N3 OCN SeCN dicyanamide picrate HS")  # these leave them alone
_APART = {("Al", halide) for halide in ("Cl", "Br", "I")}  # beside fluoride and hydroxide aluminium binds no halide
# Polyamines, which bind the anions of polyphosphates and chelators: spermine and ATP with some 1,000 l/mol in 150 mM K.
_POLYAMINES = _names("spermine2 spermine3 spermine4 spermidine putrescine cadaverine")
# Least charge of such an anion, which leaves out phosphate: its HPO4 binds a hundredth as much.
_POLYAMINE_CHARGE, _PHOSPHATES = -3, _names("PO4 VO4")
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
HYDROXIDE_PK: Mapping[str, float] = MappingProxyType({"Hg": 3.4})
"""pK of M + H2O = MOH + H, where it is not calculated, at 25 C and infinite dilution: PHREEQC's minteq.v4.dat (Hg(OH)2
takes up 2 H at log K 6.194, 1 at 2.797)."""
# The same of the metals whose hydroxides are calculated at a pH.
_CALCULATED_PK = {
    step.base: reactions.WATER.log_K - step.log_K
    for step in reactions.COMPLEXES
    if step.partner == reactions.HYDROXIDE and step.base not in _ALKALINE_EARTHS  # which are no acids
}
# pKa minus pH from which the base is absent: 1 % of it is left. At half hydrogenphosphate would count as absent at pH
# 6.2, where it is 10 %; at double glutamate of two charges would count as present at pH 7.2.
_ABSENT = 2.0
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
    chelated = reactions.chelated(amounts_mM, acids)
    unbound = {(metal, ligand) for (ligand, metal), is_known in chelated.items() if not is_known}
    others = {
        (metal, ligand) for metal, ligand in _without_constant(amounts_mM, acids, pH) if (ligand, metal) not in chelated
    }
    return sorted(unbound | others | {*_hydroxides(amounts_mM, pH), *_of_polyamines(amounts_mM, acids)})


def _of_polyamines(amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...]) -> Iterator[tuple[str, str]]:
    """Yield the polyamines with the polyphosphates and chelators beside them."""
    polyamines = [ion.name for ion in amounts_mM if ion.name in _POLYAMINES]
    for ligand, amount in amounts_mM.items() if polyamines else ():
        of = reactions.network(frozenset([ligand]), acids)
        least_charge = min(of.valence.tolist(), default=ligand.valence)
        is_phosphate = of.root_of.get(ligand.name, ligand.name) in _PHOSPHATES
        if amount > _MIN_WEAK_MM and least_charge <= _POLYAMINE_CHARGE and not is_phosphate:
            yield from ((name, ligand.name) for name in polyamines)


def _without_constant(
    amounts_mM: Mapping[Ion, float], acids: tuple[reactions.Step, ...], pH: float
) -> Iterator[tuple[str, str]]:
    at_pH = None if math.isnan(pH) else acids
    metals = [ion for ion in amounts_mM if reactions.binds_anions(ion)]
    for ligand, amount in amounts_mM.items():
        for metal in metals:
            is_weak = metal.name in _ALKALINE_EARTHS
            least_mM = _MIN_WEAK_MM if is_weak else _MIN_SHARE * amounts_mM[metal]
            if amount <= least_mM or not _may_bind(ligand, metal, is_weak) or (metal.name, ligand.name) in _APART:
                continue
            bases = {
                step.base
                for step in reactions.network(frozenset((metal, ligand)), at_pH).steps
                if step.partner == metal.name
            }
            states = _anions(ligand, acids, pH) if is_weak and at_pH else set()
            if not bases or (states and not bases & states):
                yield metal.name, ligand.name


def _anions(ligand: Ion, acids: tuple[reactions.Step, ...], pH: float) -> set[str]:
    """Return the states of protonation of a ligand at a pH; none where that of fewest protons is no anion.

    Magnesium binds the anion of glutamate that has lost both protons, which is absent below pH 7.6; of that with one
    no constant is known.
    """
    of = reactions.network(frozenset([ligand]), acids)
    takes = {step.base: step for step in of.steps if step.partner == reactions.PROTON}
    name, found = of.root_of.get(ligand.name, ligand.name), list[str]()
    while name in takes:
        if takes[name].log_K < pH + _ABSENT:
            found.append(name)
        name = takes[name].product
    charges = dict(zip(of.species, of.valence.tolist(), strict=True))
    return {*found, name} if found and charges[found[0]] < 0 else set()


def _may_bind(ligand: Ion, metal: Ion, is_weak: bool) -> bool:
    if metal.name == "Cu" and ligand.name in _BUFFERS:
        return True
    if ligand.valence < 0:
        return ligand.name not in _SPECTATORS and not (is_weak and ligand.name in _OF_ALKALINE_EARTHS)
    return ligand.name in _AMINES and not is_weak


def _hydroxides(amounts_mM: Mapping[Ion, float], pH: float) -> Iterator[tuple[str, str]]:
    told = {**HYDROXIDE_PK, **(_CALCULATED_PK if math.isnan(pH) else {})}
    for metal, amount in amounts_mM.items():
        if metal.name not in told:
            continue
        pK = told[metal.name]
        share = _hydrolysed(pK, amount) if math.isnan(pH) else 1 / (1 + 10 ** (pK - pH))
        if share > _MIN_HYDROXIDE:
            yield metal.name, "hydroxide"


def _hydrolysed(pK: float, amount_mM: float) -> float:
    """Return the part of a metal in its hydroxide complex where nothing but its own protons decides the pH."""
    ratio = 10 ** (3 - pK) / amount_mM  # x^2 / (1 - x) = K / c
    return 2 / (1 + math.sqrt(1 + 4 / ratio))
