"""Guesses of cell and bath from the names of recordings. Each says what it rests on, or that nothing does."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from nernstfit.library import bath_names, name_words
from nernstfit.library.bath_names import Guess


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
    return _asked_in_folders(paths, bath_names.completed(paths, _placed(paths, found)))


def _placed(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with baths from words of any kind, which stand where other names of the cells have a solution.

    `c1_Ringer`, `c1_hohesK`, `c2_Ringer`, `c2_hohesK`: a word that several cells have at this place is a bath, to be
    confirmed.
    """
    words = [name_words.split(path.stem) for path in paths]
    places = {(len(own), i) for own in words for i in range(len(own)) if name_words.is_solution(own[i])}
    cells: dict[str, set[str]] = defaultdict(set)
    named: list[set[str]] = []
    for own, each in zip(words, found, strict=True):
        at_place = {word for i, word in enumerate(own) if (len(own), i) in places and _may_be_bath(word, each.cell)}
        named.append(at_place if each.cell and not each.bath and not any(map(name_words.is_solution, own)) else set())
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
    is_counted = letters.casefold() in name_words.COUNTERS or bool(
        name_words.CELL.fullmatch(word) or name_words.CELL_WORD.fullmatch(word)
    )
    return letters.isalpha() and not is_counted and word not in cell and not name_words.DATE.fullmatch(word)


