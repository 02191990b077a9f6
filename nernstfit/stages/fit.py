"""Stage 4: permeability ratios, models side by side, residuals, slopes, the correction ladder, and what follows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.contract.terms import PotentialVerdict, RatioVerdict
from nernstfit.experiment.records import Experiment, Row
from nernstfit.experiment.views import stage
from nernstfit.permeability.error_propagation import propagate
from nernstfit.permeability.inference import ratios as ratio_inference
from nernstfit.permeability.inference.comparisons import compare
from nernstfit.permeability.inference.diagnostics import Covariates, run_tests
from nernstfit.permeability.inference.error_budget import budget
from nernstfit.permeability.inference.intervals import alternative_intervals, reported_intervals
from nernstfit.permeability.inference.model_selection import (
    Model,
    candidates,
    factor_is_identifiable,
    with_correction,
    without_doubtful_ions,
)
from nernstfit.permeability.inference.ratios import FitResult, Ratio
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations, unknown_inside, without_activities
from nernstfit.solutions.conditions import Condition
from nernstfit.stages import rows

READS = (
    "rows.measurement",
    "rows.condition",
    "rows.n_cells",
    "rows.batch",
    "settings.junction",
    "settings.activity",
    "settings.fit",
    "settings.uncertainty",
    "solutions",
)
_NO_REVERSAL = "no measurement has a reversal potential under this model: its ions can pass in one direction only"
_OFFSET_SCALE_MV = 1.0  # where the configuration leaves the offsets free


@dataclass(frozen=True)
class Group:
    """Measurements fitted together, and their rows of the table of reversal potentials."""

    name: str
    rows: pd.DataFrame
    measured: Observations


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Fit every group under every model, compare the groups, and ask what the configured model leaves.

    Parameters
    ----------
    inputs : mapping
        `reversals`: the table of reversal potentials.
    outputs : mapping
        `permeabilities`, `cells`, `models`, `residuals`, `nernst_slopes`, `corrections`,
        `intervals`, `comparisons`, `tests`, `error_budget`.
    experiment : Experiment
    """
    models, confidence = candidates(experiment.settings), experiment.settings.fit.confidence
    content: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
    configured: dict[str, FitResult] = {}
    for group in _groups(inputs["reversals"], experiment):
        judge, more = _FitCache(experiment), []
        keep, _ = _predictable(group.measured, models[0], experiment)
        if keep.any():
            part = group.measured.subset(np.flatnonzero(keep).tolist())
            found = configured[group.name] = judge(part, models[0], experiment.settings.fit.offset_sd_mV)
            more = list(_more_models(models, part, found, experiment))
            key = {"group": group.name, "model": models[0].name}
            content["tests"] += _tests(key, found, group.rows[keep], experiment)
            content["error_budget"] += _budget(key, found)
        of_models = [_add(content, group, model, experiment, judge) for model in (*models, *more)]
        rows.compare_models(of_models)
        content["models"] += of_models
        content["intervals"] += _checks(content, configured.get(group.name), group.name, models[0], experiment)
        content["nernst_slopes"] += rows.slope_rows(group.name, _reversals(group), experiment)
        content["corrections"] += _ladder(group, models[0], experiment, judge)
    key = {"model": models[0].name, "reference": models[0].reference}
    content["comparisons"] += [rows.comparison_row(key, each) for each in compare(configured, confidence)]
    for name, table in _TABLES.items():
        tables.write(outputs[name], table, content[name], first_model=models[0].name)


_TABLES = {
    "permeabilities": tables.PERMEABILITIES,
    "cells": tables.CELLS,
    "models": tables.MODELS,
    "residuals": tables.RESIDUALS,
    "nernst_slopes": tables.NERNST_SLOPES,
    "corrections": tables.CORRECTIONS,
    "intervals": tables.INTERVALS,
    "comparisons": tables.COMPARISONS,
    "tests": tables.TESTS,
    "error_budget": tables.ERROR_BUDGET,
}


def _groups(path: str, experiment: Experiment) -> Iterator[Group]:
    """Groups that have a reversal potential: these, and what limits of others are known."""
    table = tables.load(path, tables.REVERSAL_POTENTIALS)
    known = {row.measurement: row for row in experiment.rows}
    measured = table["verdict"] == PotentialVerdict.REVERSAL
    limited = (table["verdict"] == PotentialVerdict.NO_CROSSING) & table[["low_mV", "high_mV"]].notna().any(axis=1)
    for name, of in table[measured | limited].groupby("group", sort=True):
        if (of["verdict"] == PotentialVerdict.REVERSAL).any():
            yield Group(str(name), of, _measured(of, known))


