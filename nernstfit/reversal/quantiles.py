"""Quantiles: standard normal ones of intervals and tests, and those of chi-square over its degrees of freedom."""

from __future__ import annotations

import math

# Standard normal distribution at .975 and .995: 95 % and 99 % between both signs.
Z_95, Z_99 = 1.959963984540054, 2.5758293035489004
# The same distribution at .95: 95 % below it.
Z_95_ONE_SIDED = 1.6448536269514722


def largest_chi_square_ratio(z: float, df: float) -> float:
    """Return chi-square over its degrees of freedom that chance exceeds as rarely as a standard normal deviate z.

    Its cube root is nearly normal (Wilson & Hilferty 1931, Proc Natl Acad Sci 17:684).

    Parameters
    ----------
    z, df : float
    """
    variance = 2.0 / (9.0 * df)
    return float((1.0 - variance + z * math.sqrt(variance)) ** 3)
