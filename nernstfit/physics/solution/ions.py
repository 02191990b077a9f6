"""The ions that are known, and the names under which a solution holds them.

A component of a solution is named as an electrophysiologist types it at the head of a column: an ion (`Na`,
`gluconate`, `EGTA2`), a salt of one cation and one anion (`CaCl2`, `K-gluconate`, `(NH4)2SO4`, `Na2-ATP`) or an
uncharged substance (`glucose`). A number at the end of an ion's own name is its charge where the substance has
several (`ATP4`); in a salt the charge is chosen that makes the salt neutral (`Na2ATP`, `MgATP`: ATP2).

Chemical symbols and abbreviations keep their case, because case carries meaning there (`Co`); words of four
letters and more are read in any case (`K-Gluconate`, `Hepes`). Acids go by their names (`gluconic acid`). A
substance in whatever state of protonation (`EGTA`, `ATP`, `phosphate`) has its ions only at a pH.

Every function takes ions that a user adds to the table, as `own`.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from math import gcd
from types import MappingProxyType


@dataclass(frozen=True)
class Ion:
    """One ion in water.

    Attributes
    ----------
    name : str
        Name as in a table's column.
    valence : int
        Signed charge number.
    mobility : float
        Absolute mobility relative to that of K: limiting equivalent conductivity / |valence| / 73.48 S cm2/mol.
    mobility_percent : float
        Standard error of the mobility in percent: 1 where a limiting conductivity is known, 10 where it is
        estimated.
    source : str
        Where the numbers come from.
    molar_mass_g_per_mol : float or None
    size_A : float or None
        Diameter of the ion with its water in Angstrom, for Debye and Hueckel's equation; None where no table has it.
    pKa : float or None
        At 25 C and infinite dilution: a cation's own, an anion's that of the acid with one proton more; None where
        the ion buffers nothing.
    pKa_kJ_per_mol : float or None
        Enthalpy of that dissociation, by which the pKa follows temperature: dpKa/dT = -H / (ln(10) R T^2).
    acid : str or None
        The ion with one proton more; None where that has no charge.
    analogue : str or None
        Ion of equal charge whose activity coefficient stands in where this one's is not known.
    """

    name: str
    valence: int
    mobility: float
    mobility_percent: float
    source: str
    molar_mass_g_per_mol: float | None = None
    size_A: float | None = None
    pKa: float | None = None
    pKa_kJ_per_mol: float | None = None
    acid: str | None = None
    analogue: str | None = None


class UnknownComponent(ValueError):
    """A name that stands for no component, or for more than one.

    Attributes
    ----------
    name : str
        The name as it was given.
    nearest : str
        The known name that is most like it.
    """

    def __init__(self, name: str, nearest: str, fault: str) -> None:
        super().__init__(name, nearest, fault)
        self.name = name
        self.nearest = nearest
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.name!r} {self.fault}"


_OPTIONAL = ("molar_mass_g_per_mol", "size_A", "pKa", "pKa_kJ_per_mol")


def _read_ions() -> dict[str, Ion]:
    text = files(__package__).joinpath("ions.csv").read_text(encoding="utf-8")
    return {
        row["ion"]: Ion(
            name=row["ion"],
            valence=int(row["valence"]),
            mobility=float(row["mobility"]),
            mobility_percent=float(row["mobility_percent"]),
            source=row["source"],
            **{key: float(row[key]) if row[key] else None for key in _OPTIONAL},
            acid=row["acid"] or None,
            analogue=row["analogue"] or None,
        )
        for row in csv.DictReader(text.splitlines())
    }


IONS: Mapping[str, Ion] = MappingProxyType(_read_ions())
"""Every known ion by its name; the values and their sources are in ions.csv beside this module."""

UNCHARGED = frozenset(
    {
        "glucose",
        "dextrose",
        "D-glucose",
        "fructose",
        "galactose",
        "sucrose",
        "trehalose",
        "maltose",
        "lactose",
        "raffinose",
        "mannitol",
        "D-mannitol",
        "sorbitol",
        "xylitol",
        "inositol",
        "glycerol",
        "urea",
        "ethanol",
        "methanol",
        "DMSO",
    }
)
"""Substances without charge: they count for osmolarity only."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Ac": ("acetate",),
        "OAc": ("acetate",),
        "Asp": ("aspartate",),
        "Ch": ("choline",),
        "NMG": ("NMDG",),
        "MeSO3": ("methanesulfonate",),
        "CH3SO3": ("methanesulfonate",),
        "mesylate": ("methanesulfonate",),
        "methylsulfonate": ("methanesulfonate",),
        "methanesulphonate": ("methanesulfonate",),
        "propanoate": ("propionate",),
        "butanoate": ("butyrate",),
        "bicarbonate": ("HCO3",),
        "nitrate": ("NO3",),
        "perchlorate": ("ClO4",),
        "thiocyanate": ("SCN",),
        "cyanate": ("OCN",),
        "ammonium": ("NH4",),
        "tetramethylammonium": ("TMA",),
        "tetraethylammonium": ("TEA",),
        "tetrapropylammonium": ("TPA",),
        "tetrabutylammonium": ("TBA",),
        "Glu": ("glutamate", "gluconate", "glucose"),
        "Gluc": ("gluconate", "glucose"),
        "Fe": ("Fe2", "Fe3"),
        "EGTA": ("EGTA2", "EGTA3", "EGTA4"),
        "BAPTA": ("BAPTA4",),
        "EDTA": ("EDTA4",),
        "NTA": ("NTA3",),
        "ATP": ("ATP2", "ATP3", "ATP4"),
        "GTP": ("GTP2", "GTP3", "GTP4"),
    }
)
"""Other spellings, each with all it can stand for."""

