"""Junctions and GHK equation on the same activities: what the convention of single ions still does, and the default."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import HEADER, analyse, of_model, run_stages

from nernstfit.contract import settings, tables
from nernstfit.contract.codes import Code
from nernstfit.experiment import folder as experiments
from nernstfit.judgement.chemistry import findings
from nernstfit.judgement.evidence import Evidence
from nernstfit.permeability import analysis, error_propagation
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.physics.membrane.junction import SolutionPair
from nernstfit.physics.membrane.junction_methods import METHODS
from nernstfit.physics.solution.coefficients import coefficients, sizes_A
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.mobility import in_solution
from nernstfit.report.sections.methods import _junction
from nernstfit.solutions.systematic_errors import IN_SOLUTION
from nernstfit.stages.solutions import junction_rows

RECIPES = "solution,CsCl,NaCl,CaCl2\npipette,140,,\nsodium,,150,\ncalcium,,,110\n"
CONFIG: Mapping[str, Any] = {
    "junction": {"zeroed_in": "same", "reference": {"type": "none"}},
    "fit": {"reference_ion": "Cs", "permeant": ["Cs", "Na", "Ca"], "offset_sd_mV": 0.0},
}
# As commanded, without scatter: P_Na/P_Cs .635 and P_Ca/P_Cs 1.76 on MacInnes' activities.
COMMANDED_MV = {"sodium": -3.015, "calcium": 12.02}
ROWS = [f"c{cell},{bath},pipette,{potential},0.3" for cell in range(8) for bath, potential in COMMANDED_MV.items()]
CONVENTIONS = ("macinnes", "raw", "guggenheim")


def of_convention(found: Mapping[str, pd.DataFrame], convention: str, more: str = "") -> pd.DataFrame:
    return of_model(found, f"ghk:pitzer:{convention}{more}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("isotonic"), {})


@pytest.fixture(scope="module")
def isotonic(folder: Path) -> dict[str, pd.DataFrame]:
    return results(folder)


def run(folder: Path, junction: Mapping[str, Any], cells: int = 8) -> Path:
    """Run the example with some cells and keys of `junction` up to the judgement."""
    for name in ("data", "config"):
        (folder / name).mkdir(parents=True)
    (folder / "data" / "solutions.csv").write_text(RECIPES)
    (folder / "data" / "reversals.csv").write_text("\n".join([HEADER, *ROWS[: 2 * cells]]) + "\n")
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config(junction)))
    run_stages(folder, last="judge")
    return folder


def config(junction: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the example with further keys of `junction`."""
    files = {"reversals": "data/reversals.csv", "solutions": "data/solutions.csv"}
    return {**files, **CONFIG, "junction": {**CONFIG["junction"], **junction}}


