"""The restricted likelihood of the spreads: its slope, its degrees of freedom, batches."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_model import RT_F, TRUTH, Simulation, table

from nernstfit.permeability.covariance import BATCH, LN_P, OFFSET, CovarianceComponents, VarianceComponents
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.reml import Deviance, LinearModel


def in_batches(data: Observations, number: int) -> Observations:
    return replace(data, batches=tuple(f"day {int(cell[1:]) % number}" for cell in data.cells))


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_slope_is_that_of_the_value(seed: int, restricted: bool) -> None:
    rng = np.random.default_rng(seed)
    data = in_batches(Simulation().draw(seed), 3)
    ln_p = rng.normal(0, 0.5, len(data.ions))
    gradient = data.gradient(ln_p)
    names = (OFFSET, LN_P, BATCH)
    model = LinearModel(CovarianceComponents(data, gradient), data.potential_mV - data.predict(ln_p), gradient[:, 1:])
    deviance = Deviance(model, names, VarianceComponents(1.0, (0.1,) * len(data.ions), 0.1), 1.0, restricted)
    at = rng.normal(-1, 1, len(deviance.parameters.low))
    steps = 1e-5 * np.eye(len(at))
    numerical = [(deviance(at + h)[0] - deviance(at - h)[0]) / 2e-5 for h in steps]
    assert deviance(at)[1] == pytest.approx(numerical, rel=1e-5, abs=1e-5)
    numerical = [(deviance(at + h)[1] - deviance(at - h)[1]) / 2e-5 for h in steps]
    assert deviance.curvature(at)[0] == pytest.approx(np.array(numerical), rel=1e-4, abs=1e-4)


def test_spreads_that_differ_are_found_and_equal_ones_are_drawn_together() -> None:
    rng, different, equal = np.random.default_rng(1), [], []
    for seed in range(6):
        data = Simulation(spread=0.0).draw(seed)
        own = rng.standard_normal((8, len(data.ions)))
        gradient = data.gradient(np.log(list(TRUTH.values())))
        for found, sd in ((different, [0.05, 0.05, 0.05, 0.05, 0.5, 0.05]), (equal, [0.1] * 6)):
            of_row = (own * sd)[[int(cell[1:]) for cell in data.cells]]
            moved = replace(data, potential_mV=data.potential_mV + (gradient * of_row).sum(axis=1))
            found.append(fit(moved, "Na", 1.0).components.ln_p)
    of_nmdg, of_others = np.array(different)[:, 4], np.delete(np.array(different), 4, axis=1)
    assert np.exp(np.log(of_nmdg).mean()) == pytest.approx(0.5, rel=0.25)
    assert np.exp(np.log(of_others).mean()) == pytest.approx(0.05, rel=0.25)
    # The standard deviation of eight cells is known to 27 %; drawn together they scatter less.
    assert np.log(equal).std(axis=1).mean() < 0.2


@pytest.mark.parametrize("reference", ["Na", "NMDG", "Cl"])
def test_spreads_do_not_depend_on_the_reference(reference: str) -> None:
    data = Simulation().draw(4)
    one, other = fit(data, "K", 1.0), fit(data, reference, 1.0)
    assert other.components.ln_p == pytest.approx(one.components.ln_p, rel=1e-5)
    assert other.ln_p - other.ln_p[1] == pytest.approx(one.ln_p, abs=1e-6)


def biionic(ln_ratios: np.ndarray, batches: tuple[str, ...] = ()) -> Observations:
    """Cells of one measurement each, without an offset: the potential is ln ratio x RT/F."""
    rows = [(f"c{i}", RT_F * value, {"Na": 140.0}) for i, value in enumerate(ln_ratios)]
    return replace(table(rows, ["K", "Na"], 0.01, inside={"K": 140.0}), batches=batches)


@pytest.mark.parametrize(("batches", "cells"), [(4, 3), (6, 2), (3, 5)])
def test_balanced_batches_give_the_interval_of_their_means(batches: int, cells: int) -> None:
    """Nested analysis of variance: the error of the grand mean is that between batches, with one df less than these."""
    rng = np.random.default_rng(batches)
    values = rng.normal(0, 0.4, (batches, 1)) + rng.normal(0, 0.1, (batches, cells))
    names = tuple(f"b{b}" for b in range(batches) for _ in range(cells))
    found = fit(biionic(values.ravel(), names), "K", 0.0)
    means = values.mean(axis=1)
    assert found.ln_p[1] == pytest.approx(means.mean(), abs=1e-6)
    assert math.sqrt(found.covariance[0, 0]) == pytest.approx(means.std(ddof=1) / math.sqrt(batches), rel=2e-3)
    assert found.df[0] == pytest.approx(batches - 1, rel=0.02)


def test_batches_that_do_not_differ_change_nothing() -> None:
    data = Simulation(cells=9).draw(3)
    plain, batched = fit(data, "Na", 1.0), fit(in_batches(data, 3), "Na", 1.0)
    assert batched.components.batch_ln_p < 0.05
    assert batched.ln_p == pytest.approx(plain.ln_p, abs=0.01)


def test_one_batch_is_none() -> None:
    data = Simulation().draw(1)
    plain, batched = fit(data, "Na", 1.0), fit(replace(data, batches=("day",) * data.size), "Na", 1.0)
    assert batched.estimated_components == plain.estimated_components
    assert batched.ln_p == pytest.approx(plain.ln_p, abs=1e-9)


def test_the_spread_between_batches_is_found() -> None:
    rng, found = np.random.default_rng(1), []
    for seed in range(4):
        data = Simulation(cells=40, spread=0.05).draw(seed)
        effects = rng.normal(0, 0.3, (8, len(data.ions)))
        of_row = effects[[int(cell[1:]) % 8 for cell in data.cells]]
        moved = data.potential_mV + (data.gradient(np.log(list(TRUTH.values()))) * of_row).sum(axis=1)
        found.append(fit(in_batches(replace(data, potential_mV=moved), 8), "Na", 1.0).components.batch_ln_p)
    assert np.mean(found) == pytest.approx(0.3, rel=0.15)


def test_cells_without_a_batch_stand_by_themselves() -> None:
    values = np.random.default_rng(2).normal(0, 0.3, 9)
    alone = fit(biionic(values, ("x", "x", *[""] * 7)), "K", 0.0)
    assert alone.ln_p[1] == pytest.approx(values.mean(), abs=0.1)
    assert BATCH not in alone.estimated_components


def test_a_cell_in_two_batches_binds_them_together() -> None:
    data = biionic(np.zeros(5), ("a", "a", "b", "b", "c"))
    tied = replace(data, cells=("c0", "c1", "c1", "c3", "c4"))
    assert [len(rows[rows >= 0]) for rows in data.clusters] == [2, 2, 1]
    assert sorted(len(rows[rows >= 0]) for rows in tied.clusters) == [1, 4]
