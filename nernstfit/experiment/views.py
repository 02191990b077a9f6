"""Views of an experiment: a stage can read what it declares, and nothing else.

A stage declares its fields once, as dotted names within the experiment (`rows.measure.epoch`, `settings.fit`,
`solutions`), in the constant READS of its module. The decorator `stage` hands its function a view that holds
these fields only; reading any other raises UndeclaredRead. `rows.measure.*` stands for the keys of the section
`measure` that the schema of the configuration assigns to the stage. The digest of the same view is the fingerprint of
the stage's rule: whatever a stage can read, its fingerprint contains, so that no result can be stale.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import FunctionType
from typing import Any

import numpy as np

from nernstfit.contract.schema import schema
from nernstfit.experiment.records import Experiment

Run = Callable[[Mapping[str, Any], Mapping[str, str], Experiment], None]


class UndeclaredRead(Exception):
    """Read of a field that a stage does not declare: an error of the program, never of the user's.

    Attributes
    ----------
    stage, field : str
        The field by its dotted name within the experiment.
    """

    def __init__(self, stage: str, field: str) -> None:
        super().__init__(f"the stage '{stage}' reads '{field}', which its READS does not declare")
        self.stage, self.field = stage, field


def stage(fields: Sequence[str]) -> Callable[[Run], Run]:
    """Return a decorator that hands a stage's function a view of the experiment.

    Parameters
    ----------
    fields : sequence of str
        All that the stage reads, as dotted names; a name without its parts stands for the whole.
    """

    def restrict(run: Run) -> Run:
        name = run.__module__.rpartition(".")[2]

        @functools.wraps(run)
        def on_view(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
            run(inputs, outputs, view(experiment, fields, name))

        return on_view

    return restrict


def view(experiment: Experiment, fields: Iterable[str], stage: str) -> Experiment:
    """Return the fields of an experiment that a stage declares, its rows in the order of their names.

    Parameters
    ----------
    experiment : Experiment
    fields : iterable of str
        Dotted names.
    stage : str
        Name of the stage, for the message of an undeclared read.

    Returns
    -------
    Experiment
        To a type checker; in truth a record of the declared fields, in which sections and rows are such records too.
    """
    names = [name.split(".") for name in expanded(fields, stage)]
    return typing.cast(Experiment, _part(experiment, names, stage, ""))


def expanded(fields: Iterable[str], stage: str) -> Iterator[str]:
    """Yield the declared fields of a stage, the keys of a section in the place of its `*`."""
    for field in fields:
        section, _, last = field.rpartition(".")
        if last == "*":
            keys = schema()["properties"][section.rpartition(".")[2]]["properties"]
            yield from (f"{section}.{key}" for key, rule in keys.items() if stage in rule["stages"])
        else:
            yield field


def fingerprint(experiment: Experiment, fields: Iterable[str], stage: str) -> str:
    """Return the SHA-256 of what a stage's view of an experiment holds, whatever the order of rows and fields."""
    content = _plain(view(experiment, fields, stage))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _part(value: Any, fields: Sequence[Sequence[str]], stage: str, place: str) -> Any:
    """Return the part of a value that some fields name; the whole where one of them has no further part."""
    if value is None or not all(fields):
        return value
    if isinstance(value, tuple):
        rows = sorted(value, key=lambda row: row.measurement)
        return tuple(_part(row, fields, stage, place) for row in rows)
    parts: dict[str, list[Sequence[str]]] = {}
    for head, *rest in fields:
        parts.setdefault(head, []).append(rest)
    values = {head: _part(getattr(value, head), rests, stage, f"{place}{head}.") for head, rests in parts.items()}
    return _partial(value.__class__, tuple(parts), stage, place)(**values)


@functools.cache
def _partial(record: type, names: tuple[str, ...], stage: str, place: str) -> type:
    """Return a frozen dataclass with some attributes of a record as its fields, and the record's methods.

    A method or property that is no field itself works as far as the fields that it reads are there.
    """

    def undeclared(_: object, name: str) -> Any:
        if name.startswith("__"):  # special methods, which Python and its libraries look for in every object
            raise AttributeError(name)
        raise UndeclaredRead(stage, place + name)

    methods = {
        name: value
        for kind in reversed(record.__mro__[:-1])
        for name, value in vars(kind).items()
        if isinstance(value, FunctionType | property) and not name.startswith("__") and name not in names
    }
    return dataclasses.make_dataclass(
        f"{record.__name__}View", names, namespace={**methods, "__getattr__": undeclared}, frozen=True
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: by content, so that equal values give equal texts."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.compare}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, AbstractSet):
        return sorted(map(str, value))
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
