"""Names of the components of a solution, and their ions.

A component of a solution has the name that an electrophysiologist types at the head of a column: an ion (`Na`,
`gluconate`, `EGTA2`), a salt of one cation and one anion (`CaCl2`, `K-gluconate`, `(NH4)2SO4`, `Na2-ATP`) or an
uncharged substance (`glucose`). A number at the end of an ion's own name is its charge where the substance has
several (`ATP4`); in a salt the charge is chosen that makes the salt neutral (`Na2ATP`, `MgATP`: ATP2).

Chemical symbols and abbreviations keep their case, because case has a meaning there (`Co`); words of four
letters and more are read in any case (`K-Gluconate`, `Hepes`). Acids are named in words (`gluconic acid`), or by
the formula (`HF`). The cation may come last (`ATP-Na2`), as on suppliers' labels, which `component_labels` spells
otherwise. A substance in any state of protonation (`EGTA`, `ATP`, `phosphate`) has its ions only at a known pH, or in a
salt that counts its cations: `Na2EDTA` has two protons.

Every function takes the ions that a user adds to the table, as `user_ions`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from functools import cache, cached_property
from math import gcd

from nernstfit.physics.solution.component_labels import COUNTS, counted, plain, turned
from nernstfit.physics.solution.component_names import (
    ALIASES,
    FALLS_APART,
    IN_ANY_STATE,
    NAMED_ACIDS,
    SALT_ALIASES,
    STRONG_ACID_ANIONS,
    UNCHARGED,
)
from nernstfit.physics.solution.ions import IONS, Ion, UserIons, known_ions, uncharged_substances
from nernstfit.physics.solution.reactions import form_of_charge, known_acid_steps, takes_protons


class UnknownComponent(ValueError):
    """Fault of a name that is no component's, or that has several meanings.

    Attributes
    ----------
    name : str
        The name as it was given.
    fault : str
        What is wrong with it.
    remedy : str
        What to do, '' where the fault says so.
    """

    def __init__(
        self, name: str, fault: str, remedy: str = "", user_ions: UserIons | None = None, meant: str = ""
    ) -> None:
        super().__init__(name, fault, remedy, user_ions, meant)
        self.name = name
        self.fault = fault
        self.remedy = remedy
        self._user_ions = user_ions
        self._meant = meant

    def of(self, name: str) -> "UnknownComponent":
        """Return the same fault of a name as it was typed."""
        return UnknownComponent(name, self.fault, self.remedy, self._user_ions, self._meant)

    @cached_property
    def nearest(self) -> str:
        """Search the most similar known name, in a tenth of a second; '' where none is, or is of use."""
        return self._meant or ("" if self._user_ions is None else _nearest(self.name, self._user_ions))

    def __str__(self) -> str:
        hint = f"; the nearest known is {self.nearest!r}" if self.nearest else ""
        return f"{self.name!r} {self.fault}{hint}" + (f"; {self.remedy}" if self.remedy else "")


# Letters from which a spelling is read in any case. At half, symbols would lose their case (`co`, `CS`); at double,
# `Hepes`, `kalium` and `glucose` would have to be typed exactly.
_MIN_WORD_LETTERS = 4

# Part of the letters that a name shares with a known one that is suggested. At half, caffeine would be taken for
# raffinose (.71) and cAMP for CAPS (.75); at double nothing would be suggested. Of shorter names than words, one letter
# makes another substance (CPA, Ca): they need the same letters.
_MIN_SIMILARITY = 0.8

Parts = tuple[tuple[Ion, int], ...]
Salt = tuple[tuple[Ion, int], tuple[Ion, int]]

# Ions of the substances that have names for all states of protonation.
_FORMS = frozenset(form for name in IN_ANY_STATE for form in (IN_ANY_STATE[name], *ALIASES.get(name, ())))
# Endings that tell one class of substances from another: sulfite is no sulfate, and propane no propionate.
_ENDING = re.compile("(?i)(ane|ene|ine|one|ol|ide|ite|ate)$")


@cache
def components_at_pH(name: str, user_ions: UserIons = ()) -> Parts:
    """Return the ions of a component in a solution of known pH, where one state of protonation represents all.

    There a weak acid may be named in words, a substance by the name of all its states (`EGTA`), and a salt of one
    (`Na-GTP`) needs only the count of its cations; a single H before such a name (`HATP`) may as well belong to another
    abbreviation (HEDTA is not EDTA with a proton). Parameters, result and errors are those of `components`.
    """
    label, name = name, plain(name)
    if substance := IN_ANY_STATE.get(uncharged_name(name, user_ions) or name):
        return ((IONS[substance], 1),)
    try:
        return _acid(name, user_ions) or components(label, user_ions)
    except UnknownComponent:
        found = {*_salts_in_any_state(name, user_ions), *_hydrochlorides_in_any_state(name, user_ions)}
        salts = {salt for _, salt in found if [(ion.name, count) for ion, count in salt[:1]] != [("H", 1)]}
        if len(salts) != 1:
            raise
        for written, ((cation, _), _) in found:
            if cation.valence == 1 and _is_word(written, user_ions):
                fault = f"leaves open how much {cation.name} it has: write the count of its label, as in"
                raise UnknownComponent(label, f"{fault} '{cation.name}2-ATP'") from None
        return salts.pop()


def _salts_in_any_state(name: str, user_ions: UserIons) -> Iterator[tuple[str, Salt]]:
    """Yield the salts of substances in any state that a name can mean, each behind its cation as it is written."""
    if _phosphate_buffer(name, user_ions):
        return
    for written, anion in (*_cuts(name), *turned(name)):
        if (substance := IN_ANY_STATE.get(anion) or IN_ANY_STATE.get(_acronym(anion))) is not None:
            cations = _counted_ions(written, user_ions)
            yield from ((written, (each, (IONS[substance], 1))) for each in cations if each[0].valence > 0)


def _is_word(cation: str, user_ions: UserIons) -> bool:
    """Return True for a cation in words, which no one counts where there is one (`sodium`); `Tris` is a name."""
    return (
        cation.isalpha()
        and len(cation) >= _MIN_WORD_LETTERS
        and bool(_meanings(cation, user_ions))
        and (cation not in known_ions(user_ions))
    )


def _acronym(name: str) -> str:
    """Return a name in words in lower case, an abbreviation as it is."""
    return name.lower() if name[1:].islower() and len(name) > _MIN_WORD_LETTERS else name


def _hydrochlorides_in_any_state(name: str, user_ions: UserIons) -> Iterator[tuple[str, Salt]]:
    """Yield the chloride of a zwitterion that is named by the acid: `glycine-HCl`."""
    read = _HYDROCHLORIDE.fullmatch(name)
    substance = IN_ANY_STATE.get(uncharged_name(read[1], user_ions) or read[1]) if read else None
    if read and substance and IONS[substance].valence <= 1:
        yield "HCl", ((IONS["Cl"], _number(read[2])), (IONS[substance], 1))


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to cut a name in two, without the separator between them."""
    yield from ((name[:cut], re.sub("^[- _]", "", name[cut:])) for cut in range(1, len(name)))


