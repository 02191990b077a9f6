"""Fitted factors on activities: their model, verdicts, tables, and what the configuration may ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import analyse

from nernstfit.contract import settings, tables
from nernstfit.contract.correction_terms import correction_terms
from nernstfit.contract.errors import InputError
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.permeability.inference.factors import fitted_factors
from nernstfit.permeability.inference.ratios import ratios
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.report.blocks import Grid, Text
from nernstfit.report.results import Results
from nernstfit.report.sections import factors
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


# From the tables of an experiment to activity_corrections.csv

RECIPES = """solution,NaCl,KCl,LiCl,NMDG-Cl,K-gluconate,Na-gluconate
control,145,5,0,0,0,0
potassium,5,145,0,0,0,0
lithium,5,0,145,0,0,0
half,72,72,0,0,0,0
low,40,5,0,0,0,0
gluconate,0,0,0,0,0,145
NMDG,0,5,0,145,0,0
pipette,10,20,0,0,110,0
"""
RT_F_mV = 8.31446261815324 * 295.15 / 96485.3321233100184 * 1e3
TRUTH = {"Na": 1.0, "K": 1.2, "Cl": 0.8}


def rows(
    multiplied: Mapping[str, float], truth: Mapping[str, float], baths: Sequence[str], cells: int = 8
) -> list[str]:
    """Potentials by Goldman's equation on concentrations, some of them times a factor."""
    amounts = {
        name: {"Na": na + na_glu, "K": k + k_glu, "Li": li, "NMDG": nmdg, "Cl": na + k + li + nmdg}
        for name, na, k, li, nmdg, k_glu, na_glu in (
            (line.split(",")[0], *map(float, line.split(",")[1:])) for line in RECIPES.splitlines()[1:]
        )
    }
    rng, found = np.random.default_rng(5), []
    own = {
        i: c * multiplied.get(f"pipette:{i}", 1.0) * multiplied.get("pipette", 1.0)
        for i, c in amounts["pipette"].items()
    }
    for cell in range(cells):
        offset = rng.normal(0, 0.3)
        for bath in baths:
            out = {i: c * multiplied.get(f"bath:{bath}", 1.0) for i, c in amounts[bath].items()}
            up = sum(p * (own if i == "Cl" else out)[i] for i, p in truth.items())
            down = sum(p * (out if i == "Cl" else own)[i] for i, p in truth.items())
            potential = RT_F_mV * math.log(up / down) + offset + rng.normal(0, 0.2)
            found.append(f"c{cell},{bath},pipette,{potential:.5f},0.2")
    return found


def config(terms: Any, permeant: Sequence[str] = tuple(TRUTH)) -> dict[str, Any]:
    return {
        "temperature_C": 22.0,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": list(permeant), "activity_correction": terms},
    }


CONFIGURED = "ghk:concentration+pipette:Cl+bath:potassium"
BATHS = ("control", "potassium", "half", "low", "gluconate")


@pytest.fixture(scope="module")
def two_terms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    measured = rows({"pipette:Cl": 0.7, "bath:potassium": 1.25}, TRUTH, BATHS)
    return analyse(
        tmp_path_factory.mktemp("two"), RECIPES, measured, config(["bath:potassium", "pipette:Cl"]), every_model=True
    )


def test_both_factors_are_found_and_so_are_the_ratios(two_terms: dict[str, pd.DataFrame]) -> None:
    own = two_terms["activity_corrections"]
    own = own[own["model"] == CONFIGURED].set_index("term")
    assert list(own.index) == ["bath:potassium", "pipette:Cl"]  # in the order of the table, by name
    for term, true in {"pipette:Cl": 0.7, "bath:potassium": 1.25}.items():
        row = own.loc[term]
        assert (row["verdict"], row["n_cells"]) == ("estimate", 8)
        assert row["low"] <= row["low_cells"] < row["factor"] < row["high_cells"] <= row["high"]
        assert row["low"] < true < row["high"]
        assert abs(row["ln_factor"] - math.log(true)) < 3 * row["se_ln_cells"]
        assert row["high"] < 1.25 * row["low"]
        assert row["ln_factor"] == pytest.approx(math.log(row["factor"]))
        assert row["se_ln_cells"] > 0
        assert row["df"] > 3
        # A percent of the solution's concentration is an error of what is fitted to it.
        assert row["se_ln_shared"] > 0.009
    assert own["ion"].to_dict() == {"bath:potassium": "", "pipette:Cl": "Cl"}
    of_ions = two_terms["permeabilities"].query(f"model == '{CONFIGURED}'").set_index("ion")
    for ion in ("K", "Cl"):
        assert of_ions.loc[ion, "low"] < TRUTH[ion] < of_ions.loc[ion, "high"]


