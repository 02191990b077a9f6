"""Section with the methods: what was done, as a paper states it."""

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
    PotentialVerdict,
    RatioScope,
    RatioVerdict,
    ReferenceElectrode,
)
from nernstfit.report import outline
from nernstfit.report.blocks import Block, Text
from nernstfit.report.manifest import NOT_INSTALLED
from nernstfit.report.numbers import as_given, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import references
from nernstfit.report.sections.ghk_form import GHK_FORM
from nernstfit.report.sections.solutions import activity_setting
from nernstfit.report.wording import counted, group_phrase, joined

_PROSE = Prose("methods")
# Most numbers of cells that a sentence lists, and most reasons of exclusion: a longer one is not read to its end.
# With half, six baths of two groups are a range; with double the methods of a printed report take a page.
_MAX_COUNTS, _MAX_REASONS = 12, 4
_PROGRAMS = {
    **{"python": "Python", "numpy": "NumPy", "scipy": "SciPy"},
    **{"lmfit": "least squares by lmfit", "snakemake": "workflow by Snakemake"},
}
_CAPACITANCES = (Flag.CAPACITY_BY_RECORDING, Flag.CAPACITY_BY_AMPLIFIER, Flag.CAPACITY_BY_CELL)


def blocks(results: Results) -> Iterator[Block]:
    """Yield the paragraphs of the methods."""
    places = (f"in {outline.number_of(name)}" for name in ("solutions", "provenance"))
    yield from map(Text, paragraphs(results, *places))


def paragraphs(results: Results, recipes: str, citation: str) -> Iterator[str]:
    """Yield the paragraphs of the methods: recordings, potentials, solutions, fit, validity, programs.

    Parameters
    ----------
    results : Results
    recipes, citation : str
        Their places, such as `below`.
    """
    values = _recordings(results) | _programs(results)
    yield _PROSE("recordings", **values)
    if len(results.found) and not results.has_imported_potentials:
        yield _PROSE("potentials", **values, **_measuring(results))
    yield _PROSE("solutions", place=recipes, **_solutions(results))
    if results.model:
        of_fit = _fit(results)
        yield _PROSE("fit", **of_fit)
        yield _PROSE("validity", **of_fit)
    yield _PROSE("programs", cited=citation, **values)


def _recordings(results: Results) -> dict[str, Any]:
    """Return what was recorded, in which cells and baths, and what was not used."""
    rows, found = results.reversals, results.found
    files = rows["recording"][rows["recording"] != ""].nunique()
    return {
        "simulated": results.simulated,
        "imported": results.has_imported_potentials,
        "imported_curves": results.has_imported_curves,
        "setting": _setting(results),
        "cells": counted(results.cells_in(rows), "cell"),
        "files": counted(files, "ABF file"),
        "sampling": "; ".join(_counted(results.procedures_used["sampling"])) if files else "",
        "n": len(found),
        "total": len(rows),
        "per_bath": _per_bath(results),
        "not_used": _not_used(rows),
        "has_means": (results.cells_averaged(rows) > 1).any(),
    }


def _per_bath(results: Results) -> str:
    """Return the number of cells in each bath, group by group: `control 8 and potassium 7`."""
    found = results.found
    counts = {
        group: {bath: results.cells_in(rows) for bath, rows in of_group.groupby("bath")}
        for group, of_group in found.groupby("group")
    }
    numbers = [number for own in counts.values() for number in own.values()]
    if len(numbers) > _MAX_COUNTS:
        least, most = min(numbers), max(numbers)
        return f"{least} to {most}" if least < most else f"{least}"
    parts = {group: joined(f"{bath} {number}" for bath, number in own.items()) for group, own in counts.items()}
    if len(parts) == 1:
        return "".join(parts.values())
    return "; ".join(f"{group_phrase(str(group))}: {part}" for group, part in parts.items())


def _not_used(rows: pd.DataFrame) -> str:
    """Return what became of the rows without a reversal potential, counted, each with its meaning or reasons."""
    parts = []
    for verdict in PotentialVerdict:
        own = rows[rows["verdict"] == verdict]
        if verdict is PotentialVerdict.REVERSAL or len(own) == 0:
            continue
        meaning = verdict.sentence
        if verdict is PotentialVerdict.EXCLUDED:
            first, others = _counted(own["reason"])[:_MAX_REASONS], own["reason"].nunique() - _MAX_REASONS
            meaning = "; ".join([*first, *([counted(others, "further reason")] if others > 0 else [])])
        parts.append(f"{len(own)} {verdict.label} ({meaning})")
    return joined(parts)


