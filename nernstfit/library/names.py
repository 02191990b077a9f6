"""Guesses of cell and bath from the names of recordings. Each says what it rests on, or that nothing does."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePath

from nernstfit.physics.solution.components import UnknownComponent, components

_SEPARATORS = re.compile(r"[\s_\-+,;()\[\]]+")
# `c1`, `cell 3`, `patch12a`; a number alone counts only behind such a word.
_CELL_WORDS = "cell|patch|oocyte|egg|neuron|zelle|zell|cellule|c\u00e9lula|celula|cellula|cel|ovocyte|oozyte"
_CELL = re.compile(rf"(c|p|n|{_CELL_WORDS})\.?0*(\d{{1,4}}[a-z]?)", re.IGNORECASE)
_CELL_WORD = re.compile(_CELL_WORDS, re.IGNORECASE)
# Any word may be somebody's name of a cell, but for those that count something else: `x 3`, `x3`, `komorka3`. Joined to
# a number, capitals are rather a channel: TRPV1, Kv7.
_NUMBERED = re.compile(r"([^\W\d_]|[^\W\d_A-Z]{3,})\.?(\d{1,4}[a-z]?)")
_NUMBER = re.compile(r"\d{1,4}[a-z]?")
_COUNTERS = frozenset(
    (
        *("sweep", "trial", "run", "rec", "record", "recording", "file", "series", "set", "step", "ramp", "protocol"),
        *("prot", "iv", "test", "rep", "repeat", "take", "block", "part", "pulse", "dose", "day", "d", "exp", "v", "t"),
        *("experiment", "batch", "rat", "mouse", "animal", "slice", "dish", "plate", "coverslip", "rig", "ch", "ph"),
        *("vh", "hp", "hold", "holding", "gain", "rs", "filter", "temp", "jan", "feb", "mar", "apr", "may", "jun"),
        *("jul", "aug", "sep", "sept", "oct", "nov", "dec", "january", "february", "march", "april", "june", "july"),
        *("august", "september", "october", "november", "december", "wdh", "versuch", "tag", "jour", "dia"),
    )
)
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
# 20181116 or 181116, with the experimenter's initials behind it; or as Clampex names files: 18n16003, 20917009.
_DATE = re.compile(
    rf"((?:(?:19|20)\d\d|\d\d)(?:0[1-9]|1[0-2]){_DAY})[a-z]{{0,3}}|(\d{{1,2}}(?:0[1-9]|1[0-2]|[1-9ond]){_DAY})\d{{3}}",
    re.IGNORECASE,
)
_DOTTED_DATE = re.compile(r"[0-3]?\d\.[01]?\d\.(?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d\.[01]?\d\.[0-3]?\d")  # 05.03.2024
_SPACED_DATES = (r"(19|20)\d\d [01]?\d [0-3]?\d", r"[0-3]?\d [0-3]?\d (19|20)\d\d")  # its parts are words
_AMOUNT = re.compile(r"0|\d{1,3}(\.\d+)?mM")
_SOLUTION_WORDS = frozenset(
    (
        *("control", "ctrl", "bath", "standard", "normal", "ringer", "tyrode", "saline", "krebs", "symmetric"),
        *("symmetrical", "wash", "washout", "baseline", "sodium", "potassium", "caesium", "cesium", "lithium"),
        *("rubidium", "calcium", "barium", "strontium", "magnesium", "chloride", "bromide", "iodide", "nitrate"),
        *("fluoride", "gluconate", "acetate", "sulfate", "sulphate", "bicarbonate", "thiocyanate", "perchlorate"),
        *("methanesulfonate", "high", "low", "zero", "free", "half", "quarter", "double", "iso", "equimolar"),
        *("biionic", "nmdg", "tris", "choline", "tea", "tma", "sucrose", "mannitol"),
        *(
            "kontrolle",
            "kontroll",
            "hoch",
            "hohes",
            "hoher",
            "hohe",
            "niedrig",
            "niedriges",
            "wenig",
            "viel",
            "natrium",
        ),
        *("kalium", "chlorid", "t\u00e9moin", "temoin", "contr\u00f4le", "haut", "bas", "faible", "fort"),
        *("alto", "bajo", "alta", "baja", "sodio", "potasio", "potassio", "cloruro"),
    )
)
"""Words that name a bath in the names of files. A word that is missing here leaves the bath to be filled in."""
# An adjective before an ion, as in `hohes K`, whatever the language; capitals are rather a group or a protocol.
_ADJECTIVE = re.compile(r"[^\W\d_A-Z]{3,}")


@dataclass(frozen=True)
class Guess:
    """Cell and bath of one recording.

    Attributes
    ----------
    cell, bath : str
        '' where the names say nothing.
    doubts : tuple of str
        Sentences on what was guessed from little, or not at all.
    """

    cell: str
    bath: str
    doubts: tuple[str, ...]

    @property
    def doubts_of_cell(self) -> tuple[str, ...]:
        """Return the doubts about the cell."""
        return tuple(doubt for doubt in self.doubts if doubt.startswith("cell:"))


def guess(paths: Sequence[PurePath]) -> list[Guess]:
    """Guess the cell and the bath of each recording.

    Parameters
    ----------
    paths : sequence of PurePath
        Relative to the folder that holds them all.

    Returns
    -------
    list of Guess
        In the same order.
    """
    paths = [PurePath(unicodedata.normalize("NFC", str(path))) for path in paths]
    found = _apart(paths, _numbered(paths, _with_adjectives(paths, [_guess(path) for path in paths])))
    of_cells: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, each in zip(paths, found, strict=True):
        of_cells[each.cell].append((each.bath, _number_behind(path)))
    mixed = {bath for own in of_cells.values() if not _are_counts([n for _, n in own]) for bath in _of_amounts(own)}
    return _placed(paths, [_without_bath(each) if each.bath in mixed else each for each in found])


def _placed(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with baths from words of any kind, which stand where other names of the cells have a solution.

    `c1_Ringer`, `c1_hohesK`, `c2_Ringer`, `c2_hohesK`: a word that several cells have at this place is a bath, to be
    confirmed.
    """
    words = [_words(path.stem) for path in paths]
    places = {(len(own), i) for own in words for i in range(len(own)) if _is_solution(own[i])}
    cells: dict[str, set[str]] = defaultdict(set)
    named: list[set[str]] = []
    for own, each in zip(words, found, strict=True):
        at_place = {word for i, word in enumerate(own) if (len(own), i) in places and _may_be_bath(word, each.cell)}
        named.append(at_place if each.cell and not each.bath and not any(map(_is_solution, own)) else set())
        for word in named[-1]:
            cells[word].add(each.cell)
    made = []
    for names, each in zip(named, found, strict=True):
        kept = [name for name in names if len(cells[name]) > 1]
        if len(kept) != 1:
            made.append(each)
            continue
        doubt = f"bath: '{kept[0]}' stands where other names have the bath, in {len(cells[kept[0]])} cells; confirm it"
        others = [doubt for doubt in each.doubts if not doubt.startswith("bath:")]
        made.append(replace(each, bath=kept[0], doubts=(*others, doubt)))
    return made


