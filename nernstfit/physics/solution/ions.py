"""The known ions, and the names of the components of a solution.

A component of a solution has the name that an electrophysiologist types at the head of a column: an ion (`Na`,
`gluconate`, `EGTA2`), a salt of one cation and one anion (`CaCl2`, `K-gluconate`, `(NH4)2SO4`, `Na2-ATP`) or an
uncharged substance (`glucose`). A number at the end of an ion's own name is its charge where the substance has
several (`ATP4`); in a salt the charge is chosen that makes the salt neutral (`Na2ATP`, `MgATP`: ATP2).

Chemical symbols and abbreviations keep their case, because case has a meaning there (`Co`); words of four
letters and more are read in any case (`K-Gluconate`, `Hepes`). Acids are named in words (`gluconic acid`). A
substance in any state of protonation (`EGTA`, `ATP`, `phosphate`) has its ions only at a known pH.

Every function takes the ions that a user adds to the table, as `user_ions`.
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
        Sources of the numbers.
    molar_mass_g_per_mol : float or None
    size_A : float or None
        Diameter of the ion with its water in Angstrom, for Debye and Hueckel's equation; None where unknown.
    pKa : float or None
        At 25 C and infinite dilution: a cation's own, an anion's that of the acid with one proton more; None where
        the ion is no buffer.
    pKa_kJ_per_mol : float or None
        Enthalpy of that dissociation, which gives the temperature dependence of the pKa: dpKa/dT = -H / (ln(10) R T^2).
    acid : str or None
        The ion with one proton more; None where that has no charge.
    analogue : str or None
        Ion of equal charge whose activity coefficient is used where this one's is not known.
    formula : str
        Elements with their counts; '' where unknown.
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
    formula: str = ""

    @property
    def is_metal(self) -> bool:
        """Return whether the ion binds chelators: a polyvalent cation without carbon (polyamines do not)."""
        return self.valence > 1 and not re.search("C(?![a-z])", self.formula)


class UnknownComponent(ValueError):
    """Fault of a name that is no component's, or that has several meanings.

    Attributes
    ----------
    name : str
        The name as it was given.
    nearest : str
        The most similar known name.
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
            formula=row["formula"],
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
        *(f"PEG{g_per_mol}" for g_per_mol in (200, 300, 400, 600, 1000, 1500, 3350, 4000, 6000, 8000)),
        *(f"dextran{kg_per_mol}" for kg_per_mol in (10, 40, 70, 500)),
        "creatine",
        "glycine",
        "histidine",
        "imidazole",
        "taurine",
    }
)
"""Substances without charge: they contribute to the osmolarity and take room from the water (molar_volumes.csv)."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{f"PEG-{g}": (f"PEG{g}",) for g in (200, 300, 400, 600, 1000, 1500, 3350, 4000, 6000, 8000)},
        **{f"dextran-{kg}": (f"dextran{kg}",) for kg in (10, 40, 70, 500)},
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
        "PIPES": ("PIPES2",),
        "spermine": ("spermine4",),
        "PCr": ("phosphocreatine",),
        "creatine-phosphate": ("phosphocreatine",),
        "creatine phosphate": ("phosphocreatine",),
        "methylsulphate": ("methylsulfate",),
        "MeSO4": ("methylsulfate",),
        "CH3SO4": ("methylsulfate",),
        "Bis-Tris": ("BisTris",),
        "QX314": ("QX-314",),
        "tungstate": ("WO4",),
        "molybdate": ("MoO4",),
        "chromate": ("CrO4",),
        "permanganate": ("MnO4",),
        "hydrazine": ("hydrazinium",),
        "hydroxylamine": ("hydroxylammonium",),
        "guanidine": ("guanidinium",),
        "formamidine": ("formamidinium",),
        "acetamidine": ("acetamidinium",),
        "aminoguanidine": ("aminoguanidinium",),
        "methylguanidine": ("methylguanidinium",),
        "methylamine": ("methylammonium",),
        "dimethylamine": ("dimethylammonium",),
        "trimethylamine": ("trimethylammonium",),
        "ethylamine": ("ethylammonium",),
        "diethylamine": ("diethylammonium",),
        "triethylamine": ("triethylammonium",),
        "ethanolamine": ("ethanolammonium",),
        "diethanolamine": ("diethanolammonium",),
        "triethanolamine": ("triethanolammonium",),
        "glucosamine": ("glucosammonium",),
        "ATP": ("ATP2", "ATP3", "ATP4"),
        "GTP": ("GTP2", "GTP3", "GTP4"),
    }
)
"""Other spellings, each with all its meanings."""

SALT_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "Tris-HCl": "Tris-Cl",
        "TrisHCl": "TrisCl",
        "Bis-Tris-HCl": "BisTris-Cl",
        "imidazole-HCl": "imidazolium-Cl",
        "histidine-HCl": "histidinium-Cl",
        "guanidine-HCl": "guanidinium-Cl",
    }
)
"""Spellings of salts that name the acid instead of its anion."""

# H with any other anion of the table is a weak acid, which does not dissociate fully.
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
"""Weak acids by name, with their anion; the ions in solution depend on the pH."""

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
"""Strong acids by name, with their anion: they dissociate fully."""

IN_ANY_STATE: Mapping[str, str] = MappingProxyType(
    {
        "EGTA": "EGTA4",
        "BAPTA": "BAPTA4",
        "EDTA": "EDTA4",
        "NTA": "NTA3",
        "ATP": "ATP4",
        "GTP": "GTP4",
        "phosphate": "PO4",
        "PIPES": "PIPES2",
        "spermine": "spermine2",
        "glycine": "glycinate",
        "histidine": "histidinium",
        "imidazole": "imidazolium",
        "taurine": "taurinate",
    }
)
"""Substances in any state of protonation by name, with the ion of one state."""

# Letters from which a spelling is read in any case. At half, symbols would lose their case (`co`, `CS`); at double,
# `Hepes`, `kalium` and `glucose` would have to be typed exactly.
_MIN_WORD_LETTERS = 4

Parts = tuple[tuple[Ion, int], ...]
UserIons = tuple[Ion, ...]


@cache
def known_ions(user_ions: UserIons = ()) -> Mapping[str, Ion]:
    """Return every ion by its name: those of the table, and the user's, which take precedence."""
    return MappingProxyType({**IONS, **{ion.name: ion for ion in user_ions}})


