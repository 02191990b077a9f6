"""The commands. Heavy libraries are imported within the command that needs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from nernstfit.errors import InputError

SNAKEFILE = Path(__file__).resolve().parent.parent / "Snakefile"


class _Group(click.Group):
    """Turns a fault of the user's tables into its sentences and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as fault:
            for line in fault.faults:
                click.echo(line, err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nernstfit")
def main() -> None:
    """Permeability ratios from patch-clamp recordings and a table of solutions."""


@main.command(
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
    OPTIONS are handed on to snakemake. Exit status 0 means that at least one row is a reversal.
    """
    check(folder)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--directory", str(folder), *options]
    sys.exit(subprocess.run(command, check=False).returncode)


@main.command(
    epilog="""\b
Examples:
  nernstfit simulate practice
  nernstfit simulate practice --seed 7 && nernstfit run practice"""
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of all that is drawn.")
def simulate(folder: Path, seed: int) -> None:
    """Write a simulated experiment with a known truth to FOLDER.

    A non-selective cation channel in 8 whole-cell patches and 6 baths, as ABF files with the tables
    and the configuration to analyse them; data/truth.yaml holds the permeability ratios it was made with.
    """
    from nernstfit import simulate as simulation  # noqa: PLC0415

    simulation.simulate(folder, seed)
    click.echo(f"{folder}: written; analyse it with: nernstfit run {folder}")


def check(folder: Path) -> None:
    """Check the configuration and tables of an experiment folder.

    Raises
    ------
    InputError
        With every fault, one line each.
    """
    from nernstfit import experiment, settings  # noqa: PLC0415

    before = Path.cwd()
    os.chdir(folder)
    try:
        experiment.load(settings.read())
    finally:
        os.chdir(before)
