"""Measurement of one recording without an experiment folder, by the same stages as a row of a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nernstfit.abf.columns import POINTS, point_columns, table
from nernstfit.abf.read import open_recording
from nernstfit.contract import settings
from nernstfit.contract.errors import InputError
from nernstfit.contract.terms import Configuration, Leak
from nernstfit.experiment.folder import sweep_numbers
from nernstfit.experiment.records import RECORDINGS, row_of_file
from nernstfit.stages.correct import correct_row
from nernstfit.stages.ingest import read_row
from nernstfit.stages.measure import measure_row


def option(key: str) -> str:
    """Return the option of a command that stands for a key of the configuration."""
    return "--" + key.replace("_", "-")


@dataclass(frozen=True)
class PatchProperties:
    """Properties of a patch that the table of recordings holds otherwise.

    Attributes
    ----------
    series_resistance_MOhm : float or None
        Uncompensated series resistance.
    capacitance_pF : float or None
        Membrane capacitance.
    temperature_C : float
    configuration : str
        A recording configuration.
    subtract : str
        Path of the recording of the background; '' for none.
    """

    series_resistance_MOhm: float | None
    capacitance_pF: float | None
    temperature_C: float
    configuration: str = Configuration.WHOLE_CELL
    subtract: str = ""


def measure(path: str, cells: Mapping[str, str], patch: PatchProperties) -> dict[str, Any]:
    """Measure the reversal potential of one recording.

    Parameters
    ----------
    path : str
    cells : mapping
        Keys of `measure` and `sweeps` to text, as a row of recordings.csv has them.
    patch : PatchProperties

    Returns
    -------
    dict
        The columns of reversal_potentials.csv; no junction is corrected for.

    Raises
    ------
    InputError
        Where a value is not valid.
    """
    given = {key: text for key, text in cells.items() if key != "sweeps"}
    if (given.get("leak") == Leak.BACKGROUND) != bool(patch.subtract):
        raise InputError("--subtract: the file of a background and --leak background go together")
    row = row_of_file(
        path,
        settings.measure_for(settings.default_measure(), given, option),
        measurement=":".join([PurePath(path).stem, *(cells[key] for key in RECORDINGS.name_suffixes if key in cells)]),
        sweeps_text=cells.get("sweeps", ""),
        sweeps=sweep_numbers(cells.get("sweeps", ""), "--sweeps"),
        **dataclasses.asdict(patch),
    )
    fact, reading = read_row(row, open_recording)
    points = table(point_columns(row.measurement, reading.points), POINTS) if reading else None
    values, _ = measure_row(row, fact, points)
    return correct_row(row, values, math.nan)
