"""Commands of the program, called in this process as they are typed."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from nernstfit.commands.main import main


def call(text: str) -> Result:
    """Call a command with its words."""
    return CliRunner().invoke(main, text.split())


def rows(text: str) -> list[dict[str, Any]]:
    """Return what a command prints with `--json`."""
    done = call(f"{text} --json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.output)
    return found
