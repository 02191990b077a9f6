"""Rows of the tables that the fit fills, from what was fitted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import IntervalMethod, RatioVerdict
from nernstfit.experiment.records import Experiment
from nernstfit.permeability.inference import nernst_slopes
from nernstfit.permeability.inference.comparisons import Comparison
from nernstfit.permeability.inference.diagnostics import TestResult
from nernstfit.permeability.inference.intervals import Interval
from nernstfit.permeability.inference.model_selection import Model, aicc
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.permeability.inference.sentences import model_sentence
from nernstfit.permeability.inference.variance_shares import VarianceShare
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.ions import Ion

_DECADE = math.log(10.0)
_TELLING_SE = 0.5  # of ln ratio; a cell that knows less of an ion tells nothing of it
_MAX_NAMED = 6


def likelihood_row(result: Fit) -> dict[str, Any]:
    """How well a model explains the data."""
    return {
        "n_parameters": result.n_parameters,
        "chi_square": result.chi_square,
        "log_likelihood": result.log_likelihood,
        "aicc": aicc(result),
    }


def left_out(measured: Observations, predictable: np.ndarray[Any, np.dtype[np.bool_]], why: str) -> str:
    """What the model cannot predict and therefore is not fitted to."""
    lost = np.flatnonzero(~predictable)
    if len(lost) == 0 or not predictable.any():
        return ""
    names = [measured.measurements[i] for i in lost]
    baths = sorted({measured.conditions[i].bath for i in lost})
    which = f"{', '.join(names[:_MAX_NAMED])}{', ...' if len(names) > _MAX_NAMED else ''}"
    have, are = ("has", "is") if len(lost) == 1 else ("have", "are")
    reason = f" ({why})" if why else f" {have} no reversal potential with these ions and"
    return (
        f"{len(lost)} of {len(measured.measurements)} measurements{reason} {are} left out (bath {', '.join(baths)}: "
        f"{which})"
    )


def ghk_form(model: Model, known: Mapping[str, Ion]) -> str:
    """Which of the forms in use the ratios belong to, where an ion carries more than one charge."""
    valence = np.array([known[ion].valence for ion in model.permeant])
    what = "concentrations" if model.activity == "concentration" else "activities"
    return ghk.form(valence, what) if (np.abs(valence) > 1).any() else ""


def compare_models(rows: Sequence[dict[str, Any]]) -> None:
    """Add differences of AICc, and what they say in words, to the rows of one group's models."""
    told = [row for row in rows if math.isfinite(row.get("aicc", math.nan))]
    best = min(told, key=lambda row: (row["aicc"], row["model"]), default={})
    for row in told:
        row["delta_aicc"] = row["aicc"] - best["aicc"]
        row["sentence"] = model_sentence(row["delta_aicc"], best["model"])
    for row in rows:
        if row not in told:
            few = "n_parameters" in row
            why = "too few measurements" if few else "it does not predict every measurement"
            row["sentence"] = f"no AICc: {why}"


