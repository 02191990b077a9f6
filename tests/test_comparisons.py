"""Groups compared: coverage and size over simulated experiments, shared errors that cancel, Holm, words for bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_model import TRUTH, Simulation, shared

from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.inference.comparisons import Comparison, compare, holm
from nernstfit.permeability.inference.ratios import FitResult, Ratio, ratios
from nernstfit.permeability.inference.sentences import bounds_reason
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations

# Counts of p < 0.05, and the sum of the chi-square scores of p: the sum over 80 draws finds a size of 10, 15 or 20 % in
# place of 5 with a probability of 20, 80 or 99 %; where p is uniform, it is outside its limits once in 1,000 tests.
DRAWS = 80
LEAST, MOST = stats.binom.ppf((0.0005, 0.9995), DRAWS, 0.95)
LEAST_SCORE, MOST_SCORE = stats.chi2.ppf((0.0005, 0.9995), DRAWS)
MUTANT = TRUTH | {"K": 1.12 * math.exp(0.5), "NMDG": 0.08 * math.exp(-0.7)}
WILD, OTHER = Simulation(cells=8), Simulation(cells=5)


def judged(data: Observations, systematic_mV: np.ndarray | None = None, level: float = 0.95) -> FitResult:
    found = fit(data, "Na", 1.0)
    errors = shared(data) if systematic_mV is None else systematic_mV
    return FitResult(found, ratios(found, errors, level), errors, ("temperature",) * errors.shape[1])


def compared(groups: Mapping[str, FitResult], confidence: float = 0.95) -> dict[str, Comparison]:
    return {each.ion: each for each in compare(groups, confidence)}


def p_of(found: Comparison, truth: float) -> float:
    """Two-sided p of a true difference, by the half of the interval on its side."""
    half = found.high - found.ln_difference if truth > found.ln_difference else found.ln_difference - found.low
    return float(2 * stats.t.sf(abs(truth - found.ln_difference) / half * stats.t.ppf(0.975, found.df), found.df))


def score(p: Sequence[float]) -> float:
    return float(stats.chi2.isf(p, 1).sum())


# Over many experiments


@pytest.fixture(scope="module")
def drawn() -> Sequence[dict[str, Comparison]]:
    """Wild type in 8 cells and a mutant in 5."""
    return [
        compared({"mutant": judged(OTHER.draw(9000 + seed, MUTANT)), "wild": judged(WILD.draw(seed))})
        for seed in range(DRAWS)
    ]


@pytest.mark.parametrize("ion", ["K", "Cs", "Li", "NMDG", "Cl"])
def test_the_interval_holds_the_difference(drawn: Sequence[dict[str, Comparison]], ion: str) -> None:
    truth = math.log(MUTANT[ion] / TRUTH[ion])
    held = sum(found[ion].low <= truth <= found[ion].high for found in drawn)
    assert LEAST <= held <= MOST
    assert LEAST_SCORE <= score([p_of(found[ion], truth) for found in drawn]) <= MOST_SCORE
    mean = np.mean([found[ion].ln_difference for found in drawn])
    se = np.mean([found[ion].se_ln_cells for found in drawn]) / math.sqrt(DRAWS)
    assert abs(mean - truth) < 4 * se


@pytest.mark.parametrize("ion", ["Cs", "Li", "Cl"])
def test_p_is_uniform_where_there_is_no_difference(drawn: Sequence[dict[str, Comparison]], ion: str) -> None:
    p = [found[ion].p for found in drawn]
    assert DRAWS - MOST <= sum(value < 0.05 for value in p) <= DRAWS - LEAST
    assert LEAST_SCORE <= score(p) <= MOST_SCORE
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_a_difference_is_found(drawn: Sequence[dict[str, Comparison]]) -> None:
    assert np.mean([found["K"].p_holm < 0.05 for found in drawn]) > 0.9


# One experiment


def test_p_is_what_is_left_of_the_interval_at_zero() -> None:
    one, two = WILD.draw(1), OTHER.draw(2, MUTANT)
    for ion, found in compared({"a": judged(one), "b": judged(two)}).items():
        level = 1 - found.p
        at_p = compared({"a": judged(one, level=level), "b": judged(two, level=level)}, level)[ion]
        # An interval from a profile has no error of its own: it is read off at the level asked for.
        symmetric = at_p.high + at_p.low == pytest.approx(2 * at_p.ln_difference, abs=1e-6)
        if symmetric and found.high + found.low == pytest.approx(2 * found.ln_difference, abs=1e-6):
            assert min(abs(at_p.low), abs(at_p.high)) == pytest.approx(0.0, abs=1e-6), ion


def test_errors_and_degrees_of_freedom_are_welchs() -> None:
    groups = {"a": judged(WILD.draw(1)), "b": judged(OTHER.draw(2))}
    found = compared(groups)
    for one, two in zip(groups["a"].ratios, groups["b"].ratios, strict=True):
        a, b = one.se_ln_cells**2, two.se_ln_cells**2
        assert found[one.ion].se_ln_cells == pytest.approx(math.sqrt(a + b))
        assert found[one.ion].df == pytest.approx((a + b) ** 2 / (a**2 / one.df + b**2 / two.df))
        assert found[one.ion].ln_difference == pytest.approx(one.ln_ratio - two.ln_ratio)
        assert min(one.df, two.df) <= found[one.ion].df <= one.df + two.df


def test_the_other_way_round_the_sign_turns() -> None:
    one, two = judged(WILD.draw(3)), judged(OTHER.draw(4, MUTANT))
    there, back = compared({"a": one, "b": two}), compared({"b": one, "a": two})
    for ion, found in there.items():
        turned = back[ion]
        assert (turned.ln_difference, turned.low, turned.high) == pytest.approx(
            (-found.ln_difference, -found.high, -found.low)
        )
        assert turned.p == pytest.approx(found.p)


def test_every_pair_by_name_whatever_the_order() -> None:
    groups = {name: judged(OTHER.draw(seed)) for seed, name in enumerate("cab")}
    found = compare(groups, 0.95)
    assert [(each.group, each.other_group) for each in found[::5]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert len(found) == 15
    assert compare(dict(reversed(groups.items())), 0.95) == found


def test_one_group_has_nothing_to_be_compared_with() -> None:
    assert compare({"": judged(OTHER.draw(1))}, 0.95) == ()


def test_a_single_cell_is_no_group() -> None:
    alone, many = judged(Simulation(cells=1).draw(1)), judged(OTHER.draw(2))
    assert [ratio.verdict for ratio in alone.ratios].count(RatioVerdict.ESTIMATE) > 0
    for groups in ({"a": alone, "b": many}, {"a": many, "": alone}):
        for ratio, found in zip(alone.ratios, compare(groups, 0.95), strict=True):
            assert math.isnan(found.p)
            assert math.isnan(found.ln_difference)
            if ratio.verdict == RatioVerdict.ESTIMATE:
                assert found.reason.startswith("one cell in ")
    mean = replace(alone.fit.data, n_averaged=np.full(alone.fit.data.size, 5))
    assert not math.isnan(compared({"a": judged(mean), "b": many})["K"].p)


def test_cells_of_one_name_in_both_groups_are_told() -> None:
    one, data = judged(OTHER.draw(1)), OTHER.draw(2)
    other = judged(replace(data, cells=tuple(f"mutant {cell}" for cell in data.cells)))
    assert "count as different cells" in compared({"a": one, "b": judged(data)})["K"].reason
    assert compared({"a": one, "b": other})["K"].reason == ""


# What both groups share


def test_errors_of_the_same_solutions_cancel() -> None:
    one, two = WILD.draw(5), OTHER.draw(6)
    rng = np.random.default_rng(0)
    per_bath = rng.normal(0, 0.5, (6, 4))  # mV, of four sources
    errors = [np.tile(per_bath, (cells, 1)) for cells in (8, 5)]
    together = compared({"a": judged(one, errors[0]), "b": judged(two, errors[1])})
    alone = compared({"a": judged(one), "b": judged(two)})
    for ion, found in together.items():
        apart = next(ratio.se_ln_shared for ratio in ratios(fit(one, "Na", 1.0), errors[0], 0.95) if ratio.ion == ion)
        assert apart > 0.02
        # The two gains differ by what the cells' own potentials make of them.
        assert found.se_ln_shared < 0.1 * apart
        assert found.ln_difference == alone[ion].ln_difference
        assert found.high - found.low >= alone[ion].high - alone[ion].low


def test_an_error_of_one_group_s_solutions_alone_does_not_cancel() -> None:
    one, two = WILD.draw(5), OTHER.draw(6)
    source = np.tile(np.array([0, 0.8, 0, 0, 0, 0.0])[:, None], (8, 1))
    found = compared({"a": judged(one, source), "b": judged(two, np.zeros((30, 1)))})
    gain = fit(one, "Na", 1.0).sensitivity[0] @ source[:, 0]
    assert found["K"].se_ln_shared == pytest.approx(abs(gain))
    assert gain == pytest.approx(0.8 / 25.43, rel=0.05)


def test_a_further_error_widens_the_interval_and_raises_p() -> None:
    one, two = WILD.draw(5), OTHER.draw(6, MUTANT)
    source = np.tile(np.array([0, 3.0, 0, 0, 0, 0.0])[:, None], (8, 1))
    found = compared({"a": judged(one, source), "b": judged(two, np.zeros((30, 1)))})["K"]
    alone = compared({"a": judged(one), "b": judged(two)})["K"]
    assert found.low < alone.low < alone.high < found.high
    assert found.p > alone.p


# Many comparisons


def by_definition(p: Sequence[float]) -> list[float]:
    """The least level at which Holm's steps reject each: one after the other, each against what is left."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, so_far = [0.0] * len(p), 0.0
    for step, i in enumerate(order):
        so_far = max(so_far, (len(p) - step) * p[i])
        adjusted[i] = min(1.0, so_far)
    return adjusted


