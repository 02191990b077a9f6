"""Ag/AgCl pellets in solutions whose anion forms a less soluble silver salt."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from nernstfit.contract.settings import Junction, Reference
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.silver import converting_ion, shift_mV
from nernstfit.solutions import junctions
from nernstfit.solutions.conditions import Condition

BATHS = """solution,NaCl,NaBr,NaI,NaSCN,NaCN,NaNO3,NaF,NaN3,NaHS
chloride,150,,,,,,,,
bromide,5,145,,,,,,,
iodide,5,,145,,,,,,
pure,,,150,,,,,,
thiocyanate,5,,,145,,,,,
cyanide,140,,,,10,,,,
trace,150,0.1,,,,,,,
nitrate,5,,,,,145,,,
fluoride,5,,,,,,145,,
none,,,,,,150,,,
azide,4,,,,,,,140,
some azide,10,,,,,,,140,
sulfide,140,,,,,,,,0.01
"""
SOLUTIONS, FAULTS = solution_table.parse(pd.read_csv(io.StringIO(BATHS), dtype=str, keep_default_na=False), "s.csv")


def found(bath: str, zeroed_in: str = "chloride", measured: dict[str, float] | None = None) -> list[tuple[str, str]]:
    junction = Junction("henderson", "concentration", zeroed_in, Reference("pellet", None), 0.0, measured or {})
    condition = Condition(bath, "chloride", "whole-cell", 22.0, zeroed_in)
    return list(junctions.missing_ions(SOLUTIONS, condition, junction))


@pytest.mark.parametrize(("ion", "shift"), [("Br", -151), ("I", -375), ("SCN", -133), ("CN", -239), ("N3", 71)])
def test_standard_potentials(ion: str, shift: float) -> None:
    assert shift_mV(ion) == pytest.approx(shift, abs=0.6)


@pytest.mark.parametrize(
    ("bath", "salt"),
    [
        ("bromide", "AgBr"),
        ("iodide", "AgI"),
        ("pure", "AgI"),
        ("thiocyanate", "AgSCN"),
        ("cyanide", "AgCN"),
        ("azide", "AgN3"),
        ("sulfide", "Ag2S"),
    ],
)
def test_a_converting_bath_is_refused_by_name(bath: str, salt: str) -> None:
    ((name, why),) = found(bath)
    assert name == bath
    assert f"turns into an Ag/{salt} electrode" in why
    assert f"junction.measured_mV, as '{bath}: ...'" in why
    assert found(bath, measured={bath: 12.0}) == []
    ((name, why),) = found("chloride", zeroed_in=bath)
    assert name == bath
    assert "as 'chloride: ...'" in why


@pytest.mark.parametrize("bath", ["chloride", "trace", "nitrate", "fluoride", "some azide"])
def test_other_baths_are_not(bath: str) -> None:
    assert found(bath) == []


def test_a_pellet_that_stays_in_its_bath_moves_by_nothing() -> None:
    assert found("iodide", zeroed_in="iodide") == []


def test_without_chloride_or_a_converting_ion_the_chloride_is_missing() -> None:
    ((name, why),) = found("none")
    assert (name, "contains no chloride" in why) == ("none", True)


def test_the_threshold_is_the_ratio_of_the_solubility_products() -> None:
    """AgBr 5.35e-13 and AgCl 1.77e-10 mol2/l2 of the same handbook: 0.3 % bromide in chloride."""
    assert FAULTS == []
    ratio = 5.35e-13 / 1.77e-10
    assert converting_ion({"Cl": 100.0, "Br": 100 * ratio * 0.9}) == ""
    assert converting_ion({"Cl": 100.0, "Br": 100 * ratio * 1.1}) == "Br"
