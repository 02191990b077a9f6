"""Limits and possible gross errors in the likelihood, against the likelihood written out cell by cell."""

from __future__ import annotations

import math
from dataclasses import replace

import dense
import numpy as np
import pytest
from scipy import stats
from test_model import BATHS, TRUTH, Simulation, shared, sides_swapped

from nernstfit.permeability.inference.ratios import Ratio, ratios
from nernstfit.permeability.mixed_model import Fit, fit, gross_error_probability
from nernstfit.permeability.observations import Observations

NMDG = list(TRUTH).index("NMDG")


def cut(data: Observations, limit_mV: float, below: bool = True) -> Observations:
    """The same where potentials beyond a level are known to lie beyond it only."""
    beyond = data.potential_mV < limit_mV if below else data.potential_mV > limit_mV
    return replace(
        data,
        potential_mV=np.where(beyond, limit_mV, data.potential_mV),
        limit_side=tuple(np.where(beyond, -1 if below else 1, 0).tolist()),
    )


def log_likelihood(data: Observations, found: Fit, ln_p: np.ndarray) -> float:
    """Of normal potentials, of those beyond a limit their probability beside what the cell's others say."""
    covariance = dense.covariance(data, data.gradient(found.ln_p), found.components)
    mean, total = data.predict(ln_p) + found.curvature_bias_mV, 0.0
    sides = np.array(data.limit_side)
    for cell in data.cell_names:
        own = np.array([name == cell for name in data.cells])
        known, limits = np.flatnonzero(own & (sides == 0)), np.flatnonzero(own & (sides != 0))
        inner = covariance[np.ix_(known, known)]
        total += stats.multivariate_normal(mean[known], inner).logpdf(data.potential_mV[known])
        if len(limits):
            weight = np.linalg.solve(inner, covariance[np.ix_(known, limits)])
            there = mean[limits] + weight.T @ (data.potential_mV[known] - mean[known])
            rest = covariance[np.ix_(limits, limits)] - covariance[np.ix_(limits, known)] @ weight
            turned = -sides[limits]
            upper = turned * data.potential_mV[limits]
            total += stats.multivariate_normal(turned * there, rest * np.outer(turned, turned)).logcdf(upper)
    return float(total)


def slope(data: Observations, found: Fit, step: np.ndarray) -> float:
    up, down = (log_likelihood(data, found, found.ln_p + s * step) for s in (1e-3, -1e-3))
    return (up - down) / 2e-3


@pytest.mark.parametrize("seed", range(4))
def test_one_limit_in_a_cell_has_its_exact_likelihood_and_the_fit_its_maximum(seed: int) -> None:
    data = cut(Simulation().draw(seed), -61.0)
    assert 1 <= len(data.censored) <= 7
    found = fit(data, "Na", 1.0, restricted=False)
    assert found.log_likelihood == pytest.approx(log_likelihood(data, found, found.ln_p), abs=1e-5)
    for i in found.free:
        assert slope(data, found, np.eye(len(TRUTH))[i]) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_several_limits_in_a_cell_come_near_their_likelihood(seed: int) -> None:
    data = cut(Simulation(spread=0.25, offset_mV=2.0).draw(seed), -8.0, below=False)
    assert len(data.censored) > 1.5 * len(data.cell_names)
    found = fit(data, "Na", 1.0, restricted=False)
    exact = log_likelihood(data, found, found.ln_p)
    assert found.log_likelihood == pytest.approx(exact, abs=0.3)
    for i in found.free:
        error = math.sqrt(found.covariance[found.free.index(i), found.free.index(i)])
        assert abs(slope(data, found, np.eye(len(TRUTH))[i])) * error < 0.1


def test_limits_keep_the_mean_where_leaving_them_out_does_not() -> None:
    kept, left_out = [], []
    for seed in range(80):
        data = cut(Simulation().draw(seed), -61.0)
        kept.append(fit(data, "Na", 1.0).ln_p[NMDG])
        rest = np.flatnonzero(np.array(data.limit_side) == 0).tolist()
        left_out.append(fit(replace(data.subset(rest), limit_side=()), "Na", 1.0).ln_p[NMDG])
    truth, error = math.log(TRUTH["NMDG"]), float(np.std(kept)) / math.sqrt(80)
    assert abs(np.mean(kept) - truth) < 3 * error < 0.03
    assert np.mean(left_out) - truth > 0.03


def test_a_limit_that_says_nothing_changes_nothing() -> None:
    data = Simulation().draw(2)
    limits = data.subset([0])
    more = Observations(
        **{
            name: np.concatenate([getattr(data, name), getattr(limits, name)])
            for name in ("potential_mV", "se_mV", "temperature_C", "inside", "outside", "n_averaged")
        },
        cells=data.cells + limits.cells,
        ions=data.ions,
        valence=data.valence,
        limit_side=(0,) * data.size + (-1,),
    )
    far = replace(more, potential_mV=more.potential_mV + 100.0 * np.array(more.limit_side) * -1)
    one, other = fit(data, "Na", 1.0), fit(far, "Na", 1.0)
    assert other.ln_p == pytest.approx(one.ln_p, abs=5e-5)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-3)