@pytest.mark.parametrize("seed", range(10))
def test_holms_correction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, rng.integers(1, 12)) ** 2
    assert holm(p.tolist()) == pytest.approx(by_definition(p.tolist()))
    order = rng.permutation(len(p))
    assert holm(p[order].tolist()) == pytest.approx(np.array(holm(p.tolist()))[order])


def test_holms_correction_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7, 0.9]) == [1.0, 1.0]


def test_only_comparisons_with_a_number_count_as_many() -> None:
    groups = {"a": judged(WILD.draw(1)), "b": judged(OTHER.draw(2))}
    silent = replace(groups["b"], ratios=(groups["b"].ratios[0], *(bound(r.ion) for r in groups["b"].ratios[1:])))
    found = compared({"a": groups["a"], "b": silent})
    assert found["K"].p_holm == found["K"].p
    assert math.isnan(found["Cl"].p_holm)


# Without a number


def bound(
    ion: str, verdict: RatioVerdict = RatioVerdict.UPPER_BOUND, low: float = math.nan, high: float = math.nan
) -> Ratio:
    return Ratio(ion, verdict, "", low=low, high=high)


def said(one: Ratio, two: Ratio) -> Comparison:
    fitted = judged(OTHER.draw(1))
    groups = {"mutant": replace(fitted, ratios=(one,)), "wild": replace(fitted, ratios=(two,))}
    return compare(groups, 0.95)[0]


