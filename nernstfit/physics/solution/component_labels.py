"""Labels of chemicals as suppliers and laboratories write them, in the spelling of the names of components.

A label may say more than the ions (`CaCl2 dihydrate`, `Trizma(R) base`, `anhydrous`), write a substance in full
(`adenosine 5'-triphosphate disodium salt`), put the cation last (`ATP-Na2`, `HEPES sodium salt`) or count in words
(`tetrapotassium`, `dibasic`). All of this is spelling: what a name means is decided by `components`.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nernstfit.physics.solution.component_names import WRITTEN_OUT

# Water of crystallisation at the end of a name: `.2H2O`, ` x 6 H2O`, `(H2O)2`, ` dihydrate`.
_HYDRATE = re.compile(
    r"(?:[\s.*\u00b7\u2022\u22c5\u2219\u00d7_-]+[x\u00d7]?|(?<=\d)x)\s*(?:\d{0,2}|\d?[.,]5|[nx])\s*H2O$|\(H2O\)\d{0,2}$"
    r"|[\s,-]+(?:(?i:hemi|sesqui|mono|di|tri|tetra|penta|hexa|hepta|octa|nona|deca|dodeca)[\s-]?)?(?i:hydrate)$"
)
# Words at the end that change no ion.
_TAIL = re.compile(r"[\s,;-]*\(?\b(?i:anhydrous|free acid|free base|salt)\)?$")
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
_BASIC = re.compile(r"(?i)^(?P<cation>.+?)[\s-]+(?P<anion>phosphate|citrate),?[\s-]+\(?(?P<count>mono|di|tri)basic\)?$")
_BASIC_FIRST = re.compile(r"(?i)^(?P<count>mono|di|tri)basic[\s-]+(?P<cation>.+?)[\s-]+(?P<anion>phosphate|citrate)$")
_OF_PROTONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("phosphate", "mono"): "dihydrogenphosphate",
        ("phosphate", "di"): "hydrogenphosphate",
        ("phosphate", "tri"): "orthophosphate",
        ("citrate", "tri"): "citrate",
    }
)
COUNTS: Mapping[str, int] = MappingProxyType(
    {"mono": 1, "di": 2, "bis": 2, "tri": 3, "tris": 3, "tetra": 4, "penta": 5}
)
# Charge of a metal in words, `copper(II)`; iron has two.
_NUMERAL = re.compile(r"(?i)\b([a-z]{4,})\s?\((I{1,3})\)")
_IRON: Mapping[str, str] = MappingProxyType({"II": "ferrous", "III": "ferric"})
_ALKYL = re.compile(r"(?i)(?<=yl)[\s-]+(?=ammonium)")
# Sign of the rotation of light, before or behind `D-`.
_ROTATION = re.compile(r"^((?:DL|[DL])-?)?\([+\u00b1-]+\)-")
_BETWEEN = re.compile(r"[\s,.;*\u00b7\u2022_-]+|(?=\()")


def plain(label: str) -> str:
    """Return a label in plain letters, with abbreviations, without water and other words that change no ion."""
    name = label.translate(_PLAIN)
    before = ""
    while before != name:  # `salt hydrate`, `salt, anhydrous`
        before, name = name, _TAIL.sub("", _HYDRATE.sub("", name)) or name
    name = _ALKYL.sub("", name)
    name = _NUCLEOSIDE.sub(r"\1 ", name)
    for full, short in WRITTEN_OUT.items():
        if (start := name.casefold().find(full.casefold())) >= 0:
            name = name[:start] + short + name[start + len(full) :]
    name = _ROTATION.sub("", _NUMERAL.sub(_without_numeral, name))
    name = _DIHYDROGEN.sub("dihydrogen", _OF_HYDROGEN.sub(lambda found: found[0].rstrip(" -"), name))
    for pattern in (_BASIC, _BASIC_FIRST):
        if (read := pattern.match(name)) and (of := (read["anion"].lower(), read["count"].lower())) in _OF_PROTONS:
            return f"{read['cation']} {_OF_PROTONS[of]}"
    return name


def _without_numeral(metal: re.Match[str]) -> str:
    return _IRON.get(metal[2].upper(), metal[1]) if metal[1].lower() == "iron" else metal[1]


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