@cache
def components_at_pH(name: str, user_ions: UserIons = ()) -> Parts:
    """Return the ions of a component in a solution of known pH, where one state of protonation represents all.

    There an acid may be named in words, a substance by the name of all its states (`EGTA`), and a salt of one
    (`Na-GTP`) needs only the count of its cations. Parameters, result and errors are those of `components`.
    """
    substance = IN_ANY_STATE.get(name) or _casefolded(WEAK_ACIDS).get(name.casefold())
    if substance:
        return ((IONS[substance], 1),)
    try:
        return components(name, user_ions)
    except UnknownComponent:
        salts = {
            ((cation, count), (IONS[IN_ANY_STATE[anion]], 1))
            for cut in range(1, len(name))
            if (anion := re.sub("^[- _]", "", name[cut:])) in IN_ANY_STATE
            for cation, count in _counted_ions(name[:cut], user_ions)
            if cation.valence > 0
        }
        if len(salts) != 1:
            raise
        return salts.pop()


def uncharged_name(name: str, user_ions: UserIons = ()) -> str:
    """Return the name of an uncharged substance, however it is spelt; '' of a component that is none."""
    meant = [name] if name in UNCHARGED else [each for each in _meanings(name, user_ions) if each in UNCHARGED]
    return meant[0] if len(meant) == 1 else ""


def _casefolded(names: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): meaning for name, meaning in names.items()}


@cache
def components(name: str, user_ions: UserIons = ()) -> Parts:
    """Return the ions that one mole of a component adds to a solution.

    Parameters
    ----------
    name : str
        Name of the component, see the head of this module.
    user_ions : tuple of Ion
        Ions that the user adds to the table.

    Returns
    -------
    tuple of (Ion, int)
        Each ion with its count: ((ion, 1),) for an ion, the cation and the anion for a salt, empty for an
        uncharged substance.

    Raises
    ------
    UnknownComponent
        If the name is unknown or ambiguous, or is a salt whose charges do not balance.
    """
    known = known_ions(user_ions)
    if name in known:
        return ((known[name], 1),)
    if acid := _casefolded(STRONG_ACIDS).get(name.casefold()):
        return ((known["H"], 1), (known[acid], 1))
    substances = _meanings(name, user_ions)
    salts = list(_salts(SALT_ALIASES.get(name, name), user_ions))
    neutral = [salt for salt in salts if _excess(salt) == 0] or _with_counted_anions(name, salts)
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
    nearest = _nearest(name, user_ions)
    if salts:
        parts = " and ".join(f"{count} {ion.name} ({ion.valence:+d})" for ion, count in salts[0])
        fault = f"reads as {parts}, whose charge does not balance; the nearest known is {nearest!r}"
        raise UnknownComponent(name, nearest, fault)
    fault = f"is no ion, salt or uncharged substance that is known; the nearest known is {nearest!r}; {_OWN_ION}"
    raise UnknownComponent(name, nearest, fault)


Salt = tuple[tuple[Ion, int], tuple[Ion, int]]

_OWN_ION = (
    "an ion of your own is one line, species,charge,mobility,analogue,source, in the table that the key (or option) "
    "`species` names"
)


