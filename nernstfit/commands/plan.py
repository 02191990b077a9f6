"""Command that predicts the intervals of a planned experiment."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import click

from nernstfit.commands.options import json_option, show_rows, without_nan


@click.command(
    epilog="""\b
Examples:
  nernstfit plan my-experiment
  nernstfit plan my-experiment --ratio K=1.2,Cl=0.05 --cells 12 --se-mV 0.3
  nernstfit plan my-experiment --pipette pipette --bath control --bath NMDG --json"""
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ratio", "ratios", multiple=True, help="Expected ratios over the reference ion, like K=1.2,Cl=0.05.")
@click.option("--cells", type=int, help="Number of cells, each in every bath.")
@click.option(
    "--se-mV", "noise_mV", type=float, help="Standard error of one reversal potential (key plan.noise_mV). In mV."
)
@click.option("--ln-ratio-sd", type=float, help="Between-cell standard deviation of a ln ratio.")
@click.option("--pipette", help="The pipette's solution, where no table of recordings names it.")
@click.option("--bath", "baths", multiple=True, help="With --pipette: a bath; without any, all other solutions.")
@click.option("--group", help="Group of results/permeabilities.csv whose estimates replace ratios that are not given.")
@click.option(
    "--simulations",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of simulated experiments that check the expected intervals; 0: no check.",
)
@json_option
def plan(folder: Path, group: str | None, simulations: int, as_json: bool, **options: Any) -> None:
    """Predict the interval of every ratio from the design of the experiment of FOLDER, before it is made.

    Needed are config/config.yaml and the table of solutions. Baths and pipette are those of the table of recordings,
    where there is one, or of the section `plan`; expected ratios, cells and noise are keys of that section too.
    Options take precedence.
    """
    from nernstfit.contract.numbers import Range  # noqa: PLC0415
    from nernstfit.library import plan as calculation  # noqa: PLC0415
    from nernstfit.library.solutions import amounts  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "ratios" in given:
        given["ratios"] = amounts(given["ratios"], "--ratio", Range(above=0.0))
    if "baths" in given:
        given["baths"] = list(given["baths"])
    with contextlib.chdir(folder):
        found = calculation.plan(given, group, simulations)
    if as_json:
        click.echo(json.dumps(without_nan(found)))
        return
    click.echo(calculation.statement(found["assumed"]))
    simulated = "; medians of simulated experiments, and their fraction" if found["assumed"]["simulations"] else ""
    click.echo(f"\nExpected intervals; between-cell intervals{simulated}:")
    show_rows(found["ratios"], False, digits=4)
    click.echo("\nFactor by which the interval would be longer without a bath:")
    baths = [{key: "none" if value is None else value for key, value in row.items()} for row in found["baths"]]
    show_rows(baths, False)
    click.echo()
    for note in found["notes"]:
        click.echo(note)
