r"""Every table of the contract: its columns, their types and units, and the pair that reads and writes it.

Read: UTF-8 with or without a byte-order mark, commas. Identifiers are text as typed (`NA`,
`007` and `None` are names); only the empty cell is missing. Written: `\n`, `%.12g`, no
negative zero, missing is empty, `true`/`false`, rows sorted by code point of their keys.
A row is named by its number in the file, the header being row 1, as a spreadsheet shows it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.contract.errors import InputError


@dataclass(frozen=True)
class Table:
    """Columns of one written table.

    Attributes
    ----------
    keys : tuple of str
        Columns by which the rows are sorted, all text but those also in `numbers`.
    text, numbers : frozenset of str
        Which columns hold text and which hold numbers.
    columns : tuple of str
        All columns in their order.
    """

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: frozenset[str]


def _table(name: str, keys: str, columns: str, text: str) -> Table:
    names = tuple(columns.split())
    return Table(name, tuple(keys.split()), names, frozenset(names) - frozenset(text.split()))


# Behind the columns of the contract: what the fit adds to se_mV in quadrature; when it was measured.
REVERSAL_POTENTIALS = _table(
    "reversal_potentials.csv",
    "measurement",
    "measurement recording epoch sweeps group cell bath pipette configuration temperature_C verdict reason "
    "raw_mV leak_shift_mV rs_shift_mV reversal_mV junction_mV corrected_mV se_mV low_mV high_mV slope_nS flags "
    "further_se_mV time_s",
    "measurement recording epoch sweeps group cell bath pipette configuration verdict reason flags",
)
IV = _table(
    "iv.csv",
    "measurement level",
    "measurement level command_mV voltage_mV current_pA se_pA raw_current_pA",
    "measurement",
)
# Behind the columns of the contract: what was put in, bound or not, and what holds for the whole solution.
SOLUTIONS = _table(
    "solutions.csv",
    "temperature_C solution ion",
    "temperature_C solution ion valence concentration_mM activity_coefficient activity_mM ionic_strength_M status "
    "total_mM pH titrant_mM charge_excess_meq_per_l osmolarity_mOsm_per_l warnings assumptions",
    "solution ion status warnings assumptions",
)
# Behind the columns of the contract: part of the key, and the standard error of applied_mV that all cells share.
JUNCTIONS = _table(
    "junctions.csv",
    "bath pipette configuration temperature_C term from_solution",
    "bath pipette configuration temperature_C term from_solution to_solution henderson_mV nernst_planck_mV "
    "applied_mV statement zeroed_in shared_se_mV",
    "bath pipette configuration term from_solution to_solution statement zeroed_in",
)
# Behind the columns of the contract: Nernst's potential, and the noise of the recording, the same for every ion.
THERMODYNAMICS = _table(
    "thermodynamics.csv",
    "measurement ion",
    "measurement ion driving_force_mV delta_mu_kJ_per_mol flux_ratio nernst_mV reason noise_pA bandwidth_Hz "
    "bandwidth_source thermal_noise_pA noise_ratio",
    "measurement ion reason bandwidth_source",
)
PERMEABILITIES = _table(
    "permeabilities.csv",
    "group model ion",
    "group model ion reference verdict ratio low high ln_ratio low_cells high_cells se_ln_cells se_ln_shared "
    "df n_cells reason",
    "group model ion reference verdict reason",
)
CELLS = _table(
    "cells.csv",
    "group cell model ion",
    "group cell model ion ratio low high ln_ratio se_ln_ratio n_baths offset_mV",
    "group cell model ion",
)
# Behind the columns of the contract: what the data say of a model beside the best one.
MODELS = _table(
    "models.csv",
    "group model",
    "group model activity permeant n_data n_parameters chi_square log_likelihood aicc delta_aicc sentence",
    "group model activity permeant sentence",
)
RESIDUALS = _table(
    "residuals.csv",
    "measurement group cell bath model",
    "measurement group cell bath model measured_mV se_mV predicted_mV residual_mV",
    "measurement group cell bath model",
)
NERNST_SLOPES = _table(
    "nernst_slopes.csv",
    "group ion",
    "group ion n slope_mV_per_decade low high theoretical_mV_per_decade",
    "group ion",
)
# Behind the columns of the contract: whether a method disagrees with the interval over cells that is reported.
INTERVALS = _table(
    "intervals.csv",
    "group model ion method",
    "group model ion method low high disagrees",
    "group model ion method disagrees",
)
CORRECTIONS = _table("corrections.csv", "group step ion", "group step ion ratio low high", "group step ion")
# ln_difference is ln ratio of `group` less that of `other_group`; low and high are its interval.
COMPARISONS = _table(
    "comparisons.csv",
    "group other_group model ion",
    "ion group other_group model reference ln_difference low high p p_holm ratio_of_ratios se_ln_cells se_ln_shared df "
    "reason",
    "ion group other_group model reference reason",
)
TESTS = _table(
    "tests.csv",
    "group model test ion",
    "group model test ion statistic p sentence size se unit df1 df2",
    "group model test ion sentence unit",
)
ERROR_BUDGET = _table(
    "error_budget.csv",
    "group model ion source",
    "group ion source variance_share se_ln sentence model",
    "group ion source sentence model",
)
LADDER = ("none", "leak", "series_resistance", "junction", "activity", "offset")

# What the points of a measurement are to it.
SIGNAL, LEAK, BACKGROUND, OPPOSITE = "signal", "leak", "background", "opposite"

FLAGS: Mapping[str, str] = {
    "rs_unknown": "no series resistance was given; nothing is corrected for it (no value)",
    "rs_max_error": "largest voltage error across the uncompensated series resistance in the levels used, mV",
    "repeats": "sweeps averaged per level where a level was repeated (largest number)",
    "excess_scatter": "spread between repeats over what the noise within the window explains (ratio); se_mV has it",
    "drift": "move of the zero from the first repeat to the last, mV",
    "leak_fraction": "part of the slope of the total current at the zero that was subtracted (ratio)",
    "estimators_disagree": "zero by the second estimator less that by the chosen one, mV, where that is more than two "
    "standard errors; the fit takes it for a further error",
    "one_estimator": "the second estimator found no zero between the levels where the current changes sign (no value)",
    "capacity_removed": "membrane capacity whose charging current was subtracted from a ramp, pF; "
    "leak_shift_mV holds it",
    "capacity_unknown": "possible move of a ramp's zero by what charges the membrane, which is not known, mV; "
    "the fit takes it for a further error",
    "hysteresis": "the ramps up and down differ by more than a constant: they do not tell the capacity (no value)",
    "clipped": "part of the samples in the window at the converter's limit",
    "trend": "change of the current along the window over its range between sweeps, largest level (ratio): too early",
    "command_mismatch": "largest difference between the recorded membrane voltage and the command, mV",
}


def flag(name: str, value: float | None = None) -> str:
    """Return one flag as `name=value`; the name must be one that FLAGS explains."""
    if name not in FLAGS:
        raise KeyError(name)
    return f"{name}={'true' if value is None else f'{value:.4g}'}"


def read(path: str | Path) -> pd.DataFrame:
    """Read a user's table as text.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame of str
        All cells as typed, without the blanks around them; the empty cell is ''. The index is
        the row number in the file (first row below the header: 2). Rows that are wholly empty
        are left out.

    Raises
    ------
    InputError
        Where the file is missing, is not UTF-8, is separated by semicolons, has no row below
        its header, repeats a column or has rows longer than the header.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file; a table with commas would be right") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a table with commas would be right") from None
    except UnicodeDecodeError as fault:
        raise InputError(f"{path}: byte {fault.start} is not UTF-8; save the table as UTF-8 CSV") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as fault:
        right = "a closed pair of quotation marks around a cell, or none, would be right"
        raise InputError(f"{path}: line {reader.line_num}: found quotation marks amiss ({fault}); {right}") from None
    header = rows[0] if rows else []
    if not any(header):
        raise InputError(f"{path}: is empty; a header and at least one row would be right")
    if len(header) == 1 and ";" in header[0]:
        raise InputError(f"{path}: row 1: found semicolons between the columns; commas would be right")
    while header and not header[-1]:
        header = header[:-1]
    faults = _shape_faults(path, header, rows)
    body = {n: row for n, row in enumerate(rows[1:], start=2) if any(row)}
    if not body and not faults:
        faults = [f"{path}: has a header but no row; at least one row would be right"]
    if faults:
        raise InputError(faults)
    width = len(header)
    cells = [(row + [""] * width)[:width] for row in body.values()]
    return pd.DataFrame(cells, columns=header, index=list(body), dtype=str)