def _may_be_bath(word: str, cell: str) -> bool:
    """Return True for a word with a letter that is no name of a cell, no counter and no date."""
    letters = re.sub(r"\d", "", word)
    is_counted = letters.casefold() in _COUNTERS or bool(_CELL.fullmatch(word) or _CELL_WORD.fullmatch(word))
    return letters.isalpha() and not is_counted and word not in cell and not _DATE.fullmatch(word)


def _with_adjectives(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with the word before an ion in the bath's name, where it stands before no other one."""
    words = [[word for word in _SEPARATORS.split(path.stem) if word] for path in paths]
    following: dict[str, set[str]] = defaultdict(set)
    for word, behind in (pair for own in words for pair in itertools.pairwise(own)):
        following[word].add(behind)
    doubt = "bath: '{}' before '{}' is taken for a part of its name; correct it where it is none"
    made = []
    for own, each in zip(words, found, strict=True):
        first = each.bath.partition("_")[0]
        before = own[own.index(first) - 1] if first in own[1:] else ""
        is_one = _ADJECTIVE.fullmatch(before) and following[before] == {first} and not _CELL_WORD.fullmatch(before)
        if is_one and before.casefold() not in _COUNTERS:
            doubts = (*each.doubts, doubt.format(before, first))
            each = replace(each, bath=f"{before}_{each.bath}", doubts=doubts)
        made.append(each)
    return made


def _numbered(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with cells from words of any kind, whose number stays the same in several baths.

    `Foo 1 Na`, `Foo 1 K`, `Foo 2 Na`: the number behind the word is that of a cell rather than of a file or a repeat.
    """
    of_paths = [
        set() if each.cell and not each.doubts_of_cell else set(_candidates(path))
        for path, each in zip(paths, found, strict=True)
    ]
    baths: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for path, each, names in zip(paths, found, of_paths, strict=True):
        for name in names if each.bath else ():
            baths[name].add((each.bath, _number_behind(path)))
    counted = Counter(word for word, _ in set().union(*of_paths))
    of_cells = {word for (word, _), own in baths.items() if len(own) > 1 and counted[word] > 1}
    made = []
    for each, names in zip(found, of_paths, strict=True):
        kept = [name for name in names if name[0] in of_cells]
        if len(kept) != 1:
            made.append(each)
            continue
        doubt = f"cell: taken from the number behind '{kept[0][0]}', which stays in several baths; confirm it"
        others = [doubt for doubt in each.doubts if doubt not in each.doubts_of_cell]
        made.append(Guess("".join(kept[0]), each.bath, (doubt, *others)))
    return made


def _candidates(path: PurePath) -> Iterator[tuple[str, str]]:
    """Yield each word that a number follows in a file's name, with the number, but for solutions and counters."""
    words = _words(path.stem)
    for word, following in itertools.pairwise([*words, ""]):
        match = _NUMBERED.fullmatch(word)
        name, number = (match[1], match[2]) if match else (word, following)
        is_name = name.isalpha() and _NUMBER.fullmatch(number) and name.casefold() not in _COUNTERS
        if is_name and not (_is_solution(name) or _is_solution(word)):
            yield name, number


def _apart(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with cells of one name told apart by the day, or the folder, where these differ."""
    contexts = _contexts(paths, found)
    of_cells: dict[str, set[str]] = defaultdict(set)
    for each, context in zip(found, contexts, strict=True):
        of_cells[each.cell].add(context)
    doubt = (
        "cell: '{}' is in several folders, on several days or behind several names, taken for a cell of each; correct "
        "it where it is one"
    )
    return [
        replace(each, cell=f"{context} {each.cell}".strip(), doubts=(doubt.format(each.cell), *each.doubts))
        if each.cell and len(of_cells[each.cell]) > 1
        else each
        for each, context in zip(found, contexts, strict=True)
    ]


def _contexts(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[str]:
    """Return what tells cells of one name apart: folder and day, or the words before the cell in the file's name.

    Words before a cell are those of a group, `WT c1` and `mut c1`, where files of one bath have several of them; else
    they may be those of baths.
    """
    contexts = [_context(path) for path in paths]
    before = [_words_before_cell(path, each.cell) for path, each in zip(paths, found, strict=True)]
    of_baths: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each, context, words in zip(found, contexts, before, strict=True):
        if each.bath:
            of_baths[each.cell, context, each.bath].add(words)
    told = {
        (cell, context) for (cell, context, _), several in of_baths.items() if len(several) > 1 and "" not in several
    }
    return [
        f"{context} {words}".strip() if (each.cell, context) in told and words else context
        for each, context, words in zip(found, contexts, before, strict=True)
    ]


def _words_before_cell(path: PurePath, cell: str) -> str:
    """Return the words before a cell in a file's name that are no solution, counter, number or date."""
    words = [word for word in _SEPARATORS.split(path.stem) if word]
    places = (i for i in range(len(words)) if _named_cell(words[i:]) == cell != _named_cell(words[i + 1 :]))
    place = next(places, 0)
    return " ".join(
        word for word in words[:place] if word.isalpha() and not _is_solution(word) and word.casefold() not in _COUNTERS
    )


def _context(path: PurePath) -> str:
    """Return the day of a recording, or the folders that name neither its cell nor a solution."""
    folders = [_words(part) for part in path.parts[:-1]]
    day = _date(_words(path.stem))
    others = [
        part for words, part in zip(folders, path.parts[:-1], strict=True) if not (_named_cell(words) or _bath(words))
    ]
    return day or "/".join(others)


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(name) if word]


def _of_amounts(numbered: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the baths of one cell behind whose names stand numbers that count no repeats."""
    for bath in {bath for bath, _ in numbered if bath}:
        own = [number for name, number in numbered if name == bath]
        if len(set(own)) > 1 and not _are_counts(own, (0, 1)):
            yield bath


def _number_behind(path: PurePath) -> str:
    """Return the number that stands behind the last word of a solution; '' for none, and for one with leading zeros."""
    words = _words(path.stem)
    behind = [following for word, following in itertools.pairwise(words) if _is_solution(word)]
    return behind[-1] if behind and re.fullmatch(r"0|[1-9]\d*(\.\d+)?", behind[-1]) else ""


def _are_counts(numbers: Sequence[str], starts: Sequence[int] | None = None) -> bool:
    """Return True for numbers that follow one another, each once: of repeats from 0 or 1 on, or of files."""
    if not all(each.isdecimal() or not each for each in numbers):
        return False
    counts = sorted(int(each or 0) for each in numbers)
    follow = counts == list(range(counts[0], counts[0] + len(counts)))
    return follow and (starts is None or counts[0] in starts)


def _without_bath(guessed: Guess) -> Guess:
    """Return a guess without its bath, whose name has amounts behind it that tell solutions apart."""
    doubt = f"bath: numbers behind '{guessed.bath}' may be amounts; enter the solution"
    return replace(guessed, bath="", doubts=(*guessed.doubts, doubt))


def _guess(path: PurePath) -> Guess:
    words = _words(path.stem)
    folders = [word for part in path.parts[:-1] for word in _words(part)]
    bath = _bath(words) or _bath(folders)
    cell, doubts = _cell(path, words, folders)
    if not bath:
        doubts = (*doubts, "bath: the name does not say which; enter the solution")
    return Guess(cell, bath, doubts)


def _cell(path: PurePath, words: Sequence[str], folders: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the cell, and the doubts about it."""
    for place in (words, folders):
        if found := _named_cell(place):
            return found, ()
    if len(path.parts) > 1:
        return "/".join(path.parts[:-1]), (
            "cell: taken from the folder; correct it where a folder holds several cells",
        )
    if date := _date(words):
        return date, ("cell: taken from the date, as if one cell had been recorded on it; give each cell its own name",)
    return "", ("cell: the name does not say which; enter it: recordings of one cell have the same",)


def _date(words: Sequence[str]) -> str:
    """Return the date that some words name; '' where they name none."""
    for place in range(len(words) - 2):
        if any(re.fullmatch(each, " ".join(words[place : place + 3])) for each in _SPACED_DATES):
            return "-".join(words[place : place + 3])
    if dotted := next((word for word in words if _DOTTED_DATE.fullmatch(word)), ""):
        return dotted
    dates = (match[1] or match[2] for word in words if (match := _DATE.fullmatch(word)))
    return next(dates, "")


def _bath(words: Sequence[str]) -> str:
    """Return the words that name a solution, with a number before one of them: `0 Ca` is not `Ca`."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if _is_solution(word):
            found += [before] if _AMOUNT.fullmatch(before) else []
            found.append(word)
    return "_".join(found)


def _named_cell(words: Sequence[str]) -> str:
    """Return the cell that one of some words names, with its number; '' where none does."""
    for place, word in enumerate(words):
        following, *after = [*words[place + 1 : place + 4], ""]
        if _CELL.fullmatch(word):
            return word
        is_day = bool(_date([following, *after]))
        if _CELL_WORD.fullmatch(word) and re.fullmatch(r"\d{1,4}[a-z]?", following) and not is_day:
            return f"{word}{following}"
    return ""


@cache
def _is_solution(word: str) -> bool:
    """Return True for a word that names a bath: a usual one, or a component with or without an amount."""
    name = re.sub(r"^\d+(\.\d+)?(mM)?|\d+(\.\d+)?mM$", "", word)
    name = re.sub(r"^(high|low)(?=[A-Z])", "", name)
    if name.lower() in _SOLUTION_WORDS:
        return True
    if len(name) < 2 and name not in ("K", "F", "I"):
        return False
    try:
        return bool(components(name, ()))
    except UnknownComponent:
        return False
