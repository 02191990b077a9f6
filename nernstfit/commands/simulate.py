"""Command that simulates an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from nernstfit.contract.files import typed


@click.command(
    epilog="""\b
Examples:
  nernstfit simulate practice
  nernstfit simulate practice --seed 7 && nernstfit run practice"""
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the random numbers.")
def simulate(folder: Path, seed: int) -> None:
    """Write a simulated experiment with known permeability ratios to FOLDER.

    A non-selective cation channel in 8 whole-cell patches and 6 baths, as ABF files with the tables
    and the configuration to analyse them; data/truth.yaml holds the permeability ratios that were simulated.
    """
    from nernstfit.simulate import experiment  # noqa: PLC0415

    experiment.simulate(folder, seed)
    click.echo(f"{folder}: written; analyse it with: {typed('run', folder)}")
