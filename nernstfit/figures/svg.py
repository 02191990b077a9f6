"""Parts of an SVG file as text: elements, paths, and the widths of words without a font engine.

Positions are in pixels and are written in tenths of one, so that the bytes do not depend on how a
machine prints a float.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.sax import saxutils

import numpy as np
from numpy.typing import NDArray

from nernstfit.figures.theme import FONT, INK, LETTERS_PX

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Line: TypeAlias = tuple[float, float, float, float]  # from x, y to x, y

# Characters that no XML file may hold, lone surrogates of undecodable file names among them.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile('[&<>"]')
# Advance widths of the bold face, thousandths of the font size: from Helvetica-Bold.afm of Adobe's core 14 fonts, whose
# metrics Liberation Sans shares. The regular face has the same digits and no wider letter (but @, by 4 %).
_WIDTHS = {
    238: "'",
    278: " ,./I\\ijl",
    280: "|",
    333: "!()-:;[]`ft",
    389: "*r{}",
    474: '"',
    500: "z",
    556: "#$0123456789J_aceksvxy",
    584: "+<=>^~\u2212",
    611: "?FLTZbdghnopqu",
    667: "EPSVXY",
    722: "&ABCDHKNRU",
    778: "GOQw",
    833: "M",
    889: "%m",
    944: "W",
    975: "@",
}
_WIDTH_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
# Width that is assumed of any other letter: that of the font size, which the letters of most scripts do not exceed. At
# half, long names in other scripts leave the figure; at double, short ones are cut.
_OTHER_WIDTH = 1000
# Words whose widths are kept: the labels of axes, which recur. At half as fast, at double as well.
_WORDS_KEPT = 1024


def element(tag: str, content: str = "", /, **attributes: str | float) -> str:
    """Return an element; `_` in the name of an attribute stands for `-`, and `content` is SVG already."""
    inside = "".join([f' {name.replace("_", "-")}="{_value(value)}"' for name, value in attributes.items()])
    return f"<{tag}{inside}>{content}</{tag}>" if content else f"<{tag}{inside}/>"


def text(words: str, x: float, y: float, **attributes: str | float) -> str:
    """Return words on a baseline; markup in them stays text."""
    return element("text", saxutils.escape(_NOT_XML.sub("\ufffd", words)), x=x, y=y, **attributes)


def group(parts: Iterable[str], **attributes: str | float) -> str:
    """Return elements that have attributes in common."""
    return element("g", "".join(parts), **attributes)


def rules(lines: Iterable[Line], **attributes: str | float) -> str:
    """Return straight lines of one look as a single path."""
    data = "".join(f"M{number(x)} {number(y)}L{number(to_x)} {number(to_y)}" for x, y, to_x, to_y in lines)
    return element("path", d=data, **attributes) if data else ""


def line(x: FloatArray, y: FloatArray, **attributes: str | float) -> str:
    """Return a line through points, in their order."""
    return element("path", d=_course(x, y), fill="none", **attributes)


def steps(x: FloatArray, y: FloatArray, **attributes: str | float) -> str:
    """Return a line that keeps the height of each point up to the next."""
    return line(np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1], **attributes)


def band(x: FloatArray, low: FloatArray, high: FloatArray, **attributes: str | float) -> str:
    """Return the area between two heights."""
    (data,) = outlines(x, low, high, np.zeros(1, dtype=np.int64))
    return element("path", d=data, **attributes)


def outlines(x: FloatArray, low: FloatArray, high: FloatArray, starts: IntArray) -> list[str]:
    """Return the data of closed paths, each along `low` and back along `high`; `starts` are the first points of each.

    All are calculated together: a page has thousands of them, each of few points.
    """
    counts = np.diff(starts, append=len(x))
    # The outline of points i to j has twice as many, from place 2 i on.
    forth = np.arange(len(x)) + np.repeat(starts, counts)
    back = 2 * np.repeat(2 * starts + counts, counts) - 1 - forth
    points = np.empty((2 * len(x), 2))
    points[forth, 0], points[forth, 1], points[back, 0], points[back, 1] = x, low, x, high
    tenths = np.rint(points * 10).astype(np.int64)
    level = _is_level(tenths[:, 1])
    for ends in (2 * starts, 2 * starts + counts):  # where an outline begins and where it turns
        level[ends], level[ends - 1] = False, False
    kept = np.flatnonzero(~level)
    between = list(map(_tenths, np.diff(tenths[kept], axis=0, prepend=0).ravel().tolist()))
    firsts = np.searchsorted(kept, 2 * starts).tolist()
    parts = zip(tenths[2 * starts].tolist(), firsts, [*firsts[1:], len(kept)], strict=True)
    return [
        f"M{_tenths(start_x)} {_tenths(start_y)}l{' '.join(between[2 * i + 2 : 2 * j])}z"
        for (start_x, start_y), i, j in parts
    ]


def page(width: float, height: float, parts: Iterable[str], shows: str) -> str:
    """Return an SVG file: elements on white, with the words for those who do not see them."""
    size = {"width": number(width), "height": number(height)}
    ground = element("rect", **size, fill="white")
    inside = group(parts, font_family=FONT, font_size=LETTERS_PX, fill=INK)
    box = f"0 0 {size['width']} {size['height']}"
    words = {"role": "img", "aria_label": _NOT_XML.sub("\ufffd", shows)}
    return element("svg", ground + inside, xmlns="http://www.w3.org/2000/svg", **size, viewBox=box, **words)


def number(value: float) -> str:
    """Write a position or a size in pixels, to a tenth of one."""
    return _tenths(round(float(value) * 10))


@functools.lru_cache(maxsize=_WORDS_KEPT)
def width_px(words: str, size_px: float) -> float:
    """Return the largest width that words can have in the figures' font, in px."""
    return sum(_WIDTH_OF.get(letter, _OTHER_WIDTH) for letter in words) * size_px / 1000


