"""A reversal potential from ratios, or one ratio from a reversal potential, without an experiment folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.commands.solutions import amounts, no_ion, own_ions, read
from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.experiment import solution_table
from nernstfit.experiment.folder import NUMBERS
from nernstfit.physics.membrane import chord, ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution import coefficients
from nernstfit.physics.solution.ions import Ion, UnknownComponent, UserIons, components, known_ions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.warnings import CHARGE_PERCENT

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95
_MAX_MV = 1000.0
_CHORD_FORM = "chord conductances in parallel, sum of g (E - E_Nernst) = 0, not permeabilities"


@dataclass(frozen=True)
class Question:
    """What is asked, as it is typed.

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
        Measured, of which `solve` is to be the cause.
    solve : str or None
        Ion whose ratio is sought.
    se_mV : float or None
        Standard error of the potential; with a reference bath, of its shift.
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    conductance : bool
        The ratios are those of chord conductances.
    nernst : sequence of str
        Nernst potentials in mV like `K=-80,Na=50`, in place of the solutions of chord conductances.
    species : str or None
        Path of the table of the user's own ions.
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
    temperature_C: float = 22.0
    model: str = "pitzer:macinnes"
    conductance: bool = False
    nernst: Sequence[str] = ()
    species: str | None = None


@dataclass(frozen=True)
class _Goldman:
    """GHK currents; each ion has one or more entries, in rows of shape (entries, ions)."""

    valence: FloatArray
    inside: FloatArray
    outside: FloatArray
    temperature_C: float
    symbol: ClassVar[str] = "P"
    quantity: ClassVar[str] = "permeability_ratio"

    def currents(self, potential_mV: float) -> FloatArray:
        """Current of each ion per unit of its permeability, positive outward, shape (ions,)."""
        sides = (self.valence, self.inside, self.outside, self.temperature_C)
        return np.asarray(ghk.ion_currents(potential_mV, 1.0, *sides).sum(axis=0))

    def reversal_mV(self, weights: FloatArray) -> float:
        """Where they cancel; +-inf where none flows outward or inward, nan where none flows at all."""
        cations = self.valence > 0
        outward = (weights * np.where(cations, self.inside, self.outside)).sum()
        inward = (weights * np.where(cations, self.outside, self.inside)).sum()
        if not outward or not inward:
            return math.inf if inward else -math.inf if outward else math.nan
        permeability = np.broadcast_to(weights, self.valence.shape).ravel()
        sides = (self.valence.ravel(), self.inside.ravel(), self.outside.ravel())
        return float(ghk.reversal_mV(permeability, *sides, self.temperature_C))


@dataclass(frozen=True)
class _Chord:
    """Chord conductances between Nernst potentials."""

    nernst_mV: FloatArray
    symbol: ClassVar[str] = "g"
    quantity: ClassVar[str] = "conductance_ratio"

    def currents(self, potential_mV: float) -> FloatArray:
        return chord.driving_forces_mV(potential_mV, self.nernst_mV)

    def reversal_mV(self, weights: FloatArray) -> float:
        return float(chord.reversal_mV(weights, self.nernst_mV))


_Law = _Goldman | _Chord


@dataclass(frozen=True)
class _Side:
    """One solution beside the membrane, as the permeant ions see it."""

    name: str
    recipe: Solutions
    solution: str

    def concentration_mM(self, ions: Sequence[str]) -> FloatArray:
        return self.recipe.activity_mM(self.solution, ions, "concentration", 25.0)

    def notes(self, ions: Sequence[str], model: str, temperature_C: float) -> Iterator[str]:
        """What limits the activities."""
        if model == "concentration":
            return
        row, place = self.recipe.row(self.solution, temperature_C), self.name.replace("_", " ")
        charges = row * self.recipe.valence
        excess, most = charges.sum(), max(charges[charges > 0].sum(), -charges[charges < 0].sum())
        if abs(excess) > CHARGE_PERCENT / 100 * most:
            yield (
                f"{place}: the charges do not add up ({excess:+.4g} meq/l); activities are those of a solution "
                "that lacks an ion"
            )
        known = coefficients.status(model, row, self.recipe.ions, temperature_C)
        for ion, amount, status in zip(self.recipe.ions, row, known, strict=True):
            if ion.name in ions and amount > 0 and status != "sourced":
                yield f"{place}: activity coefficient of {ion.name}: {status}"


