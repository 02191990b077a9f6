"""Quantiles and tails of the normal, Student's t, F and chi-square distributions.

They are scipy's special functions, which scipy.stats evaluates as well: importing that takes longer than a stage that
needs one of them, and a call of it a hundred times as long. Importing the special functions takes longer than numpy:
they are imported by the first call, for which not every run of a stage has cause.
"""

from __future__ import annotations

from typing import Any


def _special() -> Any:
    from scipy import special  # noqa: PLC0415 - slow to import

    return special


def normal_quantile(p: float) -> float:
    """Return the standard normal deviate below which a value lies with probability p."""
    return float(_special().ndtri(p))


def normal_tail(x: float) -> float:
    """Return the probability that a standard normal deviate exceeds x."""
    return float(_special().ndtr(-x))


def t_quantile(p: float, df: float) -> float:
    """Return the quantile of Student's t, which is normal where df is inf."""
    return float(_special().stdtrit(df, p))


def t_tail(t: float, df: float) -> float:
    """Return the probability that Student's t, which is normal where df is inf, exceeds t."""
    return float(_special().stdtr(df, -t))


def f_tail(f: float, df1: float, df2: float) -> float:
    """Return the probability that a ratio of mean squares exceeds f."""
    return float(_special().fdtrc(df1, df2, f))


def chi_square_tail(chi_square: float, df: float) -> float:
    """Return the probability that a sum of df squared normal deviates exceeds chi_square."""
    return float(_special().chdtrc(df, chi_square))


def chi_square_limit(p: float, df: float) -> float:
    """Return the chi-square that a sum of df squared normal deviates exceeds with probability p."""
    return float(_special().chdtri(df, p))


def p_of_farthest(t: float, n: int, df: float) -> float:
    """Return p, up to n, of the one that lies farthest off among n by Student's t (two-sided, Bonferroni)."""
    return n * 2 * t_tail(t, df)
