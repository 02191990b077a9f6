"""Is one permeability enough? Ratios by bath, mixture series, ion accumulation, and a charge on the outer surface."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import analyse
from scipy import stats
from test_model import RT_F, table
from test_stability import LEVELS, measured

from nernstfit.contract.terms import RatioVerdict, Role
from nernstfit.permeability.groups import groups
from nernstfit.permeability.inference.accumulation import Drifts, drift_slope
from nernstfit.permeability.inference.bath_ratios import BathRatio, bath_ratios
from nernstfit.permeability.inference.mixtures import mixtures
from nernstfit.permeability.inference.ratios import FitResult, ratios
from nernstfit.permeability.inference.surface_charge import charged_ratios
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.ions import known_ions
from nernstfit.reversal.charge import charge_pC
from nernstfit.reversal.quantiles import Z_95
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.stages.correct import correct_row

RECIPES = """solution,NaCl,KCl,CaCl2
na,150,0,0
low_k,120,30,0
half,75,75,0
k,0,150,0
ca,20,0,80
dilute,40,0,0
pipette,10,140,0
"""
IONS = ("Na", "K", "Ca")
VALENCE = (1, 1, 2)
OUTSIDE = {
    "na": (150.0, 0.0, 0.0),
    "low_k": (120.0, 30.0, 0.0),
    "half": (75.0, 75.0, 0.0),
    "k": (0.0, 150.0, 0.0),
    "ca": (20.0, 0.0, 80.0),
    "dilute": (40.0, 0.0, 0.0),
}
INSIDE = (10.0, 140.0, 0.0)
TRUTH = (1.0, 1.3, 0.5)
SOLUTIONS = Solutions(
    names=(*OUTSIDE, "pipette"),
    ions=tuple(known_ions()[name] for name in (*IONS, "Cl")),
    given_mM=np.array([[*each, np.dot(each, VALENCE)] for each in (*OUTSIDE.values(), INSIDE)]),
    substances=(),
    substance_mM=np.zeros((7, 0)),
    pH=(math.nan,) * 7,
    titrants=(None,) * 7,
)
DRAWS = 200
Potential = Callable[[str], float]


def goldman_mV(bath: str, ratios: Sequence[float] = TRUTH) -> float:
    return float(ghk.reversal_mV(ratios, VALENCE, INSIDE, OUTSIDE[bath], 22.0))


def observed(
    potential: Potential, cells: int = 6, baths: Sequence[str] = tuple(OUTSIDE), ions: int = 3, offset_mV: float = 1.0
) -> Observations:
    """Potentials that cells measure in some baths, each with its offset and noise of .3 mV; none of both without."""
    rng = np.random.default_rng(3)
    offsets, noise = offset_mV * rng.standard_normal(cells), 0.3 * (offset_mV > 0)
    rows = [
        (f"c{cell}", potential(bath) + offsets[cell] + noise * rng.standard_normal(), bath)
        for cell in range(cells)
        for bath in baths
    ]
    data = table(
        [(c, e, dict(zip(IONS, OUTSIDE[b], strict=True))) for c, e, b in rows],
        IONS[:ions],
        0.3,
        dict(zip(IONS, INSIDE, strict=True)),
    )
    conditions = tuple(Condition(bath, "pipette", "whole-cell", 22.0, "na") for _, _, bath in rows)
    return replace(data, conditions=conditions)


def result(data: Observations, scale: float = 1.0) -> FitResult:
    """The fit of some potentials without systematic errors."""
    fitted, none = fit(data, "Na", scale), np.zeros((data.size, 0))
    return FitResult(fitted, ratios(fitted, none, 0.95), none, ())


def by_bath(data: Observations, ion: str, scale: float = 1.0) -> dict[str, BathRatio]:
    return {each.bath: each for each in bath_ratios(result(data, scale), 0.95) if each.ion == ion}


# Ratios by bath


def test_the_tables_hold_the_ratio_of_every_bath(tmp_path: Path) -> None:
    rows = [f"c{cell},{bath},pipette,{goldman_mV(bath)},0.3" for cell in range(2) for bath in ("na", "half", "k", "ca")]
    config = {
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "fit": {"reference_ion": "Na", "permeant": list(IONS), "offset_sd_mV": 0},
    }
    found = analyse(tmp_path, RECIPES, rows, config)
    own = found["ratios_by_bath"].set_index(["ion", "bath"])
    # Without potassium in the bath its ratio follows from that inside.
    assert own.loc["K", "ratio"].to_numpy() == pytest.approx(1.3, rel=1e-5)
    assert own.loc["K", "activity_mM"].to_dict() == {bath: OUTSIDE[bath][1] for bath in ("ca", "half", "k", "na")}
    assert own.loc[("K", "k"), "potential_mV"] == pytest.approx(goldman_mV("k"))
    assert own.loc[("Ca", "ca"), "ratio"] == pytest.approx(0.5, rel=1e-5)
    for bath in ("na", "half", "k"):
        assert own.loc[("Ca", bath), "reason"] == "neither the bath nor the pipette holds the ion"
    assert (own["low"].isna() == own["ratio"].isna()).all()
    charged = found["surface_charge"]
    assert len(charged) == 6
    assert (charged[charged["ion"] == "Ca"]["factor"] < 1).all()
    tests = found["tests"].set_index("test")
    assert tests.loc["mole_fraction", "ion"] == "Na/K"
    assert tests.loc["accumulation", "sentence"] == "No recording has repeats, over which its zero could drift."


def test_inside_out_the_bath_is_the_inside() -> None:
    data = observed(lambda bath: -goldman_mV(bath), 3, offset_mV=0.0)
    conditions = tuple(replace(at, configuration="inside-out") for at in data.conditions)
    found = by_bath(replace(data, inside=data.outside, outside=data.inside, conditions=conditions), "K")
    assert [each.ratio for each in found.values()] == pytest.approx([1.3] * 6, rel=1e-5)
    assert found["half"].activity_mM == 75


def test_the_interval_is_students_t_of_the_cells() -> None:
    data = observed(goldman_mV, 5, ("na", "dilute"), 2)
    found, potentials = by_bath(data, "K")["na"], data.potential_mV[::2]
    mean, half = potentials.mean(), stats.t.ppf(0.975, 4) * stats.sem(potentials)

    def ratio(e_mV: float) -> float:  # Goldman's equation for sodium outside, both inside
        return (150.0 / math.exp(e_mV / RT_F) - 10.0) / 140.0

    assert found.potential_mV == pytest.approx(mean)
    # The ratio of the mean cell differs by the curvature bias.
    assert found.ratio == pytest.approx(ratio(mean), rel=5e-3)
    assert found.high / found.low == pytest.approx(ratio(mean - half) / ratio(mean + half), rel=1e-3)
    shared = replace(result(data), systematic_mV=np.full((10, 1), 2.0))
    wider = next(each for each in bath_ratios(shared, 0.95) if each.bath == "na")
    total = math.hypot(half, 2.0 * stats.norm.ppf(0.975))
    assert wider.high / wider.low == pytest.approx(ratio(mean - total) / ratio(mean + total), rel=1e-3)


def test_a_mean_of_cells_has_its_own_error() -> None:
    data = observed(goldman_mV, 1, ("na", "dilute"), 2)
    found = by_bath(replace(data, n_averaged=np.full(2, 7)), "K")["na"]
    half = stats.t.ppf(0.975, 6) * 0.3
    assert found.n_cells == 7
    assert math.log(found.high / found.low) == pytest.approx(2 * half / RT_F * 1.06, rel=0.02)


def test_constant_ratios_agree_and_one_that_changes_shows() -> None:
    def changing(bath: str) -> float:
        return goldman_mV(bath, (1.0, 1.3 * (max(OUTSIDE[bath][1], 30.0) / 75) ** 0.5, 0.5))

    data = observed(goldman_mV)
    own, fitted = by_bath(data, "K"), math.exp(result(data).fit.ln_p[1])
    assert all(each.low < fitted for each in own.values())
    assert all(not each.high < fitted for each in own.values())
    own = by_bath(observed(changing), "K")
    assert 1.2 * own["low_k"].ratio < own["half"].ratio < own["k"].ratio


def test_a_bath_without_a_ratio_has_a_reason() -> None:
    free = by_bath(observed(goldman_mV), "K", math.inf)
    assert {each.reason for each in free.values()} == {
        "the electrode offset is free in each cell: a potential by itself implies no ratio"
    }
    impermeant = observed(lambda bath: goldman_mV(bath, (1.0, 1.3, 1e-6)))
    calcium, potassium = by_bath(impermeant, "Ca"), by_bath(impermeant, "K")
    assert calcium["ca"].reason == "there is no estimate of P(Ca) that the bath could be compared with"
    assert math.isfinite(potassium["na"].ratio)
    assert potassium["na"].reason == ""
    high = by_bath(observed(lambda bath: goldman_mV(bath, (1.0, 3.0, 0.5))), "K")
    assert high["half"].reason == ""
    assert high["k"].reason.startswith("the potential hardly depends on the ion here: 0.")
    one = by_bath(observed(goldman_mV, 1), "K")["na"]
    assert one.reason == "one cell: the interval leaves out how cells differ"
    assert one.low < one.ratio < one.high


def test_a_potential_beyond_every_ratio_has_none() -> None:
    data = observed(goldman_mV, 6, ("na", "low_k", "half", "k"), 2)
    # The reversal potential of potassium alone is 1.8 mV in the bath k; with sodium inside it is lower.
    spoiled = data.with_potentials(data.potential_mV + 4 * np.tile([0, 0, 0, 1], 6))
    found = by_bath(spoiled, "K")["k"]
    assert found.reason == "no ratio gives this potential: it lies beyond that of K alone"
    assert math.isnan(found.ratio)


def test_where_the_data_reject_the_model_a_ratio_has_no_interval() -> None:
    """Both ends of a mixture series fit, and its mixtures lie 15 mV off."""
    found = by_bath(observed(lambda bath: goldman_mV(bath) + 15.0 * (bath in ("half", "low_k"))), "K")
    assert found["half"].ratio > 0
    assert all(math.isnan(each.low) and math.isnan(each.high) for each in found.values())
    assert found["half"].reason.startswith("the data reject the model")


def test_a_limit_is_no_potential() -> None:
    data = observed(goldman_mV)
    found = by_bath(replace(data, limit_side=(1, *(0,) * (data.size - 1))), "K")
    assert found["na"].reason == "of some of the potentials only a limit is known"
    assert math.isnan(found["na"].ratio)
    assert found["na"].n_cells == 5


# Mixture series


def of_baths(*baths: Mapping[str, float], temperatures_C: Sequence[float] = ()) -> tuple[Any, Any]:
    """Observations of one cell in some baths, and their solutions."""
    temperatures = temperatures_C or [22.0] * len(baths)

    class Amounts:
        @staticmethod
        def activity_mM(name: str, ions: Sequence[str], _model: str, _temperature_C: float) -> np.ndarray:
            return np.array([baths[int(name)].get(ion, 0.0) for ion in ions])

    data = table([("c", 0.0, bath) for bath in baths], ["Na", "K", "Ca", "Cl"])
    conditions = tuple(Condition(str(i), "p", "whole-cell", t, "0") for i, t in enumerate(temperatures))
    return replace(data, conditions=conditions), Amounts()


def mixed(na: float, k: float, **others: float) -> Mapping[str, float]:
    return {"Na": na, "K": k, "Cl": 150.0, **others}


def test_a_series_is_found_with_its_mole_fractions() -> None:
    found = mixtures(*of_baths(mixed(150, 0), mixed(110, 45), mixed(75, 75), mixed(1, 149), {"Ca": 75.0, "Cl": 150.0}))
    assert [each.ions for each in found] == [("Na", "K")]
    assert found[0].fraction == pytest.approx([0, 45 / 155, 0.5, 149 / 150, math.nan], nan_ok=True)
    assert found[0].effect[[0, 2, 4]] == pytest.approx([0, 1, 0])


@pytest.mark.parametrize(
    "baths",
    [
        (mixed(150, 0), mixed(0, 150)),
        (mixed(150, 0), mixed(75, 75)),
        (mixed(75, 75), mixed(0, 150)),
        (mixed(150, 0), mixed(60, 60), mixed(0, 150)),
        (mixed(150, 0), mixed(75, 75, Ca=2.0), mixed(0, 150)),
        (mixed(150, 0), mixed(75, 75, Cl=100.0), mixed(0, 150)),
        (mixed(150, 0), mixed(150, 0)),
    ],
)
def test_what_is_no_series_is_none(baths: Sequence[Mapping[str, float]]) -> None:
    assert mixtures(*of_baths(*baths)) == ()


def test_a_series_is_measured_at_one_temperature() -> None:
    baths = (mixed(150, 0), mixed(75, 75), mixed(0, 150))
    assert len(mixtures(*of_baths(*baths, temperatures_C=(22.0,) * 3))) == 1
    assert mixtures(*of_baths(*baths, temperatures_C=(22.0, 32.0, 22.0))) == ()


# Ion accumulation


def drifts(seed: int, slope: float = 0.0, cells: int = 5, each: int = 4) -> tuple[Drifts, np.ndarray]:
    """Drifts of some cells, which have a part of them in common, over charges of several nC."""
    rng, cell = np.random.default_rng(seed), np.repeat(np.arange(cells), each)
    charge, se = rng.normal(0.5, 1.0, len(cell)), rng.uniform(0.1, 0.5, len(cell))
    own = (
        0.5 * rng.standard_normal(cells)[cell]
        + 0.3 * rng.standard_normal(len(cell))
        + se * rng.standard_normal(len(cell))
    )
    return Drifts(0.4 + slope * charge + own, se, charge), cell


def test_drifts_without_accumulation_are_not_found_too_often() -> None:
    p = np.array([drift_slope(*drifts(seed)).p for seed in range(DRAWS)])
    for level in (0.05, 0.5):
        low, high = stats.binom.interval(0.999, DRAWS, level)
        assert low <= (p < level).sum() <= high


def test_accumulation_is_found_with_its_size() -> None:
    found = [drift_slope(*drifts(seed, slope=1.5)) for seed in range(20)]
    assert sum(each.p < 0.01 for each in found) >= 16
    error = np.mean([each.se for each in found]) / math.sqrt(20)
    assert np.mean([each.size for each in found]) == pytest.approx(1.5, abs=4 * error)


def test_one_recording_of_each_cell_is_a_weighted_line() -> None:
    """With cells of one recording and equal errors the robust error is nearly that of least squares."""
    given, _ = drifts(1, 1.0, cells=30, each=1)
    given = replace(given, se_mV=np.full(30, 0.3))
    found, line = drift_slope(given, np.arange(30)), stats.linregress(given.charge_nC, given.drift_mV)
    assert found.size == pytest.approx(line.slope)
    assert found.se == pytest.approx(line.stderr, rel=0.3)
    assert found.df2 < 28


def test_equal_charges_have_no_slope() -> None:
    given, cell = drifts(1)
    assert drift_slope(replace(given, charge_nC=np.full(20, 0.7)), cell) is None


def test_a_recording_has_the_drift_and_the_charge_of_its_repeats() -> None:
    # Three repeats one after the other; the zero moves by .5 mV from each to the next.
    found = measured(np.tile(LEVELS, 3), lambda v, sweep: 5 * (v + 30 - 0.5 * (sweep // len(LEVELS)))).values()
    assert found["drift_mV"] == pytest.approx(1.0, abs=4 * found["drift_se_mV"])
    assert 0 < found["drift_se_mV"] < 0.2
    # The mean of a repeat, 5 nS at a mean of 10 mV beyond the zero, over 17 levels of 35 ms, passes twice.
    repeat_pC = 5 * (LEVELS.mean() + 30 - 0.5) * len(LEVELS) * 35e-3
    assert found["charge_pC"] == pytest.approx(2 * repeat_pC, rel=0.02)
    # Where every level is repeated at once, one sweep lies between the repeats.
    at_once = measured(np.repeat(LEVELS, 2), lambda v, _: 5 * (v + 30)).values()
    assert at_once["charge_pC"] == pytest.approx(5 * (LEVELS.mean() + 30) * 35e-3, rel=0.05)


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1.0), ("inside-out", -1.0)])
def test_drift_and_charge_are_those_of_the_membrane(configuration: str, sign: float) -> None:
    found = measured(np.tile(LEVELS, 2), lambda v, _: 5 * (v + 30)).values()
    condition = Condition("na", "pipette", configuration, 22.0, "na")
    names = {"measurement": "m", "recording": "m.abf", "sweeps_text": "", "group": "", "cell": "c"}
    row = SimpleNamespace(condition=condition, user_columns={}, **names)
    corrected = correct_row(row, found | {"epoch": "B", "flags": ""}, 0.0)
    assert corrected["charge_pC"] == sign * found["charge_pC"]
    assert corrected["drift_mV"] == sign * found["drift_mV"]
    assert corrected["drift_se_mV"] == found["drift_se_mV"] > 0


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1), ("inside-out", -1)])
def test_an_interval_reaches_to_states_on_the_side_of_the_membrane_and_the_fit_counts_it(
    configuration: str, sign: int
) -> None:
    """One series at -30 mV, five at -24 mV: the mean lies nearer to these."""
    zeros_mV = np.array([-30.0, *[-24.0] * 5])
    found = measured(np.tile(LEVELS, 6), lambda v, sweep: 5 * (v - zeros_mV[sweep // len(LEVELS)])).values()
    condition = Condition("na", "pipette", configuration, 22.0, "na")
    names = {"measurement": "m", "recording": "m.abf", "sweeps_text": "", "group": "", "cell": "c"}
    row = SimpleNamespace(condition=condition, user_columns={}, n_cells=1, batch="", **names)
    corrected = correct_row(row, found | {"epoch": "B", "flags": ""}, 0.0)
    low, high = sorted(sign * np.array([-30.0, -24.0]))
    assert low - 2.5 < corrected["low_mV"] < low
    assert high < corrected["high_mV"] < high + 2.5
    reach_mV = max(corrected["reach_below_mV"], corrected["reach_above_mV"])
    assert reach_mV == pytest.approx(5.0, abs=0.5)
    (group,) = groups(pd.DataFrame([corrected]), {"m": row})
    assert group.observations.se_mV[0] == pytest.approx(math.hypot(corrected["se_mV"], reach_mV / Z_95), rel=1e-6)


def test_without_repeats_there_is_no_drift() -> None:
    assert math.isnan(measured(LEVELS, lambda v, _: 5 * (v + 30)).values().get("drift_mV", math.nan))


def test_a_ramp_passes_its_mean_current() -> None:
    points = {
        "role": np.full(8, str(Role.SIGNAL), dtype=object),
        "sweep": np.repeat([3, 4], 4),
        "point": np.tile(np.arange(4), 2),
    }
    points |= {"command_mV": np.tile([-60.0, -20.0, 20.0, 60.0], 2), "current_pA": np.repeat([10.0, 30.0], 4)}
    # From the middle of the first ramp to that of the second, 100 ms each.
    assert charge_pC(points, 100.0, 2) == pytest.approx(0.5 * 1.0 + 0.5 * 3.0)


# A charge on the outer surface


def by_bisection(function: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) * function(low) > 0 else (low, middle)
    return low


def charged_ratio(e_mV: float, charge: float, temperature_C: float = 22.0) -> float:
    """P(Ca)/P(Na) of 20 NaCl and 80 CaCl2 outside, 150 Na inside, by bisection of Grahame's equation alone."""
    kelvin = temperature_C + 273.15
    rt_f = 8.31446261815324 * kelvin / 96.4853321233100184
    permittivity = 87.740 - 0.40008 * temperature_C + 9.398e-4 * temperature_C**2 - 1.410e-6 * temperature_C**3
    bulk = {1: 20.0, 2: 80.0, -1: 180.0}

    def excess(u: float) -> float:
        squared = 2 * permittivity * 8.8541878188e-12 * 8.31446261815324 * kelvin
        return squared * sum(c * math.expm1(-z * u) for z, c in bulk.items()) - charge**2

    u = by_bisection(excess, -20.0, -1e-12) if charge else 0.0
    v = e_mV / rt_f - u

    def current(z: int, inside: float, outside: float) -> float:
        return z * z * v * (inside - outside * math.exp(-z * u - z * v)) / -math.expm1(-z * v)

    return -current(1, 150.0, 20.0) / current(2, 0.0, 80.0)