def answer(asked: Question) -> dict[str, Any]:
    """Reversal potential from ratios, or one ratio from a reversal potential.

    Parameters
    ----------
    asked : Question

    Returns
    -------
    dict
        `ions`: one dict per ion, by name, with its valence, what each side holds of it in mM (`inside_mM`, and under
        an activity model `inside_activity_mM`), its Nernst potential (None where a side has none of it) and its
        ratio. Then `potential_mV`; or `name` like P_Na/P_K, `permeability_ratio` (of chord conductances:
        `conductance_ratio`), `low` and `high`, the ratios at the ends of the potential's 95 % normal interval
        (None where an end lies beyond what any ratio gives; without `se_mV` both), `potential_mV` and `se_mV`. Last
        `temperature_C`, `activity` and `form` of the equation, and `notes`.

    Raises
    ------
    InputError
        Where a name or number is missing or cannot be, no permeant ion is on either side, or the potential is one
        that no ratio gives.
    """
    _check(asked)
    weights = amounts(asked.ratios, "--ratio", "a ratio that is not negative")
    given = weights | ({asked.solve: 0.0} if asked.solve else {})
    own = own_ions(asked.species)
    known = known_ions(own)
    for ion in given:
        if ion not in known:
            raise InputError(f"{'--ratio' if ion in weights else '--solve'}: {no_ion(ion, known)}")
    reference = next((ion for ion, ratio in weights.items() if ratio == 1), None)
    if reference is None:
        found = ", ".join(f"{ion}={ratio:g}" for ion, ratio in weights.items()) or "nothing"
        raise InputError(f"--ratio: found {found}; one ion with ratio 1, the reference, would be right")
    if asked.solve in weights:
        raise InputError(f"--solve: found {asked.solve}, whose ratio --ratio gives; one of the two would be right")
    ions = sorted(given)
    law, rows, facts = _law(asked, [known[ion] for ion in ions], own)
    ratios = np.array([given[ion] for ion in ions])
    if asked.solve and asked.potential_mV is not None:
        solved = ions.index(asked.solve)
        name = f"{law.symbol}_{asked.solve}/{law.symbol}_{reference}"
        result, notes = _ratio(law, ratios, solved, asked.potential_mV, asked.se_mV, name)
        ratios[solved] = result[law.quantity]
    else:
        result, notes = {"potential_mV": _potential(law, ratios)}, []
    for row, ratio in zip(rows, ratios, strict=True):
        row[law.quantity] = float(ratio)
    return {"ions": rows, **result, **facts, "notes": [*notes, *facts["notes"]]}


def _potential(law: _Law, ratios: FloatArray) -> float:
    potential = law.reversal_mV(ratios)
    if math.isnan(potential):
        raise InputError("--ratio: found no permeant ion on either side; there is no reversal potential")
    if math.isinf(potential):
        raise InputError(_one_way(potential))
    return potential


def _one_way(limit_mV: float) -> str:
    way, side, other = ("outward", "inside", "outside") if limit_mV > 0 else ("inward", "outside", "inside")
    return (
        f"--ratio: found no ion that carries {way} current; a permeant cation {side} or a permeant anion {other} "
        "would be right"
    )


def _ratio(
    law: _Law, ratios: FloatArray, solved: int, potential_mV: float, se_mV: float | None, name: str
) -> tuple[dict[str, Any], list[str]]:
    """The one ratio that puts the reversal potential where it was measured, and what its interval leaves open."""
    ion_alone = np.zeros(len(ratios))
    ion_alone[solved] = 1.0
    without, alone = law.reversal_mV(ratios), law.reversal_mV(ion_alone)
    if math.isnan(alone):
        raise InputError(f"{name}: found nothing of the first ion on either side; some would be right")
    if math.isnan(without):
        raise InputError(f"{name}: found no other permeant ion on either side; some would be right")
    if without == alone and math.isinf(alone):
        raise InputError(_one_way(alone))
    if math.isclose(without, alone, abs_tol=1e-9):
        raise InputError(f"{name}: found solutions that give {alone:.6g} mV whatever the ratio; others would be right")

    def at(potential: float) -> float:
        """The ratio moves in one direction between the potential without the ion, 0, and that of it alone, inf."""
        if not min(without, alone) < potential < max(without, alone):
            return 0.0 if abs(potential - without) < abs(potential - alone) else math.inf
        currents = law.currents(potential)
        return float(-(ratios @ currents) / currents[solved])

    ratio = at(potential_mV)
    if not 0 < ratio < math.inf:
        raise InputError(
            f"--potential: found {potential_mV:g} mV, where {name} would be negative or without bound; "
            f"{_range(without, alone)} would be right"
        )
    low = high = None
    notes = []
    if se_mV is not None:
        half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * se_mV
        low, high = sorted((at(potential_mV - half), at(potential_mV + half)))
        beyond = [word for word, open_ in (("low", low == 0), ("high", high == math.inf)) if open_]
        notes = [
            f"no {word}: that end of the potential's interval lies beyond what any ratio gives "
            f"({_range(without, alone)})"
            for word in beyond
        ]
        low, high = low or None, None if high == math.inf else high
    found = {"name": name, law.quantity: ratio, "low": low, "high": high}
    return found | {"potential_mV": potential_mV, "se_mV": se_mV}, notes


