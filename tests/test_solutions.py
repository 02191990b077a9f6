"""Recipes become ions; shared errors."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nernstfit.contract import tables
from nernstfit.contract.settings import Uncertainty
from nernstfit.experiment import solution_table as reading
from nernstfit.solutions import systematic_errors
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

TEXT = """solution,NaCl,KCl,K-gluconate,CaCl2,Na2SO4,glucose,sucrose
control,140,5,,2,,10,
half,70,2.5,,2,,10,140
tenth,14,0.5,,0.2,,,250
potassium,5,140,,2,,10,
pipette,10,30,100,,,,
bridge,,3000,,,,,
sulfate,,5,,,70,,
"""


def parsed(folder: Path, text: str = TEXT) -> Solutions:
    path = folder / "solutions.csv"
    path.write_text(text, encoding="utf-8")
    found, faults = reading.parse(tables.read(path), "solutions.csv")
    assert not faults
    return found


@pytest.fixture
def recipes(tmp_path: Path) -> Solutions:
    return parsed(tmp_path)


def composition(recipes: Solutions, name: str) -> dict[str, float]:
    return {
        ion.name: amount for ion, amount in zip(recipes.ions, recipes.row(name, 22).tolist(), strict=True) if amount > 0
    }


# Recipes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("control", {"Na": 140, "K": 5, "Ca": 2, "Cl": 149}),
        ("pipette", {"Na": 10, "K": 130, "Cl": 40, "gluconate": 100}),
        ("bridge", {"K": 3000, "Cl": 3000}),
        ("sulfate", {"K": 5, "Cl": 5, "Na": 140, "SO4": 70}),
    ],
)
def test_salts_add_up_to_their_ions(recipes: Solutions, name: str, expected: dict[str, float]) -> None:
    assert composition(recipes, name) == pytest.approx(expected)


def test_ions_and_salts_of_one_solution_add_up(tmp_path: Path) -> None:
    recipes = parsed(tmp_path, "solution,NaCl,Na,Cl,KCl\ncontrol,100,45,47,2\n")
    assert composition(recipes, "control") == pytest.approx({"Na": 145, "Cl": 149, "K": 2})


def test_a_salt_may_stand_in_two_spellings(tmp_path: Path) -> None:
    recipes = parsed(tmp_path, "solution,NMDG-Cl,NMDGCl\ncontrol,100,45\n")
    assert composition(recipes, "control") == pytest.approx({"NMDG": 145, "Cl": 145})


def test_uncharged_substances_are_no_ions(recipes: Solutions) -> None:
    assert dict(zip(recipes.names, recipes.uncharged_mM.tolist(), strict=True)) == {
        **dict.fromkeys(recipes.names, 0.0),
        **{"control": 10.0, "half": 150.0, "tenth": 250.0, "potassium": 10.0},
    }
    assert not {"glucose", "sucrose"} & {ion.name for ion in recipes.ions}


def test_blank_is_nothing(recipes: Solutions) -> None:
    assert "gluconate" not in composition(recipes, "control")
    assert recipes.activity_mM("control", ["gluconate", "Cs"], "davies", 22).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("row", "excess"),
    [("100,100,0,0", 0.0), ("100,90,0,0", 10.0), ("0,10,0,3", -4.0), ("0,0,5,0", 10.0), ("0,6,0,3", 0.0)],
)
def test_the_charge_excess_is_the_sum_of_charges(tmp_path: Path, row: str, excess: float) -> None:
    recipes = parsed(tmp_path, f"solution,Na,Cl,Mg,Ca\nx,{row}\n")
    assert recipes.charge_excess_meq_per_l(22) == pytest.approx([excess])


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    one = parsed(tmp_path, "solution,NaCl,KCl\nx,1,2\n")
    other = parsed(tmp_path, "solution,KCl,NaCl\nx,2,1\n")
    assert one.ions == other.ions
    assert np.array_equal(one.given_mM, other.given_mM)


def test_the_order_of_rows_and_columns_changes_no_bit() -> None:
    columns = {
        "NaCl": ["0.1", "4", "7"],
        "Na": ["0.2", "5", "8"],
        "Na2SO4": ["0.3", "6", "9"],
        "KCl": ["0.7", "1", "1"],
    }
    frame = pd.DataFrame({"solution": ["b", "a", "c"], **columns}, index=[2, 3, 4])
    first, _ = reading.parse(frame, "s.csv")
    turned, _ = reading.parse(frame.iloc[::-1, ::-1], "s.csv")
    assert first.names == turned.names == ("a", "b", "c")
    assert first.ions == turned.ions
    assert (first.given_mM == turned.given_mM).all()
    assert first.row("b", 22)[[ion.name for ion in first.ions].index("Na")] == pytest.approx(0.1 + 0.2 + 2 * 0.3)


def test_an_activity_is_a_coefficient_times_a_concentration(recipes: Solutions) -> None:
    names = [ion.name for ion in recipes.ions]
    coefficients = recipes.coefficients("davies", 25.0)[recipes.names.index("control")]
    free = (
        1 - (10 * 112.0 + 140 * -5.0 + 5 * 5.2 + 149 * 21.6 + 2 * -25.4) / 1e6
    )  # of the volume, less that of the salts
    free -= 1.868e-3 * ((140 + 5 + 149 + 4 * 2) / 2000) ** 1.5  # and less what the field of the ions takes
    strength = (140 + 5 + 149 + 4 * 2) / 2000 / (free * 0.997047)
    root = math.sqrt(strength)
    log_gamma = -0.5085 * (root / (1 + root) - 0.3 * strength)
    assert coefficients[names.index("Na")] == pytest.approx(10**log_gamma / free, rel=1e-6)
    assert coefficients[names.index("Ca")] == pytest.approx(10 ** (4 * log_gamma) / free, rel=1e-6)
    assert recipes.activity_mM("control", ["Na"], "davies", 25.0)[0] == pytest.approx(140 * 10**log_gamma / free)
    assert recipes.activity_mM("control", ["Na"], "concentration", 25.0)[0] == 140.0


@pytest.mark.parametrize(
    ("configuration", "sign", "inside", "outside"),
    [
        ("whole-cell", 1, "p", "b"),
        ("two-electrode", 1, "p", "b"),
        ("outside-out", 1, "p", "b"),
        ("inside-out", -1, "b", "p"),
    ],
)
def test_which_solution_is_inside(configuration: str, sign: int, inside: str, outside: str) -> None:
    condition = Condition("b", "p", configuration, 22.0, "same")
    assert (condition.sign, condition.inside, condition.outside) == (sign, inside, outside)


# Shared errors: one source is one random number


UNCERTAINTY = Uncertainty(concentration_percent=2.0, temperature_C=0.5, mobility_percent=None, log_K=0.1, pH=0.05)


def test_there_is_a_source_for_each_solution_each_mobility_and_the_temperature(recipes: Solutions) -> None:
    names = [source.name for source in systematic_errors.sources(recipes, UNCERTAINTY, "pitzer:macinnes")]
    assert len(names) == len(set(names)) == len(recipes.names) + len(recipes.ions) + 3
    assert {"temperature", "mobilities in solution", "activity model"} < set(names)


def test_equilibria_are_sources_where_there_are_any(tmp_path: Path) -> None:
    with_EGTA = parsed(tmp_path, "solution,pH,NaCl,CaCl2,EGTA,HEPES\nbath,7.4,140,2,,10\npipette,7.2,140,1,10,10\n")
    model, names = "pitzer:macinnes", ("stability constants", "pH")
    moved = {s.name: s for s in systematic_errors.sources(with_EGTA, UNCERTAINTY, model)}
    free = {name: moved[name].solutions.activity_mM("pipette", ["Ca"], model, 22)[0] for name in names}
    base = with_EGTA.activity_mM("pipette", ["Ca"], model, 22)[0]
    assert free["stability constants"] / base == pytest.approx(10**-0.1, rel=0.02)
    assert free["pH"] / base == pytest.approx(10 ** (-2 * 0.05), rel=0.05)  # two protons leave EGTA for one calcium
    acid = [each.activity_mM("bath", ["H"], model, 22)[0] for each in (with_EGTA, moved["pH"].solutions)]
    assert acid[0] / acid[1] == pytest.approx(10**0.05, rel=1e-3)


@pytest.mark.parametrize("name", ["control", "bridge"])
def test_a_concentration_moves_its_own_solution_alone(recipes: Solutions, name: str) -> None:
    source = {s.name: s for s in systematic_errors.sources(recipes, UNCERTAINTY, "pitzer:macinnes")}[
        f"concentration of {name}"
    ]
    for solution in recipes.names:
        factor = 1.02 if solution == name else 1.0
        assert source.solutions.row(solution, 22) == pytest.approx(factor * recipes.row(solution, 22), rel=1e-12)
    assert source.solutions.ions == recipes.ions
    assert source.temperature_shift_C == 0.0


@pytest.mark.parametrize(("mobility_percent", "expected"), [(None, None), (3.0, 3.0), (0.0, 0.0)])
def test_a_mobility_moves_its_own_ion_alone_by_its_own_error(
    recipes: Solutions, mobility_percent: float | None, expected: float | None
) -> None:
    uncertainty = replace(UNCERTAINTY, mobility_percent=mobility_percent)
    moved = {s.name: s for s in systematic_errors.sources(recipes, uncertainty, "pitzer:macinnes")}
    for own, ion in enumerate(recipes.ions):
        source = moved[f"mobility of {ion.name}"]
        percent = ion.mobility_percent if expected is None else expected
        ratio = source.solutions.mobility / recipes.mobility
        assert ratio == pytest.approx([1 + percent / 100 * (i == own) for i in range(len(ratio))], rel=1e-12)
        assert np.array_equal(source.solutions.given_mM, recipes.given_mM)
        assert source.temperature_shift_C == 0.0


def test_the_temperature_moves_every_condition_and_no_solution(recipes: Solutions) -> None:
    source = {s.name: s for s in systematic_errors.sources(recipes, UNCERTAINTY, "pitzer:macinnes")}["temperature"]
    assert source.solutions is recipes
    condition = Condition("control", "pipette", "whole-cell", 22.0, "same")
    assert systematic_errors.moved(condition, source) == replace(condition, temperature_C=22.5)


def test_shared_errors_leave_the_solutions_as_they_were(recipes: Solutions) -> None:
    before = recipes.given_mM.copy()
    systematic_errors.sources(recipes, UNCERTAINTY, "pitzer:macinnes")
    assert np.array_equal(recipes.given_mM, before)


def test_a_status_stands_beside_every_coefficient(recipes: Solutions) -> None:
    names = [ion.name for ion in recipes.ions]
    for temperature, limit in ((25.0, ""), (41.0, "; outside 10-40 C")):
        found = recipes.coefficient_status("pitzer:macinnes", temperature)
        assert found.shape == recipes.coefficients("pitzer:macinnes", temperature).shape
        pipette = dict(zip(names, found[recipes.names.index("pipette")].tolist(), strict=True))
        assert pipette["K"] == f"sourced{limit}"
        assert pipette["gluconate"] == f"analogue:Cl{limit}"


def test_one_solution_has_the_coefficients_it_has_among_others(recipes: Solutions) -> None:
    for model in ("pitzer:macinnes", "pitzer:guggenheim", "debye-huckel", "davies"):
        together = recipes.coefficients(model, 22.0) * recipes.given_mM
        alone = recipes.activity_mM("pipette", [ion.name for ion in recipes.ions], model, 22.0)
        assert alone == pytest.approx(together[recipes.names.index("pipette")], rel=1e-12)
