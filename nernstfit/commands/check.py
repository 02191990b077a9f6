"""Command that checks an experiment folder before it is run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nernstfit.commands.options import json_option, show_rows, without_nan
from nernstfit.contract.files import typed


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
    for title, rows in (
        ("Measurements", found.measurements),
        ("Solutions", found.solutions),
        ("Junction corrections, added to the membrane potential", found.junctions),
    ):
        click.echo(f"{title}:" if rows else f"{title}: none")
        show_rows([{key: row[key] for key in row if key != "statement"} for row in rows], False, digits=4)
        click.echo()
    for finding in found.findings:
        click.echo(str(finding))
    counts = ", ".join(f"{number} {name}" for name, number in found.as_dict()["recordings"].items())
    follows = f"Next: {typed('run', folder)}" if found.used else "There is nothing to be measured yet."
    click.echo(f"{len(found.measurements)} measurements: {counts}. {follows}")
