"""Findings: every code is provoked once from small tables, with the severity that its effect has."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import complete
from scipy import stats

from nernstfit.contract import codes, tables
from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, by_weight, named, of_potential, of_ratio, warning_rows
from nernstfit.contract.model_words import model_words
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.settings import default_measure
from nernstfit.contract.severity import About, Severity
from nernstfit.contract.terms import ValidityTest
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment, Row, row_of_file
from nernstfit.experiment.views import view
from nernstfit.judgement import batches, deviations, inputs, judge, ratios, same_recordings
from nernstfit.judgement.evidence import Evidence
from nernstfit.permeability.inference.sentences import ratio_reason
from nernstfit.report import findings as words
from nernstfit.report import outcome
from nernstfit.report.results import Results
from nernstfit.solutions.liquid_junction import JunctionModel, between_mV
from nernstfit.stages import judge as judge_stage

MODEL = "ghk:pitzer:macinnes"
SOLUTIONS = "solution,NaCl,KCl,glucose\ncontrol,140,5,10\nhigh_K,5,140,10\nlow,70,5,150\npipette,10,140,\n"
HEADER = "recording,cell,bath,pipette"
CONFIG: Mapping[str, Any] = {
    "recordings": "data/recordings.csv",
    "junction": {"zeroed_in": "control", "reference": {"type": "none"}},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na"]},
}
BRIDGED = {"junction": {"zeroed_in": "control", "reference": {"type": "salt-bridge", "solution": "bridge"}}}
CELLS = [f"c{cell}" for cell in range(1, 6)]
LEVELS = np.arange(-100.0, 101.0, 20.0)
DAY = datetime.date(2026, 3, 2).toordinal() * 86_400.0
REVERSAL = {"verdict": "reversal", "raw_mV": -60.0, "reversal_mV": -60.0, "junction_mV": 0.0, "corrected_mV": -60.0}
NA = {"ion": "Na", "verdict": "estimate", "ratio": 0.05, "ln_ratio": math.log(0.05), "low": 0.04, "high": 0.0625}
ESTIMATE = NA | {"low_cells": 0.04, "high_cells": 0.0625, "n_cells": 5}


def name_of(cell: str, bath: str) -> str:
    return f"{cell}_{bath}"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Experiment]:
    """Load an experiment of five cells in two baths, some keys, cells of the tables or names changed."""
    monkeypatch.chdir(tmp_path)

    def made(
        changes: Mapping[str, Any] | None = None,
        solutions: str = SOLUTIONS,
        rows: Sequence[str] | None = None,
        header: str = HEADER,
    ) -> Experiment:
        config = yaml.safe_load(yaml.safe_dump(dict(CONFIG)))
        for place, value in (changes or {}).items():
            section, _, key = place.rpartition(".")
            config |= {section: config.get(section, {}) | {key: value}} if section else {place: value}
        Path("data").mkdir(exist_ok=True)
        if rows is None:
            rows = [f"data/{name_of(c, b)}.abf,{c},{b},pipette" for c in CELLS for b in ("control", "high_K")]
        for path in [row.split(",")[0] for row in rows if row.startswith("data/")]:
            Path(path).touch()
        Path("data/solutions.csv").write_text(solutions)
        Path(config.get("recordings") or config["reversals"]).write_text("\n".join([header, *rows]) + "\n")
        return experiments.load(config)

    return made


def frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A result table with some rows as `tables.load` returns it."""
    table = tables.TABLES[name]
    texts = {key: "" for key, column in table.columns.items() if column.type == "text" and column.missing}
    found = pd.DataFrame([complete(table, {**texts, **row}) for row in rows], columns=list(table.columns))
    numbers = [key for key, column in table.columns.items() if column.is_number]
    return found.astype(dict.fromkeys(numbers, float))


def evidence(experiment: Experiment, facts: Mapping[str, Mapping[str, Any]], **rows: Any) -> Evidence:
    """Evidence in which nothing is doubtful but what is given: rows by table, facts and reversals by measurement."""
    of_rows = rows.pop("reversals", {})
    reversals, residuals, of_facts = [], [], []
    for i, row in enumerate(experiment.rows):
        condition = {key: getattr(row.condition, key) for key in ("bath", "pipette", "configuration", "temperature_C")}
        key = {"measurement": row.measurement, "cell": row.cell, "group": row.group, "recording": row.recording}
        reversals.append(key | condition | REVERSAL | {"slope_nS": 5.0} | of_rows.get(row.measurement, {}))
        residual = {"model": MODEL, "measured_mV": -60.0, "predicted_mV": -60.0, "residual_mV": 0.0}
        residuals.append({"measurement": row.measurement, "cell": row.cell, "bath": row.bath} | residual)
        fact = {"sha256": f"bytes {i}", "samples": f"samples {i}", "start_s": DAY + 60.0 * (i + 1), "channel": "IN 0"}
        fact |= {"measurement": row.measurement, "verdict": "", "mismatch_mV": math.nan}
        fact |= {"ramp_mV_per_ms": math.nan, "window_from_ms": math.nan, "prepulse_mV": 0.0}
        of_facts.append(fact | facts.get(row.measurement, {}))
    given = {"permeabilities": [ESTIMATE], "models": [{"model": MODEL}]} | rows
    given |= {"reversal_potentials": reversals, "residuals": rows.get("residuals", residuals)}
    results = {
        name: frame(name, [{"model": MODEL, "reference": "K"} | row for row in given.get(name, [])])
        if name in given
        else frame(name, [])
        for name, table in tables.TABLES.items()
        if table.kind == tables.RESULT
    }
    return Evidence(experiment, results, pd.DataFrame(of_facts))


def iv(
    measurement: str, current_pA: np.ndarray, raw_pA: np.ndarray | None = None, levels: np.ndarray = LEVELS
) -> list[dict[str, Any]]:
    raw = current_pA if raw_pA is None else raw_pA
    return [
        {"measurement": measurement, "level": i, "command_mV": v, "voltage_mV": v, "current_pA": c, "raw_current_pA": r}
        | {"se_pA": 0.5}
        for i, (v, c, r) in enumerate(zip(levels, current_pA, raw, strict=True))
    ]


def activities(**status: str) -> list[dict[str, Any]]:
    return [
        {"temperature_C": 22.0, "solution": solution, "ion": ion, "status": status.get(ion, "sourced")}
        | {"activity_mM": activity}
        for solution, of_ion in (("control", {"Na": 105.0, "K": 4.0}), ("high_K", {"Na": 4.0, "K": 105.0}))
        for ion, activity in of_ion.items()
    ]


def of_cells(values: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"cell": c, "ion": "Na", "ratio": math.exp(v), "ln_ratio": v, "se_ln_ratio": 0.01}
        for c, v in zip(CELLS, values, strict=False)
    ]


def offsets_of(offsets_mV: Sequence[float]) -> pd.Series:
    return pd.Series(offsets_mV, CELLS[: len(offsets_mV)])


def with_offsets(offsets_mV: Sequence[float]) -> list[dict[str, Any]]:
    return [row | {"offset_mV": mV} for row, mV in zip(of_cells([0.0] * len(offsets_mV)), offsets_mV, strict=True)]


def deviation(name: str, size: float, p: float = 1e-4, ion: str = "", statistic: float = 20.0) -> dict[str, Any]:
    return {"test": name, "ion": ion, "statistic": statistic, "p": p, "size": size, "df1": 1.0, "sentence": f"{name}."}


def with_residuals(
    off_mV: Mapping[str, float], se_mV: Mapping[str, float] | None = None, scatter_mV: float = 1.0
) -> list[dict[str, Any]]:
    """Residuals that scatter, some of them off by more, and some with another standard error than 0.5 mV."""
    random = np.random.default_rng(1)
    return [
        {"measurement": (name := name_of(c, b)), "cell": c, "bath": b, "predicted_mV": 0.0}
        | {"residual_mV": float(random.normal(0, scatter_mV)) + off_mV.get(name, 0.0)}
        | {"se_mV": (se_mV or {}).get(name, 0.5)}
        for c in CELLS
        for b in ("control", "high_K")
    ]


ONE = "c1_control"
GATED = np.where(LEVELS > -30, 40.0 * (LEVELS + 30), 0.0) + 5.0 * (LEVELS - 20)
RECTIFIED = 5.0 * (LEVELS + 80) / (1 + np.exp((LEVELS + 60) / 15)) + 0.5 * LEVELS  # a leak beside an inward rectifier
OTHER = {"model": "ghk:davies", **NA}
RAW = {"model": "ghk:pitzer:raw", **NA}
WITH_FACTOR = {"model": f"{MODEL}+pipette", **NA}
FACTOR = {
    **{"model": f"{MODEL}+pipette", "term": "pipette", "verdict": "estimate"},
    **{"factor": 0.85, "low": 0.8, "high": 0.9},
}


def with_rows(**changes: Any) -> list[str]:
    """Rows in which some cells of the table have other values, by the measurement."""
    return [
        f"data/{name_of(c, b)}.abf,{changes.get(name_of(c, b), c)},{b},pipette"
        for c in CELLS
        for b in ("control", "high_K")
    ]


def with_low(components: str, amounts: str) -> str:
    """Solutions of which `low` holds some further components."""
    blank = "," * components.count(",")
    rows = ("control,140,5", "high_K,5,140", "pipette,10,140")
    return "\n".join(
        [f"solution,NaCl,KCl,{components}", *(f"{row},{blank}" for row in rows), f"low,70,5,{amounts}", ""]
    )


WITH_CS = {
    "solutions": "solution,NaCl,KCl,CsCl\ncontrol,140,5,\nhigh_K,5,140,\ncaesium,,,145\npipette,10,140,\n",
    "rows": [*with_rows(), "data/c1_caesium.abf,c1,caesium,pipette"],
}
OF_CS = {"permeabilities": [ESTIMATE, ESTIMATE | {"ion": "Cs"}]}
GROUPS = ("mutant", "wild")
IN_GROUPS = [f"{row},{GROUPS[int(row[6]) > 2]}" for row in with_rows()]
ON_DAYS = {name_of(c, b): {"start_s": 2 * DAY} for c in CELLS[2:] for b in ("control", "high_K")}
OF_GROUPS = [
    ESTIMATE | {"group": group, "se_ln_cells": 0.05, "n_cells": n} for group, n in (("mutant", 2), ("wild", 3))
]
DIFFERENCE = {"group": "mutant", "other_group": "wild", "ion": "Na", "p": 0.01, "low": 0.1, "high": 0.5}

