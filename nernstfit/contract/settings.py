"""The configuration: from config/config.yaml to frozen settings, or to a list of faults.

`load` holds a configuration against config.schema.yaml, names the nearest known key for one that
is not known, fills the defaults of every section and returns frozen records. `examine` does the
same but goes on with the defaults where a value is not sound, so that the tables can be checked
all the same. The records have the keys that the schema declares; they are listed nowhere else.
"""

from __future__ import annotations

import dataclasses
import re
import typing
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from nernstfit.contract import terms
from nernstfit.contract.correction_terms import CorrectionTerm, correction_terms
from nernstfit.contract.errors import InputError
from nernstfit.contract.rules import PATHS, WINDOW, cross_key_faults, window_faults
from nernstfit.contract.schema import (
    filled,
    is_sound,
    schema,
    section_faults,
    typed,
    value_faults,
    without,
    without_empty_sections,
)

CONFIG_FILE = "config/config.yaml"
# What stands where a key without default, or a path, is not sound: nothing that a table could be held against.
_NO_IONS: Mapping[str, Any] = {"reference_ion": "", "permeant": []}
_NO_PATH: Mapping[str, str | None] = {
    "recordings": None,
    "iv": None,
    "reversals": None,
    "solutions": "",
    "species": None,
}


class Section:
    """A section of the configuration; its keys are attributes."""

    if typing.TYPE_CHECKING:  # the schema declares them
        __dataclass_fields__: ClassVar[dict[str, Any]]

        def __init__(self, *values: Any, **keys: Any) -> None: ...
        def __getattr__(self, key: str) -> Any: ...


_RECORDS: dict[str, type[Section]] = {}


def _declared(place: str) -> Callable[[type], Any]:
    """Make a class the frozen record of a section of the schema, named by its dotted place ('' for the whole)."""

    def record(kind: type) -> type:
        keys = [(key, Any) for key in _rule(place)["properties"]]
        made = dataclasses.make_dataclass(kind.__name__, keys, bases=(kind,), frozen=True)
        made.__module__, made.__doc__ = kind.__module__, kind.__doc__
        _RECORDS[place] = made
        return made

    return record


def _rule(place: str) -> Mapping[str, Any]:
    """Return the part of the schema at a dotted place."""
    rule: Mapping[str, Any] = schema()
    for key in filter(None, place.split(".")):
        rule = rule["properties"][key]
    return rule


@_declared("measure")
class Measure(Section):
    """Measurement of one reversal potential."""

    @property
    def default_window(self) -> bool:
        """True where nobody chose a window."""
        defaults = tuple(_rule("measure")["properties"][key]["default"] for key in WINDOW)
        return tuple(getattr(self, key) for key in WINDOW) == defaults

    def with_default_window(self) -> Measure:
        """Return the same with the default window."""
        rules = _rule("measure")["properties"]
        return dataclasses.replace(self, **{key: rules[key]["default"] for key in WINDOW})


@_declared("junction.reference")
class Reference(Section):
    """Reference electrode."""


@_declared("junction")
class Junction(Section):
    """Liquid junction potentials."""


@_declared("activity")
class Activity(Section):
    """Activity model and its convention."""

    @property
    def name(self) -> str:
        """Name of the model in tables: with its convention where it has one."""
        return f"{self.model}:{self.convention}" if self.model == terms.ActivityModel.PITZER else str(self.model)


@_declared("fit")
class FitSettings(Section):
    """Fit of the permeability ratios."""

    @property
    def corrections(self) -> tuple[CorrectionTerm, ...]:
        """Terms of activity_correction, in the order of the names of models."""
        return correction_terms(self.activity_correction)


@_declared("uncertainty")
class Uncertainty(Section):
    """Systematic errors common to all cells, one standard deviation each."""


@_declared("plan")
class Plan(Section):
    """Expectations of an experiment that is planned."""


