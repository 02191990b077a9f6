"""Recordings and folders of other laboratories that once went wrong, with the right values."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nernstfit.abf.read import read
from nernstfit.contract import settings, tables
from nernstfit.experiment import folder as experiments
from nernstfit.library.recording import PatchProperties, measure
from nernstfit.stages import correct, fit, import_reversals, ingest, solutions
from nernstfit.stages import measure as measure_stage

Found = Mapping[str, Any]


@pytest.fixture
def found(real_cases: Path) -> Callable[..., Found]:
    """Measure one recording with some keys."""

    def one(name: str, **keys: str) -> Found:
        return measure(str(real_cases / f"{name}.abf"), keys, PatchProperties(None, None, 22.0))

    return one


@pytest.fixture
def tables_of(
    real_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Mapping[str, pd.DataFrame]]:
    """Run the stages of one folder up to the fit."""

    def through(name: str) -> Mapping[str, pd.DataFrame]:
        shutil.copytree(real_cases / name, tmp_path / name)
        monkeypatch.chdir(tmp_path / name)
        loaded = experiments.load(settings.read())
        Path("results").mkdir()
        made: dict[str, Any] = {each: f"results/{each}.parquet" for each in ("measured", "points", "facts", "traces")}
        made |= {each: f"results/{each}.csv" for each in ("iv", "solutions", "junctions")}
        if loaded.settings.reversals:
            import_reversals.run({}, made, loaded)
        else:
            ingest.run({}, made, loaded)
            measure_stage.run({"points": [made["points"]], "facts": [made["facts"]]}, made, loaded)
        solutions.run({}, made, loaded)
        made["reversals"] = "results/reversal_potentials.csv"
        correct.run(made, made, loaded)
        made |= {each: f"results/{each}.csv" for each in (*fit.TABLES, fit.REPORT)}
        fit.run(made, made, loaded)
        return {
            "reversals": tables.load(made["reversals"], tables.REVERSAL_POTENTIALS),
            "permeabilities": tables.load(made["permeabilities"], tables.PERMEABILITIES),
        }

    return through


def test_a_command_that_the_recorded_voltage_contradicts_gives_no_number(found: Callable[..., Found]) -> None:
    doubtful = found("amplifier_holding")
    assert doubtful["verdict"] == "ambiguous"
    assert "voltage=recorded" in doubtful["remedy"]
    assert found("amplifier_holding", voltage="recorded")["reversal_mV"] == pytest.approx(-50.3, abs=1.0)


@pytest.mark.parametrize("epoch", "BCDE")
def test_every_ramp_of_a_triangle_has_the_capacitance_of_both_directions(
    found: Callable[..., Found], epoch: str
) -> None:
    row = found("ramp_last_of_triangle", epoch=epoch)
    assert row["verdict"] == "reversal"
    assert row["reversal_mV"] == pytest.approx(-55.3, abs=1.0)
    assert row["low_mV"] < -55.3 < row["high_mV"]
    removed = dict(flag.split("=") for flag in row["flags"].split(";"))["capacity_removed"]
    assert float(removed) == pytest.approx(54.4, rel=0.05)


def test_a_ramp_of_a_large_cell_without_its_capacitance_has_no_narrow_interval(found: Callable[..., Found]) -> None:
    row = found("capacity_33mV_still_reversal", epoch="C", sweeps="1-4", open_pore="none")
    assert row["verdict"] == "ambiguous"
    assert "membrane capacitance is not known" in row["reason"]
    assert "lower than the zero" in row["reason"]
    assert found("capacity_33mV_still_reversal", epoch="C", sweeps="0-9")["verdict"] != "reversal"


def test_states_within_a_file_are_not_one_number(found: Callable[..., Found], real_cases: Path) -> None:
    whole = found("two_states_in_one_file", epoch="C")
    assert whole["verdict"] == "ambiguous"
    assert whole["remedy"].startswith("sweeps=0-")
    for sweeps, expected_mV in (("0-9", -10.4), ("45-54", -19.4), ("60-69", -22.7), ("72-81", -55.1)):
        row = found("two_states_in_one_file", epoch="C", sweeps=sweeps, open_pore="flag", max_interval_mV="40")
        assert row["raw_mV"] == pytest.approx(expected_mV, abs=1.0), sweeps
    assert read(real_cases / "two_states_in_one_file.abf").comment


def test_gain_and_offset_without_a_conditioner_do_not_count(found: Callable[..., Found]) -> None:
    gain, offset = (found(f"signal_{what}_no_conditioner", epoch="C") for what in ("gain_200", "offset_50"))
    assert gain["slope_nS"] == pytest.approx(12.0, rel=0.05)
    assert offset["reversal_mV"] == pytest.approx(-15.1, abs=1.0)


def test_a_transient_at_the_end_of_a_ramp_decides_nothing(
    tables_of: Callable[[str], Mapping[str, pd.DataFrame]],
) -> None:
    reversals = tables_of("calcium_ramp_end")["reversals"].to_dict("records")
    assert len(reversals) == 3
    for row in reversals:
        assert row["verdict"] in ("reversal", "ambiguous")
        if row["verdict"] == "reversal":
            assert -3.0 < row["corrected_mV"] < 6.0  # by the current itself, before the offset of the electrode


def test_noisy_cells_count_where_the_cells_differ(tables_of: Callable[[str], Mapping[str, pd.DataFrame]]) -> None:
    (row,) = tables_of("ncells")["permeabilities"].head(1).to_dict("records")
    assert (row["n_cells"], round(row["df"])) == (7, 6)
    assert (row["low"], row["high"]) == pytest.approx((0.58, 0.94), abs=0.02)


def test_a_model_without_a_valid_interval_has_none(tables_of: Callable[[str], Mapping[str, pd.DataFrame]]) -> None:
    for row in tables_of("lmfit308")["permeabilities"].to_dict("records"):
        assert row["verdict"] == "model_rejected"
        assert math.isnan(row["low"])
        assert math.isnan(row["high"])
