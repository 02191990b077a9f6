"""Commands for solutions without an experiment folder: solutions, junction and nernst."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from nernstfit.commands.options import (
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
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.library.chemistry import Chemistry

_ACTIVITY = Quantity(Range(above=0.0, maximum=CONCENTRATION.maximum, unit=CONCENTRATION.unit), gathers=True)
_METHODS = [str(method) for method in JunctionMethod if method != JunctionMethod.NONE]


def _compositions(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a solution inside and one outside."""
    for names, side in ((("--outside", "--out"), "bath"), (("--inside", "--in"), "pipette")):
        example = "NaCl=145,KCl=5,HEPES=10,pH=7.4,titrant=NaOH"
        text = f"The {side}: a solution of the table, or a composition in mM like {example}."
        function = click.option(*names, names[0][2:], help=text)(function)
    return function


@click.command(
    epilog="""\b
Examples:
  nernstfit solutions data/solutions.csv
  nernstfit solutions data/solutions.csv --temperature-C 37 --model davies --json
  nernstfit solutions --in KCl=140,MgCl2=2,EGTA=5,HEPES=10,pH=7.2,titrant=KOH --out NaCl=150"""
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@_compositions
@chemistry_options
@json_option
def solutions(file: Path | None, inside: str | None, outside: str | None, chemistry: Chemistry, as_json: bool) -> None:
    """List the solutes of the solutions of FILE: free and total concentrations, activities and their source.

    Without FILE, of compositions given by --inside and --outside. After the solutes follow each solution as a whole,
    and the warnings. SPECIES is a table of your own ions.
    """
    from nernstfit.library import compositions  # noqa: PLC0415
    from nernstfit.library import solutions as calculation  # noqa: PLC0415

    typed = {option: text for option, text in (("--inside", inside), ("--outside", outside)) if text}
    if bool(file) == bool(typed):
        got = "a table and a composition" if file else "nothing"
        raise InputError(f"solutions: got {got}, expected FILE, or --inside and --outside")
    if file:
        recipe = calculation.read(str(file), calculation.user_ions(chemistry.species))
    else:
        recipe = compositions.solutions(typed, None, chemistry.species)
    solutes, wholes = calculation.solutions(recipe, chemistry)
    if as_json:
        show_rows(solutes, as_json)
        return
    show_rows([{key: row[key] for key in calculation.ION_COLUMNS} for row in solutes], as_json)
    click.echo()
    show_rows([{key: row[key] for key in calculation.SOLUTION_COLUMNS} for row in wholes], as_json)
    for remarks in (row["warnings"] for row in wholes if row["warnings"]):
        click.echo(remarks, err=True)


@click.command(
    epilog="""\b
Examples:
  nernstfit junction pipette control --solutions data/solutions.csv
  nernstfit junction pipette control --solutions data/solutions.csv --temperature-C 25 --json
  nernstfit junction --in KCl=140,MgCl2=2 --out NaCl=150,CaCl2=2
  nernstfit junction K-gluconate=140 NaCl=150 --method henderson --basis concentration"""
)
@click.argument("pipette", required=False)
@click.argument("bath", required=False)
@_compositions
@click.option("--solutions", "file", type=click.Path(), help="Table of solutions.")
@click.option("--method", type=click.Choice(_METHODS), help="Only this method; without it, both.")
@click.option(
    "--basis", type=click.Choice([str(basis) for basis in JunctionBasis]), help="Only this basis; without it, both."
)
@chemistry_options
@json_option
def junction(chemistry: Chemistry, as_json: bool, **given: str | None) -> None:
    """Calculate the junction potential of PIPETTE and BATH: V_bath - V_pipette, by both methods, on both bases.

    Each is a solution of the table, or a composition in mM; they can be given by --inside and --outside as well.
    """
    from nernstfit.library import compositions  # noqa: PLC0415
    from nernstfit.library import junctions as calculation  # noqa: PLC0415

    sides = {"inside": given["pipette"], "outside": given["bath"]}
    if any(sides[side] and given[side] for side in sides):
        raise InputError("junction: got PIPETTE or BATH beside --inside or --outside, expected each solution once")
    texts = {f"--{side}": sides[side] or given[side] or "" for side in sides}
    for option, text in texts.items():
        if not text:
            raise InputError(
                f"{option}: missing, expected a solution's name, or its composition in mM like NaCl=140,KCl=5"
            )
    recipe = compositions.solutions(texts, given["file"], chemistry.species)
    pipette, bath = (option.strip("-") if "=" in text else text for option, text in texts.items())
    methods, bases = ([value] if (value := given[name]) else [] for name in ("method", "basis"))
    rows = calculation.junction(recipe, (pipette, bath), chemistry, methods, bases)
    if as_json:
        show_rows(rows, as_json)
        return
    show_rows([{key: row[key] for key in row if key != "warnings"} for row in rows], as_json)
    for remark in dict.fromkeys(remark for row in rows for remark in row["warnings"]):
        click.echo(remark, err=True)


@click.command(
    epilog="""\b
Examples:
  nernstfit nernst K --outside-mM 5 --inside-mM 140 --temperature-C 37
  nernstfit nernst Cl --outside-mM 110 --inside-mM 10 --json"""
)
@click.argument("ion")
@click.option(
    "--outside-mM",
    "--out",
    "outside_mM",
    type=_ACTIVITY,
    required=True,
    help="Activity (or concentration) outside. In mM.",
)
@click.option(
    "--inside-mM", "--in", "inside_mM", type=_ACTIVITY, required=True, help="Activity (or concentration) inside. In mM."
)
@species_option
@temperature_option("Temperature of the solutions. In C.", gathers=True)
@json_option
def nernst(
    ion: str, outside_mM: float, inside_mM: float, species: str | None, temperature_C: float, as_json: bool
) -> None:
    """Calculate the Nernst potential of ION, inside minus outside."""
    from nernstfit.library import nernst as calculation  # noqa: PLC0415

    faults = [*gathered(), *calculation.ion_faults(ion, species, "ION")]
    if faults:
        raise InputError(faults)
    show_rows([calculation.nernst(ion, outside_mM, inside_mM, temperature_C, species)], as_json)
