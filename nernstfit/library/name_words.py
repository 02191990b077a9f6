"""Words in the names of recordings: those of cells, solutions, dates and counters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from nernstfit.physics.solution.components import UnknownComponent, components

_SEPARATORS = re.compile(r"[\s_\-+,;()\[\]]+")
# `c1`, `cell 3`, `patch12a`; a number alone counts only behind such a word.
_CELL_WORDS = "cell|patch|oocyte|egg|neuron|zelle|zell|cellule|c\u00e9lula|celula|cellula|cel|ovocyte|oozyte"
CELL = re.compile(rf"(c|p|n|{_CELL_WORDS})\.?0*(\d{{1,4}}[a-z]?)", re.IGNORECASE)
CELL_WORD = re.compile(_CELL_WORDS, re.IGNORECASE)
# Any word may be somebody's name of a cell, but for those that count something else: `x 3`, `x3`, `komorka3`. Joined to
# a number, capitals are rather a channel: TRPV1, Kv7.
NUMBERED = re.compile(r"([^\W\d_]|[^\W\d_A-Z]{3,})\.?(\d{1,4}[a-z]?)")
NUMBER = re.compile(r"\d{1,4}[a-z]?")
COUNTERS = frozenset(
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
DATE = re.compile(
    rf"((?:(?:19|20)\d\d|\d\d)(?:0[1-9]|1[0-2]){_DAY})[a-z]{{0,3}}|(\d{{1,2}}(?:0[1-9]|1[0-2]|[1-9ond]){_DAY})\d{{3}}",
    re.IGNORECASE,
)
_DOTTED_DATE = re.compile(r"[0-3]?\d\.[01]?\d\.(?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d\.[01]?\d\.[0-3]?\d")  # 05.03.2024
_SPACED_DATES = (r"(19|20)\d\d [01]?\d [0-3]?\d", r"[0-3]?\d [0-3]?\d (19|20)\d\d")  # its parts are words
AMOUNT = re.compile(r"0|\d{1,3}(\.\d+)?mM")
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
ADJECTIVE = re.compile(r"[^\W\d_A-Z]{3,}")


def split(name: str) -> list[str]:
    """Return the words of a name."""
    return [word for word in _SEPARATORS.split(name) if word]


def date(words: Sequence[str]) -> str:
    """Return the date that some words name; '' where they name none."""
    for place in range(len(words) - 2):
        if any(re.fullmatch(each, " ".join(words[place : place + 3])) for each in _SPACED_DATES):
            return "-".join(words[place : place + 3])
    if dotted := next((word for word in words if _DOTTED_DATE.fullmatch(word)), ""):
        return dotted
    dates = (match[1] or match[2] for word in words if (match := DATE.fullmatch(word)))
    return next(dates, "")


def named_cell(words: Sequence[str]) -> str:
    """Return the cell that one of some words names, with its number; '' where none does."""
    for place, word in enumerate(words):
        following, *after = [*words[place + 1 : place + 4], ""]
        if CELL.fullmatch(word):
            return word
        is_day = bool(date([following, *after]))
        if CELL_WORD.fullmatch(word) and re.fullmatch(r"\d{1,4}[a-z]?", following) and not is_day:
            return f"{word}{following}"
    return ""


def are_counts(numbers: Sequence[str], starts: Sequence[int] | None = None) -> bool:
    """Return True for numbers that follow one another, each once: of repeats from 0 or 1 on, or of files."""
    if not all(each.isdecimal() or not each for each in numbers):
        return False
    counts = sorted(int(each or 0) for each in numbers)
    follow = counts == list(range(counts[0], counts[0] + len(counts)))
    return follow and (starts is None or counts[0] in starts)


@cache
def is_solution(word: str) -> bool:
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


def without_dates(words: Sequence[str]) -> list[str]:
    """Return some words but for those of dates and for numbers of files: three digits or more that begin with 0."""
    kept = list(words)
    for place in range(len(kept) - 2):
        if any(re.fullmatch(each, " ".join(kept[place : place + 3])) for each in _SPACED_DATES):
            kept[place : place + 3] = ["", "", ""]
    return [word for word in kept if word and not (date([word]) or re.fullmatch(r"0\d{2,}", word))]