# Code, subject, severity, and what provokes it: changes of the experiment, then of the evidence.
CASES: Sequence[tuple[Code, str, str, Mapping[str, Any], Mapping[str, Any]]] = (
    (Code.NO_REVERSAL, "", "error", {}, {"every": {"verdict": "unreadable", "reason": "is truncated"}}),
    (Code.MODEL_REJECTED, "Na/K", "error", {}, {"permeabilities": [NA | {"verdict": "model_rejected"}]}),
    (Code.NO_RATIO, "", "error", {}, {"permeabilities": [{"ion": "Na", "verdict": "not_identifiable"}]}),
    (Code.NOT_IDENTIFIABLE, "Na/K", "warning", {}, {"permeabilities": [{"ion": "Na", "verdict": "not_identifiable"}]}),
    (
        *(Code.FACTOR, "pipette:Cl", "warning", {}),
        {
            "activity_corrections": [
                {"term": "pipette:Cl", "verdict": "not_identifiable", "reason": "changes as P(Cl) would; add a bath"}
            ]
        },
    ),
    *(
        (
            *(Code.FACTOR_FITS, "Na/K", severity, {}),
            {
                "models": [{"model": MODEL, "aicc": 200.0}, {"model": f"{MODEL}+pipette", "aicc": 170.0}],
                "permeabilities": [ESTIMATE, WITH_FACTOR | {"ratio": other, "ln_ratio": math.log(other)}],
                "activity_corrections": [FACTOR],
            },
        )
        for severity, other in (("warning", 0.07), ("note", 0.0505))
    ),
    (Code.BOUND, "Na/K", "note", {}, {"permeabilities": [{"ion": "Na", "verdict": "upper_bound", "high": 0.1}]}),
    (
        *(Code.HELD, "Na/K", "warning", {}),
        {"permeabilities": [NA | {"verdict": "held", "reason": "at its bound: min 0.05 of fit.parameters"}]},
    ),
    (Code.NO_INTERVAL, "Na/K", "warning", {}, {"permeabilities": [ESTIMATE | {"high": math.nan}]}),
    (Code.ONE_CELL, "Na/K", "warning", {}, {"permeabilities": [ESTIMATE | {"n_cells": 1, "scope": "cell"}]}),
    (Code.FEW_CELLS, "Na/K", "note", {}, {"permeabilities": [ESTIMATE | {"n_cells": 1}]}),
    (Code.FEW_CELLS, "Na/K", "note", {}, {"permeabilities": [ESTIMATE | {"n_cells": 3}]}),
    (Code.SINGLE_BATHS, "", "note", {"changes": {"fit.permeant": ["K", "Na", "Cs"]}, **WITH_CS}, OF_CS),
    (Code.UNTESTED, "", "warning", {}, {"tests": [deviation("lack_of_fit", math.nan, math.nan)]}),
    (Code.LEFT_OUT, "", "warning", {}, {"residuals": [{"measurement": ONE, "cell": "c1", "bath": "control"}]}),
    (
        *(Code.GROSS_ERRORS, "", "note", {}),
        {
            "residuals": [
                {"measurement": ONE, "cell": "c1", "bath": "control", "predicted_mV": 0.0, "p_gross_error": 1.0}
            ]
        },
    ),
    (Code.OUTLYING_CELL, "c5", "warning", {}, {"cells": of_cells([0.0, 0.02, -0.02, 0.01, 1.3])}),
    *(
        (
            *(Code.OUTLYING_MEASUREMENT, "c3_high_K", severity, {}),
            {"residuals": with_residuals({name_of("c3", "high_K"): off_mV}, scatter_mV=0.03)},
        )
        for severity, off_mV in (("warning", 30.0), ("note", 0.8))
    ),
    (
        *(Code.WITHOUT_WEIGHT, "", "note", {}),
        {"residuals": [row | {"measured_mV": 0.0} for row in with_residuals({}, {"c2_control": 400.0})]},
    ),
    (Code.OUTLYING_OFFSET, "c3", "warning", {}, {"cells": with_offsets([0.5, -0.8, 15.0, 0.2, -1.1])}),
    (Code.OFFSETS_OFF_ZERO, "", "warning", {}, {"cells": with_offsets([-10.5, -9.6, -12.9, -11.0, -10.2])}),
    (
        *(Code.SYSTEMATIC_WEIGHTS, "", "warning", {}),
        {"permeabilities": [ESTIMATE | {"reason": ratio_reason(RatioReason.SYSTEMATIC_WEIGHTS, size="+16.2")}]},
    ),
    (
        *(Code.INTERVALS_DISAGREE, "Na/K", "warning", {}),
        {"intervals": [{"ion": "Na", "method": "bootstrap", "low": 0.02, "high": 0.0625, "disagrees": True}]},
    ),
    (
        *(Code.ACTIVITY_ESTIMATED, "Na/K", "warning", {}),
        {
            "permeabilities": [ESTIMATE, OTHER | {"ln_ratio": math.log(0.07)}],
            "solutions": activities(Na="estimated"),
        },
    ),
    (
        *(Code.ACTIVITY_CONVENTION, "Na/K", "warning", {}),
        {"permeabilities": [ESTIMATE, RAW | {"ln_ratio": math.log(0.07)}], "solutions": activities()},
    ),
    (Code.LACK_OF_FIT, "", "warning", {}, {"tests": [deviation("lack_of_fit", math.nan)]}),
    (Code.SHIFT_METHOD, "", "warning", {}, {"tests": [deviation("shift_method", 0.5, ion="Na")]}),
    (
        *(Code.TIME, "", "warning", {}),
        {"tests": [deviation("time", 0.1)], "reversals": {ONE: {"time_s": 0.0}, "c1_high_K": {"time_s": 1800.0}}},
    ),
    (
        *(Code.POTENTIAL, "", "warning", {}),
        {
            "tests": [deviation("potential", 0.1)],
            "residuals": [
                {"measurement": n, "cell": "c1", "bath": n, "predicted_mV": v} for n, v in ((ONE, 0), ("c1_high_K", 50))
            ],
        },
    ),
    (
        *(Code.CONDUCTANCE, "", "warning", {}),
        {"tests": [deviation("conductance", 0.5)], "reversals": {ONE: {"slope_nS": 15.0}}},
    ),
    (Code.MOLE_FRACTION, "", "warning", {}, {"tests": [deviation("mole_fraction", -5.0, ion="K/Na")]}),
    (Code.MOLE_FRACTION, "", "note", {}, {"tests": [deviation("mole_fraction", -1.5, ion="K/Na")]}),
    (
        *(Code.ACCUMULATION, "", "warning", {}),
        {
            "tests": [deviation("accumulation", 3.0)],
            "reversals": {ONE: {"charge_pC": -500.0}, "c1_high_K": {"charge_pC": 500.0}},
        },
    ),
    (
        *(Code.ACCUMULATION, "", "note", {}),
        {
            "tests": [deviation("accumulation", 1.0)],
            "reversals": {ONE: {"charge_pC": -500.0}, "c1_high_K": {"charge_pC": 500.0}},
        },
    ),
    (
        *(Code.ACTIVITY, "", "warning", {}),
        {"tests": [deviation("activity", 3.0, ion="Na")], "solutions": activities()},
    ),
    (
        *(Code.PERMEABILITY_TREND, "", "warning", {}),
        {"tests": [deviation("permeability_trend", 0.3, ion="Na")], "solutions": activities()},
    ),
    (Code.SCATTER, "", "warning", {}, {"tests": [deviation("scatter", 3.0)]}),
    (Code.DUPLICATES, ONE, "warning", {}, {"facts": {n: {"samples": "same"} for n in (ONE, "c2_control")}}),
    (
        *(Code.COPIED, "", "warning"),
        {
            "changes": {"reversals": "data/reversals.csv", "recordings": None},
            "header": "cell,bath,pipette,reversal_mV,se_mV",
            "rows": [
                f"{c},{b},pipette,{-10.12 + i * 1.37},0.4" for i, c in enumerate(CELLS) for b in ("control", "high_K")
            ],
        },
        {},
    ),
    (Code.SAME_START, ONE, "warning", {}, {"facts": {n: {"start_s": DAY + 1} for n in (ONE, "c2_control")}}),
    (Code.CELLS_OF_ONE_NAME, "c1", "warning", {}, {"facts": {ONE: {"start_s": DAY + 86_400}}}),
    (
        *(Code.RECORDING_DIFFERS, ONE, "warning"),
        {"rows": [*with_rows(), "data/c1_low.abf,c1,low,pipette"]},
        {"facts": {ONE: {"start_s": DAY + 86_400}}},
    ),
    (Code.RECORDING_DIFFERS, ONE, "note", {}, {"facts": {ONE: {"channel": "Im_scaled"}}}),
    (
        *(Code.RECORDING_DIFFERS, ONE, "note", {}),
        {
            "facts": {
                name_of(c, b): {"bandwidth_source": "telegraph", "bandwidth_Hz": 1e4 if name_of(c, b) == ONE else 2e3}
                for c in CELLS
                for b in ("control", "high_K")
            }
        },
    ),
    (
        *(Code.DAYS_DIFFER, "", "warning", {}),
        {
            "facts": {name_of(c, b): {"start_s": 2 * DAY} for c in CELLS[3:] for b in ("control", "high_K")},
            "cells": of_cells([0.0, 0.02, -0.02, 0.5, 0.52]),
        },
    ),
    (
        *(Code.DAYS, "", "note", {}),
        {"facts": {name_of("c5", b): {"start_s": 2 * DAY} for b in ("control", "high_K")}},
    ),
    (
        *(Code.FEW_BATCHES, "Na/K", "note", {"header": f"{HEADER},batch", "rows": [f"{row},a" for row in with_rows()]}),
        {"permeabilities": [ESTIMATE | {"se_ln_cells": 0.02}]},
    ),
    (
        *(Code.BATCH_COLUMN, "mouse_id", "note"),
        {"header": f"{HEADER},mouse_id", "rows": [f"{row},m{int(row[6]) % 2}" for row in with_rows()]},
        {},
    ),
    (
        *(Code.COLUMN_DIFFERS, "", "warning"),
        {"header": f"{HEADER},animal", "rows": [f"{row},{'ab'[int(row[6]) > 3]}" for row in with_rows()]},
        {"cells": of_cells([0.0, 0.02, -0.02, 0.5, 0.52])},
    ),
    (
        *(Code.GROUPS_CONFOUNDED, "mutant / wild", "warning", {"header": f"{HEADER},group", "rows": IN_GROUPS}),
        {"comparisons": [DIFFERENCE], "facts": ON_DAYS, "permeabilities": OF_GROUPS},
    ),
    (Code.REFUSED, ONE, "warning", {}, {"reversals": {ONE: {"verdict": "unreadable", "reason": "is truncated"}}}),
    (Code.LIMIT, ONE, "note", {}, {"reversals": {ONE: {"verdict": "no_crossing", "low_mV": 100.0}}}),
    (
        *(Code.TEST_PULSE, ONE, "note", {}),
        {"reversals": {ONE: {"verdict": "no_crossing", "reason": "no I-V curve", "flags": "capacity_serves=21"}}},
    ),
    (Code.ROW_EXCLUDED, ONE, "note", {}, {"reversals": {ONE: {"verdict": "excluded", "reason": "bad seal"}}}),
    (
        *(Code.DEFAULT_CHANGED, ONE, "warning", {}),
        {
            "reversals": {ONE: {"verdict": "ambiguous", "reason": "differs", "remedy": "voltage=recorded"}},
            "facts": {ONE: {"verdict": "ambiguous", "mismatch_mV": 30.0}},
        },
    ),
    (
        Code.LEAK,
        ONE,
        "warning",
        {},
        {"iv": iv(ONE, GATED), "reversals": {ONE: {"reversal_mV": -29.0, "slope_nS": 40.0}}},
    ),
    (Code.TAIL, ONE, "warning", {}, {"reversals": {ONE: {"flags": "left_of_tail=-6.9"}}}),
    (Code.HOLDING_BESIDE, ONE, "warning", {}, {"reversals": {ONE: {"flags": "holding_beside=-4"}}}),
    (Code.OPENS, ONE, "warning", {}, {"reversals": {ONE: {"flags": "flattens=2;before_opening=true"}}}),
    (
        *(Code.AT_STEP, ONE, "warning", {}),
        {"reversals": {ONE: {"flags": "trend=0.3;at_step=1"}}, "facts": {ONE: {"window_from_ms": 0.4}}},
    ),
    (
        *(Code.FLATTENS, ONE, "warning", {}),
        {
            "iv": iv(ONE, 10.0 * (LEVELS + 30) / (1 + np.exp((LEVELS + 85) / 5)) + 1.0 * LEVELS),
            "reversals": {ONE: {"reversal_mV": 0.0, "slope_nS": 1.0}},
        },
    ),
    (
        *(Code.FLATTENS, ONE, "warning", {}),
        {
            "iv": iv(ONE, RECTIFIED),
            "reversals": {ONE: {"reversal_mV": -71.0, "slope_nS": 3.0, "flags": "flattens=2.0"}},
        },
    ),
    (
        *(Code.RS_ERROR, ONE, "warning", {"changes": {"measure.leak": "linear"}}),
        {"iv": iv(ONE, LEVELS + 60, LEVELS + 260), "reversals": {ONE: {"leak_shift_mV": -5.0}}},
    ),
    (Code.RS_UNKNOWN, "", "note", {}, {"reversals": {ONE: {"flags": "rs_unknown=true"}}}),
    (Code.MISMATCH, ONE, "warning", {}, {"reversals": {ONE: {"flags": "command_mismatch=3"}}}),
    (
        *(Code.HUM, ONE, "warning", {}),
        {
            "reversals": {ONE: {"flags": "hum=50", "slope_nS": 2.0}},
            "facts": {ONE: {"hum_Hz": 50.0, "hum_pA": 20.0, "hum_left_pA": 3.0, "ramp_mV_per_ms": math.nan}},
        },
    ),
    (
        *(Code.CAPACITANCE, ONE, "warning", {}),
        {"reversals": {ONE: {"flags": "capacity_unknown=2", "capacitance_shift_mV": -2.0}}},
    ),
    (
        *(Code.CAPACITANCE_CANCELLED, ONE, "warning", {}),
        {
            "reversals": {
                ONE: {"flags": "capacity_unknown=0.1;capacity_cancelled=-2", "capacitance_shift_mV": -2.0},
            },
        },
    ),
    (
        *(Code.CAPACITANCE_STATED, ONE, "warning", {}),
        {
            "reversals": {
                ONE: {"flags": "capacity_unknown=2;capacity_contradicted=30", "capacitance_shift_mV": -2.0},
            },
        },
    ),
    (
        *(Code.FILTER_DELAY, ONE, "warning", {}),
        {"reversals": {ONE: {"flags": "filter_delay=-2.4", "delay_shift_mV": -0.8}}},
    ),
    (
        *(Code.RS_ERROR, ONE, "warning", {}),
        {
            "iv": iv(ONE, LEVELS + 60, LEVELS + 60),
            "reversals": {
                ONE: {"leak_shift_mV": 5.0, "flags": "capacity_removed=50", "capacitance_shift_mV": -3.0},
            },
        },
    ),
    (
        *(Code.SATURATED, ONE, "note", {}),
        {
            "reversals": {ONE: {"flags": "saturated=true"}},
            "facts": {ONE: {"saturated": "at 150 pA in sweeps 3-5"}},
        },
    ),
    (Code.HOLDING, ONE, "warning", {}, {"reversals": {ONE: {"flags": "holding_drift=-2.5"}}}),
    (Code.DRIFT, ONE, "warning", {}, {"reversals": {ONE: {"flags": "drift=-2.5"}}}),
    (Code.DRIFT, ONE, "warning", {}, {"reversals": {ONE: {"flags": "states=1.5", "states": "sweeps 0 -3.0 mV"}}}),
    (Code.ESTIMATORS, ONE, "warning", {}, {"reversals": {ONE: {"flags": "estimators_disagree=-1.5"}}}),
    (Code.STEEPENS, ONE, "warning", {}, {"reversals": {ONE: {"flags": "steepens=2.5"}}}),
    (Code.HYSTERESIS, ONE, "warning", {}, {"reversals": {ONE: {"flags": "hysteresis=true"}}}),
    (Code.FLAGGED, ONE, "note", {}, {"reversals": {ONE: {"flags": "clipped=0.1;trend=0.2"}}}),
    (Code.BELOW_THERMAL, ONE, "note", {}, {"thermodynamics": [{"measurement": ONE, "noise_ratio": 0.5}]}),
    (Code.JUNCTION_NONE, "control", "warning", {"changes": {"junction": {"method": "none"}}}, {}),
    (
        *(Code.JUNCTION_UNKNOWN, "control", "note"),
        {
            "changes": {"reversals": "data/reversals.csv", "recordings": None, "fit.offset_sd_mV": math.inf},
            "header": "cell,bath,pipette,reversal_mV,se_mV",
            "rows": ["c1,control,,-60,1", "c1,high_K,,0,1"],
        },
        {},
    ),
    (
        *(Code.JUNCTION_UNSETTLED, "low", "warning"),
        # By Debye and Hueckel's equation such a mixture of charges of 4 and 2 would part in two: it has no junction.
        {
            "solutions": with_low("spermine4,SO4", "100,200"),
            "rows": [f"data/{c}.abf,{c},low,pipette" for c in CELLS],
            "changes": {"activity": {"model": "debye-huckel"}, "junction.zeroed_in": "same"},
        },
        {},
    ),
    (Code.JUNCTION_SIGN, "control", "warning", {"changes": {"junction.measured_mV": {"control": -40.0}}}, {}),
    (Code.ZEROED_INSIDE, "pipette", "warning", {"changes": {"junction.zeroed_in": "pipette"}}, {}),
    (
        *(Code.UNUSED_BRIDGE, "low", "warning"),
        {"changes": {"junction.reference": {"type": "none", "solution": "low"}}},
        {},
    ),
    (
        *(Code.EXCHANGED, "pipette", "warning"),
        {
            "rows": [f"data/{c}.abf,{c},pipette,control" for c in CELLS],
            "changes": {"junction.zeroed_in": "same"},
        },
        {},
    ),
    (Code.CHARGE, "high_K", "warning", {"solutions": SOLUTIONS.replace("KCl", "K")}, {}),
    (Code.STRENGTH, "high_K", "warning", {"solutions": SOLUTIONS.replace("5,140", "5,9000")}, {}),
    (Code.OSMOLARITY, "low", "note", {"solutions": SOLUTIONS.replace("70,5,150", "30,5,1")}, {}),
    (
        *(Code.OSMOLARITY, "high_K", "warning"),
        {"solutions": SOLUTIONS.replace("5,140", "900,900"), "changes": {"configuration": "outside-out"}},
        {},
    ),
    (Code.FAR_OFF, "high_K", "error", {"solutions": SOLUTIONS.replace("5,140", "5,1400")}, {}),
    (
        *(Code.DECIMAL_SLIP, "high_K", "warning"),
        {"solutions": SOLUTIONS.replace("5,140", "5,14"), "changes": {"dilute_solutions": True}},
        {},
    ),
    (Code.UNLIKE, "high_K", "note", {"solutions": SOLUTIONS.replace("5,140,10", "5,140,60")}, {}),
    (Code.BRIDGE_SLIP, "bridge", "warning", {"solutions": SOLUTIONS + "bridge,,300,\n", "changes": BRIDGED}, {}),
    (Code.FREE_METAL, "low", "warning", {"solutions": with_low("CaCl2,K4-EGTA", "10,15")}, {}),
    (Code.UNKNOWN_COMPLEX, "low", "note", {"solutions": with_low("CdCl2,imidazole,pH", "0.1,5,6.5")}, {}),
    (Code.BOUND_METAL, "low", "note", {"solutions": with_low("CaCl2,EGTA,HEPES,pH,titrant", "4.95,5,10,7.4,NaOH")}, {}),
    (
        Code.CHELATOR_EXCEEDED,
        "low",
        "note",
        {"solutions": with_low("CaCl2,EGTA,HEPES,pH,titrant", "7,5,10,7.4,NaOH")},
        {},
    ),
    (Code.SUPERSATURATED, "low", "note", {"solutions": with_low("CaCl2,Na2HPO4,pH,titrant", "1,9,7.4,HCl")}, {}),
    (Code.UNBUFFERED, "low", "note", {"solutions": with_low("HEPES,pH,titrant", "10,6.2,NaOH")}, {}),
    (
        *(Code.PRECIPITATE_PERMEANT, "low", "error"),
        {"solutions": with_low("TlNO3", "20"), "changes": {"fit.permeant": ["K", "Na", "Cl"]}},
        {},
    ),
    (
        *(Code.PRECIPITATING_RATIO, "Na/Cl", "error"),
        {"solutions": SOLUTIONS.replace("glucose", "TlNO3").replace("high_K,5,140,10", "high_K,5,140,20")}
        | {"changes": {"fit.permeant": ["K", "Na", "Cl"], "fit.reference_ion": "Cl"}},
        {"permeabilities": [ESTIMATE | {"reference": "Cl"}]},
    ),
    (Code.PRECIPITATE, "low", "warning", {"solutions": with_low("BaCl2,Na2SO4", "5,5")}, {}),
    (Code.PRECIPITATE_AT_OWN_PH, "low", "warning", {"solutions": with_low("BaCl2,NaHCO3", "5,5")}, {}),
    (Code.BEYOND_SOLUBILITY, "low", "warning", {"solutions": with_low("Na,Cl", "6000,6000")}, {}),
    (Code.CLOSED_CARBONATE, "low", "note", {"solutions": with_low("NaHCO3", "5")}, {}),
    (
        *(Code.TITRANT, "low", "note"),
        {"solutions": with_low("Tris,pH,titrant,Cl", "10,8.11,HCl,4.5"), "changes": {"temperature_C": 31.7}},
        {},
    ),
    (
        *(Code.CARBONATE_CONTRADICTED, "low", "warning"),
        {"solutions": with_low("NaHCO3,pH,pCO2_mmHg", "5,7.4,38")},
        {},
    ),
    (Code.WINDOW_SECONDS, "", "warning", {"changes": {"measure": {"from_ms": 0.2, "to_ms": 0.4}}}, {}),
    (
        *(Code.OFFSET_VOLTS, "", "warning"),
        {
            "header": f"{HEADER},command_offset_mV",
            "rows": [f"data/{i}.abf,c{i},control,pipette,{-0.07 if i == 1 else -70}" for i in (1, 2, 3)],
        },
        {},
    ),
    (
        *(Code.MOLAR_SOLUTION, "control", "warning"),
        {"solutions": SOLUTIONS.replace("control,140,5,10", "control,0.14,0.005,0.01")},
        {},
    ),
    (Code.ION_ABSENT, "Cs", "warning", {"changes": {"fit.permeant": ["K", "Na", "Cs"]}}, {}),
    (
        Code.CELL_PER_FILE,
        "",
        "warning",
        {"rows": [f"data/c{i}_{b}.abf,{b}{i},{b},pipette" for i in (1, 2) for b in ("control", "high_K")]},
        {},
    ),
    (
        *(Code.SOME_BLANK, "group", "warning"),
        {
            "header": f"{HEADER},group",
            "rows": [f"data/{i}.abf,c{i},control,pipette,{'x' * (i > 1)}" for i in (1, 2, 3)],
        },
        {},
    ),
    (
        *(Code.TEMPERATURES, "", "warning"),
        {
            "changes": {"reversals": "data/reversals.csv", "recordings": None},
            "header": "cell,bath,pipette,reversal_mV,se_mV,temperature_C",
            "rows": [
                f"{c},{b},pipette,{-60 + i / 7 + (b == 'low')},0.1,{2.2 if (i, b) == (1, 'control') else 22}"
                for i, c in enumerate(CELLS)
                for b in ("control", "high_K", "low")
            ],
        },
        {},
    ),
    (Code.TEMPERATURE_UNUSUAL, "", "warning", {"changes": {"temperature_C": 2.2}}, {}),
    (Code.SPELLINGS, "cell", "warning", {"rows": with_rows(c1_high_K="C1")}, {}),
    (Code.OWN_COLUMNS, "", "note", {"header": f"{HEADER},drug", "rows": [f"{row},none" for row in with_rows()]}, {}),
)


