"""Words that fit numbers and names: plurals, enumerations, names of groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

UNTITLED = "Permeability ratios from reversal potentials"
"""Title of the report, and of the experiment folder, where the configuration has none."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun in the singular or plural."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def is_or_are(number: int) -> str:
    """Return the verb that agrees with a number."""
    return "is" if number == 1 else "are"


def joined(names: Iterable[str]) -> str:
    """Join names as in running text: `a, b and c`."""
    parts = list(names)
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def capitalized(sentence: str) -> str:
    """Begin a sentence with a capital letter and leave the rest as it is."""
    return sentence[0].upper() + sentence[1:]


def group_phrase(name: str) -> str:
    """Return `group <name>`, or a phrase for the rows without a group."""
    return f"group {name}" if name else "rows without a group"


def without_repeats(names: Sequence[str]) -> list[str]:
    """Leave out a name that equals the one in the row above."""
    return [name if i == 0 or names[i - 1] != name else "" for i, name in enumerate(names)]
