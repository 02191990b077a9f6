"""Rules of the configuration that reach over several keys, and that its paths follow."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nernstfit.contract.correction_terms import correction_faults
from nernstfit.contract.parameter_rules import parameter_faults
from nernstfit.contract.schema import Fault, is_sound, schema
from nernstfit.contract.terms import JunctionMethod, ReferenceElectrode

WINDOW = ("from_fraction", "to_fraction", "from_ms", "to_ms")
ROW_TABLES = ("recordings", "iv", "reversals")
PATHS = (*ROW_TABLES, "solutions", "species")


def path_faults(path: str) -> Iterator[str]:
    """Yield the faults of a path in the experiment folder, as words that follow its key or column."""
    inside = posixpath.normpath(path.replace("\\", "/"))
    if "{" in path or "}" in path:
        yield f"got '{path}', expected a path without braces"
    elif posixpath.isabs(inside) or inside.split("/")[0] == ".." or ":" in inside.split("/")[0]:
        yield f"got '{path}', expected a path within the experiment folder"


def cross_key_faults(content: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[Fault]:
    """Yield the faults that involve several keys; a rule is left out where a key that it reads is not sound."""
    yield from _table_rules(content, unsound)
    for key in (key for key in PATHS if content[key] and is_sound([key], unsound)):
        yield from (((key,), f"key '{key}': {fault}") for fault in path_faults(content[key]))
    fit = content.get("fit", {})
    for key in ("reference_ion", "permeant"):
        if key not in fit and is_sound([f"fit.{key}"], unsound):
            yield (f"fit.{key}",), f"key 'fit.{key}': got nothing; it has no default: {_description('fit', key)}"
    if "reference_ion" in fit and "permeant" in fit and fit["reference_ion"] not in fit["permeant"]:
        permeant = ", ".join(fit["permeant"])
        yield (
            ("fit.reference_ion",),
            f"key 'fit.reference_ion': got '{fit['reference_ion']}', expected an ion of fit.permeant ({permeant})",
        )
    if is_sound(["fit.parameters"], unsound):
        place = "fit.parameters."
        mistyped = {name.removeprefix(place) for name in unsound if name.startswith(place)}
        given = fit.get("parameters", {})
        faults = parameter_faults(given, fit.get("permeant"), fit.get("reference_ion", ""), mistyped)
        yield from ((("fit.parameters",), fault) for fault in faults)
    if is_sound(["fit.activity_correction"], unsound) and "activity_correction" in fit:
        faults = correction_faults(fit["activity_correction"], fit.get("permeant"))
        yield from ((("fit.activity_correction",), fault) for fault in faults)
    if is_sound(["junction.method"], unsound):
        yield from _junction_rules(content["junction"], unsound)
    if is_sound((f"measure.{key}" for key in WINDOW), unsound):
        for keys, fault in window_faults(content["measure"], "'measure.{}'".format):
            yield tuple(f"measure.{key}" for key in keys), f"key {fault}"


def _table_rules(content: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[Fault]:
    """Yield a fault unless exactly one table of rows is given."""
    given = [key for key in ROW_TABLES if content[key]]
    if not is_sound(ROW_TABLES, unsound) or len(given) == 1:
        return
    if not given:
        yield (
            ROW_TABLES,
            "key 'recordings': got nothing, and nothing for 'iv' and 'reversals', expected the path of one of the "
            "tables, of recordings, or of I-V curves or potentials measured elsewhere",
        )
    else:
        first, *others = given
        yield (
            ROW_TABLES,
            f"key '{others[0]}': got '{content[others[0]]}' beside {first} '{content[first]}', "
            "expected one of the tables, the others null or left out",
        )


def _description(section: str, key: str) -> str:
    text: str = schema()["properties"][section]["properties"][key]["description"]
    return text[0].lower() + text[1:].rstrip(".")


def _junction_rules(junction: Mapping[str, Any], unsound: Iterable[str]) -> Iterator[Fault]:
    if junction["method"] == JunctionMethod.NONE:
        return
    for key in ("zeroed_in", "reference"):
        if junction[key] is None and is_sound([f"junction.{key}"], unsound):
            meaning = _description("junction", key)
            yield (
                (f"junction.{key}",),
                f"key 'junction.{key}': got nothing; it has no default while junction.method is not none: {meaning}",
            )
    reference = junction["reference"] or {}
    clean = not any(name.startswith("junction.reference.") for name in unsound)
    if clean and reference.get("type") == ReferenceElectrode.SALT_BRIDGE and reference.get("solution") is None:
        yield (
            ("junction.reference.solution",),
            "key 'junction.reference.solution': got nothing, expected the solution in the salt bridge",
        )
    elif clean and reference.get("type") == ReferenceElectrode.PELLET and reference.get("solution") is not None:
        yield (
            ("junction.reference.solution",),
            f"key 'junction.reference.solution': got '{reference['solution']}' beside type 'pellet', which has no "
            "bridge; expected nothing, or type salt-bridge",
        )


def window_faults(measure: Mapping[str, Any], name: Callable[[str], str]) -> Iterator[Fault]:
    """Yield the faults of a window: ends given by half, or in the wrong order."""
    start, stop = measure["from_ms"], measure["to_ms"]
    if (start is None) != (stop is None):
        missing = "to_ms" if stop is None else "from_ms"
        yield ("from_ms", "to_ms"), f"{name(missing)}: got nothing, expected from_ms and to_ms together"
    elif start is not None and stop is not None and not start < stop:
        yield ("from_ms", "to_ms"), f"{name('to_ms')}: got {stop:g}, expected more than from_ms = {start:g}"
    if not measure["from_fraction"] < measure["to_fraction"]:
        expected = f"expected more than from_fraction = {measure['from_fraction']:g}"
        yield ("from_fraction", "to_fraction"), f"{name('to_fraction')}: got {measure['to_fraction']:g}, {expected}"
