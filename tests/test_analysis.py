"""The analysis of a group: equal observations are built once."""

from __future__ import annotations

from pathlib import Path

import pytest
from designs import Design
from experiments import analyse, of_model

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


SERIES = Design(
    {"Na": 1.0, "K": 1.5, "Cs": 0.7},
    (1, 1, 1),
    {
        "control": {"NaCl": 145},
        "caesium": {"CsCl": 145},
        "K 10": {"NaCl": 135, "KCl": 10},
        "K 30": {"NaCl": 115, "KCl": 30},
        "K 80": {"NaCl": 65, "KCl": 80},
        "K 145": {"KCl": 145},
        "pipette": {"CsCl": 140},
    },
    noise_mV=0.3,
)
CHLORIDE = Design(
    {"Na": 1.0, "K": 1.3, "Cs": 0.7, "Cl": 0.5},
    (1, 1, 1, -1),
    {
        "control": {"NaCl": 145},
        "potassium": {"KCl": 145},
        "caesium": {"CsCl": 145},
        "gluconate": {"Na-gluconate": 135, "NaCl": 10},
        "half": {"NaCl": 72},
        "NMDG": {"NMDG-Cl": 145},
        "pipette": {"KCl": 60, "K-gluconate": 80, "NaCl": 8},
    },
)


def test_a_permeability_that_changes_with_concentration_is_a_likely_cause(tmp_path: Path) -> None:
    ratios = of_model(SERIES.fitted(tmp_path, SERIES.potentials({}, power={"K": -0.2})))
    assert set(ratios["verdict"]) == {"model_rejected"}
    words = "likely cause: the permeability of K changes with its activity in the bath, as its power -0."
    assert ratios["reason"].str.contains(words).all()


def test_a_diluted_pipette_is_told_before_a_wrong_bath(tmp_path: Path) -> None:
    ratios = of_model(CHLORIDE.fitted(tmp_path, CHLORIDE.potentials({}, inside=0.6)))
    assert set(ratios["verdict"]) == {"model_rejected"}
    for reason in ratios["reason"]:
        assert "activities inside that are 0." in reason
        assert "set fit.activity_correction to pipette" in reason
        assert "no usual cause" not in reason