def wrapped(words: str, size_px: float, limit_px: float) -> list[str]:
    """Return words in lines that are not wider than a limit: broken at blanks, and where a word is wider, anywhere."""
    if width_px(words, size_px) <= limit_px:
        return [words]
    lines = [""]
    for word in re.findall(r"\S+\s*|\s+", words):
        is_wide = width_px(word.rstrip(), size_px) > limit_px
        for piece in word if is_wide else [word]:
            if lines[-1] and width_px(f"{lines[-1]}{piece}".rstrip(), size_px) > limit_px:
                lines.append("")
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def thinned(
    x: FloatArray, low: FloatArray, high: FloatArray, starts: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Pool points whose x lie in the same pixel: their middle, the lowest of `low`, the highest of `high`.

    Parameters
    ----------
    x, low, high : ndarray of shape (n,)
        Of several traces, one after the other; x in px, in ascending order within each.
    starts : ndarray of shape (traces,)
        First point of each trace.

    Returns
    -------
    tuple of ndarray
        x, low and high, each of one value a pixel that holds points of a trace, and the first value of each trace.
    """
    is_first = np.diff(np.floor(x), prepend=-np.inf) != 0
    is_first[starts] = True
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(x)) - 1
    pooled = (x[firsts] + x[lasts]) / 2, np.minimum.reduceat(low, firsts), np.maximum.reduceat(high, firsts)
    return *pooled, np.searchsorted(firsts, starts)


def _course(x: FloatArray, y: FloatArray) -> str:
    """Return the data of a path through points, without those between two others of the same height."""
    points = np.rint(np.column_stack([x, y]) * 10).astype(np.int64)
    points = points[~_is_level(points[:, 1])]
    # Each step from the point before: whole tenths add up without an error, and are shorter than positions.
    between = " ".join(map(_tenths, np.diff(points, axis=0).ravel().tolist()))
    start_x, start_y = points[0].tolist()
    return f"M{_tenths(start_x)} {_tenths(start_y)}l{between or '0 0'}"


def _is_level(heights: IntArray) -> NDArray[np.bool_]:
    """Return for each point whether it lies between two others of the same height."""
    level = np.zeros(len(heights), dtype=bool)
    level[1:-1] = (heights[1:-1] == heights[:-2]) & (heights[1:-1] == heights[2:])
    return level


@functools.cache  # a page has some thousand positions, each many times
def _tenths(value: int) -> str:
    """Write a whole number of tenths."""
    whole, tenth = divmod(abs(value), 10)
    return f"{'-' if value < 0 else ''}{whole}{f'.{tenth}' if tenth else ''}"


def _value(value: str | float) -> str:
    """Write the value of an attribute."""
    if not isinstance(value, str):
        return number(value)
    return saxutils.escape(value, {'"': "&quot;"}) if _MARKUP.search(value) else value
