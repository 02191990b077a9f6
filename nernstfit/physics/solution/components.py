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
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from functools import cache, cached_property
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
    spelt_plainly,
    uncharged_name,
)
from nernstfit.physics.solution.component_labels import plain, turned
from nernstfit.physics.solution.component_names import ALIASES, IN_ANY_STATE, UNCHARGED
from nernstfit.physics.solution.component_salts import (
    as_anion,
    excess,
    fallen_apart,
    neutral_salt,
    of_special_salts,
    phosphate_buffer,
    salts_in_any_state,
)
from nernstfit.physics.solution.ions import IONS, Ion, UserIons, known_ions, uncharged_substances
from nernstfit.physics.solution.reactions import known_acid_steps, takes_protons
from nernstfit.physics.solution.salt_names import OPEN_LABELS, STRONG_ACID_ANIONS

__all__ = [
    "Parts",
    "UnknownComponent",
    "components",
    "components_at_pH",
    "ion_in_words",
    "is_in_any_state",
    "uncharged_name",
]


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


# Part of the letters that a name shares with a known one that is suggested, which is more than this. With less, cocaine
# would be taken for procaine (.80); at half, nicotine for creatine; at double nothing would be suggested. Of shorter
# names than words, one letter makes another substance (CPA, Ca): they need the same letters.
_MIN_SIMILARITY = 0.8

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
    label, name = name, spelt_plainly(name, user_ions)
    if substance := IN_ANY_STATE.get(uncharged_name(name, user_ions) or name):
        return ((IONS[substance], 1),)
    try:
        return acid_in_words(name, user_ions) or components(label, user_ions)
    except UnknownComponent:
        found = {*salts_in_any_state(name, user_ions)}
        salts = {salt for _, salt in found if [(ion.name, count) for ion, count in salt[:1]] != [("H", 1)]}
        if len(salts) != 1:
            raise
        for written, ((cation, _), _) in found:
            if cation.valence == 1 and _is_word(written, user_ions):
                fault = f"leaves open how much {cation.name} it has: write the count of its label, as in"
                raise UnknownComponent(label, f"{fault} '{cation.name}2-ATP'") from None
        return salts.pop()


def _is_word(cation: str, user_ions: UserIons) -> bool:
    """Return True for a cation in words, which no one counts where there is one (`sodium`); `Tris` is a name."""
    return (
        cation.isalpha()
        and len(cation) >= MIN_WORD_LETTERS
        and bool(meanings(cation, user_ions))
        and (cation not in known_ions(user_ions))
    )


# Ends of words for anions and cations.
_ION_ENDING = re.compile("(ate|ium)$")


