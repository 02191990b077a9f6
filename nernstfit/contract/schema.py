"""The schema of the configuration, and what one value may be.

config.schema.yaml beside this module is the only place that knows a key's type, unit, default
and meaning. Where it names `terms`, the allowed values are the members of that class of
contract/terms.py; where it names `modules_of`, they are the modules of that package.
"""

from __future__ import annotations

import copy
import functools
import math
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nernstfit.contract import terms
from nernstfit.contract.errors import nearest
from nernstfit.contract.headers import conversion
from nernstfit.contract.numbers import Range, slip_of


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration."""
    text = Path(__file__).with_name("config.schema.yaml").read_text(encoding="utf-8")
    return typing.cast(dict[str, Any], _with_values(yaml.load(text, Loader=yaml.CSafeLoader)))


def _with_values(rule: Any) -> Any:
    """Return a part of the schema with the allowed values in place of where they are declared."""
    if not isinstance(rule, dict):
        return rule
    out = {key: _with_values(value) for key, value in rule.items()}
    if isinstance(rule.get("terms"), str):
        out["enum"] = [str(term) for term in getattr(terms, rule["terms"])]
    if isinstance(rule.get("modules_of"), str):
        out["enum"] = modules(rule["modules_of"])
    return out


def modules(package: str) -> list[str]:
    """Return the names of the modules of a package, without importing them; those with a leading _ do not count."""
    folder = Path(__file__).parents[1].joinpath(*package.split(".")[1:])
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".py") for name in names if name.endswith(".py") and not name.startswith("_"))


def allowed(section: str, key: str) -> tuple[str, ...]:
    """Return the values that a key of a section may have, for the help of commands."""
    return tuple(schema()["properties"][section]["properties"][key]["enum"])


# The dotted names of the keys that a fault is about, and the fault.
Fault: typing.TypeAlias = tuple[tuple[str, ...], str]


def without_empty_sections(content: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content without empty sections, however deep: they mean their defaults, like absent ones."""
    out = {}
    for key, value in copy.deepcopy(dict(content)).items():
        sub = rule["properties"].get(key, {})
        if value is None and sub.get("type") == "object":
            continue
        out[key] = without_empty_sections(value, sub) if "properties" in sub and isinstance(value, Mapping) else value
    return out


def without(content: Mapping[str, Any], names: Iterable[str], place: str = "") -> dict[str, Any]:
    """Return the content without the keys of these dotted names."""
    return {
        key: without(value, names, f"{place}{key}.") if isinstance(value, Mapping) else value
        for key, value in content.items()
        if f"{place}{key}" not in names
    }


def is_sound(names: Iterable[str], unsound: Iterable[str]) -> bool:
    """Return True where no fault names any of these keys or a section that holds one of them."""
    taken = set(unsound)
    parts = (name.split(".") for name in names)
    return not any(".".join(steps[:depth]) in taken for steps in parts for depth in range(1, len(steps) + 1))