def _programs(results: Results) -> dict[str, str]:
    """Return the program's version, and those of the programs that it uses."""
    versions = results.manifest["versions"]
    used = {name: versions[key] for key, name in _PROGRAMS.items() if versions[key] != NOT_INSTALLED}
    return {
        "version": versions["nernstfit"],
        "pyabf": versions["pyabf"],
        "programs": ", ".join(f"{name} {version}" for name, version in used.items()),
    }


def _solutions(results: Results) -> dict[str, Any]:
    config = results.config
    return {"junction": _junction(config["junction"]), "activity": _activity(config["activity"])}


def _fit(results: Results) -> dict[str, Any]:
    """Return the values of the paragraphs on fit and validity."""
    config, fit, ratios = results.config, results.fit, results.of_model("permeabilities")
    limits, residuals = results.limits_fitted(), results.of_model("residuals")
    return {
        **_without_estimate(results),
        "n": len(results.found),
        "left_out": len(results.found) - int(residuals[["measured_mV", "predicted_mV"]].notna().all(axis=1).sum()),
        "has_intervals": references.has_intervals(results),
        "one_mean": set(ratios["reason"]) == {RatioReason.ONE_MEAN.stem},
        "has_batches": (results.tables["error_budget"]["source"] == ErrorSource.BATCH).any(),
        "one_cell": set(ratios["scope"]) == {RatioScope.CELL},
        "activity": _activity(config["activity"]),
        "permeant": joined(results.permeant),
        "reference": fit["reference_ion"],
        "parameters": joined(_parameter(name, keys) for name, keys in fit["parameters"].items()),
        "corrections": joined(map(str, correction_terms(fit["activity_correction"]))),
        "multivalent": joined(results.multivalent),
        "ghk_form": GHK_FORM,
        "offsets": _offsets(float(fit["offset_sd_mV"])),
        "robust": fit["robust"],
        "limits": counted(limits, "potential") if limits else "",
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
    found, used = results.found, results.procedures_used
    flags = [flag for text in found["flags"] for flag in tables.flags(text)]
    sources = [f"{flag.label} in {flags.count(flag)}" for flag in _CAPACITANCES if flag in flags]
    return {
        "currents": "; ".join(_counted(used["currents"])),
        "levels": _levels(results),
        "leak": ". ".join(_counted(used["leak"])),
        "estimator": "; ".join(_counted(used["estimator"])),
        "recorded": int((used["voltage"] != "the command").sum()),
        "widest_mV": f"{(found['high_mV'] - found['low_mV']).max():.2g}",
        "has_repeats": Flag.REPEATS in flags,
        "capacitance_from": f" ({joined(sources)})" if sources else "",
        "without_capacitive": flags.count(Flag.CAPACITY_REMOVED),
        "capacitance_unknown": flags.count(Flag.CAPACITY_UNKNOWN),
        "series_known": int(found["rs_shift_mV"].notna().sum()),
        "series": _series(used),
        "errors_estimated": flags.count(Flag.LEVEL_ERROR),
    }


def _series(used: pd.DataFrame) -> dict[str, str]:
    """Return series resistances, their compensation and what was left of them, each as the range over measurements."""
    compensation = used["compensation_percent"].max()
    by = f"compensated by {_range(used['compensation_percent'])} %" if compensation > 0 else "not compensated"
    return {
        "total": _range(used["series_resistance_MOhm"]),
        "compensation": by,
        "uncompensated": _range(used["series_MOhm"]),
    }


def _levels(results: Results) -> str:
    """Return the range of the levels: `−110 to 40`."""
    iv = results.tables["iv"]
    command = iv["command_mV"][iv["measurement"].isin(results.found["measurement"])]
    return f"{fixed(command.min(), 0)} to {fixed(command.max(), 0)}"


def _range(values: pd.Series) -> str:
    """Return the range of some numbers: `4.3 to 8.1`."""
    least, most = (f"{value:.3g}" for value in (values.min(), values.max()))
    return least if least == most else f"{least} to {most}"


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
