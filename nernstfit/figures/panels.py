"""Panels of a directly written figure: axes, marks on them, and rows of panels on one page."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nernstfit.figures import svg
from nernstfit.figures.layout import PAGE, Layout
from nernstfit.figures.svg import FloatArray
from nernstfit.figures.theme import GRID, LETTERS_PX, LINE_PX, SOFT, TICK_PX, TITLE_LIMIT_PX
from nernstfit.figures.ticks import linear_ticks

# Least distance of the labels of an upright axis, px: 1.6 times the size of the font. At half they touch, at double
# a panel of 130 px has three of them.
_LABEL_PITCH_PX = 18
# Least space between the labels of a level axis, px: about a digit. At half they read as one number, at double a
# voltage axis has half as many.
_LABEL_SPACE_PX = 8
# Distances, px: of an axis from its labels, and of these from its title. At half the letters of a title touch labels,
# at double a row takes a tenth more of a page.
_LABEL_GAP_PX, _TITLE_GAP_PX = 3, 7
# Distances, px: of the edge of the page from its content, of panels beside each other, of rows below each other, and of
# a title from its panels. At half they run together, at double a row takes a fifth more of a page.
_EDGE_PX, _BETWEEN_PANELS_PX, _BETWEEN_ROWS_PX, _BELOW_TITLE_PX = 5, 26, 22, 9
# Sizes of a legend, px: its distance from the panel, that of its entries, the side of their squares, and where their
# words begin. At half the entries touch, at double seven of them are longer than the panel.
_LEGEND_GAP_PX, _ENTRY_PITCH_PX, _SQUARE_PX, _WORDS_AT_PX = 18, 17, 9, 15
# Distance of the baselines of the two titles of a row, px: 1.3 times the size of the font. At half they touch.
_TITLE_PITCH_PX = 16
# Height of a digit as a part of the size of the font, by which labels are centred at their ticks: from the height of
# capital letters in Helvetica.afm. At half they hang a quarter of their height below them.
_DIGIT_HEIGHT = 0.72


@dataclass(frozen=True)
class Axis:
    """Linear axis of a panel.

    Attributes
    ----------
    title : str
        With the unit.
    low, high : float
        Values at its ends.
    length : int
        In px.
    is_upright : bool
        From the lower end of a panel to the upper, not from left to right.
    """

    title: str
    low: float
    high: float
    length: int
    is_upright: bool = False

    @classmethod
    def around(
        cls, title: str, values: Iterable[FloatArray], length: int, is_upright: bool = False, padding: int = 0
    ) -> Axis:
        """Return an axis that holds every value that is not missing, with a padding in px at either end."""
        every = np.concatenate([np.ravel(each) for each in values])
        low, high = float(np.nanmin(every)), float(np.nanmax(every))
        more = (high - low) * padding / (length - 2 * padding) if high > low else 1.0
        return cls(title, low - more, high + more, length, is_upright)

    def px(self, values: FloatArray) -> FloatArray:
        """Return the distance of values from the left, or upper, side of the panel, in px."""
        from_low = (values - self.low) / (self.high - self.low) * self.length
        return self.length - from_low if self.is_upright else from_low

    def at(self, value: float) -> float:
        """Return that of one value."""
        return float(self.px(np.array([value]))[0])

    @functools.cached_property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Position in px and text of each label."""
        values, labels = linear_ticks(self.low, self.high, self._has_room)
        return tuple(zip(self.px(np.array(values)).tolist(), labels, strict=True))

    def _has_room(self, step: float, labels: Sequence[str]) -> bool:
        """Tell whether labels a step apart do not touch."""
        least = _LABEL_PITCH_PX if self.is_upright else _LABEL_SPACE_PX + _widest(labels)
        return step / (self.high - self.low) * self.length >= least


@dataclass(frozen=True)
class Panel:
    """Marks on a pair of axes: SVG elements in px from the upper left corner, below the grid and above it.

    `head_px` is the height of what stands over the upper end, such as a title of the panel's own.
    """

    x: Axis
    y: Axis
    below: tuple[str, ...]
    above: tuple[str, ...]
    head_px: float = 0.0

    @property
    def margin_px(self) -> float:
        """Space on the left for the labels and the title of the upright axis."""
        return TICK_PX + _LABEL_GAP_PX + _widest(label for _, label in self.y.ticks) + _TITLE_GAP_PX + LETTERS_PX

    def drawn(self, left: float, top: float, margin: float) -> str:
        """Return the panel at a place of the page, the title of its upright axis at the left end of the margin."""
        wide, high = self.x.length, self.y.length
        grid = [(at, 0.0, at, high) for at, _ in self.x.ticks] + [(0.0, at, wide, at) for at, _ in self.y.ticks]
        lines: list[svg.Line] = [(at, high, at, high + TICK_PX) for at, _ in self.x.ticks]
        lines += [(-TICK_PX, at, 0, at) for at, _ in self.y.ticks] + [(0, high, wide, high), (0, 0, 0, high)]
        beside, middle = TICK_PX + _LABEL_GAP_PX, _DIGIT_HEIGHT / 2 * LETTERS_PX
        title_at = high + _FOOT_PX - (1 - _DIGIT_HEIGHT) * LETTERS_PX
        turned = f"translate({svg.number(_DIGIT_HEIGHT * LETTERS_PX - margin)} {svg.number(high / 2)}) rotate(-90)"
        titles = (svg.text(self.x.title, wide / 2, title_at), svg.text(self.y.title, 0, 0, transform=turned))
        parts = (
            *self.below,
            svg.rules(grid, stroke=GRID, stroke_width=LINE_PX),
            *self.above,
            svg.rules(lines, stroke=SOFT, stroke_width=LINE_PX),
            svg.group(
                (svg.text(label, at, high + beside + 2 * middle) for at, label in self.x.ticks), text_anchor="middle"
            ),
            svg.group((svg.text(label, -beside, at + middle) for at, label in self.y.ticks), text_anchor="end"),
            svg.group(titles, text_anchor="middle"),
        )
        return svg.group(parts, transform=f"translate({svg.number(left)} {svg.number(top)})")


