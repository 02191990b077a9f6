"""Salts whose names say more than a cation and an anion: protons, two cations, half a cation, a base and an acid.

Each function yields every reading of a name, as `components` takes one only where there is no other. What a name leaves
open (a polyamine's hydrochloride without a count) has no reading.
"""

import re
from collections.abc import Iterator
from math import gcd

from nernstfit.physics.solution.component_ions import (
    MIN_WORD_LETTERS,
    Parts,
    Salt,
    acid_in_words,
    counted_ions,
    cuts,
    is_counted_in_words,
    meanings,
    uncharged_name,
)
from nernstfit.physics.solution.component_labels import COUNTS, turned
from nernstfit.physics.solution.component_names import IN_ANY_STATE
from nernstfit.physics.solution.ions import IONS, Ion, UserIons, known_ions
from nernstfit.physics.solution.reactions import form_of_charge, known_acid_steps, takes_protons
from nernstfit.physics.solution.salt_names import FALLS_APART


def of_special_salts(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the readings of a name as a salt with protons, of two cations, of half an ion, or of a base and an acid."""
    yield from _protonated(name, user_ions)
    yield from _hydrogen_salts(name, user_ions)
    yield from _double_salts(name, user_ions)
    yield from _half_salts(name, user_ions)
    yield from _salts_of_bases(name, user_ions)


def salts_in_any_state(name: str, user_ions: UserIons) -> Iterator[tuple[str, Salt]]:
    """Yield the salts of substances in any state that a name can mean, each behind its cation as it is written."""
    if phosphate_buffer(name, user_ions):
        return
    for written, anion in (*cuts(name), *turned(name)):
        if (substance := IN_ANY_STATE.get(anion) or IN_ANY_STATE.get(acronym(anion))) is not None:
            cations = counted_ions(written, user_ions)
            yield from ((written, (each, (IONS[substance], 1))) for each in cations if each[0].valence > 0)


def acronym(name: str) -> str:
    """Return a name in words in lower case, an abbreviation as it is."""
    return name.lower() if name[1:].islower() and len(name) > MIN_WORD_LETTERS else name


def phosphate_buffer(name: str, user_ions: UserIons) -> str:
    """Return the cation of a phosphate whose name leaves its count open (`K-Pi`), else ''."""
    named = re.fullmatch(r"(.+?)[-_ ]?(?:Pi|(?i:phosphate))", name)
    known = known_ions(user_ions)
    cations = [each for each in meanings(named[1], user_ions) if each in known] if named else []
    return cations[0] if len(cations) == 1 and known[cations[0]].valence > 0 else ""


def as_anion(cation: str, rest: str, user_ions: UserIons) -> str:
    """Return a salt with its cation first, of an acid in words as of its anion."""
    acid = acid_in_words(rest, user_ions)
    return f"{cation}-{acid[1][0].name if acid else rest}"


def _protonated(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts whose univalent cations are counted, and protons for the rest: `Na2EDTA`, `disodium citrate`."""
    in_any_state = [(written, *salt) for written, salt in salts_in_any_state(name, user_ions)]
    polyprotic = (
        (written, (cation, count), (anion, 1))
        for written, rest in cuts(name)
        for cation, count in (counted_ions(written, user_ions) if is_counted_in_words(written, user_ions) else ())
        for anion in _acids(rest, user_ions)
    )
    for written, (cation, count), (ion, _) in (*in_any_state, *polyprotic):
        is_counted = count > 1 or is_counted_in_words(written, user_ions)  # `monosodium`
        form = form_of_charge(ion, -count) if cation.valence == 1 and is_counted else None
        if form is not None:
            yield (cation, count), (form, 1)


def _acids(name: str, user_ions: UserIons) -> list[Ion]:
    """Return the anions of polyprotic acids, and the substances in any state, that a name can mean."""
    substance = IN_ANY_STATE.get(name) or IN_ANY_STATE.get(acronym(name))
    known = known_ions(user_ions)
    ions = [known[each] for each in meanings(name, user_ions) if each in known]
    found = [ion for ion in ions if ion.valence < -1 and takes_protons([ion], known_acid_steps(user_ions))]
    return [IONS[substance]] if substance else found


_HYDROGEN = re.compile(r"(?i)(?P<cation>.+?)[\s-]+(?P<count>mono|di|tri|)[\s-]?hydrogen[\s-]*(?P<anion>.+)")
_BI = re.compile(r"(?i)(?P<cation>.+?)[\s-]+(?P<count>)bi(?P<anion>[a-z]{5,})")


def _hydrogen_salts(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts of anions with protons in words: `sodium dihydrogen citrate`, `potassium bitartrate`."""
    for pattern in (_HYDROGEN, _BI):
        if (read := pattern.fullmatch(name)) is None:
            continue
        protons = COUNTS.get(read["count"].lower(), 1)
        is_counted = is_counted_in_words(read["cation"], user_ions)
        for anion in _acids(read["anion"], user_ions):
            if pattern is _BI and anion.valence != -2:  # `bicitrate`: of one proton or two
                continue
            form = form_of_charge(anion, anion.valence + protons)
            for cation, count in counted_ions(read["cation"], user_ions) if form and form.valence < 0 else ():
                salt = neutral_salt(cation, form) if cation.valence > 0 and form else None
                if salt and (salt[0][1] == count or not is_counted):
                    yield salt


def _double_salts(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts of two cations, or of a cation and protons that a pH decides: `KNa-tartrate`, `Na2H2EDTA`."""
    for cut in range(2, len(name)):
        anion_name = re.sub("^[- _]", "", name[cut:])
        substance = IN_ANY_STATE.get(anion_name)
        anions = {(ion, count) for ion, count in counted_ions(anion_name, user_ions) if ion.valence < 0}
        anions |= {(IONS[substance], 1)} if substance else set()
        for (cation, n), (other, m) in _two_cations(name[:cut], user_ions) if anions else ():
            charge = -cation.valence * n - other.valence * m
            for anion, count in anions:
                of_acid = other.name == "H" and count == 1 and takes_protons([anion], known_acid_steps(user_ions))
                form = form_of_charge(anion, charge + m) if of_acid and anion.valence == charge else None
                if form is not None:
                    yield (cation, n), (form, 1)
                elif other.name != "H" and count * anion.valence == charge:
                    yield (cation, n), (other, m), (anion, count)
                elif n == m == count == 1 and anion.name == "SO4" and _THREE_WORDS.fullmatch(name):
                    yield from _double_sulfate(cation, other, anion)


_THREE_WORDS = re.compile("(?i)[a-z]{4,}[ -][a-z]{4,}[ -][a-z]{4,}")


def _double_sulfate(cation: Ion, other: Ion, sulfate: Ion) -> Iterator[Parts]:
    """Yield the alum of a univalent and a trivalent cation, or the salt of two univalent cations and a divalent one."""
    if {cation.valence, other.valence} == {1, 3}:
        yield (cation, 1), (other, 1), (sulfate, 2)
    elif {cation.valence, other.valence} == {1, 2}:
        yield (cation, 3 - cation.valence), (other, 3 - other.valence), (sulfate, 2)


def _two_cations(part: str, user_ions: UserIons) -> Iterator[tuple[tuple[Ion, int], tuple[Ion, int]]]:
    """Read two cations with their counts, the second perhaps of protons: `KNa`, `Na2H2`."""
    for cut in range(1, len(part)):
        second = [each for each in counted_ions(re.sub("^[- _]", "", part[cut:]), user_ions) if each[0].valence > 0]
        first = counted_ions(part[:cut], user_ions) if second else ()
        yield from ((one, two) for one in first for two in second if one[0].valence > 0 and one[0].name != "H")


_HALF_LAST = re.compile(r"(?i)(?P<rest>.+?)[\s,-]+(?P<part>hemi|sesqui)[\s-]?(?P<other>[a-z]{4,})")
_HALF_FIRST = re.compile(r"(?i)(?P<part>hemi|sesqui)[\s-]?(?P<other>[a-z]{4,})[\s-]+(?P<rest>.+)")
_PARTS = {"hemi": 0.5, "sesqui": 1.5}


def _half_salts(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts with a half of an ion: `HEPES hemisodium`, `hemimagnesium aspartate`, `quinine hemisulfate`.

    Of an acid that is half neutralised, the protons of the other half are counted.
    """
    known = known_ions(user_ions)
    for read in (_HALF_LAST.fullmatch(name), _HALF_FIRST.fullmatch(name)):
        if read is None:
            continue
        part = _PARTS[read["part"].lower()]
        acid = acid_in_words(read["rest"], user_ions)
        substance = IN_ANY_STATE.get(read["rest"]) or IN_ANY_STATE.get(acronym(read["rest"]))
        rest = [acid[1][0].name] if acid else [substance] if substance else meanings(read["rest"], user_ions)
        others = [known[each] for each in meanings(read["other"], user_ions) if each in known]
        for ion, other in ((known[each], other) for each in rest if each in known for other in others):
            left = -ion.valence - part * other.valence
            if left == 0:
                yield (other, part), (ion, 1)
            elif left == 0.5 and ion.valence < 0 and takes_protons([ion], known_acid_steps(user_ions)):
                yield (other, part), (known["H"], left), (ion, 1)


def fallen_apart(name: str, user_ions: UserIons) -> Parts:
    """Return the ions of a salt of a divalent anion that water turns into others (`Na2S`); empty of another name."""
    known = known_ions(user_ions)
    for cation_name, anion in cuts(name):
        for cation, count in counted_ions(cation_name, user_ions) if anion in FALLS_APART else ():
            in_words = cation_name.isalpha() and cation_name.islower()
            if cation.valence == 1 and (count == 2 or (count == 1 and in_words and len(anion) > MIN_WORD_LETTERS)):
                return ((cation, 2), *((known[each], n) for each, n in FALLS_APART[anion].items()))
    return ()


def excess(salt: Salt) -> float:
    """Return the net charge of a salt."""
    return sum(ion.valence * count for ion, count in salt)


def neutral_salt(cation: Ion, anion: Ion) -> Salt:
    """Return the salt of two ions whose charges balance."""
    shared = gcd(cation.valence, anion.valence)
    return (cation, -anion.valence // shared), (anion, cation.valence // shared)


_OF_BASE = re.compile(
    r"(?P<base>.{3,}?)[-_ .\u00b7*]*(?P<count>\d|(?i:mono|di|tri|tetra)|)[ -]?"
    r"(?:(?P<Cl>HCl|(?i:hydrochloride))|(?P<Br>HBr|(?i:hydrobromide))|(?P<I>HI|(?i:hydroiodide|hydriodide)))"
)


def _salts_of_bases(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the halide of a base with the protons of the acid: `Tris-HCl`, `spermine 4HCl`, `glycine hydrochloride`.

    The protons of a cation that is a fairly strong acid, as that of an amino acid, are counted as such.
    """
    if (read := _OF_BASE.fullmatch(name)) is None:
        return
    known = known_ions(user_ions)
    halide = next(known[each] for each in ("Cl", "Br", "I") if read[each])
    steps = known_acid_steps(user_ions)
    protons = int(read["count"]) if read["count"].isdigit() else COUNTS.get(read["count"].lower(), 1)
    for base in _bases(read["base"], user_ions):
        is_open = not read["count"] and base.valence > 1  # a polyamine takes several
        is_base = base.name != read["base"] and base.valence == protons and "C" in base.formula  # `guanidine`
        form = base if base.valence == protons else form_of_charge(base, protons)
        if (is_base or takes_protons([base], steps)) and not base.is_metal and form is not None and not is_open:
            own = (
                ((form, 1),)
                if form.name in IONS or protons < base.valence
                else ((base, 1), (known["H"], protons - base.valence))
            )
            yield *own, (halide, protons)


def _bases(name: str, user_ions: UserIons) -> set[Ion]:
    """Return the ions of a base, an amino acid among them, one of those in all states of protonation."""
    known = known_ions(user_ions)
    substance = IN_ANY_STATE.get(uncharged_name(name, user_ions) or name) or IN_ANY_STATE.get(acronym(name))
    if substance:
        return {IONS[substance]}
    acid = acid_in_words(name, user_ions)
    return {acid[1][0]} if acid else {known[each] for each in meanings(name, user_ions) if each in known}
