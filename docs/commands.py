"""Write docs/commands.md: every command, from its help.

python docs/commands.py docs
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nernstfit.commands.main import main

WIDTH = 100
INTRODUCTION = """# Commands

`nernstfit COMMAND --help` prints what stands here. Exit status 0 means success; faults of tables, options or recordings
are sentences on the error output, with exit status 1. Options have the unit of their number in their name. This page is
written from the help of the commands: `make docs`.

| | commands |
|---|---|
| to prepare an experiment | [init](#init), [check](#check), [plan](#plan), [simulate](#simulate) |
| to run it | [run](#run), [report](#report), [figure](#figure), [verify](#verify) |
| recordings | [inspect](#inspect), [measure](#measure), [command](#command) |
| solutions and equations | [solutions](#solutions), [junction](#junction), [nernst](#nernst), [ghk](#ghk) |
"""


def page() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *(_section(name, command) for name, command in main.commands.items())])


def _section(name: str, command: click.Command) -> str:
    """Return the section on a command: its help as it is printed."""
    context = click.Context(command, info_name=f"nernstfit {name}", terminal_width=WIDTH, max_content_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return f"## {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "commands.md").write_text(page(), encoding="utf-8", newline="\n")
