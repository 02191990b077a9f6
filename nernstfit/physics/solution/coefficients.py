"""Activity coefficients by the name of a model: the registry of models, and the source of each coefficient.

    a_i = g_i m_i

with activity a and molality m and the dimensionless coefficient g of ion i. The equations are in `activity` (Davies,
Debye and Hueckel) and `pitzer`. Amounts are taken as molalities, in mmol/kg; `water` makes them of concentrations in
mM, and returns coefficients of these.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.activity import davies, debye_huckel, ideal, inverse_length_per_A, ionic_strength_M
from nernstfit.physics.solution.ions import IONS, Ion

FloatArray = NDArray[np.float64]

# Charge and ionic strength (M) above which a coefficient is marked: no equation here is meant for three charges and
# more in strong solutions. At half the strength, physiological solutions (0.15 to 0.3 M) with a trace of La would be
# marked; at double, solutions of 0.5 to 1 M, beyond the range of Davies' equation, would not.
_HIGH_CHARGE, _STRONG_M = 3, 0.5


@dataclass(frozen=True)
class Model:
    """Model of activity coefficients.

    Attributes
    ----------
    name : str
        As in the configuration and in results.
    coefficients : callable
        Of molalities in mmol/kg, shape (..., ions), the ions, the temperature in degrees Celsius and the convention:
        coefficients, shape (..., ions).
    sources : callable
        Of the ions and their amounts in one solution: the source of each coefficient, as `status` describes it.
    assumptions : callable
        Of the ions of one solution: the assumptions in place of unknown parameters.
    holds_pair : callable
        Of a metal and an anion: True where the coefficients contain that the two pair, so that both count as free.
    conventions : tuple of str
        Conventions by which mean coefficients are divided between single ions, the default first; () where the model
        has none.
    max_strength_M : float
        Ionic strength in mol/l up to which the model is meant.
    temperature_range_C : tuple of float
        Temperatures for which its parameters were measured, or nearly so.
    has_limits : bool
        False where no model is applied, so that no limit is marked.
    reference : str
    """

    name: str
    coefficients: Callable[[ArrayLike, Sequence[Ion], ArrayLike, str], FloatArray]
    sources: Callable[[Sequence[Ion], Sequence[float]], list[str]]
    assumptions: Callable[[Sequence[Ion]], tuple[str, ...]] = lambda _: ()
    holds_pair: Callable[[Ion, Ion], bool] = lambda *_: False
    conventions: tuple[str, ...] = ()
    max_strength_M: float = math.inf
    temperature_range_C: tuple[float, float] = (-math.inf, math.inf)
    has_limits: bool = True
    reference: str = ""


def _valence(ions: Sequence[Ion]) -> list[int]:
    return [ion.valence for ion in ions]


def _debye_huckel(
    concentration_mM: ArrayLike, ions: Sequence[Ion], temperature_C: ArrayLike, _convention: str
) -> FloatArray:
    sizes = sizes_A(ions)
    # An ion of unknown size has B a = 1 (Guentelberg 1926, Z phys Chem 123:199): only its charge counts.
    unknown = 1 / np.asarray(inverse_length_per_A(temperature_C))[..., None]
    size_A = np.where(np.isnan(sizes), unknown, sizes)
    return debye_huckel(concentration_mM, _valence(ions), temperature_C, size_A)


def _size_source(ion: Ion) -> str:
    _, owner = _size_A(ion)
    if owner == ion.name:
        return "sourced"
    return f"analogue:{owner}" if owner else "estimated"


def sizes_A(ions: Sequence[Ion]) -> FloatArray:
    """Return the sizes of ions in the equation of Debye and Hueckel, in Angstrom, shape (ions,); nan where unknown."""
    return np.array([_size_A(ion)[0] for ion in ions], dtype=np.float64)


def _size_A(ion: Ion) -> tuple[float, str]:
    """Return the size of an ion, or of its nearest analogue that has one, with its owner; nan and '' without any."""
    seen: set[str] = set()
    at: Ion | None = ion
    while at is not None and at.name not in seen and at.valence == ion.valence:
        if at.size_A is not None:
            return at.size_A, at.name
        seen.add(at.name)
        at = IONS.get(at.analogue or "")
    return float("nan"), ""


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model(
                "pitzer",
                pitzer.coefficients,
                pitzer.sources,
                pitzer.assumptions,
                pitzer.holds_pair,
                conventions=pitzer.CONVENTIONS,
                max_strength_M=6.0,  # molalities to which the parameters were fitted
                temperature_range_C=(10.0, 40.0),  # to 15 C from where the parameters and their slopes were taken
                reference="Pitzer 1973, J Phys Chem 77:268; range: Pitzer 1991, Activity Coefficients, 2nd ed.",
            ),
            Model(
                "davies",
                lambda c, ions, t, _: davies(c, _valence(ions), t),
                lambda ions, _: ["estimated"] * len(ions),
                max_strength_M=0.5,
                reference="Davies 1962, Ion Association, Butterworths",
            ),
            Model(
                "debye-huckel",
                _debye_huckel,
                lambda ions, _: [_size_source(ion) for ion in ions],
                max_strength_M=0.1,
                reference="Debye & Hueckel 1923, Phys Z 24:185; range: Robinson & Stokes 1959, Electrolyte Solutions",
            ),
            Model(
                "concentration",
                lambda c, ions, t, _: ideal(c, _valence(ions), t),
                lambda ions, _: ["concentration"] * len(ions),
                has_limits=False,
            ),
        )
    }
)
"""Every model of activity coefficients by its name. A further model is a further record here, and its term."""

NAMES = tuple(
    name
    for model in MODELS.values()
    for name in ([f"{model.name}:{convention}" for convention in model.conventions] or [model.name])
)
"""Every model, with each of its conventions."""


def other_model(name: str) -> str:
    """Return the model that shows how far activities depend on what cannot be measured; '' of concentrations.

    Parameters
    ----------
    name : str
        Name as for `model_named`.

    Returns
    -------
    str
        The same model with another convention of single ions, where it has several; else the first of all models.
    """
    model, convention = model_named(name)
    others = [f"{model.name}:{other}" for other in model.conventions if other != convention] or [NAMES[0]]
    return others[0] if model.has_limits else ""


def model_named(name: str) -> tuple[Model, str]:
    """Return the record of a model and its convention.

    Parameters
    ----------
    name : str
        One of `NAMES`; the name of a model that has conventions, alone, stands for its first.

    Returns
    -------
    tuple of Model and str
        The convention is '' where the model has none.

    Raises
    ------
    ValueError
        If no model has this name.
    """
    family, colon, convention = name.partition(":")
    model = MODELS.get(family)
    if model is not None and not colon:
        return model, model.conventions[0] if model.conventions else ""
    if model is not None and convention in model.conventions:
        return model, convention
    raise ValueError(f"{name!r} is no activity model; expected one of {', '.join(NAMES)}")


def coefficients(
    model: str, molality_mmol_per_kg: ArrayLike, ions: Sequence[Ion], temperature_C: ArrayLike
) -> FloatArray:
    """Calculate the activity coefficients of single ions.

    Parameters
    ----------
    model : str
        Name as for `model_named`.
    molality_mmol_per_kg : array_like, shape (..., ions)
        Amounts of all ions of each solution, in mmol/kg.
    ions : sequence of Ion
    temperature_C : array_like, leading shape
        Degrees Celsius.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless: activity = coefficient x amount. An ion at 0 has the coefficient of its trace.

    Raises
    ------
    ValueError
        If no model has this name.
    """
    record, convention = model_named(model)
    return record.coefficients(molality_mmol_per_kg, chemical(ions), temperature_C, convention)


def chemical(ions: Sequence[Ion]) -> tuple[Ion, ...]:
    """Return the ions without their mobilities, on which no activity depends: results are kept for each."""
    return tuple(map(_chemical, ions))


@cache
def _chemical(ion: Ion) -> Ion:
    return replace(ion, mobility=1.0, mobility_percent=0.0, source="")


def status(model: str, concentration_mM: ArrayLike, ions: Sequence[Ion], temperature_C: float) -> NDArray[np.str_]:
    """Return the source of each coefficient and its limits.

    Parameters
    ----------
    model, ions, temperature_C
        As in `coefficients`, at one temperature.
    concentration_mM : array_like, shape (..., ions)
        Amounts of all ions of each solution; their unit hardly matters here.

    Returns
    -------
    ndarray of str, shape (..., ions)
        `sourced`, `analogue:X` (parameters of another ion or salt), `estimated` (from the charge only)
        or `concentration` (no model is applied); followed by its limits, separated by `; `.

    Raises
    ------
    ValueError
        If no model has this name.
    """
    record, _ = model_named(model)
    content, ions = np.asarray(concentration_mM, dtype=np.float64), chemical(ions)
    found = np.empty(content.shape, dtype=object)
    for place in np.ndindex(content.shape[:-1]):
        found[place] = _solution_status(record, content[place], ions, temperature_C)
    return np.asarray(found.astype(np.str_))


def _solution_status(model: Model, amounts: FloatArray, ions: Sequence[Ion], temperature_C: float) -> list[str]:
    sources = model.sources(ions, amounts.tolist())
    if not model.has_limits:
        return sources
    low, high = model.temperature_range_C
    limit = "" if low <= temperature_C <= high else f"; outside {low:g}-{high:g} C"
    strong = bool(ionic_strength_M(amounts, _valence(ions)) > _STRONG_M)
    charged = [strong and abs(ion.valence) >= _HIGH_CHARGE for ion in ions]
    charge_limit = f"; |z| >= {_HIGH_CHARGE} above {_STRONG_M} M"
    return [source + limit + charge_limit * high for source, high in zip(sources, charged, strict=True)]
