"""Files that are written as a whole."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from nernstfit.contract import files, tables


def test_a_file_that_could_not_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")
    with contextlib.suppress(KeyboardInterrupt), files.replacing(path) as new:
        new.write_text("half of it")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_by_another_one_not_written_over(tmp_path: Path) -> None:
    """A reader that has opened it reads the old one to its end."""
    path = tmp_path / "text.txt"
    files.write_text(path, "old\n")
    with path.open() as reader:
        files.write_text(path, "new\n")
        assert reader.read() == "old\n"
    assert path.read_bytes() == b"new\n"


def test_a_table_with_a_fault_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "iv.csv"
    tables.write(path, tables.IV, [])
    before = path.read_bytes()
    with pytest.raises(tables.UndeclaredContent):
        tables.write(path, tables.IV, [{"nonsense": 1}])
    assert path.read_bytes() == before