def results(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of a run."""
    read = (tables.PERMEABILITIES, tables.CORRECTIONS, tables.WARNINGS, tables.MODELS)
    return {table.name: tables.load(folder / table.path, table) for table in read}


def test_the_convention_cancels_between_monovalent_cations(isotonic: Mapping[str, pd.DataFrame]) -> None:
    macinnes, raw = (of_convention(isotonic, name).loc["Na", "ratio"] for name in ("macinnes", "raw"))
    # .635 where salts take no room from the water; the share of the water is worth less than .1 mV.
    assert math.log(macinnes / 0.635) * 25.4 == pytest.approx(0.0, abs=0.1)
    assert raw == pytest.approx(macinnes, rel=1e-6)


def test_conventions_agree_to_8_percent_in_isotonic_calcium(isotonic: Mapping[str, pd.DataFrame]) -> None:
    found = [of_convention(isotonic, name).loc["Ca", "ratio"] for name in CONVENTIONS]
    assert found == pytest.approx([1.76, 1.85, 1.89], abs=0.02)
    assert max(found) / min(found) < 1.08
    on_concentrations = of_convention(isotonic, "macinnes", "+junction:concentration").loc["Ca", "ratio"]
    assert on_concentrations == pytest.approx(1.67, abs=0.02)


def test_the_ladder_moves_junction_and_membrane_together(isotonic: Mapping[str, pd.DataFrame]) -> None:
    of_step = isotonic["corrections"].set_index(["step", "ion"])["ratio"]
    plain = of_model(isotonic, "ghk:concentration")["ratio"]
    for ion in ("Na", "Ca"):
        own = analysed_alone(ion)
        assert of_step["junction", ion] == pytest.approx(own["concentration"], rel=2e-3)
        assert of_step["activity", ion] == pytest.approx(own["pitzer:macinnes"], rel=2e-3)
        assert plain[ion] == pytest.approx(own["concentration"], rel=2e-3)


# Partial molar volumes at infinite dilution, H at 0 (Millero 1971, Chem Rev 71:147), and the density of water at 22 C.
VOLUME_CM3_PER_MOL = {"Na": -1.21, "Cs": 21.34, "Ca": -17.85, "Cl": 17.83}
WATER_KG_PER_L = 0.99777


def coefficients_of(model: str, content_mM: np.ndarray, names: list[str]) -> np.ndarray:
    """Coefficients of concentrations, from those of molalities and the water that the ions leave."""
    ions = [IONS[each] for each in names]
    if model == "concentration":
        return coefficients(model, content_mM, ions, 22.0)
    free = 1 - content_mM @ [[VOLUME_CM3_PER_MOL[each]] for each in names] * 1e-6
    return coefficients(model, content_mM / (free * WATER_KG_PER_L), ions, 22.0) / free


def analysed_alone(ion: str) -> dict[str, float]:
    """Ratio to Cs by hand, of one ion outside and Cs inside alone, junction and membrane on the same activities."""
    name = {"Na": "sodium", "Ca": "calcium"}[ion]
    outside = {"Na": {"Na": 150.0, "Cl": 150.0}, "Ca": {"Ca": 110.0, "Cl": 220.0}}[ion]
    inside = {"Cs": 140.0, "Cl": 140.0}
    names = sorted({*inside, *outside})
    ions = [IONS[each] for each in names]
    ends = [np.array([side.get(each, 0.0) for each in names]) for side in (outside, inside)]
    rt_f, found = 8.31446261815324 * 295.15 / 96485.33212, {}
    for model in ("concentration", "pitzer:macinnes"):
        out, within = (coefficients_of(model, end, names) * end for end in ends)
        pair = SolutionPair(
            *ends,
            [each.valence for each in ions],
            [each.mobility for each in ions],
            lambda content, model=model: coefficients_of(model, content, names),
        )
        x = math.exp((COMMANDED_MV[name] - METHODS["henderson"](pair, 22.0)) / rt_f / 1e3)
        ratio = within[names.index("Cs")] * x / out[names.index(ion)]
        found[model] = float(ratio * (1 + x) / 4 if ion == "Ca" else ratio)
    return found


def test_what_is_not_known_of_mobilities_and_activities_is_in_the_interval(
    isotonic: Mapping[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """High over low end of P_Ca is 2.0 / 1.4 with, and 1.85 / 1.49 without, the mobilities in solution."""
    with_mobilities = of_model(isotonic).loc["Ca"]
    assert with_mobilities["high"] / with_mobilities["low"] == pytest.approx(2.0 / 1.4, rel=0.04)
    assert with_mobilities["low"] < 1.76 < with_mobilities["high"]
    whole = error_propagation.sources
    monkeypatch.setattr(analysis, "candidates", lambda given: candidates(given)[:1])

    def limiting(*given: Any) -> tuple[Any, ...]:
        return tuple(source for source in whole(*given) if source.name != IN_SOLUTION)

    monkeypatch.setattr(error_propagation, "sources", limiting)
    without = of_model(analyse(tmp_path, RECIPES, ROWS, CONFIG)).loc["Ca"]
    assert without["high"] / without["low"] == pytest.approx(1.85 / 1.49, rel=0.04)


# Cation, anion, concentration of the salt in mM and measured transport number of the cation at 25 C (not seen in print,
# unverified: Longsworth 1932, J Am Chem Soc 54:2741; CaCl2 .2 N Longsworth 1935, J Am Chem Soc 57:1185).
TRANSPORT = (("Na", "Cl", 100.0, 0.3854), ("K", "Cl", 100.0, 0.4898), ("Li", "Cl", 100.0, 0.3168))
DIVALENT = ("Ca", "Cl", 100.0, 0.395)


@pytest.mark.parametrize(("cation", "anion", "salt_mM", "measured"), [*TRANSPORT, DIVALENT])
def test_transport_numbers_in_solution(cation: str, anion: str, salt_mM: float, measured: float) -> None:
    ions = [IONS[cation], IONS[anion]]
    charge = np.array([abs(ion.valence) for ion in ions])
    mobility = np.array([ion.mobility for ion in ions])
    content = salt_mM * charge[::-1]
    strength_M = float((charge**2 * content).sum() / 2000)
    of_equivalents = charge * in_solution(mobility, sizes_A(ions), strength_M)
    limiting = charge * mobility
    found, at_infinite_dilution = (float(each[0] / each.sum()) for each in (of_equivalents, limiting))
    assert found == pytest.approx(measured, abs=0.006)
    assert abs(found - measured) < abs(at_infinite_dilution - measured) + 1e-3


# The default


def loaded(**more: Any) -> settings.Settings:
    sections = {"recordings": "a.csv", "solutions": "s.csv", **CONFIG}
    for key, values in more.items():
        sections[key] = {**sections.get(key, {}), **values}
    return settings.load(sections)


@pytest.mark.parametrize("correction", ["none", "pipette"])
def test_the_configured_model_is_compared_with_its_junctions_on_the_other_basis(correction: str) -> None:
    models = candidates(loaded(fit={"activity_correction": correction}))
    other = {model.name: model for model in models}[f"{models[0].name}+junction:concentration"]
    assert (other.basis, other.corrections) == ("concentration", models[0].corrections)
    assert {model.basis for model in models if model is not other} == {"activity"}


@pytest.mark.parametrize(("activity", "said"), [("davies", "activities"), ("concentration", "concentrations")])
def test_manifest_and_report_say_what_junctions_are_calculated_from(activity: str, said: str) -> None:
    given = loaded(activity={"model": activity}).as_dict()["junction"]
    assert f"{given['basis']}s".replace("ys", "ies") == said
    assert _junction(given)["basis"] == said


def test_other_models_have_their_own_activities_beside_concentrations_by_default() -> None:
    models = candidates(loaded(activity={"model": "concentration"}))
    assert {model.basis for model in models} == {"activity"}
    models = candidates(loaded(activity={"model": "concentration"}, junction={"basis": "concentration"}))
    assert {model.basis for model in models} == {"concentration"}


def told(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Findings on a changed default."""
    return found["warnings"][found["warnings"]["code"] == "default_changed"]


def test_a_folder_that_names_no_basis_gets_one_note_with_both_ratios(isotonic: Mapping[str, pd.DataFrame]) -> None:
    (note,) = told(isotonic).to_dict("records")
    assert (note["severity"], note["about"]) == ("note", "run")
    assert "Ca/Cs 1.77 (was 1.6" in note["sentence"]
    assert "junction.basis: concentration restores" in note["remedy"]


def test_no_note_where_the_basis_is_named(folder: Path, isotonic: Mapping[str, pd.DataFrame]) -> None:
    codes = []
    for junction in ({}, {"basis": "activity"}):
        with contextlib.chdir(folder):
            experiment = experiments.load(config(junction))
        found = findings(Evidence(experiment, isotonic, pd.DataFrame()))
        codes.append([finding.code for finding in found])
    assert codes == [[Code.DEFAULT_CHANGED], []]


def test_no_note_where_every_junction_was_measured(tmp_path: Path) -> None:
    measured = {"measured_mV": {"sodium": 4.6, "calcium": 9.5}}
    assert told(results(run(tmp_path, measured, cells=1))).empty


def test_the_ledger_says_where_the_methods_differ(tmp_path: Path) -> None:
    """Isotonic calcium beside caesium sulfate differs by 2 mV, beside caesium chloride by hardly anything."""
    folder = run(tmp_path, {}, cells=1)
    recipes = folder / "data" / "solutions.csv"
    for salt, is_told in (("CsCl", False), ("Cs2SO4", True)):
        recipes.write_text(RECIPES.replace("CsCl", salt))
        with contextlib.chdir(folder):
            experiment = experiments.load(config({}))
        told = {row["bath"]: row["statement"] for row in junction_rows(experiment)}
        assert ("Nernst-Planck and Henderson differ by" in told["calcium"]) == is_told
