"""Baths as the names of recordings have them: every word that may tell one solution from another is kept."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from nernstfit.library import name_words

_AMOUNT = re.compile(r"\d+(\.\d+)?")
_SIGN = re.compile(r"(?<=\w)\s?[+\-](?=[_/]|\s\w|$)")  # `Ca+` and `Ca -`: with and without
_UNIT = re.compile(r"[mun\u00b5\u03bc]?M|%|mOsm|min|s|mV|C", re.IGNORECASE)


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


def completed(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with every word in the baths' names that may tell solutions apart.

    `Ca frei` is another bath than `Ca`, and `K 5` another than `K 140`. Left out are dates, the numbers of files, and
    the words that all names have; what may be no part of a solution's name is asked for.
    """
    texts = [_text(path, each) if each.bath else [] for path, each in zip(paths, found, strict=True)]
    doubts: list[list[str]] = [[] for _ in paths]
    _drop_shared(texts, doubts)
    _drop_numbers_of_files([each.cell for each in found], texts, doubts)
    made = []
    for path, each, text, own in zip(paths, found, texts, doubts, strict=True):
        name = "_".join(text)
        if text and (unsure := list(_unsure(text))):
            shown = ", ".join(f"'{word}'" for word in unsure)
            own.append(f"bath: {shown} in '{name}' may be an amount, or count repeats of one bath; confirm the name")
        if text and _has_further_words(path, each):
            own.append("bath: taken from the folder, and the words of the file's name are no part of it; confirm it")
        made.append(replace(each, bath=name, doubts=(*each.doubts, *own)))
    return _asked_where_words_differ(paths, made)


def _text(path: PurePath, guessed: Guess) -> list[str]:
    """Return the words of a bath: those behind the cell's name, and those from the first that names a solution."""
    first, cell = guessed.bath.partition("_")[0], guessed.cell.rpartition(" ")[2]
    stem = name_words.split(path.stem)
    folders = [name_words.split(part) for part in path.parts[:-1]]
    if first not in stem:
        parts = [words for words in folders if any(map(name_words.is_solution, words))]
        text = [word for words in parts for word in _from(words, words, cell)]
        return text + (name_words.without_dates(stem[_place(stem, cell)[1] :]) if any(_place(stem, cell)) else [])
    if not any(_place(stem, cell)) and cell in map(name_words.named_cell, folders):
        return name_words.without_dates(stem)
    return _from(stem, [first], cell)


def _from(words: Sequence[str], firsts: Sequence[str], cell: str) -> list[str]:
    """Return the words of a bath among some words: from the first of the solution on, and all behind the cell."""
    first = next(i for i, word in enumerate(words) if word in firsts and (len(firsts) == 1 or _begins(words, i)))
    start, end = _place(words, cell)
    if not end or start <= first < end:  # a folder that is taken for the cell may be named after the solution
        return name_words.without_dates(words[first:])
    return name_words.without_dates([*words[first:start], *words[end:]])


def _begins(words: Sequence[str], place: int) -> bool:
    """Return True for the place of the first word of a solution, or of the 0 before it."""
    behind = [*words, ""][place + 1]
    return name_words.is_solution(words[place]) or (
        bool(name_words.AMOUNT.fullmatch(words[place])) and name_words.is_solution(behind)
    )


def _place(words: Sequence[str], cell: str) -> tuple[int, int]:
    """Return where the name of a cell begins and ends among some words; 0, 0 where it does not stand there."""
    for i, word in enumerate(words if cell else ()):
        if word == cell:
            return i, i + 1
        if "".join(words[i : i + 2]) == cell:
            return i, i + 2
    return 0, 0


