"""What the whole analysis says of potentials: published cases, traps, the shift method, limits, batches."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiments import HEADER, analyse, of_model
from scipy import stats

RT_F = 8.31446261815324 / 96485.3321233100184 * 1e3  # mV / K


def setting(reference: str, permeant: Sequence[str], temperature_C: float, offset: float = 0.0, **fit: Any) -> dict:
    return {
        "temperature_C": temperature_C,
        "junction": {"method": "none"},
        "activity": {"model": "concentration"},
        "uncertainty": {"concentration_percent": 0, "temperature_C": 0},
        "fit": {"reference_ion": reference, "permeant": list(permeant), "offset_sd_mV": offset, **fit},
    }


# A published series on an anion channel: five baths, potentials with their SD over eight cells

ANIONS = """solution,KNO3,K-gluconate,NO3,K,aspartate
a,140,0,0,0,0
b,70,70,0,0,0
c,35,105,0,0,0
d,17.5,122.5,0,0,0
e,0,140,0,0,0
pipette,0,0,115,120,5
"""
SERIES = {
    1: ((-2.25, 1.24), (8.16, 1.86), (20.42, 2.98), (32.83, 6.14), (68.96, 17.04)),
    2: ((-2.75, 6.61), (3.29, 5.08), (12.37, 9.45), (16.80, 12.17), (25.25, 16.66)),
}


def anions(folder: Path, series: int, model: str, cells: float = 1.0) -> dict[str, pd.DataFrame]:
    rows = [
        f"c1,{bath},pipette,{potential},{sd / math.sqrt(cells)}"
        for bath, (potential, sd) in zip("abcde", SERIES[series], strict=True)
    ]
    config = setting("NO3", ["NO3", "gluconate", "K"], 20.0) | {"activity": {"model": model}, "uncertainty": {}}
    return analyse(folder, ANIONS, rows, config)


@pytest.mark.parametrize("model", ["concentration", "pitzer"])
def test_ions_that_do_not_show_in_five_potentials_have_upper_bounds(tmp_path: Path, model: str) -> None:
    found = of_model(anions(tmp_path, 1, model))
    assert set(found["verdict"]) == {"upper_bound"}
    assert 0.2 < found["high"]["K"] < 0.45
    assert 0.05 < found["high"]["gluconate"] < 0.20


@pytest.mark.parametrize("model", ["concentration", "pitzer"])
def test_potentials_known_to_ten_mV_leave_a_wide_limit(tmp_path: Path, model: str) -> None:
    gluconate = of_model(anions(tmp_path, 2, model)).loc["gluconate"]
    assert gluconate["verdict"] in ("upper_bound", "estimate")
    assert gluconate["verdict"] == "upper_bound" or 0.25 < gluconate["ratio"] < 0.40
    assert 0.4 < gluconate["high"] < 0.75


def test_standard_errors_instead_of_deviations_are_more_than_the_model_explains(tmp_path: Path) -> None:
    found = anions(tmp_path, 1, "pitzer", cells=8)
    own = found["models"].iloc[0]
    assert stats.chi2.sf(own["chi_square"], own["n_data"] - own["n_parameters"]) < 0.001
    assert set(of_model(found)["verdict"]) == {"model_rejected"}
    told = found["tests"].set_index("test")
    assert told.loc["lack_of_fit", "p"] < 0.001
    assert "No set of ratios explains" in told.loc["lack_of_fit", "sentence"]


# Published ratios (ids as in the collection of published numbers; all temperatures as assumed there)


@pytest.mark.parametrize(
    ("inside", "outside", "ion", "reference", "potential_mV", "temperature_C", "ratio", "percent"),
    [
        ("Na", "K", "K", "Na", 17.9, 20.0, 2.0, 3.0),  # Plant Cell 2008;20:3467, table 3
        ("Cs", "Na", "Cs", "Na", 18.6, 22.0, 0.49, 4.0),  # PMC2225600, figures 7 and 11, and the next three
        ("NH4", "Na", "NH4", "Na", -20.8, 22.0, 2.31, 4.0),
        ("Cs", "Na", "Cs", "Na", 28.3, 22.0, 0.32, 4.0),
        ("NH4", "Na", "NH4", "Na", -24.5, 22.0, 2.68, 4.0),
    ],
)
def test_published_bi_ionic_ratios(
    tmp_path: Path,
    inside: str,
    outside: str,
    ion: str,
    reference: str,
    potential_mV: float,
    temperature_C: float,
    ratio: float,
    percent: float,
) -> None:
    recipes = f"solution,{inside}Cl,{outside}Cl\nbath,0,150\npipette,150,0\n"
    found = analyse(
        tmp_path, recipes, [f"c,bath,pipette,{potential_mV},1"], setting(reference, [reference, ion], temperature_C)
    )
    assert of_model(found).loc[ion, "verdict"] == "estimate"
    assert of_model(found).loc[ion, "ratio"] == pytest.approx(ratio, rel=percent / 100)


SHIFTS = [
    # J Gen Physiol 2016;148:13, table 3: potential in chloride, the ion, its potential, ratio and SEM
    (51.0, "Br", 28.0, 2.5, 0.1),
    (14.0, "Br", 0.0, 1.75, 0.07),
    (14.0, "NO3", -25.0, 5.1, 0.5),
    (50.0, "Br", 46.0, 1.19, 0.03),
    (50.0, "I", 17.0, 3.8, 0.2),
]


def shift(
    folder: Path, chloride_mV: float, ion: str, ion_mV: float, **fit: Any
) -> tuple[dict[str, pd.DataFrame], pd.Series]:
    recipes = f"solution,NaCl,Na{ion}\nchloride,10,0\nother,0,10\n"
    rows = [f"oocyte,chloride,,{chloride_mV},1", f"oocyte,other,,{ion_mV},1"]
    config = setting("Cl", ["Cl", ion], 22.0, offset=math.inf) | {"configuration": "two-electrode"}
    config["fit"] |= fit
    found = analyse(folder, recipes, rows, config)
    return found, of_model(found).loc[ion]


@pytest.mark.parametrize(("chloride_mV", "ion", "ion_mV", "ratio", "sem"), SHIFTS)
def test_published_shifts_of_an_unknown_inside(
    tmp_path: Path, chloride_mV: float, ion: str, ion_mV: float, ratio: float, sem: float
) -> None:
    _, found = shift(tmp_path, chloride_mV, ion, ion_mV)
    assert found["verdict"] == "estimate"
    assert abs(found["ratio"] - ratio) < sem
    assert found["ratio"] == pytest.approx(math.exp((chloride_mV - ion_mV) / (RT_F * 295.15)), rel=1e-4)
    # Two potentials of 1 mV each.
    assert found["se_ln_cells"] == pytest.approx(math.sqrt(2) / (RT_F * 295.15), rel=1e-3)


@pytest.mark.parametrize(("na", "potential_mV"), [(0.04, -60.0), (20.0, 42.0)])
def test_ratios_of_the_squid_axon_come_back_and_predict_its_potential(
    tmp_path: Path, na: float, potential_mV: float
) -> None:
    """Hodgkin and Katz's ratios K : Na : Cl = 1 : na : .45, 18 C: potentials of three other baths are given."""
    inside = {"K": 400.0, "Na": 50.0, "Cl": 52.0}
    baths = {
        "sea": {"K": 20.0, "Na": 440.0, "Cl": 560.0},
        "potassium": {"K": 200.0, "Na": 260.0, "Cl": 560.0},
        "choline": {"K": 20.0, "Na": 40.0, "Cl": 560.0},
        "low": {"K": 20.0, "Na": 440.0, "Cl": 60.0},
    }
    p = {"K": 1.0, "Na": na, "Cl": 0.45}

    def goldman(bath: Mapping[str, float]) -> float:
        up = p["K"] * bath["K"] + p["Na"] * bath["Na"] + p["Cl"] * inside["Cl"]
        return RT_F * 291.15 * math.log(up / (p["K"] * inside["K"] + p["Na"] * inside["Na"] + p["Cl"] * bath["Cl"]))

    names = ("K", "Na", "Cl")
    recipes = "solution,K,Na,Cl\n" + "".join(
        f"{name},{','.join(str(of[i]) for i in names)}\n" for name, of in {**baths, "axoplasm": inside}.items()
    )
    rows = [f"axon,{name},axoplasm,{goldman(bath)},0.5" for name, bath in baths.items() if name != "sea"]
    rows.append(f"axon,sea,axoplasm,{potential_mV},500")  # without weight
    found = analyse(tmp_path, recipes, rows, setting("K", names, 18.0))
    assert of_model(found)["ratio"].to_dict() == pytest.approx({"Na": na, "Cl": 0.45}, rel=0.01)
    residuals = found["residuals"].set_index(["model", "bath"])
    assert residuals.loc[("ghk:concentration", "sea"), "predicted_mV"] == pytest.approx(potential_mV, abs=0.6)


