"""Verdicts on ratios: an estimate, a bound on one side, or not identifiable, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from nernstfit.permeability.inference.profile_likelihood import Profile
from nernstfit.permeability.inference.ratios import Ratio, ratios
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.membrane import ghk

RT_F = 8.31446261815324 * 295.15 / 96485.3321233100184 * 1e3  # mV at 22 C
PIPETTE = {"K": 140.0, "Na": 10.0, "Cl": 150.0}
BATHS = (
    {"Na": 150.0, "Cl": 150.0},
    {"K": 150.0, "Cl": 150.0},
    {"Cs": 150.0, "Cl": 150.0},
    {"NMDG": 150.0, "Cl": 150.0},
    {"Na": 50.0, "Cl": 50.0},
)
TRUTH = {"Na": 1.0, "K": 1.2, "Cs": 0.9, "NMDG": 0.1, "Cl": 0.2}


def potential_mV(p: Mapping[str, float], inside: Mapping[str, float], outside: Mapping[str, float]) -> float:
    """Goldman's closed form for monovalent ions; Cl is the anion."""
    up = sum(p[i] * (inside if i == "Cl" else outside).get(i, 0.0) for i in p)
    down = sum(p[i] * (outside if i == "Cl" else inside).get(i, 0.0) for i in p)
    return RT_F * math.log(up / down)


def simulated(
    truth: Mapping[str, float],
    seed: int = 0,
    cells: int = 6,
    baths: Sequence[Mapping[str, float]] = BATHS,
    ions: Sequence[str] = (),
    spread: float = 0.1,
    offset_mV: float = 0.5,
    se_mV: float = 0.3,
    lacking: Sequence[tuple[int, int]] = (),
) -> Observations:
    rng, names, potentials, outsides = np.random.default_rng(seed), [], [], []
    for cell in range(cells):
        own = {ion: p * math.exp(spread * rng.standard_normal()) for ion, p in truth.items()}
        offset = offset_mV * rng.standard_normal()
        for b, bath in enumerate(baths):
            potential = potential_mV(own, PIPETTE, bath) + offset + se_mV * rng.standard_normal()
            if (cell, b) not in lacking:
                names.append(f"c{cell}")
                potentials.append(potential)
                outsides.append(bath)
    permeant = tuple(ions) or tuple(truth)
    return Observations(
        cells=tuple(names),
        potential_mV=np.array(potentials),
        se_mV=np.full(len(names), se_mV),
        temperature_C=np.full(len(names), 22.0),
        ions=permeant,
        valence=np.array([-1 if ion == "Cl" else 1 for ion in permeant]),
        inside=np.array([[PIPETTE.get(ion, 0.0) for ion in permeant]] * len(names)),
        outside=np.array([[bath.get(ion, 0.0) for ion in permeant] for bath in outsides]),
        n_averaged=np.ones(len(names), int),
    )


def judged(
    data: Observations,
    reference: str = "Na",
    shared_mV: np.ndarray | None = None,
    confidence: float = 0.95,
    offset_mV: float = 0.5,
) -> dict[str, Ratio]:
    none = np.zeros((data.size, 0))
    found = ratios(fit(data, reference, offset_mV), none if shared_mV is None else shared_mV, confidence)
    assert [ratio.ion for ratio in found] == [ion for ion in data.ions if ion != reference]
    return {ratio.ion: ratio for ratio in found}


def numbers(ratio: Ratio) -> list[float]:
    return [ratio.ln_ratio, ratio.low, ratio.high, ratio.low_cells, ratio.high_cells]


# An estimate


def test_an_ordinary_experiment_gives_estimates() -> None:
    for ratio in judged(simulated(TRUTH)).values():
        assert (ratio.verdict, ratio.reason, ratio.n_cells) == ("estimate", "", 6)
        assert np.isfinite(numbers(ratio)).all()
        assert ratio.low <= ratio.low_cells < math.exp(ratio.ln_ratio) < ratio.high_cells <= ratio.high
        assert 3 < ratio.df < 60


