"""Numbers that users type, in tables, in the configuration and in options: how they are read, and their ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nernstfit.contract.errors import Alike


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
    least : float
        Numbers above 0 up to this one are never meant: they are in another unit.
    """

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    unit: str = ""
    is_whole: bool = False
    least: float = 0.0

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Range:
        """Return the range that the rule of a key in the schema of the configuration declares."""
        is_whole = "integer" in rule["type"] and "number" not in rule["type"]
        low, high, above = (rule.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
        return cls(low, high, above, rule.get("unit", ""), is_whole)

    def __contains__(self, value: float) -> bool:
        is_low = (self.minimum is not None and value < self.minimum) or (self.above is not None and value <= self.above)
        is_high = self.maximum is not None and value > self.maximum
        is_other_unit = 0 < value <= self.least
        return not (is_low or is_high or is_other_unit or (self.is_whole and not value.is_integer()))

    @property
    def phrase(self) -> str:
        """Description of the numbers in the range."""
        kind = "a whole number" if self.is_whole else "a number"
        return " ".join(filter(None, (kind, self._limits(), f"({self.unit})" if self.unit else "")))

    def expected(self, value: float) -> str | None:
        """Return the phrase for an acceptable number, with the unit that was likely meant; None where `value` is one.

        It is `Alike` for all values in the same other unit.
        """
        if value in self:
            return None
        unit, meant = next(
            ((unit, convert(value)) for unit, convert in _CONVERSIONS.get(self.unit, ()) if convert(value) in self),
            ("", math.nan),
        )
        # The limits alone allow such a number.
        gap = f", above {self.least:g} where it is not 0" if 0 < value <= self.least else ""
        if not unit:
            return f"{self.phrase}{gap}"
        return Alike(f"{self.phrase}{gap}: {unit}? give {self.unit}: {meant:.4g}", unit)

    def _limits(self) -> str:
        if self.above is None and self.minimum is not None and self.maximum is not None:
            return f"from {self.minimum:g} to {self.maximum:g}"
        low = "" if self.minimum is None else f"of at least {self.minimum:g}"
        low = low if self.above is None else f"above {self.above:g}"
        high = "" if self.maximum is None else f"at most {self.maximum:g}"
        return " and ".join(filter(None, (low, high)))


# Units in which people give a quantity, by its unit in the contract, with the conversion: the first whose result is an
# acceptable number is what was meant.
_CONVERSIONS: Mapping[str, Sequence[tuple[str, Callable[[float], float]]]] = {
    "C": (("kelvin", lambda value: round(value - 273.15, 6)), ("Fahrenheit", lambda value: (value - 32) / 1.8)),
    "MOhm": (
        ("kOhm", lambda value: value / 1e3),
        ("Ohm", lambda value: value / 1e6),
        ("GOhm", lambda value: value * 1e3),
    ),
    "pF": (("nF", lambda value: value * 1e3), ("F", lambda value: value * 1e12), ("fF", lambda value: value / 1e3)),
    "percent": (("a fraction", lambda value: value * 100),),
    "mV": (("uV", lambda value: value / 1e3),),
}


# The largest concentration is above that of every saturated salt solution (LiCl, 20 mol/l), so that a larger number is
# a unit taken for another. Half of it would refuse none but such stocks; double lets some such numbers through.
CONCENTRATION = Range(minimum=0.0, maximum=20_000.0, unit="mM")
"""Concentration of a component of a solution."""


class NotANumber(ValueError):
    """Fault of a text that is no number, as what was got and what was expected.

    Attributes
    ----------
    kind : str
        Equal for texts that are wrong in the same way; '' where the text is like no number.
    """

    def __init__(self, words: str, kind: str = "") -> None:
        super().__init__(words)
        self.kind = kind


def number(text: str, unit: str = "") -> float:
    """Return the number that a text is, in a unit; a ValueError states what was got and what was expected."""
    try:
        value = float(text.replace("_", "x"))  # Python's 1_000 is no number in a table
    except ValueError:
        kind, hint = slip_of(text, unit)
        raise NotANumber(f"got '{text}', expected a number{f' ({hint})' if hint else ''}", kind) from None
    if not math.isfinite(value):
        raise NotANumber(f"got '{text}', expected a finite number")
    return value


def number_within(text: str, allowed: Range) -> float:
    """Return the number that a text is; a ValueError states what was got and which numbers are allowed."""
    value = number(text, allowed.unit)
    expected = allowed.expected(value)
    if expected:
        raise ValueError(f"got {text}, expected {expected}")
    return value


_GROUPED = re.compile(r"([+-]?[1-9]\d{0,2})((?P<mark>[ ,.'\u2019\u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*)")
_WITH_UNIT = re.compile(r"([+-]?\d*[.,]?\d+)\s*([^\W\d_]{1,10}|%|\u00b0\s*[^\W\d_]?|[^\W\d_]{1,4}/[^\W\d_]{1,4})")


def slip_of(text: str, unit: str) -> tuple[str, str]:
    """Return the kind of a slip in the text of a number, and the number that was meant, in words; '' for none."""
    plain = text.replace("\u2212", "-").replace("\u2013", "-")
    if plain != text and _is_number(plain):
        return "minus", f"{plain}, with a hyphen as the minus"
    if _GROUPED.fullmatch(plain):
        # Three zeros behind a comma separate thousands, for nobody writes them as decimals; other digits can be either.
        is_either = plain.count(",") == 1 and not plain.endswith(",000")
        other = f", or {plain.replace(',', '.')}, with a decimal point" if is_either else ""
        return "thousands", f"{re.sub(r'[^0-9+-]', '', plain)}, without a thousands separator{other}"
    if "," in plain:
        return _meant_by_comma(plain, unit)
    return _meant_with_unit(plain, unit)


def _meant_by_comma(text: str, unit: str) -> tuple[str, str]:
    whole, _, rest = text.rpartition(",")
    if rest.isdigit() and (whole.strip("+-").isdigit() or not whole.strip("+-")):
        return "decimal comma", f"with a decimal point: {text.replace(',', '.')}"
    if rest.isdigit() and "." in whole and _is_number(whole.replace(".", "")):
        return "both", f"{whole.replace('.', '')}.{rest}, without a thousands separator and with a decimal point"
    if "." in rest and _is_number(text.replace(",", "")):
        return "thousands", f"{text.replace(',', '')}, without a thousands separator"
    return _meant_with_unit(text, unit)


_PREFIXES = {"p": -12, "n": -9, "u": -6, "\u00b5": -6, "\u03bc": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9}
_BASES = {"Ohm": "Ohm", "ohm": "Ohm", "\u03a9": "Ohm", "\u2126": "Ohm", "mol/l": "M", "mol/L": "M"}
_BASES |= {base: base for base in ("Hz", "M", "V", "F", "A", "S", "s")}
_SYNONYMS = {"%": "percent", "\u00b0C": "C", "\u00b0 C": "C", "\u00b0": "C"}


def _meant_with_unit(text: str, unit: str) -> tuple[str, str]:
    """Return the number in the unit of its place, where the unit that is written says which it is."""
    found = _WITH_UNIT.fullmatch(text)
    if found is None:
        return "", ""
    typed, written = found[1].replace(",", "."), _SYNONYMS.get(found[2], found[2])
    powers, own = _power(written), _power(unit)
    if written == unit:
        return "unit", f"{typed}, without its unit"
    if powers and own and powers[0] == own[0]:
        return "unit", f"{float(f'{typed}e{powers[1] - own[1]}'):g}, in {unit}, without its unit"
    return "unit", f"in {unit}, without its unit" if unit else "without a unit"


def _power(unit: str) -> tuple[str, int] | None:
    """Return the base of a unit and the power of ten of its prefix; None of a unit that has neither."""
    for ending, base in _BASES.items():
        if unit.endswith(ending) and unit.removesuffix(ending) in _PREFIXES:
            return base, _PREFIXES[unit.removesuffix(ending)]
    return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text) is not None
