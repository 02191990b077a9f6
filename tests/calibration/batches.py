"""Cells of a few days whose ratios differ by day, while the table names no batch: how often the judgement says so.

Experiments are drawn and fitted as in `ratios`, their single cells as in the analysis; what is asked is the judgement
of a run on tables that hold what it reads. The days stand once in the start times of the recordings, once in a column
of the user's own; either must be told.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration import ratios
from nernstfit.contract import settings
from nernstfit.contract.severity import Severity
from nernstfit.contract.terms import Configuration, PotentialVerdict, RatioVerdict
from nernstfit.experiment.records import Experiment, Row, row_of_file
from nernstfit.judgement import batches, inputs
from nernstfit.judgement.evidence import Evidence
from nernstfit.judgement.made import DAY_S
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.single_cells import cell_ratios

LEAST_TOLD = 0.9  # of experiments with hidden batches (contract)
MAX_FALSE = 0.05  # of experiments whose days are alike that are warned of, at the level of the test
MODEL = "ghk"
_COLUMN, _START_S = "animal", 700_000.5 * DAY_S


@dataclass(frozen=True)
class Calibration:
    """One row: cells of some days."""

    name: str
    cells: ratios.Calibration


@dataclass
class Tally:
    """Outcomes of one row: experiments with any finding on batches, and with a warning."""

    cases: int = 0
    told: int = 0
    warned: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def faults(self, row: Calibration) -> tuple[str, ...]:
        """Return deviations from what is expected."""
        found = []
        if self.told < LEAST_TOLD * self.cases:
            found.append(f"told in {self.told / self.cases:.3f}")
        if row.cells.batch_spread and self.warned < LEAST_TOLD * self.cases:
            found.append(f"warned in {self.warned / self.cases:.3f}")
        excess = 3 * math.sqrt(MAX_FALSE * (1 - MAX_FALSE) / self.cases)
        if not row.cells.batch_spread and self.warned > (MAX_FALSE + excess) * self.cases:
            found.append(f"falsely warned in {self.warned / self.cases:.3f}")
        return tuple(found)


def calibrate(row: Calibration, cases: int, seed: int) -> Tally:
    """Draw, fit and judge so many experiments of one row."""
    rng, tally = np.random.default_rng([seed, *row.name.encode()]), Tally()
    for _ in range(cases):
        data, bath, _ = ratios.draw(row.cells, rng, whole=False)
        ways = _evidence(row.cells.experiment, replace(data, batches=()), bath, data.batches)
        found = [[*inputs.batch_findings(way.experiment), *batches.findings(way)] for way in ways]
        tally.cases += 1
        tally.told += all(found)
        tally.warned += all(any(each.severity is Severity.WARNING for each in of_way) for of_way in found)
        tally.codes.update({str(each.code) for of_way in found for each in of_way})
    return tally


def _evidence(
    experiment: ratios.Experiment, data: Observations, bath: NDArray[np.int64], days: tuple[str, ...]
) -> Iterator[Evidence]:
    """Yield what a run of the experiment would be judged by: the days in the start times, then in a column."""
    names = [f"{cell}:{experiment.baths[i]}" for cell, i in zip(data.cells, bath.tolist(), strict=True)]
    tables = {
        "models": pd.DataFrame({"model": [MODEL]}),
        "reversal_potentials": pd.DataFrame({"measurement": names, "verdict": PotentialVerdict.REVERSAL}),
        "comparisons": pd.DataFrame(columns=["group", "other_group", "model", "p"]),
    }
    of_fit = _of_fit(fit(data, experiment.reference, ratios.SCALE_MV), names, experiment)
    tables |= {name: pd.DataFrame(list(rows)) for name, rows in of_fit.items()}
    start_s = [_START_S + DAY_S * int(day.removeprefix("b")) for day in days]
    for facts, column in ((pd.DataFrame({"measurement": names, "start_s": start_s}), ""), (pd.DataFrame(), _COLUMN)):
        rows = tuple(_row(name, {column: day} if column else {}) for name, day in zip(names, days, strict=True))
        yield Evidence(Experiment(experiment.settings, experiment.solutions, rows), tables, facts)


def _row(name: str, own: Mapping[str, str]) -> Row:
    """Return the row of one measurement with columns of the user's own."""
    cell, _, bath = name.partition(":")
    given: Mapping[str, Any] = {"measurement": name, "cell": cell, "bath": bath, "pipette": "pipette"}
    given |= {"temperature_C": ratios.TEMPERATURE_C, "configuration": Configuration.WHOLE_CELL}
    return row_of_file("", settings.default_measure(), **given, user_columns=own)


def _of_fit(result: Fit, names: list[str], experiment: ratios.Experiment) -> dict[str, Iterator[dict[str, Any]]]:
    """Return the rows of the fit's tables, as far as the judgement of batches reads them."""
    data, key = result.data, {"model": MODEL, "group": ""}
    residual_mV = (data.potential_mV - result.predicted_mV).tolist()
    return {
        "residuals": (
            key | {"cell": cell, "bath": name.partition(":")[2], "residual_mV": residual}
            for cell, name, residual in zip(data.cells, names, residual_mV, strict=True)
        ),
        "cells": (
            key | {"cell": cell.cell, "ion": cell.ion, "ln_ratio": cell.ln_ratio}
            for cell in cell_ratios(result, experiment.settings.fit)
        ),
        "permeabilities": (
            key | {"ion": ion, "reference": experiment.reference, "verdict": RatioVerdict.ESTIMATE}
            for ion in experiment.ions[1:]
        ),
    }


_USUAL = ratios.ROWS[0].experiment
_THREE = replace(
    _USUAL,
    baths=("control", "potassium", "low_chloride"),
    ratios={ion: _USUAL.ratios[ion] for ion in ("Na", "K", "Cl")},
)
_DAYS = ratios.Calibration("", _THREE, cells=12, batches=3)
_HIDDEN = replace(_DAYS, batch_spread=0.45)  # three times as much as the cells of a day

ROWS = (
    Calibration("hidden batches", _HIDDEN),
    Calibration("days that are alike", _DAYS),
)
