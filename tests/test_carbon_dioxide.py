"""Solutions gassed with carbon dioxide: bicarbonate from pH and pressure, or pH from bicarbonate and pressure."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest

from nernstfit.contract.codes import Code
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.carbon_dioxide import dissolved_mM
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import solution_findings


def parsed(text: str) -> tuple[Solutions, list[str]]:
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return solution_table.parse(table, "solutions.csv")


def read(text: str) -> Solutions:
    solutions, faults = parsed(text)
    assert faults == []
    return solutions


def free_mM(solutions: Solutions, temperature_C: float, ion: str = "HCO3", name: str = "a") -> float:
    names = [each.name for each in solutions.ions]
    return float(solutions.row(name, temperature_C)[names.index(ion)])


def codes(solutions: Solutions, name: str = "a", temperature_C: float = 37.0) -> list[Code]:
    return [each.code for each in solution_findings(solutions, temperature_C, "davies")[name]]


@pytest.mark.parametrize(
    ("temperature_C", "solubility", "error"),
    [
        (25, 10**-1.466, 0.01),  # NIST database 46: log K -1.466 of CO2(g)
        (37, 10 ** (-1.466 - 19700 / (math.log(10) * 8.314) * (1 / 298.15 - 1 / 310.15)), 0.03),  # and -19.7 kJ/mol
    ],
)
def test_solubility_is_that_of_the_database(temperature_C: float, solubility: float, error: float) -> None:
    assert dissolved_mM(760.0, temperature_C) / 1000 == pytest.approx(solubility, rel=error)


def test_five_percent_is_the_physiological_pH() -> None:
    """25 mM under 38 mmHg: blood gas analysers take pK' 6.10 and .0307 mM/mmHg of plasma, 7.43."""
    solutions = read("solution,NaCl,KCl,NaHCO3,glucose,pCO2_mmHg\na,120,5,25,10,38\n")
    pH = solutions.at(37.0).pH[0]
    assert pH == pytest.approx(6.10 + math.log10(25 / (0.0307 * 38)), abs=0.05)
    alkalinity = free_mM(solutions, 37.0) + 2 * free_mM(solutions, 37.0, "CO3") + free_mM(solutions, 37.0, "OH")
    assert alkalinity - free_mM(solutions, 37.0, "H") == pytest.approx(25.0, abs=1e-6)
    assert free_mM(solutions, 37.0, "H") > 0
    assert codes(solutions) == []


@pytest.mark.parametrize("temperature_C", [10.0, 22.0, 37.0])
@pytest.mark.parametrize("extra", ["0,0,0", "10,0,0", "10,2,1", "10,5,0"])
def test_bicarbonate_and_pH_are_each_others_inverse(temperature_C: float, extra: str) -> None:
    head = "solution,NaCl,NaHCO3,pCO2_mmHg,HEPES,CaCl2,EGTA,pH"
    solutions = read(f"{head}\na,120,25,40,{extra},\n")
    pH, bicarbonate = solutions.at(temperature_C).pH[0], free_mM(solutions, temperature_C)
    again = read(f"{head}\na,120,25,40,{extra},{pH!r}\n")
    assert free_mM(again, temperature_C) == pytest.approx(bicarbonate, rel=1e-8)
    other = read(f"{head}\na,120,3,40,{extra},{pH!r}\n")  # pH and gas hold, whatever the bicarbonate given
    assert free_mM(other, temperature_C) == pytest.approx(bicarbonate, rel=0.03)


def test_the_equilibrium_holds() -> None:
    """[HCO3] = K' [CO2] / [H] with the CO2 of the pressure, found from the sums of particles."""
    solutions = read("solution,NaCl,pH,pCO2_mmHg,titrant\na,130,7.2,30,NaOH\n")
    at = solutions.at(37.0)
    assert at.uncharged_mM[0] == pytest.approx(dissolved_mM(30.0, 37.0), rel=1e-8)
    assert at.titrant_mM[0] == pytest.approx(free_mM(solutions, 37.0) + 2 * free_mM(solutions, 37.0, "CO3"), abs=0.01)
    assert solutions.charge_excess_meq_per_l(37.0)[0] == pytest.approx(0.0, abs=1e-6)


