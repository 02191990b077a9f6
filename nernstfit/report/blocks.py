"""Blocks that a section of the report is made of; the page's template turns each kind into HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from nernstfit.figures.drawing import Drawing
    from nernstfit.figures.render import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph; `look` is p, note or warning."""

    text: str
    look: str = "p"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Link:
    """A cell that leads to a place of the page, such as `#measurement-12`."""

    text: str
    to: str

    def __html__(self) -> Markup:
        """Return the cell as the page has it."""
        return Markup('<a href="#{}">{}</a>').format(self.to, self.text)


Cell: TypeAlias = str | Link

# Rows up to which the page has all of a table as HTML. A browser takes some .5 ms to read and lay out a row there, and
# .02 ms to read it as JSON: at double, pages open .1 s later; at half, tables of two screens would need JavaScript.
_MAX_ROWS_AS_HTML = 100
_FIRST_ROWS = 25  # of a longer table: as many as the script shows at a time


@dataclass(frozen=True)
class Lookup:
    """Means of a reader to find a row of a table, and to open it.

    Attributes
    ----------
    filters : tuple of str
        Columns of which one value can be selected.
    anchors : tuple of str
        Name of the place of each row in the page, or empty.
    details : tuple of str
        What the rows show when they are opened, from `details.packed`, of one table of the page; of others empty.
    """

    filters: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A table: column titles, rows of text, the columns that hold numbers, and how it is searched, if it is.

    One that goes into a paper `is_copied`, as text or for LaTeX.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int]
    caption: str = ""
    lookup: Lookup | None = None
    is_copied: bool = False
    kind: ClassVar[str] = "grid"

    @property
    def is_long(self) -> bool:
        """True where the page has the rows as JSON, of which its script shows some at a time."""
        return self.lookup is not None and len(self.rows) > _MAX_ROWS_AS_HTML

    @property
    def first_rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows that the page has as HTML."""
        return self.rows[:_FIRST_ROWS] if self.is_long else self.rows

    @property
    def as_json(self) -> Markup:
        """All rows, as HTML of each cell, and the names of their places."""
        anchors = (self.lookup and self.lookup.anchors) or ("",) * len(self.rows)
        cells = [[escape(cell) for cell in row] for row in self.rows]
        return Markup(json.dumps({"cells": cells, "anchors": anchors}, separators=(",", ":")).replace("<", r"\u003c"))


@dataclass(frozen=True)
class Picture:
    """A rendered figure, inlined as SVG."""

    drawing: Drawing
    caption: str
    kind: ClassVar[str] = "picture"

    @property
    def svg(self) -> Markup:
        """The SVG as part of an HTML page."""
        return inlined(self.drawing)


@dataclass(frozen=True)
class Listing:
    """A list of short items."""

    items: tuple[str, ...]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Code:
    """Text in the layout of a file."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Fold:
    """Blocks that fold away below a title."""

    title: str
    blocks: tuple[Block, ...]
    is_open: bool = False
    kind: ClassVar[str] = "fold"


Block: TypeAlias = Text | Heading | Grid | Picture | Listing | Code | Fold


@dataclass(frozen=True)
class Section:
    """One numbered section."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def inlined(drawing: Drawing) -> Markup:
    """Return an SVG as part of an HTML page, where it needs no name space."""
    return Markup(re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawing.svg))


def picture(figure: Figure, caption: str) -> Picture:
    """Render a figure and put its caption below it."""
    from nernstfit.figures import render  # noqa: PLC0415 - heavy, and the outcome of a run has no figure

    caption += " Of many points some are drawn, evenly by their size." * figure.is_part
    return Picture(render.render(figure, caption), caption)


def grid(
    columns: Mapping[str, Sequence[Cell]],
    texts: Iterable[str] = (),
    caption: str = "",
    lookup: Lookup | None = None,
    is_copied: bool = False,
) -> Grid:
    """Put columns side by side; those named in `texts` hold text, all others numbers."""
    head, words = tuple(columns), set(texts)
    numeric = frozenset(i for i, name in enumerate(head) if name not in words)
    return Grid(head, tuple(zip(*columns.values(), strict=True)), numeric, caption, lookup, is_copied)


def most_columns(blocks: Iterable[Block]) -> int:
    """Return the number of columns of the widest table."""
    return max(
        (most_columns(each.blocks) if isinstance(each, Fold) else len(each.head) if isinstance(each, Grid) else 0)
        for each in (*blocks, Text(""))
    )


def details(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield what the rows of a table show when they are opened."""
    for block in blocks:
        if isinstance(block, Grid) and block.lookup:
            yield from block.lookup.details
        elif isinstance(block, Fold):
            yield from details(block.blocks)


def drawings(blocks: Iterable[Block]) -> Iterator[Drawing]:
    """Yield every figure rendered for some blocks, those folded away included."""
    for block in blocks:
        if isinstance(block, Picture):
            yield block.drawing
        elif isinstance(block, Fold):
            yield from drawings(block.blocks)