def test_without_shared_errors_both_intervals_are_the_same() -> None:
    for ratio in judged(simulated(TRUTH)).values():
        assert ratio.se_ln_shared == 0
        assert (ratio.low, ratio.high) == pytest.approx((ratio.low_cells, ratio.high_cells), rel=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.68, 0.9, 0.99])
def test_the_interval_is_students_at_the_confidence_asked_for(confidence: float) -> None:
    for ratio in judged(simulated(TRUTH), confidence=confidence).values():
        half = stats.t.ppf(0.5 + confidence / 2, ratio.df) * ratio.se_ln_cells
        assert math.log(ratio.high_cells) - ratio.ln_ratio == pytest.approx(half, rel=1e-9)
        assert ratio.ln_ratio - math.log(ratio.low_cells) == pytest.approx(half, rel=1e-9)


def test_an_error_shared_by_all_does_not_shrink_with_the_number_of_cells() -> None:
    # One source lifts every potential of the bath with Cs by 2 mV: ln(P_Cs/P_Na) moves by 2 mV F/RT.
    for cells in (4, 40):
        data = simulated(TRUTH, cells=cells)
        source = np.where(data.outside[:, data.ions.index("Cs")] > 0, 2.0, 0.0)[:, None]
        ratio = judged(data, shared_mV=source)["Cs"]
        assert ratio.se_ln_shared == pytest.approx(2.0 / RT_F, rel=0.3)
        assert ratio.low < ratio.low_cells
        assert ratio.high > ratio.high_cells


def test_two_shared_errors_add_in_squares_and_one_with_itself_as_such() -> None:
    data = simulated(TRUTH)
    one = np.where(data.outside[:, data.ions.index("Cs")] > 0, 2.0, 0.0)[:, None]
    se = [judged(data, shared_mV=np.hstack(columns))["Cs"].se_ln_shared for columns in ([one], [one, one], [2 * one])]
    assert se[1] == pytest.approx(math.sqrt(2) * se[0])
    assert se[2] == pytest.approx(2 * se[0])


def test_a_mean_counts_the_most_cells_that_it_averages() -> None:
    data = simulated(TRUTH, lacking=[(0, 2), (1, 2), (4, 2), (3, 3)])
    mean = replace(data, n_averaged=np.array([7 if name == "c5" else 1 for name in data.cells]))
    mean.n_averaged[list(data.cells).index("c5")] = 3
    counts, single = ({ion: r.n_cells for ion, r in judged(d).items()} for d in (mean, data))
    assert counts == {ion: n + 6 for ion, n in single.items()}


def test_one_mean_says_that_it_knows_the_standard_errors_alone() -> None:
    data = simulated(TRUTH, cells=1)
    for ratio in judged(replace(data, n_averaged=np.full(data.size, 5))).values():
        assert (ratio.verdict, ratio.n_cells) == ("estimate", 5)
        assert ratio.reason.startswith("one mean of cells")


def test_the_standard_error_of_a_mean_has_a_degree_of_freedom_less_than_cells() -> None:
    """One bath with one ion on each side: ln ratio is the potential over RT/F, and so is its error."""
    single = simulated({"K": 1.0, "Na": 0.3}, cells=1, baths=[{"Na": 150.0}], offset_mV=0.0, se_mV=1.5)
    single = replace(single, inside=np.array([[140.0, 0.0]]))
    for data, df in ((single, math.inf), (replace(single, n_averaged=np.array([4])), 3)):
        ratio = judged(data, "K", offset_mV=0.0)["Na"]
        half = stats.t.ppf(0.975, df) * 1.5 / RT_F
        assert ratio.ln_ratio - math.log(ratio.low) == pytest.approx(half, rel=1e-6)
        assert ratio.df == pytest.approx(df if math.isfinite(df) else math.nan, nan_ok=True)


