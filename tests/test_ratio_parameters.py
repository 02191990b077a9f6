"""fit.parameters: ratios that the user holds, ties or bounds, and the report in lmfit's form."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pandas as pd
import pytest
from calibration import ratios as calibration
from experiments import analyse, of_model
from test_verdicts import RT_F, TRUTH, numbers, simulated

from nernstfit.contract import settings
from nernstfit.contract.errors import InputError
from nernstfit.contract.expressions import Expression, parameter_names
from nernstfit.contract.parameter_rules import parameter_faults
from nernstfit.permeability.inference.fit_report import fit_report, minimized
from nernstfit.permeability.inference.ratios import FitResult, Ratio, ratios
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.ratio_parameters import RatioParameters

Config = Callable[..., dict[str, Any]]
Keys = Mapping[str, Mapping[str, Any]]
BASIS = {"junction.method": "none"}
ERROR_MV = math.hypot(0.1, 0.5)  # noise and offset of one cell


def with_parameters(data: Observations, keys: Keys) -> Observations:
    return replace(data, parameters=RatioParameters.of(data.ions, keys))


def fitted(data: Observations, keys: Keys, reference: str = "Na") -> tuple[Fit, dict[str, Ratio]]:
    found = fit(with_parameters(data, keys), reference, 0.5)
    assert found.settled
    return found, {ratio.ion: ratio for ratio in ratios(found, np.zeros((data.size, 0)), 0.95)}


def one_cell(
    ions: tuple[str, ...], inside: tuple[float, ...], outside: list[tuple[float, ...]], mV: list[float]
) -> Any:
    """Return potentials of one cell in some baths, exact to 0.1 mV."""
    n = len(mV)
    return Observations(
        cells=("c",) * n,
        potential_mV=np.array(mV),
        se_mV=np.full(n, 0.1),
        temperature_C=np.full(n, 22.0),
        ions=ions,
        valence=np.ones(len(ions), int),
        inside=np.array([inside] * n),
        outside=np.array(outside),
        n_averaged=np.ones(n, int),
    )


# The fit


def test_a_held_ratio_gives_the_others_by_hand() -> None:
    # K inside, Cs and Rb outside: E = RT/F ln((P_Cs 100 + P_Rb 50) / (P_K 150)).
    data = one_cell(("K", "Rb", "Cs"), (150.0, 0.0, 0.0), [(0.0, 50.0, 100.0)], [-20.0])
    _, found = fitted(data, {"P_Rb": {"value": 0.4, "vary": False}}, "K")
    by_hand = (150 * math.exp(-20 / RT_F) - 0.4 * 50) / 100
    assert math.exp(found["Cs"].ln_ratio) == pytest.approx(by_hand, rel=1e-9)
    assert found["Cs"].verdict == "estimate"
    # d ln P_Cs / dE: the share of Cs in the current, over RT/F.
    assert found["Cs"].se_ln_cells == pytest.approx(
        ERROR_MV / RT_F * 150 * math.exp(-20 / RT_F) / (100 * by_hand), rel=1e-9
    )
    assert found["Rb"].verdict == "held"
    assert found["Rb"].ln_ratio == pytest.approx(math.log(0.4), abs=1e-15)
    assert found["Rb"].reason == "held at 0.4 by fit.parameters"
    assert np.isnan([found["Rb"].low, found["Rb"].high, found["Rb"].se_ln_cells]).all()


def test_a_held_ratio_stands_for_a_reference_that_is_in_no_solution() -> None:
    # Rb inside, Cs outside, nothing of K: P_Cs / P_K = P_Rb / P_K exp(E F/RT).
    data = one_cell(("K", "Rb", "Cs"), (0.0, 100.0, 0.0), [(0.0, 0.0, 100.0)], [-20.0])
    _, found = fitted(data, {"P_Rb": {"value": 0.8, "vary": False}}, "K")
    assert found["Cs"].verdict == "estimate"
    assert math.exp(found["Cs"].ln_ratio) == pytest.approx(0.8 * math.exp(-20 / RT_F), rel=1e-9)
    assert fitted(data, {}, "K")[1]["Cs"].verdict == "not_identifiable"


@pytest.mark.parametrize(
    ("expr", "rb_of_cs", "weight"),
    [("P_Cs * 0.9", lambda cs: 0.9 * cs, 0.9), ("(P_K + P_Cs) / 2", lambda cs: (1 + cs) / 2, 0.5)],
)
def test_a_tied_ratio_gives_the_others_by_hand(expr: str, rb_of_cs: Callable[[float], float], weight: float) -> None:
    data = one_cell(("K", "Rb", "Cs"), (150.0, 0.0, 0.0), [(0.0, 50.0, 100.0)], [-20.0])
    _, found = fitted(data, {"P_Rb": {"expr": expr}}, "K")
    total = 150 * math.exp(-20 / RT_F)
    cs = (total - 50 * rb_of_cs(0.0)) / (100 + 50 * weight)
    assert math.exp(found["Cs"].ln_ratio) == pytest.approx(cs, rel=1e-9)
    assert found["Cs"].se_ln_cells == pytest.approx(ERROR_MV / RT_F * total / (cs * (100 + 50 * weight)), rel=1e-9)
    assert (found["Rb"].verdict, found["Rb"].reason) == ("held", f"tied: {expr}")
    assert math.exp(found["Rb"].ln_ratio) == pytest.approx(rb_of_cs(cs), rel=1e-9)
    assert math.isnan(found["Rb"].low)


def test_an_ion_in_no_solution_is_found_through_one_that_is_tied_to_it() -> None:
    data = one_cell(("K", "Rb", "Cs"), (150.0, 0.0, 0.0), [(0.0, 0.0, 100.0)], [-20.0])
    _, found = fitted(data, {"P_Cs": {"expr": "P_Rb / 2"}}, "K")
    assert math.exp(found["Rb"].ln_ratio) == pytest.approx(3 * math.exp(-20 / RT_F), rel=1e-9)
    assert math.exp(found["Cs"].ln_ratio) == pytest.approx(1.5 * math.exp(-20 / RT_F), rel=1e-9)
    assert found["Rb"].n_cells == 1


def test_a_ratio_held_at_its_own_estimate_leaves_the_others() -> None:
    data = simulated(TRUTH)
    base, free = fitted(data, {})
    again, held = fitted(data, {"P_K": {"value": math.exp(free["K"].ln_ratio), "vary": False}})
    for ion in ("Cs", "NMDG", "Cl"):
        # REML counts one coefficient less, which moves the spreads, and with them the ratios, a little.
        assert held[ion].ln_ratio == pytest.approx(free[ion].ln_ratio, abs=0.1 * free[ion].se_ln_cells)
        assert held[ion].se_ln_cells < free[ion].se_ln_cells
    assert again.components.ln_p == pytest.approx(base.components.ln_p, rel=0.2)


def test_a_held_and_a_tied_ion_still_differ_between_cells() -> None:
    found, _ = fitted(
        simulated(TRUTH, spread=0.3, cells=12), {"P_K": {"value": 1.2, "vary": False}, "P_Cs": {"expr": "P_K * 0.75"}}
    )
    k, cs = (found.components.ln_p[found.data.ions.index(ion)] for ion in ("K", "Cs"))
    assert 0.15 < k < 0.5
    assert 0.15 < cs < 0.5


@pytest.mark.parametrize(("side", "bound"), [("max", 0.8), ("min", 1.2)])
def test_an_active_bound_holds_the_ratio_and_is_told(side: str, bound: float) -> None:
    data = simulated(TRUTH)
    _, bounded = fitted(data, {"P_Cs": {side: bound}})
    _, held = fitted(data, {"P_Cs": {"value": bound, "vary": False}})
    assert bounded["Cs"].verdict == "held"
    assert f"at its bound: {side} {bound:g} of fit.parameters" in bounded["Cs"].reason
    assert math.isnan(bounded["Cs"].low)
    for ion in ("K", "Cs", "NMDG", "Cl"):
        assert bounded[ion].ln_ratio == pytest.approx(held[ion].ln_ratio, abs=1e-7)
    for ion in ("K", "NMDG", "Cl"):
        assert bounded[ion].verdict == held[ion].verdict
        assert numbers(bounded[ion]) == pytest.approx(numbers(held[ion]), rel=1e-6, nan_ok=True)


def test_a_ratio_says_that_it_takes_one_at_its_bound_as_known() -> None:
    """Rb is seen in one cell: beside its error, what the bound of Cs decides is small."""
    truth = {"Na": 1.0, "K": 1.2, "Cs": 0.9, "Rb": 0.5}
    lacking = [(cell, 3) for cell in range(1, 6)]
    data = simulated(truth, baths=[{ion: 150.0} for ion in truth], ions=tuple(truth), lacking=lacking)
    _, free = fitted(data, {})
    for distance, told in ((0.15, ("K", "Rb")), (0.005, ("K",))):
        bound = math.exp(free["Cs"].ln_ratio - distance)
        _, bounded = fitted(data, {"P_Cs": {"max": bound}})
        own = {ion: bounded[ion] for ion in ("K", "Rb")}
        known = [
            ion for ion, ratio in own.items() if "the interval takes P(Cs), at its bound, as known" in ratio.reason
        ]
        assert {ratio.verdict for ratio in own.values()} == {"estimate"}
        assert tuple(known) == told
        moved = {ion: (free[ion].ln_ratio - ratio.ln_ratio) / ratio.se_ln_cells for ion, ratio in own.items()}
        assert all((moved[ion] > 0.4) == (distance > 0.1) for ion in moved)
        _, held = fitted(data, {"P_Cs": {"value": bound, "vary": False}})
        assert "as known" not in held["K"].reason


@pytest.mark.parametrize("keys", [{"min": 0.3, "max": 3.0}, {"max": 3.0, "value": 2.9}, {"min": 0.3}, {"value": 30.0}])
def test_an_inactive_bound_or_a_start_changes_nothing(keys: Mapping[str, float]) -> None:
    data = simulated(TRUTH)
    (_, free), (_, bounded) = fitted(data, {}), fitted(data, {"P_Cs": keys, "P_NMDG": {"max": 1.0}})
    for ion, ratio in free.items():
        assert (bounded[ion].verdict, bounded[ion].reason) == ("estimate", "")
        assert numbers(bounded[ion]) == pytest.approx(numbers(ratio), rel=1e-9)


@pytest.mark.parametrize("distance", [-0.1, -1e-4, 1e-4, 0.01])
def test_a_bound_close_to_the_estimate_is_active_only_below_it(distance: float) -> None:
    # With the ion held, REML has other variance components: the fit must not circle between both.
    data = simulated(TRUTH, seed=3, spread=0.2)
    base, _ = fitted(data, {})
    for ion in ("K", "NMDG", "Cl"):
        i = data.ions.index(ion)
        se = math.sqrt(base.covariance[base.free.index(i), base.free.index(i)])
        bound = math.exp(base.ln_p[i] + distance * se)
        bounded, _ = fitted(data, {f"P_{ion}": {"max": bound}})
        other = fitted(data, {f"P_{ion}": {"value": bound, "vary": False}})[0] if distance < 0 else base
        assert (bounded.data.parameters.at_bound(bounded.ln_p) == (i,)) is (distance < 0)
        assert bounded.ln_p == pytest.approx(other.ln_p, abs=1e-7)


def test_an_impermeant_ion_keeps_its_upper_bound_below_a_bound() -> None:
    data = simulated(TRUTH | {"NMDG": 0.0})
    (_, free), (_, bounded) = fitted(data, {}), fitted(data, {"P_NMDG": {"max": 0.5}})
    assert free["NMDG"].verdict == bounded["NMDG"].verdict == "upper_bound"
    assert bounded["NMDG"].high == pytest.approx(free["NMDG"].high, rel=1e-6)


def test_an_expression_that_is_not_positive_at_the_fit_is_told() -> None:
    found = ratios(
        fit(with_parameters(simulated(TRUTH), {"P_K": {"expr": "0.01 - P_Cs"}}), "Na", 0.5), np.zeros((30, 0)), 0.95
    )
    assert {ratio.verdict for ratio in found} == {"not_identifiable"}
    assert all("P_K in fit.parameters, 0.01 - P_Cs, is not positive at the fit" in ratio.reason for ratio in found)


def test_a_ratio_tied_to_one_without_an_estimate_has_none() -> None:
    _, found = fitted(simulated(TRUTH | {"NMDG": 0.0}), {"P_K": {"expr": "1.2 + P_NMDG"}})
    assert found["NMDG"].verdict == "upper_bound"
    assert found["K"].verdict == "not_identifiable"
    assert "there is no estimate of P_NMDG" in found["K"].reason


def test_a_tie_has_the_derivative_of_a_difference() -> None:
    data = with_parameters(
        simulated(TRUTH), {"P_K": {"expr": "P_Cs * 1.3 - P_NMDG"}, "P_Cl": {"expr": "P_K / (5 + P_Na)"}}
    )
    ln_p, free = np.array([0.0, 7.0, -0.1, -2.0, 7.0]), [2, 3]
    steps = 1e-6 * np.eye(5)[free]
    difference = (data.predict(ln_p + steps) - data.predict(ln_p - steps)).T / 2e-6
    assert data.columns(data.gradient(ln_p), ln_p, free) == pytest.approx(difference, rel=1e-6, abs=1e-7)
    assert data.parameters.completed(ln_p)[4] == pytest.approx(math.log((1.3 * math.exp(-0.1) - math.exp(-2)) / 6))


def test_cells_may_break_a_tie() -> None:
    data = with_parameters(simulated(TRUTH), {"P_K": {"expr": "P_Cs * 1.3"}})
    ln_p = data.parameters.completed(np.log([1.0, 1.0, 0.9, 0.1, 0.2]))
    only_k = np.array([0.0, 0.5, 0.0, 0.0, 0.0])
    untied = replace(data, parameters=RatioParameters())
    assert data.curvature_bias(ln_p, only_k) == pytest.approx(untied.curvature_bias(ln_p, only_k), rel=1e-12)
    assert np.abs(data.curvature_bias(ln_p, only_k)).max() > 0.1


# lmfit's report


@pytest.mark.parametrize(
    "keys", [{}, {"P_K": {"value": 1.1, "vary": False}}, {"P_K": {"expr": "P_Cs * 1.3"}}, {"P_Cs": {"max": 0.8}}]
)
def test_lmfit_finds_the_same_ratios_and_errors(keys: Keys) -> None:
    found, by_ion = fitted(simulated(TRUTH), keys)
    result = minimized(found)
    assert isinstance(result, lmfit.minimizer.MinimizerResult)
    assert result.ndata == 30
    assert result.chisqr == pytest.approx(found.chi_square, rel=1e-7)
    for ion, ratio in by_ion.items():
        parameter = result.params[f"P_{ion}"]
        assert parameter.value == pytest.approx(math.exp(ratio.ln_ratio), rel=1e-6)
        if ratio.verdict == "estimate":
            assert parameter.stderr == pytest.approx(parameter.value * ratio.se_ln_cells, rel=1e-5)
        assert parameter.expr == keys.get(f"P_{ion}", {}).get("expr")


# Expressions


@pytest.mark.parametrize("text", ["P_Rb * 0.9", "-(P_K - 2) / (P_Cs + 1e-2)", " 2*P_Rb", "+P_K"])
def test_an_expression_of_ratios_is_allowed(text: str) -> None:
    ratios_of = {"P_Rb": 0.7, "P_K": 1.3, "P_Cs": 0.2}
    expression = Expression(text)
    assert expression.fault() == ""
    assert set(expression.names) <= set(ratios_of)
    assert expression.value(ratios_of) == pytest.approx(eval(text.strip(), {}, ratios_of))


@pytest.mark.parametrize(
    "text",
    [
        "exp(P_Rb)",
        "P_Rb.real",
        "P_Rb ** 2",
        "P_Rb[0]",
        "P_Rb if P_K else 1",
        "P_Rb > 1",
        "P_Rb; P_K",
        "P_Rb := 1",
        "'P_Rb'",
        "True * P_Rb",
        "1j * P_Rb",
        "1e999 * P_Rb",
        "P_Rb %  2",
        "P_Rb // 2",
        "~P_Rb",
        "not P_Rb",
        "[P_Rb]",
        "lambda: 1",
        "P_Rb +",
        "\0",
        "1 +" * 100 + "P_Rb",
    ],
)
def test_anything_else_is_no_expression(text: str) -> None:
    assert Expression(text).fault()


def test_names_hold_letters_digits_and_underscores() -> None:
    assert parameter_names(["K", "N-methyl d", "N_methyl+d", "Ca"]) == ("P_K", "P_N_methyl_d", "P_N_methyl_d_2", "P_Ca")


# The configuration


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"P_Kk": {"value": 1}},
            "got 'P_Kk', expected P_<ion> of a permeant ion other than the reference (nearest: P_K)",
        ),
        ({"K": {"value": 1}}, "got 'K', expected P_<ion> of a permeant ion other than the reference (nearest: P_K)"),
        ({"P_Na": {"value": 1}}, "got 'P_Na' of the reference ion, whose permeability is 1"),
        ({"P_K": {"value": 0}}, "[P_K] [value]: got 0, expected"),
        ({"P_K": {"value": -2}}, "[P_K] [value]: got -2, expected"),
        ({"P_K": {"value": "x"}}, "[P_K] [value]: got 'x', expected a number"),
        ({"P_K": {"value": math.nan}}, "expected a finite number"),
        ({"P_K": {"vary": "no"}}, "[P_K] [vary]: got 'no', expected true or false"),
        ({"P_K": None}, "[P_K]: got nothing, expected a section"),
        ({"P_K": {"vary": False}}, "P_K': got vary: false without value"),
        ({"P_K": {"min": 2, "max": 1}}, "P_K.max': got 1, expected more than min = 2"),
        ({"P_K": {"min": 2, "max": 2}}, "P_K.max': got 2, expected more than min = 2"),
        ({"P_K": {"value": 3, "max": 1}}, "P_K.value': got 3, expected a value from min = 0 to max = 1"),
        ({"P_K": {"valeu": 3}}, "P_K.valeu' is not known; the nearest known key is 'value'"),
        ({"P_K": {"expr": "P_Cl", "vary": True}}, "P_K': got expr beside vary, expected expr alone"),
        ({"P_K": {"expr": "P_Cl", "value": 1}}, "P_K': got expr beside value, expected expr alone"),
        ({"P_K": {"expr": "P_Cl ** 2"}}, "P_K.expr': got 'P_Cl ** 2', expected names P_<ion>"),
        ({"P_K": {"expr": "exp(P_Cl) + 1"}}, "P_K.expr': got 'exp(P_Cl)' in 'exp(P_Cl) + 1'"),
        (
            {"P_K": {"expr": "P_Cll"}},
            "P_K.expr': got 'P_Cll' in 'P_Cll', expected P_<ion> of a permeant ion (nearest: P_Cl)",
        ),
        ({"P_K": {"expr": "0.9"}}, "P_K.expr': got '0.9' without another ratio"),
        ({"P_K": {"expr": "P_Cl"}, "P_Cl": {"expr": "P_K"}}, "got a circle, P_K from P_Cl from P_K"),
        ({"P_K": {"expr": "P_K / 2"}}, "got a circle, P_K from P_K"),
    ],
)
def test_a_fault_of_the_section_is_one_sentence(config: Config, parameters: Any, words: str) -> None:
    given = config(BASIS | {"fit.permeant": ["Na", "K", "Cl"], "fit.reference_ion": "Na", "fit.parameters": parameters})
    with pytest.raises(InputError) as caught:
        settings.load(given)
    (fault,) = caught.value.faults
    assert words in fault
    assert "key 'fit.parameters" in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    "parameters",
    [
        {"P_K": {"value": 1, "vary": False}, "P_Cl": {"expr": "P_K * P_Na / 2"}},
        {"P_K": {"min": 0, "max": math.inf}, "P_Cl": {"value": 2, "vary": True, "min": 1, "max": 3}},
        {"P_K": {}},
    ],
)
def test_a_sound_section_is_accepted(config: Config, parameters: Any) -> None:
    given = BASIS | {"fit.permeant": ["Na", "K", "Cl"], "fit.reference_ion": "Na", "fit.parameters": parameters}
    loaded = settings.load(config(given))
    assert loaded.as_dict()["fit"]["parameters"] == parameters
    assert RatioParameters.of(loaded.fit.permeant, loaded.fit.parameters).ions == ("Na", "K", "Cl")


# The stage


RECIPES = """solution,Na,K,Cs,Rb,Cl
na,150,,,,150
k,,150,,,150
cs,,,150,,150
rb,,,,150,150
pipette,10,140,,,150
"""
HEADER = "cell,bath,pipette,reversal_mV,se_mV,group"


def rows_of(group: str, truth: Mapping[str, float], seed: int) -> list[str]:
    rng, rows = np.random.default_rng(seed), []
    for cell in range(4):
        own = {ion: p * math.exp(0.1 * rng.standard_normal()) for ion, p in truth.items()}
        for bath, ion in (("na", "Na"), ("k", "K"), ("cs", "Cs"), ("rb", "Rb")):
            potential = RT_F * math.log(own[ion] * 150 / (own["Na"] * 10 + own["K"] * 140))
            rows.append(f"{group}{cell},{bath},pipette,{potential + 0.3 * rng.standard_normal():.4f},0.3,{group}")
    return rows


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pd.DataFrame], str]:
    """Return the tables and the report of two groups in which Rb is held, and in which Cs is bounded."""
    rows = rows_of("a", {"Na": 1, "K": 1.2, "Cs": 0.9, "Rb": 1.1}, 1)
    rows += rows_of("b", {"Na": 1, "K": 0.6, "Cs": 0.3, "Rb": 0.5}, 2)
    parameters = {"P_Rb": {"expr": "0.9 * P_K"}, "P_Cs": {"min": 0.5, "max": 5}}
    config = {
        "temperature_C": 22,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cs", "Rb"], "parameters": parameters},
    }
    folder = tmp_path_factory.mktemp("held")
    return analyse(folder, RECIPES, rows, config, HEADER), (folder / "fit_report.txt").read_text()


def test_tables_hold_a_tied_ratio_without_interval(results: tuple[dict[str, pd.DataFrame], str]) -> None:
    found, _ = results
    for group in ("a", "b"):
        ratios_of = of_model(found, group=group)
        rb = ratios_of.loc["Rb"]
        assert (rb["verdict"], rb["reason"]) == ("held", "tied: 0.9 * P_K")
        assert rb["ratio"] == pytest.approx(0.9 * ratios_of.loc["K", "ratio"], rel=1e-9)
        assert rb[["low", "high", "low_cells", "high_cells", "se_ln_cells", "df"]].isna().all()
    assert of_model(found, group="a").loc["Cs", "verdict"] == "estimate"
    assert of_model(found, group="b").loc["Cs", "reason"].startswith("at its bound: min 0.5 of fit.parameters")
    for name in ("intervals", "error_budget"):
        assert "Rb" not in set(found[name]["ion"])
    assert found["cells"].query("ion == 'Rb'")["ratio"].isna().all()
    assert found["cells"].query("ion == 'K'")["ratio"].notna().any()


def test_a_held_ratio_of_a_group_is_not_compared(results: tuple[dict[str, pd.DataFrame], str]) -> None:
    comparisons = results[0]["comparisons"].set_index("ion")
    assert comparisons["p"].isna().to_dict() == {"K": False, "Cs": True, "Rb": True}
    assert comparisons.loc["Cs", "reason"].startswith("b has a ratio that fit.parameters holds: a difference")


def test_the_report_agrees_with_the_table(results: tuple[dict[str, pd.DataFrame], str]) -> None:
    found, text = results
    head, *blocks = text.split("\ngroup ")
    assert "by group: permeability ratios to Na" in head
    assert [block[0] for block in blocks] == ["a", "b"]
    for block in blocks:
        k = of_model(found, group=block[0]).loc["K"]
        line = re.search(r"P_K: +([\d.]+) \+/- ([\d.]+)", block)
        assert line is not None
        assert [float(number) for number in line.groups()] == pytest.approx(
            [k["ratio"], k["ratio"] * k["se_ln_cells"]], rel=1e-5
        )
        assert "Rb: tied: 0.9 * P_K" in block
        assert "== '0.9 * P_K'" in block
        assert "P_Na:  1 (fixed)" in block
    assert re.search(r"P_Cs: +0.5 \(fixed\)", blocks[1])
    assert "ln_p" not in text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"P_Rb": {"value": 4, "vary": False}},
            "Rb/Na 4 becomes 0.30",
        ),
        (
            {"P_Rb": {"expr": "1 / (P_K - P_K)"}},
            "the expression of P_Rb in fit.parameters, 1 / (P_K - P_K), is not positive",
        ),
    ],
)
def test_values_that_the_data_contradict_are_named(tmp_path: Path, keys: Keys, words: str) -> None:
    config = {
        "temperature_C": 22,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cs", "Rb"], "parameters": keys},
    }
    rows = rows_of("a", {"Na": 1, "K": 1.2, "Cs": 0.9, "Rb": 0.3}, 1)
    found = of_model(analyse(tmp_path, RECIPES, rows, config, HEADER), group="a")
    assert words in found.loc["K", "reason"]
    if "becomes" in words:
        assert "likely cause: a value, tie or bound of fit.parameters (with free ratios " in found.loc["K", "reason"]
    assert np.isnan(found.loc["K", "low"])
    assert words in (tmp_path / "fit_report.txt").read_text()


def test_values_that_the_data_contradict_are_named_where_every_ratio_is_held(tmp_path: Path) -> None:
    config = {
        "temperature_C": 22,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {
            "reference_ion": "Na",
            "permeant": ["Na", "K", "Cs", "Rb"],
            "parameters": {f"P_{ion}": {"value": value, "vary": False} for ion, value in (("K", 1.2), ("Cs", 0.9))}
            | {"P_Rb": {"expr": "P_K * 2"}},
        },
    }
    rows = rows_of("a", {"Na": 1, "K": 1.2, "Cs": 0.9, "Rb": 0.3}, 1)
    found = of_model(analyse(tmp_path, RECIPES, rows, config, HEADER), group="a")
    assert set(found.loc[["K", "Cs", "Rb"], "verdict"]) == {"held"}
    for reason in found.loc[["K", "Cs", "Rb"], "reason"]:
        assert "the ratios that fit.parameters sets do not explain the means of the baths" in reason
        assert (
            "likely cause: a value, tie or bound of fit.parameters (with free ratios Rb/Na 2.4 becomes 0.30" in reason
        )


def test_a_report_without_valid_errors_says_so_first_and_prints_none() -> None:
    rng = np.random.default_rng(5)
    usual, off = (next(row for row in calibration.ROWS if row.name.endswith(end)) for end in ("6 cells", "10 mV off"))
    for row, settled, words in (
        (usual, True, ""),
        (usual, False, "The fit did not converge. No standard error is valid, and none is given."),
        (
            off,
            True,
            "The model is rejected: no set of ratios explains the means of the baths, beyond chance (p < 0.001)",
        ),
    ):
        data, bath, _ = calibration.draw(row, rng, whole=True)
        found = replace(fit(data, "Na", calibration.SCALE_MV), settled=settled)
        systematic_mV = row.experiment.systematic.shift_mV(found.ln_p)[bath]
        result = FitResult(found, ratios(found, systematic_mV, 0.95), systematic_mV, ())
        first, *lines = fit_report({"": result}, "ghk", "Na").split("--------\n")[1].splitlines()
        assert first.startswith(words or "[[Fit Statistics]]")
        assert ("+/-" in "".join(lines), "C(P_K" in "".join(lines)) == (not words, not words)
        assert "P_K:" in "".join(lines)


def test_a_name_of_two_ions_is_refused() -> None:
    found = list(parameter_faults({"P_X_1": {"value": 2}}, ["Na", "X-1", "X_1"], "Na"))
    assert found == ["key 'fit.parameters': got 'P_X_1' of X-1 and X_1, expected ions that differ in letters or digits"]


def test_models_without_an_ion_to_which_another_is_tied_are_left_out() -> None:
    parameters = RatioParameters.of(["Na", "K", "Cs", "Rb"], {"P_Rb": {"expr": "P_K / P_Na"}, "P_Cs": {"max": 2.0}})
    assert parameters.without("K") is None
    left = parameters.without("Cs")
    assert left is not None
    assert left.ions == ("Na", "K", "Rb")
    assert dict(left.ties) == {2: Expression("P_K / P_Na")}
    assert parameters.without("Rb") == RatioParameters.of(["Na", "K", "Cs"], {"P_Cs": {"max": 2.0}})


def test_an_ion_in_no_solution_is_at_no_bound() -> None:
    """Its ln P stays where it starts, which a bound above 1 moves."""
    data = one_cell(("Na", "K", "Cs"), (10.0, 140.0, 0.0), [(150.0, 0.0, 0.0), (0.0, 150.0, 0.0)], [-3.0, 3.0])
    _, ratios_of = fitted(data, {"P_Cs": {"min": 2.0, "max": 5.0}})
    assert ratios_of["Cs"].verdict == "not_identifiable"
    assert ratios_of["Cs"].reason.startswith("Cs is in no solution")
    _, ratios_of = fitted(data, {"P_Cs": {"value": 2.0, "vary": False}})
    assert ratios_of["Cs"].verdict == "held"


def test_nothing_but_held_ratios_still_predicts_potentials(tmp_path: Path) -> None:
    keys = {"P_K": {"value": 1.2, "vary": False}, "P_Cs": {"value": 0.9, "vary": False}, "P_Rb": {"expr": "P_K - 0.1"}}
    config = {
        "temperature_C": 22,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cs", "Rb"], "parameters": keys},
    }
    found = analyse(tmp_path, RECIPES, rows_of("a", {"Na": 1, "K": 1.2, "Cs": 0.9, "Rb": 1.1}, 1), config, HEADER)
    assert of_model(found, group="a")["ratio"].to_dict() == pytest.approx({"K": 1.2, "Cs": 0.9, "Rb": 1.1}, rel=1e-12)
    own = found["residuals"].query("model == 'ghk:concentration'")
    in_na = RT_F * math.log(150 / (10 + 1.2 * 140))
    assert own[own["bath"] == "na"]["predicted_mV"].to_numpy() == pytest.approx(in_na, abs=1e-9)
    assert "P_Rb:  1.10000000 == 'P_K - 0.1'" in (tmp_path / "fit_report.txt").read_text()


def test_a_held_ratio_admits_a_reference_that_is_in_no_solution(tmp_path: Path) -> None:
    rows = [f"c,{bath},pipette,{mV},0.1,g" for bath, mV in (("rb", 3.0), ("cs", -3.0))]
    fitting = {"reference_ion": "Li", "permeant": ["Li", "Na", "K", "Cs", "Rb"], "offset_sd_mV": 0}
    config = {"temperature_C": 22, "junction": {"method": "none"}, "activity": {"model": "concentration"}}
    keys = {"P_K": {"value": 0.7, "vary": False}, "P_Na": {"expr": "P_K"}}
    recipes = "\n".join(
        ["solution,Li,Na,K,Cs,Rb,Cl", *(line.replace(",", ",,", 1) for line in RECIPES.split("\n")[1:])]
    )
    found = of_model(
        analyse(tmp_path, recipes, rows, config | {"fit": fitting | {"parameters": keys}}, HEADER), group="g"
    )
    assert found.loc["Rb", "ratio"] == pytest.approx(0.7 * math.exp(3.0 / RT_F), rel=1e-6)
    assert found.loc["Cs", "ratio"] == pytest.approx(0.7 * math.exp(-3.0 / RT_F), rel=1e-6)
    with pytest.raises(InputError, match="got 'Li', which is in no bath and no pipette"):
        analyse(tmp_path, recipes, rows, config | {"fit": fitting}, HEADER)


def test_a_plan_takes_held_and_tied_ratios_as_they_are() -> None:
    keys = {"P_K": {"value": 2.0, "vary": False}, "P_Cs": {"expr": "P_K * P_Rb"}}
    parameters = RatioParameters.of(["Na", "K", "Cs", "Rb"], keys)
    expected = parameters.expected({"K": 7.0, "Rb": 0.3}, ["K", "Cs", "Rb"])
    assert expected == pytest.approx({"K": 2.0, "Cs": 0.6, "Rb": 0.3})
