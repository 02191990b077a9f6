"""Numbers in words: rounding to what an interval supports, signs, missing values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MISSING = "—"
MINUS = "\N{MINUS SIGN}"
# Largest degrees of freedom written as a number: beyond, Student's t equals the normal distribution to every digit
# shown (1.962 against 1.960 at 95 %). Half or twice as many would change no interval that is shown.
_MAX_DF = 1000
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """Write a number with a fixed number of decimals and a true minus sign; missing is a dash."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """Write a number to some significant digits, with a power of ten where it is far from 1."""
    if not math.isfinite(value):
        return MISSING
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        power = str(int(exponent)).translate(_SUPERSCRIPTS)
        return f"{mantissa} \N{MULTIPLICATION SIGN} 10{power}".replace("-", MINUS)
    return fixed(value, max(0, digits - 1 - _magnitude(value)))


def degrees_of_freedom(df: float) -> str:
    """Write degrees of freedom; more than a thousand are as good as infinitely many."""
    return f"> {_MAX_DF}" if df > _MAX_DF else fixed(df, 1)


def typeset(sentence: str) -> str:
    """Return a sentence of a table with true minus signs and with each p kept on one line with its value."""
    sentence = re.sub(r"(?<![\w.])-(?=\d)", MINUS, sentence)
    return re.sub(r"\(p ([<=]) ", "(p\u00a0\\1\u00a0", sentence)


def as_given(value: float) -> str:
    """Write a number as someone chose it, such as a concentration."""
    return f"{value:.6g}".replace("-", MINUS) if math.isfinite(value) else MISSING


def decimals_for(half_width: float, most: int = 6) -> int:
    """Return the decimals that show two significant digits of an interval's half width."""
    if not (math.isfinite(half_width) and half_width > 0):
        return 2
    return min(max(1 - _magnitude(half_width), 0), most)


def one_sided(value: float, up: bool) -> str:
    """Write a one-sided limit to two significant digits, rounded away from the values that it excludes."""
    if not (math.isfinite(value) and value > 0):
        return MISSING
    unit = 10.0 ** (_magnitude(value) - 1)
    turns = value / unit
    return significant((math.ceil(turns - 1e-9) if up else math.floor(turns + 1e-9)) * unit, 2)


def criterion(value: float) -> str:
    """Write a likelihood, chi-square or information criterion."""
    return significant(value, 4) if abs(value) >= 1e5 else fixed(value, 1)


def signed_interval(low: float, high: float, decimals: int) -> str:
    """Write an interval of signed numbers; missing is a dash."""
    return MISSING if math.isnan(low) else f"[{fixed(low, decimals, True)}, {fixed(high, decimals, True)}]"


def potential_interval(low: float, high: float, decimals: int) -> str:
    """Write the interval of a potential, or its one-sided limit as `> low` or `< high`."""
    if math.isnan(low) and math.isnan(high):
        return MISSING
    if math.isnan(high):
        return f"> {fixed(low, 1)}"
    if math.isnan(low):
        return f"< {fixed(high, 1)}"
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


@dataclass(frozen=True)
class Estimate:
    """A ratio with its interval as text: the number, and `[low, high]`, `< high` or `> low`."""

    ratio: str = MISSING
    interval: str = MISSING

    @property
    def both(self) -> str:
        """Number and interval, as far as there are any."""
        return " ".join(part for part in (self.ratio, self.interval) if part != MISSING) or MISSING

    @property
    def brief(self) -> str:
        """Number without its interval; the bound where there is no number."""
        return self.interval if self.ratio == MISSING else self.ratio


def estimate(ratio: float, low: float, high: float) -> Estimate:
    """Write a ratio and its interval to the digits that the interval supports.

    Parameters
    ----------
    ratio, low, high : float
        nan where there is none: a bound has no ratio and one end.

    Returns
    -------
    Estimate
    """
    if math.isnan(ratio):
        if math.isnan(low) and math.isnan(high):
            return Estimate()
        limit = f"> {one_sided(low, up=False)}" if math.isnan(high) else f"< {one_sided(high, up=True)}"
        return Estimate(MISSING, limit)
    nearer = min(ratio - low, high - ratio)
    if math.isnan(nearer):
        return Estimate(significant(ratio), MISSING)
    decimals = decimals_for(nearer)
    supports_more = decimals_for(nearer, most=decimals + 1) > decimals
    if max(ratio, high) < 1e6 and round(low, decimals) > 0 and not supports_more:
        return Estimate(fixed(ratio, decimals), f"[{fixed(low, decimals)}, {fixed(high, decimals)}]")
    return Estimate(significant(ratio, 2), f"[{significant(low, 2)}, {significant(high, 2)}]")


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