def test_a_surface_charge_moves_calcium_as_calculated_by_hand() -> None:
    e_mV = float(ghk.reversal_mV([1.0, 2.0], [1, 2], [150.0, 0.0], [20.0, 80.0], 22.0))
    data = table([("c", e_mV, {"Na": 20.0, "Ca": 80.0})], ["Na", "Ca"], inside={"Na": 150.0})
    data = replace(data, conditions=(Condition("ca", "pipette", "whole-cell", 22.0, "ca"),))
    found = list(charged_ratios(result(data, 0.0), SOLUTIONS, robust=False))
    without = charged_ratio(e_mV, 0.0)
    assert without == pytest.approx(2.0, rel=1e-9)
    assert [each.charge_density_C_per_m2 for each in found] == [-0.01, -0.02, -0.03]
    for each in found:
        by_hand = charged_ratio(e_mV, each.charge_density_C_per_m2)
        assert each.ratio == pytest.approx(by_hand, rel=1e-6)
        assert each.factor == pytest.approx(by_hand / without, rel=1e-6)
        assert each.factor < 1
        assert each.least_mV == each.most_mV < 0


def test_ratios_among_ions_of_one_valence_do_not_move() -> None:
    data = observed(goldman_mV, 6, ("na", "low_k", "half", "k", "dilute"), 2)
    for each in charged_ratios(result(data), SOLUTIONS, robust=False):
        assert each.factor == pytest.approx(1.0, abs=1e-9)
        assert each.most_mV < each.least_mV < 0  # that of the dilute bath is larger
        assert each.reason == ""


def test_a_ratio_that_is_held_does_not_move() -> None:
    found = result(observed(goldman_mV))
    held = replace(found, ratios=(replace(found.ratios[0], verdict=RatioVerdict.HELD), *found.ratios[1:]))
    for each in charged_ratios(held, SOLUTIONS, robust=False):
        assert each.reason == ("fit.parameters holds the ratio, whatever the charge" if each.ion == "K" else "")


def test_an_ion_without_a_ratio_has_none_with_a_charge_either() -> None:
    data = observed(lambda bath: goldman_mV(bath, (1.0, 1.3, 1e-6)))
    for each in charged_ratios(result(data), SOLUTIONS, robust=False):
        assert each.reason == ("there is no ratio without the charge" if each.ion == "Ca" else "")
        assert math.isfinite(each.ratio) == (each.ion == "K")