def judged(load: Callable[..., Experiment], of: Mapping[str, Any], doubt: Mapping[str, Any]) -> list[Finding]:
    doubt, experiment = dict(doubt), load(**of)
    facts, every = doubt.pop("facts", {}), doubt.pop("every", {})
    if every:
        doubt["reversals"] = {row.measurement: every for row in experiment.rows}
    given = evidence(experiment, facts, **doubt)
    # As the stage sees it: what it does not declare to read is an error there.
    return judge.judge(dataclasses.replace(given, experiment=view(experiment, judge_stage.READS, "judge")))


@pytest.mark.parametrize(("code", "subject", "severity", "of", "doubt"), CASES, ids=[case[0].value for case in CASES])
def test_a_code_is_provoked(
    load: Callable[..., Experiment], code: Code, subject: str, severity: str, of: Any, doubt: Any
) -> None:
    found = judged(load, of, doubt)
    assert [(f.subject, f.severity.value) for f in found if f.code is code][:1] == [(subject, severity)], found
    for row in warning_rows(found):
        assert "{" not in row["sentence"] + row["remedy"]
        assert all(tables.WARNINGS.columns[name].allows(value) for name, value in row.items())


def test_every_code_is_provoked_and_has_words_of_its_own() -> None:
    assert {case[0] for case in CASES} == set(Code)
    assert list(yaml.safe_load(Path(codes.__file__).with_suffix(".yaml").read_bytes())) == list(Code)
    for code in Code:
        assert code.label
        assert code.sentence
        assert code.why
        assert code.rule
        assert isinstance(code.about, About)
    own = [code for code in Code if code.sentence != "{sentence}"]
    assert len({code.sentence for code in own}) == len(own)
    assert {Code.of_test(test) for test in ValidityTest} <= set(Code)


