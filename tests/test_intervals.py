"""Intervals by other methods: the bootstrap against refits one by one, the profile, Student's t, the flag."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from calibration import ratios as calibration
from scipy import stats
from test_model import RT_F, Simulation, shared, table
from test_variance_components import in_batches

from nernstfit.contract.terms import IntervalMethod
from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.inference.bootstrap import bootstrap_ln_p
from nernstfit.permeability.inference.intervals import (
    RESAMPLES,
    alternative_intervals,
    reported_intervals,
    single_cells,
)
from nernstfit.permeability.inference.profile_likelihood import refit
from nernstfit.permeability.inference.ratios import ratios
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.single_cells import cell_ratios


def one_by_one(found: Fit, counts: np.ndarray) -> np.ndarray:
    """A resample as an experiment of its own: each cell as often as it was drawn, the covariance that of the fit."""
    data = found.data
    rows, names = [], []
    for unit, count in zip(data.clusters, counts, strict=True):
        for again in range(count):
            own = unit[unit >= 0].tolist()
            rows += own
            names += [f"{data.cells[i]} {again}" for i in own]
    drawn = replace(found.working.subset(rows), cells=tuple(names))
    whiten = Whitener(CovarianceComponents(drawn, data.gradient(found.ln_p)[rows]), found.components)
    same = replace(found, data=drawn, working=drawn)
    return refit(same, found.ln_p[None], found.free, whiten)[0][0, list(found.free)]


def test_resamples_are_refitted_as_one_by_one() -> None:
    found = fit(Simulation().draw(3), "Na", 1.0)
    drawn = np.random.default_rng(5).multinomial(8, np.full(8, 1 / 8), size=12)
    for ln_p, counts in zip(bootstrap_ln_p(found, 12, 5), drawn, strict=True):
        assert ln_p == pytest.approx(one_by_one(found, counts), abs=2e-4)


def test_the_term_names_the_number_of_resamples() -> None:
    assert f"({RESAMPLES:,} resamples," in IntervalMethod.BOOTSTRAP.sentence


def test_batches_are_drawn_whole() -> None:
    found = fit(in_batches(Simulation(cells=12).draw(3), 4), "Na", 1.0)
    assert len(found.data.clusters) == 4
    values = bootstrap_ln_p(found, 300, 1)
    # With one of four batches drawn four times, no more than these results are possible.
    assert len(np.unique(values[:, 0].round(9))) <= 35


def biionic(cells: int, seed: int = 1) -> Observations:
    potentials = 15.0 + 4.0 * np.random.default_rng(seed).standard_normal(cells)
    rows = [(f"c{i:02d}", v, {"Na": 140.0}) for i, v in enumerate(potentials)]
    return table(rows, ["K", "Na"], 0.01, inside={"K": 140.0})


@pytest.mark.parametrize("cells", [6, 20])
def test_the_bootstrap_of_a_mean_has_its_error_over_n_instead_of_n_less_one(cells: int) -> None:
    found = fit(biionic(cells), "K", 0.0)
    values = bootstrap_ln_p(found, 4000, 1)[:, 0]
    expected = (found.data.potential_mV / RT_F).std() / math.sqrt(cells)
    assert values.std() == pytest.approx(expected, rel=0.05)
    assert values.mean() == pytest.approx(found.ln_p[1], abs=4 * expected / math.sqrt(4000))


def test_a_seed_gives_the_same_again_and_another_does_not() -> None:
    found = fit(biionic(6), "K", 0.0)
    one, same, other = (bootstrap_ln_p(found, 50, seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def intervals(data: Observations, reference: str, offset: float, singles: dict[str, list[float]]) -> dict[str, tuple]:
    found = fit(data, reference, offset)
    judged = ratios(found, shared(data), 0.95)
    ion = judged[0].ion
    made = [*reported_intervals(judged), *alternative_intervals(found, judged, singles, 0.95, 1)]
    return {i.method: (math.log(i.low), math.log(i.high), i.disagrees) for i in made if i.ion == ion}


def test_all_methods_agree_where_cells_are_many_and_the_model_is_straight() -> None:
    data = biionic(40)
    values = data.potential_mV / RT_F
    made = intervals(data, "K", 0.0, {"Na": values.tolist()})
    assert set(made) == {
        IntervalMethod.DEFAULT,
        IntervalMethod.CELLS,
        IntervalMethod.PROFILE,
        IntervalMethod.BOOTSTRAP,
        IntervalMethod.STUDENT,
    }
    width = made[IntervalMethod.CELLS][1] - made[IntervalMethod.CELLS][0]
    for low, high, disagrees in made.values():
        assert (low, high) == pytest.approx(made[IntervalMethod.CELLS][:2], abs=0.08 * width)
        assert not disagrees
    by_hand = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert made[IntervalMethod.STUDENT][:2] == pytest.approx(by_hand, abs=1e-9)


def test_a_method_that_disagrees_largely_is_flagged() -> None:
    data = biionic(10)
    values = data.potential_mV / RT_F
    made = intervals(data, "K", 0.0, {"Na": (values + 0.3).tolist()})
    assert made[IntervalMethod.STUDENT][2]
    assert not made[IntervalMethod.PROFILE][2]
    made = intervals(data, "K", 0.0, {"Na": (values.mean() + 5 * (values - values.mean())).tolist()})
    assert made[IntervalMethod.STUDENT][2]


def test_the_t_interval_of_few_cells_is_marked_where_chance_does_not_explain_it() -> None:
    """Of five cells, some ion has half the error of the model in every third experiment."""
    rng, far, marked = np.random.default_rng(7), 0, 0
    row = replace(calibration.ROWS[0], cells=5)
    for _ in range(25):
        found = fit(calibration.draw(row, rng, whole=False)[0], "Na", calibration.SCALE_MV)
        estimates = [r for r in ratios(found, shared(found.data), 0.95) if r.verdict == "estimate"]
        singles: dict[str, list[float]] = {}
        for cell in cell_ratios(found, row.experiment.settings.fit):
            singles.setdefault(cell.ion, []).append(cell.ln_ratio)
        errors = [stats.sem(singles[ratio.ion]) / ratio.se_ln_cells for ratio in estimates]
        far += any(not 0.5 <= error <= 2.0 for error in errors)
        made = (single_cells(ratio, np.array(singles[ratio.ion]), 0.95, len(estimates)) for ratio in estimates)
        marked += any(interval.disagrees for interval in made)
    assert far >= 3
    assert marked <= 2


def test_one_cell_has_no_bootstrap() -> None:
    data = Simulation(cells=1).draw(1)
    assert IntervalMethod.BOOTSTRAP not in intervals(data, "Na", 1.0, {})


def test_an_ion_that_few_cells_tell_of_has_no_bootstrap() -> None:
    data = Simulation(cells=5).draw(1)
    nmdg = data.ions.index("NMDG")
    kept = [i for i in range(data.size) if data.outside[i, nmdg] == 0 or data.cells[i] == "c0"]
    found = fit(data.subset(kept), "Na", 1.0)
    judged = ratios(found, shared(found.data), 0.95)
    methods = {i.method for i in alternative_intervals(found, judged, {}, 0.95, 1) if i.ion == "NMDG"}
    assert IntervalMethod.BOOTSTRAP not in methods