# Height of the labels and the title of a level axis, px.
_FOOT_PX = TICK_PX + _LABEL_GAP_PX + LETTERS_PX + _TITLE_GAP_PX + LETTERS_PX


@dataclass(frozen=True)
class Legend:
    """Entries of a legend: text and colour."""

    title: str
    entries: tuple[tuple[str, str], ...]

    def drawn(self, left: float, top: float) -> str:
        """Return the legend at a place of the page."""
        parts = [svg.text(self.title, 0, _DIGIT_HEIGHT * LETTERS_PX, fill=SOFT)]
        for number, (label, colour) in enumerate(self.entries, start=1):
            at = number * _ENTRY_PITCH_PX
            parts.append(svg.element("rect", x=0, y=at, width=_SQUARE_PX, height=_SQUARE_PX, fill=colour))
            parts.append(svg.text(label, _WORDS_AT_PX, at + (_SQUARE_PX + _DIGIT_HEIGHT * LETTERS_PX) / 2))
        return svg.group(parts, transform=f"translate({svg.number(left)} {svg.number(top)})")

    @property
    def width_px(self) -> float:
        """Width of the longest entry."""
        return max(_WORDS_AT_PX + _widest(label for label, _ in self.entries), svg.width_px(self.title, LETTERS_PX))


@dataclass(frozen=True)
class Row:
    """Panels beside each other under a title, which may be empty, with a line below it and a legend beside them."""

    panels: tuple[Panel, ...]
    title: str
    subtitle: str = ""
    legend: Legend | None = None
    layout: Layout = PAGE

    @property
    def lines(self) -> tuple[str, ...]:
        """Titles, from the baseline of the first at 0."""
        first = {"font_weight": self.layout.title_weight}
        looks = [first] * len(self._wrapped(self.title)) + [{"fill": SOFT}] * len(self._wrapped(self.subtitle))
        every = [*self._wrapped(self.title), *self._wrapped(self.subtitle)]
        return tuple(
            svg.text(words, 0, number * _TITLE_PITCH_PX, **look)
            for number, (words, look) in enumerate(zip(every, looks, strict=True))
        )

    def _wrapped(self, words: str) -> list[str]:
        limit_px = min(TITLE_LIMIT_PX, self.layout.width_px - 2 * _EDGE_PX)
        return svg.wrapped(words, LETTERS_PX, limit_px) if words else []

    @property
    def width_px(self) -> float:
        """Width of the longest line of the titles."""
        return _widest([*self._wrapped(self.title), *self._wrapped(self.subtitle)])

    @property
    def head_px(self) -> float:
        """Height of the titles and of the space below them, and of what stands over the panels."""
        own = LETTERS_PX + (len(self.lines) - 1) * _TITLE_PITCH_PX + _BELOW_TITLE_PX if self.lines else 0.0
        return own + max(panel.head_px for panel in self.panels)


def stacked(rows: Sequence[Row], shows: str) -> str:
    """Return the SVG file of rows of panels, each column of them with its axes below each other.

    Parameters
    ----------
    rows : sequence of Row
    shows : str
        The figure in words, for those who do not see it.
    """
    columns = [[each for each in column if each] for column in itertools.zip_longest(*(row.panels for row in rows))]
    margins = [max(panel.margin_px for panel in column) for column in columns]
    lefts, right = [], float(_EDGE_PX)
    for column, margin in zip(columns, margins, strict=True):
        lefts.append(round(right + margin) + 0.5)  # so that the lines of the axes fill pixels
        right = lefts[-1] + max(panel.x.length for panel in column) + _BETWEEN_PANELS_PX
    legend_at = right - _BETWEEN_PANELS_PX + _LEGEND_GAP_PX
    parts, top, ends = [], float(_EDGE_PX), [right - _BETWEEN_PANELS_PX + _EDGE_PX]
    for row in rows:
        place = f"translate({_EDGE_PX} {svg.number(top + _DIGIT_HEIGHT * LETTERS_PX)})"
        parts.append(svg.group(row.lines, transform=place))
        top = round(top + row.head_px) + 0.5
        places = zip(row.panels, lefts, margins, strict=False)  # a row may have fewer panels than others
        parts += [panel.drawn(left, top, margin) for panel, left, margin in places]
        if row.legend:
            parts.append(row.legend.drawn(legend_at, top))
            ends.append(legend_at + row.legend.width_px)
        ends.append(_EDGE_PX + row.width_px)
        top += max(panel.y.length for panel in row.panels) + _FOOT_PX + _BETWEEN_ROWS_PX
    return svg.page(math.ceil(max(ends) + _EDGE_PX), math.ceil(top - _BETWEEN_ROWS_PX + _EDGE_PX), parts, shows)


def zero_line(axis: Axis, other: Axis) -> str:
    """Return the line where an axis is zero, along the other; nothing where zero lies beyond the ends of the axis."""
    if not axis.low <= 0 <= axis.high:
        return ""
    at, end = axis.at(0), other.length
    line = (0.0, at, end, at) if axis.is_upright else (at, 0.0, at, end)
    return svg.rules([line], stroke=SOFT, stroke_width=LINE_PX)


def _widest(labels: Iterable[str]) -> float:
    """Return the width of the longest label, in px."""
    return max((svg.width_px(label, LETTERS_PX) for label in labels), default=0.0)