# An unknown inside

CATIONS = "solution,NaCl,KCl,CsCl,CaCl2\ncontrol,140,5,0,0\npotassium,5,140,0,0\ncaesium,0,5,140,0\ncalcium,0,5,0,90\n"


def shifted(seed: int, cells: int = 5) -> list[str]:
    """Cells of different insides; P Na 1, K 1.4, Cs .6."""
    rng, rows = np.random.default_rng(seed), []
    out = {"control": 140 + 5 * 1.4, "potassium": 5 + 140 * 1.4, "caesium": 5 * 1.4 + 140 * 0.6}
    for cell in range(cells):
        inside = rng.uniform(80, 250)
        rows += [
            f"c{cell},{bath},,{RT_F * 295.15 * math.log(total / inside) + rng.normal(0, 0.4):.4f},0.4"
            for bath, total in out.items()
        ]
    return rows


def test_what_is_inside_cancels_with_a_free_term_in_each_cell(tmp_path: Path) -> None:
    found = of_model(analyse(tmp_path, CATIONS, shifted(1), setting("Na", ["Na", "K", "Cs"], 22.0, math.inf)))
    for ion, truth in (("K", 1.4), ("Cs", 0.6)):
        assert found.loc[ion, "verdict"] == "estimate"
        assert found.loc[ion, "low"] < truth < found.loc[ion, "high"]
        assert found.loc[ion, "ratio"] == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize(
    ("permeant", "offset", "words"),
    [
        (["Na", "K", "Cs"], 1.0, ["a free term in each cell", "offset_sd_mV: .inf"]),
        (["Na", "K", "Cl"], math.inf, ["cancels", "monovalent and of one sign", "Na, K, Cl"]),
        (["Na", "K", "Ca"], math.inf, ["cancels", "monovalent and of one sign", "Na, K, Ca"]),
    ],
)
def test_where_an_unknown_inside_does_not_cancel_nothing_is_identifiable_and_why_is_said(
    tmp_path: Path, permeant: list[str], offset: float, words: list[str]
) -> None:
    found = of_model(analyse(tmp_path, CATIONS, shifted(1), setting("Na", permeant, 22.0, offset)))
    assert set(found["verdict"]) == {"not_identifiable"}
    for reason in found["reason"]:
        assert "the intracellular solution is unknown" in reason
        assert all(word in reason for word in words)