@pytest.mark.parametrize(
    ("parameters", "is_told"),
    [
        ({}, True),
        ({"P_Cs": {"max": 3.0}}, True),
        ({"P_Cs": {"value": 0.9, "vary": False}}, False),
        ({"P_Cs": {"expr": "0.9 * P_Na"}}, False),
        ({"P_Na": {"expr": "0.9 * P_Cs"}}, False),
    ],
)
def test_an_absent_ion_whose_ratio_is_settled_is_none_that_cannot_be_identified(
    load: Callable[..., Experiment], parameters: Mapping[str, Any], is_told: bool
) -> None:
    experiment = load({"fit.permeant": ["K", "Na", "Cs"], "fit.parameters": parameters})
    assert any(finding.code is Code.ION_ABSENT for finding in inputs.findings(experiment)) == is_told


BI_ONIC = "solution,NaCl,KCl,CsCl,MgCl2\npotassium,,140,,1\nsodium,140,,,1\ncaesium,,,140,1\nmixed,70,70,,1\n"


@pytest.mark.parametrize("baths", [("potassium", "sodium", "caesium"), ("sodium", "mixed"), ("sodium",)], ids=" ".join)
def test_sides_are_not_exchanged_under_bi_ionic_conditions(
    load: Callable[..., Experiment], baths: tuple[str, ...]
) -> None:
    rows = [f"data/{name_of(c, b)}.abf,{c},{b},potassium" for c in CELLS for b in baths]
    changes = {"configuration": "inside-out", "junction.zeroed_in": "sodium"}
    made = load(changes, solutions=BI_ONIC, rows=rows)
    assert Code.EXCHANGED not in [finding.code for finding in inputs.findings(made)]


@pytest.mark.parametrize(
    ("configuration", "pipettes", "bath", "is_told"),
    [
        ("whole-cell", ("sodium", "mixed"), "potassium", True),
        ("outside-out", ("sodium",), "potassium", True),
        ("inside-out", ("sodium",), "potassium", False),
        ("whole-cell", ("sodium", "mixed"), "sodium", False),
        ("whole-cell", ("mixed",), "potassium", False),
        ("whole-cell", ("potassium",), "potassium", False),
        ("whole-cell", ("potassium",), "sodium", False),
    ],
)
def test_sides_are_exchanged_where_sodium_is_in_pipettes_alone_and_zeroed_anew(
    load: Callable[..., Experiment], configuration: str, pipettes: tuple[str, ...], bath: str, is_told: bool
) -> None:
    rows = [f"data/{name_of(c, p)}.abf,{c},{bath},{p}" for c in CELLS for p in pipettes]
    changes = {"configuration": configuration, "junction.zeroed_in": "same"}
    made = load(changes, solutions=BI_ONIC, rows=rows)
    assert (Code.EXCHANGED in [finding.code for finding in inputs.findings(made)]) is is_told


@pytest.mark.parametrize(
    ("bath", "pipette", "others", "zeroed_in", "is_told"),
    [
        ("10,20,110", "145,0,0", ("0,145,0",), "control", True),
        ("10,20,110", "145,0,0", ("0,145,0",), "same", True),
        ("10,20,110", "145,0,0", ("145,0,0",), "other0", False),  # the bath of the cells is there
        ("145,0,0", "10,20,110", ("0,145,0",), "control", False),
        ("0,145,0", "145,0,0", ("75,75,0",), "control", False),  # bi-ionic conditions
    ],
)
def test_recipes_of_the_pipette_and_one_bath_are_exchanged(
    load: Callable[..., Experiment], bath: str, pipette: str, others: tuple[str, ...], zeroed_in: str, is_told: bool
) -> None:
    names = ["control", *(f"other{i}" for i in range(len(others)))]
    recipes = "".join(f"{name},{made}\n" for name, made in zip(names, (bath, *others), strict=True))
    solutions = f"solution,NaCl,KCl,K-gluconate\n{recipes}pipette,{pipette}\n"
    rows = [f"data/{name_of(c, b)}.abf,{c},{b},pipette" for c in CELLS for b in names]
    made = load({"junction.zeroed_in": zeroed_in}, solutions=solutions, rows=rows)
    found = {finding.code: finding.subject for finding in inputs.findings(made)}
    assert found.get(Code.EXCHANGED) == ("control" if is_told else None)


@pytest.mark.parametrize(("amount", "is_told"), [(300, True), (3000, False), (150, False), (400, False)])
def test_a_bridge_has_no_cells_and_a_tenth_of_its_salt_is_asked_for(
    load: Callable[..., Experiment], amount: float, is_told: bool
) -> None:
    found = inputs.findings(load(BRIDGED, solutions=SOLUTIONS + f"bridge,,{amount},\n"))
    own = {finding.code for finding in found if finding.subject == "bridge"}
    assert (Code.BRIDGE_SLIP in own) is is_told
    assert Code.OSMOLARITY not in own


def test_sides_are_not_exchanged_where_a_patch_had_several_baths(load: Callable[..., Experiment]) -> None:
    rows = [f"data/{name_of(c, b)}.abf,{c},{b},high_K" for c in CELLS for b in ("high_K", "control")]
    found = inputs.findings(load({"configuration": "inside-out"}, rows=rows))
    assert Code.EXCHANGED not in [finding.code for finding in found]


@pytest.mark.parametrize("configuration", ["whole-cell", "inside-out"])
def test_an_uncorrected_junction_has_the_sign_of_the_command_for_junctions(
    load: Callable[..., Experiment], configuration: str
) -> None:
    made = load({"junction": {"method": "none"}, "configuration": configuration})
    found = judge.judge(evidence(made, {}))
    how = JunctionModel("henderson", "activity", "pitzer:macinnes")
    for bath in ("control", "high_K"):
        (told,) = (each.sentence for each in found if (each.code, each.subject) == (Code.JUNCTION_NONE, bath))
        expected = between_mV(made.solutions, bath, "pipette", 22.0, how)
        assert f"V('{bath}') - V('pipette') = {expected:+z.1f} mV" in told


def test_nothing_is_found_where_nothing_is_doubtful(load: Callable[..., Experiment]) -> None:
    assert judged(load, {}, {}) == []


# Severity


@pytest.mark.parametrize(
    ("effect", "severity"),
    [(0.0, "note"), (0.999, "note"), (1.0, "warning"), (math.inf, "warning")],
)
def test_the_effect_decides_the_severity(effect: float, severity: str) -> None:
    assert Finding(Code.DRIFT, "one", {}, effect).severity == severity
    assert Finding(Code.MODEL_REJECTED, "Na/K", {}, effect).severity == Severity.ERROR


def test_a_potential_counts_from_1_mV_and_a_ratio_from_half_its_interval() -> None:
    assert (of_potential(-1.0), of_potential(0.5), of_potential(math.nan)) == (1.0, 0.5, 0.0)
    half = math.log(4.0 / 1.0) / 2
    assert of_ratio(half, 1.0, 4.0) == pytest.approx(1.0)
    assert of_ratio(-half / 2, 1.0, 4.0) == pytest.approx(0.5)
    assert of_ratio(1.0, math.nan, math.nan) == math.inf
    assert of_ratio(math.nan, 1.0, 4.0) == 0.0


FLAGS = {"drift": (1.9, 2.1), "estimators_disagree": (0.9, 1.1), "command_mismatch": (0.9, 1.1)}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_a_warning_from_1_mV_on(load: Callable[..., Experiment], flag: str) -> None:
    for value, severity in zip(FLAGS[flag], ("note", "warning"), strict=True):
        (finding,) = judged(load, {}, {"reversals": {ONE: {"flags": f"{flag}={value}"}}})
        assert finding.severity == severity


@pytest.mark.parametrize(("total_pA", "severity"), [(90.0, None), (110.0, "warning")])
def test_a_series_resistance_counts_where_current_flows_at_the_zero(
    load: Callable[..., Experiment], total_pA: float, severity: str | None
) -> None:
    doubt = {"iv": iv(ONE, LEVELS + 60, LEVELS + 60 + total_pA), "reversals": {ONE: {"leak_shift_mV": -5.0}}}
    found = judged(load, {"changes": {"measure.leak": "linear"}}, doubt)
    assert [finding.severity for finding in found] == ([severity] if severity else [])


def test_an_open_pore_has_no_leak_to_subtract(load: Callable[..., Experiment]) -> None:
    # GHK current of K alone, 5 mM outside and 140 inside: its slope rises more than tenfold.
    with np.errstate(invalid="ignore"):
        u = (LEVELS + 1e-6) / 25.4
        current = 10 * u * (140 - 5 * np.exp(-u)) / (1 - np.exp(-u))
    assert judged(load, {}, {"iv": iv(ONE, current), "reversals": {ONE: {"reversal_mV": -84.6}}}) == []


@pytest.mark.parametrize(("half_mV", "told"), [(0.2, [(Code.RS_ERROR, "note")]), (2.0, [])])
def test_a_drop_across_an_unknown_resistance_is_told_where_the_interval_is_shorter(
    load: Callable[..., Experiment], half_mV: float, told: Sequence[tuple[Code, str]]
) -> None:
    """60 pA of a leak that was subtracted flow at the zero: 0.6 mV across 10 MOhm."""
    of_zero = {"reversal_mV": -60.0, "low_mV": -60.0 - half_mV, "high_mV": -60.0 + half_mV, "leak_shift_mV": -5.0}
    doubt = {"iv": iv(ONE, LEVELS + 60, LEVELS + 120), "reversals": {ONE: of_zero}}
    found = judged(load, LINEAR, doubt)
    assert [(each.code, each.severity.value) for each in found if each.code is Code.RS_ERROR] == told


@pytest.mark.parametrize("width_mV", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("reversal_mV", [-65.0, -50.0])
def test_an_inward_rectifier_is_warned_of_a_leak_only_beside_one(
    load: Callable[..., Experiment], width_mV: float, reversal_mV: float
) -> None:
    """Where it is closed its slope is the largest that a leak can have."""

    def warned(leak_nS: float) -> set[Code]:
        def current(v: np.ndarray) -> np.ndarray:
            return 30 * (v - reversal_mV) / (1 + np.exp((v - reversal_mV - 10) / width_mV)) + leak_nS * v

        near = reversal_mV + np.arange(-5.0, 10.0, 0.1)
        of_zero = {"reversal_mV": float(np.interp(0.0, current(near), near)), "slope_nS": 25.0}
        found = judged(load, {}, {"iv": iv(ONE, current(LEVELS)), "reversals": {ONE: of_zero}})
        return {finding.code for finding in found if finding.severity == "warning"}

    assert warned(0.0) == set()
    assert warned(1.0) == {Code.FLATTENS}


def test_a_rectifier_that_has_not_closed_at_the_highest_level_has_the_larger_of_two_leaks(
    load: Callable[..., Experiment],
) -> None:
    """Its own current there tilts the line through the last levels, which would leave 0.1 of 2.9 mV."""
    levels = np.arange(-140.0, 41.0, 10.0)

    def current(v: np.ndarray) -> np.ndarray:
        return 14.0 * (v + 55.0) / (1 + np.exp((v + 45.0) / 14.0)) + 0.5 * v

    near = np.arange(-60.0, -45.0, 0.01)
    slope_nS = float(current(np.array([-51.9]))[0] - current(np.array([-52.9]))[0])
    of_zero = {"reversal_mV": float(np.interp(0.0, current(near), near)), "slope_nS": slope_nS}
    rows = iv(ONE, current(levels), levels=levels)
    (finding,) = judged(load, {}, {"iv": rows, "reversals": {ONE: of_zero}})
    assert (finding.code, finding.severity) == (Code.FLATTENS, "warning")
    assert "a leak through 0 mV that carries all of the current at 40 mV" in finding.sentence
    assert finding.effect == pytest.approx(-55.0 - of_zero["reversal_mV"], abs=1.0) or finding.effect > 2.0


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1), ("inside-out", -1)])
def test_a_current_where_channels_are_closed_bounds_a_leak_that_lies_on_no_line(
    load: Callable[..., Experiment], configuration: str, sign: int
) -> None:
    """Calcium channels that begin to open at the lowest levels of the membrane, beside a leak of 0.3 nS."""

    def found(leak_nS: float) -> list[Finding]:
        u = (LEVELS + 1e-6) / 12.7
        channels = 120 * u * (np.exp(-60 / 12.7) - np.exp(-u)) / (1 - np.exp(-u)) / (1 + np.exp(-(LEVELS + 35) / 12))
        of_zero = {"reversal_mV": sign * 60.0, "slope_nS": 3.0, "configuration": configuration}
        current = sign * (channels + leak_nS * LEVELS)[::sign]
        return judged(load, {}, {"iv": iv(ONE, current), "reversals": {ONE: of_zero}})

    (finding,) = found(0.3)
    assert (finding.code, finding.severity) == (Code.LEAK, "warning")
    assert f"a leak through 0 mV that carries all of the current at {-100 * sign} mV is" in finding.sentence
    assert found(0.0) == []


