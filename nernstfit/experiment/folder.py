"""Reader of an experiment folder, which is checked as a whole before anything is computed.

`load` reads the configuration, the table of solutions and the table of recordings (or that of
I-V curves or reversal potentials measured elsewhere), collects every fault of all three, and
returns the settings, the solutions and the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from nernstfit.contract import number_columns, tables
from nernstfit.contract import settings as settings_module
from nernstfit.contract.errors import InputError, RowFault
from nernstfit.contract.settings import Examined, Measure, measure_for
from nernstfit.contract.terms import Leak
from nernstfit.experiment import plausibility, solution_table, validation
from nernstfit.experiment.correction_rules import correction_faults
from nernstfit.experiment.level_rows import curve_rows
from nernstfit.experiment.levels import Levels
from nernstfit.experiment.records import (
    CARRIED,
    IV,
    RECORDINGS,
    REVERSALS,
    ColumnSpec,
    Experiment,
    ExternalReversal,
    Row,
    sweep_numbers,
)
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

_CURVE_LEAKS = "expected none or linear, which need no recording"
_WINDOW_KEYS = tuple(f"measure.{key}" for key in ("from_fraction", "to_fraction", "from_ms", "to_ms"))


def load(config: Mapping[str, Any], with_rows: bool = True) -> Experiment:
    """Read and check the experiment in the present folder.

    Parameters
    ----------
    config : mapping
        Its configuration, as read.
    with_rows : bool
        False where there is no table of rows yet.

    Raises
    ------
    InputError
        With every fault of configuration and tables, one line each.
    """
    examined = settings_module.examine(config)
    faults = [*settings_module.repeated_keys(), *examined.faults, *validation.crate_faults()]
    solutions = _read_solutions(examined, faults)
    rows = _read_rows(examined, solutions, faults) if with_rows else ()
    faults += validation.config_faults(examined.settings, solutions)
    faults += plausibility.volt_faults(examined.settings, rows)
    faults += plausibility.level_faults(examined.settings, rows)
    if solutions is not None:
        conditions = [row.condition for row in rows if row.bath]
        faults += validation.ion_faults(examined.settings, solutions, conditions)
        faults += plausibility.amount_faults(examined.settings, solutions, conditions)
    if not faults and solutions is not None:  # where a row or a solution is missing, nothing follows from the others
        used = [row.condition for row in rows if not row.exclude]
        faults += plausibility.reference_faults(examined.settings, solutions, used)
        faults += correction_faults(examined.settings, solutions, used)
    if faults or solutions is None:
        raise InputError(faults)
    return Experiment(examined.settings, solutions, rows, frozenset(_given(config)))


def _given(config: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield the dotted names of the keys that a configuration gives a value."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _given(value, f"{place}{key}.")
        elif value is not None:
            yield f"{place}{key}"


def _read_solutions(examined: Examined, faults: list[str]) -> Solutions | None:
    """Read the table of solutions and that of species; None where there is nothing to check names against."""
    settings = examined.settings
    if not settings.solutions:  # its path is a fault already
        return None
    try:
        user_ions, found = solution_table.read_species(settings.species) if settings.species else ((), [])
        faults += found
        typed = tables.examine(settings.solutions)
        faults += typed.faults
        solutions, found = solution_table.parse(typed.text, settings.solutions, user_ions, typed.ragged)
    except InputError as fault:
        faults += fault.faults
        return None
    faults += typed.as_typed(found)
    # Without a single name there is nothing to check baths and pipettes against; its own fault says enough.
    return solutions if solutions.names else None


def _read_rows(examined: Examined, solutions: Solutions | None, faults: list[str]) -> tuple[Row, ...]:
    """Read the table of rows; those with a fault are left out."""
    settings = examined.settings
    if not (settings.recordings or settings.iv or settings.reversals):  # the paths are a fault already
        return ()
    place, spec = settings.table, RECORDINGS if settings.recordings else IV if settings.iv else REVERSALS
    try:
        typed = tables.examine(place)
    except InputError as fault:
        faults += fault.faults
        return ()
    faults += typed.faults
    found: list[str] = []
    rows = _rows(typed, spec, examined, solutions, found)
    faults += typed.as_typed(found)
    return rows


def _rows(
    typed: tables.Typed, spec: ColumnSpec, examined: Examined, solutions: Solutions | None, faults: list[str]
) -> tuple[Row, ...]:
    """Return the rows of a table that have no fault; the faults of the others are added to `faults`."""
    place = examined.settings.table
    table, found = validation.known_columns(typed.even, place, spec)
    faults += found
    if not {*spec.required} <= {*table.columns}:
        return ()
    numbers = _numbers(table, place, spec, faults)
    reader = _RowReader(spec, examined, solutions)
    texts = {int(number): cells for number, cells in table.astype(str).to_dict("index").items()}
    levels: dict[int, Levels] = {}
    if spec is IV:
        curves = list(curve_rows(texts, numbers, place, faults))
        texts, levels = {each.number: each.cells for each in curves}, {each.number: each.levels for each in curves}
    rows = []
    for number, cells in texts.items():
        try:
            rows.append(replace(reader.row(number, cells, numbers[number]), levels=levels.get(number)))
        except InputError as wrong:
            faults += [RowFault(place, number, fault) for fault in wrong.faults]
    faults += validation.name_faults(texts, place, spec)
    faults += validation.cells_in_two_batches(texts, place)
    return tuple(rows)


def _numbers(table: pd.DataFrame, place: str, spec: ColumnSpec, faults: list[str]) -> dict[int, dict[str, float]]:
    """Return the numbers of each row, by its number and by column; a blank or wrong cell has none."""
    found: dict[int, dict[str, float]] = {int(number): {} for number in table.index}
    for name, column in spec.table.columns.items():
        if column.is_number and name in table.columns:
            values, wrong = number_columns.numbers(table, name, place, column.range.expected, column.range.unit)
            faults += wrong
            for number, value in values.dropna().to_dict().items():
                found[int(number)][name] = float(value)
    return found


@dataclass(frozen=True)
class _RowReader:
    """Context in which the rows of one table are read."""

    spec: ColumnSpec
    examined: Examined
    solutions: Solutions | None

    def row(self, number: int, texts: Mapping[str, str], numbers: Mapping[str, float]) -> Row:
        """Return one row with the configuration filled in.

        Raises
        ------
        InputError
            With every fault of the row, without file and row.
        """
        spec, settings = self.spec, self.examined.settings
        user_columns = {name: text for name, text in texts.items() if name not in spec.columns or name in CARRIED}
        cells = {name: text for name, text in texts.items() if name in spec.columns}
        cells |= {name: validation.on_disk(cells[name]) for name in ("recording", "subtract") if cells.get(name)}
        faults = list(validation.cell_faults(cells, spec, settings, self.solutions))
        sweeps, measure = self._sweeps(cells, faults), self._measure(cells, faults)
        condition = Condition(
            cells["bath"],
            cells["pipette"],
            cells.get("configuration") or settings.configuration,
            numbers.get("temperature_C", settings.temperature_C),
            cells.get("zeroed_in") or settings.junction.zeroed_in or NEW_ZERO,
        )
        faults += validation.unknown_inside_faults(condition, settings.junction)
        if faults:
            raise InputError(faults)
        return Row(
            number=number,
            measurement=cells.get("measurement") or spec.default_name(cells),
            recording=cells.get("recording", ""),
            cell=cells["cell"],
            bath=condition.bath,
            pipette=condition.pipette,
            group=cells.get("group", ""),
            batch=cells.get("batch", ""),
            sweeps_text=cells.get("sweeps", ""),
            sweeps=sweeps,
            temperature_C=condition.temperature_C,
            configuration=condition.configuration,
            zeroed_in=condition.zeroed_in,
            series_resistance_MOhm=numbers.get("series_resistance_MOhm"),
            compensation_percent=numbers.get("compensation_percent"),
            capacitance_pF=numbers.get("capacitance_pF"),
            time_s=numbers.get("time_s"),
            exclude=cells.get("exclude", ""),
            subtract=cells.get("subtract", ""),
            measure=measure,
            user_columns=user_columns,
            external=_external(numbers) if spec is REVERSALS else None,
        )

    def _sweeps(self, cells: Mapping[str, str], faults: list[str]) -> tuple[int, ...]:
        try:
            return sweep_numbers(cells.get("sweeps", ""), "column 'sweeps'")
        except InputError as fault:
            faults += fault.faults
            return ()

    def _measure(self, cells: Mapping[str, str], faults: list[str]) -> Measure:
        """Return the keys of `measure`, those of the row over those of the configuration."""
        base: Measure = self.examined.settings.measure
        of_row = {key: cells[key] for key in self.spec.measure if cells.get(key)}
        try:
            measure = measure_for(base, of_row, base_window=self.examined.sound(*_WINDOW_KEYS))
        except InputError as fault:
            faults += fault.faults
            return base
        if self.spec is IV:
            # No other key acts on levels that were measured elsewhere.
            measure = replace(settings_module.default_measure(), **{key: getattr(measure, key) for key in IV.measure})
            if measure.leak not in (Leak.NONE, Leak.LINEAR):
                faults.append(f"column 'leak': got '{measure.leak}' of I-V curves measured elsewhere, {_CURVE_LEAKS}")
        if self.spec is RECORDINGS and ("leak" in of_row or self.examined.sound("measure.leak")):
            faults += validation.background_faults(cells, measure.leak)
        return measure


def _external(numbers: Mapping[str, float]) -> ExternalReversal:
    """Return the potential of a row; a number that is missing or wrong is a fault already, and stops the run."""
    potential_mV, se_mV = (numbers.get(name, math.nan) for name in ("reversal_mV", "se_mV"))
    return ExternalReversal(potential_mV, se_mV, int(numbers.get("n", 1)))
