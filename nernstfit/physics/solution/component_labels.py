"""Labels of chemicals as suppliers and laboratories write them, in the spelling of the names of components.

A label may say more than the ions (`CaCl2 dihydrate`, `Trizma(R) base`, `anhydrous`), write a substance in full
(`adenosine 5'-triphosphate disodium salt`), put the cation last (`ATP-Na2`, `HEPES sodium salt`) or count in words
(`tetrapotassium`, `dibasic`). All of this is spelling: what a name means is decided by `components`.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nernstfit.physics.solution.component_names import ALIASES, UNCHARGED, WRITTEN_OUT
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.salt_names import SALT_ALIASES

# Water of crystallisation at the end of a name: `.2H2O`, ` x 6 H2O`, `(H2O)2`, ` dihydrate`.
_HYDRATE = re.compile(
    r"(?:[\s.*\u00b7\u2022\u22c5\u2219\u00d7_-]+[x\u00d7]?|(?<=\d)x)\s*(?:\d{0,2}|\d?[.,]5|[nx])\s*H2O$|\(H2O\)\d{0,2}$"
    r"|[\s,-]+(?:(?i:hemi|sesqui|mono|di|tri|tetra|penta|hexa|hepta|octa|nona|deca|dodeca|\d{1,2})[\s-]?)?(?i:hydrate?)$"
)
# Words at the end that change no ion, those of the purity and shape among them.
_TAIL = re.compile(
    r"(?i)[\s,;-]*\(?\b(?:anhydrous|wasserfrei|free acid|free base|zwitterion|(?:double |inner )?salt|salz|glacial|"
    r"fused|pellets|powder|crystals|crystalline|granular|ultrapure|reagent grade|reagent|acs|p\.?a\.?|puriss|usp|"
    r"for molecular biology)\)?$|[\s,;-]+\(?[\u2265>]?\s?9\d(?:[.,]\d+)?\s?%\)?$"
)
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2032\u2019\u2018\u00b4`", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **{chr(0x2080 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("\u00ae\u2122", ""),
        "\u00a0": " ",
    }
)
_NUCLEOSIDE = re.compile(r"(?i)\b(adenosine|guanosine|inosine|uridine)[\s-]*(?:5'?[\s-]*)?(?=(?:mono|di|tri)phosphate)")
_OF_HYDROGEN = re.compile(
    r"(?i)\bhydrogen[\s-]+(?=phosphate|carbonate|sul(?:f|ph)ate)|(?<=.\bhydrogen)[\s-]+(?=sulfide)"
)
_DIHYDROGEN = re.compile(r"(?i)\bdihydrogen[\s-]+(?=phosphate)")
_BASIC = re.compile(
    r"(?i)^(?P<cation>.+?)[\s-]+(?P<anion>phosphate|citrate|pyrophosphate),?[\s-]+\(?(?P<count>mono|di|tri|tetra)basic\)?$"
)
_BASIC_FIRST = re.compile(
    r"(?i)^(?P<count>mono|di|tri|tetra)basic[\s-]+(?P<cation>.+?)[\s-]+(?P<anion>phosphate|citrate|pyrophosphate)$"
)
_OF_PROTONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("phosphate", "mono"): "dihydrogenphosphate",
        ("phosphate", "di"): "hydrogenphosphate",
        ("phosphate", "tri"): "orthophosphate",
        ("citrate", "mono"): "dihydrogen citrate",
        ("citrate", "di"): "hydrogen citrate",
        ("citrate", "tri"): "citrate",
        ("pyrophosphate", "di"): "dihydrogen pyrophosphate",
        ("pyrophosphate", "tetra"): "pyrophosphate",
    }
)
COUNTS: Mapping[str, int] = MappingProxyType(
    {"mono": 1, "di": 2, "bis": 2, "tri": 3, "tris": 3, "tetra": 4, "penta": 5}
)
# Charge of a metal in words, `copper(II)`; iron has two.
_NUMERAL = re.compile(r"(?i)\b([a-z]{4,})\s?\((I{1,3}|IV)\)")
_IRON: Mapping[str, str] = MappingProxyType({"II": "ferrous", "III": "ferric"})
_GERMAN_CATIONS: Mapping[str, str] = MappingProxyType(
    {
        **{"natrium": "sodium", "kalium": "potassium", "calcium": "calcium", "kalzium": "calcium"},
        **{"magnesium": "magnesium", "lithium": "lithium", "rubidium": "rubidium", "ammonium": "ammonium"},
        **dict.fromkeys(("caesium", "c\u00e4sium", "z\u00e4sium"), "cesium"),
        **{"barium": "barium", "strontium": "strontium", "zink": "zinc", "cholin": "choline", "mangan": "manganese"},
        **{"nickel": "nickel", "cobalt": "cobalt", "kobalt": "cobalt", "kupfer": "copper", "blei": "lead"},
        **{
            "eisen": "iron",
            "silber": "silver",
            "cadmium": "cadmium",
            "lanthan": "lanthanum",
            "gadolinium": "gadolinium",
        },
        "aluminium": "aluminium",
    }
)
_GERMAN_ANIONS = {"jodid": "iodid", "karbonat": "carbonat", "azetat": "acetat", "zitrat": "citrat", "laktat": "lactat"}
_GERMAN = re.compile(
    rf"(?i)(?P<count>di|tri|tetra|mono)?-?(?P<cation>{'|'.join(_GERMAN_CATIONS)}|[a-z]+ammonium)(?P<charge>\(I+\))?[\s-]?"
    r"(?P<protons>hydrogen|dihydrogen)?"
    r"(?P<anion>[a-z]{2,}at|chlorid|bromid|[ij]odid|fluorid|hydroxid|azid|cyanid|sulfid|sulfit|nitrit|dithionit)"
)
_OF_ESTER = re.compile(r"(?i)\b(methyl|ethyl|propyl|methane|ethane|benzene|toluene)[\s-]+(?=sulf(?:ate|onate|onic))")
# Charge behind the formula of an ion: `Ca2+`, `SO4 2-`, `SO4--`.
_CHARGED = re.compile(
    r"(?P<ion>[A-Z][A-Za-z0-9]*?)[\s^]*\(?(?:(?P<count>[1-4]?)(?P<sign>[+-])|(?P<signs>\+{2,4}|-{2,4}))\)?"
)
_ALKYL = re.compile(r"(?i)(?<=yl)[\s-]+(?=ammonium)")
# Sign of the rotation of light, before or behind `D-`.
_ROTATION = re.compile(r"^((?:DL|[DL])-?)?\([+\u00b1-]+\)-")
_HANDED = re.compile(r"(?:^|(?<=\s))(?:DL|[DL])-(?=[a-z\d])")
_BETWEEN = re.compile(r"[\s,.;*\u00b7\u2022_-]+|(?=\()")


def plain(label: str) -> str:
    """Return a label in plain letters, with abbreviations, without water and other words that change no ion."""
    name = _without_charge(label.translate(_PLAIN))
    before = ""
    while before != name:  # `salt hydrate`, `salt, anhydrous`
        before, name = name, _TAIL.sub("", _HYDRATE.sub("", name)) or name
    name = _in_english(re.sub("(?i)(s)ulph", r"\1ulf", name))
    name = _OF_ESTER.sub(r"\1", _ALKYL.sub("", name))
    name = _NUCLEOSIDE.sub(r"\1 ", name)
    for full, short in WRITTEN_OUT.items():
        if (start := name.casefold().find(full.casefold())) >= 0:
            name = name[:start] + short + name[start + len(full) :]
    name = _ROTATION.sub("", _NUMERAL.sub(_without_numeral, name))
    name = name if name in UNCHARGED or name in ALIASES else _HANDED.sub("", name)
    name = _DIHYDROGEN.sub("dihydrogen", _OF_HYDROGEN.sub(lambda found: found[0].rstrip(" -"), name))
    for pattern in (_BASIC, _BASIC_FIRST):
        if (read := pattern.match(name)) and (of := (read["anion"].lower(), read["count"].lower())) in _OF_PROTONS:
            return f"{read['cation']} {_OF_PROTONS[of]}"
    return SALT_ALIASES.get(name.lower(), name)


def _without_charge(label: str) -> str:
    """Return an ion without the charge that stands behind its formula, where this is its own."""
    read = _CHARGED.fullmatch(label)
    if read is None or read["ion"] not in IONS:
        return label
    charge = int(f"{read['signs'][0]}{len(read['signs'])}" if read["signs"] else f"{read['sign']}{read['count'] or 1}")
    return read["ion"] if IONS[read["ion"]].valence == charge else label


def _without_numeral(metal: re.Match[str]) -> str:
    """Return a metal without its charge where this is that of the known ion: `copper(I)` stays as it is."""
    if metal[1].lower() == "iron":
        return _IRON.get(metal[2].upper(), metal[0])
    known = [IONS[each].valence for each in ALIASES.get(metal[1].lower(), ()) if each in IONS]
    return metal[1] if known == [len(metal[2])] and metal[2].upper() != "IV" else metal[0]


def _in_english(label: str) -> str:
    """Return a German name of a salt in English: `Kaliumdihydrogenphosphat`, `Natriumchlorid`."""
    read = _GERMAN.fullmatch(label)
    if read is None:
        return label
    anion = f"{read['anion']}e".lower()
    for german, english in _GERMAN_ANIONS.items():
        anion = anion.replace(german, english)
    cation = _GERMAN_CATIONS.get(read["cation"].lower(), read["cation"])
    cation = f"{read['count'] or ''}{cation}{read['charge'] or ''}"
    return f"{cation} {read['protons'] or ''}{anion}".lower()


def counted(part: str) -> Iterator[tuple[str, int]]:
    """Yield the readings of one side of a salt that is counted in words: `disodium`, `di(tris)`."""
    for word, count in COUNTS.items():
        if read := re.fullmatch(rf"(?i){word}[\s-]?(\(?[a-z][a-z -]{{2,}}\)?)", part):
            yield read[1].strip("()"), count


def turned(name: str) -> Iterator[tuple[str, str]]:
    """Yield the readings of a name whose cation may come last, as cation and rest: `ATP-Na2`, `PCr (Na2)`."""
    for between in _BETWEEN.finditer(name):
        rest, cation = name[: between.start()], name[between.end() :]
        if bracketed := re.fullmatch(r"\(([^()]+)\)", cation):
            cation = bracketed[1]
        if in_front := re.fullmatch(r"([1-9])\s?([A-Z].*)", cation):
            cation = f"({in_front[2]}){in_front[1]}"
        if rest and cation:
            yield cation, rest
    if formula := re.fullmatch("(CH3COO|HCOO|CH3SO3|CH3OSO3)([A-Z].*)", name):
        yield formula[2], formula[1]
