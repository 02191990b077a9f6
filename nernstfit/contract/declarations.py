"""Declarations of the contract that are parsed one by one, when they are first asked for: a command needs few."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

Made = TypeVar("Made")


class Declarations(Mapping[str, Made]):
    """Declarations of a YAML file beside this module, by name.

    Parameters
    ----------
    file : str
        A mapping; a line that begins with a name and ends with its colon begins a declaration.
    make : callable
        From the name and the content of a declaration to what it stands for.
    """

    def __init__(self, file: str, make: Callable[[str, Any], Made]) -> None:
        text = Path(__file__).with_name(file).read_text(encoding="utf-8")
        _, *parts = re.split(r"^(\w+):$", text, flags=re.MULTILINE)
        self._texts, self._make = dict(zip(parts[::2], parts[1::2], strict=True)), make
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._make(name, yaml.load(self._texts[name], Loader=yaml.CSafeLoader))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def parsed(self) -> tuple[str, ...]:
        """Names of the declarations that have been asked for."""
        return tuple(self._made)
