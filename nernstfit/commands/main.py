"""The commands. Heavy libraries are imported within the command that needs them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from nernstfit.contract import schema, settings
from nernstfit.contract.errors import InputError, RecordingError

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


class _Group(click.Group):
    """Turns a fault of the user's tables or recording into its sentences and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as fault:
            for line in fault.faults:
                click.echo(line, err=True)
        except RecordingError as fault:
            click.echo(str(fault), err=True)
        sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nernstfit")
def main() -> None:
    """Permeability ratios from patch-clamp recordings and a table of solutions."""
    # The matrices are small, and sums are taken in the same order everywhere.
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")


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
    from nernstfit.simulate import experiment as simulation  # noqa: PLC0415

    simulation.simulate(folder, seed)
    click.echo(f"{folder}: written; analyse it with: nernstfit run {folder}")


@main.command(
    epilog="""\b
Examples:
  nernstfit inspect cell1.abf
  nernstfit inspect cell1.abf --channel "IN 1" --plot cell1.png"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--channel", help="Name or number of the ADC that carries the current.")
@click.option("--command", help="Name or number of the DAC that drives the cell.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write current and command as PNG.")
def inspect(file: Path, channel: str | None, command: str | None, plot: Path | None) -> None:
    """Say what FILE holds: channels, outputs, epochs sweep by sweep, tags, and which command is used."""
    from nernstfit.abf import describe, read  # noqa: PLC0415

    asked = {name: value for name, value in (("channel", channel), ("command", command)) if value is not None}
    how = settings.measure_for(settings.default_measure(), asked, "--{}".format)
    recording = read.read(file)
    for line in describe.describe(recording, how):
        click.echo(line)
    if plot is not None:
        from nernstfit.figures import kinds  # noqa: PLC0415
        from nernstfit.stages.ingest import TRACES, table, trace_columns  # noqa: PLC0415

        course = table([trace_columns(recording.path.name, describe.course(recording, how))], TRACES)
        plot.write_bytes(kinds.render(kinds.recording(course)).png)


@main.command(
    epilog="""\b
Examples:
  nernstfit measure cell1.abf --epoch B
  nernstfit measure tails.abf --epoch F --from-ms 4 --to-ms 10 --json
  nernstfit measure two_amplifiers.abf --epoch D --channel 1 --sweeps 0-12"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--epoch", help="A letter, `after`, or `auto`: the one that differs between sweeps.")
@click.option("--from-fraction", help="Start of the window as part of the epoch.")
@click.option("--to-fraction", help="End of the window as part of the epoch.")
@click.option("--from-ms", help="Start of the window in ms from the start of the epoch.")
@click.option("--to-ms", help="End of the window in ms from the start of the epoch.")
@click.option("--statistic", help="mean, median or peak of the current in the window.")
@click.option("--channel", help="Name or number of the ADC that carries the current.")
@click.option("--command", help="Name or number of the DAC that drives the cell.")
@click.option("--sweeps", help="Which sweeps, from 0, like 0-12,15.")
@click.option("--leak", help="What is subtracted: none, linear, epoch:A (the letter of another epoch) or background.")
@click.option("--subtract", default="", help="The recording of the background.")
@click.option("--estimator", help=f"One of {', '.join(schema.allowed('measure', 'estimator'))}.")
@click.option("--voltage", help="command, or recorded where the file has the membrane voltage.")
@click.option("--max-interval-mV", "max_interval_mV", help="A wider 95 % interval is ambiguous.")
@click.option("--min-span-mV", "min_span_mV", help="The current must stay off zero over this on both sides.")
@click.option("--series-resistance-MOhm", "series_resistance_MOhm", type=float, help="What is not compensated of it.")
@click.option("--capacitance-pF", "capacitance_pF", type=float, help="Of the membrane; what it takes up in a ramp.")
@click.option("--temperature-C", "temperature_C", type=float, default=22.0, show_default=True, help="For ghk alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def measure(
    file: Path,
    series_resistance_MOhm: float | None,
    capacitance_pF: float | None,
    temperature_C: float,
    subtract: str,
    as_json: bool,
    **options: str | None,
) -> None:
    """Measure the reversal potential of FILE, as commanded, by the workflow's own stages.

    What is printed are the columns of results/reversal_potentials.csv; no junction is corrected for.
    Exit status 0 means a verdict, 1 a file or an option that cannot be used.
    """
    from nernstfit.commands import measure as single  # noqa: PLC0415

    patch = single.Patch(series_resistance_MOhm, capacitance_pF, temperature_C, subtract)
    found = single.measure(str(file), {name: value for name, value in options.items() if value is not None}, patch)
    known = {name: value for name, value in found.items() if value == value}
    if as_json:
        click.echo(json.dumps({name: known.get(name) for name in found}))
    else:
        for name, value in known.items():
            if value != "":
                click.echo(f"{name:16}{_cell(value)}")
    sys.exit(1 if found["verdict"] == "unreadable" else 0)


