"""Commands on the results of a run: report and verify."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from nernstfit.contract.errors import InputError
from nernstfit.contract.files import MANIFEST, REPORT, typed

_FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command(
    epilog="""\b
Examples:
  nernstfit report my-experiment
  nernstfit report my-experiment --open"""
)
@_FOLDER
@click.option("--open", "opens", is_flag=True, help="Open the report in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def report(folder: Path, opens: bool, as_json: bool) -> None:
    """Make the report of the last run of FOLDER anew from its tables, and print the outcome.

    Nothing is measured or fitted again. Where an input or a table has changed since the run, or the run was of another
    version of the program, the report stays as it is, and each such file is named first, and the exit status is 1;
    `nernstfit run` brings all up to date then.
    """
    from nernstfit.commands.run import outcome_lines, require_packages  # noqa: PLC0415
    from nernstfit.library import verification  # noqa: PLC0415

    against = verification.reasons_against_report(folder)
    if not against:
        require_packages()
        _make(folder)
    lines = outcome_lines(folder, as_json)
    for sentence in against:
        click.echo(sentence, err=True)
    if against:
        click.echo(f"The report was not made anew; bring it up to date with: {typed('run', folder)}", err=True)
    click.echo("\n".join(lines))
    if opens:
        click.launch(str(folder / REPORT))
    if against:
        sys.exit(1)


def _make(folder: Path) -> None:
    """Make the report of a folder in which no run is alive."""
    from nernstfit.library import loading, pipeline  # noqa: PLC0415
    from nernstfit.running.locks import living_run  # noqa: PLC0415

    alive = living_run(folder)
    if alive:
        raise InputError(f"{folder}: a run is alive there ({alive}); it makes the report")
    experiment = loading.load(folder)
    with contextlib.chdir(folder):
        pipeline.make_report(experiment)


@click.command(
    epilog="""\b
Examples:
  nernstfit verify my-experiment"""
)
@_FOLDER
def verify(folder: Path) -> None:
    """Compare the inputs and the results of FOLDER, byte for byte, with those of its run.

    Every file that differs, or is missing, is named, and every program whose version is another than that of the run.
    Exit status 0 means that the results are those of a run over these inputs; 1 that they are not.
    """
    from nernstfit.library import verification  # noqa: PLC0415
    from nernstfit.report.wording import counted  # noqa: PLC0415

    content, kinds = verification.manifest(folder), (verification.INPUTS, verification.OUTPUTS)
    found = [sentence for kind in kinds for sentence in verification.changes(folder, content, kind)]
    found += verification.other_versions(folder, content)
    for sentence in found:
        click.echo(sentence)
    if found:
        click.echo(f"{counted(len(found), 'difference')} from {folder / MANIFEST}; run again: {typed('run', folder)}")
        sys.exit(1)
    inputs, outputs = (len(content.get(kind, {})) for kind in kinds)
    click.echo(f"{inputs} inputs and {outputs} results are as in {folder / MANIFEST}.")
