"""Weights of the fit where measurements are far more exact than the solutions are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from experiments import analyse, of_model

import nernstfit
from nernstfit.physics.membrane import ghk


@dataclass(frozen=True)
class Design:
    """True ratios and recipes in mM; the first ion is the reference, the last solution the pipette's."""

    truth: Mapping[str, float]
    valence: tuple[int, ...]
    recipes: Mapping[str, Mapping[str, float]]

    def activities(self, name: str, factor: float) -> list[float]:
        recipe = {each: factor * mM for each, mM in self.recipes[name].items()}
        table = nernstfit.activities(recipe).set_index("ion")
        return [float(table["activity_mM"].get(ion, 0.0)) for ion in self.truth]

    def potentials(self, made: Mapping[str, float], common_mV: float = 0.0) -> list[str]:
        """Six cells whose ln P scatter by .1 and offsets by 1 mV, of recipes that are off by factors."""
        rng, rows = np.random.default_rng(3), []
        *baths, pipette = self.recipes
        sides = {name: self.activities(name, made.get(name, 1.0)) for name in self.recipes}
        for cell in range(6):
            p = np.array(list(self.truth.values())) * np.exp(0.1 * rng.standard_normal(len(self.truth)))
            offset_mV = common_mV + rng.standard_normal()
            for bath in baths:
                e_mV = float(ghk.reversal_mV(p, self.valence, sides[pipette], sides[bath], 22.0))
                measured_mV = e_mV + offset_mV + NOISE_MV * rng.standard_normal()
                rows.append(f"c{cell},{bath},{pipette},{measured_mV},{NOISE_MV}")
        return rows

    def fitted(self, folder: Path, rows: list[str]) -> dict[str, pd.DataFrame]:
        salts = sorted({salt for recipe in self.recipes.values() for salt in recipe})
        lines = [f"solution,{','.join(salts)}"]
        for name, recipe in self.recipes.items():
            lines.append(f"{name},{','.join(str(recipe.get(salt, '')) for salt in salts)}")
        reference, permeant = next(iter(self.truth)), list(self.truth)
        ions = {"reference_ion": reference, "permeant": permeant, "offset_sd_mV": 1.0}
        return analyse(folder, "\n".join(lines) + "\n", rows, {"junction": {"method": "none"}, "fit": ions})


NOISE_MV = 0.1
# A common offset changes the potentials almost as other ratios do.
DIVALENTS = Design(
    {"Na": 1.0, "Cs": 0.8, "Ca": 4.0, "Ba": 2.0, "Sr": 3.0},
    (1, 1, 2, 2, 2),
    {
        "control": {"NaCl": 145},
        "calcium": {"CaCl2": 110},
        "barium": {"BaCl2": 110},
        "strontium": {"SrCl2": 110},
        "mixed": {"NaCl": 100, "CaCl2": 20},
        "pipette": {"CsCl": 140},
    },
)
# It does not.
DILUTIONS = Design(
    {"Na": 1.0, "Cs": 0.8, "Cl": 0.2},
    (1, 1, -1),
    {
        "control": {"NaCl": 150},
        "half": {"NaCl": 75},
        "quarter": {"NaCl": 37.5},
        "eighth": {"NaCl": 18.75},
        "caesium": {"CsCl": 150},
        "pipette": {"CsCl": 140},
    },
)
# What a pipette and a balance that are good to 1 % make of the recipes.
MADE = {"control": 1.0094, "calcium": 0.9987, "barium": 0.9891, "strontium": 1.0122, "mixed": 0.9849, "pipette": 0.9963}
WORDS = "the potentials are weighted with their systematic errors too"


def test_errors_of_the_recipes_do_not_become_an_offset(tmp_path: Path) -> None:
    """By the standard errors alone the fit finds offsets around +15 mV, and Ca/Na 2.5 for 4."""
    found = DIVALENTS.fitted(tmp_path, DIVALENTS.potentials(MADE))
    ratios = of_model(found)
    for ion in ("Cs", "Ca", "Ba", "Sr"):
        assert ratios.loc[ion, "ratio"] == pytest.approx(DIVALENTS.truth[ion], rel=0.2)
        assert ratios.loc[ion, "low"] < DIVALENTS.truth[ion] < ratios.loc[ion, "high"]
        assert WORDS in ratios.loc[ion, "reason"]
    assert abs(found["cells"]["offset_mV"].mean()) < 1
    assert (found["residuals"]["se_mV"] > NOISE_MV).all()


@pytest.mark.parametrize("common_mV", [0.0, 12.0])
def test_an_offset_that_is_in_the_potentials_stays(tmp_path: Path, common_mV: float) -> None:
    found = DILUTIONS.fitted(tmp_path, DILUTIONS.potentials({}, common_mV))
    ratios = of_model(found)
    assert not ratios["reason"].str.contains(WORDS).any()
    assert found["cells"]["offset_mV"].mean() == pytest.approx(common_mV, abs=1.5)
    assert ratios.loc["Cl", "ratio"] == pytest.approx(0.2, rel=0.2)
    assert found["residuals"]["se_mV"].to_numpy() == pytest.approx(NOISE_MV)


def test_behind_a_surface_charge_the_ratios_change_steadily(tmp_path: Path) -> None:
    """With weights of the standard errors alone they changed by half, or threefold, at the least charge only."""
    charged = DIVALENTS.fitted(tmp_path, DIVALENTS.potentials({}))["surface_charge"]
    for ion, of_ion in charged.groupby("ion"):
        factors = np.array([1.0, *of_ion.sort_values("charge_density_C_per_m2", ascending=False)["factor"]])
        steps = np.diff(np.log(factors))
        assert len(steps) == 3
        assert (np.abs(steps) < 0.12).all(), ion
        assert (np.sign(steps) == (1 if ion == "Cs" else -1)).all(), ion
