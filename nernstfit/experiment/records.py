"""Records of an experiment folder: its settings, solutions and rows, and the columns that its tables may have."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.settings import CONFIG_FILE, Measure, Settings
from nernstfit.contract.table_files import file_of
from nernstfit.contract.tables import Table
from nernstfit.contract.terms import Configuration
from nernstfit.solutions.conditions import NEW_ZERO, Condition

if TYPE_CHECKING:
    from nernstfit.experiment.levels import Levels
    from nernstfit.solutions.composition import Solutions

Cell: TypeAlias = tuple[str, str]  # group and name
TRUTH_FILE = "truth.yaml"
CARRIED = ("n",)  # is written to the results as typed, like a column of the user's own


@dataclass(frozen=True)
class ColumnSpec:
    """Columns that one kind of table of rows may have; any other is the user's own.

    Attributes
    ----------
    table : Table
        Its declaration in the contract.
    measure : tuple of str
        Keys of `measure` that may be columns too.
    name_columns : tuple of str
        Required columns that make up the default name of a row ...
    name_suffixes : tuple of str
        ... and columns that are appended where they have a value.
    """

    table: Table
    measure: tuple[str, ...]
    name_columns: tuple[str, ...]
    name_suffixes: tuple[str, ...]

    @property
    def columns(self) -> set[str]:
        """All columns that have a meaning."""
        return {*self.table.columns, *self.measure}

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """All columns that have a meaning, in their order, with other names of the quantity."""
        return {name: column.also for name, column in self.table.columns.items()} | dict.fromkeys(self.measure, ())

    @property
    def required(self) -> list[str]:
        """Columns that a table must have."""
        return [name for name, column in self.table.columns.items() if not column.missing]

    def default_name(self, cells: Mapping[str, str]) -> str:
        """Return a row's name where it gives none; '' where a column that makes it up is missing, which is a fault."""
        parts = [_stem(cells[column]) if column == "recording" else cells[column] for column in self.name_columns]
        return ":".join([*parts, *(cells[c] for c in self.name_suffixes if cells.get(c))]) if all(parts) else ""

    def allows_unknown_inside(self, configuration: str) -> bool:
        """Return True where a pipette may be blank: no recording is measured through a pipette filled with it."""
        return self.table is tables.REVERSALS or configuration == Configuration.TWO_ELECTRODE


def _stem(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).stem


RECORDINGS = ColumnSpec(
    table=tables.RECORDINGS,
    measure=tuple(field.name for field in dataclasses.fields(Measure)),
    name_columns=("recording",),
    name_suffixes=("epoch", "channel", "statistic", "sweeps"),
)
_POTENTIAL_SUFFIXES = ("group", "temperature_C", "configuration")
IV = ColumnSpec(
    table=tables.IV_INPUT,
    measure=("estimator", "leak", "max_interval_mV", "min_span_mV", "open_pore"),
    name_columns=("cell", "bath"),
    name_suffixes=_POTENTIAL_SUFFIXES,
)
REVERSALS = ColumnSpec(
    table=tables.REVERSALS,
    measure=(),
    name_columns=("cell", "bath"),
    name_suffixes=_POTENTIAL_SUFFIXES,
)


@dataclass(frozen=True)
class ExternalReversal:
    """Reversal potential measured elsewhere, on the pipette's command; `n` is the number of cells that it averages."""

    reversal_mV: float
    se_mV: float
    n: int


