"""The analysis of a group: equal observations are built once."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments import analyse

from nernstfit.permeability.observations import Observations
from nernstfit.solutions.composition import Solutions

RECIPES = "solution,NaCl,KCl,CaCl2\ncontrol,140,5,1\npotassium,5,140,1\ncalcium,100,5,30\npipette,10,140,0\n"


def test_equal_observations_are_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    under = Observations.under

    def counted(self: Observations, solutions: Solutions, permeant: list[str], *assumed: object) -> Observations:
        built.append((self.measurements, tuple(permeant), *assumed))
        return under(self, solutions, permeant, *assumed)

    monkeypatch.setattr(Observations, "under", counted)
    potentials = {"control": -40.0, "potassium": -2.0, "calcium": -42.0}
    rows = [
        f"c{cell},{bath},pipette,{potential + 0.5 * cell},0.5"
        for cell in range(3)
        for bath, potential in potentials.items()
    ]
    config = {
        "junction": {"method": "none"},
        "activity": {"model": "davies"},
        "fit": {"reference_ion": "K", "permeant": ["K", "Na"]},
    }
    found = analyse(tmp_path, RECIPES, rows, config, every_model=True)
    assert len(found["models"]) > 5
    assert len(built) == len(set(built)) >= len(found["models"])
