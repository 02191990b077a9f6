"""One reversal potential from one recording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nernstfit.abf.columns import TRACES
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, RecordingError, nearest_or_all
from nernstfit.contract.findings import warning_rows
from nernstfit.contract.numbers import number_within
from nernstfit.contract.schema import schema
from nernstfit.contract.terms import Configuration, PotentialVerdict
from nernstfit.library.recording import PatchProperties, measure_and_judge

if TYPE_CHECKING:
    from nernstfit.figures.drawing import Drawing

_TEXTS = ("configuration", "subtract")
_NUMBERS = ("series_resistance_MOhm", "capacitance_pF", "temperature_C")


@dataclass(frozen=True)
class Measurement:
    """Reversal potential of one recording, as commanded: no junction potential is corrected for.

    Attributes
    ----------
    values : mapping of str to object
        Columns of results/reversal_potentials.csv; a missing number is nan.
    iv : DataFrame
        Columns of results/iv.csv: command_mV, voltage_mV, current_pA, se_pA ...; a row per level.
    warnings : DataFrame
        Findings on the measurement, heaviest first, with the columns of results/warnings.csv.
    traces : DataFrame
        Lowest and highest current in pA of short stretches of time, by sweep; the figure's.
    """

    values: Mapping[str, Any] = field(repr=False)
    iv: pd.DataFrame = field(repr=False)
    warnings: pd.DataFrame = field(repr=False)
    traces: pd.DataFrame = field(repr=False)

    @property
    def verdict(self) -> str:
        """Verdict, such as `reversal`, `no_crossing` or `ambiguous`."""
        return str(self.values["verdict"])

    @property
    def reason(self) -> str:
        """Reason of a verdict other than `reversal`; '' for that."""
        return str(self.values["reason"])

    @property
    def reversal_mV(self) -> float:
        """Reversal potential as commanded, in mV, after leak and series resistance; nan without one."""
        return float(self.values["reversal_mV"])

    @property
    def se_mV(self) -> float:
        """Standard error of the reversal potential from noise, in mV."""
        return float(self.values["se_mV"])

    @property
    def low_mV(self) -> float:
        """Lower end of the 95 % interval of the membrane potential, with every error of the measurement, in mV."""
        return float(self.values["low_mV"])

    @property
    def high_mV(self) -> float:
        """Upper end of that interval, in mV."""
        return float(self.values["high_mV"])

    def __repr__(self) -> str:
        number = "" if math.isnan(self.reversal_mV) else f", {self.reversal_mV:.2f} mV, SE {self.se_mV:.2g} mV"
        return f"Measurement({self.values['measurement']!r}: {self.verdict}{number})"

    def plot(self) -> Drawing:
        """Draw the current traces and the I-V curve with the reversal potential.

        Returns
        -------
        Drawing
            Shown by a notebook; `svg` is text, `png` the bytes of a file.
        """
        from nernstfit.figures.recordings import draw_measurements  # noqa: PLC0415 - needs the extra `workflow`

        if not len(self.iv):
            raise InputError(f"{self.values['recording']}: there is no I-V curve: {self.reason}")
        return draw_measurements("measurement", pd.DataFrame([self.values]), self.iv, self.traces)


def measure(path: str | Path, **keys: Any) -> Measurement:
    """Measure the reversal potential of one recording, by the stages of the workflow.

    Parameters
    ----------
    path : str or Path
        ABF file.
    **keys
        Keys of the section `measure` of the configuration (`epoch`, `from_ms`, `to_ms`, `from_fraction`,
        `to_fraction`, `statistic`, `channel`, `leak` ...), and of a row: `sweeps` like "0-12,15",
        `series_resistance_MOhm` (uncompensated), `capacitance_pF`, `temperature_C`, `configuration`, and `subtract`,
        the path of the recording of a background.

    Returns
    -------
    Measurement

    Raises
    ------
    RecordingError
        Where the file cannot be used: foreign, damaged, in current clamp, or of a command that cannot be known.
    InputError
        Where a key is not known, or a value not valid.

    Examples
    --------
    >>> import nernstfit
    >>> found = nernstfit.measure("data/c1_control.abf", temperature_C=22)
    >>> found.verdict
    'reversal'
    """
    of_section = schema()["properties"]["measure"]["properties"]
    known = ("sweeps", *_NUMBERS, *_TEXTS, *of_section)
    if unknown := [key for key in keys if key not in known]:
        raise InputError(f"measure: got the key '{unknown[0]}'; {nearest_or_all(unknown[0], known)}")
    given = {key: str(value) for key, value in keys.items() if value is not None}
    cells = {key: text for key, text in given.items() if key in of_section or key == "sweeps"}
    found = measure_and_judge(str(path), cells, _patch(given), str)
    if found.values["verdict"] == PotentialVerdict.UNREADABLE:
        reason = str(found.values["reason"])
        raise RecordingError(reason if Path(path).name in reason else f"{path}: {reason}")
    warnings = pd.DataFrame(list(warning_rows(found.findings)), columns=list(tables.WARNINGS.columns))
    iv = pd.DataFrame(found.iv, columns=list(tables.IV.columns))
    return Measurement(found.values, iv, warnings, pd.DataFrame(found.traces, columns=list(TRACES)))


def _patch(given: Mapping[str, str]) -> PatchProperties:
    """Return the properties of the patch that were given.

    Raises
    ------
    InputError
        With every value that is not valid.
    """
    values: dict[str, Any] = dict.fromkeys(_NUMBERS) | {key: given[key] for key in _TEXTS if key in given}
    values["temperature_C"] = float(schema()["properties"]["temperature_C"]["default"])
    faults = []
    for key in _NUMBERS:
        try:
            if key in given:
                values[key] = number_within(given[key], tables.RECORDINGS.columns[key].range)
        except ValueError as fault:
            faults.append(f"{key}: {fault}")
    configuration = given.get("configuration", Configuration.WHOLE_CELL)
    if configuration not in list(Configuration):
        faults.append(f"configuration: got '{configuration}'; {nearest_or_all(configuration, list(Configuration))}")
    if faults:
        raise InputError(faults)
    return PatchProperties(**values)