def test_models_with_and_without_each_stand_side_by_side(two_terms: dict[str, pd.DataFrame]) -> None:
    models = two_terms["models"].set_index("model")
    of_concentration = [name for name in models.index if name.startswith("ghk:concentration")]
    plain = "ghk:concentration"
    with_each = [f"{plain}+pipette:Cl+bath:potassium", f"{plain}+bath:potassium", f"{plain}+pipette:Cl", plain]
    assert of_concentration[0] == models.index[0] == with_each[0]
    assert set(with_each) <= set(of_concentration)
    assert [int(models.loc[name, "n_parameters"] - models.loc[plain, "n_parameters"]) for name in with_each] == [
        2,
        1,
        1,
        0,
    ]
    assert models.loc[with_each[0], "delta_aicc"] == 0
    assert (models.loc[with_each[1:], "delta_aicc"] > 10).all()
    terms = two_terms["activity_corrections"].groupby("model")["term"].apply(set).to_dict()
    assert terms[with_each[1]] == {"bath:potassium"}
    assert terms[with_each[2]] == {"pipette:Cl"}
    assert plain not in terms
    assert set(two_terms["permeabilities"]["model"]) >= set(with_each)
    # Where a factor is left out of the equation, the means contradict it, and the other factor has no interval either.
    alone = two_terms["activity_corrections"].query(f"model == '{with_each[1]}'").iloc[0]
    assert (alone["verdict"], math.isnan(alone["low"])) == ("model_rejected", True)
    assert alone["reason"].startswith("no set of ratios explains the means of the baths")


def observed(
    terms: Sequence[str], baths: Sequence[str], cells: int = 4, ions: Sequence[str] = ("Na", "K", "Cl")
) -> Observations:
    """Measurements of a leaky cation channel; activities as in the model."""
    mM = {
        "control": {"Na": 145.0, "K": 5.0, "Cl": 150.0},
        "potassium": {"Na": 5.0, "K": 145.0, "Cl": 150.0},
        "half": {"Na": 72.0, "K": 72.0, "Cl": 144.0},
        "low": {"Na": 40.0, "K": 5.0, "Cl": 45.0},
        "gluconate": {"Na": 145.0},
        "lithium": {"Na": 5.0, "Li": 145.0, "Cl": 150.0},
    }
    pipette, valence = {"Na": 10.0, "K": 130.0, "Cl": 30.0}, {"Cl": -1}
    at = [Condition(bath, "pipette", "whole-cell", 22.0, "same") for _ in range(cells) for bath in baths]
    rng, n = np.random.default_rng(2), len(at)
    data = Observations(
        cells=tuple(f"c{i // len(baths)}" for i in range(n)),
        potential_mV=np.zeros(n),
        se_mV=np.full(n, 0.2),
        temperature_C=np.full(n, 22.0),
        ions=tuple(ions),
        valence=np.array([valence.get(ion, 1) for ion in ions]),
        inside=np.tile([pipette.get(ion, 0.0) for ion in ions], (n, 1)),
        outside=np.array([[mM[c.bath].get(ion, 0.0) for ion in ions] for c in at]),
        n_averaged=np.ones(n, int),
        factors=ActivityFactors.of(correction_terms(list(terms)), at, ions),
    )
    truth = np.log([*((TRUTH | {"Li": 0.7})[ion] for ion in ions), *[1.0] * len(terms)])
    return data.with_potentials(data.predict(truth) + rng.normal(0, 0.2, n))