def is_in_any_state(name: str, user_ions: UserIons = ()) -> bool:
    """Return True for a name under which a substance is weighed as acid, base or salt: `HEPES`, `phosphate`.

    A salt's name, an ion's formula (`PO4`) and words for an ion (`ammonium`) say which charge was weighed; a charge in
    digits (`EGTA4`) does not, because there is no other name of an ion of EGTA.
    """
    if uncharged_name(name, user_ions) or spelt_plainly(name, user_ions) in IN_ANY_STATE:
        return True
    (ion, count), *others = components_at_pH(name, user_ions)
    is_formula = ion.formula == ion.name or _ION_ENDING.search(ion.name) is not None
    reacts = takes_protons([ion], known_acid_steps(user_ions))
    return count == 1 and not others and not is_formula and reacts


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
    tuple of (Ion, float)
        Each ion with its count: ((ion, 1),) for an ion, the cation and the anion for a salt, empty for an
        uncharged substance; a half of one ion in a salt such as `HEPES hemisodium`.

    Raises
    ------
    UnknownComponent
        If the name is unknown or ambiguous, or is a salt whose charges do not balance.
    """
    label, name = name, spelt_plainly(name, user_ions)
    try:
        return _read(name, user_ions)
    except UnknownComponent as fault:
        last = [as_anion(cation, rest, user_ions) for cation, rest in turned(name)]
        found: dict[frozenset[tuple[Ion, float]], Parts] = {}
        faults = [fault, *_open_acids(name, user_ions)]
        for each in (name, *last) if len(faults) == 1 else ():
            found |= {frozenset(salt): salt for salt in of_special_salts(each, user_ions)}
            try:
                salt = _read(each, user_ions) if each != name else ()
                found |= {frozenset(salt): salt} if salt else {}
            except UnknownComponent as other:
                faults.append(other)
        if len(found) == 1:
            return found.popitem()[1]
        raise max(faults, key=lambda each: each.fault != _UNKNOWN).of(label) from None


def _open_acids(name: str, user_ions: UserIons) -> Iterator[UnknownComponent]:
    """Yield the fault of a salt of an acid with several protons whose cations have no count: `citric acid sodium`."""
    for cation, rest in turned(name):
        acid = acid_in_words(rest, user_ions)
        is_univalent = any(ion.valence == 1 for ion, _ in counted_ions(cation, user_ions))
        is_open = cation.isalpha() and is_univalent and not is_counted_in_words(cation, user_ions)
        if acid and acid[0][1] > 1 and is_open:
            fault = f"leaves open how much {cation} it has: write the count of its label, as in 'disodium'"
            yield UnknownComponent(name, fault)


def _read(name: str, user_ions: UserIons) -> Parts:
    """Return the ions of a component whose cation comes first; see `components`."""
    known = known_ions(user_ions)
    if name in known:
        return ((known[name], 1),)
    acid = acid_in_words(name, user_ions)
    if acid and acid[1][0].name in STRONG_ACID_ANIONS:
        return acid
    _check_settled(name, acid, user_ions)
    substances = meanings(name, user_ions)
    if apart := fallen_apart(name, user_ions):
        return apart
    salts = [*_salts(name, user_ions)]
    neutral = [salt for salt in salts if excess(salt) == 0] or _with_counted_anions(name, salts, user_ions)
    readings: dict[str, Parts] = {
        **{substance: ((known[substance], 1),) if substance in known else () for substance in substances},
        **{_spelled(salt): salt for salt in neutral},
    }
    if len(readings) == 1:
        return next(iter(readings.values()))
    if readings:
        *others, last = readings
        raise UnknownComponent(name, f"can be read as {', '.join(others)} or {last}: spell out which")
    if salts:
        parts = " and ".join(f"{count} {ion.name} ({ion.valence:+d})" for ion, count in salts[0])
        fault = f"reads as {parts}, whose charge does not balance"
        cation, anion = (ion for ion, _ in salts[0])
        is_open = cation.valence > 1 and anion.name in _FORMS  # CaEDTA: calcium and what a pH decides, not Ca2EDTA
        raise UnknownComponent(name, fault, meant="" if is_open else _spelled(neutral_salt(cation, anion)))
    raise UnknownComponent(name, _UNKNOWN, _OWN_ION, user_ions)


def _check_settled(name: str, acid: Parts, user_ions: UserIons) -> None:
    """Check that the ions of a component do not depend on the pH."""
    if written := OPEN_LABELS.get(name.lower()):
        raise UnknownComponent(name, f"is sold in several compositions: write {written}")
    if acid:
        raise UnknownComponent(name, "is a weak acid, whose ions depend on the pH")
    if name in IN_ANY_STATE and not meanings(name, user_ions):
        raise UnknownComponent(name, "is a substance whose ions depend on the pH")
    if cation := known_ions(user_ions).get(phosphate_buffer(name, user_ions)):
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


def _with_counted_anions(name: str, salts: list[Salt], user_ions: UserIons) -> list[Salt]:
    """Return the salts that are written with a separator and no counts: `Ca-gluconate`, `sodium sulfate`."""
    if re.fullmatch(r"(?i)[a-z]{4,}[-_ ][a-z]{4,}(?:\(I+\))?", name):  # both in words
        if is_counted_in_words(re.split("[-_ ]", name)[0], user_ions):  # `monosodium`
            return []
        return [neutral_salt(cation, anion) for (cation, n), (anion, m) in salts if n == m == 1]
    if not re.fullmatch(r"[A-Z][a-z]?[-_ ][a-z]{3}.*", name):
        return []
    return [
        ((cation, 1), (anion, cation.valence))
        for (cation, n_cations), (anion, n_anions) in salts
        if n_cations == n_anions == 1 and anion.valence == -1 and cation.is_metal
    ]


def _salts(name: str, user_ions: UserIons) -> Iterator[Salt]:
    """List every reading of a name as a cation followed by an anion, neutral or not."""
    for cation_name, anion_name in cuts(name):
        for cation, n_cations in counted_ions(cation_name, user_ions):
            for anion, n_anions in counted_ions(anion_name, user_ions):
                acid = cation.name == "H" and anion.name not in STRONG_ACID_ANIONS
                if cation.valence > 0 > anion.valence and gcd(n_cations, n_anions) == 1 and not acid:
                    yield (cation, n_cations), (anion, n_anions)


def _spelled(salt: Salt) -> str:
    """Return a salt's name with the charge of each ion that has several: `Na2-ATP2`."""

    def part(ion: Ion, count: float) -> str:
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
            names.add(_spelled(neutral_salt(cation, anion)))
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
    is_short = len(letters[0]) < MIN_WORD_LETTERS
    endings = {found[1].lower() for text in (name, nearest) if (found := _ENDING.search(text))}
    cation, of_salt, _ = nearest.partition("-")
    if len(endings) > 1 or (of_salt and re.fullmatch("[A-Z]+", name) and not name.startswith(cation)):
        return ""  # letters of an abbreviation are no metal: `ACES` is not Ag-CHES
    is_similar = most[0] > _MIN_SIMILARITY or sorted(letters[0]) == sorted(letters[1])  # `HEPSE`
    return nearest if letters[0] == letters[1] or (not is_short and is_similar) else ""


def ion_in_words(name: str, known: Collection[str]) -> str:
    """Return the ion, one of some, that a name spells otherwise, as in words; '' where it is none's or several's."""
    meant = [each for each in meanings(plain(name), ()) if each in known]
    return meant[0] if len(meant) == 1 else ""