def test_one_cell_says_that_it_knows_no_spread_between_cells() -> None:
    for ratio in judged(simulated(TRUTH, cells=1)).values():
        assert (ratio.verdict, ratio.n_cells) == ("estimate", 1)
        assert "one cell" in ratio.reason
        assert math.isnan(ratio.df)
        half = stats.norm.ppf(0.975) * ratio.se_ln_cells
        assert math.log(ratio.high) - ratio.ln_ratio == pytest.approx(half, rel=1e-9)
        assert math.isnan(ratio.low_cells)
        assert math.isnan(ratio.high_cells)
        assert ratio.scope == "cell"


def test_cells_are_counted_that_tell_of_the_ion() -> None:
    found = judged(simulated(TRUTH, lacking=[(0, 2), (1, 2), (4, 2), (3, 3)]))
    assert {ion: ratio.n_cells for ion, ratio in found.items()} == {"K": 6, "Cs": 3, "NMDG": 5, "Cl": 6}


# Not identifiable


def test_an_ion_in_no_solution_is_not_identifiable_and_said_so() -> None:
    data = simulated(TRUTH, ions=[*TRUTH, "Li"])
    found = judged(data)
    assert found["Li"].verdict == "not_identifiable"
    assert "Li is in no solution" in found["Li"].reason
    assert np.isnan(numbers(found["Li"])).all()
    without = judged(simulated(TRUTH))
    for ion, ratio in without.items():
        assert numbers(found[ion]) == pytest.approx(numbers(ratio), rel=1e-3)


def test_a_reference_in_no_solution_leaves_nothing_to_say() -> None:
    for ratio in judged(simulated(TRUTH, ions=[*TRUTH, "Li"]), "Li").values():
        assert ratio.verdict == "not_identifiable"
        assert "Li" in ratio.reason


@pytest.mark.parametrize("cells", [1, 6])
def test_one_bath_does_not_tell_two_unknowns_apart(cells: int) -> None:
    truth = {"K": 1.0, "Na": 0.5, "Cs": 0.3}
    found = judged(simulated(truth, cells=cells, baths=[{"Na": 75.0, "Cs": 75.0}]), "K")
    for ion, other in (("Na", "Cs"), ("Cs", "Na")):
        assert found[ion].verdict == "not_identifiable"
        assert ion in found[ion].reason
        assert other in found[ion].reason
        assert np.isnan(numbers(found[ion])).all()


def test_two_ions_that_always_change_together_are_not_told_apart_but_a_third_is() -> None:
    truth = {"K": 1.0, "Na": 0.5, "Cs": 0.3, "NMDG": 0.2}
    baths = [{"Na": 75.0, "Cs": 75.0}, {"NMDG": 150.0}, {"Na": 30.0, "Cs": 30.0, "K": 90.0}]
    found = judged(simulated(truth, baths=baths), "K")
    # Na is in the pipette and Cs is not, but 10 mM beside 140 of K hardly tell.
    assert found["NMDG"].verdict == "estimate"
    assert found["NMDG"].low < 0.2 < found["NMDG"].high
    assert all(found[ion].verdict != "estimate" or found[ion].high > 2 * found[ion].low for ion in ("Na", "Cs"))


def test_fewer_data_than_unknowns_say_nothing() -> None:
    truth = {"K": 1.0, "Na": 0.5, "Cs": 0.3, "NMDG": 0.2}
    found = judged(simulated(truth, cells=1, baths=[{"Na": 50.0, "Cs": 50.0, "NMDG": 50.0}]), "K")
    assert {ratio.verdict for ratio in found.values()} == {"not_identifiable"}


# Bounds


def test_an_ion_that_does_not_pass_has_an_upper_bound_that_says_so() -> None:
    """One in forty looks as if it passed: the cost of taking it away is judged at 95 %, two-sided."""
    found = [judged(simulated({**TRUTH, "NMDG": 0.0}, seed))["NMDG"] for seed in range(20)]
    bounds = [ratio for ratio in found if ratio.verdict == "upper_bound"]
    assert len(bounds) >= 20 - stats.binom.ppf(0.999, 20, 0.025)
    for ratio in bounds:
        assert ratio.reason
        assert 0 < ratio.high < 0.05
        assert 0 < ratio.high_cells <= ratio.high * 1.001
        assert np.isnan([ratio.ln_ratio, ratio.low, ratio.low_cells]).all()


