"""Stage 4: permeability ratios, models side by side, residuals, slopes and the correction ladder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from nernstfit import tables
from nernstfit.experiment import Experiment, Row
from nernstfit.permeability import evidence, intervals, slopes, verdicts
from nernstfit.permeability.data import Data
from nernstfit.permeability.evidence import Measured
from nernstfit.permeability.model import Fit, fit
from nernstfit.permeability.verdicts import ESTIMATE, NOTHING, Ratio
from nernstfit.physics.coefficients import NAMES
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.ions import IONS, Ion
from nernstfit.reversal.verdict import NO_CROSSING, REVERSAL
from nernstfit.settings import Settings
from nernstfit.solutions import Condition

_DECADE = math.log(10.0)
_TELLING_SE = 0.5  # of ln ratio; a cell that knows less of an ion tells nothing of it
_MOST_NAMED = 6
_NO_REVERSAL = "no measurement has a reversal potential under this model: its ions can pass in one direction only"
_OFFSET_SCALE_MV = 1.0  # where the configuration leaves the offsets free


@dataclass(frozen=True)
class Model:
    """One way to explain the potentials: an activity model and the ions that pass."""

    name: str
    activity: str
    permeant: tuple[str, ...]
    reference: str
    corrected: bool = False  # a factor on the pipette's activities is fitted

    @property
    def is_ghk(self) -> bool:
        """Whether ratios are fitted; else one ion alone passes."""
        return self.name.startswith("ghk:")


@dataclass(frozen=True)
class Group:
    """Measurements fitted together, and their rows of the table of reversal potentials."""

    name: str
    rows: pd.DataFrame
    measured: Measured


def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Fit every group under every model.

    Parameters
    ----------
    inputs : mapping
        `reversals`: the table of reversal potentials.
    outputs : mapping
        `permeabilities`, `cells`, `models`, `residuals`, `nernst_slopes`, `corrections`,
        `intervals`.
    experiment : Experiment
    """
    groups, models = list(_groups(inputs["reversals"], experiment)), configured_models(experiment.settings)
    content: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
    for group in groups:
        judged = _Judged(experiment)
        for model in models:
            _add(content, group, model, experiment, judged, models[0])
        _compare(content["models"], group.name)
        content["nernst_slopes"] += _slopes(group, experiment)
        content["corrections"] += _ladder(group, models[0], experiment, judged)
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
}


def configured_models(settings: Settings, known: Mapping[str, Ion] = IONS) -> list[Model]:
    """List the models that are compared, the configured one first."""
    permeant, reference = settings.fit.permeant, settings.fit.reference_ion
    own = settings.activity.name
    # The convention decides what a divalent's ratio is: there the others are shown beside it.
    divalent = settings.activity.model == "pitzer" and any(abs(known[ion].valence) > 1 for ion in permeant)
    others = [name for name in NAMES if name.startswith("pitzer:") and divalent]
    activities = dict.fromkeys([own, "concentration", *others])
    ghk = [Model(f"ghk:{name}", name, permeant, reference) for name in activities]
    if settings.fit.activity_correction == "pipette":
        ghk.insert(0, Model(f"ghk:{own}+pipette", own, permeant, reference, corrected=True))
    nernst = [Model(f"nernst:{ion}", own, (ion,), ion) for ion in sorted(permeant)]
    return ghk + nernst


def _groups(path: str, experiment: Experiment) -> Iterator[Group]:
    """Groups that have a reversal potential: these, and what limits of others are known."""
    table = tables.load(path, tables.REVERSAL_POTENTIALS)
    known = {row.measurement: row for row in experiment.rows}
    measured = table["verdict"] == REVERSAL
    limited = (table["verdict"] == NO_CROSSING) & table[["low_mV", "high_mV"]].notna().any(axis=1)
    for name, rows in table[measured | limited].groupby("group", sort=True):
        if (rows["verdict"] == REVERSAL).any():
            yield Group(str(name), rows, _measured(rows, known))


def _measured(rows: pd.DataFrame, known: Mapping[str, Row]) -> Measured:
    """What the fit takes of some rows of the table; a limit is known as well as the median potential."""
    conditions = tuple(
        Condition(r.bath, r.pipette, r.configuration, float(r.temperature_C), known[r.measurement].zeroed_in)
        for r in rows.itertuples()
    )
    is_limit = (rows["verdict"] == NO_CROSSING).to_numpy()
    low = rows["low_mV"].to_numpy(float)
    limit = np.where(np.isfinite(low), low, rows["high_mV"].to_numpy(float))
    se = np.hypot(rows["se_mV"], rows["further_se_mV"].fillna(0.0)).to_numpy(float)
    batches = tuple(known[name].batch for name in rows["measurement"])
    return Measured(
        tuple(rows["measurement"]),
        tuple(rows["cell"]),
        conditions,
        np.where(is_limit, limit, rows["corrected_mV"].to_numpy(float)),
        np.where(is_limit, np.median(se[~is_limit]), se),
        np.array([known[name].averages for name in rows["measurement"]]),
        tuple(np.where(is_limit, np.where(np.isfinite(low), 1, -1), 0).tolist()) if is_limit.any() else (),
        batches if any(batches) else (),
    )


