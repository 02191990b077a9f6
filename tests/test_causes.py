"""Causes for which the data reject a model: each is planted in simulated experiments and must be named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from experiments import analyse, of_model

from nernstfit.permeability.inference.mixtures import Mixture
from nernstfit.permeability.inference.readings import Corrections
from nernstfit.permeability.inference.rejection import explanation, rejection_reason
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.solutions.conditions import Condition

IONS = ("Na", "K", "Cs", "NMDG")
PIPETTE = (10.0, 140.0, 0.0, 0.0)
BATHS: Mapping[str, tuple[float, ...]] = {
    "sodium": (150.0, 5.0, 0.0, 0.0),
    "potassium": (5.0, 150.0, 0.0, 0.0),
    "caesium": (5.0, 0.0, 150.0, 0.0),
    "amine": (5.0, 0.0, 0.0, 150.0),
    "mixed": (75.0, 75.0, 0.0, 0.0),
    "dilute": (50.0, 5.0, 0.0, 0.0),
    "half": (75.0, 5.0, 0.0, 75.0),
}
JUNCTIONS_MV = {
    "sodium": -4.0, "potassium": -1.0, "caesium": 1.5, "amine": -9.0, "mixed": -2.5, "dilute": -7.0, "half": -6.5
}  # fmt: skip
LN_P = np.log([1.0, 1.6, 0.8, 0.15])
EXCHANGED_MV = 6.0
CELLS = tuple(f"c{i}" for i in range(6))
ADDED_BACK_MV = 12.4
SE_MV, SPREAD, OFFSET_MV = 0.3, 0.08, 0.6


def junction_of(condition: Condition) -> float:
    """Correction for the junction; with bath and pipette exchanged it is no mere change of sign."""
    is_usual = condition.pipette == "pipette"
    return JUNCTIONS_MV[condition.bath] if is_usual else EXCHANGED_MV - JUNCTIONS_MV[condition.pipette] / 2


@dataclass(frozen=True)
class Experiment:
    """Experiment as its table has it."""

    data: Observations
    corrections: Corrections


def experiment(seed: int) -> Experiment:
    """An experiment without a slip: every cell in every bath, in an order of its own, two minutes each."""
    rng = np.random.default_rng(seed)
    at = [(cell, bath) for cell in CELLS for bath in BATHS]
    n = len(at)
    data = Observations(
        cells=tuple(cell for cell, _ in at),
        potential_mV=np.zeros(n),
        se_mV=np.full(n, SE_MV),
        temperature_C=np.full(n, 22.0),
        ions=IONS,
        valence=np.ones(len(IONS), int),
        inside=np.array([PIPETTE] * n),
        outside=np.array([BATHS[bath] for _, bath in at]),
        n_averaged=np.ones(n, int),
        measurements=tuple(f"{cell}_{bath}" for cell, bath in at),
        conditions=tuple(Condition(bath, "pipette", "whole-cell", 22.0, "sodium") for _, bath in at),
    )
    of_cell = LN_P + SPREAD * rng.standard_normal((len(CELLS), len(IONS)))
    cell = np.array([CELLS.index(name) for name in data.cells])
    potential = data.predict(of_cell)[cell, np.arange(n)] + OFFSET_MV * rng.standard_normal(len(CELLS))[cell]
    minutes = np.concatenate([2.0 * rng.permutation(len(BATHS)) for _ in CELLS])
    junction = np.array([JUNCTIONS_MV[bath] for _, bath in at])
    corrections = Corrections(junction, rng.uniform(-15, 0, n), 60 * minutes, junction_of)
    return Experiment(replace(data, potential_mV=potential + SE_MV * rng.standard_normal(n)), corrections)


def rows(data: Observations, cell: str = "", bath: str = "") -> list[int]:
    """Rows of a cell, of a bath, or of both."""
    own = enumerate(zip(data.cells, data.conditions, strict=True))
    return [i for i, (name, at) in own if cell in ("", name) and bath in ("", at.bath)]


def plus(made: Experiment, by_mV: np.ndarray) -> Experiment:
    return replace(made, data=replace(made.data, potential_mV=made.data.potential_mV + by_mV))


def shifted(made: Experiment, at: list[int], by_mV: float) -> Experiment:
    return plus(made, np.where(np.isin(np.arange(made.data.size), at), by_mV, 0.0))


def with_junctions(made: Experiment, junction_mV: np.ndarray) -> Experiment:
    """The potentials are corrected for other junction potentials."""
    changed = plus(made, junction_mV - made.corrections.junction_mV)
    return replace(changed, corrections=replace(made.corrections, junction_mV=junction_mV))


def with_solutions(made: Experiment, order: np.ndarray) -> Experiment:
    """Each row is written with the solutions, and so corrected for the junction, of another."""
    changed, of = with_junctions(made, made.corrections.junction_mV[order]), made.data.subset(order.tolist())
    return replace(changed, data=replace(changed.data, outside=of.outside, conditions=of.conditions))


def exchanged_names(made: Experiment, one: str, two: str, cell: str = "") -> Experiment:
    order = np.arange(made.data.size)
    first, second = rows(made.data, cell, one), rows(made.data, cell, two)
    order[first], order[second] = second, first
    return with_solutions(made, order)


def exchanged_sides(made: Experiment, at: list[int]) -> Experiment:
    """Bath and pipette are written the wrong way round, and corrected for the junction that this would have."""
    there = np.isin(np.arange(made.data.size), at)
    conditions = tuple(
        replace(at, bath=at.pipette, pipette=at.bath) if is_there else at
        for at, is_there in zip(made.data.conditions, there, strict=True)
    )
    changed = with_junctions(made, np.array([junction_of(condition) for condition in conditions]))
    inside = np.where(there[:, None], made.data.outside, made.data.inside)
    outside = np.where(there[:, None], made.data.inside, made.data.outside)
    return replace(changed, data=replace(changed.data, inside=inside, outside=outside, conditions=conditions))


def opposite_sign(made: Experiment, at: list[int]) -> Experiment:
    """Potentials are typed with the opposite sign, then corrected for the junction."""
    return plus(made, np.where(np.isin(np.arange(made.data.size), at), -2, 0) * uncorrected_mV(made))


def uncorrected_mV(made: Experiment) -> np.ndarray:
    return np.asarray(made.data.potential_mV - made.corrections.junction_mV)


def reversed_junctions(made: Experiment) -> Experiment:
    return with_junctions(made, -made.corrections.junction_mV)


def with_errors(made: Experiment, factor: float) -> Experiment:
    return replace(made, data=replace(made.data, se_mV=factor * made.data.se_mV))


Slip = Callable[[Experiment], Experiment]
SLIPS: dict[str, Slip] = {
    "an error in c2_mixed (c2, bath mixed;": lambda e: shifted(e, rows(e.data, "c2", "mixed"), 25.0),
    "an error in bath mixed (": lambda e: shifted(e, rows(e.data, bath="mixed"), -12.0),
    "the baths amine and mixed are exchanged (": lambda e: exchanged_names(e, "amine", "mixed"),
    # The potassium inside differs between cells as the bath's does not: the wrong reading distorts the spreads.
    "the baths caesium and potassium are exchanged (": lambda e: exchanged_names(e, "caesium", "potassium"),
    "the baths of c3_potassium and c3_amine are exchanged (": lambda e: exchanged_names(e, "potassium", "amine", "c3"),
    "bath and pipette are exchanged in all rows (": lambda e: exchanged_sides(e, rows(e.data)),
    "bath and pipette are exchanged in all rows of c4 (": lambda e: exchanged_sides(e, rows(e.data, "c4")),
    "bath and pipette are exchanged in c1_amine (": lambda e: exchanged_sides(e, rows(e.data, "c1", "amine")),
    "all potentials have the opposite sign (": lambda e: opposite_sign(e, rows(e.data)),
    "the potentials of c4 have the opposite sign (": lambda e: opposite_sign(e, rows(e.data, "c4")),
    "the potential of c1_amine has the opposite sign (": lambda e: opposite_sign(e, rows(e.data, "c1", "amine")),
    "standard errors of the potentials that are too small (": lambda e: with_errors(e, 0.1),
    "the junction potentials have the opposite sign (": reversed_junctions,
    "need no correction for junction potentials (": lambda e: plus(e, e.corrections.junction_mV),
    "the potentials drift by +1.5 mV per minute": lambda e: plus(e, 1.5 / 60 * e.corrections.time_s),
    "series resistance ought to be 0 times as large (then ": lambda e: plus(e, e.corrections.rs_shift_mV),
}


def added_back(made: Experiment, times: int = 1) -> Experiment:
    """12.4 mV are added back that nobody had subtracted; twice off where they had been with the other sign."""
    junction_mV = made.corrections.junction_mV + ADDED_BACK_MV
    corrections = replace(made.corrections, junction_mV=junction_mV, already_mV=ADDED_BACK_MV)
    return replace(plus(made, np.full(made.data.size, times * ADDED_BACK_MV)), corrections=corrections)


def reason(made: Experiment) -> str:
    fitted, none = fit(made.data, "Na", 1.0), np.zeros((made.data.size, 0))
    assert rejection_reason(fitted, none)
    return explanation(fitted, none, made.corrections, robust=False)


@pytest.mark.parametrize("words", SLIPS)
def test_a_slip_is_the_likeliest_cause(words: str) -> None:
    found = reason(SLIPS[words](experiment(1)))
    assert found.startswith("likely cause")
    # A single potential of the wrong sign may as well be any other error.
    assert words in (found if "potential of c1" in words else found.split("; or ")[0])


def test_the_ratios_without_the_slip_are_told() -> None:
    found = reason(SLIPS["the baths amine and mixed are exchanged ("](experiment(1)))
    after = dict(re.findall(r"(\w+)/Na \S+ becomes ([\d.]+)", found))
    assert {ion: float(value) for ion, value in after.items()} == pytest.approx(
        {"K": 1.6, "Cs": 0.8, "NMDG": 0.15}, rel=0.1
    )


def test_causes_that_the_data_cannot_tell_apart_are_named_together() -> None:
    found = reason(SLIPS["the potential of c1_amine has the opposite sign ("](experiment(1)))
    assert found.startswith("likely causes, the likeliest first: ")
    assert "an error in c1_amine (" in found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_common_offset_that_equals_what_was_added_back_is_the_first_cause(seed: int) -> None:
    found = reason(added_back(experiment(seed)))
    first = "nothing had been subtracted for the junction, and all potentials are off by the +12.4 mV"
    assert first in found.split("; or ")[0]
    assert "set that key to 0" in found
    assert "are exchanged" not in found
    assert "an error in bath" not in found


@pytest.mark.parametrize("seed", range(3))
def test_what_was_added_back_with_the_opposite_sign_is_the_first_cause(seed: int) -> None:
    found = reason(added_back(experiment(seed), times=2))
    first = "junction.already_corrected_mV has the opposite sign, and all potentials are off by twice its +12.4 mV"
    assert first in found.split("; or ")[0]
    assert "are exchanged" not in found


def test_another_common_offset_is_not_what_was_added_back() -> None:
    made = added_back(experiment(1))
    found = reason(plus(made, np.full(made.data.size, -2 * ADDED_BACK_MV)))
    assert "nothing had been subtracted" not in found


def test_of_two_cells_the_one_with_exchanged_baths_is_named() -> None:
    """Its labels make the cells differ so widely that any reading of either might do, but not as likely."""
    found = []
    for seed in range(8):
        whole = experiment(seed)
        kept = [i for i in rows(whole.data) if whole.data.cells[i] in CELLS[:2]]
        kept = [i for i in kept if whole.data.conditions[i].bath in ("sodium", "potassium", "mixed", "dilute")]
        both = replace(
            whole.corrections,
            **{name: getattr(whole.corrections, name)[kept] for name in ("junction_mV", "rs_shift_mV", "time_s")},
        )
        made = exchanged_names(Experiment(whole.data.subset(kept), both), "sodium", "potassium", CELLS[1])
        found.append(reason(made))
    named = [each for each in found if "the baths of c1_" in each.split("; or ")[0]]
    assert len(named) >= 7, found


def test_where_no_usual_cause_is_enough_the_most_influential_measurement_is_named() -> None:
    made = experiment(1)
    of_bath = {bath: 30.0 * (-1) ** i for i, bath in enumerate(sorted(BATHS))}
    found = reason(plus(made, np.array([of_bath[at.bath] for at in made.data.conditions])))
    assert found.startswith("no usual cause alone explains this; the most influential measurement is c")


def of_mixtures(made: Experiment) -> np.ndarray:
    """Mole fraction of Cs in the baths of a series of Na and Cs; nan in others."""
    part = {"sodium": 0.0, "mixed": 0.5, "half": 0.25, "caesium": 1.0}
    return np.array([part.get(at.bath, math.nan) for at in made.data.conditions])


def test_mixtures_that_deviate_from_their_pure_baths_are_named() -> None:
    made = experiment(1)
    series = Mixture(("Na", "Cs"), of_mixtures(made))
    deviating = plus(made, -12.0 * series.effect)
    found = reason(replace(deviating, corrections=replace(made.corrections, mixtures=(series,))))
    assert re.search(
        "mixtures of equal parts of Na/Cs deviate by -1[12](\\.\\d)? mV from what their pure baths", found
    ), found
    assert "no usual cause" not in found


def test_a_measurement_without_which_the_ratios_hardly_change_is_not_named() -> None:
    made = experiment(2)
    of_bath = {bath: 10.0 * (-1) ** i for i, bath in enumerate(sorted(BATHS))}
    found = reason(plus(made, np.array([of_bath[at.bath] for at in made.data.conditions])))
    assert found.startswith("no usual cause alone explains this: check which solution is the bath")


def in_four_baths(minutes_of_bath: Mapping[str, float]) -> Experiment:
    """One more than ratios; every cell has a bath at the same time, nan where that is not known."""
    made = experiment(1)
    four = [i for bath in minutes_of_bath for i in rows(made.data, bath=bath)]
    return replace(
        made,
        data=made.data.subset(four),
        corrections=replace(
            made.corrections,
            junction_mV=made.corrections.junction_mV[four],
            rs_shift_mV=0 * made.corrections.rs_shift_mV[four],
            time_s=np.array([60 * minutes_of_bath[made.data.conditions[i].bath] for i in four]),
        ),
    )


def test_where_nothing_tests_the_equation_without_a_bath_the_baths_are_named() -> None:
    of_four = in_four_baths(dict.fromkeys(("sodium", "potassium", "caesium", "amine"), math.nan))
    found = reason(shifted(of_four, rows(of_four.data, bath="potassium"), 35.0))
    assert found.startswith("one wrong bath, "), found
    assert "'potassium'" in found


def test_a_drift_that_these_baths_do_not_test_is_not_passed_over() -> None:
    """The baths come in one order, and beside a drift as many ratios as baths are left."""
    made = in_four_baths({"sodium": 0.0, "potassium": 3.0, "caesium": 6.0, "amine": 9.0})
    found = reason(plus(made, -4.0 / 60 * made.corrections.time_s))
    assert "a drift of the potentials within cells" in found
    assert "nothing in these baths would test it" in found


def test_an_ion_that_is_not_in_fit_permeant_is_named(tmp_path: Path) -> None:
    recipes = "solution,NaCl,KCl,sucrose\ncontrol,140,5,0\npotassium,5,140,0\nhalf,70,5,130\npipette,10,140,0\n"
    rng, rt_f = np.random.default_rng(1), 25.4333
    recipe = {line.split(",")[0]: [float(x) for x in line.split(",")[1:]] for line in recipes.splitlines()[1:]}

    def reversal_mV(bath: str) -> float:
        (na, k, _), (na_in, k_in, _) = recipe[bath], recipe["pipette"]
        return rt_f * math.log((na + 1.5 * k + 0.4 * (na_in + k_in)) / (na_in + 1.5 * k_in + 0.4 * (na + k)))

    rows = [
        f"c{cell},{bath},pipette,{reversal_mV(bath) + shift + 0.2 * rng.standard_normal():.3f},0.2"
        for cell, shift in enumerate(0.5 * rng.standard_normal(6))
        for bath in ("control", "potassium", "half")
    ]
    config = {
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": ["Na", "K"]},
    }
    told = analyse(tmp_path, recipes, rows, config)["permeabilities"]
    first = told.iloc[0]
    assert first["verdict"] == "model_rejected"
    assert "an ion that is not in fit.permeant would explain the potentials: Cl/Na 0." in str(first["reason"])


def test_without_a_slip_nothing_is_rejected() -> None:
    made = experiment(1)
    assert not rejection_reason(fit(made.data, "Na", 1.0), np.zeros((made.data.size, 0)))


def test_a_complex_is_no_further_permeant_ion(tmp_path: Path) -> None:
    """Potentials that no ratios explain, in baths of free calcium beside its citrate."""
    recipes = (
        "solution,CsCl,CaCl2,NMDG-Cl,citrate,HEPES,pH,titrant\nCs,140,,,,10,7.4,CsOH\nCa,20,20,80,15,10,7.4,NMDG\n"
        "Ca2,20,12,80,15,10,7.4,NMDG\npipette,140,,,,10,7.2,CsOH\n"
    )
    potentials = {"Cs": 0.6, "Ca": -17.0, "Ca2": -28.5}
    rows = [f"c{i},{bath},pipette,{mV + 0.2 * i},0.3" for i in range(3) for bath, mV in potentials.items()]
    config = {"junction": {"method": "none"}, "fit": {"reference_ion": "Cs", "permeant": ["Cs", "Ca"]}}
    found = of_model(analyse(tmp_path, recipes, rows, config)).loc["Ca"]
    assert found["verdict"] == "model_rejected"
    assert "[Ca" not in found["reason"]