@_declared("")
class Settings(Section):
    """The whole configuration with every default filled in."""

    @property
    def table(self) -> str:
        """Path of the table whose rows are analysed: recordings, or I-V curves or potentials measured elsewhere."""
        return str(self.recordings or self.iv or self.reversals)

    def as_dict(self) -> dict[str, Any]:
        """Return the effective configuration as plain nested values, as the manifest holds it.

        A model without activities has its junctions on concentrations, whatever `junction.basis` is.
        """
        content = typing.cast(dict[str, Any], _plain(self))
        if self.activity.model == terms.ActivityModel.CONCENTRATION:
            content["junction"]["basis"] = str(terms.JunctionBasis.CONCENTRATION)
        return content


@dataclasses.dataclass(frozen=True)
class Examined:
    """A configuration with all its faults, and the settings that remain usable.

    Attributes
    ----------
    settings : Settings
        Defaults in place of what is not sound; a path that is not sound is None or ''.
    faults : tuple of str
        One sentence each.
    unsound : frozenset of str
        Dotted names of the keys, or whole sections, that a fault is about.
    """

    settings: Settings
    faults: tuple[str, ...]
    unsound: frozenset[str]

    def sound(self, *names: str) -> bool:
        """Return True where no fault is about any of these keys."""
        return is_sound(names, self.unsound)


