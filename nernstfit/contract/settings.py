"""The configuration: from config/config.yaml to frozen settings, or to a list of faults.

The schema beside this module (schemas/config.schema.yaml) is the only place that knows a
key's type, unit, default and meaning. `load` holds a configuration against it, names the
nearest known key for one that is not known, fills
the defaults of every section and hands out frozen records. `examine` does the same but goes
on with the defaults where a value is not sound, so that the tables can be checked all the
same. The records below only give the keys their Python types; a test holds them and the
schema together.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import functools
import math
import posixpath
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

import yaml

from nernstfit.contract.errors import InputError

CONFIG_FILE = "config/config.yaml"
_WINDOW = ("from_fraction", "to_fraction", "from_ms", "to_ms")
_PATHS = ("recordings", "reversals", "solutions", "species")
# What stands where a key without default, or a path, is not sound: nothing that a table could be held against.
_NO_IONS: Mapping[str, Any] = {"reference_ion": "", "permeant": []}
_NO_PATH: Mapping[str, str | None] = {"recordings": None, "reversals": None, "solutions": "", "species": None}


@dataclasses.dataclass(frozen=True)
class Measure:
    """How one reversal potential is measured."""

    epoch: str
    from_fraction: float
    to_fraction: float
    from_ms: float | None
    to_ms: float | None
    statistic: str
    channel: str | int
    command: str | int
    voltage: str
    estimator: str
    leak: str
    max_interval_mV: float
    min_span_mV: float

    @property
    def default_window(self) -> bool:
        """Whether the window is the one that stands where nobody chose any."""
        rules = schema()["properties"]["measure"]["properties"]
        defaults = tuple(rules[key]["default"] for key in _WINDOW)
        return tuple(getattr(self, key) for key in _WINDOW) == defaults

    def with_default_window(self) -> Measure:
        """Return the same, in the window that stands where nobody chose any."""
        rules = schema()["properties"]["measure"]["properties"]
        return dataclasses.replace(self, **{key: rules[key]["default"] for key in _WINDOW})


@dataclasses.dataclass(frozen=True)
class Reference:
    """The reference electrode."""

    type: str
    solution: str | None


@dataclasses.dataclass(frozen=True)
class Junction:
    """Liquid junction potentials."""

    method: str
    basis: str
    zeroed_in: str | None
    reference: Reference | None
    already_corrected_mV: float
    measured_mV: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Activity:
    """The activity model and its convention."""

    model: str
    convention: str

    @property
    def name(self) -> str:
        """Name of the model in tables: with its convention where it has one."""
        return f"{self.model}:{self.convention}" if self.model == "pitzer" else self.model


@dataclasses.dataclass(frozen=True)
class FitSettings:
    """The fit of the permeability ratios."""

    reference_ion: str
    permeant: tuple[str, ...]
    offset_sd_mV: float
    activity_correction: str
    robust: bool
    confidence: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """Errors shared by all cells, one standard deviation each."""

    concentration_percent: float
    temperature_C: float
    mobility_percent: float | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is expected of an experiment that is to be made."""

    ratios: Mapping[str, float]
    cells: int
    noise_mV: float
    ln_ratio_sd: float
    pipette: str | None
    baths: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The whole configuration with every default filled in."""

    recordings: str | None
    reversals: str | None
    solutions: str
    species: str | None
    configuration: str
    temperature_C: float
    recordings_per_job: int
    measure: Measure
    junction: Junction
    activity: Activity
    fit: FitSettings
    uncertainty: Uncertainty
    plan: Plan

    @property
    def table(self) -> str:
        """The table whose rows are analysed: of recordings, or of potentials measured elsewhere."""
        return str(self.recordings or self.reversals)

    def as_dict(self) -> dict[str, Any]:
        """Effective configuration as plain nested values, as it is written to the manifest."""
        return typing.cast(dict[str, Any], _plain(self))


@dataclasses.dataclass(frozen=True)
class Examined:
    """A configuration with all its faults, and what can be worked with in spite of them.

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
        """Whether no fault is about any of these keys: what follows from them may be asked for."""
        return _sound(names, self.unsound)


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration."""
    text = (resources.files("nernstfit.contract") / "config.schema.yaml").read_text(encoding="utf-8")
    return typing.cast(dict[str, Any], yaml.safe_load(text))


def read(path: str = CONFIG_FILE) -> dict[str, Any]:
    """Read a configuration file into plain values, unchecked.

    Raises
    ------
    InputError
        Where the file is missing or is no YAML mapping.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            content = yaml.safe_load(stream)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; an experiment folder needs one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        reason = " ".join(str(fault).split())
        raise InputError(f"{path}: is not readable as YAML ({reason})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; key: value pairs would be right")
    return content


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
    given = _without_empty_sections(config, schema())
    found = list(_faults(given, schema(), ""))
    unsound = {name for names, _ in found for name in names}
    filled = _filled(_without(given, unsound), schema())
    rules = list(_rules(filled, unsound))
    unsound |= {name for names, _ in rules for name in names}
    content = _filled(_without(given, unsound), schema())
    content["fit"] = _filled(_NO_IONS | content.get("fit", {}), schema()["properties"]["fit"])
    for key in _PATHS:
        content[key] = content[key] if _sound([key], unsound) else _NO_PATH[key]
    faults = tuple(f"{CONFIG_FILE}: {fault}" for _, fault in found + rules)
    return Examined(typing.cast(Settings, _record(Settings, content)), faults, frozenset(unsound))


