"""Section with the methods paragraph, its references, and the configuration and versions of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.correction_terms import correction_terms
from nernstfit.contract.reasons import RatioReason
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import (
    ActivityModel,
    Configuration,
    ErrorSource,
    JunctionBasis,
    JunctionMethod,
    RatioScope,
    RatioVerdict,
    ReferenceElectrode,
)
from nernstfit.report.blocks import Block, Text
from nernstfit.report.numbers import as_given
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import references
from nernstfit.report.sections.ghk_form import GHK_FORM
from nernstfit.report.sections.solutions import activity_setting
from nernstfit.report.wording import joined

_PROSE = Prose("methods")
_CAPACITANCES = (Flag.CAPACITY_BY_RECORDING, Flag.CAPACITY_BY_AMPLIFIER, Flag.CAPACITY_BY_CELL)


def blocks(results: Results) -> Iterator[Block]:
    """Yield the methods paragraph."""
    yield Text(_PROSE("paragraph", **_values(results)))


def _values(results: Results) -> dict[str, Any]:
    """Return the values of the paragraph's template."""
    config, fit, ratios = results.config, results.fit, results.of_model("permeabilities")
    return {
        "imported": results.has_imported_potentials,
        "imported_curves": results.has_imported_curves,
        "setting": _setting(results),
        **({} if results.has_imported_potentials else _measuring(results)),
        **_without_estimate(results),
        "has_intervals": ratios[["low", "high"]].notna().to_numpy().any(),
        "one_mean": set(ratios["reason"]) == {RatioReason.ONE_MEAN.stem},
        "has_batches": (results.tables["error_budget"]["source"] == ErrorSource.BATCH).any(),
        "one_cell": set(ratios["scope"]) == {RatioScope.CELL},
        "has_means": (results.cells_averaged(results.reversals) > 1).any(),
        "junction": _junction(config["junction"]),
        "activity": _activity(config["activity"]),
        "permeant": joined(results.permeant),
        "reference": fit["reference_ion"],
        "parameters": joined(_parameter(name, keys) for name, keys in fit["parameters"].items()),
        "corrections": joined(map(str, correction_terms(fit["activity_correction"]))),
        "multivalent": joined(results.multivalent),
        "ghk_form": GHK_FORM,
        "offsets": _offsets(float(fit["offset_sd_mV"])),
        "robust": fit["robust"],
        "has_limits": results.limits_fitted() > 0,
        "confidence": results.confidence,
        "concentration_percent": f"{config['uncertainty']['concentration_percent']:g}",
        "temperature_C": f"{config['uncertainty']['temperature_C']:g}",
        "has_comparisons": results.has_comparisons(),
        "has_tests": len(results.tables["tests"]) > 0,
        "has_shift_method": references.has_shift_method(results),
        "has_charged": references.has_charged(results),
        "most_charge": as_given(results.tables["surface_charge"]["charge_density_C_per_m2"].min()),
    }


def _parameter(name: str, keys: Mapping[str, Any]) -> str:
    """Return what fit.parameters sets of one ratio: `P_K held at 1.1`."""
    if "expr" in keys:
        return f"{name} = {keys['expr']}"
    if not keys.get("vary", True):
        return f"{name} held at {as_given(keys['value'])}"
    words = {"min": "at least", "max": "at most", "value": "starting from"}
    parts = [f"{words[key]} {as_given(float(keys[key]))}" for key in words if key in keys]
    return f"{name} {' and '.join(parts)}" if parts else name


def _setting(results: Results) -> str:
    """Return configurations and temperatures: `in the whole-cell configuration at 22 °C`."""
    used = set(results.reversals["configuration"])
    configurations = joined(configuration.label for configuration in Configuration if configuration in used)
    temperatures = joined(f"{value:g}" for value in sorted(set(results.reversals["temperature_C"])))
    return f"in {configurations} at {temperatures} °C"