def ratio_row(ratio: Ratio, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What is said of one ratio; `notes` go behind its reason."""
    return {
        "ion": ratio.ion,
        "verdict": ratio.verdict,
        "ratio": math.exp(ratio.ln_ratio) if ratio.verdict == RatioVerdict.ESTIMATE else math.nan,
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


def of_unknown_inside(measured: Observations) -> frozenset[str]:
    """Cells of which nobody knows the inside: their free term is that of the inside and of the electrode together."""
    return frozenset(cell for cell, c in zip(measured.cells, measured.conditions, strict=True) if not c.pipette)


def cell_rows(
    key: Mapping[str, Any], result: Fit, settings: Settings, unknown: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Ratios of each cell from its own measurements, its offset as uncertain as offsets are among the cells.

    `unknown` are the cells whose free term is no offset.
    """
    data, z = result.data, float(stats.norm.ppf(0.5 + settings.fit.confidence / 2))
    one = data.with_factor(result.ln_p)
    offset_sd = math.inf if math.isinf(settings.fit.offset_sd_mV) else result.components.offset_mV
    for c, name in enumerate(data.cell_names):
        own = one.subset(data.blocks[c][data.blocks[c] >= 0].tolist())
        alone = fit(own, result.reference, offset_sd, robust=settings.fit.robust)
        told = _told(alone, z)
        n_baths = len({(tuple(own.inside[i]), tuple(own.outside[i])) for i in range(own.size)})
        for ion in data.ions:
            if ion != result.reference:
                offset = math.nan if name in unknown else float(result.offsets_mV[c])
                values = told.get(ion, {}) | {"n_baths": n_baths, "offset_mV": offset}
                yield {**key, "cell": name, "ion": ion} | values


def interval_rows(key: Mapping[str, Any], found: Iterable[Interval]) -> Iterator[dict[str, Any]]:
    """Intervals side by side."""
    for interval in found:
        disagrees = (
            interval.disagrees if interval.method not in (IntervalMethod.DEFAULT, IntervalMethod.CELLS) else None
        )
        yield {**key, **dataclasses.asdict(interval), "disagrees": disagrees}


def _told(alone: Fit, z: float) -> dict[str, dict[str, float]]:
    """The ratios that one cell tells by itself, each with its interval."""
    told = {}
    for j, i in enumerate(alone.free):
        se, ln_ratio = math.sqrt(alone.covariance[j, j]), float(alone.ln_p[i])
        if j not in alone.not_estimable and se < _TELLING_SE:
            low, high = math.exp(ln_ratio - z * se), math.exp(ln_ratio + z * se)
            told[alone.data.ions[i]] = {
                "ratio": math.exp(ln_ratio),
                "low": low,
                "high": high,
                "ln_ratio": ln_ratio,
                "se_ln_ratio": se,
            }
    return told


def residual_rows(
    key: Mapping[str, Any], measured: Observations, predicted: np.ndarray[Any, Any], offsets: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Measured against predicted potentials."""
    # A limit is no potential that could be off what the model predicts.
    known = np.where(np.array(measured.limit_side or (0,)) == 0, measured.potential_mV, math.nan)
    # Beside an unknown inside only the differences between baths are predicted: the rest is the cell's free term.
    unknown = np.array([not c.pipette for c in measured.conditions])
    terms = np.array([offsets.get(cell, math.nan) for cell in measured.cells])
    predicted = predicted + np.where(unknown, terms, 0.0)
    terms = np.where(unknown | ~np.isfinite(predicted), math.nan, terms)
    return [
        {
            **key,
            "measurement": measured.measurements[i],
            "cell": measured.cells[i],
            "bath": measured.conditions[i].bath,
            "measured_mV": known[i],
            "se_mV": measured.se_mV[i] if math.isfinite(known[i]) else math.nan,
            "predicted_mV": predicted[i],
            "residual_mV": known[i] - predicted[i],
            "offset_mV": terms[i],
        }
        for i in range(len(measured.cells))
    ]


def slope_rows(group: str, measured: Observations, experiment: Experiment) -> Iterator[dict[str, Any]]:
    """One slope per permeant ion, against its activity in the bath."""
    settings = experiment.settings
    for ion in settings.fit.permeant:
        in_bath = np.array(
            [
                experiment.solutions.activity_mM(c.bath, [ion], settings.activity.name, c.temperature_C)[0]
                for c in measured.conditions
            ]
        )
        slope = nernst_slopes.within_cells(measured.cells, in_bath, measured.potential_mV, settings.fit.confidence)
        theory = np.mean([_DECADE * thermal_voltage_mV(c.temperature_C) * c.sign for c in measured.conditions])
        yield {
            "group": group,
            "ion": ion,
            "n": slope.n,
            "slope_mV_per_decade": slope.slope,
            "low": slope.low,
            "high": slope.high,
            "theoretical_mV_per_decade": float(theory) / experiment.solutions.known[ion].valence,
        }


def comparison_row(key: Mapping[str, Any], found: Comparison) -> dict[str, Any]:
    """One difference of two groups; `ratio_of_ratios` is that of their ratios."""
    row = {**key, **dataclasses.asdict(found), "ratio_of_ratios": math.exp(found.ln_difference)}
    return row | {"df": found.df if math.isfinite(found.df) else math.nan}


def test_row(key: Mapping[str, Any], found: TestResult) -> dict[str, Any]:
    """One test of validity; degrees of freedom without end are blank."""
    return {**key, **dataclasses.asdict(found), "df2": found.df2 if math.isfinite(found.df2) else math.nan}


def budget_row(key: Mapping[str, Any], found: VarianceShare) -> dict[str, Any]:
    """One line of the error budget."""
    return {**key, **dataclasses.asdict(found)}
