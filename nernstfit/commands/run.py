"""Command that runs the workflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from nernstfit.contract.errors import InputError

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  nernstfit run my-experiment
  nernstfit run my-experiment --cores 8
  nernstfit run my-experiment --dry-run
  nernstfit run my-experiment --executor slurm --jobs 50""",
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def run(folder: Path, options: tuple[str, ...]) -> None:
    """Check the tables of FOLDER, then run the workflow there.

    FOLDER holds config/config.yaml, the tables and the recordings; results go to FOLDER/results.
    OPTIONS are passed on to snakemake. Exit status 0 means that at least one row is a reversal.
    """
    check(folder)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--directory", str(folder), *options]
    sys.exit(subprocess.run(command, check=False).returncode)


def check(folder: Path) -> None:
    """Check the configuration and tables of an experiment folder, and print the doubts about it.

    Raises
    ------
    InputError
        With every fault, one line each.
    """
    from nernstfit.contract import settings  # noqa: PLC0415
    from nernstfit.experiment import folder as experiments  # noqa: PLC0415
    from nernstfit.experiment.doubts import findings  # noqa: PLC0415
    from nernstfit.experiment.epochs import absent_epochs  # noqa: PLC0415
    from nernstfit.solutions.warnings import solution_warnings  # noqa: PLC0415

    before = Path.cwd()
    os.chdir(folder)
    try:
        found = experiments.load(settings.read())
        faults = list(absent_epochs(found))
    finally:
        os.chdir(before)
    if faults:
        raise InputError(faults)
    for doubt in findings(found):
        click.echo(str(doubt), err=True)
    place, temperature_C = found.settings.solutions, found.settings.temperature_C
    warnings = solution_warnings(found.solutions, temperature_C, found.settings.activity.name)
    for name, sentences in warnings.items():
        for sentence in sentences:
            click.echo(f"{place}: solution '{name}': {sentence}", err=True)