def test_a_bath_that_alone_has_an_ion_is_not_resolved_and_the_reason_names_the_bath_to_add() -> None:
    data = observed(["bath:lithium"], [*BATHS, "lithium"], ions=("Na", "K", "Cl", "Li"))
    result, exact = fit(data, "Na", 1.0), np.zeros((data.size, 0))
    (factor,) = fitted_factors(result, exact, 0.95)
    assert (factor.verdict, factor.n_cells) == ("not_identifiable", 4)
    assert math.isnan(factor.ln_factor)
    assert "the factor bath:lithium changes the potentials as P(Li) would" in factor.reason
    assert factor.reason.endswith("add another bath with Li")
    found = {ratio.ion: ratio for ratio in ratios(result, exact, 0.95)}
    verdicts = {ion: str(ratio.verdict) for ion, ratio in found.items()}
    assert verdicts == {"K": "estimate", "Cl": "estimate", "Li": "not_identifiable"}
    assert "factor bath:lithium" in found["Li"].reason


def test_ratios_follow_from_differences_where_a_factor_is_an_offset() -> None:
    """All the activities inside shift all potentials alike: the ratios are those of a pipette that nobody doubts."""
    baths = ("control", "potassium", "half")
    doubted = observed(["pipette"], baths, ions=("Na", "K"))
    result, exact = fit(doubted, "Na", 1.0), np.zeros((doubted.size, 0))
    (factor,) = fitted_factors(result, exact, 0.95)
    assert factor.verdict == "not_identifiable"
    assert factor.reason.startswith("the effect of a factor on the pipette's activities equals that of a common offset")
    (own,) = ratios(result, exact, 0.95)
    (trusted,) = ratios(fit(observed([], baths, ions=("Na", "K")), "Na", 1.0), exact, 0.95)
    assert (own.verdict, trusted.verdict) == ("estimate", "estimate")
    assert own.ln_ratio == pytest.approx(trusted.ln_ratio, abs=own.se_ln_cells)
    assert own.high - own.low == pytest.approx(trusted.high - trusted.low, rel=0.2)


def test_one_bath_beside_a_factor_gives_no_ratio() -> None:
    data = observed(["pipette"], ("potassium",), ions=("Na", "K"))
    (own,) = ratios(fit(data, "Na", 1.0), np.zeros((data.size, 0)), 0.95)
    assert own.verdict == "not_identifiable"


def test_inside_a_monovalent_cation_channel_a_factor_is_an_offset() -> None:
    data = observed(["pipette:K"], ("control", "potassium", "half"), ions=("Na", "K"))
    (factor,) = fitted_factors(fit(data, "Na", 1.0), np.zeros((data.size, 0)), 0.95)
    assert factor.verdict == "not_identifiable"
    assert "the factor pipette:K shifts every potential alike, as a common offset does" in factor.reason
    assert factor.reason.endswith("add baths that change the contribution of a permeant anion or divalent ion")


def test_a_factor_on_what_these_measurements_lack_is_not_fitted() -> None:
    result = fit(observed(["bath:gluconate", "pipette:Cl"], ("control", "potassium", "half", "low")), "Na", 1.0)
    chloride, gluconate = fitted_factors(result, np.zeros((16, 0)), 0.95)
    assert result.free == (1, 2, 3)
    assert (gluconate.verdict, gluconate.n_cells) == ("not_identifiable", 0)
    assert gluconate.reason.startswith("the factor bath:gluconate multiplies no activity of these measurements")
    assert chloride.n_cells == 4


def test_a_factor_that_few_cells_leave_open_has_no_interval_that_is_closed() -> None:
    """The errors make the likelihood fall on one side only, or on neither."""
    data = observed(["pipette:Cl"], ("control", "low", "gluconate"), cells=2)
    noisy = data.with_potentials(se_mV=np.full(data.size, 12.0))
    (factor,) = fitted_factors(fit(noisy, "Na", 1.0), np.zeros((data.size, 0)), 0.95)
    assert factor.verdict in ("upper_bound", "lower_bound", "not_identifiable")
    assert math.isnan(factor.ln_factor)
    ends = [math.isfinite(factor.low), math.isfinite(factor.high)]
    assert ends == [factor.verdict == "lower_bound", factor.verdict == "upper_bound"]


