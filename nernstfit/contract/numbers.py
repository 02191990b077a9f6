"""Numbers that users type, in tables, in the configuration and in options: how they are read, and their ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """Numbers that are allowed in one place.

    Attributes
    ----------
    minimum, maximum, above : float or None
        Limits; `above` excludes the limit itself.
    unit : str
        '' where it has none.
    is_whole : bool
        Whether only whole numbers are allowed.
    """

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    unit: str = ""
    is_whole: bool = False

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Range:
        """Return the range that the rule of a key in the schema of the configuration declares."""
        is_whole = "integer" in rule["type"] and "number" not in rule["type"]
        low, high, above = (rule.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
        return cls(low, high, above, rule.get("unit", ""), is_whole)

    def __contains__(self, value: float) -> bool:
        is_low = (self.minimum is not None and value < self.minimum) or (self.above is not None and value <= self.above)
        is_high = self.maximum is not None and value > self.maximum
        return not (is_low or is_high or (self.is_whole and not value.is_integer()))

    @property
    def phrase(self) -> str:
        """Description of the numbers in the range."""
        kind = "a whole number" if self.is_whole else "a number"
        return " ".join(filter(None, (kind, self._limits(), f"({self.unit})" if self.unit else "")))

    def expected(self, value: float) -> str | None:
        """Return the phrase for an acceptable number, or None where `value` is one."""
        return None if value in self else self.phrase

    def _limits(self) -> str:
        if self.above is None and self.minimum is not None and self.maximum is not None:
            return f"from {self.minimum:g} to {self.maximum:g}"
        low = "" if self.minimum is None else f"of at least {self.minimum:g}"
        low = low if self.above is None else f"above {self.above:g}"
        high = "" if self.maximum is None else f"at most {self.maximum:g}"
        return " and ".join(filter(None, (low, high)))


# The largest concentration is above that of every saturated salt solution (LiCl, 20 mol/l), so that a larger number is
# a unit taken for another. Half of it would refuse none but such stocks; double lets some such numbers through.
CONCENTRATION = Range(minimum=0.0, maximum=20_000.0, unit="mM")
"""Concentration of a component of a solution."""


def number(text: str) -> float:
    """Return the number that a text is; a ValueError states what was got and what was expected."""
    try:
        value = float(text.replace("_", "x"))  # Python's 1_000 is no number in a table
    except ValueError:
        comma = text.count(",") == 1 and text.replace(",", "").strip("+-").isdigit()
        hint = f" (with a decimal point: {text.replace(',', '.')})" if comma else ""
        raise ValueError(f"got '{text}', expected a number{hint}") from None
    if not math.isfinite(value):
        raise ValueError(f"got '{text}', expected a finite number")
    return value


def number_within(text: str, allowed: Range) -> float:
    """Return the number that a text is; a ValueError states what was got and which numbers are allowed."""
    value = number(text)
    if value not in allowed:
        raise ValueError(f"got {text}, expected {allowed.phrase}")
    return value