def repeated_keys(path: str = CONFIG_FILE) -> Iterator[str]:
    """Faults of keys that a configuration file gives more than once: YAML takes the last without a word.

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
        yield f"{path}: key '{name}': found {len(lines)} times, in lines {where}; once would be right"


def _repeated(node: yaml.MappingNode, place: str) -> Iterator[tuple[str, list[int]]]:
    """Keys that one section, or one in it, gives more than once, each with its lines."""
    lines: dict[str, list[int]] = {}
    for key, value in node.value:
        lines.setdefault(f"{place}{key.value}", []).append(key.start_mark.line + 1)
        if isinstance(value, yaml.MappingNode):
            yield from _repeated(value, f"{place}{key.value}.")
    yield from ((name, found) for name, found in lines.items() if len(found) > 1)


def default_measure() -> Measure:
    """Return how a measurement is made where nothing is said."""
    return typing.cast(Measure, _record(Measure, _filled({}, schema()["properties"]["measure"])))


def measure_for(
    base: Measure,
    cells: Mapping[str, str],
    called: Callable[[str], str] = "column '{}'".format,
    base_window: bool = True,
) -> Measure:
    """Return how one row is measured: the row over the configuration.

    Parameters
    ----------
    base : Measure
        The section of the configuration.
    cells : mapping
        Column to text, for the columns of `measure` in which the row has a value.
    called : callable
        From a key to what a fault calls its value.
    base_window : bool
        Whether the window of `base` is sound; where it is not, nothing is said of what follows from it.

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
        value = _typed(text, rule)
        found = list(_value_faults(value, rule, called(key)))
        faults += found
        values[key] = value
    merged = {**_plain(base), **values}
    if "from_fraction" in values or "to_fraction" in values:
        merged |= {key: None for key in ("from_ms", "to_ms") if key not in values}
    if not faults and base_window:
        faults = [fault for _, fault in _window_rules(merged, called)]
    if faults:
        raise InputError(faults)
    return typing.cast(Measure, _record(Measure, merged))