def filled(content: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content with the default of every absent key."""
    out = dict(content)
    for key, sub in rule["properties"].items():
        if key not in out and "default" in sub:
            out[key] = copy.deepcopy(sub["default"])
        if "properties" in sub and isinstance(out.get(key), Mapping):
            out[key] = filled(out[key], sub)
    return out


def section_faults(content: Mapping[str, Any], rule: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """Yield the faults of one section: unknown keys, then unacceptable values."""
    known = rule["properties"]
    for key, value in content.items():
        name = f"{place}{key}"
        if key not in known:
            hint = nearest(str(key), known)
            expected = f"the nearest known key is '{place}{hint}'" if hint else f"expected one of {', '.join(known)}"
            if values := conversion(str(key), known):
                expected += f", with {values}"
            # Most likely it is that key, misspelt: its absence is no further fault.
            meant = (f"{place}{hint}",) if hint and hint not in content else ()
            yield (name, *meant), f"key '{name}' is not known; {expected}"
        elif "properties" in known[key] and isinstance(value, Mapping):
            yield from section_faults(value, known[key], f"{name}.")
        else:
            for steps, fault in _placed_faults(value, known[key]):
                yield (".".join([name, *_keys(value, steps)]),), f"key '{name}'{fault}"


def _keys(value: Any, steps: Sequence[Any]) -> Iterator[str]:
    """Yield the steps to a part of a value as far as they are keys: a list with a fault is unsound as a whole."""
    for step in steps:
        if not isinstance(value, Mapping):
            return
        yield str(step)
        value = value[step]


def value_faults(value: Any, rule: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the faults of one value against its rule, each as one sentence without the file."""
    yield from (f"{place}{fault}" for _, fault in _placed_faults(value, rule))


def _placed_faults(value: Any, rule: Mapping[str, Any]) -> Iterator[tuple[Sequence[Any], str]]:
    """Yield the faults of one value, each with the steps to its place and as words that follow the value's name."""
    if _is_sound_scalar(value, rule):
        return
    import jsonschema  # noqa: PLC0415 - heavy, and only needed for what is no sound text or number

    checker = jsonschema.Draft202012Validator(rule)
    errors = sorted(checker.iter_errors(value), key=lambda error: [str(step) for step in error.path])
    mistyped = [list(error.path) for error in errors if error.validator == "type"]
    # A value of another type is none of the allowed ones either: that is no second fault.
    errors = [error for error in errors if error.validator == "type" or list(error.path) not in mistyped]
    for error in errors:
        yield list(error.path), f"{_steps(error.path)}: got {_shown(error.instance)}, {_expected(error)}"
    told = [list(error.path) for error in errors]
    for steps, number in _not_finite(value, rule):
        if list(steps) not in told:
            yield steps, f"{_steps(steps)}: got {_shown(number)}, expected a finite number"


def _is_sound_scalar(value: Any, rule: Mapping[str, Any]) -> bool:
    """Return True for a text or a finite number that its rule allows; of anything else the JSON schema decides."""
    kinds = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    if isinstance(value, str):
        is_allowed = value in rule.get("enum", [value]) and len(value) >= rule.get("minLength", 0)
        return "string" in kinds and is_allowed and bool(re.search(rule.get("pattern", ""), value))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    is_number = "number" in kinds or ("integer" in kinds and isinstance(value, int))
    return is_number and float(value) in Range.of(rule)


def _steps(steps: Iterable[Any]) -> str:
    """Return the steps to a part of a value as they follow its name."""
    return "".join(f" [{step}]" for step in steps)


def _not_finite(value: Any, rule: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield what is `.nan` or infinite in a value, which a JSON schema takes for a number, with the steps to it."""
    if isinstance(value, Mapping):
        own, others = rule.get("properties", {}), rule.get("additionalProperties")
        of_others = others if isinstance(others, Mapping) else {}
        for key, item in value.items():
            yield from (((key, *steps), number) for steps, number in _not_finite(item, own.get(key, of_others)))
    free = value == math.inf and rule.get("may_be_infinite", False)
    if isinstance(value, float) and not math.isfinite(value) and not free:
        yield (), value


def _expected(error: Any) -> str:
    """Return the phrase for what was expected where a value violates the schema."""
    rule, limit = error.validator, error.validator_value
    if rule == "enum":
        return _one_of(str(error.instance), [str(item) for item in limit])
    if rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        words = {"null": "nothing", "object": "a section of key: value pairs", "array": "a list", "string": "text"}
        words |= {"integer": "a whole number", "boolean": "true or false"}
        expected = f"expected {' or '.join(words.get(kind, f'a {kind}') for kind in kinds)}"
        if examples := error.schema.get("examples"):
            expected += f" such as {_as_typed(examples[0])}"
        if isinstance(error.instance, bool):
            return f"{expected}: YAML reads on, off, yes, no as true and false; put the word into quotes"
        return expected + (_number_hint(error.instance, error.schema) if "number" in kinds else "")
    if rule in ("minimum", "maximum", "exclusiveMinimum"):
        return f"expected {Range.of(error.schema).expected(float(error.instance))}"
    if rule == "pattern":
        return _of_pattern(str(error.instance), error.schema)
    words = {
        "minItems": f"expected a list of at least {limit}",
        "minLength": "expected a text that is not empty",
        "uniqueItems": "expected a list without repetition",
    }
    return words.get(rule, str(error.message))


def _as_typed(value: Any) -> str:
    """Return a text or a list of texts as it is typed into the configuration."""
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def _one_of(value: str, known: Sequence[str]) -> str:
    hint = nearest(value, known)
    return f"expected one of {', '.join(known)}" + (f" (nearest: {hint})" if hint else "")


def _of_pattern(value: str, rule: Mapping[str, Any]) -> str:
    """Return the phrase for a text that has none of the allowed forms; in another case or with blanks it may have."""
    plain = "".join(value.split()).casefold()
    letters = plain.removeprefix("epoch").lstrip(":").upper()
    meant = [text for text in (plain, letters, f"epoch:{letters}") if re.search(rule["pattern"], text)]
    hint = f" (nearest: {meant[0]})" if meant else ""
    return f"expected one of {', '.join(rule['forms'])}{hint}" if meant else _one_of(value, rule["forms"])


def _number_hint(value: Any, rule: Mapping[str, Any]) -> str:
    """Return a hint at the number that a text was meant to be, and how YAML writes it: 1e-1 and inf are text to it."""
    try:
        number = float(value.replace("_", "x")) if isinstance(value, str) else math.nan
    except ValueError:
        _, hint = slip_of(value.strip(), rule.get("unit", ""))
        return f" ({hint})" if hint else ""
    if math.isnan(number) or any(_not_finite(number, rule)):
        return ""
    return f" ({yaml.safe_dump(number).split()[0]}, as YAML writes it)"


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def typed(text: str, rule: Mapping[str, Any]) -> Any:
    """Return a table's text as the type that its key has; text that is no number stays text."""
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    for kind, convert in (("integer", int), ("number", float)):
        if kind in kinds:
            try:
                return convert(text.replace("_", "x"))  # Python's 1_000 is no number in a table
            except ValueError:
                continue
    return text