def _measured(rows: pd.DataFrame, known: Mapping[str, Row]) -> Observations:
    """What the fit takes of some rows of the table; a limit is known as well as the median potential."""
    conditions = tuple(
        Condition(r.bath, r.pipette, r.configuration, float(r.temperature_C), known[r.measurement].condition.zeroed_in)
        for r in rows.itertuples()
    )
    is_limit = (rows["verdict"] == PotentialVerdict.NO_CROSSING).to_numpy()
    low = rows["low_mV"].to_numpy(float)
    limit = np.where(np.isfinite(low), low, rows["high_mV"].to_numpy(float))
    se = np.hypot(rows["se_mV"], rows["further_se_mV"].fillna(0.0)).to_numpy(float)
    batches = tuple(known[name].batch for name in rows["measurement"])
    observations = without_activities(
        tuple(rows["measurement"]),
        tuple(rows["cell"]),
        conditions,
        np.where(is_limit, limit, rows["corrected_mV"].to_numpy(float)),
        np.where(is_limit, np.median(se[~is_limit]), se),
        np.array([known[name].n_cells for name in rows["measurement"]]),
    )
    sides = tuple(np.where(is_limit, np.where(np.isfinite(low), 1, -1), 0).tolist()) if is_limit.any() else ()
    return replace(observations, limit_side=sides, batches=batches if any(batches) else ())


class _FitCache:
    """The ratios of one group under whatever is fitted to it, each fit judged once: steps may change nothing."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._known: dict[tuple[Any, ...], FitResult] = {}

    def __call__(self, measured: Observations, model: Model, scale_mV: float, with_junction: bool = True) -> FitResult:
        """Fit measurements that the model predicts, and judge their ratios."""
        numbers = (measured.potential_mV.tobytes(), measured.se_mV.tobytes())
        how = (model.activity, model.permeant, model.corrected, scale_mV, with_junction)
        key = (measured.measurements, *numbers, *how)
        if key not in self._known:
            settings = self._experiment.settings
            data = _data(measured, model, self._experiment)
            result = fit(data, model.reference, scale_mV, robust=settings.fit.robust)
            errors = propagate(
                measured.conditions,
                self._experiment.solutions,
                model.permeant,
                model.activity,
                settings,
                with_junction,
            )
            systematic_mV, names = errors.shift_mV(result.ln_p), errors.names
            ratios = ratio_inference.ratios(result, systematic_mV, settings.fit.confidence)
            self._known[key] = FitResult(result, ratios, systematic_mV, names)
        return self._known[key]


def _more_models(
    models: Sequence[Model], measured: Observations, configured: FitResult, experiment: Experiment
) -> Iterator[Model]:
    """Models that the data of a group ask for, beside those that are compared in any case."""
    yield from without_doubtful_ions(models[0], configured.ratios, configured.fit)
    corrected = with_correction(models[0])
    if not models[0].corrected and factor_is_identifiable(configured.fit, _data(measured, corrected, experiment)):
        yield corrected


def _add(
    content: dict[str, list[dict[str, Any]]], group: Group, model: Model, experiment: Experiment, judge: _FitCache
) -> dict[str, Any]:
    """Fit one model to one group and append its rows; returns that of the table of models."""
    settings, n = experiment.settings, len(group.measured.cells)
    keep, why = _predictable(group.measured, model, experiment)
    key = {"group": group.name, "model": model.name}
    row = key | {"activity": model.activity, "permeant": " ".join(model.permeant), "n_data": int(keep.sum())}
    predicted = np.full(n, math.nan)
    offsets: dict[str, float] = {}
    reference = key | {"reference": model.reference}
    if keep.any():
        part = group.measured.subset(np.flatnonzero(keep).tolist())
        data, scale, robust = _data(part, model, experiment), settings.fit.offset_sd_mV, settings.fit.robust
        if model.is_ghk:
            found = judge(part, model, scale)
            result = found.fit
            notes = (
                rows.left_out(group.measured, keep, why),
                rows.ghk_form(model, experiment.solutions.known),
                ratio_inference.pipette_factor(result, settings.fit.confidence),
            )
            content["permeabilities"] += [reference | rows.ratio_row(ratio, notes) for ratio in found.ratios]
            content["cells"] += rows.cell_rows(key, result, settings, rows.of_unknown_inside(group.measured))
            content["intervals"] += rows.interval_rows(key, reported_intervals(found.ratios))
        else:
            result = fit(data, model.reference, scale, robust=robust)
        predicted[keep] = result.predicted_mV
        offsets = dict(zip(data.cell_names, result.offsets_mV.tolist(), strict=True))
        if keep.all():
            row |= rows.likelihood_row(fit(data, model.reference, scale, restricted=False, robust=robust))
    elif model.is_ghk:
        missing = [
            Ratio(ion, RatioVerdict.NOT_IDENTIFIABLE, why or _NO_REVERSAL)
            for ion in model.permeant
            if ion != model.reference
        ]
        content["permeabilities"] += [reference | rows.ratio_row(ratio) for ratio in missing]
    content["residuals"] += rows.residual_rows(key, group.measured, predicted, offsets)
    return row


def _checks(
    content: Mapping[str, list[dict[str, Any]]],
    found: FitResult | None,
    group: str,
    model: Model,
    experiment: Experiment,
) -> Iterator[dict[str, Any]]:
    """Intervals of the configured model by other methods."""
    if found is None:
        return
    key, settings = {"group": group, "model": model.name}, experiment.settings.fit
    of_cells: dict[str, list[float]] = {}
    for cell in content["cells"]:
        if (cell["group"], cell["model"]) == (group, model.name) and "ln_ratio" in cell:
            of_cells.setdefault(cell["ion"], []).append(cell["ln_ratio"])
    yield from rows.interval_rows(
        key, alternative_intervals(found.fit, found.ratios, of_cells, settings.confidence, settings.seed)
    )


def _tests(
    key: Mapping[str, Any], found: FitResult, of: pd.DataFrame, experiment: Experiment
) -> Iterator[dict[str, Any]]:
    """Whether the configured model holds; `of` are the rows of the table that were fitted."""
    settings = experiment.settings
    model, permeant = settings.activity.name, settings.fit.permeant
    in_bath = [
        experiment.solutions.activity_mM(row.bath, permeant, model, float(row.temperature_C)) for row in of.itertuples()
    ]
    about = Covariates(np.array(in_bath), of["time_s"].to_numpy(float), of["slope_nS"].to_numpy(float))
    for outcome in run_tests(found.fit, about, settings.fit.confidence, found.estimates):
        yield rows.test_row(key, outcome)


def _budget(key: Mapping[str, Any], found: FitResult) -> Iterator[dict[str, Any]]:
    """Where the errors of the configured model's estimates come from."""
    for share in budget(found.fit, found.systematic_mV, found.names, found.estimates):
        yield rows.budget_row(key, share)