def test_a_further_error_of_all_cells_widens_the_interval() -> None:
    data = observed(["bath:potassium"], ("control", "potassium", "half", "low", "gluconate"))
    result = fit(data, "Na", 1.0)
    shift = np.where([c % 5 == 1 for c in range(data.size)], 1.0, 0.0)[:, None]
    (exact,), (doubtful,) = (fitted_factors(result, s, 0.95) for s in (np.zeros((data.size, 0)), shift))
    assert exact.se_ln_shared == 0
    assert doubtful.se_ln_shared > 0.01
    assert (doubtful.low, doubtful.high) < (exact.low, doubtful.high)
    assert doubtful.high > exact.high
    assert (doubtful.low_cells, doubtful.high_cells) == (exact.low_cells, exact.high_cells)
    assert exact.low < 1 < exact.high


def test_without_a_factor_the_table_has_its_header_alone(tmp_path: Path) -> None:
    truth = {"Na": 1.0, "K": 1.2}
    found = analyse(tmp_path, RECIPES, rows({}, truth, ("control", "potassium"), 3), config("none", tuple(truth)))
    assert len(found["activity_corrections"]) == 0
    assert list(found["activity_corrections"].columns) == list(tables.ACTIVITY_CORRECTIONS.columns)


# What the configuration may ask for


@pytest.mark.parametrize("terms", ["none", [], None])
def test_no_term(terms: Any) -> None:
    given = config(terms) | {"reversals": "r.csv", "solutions": "s.csv"}
    if terms is None:
        del given["fit"]["activity_correction"]
    assert settings.load(given).fit.corrections == ()


