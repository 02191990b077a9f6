"""Permeability ratios from patch-clamp recordings and a table of solutions.

These names are the public interface; everything else is private. Each is imported when it is first used.

    measure     one reversal potential from one recording
    fit         permeability ratios from a table of reversal potentials
    run, load   the workflow in an experiment folder, and the results that are there
    nernst, ghk, junction, activities    potentials and activities from compositions
    plan        the intervals that a planned experiment will have
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nernstfit.contract.errors import InputError, RecordingError
    from nernstfit.library.fitting import fit
    from nernstfit.library.interface import Plan, activities, ghk, junction, nernst, plan
    from nernstfit.library.measurement import Measurement, measure
    from nernstfit.library.results import Result, load, run

_MODULES = {
    "contract.errors": ("InputError", "RecordingError"),
    "library.fitting": ("fit",),
    "library.interface": ("Plan", "activities", "ghk", "junction", "nernst", "plan"),
    "library.measurement": ("Measurement", "measure"),
    "library.results": ("Result", "load", "run"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "InputError",
    "Measurement",
    "Plan",
    "RecordingError",
    "Result",
    "activities",
    "fit",
    "ghk",
    "junction",
    "load",
    "measure",
    "nernst",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import a part of the interface when it is first asked for."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version(__name__)
    if name not in _PLACES:
        raise AttributeError(f"module 'nernstfit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"nernstfit.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of the interface."""
    return [*__all__, "__version__"]