class _Judged:
    """The ratios of one group under whatever was fitted to it, each fit judged once: steps may change nothing."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._known: dict[tuple[Any, ...], tuple[Fit, tuple[Ratio, ...]]] = {}

    def __call__(
        self, measured: Measured, model: Model, scale_mV: float, with_junction: bool
    ) -> tuple[Fit, tuple[Ratio, ...]]:
        """Fit measurements that the model predicts, and judge their ratios."""
        numbers = (measured.potential_mV.tobytes(), measured.se_mV.tobytes())
        how = (model.activity, model.permeant, model.corrected, scale_mV, with_junction)
        key = (measured.measurement, *numbers, *how)
        if key not in self._known:
            data = _data(measured, model, self._experiment)
            result = fit(data, model.reference, scale_mV, robust=self._experiment.settings.fit.robust)
            shared, _ = _shared(measured, model, result, self._experiment, with_junction)
            self._known[key] = result, verdicts.ratios(result, shared, self._experiment.settings.fit.confidence)
        return self._known[key]


def _add(
    content: dict[str, list[dict[str, Any]]],
    group: Group,
    model: Model,
    experiment: Experiment,
    judged: _Judged,
    first: Model,
) -> None:
    """Fit one model to one group and append its rows."""
    settings = experiment.settings
    data = _data(group.measured, model, experiment)
    unknown, why = evidence.unknown_side(
        group.measured, experiment.solutions, model.permeant, settings.fit.offset_sd_mV
    )
    predictable = np.isfinite(data.predict(np.zeros(data.coordinates))) & ~unknown
    key = {"group": group.name, "model": model.name}
    notes = (_left_out(group.measured, predictable, why), _ghk_form(model, experiment.solutions.known))
    row = key | {"activity": model.activity, "permeant": " ".join(model.permeant), "n_data": int(predictable.sum())}
    predicted = np.full(data.size, math.nan)
    offsets: dict[str, float] = {}
    if predictable.any():
        usable = data.subset(np.flatnonzero(predictable).tolist())
        scale, robust = settings.fit.offset_sd_mV, settings.fit.robust
        likely = fit(usable, model.reference, scale, restricted=False, robust=robust)
        part = _part(group.measured, predictable)
        result, ratios = judged(part, model, scale, with_junction=True)
        predicted[predictable] = result.predicted_mV
        offsets = dict(zip(usable.cell_names, result.offsets_mV, strict=True))
        if predictable.all():
            row |= _likelihood(likely)
        if model.is_ghk:
            said = (*notes, verdicts.pipette_factor(result, settings.fit.confidence))
            content["permeabilities"] += [key | {"reference": model.reference} | _ratio(r, said) for r in ratios]
            cells = list(_cells(key, result, settings))
            content["cells"] += cells
            content["intervals"] += _intervals(key, result, ratios, cells, model == first, settings)
    elif model.is_ghk:
        reason = why or _NO_REVERSAL
        missing = [Ratio(ion, NOTHING, reason) for ion in model.permeant if ion != model.reference]
        content["permeabilities"] += [key | {"reference": model.reference} | _ratio(ratio) for ratio in missing]
    content["models"].append(row)
    content["residuals"] += _residuals(key, group, predicted, offsets)


def _data(measured: Measured, model: Model, experiment: Experiment) -> Data:
    return evidence.data(measured, experiment.solutions, model.permeant, model.activity, corrected=model.corrected)


def _part(measured: Measured, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> Measured:
    return measured.subset(np.flatnonzero(keep).tolist())


def _shared(
    measured: Measured, model: Model, result: Fit, experiment: Experiment, with_junction: bool
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], tuple[str, ...]]:
    return evidence.shared_errors_mV(
        measured, experiment.solutions, model.permeant, model.activity, result.ln_p, experiment.settings, with_junction
    )


def _likelihood(result: Fit) -> dict[str, Any]:
    n, k = result.data.size, result.n_parameters
    # AICc's correction has no meaning where the data do not outnumber the parameters by two.
    aicc = -2 * result.log_likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else math.nan
    return {
        "n_parameters": k,
        "chi_square": result.chi_square,
        "log_likelihood": result.log_likelihood,
        "aicc": aicc,
    }


def _left_out(measured: Measured, predictable: np.ndarray[Any, np.dtype[np.bool_]], why: str) -> str:
    """What the model cannot predict and therefore is not fitted to."""
    lost = np.flatnonzero(~predictable)
    if len(lost) == 0 or not predictable.any():
        return ""
    names = [measured.measurement[i] for i in lost]
    baths = sorted({measured.conditions[i].bath for i in lost})
    which = f"{', '.join(names[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else ''}"
    have, are = ("has", "is") if len(lost) == 1 else ("have", "are")
    reason = f" ({why})" if why else f" {have} no reversal potential with these ions and"
    return (
        f"{len(lost)} of {len(measured.measurement)} measurements{reason} {are} left out (bath {', '.join(baths)}: "
        f"{which})"
    )


def _ghk_form(model: Model, known: Mapping[str, Ion]) -> str:
    """Which of the forms in use the ratios belong to, where an ion carries more than one charge."""
    if all(abs(known[ion].valence) == 1 for ion in model.permeant):
        return ""
    what = "concentrations" if model.activity == "concentration" else "activities"
    return f"GHK current equation with z^2 and {what}"


def _compare(rows: list[dict[str, Any]], group: str) -> None:
    """Differences of AICc within a group, among models of the same data."""
    own = [row for row in rows if row["group"] == group and math.isfinite(row.get("aicc", math.nan))]
    least = min((row["aicc"] for row in own), default=math.nan)
    for row in own:
        row["delta_aicc"] = row["aicc"] - least


def _ratio(ratio: Ratio, notes: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "ion": ratio.ion,
        "verdict": ratio.verdict,
        "ratio": math.exp(ratio.ln_ratio) if ratio.verdict == ESTIMATE else math.nan,
        "low": ratio.low,
        "high": ratio.high,
        "ln_ratio": ratio.ln_ratio,
        "low_cells": ratio.low_cells,
        "high_cells": ratio.high_cells,
        "se_ln_cells": ratio.se_ln_cells,
        "se_ln_shared": ratio.se_ln_shared,
        "df": ratio.df,
        "n_cells": ratio.n_cells,
        "reason": "; ".join(filter(None, (ratio.reason, *notes))),
    }


def _cells(key: Mapping[str, Any], result: Fit, settings: Settings) -> Iterator[dict[str, Any]]:
    """Ratios of each cell from its own measurements, its offset as uncertain as offsets are among the cells."""
    data, z = result.data, float(stats.norm.ppf(0.5 + settings.fit.confidence / 2))
    one = data.with_factor(result.ln_p)
    offset_sd = math.inf if math.isinf(settings.fit.offset_sd_mV) else result.spread.offset_mV
    for c, name in enumerate(data.cell_names):
        own = one.subset(data.blocks[c][data.blocks[c] >= 0].tolist())
        alone = fit(own, result.reference, offset_sd, robust=settings.fit.robust)
        told = _told(alone, z)
        n_baths = len({(tuple(own.inside[i]), tuple(own.outside[i])) for i in range(own.size)})
        for ion in data.ions:
            if ion != result.reference:
                values = told.get(ion, {}) | {"n_baths": n_baths, "offset_mV": float(result.offsets_mV[c])}
                yield {**key, "cell": name, "ion": ion} | values


def _intervals(
    key: Mapping[str, Any],
    result: Fit,
    ratios: Sequence[Ratio],
    cells: Sequence[Mapping[str, Any]],
    configured: bool,
    settings: Settings,
) -> Iterator[dict[str, Any]]:
    """Intervals side by side; those of the configured model are checked by other methods."""
    found = list(intervals.reported(ratios))
    if configured:
        of_cells = {
            ion: [c["ln_ratio"] for c in cells if c["ion"] == ion and "ln_ratio" in c] for ion in result.data.ions
        }
        found += intervals.checks(result, ratios, of_cells, settings.fit.confidence, settings.fit.seed)
    for interval in found:
        disagrees = interval.disagrees if interval.method not in (intervals.DEFAULT, intervals.CELLS) else None
        yield {
            **key,
            "ion": interval.ion,
            "method": interval.method,
            "low": interval.low,
            "high": interval.high,
            "disagrees": disagrees,
        }


def _told(alone: Fit, z: float) -> dict[str, dict[str, float]]:
    """The ratios that one cell tells by itself, each with its interval."""
    told = {}
    for j, i in enumerate(alone.free):
        se, ln_ratio = math.sqrt(alone.covariance[j, j]), float(alone.ln_p[i])
        if j not in alone.loose and se < _TELLING_SE:
            low, high = math.exp(ln_ratio - z * se), math.exp(ln_ratio + z * se)
            told[alone.data.ions[i]] = {
                "ratio": math.exp(ln_ratio),
                "low": low,
                "high": high,
                "ln_ratio": ln_ratio,
                "se_ln_ratio": se,
            }
    return told


def _residuals(
    key: Mapping[str, Any], group: Group, predicted: np.ndarray[Any, Any], offsets: Mapping[str, float]
) -> list[dict[str, Any]]:
    measured = group.measured
    # A limit is no potential that could be off what the model predicts.
    known = np.where(np.array(measured.sides or (0,)) == 0, measured.potential_mV, math.nan)
    return [
        {
            **key,
            "measurement": measured.measurement[i],
            "cell": measured.cell[i],
            "bath": group.rows["bath"].iloc[i],
            "measured_mV": known[i],
            "se_mV": measured.se_mV[i] if math.isfinite(known[i]) else math.nan,
            "predicted_mV": predicted[i],
            "residual_mV": known[i] - predicted[i],
            "offset_mV": offsets.get(measured.cell[i], math.nan) if math.isfinite(predicted[i]) else math.nan,
        }
        for i in range(len(measured.cell))
    ]


def _slopes(group: Group, experiment: Experiment) -> Iterator[dict[str, Any]]:
    """One slope per permeant ion, against its activity in the bath."""
    settings = experiment.settings
    measured = _part(group.measured, np.array(group.rows["verdict"] == REVERSAL))
    for ion in settings.fit.permeant:
        in_bath = np.array(
            [
                experiment.solutions.activity_mM(c.bath, [ion], settings.activity.name, c.temperature_C)[0]
                for c in measured.conditions
            ]
        )
        slope = slopes.within_cells(measured.cell, in_bath, measured.potential_mV, settings.fit.confidence)
        theory = np.mean([_DECADE * thermal_voltage_mV(c.temperature_C) * c.sign for c in measured.conditions])
        yield {
            "group": group.name,
            "ion": ion,
            "n": slope.n,
            "slope_mV_per_decade": slope.slope,
            "low": slope.low,
            "high": slope.high,
            "theoretical_mV_per_decade": float(theory) / experiment.solutions.known[ion].valence,
        }


def _ladder(group: Group, model: Model, experiment: Experiment, judged: _Judged) -> Iterator[dict[str, Any]]:
    """Fit the configured ions after each correction, each on top of the last.

    Until the last step an offset is no property of its cell but counts as scatter of every single
    measurement, of the size that the configuration gives.
    """
    rows, own, scale = group.rows, group.measured, experiment.settings.fit.offset_sd_mV
    unknown, _ = evidence.unknown_side(own, experiment.solutions, model.permeant, scale)
    always_free = any(not c.pipette for c in own.conditions)
    scattered = replace(own, se_mV=np.hypot(own.se_mV, scale if math.isfinite(scale) else _OFFSET_SCALE_MV))
    sign = np.array([c.sign for c in own.conditions])
    raw = rows["raw_mV"].to_numpy(float)
    leak, series = (rows[name].fillna(0.0).to_numpy(float) for name in ("leak_shift_mV", "rs_shift_mV"))
    commands = {"none": raw, "leak": raw + leak, "series_resistance": raw + leak + series}
    # A limit is a level of the command, to which the junction alone was added.
    is_limit, added = rows["verdict"].to_numpy() != REVERSAL, rows["junction_mV"].fillna(0.0).to_numpy(float)
    for step in tables.LADDER:
        measured = own if step == "offset" else scattered
        if step in commands:
            potential = np.where(is_limit, own.potential_mV - added, sign * commands[step])
            measured = replace(measured, potential_mV=potential)
        activity = model.activity if step in ("activity", "offset") else "concentration"
        at_step = replace(model, activity=activity, corrected=model.corrected and step == "offset")
        data = _data(measured, at_step, experiment)
        predictable = np.isfinite(data.predict(np.zeros(data.coordinates))) & ~unknown
        if not predictable.any():
            continue
        part = _part(measured, predictable)
        _, ratios = judged(part, at_step, scale if step == "offset" or always_free else 0.0, step not in commands)
        for ratio in ratios:
            values = _ratio(ratio)
            keys = ("ion", "ratio", "low", "high", "verdict")
            yield {"group": group.name, "step": step} | {key: values[key] for key in keys}
