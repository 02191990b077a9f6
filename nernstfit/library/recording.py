"""Measurement of one recording without an experiment folder, by the same stages as a row of a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nernstfit.abf.columns import POINTS, point_columns, trace_columns
from nernstfit.abf.points import Reading
from nernstfit.abf.read import open_recording
from nernstfit.contract import settings
from nernstfit.contract.errors import InputError
from nernstfit.contract.findings import Finding, by_weight
from nernstfit.contract.frames import Columns, joined
from nernstfit.contract.schema import schema
from nernstfit.contract.terms import REACH_MV, Configuration, Leak, PotentialVerdict
from nernstfit.experiment.records import RECORDINGS, Row, row_of_file, sweep_numbers
from nernstfit.judgement import recordings
from nernstfit.reversal.classify import interval_mV
from nernstfit.reversal.measure import Measurement
from nernstfit.stages.correct import correct_row
from nernstfit.stages.ingest import read_row
from nernstfit.stages.measure import iv_columns, measure_row


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


def usual_patch() -> PatchProperties:
    """Return a patch of which nothing is known, at the temperature that is usual."""
    return PatchProperties(None, None, float(schema()["properties"]["temperature_C"]["default"]))


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
    return dict(measure_and_judge(path, cells, patch).values)


@dataclass(frozen=True)
class Measured:
    """Measurement of one recording, with the findings that a run has on it.

    Attributes
    ----------
    values : mapping of str to object
        Columns of reversal_potentials.csv; no junction is corrected for.
    findings : tuple of Finding
        Heaviest first.
    iv : mapping of str to ndarray
        Columns of iv.csv; empty where there is no curve.
    traces : mapping of str to ndarray
        Columns of TRACES; empty where the recording could not be read.
    """

    values: Mapping[str, Any]
    findings: tuple[Finding, ...]
    iv: Columns
    traces: Columns


def measure_and_judge(
    path: str, cells: Mapping[str, str], patch: PatchProperties, called: Callable[[str], str] = option
) -> Measured:
    """Measure the reversal potential of one recording, and judge it as a run does.

    Parameters and errors are those of `measure`; `called` is the name by which a fault calls a key.
    """
    row, values, found, (fact, reading) = _measured(path, cells, patch, called)
    corrected = correct_row(row, values, math.nan)
    iv = {} if found is None else iv_columns(row, found.iv)
    findings = by_weight(recordings.of_measurement(corrected, row, fact, iv))
    return Measured(corrected, tuple(findings), iv, trace_columns(row.measurement, reading.traces) if reading else {})


def outcome(path: str, cells: Mapping[str, str]) -> Iterator[str]:
    """Yield sentences on what a row gives: its potential, or the reason why there is none, and a doubt about its shape.

    Parameters
    ----------
    path : str
    cells : mapping
        As for `measure`.
    """
    _, values, found, _ = _measured(path, cells, usual_patch())
    verdict = PotentialVerdict(values["verdict"])
    if verdict is not PotentialVerdict.REVERSAL or found is None:
        yield f"gives {verdict.label}: {values['reason']}"
        return
    se_mV = math.hypot(values["se_mV"], values["further_se_mV"], values["delay_shift_mV"])
    reach_below_mV, reach_above_mV = (values[name] for name in REACH_MV)
    below, above = interval_mV(se_mV, values["capacitance_shift_mV"], (reach_below_mV, reach_above_mV))
    zero_mV = values["reversal_mV"]
    yield f"gives {zero_mV:z.1f} mV (95 % interval {zero_mV - below:z.1f} to {zero_mV + above:z.1f} mV), as commanded"
    if remark := found.result.flattening:
        yield remark


def _measured(
    path: str, cells: Mapping[str, str], patch: PatchProperties, called: Callable[[str], str] = option
) -> tuple[Row, dict[str, Any], Measurement | None, tuple[Mapping[str, Any], Reading | None]]:
    """Measure a recording by the stages of a row."""
    given = {key: text for key, text in cells.items() if key != "sweeps"}
    if (given.get("leak") == Leak.BACKGROUND) != bool(patch.subtract):
        background = f"{called('leak')} {Leak.BACKGROUND}"
        raise InputError(f"{called('subtract')}: the file of a background and {background} go together")
    row = row_of_file(
        path,
        settings.measure_for(settings.default_measure(), given, called),
        measurement=":".join([PurePath(path).stem, *(cells[key] for key in RECORDINGS.name_suffixes if key in cells)]),
        sweeps_text=cells.get("sweeps", ""),
        sweeps=sweep_numbers(cells.get("sweeps", ""), called("sweeps")),
        **dataclasses.asdict(patch),
    )
    fact, reading = read_row(row, open_recording)
    points = joined(point_columns(row.measurement, reading.points), POINTS) if reading else None
    return row, *measure_row(row, fact, points), (fact, reading)
