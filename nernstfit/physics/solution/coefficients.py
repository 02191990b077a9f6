"""Activity coefficients by the name of a model, and how each of them is known."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.activity import MODELS, debye_huckel, inverse_length_per_A, ionic_strength_M
from nernstfit.physics.solution.ions import IONS, Ion

FloatArray = NDArray[np.float64]

NAMES = (*(f"pitzer:{convention}" for convention in pitzer.CONVENTIONS), "davies", "debye-huckel", "concentration")
"""Every model, pitzer with its convention."""

_WARM_C = (20.0, 30.0)  # where parameters of 25 C may stand for those of the temperature
_HIGH_CHARGE, _STRONG_M = 3, 0.5


def coefficients(model: str, concentration_mM: ArrayLike, ions: Sequence[Ion], temperature_C: ArrayLike) -> FloatArray:
    """Activity coefficients of single ions on the molar scale.

    Parameters
    ----------
    model : str
        One of `NAMES`; `pitzer` alone is `pitzer:macinnes`.
    concentration_mM : array_like, shape (..., ions)
        Concentrations of all ions of each solution, in mM.
    ions : sequence of Ion
    temperature_C : array_like, leading shape
        Degrees Celsius.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless: activity in mM = coefficient x concentration in mM. Of an ion at 0 mM: that of its trace.

    Raises
    ------
    ValueError
        If no model has this name.
    """
    family, _, convention = model.partition(":")
    ions = chemical(ions)
    valence = [ion.valence for ion in ions]
    if family == "pitzer" and convention in ("", *pitzer.CONVENTIONS):
        return pitzer.coefficients(concentration_mM, ions, temperature_C, convention or "macinnes")
    if model == "debye-huckel":
        sizes = np.array([_size_A(ion)[0] for ion in ions], dtype=np.float64)
        # An ion of unknown size has B a = 1 (Guentelberg 1926, Z phys Chem 123:199): its charge alone.
        unknown = 1 / np.asarray(inverse_length_per_A(temperature_C))[..., None]
        size_A = np.where(np.isnan(sizes), unknown, sizes)
        return debye_huckel(concentration_mM, valence, temperature_C, size_A)
    if model in MODELS:
        return MODELS[model](concentration_mM, valence, temperature_C)
    raise ValueError(f"{model!r} is no activity model; {', '.join(NAMES)} are")


def chemical(ions: Sequence[Ion]) -> tuple[Ion, ...]:
    """Return the ions as activities see them: one that only moves faster is the same."""
    return tuple(map(_chemical, ions))


@cache
def _chemical(ion: Ion) -> Ion:
    return replace(ion, mobility=1.0, mobility_percent=0.0, source="")


def _size_A(ion: Ion) -> tuple[float, str]:
    """Size of an ion, or of the nearest analogue that has one, and whose it is; nan and no name where none has."""
    seen: set[str] = set()
    at: Ion | None = ion
    while at is not None and at.name not in seen and at.valence == ion.valence:
        if at.size_A is not None:
            return at.size_A, at.name
        seen.add(at.name)
        at = IONS.get(at.analogue or "")
    return float("nan"), ""


def status(model: str, concentration_mM: ArrayLike, ions: Sequence[Ion], temperature_C: float) -> NDArray[np.str_]:
    """How each coefficient is known.

    Parameters
    ----------
    model, concentration_mM, ions, temperature_C
        As in `coefficients`, at one temperature.

    Returns
    -------
    ndarray of str, shape (..., ions)
        `sourced`, `analogue:X` (another ion or salt stands in), `estimated` (from the charge alone)
        or `concentration` (no model is applied); behind it, separated by `; `, what limits it.
    """
    content, ions = np.asarray(concentration_mM, dtype=np.float64), chemical(ions)
    rows = [_row(model, amounts, ions, temperature_C) for amounts in content.reshape(-1, len(ions))]
    return np.array(rows, dtype=np.str_).reshape(content.shape)


def _row(model: str, amounts: FloatArray, ions: Sequence[Ion], temperature_C: float) -> list[str]:
    if model == "concentration":
        return [model] * len(ions)
    is_pitzer = model.startswith("pitzer")
    if is_pitzer:
        known = pitzer.knowledge(ions, amounts.tolist())
    elif model == "debye-huckel":
        known = [_known_size(ion) for ion in ions]
    else:
        known = ["estimated"] * len(ions)
    strong = ionic_strength_M(amounts, [ion.valence for ion in ions]) > _STRONG_M
    cold_or_hot = is_pitzer and not _WARM_C[0] <= temperature_C <= _WARM_C[1]
    limits = "; outside 20-30 C" if cold_or_hot else ""
    charged = [f"; |z| >= {_HIGH_CHARGE} above {_STRONG_M} M" * bool(strong and _is_high(ion)) for ion in ions]
    return [each + limits + high for each, high in zip(known, charged, strict=True)]


def _is_high(ion: Ion) -> bool:
    return abs(ion.valence) >= _HIGH_CHARGE


def _known_size(ion: Ion) -> str:
    _, owner = _size_A(ion)
    if owner == ion.name:
        return "sourced"
    return f"analogue:{owner}" if owner else "estimated"
