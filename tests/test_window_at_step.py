"""A window in which the step still charges the membrane: flagged, and the first cause where the ratios are rejected."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from designs import Design
from experiments import analyse, of_model, run_stages

from nernstfit.contract import settings
from nernstfit.contract.terms import Configuration
from nernstfit.report.outcome import of_folder
from nernstfit.reversal.flags import charged_at_step_ms
from nernstfit.reversal.procedure import Facts, Procedure

PROJECT = Path(__file__).resolve().parents[1]
RECIPES = {
    "sodium": {"NaCl": 150.0},
    "potassium": {"KCl": 150.0},
    "half": {"NaCl": 75.0, "KCl": 75.0},
    "caesium": {"CsCl": 150.0},
    "mixed": {"NaCl": 75.0, "CsCl": 75.0},
    "pipette": {"KCl": 130.0, "NaCl": 20.0},
}


@pytest.mark.parametrize(
    ("window_ms", "trend", "cell", "charged_ms"),
    [
        ((0.4, 5.0), 0.3, (None, None), 1.0),
        ((0.4, 5.0), 0.0, (None, None), None),
        ((1.5, 5.0), 0.3, (None, None), None),
        ((0.4, 5.0), 0.3, (1.0, 20.0), None),  # 5 x 1 MOhm x 20 pF: 0.1 ms
        ((0.4, 5.0), 0.3, (10.0, 20.0), 1.0),
        ((1.5, 5.0), 0.3, (20.0, 20.0), 2.0),
        ((0.4, 5.0), 0.3, (1.0, None), 1.0),
        ((0.0, 0.5), 0.0, (1.0, 20.0), 0.1),
        ((0.2, 0.5), 0.0, (1.0, 20.0), None),
    ],
)
def test_a_window_at_the_step_is_flagged_with_the_time_for_which_the_membrane_charges(
    window_ms: tuple[float, float], trend: float, cell: tuple[float | None, float | None], charged_ms: float | None
) -> None:
    known = {"window_from_ms": window_ms[0], "window_to_ms": window_ms[1], "trend": trend, "prepulse_mV": 0.0}
    facts = Facts(**{each.name: known.get(each.name, math.nan) for each in dataclasses.fields(Facts)})
    procedure = Procedure(settings.default_measure(), 22.0, Configuration.WHOLE_CELL, *cell)
    assert charged_at_step_ms(facts, procedure) == (None if charged_ms is None else pytest.approx(charged_ms))
    ramp = dataclasses.replace(facts, ramp_mV_per_ms=0.5)
    assert charged_at_step_ms(ramp, procedure) is None


def test_windows_in_the_transient_are_the_first_cause_of_a_rejection_everywhere(tmp_path: Path) -> None:
    """Windows of half a millisecond in three cells: a junction potential was named, and no window."""
    for name in ("config", "data"):
        (tmp_path / name).mkdir()
    config = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
    config["measure"] = (config.get("measure") or {}) | {"from_ms": 0.0, "to_ms": 0.5}
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    shutil.copy(PROJECT / "data" / "solutions.csv", tmp_path / "data")
    header, *rows = (PROJECT / "data" / "recordings.csv").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if row.split(",")[1] in ("c1", "c2", "c3")]
    (tmp_path / "data" / "recordings.csv").write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
    for row in kept:
        shutil.copy(PROJECT / row.split(",")[0], tmp_path / "data")
    run_stages(tmp_path)
    found = pd.read_csv(tmp_path / "results" / "warnings.csv", keep_default_na=False)
    rejected = found[found["code"] == "model_rejected"]["sentence"]
    assert len(rejected) == 5
    said = r"likely causes?(?:, the likeliest first)?: the windows of (\d+) of (\d+) measurements begin while the step"
    first = rejected.str.extract(said)
    assert (first[0].notna() & (first[0] == first[1])).all()
    outcome = of_folder(tmp_path)
    (said,) = [line for line in outcome.lines() if line.startswith("error: ") and "the windows of" in line]
    assert said.index("the windows of") < (said.find("junction") if "junction" in said else len(said))
    assert "begin while the step charges the membrane: choose later ones by from_ms and to_ms" in (
        (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    )
    assert (found["code"] == "window_at_step").sum() == outcome.counts()["used"]


def fitted(folder: Path, early: tuple[str, ...], off: tuple[str, ...]) -> str:
    """Return the reason of K/Na where windows of some cells begin at the step, and a mixture is off in some cells."""
    design = Design({"Na": 1.0, "K": 1.5, "Cs": 0.6}, (1, 1, 1), RECIPES)

    def change(table: pd.DataFrame) -> pd.DataFrame:
        is_off = table["cell"].isin(off) & (table["bath"] == "half")
        for column in ("raw_mV", "reversal_mV", "corrected_mV", "low_mV", "high_mV"):
            table.loc[is_off, column] += 15.0
        table["flags"] = ["at_step=1" if cell in early else "" for cell in table["cell"]]
        return table

    lines = ["solution,NaCl,KCl,CsCl"]
    lines += [
        ",".join([name, *(str(of.get(salt, "")) for salt in ("NaCl", "KCl", "CsCl"))]) for name, of in RECIPES.items()
    ]
    config = {"junction": {"method": "none"}, "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cs"]}}
    found = analyse(folder, "\n".join(lines) + "\n", design.potentials({}), config, change=change)
    return str(of_model(found).loc["K", "reason"])


WINDOWS = "the windows of {} of 30 measurements begin while the step charges the membrane"


def test_windows_are_a_cause_where_the_other_cells_agree_with_the_equation_or_most_have_them(tmp_path: Path) -> None:
    cells = tuple(f"c{i}" for i in range(6))
    found = fitted(tmp_path / "two", cells[:2], cells[:2])
    first = found.partition("likely cause")[2]
    assert WINDOWS.format(10) + " (without these K/Na 1." in first.split("; or ")[0]
    assert "Cs/Na 0.5" in first.split("; or ")[0] or "Cs/Na 0.6" in first.split("; or ")[0]
    assert WINDOWS.format(30) + ": choose" in fitted(tmp_path / "all", cells, cells).split("; or ")[0]
    # The others contradict the equation as well: the windows of a few explain nothing.
    assert "the windows of" not in fitted(tmp_path / "other", cells[:2], cells)
    sound = fitted(tmp_path / "sound", cells, ())
    assert "the windows of" not in sound
