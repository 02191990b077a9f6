"""An experiment folder: its settings and tables, checked as a whole before anything is computed.

`load` reads the configuration, the table of solutions and the table of recordings (or that of
reversal potentials measured elsewhere), collects every fault of all three, and hands out what
the workflow and the stages need: the rows, their conditions, and how the rows fall into batches.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from nernstfit.contract import settings as settings_module
from nernstfit.contract import tables
from nernstfit.contract.errors import InputError, nearest, nearest_or_all
from nernstfit.contract.rules import path_faults
from nernstfit.contract.schema import schema
from nernstfit.contract.settings import Examined, Junction, Measure, Settings, measure_for
from nernstfit.contract.terms import Configuration
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.ions import IONS
from nernstfit.solutions import junctions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

TRUTH_FILE = "truth.yaml"
NEEDED = ("recording", "cell", "bath", "pipette")
NUMBERS = {
    "temperature_C": (-5.0, 60.0, "a temperature in C from -5 to 60"),
    "series_resistance_MOhm": (0.0, 1e4, "a resistance in MOhm, 0 or more"),
    "compensation_percent": (0.0, 100.0, "a percentage from 0 to 100"),
    "capacitance_pF": (0.0, 1e6, "a capacitance in pF, 0 or more"),
    "time_s": (-1e12, 1e12, "a time in s"),
}
TEXTS = ("measurement", "sweeps", "group", "batch", "subtract", "exclude", "configuration", "zeroed_in")
MEASURE_KEYS = tuple(field.name for field in dataclasses.fields(Measure))
NAMED_BY = ("epoch", "channel", "statistic", "sweeps")
_WINDOW_KEYS = tuple(f"measure.{key}" for key in ("from_fraction", "to_fraction", "from_ms", "to_ms"))
CARRIED = ("n",)  # stands in the results as typed, like a column of the user's own


def _within(low: float, high: float, right: str) -> Callable[[float], str | None]:
    return lambda value: None if low <= value <= high else right


@dataclass(frozen=True)
class Form:
    """The columns that one kind of table of rows may have; any other is the user's own.

    Attributes
    ----------
    needed, texts, measure : tuple of str
        Columns that every row fills; columns of text; keys of `measure`.
    numbers : mapping
        Column to what says what would be right where its number is not.
    named_after : tuple of str
        Needed columns that make a row's name ...
    named_by : tuple of str
        ... and columns that add to it where they have a value.
    """

    needed: tuple[str, ...]
    numbers: Mapping[str, Callable[[float], str | None]]
    texts: tuple[str, ...]
    measure: tuple[str, ...]
    named_after: tuple[str, ...]
    named_by: tuple[str, ...]

    @property
    def columns(self) -> set[str]:
        """All columns that mean something."""
        return {*self.needed, *self.numbers, *self.texts, *self.measure}


RECORDINGS = Form(
    needed=NEEDED,
    numbers={column: _within(*limits) for column, limits in NUMBERS.items()},
    texts=TEXTS,
    measure=MEASURE_KEYS,
    named_after=("recording",),
    named_by=NAMED_BY,
)
REVERSALS = Form(
    needed=("cell", "bath", "pipette", "reversal_mV", "se_mV"),
    numbers={
        "temperature_C": _within(*NUMBERS["temperature_C"]),
        "time_s": _within(*NUMBERS["time_s"]),
        "reversal_mV": _within(-1000.0, 1000.0, "a potential in mV from -1000 to 1000"),
        "se_mV": lambda value: None if 0 < value <= 1000 else "a standard error in mV, more than 0 and at most 1000",
        "n": lambda value: None if value >= 1 and value.is_integer() else "a whole number of cells, 1 or more,",
    },
    texts=("measurement", "group", "batch", "exclude", "configuration", "zeroed_in"),
    measure=(),
    named_after=("cell", "bath"),
    named_by=("group", "temperature_C", "configuration"),
)


@dataclass(frozen=True)
class Given:
    """A potential that was measured elsewhere, as commanded; `n` is how many cells it averages."""

    reversal_mV: float
    se_mV: float
    n: int


@dataclass(frozen=True)
class Row:
    """One row of the table of recordings or of potentials measured elsewhere, with the configuration filled in.

    `number` is its row in the file. Numbers that were not given are None. `given` is what was
    measured elsewhere; such a row has no recording.
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
    own: Mapping[str, str]
    given: Given | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Recordings that the row is measured from: its own and the background."""
        return (self.recording, self.subtract) if self.subtract else (self.recording,)

    @property
    def estimator_temperature_C(self) -> float | None:
        """Temperature where the estimator of the reversal potential asks for it."""
        return self.temperature_C if self.measure.estimator == "ghk" else None

    @property
    def leak_sign(self) -> int:
        """Where a leak below activation is looked for: 1 at the lowest levels of the command, -1 at the highest."""
        return self.condition.sign if self.measure.leak == "linear" else 1

    @property
    def condition(self) -> Condition:
        """What the measurement was made in."""
        return Condition(self.bath, self.pipette, self.configuration, self.temperature_C, self.zeroed_in)

    @property
    def averages(self) -> int:
        """How many cells the row averages."""
        return self.given.n if self.given else 1


@dataclass(frozen=True)
class Experiment:
    """Settings, solutions and rows of one experiment folder; paths are relative to the folder."""

    settings: Settings
    solutions: Solutions
    rows: tuple[Row, ...]

    @property
    def batches(self) -> list[str]:
        """Names of the batches of consecutive rows that one ingest job reads each."""
        size, recordings = self.settings.recordings_per_job, sum(row.given is None for row in self.rows)
        return [f"{start // size:04d}" for start in range(0, recordings, size)]

    def batch(self, name: str) -> tuple[Row, ...]:
        """Rows of one batch."""
        size = self.settings.recordings_per_job
        return self.rows[int(name) * size : (int(name) + 1) * size]

    @property
    def tables(self) -> list[str]:
        """Files that the experiment was read from, and the truth where it is simulated."""
        table = self.settings.table
        truth = Path(table).parent / TRUTH_FILE
        return [table, *self.chemistry, *([truth.as_posix()] if truth.exists() else [])]

    @property
    def chemistry(self) -> list[str]:
        """Files that say what the solutions are."""
        return [self.settings.solutions, *([self.settings.species] if self.settings.species else [])]

    def recordings_of(self, wildcards: Any) -> list[str]:
        """Files that the batch `wildcards.batch` reads, each once; an input function for a rule."""
        return list(dict.fromkeys(path for row in self.batch(wildcards.batch) for path in row.files))

    def batch_reads(self, wildcards: Any) -> str:
        """Fingerprint of what ingest reads of the rows of the batch `wildcards.batch`."""
        return fingerprint(self, "ingest", self.batch(wildcards.batch))

    def reads(self, stage: str) -> str:
        """Fingerprint of what a stage reads of settings and rows."""
        return fingerprint(self, stage, sorted(self.rows, key=lambda row: row.measurement))


def load(config: Mapping[str, Any], with_rows: bool = True) -> Experiment:
    """Check the experiment in the present folder.

    Parameters
    ----------
    config : mapping
        Its configuration, as read.
    with_rows : bool
        Whether there is a table of rows yet.

    Raises
    ------
    InputError
        With every fault of configuration and tables, one line each.
    """
    examined = settings_module.examine(config)
    faults = [*settings_module.repeated_keys(), *examined.faults]
    solutions = _solutions(examined, faults)
    rows = _rows(examined, solutions, faults) if with_rows else ()
    faults += _config_faults(examined.settings, solutions)
    if solutions is not None:
        faults += ion_faults(examined.settings, solutions, [row.condition for row in rows])
    if faults or solutions is None:
        raise InputError(faults)
    return Experiment(examined.settings, solutions, rows)


# What each stage reads of a row and of the settings: a change of anything else does not run it again.
READS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ingest": (
        (
            "measurement",
            "recording",
            "sweeps",
            "exclude",
            "subtract",
            *(f"measure.{key}" for key in ("epoch", "from_fraction", "to_fraction", "from_ms", "to_ms")),
            *(f"measure.{key}" for key in ("statistic", "channel", "command", "voltage", "leak")),
        ),
        (),
    ),
    "measure": (
        (
            "measurement",
            "series_resistance_MOhm",
            "compensation_percent",
            "capacitance_pF",
            "estimator_temperature_C",
            "leak_sign",
            *(f"measure.{key}" for key in ("voltage", "estimator", "leak", "max_interval_mV", "min_span_mV")),
        ),
        (),
    ),
    "import_reversals": (("measurement", "given", "exclude"), ()),
    "solutions": (("condition",), ("junction", "activity", "uncertainty")),
    "correct": (("measurement", "recording", "cell", "group", "sweeps_text", "condition", "time_s", "own"), ()),
    "thermodynamics": (("measurement", "condition"), ("activity", "fit.permeant")),
    "fit": (("measurement", "condition", "averages", "batch"), ("junction", "activity", "fit", "uncertainty")),
    "report": (("measurement", "recording"), tuple(field.name for field in dataclasses.fields(Settings))),
}


def fingerprint(experiment: Experiment, stage: str, rows: Sequence[Row]) -> str:
    """SHA-256 of what a stage reads of the settings and of some rows: one line that changes when any of it does."""
    columns, sections = READS[stage]
    settings = experiment.settings.as_dict()
    content = [
        [[_plain(operator.attrgetter(column)(row)) for column in columns] for row in rows],
        [functools.reduce(operator.getitem, section.split("."), settings) for section in sections],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def code(module: str) -> list[str]:
    """Files of the package that a module needs: itself, all it imports directly or not, and their data files.

    Found in the source, so that a rule can name as its input exactly what it runs.
    """
    root = Path(__file__).parents[1]
    found: dict[Path, None] = {}
    waiting = [root / f"{module.replace('.', '/')}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += _needed(path, root) if path.suffix == ".py" else ()
    return sorted(map(str, found))


def _needed(path: Path, root: Path) -> Iterator[Path]:
    """Modules that one module imports, and the data beside it or in a package that it names in a text.

    Of a package that is imported by its name (`from package import subpackage`, as a registry does) all modules.
    """
    names: list[str] = []
    members: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            members += [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.append(node.value)
    folders = [path.parent]
    for name in (*names, *members):
        package, _, rest = name.partition(".")
        if package == root.name and rest.replace(".", "").isidentifier():
            place = root / rest.replace(".", "/")
            folders.append(place)
            if place.with_suffix(".py").is_file():
                yield place.with_suffix(".py")
            if name in members and place.is_dir():
                yield from place.glob("*.py")
    for folder in folders:
        if folder.is_dir():
            yield from (data for data in folder.iterdir() if data.is_file() and data.suffix not in (".py", ".pyc"))


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def _solutions(examined: Examined, faults: list[str]) -> Solutions | None:
    settings = examined.settings
    if not settings.solutions:  # its path is a fault already
        return None
    try:
        own, found = solution_table.read_species(settings.species) if settings.species else ((), [])
        faults += found
        solutions, found = solution_table.parse(tables.read(settings.solutions), settings.solutions, own)
    except InputError as fault:
        faults += fault.faults
        return None
    faults += found
    # Without a single name there is nothing to hold baths and pipettes against; its own fault says enough.
    return solutions if solutions.names else None


def _config_faults(settings: Settings, solutions: Solutions | None) -> Iterator[str]:
    """What the configuration says of ions and solutions that do not exist."""
    place = settings_module.CONFIG_FILE
    known = IONS if solutions is None else solutions.known
    for ion in settings.fit.permeant:
        if ion not in known:
            hint = nearest(ion, known)
            right = f"the nearest is '{hint}'" if hint else "an ion such as Na, K, Ca or Cl would be right"
            yield f"{place}: key 'fit.permeant': found '{ion}', which is no known ion; {right}"
    if solutions is None:
        return
    junction = settings.junction
    named = [("junction.measured_mV", bath) for bath in junction.measured_mV]
    if junction.method != "none" and junction.zeroed_in not in (None, NEW_ZERO):
        named.append(("junction.zeroed_in", str(junction.zeroed_in)))
    if junction.reference is not None and junction.reference.solution is not None:
        named.append(("junction.reference.solution", junction.reference.solution))
    for key, name in named:
        if name not in solutions.names:
            yield f"{place}: key '{key}': found '{name}', {not_a_solution(name, settings, solutions)}"


def not_a_solution(name: str, settings: Settings, solutions: Solutions) -> str:
    """What is wrong with the name of no solution, as words that follow what was found."""
    return f"which is no row of {settings.solutions}; {nearest_or_all(name, solutions.names)}"


def ion_faults(settings: Settings, solutions: Solutions, conditions: Iterable[Condition]) -> Iterator[str]:
    """What the junctions need of the solutions, each said once."""
    found = {what for c in set(conditions) for what in junctions.missing_ions(solutions, c, settings.junction)}
    for name, why in sorted(found):
        yield f"{settings.solutions}: solution '{name}': {why}"


def _rows(examined: Examined, solutions: Solutions | None, faults: list[str]) -> tuple[Row, ...]:
    settings = examined.settings
    if not (settings.recordings or settings.reversals):  # the paths are a fault already
        return ()
    place, form = settings.table, RECORDINGS if settings.recordings else REVERSALS
    try:
        table = tables.read(place)
    except InputError as fault:
        faults += fault.faults
        return ()
    missing = [column for column in form.needed if column not in table.columns]
    if missing:
        found = ", ".join(table.columns)
        faults += [f"{place}: row 1: found no column '{column}' (found {found}); it is needed" for column in missing]
        return ()
    faults += _column_faults(table, place, form)
    numbers = {}
    for column, check in form.numbers.items():
        if column in table.columns:
            numbers[column], found_faults = tables.numbers(table, column, place, check)
            faults += found_faults
    rows = []
    for number, cells in zip(table.index, table.to_dict("records"), strict=True):
        typed = {str(key): str(value) for key, value in cells.items()}
        given = {column: float(values[number]) for column, values in numbers.items() if pd.notna(values[number])}
        row, found_row = _row(int(number), typed, given, examined, solutions, form)
        faults += [f"{place}: row {number}, {fault}" for fault in found_row]
        if row is not None:
            rows.append(row)
    faults += _repeated({int(number): cells for number, cells in table.to_dict("index").items()}, place, form)
    return tuple(rows)


def _column_faults(table: pd.DataFrame, place: str, form: Form) -> Iterator[str]:
    taken = set(tables.REVERSAL_POTENTIALS.columns) - form.columns
    for column in table.columns:
        if column in taken:
            yield (
                f"{place}: row 1, column '{column}': is a column of results/reversal_potentials.csv; "
                "another name for a column of your own would be right"
            )


def _row(
    number: int,
    cells: Mapping[str, str],
    given: Mapping[str, float],
    examined: Examined,
    solutions: Solutions | None,
    form: Form,
) -> tuple[Row | None, list[str]]:
    settings = examined.settings
    own = {column: text for column, text in cells.items() if column not in form.columns or column in CARRIED}
    cells = {column: text for column, text in cells.items() if column in form.columns}
    configuration = cells.get("configuration") or settings.configuration
    faults = list(_blank_faults(cells, form, configuration))
    for column in ("recording", "subtract"):
        faults += _path_faults(cells.get(column, ""), column)
    if solutions is not None:
        faults += _solution_faults(cells, settings, solutions)
    known = schema()["properties"]["configuration"]
    if configuration not in known["enum"]:
        right = ", ".join(known["enum"])
        faults.append(f"column 'configuration': found '{configuration}'; one of {right} would be right")
    sweeps: tuple[int, ...] = ()
    try:
        sweeps = sweep_numbers(cells.get("sweeps", ""))
    except InputError as fault:
        faults.append(f"column 'sweeps': {fault}")
    try:
        own_measure = {key: cells[key] for key in form.measure if cells.get(key)}
        measure = measure_for(settings.measure, own_measure, base_window=examined.sound(*_WINDOW_KEYS))
        if form is RECORDINGS and ("leak" in own_measure or examined.sound("measure.leak")):
            faults += _background_faults(cells, measure.leak)
    except InputError as fault:
        faults += fault.faults
    temperature_C = given.get("temperature_C", settings.temperature_C)
    zeroed_in = cells.get("zeroed_in") or settings.junction.zeroed_in or NEW_ZERO
    condition = Condition(cells["bath"], cells["pipette"], configuration, temperature_C, zeroed_in)
    faults += _unknown_inside_faults(condition, settings.junction)
    if faults:
        return None, faults
    row = Row(
        number=number,
        measurement=cells.get("measurement") or _default_name(cells, form),
        recording=cells.get("recording", ""),
        cell=cells["cell"],
        bath=cells["bath"],
        pipette=cells["pipette"],
        group=cells.get("group", ""),
        batch=cells.get("batch", ""),
        sweeps_text=cells.get("sweeps", ""),
        sweeps=sweeps,
        temperature_C=temperature_C,
        configuration=configuration,
        zeroed_in=zeroed_in,
        series_resistance_MOhm=given.get("series_resistance_MOhm"),
        compensation_percent=given.get("compensation_percent"),
        capacitance_pF=given.get("capacitance_pF"),
        time_s=given.get("time_s"),
        exclude=cells.get("exclude", ""),
        subtract=cells.get("subtract", ""),
        measure=measure,
        own=own,
        given=_given(given) if form is REVERSALS else None,
    )
    return row, []


def _blank_faults(cells: Mapping[str, str], form: Form, configuration: str) -> Iterator[str]:
    """Empty cells; what is inside may be unknown where no recording is measured through a pipette filled with it."""
    unknown_inside = form is REVERSALS or configuration == Configuration.TWO_ELECTRODE
    for column in form.needed:
        if not cells[column] and not (column == "pipette" and unknown_inside):
            yield f"column '{column}': found nothing; every row needs one"


def _unknown_inside_faults(condition: Condition, junction: Junction) -> Iterator[str]:
    """A junction with an unknown inside is part of the cell's free term only where it is the same in every bath."""
    applies = junction.method != "none" and condition.bath not in junction.measured_mV
    anew = condition.zeroed_in == NEW_ZERO and condition.configuration != Configuration.TWO_ELECTRODE
    if not condition.pipette and applies and anew:
        yield (
            "column 'pipette': found nothing, and the offset is zeroed anew in each bath, whose junction with what is "
            "inside cannot be computed; the pipette's solution, one bath for zeroed_in, or junction.method none "
            "would be right"
        )


