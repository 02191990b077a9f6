"""Commands print what the docs show, links lead somewhere, and the README's tables are sound."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
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


FILES = [*ROOT.glob("*.md"), ROOT / "config" / "README.md", *(ROOT / "docs").rglob("*.md")]


def anchors(page: Path) -> set[str]:
    """Names by which links reach the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", FILES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def test_the_readme_is_short_and_its_tables_are_sound(
    tmp_path: Path, write_recording: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    files = {"config/config.yaml": re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]}
    for name in ("solutions", "recordings"):
        (table,) = re.findall(rf"\*\*data/{name}\.csv\*\*[^\n]*\n\n((?:    .*\n)+)", text)
        files[f"data/{name}.csv"] = re.sub("^    ", "", table, flags=re.MULTILINE)
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    for name in ("cell1_control", "cell1_K"):
        write_recording(tmp_path / "data" / f"{name}.abf")
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "2 measurements: 2 used" in done.output