def _excess(salt: Salt) -> int:
    """Return the net charge of a salt."""
    return sum(ion.valence * count for ion, count in salt)


def _with_counted_anions(name: str, salts: list[Salt]) -> list[Salt]:
    """Return the salts of a polyvalent cation that are written with a separator and no counts: `Ca-gluconate`."""
    if not re.fullmatch(r"[A-Z][a-z]?[-_ ][a-z]{3}.*", name):
        return []
    return [
        ((cation, 1), (anion, cation.valence))
        for (cation, n_cations), (anion, n_anions) in salts
        if n_cations == n_anions == 1 and anion.valence == -1 and cation.is_metal
    ]


@cache
def _spellings(user_ions: UserIons) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return every spelling of a substance with its meanings: as written, and words in lower case."""
    exact = dict(ALIASES) | {name: (name,) for name in (*known_ions(user_ions), *UNCHARGED)}
    words = {
        spelling.casefold(): meanings
        for spelling, meanings in exact.items()
        if sum(letter.isalpha() for letter in spelling) >= _MIN_WORD_LETTERS
    }
    return exact, words


def _meanings(spelling: str, user_ions: UserIons) -> tuple[str, ...]:
    """Return the ions and uncharged substances that a spelling can mean."""
    exact, words = _spellings(user_ions)
    return exact.get(spelling) or words.get(spelling.casefold(), ())


def _counted_ions(part: str, user_ions: UserIons) -> Iterator[tuple[Ion, int]]:
    """Read one side of a salt: `Na`, `Na2`, `(NH4)2`; a name that ends in a digit has its count in brackets."""
    counted = [(part, 1)]
    if bracketed := re.fullmatch(r"\((.+)\)([1-9]?)", part):
        counted = [(bracketed[1], int(bracketed[2] or 1))]
    elif numbered := re.fullmatch(r"(.*\D)([1-9])", part):
        counted.append((numbered[1], int(numbered[2])))
    for spelling, count in counted:
        known = known_ions(user_ions)
        yield from ((known[meaning], count) for meaning in _meanings(spelling, user_ions) if meaning in known)


def _salts(name: str, user_ions: UserIons) -> Iterator[Salt]:
    """List every reading of a name as a cation followed by an anion, neutral or not."""
    for cut in range(1, len(name)):
        for cation, n_cations in _counted_ions(name[:cut], user_ions):
            for anion, n_anions in _counted_ions(re.sub("^[- _]", "", name[cut:]), user_ions):
                acid = cation.name == "H" and anion.name not in STRONG_ACID_ANIONS
                if cation.valence > 0 > anion.valence and gcd(n_cations, n_anions) == 1 and not acid:
                    yield (cation, n_cations), (anion, n_anions)


def _spelled(salt: Salt) -> str:
    """Return a salt's name with the charge of each ion that has several: `Na2-ATP2`."""

    def part(ion: Ion, count: int) -> str:
        if count == 1:
            return ion.name
        return f"({ion.name}){count}" if ion.name[-1].isdigit() else f"{ion.name}{count}"

    separator = "-" if any(re.search("[a-z]{3}|[A-Z]{3}$|[A-Z]{3}[2-4]$", ion.name) for ion, _ in salt) else ""
    return separator.join(part(ion, count) for ion, count in salt)


@cache
def _known_names(user_ions: UserIons = ()) -> tuple[str, ...]:
    """Return the names to suggest, in a fixed order: ions, uncharged substances, salts of two ions."""
    ions = known_ions(user_ions).values()
    names = {*known_ions(user_ions), *UNCHARGED}
    for cation in (ion for ion in ions if ion.valence > 0):
        for anion in (ion for ion in ions if ion.valence < 0):
            if cation.name == "H" and anion.name not in STRONG_ACID_ANIONS:
                continue
            shared = gcd(cation.valence, anion.valence)
            salt = (cation, -anion.valence // shared), (anion, cation.valence // shared)
            names.add(_spelled(salt))
    return tuple(sorted(names, key=lambda name: (len(name), name)))


def _nearest(name: str, user_ions: UserIons) -> str:
    """Return the most similar known name; separators do not count, case decides between equals."""

    def plain(text: str) -> str:
        return re.sub(r"[-_ ()]", "", text)

    folded, exact = (SequenceMatcher(None, "", text) for text in (plain(name).casefold(), name))
    nearest, most = "", (-1.0, -1.0)
    for known in _known_names(user_ions):
        folded.set_seq1(plain(known).casefold())
        if min(folded.real_quick_ratio(), folded.quick_ratio()) < most[0]:
            continue  # neither can be better
        exact.set_seq1(known)
        if (similarity := (folded.ratio(), exact.ratio())) > most:
            nearest, most = known, similarity
    return nearest