_SPECIES = click.option("--species", type=click.Path(), help="Table of your own ions.")
_TEMPERATURE = click.option("--temperature", type=float, default=22.0, show_default=True, help="In C.")
_MODEL = click.option(
    "--model",
    type=click.Choice(
        ["pitzer:macinnes", "pitzer:raw", "pitzer:guggenheim", "davies", "debye-huckel", "concentration"]
    ),
    default="pitzer:macinnes",
    show_default=True,
    help="Activity model and convention.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")


@main.command(
    epilog="""\b
Examples:
  nernstfit solutions data/solutions.csv
  nernstfit solutions data/solutions.csv --temperature 37 --model davies --json"""
)
@click.argument("file", type=click.Path(path_type=Path))
@_SPECIES
@_TEMPERATURE
@_MODEL
@_JSON
def solutions(file: Path, species: str | None, temperature: float, model: str, as_json: bool) -> None:
    """Say what the solutions of FILE are: free and total concentrations, activities and how each is known.

    Behind the ions, each solution as a whole, and what is remarkable about it. SPECIES is a table of your own ions.
    """
    from nernstfit.commands import solutions as chemistry  # noqa: PLC0415

    rows = chemistry.solutions(str(file), temperature, model, species)
    if as_json:
        _show(rows, as_json)
        return
    _show([{key: row[key] for key in chemistry.OF_IONS} for row in rows], as_json)
    click.echo()
    whole = {row["solution"]: {key: row[key] for key in chemistry.OF_SOLUTIONS} for row in rows}
    _show(list(whole.values()), as_json)
    for name, remarks in {row["solution"]: row["warnings"] for row in rows if row["warnings"]}.items():
        click.echo(f"{name}: {remarks}", err=True)


@main.command(
    epilog="""\b
Examples:
  nernstfit junction pipette control --solutions data/solutions.csv
  nernstfit junction pipette control --solutions data/solutions.csv --temperature 25 --json"""
)
@click.argument("pipette")
@click.argument("bath")
@click.option("--solutions", "file", required=True, type=click.Path(path_type=Path), help="Table of solutions.")
@_SPECIES
@_TEMPERATURE
@_MODEL
@_JSON
def junction(
    pipette: str, bath: str, file: Path, species: str | None, temperature: float, model: str, as_json: bool
) -> None:
    """Liquid junction potential between PIPETTE and BATH: V_bath - V_pipette, by both methods, on both bases."""
    from nernstfit.commands import solutions as chemistry  # noqa: PLC0415

    _show(chemistry.junction(str(file), pipette, bath, temperature, model, species), as_json)


@main.command(
    epilog="""\b
Examples:
  nernstfit nernst K --out 5 --in 140 --temperature 37
  nernstfit nernst Cl --out 110 --in 10 --json"""
)
@click.argument("ion")
@click.option("--out", "outside", type=float, required=True, help="Activity (or concentration) outside, mM.")
@click.option("--in", "inside", type=float, required=True, help="Activity (or concentration) inside, mM.")
@_SPECIES
@_TEMPERATURE
@_JSON
def nernst(ion: str, outside: float, inside: float, species: str | None, temperature: float, as_json: bool) -> None:
    """Nernst potential of ION, inside minus outside."""
    from nernstfit.commands import solutions as chemistry  # noqa: PLC0415

    _show([chemistry.nernst(ion, outside, inside, temperature, species)], as_json)


@main.command(
    epilog="""\b
Examples:
  nernstfit ghk --ratio K=1,Na=0.04,Cl=0.45 --in K=400,Na=50,Cl=52 --out K=20,Na=440,Cl=560 \\
      --temperature 18 --model concentration
  nernstfit ghk --solutions data/solutions.csv --in pipette --out control --ratio K=1 --solve Na \\
      --potential -20 --se 0.8
  nernstfit ghk --reference-bath NaCl=10 --reference-potential 51 --out NaBr=10 --ratio Cl=1 --solve Br \\
      --potential 28
  nernstfit ghk --conductance --nernst Na=-29,K=-61 --ratio K=1 --solve Na --potential -34.8"""
)
@click.option("--ratio", "ratios", multiple=True, required=True, help="Like K=1,Na=0.04; the reference ion has 1.")
@click.option("--inside", "--in", "inside", help="A solution of the table, or mM like KCl=140,NaCl=10.")
@click.option("--outside", "--out", "outside", help="Likewise.")
@click.option("--solutions", "table", type=click.Path(), help="Table of solutions.")
@click.option("--potential", "potential_mV", type=float, help="Measured reversal potential, mV; with --solve.")
@click.option("--solve", help="The ion whose ratio is sought.")
@click.option(
    "--se", "se_mV", type=float, help="Standard error of --potential (or of the shift), mV; it gives a 95 % interval."
)
@click.option("--reference-bath", help="Where the inside is not known: another bath, as --outside is given.")
@click.option("--reference-potential", "reference_mV", type=float, help="Reversal potential in that bath, mV.")
@click.option("--conductance", is_flag=True, help="Ratios of chord conductances, which are not permeabilities.")
@click.option("--nernst", multiple=True, help="With --conductance: Nernst potentials in mV, like K=-80,Na=50.")
@_SPECIES
@_TEMPERATURE
@_MODEL
@_JSON
def ghk(temperature: float, as_json: bool, **asked: Any) -> None:
    """Reversal potential from permeability ratios, or with --solve one ratio from a reversal potential.

    Potentials are inside minus outside, corrected for junctions. Give both solutions; or, for the shift that an
    exchange of baths makes, the second bath, the first and its potential: what is inside cancels.
    """
    from nernstfit.commands import ghk as stage  # noqa: PLC0415

    found = stage.answer(stage.Question(temperature_C=temperature, **asked))
    if as_json:
        click.echo(json.dumps(found))
        return
    _show(found.pop("ions"), False)
    click.echo()
    notes = [("note", note) for note in found.pop("notes")]
    for name, value in [*found.items(), *notes]:
        if value is not None:
            click.echo(f"{name:20}{_cell(value)}")


