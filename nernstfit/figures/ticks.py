"""Choice of the values that an axis labels: 1, 2 or 5 times a power of ten apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

# Most labels on a logarithmic axis: more would overlap in the narrowest panel (150 px); half as many leave a decade
# without a label.
_MAX_TICKS = 7


def log_ticks(low: float, high: float, least: int) -> list[float]:
    """Choose the labels of a logarithmic axis.

    Powers of ten, or more digits of each decade, or equal steps where the axis is short.

    Parameters
    ----------
    low, high : float
        Ends of the axis, 0 < low < high.
    least : int
        Smallest number of labels wanted.

    Returns
    -------
    list of float
        At least two and at most seven, all within the ends.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        found = [value for e in decades for d in digits if low <= (value := float(f"{d}e{e}")) <= high]
        if len(found) >= least:
            return found[:: -(-len(found) // _MAX_TICKS)]
    every = (_multiples(digit, exponent, low, high) for digit, exponent in _steps(high - low))
    found = next(values for values in every if len(values) >= least)
    return found[:: -(-len(found) // _MAX_TICKS)]


def linear_ticks(
    low: float, high: float, fits: Callable[[float, Sequence[str]], bool]
) -> tuple[list[float], list[str]]:
    """Choose the labels of a linear axis: the closest that have room.

    Parameters
    ----------
    low, high : float
        Ends of the axis, low < high.
    fits : callable
        Returns whether labels this far apart on the axis have room.

    Returns
    -------
    tuple
        Values within the ends, and their labels.
    """
    chosen: tuple[list[float], list[str]] = [], []
    for digit, exponent in _steps(high - low):
        values = _multiples(digit, exponent, low, high)
        labels = [_label(value, max(0, -exponent)) for value in values]
        if not fits(float(f"{digit}e{exponent}"), labels):
            break
        chosen = values, labels
    return chosen


def _steps(span: float) -> Iterator[tuple[int, int]]:
    """Yield digit and exponent of ever smaller steps of an axis."""
    magnitude = math.floor(math.log10(span))
    return ((digit, exponent) for exponent in itertools.count(magnitude, -1) for digit in (5, 2, 1))


def _multiples(digit: int, exponent: int, low: float, high: float) -> list[float]:
    """Return the multiples of a step within the ends of an axis."""
    step = float(f"{digit}e{exponent}")
    return [float(f"{k * digit}e{exponent}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _label(value: float, decimals: int) -> str:
    """Write a value with its thousands apart and a minus sign."""
    return f"{value + 0.0:,.{decimals}f}".replace("-", "\u2212")
