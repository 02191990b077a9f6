"""A dilution of salt, there and back: what the junction of the diluted bath makes of a ratio of anion and cation.

Homomeric glycine receptor, 145 mM of a salt inside and 145, 75 and 37.5 outside: P_Cl/P_Na 10.9 and P_Cl/P_Cs 5 with
the junctions corrected (Barry et al. 2010, Channels 4:142; temperature assumed). Potentials are computed from these
ratios; what the amplifier would have read is analysed with and without the correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from experiments import analyse, of_model

from nernstfit.experiment import solution_table
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.solution.ions import IONS

ROOT = Path(__file__).parents[1]
DILUTIONS = (ROOT / "docs" / "dilutions.csv").read_text(encoding="utf-8")
PUBLISHED = {"Na": 10.9, "Cs": 5.0}
BATHS = ("145", "75", "37.5")
TEMPERATURE_C = 22.0
KT_MV = thermal_voltage_mV(TEMPERATURE_C)


def sides(salt: str, model: str) -> dict[str, Sequence[float]]:
    """Activity of the cation and of chloride in every solution."""
    table = pd.read_csv(ROOT / "docs" / "dilutions.csv", dtype=str, keep_default_na=False)
    solutions, faults = solution_table.parse(table, "dilutions.csv")
    assert not faults
    return {
        bath: solutions.activity_mM(f"{salt}-{bath}", [salt, "Cl"], f"pitzer:{model}", TEMPERATURE_C) for bath in BATHS
    }


def junction_mV(salt: str, bath: Sequence[float], bridge: Sequence[float]) -> float:
    """One salt on both sides, bath minus bridge: its transport numbers are the same everywhere."""
    u = (IONS[salt].mobility, IONS["Cl"].mobility)
    cation, anion = (math.log(there / here) for there, here in zip(bridge, bath, strict=True))
    return float(KT_MV * (u[0] * cation - u[1] * anion) / sum(u))


def readings(salt: str, model: str, published: float) -> list[str]:
    """What the amplifier shows in every bath, the bridge holding the undiluted one."""
    of, found = sides(salt, model), []
    inside = of["145"]
    for bath, outside in of.items():
        up, down = outside[0] + published * inside[1], inside[0] + published * outside[1]
        read = KT_MV * math.log(up / down)
        read += junction_mV(salt, outside, inside) if bath != "145" else 0.0
        found.append(f"cell,{salt}-{bath},{salt}-145,{read:.9f},0.1")
    return found


def ratio(folder: Path, salt: str, model: str, corrected: bool) -> float:
    junction = {
        "method": "henderson",
        "basis": "activity",
        "zeroed_in": f"{salt}-145",
        "reference": {"type": "salt-bridge", "solution": f"{salt}-145"},
    }
    config = {
        "temperature_C": TEMPERATURE_C,
        "junction": junction if corrected else {"method": "none"},
        "activity": {"model": "pitzer", "convention": model},
        "fit": {"reference_ion": salt, "permeant": [salt, "Cl"]},
    }
    rows = readings(salt, model, PUBLISHED[salt])
    found = of_model(analyse(folder, DILUTIONS, rows, config)).loc["Cl"]
    assert found["verdict"] == "estimate"
    return float(found["ratio"])


@pytest.mark.parametrize("model", ["raw", "macinnes"])
@pytest.mark.parametrize("salt", ["Na", "Cs"])
def test_with_its_junctions_a_dilution_gives_the_published_ratio(tmp_path: Path, salt: str, model: str) -> None:
    assert ratio(tmp_path, salt, model, corrected=True) == pytest.approx(PUBLISHED[salt], rel=1e-3)


def test_without_them_sodium_looks_two_and_a_half_times_as_permeant(tmp_path: Path) -> None:
    assert 3.9 <= ratio(tmp_path, "Na", "raw", corrected=False) <= 4.6


def test_caesium_and_chloride_move_alike_so_that_their_ratio_does_not_fall(tmp_path: Path) -> None:
    assert ratio(tmp_path, "Cs", "raw", corrected=False) == pytest.approx(5.1, abs=0.05)
    na, cs = sides("Na", "raw"), sides("Cs", "raw")
    for bath in BATHS[1:]:
        of_na, of_cs = junction_mV("Na", na[bath], na["145"]), junction_mV("Cs", cs[bath], cs["145"])
        assert of_na < -3 < 0 < of_cs < 0.2


def test_the_convention_of_single_ions_moves_a_junction_on_activities(tmp_path: Path) -> None:
    moved = {}
    for salt in PUBLISHED:
        raw, macinnes = sides(salt, "raw"), sides(salt, "macinnes")
        moved[salt] = [
            junction_mV(salt, macinnes[bath], macinnes["145"]) - junction_mV(salt, raw[bath], raw["145"])
            for bath in BATHS[1:]
        ]
    assert moved["Na"] == pytest.approx([0.186, 0.298], abs=0.002)
    assert moved["Cs"] == pytest.approx([-0.313, -0.516], abs=0.002)
    # As much as makes the ratio of caesium fall and that of sodium fall less.
    assert ratio(tmp_path / "Na", "Na", "macinnes", corrected=False) == pytest.approx(4.70, abs=0.005)
    assert ratio(tmp_path / "Cs", "Cs", "macinnes", corrected=False) == pytest.approx(4.81, abs=0.005)