def test_a_free_term_in_each_cell_leaves_an_ion_that_is_inside_alone_unknown(tmp_path: Path) -> None:
    rows = [",".join(row.split(",")[:5]) for row in cells()]
    found = of_model(analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na", "Cs"], 22.0, math.inf)))
    assert set(found["verdict"]) == {"not_identifiable"}
    assert all("only differences between baths are informative" in reason for reason in found["reason"])
    config = setting("Na", ["K", "Na", "Cs"], 22.0, math.inf)
    assert of_model(analyse(tmp_path, MIXED, rows, config)).loc["Cs", "verdict"] == "estimate"


def test_a_junction_with_an_unknown_inside_is_part_of_the_free_term(tmp_path: Path) -> None:
    config = setting("Na", ["Na", "K", "Cs"], 22.0, math.inf)
    config["junction"] = {"method": "henderson", "zeroed_in": "control", "reference": {"type": "none"}}
    plain = of_model(analyse(tmp_path / "a", CATIONS, shifted(2), setting("Na", ["Na", "K", "Cs"], 22.0, math.inf)))
    found = of_model(analyse(tmp_path / "b", CATIONS, shifted(2), config))
    assert found["ratio"].to_dict() == pytest.approx(plain["ratio"].to_dict(), rel=1e-9)


# Traps


def one_cell(baths: Mapping[str, float], more: str = "") -> list[str]:
    return [f"c1,{bath},pipette,{potential},0.5{more}" for bath, potential in baths.items()]


MIXED = "solution,NaCl,KCl,CsCl,LiCl\nsodium,150,0,0,0\nmixed,75,0,75,0\ncaesium,0,0,150,0\npipette,0,150,0,0\n"


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_one_free_parameter(tmp_path: Path, offset: float) -> None:
    found = of_model(analyse(tmp_path, MIXED, one_cell({"sodium": -20.0}), setting("K", ["K", "Na"], 22.0, offset)))
    se = math.hypot(0.5, offset) / (RT_F * 295.15)
    assert found.loc["Na", "ln_ratio"] == pytest.approx(-20 / (RT_F * 295.15), abs=1e-6)
    assert found.loc["Na", "se_ln_cells"] == pytest.approx(se, rel=1e-4)


def test_as_many_data_as_parameters(tmp_path: Path) -> None:
    rows = one_cell({"sodium": -20.0, "caesium": 5.0})
    found = of_model(analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na", "Cs"], 22.0)))
    assert set(found["verdict"]) == {"estimate"}
    assert found["se_ln_cells"].tolist() == pytest.approx([0.5 / (RT_F * 295.15)] * 2, rel=1e-4)


def test_offsets_near_zero(tmp_path: Path) -> None:
    rows = [f"c{i},sodium,pipette,{-20 + 0.01 * (-1) ** i},0.5" for i in range(6)]
    found = of_model(analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na"], 22.0, 1.0)))
    values = found.loc["Na", ["ln_ratio", "low", "high", "se_ln_cells"]].astype(float)
    assert np.isfinite(values).all()
    assert values["se_ln_cells"] > 0.5 / math.sqrt(6) / (RT_F * 295.15) * 0.99


def test_one_bath_is_one_equation_for_two_unknowns(tmp_path: Path) -> None:
    rows = [f"c{i},mixed,pipette,{-20 + i},0.5" for i in range(4)]
    found = of_model(analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na", "Cs"], 22.0)))
    assert set(found["verdict"]) == {"not_identifiable"}
    assert all("combination" in reason and "add a bath" in reason for reason in found["reason"])


def test_two_ions_that_always_change_together(tmp_path: Path) -> None:
    recipes = MIXED + "half,40,70,40,0\n"
    rows = [f"c{i},{b},pipette,{v + i},0.5" for i in range(4) for b, v in (("mixed", -20.0), ("half", -8.0))]
    found = of_model(analyse(tmp_path, recipes, rows, setting("K", ["K", "Na", "Cs"], 22.0)))
    assert set(found["verdict"]) <= {"not_identifiable", "upper_bound"}
    assert found["reason"].all()


def test_two_ions_that_change_nearly_together_are_collinear(tmp_path: Path) -> None:
    recipes = MIXED + "nearly,76,0,75,0\n"
    rows = [f"c{i},{b},pipette,{-20.0 + i},0.5" for i in range(4) for b in ("mixed", "nearly")]
    found = of_model(analyse(tmp_path, recipes, rows, setting("K", ["K", "Na", "Cs"], 22.0)))
    assert set(found["verdict"]) == {"not_identifiable"}
    assert all("change together" in reason and "add a bath" in reason for reason in found["reason"])


def test_ions_that_change_together_have_limits_in_the_reason(tmp_path: Path) -> None:
    """P K 1, Na .03, Cs .02; a little more of Na than of Cs is in the second bath."""
    recipes = MIXED + "nearly,76,0,75,0\n"
    rt_f, rng = RT_F * 295.15, np.random.default_rng(1)
    concentrations = {line.split(",")[0]: line.split(",")[1:] for line in recipes.splitlines()[1:]}
    columns = MIXED.splitlines()[0].split(",")[1:]

    def sums(solution: str) -> float:
        of = dict(zip(columns, map(float, concentrations[solution]), strict=True))
        return sum(p * of.get(f"{ion}Cl", 0.0) for ion, p in (("K", 1.0), ("Na", 0.03), ("Cs", 0.02)))

    rows = [
        f"c{cell},{bath},pipette,{rt_f * math.log(sums(bath) / sums('pipette')) + rng.normal(0, 0.3):.4f},0.3"
        for cell in range(5)
        for bath in ("mixed", "nearly")
    ]
    found = of_model(analyse(tmp_path, recipes, rows, setting("K", ["K", "Na", "Cs"], 22.0)))
    limits = {ion: float(re.search(r"is at most ([\d.]+)", found.loc[ion, "reason"])[1]) for ion in ("Na", "Cs")}
    assert 0.045 < limits["Na"] < 0.08
    assert 0.045 < limits["Cs"] < 0.08


def test_an_ion_in_no_solution(tmp_path: Path) -> None:
    rows = one_cell({"sodium": -20.0, "caesium": 5.0})
    found = of_model(analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na", "Cs", "Li"], 22.0)))
    assert found.loc["Li", "verdict"] == "not_identifiable"
    assert "in no solution" in found.loc["Li", "reason"]
    assert found.loc["Na", "verdict"] == "estimate"


def test_all_measurements_refused(tmp_path: Path) -> None:
    rows = [f"{row},seal lost" for row in one_cell({"sodium": -20.0, "caesium": 5.0})]
    found = analyse(tmp_path, MIXED, rows, setting("K", ["K", "Na"], 22.0), HEADER + ",exclude")
    assert all(len(table) == 0 for table in found.values())


# Limits, batches and gross errors through the stages


def cells(seed: int = 0, number: int = 9, error_mV: float = 0.0) -> list[str]:
    """P K 1, Na .5, Cs .05; batches of three; the first potential with Cs may be wrong."""
    rng, rows = np.random.default_rng(seed), []
    for cell in range(number):
        offset = rng.normal(0, 1.0)
        for bath, ratio in (("sodium", 0.5), ("caesium", 0.05)):
            potential = RT_F * 295.15 * (math.log(ratio) + rng.normal(0, 0.1)) + offset + rng.normal(0, 0.3)
            wrong = error_mV if (cell, bath) == (0, "caesium") else 0.0
            rows.append(f"c{cell},{bath},pipette,{potential + wrong:.4f},0.3,day {cell // 3}")
    return rows


def beyond(limit_mV: float):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        cut = table["corrected_mV"] < limit_mV
        table.loc[cut, "verdict"] = "no_crossing"
        table.loc[cut, "high_mV"] = limit_mV
        table.loc[cut, ["raw_mV", "reversal_mV", "corrected_mV", "se_mV", "low_mV"]] = math.nan
        return table

    return change


def run(folder: Path, limit_mV: float = -math.inf, error_mV: float = 0.0, batch: bool = True, **fit: Any):
    header = HEADER + (",batch" if batch else ",day")
    config = setting("K", ["K", "Na", "Cs"], 22.0, 1.0, **fit)
    return analyse(folder, MIXED, cells(error_mV=error_mV), config, header, beyond(limit_mV))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Results without limits, batches and gross errors."""
    return run(tmp_path_factory.mktemp("whole"), batch=False)


def test_a_limit_takes_part_in_the_fit_and_is_no_residual(tmp_path: Path, whole: dict[str, pd.DataFrame]) -> None:
    cut = run(tmp_path, -76.0, batch=False)
    lost = 18 - int(cut["residuals"].query("model == 'ghk:concentration'")["measured_mV"].notna().sum())
    assert 2 <= lost <= 7
    assert cut["models"]["n_data"].iloc[0] == 18
    one, other = of_model(whole).loc["Cs"], of_model(cut).loc["Cs"]
    assert other["verdict"] == "estimate"
    # Leaving the lowest out would raise the mean; a limit keeps it.
    assert abs(other["ln_ratio"] - one["ln_ratio"]) < 0.5 * one["se_ln_cells"]
    assert set(cut["corrections"]["step"]) == set(whole["corrections"]["step"])


def test_batches_take_part_in_the_fit(tmp_path: Path, whole: dict[str, pd.DataFrame]) -> None:
    assert run(tmp_path)["models"]["n_parameters"].iloc[0] == whole["models"]["n_parameters"].iloc[0] + 1


def test_a_robust_fit_is_one_key(tmp_path: Path, whole: dict[str, pd.DataFrame]) -> None:
    sound = of_model(whole).loc["Cs"]
    plain = of_model(run(tmp_path / "b", error_mV=40.0, batch=False)).loc["Cs"]
    robust = of_model(run(tmp_path / "c", error_mV=40.0, batch=False, robust=True)).loc["Cs"]
    assert abs(plain["ln_ratio"] - sound["ln_ratio"]) > 2 * sound["se_ln_cells"]
    assert abs(robust["ln_ratio"] - sound["ln_ratio"]) < sound["se_ln_cells"]


# A factor between the pipette's true activities and the model's

MIXTURES = """solution,NaCl,KCl,CsCl,CaCl2,K-gluconate
control,145,5,0,0,0
potassium,5,145,0,0,0
caesium,5,0,145,0,0
low,40,5,0,0,0
gluconate,0,5,0,0,140
lowest,10,2,0,0,0
pipette,10,20,0,0,110
"""


def mixed(factor: float, permeant: Mapping[str, float], baths: Sequence[str], cells: int = 8) -> list[str]:
    """Potentials with the inside's activities times a factor; Goldman's equation with Ca as it is for mixtures."""
    table = {line.split(",")[0]: [float(v) for v in line.split(",")[1:]] for line in MIXTURES.splitlines()[1:]}

    def amounts(name: str, scale: float = 1.0) -> dict[str, float]:
        na, k, cs, ca, glu = (scale * v for v in table[name])
        return {"Na": na, "K": k + glu, "Cs": cs, "Ca": ca, "Cl": na + k + cs + 2 * ca}

    rng, rows = np.random.default_rng(7), []
    inside, thermal = amounts("pipette", factor), RT_F * 295.15
    for cell in range(cells):
        offset = rng.normal(0, 0.3)
        for bath in baths:
            outside = amounts(bath)
            m_in = sum(p * inside[i] for i, p in permeant.items() if i in ("Na", "K", "Cs"))
            m_out = sum(p * outside[i] for i, p in permeant.items() if i in ("Na", "K", "Cs"))
            m_in += permeant.get("Cl", 0.0) * outside["Cl"]
            m_out += permeant.get("Cl", 0.0) * inside["Cl"]
            d_out = 4 * permeant.get("Ca", 0.0) * outside["Ca"]
            x = np.roots([m_in, m_in - m_out, -(m_out + d_out)]).max()
            rows.append(f"c{cell},{bath},pipette,{thermal * math.log(x) + offset + rng.normal(0, 0.2):.5f},0.2")
    return rows


def corrected(
    folder: Path, factor: float, permeant: Mapping[str, float], baths: Sequence[str], correction: str = "pipette"
) -> dict:
    config = setting("Na", list(permeant), 22.0, 1.0, activity_correction=correction)
    return analyse(folder, MIXTURES, mixed(factor, permeant, baths), config, every_model=True)


@pytest.mark.parametrize("factor", [1.0, 0.85, 1.2])
def test_a_permeant_anion_tells_the_pipettes_factor(tmp_path: Path, factor: float) -> None:
    truth = {"Na": 1.0, "K": 1.3, "Cs": 0.8, "Cl": 2.0}
    found = corrected(tmp_path, factor, truth, [line.split(",")[0] for line in MIXTURES.splitlines()[1:-1]])
    ratios = of_model(found)
    assert ratios["model"].iloc[0] == "ghk:concentration+pipette"
    for ion in ("K", "Cs", "Cl"):
        assert ratios.loc[ion, "verdict"] == "estimate"
        assert ratios.loc[ion, "low"] < truth[ion] < ratios.loc[ion, "high"]
    own = found["activity_corrections"].set_index("model").loc["ghk:concentration+pipette"]
    assert (own["term"], own["verdict"], own["n_cells"]) == ("pipette", "estimate", 8)
    assert own["low"] <= own["low_cells"] < own["factor"] < own["high_cells"] <= own["high"]
    assert own["low"] < factor < own["high"]
    assert own["high"] < 1.3 * own["low"]
    # Without the factor the means of the baths contradict the equation.
    assert set(of_model(found, "ghk:concentration")["verdict"]) == {"estimate" if factor == 1 else "model_rejected"}


def test_where_none_is_asked_for_the_factor_is_fitted_beside_if_the_data_tell_it(tmp_path: Path) -> None:
    leaky, baths = {"Na": 1.0, "K": 1.3, "Cs": 0.8, "Cl": 2.0}, [b.split(",")[0] for b in MIXTURES.splitlines()[1:-1]]
    models = corrected(tmp_path / "leaky", 0.85, leaky, baths, "none")["models"].set_index("model")
    plain, beside = models.loc["ghk:concentration"], models.loc["ghk:concentration+pipette"]
    assert models.index[0] == "ghk:concentration"
    assert beside["n_parameters"] == plain["n_parameters"] + 1
    assert beside["n_data"] == plain["n_data"]
    assert beside["delta_aicc"] == 0
    assert plain["sentence"] == "strong evidence against it relative to ghk:concentration+pipette"
    cations = {"Na": 1.0, "K": 1.3, "Cs": 0.8}
    names = corrected(tmp_path / "cations", 0.85, cations, ["control", "potassium", "caesium", "low"], "none")["models"]
    assert not names["model"].str.contains("pipette").any()


def test_monovalent_cations_do_not_tell_it_from_a_common_offset(tmp_path: Path) -> None:
    truth = {"Na": 1.0, "K": 1.3, "Cs": 0.8}
    found = corrected(tmp_path, 1.1, truth, ["control", "potassium", "caesium", "low"])
    ratios = of_model(found)
    assert set(ratios["verdict"]) == {"estimate"}  # by the differences between the baths
    true = ratios.index.map(truth)
    assert (ratios["low"] < true).all()
    assert (true < ratios["high"]).all()
    words = "equals that of a common offset for monovalent cations inside"
    (factor,) = found["activity_corrections"].itertuples()
    assert (factor.verdict, words in factor.reason) == ("not_identifiable", True)
    assert np.isnan([factor.factor, factor.low, factor.high]).all()
    # Without the factor, beside it, there is a ratio, which the offset that stands for the factor contradicts.
    assert of_model(found, "ghk:concentration")["ratio"].notna().all()
