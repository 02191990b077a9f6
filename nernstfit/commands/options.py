"""Options and output that several commands have in common."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from typing import Any

import click

from nernstfit.contract.errors import InputError
from nernstfit.contract.numbers import Range, number_within
from nernstfit.library.chemistry import MODELS, Chemistry


class Quantity(click.ParamType[float]):
    """A number within a range: a given one, or that of a column of a table of the contract."""

    name = "number"

    def __init__(self, allowed: Range | tuple[str, str], gathers: bool = False) -> None:
        self._allowed, self._gathers = allowed, gathers

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number that was typed; a default is taken as it is.

        A command with several quantities can have their faults gathered, to tell them together; see `gathered`.
        """
        if isinstance(value, float):
            return value
        option = param.opts[0] if param else str(self._allowed)
        try:
            return number_within(value, self._range())
        except ValueError as fault:
            if not self._gathers or ctx is None:
                raise InputError(f"{option}: {fault}") from None
            ctx.meta.setdefault(_GATHERED, []).append(f"{option}: {fault}")
            return math.nan

    def _range(self) -> Range:
        if isinstance(self._allowed, Range):
            return self._allowed
        from nernstfit.contract.tables import TABLES  # noqa: PLC0415 - tables are slow to import

        table, column = self._allowed
        return TABLES[table].columns[column].range


_GATHERED = "nernstfit.faults"


def gathered() -> list[str]:
    """Return the faults of the options of the present command that are to be told together."""
    found: list[str] = click.get_current_context().meta.get(_GATHERED, [])
    return found


species_option = click.option("--species", type=click.Path(), help="Table of your own ions, with charge and mobility.")


def temperature_option(what: str, gathers: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option of a temperature, with the text of its help."""
    kind = Quantity(("recordings", "temperature_C"), gathers)
    return click.option("--temperature-C", "temperature_C", type=kind, default=22.0, show_default=True, help=what)


solution_temperature_option = temperature_option("Temperature of the solutions. In C.")
model_option = click.option(
    "--model",
    type=click.Choice(MODELS),
    default=MODELS[0],
    show_default=True,
    help="Activity model, and its convention.",
)


def chemistry_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `Chemistry` to a command, which receives them as its argument `chemistry`."""

    @functools.wraps(function)
    def command(temperature_C: float, model: str, species: str | None, **others: Any) -> None:
        function(chemistry=Chemistry(temperature_C, model, species), **others)

    return species_option(solution_temperature_option(model_option(command)))


json_option = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")


def show_rows(rows: list[dict[str, Any]], as_json: bool, digits: int = 6) -> None:
    """Print rows as a table with a header, or as a list of JSON objects."""
    known: list[dict[str, Any]] = without_nan(rows)
    if as_json:
        click.echo(json.dumps(known, default=float))
        return
    if not known:
        return
    cells = [list(known[0]), *([cell(value, digits) for value in row.values()] for row in known)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def without_nan(value: Any) -> Any:
    """Return the same with None in place of every nan, however deep."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if value != value else value


def cell(value: Any, digits: int = 6) -> str:
    """Return a value as a cell of a printed table: numbers to some digits, None blank."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