def test_channels_that_open_gradually_in_noise_are_seen_over_more_than_neighbouring_levels(
    load: Callable[..., Experiment],
) -> None:
    """Potassium channels that inactivate, beside a leak of 0.7 nS; the zero is that of neither."""
    levels = np.arange(-90.0, 61.0, 10.0)
    current = 10 * (levels + 90) / (1 + np.exp(-(levels + 20) / 10)) + 0.7 * levels
    rows = [row | {"se_pA": 6.5} for row in iv(ONE, current, levels=levels)]
    found = judged(load, {}, {"iv": rows, "reversals": {ONE: {"reversal_mV": -45.0, "slope_nS": 4.0}}})
    assert [(finding.code, finding.severity) for finding in found] == [(Code.LEAK, "warning")]


@pytest.mark.parametrize(("flag", "told"), [("left_of_tail=-0.5", []), ("left_of_tail=-3", [Code.TAIL])])
@pytest.mark.parametrize("current", [GATED, RECTIFIED], ids=["gated", "rectified"])
def test_straight_levels_of_a_tail_are_no_leak(
    load: Callable[..., Experiment], current: np.ndarray, flag: str, told: Sequence[Code]
) -> None:
    changed = {"reversal_mV": float(LEVELS[np.abs(current).argmin()]), "slope_nS": 40.0, "flags": flag}
    found = judged(load, {}, {"iv": iv(ONE, current), "reversals": {ONE: changed}})
    assert [finding.code for finding in found] == told


@pytest.mark.parametrize(("shift", "told"), [("true", "leaves no zero"), ("1.4", "by +1.4 mV"), ("-0.5", "")])
def test_a_current_before_channels_open_is_told_by_the_shift_of_the_zero(
    load: Callable[..., Experiment], shift: str, told: str
) -> None:
    of_zero = {"reversal_mV": -73.0, "slope_nS": 3.0, "flags": f"before_opening={shift}"}
    found = judged(load, {}, {"iv": iv(ONE, RECTIFIED), "reversals": {ONE: of_zero}})
    assert [finding.code for finding in found] == [Code.OPENS] * bool(told)
    assert all(told in finding.sentence for finding in found)


def test_a_current_that_decays_is_no_rectifier(load: Callable[..., Experiment]) -> None:
    def codes(flags: str) -> list[Code]:
        of_zero = {"reversal_mV": -73.0, "slope_nS": 3.0, "flags": flags}
        return [finding.code for finding in judged(load, {}, {"iv": iv(ONE, RECTIFIED), "reversals": {ONE: of_zero}})]

    assert Code.FLATTENS in codes("")
    assert codes("trend=0.2") == [Code.FLAGGED]


def test_remarks_on_a_measurement_are_sentences_with_units(load: Callable[..., Experiment]) -> None:
    flags = "clipped=0.0013;trend=0.2;moves=1.26;online_subtraction=true"
    (told,) = (each for each in judged(load, {}, {"reversals": {ONE: {"flags": flags}}}) if each.code is Code.FLAGGED)
    (row,) = warning_rows([told])
    assert row["sentence"].endswith(
        "the zero moves by 1.3 mV along the epoch; 0.13 % of the samples in the window are at the limit of the "
        "converter; the current changes along the window by 20 % of its range between sweeps; the protocol subtracts "
        "leak on line"
    )


@pytest.mark.parametrize("artefacts_pA", [(0.0, 60.0), (60.0, 0.0), (-50.0, 40.0)])
def test_a_straight_curve_with_artefacts_is_no_leak(
    load: Callable[..., Experiment], artefacts_pA: tuple[float, float]
) -> None:
    current = 5.0 * (LEVELS + 30)
    current[5:7] += artefacts_pA
    found = judged(load, {}, {"iv": iv(ONE, current), "reversals": {ONE: {"reversal_mV": -30.0, "slope_nS": 5.0}}})
    assert found == []


def test_a_factor_that_is_not_known_is_told_with_the_bath_to_add(load: Callable[..., Experiment]) -> None:
    reason = ratio_reason(RatioReason.FACTOR_OF_ION, term="pipette:K", others="P(K)", collinearity=0.999, ion="K")
    rows = [
        {"term": "pipette:K", "ion": "K", "verdict": "not_identifiable", "reason": reason},
        {"term": "pipette:Cl", "ion": "Cl", "verdict": "estimate", "factor": 0.8, "low": 0.7, "high": 0.9},
        {"term": "pipette", "verdict": "not_identifiable", "model": "ghk:pitzer:macinnes+pipette", "reason": reason},
    ]
    (found,) = judged(load, {}, {"activity_corrections": rows})
    assert found.sentence.endswith("the factor pipette:K changes the potentials as P(K) would (collinearity 0.999)")
    assert found.remedy == "add a bath with more K and one with less, all else equal"


def test_a_test_that_chance_explains_is_a_note(load: Callable[..., Experiment]) -> None:
    others = [deviation(name, 1.0, 0.5, statistic=i) for i, name in enumerate(("scatter", "time", "conductance"))]
    (sure,) = judged(load, {}, {"tests": [deviation("lack_of_fit", math.nan, 0.01), *others]})
    (chance,) = judged(load, {}, {"tests": [deviation("lack_of_fit", math.nan, 0.02), *others]})
    assert (sure.severity, chance.severity) == ("warning", "note")
    assert judged(load, {}, {"tests": others}) == []


def test_tests_of_one_deviation_are_one_finding(load: Callable[..., Experiment]) -> None:
    tests = [deviation("potential", 0.1), deviation("lack_of_fit", math.nan), deviation("activity", 1.0, ion="Na")]
    assert [finding.code for finding in judged(load, {}, {"tests": tests})] == [Code.LACK_OF_FIT]


REJECTED = {"permeabilities": [NA | {"verdict": "model_rejected", "reason": "no set of ratios"}]}


@pytest.mark.parametrize(
    ("of_means", "doubt", "told"),
    [
        (22.0, {}, ["mole_fraction", "time"]),
        (22.0, REJECTED, ["model_rejected", "mole_fraction"]),
        (60.0, {}, ["activity", "lack_of_fit", "mole_fraction", "scatter", "time"]),
        (60.0, REJECTED, ["model_rejected"]),
    ],
)
def test_a_deviation_of_mixtures_is_told_once(
    load: Callable[..., Experiment], of_means: float, doubt: Any, told: Sequence[str]
) -> None:
    """The other tests that see it are not told, nor is it where the means of the baths deviate by more."""
    tests = [
        deviation("lack_of_fit", math.nan, statistic=of_means),
        deviation("mole_fraction", -5.0, ion="Na/K", statistic=20.0),
        deviation("scatter", 3.0, statistic=7.0),
        deviation("activity", 4.0, ion="Na", statistic=15.0),
        deviation("potential", 4.0, 0.2, statistic=2.0),
        deviation("time", 0.1, statistic=16.0),
    ]
    assert sorted(finding.code for finding in judged(load, {}, {"tests": tests} | doubt)) == told


def test_a_deviation_of_mixtures_that_moves_a_ratio_is_a_warning(load: Callable[..., Experiment]) -> None:
    """A deviation of 1.5 mV at equal parts is one of 6 % in a ratio, which counts beside a short interval."""
    tests = [deviation("mole_fraction", -1.5, ion="K/Na")]
    short = {"permeabilities": [ESTIMATE | {"low": 0.048, "high": 0.052}]}
    found = [judged(load, {}, {"tests": tests} | each)[0].severity for each in ({}, short)]
    assert found == ["note", "warning"]


def test_the_heaviest_come_first() -> None:
    found = [
        Finding(Code.DAYS, "", {"n": 2, "first": "a", "last": "b"}, 0.0),
        Finding(Code.DRIFT, "b", {"name": "b", "how": "3.0 mV"}, 1.5),
        Finding(Code.DRIFT, "a", {"name": "a", "how": "9.0 mV"}, 4.5),
        Finding(Code.NO_REVERSAL, "", {"counts": "1 unreadable"}),
        Finding(Code.DRIFT, "a", {"name": "a", "how": "9.0 mV"}, 4.5),
    ]
    assert [(f.code, f.subject) for f in by_weight(found)] == [
        *((Code.NO_REVERSAL, ""), (Code.DRIFT, "a"), (Code.DRIFT, "b"), (Code.DAYS, "")),
    ]


# Remedies that are done already

ROBUST = {"changes": {"fit.robust": True}}
LINEAR = {"changes": {"measure.leak": "linear"}}
CORRECTED = {f"{c}_{b}": {"rs_shift_mV": -1.0} for c in CELLS for b in ("control", "high_K")}
WITH_CURRENT = {"iv": iv(ONE, LEVELS + 60, LEVELS + 260)}
ESTIMATED = {
    "permeabilities": [ESTIMATE, OTHER | {"ln_ratio": math.log(0.07)}],
    "solutions": activities(Na="estimated"),
}


CONTRADICTED = RatioReason.HELD_CONTRADICT.sentence.partition("{")[0]


@pytest.mark.parametrize(
    ("code", "of", "doubt", "remedy"),
    [
        (
            Code.OUTLYING_CELL,
            ROBUST,
            {"cells": of_cells([0.0, 0.02, -0.02, 0.01, 1.3])},
            "check its rows for baths that are exchanged, a sign or a unit, and its recordings and its seal",
        ),
        (Code.SCATTER, ROBUST, {"tests": [deviation("scatter", 3.0)]}, "look for gross errors among the residuals"),
        (
            *(Code.CONDUCTANCE, {}, {"tests": [deviation("conductance", 0.5)], "reversals": CORRECTED}),
            "use smaller currents",
        ),
        (
            *(Code.POTENTIAL, {}, {"tests": [deviation("potential", 0.1)], "reversals": CORRECTED}),
            "a permeability may depend on voltage",
        ),
        (
            *(Code.RS_ERROR, LINEAR),
            WITH_CURRENT | {"reversals": {ONE: {"leak_shift_mV": -5.0, "rs_shift_mV": -6.0}}},
            "subtract no current",
        ),
        (Code.STEEPENS, LINEAR, {"reversals": {ONE: {"flags": "steepens=2.5"}}}, "measure tail currents"),
        (Code.REFUSED, LINEAR, {"reversals": {ONE: {"verdict": "not_a_reversal"}}}, "measure tail currents"),
        (
            *(Code.CAPACITANCE, {}),
            {"reversals": {ONE: {"flags": "capacity_unknown=2;hysteresis=true", "capacitance_shift_mV": -2.0}}},
            "give capacitance_pF",
        ),
        (Code.ACTIVITY_ESTIMATED, {}, ESTIMATED, ""),
        (Code.STRENGTH, {"solutions": SOLUTIONS.replace("5,140", "5,9000")}, {}, ""),
    ],
)
def test_a_remedy_that_is_done_is_not_advised(
    load: Callable[..., Experiment], code: Code, of: Mapping[str, Any], doubt: Mapping[str, Any], remedy: str
) -> None:
    found = next(finding for finding in judged(load, of, doubt) if finding.code is code)
    assert found.remedy == remedy