@pytest.mark.parametrize("terms", ["bath:low", ["bath:low"]])
def test_one_term_alone_or_in_a_list(terms: Any) -> None:
    found = settings.load(config(terms) | {"reversals": "r.csv", "solutions": "s.csv"}).fit.corrections
    assert list(map(str, found)) == ["bath:low"]


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ("pipete", "got 'pipete', expected none, pipette, pipette:<ion>, bath:<solution>, or a list of them"),
        ("bath", "got 'bath', expected none"),
        ("pipette:", "got 'pipette:', expected none"),
        ("", "got '', expected none"),
        (["pipette", "none"], "got 'none' in a list"),
        (["bath:low", "bath:low"], "got 'bath:low' 2 times, expected each term once"),
        ("pipette:CI", "got 'pipette:CI', whose ion is not in fit.permeant; the nearest is 'Cl'"),
        (["pipette:Ca"], "whose ion is not in fit.permeant"),
        (7, "got 7, expected text or a list"),
        ([7], "got 7, expected text"),
    ],
)
def test_a_term_that_is_none_is_one_sentence(terms: Any, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        settings.load(config(terms) | {"reversals": "r.csv", "solutions": "s.csv"})
    (found,) = caught.value.faults
    assert found.startswith("config/config.yaml: key 'fit.activity_correction'")
    assert fault in found


@pytest.mark.parametrize(
    ("term", "fault"),
    [
        ("bath:potasium", "got 'potasium', which is no row of data/solutions.csv; the nearest is 'potassium'"),
        ("bath:lithium", "got 'bath:lithium', which is the bath of no row in use; expected one of control, gluconate"),
        ("pipette:Li", "got 'pipette:Li', expected an ion in the pipette: there is no Li in pipette"),
    ],
)
def test_a_term_that_no_row_concerns_is_one_sentence(tmp_path: Path, term: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        analyse(tmp_path, RECIPES, rows({}, TRUTH, BATHS, 2), config([term], (*TRUTH, "Li")))
    (found,) = caught.value.faults
    assert found.startswith("config/config.yaml: key 'fit.activity_correction': ")
    assert fault in found


# The report


def test_the_section_says_what_was_asked_for_and_what_was_found(two_terms: dict[str, pd.DataFrame]) -> None:
    asked = {"activity_correction": ["bath:potassium", "pipette:Cl"], "confidence": 0.95}
    manifest = {"config": {"fit": asked}}
    reversals = pd.DataFrame({"verdict": ["reversal"], "group": [""]})
    given = two_terms | {"reversal_potentials": reversals}
    text, table = factors.blocks(Results(tables=given, traces=(), manifest=manifest))
    assert isinstance(text, Text)
    assert "fit.activity_correction asks for pipette:Cl and bath:potassium." in text.text
    assert isinstance(table, Grid)
    first, second = (dict(zip(table.head, row, strict=True)) for row in table.rows[:2])
    assert first["model"] == second["model"] == f"{CONFIGURED} *"
    assert [row["factor on"] for row in (first, second)] == ["bath:potassium", "pipette:Cl"]
    own = two_terms["activity_corrections"].query("term == 'pipette:Cl'").set_index("model").loc[CONFIGURED]
    assert float(second["factor"]) == pytest.approx(own["factor"], abs=0.01)
    assert second["verdict"] == "estimate"
    assert second["95 % interval"].startswith("[0.")
    assert {row[0] for row in table.rows} == {
        f"{CONFIGURED} *",
        *(CONFIGURED.replace(t, "") for t in ("+pipette:Cl", "+bath:potassium")),
    }
    none = given | {"activity_corrections": given["activity_corrections"][:0]}
    (nothing,) = factors.blocks(Results(tables=none, traces=(), manifest=manifest))
    assert isinstance(nothing, Text)
    assert nothing.text.startswith("No factor on activities was fitted")


def with_little_chloride(p_Cl: float, noise_mV: float, seed: int = 2, factor: float = 0.8) -> Observations:
    """Eight cells in baths of which one lacks chloride, a factor on the pipette fitted."""
    data = observed(["pipette"], BATHS, cells=8)
    rng = np.random.default_rng(seed)
    truth = np.log([TRUTH["Na"], TRUTH["K"], p_Cl, factor])
    offset = np.repeat(rng.normal(0, 0.3, 8), len(BATHS))
    noise = rng.normal(0, noise_mV, data.size)
    return data.with_potentials(data.predict(truth) + offset + noise, np.full(data.size, noise_mV))


@pytest.mark.parametrize(
    ("p_Cl", "noise_mV", "verdict"),
    [(0.3, 0.2, "estimate"), (0.3, 1.0, "estimate"), (0.1, 0.2, "estimate"), (0.02, 1.0, "not_identifiable")],
)
def test_what_the_data_determine_decides_on_a_factor(p_Cl: float, noise_mV: float, verdict: str) -> None:
    """The ratios follow from differences between baths, also where the factor does not."""
    data = with_little_chloride(p_Cl, noise_mV)
    result, exact = fit(data, "Na", 1.0), np.zeros((data.size, 0))
    (factor,) = fitted_factors(result, exact, 0.95)
    assert factor.verdict == verdict
    cations = [ratio for ratio in ratios(result, exact, 0.95) if ratio.ion != "Cl"]
    assert {ratio.verdict for ratio in cations} == {"estimate"}
    assert all(ratio.low < math.exp(ratio.ln_ratio) < ratio.high for ratio in cations)
    assert factor.reason == "" or "as a common offset" in factor.reason or "a common offset" in factor.reason


def test_a_systematic_error_of_all_cells_may_leave_a_factor_undetermined() -> None:
    data = with_little_chloride(0.1, 0.2)
    in_gluconate = np.array([[10.0 * (at % len(BATHS) == 4)] for at in range(data.size)])
    (factor,) = fitted_factors(fit(data, "Na", 1.0), in_gluconate, 0.95)
    assert factor.verdict == "not_identifiable"


def test_factors_that_resemble_an_offset_have_intervals_that_hold() -> None:
    held = 0
    for seed in range(40):
        data = with_little_chloride(0.3, 0.2, seed)
        (factor,) = fitted_factors(fit(data, "Na", 1.0), np.zeros((data.size, 0)), 0.95)
        assert factor.verdict == "estimate"
        held += factor.low < 0.8 < factor.high
    assert held >= 34  # of 40 at .95: 33 or fewer have a probability of .003


def test_the_activity_of_a_bath_holds_its_factor(two_terms: dict[str, pd.DataFrame]) -> None:
    own = two_terms["activity_corrections"]
    factor = own[own["model"] == CONFIGURED].set_index("term").loc["bath:potassium", "factor"]
    found = two_terms["ratios_by_bath"].set_index(["ion", "bath"])["activity_mM"]
    assert found["K", "potassium"] == pytest.approx(145 * factor)
    assert found["Cl", "potassium"] == pytest.approx(150 * factor)
    assert found["K", "half"] == pytest.approx(72)