def test_what_is_said_of_an_ion_that_hardly_passes_holds() -> None:
    """One-sided bounds at 95 %, or two-sided intervals: of 40 experiments, wrong in a few."""
    truth, wrong, verdicts = 0.004, 0, set()
    for seed in range(40):
        ratio = judged(simulated({**TRUTH, "NMDG": truth}, 500 + seed))["NMDG"]
        verdicts.add(ratio.verdict)
        wrong += not (ratio.verdict == "upper_bound" or ratio.low <= truth) or not truth <= ratio.high
    assert "upper_bound" in verdicts
    assert wrong <= stats.binom.ppf(0.9995, 40, 0.05)


@pytest.mark.parametrize("seed", range(4))
def test_a_reference_that_does_not_pass_leaves_lower_bounds(seed: int) -> None:
    found = judged(simulated({**TRUTH, "NMDG": 0.0}, seed), "NMDG")
    for ion in ("Na", "K", "Cs"):
        ratio = found[ion]
        assert ratio.verdict == "lower_bound", (ion, ratio)
        assert ratio.reason
        assert ratio.low > 10
        assert np.isnan([ratio.ln_ratio, ratio.high, ratio.high_cells]).all()


def few_cells(seed: int) -> Observations:
    """Two to four cells in one bath each, far apart for their noise."""
    rng = np.random.default_rng(seed)
    cells = int(rng.integers(2, 5))
    bath, inside = {"K": 30.0, "Na": 110.0}, {"K": 130.0, "Na": 10.0}
    return Observations(
        cells=tuple(f"c{i}" for i in range(cells)),
        potential_mV=rng.uniform(-40, 5, cells),
        se_mV=rng.uniform(0.2, 5.0, cells),
        temperature_C=np.full(cells, 25.0),
        ions=("K", "Na"),
        valence=np.array([1, 1]),
        inside=np.array([list(inside.values())] * cells),
        outside=np.array([list(bath.values())] * cells),
        n_averaged=np.ones(cells, int),
    )


@pytest.mark.parametrize("seed", range(40))
def test_no_estimate_has_an_interval_that_is_open_on_a_side(seed: int) -> None:
    data = few_cells(seed)
    (found,) = ratios(fit(data, "K", 1.0), np.full((data.size, 1), 0.5), 0.95)
    if found.verdict == "estimate":
        assert 0 < found.low < math.exp(found.ln_ratio) < found.high < math.inf
    elif found.verdict not in ("not_identifiable", "model_rejected"):
        assert math.isnan(found.low) != math.isnan(found.high)
        assert math.isnan(found.ln_ratio)
        assert found.reason


def test_so_few_cells_that_the_interval_reaches_no_permeability_give_a_bound() -> None:
    (found,) = ratios(fit(few_cells(27), "K", 1.0), np.full((2, 1), 0.5), 0.95)
    assert found.verdict == "upper_bound"
    assert math.isnan(found.low)
    assert math.isfinite(found.high)
    assert "more cells" in found.reason


def test_a_bound_is_the_other_sides_turned_over() -> None:
    data = simulated({**TRUTH, "NMDG": 0.0}, 3)
    upper, lower = judged(data, "Na")["NMDG"], judged(data, "NMDG")["Na"]
    assert (upper.verdict, lower.verdict) == ("upper_bound", "lower_bound")
    assert lower.low_cells == pytest.approx(1 / upper.high_cells, rel=0.02)


def test_a_bound_is_where_the_profile_has_risen_by_half_z_squared() -> None:
    """Bi-ionic with a leak of one known ion: -2 ln L is a parabola in the potential."""
    # K inside and outside; Na outside only, its ratio r: E = RT/F ln((15 + 150 r) / 140), measured at r = 0.
    data = simulated({"K": 1.0, "Na": 0.0}, cells=1, baths=[{"K": 15.0, "Na": 150.0}], offset_mV=0.0, se_mV=2.0)
    data = Observations(
        data.cells,
        np.array([RT_F * math.log(15 / 140)]),
        data.se_mV,
        data.temperature_C,
        data.ions,
        data.valence,
        np.array([[140.0, 0.0]]),
        data.outside,
        data.n_averaged,
    )
    ratio = judged(data, "K", offset_mV=0.0)["Na"]
    at_limit = RT_F * math.log(15 / 140) + stats.norm.ppf(0.95) * 2.0
    by_hand = (140 * math.exp(at_limit / RT_F) - 15) / 150
    assert ratio.verdict == "upper_bound"
    assert ratio.high == pytest.approx(by_hand, rel=1e-3)