def _shape_faults(path: str | Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    faults = []
    for name in dict.fromkeys(header):
        if not name:
            faults.append(f"{path}: row 1: a column has no name; a name in every column would be right")
        elif header.count(name) > 1:
            faults.append(f"{path}: row 1, column '{name}': found {header.count(name)} times; once would be right")
    for number, row in enumerate(rows[1:], start=2):
        if any(row[len(header) :]):
            faults.append(
                f"{path}: row {number}: found {len(row)} cells; {len(header)}, as in the header, would be right"
            )
    return faults


def number(text: str) -> float:
    """Return a cell's number; a ValueError says what was found and what would be right."""
    try:
        value = float(text.replace("_", "x"))  # Python's 1_000 is no number in a table
    except ValueError:
        comma = text.count(",") == 1 and text.replace(",", "").strip("+-").isdigit()
        hint = f" (a decimal point: {text.replace(',', '.')})" if comma else ""
        raise ValueError(f"found '{text}'; a number would be right{hint}") from None
    if not math.isfinite(value):
        raise ValueError(f"found '{text}'; a finite number would be right")
    return value


def numbers(
    table: pd.DataFrame, column: str, place: str, check: Callable[[float], str | None] = lambda _: None
) -> tuple[pd.Series, list[str]]:
    """Return one column as numbers (missing: NaN) and the faults found in it.

    Parameters
    ----------
    table : DataFrame of str
        As `read` returns it.
    column : str
    place : str
        The table's path, for the faults.
    check : callable
        Says what would be right where a number is not, None where it is.
    """
    values, faults = pd.Series(np.nan, index=table.index), []
    for row, text in table[column].items():
        if text == "":
            continue
        try:
            value = number(text)
        except ValueError as fault:
            faults.append(f"{place}: row {row}, column '{column}': {fault}")
            continue
        right = check(value)
        if right:
            faults.append(f"{place}: row {row}, column '{column}': found {text}; {right} would be right")
        else:
            values[row] = value
    return values, faults


def write(
    path: str | Path, table: Table, rows: pd.DataFrame | Iterable[Mapping[str, Any]], first_model: str = ""
) -> None:
    """Write rows as one of the contract's tables.

    Parameters
    ----------
    path : str or Path
    table : Table
    rows : DataFrame or iterable of mappings
        Columns of the table that are absent are written empty; further columns follow it, by name.
    first_model : str
        The configured model, which comes before the others where `model` is a key.
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    more = sorted(set(frame.columns) - set(table.columns))
    frame = frame.reindex(columns=[*table.columns, *more])
    keys = [[_order(table, key, value, first_model) for value in frame[key]] for key in table.keys]
    ranks = list(zip(*keys, strict=True))
    cells = [[_cell(value) for value in frame[column]] for column in frame.columns]
    lines = list(zip(*cells, strict=True))
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(lines[i] for i in sorted(range(len(lines)), key=ranks.__getitem__))


def load(path: str | Path, table: Table) -> pd.DataFrame:
    """Read a table that `write` wrote: its numbers as numbers, all else as text."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[], encoding="utf-8")
    for column in frame.columns:
        if column in table.numbers:
            frame[column] = [float(text) if text else math.nan for text in frame[column]]
    return frame


def gather(paths: Sequence[str]) -> pd.DataFrame:
    """Read the Parquet files of all batches as one table; an empty one where all are."""
    frames = [pd.read_parquet(path) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _order(table: Table, key: str, value: Any, first_model: str) -> Any:
    """What a key sorts by: numbers by size, steps up the ladder, all else by code point."""
    if key in table.numbers:
        return float(value)
    if key == "step":
        return LADDER.index(value)
    return (value != first_model, str(value)) if key == "model" else str(value)


def _cell(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        text = f"{value:.12g}"
        return "0" if text == "-0" else text
    return str(value)
