"""Commands for solutions without an experiment folder: solutions, junction and nernst."""

from __future__ import annotations

from pathlib import Path

import click

from nernstfit.commands.options import (
    Chemistry,
    Quantity,
    chemistry_options,
    gathered,
    json_option,
    show_rows,
    species_option,
    temperature_option,
)
from nernstfit.contract.errors import InputError
from nernstfit.contract.numbers import CONCENTRATION, Range

_ACTIVITY = Quantity(Range(above=0.0, maximum=CONCENTRATION.maximum, unit=CONCENTRATION.unit), gathers=True)


@click.command(
    epilog="""\b
Examples:
  nernstfit solutions data/solutions.csv
  nernstfit solutions data/solutions.csv --temperature-C 37 --model davies --json"""
)
@click.argument("file", type=click.Path(path_type=Path))
@chemistry_options
@json_option
def solutions(file: Path, chemistry: Chemistry, as_json: bool) -> None:
    """List the ions of the solutions of FILE: free and total concentrations, activities and their source.

    After the ions follow each solution as a whole, and the warnings. SPECIES is a table of your own ions.
    """
    from nernstfit.commands.calculations import solutions as calculation  # noqa: PLC0415

    rows = calculation.solutions(str(file), chemistry)
    if as_json:
        show_rows(rows, as_json)
        return
    show_rows([{key: row[key] for key in calculation.ION_COLUMNS} for row in rows], as_json)
    click.echo()
    whole = {row["solution"]: {key: row[key] for key in calculation.SOLUTION_COLUMNS} for row in rows}
    show_rows(list(whole.values()), as_json)
    for remarks in {row["solution"]: row["warnings"] for row in rows if row["warnings"]}.values():
        click.echo(remarks, err=True)


@click.command(
    epilog="""\b
Examples:
  nernstfit junction pipette control --solutions data/solutions.csv
  nernstfit junction pipette control --solutions data/solutions.csv --temperature-C 25 --json"""
)
@click.argument("pipette")
@click.argument("bath")
@click.option("--solutions", "file", required=True, type=click.Path(path_type=Path), help="Table of solutions.")
@chemistry_options
@json_option
def junction(pipette: str, bath: str, file: Path, chemistry: Chemistry, as_json: bool) -> None:
    """Calculate the junction potential of PIPETTE and BATH: V_bath - V_pipette, by both methods, on both bases."""
    from nernstfit.commands.calculations import solutions as calculation  # noqa: PLC0415

    show_rows(calculation.junction(str(file), pipette, bath, chemistry), as_json)


@click.command(
    epilog="""\b
Examples:
  nernstfit nernst K --outside-mM 5 --inside-mM 140 --temperature-C 37
  nernstfit nernst Cl --outside-mM 110 --inside-mM 10 --json"""
)
@click.argument("ion")
@click.option(
    "--outside-mM", "--out", "outside_mM", type=_ACTIVITY, required=True, help="Activity (or concentration) outside."
)
@click.option(
    "--inside-mM", "--in", "inside_mM", type=_ACTIVITY, required=True, help="Activity (or concentration) inside."
)
@species_option
@temperature_option("Temperature of the solutions, in degrees Celsius.", gathers=True)
@json_option
def nernst(
    ion: str, outside_mM: float, inside_mM: float, species: str | None, temperature_C: float, as_json: bool
) -> None:
    """Calculate the Nernst potential of ION, inside minus outside."""
    from nernstfit.commands.calculations import nernst as calculation  # noqa: PLC0415

    faults = [*gathered(), *calculation.ion_faults(ion, species)]
    if faults:
        raise InputError(faults)
    show_rows([calculation.nernst(ion, outside_mM, inside_mM, temperature_C, species)], as_json)