def path_faults(path: str) -> Iterator[str]:
    """What keeps a path out of the experiment folder, as words that follow what was found."""
    inside = posixpath.normpath(path.replace("\\", "/"))
    if "{" in path or "}" in path:
        yield f"found '{path}', which holds braces; a path without them would be right"
    elif posixpath.isabs(inside) or inside.split("/")[0] == ".." or ":" in inside.split("/")[0]:
        yield f"found '{path}', which leaves the experiment folder; a path within it would be right"


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """Return the known name that is most like `name`, or '' where none is."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else ""


def nearest_or_all(name: str, known: typing.Collection[str]) -> str:
    """What would be right instead of a name that is not known: the nearest, or one of all."""
    hint = nearest(name, known)
    return f"the nearest is '{hint}'" if hint else f"one of {', '.join(known)} would be right"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _record(kind: type, content: Mapping[str, Any]) -> Any:
    """Build the frozen record `kind`, and the records within it, from plain values."""
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        value, hint = content[field.name], hints[field.name]
        nested = [t for t in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(t)]
        if nested and value is not None:
            value = _record(typing.cast(type, nested[0]), value)
        elif hint is float or (float in typing.get_args(hint) and isinstance(value, int)):
            value = float(value)
        elif isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, Mapping):  # names of baths are text, also where YAML reads a number
            value = {str(key): float(item) for key, item in value.items()}
        values[field.name] = value
    return kind(**values)


def _without_empty_sections(content: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """An empty section means its defaults, like an absent one, however deep it lies."""
    out = {}
    for key, value in copy.deepcopy(dict(content)).items():
        sub = rule["properties"].get(key, {})
        if value is None and sub.get("type") == "object":
            continue
        out[key] = _without_empty_sections(value, sub) if "properties" in sub and isinstance(value, Mapping) else value
    return out


def _without(content: Mapping[str, Any], names: Iterable[str], place: str = "") -> dict[str, Any]:
    """Leave out the keys of these dotted names."""
    return {
        key: _without(value, names, f"{place}{key}.") if isinstance(value, Mapping) else value
        for key, value in content.items()
        if f"{place}{key}" not in names
    }


def _sound(names: Iterable[str], unsound: Iterable[str]) -> bool:
    """Whether none of these keys, nor a section that one of them lies in, is named by a fault."""
    taken = set(unsound)
    parts = (name.split(".") for name in names)
    return not any(".".join(steps[:depth]) in taken for steps in parts for depth in range(1, len(steps) + 1))


def _filled(content: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(content)
    for key, sub in rule["properties"].items():
        if key not in out and "default" in sub:
            out[key] = copy.deepcopy(sub["default"])
        if "properties" in sub and isinstance(out.get(key), Mapping):
            out[key] = _filled(out[key], sub)
    return out


# The dotted names of the keys that a fault is about, and the fault.
_Fault: typing.TypeAlias = tuple[tuple[str, ...], str]


def _faults(content: Mapping[str, Any], rule: Mapping[str, Any], place: str) -> Iterator[_Fault]:
    """Faults of one section: keys that are not known, then values that are not right."""
    known = rule["properties"]
    for key, value in content.items():
        name = f"{place}{key}"
        if key not in known:
            hint = nearest(str(key), known)
            right = f"the nearest known key is '{place}{hint}'" if hint else f"known are {', '.join(known)}"
            # Most likely it is that key, misspelt: nothing is said of its absence.
            meant = (f"{place}{hint}",) if hint and hint not in content else ()
            yield (name, *meant), f"key '{name}' is not known; {right}"
        elif "properties" in known[key] and isinstance(value, Mapping):
            yield from _faults(value, known[key], f"{name}.")
        else:
            yield from (((name,), fault) for fault in _value_faults(value, known[key], f"key '{name}'"))


def _value_faults(value: Any, rule: Mapping[str, Any], place: str) -> Iterator[str]:
    """Faults of one value against its rule, each as one sentence without the file."""
    import jsonschema  # noqa: PLC0415 - heavy, and only needed where a configuration is checked

    checker = jsonschema.Draft202012Validator(rule)
    errors = sorted(checker.iter_errors(value), key=lambda error: [str(step) for step in error.path])
    for error in errors:
        where = place + "".join(f" [{step}]" for step in error.path)
        yield f"{where}: found {_show(error.instance)}; {_right(error)}"
    if not errors and _not_finite(value, rule):
        yield f"{place}: found {_show(value)}; a finite number would be right"


def _not_finite(value: Any, rule: Mapping[str, Any]) -> bool:
    """Whether a value, or one in it, is `.nan` or infinite: a number to every schema, and to no formula."""
    if isinstance(value, Mapping):
        return any(_not_finite(item, rule) for item in value.values())
    free = value == math.inf and rule.get("may_be_infinite", False)
    return isinstance(value, float) and not math.isfinite(value) and not free


def _right(error: Any) -> str:
    """What would be right, in words, for one violation of the schema."""
    rule, limit = error.validator, error.validator_value
    if rule == "enum":
        hint = nearest(str(error.instance), [str(item) for item in limit])
        return f"one of {', '.join(map(str, limit))} would be right" + (f" (nearest: {hint})" if hint else "")
    if rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        words = {"null": "nothing", "object": "a section of key: value pairs", "array": "a list", "string": "text"}
        right = f"{' or '.join(words.get(kind, f'a {kind}') for kind in kinds)} would be right"
        return right + (_number_hint(error.instance, error.schema) if "number" in kinds else "")
    words = {
        "minimum": f"at least {limit} would be right",
        "maximum": f"at most {limit} would be right",
        "exclusiveMinimum": f"more than {limit} would be right",
        "pattern": f"what would be right: {error.schema.get('description', limit)}",
        "minItems": f"a list of at least {limit} would be right",
        "minLength": "a text that is not empty would be right",
        "uniqueItems": "a list without repetition would be right",
    }
    return words.get(rule, str(error.message))


def _number_hint(value: Any, rule: Mapping[str, Any]) -> str:
    """How YAML writes the number that a text was meant to be: 1e-1 and inf are text to it."""
    try:
        number = float(value.replace("_", "x")) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if math.isnan(number) or _not_finite(number, rule):
        return ""
    return f" ({yaml.safe_dump(number).split()[0]}, as YAML writes it)"


def _show(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _typed(text: str, rule: Mapping[str, Any]) -> Any:
    """A table's text as the type its key asks for; text that is no number stays text."""
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    for kind, convert in (("integer", int), ("number", float)):
        if kind in kinds:
            try:
                return convert(text.replace("_", "x"))  # Python's 1_000 is no number in a table
            except ValueError:
                continue
    return text