def _given(numbers: Mapping[str, float]) -> Given:
    """What a row gives; a number that is missing or wrong is a fault by now, and stops the run."""
    return Given(numbers.get("reversal_mV", math.nan), numbers.get("se_mV", math.nan), int(numbers.get("n", 1)))


def _background_faults(cells: Mapping[str, str], leak: str) -> Iterator[str]:
    """The column `subtract` and `leak: background` go together."""
    background = cells.get("subtract", "")
    if leak == "background" and not background:
        yield "column 'subtract': found nothing; leak is 'background', which needs the path of the background recording"
    elif background and leak != "background":
        yield (
            f"column 'subtract': found '{background}', but leak is '{leak}'; 'background' there, or nothing here, "
            "would be right"
        )
    elif background and background == cells["recording"]:
        yield f"column 'subtract': found '{background}', the recording itself; another recording would be right"


def _path_faults(path: str, column: str) -> Iterator[str]:
    if not path:
        return
    where = f"column '{column}': found '{path}'"
    outside = list(path_faults(path))
    if outside:
        yield from (f"column '{column}': {fault}" for fault in outside)
    elif not Path(path).exists():
        siblings = [str(other) for other in sorted(Path(path).parent.glob("*"))] if Path(path).parent.is_dir() else []
        hint = nearest(path, siblings)
        yield f"{where}, and there is no such file; " + (
            f"the nearest is '{hint}'" if hint else "an ABF file would be right"
        )
    elif not Path(path).is_file():
        yield f"{where}, which is a folder; an ABF file would be right"