def test_a_titrant_leaves_the_bicarbonate_as_given() -> None:
    head = "solution,NaCl,NaHCO3,HEPES,pCO2_mmHg,titrant"
    titrated, recipe = read(f"{head}\na,120,25,10,38,NaOH\n"), read(f"{head}\na,120,25,10,38,\n")
    assert free_mM(titrated, 37.0) + free_mM(titrated, 37.0, "CO3") == pytest.approx(25.0, abs=1e-6)
    titrant = titrated.at(37.0).titrant_mM[0]
    assert titrant == pytest.approx(free_mM(titrated, 37.0, "HEPES"), abs=0.2)  # and a little carbonate
    assert titrated.charge_excess_meq_per_l(37.0)[0] == pytest.approx(0.0, abs=1e-7)
    assert titrated.at(37.0).pH[0] - recipe.at(37.0).pH[0] == pytest.approx(0.1, abs=0.02)


def test_doubled_gas_lowers_the_pH_by_log_2() -> None:
    solutions = read("solution,NaCl,NaHCO3,pCO2_mmHg\na,120,25,20\nb,120,25,40\n")
    first, second = solutions.at(37.0).pH
    assert first - second == pytest.approx(math.log10(2), abs=0.005)


@pytest.mark.parametrize(("given", "is_warned"), [(20, False), (22, False), (25, True), (19, True)])
def test_three_numbers_that_contradict_each_other_are_warned_of(given: float, is_warned: bool) -> None:
    """21.7 mM is right at pH 7.4 under 38 mmHg and 37 C; 10 % of the given are allowed."""
    solutions = read(f"solution,NaCl,NaHCO3,pH,pCO2_mmHg\na,120,{given},7.4,38\n")
    assert free_mM(solutions, 37.0) == pytest.approx(21.6, abs=0.2)
    assert (Code.CARBONATE_CONTRADICTED in codes(solutions)) == is_warned


@pytest.mark.parametrize(("pH", "words"), [("7.4", "as the sum of all its forms at pH 7.4"), ("", "as written")])
def test_bicarbonate_without_gas_says_what_was_assumed(pH: str, words: str) -> None:
    solutions = read(f"solution,NaCl,NaHCO3,HEPES,pH\na,120,25,10,{pH}\n")
    (note,) = [each for each in solution_findings(solutions, 37.0, "davies")["a"] if each.code == Code.CLOSED_CARBONATE]
    assert words in note.sentence


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,120,,,38", "column 'pCO2_mmHg': got 38 without a pH and without bicarbonate, expected one of the two"),
        ("a,120,25,,0", "column 'pCO2_mmHg': got 0"),
        ("a,120,25,,5%", "column 'pCO2_mmHg': got '5%'"),
        ("a,120,25,,900", "column 'pCO2_mmHg': got 900"),
    ],
)
def test_faults_name_the_column(row: str, words: str) -> None:
    _, faults = parsed(f"solution,NaCl,NaHCO3,pH,pCO2_mmHg\n{row}\n")
    assert len(faults) == 1
    assert words in faults[0]


def test_a_chelator_under_gas_needs_no_pH_of_its_own() -> None:
    solutions = read("solution,KCl,KHCO3,EGTA,CaCl2,MgATP,pCO2_mmHg\na,120,25,5,2,3,38\n")
    assert free_mM(solutions, 37.0, "Ca") < 0.01
    assert 6 < solutions.at(37.0).pH[0] < 8


def test_solutions_without_the_column_are_as_before() -> None:
    plain = read("solution,NaCl,HEPES,pH\na,120,10,7.4\n")
    blank = read("solution,NaCl,HEPES,pH,pCO2_mmHg\na,120,10,7.4,\n")
    assert plain.pCO2_mmHg == blank.pCO2_mmHg == ()
    assert plain.row("a", 37.0).tolist() == blank.row("a", 37.0).tolist()
    assert plain.at(37.0).pH == (7.4,)
