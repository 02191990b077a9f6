"""Cells of a user's table as text, column by column, without the library of data frames, which is slow to import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class TextTable(Protocol):
    """Table of text: `Cells`, or a DataFrame."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    @property
    def index(self) -> Any:
        """Number of each row in the file."""

    def __getitem__(self, name: str) -> Any:
        """Return the cells of one column."""


@dataclass(frozen=True)
class Cells:
    """Cells of a table.

    Attributes
    ----------
    index : tuple of int
        Number of each row in the file.
    by_column : mapping of str to tuple of str
        In the order of the columns; the empty cell is ''.
    """

    index: tuple[int, ...]
    by_column: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, table: TextTable) -> Cells:
        """Return the cells of a table of either kind."""
        return cls(tuple(table.index), {name: tuple(table[name]) for name in table.columns})

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, str]]) -> Cells:
        """Return rows as a table: every column of any of them, '' where one has none."""
        given = list(rows)
        names = dict.fromkeys(name for row in given for name in row)
        return cls(tuple(range(len(given))), {name: tuple(row.get(name, "") for row in given) for name in names})

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.by_column)

    @property
    def rows(self) -> Iterator[dict[str, str]]:
        """Yield each row."""
        for cells in zip(*self.by_column.values(), strict=True):
            yield dict(zip(self.by_column, cells, strict=True))

    def __getitem__(self, name: str) -> tuple[str, ...]:
        """Return the cells of one column."""
        return self.by_column[name]

    def items(self, name: str) -> Iterator[tuple[int, str]]:
        """Return number and cell of each row of one column."""
        return zip(self.index, self.by_column[name], strict=True)

    def renamed(self, names: Mapping[str, str], dropped: Collection[str] = ()) -> Cells:
        """Return the table without some columns, and with others renamed."""
        kept = {names.get(name, name): cells for name, cells in self.by_column.items() if name not in dropped}
        return Cells(self.index, kept)

    def ordered(self, order: Sequence[int]) -> Cells:
        """Return the table with its rows in another order, given by their places."""
        cells = {name: tuple(column[i] for i in order) for name, column in self.by_column.items()}
        return Cells(tuple(self.index[i] for i in order), cells)

    def emptied(self, rows: Collection[int], name: str) -> Cells:
        """Return the table with all cells of some rows empty, but for one column."""
        kept = [row not in rows for row in self.index]

        def without(cells: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(cell if is_kept else "" for cell, is_kept in zip(cells, kept, strict=True))

        others = {column: cells if column == name else without(cells) for column, cells in self.by_column.items()}
        return Cells(self.index, others)
