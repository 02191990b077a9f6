"""What the docs show of the commands is what the commands print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nernstfit.commands.main import main

ROOT = Path(__file__).parents[1]


def shown(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every command of a page's console blocks, with the lines of its output that the page shows."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


COMMANDS = [(page.name, *each) for page in sorted((ROOT / "docs").glob("*.md")) for each in shown(page)]


@pytest.mark.parametrize(("page", "command", "lines"), COMMANDS, ids=[f"{page}: {line}" for page, line, _ in COMMANDS])
def test_a_page_shows_what_is_printed(
    page: str, command: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    program, *words = shlex.split(command)
    assert program == "nernstfit"
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    printed = iter(done.output.splitlines())
    assert lines
    for line in lines:
        assert line in printed, f"not printed, or not in this order: {line}\n{done.output}"


@pytest.mark.parametrize(("page", "least"), [("ghk.md", 19), ("inference.md", 16)])
def test_the_commands_are_found(page: str, least: int) -> None:
    assert len([name for name, _, _ in COMMANDS if name == page]) >= least