def judged(data: Observations, ion: str = "NMDG") -> Ratio:
    return next(r for r in ratios(fit(data, "Na", 1.0), shared(data), 0.95) if r.ion == ion)


@pytest.mark.parametrize("seed", range(3))
def test_an_ion_whose_potential_was_never_reached_has_an_upper_bound(seed: int) -> None:
    ratio = judged(cut(Simulation().draw(seed), -40.0))
    assert ratio.verdict == "upper_bound"
    # At the bound the potentials of the bath would lie near the limit.
    assert TRUTH["NMDG"] < ratio.high < 0.25
    assert math.isnan(ratio.low)


def test_the_higher_the_limit_the_higher_the_bound() -> None:
    highs = [judged(cut(Simulation().draw(1), limit)).high for limit in (-40.0, -20.0)]
    assert highs[0] < 0.8 * highs[1]


def test_the_order_of_limits_and_measurements_changes_nothing() -> None:
    data = cut(Simulation().draw(3), -61.0)
    mixed = data.subset(np.random.default_rng(0).permutation(data.size).tolist())
    one, other = fit(data, "Na", 1.0), fit(mixed, "Na", 1.0)
    assert other.ln_p == pytest.approx(one.ln_p, abs=1e-9)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-6)


def test_inside_for_outside_with_signs_and_limits_turned_changes_nothing() -> None:
    data = cut(Simulation().draw(3), -61.0)
    turned = sides_swapped(data)
    one, other = fit(data, "Na", 1.0), fit(turned, "Na", 1.0)
    assert other.ln_p == pytest.approx(one.ln_p, abs=1e-6)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-5)


# Gross errors


def spoilt(data: Observations, by_mV: float) -> Observations:
    wrong = (np.array(data.cells) == "c2") & (data.outside[:, NMDG] > 0)
    return replace(data, potential_mV=data.potential_mV + by_mV * wrong)


@pytest.mark.parametrize("by_mV", [-40.0, 30.0, 80.0])
def test_a_gross_error_moves_a_robust_fit_little(by_mV: float) -> None:
    data = Simulation().draw(5)
    plain, robust = (
        [
            abs(fit(d, "Na", 1.0, robust=how).ln_p[NMDG] - fit(data, "Na", 1.0).ln_p[NMDG])
            for d in (spoilt(data, by_mV),)
        ]
        for how in (False, True)
    )
    error = math.sqrt(fit(data, "Na", 1.0).covariance[NMDG - 1, NMDG - 1])
    assert plain[0] > 1.5 * error
    assert robust[0] < 0.6 * error


def test_a_gross_error_is_known_by_its_probability() -> None:
    """Beside 30 mV hardly any other measurement counts as one; a limit has no probability."""
    data = Simulation().draw(5)
    p = gross_error_probability(fit(spoilt(data, 30.0), "Na", 1.0, robust=True))
    off = spoilt(data, 30.0).potential_mV != data.potential_mV
    assert p[off].min() > 0.99
    assert p[~off].mean() < 0.1
    assert gross_error_probability(fit(data, "Na", 1.0, robust=True)).mean() < 0.1
    limited = fit(cut(data, float(data.potential_mV.min()) + 1.0), "Na", 1.0, robust=True)
    assert np.array_equal(np.isnan(gross_error_probability(limited)), np.isin(range(data.size), limited.data.censored))


def test_a_robust_fit_of_sound_data_is_nearly_the_plain_one() -> None:
    """But for the spreads, of which the robust fit has one of all ions: errors agree on the average."""
    larger = []
    for seed in range(5):
        data = Simulation().draw(seed)
        plain, robust = fit(data, "Na", 1.0), fit(data, "Na", 1.0, robust=True)
        error = np.sqrt(np.diag(plain.covariance))
        assert np.abs((robust.ln_p - plain.ln_p)[1:] / error).max() < 0.3
        larger += (np.sqrt(np.diag(robust.covariance)) / error).tolist()
    assert np.mean(larger) == pytest.approx(1.0, abs=0.15)


def test_a_robust_fit_does_not_depend_on_the_order() -> None:
    data = spoilt(Simulation().draw(6), 25.0)
    mixed = data.subset(np.random.default_rng(0).permutation(data.size).tolist())
    one, other = (fit(d, "Na", 1.0, robust=True) for d in (data, mixed))
    assert other.ln_p == pytest.approx(one.ln_p, abs=1e-9)
    assert len(BATHS) * 8 == data.size
