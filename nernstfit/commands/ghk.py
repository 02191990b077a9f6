"""Command for the Goldman-Hodgkin-Katz equation: a potential from ratios, or one ratio from a potential."""

from __future__ import annotations

import json
from typing import Any

import click

from nernstfit.commands.options import Quantity, cell, chemistry_options, json_option, show_rows
from nernstfit.contract.model_words import activity_words
from nernstfit.library.chemistry import Chemistry

_POTENTIAL = Quantity(("reversals", "reversal_mV"))


@click.command(
    epilog="""\b
Examples:
  nernstfit ghk --ratio K=1,Na=0.04,Cl=0.45 --inside K=400,Na=50,Cl=52 --outside K=20,Na=440,Cl=560 \\
      --temperature-C 18 --model concentration
  nernstfit ghk --solutions data/solutions.csv --inside pipette --outside control --ratio K=1 --solve Na \\
      --potential-mV -20 --se-mV 0.8
  nernstfit ghk --reference-bath NaCl=10 --reference-potential-mV 51 --outside NaBr=10 --ratio Cl=1 \\
      --solve Br --potential-mV 28
  nernstfit ghk --conductance --nernst-mV Na=-29,K=-61 --ratio K=1 --solve Na --potential-mV -34.8"""
)
@click.option(
    "--ratio",
    "ratios",
    multiple=True,
    required=True,
    help="Permeability ratios like K=1,Na=0.04; the reference ion has 1.",
)
@click.option(
    "--inside",
    "--in",
    "inside",
    help="The solution inside: its name in the table, or a composition in mM like KCl=140,NaCl=10.",
)
@click.option(
    "--outside",
    "--out",
    "outside",
    help="The solution outside: its name in the table, or a composition in mM like NaCl=145,KCl=5.",
)
@click.option("--solutions", "table", type=click.Path(), help="Table of solutions.")
@click.option(
    "--potential-mV", "potential_mV", type=_POTENTIAL, help="Measured reversal potential; with --solve. In mV."
)
@click.option("--solve", help="The ion whose ratio is calculated.")
@click.option(
    "--se-mV",
    "se_mV",
    type=Quantity(("reversals", "se_mV")),
    help="Standard error of the potential (or of the shift); gives a 95 % interval. In mV.",
)
@click.option("--reference-bath", help="Another bath, as --outside is given, where the inside is not known.")
@click.option(
    "--reference-potential-mV", "reference_mV", type=_POTENTIAL, help="Reversal potential in that bath. In mV."
)
@click.option(
    "--conductance", is_flag=True, help="Take the ratios as those of chord conductances, which are not permeabilities."
)
@click.option(
    "--nernst-mV", "nernst", multiple=True, help="With --conductance: Nernst potentials like K=-80,Na=50. In mV."
)
@chemistry_options
@json_option
def ghk(as_json: bool, chemistry: Chemistry, **given: Any) -> None:
    """Calculate a reversal potential from permeability ratios, or with --solve one ratio from a reversal potential.

    Potentials are inside minus outside, corrected for junctions. Give both solutions; or, for the shift between two
    baths, the second bath, the first and its potential: the solution inside cancels.
    """
    from nernstfit.library import ghk as calculation  # noqa: PLC0415

    result = calculation.calculate(calculation.Request(chemistry=chemistry, **given))
    if as_json:
        click.echo(json.dumps(result))
        return
    show_rows(result.pop("ions"), False)
    click.echo()
    notes = [("note", note) for note in result.pop("notes")]
    if "activity" in result:
        result["activity"] = activity_words(result["activity"])
    for name, value in [*result.items(), *notes]:
        if value is not None:
            click.echo(f"{name:20}{cell(value)}")