def _with_adjectives(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with the word before an ion in the bath's name, where it stands before no other one."""
    words = [name_words.split(path.stem) for path in paths]
    following: dict[str, set[str]] = defaultdict(set)
    for word, behind in (pair for own in words for pair in itertools.pairwise(own)):
        following[word].add(behind)
    doubt = "bath: '{}' before '{}' is taken for a part of its name; correct it where it is none"
    made = []
    for own, each in zip(words, found, strict=True):
        first = each.bath.partition("_")[0]
        before = own[own.index(first) - 1] if first in own[1:] else ""
        is_one = (
            name_words.ADJECTIVE.fullmatch(before)
            and following[before] == {first}
            and not name_words.CELL_WORD.fullmatch(before)
        )
        if is_one and before.casefold() not in name_words.COUNTERS:
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
    words = name_words.split(path.stem)
    for word, following in itertools.pairwise([*words, ""]):
        match = name_words.NUMBERED.fullmatch(word)
        name, number = (match[1], match[2]) if match else (word, following)
        is_name = name.isalpha() and name_words.NUMBER.fullmatch(number) and name.casefold() not in name_words.COUNTERS
        if is_name and not (name_words.is_solution(name) or name_words.is_solution(word)):
            yield name, number


def _apart(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with cells of one name told apart by the day or the folder, where these differ.

    The names of all cells have the day or the folder then: `12.3.24 Zelle1` beside `12.3.24 Zelle2`, where Zelle 1 is
    of another day, too.
    """
    contexts = _contexts(paths, found)
    of_cells: dict[str, set[str]] = defaultdict(set)
    for each, context in zip(found, contexts, strict=True):
        of_cells[each.cell].add(context)
    several = [cell for cell, own in of_cells.items() if cell and len(own) > 1]
    if not several:
        return list(found)
    doubt = (
        f"cell: '{several[0]}' is in several folders, on several days or behind several names, taken for a cell of "
        "each; correct it where it is one"
    )
    return [
        replace(each, cell=f"{context} {each.cell}", doubts=(doubt, *each.doubts))
        if context and (each.cell in several or (each.cell and not each.doubts_of_cell))
        else replace(each, doubts=(doubt, *each.doubts))
        if each.cell in several
        else each
        for each, context in zip(found, contexts, strict=True)
    ]


def _asked_in_folders(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with a doubt on each cell that has one bath in several folders."""
    folders: dict[tuple[str, str], set[PurePath]] = defaultdict(set)
    for path, each in zip(paths, found, strict=True):
        folders[each.cell, each.bath].add(path.parent)
    doubt = "cell: '{}' is in several folders with one bath, taken for one cell; give each a name where it is several"
    asked = {cell for (cell, bath), own in folders.items() if cell and bath and len(own) > 1}
    return [
        replace(each, doubts=(doubt.format(each.cell), *each.doubts)) if each.cell in asked else each for each in found
    ]


def _contexts(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[str]:
    """Return what tells cells of one name apart: folder or day, and the words before the cell in the file's name.

    Words before a cell are those of a group, `WT c1` and `mut c1`, where files of one bath have several of them; else
    they may be those of baths.
    """
    contexts = _days_or_folders(paths, found)
    before = [_words_before_cell(path, each.cell) for path, each in zip(paths, found, strict=True)]
    of_baths: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each, context, words in zip(found, contexts, before, strict=True):
        if each.bath:
            of_baths[each.cell, context, each.bath].add(words)
    if not any(len(several) > 1 and "" not in several for several in of_baths.values()):
        return contexts
    return [f"{context} {words}".strip() for context, words in zip(contexts, before, strict=True)]


def _days_or_folders(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[str]:
    """Return the day of each recording, its folder, or both: the least that tells all cells of one name apart.

    A day that is in every name tells nothing where the folders differ, and so do folders within one day.
    """
    places = [_place(path) for path in paths]
    of_cells: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for each, place in zip(found, places, strict=True):
        if each.cell:
            of_cells[each.cell].add(place)
    for part in (1, 0):
        if all(len({place[part] for place in own}) == len(own) for own in of_cells.values()):
            return [place[part] for place in places]
    return [
        " ".join(part for part in place if part and part != each.cell)
        for each, place in zip(found, places, strict=True)
    ]


def _words_before_cell(path: PurePath, cell: str) -> str:
    """Return the words before a cell in a file's name that are no solution, counter, number or date."""
    words = name_words.split(path.stem)
    places = (
        i
        for i in range(len(words))
        if name_words.named_cell(words[i:]) == cell != name_words.named_cell(words[i + 1 :])
    )
    place = next(places, 0)
    return " ".join(
        word
        for word in words[:place]
        if word.isalpha() and not name_words.is_solution(word) and word.casefold() not in name_words.COUNTERS
    )


def _place(path: PurePath) -> tuple[str, str]:
    """Return the folders of a recording that name neither its cell nor a solution, and its day."""
    folders = [name_words.split(part) for part in path.parts[:-1]]
    day = name_words.date(name_words.split(path.stem))
    others = [
        part
        for words, part in zip(folders, path.parts[:-1], strict=True)
        if not (name_words.named_cell(words) or _bath(words))
    ]
    return "/".join(others), day


def _number_behind(path: PurePath) -> str:
    """Return the number that stands behind the last word of a solution; '' for none, and for one with leading zeros."""
    words = name_words.split(path.stem)
    behind = [following for word, following in itertools.pairwise(words) if name_words.is_solution(word)]
    return behind[-1] if behind and re.fullmatch(r"0|[1-9]\d*(\.\d+)?", behind[-1]) else ""


def _guess(path: PurePath) -> Guess:
    words = name_words.split(path.stem)
    folders = [word for part in path.parts[:-1] for word in name_words.split(part)]
    bath = _bath(words) or _bath(folders)
    cell, doubts = _cell(path, words, folders)
    if not bath:
        doubts = (*doubts, "bath: the name does not say which; enter the solution")
    return Guess(cell, bath, doubts)


def _cell(path: PurePath, words: Sequence[str], folders: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the cell, and the doubts about it."""
    for place in (words, folders):
        if found := name_words.named_cell(place):
            return found, ()
    if len(path.parts) > 1:
        return "/".join(path.parts[:-1]), (
            "cell: taken from the folder; correct it where a folder holds several cells",
        )
    if date := name_words.date(words):
        return date, ("cell: taken from the date, as if one cell had been recorded on it; give each cell its own name",)
    return "", ("cell: the name does not say which; enter it: recordings of one cell have the same",)


def _bath(words: Sequence[str]) -> str:
    """Return the words that name a solution, with a number before one of them: `0 Ca` is not `Ca`."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if name_words.is_solution(word):
            found += [before] if name_words.AMOUNT.fullmatch(before) else []
            found.append(word)
    return "_".join(found)
