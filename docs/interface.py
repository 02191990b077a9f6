"""Write docs/api.md: the Python interface, from its docstrings.

python docs/interface.py docs
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import nernstfit

INTRODUCTION = """# Python

`import nernstfit` offers what is listed here; everything else is private and may change. Numbers are numbers, in the
unit that their name ends with; tables are DataFrames with the columns of [docs/tables.md](tables.md). Faults are
`nernstfit.InputError` (tables, configuration, arguments: `faults` has one sentence each) and `nernstfit.RecordingError`
(one recording). [example.ipynb](example.ipynb) is a notebook that uses most of it. This page is written from the
docstrings: `make docs`.
"""
_STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_HEADING = re.compile(r"^([A-Z][\w *]+)\n-{3,}$", re.MULTILINE)


def page() -> str:
    """Return the page."""
    order = sorted(nernstfit.__all__, key=lambda name: (inspect.isclass(getattr(nernstfit, name)), name))
    return "\n".join([INTRODUCTION, *(_entry(name, getattr(nernstfit, name)) for name in order)])


def _entry(name: str, item: Any) -> str:
    """Return the section on a function or class."""
    text = inspect.cleandoc(item.__doc__ or "")
    sections = _HEADING.split(text)
    lines = [f"## {name}\n"]
    if not inspect.isclass(item):
        lines.append(f"```python\n{name}{_signature(item)}\n```\n")
    lines.append(f"{sections[0].strip()}\n")
    for title, content in zip(sections[1::2], sections[2::2], strict=True):
        kind = "python" if title == "Examples" else "text"
        lines.append(f"**{title}**\n\n```{kind}\n{content.strip()}\n```\n")
    for method, function in inspect.getmembers(item, inspect.isfunction) if inspect.isclass(item) else ():
        if not method.startswith("_"):
            summary = inspect.cleandoc(function.__doc__ or "").splitlines()[0]
            lines.append(f"`.{method}{_signature(function)}` {summary}\n")
    return "\n".join(lines)


def _signature(function: Any) -> str:
    """Return the names and defaults of the arguments."""
    parts = []
    for name, argument in inspect.signature(function).parameters.items():
        default = str(argument.default) if isinstance(argument.default, str) else argument.default
        shown = "" if default is argument.empty else f"={default!r}".replace("'", '"')
        if name != "self":
            parts.append(f"{_STARS.get(argument.kind, '')}{name}{shown}")
    return f"({', '.join(parts)})"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "api.md").write_text(page(), encoding="utf-8", newline="\n")
