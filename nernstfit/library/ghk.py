"""Reversal potential from ratios, or one ratio from a reversal potential, without an experiment folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.contract.numbers import Range
from nernstfit.contract.terms import ActivityModel
from nernstfit.library.chemistry import Chemistry
from nernstfit.library.compositions import check_units, composition
from nernstfit.library.nernst import unknown_ion
from nernstfit.library.solutions import amounts, read, user_ions
from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.membrane.ratio import ChordCurrents, Currents, GoldmanCurrents, range_mV, ratio
from nernstfit.physics.solution import coefficients
from nernstfit.physics.solution.ions import Ion, UserIons, known_ions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import solution_findings

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95  # of the interval; that of the workflow's default configuration
_COINCIDENT_MV = 1e-9  # limits of the potential closer than this are equal: the ratio does not matter
_CHORD_FORM = "chord conductances in parallel, sum of g (E - E_Nernst) = 0, not permeabilities"


@dataclass(frozen=True)
class Request:
    """Request of a potential or a ratio, as typed.

    Attributes
    ----------
    ratios : sequence of str
        Like `K=1,Na=0.04`; the first that is 1 names the reference.
    outside, inside, reference_bath : str or None
        A solution of the table, or a composition in mM like `NaCl=150,CaCl2=2`.
    reference_mV : float or None
        Reversal potential in the reference bath, where the inside is not known.
    table : str or None
        Path of the table of solutions.
    potential_mV : float or None
        Measured reversal potential, from which the ratio of `solve` is calculated.
    solve : str or None
        Ion whose ratio is calculated.
    se_mV : float or None
        Standard error of the potential; with a reference bath, of its shift.
    conductance : bool
        The ratios are those of chord conductances.
    nernst : sequence of str
        Nernst potentials in mV like `K=-80,Na=50`, in place of the solutions of chord conductances.
    chemistry : Chemistry
    """

    ratios: Sequence[str]
    outside: str | None = None
    inside: str | None = None
    reference_bath: str | None = None
    reference_mV: float | None = None
    table: str | None = None
    potential_mV: float | None = None
    solve: str | None = None
    se_mV: float | None = None
    conductance: bool = False
    nernst: Sequence[str] = ()
    chemistry: Chemistry = field(default_factory=Chemistry)


@dataclass(frozen=True)
class _Side:
    """Solution on one side of the membrane."""

    name: str
    recipe: Solutions
    solution: str

    def concentration_mM(self, ions: Sequence[str]) -> FloatArray:
        """Return the concentrations of some ions."""
        return self.recipe.activity_mM(self.solution, ions, ActivityModel.CONCENTRATION, 25.0)

    def notes(self, ions: Sequence[str], model: str, temperature_C: float) -> Iterator[str]:
        """List the findings on the solution, as other commands have them, and the limits of the activities."""
        is_ideal = model == ActivityModel.CONCENTRATION
        omitted = {Code.OSMOLARITY} | ({Code.CHARGE, Code.STRENGTH} if is_ideal else set())  # of what does not count
        for each in solution_findings(self.recipe, temperature_C, model, ions)[self.solution]:
            if each.code not in omitted:
                yield each.sentence
        if is_ideal:
            return
        row, place = self.recipe.row(self.solution, temperature_C), self.name.replace("_", " ")
        known = coefficients.status(model, row, self.recipe.ions, temperature_C)
        for ion, amount, status in zip(self.recipe.ions, row, known, strict=True):
            if ion.name in ions and amount > 0 and status != "sourced":
                yield f"{place}: activity coefficient of {ion.name}: {status}"


def calculate(request: Request) -> dict[str, Any]:
    """Calculate the reversal potential from ratios, or one ratio from a reversal potential.

    Parameters
    ----------
    request : Request

    Returns
    -------
    dict
        `ions`: one dict per ion, by name, with its valence, its concentration on each side in mM (`inside_mM`, and
        under an activity model `inside_activity_mM`), its Nernst potential (None where a side has none of it) and
        its ratio. Then `potential_mV`; or `name` like P_Na/P_K, `permeability_ratio` (of chord conductances:
        `conductance_ratio`), `low` and `high`, the ratios at the ends of the potential's 95 % normal interval
        (None where an end lies beyond the range of any ratio; without `se_mV` both), `potential_mV` and `se_mV`. Last
        `temperature_C`, `activity` and `form` of the equation, and `notes`.

    Raises
    ------
    InputError
        Where a name or number is missing or invalid, no permeant ion is on either side, or no ratio gives the
        potential.
    """
    _check(request)
    own_ions = user_ions(request.chemistry.species)
    known = known_ions(own_ions)
    given = _ratios(request, known)
    reference = next(ion for ion, value in given.items() if value == 1)
    ions = sorted(given)
    currents, rows, facts = _currents(request, [known[ion] for ion in ions], own_ions)
    ratios = np.array([given[ion] for ion in ions])
    if request.solve and request.potential_mV is not None:
        solved = ions.index(request.solve)
        name = f"{currents.symbol}_{request.solve}/{currents.symbol}_{reference}"
        result, notes = _solved(currents, ratios, solved, name, request)
        ratios[solved] = result[currents.quantity]
    else:
        result, notes = {"potential_mV": _potential(currents, ratios)}, []
    for row, value in zip(rows, ratios, strict=True):
        row[currents.quantity] = float(value)
    return {"ions": rows, **result, **facts, "notes": [*notes, *facts["notes"]]}


def _ratios(request: Request, known: Mapping[str, Ion]) -> dict[str, float]:
    """Return the given ratios by ion; that of the ion to be solved is 0."""
    ratios = amounts(request.ratios, "--ratio", Range(minimum=0.0))
    given = ratios | ({request.solve: 0.0} if request.solve else {})
    for ion in given:
        if ion not in known:
            raise InputError(f"{'--ratio' if ion in ratios else '--solve'}: {unknown_ion(ion, known)}")
    if 1 not in ratios.values():
        got = ", ".join(f"{ion}={value:g}" for ion, value in ratios.items()) or "nothing"
        raise InputError(f"--ratio: got {got}, expected one ion with ratio 1, the reference")
    if request.solve in ratios:
        raise InputError(f"--solve: got {request.solve}, whose ratio is given by --ratio; expected one of the two")
    return given


def _potential(currents: Currents, ratios: FloatArray) -> float:
    potential = currents.reversal_mV(ratios)
    if math.isnan(potential):
        raise InputError("--ratio: no permeant ion on either side; there is no reversal potential")
    if math.isinf(potential):
        raise InputError(_one_direction(potential))
    return potential


def _one_direction(limit_mV: float) -> str:
    """Return the fault of ions that carry current in one direction only."""
    direction, side, other = ("outward", "inside", "outside") if limit_mV > 0 else ("inward", "outside", "inside")
    return f"--ratio: no ion carries {direction} current, expected a permeant cation {side} or a permeant anion {other}"


def _solved(
    currents: Currents, ratios: FloatArray, solved: int, name: str, request: Request
) -> tuple[dict[str, Any], list[str]]:
    """Return the ratio that gives the measured potential with its interval, and notes on open ends."""
    without, alone = range_mV(currents, ratios, solved)
    _check_range(without, alone, name)
    potential_mV, se_mV = request.potential_mV or 0.0, request.se_mV
    value = ratio(currents, ratios, solved, potential_mV)
    if not 0 < value < math.inf:
        raise InputError(
            f"--potential-mV: got {potential_mV:g} mV, where {name} would be negative or infinite, "
            f"expected {_range(without, alone)}"
        )
    low = high = None
    notes = []
    if se_mV is not None:
        from statistics import NormalDist  # noqa: PLC0415 - most requests have no standard error

        half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * se_mV
        ends = (ratio(currents, ratios, solved, end) for end in (potential_mV - half, potential_mV + half))
        low, high = sorted(ends)
        open_ends = [word for word, is_open in (("low", low == 0), ("high", high == math.inf)) if is_open]
        notes = [
            f"no {word}: that end of the potential's interval lies beyond what any ratio gives "
            f"({_range(without, alone)})"
            for word in open_ends
        ]
        low, high = low or None, None if high == math.inf else high
    result = {"name": name, currents.quantity: value, "low": low, "high": high}
    return result | {"potential_mV": potential_mV, "se_mV": se_mV}, notes


def _check_range(without: float, alone: float, name: str) -> None:
    """Refuse solutions in which no potential, or every ratio alike, follows from the ion."""
    if math.isnan(alone):
        raise InputError(f"{name}: nothing of the first ion on either side, expected some")
    if math.isnan(without):
        raise InputError(f"{name}: no other permeant ion on either side, expected some")
    if without == alone and math.isinf(alone):
        raise InputError(_one_direction(alone))
    if math.isclose(without, alone, abs_tol=_COINCIDENT_MV):
        raise InputError(f"{name}: the solutions give {alone:.6g} mV at every ratio, expected others")


def _range(one_mV: float, other_mV: float) -> str:
    low, high = sorted((one_mV, other_mV))
    if math.isinf(low):
        return f"a potential below {high:.6g} mV"
    return f"a potential above {low:.6g} mV" if math.isinf(high) else f"a potential between {low:.6g} and {high:.6g} mV"


def _currents(
    request: Request, ions: Sequence[Ion], own_ions: UserIons
) -> tuple[Currents, list[dict[str, Any]], dict[str, Any]]:
    """Return the currents, a row for each ion, and what the result states beside them."""
    names = [ion.name for ion in ions]
    rows: list[dict[str, Any]] = [{"ion": ion.name, "valence": ion.valence} for ion in ions]
    if request.nernst:
        potentials_mV = _given_nernst_mV(request.nernst, names)
        _fill(rows, "nernst_mV", potentials_mV)
        return ChordCurrents(potentials_mV), rows, {"form": _CHORD_FORM, "notes": []}
    model, temperature_C = request.chemistry.model, request.chemistry.temperature_C
    valence = np.array([ion.valence for ion in ions], dtype=np.float64)
    sides = _sides(request, own_ions)
    activities = [side.recipe.activity_mM(side.solution, names, model, temperature_C) for side in sides]
    for side, values in zip(sides, activities, strict=True):
        _fill(rows, f"{side.name}_mM", side.concentration_mM(names))
        if model != ActivityModel.CONCENTRATION:
            _fill(rows, f"{side.name}_activity_mM", values)
    facts: dict[str, Any] = {
        "temperature_C": temperature_C,
        "activity": model,
        "form": _form(request, valence),
        "notes": [note for side in sides for note in side.notes(names, model, temperature_C)],
    }
    if request.reference_bath:
        return _shift(request, valence, *activities), rows, facts
    potentials_mV = nernst_mV(valence, activities[1], activities[0], temperature_C)
    _fill(rows, "nernst_mV", potentials_mV)
    if request.conductance:
        return _chord(potentials_mV, names), rows, facts
    return GoldmanCurrents(valence[None], activities[0][None], activities[1][None], temperature_C), rows, facts


def _fill(rows: list[dict[str, Any]], name: str, values: FloatArray) -> None:
    for row, value in zip(rows, values, strict=True):
        row[name] = float(value) if math.isfinite(value) else None


def _shift(request: Request, valence: FloatArray, reference: FloatArray, outside: FloatArray) -> GoldmanCurrents:
    """Return the currents where the solution inside is unknown and cancels."""
    if (valence > 0).any() and (valence < 0).any():
        raise InputError(
            "--reference-bath: got cations and anions as permeant ions, expected ions of one sign, for which the "
            "solution inside cancels, or --inside in its place"
        )
    if not reference.any():
        raise InputError("--reference-bath: contains none of the permeant ions, expected at least one of them")
    temperature_C = request.chemistry.temperature_C
    entries = ghk.unknown_inside(request.reference_mV or 0.0, valence, reference, outside, temperature_C)
    return GoldmanCurrents(*entries, temperature_C)


def _chord(potentials_mV: FloatArray, ions: Sequence[str]) -> ChordCurrents:
    for ion, potential in zip(ions, potentials_mV, strict=True):
        if not math.isfinite(potential):
            raise InputError(
                f"--conductance: {ion} is not on both sides, so that it has no Nernst potential; expected some on "
                "both sides, or --nernst-mV"
            )
    return ChordCurrents(potentials_mV)


def _given_nernst_mV(texts: Sequence[str], ions: Sequence[str]) -> FloatArray:
    found = amounts(texts, "--nernst-mV", tables.REVERSALS.columns["reversal_mV"].range)
    if set(found) != set(ions):
        raise InputError(
            f"--nernst-mV: got {', '.join(found)}, expected a Nernst potential for each of {', '.join(ions)}"
        )
    return np.array([found[ion] for ion in ions])


def _form(request: Request, valence: FloatArray) -> str:
    """Return the name of the equation to which the numbers belong."""
    quantity = "concentrations" if request.chemistry.model == ActivityModel.CONCENTRATION else "activities"
    if request.conductance:
        return f"{_CHORD_FORM}; Nernst potentials of {quantity}"
    ions = "cations" if valence[0] > 0 else "anions"
    cancels = f"; {ions} inside are monovalent and cancel" if request.reference_bath else ""
    return f"{ghk.form(valence, quantity)}{cancels}"


def _check(request: Request) -> None:
    """Refuse options that exclude each other."""
    faults = [message for is_fault, message in _combinations(request) if is_fault]
    if faults:
        raise InputError(faults[0])


def _combinations(request: Request) -> Iterator[tuple[bool, str]]:
    """List the combinations of options that are faults, each with its message, in order of precedence."""
    yield (
        (request.solve is None) != (request.potential_mV is None),
        "--solve, --potential-mV: got one of them, expected both: the ion and the measured potential",
    )
    yield (
        request.se_mV is not None and request.solve is None,
        "--se-mV: got it without --potential-mV; the standard error is that of a measured potential",
    )
    yield (
        (request.reference_bath is None) != (request.reference_mV is None),
        "--reference-bath, --reference-potential-mV: got one of them, expected both",
    )
    other = "--inside" if request.inside else "--conductance"
    yield (
        bool(request.reference_bath and (request.inside or request.conductance)),
        f"--reference-bath: got it with {other}; it stands for an inside that is not known",
    )
    yield (
        bool(request.nernst and not request.conductance),
        "--nernst-mV: got it without --conductance; the GHK equation takes solutions, not potentials",
    )
    yield (
        bool(request.nernst and (request.inside or request.outside)),
        "--nernst-mV: got it with a solution, expected Nernst potentials or solutions",
    )


def _sides(request: Request, own_ions: UserIons) -> list[_Side]:
    """Return the solution inside, or of the reference bath, and that outside."""
    first = "reference_bath" if request.reference_bath else "inside"
    texts = {first: request.reference_bath or request.inside, "outside": request.outside}
    sides = [_side(name, text, request.table, own_ions) for name, text in texts.items()]
    if all("=" in (text or "") for text in texts.values()):
        check_units([side.recipe for side in sides], [_option(name) for name in texts])
    return sides


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _side(name: str, text: str | None, path: str | None, own_ions: UserIons) -> _Side:
    """Find a solution in the table, or read its composition."""
    option = _option(name)
    if not text:
        raise InputError(f"{option}: missing, expected a solution's name, or its composition in mM like NaCl=140,KCl=5")
    if "=" in text:
        recipe = composition(text, option, own_ions)
        return _Side(name, recipe, recipe.names[0])
    if path is None:
        raise InputError(
            f"{option}: got '{text}' without --solutions, expected the table that contains it, or a composition in mM "
            "like NaCl=140,KCl=5"
        )
    recipe = read(path, own_ions)
    if text not in recipe.names:
        raise InputError(f"{option}: no solution '{text}' in {path}; {nearest_or_all(text, recipe.names)}")
    return _Side(name, recipe, text)
