"""Guesses of cell and bath from the names of recordings. Each says what it rests on, or that nothing does."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePath

from nernstfit.physics.solution.components import UnknownComponent, components

_SEPARATORS = re.compile(r"[\s_\-+,;()\[\]]+")
# `c1`, `cell 3`, `patch12a`; a number alone counts only behind such a word.
_CELL = re.compile(r"(c|cell|patch|p|oocyte|egg|neuron|n)\.?0*(\d{1,4}[a-z]?)", re.IGNORECASE)
_CELL_WORD = re.compile(r"cell|patch|oocyte|egg|neuron", re.IGNORECASE)
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
# 20181116 or 181116, with the experimenter's initials behind it; or as Clampex names files: 18n16003, 20917009.
_DATE = re.compile(
    rf"((?:(?:19|20)\d\d|\d\d)(?:0[1-9]|1[0-2]){_DAY})[a-z]{{0,3}}|(\d{{1,2}}(?:0[1-9]|1[0-2]|[1-9ond]){_DAY})\d{{3}}",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"0|\d{1,3}(\.\d+)?mM")
_SOLUTION_WORDS = frozenset(
    (
        *("control", "ctrl", "bath", "standard", "normal", "ringer", "tyrode", "saline", "krebs", "symmetric"),
        *("symmetrical", "wash", "washout", "baseline", "sodium", "potassium", "caesium", "cesium", "lithium"),
        *("rubidium", "calcium", "barium", "strontium", "magnesium", "chloride", "bromide", "iodide", "nitrate"),
        *("fluoride", "gluconate", "acetate", "sulfate", "sulphate", "bicarbonate", "thiocyanate", "perchlorate"),
        *("methanesulfonate", "high", "low", "zero", "free", "half", "quarter", "double", "iso", "equimolar"),
        *("biionic", "nmdg", "tris", "choline", "tea", "tma", "sucrose", "mannitol"),
    )
)
"""Words that name a bath in the names of files. A word that is missing here leaves the bath to be filled in."""


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
    found = [_guess(path) for path in paths]
    of_cells: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, each in zip(paths, found, strict=True):
        of_cells[each.cell].append((each.bath, _number_behind(path)))
    mixed = {bath for own in of_cells.values() if not _are_counts([n for _, n in own]) for bath in _of_amounts(own)}
    return [_without_bath(each) if each.bath in mixed else each for each in found]


def _of_amounts(numbered: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the baths of one cell behind whose names stand numbers that count no repeats."""
    for bath in {bath for bath, _ in numbered if bath}:
        own = [number for name, number in numbered if name == bath]
        if len(set(own)) > 1 and not _are_counts(own, (0, 1)):
            yield bath


def _number_behind(path: PurePath) -> str:
    """Return the number that stands behind the last word of a solution; '' for none, and for one with leading zeros."""
    words = [word for word in _SEPARATORS.split(path.stem) if word]
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
    words = [word for word in _SEPARATORS.split(path.stem) if word]
    folders = [word for part in path.parts[:-1] for word in _SEPARATORS.split(part) if word]
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
        if re.fullmatch(r"(19|20)\d\d [01]?\d [0-3]?\d", " ".join(words[place : place + 3])):
            return "-".join(words[place : place + 3])
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
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if _CELL.fullmatch(word):
            return word
        if _CELL_WORD.fullmatch(word) and re.fullmatch(r"\d{1,4}[a-z]?", following):
            return f"{word}{following}"
    return ""


@cache
def _is_solution(word: str) -> bool:
    """Return True for a word that names a bath: a usual one, or a component with or without an amount."""
    name = re.sub(r"^\d+(\.\d+)?(mM)?|\d+(\.\d+)?mM$", "", word)
    if name.lower() in _SOLUTION_WORDS:
        return True
    if len(name) < 2 and name not in ("K", "F", "I"):
        return False
    try:
        return bool(components(name, ()))
    except UnknownComponent:
        return False
