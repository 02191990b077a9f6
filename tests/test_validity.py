"""Tests of validity: their size where the model holds, and their power where it fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from experiments import analyse
from scipy import stats
from test_model import BATHS, PIPETTE, TRUTH, VALENCE, Simulation, goldman_mV, table

from nernstfit.contract.terms import ValidityTest
from nernstfit.permeability.inference.accumulation import Drifts
from nernstfit.permeability.inference.diagnostics import Covariates, TestResult, _Tests, run_tests
from nernstfit.permeability.inference.effects import f_test, scatter_test
from nernstfit.permeability.inference.mixtures import Mixture
from nernstfit.permeability.inference.ratios import ratios
from nernstfit.permeability.inference.sentences import shift_consequence, validity_sentence, written_p
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations

# Beside the counts, the sum of the chi-square scores of p is held against its distribution, chi-square with as many
# degrees of freedom as draws: that of 80 finds a size of 10, 15 or 20 % in place of 5 with a probability of 20, 80 or
# 99 %; where p is uniform, it is outside once in 1,000 tests.
DRAWS = 80
LEAST_SCORE, MOST_SCORE = stats.chi2.ppf((0.0005, 0.9995), DRAWS)
# Three baths more than there are ratios to fit.
MORE = (*BATHS, {"Na": 75.0, "K": 70.0, "Cl": 147.0}, {"Na": 15.0, "Cl": 17.0})
ONE_TO_SPARE = (*BATHS[:3], {"Na": 45.0, "Cl": 47.0})
USUAL, FEW = Simulation(cells=8, baths=MORE), Simulation(cells=4, baths=MORE)


def circumstances(data: Observations, seed: int = 0) -> Covariates:
    """Baths one after the other, a minute each and not quite regularly; conductances that differ between cells."""
    rng, n = np.random.default_rng((seed, 1)), len(data.cells)
    order = np.concatenate([np.arange((data.blocks[c] >= 0).sum()) for c in range(len(data.cell_names))])
    sizes = dict(zip(data.cell_names, np.exp(0.4 * rng.standard_normal(len(data.cell_names))), strict=True))
    slope = np.array([10 * sizes[cell] for cell in data.cells]) * np.exp(0.1 * rng.standard_normal(n))
    sodium, potassium = data.outside[:, 0], data.outside[:, 1]
    fraction = np.where(np.abs(sodium + potassium - 145) < 1, potassium / 145, math.nan)
    drift_mV, charge_nC = 0.3 + 0.5 * rng.standard_normal(n), rng.normal(0.2, 1.0, n)
    drifts = Drifts(drift_mV, rng.uniform(0.1, 0.5, n), charge_nC)
    times_s = 60.0 * order + rng.uniform(0, 40, n)
    return Covariates(data.outside, times_s, slope, (Mixture(("Na", "K"), fraction),), drifts)


def outcomes(
    data: Observations, about: Covariates | None = None, scale: float = 1.0
) -> dict[tuple[str, str], TestResult]:
    fitted = fit(data, "Na", scale)
    found = run_tests(fitted, about or circumstances(data), 0.95, estimates(fitted))
    return {(each.test, each.ion): each for each in found}


def outcome(data: Observations, key: tuple[str, str]) -> TestResult:
    """One of these outcomes alone, in a tenth of the time."""
    test, ion = key
    fitted = fit(data, "Na", 1.0)
    found = getattr(_Tests(fitted, circumstances(data), 0.05, estimates(fitted)), test)()
    return next(each for each in ([found] if isinstance(found, TestResult) else found) if each.ion == ion)


def estimates(fitted: Fit) -> list[str]:
    found = ratios(fitted, np.zeros((fitted.data.size, 0)), 0.95)
    return [ratio.ion for ratio in found if math.isfinite(ratio.ln_ratio)]


def score(p: Sequence[float]) -> float:
    """Sum of the chi-square scores of p, of one degree of freedom each."""
    return float(stats.chi2.isf(p, 1).sum())


# Where the model holds


@pytest.fixture(scope="module")
def null() -> Mapping[tuple[str, str], Sequence[float]]:
    """p of every test over simulated experiments of 8 cells."""
    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(DRAWS):
        data = USUAL.draw(seed)
        for key, each in outcomes(data, circumstances(data, seed)).items():
            if math.isfinite(each.p):
                found.setdefault(key, []).append(each.p)
    return found


@pytest.mark.parametrize(
    "key",
    [
        ("lack_of_fit", ""),
        ("activity", "Na"),
        ("activity", "K"),
        ("activity", "Cl"),
        ("permeability_trend", "Na"),
        ("permeability_trend", "K"),
        ("permeability_trend", "Cl"),
        ("potential", ""),
        ("time", ""),
        ("conductance", ""),
        ("mole_fraction", "Na/K"),
        ("accumulation", ""),
        ("shift_method", "Cl"),
    ],
)
def test_p_is_uniform_where_the_model_holds(
    null: Mapping[tuple[str, str], Sequence[float]], key: tuple[str, str]
) -> None:
    p = np.array(null[key])
    assert len(p) == DRAWS
    # The binomial 99.9 % interval of 5 and of 50 %.
    for level in (0.05, 0.5):
        low, high = stats.binom.interval(0.999, DRAWS, level)
        assert low <= (p < level).sum() <= high
    assert LEAST_SCORE <= score(p) <= MOST_SCORE
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_scatter_is_not_found_too_often_where_there_is_none(null: Mapping[tuple[str, str], Sequence[float]]) -> None:
    assert len(null["scatter", ""]) == DRAWS
    assert score(null["scatter", ""]) <= MOST_SCORE


def test_with_four_cells_nothing_is_found_too_often() -> None:
    p = [f_test(fit(FEW.draw(seed), "Na", 1.0), np.eye(8)[np.tile(np.arange(8), 4)]).p for seed in range(DRAWS)]
    assert score(p) <= MOST_SCORE


# Where the model fails


def minutes(data: Observations) -> np.ndarray:
    return circumstances(data).time_s / 60


@pytest.mark.parametrize(
    ("key", "spoil", "size"),
    [
        (("time", ""), lambda d: 0.5 * minutes(d), 0.5),
        (("conductance", ""), lambda d: -0.4 * circumstances(d).slope_nS, -0.4),
        (("mole_fraction", "Na/K"), lambda d: -4 * circumstances(d).mixtures[0].effect, -4.0),
        (("potential", ""), lambda d: 0.2 * d.predict(np.log(list(TRUTH.values()))), None),
        (("activity", "Na"), lambda d: 3 * np.log10(np.maximum(d.outside[:, 0], 1)) * (d.outside[:, 0] > 0), None),
        (("lack_of_fit", ""), lambda d: 3.0 * (d.outside[:, 0] == 15), None),
        (("shift_method", "Cl"), lambda d: np.full(d.size, 3.0), None),
    ],
)
def test_a_failure_of_the_model_is_found(
    key: tuple[str, str], spoil: Callable[[Observations], np.ndarray], size: float | None
) -> None:
    found = []
    for seed in range(12):
        data = USUAL.draw(seed)
        found.append(outcome(replace(data, potential_mV=data.potential_mV + spoil(data)), key))
    assert sum(each.p < 0.01 for each in found) >= 9
    if size is not None:
        error = np.mean([each.se for each in found]) / math.sqrt(12)
        assert np.mean([each.size for each in found]) == pytest.approx(size, abs=4 * error)
    real = min(found, key=lambda each: each.p)
    assert "p < 0.001" in real.sentence
    assert "not significant" not in real.sentence


def test_a_permeability_that_follows_its_activity_is_found() -> None:
    found = []
    for seed in range(12):
        data = USUAL.draw(seed)
        sodium = np.maximum(data.outside[:, 0], 1e-9) / 60
        ln_p = np.log(list(TRUTH.values()))
        power = np.where(data.outside[:, 0] > 0, 0.15 * np.log(sodium), 0.0)
        moved = data.gradient(ln_p)[:, 0] * power
        found.append(outcome(replace(data, potential_mV=data.potential_mV + moved), ("permeability_trend", "Na")))
    assert sum(each.p < 0.01 for each in found) >= 9
    assert np.mean([each.size for each in found]) == pytest.approx(0.15, abs=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_with_one_bath_to_spare_a_trend_is_no_more_than_the_lack_of_fit(seed: int) -> None:
    """Both are the same direction among the means, also where cells differ so widely that each has its own ln P."""
    data = Simulation(cells=5, se_mV=1.0, baths=ONE_TO_SPARE).draw(seed, {"Na": 1.0, "K": 1.4, "Cs": 0.8, "Cl": 0.1})
    found = outcomes(replace(data, se_mV=data.se_mV / 3))
    of_means = found["lack_of_fit", ""].p
    for ion in ("Na", "Cl"):
        assert found["permeability_trend", ion].p == pytest.approx(of_means, rel=0.02)


def test_errors_that_are_twice_what_they_are_said_to_be_are_found() -> None:
    found = [scatter_test(fit(replace(d, se_mV=d.se_mV / 2), "Na", 1.0)) for d in map(USUAL.draw, range(12))]
    assert sum(effect.p < 0.01 for effect in found) >= 9
    assert np.mean([effect.size for effect in found]) == pytest.approx(2.0, abs=0.3)


# One cell


def one_cell(potentials: Sequence[float], se_mV: float) -> Observations:
    baths = [{"Na": sodium, "Cl": 5.0} for sodium in (150.0, 60.0, 25.0, 10.0)]
    rows = [("c", potential, bath) for potential, bath in zip(potentials, baths, strict=True)]
    return table(rows, ["Na", "K"], se_mV)


def test_one_cell_without_offsets_is_a_chi_square() -> None:
    data = one_cell([2.0, -20.0, -45.0, -66.0], 0.8)
    found = fit(data, "Na", 0.0)
    white = (data.potential_mV - found.predicted_mV) / 0.8
    told = outcomes(data, scale=0.0)["lack_of_fit", ""]
    assert told.df1 == 3
    assert math.isinf(told.df2)
    assert told.statistic * 3 == pytest.approx(float(white @ white), rel=1e-6)
    assert told.p == pytest.approx(stats.chi2.sf(float(white @ white), 3), rel=1e-6)


def strongly_batched(seed: int) -> Observations:
    """Nine cells in three batches, between which every ln P differs by .4."""
    rng = np.random.default_rng(seed)
    of_batch = [Simulation().varied(TRUTH, 0.4, rng) for _ in range(3)]
    of_cell = [Simulation().varied(of_batch[cell % 3], 0.1, rng) for cell in range(9)]
    rows = [
        (f"c{cell}", goldman_mV(own, PIPETTE, bath) + 0.3 * rng.standard_normal(), bath)
        for cell, own in enumerate(of_cell)
        for bath in BATHS
    ]
    data = table(rows, list(TRUTH))
    return replace(data, batches=tuple(f"day {int(cell[1:]) % 3}" for cell in data.cells))


def test_batches_that_differ_widely_are_no_failure_of_the_model() -> None:
    found = [outcome(strongly_batched(seed), ("lack_of_fit", "")).p for seed in range(12)]
    assert min(found) > 0.001
    assert max(found) > 0.5


def test_a_straight_line_through_residuals_is_that_of_least_squares() -> None:
    # Known errors, no offset: the model beside a slope is weighted regression on both.
    data = one_cell([2.0, -20.0, -45.0, -66.0], 0.8)
    found, time = fit(data, "Na", 0.0), np.array([0.0, 1.0, 2.0, 4.0])
    design = np.column_stack([data.gradient(found.ln_p)[:, 1], time]) / 0.8
    covariance = np.linalg.inv(design.T @ design)
    residual = (data.potential_mV - found.predicted_mV) / 0.8
    told = f_test(found, time[:, None])
    assert told.size == pytest.approx(float((covariance @ design.T @ residual)[1]))
    assert told.se == pytest.approx(math.sqrt(covariance[1, 1]))
    assert told.p == pytest.approx(2 * stats.norm.sf(abs(told.size / told.se)))


def test_a_drift_with_the_charge_is_found() -> None:
    data = USUAL.draw(1)
    about = circumstances(data)
    moved = replace(about.drifts, drift_mV=about.drifts.drift_mV + 1.5 * about.drifts.charge_nC)
    told = outcomes(data, replace(about, drifts=moved))["accumulation", ""]
    assert told.p < 0.001
    assert told.size == pytest.approx(1.5, abs=0.4)
    assert "in the direction of ion accumulation and depletion" in told.sentence
    few = np.isin(data.cells, data.cell_names[:2])
    less = replace(moved, charge_nC=np.where(few, moved.charge_nC, math.nan))
    told = outcomes(data, replace(about, drifts=less))["accumulation", ""]
    assert told.sentence == "Recordings with repeats are those of fewer than three cells (or batches)."
    same = replace(moved, charge_nC=np.full(data.size, 0.3))
    told = outcomes(data, replace(about, drifts=same))["accumulation", ""]
    assert told.sentence.startswith("The recordings with repeats do not differ in the charge")


# Tests that the data do not allow


def test_every_test_has_its_row_and_a_reason_where_it_cannot_be_made() -> None:
    data = Simulation(cells=3, baths=BATHS[:3]).draw(1)
    blank = np.full(data.size, math.nan)
    ions = list(TRUTH)
    some = data.outside[:, :3]
    kept = replace(data, ions=tuple(ions[:3]), valence=np.array([VALENCE[i] for i in ions[:3]]))
    kept = replace(kept, inside=data.inside[:, :3], outside=some)
    told = outcomes(kept, Covariates(some, blank, blank))
    assert [test for test, _ in told] == [
        *("lack_of_fit", "scatter"),
        *("activity",) * 3,
        *("permeability_trend",) * 3,
        *("potential", "time", "conductance", "mole_fraction", "accumulation"),
        *("shift_method",) * 2,
    ]
    assert told["time", ""].sentence == "No cell has measurements at two known times (column time_s)."
    assert told["conductance", ""].sentence == "No two slope conductances are known."
    assert told["activity", "K"].sentence == "The baths with K do not differ in its activity."
    assert all(math.isnan(told[key].p) for key in (("time", ""), ("conductance", ""), ("activity", "K")))


def test_as_many_ratios_as_baths_leave_nothing_to_test() -> None:
    data = one_cell([2.0, -20.0, -45.0, -66.0], 0.8).subset([0])
    told = outcomes(data, scale=0.0)
    assert told["lack_of_fit", ""].sentence.startswith("The ratios can fit the mean of every bath")
    assert math.isnan(told["scatter", ""].p)


def test_the_shift_method_is_not_held_against_itself() -> None:
    told = outcomes(USUAL.draw(1), scale=math.inf)
    assert told["shift_method", "K"].sentence.startswith("The model has a free offset in each cell")


def test_the_order_of_the_measurements_changes_nothing() -> None:
    data = USUAL.draw(3)
    about = circumstances(data)
    order = np.random.default_rng(1).permutation(data.size)
    series = tuple(replace(each, fraction=each.fraction[order]) for each in about.mixtures)
    drifts = Drifts(*(values[order] for values in vars(about.drifts).values()))
    turned = Covariates(about.activity_mM[order], about.time_s[order], about.slope_nS[order], series, drifts)
    one, two = outcomes(data, about), outcomes(data.subset(order.tolist()), turned)
    for key, each in one.items():
        assert two[key].p == pytest.approx(each.p, rel=1e-4, nan_ok=True), key
        assert two[key].size == pytest.approx(each.size, rel=1e-4, nan_ok=True), key


def test_what_is_not_known_counts_for_nothing() -> None:
    data = USUAL.draw(3)
    about = circumstances(data)
    some = np.arange(data.size) % 3 == 0
    holes = replace(about, time_s=np.where(some, math.nan, about.time_s))
    assert math.isfinite(outcomes(data, holes)["time", ""].p)
    assert about.time_s[0] == circumstances(data).time_s[0]  # what was handed in is as it was


# One bath is off by 40 mV, and the errors are hundredths: the deviations predicted for the cells ran off to infinity.
NO_RATIOS_FIT = {
    "control": (6.0854, 5.731, 5.3988, 6.3989, 6.2258, 5.8527),
    "potassium": (9.5416, 9.3576, 9.3592, 9.4597, 9.3258, 9.2051),
    "caesium": (-0.6476, 0.3814, -0.0408, 0.2348, 0.4872, 0.0802),
    "half": (32.6555, 32.3541, 32.1155, 32.979, 32.7315, 32.4466),
    "low": (-22.8576, -23.1769, -23.2341, -22.587, -22.9307, -23.0725),
}
RECIPES = """solution,NaCl,KCl,CsCl,K-gluconate,CaCl2
control,145,5,0,0,2
potassium,0,150,0,0,2
caesium,0,5,145,0,2
half,75,2.5,0,0,2
low,30,5,0,0,2
pipette,10,30,0,110,0
bridge,0,3000,0,0,0
"""


def test_potentials_that_no_ratios_fit_are_tested_to_the_end(tmp_path: Path) -> None:
    rows = [f"c{i},{bath},pipette,{mV},0.02" for bath, values in NO_RATIOS_FIT.items() for i, mV in enumerate(values)]
    reference = {"type": "salt-bridge", "solution": "bridge"}
    config = {
        "junction": {"method": "henderson", "zeroed_in": "control", "reference": reference},
        "activity": {"model": "davies"},
        "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cs", "Cl"]},
    }
    tests = analyse(tmp_path, RECIPES, rows, config)["tests"]
    lack_of_fit = tests[tests["test"] == ValidityTest.LACK_OF_FIT]
    assert lack_of_fit["p"].max() < 1e-9


@pytest.mark.parametrize(
    ("p", "alpha", "written"),
    [
        *((0.3, 0.05, "= 0.30"), (0.02, 0.05, "= 0.020"), (1.0, 0.05, "= 1.0"), (0.0004, 0.05, "< 0.001")),
        *((0.0496, 0.05, "= 0.0496"), (0.0504, 1 - 0.95, "= 0.0504"), (0.049999, 1 - 0.95, "= 0.049999")),
        *((0.0101, 1 - 0.99, "= 0.0101"), (0.0004, 1 - 0.9999, "= 0.00040"), (0.00002, 1 - 0.9999, "< 0.0001")),
    ],
)
def test_a_written_p_lies_on_its_side_of_the_level(p: float, alpha: float, written: str) -> None:
    assert written_p(p, alpha) == written
    said = validity_sentence(ValidityTest.POTENTIAL, p, alpha, effect="1 mV")
    assert f"(p {written})" in said
    assert ("not significant" in said) == (p >= alpha)


def test_a_change_without_bounds_is_written_by_its_order() -> None:
    assert shift_consequence("K", 800.0) == "the shift method changes P(K) more than 1000-fold"
    assert shift_consequence("K", -800.0) == "the shift method changes P(K) more than 1000-fold"