@pytest.mark.parametrize(
    ("verdicts", "reasons", "told"),
    [
        (("estimate", "estimate"), ("", ""), ["lack_of_fit", "potential"]),
        (("estimate", "held"), ("", "held at 1 by fit.parameters"), ["held", "lack_of_fit", "potential"]),
        (("model_rejected", "held"), ("no set of ratios", "held at 1"), ["model_rejected"] * 2),
        (("held", "held"), (f"{CONTRADICTED}< 0.001)", "held at 1"), ["model_rejected"] * 2),
        (("held", "held"), (f"held at 1; {CONTRADICTED}< 0.001)", "held at 1"), ["model_rejected"] * 2),
        (("held", "held"), ("held at 1", "held at 1"), ["held", "held", "lack_of_fit", "potential"]),
    ],
)
def test_a_rejected_model_is_an_error_of_every_ratio_and_no_test_repeats_it(
    load: Callable[..., Experiment], verdicts: Sequence[str], reasons: Sequence[str], told: Sequence[str]
) -> None:
    rows = [
        ESTIMATE | {"ion": ion, "verdict": verdict, "reason": reason}
        for ion, verdict, reason in zip(("Na", "Cs"), verdicts, reasons, strict=True)
    ]
    tests = [deviation("lack_of_fit", math.nan), deviation("potential", 0.1, statistic=3.0)]
    found = judged(load, {}, {"permeabilities": rows, "tests": tests})
    assert sorted(finding.code for finding in found) == sorted(told)
    errors = [finding.subject for finding in found if finding.severity is Severity.ERROR]
    assert errors == (["Cs/K", "Na/K"] if "model_rejected" in told else [])
    if verdicts == ("model_rejected", "held"):
        assert all("must not be used: no set of ratios" in finding.sentence for finding in found)


def test_means_that_deviate_without_a_rejection_do_not_reject(load: Callable[..., Experiment]) -> None:
    residuals = [
        {"measurement": name_of(c, b), "cell": c, "bath": b, "predicted_mV": 0.0, "residual_mV": r, "offset_mV": 1.0}
        for c in CELLS
        for b, r in (("control", 3.5), ("high_K", -0.5))
    ]
    (found,) = judged(load, {}, {"tests": [deviation("lack_of_fit", math.nan, 0.004)], "residuals": residuals})
    assert "(p = 0.0040; most in bath 'control', by +3.5 mV), but by no more than" in found.sentence
    assert "does not hold" not in found.sentence


def test_a_common_offset_is_no_deviation_of_one_bath(load: Callable[..., Experiment]) -> None:
    residuals = [
        {"measurement": name_of(c, b), "cell": c, "bath": b, "predicted_mV": 0.0, "residual_mV": r, "offset_mV": -4.0}
        for c in CELLS
        for b, r in (("control", -4.03), ("high_K", -3.98))
    ]
    tests = [deviation("lack_of_fit", math.nan)]
    (found,) = judged(load, {}, {"tests": tests, "residuals": residuals})
    assert "most in bath 'control', by -4 mV)" in found.sentence  # not what is left beside the offsets of the cells
    said = "All potentials have a common offset of -3.99 ± 0.45 mV (a junction potential?); the shift method changes"
    tests.append(deviation("shift_method", 0.01, ion="Na") | {"sentence": said})
    (found,) = judged(load, {}, {"tests": tests, "residuals": residuals})
    assert "; all potentials have a common offset of -3.99 ± 0.45 mV (a junction potential?)), but" in found.sentence
    of_one = [row | {"offset_mV": -12.0 if row["cell"] == "c1" else 0.3} for row in residuals]
    found = judged(load, {}, {"tests": tests, "residuals": of_one})
    assert not any("all potentials" in each.sentence for each in found if each.code is Code.LACK_OF_FIT)


@pytest.mark.parametrize(
    ("offsets_mV", "cell"),
    [
        ([0.3, -25.0, 0.0], "c2"),
        ([0.3, 24.0], "c2"),
        ([0.3, 3.0, -2.0], ""),
        ([3.0, -4.0, 5.0, -2.0, 6.0], ""),
        ([15.0], ""),
    ],
)
def test_a_cell_whose_electrode_is_off_is_named(
    load: Callable[..., Experiment], offsets_mV: Sequence[float], cell: str
) -> None:
    found = judged(load, {}, {"cells": with_offsets(offsets_mV), "permeabilities": [ESTIMATE | {"n_cells": 9}]})
    assert [finding.subject for finding in found if finding.code is Code.OUTLYING_OFFSET] == [cell] * bool(cell)


BATHS = ("control", "high_K", "Cs", "NMDG")


def residuals_of(off_mV: Mapping[tuple[str, str], float], seed: int, wide: str = "") -> list[dict[str, Any]]:
    """Residuals of five cells in four baths, each cell with an electrode offset of its own; in one they may scatter."""
    random = np.random.default_rng(seed)
    offsets = dict(zip(CELLS, random.normal(0, 3, len(CELLS)), strict=True))
    return [
        {"measurement": f"{cell} in {bath}", "cell": cell, "bath": bath, "predicted_mV": 0.0}
        | {"residual_mV": offsets[cell] + random.normal(0, 12 if bath == wide else 1.5) + off_mV.get((cell, bath), 0.0)}
        for cell in CELLS
        for bath in BATHS
    ]


def measurements_off(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [finding.subject for _, finding in deviations.outlying_measurements(pd.DataFrame(rows))]


def test_a_measurement_off_the_others_of_its_cell_is_named_and_a_cell_whose_electrode_is_off_is_not() -> None:
    one = [measurements_off(residuals_of({("c2", "Cs"): 30.0}, seed)) for seed in range(100)]
    assert sum(found == ["c2 in Cs"] for found in one) >= 99
    cell = {("c2", bath): 30.0 for bath in BATHS}
    off = [measurements_off(residuals_of(shift, seed)) for shift in ({}, cell) for seed in range(300)]
    assert sum(map(bool, off)) <= 0.02 * len(off)


def test_cells_that_differ_in_one_bath_are_not_off_in_it() -> None:
    assert sum(bool(measurements_off(residuals_of({}, seed, wide="NMDG"))) for seed in range(300)) <= 15


def test_of_two_measurements_of_a_cell_both_are_named() -> None:
    rows = [row for row in residuals_of({("c2", "Cs"): 30.0}, 1) if row["bath"] in ("control", "Cs")]
    ((cell, finding),) = deviations.outlying_measurements(pd.DataFrame(rows))
    assert cell == "c2"
    assert "c2 in Cs" in finding.sentence
    assert "c2 in control" in finding.sentence


@pytest.mark.parametrize("group", ["", "wild"])
def test_an_outlying_measurement_stands_for_the_offset_of_its_cell(load: Callable[..., Experiment], group: str) -> None:
    residuals = with_residuals({name_of("c3", "high_K"): 30.0}, scatter_mV=0.3)
    tables_of = {"cells": with_offsets([0.5, -0.8, 15.0, 0.2, -1.1]), "residuals": residuals}
    doubt = {name: [row | {"group": group} for row in rows] for name, rows in tables_of.items()}
    rows = [f"{row},{group}" for row in with_rows()]
    found = judged(load, {"rows": rows, "header": f"{HEADER},group"}, doubt)
    codes = {finding.code for finding in found}
    assert Code.OUTLYING_MEASUREMENT in codes
    assert Code.OUTLYING_OFFSET not in codes


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        *(("c1", "C 1", True), ("c1", "c01", True), ("1", "1.0", True), ("1", "001", True)),
        *(("2026-1-5", "2026-01-05", True), ("0.5", "0.05", False), ("1", "10", False), ("c1", "c1.1", False)),
    ],
)
def test_names_of_one_number_are_one_cell_s(load: Callable[..., Experiment], one: str, other: str, told: bool) -> None:
    rows = [f"data/{name_of('c1', 'control')}.abf,{one},control,pipette"]
    rows += [f"data/{name_of('c1', 'high_K')}.abf,{other},high_K,pipette"]
    found = judged(load, {"rows": rows}, {"reversals": {}})
    assert any(finding.code is Code.SPELLINGS for finding in found) == told


def test_sound_offsets_are_rarely_called_off(load: Callable[..., Experiment]) -> None:
    """Of the configured scale: 1 % at most."""
    random, told = np.random.default_rng(3), 0
    for _ in range(300):
        offsets_mV = offsets_of(list(random.normal(0.0, 1.0, int(random.integers(2, 6)))))
        told += len(list(deviations._offsets("", offsets_mV, 1.0)))
    assert told <= stats.binom.ppf(0.999, 300, 0.01)


def test_sound_offsets_are_rarely_called_off_zero(load: Callable[..., Experiment]) -> None:
    """Of the configured scale or twice as much, beside an error of the junctions of as much: 1 % at most."""
    random, told = np.random.default_rng(4), 0
    for case in range(600):
        shared = random.normal(0.0, 1.0 * (case % 2))
        offsets_mV = offsets_of(list(shared + random.normal(0.0, 1.0 + case % 2, int(random.integers(2, 6)))))
        told += len(list(deviations._off_zero("", offsets_mV, 1.0, 1.0 * (case % 2))))
    assert told <= stats.binom.ppf(0.999, 600, 0.01)


@pytest.mark.parametrize(("shift_mV", "junction_se_mV", "told"), [(10.0, 1.0, 1), (-10.0, 1.0, 1), (3.0, 3.0, 0)])
def test_potentials_that_share_an_error_are_told_by_the_offsets_of_all_cells(
    shift_mV: float, junction_se_mV: float, told: int
) -> None:
    """Potentials that were corrected twice, the wrong way, or for another reference electrode."""
    offsets_mV = offsets_of([shift_mV + each for each in (0.4, -1.2, 0.9, -0.3, 0.6)])
    assert len(list(deviations._off_zero("", offsets_mV, 1.0, junction_se_mV))) == told


def test_t_of_single_cells_is_no_measure_of_a_robust_fit(load: Callable[..., Experiment]) -> None:
    doubt = {"intervals": [{"ion": "Na", "method": "t", "low": 0.02, "high": 0.0625, "disagrees": True}]}
    assert [f.code for f in judged(load, {}, doubt)] == [Code.INTERVALS_DISAGREE]
    assert judged(load, ROBUST, doubt) == []


def test_a_bath_that_alone_holds_an_ion_is_named(load: Callable[..., Experiment]) -> None:
    """Not the ions of the pipette or of two baths, nor an ion whose bath was not measured."""
    of = {"changes": {"fit.permeant": ["K", "Na", "Cs"]}, **WITH_CS}
    (found,) = judged(load, of, OF_CS)
    assert found.sentence.startswith("in one bath only: Cs (bath 'caesium'); ")
    assert not any(f.code is Code.SINGLE_BATHS for f in judged(load, of | {"rows": with_rows()}, OF_CS))
    filled = of | {"solutions": WITH_CS["solutions"].replace("pipette,10,140,", "pipette,10,130,10")}
    assert judged(load, filled, OF_CS) == []


# Replicates


def recording(cell: str, path: str, **fact: Any) -> tuple[Row, dict[str, Any]]:
    names = {"measurement": path, "cell": cell, "bath": "control", "temperature_C": 22.0, "configuration": "whole-cell"}
    row = row_of_file(path, default_measure(), **names)
    return row, {"sha256": path, "samples": path, "start_s": DAY, "channel": "IN 0"} | fact


def in_group(used: tuple[Row, dict[str, Any]]) -> tuple[Row, dict[str, Any]]:
    row, fact = used
    return dataclasses.replace(row, group="drug", measurement="after"), fact