def _drop_shared(texts: list[list[str]], doubts: Sequence[list[str]]) -> None:
    """Take the words away that every name has, where there are several baths without them."""
    shared = set.intersection(*map(set, texts)) if len(texts) > 1 else set()
    left = [[word for word in text if word not in shared or name_words.is_solution(word)] for text in texts]
    # Where names become the same without them, or nothing is left to tell, they stay.
    if len(set(map(tuple, left))) < max(2, len(set(map(tuple, texts)))):
        return
    for i, text in enumerate(texts):
        if gone := [word for word in text if word in shared and not name_words.is_solution(word)]:
            shown = ", ".join(f"'{word}'" for word in gone)
            doubts[i].append(f"names: {shown} in every name, left out of the names of baths")
    texts[:] = left


def _drop_numbers_of_files(cells: Sequence[str], texts: list[list[str]], doubts: Sequence[list[str]]) -> None:
    """Take the numbers at the names' ends away that count the files, of all or of a cell, through several baths."""
    doubt = "bath: the numbers at the ends of the names count the files, and are left out; correct it where they do not"
    of_cells: dict[str, list[int]] = defaultdict(list)
    for i, cell in enumerate(cells):
        of_cells[cell].append(i)
    for places in ([*range(len(texts))], *of_cells.values()):
        own = [texts[i] for i in places]
        if len(own) < 3 or not all(len(text) > 1 and text[-1].isdecimal() for text in own):
            continue
        if name_words.are_counts([text[-1] for text in own]) and _alternate(own):
            for i in places:
                texts[i] = texts[i][:-1]
                doubts[i].append(doubt)


def _alternate(texts: Sequence[list[str]]) -> bool:
    """Return True for baths that come back or are all different, in the order of the numbers behind them.

    `Ca 1`, `Ca 2`, `Na 3` may be amounts; `Ca 1`, `Na 2`, `Ca 3` are files.
    """
    in_order = [tuple(text[:-1]) for text in sorted(texts, key=lambda text: int(text[-1]))]
    n_baths = len(set(in_order))
    n_changes = sum(one != other for one, other in itertools.pairwise(in_order))
    return n_baths == len(in_order) or n_changes >= n_baths > 1


def _unsure(text: Sequence[str]) -> Iterator[str]:
    """Yield the numbers without a unit and the counters in a bath's name; 0 before a solution is an amount."""
    for i, word in enumerate(text):
        behind = [*text, ""][i + 1]
        is_amount = _UNIT.fullmatch(behind) or (word == "0" and name_words.is_solution(behind))
        if (_AMOUNT.fullmatch(word) and not is_amount) or word.casefold() in name_words.COUNTERS:
            yield word


def _has_further_words(path: PurePath, guessed: Guess) -> bool:
    """Return True for a bath from the folders, where the file's name has words beside and does not name the cell."""
    stem = name_words.split(path.stem)
    if guessed.bath.partition("_")[0] in stem or any(_place(stem, guessed.cell.rpartition(" ")[2])):
        return False
    return any(word.isalpha() and word.casefold() not in name_words.COUNTERS for word in stem)


def _asked_where_words_differ(paths: Sequence[PurePath], found: Sequence[Guess]) -> list[Guess]:
    """Return the guesses with a doubt on baths of one name whose files have different words before it."""
    others: list[tuple[str, ...]] = []
    for path, each in zip(paths, found, strict=True):
        known = {*each.bath.split("_"), *re.split(r"[ /]", each.cell)}
        start, end = _place(name_words.split(path.stem), each.cell.rpartition(" ")[2])
        stem = name_words.split(path.stem)
        outside = (word for word in [*stem[:start], *stem[end:]] if word.isalpha() and word not in known)
        signs = _SIGN.findall(str(path.parent / path.stem))
        others.append((*(word for word in outside if word.casefold() not in name_words.COUNTERS), *signs))
    of_baths: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for each, words in zip(found, others, strict=True):
        of_baths[each.bath].add(words)
    doubt = "bath: '{}' in the file's name is taken for no part of '{}', where other names of it have other words"
    return [
        replace(each, doubts=(*each.doubts, doubt.format(" ".join(words).strip(), each.bath)))
        if each.bath and words and len(of_baths[each.bath]) > 1
        else each
        for each, words in zip(found, others, strict=True)
    ]