def _range(one_mV: float, other_mV: float) -> str:
    low, high = sorted((one_mV, other_mV))
    if math.isinf(low):
        return f"a potential below {high:.6g} mV"
    return f"a potential above {low:.6g} mV" if math.isinf(high) else f"a potential between {low:.6g} and {high:.6g} mV"


def _law(asked: Question, of: Sequence[Ion], own: UserIons) -> tuple[_Law, list[dict[str, Any]], dict[str, Any]]:
    """The currents, what is known of each ion, and what is to be said of both."""
    ions = [ion.name for ion in of]
    rows: list[dict[str, Any]] = [{"ion": ion.name, "valence": ion.valence} for ion in of]
    if asked.nernst:
        potentials_mV = _given_nernst_mV(asked.nernst, ions)
        _fill(rows, "nernst_mV", potentials_mV)
        return _Chord(potentials_mV), rows, {"form": _CHORD_FORM, "notes": []}
    valence = np.array([ion.valence for ion in of], dtype=np.float64)
    first = "reference_bath" if asked.reference_bath else "inside"
    sides = [
        _side(name, option, text, asked.table, own)
        for name, option, text in (
            (first, f"--{first.replace('_', '-')}", asked.reference_bath or asked.inside),
            ("outside", "--outside", asked.outside),
        )
    ]
    activities = [side.recipe.activity_mM(side.solution, ions, asked.model, asked.temperature_C) for side in sides]
    for side, values in zip(sides, activities, strict=True):
        _fill(rows, f"{side.name}_mM", side.concentration_mM(ions))
        if asked.model != "concentration":
            _fill(rows, f"{side.name}_activity_mM", values)
    facts: dict[str, Any] = {
        "temperature_C": asked.temperature_C,
        "activity": asked.model,
        "form": _form(asked, valence),
        "notes": [note for side in sides for note in side.notes(ions, asked.model, asked.temperature_C)],
    }
    if asked.reference_bath:
        return _shift(asked, valence, *activities), rows, facts
    potentials_mV = nernst_mV(valence, activities[1], activities[0], asked.temperature_C)
    _fill(rows, "nernst_mV", potentials_mV)
    if asked.conductance:
        return _chord(potentials_mV, ions), rows, facts
    return _Goldman(valence[None], activities[0][None], activities[1][None], asked.temperature_C), rows, facts


def _fill(rows: list[dict[str, Any]], name: str, values: FloatArray) -> None:
    for row, value in zip(rows, values, strict=True):
        row[name] = float(value) if math.isfinite(value) else None


def _shift(asked: Question, valence: FloatArray, reference: FloatArray, outside: FloatArray) -> _Goldman:
    if (valence > 0).any() and (valence < 0).any():
        raise InputError(
            "--reference-bath: found cations and anions among the permeant ions; ions of one sign, for which what is "
            "inside cancels, or --inside in its place, would be right"
        )
    if not reference.any():
        raise InputError("--reference-bath: found none of the permeant ions; at least one of them would be right")
    entries = ghk.unknown_inside(asked.reference_mV or 0.0, valence, reference, outside, asked.temperature_C)
    return _Goldman(*entries, asked.temperature_C)


