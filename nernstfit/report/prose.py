"""Prose of the report: the paragraphs and captions of templates/*.j2, which can be edited without Python."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

import jinja2

_TEMPLATES = "nernstfit.report.templates"


def source(name: str) -> str:
    """Return the text of a file beside the templates."""
    return (resources.files(_TEMPLATES) / name).read_text(encoding="utf-8")


def environment(autoescape: bool) -> jinja2.Environment:
    """Return an environment in which a name that is not given is an error."""
    return jinja2.Environment(
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


@cache
def _template(name: str) -> jinja2.Template:
    # Prose becomes text of a block, which the page escapes.
    return environment(autoescape=False).from_string(source(f"{name}.j2"))


class Prose:
    """Paragraphs of one template, each a named Jinja block.

    Parameters
    ----------
    name : str
        Name of the template, without ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, block: str, **values: Any) -> str:
        """Return one paragraph with its values filled in, on one line."""
        template = _template(self._name)
        text = "".join(template.blocks[block](template.new_context(values)))
        return re.sub(r"[ \n]+", " ", text).strip(" ")
