"""Fitted factors on activities: their model, verdicts, tables, and what the configuration may ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nernstfit.contract.correction_terms import correction_terms
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.permeability.observations import Observations
from nernstfit.solutions.conditions import Condition

VALENCE = {"Na": 1, "K": 1, "Cs": 1, "NMDG": 1, "Cl": -1, "Ca": 2}
TERMS = correction_terms(["bath:b2", "pipette:Cl", "pipette"])


@pytest.mark.parametrize("seed", range(4))
def test_the_slopes_in_the_factors_are_those_of_the_predictions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ions = list(VALENCE)
    data = Observations(
        cells=("c",) * 6,
        potential_mV=np.zeros(6),
        se_mV=np.full(6, 0.3),
        temperature_C=np.full(6, 22.0),
        ions=tuple(ions),
        valence=np.array(list(VALENCE.values())),
        inside=np.tile(rng.uniform(0, 100, len(ions)), (6, 1)),
        outside=rng.uniform(0, 100, (6, len(ions))),
        n_averaged=np.ones(6, int),
    )
    how = ("whole-cell", "inside-out", "whole-cell", "inside-out", "outside-out", "whole-cell")
    at = [Condition(f"b{i % 4}", "pipette", c, 22.0, "same") for i, c in enumerate(how)]
    corrected = replace(data, factors=ActivityFactors.of(TERMS, at, ions))
    ln_p, k = rng.normal(0, 0.5, len(ions) + 3), len(ions)
    for q in range(3):
        h = 1e-5 * np.eye(k + 3)[k + q]
        numerical = (corrected.predict(ln_p + h) - corrected.predict(ln_p - h)) / 2e-5
        assert corrected.gradient(ln_p)[:, k + q] == pytest.approx(numerical, abs=1e-6)
        assert np.abs(numerical).max() > 0.1
    # By hand: the pipette is inside but for inside-out, the bath on the other side.
    assert [str(term) for term in TERMS] == ["pipette", "pipette:Cl", "bath:b2"]
    whole, chloride, bath = np.exp(ln_p[k:])
    of_pipette = np.where(np.array(ions) == "Cl", whole * chloride, whole)
    applied = corrected.with_factors(ln_p)
    for i, (name, c) in enumerate(zip([a.bath for a in at], how, strict=True)):
        of_bath = np.full(k, bath if name == "b2" else 1.0)
        inside, outside = (of_bath, of_pipette) if c == "inside-out" else (of_pipette, of_bath)
        assert applied.inside[i] == pytest.approx(inside * data.inside[i])
        assert applied.outside[i] == pytest.approx(outside * data.outside[i])
    assert applied.predict(ln_p[:k]) == pytest.approx(corrected.predict(ln_p), abs=1e-9)
    several = np.stack([ln_p, -ln_p])
    assert corrected.predict(several)[1] == pytest.approx(corrected.predict(-ln_p), abs=1e-12)