@main.command(
    epilog="""\b
Examples:
  nernstfit plan my-experiment
  nernstfit plan my-experiment --ratio K=1.2,Cl=0.05 --cells 12 --noise-mV 0.3
  nernstfit plan my-experiment --pipette pipette --bath control --bath NMDG --json"""
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ratio", "ratios", multiple=True, help="Expected, over the reference ion, like K=1.2,Cl=0.05.")
@click.option("--cells", type=int, help="How many, each in every bath.")
@click.option("--noise-mV", "noise_mV", type=float, help="Standard error of one reversal potential.")
@click.option("--ln-ratio-sd", type=float, help="How much a ln ratio differs between cells.")
@click.option("--pipette", help="The pipette's solution, where no table of recordings says it.")
@click.option("--bath", "baths", multiple=True, help="With --pipette: a bath; none are all other solutions.")
@click.option("--group", help="Of results/permeabilities.csv, whose estimates stand where no ratio is given.")
@click.option("--simulations", type=click.IntRange(min=0), default=100, show_default=True, help="As a check.")
@_JSON
def plan(folder: Path, group: str | None, simulations: int, as_json: bool, **options: Any) -> None:
    """Say what the experiment of FOLDER would tell, before it is made: the expected interval of every ratio.

    Needed are config/config.yaml and the table of solutions. Baths and pipette are those of the table of recordings,
    where there is one, or of the section `plan`; expected ratios, cells and noise stand in that section too. Options
    win.
    """
    from nernstfit.commands import plan as stage  # noqa: PLC0415
    from nernstfit.commands import solutions as chemistry  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "ratios" in given:
        given["ratios"] = chemistry.amounts(given["ratios"], "--ratio", "a ratio above 0", least=1e-9)
    if "baths" in given:
        given["baths"] = list(given["baths"])
    with contextlib.chdir(folder):
        found = stage.plan(given, group, simulations)
    if as_json:
        click.echo(json.dumps(_known(found)))
        return
    click.echo(stage.statement(found["assumed"]))
    click.echo("\nExpected intervals; over cells alone; medians over simulated experiments, and in what part of them:")
    _show(found["ratios"], False, digits=4)
    click.echo("\nHow many times as long the interval would be without a bath:")
    _show([{key: "none" if value is None else value for key, value in row.items()} for row in found["baths"]], False)
    click.echo()
    for note in found["notes"]:
        click.echo(note)


def _show(rows: list[dict[str, Any]], as_json: bool, digits: int = 6) -> None:
    """Print rows as a table with a header, or as a list of JSON objects."""
    known: list[dict[str, Any]] = _known(rows)
    if as_json:
        click.echo(json.dumps(known, default=float))
        return
    if not known:
        return
    cells = [list(known[0]), *([_cell(value, digits) for value in row.values()] for row in known)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _known(value: Any) -> Any:
    """Return the same with nothing in place of a number that is none."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return None if value != value else value


def _cell(value: Any, digits: int = 6) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def check(folder: Path) -> None:
    """Check the configuration and tables of an experiment folder, and say what is remarkable about its solutions.

    Raises
    ------
    InputError
        With every fault, one line each.
    """
    from nernstfit.experiment import folder as experiments  # noqa: PLC0415
    from nernstfit.solutions import warnings  # noqa: PLC0415

    before = Path.cwd()
    os.chdir(folder)
    try:
        found = experiments.load(settings.read())
    finally:
        os.chdir(before)
    place, at = found.settings.solutions, found.settings.temperature_C
    remarks = warnings.solution_warnings(found.solutions, at, found.settings.activity.name)
    for name, sentences in remarks.items():
        for sentence in sentences:
            click.echo(f"{place}: solution '{name}': {sentence}", err=True)
