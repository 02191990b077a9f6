"""Experiments by design: potentials from known ratios, and their analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from experiments import analyse

import nernstfit
from nernstfit.physics.membrane import ghk


@dataclass(frozen=True)
class Design:
    """True ratios and recipes in mM; the first ion is the reference, the last solution the pipette's."""

    truth: Mapping[str, float]
    valence: tuple[int, ...]
    recipes: Mapping[str, Mapping[str, float]]
    noise_mV: float = 0.1

    def activities(self, name: str, factor: float) -> list[float]:
        recipe = {each: factor * mM for each, mM in self.recipes[name].items()}
        table = nernstfit.activities(recipe).set_index("ion")
        return [float(table["activity_mM"].get(ion, 0.0)) for ion in self.truth]

    def potentials(
        self,
        made: Mapping[str, float],
        common_mV: float = 0.0,
        power: Mapping[str, float] = MappingProxyType({}),
        inside: float = 1.0,
    ) -> list[str]:
        """Six cells whose ln P scatter by .1 and offsets by 1 mV, of recipes that are off by factors.

        The permeability of some ions is a power of their activity in the bath, over 100 mM; activities inside are
        multiplied by a factor.
        """
        rng, rows = np.random.default_rng(3), []
        *baths, pipette = self.recipes
        sides = {name: self.activities(name, made.get(name, 1.0)) for name in self.recipes}
        for cell in range(6):
            typical = np.array(list(self.truth.values())) * np.exp(0.1 * rng.standard_normal(len(self.truth)))
            offset_mV = common_mV + rng.standard_normal()
            for bath in baths:
                of_bath = [max(a, 1.0) / 100 for a in sides[bath]]
                p = typical * [a ** power.get(ion, 0.0) for ion, a in zip(self.truth, of_bath, strict=True)]
                within = inside * np.array(sides[pipette])
                e_mV = float(ghk.reversal_mV(p, self.valence, within, sides[bath], 22.0))
                measured_mV = e_mV + offset_mV + self.noise_mV * rng.standard_normal()
                rows.append(f"c{cell},{bath},{pipette},{measured_mV},{self.noise_mV}")
        return rows

    def fitted(self, folder: Path, rows: list[str]) -> dict[str, pd.DataFrame]:
        salts = sorted({salt for recipe in self.recipes.values() for salt in recipe})
        lines = [f"solution,{','.join(salts)}"]
        for name, recipe in self.recipes.items():
            lines.append(f"{name},{','.join(str(recipe.get(salt, '')) for salt in salts)}")
        reference, permeant = next(iter(self.truth)), list(self.truth)
        ions = {"reference_ion": reference, "permeant": permeant, "offset_sd_mV": 1.0}
        return analyse(folder, "\n".join(lines) + "\n", rows, {"junction": {"method": "none"}, "fit": ions})
