"""Electrostatic mixing of two unlike charges of one sign in Pitzer's equations."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def _double_exponential(low: float, high: float, step: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes y and weights of an integral from 0 to infinity whose integrand decays like exp(-y).

    y = exp(t - exp(-t)): Takahasi & Mori 1974, Publ RIMS Kyoto Univ 9:721.
    """
    t = np.arange(low, high, step)
    y = np.exp(t - np.exp(-t))
    return y, step * y * (1 + np.exp(-t))


# At half the step of t nothing changes above x = 0.1, at double J loses two digits.
_NODES = _double_exponential(-3.5, 4.0, 0.12)
# Places of the table in ln x, which span every solution, and their distance: at half cubic polynomials between them are
# as exact as the quadrature, at double they lose a digit.
_LN_X = np.arange(np.log(1e-7), np.log(1e3), 0.01)


def electrostatic_integral(x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Calculate Pitzer's integral J(x) and its derivative (Pitzer 1975, J Solution Chem 4:249).

    J(x) = (1/x) int_0^inf (1 + q + q^2/2 - exp(q)) y^2 dy,   q = -(x/y) exp(-y).

    Parameters
    ----------
    x : array_like
        6 z z' A_phi sqrt(I), from 1e-7 to 1,000.

    Returns
    -------
    tuple of ndarray
        J and dJ/dx, each the shape of `x`; by quadrature and a table of it, to 1e-5 for x from 0.01, to 1e-8 (dJ/dx
        1e-6) from 0.1 to 100.
    """
    return _interpolated(_table((1, 1.0)), np.asarray(x, dtype=np.float64))


def _interpolated(table: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a tabulated function of x and its derivative."""
    step = _LN_X[1] - _LN_X[0]
    place = (np.log(x) - _LN_X[0]) / step
    row = np.clip(place.astype(np.intp), 0, len(_LN_X) - 2)
    place = place - row
    start, slope, second, third = table[:, row]
    value = start + place * (slope + place * (second + place * third))
    return value, (slope + place * (2 * second + 3 * place * third)) / (step * x)


@cache
def _table(*terms: tuple[int, float]) -> FloatArray:
    """Return coefficients of cubic polynomials in the part of the way from one place to the next, (4, places - 1).

    They are those of the sum of `weight` J(`factor` x) over the terms (factor, weight).
    """
    x = np.exp(_LN_X)
    j, change = np.zeros((2, len(x)))
    for factor, weight in terms:
        of_term = _integrated(factor * x)
        j += weight * of_term[0]
        change += weight * factor * of_term[1]
    slope = (_LN_X[1] - _LN_X[0]) * x * change
    rise = np.diff(j)
    second, third = 3 * rise - 2 * slope[:-1] - slope[1:], slope[:-1] + slope[1:] - 2 * rise
    return np.stack([j[:-1], slope[:-1], second, third])


def _integrated(x: FloatArray) -> FloatArray:
    """Return J and dJ/dx of some x by quadrature, shape (2, len(x))."""
    y, weight = _NODES
    per_x = -np.exp(-y) / y
    q = x[:, None] * per_x
    beyond = 1 + q - np.exp(q)
    j = (beyond + q**2 / 2) @ (weight * y**2) / x
    return np.array([j, (beyond @ (weight * y**2 * per_x) - j) / x])


def unlike_charges(strength: FloatArray, a_phi: FloatArray, charges: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Calculate the electrostatic mixing term of two unlike charges of one sign, E and dE/dI.

    E = (z z' / 4 I) [J(x_zz') - J(x_zz)/2 - J(x_z'z')/2],  x_zz' = 6 z z' A_phi sqrt(I) (Pitzer 1975,
    J Solution Chem 4:249). Without it calcium's coefficient in 140 mM Na is 10 % too high.

    Parameters
    ----------
    strength : ndarray
        Ionic strength I in mol/kg.
    a_phi : ndarray
        Slope in (kg/mol)^(1/2).
    charges : tuple of int
        z and z', unlike, both taken as positive.

    Returns
    -------
    tuple of ndarray
        E in kg/mol, and E' in (kg/mol)^2.
    """
    strength = np.maximum(strength, 1e-12)  # E is multiplied by molalities that are smaller still
    z, other = map(abs, charges)
    x = 6 * a_phi * np.sqrt(strength)
    j, change = _interpolated(_table((z * other, 1.0), (z * z, -0.5), (other * other, -0.5)), x)
    e = z * other * j / (4 * strength)
    return e, -e / strength + z * other * x * change / (8 * strength**2)