def uncharged_name(name: str, user_ions: UserIons = ()) -> str:
    """Return the name of an uncharged substance, however it is spelt; '' of a component that is none."""
    name = plain(name)
    known = UNCHARGED | uncharged_substances(user_ions).keys()
    meant = [name] if name in known else [each for each in _meanings(name, user_ions) if each in known]
    return meant[0] if len(meant) == 1 else ""


# Ends of words for anions and cations.
_ION_ENDING = re.compile("(ate|ium)$")


def is_in_any_state(name: str, user_ions: UserIons = ()) -> bool:
    """Return True for a name under which a substance is weighed as acid, base or salt: `HEPES`, `phosphate`.

    A salt's name, an ion's formula (`PO4`) and words for an ion (`ammonium`) say which charge was weighed; a charge in
    digits (`EGTA4`) does not, because there is no other name of an ion of EGTA.
    """
    if uncharged_name(name, user_ions) or plain(name) in IN_ANY_STATE:
        return True
    (ion, count), *others = components_at_pH(name, user_ions)
    is_formula = ion.formula == ion.name or _ION_ENDING.search(ion.name) is not None
    reacts = takes_protons([ion], known_acid_steps(user_ions))
    return count == 1 and not others and not is_formula and reacts


def _acid(name: str, user_ions: UserIons) -> Parts:
    """Return the protons and the anion of an acid in words (`acetic acid`) or as a formula (`HF`); else empty."""
    word = _casefolded(NAMED_ACIDS).get(name.casefold(), "")
    if not word and (stem := re.fullmatch(r"(?:[dl]{1,2}-|\([+-]\)-)?(.+)ic acid", name.casefold())):
        word = f"{stem[1]}ate"
    known = known_ions(user_ions)
    if (formula := re.fullmatch(r"H([2-4]?)([A-Z].*)", name)) and name not in known and formula[2] != "OH":
        anion = known.get(formula[2])
        if anion is not None and anion.formula == formula[2] and -anion.valence == int(formula[1] or 1):
            word = anion.name
    anions = [known[each] for each in _meanings(word, user_ions) if each in known and known[each].valence < 0]
    return ((known["H"], -anions[0].valence), (anions[0], 1)) if len(anions) == 1 else ()