def _rules(content: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[_Fault]:
    """What no schema of single keys can say; a rule is left out where a key that it reads is not sound."""
    yield from _table_rules(content, unsound)
    for key in (key for key in _PATHS if content[key] and _sound([key], unsound)):
        yield from (((key,), f"key '{key}': {fault}") for fault in path_faults(content[key]))
    fit = content.get("fit", {})
    for key in ("reference_ion", "permeant"):
        if key not in fit and _sound([f"fit.{key}"], unsound):
            yield (f"fit.{key}",), f"key 'fit.{key}': found nothing; it has no default, {_description('fit', key)}"
    if "reference_ion" in fit and "permeant" in fit and fit["reference_ion"] not in fit["permeant"]:
        permeant = ", ".join(fit["permeant"])
        yield (
            ("fit.reference_ion",),
            f"key 'fit.reference_ion': found '{fit['reference_ion']}', which is not in fit.permeant; "
            f"one of {permeant} would be right",
        )
    if _sound(["junction.method"], unsound):
        yield from _junction_rules(content["junction"], unsound)
    if _sound((f"measure.{key}" for key in _WINDOW), unsound):
        for keys, fault in _window_rules(content["measure"], "'measure.{}'".format):
            yield tuple(f"measure.{key}" for key in keys), f"key {fault}"


def _table_rules(content: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[_Fault]:
    """One table of rows is given, and one alone."""
    recordings, reversals = content["recordings"], content["reversals"]
    if not _sound(["recordings", "reversals"], unsound):
        return
    if not recordings and not reversals:
        yield (
            ("recordings", "reversals"),
            "key 'recordings': found nothing, and nothing for 'reversals'; the path of one of the two tables, of "
            "recordings or of potentials measured elsewhere, would be right",
        )
    elif recordings and reversals:
        yield (
            ("recordings", "reversals"),
            f"key 'reversals': found '{reversals}' beside recordings '{recordings}'; "
            "one table would be right, the other null or left out",
        )


def _description(section: str, key: str) -> str:
    text: str = schema()["properties"][section]["properties"][key]["description"]
    return text[0].lower() + text[1:].rstrip(".")


def _junction_rules(junction: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[_Fault]:
    if junction["method"] == "none":
        return
    for key in ("zeroed_in", "reference"):
        if junction[key] is None and _sound([f"junction.{key}"], unsound):
            right = _description("junction", key)
            yield (
                (f"junction.{key}",),
                f"key 'junction.{key}': found nothing; it has no default while junction.method is not none: {right}",
            )
    reference = junction["reference"] or {}
    clean = not any(name.startswith("junction.reference.") for name in unsound)
    if clean and reference.get("type") == "salt-bridge" and reference.get("solution") is None:
        yield (
            ("junction.reference.solution",),
            "key 'junction.reference.solution': found nothing; the solution in the salt bridge would be right",
        )


def _window_rules(measure: Mapping[str, Any], name: Callable[[str], str]) -> Iterator[_Fault]:
    start, stop = measure["from_ms"], measure["to_ms"]
    if (start is None) != (stop is None):
        missing = "to_ms" if stop is None else "from_ms"
        yield ("from_ms", "to_ms"), f"{name(missing)}: found nothing; from_ms and to_ms are given together"
    elif start is not None and stop is not None and not start < stop:
        right = f"more than from_ms = {start:g} would be right"
        yield ("from_ms", "to_ms"), f"{name('to_ms')}: found {stop:g}; {right}"
    if not measure["from_fraction"] < measure["to_fraction"]:
        right = f"more than from_fraction = {measure['from_fraction']:g} would be right"
        yield (
            ("from_fraction", "to_fraction"),
            f"{name('to_fraction')}: found {measure['to_fraction']:g}; {right}",
        )
