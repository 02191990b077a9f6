"""Commands on the results of a run: report and verify."""

from __future__ import annotations

import sys
from pathlib import Path

import click

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
    """Print the outcome of the last run of FOLDER, and where its report is.

    Inputs that have changed since are named; `nernstfit run` makes the report anew.
    """
    from nernstfit.commands.run import show_outcome  # noqa: PLC0415
    from nernstfit.library import verification  # noqa: PLC0415

    changed = list(verification.changes(folder, verification.manifest(folder), verification.INPUTS))
    show_outcome(folder, as_json)
    for sentence in changed:
        click.echo(sentence, err=True)
    if changed:
        click.echo(f"The report is older than these inputs; make it anew with: {typed('run', folder)}", err=True)
    if opens:
        click.launch(str(folder / REPORT))


@click.command(
    epilog="""\b
Examples:
  nernstfit verify my-experiment"""
)
@_FOLDER
def verify(folder: Path) -> None:
    """Compare the inputs and the results of FOLDER with the manifest of its run, by their SHA-256.

    Every file that differs, or is missing, is named. Exit status 0 means that the results are those of a run over these
    inputs, byte for byte; 1 that they are not.
    """
    from nernstfit.library import verification  # noqa: PLC0415

    content, kinds = verification.manifest(folder), (verification.INPUTS, verification.OUTPUTS)
    found = [sentence for kind in kinds for sentence in verification.changes(folder, content, kind)]
    for sentence in found:
        click.echo(sentence)
    if found:
        click.echo(f"{len(found)} files are not as in {folder / MANIFEST}; run again: {typed('run', folder)}")
        sys.exit(1)
    inputs, outputs = (len(content.get(kind, {})) for kind in kinds)
    click.echo(f"{inputs} inputs and {outputs} results are as in {folder / MANIFEST}.")