def _phosphate_buffer(name: str, user_ions: UserIons) -> str:
    """Return the cation of a phosphate whose name leaves its count open (`K-Pi`), else ''."""
    named = re.fullmatch(r"(.+?)[-_ ]?(?:Pi|(?i:phosphate))", name)
    known = known_ions(user_ions)
    cations = [each for each in _meanings(named[1], user_ions) if each in known] if named else []
    return cations[0] if len(cations) == 1 and known[cations[0]].valence > 0 else ""


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
    label, name = name, plain(name)
    try:
        return _read(name, user_ions)
    except UnknownComponent as fault:
        last = [_as_anion(cation, rest, user_ions) for cation, rest in turned(name)]
        found, faults = set(), [fault]
        for each in (name, *last):
            found |= {*_protonated(each, user_ions), *_double_salts(each, user_ions)}
            try:
                found |= {_read(each, user_ions)} if each != name else set()
            except UnknownComponent as other:
                faults.append(other)
        if len(found) == 1:
            return found.pop()
        raise max(faults, key=lambda each: each.fault != _UNKNOWN).of(label) from None


def _read(name: str, user_ions: UserIons) -> Parts:
    """Return the ions of a component whose cation comes first; see `components`."""
    known = known_ions(user_ions)
    if name in known:
        return ((known[name], 1),)
    acid = _acid(name, user_ions)
    if acid and acid[1][0].name in STRONG_ACID_ANIONS:
        return acid
    _check_settled(name, acid, user_ions)
    substances = _meanings(name, user_ions)
    spelling = SALT_ALIASES.get(name.replace(" ", "-"), SALT_ALIASES.get(name, name))
    if apart := _fallen_apart(spelling, user_ions):
        return apart
    salts = [*_salts(spelling, user_ions), *_hydrochlorides(name, user_ions)]
    neutral = [salt for salt in salts if _excess(salt) == 0] or _with_counted_anions(name, salts)
    readings: dict[str, Parts] = {
        **{substance: ((known[substance], 1),) if substance in known else () for substance in substances},
        **{_spelled(salt): salt for salt in neutral},
    }
    if len(readings) == 1:
        return next(iter(readings.values()))
    if readings:
        *others, last = readings
        meanings = f"{', '.join(others)} or {last}"
        raise UnknownComponent(name, f"can be read as {meanings}: spell out which")
    if salts:
        parts = " and ".join(f"{count} {ion.name} ({ion.valence:+d})" for ion, count in salts[0])
        fault = f"reads as {parts}, whose charge does not balance"
        cation, anion = (ion for ion, _ in salts[0])
        is_open = cation.valence > 1 and anion.name in _FORMS  # CaEDTA: calcium and what a pH decides, not Ca2EDTA
        raise UnknownComponent(name, fault, meant="" if is_open else _spelled(_neutral(cation, anion)))
    raise UnknownComponent(name, _UNKNOWN, _OWN_ION, user_ions)


def _as_anion(cation: str, rest: str, user_ions: UserIons) -> str:
    """Return a salt with its cation first, of an acid in words as of its anion."""
    acid = _acid(rest, user_ions)
    return f"{cation}-{acid[1][0].name if acid else rest}"