SALT_ALIASES: Mapping[str, str] = MappingProxyType({"Tris-HCl": "Tris-Cl", "TrisHCl": "TrisCl"})
"""Spellings of salts that name the acid instead of its anion."""

# H with any other anion of the table is a weak acid, which does not count for its ions.
STRONG_ACID_ANIONS = frozenset({"Cl", "Br", "I", "NO3", "ClO4", "methanesulfonate"})

WEAK_ACIDS: Mapping[str, str] = MappingProxyType(
    {
        "acetic acid": "acetate",
        "aspartic acid": "aspartate",
        "butyric acid": "butyrate",
        "citric acid": "citrate",
        "D-gluconic acid": "gluconate",
        "formic acid": "formate",
        "gluconic acid": "gluconate",
        "glutamic acid": "glutamate",
        "lactic acid": "lactate",
        "phosphoric acid": "H2PO4",
        "propionic acid": "propionate",
    }
)
"""Acids by name, with the anion that they become; which ions one has depends on the pH."""

STRONG_ACIDS: Mapping[str, str] = MappingProxyType(
    {
        "ethanesulfonic acid": "ethylsulfonate",
        "hydrobromic acid": "Br",
        "hydrochloric acid": "Cl",
        "isethionic acid": "isethionate",
        "methanesulfonic acid": "methanesulfonate",
        "nitric acid": "NO3",
        "perchloric acid": "ClO4",
    }
)
"""Acids by name that fall apart into a proton and the anion."""

IN_ANY_STATE: Mapping[str, str] = MappingProxyType(
    {
        "EGTA": "EGTA4",
        "BAPTA": "BAPTA4",
        "EDTA": "EDTA4",
        "NTA": "NTA3",
        "ATP": "ATP4",
        "GTP": "GTP4",
        "phosphate": "PO4",
    }
)
"""Substances that have several charges, by the name of all their states together, with the ion of one."""

_SHORTEST_WORD = 4

Parts = tuple[tuple[Ion, int], ...]
UserIons = tuple[Ion, ...]


@cache
def known_ions(own: UserIons = ()) -> Mapping[str, Ion]:
    """Every ion by its name: those of the table, and the user's own, which come before them."""
    return MappingProxyType({**IONS, **{ion.name: ion for ion in own}})


@cache
def at_a_pH(name: str, own: UserIons = ()) -> Parts:
    """Ions of a component in a solution of known pH, where any state of protonation stands for all.

    There an acid may go by its name, a substance by that of all its states (`EGTA`), and a salt of one
    (`Na-GTP`) needs no more than the count of its cations. Parameters, result and errors are those of `components`.
    """
    substance = IN_ANY_STATE.get(name) or _folded(WEAK_ACIDS).get(name.casefold())
    if substance:
        return ((IONS[substance], 1),)
    try:
        return components(name, own)
    except UnknownComponent:
        salts = {
            ((cation, count), (IONS[IN_ANY_STATE[anion]], 1))
            for cut in range(1, len(name))
            if (anion := re.sub("^[- _]", "", name[cut:])) in IN_ANY_STATE
            for cation, count in _counted_ions(name[:cut], own)
            if cation.valence > 0
        }
        if len(salts) != 1:
            raise
        return salts.pop()


def _folded(names: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): meaning for name, meaning in names.items()}