def test_shared_errors_loosen_a_bound() -> None:
    data = simulated({**TRUTH, "NMDG": 0.0}, 2)
    source = np.where(data.outside[:, data.ions.index("NMDG")] > 0, 5.0, 0.0)[:, None]
    ratio = judged(data, shared_mV=source)["NMDG"]
    assert ratio.verdict == "upper_bound"
    assert ratio.high > 1.2 * ratio.high_cells


# Observations that hold little


def poor(seed: int) -> Observations:
    """Three cells; NMDG passes but is not said to: its bath holds no permeant cation."""
    data = simulated(TRUTH, seed, cells=3, se_mV=0.015)
    return replace(
        data,
        ions=tuple(ion for ion in data.ions if ion != "NMDG"),
        **{
            name: np.delete(getattr(data, name), data.ions.index("NMDG"), -1)
            for name in ("valence", "inside", "outside")
        },
    )


@pytest.mark.parametrize("seed", range(6))
def test_shared_errors_never_tighten_anything(seed: int) -> None:
    data = poor(seed)
    sources = np.random.default_rng(seed).normal(0, 1.0, (data.size, 3))
    for ratio in judged(data, shared_mV=sources, offset_mV=1.0).values():
        if ratio.verdict in ("estimate", "upper_bound"):
            assert ratio.high >= ratio.high_cells
        if ratio.verdict in ("estimate", "lower_bound"):
            assert ratio.low <= ratio.low_cells


@pytest.mark.parametrize("seed", range(4))
def test_no_refit_goes_below_the_profile_within_its_limit(seed: int) -> None:
    """Refits from anywhere, beyond a limit of the profile, cost what it says or more."""
    data, none = poor(seed), np.zeros((15, 0))
    result, rng = fit(data, "Na", 1.0), np.random.default_rng(seed)
    for ion in ("K", "Cs"):
        profile = Profile(result, data.ions.index(ion), none)
        limit, anywhere = profile.limit(1.35, 1), rng.normal(0, 4, (20, len(data.ions)))
        if math.isfinite(limit):
            inside, outside = profile.at(limit - 1e-3), profile.at(limit + 1e-3)
            assert inside < outside
            for start in anywhere:
                start[0] = 0.0
            level = profile._found[limit + 1e-3][0]
            assert profile._refit_from(limit + 1e-3, list(anywhere)) > level - 0.05


def test_a_profile_is_not_dear_where_the_data_hold_little(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    potentials = ghk.reversal_mV
    monkeypatch.setattr(ghk, "reversal_mV", lambda *given: calls.append(1) or potentials(*given))
    data = simulated({**TRUTH, "NMDG": 0.0}, cells=3, se_mV=0.015)
    assert judged(data, offset_mV=1.0)["NMDG"].verdict == "upper_bound"
    assert len(calls) < 15_000


def test_a_model_that_explains_nothing_says_so() -> None:
    tens_of_mV = 30 * np.eye(15)
    with_errors = judged(poor(0), shared_mV=tens_of_mV, offset_mV=1.0)
    assert not any(ratio.verdict == "model_rejected" for ratio in with_errors.values())
    for ratio in judged(poor(0), offset_mV=1.0).values():
        assert ratio.verdict == "model_rejected"
        assert "no interval is valid" in ratio.reason
        assert np.isnan([ratio.low, ratio.high, ratio.low_cells, ratio.high_cells, ratio.se_ln_cells]).all()
    assert not any(ratio.verdict == "model_rejected" for ratio in judged(simulated(TRUTH)).values())