ESTIMATED = Ratio("K", RatioVerdict.ESTIMATE, "", ln_ratio=0.0, low=0.8, high=1.25)


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (
            bound("K", RatioVerdict.UPPER_BOUND, high=0.3),
            ESTIMATED,
            ["mutant has only an upper bound", "P(K) is lower in mutant (below 0.3) than in wild (above 0.8)"],
        ),
        (
            bound("K", RatioVerdict.UPPER_BOUND, high=0.9),
            ESTIMATED,
            ["mutant has only an upper bound", "which of the two is higher is not"],
        ),
        (
            bound("K", RatioVerdict.LOWER_BOUND, low=2.0),
            bound("K", RatioVerdict.UPPER_BOUND, high=0.3),
            ["wild has only an upper bound", "P(K) is lower in wild (below 0.3) than in mutant (above 2)"],
        ),
        (ESTIMATED, bound("K", RatioVerdict.NOT_IDENTIFIABLE), ["wild has no ratio", "is not known"]),
        (
            bound("K", RatioVerdict.UPPER_BOUND, high=0.3),
            bound("K", RatioVerdict.UPPER_BOUND, high=3.0),
            ["mutant has", "and wild has", "is not known"],
        ),
    ],
)
def test_where_one_has_no_estimate_there_are_words_and_no_number(one: Ratio, two: Ratio, words: list[str]) -> None:
    found = said(one, two)
    assert [word for word in words if word not in found.reason] == []
    assert all(math.isnan(value) for value in (found.ln_difference, found.low, found.high, found.p, found.p_holm))


def test_rows_without_a_group_are_spoken_of_as_several() -> None:
    verdicts = {"": RatioVerdict.NOT_IDENTIFIABLE, "wild": RatioVerdict.UPPER_BOUND}
    said = bounds_reason(verdicts, "")
    assert said.startswith("the rows without a group have no ratio and wild has only an upper bound;")
