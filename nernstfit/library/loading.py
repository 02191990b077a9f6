"""Experiment of a folder, checked as a whole."""

from __future__ import annotations

import contextlib
from pathlib import Path

from nernstfit.contract import settings
from nernstfit.contract.errors import InputError
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.epochs import absent_epochs
from nernstfit.experiment.records import Experiment


def load(folder: Path) -> Experiment:
    """Read and check the configuration and the tables of an experiment folder.

    Raises
    ------
    InputError
        With every fault, one line each.
    """
    with contextlib.chdir(folder):
        found = experiments.load(settings.read())
        faults = list(absent_epochs(found))
    if faults:
        raise InputError(faults)
    return found
