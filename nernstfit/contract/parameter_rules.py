"""Rules of the section `fit.parameters`: parameters of permeability ratios with the keys of lmfit's Parameter."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from nernstfit.contract.errors import nearest
from nernstfit.contract.expressions import Expression, ions_by_parameter, plain_name
from nernstfit.contract.schema import schema

_KEY = "key 'fit.parameters"


def parameter_faults(
    parameters: Mapping[str, Any],
    permeant: Sequence[str] | None,
    reference: str,
    mistyped: Collection[str] = (),
) -> Iterator[str]:
    """Yield the faults of the section, one sentence each.

    Parameters
    ----------
    parameters : mapping
        Of the types that the schema demands.
    permeant : sequence of str or None
        None where it is not sound: names of ratios are not checked.
    reference : str
        Ion whose permeability is 1; '' where it is not sound.
    mistyped : collection of str
        Dotted names of parameters and of their keys that are given, but not of the types that the schema demands;
        `parameters` lacks them.
    """
    names = None if permeant is None else ions_by_parameter(permeant)
    given = [*parameters, *(name for name in sorted(mistyped) if "." not in name)]
    if permeant is not None and names is not None:
        yield from _name_faults(given, names, permeant, reference)
    for name, keys in parameters.items():
        if names is None or (name in names and names[name] != reference):
            others = {key for of, _, key in (each.partition(".") for each in mistyped) if of == name}
            known = None if names is None else list(names)
            yield from (f"{_KEY}.{name}{fault}" for fault in _of_ratio(keys, known, others))
    fitted = [name for name in parameters if names is None or names.get(name, reference) != reference]
    yield from _circles(parameters, fitted)


def _name_faults(
    given: Sequence[str], names: Mapping[str, str], permeant: Sequence[str], reference: str
) -> Iterator[str]:
    """Yield the names that are no ratio of a permeant ion, or of several."""
    fitted = [name for name, ion in names.items() if ion != reference]
    for name in given:
        alike = [ion for ion in permeant if plain_name(ion) == name]
        if len(alike) > 1:
            yield f"{_KEY}': got '{name}' of {' and '.join(alike)}, expected ions that differ in letters or digits"
        if names.get(name) == reference:
            yield f"{_KEY}': got '{name}' of the reference ion, whose permeability is 1; {_expected(name, fitted)}"
        elif name not in names:
            yield f"{_KEY}': got '{name}', {_expected(str(name), fitted)}"


def _expected(name: str, known: Sequence[str]) -> str:
    hint = nearest(name, known)
    what = "expected P_<ion> of a permeant ion other than the reference"
    return what + (f" (nearest: {hint})" if hint else f" ({', '.join(known)})" if known else "")


def _of_ratio(given: Mapping[str, Any], names: Sequence[str] | None, mistyped: Collection[str]) -> Iterator[str]:
    """Yield the faults of one ratio, as words that follow its name."""
    known = schema()["properties"]["fit"]["properties"]["parameters"]["additionalProperties"]["properties"]
    for key in given:
        if key not in known:
            hint = nearest(str(key), known)
            yield f".{key}' is not known; " + (
                f"the nearest known key is '{hint}'" if hint else f"expected one of {', '.join(known)}"
            )
    if "expr" in given or "expr" in mistyped:
        others = [key for key in known if key != "expr" and (key in given or key in mistyped)]
        if others:
            yield f"': got expr beside {', '.join(others)}, expected expr alone: it determines the ratio"
    if "expr" in given:
        yield from (f".expr': {fault}" for fault in _of_expression(given["expr"], names))
    elif "expr" not in mistyped:
        yield from _of_numbers(given, mistyped)


def _of_numbers(given: Mapping[str, Any], mistyped: Collection[str]) -> Iterator[str]:
    low, high, value = given.get("min", 0.0), given.get("max", math.inf), given.get("value")
    if given.get("vary") is False and value is None and "value" not in mistyped:
        yield "': got vary: false without value, expected the value at which the ratio is held"
    if not low < high:
        yield f".max': got {high:g}, expected more than min = {low:g}"
    elif value is not None and not low <= value <= high:
        yield f".value': got {value:g}, expected a value from min = {low:g} to max = {high:g}"


def _of_expression(text: str, names: Sequence[str] | None) -> Iterator[str]:
    expression = Expression(text)
    fault = expression.fault()
    if fault:
        example = names[0] if names else "P_K"
        yield f"got {fault}, expected names P_<ion>, numbers, + - * / and brackets, such as '{example} * 0.9'"
        return
    if not expression.names:
        yield f"got '{text}' without another ratio; expected value with vary: false, which holds a ratio"
    for name in expression.names if names else ():
        if name not in (names or ()):
            hint = nearest(name, names or ())
            yield f"got '{name}' in '{text}', expected P_<ion> of a permeant ion" + (
                f" (nearest: {hint})" if hint else f" ({', '.join(names or ())})"
            )


def _circles(parameters: Mapping[str, Any], fitted: Sequence[str]) -> Iterator[str]:
    """Yield the ratios that are tied to each other in a circle, once each circle."""
    ties = {}
    for name in (name for name in fitted if "expr" in parameters[name]):
        expression = Expression(parameters[name]["expr"])
        ties[name] = () if expression.fault() else expression.names
    told: set[str] = set()
    for name in ties:
        path = _way_back(name, ties)
        if path and not told & set(path):
            told |= set(path)
            yield f"{_KEY}': got a circle, {' from '.join([*path, name])}, expected at least one of them free"


def _way_back(name: str, ties: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the ratios on the shortest way from one by its ties back to itself; () where there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for other in ties.get(way[-1], ()):
            if other == name:
                return way
            if other not in seen:
                seen.add(other)
                ways.append((*way, other))
    return ()
