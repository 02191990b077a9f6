"""Activity coefficients of single ions from charge, size and ionic strength, on the molar scale.

Symbols: g activity coefficient (activity = g x concentration), z charge number, I ionic strength in mol/l, A and B the
Debye-Hueckel slope in (l/mol)^(1/2) and inverse length in (l/mol)^(1/2)/Angstrom, a the ion's diameter in Angstrom.

    I = (1/2) sum c z^2                                            ionic strength
    log10 g = -A z^2 sqrt(I)                                       limiting law
    log10 g = -A z^2 sqrt(I) / (1 + B a sqrt(I))                   Debye & Hueckel, extended
    log10 g = -A z^2 (sqrt(I) / (1 + sqrt(I)) - 0.3 I)             Davies

Pitzer's equations, which need parameters of each pair of ions, are in `pitzer`.
"""

from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import (
    FARADAY_C_PER_MOL,
    GAS_CONSTANT_J_PER_MOL_K,
    VACUUM_PERMITTIVITY_F_PER_M,
    ZERO_CELSIUS_K,
)

FloatArray = NDArray[np.float64]

_SLOPE_AT_25_C = 0.5085
"""A at 25 C, (l/mol)^(1/2): Davies 1962, Ion Association."""


def ionic_strength_M(concentration_mM: ArrayLike, valence: ArrayLike) -> FloatArray:
    """Calculate the ionic strength I = (1/2) sum c z^2.

    Parameters
    ----------
    concentration_mM : array_like, shape (..., ions)
        Concentrations in mM.
    valence : array_like of int, shape (..., ions)
        Signed charge numbers.

    Returns
    -------
    ndarray, leading shape
        Ionic strength in mol/l.
    """
    z = np.asarray(valence, dtype=np.float64)
    strength_M: FloatArray = (np.asarray(concentration_mM, dtype=np.float64) * z**2).sum(axis=-1) / 2000
    return strength_M


def debye_huckel_slope(temperature_C: ArrayLike) -> FloatArray:
    """Return the Debye-Hueckel limiting slope A in log10 g = -A z^2 sqrt(I).

    Parameters
    ----------
    temperature_C : array_like
        Temperature in degrees Celsius, 0 to 100.

    Returns
    -------
    ndarray
        A in (l/mol)^(1/2), the shape of `temperature_C`; 0.5085 at 25 C.

    Notes
    -----
    A is proportional to density^(1/2) / (permittivity x T)^(3/2). Anchored at Davies 1962 (Ion Association);
    permittivity of water from Malmberg & Maryott 1956 (J Res Natl Bur Stand 56:1), density of water from
    Kell 1975 (J Chem Eng Data 20:97).
    """
    if isinstance(temperature_C, float | int):
        return _slope_at(float(temperature_C))
    slope: FloatArray = _SLOPE_AT_25_C * _slope_factor(np.asarray(temperature_C, dtype=np.float64)) / _factor_at_25_C()
    return slope


@lru_cache(maxsize=1024)
def _slope_at(temperature_C: float) -> FloatArray:
    """Return the slope at one temperature, which equilibria ask for with every species and step."""
    slope: FloatArray = _SLOPE_AT_25_C * _slope_factor(np.float64(temperature_C)) / _factor_at_25_C()
    return slope


@cache
def _factor_at_25_C() -> FloatArray:
    return _slope_factor(np.float64(25))


