"""Ions that one side of the name of a component means, with their counts."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from nernstfit.physics.solution.component_labels import counted, plain
from nernstfit.physics.solution.component_names import ALIASES, UNCHARGED
from nernstfit.physics.solution.ions import Ion, UserIons, known_ions, uncharged_substances
from nernstfit.physics.solution.salt_names import NAMED_ACIDS

Parts = tuple[tuple[Ion, float], ...]
Salt = tuple[tuple[Ion, float], tuple[Ion, float]]

# Letters from which a spelling is read in any case. At half, symbols would lose their case (`co`, `CS`); at double,
# `Hepes`, `kalium` and `glucose` would have to be typed exactly.
MIN_WORD_LETTERS = 4


def cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to cut a name in two, without the separator between them."""
    yield from ((name[:cut], re.sub("^[- _]", "", name[cut:])) for cut in range(1, len(name)))


@cache
def _spellings(user_ions: UserIons) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return every spelling of a substance with its meanings: as written, and words in lower case."""
    substances = (*known_ions(user_ions), *UNCHARGED, *uncharged_substances(user_ions))
    exact = dict(ALIASES) | {name: (name,) for name in substances}
    words = {
        spelling.casefold(): meanings
        for spelling, meanings in exact.items()
        if sum(letter.isalpha() for letter in spelling) >= MIN_WORD_LETTERS
    }
    return exact, words


def meanings(spelling: str, user_ions: UserIons) -> tuple[str, ...]:
    """Return the ions and uncharged substances that a spelling can mean."""
    exact, words = _spellings(user_ions)
    return exact.get(spelling) or words.get(spelling.casefold(), ())


def counted_ions(part: str, user_ions: UserIons) -> Iterator[tuple[Ion, int]]:
    """Read one side of a salt: `Na`, `Na2`, `(NH4)2`; a name that ends in a digit has its count in brackets."""
    parts = [(part, 1)]
    if bracketed := re.fullmatch(r"\((.+)\)([1-9]?)", part):
        parts = [(bracketed[1], int(bracketed[2] or 1))]
    elif numbered := re.fullmatch(r"(.*\D)([1-9])", part):
        parts.append((numbered[1], int(numbered[2])))
    if not any(meanings(spelling, user_ions) for spelling, _ in parts):
        parts += counted(part)
    for spelling, count in parts:
        known = known_ions(user_ions)
        yield from ((known[meaning], count) for meaning in meanings(spelling, user_ions) if meaning in known)


def is_counted_in_words(part: str, user_ions: UserIons) -> bool:
    """Return True for one side of a salt with a count in words: `disodium`, but not `Trizma`."""
    return not meanings(part, user_ions) and any(meanings(spelling, user_ions) for spelling, _ in counted(part))


def spelt_plainly(label: str, user_ions: UserIons) -> str:
    """Return a label in plain letters, see `plain`; as it is where it has a user's name that this would change."""
    return label if any(ion.name in label and plain(ion.name) != ion.name for ion in user_ions) else plain(label)


def uncharged_name(name: str, user_ions: UserIons = ()) -> str:
    """Return the name of an uncharged substance, however it is spelt; '' of a component that is none."""
    name = spelt_plainly(name, user_ions)
    known = UNCHARGED | uncharged_substances(user_ions).keys()
    meant = [name] if name in known else [each for each in meanings(name, user_ions) if each in known]
    return meant[0] if len(meant) == 1 else ""


def acid_in_words(name: str, user_ions: UserIons) -> Parts:
    """Return the protons and the anion of an acid in words (`acetic acid`) or as a formula (`HF`); else empty."""
    word = _casefolded(NAMED_ACIDS).get(name.casefold(), "")
    if not word and (stem := re.fullmatch(r"(?:[dl]{1,2}-|\([+-]\)-)?(.+)ic acid", name.casefold())):
        word = f"{stem[1]}ate"
    known = known_ions(user_ions)
    if (formula := re.fullmatch(r"H([2-4]?)([A-Z].*)", name)) and name not in known and formula[2] != "OH":
        anion = known.get(formula[2])
        if anion is not None and anion.formula == formula[2] and -anion.valence == int(formula[1] or 1):
            word = anion.name
    anions = [known[each] for each in meanings(word, user_ions) if each in known and known[each].valence < 0]
    return ((known["H"], -anions[0].valence), (anions[0], 1)) if len(anions) == 1 else ()


def _casefolded(names: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): meaning for name, meaning in names.items()}
