"""Single cells that are fitted together, against the fit of each by itself."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import Simulation

from nernstfit.permeability import single_cells
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.ratio_parameters import RatioParameters
from nernstfit.permeability.single_cells import fit_cells

CLOSE = 1e-7


def one_by_one(data: Observations, offset_scale_mV: float, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln P and standard errors, inf where the cell does not determine an ion."""
    ln_p, se = np.tile(near, (len(data.cell_names), 1)), np.full((len(data.cell_names), len(near)), math.inf)
    for c, name in enumerate(data.cell_names):
        own = data.subset([i for i, cell in enumerate(data.cells) if cell == name])
        alone = fit(own, "Na", offset_scale_mV, near=near)
        ln_p[c] = alone.ln_p
        for j, i in enumerate(alone.free):
            if j not in alone.not_estimable:
                se[c, i] = math.sqrt(alone.covariance[j, j])
    return ln_p, se


def alike(data: Observations, offset_scale_mV: float, near: np.ndarray) -> None:
    found = fit_cells(data, "Na", offset_scale_mV, near)
    ln_p, se = one_by_one(data, offset_scale_mV, near)
    is_known = se < single_cells.MAX_SE_OF_CELL
    assert ((found.se < single_cells.MAX_SE_OF_CELL) == is_known).all()
    assert found.ln_p[is_known] == pytest.approx(ln_p[is_known], abs=CLOSE)
    assert found.se[is_known] == pytest.approx(se[is_known], rel=CLOSE)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**16),
    spread=st.sampled_from([0.1, 0.6]),
    share=st.sampled_from([0.25, 0.6, 1.0]),
    offset_scale_mV=st.sampled_from([0.0, 1.0, math.inf]),
    in_batches=st.booleans(),
)
def test_cells_together_are_those_one_by_one(
    seed: int, spread: float, share: float, offset_scale_mV: float, in_batches: bool
) -> None:
    data = Simulation(cells=5, spread=spread, offset_mV=0.5).draw(seed)
    rng = np.random.default_rng(seed)
    data = data.subset(np.flatnonzero((rng.random(data.size) < share) | (np.arange(data.size) == 0)).tolist())
    if in_batches:
        data = replace(data, batches=tuple(f"day {i % 2}" for i in data.cell_index))
    near = fit(data, "Na", offset_scale_mV).ln_p
    alike(data, offset_scale_mV, near)


def test_held_ratios_are_held_in_every_cell() -> None:
    data = Simulation(cells=4).draw(2)
    held = RatioParameters.of(data.ions, {"P_NMDG": {"value": 0.01, "vary": False}})
    data = replace(data, parameters=held)
    whole = fit(data, "Na", 1.0)
    alike(data, 1.0, whole.ln_p)
    assert np.exp(fit_cells(data, "Na", 1.0, whole.ln_p).ln_p[:, 4]) == pytest.approx(0.01)


def test_a_held_ratio_is_the_users_in_a_fit_that_starts_near_another() -> None:
    data = Simulation().draw(1)
    held = RatioParameters.of(data.ions, {"P_NMDG": {"value": 0.01, "vary": False}})
    found = fit(replace(data, parameters=held), "Na", 1.0)
    again = fit(found.data, "Na", 1.0, near=found.ln_p)
    assert math.exp(again.ln_p[4]) == pytest.approx(0.01)
    assert again.ln_p == pytest.approx(found.ln_p, abs=CLOSE)


def test_cells_with_tied_ratios_or_limits_are_fitted_too() -> None:
    data = Simulation(cells=3).draw(3)
    tied = RatioParameters.of(data.ions, {"P_Cs": {"expr": "0.9 * P_K"}})
    of_ties = replace(data, parameters=tied)
    alike(of_ties, 1.0, fit(of_ties, "Na", 1.0).ln_p)
    lowest = int(data.potential_mV.argmin())
    limited = replace(data, limit_side=tuple(-1 if i == lowest else 0 for i in range(data.size)))
    alike(limited, 1.0, fit(limited, "Na", 1.0).ln_p)


def test_a_cell_that_nothing_explains_is_fitted_by_itself() -> None:
    data = Simulation(cells=4).draw(4)
    wrong = replace(data, potential_mV=np.where(data.cell_index == 1, -3 * data.potential_mV + 40, data.potential_mV))
    alike(wrong, 1.0, fit(wrong, "Na", 1.0).ln_p)