def _solution_faults(cells: Mapping[str, str], settings: Settings, solutions: Solutions) -> Iterator[str]:
    for column in ("bath", "pipette", "zeroed_in"):
        name = cells.get(column, "")
        if name and name not in solutions.names and not (column == "zeroed_in" and name == NEW_ZERO):
            yield f"column '{column}': found '{name}', {not_a_solution(name, settings, solutions)}"


def sweep_numbers(text: str) -> tuple[int, ...]:
    """Read a choice of sweeps like `0-12,15`; empty for all.

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
            raise InputError(f"found '{text}'; sweeps from 0 like 0-12,15 would be right")
        found += range(int(match[1]), last + 1)
    return tuple(dict.fromkeys(found))


def _default_name(cells: Mapping[str, str], form: Form) -> str:
    """A row's name where it gives none; '' where what it is named after is a fault already."""
    after = [_stem(cells[c]) if c == "recording" else cells[c] for c in form.named_after]
    return ":".join([*after, *(cells[c] for c in form.named_by if cells.get(c))]) if all(after) else ""


def _stem(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).stem


def _repeated(table: Mapping[int, Mapping[str, str]], place: str, form: Form) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, cells in table.items():
        name = cells.get("measurement") or _default_name(cells, form)
        if name in first:
            yield (
                f"{place}: row {number}, column 'measurement': '{name}' is also the name of row "
                f"{first[name]}; another name in the column 'measurement' would be right"
            )
        if name:
            first.setdefault(name, number)