def _measuring(results: Results) -> dict[str, Any]:
    """Return what was done to the recordings that gave a potential, counted."""
    found = results.found
    used = results.procedures[results.procedures["measurement"].isin(found["measurement"])]
    known = int(found["rs_shift_mV"].notna().sum())
    flags = [flag for text in found["flags"] for flag in tables.flags(text)]
    sources = [f"{flag.label} in {flags.count(flag)}" for flag in _CAPACITANCES if flag in flags]
    return {
        "outcome": _outcome(results),
        "currents": "; ".join(_counted(used["currents"])),
        "leak": ". ".join(_counted(used["leak"])),
        "estimator": "; ".join(_counted(used["estimator"])),
        "recorded": int((used["voltage"] != "the command").sum()),
        "n": len(found),
        "widest_mV": f"{(found['high_mV'] - found['low_mV']).max():.2g}" if len(found) else "",
        "has_repeats": Flag.REPEATS in flags,
        "capacitance_from": f" ({joined(sources)})" if sources else "",
        "without_capacitive": flags.count(Flag.CAPACITY_REMOVED),
        "capacitance_unknown": flags.count(Flag.CAPACITY_UNKNOWN),
        "series_known": known,
        "errors_estimated": flags.count(Flag.LEVEL_ERROR),
    }


def _outcome(results: Results) -> str:
    """Return `46 of 46`, followed by what became of the others."""
    others = results.others()
    return f"{len(results.found)} of {len(results.reversals)}" + (f" (the others: {others})" if others else "")


def _counted(words: pd.Series) -> list[str]:
    """Return each different text with the number of measurements, the most frequent first."""
    counts = words.value_counts().to_dict()
    order = sorted(counts, key=lambda text: (-counts[text], text))
    return [f"{text}, {counts[text]} of {len(words)}" if len(counts) > 1 else text for text in order]


def _without_estimate(results: Results) -> dict[str, str]:
    """Return the ions whose ratio is a bound, not identifiable, or of a rejected model, in words."""
    rows = results.of_model("permeabilities")
    bounds = (RatioVerdict.UPPER_BOUND, RatioVerdict.LOWER_BOUND)
    kinds = {
        "bounds": bounds,
        "unidentified": (RatioVerdict.NOT_IDENTIFIABLE,),
        "rejected": (RatioVerdict.MODEL_REJECTED,),
    }
    return {name: joined(results.ions_in(rows[rows["verdict"].isin(kind)])) for name, kind in kinds.items()}


def _junction(junction: Mapping[str, Any]) -> dict[str, Any]:
    method, reference = JunctionMethod(junction["method"]), junction["reference"] or {}
    grounded = ReferenceElectrode(reference["type"]).sentence if reference.get("type") else ""
    solution = f" ({reference['solution']})" if reference.get("solution") else ""
    already = junction["already_corrected_mV"]
    return {
        "is_calculated": method is not JunctionMethod.NONE,
        "method": method.sentence,
        "citation": references.citation(method.reference),
        "basis": JunctionBasis(junction["basis"]).label,
        "zeroed": "anew in each bath" if junction["zeroed_in"] == "same" else f"in {junction['zeroed_in']}",
        "grounded": f"{grounded}{solution}",
        "measured": joined(sorted(junction["measured_mV"])),
        "already_corrected": as_given(already) if already else "",
    }


def _activity(activity: Mapping[str, str]) -> dict[str, str]:
    model = ActivityModel(activity["model"])
    citation = references.citation(model.reference)
    is_divided = model is ActivityModel.PITZER  # between single ions, by a convention
    other = "another convention of single-ion activities" if is_divided else "another model of activities"
    return {"model": model.label, "citation": citation, "setting": activity_setting(activity), "other": other}


def _offsets(offset_sd_mV: float) -> str:
    if offset_sd_mV == 0:
        return "no electrode offset"
    return "a free electrode offset" if math.isinf(offset_sd_mV) else "an electrode offset"