def read(path: str = CONFIG_FILE) -> dict[str, Any]:
    """Read a configuration file into plain values, unchecked.

    Raises
    ------
    InputError
        Where the file is missing or is no YAML mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        content = yaml.safe_load(text)
    except FileNotFoundError:
        raise InputError(f"{path}: file not found, {_instead_of(path)}") from None
    except UnicodeDecodeError as fault:
        row = fault.object.count(b"\n", 0, fault.start) + 1
        raise InputError(f"{path}: line {row}: byte {fault.object[fault.start]:#04x} is not UTF-8") from None
    except yaml.YAMLError as fault:
        raise InputError(f"{path}: {_yaml_fault(text, fault)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        hint = next(_without_blank(text), "")
        raise InputError(f"{path}: {hint or f'got a {type(content).__name__}, expected key: value pairs'}")
    return content


def _instead_of(path: str) -> str:
    """Return what was expected where there is no configuration, with the file that was probably meant for it."""
    meant = (Path(folder, name) for folder in ("config", ".") for name in ("config.yaml", "config.yml"))
    found = next((place.as_posix() for place in meant if place.is_file()), "")
    if found:
        return f"but there is '{found}', expected it by this name"
    return "expected the configuration of an experiment (`nernstfit init` drafts one)"


def _yaml_fault(text: str, fault: yaml.YAMLError) -> str:
    """Return the fault of a text that is no YAML, in words for the usual slips."""
    tabs = (n for n, line in enumerate(text.splitlines(), start=1) if "\t" in line[: len(line) - len(line.lstrip())])
    for number in tabs:
        return f"line {number}: got a tab, expected blanks"
    for hint in _without_blank(text):
        return hint
    return f"is not readable as YAML ({' '.join(str(fault).split())})"


def _without_blank(text: str) -> Iterator[str]:
    """Yield the faults of lines whose key has no blank behind its colon."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r"\s*([A-Za-z_]\w*:[^\s:/\\][^#]*)", line):
            yield f"line {number}: `{match[1].strip()}` needs a blank after the colon"


def load(config: Mapping[str, Any]) -> Settings:
    """Check a configuration and fill its defaults.

    Parameters
    ----------
    config : mapping
        The configuration as read from YAML. It is not changed.

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        With one line for every fault.
    """
    found = examine(config)
    if found.faults:
        raise InputError(found.faults)
    return found.settings


def examine(config: Mapping[str, Any]) -> Examined:
    """Check a configuration and put the defaults where it is not sound.

    Parameters
    ----------
    config : mapping
        The configuration as read from YAML. It is not changed.

    Returns
    -------
    Examined
        With every fault, none of which only follows from another.
    """
    given = _composed(without_empty_sections(config, schema()))
    found = list(section_faults(given, schema(), ""))
    unsound = {name for names, _ in found for name in names}
    found += cross_key_faults(filled(without(given, unsound), schema()), unsound)
    unsound |= {name for names, _ in found for name in names}
    content = filled(without(given, unsound), schema())
    content["fit"] = filled(_NO_IONS | content.get("fit", {}), schema()["properties"]["fit"])
    for key in PATHS:
        content[key] = content[key] if is_sound([key], unsound) else _NO_PATH[key]
    faults = tuple(f"{CONFIG_FILE}: {fault}" for _, fault in found)
    return Examined(typing.cast(Settings, _built("", content)), faults, frozenset(unsound))


def _composed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with every text but the paths in the composed form of Unicode, as names in tables are."""

    def composed(value: Any) -> Any:
        if isinstance(value, str):
            return unicodedata.normalize("NFC", value)
        if isinstance(value, Mapping):
            return {composed(key): composed(item) for key, item in value.items()}
        return [composed(item) for item in value] if isinstance(value, list) else value

    return {key: value if key in PATHS else composed(value) for key, value in content.items()}


def repeated_keys(path: str = CONFIG_FILE) -> Iterator[str]:
    """Yield the faults of keys that a configuration file gives more than once (YAML silently takes the last).

    Parameters
    ----------
    path : str
        A file that does not exist, or is no YAML, repeats nothing; `read` says what is wrong with it.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
    except (FileNotFoundError, yaml.YAMLError, UnicodeDecodeError):
        return
    for name, lines in _repeated(root, "") if isinstance(root, yaml.MappingNode) else ():
        where = f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}"
        yield f"{path}: key '{name}': got it {len(lines)} times, in lines {where}, expected once"


def _repeated(node: yaml.MappingNode, place: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the keys that one section, or one in it, gives more than once, each with its lines."""
    lines: dict[str, list[int]] = {}
    for key, value in node.value:
        lines.setdefault(f"{place}{key.value}", []).append(key.start_mark.line + 1)
        if isinstance(value, yaml.MappingNode):
            yield from _repeated(value, f"{place}{key.value}.")
    yield from ((name, found) for name, found in lines.items() if len(found) > 1)


def default_measure() -> Measure:
    """Return the default section `measure`."""
    return typing.cast(Measure, _built("measure", filled({}, _rule("measure"))))


def measure_for(
    base: Measure,
    cells: Mapping[str, str],
    called: Callable[[str], str] = "column '{}'".format,
    base_window: bool = True,
) -> Measure:
    """Return the section `measure` of one row: its own values over those of the configuration.

    Parameters
    ----------
    base : Measure
        The section of the configuration.
    cells : mapping
        Column to text, for the columns of `measure` in which the row has a value.
    called : callable
        From a key to the name by which a fault calls its value.
    base_window : bool
        True where the window of `base` is sound; otherwise nothing is said of what follows from it.

    Raises
    ------
    InputError
        One line for each value that is not right, without the file and row.
    """
    section = schema()["properties"]["measure"]
    values: dict[str, Any] = {}
    faults: list[str] = []
    for key, text in cells.items():
        rule = section["properties"][key]
        value = typed(text, rule)
        found = list(value_faults(value, rule, called(key)))
        faults += found
        values[key] = value
    merged = {**_plain(base), **values}
    if "from_fraction" in values or "to_fraction" in values:
        merged |= {key: None for key in ("from_ms", "to_ms") if key not in values}
    if not faults and base_window:
        faults = [fault for _, fault in window_faults(merged, called)]
    if faults:
        raise InputError(faults)
    return typing.cast(Measure, _built("measure", merged))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, terms.Term):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _built(place: str, content: Mapping[str, Any]) -> Any:
    """Build the record of a section, and the records within it, from plain values."""
    rules = _rule(place)["properties"]
    inner = {key: f"{place}.{key}".lstrip(".") for key in rules}
    values = {
        key: _built(inner[key], content[key])
        if inner[key] in _RECORDS and content[key] is not None
        else _value(content[key], rules[key])
        for key in rules
    }
    return _RECORDS[place](**values)


def _value(value: Any, rule: Mapping[str, Any]) -> Any:
    """Return a plain value as the frozen one that a record holds."""
    if value is not None and isinstance(rule.get("terms"), str):
        return getattr(terms, rule["terms"])(value) if value else value
    if isinstance(value, int) and "number" in rule["type"] and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, Mapping):  # names of baths are text, also where YAML reads a number
        return {str(key): item if isinstance(item, Mapping) else float(item) for key, item in value.items()}
    return value