COPIES: Mapping[str, tuple[Sequence[Any], Code | None]] = {
    "equal bytes": ([recording("a", "1", sha256="x"), recording("b", "2", sha256="x")], Code.DUPLICATES),
    "equal samples": ([recording("a", "1", samples="x"), recording("b", "2", samples="x")], Code.DUPLICATES),
    "a copy in the same cell": ([recording("a", "1", samples="x"), recording("a", "2", samples="x")], Code.DUPLICATES),
    "one file under two cells": ([recording("a", "1"), recording("b", "1")], Code.DUPLICATES),
    "two rows of one file": ([recording("a", "1"), recording("a", "1")], None),
    "one file in two groups": (
        [recording("a", "1", start_s=DAY + 5), in_group(recording("a", "1", start_s=DAY + 5))],
        None,
    ),
    "two channels of one file": ([recording("a", "1"), recording("b", "1", channel="IN 1")], None),
    "equal start": ([recording("a", "1", start_s=DAY + 5), recording("b", "2", start_s=DAY + 5)], Code.SAME_START),
    "equal start of one cell": ([recording("a", "1", start_s=DAY + 5), recording("a", "2", start_s=DAY + 5)], None),
    "no clock": ([recording("a", "1"), recording("b", "2")], None),
    "no day": ([recording("a", "1", start_s=math.nan), recording("b", "2", start_s=math.nan)], None),
    "no samples read": ([recording("a", "1", samples=""), recording("b", "2", samples="")], None),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_told_from_rows_of_one_recording(name: str) -> None:
    used, code = COPIES[name]
    found = list(same_recordings.findings(used))
    assert [finding.code for finding in found] == ([code] if code else [])
    for finding in found:
        assert all(f"{row.recording} (cell {row.cell}" in finding.sentence for row, _ in used)


def test_the_test_between_days_holds_its_level_and_finds_a_day() -> None:
    random, days = np.random.default_rng(4), [datetime.date(2026, 3, day) for day in (1, 1, 2, 2, 3, 3, 4, 4)]
    p = np.array([batches.f_test(random.normal(size=8).tolist(), days)[1] for _ in range(400)])
    assert 0.025 < float((p < 0.05).mean()) < 0.085
    apart = [day.day * 5.0 + noise for day, noise in zip(days, random.normal(size=8), strict=True)]
    assert batches.f_test(apart, days)[1] < 0.01
    assert math.isnan(batches.f_test([1.0, 2.0], days[1:3])[1])
    assert math.isnan(batches.f_test([1.0, 2.0], days[:2])[1])


def test_few_batches_weigh_as_much_as_their_cells_if_these_are_alike(load: Callable[..., Experiment]) -> None:
    """Six alike cells of one batch: the standard error is the root of six times as large."""
    rows = [f"data/{c}_{b}.abf,{c},{b},pipette,day" for c in "abcdef" for b in ("control", "high_K")]
    half = math.log(0.0625 / 0.04) / 2
    for se, severity in ((0.9 * half / 6**0.5, "note"), (1.1 * half / 6**0.5, "warning")):
        doubt = {"permeabilities": [ESTIMATE | {"n_cells": 6, "se_ln_cells": se}]}
        (finding,) = judged(load, {"header": f"{HEADER},batch", "rows": rows}, doubt)
        assert (finding.code, finding.severity) == (Code.FEW_BATCHES, severity)
        assert finding.sentence.startswith("Na/K rests on 6 cells of one batch")


def test_batches_are_those_of_the_cells_that_hold_the_ion(load: Callable[..., Experiment]) -> None:
    """Each cell in one bath: the days of those in `control`, with most of the Na, count where four cells inform."""
    days = {"a": "1", "b": "1", "c": "2", "d": "2", "e": "3", "f": "4", "g": "5"}
    baths = dict(zip(days, ["control"] * 4 + ["low", "high_K", "high_K"], strict=True))
    rows = [f"data/{cell}.abf,{cell},{baths[cell]},pipette,{day}" for cell, day in days.items()]
    for n, told in ((4, ["4 cells of 2 batches"]), (5, ["5 cells of 3 batches"]), (7, [])):
        doubt = {"permeabilities": [ESTIMATE | {"n_cells": n, "se_ln_cells": 0.01}]}
        found = judged(load, {"header": f"{HEADER},batch", "rows": rows}, doubt)
        assert [f.values["cells"] + " of " + f.values["batches"] for f in found] == told


def test_a_batch_for_each_cell_is_none(load: Callable[..., Experiment]) -> None:
    rows = [f"{row},{row[5:7]}" for row in with_rows()]
    assert judged(load, {"header": f"{HEADER},batch", "rows": rows}, {}) == []


def test_groups_are_confounded_where_each_batch_has_one_of_them(load: Callable[..., Experiment]) -> None:
    def codes(batch: Callable[[int], object], **doubt: Any) -> list[str]:
        rows = [f"{row},{batch(int(row[6]))}" for row in IN_GROUPS]
        given = {"comparisons": [DIFFERENCE], "permeabilities": OF_GROUPS} | doubt
        found = judged(load, {"header": f"{HEADER},group,batch", "rows": rows}, given)
        return [f"{f.severity} {f.subject}" for f in found if f.code is Code.GROUPS_CONFOUNDED]

    assert codes(lambda cell: cell > 2) == ["warning mutant / wild"]
    assert codes(lambda cell: (cell > 2) + 10 * (cell > 4)) == ["warning mutant / wild"]
    assert codes(lambda cell: cell % 2) == []
    assert codes(lambda cell: cell) == []
    assert codes(lambda cell: cell > 2, comparisons=[DIFFERENCE | {"p": math.nan}]) == []
    # The same division by the days of the recordings is told once, another one beside it.
    assert codes(lambda cell: cell > 2, facts=ON_DAYS) == ["warning mutant / wild"]
    assert codes(lambda cell: cell % 2, facts=ON_DAYS) == ["warning mutant / wild"]


@pytest.mark.parametrize("column", ["day", "animal", "Mouse ID", "recordingDate", "culture_dish", "animal_no"])
@pytest.mark.parametrize("other", ["drug", "cell_type", "mouse_genotype", "culture_medium", "dishwasher"])
def test_a_column_like_a_batch_is_known_by_its_name(load: Callable[..., Experiment], column: str, other: str) -> None:
    for name, expected in ((column, ["batch_column", "own_columns"]), (other, ["own_columns"])):
        experiment = load(header=f"{HEADER},{name}", rows=[f"{row},{int(row[6]) % 2}" for row in with_rows()])
        assert sorted(f.code for f in inputs.findings(experiment)) == expected


def test_a_column_like_a_batch_is_known_by_its_values(load: Callable[..., Experiment]) -> None:
    def is_told(value: Callable[[int, str], object], header: str = "animal", further: str = "") -> bool:
        rows = [f"{row},{value(int(row[6]), row.split(',')[2])}{further}" for row in with_rows()]
        found = inputs.findings(load(header=f"{HEADER},{header}", rows=rows))
        return any(finding.code is Code.BATCH_COLUMN for finding in found)

    assert is_told(lambda cell, bath: cell % 2)
    assert is_told(lambda cell, bath: cell % 2 if bath == "control" else "")
    assert not is_told(lambda cell, bath: cell)
    assert not is_told(lambda cell, bath: bath)
    assert not is_told(lambda cell, bath: "")
    assert not is_told(lambda cell, bath: cell % 2, "animal,batch", ",x")


def test_a_column_that_divides_as_the_days_do_is_told_once(load: Callable[..., Experiment]) -> None:
    rows = [f"{row},{'ab'[int(row[6]) > 2]}" for row in with_rows()]
    found = judged(load, {"header": f"{HEADER},animal", "rows": rows}, {"facts": ON_DAYS})
    assert sorted(finding.code for finding in found) == ["batch_column", "own_columns"]


def test_one_fact_is_told_once(load: Callable[..., Experiment]) -> None:
    """A column that differs is no longer one that may, nor an ion that is absent one that may not be identifiable."""
    rows = [f"{row},{'ab'[int(row[6]) > 3]}" for row in with_rows()]
    cells = of_cells([0.0, 0.02, -0.02, 0.5, 0.52])
    found = judged(load, {"header": f"{HEADER},animal", "rows": rows}, {"cells": cells})
    assert sorted(finding.code for finding in found) == ["column_differs", "own_columns"]
    absent = {"permeabilities": [ESTIMATE, {"ion": "Cs", "verdict": "not_identifiable", "reason": "no Cs"}]}
    found = judged(load, {"changes": {"fit.permeant": ["K", "Na", "Cs"]}}, absent)
    assert [finding.code for finding in found] == ["not_identifiable"]


@pytest.mark.parametrize("apart", [0.5, 0.0])
def test_dates_in_names_divide_the_cells_where_no_clock_does(load: Callable[..., Experiment], apart: float) -> None:
    names = [f"2026-03-{10 + (i > 2)}_c{i}" for i in range(5)]
    rows = [f"{c},{b},pipette,{-60 + i / 7},0.1" for i, c in enumerate(names) for b in ("control", "high_K")]
    changes = {"reversals": "data/reversals.csv", "recordings": None}
    of = {"changes": changes, "header": "cell,bath,pipette,reversal_mV,se_mV", "rows": rows}
    values = np.array([0.0, 0.02, -0.02, apart, apart + 0.02])
    cells = [row | {"cell": name} for row, name in zip(of_cells(values.tolist()), names, strict=True)]
    residuals = [
        {
            "measurement": f"{c}:{b}",
            "cell": c,
            "bath": b,
            "measured_mV": -60.0,
            "predicted_mV": -60.0,
            "residual_mV": 0.0,
        }
        for c in names
        for b in ("control", "high_K")
    ]
    facts = {f"{c}:{b}": {"start_s": math.nan} for c in names for b in ("control", "high_K")}
    found = judged(load, of, {"cells": cells, "residuals": residuals, "facts": facts})
    (told,) = [finding for finding in found if finding.code in (Code.DAYS_DIFFER, Code.DAYS)]
    assert told.code is (Code.DAYS_DIFFER if apart else Code.DAYS)
    if not apart:
        assert "from 2 days (2026-03-10 to 2026-03-11)" in told.sentence


def test_tables_of_potentials_have_columns_like_batches_too(load: Callable[..., Experiment]) -> None:
    rows = [f"{c},{b},pipette,-60,1,{int(c[1]) % 2}" for c in CELLS for b in ("control", "high_K")]
    changes = {"reversals": "data/reversals.csv", "recordings": None}
    experiment = load(changes=changes, header="cell,bath,pipette,reversal_mV,se_mV,animal", rows=rows)
    assert Code.BATCH_COLUMN in {finding.code for finding in inputs.findings(experiment)}


def test_a_batch_settles_the_days(load: Callable[..., Experiment]) -> None:
    rows = [f"{row},day {row[6]}" for row in with_rows()]
    doubt: Mapping[str, Any] = {"facts": {name_of("c5", b): {"start_s": 2 * DAY} for b in ("control", "high_K")}}
    assert judged(load, {"header": f"{HEADER},batch", "rows": rows}, doubt) == []


def test_a_cell_lies_off_only_beyond_its_own_error() -> None:
    values, se = np.array([0.0, 0.1, -0.1, 0.05, 1.5]), np.full(5, 0.01)
    assert ratios.outlying(values, se)[0] == 4  # type: ignore[index]
    assert ratios.outlying(values, np.array([0.01, 0.01, 0.01, 0.01, 2.0])) is None
    assert ratios.outlying(values[:3], se[:3]) is None
    random = np.random.default_rng(2)
    off = [ratios.outlying(random.normal(size=6), np.full(6, 0.01)) is not None for _ in range(300)]
    assert 0.02 < np.mean(off) < 0.09


def test_few_sound_ratios_have_an_outlying_cell_that_is_a_warning() -> None:
    """The test finds one in twenty; a warning needs a shift by half of the others' interval besides."""
    random, n = np.random.default_rng(5), 1000
    warned = 0
    for _ in range(n):
        values = random.normal(size=int(random.integers(4, 13)))
        off = ratios.outlying(values, np.zeros(len(values)))
        if off is not None:
            i, theirs, _ = off
            ends = ratios._interval(np.delete(values, i), 0.0, 0.95)
            warned += of_ratio((values[i] - theirs) / len(values), *ends) >= 1
    assert warned <= 0.03 * n


@pytest.mark.parametrize(("off", "severity"), [(0.7, "note"), (2.0, "warning"), (20.0, "warning")])
def test_an_outlying_cell_does_not_hide_behind_the_interval_that_it_widens(
    load: Callable[..., Experiment], off: float, severity: str
) -> None:
    """The reported interval holds the outlier; however far it lies, the interval of the others has the same length."""
    cells = of_cells([0.0, 0.1, -0.1, 0.05, off])
    half = math.log(1.3) + off / 5
    ratio = ESTIMATE | {"low": 0.05 * math.exp(-half), "high": 0.05 * math.exp(half), "se_ln_shared": 0.02}
    found = judged(load, {}, {"cells": cells, "permeabilities": [ratio]})
    assert [finding.severity for finding in found if finding.code is Code.OUTLYING_CELL] == [severity]


def test_one_of_several_ratios_has_an_outlying_cell_by_chance(load: Callable[..., Experiment]) -> None:
    cells = of_cells([0.0, 0.1, -0.1, 0.05, 0.85])
    for further, severity in (([], "warning"), ([ESTIMATE | {"ion": ion} for ion in ("Cs", "Li", "Rb", "Cl")], "note")):
        found = judged(load, {}, {"cells": cells, "permeabilities": [ESTIMATE, *further]})
        assert [f.severity for f in found if f.code is Code.OUTLYING_CELL] == [severity]


def temperatures(
    load: Callable[..., Experiment], degrees: Callable[[int, str], float], mV: float = -60.0
) -> list[Finding]:
    """Return what is told of the temperatures of five cells in three baths."""
    rows = [
        f"{c},{b},pipette,{mV + i / 7 + len(b):.2f},0.1,{degrees(i, b):g}"
        for i, c in enumerate(CELLS)
        for b in ("control", "high_K", "low")
    ]
    header = "cell,bath,pipette,reversal_mV,se_mV,temperature_C"
    experiment = load({"reversals": "data/reversals.csv", "recordings": None}, rows=rows, header=header)
    return [finding for finding in inputs.findings(experiment) if finding.code is Code.TEMPERATURES]


@pytest.mark.parametrize(
    ("degrees", "mV", "severity"),
    [
        (lambda i, bath: 2.2 if (i, bath) == (3, "low") else 22, -60.0, "warning"),
        (lambda i, bath: 2.2 if (i + len(bath)) % 3 == 0 else 22, -60.0, "warning"),
        (lambda i, bath: 32 if (i, bath) == (3, "low") else 22, -60.0, "warning"),
        (lambda i, bath: 2.2 if (i, bath) == (3, "low") else 22, 1.0, "note"),  # near 0 mV
        (lambda i, bath: 37 if bath == "low" else 22, -60.0, "note"),  # the bath is heated in every cell
        (lambda i, bath: 37 if i > 2 else 22, -60.0, ""),  # cells of two temperatures
        (lambda i, bath: 22 + 0.5 * i + 0.02 * len(bath), -60.0, ""),
    ],
)
def test_temperatures_within_a_cell_are_told_with_their_effect(
    load: Callable[..., Experiment], degrees: Callable[[int, str], float], mV: float, severity: str
) -> None:
    assert [finding.severity for finding in temperatures(load, degrees, mV)] == ([severity] if severity else [])


def test_a_temperature_in_a_cell_is_told_with_the_potential(load: Callable[..., Experiment]) -> None:
    (finding,) = temperatures(load, lambda i, bath: 2.2 if (i, bath) == (0, "low") else 22)
    assert "differ by up to 19.8 C: c1:low:2.2 (2.2 C), beside 22 C" in finding.sentence
    assert f"up to {57 * 19.8 / 295.15:.1f} mV off if that is a slip and no series" in finding.sentence


def test_a_series_of_temperatures_is_a_note(load: Callable[..., Experiment]) -> None:
    rows = [
        f"{c},{b},pipette,{-60 - degrees / 5 - i / 7:.2f},0.1,{degrees}"
        for i, c in enumerate(CELLS)
        for b in ("low", "high_K")
        for degrees in (15, 22, 30)
    ]
    header = "cell,bath,pipette,reversal_mV,se_mV,temperature_C"
    experiment = load({"reversals": "data/reversals.csv", "recordings": None}, rows=rows, header=header)
    (finding,) = [each for each in inputs.findings(experiment) if each.code is Code.TEMPERATURES]
    assert finding.severity == "note"


def test_the_temperatures_of_recordings_are_told_with_what_was_measured(load: Callable[..., Experiment]) -> None:
    rows = [f"{row},{2.2 if row.startswith('data/c3_c') else 22}" for row in with_rows()]
    found = judged(load, {"header": f"{HEADER},temperature_C", "rows": rows}, {})
    (finding,) = [each for each in found if each.code is Code.TEMPERATURES]
    assert (finding.severity, "c3_control (2.2 C)" in finding.sentence) == ("warning", True)


# What is shown


def test_the_console_names_recordings_ratios_and_warnings(load: Callable[..., Experiment], tmp_path: Path) -> None:
    experiment = load()
    refused = {
        n: {"verdict": "unreadable", "reason": f"{n} is truncated"} for n in ("c1_control", "c2_control", "c3_control")
    }
    of = evidence(experiment, {}, permeabilities=[ESTIMATE | {"n_cells": 1, "scope": "cell"}], reversals=refused)
    found = frame("warnings", list(warning_rows(judge.judge(of))))
    end = outcome.Outcome(of.reversals, of.of_model("permeabilities"), found, MODEL, Path("folder"))
    lines = list(end.lines())
    assert lines[:3] == [
        "Recordings: 7 used, 3 refused, 0 excluded.",
        "Permeability ratios (GHK equation, activities by Pitzer's equations, MacInnes convention):",
        "  Na/K  0.050 [0.040, 0.062], n = 1, estimate; warning: one cell",
    ]
    assert lines[3].startswith("warning: Na/K rests on one cell")
    assert lines[4].startswith("warning: c1_control (unreadable): c1_control is truncated")
    assert lines[4].endswith("The same kind: c2_control and c3_control.")
    assert lines[-1] == "Report: folder/results/report.html"
    content = end.as_dict()
    assert content["recordings"] == {"used": 7, "refused": 3, "excluded": 0}
    assert content["ratios"][0]["ratio"] == 0.05
    assert [row["code"] for row in content["warnings"]] == ["one_cell", *["refused"] * 3]


def test_a_ratio_of_a_precipitating_ion_carries_the_error(load: Callable[..., Experiment]) -> None:
    """BaCl2 and Na2SO4: the error names the part of the permeant ion, and stands beside Ba/K, not beside Na/K."""
    salts = with_low("BaCl2,Na2SO4", "20,2")
    rows = [f"data/{name_of(c, b)}.abf,{c},{b},pipette" for c in CELLS for b in ("control", "low")]
    experiment = load({"fit.permeant": ["K", "Na", "Ba"]}, salts, rows)
    both = [ESTIMATE | {"ion": "Ba"}, ESTIMATE]
    of = evidence(experiment, {}, permeabilities=both)
    found = frame("warnings", list(warning_rows(judge.judge(of))))
    (solution,) = found[found["code"] == Code.PRECIPITATE_PERMEANT]["sentence"]
    assert "10 % of the Ba is not dissolved" in solution
    lines = list(outcome.Outcome(of.reversals, of.of_model("permeabilities"), found, MODEL, Path("folder")).lines())
    assert "estimate; error: permeant ion precipitates" in lines[2]
    assert lines[3].endswith(", n = 5, estimate")
    (beside,) = words.beside_ratio(found, {"group": "", "ion": "Ba", "reference": "K"})
    assert (beside.severity, beside.text) == ("error", "permeant ion precipitates")


def test_a_ratio_carries_what_qualifies_it(load: Callable[..., Experiment]) -> None:
    assert named("wild", "Na/K") == "wild: Na/K"
    assert named("", "Na/K") == "Na/K"
    assert named("wild", "") == "wild"
    assert words.words({"sentence": "n is -3: copies?", "remedy": "keep one"}) == "n is \u22123: copies? Keep one."
    assert words.words({"sentence": "it drifts", "remedy": "wait"}) == "it drifts; wait."


def test_findings_of_one_kind_are_one_paragraph() -> None:
    rows = [
        {"severity": "note", "about": "ratio", "subject": f"{ion}/Na", "code": "few_cells", "sentence": f"{ion}: few"}
        for ion in ("K", "Cs", "Li", "Rb")
    ]
    rows.append(rows[0] | {"severity": "warning", "code": "no_interval", "sentence": "K: open"})
    results = Results({"warnings": frame("warnings", [row | {"remedy": ""} for row in rows])}, (), {})
    shown = [block.text for block in words.texts(results, About.RATIO, {"K/Na", "Cs/Na", "Li/Na"})]
    assert shown == ["Note: K: few. The same kind: Cs/Na and Li/Na.", "Warning: K: open."]


def test_findings_before_the_run_are_those_after_it(load: Callable[..., Experiment]) -> None:
    experiment = load(solutions=SOLUTIONS.replace("70,5,150", "30,5,1"))
    before = inputs.findings(experiment)
    assert [str(finding) for finding in before] == [
        "data/solutions.csv: solution 'low': osmolality 68 mOsm/kg, outside the 150 to 450 of solutions for vertebrate "
        "cells; check the recipe for a forgotten substance"
    ]
    assert judge.judge(evidence(experiment, {})) == before


def test_days_that_differ_are_found_and_days_alike_are_not() -> None:
    """Five ratios of twelve cells of three days; they differ between days three times as much as within, or not."""
    rng, days = np.random.default_rng(1), [datetime.date(2026, 3, 1 + i % 3) for i in range(12)]

    def told(spread: float) -> bool:
        of_day = spread * rng.standard_normal((5, 3))
        values = np.tile(of_day, 4) + 0.1 * rng.standard_normal((5, 12))
        return min(batches.f_test(list(of_one), days)[1] for of_one in values) * 5 < 0.05

    assert np.mean([told(0.3) for _ in range(60)]) > 0.9
    assert np.mean([told(0.0) for _ in range(200)]) < 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_cells_of_equal_potentials_are_copies(load: Callable[..., Experiment]) -> None:
    rows = [
        f"{cell},{bath},pipette,{mV},0.5"
        for cell, of in (("c1", 0.0), ("c2", 0.0), ("c3", 0.01))
        for bath, mV in (("control", -60.12 + of), ("high_K", 1.23 + of), ("low", -44.56 + of))
    ]
    changes = {"reversals": "data/reversals.csv", "recordings": None}
    experiment = load(changes=changes, header="cell,bath,pipette,reversal_mV,se_mV", rows=rows)
    (finding,) = [each for each in inputs.findings(experiment) if each.code is Code.DUPLICATES]
    assert "(cell c1, bath control) and " in finding.sentence
    assert "equal potentials in 3 conditions" in finding.sentence
    assert finding.remedy == "keep one of them, or correct column 'cell'"


def test_recordings_of_equal_potentials_are_copies(load: Callable[..., Experiment]) -> None:
    mV = {("c1", "control"): -61.234567, ("c1", "high_K"): 1.345678, ("c2", "control"): -61.234567}
    mV |= {("c2", "high_K"): 1.345678}
    doubt = {
        name_of(c, b): {"raw_mV": mV.get((c, b), -60.123456 + i + j / 3), "se_mV": 0.1}
        for i, c in enumerate(CELLS)
        for j, b in enumerate(("control", "high_K"))
    }
    (finding,) = judged(load, {}, {"reversals": doubt})
    assert (finding.code, finding.subject) == (Code.DUPLICATES, "c1_control")
    assert finding.sentence.startswith("data/c1_control.abf (cell c1, bath control) and data/c2_control.abf")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ghk:davies", "GHK equation, activities by the Davies equation"),
        ("ghk:concentration", "GHK equation, concentrations in place of activities"),
        (
            "ghk:pitzer:raw+pipette",
            "GHK equation, activities by Pitzer's equations, raw convention, with fitted activity factors (pipette)",
        ),
    ],
)
def test_a_model_is_told_in_words(name: str, words: str) -> None:
    assert model_words(name) == words
