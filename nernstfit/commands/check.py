"""Command that checks an experiment folder before it is run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nernstfit.commands.options import cell, json_option, show_rows, without_nan
from nernstfit.contract.errors import MANY_ROWS
from nernstfit.contract.files import typed
from nernstfit.contract.terms import PotentialVerdict

_DIGITS = 4  # of a number in a table: 0.1 mV of a junction; half would round it to 10 mV, double only widens columns
# Columns that name a row, and rows from which the others are told once where they do not differ: a table of two is read
# at a glance. At half or double only the form of short tables changes.
_NAMES, _MIN_ROWS = ("measurement", "cell", "bath", "solution", "term"), 3


@click.command(
    epilog="""\b
Examples:
  nernstfit check my-experiment
  nernstfit check my-experiment --json"""
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def check(folder: Path, as_json: bool) -> None:
    """Check the configuration and the tables of FOLDER, and show what a run will do.

    Every fault is told at once, one line each, and nothing else is then shown. Without a fault follow: what will be
    measured of each recording, the solutions, the junction potentials, and the findings, heaviest first. Exit status 0
    means that a run can start.
    """
    from nernstfit.library import checking  # noqa: PLC0415

    found = checking.check(folder)
    if as_json:
        click.echo(json.dumps(without_nan(found.as_dict()), default=str))
        return
    _show("Measurements", [row for row in found.measurements if not row["verdict"]])
    without = [row for row in found.measurements if row["verdict"]]
    if without:
        click.echo("Without a potential:")
        for line in _by_reason(without):
            click.echo(line)
        click.echo()
    _show("Solutions", found.solutions)
    _show("Junction corrections, added to the membrane potential", found.junctions)
    for finding in found.findings:
        click.echo(str(finding))
    counts = ", ".join(f"{number} {name}" for name, number in found.as_dict()["recordings"].items())
    follows = f"Next: {typed('run', folder)}" if found.used else "There is nothing to be measured yet."
    click.echo(f"{len(found.measurements)} measurements: {counts}. {follows}")


def _by_reason(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each reason for which measurements have no potential, with their names, cut where many are."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault((row["verdict"], _without_file(row["reason"])), []).append(row)
    for (verdict, of_all), those in alike.items():
        names, reason = [row["measurement"] for row in those], of_all if len(those) > 1 else those[0]["reason"]
        more = f" and {len(names) - MANY_ROWS} others" if len(names) > MANY_ROWS + 1 else ""
        named = ", ".join(names[:MANY_ROWS] if more else names)
        number = f"{len(names)} measurements ({named}{more})" if len(names) > 1 else named
        yield f"{number}: {PotentialVerdict(verdict).label}{f': {reason}' if reason else ''}"


def _without_file(reason: str) -> str:
    """Return a reason without the name of the recording before it, which the measurement has too."""
    file, _, words = reason.partition(": ")
    return words if file.lower().endswith(".abf") else reason


def _show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table of the columns that tell them apart, under what is the same in all of them."""
    known: list[dict[str, Any]] = without_nan([dict(row) for row in rows])
    columns = dict.fromkeys(key for row in known for key, value in row.items() if value not in ("", None))
    columns.pop("statement", None)  # which results/junctions.csv has
    common = {
        key: cell(known[0][key], _DIGITS)
        for key in columns
        if key not in _NAMES and len(known) >= _MIN_ROWS and len({cell(row.get(key), _DIGITS) for row in known}) == 1
    }
    said = ", ".join(f"{key} {value}" for key, value in common.items())
    click.echo(f"{title}{f' (in all: {said})' if said else ''}:" if rows else f"{title}: none")
    show_rows([{key: row.get(key) for key in columns if key not in common} for row in known], False, _DIGITS)
    click.echo()