@dataclass(frozen=True)
class Row:
    """Row of the table of recordings, or a curve or potential measured elsewhere, with the configuration filled in.

    Attributes
    ----------
    number : int
        Its row in the file, of a curve the first; the header is row 1.
    sweeps : tuple of int
        Empty for all.
    series_resistance_MOhm, compensation_percent, capacitance_pF, time_s : float or None
        None where not given.
    user_columns : mapping
        Columns of the user's own, as typed.
    external : ExternalReversal or None
        Potential measured elsewhere; such a row has no recording.
    levels : Levels or None
        I-V curve measured elsewhere; such a row has no recording either.
    """

    number: int
    measurement: str
    recording: str
    cell: str
    bath: str
    pipette: str
    group: str
    batch: str
    sweeps_text: str
    sweeps: tuple[int, ...]
    temperature_C: float
    configuration: str
    zeroed_in: str
    series_resistance_MOhm: float | None
    compensation_percent: float | None
    capacitance_pF: float | None
    time_s: float | None
    exclude: str
    subtract: str
    measure: Measure
    user_columns: Mapping[str, str]
    external: ExternalReversal | None = None
    levels: Levels | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Recordings that the row is measured from: its own and the background; none of a curve measured elsewhere."""
        return tuple(path for path in (self.recording, self.subtract) if path)

    @property
    def condition(self) -> Condition:
        """Solutions, configuration and temperature in which the measurement was made."""
        return Condition(self.bath, self.pipette, self.configuration, self.temperature_C, self.zeroed_in)

    @property
    def uncompensated_MOhm(self) -> float | None:
        """Series resistance that the amplifier has not compensated; None where it is not known."""
        series = self.series_resistance_MOhm
        return None if series is None else series * (1 - (self.compensation_percent or 0.0) / 100)

    @property
    def n_cells(self) -> int:
        """Number of cells that the row averages."""
        return self.external.n if self.external else 1


def sweep_numbers(text: str, place: str) -> tuple[int, ...]:
    """Return the sweeps of a choice like `0-12,15`; empty for all. `place` is the column or option, for the fault.

    Raises
    ------
    InputError
        Where the text is not of that form.
    """
    found: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        last = int(match[2] or match[1]) if match else -1
        if match is None or last < int(match[1]):
            raise InputError(f"{place}: got '{text}', expected sweeps from 0 like 0-12,15")
        found += range(int(match[1]), last + 1)
    return tuple(dict.fromkeys(found))


def row_of_file(recording: str, how: Measure, **columns: Any) -> Row:
    """Return the row that measures a recording outside a table; no solutions are known.

    Parameters
    ----------
    recording : str
        Path.
    how : Measure
    **columns
        Further fields of `Row`, `temperature_C` and `configuration` among them; the others are empty by default.
    """
    texts = ("measurement", "cell", "bath", "pipette", "group", "batch", "sweeps_text", "exclude", "subtract")
    numbers = ("series_resistance_MOhm", "compensation_percent", "capacitance_pF", "time_s")
    values: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(numbers)
    values |= {"number": 0, "sweeps": (), "zeroed_in": NEW_ZERO, "user_columns": {}}
    return Row(recording=recording, measure=how, **values | columns)


@dataclass(frozen=True)
class Experiment:
    """Settings, solutions and rows of one experiment folder; paths are relative to the folder.

    Attributes
    ----------
    settings : Settings
    solutions : Solutions
    rows : tuple of Row
    given : frozenset of str
        Dotted names of the keys that the configuration gives; all others have their defaults.
    """

    settings: Settings
    solutions: Solutions
    rows: tuple[Row, ...]
    given: frozenset[str] = frozenset()

    @property
    def input_files(self) -> list[str]:
        """Files that the experiment was read from: tables, its configuration, and true values where it is simulated.

        A workflow that uses this one as a module may hand over a configuration, which then has no file here.
        """
        settings = self.settings
        given = [path for path in (settings.table, settings.solutions, settings.species) if path]
        files = dict.fromkeys(map(file_of, given))  # several tables may be sheets of one workbook
        truth = Path(settings.table).parent / TRUTH_FILE
        return [*files, *(path for path in (CONFIG_FILE, truth.as_posix()) if Path(path).exists())]


def measurement_times(rows: Sequence[Row], of_files: Mapping[str, float]) -> dict[str, float]:
    """Return the time of each measurement in s: from the table, or where it gives none at all from the recordings.

    Parameters
    ----------
    rows : sequence of Row
    of_files : mapping
        Measurement to the start of its recording in s by the clock of its computer; nan where unknown.

    Returns
    -------
    dict
        By measurement. Those of recordings count from the first.
    """
    if any(row.time_s is not None for row in rows):  # the two clocks need not agree
        return {row.measurement: math.nan if row.time_s is None else row.time_s for row in rows}
    first = min((time for time in of_files.values() if math.isfinite(time)), default=math.nan)
    # The clock counts milliseconds; further digits of the difference of two large numbers are rounding errors.
    return {row.measurement: round(of_files[row.measurement] - first, 3) for row in rows}