def _data(measured: Observations, model: Model, experiment: Experiment) -> Observations:
    return measured.under(experiment.solutions, model.permeant, model.activity, fit_factor=model.corrected)


def _predictable(measured: Observations, model: Model, experiment: Experiment) -> tuple[NDArray[np.bool_], str]:
    """Which measurements have a reversal potential under a model, and what is not known of the others."""
    data = _data(measured, model, experiment)
    scale = experiment.settings.fit.offset_sd_mV
    unknown, why = unknown_inside(measured, experiment.solutions, model.permeant, scale)
    return np.isfinite(data.predict(np.zeros(data.n_coefficients))) & ~unknown, why


def _reversals(group: Group) -> Observations:
    """What was measured of a group, without limits."""
    return group.measured.subset(np.flatnonzero(group.rows["verdict"] == PotentialVerdict.REVERSAL).tolist())


def _ladder(group: Group, model: Model, experiment: Experiment, judge: _FitCache) -> Iterator[dict[str, Any]]:
    """Fit the configured ions after each correction, each on top of the last.

    Until the last step an offset is no property of its cell but counts as scatter of every single
    measurement, of the size that the configuration gives.
    """
    of, own, scale = group.rows, group.measured, experiment.settings.fit.offset_sd_mV
    always_free = any(not c.pipette for c in own.conditions)
    scattered = replace(own, se_mV=np.hypot(own.se_mV, scale if math.isfinite(scale) else _OFFSET_SCALE_MV))
    sign = np.array([c.sign for c in own.conditions])
    raw = of["raw_mV"].to_numpy(float)
    leak, series = (of[name].fillna(0.0).to_numpy(float) for name in ("leak_shift_mV", "rs_shift_mV"))
    commands = {"none": raw, "leak": raw + leak, "series_resistance": raw + leak + series}
    # A limit is a level of the command, to which the junction alone was added.
    is_limit, added = (
        of["verdict"].to_numpy() != PotentialVerdict.REVERSAL,
        of["junction_mV"].fillna(0.0).to_numpy(float),
    )
    for step in tables.LADDER:
        measured = own if step == "offset" else scattered
        if step in commands:
            potential = np.where(is_limit, own.potential_mV - added, sign * commands[step])
            measured = replace(measured, potential_mV=potential)
        activity = model.activity if step in ("activity", "offset") else "concentration"
        at_step = replace(model, activity=activity, corrected=model.corrected and step == "offset")
        keep, _ = _predictable(measured, at_step, experiment)
        if not keep.any():
            continue
        part, free = measured.subset(np.flatnonzero(keep).tolist()), step == "offset" or always_free
        found = judge(part, at_step, scale if free else 0.0, with_junction=step not in commands)
        for ratio in found.ratios:
            values = rows.ratio_row(ratio)
            keys = ("ion", "ratio", "low", "high", "verdict")
            yield {"group": group.name, "step": step} | {key: values[key] for key in keys}