def davies(concentration_mM: ArrayLike, valence: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Calculate activity coefficients by Davies' equation.

    log10 g = -A z^2 (sqrt(I) / (1 + sqrt(I)) - 0.3 I), Davies 1962, Ion Association. Meant for ionic
    strengths below 0.5 M: above, the linear term takes over and g rises without bound.

    Parameters
    ----------
    concentration_mM : array_like, shape (..., ions)
        Concentrations of all ions of the solution, in mM.
    valence : array_like of int, shape (..., ions)
        Signed charge numbers.
    temperature_C : array_like, leading shape
        Temperature in degrees Celsius.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless coefficients: activity = coefficient x concentration.
    """
    z = np.asarray(valence, dtype=np.float64)
    per_squared_charge = davies_exponent(ionic_strength_M(concentration_mM, z), temperature_C)
    coefficients: FloatArray = 10 ** (-(z**2) * np.asarray(per_squared_charge)[..., None])
    return coefficients


def davies_exponent(strength_M: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Return -log10 of Davies' coefficient of a monovalent ion, A (sqrt(I) / (1 + sqrt(I)) - 0.3 I).

    Times z^2 for an ion of charge z.

    Parameters
    ----------
    strength_M : array_like
        Ionic strength I in mol/l.
    temperature_C : array_like
        Degrees Celsius.

    Returns
    -------
    ndarray
        Dimensionless, the common broadcast shape.
    """
    strength = np.asarray(strength_M, dtype=np.float64)
    root = np.sqrt(strength)
    exponent: FloatArray = debye_huckel_slope(temperature_C) * (root / (1 + root) - 0.3 * strength)
    return exponent


def debye_huckel(
    concentration_mM: ArrayLike, valence: ArrayLike, temperature_C: ArrayLike, size_A: ArrayLike
) -> FloatArray:
    """Calculate activity coefficients by Debye and Hueckel's extended equation.

    log10 g = -A z^2 sqrt(I) / (1 + B a sqrt(I)), Debye & Hueckel 1923, Phys Z 24:185. Meant for ionic strengths
    up to 0.1 M.

    Parameters
    ----------
    concentration_mM, valence, temperature_C : array_like
        As in `davies`.
    size_A : array_like, shape (ions,)
        Diameter a of each ion with its water, in Angstrom: Kielland 1937, J Am Chem Soc 59:1675.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless coefficients: activity = coefficient x concentration.
    """
    z = np.asarray(valence, dtype=np.float64)
    root = np.sqrt(ionic_strength_M(concentration_mM, z))
    per_A = np.asarray(inverse_length_per_A(temperature_C) * root)[..., None]
    limiting = np.asarray(debye_huckel_slope(temperature_C) * root)[..., None]
    coefficients: FloatArray = 10 ** (-(z**2) * limiting / (1 + per_A * np.asarray(size_A, dtype=np.float64)))
    return coefficients


def inverse_length_per_A(temperature_C: ArrayLike) -> FloatArray:
    """Return Debye's inverse length per root of ionic strength, B = sqrt(2 F^2 1000 / (permittivity R T)).

    Parameters
    ----------
    temperature_C : array_like
        Temperature in degrees Celsius, 0 to 100.

    Returns
    -------
    ndarray
        B in (l/mol)^(1/2) / Angstrom, the shape of `temperature_C`; 0.329 at 25 C.
    """
    t = np.asarray(temperature_C, dtype=np.float64)[()]
    energy_J_per_mol = GAS_CONSTANT_J_PER_MOL_K * (t + ZERO_CELSIUS_K)
    permittivity_F_per_m = VACUUM_PERMITTIVITY_F_PER_M * water_permittivity(t)
    per_m: FloatArray = np.sqrt(2000 * FARADAY_C_PER_MOL**2 / (permittivity_F_per_m * energy_J_per_mol))
    return 1e-10 * per_m


def ideal(concentration_mM: ArrayLike, valence: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Return coefficients of 1: the activity is taken to be the concentration.

    Parameters are those of `davies`.

    Returns
    -------
    ndarray, shape (..., ions)
        Ones.
    """
    leading = np.asarray(temperature_C)[..., None]
    return np.ones(np.broadcast_shapes(np.shape(concentration_mM), np.shape(valence), leading.shape))


def water_permittivity(temperature_C: ArrayLike) -> FloatArray:
    """Return the relative permittivity of water (Malmberg & Maryott 1956, J Res Natl Bur Stand 56:1).

    Parameters
    ----------
    temperature_C : array_like
        Temperature in degrees Celsius, 0 to 100.
    """
    t = np.asarray(temperature_C, dtype=np.float64)[()]
    return np.asarray(87.740 - 0.40008 * t + 9.398e-4 * t**2 - 1.410e-6 * t**3)


def water_density_kg_per_l(temperature_C: ArrayLike) -> FloatArray:
    """Return the density of water in kg/l at a temperature in degrees Celsius; Kell 1975, J Chem Eng Data 20:97."""
    if isinstance(temperature_C, float | int):
        return _density_at(float(temperature_C))
    return _density(np.asarray(temperature_C, dtype=np.float64)[()])


@lru_cache(maxsize=1024)
def _density_at(temperature_C: float) -> FloatArray:
    """Return the density at one temperature, which every mixture of a junction asks for."""
    return _density(np.float64(temperature_C))


def _density(t: FloatArray | np.float64) -> FloatArray:
    """Return the density of water in kg/l at t degrees Celsius."""
    density_kg_per_m3: FloatArray | np.float64 = (
        999.83952
        + 16.945176 * t
        - 7.9870401e-3 * t**2
        - 46.170461e-6 * t**3
        + 105.56302e-9 * t**4
        - 280.54253e-12 * t**5
    ) / (1 + 16.879850e-3 * t)
    density: FloatArray = np.asarray(density_kg_per_m3 / 1000)[()]
    return density


def _slope_factor(t: FloatArray | np.float64) -> FloatArray:
    """Return (1000 density)^(1/2) / (permittivity x T)^(3/2) of water at t degrees Celsius."""
    density_kg_per_m3 = 1000 * water_density_kg_per_l(t)
    factor: FloatArray = np.sqrt(density_kg_per_m3) / (water_permittivity(t) * (t + ZERO_CELSIUS_K)) ** 1.5
    return factor
