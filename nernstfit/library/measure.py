"""Measurement of one recording without an experiment folder, by the same stages as a row of a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nernstfit.abf.columns import POINTS, point_columns, table
from nernstfit.abf.read import open_recording
from nernstfit.contract import settings
from nernstfit.contract.errors import InputError
from nernstfit.contract.findings import Finding, by_weight
from nernstfit.contract.schema import schema
from nernstfit.contract.terms import Configuration, Leak, PotentialVerdict
from nernstfit.experiment.folder import sweep_numbers
from nernstfit.experiment.records import RECORDINGS, Row, row_of_file
from nernstfit.judgement import recordings
from nernstfit.reversal.classify import interval_mV
from nernstfit.reversal.measure import Measurement
from nernstfit.stages.correct import correct_row
from nernstfit.stages.ingest import read_row
from nernstfit.stages.measure import iv_table, measure_row


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
    return measure_and_judge(path, cells, patch)[0]


def measure_and_judge(
    path: str, cells: Mapping[str, str], patch: PatchProperties
) -> tuple[dict[str, Any], list[Finding]]:
    """Measure the reversal potential of one recording, and return the findings that a run has on it, heaviest first.

    Parameters
    ----------
    path, cells, patch
        As for `measure`.
    """
    row, values, found, fact = _measured(path, cells, patch)
    corrected = correct_row(row, values, math.nan)
    iv = None if found is None else iv_table(row, found.iv)
    return corrected, by_weight(recordings.of_measurement(corrected, row, fact, iv))


def outcome(path: str, cells: Mapping[str, str]) -> Iterator[str]:
    """Yield sentences on what a row gives: its potential, or the reason why there is none, and a doubt about its shape.

    Parameters
    ----------
    path : str
    cells : mapping
        As for `measure`.
    """
    temperature_C = float(schema()["properties"]["temperature_C"]["default"])
    _, values, found, _ = _measured(path, cells, PatchProperties(None, None, temperature_C))
    verdict = PotentialVerdict(values["verdict"])
    if verdict is not PotentialVerdict.REVERSAL or found is None:
        yield f"gives {verdict.label}: {values['reason']}"
        return
    se_mV = math.hypot(values["se_mV"], values["further_se_mV"], values["delay_shift_mV"])
    below, above = interval_mV(se_mV, values["capacitance_shift_mV"])
    zero_mV = values["reversal_mV"]
    yield f"gives {zero_mV:z.1f} mV (95 % interval {zero_mV - below:z.1f} to {zero_mV + above:z.1f} mV), as commanded"
    if remark := found.result.flattening:
        yield remark


def _measured(
    path: str, cells: Mapping[str, str], patch: PatchProperties
) -> tuple[Row, dict[str, Any], Measurement | None, Mapping[str, Any]]:
    """Measure a recording by the stages of a row."""
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
    return row, *measure_row(row, fact, points), fact