def _chord(potentials_mV: FloatArray, ions: Sequence[str]) -> _Chord:
    for ion, potential in zip(ions, potentials_mV, strict=True):
        if not math.isfinite(potential):
            raise InputError(
                f"--conductance: found {ion} not on both sides, so that it has no Nernst potential; some on both "
                "sides, or --nernst, would be right"
            )
    return _Chord(potentials_mV)


def _given_nernst_mV(texts: Sequence[str], ions: Sequence[str]) -> FloatArray:
    found = amounts(texts, "--nernst", f"a potential in mV within +-{_MAX_MV:g}", least=-_MAX_MV, most=_MAX_MV)
    if set(found) != set(ions):
        raise InputError(
            f"--nernst: found {', '.join(found)}; a Nernst potential in mV for each of {', '.join(ions)} would be right"
        )
    return np.array([found[ion] for ion in ions])


def _form(asked: Question, valence: FloatArray) -> str:
    """Which of the equations in use the numbers belong to."""
    what = "concentrations" if asked.model == "concentration" else "activities"
    if asked.conductance:
        return f"{_CHORD_FORM}; Nernst potentials of {what}"
    ions = "cations" if valence[0] > 0 else "anions"
    cancels = f"; {ions} inside are monovalent and cancel" if asked.reference_bath else ""
    return f"{ghk.form(valence, what)}{cancels}"


def _check(asked: Question) -> None:
    """Refuse numbers that cannot be, and options that do not go together."""
    low, high, right = NUMBERS["temperature_C"]
    if not low <= asked.temperature_C <= high:
        raise InputError(f"--temperature: found {asked.temperature_C:g}; {right} would be right")
    for option, value in (("--potential", asked.potential_mV), ("--reference-potential", asked.reference_mV)):
        if value is not None and not abs(value) <= _MAX_MV:
            raise InputError(f"{option}: found {value:g}; a potential in mV within +-{_MAX_MV:g} would be right")
    if asked.se_mV is not None and not 0 < asked.se_mV <= _MAX_MV:
        raise InputError(f"--se: found {asked.se_mV:g}; a standard error in mV above 0 would be right")
    if (asked.solve is None) != (asked.potential_mV is None):
        raise InputError("--solve, --potential: found one of them; the ion and the measured potential go together")
    if asked.se_mV is not None and asked.solve is None:
        raise InputError("--se: found without --potential; the standard error is that of a measured potential")
    if (asked.reference_bath is None) != (asked.reference_mV is None):
        raise InputError("--reference-bath, --reference-potential: found one of them; they go together")
    if asked.reference_bath and (asked.inside or asked.conductance):
        other = "--inside" if asked.inside else "--conductance"
        raise InputError(f"--reference-bath: found with {other}; it stands for an inside that is not known")
    if asked.nernst and not asked.conductance:
        raise InputError("--nernst: found without --conductance; the GHK equation takes solutions, not potentials")
    if asked.nernst and (asked.inside or asked.outside):
        raise InputError("--nernst: found with a solution; Nernst potentials or solutions would be right")


def _side(name: str, option: str, text: str | None, path: str | None, own: UserIons) -> _Side:
    """Find a solution in the table, or read its composition."""
    if not text:
        right = "a solution's name, or its composition in mM like NaCl=140,KCl=5,"
        raise InputError(f"{option}: found nothing; {right} would be right")
    if "=" in text:
        return _Side(name, _composition(text, option, own), option)
    if path is None:
        raise InputError(
            f"{option}: found '{text}' without --solutions; the table that holds it, or a composition in mM like "
            "NaCl=140,KCl=5, would be right"
        )
    recipe = read(path, own)
    if text not in recipe.names:
        raise InputError(f"{option}: found no solution '{text}' in {path}; {nearest_or_all(text, recipe.names)}")
    return _Side(name, recipe, text)


def _composition(text: str, option: str, own: UserIons) -> Solutions:
    """A composition as the only solution of a table."""
    typed = amounts([text], option, "a concentration in mM from 0 to 20000", most=20_000.0)
    for component in typed:
        try:
            components(component, own)
        except UnknownComponent as fault:
            raise InputError(f"{option}: {fault}") from None
    table = pd.DataFrame([{"solution": option} | {name: repr(amount) for name, amount in typed.items()}])
    recipe, faults = solution_table.parse(table, option, own)
    if faults:
        raise InputError(faults)
    return recipe
