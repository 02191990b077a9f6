"""Rows of the fit's tables from the results of the groups: one function a table, its keys the contract's columns."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nernstfit.contract.terms import ActivityModel, IntervalMethod
from nernstfit.permeability.analysis import GroupResult, ModelResult
from nernstfit.permeability.groups import Group
from nernstfit.permeability.inference.comparisons import Comparison
from nernstfit.permeability.inference.intervals import Interval
from nernstfit.permeability.inference.model_selection import Model
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.permeability.inference.sentences import model_sentence
from nernstfit.physics.membrane import ghk

Row = dict[str, Any]

_DECIMALS_OF_AICC = 6
"""Decimals of a difference of AICc, which are far below any that matters and far above rounding; one fewer or more
changes no order of models."""

_MAX_NAMED = 6  # measurements named where some are left out; more would hide the sentence, fewer say less


def tables(
    results: Sequence[GroupResult], comparisons: Sequence[Comparison], configured: Model
) -> dict[str, list[Row]]:
    """Return the rows of every table of the fit, by its name.

    Parameters
    ----------
    results : sequence of GroupResult
    comparisons : sequence of Comparison
    configured : Model
    """
    rows: dict[str, list[Row]] = {
        name: [row for result in results for row in of_group(result)] for name, of_group in _OF_GROUP.items()
    }
    rows["comparisons"] = [_comparison(found, configured) for found in comparisons]
    return rows


def _permeabilities(result: GroupResult) -> Iterator[Row]:
    for of_model in result.models:
        key = {"group": result.group.name, "model": of_model.model.name, "reference": of_model.model.reference}
        notes = _notes(of_model, result.group)
        for ratio in of_model.ratios:
            yield key | _ratio(ratio) | {"reason": "; ".join(filter(None, (ratio.reason, *notes)))}


def _ratio(ratio: Ratio) -> Row:
    row = {field.name: getattr(ratio, field.name) for field in dataclasses.fields(ratio)}
    return row | {"ratio": math.exp(ratio.ln_ratio)}


def _activity_corrections(result: GroupResult) -> Iterator[Row]:
    for of_model in result.models:
        for factor in of_model.factors:
            row = {field.name: getattr(factor, field.name) for field in dataclasses.fields(factor)}
            row |= {"term": str(factor.term), "ion": factor.term.ion, "factor": math.exp(factor.ln_factor)}
            yield {"group": result.group.name, "model": of_model.model.name} | row


def _notes(of_model: ModelResult, group: Group) -> tuple[str, ...]:
    """Return remarks on all ratios of a model."""
    if of_model.fit is None:
        return ()
    valence = of_model.fit.data.valence
    quantity = "concentrations" if of_model.model.activity == ActivityModel.CONCENTRATION else "activities"
    form = ghk.form(valence, quantity) if (np.abs(valence) > 1).any() else ""
    return _left_out(of_model, group), form


def _left_out(of_model: ModelResult, group: Group) -> str:
    """Return a sentence on the observations that the model does not predict and is not fitted to; '' for none."""
    lost = np.flatnonzero(~of_model.predictability.predictable)
    if not len(lost):
        return ""
    data, reason = group.observations, of_model.predictability.reason
    names = [data.measurements[i] for i in lost]
    baths = sorted({data.conditions[i].bath for i in lost})
    named = f"{', '.join(names[:_MAX_NAMED])}{', ...' if len(names) > _MAX_NAMED else ''}"
    have, are = ("has", "is") if len(lost) == 1 else ("have", "are")
    why = f" ({reason})" if reason else f" {have} no reversal potential with these ions and"
    return f"{len(lost)} of {data.size} measurements{why} {are} left out (bath {', '.join(baths)}: {named})"


def _cells(result: GroupResult) -> Iterator[Row]:
    for of_model in result.models:
        for cell in of_model.cells:
            key = {"group": result.group.name, "model": of_model.model.name}
            yield key | dataclasses.asdict(cell) | {"ratio": math.exp(cell.ln_ratio)}


def _models(result: GroupResult) -> Iterator[Row]:
    lowest = min((of_model.aicc for of_model in result.models if math.isfinite(of_model.aicc)), default=math.nan)
    # Models that predict the same potentials differ in the rounding of the sums alone.
    deltas = [round(of_model.aicc - lowest, _DECIMALS_OF_AICC) for of_model in result.models]
    best = next((of.model.name for of, delta in zip(result.models, deltas, strict=True) if delta == 0), "")
    for of_model, delta_aicc in zip(result.models, deltas, strict=True):
        found = of_model.likelihood_fit
        yield {
            "group": result.group.name,
            "model": of_model.model.name,
            "activity": of_model.model.activity,
            "permeant": " ".join(of_model.model.permeant),
            "n_data": int(of_model.predictability.predictable.sum()),
            **{name: getattr(found, name, None) for name in ("n_parameters", "chi_square", "log_likelihood")},
            "aicc": of_model.aicc,
            "delta_aicc": delta_aicc,
            "sentence": _without_aicc(of_model) if math.isnan(delta_aicc) else model_sentence(delta_aicc, best),
        }


def _without_aicc(of_model: ModelResult) -> str:
    """Return the reason why a model has no AICc."""
    if of_model.likelihood_fit is not None:
        return "no AICc: too few measurements"
    predicts = "predicts none of the measurements"
    if of_model.predictability.predictable.any():
        predicts = "does not predict every measurement"
    return f"no AICc: the model {predicts}"


def _residuals(result: GroupResult) -> Iterator[Row]:
    data, unknown = result.group.observations, result.group.unknown_inside
    for of_model in result.models:
        # A limit is no potential that could deviate from a prediction.
        measured = np.where(result.group.is_limit, math.nan, of_model.measured_mV)
        terms = np.array([of_model.offsets_mV.get(cell, math.nan) for cell in data.cells])
        # Beside an unknown inside only differences between baths are predicted; the rest is the cell's free term.
        predicted = of_model.predicted_mV + np.where(unknown, terms, 0.0)
        offset = np.where(unknown | ~np.isfinite(predicted), math.nan, terms)
        for i, name in enumerate(data.measurements):
            yield {
                "measurement": name,
                "group": result.group.name,
                "cell": data.cells[i],
                "bath": data.conditions[i].bath,
                "model": of_model.model.name,
                "measured_mV": measured[i],
                "se_mV": data.se_mV[i] if math.isfinite(measured[i]) else math.nan,
                "predicted_mV": predicted[i],
                "residual_mV": measured[i] - predicted[i],
                "offset_mV": offset[i],
                "p_gross_error": of_model.p_gross_error[i],
            }


def _nernst_slopes(result: GroupResult) -> Iterator[Row]:
    for slope in result.slopes:
        yield {
            "group": result.group.name,
            "ion": slope.ion,
            "n": slope.measured.n,
            "slope_mV_per_decade": slope.measured.slope,
            "low": slope.measured.low,
            "high": slope.measured.high,
            "theoretical_mV_per_decade": slope.theoretical,
        }


def _corrections(result: GroupResult) -> Iterator[Row]:
    for step in result.ladder:
        for ratio in map(_ratio, step.ratios):
            key = {"group": result.group.name, "step": step.step}
            yield key | {name: ratio[name] for name in ("ion", "ratio", "low", "high", "verdict")}


def _intervals(result: GroupResult) -> Iterator[Row]:
    for of_model in result.models:
        yield from (_interval(result, of_model.model, interval) for interval in of_model.intervals)
    yield from (_interval(result, result.models[0].model, interval) for interval in result.intervals)


def _interval(result: GroupResult, model: Model, interval: Interval) -> Row:
    row = {"group": result.group.name, "model": model.name} | dataclasses.asdict(interval)
    is_compared = interval.method not in (IntervalMethod.DEFAULT, IntervalMethod.CELLS)
    return row | {"disagrees": interval.disagrees if is_compared else None}


def _tests(result: GroupResult) -> Iterator[Row]:
    for test in result.tests:
        yield _key(result) | dataclasses.asdict(test) | {"df2": _finite(test.df2)}


def _ratios_by_bath(result: GroupResult) -> Iterator[Row]:
    yield from (_key(result) | dataclasses.asdict(found) for found in result.bath_ratios)


def _surface_charge(result: GroupResult) -> Iterator[Row]:
    yield from (_key(result) | dataclasses.asdict(found) for found in result.charged_ratios)


def _error_budget(result: GroupResult) -> Iterator[Row]:
    yield from (_key(result) | dataclasses.asdict(share) for share in result.error_budget)


def _comparison(found: Comparison, model: Model) -> Row:
    row = dataclasses.asdict(found) | {"ratio_of_ratios": math.exp(found.ln_difference), "df": _finite(found.df)}
    return row | {"model": model.name, "reference": model.reference}


def _key(result: GroupResult) -> Row:
    """Return the keys of tables on the configured model."""
    return {"group": result.group.name, "model": result.models[0].model.name}


def _finite(value: float) -> float:
    """Return nan, which is written empty, in place of infinite degrees of freedom."""
    return value if math.isfinite(value) else math.nan


_OF_GROUP = {
    "permeabilities": _permeabilities,
    "activity_corrections": _activity_corrections,
    "cells": _cells,
    "models": _models,
    "residuals": _residuals,
    "nernst_slopes": _nernst_slopes,
    "corrections": _corrections,
    "intervals": _intervals,
    "tests": _tests,
    "error_budget": _error_budget,
    "ratios_by_bath": _ratios_by_bath,
    "surface_charge": _surface_charge,
}