@cache
def components(name: str, own: UserIons = ()) -> Parts:
    """Ions that one mole of a component brings into solution.

    Parameters
    ----------
    name : str
        Name of the component, see the head of this module.
    own : tuple of Ion
        The user's own.

    Returns
    -------
    tuple of (Ion, int)
        Each ion with its count: ((ion, 1),) for an ion, the cation and the anion for a salt, empty for an
        uncharged substance.

    Raises
    ------
    UnknownComponent
        If the name cannot be read, can be read in several ways, or is a salt whose charges do not balance.
    """
    known = known_ions(own)
    if name in known:
        return ((known[name], 1),)
    if acid := _folded(STRONG_ACIDS).get(name.casefold()):
        return ((known["H"], 1), (known[acid], 1))
    substances = _meanings(name, own)
    salts = list(_salts(SALT_ALIASES.get(name, name), own))
    neutral = [salt for salt in salts if _excess(salt) == 0]
    readings: dict[str, Parts] = {
        **{substance: ((known[substance], 1),) if substance in known else () for substance in substances},
        **{_spelled(salt): salt for salt in neutral},
    }
    if len(readings) == 1:
        return next(iter(readings.values()))
    if readings:
        first, *others, last = readings
        meanings = f"{', '.join([first, *others])} or {last}"
        raise UnknownComponent(name, first, f"can be read as {meanings}: spell out which")
    nearest = _nearest(name, own)
    if salts:
        parts = " and ".join(f"{count} {ion.name} ({ion.valence:+d})" for ion, count in salts[0])
        fault = f"reads as {parts}, whose charge does not balance; the nearest known is {nearest!r}"
        raise UnknownComponent(name, nearest, fault)
    fault = f"is no ion, salt or uncharged substance that is known; the nearest known is {nearest!r}"
    raise UnknownComponent(name, nearest, fault)


Salt = tuple[tuple[Ion, int], tuple[Ion, int]]


def _excess(salt: Salt) -> int:
    """Net charge of a salt."""
    return sum(ion.valence * count for ion, count in salt)


@cache
def _spellings(own: UserIons) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Everything a substance is called, with what it can stand for: as written, and words in small letters."""
    exact = dict(ALIASES) | {name: (name,) for name in (*known_ions(own), *UNCHARGED)}
    words = {
        spelling.casefold(): meanings
        for spelling, meanings in exact.items()
        if sum(letter.isalpha() for letter in spelling) >= _SHORTEST_WORD
    }
    return exact, words


def _meanings(spelling: str, own: UserIons) -> tuple[str, ...]:
    """Ions and uncharged substances that a spelling can stand for."""
    exact, words = _spellings(own)
    return exact.get(spelling) or words.get(spelling.casefold(), ())


def _counted_ions(part: str, own: UserIons) -> Iterator[tuple[Ion, int]]:
    """Read one side of a salt: `Na`, `Na2`, `(NH4)2`. A name that ends in a digit takes its count in brackets."""
    counted = [(part, 1)]
    if bracketed := re.fullmatch(r"\((.+)\)([1-9]?)", part):
        counted = [(bracketed[1], int(bracketed[2] or 1))]
    elif numbered := re.fullmatch(r"(.*\D)([1-9])", part):
        counted.append((numbered[1], int(numbered[2])))
    for spelling, count in counted:
        known = known_ions(own)
        yield from ((known[meaning], count) for meaning in _meanings(spelling, own) if meaning in known)


def _salts(name: str, own: UserIons) -> Iterator[Salt]:
    """Every way to read a name as a cation followed by an anion, neutral or not."""
    for cut in range(1, len(name)):
        for cation, n_cations in _counted_ions(name[:cut], own):
            for anion, n_anions in _counted_ions(re.sub("^[- _]", "", name[cut:]), own):
                acid = cation.name == "H" and anion.name not in STRONG_ACID_ANIONS
                if cation.valence > 0 > anion.valence and gcd(n_cations, n_anions) == 1 and not acid:
                    yield (cation, n_cations), (anion, n_anions)


def _spelled(salt: Salt) -> str:
    """A salt's name with the charge of each ion that has several: `Na2-ATP2`."""

    def part(ion: Ion, count: int) -> str:
        if count == 1:
            return ion.name
        return f"({ion.name}){count}" if ion.name[-1].isdigit() else f"{ion.name}{count}"

    separator = "-" if any(re.search("[a-z]{3}|[A-Z]{3}$|[A-Z]{3}[2-4]$", ion.name) for ion, _ in salt) else ""
    return separator.join(part(ion, count) for ion, count in salt)


@cache
def _known_names(own: UserIons = ()) -> tuple[str, ...]:
    """Names to suggest, in a fixed order: every ion, uncharged substance and salt of one cation and one anion."""
    ions = known_ions(own).values()
    names = {*known_ions(own), *UNCHARGED}
    for cation in (ion for ion in ions if ion.valence > 0):
        for anion in (ion for ion in ions if ion.valence < 0):
            if cation.name == "H" and anion.name not in STRONG_ACID_ANIONS:
                continue
            shared = gcd(cation.valence, anion.valence)
            salt = (cation, -anion.valence // shared), (anion, cation.valence // shared)
            names.add(_spelled(salt))
    return tuple(sorted(names, key=lambda name: (len(name), name)))


def _nearest(name: str, own: UserIons) -> str:
    """The known name most like `name`: separators do not count, case counts between equals."""

    def plain(text: str) -> str:
        return re.sub(r"[-_ ()]", "", text)

    def likeness(known: str) -> tuple[float, float]:
        folded = SequenceMatcher(None, plain(known).casefold(), plain(name).casefold()).ratio()
        return folded, SequenceMatcher(None, known, name).ratio()

    return max(_known_names(own), key=likeness)