def _protonated(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts of a substance in any state with two or more univalent cations, and protons for the rest."""
    for written, ((cation, count), (ion, _)) in _salts_in_any_state(name, user_ions):
        is_counted = count > 1 or any(counted(written))  # `monosodium`
        form = form_of_charge(ion, -count) if cation.valence == 1 and is_counted else None
        if form is not None:
            yield (cation, count), (form, 1)


def _double_salts(name: str, user_ions: UserIons) -> Iterator[Parts]:
    """Yield the salts of two cations, or of a cation and protons that a pH decides: `KNa-tartrate`, `Na2H2EDTA`."""
    for cut in range(2, len(name)):
        anion_name = re.sub("^[- _]", "", name[cut:])
        substance = IN_ANY_STATE.get(anion_name)
        anions = [ion for ion, count in _counted_ions(anion_name, user_ions) if ion.valence < 0 and count == 1]
        for (cation, n), (other, m) in _two_cations(name[:cut], user_ions):
            charge = -cation.valence * n - other.valence * m
            for anion in {*anions, *([IONS[substance]] if substance else [])}:
                of_acid = other.name == "H" and takes_protons([anion], known_acid_steps(user_ions))
                form = form_of_charge(anion, charge + m) if of_acid and anion.valence == charge else None
                if form is not None:
                    yield (cation, n), (form, 1)
                elif other.name != "H" and anion.valence == charge:
                    yield (cation, n), (other, m), (anion, 1)


def _two_cations(part: str, user_ions: UserIons) -> Iterator[tuple[tuple[Ion, int], tuple[Ion, int]]]:
    """Read two cations with their counts, the second perhaps of protons: `KNa`, `Na2H2`."""
    for cut in range(1, len(part)):
        second = [each for each in _counted_ions(re.sub("^[- _]", "", part[cut:]), user_ions) if each[0].valence > 0]
        first = _counted_ions(part[:cut], user_ions) if second else ()
        yield from ((one, two) for one in first for two in second if one[0].valence > 0 and one[0].name != "H")


def _fallen_apart(name: str, user_ions: UserIons) -> Parts:
    """Return the ions of a salt of a divalent anion that water turns into others (`Na2S`); empty of another name."""
    known = known_ions(user_ions)
    for cation_name, anion in _cuts(name):
        for cation, count in _counted_ions(cation_name, user_ions) if anion in FALLS_APART else ():
            in_words = cation_name.isalpha() and cation_name.islower()
            if cation.valence == 1 and (count == 2 or (count == 1 and in_words and len(anion) > _MIN_WORD_LETTERS)):
                return ((cation, 2), *((known[each], n) for each, n in FALLS_APART[anion].items()))
    return ()


def _check_settled(name: str, acid: Parts, user_ions: UserIons) -> None:
    """Check that the ions of a component do not depend on the pH."""
    if acid:
        raise UnknownComponent(name, "is a weak acid, whose ions depend on the pH")
    if name in IN_ANY_STATE and not _meanings(name, user_ions):
        raise UnknownComponent(name, "is a substance whose ions depend on the pH")
    if cation := known_ions(user_ions).get(_phosphate_buffer(name, user_ions)):
        written = "its phosphates by their formulas"
        if cation.valence == 1:
            two = f"({cation.name})2" if cation.name[-1].isdigit() else f"{cation.name}2"
            written = f"'{cation.name}H2PO4' and '{two}HPO4'"
        fault = f"leaves open how much {cation.name} it has, which depends on its pH: write {written}, or 'phosphate' "
        raise UnknownComponent(name, f"{fault}with a pH and the base in column 'titrant'")


_UNKNOWN = "is no ion, salt or uncharged substance that is known"
_OWN_ION = (
    "one of your own is one line, species,charge,mobility,analogue,source, in the table that the key (or option) "
    "`species` names: X,1,0.5,,source for an ion X, X,0,,,source for a substance without charge"
)


def _excess(salt: Salt) -> int:
    """Return the net charge of a salt."""
    return sum(ion.valence * count for ion, count in salt)


def _neutral(cation: Ion, anion: Ion) -> Salt:
    """Return the salt of two ions whose charges balance."""
    shared = gcd(cation.valence, anion.valence)
    return (cation, -anion.valence // shared), (anion, cation.valence // shared)


def _with_counted_anions(name: str, salts: list[Salt]) -> list[Salt]:
    """Return the salts that are written with a separator and no counts: `Ca-gluconate`, `sodium sulfate`."""
    if re.fullmatch(r"(?i)[a-z]{4,}[-_ ][a-z]{4,}", name):  # both in words
        return [_neutral(cation, anion) for (cation, n), (anion, m) in salts if n == m == 1]
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
    substances = (*known_ions(user_ions), *UNCHARGED, *uncharged_substances(user_ions))
    exact = dict(ALIASES) | {name: (name,) for name in substances}
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
    parts = [(part, 1)]
    if bracketed := re.fullmatch(r"\((.+)\)([1-9]?)", part):
        parts = [(bracketed[1], int(bracketed[2] or 1))]
    elif numbered := re.fullmatch(r"(.*\D)([1-9])", part):
        parts.append((numbered[1], int(numbered[2])))
    if not any(_meanings(spelling, user_ions) for spelling, _ in parts):
        parts += counted(part)
    for spelling, count in parts:
        known = known_ions(user_ions)
        yield from ((known[meaning], count) for meaning in _meanings(spelling, user_ions) if meaning in known)


def _salts(name: str, user_ions: UserIons) -> Iterator[Salt]:
    """List every reading of a name as a cation followed by an anion, neutral or not."""
    for cation_name, anion_name in _cuts(name):
        for cation, n_cations in _counted_ions(cation_name, user_ions):
            for anion, n_anions in _counted_ions(anion_name, user_ions):
                acid = cation.name == "H" and anion.name not in STRONG_ACID_ANIONS
                if cation.valence > 0 > anion.valence and gcd(n_cations, n_anions) == 1 and not acid:
                    yield (cation, n_cations), (anion, n_anions)


_HYDROCHLORIDE = re.compile(r"(.{4,}?)[-_ .\u00b7]*(\d|(?i:mono|di|tri|tetra)|) ?(?:HCl|(?i:hydrochloride))")


def _number(text: str) -> int:
    """Return a count in digits or words, 1 where there is none."""
    return int(text) if text.isdigit() else COUNTS.get(text.lower(), 1)


def _hydrochlorides(name: str, user_ions: UserIons) -> Iterator[Salt]:
    """Yield the chloride of a protonated base that is named by the acid: `Tris-HCl`, `spermine 4HCl`."""
    read = _HYDROCHLORIDE.fullmatch(name)
    if read is None:
        return
    known = known_ions(user_ions)
    for base in (known[meaning] for meaning in _meanings(read[1], user_ions) if meaning in known):
        is_base = base.name != read[1] or takes_protons([base], known_acid_steps(user_ions))
        if is_base and base.valence > 0 and not base.is_metal and _number(read[2]) == base.valence:
            yield (base, 1), (known["Cl"], base.valence)


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
    names = {*known_ions(user_ions), *UNCHARGED, *uncharged_substances(user_ions)}
    for cation in (ion for ion in ions if ion.valence > 0):
        for anion in (ion for ion in ions if ion.valence < 0):
            if cation.name == "H" and anion.name not in STRONG_ACID_ANIONS:
                continue
            names.add(_spelled(_neutral(cation, anion)))
    return tuple(sorted(names, key=lambda name: (len(name), name)))


def _nearest(name: str, user_ions: UserIons) -> str:
    """Return the most similar known name, '' where none is; separators do not count, case decides between equals."""

    def plain(text: str) -> str:
        return re.sub(r"[-_ ()]", "", text)

    if name[:1] == "H" and name[1:] in IN_ANY_STATE:  # `HATP`: what it holds of protons is for a pH to say
        return name[1:]
    without_charge = re.sub(r"[1-9]?[+-]+$", "", name)  # `Na+`, `Ca2+`
    if without_charge != name and without_charge in known_ions(user_ions):
        return without_charge
    folded, exact = (SequenceMatcher(None, "", text) for text in (plain(name).casefold(), name))
    nearest, most = "", (-1.0, -1.0)
    for known in _known_names(user_ions):
        folded.set_seq1(plain(known).casefold())
        if min(folded.real_quick_ratio(), folded.quick_ratio()) < most[0]:
            continue  # neither can be better
        exact.set_seq1(known)
        if (similarity := (folded.ratio(), exact.ratio())) > most:
            nearest, most = known, similarity
    letters = [re.sub(r"[\W\d_]", "", text).casefold() for text in (name, nearest)]
    is_short = len(letters[0]) < _MIN_WORD_LETTERS
    endings = {found[1].lower() for text in (name, nearest) if (found := _ENDING.search(text))}
    cation, of_salt, _ = nearest.partition("-")
    if len(endings) > 1 or (of_salt and re.fullmatch("[A-Z]+", name) and not name.startswith(cation)):
        return ""  # letters of an abbreviation are no metal: `ACES` is not Ag-CHES
    return nearest if letters[0] == letters[1] or (not is_short and most[0] >= _MIN_SIMILARITY) else ""


def ion_in_words(name: str, known: Collection[str]) -> str:
    """Return the ion, one of some, that a name spells otherwise, as in words; '' where it is none's or several's."""
    meant = [each for each in _meanings(name, ()) if each in known]
    return meant[0] if len(meant) == 1 else ""
